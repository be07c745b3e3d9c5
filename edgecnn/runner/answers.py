"""Checks each answer of a runner against what was asked: a device may err, and it may lie.

:mod:`edgecnn.core.messages` has checked the types of all fields by then. What is checked here is
what follows from the request, from the file that the model is in, and from what the fields mean.
Nothing of an answer is used before its check.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from edgecnn.core.errors import shown_value
from edgecnn.core.messages import MessageError
from edgecnn.runner.ondevice.protocol import (
    AskPower,
    AskShapes,
    BatchClassified,
    BatchRun,
    ClassifyBatch,
    Counters,
    HealthTexts,
    HostFacts,
    MemoryUse,
    ModelLoaded,
    ModelTimed,
    ModelWarmed,
    PowerTexts,
    RunBatch,
    RuntimeTensor,
    SystemFacts,
    TensorShapes,
    TimeModel,
    WarmModel,
)
from edgecnn.runner.ondevice.runtime import LITERT, TFLITE
from edgecnn.runner.ondevice.sampling import NS_PER_S
from edgecnn.tflite.calls import ModelCall
from edgecnn.tflite.structure import TensorInfo

FACT_CHARACTERS = 200
"""Characters at most of a name that is shown: of a processor, a board, a version."""

TEXT_CHARACTERS = 1 << 16
"""Characters at most of any other text; /proc/vmstat, the longest, has about 4,000."""

MANY = 1 << 16
"""Cores, thermal zones and the like at most."""

MAX_MEMORY_BYTES = 1 << 50
MAX_ELEMENTS = 1 << 40
MAX_RANK = 32
MAX_COUNT = (1 << 63) - 1

OPEN_PAYLOAD_BYTES = 256 << 20
"""Raw bytes of a batch's scores at most, where the file leaves their number open."""

PLACE_BYTES = 4
"""Bytes at most that tell the place of a value along one side."""

CLOCK_SLACK = 0.05
CLOCK_SLACK_S = 0.1
"""Share and seconds by which two clocks of a device may differ; Windows' go in steps of 16 ms."""

NUMBER_TYPES = frozenset({
    "float16", "float32", "float64", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64",
    "uint64", "complex64", "complex128", "bool",
})  # fmt: skip
"""Types that numpy and the files call alike."""

OTHER_TYPES = frozenset({"bool_", "bytes_", "str_", "object_", "void"})
"""Further names of numpy: numpy 1 says ``bool_``, and the others are texts and resources."""


def require(is_so: bool, field: str, value: object, wanted: str) -> None:
    """Raise MessageError unless a field is as it must be.

    Args:
        is_so: Whether the field is as it must be.
        field: Name of the field.
        value: Value of the field, which the error shows in short.
        wanted: What the field must be.
    """
    if not is_so:
        raise MessageError(f"{field} is {shown_value(value)}, not {wanted}")


def within(field: str, value: float | None, least: float, most: float) -> None:
    """Raise MessageError for a number out of its range, or one that is not finite; None passes."""
    # A comparison with NaN is false.
    require(value is None or least <= value <= most, field, value, f"{least:g} to {most:g}")


def as_many(field: str, values: Sequence[object], least: int, most: int | None = None) -> None:
    """Raise MessageError unless there are as many values as there must be."""
    most = least if most is None else most
    if not least <= len(values) <= most:
        wanted = f"{least}" if least == most else f"{least} to {most}"
        raise MessageError(f"{field} has {len(values)} values, not {wanted}")


def check_texts(answer: object) -> None:
    """Check that no text of an answer is very long, or can neither be printed nor kept."""
    for field, text in _texts_of(answer, ""):
        require(len(text) <= TEXT_CHARACTERS, field, text, "a text of bounded length")
        # JSON may have halves of characters, which no encoding has.
        is_text = text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text)
        require(is_text, field, text, "a text")


def _texts_of(value: Any, field: str) -> Iterator[tuple[str, str]]:
    """Yield each text within a value, with the name of its field."""
    if isinstance(value, str):
        yield field, value
    elif isinstance(value, tuple):
        # All values of a tuple are of one type, and there may be 200,000 numbers.
        if not isinstance(next(iter(value), None), int | float):
            for each in value:
                yield from _texts_of(each, field)
    elif dataclasses.is_dataclass(value):
        for each in dataclasses.fields(value):
            yield from _texts_of(getattr(value, each.name), each.name)


def check_name(field: str, text: str | None) -> None:
    """Check a name that tables and records show; None passes."""
    is_name = text is None or (len(text) <= FACT_CHARACTERS and text.isprintable())
    require(is_name, field, text, "a short name of printable characters")


def check_host(answer: HostFacts) -> None:
    """Check what a device says that it is."""
    for field in dataclasses.fields(SystemFacts):
        value = getattr(answer, field.name)
        if isinstance(value, str):
            check_name(field.name, value)
    require(bool(answer.architecture), "architecture", "", "a name")
    within("cores", answer.cores, 1, MANY)
    within("usable_cpus", answer.usable_cpus, 1e-3, MANY)
    within("memory_bytes", answer.memory_bytes, 1, MAX_MEMORY_BYTES)
    require(answer.bits in (32, 64), "bits", answer.bits, "32 or 64")
    as_many("compatible", answer.compatible, 0, MANY)
    as_many("cpu_max_khz", answer.cpu_max_khz, 0, MANY)
    for name in answer.compatible:
        check_name("compatible", name)
    header = answer.emulation.program_header
    is_hexadecimal = len(header) % 2 == 0 and set(header) <= set("0123456789abcdef")
    require(is_hexadecimal, "program_header", header, "hexadecimal digits")


def check_health(answer: HealthTexts) -> None:
    """Check the texts of a device's state; :mod:`edgecnn.runner.health` reads them."""
    as_many("core_khz", answer.core_khz, 0, MANY)
    as_many("zones", answer.zones, 0, MANY)
    check_name("boot_id", answer.boot_id)


def check_power(request: AskPower, answer: PowerTexts, most_s: float) -> None:
    """Check readings of a power meter.

    Args:
        request: What was asked for.
        answer: What came.
        most_s: Seconds that the readings took at most.
    """
    as_many("readings", answer.readings, 0, MANY)
    least = 1 if answer.readings else 0
    within("calls", answer.calls, least, MAX_COUNT)
    least_s = request.seconds * (1 - CLOCK_SLACK) - CLOCK_SLACK_S if least else 0.0
    within("elapsed_s", answer.elapsed_s, max(0.0, least_s), most_s)


def check_memory(answer: MemoryUse) -> None:
    """Check a runner's memory."""
    within("base_rss_bytes", answer.base_rss_bytes, 1, MAX_MEMORY_BYTES)
    within("peak_rss_bytes", answer.peak_rss_bytes, 1, MAX_MEMORY_BYTES)


def check_loaded(answer: ModelLoaded, call: ModelCall | None, most_s: float) -> None:
    """Check what a runtime says of a model.

    Args:
        answer: What came.
        call: How the file is called, as this machine has read it; None where that is not known.
        most_s: Seconds that loading took at most.
    """
    require(answer.runtime in (LITERT, TFLITE), "runtime", answer.runtime, f"{LITERT} or {TFLITE}")
    check_name("runtime_version", answer.runtime_version)
    check_name("python", answer.python)
    within("load_ms", answer.load_ms, 0, 1000 * most_s)
    for end, tensors in (("inputs", answer.inputs), ("outputs", answer.outputs)):
        for place, tensor in enumerate(tensors):
            _check_tensor(f"{end}[{place}]", tensor, least_side=1 if end == "inputs" else 0)
    if call is not None:
        model = call.model
        _check_ends("inputs", answer.inputs, model.inputs, lambda tensor: True)
        # The size of a result that the file leaves open shows only when the model has run.
        knows = model.knows_shape if not call.has_chosen_shapes else lambda tensor: False
        _check_ends("outputs", answer.outputs, model.outputs, knows)


def _check_tensor(field: str, tensor: RuntimeTensor, least_side: int) -> None:
    require(
        tensor.dtype in NUMBER_TYPES or tensor.dtype in OTHER_TYPES,
        f"{field}.dtype", tensor.dtype, "a type of numbers",
    )  # fmt: skip
    _check_shape(f"{field}.shape", tensor.shape, least_side)
    within(f"{field}.scale", tensor.scale, -math.inf, math.inf)
    require(math.isfinite(tensor.scale), f"{field}.scale", tensor.scale, "a finite number")
    within(f"{field}.zero_point", tensor.zero_point, -(1 << 63), MAX_COUNT)


def _check_shape(field: str, shape: Sequence[int], least_side: int) -> None:
    is_shape = len(shape) <= MAX_RANK and all(side >= least_side for side in shape)
    require(is_shape and math.prod(shape) <= MAX_ELEMENTS, field, shape, "the shape of a tensor")


def _check_ends(
    end: str,
    told: Sequence[RuntimeTensor],
    known: Sequence[TensorInfo],
    knows_shape: Callable[[TensorInfo], bool],
) -> None:
    """Check that the runtime's inputs or outputs are those of the file."""
    as_many(end, told, len(known))
    for place, (here, there) in enumerate(zip(known, told, strict=True)):
        field = f"{end}[{place}]"
        if here.dtype in NUMBER_TYPES:
            is_same = there.dtype.removesuffix("_") == here.dtype
            require(is_same, f"{field}.dtype", there.dtype, f"{here.dtype} as in the file")
        if knows_shape(here):
            is_same = there.shape == here.shape
            require(is_same, f"{field}.shape", there.shape, f"{here.shape} as in the file")


def check_shapes(request: AskShapes, answer: TensorShapes) -> None:
    """Check the shapes of tensors."""
    as_many("shapes", answer.shapes, len(request.tensors))
    for place, shape in enumerate(answer.shapes):
        if shape is not None:
            _check_shape(f"shapes[{place}]", shape, 0)


def check_warmed(request: WarmModel, answer: ModelWarmed, most_s: float) -> None:
    """Check the calls before the timed ones.

    Args:
        request: What was asked for.
        answer: What came.
        most_s: Seconds that a call took at most.
    """
    first_ms = answer.first_inference_ms
    within("first_inference_ms", first_ms, 0, 1000 * most_s)
    require(first_ms > 0, "first_inference_ms", first_ms, "above 0")
    least, most = (0, MAX_COUNT) if request.calls is None else (request.calls, request.calls)
    within("calls", answer.calls, least, most)
    is_told = (answer.steady is None) == (request.calls is not None)
    require(is_told, "steady", answer.steady, "told where the number of calls is not given")


def check_timed(request: TimeModel, answer: ModelTimed, most_s: float) -> None:
    """Check timed calls.

    Args:
        request: What was asked for.
        answer: What came.
        most_s: Seconds that a call took at most.
    """
    samples, waited = answer.samples_ns, answer.waited_ns
    most = request.max_samples
    runs = max(1, min(request.runs, most))
    as_many("samples_ns", samples, runs, most)
    # More calls are made only until the time is over.
    if sum(samples[:-1]) > max(request.min_time_s, 0) * (1 + CLOCK_SLACK) * NS_PER_S:
        as_many("samples_ns", samples, runs)
    for wrong in (min(samples), max(samples)):
        within(f"samples_ns[{samples.index(wrong)}]", wrong, 1, most_s * NS_PER_S)
    if waited is not None:
        as_many("waited_ns", waited, len(samples))
        for place, (wait, sample) in enumerate(zip(waited, samples, strict=True)):
            if not 0 <= wait <= sample:
                within(f"waited_ns[{place}]", wait, 0, sample)
    elapsed_s = _check_counters(*answer.counters)
    least_s = sum(samples) / NS_PER_S
    if len(samples) < most:
        least_s = max(least_s, request.min_time_s)
    least_s = least_s * (1 - CLOCK_SLACK) - CLOCK_SLACK_S
    require(elapsed_s >= least_s, "at_s", elapsed_s, f"{least_s:.3g} s or more apart")
    within("clock_step_ns", answer.clock_step_ns, 1, NS_PER_S)
    within("clock_cost_ns", answer.clock_cost_ns, 0, NS_PER_S)


def _check_counters(before: Counters, after: Counters) -> float:
    """Check that nothing that the kernel counts went back; return the seconds in between."""
    for name in ("at_s", "cpu_s", "voluntary", "involuntary", "major_faults"):
        begin, end = getattr(before, name), getattr(after, name)
        within(name, begin, 0, MAX_COUNT)
        require((begin is None) == (end is None), name, end, "counted before and after the calls")
        if begin is not None:
            within(name, end, begin, MAX_COUNT)
    return after.at_s - before.at_s


def check_classified(
    request: ClassifyBatch, answer: BatchClassified, elements: int | None, dtype: str
) -> None:
    """Check classes of images.

    Args:
        request: The images.
        answer: What came.
        elements: Number of scores of an image; None where the file leaves it open.
        dtype: numpy's name of the scores' type.
    """
    import numpy as np

    images, classes = answer.shape
    require(images == request.count, "shape", answer.shape, f"that of {request.count} images")
    within("shape[1]", classes, elements or 1, elements or MAX_ELEMENTS)
    require(answer.dtype == dtype, "dtype", answer.dtype, f"{dtype} as in the file")
    as_many("top", answer.top, images)
    as_many("finite", answer.finite, images)
    for place, row in enumerate(answer.top):
        as_many(f"top[{place}]", row, min(request.top_k, classes))
        is_ranking = len(set(row)) == len(row) and all(0 <= index < classes for index in row)
        require(is_ranking, f"top[{place}]", row, f"different classes of {classes}")
    require((answer.payload is not None) == request.outputs, "payload", None, "what was asked for")
    if answer.payload is not None:
        size = images * classes * np.dtype(dtype).itemsize
        within("payload_bytes", len(answer.payload), size, size)
        if images and request.top_k:
            _check_ranking(answer, np.frombuffer(answer.payload, dtype).reshape(images, classes))


def _check_ranking(answer: BatchClassified, scores: Any) -> None:
    """Check that the classes of an answer are the best ones by its scores."""
    import numpy as np

    top, scores = np.array(answer.top), scores.astype(np.float64)
    finite = np.isfinite(scores).all(axis=1)
    for place in np.flatnonzero(finite != answer.finite)[:1].tolist():
        require(False, f"finite[{place}]", answer.finite[place], "what its scores are")
    best = np.take_along_axis(scores, top, axis=1)
    is_ordered = (best[:, :-1] >= best[:, 1:]).all(axis=1)
    is_best = (scores > best[:, -1:]).sum(axis=1) < top.shape[1]
    for place in np.flatnonzero(finite & ~(is_ordered & is_best))[:1].tolist():
        require(False, f"top[{place}]", answer.top[place], "its best scores, the best first")


def check_run(
    request: RunBatch, answer: BatchRun, outputs: Sequence[RuntimeTensor], knows_shapes: bool
) -> None:
    """Check outputs of samples.

    Args:
        request: The samples.
        answer: What came.
        outputs: The model's outputs, as the runtime told them when it loaded the model.
        knows_shapes: Whether the outputs have these shapes whatever goes in.
    """
    import numpy as np

    for field in ("shapes", "dtypes"):
        as_many(field, getattr(answer, field), len(request.outputs))
    as_many("finite", answer.finite, request.count)
    size = 0
    for place, number in enumerate(request.outputs):
        shape, dtype = answer.shapes[place], answer.dtypes[place]
        _check_shape(f"shapes[{place}]", shape, 0)
        wanted_shape, wanted_dtype = _of_answer(outputs[number], is_best=number in request.best)
        if knows_shapes:
            require(shape == wanted_shape, f"shapes[{place}]", shape, f"{wanted_shape}")
        if wanted_dtype is not None:
            require(dtype == wanted_dtype, f"dtypes[{place}]", dtype, f"{wanted_dtype}")
        require(dtype in NUMBER_TYPES, f"dtypes[{place}]", dtype, "a type of numbers")
        size += request.count * math.prod(shape) * np.dtype(dtype).itemsize
    within("payload_bytes", len(answer.payload), size, size)


def _of_answer(output: RuntimeTensor, *, is_best: bool) -> tuple[tuple[int, ...], str | None]:
    """Return the shape and the type of an output in an answer; no type where both may be."""
    if not is_best:
        return output.shape, output.dtype
    places = output.shape[-1] if output.shape else 0
    return output.shape[:-1], "uint8" if 0 < places <= 256 else None


def most_run_bytes(request: RunBatch, outputs: Sequence[RuntimeTensor], knows_shapes: bool) -> int:
    """Return how many raw bytes the answer to a batch of samples may bring.

    Args:
        request: The samples.
        outputs: The model's outputs, as the runtime told them when it loaded the model.
        knows_shapes: Whether the outputs have these shapes whatever goes in.
    """
    import numpy as np

    if not knows_shapes:
        return OPEN_PAYLOAD_BYTES
    size = 0
    for number in request.outputs:
        output = outputs[number]
        if number in request.best:
            size += PLACE_BYTES * math.prod(output.shape[:-1])
        else:
            size += math.prod(output.shape) * np.dtype(output.dtype).itemsize
    return request.count * size


def most_payload_bytes(request: ClassifyBatch, elements: int | None, dtype: str) -> int:
    """Return how many raw bytes the answer to a batch may bring.

    Args:
        request: The images.
        elements: Number of scores of an image; None where the file leaves it open.
        dtype: numpy's name of the scores' type.
    """
    import numpy as np

    if not request.outputs or not dtype:
        return 0
    if elements is None:
        return OPEN_PAYLOAD_BYTES
    return request.count * elements * np.dtype(dtype).itemsize
