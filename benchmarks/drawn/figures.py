"""Figures of answers against the truth, each from its definition and by no code of edgecnn."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence

import numpy as np

from .formats import IGNORED
from .samples import SIZE
from .scenes import Array

ERROR = "MAE"
LIKELY = 0.5
"""Probability from which a label is said to be there."""


def accuracy(answers: Array, truth: Array) -> dict[str, float]:
    """Return the share of samples (or steps) whose best class is the true one."""
    return {"accuracy %": 100 * float(np.mean(answers.argmax(-1) == truth))}


def binary(answers: Array, truth: Array) -> dict[str, float]:
    """Return accuracy at 0.5, and the area under the ROC curve, of probabilities."""
    scores = answers[:, 0]
    right = 100 * float(np.mean((scores >= LIKELY) == truth))
    return {"accuracy %": right, "ROC AUC %": 100 * roc_auc(scores, truth)}


def roc_auc(scores: Array, truth: Array) -> float:
    """Return how often a sample of class 1 scores above one of class 0 (ties count a half)."""
    ones, zeros = scores[truth == 1][:, None], scores[truth == 0][None]
    return float(np.mean((ones > zeros) + 0.5 * (ones == zeros)))


def several_labels(answers: Array, truth: Array) -> dict[str, float]:
    """Return macro F1 at 0.5, and mean average precision over the labels."""
    said = answers >= LIKELY
    hits = np.sum(said & (truth == 1), axis=0)
    f1 = 2 * hits / np.maximum(said.sum(0) + truth.sum(0), 1)
    pairs = zip(answers.T, truth.T, strict=True)
    precisions = [average_precision(scores, label) for scores, label in pairs]
    return {"mAP %": 100 * float(np.mean(precisions)), "F1 %": 100 * float(np.mean(f1))}


def average_precision(scores: Array, truth: Array) -> float:
    """Return the sum of precision times step of recall over the scores' thresholds."""
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(truth[order])
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    precision, recall = hits[ends] / (ends + 1), hits[ends] / truth.sum()
    return float(np.sum(np.diff(recall, prepend=0) * precision))


def segmentation(answers: Array, truth: Array) -> dict[str, float]:
    """Return the mean over classes of intersection over union, and the share of right pixels."""
    judged, said = truth != IGNORED, answers.argmax(-1)
    classes = answers.shape[-1]
    pairs = np.bincount(
        truth[judged].astype(int) * classes + said[judged], minlength=classes * classes
    ).reshape(classes, classes)
    both, either = np.diag(pairs), pairs.sum(0) + pairs.sum(1) - np.diag(pairs)
    shares = both[either > 0] / either[either > 0]
    right = 100 * both.sum() / pairs.sum()
    return {"mIoU %": 100 * float(shares.mean()), "pixels %": float(right)}


def numbers(answers: Array, truth: Array) -> dict[str, float]:
    """Return the mean absolute error, and R2 as the mean over the numbers."""
    unexplained = np.sum((answers - truth) ** 2, axis=0) / np.sum((truth - truth.mean(0)) ** 2, 0)
    error = float(np.abs(answers - truth).mean())
    return {ERROR: error, "R2 %": 100 * float(np.mean(1 - unexplained))}


def embeddings(answers: Array, truth: Array) -> dict[str, float]:
    """Return how often the nearest other sample by cosine is of the same identity."""
    unit = answers / np.linalg.norm(answers, axis=1, keepdims=True)
    near = unit @ unit.T
    np.fill_diagonal(near, -np.inf)
    return {"recall@1 %": 100 * float(np.mean(truth[near.argmax(1)] == truth))}


def pictures(answers: Array, truth: Array, peak: float = 1.0) -> dict[str, float]:
    """Return peak signal-to-noise ratio and structural similarity, by TensorFlow's functions."""
    import tensorflow as tf

    answers, truth = (np.clip(each, 0, peak).astype(np.float32) for each in (answers, truth))
    return {
        "PSNR dB": float(np.mean(tf.image.psnr(answers, truth, peak))),
        "SSIM %": 100 * float(np.mean(tf.image.ssim(answers, truth, peak))),
    }


def detections(found: Sequence[Array], truth: Sequence[Array]) -> dict[str, float]:
    """Return COCO's mean average precision, at 0.5 to 0.95 and at 0.5, by pycocotools.

    Args:
        found: Of each picture, rows of class, score, left, top, right, bottom in pixels.
        truth: Of each picture, rows of class, left, top, right, bottom in pixels.
    """
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = _coco_document(truth)
        coco.createIndex()
        rows = [
            [picture, left, top, right - left, bottom - top, score, kind]
            for picture, each in enumerate(found)
            for kind, score, left, top, right, bottom in each.tolist()
        ]
        if not rows:
            return {"mAP %": 0.0, "AP50 %": 0.0}
        judged = COCOeval(coco, coco.loadRes(np.array(rows)), "bbox")
        judged.evaluate()
        judged.accumulate()
        judged.summarize()
    return {"mAP %": 100 * float(judged.stats[0]), "AP50 %": 100 * float(judged.stats[1])}


def _coco_document(truth: Sequence[Array]) -> dict[str, object]:
    annotations = [
        {
            "id": number,
            "image_id": picture,
            "category_id": int(kind),
            "bbox": [left, top, right - left, bottom - top],
            "area": (right - left) * (bottom - top),
            "iscrowd": 0,
        }
        for number, (picture, (kind, left, top, right, bottom)) in enumerate(
            ((picture, row) for picture, rows in enumerate(truth) for row in rows.tolist()), start=1
        )
    ]
    images = [{"id": n, "width": SIZE, "height": SIZE} for n in range(len(truth))]
    kinds = sorted({each["category_id"] for each in annotations})
    categories = [{"id": kind, "name": str(kind)} for kind in kinds]
    return {"info": {}, "images": images, "annotations": annotations, "categories": categories}
