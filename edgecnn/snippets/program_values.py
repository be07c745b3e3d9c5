"""What programs in every language are filled in with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import resources

from edgecnn.classification.classifier import Classifier

PLACE = re.compile("@([A-Z_]+)@")


def common(classifier: Classifier) -> dict[str, str]:
    """Return the sizes that stand in every program.

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


def filled(template: str, values: Mapping[str, str]) -> str:
    """Return a template with its places filled in, once: what a value holds is never a place.

    Args:
        template: Name of a file in ``templates/``.
        values: Place -> text.
    """
    folder = resources.files("edgecnn.snippets").joinpath("templates")
    text = folder.joinpath(f"{template}.txt").read_text("utf-8")
    return PLACE.sub(lambda place: values[place[1]], text)
