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
        ValueError: The text is no TOML, or is nested too deeply.

    Example:
        >>> toml_tables('[kitchen]\\nhost = "192.168.1.20"')
        {'kitchen': {'host': '192.168.1.20'}}
    """
    try:
        tables = tomllib.loads(text)
    except RecursionError as error:
        raise too_deep() from error
    check_depth(tables, text)
    return tables
