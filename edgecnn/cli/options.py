"""Options that several commands share, alone and in groups, and the types of their values."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from edgecnn.core.errors import InputError
from edgecnn.core.files import is_standard_output

if TYPE_CHECKING:
    from edgecnn.data.preprocessing import Preprocessing

Command = TypeVar("Command", bound=Callable[..., Any])
OptionGroup = Callable[[Command], Command]


def option_group(*options: OptionGroup[Command]) -> OptionGroup[Command]:
    """Return a decorator that adds several options, in this order, to a command.

    Args:
        options: Decorators that add one option each, as ``click.option`` gives them.
    """

    def add(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add


class OutputFile(click.ParamType):  # type: ignore[type-arg]
    """A file to write; every option that names one has this type.

    Where the file is the standard output, as ``/dev/stdout``, its content is all that is printed
    there: what else the command says goes to standard error.
    """

    name = "file"

    def convert(
        self, value: Any, param: click.Parameter | None, context: click.Context | None
    ) -> str:
        """Return the option's text."""
        if context is not None and is_standard_output(Path(value)):
            context.with_resource(redirect_stdout(sys.stderr))
        return str(value)


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


class InputShape(click.ParamType):  # type: ignore[type-arg]
    """The shape of an input, perhaps with its name: ``1,16`` or ``tokens=1,16``."""

    name = "shape"

    def convert(
        self, value: Any, param: click.Parameter | None, context: click.Context | None
    ) -> tuple[str, tuple[int, ...]]:
        """Parse the option's text into (name, shape); the name is empty where there is none."""
        if isinstance(value, tuple):
            return value
        name, _, sides = str(value).rpartition("=")
        try:
            shape = tuple(int(side) for side in sides.split(","))
        except ValueError:
            shape = ()
        if not shape or min(shape) < 1:
            self.fail(f"{value!r} is no shape like 1,16 or NAME=1,16")
        return name, shape


STANDARD_OUTPUT = "-"
"""What users write in place of a file's name to have the text on standard output."""

normalization_options: OptionGroup[Any] = option_group(
    click.option(
        "--preprocess",
        metavar="HOW",
        help="tf [-1, 1], torch (ImageNet mean, deviation), caffe (BGR less the mean), "
        "unit [0, 1] or raw 0..255.",
    ),
    click.option(
        "--mean",
        type=FloatList(),
        metavar="M[,M,M]",
        help="Instead of --preprocess: mean of the pixels (0..255), one or one a channel.",
    ),
    click.option("--std", type=FloatList(), metavar="S[,S,S]", help="With --mean: deviation."),
)
geometry_options: OptionGroup[Any] = option_group(
    click.option(
        "--resize",
        metavar="stretch|crop|pad",
        help="How an image comes to the model's size: stretched whole, its centre cut out, or "
        "whole with black borders.  [default: the file's own, or stretch]",
    ),
    click.option(
        "--crop-fraction",
        type=float,
        metavar="F",
        help="With --resize crop: share of the sides that stays.  [default: 0.875]",
    ),
    click.option(
        "--interpolation",
        metavar="FILTER",
        help="bilinear-no-antialias (of stretch and pad, as Keras), bilinear (of crop, as Pillow), "
        "bilinear-asymmetric (as MediaPipe), bicubic or nearest.",
    ),
)
preprocessing_options: OptionGroup[Any] = option_group(normalization_options, geometry_options)


def preprocessing_of(options: dict[str, Any]) -> Preprocessing:
    """Take the values of ``preprocessing_options`` out of a command's values.

    Args:
        options: Values by the names of parameters; those of the preprocessing are removed.

    Raises:
        InputError: The values contradict each other.
    """
    from edgecnn.data.preprocessing import Preprocessing

    names = ("preprocess", "mean", "std")
    geometry = ("resize", "crop_fraction", "interpolation")
    return Preprocessing.of(
        *(options.pop(name) for name in names), **{name: options.pop(name) for name in geometry}
    )


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
calibrate_option = partial(click.option, "-c", "--calibrate", metavar="DATA")
CALIBRATION_DATA = (
    "Images for int8 and int16x8: class folders, a folder of images, a list of images (.txt, "
    ".csv, .json), an .npz, or 'digits-train'. For inputs that are no images: an .npz, or a folder "
    "of .npy, with an array for each input."
)
samples_option = click.option(
    "--samples", type=int, default=100, show_default=True, help="Images to calibrate on."
)
trust_option = click.option(
    "--trust", is_flag=True, help="Run code that the model carries: you know where it comes from."
)
custom_objects_option = click.option(
    "--custom-objects",
    metavar="FILE.py",
    help="Python file with the classes and functions that a Keras model names; with --trust.",
)
file_task_option = click.option(
    "--task",
    metavar="classes|labels",
    help="For a file of which nothing says that its output is scores.",
)
task_option = click.option(
    "--task",
    multiple=True,
    metavar="[NAME=]KIND",
    help="What an output is where its graph leaves two readings: classes, labels, probability, "
    "numbers, embedding, map, image, detections or sequence.",
)


def activation_options(command: Callable[..., Any]) -> Any:
    """Add the options that put softmax or sigmoid behind logits, taken as ``activation``."""

    @wraps(command)
    def with_activation(**values: Any) -> Any:
        given = [name for name in ("softmax", "sigmoid") if values.pop(f"append_{name}")]
        if len(given) > 1:
            raise InputError("--softmax and --sigmoid are for different models: choose one")
        return command(**values, activation=given[0] if given else None)

    sigmoid = click.option(
        "--sigmoid",
        "append_sigmoid",
        is_flag=True,
        help="The same for labels of which each may be true.",
    )
    softmax = click.option(
        "--softmax",
        "append_softmax",
        is_flag=True,
        help="Put softmax behind a model that answers logits.",
    )
    return softmax(sigmoid(with_activation))


json_option = partial(click.option, "--json", "as_json", is_flag=True)
json_file_option = partial(
    click.option, "--json", "json_target", type=OutputFile(), metavar="FILE|-"
)
author_option = partial(click.option, "--author", metavar="TEXT")
license_option = click.option(
    "--license", metavar="TEXT", help="Of the model: its name or its text."
)
model_version_option = click.option("--model-version", metavar="TEXT", help="Of the model.")
description_option = click.option("--description", metavar="TEXT", help="What the model does.")
labels_option = click.option(
    "--labels", metavar="FILE", help="Names of the classes, one a line, as UTF-8 text."
)

BUILDING_OPTIONS: dict[str, OptionGroup[Any]] = {
    "weights": click.option(
        "--weights", metavar="FILE|imagenet|none", help="For a name: weights to load."
    ),
    "alpha": click.option("--alpha", type=float, default=1.0, help="For a name: width multiplier."),
    "size": click.option(
        "--size", type=Size(), metavar="N|HxW", help="Input pixels, 224 or 192x256."
    ),
    "classes": click.option(
        "--classes", type=int, help="For a name: number of classes.  [default: its own]"
    ),
    "softmax": click.option(
        "--logits",
        "softmax",
        is_flag=True,
        callback=lambda context, parameter, value: not value,
        help="For a name: leave the softmax out.",
    ),
}
"""Field of ``BuildOptions`` -> the option that sets it."""


def building_options(*names: str) -> OptionGroup[Any]:
    """Return a decorator that adds options of building; the command takes them as ``build``.

    Args:
        names: Fields of ``BuildOptions`` that the command has options for, in their order.
    """

    def add(command: Callable[..., Any]) -> Any:
        @wraps(command)
        def with_build(**values: Any) -> Any:
            from edgecnn.models.build_options import BuildOptions

            build = BuildOptions(**{name: values.pop(name) for name in names})
            return command(build=build, **values)

        options: OptionGroup[Any] = option_group(*(BUILDING_OPTIONS[name] for name in names))
        return options(with_build)

    return add


def _shapes_by_name(
    context: click.Context, parameter: click.Parameter, value: tuple[Any, ...]
) -> dict[str, tuple[int, ...]]:
    return dict(value)


file_size_option = click.option(
    "--size",
    type=Size(),
    metavar="N|HxW",
    help="For a file that takes any size: its images' pixels.",
)
signature_option = click.option(
    "--signature", metavar="NAME", help="For a model with several signatures: the one to call."
)
input_shapes_option = click.option(
    "--input-shape",
    "input_shapes",
    type=InputShape(),
    multiple=True,
    callback=_shapes_by_name,
    metavar="[NAME=]N,N...",
    help="For an input of open shape that takes no images: its shape, the batch first.",
)

store_option = click.option(
    "--store",
    metavar="FILE|URL",
    help="Database of results: a SQLite file or an SQLAlchemy URL.  [default: EDGECNN_STORE, or a "
    "file in the user's data folder]",
)
