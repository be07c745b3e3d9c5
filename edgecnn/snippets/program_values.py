"""Filling the templates of programs with what a file says of itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import resources

from edgecnn.classification.classifier import Classifier

PLACEHOLDER = re.compile("@([A-Z_]+)@")


def common_values(classifier: Classifier) -> dict[str, str]:
    """Return the image sizes that every program has.

    An image is scaled until it covers FULL_HEIGHT x FULL_WIDTH, and the centre is cut out of it.
    """
    spec = classifier.spec
    return {
        "HEIGHT": str(spec.height),
        "WIDTH": str(spec.width),
        "FULL_HEIGHT": str(round(spec.height / spec.crop_fraction)),
        "FULL_WIDTH": str(round(spec.width / spec.crop_fraction)),
        "CHANNELS": str(spec.channels),
    }


def fill_template(template: str, values: Mapping[str, str]) -> str:
    """Return a template whose placeholders are filled in; those within a value stay as they are.

    Args:
        template: Name of a file in ``templates/``.
        values: Placeholder -> text.
    """
    folder = resources.files("edgecnn.snippets").joinpath("templates")
    text = folder.joinpath(f"{template}.txt").read_text("utf-8")
    return PLACEHOLDER.sub(lambda place: values[place[1]], text)
