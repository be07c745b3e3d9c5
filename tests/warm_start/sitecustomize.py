"""Hands a child that needs TensorFlow over to a process that has imported it already.

Python imports a module of this name when it starts, if the module's folder is on PYTHONPATH; see
``server.py`` beside it. Whatever is not the start of such a child, or cannot be handed over, goes
on as usual.
"""

import os
import sys

NEED_TENSORFLOW = (
    "edgecnn.quantize.converter",
    "edgecnn.quantize.sensitivity.child",
    "edgecnn.inspection.keras_layers",
)


def code_of_child() -> str:
    """Return the code that this Python was started for, if it is the start of such a child."""
    if len(sys.orig_argv) != 3 or sys.orig_argv[1] != "-c":
        return ""
    code = sys.orig_argv[2]
    starts = tuple(f"from {module} import main; main()" for module in NEED_TENSORFLOW)
    return code if code.endswith(starts) else ""


def hand_over(address: str, code: str) -> None:
    """Have the server run the code, and end as it ends; return if it is not to be had."""
    import ctypes
    import json
    import signal
    import socket

    job = {
        "code": code,
        "prefix": sys.prefix,
        "path": ["", *sys.path],
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
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG, as the code does it
            status = server.makefile().readline()
        except OSError:
            return
    if not status:
        return
    end_as(int(status))


def end_as(status: int) -> None:
    import signal

    if status < 0:
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status)


if "EDGECNN_WARM_START" in os.environ and (code := code_of_child()):
    hand_over(os.environ["EDGECNN_WARM_START"], code)
