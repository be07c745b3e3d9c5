"""JSON as edgecnn writes it: any reader that keeps to the standard takes it (RFC 8259)."""

from __future__ import annotations

import json
import math
from typing import Any


def json_text(value: object, indent: int | None = 2) -> str:
    """Return values as JSON in ASCII letters.

    Args:
        value: Dictionaries, lists, tuples, texts, numbers, truth values and None.
        indent: Blanks for each level; None for one line.

    Example:
        >>> json_text({"share": float("nan"), "file": "\\udcff"}, indent=None)
        '{"share": null, "file": "\\\\\\\\udcff"}'
    """
    return json.dumps(json_values(value), indent=indent, allow_nan=False)


def json_values(value: Any) -> Any:
    """Return values as JSON has them.

    Tuples become lists, NaN and infinity None; a half of a surrogate pair, which stands for a byte
    that is no UTF-8 in a file's name, becomes its escape as text.
    """
    if isinstance(value, dict):
        return {str(json_values(key)): json_values(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [json_values(each) for each in value]
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    return None if isinstance(value, float) and not math.isfinite(value) else value
