"""``edgecnn.bench``: what a model costs on a device, and how often it is right."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path

from edgecnn.accuracy.result import NO_ACCURACY, Accuracy
from edgecnn.data.inputspec import InputSpec, height_and_width
from edgecnn.data.preprocessing import Preprocessing
from edgecnn.devices.base import Device, get_device
from edgecnn.devices.health import Power
from edgecnn.errors import EdgecnnError
from edgecnn.files import quoted, sha256_of
from edgecnn.measure.accuracy import open_labelled
from edgecnn.measure.caveats import (
    accuracy_caveats,
    data_caveats,
    thread_caveats,
    timing_caveats,
    weights_caveats,
)
from edgecnn.measure.device_accuracy import DeviceAccuracy
from edgecnn.measure.device_caveats import DeviceRun, device_caveats, swapped_in_pages
from edgecnn.measure.failures import crash_explained, named_errors
from edgecnn.measure.fleet import Files, measure_all, opened, with_name
from edgecnn.measure.plan import Plan
from edgecnn.measure.session import (
    IDLE_S,
    LoadedModel,
    Memory,
    RunnerSession,
    Timing,
)
from edgecnn.measure.stats import summarize
from edgecnn.measure.targets import ArchitectureOptions, Progress, Target, find_targets
from edgecnn.quantize.flatbuffer import TfliteModel, read_model
from edgecnn.records import SCHEMA_VERSION, Record
from edgecnn.version import __version__

IDLE_POWER_S = 1.0
BUSY_POWER_S = 2.0
"""The meter is read four times a second: some readings of each, without doubling a short run."""


def bench(
    models: str | Path | Sequence[str | Path],
    *,
    device: str | Sequence[str] = "desktop",
    threads: Sequence[int] = (1,),
    runs: int = 50,
    min_time_s: float = 1.0,
    warmup: int = 5,
    data: str | Path | None = None,
    preprocess: str | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    label_offset: int | None = None,
    images: int | None = None,
    against: str | Path | None = None,
    quantize: str | Sequence[str] | None = None,
    weights: str | Path | None = None,
    alpha: float = 1.0,
    size: int | tuple[int, int] | None = None,
    classes: int | None = None,
    calibrate: str | Path | None = None,
    on_progress: Progress | None = None,
    on_record: Callable[[Record], None] | None = None,
    on_failure: Callable[[EdgecnnError], None] | None = None,
    on_accuracy: Callable[[Record, Accuracy], None] | None = None,
    ask_password: Callable[[str], str] | None = None,
) -> list[Record]:
    """Measure size, load time, latency, memory and, with data, accuracy.

    Args:
        models: One or several ``.tflite`` files, or names of architectures, which are converted
            into a cache first.
        device: Where to run: ``"desktop"``, ``"pi"`` or another name of the inventory, or
            ``"[user@]host[:port]"`` for a machine that is reached over SSH; or several of them,
            which are measured at the same time.
        threads: Thread counts of the runtime; each is measured by itself.
        runs: Timed calls at least.
        min_time_s: Seconds of timing at least.
        warmup: Calls before the timed ones, besides the first inference.
        data: Labelled images for accuracy: class folders, a folder with ``images/`` and
            ``val_map.txt``, an ``.npz`` with ``x`` and ``y``, or ``"digits"``.
        preprocess: For files that do not say it: ``tf``, ``torch``, ``caffe``, ``unit``, ``raw``.
        mean: Instead of ``preprocess``: one value, or one a channel, in units of a pixel (0..255).
        std: The same, for the deviation.
        label_offset: Output of class 0; found by itself where None.
        images: Classify so many only, drawn evenly over the classes and always the same; all
            of them where None.
        against: With data: a ``.tflite`` file that classifies the same images on each device, so
            that models are compared image by image.
        quantize: For names: schemes; int8 unless said.
        weights: For names: ``"imagenet"``, a file, or None for random ones.
        alpha: For names: width multiplier.
        size: For names: input pixels, one number or (height, width).
        classes: For names: number of classes.
        calibrate: For names with weights: representative images for int8 and int16x8.
        on_progress: Told (phase, done, total).
        on_record: Told each Record as soon as it is measured.
        on_failure: Told the error of a model that cannot be measured or a device that cannot be
            reached, and the others are; without it such an error is raised.
        on_accuracy: Told the first Record of a model on a device, before ``on_record`` is, and the
            answers behind its accuracy; several devices are measured in threads of their own, and
            this is called from those.
        ask_password: Given a question, returns a device's password; without it only keys are tried.

    Returns:
        One Record a device, model and thread count, in that order.

    Raises:
        InputError: An option, a model or the data cannot be used.
        DeviceError: A device cannot be reached, or is in use.
        ChildCrashedError: The runtime crashed on a model.

    Example:
        >>> bench("model.tflite", threads=(1, 2))[0].latency_p50_ms
        3.28
    """
    options = ArchitectureOptions(
        quantize=quantize,
        weights=None if weights is None else str(weights),
        alpha=alpha,
        size=None if size is None else height_and_width(size),
        classes=classes,
        calibrate=None if calibrate is None else str(calibrate),
    )
    names = (device,) if isinstance(device, str) else tuple(dict.fromkeys(device))
    dataset = None if data is None else open_labelled(data)
    preprocessing = Preprocessing.of(preprocess, mean, std)
    plan = Plan(
        threads=tuple(threads),
        runs=runs,
        min_time_s=min_time_s,
        warmup=warmup,
        dataset=dataset,
        preprocessing=preprocessing,
        label_offset=label_offset,
        images=images,
        on_accuracy=on_accuracy or (lambda record, accuracy: None),
    )
    plan.check()
    if against is not None:
        plan = plan.compared_with(against)
    targets = find_targets(models, options)
    devices = [get_device(name, ask_password) for name in names]
    progress, files = on_progress or (lambda phase, done, total: None), Files()

    def measure(where: Device) -> Iterator[Record | EdgecnnError]:
        report = with_name(where, progress) if len(names) > 1 else progress
        bencher = _Bencher(where, plan, files, report)
        for target in targets:
            yield from _until_failure(bencher.measure(target))

    with opened(devices, on_failure if len(names) > 1 else None) as reached:
        return measure_all(reached, measure, on_record or (lambda record: None), on_failure)


def _until_failure(records: Iterator[Record]) -> Iterator[Record | EdgecnnError]:
    """Yield a model's records, and the error that ended them."""
    try:
        yield from records
    except EdgecnnError as error:
        yield error


@dataclass(frozen=True)
class _PowerDrawn:
    """What a board drew while nothing ran and while the model did, where it has a meter."""

    idle: Power | None
    busy: Power | None


@dataclass(frozen=True)
class _Measured:
    """What one runner told of one model at one thread count."""

    run: DeviceRun
    loaded: LoadedModel
    timing: Timing
    memory: Memory
    power: _PowerDrawn


@dataclass(frozen=True)
class _Bencher:
    """Measures models on one device."""

    device: Device
    plan: Plan
    files: Files
    on_progress: Progress

    def measure(self, target: Target) -> Iterator[Record]:
        """Measure one model at each thread count; accuracy once, as threads don't change it."""
        label = quoted(target.label)
        with named_errors(label):
            path = self.files.of(target, self._converting(target))
            structure = read_model(path)
            task = self._accuracy.task(path, structure, label)
            place = self.device.place(path, self._sending(label))
        accuracy = None
        for count in self.plan.threads:
            begin = time.monotonic()
            with (
                named_errors(label),
                crash_explained(),
                self.device.start(f"running {label}") as session,
            ):
                measured = self._run(session, place, structure, count, label)
                if task and accuracy is None:
                    files = (path, place)
                    accuracy = self._accuracy.run(task, session, *files, count, label)
            seconds = time.monotonic() - begin
            record = self._record(target, path, structure, count, measured, accuracy, seconds)
            if accuracy and count == self.plan.threads[0]:
                self.plan.on_accuracy(record, accuracy)
            yield record

    @cached_property
    def _accuracy(self) -> DeviceAccuracy:
        return DeviceAccuracy(self.device, self.plan, self.on_progress)

    def _sending(self, label: str) -> Callable[[int, int], None]:
        def report(done: int, total: int) -> None:
            self.on_progress(f"sending {label}", done, total)

        return report

    def _converting(self, target: Target) -> Progress:
        def report(phase: str, done: int, total: int) -> None:
            self.on_progress(f"converting {quoted(target.label)}: {phase}", done, total)

        return report

    def _run(
        self,
        session: RunnerSession,
        place: str,
        structure: TfliteModel,
        threads: int,
        label: str,
    ) -> _Measured:
        def timing_progress(fraction: float) -> None:
            self.on_progress(f"timing {label}, {threads} thread(s)", int(100 * fraction), 100)

        self.on_progress(f"loading {label}", 0, 0)
        before = session.health(IDLE_S)
        idle = session.power(IDLE_POWER_S, busy=False)
        loaded = session.load(place, threads, _input_range(structure))
        timing_progress(0.0)
        timing = session.time(
            warmup=self.plan.warmup,
            runs=self.plan.runs,
            min_time_s=self.plan.min_time_s,
            on_progress=timing_progress,
        )
        # Asked before the images come: their tensors are not the model's memory.
        memory = session.memory()
        after = session.health()
        # In a loop of its own: asking the meter would disturb the calls that are timed.
        power = _PowerDrawn(idle, session.power(BUSY_POWER_S, busy=True) if idle else None)
        run = DeviceRun(session.facts(), before, after, timing.cpu_lowest_mhz, threads)
        return _Measured(run, loaded, timing, memory, power)

    def _record(
        self,
        target: Target,
        path: Path,
        structure: TfliteModel,
        threads: int,
        measured: _Measured,
        accuracy: Accuracy | None,
        seconds: float,
    ) -> Record:
        run, power = measured.run, measured.power
        facts, before, after = run.facts, run.before, run.after
        samples = measured.timing.samples_ms
        summary = summarize(samples)
        warnings = [
            *timing_caveats(summary, len(samples)),
            *thread_caveats(threads, facts),
            *device_caveats(run),
            *weights_caveats((structure.edgecnn or {}).get("weights")),
            *(data_caveats(self.plan.dataset) if self.plan.dataset else ()),
            *(accuracy_caveats(accuracy) if accuracy else ()),
        ]
        return Record(
            schema_version=SCHEMA_VERSION,
            edgecnn_version=__version__,
            measured_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            model=target.label,
            model_sha256=sha256_of(path),
            model_bytes=path.stat().st_size,
            scheme=structure.scheme,
            source=_source(structure),
            input_shape=measured.loaded.inputs[0].shape,
            input_dtype=measured.loaded.inputs[0].dtype,
            device=self.device.name,
            cpu=facts.cpu,
            cores=facts.cores,
            memory_bytes=facts.memory_bytes,
            os=facts.os,
            kernel=facts.kernel,
            architecture=facts.architecture,
            governor=facts.governor,
            board=facts.board,
            soc=facts.soc,
            emulated=facts.emulated,
            userland_bits=facts.bits,
            cpu_max_mhz=facts.cpu_max_mhz,
            cpu_before_mhz=before.cpu_mhz,
            cpu_lowest_mhz=run.cpu_lowest_mhz,
            cpu_after_mhz=after.cpu_mhz,
            temperature_before_c=before.temperature_c,
            temperature_after_c=after.temperature_c,
            throttled_before=before.throttled,
            throttled_after=after.throttled,
            system_load_1min=before.load_1min,
            busy_before_percent=before.busy_percent,
            memory_available_bytes=before.memory_available_bytes,
            swapped_in_pages=swapped_in_pages(before, after),
            runtime=measured.loaded.runtime,
            runtime_version=measured.loaded.runtime_version,
            python=measured.loaded.python,
            threads=threads,
            warmup=self.plan.warmup,
            runs=len(samples),
            load_ms=measured.loaded.load_ms,
            first_inference_ms=measured.timing.first_inference_ms,
            latency_p50_ms=summary.p50,
            latency_p90_ms=summary.p90,
            latency_p99_ms=summary.p99,
            latency_mean_ms=summary.mean,
            latency_std_ms=summary.std,
            latency_min_ms=summary.minimum,
            latency_samples_ms=samples,
            base_rss_bytes=measured.memory.base_rss_bytes,
            peak_rss_bytes=measured.memory.peak_rss_bytes,
            power_idle_w=power.idle.watts if power.idle else None,
            power_w=power.busy.watts if power.busy else None,
            energy_per_inference_mj=power.busy.millijoules_per_call if power.busy else None,
            **(accuracy.record_fields() if accuracy else NO_ACCURACY),
            seconds=seconds,
            warnings=tuple(warnings),
        )


def _source(structure: TfliteModel) -> str | None:
    """Return what a file of edgecnn says that it was made from."""
    source = (structure.edgecnn or {}).get("source")
    return source if isinstance(source, str) else None


def _input_range(structure: TfliteModel) -> tuple[float, float] | None:
    """Return the values that a float input takes, where the file's metadata says it."""
    described = (structure.edgecnn or {}).get("input")
    return InputSpec.from_dict(described).value_range if described else None
