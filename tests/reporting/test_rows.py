"""Names, architectures, what a scheme costs, and where names are drawn."""

from __future__ import annotations

import pytest

from edgecnn.comparison.intervals import paired_points_interval, points_interval
from edgecnn.reporting.charts.calls import MOST_CALLS, calls
from edgecnn.reporting.charts.labels import place_names
from edgecnn.reporting.charts.spread import spreads
from edgecnn.reporting.networks import network_of
from edgecnn.reporting.rows import make_rows
from edgecnn.reporting.scheme_costs import base_name, scheme_costs

from .conftest import MakeResult


@pytest.mark.parametrize(
    ("source", "model", "name", "year"),
    [
        ("mobilenet_v2", "x.tflite", "mobilenet_v2", 2018),
        ("MobileNetV2-digits.keras", "x.tflite", "mobilenet_v2", 2018),
        (None, "a/mlperf_tiny_resnet8_cifar10.tflite", "resnet8", 2021),
        (None, "mobilenet_v3_small_1.0_int8.tflite", "mobilenet_v3_small", 2019),
        ("my.keras", "alexnet.tflite", "alexnet", 2012),
    ],
)
def test_architectures_are_known_by_what_files_say_or_by_name(
    source: str | None, model: str, name: str, year: int
) -> None:
    spec = network_of(source, model)
    assert spec is not None and (spec.name, spec.year) == (name, year)


@pytest.mark.parametrize("model", ["model.tflite", "resnet.tflite", "xmobilenet_v2x.tflite", ""])
def test_other_names_are_none(model: str) -> None:
    assert network_of(None, model) is None


def test_costs_are_differences_from_the_float32_file_of_the_same_model(
    make_result: MakeResult,
) -> None:
    rows = make_rows([
        make_result("a/net_float32.tflite", top1=90.0, scheme="float32"),
        make_result("a/net_int8.tflite", top1=88.5, scheme="int8"),
        make_result("a/net-float16.tflite", top1=90.5, scheme="float16"),
        make_result("other_int8.tflite", top1=70.0, scheme="int8"),
        make_result("net_dynamic.tflite", top1=80.0, scheme="dynamic", images=50),
    ])  # fmt: skip
    found = {one.row.record.scheme: one.change for one in scheme_costs(rows)}
    assert {scheme: change.change for scheme, change in found.items()} == {
        "float16": 0.5, "int8": -1.5,
    }  # fmt: skip
    assert found["int8"] == points_interval(90.0, 88.5, 400, 400)


def test_a_file_measured_against_the_float32_file_is_compared_image_by_image(
    make_result: MakeResult,
) -> None:
    whole = make_result("net_float32.tflite", top1=90.0, scheme="float32")
    beside = {"against_sha256": whole.model_sha256, "against_top1_percent": 90.0}
    apart = {"images_only_right": 1, "images_only_against_right": 3}
    part = make_result("net_int8.tflite", top1=89.5, **beside, **apart)
    (cost,) = scheme_costs(make_rows([whole, part]))
    # Right: 360 of 400, and 358, of which 357 are the same.
    assert cost.change == paired_points_interval(357, 1, 3, 39)


def test_a_scheme_in_the_middle_of_a_name_stays(make_result: MakeResult) -> None:
    assert base_name(make_result("int8_net.tflite")) == "int8_net"
    assert base_name(make_result("net.int8.tflite")) == "net"


def test_calls_of_long_runs_keep_their_extremes(make_result: MakeResult) -> None:
    samples = [1.0] * 10_000
    samples[5000], samples[7777] = 9.0, 0.5
    (row,) = make_rows([make_result("a.tflite", latency_samples_ms=samples)])
    drawn = [(call["n"], call["ms"]) for call in calls(row)]
    assert len(drawn) <= MOST_CALLS
    assert (5001, 9.0) in drawn and (7778, 0.5) in drawn
    assert drawn == sorted(drawn)


def test_lines_of_a_run_are_its_quantiles_beside_the_median(make_result: MakeResult) -> None:
    (row,) = make_rows([make_result("a.tflite", latency_ms=10.0)])
    (drawn,) = spreads([row])
    # Calls lie evenly from -2 % to +2 %: so do their 1st, 3rd, ... 99th percentiles.
    assert drawn["around"] == pytest.approx([0.04 * p / 100 - 0.02 for p in range(1, 100, 2)])


def test_emulated_calls_are_not_drawn(make_result: MakeResult) -> None:
    rows = make_rows([make_result("a.tflite", emulated=True)])
    assert spreads(rows) == calls(rows[0]) == []


def test_names_lie_neither_on_each_other_nor_outside() -> None:
    places = place_names([(0, 0), (0.001, 0), (1, 0), (1, 1)], ["a" * 12, "b" * 12, "c" * 12, ""])
    assert [place is not None for place in places] == [True, True, True, False]
    assert places[2] is not None and places[2].align == "right"
    assert len(set(places[:2])) == 2
    crowd = place_names([(0, 0)] * 40, ["n" * 30] * 40)
    assert sum(place is not None for place in crowd) < 12
