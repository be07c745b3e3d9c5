"""Conversations in messages with a program in another process, here or on a device."""

from __future__ import annotations

import contextlib
import queue
import time
from abc import ABC, abstractmethod
from typing import Any, TypeVar, overload

from edgecnn.core.errors import MESSAGE_CHARACTERS, EdgecnnError, InputError, NoAnswerError
from edgecnn.core.frame_reader import FrameReader
from edgecnn.core.messages import ErrorReport, Frame, MessageError, from_frame, to_frame

MAX_UNREAD = 10_000
"""Messages at most that wait to be read: a runner that tells its progress in a quarter of an hour
in which nobody looks sends half as many."""

MAX_UNREAD_BYTES = 64 << 20
"""Bytes at most of these messages, besides the raw bytes of two of them."""

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
            MessageError: Another message came, or what is no message at all.
            InputError: The program reports that the user's input cannot be used.
            NoAnswerError: Nothing came in time.
            EdgecnnError: The program reports another error, or it died.
        """
        frame = self.receive_frame(timeout_s)
        raise_reported(frame)
        return from_frame(frame, *kinds)

    @property
    def restarts(self) -> int:
        """How often the program was started again, and all that it was asked repeated."""
        return 0

    @abstractmethod
    def limit_payload(self, most_bytes: int) -> None:
        """Say how many raw bytes a message may bring from now on."""

    @abstractmethod
    def send_frame(self, frame: Frame, timeout_s: float | None = None) -> None:
        """Write one message as it travels.

        Args:
            frame: The message.
            timeout_s: Seconds at most in which the program neither reads on nor sends anything,
                after which it is ended; None waits as long as the program runs.
        """

    @abstractmethod
    def receive_frame(self, timeout_s: float | None = None) -> Frame:
        """Return the next message as it travelled; it may report an error."""

    @abstractmethod
    def close(self, *, kill: bool = False) -> None:
        """End the program: in good order, or at once."""


class InboxChannel(Channel):
    """A channel whose bytes another thread reads, and hands to :meth:`take_in`.

    Attributes:
        inbox: Messages that have come and were not read yet.
    """

    def __init__(self) -> None:
        self.inbox = Inbox()
        self._reader = FrameReader()

    def limit_payload(self, most_bytes: int) -> None:
        """Say how many raw bytes a message may bring from now on."""
        self._reader.payload_limit = most_bytes

    def take_in(self, content: bytes) -> bool:
        """Put the messages of what was read into the inbox.

        Returns:
            False where no more is to be read: what came is no message, or too much; whoever reads
            the inbox is told so.
        """
        try:
            for frame in self._reader.feed(content):
                self.inbox.put(frame)
            self.inbox.check_size(len(content), 2 * self._reader.payload_limit)
        except MessageError as error:
            self.inbox.fail(error)
            return False
        return True

    def receive_frame(self, timeout_s: float | None = None) -> Frame:
        """Return the next message as it travelled; it may report an error.

        Args:
            timeout_s: Seconds to wait, after which the program is ended; None waits as long as the
                program runs.
        """
        try:
            frame = self.inbox.take(timeout_s)
        except TimeoutError:
            assert timeout_s is not None
            raise self.silenced(timeout_s) from None
        if frame is None:
            raise self.ending()
        return frame

    def raise_last_words(self, within_s: float) -> None:
        """Raise the error that a program reported before it stopped reading, if it did.

        Args:
            within_s: Seconds at most that more messages are looked at.
        """
        give_up = time.monotonic() + within_s
        with contextlib.suppress(TimeoutError):
            while time.monotonic() < give_up:
                frame = self.inbox.take(within_s)
                if frame is None:
                    return
                raise_reported(frame)

    def silenced(self, timeout_s: float) -> NoAnswerError:
        """End a program that was silent for too long, and return the error that says so."""
        self.close(kill=True)
        return NoAnswerError(f"{self.name}: no answer for {timeout_s:.0f} s, so it was ended")

    @property
    @abstractmethod
    def name(self) -> str:
        """What messages call the program: by what it does, and where."""

    @abstractmethod
    def ending(self) -> EdgecnnError:
        """Return the error for a program that ended; it says how."""


class Inbox:
    """Messages that have come and were not read yet; one thread fills it, another one reads."""

    def __init__(self) -> None:
        self._items: queue.Queue[Frame | MessageError | None] = queue.Queue()
        self._unread_bytes = 0
        self._heard = time.monotonic()

    def put(self, frame: Frame) -> None:
        """Add a message."""
        self._heard = time.monotonic()
        self._items.put(frame)

    def fail(self, error: MessageError) -> None:
        """Say that what came is no message, and that nothing more is read."""
        self._items.put(error)

    def end(self) -> None:
        """Say that no more messages come."""
        self._items.put(None)

    def check_size(self, more_bytes: int, payload_bytes: int) -> None:
        """Count bytes that came, and check how many wait to be read.

        Args:
            more_bytes: Bytes that came.
            payload_bytes: How many raw bytes may wait.

        Raises:
            MessageError: Too many messages wait, or too many bytes.
        """
        self._unread_bytes = 0 if self._items.empty() else self._unread_bytes + more_bytes
        waiting = self._items.qsize()
        if waiting > MAX_UNREAD or self._unread_bytes > MAX_UNREAD_BYTES + payload_bytes:
            raise MessageError(f"messages come that nobody asked for, {waiting} so far")

    def silent_s(self) -> float:
        """Return the seconds since the last message came."""
        return time.monotonic() - self._heard

    def take(self, timeout_s: float | None = None) -> Frame | None:
        """Return the next message, or None after the last one.

        Args:
            timeout_s: Seconds to wait at most; None waits for as long as it takes.

        Raises:
            TimeoutError: None came in that time.
            MessageError: What came is no message.
        """
        try:
            item = self._items.get(timeout=timeout_s)
        except queue.Empty:
            raise TimeoutError(f"no message within {timeout_s} s") from None
        if item is None or isinstance(item, MessageError):
            self._items.put(item)  # whoever asks again is told so again
        if isinstance(item, MessageError):
            raise item
        return item


def raise_reported(frame: Frame) -> None:
    """Raise the error that a message reports, in one line; any other message does nothing.

    Raises:
        InputError: The user's input cannot be used.
        EdgecnnError: Something else failed.
        MessageError: The message is no proper report.
    """
    if frame.kind == ErrorReport.__name__:
        report = from_frame(frame, ErrorReport)
        text = " ".join(report.message.split())[:MESSAGE_CHARACTERS]
        raise (InputError if report.is_input else EdgecnnError)(
            text or "it failed without a reason"
        )
