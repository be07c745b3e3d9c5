"""What each op of a ``.tflite`` file holds and costs: parameters, multiply-adds, bytes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from edgecnn.tflite.loop_steps import loop_steps
from edgecnn.tflite.names import scope_of
from edgecnn.tflite.reading import TfliteModel
from edgecnn.tflite.structure import Operator, Subgraph, TensorInfo, widened_constants

UNCOUNTED_OPS = frozenset({"BATCH_MATMUL", "LSTM", "STABLEHLO_COMPOSITE", "STABLEHLO_WHILE"})
"""Ops that multiply and whose multiply-adds are not counted."""

MOST_NESTED = 16
"""How deep loops and branches may lie in each other; beyond it a file is garbage."""


@dataclass(frozen=True)
class CostRow:
    """What one layer or op holds and costs.

    Args:
        name: Name of the layer, or of the op's result.
        kind: Keras class or TFLite op.
        output_shape: Shape of the result with the batch first; None where a size is open.
        parameters: Number of weights and biases; shared ones count for the first op alone.
        macs: Multiply-adds of one image; None where a size that counts is open.
        bytes: Bytes of the weights: in float32 for a Keras model, as stored for a ``.tflite``.
    """

    name: str
    kind: str
    output_shape: tuple[int | None, ...]
    parameters: int
    macs: int | None
    bytes: int


@dataclass(frozen=True)
class GraphCost:
    """What the ops of one graph hold and cost, and what the graphs that they run do.

    Args:
        parameters: Number of weights and biases that no other graph before holds.
        macs: Multiply-adds of one call; None where a size that counts is open.
        bytes: Bytes of constants that no other graph before holds.
        open_loops: Number of loops whose number of steps is not known: one step of each counts.
    """

    parameters: int = 0
    macs: int | None = 0
    bytes: int = 0
    open_loops: int = 0

    def __add__(self, other: GraphCost) -> GraphCost:
        known = self.macs is not None and other.macs is not None
        return GraphCost(
            self.parameters + other.parameters,
            (self.macs or 0) + (other.macs or 0) if known else None,
            self.bytes + other.bytes,
            self.open_loops + other.open_loops,
        )


def operator_rows(model: TfliteModel) -> tuple[CostRow, ...]:
    """List the ops of a file with what they hold and cost.

    Constants that are widened when the file is loaded belong to the op that uses them. A loop or a
    branch has the costs of the graphs that it runs, the body of a loop as often as it is run.

    Args:
        model: The file's structure.

    Example:
        >>> total_macs(operator_rows(read_model("mobilenet_v2.tflite")))
        300774272
    """
    return tuple(row for row, _ in _Costs(model).rows(model.operators))


def whole_cost(model: TfliteModel) -> GraphCost:
    """Return the cost of a call, and what all graphs of a file hold.

    Graphs that the call does not run, such as those of other signatures, count with what they hold.

    Args:
        model: The file's structure.

    Example:
        >>> whole_cost(read_model("lstm.tflite")).parameters
        24448
    """
    costs = _Costs(model)
    total = sum((cost for _, cost in costs.rows(model.operators)), GraphCost())
    for number, other in model.others.items():
        if not costs.has_counted(number):
            held = costs.graph(number, other)
            total += GraphCost(held.parameters, 0, held.bytes)
    return total


class _Costs:
    """Costs of a file's graphs; each constant counts once, though several graphs may share it."""

    def __init__(self, model: TfliteModel) -> None:
        self._model = model
        self._graph_of: dict[int, int] = {}
        self._seen: set[tuple[int, int]] = set()
        self._known: dict[int, GraphCost] = {}
        self._within: list[int] = [model.subgraph]

    def has_counted(self, number: int) -> bool:
        """Whether a graph was counted, as an op runs it."""
        return number in self._known

    def graph(self, number: int, graph: Subgraph) -> GraphCost:
        """Return the cost of a graph, whose constants count the first time alone."""
        if number in self._known:
            return GraphCost(macs=self._known[number].macs)
        self._within.append(number)
        cost = sum((cost for _, cost in self.rows(graph.operators)), GraphCost())
        self._within.pop()
        self._known[number] = cost
        return cost

    def rows(self, operators: Sequence[Operator]) -> Iterator[tuple[CostRow, GraphCost]]:
        """Yield the row and the cost of each op that runs in every call."""
        widened = widened_constants(operators)
        for op in operators:
            name = op.outputs[0].name if op.outputs else op.name
            if name in widened:
                continue
            cost = self._held(op, widened) + self._called(op)
            yield (
                CostRow(
                    name=scope_of(name),
                    kind=op.name,
                    output_shape=_shown_shape(op.outputs[0], self._model) if op.outputs else (),
                    parameters=cost.parameters,
                    macs=cost.macs,
                    bytes=cost.bytes,
                ),
                cost,
            )

    def _held(self, op: Operator, widened: Mapping[str, TensorInfo]) -> GraphCost:
        """Return what an op itself holds and multiplies."""
        inputs = (widened.get(tensor.name, tensor) for tensor in op.inputs if tensor)
        stored = [tensor for tensor in inputs if tensor.is_constant]
        # Tensors of equal values share their bytes, as do the zeros that loops begin with.
        buffers = {t.buffer: t.constant_bytes for t in stored if t.buffer not in self._graph_of}
        constants = [tensor for tensor in stored if self._is_new(tensor)]
        is_known = not op.matrices or all(map(self._model.knows_shape, op.outputs))
        return GraphCost(
            sum(tensor.elements for tensor in constants if _is_parameter(tensor, op)),
            multiply_adds(op) if is_known else None,
            sum(buffers.values()),
        )

    def _is_new(self, tensor: TensorInfo) -> bool:
        """Whether a constant is met for the first time, in this graph or in one that shares it."""
        graph = self._within[-1]
        if self._graph_of.setdefault(tensor.buffer, graph) != graph:
            return False
        is_new = (graph, tensor.index) not in self._seen
        self._seen.add((graph, tensor.index))
        return is_new

    def _called(self, op: Operator) -> GraphCost:
        """Return what the graphs that an op runs hold and cost."""
        others = self._model.others
        graphs = [(n, others[n]) for n in op.called if n in others and n not in self._within]
        if not graphs or len(self._within) > MOST_NESTED:
            return GraphCost()
        costs = [self.graph(*each) for each in graphs]
        held = sum((GraphCost(each.parameters, 0, each.bytes) for each in costs), GraphCost())
        open_loops = sum(each.open_loops for each in costs)
        work: int | None = 0
        if op.name == "IF":
            work = _greatest([each.macs for each in costs])
        elif op.name != "CALL_ONCE":
            step = sum((GraphCost(macs=each.macs) for each in costs), GraphCost()).macs
            steps = loop_steps(op, others) if op.name == "WHILE" else 1
            open_loops += steps is None and step != 0
            work = None if step is None else step * (1 if steps is None else steps)
        return held + GraphCost(macs=work, open_loops=open_loops)


def _greatest(macs: Sequence[int | None]) -> int | None:
    known = [each for each in macs if each is not None]
    return max(known) if len(known) == len(macs) else None


def _shown_shape(tensor: TensorInfo, model: TfliteModel) -> tuple[int | None, ...]:
    if model.knows_shape(tensor):
        return tensor.shape
    return tuple(None if n in tensor.open_sides else size for n, size in enumerate(tensor.shape))


def total_macs(rows: Iterable[CostRow]) -> int | None:
    """Return the multiply-adds of all rows; None where those of one are not known."""
    total = 0
    for row in rows:
        if row.macs is None:
            return None
        total += row.macs
    return total


def uncounted_ops(model: TfliteModel) -> tuple[str, ...]:
    """List the kinds of ops that multiply, or may, and whose multiply-adds are not counted.

    Example:
        >>> uncounted_ops(read_model("attention.tflite"))
        ('BATCH_MATMUL',)
    """
    custom = {code.name for code in model.operator_codes if code.is_custom}
    within = (op.name for other in model.others.values() for op in other.operators)
    names = dict.fromkeys([*model.op_counts, *within])
    return tuple(name for name in names if name in custom | UNCOUNTED_OPS)


def _is_parameter(tensor: TensorInfo, op: Operator) -> bool:
    """Tell weights from shapes, axes and paddings, which are integers of ops without weights."""
    if op.called:
        return False  # What a loop starts with is no weight.
    return bool(op.traits.matrix_places) or not tensor.dtype.startswith(("int32", "int64"))


def multiply_adds(op: Operator) -> int:
    """Return the multiply-adds of an op for one image; 0 for ops without weights."""
    if not op.matrices or not op.outputs:
        return 0
    is_by_input = op.traits.is_transposed or op.traits.gate_places
    positions = (op.data if is_by_input else None) or op.outputs[0]
    # The last dimension is the channels that the weights make (or take) at each position.
    elements = sum(math.prod(weights.shape) for weights in op.matrices)
    return math.prod(positions.shape[:-1]) * elements
