"""What the values of a record's fields may be: each rule is a check, and the words for it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from edgecnn.core.errors import EdgecnnError

DIGEST = re.compile("[0-9a-f]{64}")

WHOLE_NUMBERS_END = 1 << 63
"""Whole numbers from here on fit no column of a database, and no field needs them."""

SMALLEST, LARGEST = 1e-30, 1e15
"""Amounts other than 0 lie between these, so that the ratio of two is a number. The differences of
rounded numbers are larger than that, and no device runs for so many seconds."""


@dataclass(frozen=True)
class FieldRule:
    """What the values of a field may be.

    Args:
        words: What the values are, as in "is -1, where a whole number from 0 is needed".
        allows: Given a value of the field's type, returns whether it can be one of the field.
    """

    words: str
    allows: Callable[[Any], bool]


def utc_text(measured_at: str) -> str:
    """Return a moment in UTC, in a form whose texts sort as the moments do.

    Raises:
        EdgecnnError: The text is no moment of ISO 8601.

    Example:
        >>> utc_text("2026-11-25T06:00+02:00")
        '2026-11-25T04:00:00+00:00'
    """
    try:
        moment = datetime.fromisoformat(measured_at.replace("Z", "+00:00"))
        return moment.astimezone(timezone.utc).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError) as error:
        raise EdgecnnError(f"{measured_at!r} is no time") from error


def one_of(*values: object) -> FieldRule:
    """Return the rule for a field of few values.

    Args:
        values: The values.

    Example:
        >>> one_of(32, 64).words
        'one of 32, 64'
    """
    known = frozenset(values)
    return FieldRule(f"one of {', '.join(map(str, values))}", known.__contains__)


def _is_moment(text: str) -> bool:
    try:
        utc_text(text)
    except EdgecnnError:
        return False
    return True


FLAG = FieldRule("true or false", lambda value: True)
TEXT = FieldRule("a text", lambda value: True)
MOMENT = FieldRule("a moment of ISO 8601", _is_moment)
SHA256 = FieldRule("64 hexadecimal digits", lambda text: DIGEST.fullmatch(text) is not None)

WHOLE = FieldRule("a whole number", lambda value: abs(value) < WHOLE_NUMBERS_END)
COUNT = FieldRule("a whole number from 0", lambda value: 0 <= value < WHOLE_NUMBERS_END)
FROM_ONE = FieldRule("a whole number from 1", lambda value: 0 < value < WHOLE_NUMBERS_END)

FINITE = FieldRule("a finite number", math.isfinite)
AMOUNT = FieldRule(
    f"0, or a number from {SMALLEST:g} to {LARGEST:g},",
    lambda value: value == 0 or SMALLEST <= value <= LARGEST,
)
ABOVE_ZERO = FieldRule("a finite number above 0", lambda value: 0 < value < math.inf)
PERCENTAGE = FieldRule("a percentage from 0 to 100", lambda value: 0 <= value <= 100)
PROBABILITY = FieldRule("a probability from 0 to 1", lambda value: 0 <= value <= 1)

RULE_OF_TYPE: dict[type, FieldRule] = {bool: FLAG, str: TEXT, int: WHOLE, float: FINITE}
"""Type of a field -> its rule where the field states no narrower one."""
