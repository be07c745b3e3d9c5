"""TensorFlow's converter: from a frozen graph to a float file, and from that to integers.

The only file that knows it. ``convert_graphdef``, ``mlir_quantize`` and the calibration wrapper are
not public.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from edgecnn.core.errors import ConversionError
from edgecnn.core.lazy import LazyModule
from edgecnn.quantize.hard_swish import without_hard_swish
from edgecnn.quantize.kernels import with_fast_kernels
from edgecnn.quantize.recovery.recover import Quantized, Scheme
from edgecnn.quantize.usable import with_usable_ranges

tf = LazyModule("tensorflow", extra="convert")

FIT_IMAGES = 32
"""Images that int8 files are corrected with: time and memory grow with them. 64 gain 0.3 dB."""
FIT_IMAGES_INT16 = 16
"""Their kernels are ten times slower, and there is less to correct."""


def from_graph(graph: Any, scheme: str) -> bytes:
    """Convert a frozen graph without the passes that TFLiteConverter puts around its core.

    Those freeze and fold the graph a second time, which took two thirds of a conversion.
    """
    from tensorflow.lite.python.convert import convert_graphdef

    try:
        content = convert_graphdef(
            graph.as_graph_def(),
            input_tensors=graph.inputs,
            output_tensors=graph.outputs,
            post_training_quantize=scheme != "float32",
            quantize_to_float16=scheme == "float16",
            enable_mlir_dynamic_range_quantizer=scheme != "float32",
            # With it a dense layer needs runtime 2.17, and 32-bit boards end at 2.14.
            disable_per_channel_quantization_for_dense_layers=True,
        )
        return bytes(content)
    except Exception as error:
        raise ConversionError(_explain(str(error))) from error


def _explain(text: str) -> str:
    """Make one line of the converter's complaint: the ops without a TFLite kernel, if named."""
    named = re.findall(r"(?:Flex|Custom) ops: ([^\n]+)", text)
    if named:
        ops = ", ".join(dict.fromkeys(", ".join(named).split(", ")))
        return f"no TFLite kernel for {ops}: replace the layers that use it"
    lines = [line for line in text.splitlines() if line.strip()]
    return f"TensorFlow's converter gave up: {lines[-1].strip()[:300]}" if lines else "it gave up"


def integer_scheme(name: str, input_type: str) -> Scheme:
    """Return how a calibrated scheme makes its files."""

    def int8(calibrated: bytes, in_float: Sequence[str] = ()) -> Quantized:
        reference = with_fast_kernels(with_usable_ranges(calibrated))
        return Quantized(reference, _quantize_int8(reference, input_type, in_float))

    def int16x8(calibrated: bytes, in_float: Sequence[str] = ()) -> Quantized:
        assert not in_float
        reference = without_hard_swish(calibrated)
        return Quantized(reference, _quantize_int16x8(reference, input_type))

    if name == "int8":
        return Scheme(int8, True, FIT_IMAGES, input_type == "uint8")
    return Scheme(int16x8, False, FIT_IMAGES_INT16, input_type == "uint8")


def _quantize_int8(calibrated: bytes, input_type: str, in_float: Sequence[str]) -> bytes:
    from tensorflow.lite.python.convert import mlir_quantize

    try:
        content = mlir_quantize(
            calibrated,
            input_data_type=tf.as_dtype(input_type),
            denylisted_nodes=list(in_float) or None,
        )
    except Exception as error:
        raise ConversionError(_explain(str(error))) from error
    return bytes(content)


def _quantize_int16x8(calibrated: bytes, input_type: str) -> bytes:
    from tensorflow.lite.python.optimize.calibrator import Calibrator

    def code(dtype: str) -> int:
        return int(np.dtype(dtype).num)

    # The ranges are in the file already, so its own calibration pass is left out.
    wrapped = Calibrator(calibrated, [], [])._calibrator
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
    return bytes(content)
