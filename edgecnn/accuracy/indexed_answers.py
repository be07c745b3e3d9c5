"""What the answers to samples have in common: which samples they are to, in which order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class IndexedAnswers(Protocol):
    """The answers to samples of some data."""

    @property
    def indices(self) -> npt.NDArray[np.int64]:
        """Number of each sample in the data, int64, shape (samples,)."""

    @property
    def finite(self) -> npt.NDArray[np.bool_]:
        """Whether all values of a sample are finite, bool, shape (samples,)."""

    @property
    def unreadable(self) -> tuple[str, ...]:
        """One line for each sample that could not be read."""

    def __len__(self) -> int:
        """Return the number of samples."""


def order_of_data(parts: Sequence[IndexedAnswers]) -> npt.NDArray[np.int64]:
    """Return the order in which answers to several parts of some data are those of the data.

    Args:
        parts: Answers to different samples, in any order; at least one part.

    Returns:
        Places in all parts, one after the other, int64.
    """
    import numpy as np

    return np.argsort(np.concatenate([part.indices for part in parts]))
