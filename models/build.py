"""``edgecnn.build``: a Keras model from an architecture's name."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgecnn.core.errors import InputError
from edgecnn.core.escaping import printable
from edgecnn.data.inputspec import InputSpec, height_and_width
from edgecnn.models.build_options import BuildKeywords, BuildOptions
from edgecnn.models.checkpoints import DownloadProgress, choose_checkpoint, fetch_checkpoint
from edgecnn.models.registry import get_spec
from edgecnn.models.spec import BuildArguments, ModelSpec

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from edgecnn.models.weights import WeightsReport, WidthError

IMAGENET = "imagenet"
"""What users give as weights for the published ones."""

MIN_SIZE = 32
MAX_ALPHA = 8.0
MAX_SIZE = 4096
MAX_CLASSES = 100_000
USUAL_ALPHAS = (0.25, 0.35, 0.5, 0.75, 1.0, 1.25, 1.3, 1.4, 1.5, 2.0)
TRIED_ALPHAS = 3
"""Width multipliers that are tried for weights of another width; each try builds a model."""


def build(
    name: str,
    *,
    auxiliary: bool = False,
    on_progress: DownloadProgress | None = None,
    on_weights: Callable[[WeightsReport], None] | None = None,
    **options: Unpack[BuildKeywords],
) -> Any:
    """Build an architecture of the registry as a Keras model.

    Inputs up to 64 pixels keep their resolution in the first stages (``layers.Strides``).
    Without weights the model is initialised from seeds of its layers' names: always the same.

    Args:
        name: Name of the architecture, as ``edgecnn models`` lists it.
        auxiliary: Whether to add inception_v1's two auxiliary classifiers as further outputs, to
            train with; ``edgecnn convert`` drops them again.
        on_progress: Told (bytes done, bytes in all) while weights are downloaded.
        on_weights: Told what of the weights was loaded and what was not; None to log it.
        options: Fields of :class:`edgecnn.models.build_options.BuildOptions`: ``alpha``, ``size``,
            ``classes``, ``dropout``, ``softmax``, ``weights``.

    Returns:
        A ``keras.Model`` of float32 (batch, height, width, 3) to (batch, classes), whose input is
        normalised as :func:`input_spec` says. It remembers that, also in files that Keras saves.

    Raises:
        InputError: The name is not known, an argument is out of range, the model would have more
            weights than a ``.tflite`` file can hold, or the weights don't fit.
        EdgecnnError: The download failed.
        MissingExtraError: TensorFlow is not installed.

    Example:
        >>> edgecnn.build("mobilenet_v2", alpha=0.35, size=96, classes=10).count_params()
        423018
    """
    spec = get_spec(name)
    chosen = BuildOptions.of(**options)
    arguments = check_arguments(name, chosen, auxiliary=auxiliary)
    notes: list[str] = []
    file = _weights_file(spec, arguments, chosen.weights, on_progress, notes.append)
    # Keras reads it when it is imported, which the builder does.
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    model = _built(spec, arguments)
    if file is not None:
        report = replace(_load(spec, arguments, model, file), notes=tuple(notes))
        (on_weights or _log)(report)
    return model


def _built(spec: ModelSpec, arguments: BuildArguments) -> Any:
    from edgecnn.models.weight_limit import MAX_WEIGHTS, weights_limited

    height, width = arguments.size
    refusal = (
        f"{spec.name} with alpha {arguments.alpha:g} and {arguments.classes} classes at "
        f"{height}x{width} has more weights than a .tflite file can hold, 2 GiB: choose a smaller "
        "--alpha, --classes or --size"
    )
    with weights_limited(MAX_WEIGHTS, refusal):
        return spec.builder(arguments)


def _load(spec: ModelSpec, arguments: BuildArguments, model: Any, file: Path) -> WeightsReport:
    from edgecnn.models.weights import WidthError, load_weights

    try:
        return load_weights(model, file)
    except WidthError as error:
        alpha = _alpha_that_fits(spec, arguments, error)
        if alpha is None:
            raise
        says = f"--alpha {alpha:g}"
        if error.classes != arguments.classes:
            says += f" --classes {error.classes}"
        raise InputError(f"{error.text}: say {says}") from error


def _alpha_that_fits(spec: ModelSpec, arguments: BuildArguments, error: WidthError) -> float | None:
    """Return the width multiplier that a file was made with, of those that are likely."""
    from edgecnn.models.weights import shapes_fit

    guess = arguments.alpha * error.ratio
    nearest = sorted(USUAL_ALPHAS, key=lambda alpha: abs(alpha - guess))
    for alpha in nearest[:TRIED_ALPHAS]:
        model = _built(spec, replace(arguments, alpha=alpha, classes=error.classes))
        if shapes_fit(model, error.shapes):
            return alpha
    return None


def _log(report: WeightsReport) -> None:
    # A warning is shown without any setting of logging.
    level = logging.WARNING if report.left_out or report.notes else logging.INFO
    logging.getLogger("edgecnn").log(level, "%s", printable(report))


def input_spec(
    name: str, size: int | tuple[int, int] | None = None, weights: str | Path | None = None
) -> InputSpec:
    """Return what an architecture expects of its images; works without TensorFlow.

    The published weights were evaluated with a crop of the centre. A model that is trained anew
    gets the whole image, stretched, as ``keras.utils.image_dataset_from_directory`` loads it.

    Args:
        name: Name of the architecture, as it is registered.
        size: Input pixels, one number or (height, width); None for the paper's.
        weights: ``"imagenet"`` for the published weights; anything else, or None, is the user's.

    Example:
        >>> input_spec("mobilenet_v2", 96).value_range
        (-1.0, 1.0)
    """
    spec = get_spec(name)
    resized = spec.input.resized(*_pixels(spec, size))
    return resized.with_geometry(spec.evaluation) if weights == IMAGENET else resized


def _weights_file(
    spec: ModelSpec,
    arguments: BuildArguments,
    weights: str | None,
    on_progress: DownloadProgress | None,
    on_note: Callable[[str], None],
) -> Path | None:
    if weights is None or weights == "none":
        return None
    if weights == IMAGENET:
        checkpoint = choose_checkpoint(spec, arguments.alpha, arguments.size, arguments.classes)
        return fetch_checkpoint(checkpoint, on_progress, on_note)
    return Path(weights)


def check_arguments(name: str, options: BuildOptions, *, auxiliary: bool = False) -> BuildArguments:
    """Check options of building and fill in an architecture's defaults; works without TensorFlow.

    Raises:
        InputError: The name is not known, or an argument is out of range.
    """
    spec = get_spec(name)
    pixels, alpha, classes = _pixels(spec, options.size), options.alpha, options.classes
    if min(pixels) < MIN_SIZE:
        raise InputError(
            f"input size {pixels[0]}x{pixels[1]} is too small: at least {MIN_SIZE}x{MIN_SIZE} "
            "is needed"
        )
    if not (math.isfinite(alpha) and 0 < alpha <= MAX_ALPHA):
        raise InputError(f"alpha must be above 0 and at most {MAX_ALPHA:g}, not {alpha:g}")
    if classes is not None and not 1 <= classes <= MAX_CLASSES:
        raise InputError(
            f"the number of classes must be at least 1 and at most {MAX_CLASSES}, not {classes}"
        )
    rate = spec.dropout if options.dropout is None else options.dropout
    if not 0 <= rate < 1:
        raise InputError(f"dropout must be at least 0 and below 1, not {rate:g}")
    if auxiliary and not spec.has_auxiliary:
        raise InputError(f"{name} has no auxiliary classifiers: leave out auxiliary=True")
    classes = spec.classes if classes is None else classes
    spec_of_input = input_spec(name, pixels, options.weights)
    return BuildArguments(spec_of_input, alpha, classes, rate, options.softmax, auxiliary)


def _pixels(spec: ModelSpec, size: int | tuple[int, int] | None) -> tuple[int, int]:
    if size is None:
        return spec.input.height, spec.input.width
    pair = height_and_width(size)
    if max(pair) > MAX_SIZE:
        raise InputError(f"input size {pair[0]}x{pair[1]} is too large: at most {MAX_SIZE}")
    return pair
