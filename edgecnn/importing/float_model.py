"""A float model: all that quantising and explaining a model needs of what was imported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edgecnn.data.inputspec import InputSpec
from edgecnn.importing.layer_names import TracedLayer
from edgecnn.tflite.graph import Graph


@dataclass(frozen=True)
class FloatModel:
    """A float32 graph, and how images go in.

    A model of any input format becomes a FloatModel; ranges, rewrites, recovery, accuracy budgets
    and sensitivity know nothing else of the model.

    Args:
        graph: The float32 graph, as ``.tflite`` has it.
        spec: How pixels become the graph's input; None where that is not known, and for inputs that
            are no image.
        normalizes: Whether the graph normalises pixels by itself, and takes them centred.
        layers: The layers, as ``layer_names.traced_layers`` returns them; empty where the names
            of layers are not known.
    """

    graph: Graph
    spec: InputSpec | None
    normalizes: bool
    layers: Mapping[str, TracedLayer]
