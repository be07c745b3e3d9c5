"""A float model's answers to the same images, given to it in several ways."""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from edgecnn.quantize.calibration.evidence import (
    Array,
    LogProbabilities,
    is_softmax,
    log_probabilities,
)
from edgecnn.tflite.graph import Graph
from edgecnn.tflite.runtime import LoadedFile
from edgecnn.tflite.serialization import write_graph

Reading = TypeVar("Reading", bound=Hashable)


class AnsweringModel(Generic[Reading]):
    """Runs a float model once for each image and reading of its input, and keeps the answers.

    Args:
        graph: A float graph of one input and one output.
        images: Images, uint8, shape (images, height, width, channels).
        inputs: Makes the graph's input, float32, of a reading and of images.
    """

    def __init__(
        self,
        graph: Graph,
        images: npt.NDArray[np.uint8],
        inputs: Callable[[Reading, npt.NDArray[np.uint8]], Array],
    ) -> None:
        self._graph, self._images, self._inputs = graph, images, inputs
        self._answers: dict[Reading, list[Array]] = {}

    @functools.cached_property
    def _file(self) -> LoadedFile:
        return LoadedFile(write_graph(self._graph))

    def ends_in_softmax(self, reading: Reading) -> bool:
        """Whether the model's answers are probabilities that add up to one."""
        return is_softmax(self._raw(reading, 1))

    def answers(self, reading: Reading, count: int) -> LogProbabilities:
        """Return the answers to the first images."""
        return log_probabilities(self._raw(reading, count))

    def _raw(self, reading: Reading, count: int) -> Array:
        answers = self._answers.setdefault(reading, [])
        shape = self._graph.inputs[0].shape
        for image in self._images[len(answers) : count]:
            self._file.run([self._inputs(reading, image[None]).reshape(shape)])
            answers.append(self._file.output(0).reshape(-1).copy())
        return np.stack(answers)
