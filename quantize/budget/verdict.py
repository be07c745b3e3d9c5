"""What a user is told of an accuracy budget; needs no numpy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edgecnn.accuracy.shares import normal_quantile
from edgecnn.core.errors import InputError
from edgecnn.core.messages import plain
from edgecnn.core.text import sample_noun
from edgecnn.records.interval import DECISION_CONFIDENCE, Interval, LatencyRatio

MOST_NAMES = 12
"""Most names of layers on a line; the JSON has all."""


@dataclass(frozen=True)
class BudgetUnit:
    """What a budget counts.

    Args:
        of: What a file loses some of.
        counts_images: Whether each image counts as a whole, right or wrong.
        one: The unit for 1, and ``many`` that for other numbers.
    """

    of: str
    counts_images: bool = False
    one: str = "point"
    many: str = "points"


BUDGET_UNITS = {
    "top-1": BudgetUnit("top-1", counts_images=True),
    "agreement": BudgetUnit("agreement with float", counts_images=True),
    "decisions": BudgetUnit("agreement with float on labels"),
    "pixels": BudgetUnit("agreement with float on pixels"),
    "steps": BudgetUnit("agreement with float on steps"),
    "variance": BudgetUnit("the variance of its answers", one="%", many="%"),
    "cosine": BudgetUnit("the cosine to float", one="%", many="%"),
}
"""What a drop is of -> how it is counted."""


@dataclass(frozen=True)
class BudgetOutcome:
    """What keeping a file within an accuracy budget took.

    Args:
        max_drop: The budget, in points or percent of what ``measure`` says.
        measure: What a drop is of: ``"top-1"``, ``"agreement"`` with the float file, or another key
            of :data:`BUDGET_UNITS`.
        images: On how many images the drop was measured.
        drop: What the file loses, in points.
        int8_drop: What the file with all layers in int8 loses, in points.
        uncertainty: Standard error of ``drop``, in points; 0 where it is not known.
        layers_in_float: Keras names of the layers that stay in float32.
        layers: Number of layers; None where the int8 file was within the budget.
        bytes: Size of the file, without what is packed behind it.
        int8_bytes: Size of the int8 file.
        float32_bytes: Size of the float32 file.
        bytes_over_int8: The file's size over the int8 file's.
        latency_over_int8: The file's latency over the int8 file's.
        latency_over_int8_low: Lower end of that ratio's 99 % interval; the ratio of an estimate.
        latency_over_int8_high: Upper end of that interval.
        latency_over_float32: The file's latency over the float32 file's.
        latency_over_float32_low: Lower end of that ratio's interval.
        latency_over_float32_high: Upper end of that ratio's interval.
        latency_source: Where the latencies are from: ``"estimated for arm64"``.
        tries: How many mixes were made; 0 where the int8 file was within the budget.
        are_images: Whether the drop was measured on images, and not on arrays.
    """

    max_drop: float
    measure: str
    images: int
    drop: float
    int8_drop: float
    uncertainty: float
    layers_in_float: tuple[str, ...]
    layers: int | None
    bytes: int
    int8_bytes: int
    float32_bytes: int
    bytes_over_int8: float
    latency_over_int8: float
    latency_over_int8_low: float
    latency_over_int8_high: float
    latency_over_float32: float
    latency_over_float32_low: float
    latency_over_float32_high: float
    latency_source: str
    tries: int
    are_images: bool = True

    @property
    def may_be_chance(self) -> bool:
        """Whether a file that is as good as the float file could have this drop of top-1.

        Each image on which the two files disagree lowers the agreement, so that is no chance.
        """
        half = normal_quantile(DECISION_CONFIDENCE) * self.uncertainty
        interval = Interval(self.drop, self.drop - half, self.drop + half)
        return self.measure == "top-1" and self.drop != 0 and not interval.is_different

    @property
    def over_int8(self) -> LatencyRatio:
        """The file's latency over the int8 file's, with its interval."""
        ends = self.latency_over_int8_low, self.latency_over_int8_high
        return LatencyRatio(self.latency_over_int8, *ends)

    @property
    def over_float32(self) -> LatencyRatio:
        """The file's latency over the float32 file's, with its interval."""
        ends = self.latency_over_float32_low, self.latency_over_float32_high
        return LatencyRatio(self.latency_over_float32, *ends)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        values: dict[str, Any] = plain(self)
        return values


def check_max_drop(points: float) -> None:
    """Raise InputError if a budget makes no sense.

    Args:
        points: Percentage points.
    """
    if not 0.0 <= points < 100.0:
        raise InputError(f"--max-drop is a number of points from 0 to below 100, not {points:g}")


def describe_budget(outcome: BudgetOutcome) -> list[str]:
    """Say in a few lines what stayed in float32 for a budget, and what that costs.

    Args:
        outcome: The outcome of a conversion with a budget.

    Example:
        >>> describe_budget(conversion.budget_outcome)[0]
        'within 1 point: 5 of 29 layers stay in float32: conv1, conv_dw_1, conv_pw_1'
    """
    in_float = outcome.layers_in_float
    within = f"within {amount(outcome.max_drop, outcome.measure)}"
    if not outcome.tries:
        return [f"{within} as it is: {_loss(outcome)}"]
    names = [*in_float[:MOST_NAMES], *(["..."] if len(in_float) > MOST_NAMES else [])]
    return [
        f"{within}: {len(in_float)} of {outcome.layers} layers stay in float32: {', '.join(names)}",
        f"{_loss(outcome)} (int8: {outcome.int8_drop:.2f}), {_costs(outcome)}",
    ]


def _loss(outcome: BudgetOutcome) -> str:
    """Say what is lost, by which measure, and on how many images."""
    unit, does = BUDGET_UNITS[outcome.measure], "gains" if outcome.drop < 0 else "loses"
    number = f"{abs(outcome.drop):.2f} {unit.many} of {unit.of}"
    lost = f"{does} {number} on {outcome.images} {_noun(outcome)}s"
    return f"{lost}, which may be chance" if outcome.may_be_chance else lost


def _noun(outcome: BudgetOutcome) -> str:
    return sample_noun(are_images=outcome.are_images)


def _costs(outcome: BudgetOutcome) -> str:
    return (
        f"{outcome.bytes / 1024:,.1f} KiB where int8 has {outcome.int8_bytes / 1024:,.1f} "
        f"({outcome.bytes_over_int8:.2f}x), {outcome.over_int8.text()} int8's time and "
        f"{outcome.over_float32.text()} float32's ({outcome.latency_source})"
    )


def amount(number: float, measure: str) -> str:
    """Show a number of what a budget counts.

    Args:
        number: The number.
        measure: A key of :data:`BUDGET_UNITS`.

    Example:
        >>> amount(1.0, "top-1")
        '1 point'
    """
    unit = BUDGET_UNITS[measure]
    return f"{number:g} {unit.one if number == 1 else unit.many}"


def budget_warnings(outcome: BudgetOutcome | None) -> list[str]:
    """Return what a user should know of a budget, one line each.

    Args:
        outcome: The outcome of a conversion; None if it had no budget.
    """
    if outcome is None:
        return []
    notes, one_image = [], 100.0 / outcome.images
    budget = amount(outcome.max_drop, outcome.measure)
    if BUDGET_UNITS[outcome.measure].counts_images and outcome.max_drop < one_image:
        notes.append(
            f"{budget} is less than one of {outcome.images} {_noun(outcome)}s "
            f"({one_image:.2f}): more of them would tell it better"
        )
    elif outcome.uncertainty > outcome.max_drop:
        notes.append(
            f"{outcome.images} {_noun(outcome)}s tell a drop to about {outcome.uncertainty:.1f} "
            "points (standard error): more of them would tell it better"
        )
    if outcome.bytes > outcome.float32_bytes / 2:
        notes.append(
            f"float16 is smaller, about {outcome.float32_bytes / 2048:,.0f} KiB, and hardly "
            "loses anything; it takes float32's time"
        )
    if outcome.tries:
        notes.append(
            "for accelerators that take integers alone use --all-int8 instead of --max-drop"
        )
    return notes


def describe_miss(
    most_drop: float, nearest: BudgetOutcome | None, measure: str = "agreement"
) -> str:
    """Say that no mix is within a budget, which came nearest, and what to try.

    Args:
        most_drop: The budget.
        nearest: The outcome of the mix that lost least; None where no mix is smaller and faster
            than float32.
        measure: What the budget counts, a key of :data:`BUDGET_UNITS`.
    """
    what = f"no mix of int8 and float32 is within {amount(most_drop, measure)}"
    advice = "try float16, images more like those it was trained on, or a larger --max-drop"
    if nearest is None:
        return f"{what}, and smaller and faster than float32: {advice}"
    return (
        f"{what}: the best that is smaller and faster than float32 {_loss(nearest)}, with "
        f"{len(nearest.layers_in_float)} of {nearest.layers} layers in float32, "
        f"{_costs(nearest)}: {advice}"
    )
