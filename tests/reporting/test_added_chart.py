"""A chart is one file: a module in the folder of the charts is in the page and in pictures."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import edgecnn.reporting.charts
from edgecnn.reporting.charts.chart import every_chart
from edgecnn.reporting.contents import Contents
from edgecnn.reporting.findings.rows import make_rows
from edgecnn.reporting.findings.settings import find_settings
from edgecnn.reporting.page import as_page
from edgecnn.reporting.picture import as_picture
from edgecnn.reporting.views import views_of

from .conftest import MakeResult

ADDED_CHART = Path(__file__).with_name("added_chart.py")


@pytest.fixture()
def one_chart_more(tmp_path: Path) -> Iterator[None]:
    """A folder more for modules of the package, with a chart of the time to load."""
    shutil.copy(ADDED_CHART, tmp_path / "loading.py")
    every_chart.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            edgecnn.reporting.charts,
            "__path__",
            [*edgecnn.reporting.charts.__path__, str(tmp_path)],
        )
        yield
    every_chart.cache_clear()


@pytest.mark.usefixtures("one_chart_more")
def test_a_new_chart_is_in_the_page_and_in_pictures(make_result: MakeResult) -> None:
    rows = make_rows([make_result("a.tflite", load_ms=7.25)])
    settings = find_settings(rows)
    page = as_page(Contents("title", settings, rows))
    cards = re.findall(r'id="([a-z]+)-card"', page)
    assert cards == ["tradeoff", "sizes", "loading", "picked", "cost", "spread", "years"]
    assert "<h2>Time to load</h2>" in page and "Once for each start of an app." in page
    data = json.loads(re.findall(r'id="report">(.*?)</script>', page, re.DOTALL)[0])
    assert data["looks"]["dark"]["charts"][""]["loading"]["layer"][0]["mark"]["type"] == "bar"
    assert data["settings"][0]["schemes"][""]["datasets"]["loads"][0]["ms"] == 7.25
    picture = as_picture("title", views_of(settings[0])[0])
    assert "Loading" in [part["title"]["text"] for part in picture["vconcat"]]


@pytest.mark.usefixtures("one_chart_more")
def test_it_says_why_there_is_nothing_to_show(make_result: MakeResult) -> None:
    rows = make_rows([make_result("a.tflite", emulated=True)])
    (view,) = views_of(find_settings(rows)[0])
    assert "emulated" in view.missing["loading"]
