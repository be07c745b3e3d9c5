"""The tasks: a data set, a network, how it is trained, and which figures say how good it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from . import arrays, figures, losses, maps, nets, objects, pictures
from .anchors import anchor_targets, cell_targets, ssd_detections, yolo_detections
from .samples import DataSet
from .scenes import Array

CLASSES = "sparse_categorical_crossentropy"
SCALES: dict[str, Callable[[Array], Array]] = {
    "unit": lambda x: x / 255,
    "tf": lambda x: x / 127.5 - 1,
    "raw": lambda x: x,
}
"""What ``--preprocess`` makes of pixels in 0..255."""


@dataclass(frozen=True)
class Task:
    """A task.

    Args:
        name: Name of the model's file.
        what: The network and its answer.
        data: The data set.
        build: Builds the network.
        loss: What Keras trains it by; one for each output.
        targets: Makes of the truth what the loss compares with.
        figures: Makes of the answers, a list of arrays, and the truth the figures by name; the
            first is what the models are compared by.
        epochs: Times that training sees the data.
        preprocess: What the model wants of pixels, as ``--preprocess`` says it; empty where its
            inputs are no pictures.
        calibration: Of the data set's folder, what to calibrate on.
        labelled: Of the data set's folder, what ``bench --data`` gets.
        options: What ``edgecnn convert`` has to be told of the answers.
        judging: What ``bench --data`` has to be told of them; ``{data}`` stands for the data set's
            folder.
        logits_of: Name of the task whose model it is, less the last activation; then nothing is
            trained.
    """

    name: str
    what: str
    data: DataSet
    build: Callable[[], keras.Model]
    loss: Any
    figures: Callable[[Sequence[Array], Any], dict[str, float]]
    epochs: int
    calibration: str
    labelled: tuple[str, ...]
    targets: Callable[[Any], Any] = lambda truth: truth
    preprocess: str = "unit"
    options: tuple[str, ...] = ()
    judging: tuple[str, ...] = ()
    logits_of: str = ""

    def scaled(self, inputs: Sequence[Array]) -> list[Array]:
        """Return the inputs as the model takes them, from pictures in 0..255."""
        if not self.preprocess:
            return list(inputs)
        return [SCALES[self.preprocess](each).astype(np.float32) for each in inputs]


def _first(figure: Callable[..., dict[str, float]]) -> Callable[..., dict[str, float]]:
    return lambda answers, truth: figure(answers[0], truth)


def _sigmoid(values: Array) -> Array:
    return 1 / (1 + np.exp(-values.astype(np.float64)))


def _anchor_targets(truth: Sequence[Array]) -> list[Array]:
    offsets, classes = anchor_targets(truth)
    return [np.concatenate([offsets, classes[..., None] > 0], -1).astype(np.float32), classes]


def _located(answers: Sequence[Array], truth: tuple[Array, Array]) -> dict[str, float]:
    return figures.accuracy(answers[0], truth[0]) | figures.numbers(answers[1], truth[1])


def _denoised(answers: Sequence[Array], truth: Array) -> dict[str, float]:
    return figures.pictures(answers[0], truth / 255)


TASKS = {
    task.name: task
    for task in (
        Task(
            "unet", "U-Net, softmax map of 5 classes", maps.VOC, nets.unet,
            losses.pixel_classes(is_logits=False), _first(figures.segmentation), 8,
            "train/JPEGImages", ("test",), preprocess="tf",
        ),
        Task(
            "deeplab", "dilated convolutions, logits of 19 classes, 64x128", maps.STREETS,
            nets.deeplab, losses.pixel_classes(is_logits=True), _first(figures.segmentation), 5,
            "leftImg8bit/train", ("",), preprocess="raw",
        ),
        Task(
            "ssd", "SSD: offsets from anchors, softmax scores", objects.COCO, nets.ssd,
            [losses.anchor_boxes_loss, losses.anchor_classes_loss],
            lambda answers, truth: figures.detections(ssd_detections(*answers), truth), 20,
            "train/images", ("test", "test/annotations.json"), targets=_anchor_targets,
            judging=(
                "--anchors", f"{{data}}/{objects.ANCHORS_FILE}", "--anchor-order", "cyxhw",
                "--box-order", "yxhw", "--variances", "ssd", "--label-offset", "0",
            ),
        ),
        Task(
            "yolo", "boxes and scores in one output, as YOLO v8 exports", objects.YOLO, nets.yolo,
            losses.cell_loss,
            lambda answers, truth: figures.detections(yolo_detections(answers[0]), truth), 16,
            "train/images", ("test",), targets=cell_targets,
        ),
        Task(
            "keypoints", "4 points in pixels, linear", objects.ARMS, nets.arm_regressor, "huber",
            _first(figures.numbers), 25, "train", ("test.csv",), options=("--task", "numbers"),
        ),
        Task(
            "gauge", "one number, 0 to 100, linear", objects.DIALS, nets.dial_regressor, "huber",
            _first(figures.numbers), 25, "train", ("test.csv",), preprocess="tf",
        ),
        Task(
            "binary", "one probability, sigmoid", pictures.PLATE_CLASSES, nets.plate_classifier,
            "binary_crossentropy", _first(figures.binary), 20, "train", ("test", "test.csv"),
        ),
        Task(
            "multilabel", "5 labels, sigmoid", pictures.LABELLED, nets.labeller,
            "binary_crossentropy", _first(figures.several_labels), 15, "train",
            ("test.csv", "test_columns.csv"),
        ),
        Task(
            "shapes", "5 classes, softmax", pictures.SHAPE_CLASSES, nets.shape_classifier, CLASSES,
            _first(figures.accuracy), 15, "train", ("test",), preprocess="tf",
        ),
        Task(
            "embedding", "32 numbers of length 1", pictures.BADGES, nets.embedder, "identities",
            _first(figures.embeddings), 20, "train", ("test",), preprocess="raw",
        ),
        Task(
            "two_outputs", "softmax of 3 classes, and a box in pixels", objects.PLACES,
            nets.locator, [CLASSES, "huber"], _located, 15, "train", ("test.csv",),
            options=("--task", "box=numbers"),
        ),
        Task(
            "denoiser", "picture to picture", pictures.PAIRS, nets.denoiser, "mse", _denoised, 5,
            "train/noisy", ("test",), targets=lambda truth: truth / 255,
            options=("--task", "image"),
        ),
        Task(
            "lstm", "LSTM, softmax of 6 classes", arrays.MOVEMENT_CLASSES,
            nets.movement_classifier, CLASSES, _first(figures.accuracy), 12, "train.npz",
            ("test.npz", "test"), preprocess="",
        ),
        Task(
            "tagger", "bidirectional GRU, softmax at each of 32 steps", arrays.PHASES,
            nets.phase_tagger, CLASSES, _first(figures.accuracy), 8, "train.npz",
            ("test.npz", "test"), preprocess="",
        ),
        Task(
            "two_inputs", "a picture and 3 numbers, softmax of 3 classes", arrays.SIZED,
            nets.size_classifier, CLASSES, _first(figures.accuracy), 10, "train.npz",
            ("test.npz", "test"), preprocess="",
        ),
        Task(
            "audio", "DS-CNN on MFCC, softmax of 8 classes", arrays.SOUND_CLASSES,
            nets.sound_classifier, CLASSES, _first(figures.accuracy), 8, "train.npz",
            ("test.npz", "test"), preprocess="",
        ),
    )
}  # fmt: skip
"""What is trained, by name."""


def _logits(
    name: str, kind: str, figure: Callable[[Sequence[Array], Any], dict[str, float]]
) -> Task:
    from dataclasses import replace

    task = TASKS[name]
    return replace(
        task, name=f"{name}_logits", what=f"{name} without its activation", logits_of=name,
        figures=figure, options=("--task", kind),
    )  # fmt: skip


for _task in (
    _logits("shapes", "classes", _first(figures.accuracy)),
    _logits("audio", "classes", _first(figures.accuracy)),
    _logits(
        "binary", "probability", lambda answers, truth: figures.binary(_sigmoid(answers[0]), truth)
    ),
    _logits(
        "multilabel",
        "labels",
        lambda answers, truth: figures.several_labels(_sigmoid(answers[0]), truth),
    ),
):
    TASKS[_task.name] = _task
