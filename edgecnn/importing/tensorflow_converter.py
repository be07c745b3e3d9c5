"""TensorFlow's converter: from a traced graph to a float32 ``.tflite`` file (in a child).

No other file knows it. ``convert_graphdef`` is not public.
"""

from __future__ import annotations

import re
from typing import Any

from edgecnn.core.errors import ConversionError


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
        raise ConversionError(explain_failure(str(error))) from error


def explain_failure(text: str) -> str:
    """Return the converter's error in one line: the ops without a TFLite kernel, if named."""
    named = re.findall(r"(?:Flex|Custom) ops: ([^\n]+)", text)
    if named:
        ops = ", ".join(dict.fromkeys(", ".join(named).split(", ")))
        return f"no TFLite kernel for {ops}: replace the layers that use it"
    lines = [line for line in text.splitlines() if line.strip()]
    return f"TensorFlow's converter gave up: {lines[-1].strip()[:300]}" if lines else "it gave up"
