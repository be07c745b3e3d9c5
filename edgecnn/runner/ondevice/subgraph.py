"""The subgraph of a loaded file that is called: the runtime's calls for it, under the same names.

The runtime's public calls are those of the first subgraph. For others it has none that can be
timed: its signature runner copies all inputs and outputs in each call. So the calls that the
signature runner itself makes are made here.

The module travels to devices: a TFLite runtime, and Python 3.9.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from edgecnn.runner.ondevice.protocol import SubgraphCall


class FirstSubgraph:
    """The first subgraph of a file.

    Args:
        interpreter: The runtime's interpreter of the file.

    Attributes:
        invoke: Runs the subgraph once.
    """

    def __init__(self, interpreter: Any) -> None:
        self._interpreter = interpreter
        self.invoke: Any = interpreter.invoke

    def input_details(self) -> list[dict[str, Any]]:
        """Return what the runtime says of each input."""
        return list(self._interpreter.get_input_details())

    def output_details(self) -> list[dict[str, Any]]:
        """Return what the runtime says of each output."""
        return list(self._interpreter.get_output_details())

    def tensor_details(self, tensor: int) -> dict[str, Any]:
        """Return what the runtime says of any tensor; ValueError if it is not used."""
        return dict(self._interpreter._get_tensor_details(tensor, 0))

    def resize(self, tensor: int, shape: tuple[int, ...]) -> None:
        """Give an input a shape, which holds from the next allocation on."""
        self._interpreter.resize_tensor_input(tensor, shape)

    def allocate(self) -> None:
        """Allocate all tensors."""
        self._interpreter.allocate_tensors()

    def set(self, tensor: int, value: Any) -> None:
        """Set an input."""
        self._interpreter.set_tensor(tensor, value)

    def get(self, tensor: int) -> Any:
        """Return a copy of an output."""
        return self._interpreter.get_tensor(tensor)


class OtherSubgraph(FirstSubgraph):
    """A subgraph that is not the first one.

    Args:
        interpreter: The runtime's interpreter of the file.
        call: The subgraph's number, its inputs and its outputs.
    """

    def __init__(self, interpreter: Any, call: SubgraphCall) -> None:
        super().__init__(interpreter)
        self._call = call

    def input_details(self) -> list[dict[str, Any]]:
        """Return what the runtime says of each input."""
        return [self.tensor_details(tensor) for tensor in self._call.inputs]

    def output_details(self) -> list[dict[str, Any]]:
        """Return what the runtime says of each output."""
        return [self.tensor_details(tensor) for tensor in self._call.outputs]

    def tensor_details(self, tensor: int) -> dict[str, Any]:
        """Return what the runtime says of any tensor; ValueError if it is not used."""
        return dict(self._interpreter._get_tensor_details(tensor, self._call.subgraph))

    def resize(self, tensor: int, shape: tuple[int, ...]) -> None:
        """Give an input a shape, which holds from the next allocation on."""
        import numpy as np

        sides = np.array(shape, np.int32)
        self._calls.ResizeInputTensor(tensor, sides, False, self._call.subgraph)

    def allocate(self) -> None:
        """Allocate all tensors."""
        # The delegate gets its ops of all subgraphs when those of the first one are allocated. The
        # runtime refuses that as long as one of its calls is referenced.
        super().allocate()
        self._calls.AllocateTensors(self._call.subgraph)
        self.invoke = partial(self._calls.Invoke, self._call.subgraph)

    @property
    def _calls(self) -> Any:
        return self._interpreter._interpreter

    def set(self, tensor: int, value: Any) -> None:
        """Set an input."""
        self._calls.SetTensor(tensor, value, self._call.subgraph)

    def get(self, tensor: int) -> Any:
        """Return a copy of an output."""
        return self._calls.GetTensor(tensor, self._call.subgraph)


def allocated(interpreter: Any, call: SubgraphCall | None) -> FirstSubgraph:
    """Return a subgraph whose inputs have the shapes of a call and whose tensors are allocated.

    Args:
        interpreter: The runtime's interpreter of the file.
        call: The subgraph and the shapes; None for the first subgraph as it is in the file.
    """
    subgraph = FirstSubgraph(interpreter)
    if call is not None:
        if call.subgraph != 0:
            subgraph = OtherSubgraph(interpreter, call)
        for place, tensor in enumerate(call.inputs):
            if tuple(subgraph.tensor_details(tensor)["shape"]) != call.shapes[place]:
                subgraph.resize(tensor, call.shapes[place])
    subgraph.allocate()
    return subgraph
