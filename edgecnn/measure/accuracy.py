"""Top-1 and top-5 accuracy of a ``.tflite`` file on labelled images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecnn.data.datasets import Dataset, open_dataset, sample
from edgecnn.data.loader import LoadedImage, load
from edgecnn.data.preprocessing import Preprocessing
from edgecnn.errors import InputError
from edgecnn.files import quoted
from edgecnn.measure.modelinput import NOTHING_SAID, input_spec, scores_output, to_tensor
from edgecnn.measure.session import RunnerSession
from edgecnn.metadata.labels import IMAGENET_OUTPUTS
from edgecnn.quantize.flatbuffer import TfliteModel

BATCH = 16
"""Images a message to the runner: enough to hide the way there, few enough to keep memory low."""

TOP_K = 5


@dataclass(frozen=True)
class Accuracy:
    """What classifying a data set gave.

    Args:
        data: The data's name.
        images: Classified ones.
        unreadable: What was wrong with each image that could not be read.
        label_offset: Output of class 0.
        top1_percent: Share of ``images`` whose best class is the label.
        top5_percent: Share with the label among the best five; None below six outputs.
        not_finite: Images for which the model gave NaN or infinity.
    """

    data: str
    images: int
    unreadable: tuple[str, ...]
    label_offset: int
    top1_percent: float
    top5_percent: float | None
    not_finite: int


def open_labelled(data: Any) -> Dataset:
    """Open data and check that it says what each image shows.

    Raises:
        InputError: It cannot be opened, is empty, or has no labels.
    """
    dataset = open_dataset(data)
    if not len(dataset):
        raise InputError(f"{quoted(data)} holds no images")
    if dataset.labels is None:
        raise InputError(
            f"{quoted(data)} has no labels: accuracy needs class folders, images/ with "
            "val_map.txt, or an .npz with x and y"
        )
    return dataset


def find_label_offset(
    outputs: int, dataset: Dataset, given: int | None = None, label: str = "the model"
) -> int:
    """Say which output stands for class 0: 1 where a background class comes first, else 0.

    Data with class names has that many classes. Otherwise only the highest label is known: then a
    model with ImageNet's 1,000 or 1,001 outputs is taken for one of ImageNet, and other models must
    have as many outputs as labels seen, or one more.

    Args:
        outputs: Class scores that the model gives.
        dataset: Labelled data.
        given: The user's own choice, which may be negative for labels that start at 1.
        label: The file's name for messages.

    Raises:
        InputError: The model's outputs do not fit the data's classes.
    """
    labels = dataset.labels or (0,)
    if given is not None:
        if min(labels) + given < 0 or max(labels) + given >= outputs:
            raise InputError(
                f"--label-offset {given} leads labels {min(labels)}..{max(labels)} out of the "
                f"outputs 0..{outputs - 1} of {label}"
            )
        return given
    exact = dataset.class_names is not None
    classes = len(dataset.class_names) if dataset.class_names is not None else max(labels) + 1
    if not exact and outputs in IMAGENET_OUTPUTS and classes <= IMAGENET_OUTPUTS[0]:
        classes = IMAGENET_OUTPUTS[0]
    if outputs - classes not in (0, 1):
        raise InputError(
            f"{label} has {outputs} outputs, the data {'' if exact else 'at least '}{classes} "
            "class(es): give data of the model's own classes, or say with --label-offset N that "
            "class 0 is output N"
        )
    return outputs - classes


class AccuracyTask:
    """A model and labelled data that fit each other, ready to be run.

    Args:
        model: The file's structure.
        dataset: What :func:`open_labelled` gave.
        preprocessing: What the user said of it.
        label_offset: The user's own choice, or None.
        label: The file's name for messages.
        images: Classify so many only, drawn evenly over the classes; all where None.

    Raises:
        InputError: They do not fit.

    Example:
        >>> task = AccuracyTask(read_model(path), open_labelled("photos/"))
        >>> task.run(session).top1_percent
        71.8
    """

    def __init__(
        self,
        model: TfliteModel,
        dataset: Dataset,
        preprocessing: Preprocessing = NOTHING_SAID,
        label_offset: int | None = None,
        label: str = "the model",
        images: int | None = None,
    ) -> None:
        self._dataset = dataset
        every = range(len(dataset))
        self._indices = every if images is None else sorted(sample(dataset, images))
        self._spec = input_spec(model, preprocessing, label)
        self._input = model.inputs[0]
        self._outputs = scores_output(model, label).elements
        self._offset = find_label_offset(self._outputs, dataset, label_offset, label)

    def run(
        self,
        session: RunnerSession,
        on_progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> Accuracy:
        """Classify every image; decoding goes on in other threads meanwhile.

        Args:
            session: A runner that has the model loaded.
            on_progress: Told (images done, images in all).

        Raises:
            InputError: Not one image can be read.
        """
        counts = _Counts()
        total = len(self._indices)
        images = iter(load(self._dataset, self._indices, self._spec))
        done = 0
        while batch := list(islice(images, BATCH)):
            counts.unreadable += [loaded.error for loaded in batch if loaded.error is not None]
            self._classify(
                [loaded for loaded in batch if loaded.image is not None], session, counts
            )
            done += len(batch)
            on_progress(done, total)
        if not counts.images:
            raise InputError(f"not one image can be read: {counts.unreadable[0]}")
        return self._result(counts)

    def _classify(self, batch: list[LoadedImage], session: RunnerSession, counts: _Counts) -> None:
        if not batch:
            return
        labels = self._dataset.labels
        assert labels is not None
        tensors = np.stack([self._tensor(loaded.image) for loaded in batch])
        classified = session.classify(tensors, min(TOP_K, self._outputs))
        wanted = np.array([labels[loaded.index] for loaded in batch]) + self._offset
        hits = classified.top == wanted[:, None]
        counts.images += len(batch)
        counts.top1 += int(hits[:, 0].sum())
        counts.top5 += int(hits.any(axis=1).sum())
        counts.not_finite += int((~classified.finite).sum())

    def _tensor(self, image: npt.NDArray[np.uint8] | None) -> npt.NDArray[Any]:
        assert image is not None
        return to_tensor(image, self._spec, self._input)[None]

    def _result(self, counts: _Counts) -> Accuracy:
        return Accuracy(
            data=self._dataset.name,
            images=counts.images,
            unreadable=tuple(counts.unreadable),
            label_offset=self._offset,
            top1_percent=100 * counts.top1 / counts.images,
            top5_percent=100 * counts.top5 / counts.images if self._outputs > TOP_K else None,
            not_finite=counts.not_finite,
        )


class _Counts:
    def __init__(self) -> None:
        self.images = 0
        self.top1 = 0
        self.top5 = 0
        self.not_finite = 0
        self.unreadable: list[str] = []
