"""The architecture of a file: the one that it says it was made from, or else that in its name."""

from __future__ import annotations

import re
from pathlib import PurePath

from edgecnn.models.registry import list_models
from edgecnn.models.spec import ModelSpec


def network_of(source: str | None, model: str) -> ModelSpec | None:
    """Return the registered architecture of a file, None if neither text names one.

    Args:
        source: What the file says that it was made from.
        model: Path of the file, or the name that was measured.

    Example:
        >>> network_of("MobileNetV2-digits.keras", "model.tflite").year
        2018
    """
    for text in (source, model):
        if text and (spec := _named_in(PurePath(text).name)):
            return spec
    return None


def _named_in(text: str) -> ModelSpec | None:
    """Return the architecture with the longest name that is a run of whole words of a text."""
    words = [word for word in re.split(r"[\W_]+", text.lower()) if word]
    runs = {
        "".join(words[start:end])
        for start in range(len(words))
        for end in range(start + 1, len(words) + 1)
    }
    found = [spec for spec in list_models() if spec.name.replace("_", "") in runs]
    return max(found, key=lambda spec: len(spec.name), default=None)
