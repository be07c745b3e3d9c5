"""What a user is told of a file's fidelity; needs no numpy."""

from __future__ import annotations

from collections.abc import Sequence

from edgecnn.core.text import counted, sample_noun
from edgecnn.quantize.recovery.kind_words import KIND_WORDS, describe_output
from edgecnn.quantize.recovery.proof import Fidelity, OutputFidelity, Proof
from edgecnn.tflite.schemes import Scheme

RECOVERY_LEVELS = ("off", "fast", "full")
"""Levels of recovery: none, the one that takes seconds, and the one that may take longer."""

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
    if proof.after.ties:
        notes.append(
            f"of {proof.after.images} answers {proof.after.ties} have several best classes, as "
            "256 levels tell no more apart: agreement and top-1 are of the scores before that"
        )
    if budget_tries is not None:
        return notes
    several = len(proof.after.outputs) > 1
    noun = sample_noun(are_images=proof.after.are_images)
    ways = ", ".join(_ways_out(scheme, proof.recovery, noun, all_int8=all_int8))
    for output in proof.after.outputs:
        differs = KIND_WORDS[output.kind].warning(output, proof.after.samples_text)
        if differs is not None:
            what = f"its output {output.name!r}" if several else "its answer"
            notes.append(f"{what} {differs}: try {ways}")
    return notes


def _ways_out(scheme: Scheme, level: str, noun: str, *, all_int8: bool) -> list[str]:
    """Return what to try for a file whose answers differ too often."""
    if not scheme.is_calibrated:
        return [scheme.more_exact]
    images = f"more or more varied {noun}s to calibrate on"
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
    has_plain = proof.recovery in ("fast", "full")
    return describe_fidelity(proof.after, proof.before if has_plain else None)


def describe_fidelity(found: Fidelity, plain: Fidelity | None = None) -> str:
    """Say in one line how near answers are to the float file's, each in the words of its kind.

    Args:
        found: The fidelity of a file.
        plain: The fidelity of the plain file, told beside it; None where nothing is told of that.

    Example:
        >>> describe_fidelity(conversion.proof.after)
        'agrees with float on 98.0 % of 100 images, scores 24.1 dB'
    """
    beside: Sequence[OutputFidelity | None] = [None] * len(found.outputs)
    if plain is not None:
        beside = plain.outputs
    parts = [
        f"{output.name}: {text}" if len(found.outputs) > 1 else text
        for output, other in zip(found.outputs, beside, strict=True)
        for text in [describe_output(output, other, found.samples_text)]
    ]
    if found.ties:
        tied = counted(found.ties, sample_noun(are_images=found.are_images))
        parts[-1] += f", its 8-bit answers tie the best classes of {tied}"
    if found.top1_percent is not None:
        float_top1 = found.float_top1_percent
        parts[-1] += f", top-1 {found.top1_percent:.1f} % (float {float_top1:.1f} %)"
    return "; ".join(parts)
