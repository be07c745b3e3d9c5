"""JSON that came from outside: every fault of the text is a ValueError.

Python's own reader calls itself for each level of nesting, so that a text of ten thousand
brackets raises RecursionError, and one of a few hundred makes whoever walks through the values do
so. Texts that are nested deeper than :data:`MAX_DEPTH` are refused here.

The module travels to devices (:mod:`edgecnn.runner.bundle`): it imports the standard library alone,
and its grammar is that of Python 3.7.
"""

from __future__ import annotations

import json
from typing import Any

MAX_DEPTH = 128
"""Levels of nesting at most; the configuration of a model with models in it has about thirty."""


def json_value(text: str | bytes) -> Any:
    """Return the value of a JSON text.

    Args:
        text: The text; bytes are UTF-8, UTF-16 or UTF-32, as the JSON standard says (RFC 8259).

    Raises:
        ValueError: The text is no JSON, is not in one of these encodings, or is nested too deeply.

    Example:
        >>> json_value('{"classes": [1, 2]}')
        {'classes': [1, 2]}
        >>> json_value("[" * 5000 + "]" * 5000)
        Traceback (most recent call last):
        ValueError: it is nested more than 128 levels deep
    """
    try:
        value = json.loads(text)
    except RecursionError as error:
        raise too_deep() from error
    check_depth(value, text)
    return value


def check_depth(value: Any, text: str | bytes) -> None:
    """Raise ValueError if values are nested too deeply.

    Args:
        value: Values of a text of JSON or TOML.
        text: The text; most have too few brackets and dots to be nested too deeply.
    """
    # In bytes of UTF-16 these are ones of other characters, too, which costs time and no more.
    content = text.encode(errors="replace") if isinstance(text, str) else text
    # One dot of TOML, in "a.b = 1", makes two levels in the table of the whole text.
    if sum(map(content.count, (b"[", b"{", b"."))) + 2 <= MAX_DEPTH:
        return
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise too_deep()
        lists = [each.values() if isinstance(each, dict) else each for each in level]
        level = [x for values in lists for x in values if isinstance(x, (dict, list))]


def too_deep() -> ValueError:
    """Return the error for a text that is nested too deeply."""
    return ValueError(f"it is nested more than {MAX_DEPTH} levels deep")
