"""The layers of a Keras model as plain values; the program that ``summary.py`` starts."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgecnn.child import Message, ParentPipe, serve_job
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
    parent.send({"rows": layer_rows(model)})


def main() -> None:
    """Serve one summary job (the child's side)."""
    serve_job(_work)


if __name__ == "__main__":
    main()
