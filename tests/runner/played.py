"""A runner that is played: a process that answers each request with bytes that a test gives.

:func:`recorded` has the answers of a real runner to the requests of :func:`converse`, in their
order. A test changes one of them, :class:`Played` plays them to a session, and ``converse`` asks.
Bytes of any kind can be played so, whatever made them::

    with Played([answers[0], mutated, *answers[2:]]) as channel:
        converse(RunnerSession(channel, "the board", Patience()), model)

:class:`PlayedHere` does the same without a process, for thousands of cases.
"""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.core.channel import InboxChannel
from edgecnn.core.child import ChildProcess, module_command
from edgecnn.core.errors import ChildCrashedError, EdgecnnError
from edgecnn.core.messages import Frame
from edgecnn.runner.session import RunnerSession
from edgecnn.tflite.calls import ModelCall
from edgecnn.tflite.reading import read_model

HANG, END, CLOSE_OUTPUT = ["hang"], ["end"], ["close"]
"""The process lives on without reading or writing, ends in good order, or can write no more."""

Step = bytes | Sequence[Any]
"""Bytes to write, or HANG, END, CLOSE_OUTPUT, or what :func:`forever` returns."""

Turn = bytes | Sequence[Step]
"""What is done after a request was read: one step or several."""

PLAYER = """
import base64, json, os, sys, time
requests = os.fdopen(0, "rb")
turns = json.loads(requests.readline())
def write(content):
    while content:
        content = content[os.write(1, content):]
for turn in turns:
    line = b"\\n"
    while line == b"\\n":
        line = requests.readline()
    if not line:
        break
    requests.read(json.loads(line).get("payload_bytes") or 0)
    for name, *arguments in turn:
        if name == "write":
            write(base64.b64decode(arguments[0]))
        elif name == "forever":
            while True:
                write(base64.b64decode(arguments[0]))
                time.sleep(arguments[1])
        elif name == "end":
            sys.exit()
        elif name == "close":
            os.close(1)
        elif name == "hang":
            time.sleep(600)
else:
    requests.readline()
"""


def forever(content: bytes, pause_s: float = 0.0) -> list[Any]:
    """Return the step of writing some bytes over and over."""
    return ["forever", base64.b64encode(content).decode(), pause_s]


class Played(ChildProcess):
    """The process; it ends in good order after the last turn, or with its input.

    Args:
        turns: What it does for each request.
    """

    def __init__(self, turns: Sequence[Turn]) -> None:
        played = [[turn] if isinstance(turn, bytes) else turn for turn in turns]
        steps = [list(map(_step, turn)) for turn in played]
        super().__init__([sys.executable, "-I", "-S", "-c", PLAYER], task="playing a runner")
        self._input.write(json.dumps(steps).encode() + b"\n")


def _step(step: Step) -> Sequence[Any]:
    return ["write", base64.b64encode(step).decode()] if isinstance(step, bytes) else step


class PlayedHere(InboxChannel):
    """The same without a process: bytes alone, and the runner ends in good order after the last.

    Args:
        turns: The bytes that answer each request.
    """

    def __init__(self, turns: Sequence[bytes]) -> None:
        super().__init__()
        self._turns = iter(turns)

    @property
    def name(self) -> str:
        return "playing a runner"

    def send_frame(self, frame: Frame, timeout_s: float | None = None) -> None:
        content = next(self._turns, None)
        if content is None or not self.take_in(content):
            self.inbox.end()

    def receive_frame(self, timeout_s: float | None = None) -> Frame:
        return super().receive_frame(0.0)

    def close(self, *, kill: bool = False) -> None:
        self.inbox.end()

    def ending(self) -> EdgecnnError:
        error = ChildCrashedError("playing a runner failed: its process ended")
        error.exit_status = 0
        return error


class Recording(ChildProcess):
    """A real runner whose answers are kept in ``answers``, as they came."""

    def __init__(self) -> None:
        super().__init__(module_command("edgecnn.runner.ondevice.runner"), task="recording")
        self.answers: list[Frame] = []

    def receive_frame(self, timeout_s: float | None = None) -> Frame:
        frame = super().receive_frame(timeout_s)
        self.answers.append(frame)
        return frame


VERBS = (
    "describe the device", "tell the device's state", "read the power meter", "load the model",
    "tell the shapes", "run the model once", "warm the model up", "time the model",
    "tell its memory", "classify images", "run samples",
)  # fmt: skip
"""What :func:`converse` asks for, in its order, as messages call it."""


def converse(session: RunnerSession, model: Path) -> None:
    """Ask a runner everything that there is to ask, about a model of 4x4 images."""
    call = ModelCall(read_model(model))
    session.facts()
    session.health(0.01)
    session.power(0.01, busy=False)
    session.load(model, 1, call=call)
    session.shapes(model, call)
    session.check()
    session.warm_up(2)
    session.time(runs=5, min_time_s=0.0, max_samples=1000)
    session.memory()
    images = np.arange(2 * 48, dtype=np.float32).reshape(2, 1, 4, 4, 3)
    session.classify(images, top_k=2, with_outputs=True)
    session.submit_samples([images], outputs=[0])
    session.collect_samples()


def recorded(model: Path) -> list[Frame]:
    """Return the answers of a real runner to :func:`converse`."""
    channel = Recording()
    with RunnerSession(channel, "desktop") as session:
        converse(session, model)
    answers = channel.answers
    assert len(answers) == len(VERBS)
    return answers


def content_of(frame: Frame) -> bytes:
    """Return a message as the bytes that it travels in."""
    return frame.head() + bytes(frame.payload or b"")
