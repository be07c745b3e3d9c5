"""Reports of models that are no classifiers: each is ranked by the figure of its kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import edgecnn
from edgecnn.records.record import MeasurementWarning, Record
from edgecnn.reporting.charts.chart import specifications
from edgecnn.reporting.charts.marks import Look
from edgecnn.reporting.charts.points import size_and_speed_points
from edgecnn.reporting.findings.recommendation import pareto, recommend
from edgecnn.reporting.findings.rows import make_rows
from edgecnn.reporting.findings.scheme_costs import scheme_costs
from edgecnn.reporting.findings.settings import find_settings
from edgecnn.reporting.views import views_of
from edgecnn.reporting.wording import reason

from .conftest import made_result

Write = Callable[..., Path]


def gauge(name: str, mae: float, size: int = 1000, ms: float = 1.0, **changes: Any) -> Record:
    """Return a record of a file that reads numbers with a mean error."""
    ends = {"mae_low_units": 0.9 * mae, "mae_high_units": 1.1 * mae}
    judged = {"data": "dials", "images": 80, "metric": "MAE", "mae_units": mae, **ends}
    return made_result(name, size, ms, **{**judged, **changes})


def mapped(name: str, miou: float, **changes: Any) -> Record:
    """Return a record of a file that gives maps."""
    judged = {"data": "voc", "images": 80, "metric": "mIoU", "metric_percent": miou}
    return made_result(name, **{**judged, **changes})


def test_less_of_an_error_is_better() -> None:
    rows = make_rows([
        gauge("worst", 3.0, 1000, 1.0),
        gauge("best", 2.0, 4000, 4.0),
        gauge("one percent more", 2.02, 3000, 2.0),
        gauge("too bad", 2.03, 900, 2.0),
    ])  # fmt: skip
    assert [row.name for row in rows] == ["best", "one percent more", "too bad", "worst"]
    chosen = recommend(rows)
    assert chosen is not None and chosen.name == "one percent more"
    (view,) = views_of(find_settings(rows)[0])
    assert view.answer.most_accurate is not None
    assert view.answer.most_accurate.name == "best"
    assert "whose MAE is at most 1 % above the least (2.00)" in reason(view)


def test_a_file_with_a_larger_error_is_beaten() -> None:
    apart = {"mae_low_units": 2.9, "mae_high_units": 3.1}
    rows = make_rows([gauge("right", 2.0), gauge("wrong", 3.0, 1001, 1.0, **apart)])
    assert [row.name for row in pareto(rows)] == ["right"]


def test_the_axis_of_an_error_has_its_least_values_above() -> None:
    rows = make_rows([gauge("a_float32.tflite", 2.0), gauge("b_int8.tflite", 3.0)])
    (setting,) = find_settings(rows)
    drawn = specifications(Look(rows, setting.leading))["tradeoff"]
    axes = [layer["encoding"]["y"] for layer in drawn["layer"] if "y" in layer["encoding"]]
    assert {axis["title"] for axis in axes} == {"MAE, the output's unit (less is better)"}
    assert all(axis["scale"]["reverse"] for axis in axes)
    point = size_and_speed_points(rows)[0]
    ends = [point[f"accuracy{end}"] for end in ("Low", "", "High")]
    assert ends == pytest.approx([1.8, 2.0, 2.2])


def test_figures_of_different_kinds_are_never_in_one_ranking(
    tmp_path: Path, write_results: Write
) -> None:
    others = {"metric": "mAP", "metric_percent": 90.0, "data": "voc"}
    records = [
        mapped("map_float32.tflite", 61.0),
        mapped("map_int8.tflite", 60.5, model_bytes=10),
        made_result("boxes.tflite", images=80, **others),
        made_result("classes.tflite", top1=99.0, data="voc", images=80),
        gauge("gauge.tflite", 2.0, data="voc"),
    ]
    settings = find_settings(make_rows(records))
    found = {one.figure_name: [row.name for row in one.rows] for one in settings}
    assert found == {
        "mIoU": ["map_float32.tflite", "map_int8.tflite"],
        "mAP": ["boxes.tflite"],
        "top-1": ["classes.tflite"],
        "MAE": ["gauge.tflite"],
    }
    assert len({one.text for one in settings}) == 4
    path = write_results(tmp_path / "r.json", records)
    edgecnn.report(str(path), output=tmp_path / "report.md")
    text = (tmp_path / "report.md").read_text()
    assert "within 1 point of the best mIoU (61.0 %)" in text
    assert r"Ship **map\_int8.tflite**: 10 B, 1.00 ms, mIoU 60.5 %." in text


def test_what_a_scheme_costs_is_told_of_the_kinds_own_figure() -> None:
    rows = make_rows([
        gauge("net_float32.tflite", 2.0, scheme="float32"),
        gauge("net_int8.tflite", 2.1, scheme="int8"),
    ])  # fmt: skip
    (cost,) = scheme_costs(rows)
    assert cost.change.change == pytest.approx(0.05)
    (setting,) = find_settings(rows)
    title = str(specifications(Look(rows, setting.leading))["cost"])
    assert "MAE beside the float32 file, % (less is better)" in title


def test_why_nothing_is_recommended_is_true() -> None:
    chance = MeasurementWarning("random-weights", "random weights", "train it")
    views = [
        views_of(find_settings(make_rows(records))[0])[0]
        for records in ([mapped("a", 61.0, warnings=(chance,))], [made_result("a")])
    ]
    assert "random weights, which is chance" in reason(views[0])
    assert "as no accuracy was measured" in reason(views[1])


def test_decibels_are_ranked_by_decibels() -> None:
    shown = {"data": "pairs", "images": 80, "metric": "PSNR"}
    rows = make_rows([
        made_result("best", 4000, 4.0, psnr_db=31.2, **shown),
        made_result("as good", 2000, 2.0, psnr_db=31.1, **shown),
        made_result("worse", 1000, 1.0, psnr_db=31.0, **shown),
    ])  # fmt: skip
    chosen = recommend(rows)
    assert chosen is not None and chosen.name == "as good"
    (view,) = views_of(find_settings(rows)[0])
    assert "within 0.1 dB of the best PSNR (31.2 dB)" in reason(view)
