"""What taking turns is worth: ``python benchmarks/in_turn.py FILE``.

Measures a file and a copy of it together, which are timed in turn, and one after the other, as
``--cooldown`` has it; how far their medians are apart is what the machine did to one of them.

Example:
    python benchmarks/in_turn.py mobilenet_v1_int8.tflite --rounds 8
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
from pathlib import Path

import edgecnn

SHORTEST_REST = "0.05"
"""Seconds: with any rest, models are not timed in turn."""


def difference_percent(one: str, other: str, cooldown: str | None) -> float:
    """Return how far the medians of two files are apart."""
    first, second = edgecnn.bench([one, other], cooldown=cooldown)
    return 100 * abs(second.latency_p50_ms / first.latency_p50_ms - 1)


def main() -> None:
    """Measure both ways in alternation, and print a line for each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("file", help="a .tflite file")
    parser.add_argument("--rounds", type=int, default=8)
    options = parser.parse_args()
    ways: dict[str, str | None] = {"in turn": None, "one after the other": SHORTEST_REST}
    found: dict[str, list[float]] = {way: [] for way in ways}
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copy(options.file, Path(folder) / "copy.tflite")
        for _ in range(options.rounds):
            for way, cooldown in ways.items():
                found[way].append(difference_percent(options.file, str(copy), cooldown))
    for way, percents in found.items():
        middle, most = statistics.median(percents), max(percents)
        print(f"{way:20} apart by {middle:.1f} % (median), {most:.1f} % (most)")


if __name__ == "__main__":
    main()
