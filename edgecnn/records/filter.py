"""A filter: which results are listed, reported, exported or deleted."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from fnmatch import fnmatchcase
from pathlib import PurePath
from typing import Any, TypedDict

from edgecnn.core.errors import EdgecnnError, InputError, check_keywords
from edgecnn.records.record import Outline
from edgecnn.records.rules import utc_text

AGE_UNITS = {"d": "days", "h": "hours", "m": "minutes"}


class FilterKeywords(TypedDict, total=False):
    """What users may ask of a result, each None by default; :class:`Filter` says what each means.

    ``since`` is a date, a time or an age, as :func:`parse_since` takes it.
    """

    model: str | None
    device: str | None
    scheme: str | None
    threads: int | None
    tag: str | None
    since: str | None


@dataclass(frozen=True)
class Filter:
    """What a result must have; None where it does not matter.

    :func:`edgecnn.store.query.where` turns it into SQL, which selects the same results.

    Args:
        ids: Numbers of results in the store; empty for all.
        model: Path or name that was measured, or the file's name. ``*`` stands for any characters;
            a pattern with a ``/`` is compared with the path, any other with the name.
        model_sha256: SHA-256 of the model's file.
        device: Name of the device.
        scheme: Quantisation scheme.
        threads: Threads of the runtime.
        tag: One of the result's tags.
        since: Earliest moment of the measurement, as :func:`parse_since` gives it.
    """

    ids: tuple[int, ...] = ()
    model: str | None = None
    model_sha256: str | None = None
    device: str | None = None
    scheme: str | None = None
    threads: int | None = None
    tag: str | None = None
    since: str | None = None

    @classmethod
    def of(cls, *, since: str | None = None, **fields: Any) -> Filter:
        """Return a filter from what a user says.

        Args:
            since: A time or an age, as :func:`parse_since` takes it.
            fields: Values of the other fields by their names.

        Raises:
            InputError: The time cannot be read.
            TypeError: There is no such field.

        Example:
            >>> Filter.of(tag="before", since="7d").tag
            'before'
        """
        check_keywords(fields, of=cls)
        return cls(since=None if since is None else parse_since(since), **fields)

    @property
    def is_empty(self) -> bool:
        """Whether the filter lets everything through."""
        return self == Filter()

    @property
    def has_pattern(self) -> bool:
        """Whether the model is a pattern."""
        return "*" in (self.model or "")

    @property
    def is_about_path(self) -> bool:
        """Whether the pattern of the model is compared with the path, not with the name."""
        return "/" in (self.model or "")

    def equal_fields(self) -> dict[str, object]:
        """Return the fields of a record that must have a certain value, with that value."""
        names = ("model_sha256", "device", "scheme", "threads")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}

    def matches(
        self, record: Outline, number: int | None = None, tags: Collection[str] = ()
    ) -> bool:
        """Return whether a result is let through.

        Args:
            record: At least the outline of the record.
            number: Number of the result in the store; None of a record that is not kept there.
            tags: Tags of the result.

        Example:
            >>> Filter(model="*_int8.tflite", threads=1).matches(record)
            True
        """
        return (
            (not self.ids or number in self.ids)
            and (self.tag is None or self.tag in tags)
            and (self.since is None or utc_text(record.measured_at) >= self.since)
            and all(getattr(record, name) == value for name, value in self.equal_fields().items())
            and (self.model is None or self._has_model(record.model))
        )

    def _has_model(self, model: str) -> bool:
        name = name_of(model)
        if not self.has_pattern:
            return self.model in (model, name)
        return fnmatchcase(model if self.is_about_path else name, glob_pattern(str(self.model)))


def glob_pattern(pattern: str) -> str:
    """Return a glob pattern that matches ``?`` and ``[`` literally; only the star is special.

    Example:
        >>> glob_pattern("a[1]*")
        'a[[]1]*'
    """
    return re.sub(r"([\[?])", r"[\1]", pattern)


def name_of(model: str) -> str:
    """Return the name of a file, by which its results are found from any folder.

    Example:
        >>> name_of("nets/model.tflite")
        'model.tflite'
    """
    return PurePath(model).name[:255]


def parse_since(text: str, now: datetime | None = None) -> str:
    """Return a time in UTC from a date, a time, or an age.

    Args:
        text: ``2026-11-25``, ``2026-11-25T14:00`` (local time), or ``7d``, ``12h``, ``30m``.
        now: The present, for tests.

    Raises:
        InputError: The text is no date, time or age.

    Example:
        >>> parse_since("2026-11-25T14:00+00:00")
        '2026-11-25T14:00:00+00:00'
    """
    try:
        if age := re.fullmatch(r"(\d{1,6})([dhm])", text.strip()):
            moment = now or datetime.now(timezone.utc)
            text = (moment - timedelta(**{AGE_UNITS[age[2]]: int(age[1])})).isoformat()
        return utc_text(text.strip())
    except (EdgecnnError, OverflowError):
        raise InputError(
            f"{text!r} is no time: 2026-11-25, 2026-11-25T14:00, or an age as 7d, 12h, 30m"
        ) from None
