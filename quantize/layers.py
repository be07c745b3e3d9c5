"""The layers of a Keras model as plain values; the program that ``summary.py`` starts."""

from __future__ import annotations

import os
import traceback
from typing import Any

import numpy as np

from edgecnn.child import Message, ParentPipe
from edgecnn.errors import InputError
from edgecnn.files import quoted
from edgecnn.models.cost import inner_layers, layer_macs
from edgecnn.quantize.loading import load_keras


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
            "parameters": sum(int(np.prod(weight.shape)) for weight in _weights(layer)),
            "macs": layer_macs(layer),
            "bytes": sum(_bytes(weight) for weight in _weights(layer)),
        }
        for layer in inner_layers(model)
    ]


def _weights(layer: Any) -> list[Any]:
    return [weight for weight in layer.weights if "seed_generator" not in weight.path]


def _bytes(weight: Any) -> int:
    return int(np.prod(weight.shape) * np.dtype(weight.dtype).itemsize)


def _output_shape(layer: Any) -> tuple[int | None, ...]:
    output = layer.output
    return tuple((output[0] if isinstance(output, list) else output).shape)


def main() -> None:
    """Serve one summary."""
    parent = ParentPipe()
    job = parent.receive()
    if job is None:
        return
    try:
        if job["kind"] == "saved_model":
            raise InputError(
                f"{quoted(job['name'])} is a SavedModel, which has no layers any more: convert it "
                "and give the .tflite file"
            )
        parent.send({"rows": layer_rows(load_keras(job, lambda done, total: None)[0])})
    except Exception as error:
        parent.send_error(error)
        traceback.print_exc()
    os._exit(0)


if __name__ == "__main__":
    main()
