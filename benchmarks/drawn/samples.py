"""What every data set is: a name, a way to draw its files, a way to read them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

TRAIN, TEST = "train", "test"
COUNTS = {TRAIN: 1200, TEST: 2000}
QUICK_COUNTS = {TRAIN: 160, TEST: 80}
SIZE = 64
"""Height and width of most pictures, in pixels."""


@dataclass(frozen=True)
class Samples:
    """Samples of a part of a data set, read from its files.

    Args:
        inputs: An array for each input of a model, shape (samples, ...); pictures in 0..255.
        truth: What stands in the files beside them, as the data set says.
    """

    inputs: tuple[Array, ...]
    truth: Any


@dataclass(frozen=True)
class DataSet:
    """A data set that is drawn.

    Args:
        name: Its folder's name.
        draw: Writes a part of it into the data set's folder: the folder, ``TRAIN`` or ``TEST``, the
            number of samples, the random generator.
        read: Reads a part of it.
    """

    name: str
    draw: Callable[[Path, str, int, np.random.Generator], None]
    read: Callable[[Path, str], Samples]


@dataclass(frozen=True)
class Place:
    """A folder of drawn data, models and files.

    Args:
        root: The folder.
        is_quick: Whether data are few and training is short: to try commands, not for figures.
    """

    root: Path
    is_quick: bool = False

    def data(self, data_set: DataSet) -> Path:
        """Draw the parts of a data set that are not there, each by its seed; return its folder."""
        folder = self.root / "data" / data_set.name
        for seed, (part, count) in enumerate((QUICK_COUNTS if self.is_quick else COUNTS).items()):
            done = folder / f".{part}"
            if not done.exists():
                folder.mkdir(parents=True, exist_ok=True)
                rng = np.random.default_rng([seed, len(data_set.name)])
                data_set.draw(folder, part, count, rng)
                done.touch()
        return folder

    def model(self, name: str) -> Path:
        """Return where a task's Keras model lies."""
        return self.root / "models" / f"{name}.keras"


def numbered(count: int, suffix: str) -> Iterator[str]:
    """Yield the names of so many files."""
    yield from (f"{number:04d}{suffix}" for number in range(count))
