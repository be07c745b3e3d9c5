"""Plans for a device: which TFLite runtime it can have, and what has to be fetched for it."""

from __future__ import annotations

from dataclasses import dataclass

from edgecnn.devices.setup.probe import OLDEST_PYTHON, NotReadyError
from edgecnn.devices.setup.protocol import Board, DevicePython
from edgecnn.runner.ondevice.runtime import LITERT, TFLITE

OLDEST_GLIBC_MINOR = 17
"""manylinux2014 is glibc 2.17, and no wheel of a runtime is for an older one."""

NEWEST_PYTHON_OF_TFLITE = (3, 11)
"""The last Python that 32-bit wheels of tflite-runtime were made for: 2.14 is its last release."""

ARMV6_REFUSAL = (
    "this is an Armv6 processor (Raspberry Pi 1 or Zero), and no TFLite runtime is built for it: "
    "use a Raspberry Pi Zero 2 W, or any other from the Pi 2 on"
)


@dataclass(frozen=True)
class RuntimePlan:
    """What one Python of a device needs, as pip is to be asked for it.

    Args:
        python: The Python.
        architecture: What its programs are made for, as wheels name it: ``"aarch64"``.
        glibc: Version of the device's C library.
        runtime: Distribution of the TFLite runtime.
        requirements: What pip is to install.

    Example:
        >>> plan = plans(board)[0]
        >>> plan.requirements
        ('ai-edge-litert>=2.1', 'numpy>=1.23')
    """

    python: DevicePython
    architecture: str
    glibc: str
    runtime: str
    requirements: tuple[str, ...]

    @property
    def system_packages(self) -> bool:
        """Whether numpy is the system's own."""
        return not any(one.startswith("numpy") for one in self.requirements)

    @property
    def platforms(self) -> tuple[str, ...]:
        """The platforms whose wheels run there, the nearest first.

        Example:
            >>> plan.platforms[0]
            'manylinux_2_36_aarch64'
        """
        major, minor = (int(part) for part in self.glibc.split(".")[:2])
        names = [f"manylinux_{major}_{older}" for older in range(minor, OLDEST_GLIBC_MINOR - 1, -1)]
        return tuple(f"{name}_{self.architecture}" for name in (*names, "manylinux2014", "linux"))

    @property
    def target(self) -> str:
        """What wheels are needed for: ``"Python 3.11 on aarch64 (glibc 2.36)"``."""
        return f"Python {self.python.number} on {self.architecture} (glibc {self.glibc})"

    @property
    def key(self) -> str:
        """Name for files that belong to this plan and to no other."""
        parts = (self.runtime, self.python.abi, self.architecture, f"glibc{self.glibc}")
        return "-".join(parts) + ("" if self.system_packages else "-numpy")


def plans(board: Board) -> list[RuntimePlan]:
    """Return what could be set up on a device, the preferred first: one plan for each Python.

    Raises:
        NotReadyError: No runtime exists for such a device; the message says what would help.
    """
    refuse(board)
    pythons = [one for one in board.pythons if _is_usable(one, board)]
    if not pythons:
        found = ", ".join(one.full_number for one in board.pythons)
        raise NotReadyError(
            f"the device's Python is {found}: 3.9 or later is needed, which Raspberry Pi OS has "
            "since 2021 (bullseye)"
        )
    return [_plan(one, board) for one in pythons]


def _plan(python: DevicePython, board: Board) -> RuntimePlan:
    """Return what one Python needs."""
    runtime, requirements = LITERT, (f"{LITERT}>=2.1", "numpy>=1.23")
    if board.architecture == "armv7l":
        # No wheel of numpy is published for it: the system's own is taken where it will do.
        needs = () if (python.numpy or "2").startswith("1.") else ("numpy>=1.21,<2",)
        runtime, requirements = TFLITE, (f"{TFLITE}>=2.5", *needs)
    assert board.glibc is not None
    return RuntimePlan(python, board.architecture, board.glibc, runtime, requirements)


def refuse(board: Board) -> None:
    """Raise NotReadyError for a device that can have no runtime, whatever is installed there."""
    if board.architecture == "armv6l":
        raise NotReadyError(ARMV6_REFUSAL)
    if board.architecture not in ("aarch64", "armv7l", "x86_64"):
        raise NotReadyError(f"no TFLite runtime is built for this processor ({board.machine})")
    if board.glibc is None:
        raise NotReadyError(
            "TFLite runtimes need glibc, and this system has another C library: use Raspberry Pi "
            "OS, Debian or Ubuntu"
        )


def _is_usable(python: DevicePython, board: Board) -> bool:
    """Say whether a runtime may exist for a Python."""
    same_width = python.bits == board.pythons[0].bits
    return python.version >= OLDEST_PYTHON and python.implementation == "cpython" and same_width


def is_published(one: RuntimePlan) -> bool:
    """Say whether the runtime of a plan was ever published for its Python."""
    return one.runtime != TFLITE or one.python.version[:2] <= NEWEST_PYTHON_OF_TFLITE


def no_wheel(first: RuntimePlan, missing: str, others: list[str]) -> NotReadyError:
    """Make the error for a device that pip knows no wheel for.

    Args:
        first: The preferred plan.
        missing: The package there is no wheel of.
        others: Numbers of the Pythons that there is one for.
    """
    text = f"there is no wheel of {missing} for {first.target}"
    if missing == "numpy":
        return NotReadyError(f"{text}, and {numpy_advice(first.python)}")
    if others:
        text += f"; there is one for Python {', '.join(others)}"
    if first.architecture == "armv7l":
        text += ": use a 64-bit Raspberry Pi OS, which has a newer runtime"
    return NotReadyError(text)


def numpy_advice(python: DevicePython) -> str:
    """Say what to do where the system's numpy will not do, and no other can be had."""
    if python.numpy is None:
        return f"{python.path} has none; on the device, run: sudo apt install python3-numpy"
    return (
        f"the system's is {python.numpy}, while {TFLITE} works with numpy 1 only: use a 64-bit "
        "Raspberry Pi OS, try --from device (its pip may know one), or give one with --wheels"
    )
