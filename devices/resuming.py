"""A runner that is found again after its connection was cut."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from edgecnn.core.channel import Channel
from edgecnn.core.errors import ConnectionLostError, EdgecnnError
from edgecnn.core.messages import Frame
from edgecnn.runner.protocol import AskMemory, LoadModel, TimeModel, TimingProgress, WarmModel

MAX_RESUMES = 3
"""A device that is cut off so often during one request is given up: the request cuts it off."""

ORDER = (LoadModel.__name__, WarmModel.__name__, TimeModel.__name__, AskMemory.__name__)
"""Requests whose answers rest on those before them, so that a new runner is asked these first."""

NEEDED_BY_OTHERS = ORDER[:1]
"""What a new runner is asked before any other request."""


class ResumingChannel(Channel):
    """Starts the runner again and repeats what it was doing, when the connection was cut.

    A request is repeated whole: a timing loop begins anew, batches of images that had no answer yet
    are sent again in their order, and what was answered before stays.

    Args:
        start: Starts a runner over the present connection.
        restore: Given the error, connects again, or raises when that fails.
    """

    def __init__(
        self, start: Callable[[], Channel], restore: Callable[[ConnectionLostError], None]
    ) -> None:
        self._start = start
        self._restore = restore
        self._answered: dict[str, Frame] = {}
        self._pending: deque[Frame] = deque()
        self._resumes = 0
        self._channel = start()

    def send_frame(self, frame: Frame) -> None:
        """Write one message, and the raw bytes that belong to it."""
        if not self._pending:
            self._resumes = 0
        self._pending.append(frame)
        try:
            self._channel.send_frame(frame)
        except ConnectionLostError as error:
            self._resume(error)

    def receive_frame(self, timeout_s: float | None = None) -> Frame:
        """Return the next message; progress may start again."""
        while True:
            try:
                answer = self._channel.receive_frame(timeout_s)
            except ConnectionLostError as error:
                self._resume(error)
                continue
            except EdgecnnError:
                # The error is the answer to the request.
                self._pending.popleft()
                raise
            if answer.kind != TimingProgress.__name__ and self._pending:
                request = self._pending.popleft()
                self._answered[request.kind] = request
                self._resumes = 0
            return answer

    def close(self, *, kill: bool = False) -> None:
        """End the runner."""
        self._channel.close(kill=kill)

    def _resume(self, error: ConnectionLostError) -> None:
        while True:
            self._resumes += 1
            if self._resumes > MAX_RESUMES or not self._pending:
                raise error
            try:
                self._restore(error)
                self._channel = self._start()
                self._repeat()
                return
            except ConnectionLostError as again:
                error = again

    def _repeat(self) -> None:
        wanted = self._pending[0].kind
        before = ORDER[: ORDER.index(wanted)] if wanted in ORDER else NEEDED_BY_OTHERS
        for kind in before:
            if kind in self._answered:
                self._channel.send_frame(self._answered[kind])
                while self._channel.receive_frame().kind == TimingProgress.__name__:
                    pass
        for frame in self._pending:
            self._channel.send_frame(frame)
