"""A channel to a runner that is started again after its connection was cut."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from edgecnn.core.channel import Channel, raise_reported
from edgecnn.core.errors import ConnectionLostError
from edgecnn.core.messages import MAX_PAYLOAD_BYTES, ErrorReport, Frame, MessageError
from edgecnn.runner.ondevice.protocol import (
    AskMemory,
    CallProgress,
    LoadModel,
    TimeModel,
    WarmModel,
)

MAX_RESUMES = 3
"""Cuts during one request after which the device is given up: the request itself may cause them."""

ORDER = (LoadModel.__name__, WarmModel.__name__, TimeModel.__name__, AskMemory.__name__)
"""Requests that each need those before them: a new runner gets the earlier ones first."""

NEEDED_BY_OTHERS = ORDER[:1]
"""Requests that a new runner gets before one that is not in ``ORDER``."""


@dataclass(frozen=True)
class _Request:
    """A request, and for how many seconds the runner may be silent about it."""

    frame: Frame
    timeout_s: float | None


class ResumingChannel(Channel):
    """Starts the runner again and repeats its pending requests when the connection was cut.

    A request is repeated whole: a timing loop begins anew. Batches of images without an answer are
    sent again in their order. Answers that came before the cut stay valid. Nothing but a cut is a
    reason to repeat a request: a runner that is silent, or answers what was not asked, is not asked
    again.

    Args:
        start: Starts a runner over the present connection.
        restore: Given the error, connects again, or raises when that fails.
    """

    def __init__(
        self, start: Callable[[], Channel], restore: Callable[[ConnectionLostError], None]
    ) -> None:
        self._start = start
        self._restore = restore
        self._answered: dict[str, _Request] = {}
        self._pending: deque[_Request] = deque()
        self._resumes = self._restarts = 0
        self._payload_limit = MAX_PAYLOAD_BYTES
        self._channel = start()

    @property
    def restarts(self) -> int:
        """How often the runner was started again, and all that it was asked repeated."""
        return self._restarts

    def limit_payload(self, most_bytes: int) -> None:
        """Say how many raw bytes a message may bring from now on."""
        self._payload_limit = most_bytes
        self._channel.limit_payload(most_bytes)

    def send_frame(self, frame: Frame, timeout_s: float | None = None) -> None:
        """Write one message, and the raw bytes that belong to it.

        Args:
            frame: The message.
            timeout_s: Seconds at most in which the runner may be silent, after which it is ended;
                None waits as long as it runs.
        """
        if not self._pending:
            self._resumes = 0
        self._pending.append(_Request(frame, timeout_s))
        try:
            self._channel.send_frame(frame, timeout_s)
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
            if answer.kind != CallProgress.__name__ and self._pending:
                request = self._pending.popleft()
                self._resumes = 0
                if answer.kind != ErrorReport.__name__:
                    self._answered[request.frame.kind] = request
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
                self._restarts += 1
                self._channel.limit_payload(self._payload_limit)
                self._repeat()
                return
            except ConnectionLostError as again:
                error = again

    def _repeat(self) -> None:
        next_kind = self._pending[0].frame.kind
        needed = ORDER[: ORDER.index(next_kind)] if next_kind in ORDER else NEEDED_BY_OTHERS
        for kind in needed:
            if kind in self._answered:
                self._ask_again(self._answered[kind])
        for request in self._pending:
            self._channel.send_frame(request.frame, request.timeout_s)

    def _ask_again(self, request: _Request) -> None:
        """Have a new runner do what another one has done; its answer was read then."""
        self._channel.send_frame(request.frame, request.timeout_s)
        while True:
            answer = self._channel.receive_frame(request.timeout_s)
            raise_reported(answer)
            if answer.number != request.frame.number:
                raise MessageError(f"an answer to another request than {request.frame.kind} came")
            if answer.kind != CallProgress.__name__:
                return
