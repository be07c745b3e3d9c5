"""``edgecnn snippet``: a minimal program for one file on one platform."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edgecnn.classification.classifier import Classifier, read_classifier
from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.data.preprocessing import Preprocessing
from edgecnn.inspection.client_rules import INTERPRETER, LITERT_JS, MEDIAPIPE
from edgecnn.inspection.clients import clients_for
from edgecnn.model_metadata.described_file import DescribedFile
from edgecnn.model_metadata.input_tensors import NO_PREPROCESSING_GIVEN
from edgecnn.snippets.apps import android_class, ios_class
from edgecnn.snippets.microcontrollers import c_array, micro_program
from edgecnn.snippets.python import python_program
from edgecnn.snippets.web import web_page
from edgecnn.tflite.calls import NO_CALL_OPTIONS, CallOptions


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
) -> str:
    """Return a program that classifies images with a file, or runs it on a microcontroller.

    Args:
        path: A ``.tflite`` file, also one that edgecnn did not make.
        platform: ``"python"``, ``"android"`` (Kotlin), ``"ios"`` (Swift) or ``"web"`` (HTML); of
            any file ``"tflm"`` (C++ for TensorFlow Lite Micro) or ``"c-array"``.
        preprocessing: What the user said of the input, for a file that does not say it.
        options: What the user said of how the file is to be called.

    Raises:
        InputError: The platform is not known, the file is no classifier of images, its
            normalisation is not known, or the platform's library does not take it.

    Example:
        >>> print(snippet("model.tflite", "python").splitlines()[0])
        # Classifies an image with "model.tflite".
    """
    if platform in FILE_PLATFORMS:
        return FILE_PLATFORMS[platform](DescribedFile(path), preprocessing)
    if platform not in PLATFORMS:
        names = ", ".join((*PLATFORMS, *FILE_PLATFORMS))
        raise InputError(f"no snippet for {platform!r}: choose {names}")
    classifier = read_classifier(path, preprocessing, options)
    chosen, file = PLATFORMS[platform], classifier.file
    if classifier.model.subgraph:
        raise InputError(
            f"{file.label}: no snippet calls a signature whose graph is not the file's first: see "
            "Interpreter.get_signature_runner"
        )
    verdicts = clients_for(file.model, classifier.file.metadata, classifier.labels or None)
    (verdict,) = (each for each in verdicts if each.client == chosen.client)
    if verdict.ok is False:
        raise InputError(
            f"{quoted(path)} does not suit {chosen.client}, which a program for {platform} "
            f"uses: {'; '.join(verdict.reasons)}"
        )
    return chosen.program(classifier)
