"""What devices print becomes numbers as their makers describe it, or nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgecnn.runner.health import (
    THROTTLING_BITS,
    Health,
    busy_percent,
    has_occurred,
    is_now,
    lowest_mhz,
    rail_watts,
    read_available,
    read_health,
    read_load,
    read_power,
    read_throttled,
    read_vcgencmd_temperature,
    read_zones,
)
from edgecnn.runner.ondevice.protocol import HealthTexts, PowerTexts

# https://www.raspberrypi.com/documentation/computers/os.html#get_throttled
MAKERS_BITS = {
    0x1: ("under-voltage", "now"),
    0x2: ("frequency-capped", "now"),
    0x4: ("throttled", "now"),
    0x8: ("soft-temperature-limit", "now"),
    0x10000: ("under-voltage", "occurred"),
    0x20000: ("frequency-capped", "occurred"),
    0x40000: ("throttled", "occurred"),
    0x80000: ("soft-temperature-limit", "occurred"),
}

NOTHING = HealthTexts(
    cpu_times=("", ""),
    loadavg=None,
    meminfo=None,
    vmstat=None,
    core_khz=(),
    zones=(),
    throttled=None,
    temperature=None,
    boot_id=None,
)

UNREADABLE = (
    None,
    "",
    "vc_gencmd_read_response returned -1",
    'error=1 error_msg="Command not registered"',
    'error=2 error_msg="Invalid arguments"',
    "VCHI initialization failed",
    "Can't open device file: /dev/vcio",
)


@pytest.mark.parametrize("value", MAKERS_BITS)
def test_every_bit_means_what_the_maker_says(value: int) -> None:
    word = read_throttled(f"throttled={value:#x}")
    found = {(name, "now") for name in THROTTLING_BITS if is_now(word, name)}
    found |= {(name, "occurred") for name in THROTTLING_BITS if has_occurred(word, name)}
    assert found == {MAKERS_BITS[value]}


def test_bits_add_up() -> None:
    word = read_throttled("throttled=0x50005\n")
    assert [name for name in THROTTLING_BITS if is_now(word, name)] == [
        "under-voltage",
        "throttled",
    ]
    assert not any(is_now(0xF0000, name) for name in THROTTLING_BITS)
    assert not any(is_now(0x0, name) or has_occurred(0xFFF0, name) for name in THROTTLING_BITS)
    assert not any(is_now(None, name) or has_occurred(None, name) for name in THROTTLING_BITS)


@pytest.mark.parametrize("text", [*UNREADABLE, "throttled=", "throttled=0xZZ", "throttled=5"])
def test_no_word_where_none_is_printed(text: str | None) -> None:
    assert read_throttled(text) is None


@pytest.mark.parametrize(
    ("text", "degrees"),
    [("temp=48.3'C", 48.3), ("temp=85.0'C\n", 85.0), ("temp=-5.5'C", -5.5), ("temp=40'C", 40.0)],
)
def test_temperature_of_vcgencmd(text: str, degrees: float) -> None:
    assert read_vcgencmd_temperature(text) == degrees


@pytest.mark.parametrize("text", [*UNREADABLE, "temp='C", "temp=48.3"])
def test_no_temperature_where_none_is_printed(text: str | None) -> None:
    assert read_vcgencmd_temperature(text) is None


def test_the_processors_zone_is_taken_and_no_other() -> None:
    assert read_zones([["cpu-thermal", "48312"]]) == 48.312
    assert read_zones([["acpitz", "99000"], ["x86_pkg_temp", "61000"]]) == 61.0
    assert read_zones([["acpitz", "27800"], ["iwlwifi_1", "51000"]]) is None
    assert read_zones([["cpu-thermal", None], [None, "1000"]]) is None
    assert read_zones([["gpu-thermal", "50000"], ["cpu0-thermal", "-1500"]]) == -1.5


def test_what_no_board_can_mean_is_nothing() -> None:
    assert read_zones([["cpu-thermal", "-274000"], ["cpu-thermal", "999999999"]]) is None
    assert read_vcgencmd_temperature("temp=9999.9'C") is None
    assert lowest_mhz([["999999999999"]]) is None
    assert lowest_mhz([["-600000"]]) is None
    assert rail_watts("A_A current(1)=999A\nA_V volt(2)=999V") is None
    assert busy_percent("cpu 1 2 3 4 5 6 7 ²", "cpu 1 2 3 4 5 6 7 8") is None
    digits = "9" * 5000
    assert busy_percent("cpu 0 0 0 0 0 0 0 0", f"cpu {digits} 0 0 0 0 0 0 0") is None


def test_a_counter_that_goes_back_a_little_leaves_a_percentage() -> None:
    """The time of waiting for disks may (man 5 proc_stat)."""
    assert busy_percent("cpu 0 0 0 0 90 0 0 0", "cpu 10 0 0 30 50 0 0 0") == 25.0


def test_power_is_volts_times_amperes_of_each_rail() -> None:
    text = (
        "  VDD_CORE_A current(7)=2.50000000A\n"
        "   3V3_SYS_A current(1)=0.10000000A\n"
        "  VDD_CORE_V volt(15)=0.80000000V\n"
        "   3V3_SYS_V volt(9)=3.30000000V\n"
        "     EXT5V_V volt(24)=5.05720000V\n"
        "      BATT_V volt(25)=0.00000000V\n"
    )
    assert rail_watts(text) == pytest.approx({"VDD_CORE": 2.0, "3V3_SYS": 0.33})


@pytest.mark.parametrize(
    "text",
    [
        *(text for text in UNREADABLE if text is not None),
        "     EXT5V_V volt(24)=5.05720000V",
        "VDD_CORE_A current(7)=2.50000000A",
        "VDD_CORE_A current(7)=2.5A\nVDD_CORE_V volt(15)=error",
    ],
)
def test_no_power_unless_each_current_has_its_voltage(text: str) -> None:
    assert rail_watts(text) is None


def test_energy_is_mean_power_for_the_time_of_a_call() -> None:
    def reading(amperes: float) -> str:
        return f"VDD_CORE_A current(7)={amperes:.8f}A\nVDD_CORE_V volt(15)=1.00000000V"

    answer = PowerTexts((reading(2.0), reading(4.0)), calls=200, elapsed_s=2.0)
    power = read_power(answer, busy=True)
    assert power is not None
    assert (power.watts, power.readings, power.seconds_per_call) == (3.0, 2, 0.01)
    assert power.millijoules_per_call == pytest.approx(30.0)
    idle = read_power(answer, busy=False)
    assert idle is not None
    assert (idle.watts, idle.millijoules_per_call) == (3.0, None)
    assert read_power(PowerTexts((), 0, 0.0), busy=True) is None
    assert read_power(replace(answer, readings=("error=1",)), busy=True) is None


def test_the_lowest_clock_is_that_of_the_fastest_core() -> None:
    assert lowest_mhz([["600000", "2400000"], ["1500000", "600000"]]) == 1500.0
    assert lowest_mhz([]) is None
    assert lowest_mhz([[None, "unknown"], []]) is None
    assert lowest_mhz([[None], ["1800000"]]) == 1800.0


def test_what_others_use_of_the_cores() -> None:
    # man 5 proc_stat: user nice system idle iowait irq softirq steal guest guest_nice
    before = "cpu  100 10 20 1000 50 1 2 3 0 0"
    assert busy_percent(before, "cpu  125 10 20 1060 65 1 2 3 0 0") == 25.0
    # A guest's time is in user's already; time that the host took is used by others.
    assert busy_percent(before, "cpu  125 10 20 1050 50 1 2 28 25 0") == 50.0
    assert busy_percent(before, before) is None
    assert busy_percent("", "") is None
    assert busy_percent("cpu  1 2 3 4", "cpu  1 2 3 9") is None


def test_load_and_memory_as_the_kernel_prints_them() -> None:
    assert read_load("0.52 0.58 0.59 1/257 4242") == 0.52
    assert read_load(None) is None
    lines = "MemTotal:        8245936 kB\nMemFree:          100 kB\nMemAvailable:    6184452 kB"
    assert read_available(lines) == 6184452 * 1024
    assert read_available("MemTotal:        8245936 kB") is None


def test_a_device_that_tells_nothing_has_no_health() -> None:
    assert read_health(NOTHING) == Health()
    assert Health().cpu_mhz is None


def test_vcgencmds_temperature_goes_before_the_kernels() -> None:
    zones = replace(NOTHING, zones=(("cpu-thermal", "47000"),))
    both = read_health(replace(zones, temperature="temp=48.3'C"))
    assert both.temperature_c == 48.3
    denied = read_health(replace(zones, temperature=UNREADABLE[-1]))
    assert denied.temperature_c == 47.0


def test_clocks_and_swap() -> None:
    core_khz, vmstat = ("600000", "1500000", ""), "pgpgin 1\npswpin 12\npswpout 9"
    health = read_health(replace(NOTHING, core_khz=core_khz, vmstat=vmstat))
    assert (health.core_mhz, health.cpu_mhz) == ((600.0, 1500.0), 1500.0)
    assert health.swapped_in_pages == 12
