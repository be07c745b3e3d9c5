"""What a measurement gave: one flat :class:`Record` a model, device and thread count.

Every field's name carries its unit, so that a file of records explains itself.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgecnn.errors import InputError

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


@dataclass(frozen=True)
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
        runtime: ``ai-edge-litert`` or ``tflite-runtime``.
        runtime_version: Its version.
        python: Version of the runner's Python.
        threads: Threads of the runtime.
        warmup: Calls before the timed ones, the first inference not among them.
        runs: Timed calls.
        load_ms: Making the interpreter and its tensors.
        first_inference_ms: The first call after loading.
        latency_p50_ms: Median of a single-image call; percentiles interpolate linearly.
        latency_p90_ms: 90th percentile.
        latency_p99_ms: 99th percentile.
        latency_mean_ms: Mean.
        latency_std_ms: Standard deviation of the sample; 0 for a single call.
        latency_min_ms: Fastest call.
        latency_samples_ms: Every timed call, in order.
        base_rss_bytes: Resident memory of the runner just before it loads the model.
        peak_rss_bytes: Most resident memory until the last timed call, runtime included.
        data: Name of the labelled data.
        images: Images that were classified.
        images_unreadable: Images that could not be decoded and do not count.
        label_offset: Model output of class 0: 1 where output 0 is a background class.
        top1_percent: Images whose best class is the label, of those classified.
        top5_percent: Images with the label among the best five; None below six outputs.
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
    runtime: str
    runtime_version: str
    python: str
    threads: int
    warmup: int
    runs: int
    load_ms: float
    first_inference_ms: float
    latency_p50_ms: float
    latency_p90_ms: float
    latency_p99_ms: float
    latency_mean_ms: float
    latency_std_ms: float
    latency_min_ms: float
    latency_samples_ms: tuple[float, ...]
    base_rss_bytes: int | None
    peak_rss_bytes: int | None
    data: str | None
    images: int | None
    images_unreadable: int | None
    label_offset: int | None
    top1_percent: float | None
    top5_percent: float | None
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
        """Read what :meth:`to_dict` gave, also after JSON.

        Raises:
            InputError: Fields are missing or unknown, or a newer edgecnn wrote it.
        """
        if not isinstance(values, Mapping):
            raise InputError("not a record: it is no JSON object")
        if values.get("schema_version") != SCHEMA_VERSION:
            raise InputError(
                f"record of schema version {values.get('schema_version')}, but this edgecnn "
                f"reads version {SCHEMA_VERSION}: measure again, or use the edgecnn that wrote it"
            )
        try:
            kept = dict(values)
            for name in ("input_shape", "latency_samples_ms"):
                kept[name] = tuple(kept[name])
            kept["warnings"] = tuple(MeasurementWarning(**w) for w in kept["warnings"])
            return cls(**kept)
        except (KeyError, TypeError) as error:
            raise InputError(f"not a record: {error}") from error


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
