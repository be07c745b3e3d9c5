"""Real child processes that behave, misbehave and die, seen from the parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from edgecnn.core.child import ChildProcess, describe_exit, module_command
from edgecnn.core.errors import ChildCrashedError, EdgecnnError, InputError
from edgecnn.core.messages import MessageError, to_frame
from tests.children import is_alive, wait_until

pytestmark = pytest.mark.fresh_processes

PRELUDE = """
import os, signal, subprocess, sys, time
from edgecnn.core.errors import *
from edgecnn.core.parent_pipe import ParentPipe
from tests.test_child import *
"""


@dataclass(frozen=True)
class Told:
    """A message of the tests' children, and to them."""

    text: str = ""
    number: int = 0
    payload: bytes | None = None


@dataclass(frozen=True)
class Other:
    """A message that nobody expects."""


def child(code: str) -> ChildProcess:
    """Run code in a child of this Python; it may use ParentPipe and the errors."""
    return ChildProcess([sys.executable, "-c", PRELUDE + textwrap.dedent(code)], task="the test")


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (0, "ended with exit status 0"),
        (3, "ended with exit status 3"),
        (-signal.SIGSEGV, "crashed (SIGSEGV)"),
        (-signal.SIGABRT, "crashed (SIGABRT)"),
        (0xC0000005, "crashed (access violation)"),
        (-signal.SIGKILL, "was killed (SIGKILL), perhaps for lack of memory"),
        (-1000, "crashed (signal 1000)"),
    ],
)
def test_exit_statuses_in_words(status: int, words: str) -> None:
    assert describe_exit(status) == words


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGABRT", "SIGKILL", "SIGBUS"])
def test_a_child_that_dies_by_a_signal(name: str) -> None:
    with (
        pytest.raises(ChildCrashedError) as caught,
        child(f"""
            print("last words", file=sys.stderr, flush=True)
            os.kill(os.getpid(), signal.{name})
        """) as process,
    ):
        process.receive()
    status = -getattr(signal, name)
    assert str(caught.value) == f"the test failed: its process {describe_exit(status)}"
    assert "last words" in caught.value.debug_text


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")
@pytest.mark.parametrize("kill", [False, True])
def test_a_child_that_was_ended_holds_no_files_open(kill: bool) -> None:
    def opened() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    before = opened()
    process = child("sys.stdin.read()")
    assert opened() > before
    process.close(kill=kill)
    patience = time.monotonic() + 20
    while opened() > before and time.monotonic() < patience:
        time.sleep(0.01)
    assert opened() == before


def test_a_dead_child_stays_dead() -> None:
    with child("sys.exit(7)") as process:
        for _ in range(3):
            with pytest.raises(ChildCrashedError, match="exit status 7"):
                process.receive()


def test_death_in_the_middle_of_a_line() -> None:
    with (
        pytest.raises(ChildCrashedError, match="SIGKILL"),
        child("""
            os.write(1, b'{"event": "writ')
            os.kill(os.getpid(), signal.SIGKILL)
        """) as process,
    ):
        process.receive()


def test_what_libraries_print_does_not_reach_the_messages() -> None:
    with child("""
        parent = ParentPipe()
        print('{"event": "forged"}', flush=True)
        os.write(1, b"native noise" + bytes(range(256)))
        subprocess.run(["echo", "a grandchild"])
        parent.send(Told("real"))
        parent.receive(Told)
    """) as process:
        assert process.receive(Told) == Told("real")
        noise = process.stderr_tail()
    assert "forged" in noise
    assert "native noise" in noise
    assert "a grandchild" in noise


@pytest.mark.parametrize("line", ["hello", "123", "null", '["a", "list"]', "{"])
def test_output_that_is_no_message(line: str) -> None:
    """A program without ParentPipe, whose libraries print what they like."""
    with (
        pytest.raises(MessageError, match="not a message: "),
        child(f"print({line!r}, flush=True)") as process,
    ):
        process.receive()


def test_death_in_the_middle_of_a_payload() -> None:
    with (
        pytest.raises(ChildCrashedError, match="SIGKILL"),
        child("""
            os.write(1, b'{"event": "tensor", "payload_bytes": 1000}\\n' + bytes(999))
            os.kill(os.getpid(), signal.SIGKILL)
        """) as process,
    ):
        process.receive()


@pytest.mark.parametrize(
    ("raised", "kind", "message"),
    [
        ("InputError('bad file')", InputError, "bad file"),
        ("ConversionError('no kernel')", EdgecnnError, "no kernel"),
        ("MissingExtraError('TensorFlow', 'convert')", EdgecnnError, "pip install"),
        ("ValueError('first line\\\\nsecond line')", EdgecnnError, "ValueError: first line"),
        ("RuntimeError()", EdgecnnError, "RuntimeError"),
        ("KeyError('key')", EdgecnnError, "KeyError: 'key'"),
    ],
)
def test_errors_cross_with_their_kind(raised: str, kind: type[EdgecnnError], message: str) -> None:
    with (
        pytest.raises(EdgecnnError) as caught,
        child(f"""
            parent = ParentPipe()
            try:
                raise {raised}
            except Exception as error:
                parent.send_error(error)
        """) as process,
    ):
        process.receive()
    assert type(caught.value) is kind
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_error_arrives_though_its_sender_is_gone() -> None:
    """The parent finds the pipe broken while it sends, and reads what the child said before."""
    with (
        pytest.raises(InputError, match="refused"),
        child("ParentPipe().send_error(InputError('refused'))") as process,
    ):
        for _ in range(100):
            process.send(Told(payload=b"x" * 100_000))


def test_large_payloads_both_ways() -> None:
    payload = os.urandom(1 << 20) * 20
    with child("""
        parent = ParentPipe()
        parent.send(parent.receive(Told))
        assert parent.receive(Told) is None
    """) as process:
        process.send(Told(payload=payload))
        assert process.receive(Told).payload == payload


def test_a_payload_that_was_compressed_on_its_way() -> None:
    with child("""
        parent = ParentPipe()
        parent.send(Told(number=len(parent.receive(Told).payload)))
        parent.receive(Told)
    """) as process:
        shrunk = to_frame(Told(payload=bytes(1_000_000))).shrunk(1024, 1)
        assert shrunk.payload is not None and len(shrunk.payload) < 10_000
        process.send_frame(shrunk)
        assert process.receive(Told).number == 1_000_000


def test_an_empty_payload_and_newlines_in_a_message() -> None:
    with child("""
        parent = ParentPipe()
        parent.send(parent.receive(Told))
        parent.receive(Told)
    """) as process:
        process.send(Told("two\nlines \u2028 \0", payload=b""))
        assert process.receive(Told) == Told("two\nlines \u2028 \0", payload=b"")


def test_messages_end_with_the_child() -> None:
    with child("""
        parent = ParentPipe()
        for number in range(3):
            parent.send(Told(number=number))
    """) as process:
        assert [message.number for message in process.messages(Told)] == [0, 1, 2]


def test_messages_of_a_child_that_fails_midway() -> None:
    with child("""
        ParentPipe().send(Told("step"))
        os.kill(os.getpid(), signal.SIGSEGV)
    """) as process:
        messages = process.messages(Told)
        assert next(messages) == Told("step")
        with pytest.raises(ChildCrashedError, match="SIGSEGV"):
            next(messages)


def test_an_answer_that_is_not_what_was_asked_for() -> None:
    """The parent says what came, and the conversation goes on."""
    with child("""
        parent = ParentPipe()
        parent.send(Other())
        parent.send(Told("right"))
        parent.receive(Told)
    """) as process:
        with pytest.raises(MessageError, match="'Other' came, where Told is known"):
            process.receive(Told)
        assert process.receive(Told) == Told("right")


def test_a_job_is_served_and_what_it_raises_is_reported() -> None:
    serve = "from edgecnn.core.parent_pipe import serve_job\n"
    with child(serve + "serve_job(Told, lambda parent, job: parent.send(job))") as process:
        process.send(Told("job"))
        assert process.receive(Told) == Told("job")
    with child(serve + "serve_job(Told, lambda parent, job: 1 / 0)") as process:
        process.send(Told("job"))
        with pytest.raises(EdgecnnError, match="ZeroDivisionError: division by zero"):
            process.receive(Told)
    with child(serve + "serve_job(Told, lambda parent, job: None)") as process:
        process.send(Other())
        with pytest.raises(EdgecnnError, match="where Told is known"):
            process.receive(Told)


def test_no_answer_in_time_ends_the_child() -> None:
    with child("time.sleep(600)") as process:
        with pytest.raises(ChildCrashedError, match="no answer for 1 s"):
            process.receive(timeout_s=1)
        assert not is_alive(process.pid)


def test_a_child_that_hangs_is_killed_with_its_children() -> None:
    """It ignores the end of its input and SIGTERM, and has started a process of its own."""
    with (
        pytest.raises(KeyboardInterrupt),
        child("""
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            other = subprocess.Popen(["sleep", "600"])
            ParentPipe().send(Told(number=other.pid))
            time.sleep(600)
        """) as process,
    ):
        grandchild = process.receive(Told).number
        raise KeyboardInterrupt
    assert not is_alive(process.pid)
    wait_until_gone(grandchild)


def test_a_child_that_does_not_end_with_its_input_is_killed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("edgecnn.core.child.EXIT_TIMEOUT_S", 0.5)
    process = child("ParentPipe().send(Told()); time.sleep(600)")
    process.receive(Told)
    process.close()
    assert not is_alive(process.pid)


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
def test_a_child_dies_with_a_parent_that_is_killed() -> None:
    with child("""
        inner = child("ParentPipe().send(Told()); signal.pause()")
        inner.receive(Told)
        ParentPipe().send(Told(number=inner.pid))
        time.sleep(600)
    """) as process:
        inner = process.receive(Told).number
        os.kill(process.pid, signal.SIGKILL)
        wait_until_gone(inner)


def test_ctrl_c_on_the_group_does_not_reach_the_child() -> None:
    with child("ParentPipe().send(Told(number=os.getpgid(0)))") as process:
        assert process.receive(Told).number == process.pid != os.getpgid(0)


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        ChildProcess([str(tmp_path / "absent")], task="the test")


def test_modules_in_the_working_directory_are_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "numpy.py").write_text("raise SystemExit('the wrong numpy')")
    (tmp_path / "json.py").write_text("raise SystemExit('the wrong json')")
    monkeypatch.chdir(tmp_path)
    done = subprocess.run(
        module_command("edgecnn.quantize.conversion_child"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
    )
    assert (done.returncode, done.stderr) == (0, b"")


def wait_until_gone(pid: int) -> None:
    wait_until(lambda: not is_alive(pid), 10)
