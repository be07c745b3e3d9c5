"""The quantisation schemes: what each does to a file's numbers, and what follows from that.

A row says all that any room wants to know of a scheme; how its files are made is in
``edgecnn.quantize.scheme_makers``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgecnn.core.charts import BLUE, GREEN, GREY, LIGHT_GREY, ORANGE, PURPLE, SKY
from edgecnn.core.errors import InputError
from edgecnn.tflite.numbers import FLOAT16, FLOAT32, INT8, INT16, Numbers


@dataclass(frozen=True)
class AnswerTolerance:
    """What may differ between two right programs that run the same file.

    Args:
        score: Largest difference of a score; of scores beyond 1 (logits), the share of the largest.
        lead: Two classes that are no further apart than this may change places.
    """

    score: float
    lead: float


FLOAT_TOLERANCE = AnswerTolerance(score=1e-3, lead=1e-3)
"""Float kernels sum in another order, which moves a probability in its sixth digit or so."""

INTEGER_TOLERANCE = AnswerTolerance(score=0.1, lead=1 / 256)
"""Kernels round intermediate results to neighbouring levels, which sums up over the layers; what
comes out of an int8 softmax is a multiple of 1/256."""


@dataclass(frozen=True)
class Scheme:
    """What a scheme does to weights and activations, and what it asks for.

    Args:
        name: What ``--quantize`` calls it.
        weights: Numbers of the weights in the file.
        activations: Numbers in which the layers compute.
        input_types: Element types that the file's input may have, the default first.
        summary: One phrase for help and tables.
        colour: Colour of its points in charts, ``"#rrggbb"``.
        dark_colour: Colour of its points on dark ground; empty for the same.
        if_slow: What to do where a file of it is slower than float32's; empty if none is, as its
            files compute what float32's do.
        keeps_float: Whether single layers can stay in float32, where integers lose too much.
        least_weights: Weights of a layer below which it stays in float32, as nothing is gained.
        also: Other element types of activations and weights whose layers count as of this scheme.
    """

    name: str
    weights: Numbers
    activations: Numbers
    input_types: tuple[str, ...]
    summary: str
    colour: str
    dark_colour: str = ""
    if_slow: str = ""
    keeps_float: bool = False
    least_weights: int = 0
    also: tuple[tuple[str, str], ...] = ()

    @property
    def is_calibrated(self) -> bool:
        """Whether representative data is needed: integer activations need ranges."""
        return self.activations.is_integer

    @property
    def is_coarse(self) -> bool:
        """Whether activations have so few levels that what happens at a map's margin is less."""
        return self.activations.is_integer and self.activations.bits <= INT8.bits

    @property
    def tolerance(self) -> AnswerTolerance:
        """What may differ between two right programs that run a file of it."""
        return INTEGER_TOLERANCE if self.weights.is_integer else FLOAT_TOLERANCE

    @property
    def dtypes(self) -> tuple[tuple[str, str], ...]:
        """Element types of activations and weights by which a layer of it is known."""
        return (self.activations.name, self.weights.name), *self.also


SCHEMES: dict[str, Scheme] = {
    scheme.name: scheme
    for scheme in (
        Scheme(
            "float32",
            FLOAT32,
            FLOAT32,
            ("float32",),
            "no quantisation",
            colour=GREY,
            dark_colour=LIGHT_GREY,
        ),
        Scheme(
            "float16", FLOAT16, FLOAT32, ("float32",), "half the size, float speed", colour=GREEN
        ),
        Scheme(
            "dynamic",
            INT8,
            FLOAT32,
            ("float32",),
            "int8 weights, float activations",
            colour=ORANGE,
            if_slow="int8 is mostly faster but needs images to calibrate on; float16 is as fast as "
            "float32",
            least_weights=1024,
            also=(("float32", "int4"),),
        ),
        Scheme(
            "int8",
            INT8,
            INT8,
            ("uint8", "float32"),
            "all int8; uint8 images in",
            colour=BLUE,
            dark_colour=SKY,
            if_slow="float16 is as fast as float32; other machines may differ, so bench on the "
            "device",
            keeps_float=True,
            also=(("uint8", "uint8"), ("int8", "int4")),
        ),
        Scheme(
            "int16x8",
            INT8,
            INT16,
            ("float32",),
            "int8 weights, int16 activations",
            colour=PURPLE,
            if_slow="most CPUs have only reference kernels for int16: take int8 or float16 there",
        ),
    )
}

MIXED = "mixed"
"""What a file, or a layer, is called whose numbers are no scheme's."""

_BY_DTYPES = {dtypes: scheme.name for scheme in SCHEMES.values() for dtypes in scheme.dtypes}


def scheme_of_layer(activations: str, weights: str) -> str:
    """Return the name of the scheme that a layer is in by itself, or ``"mixed"``.

    Args:
        activations: Element type of what the layer reads.
        weights: Element type of its weights, as stored.

    Example:
        >>> scheme_of_layer("int16", "int8")
        'int16x8'
    """
    return _BY_DTYPES.get((activations, weights), MIXED)


def parse_schemes(names: str | Sequence[str]) -> list[Scheme]:
    """Return the schemes of a ``--quantize`` value, each once, in the order asked for.

    Args:
        names: One or several names; commas separate within one; ``"all"`` means each of them.

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
