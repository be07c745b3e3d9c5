"""What is known of an architecture, as one dataclass."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from edgecnn.data.inputspec import InputSpec


@dataclass(frozen=True)
class BuildArguments:
    """What every builder takes.

    Args:
        size: (height, width) in pixels.
        alpha: Width multiplier.
        classes: Number of classes.
        dropout: Rate before the last layer.
        softmax: Whether to end in softmax.
        auxiliary: Whether to add the auxiliary classifiers as further outputs.
    """

    size: tuple[int, int]
    alpha: float
    classes: int
    dropout: float
    softmax: bool
    auxiliary: bool = False


@dataclass(frozen=True)
class Checkpoint:
    """A file of weights as its publisher offers it.

    Args:
        url: Where it is.
        alpha: Width multiplier that it fits.
        size: Input pixels that it was trained at; it fits others.
        md5: As the publisher's own loader checks it; None where it has none, then the checksum
            that the publisher's server sends with the file is checked.
    """

    url: str
    alpha: float = 1.0
    size: int = 224
    md5: str | None = None


KERAS_WEIGHTS = "https://storage.googleapis.com/tensorflow/keras-applications/"


def keras_checkpoint(path: str, md5: str, size: int = 224) -> Checkpoint:
    """Return a checkpoint of Keras' publisher that has its customary ending.

    Args:
        path: Folder and file name before the ending.
        md5: Of the file.
        size: Input pixels that it was trained at.

    Example:
        >>> keras_checkpoint("vgg16/vgg16", "64373286793e3c8b2b4e3219cbf3544b").size
        224
    """
    return Checkpoint(
        f"{KERAS_WEIGHTS}{path}_weights_tf_dim_ordering_tf_kernels.h5", size=size, md5=md5
    )


Builder = Callable[[BuildArguments], Any]


@dataclass(frozen=True)
class ModelSpec:
    """One architecture in the registry.

    Args:
        name: As commands take it.
        family: Name of the file that defines it.
        year: Of the paper.
        paper: Authors, title, and where to read it.
        input: At its default size.
        parameters: Weights, batch normalisation's included, at its own classes and alpha 1.
        macs: Multiply-adds of one image at the default input.
        top1_percent: Published ImageNet top-1 of the checkpoint, None if there is none.
        top1_source: Who published it.
        dropout: Default rate.
        classes: Default number: 1,000, or those of the data set that it is made for.
        has_auxiliary: Whether it can have auxiliary classifiers, which training alone uses.
        keras_name: Its name in ``keras.applications``, which its weights are exchanged with.
        checkpoints: Published weights.
        builder: Makes the Keras model.
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
    dropout: float
    classes: int
    has_auxiliary: bool
    keras_name: str | None
    checkpoints: tuple[Checkpoint, ...]
    builder: Builder

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, without the builder."""
        values = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.name != "builder"
        }
        values["input"] = self.input.to_dict()
        values["checkpoints"] = [dataclasses.asdict(checkpoint) for checkpoint in self.checkpoints]
        return values
