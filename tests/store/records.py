"""Records without measuring."""

from __future__ import annotations

from typing import Any

from edgecnn.records.record import SCHEMA_VERSION, MeasurementWarning, Record

VALUES: dict[str, Any] = {
    "schema_version": SCHEMA_VERSION, "edgecnn_version": "0.1.0",
    "measured_at": "2026-11-25T04:00:00+00:00", "model": "a/model.tflite",
    "model_sha256": "ab" * 32, "model_bytes": 1000, "scheme": "int8",
    "input_shape": (1, 4, 4, 3), "input_dtype": "uint8", "device": "desktop", "cpu": "a cpu",
    "cores": 2, "memory_bytes": 1 << 33, "os": "an os", "kernel": "6.1", "architecture": "x86_64",
    "governor": None, "runtime": "ai-edge-litert", "runtime_version": "2.3.0", "python": "3.11.2",
    "threads": 1, "warmup": 5, "load_ms": 1.5, "first_inference_ms": 4.25,
    "latency_p50_ms": 3.0, "latency_p90_ms": 3.2, "latency_p99_ms": 3.3, "latency_mean_ms": 3.1,
    "latency_std_ms": 0.1, "latency_min_ms": 2.9, "base_rss_bytes": 1 << 20,
    "peak_rss_bytes": 1 << 21, "data": None, "images": None, "images_unreadable": None,
    "label_offset": None, "top1_percent": None, "top5_percent": None, "seconds": 2.5,
    "warnings": (MeasurementWarning("noisy", "it was loud", "wait"),),
}  # fmt: skip
SAMPLES = (2.9, 3.0, 3.1, 1 / 3)


def made_record(**changes: Any) -> Record:
    """Return a record with some fields changed."""
    samples = tuple(changes.pop("latency_samples_ms", SAMPLES))
    return Record(**{**VALUES, "runs": len(samples), "latency_samples_ms": samples, **changes})
