"""The layers of a Keras model as plain values; the program that ``summary.py`` starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.core.lazy import LazyModule
from edgecnn.core.parent_pipe import ParentPipe, serve_job
from edgecnn.importing.input_format import LoadOptions, Source
from edgecnn.importing.keras_call import KerasCall
from edgecnn.importing.model_inputs import known_inputs
from edgecnn.importing.sources import format_of
from edgecnn.models.cost import layer_calls, nodes_by_depth
from edgecnn.tflite.calls import CallOptions
from edgecnn.tflite.cost import CostRow

keras = LazyModule("keras", extra="convert")


@dataclass(frozen=True)
class ListLayers:
    """Asks for the layers of a Keras model.

    Args:
        source: Where the model is, and its format.
        size: Height and width that the user chose, in pixels; None for the model's own.
        build: Arguments of ``edgecnn.build`` for an architecture.
    """

    source: Source
    size: tuple[int, int] | None
    build: dict[str, Any]


@dataclass(frozen=True)
class LayersListed:
    """The layers of a Keras model, one row for each call of a layer."""

    rows: tuple[CostRow, ...]


def layer_rows(model: Any) -> list[CostRow]:
    """Return one row for each call of a layer, those of inner models included.

    A layer that is called again multiplies again, and has its weights in its first row only.

    Args:
        model: A built Keras model.
    """
    seen: set[int] = set()
    rows = []
    for call in layer_calls(model):
        own = [weight for weight in call.layer.weights if id(weight) not in seen]
        seen.update(map(id, own))
        rows.append(
            CostRow(
                name=call.layer.name,
                kind=type(call.layer).__name__,
                output_shape=tuple(call.output_shape),
                parameters=sum(int(np.prod(weight.shape)) for weight in own),
                macs=call.macs,
                bytes=sum(_bytes(weight) for weight in own),
            )
        )
    return rows


def _bytes(weight: Any) -> int:
    return int(np.prod(weight.shape) * np.dtype(weight.dtype).itemsize)


def listed_layers(model: Any, size: tuple[int, int] | None, label: str) -> tuple[CostRow, ...]:
    """Return the layers of a model that was loaded, as :func:`layer_rows` does.

    Args:
        model: A built Keras model.
        size: (height, width) in pixels that the user chose; None for the model's own.
        label: The model's name for messages.

    Raises:
        InputError: The model does not show its layers, or leaves a shape open.
    """
    if not nodes_by_depth(model):
        raise InputError(
            f"{label} is of a class of its own, which does not show how its layers are joined: "
            "convert it and give the .tflite file"
        )
    return tuple(layer_rows(_sized(model, size, label)))


def _work(parent: ParentPipe, job: ListLayers) -> None:
    source = job.source
    model, _ = format_of(source).keras_model(source, LoadOptions(job.size, job.build))
    parent.send(LayersListed(listed_layers(model, job.size, quoted(source.name))))


def _sized(model: Any, size: tuple[int, int] | None, label: str) -> Any:
    """Give a model that takes images of any size the one that was asked for."""
    stated = [tuple(each.shape)[1:] for each in model.inputs]
    if size is None and all(None not in shape for shape in stated):
        return model
    inputs = known_inputs(KerasCall(model, label).inputs, CallOptions(size), label)
    if [each.shape[1:] for each in inputs] == stated:
        return model
    tensors = [keras.Input(each.shape[1:], dtype=each.dtype) for each in inputs]
    given = keras.tree.pack_sequence_as(model.input, tensors)
    return keras.models.clone_model(model, input_tensors=given)


def main() -> None:
    """Serve one summary job (the child's side)."""
    serve_job(ListLayers, _work)


if __name__ == "__main__":
    main()
