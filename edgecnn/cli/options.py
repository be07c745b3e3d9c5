"""Option types and groups that several commands share."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


class FloatList(click.ParamType):  # type: ignore[type-arg]
    """Numbers separated by commas: ``127.5`` or ``123.7,116.3,103.5``."""

    name = "numbers"

    def convert(
        self, value: Any, param: click.Parameter | None, context: click.Context | None
    ) -> tuple[float, ...]:
        """Parse the option's text."""
        if isinstance(value, tuple):
            return value
        try:
            numbers = tuple(float(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is not a list of numbers like 127.5 or 123.7,116.3,103.5")
        if not all(math.isfinite(number) for number in numbers):
            self.fail(f"{value!r} has a number that is not finite")
        return numbers


class CountList(click.ParamType):  # type: ignore[type-arg]
    """Whole numbers separated by commas: ``1,2,4``.

    Args:
        least: The lowest number that is taken; None takes any, which the command then checks.
        what: What the numbers are, in the plural, for messages.
    """

    name = "counts"

    def __init__(self, least: int | None = None, what: str = "counts") -> None:
        self._least, self._what = least, what

    def convert(
        self, value: Any, param: click.Parameter | None, context: click.Context | None
    ) -> tuple[int, ...]:
        """Parse the option's text."""
        if isinstance(value, tuple):
            return value
        try:
            counts = tuple(int(part) for part in str(value).split(","))
        except ValueError:
            counts = ()
        if not counts or (self._least is not None and min(counts) < self._least):
            first = 1 if self._least is None else self._least
            example = ",".join(str(first + n) for n in (0, 1, 3))
            self.fail(f"{value!r} is not a list of {self._what} like {example}")
        return tuple(dict.fromkeys(counts))


class Size(click.ParamType):  # type: ignore[type-arg]
    """Pixels: ``224`` or ``192x256`` (height x width)."""

    name = "size"

    def convert(
        self, value: Any, param: click.Parameter | None, context: click.Context | None
    ) -> tuple[int, int]:
        """Parse the option's text into (height, width)."""
        if isinstance(value, tuple):
            return value
        try:
            sides = [int(part) for part in str(value).lower().split("x")]
        except ValueError:
            sides = []
        if len(sides) not in (1, 2) or min(sides) < 1:
            self.fail(f"{value!r} is not a size like 224 or 192x256 (height x width)")
        return (sides[0], sides[-1])


def preprocessing_options(command: Command) -> Command:
    """Add ``--preprocess``, ``--mean`` and ``--std``."""
    for option in (
        click.option("--std", type=FloatList(), metavar="S[,S,S]", help="With --mean: deviation."),
        click.option(
            "--mean",
            type=FloatList(),
            metavar="M[,M,M]",
            help="Instead of --preprocess: mean of the pixels (0..255), one or one a channel.",
        ),
        click.option(
            "--preprocess",
            metavar="HOW",
            help="tf [-1, 1], torch (ImageNet mean, deviation), caffe (BGR less the mean), "
            "unit [0, 1] or raw 0..255.",
        ),
    ):
        command = option(command)
    return command


STANDARD_OUTPUT = "-"
"""In place of a file's name."""

device_option = click.option(
    "--device",
    default="desktop",
    show_default=True,
    metavar="NAME|[USER@]HOST[:PORT]",
    help="Where to run: desktop, pi, a name of 'edgecnn devices', or a machine over SSH.",
)
threads_option = click.option(
    "-t", "--threads", type=int, default=1, show_default=True, help="Threads of the runtime."
)
calibrate_option = click.option(
    "-c",
    "--calibrate",
    metavar="DATA",
    help="Images for int8 and int16x8: class folders, images/ with val_map.txt, a folder of "
    "images, an .npz, or 'digits-train'.",
)
samples_option = click.option(
    "--samples", type=int, default=100, show_default=True, help="Images to calibrate on."
)
trust_option = click.option(
    "--trust", is_flag=True, help="Run code that a .keras or .h5 file carries."
)


def size_options(command: Command) -> Command:
    """Add ``--alpha``, ``--size`` and ``--classes``."""
    for option in (
        click.option(
            "--classes", type=int, help="For a name: number of classes.  [default: its own]"
        ),
        click.option("--size", type=Size(), metavar="N|HxW", help="Input pixels, 224 or 192x256."),
        click.option("--alpha", type=float, default=1.0, help="For a name: width multiplier."),
    ):
        command = option(command)
    return command


def building_options(command: Command) -> Command:
    """Add ``--weights``, ``--alpha``, ``--size`` and ``--classes``."""
    weights = click.option(
        "--weights", metavar="FILE|imagenet|none", help="For a name: weights to load."
    )
    return weights(size_options(command))


store_option = click.option(
    "--store",
    metavar="FILE|URL",
    help="Database of results: a SQLite file or an SQLAlchemy URL.  [default: EDGECNN_STORE, or a "
    "file in the user's data folder]",
)
