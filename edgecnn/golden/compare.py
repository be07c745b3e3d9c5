"""Whether answers are those of the golden sample: identical, close, or different and where."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgecnn.golden.sample import GoldenAnswer, Scores, sha256_of_array
from edgecnn.tflite.schemes import INTEGER_TOLERANCE, SCHEMES, AnswerTolerance

IDENTICAL, CLOSE, DIFFERENT = "identical", "close", "different"
VERDICTS = (IDENTICAL, CLOSE, DIFFERENT)
"""The verdicts, the best first."""


def tolerance_of(scheme: str) -> AnswerTolerance:
    """Return how far answers may differ for a file of a scheme, as ``TfliteModel.scheme`` has it.

    Example:
        >>> tolerance_of("float32").score
        0.001
    """
    return SCHEMES[scheme].tolerance if scheme in SCHEMES else INTEGER_TOLERANCE


@dataclass(frozen=True)
class GoldenComparison:
    """A new answer compared with the golden one.

    Args:
        pattern: Pattern of the golden picture.
        verdict: ``"identical"``, ``"close"`` or ``"different"``.
        largest_difference: Largest difference of a score; None where the answer is not finite.
        at: The class whose score differs the most; None where no score differs, or the answer is
            not finite.
        golden_top1: The best class when the file was made.
        golden_score: Score of the best class when the file was made.
        top1: The best class of the new answer.
        score: Score of the best class of the new answer.
    """

    pattern: str
    verdict: str
    largest_difference: float | None
    at: int | None
    golden_top1: int
    golden_score: float
    top1: int
    score: float

    @property
    def same_top1(self) -> bool:
        """Whether the best class is the same."""
        return self.top1 == self.golden_top1


def compare_answers(
    golden: GoldenAnswer, answer: Scores, tolerance: AnswerTolerance
) -> GoldenComparison:
    """Compare an answer with the golden one of the same picture.

    Args:
        golden: The answer that the file holds.
        answer: All scores of the new answer, float32, shape (classes,).
        tolerance: How far the scores of a close answer may differ.

    Example:
        >>> compare_answers(golden, answer, tolerance_of("int8")).verdict
        'close'
    """
    top1 = int(np.where(np.isnan(answer), -np.inf, answer).argmax())
    differences = _differences(golden, answer) if np.isfinite(answer).all() else None
    largest = None if differences is None else float(differences.max())
    if sha256_of_array(answer) == golden.output_sha256:
        verdict = IDENTICAL
    else:
        verdict = CLOSE if _is_close(golden, top1, largest, tolerance) else DIFFERENT
    return GoldenComparison(
        pattern=golden.pattern,
        verdict=verdict,
        largest_difference=largest,
        at=int(differences.argmax()) if differences is not None and largest else None,
        golden_top1=golden.top1,
        golden_score=float(golden.values[0]),
        top1=top1,
        score=float(answer[top1]),
    )


def _differences(golden: GoldenAnswer, answer: Scores) -> npt.NDArray[np.float64]:
    """Return how much each score differs.

    A score that the golden answer leaves out was at most its lowest one, and differs by what it is
    above that.
    """
    lowest = float(golden.values[-1])
    differences = np.maximum(answer.astype(np.float64) - lowest, 0.0)
    differences[golden.classes] = np.abs(answer[golden.classes].astype(np.float64) - golden.values)
    return differences


def _is_close(
    golden: GoldenAnswer, top1: int, largest: float | None, tolerance: AnswerTolerance
) -> bool:
    unit = max(1.0, float(np.abs(golden.values).max()))
    if largest is None or largest > tolerance.score * unit:
        return False
    if top1 == golden.top1:
        return True
    # Nearly equal classes may change places, as those of a model with random weights do.
    place = np.flatnonzero(golden.classes == top1)
    was = float(golden.values[place[0] if len(place) else -1])
    return float(golden.values[0]) - was <= tolerance.lead * unit
