"""A process that has imported libraries, and forks itself to run what other Pythons start for.

Importing TensorFlow takes most of the time of a conversion as small as those of the tests, and
importing numpy and SQLAlchemy most of that of many a command. The forked process runs the same code
as a fresh one, on the same standard streams and with the same environment; only the libraries are
there already, none of edgecnn's modules. It is killed when its client is, so whoever started the
client sees what it would see of a fresh process.

Usage: ``server.py SOCKET MODULE...``; it ends when its standard input does.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
import traceback
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from confinement import confinement

READ_AT_LOAD = ("CUDA_", "KERAS_", "LANG", "LC_", "LD_", "OMP_", "PYTHON", "TF_")
"""How variables begin that Python or a library reads when it is loaded."""

ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}
"""numpy would start threads when it is loaded, which are not copied by a fork."""


def serve(address: str, modules: Sequence[str]) -> None:
    """Take clients until standard input ends; the libraries are imported for the first one."""
    environment: dict[str, str] | None = None
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        print("ready", flush=True)
        while True:
            ready, _, _ = select.select([listener, sys.stdin], [], [])
            if sys.stdin in ready:
                return
            with listener.accept()[0] as client:
                streams, job = receive(client)
                if job is not None and environment is None:
                    environment = read_at_load(job)
                    load(modules, environment)
                is_alike = job is not None and read_at_load(job) == environment
                if job is not None and is_alike and is_forkable() and os.fork() == 0:
                    listener.close()
                    keep(client, streams, job)
                for stream in streams:
                    os.close(stream)
            reap()


def receive(client: socket.socket) -> tuple[list[int], dict[str, Any] | None]:
    """Return a client's standard streams and what it is to run; None if it cannot be here."""
    _, streams, _, _ = socket.recv_fds(client, 1, 3)
    line = client.makefile().readline()
    job = json.loads(line) if line.endswith("\n") else None
    is_like_this = job and (job["prefix"], job["confinement"]) == (sys.prefix, confinement())
    return list(streams), job if is_like_this else None


def read_at_load(job: dict[str, Any]) -> dict[str, str]:
    """Return those of a client's variables that must be alike for the libraries to be."""
    variables: dict[str, str] = job["environment"]
    return {name: text for name, text in variables.items() if name.startswith(READ_AT_LOAD)}


def load(modules: Sequence[str], environment: dict[str, str]) -> None:
    """Import the libraries with a client's variables; one that is not installed is left out."""
    for name in [name for name in os.environ if name.startswith(READ_AT_LOAD)]:
        del os.environ[name]
    os.environ.update(environment | ONE_THREAD)
    for module in modules:
        with contextlib.suppress(ImportError):
            importlib.import_module(module)


def is_forkable() -> bool:
    """Say whether a copy of this process lacks nothing: threads would not be copied."""
    return len(list(Path("/proc/self/task").iterdir())) == 1


def reap() -> None:
    """Take notice of processes that have ended."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass


def keep(client: socket.socket, streams: list[int], job: dict[str, Any]) -> None:
    """Run a client's code in a process of its own, and tell the client how it ends."""
    os.setsid()
    child = os.fork()
    if child == 0:
        client.close()
        become(streams, job)
        run(job["arguments"])
    for stream in streams:
        os.close(stream)
    ended = os.pidfd_open(child)
    ready, _, _ = select.select([ended, client], [], [])
    if ended not in ready:  # the client is gone
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    with contextlib.suppress(OSError):
        client.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def become(streams: list[int], job: dict[str, Any]) -> None:
    """Take on what the client was started with."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(job["environment"])
    os.umask(job["umask"])
    os.chdir(job["folder"])
    sys.path[:] = job["path"]
    if "numpy" in sys.modules:  # else all draw the same random numbers; ``random`` does it itself
        sys.modules["numpy"].random.seed()


def run(arguments: list[str]) -> None:
    """Run Python's arguments ``-c CODE`` or ``-m MODULE ...`` as Python does, and end."""
    option, what, *rest = arguments
    status = 0
    try:
        if option == "-c":
            sys.argv, main = ["-c"], types.ModuleType("__main__")
            sys.path.insert(0, "")
            sys.modules["__main__"] = main
            exec(compile(what, "<string>", "exec"), main.__dict__)
        else:
            sys.argv = [what, *rest]
            sys.path.insert(0, str(Path.cwd()))
            runpy.run_module(what, run_name="__main__", alter_sys=True)
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:
        traceback.print_exc()
        status = 1
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2:])
