"""What a device is to the rest of edgecnn: a place to put a model and to start a runner."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from edgecnn.errors import InputError
from edgecnn.measure.session import RunnerSession

DEVICES = ("desktop",)
"""Names that ``--device`` takes."""


class Device(Protocol):
    """A machine that can run models."""

    @property
    def name(self) -> str:
        """What users and records call it."""

    def place(self, model: Path) -> str:
        """Make a local file available on the device and return its path there."""

    def start(self, task: str) -> RunnerSession:
        """Start a runner; ``task`` says in messages what for: ``"running 'a.tflite'"``."""


def get_device(name: str) -> Device:
    """Return the device of a name.

    Args:
        name: One of ``DEVICES``.

    Raises:
        InputError: There is no such device; the message lists what there is.

    Example:
        >>> get_device("desktop").name
        'desktop'
    """
    if name not in DEVICES:
        raise InputError(f"unknown device {name!r}: choose {', '.join(DEVICES)}")
    from edgecnn.devices.desktop import Desktop

    return Desktop()
