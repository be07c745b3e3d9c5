"""Giving the golden inputs to a model that a runner has loaded, when it is made and later."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecnn.golden.inputs import (
    MAX_ENDS,
    GoldenInput,
    default_patterns,
    is_number,
    tensors_of_call,
)
from edgecnn.golden.packed_numbers import sha256_of_array
from edgecnn.golden.sample import GoldenAnswer, GoldenCall, GoldenOutput, GoldenSample, Scores
from edgecnn.model_metadata.input_tensors import to_scores
from edgecnn.runner.session import RunnerSession
from edgecnn.tflite.output_kinds import OutputKind, outputs_of_file
from edgecnn.tflite.reading import TfliteModel

BEST_KINDS = (
    OutputKind.CLASSES,
    OutputKind.LABELS,
    OutputKind.PROBABILITY,
    OutputKind.UNKNOWN,
)
"""Kinds of outputs of whose rows the greatest numbers are kept."""

MAX_ANSWER_ELEMENTS = 1 << 25
"""Most numbers that all outputs of a model with a golden sample have together."""


def make_sample(
    runner: RunnerSession, model: TfliteModel, inputs: Sequence[GoldenInput], made: dict[str, Any]
) -> GoldenSample | None:
    """Run a fresh file on the golden inputs.

    Args:
        runner: A runner that has loaded the file.
        model: The file's structure.
        inputs: What goes into each input.
        made: Fields of ``GoldenSample.made``: what the runner runs the file with.

    Returns:
        The sample, its provenance still empty; None if an answer is text or not finite, or the file
        does not answer the same inputs alike: by chance, or by what went in before.
    """
    total = sum(tensor.elements for tensor in model.outputs)
    are_numbers = all(is_number(tensor.dtype) for tensor in model.outputs)
    if len(model.outputs) > MAX_ENDS or total > MAX_ANSWER_ELEMENTS or not are_numbers:
        return None
    patterns = default_patterns(inputs)
    tensors = [tensors_of_call(inputs, *pattern, model) for pattern in patterns]
    answers = [run_model(runner, each, model) for each in tensors]
    first, again = answers[0], run_model(runner, tensors[0], model)
    sizes = [[values.size for values in each] for each in answers]
    are_finite = all(np.isfinite(values).all() for each in answers for values in each)
    if not are_finite or min(sizes[0]) < 1 or any(each != sizes[0] for each in sizes):
        return None
    if [sha256_of_array(v) for v in first] != [sha256_of_array(v) for v in again]:
        return None
    outputs = _outputs(model, sizes[0])
    calls = [
        GoldenCall(pattern, seed, tuple(map(sha256_of_array, given)), _answers(answer, outputs))
        for (pattern, seed), given, answer in zip(patterns, tensors, answers, strict=True)
    ]
    return GoldenSample(tuple(inputs), outputs, tuple(calls), made, {})


def _outputs(model: TfliteModel, sizes: Sequence[int]) -> tuple[GoldenOutput, ...]:
    judged = outputs_of_file(model)
    return tuple(
        GoldenOutput.of(
            each.name,
            size,
            len(sizes),
            keeps_best=each.kind in BEST_KINDS and max(tensor.shape, default=1) == size,
        )
        for each, tensor, size in zip(judged, model.outputs, sizes, strict=True)
    )


def _answers(values: Sequence[Scores], outputs: Sequence[GoldenOutput]) -> tuple[GoldenAnswer, ...]:
    answers = []
    for each, output in zip(values, outputs, strict=True):
        places = output.places(each)
        answers.append(GoldenAnswer(sha256_of_array(each), places, each[places]))
    return tuple(answers)


def run_model(
    runner: RunnerSession, tensors: Sequence[npt.NDArray[Any]], model: TfliteModel
) -> tuple[Scores, ...]:
    """Return what each output of a model answers, as real numbers, float32 in one row.

    Args:
        runner: A runner that has loaded the file.
        tensors: What goes into each input.
        model: The file's structure.
    """
    runner.submit_samples([tensor[None] for tensor in tensors], range(len(model.outputs)))
    answered = runner.collect_samples().values
    pairs = zip(answered, model.outputs, strict=True)
    return tuple(to_scores(each, out).astype(np.float32).reshape(-1) for each, out in pairs)
