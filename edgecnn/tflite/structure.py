"""What a ``.tflite`` file is made of, as plain values: tensors, ops, signatures, graphs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from edgecnn.tflite.numbers import STRINGS
from edgecnn.tflite.ops import OpTraits, op_traits


@dataclass(frozen=True)
class TensorInfo:
    """One tensor of a file.

    Args:
        name: The tensor's name.
        shape: The tensor's shape; empty for a scalar.
        dtype: Element type as the schema calls it, in lower case.
        scale: Scales of integers: one, or one for each channel; empty for floats.
        zero_point: The integers that stand for 0, as many as scales.
        constant_bytes: Bytes of the values that the file holds; 0 for an op's result.
        shape_signature: The shape with -1 where the size is open; empty where none is.
        index: The tensor's place among the tensors of the file.
        is_variable: Whether the tensor keeps its values from call to call, as an LSTM's state.
        has_rank: Whether the file says that the number of sides is known, as newer converters do.
        buffer: Number of the file's buffer that holds the values; tensors may share it.
        number: The value of a constant that is one whole number; None for other tensors.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: tuple[float, ...]
    zero_point: tuple[int, ...]
    constant_bytes: int
    shape_signature: tuple[int, ...] = ()
    index: int = field(default=-1, compare=False)
    is_variable: bool = False
    has_rank: bool = False
    buffer: int = field(default=0, compare=False)
    number: int | None = None

    @property
    def states_shape(self) -> bool:
        """Whether the file says the tensor's shape; a result without one may have any shape."""
        return bool(self.shape) or self.has_rank or self.is_constant

    @property
    def is_constant(self) -> bool:
        """Whether the tensor's values are stored in the file."""
        return self.constant_bytes > 0

    @property
    def elements(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    @property
    def open_sides(self) -> tuple[int, ...]:
        """The places in the shape whose size the file leaves open, the batch's included."""
        stated = self.shape_signature or self.shape
        return tuple(place for place, size in enumerate(stated) if size < 0 or not size)

    @property
    def has_open_batch(self) -> bool:
        """Whether the batch alone is open; a tensor of one side has one only where it is text."""
        return self.open_sides == (0,) and (len(self.shape) > 1 or self.dtype == STRINGS)

    @property
    def is_open(self) -> bool:
        """Whether sides other than the batch are open, so that the file's shape means nothing."""
        return bool(self.open_sides) and not self.has_open_batch


@dataclass(frozen=True)
class Operator:
    """One op with its tensors; an input that is left out is None.

    Args:
        name: Kind of the op.
        inputs: What the op reads.
        outputs: What the op makes.
        called: Numbers of the subgraphs that the op runs: condition and body of a loop, the two
            graphs of a branch.
    """

    name: str
    inputs: tuple[TensorInfo | None, ...]
    outputs: tuple[TensorInfo, ...]
    called: tuple[int, ...] = ()

    @property
    def dtype(self) -> str:
        """Element type of the first output; ``"none"`` without one, as ops that set a variable."""
        return self.outputs[0].dtype if self.outputs else "none"

    @property
    def traits(self) -> OpTraits:
        """What is known of the op's kind."""
        return op_traits(self.name)

    @property
    def weights(self) -> TensorInfo | None:
        """The op's weight tensor; None for a kind of op without weights."""
        return self.input(1) if self.traits.has_weights else None

    @property
    def matrices(self) -> tuple[TensorInfo, ...]:
        """The weights that the op multiplies with: of a recurrent op one for each gate, or more."""
        found = (self.input(place) for place in self.traits.matrix_places)
        return tuple(tensor for tensor in found if tensor is not None)

    @property
    def data(self) -> TensorInfo | None:
        """What the op computes with its weights; None where it is left out."""
        return self.input(2 if self.traits.is_transposed else 0)

    def input(self, place: int) -> TensorInfo | None:
        """Return an input; None where it is left out."""
        return self.inputs[place] if place < len(self.inputs) else None


@dataclass(frozen=True)
class OperatorCode:
    """A kind of op that a file uses, with the version by which a runtime looks its kernel up."""

    name: str
    version: int
    is_custom: bool = False


@dataclass(frozen=True)
class Signature:
    """A named way to call a model.

    Args:
        name: Name of the signature.
        inputs: Names of its inputs, in the signature's order, which need not be the tensors'.
        outputs: Names of its outputs.
        subgraph: Number of the subgraph that it runs.
        tensors: Index of the tensor of each input, within that subgraph.
        output_tensors: Index of the tensor of each output, as ``tensors``.
    """

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    subgraph: int = 0
    tensors: tuple[int, ...] = ()
    output_tensors: tuple[int, ...] = ()


@dataclass(frozen=True)
class Subgraph:
    """One graph of a file beside the one that is read first: a loop's body, another signature's.

    Args:
        name: Name of the graph.
        operators: Its ops, in the order in which they run.
        inputs: Its inputs.
        outputs: Its outputs.
    """

    name: str
    operators: tuple[Operator, ...]
    inputs: tuple[TensorInfo | None, ...]
    outputs: tuple[TensorInfo | None, ...]

    @cached_property
    def makers(self) -> dict[int, Operator]:
        """Index of a tensor -> the op that makes it."""
        return {result.index: op for op in self.operators for result in op.outputs}


def has_image_shape(shape: Sequence[int]) -> bool:
    """Return whether a tensor can be an image: four sides, of which the last is grey or RGB.

    Args:
        shape: Shape with the batch; sides may be open.

    Example:
        >>> has_image_shape((1, 224, 224, 3))
        True
    """
    return len(shape) == 4 and shape[3] in (1, 3)


def widened_constants(operators: Iterable[Operator]) -> dict[str, TensorInfo]:
    """Return the tensors that are made of constants at load, and the constants that are stored.

    DEQUANTIZE widens float16, DENSIFY fills in the zeros of sparse weights, and one may read what
    the other made.

    Args:
        operators: The ops of a graph.

    Returns:
        Name of a tensor -> the constant.
    """
    made: dict[str, TensorInfo] = {}
    for op in operators:
        source = op.input(0)
        if not op.traits.unpacks_constants or source is None or not op.outputs:
            continue
        if source.is_constant or source.name in made:
            made[op.outputs[0].name] = made.get(source.name, source)
    return made
