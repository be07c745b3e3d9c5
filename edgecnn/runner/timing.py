"""The timed calls of a runner, and what else the device did during them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

from edgecnn.runner.health import cpu_times, lowest_mhz
from edgecnn.runner.ondevice.protocol import Counters, ModelTimed
from edgecnn.runner.ondevice.sampling import NS_PER_MS


@dataclass(frozen=True)
class Background:
    """What the kernel counted during the timed calls; None for what it does not tell.

    Args:
        seconds: Time that the timed calls took, with what lies between them.
        cpu_s: CPU time of all threads of the runner, in seconds.
        voluntary: How often the runner gave up its CPU, to wait for something.
        involuntary: How often the runner's CPU was taken away.
        major_faults: Pages that had to be read from a disk.
        all_ticks: Time of all cores, in the kernel's ticks.
        busy_ticks: Ticks that programs used, the runner among them.
        steal_ticks: Ticks that the host of a virtual machine kept.
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
    def of(cls, before: Counters, after: Counters) -> Background:
        """Return what was counted between two readings of the kernel's counters."""
        counted: dict[str, Any] = {}
        for name in ("cpu_s", "voluntary", "involuntary", "major_faults"):
            begin, end = getattr(before, name), getattr(after, name)
            counted[name] = None if begin is None else end - begin
        times = cpu_times(before.cpu_times, after.cpu_times)
        if times is not None:
            counted.update(all_ticks=times.total, busy_ticks=times.busy, steal_ticks=times.steal)
        return cls(after.at_s - before.at_s, **counted)

    @classmethod
    def total(cls, parts: Sequence[Background]) -> Background:
        """Return the sum of what was counted in several stretches of time."""
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
            cores: Logical cores of the device.
        """
        if self.busy_ticks is None or self.cpu_s is None:
            return None
        if not self.all_ticks or not self.seconds or not cores:
            return None
        return max(0.0, cores * self.busy_ticks / self.all_ticks - self.cpu_s / self.seconds)


@dataclass(frozen=True)
class Timing:
    """Latencies of single calls, in the order in which they were made.

    Args:
        samples_ms: Milliseconds of each timed call.
        turn_runs: How many of the calls were made in each stretch.
        waited_ms: Milliseconds of each call in which its threads did not run, the mean of the
            threads: they had no CPU, or waited for each other. None where the system does not tell.
        background: What the kernel counted meanwhile.
        cpu_lowest_mhz: Lowest clock of the fastest core, read a few times a second.
        clock_step_ns: Smallest step of the clock that was seen, in nanoseconds.
        clock_cost_ns: Nanoseconds that a sample of an empty call reads; part of every sample.
    """

    samples_ms: tuple[float, ...]
    turn_runs: tuple[int, ...]
    waited_ms: tuple[float, ...] | None
    background: Background
    cpu_lowest_mhz: float | None
    clock_step_ns: float | None
    clock_cost_ns: float

    @classmethod
    def of(cls, answer: ModelTimed) -> Timing:
        """Return the timed calls from a runner's answer."""
        waited = answer.waited_ns
        return cls(
            samples_ms=tuple(sample / NS_PER_MS for sample in answer.samples_ns),
            turn_runs=(len(answer.samples_ns),),
            waited_ms=None if waited is None else tuple(each / NS_PER_MS for each in waited),
            background=Background.of(*answer.counters),
            cpu_lowest_mhz=lowest_mhz(answer.clocks_khz),
            clock_step_ns=answer.clock_step_ns,
            clock_cost_ns=answer.clock_cost_ns,
        )

    @classmethod
    def joined(cls, parts: Sequence[Timing]) -> Timing:
        """Return several stretches of calls of one model as one.

        Args:
            parts: The stretches in their order, at least one.
        """
        clocks = [part.cpu_lowest_mhz for part in parts if part.cpu_lowest_mhz is not None]
        steps = [part.clock_step_ns for part in parts if part.clock_step_ns is not None]
        waited = [part.waited_ms for part in parts if part.waited_ms is not None]
        return cls(
            samples_ms=tuple(sample for part in parts for sample in part.samples_ms),
            turn_runs=tuple(runs for part in parts for runs in part.turn_runs),
            waited_ms=tuple(each for part in waited for each in part)
            if len(waited) == len(parts)
            else None,
            background=Background.total([part.background for part in parts]),
            cpu_lowest_mhz=min(clocks, default=None),
            clock_step_ns=min(steps, default=None),
            clock_cost_ns=min(part.clock_cost_ns for part in parts),
        )

    @property
    def waited_share(self) -> float | None:
        """Share of the calls' time in which their threads did not run; None if that is unknown."""
        took = sum(self.samples_ms)
        return None if self.waited_ms is None or not took else sum(self.waited_ms) / took

    @cached_property
    def running_ms(self) -> tuple[float, ...]:
        """CPU time of each call in ms, the mean of its threads; the latency where it is unknown."""
        if self.waited_ms is None:
            return self.samples_ms
        pairs = zip(self.samples_ms, self.waited_ms, strict=True)
        return tuple(max(0.0, sample - waited) for sample, waited in pairs)
