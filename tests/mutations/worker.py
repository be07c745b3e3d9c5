"""A process that reads damaged files: ``python -m tests.mutations.worker``.

Each line of standard input is JSON, ``{"reader": NAME, "path": FILE}``; so is each answer:
``{"kind": ..., "text": ..., "seconds": ..., "peak_bytes": ...}``. The process may take no more memory
than :data:`MEMORY_BYTES`, and it ends with a traceback when a file takes longer than
:data:`SECONDS`.
"""

from __future__ import annotations

import dataclasses
import faulthandler
import json
import os
import sys
import time
from pathlib import Path

MEMORY_BYTES = 4 << 30
SECONDS = 60.0


def limit_memory() -> None:
    """Make every request for more memory fail, as on a machine that has no more."""
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


def peak_bytes() -> int:
    """Return the most memory that this process had at once; 0 where the system does not tell.

    What ``getrusage`` says includes the memory of the process that started this one.
    """
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return 0
    return int(status.partition("VmHWM:")[2].split()[0]) << 10


def main() -> None:
    """Answer until the input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print must not get between the answers
    limit_memory()
    faulthandler.enable()
    from .oracle import judged
    from .readers import READERS

    prepared = set()
    for line in sys.stdin:
        job = json.loads(line)
        reader, path = READERS[job["reader"]], Path(job["path"])
        if job["reader"] not in prepared:
            reader.prepare(path.parent)
            prepared.add(job["reader"])
        faulthandler.dump_traceback_later(SECONDS, exit=True)
        start = time.perf_counter()
        outcome = judged(reader.ways, path)
        faulthandler.cancel_dump_traceback_later()
        seconds = time.perf_counter() - start
        found = {**dataclasses.asdict(outcome), "seconds": seconds, "peak_bytes": peak_bytes()}
        print(json.dumps(found), file=answers, flush=True)


if __name__ == "__main__":
    main()
