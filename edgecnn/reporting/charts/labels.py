"""Places for the names of points, so that no name lies upon another name or a point."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

PLANNED_WIDTH, PLANNED_HEIGHT, PLANNED_MARGIN = 560, 340, 28
"""Pixels of the chart that places are planned for; in a wider chart names are further apart."""

LETTER_WIDTH, LINE_HEIGHT = 6.2, 13
"""Pixels of a letter and of a line of small print."""

DISTANCE = 12
"""Pixels between a point and its name."""


@dataclass(frozen=True)
class LabelPlace:
    """Place of a name beside its point.

    Args:
        dx: Pixels from the point to the right.
        dy: Pixels from the point downwards.
        align: Part of the name that stands at this place: ``"left"``, ``"center"`` or ``"right"``.
    """

    dx: int
    dy: int
    align: str


LABEL_PLACES = (
    LabelPlace(DISTANCE, 0, "left"),
    LabelPlace(-DISTANCE, 0, "right"),
    LabelPlace(0, -DISTANCE - 4, "center"),
    LabelPlace(0, DISTANCE + 4, "center"),
    LabelPlace(DISTANCE, -LINE_HEIGHT - 1, "left"),
    LabelPlace(DISTANCE, LINE_HEIGHT + 1, "left"),
    LabelPlace(-DISTANCE, -LINE_HEIGHT - 1, "right"),
    LabelPlace(-DISTANCE, LINE_HEIGHT + 1, "right"),
)

Box = tuple[float, float, float, float]
Point = tuple[float, float]


def place_names(
    points: Sequence[Point], names: Sequence[str], ends: Sequence[Point] = ()
) -> list[LabelPlace | None]:
    """Return a place beside each point for its name; None where there is no room.

    Args:
        points: x and y of all points, in any unit that is linear on the chart.
        names: Name of each point; empty for a point without a name, on which no name is put, too.
        ends: Further places that the chart shows, such as ends of intervals, in the same units.

    Example:
        >>> place_names([(0, 0), (1, 1)], ["first", "last"])
        [LabelPlace(dx=12, dy=0, align='left'), LabelPlace(dx=-12, dy=0, align='right')]
    """
    spots = _in_pixels(points, [*points, *ends])
    taken: list[Box] = [(x - 5, y - 5, x + 5, y + 5) for x, y in spots]
    places: list[LabelPlace | None] = []
    for number, (spot, name) in enumerate(zip(spots, names, strict=True)):
        others = taken[:number] + taken[number + 1 :]
        free = (p for p in LABEL_PLACES if name and _is_free(_box(spot, name, p), others))
        place = next(free, None)
        places.append(place)
        if place:
            taken.append(_box(spot, name, place))
    return places


def logarithm(value: float) -> float:
    """Return a value's place on a logarithmic axis.

    Args:
        value: The value; anything below 1e-9 counts as 1e-9.
    """
    return math.log(max(value, 1e-9))


def _in_pixels(points: Sequence[Point], shown: Sequence[Point]) -> list[Point]:
    """Scale points to a chart of all that is shown; y grows downwards."""
    if not points:
        return []
    (low_x, high_x), (low_y, high_y) = ((min(v), max(v)) for v in zip(*shown, strict=True))
    across, up = high_x - low_x or 1, high_y - low_y or 1
    width, height = PLANNED_WIDTH - 2 * PLANNED_MARGIN, PLANNED_HEIGHT - 2 * PLANNED_MARGIN
    return [
        (
            PLANNED_MARGIN + (x - low_x) / across * width,
            PLANNED_HEIGHT - PLANNED_MARGIN - (y - low_y) / up * height,
        )
        for x, y in points
    ]


def _box(spot: Point, name: str, place: LabelPlace) -> Box:
    wide = LETTER_WIDTH * len(name)
    x, y = spot[0] + place.dx, spot[1] + place.dy
    left = {"left": x, "right": x - wide, "center": x - wide / 2}[place.align]
    return left, y - LINE_HEIGHT / 2, left + wide, y + LINE_HEIGHT / 2


def _is_free(box: Box, others: Sequence[Box]) -> bool:
    left, top, right, bottom = box
    inside = left >= 0 and right <= PLANNED_WIDTH and top >= 0 and bottom <= PLANNED_HEIGHT
    return inside and not any(
        left < other[2] and other[0] < right and top < other[3] and other[1] < bottom
        for other in others
    )
