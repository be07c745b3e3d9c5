"""Reads a device's temperature, throttling, load, memory and power from texts of its system.

A runner sends texts as the system prints them; here they become numbers. A text that is missing,
that is not as its maker describes it, or that no board can mean, becomes None: nothing is guessed.

``vcgencmd`` is described in Raspberry Pi's documentation:
https://www.raspberrypi.com/documentation/computers/os.html#vcgencmd (``get_throttled`` with its
bits, ``measure_temp``) and in https://github.com/raspberrypi/utils/tree/master/vcgencmd
(``pmic_read_adc``, on a Raspberry Pi 5 only).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edgecnn.runner.ondevice.protocol import HealthTexts, PowerTexts

SINCE_BOOT = 16
"""Distance from the bit of a condition that holds now to the bit of its occurrence since boot."""

THROTTLING_BITS = {
    "under-voltage": 0,
    "frequency-capped": 1,
    "throttled": 2,
    "soft-temperature-limit": 3,
}
"""Condition -> its bit in ``get_throttled`` while it holds: "Undervoltage detected", "Arm frequency
capped", "Currently throttled", "Soft temperature limit active"."""

CPU_ZONES = re.compile(r"cpu|soc|x86_pkg_temp")
"""Pattern of the types of a processor's thermal zones: ``cpu-thermal`` on every Raspberry Pi."""

POSSIBLE_DEGREES = (-100.0, 200.0)
"""Degrees Celsius that a processor can have; a sensor without power says other things."""

MAX_KHZ = 100_000_000
MAX_WATTS = 1000.0
"""Power that no board's meter can show: a Raspberry Pi 5 takes 25 W at most."""

IDLE_TIMES = (3, 4)
"""Columns of /proc/stat that count the time in which a core does nothing: idle and iowait
(man 5 proc_stat)."""

STEAL_TIME = 7
"""Column of /proc/stat that counts the time that the host of a virtual machine kept."""

GUEST_TIMES = 8
"""First column of /proc/stat for guests, whose time the columns before it count, too."""


@dataclass(frozen=True)
class Health:
    """State of a device at one moment; None for what the device does not tell.

    Args:
        throttled: Word of ``vcgencmd get_throttled``; see :func:`is_now` and :func:`has_occurred`.
        temperature_c: The processor's temperature in degrees Celsius.
        load_1min: Load average of the last minute; the runner itself counts, too.
        busy_percent: Percent of all cores' time that was not idle while the runner waited.
        memory_available_bytes: Memory that programs can have without swapping.
        swapped_in_pages: Pages read back from swap since boot.
        core_mhz: Present clock of each core.
        boot_id: Random name of the system's present run: another one after the device was booted.
    """

    throttled: int | None = None
    temperature_c: float | None = None
    load_1min: float | None = None
    busy_percent: float | None = None
    memory_available_bytes: int | None = None
    swapped_in_pages: int | None = None
    core_mhz: tuple[float, ...] = ()
    boot_id: str | None = None

    @property
    def cpu_mhz(self) -> float | None:
        """Clock of the fastest core in MHz: idle cores may be slower without slowing a busy one."""
        return max(self.core_mhz, default=None)


@dataclass(frozen=True)
class Power:
    """Power that a board's meter showed while a model ran or nothing did.

    Args:
        watts: Mean of the readings.
        readings: Number of readings.
        seconds_per_call: Time of one call of the model; None where no model ran.
    """

    watts: float
    readings: int
    seconds_per_call: float | None

    @property
    def millijoules_per_call(self) -> float | None:
        """Energy that the whole board used during one call, in millijoules."""
        seconds = self.seconds_per_call
        return None if seconds is None else 1000 * self.watts * seconds


def mhz_of(texts: Iterable[str]) -> list[float]:
    """Return clocks in MHz from texts in kHz, without those that are missing or no clocks."""
    return [number / 1000 for text in texts if (number := _khz(text))]


def read_health(texts: HealthTexts) -> Health:
    """Return the state of a device from its runner's answer."""
    cores = mhz_of(texts.core_khz)
    return Health(
        throttled=read_throttled(texts.throttled),
        temperature_c=_temperature(texts),
        load_1min=read_load(texts.loadavg),
        busy_percent=busy_percent(*texts.cpu_times),
        memory_available_bytes=read_available(texts.meminfo),
        swapped_in_pages=_number_after(r"^pswpin (\d{1,18})$", texts.vmstat),
        core_mhz=tuple(cores),
        boot_id=texts.boot_id,
    )


def read_throttled(text: str | None) -> int | None:
    """Return the word of ``get_throttled``: ``throttled=0x50005``.

    Example:
        >>> read_throttled("throttled=0x50005") == 0x50005
        True
    """
    match = re.fullmatch(r"throttled=0x([0-9a-fA-F]{1,8})", (text or "").strip())
    return int(match[1], 16) if match else None


def is_now(word: int | None, condition: str) -> bool:
    """Return whether one of ``THROTTLING_BITS`` holds now."""
    return word is not None and bool(word >> THROTTLING_BITS[condition] & 1)


def has_occurred(word: int | None, condition: str) -> bool:
    """Return whether one of ``THROTTLING_BITS`` has occurred since boot."""
    return word is not None and bool(word >> (THROTTLING_BITS[condition] + SINCE_BOOT) & 1)


def read_vcgencmd_temperature(text: str | None) -> float | None:
    """Return the degrees Celsius of ``measure_temp``: ``temp=48.3'C``."""
    match = re.fullmatch(r"temp=(-?\d{1,4}(?:\.\d{1,9})?)'C", (text or "").strip(), re.ASCII)
    return _possible_degrees(float(match[1])) if match else None


def read_zones(zones: Sequence[Sequence[str | None]]) -> float | None:
    """Return the highest temperature of a processor's thermal zones in degrees Celsius.

    Args:
        zones: Type of each zone, and its temperature in thousandths of a degree, as sysfs has them.
    """
    numbers = [whole_number(text) for kind, text in zones if CPU_ZONES.search(kind or "")]
    degrees = [_possible_degrees(number / 1000) for number in numbers if number is not None]
    return max((each for each in degrees if each is not None), default=None)


def _possible_degrees(degrees: float) -> float | None:
    least, most = POSSIBLE_DEGREES
    return degrees if least <= degrees <= most else None


def _temperature(texts: HealthTexts) -> float | None:
    # The maker calls vcgencmd's reading accurate and immediate, and the kernel's less so.
    exact = read_vcgencmd_temperature(texts.temperature)
    return read_zones(texts.zones) if exact is None else exact


def rail_watts(text: str) -> dict[str, float] | None:
    """Return the power of each rail in an answer to ``vcgencmd pmic_read_adc``.

    The rails are those that the board's power chip feeds: processor, memory, and the parts on 3.3
    and 1.8 volts. Parts that take 5 volts straight from the supply, such as USB devices, fan and
    HATs, are not among them, nor are the chip's own losses. ``EXT5V`` and ``BATT`` have volts only.

    Returns:
        Watts by name; None unless there are rails, each current has its voltage, and the power is
        one that a board can take.

    Example:
        >>> rail_watts("VDD_CORE_A current(7)=2.00A\\nVDD_CORE_V volt(15)=0.75V")
        {'VDD_CORE': 1.5}
    """
    number, flags = r"(\d{1,4}(?:\.\d{1,12})?)", re.MULTILINE | re.ASCII
    amperes = dict(re.findall(rf"^\s*(\w+)_A current\(\d+\)={number}A\s*$", text, flags))
    volts = dict(re.findall(rf"^\s*(\w+)_V volt\(\d+\)={number}V\s*$", text, flags))
    if not amperes or not amperes.keys() <= volts.keys():
        return None
    watts = {name: float(current) * float(volts[name]) for name, current in amperes.items()}
    return watts if sum(watts.values()) <= MAX_WATTS else None


def read_power(texts: PowerTexts, *, busy: bool) -> Power | None:
    """Return the power from a runner's answer; None where there was no reading.

    Args:
        texts: Answer of the runner.
        busy: Whether a model ran meanwhile.
    """
    rails = [rail_watts(text) for text in texts.readings]
    watts = [sum(powers.values()) for powers in rails if powers]
    if not watts:
        return None
    seconds = texts.elapsed_s / texts.calls if busy and texts.calls else None
    return Power(sum(watts) / len(watts), len(watts), seconds)


def lowest_mhz(looks: Sequence[Sequence[str | None]]) -> float | None:
    """Return the lowest clock in MHz that the fastest core had while a model ran.

    Args:
        looks: For each reading, the clock of each group of cores in kHz as text.
    """
    fastest = [max((_khz(text) or 0 for text in look), default=0) for look in looks]
    return min(filter(None, fastest), default=0) / 1000 or None


@dataclass(frozen=True)
class CpuTimes:
    """How the time of all cores was spent between two moments, in the kernel's ticks.

    Args:
        total: Ticks in all.
        busy: Ticks that programs and the kernel used.
        steal: Ticks that the host of this virtual machine kept for something else.
    """

    total: int
    busy: int
    steal: int


def cpu_times(before: str, after: str) -> CpuTimes | None:
    """Return the ticks between two ``cpu`` lines of /proc/stat; None where the lines have none.

    Example:
        >>> cpu_times("cpu 0 0 0 0 0 0 0 0", "cpu 30 0 20 40 0 0 0 10").busy
        50
    """
    words = (re.findall(r"(?<=\s)\d{1,19}(?!\S)", line, re.ASCII) for line in (before, after))
    times = [list(map(int, numbers)) for numbers in words]
    if min(map(len, times)) < GUEST_TIMES:
        return None
    # The time of waiting for disks may go back a little (man 5 proc_stat).
    spent = [max(0, b - a) for a, b in zip(*times, strict=False)][:GUEST_TIMES]
    total, steal = sum(spent), spent[STEAL_TIME]
    idle = sum(spent[column] for column in IDLE_TIMES)
    return CpuTimes(total, total - idle - steal, steal) if total > 0 else None


def busy_percent(before: str, after: str) -> float | None:
    """Return the percentage of all cores' time that was not idle between two ``cpu`` lines."""
    times = cpu_times(before, after)
    return None if times is None else 100 * (times.busy + times.steal) / times.total


def read_load(text: str | None) -> float | None:
    """Return the load average of the last minute from /proc/loadavg."""
    match = re.match(r"(\d{1,6}\.\d{1,9}) ", text or "", re.ASCII)
    return float(match[1]) if match else None


def read_available(text: str | None) -> int | None:
    """Return ``MemAvailable`` of /proc/meminfo in bytes."""
    kib = _number_after(r"^MemAvailable:\s+(\d{1,12}) kB$", text)
    return None if kib is None else kib * 1024


def whole_number(text: str | None) -> int | None:
    """Return the whole number that a text consists of; None of any other text."""
    return int(text) if text and re.fullmatch(r"-?\d{1,12}", text, re.ASCII) else None


def _khz(text: str | None) -> int | None:
    number = whole_number(text)
    return number if number is not None and 0 < number <= MAX_KHZ else None


def _number_after(pattern: str, text: str | None) -> int | None:
    match = re.search(pattern, text or "", re.MULTILINE | re.ASCII)
    return int(match[1]) if match else None
