"""The layers of a Keras model as plain values; the program that ``summary.py`` starts."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgecnn.child import Message, ParentPipe, serve_job
from edgecnn.errors import InputError
from edgecnn.files import quoted
from edgecnn.lazy import LazyModule
from edgecnn.models.cost import inner_layers, layer_macs
from edgecnn.quantize.loading import image_shape, load_keras

keras = LazyModule("keras", extra="convert")


def layer_rows(model: Any) -> list[Message]:
    """Return one row for each layer, those of inner models included.

    Args:
        model: A built Keras model.
    """
    return [
        {
            "name": layer.name,
            "kind": type(layer).__name__,
            "output_shape": _output_shape(layer),
            "parameters": sum(int(np.prod(weight.shape)) for weight in layer.weights),
            "macs": layer_macs(layer),
            "bytes": sum(_bytes(weight) for weight in layer.weights),
        }
        for layer in inner_layers(model)
    ]


def _bytes(weight: Any) -> int:
    return int(np.prod(weight.shape) * np.dtype(weight.dtype).itemsize)


def _output_shape(layer: Any) -> tuple[int | None, ...]:
    output = layer.output
    return tuple((output[0] if isinstance(output, list) else output).shape)


def _work(parent: ParentPipe, job: Message) -> None:
    if job["kind"] == "saved_model":
        raise InputError(
            f"{quoted(job['name'])} is a SavedModel, which has no layers any more: convert it "
            "and give the .tflite file"
        )
    model, _ = load_keras(job, lambda done, total: None)
    parent.send({"rows": layer_rows(_sized(model, job["size"], quoted(job["name"])))})


def _sized(model: Any, size: tuple[int, int] | None, label: str) -> Any:
    """Give a model that takes images of any size the one that was asked for."""
    shape = tuple(model.inputs[0].shape)[1:]
    if size is None and None not in shape:
        return model
    wanted = image_shape(shape, size, label)
    if wanted == shape:
        return model
    return keras.models.clone_model(model, input_tensors=keras.Input(wanted))


def main() -> None:
    """Serve one summary job (the child's side)."""
    serve_job(_work)


if __name__ == "__main__":
    main()
