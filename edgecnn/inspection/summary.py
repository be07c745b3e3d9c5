"""``edgecnn.summarize``: what each layer or op of a model holds and costs."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgecnn.core.child import ChildProcess, module_command
from edgecnn.core.files import exists, first_bytes, quoted
from edgecnn.importing.environment import CHILD_ENVIRONMENT
from edgecnn.importing.sources import find_source
from edgecnn.inspection.keras_layers import LayersListed, ListLayers
from edgecnn.models.build_options import BuildOptions
from edgecnn.tflite.cost import CostRow, operator_rows
from edgecnn.tflite.mapping import TFLITE_IDENTIFIER
from edgecnn.tflite.reading import read_model


@dataclass(frozen=True)
class ModelSummary:
    """A model, layer by layer.

    Args:
        model: What was asked for.
        format: ``"keras"`` or ``"tflite"``.
        rows: In the order of the work.
        file_bytes: Size of a ``.tflite`` file, structure included; None for others.
    """

    model: str
    format: str
    rows: tuple[CostRow, ...]
    file_bytes: int | None = None

    @property
    def parameters(self) -> int:
        """Sum over the rows."""
        return sum(row.parameters for row in self.rows)

    @property
    def macs(self) -> int:
        """Sum over the rows."""
        return sum(row.macs for row in self.rows)

    @property
    def bytes(self) -> int:
        """Sum over the rows."""
        return sum(row.bytes for row in self.rows)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, totals included."""
        totals = {"parameters": self.parameters, "macs": self.macs, "bytes": self.bytes}
        return {**dataclasses.asdict(self), **totals}


def summarize(
    source: str | Path,
    *,
    alpha: float = 1.0,
    size: int | tuple[int, int] | None = None,
    classes: int | None = None,
    build: BuildOptions | None = None,
    trust: bool = False,
) -> ModelSummary:
    """List a model's layers or ops with output shape, parameters, multiply-adds and bytes.

    Multiply-adds are those of convolutions and dense layers, as ``edgecnn models`` counts them.
    Batch normalisation is folded into the convolutions of a ``.tflite``, which therefore has fewer
    parameters than its Keras model.

    Args:
        source: A registered name, a ``.keras`` or ``.h5`` file, or a ``.tflite`` file.
        alpha: For a name: width multiplier.
        size: For a name, or a file that takes any size: input pixels.
        classes: For a name: number of classes.
        build: The options of a name as a whole, instead of one by one.
        trust: Let a Keras file run code of its own.

    Raises:
        InputError: No such name or file, a broken file, an option that does not fit.
        ChildCrashedError: Loading the model crashed.

    Example:
        >>> edgecnn.summarize("mobilenet_v2").macs
        300774272
    """
    options = BuildOptions.of(build, alpha=alpha, size=size, classes=classes)
    path = Path(source)
    if is_tflite(path):
        options.refuse_for_file(quoted(path), sized=False)
        rows = operator_rows(read_model(path))
        return ModelSummary(str(source), "tflite", rows, path.stat().st_size)
    return ModelSummary(str(source), "keras", _keras_rows(str(source), options, trust))


def is_tflite(path: Path) -> bool:
    """Say whether a path is to be read as a ``.tflite`` file, by its ending or its header."""
    if path.suffix == ".tflite":
        return True
    return exists(path) and path.is_file() and first_bytes(path)[4:8] == TFLITE_IDENTIFIER


def _keras_rows(source: str, options: BuildOptions, trust: bool) -> tuple[CostRow, ...]:
    found = find_source(source, trust=trust)
    if found.kind == "registered":
        options.check(found.name)
    else:
        options.refuse_for_file(quoted(found.name))
    with ChildProcess(
        module_command("edgecnn.inspection.keras_layers"),
        task=f"loading {quoted(source)}",
        environment=CHILD_ENVIRONMENT,
    ) as child:
        child.send(ListLayers(found, options.size, options.arguments()))
        return child.receive(LayersListed).rows
