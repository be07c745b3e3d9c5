"""How many steps a loop of a file takes, where the file says it: a counter up to a bound."""

from __future__ import annotations

from collections.abc import Mapping

from edgecnn.tflite.structure import Operator, Subgraph, TensorInfo


def loop_steps(loop: Operator, graphs: Mapping[int, Subgraph]) -> int | None:
    """Return the number of steps of a loop, as those over the steps of a sequence have it.

    The loop goes on while one counter, or each of several, is less than a bound; each starts at a
    constant, and grows by a constant in each step. An early end by values is not counted by them.

    Args:
        loop: A WHILE.
        graphs: Number of a subgraph -> the subgraph.

    Returns:
        The number; None where it does not follow from constants alone.

    Example:
        >>> loop_steps(loop, model.others)  # an LSTM over a sequence of 28
        28
    """
    if len(loop.called) != 2 or any(number not in graphs for number in loop.called):
        return None
    condition, body = (graphs[number] for number in loop.called)
    ends = [_LoopEnd(loop, condition, body).steps(tensor) for tensor in condition.outputs]
    return ends[0] if len(ends) == 1 else None


class _LoopEnd:
    """The condition of a loop, beside what the loop starts with and what its body makes of it."""

    def __init__(self, loop: Operator, condition: Subgraph, body: Subgraph) -> None:
        self._loop, self._condition, self._body = loop, condition, body

    def steps(self, tensor: TensorInfo | None) -> int | None:
        """Return the number of steps for which a value of the condition is true."""
        maker = _maker(self._condition, tensor)
        if maker is None or len(maker.inputs) != 2:
            return None
        if maker.name == "LOGICAL_AND":
            both = [self._of_comparison(_maker(self._condition, each)) for each in maker.inputs]
            known = [steps for steps in both if steps is not None]
            return min(known) if len(known) == 2 else None
        return self._of_comparison(maker)

    def _of_comparison(self, op: Operator | None) -> int | None:
        if op is None or op.name != "LESS" or len(op.inputs) != 2:
            return None
        counter, bound = op.inputs
        start, growth, end = self._start(counter), self._growth(counter), self._fixed(bound)
        if start is None or growth is None or end is None or growth <= 0:
            return None
        return max(0, -((start - end) // growth))

    def _place(self, tensor: TensorInfo | None) -> int | None:
        """Return the place of the condition's input that a tensor is."""
        inputs = [None if each is None else each.index for each in self._condition.inputs]
        return inputs.index(tensor.index) if tensor and tensor.index in inputs else None

    def _start(self, tensor: TensorInfo | None) -> int | None:
        place = self._place(tensor)
        first = None if place is None else self._loop.input(place)
        return None if first is None else first.number

    def _fixed(self, tensor: TensorInfo | None) -> int | None:
        """Return the value of a constant, or of a number that the body hands on as it is."""
        if tensor is not None and tensor.number is not None:
            return tensor.number
        place = self._place(tensor)
        if place is None or place >= min(len(self._body.inputs), len(self._body.outputs)):
            return None
        given, made = self._body.inputs[place], self._body.outputs[place]
        is_same = given is not None and made is not None and given.index == made.index
        return self._start(tensor) if is_same else None

    def _growth(self, tensor: TensorInfo | None) -> int | None:
        """Return by how much the body makes a number greater."""
        place = self._place(tensor)
        if place is None or place >= min(len(self._body.inputs), len(self._body.outputs)):
            return None
        given, op = self._body.inputs[place], _maker(self._body, self._body.outputs[place])
        if given is None or op is None or op.name != "ADD":
            return None
        others = [each for each in op.inputs if each is not None and each.index != given.index]
        return others[0].number if len(others) == 1 and len(op.inputs) == 2 else None


def _maker(graph: Subgraph, tensor: TensorInfo | None) -> Operator | None:
    return None if tensor is None else graph.makers.get(tensor.index)
