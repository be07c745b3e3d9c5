"""The emulated boards are what they claim to be, and leave nothing behind."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.at_hand import made_once
from tests.children import wait_until

from .board import EmulatedPi
from .conftest import MakePi
from .health import PI_4, PI_5, ZERO_2_W, Model
from .processes import board_of, processes_on

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("board", "machine", "width", "architecture"),
    [("pi64", "aarch64", "8", "arm64"), ("pi32", "armv7l", "4", "armhf")],
)
def test_userland_is_arm(
    board: str, machine: str, width: str, architecture: str, request: pytest.FixtureRequest
) -> None:
    pi: EmulatedPi = request.getfixturevalue(board)
    python = "import platform, struct, sys; print(platform.machine(), struct.calcsize('P'))"
    said = pi.ssh(f'uname -m; hostname; whoami; dpkg --print-architecture; python3 -c "{python}"')
    assert said.stdout.splitlines() == [
        *(machine, "raspberrypi", "pi", architecture, f"{machine} {width}")
    ], said.stderr


def test_32_bits_on_a_64_bit_kernel_call_themselves_aarch64(make_pi: MakePi) -> None:
    pi = make_pi(32, kernel_bits=64)
    python = "import platform, struct, sys; print(platform.machine(), struct.calcsize('P'))"
    said = pi.ssh(f'uname -m; dpkg --print-architecture; python3 -I -c "{python}"')
    assert said.stdout.split() == ["aarch64", "armhf", "aarch64", "4"], said.stderr


@pytest.mark.parametrize(
    ("model", "clock", "volts"),
    [
        (PI_5, "frequency(0)=1500000000", "volt=0.7200V"),
        (PI_4, "frequency(48)=600000000", "volt=0.8700V"),
        (ZERO_2_W, "frequency(48)=600000000", "volt=1.2375V"),
    ],
    ids=lambda value: value.name if isinstance(value, Model) else "",
)
def test_board_tells_its_model_and_health(
    model: Model, clock: str, volts: str, make_pi: MakePi
) -> None:
    pi = make_pi(64, model)
    said = pi.ssh(
        "cat /proc/device-tree/model; echo;"
        "for what in get_throttled measure_temp 'measure_clock arm' measure_volts; do"
        "  vcgencmd $what; done; vcgencmd pmic_read_adc EXT5V_V; echo $?"
    )
    name, *answers = said.stdout.splitlines()
    assert name == f"{model.name}\0"
    assert answers[:4] == ["throttled=0x0", "temp=48.3'C", clock, volts]
    supply = ["     EXT5V_V volt(24)=5.05720000V", "0"]
    unknown = ["vc_gencmd_read_response returned -1", 'error=1 error_msg="Command not registered"']
    assert answers[4:] == (supply if model is PI_5 else [*unknown, "255"])


def test_health_is_what_the_test_says(make_pi: MakePi) -> None:
    pi = make_pi(64, PI_4)
    pi.set_health(throttled=0x50005, temperature_c=84.25, clock_khz=1_000_000, governor="powersave")
    said = pi.ssh(
        "vcgencmd get_throttled; vcgencmd measure_clock arm; cat /sys/class/thermal/*/temp;"
        "cd /sys/devices/system/cpu/cpu3/cpufreq;"
        "cat scaling_governor scaling_cur_freq cpuinfo_max_freq"
    )
    assert said.stdout.splitlines() == [
        *("throttled=0x50005", "frequency(48)=1000000000"),
        *("84250", "powersave", "1000000", "1800000"),
    ]


def test_who_may_not_ask_vcgencmd_is_told_so(make_pi: MakePi) -> None:
    pi = make_pi()
    pi.path("/dev/vcio").chmod(0o600)
    said = pi.ssh("vcgencmd get_throttled")
    assert (said.returncode, said.stdout.splitlines()[0]) == (
        255,
        "Can't open device file: /dev/vcio",
    )


@pytest.mark.parametrize("bits", [64, 32])
def test_runtime_answers_on_the_board(
    bits: int, make_pi: MakePi, runtimes: None, colour_model: object, tmp_path: Path
) -> None:
    pi = make_pi(bits, runtime=True)
    model = colour_model(tmp_path / "colours.tflite", dtype="uint8")  # type: ignore[operator]
    pi.write_file("/home/pi/colours.tflite", model.read_bytes(), owner=1000)
    package = "ai_edge_litert" if bits == 64 else "tflite_runtime"
    code = textwrap.dedent(f"""\
        import numpy as np
        from {package}.interpreter import Interpreter
        network = Interpreter("colours.tflite")
        network.allocate_tensors()
        image = np.zeros((1, 4, 4, 3), np.uint8) + np.array([7, 200, 31], np.uint8)
        network.set_tensor(network.get_input_details()[0]["index"], image)
        network.invoke()
        print(network.get_tensor(network.get_output_details()[0]["index"]).ravel().tolist())
    """)
    pi.write_file("/home/pi/answer.py", code)
    said = pi.ssh("python3 answer.py")
    assert said.stdout == "[7, 200, 31]\n", said.stderr


def test_password_is_taken(pi64: EmulatedPi, tmp_path: Path) -> None:
    ask = tmp_path / "ask"
    ask.write_text(f"#!/bin/sh\necho {pi64.password}\n")
    ask.chmod(0o700)
    known = f"UserKnownHostsFile={pi64.folder / 'known_hosts'}"
    options = ("-o", known, "-o", "PubkeyAuthentication=no", "-o", "NumberOfPasswordPrompts=1")
    said = subprocess.run(
        ["ssh", "-F", "none", "-p", str(pi64.port), *options, f"pi@{pi64.host}", "whoami"],
        env={**os.environ, "SSH_ASKPASS": str(ask), "SSH_ASKPASS_REQUIRE": "force"},
        capture_output=True,
        text=True,
    )
    assert said.stdout == "pi\n", said.stderr


def test_another_host_key_is_refused(make_pi: MakePi) -> None:
    pi = make_pi()
    pi.change_host_key()
    said = pi.ssh("true")
    assert said.returncode == 255
    assert "REMOTE HOST IDENTIFICATION HAS CHANGED" in said.stderr
    pi.trust_host_key()
    assert pi.ssh("true").returncode == 0


def test_connections_are_cut_and_the_server_stays(make_pi: MakePi) -> None:
    pi = make_pi()
    command = ["ssh", "-F", str(pi.folder / "ssh_config"), pi.name, "sleep 60"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as client:
        wait_until(lambda: ("/usr/bin/sleep", "60") in [one.command for one in pi.processes()], 30)
        pi.kill_connections()
        assert client.wait(10) == 255
    assert pi.ssh("echo again").stdout == "again\n"


def test_a_stopped_board_takes_connections_but_does_not_answer(make_pi: MakePi) -> None:
    pi = make_pi()
    pi.stop()
    with socket.create_connection((pi.host, pi.port), timeout=1) as connection:
        with pytest.raises(TimeoutError):
            connection.recv(1)
        pi.resume()
        connection.settimeout(60)
        assert connection.recv(4) == b"SSH-"


def test_a_server_that_was_ended_refuses(make_pi: MakePi) -> None:
    pi = make_pi()
    pi.stop_server()
    assert "Connection refused" in pi.ssh("true").stderr
    pi.start_server()
    assert pi.ssh("true").returncode == 0


def test_disk_is_full_where_the_test_says_so(make_pi: MakePi) -> None:
    pi = make_pi(disk_mb=16)
    said = pi.ssh("head -c 20000000 /dev/zero > big")
    assert "No space left on device" in said.stderr
    pi.ssh("rm big")
    pi.fill_disk(leave_bytes=65536)
    said = pi.ssh("head -c 30000 /dev/zero > fits && head -c 300000 /dev/zero > too_big")
    assert "No space left on device" in said.stderr
    assert pi.path("/home/pi/fits").stat().st_size == 30000


def test_a_board_may_be_broken_and_the_next_is_whole(make_pi: MakePi) -> None:
    broken = make_pi()
    broken.path("/usr/bin/python3").unlink()
    assert broken.ssh("python3 -V").returncode == 127
    assert make_pi().ssh("python3 -V").stdout.startswith("Python 3.11.")


def test_a_saved_board_is_where_others_begin(make_pi: MakePi, tmp_path: Path) -> None:
    first = make_pi()
    first.ssh("echo kept > kept")
    first.as_root("rm", "/usr/bin/free")
    second = make_pi(saved=first.save(tmp_path / "saved"))
    assert second.ssh("cat kept; free").stdout == "kept\n"
    assert first.ssh("cat kept").stdout == "kept\n"


def test_a_board_leaves_nothing_behind(can_emulate: None) -> None:
    with pytest.raises(ZeroDivisionError), EmulatedPi() as pi:
        pi.ssh("sleep 1000 > /dev/null 2>&1 &")
        assert len(pi.processes()) >= 2
        board = board_of(pi.pid)
        pi.stop()
        raise ZeroDivisionError
    assert processes_on(board) == []
    assert not pi.folder.exists()
    assert str(pi.folder) not in Path("/proc/self/mounts").read_text()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((pi.host, pi.port))


def test_a_board_ends_with_the_tests_that_are_killed(can_emulate: None, tmp_path: Path) -> None:
    code = (
        "import os, signal; from tests.pi.board import EmulatedPi, board_of;"
        "pi = EmulatedPi().__enter__(); print(board_of(pi.pid), flush=True);"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    board = Path(killed.stdout.strip())
    assert board.name.startswith("pid:["), killed.stderr
    wait_until(lambda: processes_on(board) == [], 30)


def test_what_was_made_half_is_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EDGECNN_TEST_CACHE", str(tmp_path))
    with pytest.raises(KeyboardInterrupt), made_once("thing", "recipe") as (_, partial):
        assert partial is not None
        (partial / "half").touch()
        raise KeyboardInterrupt
    assert [path.name for path in tmp_path.iterdir()] == ["thing.lock"]
    with made_once("thing", "recipe") as (made, partial):
        assert partial is not None
    with made_once("thing", "recipe") as (again, partial):
        assert (again, partial) == (made, None)
    assert made.is_dir()
