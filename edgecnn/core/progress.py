"""Telling how far long work is."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Told (phase, done, total); a phase without known length has total 0."""


def silent(phase: str, done: int, total: int) -> None:
    """Tell nobody."""
