"""A process that has imported TensorFlow, and forks itself to run the code of each child in it.

Importing TensorFlow takes most of the time of a conversion as small as those of the tests. The
forked process runs the same code as a fresh one, on the same standard streams and with the same
environment; only the import is already done. It is killed when its client is, so whoever started
the client sees what it would see of a fresh child. Usage: ``server.py SOCKET``; it ends when its
standard input does.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import sys
import traceback
import types
from pathlib import Path
from typing import Any

LIBRARIES = ("CUDA_", "KERAS_", "LD_", "OMP_", "OPENBLAS_", "TF_")
"""How variables begin that a library reads when it is loaded."""


def serve(address: str) -> None:
    """Take children until standard input ends; TensorFlow is imported as the first one wants it."""
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
                    import_tensorflow(environment)
                is_alike = job is not None and read_at_load(job) == environment
                if is_alike and is_forkable() and os.fork() == 0:
                    listener.close()
                    keep(client, streams, job)
                for stream in streams:
                    os.close(stream)
            reap()


def receive(client: socket.socket) -> tuple[list[int], dict[str, Any] | None]:
    """Return a client's standard streams and what it wants to run; None if it cannot be here."""
    _, streams, _, _ = socket.recv_fds(client, 1, 3)
    line = client.makefile().readline()
    job = json.loads(line) if line.endswith("\n") else None
    return list(streams), job if job and job["prefix"] == sys.prefix else None


def read_at_load(job: dict[str, Any]) -> dict[str, str]:
    variables: dict[str, str] = job["environment"]
    return {name: text for name, text in variables.items() if name.startswith(LIBRARIES)}


def import_tensorflow(environment: dict[str, str]) -> None:
    for name in [name for name in os.environ if name.startswith(LIBRARIES)]:
        del os.environ[name]
    os.environ.update(environment)
    import keras  # noqa: F401
    import tensorflow

    tensorflow.lite  # noqa: B018  # It is loaded when it is first looked up.


def is_forkable() -> bool:
    """Say whether a copy of this process lacks nothing: threads would not be copied."""
    return len(list(Path("/proc/self/task").iterdir())) == 1


def reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass


def keep(client: socket.socket, streams: list[int], job: dict[str, Any]) -> None:
    """Run a child's code in a process of its own, and tell the client how it ends."""
    os.setsid()
    child = os.fork()
    if child == 0:
        client.close()
        run(streams, job)
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


def run(streams: list[int], job: dict[str, Any]) -> None:
    """Become the Python that the client was started as."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(job["environment"])
    os.umask(job["umask"])
    os.chdir(job["folder"])
    sys.path[:] = job["path"]
    sys.argv = ["-c"]
    seed_anew()
    main = types.ModuleType("__main__")
    sys.modules["__main__"] = main
    status = 0
    try:
        exec(compile(job["code"], "<string>", "exec"), main.__dict__)
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def seed_anew() -> None:
    """Draw other random numbers than the last child: ``random`` does so by itself."""
    import numpy as np

    np.random.seed()


if __name__ == "__main__":
    serve(sys.argv[1])
