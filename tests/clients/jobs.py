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
from edgecnn.tflite.structure import TensorInfo

MAKERS_OWN = Preprocessing.of("tf", None, None)
"""What the makers' float files want, where they do not say so themselves."""


@dataclass(frozen=True)
class Job:
    """A file to be tried, and beside it the values of each input and images as PNG.

    Args:
        name: Name of the file for messages.
        path: The file, in a folder of its own.
        images: One image a run, for clients that prepare images themselves.
        model: The file's structure.
        regions: MediaPipe's regions of interest: left, top, right and bottom as shares of an
            image's sides; empty for none.
    """

    name: str
    path: Path
    images: tuple[Path, ...]
    model: TfliteModel
    regions: tuple[dict[str, float] | None, ...] = ()

    @property
    def inputs(self) -> tuple[Path, ...]:
        """For each input of the model the values of all runs, as ``.npy``; ``.bin`` is beside."""
        places = range(len(self.model.inputs))
        return tuple(self.path.parent / f"input{place}.npy" for place in places)

    @property
    def labels(self) -> tuple[str, ...] | None:
        return DescribedFile(self.path).labels

    @property
    def verdicts(self) -> dict[str, bool | None]:
        """What ``edgecnn inspect`` says: client -> whether it takes the file; None: not known."""
        found = clients_for(self.model, DescribedFile(self.path).metadata, self.labels)
        return {verdict.client: verdict.ok for verdict in found}


def prepare(name: str, path: Path, photos: Sequence[Path]) -> Job:
    """Write what the clients need into the file's folder, which must be its own.

    An input that takes images gets the photographs by edgecnn's own preprocessing; other inputs get
    random values of their shape.
    """
    model = read_model(path)
    images = tuple(path.parent / f"{number}.png" for number in range(len(photos)))
    job = Job(name, path, images, model)
    try:
        spec = input_spec(model, MAKERS_OWN)
    except InputError:
        pixels = np.stack([np.asarray(Image.open(photo).resize((64, 64))) for photo in photos])
        inputs = [_random_values(tensor, len(photos)) for tensor in model.inputs]
    else:
        pixels = np.stack([fit(decode(photo), spec) for photo in photos])
        taken = (to_tensor(image, spec, model.inputs[0])[None] for image in pixels)
        inputs = [np.stack(list(taken))]
    for image, file in zip(pixels, images, strict=True):
        Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(file)
    for values, file in zip(inputs, job.inputs, strict=True):
        np.save(file, values)
        file.with_suffix(".bin").write_bytes(values.tobytes())
    return job


def _random_values(tensor: TensorInfo, runs: int) -> np.ndarray:
    """Return values between 0 and 1, or small integers, which are also valid indices."""
    generator = np.random.Generator(np.random.PCG64(0))
    shape = (runs, *tensor.shape)
    if tensor.dtype == "float32":
        return generator.random(shape, np.float32)
    if tensor.dtype == "string":
        return np.full(shape, b"word")
    return generator.integers(0, 3, shape).astype(tensor.dtype)
