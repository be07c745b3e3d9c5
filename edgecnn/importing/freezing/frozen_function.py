"""A traced model as one graph that only computes: no variables, in float32 (in a child)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from edgecnn.core.errors import ConversionError
from edgecnn.core.lazy import LazyModule
from edgecnn.core.text import first_few
from edgecnn.importing.freezing.assignments import READING, settle_assignments
from edgecnn.importing.freezing.conversion_failures import Refused, explain_refused
from edgecnn.importing.freezing.graph_messages import called_functions, closure, node_name
from edgecnn.importing.freezing.list_shapes import settle_list_shapes
from edgecnn.importing.freezing.pixel_casts import casts_of_pixels, skip_casts_of_pixels
from edgecnn.importing.freezing.random_layers import RANDOM, leave_out_random_layers

tf = LazyModule("tensorflow", extra="convert")

OTHER_FLOATS = ("float64", "float16", "bfloat16")
"""Types of numbers that become float32."""


class StateNeededError(ConversionError):
    """A graph has tables, or other state, that no graph without variables can do without."""


class Frozen(NamedTuple):
    """A model without variables.

    Args:
        function: TensorFlow's ``ConcreteFunction``; it holds nothing but its graph.
        notes: What a user should know of it, one line each.
        changing: Names of the variables that answers depend on and that a call changes, which keep
            here the values that were saved.
    """

    function: Any
    notes: tuple[str, ...]
    changing: tuple[str, ...] = ()

    @property
    def all_notes(self) -> tuple[str, ...]:
        """The notes, and one on the variables that no longer change."""
        if not self.changing:
            return self.notes
        return (
            *self.notes,
            f"its variables change with each call ({first_few(self.changing)}): in the file each "
            "call starts from the values that were saved",
        )


def needs_freezing(function: Any) -> bool:
    """Say whether a traced function is not yet what :func:`frozen` makes of it."""
    types = {tensor.dtype.name for op in function.graph.get_operations() for tensor in op.outputs}
    return (
        bool(function.captured_inputs)
        or not types.isdisjoint(OTHER_FLOATS)
        or bool(casts_of_pixels(function.graph))
    )


def frozen(function: Any, *, had_open_batch: bool = False) -> Frozen:
    """Return a function without variables, whose numbers are float32.

    What does not lead to an answer is left out: counters, prints, checks of values.

    Args:
        function: A ``ConcreteFunction`` of TensorFlow. Its loops and branches stay as they are.
        had_open_batch: Whether functions that it calls were traced before the batch was known.

    Raises:
        StateNeededError: The graph cannot do without its tables.
        ConversionError: The graph cannot do without its variables.
    """
    # These are the parts of TensorFlow's own convert_variables_to_constants_v2, which refuses a
    # graph that assigns to a variable.
    from tensorflow.python.framework import convert_to_constants as constants

    data = constants._FunctionConverterDataInEager(
        func=function, lower_control_flow=False, aggressive_inlining=False
    )
    changing = _settle_variables(data, function)
    graph, converted = constants._replace_variables_by_constants(data)
    if had_open_batch:
        _settle_lists(graph, function)
    notes = _become_computing(graph, function)
    settled = constants._construct_concrete_function(function, graph, converted)
    return Frozen(settled, notes, _changing_names(graph, function, changing))


def _settle_variables(data: Any, function: Any) -> set[str]:
    """Let a function's inlined graph only read its variables, and return those that it changed."""
    graph = data.graph_def
    changing = settle_assignments(graph, _variable_names(function))
    _prune(graph, [tensor.op.name for tensor in (*function.inputs, *function.outputs)])
    for gone in set(data.tensor_data) - {node.name for node in graph.node}:
        del data.tensor_data[gone]
    _refuse_other_state(graph)
    return changing


def _settle_lists(graph: Any, function: Any) -> None:
    batches = {tensor.shape[0] for tensor in _arguments(function) if tensor.shape.rank}
    if len(batches) == 1 and batches != {None}:
        settle_list_shapes(graph, *batches)


def _become_computing(graph: Any, function: Any) -> tuple[str, ...]:
    """Have a ``GraphDef`` without variables only compute in float32, and return notes on that."""
    floats = tuple(_become_float32(graph))
    skip_casts_of_pixels(graph)
    left_out = leave_out_random_layers(graph)
    outputs = [tensor.op.name for tensor in function.outputs]
    _prune(graph, [*outputs, *(node.name for node in graph.node if node.op == "Placeholder")])
    return (*_random_notes(graph, left_out), *floats)


def _arguments(function: Any) -> list[Any]:
    """Return the tensors that a function is called with, without those that it takes by itself."""
    taken = {tensor.name for tensor in function.graph.internal_captures}
    return [tensor for tensor in function.inputs if tensor.name not in taken]


def _variable_names(function: Any) -> dict[str, str]:
    """Return the names of a function's variables, by those of the nodes that take them in."""
    names = {id(variable.handle): variable.name for variable in function.graph.variables}
    return {
        taken.op.name: names[id(handle)].partition(":")[0]
        for handle, taken in function.graph.captures
        if id(handle) in names
    }


def _prune(graph: Any, roots: Iterable[str]) -> None:
    """Leave out of a ``GraphDef`` what none of some nodes is computed from."""
    _keep(graph.node, roots)
    for called in graph.library.function:
        del called.signature.control_output[:]
        called.control_ret.clear()
        _keep(called.node_def, map(node_name, called.ret.values()))
    functions = {called.signature.name: called for called in graph.library.function}
    start = [name for node in graph.node for name in _calls(node)]
    used = closure(start, lambda name: _called_by(functions.get(name)))
    for place in reversed(range(len(graph.library.function))):
        if graph.library.function[place].signature.name not in used:
            del graph.library.function[place]


def _keep(nodes: Any, roots: Iterable[str]) -> None:
    """Keep the nodes that others take a value of, from some nodes on, and no control edges."""
    inputs = {}
    for node in nodes:
        values = [tensor for tensor in node.input if not tensor.startswith("^")]
        if len(values) < len(node.input):
            del node.input[:]
            node.input.extend(values)
        inputs[node.name] = [node_name(tensor) for tensor in values]
    kept = closure(roots, lambda name: inputs.get(name, ()))
    for place in reversed(range(len(nodes))):
        if nodes[place].name not in kept:
            del nodes[place]


def _calls(node: Any) -> Iterator[str]:
    yield node.op
    yield from called_functions(node)


def _called_by(function: Any | None) -> Iterator[str]:
    for node in function.node_def if function is not None else ():
        yield from _calls(node)


def _all_nodes(graph: Any) -> Iterator[Any]:
    yield from graph.node
    for function in graph.library.function:
        yield from function.node_def


def _refuse_other_state(graph: Any) -> None:
    """Refuse tables, and ops that change a variable in another way than by assigning to it."""
    refused = [
        Refused(node.op, node.name, None) for node in _all_nodes(graph) if _keeps_state(node)
    ]
    if refused:
        raise StateNeededError(explain_refused(refused))


def _keeps_state(node: Any) -> bool:
    from tensorflow.python.framework import op_def_registry

    definition = op_def_registry.get(node.op)
    takes = {argument.type for argument in definition.input_arg} if definition else ()
    return tf.resource.as_datatype_enum in takes and node.op not in READING


def _changing_names(graph: Any, function: Any, changing: set[str]) -> tuple[str, ...]:
    names = _variable_names(function)
    found = {names.get(node.name, node.name) for node in graph.node if node.name in changing}
    return tuple(sorted(found))


def _random_notes(graph: Any, left_out: Sequence[str]) -> Iterator[str]:
    if left_out:
        yield (
            f"left out what changes images at random, as when training augments them: "
            f"{first_few(left_out)}"
        )
    found = sorted({node.op for node in _all_nodes(graph) if RANDOM.fullmatch(node.op)})
    if found:
        yield f"its answers hold random numbers ({first_few(found)}), in the file as in the model"


def _become_float32(graph: Any) -> Iterator[str]:
    """Have a ``GraphDef`` compute in float32 what it computes in other floats."""
    numbers = {tf.as_dtype(name).as_datatype_enum: name for name in OTHER_FLOATS}
    changed = {
        numbers[value.type]
        for node in _all_nodes(graph)
        for value in node.attr.values()
        if value.type in numbers
    }
    if not changed:
        return
    for node in _all_nodes(graph):
        for value in node.attr.values():
            _retype(value, numbers)
    for function in graph.library.function:
        for argument in (*function.signature.input_arg, *function.signature.output_arg):
            if argument.type in numbers:
                argument.type = tf.float32.as_datatype_enum
    yield f"it computes in {' and '.join(sorted(changed))}: the file computes in float32"


def _retype(value: Any, numbers: Mapping[int, str]) -> None:
    if value.type in numbers:
        value.type = tf.float32.as_datatype_enum
    for place, number in enumerate(value.list.type):
        if number in numbers:
            value.list.type[place] = tf.float32.as_datatype_enum
    if value.HasField("tensor") and value.tensor.dtype in numbers:
        array = tf.make_ndarray(value.tensor).astype(np.float32)
        value.tensor.CopyFrom(tf.make_tensor_proto(array))
