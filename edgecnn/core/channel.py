"""A conversation in messages with a program elsewhere: what every way to one has in common."""

from __future__ import annotations

import queue
from abc import ABC, abstractmethod
from typing import Any, TypeVar, overload

from edgecnn.core.errors import EdgecnnError, InputError
from edgecnn.core.messages import ErrorReport, Frame, from_frame, to_frame

First = TypeVar("First")
Second = TypeVar("Second")


class Channel(ABC):
    """One end of a conversation: a child's pipes, or the streams of a program on a device."""

    def send(self, message: object) -> None:
        """Write one message, and the raw bytes that belong to it."""
        self.send_frame(to_frame(message))

    @overload
    def receive(self, kind: type[First], /, *, timeout_s: float | None = ...) -> First: ...

    @overload
    def receive(
        self, kind: type[First], other: type[Second], /, *, timeout_s: float | None = ...
    ) -> First | Second: ...

    def receive(self, *kinds: type[Any], timeout_s: float | None = None) -> Any:
        """Wait for the next message.

        Args:
            kinds: The classes of messages that may come.
            timeout_s: Seconds to wait at most; None waits as long as the program runs.

        Raises:
            MessageError: Another message came.
            InputError: The program reports that the user's input cannot be used.
            EdgecnnError: The program reports another error, or it died.
        """
        return from_frame(self.receive_frame(timeout_s), *kinds)

    @abstractmethod
    def send_frame(self, frame: Frame) -> None:
        """Write one message as it travels."""

    @abstractmethod
    def receive_frame(self, timeout_s: float | None = None) -> Frame:
        """Return the next message as it travelled; an error that it reports is raised."""

    @abstractmethod
    def close(self, *, kill: bool = False) -> None:
        """End the program: in good order, or at once."""


class InboxChannel(Channel):
    """A channel whose messages another thread reads, and puts into :attr:`inbox`.

    Attributes:
        inbox: Messages that have come and were not read yet.
    """

    def __init__(self) -> None:
        self.inbox = Inbox()

    def receive_frame(self, timeout_s: float | None = None) -> Frame:
        """Return the next message as it travelled; an error that it reports is raised.

        Args:
            timeout_s: Seconds to wait, after which the program is ended; None waits as long as it
                runs.
        """
        try:
            frame = self.inbox.take(timeout_s)
        except TimeoutError:
            self.close(kill=True)
            raise self.no_answer(f"no answer for {timeout_s:.0f} s") from None
        if frame is None:
            raise self.ending()
        return frame

    @abstractmethod
    def no_answer(self, text: str) -> EdgecnnError:
        """Return the error for a program that gave no answer in time."""

    @abstractmethod
    def ending(self) -> EdgecnnError:
        """Return the error for a program whose last message was read: it says how that ended."""


class Inbox:
    """Messages that have come and were not read yet; one thread fills it, another one reads."""

    def __init__(self) -> None:
        self._frames: queue.Queue[Frame | None] = queue.Queue()

    def put(self, frame: Frame) -> None:
        """Add a message."""
        self._frames.put(frame)

    def end(self) -> None:
        """Say that no more messages come."""
        self._frames.put(None)

    def take(self, timeout_s: float | None = None) -> Frame | None:
        """Return the next message, or None after the last one.

        Args:
            timeout_s: Seconds to wait at most; None waits for as long as it takes.

        Raises:
            TimeoutError: None came in that time.
            InputError: The message reports that the user's input cannot be used.
            EdgecnnError: The message reports another error.
        """
        try:
            frame = self._frames.get(timeout=timeout_s)
        except queue.Empty:
            raise TimeoutError(f"no message within {timeout_s} s") from None
        if frame is None:
            self._frames.put(None)  # whoever asks again is told so again
        elif frame.kind == ErrorReport.__name__:
            report = from_frame(frame, ErrorReport)
            raise (InputError if report.is_input else EdgecnnError)(report.message)
        return frame
