"""Each field of a record is declared once, and what is declared is what users see."""

from __future__ import annotations

import dataclasses
import io
import re
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from edgecnn.cli.table import records_table
from edgecnn.records.conditions import Conditions
from edgecnn.records.fields import Field, Role, ShownIn, Topic
from edgecnn.records.record import FIELDS, LISTED_FIELDS, Outline, Record
from edgecnn.reporting.contents import Contents
from edgecnn.reporting.findings.rows import make_rows
from edgecnn.reporting.findings.settings import find_settings
from edgecnn.reporting.page import as_page

from ..store.records import made_record  # noqa: TID252

ROOT = Path(__file__).resolve().parents[2]
IDENTITY = {"model", "model_sha256", "scheme", "source", "input_shape", "input_dtype"}
ACCURACY_CONDITIONS = {"data", "images", "image_geometry", "against_sha256"}
PLAIN_FIGURES = (
    "latency_p99_ms", "latency_mean_ms", "latency_std_ms", "latency_min_ms", "power_w",
    "energy_per_inference_mj", "calibration_error_percent", "mcnemar_p",
)  # fmt: skip
"""Figures that nothing but their declaration treats: no chart, no rule, no wording."""


def names(role: Role) -> set[str]:
    return {name for name, field in FIELDS.items() if field.role is role}


def test_every_field_of_a_record_has_one_role() -> None:
    assert list(FIELDS) == [field.name for field in dataclasses.fields(Record)]
    assert list(LISTED_FIELDS) == [field.name for field in dataclasses.fields(Outline)]
    assert names(Role.IDENTITY) == IDENTITY
    conditions = {field.name for field in dataclasses.fields(Conditions)}
    assert names(Role.CONDITION) == conditions | ACCURACY_CONDITIONS
    figures, remarks = names(Role.FIGURE), names(Role.REMARK)
    assert IDENTITY | names(Role.CONDITION) | figures | remarks == set(FIELDS)
    units = ("_ms", "_bytes", "_percent", "_w", "_mj", "_p", "_right", "_units", "_db")
    assert all(name.endswith(units) for name in figures)


def test_what_a_field_says_is_a_sentence() -> None:
    for name, field in FIELDS.items():
        assert re.fullmatch(r"[A-Z0-9`].*\.", field.meaning), name


def number_for(field: Field, place: int) -> Any:
    """Return a value that no other figure has."""
    if field.name.endswith("_percent"):
        return 20 + place
    if field.name.endswith("_p"):
        return (200 + place) / 1000
    return (place + 1) << 20 if field.name.endswith("_bytes") else 200 + place


@pytest.fixture(scope="module")
def full() -> Record:
    """A record in which every figure has a value of its own."""
    figures = [field for field in FIELDS.values() if field.role is Role.FIGURE]
    values = {
        field.name: field.kind(number_for(field, place))
        for place, field in enumerate(figures)
        if not field.is_tuple
    }
    judged = {"data": "digits", "images": 900, "verdict": "steady", "warnings": ()}
    return made_record(**values, **judged)


def test_every_figure_is_shown_in_the_page_of_a_report(full: Record) -> None:
    rows = make_rows([full])
    page = as_page(Contents("title", find_settings(rows), rows))
    (card,) = re.findall(r'<div data-detail="0" hidden>.*?</dl>', page, re.DOTALL)
    shown = dict(re.findall(r"<div><dt[^>]*>([^<]*)</dt><dd>([^<]*)</dd></div>", card))
    missing = names(Role.FIGURE) - {"latency_samples_ms"}
    for field in FIELDS.values():
        if field.title and field.role is Role.FIGURE:
            text = shown[field.title]
            assert text.startswith(field.text(getattr(full, field.name)))
            missing.remove(field.name)
            if field.confidence:
                low, high = (field.text(getattr(full, name)) for name in field.bounds)
                assert text.endswith(f"({field.confidence} % interval {low}-{high})")
                missing -= set(field.bounds)
    assert missing == set()
    # The samples are drawn.
    assert '"calls":[{"n":1,"ms":2.9},{"n":2,"ms":3.0},' in page


def test_tables_have_the_same_titles_and_texts(full: Record) -> None:
    console = Console(file=io.StringIO(), width=1000)
    console.print(records_table([full]))
    bench = console.file.getvalue()  # type: ignore[attr-defined]
    rows = make_rows([full])
    page = as_page(Contents("title", find_settings(rows), rows))
    table = page[page.index("<table>") : page.index("</table>")]
    for field in FIELDS.values():
        if field.role is Role.FIGURE and ShownIn.TABLES in field.shown:
            text = field.text(getattr(full, field.name))
            for title in (field.title, text):
                assert re.search(rf"(^|  ){re.escape(title)}($|  )", bench, re.MULTILINE), title
                assert f">{title}<" in table
            if field.better:
                assert f"{field.better.value.capitalize()} is better." in table


@pytest.mark.parametrize("name", PLAIN_FIGURES)
def test_a_figure_is_named_where_it_is_computed_and_where_it_is_declared(name: str) -> None:
    """So a new one touches two files, and is in tables, CSV, reports and ``results show``."""
    tops = (ROOT / top for top in ("edgecnn", "models", "quantize", "devices"))
    files = {path.resolve() for top in tops for path in top.rglob("*.py")}
    naming = {path for path in files if re.search(rf"\b{name}\b", path.read_text("utf-8"))}
    assert len(naming) == 2 and ROOT / "edgecnn" / "records" / "record.py" in naming


def test_no_time_of_an_emulated_cpu_is_a_value(full: Record) -> None:
    full, emulated = (dataclasses.replace(full, emulated=value) for value in (False, True))
    for field in FIELDS.values():
        is_speed = field.role is Role.FIGURE and field.topic in (Topic.SPEED, Topic.ENERGY)
        assert (field.value_of(emulated) is None) == (is_speed or field.value_of(full) is None)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0, 101.0])
def test_what_is_no_share_is_not_shown(value: float) -> None:
    assert FIELDS["top5_percent"].text_of(made_record(top5_percent=value)) is None
