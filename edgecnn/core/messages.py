"""Messages between processes: each is a frozen dataclass, and travels as one line of JSON.

Parent and child import the same classes, so neither reads a key that the other does not write. A
message becomes ``{"kind": "ClassName", FIELD: VALUE, ...}``. What comes back is checked: an unknown
kind, a field that is missing, unknown or of another type is a :class:`MessageError` that names it.

Fields may be ``bool``, ``int``, ``float``, ``str``, ``pathlib.Path``, ``typing.Any`` (any JSON),
``Literal``, enumerations of texts, other dataclasses, lists, tuples and dictionaries (whose keys
are text) of these, and unions of them with ``None``. A field that is called ``payload`` (``bytes``
or ``memoryview``) does not become JSON: it follows the line as raw bytes. No field may be called
``kind``, ``message_number``, ``payload_bytes`` or ``compressed``. A message may have a number, and
whatever :class:`edgecnn.core.parent_pipe.ParentPipe` sends in answer has the same one, so that no
answer is taken for that to another request.

The parent starts a child with :class:`edgecnn.core.child.ChildProcess`, the child answers with
:mod:`edgecnn.core.parent_pipe`::

    @dataclass(frozen=True)
    class CountLayers:            # in a module that both sides import
        path: Path

    @dataclass(frozen=True)
    class LayersCounted:
        layers: int

    with ChildProcess(module_command("edgecnn.counting"), task="counting layers") as child:
        child.send(CountLayers(Path("model.keras")))
        print(child.receive(LayersCounted).layers)

    def main() -> None:           # in edgecnn/counting.py
        serve_job(CountLayers, lambda parent, job: parent.send(LayersCounted(count(job.path))))

:func:`build` is the same check for values from elsewhere, such as a table of a settings file.

The module travels to devices (:mod:`edgecnn.runner.bundle`): it imports the standard library alone,
and its grammar is that of Python 3.7. Dataclasses of messages that travel too are evaluated by that
Python, so they write ``Optional[int]`` and not ``int | None``.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import re
import sys
import zlib
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar, Union, get_type_hints, overload

from edgecnn.core.errors import EdgecnnError, shown_value
from edgecnn.core.json_text import json_value

KIND, NUMBER = "kind", "message_number"
PAYLOAD, PAYLOAD_BYTES, COMPRESSED = "payload", "payload_bytes", "compressed"
ENVELOPE = (KIND, NUMBER)
SCALAR_TYPES = (bool, int, str, float, type(None))

MAX_PAYLOAD_BYTES = 8 << 30
"""Raw bytes of a message at most, where its reader does not know how many it asked for."""

Built = TypeVar("Built")
Other = TypeVar("Other")


class MessageError(EdgecnnError):
    """A message, or a table of a file, that its reader cannot understand."""


@dataclass(frozen=True)
class ErrorReport:
    """A child's answer if its work failed; the parent raises the error again.

    Args:
        is_input: Whether the user's input is to blame, so that the error is an ``InputError``.
        message: What failed, in one line for the user.
    """

    is_input: bool
    message: str


@dataclass(frozen=True)
class Frame:
    """A message on its way: plain values, and the raw bytes that follow them.

    Args:
        values: Content of the line of JSON, with the kind of the message under ``"kind"``.
        payload: The raw bytes; None for a message without a payload.
    """

    values: dict[str, Any]
    payload: bytes | memoryview | None = None

    @property
    def kind(self) -> str:
        """Name of the message's class; empty where the line names none."""
        return str(self.values.get(KIND, ""))

    @property
    def number(self) -> int | None:
        """Number of the message, or of the one that it answers; None where it has none."""
        number = self.values.get(NUMBER)
        return number if type(number) is int else None

    def numbered(self, number: int | None) -> Frame:
        """Return the message with a number; as it is where the number is None."""
        return self if number is None else Frame({**self.values, NUMBER: number}, self.payload)

    def head(self) -> bytes:
        """Return the line of JSON with its newline; it says how many bytes follow."""
        values = self.values
        if self.payload is not None:
            values = {**values, PAYLOAD_BYTES: len(self.payload)}
        return json.dumps(values).encode() + b"\n"

    def shrunk(self, least: int, level: int) -> Frame:
        """Return the message with its payload compressed, if compressing is worth its time.

        Args:
            least: Least number of bytes of a payload that is compressed.
            level: Level of zlib, from 1 (fast) to 9 (small).
        """
        if self.payload is None or len(self.payload) < least:
            return self
        return Frame({**self.values, COMPRESSED: True}, zlib.compress(self.payload, level))


@dataclass(frozen=True)
class FrameHead:
    """Content of a message's line of JSON: the values, and the number of raw bytes that follow."""

    values: dict[str, Any]
    payload_bytes: int | None
    is_compressed: bool

    @classmethod
    def parse(cls, line: bytes) -> FrameHead:
        """Read a message's line of JSON.

        Raises:
            MessageError: The line is no JSON object, or its number of raw bytes is no number.
        """
        try:
            values = json_value(line)
        except ValueError as error:
            raise MessageError(f"not a message: {shown_value(line)}") from error
        if not isinstance(values, dict):
            raise MessageError(f"not a message: {shown_value(values)}")
        size, compressed = values.pop(PAYLOAD_BYTES, None), values.pop(COMPRESSED, False)
        if size is not None and (type(size) is not int or size < 0):
            raise MessageError(f"{PAYLOAD_BYTES} is {shown_value(size)}, not a number of bytes")
        return cls(values, size, bool(compressed))

    def frame(self, payload: bytes, most_bytes: int = MAX_PAYLOAD_BYTES) -> Frame:
        """Return the message with the bytes that followed its line.

        Args:
            payload: The bytes.
            most_bytes: Bytes at most once they are decompressed.

        Raises:
            MessageError: The bytes were announced as compressed and are not, or are too many.
        """
        if self.payload_bytes is None:
            return Frame(self.values)
        return Frame(self.values, _unpacked(payload, most_bytes) if self.is_compressed else payload)


def _unpacked(payload: bytes, most_bytes: int) -> bytes:
    """Return decompressed bytes; no more than ``most_bytes`` are ever made of them."""
    unpacker = zlib.decompressobj()
    try:
        # One byte more shows that there are more; a Python of 32 bits knows no larger number.
        content = unpacker.decompress(payload, min(most_bytes + 1, sys.maxsize))
    except zlib.error as error:
        raise MessageError(f"a damaged payload: {error}") from error
    if len(content) > most_bytes:
        raise MessageError(f"a payload of more than {most_bytes} bytes came, once unpacked")
    if not unpacker.eof:
        raise MessageError("a damaged payload: its end is missing")
    return content


def to_frame(message: object) -> Frame:
    """Return a message as it travels.

    Args:
        message: An instance of a dataclass.

    Example:
        >>> to_frame(ErrorReport(is_input=True, message="no such file")).values
        {'kind': 'ErrorReport', 'is_input': True, 'message': 'no such file'}
    """
    values = _fields_of(message)
    payload = values.pop(PAYLOAD, None)
    return Frame({KIND: type(message).__name__, **plain(values)}, payload)


@overload
def from_frame(frame: Frame, __kind: type[Built]) -> Built: ...


@overload
def from_frame(frame: Frame, __kind: type[Built], __other: type[Other]) -> Built | Other: ...


@overload
def from_frame(frame: Frame, *kinds: type[Any]) -> Any: ...


def from_frame(frame: Frame, *kinds: type[Any]) -> Any:
    """Return the message that came.

    Args:
        frame: The message as it travelled.
        kinds: The classes of messages that may come.

    Raises:
        MessageError: The message is of another kind, or its fields do not fit the class.

    Example:
        >>> from_frame(Frame({"kind": "ErrorReport", "is_input": False}), ErrorReport)
        Traceback (most recent call last):
        edgecnn.core.messages.MessageError: ErrorReport lacks 'message'
    """
    for kind in kinds:
        if kind.__name__ == frame.kind:
            values = {key: value for key, value in frame.values.items() if key not in ENVELOPE}
            if frame.payload is not None:
                values[PAYLOAD] = frame.payload
            return build(kind, values, kind.__name__)
    names = ", ".join(kind.__name__ for kind in kinds)
    raise MessageError(
        f"a message of the kind {shown_value(frame.kind)} came, where {names} is known"
    )


def plain(value: Any) -> Any:
    """Return a value as JSON has it: dictionaries for dataclasses, lists for tuples."""
    if type(value) in SCALAR_TYPES:
        return value
    if dataclasses.is_dataclass(value):
        return plain(_fields_of(value))
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, Enum):
        return value.value
    return str(value) if isinstance(value, Path) else value


def build(kind: type[Built], values: Any, place: str) -> Built:
    """Make a dataclass of plain values, each of which is checked.

    Args:
        kind: Dataclass whose fields have types that messages can have.
        values: A dictionary of the dataclass' fields; those with a default may be missing.
        place: Name of the place that the values come from, with which an error begins.

    Raises:
        MessageError: The values are no dictionary, or a field is missing, unknown or of another
            type.

    Example:
        >>> build(ErrorReport, {"is_input": 1, "message": ""}, "the report")
        Traceback (most recent call last):
        edgecnn.core.messages.MessageError: the report: is_input is 1, not bool
    """
    if not isinstance(values, dict):
        raise MessageError(f"{place}: {shown_value(values)} is no table of fields")
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    for name in values:
        if name not in fields:
            raise MessageError(f"{place}: {shown_value(name)} is not one of {', '.join(fields)}")
    for name, field in fields.items():
        if name not in values and _is_needed(field):
            raise MessageError(f"{place} lacks {name!r}")
    types = get_type_hints(kind)
    return kind(**{name: _checked(types[name], each, place, name) for name, each in values.items()})


def _fields_of(message: Any) -> dict[str, Any]:
    return {field.name: getattr(message, field.name) for field in dataclasses.fields(message)}


def _is_needed(field: dataclasses.Field[Any]) -> bool:
    missing = dataclasses.MISSING
    return field.default is missing and field.default_factory is missing


def _checked(annotation: Any, value: Any, place: str, name: str) -> Any:
    """Return a field's value, converted to the type that its annotation names."""
    origin: Any = getattr(annotation, "__origin__", None)
    choices: tuple[Any, ...] = getattr(annotation, "__args__", ())
    if annotation is Any or (
        isinstance(annotation, type) and origin is None and type(value) is annotation
    ):
        return value
    if annotation is float and type(value) is int and abs(value) <= sys.float_info.max:
        return float(value)
    if annotation is Path and isinstance(value, str):
        return Path(value)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        with contextlib.suppress(ValueError):
            return annotation(value)
    if dataclasses.is_dataclass(annotation) and isinstance(value, dict):
        return build(annotation, value, f"{place}: {name}")  # type: ignore[arg-type]
    if origin is Union or type(annotation).__name__ == "UnionType":
        return _first_that_fits(choices, value, place, name)
    if origin in (list, tuple) and isinstance(value, (list, tuple)):
        return _sequence(origin, choices, value, place, name)
    if origin is dict and isinstance(value, dict):
        item: Any = choices[1]
        return {key: _checked(item, each, place, name) for key, each in value.items()}
    if str(origin) == "typing.Literal" and value in choices:
        return value
    raise MessageError(f"{place}: {name} is {shown_value(value)}, not {_type_name(annotation)}")


def _first_that_fits(choices: tuple[Any, ...], value: Any, place: str, name: str) -> Any:
    """Return a value as the first type of a union that it fits."""
    for choice in choices:
        # An error within a table says more than that the table is none of the union's types.
        if isinstance(value, dict) and dataclasses.is_dataclass(choice):
            return _checked(choice, value, place, name)
        with contextlib.suppress(MessageError):
            return _checked(choice, value, place, name)
    names = " or ".join(map(_type_name, choices))
    raise MessageError(f"{place}: {name} is {shown_value(value)}, not {names}")


def _sequence(origin: Any, choices: tuple[Any, ...], values: Any, place: str, name: str) -> Any:
    """Return a list or a tuple with each of its items checked."""
    if origin is tuple and Ellipsis not in choices:
        if len(values) != len(choices):
            raise MessageError(f"{place}: {name} has {len(values)} values, not {len(choices)}")
        pairs = zip(choices, values)
        return tuple(_checked(choice, each, place, name) for choice, each in pairs)
    item = choices[0]
    if item in SCALAR_TYPES and all(type(each) is item for each in values):
        return origin(values)
    return origin(_checked(item, each, place, name) for each in values)


def _type_name(annotation: Any) -> str:
    if annotation is type(None):
        return "None"
    return (
        annotation.__name__
        if type(annotation) is type
        else re.sub(r"[\w.]+\.", "", str(annotation))
    )
