"""What a model answers: classes or not, and whether as probabilities."""

from __future__ import annotations

from edgecnn.tflite.ops import PROBABILITY_OPS
from edgecnn.tflite.reading import Operator, TensorInfo, TfliteModel


def class_count(model: TfliteModel) -> int | None:
    """Return the number of classes; None if the first output is no row of class scores."""
    if not model.inputs or not model.outputs or len(model.inputs[0].shape) != 4:
        return None
    output = model.outputs[0]
    if output.elements < 2 or not output.shape or output.shape[-1] != output.elements:
        return None
    return output.elements


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
