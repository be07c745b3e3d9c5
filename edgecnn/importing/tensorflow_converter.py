"""TensorFlow's converter: from a traced graph to a float32 ``.tflite`` file (in a child).

No other file knows it. ``convert_graphdef`` is not public.
"""

from __future__ import annotations

from typing import Any

from edgecnn.core.errors import ConversionError
from edgecnn.importing.freezing.conversion_failures import explain_failure


def convert_traced(graph: Any) -> bytes:
    """Convert a traced graph without the passes that TFLiteConverter puts around its core.

    Those freeze and fold the graph a second time, which took two thirds of a conversion.

    Args:
        graph: A TensorFlow graph without variables.

    Raises:
        ConversionError: An op has no TFLite kernel, or the converter gives up.
    """
    from tensorflow.lite.python.convert import convert_graphdef

    try:
        content = convert_graphdef(
            graph.as_graph_def(),
            input_tensors=graph.inputs,
            output_tensors=graph.outputs,
        )
        return bytes(content)
    except Exception as error:
        raise ConversionError(explain_failure(error, graph)) from error
