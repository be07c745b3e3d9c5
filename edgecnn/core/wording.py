"""Options in messages, as commands have them and as Python functions have them.

Messages are written for the command line: ``--preprocess tf``. A function of the package that is
called from Python says ``preprocess="tf"`` instead: :func:`speaks_python` wraps each of them, and
:func:`options_spoken` leaves the messages as they are for the commands, which call the same
functions.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from edgecnn.core.errors import EdgecnnError

VALUE_WORDS = (
    "tf", "torch", "caffe", "unit", "raw",
    "stretch", "crop", "pad",
    "nearest", "bilinear-no-antialias", "bilinear-asymmetric", "bilinear", "bicubic",
    "off", "fast", "full",
    "float32", "float16", "dynamic", "int8", "int16x8", "uint8",
    "imagenet", "digits",
    "ethos-u", "tflm", "edgetpu",
    "classes", "labels", "probability", "numbers", "embedding", "map", "image", "detections",
    "sequence",
)  # fmt: skip
"""Words that options take: any other word after an option is prose."""

OF_DEVICES = ("from", "identity", "python", "wheels")
"""Options of ``edgecnn devices``, which no function has."""

_WORD = "|".join(map(re.escape, VALUE_WORDS))
_NUMBER = r"-?\d+(?:\.\d+)?(?:[,x]-?\d+(?:\.\d+)?)*"
_SHAPE = r"(?:[\w.:/]+=)?(?:N|\d+)(?:,(?:N|\d+))+"
_PLACEHOLDER = r"[A-Z]{2,}(?:\.py)?|[A-Z](?:\[[A-Z,]+\])?"
_END = r"(?![\w-]|\.\w)"
_VALUE = (
    rf"(?:{_SHAPE}|(?:{_WORD})(?:(?:\|| or )(?:{_WORD}))*|{_NUMBER}|{_PLACEHOLDER}){_END}|'[^']*'"
)
_OPTION = rf"(?<![\w'\"/-])--(?P<name>[a-z][a-z0-9-]*)(?:[ =](?P<value>{_VALUE}))?"
_COMMAND = r"'?(?:edgecnn [a-z]+|bench)(?: [a-z]+)?(?: [A-Z.]+)*(?: --[a-z-]+(?: [A-Z]+)?)+'?"
_OUTPUT = r"(?<![\w-])-o\b"
_ADJACENT = re.compile(rf"(?<=\s)(--[a-z-]+ (?:{_VALUE})) (?=--)")
_MENTION = re.compile(rf"(?P<command>{_COMMAND})|{_OPTION}|(?P<output>{_OUTPUT})")

Function = TypeVar("Function", bound=Callable[..., Any])

_spoken: ContextVar[Callable[[str], str] | None] = ContextVar("spoken", default=None)
"""What makes the language of the caller of a message; None where no function was called yet."""


def in_python(text: str, parameters: Mapping[str, inspect.Parameter]) -> str:
    """Return a message with its options as the keywords of a function.

    Whole commands in a message (``edgecnn metadata set --labels FILE``) stay as they are.

    Args:
        text: The message, with options of commands.
        parameters: The function's parameters: those whose default is a bool are switches.

    Example:
        >>> in_python("say --preprocess tf, or --mean and --std", {})
        'say preprocess="tf", or mean and std'
    """

    def keyword(match: re.Match[str]) -> str:
        if match["command"] or match["name"] in OF_DEVICES:
            return match[0]
        if match["output"]:
            return "output"
        if match["name"] == "logits":
            return "softmax=False"
        if match["name"] in ("softmax", "sigmoid"):
            return f'activation="{match["name"]}"'
        name, value = _parameter(match["name"].replace("-", "_"), parameters), match["value"]
        if match["name"] == "input-shape" and value is not None:
            return f"input_shapes={_python_shape(value)}"
        if value is not None:
            return f"{name}={_python_value(value)}"
        is_switch = name in parameters and isinstance(parameters[name].default, bool)
        return f"{name}=True" if is_switch else name

    return _MENTION.sub(keyword, _ADJACENT.sub(r"\1, ", text))


def _parameter(name: str, parameters: Mapping[str, inspect.Parameter]) -> str:
    """Return the parameter of an option: ``input_shapes`` for ``--input-shape``."""
    return next((each for each in (name, f"{name}s", f"{name}_s") if each in parameters), name)


def _python_shape(value: str) -> str:
    name, _, sides = value.rpartition("=")
    return f'{{"{name}": ({", ".join(sides.split(","))})}}'


def _python_value(value: str) -> str:
    if re.fullmatch(_NUMBER, value):
        numbers = re.split("[,x]", value)
        return value if len(numbers) == 1 else f"({', '.join(numbers)})"
    return re.sub(rf"(?<![\w'-])(?:{_WORD})(?![\w'-])", lambda word: f'"{word[0]}"', value)


def spoken(text: str) -> str:
    """Return a message in the language of whoever called: a command, or a function of Python."""
    speak = _spoken.get()
    return text if speak is None else speak(text)


def spoken_error(error: EdgecnnError) -> EdgecnnError:
    """Return an error whose message is in the language of whoever called."""
    error.args = (spoken(str(error)),)
    return error


@contextmanager
def options_spoken() -> Iterator[None]:
    """Leave options in messages as commands have them, whatever function is called meanwhile."""
    token = _spoken.set(lambda text: text)
    try:
        yield
    finally:
        _spoken.reset(token)


def speaks_python(function: Function) -> Function:
    """Return a function whose errors name its keywords, unless a command calls it.

    Example:
        >>> speaks_python(convert)("model.keras", calibrate="photos/", max_drop=1, all_int8=True)
        InputError: max_drop leaves layers in float32, all_int8=True none: choose one
    """
    parameters = inspect.signature(function).parameters

    @functools.wraps(function)
    def speaking(*arguments: Any, **keywords: Any) -> Any:
        if _spoken.get() is not None:
            return function(*arguments, **keywords)
        token = _spoken.set(lambda text: in_python(text, parameters))
        try:
            return function(*arguments, **keywords)
        except EdgecnnError as error:
            spoken_error(error)
            raise
        finally:
            _spoken.reset(token)

    return speaking  # type: ignore[return-value]
