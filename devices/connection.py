"""What a transport gives: a connection to a device, over which programs run and files go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from edgecnn.core.channel import Channel
from edgecnn.core.errors import DeviceError
from edgecnn.devices.device import OnBytes


class CommandMissingError(DeviceError):
    """The program that was to be started is not on the device."""


class Address(Protocol):
    """How a device is reached: a frozen dataclass of each transport's own, with text and numbers.

    Attributes:
        scheme: Name of the transport.
        python: Path of the device's Python that has a runtime; None for the one that
            ``edgecnn devices setup`` makes.
    """

    scheme: ClassVar[str]

    @property
    def python(self) -> str | None:
        """Path of the Python that has a runtime; None for the one that ``setup`` makes."""

    def __str__(self) -> str:
        """Return the text that names the address in commands."""


@dataclass(frozen=True)
class FinishedCommand:
    """A program that ended on the device.

    Args:
        status: Its exit status.
        stdout: What it wrote to standard output.
        stderr: What it wrote to standard error.
    """

    status: int
    stdout: bytes
    stderr: bytes


class Shell(Protocol):
    """What it takes to set a device up: to run a command there and to copy a file to it."""

    @property
    def name(self) -> str:
        """What messages call the device."""

    def run(
        self, command: Sequence[str], *, stdin: bytes = b"", timeout_s: float = 60.0
    ) -> FinishedCommand:
        """Run a program in the user's home on the device, and wait for its end.

        Args:
            command: Program and arguments, each taken literally.
            stdin: What the program reads.
            timeout_s: Seconds it may take.
        """

    def upload(
        self, content: bytes, remote: str, what: str, on_progress: OnBytes | None = None
    ) -> None:
        """Copy a file to the device, whole or not at all.

        Args:
            content: The file's content.
            remote: Its path there, from the user's home; folders are made.
            what: What it is, for messages: ``"'a.tflite'"``.
            on_progress: Called with how much of it was sent.
        """


class Connection(Shell, Protocol):
    """A connection to a device; all that was started over it ends when it is closed.

    Raises:
        DeviceError: Every method raises it where the device is not reached, or does not obey.
        ConnectionLostError: Every method raises it when the connection was cut.
    """

    @property
    def address(self) -> Address:
        """Address of the device."""

    @property
    def silence_s(self) -> float:
        """Seconds without a sign of life after which the device may take this machine for gone.

        A channel sends empty lines more often than that. Infinity where a program on the device is
        always told that its input ended.
        """

    def __enter__(self) -> Connection:
        """Connect."""

    def __exit__(self, *error: object) -> None:
        """Disconnect."""

    def open(self) -> None:
        """Connect, or connect again after :meth:`close`."""

    def close(self) -> None:
        """Disconnect, from any thread; doing so twice is no mistake."""

    def is_file(self, remote: str, size: int) -> bool:
        """Say whether there is a file of this size on the device."""

    def start(self, command: Sequence[str], task: str) -> Channel:
        """Start a program in the user's home that answers in messages, as a runner does.

        Args:
            command: Program and arguments, each taken literally.
            task: What it does, for messages: ``"running 'a.tflite'"``.

        Raises:
            CommandMissingError: The device has no such program; the channel may raise this, too.
        """
