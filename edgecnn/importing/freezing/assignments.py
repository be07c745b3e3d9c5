"""Assignments to variables in a graph, each turned into the value that is assigned (in a child).

A graph without variables cannot assign to any. What a call reads of a variable after it has
changed it is known while the graph is read: the value that was assigned last. So a graph is left
that answers as the model does when it is called for the first time after it was loaded.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from graphlib import TopologicalSorter
from typing import Any

from edgecnn.core.errors import ConversionError
from edgecnn.core.files import quoted
from edgecnn.importing.freezing.graph_messages import called_functions, node_name

SCATTERED = {
    "ResourceScatterNdUpdate": "TensorScatterUpdate",
    "ResourceScatterNdAdd": "TensorScatterAdd",
    "ResourceScatterNdSub": "TensorScatterSub",
    "ResourceScatterNdMax": "TensorScatterMax",
    "ResourceScatterNdMin": "TensorScatterMin",
}
"""Ops that change some values of a variable, and the ops that do so to a tensor."""

WHOLE_ASSIGNMENTS = {
    "AssignVariableOp": "Identity",
    "Assign": "Identity",
    "AssignAddVariableOp": "AddV2",
    "AssignAdd": "AddV2",
    "AssignSubVariableOp": "Sub",
    "AssignSub": "Sub",
}
"""Ops that change a whole variable, and the ops that compute what it becomes."""

SLICED = "ResourceStridedSliceAssign"
SKIPPED = "RngReadAndSkip"
"""Op that reads the state of a random generator and moves it on; the state is left as it is."""

ASSIGNING = {*WHOLE_ASSIGNMENTS, *SCATTERED, SLICED}
READING = {"ReadVariableOp", "ResourceGather", "ResourceGatherNd", SKIPPED}
REFERENCE = "VariableV2"
"""Op of a variable of TensorFlow 1, whose value any op may take."""

LOOP_END = "NextIteration"
"""Op of TensorFlow 1 whose result goes back to where a loop begins."""

FIRST_ARGUMENT = {"If": 1, "StatelessIf": 1, "Case": 1, "StatelessCase": 1}
"""The input of an op from which on they are arguments of the functions that it calls."""


def settle_assignments(graph: Any, names: Mapping[str, str]) -> set[str]:
    """Turn the assignments of a graph into the values that are assigned.

    Args:
        graph: A ``GraphDef``, changed; the order of what happens to a variable follows from its
            edges, as it does in each graph that ``tf.function`` traced.
        names: Name of a node through which the graph takes a variable -> the variable's own name.

    Returns:
        The nodes through which the graph takes variables that it changes and reads: their values
        would differ from one call to the next.

    Raises:
        ConversionError: A function that the graph calls, such as a loop's body, changes a variable
            that is also read.
    """
    ops = {node.op for function in graph.library.function for node in function.node_def}
    ops.update(node.op for node in graph.node)
    if ops.isdisjoint({*ASSIGNING, SKIPPED}):
        return set()
    within = _variables_of_functions(graph)
    settled = _Settled(graph, names)
    settled.run()
    read = settled.read | {name for name, op in within if op in READING}
    for name, op in within:
        if op in ASSIGNING and name in read:
            raise ConversionError(
                "a loop or branch of the model changes its variable "
                f"{quoted(names.get(name, name))}, which is read as well, in a way that no .tflite "
                "file can: read it into a tensor before the loop, change that in the loop, and "
                "assign it to the variable behind it"
            )
    return settled.assigned & read


class _Settled:
    """The walk through a graph, from what runs first to what runs last.

    Args:
        graph: The ``GraphDef``, changed by :meth:`run`.
        names: As for :func:`settle_assignments`.
    """

    def __init__(self, graph: Any, names: Mapping[str, str]) -> None:
        self._graph, self._names = graph, names
        self._nodes = {node.name: node for node in graph.node}
        # A bit for each assignment so far; of several in a row the last has the highest.
        self._before: dict[str, int] = {}
        self._assignments: list[str] = []
        self._of_variable: dict[str, int] = defaultdict(int)
        self.assigned: set[str] = set()
        self.read: set[str] = set()

    def run(self) -> None:
        for name in _in_order(self._nodes):
            node = self._nodes[name]
            before = 0
            for tensor in node.input:
                before |= self._before.get(node_name(tensor), 0)
            self._before[name] = before | self._settle(node, before)

    def _settle(self, node: Any, before: int) -> int:
        """Change a node, and return its bit if it is an assignment."""
        if node.op in ASSIGNING:
            variable = self._variable(node.input[0])
            value = self._value(node, before)
            self.assigned.add(variable)
            _become_value(node, value)
            self._assignments.append(node.name)
            bit = 1 << (len(self._assignments) - 1)
            self._of_variable[variable] |= bit
            return bit
        if node.op in READING:
            self._read(node, before)
        else:
            self._read_references(node, before)
        return 0

    def _read(self, node: Any, before: int) -> None:
        variable = self._variable(node.input[0])
        last = self._last_assignment(variable, before)
        self.read.add(variable)
        if node.op == SKIPPED:
            controls = [name for name in node.input if name.startswith("^")]
            _become(node, "ReadVariableOp", [node.input[0], *controls], dtype=INT64)
        if last is None:
            return
        if node.op != "ReadVariableOp":
            raise ConversionError(
                "the model looks values up in its variable "
                f"{quoted(self._names.get(variable, variable))} after it has changed it: read the "
                "variable first, and look them up in what was read"
            )
        dtype = node.attr["dtype"].type
        _become(node, "Identity", [last, *node.input[1:]], T=dtype)

    def _read_references(self, node: Any, before: int) -> None:
        """Let an op that takes a variable of TensorFlow 1 take what was assigned to it last."""
        for place, tensor in enumerate(node.input):
            source = self._nodes.get(node_name(tensor))
            if source is None or source.op != REFERENCE or tensor.startswith("^"):
                continue
            self.read.add(source.name)
            last = self._last_assignment(source.name, before)
            if last is not None:
                node.input[place] = last

    def _value(self, node: Any, before: int) -> str:
        """Return the tensor that holds a variable's value before an assignment."""
        handle = node.input[0]
        last = self._last_assignment(self._variable(handle), before)
        if last is not None:
            return last
        if self._nodes[self._variable(handle)].op == REFERENCE:
            return str(handle)
        read = self._graph.node.add(name=f"{node.name}/before", op="ReadVariableOp")
        read.input.append(handle)
        read.attr["dtype"].type = node.attr["dtype" if "dtype" in node.attr else "T"].type
        return str(read.name)

    def _last_assignment(self, variable: str, before: int) -> str | None:
        bits = self._of_variable[variable] & before
        return self._assignments[bits.bit_length() - 1] if bits else None

    def _variable(self, tensor: str) -> str:
        return _origin(self._nodes, node_name(tensor))


INT64 = 9
"""Number of the type of whole numbers of 64 bits in TensorFlow's messages."""


def _become_value(node: Any, before: str) -> None:
    """Turn an assignment into what the variable becomes, of what it was before."""
    dtype = node.attr["dtype" if "dtype" in node.attr else "T"].type
    controls = [name for name in node.input if name.startswith("^")]
    values = [name for name in node.input[1:] if not name.startswith("^")]
    if node.op in WHOLE_ASSIGNMENTS:
        op = WHOLE_ASSIGNMENTS[node.op]
        inputs = values if op == "Identity" else [before, *values]
        _become(node, op, [*inputs, *controls], T=dtype)
        return
    # The other attributes are called the same in the op that changes a tensor.
    node.op = SCATTERED.get(node.op, "TensorStridedSliceUpdate")
    for name in ("use_locking", "bad_indices_policy"):
        node.attr.pop(name, None)
    del node.input[:]
    node.input.extend([before, *values, *controls])


def _become(node: Any, op: str, inputs: Iterable[str], **types: int) -> None:
    """Make a node one of another op, with attributes that are types."""
    inputs = list(inputs)
    node.op = op
    del node.input[:]
    node.input.extend(inputs)
    node.attr.clear()
    for name, number in types.items():
        node.attr[name].type = number


def _origin(nodes: Mapping[str, Any], name: str) -> str:
    """Return the name of the node that a variable's handle comes from."""
    while name in nodes and nodes[name].op == "Identity":
        name = node_name(str(nodes[name].input[0]))
    return name


def _in_order(nodes: Mapping[str, Any]) -> Iterable[str]:
    """Return the names of the nodes of a graph, each after those that it depends on."""
    return TopologicalSorter(
        {
            name: [
                source
                for tensor in node.input
                if (source := node_name(tensor)) in nodes and nodes[source].op != LOOP_END
            ]
            for name, node in nodes.items()
        }
    ).static_order()


def _variables_of_functions(graph: Any) -> set[tuple[str, str]]:
    """Return (variable, op) for what the functions that a graph calls do to its variables."""
    functions = {function.signature.name: function for function in graph.library.function}
    found: set[tuple[str, str]] = set()
    seen: set[tuple[str, tuple[str, ...]]] = set()

    def walk(nodes: Iterable[Any], resolve: Callable[[str], str]) -> None:
        for node in nodes:
            names = [resolve(node_name(tensor)) for tensor in node.input if tensor[:1] != "^"]
            for called in filter(functions.__contains__, called_functions(node)):
                enter(functions[called], names[FIRST_ARGUMENT.get(node.op, 0) :])

    def enter(function: Any, given: list[str]) -> None:
        call = (function.signature.name, tuple(given))
        if call in seen:
            return
        seen.add(call)
        arguments = (argument.name for argument in function.signature.input_arg)
        bound: dict[str, str] = dict(zip(arguments, given, strict=False))
        own = {node.name: node for node in function.node_def}

        def resolve(name: str) -> str:
            return bound.get(_origin(own, name), "")

        for node in function.node_def:
            if node.op in ASSIGNING | READING and (variable := resolve(node_name(node.input[0]))):
                found.add((variable, node.op))
        walk(function.node_def, resolve)

    nodes = {node.name: node for node in graph.node}
    walk(graph.node, lambda name: _origin(nodes, name))
    return found
