"""What a call of ``edgecnn.bench`` asks for, checked before anything is done."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edgecnn.accuracy.kinds.result import AnyAccuracy
from edgecnn.core.errors import InputError
from edgecnn.data.datasets import Dataset
from edgecnn.measure.cooldown import Cooldown
from edgecnn.measure.reference import ReferenceModel
from edgecnn.measure.tasks import JudgingOptions
from edgecnn.records.record import Record
from edgecnn.runner.session import MAX_TIMED_CALLS, check_threads
from edgecnn.tflite.calls import NO_CALL_OPTIONS, CallOptions

MLPERF_RUNS = 1024
MLPERF_MIN_TIME_S = 60.0
"""Calls and seconds at least in the single-stream scenario of MLPerf Inference Rules 0.5, 2019."""

MLPERF = "mlperf-single-stream"
"""Name of MLPerf's single-stream scenario in records."""


@dataclass(frozen=True)
class BenchPlan:
    """How to measure; one plan holds for all models and devices of a call.

    Args:
        threads: Thread counts of the runtime; each is measured by itself.
        runs: Timed calls at least.
        min_time_s: Seconds of timing at least.
        warmup: Calls before the timed ones; None goes on until they are steady.
        dataset: Labelled images for accuracy; None measures none.
        judging: What the user says of how files are judged on the data.
        cpus: Numbers of the CPUs to run on; None leaves that to the system.
        cooldown: Rest before each model; None measures models in turn instead.
        protocol: Name of the published protocol that the measurement follows.
        on_accuracy: Called with the first record of a model, and the answers behind its accuracy.
        against: A file that models are compared with, image by image.
    """

    threads: tuple[int, ...]
    runs: int
    min_time_s: float
    warmup: int | None
    dataset: Dataset | None
    judging: JudgingOptions
    cpus: tuple[int, ...] | None = None
    cooldown: Cooldown | None = None
    protocol: str | None = None
    on_accuracy: Callable[[Record, AnyAccuracy], None] = lambda record, accuracy: None
    against: ReferenceModel | None = None

    def compared_with(self, path: str | Path, call: CallOptions = NO_CALL_OPTIONS) -> BenchPlan:
        """Return the plan with a file that models are compared with.

        Args:
            path: Path of the file.
            call: How the models are called, and the file, too, where it needs that.

        Raises:
            InputError: The plan has no data, or the file cannot be used.
        """
        if self.dataset is None:
            raise InputError("--against goes with --data, whose images both classify")
        judging = dataclasses.replace(self.judging, is_compared=True)
        against = ReferenceModel.open(path, self.dataset, judging, call)
        return dataclasses.replace(self, against=against, judging=judging)

    def check(self) -> None:
        """Raise InputError where a number of the plan makes no sense."""
        if not self.threads:
            raise InputError("--threads takes one count or several: --threads 1,2")
        check_threads(self.threads)
        if not 1 <= self.runs <= MAX_TIMED_CALLS:
            raise InputError(f"--runs must be 1 to {MAX_TIMED_CALLS}, not {self.runs}")
        if self.warmup is not None and self.warmup < 0:
            raise InputError(f"--warmup must be 0 or more, not {self.warmup}")
        if not (math.isfinite(self.min_time_s) and self.min_time_s >= 0):
            raise InputError(f"--min-time must be 0 or more seconds, not {self.min_time_s}")
        if self.cpus is not None and (not self.cpus or min(self.cpus) < 0):
            raise InputError("--cpus takes numbers of CPUs, from 0 on: --cpus 0,1")
        if self.judging.images is not None and self.judging.images < 1:
            raise InputError(f"--images must be 1 or more, not {self.judging.images}")
        if self.judging.images is not None and self.dataset is None:
            raise InputError("--images goes with --data, whose images it limits")
        if self.judging.labels.names and self.dataset is None:
            raise InputError("--labels goes with --data, whose classes they are matched with")
        if self.judging.anchors is not None and self.dataset is None:
            raise InputError("--anchors goes with --data, whose boxes detections are judged by")
        if self.judging.tasks and self.dataset is None:
            raise InputError("--task goes with --data, by which the outputs are judged")
