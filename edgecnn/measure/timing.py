"""What a runner's timed calls gave, and what else went on in the device meanwhile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from edgecnn.runner.health import cpu_times, lowest_mhz

NS_PER_MS = 1e6


@dataclass(frozen=True)
class WarmUp:
    """The calls before the timed ones.

    Args:
        first_inference_ms: The first call after loading.
        calls: How many came after it.
        steady: Whether they were as fast as each other in the end; None where it was not asked.
    """

    first_inference_ms: float
    calls: int
    steady: bool | None


@dataclass(frozen=True)
class Background:
    """What the kernel counted during the timed calls; what it does not tell is None.

    Args:
        seconds: The timed calls took, with what lies between them.
        cpu_s: CPU time of the runner, all of its threads.
        voluntary: Times that it gave its CPU away, to wait for something.
        involuntary: Times that its CPU was taken from it.
        major_faults: Pages that had to be read from a disk.
        all_ticks: Time of all cores, in the kernel's ticks.
        busy_ticks: Of them, those that any program used, the runner too.
        steal_ticks: Of them, those that the host of a virtual machine kept.
    """

    seconds: float
    cpu_s: float | None = None
    voluntary: int | None = None
    involuntary: int | None = None
    major_faults: int | None = None
    all_ticks: int | None = None
    busy_ticks: int | None = None
    steal_ticks: int | None = None

    @classmethod
    def of(cls, before: Mapping[str, Any], after: Mapping[str, Any]) -> Background:
        """Return what passed between two of a runner's readings."""
        counted: dict[str, Any] = {
            name: None if before[name] is None else after[name] - before[name]
            for name in ("cpu_s", "voluntary", "involuntary", "major_faults")
        }
        times = cpu_times(before["cpu_times"], after["cpu_times"])
        if times is not None:
            counted.update(all_ticks=times.total, busy_ticks=times.busy, steal_ticks=times.steal)
        return cls(after["at_s"] - before["at_s"], **counted)

    @classmethod
    def total(cls, parts: Sequence[Background]) -> Background:
        """Add up what was counted in several stretches of time."""
        columns = {f.name: [getattr(part, f.name) for part in parts] for f in fields(cls)}
        summed: dict[str, Any] = {
            name: None if None in values else sum(values) for name, values in columns.items()
        }
        return cls(**summed)

    @property
    def steal_share(self) -> float | None:
        """Share of all cores' time that the host of a virtual machine kept."""
        if not self.all_ticks or self.steal_ticks is None:
            return None
        return self.steal_ticks / self.all_ticks

    def others_cores(self, cores: int | None) -> float | None:
        """Return how many cores other programs kept busy, on average.

        Args:
            cores: Of the device.
        """
        if not self.all_ticks or self.busy_ticks is None or self.cpu_s is None or not cores:
            return None
        return max(0.0, cores * self.busy_ticks / self.all_ticks - self.cpu_s / self.seconds)


@dataclass(frozen=True)
class Timing:
    """Latencies of single calls, in the order they were made.

    Args:
        samples_ms: The timed calls.
        turn_runs: How many of them were made in each stretch.
        waited_ms: How long of each call its threads did not run, on average: without a CPU, or
            waiting for each other.
        background: What else went on meanwhile.
        cpu_lowest_mhz: Lowest clock of the fastest core, looked at a few times a second.
        clock_step_ns: Smallest step of the clock that was seen.
        clock_cost_ns: What a sample would read if nothing were called; part of every sample.
    """

    samples_ms: tuple[float, ...]
    turn_runs: tuple[int, ...]
    waited_ms: tuple[float, ...]
    background: Background
    cpu_lowest_mhz: float | None
    clock_step_ns: float | None
    clock_cost_ns: float

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> Timing:
        """Return what a runner's answer to ``time`` says."""
        return cls(
            samples_ms=tuple(sample / NS_PER_MS for sample in answer["samples_ns"]),
            turn_runs=(len(answer["samples_ns"]),),
            waited_ms=tuple(waited / NS_PER_MS for waited in answer["waited_ns"]),
            background=Background.of(*answer["counters"]),
            cpu_lowest_mhz=lowest_mhz(answer["clocks_khz"]),
            clock_step_ns=answer["clock_step_ns"],
            clock_cost_ns=answer["clock_cost_ns"],
        )

    @classmethod
    def joined(cls, parts: Sequence[Timing]) -> Timing:
        """Put several stretches of calls of one model one after the other.

        Args:
            parts: At least one.
        """
        clocks = [part.cpu_lowest_mhz for part in parts if part.cpu_lowest_mhz is not None]
        steps = [part.clock_step_ns for part in parts if part.clock_step_ns is not None]
        return cls(
            samples_ms=tuple(sample for part in parts for sample in part.samples_ms),
            turn_runs=tuple(runs for part in parts for runs in part.turn_runs),
            waited_ms=tuple(waited for part in parts for waited in part.waited_ms),
            background=Background.total([part.background for part in parts]),
            cpu_lowest_mhz=min(clocks, default=None),
            clock_step_ns=min(steps, default=None),
            clock_cost_ns=min(part.clock_cost_ns for part in parts),
        )

    @property
    def waited_share(self) -> float:
        """Share of the calls' time in which their threads did not run."""
        took = sum(self.samples_ms)
        return sum(self.waited_ms) / took if took else 0.0

    @property
    def running_ms(self) -> tuple[float, ...]:
        """The calls without what their threads waited: CPU time a thread."""
        both = zip(self.samples_ms, self.waited_ms, strict=True)
        return tuple(sample - waited for sample, waited in both)
