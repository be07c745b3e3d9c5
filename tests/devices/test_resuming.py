"""A request whose connection is cut is repeated to a new runner, with what it needs before."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from edgecnn.core.channel import Channel
from edgecnn.core.errors import ConnectionLostError, InputError
from edgecnn.core.messages import ErrorReport, Frame, MessageError, to_frame
from edgecnn.devices.resuming import MAX_RESUMES, ResumingChannel

LOAD, TIME, MEMORY, CLASSIFY = "LoadModel", "TimeModel", "AskMemory", "ClassifyBatch"


class Wire(Channel):
    """Stands in for runners: notes requests, and is cut where the test says so."""

    def __init__(self, cut: Callable[[int, str], bool]) -> None:
        self.asked: list[list[str]] = []
        self.restored = self.answered = 0
        self._cut = cut

    def start(self) -> Wire:
        self.asked.append([])
        return self

    def restore(self, error: ConnectionLostError) -> None:
        self.restored += 1

    def limit_payload(self, most_bytes: int) -> None:
        pass

    def send_frame(self, frame: Frame, timeout_s: float | None = None) -> None:
        self.asked[-1].append(frame.kind + bytes(frame.payload or b"").decode())

    def receive_frame(self, timeout_s: float | None = None) -> Frame:
        asked = self.asked[-1][-1]
        if asked == "bad":
            return to_frame(ErrorReport(is_input=True, message="no model"))
        if asked == "mad":
            raise MessageError("not a message")
        if self._cut(len(self.asked), asked):
            raise ConnectionLostError("cut")
        return Frame({"kind": "Answer", "to": asked})

    def close(self, *, kill: bool = False) -> None:
        pass


def ask(channel: ResumingChannel, kind: str, payload: bytes | None = None) -> object:
    """Send a request, and return which one was answered."""
    channel.send_frame(Frame({"kind": kind}, payload))
    return channel.receive_frame().values["to"]


def test_a_batch_is_sent_again_after_the_model() -> None:
    wire = Wire(lambda runner, asked: runner == 1 and asked == f"{CLASSIFY}2")
    channel = ResumingChannel(wire.start, wire.restore)
    for kind, payload in ((LOAD, None), (TIME, None), (CLASSIFY, b"1"), (CLASSIFY, b"2")):
        assert ask(channel, kind, payload) == kind + (payload or b"").decode()
    assert wire.asked == [
        [LOAD, TIME, f"{CLASSIFY}1", f"{CLASSIFY}2"],
        [LOAD, f"{CLASSIFY}2"],
    ]


def test_memory_is_that_of_timing() -> None:
    wire = Wire(lambda runner, asked: runner == 1 and asked == MEMORY)
    channel = ResumingChannel(wire.start, wire.restore)
    for kind in (LOAD, TIME, MEMORY):
        ask(channel, kind)
    assert wire.asked[1] == [LOAD, TIME, MEMORY]


def test_a_request_that_always_cuts_is_given_up() -> None:
    wire = Wire(lambda runner, asked: asked == TIME)
    channel = ResumingChannel(wire.start, wire.restore)
    ask(channel, LOAD)
    with pytest.raises(ConnectionLostError):
        ask(channel, TIME)
    assert wire.restored == MAX_RESUMES


def test_other_errors_are_not_repeated() -> None:
    wire = Wire(lambda runner, asked: False)
    channel = ResumingChannel(wire.start, wire.restore)
    channel.send_frame(Frame({"kind": "bad"}))
    with pytest.raises(InputError, match="no model"):
        channel.receive(ErrorReport)
    with pytest.raises(MessageError, match="not a message"):
        ask(channel, "mad")
    assert wire.restored == 0


def test_batches_under_way_are_sent_again_in_their_order() -> None:
    class InOrder(Wire):
        """Answers requests one after the other, as a runner does."""

        def receive_frame(self, timeout_s: float | None = None) -> Frame:
            asked = self.asked[-1][self.answered]
            if self._cut(len(self.asked), asked):
                self.answered = 0
                raise ConnectionLostError("cut")
            self.answered += 1
            return Frame({"kind": "Answer", "to": asked})

    wire = InOrder(lambda runner, asked: runner == 1 and asked == f"{CLASSIFY}2")
    channel = ResumingChannel(wire.start, wire.restore)
    ask(channel, LOAD)
    batches = [b"1", b"2", b"3"]
    for batch in batches:
        channel.send_frame(Frame({"kind": CLASSIFY}, batch))
    answers = [channel.receive_frame().values["to"] for _ in batches]
    assert answers == [f"{CLASSIFY}{number}" for number in (1, 2, 3)]
    assert wire.asked[1] == [LOAD, f"{CLASSIFY}2", f"{CLASSIFY}3"]
