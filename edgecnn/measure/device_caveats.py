"""Warnings about the device itself: heat, supply, clock, other programs, memory.

Raspberry Pi's documentation says what its boards do and need:
https://www.raspberrypi.com/documentation/computers/raspberry-pi.html#power-supply and
.../raspberry-pi.html#frequency-management-and-thermal-control.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edgecnn.records.record import MeasurementWarning
from edgecnn.runner.health import THROTTLING_BITS, Health, has_occurred, is_now
from edgecnn.runner.session import DeviceFacts

HOT_C = 75.0
"""Degrees Celsius from which a Raspberry Pi is hot: it slows down from 80 on, and a run of some
minutes adds the difference."""

SLOW_SHARE = 0.95
"""Share of its highest clock below which a CPU is slow; measured clocks differ a little from the
clock that was set."""

BUSY_SHARE = 0.25
"""Share of all cores that other programs may keep busy: they share caches, memory and heat with the
model even if a core is free."""

BUSY_CORES = 0.25
"""How many of the cores that the model needs other programs may keep busy: a quarter of a core
shows in the slower calls."""

LITTLE_MEMORY_BYTES = 64 << 20
"""Free bytes of memory below which Linux begins to drop pages that it has to read again later, such
as those of the model's file."""

SWAPPED_PAGES = 64
"""Pages that may be read back from swap: a sleeping service that wakes up reads fewer."""

FIXED_GOVERNOR = "performance"

SET_GOVERNOR = "echo performance | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"

SUPPLIES = {
    "Raspberry Pi 5": "5 V 5 A",
    "Raspberry Pi Compute Module 5": "5 V 5 A",
    "Raspberry Pi 4": "5 V 3 A",
    "Raspberry Pi 3": "5 V 2.5 A",
    "Raspberry Pi Zero 2": "5 V 2 A",
}
"""What the supply of a board should give, from the maker's table of power supplies.

The names of Raspberry Pi 500 and 400 begin like those of 5 and 4, whose supplies they take."""

SOCS_OF_64_BITS = ("brcm,bcm2710", "brcm,bcm2711", "brcm,bcm2712", "brcm,bcm2837")
"""Chips of Pi Zero 2, 3, 4 and 5: their 64 bits cannot be told from what a 32-bit kernel says."""


@dataclass(frozen=True)
class DeviceRun:
    """A device before, during and after the timed calls of one model.

    Args:
        facts: What the device is.
        before: Health of the device before the model was loaded.
        after: Health of the device after the last timed call.
        cpu_lowest_mhz: Lowest clock of the fastest core while the calls were timed.
        threads: Threads of the runtime.
        cuts: How often the connection to the device was cut until the last timed call.
    """

    facts: DeviceFacts
    before: Health
    after: Health
    cpu_lowest_mhz: float | None
    threads: int
    cuts: int = 0

    @property
    def was_rebooted(self) -> bool | None:
        """Whether the device was booted anew meanwhile; None where its system does not tell."""
        boots = self.before.boot_id, self.after.boot_id
        return None if None in boots else boots[0] != boots[1]

    @property
    def is_raspberry_pi(self) -> bool:
        """Whether the device is a Raspberry Pi, whose maker tells limits of heat and supply."""
        return (self.facts.board or "").startswith("Raspberry Pi")


def device_caveats(run: DeviceRun) -> Iterator[MeasurementWarning]:
    """Yield warnings about a device, the worst first."""
    yield from _emulation(run)
    yield from _interruptions(run)
    for condition in THROTTLING_BITS:
        yield from _throttling(run, condition)
    yield from _heat(run)
    yield from _clock(run)
    yield from _others(run)
    yield from _memory(run)
    yield from _bits(run)


def _interruptions(run: DeviceRun) -> Iterator[MeasurementWarning]:
    if run.was_rebooted:
        yield MeasurementWarning(
            "rebooted",
            "the device was booted anew during this measurement, and a new runner went on",
            "find out why it stopped (its supply, its memory, a watchdog), and measure again",
        )
    if run.cuts:
        yield MeasurementWarning(
            "connection-cut",
            f"the connection was cut {run.cuts} time(s) before the last timed call, and a new "
            "runner went on",
            "measure again over a steadier network",
        )


def later_cut_caveats(cuts: int) -> Iterator[MeasurementWarning]:
    """Yield a warning about a connection that was cut after the last timed call.

    Args:
        cuts: How often it was cut.
    """
    if cuts:
        yield MeasurementWarning(
            "connection-cut-later",
            f"the connection was cut {cuts} time(s) after the last timed call, and images without "
            "an answer were sent again",
            "nothing need be done, as answers and times are not changed by that",
        )


def _emulation(run: DeviceRun) -> Iterator[MeasurementWarning]:
    if run.facts.emulated:
        yield MeasurementWarning(
            "emulated-cpu",
            "the CPU is emulated, and the times are the emulator's, not the board's",
            "measure speed on the board itself; size and accuracy are as on it",
        )


def _throttling(run: DeviceRun, condition: str) -> Iterator[MeasurementWarning]:
    """Yield the worst warning about one condition that the firmware reports.

    The firmware remembers every condition since boot. So a bit that is set during a measurement
    tells of that measurement, and a bit that was set before tells nothing of it.
    """
    before, after = run.before.throttled, run.after.throttled
    message, advice = _CONDITION_TEXTS[condition]
    advice = advice.format(supply=_supply(run.facts.board))
    came = has_occurred(after, condition) and not has_occurred(before, condition)
    if is_now(before, condition) or is_now(after, condition) or (came and before is not None):
        yield MeasurementWarning(condition, f"{message} during this measurement", advice)
    elif has_occurred(before, condition) or has_occurred(after, condition):
        since = f"{message} at some time since boot, perhaps not during this measurement"
        yield MeasurementWarning(
            f"{condition}-since-boot", since, f"{advice}; boot again to clear it"
        )


_COOL_AND_SUPPLY = "cool the board with a heat sink or a fan, and use {supply} supply"

_HOLD = "hold the clock at its highest, and cool the board"

_COOL = "cool the board with a heat sink or a fan, wait, and measure again"

_CONDITION_TEXTS = {
    "under-voltage": (
        "the supply's voltage was too low",
        "use {supply} supply with a short, thick cable, and unplug USB devices",
    ),
    "frequency-capped": (
        "the firmware capped the CPU's clock",
        "see to supply and heat: use {supply} supply, and a heat sink or a fan",
    ),
    "throttled": (
        "the firmware throttled the CPU",
        _COOL_AND_SUPPLY,
    ),
    "soft-temperature-limit": ("the CPU was slowed down at its soft temperature limit", _COOL),
}


def _supply(board: str | None) -> str:
    for name, rating in SUPPLIES.items():
        if (board or "").startswith(name):
            return f"a {rating}"
    return "the board's own"


def _heat(run: DeviceRun) -> Iterator[MeasurementWarning]:
    # A PC's processor may be this hot; only for Raspberry Pis the maker gives a limit.
    temperatures = (run.before.temperature_c, run.after.temperature_c)
    highest = max((value for value in temperatures if value is not None), default=0.0)
    if run.is_raspberry_pi and highest >= HOT_C:
        yield MeasurementWarning(
            "hot", f"the CPU was at {highest:.0f} °C, and is slowed down from 80 °C", _COOL
        )


def _clock(run: DeviceRun) -> Iterator[MeasurementWarning]:
    """Yield warnings about the clock of a board.

    PCs are left out: their highest clock holds for moments and on few cores, and all their
    governors follow the load within milliseconds.
    """
    facts = run.facts
    if facts.board is None:
        return
    if facts.governor not in (None, FIXED_GOVERNOR):
        yield MeasurementWarning(
            "governor",
            f"the CPU's governor is {facts.governor}, which does not hold the highest clock",
            f"hold it at its highest with `{SET_GOVERNOR}`",
        )
    is_fixed = facts.governor == FIXED_GOVERNOR
    advice = _COOL_AND_SUPPLY.format(supply=_supply(facts.board)) if is_fixed else _HOLD
    lowest, highest = run.cpu_lowest_mhz, facts.cpu_max_mhz
    if lowest is not None and highest is not None and lowest < SLOW_SHARE * highest:
        yield MeasurementWarning(
            "slow-clock",
            f"the CPU ran at {lowest:.0f} MHz at times, and could at {highest:.0f} MHz",
            advice,
        )


def _others(run: DeviceRun) -> Iterator[MeasurementWarning]:
    percent, cores = run.before.busy_percent, run.facts.cores
    if percent is None or cores is None:
        return
    busy = percent / 100 * cores
    too_few = busy > cores - min(run.threads, cores) + BUSY_CORES
    if too_few or busy > BUSY_SHARE * cores:
        yield MeasurementWarning(
            "busy-device",
            f"other programs kept {busy:.1f} of {cores} core(s) busy before the measurement",
            "close them and measure again",
        )


def _memory(run: DeviceRun) -> Iterator[MeasurementWarning]:
    free = [
        health.memory_available_bytes
        for health in (run.before, run.after)
        if health.memory_available_bytes is not None
    ]
    if free and min(free) < LITTLE_MEMORY_BYTES:
        yield MeasurementWarning(
            "little-memory",
            f"only {min(free) / 1e6:.0f} MB of memory were free",
            "close other programs, or use a smaller model or a board with more memory",
        )
    swapped = swapped_in_pages(run.before, run.after)
    if swapped is not None and swapped >= SWAPPED_PAGES:
        yield MeasurementWarning(
            "swapping",
            f"{swapped} pages of memory were read back from swap during the measurement",
            "close other programs, and measure again",
        )


def swapped_in_pages(before: Health, after: Health) -> int | None:
    """Return how many pages were read back from swap between two moments."""
    if before.swapped_in_pages is None or after.swapped_in_pages is None:
        return None
    return after.swapped_in_pages - before.swapped_in_pages


def _bits(run: DeviceRun) -> Iterator[MeasurementWarning]:
    facts = run.facts
    capable = facts.architecture in ("aarch64", "x86_64") or facts.soc in SOCS_OF_64_BITS
    if facts.bits == 32 and capable:
        yield MeasurementWarning(
            "32-bit-system",
            "the system has 32 bits and the processor 64, so the board can do better than this",
            "install a system of 64 bits, for which there is a newer runtime",
        )
