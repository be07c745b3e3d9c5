"""What became of measuring a model's preprocessing; needs no numpy."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ReadingMeasured:
    """What became of measuring a model's preprocessing.

    Args:
        preset: The preprocessing that wins clearly; None where none does.
        evidence: What was measured, in words; empty where nothing could be.
    """

    preset: str | None = None
    evidence: str = ""
