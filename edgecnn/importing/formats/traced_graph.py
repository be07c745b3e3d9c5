"""A graph that was traced where its model lives: what a model in memory is handed over as.

The objects of a model cannot leave the process that they are in: layers of the user's own, a
subclassed model, functions. So :func:`hand_over` is called there, and the child reads what
it wrote into a folder of its own: the frozen graph, and what is known of the model.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.core.lazy import LazyModule
from edgecnn.core.messages import build
from edgecnn.data.inputspec import InputSpec
from edgecnn.importing.input_format import (
    InputFormat,
    LoadedModel,
    LoadOptions,
    ModelTensor,
    NamedModel,
    Source,
    output_stem,
)
from edgecnn.importing.layer_names import TracedLayer
from edgecnn.importing.tracing import ModelCall, traced_graph
from edgecnn.models.build_options import BuildOptions

tf = LazyModule("tensorflow", extra="convert")

TRACED = "traced"
"""Name of the format in ``sources.IN_MEMORY``."""
GRAPH, FACTS = "graph.pb", "model.json"
KERAS_ENDINGS = (".keras", ".h5", ".hdf5")
MAX_GRAPH_BYTES = (2 << 30) - 1
"""Bytes of a ``GraphDef``, whose format holds no more."""


@dataclass(frozen=True)
class _Facts:
    """What is known of a traced model beside its graph: the fields of ``LoadedModel``."""

    input_tensors: tuple[str, ...]
    output_tensors: tuple[str, ...]
    inputs: tuple[ModelTensor, ...]
    outputs: tuple[ModelTensor, ...]
    notes: tuple[str, ...]
    layers: dict[str, TracedLayer]
    spec: dict[str, Any] | None


def hand_over(graph: Any, model: LoadedModel, name: str, folder: Path) -> Source:
    """Write a traced model into a folder, and return the source that a child loads.

    Args:
        graph: Its TensorFlow graph, without variables.
        model: What is known of the model.
        name: What the model is called in messages and results.
        folder: Where to write; the folder is there.

    Raises:
        InputError: The graph is larger than a ``.tflite`` file can be.
    """
    graph_def = graph.as_graph_def()
    for node in graph_def.node:
        node.device = ""  # Another process may have other devices.
    if graph_def.ByteSize() > MAX_GRAPH_BYTES:
        raise InputError(f"{quoted(name)} has more weights than a .tflite file can hold: 2 GiB")
    facts = _Facts(
        input_tensors=tuple(tensor.name for tensor in graph.inputs),
        output_tensors=tuple(tensor.name for tensor in graph.outputs),
        inputs=model.inputs,
        outputs=model.outputs,
        notes=model.notes,
        layers=dict(model.layers),
        spec=None if model.spec is None else model.spec.to_dict(),
    )
    (folder / GRAPH).write_bytes(graph_def.SerializeToString())
    (folder / FACTS).write_text(json.dumps(asdict(facts)), encoding="utf-8")
    return Source(TRACED, name, location=str(folder))


class _TracedGraphFormat(InputFormat):
    """The folder that :func:`hand_over` writes; no user names one."""

    called = "a model in memory"

    def recognizes(self, model: NamedModel) -> bool:
        return False

    def load(self, source: Source, options: LoadOptions) -> LoadedModel:
        folder = Path(source.path)
        values = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        facts = build(_Facts, values, "the traced model")
        graph_def = tf.compat.v1.GraphDef.FromString((folder / GRAPH).read_bytes())
        call = _imported(graph_def, facts.input_tensors, facts.output_tensors)
        return LoadedModel(
            float_graph=traced_graph(call, facts.inputs),
            inputs=facts.inputs,
            outputs=facts.outputs,
            notes=facts.notes,
            layers=facts.layers,
            spec=None if facts.spec is None else InputSpec.from_dict(facts.spec),
        )

    def stem(self, name: str, options: BuildOptions) -> str:
        # A model's own name may have dots that begin no ending: "net_0.5".
        return output_stem(Path(name if Path(name).suffix in KERAS_ENDINGS else f"{name}.keras"))

    def check_options(self, name: str, options: BuildOptions) -> None:
        options.refuse_for_file(quoted(name))


def _imported(
    graph_def: Any, input_tensors: tuple[str, ...], output_tensors: tuple[str, ...]
) -> ModelCall:
    """Return a function that puts the nodes of a graph into the one that is traced."""
    given = {name.partition(":")[0] for name in input_tensors}
    needed = {each.partition(":")[0] for node in graph_def.node for each in node.input}
    placeholders = [node for node in graph_def.node if node.name in given]
    for node in placeholders:
        graph_def.node.remove(node)

    def call(*tensors: Any) -> list[Any]:
        named: Mapping[str, Any] = dict(zip(input_tensors, tensors, strict=True))
        used = {name: each for name, each in named.items() if name.partition(":")[0] in needed}
        wanted = [name for name in output_tensors if name not in named]
        found = dict(
            zip(
                wanted,
                tf.graph_util.import_graph_def(graph_def, used, return_elements=wanted, name=""),
                strict=True,
            )
        )
        return [named[name] if name in named else found[name] for name in output_tensors]

    return call


input_format = _TracedGraphFormat()
