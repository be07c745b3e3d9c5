"""What the parent of a conversion and its child tell each other, one dataclass a message.

The child's side is ``conversion_child.py`` (or ``sensitivity_child.py``), the parent's side
``source_session.py``:

1. ``LoadSource`` goes to the child; ``SourceLoaded`` comes back. Where nothing says how pixels go
   in, ``MeasureReading`` goes to the child, which ``ReadingMeasured`` answers;
2. ``TraceSource`` says how pixels go in; the child traces the model, and ``SourceTraced`` comes
   back, or ``TracingFailed`` and then ``ChildFinished``;
3. ``FilesToMake`` says what the outputs are and what is to be made, and ``CalibrationFile`` follows
   if a scheme is calibrated;
4. ``FileWritten`` or ``FileFailed`` comes back for each file, ``LayerMeasured`` for each layer,
   and ``ChildFinished`` at the end. ``PhaseBegun``, ``ProgressMade`` and ``Remark`` may come
   at any time, and ``RaceFiles`` where files are to be timed on a device, which ``RaceTimes``
   answers.
"""

from __future__ import annotations

from dataclasses import dataclass

from edgecnn.data.inputspec import InputSpec
from edgecnn.importing.input_format import ModelTensor, Source
from edgecnn.models.build_options import BuildOptions
from edgecnn.quantize.budget.verdict import BudgetOutcome
from edgecnn.quantize.calibration.measured_reading import ReadingMeasured
from edgecnn.quantize.recovery.proof import Fidelity, Proof
from edgecnn.quantize.sensitivity.result import LayerSensitivity
from edgecnn.records.interval import LatencyRatio
from edgecnn.tflite.channel_map import ChannelMap
from edgecnn.tflite.output_kinds import JudgedOutput
from edgecnn.tflite.output_outline import ModelOutline


@dataclass(frozen=True)
class LoadSource:
    """What the child is to load.

    Args:
        source: The source.
        options: How a registered name is built; of another source the size that is asked for.
        scratch: A folder for the child's own files, which goes with the conversion.
        images: How many images to measure sensitivity on; 0 for a conversion.
    """

    source: Source
    options: BuildOptions
    scratch: str
    images: int = 0


@dataclass(frozen=True)
class SourceLoaded:
    """What the child says of a loaded model.

    Args:
        inputs: The model's inputs.
        outputs: The model's outputs.
        channel_map: What the model makes of the channels of its image before it mixes pixels; None
            where that is not known.
        notes: What a user should know of how the model was loaded, one line each.
        versions: Versions of TensorFlow and Keras.
        spec: What the model itself says that it takes of images; None where it says nothing.
    """

    inputs: tuple[ModelTensor, ...]
    outputs: tuple[ModelTensor, ...]
    channel_map: ChannelMap | None
    notes: tuple[str, ...]
    versions: dict[str, str]
    spec: InputSpec | None = None


@dataclass(frozen=True)
class MeasureReading:
    """Asks which preprocessing a model was trained with.

    Args:
        path: An ``.npy`` file: uint8 pixels, shape (images, height, width, channels).
        outputs: For each image the output that is its label; None without labels.
    """

    path: str
    outputs: tuple[int, ...] | None


@dataclass(frozen=True)
class FileToMake:
    """One file that the child is to make.

    Args:
        scheme: Name of the file's quantisation scheme.
        input_type: Element type of the file's input.
        output_type: Element type of the file's output.
        path: Where the file is to be written.
        recover: Level of accuracy recovery.
        without: Names of recovery's steps that are left out.
        all_int8: Whether no op may compute in float32.
        has_samples: Whether there are samples to compare the file's answers on.
        max_drop: What the file may lose, in points; None if there is no budget.
        target_cpu: The kind of CPU whose cost table decides which layers stay in float32.
        device: The device whose measured latencies decide instead of the table; None for the table.
        metadata: What edgecnn's own metadata buffer says, as JSON.
        public_metadata: The public metadata buffer, in base64.
    """

    scheme: str
    input_type: str
    output_type: str
    path: str
    recover: str
    without: tuple[str, ...]
    all_int8: bool
    has_samples: bool
    max_drop: float | None
    target_cpu: str
    device: str | None
    metadata: str
    public_metadata: str


@dataclass(frozen=True)
class TraceSource:
    """How pixels go into the float graph that the child is to make.

    Args:
        spec: How pixels become input; None where preprocessing is not known.
        normalizes: Whether the graph normalises pixels by itself.
        activation: What is put behind logits: ``"softmax"``, ``"sigmoid"``, or None for nothing.
    """

    spec: InputSpec | None
    normalizes: bool
    activation: str | None = None


@dataclass(frozen=True)
class SourceTraced:
    """The ends of the float graph that the child made."""

    outline: ModelOutline


@dataclass(frozen=True)
class TracingFailed:
    """Why no float graph could be made."""

    reason: str


@dataclass(frozen=True)
class FilesToMake:
    """What the child is to make.

    Args:
        outputs: What each output of the model is, in the model's own order.
        files: The files to make, none where sensitivity is measured.
    """

    outputs: tuple[JudgedOutput, ...]
    files: tuple[FileToMake, ...] = ()


@dataclass(frozen=True)
class CalibrationFile:
    """Samples for ranges and proof.

    Args:
        paths: An ``.npy`` file for each input: uint8 pixels, shape (images, height, width,
            channels), of a model that takes images; else what the input takes, the samples first.
        held_out: How many samples are held out: the last ones, to which nothing is fitted.
        outputs: For each held-out image the output that is its label; None without labels.
        may_doubt: Whether the model's answers tell anything of its input.
        may_differ: Whether the user could have asked for another preprocessing.
    """

    paths: tuple[str, ...]
    held_out: int
    outputs: tuple[int, ...] | None
    may_doubt: bool
    may_differ: bool


@dataclass(frozen=True)
class PhaseBegun:
    """A phase that has begun."""

    phase: str


@dataclass(frozen=True)
class ProgressMade:
    """How far a phase is."""

    phase: str
    done: int
    total: int


@dataclass(frozen=True)
class Remark:
    """A remark that a user should read."""

    text: str


@dataclass(frozen=True)
class RaceFiles:
    """Files to be timed on the device that they are for."""

    paths: tuple[str, ...]


@dataclass(frozen=True)
class RaceTimes:
    """Median latency of each file in each turn, in milliseconds, shape (files, turns)."""

    milliseconds: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class FileWritten:
    """A file that was made.

    Args:
        scheme: Name of the file's scheme.
        seconds: How long making the file took.
        phase_seconds: Seconds of the phases so far.
        peak_rss_bytes: Peak memory of the child, where known.
        proof: How near its answers are to the float file's; None if no image is held out.
        budget: What keeping within the budget took; None without one.
        latency_over_float32: The file's latency over the float32 file's on this machine, where it
            was measured and noise does not hide it.
        smaller_float32_bytes: Size of the float32 file, where that is the smaller one.
    """

    scheme: str
    seconds: float
    phase_seconds: dict[str, float]
    peak_rss_bytes: int | None
    proof: Proof | None
    budget: BudgetOutcome | None
    latency_over_float32: LatencyRatio | None
    smaller_float32_bytes: int | None = None


@dataclass(frozen=True)
class FileFailed:
    """A file that could not be made, and why."""

    scheme: str
    reason: str


@dataclass(frozen=True)
class LayerMeasured:
    """A layer's sensitivity; its share is not set yet."""

    layer: LayerSensitivity


@dataclass(frozen=True)
class ChildFinished:
    """The end of the child's work.

    Args:
        images: How many images sensitivity was measured on.
        plain: Fidelity of the plain int8 file; None where sensitivity was not measured.
    """

    images: int = 0
    plain: Fidelity | None = None


FROM_CHILD = (
    SourceLoaded, ReadingMeasured, SourceTraced, TracingFailed, PhaseBegun, ProgressMade, Remark,
    RaceFiles, FileWritten, FileFailed, LayerMeasured, ChildFinished,
)  # fmt: skip
"""The messages that a child may send."""
