"""What the runner sees of emulated boards: model, clocks, heat, throttling, power, emulation."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from edgecnn.core.child import ChildProcess
from edgecnn.measure.device_caveats import DeviceRun, device_caveats
from edgecnn.runner.bundle import RUNNER, zip_of
from edgecnn.runner.health import has_occurred, is_now
from edgecnn.runner.session import RunnerSession

from .board import EmulatedPi
from .conftest import MakePi
from .health import PI_4, PI_5, ZERO_2_W, Model

# Amperes and volts of the emulated power meter at 0.72 volts of the core, rail by rail.
RAILS_W = (
    *(0.0976 * 3.7109, 0.1074 * 3.3091, 0.1561 * 1.8007, 0.0068 * 1.1044, 0.2381 * 1.1081),
    *(0.3123 * 0.804, 0.9752 * 0.72, 0.0001 * 3.3187, 0.0035 * 0.7988, 0.02 * 5.0786),
)


def session_on(pi: EmulatedPi) -> RunnerSession:
    """Start the runner on a board, over the system's SSH client."""
    pi.write_file("/home/pi/runner.zip", zip_of(RUNNER), owner=1000)
    line = "exec python3 runner.zip run inf"
    command = ["ssh", "-F", str(pi.folder / "ssh_config"), pi.name, line]
    return RunnerSession(ChildProcess(command, task="asking a board"), "the board")


def codes(run: DeviceRun) -> list[str]:
    """Return what is warned of, but for what other programs of the host do meanwhile."""
    found = [warning.code for warning in device_caveats(run)]
    return [code for code in found if code not in ("busy-device", "swapping")]


@pytest.mark.parametrize(
    ("bits", "model", "soc", "max_mhz"),
    [
        (64, PI_5, "brcm,bcm2712", 2400.0),
        (64, PI_4, "brcm,bcm2711", 1800.0),
        (64, ZERO_2_W, "brcm,bcm2837", 1000.0),
        (32, PI_4, "brcm,bcm2711", 1800.0),
    ],
    ids=lambda value: value.name if isinstance(value, Model) else None,
)
def test_facts_and_health_of_each_board(
    bits: int, model: Model, soc: str, max_mhz: float, make_pi: MakePi
) -> None:
    pi = make_pi(bits, model)
    pi.set_health(throttled=0x50005, temperature_c=81.5, clock_khz=1_000_000)
    with session_on(pi) as session:
        facts, health = session.facts(), session.health(0.1)
        power = session.power(0.6, busy=False)
    assert (facts.board, facts.soc) == (model.name, soc)
    assert (facts.bits, facts.userland) == (bits, "arm64" if bits == 64 else "armhf")
    assert (facts.governor, facts.cpu_max_mhz, facts.cores) == ("ondemand", max_mhz, 4)
    # The emulator has the board's programs ask this machine's kernel what they may run on.
    assert facts.usable_cpus is not None and 0 < facts.usable_cpus <= len(os.sched_getaffinity(0))
    assert facts.emulated is True
    assert health.throttled == 0x50005
    assert is_now(health.throttled, "under-voltage") and has_occurred(health.throttled, "throttled")
    assert health.temperature_c == 81.5
    assert health.core_mhz == (1000.0,) * 4
    assert health.memory_available_bytes == model.memory_kb * 3 // 4 * 1024
    assert health.load_1min is not None and health.busy_percent is not None
    assert (power is not None) is (model is PI_5)
    if power is not None:
        assert power.watts == pytest.approx(sum(RAILS_W))
    run = DeviceRun(facts, health, health, health.cpu_mhz, threads=1)
    slow = [] if model is ZERO_2_W else ["slow-clock"]
    narrow = ["32-bit-system"] if bits == 32 else []
    assert codes(run) == [
        *("emulated-cpu", "under-voltage", "throttled", "hot", "governor"),
        *(*slow, *narrow),
    ]


def test_what_comes_up_between_two_looks_happened_meanwhile(make_pi: MakePi) -> None:
    pi = make_pi(64, PI_4)
    pi.set_health(governor="performance", throttled=0x20000, clock_khz=1_800_000)
    with session_on(pi) as session:
        facts, before = session.facts(), session.health()
        pi.set_health(governor="performance", throttled=0x60000, clock_khz=1_800_000)
        after = session.health()
    run = DeviceRun(facts, before, after, 1800.0, threads=1)
    assert codes(run) == ["emulated-cpu", "frequency-capped-since-boot", "throttled"]


def test_where_vcgencmd_may_not_be_asked_the_kernels_temperature_is_left(make_pi: MakePi) -> None:
    pi = make_pi()
    pi.path("/dev/vcio").chmod(0o600)
    with session_on(pi) as session:
        health = session.health()
        assert session.power(1.0, busy=False) is None
    assert (health.throttled, health.temperature_c) == (None, 48.3)


def test_without_vcgencmd_or_with_another_answer_nothing_is_guessed(make_pi: MakePi) -> None:
    pi = make_pi()
    with session_on(pi) as session:
        for script in ("echo throttled=maybe", "echo 'error=1 error_msg=\"?\"'", "exit 1"):
            pi.write_file("/usr/bin/vcgencmd", f"#!/bin/sh\n{script}\n", mode=0o755)
            assert session.health().throttled is None
            assert session.power(0.3, busy=False) is None
        pi.path("/usr/bin/vcgencmd").unlink()
        assert session.health().throttled is None
        assert session.power(1.0, busy=False) is None


def test_a_model_is_timed_with_clocks_and_power(
    make_pi: MakePi, runtimes: None, colour_model: Any, tmp_path: Path
) -> None:
    pi = make_pi(runtime=True)
    pi.set_health(clock_khz=2_000_000)
    model = colour_model(tmp_path / "colours.tflite", dtype="uint8")
    pi.write_file("/home/pi/colours.tflite", model.read_bytes(), owner=1000)
    with session_on(pi) as session:
        session.load("colours.tflite", threads=1)
        timing = session.time(runs=5, min_time_s=0.5)
        power = session.power(1.0, busy=True)
    assert timing.cpu_lowest_mhz == 2000.0
    assert power is not None and power.seconds_per_call is not None
    assert power.readings >= 1
    assert power.millijoules_per_call == pytest.approx(1000 * sum(RAILS_W) * power.seconds_per_call)
