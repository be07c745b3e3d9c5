"""Tracing a model into one graph of a fixed batch, with its weights as constants (in a child)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edgecnn.core.lazy import LazyModule
from edgecnn.data.inputspec import InputSpec
from edgecnn.importing.input_format import FloatFile
from edgecnn.importing.model_bounds import refuse_large_tensors
from edgecnn.importing.normalization import pointwise_normalization
from edgecnn.importing.tensorflow_converter import convert_traced

tf = LazyModule("tensorflow", extra="convert")


def traced_file(call: Callable[[Any], Any], input_shape: tuple[int, int, int]) -> FloatFile:
    """Return what traces a model and makes its float32 file.

    Args:
        call: The model, as :func:`freeze` takes it.
        input_shape: (height, width, channels) of the model's images, in pixels.
    """
    return lambda normalization: convert_traced(freeze(call, input_shape, normalization))


def freeze(
    call: Callable[[Any], Any], input_shape: tuple[int, int, int], normalization: InputSpec | None
) -> Any:
    """Trace a model at a batch of 1, with its weights as constants.

    A fixed batch leaves no SHAPE or PACK ops behind. Keras' layers are given their weights as
    constants while they are traced, which saves freezing the graph afterwards; variables that
    they hide, and a SavedModel's, are frozen.

    Args:
        call: The model: takes a float32 tensor (1, height, width, channels), returns (1, classes).
        input_shape: (height, width, channels) of the model's images, in pixels.
        normalization: Normalisation that goes into the graph, whose input then is what
            ``InputSpec.centered`` says; None for a graph that takes normalised images.

    Returns:
        A TensorFlow graph without variables; its input is float32 (1, height, width, channels).

    Raises:
        InputError: A tensor of the graph would not fit into this machine's memory.
    """

    def normalized_call(image: Any) -> Any:
        return call(image if normalization is None else _normalized(image, normalization))

    spec = tf.TensorSpec((1, *input_shape), tf.float32, name="input")
    concrete = tf.function(normalized_call, autograph=False).get_concrete_function(spec)
    refuse_large_tensors(concrete.graph)
    if concrete.captured_inputs:
        from tensorflow.python.framework import convert_to_constants

        concrete = convert_to_constants.convert_variables_to_constants_v2(concrete)
    return concrete.graph


def _normalized(image: Any, spec: InputSpec) -> Any:
    """Normalise centred pixels."""
    kernel, bias = pointwise_normalization(spec)
    return tf.nn.bias_add(tf.nn.conv2d(image, kernel[None, None], 1, "VALID"), bias)
