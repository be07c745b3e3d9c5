"""Classes for apps on phones, in Kotlin and Swift, by MediaPipe Tasks.

Its image classifier reads normalisation and labels from the file, so little is left to fill in.
"""

from __future__ import annotations

from edgecnn.classification.classifier import Classifier
from edgecnn.data.geometry import ASYMMETRIC, NO_ANTIALIAS
from edgecnn.snippets.program_values import common_values, fill_template
from edgecnn.snippets.quoting import comment_text, kotlin_literal, swift_literal

FILTERS_SAID = {
    NO_ANTIALIAS: "The app resizes them so itself: MediaPipe samples pixels at other places.",
    ASYMMETRIC: "MediaPipe resizes them so on a CPU.",
}
"""Filter -> what is said of it in a program."""

OTHER_FILTER = "The app resizes without antialiasing: scores differ a little from edgecnn's."


def android_class(classifier: Classifier) -> str:
    """Return a class in Kotlin that reads the file from the app's assets."""
    name = kotlin_literal(classifier.path.name)
    return fill_template("android", classifier.spec, {**_said(classifier), "MODEL": name})


def ios_class(classifier: Classifier) -> str:
    """Return a class in Swift that reads the file from the app's bundle."""
    path = classifier.path
    names = {
        "MODEL": swift_literal(path.name),
        "STEM": swift_literal(path.stem),
        "ENDING": swift_literal(path.suffix.removeprefix(".")),
    }
    return fill_template("ios", classifier.spec, {**_said(classifier), **names})


def _said(classifier: Classifier) -> dict[str, str]:
    spec = classifier.spec
    normalization = "that of its quantisation"
    if classifier.input.dtype == "float32":
        normalization = f"(pixel - {spec.mean[0]:g}) / {spec.std[0]:g}"
    labels = f"{classifier.classes:,} labels"
    return {
        **common_values(classifier.spec),
        "NORMALIZATION": normalization,
        "FILTER_SAID": FILTERS_SAID.get(spec.interpolation, OTHER_FILTER),
        "LABELS_SAID": comment_text(f"{labels} from {classifier.label(0)!r} on"),
    }
