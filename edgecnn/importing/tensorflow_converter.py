"""TensorFlow's converter: from a traced graph to a float ``.tflite`` file (in a child).

With ``edgecnn.quantize.tensorflow_quantizer`` the only file that knows it. ``convert_graphdef`` is
not public.
"""

from __future__ import annotations

import re
from typing import Any

from edgecnn.core.errors import ConversionError
from edgecnn.tflite.numbers import FLOAT16
from edgecnn.tflite.schemes import Scheme


def convert_traced(graph: Any, scheme: Scheme) -> bytes:
    """Convert a traced graph without the passes that TFLiteConverter puts around its core.

    Those freeze and fold the graph a second time, which took two thirds of a conversion.

    Args:
        graph: A TensorFlow graph without variables.
        scheme: One whose activations are float: at most its weights are quantised.

    Raises:
        ConversionError: An op has no TFLite kernel, or the converter gives up.
    """
    from tensorflow.lite.python.convert import convert_graphdef

    is_quantized = scheme.weights != scheme.activations
    try:
        content = convert_graphdef(
            graph.as_graph_def(),
            input_tensors=graph.inputs,
            output_tensors=graph.outputs,
            post_training_quantize=is_quantized,
            quantize_to_float16=scheme.weights == FLOAT16,
            enable_mlir_dynamic_range_quantizer=is_quantized,
            # With it a dense layer needs runtime 2.17, and 32-bit boards end at 2.14.
            disable_per_channel_quantization_for_dense_layers=True,
        )
        return bytes(content)
    except Exception as error:
        raise ConversionError(explain_failure(str(error))) from error


def explain_failure(text: str) -> str:
    """Make one line of the converter's complaint: the ops without a TFLite kernel, if named."""
    named = re.findall(r"(?:Flex|Custom) ops: ([^\n]+)", text)
    if named:
        ops = ", ".join(dict.fromkeys(", ".join(named).split(", ")))
        return f"no TFLite kernel for {ops}: replace the layers that use it"
    lines = [line for line in text.splitlines() if line.strip()]
    return f"TensorFlow's converter gave up: {lines[-1].strip()[:300]}" if lines else "it gave up"
