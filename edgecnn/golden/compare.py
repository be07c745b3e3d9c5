"""Whether answers are those of the golden sample: identical, close, or different and where."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from edgecnn.golden.packed_numbers import sha256_of_array
from edgecnn.golden.sample import GoldenAnswer, GoldenOutput, Scores
from edgecnn.tflite.schemes import INTEGER_TOLERANCE, SCHEMES, AnswerTolerance

IDENTICAL, CLOSE, DIFFERENT = "identical", "close", "different"
VERDICTS = (IDENTICAL, CLOSE, DIFFERENT)
"""The verdicts, the best first."""

LEAST_UNIT = 1e-6
"""Least number that a tolerance is a share of, where all numbers of an output are nearly 0."""


def tolerance_of(scheme: str) -> AnswerTolerance:
    """Return how far answers may differ for a file of a scheme, as ``TfliteModel.scheme`` has it.

    Example:
        >>> tolerance_of("float32").score
        0.001
    """
    return SCHEMES[scheme].tolerance if scheme in SCHEMES else INTEGER_TOLERANCE


@dataclass(frozen=True)
class ComparedAnswers:
    """How the answers of an output are compared.

    Args:
        name: Name of the output.
        kind: What the output is, the value of its ``OutputKind``.
        golden: What is kept of the output.
        largest: The largest number of all its golden answers, without its sign.
        holds_indices: Whether its numbers are indices, which are right or wrong.
    """

    name: str
    kind: str
    golden: GoldenOutput
    largest: float
    holds_indices: bool = False

    def unit(self, answer: GoldenAnswer) -> float:
        """Return what a tolerance of 1 is for an answer.

        Scores are probabilities, or logits, of which it is a share of the largest. Of other
        numbers it always is.
        """
        if self.golden.keeps_best:
            return max(1.0, float(np.abs(answer.values).max()))
        return max(LEAST_UNIT, self.largest)


@dataclass(frozen=True)
class GoldenComparison:
    """A new answer of one output compared with the golden one.

    Args:
        pattern: Pattern of what went in.
        output: Name of the output.
        kind: What the output is, as ``--task`` says it, or ``"unknown"``.
        verdict: ``"identical"``, ``"close"`` or ``"different"``.
        largest_difference: Largest difference of a number; None where the answer is not finite.
        at: The place of the number that differs the most, in a row of scores a class; None where no
            number differs, or the answer is not finite.
        unit: What the tolerance is a share of.
        differing_share: Of indices, the share of the kept ones that differ; None of other numbers.
        golden_top1: The best class when the file was made; None of outputs that are no scores.
        golden_score: Score of the best class when the file was made.
        top1: The best class of the new answer.
        score: Score of the best class of the new answer.
    """

    pattern: str
    output: str
    kind: str
    verdict: str
    largest_difference: float | None
    at: int | None
    unit: float = 1.0
    differing_share: float | None = None
    golden_top1: int | None = None
    golden_score: float | None = None
    top1: int | None = None
    score: float | None = None

    @property
    def same_top1(self) -> bool:
        """Whether the best class is the same; True of outputs that are no scores."""
        return self.top1 == self.golden_top1


def compare_answers(
    pattern: str,
    golden: GoldenAnswer,
    answer: Scores,
    tolerance: AnswerTolerance,
    output: ComparedAnswers,
) -> GoldenComparison:
    """Compare an answer with the golden one to the same inputs.

    Args:
        pattern: Pattern of what went in.
        golden: The answer that the file holds.
        answer: All numbers of the new answer, float32, in one row.
        tolerance: How far the numbers of a close answer may differ.
        output: How the output is compared.

    Example:
        >>> compare_answers("ball", golden, answer, tolerance_of("int8"), output).verdict
        'close'
    """
    differences = _differences(golden, answer, output) if np.isfinite(answer).all() else None
    largest = None if differences is None else float(differences.max())
    if sha256_of_array(answer) == golden.output_sha256:
        verdict = IDENTICAL
    elif differences is None:
        verdict = DIFFERENT
    else:
        verdict = CLOSE if _is_close(golden, answer, differences, tolerance, output) else DIFFERENT
    at = int(differences.argmax()) if differences is not None and largest else None
    if at is not None and not output.golden.keeps_best:
        at = int(golden.places[at])
    share = None
    if output.holds_indices and differences is not None:
        share = _differing_share(differences)
    found = GoldenComparison(
        pattern, output.name, output.kind, verdict, largest, at, output.unit(golden), share
    )
    return _with_best(found, golden, answer) if output.golden.keeps_best else found


def _with_best(found: GoldenComparison, golden: GoldenAnswer, answer: Scores) -> GoldenComparison:
    top1 = _best(answer)
    return replace(
        found,
        golden_top1=golden.top1,
        golden_score=float(golden.values[0]),
        top1=top1,
        score=float(answer[top1]),
    )


def _best(answer: Scores) -> int:
    return int(np.where(np.isnan(answer), -np.inf, answer).argmax())


def _differences(
    golden: GoldenAnswer, answer: Scores, output: ComparedAnswers
) -> npt.NDArray[np.float64]:
    """Return how much each number differs: of the kept ones, or of a row of scores all.

    A score that the golden answer leaves out was at most its lowest one, and differs by what it is
    above that.
    """
    kept = np.abs(answer[golden.places].astype(np.float64) - golden.values)
    if not output.golden.keeps_best:
        return kept
    lowest = float(golden.values[-1])
    differences = np.maximum(answer.astype(np.float64) - lowest, 0.0)
    differences[golden.places] = kept
    return differences


def _differing_share(differences: npt.NDArray[np.float64]) -> float:
    return float((differences > 0).mean())


def _is_close(
    golden: GoldenAnswer,
    answer: Scores,
    differences: npt.NDArray[np.float64],
    tolerance: AnswerTolerance,
    output: ComparedAnswers,
) -> bool:
    if output.holds_indices:
        return _differing_share(differences) <= tolerance.score
    unit = output.unit(golden)
    if float(differences.max()) > tolerance.score * unit:
        return False
    top1 = _best(answer)
    if not output.golden.keeps_best or top1 == golden.top1:
        return True
    # Nearly equal classes may change places, as those of a model with random weights do.
    place = np.flatnonzero(golden.places == top1)
    was = float(golden.values[place[0] if len(place) else -1])
    return float(golden.values[0]) - was <= tolerance.lead * unit
