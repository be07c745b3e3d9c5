"""A device as the rest of edgecnn sees it: a place to put a model and to start a runner."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

from edgecnn.runner.patience import Patience
from edgecnn.runner.session import RunnerSession

DESKTOP = "desktop"
"""Name of the machine that edgecnn itself runs on."""

PI = "pi"
"""Name of a Raspberry Pi: this machine if it is one, else what the inventory calls so."""

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
        patience: How long a runner there may be silent.

    Raises:
        InputError: ``EDGECNN_TIMEOUT`` is no number of seconds.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.patience = Patience.of_user()

    def __enter__(self) -> Device:
        """Connect to the device, where that is needed."""
        return self

    def __exit__(self, *error: object) -> None:
        """Release the device."""
        self.close()

    def close(self) -> None:  # noqa: B027 (nothing is to be done where nothing is connected)
        """Release the device, from any thread; what runs there over a connection ends."""

    @property
    def cuts(self) -> int:
        """How often the connection to the device was cut and made again so far."""
        return 0

    @abstractmethod
    def place(self, model: Path, on_progress: OnBytes | None = None) -> str:
        """Make a local file available on the device, and return its path there.

        Args:
            model: Path of the file.
            on_progress: Called with (bytes done, bytes in all), where the file has to be sent.
        """

    @abstractmethod
    def most_runners(self, threads: int) -> int:
        """Return for how many runners of so many threads the device has cores, at least 1."""

    @abstractmethod
    def start(self, task: str) -> RunnerSession:
        """Start a runner.

        Args:
            task: What the runner does, for messages: ``"running 'a.tflite'"``.
        """
