"""``edgecnn.profile``: which ops the latency of a file goes to on a device."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from edgecnn.core.errors import InputError
from edgecnn.core.failures import crash_explained, named_errors
from edgecnn.core.files import writing
from edgecnn.core.progress import Progress, silent
from edgecnn.core.temporary import temporary_folder
from edgecnn.core.version import __version__
from edgecnn.data.inputspec import height_and_width
from edgecnn.devices.device import Device
from edgecnn.devices.device_lookup import get_device
from edgecnn.devices.file_calls import file_call
from edgecnn.measure.caveats import thread_caveats
from edgecnn.profiling.analysis import (
    CALL,
    WHOLE,
    Parts,
    kind_times,
    limits_of,
    notes,
    op_times,
)
from edgecnn.profiling.cutting import copies, cutter_of
from edgecnn.profiling.memory_reuse import with_idle_bytes
from edgecnn.profiling.profiled_ops import IN_FLOAT32, IN_INT8, ProfiledOp, running_ops
from edgecnn.profiling.references import (
    CONVOLUTIONS,
    COPIED_BYTES,
    LEAST_BYTES,
    convolution,
    copying,
    several,
)
from edgecnn.profiling.result import PROFILE_SCHEMA_VERSION, Profile
from edgecnn.profiling.rounds import PlacedFile, RoundTimer, RoundTimes
from edgecnn.runner.ondevice.protocol import ModelLoaded
from edgecnn.runner.session import DeviceFacts, check_threads
from edgecnn.tflite.calls import CallOptions, ModelCall
from edgecnn.tflite.file import TfliteFile


def profile(
    path: str | Path,
    *,
    device: str = "desktop",
    threads: int = 1,
    size: int | tuple[int, int] | None = None,
    input_shapes: Mapping[str, Sequence[int]] | None = None,
    signature: str | None = None,
    on_progress: Progress = silent,
    ask_password: Callable[[str], str] | None = None,
) -> Profile:
    """Time each op of a file on a device, and say what limits the op.

    Each op is cut out, and copies of it run in a row, so that it finds the caches much as in the
    network. Ops that are alike are timed once. All parts are timed in turn with the whole model.
    Dense convolutions and copies, in the same rounds, show what the device can do at best.

    Args:
        path: Path of a ``.tflite`` file.
        device: Name of the device: ``"desktop"``, a name of the inventory, or an address such as
            ``"[user@]host[:port]"``.
        threads: Threads of the runtime.
        size: For a file that takes images of any size: pixels of their sides, or (height, width).
        input_shapes: For a file that leaves the shape of an input open: name of an input -> its
            shape with the batch; an empty name stands for the only such input.
        signature: For a file with several signatures: the one to call.
        on_progress: Called with (phase, done, total).
        ask_password: Given a question, returns a device's password; None tries keys only.

    Raises:
        InputError: The file or an option cannot be used.
        DeviceError: The device cannot be reached, or is in use.
        ChildCrashedError: The runtime crashed on the file.

    Example:
        >>> edgecnn.profile("model.tflite").kinds[0].kind
        'CONV_2D'
    """
    check_threads([threads])
    file = TfliteFile(path)
    sides = None if size is None else height_and_width(size)
    call = file_call(file, CallOptions(sides, input_shapes or {}, signature))
    ops = with_idle_bytes(call.model, running_ops(call.model))
    if not ops:
        raise InputError(f"{file.label} has no ops to profile")
    profiler = _Profiler(file, call, ops, get_device(device, ask_password), threads, on_progress)
    return profiler.run()


@dataclass(frozen=True)
class _Run:
    """What was measured on a device."""

    loaded: ModelLoaded
    facts: DeviceFacts
    parts: Parts
    times: RoundTimes


@dataclass(frozen=True)
class _Profiler:
    file: TfliteFile
    call: ModelCall
    ops: list[ProfiledOp]
    device: Device
    threads: int
    on_progress: Progress

    def run(self) -> Profile:
        """Measure, and return the profile."""
        begin, when = time.monotonic(), datetime.now(timezone.utc).isoformat(timespec="seconds")
        label = self.file.label
        with named_errors(label), temporary_folder() as folder:
            self.on_progress(f"cutting {label} into its ops", 0, 0)
            with self.device:
                run = self._measured(folder)
        return self._profile(run, when, time.monotonic() - begin)

    def _measured(self, folder: Path) -> _Run:
        label = self.file.label
        place = self.device.place(self.file.path, self._telling(f"sending {label}"))
        whole = PlacedFile(place, call=self.call)
        with RoundTimer(self.device, f"profiling {label}", self.threads) as timer:
            with crash_explained():
                loaded = timer.try_whole(whole)
            facts = timer.session.facts()
            if facts.emulated:
                return _Run(loaded, facts, Parts(), RoundTimes())
            parts = self._parts(folder)
            files = {WHOLE: whole, **parts.files, **self._references(folder)}
            times = timer.rounds(files, self._telling(f"timing the ops of {label}"))
        if WHOLE in times.errors:
            raise times.errors[WHOLE]
        return _Run(loaded, facts, parts, times)

    def _parts(self, folder: Path) -> Parts:
        """Cut out the ops; ops that are alike share a part."""
        cutter, parts = cutter_of(self.file.path, self.ops, self.call.model), Parts()
        tell = self._telling(f"cutting {self.file.label} into its ops")
        for number, op in enumerate(self.ops):
            tell(number, len(self.ops))
            key, partner = cutter.likeness(op), cutter.partner(op)
            if partner is not None:
                parts.partners[op.place] = partner.place
                key = (key, cutter.likeness(partner))
            parts.keys[op.place] = key
            if key in parts.files:
                continue
            content = cutter.alone(op) if partner is None else cutter.joined(op, partner)
            parts.files[key] = self._placed(folder, content, copies(partner or op))
        return parts

    def _references(self, folder: Path) -> dict[Hashable, PlacedFile]:
        """Make the models that show what the device can do at best."""
        files: dict[Hashable, PlacedFile] = {CALL: self._placed(folder, copying(LEAST_BYTES), 1)}
        for precision in (IN_FLOAT32, IN_INT8):
            for form in CONVOLUTIONS:
                part = several(convolution(*form, precision))
                files[(precision, *form)] = self._placed(folder, *part)
        for size in COPIED_BYTES:
            files[size] = self._placed(folder, *several(copying(size)))
        return files

    def _placed(self, folder: Path, content: bytes, copies: int) -> PlacedFile:
        path = folder / f"{len(list(folder.iterdir()))}.tflite"
        with writing(path):
            path.write_bytes(content)
        return PlacedFile(self.device.place(path), copies)

    def _telling(self, phase: str) -> Callable[[int, int], None]:
        return lambda done, total: self.on_progress(phase, done, total)

    def _profile(self, run: _Run, when: str, seconds: float) -> Profile:
        facts, loaded, times = run.facts, run.loaded, run.times
        limits = limits_of(times)
        ops = op_times(self.ops, run.parts, times, limits)
        timed = [op.time_ms for op in ops if op.time_ms is not None]
        total = sum(timed) if timed else None
        return Profile(
            schema_version=PROFILE_SCHEMA_VERSION,
            edgecnn_version=__version__,
            measured_at=when,
            model=str(self.file.path),
            model_sha256=self.file.sha256,
            scheme=self.call.model.scheme,
            signature=self.call.signature,
            input_shapes=self.call.shapes_text,
            has_open_batch=self.call.has_fixed_batch,
            device=self.device.name,
            cpu=facts.cpu,
            board=facts.board,
            architecture=facts.architecture,
            emulated=bool(facts.emulated),
            runtime=loaded.runtime,
            runtime_version=loaded.runtime_version,
            threads=self.threads,
            latency_p50_ms=times.latency_ms(WHOLE),
            running_p50_ms=times.ms(WHOLE),
            ops_ms=total,
            limits=limits,
            kinds=kind_times(self.ops, ops, limits),
            ops=ops,
            notes=(
                *(f"{each.message}: {each.advice}" for each in thread_caveats(self.threads, facts)),
                *notes(times, ops, total, emulated=bool(facts.emulated)),
            ),
            seconds=seconds,
        )
