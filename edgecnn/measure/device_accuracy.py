"""Accuracy of models on one device, and of the reference that they are compared with."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from edgecnn.accuracy.kinds.result import AnyAccuracy
from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.core.progress import Progress
from edgecnn.devices.device import Device
from edgecnn.measure.labelled_task import LabelledTask, ReferenceRun
from edgecnn.measure.parallel_classification import RunnerSource
from edgecnn.measure.plan import BenchPlan
from edgecnn.measure.tasks import find_task
from edgecnn.model_metadata.described_file import DescribedFile
from edgecnn.runner.session import RunnerSession
from edgecnn.tflite.calls import ModelCall

MEMORY_SHARE = 0.5
"""Share of the free memory that runners beside the first may take; other programs may need the
rest."""


class DeviceAccuracy:
    """Classifies a plan's images on a device.

    Args:
        device: The device, which is open.
        plan: How to measure, with labelled data.
        on_progress: Called with (phase, done, total).
    """

    def __init__(self, device: Device, plan: BenchPlan, on_progress: Progress) -> None:
        self._device = device
        self._plan = plan
        self._on_progress = on_progress

    def task(self, file: DescribedFile, call: ModelCall, label: str) -> LabelledTask[Any] | None:
        """Return a model with the images that it is to classify; None where the plan has no data.

        Args:
            file: The model's file.
            call: How the file is called.
            label: What messages call the model.

        Raises:
            InputError: The model does not fit the data.
        """
        plan = self._plan
        if plan.dataset is None:
            return None
        return find_task(file, call.model, plan.dataset, plan.judging, label)

    def run(
        self,
        task: LabelledTask[Any],
        session: RunnerSession,
        sha256: str,
        place: str,
        call: ModelCall,
        threads: int,
        label: str,
    ) -> AnyAccuracy:
        """Classify the images.

        Args:
            task: The model and its images, as :meth:`task` gave them.
            session: A runner that has the model loaded, and has nothing else to do.
            sha256: SHA-256 of the model's file.
            place: Path of the model's file on the device.
            call: How the model is called.
            threads: Threads of the runtime.
            label: What messages call the model.
        """

        def report(done: int, total: int) -> None:
            self._on_progress(f"accuracy of {label}", done, total)

        report(0, 0)
        more = self._runners(place, call, threads, label, self._most(session, threads))
        reference = self._reference
        if reference is not None and type(reference.task) is not type(task):
            raise InputError(
                f"{label} and {quoted(reference.path)} of --against are judged by other figures, "
                "as their outputs are of other kinds"
            )
        if reference is None or reference.sha256 != sha256:
            measured: AnyAccuracy = task.run(session, report, more, reference)
            return measured
        accuracy: AnyAccuracy = task.run(session, report, more)
        # The model is the reference itself, which need not classify the images a second time.
        reference.answers, reference.seen = accuracy.answers, accuracy.seen
        return accuracy

    @cached_property
    def _reference(self) -> ReferenceRun[Any] | None:
        against = self._plan.against
        if against is None:
            return None
        label = quoted(against.path)
        place = self._device.place(
            against.path, lambda done, total: self._on_progress(f"sending {label}", done, total)
        )
        threads = self._plan.threads[0]
        most = self._device.most_runners(threads)
        runners = self._runners(place, against.call, threads, label, most)
        return ReferenceRun(against.task, str(against.path), against.sha256, runners)

    def _runners(
        self, place: str, call: ModelCall, threads: int, label: str, most: int
    ) -> RunnerSource:
        task = f"running {label}"
        return RunnerSource(lambda: self._device.start(task), place, threads, most, call)

    def _most(self, session: RunnerSession, threads: int) -> int:
        """Return how many runners the device has cores and memory for."""
        most = self._device.most_runners(threads)
        free = session.health().memory_available_bytes
        used = session.memory().peak_rss_bytes
        if most > 1 and free and used:
            most = min(most, 1 + int(MEMORY_SHARE * free / used))
        return most
