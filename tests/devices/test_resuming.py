"""A request whose connection is cut is repeated to a new runner, with what it needs before."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from edgecnn.core.errors import ConnectionLostError, EdgecnnError, InputError
from edgecnn.devices.ssh.resuming import MAX_RESUMES, ResumingTransport
from edgecnn.runner.session import Message


class Wire:
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

    def send(self, message: Message, payload: bytes | memoryview | None = None) -> None:
        self.asked[-1].append(message["do"] + (payload or b"").decode())

    def receive(self, timeout_s: float | None = None) -> Message:
        asked = self.asked[-1][-1]
        if asked == "bad":
            raise InputError("no model")
        if self._cut(len(self.asked), asked):
            raise ConnectionLostError("cut")
        return {"event": "answer", "to": asked}

    def close(self, *, kill: bool = False) -> None:
        pass


def ask(transport: ResumingTransport, verb: str, payload: bytes | None = None) -> Message:
    transport.send({"do": verb}, payload)
    return transport.receive()


def test_a_batch_is_sent_again_after_the_model() -> None:
    wire = Wire(lambda runner, asked: runner == 1 and asked == "classify2")
    transport = ResumingTransport(wire.start, wire.restore)
    for verb, payload in (("load", None), ("time", None), ("classify", b"1"), ("classify", b"2")):
        assert ask(transport, verb, payload)["to"] == verb + (payload or b"").decode()
    assert wire.asked == [["load", "time", "classify1", "classify2"], ["load", "classify2"]]


def test_memory_is_that_of_timing() -> None:
    wire = Wire(lambda runner, asked: runner == 1 and asked == "memory")
    transport = ResumingTransport(wire.start, wire.restore)
    for verb in ("load", "time", "memory"):
        ask(transport, verb)
    assert wire.asked[1] == ["load", "time", "memory"]


def test_a_request_that_always_cuts_is_given_up() -> None:
    wire = Wire(lambda runner, asked: asked == "time")
    transport = ResumingTransport(wire.start, wire.restore)
    ask(transport, "load")
    with pytest.raises(ConnectionLostError):
        ask(transport, "time")
    assert wire.restored == MAX_RESUMES


def test_other_errors_are_not_repeated() -> None:
    wire = Wire(lambda runner, asked: False)
    transport = ResumingTransport(wire.start, wire.restore)
    with pytest.raises(EdgecnnError, match="no model"):
        ask(transport, "bad")
    assert wire.restored == 0


def test_batches_under_way_are_sent_again_in_their_order() -> None:
    class InOrder(Wire):
        """Answers requests one after the other, as a runner does."""

        def receive(self, timeout_s: float | None = None) -> Message:
            asked = self.asked[-1][self.answered]
            if self._cut(len(self.asked), asked):
                self.answered = 0
                raise ConnectionLostError("cut")
            self.answered += 1
            return {"event": "answer", "to": asked}

    wire = InOrder(lambda runner, asked: runner == 1 and asked == "classify2")
    transport = ResumingTransport(wire.start, wire.restore)
    ask(transport, "load")
    batches = [b"1", b"2", b"3"]
    for batch in batches:
        transport.send({"do": "classify"}, batch)
    answers = [transport.receive()["to"] for _ in batches]
    assert answers == ["classify1", "classify2", "classify3"]
    assert wire.asked[1] == ["load", "classify2", "classify3"]
