"""The facts of an architecture and of its published weights, and the arguments of builders."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from edgecnn.data.geometry import IMAGENET_CROP, Geometry
from edgecnn.data.inputspec import InputSpec
from edgecnn.models.digests import PINNED_SHA256


@dataclass(frozen=True)
class BuildArguments:
    """Arguments of every builder.

    Args:
        input: What the model takes: its images' size, normalisation and geometry.
        alpha: Width multiplier.
        classes: Number of classes.
        dropout: Dropout rate before the last layer.
        softmax: Whether the model ends in softmax.
        auxiliary: Whether the model has its auxiliary classifiers as further outputs.
    """

    input: InputSpec
    alpha: float
    classes: int
    dropout: float
    softmax: bool
    auxiliary: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the images, in pixels."""
        return self.input.height, self.input.width


@dataclass(frozen=True)
class Checkpoint:
    """A file of weights as its publisher offers it.

    Args:
        url: Address of the file.
        alpha: Width multiplier that the weights fit.
        size: Side in pixels of the images that the weights were trained on; they fit others.
        md5: MD5 checksum that the publisher's own loader has for the file, in hexadecimal digits.
        sha256: SHA-256 that is pinned here for a file whose publisher pins nothing; where both are
            None, the checksum that the publisher's server sends with the file is checked.
    """

    url: str
    alpha: float = 1.0
    size: int = 224
    md5: str | None = None
    sha256: str | None = None

    @property
    def file_name(self) -> str:
        """Name of the file, on servers and in the cache."""
        return self.url.rpartition("/")[2]


def pinned_here(url: str, alpha: float, size: int) -> Checkpoint:
    """Return a checkpoint whose publisher pins no digest, with the one that is pinned here, if any.

    Args:
        url: Address of the file.
        alpha: Width multiplier that the weights fit.
        size: Side in pixels of the images that the weights were trained on.
    """
    return Checkpoint(url, alpha, size, sha256=PINNED_SHA256.get(url.rpartition("/")[2]))


KERAS_WEIGHTS = "https://storage.googleapis.com/tensorflow/keras-applications/"


def keras_checkpoint(path: str, md5: str, size: int = 224) -> Checkpoint:
    """Return a checkpoint of Keras' publisher that has its customary ending.

    Args:
        path: Folder and file name before the ending.
        md5: MD5 checksum of the file, in hexadecimal digits.
        size: Side in pixels of the images that the weights were trained on.

    Example:
        >>> keras_checkpoint("vgg16/vgg16", "64373286793e3c8b2b4e3219cbf3544b").size
        224
    """
    return Checkpoint(
        f"{KERAS_WEIGHTS}{path}_weights_tf_dim_ordering_tf_kernels.h5", size=size, md5=md5
    )


Builder = Callable[[BuildArguments], Any]


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """One architecture in the registry.

    Args:
        name: Name of the architecture, as commands take it.
        family: Name of the module that defines the architecture.
        year: Year of the paper.
        paper: The paper's authors and title, and where to read it.
        input: The input that the architecture expects, at its default size.
        evaluation: How photographs were cut when the published weights were evaluated, which
            ``top1_percent`` says the result of.
        parameters: Number of weights at the default classes and alpha 1, batch normalisation's
            included.
        macs: Multiply-adds of one image at the default size.
        top1_percent: Published ImageNet top-1 of the checkpoint; None if there is none.
        top1_source: Who published ``top1_percent``.
        dropout: Default dropout rate before the last layer.
        classes: Default number of classes.
        has_auxiliary: Whether the architecture can have auxiliary classifiers, used in training.
        keras_name: The architecture's name in ``keras.applications``, where weights fit both ways.
        checkpoints: Published weights.
        builder: Function that builds the Keras model.
    """

    name: str
    family: str
    year: int
    paper: str
    input: InputSpec
    parameters: int
    macs: int
    top1_percent: float | None
    top1_source: str
    dropout: float = 0.0
    classes: int = 1000
    has_auxiliary: bool = False
    keras_name: str | None = None
    checkpoints: tuple[Checkpoint, ...] = ()
    evaluation: Geometry = IMAGENET_CROP
    builder: Builder

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, without the builder."""
        values = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.name != "builder"
        }
        values["input"] = self.input.to_dict()
        values["evaluation"] = dataclasses.asdict(self.evaluation)
        values["checkpoints"] = [dataclasses.asdict(checkpoint) for checkpoint in self.checkpoints]
        return values
