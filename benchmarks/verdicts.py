"""How often verdicts are right: ``python benchmarks/verdicts.py FILE...`` on an idle machine.

Measures each file again and again while nothing else runs, while a program of this benchmark keeps
one core busy, and while one keeps each core busy. Prints the verdicts, how much slower the median
was, and how many intervals held the quiet median: the median of the runs without load.

Example:
    python benchmarks/verdicts.py mobilenet_v1_int8.tflite mobilenet_v2_float32.tflite --runs 20
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import edgecnn
from edgecnn.records.record import Record

SPIN = "while True: sum(number * number for number in range(10_000))"


@contextmanager
def busy(cores: int) -> Iterator[None]:
    """Keep so many cores busy."""
    programs = [subprocess.Popen([sys.executable, "-c", SPIN]) for _ in range(cores)]
    try:
        yield
    finally:
        for program in programs:
            program.kill()
            program.wait()


def measured(files: Sequence[str], cores: int, runs: int, threads: int) -> dict[str, list[Record]]:
    """Measure each file so many times, one after the other, with so many cores busy."""
    records: dict[str, list[Record]] = {file: [] for file in files}
    with busy(cores):
        for _ in range(runs):
            for file in files:
                records[file] += edgecnn.bench(file, threads=(threads,))
    return records


def holds(record: Record, median_ms: float) -> bool:
    """Say whether a record's interval of the median holds a value."""
    low, high = record.latency_p50_low_ms, record.latency_p50_high_ms
    return low is not None and high is not None and low <= median_ms <= high


def main() -> None:
    """Measure under each load, and print a line a file and load."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("files", nargs="+", help=".tflite files")
    parser.add_argument("--runs", type=int, default=20, help="without load; a third as many with")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    every = os.cpu_count() or 1
    quiet: dict[str, float] = {}
    print(f"{'file':40} {'busy':>4} {'median':>9} {'interval held it':>17}  verdicts")
    for cores in (0, 1, every):
        runs = options.runs if cores == 0 else max(2, options.runs // 3)
        for file, records in measured(options.files, cores, runs, options.threads).items():
            median = statistics.median(record.latency_p50_ms for record in records)
            held = sum(holds(record, quiet.setdefault(file, median)) for record in records)
            counts = Counter(str(record.verdict) for record in records)
            words = ", ".join(f"{name} {count}" for name, count in counts.most_common())
            share = f"{held} of {len(records)}"
            print(f"{Path(file).name:40} {cores:>4} {median:9.3f} {share:>17}  {words}", flush=True)
            for record in records:
                if record.verdict != ("noisy" if cores else "steady"):
                    print(f"    {record.verdict}: {record.verdict_evidence}", flush=True)


if __name__ == "__main__":
    main()
