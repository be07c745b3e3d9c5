"""The messages to and from a runner, in the order in which a model is measured.

Each request has one answer. While a request warms the model up, times it or classifies images,
:class:`CallProgress` comes a few times a second, between two calls: a runner that calls a model is
silent for a call or two at most. A request that fails is answered by an ``ErrorReport``.

Texts of the operating system are sent as they are: the other side (:mod:`edgecnn.runner.health`,
:mod:`edgecnn.runner.emulation`) reads them, so that the program on the device stays small. It also
checks each answer against its request (:mod:`edgecnn.runner.answers`).

The module travels to devices, and the device's Python evaluates the annotations: the standard
library alone, and Python 3.9.
"""

from dataclasses import dataclass
from typing import Optional, Union

SystemText = Optional[str]
"""Text of a file or output of a program; None where the system has no such file or program."""


@dataclass(frozen=True)
class DescribeHost:
    """Asks for :class:`HostFacts`."""


@dataclass(frozen=True)
class EmulationSigns:
    """Signs by which an emulated CPU is known.

    Args:
        program: Path of the program that the kernel runs in the runner's process.
        program_header: First 20 bytes of that program in hexadecimal digits, an ELF header.
        cpuinfo: First paragraph of ``/proc/cpuinfo``.
        product: Name of the machine in its firmware.
        tree: Names at the root of the device tree.
        clocks: Names of the clocks that a virtual machine shares with its host.
    """

    program: SystemText = None
    program_header: str = ""
    cpuinfo: str = ""
    product: SystemText = None
    tree: tuple[str, ...] = ()
    clocks: tuple[str, ...] = ()


@dataclass(frozen=True)
class SystemFacts:
    """What a device is, as its system says; None for what its system does not tell.

    Args:
        cpu: Name of the processor, or of the board where the system names only that.
        cores: Logical cores.
        usable_cpus: CPUs that the runner may use at present, by its affinity and its CPU quota.
        memory_bytes: Physical memory.
        os: Name and version of the system.
        kernel: Version of the kernel.
        architecture: What the system calls its machine: ``"aarch64"``.
        governor: Policy that sets the first core's clock: ``"ondemand"``.
        board: Model in the device tree: ``"Raspberry Pi 5 Model B Rev 1.0"``.
        bits: Width of the Python that runs the model, and so of its runtime: 32 or 64.
        userland: Architecture of Debian's packages: ``"arm64"``, ``"armhf"``.
    """

    cpu: str
    cores: Optional[int]
    usable_cpus: Optional[float]
    memory_bytes: Optional[int]
    os: str
    kernel: str
    architecture: str
    governor: SystemText
    board: SystemText
    bits: int
    userland: SystemText


@dataclass(frozen=True)
class HostFacts(SystemFacts):
    """What a device is, with the texts that more is read from.

    Args:
        compatible: Names in the device tree, from the board's to the chip's.
        cpu_max_khz: Highest clock of each core, in kHz.
        emulation: Signs by which an emulated CPU is known.
    """

    compatible: tuple[str, ...]
    cpu_max_khz: tuple[str, ...]
    emulation: EmulationSigns


@dataclass(frozen=True)
class AskHealth:
    """Asks for :class:`HealthTexts`.

    Args:
        idle_s: Seconds that the runner waits, to see how busy other programs keep the CPU.
    """

    idle_s: float


@dataclass(frozen=True)
class HealthTexts:
    """State of a device at one moment, in the texts of its system.

    Args:
        cpu_times: The line of ``/proc/stat`` that sums up all cores, before and after the wait.
        loadavg: Text of ``/proc/loadavg``.
        meminfo: Text of ``/proc/meminfo``.
        vmstat: Text of ``/proc/vmstat``.
        core_khz: Present clock of each core, in kHz.
        zones: Type and temperature (thousandths of a degree) of each thermal zone.
        throttled: What ``vcgencmd get_throttled`` prints.
        temperature: What ``vcgencmd measure_temp`` prints.
        boot_id: Random name of the system's present run, from its start to its end.
    """

    cpu_times: tuple[str, str]
    loadavg: SystemText
    meminfo: SystemText
    vmstat: SystemText
    core_khz: tuple[str, ...]
    zones: tuple[tuple[SystemText, SystemText], ...]
    throttled: SystemText
    temperature: SystemText
    boot_id: SystemText


@dataclass(frozen=True)
class SubgraphCall:
    """Which subgraph of a file is called, and with inputs of which shapes.

    Args:
        subgraph: Number of the subgraph in the file.
        inputs: Index of the tensor of each input, within the subgraph.
        shapes: Shape of each input.
        outputs: Index of the tensor of each output.
    """

    subgraph: int
    inputs: tuple[int, ...]
    shapes: tuple[tuple[int, ...], ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True)
class AskShapes:
    """Asks which shapes the tensors of a file have in a call, and for :class:`TensorShapes`.

    Args:
        model: Path of the file on the device.
        call: The subgraph and the shapes of its inputs.
        tensors: Indices of the tensors that are asked for.
    """

    model: str
    call: SubgraphCall
    tensors: tuple[int, ...]


@dataclass(frozen=True)
class TensorShapes:
    """The shapes of tensors after a call, in the order of the request; None of an unused tensor."""

    shapes: tuple[Optional[tuple[int, ...]], ...]


@dataclass(frozen=True)
class LoadModel:
    """Asks to load a model, and for :class:`ModelLoaded`.

    Args:
        model: Path of the file on the device.
        threads: Threads of the runtime.
        input_range: Least and greatest value of the noise for float inputs; None for [-1, 1].
        cpus: Numbers of the CPUs that the runner may use; None leaves that to the system.
        call: The subgraph and the shapes of its inputs; None for the first subgraph as it is in the
            file.
    """

    model: str
    threads: int = 1
    input_range: Optional[tuple[float, float]] = None
    cpus: Optional[tuple[int, ...]] = None
    call: Optional[SubgraphCall] = None


@dataclass(frozen=True)
class RuntimeTensor:
    """One input or output as the runtime sees it.

    Args:
        name: Name of the tensor in the file.
        shape: Shape of the tensor, the batch included.
        dtype: numpy's name of the type: ``"int8"``.
        scale: Real number between two successive integers; 0 where the tensor is not quantised.
        zero_point: The integer that stands for 0.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float
    zero_point: int


@dataclass(frozen=True)
class ModelLoaded:
    """A model in the runner's memory.

    Args:
        runtime: Distribution of the TFLite runtime: ``"ai-edge-litert"``.
        runtime_version: Version of the runtime.
        python: Version of the Python that the runtime runs in.
        load_ms: Milliseconds to make the interpreter and allocate its tensors.
        inputs: The inputs, in the file's order.
        outputs: The outputs, in the file's order.
    """

    runtime: str
    runtime_version: str
    python: str
    load_ms: float
    inputs: tuple[RuntimeTensor, ...]
    outputs: tuple[RuntimeTensor, ...]


PROGRESS_EVERY_S = 0.2
"""Seconds at least from one :class:`CallProgress` to the next one of the same request."""


@dataclass(frozen=True)
class CallProgress:
    """Says how far a request is.

    Args:
        calls: Calls of the model so far; the first one of a warm-up and those to settle, which are
            made before the time is taken, do not count.
        elapsed_s: Seconds of these calls so far.
    """

    calls: int
    elapsed_s: float


@dataclass(frozen=True)
class CheckModel:
    """Asks to run the model once, and for :class:`ModelChecked`.

    Args:
        payload: Raw bytes of the first input; None feeds noise.
    """

    payload: Optional[Union[bytes, memoryview]] = None


@dataclass(frozen=True)
class ModelChecked:
    """Whether a model that ran once gave finite values in all of its outputs."""

    finite: bool


@dataclass(frozen=True)
class WarmModel:
    """Asks to run the model before it is timed, and for :class:`ModelWarmed`.

    Args:
        calls: Calls besides the first one; None goes on until calls are as fast as each other.
        max_s: Seconds after which the runner stops waiting for that.
    """

    calls: Optional[int]
    max_s: float


@dataclass(frozen=True)
class ModelWarmed:
    """The calls before the timed ones.

    Args:
        first_inference_ms: Milliseconds of the first call after loading.
        calls: Number of calls after the first one.
        steady: Whether the last calls were as fast as each other; None where the request gave a
            number of calls.
    """

    first_inference_ms: float
    calls: int
    steady: Optional[bool]


@dataclass(frozen=True)
class TimeModel:
    """Asks to time single calls, and for :class:`ModelTimed`.

    Args:
        settle: Untimed calls before, to have the model's data in the caches again.
        runs: Timed calls at least.
        min_time_s: Seconds of timing at least.
        max_samples: Timed calls at most.
    """

    settle: int
    runs: int
    min_time_s: float
    max_samples: int


@dataclass(frozen=True)
class Counters:
    """What the kernel had counted at one moment; None for what it does not count.

    Args:
        at_s: The moment, on a clock in seconds that never goes back.
        cpu_times: The line of ``/proc/stat`` that sums up all cores.
        cpu_s: CPU time of all threads of the runner, in seconds.
        voluntary: How often the runner gave up its CPU, to wait for something.
        involuntary: How often the runner's CPU was taken away.
        major_faults: Pages that had to be read from a disk.
    """

    at_s: float
    cpu_times: str
    cpu_s: Optional[float]
    voluntary: Optional[int]
    involuntary: Optional[int]
    major_faults: Optional[int]


@dataclass(frozen=True)
class ModelTimed:
    """Single calls, in the order in which they were made.

    Args:
        samples_ns: Nanoseconds of each call.
        waited_ns: Nanoseconds of each call in which its threads did not run, the mean of the
            threads; None where the system has no clock for that.
        counters: What the kernel had counted before the calls and after them.
        clocks_khz: For each reading, a few times a second: clock of each group of cores, in kHz.
        clock_step_ns: Smallest step of the clock that was seen; None where the clock did not move.
        clock_cost_ns: Nanoseconds that a sample of an empty call reads.
    """

    samples_ns: tuple[int, ...]
    waited_ns: Optional[tuple[int, ...]]
    counters: tuple[Counters, Counters]
    clocks_khz: tuple[tuple[SystemText, ...], ...]
    clock_step_ns: Optional[int]
    clock_cost_ns: float


@dataclass(frozen=True)
class AskPower:
    """Asks for :class:`PowerTexts`.

    Args:
        seconds: How long the power meter is read, at least.
        busy: Whether the model runs meanwhile, over and over; otherwise nothing does.
    """

    seconds: float
    busy: bool


@dataclass(frozen=True)
class PowerTexts:
    """Readings of a power meter; a device without a meter gives none.

    Args:
        readings: What ``vcgencmd pmic_read_adc`` printed, once for each reading.
        calls: Number of the model's calls meanwhile, or of pauses where nothing ran.
        elapsed_s: Seconds that the readings took together.
    """

    readings: tuple[str, ...]
    calls: int
    elapsed_s: float


@dataclass(frozen=True)
class AskMemory:
    """Asks for :class:`MemoryUse`."""


@dataclass(frozen=True)
class MemoryUse:
    """Resident memory of the runner; None where the system does not tell.

    Args:
        base_rss_bytes: Bytes before the model was loaded.
        peak_rss_bytes: Most bytes until the model was timed.
    """

    base_rss_bytes: Optional[int]
    peak_rss_bytes: Optional[int]


@dataclass(frozen=True)
class ClassifyBatch:
    """Asks for the best classes of prepared images: :class:`BatchClassified`.

    Args:
        count: Number of images.
        top_k: Number of classes for each image.
        outputs: Whether to send all scores, too.
        has_levels: Whether the payload begins with the input value of each of the 256 levels of a
            pixel, followed by uint8 pixels, which are a quarter of the bytes of floats.
        payload: The images' tensors one after the other, or levels and pixels.
    """

    count: int
    top_k: int
    outputs: bool
    has_levels: bool
    payload: Union[bytes, memoryview]


@dataclass(frozen=True)
class BatchClassified:
    """Classes of a batch of images.

    Args:
        top: For each image the indices of its best classes, best first; of equal scores the lower
            index comes first.
        finite: For each image whether all of its scores are finite.
        shape: Shape of all scores: (images, classes).
        dtype: numpy's name of the scores' type.
        payload: All scores as raw bytes; None where they were not asked for.
    """

    top: tuple[tuple[int, ...], ...]
    finite: tuple[bool, ...]
    shape: tuple[int, int]
    dtype: str
    payload: Optional[bytes] = None


@dataclass(frozen=True)
class RunBatch:
    """Asks what the model answers to prepared samples: :class:`BatchRun`.

    Args:
        count: Number of samples.
        outputs: Numbers of the outputs that are asked for.
        best: Numbers of those outputs of which the place of the greatest value along the last side
            is sent instead of all values.
        has_levels: Whether the payload begins with the input value of each of the 256 levels of a
            pixel, followed by uint8 pixels; only for models of one input.
        payload: For each input the tensors of all samples one after the other, or levels and
            pixels.
    """

    count: int
    outputs: tuple[int, ...]
    best: tuple[int, ...]
    has_levels: bool
    payload: Union[bytes, memoryview]


@dataclass(frozen=True)
class BatchRun:
    """What a model answered to a batch of samples.

    Args:
        finite: For each sample whether all values that were asked for are finite.
        shapes: Shape of each output that was asked for, of one sample and without the last side
            where the place of the greatest value was asked for.
        dtypes: numpy's name of the type of each of these outputs.
        payload: The outputs one after the other, each for all samples.
    """

    finite: tuple[bool, ...]
    shapes: tuple[tuple[int, ...], ...]
    dtypes: tuple[str, ...]
    payload: bytes


@dataclass(frozen=True)
class LockHeld:
    """Says that the device is locked for the run that asked for it."""


REQUESTS = (
    DescribeHost, AskHealth, LoadModel, CheckModel, WarmModel, TimeModel, AskPower, AskMemory,
    ClassifyBatch, RunBatch, AskShapes,
)  # fmt: skip
