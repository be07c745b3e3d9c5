"""Classes for apps on phones, in Kotlin and Swift, by MediaPipe Tasks.

Its image classifier reads normalisation and labels from the file, so little is left to fill in.
"""

from __future__ import annotations

from edgecnn.classification.classifier import Classifier
from edgecnn.snippets.program_values import common, filled
from edgecnn.snippets.quoting import comment, kotlin_literal, swift_literal


def android_class(classifier: Classifier) -> str:
    """Return a class in Kotlin; the file is in the app's assets."""
    name = kotlin_literal(classifier.path.name)
    return filled("android", {**_said(classifier), "MODEL": name})


def ios_class(classifier: Classifier) -> str:
    """Return a class in Swift; the file is in the app's bundle."""
    path = classifier.path
    names = {
        "MODEL": swift_literal(path.name),
        "STEM": swift_literal(path.stem),
        "ENDING": swift_literal(path.suffix.removeprefix(".")),
    }
    return filled("ios", {**_said(classifier), **names})


def _said(classifier: Classifier) -> dict[str, str]:
    spec = classifier.spec
    normalization = "that of its quantisation"
    if classifier.input.dtype == "float32":
        normalization = f"(pixel - {spec.mean[0]:g}) / {spec.std[0]:g}"
    labels = f"{classifier.classes:,} labels"
    return {
        **common(classifier),
        "NORMALIZATION": normalization,
        "LABELS_SAID": comment(f"{labels} from {classifier.label(0)!r} on"),
    }
