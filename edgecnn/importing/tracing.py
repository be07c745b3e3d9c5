"""Tracing a model into one graph of a fixed batch, with its weights as constants (in a child)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from edgecnn.core.lazy import LazyModule
from edgecnn.data.inputspec import InputSpec
from edgecnn.importing.freezing.frozen_function import Frozen, frozen, needs_freezing
from edgecnn.importing.freezing.one_sample import of_one_sample
from edgecnn.importing.input_format import FloatGraph, ModelTensor
from edgecnn.importing.layer_names import scope_name
from edgecnn.importing.model_bounds import refuse_large_tensors
from edgecnn.importing.normalization import normalize_first
from edgecnn.importing.tensorflow_converter import convert_traced
from edgecnn.importing.traced_leading_ops import traced_channel_map
from edgecnn.tflite.channel_map import ChannelMap
from edgecnn.tflite.graph import Graph
from edgecnn.tflite.serialization import read_graph

tf = LazyModule("tensorflow", extra="convert")


ModelCall = Callable[..., Any]
"""A model: takes a tensor for each input, with its batch, and returns a tensor, or a list of one
for each output."""


class TracedGraph(FloatGraph):
    """A traced model.

    Args:
        graph: A TensorFlow graph without variables, with inputs of known shapes.
        notes: What a user should know of how it was frozen, one line each.
    """

    def __init__(self, graph: Any, notes: tuple[str, ...] = ()) -> None:
        self.graph, self.notes = graph, notes

    def __call__(self, normalization: InputSpec | None) -> Graph:
        """Convert the graph, and put normalisation before it."""
        graph = read_graph(convert_traced(self.graph))
        if normalization is not None:
            normalize_first(graph, normalization)
        return graph

    def channel_map(self) -> ChannelMap | None:
        """Look at the traced graph, of which the converter's shows less."""
        return traced_channel_map(self.graph)


def traced_graph(call: ModelCall, inputs: Sequence[ModelTensor]) -> TracedGraph:
    """Trace a model with inputs of known shapes, and with its weights as constants.

    Known shapes leave no SHAPE or PACK ops behind. Keras' layers are given their weights as
    constants while they are traced, which saves freezing the graph afterwards; variables that
    they hide are frozen.

    Args:
        call: The model.
        inputs: The model's inputs, in the order in which it takes them.

    Raises:
        InputError: A tensor of the graph would not fit into this machine's memory.
        ConversionError: The model cannot do without its variables or tables.
    """
    traced = _traced(call, inputs)
    if not needs_freezing(traced):
        return TracedGraph(traced.graph)
    made = frozen(traced)
    return TracedGraph(made.function.graph, made.all_notes)


def model_tensors(names: Iterable[str], tensors: Iterable[Any]) -> tuple[ModelTensor, ...]:
    """Return the inputs or outputs of a model as they are once it is traced and frozen.

    Args:
        names: The model's own name of each.
        tensors: The inputs or outputs of its TensorFlow graph.
    """
    return tuple(
        ModelTensor(name, tuple(tensor.shape.as_list()), tensor.dtype.name)
        for name, tensor in zip(names, tensors, strict=True)
    )


def frozen_once(call: ModelCall, inputs: Sequence[ModelTensor], *, had_open_batch: bool) -> Frozen:
    """Trace a model that has variables, with inputs of known shapes, and freeze it.

    A model that was saved for several samples at a time takes one, if its graph allows that.

    Args:
        call: The model.
        inputs: The model's inputs, in the order in which it takes them.
        had_open_batch: Whether the model was saved with an open batch.

    Raises:
        InputError: A tensor of the graph would not fit into this machine's memory.
        ConversionError: The model cannot do without its variables or tables.
    """
    made = frozen(_traced(call, inputs), had_open_batch=had_open_batch)
    # The graphs of the functions that the model calls are part of its own only now.
    refuse_large_tensors(made.function.graph)
    return made._replace(function=of_one_sample(made.function))


def _traced(call: ModelCall, inputs: Sequence[ModelTensor]) -> Any:
    specs = [tf.TensorSpec(each.shape, each.dtype, name=_scope(each, inputs)) for each in inputs]
    concrete = tf.function(call, autograph=False).get_concrete_function(*specs)
    refuse_large_tensors(concrete.graph)
    return concrete


def _scope(tensor: ModelTensor, inputs: Sequence[ModelTensor]) -> str:
    """Return what an input's tensor is called in files."""
    return "input" if len(inputs) == 1 else scope_name(tensor.name)
