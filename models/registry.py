"""The architectures by name; works without Keras, which a builder imports when it is called."""

from __future__ import annotations

import difflib
import fnmatch
import importlib
import re
from collections.abc import Callable
from typing import Any

from edgecnn.core.errors import InputError
from edgecnn.models.spec import Builder, ModelSpec

FAMILIES = (
    "alexnet",
    "mlp",
    "vgg",
    "inception",
    "inception_resnet",
    "resnet",
    "densenet",
    "squeezenet",
    "xception",
    "mobilenet_v1",
    "mobilenet_v2",
    "mobilenet_v3",
    "mobilenet_v4",
    "shufflenet_v2",
    "efficientnet",
    "resnet8",
)
"""Modules that register architectures, in the order in which they are listed."""

_specs: dict[str, ModelSpec] = {}


def register(**fields: Any) -> Callable[[Builder], Builder]:
    """Register a builder under its function's name.

    Args:
        fields: Fields of :class:`ModelSpec`, except ``name``, ``family`` and ``builder``.

    Raises:
        TypeError: A field is missing, or there is none of that name.

    Example:
        >>> @register(year=2017, paper="...", input=spec, parameters=4_253_864, ...)
        ... def mobilenet_v1(arguments):
        ...     ...
    """

    def add(builder: Builder) -> Builder:
        name, family = builder.__name__, builder.__module__.rpartition(".")[2]
        assert name not in _specs, name
        _specs[name] = ModelSpec(name=name, family=family, builder=builder, **fields)
        return builder

    return add


def _all_specs() -> dict[str, ModelSpec]:
    for family in FAMILIES:
        importlib.import_module(f"edgecnn.models.{family}")
    return _specs


def list_models(pattern: str | None = None) -> list[ModelSpec]:
    """Return the architectures, family by family.

    Args:
        pattern: Part of a name, or a glob: ``"v3"``, ``"MobileNet-V3"``, ``"mobilenet_v?"``. None
            for all architectures.

    Example:
        >>> [spec.name for spec in list_models("MobileNetV3")]
        ['mobilenet_v3_small', 'mobilenet_v3_large']
    """
    specs = list(_all_specs().values())
    if pattern is None:
        return specs
    if set(pattern) & set("*?["):
        return [spec for spec in specs if fnmatch.fnmatchcase(spec.name, pattern.lower())]
    return [spec for spec in specs if _bare(pattern) in _bare(spec.name)]


def _bare(name: str) -> str:
    """Return a name without what people write differently: ``mobilenetv2`` for "MobileNet-V2"."""
    return re.sub(r"[\W_]+", "", name.lower())


def get_spec(name: str) -> ModelSpec:
    """Return an architecture.

    Args:
        name: Name of the architecture, as it is registered.

    Raises:
        InputError: There is no architecture of that name; the message offers the nearest names.
    """
    specs = _all_specs()
    if name in specs:
        return specs[name]
    near = _nearest(name)
    hint = f"did you mean {', '.join(near)}?" if near else "'edgecnn models' lists them"
    raise InputError(f"unknown model {name!r}: {hint}")


def _nearest(name: str) -> list[str]:
    """Return up to three names, the nearest first: those that contain the given one, if any do."""
    bare_name, names = _bare(name), {_bare(full): full for full in _all_specs()}
    if bare_name in names:
        return [names[bare_name]]
    longer = [bare for bare in names if bare_name and bare_name in bare]
    cutoff = 0.0 if longer else 0.5
    nearest = difflib.get_close_matches(bare_name, longer or names, n=3, cutoff=cutoff)
    return [names[bare] for bare in nearest]
