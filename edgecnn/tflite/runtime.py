"""Running files on the TFLite runtime within this process, which is a child process.

A model that crashes the runtime ends the process, so only the children of a conversion run files
here, and never the process that a user talks to. Measured files run in ``edgecnn.runner``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from edgecnn.core.cpu_limits import usable_cores
from edgecnn.tflite.graph import Graph
from edgecnn.tflite.serialization import write_part
from edgecnn.tflite.tensors_and_ops import Array, Op, Tensor

MOST_THREADS_OF_CHILDREN = 4

NO_VIEWS = (np.object_, np.bytes_)
"""The runtime's types of tensors that are no numbers: asked for a view of one, it may crash."""


@cache
def child_threads() -> int:
    """Return how many threads the runtime gets in a child; results don't depend on it.

    The answer is kept, as reading CPU quotas takes longer than running a small op.
    """
    return min(MOST_THREADS_OF_CHILDREN, usable_cores())


@dataclass(frozen=True)
class LoadedTensor:
    """An input or output of a file in the runtime.

    Args:
        index: The tensor's number in the file.
        shape: The tensor's shape, with the batch.
        dtype: The tensor's element type.
    """

    index: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def is_text(self) -> bool:
        """Whether the values are text."""
        return self.dtype.kind == "S"


class LoadedFile:
    """A file in the runtime's memory.

    Args:
        content: A ``.tflite`` file's bytes.
        threads: Number of the runtime's threads; by default :func:`child_threads`.
        is_plain: Whether the runtime's own kernels alone run the ops: XNNPACK refuses a file in
            which nothing depends on an input.

    Raises:
        RuntimeError: The runtime does not take the file.
        ValueError: The runtime finds the file corrupt.

    Example:
        >>> file = LoadedFile(content)
        >>> file.run([image])
        >>> file.output(0).shape
        (1, 1000)
    """

    def __init__(
        self, content: bytes, threads: int | None = None, *, is_plain: bool = False
    ) -> None:
        self._interpreter = _interpreter(content, threads or child_threads(), is_plain=is_plain)
        self._interpreter.allocate_tensors()
        self.inputs = [_described(each) for each in self._interpreter.get_input_details()]
        self.outputs = [_described(each) for each in self._interpreter.get_output_details()]
        for tensor in self.inputs:
            if tensor.is_text:  # Text that was never set crashes the runtime.
                empty = np.zeros(tensor.shape, tensor.dtype)
                self._interpreter.set_tensor(tensor.index, empty)

    def run(self, values: Sequence[Array]) -> None:
        """Run the file once, with all variables, such as an LSTM's state, as they are at the start.

        Args:
            values: For each input its values, in the input's shape and type.
        """
        self._interpreter.reset_all_variables()
        for tensor, value in zip(self.inputs, values, strict=True):
            if tensor.shape and not tensor.is_text:
                self._interpreter.tensor(tensor.index)()[...] = value
            else:  # The runtime gives no view of a single number, and crashes over one of text.
                self._interpreter.set_tensor(tensor.index, value)
        self._interpreter.invoke()

    def run_again(self) -> None:
        """Run the file on the values of the last run, or on zeros if there was none."""
        self._interpreter.invoke()

    def run_over(self, inputs: Sequence[Sequence[Array] | Array]) -> list[Array]:
        """Run a file of batch 1 over images.

        Args:
            inputs: For each input of the file, its values for each image: an array of shape
                (images, *shape of the input), or a sequence of the images' values.

        Returns:
            For each output, values of shape (images, *shape of the output).
        """
        count = len(inputs[0])
        results = [np.empty((count, *tensor.shape), tensor.dtype) for tensor in self.outputs]
        for number in range(count):
            self.run([values[number] for values in inputs])
            for place, result in enumerate(results):
                result[number] = self.output(place)
        return results

    def output(self, place: int) -> Array:
        """Return an output as a view of the runtime's memory; text as a copy.

        The runtime refuses the next run as long as a view is referenced: copy what must last.

        Args:
            place: Number of the output.
        """
        output = self.outputs[place]
        if output.is_text:
            texts: Array = self._interpreter.get_tensor(output.index)
            return texts
        view: Array = self._interpreter.tensor(output.index)()
        return view


def allocated_shapes(content: bytes) -> dict[int, tuple[int, ...]]:
    """Return the shapes that the runtime knows before it runs a file's first subgraph.

    Args:
        content: A ``.tflite`` file's bytes, whose inputs have the shapes that they are to have.

    Returns:
        Number of a tensor -> its shape, without the tensors whose shapes depend on values.

    Raises:
        RuntimeError: The runtime does not take the file with these shapes.
        ValueError: The runtime finds the file corrupt.
    """
    # XNNPACK hides the tensors between its ops.
    interpreter = _interpreter(content, 1, is_plain=True)
    # Allocation adds tensors of the kernels' own.
    details = interpreter.get_tensor_details()
    numbers = [each["index"] for each in details if each["dtype"] not in NO_VIEWS]
    interpreter.allocate_tensors()
    return {
        number: tuple(map(int, interpreter._get_tensor_details(number, 0)["shape"]))
        for number in numbers
        if _is_allocated(interpreter, number)
    }


def shapes_of_answer(content: bytes) -> dict[int, tuple[int, ...]]:
    """Return the shapes that the tensors of a file's first subgraph have in its answer to zeros.

    Args:
        content: A ``.tflite`` file's bytes, whose inputs have the shapes that they are to have.

    Raises:
        RuntimeError: The runtime does not take the file with these shapes.
        ValueError: The runtime finds the file corrupt.
    """
    file = LoadedFile(content, 1, is_plain=True)
    numbers = [each["index"] for each in file._interpreter.get_tensor_details()]
    file.run([np.zeros(tensor.shape, tensor.dtype) for tensor in file.inputs])
    return {
        number: tuple(map(int, file._interpreter._get_tensor_details(number, 0)["shape"]))
        for number in numbers
    }


def _interpreter(content: bytes, threads: int, *, is_plain: bool) -> Any:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    resolvers = OpResolverType
    resolver = resolvers.BUILTIN_WITHOUT_DEFAULT_DELEGATES if is_plain else resolvers.AUTO
    return Interpreter(
        model_content=content, num_threads=threads, experimental_op_resolver_type=resolver
    )


def _is_allocated(interpreter: Any, number: int) -> bool:
    try:
        interpreter.tensor(number)()
    except (RuntimeError, ValueError):
        return False  # It gets its memory and its shape when the op before it has run.
    return True


def _described(detail: Mapping[str, Any]) -> LoadedTensor:
    shape = tuple(int(side) for side in detail["shape"])
    return LoadedTensor(detail["index"], shape, np.dtype(detail["dtype"]))


def run_over_images(content: bytes, inputs: Sequence[Sequence[Array] | Array]) -> list[Array]:
    """Load a file of batch 1 and run it over images, as :meth:`LoadedFile.run_over` does."""
    return LoadedFile(content).run_over(inputs)


def run_ops(
    graph: Graph, ops: Sequence[Op], results: Sequence[Tensor], values: Mapping[Tensor, Array]
) -> list[Array]:
    """Run some ops over the images whose values are at hand.

    Args:
        graph: The graph of the ops.
        ops: At least one, in an order in which they can run.
        results: The tensors whose values are wanted, each made by one of the ops.
        values: Tensor -> values of shape (images, *shape of the tensor), for all that the ops read
            and none of them makes.

    Returns:
        Values of each of the results, of shape (images, *shape of the result).
    """
    made = {tensor for op in ops for tensor in op.outputs}
    read = dict.fromkeys(tensor for op in ops for tensor in op.activation_inputs)
    sources = [tensor for tensor in read if tensor not in made]
    part = write_part(graph, ops, sources, results)
    # Threads of the runtime wait for the next op of a file in vain where it has one or two.
    return LoadedFile(part, threads=1).run_over([values[source] for source in sources])
