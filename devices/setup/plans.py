"""Plans for a device: which TFLite runtime each of its Pythons can have, and what pip installs."""

from __future__ import annotations

from dataclasses import dataclass

from edgecnn.devices.setup.probe import OLDEST_PYTHON, NotReadyError
from edgecnn.devices.setup.protocol import Board, DevicePython
from edgecnn.runner.ondevice.runtime import LITERT, TFLITE

OLDEST_GLIBC_MINOR = 17
"""manylinux2014 is glibc 2.17, and no wheel of a runtime is for an older glibc."""

NEWEST_PYTHON_OF_TFLITE = (3, 11)
"""The last Python that 32-bit wheels of tflite-runtime were made for: 2.14 is its last release."""

ARMV6_REFUSAL = (
    "this is an Armv6 processor (Raspberry Pi 1 or Zero), and no TFLite runtime is built for it: "
    "use a Raspberry Pi Zero 2 W, or any other from the Pi 2 on"
)


@dataclass(frozen=True)
class RuntimePlan:
    """A runtime for one Python of a device, and what pip is asked for.

    Args:
        python: Python of the device that the runtime is for.
        architecture: Architecture of the device's programs, as wheels name it: ``"aarch64"``.
        glibc: Version of the device's C library.
        runtime: Distribution of the TFLite runtime.
        requirements: Packages that pip is to install, with their oldest versions.

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
        """Whether the environment takes numpy from the system's packages."""
        return not any(requirement.startswith("numpy") for requirement in self.requirements)

    @property
    def platforms(self) -> tuple[str, ...]:
        """Platforms whose wheels run on the device, the nearest first.

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
        """Name of the plan in the cache; different plans have different keys."""
        parts = (self.runtime, self.python.abi, self.architecture, f"glibc{self.glibc}")
        return "-".join(parts) + ("" if self.system_packages else "-numpy")


def plans(board: Board) -> list[RuntimePlan]:
    """Return a plan for each usable Python of a device, the preferred plan first.

    Raises:
        NotReadyError: No runtime exists for such a device; the message says what would help.
    """
    refuse(board)
    pythons = [python for python in board.pythons if _is_usable(python, board)]
    if not pythons:
        versions = ", ".join(python.full_number for python in board.pythons)
        raise NotReadyError(
            f"the device's Python is {versions}: 3.9 or later is needed, which Raspberry Pi OS has "
            "since 2021 (bullseye)"
        )
    return [_plan(python, board) for python in pythons]


def _plan(python: DevicePython, board: Board) -> RuntimePlan:
    """Return what one Python needs."""
    runtime, requirements = LITERT, (f"{LITERT}>=2.1", "numpy>=1.23")
    if board.architecture == "armv7l":
        # No wheel of numpy is published for armv7l: the system's numpy is taken if it is numpy 1.
        needs = () if (python.numpy or "2").startswith("1.") else ("numpy>=1.21,<2",)
        runtime, requirements = TFLITE, (f"{TFLITE}>=2.5", *needs)
    assert board.glibc is not None
    return RuntimePlan(python, board.architecture, board.glibc, runtime, requirements)


def refuse(board: Board) -> None:
    """Raise NotReadyError for a device that no runtime is built for."""
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
    """Return whether a runtime may exist for a Python."""
    same_width = python.bits == board.pythons[0].bits
    return python.version >= OLDEST_PYTHON and python.implementation == "cpython" and same_width


def is_published(plan: RuntimePlan) -> bool:
    """Return whether the runtime of a plan was ever published for its Python."""
    return plan.runtime != TFLITE or plan.python.version[:2] <= NEWEST_PYTHON_OF_TFLITE


def no_wheel(first: RuntimePlan, missing: str, others: list[str]) -> NotReadyError:
    """Return the error for a device that pip knows no wheel for.

    Args:
        first: The plan that would have been preferred.
        missing: Name of the package without a wheel.
        others: Versions of Python that have a wheel of the package: ``["3.11"]``.
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
    """Return what to do where the system's numpy does not fit and no other can be had."""
    if python.numpy is None:
        return f"{python.path} has none; on the device, run: sudo apt install python3-numpy"
    return (
        f"the system's is {python.numpy}, while {TFLITE} works with numpy 1 only: use a 64-bit "
        "Raspberry Pi OS, try --from device (its pip may know one), or give one with --wheels"
    )
