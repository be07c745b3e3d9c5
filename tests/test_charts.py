"""A chart as a page of its own: drawn in a real browser, without a server, whatever names hold."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import altair
import pytest

from edgecnn.core.charts import content_policy, form_of_target, script_json, write_chart
from edgecnn.core.errors import InputError

if TYPE_CHECKING:
    from playwright.sync_api import Browser

HOSTILE = "</script><script>document.title='run'</script>"


def test_a_page_of_one_chart(browser: Browser, tmp_path: Path) -> None:
    data = altair.Data(values=[{"name": HOSTILE, "value": 1}, {"name": "two", "value": 2}])
    chart = altair.Chart(data).mark_bar().encode(x="value:Q", y="name:N", tooltip="name:N")
    write_chart(chart.to_dict(), "html", tmp_path / "chart.html", HOSTILE)
    page = browser.new_page()
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(message.text))
    page.on("request", lambda request: wrong.append(request.url))
    page.goto((tmp_path / "chart.html").as_uri())
    page.wait_for_selector("#chart canvas, #chart svg")
    assert page.title() == HOSTILE
    assert [text for text in wrong if not text.startswith(("file:", "data:"))] == []
    page.close()


def test_json_in_a_page_ends_no_script() -> None:
    text = script_json({HOSTILE: "<!--\u2028]]>", "number": float("nan")})
    assert "<" not in text and '"number":null' in text


def test_a_policy_names_each_script() -> None:
    # The digest of this script in the policy's specification, https://www.w3.org/TR/CSP3/, 8.4.
    script = "alert('Hello, world.');"
    assert "'sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng='" in content_policy(script)
    assert content_policy(script).startswith("default-src 'none'")


def test_targets_are_checked_before_any_work(tmp_path: Path) -> None:
    assert form_of_target(tmp_path / "a.SVG", []) == "svg"
    with pytest.raises(InputError, match="does not exist"):
        form_of_target(tmp_path / "no" / "a.svg", [])
