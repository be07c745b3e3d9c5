"""A page for the browser that runs a file by LiteRT.js."""

from __future__ import annotations

import os
from urllib.parse import quote

from edgecnn.classification.assets import LITERT_JS_VERSION
from edgecnn.classification.classifier import Classifier
from edgecnn.data.geometry import ASYMMETRIC, NO_ANTIALIAS
from edgecnn.snippets.program_values import common_values, fill_template
from edgecnn.snippets.quoting import script_literal

GREY = "0.299 * red + 0.587 * green + 0.114 * blue"
"""Luma of ITU-R BT.601, as Pillow has it."""


SMOOTHING = {
    "nearest": "imageSmoothingEnabled = false",
    "bilinear": 'imageSmoothingQuality = "high"',
    "bicubic": 'imageSmoothingQuality = "high"',
    NO_ANTIALIAS: 'imageSmoothingQuality = "low"',
    ASYMMETRIC: 'imageSmoothingQuality = "low"',
}
"""Filter -> the setting of a canvas that comes nearest to it."""


def web_page(classifier: Classifier) -> str:
    """Return a page that shows the five best classes of an image."""
    is_float = classifier.input.dtype == "float32"
    scale, zero_point = classifier.output_scale
    is_quantized = classifier.output.dtype != "float32"
    return fill_template(
        "web",
        classifier.spec,
        {
            **common_values(classifier.spec),
            "SMOOTHING": SMOOTHING[classifier.spec.interpolation],
            "VERSION": LITERT_JS_VERSION,
            "MODEL": script_literal(f"./{quote(os.fsencode(classifier.path.name))}"),
            "LABELS": script_literal([classifier.label(i) for i in range(classifier.classes)]),
            "CONSTANTS": _constants(classifier),
            "SHAPE": script_literal(list(classifier.input.shape)),
            "SCORE": f"(value - {zero_point}) * {float(scale)!r}" if is_quantized else "value",
            "ARRAY": "Float32Array" if is_float else "Uint8Array",
            "COLOURS": _colours(classifier),
            "VALUE": "(value - MEAN[channel]) / STD[channel]" if is_float else "value",
            "FORMAT": (
                '(100 * score).toFixed(2) + " %"'
                if classifier.gives_probabilities
                else "score.toFixed(3)"
            ),
        },
    )


def _constants(classifier: Classifier) -> str:
    if classifier.input.dtype != "float32":
        return "\n"
    mean, std = (script_literal(list(v)) for v in (classifier.spec.mean, classifier.spec.std))
    return f"  const [MEAN, STD] = [{mean}, {std}]; // of pixels from 0 to 255\n"


def _colours(classifier: Classifier) -> str:
    orders = {"RGB": "red, green, blue", "BGR": "blue, green, red", "GRAY": f"Math.round({GREY})"}
    return orders[classifier.spec.color_order]
