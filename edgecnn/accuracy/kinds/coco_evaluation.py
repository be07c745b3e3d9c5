"""COCO's evaluation of boxes by pycocotools, and the same for images drawn anew."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecnn.accuracy.kinds.boxes import Detections, Floats
from edgecnn.core.lazy import LazyModule
from edgecnn.data.boxes import Objects

coco = LazyModule("pycocotools.coco", extra="detection")
cocoeval = LazyModule("pycocotools.cocoeval", extra="detection")


@dataclass(frozen=True)
class JudgedImage:
    """What was found in an image, in its own pixels, and what is there.

    Args:
        found: The detections.
        wanted: The objects.
    """

    found: Detections
    wanted: Objects


@dataclass(frozen=True)
class _ClassMatches:
    """The detections of one class in all images, the highest scores first.

    Args:
        images: Place of each detection's image, int64, shape (detections,).
        right: Whether it matches an object, for each overlap, bool, shape (overlaps, detections).
        vain: Whether it matches none and counts, of the same shape.
        objects: Number of objects to find in each image, float64, shape (images,).
    """

    images: npt.NDArray[np.int64]
    right: npt.NDArray[np.bool_]
    vain: npt.NDArray[np.bool_]
    objects: Floats


class CocoEvaluation:
    """Average precision of detections (T.-Y. Lin et al., "Microsoft COCO", 2014).

    Args:
        images: What was found in each image, and what is there.
        class_of: Number of a category in the data -> the model's class.

    Attributes:
        overlaps: The overlaps from which a detection is right: 0.5, 0.55 ... 0.95.

    Raises:
        MissingExtraError: pycocotools is not installed.
    """

    def __init__(self, images: Sequence[JudgedImage], class_of: Mapping[int, int]) -> None:
        self._images = len(images)
        with contextlib.redirect_stdout(io.StringIO()):
            truth = coco.COCO()
            truth.dataset = {
                "images": [{"id": image} for image in range(len(images))],
                "annotations": _annotations(images, class_of),
                "categories": [{"id": kind} for kind in sorted(set(class_of.values()))],
            }
            truth.createIndex()
            answers = coco.COCO()
            answers.dataset = truth.dataset | {"annotations": _answers(images)}
            answers.createIndex()
            self.evaluation = cocoeval.COCOeval(truth, answers, "bbox")
            self.evaluation.evaluate()
        self.overlaps: Floats = self.evaluation.params.iouThrs
        self._steps: Floats = self.evaluation.params.recThrs
        self._classes = self._matches()

    def summary(self) -> Floats:
        """Return pycocotools' own twelve numbers, 0 to 1 or -1 for none; the first is mAP."""
        with contextlib.redirect_stdout(io.StringIO()):
            self.evaluation.accumulate()
            self.evaluation.summarize()
        return np.asarray(self.evaluation.stats, np.float64)

    def mean_precision(self, weights: Floats, overlaps: int | None = None) -> Floats:
        """Return mean average precision where images count several times or not at all.

        Args:
            weights: How often each image counts, float64, shape (draws, images).
            overlaps: How many of the overlaps count, from 0.5 on; None for all.

        Returns:
            One value for each draw, 0 to 1; NaN where there is nothing to find.
        """
        means = []
        for drawn in weights:
            every = [self._precision(each, drawn)[:overlaps] for each in self._classes]
            found = [each for each in every if len(each)]
            means.append(float(np.mean(found)) if found else np.nan)
        return np.array(means, np.float64)

    def _precision(self, matches: _ClassMatches, drawn: Floats) -> Floats:
        """Return the average precision of a class at each overlap; empty without objects."""
        objects = float(drawn @ matches.objects)
        if not objects:
            return np.zeros(0)
        times = drawn[matches.images]
        right = np.cumsum(times * matches.right, axis=1)
        vain = np.cumsum(times * matches.vain, axis=1)
        precision = right / np.maximum(right + vain, np.finfo(np.float64).tiny)
        # The best precision at this recall or a higher one counts.
        precision = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        every = []
        for recall, values in zip(right / objects, precision, strict=True):
            places = np.searchsorted(recall, self._steps, side="left")
            padded = np.append(values, 0.0)
            every.append(padded[np.minimum(places, len(values))].mean())
        return np.array(every, np.float64)

    def _matches(self) -> list[_ClassMatches]:
        entries, areas = self.evaluation.evalImgs, len(self.evaluation.params.areaRng)
        classes = []
        for number in range(len(self.evaluation.params.catIds)):
            begin = number * areas * self._images
            classes.append(_class_matches(entries[begin : begin + self._images], self.overlaps))
        return classes


def _class_matches(entries: Sequence[Any], overlaps: Floats) -> _ClassMatches:
    images, scores = [np.zeros(0, np.int64)], [np.zeros(0)]
    right, ignored = ([np.zeros((len(overlaps), 0), np.bool_)] for _ in range(2))
    objects = np.zeros(len(entries))
    for place, entry in enumerate(entries):
        if entry is None:
            continue
        objects[place] = np.count_nonzero(np.asarray(entry["gtIgnore"]) == 0)
        images.append(np.full(len(entry["dtScores"]), place, np.int64))
        scores.append(np.asarray(entry["dtScores"], np.float64))
        right.append(np.asarray(entry["dtMatches"]) > 0)
        ignored.append(np.asarray(entry["dtIgnore"], np.bool_))
    order = np.argsort(-np.concatenate(scores), kind="mergesort")
    matched = np.concatenate(right, axis=1)[:, order]
    skipped = np.concatenate(ignored, axis=1)[:, order]
    every = np.concatenate(images)[order]
    return _ClassMatches(every, matched & ~skipped, ~matched & ~skipped, objects)


def _annotations(
    images: Sequence[JudgedImage], class_of: Mapping[int, int]
) -> list[dict[str, Any]]:
    annotations: list[dict[str, Any]] = []
    for image, each in enumerate(images):
        wanted = each.wanted
        for place, box in enumerate(wanted.boxes.tolist()):
            annotations.append({
                # From 1 on: pycocotools takes a match with number 0 for none.
                "id": len(annotations) + 1,
                "image_id": image,
                "category_id": class_of[int(wanted.categories[place])],
                "bbox": _cornered(box),
                "area": float(wanted.areas[place]),
                "iscrowd": int(wanted.crowds[place]),
            })  # fmt: skip
    return annotations


def _answers(images: Sequence[JudgedImage]) -> list[dict[str, Any]]:
    answers: list[dict[str, Any]] = []
    for image, each in enumerate(images):
        found = each.found
        for place, box in enumerate(found.boxes.tolist()):
            corner = _cornered(box)
            answers.append({
                "id": len(answers) + 1,
                "image_id": image,
                "category_id": int(found.classes[place]),
                "bbox": corner,
                "area": corner[2] * corner[3],
                "score": float(found.scores[place]),
                "iscrowd": 0,
            })  # fmt: skip
    return answers


def _cornered(box: Sequence[float]) -> list[float]:
    left, top, right, bottom = box
    return [left, top, right - left, bottom - top]
