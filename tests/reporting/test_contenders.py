"""What noise leaves open of a recommendation: by intervals that arithmetic gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgecnn.accuracy.image_by_image import packed_hits
from edgecnn.records.record import MeasurementWarning
from edgecnn.reporting.charts.labels import place_names
from edgecnn.reporting.charts.marks import Look
from edgecnn.reporting.charts.points import size_and_speed_points
from edgecnn.reporting.charts.tradeoff import chart
from edgecnn.reporting.findings.contenders import Contenders, contenders
from edgecnn.reporting.findings.differences import time_change
from edgecnn.reporting.findings.recommendation import pareto, recommend
from edgecnn.reporting.findings.rows import ReportRow, make_rows
from edgecnn.reporting.findings.settings import find_settings
from edgecnn.reporting.views import View, views_of
from edgecnn.reporting.wording import doubts, facts

from .conftest import made_result

BETWEEN = 1.0562
"""exp(2.576 * sqrt(2) * 0.015): of two files whose calls all take the same time, the ratio of the
medians has a 99 % interval of this factor to each side, as processes differ by 1.5 %."""


def steady(
    name: str, size: int, ms: float, top1: float | None, images: int = 400, **changes: Any
) -> Any:
    """Return a result whose calls all take the same time."""
    samples = {"latency_samples_ms": (ms,) * 101}
    counted = {} if top1 is None else {"images": images}
    return made_result(name, size, ms, top1, **{**samples, **counted, **changes})


def named(rows: tuple[ReportRow, ...]) -> list[str]:
    return [row.name for row in rows]


def found(*results: Any) -> tuple[str, Contenders]:
    rows = make_rows(results)
    chosen = recommend(rows)
    assert chosen is not None
    return chosen.name, contenders(rows)


def view(*results: Any) -> View:
    return views_of(find_settings(make_rows(results))[0])[0]


def test_the_interval_of_two_files_is_what_arithmetic_gives() -> None:
    one, other = make_rows([steady("a", 1, 1.0, 90.0), steady("b", 1, 1.1, 80.0)])
    change = time_change(one, other)
    assert change is not None
    assert (1 + change.low, 1 + change.high) == (
        pytest.approx(1.1 / BETWEEN, rel=0.005), pytest.approx(1.1 * BETWEEN, rel=0.005),
    )  # fmt: skip


def test_files_that_differ_by_less_than_noise_are_alike() -> None:
    chosen, open_ones = found(
        steady("small", 1, 1.01, 90.0), steady("large", 2, 1.00, 89.9), steady("slow", 3, 3.0, 90.0)
    )
    assert (chosen, named(open_ones.alike)) == ("small", ["large"])
    assert open_ones.by_accuracy == open_ones.by_time == ()
    told = " ".join(doubts(view(steady("small", 1, 1.01, 90.0), steady("large", 2, 1.0, 89.9))))
    assert (
        "These results do not tell its time and top-1 from those of large: none of them is" in told
    )
    told = " ".join(doubts(view(steady("small", 1, 1.052, 90.0), steady("large", 2, 1.0, 90.0))))
    assert "from those of small: small is smaller." in told


def test_a_faster_file_may_be_accurate_enough() -> None:
    """Of 400 images 1.5 points are six, of 1,000,000 they are 15,000."""
    files = [("right", 2, 4.0, 90.0), ("fast", 1, 1.0, 88.5)]
    for images, is_open in ((400, True), (1_000_000, False)):
        chosen, open_ones = found(*(steady(*file, images=images) for file in files))
        assert chosen == "right"
        assert named(open_ones.by_accuracy) == ["fast"] * is_open
    worse = [("right", 2, 4.0, 90.0), ("slow", 3, 5.0, 88.5)]
    # Even if it were as accurate, it would still be larger and slower.
    assert found(*(steady(*file) for file in worse))[1].by_accuracy == ()


def test_the_best_file_may_rule_out_the_recommended_one() -> None:
    files = [("right", 2, 4.0, 90.0), ("fast", 1, 1.0, 89.5)]
    for images, is_open in ((400, True), (1_000_000, False)):
        chosen, open_ones = found(*(steady(*file, images=images) for file in files))
        assert (chosen, named(open_ones.by_accuracy)) == ("fast", ["right"] * is_open)


def test_the_same_images_leave_less_open() -> None:
    """Nothing but three of 2,000 images tells the files apart: far below one point."""
    hits = np.arange(2000) < 1500
    fewer = hits.copy()
    fewer[:3] = False
    shown = [("right", 4.0, hits), ("fast", 1.0, fewer)]
    results = [
        steady(
            name, 1, ms, 100 * float(each.mean()), images=2000, images_sha256="a" * 64,
            hits_top1=packed_hits(each),
        )
        for name, ms, each in shown
    ]  # fmt: skip
    assert found(*results)[1].by_accuracy == ()
    apart = [steady(name, 1, ms, 100 * float(each.mean()), images=2000) for name, ms, each in shown]
    assert named(found(*apart)[1].by_accuracy) == ["right"]


def test_a_smaller_file_may_be_fast_enough() -> None:
    """10 % slower is surely slower, but perhaps by less than the 5 % that count as equally fast."""
    for ms, is_open in ((1.10, True), (1.05 * BETWEEN + 0.02, False)):
        chosen, open_ones = found(steady("fast", 2, 1.0, 90.0), steady("small", 1, ms, 90.0))
        assert (chosen, named(open_ones.by_time)) == ("fast", ["small"] * is_open)
    told = doubts(view(steady("fast", 2, 1.0, 90.0), steady("small", 1, 1.10, 90.0)))
    assert any("whether small would be the better choice by time" in line for line in told)


def test_disturbed_times_are_told_beside_the_recommendation() -> None:
    noisy = {"verdict": "noisy", "verdict_evidence": "it was loud", "verdict_advice": "wait"}
    told = doubts(view(steady("a", 1, 1.0, 90.0, **noisy), steady("b", 1, 9.0, 89.5)))
    assert told[0] == "Its time is noisy: it was loud: wait."
    told = doubts(view(steady("a", 1, 1.0, 90.0), steady("b", 1, 9.0, 89.5, **noisy)))
    assert "The time of b was disturbed, too: measure these again." in told
    # A file that is far too inaccurate is not chosen whatever its time is.
    told = doubts(view(steady("a", 1, 1.0, 90.0), steady("b", 1, 9.0, 20.0, **noisy)))
    assert not any("disturbed" in line for line in told)


def test_on_an_emulator_top_1_alone_is_spoken_of() -> None:
    files = [steady("a", 1, 1.0, 90.0, emulated=True), steady("b", 2, 1.0, 89.9, emulated=True)]
    told = " ".join(doubts(view(*files)))
    assert "These results do not tell its top-1 from those of b" in told and "time" not in told


def test_a_file_is_beaten_by_more_than_noise() -> None:
    rows = make_rows([
        steady("a", 1, 1.00, 90.0), steady("as good", 1, 1.01, 89.9),
        steady("slower", 1, 1.50, 90.0), steady("larger", 2, 1.00, 90.0),
    ])  # fmt: skip
    assert {row.name for row in pareto(rows)} == {"a", "as good"}


def test_what_is_best_at_something_shares_that_with_what_noise_does_not_tell_from_it() -> None:
    shown = facts(
        view(
            steady("a", 1, 1.00, 60.0), steady("b", 2, 1.01, 90.0), steady("c", 3, 5.0, 90.5),
            steady("d", 4, 6.0, 90.1),
        )
    )  # fmt: skip
    assert {fact.title: (fact.row.name, fact.ties) for fact in shown} == {
        "Fastest": ("a", "b"), "Smallest": ("a", ""), "Most accurate": ("c", "d, b"),
    }  # fmt: skip
    assert shown[0].figure_text == "1.00 ms (or b: within noise)"


def test_intervals_are_lines_through_the_points() -> None:
    ends = {
        "latency_p50_low_ms": 0.9, "latency_p50_high_ms": 1.2,
        "top1_low_percent": 86.5, "top1_high_percent": 92.5,
    }  # fmt: skip
    rows = make_rows([steady("a", 1, 1.0, 90.0, **ends), steady("b", 1, 2.0, 80.0)])
    known, unknown = size_and_speed_points(rows)
    assert (known["p50Low"], known["p50High"]) == (0.9, 1.2)
    assert (known["accuracyLow"], known["accuracyHigh"]) == (86.5, 92.5)
    assert [unknown[f"p50{end}"] for end in ("Low", "", "High")] == [2.0] * 3
    assert [unknown[f"accuracy{end}"] for end in ("Low", "", "High")] == [80.0] * 3
    spec = chart.draw(Look(rows)).to_dict()
    drawn = [
        {axis: layer["encoding"][axis]["field"] for axis in ("x", "x2", "y", "y2")
         if axis in layer["encoding"]}
        for layer in spec["layer"]
        if layer["mark"]["type"] == "rule"
    ]  # fmt: skip
    assert drawn == [
        {"x": "p50Low", "x2": "p50High", "y": "accuracy"},
        {"x": "p50", "y": "accuracyLow", "y2": "accuracyHigh"},
    ]


def test_names_keep_off_lines_where_there_is_room() -> None:
    points, names = [(0.0, 0.0), (1.0, 1.0)], ["one", ""]
    across = ((-1.0, 0.0), (1.0, 0.0))
    without, beside = place_names(points, names)[0], place_names(points, names, [across])[0]
    assert without is not None and without.dy == 0
    assert beside is not None and beside.dy != 0


def test_images_that_a_file_was_made_with_are_a_doubt() -> None:
    says = "37 of 500 images are among those that the file was calibrated on (37)"
    warnings = (MeasurementWarning("calibration-images", says, "measure on others"),)
    assert f"{says}." in doubts(view(steady("a", 1, 1.0, 90.0, warnings=warnings)))
    assert f"{says}." not in doubts(view(steady("a", 1, 1.0, 90.0)))
