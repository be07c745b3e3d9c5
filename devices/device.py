"""A device as the rest of edgecnn sees it: a place to put a model and to start a runner."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

from edgecnn.runner.ondevice.system import DEVICE_TREE
from edgecnn.runner.session import RunnerSession

DESKTOP = "desktop"
"""Name of the machine that edgecnn itself runs on."""

PI = "pi"
"""Name of a Raspberry Pi: this machine if it is one, else what the inventory calls so."""

BOARD_MODEL = Path(DEVICE_TREE) / "model"

AskPassword = Callable[[str], str]
"""Given a question, returns the password that the user typed."""

OnBytes = Callable[[int, int], None]
"""Called with (bytes done, bytes in all) of an upload."""


class Device(ABC):
    """A machine that can run models, while its ``with`` block lasts.

    Args:
        name: Name of the device.

    Attributes:
        name: What users and records call the device.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> Device:
        """Connect to the device, where that is needed."""
        return self

    def __exit__(self, *error: object) -> None:
        """Give the device free."""
        self.close()

    def close(self) -> None:  # noqa: B027 (nothing is to be done where nothing is connected)
        """Give the device free, from any thread; what runs there over a connection ends."""

    @abstractmethod
    def place(self, model: Path, on_progress: OnBytes | None = None) -> str:
        """Make a local file available on the device, and return its path there.

        Args:
            model: The file.
            on_progress: Called with how much of it was sent.
        """

    @abstractmethod
    def most_runners(self, threads: int) -> int:
        """Return how many runners of so many threads its cores are enough for, 1 or more."""

    @abstractmethod
    def start(self, task: str) -> RunnerSession:
        """Start a runner.

        Args:
            task: What the runner does, for messages: ``"running 'a.tflite'"``.
        """


def get_device(name: str, ask_password: AskPassword | None = None) -> Device:
    """Return the device of a name.

    Args:
        name: ``"desktop"``, a name from the inventory (``pi`` is always there), or an address:
            ``[user@]host[:port]`` for SSH, ``TRANSPORT://...`` for another transport.
        ask_password: Given a question, returns a password; None where nobody can be asked.

    Raises:
        InputError: No device can have such a name.

    Example:
        >>> get_device("desktop").name
        'desktop'
    """
    from edgecnn.devices.inventory import Inventory

    if name == DESKTOP or (name == PI and is_raspberry_pi() and PI not in Inventory().own()):
        from edgecnn.devices.desktop import Desktop

        return Desktop(name)
    from edgecnn.devices.inventory import address_of
    from edgecnn.devices.remote import RemoteDevice
    from edgecnn.devices.transports import connect

    return RemoteDevice(connect(address_of(name), name, ask_password))


def is_raspberry_pi() -> bool:
    """Say whether this machine is a Raspberry Pi."""
    try:
        return BOARD_MODEL.read_bytes().startswith(b"Raspberry Pi")
    except OSError:
        return False
