"""What the graphs of a file hold and cost together: loops, branches, and other signatures."""

from __future__ import annotations

from pathlib import Path

import pytest

import edgecnn
from edgecnn.tflite.cost import operator_rows, uncounted_ops, whole_cost
from edgecnn.tflite.loop_steps import loop_steps
from edgecnn.tflite.reading import read_model
from edgecnn.tflite.structure import Operator, Subgraph, TensorInfo


def test_a_loop_counts_as_often_as_it_runs(tflite_models: dict[str, Path]) -> None:
    """A GRU of 32 units over 8 steps of 8 numbers, and a dense layer."""
    gates, dense = 3 * 32 * (8 + 32), 32 * 10
    model = read_model(tflite_models["loop"])
    cost = whole_cost(model)
    assert (cost.macs, cost.open_loops, uncounted_ops(model)) == (8 * gates + dense, 0, ())
    # Biases of zeros are left out by the converter, and z = 1 - ... holds its one.
    assert cost.parameters == gates + dense + 1
    loop = next(row for row in operator_rows(model) if row.kind == "WHILE")
    assert (loop.parameters, loop.macs) == (gates + 1, 8 * gates)
    summary = edgecnn.summarize(tflite_models["loop"])
    assert (summary.parameters, summary.macs) == (cost.parameters, cost.macs)


def test_one_branch_runs_and_both_are_held(tflite_models: dict[str, Path]) -> None:
    model = read_model(tflite_models["branch"])
    row = next(row for row in operator_rows(model) if row.kind == "IF")
    assert row.macs == 64 * 32
    assert row.parameters >= 64 * 32


def test_other_signatures_are_held_and_not_run(tflite_models: dict[str, Path]) -> None:
    """Two signatures that multiply by 64 x 32 weights, the second of its own."""
    found = edgecnn.inspect(tflite_models["signatures"])
    assert (found.costs.parameters, found.costs.macs) == (2 * 64 * 32, 64 * 32)
    assert found.operators["FULLY_CONNECTED"] == {"float32": 2}
    summary = edgecnn.summarize(tflite_models["signatures"])
    assert (summary.parameters, summary.elsewhere_parameters) == (2 * 64 * 32, 64 * 32)


def number(index: int, value: int | None = None) -> TensorInfo:
    size = 0 if value is None else 4
    return TensorInfo(f"t{index}", (), "int32", (), (), size, index=index, number=value)


def counting(start: int | None, growth: int, end: int | None, op: str = "LESS") -> int | None:
    """Return the steps of a loop: for (i = start; i < end; i += growth)."""
    counter, bound, more = number(0), number(1, end), TensorInfo("more", (), "bool", (), (), 0)
    grown = number(3)
    condition = Subgraph("cond", (Operator(op, (counter, bound), (more,)),), (counter,), (more,))
    added = Operator("ADD", (counter, number(2, growth)), (grown,))
    body = Subgraph("body", (added,), (counter,), (grown,))
    loop = Operator("WHILE", (number(9, start),), (number(8),), called=(1, 2))
    return loop_steps(loop, {1: condition, 2: body})


@pytest.mark.parametrize(
    ("start", "growth", "end", "steps"),
    [(0, 1, 28, 28), (0, 3, 28, 10), (5, 1, 5, 0), (7, 1, 5, 0), (0, 0, 5, None), (0, -1, 5, None)],
)
def test_steps_of_a_counter(start: int, growth: int, end: int, steps: int | None) -> None:
    assert counting(start, growth, end) == steps


def test_steps_that_values_decide_are_not_known() -> None:
    assert counting(None, 1, 28) is None
    assert counting(0, 1, None) is None
    assert counting(0, 1, 28, "GREATER") is None
