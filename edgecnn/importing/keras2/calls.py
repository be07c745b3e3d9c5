"""How the layers of a Keras 2 configuration are joined: its calls, and what these refer to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

CONSTANT = "_CONSTANT_VALUE"
"""Stands in place of a layer's name where the input of a call is a value."""

CallKey = tuple[str, int]
"""A layer's name in the file, and the number of its call by which the file refers to it."""


@dataclass(frozen=True)
class Reference:
    """A tensor: an output of a call.

    Args:
        call: The call.
        index: Which of its outputs.
    """

    call: CallKey
    index: int


@dataclass(frozen=True)
class Call:
    """A call of a layer.

    Args:
        layer: The layer's name in the file.
        inputs: The first argument: a structure of references and values. The file of a layer that
            takes a tensor may say a list of one.
        settings: The other arguments: structures of references and values.
    """

    layer: str
    inputs: Any
    settings: dict[str, Any]

    def references(self) -> Iterator[Reference]:
        """Yield the tensors that the call takes, in order."""
        yield from references([self.inputs, self.settings])


def references(value: Any) -> Iterator[Reference]:
    """Yield the references in a structure, in order."""
    if isinstance(value, Reference):
        yield value
    elif isinstance(value, (list, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from references(item)


def replaced(value: Any, tensor_of: Callable[[Reference], Any]) -> Any:
    """Return a structure with what ``tensor_of`` returns in place of each reference."""
    if isinstance(value, Reference):
        return tensor_of(value)
    if isinstance(value, list):
        return [replaced(item, tensor_of) for item in value]
    if isinstance(value, dict):
        return {key: replaced(item, tensor_of) for key, item in value.items()}
    return value


def calls_of(entries: Sequence[Mapping[str, Any]]) -> dict[str, list[Call]]:
    """Return the calls of each layer of a functional model, by the layer's name.

    Args:
        entries: The layers in the model's configuration.

    Example:
        >>> calls_of([{"name": "a", "inbound_nodes": [[["x", 0, 0, {}]]]}])["a"][0].inputs
        [Reference(call=('x', 0), index=0)]
    """
    return {
        entry["name"]: [_call(entry["name"], node) for node in entry.get("inbound_nodes") or ()]
        for entry in entries
    }


def outputs_of(value: Any) -> Any:
    """Return the structure of a model's ``input_layers`` or ``output_layers``, with references."""
    return unnested(_structure(value, _plain_reference))


def numbered(calls: Mapping[str, Sequence[Call]], outputs: Any) -> dict[CallKey, Call]:
    """Return the calls by the numbers that the file refers to them by.

    A layer's calls count from 0; those of an inner model from 1, as it has a first call from when
    it was made, but not in all versions. Each call leads to an output, so the smallest number that
    occurs is the first call's.
    """
    first: dict[str, int] = {}
    every = [
        *references(outputs),
        *(r for many in calls.values() for c in many for r in c.references()),
    ]
    for reference in every:
        name, number = reference.call
        first[name] = min(number, first.get(name, number))
    return {
        (name, first.get(name, 0) + number): call
        for name, many in calls.items()
        for number, call in enumerate(many)
    }


def in_order(calls: Mapping[CallKey, Call]) -> list[CallKey]:
    """Return the calls in an order in which each has its inputs.

    Raises:
        ValueError: A call takes its own output.
    """
    sorter = TopologicalSorter(
        {key: {r.call for r in call.references() if r.call in calls} for key, call in calls.items()}
    )
    try:
        return list(sorter.static_order())
    except CycleError as error:
        raise ValueError("its layers are joined in a circle") from error


def _call(layer: str, node: Any) -> Call:
    leaves: list[list[Any]] = []

    def leaf(value: list[Any]) -> Any:
        leaves.append(value)
        return value[2] if value[0] == CONSTANT else Reference((value[0], value[1]), value[2])

    inputs = _structure(node, leaf)
    settings = leaves[-1][3] if leaves and len(leaves[-1]) == 4 else {}
    return Call(layer, inputs, _structure(settings, _plain_reference))


def unnested(value: Any) -> Any:
    """Return what a list of one thing holds; anything else as it is."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _plain_reference(value: list[Any]) -> Reference:
    return Reference((value[0], value[1]), value[2])


def _structure(value: Any, leaf: Callable[[list[Any]], Any]) -> Any:
    """Return a structure with ``leaf`` of each list that stands for a tensor or a constant."""
    if isinstance(value, list):
        is_leaf = len(value) in (3, 4) and isinstance(value[0], str) and type(value[1]) is int
        if is_leaf and (value[0] == CONSTANT or type(value[2]) is int):
            return leaf(value)
        return [_structure(item, leaf) for item in value]
    if isinstance(value, dict):
        return {key: _structure(item, leaf) for key, item in value.items()}
    return value
