"""Talking to a runner, wherever it runs: one method a verb, typed answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

from edgecnn.measure.timing import Timing, WarmUp
from edgecnn.runner.emulation import is_emulated
from edgecnn.runner.health import Health, Power, read_health, read_power, whole_number

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Message = dict[str, Any]

MAX_SAMPLES = 200_000
"""Timed calls at most, so that a tiny model and a long time don't fill the device's memory."""

WARM_UP_S = 2.0
"""Of a model that takes longer to be steady, or never is, the timed calls show it."""

IDLE_S = 0.2
"""Long enough to see what other programs do: the kernel counts in hundredths of a second."""


class Transport(Protocol):
    """Carries messages to a runner and back: a child process' pipes, or a remote shell's."""

    def send(self, message: Message, payload: bytes | memoryview | None = None) -> None:
        """Write one message and the raw bytes that belong to it."""

    def receive(self, timeout_s: float | None = None) -> Message:
        """Return the next message; an error that the runner reports is raised."""

    def close(self, *, kill: bool = False) -> None:
        """End the runner, at once if asked to."""


@dataclass(frozen=True)
class DeviceFacts:
    """What a device is; what could not be found is None.

    Args:
        cpu: Name of the processor, or of the board where the system names only that.
        cores: Logical cores.
        memory_bytes: Physical memory.
        os: Name and version of the system.
        kernel: Version of the kernel.
        architecture: What the system calls its machine.
        governor: Of the first core's clock.
        board: Model in the device tree: ``"Raspberry Pi 5 Model B Rev 1.0"``.
        soc: The chip there: ``"brcm,bcm2712"``.
        bits: 32 or 64, of the Python that runs the model, and so of its runtime.
        userland: Architecture of Debian's packages: ``"arm64"``, ``"armhf"``.
        cpu_max_mhz: Highest clock of the fastest core.
        emulated: Whether the CPU is an emulator's, whose times say nothing of a board's.
    """

    cpu: str
    cores: int | None
    memory_bytes: int | None
    os: str
    kernel: str
    architecture: str
    governor: str | None
    board: str | None
    soc: str | None
    bits: int
    userland: str | None
    cpu_max_mhz: float | None
    emulated: bool | None


@dataclass(frozen=True)
class Tensor:
    """One input or output as the runtime sees it; a scale of 0 means not quantised."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float
    zero_point: int


@dataclass(frozen=True)
class LoadedModel:
    """A model in the runner's memory."""

    runtime: str
    runtime_version: str
    python: str
    load_ms: float
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]


@dataclass(frozen=True)
class Checked:
    """Whether a model gave finite values in all of its outputs."""

    finite: bool


@dataclass(frozen=True)
class Memory:
    """Resident memory of the runner; None where the system does not tell."""

    base_rss_bytes: int | None
    peak_rss_bytes: int | None


@dataclass(frozen=True)
class Classified:
    """Classes of a batch of images.

    Args:
        top: int64, shape (images, top_k): best first; of equal scores the lower index.
        finite: bool, shape (images,): whether all scores of an image are finite.
        outputs: Shape (images, classes), of the output's dtype; None if not asked for.
    """

    top: npt.NDArray[np.int64]
    finite: npt.NDArray[np.bool_]
    outputs: npt.NDArray[Any] | None = None


class RunnerSession:
    """A runner on some device, for one model at a time; it ends with the ``with`` block.

    Args:
        transport: The way to it.

    Raises:
        InputError: The model cannot be loaded.
        EdgecnnError: It cannot be run, or the device has no runtime.
        ChildCrashedError: The runner died.

    Example:
        >>> with get_device("desktop").start("running 'a.tflite'") as session:
        ...     session.load("a.tflite", threads=1)
        ...     session.warm_up()
        ...     timing = session.time(runs=50, min_time_s=1.0)
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def __enter__(self) -> RunnerSession:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the runner, at once if the block failed."""
        self._transport.close(kill=error is not None)

    def close(self) -> None:
        """End the runner in good order."""
        self._transport.close()

    def kill(self) -> None:
        """End the runner at once, from any thread."""
        self._transport.close(kill=True)

    def facts(self) -> DeviceFacts:
        """Ask what the device is."""
        return _facts(self._ask({"do": "facts"}))

    def health(self, idle_s: float = 0.0) -> Health:
        """Ask how the device is just now.

        Args:
            idle_s: How long the runner waits to see what other programs do; ``IDLE_S`` is enough.
        """
        return read_health(self._ask({"do": "health", "idle_s": idle_s}))

    def power(self, seconds: float, *, busy: bool) -> Power | None:
        """Ask the board's power meter, where it has one.

        Args:
            seconds: How long, at least.
            busy: Whether the model runs meanwhile, over and over, or nothing does.
        """
        answer = self._ask({"do": "power", "seconds": seconds, "busy": busy})
        return read_power(answer, busy=busy)

    def load(
        self,
        model: str | Path,
        threads: int,
        input_range: tuple[float, float] | None = None,
        cpus: Sequence[int] | None = None,
    ) -> LoadedModel:
        """Load a model.

        Args:
            model: Path on the device.
            threads: Threads of the runtime.
            input_range: Least and greatest value of a float input, for the noise that is fed
                while timing; [-1, 1] unless said.
            cpus: Numbers of the CPUs that it may use; None leaves that to the system.
        """
        request = {"do": "load", "model": str(model), "threads": threads}
        answer = self._ask({**request, "input_range": input_range, "cpus": cpus and list(cpus)})
        return LoadedModel(
            runtime=answer["runtime"],
            runtime_version=answer["runtime_version"],
            python=answer["python"],
            load_ms=answer["load_ms"],
            inputs=tuple(_tensor(values) for values in answer["inputs"]),
            outputs=tuple(_tensor(values) for values in answer["outputs"]),
        )

    def check(self, tensor: bytes | None = None) -> Checked:
        """Run the model once.

        Args:
            tensor: The first input's raw bytes; noise where None.
        """
        self._transport.send({"do": "check"}, tensor)
        outputs = self._transport.receive()["outputs"]
        return Checked(finite=all(output["finite"] for output in outputs))

    def warm_up(self, calls: int | None = None) -> WarmUp:
        """Run the model before it is timed.

        Args:
            calls: How many, besides the first; None goes on until they are as fast as each other,
                for :data:`WARM_UP_S` at most.
        """
        answer = self._ask({"do": "warm", "calls": calls, "max_s": WARM_UP_S})
        return WarmUp(answer["first_inference_ms"], answer["calls"], answer["steady"])

    def time(
        self,
        *,
        runs: int,
        min_time_s: float,
        settle: int = 0,
        max_samples: int = MAX_SAMPLES,
        on_progress: Callable[[float], None] = lambda fraction: None,
    ) -> Timing:
        """Time single calls.

        Args:
            runs: Timed calls at least.
            min_time_s: Seconds of timing at least.
            settle: Calls before, to have the model's data in the caches again.
            max_samples: Timed calls at most.
            on_progress: Told the fraction that is done, a few times a second.
        """
        request: Message = {"do": "time", "settle": settle, "runs": runs, "min_time_s": min_time_s}
        self._transport.send({**request, "max_samples": max_samples})
        while (answer := self._transport.receive())["event"] == "progress":
            elapsed = answer["elapsed_s"] / min_time_s if min_time_s else 1.0
            on_progress(min(1.0, answer["samples"] / runs, elapsed))
        return Timing.of(answer)

    def memory(self) -> Memory:
        """Ask for the memory before the model was loaded, and the most until it was timed."""
        answer = self._ask({"do": "memory"})
        return Memory(answer["base_rss_bytes"], answer["peak_rss_bytes"])

    def classify(
        self, tensors: npt.NDArray[Any], top_k: int, *, with_outputs: bool = False
    ) -> Classified:
        """Find the best classes of prepared images.

        Args:
            tensors: Shape (images, 1, height, width, channels), of the input's dtype.
            top_k: How many classes of each.
            with_outputs: Whether all scores are wanted too, as the model gave them.
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

        Several may be under way: the runner reads the next one while this side prepares another.

        Args:
            tensors: As for :meth:`classify`; with ``levels`` uint8 pixels, which are a quarter of
                the bytes of floats.
            top_k: As for :meth:`classify`.
            with_outputs: As for :meth:`classify`.
            levels: Shape (256,), of the input's dtype: what each level of a pixel is as input.
        """
        import numpy as np

        request: Message = {"do": "classify", "count": len(tensors), "top_k": top_k}
        request.update(outputs=with_outputs, has_levels=levels is not None)
        payload = np.ascontiguousarray(tensors).data.cast("B")
        if levels is not None:
            payload = memoryview(levels.tobytes() + payload)
        self._transport.send(request, payload)

    def collect(self) -> Classified:
        """Wait for the answer to the earliest batch that was submitted and has none yet."""
        import numpy as np

        answer = self._transport.receive()
        outputs = None
        if "payload" in answer:
            outputs = np.frombuffer(answer["payload"], answer["dtype"]).reshape(answer["shape"])
        return Classified(
            np.asarray(answer["top"], np.int64), np.asarray(answer["finite"], bool), outputs
        )

    def _ask(self, request: Message) -> Message:
        self._transport.send(request)
        return self._transport.receive()


def _tensor(values: Message) -> Tensor:
    return Tensor(**{**values, "shape": tuple(values["shape"])})


def _facts(answer: Message) -> DeviceFacts:
    compatible = [name for name in answer["compatible"] if name]
    clocks = [number / 1000 for text in answer["cpu_max_khz"] if (number := whole_number(text))]
    same = ("cpu", "cores", "memory_bytes", "os", "kernel", "architecture", "governor", "board")
    return DeviceFacts(
        **{name: answer[name] for name in (*same, "bits", "userland")},
        # From the most special to the most general: board first, chip last.
        soc=compatible[-1] if compatible else None,
        cpu_max_mhz=max(clocks, default=None),
        emulated=is_emulated(answer["architecture"], compatible, answer["emulation"]),
    )
