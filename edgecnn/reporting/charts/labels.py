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
Line = tuple[Point, Point]


def place_names(
    points: Sequence[Point], names: Sequence[str], lines: Sequence[Line] = ()
) -> list[LabelPlace | None]:
    """Return a place beside each point for its name; None where there is no room.

    A name lies on a line only if all places beside its point do.

    Args:
        points: x and y of all points, in any unit that is linear on the chart.
        names: Name of each point; empty for a point without a name, on which no name is put, too.
        lines: Both ends of each horizontal or vertical line of the chart, in the same units.

    Example:
        >>> place_names([(0, 0), (1, 1)], ["first", "last"])
        [LabelPlace(dx=12, dy=0, align='left'), LabelPlace(dx=-12, dy=0, align='right')]
    """
    ends = [end for line in lines for end in line]
    spots = _in_pixels([*points, *ends])
    drawn = [_line_box(*spots[place : place + 2]) for place in range(len(points), len(spots), 2)]
    spots = spots[: len(points)]
    taken: list[Box] = [(x - 5, y - 5, x + 5, y + 5) for x, y in spots]
    places: list[LabelPlace | None] = []
    for number, (spot, name) in enumerate(zip(spots, names, strict=True)):
        others = taken[:number] + taken[number + 1 :]
        free = [p for p in LABEL_PLACES if name and _is_free(_box(spot, name, p), others)]
        clear = (p for p in free if _is_free(_box(spot, name, p), drawn))
        place = next(clear, free[0] if free else None)
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


def _in_pixels(points: Sequence[Point]) -> list[Point]:
    """Scale points to the chart; y grows downwards."""
    if not points:
        return []
    (low_x, high_x), (low_y, high_y) = ((min(v), max(v)) for v in zip(*points, strict=True))
    across, up = high_x - low_x or 1, high_y - low_y or 1
    width, height = PLANNED_WIDTH - 2 * PLANNED_MARGIN, PLANNED_HEIGHT - 2 * PLANNED_MARGIN
    return [
        (
            PLANNED_MARGIN + (x - low_x) / across * width,
            PLANNED_HEIGHT - PLANNED_MARGIN - (y - low_y) / up * height,
        )
        for x, y in points
    ]


def _line_box(one: Point, other: Point) -> Box:
    (x, y), (to_x, to_y) = one, other
    return min(x, to_x) - 1, min(y, to_y) - 1, max(x, to_x) + 1, max(y, to_y) + 1


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
