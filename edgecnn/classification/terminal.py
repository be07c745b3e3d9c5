"""``edgecnn.classify``: the best classes of images, by a ``.tflite`` file and what it holds."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.classification.classifier import Classifier, read_classifier
from edgecnn.core.errors import InputError
from edgecnn.core.failures import crash_explained, named_errors
from edgecnn.core.files import quoted
from edgecnn.data.image_files import ImageFiles
from edgecnn.data.inputspec import height_and_width
from edgecnn.data.loader import LoadedImage, load_images
from edgecnn.data.preprocessing import Preprocessing
from edgecnn.devices.desktop import Desktop
from edgecnn.model_metadata.input_tensors import to_tensor
from edgecnn.runner.session import RunnerSession
from edgecnn.tflite.calls import CallOptions

IMAGES_PER_BATCH = 8
"""Images in a message to the runner: the first answers come soon, and memory stays low."""


@dataclass(frozen=True)
class ScoredClass:
    """A class and its score.

    Args:
        index: Index of the class in the file's output.
        label: Name of the class in the file, or ``"class 7"``.
        score: A probability, or a logit where the file ends without softmax.
    """

    index: int
    label: str
    score: float


@dataclass(frozen=True)
class Classification:
    """Result of classifying an image.

    Args:
        image: The image file, as the caller named it.
        top: The best classes, the best first; of two with equal scores the lower index first.
            Empty where the image could not be classified.
        error: Why the image could not be classified, in one line; None where it was.
    """

    image: str
    top: tuple[ScoredClass, ...]
    error: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, with either the best classes or the error."""
        if self.error is not None:
            return {"image": self.image, "error": self.error}
        return {"image": self.image, "top": [asdict(scored) for scored in self.top]}


def classify(
    model: str | Path,
    images: str | Path | Sequence[str | Path],
    *,
    top: int = 5,
    preprocess: str | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    resize: str | None = None,
    crop_fraction: float | None = None,
    interpolation: str | None = None,
    size: int | tuple[int, int] | None = None,
    signature: str | None = None,
    task: str | None = None,
) -> list[Classification]:
    """Classify images with a ``.tflite`` file, which runs in a child process.

    Args:
        model: The ``.tflite`` file, whose own labels, normalisation and geometry are used.
        images: One image file or several.
        top: How many classes of each image are returned.
        preprocess: Name of the preprocessing, one of ``PREPROCESSING``, for a file that does not
            say its own.
        mean: Instead of ``preprocess``: one mean, or one for each channel, in units of a pixel
            (0..255).
        std: Deviation that goes with ``mean``.
        resize: How an image comes to the input's size, for a file that does not say it:
            ``"stretch"`` (the default), ``"crop"`` or ``"pad"``.
        crop_fraction: With ``"crop"``: share of the sides that stays.
        interpolation: The filter, one of ``edgecnn.data.geometry.INTERPOLATIONS``.
        size: For a file that takes images of any size: pixels of their sides, or (height, width).
        signature: For a file with several signatures: the one to call.
        task: ``"classes"`` or ``"labels"`` for a file of which nothing says what its output is.

    Returns:
        One result for each image, in their order; an image that cannot be read has an ``error``.

    Raises:
        InputError: The file cannot be used, or there is no image.
        ChildCrashedError: The file crashed the runtime.

    Example:
        >>> edgecnn.classify("mobilenet.tflite", "cat.jpg")[0].top[0].label
        'Egyptian cat'
    """
    paths = [images] if isinstance(images, str | os.PathLike) else list(images)
    preprocessing = Preprocessing.of(preprocess, mean, std, resize, crop_fraction, interpolation)
    sides = None if size is None else height_and_width(size)
    call = CallOptions(sides, signature=signature)
    classifier = read_classifier(model, preprocessing, call, task)
    return list(each_classification(classifier, paths, top))


def each_classification(
    classifier: Classifier, images: Sequence[str | Path], top: int = 5
) -> Iterator[Classification]:
    """Classify images one after the other, and yield each as soon as it is known.

    Args:
        classifier: The file, as :func:`read_classifier` returns it.
        images: Image files.
        top: How many classes of each image are returned.

    Raises:
        InputError: There is no image, ``top`` is not positive, or the runtime refuses the file.
    """
    if not images:
        raise InputError("no images to classify: name image files")
    if top < 1:
        raise InputError(f"--top must be at least 1, not {top}")
    label = quoted(classifier.path)
    files = ImageFiles("images", tuple(Path(image) for image in images))
    with (
        named_errors(label),
        crash_explained(),
        Desktop().start(f"running {label}") as session,
    ):
        session.load(classifier.path.resolve(), threads=1, call=classifier.call)
        loaded = load_images(files, range(len(files)), classifier.spec)
        while batch := list(islice(loaded, IMAGES_PER_BATCH)):
            answers = iter(_top_classes(classifier, session, batch, top))
            for image in batch:
                best = None if image.image is None else next(answers)
                yield _classification(str(images[image.index]), image, best, label)


def _classification(
    name: str, loaded: LoadedImage, best: tuple[ScoredClass, ...] | None, label: str
) -> Classification:
    if best is None:
        return Classification(name, (), loaded.error)
    if not best:
        return Classification(name, (), f"{label} gives NaN or infinity for {quoted(name)}")
    return Classification(name, best)


def _top_classes(
    classifier: Classifier, session: RunnerSession, batch: Sequence[LoadedImage], top: int
) -> list[tuple[ScoredClass, ...]]:
    """Return the best classes of each image that could be read; none where one is not finite."""
    images = [loaded.image for loaded in batch if loaded.image is not None]
    if not images:
        return []
    tensors = np.stack([to_tensor(i, classifier.spec, classifier.input)[None] for i in images])
    classified = session.classify(tensors, min(top, classifier.classes), with_outputs=True)
    assert classified.outputs is not None
    scores = classifier.scores(classified.outputs)
    return [
        tuple(ScoredClass(i, classifier.label(i), float(row[i])) for i in indices if finite)
        for row, indices, finite in zip(
            scores, classified.top.tolist(), classified.finite, strict=True
        )
    ]
