"""What a Keras model costs: parameters and multiply-adds."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from edgecnn.core.lazy import LazyModule

keras = LazyModule("keras", extra="convert")

Shape = tuple[int | None, ...]


@dataclass(frozen=True)
class ModelCost:
    """Parameters (batch normalisation's four included), and multiply-adds of one image."""

    parameters: int
    macs: int


@dataclass(frozen=True)
class Call:
    """One use of a layer; a layer that is shared has several, each at a size of its own.

    Args:
        layer: The Keras layer.
        input_shape: Of its first input, with the batch first.
        output_shape: Of its first output.
    """

    layer: Any
    input_shape: Shape
    output_shape: Shape

    @property
    def macs(self) -> int:
        """Multiply-adds for one image; 0 for what has no kernel."""
        kind, kernel = type(self.layer).__name__, getattr(self.layer, "kernel", None)
        # A kernel of shape (h, w, in / groups, out) is applied once at each position.
        if kind in ("Dense", "Conv2D", "DepthwiseConv2D"):
            return _positions(self.output_shape) * _size(kernel)
        if kind == "Conv2DTranspose":
            return _positions(self.input_shape) * _size(kernel)
        if kind == "SeparableConv2D":
            each = _size(self.layer.depthwise_kernel) + _size(self.layer.pointwise_kernel)
            return _positions(self.output_shape) * each
        return 0


def count(model: Any) -> ModelCost:
    """Count a Keras model's parameters and multiply-adds.

    Multiply-adds are those of convolutions and dense layers, as papers count them; additions of
    biases, normalisation, pooling and activations are left out. A layer that is called twice
    multiplies twice.

    Args:
        model: A built Keras model.

    Example:
        >>> count(edgecnn.build("mobilenet_v2")).parameters
        3538984
    """
    return ModelCost(model.count_params(), sum(call.macs for call in layer_calls(model)))


def layer_calls(model: Any, graph: Any = None) -> Iterator[Call]:
    """Yield every call of a layer in the order of the work, those of models inside in their place.

    Args:
        model: A Keras model with a graph: functional or sequential.
        graph: The same layers at another size, if the model is used at one.
    """
    places = {layer.name: place for place, layer in enumerate(model.layers)}
    by_depth = nodes_by_depth(model if graph is None else graph)
    for depth in sorted(by_depth, reverse=True):
        # A sequential model's input and plain operations are nodes without a layer.
        nodes = [node for node in by_depth[depth] if node.operation.name in places]
        for node in sorted(nodes, key=lambda node: places[node.operation.name]):
            yield from _calls_of(node, model.layers[places[node.operation.name]])


def nodes_by_depth(model: Any) -> dict[int, list[Any]]:
    """Return the nodes of a Keras model's graph, of which each is a call; none without a graph."""
    # Only the graph tells how often a layer is called, and Keras offers no public way to it.
    nodes: dict[int, list[Any]] = getattr(
        getattr(model, "_functional", None) or model, "_nodes_by_depth", {}
    )
    return nodes


def _calls_of(node: Any, layer: Any) -> Iterator[Call]:
    outputs = node.output_tensors
    shape = tuple((node.input_tensors or outputs)[0].shape)
    if hasattr(layer, "layers"):
        yield from layer_calls(layer, _at_size(node.operation, shape))
    else:
        yield Call(layer, shape, tuple(outputs[0].shape))


def _at_size(model: Any, shape: Shape) -> Any:
    """Return an inner model for the size that it is called with, if it takes any size."""
    if len(model.inputs) != 1 or None not in tuple(model.inputs[0].shape)[1:]:
        return model
    return keras.models.clone_model(model, input_tensors=keras.Input(shape[1:]))


def inner_layers(model: Any) -> Iterator[Any]:
    """Yield a model's layers in order, those of models inside it in their place."""
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from inner_layers(layer)
        else:
            yield layer


def _size(kernel: Any) -> int:
    return int(math.prod(kernel.shape))


def _positions(shape: Shape) -> int:
    """Return how many positions there are beside the batch and the channels."""
    return math.prod(side for side in shape[1:-1] if side is not None)
