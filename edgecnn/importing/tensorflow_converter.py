"""TensorFlow's converter: from a traced graph or a SavedModel to a ``.tflite`` file (in a child).

No other file knows it. ``convert_graphdef`` is not public.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgecnn.core.errors import ConversionError
from edgecnn.core.lazy import LazyModule
from edgecnn.importing.freezing.conversion_failures import explain_failure

tf = LazyModule("tensorflow", extra="convert")


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


def convert_saved_model(folder: Path, signature: str, graph: Any) -> bytes:
    """Convert a signature of a SavedModel with its variables and tables, which stay what they are.

    Args:
        folder: The SavedModel's folder, whose graphs have been looked at.
        signature: Name of the signature.
        graph: The signature's TensorFlow graph, in which ops are looked up for messages.

    Raises:
        ConversionError: An op has no TFLite kernel, or the converter gives up.
    """
    try:
        converter = tf.lite.TFLiteConverter.from_saved_model(str(folder), [signature])
        return bytes(converter.convert())
    except Exception as error:
        raise ConversionError(explain_failure(error, graph)) from error
