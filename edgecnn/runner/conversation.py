"""Requests to a runner and its answers: in order, in time, and checked before they are used."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from edgecnn.core.channel import Channel, raise_reported
from edgecnn.core.errors import (
    ChildCrashedError,
    DeviceError,
    EdgecnnError,
    NoAnswerError,
    shown_value,
)
from edgecnn.core.messages import ErrorReport, Frame, MessageError, from_frame, to_frame
from edgecnn.runner.answers import check_texts, require, within
from edgecnn.runner.ondevice.protocol import PROGRESS_EVERY_S, CallProgress
from edgecnn.runner.patience import TIMEOUT_VARIABLE, Patience

Answer = TypeVar("Answer")

LATE_MESSAGES = 10
"""Messages of progress at most after the time that was asked for: a few calls are under way then,
and each of them may take long."""


@dataclass(frozen=True)
class Expected(Generic[Answer]):
    """What may be answered to a request.

    Args:
        kind: Class of the answer.
        verb: What the request asks for, in messages: ``"time the model"``.
        silence_s: Seconds that the runner may be silent.
        check: Raises MessageError for an answer that cannot be right.
        calls: Calls of the model at most that may be told of as progress; None where no progress
            is told.
        runs: Calls after which progress is only told until ``least_s`` have passed.
        least_s: Seconds after which no more than ``runs`` calls are made.
        payload_bytes: Raw bytes at most that belong to the answer.
        is_of_model: Whether the time is that of the model, which the user can change.
    """

    kind: type[Answer]
    verb: str
    silence_s: float
    check: Callable[[Answer], None] = lambda answer: None
    calls: int | None = None
    runs: int = 0
    least_s: float = 0.0
    payload_bytes: int = 0
    is_of_model: bool = False


@dataclass
class _Pending:
    """A request without an answer, and what was told of its progress so far."""

    number: int
    expected: Expected[Any]
    restarts: int
    told: CallProgress | None = field(default=None)
    late: int = 0

    def check(self, progress: CallProgress) -> None:
        """Check that a message of progress goes on from the last one, and that it has an end."""
        expected, last = self.expected, self.told or CallProgress(0, 0.0)
        assert expected.calls is not None
        within("calls", progress.calls, last.calls + 1, expected.calls)
        # The runner looks at its clock again after it has sent a message.
        least_s = last.elapsed_s + PROGRESS_EVERY_S / 2
        within("elapsed_s", progress.elapsed_s, least_s, float(1 << 40))
        if progress.calls >= expected.runs and progress.elapsed_s >= expected.least_s:
            self.late += 1
            require(self.late <= LATE_MESSAGES, "calls", progress.calls, "more than were asked for")
        self.told = progress


class Conversation:
    """Asks a runner, and believes no answer that has not been checked.

    A runner that is silent for too long, or whose answer cannot be right, is ended at once, and is
    asked nothing more.

    Args:
        channel: The way to the runner.
        device: What messages call the device.
        patience: How long the runner may be silent.

    Raises:
        DeviceError: Every method raises it for a silent runner and for a wrong answer: one line
            that names the device, and what was asked.
        InputError: ``receive`` raises it where the runner reports that the user's input is wrong.
        EdgecnnError: ``receive`` raises it where the runner reports another error, or died.
    """

    def __init__(self, channel: Channel, device: str, patience: Patience) -> None:
        self._channel, self._device, self._patience = channel, device, patience
        self._pending: deque[_Pending] = deque()
        self._sent = 0
        self._has_answered = False
        self._failure: DeviceError | None = None
        channel.limit_payload(0)

    def ask(self, request: object, expected: Expected[Answer]) -> Answer:
        """Send a request and wait for its answer."""
        self.send(request, expected)
        answer: Answer = self.receive()
        return answer

    def send(self, request: object, expected: Expected[Any]) -> None:
        """Send a request without waiting for its answer."""
        if self._failure is not None:
            raise self._failure
        self._sent += 1
        self._pending.append(_Pending(self._sent, expected, self._channel.restarts))
        self._channel.limit_payload(max(each.expected.payload_bytes for each in self._pending))
        frame = to_frame(request).numbered(self._sent)
        with self._judging(expected):
            self._channel.send_frame(frame, self._silence_s(expected))

    def receive(self, on_progress: Callable[[CallProgress], None] = lambda progress: None) -> Any:
        """Wait for the answer to the earliest request that has none.

        Args:
            on_progress: Called with each message of progress.
        """
        if self._failure is not None:
            raise self._failure
        pending = self._pending[0]
        expected = pending.expected
        while True:
            with self._judging(expected):
                frame = self._channel.receive_frame(self._silence_s(expected))
                self._check_number(frame, pending)
                self._has_answered = True
                is_progress = frame.kind == CallProgress.__name__ and expected.calls is not None
                if not is_progress:
                    self._pending.popleft()
                    return self._answer(frame, expected)
                progress = from_frame(frame, CallProgress)
                self._check_progress(progress, pending)
            on_progress(progress)

    def close(self, *, kill: bool = False) -> None:
        """End the runner: in good order, or at once."""
        self._channel.close(kill=kill)

    def _answer(self, frame: Frame, expected: Expected[Answer]) -> Answer:
        raise_reported(frame)
        answer = from_frame(frame, expected.kind)
        try:
            check_texts(answer)
            expected.check(answer)
        except MessageError as error:
            raise MessageError(f"{frame.kind}: {error}") from error
        return answer

    def _check_number(self, frame: Frame, pending: _Pending) -> None:
        is_report = frame.kind == ErrorReport.__name__ and frame.number is None
        if frame.number != pending.number and not is_report:
            kind = shown_value(frame.kind)
            raise MessageError(f"{kind} came, which answers another request or none")

    def _check_progress(self, progress: CallProgress, pending: _Pending) -> None:
        if pending.restarts != self._channel.restarts:
            pending.restarts, pending.told, pending.late = self._channel.restarts, None, 0
        try:
            pending.check(progress)
        except MessageError as error:
            raise MessageError(f"{CallProgress.__name__}: {error}") from error

    def _silence_s(self, expected: Expected[Any]) -> float:
        start_s = 0.0 if self._has_answered else self._patience.start_s
        return max(start_s, expected.silence_s)

    @contextlib.contextmanager
    def _judging(self, expected: Expected[Any]) -> Iterator[None]:
        """End a runner that is silent or answers wrongly, and say so in one line."""
        try:
            yield
        except NoAnswerError as error:
            text = f"no answer to '{expected.verb}' within {self._silence_s(expected):g} s"
            if expected.is_of_model:
                text += f"; if the model is that slow, set {TIMEOUT_VARIABLE} to more seconds"
            raise self._failed(text, error) from error
        except MessageError as error:
            raise self._failed(f"a wrong answer to '{expected.verb}': {error}", error) from error
        except ChildCrashedError as error:
            if error.exit_status != 0:
                raise
            text = f"its runner ended before it answered '{expected.verb}'"
            raise self._failed(text, error) from error

    def _failed(self, text: str, error: EdgecnnError) -> DeviceError:
        self._channel.close(kill=True)
        self._failure = DeviceError(f"{self._device}: {text}")
        self._failure.add_debug(error.debug_text)
        return self._failure
