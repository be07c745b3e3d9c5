"""Decoding images in parallel with whatever uses them."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from edgecnn.core.cpu_limits import usable_cores
from edgecnn.data.datasets import Dataset
from edgecnn.data.images import Pixels, UnreadableImageError
from edgecnn.data.inputspec import InputSpec

LOOK_AHEAD = 8
"""Decoded images that may wait, for each worker, so that memory stays small for any data."""


@dataclass(frozen=True)
class LoadedImage:
    """One image of a data set, cut to size, or why it could not be read.

    Args:
        index: Index of the image in the data set.
        image: Pixels, uint8, of the spec's shape; None if the image could not be read.
        error: Why the image could not be read, in one line that names it; None if it was read.
    """

    index: int
    image: Pixels | None
    error: str | None = None


def load_images(
    dataset: Dataset, indices: Sequence[int], spec: InputSpec, workers: int | None = None
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


def _load_one(dataset: Dataset, index: int, spec: InputSpec) -> LoadedImage:
    try:
        return LoadedImage(index, dataset.cut(index, spec))
    except UnreadableImageError as error:
        return LoadedImage(index, None, str(error))
