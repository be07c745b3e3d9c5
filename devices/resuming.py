"""A channel to a runner that is started again after its connection was cut."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from edgecnn.core.channel import Channel
from edgecnn.core.errors import ConnectionLostError, EdgecnnError
from edgecnn.core.messages import Frame
from edgecnn.runner.ondevice.protocol import (
    AskMemory,
    LoadModel,
    TimeModel,
    TimingProgress,
    WarmModel,
)

MAX_RESUMES = 3
"""Cuts during one request after which the device is given up: the request itself may cause them."""

ORDER = (LoadModel.__name__, WarmModel.__name__, TimeModel.__name__, AskMemory.__name__)
"""Requests that each need those before them: a new runner gets the earlier ones first."""

NEEDED_BY_OTHERS = ORDER[:1]
"""Requests that a new runner gets before one that is not in ``ORDER``."""


class ResumingChannel(Channel):
    """Starts the runner again and repeats its pending requests when the connection was cut.

    A request is repeated whole: a timing loop begins anew. Batches of images without an answer are
    sent again in their order. Answers that came before the cut stay valid.

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
        next_kind = self._pending[0].kind
        needed = ORDER[: ORDER.index(next_kind)] if next_kind in ORDER else NEEDED_BY_OTHERS
        for kind in needed:
            if kind in self._answered:
                self._channel.send_frame(self._answered[kind])
                while self._channel.receive_frame().kind == TimingProgress.__name__:
                    pass
        for frame in self._pending:
            self._channel.send_frame(frame)
