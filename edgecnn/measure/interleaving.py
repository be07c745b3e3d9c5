"""Models on one device, interleaved (A B C, C B A, ...) so that drift meets all of them alike.

Clock, heat and other programs change a device's speed within seconds, often by more than the
difference between two models. So models and thread counts are not timed one after the other: their
runners stay open together, and each makes a fortieth of its calls in turn, in a changing order.
"""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Iterator, Sequence
from functools import partial

from edgecnn.accuracy.kinds.result import AnyAccuracy
from edgecnn.core.errors import EdgecnnError
from edgecnn.core.failures import named_errors
from edgecnn.core.files import quoted
from edgecnn.core.progress import Progress, prefixed
from edgecnn.devices.device import Device
from edgecnn.devices.file_calls import file_call
from edgecnn.measure.candidate import Candidate, PreparedModel
from edgecnn.measure.concurrent_devices import ConvertedFiles
from edgecnn.measure.device_accuracy import DeviceAccuracy
from edgecnn.measure.plan import BenchPlan
from edgecnn.measure.record_builder import record_of
from edgecnn.measure.targets import Target
from edgecnn.model_metadata.described_file import DescribedFile
from edgecnn.records.record import Record

INTERLEAVED_ROUNDS = 40
"""Turns of each candidate. ``compare`` compares turn by turn: the shorter two successive turns are,
the more alike are their conditions."""

MOST_OPEN = 4
"""Runners that are open together at most: each takes caches and memory from the others."""

RUNNER_BYTES = 256 << 20
BYTES_PER_MODEL_BYTE = 4
"""Free bytes of memory that one more runner needs: for the runner, and for each byte of the model's
file, whose weights are in memory packed and unpacked."""

Group = list[Candidate]


class Bencher:
    """Measures models on one device, in groups whose members take turns.

    Args:
        device: The device, which is open.
        plan: How to measure.
        files: The ``.tflite`` file of each target.
        on_progress: Called with (phase, done, total).
    """

    def __init__(
        self, device: Device, plan: BenchPlan, files: ConvertedFiles, on_progress: Progress
    ) -> None:
        self._device, self._plan, self._files = device, plan, files
        self._on_progress = on_progress
        self._prepared: dict[int, PreparedModel] = {}
        self._accuracy = DeviceAccuracy(device, plan, on_progress)
        self._accuracies: dict[int, AnyAccuracy | None] = {}
        self._failed: set[int] = set()

    def measure(self, targets: Sequence[Target]) -> Iterator[Record | EdgecnnError]:
        """Yield each record as it is finished, and the error of each model that cannot be measured.

        A runner that dies during the timed calls costs one record. A model that fails before or
        after them is not tried with other thread counts.
        """
        waiting = deque((target, count) for target in targets for count in self._plan.threads)
        while waiting:
            group: Group = []
            try:
                yield from self._enter(waiting, group)
                yield from self._time(group)
                yield from self._finish(group)
            finally:
                for candidate in group:
                    candidate.end(kill=True)

    def _enter(self, waiting: deque[tuple[Target, int]], group: Group) -> Iterator[EdgecnnError]:
        """Start and warm up a runner for as many candidates as there is room for."""
        while waiting:
            target, threads = waiting[0]
            try:
                if id(target) not in self._failed:
                    model = self._prepare(target)
                    if group and not self._has_room(group, model):
                        return
                    group.append(self._entered(model, threads))
            except EdgecnnError as error:
                self._failed.add(id(target))
                yield error
            waiting.popleft()

    def _prepare(self, target: Target) -> PreparedModel:
        """Return a target as a model on the device: it is converted and sent if need be."""
        if id(target) not in self._prepared:
            label = quoted(target.label)
            with named_errors(label):
                path = self._files.of(target, prefixed(self._on_progress, f"converting {label}: "))
                file = DescribedFile(path)
                call = file_call(file, target.call_options(file))
                task = self._accuracy.task(file, call, label)
                place = self._device.place(path, partial(self._on_progress, f"sending {label}"))
            self._prepared[id(target)] = PreparedModel(target, path, file.sha256, place, call, task)
        return self._prepared[id(target)]

    def _entered(self, model: PreparedModel, threads: int) -> Candidate:
        candidate = Candidate(model, threads, self._device, self._plan)
        try:
            candidate.prepare(self._on_progress)
        except BaseException:
            candidate.end(kill=True)
            raise
        return candidate

    def _has_room(self, group: Group, model: PreparedModel) -> bool:
        """Return whether one more runner may be open beside those of a group."""
        if self._plan.cooldown or len(group) >= MOST_OPEN:
            return False
        free = group[-1].memory_available_bytes()
        needed = RUNNER_BYTES + BYTES_PER_MODEL_BYTE * model.path.stat().st_size
        return free is None or free >= needed

    def _time(self, group: Group) -> Iterator[EdgecnnError]:
        """Time the calls of all candidates in turn."""
        members = len(group)
        rounds = INTERLEAVED_ROUNDS if members > 1 else 1
        for number in range(rounds):
            for turn, candidate in enumerate(group[:: -1 if number % 2 else 1]):
                done = (number * members + turn) / (rounds * members)
                report = partial(self._tell_timing, candidate, members, done, rounds * members)
                report(0.0)
                try:
                    candidate.time(rounds - number, members, report)
                except EdgecnnError as error:
                    group.remove(candidate)
                    candidate.end(kill=True)
                    yield error

    def _tell_timing(
        self, candidate: Candidate, members: int, done: float, turns: int, fraction: float
    ) -> None:
        label, count = candidate.model.label, candidate.threads
        phase = (
            f"timing {label}, {count} thread(s)" if members == 1 else f"timing {members} in turn"
        )
        self._on_progress(phase, int(100 * (done + fraction / turns)), 100)

    def _finish(self, group: Group) -> Iterator[Record | EdgecnnError]:
        """Yield the record of each candidate, and end its runner."""
        members, name = len(group), uuid.uuid4().hex
        while group:
            candidate = group[0]
            target = id(candidate.model.target)
            outcome: Record | EdgecnnError | None = None
            if target not in self._failed:
                try:
                    outcome = self._record(candidate, members, name)
                except EdgecnnError as error:
                    self._failed.add(target)
                    outcome = error
            group.remove(candidate)
            candidate.end(kill=not isinstance(outcome, Record))
            if outcome is not None:
                yield outcome

    def _record(self, candidate: Candidate, members: int, group_name: str) -> Record:
        """Return a candidate's record; accuracy is measured once, as threads do not change it."""
        measured = candidate.finish(members, group_name)
        target = id(candidate.model.target)
        is_first = target not in self._accuracies
        if is_first:
            self._accuracies[target] = candidate.classify(self._accuracy)
        accuracy = self._accuracies[target]
        record = record_of(candidate, measured, accuracy, self._device.name, self._plan)
        if accuracy is not None and is_first:
            self._plan.on_accuracy(record, accuracy)
        return record
