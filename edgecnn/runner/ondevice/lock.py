"""The lock of a device: one run at a time, and a word on who has it.

The module travels to devices: the standard library alone, and the grammar of Python 3.7.
"""

from __future__ import annotations

import time
from pathlib import Path

from edgecnn.core.platform_support import try_lock

ROOT = ".edgecnn"
"""Folder in the user's home on a device: ``venv/``, ``files/``, ``runner/`` and the lock."""

LOCK = f"{ROOT}/lock"
HOLDER_CHARACTERS = 4096
POLL_S = 0.1


class DeviceLock:
    """A file that at most one process on the device has locked; it is free when that ends.

    Args:
        path: The file; its folder must exist.

    Raises:
        OSError: The file cannot be opened, or its file system has no locks.

    Example:
        >>> with DeviceLock(Path.home() / LOCK) as lock:
        ...     lock.take("d0a1", "ann@desk")
        True
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> DeviceLock:
        """Open the file."""
        self._file = self._path.open("a+")
        return self

    def __exit__(self, *error: object) -> None:
        """Close the file, which frees the lock."""
        self._file.close()

    def take(self, token: str, holder: str, wait_s: float = 0.0) -> bool:
        """Lock the file, and write down who did.

        Args:
            token: Text by which a run knows its earlier self.
            holder: Who it is, for others who want the device.
            wait_s: Seconds to wait for an earlier self whose connection was cut; nobody else is
                waited for.

        Returns:
            False where another process has the lock.
        """
        give_up = time.monotonic() + wait_s
        while not try_lock(self._file):
            if self._written()[0] != token or time.monotonic() > give_up:
                return False
            time.sleep(POLL_S)
        self._file.seek(0)
        self._file.truncate()
        self._file.write(f"{token}\n{holder}\n")
        self._file.flush()
        return True

    def holder(self) -> str:
        """Return who has the lock, as they wrote it."""
        return " ".join(self._written()[1].split()) or "another run"

    def _written(self) -> tuple[str, str]:
        self._file.seek(0)
        token, _, holder = self._file.read(HOLDER_CHARACTERS).partition("\n")
        return token, holder
