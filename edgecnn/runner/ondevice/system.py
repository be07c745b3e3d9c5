"""Reads the names of a device's system and board, and what its programs print.

The module travels to devices: the standard library alone, and the grammar of Python 3.7.
"""

from __future__ import annotations

import platform
import subprocess
from typing import TYPE_CHECKING

from edgecnn.core.platform_support import is_macos, system_text

if TYPE_CHECKING:
    from collections.abc import Sequence

DEVICE_TREE = "/proc/device-tree"
PROGRAM_TIMEOUT_S = 3.0
"""Seconds that a program may take. vcgencmd and dpkg take milliseconds; a firmware that hangs must
not hold up a run."""


def os_name() -> str:
    """Return the system's name and version: ``Debian GNU/Linux 12 (bookworm)``, ``macOS 15.5``."""
    for line in (system_text("/etc/os-release") or "").splitlines():
        if line.startswith("PRETTY_NAME="):
            return line.partition("=")[2].strip().strip("\"'")
    if is_macos():
        return f"macOS {platform.mac_ver()[0]}"
    return " ".join(filter(None, (platform.system(), platform.win32_ver()[0])))


def tree_text(name: str) -> str | None:
    """Return a property of the device tree, whose strings end with NUL; None without a tree."""
    return (system_text(f"{DEVICE_TREE}/{name}") or "").strip("\0") or None


def output_of(command: Sequence[str], timeout_s: float = PROGRAM_TIMEOUT_S) -> str | None:
    """Return what a program prints; None where it is missing, not permitted, fails or hangs.

    Args:
        command: Program and arguments.
        timeout_s: Seconds that the program may take.
    """
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=timeout_s,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return None if done.returncode else done.stdout.decode(errors="replace").strip()
