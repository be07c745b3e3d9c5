"""Reading TensorFlow's ``GraphDef`` messages: which nodes and functions a node leads to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

Key = TypeVar("Key", int, str)


def node_name(tensor: str) -> str:
    """Return the name of the node that a tensor or a control input (``^name``) comes from.

    Example:
        >>> node_name("conv1/Relu:0"), node_name("^conv1/Relu")
        ('conv1/Relu', 'conv1/Relu')
    """
    return tensor.lstrip("^").partition(":")[0]


def called_functions(node: Any) -> Iterator[str]:
    """Yield the names of the functions that the attributes of a node name."""
    for value in node.attr.values():
        if value.HasField("func"):
            yield value.func.name
        yield from (function.name for function in value.list.func)


def closure(starts: Iterable[Key], following: Callable[[Key], Iterable[Key]]) -> set[Key]:
    """Return all that can be reached by following from one to others, the starts included."""
    found: set[Key] = set()
    waiting = list(starts)
    while waiting:
        key = waiting.pop()
        if key not in found:
            found.add(key)
            waiting += following(key)
    return found
