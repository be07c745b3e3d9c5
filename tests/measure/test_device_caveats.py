"""What is wrong with a device is warned of with advice, and a sound one is left alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from edgecnn.measure.device_caveats import DeviceRun, device_caveats, later_cut_caveats
from edgecnn.measure.percentile_intervals import PercentileInterval
from edgecnn.measure.verdict import verdict_on
from edgecnn.runner.health import THROTTLING_BITS, Health
from edgecnn.runner.session import DeviceFacts

PI_5 = DeviceFacts(
    cpu="Raspberry Pi 5 Model B Rev 1.0",
    cores=4,
    usable_cpus=4.0,
    memory_bytes=8_443_838_464,
    os="Debian GNU/Linux 12 (bookworm)",
    kernel="6.6.51+rpt-rpi-2712",
    architecture="aarch64",
    governor="performance",
    board="Raspberry Pi 5 Model B Rev 1.0",
    soc="brcm,bcm2712",
    bits=64,
    userland="arm64",
    cpu_max_mhz=2400.0,
    emulated=False,
)
PC = replace(
    PI_5,
    cpu="Intel(R) Core(TM) i7-8550U",
    cores=8,
    usable_cpus=8.0,
    architecture="x86_64",
    governor="powersave",
    board=None,
    soc=None,
    userland="amd64",
    cpu_max_mhz=4000.0,
)
SOUND = Health(
    throttled=0,
    temperature_c=48.3,
    load_1min=0.5,
    busy_percent=3.0,
    memory_available_bytes=6 << 30,
    swapped_in_pages=1000,
    core_mhz=(2400.0,) * 4,
)


def run_of(facts: DeviceFacts = PI_5, **changes: Any) -> DeviceRun:
    """Return a sound run with changes: ``before``, ``after``, ``cpu_lowest_mhz``, ``threads``."""
    run = DeviceRun(facts, SOUND, SOUND, cpu_lowest_mhz=2400.0, threads=1)
    return replace(run, **changes)


def test_a_device_that_was_booted_anew_is_warned_of_and_makes_times_noisy() -> None:
    first, second = replace(SOUND, boot_id="a"), replace(SOUND, boot_id="b")
    assert run_of(before=first, after=first).was_rebooted is False
    assert run_of(before=first).was_rebooted is None
    run = run_of(before=first, after=second)
    assert run.was_rebooted
    assert "booted anew" in warned(run)["rebooted"]
    verdict = verdict_on(list(device_caveats(run)), PercentileInterval(2.9, 3.1), 0.1)
    assert verdict.name == "noisy" and "booted anew" in verdict.evidence


def test_a_connection_that_was_cut_is_warned_of_and_matters_only_while_times_are_taken() -> None:
    cut = run_of(cuts=2)
    assert "cut 2 time(s)" in warned(cut)["connection-cut"]
    level = PercentileInterval(2.9, 3.1)
    assert verdict_on(list(device_caveats(cut)), level, 0.1).name == "noisy"
    later = list(later_cut_caveats(1))
    assert [warning.code for warning in later] == ["connection-cut-later"]
    assert verdict_on(later, level, 0.1).name == "steady"
    assert not list(later_cut_caveats(0))


def warned(run: DeviceRun) -> dict[str, str]:
    """Return message and advice by code."""
    warnings = list(device_caveats(run))
    assert all(w.message and w.advice and "\n" not in w.message + w.advice for w in warnings)
    assert len({w.code for w in warnings}) == len(warnings)
    return {w.code: f"{w.message}: {w.advice}" for w in warnings}


def test_a_sound_board_is_left_alone() -> None:
    assert warned(run_of()) == {}


def test_an_ordinary_pc_is_left_alone() -> None:
    hot = replace(SOUND, throttled=None, temperature_c=92.0, core_mhz=(1200.0,) * 8)
    assert warned(run_of(PC, before=hot, after=hot, cpu_lowest_mhz=2900.0)) == {}


def test_a_container_that_shows_nothing_is_left_alone() -> None:
    facts = replace(PC, governor=None, cpu_max_mhz=None, emulated=None, cores=None, userland=None)
    run = run_of(facts, before=Health(), after=Health(), cpu_lowest_mhz=None, threads=4)
    assert warned(run) == {}


@pytest.mark.parametrize(("name", "bit"), THROTTLING_BITS.items())
def test_each_condition_now_during_and_since_boot(name: str, bit: int) -> None:
    now, occurred = 1 << bit, 1 << (bit + 16)
    cases = {
        (0, 0): None,
        (now | occurred, now | occurred): name,
        (now | occurred, occurred): name,
        (occurred, now | occurred): name,
        (0, occurred): name,
        (None, now | occurred): name,
        (occurred, occurred): f"{name}-since-boot",
        (None, occurred): f"{name}-since-boot",
        (occurred, None): f"{name}-since-boot",
        (None, None): None,
    }
    for (before, after), code in cases.items():
        run = run_of(before=replace(SOUND, throttled=before), after=replace(SOUND, throttled=after))
        assert list(warned(run)) == ([code] if code else []), (before, after)


@pytest.mark.parametrize(
    ("board", "supply"),
    [
        ("Raspberry Pi 5 Model B Rev 1.0", "5 V 5 A"),
        ("Raspberry Pi 500 Rev 1.0", "5 V 5 A"),
        ("Raspberry Pi 4 Model B Rev 1.4", "5 V 3 A"),
        ("Raspberry Pi 400 Rev 1.0", "5 V 3 A"),
        ("Raspberry Pi 3 Model B Plus Rev 1.3", "5 V 2.5 A"),
        ("Raspberry Pi Zero 2 W Rev 1.0", "5 V 2 A"),
        ("Raspberry Pi Zero W Rev 1.1", "the board's own"),
        (None, "the board's own"),
    ],
)
def test_the_supply_that_is_advised_is_the_boards(board: str | None, supply: str) -> None:
    low = replace(SOUND, throttled=0x50005)
    run = run_of(replace(PI_5, board=board), before=low, after=low)
    assert f"use {supply}" in warned(run)["under-voltage"].replace("use a ", "use ")


def test_what_happened_only_meanwhile_is_told_from_what_was_before() -> None:
    after = replace(SOUND, throttled=0xF0000)
    found = warned(run_of(before=replace(SOUND, throttled=0x10000), after=after))
    assert list(found) == [
        "under-voltage-since-boot", "frequency-capped", "throttled", "soft-temperature-limit"
    ]  # fmt: skip
    assert "during this measurement" in found["throttled"]
    assert "since boot" in found["under-voltage-since-boot"]


@pytest.mark.parametrize(("degrees", "is_hot"), [(74.9, False), (75.0, True), (84.0, True)])
def test_heat_near_the_limit(degrees: float, is_hot: bool) -> None:
    assert ("hot" in warned(run_of(after=replace(SOUND, temperature_c=degrees)))) is is_hot


def test_governor_and_clock() -> None:
    found = warned(run_of(replace(PI_5, governor="ondemand"), cpu_lowest_mhz=1500.0))
    assert list(found) == ["governor", "slow-clock"]
    assert "ondemand" in found["governor"]
    assert "echo performance | sudo tee /sys/devices/system/cpu/cpu*" in found["governor"]
    assert "1500 MHz" in found["slow-clock"] and "2400 MHz" in found["slow-clock"]
    assert warned(run_of(cpu_lowest_mhz=2399.0)) == {}
    fixed = warned(run_of(cpu_lowest_mhz=1500.0))
    assert list(fixed) == ["slow-clock"]
    assert "5 V 5 A" in fixed["slow-clock"]


@pytest.mark.parametrize(
    ("percent", "threads", "is_busy"),
    [(3, 4, False), (10, 4, True), (10, 3, False), (24, 1, False), (30, 1, True), (8, 9, True)],
)
def test_others_are_told_when_they_take_what_the_model_needs(
    percent: float, threads: int, is_busy: bool
) -> None:
    run = run_of(before=replace(SOUND, busy_percent=percent), threads=threads)
    assert ("busy-device" in warned(run)) is is_busy


def test_memory() -> None:
    assert list(warned(run_of(after=replace(SOUND, memory_available_bytes=60 << 20)))) == [
        "little-memory"
    ]
    assert list(warned(run_of(after=replace(SOUND, swapped_in_pages=1064)))) == ["swapping"]
    assert warned(run_of(after=replace(SOUND, swapped_in_pages=1063))) == {}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"bits": 32}, True),
        ({"bits": 32, "architecture": "armv7l"}, True),
        ({"bits": 32, "architecture": "armv7l", "soc": "brcm,bcm2836"}, False),
        ({"bits": 32, "architecture": "armv6l", "soc": "brcm,bcm2835"}, False),
        ({"bits": 32, "architecture": "armv7l", "soc": None}, False),
    ],
)
def test_32_bits_on_a_processor_of_64(changes: dict[str, Any], expected: bool) -> None:
    assert ("32-bit-system" in warned(run_of(replace(PI_5, **changes)))) is expected


def test_emulation_comes_first() -> None:
    run = run_of(replace(PI_5, emulated=True, governor="ondemand"))
    found = warned(run)
    assert next(iter(found)) == "emulated-cpu"
    assert "not the board's" in found["emulated-cpu"]
