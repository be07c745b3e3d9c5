"""Asking a runner and a web server that answer with the content of a file, whatever is asked."""

from __future__ import annotations

import os
import shutil
import socketserver
import sys
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.core.child import ChildProcess
from edgecnn.devices.connection import FinishedCommand
from edgecnn.devices.setup.plans import plans, refuse
from edgecnn.devices.setup.probe import probe
from edgecnn.devices.setup.readiness import check_device
from edgecnn.models.checkpoints import MIRROR_VARIABLE, fetch_checkpoint
from edgecnn.models.spec import Checkpoint
from edgecnn.runner.session import RunnerSession
from edgecnn.tflite.calls import ModelCall
from edgecnn.tflite.file import TfliteFile

from .data_seeds import answers
from .model_seeds import tflite_seeds

CHECKPOINT = Checkpoint("https://example.org/weights.h5")
PATIENCE_S = 0.2
"""How long the program waits for a question after an answer that may have been cut."""

TALKER = """
import json, os, select, struct, sys
path, patience_s = sys.argv[1:]
content, answered = open(path, "rb").read(), False
asked = os.fdopen(0, "rb", 0)
while content:
    if answered and not select.select([asked], [], [], float(patience_s))[0]:
        break
    line = asked.readline()
    if not line:
        break
    request = json.loads(line)
    asked.read(request.get("payload_bytes") or 0)
    (length,) = struct.unpack_from("<I", content)
    answer, content = content[4 : 4 + length], content[4 + length :]
    try:
        head, _, rest = answer.partition(b"\\n")
        values = json.loads(head)
        values.setdefault("message_number", request["message_number"])
        answer = json.dumps(values).encode() + b"\\n" + rest
    except (KeyError, ValueError, AttributeError):
        pass
    if not answer:
        break
    os.write(1, answer)
    answered = True
"""
"""A program that gives the answers of a file, one after the other, with the number of the question
where that has one."""


def ask_everything(path: Path) -> None:
    """Ask one question of each kind, in the order of ``data_seeds.answers``."""
    is_whole = path.read_bytes() == answers()
    arguments = [TALKER, str(path), str(60.0 if is_whole else PATIENCE_S)]
    program = ChildProcess([sys.executable, "-ISc", *arguments], task="asking")
    with RunnerSession(program, "a device") as session:
        session.facts()
        session.health()
        session.load("model.tflite", 1)
        session.shapes("model.tflite", _call())
        session.check()
        session.warm_up()
        timing = session.time(runs=3, min_time_s=1.0)
        assert len(timing.samples_ms)
        session.power(1.0, busy=True)
        session.memory()
        session.classify(np.zeros((2, 4, 4, 3), np.uint8), 2, with_outputs=True)


@cache
def _call() -> ModelCall:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tflite"
        path.write_bytes(tflite_seeds()[1])
        return TfliteFile(path).call()


@dataclass(frozen=True)
class _Looked:
    """A device on which every program prints the content of a file."""

    content: bytes
    name: str = "a device"

    def run(self, command: Sequence[str], **options: Any) -> FinishedCommand:
        return FinishedCommand(0, self.content, b"")

    def upload(self, *content: Any) -> None:
        raise NotImplementedError


def look(path: Path) -> None:
    """Ask a device what it is, whether it is ready, and which runtimes it can have."""
    device = _Looked(path.read_bytes())
    board = probe(device)
    check_device(device).as_json()
    assert isinstance(board.description, str)
    refuse(board)
    plans(board)


class _Answering(socketserver.BaseRequestHandler):
    """Sends the content of a file to whoever asks."""

    server: _Server

    def handle(self) -> None:
        while b"\r\n\r\n" not in (asked := self.request.recv(1 << 16)) and asked:
            pass
        self.request.sendall(self.server.content)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    content = b""

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a client that hung up."""


@cache
def _server() -> _Server:
    server = _Server(("127.0.0.1", 0), _Answering)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    os.environ[MIRROR_VARIABLE] = f"http://127.0.0.1:{server.server_address[1]}/"
    return server


def fetch(path: Path) -> None:
    """Download a checkpoint from a server that answers so, into an empty cache."""
    _server().content = path.read_bytes()
    os.environ["EDGECNN_CACHE"] = str(path.parent / "cache")
    try:
        fetch_checkpoint(CHECKPOINT)
    finally:
        shutil.rmtree(path.parent / "cache", ignore_errors=True)
