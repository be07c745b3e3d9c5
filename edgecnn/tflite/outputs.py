"""Rows of scores: how many numbers a model answers, and which op makes them."""

from __future__ import annotations

from edgecnn.tflite.ops import PROBABILITY_OPS
from edgecnn.tflite.output_kinds import SCORE_TYPES
from edgecnn.tflite.reading import TfliteModel
from edgecnn.tflite.structure import Operator, TensorInfo, has_image_shape


def row_length(model: TfliteModel) -> int | None:
    """Return how many numbers the first output's row has; None if it is no row for one input."""
    if not model.inputs or not model.outputs:
        return None
    output = model.outputs[0]
    if output.dtype not in SCORE_TYPES or output.elements < 2 or output.is_open:
        return None
    return output.elements if output.shape[-1] == output.elements else None


def takes_image(model: TfliteModel) -> bool:
    """Say whether the first input has the shape of a colour image, or of a square grey one.

    A grey input of unequal sides may as well be audio features.
    """
    shape = model.inputs[0].shape if model.inputs else ()
    return has_image_shape(shape) and (shape[3] == 3 or shape[1] == shape[2])


def final_operator(model: TfliteModel, output: TensorInfo) -> Operator | None:
    """Return the op that makes an output's values, past ops that only pass values on."""
    makers = {result.index: op for op in model.operators for result in op.outputs}
    tensor, seen = output, set()
    while (op := makers.get(tensor.index)) is not None and tensor.index not in seen:
        seen.add(tensor.index)
        if not op.traits.passes_values or not op.inputs or op.inputs[0] is None:
            return op
        tensor = op.inputs[0]
    return None


def final_activation(model: TfliteModel) -> str | None:
    """Return ``"softmax"`` or ``"sigmoid"`` if the model ends in it, else None.

    Example:
        >>> final_activation(read_model("mobilenet_v2_int8.tflite"))
        'softmax'
    """
    op = final_operator(model, model.outputs[0]) if model.outputs else None
    return PROBABILITY_OPS.get(op.name) if op is not None else None
