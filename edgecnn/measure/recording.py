"""A measurement as a :class:`~edgecnn.results.record.Record`, made of what each part knows."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from edgecnn.accuracy.result import Accuracy
from edgecnn.core.files import sha256_of
from edgecnn.measure.caveats import (
    accuracy_caveats,
    data_caveats,
    thread_caveats,
    timing_caveats,
    weights_caveats,
)
from edgecnn.measure.device_caveats import DeviceRun, device_caveats, swapped_in_pages
from edgecnn.measure.entrant import Entrant, Measured, PowerDrawn, Subject
from edgecnn.measure.levels import levels_of
from edgecnn.measure.plan import Plan
from edgecnn.measure.stats import drift_of, outliers_of, summarize
from edgecnn.measure.timing import Timing
from edgecnn.measure.verdict import verdict_on
from edgecnn.results.record import SCHEMA_VERSION, Record
from edgecnn.tflite.memory import activation_bytes
from edgecnn.version import __version__

Fields = dict[str, Any]


def record_of(
    entrant: Entrant, measured: Measured, accuracy: Accuracy | None, device: str, plan: Plan
) -> Record:
    """Return the record of one model at one thread count.

    Args:
        entrant: It, with all of its work done.
        measured: What its runner told.
        accuracy: How often it is right, where there was data.
        device: Name of the device.
        plan: How it was measured.
    """
    return Record(
        schema_version=SCHEMA_VERSION,
        edgecnn_version=__version__,
        measured_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        device=device,
        seconds=entrant.seconds,
        **_model(entrant.subject, measured),
        **_device(measured.run),
        **_conditions(measured, plan),
        **_latency(measured.timing),
        **_background(measured.timing, measured.run.facts.cores),
        **_power(measured.power),
        **(accuracy.record_fields() if accuracy else {}),
        **_judgement(entrant.subject, measured, plan, accuracy),
    )


def _model(subject: Subject, measured: Measured) -> Fields:
    loaded, memory = measured.loaded, measured.memory
    source = (subject.structure.edgecnn or {}).get("source")
    return {
        "model": subject.target.label,
        "model_sha256": sha256_of(subject.path),
        "model_bytes": subject.path.stat().st_size,
        "scheme": subject.structure.scheme,
        "source": source if isinstance(source, str) else None,
        "input_shape": loaded.inputs[0].shape,
        "input_dtype": loaded.inputs[0].dtype,
        "activation_bytes": activation_bytes(subject.structure),
        "base_rss_bytes": memory.base_rss_bytes,
        "peak_rss_bytes": memory.peak_rss_bytes,
        "load_ms": loaded.load_ms,
        "first_inference_ms": measured.warm_up.first_inference_ms,
    }


def _device(run: DeviceRun) -> Fields:
    facts, before, after = run.facts, run.before, run.after
    same = ("cpu", "cores", "memory_bytes", "os", "kernel", "architecture", "governor", "board")
    return {
        **{name: getattr(facts, name) for name in (*same, "soc", "emulated", "cpu_max_mhz")},
        "userland_bits": facts.bits,
        "cpu_before_mhz": before.cpu_mhz,
        "cpu_lowest_mhz": run.cpu_lowest_mhz,
        "cpu_after_mhz": after.cpu_mhz,
        "temperature_before_c": before.temperature_c,
        "temperature_after_c": after.temperature_c,
        "throttled_before": before.throttled,
        "throttled_after": after.throttled,
        "system_load_1min": before.load_1min,
        "busy_before_percent": before.busy_percent,
        "memory_available_bytes": before.memory_available_bytes,
        "swapped_in_pages": swapped_in_pages(before, after),
    }


def _conditions(measured: Measured, plan: Plan) -> Fields:
    loaded, warm_up = measured.loaded, measured.warm_up
    return {
        "runtime": loaded.runtime,
        "runtime_version": loaded.runtime_version,
        "python": loaded.python,
        "threads": measured.run.threads,
        "cpus": None if plan.cpus is None else ",".join(map(str, plan.cpus)),
        "protocol": plan.protocol,
        "in_turn": measured.in_turn,
        "turn_group": measured.turn_group,
        "turn_runs": measured.timing.turn_runs if measured.turn_group else None,
        "cooldown_s": measured.cooldown_s,
        "warmup": warm_up.calls,
        "warmup_steady": warm_up.steady,
        "runs": len(measured.timing.samples_ms),
    }


def _latency(timing: Timing) -> Fields:
    summary = summarize(timing.samples_ms)
    return {
        "latency_p50_ms": summary.p50,
        "latency_p90_ms": summary.p90,
        "latency_p99_ms": summary.p99,
        "latency_mean_ms": summary.mean,
        "latency_std_ms": summary.std,
        "latency_min_ms": summary.minimum,
        "latency_samples_ms": timing.samples_ms,
        "outliers": outliers_of(timing.samples_ms),
        "latency_drift_percent": 100 * drift_of(timing.samples_ms).change,
        "clock_step_ns": timing.clock_step_ns,
        "clock_cost_ns": timing.clock_cost_ns,
    }


def _background(timing: Timing, cores: int | None) -> Fields:
    background = timing.background
    others, steal = background.others_cores(cores), background.steal_share
    return {
        "timed_s": background.seconds,
        "waited_percent": 100 * timing.waited_share,
        "voluntary_switches": background.voluntary,
        "involuntary_switches": background.involuntary,
        "major_faults": background.major_faults,
        "others_cores": others,
        "steal_percent": None if steal is None else 100 * steal,
    }


def _power(power: PowerDrawn) -> Fields:
    return {
        "power_idle_w": power.idle.watts if power.idle else None,
        "power_w": power.busy.watts if power.busy else None,
        "energy_per_inference_mj": power.busy.millijoules_per_call if power.busy else None,
    }


def _judgement(
    subject: Subject, measured: Measured, plan: Plan, accuracy: Accuracy | None
) -> Fields:
    """Return the intervals, the warnings and the verdict that they lead to."""
    run, timing = measured.run, measured.timing
    levels = levels_of(timing, run.threads, run.facts.cores)
    drift = drift_of(timing.samples_ms)
    warnings = (
        *timing_caveats(timing, levels[50], drift, run.threads, run.facts.cores),
        *thread_caveats(run.threads, run.facts, plan.cpus),
        *device_caveats(run),
        *weights_caveats((subject.structure.edgecnn or {}).get("weights")),
        *(data_caveats(plan.dataset) if plan.dataset else ()),
        *(accuracy_caveats(accuracy) if accuracy else ()),
    )
    verdict = verdict_on(warnings, levels[50], 100 * drift.change)
    fields: Fields = {
        "verdict": verdict.name,
        "verdict_evidence": verdict.evidence,
        "verdict_advice": verdict.advice,
        "warnings": warnings,
    }
    for percent, level in levels.items():
        fields[f"latency_p{percent}_low_ms"] = level and level.low
        fields[f"latency_p{percent}_high_ms"] = level and level.high
    return fields
