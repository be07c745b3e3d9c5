"""Which runtime a device can have is told from what it says of itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgecnn.devices.setup.plans import no_wheel, plans
from edgecnn.devices.setup.probe import NotReadyError, path_word
from edgecnn.devices.setup.protocol import Board, DevicePython, RuntimeState
from edgecnn.devices.setup.readiness import runtime_item

PYTHON = DevicePython("/usr/bin/python3", (3, 11, 2), "cp311", "cpython", 64, True, None)
BOARD = Board(
    model="Raspberry Pi 5 Model B Rev 1.0",
    os="Debian GNU/Linux 12 (bookworm)",
    machine="aarch64",
    dpkg="arm64",
    glibc="2.36",
    free_bytes=10**9,
    pythons=(PYTHON,),
    venv=RuntimeState(False, "not set up"),
)


def board(machine: str, bits: int = 32, numpy: str | None = "1.24.2", **changes: object) -> Board:
    python = replace(PYTHON, bits=bits, numpy=numpy)
    return replace(BOARD, machine=machine, pythons=(python,), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("machine", "bits", "architecture"),
    [
        ("aarch64", 64, "aarch64"),
        ("aarch64", 32, "armv7l"),  # Raspberry Pi OS of 32 bits on a kernel of 64
        ("armv8l", 32, "armv7l"),
        ("armv7l", 32, "armv7l"),
        ("armv6l", 32, "armv6l"),
        ("x86_64", 64, "x86_64"),
        ("x86_64", 32, "i686"),
    ],
)
def test_width_of_python_tells_what_programs_are_made_for(
    machine: str, bits: int, architecture: str
) -> None:
    assert board(machine, bits).architecture == architecture


def test_without_python_dpkg_tells() -> None:
    assert replace(BOARD, pythons=(), dpkg="armhf").architecture == "armv7l"
    assert replace(BOARD, pythons=()).architecture == "aarch64"


def test_64_bits_have_litert_and_any_numpy() -> None:
    [plan] = plans(BOARD)
    assert plan.requirements == ("ai-edge-litert>=2.1", "numpy>=1.23")
    assert not plan.system_packages
    assert plan.platforms[0] == "manylinux_2_36_aarch64"
    assert {"manylinux_2_27_aarch64", "manylinux2014_aarch64"} <= set(plan.platforms)


def test_wheels_for_a_newer_glibc_are_not_asked_for() -> None:
    [plan] = plans(board("armv7l", glibc="2.31"))
    assert "manylinux_2_34_armv7l" not in plan.platforms
    assert "manylinux_2_31_armv7l" in plan.platforms


@pytest.mark.parametrize(
    ("numpy", "requirements"),
    [
        ("1.24.2", ("tflite-runtime>=2.5",)),
        ("2.2.4", ("tflite-runtime>=2.5", "numpy>=1.21,<2")),
        (None, ("tflite-runtime>=2.5", "numpy>=1.21,<2")),
    ],
)
def test_32_bits_have_tflite_and_the_systems_numpy_if_it_will_do(
    numpy: str | None, requirements: tuple[str, ...]
) -> None:
    [plan] = plans(board("aarch64", numpy=numpy))
    assert plan.requirements == requirements
    assert plan.system_packages == (len(requirements) == 1)


def test_the_systems_python_comes_first_and_those_too_old_not_at_all() -> None:
    old, other = (replace(PYTHON, version=(3, minor, 0)) for minor in (8, 13))
    several = replace(BOARD, pythons=(old, PYTHON, other))
    assert [plan.python.number for plan in plans(several)] == ["3.11", "3.13"]
    with pytest.raises(NotReadyError, match=r"Python is 3\.8\.0: 3\.9 or later is needed"):
        plans(replace(BOARD, pythons=(old,)))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (board("armv6l"), "Armv6 .*Raspberry Pi 1 or Zero.* use a Raspberry Pi Zero 2 W"),
        (board("riscv64", 64), "no TFLite runtime is built for this processor .riscv64"),
        (replace(BOARD, glibc=None), "need glibc"),
    ],
)
def test_devices_without_a_runtime_are_told_so(changed: Board, message: str) -> None:
    with pytest.raises(NotReadyError, match=message):
        plans(changed)


def test_no_wheel_says_for_which_python_there_is_one() -> None:
    [plan] = plans(board("armv7l"))
    assert str(no_wheel(plan, "tflite-runtime", ["3.9", "3.10"])) == (
        "there is no wheel of tflite-runtime for Python 3.11 on armv7l (glibc 2.36); there is one "
        "for Python 3.9, 3.10: use a 64-bit Raspberry Pi OS, which has a newer runtime"
    )


@pytest.mark.parametrize(
    ("numpy", "advice"),
    [
        (None, "/usr/bin/python3 has none; on the device, run: sudo apt install python3-numpy"),
        ("2.2.4", "the system's is 2.2.4, while tflite-runtime works with numpy 1 only"),
    ],
)
def test_no_numpy_says_what_to_install(numpy: str | None, advice: str) -> None:
    [plan] = plans(board("armv7l", numpy=numpy))
    assert advice in str(no_wheel(plan, "numpy", []))


def test_a_path_below_home_is_the_devices_home() -> None:
    assert path_word("~/my python") == "\"$HOME\"/'my python'"
    assert path_word("python3") == "python3"


def test_a_check_does_not_send_to_a_setup_that_must_refuse() -> None:
    """tflite-runtime's last wheels for 32 bits are for 3.11; Debian 13 has 3.13."""
    old, new = (replace(PYTHON, version=(3, minor, 0), bits=32) for minor in (11, 13))
    item = runtime_item(replace(board("armv7l"), pythons=(new,)), "kitchen", None)
    assert item.advice.startswith("there is no wheel of tflite-runtime for Python 3.13 on armv7l")
    assert "use a 64-bit Raspberry Pi OS" in item.advice
    both = runtime_item(replace(board("armv7l"), pythons=(new, old)), "kitchen", None)
    assert both.advice == "run: edgecnn devices setup kitchen"
