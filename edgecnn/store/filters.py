"""Which results: what lists, exports and deletions are limited to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from sqlalchemy import ColumnElement, and_, or_, select

from edgecnn.core.errors import InputError
from edgecnn.store.rows import name_of
from edgecnn.store.schema import results, tags

UNITS = {"d": "days", "h": "hours", "m": "minutes"}


@dataclass(frozen=True)
class Filter:
    """What a result must have; None where it does not matter.

    Args:
        ids: Numbers of results; empty for all.
        model: As it was given to bench, or its file's name; ``*`` stands for any characters.
        model_sha256: SHA-256 of the model's file.
        device: Name of the device.
        scheme: Quantisation scheme.
        threads: Threads of the runtime.
        tag: One of its tags.
        since: Measured then or later, as :func:`parse_since` gives it.
    """

    ids: tuple[int, ...] = ()
    model: str | None = None
    model_sha256: str | None = None
    device: str | None = None
    scheme: str | None = None
    threads: int | None = None
    tag: str | None = None
    since: str | None = None

    @property
    def is_empty(self) -> bool:
        """Whether it lets everything through."""
        return self == Filter()

    def conditions(self) -> list[ColumnElement[bool]]:
        """Return what a row must fulfil."""
        made: list[ColumnElement[bool]] = []
        if self.ids:
            made.append(results.c.id.in_(self.ids))
        for name in ("model_sha256", "device", "scheme", "threads"):
            value = getattr(self, name)
            if value is not None:
                made.append(results.c[name] == value)
        if self.since is not None:
            made.append(results.c.measured_at >= self.since)
        if self.tag is not None:
            tagged = select(tags.c.result_id).where(tags.c.tag == self.tag)
            made.append(results.c.id.in_(tagged))
        if self.model is not None:
            made.append(_model_is(self.model))
        return made


def _model_is(wanted: str) -> ColumnElement[bool]:
    if "*" in wanted:
        pattern = re.sub(r"([%_\\])", r"\\\1", wanted).replace("*", "%")
        column = results.c.model if "/" in wanted else results.c.name
        return column.like(pattern, escape="\\")
    # By name first: it has an index.
    return and_(
        results.c.name == name_of(wanted), or_(results.c.model == wanted, results.c.name == wanted)
    )


def parse_since(text: str, now: datetime | None = None) -> str:
    """Return a time in UTC from a date, a time, or an age.

    Args:
        text: ``2026-11-25``, ``2026-11-25T14:00`` (local time), or ``7d``, ``12h``, ``30m``.
        now: The present, for tests.

    Raises:
        InputError: It is none of them.

    Example:
        >>> parse_since("2026-11-25T14:00+00:00")
        '2026-11-25T14:00:00+00:00'
    """
    try:
        if age := re.fullmatch(r"(\d{1,6})([dhm])", text.strip()):
            span = timedelta(**{UNITS[age[2]]: int(age[1])})
            moment = (now or datetime.now(timezone.utc)) - span
        else:
            moment = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
        return moment.astimezone(timezone.utc).isoformat(timespec="seconds")
    except (ValueError, OverflowError):
        raise InputError(
            f"{text!r} is no time: 2026-11-25, 2026-11-25T14:00, or an age as 7d, 12h, 30m"
        ) from None
