"""From a Keras model to a source: weights are seeded, and the model is saved."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .cases import Array, Input, Source

OPEN_SIDE = 32
"""Length of sides that a model leaves open."""

VOCABULARY = 50
"""Number of words of models that take integers."""

FOLDED = ("kernel", "depthwise_kernel", "pointwise_kernel")


def settle(model: Any, seed: int = 0) -> Any:
    """Give a built Keras model weights that keep activations sane, and return it.

    Kernels are drawn as He et al. 2015 do, biases a tenth as wide, and batch normalisation takes
    its statistics from a few batches.
    """
    generator = np.random.Generator(np.random.PCG64(seed))
    for weight in model.weights:
        values = _drawn(weight.path.rsplit("/", 1)[-1], tuple(weight.shape), generator)
        if values is not None:
            weight.assign(values)
    normalizations = [layer for layer in layers_of(model) if hasattr(layer, "moving_variance")]
    if normalizations:
        _adapt(model, normalizations, generator)
    return model


def _drawn(name: str, shape: tuple[int, ...], generator: np.random.Generator) -> Array | None:
    if name == "depthwise_kernel":
        fan_in = int(np.prod(shape[:-2]))
    elif name in FOLDED:
        fan_in = int(np.prod(shape[:-1]))
    elif name in ("bias", "beta"):
        return generator.normal(0, 0.1, shape)
    else:
        return None
    return generator.normal(0, np.sqrt(2 / fan_in), shape)


def layers_of(model: Any) -> list[Any]:
    """Return a model's layers and those of the models in it."""
    inner = [layers_of(layer) if hasattr(layer, "layers") else [layer] for layer in model.layers]
    return [layer for layers in inner for layer in layers]


def _adapt(model: Any, normalizations: Sequence[Any], generator: np.random.Generator) -> None:
    kept = [layer.momentum for layer in normalizations]
    for layer in normalizations:
        layer.momentum = 0.5
    count = model.inputs[0].shape[0] or 16
    for _ in range(6):
        batch = [generator.uniform(-1, 1, (count, *known_sides(entry))) for entry in model.inputs]
        model(batch if len(batch) > 1 else batch[0], training=True)
    for layer, momentum in zip(normalizations, kept, strict=True):
        layer.momentum = momentum


def known_sides(tensor: Any) -> tuple[int, ...]:
    """Return the shape of one sample of a Keras model's input."""
    return tuple(each or OPEN_SIDE for each in tensor.shape[1:])


def inputs_of(model: Any) -> list[Input]:
    """Return what a Keras model takes."""
    return [_input(tensor) for tensor in model.inputs]


def _input(tensor: Any) -> Input:
    shape = known_sides(tensor)
    is_image = len(shape) == 3 and shape[-1] in (1, 3)
    is_image |= len(shape) == 2 and shape[0] == shape[1]
    dtype = str(tensor.dtype)
    is_float = "float" in dtype
    return Input(
        tensor._keras_history.operation.name,
        shape,
        "float32" if is_float else dtype,
        VOCABULARY,
        is_image=is_image and is_float,
    )


def answers_of(call: Any) -> Any:
    """Return a function of batches that gives a callable's outputs in order: float32, or words."""

    def answer(batch: list[Array]) -> list[Array]:
        found = call(batch if len(batch) > 1 else batch[0])
        if isinstance(found, dict):
            found = list(found.values())
        outputs = found if isinstance(found, list | tuple) else [found]
        arrays = [np.asarray(each) for each in outputs]
        return [a.astype("S" if a.dtype.kind == "O" else np.float32) for a in arrays]

    return answer


def keras_converters(model: Any) -> list[Any]:
    """Return two plain ways from a Keras model: as it is, and frozen as a call of one sample."""
    import tensorflow as tf
    from tensorflow.python.framework import convert_to_constants

    def of_call() -> Any:
        specs = [
            tf.TensorSpec(
                (1, *known_sides(tensor)),
                tf.float32 if "float" in str(tensor.dtype) else tensor.dtype,
                name=tensor._keras_history.operation.name,
            )
            for tensor in model.inputs
        ]
        call = tf.function(
            lambda *batch: model(list(batch) if len(batch) > 1 else batch[0], training=False)
        )
        frozen = convert_to_constants.convert_variables_to_constants_v2(
            call.get_concrete_function(*specs)
        )
        return tf.lite.TFLiteConverter.from_concrete_functions([frozen])

    return [lambda: tf.lite.TFLiteConverter.from_keras_model(model), of_call]


def saved(model: Any, folder: Path, *, settled: bool = False) -> Source:
    """Save a Keras model as ``.keras``, and return it as a source."""
    source = in_memory(model if settled else settle(model))
    path = folder / "model.keras"
    model.save(path)
    return Source(path, source.inputs, source.answer, source.converters)


def in_memory(model: Any) -> Source:
    """Return a Keras model in memory as a source."""
    return Source(
        model,
        inputs_of(model),
        answers_of(lambda batch: model(batch, training=False)),
        keras_converters(model),
    )


def one_by_one(answer: Any) -> Any:
    """Return a function of batches of a model that takes one sample at a time."""

    def answers(batch: list[Any]) -> list[Any]:
        rows = [answer([values[n : n + 1] for values in batch]) for n in range(len(batch[0]))]
        return [np.concatenate(parts) for parts in zip(*rows, strict=True)]

    return answers
