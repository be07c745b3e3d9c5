"""What a device is to the rest of edgecnn: a place to put a model and to start a runner."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Protocol

from edgecnn.devices.address import Address
from edgecnn.runner.session import RunnerSession

DESKTOP = "desktop"
"""The machine itself."""

PI = "pi"
"""A Raspberry Pi: this machine if it is one, else whatever the inventory calls so."""

BOARD_MODEL = Path("/proc/device-tree/model")


class Device(Protocol):
    """A machine that can run models, while its ``with`` block lasts."""

    @property
    def name(self) -> str:
        """What users and records call it."""

    def __enter__(self) -> Device:
        """Connect to it, where that is needed."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give it free."""

    def close(self) -> None:
        """Give it free, from any thread; what runs there ends."""

    def place(self, model: Path, on_progress: Callable[[int, int], None] | None = None) -> str:
        """Make a local file available on the device and return its path there."""

    def most_runners(self, threads: int) -> int:
        """Return how many runners of so many threads its cores are enough for, 1 or more."""

    def start(self, task: str) -> RunnerSession:
        """Start a runner; ``task`` says in messages what for: ``"running 'a.tflite'"``."""


def get_device(name: str, ask_password: Callable[[str], str] | None = None) -> Device:
    """Return the device of a name.

    Args:
        name: ``"desktop"``, a name from the inventory (``pi`` is always there), or
            ``[user@]host[:port]``.
        ask_password: Given a question, returns a password; None where nobody can be asked.

    Raises:
        InputError: No device can have such a name.

    Example:
        >>> get_device("desktop").name
        'desktop'
    """
    if name == DESKTOP or (name == PI and is_raspberry_pi() and not _is_known(PI)):
        from edgecnn.devices.desktop import Desktop

        return Desktop(name)
    from edgecnn.devices.ssh.device import Ssh

    return Ssh(name, address_of(name), ask_password)


def address_of(name: str) -> Address:
    """Return where a device is: as the inventory says, or as the name itself does.

    Example:
        >>> address_of("pi@10.0.0.7").host
        '10.0.0.7'
    """
    from edgecnn.devices.inventory import Inventory

    return Inventory().find(name) or Address.parse(name)


def is_raspberry_pi() -> bool:
    """Say whether this machine is a Raspberry Pi."""
    try:
        return BOARD_MODEL.read_bytes().startswith(b"Raspberry Pi")
    except OSError:
        return False


def _is_known(name: str) -> bool:
    from edgecnn.devices.inventory import Inventory

    return name in Inventory().own()
