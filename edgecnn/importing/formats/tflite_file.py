"""A float ``.tflite`` file of any maker, as PyTorch, JAX and ONNX models come in."""

from __future__ import annotations

from pathlib import Path

from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.data.inputspec import InputSpec
from edgecnn.data.preprocessing import Preprocessing
from edgecnn.importing.input_format import (
    InputFormat,
    LoadedModel,
    LoadOptions,
    NamedModel,
    Source,
)
from edgecnn.importing.keras_models import explained
from edgecnn.importing.stored_graph import StoredGraph, described
from edgecnn.model_metadata.described_file import DescribedFile
from edgecnn.model_metadata.input_tensors import input_spec
from edgecnn.models.build_options import BuildOptions
from edgecnn.tflite.mapping import TFLITE_IDENTIFIER
from edgecnn.tflite.numbers import FLOAT32
from edgecnn.tflite.ops import PROBABILITY_OPS
from edgecnn.tflite.reading import TfliteModel
from edgecnn.tflite.serialization import read_graph


class _TfliteFormat(InputFormat):
    """A ``.tflite`` file whose weights and activations are float32."""

    called = ".tflite"
    needs_tensorflow = False

    def recognizes(self, model: NamedModel) -> bool:
        return model.head[4:8] == TFLITE_IDENTIFIER

    def check(self, model: NamedModel, *, trust: bool) -> None:
        """Refuse what is quantised already, and graphs of several parts or of open shapes."""
        file = DescribedFile(model.path)
        _refuse_integers(file.model, file.label)
        _refuse_open_shapes(file.model, file.label)

    def load(self, source: Source, options: LoadOptions) -> LoadedModel:
        label = quoted(source.name)
        with explained(label):
            graph = read_graph(Path(source.name).read_bytes())
            maker = graph.maker(graph.output)
            return LoadedModel(
                float_graph=StoredGraph(graph),
                inputs=tuple(map(described, graph.inputs)),
                outputs=tuple(map(described, graph.outputs)),
                ends_in_softmax=maker is not None and maker.kind in PROBABILITY_OPS,
                has_signatures=bool(graph.calls),
            )

    def input_spec(self, name: str, options: BuildOptions) -> InputSpec | None:
        file = DescribedFile(name)
        try:
            return input_spec(file.model, Preprocessing(), file.label)
        except InputError:
            return None


def _refuse_integers(model: TfliteModel, label: str) -> None:
    """Raise InputError for a file that is quantised already."""
    ends = {tensor.dtype for tensor in (*model.inputs, *model.outputs)}
    if model.scheme != FLOAT32.name or ends != {FLOAT32.name}:
        raise InputError(
            f"{label} is quantised already ({model.scheme}), and what it lost cannot be undone: "
            "give the float32 file or model that it was made of"
        )


def _refuse_open_shapes(model: TfliteModel, label: str) -> None:
    """Raise InputError for a graph that is not one list of ops with known shapes, for one image."""
    if model.subgraphs != 1:
        raise InputError(
            f"{label} has {model.subgraphs} graphs, which loops and several signatures make: only "
            "files with one graph can be converted"
        )
    if any(tensor.is_open for tensor in model.inputs):
        raise InputError(
            f"{label} leaves the size of its images open: convert the model that it was made of "
            "with one size"
        )
    if any(tensor.shape[:1] != (1,) for tensor in model.inputs):
        raise InputError(f"{label} takes several images at once: export it with a batch of 1")


input_format = _TfliteFormat()
