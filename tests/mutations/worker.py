"""A process that reads damaged files: ``python -m tests.mutations.worker``.

Each line of standard input is JSON, ``{"reader": NAME, "path": FILE}``; so is each answer:
``{"kind": ..., "text": ..., "seconds": ..., "peak_bytes": ...}``. A reader may take no more memory
than :data:`MEMORY_BYTES` besides that of its libraries, and the process ends with a traceback when
a file takes longer than :data:`SECONDS`.
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

        _, most = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes("VmSize") + MEMORY_BYTES, most))


def memory_bytes(name: str) -> int:
    """Return what the system says of this process' memory; 0 where it says nothing.

    ``getrusage`` would include the memory of the process that started this one.

    Args:
        name: ``"VmHWM"`` for the most memory at once, ``"VmSize"`` for the addresses in use.
    """
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return 0
    return int(status.partition(f"{name}:")[2].split()[0]) << 10


def main() -> None:
    """Answer until the input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print must not get between the answers
    faulthandler.enable()
    from .oracle import judged
    from .slow_readers import ALL_READERS

    prepared = set()
    for line in sys.stdin:
        job = json.loads(line)
        reader, path = ALL_READERS[job["reader"]], Path(job["path"])
        if job["reader"] not in prepared:
            reader.prepare(path.parent)
            prepared.add(job["reader"])
            limit_memory()
        faulthandler.dump_traceback_later(SECONDS, exit=True)
        start = time.perf_counter()
        outcome = judged(reader.ways, path)
        faulthandler.cancel_dump_traceback_later()
        seconds = time.perf_counter() - start
        figures = {"seconds": seconds, "peak_bytes": memory_bytes("VmHWM")}
        print(json.dumps({**dataclasses.asdict(outcome), **figures}), file=answers, flush=True)


if __name__ == "__main__":
    main()
