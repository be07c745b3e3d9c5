"""What the graphs of a SavedModel would run, read before any of it is run (in a child).

Loading a SavedModel runs parts of its graphs: what creates, restores and fills its variables and
tables. Every op of every graph and function is looked at, whatever leads to it.
"""

from __future__ import annotations

import math
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.importing.freezing.graph_messages import called_functions, closure, node_name
from edgecnn.importing.tensorflow_ops import Use, objection

MAX_CONSTANT_BYTES = 2 << 30
"""What the constants of a graph may take in all: a ``.tflite`` file cannot hold more."""
MAX_OPS = 1_000_000
"""What a function may run in all, with those that it calls: large networks have some ten thousand
ops. Forty small functions that call each other twice run a million million."""
INITIALIZERS = ("saved_model_main_op", "legacy_init_op", "table_initializer")
"""Collections whose ops TensorFlow runs when it loads a SavedModel of TensorFlow 1."""
INITIALIZER_SIGNATURE = "__saved_model_init_op"

UNKNOWN = "this TensorFlow does not know"


def read_saved_model(folder: Path, label: str) -> Any:
    """Return the ``SavedModel`` message of a folder.

    Args:
        folder: The SavedModel's folder.
        label: What messages call the SavedModel.

    Raises:
        InputError: The file is damaged, or its graphs are far larger than they look.
    """
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import saved_model_pb2

    try:
        content = (folder / "saved_model.pb").read_bytes()
        saved_model = saved_model_pb2.SavedModel.FromString(content)
    except DecodeError as error:
        raise InputError(
            f"{label} is truncated or corrupt in its saved_model.pb: export the model again"
        ) from error
    if not saved_model.meta_graphs:
        raise InputError(f"{label} holds no graph: export the model again")
    for meta_graph in saved_model.meta_graphs:
        _refuse_what_grows(meta_graph, label)
    return saved_model


def _refuse_what_grows(meta_graph: Any, label: str) -> None:
    """Refuse a graph that is small in its file, and far larger than any model when it is run."""
    size = _constant_bytes(meta_graph)
    if size > MAX_CONSTANT_BYTES:
        raise InputError(
            f"{label} has constants of {size / (1 << 30):,.1f} GiB, and a .tflite file holds 2: "
            "it is no model that can be converted"
        )
    try:
        ops = _most_ops(meta_graph.graph_def.library)
    except CycleError as error:
        raise InputError(f"{label} has a function that calls itself") from error
    if ops > MAX_OPS:
        raise InputError(f"{label} has functions that call each other {ops:,} times")


def refuse_reaching_out(saved_model: Any, folder: Path, label: str) -> None:
    """Raise InputError if a SavedModel could do more than compute when it is loaded or called.

    Args:
        saved_model: What :func:`read_saved_model` returned.
        folder: The SavedModel's folder.
        label: What messages call the SavedModel.
    """
    for meta_graph in saved_model.meta_graphs:
        _refuse_foreign_assets(meta_graph, folder, label)
        # TensorFlow loads a SavedModel by its objects only if there is one graph.
        has_objects = len(saved_model.meta_graphs) == 1 and meta_graph.HasField("object_graph_def")
        uses = _Uses(meta_graph, has_objects)
        for function, node in _placed_nodes(meta_graph):
            _refuse_op(node, function, uses, label)


def _refuse_op(node: Any, function: str | None, uses: _Uses, label: str) -> None:
    from tensorflow.python.framework import op_def_registry

    definition = op_def_registry.get(node.op)
    if definition is None and node.op in uses.calls:
        return  # An old way to call a function, whose own ops are looked at as well.
    reason = objection(definition, uses.of(function, node)) if definition else UNKNOWN
    if reason:
        place = "the main graph" if function is None else f"function {_shown(function)}"
        advice = "add --trust if you know where it comes from"
        raise InputError(
            f"{label} has the op {_shown(node.op)} in {place}, which {reason}: "
            f"{'export the model without it' if reason is UNKNOWN else advice}"
        )


def _shown(name: str) -> str:
    return quoted(name if len(name) <= 80 else f"{name[:77]}...")


def _refuse_foreign_assets(meta_graph: Any, folder: Path, label: str) -> None:
    from tensorflow.python.saved_model.loader_impl import get_asset_tensors

    assets = folder / "assets"
    for content in get_asset_tensors(str(folder), meta_graph).values():
        path = os.path.relpath(os.fsdecode(content), assets)
        if path.startswith(os.pardir):
            raise InputError(
                f"{label} asks for a file outside of its folder ({_shown(path)}): "
                "add --trust if you know where it comes from"
            )


class _Uses:
    """When the nodes and functions of a graph are run.

    Args:
        meta_graph: The ``MetaGraphDef``.
        has_objects: Whether TensorFlow loads it by its objects, and so never runs its main graph.
    """

    def __init__(self, meta_graph: Any, has_objects: bool) -> None:
        self.calls = _calls_of_functions(meta_graph.graph_def.library)
        self._nodes = {node.name: node for node in meta_graph.graph_def.node}
        self._has_objects = has_objects
        saver = meta_graph.saver_def
        self._filename = node_name(saver.filename_tensor_name)
        self._restoring = self._before([saver.restore_op_name])
        self._initializing = self._before(_initializers(meta_graph))
        answering = self._before(_signature_outputs(meta_graph))
        self._saving = self._before([saver.save_tensor_name]) - answering
        self._told = self._restoring - answering
        if has_objects:
            graph = meta_graph.object_graph_def
            self._loaded = self._reached(_functions_run_by_loading(graph))
            every = range(len(graph.nodes))
            self._called = self._reached([*graph.concrete_functions, *_functions(graph, every)])
        else:
            nodes = (self._nodes[name] for name in self._restoring | self._initializing)
            self._loaded = self._reached(name for node in nodes for name in _calls(node))
            self._called = set(self.calls)

    def of(self, function: str | None, node: Any) -> Use:
        """Return when a node of a function is run, or a node of the main graph for None."""
        if function is None:
            return self._of_main(node)
        if function in self._loaded:
            return Use.LOADED
        return Use.CALLED if function in self._called else Use.SAVED

    def _of_main(self, node: Any) -> Use:
        if self._has_objects:
            return Use.SAVED
        # TensorFlow itself says which file RestoreV2 reads, where the graph leaves that open.
        is_told = node.name in self._told and (
            node.op == "RestoreV2"
            and [node_name(name) for name in node.input[:1]] == [self._filename]
        )
        if node.name in self._initializing or (node.name in self._restoring and not is_told):
            return Use.LOADED
        return Use.SAVED if node.name in self._saving or is_told else Use.CALLED

    def _before(self, names: Iterable[str]) -> set[str]:
        """Return the nodes of the main graph that run before others do, and those themselves."""
        return closure(
            map(node_name, names),
            lambda name: map(node_name, self._nodes[name].input) if name in self._nodes else (),
        ) & set(self._nodes)

    def _reached(self, names: Iterable[str]) -> set[str]:
        """Return the functions that others call, directly or not, and those themselves."""
        return closure(names, lambda name: self.calls.get(name, ()))


def _calls_of_functions(library: Any) -> dict[str, set[str]]:
    """Return the names that each function calls, by the function's name.

    TensorFlow may run another function that says it ``api_implements`` the same instead of one.
    """
    calls: dict[str, set[str]] = defaultdict(set)
    interchangeable = {f.signature.name for f in library.function if "api_implements" in f.attr}
    for function in library.function:
        called = calls[function.signature.name]
        called.update(name for node in function.node_def for name in _calls(node))
        if function.signature.name in interchangeable:
            called |= interchangeable
    return dict(calls)


def _most_ops(library: Any) -> int:
    """Return how many ops the largest function runs, with those of the functions that it calls.

    Raises:
        CycleError: A function calls itself, if only by way of others.
    """
    own = {function.signature.name: len(function.node_def) for function in library.function}
    calls = {
        function.signature.name: Counter(name for n in function.node_def for name in _calls(n))
        for function in library.function
    }
    ops: dict[str, int] = {}
    for name in TopologicalSorter(calls).static_order():
        called = calls.get(name, Counter()).items()
        ops[name] = own.get(name, 0) + sum(ops[callee] * times for callee, times in called)
    return max(ops.values(), default=0)


def _calls(node: Any) -> Iterator[str]:
    """Yield the names of the functions that a node may call."""
    yield node.op
    yield from called_functions(node)


def _functions_run_by_loading(graph: Any) -> Iterator[str]:
    """Return the names of the functions that TensorFlow calls when it loads a graph of objects.

    They belong to resources and to what is saved in a way of its own. A function under the name of
    a method of TensorFlow's objects replaces that method, so it counts as well.
    """
    from tensorflow.python.trackable import autotrackable, resource

    methods = {*dir(autotrackable.AutoTrackable), *dir(resource.RestoredResource)}
    numbers = []
    for node in graph.nodes:
        numbers += [child.node_id for child in node.children if child.local_name in methods]
        for saveable in node.saveable_objects.values():
            numbers += [saveable.save_function, saveable.restore_function]
    return _functions(graph, closure(numbers, lambda number: _callees(graph, number)))


def _functions(graph: Any, numbers: Iterable[int]) -> Iterator[str]:
    """Yield the names of the functions that the objects of some numbers stand for."""
    for number in numbers:
        if 0 <= number < len(graph.nodes):
            yield from graph.nodes[number].function.concrete_functions
            yield graph.nodes[number].bare_concrete_function.concrete_function_name


def _callees(graph: Any, number: int) -> Iterator[int]:
    """Yield the objects that are called when the object of a number is."""
    if 0 <= number < len(graph.nodes):
        for child in graph.nodes[number].children:
            if child.local_name == "__call__":
                yield child.node_id


def _initializers(meta_graph: Any) -> Iterator[str]:
    """Yield the names of what a graph of TensorFlow 1 runs when it is loaded."""
    from tensorflow.core.framework import variable_pb2

    for key, collection in meta_graph.collection_def.items():
        if key in INITIALIZERS:
            yield from collection.node_list.value
        if key == "local_variables":
            for content in collection.bytes_list.value:
                yield variable_pb2.VariableDef.FromString(content).initializer_name
    for key, signature in meta_graph.signature_def.items():
        if key == INITIALIZER_SIGNATURE:
            yield from (output.name for output in signature.outputs.values())


def _signature_outputs(meta_graph: Any) -> Iterator[str]:
    for signature in meta_graph.signature_def.values():
        yield from (output.name for output in signature.outputs.values())


def _placed_nodes(meta_graph: Any) -> Iterator[tuple[str | None, Any]]:
    """Yield each node with the name of the function that it lies in; None for the main graph."""
    for node in meta_graph.graph_def.node:
        yield None, node
    for function in meta_graph.graph_def.library.function:
        for node in function.node_def:
            yield function.signature.name, node


def _constant_bytes(meta_graph: Any) -> int:
    """Return the bytes of a graph's constants once they are unpacked, however short they are."""
    nodes = (node for _, node in _placed_nodes(meta_graph))
    values = (value for node in nodes for value in node.attr.values() if value.HasField("tensor"))
    return sum(_unpacked_bytes(value.tensor) for value in values)


def _unpacked_bytes(tensor: Any) -> int:
    from tensorflow.python.framework import dtypes

    sides = (max(side.size, 0) for side in tensor.tensor_shape.dim)
    return int(math.prod(sides) * dtypes.as_dtype(tensor.dtype).size)
