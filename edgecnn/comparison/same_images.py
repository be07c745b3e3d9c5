"""Two records of the same images, or other samples: how each file did on each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.accuracy.image_by_image import Cells, paired_cells, paired_draws
from edgecnn.records.conditions import LabelledData
from edgecnn.records.consistency import HITS
from edgecnn.records.record import Record

if TYPE_CHECKING:
    from edgecnn.accuracy.image_by_image import Draws


def same_images(base: Record, new: Record, share: str) -> Cells | None:
    """Return how many images both, new alone, base alone and neither are right on.

    Args:
        base: Record of one file.
        new: Record of the other file.
        share: What right means: ``"top1_percent"``, ``"top5_percent"`` or, by the figure that
            ``metric`` names, ``"metric_percent"``.

    Returns:
        The four numbers; None where it is not known that the images are the same, or which of them
        each file is right on.

    Example:
        >>> same_images(*edgecnn.bench(["a.tflite", "b.tflite"], data="photos/"), "top1_percent")
        (441, 3, 2, 54)
    """
    if are_other_images(base, new):
        return None
    return _from_hits(base, new, share) or (
        _from_against(base, new) if share == "top1_percent" else None
    )


def same_draws(base: Record, new: Record) -> tuple[Draws, Draws] | None:
    """Return the leading figure of two files on the same samples drawn anew, draw by draw.

    Args:
        base: Record of one file.
        new: Record of the other file.

    Returns:
        Figures of the new and of the base file; None where it is not known that the samples are the
        same, or a record does not have its draws.
    """
    if None in (base.images_sha256, new.images_sha256) or are_other_images(base, new):
        return None
    if base.metric_draws is None or new.metric_draws is None:
        return None
    return paired_draws(new.metric_draws, base.metric_draws)


def why_not_paired(base: Record, new: Record) -> str:
    """Return why two records are compared as if their samples were different ones.

    Args:
        base: Record of one file.
        new: Record of the other file.
    """
    if are_other_images(base, new):
        return "compared as different samples, which they are"
    silent = [
        side
        for side, record in (("base", base), ("new", new))
        if record.images_sha256 is None
        or not (record.metric_draws or record.hits_metric or record.hits_top1)
    ]
    who = f"{' and '.join(silent) or 'the records'} {'does' if len(silent) == 1 else 'do'}"
    return (
        "compared as if on different samples, which makes the interval wider, as "
        f"{who} not say how it went on each sample: measure both anew"
    )


def are_other_images(one: Record, other: Record) -> bool:
    """Return whether two records are known to be of different images or labels."""
    digests = one.images_sha256, other.images_sha256
    return None not in digests and digests[0] != digests[1]


def _from_hits(base: Record, new: Record, share: str) -> Cells | None:
    hits, hits_before = getattr(new, HITS[share]), getattr(base, HITS[share])
    if new.images_sha256 is None or base.images_sha256 is None:
        return None
    if hits is None or hits_before is None or not new.images:
        return None
    return paired_cells(hits, hits_before, new.images)


def _from_against(base: Record, new: Record) -> Cells | None:
    """Return the counts of a file that was measured ``--against`` the other one.

    They hold if the other file answered there as in its own measurement.
    """
    if base.against_sha256 == new.model_sha256 and new.against_sha256 != base.model_sha256:
        cells = _from_against(new, base)
        return cells and (cells[0], cells[2], cells[1], cells[3])
    is_same_data = LabelledData.of(base) == LabelledData.of(new)
    answered_alike = is_same_data and base.top1_percent == new.against_top1_percent
    only_new, only_base = new.images_only_right, new.images_only_against_right
    if new.against_sha256 != base.model_sha256 or not answered_alike:
        return None
    if new.images is None or new.top1_percent is None or only_new is None or only_base is None:
        return None
    both = round(new.images * new.top1_percent / 100) - only_new
    return both, only_new, only_base, new.images - both - only_new - only_base
