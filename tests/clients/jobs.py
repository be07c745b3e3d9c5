"""What every client gets: a file, and photographs at its size, so that none resizes them itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from edgecnn.core.errors import InputError
from edgecnn.data.images import decode, fit
from edgecnn.data.preprocessing import Preprocessing
from edgecnn.inspection.clients import clients_for
from edgecnn.model_metadata.described_file import DescribedFile
from edgecnn.model_metadata.input_tensors import input_spec, to_tensor
from edgecnn.tflite.reading import TfliteModel, read_model

MAKERS_OWN = Preprocessing.of("tf", None, None)
"""What the makers' float files want, where they do not say so themselves."""


@dataclass(frozen=True)
class Job:
    """A file to be tried, and beside it ``inputs.npy``, ``inputs.bin`` and images as PNG.

    The inputs are what edgecnn's own preprocessing makes of the images. ``regions`` are MediaPipe's
    regions of interest: left, top, right and bottom as shares of an image's sides; empty for none.
    """

    name: str
    path: Path
    images: tuple[Path, ...]
    model: TfliteModel
    regions: tuple[dict[str, float] | None, ...] = ()

    @property
    def inputs(self) -> Path:
        return self.path.parent / "inputs.npy"

    @property
    def labels(self) -> tuple[str, ...] | None:
        return DescribedFile(self.path).labels

    @property
    def verdicts(self) -> dict[str, bool]:
        """What ``edgecnn inspect`` says: client -> whether it takes the file as it is."""
        found = clients_for(self.model, DescribedFile(self.path).metadata, self.labels)
        return {verdict.client: verdict.ok for verdict in found}


def prepare(name: str, path: Path, photos: Sequence[Path]) -> Job:
    """Write what the clients need into the file's folder, which must be its own."""
    model = read_model(path)
    try:
        spec = input_spec(model, MAKERS_OWN)
    except InputError:  # no image: whatever has its shape
        pixels = np.zeros((len(photos), 1, 1, 3), np.uint8)
        inputs = np.zeros((len(photos), *model.inputs[0].shape[1:]), model.inputs[0].dtype)
    else:
        pixels = np.stack([fit(decode(photo), spec) for photo in photos])
        inputs = np.stack([to_tensor(image, spec, model.inputs[0]) for image in pixels])
    images = tuple(path.parent / f"{number}.png" for number in range(len(photos)))
    for image, file in zip(pixels, images, strict=True):
        Image.fromarray(image).save(file)
    np.save(path.parent / "inputs.npy", inputs)
    (path.parent / "inputs.bin").write_bytes(inputs.tobytes())
    return Job(name, path, images, model)
