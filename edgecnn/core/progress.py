"""The callback that long work reports its progress to."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Is told (phase, done, total); total is 0 for a phase whose length is not known."""


def prefixed(on_progress: Progress, prefix: str) -> Progress:
    """Return a callback that puts a text before each phase."""
    return lambda phase, done, total: on_progress(prefix + phase, done, total)


def silent(phase: str, done: int, total: int) -> None:
    """Report progress to nobody."""
