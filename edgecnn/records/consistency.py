"""Fields of a record that cannot be true together, whatever each says for itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from edgecnn.core.errors import InputError, shown_value
from edgecnn.records.fields import Field
from edgecnn.records.hits import hit_bits

ROUNDING = 1e-9
"""Relative difference by which interpolating between equal samples may go wrong."""

AT_MOST = (
    ("top1_percent", "top5_percent"),
    ("images_seen", "images"),
    ("images_only_right", "images"),
    ("images_only_against_right", "images"),
)
"""Pairs of fields of which the first is never above the second."""

HITS = {
    "top1_percent": "hits_top1",
    "top5_percent": "hits_top5",
    "metric_percent": "hits_metric",
}
"""Name of a share of images -> name of the field with a bit for each of them."""

Pairs = Sequence[tuple[str, str]]


def in_order(fields: Mapping[str, Field]) -> Pairs:
    """Return pairs of fields of which the first is never above the second.

    They are the ends of each interval, the percentiles of the same samples, and :data:`AT_MOST`.

    Args:
        fields: Fields of a record by name.
    """
    ends = [field.bounds for field in fields.values() if field.confidence is not None]
    percentiles = [field for field in fields.values() if field.percent is not None]
    percentiles.sort(key=lambda field: field.percent or 0)
    names = [field.name for field in percentiles]
    pairs = (*ends, *pairwise(names), *AT_MOST)
    return [pair for pair in pairs if pair[0] in fields and pair[1] in fields]


def check_order(values: Mapping[str, Any], pairs: Pairs) -> None:
    """Raise InputError where a field is above one that it cannot be above.

    Args:
        values: Values by the names of fields.
        pairs: Pairs of fields as :func:`in_order` gives them.
    """
    for low, high in pairs:
        one, other = values[low], values[high]
        if one is not None and other is not None and one > other * (1 + ROUNDING):
            raise InputError(f"{low} is {one}, which is above {high}, {other}")


def check_consistency(values: Mapping[str, Any], pairs: Pairs) -> None:
    """Raise InputError where fields of a whole record contradict each other.

    Args:
        values: Values of all fields by name.
        pairs: Pairs of fields as :func:`in_order` gives them.
    """
    check_order(values, pairs)
    runs, samples, turns = (values[f] for f in ("runs", "latency_samples_ms", "turn_runs"))
    if len(samples) != runs:
        raise InputError(f"latency_samples_ms has {len(samples)} samples, but runs is {runs}")
    if turns is not None and sum(turns) != runs:
        raise InputError(f"turn_runs has {sum(turns)} calls, but runs is {runs}")
    for share, hits in HITS.items():
        if values[hits] is not None:
            _check_hits(values[hits], values["images"], values[share], hits, share)


def _check_hits(
    text: str, images: int | None, percent: float | None, hits: str, share: str
) -> None:
    bits = None if images is None else hit_bits(text, images)
    if bits is None or not images:
        raise InputError(
            f"{hits} is {shown_value(text)}, which is no bit for each of {images} images"
        )
    right = 100 * bits.bit_count() / images
    if percent is None or abs(right - percent) > 1e-6:
        raise InputError(f"{share} is {percent}, but {hits} says {right:g}")
