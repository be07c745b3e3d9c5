"""The runner: it answers requests about one ``.tflite`` model on the device where it runs.

:mod:`edgecnn.runner.ondevice.protocol` has the requests and the answers.

The module travels to devices: the standard library, numpy and a TFLite runtime, and Python 3.9.
"""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Callable, Collection
from statistics import median
from typing import Any

from edgecnn.core.errors import EdgecnnError, InputError
from edgecnn.core.parent_pipe import ParentPipe
from edgecnn.core.platform_support import (
    affinity,
    keep_on_cpus,
    peak_memory_bytes,
    process_clock,
    resident_memory_bytes,
)
from edgecnn.runner.ondevice import protocol
from edgecnn.runner.ondevice.host import host_facts, host_health, power_text
from edgecnn.runner.ondevice.interpreter import LoadedInterpreter, shapes_in_call
from edgecnn.runner.ondevice.runtime import NoRuntimeError, Runtime, import_runtime
from edgecnn.runner.ondevice.sampling import (
    POWER_EVERY_S,
    CallCounter,
    Clocks,
    OnProgress,
    PowerMeter,
    clock_costs,
    read_counters,
    timed_calls,
)
from edgecnn.runner.ondevice.system import PROGRAM_TIMEOUT_S

WARM_WINDOW_S = 0.05
"""Seconds of a window of calls: a governor takes about so long to notice that there is work."""

WARM_WINDOW_CALLS = 3
WARM_CHANGE = 0.02
"""Relative change between the medians of two windows above which the device is not warm yet."""


class Runner:
    """Answers requests, and keeps the model that is loaded.

    Args:
        pipe: Pipe to the other side, which is told the progress of long requests.
    """

    def __init__(self, pipe: ParentPipe) -> None:
        self._pipe = pipe
        self._runtime: Runtime | None = None
        self._loaded: LoadedInterpreter | None = None
        self._base_rss_bytes: int | None = None
        self._peak_rss_bytes: int | None = None
        self._answers: dict[type, Callable[[Any], object]] = {
            protocol.DescribeHost: lambda request: host_facts(),
            protocol.AskHealth: lambda request: host_health(request.idle_s),
            protocol.LoadModel: self._load,
            protocol.CheckModel: self._check,
            protocol.WarmModel: self._warm,
            protocol.TimeModel: self._time,
            protocol.AskPower: self._power,
            protocol.AskMemory: self._memory,
            protocol.ClassifyBatch: self._classify,
            protocol.RunBatch: self._run_batch,
            protocol.AskShapes: lambda request: shapes_in_call(self._needed_runtime(), request),
        }

    def import_runtime(self) -> None:
        """Import the runtime while no request waits; ``LoadModel`` reports a failure."""
        try:
            self._runtime = import_runtime()
        except NoRuntimeError:
            self._runtime = None

    def answer(self, request: object) -> object:
        """Return the answer to a request of the protocol."""
        return self._answers[type(request)](request)

    def _needed_runtime(self) -> Runtime:
        return self._runtime or import_runtime()

    @property
    def _model(self) -> LoadedInterpreter:
        if self._loaded is None:
            raise EdgecnnError("no model is loaded")
        return self._loaded

    def _load(self, request: protocol.LoadModel) -> protocol.ModelLoaded:
        if request.cpus is not None:
            pin(request.cpus)
        self._runtime = self._needed_runtime()
        self._loaded = self._peak_rss_bytes = None
        self._base_rss_bytes = resident_memory_bytes()
        self._loaded = model = LoadedInterpreter(self._runtime, request)
        return protocol.ModelLoaded(
            runtime=self._runtime.name,
            runtime_version=self._runtime.version,
            python=platform.python_version(),
            load_ms=model.load_ms,
            inputs=model.inputs,
            outputs=model.outputs,
        )

    def _check(self, request: protocol.CheckModel) -> protocol.ModelChecked:
        self._model.fill(request.payload)
        self._model.run()
        return protocol.ModelChecked(self._model.is_finite())

    def _warm(self, request: protocol.WarmModel) -> protocol.ModelWarmed:
        model = self._model
        model.fill()
        model.run()
        assert model.first_ms is not None
        if request.calls is None:
            calls, steady = warm_until_steady(model, request.max_s, self._pipe.send)
            return protocol.ModelWarmed(model.first_ms, calls, steady)
        counter = CallCounter(self._pipe.send)
        for _ in range(request.calls):
            model.run()
            counter.count()
        return protocol.ModelWarmed(model.first_ms, request.calls, None)

    def _time(self, request: protocol.TimeModel) -> protocol.ModelTimed:
        model, clocks = self._model, Clocks()
        model.fill()
        for _ in range(request.settle):
            model.run()

        def on_progress(progress: protocol.CallProgress) -> None:
            self._pipe.send(progress)
            clocks.look()

        before = read_counters()
        limits = (request.runs, request.min_time_s, request.max_samples)
        samples, waited = timed_calls(model.invoke, model.threads, *limits, on_progress)
        after = read_counters()
        clocks.look()
        # The peak is read before the answer is made, whose text may be larger than a small model.
        self._peak_rss_bytes = self._peak_rss_bytes or peak_memory_bytes()
        step_ns, cost_ns = clock_costs()
        return protocol.ModelTimed(
            samples_ns=tuple(samples),
            waited_ns=tuple(waited) if process_clock() else None,
            counters=(before, after),
            clocks_khz=tuple(clocks.looks),
            clock_step_ns=step_ns,
            clock_cost_ns=cost_ns,
        )

    def _power(self, request: protocol.AskPower) -> protocol.PowerTexts:
        """Read the power meter while the model runs or nothing does."""
        if power_text() is None:
            return protocol.PowerTexts((), 0, 0.0)
        meter, calls, begin = PowerMeter(), 0, time.monotonic()
        meter.start()
        now, least = begin, begin + request.seconds
        try:
            # The loop goes on longer where a reading takes long, so that there is at least one.
            while now < least or (not meter.readings and now < least + PROGRAM_TIMEOUT_S):
                self._model.run() if request.busy else time.sleep(POWER_EVERY_S)
                calls, now = calls + 1, time.monotonic()
        finally:
            meter.finish()
        return protocol.PowerTexts(tuple(meter.readings), calls, now - begin)

    def _classify(self, request: protocol.ClassifyBatch) -> protocol.BatchClassified:
        return self._model.classify(request, CallCounter(self._pipe.send))

    def _run_batch(self, request: protocol.RunBatch) -> protocol.BatchRun:
        return self._model.answer(request, CallCounter(self._pipe.send))

    def _memory(self, request: protocol.AskMemory) -> protocol.MemoryUse:
        peak = self._peak_rss_bytes or peak_memory_bytes()
        return protocol.MemoryUse(self._base_rss_bytes, peak)


def warm_until_steady(
    model: LoadedInterpreter, max_s: float, on_progress: OnProgress
) -> tuple[int, bool]:
    """Run a model until the medians of two windows in a row are alike.

    Args:
        model: The model; its inputs are filled.
        max_s: Seconds at most: on a device that runs other programs, the medians may never be
            alike.
        on_progress: Called with the progress where calls take long.

    Returns:
        Number of calls, and whether the medians became alike.
    """
    begin, calls, last = time.monotonic(), 0, 0.0

    def tell(window: protocol.CallProgress) -> None:
        on_progress(protocol.CallProgress(calls + window.calls, time.monotonic() - begin))

    limits = (WARM_WINDOW_CALLS, WARM_WINDOW_S, sys.maxsize)
    while time.monotonic() - begin < max_s:
        window, _ = timed_calls(model.invoke, model.threads, *limits, tell)
        calls, now = calls + len(window), median(window)
        if abs(now - last) < WARM_CHANGE * last:
            return calls, True
        last = now
    return calls, False


def pin(cpus: Collection[int]) -> None:
    """Keep this process, and the threads that it will start, on some of the CPUs.

    Args:
        cpus: Numbers of the CPUs.

    Raises:
        InputError: The device has no such CPU, or its system cannot keep a process on one.
    """
    allowed = affinity()
    if allowed is None:
        raise InputError(f"{platform.system()} cannot keep a process on --cpus")
    if missing := sorted(set(cpus) - allowed):
        there = ",".join(map(str, sorted(allowed)))
        raise InputError(f"--cpus {','.join(map(str, missing))}: there are only {there}")
    keep_on_cpus(cpus)


def main() -> None:
    """Answer requests until the other side closes the pipe."""
    pipe = ParentPipe()
    runner = Runner(pipe)
    runner.import_runtime()
    while True:
        try:
            request = pipe.receive(*protocol.REQUESTS)
            if request is None:
                return
            pipe.send(runner.answer(request))
        except Exception as error:
            pipe.send_error(error)
