"""Where the names of points go, so that none lies upon another name or point."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT, ROOM = 560, 340, 28
"""Pixels of the chart that is planned for; a wider one only moves names further apart."""

LETTER, LINE = 6.2, 13
"""Pixels of a letter and of a line of small print."""

AWAY = 12
"""Pixels between a point and its name."""


@dataclass(frozen=True)
class Place:
    """Where a name is drawn: pixels from its point, and which side of it stands there."""

    dx: int
    dy: int
    align: str


PLACES = (
    Place(AWAY, 0, "left"),
    Place(-AWAY, 0, "right"),
    Place(0, -AWAY - 4, "center"),
    Place(0, AWAY + 4, "center"),
    Place(AWAY, -LINE - 1, "left"),
    Place(AWAY, LINE + 1, "left"),
    Place(-AWAY, -LINE - 1, "right"),
    Place(-AWAY, LINE + 1, "right"),
)

Box = tuple[float, float, float, float]
Point = tuple[float, float]


def place_names(points: Sequence[Point], names: Sequence[str]) -> list[Place | None]:
    """Find a place beside each point for its name, None where there is no room.

    Args:
        points: x and y of all points, in any unit that is linear on the chart.
        names: One a point; empty for a point without a name, which names keep off, too.

    Example:
        >>> place_names([(0, 0), (1, 1)], ["first", "last"])
        [Place(dx=12, dy=0, align='left'), Place(dx=-12, dy=0, align='right')]
    """
    spots = _in_pixels(points)
    taken: list[Box] = [(x - 5, y - 5, x + 5, y + 5) for x, y in spots]
    found: list[Place | None] = []
    for number, (spot, name) in enumerate(zip(spots, names, strict=True)):
        others = taken[:number] + taken[number + 1 :]
        place = next((p for p in PLACES if name and _is_free(_box(spot, name, p), others)), None)
        found.append(place)
        if place:
            taken.append(_box(spot, name, place))
    return found


def _in_pixels(points: Sequence[Point]) -> list[Point]:
    """Scale points to the chart; y grows downwards."""
    if not points:
        return []
    (low_x, high_x), (low_y, high_y) = ((min(v), max(v)) for v in zip(*points, strict=True))
    across, up = high_x - low_x or 1, high_y - low_y or 1
    return [
        (
            ROOM + (x - low_x) / across * (WIDTH - 2 * ROOM),
            HEIGHT - ROOM - (y - low_y) / up * (HEIGHT - 2 * ROOM),
        )
        for x, y in points
    ]


def _box(spot: Point, name: str, place: Place) -> Box:
    wide = LETTER * len(name)
    x, y = spot[0] + place.dx, spot[1] + place.dy
    left = {"left": x, "right": x - wide, "center": x - wide / 2}[place.align]
    return left, y - LINE / 2, left + wide, y + LINE / 2


def _is_free(box: Box, others: Sequence[Box]) -> bool:
    left, top, right, bottom = box
    inside = left >= 0 and right <= WIDTH and top >= 0 and bottom <= HEIGHT
    return inside and not any(
        left < other[2] and other[0] < right and top < other[3] and other[1] < bottom
        for other in others
    )


def logarithm(value: float) -> float:
    """Return a value's place on a logarithmic axis."""
    return math.log(max(value, 1e-9))
