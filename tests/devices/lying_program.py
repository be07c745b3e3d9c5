"""The program on a device, but that it spoils some of its answers, as a file beside it says.

``python lying_program.py PROGRAM ARGUMENTS`` runs edgecnn's program. ``lie.json`` in the working
directory has the kind of the answer, and ``changes`` to its fields, or the raw ``bytes`` that come
in its place (as Latin-1), after which nothing more does. Each start of a runner adds a line to the
file ``runs``.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import IO


def main() -> None:
    sys.argv = sys.argv[1:]
    sys.path.insert(0, sys.argv[0])
    from edgecnn.core import parent_pipe
    from edgecnn.core.messages import Frame
    from edgecnn.runner.ondevice.program import main as run

    lie = json.loads(Path("lie.json").read_text())
    honest = parent_pipe.write_frame

    def write_frame(stream: IO[bytes], frame: Frame) -> None:
        if frame.kind != lie["kind"]:
            honest(stream, frame)
        elif "bytes" in lie:
            stream.write(lie["bytes"].encode("latin-1"))
            stream.flush()
            time.sleep(600)
        else:
            honest(stream, Frame({**frame.values, **lie["changes"]}, frame.payload))

    parent_pipe.write_frame = write_frame
    if sys.argv[1] == "run":
        with Path("runs").open("a") as runs:
            runs.write("run\n")
    run()


if __name__ == "__main__":
    main()
