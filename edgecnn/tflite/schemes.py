"""The quantisation schemes: what each does to a file's numbers, and what follows from that.

A row has all that the rooms want to know of a scheme, except how its files are made, which is in
``edgecnn.quantize.scheme_makers``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgecnn.core.colours import BLUE, GREEN, GREY, LIGHT_GREY, ORANGE, PURPLE, SKY
from edgecnn.core.errors import InputError
from edgecnn.tflite.numbers import FLOAT16, FLOAT32, INT8, INT16, Numbers


@dataclass(frozen=True)
class AnswerTolerance:
    """What may differ between two right programs that run the same file.

    Args:
        score: Greatest difference of a score; of scores beyond 1 (logits), as a share of the
            largest score.
        lead: Greatest distance of two classes' scores at which the classes may change places.
    """

    score: float
    lead: float


FLOAT_TOLERANCE = AnswerTolerance(score=1e-3, lead=1e-3)
"""Float kernels sum in another order, which moves a probability in its sixth digit or so."""

INTEGER_TOLERANCE = AnswerTolerance(score=0.1, lead=1 / 256)
"""Kernels round intermediate results to neighbouring levels, which sums up over the layers; the
results of an int8 softmax are multiples of 1/256."""


@dataclass(frozen=True)
class Scheme:
    """What a scheme does to weights and activations, and what it asks for.

    Args:
        name: Name of the scheme, as ``--quantize`` takes it.
        weights: Numbers of the weights in the file.
        activations: Numbers in which the layers compute.
        input_types: Element types that the file's input may have, the default first.
        summary: One phrase for help and tables.
        colour: Colour of the scheme's points in charts, ``"#rrggbb"``.
        dark_colour: Colour of the scheme's points on dark ground; empty for ``colour``.
        if_slow: What to do where a file of the scheme is slower than the float32 file; empty if
            none is slower, as its files compute what float32 files do.
        keeps_float: Whether single layers can stay in float32, where integers lose too much.
        least_weights: Number of weights of a layer below which it stays in float32, as nothing is
            gained.
        more_exact: Name of the scheme to try where a file of this one loses too much.
        also: Other element types of activations and weights whose layers count as of this scheme.
        output_types: Element types that the file's output may have, the default first.
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
    more_exact: str = "float16"
    also: tuple[tuple[str, str], ...] = ()
    output_types: tuple[str, ...] = (FLOAT32.name,)

    @property
    def is_calibrated(self) -> bool:
        """Whether representative data is needed: integer activations need ranges."""
        return self.activations.is_integer

    @property
    def is_coarse(self) -> bool:
        """Whether an activation's level is coarser than small changes at a map's margin."""
        return self.activations.is_integer and self.activations.bits <= INT8.bits

    @property
    def tolerance(self) -> AnswerTolerance:
        """What may differ between two right programs that run a file of the scheme."""
        return INTEGER_TOLERANCE if self.weights.is_integer else FLOAT_TOLERANCE

    @property
    def dtypes(self) -> tuple[tuple[str, str], ...]:
        """Element types of activations and weights that layers of the scheme have."""
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
            "float16",
            FLOAT16,
            FLOAT32,
            ("float32",),
            "half the size, float speed",
            colour=GREEN,
            least_weights=16,
            more_exact="float32",
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
            ("uint8", "float32", "int8"),
            "all int8; uint8 images in",
            colour=BLUE,
            dark_colour=SKY,
            if_slow="float16 is as fast as float32; other machines may differ, so bench on the "
            "device",
            keeps_float=True,
            also=(("uint8", "uint8"), ("int8", "int4")),
            output_types=("float32", "int8", "uint8"),
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
"""Scheme of a file, or a layer, whose numbers are those of no scheme."""

_BY_DTYPES = {dtypes: scheme.name for scheme in SCHEMES.values() for dtypes in scheme.dtypes}


def scheme_of_layer(activations: str, weights: str) -> str:
    """Return the name of the scheme of a single layer, or ``"mixed"``.

    Args:
        activations: Element type of the layer's input.
        weights: Element type of its weights, as stored.

    Example:
        >>> scheme_of_layer("int16", "int8")
        'int16x8'
    """
    return _BY_DTYPES.get((activations, weights), MIXED)


def parse_schemes(names: str | Sequence[str]) -> list[Scheme]:
    """Return the schemes of a ``--quantize`` value, each once, in the order asked for.

    Args:
        names: One or several names of schemes; a name may be a list with commas, or ``"all"``.

    Raises:
        InputError: A name is no scheme's; the message lists the schemes.

    Example:
        >>> [scheme.name for scheme in parse_schemes("int8,float32")]
        ['int8', 'float32']
    """
    lists = [names] if isinstance(names, str) else list(names)
    parts = [part.strip() for text in lists for part in text.split(",")]
    expanded = [name for part in parts for name in (SCHEMES if part == "all" else (part,))]
    for name in expanded:
        if name not in SCHEMES:
            choices = ", ".join([*SCHEMES, "all"])
            raise InputError(f"unknown quantisation scheme {name!r}: choose {choices}")
    if not expanded:
        raise InputError(f"no quantisation scheme given: choose {', '.join([*SCHEMES, 'all'])}")
    return [SCHEMES[name] for name in dict.fromkeys(expanded)]
