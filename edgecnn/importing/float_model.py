"""A float model: all that quantising and explaining a model needs of what was imported."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecnn.data.inputspec import InputSpec
from edgecnn.importing.layer_names import TracedLayer
from edgecnn.tflite.graph import Graph


@dataclass(frozen=True)
class FloatModel:
    """A float32 graph, and how images go in.

    Whatever a user brings, a Keras file, a SavedModel or an architecture's name, becomes one of
    these; ranges, rewrites, recovery, accuracy budgets and sensitivity know nothing else of it.

    Args:
        graph: The float32 graph, as ``.tflite`` has it, of a batch of 1.
        spec: How pixels become the graph's input; None where that is not known.
        normalizes: Whether the graph normalises pixels by itself, and takes them centred.
        layers: Its layers by the names that they have in the file, as
            ``layer_names.keep_layer_names`` gives them; none where they are not known.
    """

    graph: Graph
    spec: InputSpec | None
    normalizes: bool
    layers: Mapping[str, TracedLayer]

    @property
    def normalize(self) -> Callable[[npt.NDArray[Any]], npt.NDArray[np.float32]]:
        """What makes the graph's input of pixels."""
        assert self.spec is not None
        return self.spec.normalize
