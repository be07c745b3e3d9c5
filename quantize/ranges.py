"""The range of every activation over the calibration images (runs in the child only).

The float ``.tflite`` file is run with each op's result made an output of the graph, so the
runtime's fast kernels do the work and every value is seen as its op wrote it. TensorFlow's own
calibrator is slower and reads the inputs of in-place additions after they were overwritten, which
widens the ranges of residual branches.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecnn.data.inputspec import InputSpec
from edgecnn.errors import InputError

Range = tuple[float, float]

MIN_SPAN = 1e-4
"""Narrower ranges (of dead layers) are widened to this, else the runtime's 32-bit fixed-point
form of a ReLU6 bound, 6 / scale, overflows."""


def calibrate(
    content: bytes,
    images: npt.NDArray[np.uint8],
    normalization: InputSpec | None,
    on_progress: Callable[[int, int], None],
) -> dict[int, Range]:
    """Run a float model over images and return what each float tensor's values span.

    Args:
        content: A float32 ``.tflite`` file's bytes.
        images: uint8, shape (count, height, width, channels), RGB or grey.
        normalization: How pixels become the model's input; None if the graph does it.
        on_progress: Told (images done, images in all).

    Returns:
        Tensor index -> (least, greatest) value.

    Raises:
        InputError: The model's activations are not finite for an image.
    """
    from ai_edge_litert.interpreter import Interpreter

    from edgecnn.quantize.editing import expose_all_tensors

    exposed, indices = expose_all_tensors(content)
    interpreter = Interpreter(model_content=exposed, num_threads=_threads())
    interpreter.allocate_tensors()
    input_index = interpreter.get_input_details()[0]["index"]
    dtypes = {detail["index"]: detail["dtype"] for detail in interpreter.get_tensor_details()}
    indices = [index for index in indices if dtypes[index] == np.float32]
    views = {index: interpreter.tensor(index) for index in indices}
    ranges: dict[int, Range] = {}
    for number, image in enumerate(images):
        pixels = (
            image.astype(np.float32) if normalization is None else normalization.normalize(image)
        )
        interpreter.set_tensor(input_index, pixels[None])
        interpreter.invoke()
        _widen(ranges, views, number)
        on_progress(number + 1, len(images))
    bounds = (0.0, 255.0) if normalization is None else normalization.value_range
    ranges[input_index] = bounds
    return {index: _spanning(*bounds) for index, bounds in ranges.items()}


def _widen(ranges: dict[int, Range], views: Mapping[int, Any], number: int) -> None:
    for index, view in views.items():
        values = view()
        low, high = float(values.min()), float(values.max())
        if not (np.isfinite(low) and np.isfinite(high)):
            raise InputError(
                f"the model's activations are not finite for calibration image {number + 1}: "
                "check its weights and the preprocessing (--preprocess)"
            )
        known = ranges.get(index, (low, high))
        ranges[index] = (min(low, known[0]), max(high, known[1]))


def _spanning(low: float, high: float) -> Range:
    return (low, high) if high - low >= MIN_SPAN else (low, low + MIN_SPAN)


def _threads() -> int:
    return min(4, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2)
