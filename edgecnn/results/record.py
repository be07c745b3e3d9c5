"""What a measurement gave: one flat :class:`Record` a model, device and thread count.

Every field's name carries its unit, so that a file of records explains itself.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgecnn.core.errors import InputError

SCHEMA_VERSION = 1
"""Grows when a field changes its meaning or goes; a new field does not change it."""


@dataclass(frozen=True)
class MeasurementWarning:
    """Something to know before trusting a record.

    Args:
        code: For programs: ``"few-runs"``, ``"noisy"``, ``"random-weights"``, ...
        message: What is the matter, one line.
        advice: What to do about it, one line.
    """

    code: str
    message: str
    advice: str


@dataclass(frozen=True, kw_only=True)
class Record:
    """One measured model on one device at one thread count; what was not measured is None.

    Args:
        schema_version: Version of this set of fields.
        edgecnn_version: Version that measured.
        measured_at: UTC, ISO 8601.
        model: Path or registered name, as it was given.
        model_sha256: SHA-256 of the file.
        model_bytes: Size of the file.
        scheme: Quantisation scheme of the file.
        source: Architecture or file that it was made from, as a file of edgecnn says of itself.
        input_shape: Of the first input, with the batch.
        input_dtype: Of the first input.
        device: Name of the device.
        cpu: Name of its processor.
        cores: Its logical cores.
        memory_bytes: Its physical memory.
        os: Its system's name and version.
        kernel: Its kernel's version.
        architecture: ``x86_64``, ``aarch64``, ``armv7l``, ...
        governor: CPU frequency governor, where it can be read.
        board: Model in its device tree: ``Raspberry Pi 5 Model B Rev 1.0``.
        soc: Its chip in the device tree: ``brcm,bcm2712``.
        emulated: Whether its CPU is an emulator's: then times are not the board's, and never shown
            as its speed.
        userland_bits: 32 or 64, of the Python and the runtime there.
        cpu_max_mhz: Highest clock of its fastest core.
        cpu_before_mhz: Clock of its fastest core before the model was loaded.
        cpu_lowest_mhz: The lowest that this clock was during the timed calls.
        cpu_after_mhz: The same after the last timed call.
        temperature_before_c: Its processor's, degrees Celsius.
        temperature_after_c: The same after the last timed call.
        throttled_before: Word of ``vcgencmd get_throttled``; bits 0 to 3 are now, 16 to 19 since
            boot: under-voltage, clock capped, throttled, soft temperature limit.
        throttled_after: The same after the last timed call.
        system_load_1min: Its load average before the model was loaded.
        busy_before_percent: Of all cores' time, what others used while the runner waited.
        memory_available_bytes: Free for programs before the model was loaded.
        swapped_in_pages: Pages read back from swap during the measurement.
        runtime: ``ai-edge-litert`` or ``tflite-runtime``.
        runtime_version: Its version.
        python: Version of the runner's Python.
        threads: Threads of the runtime.
        cpus: Numbers of the CPUs that the model was kept on, ``"0,1"``; None where it was free.
        protocol: ``"mlperf-single-stream"``, whose result is the 90th percentile; else None.
        in_turn: Models and thread counts that were timed in turn with this one, itself included.
        turn_group: Random name that these have in common; None of one that was timed alone.
        turn_runs: Timed calls in each of its turns.
        cooldown_s: How long the device rested before.
        warmup: Calls before the timed ones, the first inference not among them.
        warmup_steady: Whether they were as fast as each other in the end; None where a number of
            calls was asked for.
        runs: Timed calls.
        timed_s: What these took, with what lies between them.
        load_ms: Making the interpreter and its tensors.
        first_inference_ms: The first call after loading.
        verdict: ``"steady"``, ``"noisy"``, ``"drifting"``, ``"throttled"``, ``"emulated"``, or
            ``"undecided"`` of too few calls: how far the latency can be trusted.
        verdict_evidence: Why.
        verdict_advice: What to do about it; None where nothing needs doing.
        latency_p50_ms: Median of a single-image call; percentiles interpolate linearly.
        latency_p50_low_ms: Lower end of its 99 % interval, which goes down to the least that it can
            be without what else ran on the device; None of too few calls.
        latency_p50_high_ms: Upper end.
        latency_p90_ms: 90th percentile.
        latency_p90_low_ms: Lower end of its interval.
        latency_p90_high_ms: Upper end.
        latency_p99_ms: 99th percentile.
        latency_p99_low_ms: Lower end of its interval.
        latency_p99_high_ms: Upper end.
        latency_mean_ms: Mean.
        latency_std_ms: Standard deviation of the sample; 0 for a single call.
        latency_min_ms: Fastest call.
        latency_drift_percent: Change of the median from the first to the last third of the calls.
        outliers: Timed calls that are far out: above the third quartile by three times the range
            of the quartiles. They count in every number.
        latency_samples_ms: Every timed call, in order.
        clock_step_ns: Smallest step of the clock that was seen.
        clock_cost_ns: What a call that does nothing would read: it is part of every sample.
        waited_percent: Share of the calls' time in which their threads did not run, on average:
            they had no CPU, or waited for each other.
        others_cores: Cores that other programs kept busy during the timed calls, on average.
        steal_percent: Share of all cores' time that the host of a virtual machine kept then.
        voluntary_switches: Times that the runner gave its CPU away then, to wait for something.
        involuntary_switches: Times that its CPU was taken from it then.
        major_faults: Pages that it had to read from a disk then.
        activation_bytes: All activations at once, planned as the runtime does; an estimate.
        base_rss_bytes: Resident memory of the runner just before it loads the model.
        peak_rss_bytes: Most resident memory until the last timed call, runtime included.
        power_idle_w: What the board's power meter showed before, nothing running: the sum of its
            power chip's rails, without USB devices and others that take 5 volts directly.
        power_w: The same while the model ran over and over, after the timed calls.
        energy_per_inference_mj: ``power_w`` for the time of one of those calls, idle power
            included.
        data: Name of the labelled data.
        images: Images that were classified.
        images_unreadable: Images that could not be decoded and do not count.
        label_offset: Model output of class 0: 1 where output 0 is a background class.
        top1_percent: Images whose best class is the label, of those classified.
        top1_low_percent: Lower end of its 95 % interval (Wilson's score interval).
        top1_high_percent: Upper end.
        top5_percent: Images with the label among the best five; None below six outputs.
        top5_low_percent: Lower end of its 95 % interval.
        top5_high_percent: Upper end.
        calibration_error_percent: Expected calibration error of the best class in 15 bins of equal
            width; None where scores are no probabilities.
        against: Path of the model that classified the same images for comparison.
        against_sha256: SHA-256 of that file.
        against_top1_percent: Its top-1.
        agreement_percent: Images whose best class is the same as its best class.
        agreement_low_percent: Lower end of the 95 % interval of the agreement.
        agreement_high_percent: Upper end.
        images_only_right: Images that this model alone is right on.
        images_only_against_right: Images that the other model alone is right on.
        mcnemar_p: McNemar's exact test on these two counts: how likely so unequal ones are if both
            models are as good.
        seconds: The whole measurement took.
        warnings: What to know before trusting it.

    Example:
        >>> Record.from_dict(json.loads(path.read_text())[0]).latency_p50_ms
        3.28
    """

    schema_version: int
    edgecnn_version: str
    measured_at: str
    model: str
    model_sha256: str
    model_bytes: int
    scheme: str
    source: str | None = None
    input_shape: tuple[int, ...]
    input_dtype: str
    device: str
    cpu: str
    cores: int | None
    memory_bytes: int | None
    os: str
    kernel: str
    architecture: str
    governor: str | None
    board: str | None = None
    soc: str | None = None
    emulated: bool | None = None
    userland_bits: int | None = None
    cpu_max_mhz: float | None = None
    cpu_before_mhz: float | None = None
    cpu_lowest_mhz: float | None = None
    cpu_after_mhz: float | None = None
    temperature_before_c: float | None = None
    temperature_after_c: float | None = None
    throttled_before: int | None = None
    throttled_after: int | None = None
    system_load_1min: float | None = None
    busy_before_percent: float | None = None
    memory_available_bytes: int | None = None
    swapped_in_pages: int | None = None
    runtime: str
    runtime_version: str
    python: str
    threads: int
    cpus: str | None = None
    protocol: str | None = None
    in_turn: int | None = None
    turn_group: str | None = None
    turn_runs: tuple[int, ...] | None = None
    cooldown_s: float | None = None
    warmup: int
    warmup_steady: bool | None = None
    runs: int
    timed_s: float | None = None
    load_ms: float
    first_inference_ms: float
    verdict: str | None = None
    verdict_evidence: str | None = None
    verdict_advice: str | None = None
    latency_p50_ms: float
    latency_p50_low_ms: float | None = None
    latency_p50_high_ms: float | None = None
    latency_p90_ms: float
    latency_p90_low_ms: float | None = None
    latency_p90_high_ms: float | None = None
    latency_p99_ms: float
    latency_p99_low_ms: float | None = None
    latency_p99_high_ms: float | None = None
    latency_mean_ms: float
    latency_std_ms: float
    latency_min_ms: float
    latency_drift_percent: float | None = None
    outliers: int | None = None
    latency_samples_ms: tuple[float, ...]
    clock_step_ns: float | None = None
    clock_cost_ns: float | None = None
    waited_percent: float | None = None
    others_cores: float | None = None
    steal_percent: float | None = None
    voluntary_switches: int | None = None
    involuntary_switches: int | None = None
    major_faults: int | None = None
    activation_bytes: int | None = None
    base_rss_bytes: int | None
    peak_rss_bytes: int | None
    power_idle_w: float | None = None
    power_w: float | None = None
    energy_per_inference_mj: float | None = None
    data: str | None
    images: int | None
    images_unreadable: int | None
    label_offset: int | None
    top1_percent: float | None
    top1_low_percent: float | None = None
    top1_high_percent: float | None = None
    top5_percent: float | None
    top5_low_percent: float | None = None
    top5_high_percent: float | None = None
    calibration_error_percent: float | None = None
    against: str | None = None
    against_sha256: str | None = None
    against_top1_percent: float | None = None
    agreement_percent: float | None = None
    agreement_low_percent: float | None = None
    agreement_high_percent: float | None = None
    images_only_right: int | None = None
    images_only_against_right: int | None = None
    mcnemar_p: float | None = None
    seconds: float
    warnings: tuple[MeasurementWarning, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, in the order of the fields."""
        values = {
            field.name: _plain(getattr(self, field.name)) for field in dataclasses.fields(self)
        }
        values["warnings"] = [dataclasses.asdict(warning) for warning in self.warnings]
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Record:
        """Read what :meth:`to_dict` gave, also after JSON, and also an older edgecnn's.

        A field that is missing is None where it may be; one that this version does not know is
        left out: new fields come without a new schema version.

        Raises:
            InputError: Fields that must be there are missing or of no use, or the record is of
                another schema version.
        """
        if not isinstance(values, Mapping):
            raise InputError("not a record: it is no JSON object")
        if values.get("schema_version") != SCHEMA_VERSION:
            raise InputError(
                f"record of schema version {values.get('schema_version')}, but this edgecnn "
                f"reads version {SCHEMA_VERSION}: measure again, or use the edgecnn that wrote it"
            )
        try:
            kept = {name: values[name] for name in _field_names() if name in values}
            for name in _OPTIONAL_FIELDS:
                kept.setdefault(name, None)
            kept["input_shape"] = tuple(int(side) for side in kept["input_shape"])
            if kept["turn_runs"] is not None:
                kept["turn_runs"] = tuple(int(runs) for runs in kept["turn_runs"])
            kept["latency_samples_ms"] = tuple(float(one) for one in kept["latency_samples_ms"])
            kept["warnings"] = tuple(MeasurementWarning(**w) for w in kept["warnings"])
            _check_types(kept)
            return cls(**kept)
        except KeyError as error:
            raise InputError(f"not a record: {error} is missing") from error
        except (TypeError, ValueError) as error:
            raise InputError(f"not a record: {error}") from error


def _field_names() -> list[str]:
    return [field.name for field in dataclasses.fields(Record)]


_OPTIONAL_FIELDS = [
    field.name for field in dataclasses.fields(Record) if str(field.type).endswith("None")
]
"""Fields that may be None: older versions did not have all of them."""

_TYPES: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
}


def _check_types(values: Mapping[str, Any]) -> None:
    """Raise TypeError where a field's value is of another type than the field."""
    for field in dataclasses.fields(Record):
        kind, value = str(field.type).removesuffix(" | None"), values.get(field.name)
        if value is None and field.name in _OPTIONAL_FIELDS:
            continue
        if kind in _TYPES and field.name in values and not isinstance(value, _TYPES[kind]):
            raise TypeError(f"{field.name} is {value!r}, where {kind} is needed")


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
