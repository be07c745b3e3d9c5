"""TensorFlow's quantisers: from a calibrated float graph to an integer graph (in a child).

With ``edgecnn.importing.tensorflow_converter`` the only file that knows TensorFlow's converter.
``mlir_quantize`` and the calibration wrapper are not public.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgecnn.core.errors import ConversionError
from edgecnn.core.lazy import LazyModule
from edgecnn.importing.tensorflow_converter import explain_failure
from edgecnn.quantize.recovery.pipeline import Quantized
from edgecnn.quantize.rewriting.fast_kernels import use_fast_kernels
from edgecnn.quantize.rewriting.hard_swish import spell_out_all
from edgecnn.quantize.rewriting.kernel_ranges import fit_ranges_to_kernels
from edgecnn.tflite.graph import Graph
from edgecnn.tflite.serialization import read_graph, write_graph

tf = LazyModule("tensorflow", extra="convert")


def to_int8(calibrated: Graph, input_type: str, in_float: Sequence[str] = ()) -> Quantized:
    """Make an int8 graph.

    Args:
        calibrated: A float graph whose tensors have ranges; it stays as it is.
        input_type: Element type of the file's input.
        in_float: Names of the results of layers that stay in float32.

    Raises:
        ConversionError: The quantiser gives up.
    """
    from tensorflow.lite.python.convert import mlir_quantize

    reference = calibrated.copy()
    fit_ranges_to_kernels(reference)
    use_fast_kernels(reference)
    try:
        content = mlir_quantize(
            write_graph(reference),
            input_data_type=tf.as_dtype(input_type),
            denylisted_nodes=list(in_float) or None,
        )
    except Exception as error:
        raise ConversionError(explain_failure(str(error))) from error
    return Quantized(reference, read_graph(bytes(content)))


def to_int16x8(calibrated: Graph, input_type: str, in_float: Sequence[str] = ()) -> Quantized:
    """Make a graph of int8 weights and int16 activations.

    Args:
        calibrated: A float graph whose tensors have ranges; it stays as it is.
        input_type: Element type of the file's input.
        in_float: None: this quantiser leaves no layer in float32.

    Raises:
        ConversionError: An op has no 16-bit kernel.
    """
    from tensorflow.lite.python.optimize.calibrator import Calibrator

    assert not in_float

    def code(dtype: str) -> int:
        return int(np.dtype(dtype).num)

    reference = calibrated.copy()
    spell_out_all(reference)
    # TensorFlow reads the bytes as they lie in memory, so they must live until it is done.
    unquantized = write_graph(reference)
    # The ranges are in the file already, so its own calibration pass is left out.
    wrapped = Calibrator(unquantized, [], [])._calibrator
    allow_float, per_tensor, dense_per_tensor = False, False, False
    try:
        content = wrapped.QuantizeModel(
            code(input_type),
            code("float32"),
            allow_float,
            code("int16"),
            code("int64"),
            per_tensor,
            dense_per_tensor,
        )
    except (RuntimeError, ValueError) as error:
        raise ConversionError(f"int16x8 is not possible for this model: {error}") from error
    return Quantized(reference, read_graph(bytes(content)))
