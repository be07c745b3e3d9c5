"""The connection to a device that a transport gives: programs run and files go over it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from edgecnn.core.channel import Channel
from edgecnn.core.errors import DeviceError
from edgecnn.devices.device import OnBytes

MAX_OUTPUT_BYTES = 16 << 20
"""Bytes at most that a command's output may have: answers have some thousands."""


class CommandMissingError(DeviceError):
    """A program that was to be started is not on the device."""


class Address(Protocol):
    """How a device is reached: each transport has a frozen dataclass for it, of texts and numbers.

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
        status: Exit status of the program.
        stdout: What the program wrote to standard output.
        stderr: What the program wrote to standard error.
    """

    status: int
    stdout: bytes
    stderr: bytes


class Shell(Protocol):
    """Runs commands on a device and copies files to it: all that setting a device up takes."""

    @property
    def name(self) -> str:
        """What messages call the device."""

    def run(
        self,
        command: Sequence[str],
        *,
        stdin: bytes = b"",
        timeout_s: float = 60.0,
        task: str | None = None,
    ) -> FinishedCommand:
        """Run a program in the user's home on the device, and wait for its end.

        Args:
            command: Program and arguments, each taken literally.
            stdin: What the program reads.
            timeout_s: Seconds that the program may take.
            task: What it does, for messages; None for the name of the program.

        Raises:
            DeviceError: The program was not done in time, or wrote more than
                :data:`MAX_OUTPUT_BYTES`.
        """

    def upload(
        self, content: bytes, remote: str, what: str, on_progress: OnBytes | None = None
    ) -> None:
        """Copy a file to the device, whole or not at all.

        Args:
            content: Content of the file.
            remote: Path of the file on the device, from the user's home; folders are made.
            what: What messages call the file: ``"'a.tflite'"``.
            on_progress: Called with (bytes done, bytes in all).
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
        """Disconnect, from any thread; a second call does nothing."""

    def is_file(self, remote: str, size: int) -> bool:
        """Return whether the device has a file of this path and size."""

    def start(self, command: Sequence[str], task: str) -> Channel:
        """Start a program in the user's home that answers in messages, as a runner does.

        Args:
            command: Program and arguments, each taken literally.
            task: What the program does, for messages: ``"running 'a.tflite'"``.

        Raises:
            CommandMissingError: The device has no such program; the channel may raise this, too.
        """
