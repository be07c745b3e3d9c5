"""What a user is told of an accuracy budget; needs no numpy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgecnn.core.errors import InputError

MOST_NAMES = 12
"""Most names of layers on a line; the JSON has all."""


def check_max_drop(points: float) -> None:
    """Raise InputError if a budget makes no sense.

    Args:
        points: Percentage points.
    """
    if not 0.0 <= points < 100.0:
        raise InputError(f"--max-drop is a number of points from 0 to below 100, not {points:g}")


def describe_budget(budget: Mapping[str, Any]) -> list[str]:
    """Say in a few lines what stayed in float32 for a budget, and what that costs.

    Args:
        budget: The ``budget`` of :class:`edgecnn.quantize.result.Conversion`.

    Example:
        >>> describe_budget(conversion.budget)[0]
        'within 1 point: 5 of 29 layers stay in float32: conv1, conv_dw_1, conv_pw_1'
    """
    in_float = budget["layers_in_float"]
    within = f"within {points(budget['max_drop'])}"
    if not budget["tries"]:
        return [f"{within} as it is: {_loss(budget)}"]
    names = [*in_float[:MOST_NAMES], *(["..."] if len(in_float) > MOST_NAMES else [])]
    return [
        f"{within}: {len(in_float)} of {budget['layers']} layers stay in float32: "
        f"{', '.join(names)}",
        f"{_loss(budget)} (int8: {budget['int8_drop']:.2f}), {_costs(budget)}",
    ]


def _loss(budget: Mapping[str, Any]) -> str:
    """Say what is lost, by which measure, and on how many images."""
    what = "top-1" if budget["measure"] == "top-1" else "agreement with float"
    does = "gains" if budget["drop"] < 0 else "loses"
    return f"{does} {abs(budget['drop']):.2f} points of {what} on {budget['images']} images"


def _costs(budget: Mapping[str, Any]) -> str:
    return (
        f"{budget['bytes'] / 1024:,.1f} KiB where int8 has {budget['int8_bytes'] / 1024:,.1f} "
        f"({budget['bytes_over_int8']:.2f}x), {budget['latency_over_int8']:.2f}x int8's time and "
        f"{budget['latency_over_float32']:.2f}x float32's ({budget['latency_source']})"
    )


def points(number: float) -> str:
    """Show a number of points.

    Example:
        >>> points(1.0)
        '1 point'
    """
    return f"{number:g} point" if number == 1 else f"{number:g} points"


def budget_warnings(budget: Mapping[str, Any] | None) -> list[str]:
    """Return what a user should know of a budget, one line each.

    Args:
        budget: The ``budget`` of :class:`edgecnn.quantize.result.Conversion`.
    """
    if budget is None:
        return []
    notes, one_image = [], 100.0 / budget["images"]
    if budget["max_drop"] < one_image:
        notes.append(
            f"{points(budget['max_drop'])} is less than one of {budget['images']} images "
            f"({one_image:.2f}): more of them would tell it better"
        )
    elif budget["uncertainty"] > budget["max_drop"]:
        notes.append(
            f"{budget['images']} images tell a drop to about {budget['uncertainty']:.1f} points "
            "(standard error): more of them would tell it better"
        )
    if budget["bytes"] > budget["float32_bytes"] / 2:
        notes.append(
            f"float16 is smaller, about {budget['float32_bytes'] / 2048:,.0f} KiB, and hardly "
            "loses anything; it takes float32's time"
        )
    if budget["tries"]:
        notes.append(
            "for accelerators that take integers alone use --all-int8 instead of --max-drop"
        )
    return notes


def describe_miss(most_drop: float, nearest: Mapping[str, Any] | None) -> str:
    """Say that no mix is within a budget, which came nearest, and what to try.

    Args:
        most_drop: The budget in points.
        nearest: The ``budget`` of the mix that lost least; None where no mix is smaller and faster
            than float32.
    """
    what = f"no mix of int8 and float32 is within {points(most_drop)}"
    advice = "try float16, images more like those it was trained on, or a larger --max-drop"
    if nearest is None:
        return f"{what}, and smaller and faster than float32: {advice}"
    return (
        f"{what}: the best that is smaller and faster than float32 {_loss(nearest)}, with "
        f"{len(nearest['layers_in_float'])} of {nearest['layers']} layers in float32, "
        f"{_costs(nearest)}: {advice}"
    )
