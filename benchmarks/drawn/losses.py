"""What the networks are trained to make small, where Keras has no loss of that kind."""

from __future__ import annotations

import keras
from keras import ops

Tensor = keras.KerasTensor

FOCUS = 2.0
"""Of the focal loss (Lin et al. 2017): how little what is right already counts."""
WRONG_COUNT = 0.75
"""Share of the focal loss that samples of no class have."""
BOX_WEIGHT = 5.0
SHARPNESS = 12.0
"""Cosines are multiplied by this before the softmax over identities."""


def pixel_classes(is_logits: bool) -> keras.losses.Loss:
    """Return the cross entropy of each pixel's class, 255 left out."""
    return keras.losses.SparseCategoricalCrossentropy(is_logits, ignore_class=255)


def anchor_boxes_loss(truth: Tensor, answers: Tensor) -> Tensor:
    """Return Huber's loss of the offsets of anchors that have an object.

    Args:
        truth: Offsets, and 1 where an anchor has an object; shape (batch, anchors, 5).
        answers: Offsets, shape (batch, anchors, 4).
    """
    there = truth[..., 4]
    errors = ops.abs(truth[..., :4] - answers)
    losses = ops.where(errors < 1, errors**2 / 2, errors - 0.5)
    return ops.sum(ops.sum(losses, -1) * there) / ops.maximum(ops.sum(there), 1)


def anchor_classes_loss(truth: Tensor, answers: Tensor) -> Tensor:
    """Return the focal loss of the anchors' classes; -1 is left out.

    Args:
        truth: Classes, shape (batch, anchors).
        answers: Probabilities, shape (batch, anchors, classes).
    """
    truth = ops.reshape(truth, ops.shape(answers)[:2])
    right = ops.take_along_axis(answers, ops.maximum(ops.cast(truth, "int32"), 0)[..., None], -1)
    right = ops.clip(right[..., 0], 1e-6, 1)
    losses = -((1 - right) ** FOCUS) * ops.log(right)
    weights = ops.where(truth > 0, 1.0, ops.where(truth == 0, WRONG_COUNT, 0.0))
    count = ops.sum(ops.cast(truth > 0, "float32"))
    return ops.sum(losses * weights) / ops.maximum(count, 1)


def cell_loss(truth: Tensor, answers: Tensor) -> Tensor:
    """Return the loss of boxes and scores of the detector with one output.

    Args:
        truth: Boxes, scores, and 1 where a place has an object; shape (batch, 4 + classes + 1,
            places).
        answers: Boxes and scores, shape (batch, 4 + classes, places).
    """
    there, scores = truth[:, -1], ops.clip(answers[:, 4:], 1e-6, 1 - 1e-6)
    count = ops.maximum(ops.sum(there), 1)
    size = ops.maximum(truth[:, 2:4], 0.05)
    away = ops.abs(truth[:, :4] - answers[:, :4]) / ops.concatenate([size, size], axis=1)
    boxes = ops.sum(ops.sum(away, 1) * there) / count
    labels = truth[:, 4:-1]
    right = ops.where(labels > 0, scores, 1 - scores)
    weights = ops.where(labels > 0, 1.0, WRONG_COUNT)
    classes = ops.sum(-weights * (1 - right) ** FOCUS * ops.log(right)) / count
    return BOX_WEIGHT * boxes / 4 + classes
