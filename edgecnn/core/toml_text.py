"""TOML that came from outside: every fault of the text is a ValueError."""

from __future__ import annotations

import sys
from typing import Any

from edgecnn.core.json_text import check_depth, too_deep

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def toml_tables(text: str) -> dict[str, Any]:
    """Return the tables of a TOML text.

    Args:
        text: The text.

    Raises:
        ValueError: The text is no TOML, is nested too deeply, or has a whole number that TOML need
            not have: beyond 64 bits.

    Example:
        >>> toml_tables('[kitchen]\\nhost = "192.168.1.20"')
        {'kitchen': {'host': '192.168.1.20'}}
    """
    try:
        tables = tomllib.loads(text)
    except RecursionError as error:
        raise too_deep() from error
    check_depth(tables, text)
    _check_numbers(tables)
    return tables


def _check_numbers(value: Any) -> None:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            _check_numbers(each)
    # Python writes no number of more than some thousand digits, not even in an error.
    if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
        raise ValueError("it has a whole number of more than 64 bits")
