"""Embeddings: whether the nearest of all other samples has the same label."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edgecnn.accuracy.kinds.figures import Floats, KindFigure, mean_figure, share_figure
from edgecnn.accuracy.kinds.judge import Array
from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.data.inputspec import InputSpec
from edgecnn.data.targets import ArrayTargets
from edgecnn.records.recorded_figure import Unit
from edgecnn.tflite.structure import TensorInfo

QUERIES_AT_ONCE = 256


class EmbeddingJudge:
    """Judges a vector by its nearest neighbour among the samples' other vectors.

    Args:
        number: Number of the output.
        output: The output.
        targets: A label for each sample: who or what it shows.

    Raises:
        InputError: The labels are no whole numbers, or no label is there twice.
    """

    takes_places = False
    reading = ""

    def __init__(self, number: int, output: TensorInfo, targets: ArrayTargets) -> None:
        self.outputs: tuple[int, ...] = (number,)
        self.name = output.name
        labels = targets.values.reshape(len(targets.values), -1)
        if labels.shape[1] != 1 or labels.dtype.kind not in "iub":
            raise InputError(
                f"{quoted(targets.name)} holds {labels.dtype} of shape {targets.values.shape}, "
                "where an embedding is judged by one label for each sample"
            )
        self._labels = labels[:, 0]
        if len(np.unique(self._labels)) == len(self._labels):
            raise InputError(
                f"no label of {quoted(targets.name)} is there twice, and an embedding is judged by "
                "whether the nearest sample has the same label"
            )

    def target(self, index: int, spec: InputSpec | None) -> int:
        """Return the label of a sample."""
        return int(self._labels[index])

    def row(self, values: Sequence[Array], target: int) -> tuple[npt.NDArray[np.float64], int]:
        """Return the vector of a sample, and its label."""
        return self.answer(values), target

    def answer(self, values: Sequence[Array]) -> npt.NDArray[np.float64]:
        """Return the vector of a sample."""
        return np.asarray(values[0], np.float64).reshape(-1)

    def figures(self, rows: Sequence[tuple[Floats, int]]) -> list[KindFigure]:
        """Return recall@1."""
        vectors = np.stack([vector for vector, _ in rows])
        labels = np.array([label for _, label in rows])
        hits = nearest_is_alike(vectors, labels)
        if not len(hits):
            raise InputError("no label is there twice among the samples that could be read")
        return [share_figure("recall@1", hits)]

    def agreement(self, answers: Sequence[Floats], others: Sequence[Floats]) -> KindFigure:
        """Return the mean cosine between two models' vectors of the same sample."""
        cosines = (_unit(np.stack(answers)) * _unit(np.stack(others))).sum(axis=1)
        return mean_figure("cosine", Unit.PLAIN, cosines)


def nearest_is_alike(vectors: Floats, labels: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Return whether the nearest other vector, by cosine, has the same label.

    Args:
        vectors: float64, shape (samples, sides); of equally near ones the first counts.
        labels: One label for each sample, int64, shape (samples,).

    Returns:
        bool, one for each sample whose label another sample has, too.

    Example:
        >>> vectors = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]])
        >>> nearest_is_alike(vectors, np.array([7, 7, 8])).tolist()
        [True, True]
    """
    unit = _unit(vectors)
    _, places, counts = np.unique(labels, return_inverse=True, return_counts=True)
    queries = np.flatnonzero(counts[places] > 1)
    hits = []
    for begin in range(0, len(queries), QUERIES_AT_ONCE):
        some = queries[begin : begin + QUERIES_AT_ONCE]
        nearness = unit[some] @ unit.T
        nearness[np.arange(len(some)), some] = -np.inf
        hits.append(labels[nearness.argmax(axis=1)] == labels[some])
    return np.concatenate(hits) if hits else np.zeros(0, np.bool_)


def _unit(vectors: Floats) -> Floats:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, np.finfo(np.float64).tiny), np.float64)
