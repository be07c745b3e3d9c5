"""What a user is told of a file's fidelity; needs no numpy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgecnn.tflite.schemes import SCHEMES

RECOVERY_LEVELS = ("off", "fast", "full")
"""Levels of recovery: the plain file; what takes seconds; what may take longer."""

LEAST_AGREEMENT = 0.95
NEXT_LEVEL = {"off": ["--recover fast"], "fast": ["--recover full"], "none": ["--recover full"]}


def fidelity_warnings(
    scheme: str,
    fidelity: Mapping[str, Any] | None,
    budget: Mapping[str, Any] | None = None,
) -> list[str]:
    """Return what is special about a file, and a warning if its answers differ too often.

    Args:
        scheme: Name of the file's scheme.
        fidelity: As :class:`edgecnn.quantize.result.Conversion` has it.
        budget: As :class:`edgecnn.quantize.result.Conversion` has it; where there is one, it says
            by itself what it took.
    """
    agreement = fidelity["after"]["agreement"] if fidelity else None
    notes = []
    is_mixed = budget is not None and budget["tries"]
    if fidelity is not None and fidelity.get("float_front") and not is_mixed:
        front = fidelity["float_front"]
        notes.append(
            f"the first {len(front['results'])} layers are left in float32 for accuracy, which "
            f"takes {front['latency_ratio']:.2f}x the time ({front['latency_source']}): --all-int8 "
            "leaves none, as accelerators want that take integers alone"
        )
    if fidelity is not None and fidelity.get("reason"):
        notes.append(f"its accuracy could not be recovered: {fidelity['reason']}")
    if fidelity is None or agreement is None or agreement >= LEAST_AGREEMENT or budget:
        return notes
    steps = []
    if SCHEMES[scheme].is_calibrated:
        steps += NEXT_LEVEL.get(fidelity["recovery"], [])
        steps += ["--max-drop POINTS"] if SCHEMES[scheme].keeps_float else []
        steps.append("more or more varied images to calibrate on")
    steps.append("float16" if scheme != "float16" else "float32")
    return [
        *notes,
        f"its answer differs from the float model's for {100 * (1 - agreement):.1f} % of images: "
        f"try {', '.join(steps)}",
    ]


def describe_fidelity(fidelity: Mapping[str, Any]) -> str:
    """Say in one line how near a file's answers are to the float file's.

    Example:
        >>> describe_fidelity(conversion.fidelity)
        'agrees with float on 98.0 % of 100 images (plain 96.0 %), scores 24.1 dB (plain 16.3 dB)'
    """
    before, after = fidelity["before"], fidelity["after"]
    has_plain = fidelity["recovery"] in ("fast", "full")
    parts = []
    if after["agreement"] is not None:
        plain = f" (plain {100 * before['agreement']:.1f} %)" if has_plain else ""
        share = f"{100 * after['agreement']:.1f} % of {after['images']} images"
        parts.append(f"agrees with float on {share}{plain}")
    plain = f" (plain {_decibels(before)})" if has_plain else ""
    parts.append(f"scores {_decibels(after)}{plain}")
    if after["top1_percent"] is not None:
        parts.append(
            f"top-1 {after['top1_percent']:.1f} % (float {after['float_top1_percent']:.1f} %)"
        )
    return ", ".join(parts)


def _decibels(fidelity: Mapping[str, Any]) -> str:
    ratio = fidelity["sqnr_db"]
    return "equal" if ratio is None else f"{ratio:.1f} dB"
