"""Until messages have one serialiser."""

from __future__ import annotations

import dataclasses
import typing
from typing import Any

from edgecnn.core import child as core_child
from edgecnn.quantize import messages


def to_dict(message: Any) -> dict[str, Any]:
    """Compat."""
    return {"event": type(message).__name__, **dataclasses.asdict(message)}


def _value(kind: Any, value: Any) -> Any:
    if dataclasses.is_dataclass(kind):
        return _build(kind, value)
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple and value is not None:
        if len(args) == 2 and args[1] is not ...:
            return tuple(value)
        return tuple(_value(args[0], v) for v in value)
    if args and type(None) in args and value is not None:
        return _value(next(a for a in args if a is not type(None)), value)
    return value


def _build(kind: Any, values: dict[str, Any]) -> Any:
    hints = typing.get_type_hints(kind)
    return kind(**{f.name: _value(hints[f.name], values[f.name]) for f in dataclasses.fields(kind)})


def from_dict(values: dict[str, Any]) -> Any:
    """Compat."""
    values = dict(values)
    kind = getattr(messages, values.pop("event"))
    return _build(kind, values)


class Child:
    """Compat."""

    def __init__(self, child: core_child.ChildProcess) -> None:
        self._child = child

    def __enter__(self) -> Any:
        """Compat."""
        self._child.__enter__()
        return self

    def __exit__(self, *a: Any) -> Any:
        """Compat."""
        return self._child.__exit__(*a)

    def send(self, message: Any) -> None:
        """Compat."""
        self._child.send(to_dict(message))

    def messages(self) -> Any:
        """Compat."""
        for m in self._child.messages():
            yield from_dict(m)


class Pipe:
    """Compat."""

    def __init__(self, parent: core_child.ParentPipe) -> None:
        self._parent = parent

    def send(self, message: Any) -> None:
        """Compat."""
        self._parent.send(to_dict(message))

    def receive(self, kind: Any) -> Any:
        """Compat."""
        message = self._parent.receive()
        assert message is not None
        found = from_dict(message)
        assert isinstance(found, kind)
        return found


def serve_job(kind: Any, work: Any) -> None:
    """Compat."""
    core_child.serve_job(lambda parent, job: work(Pipe(parent), from_dict(job)))
