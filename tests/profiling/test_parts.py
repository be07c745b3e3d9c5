"""Ops that are cut out compute what they do in their network; what limits them is arithmetic."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgecnn.profiling.cutting import copies, cutter_of
from edgecnn.profiling.memory_reuse import with_idle_bytes
from edgecnn.profiling.profiled_ops import ProfiledOp, running_ops
from edgecnn.profiling.roofline import CopyRate, DeviceLimits, advice
from edgecnn.tflite.reading import read_model

from .nets import Net, lopsided

LIMITS = DeviceLimits(
    10.0, 40.0, (CopyRate(1 << 10, 1.0), CopyRate(1 << 20, 2.0), CopyRate(1 << 22, 8.0)), 0.001
)


def op(macs: int = 0, size: int = 0, precision: str = "float32", weights: int = 0) -> ProfiledOp:
    return ProfiledOp(0, "a", "CONV_2D", (1,), macs, size - weights, weights, 0, precision)


def outputs(content: bytes, image: np.ndarray) -> list[np.ndarray]:  # type: ignore[type-arg]
    from ai_edge_litert.interpreter import Interpreter

    model = Interpreter(model_content=content)
    model.allocate_tensors()
    (source,) = model.get_input_details()
    model.set_tensor(source["index"], image)
    model.invoke()
    return [model.get_tensor(detail["index"]) for detail in model.get_output_details()]


def test_each_copy_in_a_part_computes_what_the_op_does(tmp_path: Path) -> None:
    path = lopsided(tmp_path / "net.tflite")
    model = read_model(path)
    ops = with_idle_bytes(model, running_ops(model))
    cutter = cutter_of(path, ops, model)
    image = np.random.default_rng(1).normal(0, 1, (1, 16, 16, 24)).astype(np.float32)
    value = image
    for one in ops:
        found = outputs(cutter.alone(one), value)
        assert len(found) == copies(one)
        for other in found[1:]:
            np.testing.assert_array_equal(other, found[0])
        value = found[0]
    (whole,) = outputs(path.read_bytes(), image)
    np.testing.assert_array_equal(value, whole)


def test_ops_that_the_runtime_may_join_are_found(tmp_path: Path) -> None:
    net = Net((1, 40))
    sigmoid = net.add("LOGISTIC", net.inputs, (1, 40))
    swish = net.add("MUL", [net.inputs[0], sigmoid], (1, 40))
    other = net.add("LOGISTIC", [swish], (1, 40))
    model = read_model(net.write(tmp_path / "a.tflite", net.add("MUL", [swish, other], (1, 40))))
    ops = with_idle_bytes(model, running_ops(model))
    cutter = cutter_of(tmp_path / "a.tflite", ops, model)
    assert [cutter.partner(one) for one in ops] == [None, ops[0], None, ops[2]]
    image = np.linspace(-4, 4, 40, dtype=np.float32)[None]
    for found in outputs(cutter.joined(ops[1], ops[0]), image):
        np.testing.assert_allclose(found, image / (1 + np.exp(-image)), rtol=1e-5, atol=1e-6)


def test_a_product_that_is_no_swish_has_no_partner(tmp_path: Path) -> None:
    net = Net((1, 40), (1, 40))
    sigmoid = net.add("LOGISTIC", net.inputs[:1], (1, 40))
    product = net.add("MUL", [net.inputs[1], sigmoid], (1, 40))
    model = read_model(net.write(tmp_path / "a.tflite", product))
    ops = running_ops(model)
    assert [cutter_of(tmp_path / "a.tflite", ops, model).partner(one) for one in ops] == [
        None,
        None,
    ]


def test_memory_lies_idle_as_long_as_other_ops_are_at_work(tmp_path: Path) -> None:
    # 1 KiB each. Besides the input's there are two places: a, c and the result have one, b and d
    # the other.
    net = Net((1, 256))
    a = net.add("RELU", net.inputs, (1, 256))
    b = net.add("RELU6", [a], (1, 256))
    c = net.add("RELU", [b], (1, 256))
    d = net.add("RELU6", [c], (1, 256))
    model = read_model(net.write(tmp_path / "net.tflite", net.add("RELU", [d], (1, 256))))
    # The op before read what c, d and the result come to lie on, and in the inference before the
    # result was written where a is; but d was read there before a was written and b is.
    ops = with_idle_bytes(model, running_ops(model))
    assert [one.idle_bytes for one in ops] == [0, 2048, 0, 0, 0]


def test_weights_lie_idle_for_an_inference(tmp_path: Path) -> None:
    model = read_model(lopsided(tmp_path / "net.tflite"))
    small, large, _ = with_idle_bytes(model, running_ops(model))
    values = [16 * 16 * channels * 4 for channels in (24, 16, 48)]
    weights = [4 * (16 * 24 + 16), 4 * (48 * 25 * 16 + 48)]
    moved = values[0] + 2 * values[1] + 3 * values[2] + sum(weights)
    assert large.idle_bytes == moved
    assert copies(large) * large.weight_bytes >= moved
    assert small.idle_bytes < moved


@pytest.mark.parametrize(
    ("one", "time_ms", "bound"),
    [
        (op(10_000_000, 1 << 10), 2.0, "compute"),  # 1 ms at best
        (op(10_000_000, 1 << 10), 4.0, "kernel"),
        (op(10_000_000, 1 << 10, "int8"), 0.5, "compute"),  # 0.25 ms at best
        (op(10_000_000, 1 << 10, "int8"), 2.0, "kernel"),
        (op(1_000_000, 1 << 20), 1.0, "memory"),  # 0.1 and 0.524 ms at best
        (op(0, 16), 0.005, "overhead"),  # 0.000016 ms at best
    ],
)
def test_what_limits_an_op(one: ProfiledOp, time_ms: float, bound: str) -> None:
    assert LIMITS.bound(one, time_ms) == bound


def test_copies_between_two_sizes() -> None:
    assert LIMITS.gbytes_per_s(1) == 1.0
    assert LIMITS.gbytes_per_s(1 << 10) == 1.0
    assert LIMITS.gbytes_per_s(1 << 15) == pytest.approx(1 / 0.75)
    assert LIMITS.gbytes_per_s(1 << 20) == 2.0
    assert LIMITS.gbytes_per_s(1 << 21) == pytest.approx(1 / 0.3125)
    assert LIMITS.gbytes_per_s(1 << 30) == 8.0


@pytest.mark.parametrize(
    ("bound", "ops", "says"),
    [
        ("compute", [op(10_000_000)], "int8 convolutions do 4.0 times the MACs"),
        ("compute", [op(10_000_000, precision="int8")], "fewer channels"),
        ("memory", [op(10, 1000, weights=900)], "by its weights"),
        ("memory", [op(10, 1000, weights=100)], "smaller maps"),
        ("overhead", [op(), op()], "500 us an op"),
        ("kernel", [op(1_000_000)], "10 % of a dense convolution's rate"),
        ("kernel", [op()], "slower than a copy"),
    ],
)
def test_advice(bound: str, ops: list[ProfiledOp], says: str) -> None:
    assert says in advice(bound, ops, 1.0, LIMITS)
