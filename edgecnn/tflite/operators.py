"""Single ops of a ``.tflite`` graph, run one after another on the runtime over many images.

Each op is cut out as a model of its own, so what is measured is what the runtime's kernels do,
for any op that there is; and between two ops the weights of the second can still be changed.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecnn.tflite.graph import Graph
from edgecnn.tflite.reading import WEIGHTED_OPS
from edgecnn.tflite.writing import pack

Array = npt.NDArray[Any]


class OpenGraph(Graph):
    """A graph whose constants can be read and replaced, and whose ops can be cut out.

    Args:
        content: A ``.tflite`` file's bytes.

    Example:
        >>> graph = OpenGraph(content)
        >>> graph.values(int(graph.operators[0].inputs[1])).shape
        (32, 3, 3, 3)
    """

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self._dtypes = _numpy_types(self.schema)

    @property
    def input(self) -> int:
        """The tensor of the image."""
        return int(self._graph.inputs[0])

    @property
    def output(self) -> int:
        """The tensor of the answer."""
        return int(self._graph.outputs[0])

    def dtype(self, tensor: int) -> np.dtype[Any]:
        """Return a tensor's element type."""
        dtype: np.dtype[Any] = np.dtype(self._dtypes[self.tensors[tensor].type])
        return dtype

    def is_constant(self, tensor: int) -> bool:
        """Whether the file holds a tensor's values."""
        data = self._model.buffers[self.tensors[tensor].buffer].data
        return data is not None and len(data) > 0

    def values(self, tensor: int) -> Array:
        """Return the values of a constant of any type."""
        data = np.ascontiguousarray(self._model.buffers[self.tensors[tensor].buffer].data, np.uint8)
        return data.view(self.dtype(tensor)).reshape(self.shape(tensor))

    def set_values(self, tensor: int, values: Array) -> None:
        """Replace a constant's values; other tensors that share them keep theirs."""
        entry = self.tensors[tensor]
        buffer = copy.copy(self._model.buffers[entry.buffer])
        flat = np.ascontiguousarray(values, self.dtype(tensor)).reshape(-1)
        buffer.data = flat.view(np.uint8)
        self._model.buffers.append(buffer)
        entry.buffer = len(self._model.buffers) - 1
        self._is_changed = True

    def scale(self, tensor: int) -> npt.NDArray[np.float64]:
        """Return a tensor's scales: one, or one a channel; none for a tensor of floats."""
        quantization = self.tensors[tensor].quantization
        scale = getattr(quantization, "scale", None)
        return np.asarray([] if scale is None else scale, np.float32).astype(np.float64)

    def set_scales(self, tensor: int, scales: Array) -> None:
        """Give a tensor scales of its own, with zero points of 0."""
        quantization = copy.copy(self.tensors[tensor].quantization)
        quantization.scale = np.asarray(scales, np.float32)
        quantization.zeroPoint = np.zeros(len(scales), np.int64)
        self.tensors[tensor].quantization = quantization

    def zero_point(self, tensor: int) -> int:
        """Return a tensor's first zero point."""
        points = getattr(self.tensors[tensor].quantization, "zeroPoint", None)
        return int(points[0]) if points is not None and len(points) else 0

    def real(self, tensor: int, values: Array) -> npt.NDArray[np.float32]:
        """Return the real numbers that a tensor's values stand for."""
        scale = self.scale(tensor)
        if not scale.size:
            return values.astype(np.float32, copy=False)
        shifted = values.astype(np.float32) - np.float32(self.zero_point(tensor))
        shifted *= np.float32(scale[0])
        return shifted

    def single(self, op: Any) -> bytes:
        """Return a model of one op, whose inputs are what the op reads and is not constant."""
        return self.several([op])

    def several(self, operators: Sequence[Any]) -> bytes:
        """Return a model of some ops alone.

        Its inputs are what they read that is neither constant nor made by one of them; its outputs
        are what they make and none of them reads.

        Args:
            operators: At least one, in an order in which they can run.
        """
        old, model, graph = self._model, self.schema.ModelT(), self.schema.SubGraphT()
        reads = dict.fromkeys(int(t) for op in operators for t in op.inputs if t >= 0)
        makes = dict.fromkeys(int(t) for op in operators for t in op.outputs if t >= 0)
        number = {tensor: place for place, tensor in enumerate(reads | makes)} | {-1: -1}
        kinds = dict.fromkeys(int(op.opcodeIndex) for op in operators)
        codes = {code: place for place, code in enumerate(kinds)}
        model.version, model.subgraphs = old.version, [graph]
        model.operatorCodes = [old.operatorCodes[code] for code in codes]
        graph.tensors, model.buffers = self._copied(list(reads | makes))
        graph.operators = [_with_numbers(op, codes, number) for op in operators]
        given = [t for t in reads if t not in makes and not self.is_constant(t)]
        graph.inputs = np.array([number[t] for t in given], np.int32)
        graph.outputs = np.array([number[t] for t in makes if t not in reads], np.int32)
        return pack(model, 4096)

    def _copied(self, tensors: list[int]) -> tuple[list[Any], list[Any]]:
        """Return tensors for another model, and its buffers: the first is nobody's and empty."""
        entries = [copy.copy(self.tensors[tensor]) for tensor in tensors]
        buffers = [self.schema.BufferT()]
        for entry, tensor in zip(entries, tensors, strict=True):
            entry.buffer = 0
            if self.is_constant(tensor):
                buffers.append(self._model.buffers[self.tensors[tensor].buffer])
                entry.buffer = len(buffers) - 1
        return entries, buffers

    def part(self, source: int, result: int) -> bytes | None:
        """Return what lies between two tensors as a model of its own.

        Args:
            source: Tensor that becomes the input.
            result: Tensor that becomes the output.

        Returns:
            The file's bytes; None if the result depends on something else too.
        """
        makers = {int(tensor): op for op in self.operators for tensor in op.outputs}
        wanted, kept = [result], set()
        while wanted:
            tensor = wanted.pop()
            if tensor == source or id(makers.get(tensor)) in kept:
                continue
            if tensor not in makers:
                return None
            kept.add(id(makers[tensor]))
            wanted += self.moving_inputs(makers[tensor])
        model, graph = copy.copy(self._model), copy.copy(self._graph)
        graph.operators = [op for op in self.operators if id(op) in kept]
        graph.inputs, graph.outputs = (np.array([end], np.int32) for end in (source, result))
        model.subgraphs, model.signatureDefs, model.metadata = [graph], None, None
        return pack(model, len(self._content))

    def moving_inputs(self, op: Any) -> list[int]:
        """Return what an op reads that depends on the image, each once."""
        return list(
            dict.fromkeys(int(t) for t in op.inputs if t >= 0 and not self.is_constant(int(t)))
        )

    def has_bias(self, op: Any) -> bool:
        """Whether a weighted op has a bias and the file holds it."""
        return len(op.inputs) > 2 and op.inputs[2] >= 0 and self.is_constant(int(op.inputs[2]))

    def shared_constants(self) -> set[int]:
        """Return the constants that several ops read, which cannot be changed for one of them."""
        uses = Counter(int(tensor) for op in self.operators for tensor in op.inputs if tensor >= 0)
        return {tensor for tensor, count in uses.items() if count > 1 and self.is_constant(tensor)}

    def is_weighted(self, op: Any) -> bool:
        """Whether an op has weights and the file holds them."""
        return self.kind(op) in WEIGHTED_OPS and self.is_constant(int(op.inputs[1]))


def step_of(extremes: tuple[float, float]) -> float:
    """Return the step of 8 bits over a range, which always holds zero.

    Example:
        >>> step_of((1.0, 5.1))
        0.02
    """
    return (extremes[1] - min(extremes[0], 0.0)) / 255


def run_single(
    graph: OpenGraph,
    op: Any,
    values: Mapping[int, Array],
    threads: int,
    *,
    in_halves: bool = False,
) -> list[Array]:
    """Run one op over the images whose values are at hand.

    Args:
        graph: Where the op stands.
        op: The op.
        values: Tensor -> values of shape (images, *shape of the tensor); whatever the op reads.
        threads: For the runtime.
        in_halves: As :func:`run_model` has it.

    Returns:
        Values of each of its results for all images.
    """
    inputs = [values[tensor] for tensor in graph.moving_inputs(op)]
    return run_model(graph.single(op), inputs, threads, in_halves=in_halves)


def run_model(
    content: bytes,
    inputs: Sequence[Sequence[Array] | Array],
    threads: int,
    *,
    in_halves: bool = False,
) -> list[Array]:
    """Run a model of batch 1 over images.

    Args:
        content: A ``.tflite`` file's bytes.
        inputs: For each input of the model, its values for each image: an array of shape (images,
            *shape of the input), or anything that gives them one by one.
        threads: For the runtime.
        in_halves: Keep float32 results as float16, which take half the memory, if they fit.

    Returns:
        For each result, values of shape (images, *shape of the result).
    """
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content, num_threads=threads)
    interpreter.allocate_tensors()
    sources = [detail["index"] for detail in interpreter.get_input_details()]
    details = interpreter.get_output_details()
    count = len(inputs[0])
    kinds = [
        np.float16 if in_halves and detail["dtype"] == np.float32 else detail["dtype"]
        for detail in details
    ]
    results = [
        np.empty((count, *detail["shape"]), kind)
        for detail, kind in zip(details, kinds, strict=True)
    ]
    for number in range(count):
        for source, value in zip(sources, inputs, strict=True):
            interpreter.tensor(source)()[...] = value[number]
        interpreter.invoke()
        for detail, result in zip(details, results, strict=True):
            with np.errstate(over="ignore"):
                result[number] = interpreter.tensor(detail["index"])()
    if in_halves and not all(np.isfinite(result).all() for result in results):
        return run_model(content, inputs, threads)
    return results


def _with_numbers(op: Any, codes: Mapping[int, int], number: Mapping[int, int]) -> Any:
    """Return an op for a model in which kinds and tensors have other numbers."""
    new = copy.copy(op)
    new.opcodeIndex = codes[int(op.opcodeIndex)]
    new.inputs, new.outputs = (
        np.array([number[int(t)] for t in part], np.int32) for part in (op.inputs, op.outputs)
    )
    return new


def _numpy_types(schema: Any) -> dict[int, Any]:
    kinds = {
        "FLOAT32": np.float32,
        "FLOAT16": np.float16,
        "INT8": np.int8,
        "UINT8": np.uint8,
        "INT16": np.int16,
        "INT32": np.int32,
        "INT64": np.int64,
        "BOOL": np.bool_,
    }
    return {getattr(schema.TensorType, name): kind for name, kind in kinds.items()}


FRONT_OPS = ("CONV_2D", "DEPTHWISE_CONV_2D")


def front(graph: OpenGraph) -> list[int]:
    """Return the results of the layers that follow each other from the input to the first branch.

    Their maps have the fewest channels, so the rounding of a channel is averaged out the least:
    in MobileNets it costs ten times what that of a later layer does.
    """
    tensors: list[int] = []
    op = graph.only_reader(graph.input)
    while op is not None and graph.kind(op) in FRONT_OPS:
        tensors.append(int(op.outputs[0]))
        op = graph.only_reader(tensors[-1])
    return tensors


ENDINGS = ("DEQUANTIZE", "QUANTIZE", "SOFTMAX", "LOGISTIC")
"""Ops after the scores, which change neither their order nor what is to be compared."""


def scores_tensor(graph: OpenGraph) -> int:
    """Return the tensor of the scores: what goes into softmax, or the answer itself."""
    makers = {int(tensor): op for op in graph.operators for tensor in op.outputs}
    tensor = graph.output
    while tensor in makers and graph.kind(makers[tensor]) in ENDINGS:
        tensor = int(makers[tensor].inputs[0])
    return tensor
