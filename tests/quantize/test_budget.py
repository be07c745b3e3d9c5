"""The accuracy budget: what mixes cost by arithmetic, and what is kept of models made fragile."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgecnn
from edgecnn.core.errors import InputError
from edgecnn.data.datasets import open_dataset, sample_indices
from edgecnn.model_metadata.writing import with_packed_files
from edgecnn.quantize.budget.mix_estimate import CostScale, Estimate
from edgecnn.quantize.budget.mix_paths import (
    cheapest_first,
    loudest_first,
    pareto_front,
    prefixes,
    smaller_mixes,
)
from edgecnn.quantize.budget.op_costs import MODEL_INPUT, OpCost, weights_by_result
from edgecnn.quantize.budget.search import drop_of, layers_in_float, unit_of
from edgecnn.quantize.budget.verdict import (
    BudgetOutcome,
    budget_warnings,
    check_max_drop,
    describe_budget,
)
from edgecnn.quantize.recovery.fidelity import ComparedOutput, OutputComparison
from edgecnn.quantize.result import Conversion
from edgecnn.tflite.output_kinds import OutputKind
from edgecnn.tflite.reading import read_model
from edgecnn.tflite.serialization import read_graph
from edgecnn.tflite.target_cpu import NumberCost, TargetCpu


def chain(*weights_noise: float, result_noise: float = 0.0, extra_bytes: int = 300) -> list[OpCost]:
    """Ops that follow each other, all of the same size."""
    last = len(weights_noise) - 1
    return [
        OpCost(
            name=f"op{place}",
            layer=f"layer{place}",
            is_layer=True,
            weights_noise=noise,
            result_noise=result_noise,
            extra_bytes=extra_bytes,
            macs=1000,
            elements=10,
            sources=(place - 1 if place else MODEL_INPUT,),
            readers=(place + 1,) if place < last else (),
        )
        for place, noise in enumerate(weights_noise)
    ]


CPU = TargetCpu("round numbers", NumberCost(2.0, 20.0), NumberCost(1.0, 10.0))
"""A CPU to which float32 is half as fast as int8."""
SCALE = CostScale(int8_bytes=1000, slowdown=2.0, cpu=CPU, takes_pixels=True)


def mix(*places: int) -> frozenset[int]:
    return frozenset(places)


def test_noise_adds_up_and_a_result_is_exact_between_float_ops_alone() -> None:
    estimate = Estimate(chain(1.0, 2.0, 4.0, result_noise=0.5), SCALE)
    assert estimate.noise(mix()) == pytest.approx(7.0 + 3 * 0.5)
    # Op 0's weights are exact; its result is still rounded for op 1.
    assert estimate.noise(mix(0)) == pytest.approx(6.0 + 3 * 0.5)
    assert estimate.noise(mix(0, 1)) == pytest.approx(4.0 + 2 * 0.5)
    # The answer is float anyway.
    assert estimate.noise(mix(2)) == pytest.approx(3.0 + 2 * 0.5)
    assert estimate.noise(mix(0, 1, 2)) == 0.0
    assert estimate.gain(mix(0), mix(1)) == pytest.approx(2.0 + 0.5)


def test_islands_cost_conversions_and_what_joins_them_takes_those_away() -> None:
    estimate = Estimate(chain(*[1.0] * 6), SCALE)
    own = 300 / 1000 + (2.0 - 1.0) / 6
    # 10 values become float32 (20 ns each) and 10 int8 (10 ns); an int8 op takes 1,100 ns.
    alone = (10 * 20 + 10 * 10) / (6 * 1100)
    assert estimate.cost(mix(2)) == pytest.approx(own + alone)
    assert estimate.cost(mix(2, 3)) == pytest.approx(2 * own + alone)
    assert estimate.cost(mix(2, 4)) == pytest.approx(2 * own + 2 * alone)
    assert estimate.price(mix(2, 4), mix(3)) == pytest.approx(own - alone)
    # Pixels are turned into floats as they are turned into integers.
    assert estimate.cost(mix(0)) == pytest.approx(own + alone / 2)


def test_paths_lead_from_little_cost_to_little_noise() -> None:
    ops = chain(1.0, 8.0, 1.0, 0.5, 0.1, result_noise=0.01)
    estimate = Estimate(ops, SCALE)
    for path in (cheapest_first(estimate), loudest_first(estimate), prefixes(estimate)):
        costs, noises = [estimate.cost(m) for m in path], [estimate.noise(m) for m in path]
        assert costs == sorted(costs)
        assert noises == sorted(noises, reverse=True)
    assert cheapest_first(estimate)[0] == mix(1)
    assert cheapest_first(estimate)[-1] == mix(0, 1, 2, 3, 4)


def test_a_large_layer_comes_late_by_its_cost_and_early_by_its_noise() -> None:
    small, large = chain(1.0, 2.0, 3.0, 4.0), chain(1.0, 2.0, 3.0, 4.0, extra_bytes=100_000)
    estimate = Estimate([*small[:3], large[3]], SCALE)
    assert [3 in places for places in cheapest_first(estimate)][-2:] == [False, True]
    # Alone it takes away more noise than any other, but not more than two others do for less.
    assert loudest_first(estimate)[0] == mix(3)


def test_ops_that_are_float_already_stay_so() -> None:
    estimate = Estimate(chain(1.0, 2.0, 3.0), SCALE, base=mix(0))
    assert all(0 in m for path in (cheapest_first, prefixes) for m in path(estimate))


def test_what_is_worth_least_is_taken_out_first() -> None:
    estimate = Estimate(chain(5.0, 0.01, 3.0, 1.0), SCALE)
    path = smaller_mixes(estimate, mix(0, 2, 3))
    assert path[-1] == mix(0, 2, 3)
    assert path[0] == mix(0)
    assert all(len(a) < len(b) for a, b in itertools.pairwise(path))


def test_mixes_that_others_beat_are_dropped() -> None:
    estimate = Estimate(chain(1.0, 2.0, 3.0), SCALE)
    assert pareto_front(estimate, [mix(1), mix(2)]) == [mix(2)]


@pytest.mark.parametrize(("outputs", "drop"), [(None, 50.0), ([0, 1, 0, 0], 25.0)])
def test_a_drop_is_of_top_1_with_labels_and_of_agreement_without(
    outputs: list[int] | None, drop: float
) -> None:
    wanted = np.array([[2.0, 1.0], [1.0, 2.0], [2.0, 1.0], [1.0, 2.0]])
    made = np.array([[1.0, 2.0], [1.0, 2.0], [2.0, 1.0], [1.0, 2.0]])
    if outputs is None:
        made[2] = [1.0, 2.0]
    classes = OutputComparison((ComparedOutput("scores", OutputKind.CLASSES),))
    found = classes.fidelity([made], [wanted], outputs)
    assert drop_of(found) == pytest.approx(drop)
    assert unit_of(found) == ("agreement" if outputs is None else "top-1")


@pytest.mark.parametrize("points", [math.nan, -0.1, 100.0, math.inf, -math.inf])
def test_budgets_that_make_no_sense(points: float) -> None:
    with pytest.raises(InputError, match="from 0 to below 100"):
        check_max_drop(points)


def budget(**changes: Any) -> BudgetOutcome:
    values = {
        "max_drop": 2.0, "measure": "top-1", "images": 100, "drop": 1.0, "int8_drop": 6.0,
        "uncertainty": 1.0, "layers_in_float": ("a", "b"), "layers": 9, "bytes": 2048,
        "int8_bytes": 1024, "float32_bytes": 5000, "bytes_over_int8": 2.0, "latency_over_int8": 1.5,
        "latency_over_int8_low": 1.5, "latency_over_int8_high": 1.5, "latency_over_float32": 0.5,
        "latency_over_float32_low": 0.5, "latency_over_float32_high": 0.5,
        "latency_source": "estimated for arm64", "tries": 4, **changes,
    }  # fmt: skip
    return BudgetOutcome(**values)


def test_the_budget_in_words() -> None:
    first, second = describe_budget(budget())
    assert first == "within 2 points: 2 of 9 layers stay in float32: a, b"
    for part in (
        "1.00 points of top-1 on 100 images",
        "6.00",
        "2.0 KiB",
        "2.00x",
        "1.50x",
        "0.50x float32's (estimated for arm64)",
    ):
        assert part in second
    sure = {"tries": 0, "layers_in_float": (), "uncertainty": 0.3}
    (line,) = describe_budget(budget(max_drop=1.0, **sure))
    assert line == "within 1 point as it is: loses 1.00 points of top-1 on 100 images"
    assert "gains 0.50 points" in describe_budget(budget(tries=0, drop=-0.5))[0]


def test_a_drop_within_noise_is_said_to_be_perhaps_chance() -> None:
    """A standard error of 1 point makes a 99 % interval of 2.58 points to each side."""
    for drop, may_be_chance in ((2.5, True), (-2.5, True), (2.6, False), (-2.6, False)):
        line = describe_budget(budget(tries=0, drop=drop))[0]
        assert ("which may be chance" in line) == may_be_chance
    # No drop needs no explanation, and each image that two files disagree on is a fact.
    assert "chance" not in describe_budget(budget(tries=0, drop=0.0))[0]
    assert "chance" not in describe_budget(budget(tries=0, measure="agreement"))[0]


def test_a_measured_ratio_is_given_as_far_as_it_is_known() -> None:
    ends = {"latency_over_float32_low": 0.47, "latency_over_float32_high": 0.534}
    line = describe_budget(budget(**ends, latency_source="measured on pi, one thread"))[1]
    assert "1.50x int8's time and 0.47x to 0.53x float32's (measured on pi, one thread)" in line


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"max_drop": 0.5}, "0.5 points is less than one of 100 images (1.00)"),
        ({"uncertainty": 2.5}, "100 images tell a drop to about 2.5 points"),
        ({}, "use --all-int8"),
        ({"float32_bytes": 4000}, "float16 is smaller, about 2 KiB"),
    ],
)
def test_what_a_user_should_know(changes: dict[str, Any], says: str) -> None:
    assert any(says in note for note in budget_warnings(budget(**changes)))


def test_nothing_to_say_of_a_budget_that_was_met() -> None:
    assert budget_warnings(None) == budget_warnings(budget(tries=0)) == []


@pytest.fixture(scope="module")
def mixed(fragile: Any, pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Conversion:
    (result,) = edgecnn.convert(
        fragile, preprocess="unit", calibrate=pictures, samples=20, recover="off", max_drop=5.0,
        task="classes", output=tmp_path_factory.mktemp("mixed"),
    )  # fmt: skip
    return result


def test_the_layer_that_loses_the_answers_stays_in_float32(mixed: Conversion) -> None:
    found = mixed.budget
    assert found is not None
    assert found["int8_drop"] > 5.0 >= found["drop"]
    assert "spoilt" in found["layers_in_float"]
    assert len(found["layers_in_float"]) <= 3
    assert (found["measure"], found["images"], found["layers"]) == ("agreement", 200, 7)
    assert found["latency_over_float32"] < 0.98
    assert found["latency_source"] == "estimated for arm64"
    assert len(with_packed_files(mixed.path.read_bytes(), {})) == found["bytes"]
    assert found["bytes_over_int8"] == pytest.approx(found["bytes"] / found["int8_bytes"])
    assert 0 < found["tries"] <= 20


def test_the_other_layers_are_int8(mixed: Conversion) -> None:
    found = {
        op.outputs[0].name: scheme for op, scheme in read_model(mixed.path).weighted_operators()
    }
    in_float = {name for name, scheme in found.items() if scheme == "float32"}
    assert set(found.values()) == {"int8", "float32"}
    assert layers_in_float(read_graph(mixed.path.read_bytes())) == in_float
    assert mixed.fidelity is not None and mixed.budget is not None
    assert in_float <= set(mixed.fidelity["layers_in_float"])
    # Pooling has no weights.
    assert len(in_float) == len(set(mixed.budget["layers_in_float"]) - {"pool"})
    assert any("spoilt" in name for name in in_float)


def test_the_drop_is_what_the_file_loses(
    mixed: Conversion, fragile: Any, pictures: Path, run_tflite: Callable[..., Any]
) -> None:
    images = np.load(pictures)["x"][sample_indices(open_dataset(str(pictures)), 220)[20:]]
    wanted = np.asarray(fragile(images / np.float32(255))).argmax(axis=1)
    found = run_tflite(mixed.path, images).argmax(axis=1)
    assert mixed.budget is not None
    assert mixed.budget["drop"] == pytest.approx(100 * (wanted != found).mean(), abs=1.01)


def test_a_file_within_the_budget_is_the_ordinary_one(
    small_file: Path, photos: Path, tmp_path: Path, small_results: dict[str, Conversion]
) -> None:
    (result,) = edgecnn.convert(
        small_file, preprocess="tf", calibrate=photos, samples=24, max_drop=99, output=tmp_path
    )
    assert result.budget is not None
    assert (result.budget["tries"], result.budget["layers_in_float"]) == (0, [])
    contents = [made.path.read_bytes() for made in (result, small_results["int8"])]
    # The packed golden sample names the budget.
    assert with_packed_files(contents[0], {}) == with_packed_files(contents[1], {})
    assert small_results["int8"].budget is None


def test_weights_of_an_int8_file_as_real_numbers(
    small_results: dict[str, Conversion], keras: Any, small_model: Any
) -> None:
    found = weights_by_result(read_graph(small_results["int8"].path.read_bytes()))
    dense = small_model.layers[-1].get_weights()[0].T
    step = np.abs(dense).max(axis=1, keepdims=True) / 127
    (made,) = [values for values in found.values() if values.shape == dense.shape]
    # Rounded together: a level up or down, and seldom more.
    assert np.abs(made - dense).max() < 3 * step.max()


def test_a_real_model(shared_data: Path, tmp_path: Path, run_tflite: Callable[..., Any]) -> None:
    (result,) = edgecnn.convert(
        shared_data / "models" / "mobilenet_v1_0.25_224.keras", preprocess="tf", max_drop=2.0,
        resize="crop",
        calibrate=shared_data / "imagenet_sample", recover="off", output=tmp_path,
    )  # fmt: skip
    found, proof = result.budget, result.fidelity
    assert found is not None and proof is not None
    assert (found["measure"], found["images"]) == ("top-1", 400)
    assert found["drop"] == pytest.approx(
        proof["after"]["float_top1_percent"] - proof["after"]["top1_percent"]
    )
    assert found["drop"] <= 2.0 < found["int8_drop"]
    # The layer whose weights make half of all noise, as edgecnn sensitivity says.
    assert "conv_dw_2" in found["layers_in_float"]
    assert found["bytes_over_int8"] < 1.5
    assert found["latency_over_float32"] < 1.0
