"""``edgecnn.summarize``: what each layer or op of a model holds and costs."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgecnn.core.child import ChildProcess, module_command
from edgecnn.core.files import exists, first_bytes, quoted
from edgecnn.devices.file_calls import file_call
from edgecnn.importing.custom_objects import CustomObjects
from edgecnn.importing.environment import CHILD_ENVIRONMENT
from edgecnn.importing.in_memory import loaded_here
from edgecnn.importing.sources import find_source, format_of
from edgecnn.inspection.keras_layers import LayersListed, ListLayers, listed_layers
from edgecnn.models.build_options import BuildKeywords, BuildOptions
from edgecnn.tflite.calls import CallOptions
from edgecnn.tflite.cost import CostRow, operator_rows, total_macs, uncounted_ops, whole_cost
from edgecnn.tflite.file import TfliteFile
from edgecnn.tflite.mapping import TFLITE_IDENTIFIER
from edgecnn.tflite.ops import EDGE_TPU_OP

if TYPE_CHECKING:
    from typing_extensions import Unpack


@dataclass(frozen=True)
class ModelSummary:
    """A model, layer by layer.

    Args:
        model: The name or path that was asked for.
        format: ``"keras"`` or ``"tflite"``.
        rows: One row for each layer or op, in the order in which they run.
        file_bytes: Size of a ``.tflite`` file, structure included; None for a Keras model.
        uncounted_ops: Kinds of ops that multiply, or may, and whose multiply-adds are not counted.
        elsewhere_parameters: Weights and biases of graphs that a call does not run, as those of
            other signatures.
        elsewhere_bytes: Bytes of the weights of such graphs.
        open_loops: Number of loops whose number of steps is not known: one step of each counts.
    """

    model: str
    format: str
    rows: tuple[CostRow, ...]
    file_bytes: int | None = None
    uncounted_ops: tuple[str, ...] = ()
    elsewhere_parameters: int = 0
    elsewhere_bytes: int = 0
    open_loops: int = 0

    @property
    def is_hidden(self) -> bool:
        """Whether an op of the Edge TPU hides the layers."""
        return EDGE_TPU_OP in self.uncounted_ops

    @property
    def parameters(self) -> int | None:
        """Number of all weights and biases; None where the Edge TPU's op hides them."""
        if self.is_hidden:
            return None
        return sum(row.parameters for row in self.rows) + self.elsewhere_parameters

    @property
    def macs(self) -> int | None:
        """Multiply-adds of all rows; None where shapes are open or the Edge TPU's op hides them."""
        return None if self.is_hidden else total_macs(self.rows)

    @property
    def bytes(self) -> int:
        """Bytes of all weights."""
        return sum(row.bytes for row in self.rows) + self.elsewhere_bytes

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, totals included."""
        totals = {"parameters": self.parameters, "macs": self.macs, "bytes": self.bytes}
        return {**dataclasses.asdict(self), **totals}


def summarize(
    source: str | Path,
    *,
    build: BuildOptions | None = None,
    trust: bool = False,
    custom_objects: CustomObjects | None = None,
    **options: Unpack[BuildKeywords],
) -> ModelSummary:
    """List a model's layers or ops with output shape, parameters, multiply-adds and bytes.

    Multiply-adds are those of convolutions and dense layers, as ``edgecnn models`` counts them.
    Batch normalisation is folded into the convolutions of a ``.tflite``, which therefore has fewer
    parameters than its Keras model.

    Args:
        source: A registered name, a ``.keras`` or ``.h5`` file, or a ``.tflite`` file.
        build: How a name's architecture is built; its size is also for files that take any size.
        trust: Whether code in a Keras file may run.
        custom_objects: What a Keras file names and does not hold, as :func:`edgecnn.convert` takes
            it.
        options: Fields of ``build`` one by one, instead of it.

    Raises:
        InputError: No such name or file, a broken file, an option that does not fit.
        ChildCrashedError: Loading the model crashed.

    Example:
        >>> edgecnn.summarize("mobilenet_v2").macs
        300774272
    """
    build = BuildOptions.of(build, **options)
    path = Path(source)
    if is_tflite(path) and custom_objects is None:
        build.refuse_for_file(quoted(path))
        file = TfliteFile(path)
        sized = None if build.size is None else file_call(file, CallOptions(build.size))
        model = sized.model if sized else file.model
        rows, whole = operator_rows(model), whole_cost(model)
        return ModelSummary(
            str(source),
            "tflite",
            rows,
            file.bytes,
            uncounted_ops(model),
            elsewhere_parameters=whole.parameters - sum(row.parameters for row in rows),
            elsewhere_bytes=whole.bytes - sum(row.bytes for row in rows),
            open_loops=whole.open_loops,
        )
    return ModelSummary(
        str(source), "keras", _keras_rows(str(source), build, trust, custom_objects)
    )


def is_tflite(path: Path) -> bool:
    """Say whether a path is to be read as a ``.tflite`` file, by its ending or its header."""
    if path.suffix == ".tflite":
        return True
    return exists(path) and path.is_file() and first_bytes(path)[4:8] == TFLITE_IDENTIFIER


def _keras_rows(
    source: str, options: BuildOptions, trust: bool, custom_objects: CustomObjects | None
) -> tuple[CostRow, ...]:
    if isinstance(custom_objects, Mapping):
        found, loaded = loaded_here(source, custom_objects, options.size, trust=trust)
        format_of(found).check_options(found.name, options)
        return listed_layers(loaded, options.size, quoted(source))
    model = find_source(source, trust=trust, custom_objects=custom_objects)
    format_of(model).check_options(model.name, options)
    with ChildProcess(
        module_command("edgecnn.inspection.keras_layers"),
        task=f"loading {quoted(source)}",
        environment=CHILD_ENVIRONMENT,
    ) as child:
        child.send(ListLayers(model, options.size, options.arguments()))
        return child.receive(LayersListed).rows
