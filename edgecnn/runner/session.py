"""A session with a runner on any device: a method for each request, with typed answers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgecnn.core.channel import Channel
from edgecnn.core.errors import InputError
from edgecnn.runner.conversation import Conversation
from edgecnn.runner.emulation import is_emulated
from edgecnn.runner.expectations import Expectations
from edgecnn.runner.health import Health, Power, mhz_of, read_health, read_power
from edgecnn.runner.ondevice.protocol import (
    AskHealth,
    AskMemory,
    AskPower,
    AskShapes,
    BatchClassified,
    BatchRun,
    CallProgress,
    CheckModel,
    ClassifyBatch,
    DescribeHost,
    HostFacts,
    LoadModel,
    MemoryUse,
    ModelChecked,
    ModelLoaded,
    ModelWarmed,
    RunBatch,
    RuntimeTensor,
    SubgraphCall,
    SystemFacts,
    TimeModel,
    WarmModel,
)
from edgecnn.runner.patience import Patience
from edgecnn.runner.timing import Timing
from edgecnn.tflite.calls import ModelCall

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

MAX_TIMED_CALLS = 200_000
"""Timed calls at most, so that those of a tiny model do not fill the device's memory."""

MAX_THREADS = 1024
"""Threads of the runtime at most: several times the cores of the largest machines."""

WARM_UP_S = 2.0
"""Seconds of warm-up at most. A model that is not steady by then is timed all the same: the timed
calls show that they are not steady."""

IDLE_S = 0.2
"""Seconds that are enough to see other programs: the kernel counts in hundredths of a second."""

USUAL_PATIENCE = Patience()


@dataclass(frozen=True)
class DeviceFacts(SystemFacts):
    """What a device is, with what its runner's answer implies.

    Args:
        soc: Chip in the device tree: ``"brcm,bcm2712"``.
        cpu_max_mhz: Highest clock of the fastest core.
        emulated: Whether the CPU is an emulator's; then times say nothing of a board.
    """

    soc: str | None
    cpu_max_mhz: float | None
    emulated: bool | None

    @classmethod
    def of(cls, facts: HostFacts) -> DeviceFacts:
        """Return the facts from a runner's answer."""
        compatible = [name for name in facts.compatible if name]
        clocks = mhz_of(facts.cpu_max_khz)
        return cls(
            **{field.name: getattr(facts, field.name) for field in fields(SystemFacts)},
            # Names go from the most special, the board, to the most general, the chip.
            soc=compatible[-1] if compatible else None,
            cpu_max_mhz=max(clocks, default=None),
            emulated=is_emulated(facts.architecture, compatible, facts.emulation),
        )

    def confined_to(self, cpus: Sequence[int] | None = None) -> float | None:
        """Return how many CPUs the runner may use; None if nothing takes any away from it.

        Args:
            cpus: CPUs that the runner was kept on for the measurement; None if on none.
        """
        free = self.cores if cpus is None else len(cpus)
        usable = self.usable_cpus
        return usable if usable is not None and free is not None and usable < free else None


@dataclass(frozen=True)
class Classified:
    """Classes of a batch of images.

    Args:
        top: Best classes, the best first, int64, shape (images, top_k); of equal scores the lower
            index comes first.
        finite: Whether all scores of an image are finite, bool, shape (images,).
        outputs: All scores, of the output's dtype, shape (images, classes); None where they were
            not asked for.
    """

    top: npt.NDArray[np.int64]
    finite: npt.NDArray[np.bool_]
    outputs: npt.NDArray[Any] | None = None


@dataclass(frozen=True)
class SampleAnswers:
    """Outputs of a model for a batch of samples.

    Args:
        values: For each output that was asked for its values, shape (samples, *shape of the
            output), of the output's dtype; or the places of its greatest values.
        finite: Whether all of these values of a sample are finite, bool, shape (samples,).
    """

    values: tuple[npt.NDArray[Any], ...]
    finite: npt.NDArray[np.bool_]


class RunnerSession:
    """A runner on some device, for one model at a time; it ends with the ``with`` block.

    Args:
        channel: The way to the runner.
        device: What messages call the device.
        patience: How long the runner may be silent.

    Raises:
        InputError: The model cannot be loaded.
        DeviceError: The runner is silent for too long, or an answer of it cannot be right.
        EdgecnnError: The model cannot be run, or the device has no runtime.
        ChildCrashedError: The runner died.

    Example:
        >>> with get_device("desktop").start("running 'a.tflite'") as session:
        ...     session.load("a.tflite", threads=1)
        ...     session.warm_up()
        ...     timing = session.time(runs=50, min_time_s=1.0)
    """

    def __init__(self, channel: Channel, device: str, patience: Patience = USUAL_PATIENCE) -> None:
        self._talk = Conversation(channel, device, patience)
        self._expected = Expectations(patience)
        self._outputs: tuple[RuntimeTensor, ...] = ()
        self._is_open = False
        self._elements: int | None = None
        self._dtype = ""

    def __enter__(self) -> RunnerSession:
        """Return the session itself."""
        return self

    def __exit__(self, kind: object, *error: object) -> None:
        """End the runner, at once if the block failed."""
        self._talk.close(kill=kind is not None)

    def close(self) -> None:
        """End the runner in good order."""
        self._talk.close()

    def kill(self) -> None:
        """End the runner at once, from any thread."""
        self._talk.close(kill=True)

    def facts(self) -> DeviceFacts:
        """Ask what the device is."""
        return DeviceFacts.of(self._talk.ask(DescribeHost(), self._expected.host()))

    def health(self, idle_s: float = 0.0) -> Health:
        """Ask for the state of the device.

        Args:
            idle_s: Seconds that the runner waits to see what other programs do; ``IDLE_S`` is
                enough. 0 does not look at other programs.
        """
        request = AskHealth(idle_s)
        return read_health(self._talk.ask(request, self._expected.health(request)))

    def power(self, seconds: float, *, busy: bool) -> Power | None:
        """Ask for the power that the board draws; None where the board has no meter.

        Args:
            seconds: Seconds of reading the meter, at least.
            busy: Whether the model runs meanwhile, over and over; otherwise nothing does.
        """
        request = AskPower(seconds, busy)
        return read_power(self._talk.ask(request, self._expected.power(request)), busy=busy)

    def load(
        self,
        model: str | Path,
        threads: int,
        input_range: tuple[float, float] | None = None,
        cpus: Sequence[int] | None = None,
        call: ModelCall | None = None,
    ) -> ModelLoaded:
        """Load a model.

        Args:
            model: Path of the model on the device.
            threads: Threads of the runtime.
            input_range: Least and greatest value of the noise that a float input is fed while
                calls are timed; None for [-1, 1].
            cpus: Numbers of the CPUs that the runner may use; None leaves that to the system.
            call: How the model is called; None for its first subgraph with the file's shapes. What
                the runtime says of the model must agree with it.
        """
        chosen = None if cpus is None else tuple(cpus)
        called = None if call is None or call.is_plain else _subgraph_call(call)
        request = LoadModel(str(model), threads, input_range, chosen, called)
        loaded = self._talk.ask(request, self._expected.loaded(call))
        self._note_output(loaded, call)
        return loaded

    def shapes(self, model: str | Path, call: ModelCall) -> dict[int, tuple[int, ...]]:
        """Ask for the shapes of all tensors of a model in a call: index -> shape.

        Args:
            model: Path of the model on the device; it is run once.
            call: How the model is called.
        """
        made = (tensor for op in call.model.operators for tensor in op.outputs)
        ends = (*call.model.inputs, *call.model.outputs)
        tensors = tuple(dict.fromkeys(tensor.index for tensor in (*made, *ends)))
        request = AskShapes(str(model), _subgraph_call(call), tensors)
        answer = self._talk.ask(request, self._expected.shapes(request))
        pairs = zip(tensors, answer.shapes, strict=True)
        return {index: shape for index, shape in pairs if shape is not None}

    def check(self, tensor: bytes | None = None) -> ModelChecked:
        """Run the model once.

        Args:
            tensor: Raw bytes of the first input; None feeds noise.
        """
        return self._talk.ask(CheckModel(tensor), self._expected.checked())

    def warm_up(self, calls: int | None = None) -> ModelWarmed:
        """Run the model before it is timed.

        Args:
            calls: Calls besides the first one; None goes on until calls are as fast as each other,
                for :data:`WARM_UP_S` at most.
        """
        request = WarmModel(calls, WARM_UP_S)
        return self._talk.ask(request, self._expected.warmed(request))

    def time(
        self,
        *,
        runs: int,
        min_time_s: float,
        settle: int = 0,
        max_samples: int = MAX_TIMED_CALLS,
        on_progress: Callable[[float], None] = lambda fraction: None,
    ) -> Timing:
        """Time single calls.

        Args:
            runs: Timed calls at least.
            min_time_s: Seconds of timing at least.
            settle: Untimed calls before, to have the model's data in the caches again.
            max_samples: Timed calls at most.
            on_progress: Called with the fraction that is done, a few times a second.
        """
        request = TimeModel(settle, runs, min_time_s, max_samples)

        def tell(progress: CallProgress) -> None:
            elapsed = progress.elapsed_s / min_time_s if min_time_s else 1.0
            on_progress(min(1.0, progress.calls / runs, elapsed))

        self._talk.send(request, self._expected.timed(request))
        return Timing.of(self._talk.receive(tell))

    def memory(self) -> MemoryUse:
        """Ask for the runner's memory before the model was loaded, and for its peak."""
        return self._talk.ask(AskMemory(), self._expected.memory())

    def classify(
        self, tensors: npt.NDArray[Any], top_k: int, *, with_outputs: bool = False
    ) -> Classified:
        """Find the best classes of prepared images.

        Args:
            tensors: Shape (images, 1, height, width, channels), of the input's dtype.
            top_k: Number of classes for each image.
            with_outputs: Whether to return all scores, too, as the model gave them.
        """
        self.submit(tensors, top_k, with_outputs=with_outputs)
        return self.collect()

    def submit(
        self,
        tensors: npt.NDArray[Any],
        top_k: int,
        *,
        with_outputs: bool = False,
        levels: npt.NDArray[Any] | None = None,
    ) -> None:
        """Send a batch as :meth:`classify` does, without waiting for its answer.

        Several batches may be under way: the runner reads one while this side prepares the next.

        Args:
            tensors: Shape (images, 1, height, width, channels), of the input's dtype; with
                ``levels`` uint8 pixels, which are a quarter of the bytes of floats.
            top_k: Number of classes for each image.
            with_outputs: Whether to return all scores, too.
            levels: Input value of each level of a pixel, of the input's dtype, shape (256,).
        """
        import numpy as np

        payload = np.ascontiguousarray(tensors).data.cast("B")
        if levels is not None:
            payload = memoryview(levels.tobytes() + payload)
        request = ClassifyBatch(len(tensors), top_k, with_outputs, levels is not None, payload)
        expected = self._expected.classified(request, self._elements, self._dtype)
        self._talk.send(request, expected)

    def collect(self) -> Classified:
        """Wait for the answer to the earliest batch that has no answer yet."""
        import numpy as np

        answer: BatchClassified = self._talk.receive()
        outputs = None
        if answer.payload is not None:
            outputs = np.frombuffer(answer.payload, answer.dtype).reshape(answer.shape)
        return Classified(np.asarray(answer.top, np.int64), np.asarray(answer.finite), outputs)

    def submit_samples(
        self,
        inputs: Sequence[npt.NDArray[Any]],
        outputs: Sequence[int],
        best: Sequence[int] = (),
        levels: npt.NDArray[Any] | None = None,
    ) -> None:
        """Send a batch of samples, without waiting for the answer.

        Args:
            inputs: For each input its tensors, shape (samples, *shape of the input), of the input's
                dtype; with ``levels`` uint8 pixels for the only input.
            outputs: Numbers of the outputs that are asked for.
            best: Numbers of those of which the place of the greatest value along the last side is
                wanted, not all values.
            levels: Input value of each level of a pixel, of the input's dtype, shape (256,).
        """
        import numpy as np

        parts = [np.ascontiguousarray(tensors).data.cast("B") for tensors in inputs]
        if levels is not None:
            parts.insert(0, memoryview(levels.tobytes()))
        payload = parts[0] if len(parts) == 1 else memoryview(b"".join(parts))
        request = RunBatch(len(inputs[0]), tuple(outputs), tuple(best), levels is not None, payload)
        expected = self._expected.ran(request, self._outputs, not self._is_open)
        self._talk.send(request, expected)

    def collect_samples(self) -> SampleAnswers:
        """Wait for the answer to the earliest batch of samples that has no answer yet."""
        import numpy as np

        answer: BatchRun = self._talk.receive()
        values, begin, count = [], 0, len(answer.finite)
        for shape, dtype in zip(answer.shapes, answer.dtypes, strict=True):
            elements = count * math.prod(shape)
            each = np.frombuffer(answer.payload, dtype, elements, begin)
            values.append(each.reshape(count, *shape))
            begin += each.nbytes
        return SampleAnswers(tuple(values), np.asarray(answer.finite))

    def _note_output(self, loaded: ModelLoaded, call: ModelCall | None) -> None:
        """Note of how many scores, and of which type, the answers to images will be."""
        output = loaded.outputs[0] if loaded.outputs else None
        is_open = call is not None and (
            call.has_chosen_shapes or not all(map(call.model.knows_shape, call.model.outputs))
        )
        self._outputs, self._is_open = loaded.outputs, is_open
        self._elements = None if output is None or is_open else math.prod(output.shape) or None
        self._dtype = "" if output is None else output.dtype


def _subgraph_call(call: ModelCall) -> SubgraphCall:
    model = call.model
    return SubgraphCall(
        subgraph=model.subgraph,
        inputs=tuple(tensor.index for tensor in model.inputs),
        shapes=tuple(tensor.shape for tensor in model.inputs),
        outputs=tuple(tensor.index for tensor in model.outputs),
    )


def check_threads(counts: Iterable[int]) -> None:
    """Raise InputError for a number of threads below 1 or above ``MAX_THREADS``."""
    for count in counts:
        if not 1 <= count <= MAX_THREADS:
            raise InputError(f"--threads must be 1 to {MAX_THREADS}, not {count}")
