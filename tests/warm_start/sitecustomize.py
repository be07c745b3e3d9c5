"""Has a process that has imported the libraries already run what this Python was started for.

Python imports a module of this name when it starts, if the module's folder is on PYTHONPATH; see
``server.py`` beside it. What is no start of ours, or cannot be handed over, goes on as usual.
"""

import os
import sys

CHILD, COMMAND = "EDGECNN_WARM_CHILD", "EDGECNN_WARM_COMMAND"
"""Variables with the socket of the process that has the libraries for it."""


def address() -> str:
    """Return the socket to ask; empty if this is no start of ours, or a fresh one is wanted."""
    option, what = sys.orig_argv[1:3] if len(sys.orig_argv) > 2 else ("", "")
    if (option, what) == ("-m", "edgecnn"):
        return os.environ.pop(COMMAND, "")  # the command's own children choose for themselves
    # As edgecnn.core.child starts its children. All need TensorFlow but the runner, whose memory
    # and time are what is measured, and the one that runs programs of others.
    _, _, start = what.rpartition("; from edgecnn.")
    is_child = option == "-c" and start.endswith(" import main; main()")
    return (
        os.environ.get(CHILD, "") if is_child and not start.startswith(("runner.", "core.")) else ""
    )


def hand_over(address: str) -> None:
    """Have the server run it, and end as that ends; return if the server does not take it."""
    import ctypes
    import json
    import signal
    import socket

    from confinement import confinement

    job = {
        "arguments": sys.orig_argv[1:],
        "prefix": sys.prefix,
        "confinement": confinement(),
        "path": sys.path,
        "folder": os.getcwd(),  # noqa: PTH109  # pathlib takes time to import
        "environment": dict(os.environ),
        "umask": os.umask(0o022),
    }
    os.umask(job["umask"])
    with socket.socket(socket.AF_UNIX) as server:
        try:
            server.connect(address)
            socket.send_fds(server, [b"."], [0, 1, 2])
            server.sendall(json.dumps(job).encode() + b"\n")
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: dies with its parent
            status = server.makefile().readline()
        except OSError:
            return
    if status:
        end_as(int(status))


def end_as(status: int) -> None:
    """End with an exit status; a negative one is that of a signal."""
    import signal

    if status < 0:
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status)


if socket_to_ask := address():
    hand_over(socket_to_ask)
