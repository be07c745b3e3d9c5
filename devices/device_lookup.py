"""The device of a name: this machine, one of the inventory, or one at an address."""

from __future__ import annotations

from pathlib import Path

from edgecnn.devices.desktop import Desktop
from edgecnn.devices.device import DESKTOP, PI, AskPassword, Device
from edgecnn.devices.inventory import Inventory, address_of
from edgecnn.devices.remote import RemoteDevice
from edgecnn.devices.transports import connect
from edgecnn.runner.ondevice.system import DEVICE_TREE

BOARD_MODEL = Path(DEVICE_TREE) / "model"
"""File that holds the name of a board, on Linux machines that are described by a device tree."""


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
    is_this_pi = name == PI and is_raspberry_pi() and PI not in Inventory().added_devices()
    if name == DESKTOP or is_this_pi:
        return Desktop(name)
    return RemoteDevice(connect(address_of(name), name, ask_password))


def is_raspberry_pi() -> bool:
    """Return whether this machine is a Raspberry Pi."""
    try:
        return BOARD_MODEL.read_bytes().startswith(b"Raspberry Pi")
    except OSError:
        return False
