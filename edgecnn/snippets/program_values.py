"""Filling the templates of programs with what a file says of itself."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from importlib import resources

from edgecnn.data.geometry import ASYMMETRIC, CROP, PAD, SAMPLED, STRETCH, Geometry
from edgecnn.data.inputspec import InputSpec

PLACEHOLDER = re.compile("@([A-Z_]+)@")
SECTION = re.compile(r"^@IF (\w+)@\n(.*?)^@END@\n", re.M | re.S)


def common_values(spec: InputSpec) -> dict[str, str]:
    """Return the image sizes that every program has.

    For a crop an image is scaled until it covers FULL_HEIGHT x FULL_WIDTH, and the centre is cut
    out of it.
    """
    return {
        "HEIGHT": str(spec.height),
        "WIDTH": str(spec.width),
        "FULL_HEIGHT": str(round(spec.height / spec.crop_fraction)),
        "FULL_WIDTH": str(round(spec.width / spec.crop_fraction)),
        "CHANNELS": str(spec.channels),
        "GEOMETRY": spec.geometry_text,
    }


def section_names(geometry: Geometry) -> set[str]:
    """Return the names of a template's sections that a geometry keeps.

    ``stretch``, ``crop`` or ``pad`` is the kind of resizing; ``sampled`` a filter without
    antialiasing, ``smoothed`` another one. MediaPipe's own filter lets MediaPipe resize: the
    ``whole`` image or a ``region`` of it. Else the app makes it ``fitted`` by ``stretching``,
    ``cropping`` or ``padding``, the last two being ``scaled`` alike in both directions.
    """
    names = {geometry.resize, "sampled" if geometry.interpolation in SAMPLED else "smoothed"}
    if geometry.interpolation == ASYMMETRIC and geometry.resize != PAD:
        return names | {"region" if geometry.resize == CROP else "whole"}
    doing = {STRETCH: "stretching", CROP: "cropping", PAD: "padding"}[geometry.resize]
    return names | {"fitted", doing} | (set() if geometry.resize == STRETCH else {"scaled"})


def fill_template(template: str, spec: InputSpec, values: Mapping[str, str]) -> str:
    """Return a template for a model of images, with the sections that its geometry keeps.

    Args:
        template: Name of a file in ``templates/``.
        spec: The model's input.
        values: Placeholder -> text.
    """
    return fill_sections(template, section_names(spec.geometry), values)


def fill_sections(template: str, kept: Collection[str], values: Mapping[str, str]) -> str:
    """Return a template whose placeholders are filled in; those within a value stay as they are.

    Args:
        template: Name of a file in ``templates/``.
        kept: Names of the sections, between ``@IF name@`` and ``@END@``, that are kept.
        values: Placeholder -> text.
    """
    folder = resources.files("edgecnn.snippets").joinpath("templates")
    text = folder.joinpath(f"{template}.txt").read_text("utf-8")
    text = SECTION.sub(lambda section: section[2] if section[1] in kept else "", text)
    return PLACEHOLDER.sub(lambda place: values[place[1]], text)
