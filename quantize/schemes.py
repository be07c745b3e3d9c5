"""The five quantisation schemes, as data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgecnn.core.errors import InputError


@dataclass(frozen=True)
class Scheme:
    """What a scheme does to weights and activations, and what it asks for.

    Args:
        name: As ``--quantize`` takes it.
        weights: dtype of the weights in the file.
        activations: dtype in which the layers compute.
        calibrated: Whether representative data is needed.
        input_types: dtypes that the file's input may have, the default first.
        summary: One phrase for help and tables.
        if_slow: What to do where a file of it is slower than float32's; empty if none is.
    """

    name: str
    weights: str
    activations: str
    calibrated: bool
    input_types: tuple[str, ...]
    summary: str
    if_slow: str = ""


SCHEMES: dict[str, Scheme] = {
    scheme.name: scheme
    for scheme in (
        Scheme("float32", "float32", "float32", False, ("float32",), "no quantisation"),
        Scheme("float16", "float16", "float32", False, ("float32",), "half the size, float speed"),
        Scheme(
            "dynamic",
            "int8",
            "float32",
            False,
            ("float32",),
            "int8 weights, float activations",
            "int8 is mostly faster but needs images to calibrate on; float16 is as fast as float32",
        ),
        Scheme(
            "int8",
            "int8",
            "int8",
            True,
            ("uint8", "float32"),
            "all int8; uint8 images in",
            "float16 is as fast as float32; other machines may differ, so bench on the device",
        ),
        Scheme(
            "int16x8",
            "int8",
            "int16",
            True,
            ("float32",),
            "int8 weights, int16 activations",
            "most CPUs have only reference kernels for int16: take int8 or float16 there",
        ),
    )
}


def parse_schemes(names: str | Sequence[str]) -> list[Scheme]:
    """Return the schemes of a ``--quantize`` value, each once, in the order asked for.

    Args:
        names: One or several names; commas separate within one; ``"all"`` means all five.

    Raises:
        InputError: A name that is no scheme; the message lists them.

    Example:
        >>> [scheme.name for scheme in parse_schemes("int8,float32")]
        ['int8', 'float32']
    """
    given = [names] if isinstance(names, str) else list(names)
    wanted = [part.strip() for name in given for part in name.split(",")]
    expanded = [name for part in wanted for name in (SCHEMES if part == "all" else (part,))]
    for name in expanded:
        if name not in SCHEMES:
            choices = ", ".join([*SCHEMES, "all"])
            raise InputError(f"unknown quantisation scheme {name!r}: choose {choices}")
    if not expanded:
        raise InputError(f"no quantisation scheme given: choose {', '.join([*SCHEMES, 'all'])}")
    return [SCHEMES[name] for name in dict.fromkeys(expanded)]
