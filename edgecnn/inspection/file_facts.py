"""Facts of a file that the rules of clients and the notes are about, and their texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from edgecnn.inspection.runtimes import OldestRuntime, oldest_runtime
from edgecnn.model_metadata.public_metadata import ModelMetadata, TensorMetadata
from edgecnn.tflite.ops import EDGE_TPU_OP
from edgecnn.tflite.output_kinds import (
    INDEX_TYPES,
    SCORE_KINDS,
    JudgedOutput,
    OutputKind,
    outputs_of_file,
)
from edgecnn.tflite.outputs import row_length
from edgecnn.tflite.reading import TfliteModel
from edgecnn.tflite.structure import TensorInfo

SHAPE_OPS = frozenset(
    {"SHAPE", "PACK", "STRIDED_SLICE", "FILL", "RANK", "BROADCAST_ARGS", "BROADCAST_TO"}
)
"""Ops that work sizes out at run time; with a fixed batch none is left in an image classifier."""


DATA_OPS = ("PACK", "STRIDED_SLICE")
"""Those of them that are about sizes only where their numbers are whole."""


@dataclass(frozen=True)
class FileFacts:
    """Facts of a file for the rules: structure, public metadata, and the number of labels."""

    model: TfliteModel
    metadata: ModelMetadata | None
    labels: int | None

    @cached_property
    def oldest(self) -> OldestRuntime:
        """The oldest runtime that takes the file."""
        return oldest_runtime(self.model)

    @property
    def input(self) -> TensorInfo:
        """The first input."""
        return self.model.inputs[0]

    @property
    def input_metadata(self) -> TensorMetadata:
        """Metadata of the first input, empty where there is none."""
        inputs = self.metadata.inputs if self.metadata else ()
        return inputs[0] if inputs else TensorMetadata()

    @cached_property
    def outputs(self) -> tuple[JudgedOutput, ...]:
        """What each output is."""
        return outputs_of_file(self.model, self.labels)

    @cached_property
    def kind(self) -> OutputKind:
        """What the first output is."""
        return self.outputs[0].kind if self.outputs else OutputKind.UNKNOWN

    @cached_property
    def classes(self) -> int | None:
        """Number of classes; None where the first output is no row of scores of names."""
        return row_length(self.model) if self.kind in SCORE_KINDS else None

    @cached_property
    def custom_ops(self) -> list[str]:
        """Custom ops that may run; the Edge TPU's is none of them."""
        run = {op.name for op in self.model.operators}
        everything = self.model.subgraphs > 1
        codes = (code for code in self.model.operator_codes if code.is_custom)
        names = [code.name for code in codes if everything or code.name in run]
        return [name for name in names if name != EDGE_TPU_OP]

    @cached_property
    def shape_ops(self) -> Counter[str]:
        """Ops that work sizes out at run time, and how often each of them occurs."""
        ops = (op for op in self.model.operators if op.name in SHAPE_OPS)
        # Slices and packs of floats are computing, such as the last step of a sequence.
        return Counter(op.name for op in ops if op.name not in DATA_OPS or op.dtype in INDEX_TYPES)

    @cached_property
    def unmade_reads(self) -> int:
        """Number of ops that read what no op before them makes."""
        available = {tensor.index for tensor in self.model.inputs}
        count = 0
        for op in self.model.operators:
            read = (t for t in op.inputs if t is not None and not _has_values(t))
            count += any(tensor.index not in available for tensor in read)
            available.update(tensor.index for tensor in op.outputs)
        return count


def _has_values(tensor: TensorInfo) -> bool:
    """Say whether a tensor has values although no op makes them: constants, and states."""
    is_state = tensor.is_variable or tensor.dtype == "resource"
    return tensor.is_constant or is_state or not tensor.elements


def shape_text(shape: Sequence[int]) -> str:
    """Return a shape as text; an open side is a question mark."""
    return " x ".join("?" if side < 0 else str(side) for side in shape) or "a single number"


def few_names(names: Sequence[str]) -> str:
    """Return names from a file as text: at most three, without control characters."""
    shown = list(names[:3])
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(name[:60] for name in shown) + more
