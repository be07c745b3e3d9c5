"""The page in a real browser: choosing, hovering, clicking, narrow, dark, and hostile names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import edgecnn
from edgecnn.records.record import MeasurementWarning, Record

from .conftest import MakeResult

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

Write = Callable[[Path, list[Record]], Path]
BUBBLES = ".layer_3_marks path"
"""The fourth layer of the trade-off, above its line and the intervals."""

HOSTILE = (
    "<script>document.title='run'</script>",
    "</script><script>document.title='run'</script>",
    '"><img src=x onerror="document.title=\'run\'">',
    "two\nlines'\"&amp;",
    "\u202egnp.elif\u202c",
)


@contextmanager
def page_of(browser: Browser, report: Path, **looks: Any) -> Iterator[Page]:
    """Open a report; nothing may fail, and nothing be asked of a server."""
    context = browser.new_context(**looks)
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text))
    page.on(
        "request", lambda request: wrong.append(request.url) if is_remote(request.url) else None
    )
    page.goto(report.as_uri())
    page.wait_for_selector("#years-card svg, #years-card .missing")
    page.wait_for_selector("#spread-card svg, #spread-card .missing")
    yield page
    context.close()
    assert wrong == []


def is_remote(url: str) -> bool:
    return not url.startswith(("file:", "data:", "blob:"))


@pytest.fixture(scope="module")
def report(
    tmp_path_factory: pytest.TempPathFactory, make_result: MakeResult, write_results: Write
) -> Path:
    folder = tmp_path_factory.mktemp("report")
    noisy = (MeasurementWarning("noisy", "it was loud", "wait"),)
    records = [
        *(
            make_result(f"mobilenet_v2_{scheme}.tflite", size, time * threads, top1,
                        scheme=scheme, threads=threads, warnings=noisy)
            for scheme, size, time, top1 in (
                ("float32", 4_000_000, 4.0, 90.0), ("int8", 1_000_000, 2.0, 89.5),
            )
            for threads in (1, 2)
        ),
        make_result("alexnet_int8.tflite", 900_000, 1.0, 60.0, scheme="int8"),
        make_result("pi_int8.tflite", 700_000, 77.7, 80.0, device="pi", emulated=True),
    ]  # fmt: skip
    path = write_results(folder / "results.json", records)
    edgecnn.report(str(path), output=folder / "report.html")
    return folder / "report.html"


@pytest.fixture()
def page(browser: Browser, report: Path) -> Iterator[Page]:
    with page_of(browser, report, viewport={"width": 1280, "height": 900}) as opened:
        yield opened


def shown_files(page: Page) -> list[str]:
    return page.locator("tbody tr:visible th").all_inner_texts()


def answer_of(page: Page) -> str:
    return page.locator(".answer:visible .ship").inner_text()


def circles(page: Page, card: str) -> int:
    return page.locator(f"{card} {BUBBLES}").count()


def test_the_answer_comes_first(page: Page) -> None:
    assert answer_of(page) == "Ship mobilenet_v2_int8.tflite: 976.6 KiB, 2.00 ms, top-1 89.5 %."
    assert (
        "within 1 point of the best top-1 (90.0 %)" in page.locator(".answer:visible").inner_text()
    )
    assert page.locator("#picked-card h3:visible").inner_text() == "mobilenet_v2_int8.tflite"
    assert len(shown_files(page)) == 3
    assert "it was loud: wait" in page.inner_text("main")


def test_choosing_a_scheme_changes_answer_charts_and_table(page: Page) -> None:
    assert circles(page, "#tradeoff-card") == 3
    page.select_option("#scheme", "float32")
    page.wait_for_function(f"document.querySelectorAll('#tradeoff-card {BUBBLES}').length === 1")
    assert answer_of(page).startswith("Ship mobilenet_v2_float32.tflite")
    assert shown_files(page) == ["mobilenet_v2_float32.tflite"]


def test_choosing_threads(page: Page) -> None:
    page.select_option("#threads", "2")
    assert answer_of(page) == "Ship mobilenet_v2_int8.tflite: 976.6 KiB, 4.00 ms, top-1 89.5 %."
    assert len(shown_files(page)) == 2


def test_pinned_and_mlperf_results_are_chosen_not_mixed(
    browser: Browser, tmp_path: Path, make_result: MakeResult, write_results: Write
) -> None:
    ways: dict[str, dict[str, Any]] = {
        "1": {}, "1 on CPUs 0,1": {"cpus": "0,1"},
        "1, mlperf-single-stream": {"protocol": "mlperf-single-stream"},
    }  # fmt: skip
    records = [
        make_result("a.tflite", 1000, time, 90.0, **way)
        for time, way in zip((1.0, 2.0, 3.0), ways.values(), strict=True)
    ]
    path = write_results(tmp_path / "results.json", records)
    edgecnn.report(str(path), output=tmp_path / "report.html")
    with page_of(browser, tmp_path / "report.html") as page:
        assert page.locator("#threads option").all_inner_texts() == list(ways)
        for time, text in zip(("1.00", "2.00", "3.00"), ways, strict=True):
            page.select_option("#threads", text)
            assert answer_of(page) == f"Ship a.tflite: 1000 B, {time} ms, top-1 90.0 %."
            assert shown_files(page) == ["a.tflite"]


def test_an_emulated_device_shows_no_time(page: Page) -> None:
    page.select_option("#machine", "pi, emulated")
    page.wait_for_selector("#tradeoff-card .missing")
    assert answer_of(page) == "Ship pi_int8.tflite: 683.6 KiB, top-1 80.0 %."
    assert "This CPU is emulated" in page.inner_text("#spread-card .missing")
    assert page.is_hidden("#sizes-card") and "77.7" not in page.inner_text("body")


def test_hovering_over_a_file_tells_its_figures(page: Page) -> None:
    page.locator(f"#tradeoff-card {BUBBLES}").first.hover(timeout=5000)
    page.wait_for_selector("#vg-tooltip-element.visible")
    told = page.inner_text("#vg-tooltip-element")
    assert "mobilenet_v2_float32.tflite" in told and "3.81 MiB" in told
    words = " ".join(told.split())
    for figure in ("top-1 % 90.0", "p50 ms 4.00", "p90 ms 4.06", "p99 ms 4.08", "calls 101"):
        assert figure in words


def test_clicking_on_a_file_shows_its_calls(page: Page) -> None:
    page.locator(f"#tradeoff-card {BUBBLES}").first.click()
    assert page.locator("#picked-card h3:visible").inner_text() == "mobilenet_v2_float32.tflite"
    card = page.locator("#picked-card").inner_text().split("\n")
    for title, figure in (("p50 ms", "4.00"), ("p90 ms", "4.06"), ("p99 ms", "4.08")):
        assert card[card.index(title) + 1] == figure
    page.wait_for_function(
        "document.querySelectorAll('#picked-card .mark-symbol path').length === 101"
    )
    assert page.locator("tbody tr.picked th").inner_text() == "mobilenet_v2_float32.tflite"
    page.get_by_role("button", name="alexnet_int8.tflite").click()
    assert page.locator("#picked-card h3:visible").inner_text() == "alexnet_int8.tflite"


def test_the_table_sorts(page: Page) -> None:
    head = page.get_by_role("button", name="size")
    head.click()
    assert shown_files(page)[0] == "alexnet_int8.tflite"
    head.click()
    assert shown_files(page)[0] == "mobilenet_v2_float32.tflite"
    assert page.locator("th[aria-sort=descending]").inner_text().startswith("size")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_scrolls_the_table_alone(browser: Browser, report: Path, scheme: Any) -> None:
    looks = {"viewport": {"width": 360, "height": 740}, "color_scheme": scheme}
    with page_of(browser, report, **looks) as page:
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        box, table = (page.locator(f".scroll{part}").bounding_box() for part in ("", " table"))
        assert box and table and table["width"] > box["width"]
        for card in page.locator("main > section:visible .chart svg").all():
            drawn = card.bounding_box()
            assert drawn and drawn["x"] >= 0 and drawn["x"] + drawn["width"] <= 360
        lightness = (
            "getComputedStyle(document.querySelector('#tradeoff-card .role-axis text')).fill"
        )
        is_light_text = int(page.evaluate(lightness).strip("rgb()").split(",")[0]) > 128
        assert is_light_text == (scheme == "dark")


def test_names_with_markup_are_text(
    browser: Browser, tmp_path: Path, make_result: MakeResult, write_results: Write
) -> None:
    warned = (MeasurementWarning("noisy", HOSTILE[0], HOSTILE[1]),)
    records = [
        make_result(name, 1000 + number, 1.0 + number, 90.0 + number, data=HOSTILE[2],
                    device=HOSTILE[0], cpu=HOSTILE[1], scheme=HOSTILE[3], warnings=warned)
        for number, name in enumerate(HOSTILE)
    ]  # fmt: skip
    path = write_results(tmp_path / "results.json", records)
    edgecnn.report(str(path), output=tmp_path / "report.html", title=HOSTILE[1])
    with page_of(browser, tmp_path / "report.html") as page:
        assert page.title() == HOSTILE[1]
        assert page.query_selector("main img, main script, svg image") is None
        names = set(shown_files(page))
        assert set(HOSTILE[:1]) <= names
        assert r"\u202egnp.elif\u202c" in names
        page.locator(f"#tradeoff-card {BUBBLES}").first.hover(timeout=5000)
        page.wait_for_selector("#vg-tooltip-element.visible")
        assert page.query_selector("#vg-tooltip-element img, #vg-tooltip-element script") is None


def test_what_was_not_measured_is_said(
    browser: Browser, tmp_path: Path, make_result: MakeResult, write_results: Write
) -> None:
    path = write_results(
        tmp_path / "results.json", [make_result("a.tflite"), make_result("b.tflite")]
    )
    edgecnn.report(str(path), output=tmp_path / "report.html")
    with page_of(browser, tmp_path / "report.html") as page:
        assert answer_of(page) == "No file can be recommended."
        for card in ("#tradeoff-card", "#cost-card", "#years-card"):
            assert "No accuracy was measured: " in page.inner_text(f"{card} .missing")
        page.wait_for_selector("#sizes-card svg")
        assert page.is_hidden("#choice")


def test_each_figure_of_accuracy_has_its_own_axis(
    browser: Browser, tmp_path: Path, make_result: MakeResult, write_results: Write
) -> None:
    told = {"images": 80, "metric": "MAE", "mae_units": 2.0, "data": "dials"}
    records = [
        make_result("gauge.tflite", **told),
        make_result("map.tflite", images=80, metric="mIoU", metric_percent=61.0, data="voc"),
        make_result("map_int8.tflite", images=80, metric="mIoU", metric_percent=60.0, data="voc"),
    ]
    path = write_results(tmp_path / "results.json", records)
    edgecnn.report(str(path), output=tmp_path / "report.html")
    with page_of(browser, tmp_path / "report.html") as page:
        page.locator("#tradeoff-card svg", has_text="mIoU, %").wait_for()
        page.select_option("#data", "80 images of dials (MAE)")
        axis = page.locator("#tradeoff-card svg", has_text="MAE, the output's unit")
        axis.wait_for()
        assert answer_of(page) == "Ship gauge.tflite: 976.6 KiB, 1.00 ms, MAE 2.00."
