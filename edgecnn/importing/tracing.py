"""Tracing a model into one graph of a fixed batch, with its weights as constants (in a child)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from edgecnn.core.lazy import LazyModule
from edgecnn.data.inputspec import InputSpec
from edgecnn.importing.input_format import FloatGraph, ModelTensor
from edgecnn.importing.layer_names import scope_name
from edgecnn.importing.model_bounds import refuse_large_tensors
from edgecnn.importing.normalization import pointwise_normalization
from edgecnn.importing.tensorflow_converter import convert_traced
from edgecnn.tflite.serialization import read_graph

tf = LazyModule("tensorflow", extra="convert")


ModelCall = Callable[..., Any]
"""A model: takes a tensor for each input, with its batch, and returns a tensor, or a list of one
for each output."""


def traced_graph(call: ModelCall, inputs: Sequence[ModelTensor]) -> FloatGraph:
    """Return what traces a model and makes its float32 graph.

    Args:
        call: The model.
        inputs: The model's inputs, in the order in which it takes them.
    """
    return lambda normalization: read_graph(convert_traced(freeze(call, inputs, normalization)))


def freeze(
    call: ModelCall, inputs: Sequence[ModelTensor], normalization: InputSpec | None = None
) -> Any:
    """Trace a model with inputs of known shapes, and with its weights as constants.

    Known shapes leave no SHAPE or PACK ops behind. Keras' layers are given their weights as
    constants while they are traced, which saves freezing the graph afterwards; variables that
    they hide, and a SavedModel's, are frozen.

    Args:
        call: The model.
        inputs: The model's inputs, in the order in which it takes them.
        normalization: Normalisation that goes into the graph of a model with one input, which then
            is what ``InputSpec.centered`` says; None for a graph that takes its input as the model
            does.

    Returns:
        A TensorFlow graph without variables.

    Raises:
        InputError: A tensor of the graph would not fit into this machine's memory.
    """

    def normalized_call(*tensors: Any) -> Any:
        if normalization is None:
            return call(*tensors)
        return call(_normalized(tensors[0], normalization))

    specs = [tf.TensorSpec(each.shape, each.dtype, name=_scope(each, inputs)) for each in inputs]
    concrete = tf.function(normalized_call, autograph=False).get_concrete_function(*specs)
    refuse_large_tensors(concrete.graph)
    if concrete.captured_inputs:
        from tensorflow.python.framework import convert_to_constants

        concrete = convert_to_constants.convert_variables_to_constants_v2(concrete)
    return concrete.graph


def _scope(tensor: ModelTensor, inputs: Sequence[ModelTensor]) -> str:
    """Return what an input's tensor is called in files."""
    return "input" if len(inputs) == 1 else scope_name(tensor.name)


def _normalized(image: Any, spec: InputSpec) -> Any:
    """Normalise centred pixels."""
    kernel, bias = pointwise_normalization(spec)
    return tf.nn.bias_add(tf.nn.conv2d(image, kernel[None, None], 1, "VALID"), bias)
