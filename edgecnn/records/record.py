"""Records: one flat :class:`Record` for each measured model, device and thread count.

The names of figures end in their units, so that a file of records explains itself. Each field is
declared once, in this module: with its type, its role, and where and how it is shown
(:mod:`edgecnn.records.fields`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from edgecnn.core.errors import InputError, shown_value
from edgecnn.core.text import minute_text, one_decimal, size_text, three_digits
from edgecnn.records.consistency import check_consistency, in_order
from edgecnn.records.fields import (
    Better,
    ShownIn,
    Spread,
    Topic,
    condition,
    fields_of,
    figure,
    identity,
    remark,
)
from edgecnn.records.recorded_figure import RecordedFigure
from edgecnn.records.rules import (
    ABOVE_ZERO,
    AMOUNT,
    COUNT,
    FROM_ONE,
    MOMENT,
    PERCENTAGE,
    PROBABILITY,
    SHA256,
    one_of,
)

SCHEMA_VERSION = 1
"""Version of the set of fields: it grows when a field changes its meaning or is removed, and not
when a field is added."""

STEADY = "steady"
NOISY = "noisy"
DRIFTING = "drifting"
THROTTLED = "throttled"
EMULATED = "emulated"
UNDECIDED = "undecided"
LATENCY_VERDICTS = (STEADY, NOISY, DRIFTING, THROTTLED, EMULATED, UNDECIDED)

CALIBRATION_IMAGES = "calibration-images"
"""Code of the warning that a file was made with some of the images that it classified."""

ACCURACY = Topic.ACCURACY
REPORT, LIST, TOOLTIP, BOTH = (
    ShownIn.REPORT, ShownIn.LIST, ShownIn.TOOLTIP, ShownIn.TABLES,
)  # fmt: skip

words = condition
"""Declares a condition whose values are texts, perhaps of a user."""
milliseconds = partial(
    figure, topic=Topic.SPEED, text=three_digits, better=Better.LOWER, rule=AMOUNT
)
"""Declares a figure in milliseconds."""
power = partial(figure, topic=Topic.ENERGY, text=three_digits, better=Better.LOWER, rule=AMOUNT)
"""Declares a figure in watts or millijoules."""
memory = partial(figure, topic=Topic.MEMORY, text=size_text, better=Better.LOWER, rule=COUNT)
"""Declares a figure in bytes of memory."""
share = partial(figure, topic=ACCURACY, text=one_decimal, better=Better.HIGHER, rule=PERCENTAGE)
"""Declares a figure in percent of images."""
result = partial(figure, topic=ACCURACY, rule=AMOUNT)
"""Declares another figure of accuracy, from 0 on."""
count = partial(figure, topic=ACCURACY, text="{:,}".format, rule=COUNT)
"""Declares a number of images."""
counted = partial(remark, rule=COUNT)
"""Declares a remark that counts something."""
amount = partial(remark, rule=AMOUNT)
"""Declares a remark whose values are numbers from 0."""
digest = partial(remark, rule=SHA256)
"""Declares a remark whose values are digests."""


def _first_digits(digest: str) -> str:
    return digest[:6]


@dataclass(frozen=True)
class MeasurementWarning:
    """A reason to doubt a record, and what to do about it.

    Args:
        code: Kind of the warning, for programs: ``"few-runs"``, ``"noisy"``, ``"random-weights"``.
        message: What is the matter, one line.
        advice: What to do about it, one line.
    """

    code: str
    message: str
    advice: str


# A row a field, which the formatter would spread over six lines.
# fmt: off
@dataclass(frozen=True, kw_only=True)
class Outline:
    """The fields of a record that the store can list and filter without reading whole records.

    Each of them has a column in the store's table of results.
    """

    measured_at: Annotated[str, remark(
        "Moment of the measurement, UTC, ISO 8601.", "measured", REPORT, text=minute_text,
        column=1, rule=MOMENT)]
    model: Annotated[str, identity("Path or registered name of the model, as given.", column=1)]
    model_sha256: Annotated[str, identity("SHA-256 of the file.", column=1, rule=SHA256)]
    scheme: Annotated[str, identity(
        "Quantisation scheme of the file.", "scheme", BOTH | LIST | TOOLTIP,
        column=1)]
    device: Annotated[str, words("Name of the device.", "device", BOTH | LIST, column=1)]
    cpu: Annotated[str, words("Name of the processor.", "cpu", REPORT, column=3)]
    architecture: Annotated[str, words(
        "Instruction set that the kernel names: ``x86_64``, ``aarch64``, ``armv7l``.",
        "architecture", REPORT, column=3)]
    emulated: Annotated[bool | None, condition(
        "Whether the CPU is an emulator's; then times are not the board's, and never shown as its "
        "speed.", "emulated", text=lambda value: "yes" if value else "no", column=1)] = None
    runtime: Annotated[str, words(
        "Package of the runtime: ``ai-edge-litert`` or ``tflite-runtime``.", "runtime", REPORT,
        column=1)]
    runtime_version: Annotated[str, words(
        "Version of the runtime.", "runtime version", REPORT, column=1)]
    threads: Annotated[int, condition(
        "Threads of the runtime.", "threads", BOTH | LIST, usual=1, column=1, rule=FROM_ONE)]
    cpus: Annotated[str | None, words(
        'Numbers of the CPUs that the model was kept on, ``"0,1"``; None if the system chose them.',
        "cpus", BOTH | LIST, 1, usual=None, column=3)] = None
    usable_cpus: Annotated[float | None, condition(
        "CPUs that the runner could use at the same time, where its affinity or a CPU quota left "
        "it fewer than the device has, or than ``cpus`` names; None if it could use them all.",
        "usable CPUs", BOTH | LIST, 1, text="{:g}".format, usual=None, column=5,
        rule=ABOVE_ZERO)] = None
    protocol: Annotated[str | None, words(
        'Rules of the measurement: ``"mlperf-single-stream"``, whose result is the 90th '
        "percentile; None for the default ones.", "protocol", BOTH | LIST, 9, usual=None,
        column=3)] = None
    signature: Annotated[str | None, words(
        "Signature that was called; None where the file leaves no choice.", "signature",
        BOTH | LIST, usual=None, column=5)] = None
    input_shapes: Annotated[str | None, words(
        'Shapes that inputs of open shape were given: ``"1x224x224x3"``; None where the file says '
        "them, or leaves the batch alone open.", "input", BOTH | LIST, usual=None, column=5)] = None
    data: Annotated[str | None, words(
        "Name of the labelled data.", "data", REPORT, topic=ACCURACY, column=1)] = None
    images: Annotated[int | None, condition(
        "Images that were classified.", "images", REPORT, topic=ACCURACY, text="{:,}".format,
        column=3, rule=FROM_ONE)] = None
    image_geometry: Annotated[str | None, words(
        "How images came to the model's size, in plain words.", "image geometry", REPORT,
        topic=ACCURACY, column=5)] = None
    against_sha256: Annotated[str | None, condition(
        "SHA-256 of the model that it was compared with.", "compared with (SHA-256)", REPORT,
        topic=ACCURACY, text=_first_digits, column=4, rule=SHA256)] = None
    model_bytes: Annotated[int, figure(
        "Size of the file.", "size", BOTH | LIST | TOOLTIP, topic=Topic.SIZE, text=size_text,
        better=Better.LOWER, spread=Spread.EXACT, column=1, rule=FROM_ONE)]
    latency_p50_ms: Annotated[float, milliseconds(
        "Median time of a call with one image; percentiles interpolate linearly.", "p50 ms",
        BOTH | LIST | TOOLTIP, confidence=99, interval_rank=7, spread=Spread.SAMPLES, percent=50,
        column=1)]
    verdict: Annotated[str | None, remark(
        'How far the latency can be trusted: ``"steady"``, ``"noisy"``, ``"drifting"``, '
        '``"throttled"``, ``"emulated"``, or ``"undecided"`` of too few calls.', "verdict",
        BOTH | LIST | TOOLTIP, 1, topic=Topic.SPEED, column=3,
        rule=one_of(*LATENCY_VERDICTS))] = None
    latency_p90_ms: Annotated[float, milliseconds(
        "90th percentile of the time of a call.", "p90 ms", BOTH | TOOLTIP, 3, confidence=99,
        spread=Spread.SAMPLES, percent=90, column=1)]
    peak_rss_bytes: Annotated[int | None, memory(
        "Most resident memory until the last timed call, the runtime included.", "peak memory",
        BOTH, 1, spread=Spread.RUNS, column=1)] = None
    top1_percent: Annotated[float | None, share(
        "Share of the images whose best class is the label.", "top-1 %", BOTH | LIST | TOOLTIP,
        confidence=95, interval_rank=2, spread=Spread.IMAGES, column=1)] = None
    metric: Annotated[str | None, remark(
        "Name of the figure of accuracy in the next fields, where that is not top-1: ``mIoU``, "
        "``mAP``, ``F1 (micro)``, ``accuracy at 0.5``, ``MAE``, ``PSNR`` and others.", "metric",
        BOTH | LIST | TOOLTIP, 1, topic=ACCURACY, column=6)] = None
    metric_percent: Annotated[float | None, share(
        "The figure that ``metric`` names, where it is a share.", "metric %",
        BOTH | LIST | TOOLTIP, confidence=95, interval_rank=2, spread=Spread.BOUNDS,
        column=6)] = None
    mae_units: Annotated[float | None, result(
        "Mean absolute error of a model that measures numbers, in the numbers' unit.", "MAE",
        BOTH | LIST | TOOLTIP, text=three_digits, better=Better.LOWER, confidence=95,
        interval_rank=2, spread=Spread.BOUNDS, column=6)] = None
    psnr_db: Annotated[float | None, result(
        "Peak signal-to-noise ratio of a model that makes images, mean over the images.",
        "PSNR dB", BOTH | LIST | TOOLTIP, text=one_decimal, better=Better.HIGHER, confidence=95,
        interval_rank=2, spread=Spread.BOUNDS, column=6)] = None


@dataclass(frozen=True, kw_only=True)
class Record(Outline):
    """One measured model on one device at one thread count; None for what was not measured.

    Example:
        >>> Record.from_dict(json.loads(path.read_text())[0]).latency_p50_ms
        3.28
    """

    schema_version: Annotated[int, remark("Version of this set of fields.")]
    edgecnn_version: Annotated[str, remark("Version of edgecnn that measured.")]
    source: Annotated[str | None, identity(
        "Architecture or file that the model was made from, as a file of edgecnn says.")] = None
    input_shape: Annotated[tuple[int, ...], identity(
        "Shape of the first input, with the batch.", rule=FROM_ONE)]
    has_open_batch: Annotated[bool | None, remark(
        "Whether the file leaves the batch open, and it was 1.")] = None
    input_dtype: Annotated[str, identity("Type of the first input: ``uint8``, ``float32``.")]
    cores: Annotated[int | None, remark("Logical cores of the device.", rule=FROM_ONE)] = None
    memory_bytes: Annotated[int | None, counted("Physical memory of the device.")] = None
    os: Annotated[str, remark("Name and version of the device's system.")]
    kernel: Annotated[str, remark("Version of the device's kernel.")]
    governor: Annotated[str | None, remark("CPU frequency governor, where it can be read.")] = None
    board: Annotated[str | None, remark(
        "Model in the device tree: ``Raspberry Pi 5 Model B Rev 1.0``.")] = None
    soc: Annotated[str | None, remark("Chip in the device tree: ``brcm,bcm2712``.")] = None
    userland_bits: Annotated[int | None, remark(
        "32 or 64: width of the Python and the runtime on the device.",
        rule=one_of(32, 64))] = None
    cpu_max_mhz: Annotated[float | None, amount("Highest clock of the fastest core.")] = None
    cpu_before_mhz: Annotated[float | None, amount(
        "Clock of the fastest core before the model was loaded.")] = None
    cpu_lowest_mhz: Annotated[float | None, amount(
        "Lowest clock of the fastest core during the timed calls.")] = None
    cpu_after_mhz: Annotated[float | None, amount(
        "Clock of the fastest core after the last timed call.")] = None
    temperature_before_c: Annotated[float | None, remark(
        "Temperature of the processor before the model was loaded, Celsius.")] = None
    temperature_after_c: Annotated[float | None, remark(
        "Temperature of the processor after the last timed call, Celsius.")] = None
    throttled_before: Annotated[int | None, counted(
        "Word of ``vcgencmd get_throttled`` before the model was loaded; bits 0 to 3 are now, bits "
        "16 to 19 since boot: under-voltage, clock capped, throttled, soft temperature limit.",
        )] = None
    throttled_after: Annotated[int | None, counted(
        "Word of ``vcgencmd get_throttled`` after the last timed call.")] = None
    system_load_1min: Annotated[float | None, amount(
        "Load average of the device before the model was loaded.")] = None
    busy_before_percent: Annotated[float | None, remark(
        "Share of all cores' time that others used while the runner waited to begin.")] = None
    memory_available_bytes: Annotated[int | None, counted(
        "Memory that was free for programs before the model was loaded.")] = None
    swapped_in_pages: Annotated[int | None, remark(
        "Pages that were read back from swap during the measurement.")] = None
    connection_cuts: Annotated[int | None, counted(
        "Times that the connection to the device was cut and made again during the measurement.",
        )] = None
    rebooted: Annotated[bool | None, remark(
        "Whether the device was booted anew during the measurement; None where its system does not "
        "tell.")] = None
    python: Annotated[str, remark("Version of the runner's Python.")]
    in_turn: Annotated[int | None, remark(
        "Models and thread counts that were timed interleaved, this one included.",
        rule=FROM_ONE)] = None
    turn_group: Annotated[str | None, remark(
        "Random name that interleaved records have in common; None of one timed alone.")] = None
    turn_runs: Annotated[tuple[int, ...] | None, counted(
        "Timed calls in each turn of an interleaved record.")] = None
    cooldown_s: Annotated[float | None, amount(
        "How long the device rested before the measurement.")] = None
    warmup: Annotated[int, counted(
        "Calls before the timed ones, the first inference not among them.")]
    warmup_steady: Annotated[bool | None, remark(
        "Whether the last calls of the warm-up were as fast as each other; None where a number of "
        "calls was asked for.")] = None
    runs: Annotated[int, remark(
        "Timed calls.", "calls", TOOLTIP, text="{:,}".format, rule=FROM_ONE)]
    timed_s: Annotated[float | None, amount(
        "How long the timed calls took, with what lies between them.")] = None
    latency_p50_low_ms: Annotated[float | None, milliseconds(
        "Lower end of the median's 99 % interval: a lower bound after removing the time that other "
        "processes took; None of too few calls.")] = None
    latency_p50_high_ms: Annotated[float | None, milliseconds(
        "Upper end of the median's 99 % interval.")] = None
    latency_p90_low_ms: Annotated[float | None, milliseconds(
        "Lower end of the 90th percentile's 99 % interval.")] = None
    latency_p90_high_ms: Annotated[float | None, milliseconds(
        "Upper end of the 90th percentile's 99 % interval.")] = None
    latency_p99_ms: Annotated[float, milliseconds(
        "99th percentile of the time of a call.", "p99 ms", BOTH | TOOLTIP, 2, confidence=99,
        spread=Spread.SAMPLES, percent=99)]
    latency_p99_low_ms: Annotated[float | None, milliseconds(
        "Lower end of the 99th percentile's 99 % interval.")] = None
    latency_p99_high_ms: Annotated[float | None, milliseconds(
        "Upper end of the 99th percentile's 99 % interval.")] = None
    verdict_evidence: Annotated[str | None, remark("Reason of the verdict.")] = None
    verdict_advice: Annotated[str | None, remark(
        "What to do about the verdict; None where nothing needs doing.")] = None
    latency_mean_ms: Annotated[float, milliseconds(
        "Mean time of a call.", "mean ms", BOTH, 6, spread=Spread.SAMPLES)]
    latency_std_ms: Annotated[float, milliseconds(
        "Standard deviation of the sample of calls; 0 of a single call.", "std ms", BOTH, 6)]
    latency_min_ms: Annotated[float, milliseconds("Time of the fastest call.", "min ms", BOTH, 8)]
    load_ms: Annotated[float, milliseconds(
        "Time to make the interpreter and its tensors.", "load ms", BOTH, 5)]
    first_inference_ms: Annotated[float, milliseconds(
        "Time of the first call after loading.", "first ms", BOTH, 4)]
    latency_drift_percent: Annotated[float | None, remark(
        "Change of the median from the first to the last third of the calls.")] = None
    outliers: Annotated[int | None, counted(
        "Timed calls that are far out: above the third quartile by three times the distance of the "
        "quartiles. They count in every figure.")] = None
    latency_samples_ms: Annotated[tuple[float, ...], milliseconds(
        "Time of every timed call, in order.")]
    clock_step_ns: Annotated[float | None, amount(
        "Smallest step of the clock that was seen.")] = None
    clock_cost_ns: Annotated[float | None, amount(
        "Time that the clock shows for a call that does nothing: part of every sample.")] = None
    waited_percent: Annotated[float | None, remark(
        "Share of the calls' time in which their threads did not run, on average: they had no CPU, "
        "or waited for each other.")] = None
    others_cores: Annotated[float | None, amount(
        "Cores that other programs kept busy during the timed calls, on average.")] = None
    steal_percent: Annotated[float | None, remark(
        "Share of all cores' time that a virtual machine's host took during these calls.")] = None
    voluntary_switches: Annotated[int | None, counted(
        "Times that the runner gave its CPU away, to wait for something.")] = None
    involuntary_switches: Annotated[int | None, counted(
        "Times that the runner's CPU was taken from it.")] = None
    major_faults: Annotated[int | None, counted(
        "Pages that the runner had to read from a disk.")] = None
    activation_bytes: Annotated[int | None, memory(
        "All activations at once, planned as the runtime plans them: an estimate.", "activations",
        REPORT)] = None
    base_rss_bytes: Annotated[int | None, memory(
        "Resident memory of the runner just before it loads the model.", "memory before")] = None
    power_idle_w: Annotated[float | None, power(
        "Power that the board's meter showed while nothing ran: the sum of its power chip's rails, "
        "without USB devices and others that take 5 volts directly.", "idle power W")] = None
    power_w: Annotated[float | None, power(
        "Power that the board's meter showed while the model ran over and over, after the timed "
        "calls.", "power W")] = None
    energy_per_inference_mj: Annotated[float | None, power(
        "``power_w`` for the time of one of those calls, idle power included.", "energy mJ",
        BOTH, 3)] = None
    images_unreadable: Annotated[int | None, counted(
        "Images that could not be decoded; they do not count.")] = None
    images_sha256: Annotated[str | None, digest(
        "SHA-256 of the images that were classified and of their labels: measurements that have it "
        "in common are compared image by image.")] = None
    hits_top1: Annotated[str | None, remark(
        "A bit for each image, whether its best class is the label: eight to a byte, the first one "
        "highest, in base 64.")] = None
    hits_top5: Annotated[str | None, remark(
        "A bit for each image, whether its label is among the best five classes; packed as "
        "``hits_top1`` is.")] = None
    hits_metric: Annotated[str | None, remark(
        "A bit for each sample, whether it is right by ``metric``, where that is a share of the "
        "samples; packed as ``hits_top1`` is.")] = None
    metric_draws: Annotated[str | None, remark(
        "The leading figure of samples that were drawn anew, as often as its interval took them: "
        "32-bit floats, lowest byte first, in base 64. The draws are the same for any file that "
        "was given the same samples, so that two files are compared draw by draw.")] = None
    label_offset: Annotated[int | None, remark(
        "Number that leads from each class of the data to its output: 1 where output 0 is a "
        "background class; None where classes differ in it.")] = None
    class_matching: Annotated[str | None, remark(
        "How the output for each class of the data was found: ``offset`` by --label-offset, "
        "``names`` by labels and class names, ``indices`` as the data states them, ``one-based`` "
        "for indices that count from 1, ``position`` by the place of a name among the others.",
        "classes matched by", REPORT, topic=ACCURACY)] = None
    top1_low_percent: Annotated[float | None, share(
        "Lower end of top-1's 95 % interval (Wilson's score).")] = None
    top1_high_percent: Annotated[float | None, share("Upper end of top-1's 95 % interval.")] = None
    images_seen: Annotated[int | None, counted(
        "Images among those classified that the file was made with, by their digests: it was "
        "calibrated on them, or its steps were chosen by them; None where the file does not say.",
        )] = None
    top1_unseen_percent: Annotated[float | None, share(
        "Top-1 of all other images, where the file was made with some of them.",
        "top-1 % of unseen images", BOTH, 8, confidence=95)] = None
    top1_unseen_low_percent: Annotated[float | None, share(
        "Lower end of the 95 % interval of unseen images' top-1.")] = None
    top1_unseen_high_percent: Annotated[float | None, share(
        "Upper end of the 95 % interval of unseen images' top-1.")] = None
    top5_percent: Annotated[float | None, share(
        "Share of the images with the label among the best five classes; None below six outputs.",
        "top-5 %", BOTH, 1, confidence=95, spread=Spread.IMAGES)] = None
    top5_low_percent: Annotated[float | None, share("Lower end of top-5's 95 % interval.")] = None
    top5_high_percent: Annotated[float | None, share("Upper end of top-5's 95 % interval.")] = None
    calibration_error_percent: Annotated[float | None, share(
        "Expected calibration error of the best class in 15 bins of equal width: how far its "
        "probability is from how often it is right; None where scores are no probabilities.",
        "calibration error %", BOTH, 8, better=Better.LOWER)] = None
    against: Annotated[str | None, remark(
        "Path of the model that classified the same images for comparison.", "compared with",
        REPORT, topic=ACCURACY)] = None
    against_top1_percent: Annotated[float | None, share(
        "Top-1 of the model that it was compared with.", "top-1 of the other %")] = None
    agreement_percent: Annotated[float | None, share(
        "Share of the images to which both models give the same best class; of pixels, labels or "
        "steps where outputs are such.", "agree %", BOTH, 1, confidence=95)] = None
    agreement_low_percent: Annotated[float | None, share(
        "Lower end of the agreement's 95 % interval.")] = None
    agreement_high_percent: Annotated[float | None, share(
        "Upper end of the agreement's 95 % interval.")] = None
    images_only_right: Annotated[int | None, count(
        "Images that this model alone is right on.", "only this one right")] = None
    images_only_against_right: Annotated[int | None, count(
        "Images that the other model alone is right on.", "only the other right")] = None
    mcnemar_p: Annotated[float | None, figure(
        "McNemar's exact test on the images that one model alone is right on: how likely so "
        "unequal counts are if both models are as good.", "McNemar p", topic=ACCURACY,
        text="{:.2g}".format, rule=PROBABILITY)] = None
    metric_low_percent: Annotated[float | None, share(
        "Lower end of the 95 % interval of ``metric_percent``: samples drawn anew (bootstrap), or "
        "Wilson's score where each sample is right or wrong.")] = None
    metric_high_percent: Annotated[float | None, share(
        "Upper end of the 95 % interval of ``metric_percent``.")] = None
    mae_low_units: Annotated[float | None, result(
        "Lower end of the mean absolute error's 95 % interval (bootstrap).")] = None
    mae_high_units: Annotated[float | None, result(
        "Upper end of the mean absolute error's 95 % interval.")] = None
    psnr_low_db: Annotated[float | None, result(
        "Lower end of the 95 % interval of PSNR (bootstrap).")] = None
    psnr_high_db: Annotated[float | None, result("Upper end of the 95 % interval of PSNR.")] = None
    figures: Annotated[tuple[RecordedFigure, ...] | None, remark(
        "All figures of accuracy of a model whose output is no class of the image.")] = None
    against_figures: Annotated[tuple[RecordedFigure, ...] | None, remark(
        "The same figures of the model that it was compared with, and how alike both answer.",
        )] = None
    seconds: Annotated[float, amount("How long the whole measurement took.")]
    warnings: Annotated[tuple[MeasurementWarning, ...], remark(
        "What to know before trusting the figures.")]
    # fmt: on

    def __hash__(self) -> int:
        """Return a hash of what tells records apart: hashing all calls would take long."""
        return hash((self.measured_at, self.model_sha256, self.threads))

    def messages_of(self, code: str) -> list[str]:
        """Return the messages of the warnings of one kind, one at most as a rule.

        Args:
            code: Kind of the warnings.
        """
        return [warning.message for warning in self.warnings if warning.code == code]

    @property
    def is_disturbed(self) -> bool:
        """Whether the times were disturbed, or are too few to tell; an emulator's are not asked."""
        return self.verdict not in (None, STEADY, EMULATED)

    @property
    def verdict_text(self) -> str:
        """How far the times can be trusted, why, and what to do about it, as one line."""
        parts = (self.verdict, self.verdict_evidence, self.verdict_advice)
        return ": ".join(part for part in parts if part)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, in the order of the fields."""
        values = {name: _plain(getattr(self, name)) for name in FIELDS}
        for name in ("warnings", "figures", "against_figures"):
            entries = getattr(self, name)
            values[name] = entries and [dataclasses.asdict(entry) for entry in entries]
        values["warnings"] = values["warnings"] or []
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Record:
        """Return the record of plain values, as :meth:`to_dict` of this or an older edgecnn gave.

        A missing field becomes None where it may be None. A field that this version does not know
        is left out, since fields are added without a new schema version.

        Raises:
            InputError: A field is missing, has a value that it cannot have, or contradicts another
                one, which the message names; or the record is of another schema version.
        """
        if not isinstance(values, Mapping):
            raise InputError("not a record: it is no JSON object")
        version = values.get("schema_version")
        if version != SCHEMA_VERSION:
            raise InputError(
                f"record of schema version {shown_value(version)}, but this edgecnn reads version "
                f"{SCHEMA_VERSION}: measure again, or use the edgecnn that wrote it"
            )
        fields = {name: field.read(values) for name, field in FIELDS.items()}
        check_consistency(fields, FIELDS_IN_ORDER)
        return cls(**fields)


FIELDS = fields_of(Record)
"""The fields of a record by name."""

LISTED_FIELDS = {field.name: FIELDS[field.name] for field in dataclasses.fields(Outline)}
"""The fields that the store can list without reading whole records."""

FIELDS_IN_ORDER = in_order(FIELDS)
"""Pairs of fields of which the first cannot be above the second."""


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
