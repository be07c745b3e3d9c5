"""A runner that is found again after its connection was cut."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from edgecnn.core.errors import ConnectionLostError, EdgecnnError
from edgecnn.runner.session import Message, Transport

MAX_RESUMES = 3
"""Cuts during one request; a device that is cut off by the request itself is given up."""

NEEDED_BEFORE = {
    "load": (),
    "warm": ("load",),
    "time": ("load", "warm"),
    "memory": ("load", "warm", "time"),
}
NEEDED_BY_OTHERS = ("load",)
"""What a new runner is asked first, so that it can answer a request as the old one would have."""


class ResumingTransport:
    """Starts the runner again and repeats what it was doing, when the connection was cut.

    A request is repeated whole: a timing loop begins anew, batches of images that had no answer yet
    are sent again in their order, and what was answered before stays.

    Args:
        start: Starts a runner over the present connection.
        restore: Given the error, connects again, or raises when that fails.
    """

    def __init__(
        self, start: Callable[[], Transport], restore: Callable[[ConnectionLostError], None]
    ) -> None:
        self._start = start
        self._restore = restore
        self._answered: dict[str, Message] = {}
        self._pending: deque[tuple[Message, bytes | memoryview | None]] = deque()
        self._resumes = 0
        self._transport = start()

    def send(self, message: Message, payload: bytes | memoryview | None = None) -> None:
        """Write one message, and the raw bytes that belong to it."""
        if not self._pending:
            self._resumes = 0
        self._pending.append((message, payload))
        try:
            self._transport.send(message, payload)
        except ConnectionLostError as error:
            self._resume(error)

    def receive(self, timeout_s: float | None = None) -> Message:
        """Return the next message; progress may start again."""
        while True:
            try:
                answer = self._transport.receive(timeout_s)
            except ConnectionLostError as error:
                self._resume(error)
                continue
            except EdgecnnError:
                # That is its answer.
                self._pending.popleft()
                raise
            if answer.get("event") != "progress" and self._pending:
                message, _ = self._pending.popleft()
                self._answered[str(message.get("do"))] = message
                self._resumes = 0
            return answer

    def close(self, *, kill: bool = False) -> None:
        """End the runner."""
        self._transport.close(kill=kill)

    def _resume(self, error: ConnectionLostError) -> None:
        while True:
            self._resumes += 1
            if self._resumes > MAX_RESUMES or not self._pending:
                raise error
            try:
                self._restore(error)
                self._transport = self._start()
                self._repeat()
                return
            except ConnectionLostError as again:
                error = again

    def _repeat(self) -> None:
        first = str(self._pending[0][0].get("do"))
        for verb in NEEDED_BEFORE.get(first, NEEDED_BY_OTHERS):
            if verb in self._answered:
                self._transport.send(self._answered[verb])
                while self._transport.receive().get("event") == "progress":
                    pass
        for message, payload in self._pending:
            self._transport.send(message, payload)
