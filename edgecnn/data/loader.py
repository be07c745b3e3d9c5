"""Decoding images in parallel with whatever uses them."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from edgecnn.core.platform_support import usable_cores
from edgecnn.data.datasets import Dataset
from edgecnn.data.images import Pixels, UnreadableImageError
from edgecnn.data.inputspec import InputSpec

LOOK_AHEAD = 8
"""Images a worker that may wait decoded, so that memory stays small however large the data."""


@dataclass(frozen=True)
class LoadedImage:
    """One image of a data set, cut to size, or why it could not be read.

    Args:
        index: In the data set.
        image: uint8, the spec's shape; None if unreadable.
        error: One line that names the file; None if it was read.
    """

    index: int
    image: Pixels | None
    error: str | None = None


def load(
    dataset: Dataset, indices: Sequence[int], spec: InputSpec, workers: int | None = None
) -> Generator[LoadedImage, None, None]:
    """Read, decode and resize images in threads, in order; Pillow works outside Python's lock.

    Args:
        dataset: Where they are.
        indices: Which.
        spec: What they are cut to.
        workers: Threads; as many as usable cores unless said.

    Example:
        >>> next(load(open_dataset("digits"), [0], preset("unit", 32, 32))).image.shape
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
