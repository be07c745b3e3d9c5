"""Giving the golden pictures to a model that a runner has loaded, when it is made and later."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecnn.data.inputspec import InputSpec, preset
from edgecnn.golden.patterns import DEFAULT_PICTURES, MAX_PATTERN_PIXELS, draw_picture
from edgecnn.golden.sample import GoldenAnswer, GoldenSample, Scores, best_classes, sha256_of_array
from edgecnn.model_metadata.input_tensors import to_scores, to_tensor
from edgecnn.runner.session import RunnerSession
from edgecnn.tflite.reading import TfliteModel
from edgecnn.tflite.structure import TensorInfo

cached_picture = lru_cache(maxsize=len(DEFAULT_PICTURES))(draw_picture)
"""``draw_picture``, whose pictures are kept from one scheme of a conversion to the next."""


def can_have_sample(shape: tuple[int, ...]) -> bool:
    """Say whether the golden pictures of an input's (height, width, channels) are small enough.

    Example:
        >>> can_have_sample((224, 224, 3))
        True
    """
    return shape[0] * shape[1] <= MAX_PATTERN_PIXELS


def golden_spec(model: TfliteModel, spec: InputSpec | None) -> InputSpec | None:
    """Return how pictures go into a fresh file; None where it can have no golden sample.

    Args:
        model: The file's structure.
        spec: How images become the file's input; None where that is not known, and pixels then go
            in as [-1, 1].
    """
    if spec is None:
        (tensor,) = model.inputs
        # A grey image may go in without a channel.
        height, width, channels = (*tensor.shape[1:], 1)[:3]
        spec = preset("tf", height, width, channels)
    return spec if can_have_sample(spec.shape) else None


def make_sample(
    runner: RunnerSession, model: TfliteModel, spec: InputSpec, made: dict[str, Any]
) -> GoldenSample | None:
    """Run a fresh file on the golden pictures.

    Args:
        runner: A runner that has loaded the file.
        model: The file's structure.
        spec: How pictures go in, as :func:`golden_spec` returns it.
        made: Fields of ``GoldenSample.made``: what the runner runs the file with.

    Returns:
        The sample, its provenance still empty; None if an answer is not finite.
    """
    elements = model.outputs[0].elements
    answers = []
    for pattern, seed in DEFAULT_PICTURES:
        tensor = input_tensor(pattern, seed, spec, model.inputs[0])
        values = run_model(runner, tensor, model.outputs[0])
        if not np.isfinite(values).all():
            return None
        classes = best_classes(values)
        answers.append(
            GoldenAnswer(
                pattern=pattern,
                seed=seed,
                input_sha256=sha256_of_array(tensor),
                output_sha256=sha256_of_array(values),
                classes=classes,
                values=values[classes],
            )
        )
    dtype = model.inputs[0].dtype
    return GoldenSample(spec, dtype, elements, tuple(answers), made, {})


def input_tensor(pattern: str, seed: int, spec: InputSpec, tensor: TensorInfo) -> npt.NDArray[Any]:
    """Return a picture as a model takes it, with a batch of 1."""
    return to_tensor(cached_picture(pattern, seed, spec.shape), spec, tensor)[None]


def run_model(runner: RunnerSession, tensor: npt.NDArray[Any], output: TensorInfo) -> Scores:
    """Return a model's answer as real numbers, float32 in one row."""
    answer = runner.classify(tensor[None], 1, with_outputs=True).outputs
    assert answer is not None
    values: Scores = to_scores(answer[0], output).astype(np.float32)
    return values
