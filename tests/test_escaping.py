"""Texts from outside in each form: what is kept, what is not, and what readers of it see."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from edgecnn.core.escaping import in_csv, in_html, in_markdown, printable
from edgecnn.core.json_writing import json_text

from .hostile_texts import HOSTILE_TEXTS, READABLE, unseen

MARKS = "-+=*_`#@|<>&\\[]()!~$:. \t\n01aw/Gh?\"'"
TEXTS = (
    st.text()
    | st.text(st.sampled_from(MARKS), max_size=12)
    | st.sampled_from([*HOSTILE_TEXTS.values(), READABLE])
)
OURS = {"paragraph_open", "paragraph_close", "inline", "bullet_list_open", "bullet_list_close",
        "list_item_open", "list_item_close"}  # fmt: skip


@given(TEXTS)
def test_a_printable_text_is_one_line_that_stays_as_it_is(text: str) -> None:
    line = printable(text)
    assert len(line.splitlines()) <= 1
    assert not unseen(line) - {"\u200c", "\u200d"}
    assert printable(line) == line
    assert line == text or not text.isprintable()


def test_letters_of_all_scripts_stay() -> None:
    assert printable(READABLE) == READABLE
    assert printable("pay\u200dpal \u200c") == r"pay\u200dpal \u200c"


@given(TEXTS)
def test_html_gives_the_printable_text_back(text: str) -> None:
    element = ElementTree.fromstring(f'<p a="{in_html(text)}">{in_html(text)}</p>')
    assert (element.text or "") == element.get("a") == printable(text)


@given(TEXTS)
def test_markdown_shows_the_printable_text(text: str) -> None:
    line = in_markdown(text)
    assert "\n" not in line
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(f"- {line}")
    assert {token.type for token in tokens} <= OURS
    (inline,) = [token for token in tokens if token.type == "inline"] or [None]
    parts = inline.children or [] if inline is not None else []
    assert {part.content for part in parts if part.type == "html_inline"} <= {"<!-- -->"}
    assert {part.type for part in parts} <= {"text", "text_special", "html_inline"}
    shown = "".join(part.content for part in parts if part.type != "html_inline")
    assert shown.split() == printable(text).split()


@pytest.mark.parametrize("word", ["@user", "#1", "GH-1", "www.evil.test", "https://e", ":bomb:"])
def test_markdown_links_nothing_on_github(word: str) -> None:
    assert word not in in_markdown(word).replace("\\", "")


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"), ("@SUM(1)", "'@SUM(1)"), ("+1", "'+1"), ("-1.5", "'-1.5"),
        (" =1", "' =1"), ("\"'=1", "'\"'=1"), ("\uff1d1", "'\uff1d1"), ("a;=1", "a;'=1"),
        ("\t=1", r"\t=1"), ("\r\n=1", r"\r\n=1"), ("it's - a = b", "it's - a = b"),
        (-1.5, -1.5), (None, None), (True, True),
    ],
)  # fmt: skip
def test_cells_of_csv_are_no_formulas(value: object, cell: object) -> None:
    assert in_csv(value) == cell


@given(TEXTS)
def test_json_is_what_the_standard_takes(text: str) -> None:
    written = json_text({text: [text, float("nan"), (float("inf"), 1.5)]})
    assert written.isascii()
    (key, (value, *numbers)) = next(iter(json.loads(written).items()))
    assert key == value == text.encode(errors="backslashreplace").decode()
    assert numbers == [None, [None, 1.5]]
