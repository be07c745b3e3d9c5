"""Decoding images in parallel with whatever uses them."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

from edgecnn.core.cpu_limits import usable_cores
from edgecnn.data.images import UnreadableImageError
from edgecnn.data.inputspec import InputSpec

LOOK_AHEAD = 8
"""Decoded images that may wait, for each worker, so that memory stays small for any data."""


class Samples(Protocol):
    """Samples by index, each read and cut to a model's size when it is asked for."""

    def __len__(self) -> int:
        """Return the number of samples."""

    def cut(self, index: int, spec: Any) -> Any:
        """Return a sample as a model takes it; UnreadableImageError where that fails.

        Args:
            index: Number of the sample.
            spec: The model's input: an InputSpec, or None where samples are no images.
        """


@dataclass(frozen=True)
class LoadedImage:
    """One image of a data set, cut to size, or why it could not be read.

    Args:
        index: Index of the image in the data set.
        image: Pixels, uint8, of the spec's shape, or what else the data set's ``cut`` returned;
            None if the image could not be read.
        error: Why the image could not be read, in one line that names it; None if it was read.
    """

    index: int
    image: Any
    error: str | None = None


def load_images(
    dataset: Samples, indices: Sequence[int], spec: InputSpec | None, workers: int | None = None
) -> Generator[LoadedImage, None, None]:
    """Read, decode and resize images in threads, in order; Pillow works outside Python's lock.

    Args:
        dataset: Data set that reads and cuts the images.
        indices: Indices of the images to load.
        spec: The model's input, to whose size images are cut.
        workers: Number of threads; None for as many as usable cores.

    Example:
        >>> next(load_images(open_dataset("digits"), [0], preset("unit", 32, 32))).image.shape
        (32, 32, 3)
    """
    workers = workers or usable_cores()
    pool = ThreadPoolExecutor(workers)
    waiting: deque[Future[LoadedImage]] = deque()
    try:
        for index in indices:
            waiting.append(pool.submit(_load_one, dataset, index, spec))
            if len(waiting) >= workers * LOOK_AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _load_one(dataset: Samples, index: int, spec: InputSpec | None) -> LoadedImage:
    try:
        return LoadedImage(index, dataset.cut(index, spec))
    except UnreadableImageError as error:
        return LoadedImage(index, None, str(error))
