"""What a user is told of a file's fidelity; needs no numpy."""

from __future__ import annotations

import math

from edgecnn.quantize.recovery.proof import Fidelity, Proof
from edgecnn.tflite.schemes import Scheme

RECOVERY_LEVELS = ("off", "fast", "full")
"""Levels of recovery: none, the one that takes seconds, and the one that may take longer."""

LEAST_AGREEMENT = 0.95
"""Agreement with the float model below which a user is warned."""
NEXT_LEVEL = {"off": ["--recover fast"], "fast": ["--recover full"], "none": ["--recover full"]}


def fidelity_warnings(
    scheme: Scheme,
    proof: Proof | None,
    budget_tries: int | None = None,
    *,
    all_int8: bool = False,
) -> list[str]:
    """Return what is special about a file, and a warning if its answers differ too often.

    Args:
        scheme: The file's scheme.
        proof: The file's proof; None if no image is held out.
        budget_tries: How many mixes keeping within a budget took; None without a budget. The
            budget's own lines tell of lost accuracy and of the layers of a mix in float32.
        all_int8: Whether no op may compute in float32.
    """
    if proof is None:
        return []
    notes, front = [], proof.float_front
    if front is not None and not budget_tries:
        notes.append(
            f"the first {len(front.results)} layers are left in float32 for accuracy, which "
            f"takes {front.latency_text} the time ({front.latency_source}): --all-int8 "
            "leaves none, as accelerators want that take integers alone"
        )
    if proof.reason:
        notes.append(f"its accuracy could not be recovered: {proof.reason}")
    agreement = proof.after.agreement
    ways = _ways_out(scheme, proof.recovery, all_int8=all_int8)
    if proof.after.ties:
        notes.append(
            f"of {proof.after.images} answers {proof.after.ties} have several best classes, as "
            "256 levels tell no more apart: agreement and top-1 are of the scores before that"
        )
    if agreement is not None and agreement < LEAST_AGREEMENT and budget_tries is None:
        notes.append(
            f"its answer differs from the float model's for {100 * (1 - agreement):.1f} % of "
            f"{proof.after.images} images: try {', '.join(ways)}"
        )
    return notes


def _ways_out(scheme: Scheme, level: str, *, all_int8: bool) -> list[str]:
    """Return what to try for a file whose answers differ too often."""
    if not scheme.is_calibrated:
        return [scheme.more_exact]
    images = "more or more varied images to calibrate on"
    if all_int8:
        return [*NEXT_LEVEL.get(level, []), images]
    budget = ["--max-drop POINTS"] if scheme.keeps_float else []
    return [*NEXT_LEVEL.get(level, []), *budget, images, scheme.more_exact]


def describe_proof(proof: Proof) -> str:
    """Say in one line how near a file's answers are to the float file's.

    Args:
        proof: The file's proof.

    Example:
        >>> describe_proof(conversion.proof)
        'agrees with float on 98.0 % of 100 images (plain 96.0 %), scores 24.1 dB (plain 16.3 dB)'
    """
    before, after = proof.before, proof.after
    has_plain = proof.recovery in ("fast", "full")
    parts = []
    if after.agreement is not None and before.agreement is not None:
        plain = f" (plain {100 * before.agreement:.1f} %)" if has_plain else ""
        parts.append(
            f"agrees with float on {100 * after.agreement:.1f} % of {after.images} images{plain}"
        )
    plain = f" (plain {_decibels(before)})" if has_plain else ""
    parts.append(f"scores {_decibels(after)}{plain}")
    if after.ties:
        images = f"{after.ties} image{'s' if after.ties > 1 else ''}"
        parts.append(f"its 8-bit answers tie the best classes of {images}")
    if after.top1_percent is not None:
        parts.append(f"top-1 {after.top1_percent:.1f} % (float {after.float_top1_percent:.1f} %)")
    return ", ".join(parts)


def _decibels(fidelity: Fidelity) -> str:
    return f"{fidelity.sqnr_db:.1f} dB" if math.isfinite(fidelity.sqnr_db) else "equal"
