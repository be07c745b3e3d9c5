"""Builds a :class:`~edgecnn.records.record.Record` from the parts of a measurement."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from edgecnn.accuracy.kinds.result import AnyAccuracy
from edgecnn.core.version import __version__
from edgecnn.measure.candidate import Candidate, Measured, PowerDrawn, PreparedModel
from edgecnn.measure.caveats import (
    accuracy_caveats,
    data_caveats,
    thread_caveats,
    timing_caveats,
    weights_caveats,
)
from edgecnn.measure.device_caveats import (
    DeviceRun,
    device_caveats,
    later_cut_caveats,
    swapped_in_pages,
)
from edgecnn.measure.percentile_intervals import percentile_intervals
from edgecnn.measure.plan import BenchPlan
from edgecnn.measure.sample_statistics import Drift, drift_of, latency_figures, outliers_of
from edgecnn.measure.verdict import verdict_on
from edgecnn.records.record import SCHEMA_VERSION, Record
from edgecnn.runner.timing import Timing
from edgecnn.tflite.memory import activation_bytes

Fields = dict[str, Any]


def record_of(
    candidate: Candidate,
    measured: Measured,
    accuracy: AnyAccuracy | None,
    device: str,
    plan: BenchPlan,
) -> Record:
    """Return the record of one model at one thread count.

    Args:
        candidate: The model and the thread count, after the measurement.
        measured: What the runner told of the model.
        accuracy: How often the model is right; None where there was no data.
        device: Name of the device.
        plan: How the model was measured.
    """
    drift = drift_of(measured.timing.samples_ms)
    return Record(
        schema_version=SCHEMA_VERSION,
        edgecnn_version=__version__,
        measured_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        device=device,
        seconds=candidate.seconds,
        **_model(candidate.model, measured),
        **_device(measured.run),
        connection_cuts=candidate.cuts,
        **_conditions(measured, plan),
        **_latency(measured.timing, drift),
        **_background(measured.timing, measured.run.facts.cores),
        **_power(measured.power),
        **(accuracy.record_fields() if accuracy else {}),
        **_judgement(candidate, measured, plan, accuracy, drift),
    )


def _model(model: PreparedModel, measured: Measured) -> Fields:
    loaded, memory = measured.loaded, measured.memory
    source = (model.structure.edgecnn or {}).get("source")
    return {
        "model": model.target.label,
        "model_sha256": model.sha256,
        "model_bytes": model.path.stat().st_size,
        "scheme": model.structure.scheme,
        "source": source if isinstance(source, str) else None,
        "signature": model.call.signature,
        "input_shapes": model.call.shapes_text,
        "has_open_batch": model.call.has_fixed_batch,
        "input_shape": loaded.inputs[0].shape,
        "input_dtype": loaded.inputs[0].dtype,
        "activation_bytes": activation_bytes(model.structure),
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
        "rebooted": run.was_rebooted,
    }


def _conditions(measured: Measured, plan: BenchPlan) -> Fields:
    loaded, warm_up = measured.loaded, measured.warm_up
    return {
        "runtime": loaded.runtime,
        "runtime_version": loaded.runtime_version,
        "python": loaded.python,
        "threads": measured.run.threads,
        "cpus": None if plan.cpus is None else ",".join(map(str, plan.cpus)),
        "usable_cpus": measured.run.facts.confined_to(plan.cpus),
        "protocol": plan.protocol,
        "in_turn": measured.in_turn,
        "turn_group": measured.turn_group,
        "turn_runs": measured.timing.turn_runs if measured.turn_group else None,
        "cooldown_s": measured.cooldown_s,
        "warmup": warm_up.calls,
        "warmup_steady": warm_up.steady,
        "runs": len(measured.timing.samples_ms),
    }


def _latency(timing: Timing, drift: Drift) -> Fields:
    return {
        **latency_figures(timing.samples_ms),
        "latency_samples_ms": timing.samples_ms,
        "outliers": outliers_of(timing.samples_ms),
        "latency_drift_percent": 100 * drift.change,
        "clock_step_ns": timing.clock_step_ns,
        "clock_cost_ns": timing.clock_cost_ns,
    }


def _background(timing: Timing, cores: int | None) -> Fields:
    background = timing.background
    others, steal = background.others_cores(cores), background.steal_share
    waited = timing.waited_share
    return {
        "timed_s": background.seconds,
        "waited_percent": None if waited is None else 100 * waited,
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
    candidate: Candidate,
    measured: Measured,
    plan: BenchPlan,
    accuracy: AnyAccuracy | None,
    drift: Drift,
) -> Fields:
    """Return the intervals of the latency, the warnings, and the verdict that they lead to."""
    run, timing = measured.run, measured.timing
    intervals = percentile_intervals(timing, run.threads, run.facts.cores)
    warnings = (
        *timing_caveats(timing, intervals[50], drift, run.threads, run.facts.cores),
        *thread_caveats(run.threads, run.facts, plan.cpus),
        *device_caveats(run),
        *later_cut_caveats(candidate.cuts - run.cuts),
        *weights_caveats((candidate.model.structure.edgecnn or {}).get("weights")),
        *(data_caveats(plan.dataset) if plan.dataset else ()),
        *(accuracy_caveats(accuracy) if accuracy else ()),
    )
    verdict = verdict_on(warnings, intervals[50], 100 * drift.change)
    fields: Fields = {
        "verdict": verdict.name,
        "verdict_evidence": verdict.evidence,
        "verdict_advice": verdict.advice,
        "warnings": warnings,
    }
    for percent, interval in intervals.items():
        fields[f"latency_p{percent}_low_ms"] = interval and interval.low
        fields[f"latency_p{percent}_high_ms"] = interval and interval.high
    return fields
