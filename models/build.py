"""``edgecnn.build``: a Keras model from an architecture's name."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from edgecnn.data.inputspec import InputSpec
from edgecnn.errors import InputError
from edgecnn.models.checkpoints import Progress, choose, fetch
from edgecnn.models.registry import get_spec
from edgecnn.models.spec import BuildArguments, ModelSpec

MIN_SIZE = 32
MAX_ALPHA = 8.0
MAX_SIZE = 4096


def build(
    name: str,
    *,
    alpha: float = 1.0,
    size: int | tuple[int, int] | None = None,
    classes: int = 1000,
    dropout: float | None = None,
    softmax: bool = True,
    weights: str | Path | None = None,
    on_progress: Progress | None = None,
) -> Any:
    """Build an architecture of the registry as a Keras model.

    Inputs up to 64 pixels keep their resolution in the first stages (``layers.Strides``).
    Without weights the model is initialised from seeds of its layers' names: always the same.

    Args:
        name: As ``edgecnn models`` lists it.
        alpha: Width multiplier.
        size: Input pixels, one number or (height, width), at least 32; the paper's unless said.
        classes: Number of classes.
        dropout: Rate before the last layer, 0 to 1 exclusive; the family's own unless said.
        softmax: Whether to end in softmax; else the model gives logits.
        weights: ``"imagenet"`` downloads the published ones; or a file; None for random ones.
        on_progress: Told (bytes done, bytes in all) while weights are downloaded.

    Returns:
        A ``keras.Model`` of float32 (batch, height, width, 3) to (batch, classes), whose input is
        normalised as :func:`input_spec` says.

    Raises:
        InputError: An unknown name, an argument out of range, weights that don't fit.
        EdgecnnError: The download failed.
        MissingExtraError: TensorFlow is not installed.

    Example:
        >>> edgecnn.build("mobilenet_v2", alpha=0.35, size=96, classes=10).count_params()
        423018
    """
    spec = get_spec(name)
    arguments = check_arguments(name, alpha, size, classes, dropout, softmax)
    file = _weights_file(spec, arguments, weights, on_progress)
    model = spec.builder(arguments)
    if file is not None:
        from edgecnn.models.weights import load_weights

        load_weights(model, file)
    return model


def input_spec(name: str, size: int | tuple[int, int] | None = None) -> InputSpec:
    """Return what an architecture expects of its images; works without TensorFlow.

    Args:
        name: As it is registered.
        size: Input pixels; the paper's unless said.

    Example:
        >>> input_spec("mobilenet_v2", 96).value_range
        (-1.0, 1.0)
    """
    spec = get_spec(name)
    if size is None:
        return spec.input
    return spec.input.resized(*_pair(size))


def _weights_file(
    spec: ModelSpec,
    arguments: BuildArguments,
    weights: str | Path | None,
    on_progress: Progress | None,
) -> Path | None:
    if weights is None or weights == "none":
        return None
    if weights == "imagenet":
        checkpoint = choose(spec, arguments.alpha, arguments.size, arguments.classes)
        return fetch(checkpoint, on_progress)
    return Path(weights)


def check_arguments(
    name: str,
    alpha: float = 1.0,
    size: int | tuple[int, int] | None = None,
    classes: int = 1000,
    dropout: float | None = None,
    softmax: bool = True,
) -> BuildArguments:
    """Check the arguments of :func:`build` and fill in what was not said; needs no TensorFlow.

    Raises:
        InputError: An unknown name, or an argument out of range.
    """
    spec = get_spec(name)
    pixels = (spec.input.height, spec.input.width) if size is None else _pair(size)
    if min(pixels) < MIN_SIZE:
        raise InputError(
            f"input size {pixels[0]}x{pixels[1]} is too small: at least {MIN_SIZE}x{MIN_SIZE} "
            "is needed"
        )
    if not (math.isfinite(alpha) and 0 < alpha <= MAX_ALPHA):
        raise InputError(f"alpha must be above 0 and at most {MAX_ALPHA:g}, not {alpha:g}")
    if classes < 1:
        raise InputError(f"the number of classes must be at least 1, not {classes}")
    rate = spec.dropout if dropout is None else dropout
    if not 0 <= rate < 1:
        raise InputError(f"dropout must be at least 0 and below 1, not {rate:g}")
    return BuildArguments(pixels, alpha, classes, rate, softmax)


def _pair(size: int | tuple[int, int]) -> tuple[int, int]:
    pair = (size, size) if isinstance(size, int) else size
    if max(pair) > MAX_SIZE:
        raise InputError(f"input size {pair[0]}x{pair[1]} is too large: at most {MAX_SIZE}")
    return pair
