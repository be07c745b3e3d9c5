"""The page's server as a stranger on the machine meets it, and the command that starts it."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edgecnn.classification.classifier import read_classifier
from edgecnn.classification.server import LOOPBACK, PageServer, serving
from edgecnn.core.errors import InputError
from edgecnn.data.geometry import MEDIAPIPE_TASKS
from edgecnn.data.inputspec import preset


@pytest.fixture(scope="module")
def server(peers: dict[str, Path], web_assets: Path) -> Iterator[PageServer]:
    with serving(read_classifier(peers["float"])) as running:
        yield running


def ask(
    server: PageServer, path: str, method: str = "GET", host: str | None = None
) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection(LOOPBACK, server.port, timeout=10)
    connection.request(method, path, headers={} if host is None else {"Host": host})
    answer = connection.getresponse()
    return answer, answer.read()


def test_what_is_served(server: PageServer, peers: dict[str, Path]) -> None:
    answer, content = ask(server, "/")
    assert answer.status == 200
    assert b"<!doctype html>" in content
    assert ask(server, "/model.tflite")[1] == peers["float"].read_bytes()
    answer, content = ask(server, "/litert/litert_wasm_internal.wasm")
    assert answer.headers["Content-Type"] == "application/wasm"
    assert content[:4] == b"\0asm"
    about = json.loads(ask(server, "/model.json")[1])
    assert about["labels"][:2] == ["background", "tench"]
    # Metadata make it a file for MediaPipe, whose way of resizing is the page's, too.
    wanted = preset("tf", 224, 224).with_geometry(MEDIAPIPE_TASKS)
    assert about["input"] == json.loads(json.dumps(wanted.to_dict()))


def test_headers_of_every_answer(server: PageServer) -> None:
    for path in ("/", "/model.tflite", "/absent"):
        headers = ask(server, path)[0].headers
        policy = headers["Content-Security-Policy"].split("; ")
        assert "default-src 'none'" in policy
        assert not any("unsafe-inline" in part or "'unsafe-eval'" in part for part in policy)
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert headers["Cross-Origin-Embedder-Policy"] == "require-corp"
        assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    [
        "/absent",
        "/../../etc/passwd",
        "/%2e%2e/server.py",
        "//etc/passwd",
        "/litert/",
        "/web/page.js",
    ],
)
def test_only_known_paths(path: str, server: PageServer) -> None:
    assert ask(server, path)[0].status == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "HEAD"])
def test_only_get(method: str, server: PageServer) -> None:
    assert ask(server, "/", method)[0].status == 501


def test_other_names_for_this_machine_are_refused(server: PageServer) -> None:
    assert ask(server, "/model.tflite", host="evil.example")[0].status == 403
    assert ask(server, "/model.tflite", host=f"{LOOPBACK}:1")[0].status == 403
    assert ask(server, "/model.tflite", host=f"localhost:{server.port}")[0].status == 200


def test_only_loopback(server: PageServer) -> None:
    with socket.socket() as other:
        # Every address 127.x.y.z is this machine; a server on all interfaces would answer here.
        assert other.connect_ex(("127.0.0.2", server.port)) != 0


def test_a_file_that_litert_js_does_not_take(
    tmp_path: Path, colour_model: Any, web_assets: Path
) -> None:
    raw = {"input": preset("raw", 4, 4).to_dict()}
    model = colour_model(tmp_path / "model.tflite", dtype="int8", metadata=raw)
    with (
        pytest.raises(InputError, match=r"LiteRT\.js: its input is int8"),
        serving(read_classifier(model)),
    ):
        pass


def test_a_port_that_is_taken(server: PageServer, peers: dict[str, Path]) -> None:
    with (
        pytest.raises(InputError, match="leave out --port"),
        serving(read_classifier(peers["float"]), server.port),
    ):
        pass


@pytest.mark.parametrize(
    ("number", "status", "text"),
    [(signal.SIGINT, 0, ""), (signal.SIGTERM, 143, "edgecnn: ended by SIGTERM\n")],
)
def test_the_command_says_where_and_ends_with_a_signal(
    number: signal.Signals, status: int, text: str, peers: dict[str, Path], web_assets: Path
) -> None:
    """Ctrl-C is the usual end, which is no error."""
    command = [sys.executable, "-m", "edgecnn", "try", str(peers["float"]), "--web", "--no-browser"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        line = process.stdout.readline()
        port = int(line.partition(f"http://{LOOPBACK}:")[2].partition("/")[0])
        with socket.create_connection((LOOPBACK, port), timeout=5):
            process.send_signal(number)  # a connection that says nothing does not hold it up
            assert process.wait(timeout=20) == status
        assert process.stderr.read() == text
    with socket.socket() as other:
        assert other.connect_ex((LOOPBACK, port)) != 0


def test_without_its_assets_the_command_says_how_to_fetch_them(
    peers: dict[str, Path], tmp_path: Path, run_edgecnn: Any
) -> None:
    cache = {"EDGECNN_CACHE": str(tmp_path)}
    done = run_edgecnn("try", peers["float"], "--web", "--no-browser", env=cache)
    (line,) = done.stderr.splitlines()
    assert "edgecnn try --fetch-web-assets" in line
    assert done.returncode == 1
    assert list((tmp_path / "web").iterdir()) == []
