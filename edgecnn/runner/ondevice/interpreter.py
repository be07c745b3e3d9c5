"""The one model that a runner has loaded: its tensors, its input, its calls.

The module travels to devices: the standard library, numpy and a TFLite runtime, and Python 3.9.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from edgecnn.core.errors import EdgecnnError, InputError, first_line
from edgecnn.runner.ondevice.protocol import (
    AskShapes,
    BatchClassified,
    BatchRun,
    ClassifyBatch,
    LoadModel,
    RunBatch,
    RuntimeTensor,
    TensorShapes,
)
from edgecnn.runner.ondevice.runtime import Runtime
from edgecnn.runner.ondevice.sampling import NS_PER_MS, CallCounter
from edgecnn.runner.ondevice.subgraph import FirstSubgraph, allocated

NOISE_SEED = 0
PIXEL_LEVELS = 256


class LoadedInterpreter:
    """A model in memory, whose tensors are allocated.

    Args:
        runtime: The TFLite runtime that is installed here.
        request: The model to load, and its settings.

    Attributes:
        threads: Threads of the runtime.
        load_ms: Milliseconds that loading took; the runtime packs float weights in that time.
        first_ms: Milliseconds of the first call; None before it.
        inputs: The inputs.
        outputs: The outputs.

    Raises:
        InputError: The runtime cannot load the file.
    """

    def __init__(self, runtime: Runtime, request: LoadModel) -> None:
        self.threads = request.threads
        self._input_range = request.input_range
        self.first_ms: float | None = None
        begin = time.perf_counter_ns()
        try:
            interpreter = runtime.interpreter(model_path=request.model, num_threads=request.threads)
            self._subgraph = allocated(interpreter, request.call)
        except (ValueError, RuntimeError) as error:
            raise InputError(f"{runtime.name} cannot load it: {first_line(error)}") from error
        self.load_ms = (time.perf_counter_ns() - begin) / NS_PER_MS
        self._input_details = self._subgraph.input_details()
        self._output_details = self._subgraph.output_details()
        self.inputs = tuple(map(describe, self._input_details))
        self.outputs = tuple(map(describe, self._output_details))
        self.invoke = self._subgraph.invoke

    def run(self) -> None:
        """Run the model once.

        Raises:
            EdgecnnError: The model does not run.
        """
        begin = time.perf_counter_ns()
        try:
            self.invoke()
        except (RuntimeError, ValueError) as error:
            reason = first_line(error)
            raise EdgecnnError(f"the model loads but does not run: {reason}") from error
        if self.first_ms is None:
            self.first_ms = (time.perf_counter_ns() - begin) / NS_PER_MS

    def fill(self, content: Any = None) -> None:
        """Set the inputs.

        Args:
            content: Raw bytes of the first input; None fills all inputs with noise.
        """
        import numpy as np

        if content is not None:
            detail = self._input_details[0]
            tensor = np.frombuffer(content, detail["dtype"]).reshape(detail["shape"])
            self._subgraph.set(detail["index"], tensor)
            return
        fill_with_noise(self._subgraph, self._input_details, self._input_range)

    def is_finite(self) -> bool:
        """Return whether every value of the outputs is finite."""
        import numpy as np

        values = (self._subgraph.get(detail["index"]) for detail in self._output_details)
        numbers = (value for value in values if np.issubdtype(value.dtype, np.number))
        return all(bool(np.all(np.isfinite(value))) for value in numbers)

    def classify(self, request: ClassifyBatch, counter: CallCounter) -> BatchClassified:
        """Return the best classes of each image; of equal scores the lower index comes first.

        Args:
            request: The images.
            counter: Told of each image that is done.
        """
        import numpy as np

        source, target = self._input_details[0], self._output_details[0]
        rows = []
        for tensor in tensors_of(request, source):
            self._subgraph.set(source["index"], tensor)
            self.run()
            rows.append(self._subgraph.get(target["index"]).reshape(-1))
            counter.count()
        scores = np.stack(rows)
        # In float64, as the least value of an integer type has no negative in that type.
        wide = scores.astype(np.float64)
        top = np.argsort(-wide, axis=1, kind="stable")[:, : request.top_k]
        return BatchClassified(
            top=tuple(map(tuple, top.tolist())),
            finite=tuple(bool(np.isfinite(row).all()) for row in wide),
            shape=scores.shape,
            dtype=str(scores.dtype),
            payload=scores.tobytes() if request.outputs else None,
        )

    def answer(self, request: RunBatch, counter: CallCounter) -> BatchRun:
        """Return some of the outputs for each sample, or the places of their greatest values.

        Args:
            request: The samples.
            counter: Told of each sample that is done.
        """
        import numpy as np

        answers: list[list[Any]] = [[] for _ in request.outputs]
        finite = []
        for tensors in samples_of(request, self._input_details):
            for detail, tensor in zip(self._input_details, tensors):
                self._subgraph.set(detail["index"], tensor)
            self.run()
            values = [self._subgraph.get(self._output_details[n]["index"]) for n in request.outputs]
            finite.append(all(bool(np.isfinite(value).all()) for value in values))
            for number, value, row in zip(request.outputs, values, answers):
                row.append(places_of_greatest(value) if number in request.best else value)
            counter.count()
        stacked = [np.stack(row) for row in answers]
        return BatchRun(
            finite=tuple(finite),
            shapes=tuple(tuple(int(side) for side in each.shape[1:]) for each in stacked),
            dtypes=tuple(str(each.dtype) for each in stacked),
            payload=b"".join(each.tobytes() for each in stacked),
        )


def shapes_in_call(runtime: Runtime, request: AskShapes) -> TensorShapes:
    """Run a file once on noise, and return the shapes that its tensors have then.

    No delegate takes part, because the tensors within a delegate's part keep the file's shapes.

    Args:
        runtime: The TFLite runtime that is installed here.
        request: The file, the call and the tensors.

    Raises:
        InputError: The runtime does not take the file, or not with these shapes.
    """
    try:
        interpreter = runtime.interpreter(
            model_path=request.model, experimental_op_resolver_type=runtime.without_delegates
        )
        subgraph = allocated(interpreter, request.call)
        fill_with_noise(subgraph, subgraph.input_details())
        subgraph.invoke()
    except (ValueError, RuntimeError) as error:
        shapes = " and ".join(map(str, request.call.shapes))
        reason = f"{runtime.name} does not run it with an input of {shapes}: {first_line(error)}"
        raise InputError(reason) from error
    return TensorShapes(tuple(_shape(subgraph, tensor) for tensor in request.tensors))


def _shape(subgraph: FirstSubgraph, tensor: int) -> tuple[int, ...] | None:
    try:
        return tuple(int(side) for side in subgraph.tensor_details(tensor)["shape"])
    except ValueError:
        return None


def fill_with_noise(
    subgraph: FirstSubgraph,
    inputs: Iterable[dict[str, Any]],
    value_range: tuple[float, float] | None = None,
) -> None:
    """Set inputs to noise that is the same each time.

    Args:
        subgraph: The subgraph whose inputs are set.
        inputs: What the runtime says of the inputs.
        value_range: Least and greatest value of float inputs; None for [-1, 1].
    """
    import numpy as np

    generator = np.random.Generator(np.random.PCG64(NOISE_SEED))
    for detail in inputs:
        subgraph.set(detail["index"], image_like(detail, value_range, generator))


def tensors_of(request: ClassifyBatch | RunBatch, detail: dict[str, Any]) -> Iterator[Any]:
    """Yield the tensors of a batch.

    Args:
        request: Prepared images, as tensors or as levels of pixels.
        detail: What the runtime says of the input.
    """
    import numpy as np

    shape = (request.count, *(int(n) for n in detail["shape"]))
    if not request.has_levels:
        yield from np.frombuffer(request.payload, detail["dtype"]).reshape(shape)
        return
    levels = np.frombuffer(request.payload, detail["dtype"], PIXEL_LEVELS)
    pixels = np.frombuffer(request.payload, np.uint8, offset=levels.nbytes).reshape(shape)
    for image in pixels:
        yield levels.take(image)


def samples_of(request: RunBatch, details: Sequence[dict[str, Any]]) -> Iterator[tuple[Any, ...]]:
    """Yield for each sample of a batch a tensor for each input.

    Args:
        request: Prepared samples.
        details: What the runtime says of the inputs.
    """
    import numpy as np

    if request.has_levels:
        for tensor in tensors_of(request, details[0]):
            yield (tensor,)
        return
    inputs, begin = [], 0
    for detail in details:
        shape = (request.count, *(int(n) for n in detail["shape"]))
        elements = int(np.prod(shape))
        values = np.frombuffer(request.payload, detail["dtype"], elements, begin)
        inputs.append(values.reshape(shape))
        begin += values.nbytes
    yield from zip(*inputs)


def places_of_greatest(values: Any) -> Any:
    """Return the place of the greatest value along the last side, of equal ones the first.

    Args:
        values: Values of any shape.

    Returns:
        Places of the smallest type that holds them, without the last side.
    """
    import numpy as np

    return values.argmax(axis=-1).astype(np.min_scalar_type(max(0, values.shape[-1] - 1)))


def describe(detail: dict[str, Any]) -> RuntimeTensor:
    """Return what the runtime says of a tensor, as plain values."""
    scale, zero_point = detail["quantization"]
    return RuntimeTensor(
        name=detail["name"],
        shape=tuple(int(n) for n in detail["shape"]),
        dtype=detail["dtype"].__name__,
        scale=float(scale),
        zero_point=int(zero_point),
    )


def image_like(
    detail: dict[str, Any], value_range: tuple[float, float] | None, generator: Any
) -> Any:
    """Return uniform noise over the values that an image's pixels have in a tensor's type.

    Args:
        detail: What the runtime says of the tensor.
        value_range: Least and greatest value of a float tensor; None for [-1, 1].
        generator: numpy's generator of random numbers.
    """
    import numpy as np

    dtype, shape = np.dtype(detail["dtype"]), tuple(detail["shape"])
    if dtype.kind == "f":
        low, high = value_range or (-1.0, 1.0)
        return generator.uniform(low, high, shape).astype(dtype)
    if dtype.itemsize == 1 and dtype.kind in "iu":
        return generator.integers(0, PIXEL_LEVELS, shape, np.uint8).view(dtype)
    return np.zeros(shape, dtype)
