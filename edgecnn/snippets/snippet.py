"""``edgecnn snippet``: a minimal program for one file on one platform."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edgecnn.classification.classifier import Classifier, classifier_of
from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.data.preprocessing import Preprocessing
from edgecnn.devices.file_calls import file_call
from edgecnn.inspection.client_rules import INTERPRETER, LITERT_JS, MEDIAPIPE
from edgecnn.inspection.clients import clients_for
from edgecnn.model_metadata.described_file import DescribedFile
from edgecnn.model_metadata.input_tensors import NO_PREPROCESSING_GIVEN, input_spec
from edgecnn.snippets.apps import android_class, ios_class
from edgecnn.snippets.microcontrollers import c_array, micro_program
from edgecnn.snippets.python import python_program
from edgecnn.snippets.python_any import AnyModel, any_program
from edgecnn.snippets.web import web_page
from edgecnn.tflite.calls import NO_CALL_OPTIONS, CallOptions, ModelCall
from edgecnn.tflite.output_kinds import SCORE_KINDS, JudgedOutput, outputs_of_file
from edgecnn.tflite.outputs import takes_image


@dataclass(frozen=True)
class Platform:
    """A platform: the function that writes a program for it, and the library that this uses."""

    program: Callable[[Classifier], str]
    client: str


PLATFORMS = {
    "python": Platform(python_program, INTERPRETER),
    "android": Platform(android_class, MEDIAPIPE),
    "ios": Platform(ios_class, MEDIAPIPE),
    "web": Platform(web_page, LITERT_JS),
}


FILE_PLATFORMS: dict[str, Callable[[DescribedFile, Preprocessing], str]] = {
    "tflm": micro_program,
    "c-array": c_array,
}
"""Platforms whose programs need not be of a classifier of images -> the function that writes it."""


def snippet(
    path: str | Path,
    platform: str,
    preprocessing: Preprocessing = NO_PREPROCESSING_GIVEN,
    options: CallOptions = NO_CALL_OPTIONS,
    task: str | None = None,
) -> str:
    """Return a program that uses a file.

    For a classifier of images it prints the best classes of an image. Of any other file there is a
    program in Python, which runs it and does with each output what it is for, and what a
    microcontroller needs of a file of integers alone.

    Args:
        path: A ``.tflite`` file, also one that edgecnn did not make.
        platform: ``"python"``, ``"android"`` (Kotlin), ``"ios"`` (Swift) or ``"web"`` (HTML); of
            any file ``"tflm"`` (C++ for TensorFlow Lite Micro) or ``"c-array"``.
        preprocessing: What the user said of the input, for a file that does not say it.
        options: What the user said of how the file is to be called.
        task: ``"classes"`` or ``"labels"`` for a file of which nothing says what its output is.

    Raises:
        InputError: The platform is not known, its library does not take the file, the file is no
            classifier of images and the platform not Python, or a normalisation is not known.

    Example:
        >>> print(snippet("model.tflite", "python").splitlines()[0])
        # Classifies an image with "model.tflite".
    """
    if platform in FILE_PLATFORMS:
        return FILE_PLATFORMS[platform](DescribedFile(path), preprocessing)
    if platform not in PLATFORMS:
        names = ", ".join((*PLATFORMS, *FILE_PLATFORMS))
        raise InputError(f"no snippet for {platform!r}: choose {names}")
    file = DescribedFile(path)
    call = file_call(file, options)
    if platform == "python" and not _is_classifier(file, call, task):
        return any_program(_any_model(file, call, preprocessing))
    classifier, chosen = classifier_of(file, call, preprocessing, task), PLATFORMS[platform]
    _refuse_other_graphs(call, file.label)
    verdicts = clients_for(file.model, file.metadata, classifier.labels or None)
    (verdict,) = (each for each in verdicts if each.client == chosen.client)
    if verdict.ok is False:
        raise InputError(
            f"{quoted(path)} does not suit {chosen.client}, which a program for {platform} "
            f"uses: {'; '.join(verdict.reasons)}"
        )
    return chosen.program(classifier)


def _is_classifier(file: DescribedFile, call: ModelCall, task: str | None) -> bool:
    """Say whether a file takes one image and gives scores of names."""
    outputs = _outputs(file, call)
    scores = len(outputs) == 1 and (task is not None or outputs[0].kind in SCORE_KINDS)
    return scores and _takes_one_image(call)


def _any_model(file: DescribedFile, call: ModelCall, preprocessing: Preprocessing) -> AnyModel:
    _refuse_other_graphs(call, file.label)
    takes_pixels = _takes_one_image(call)
    spec = input_spec(call.model, preprocessing, file.label) if takes_pixels else None
    return AnyModel(file, call, spec, _outputs(file, call))


def _outputs(file: DescribedFile, call: ModelCall) -> tuple[JudgedOutput, ...]:
    return outputs_of_file(call.model, len(file.labels) if file.labels else None)


def _takes_one_image(call: ModelCall) -> bool:
    return len(call.model.inputs) == 1 and takes_image(call.model)


def _refuse_other_graphs(call: ModelCall, label: str) -> None:
    if call.model.subgraph:
        raise InputError(
            f"{label}: no snippet calls a signature whose graph is not the file's first: see "
            "Interpreter.get_signature_runner"
        )
