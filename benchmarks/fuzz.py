"""Damaged files for every reader of outside data: ``python benchmarks/fuzz.py --cases 20000``.

Each reader gets so many damaged files, which follow from ``--seed`` and their numbers. Prints for
each reader how many it took and refused, how many ended in an error that is none of edgecnn's, how
many ended the process, the slowest file, and the most memory. Files with which something is wrong
are kept in a folder, from which ``--replay`` reads them again. A run that was ended goes on where
it was with the same ``--state``.

Example:
    python benchmarks/fuzz.py --cases 20000 --seed 1 --state fuzz.json
    python benchmarks/fuzz.py --only .tflite csv --cases 1000
    python benchmarks/fuzz.py --replay fuzz-faults/csv/17
"""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.mutations.oracle import ACCEPTED, REFUSED  # noqa: E402 (the tests are no package)
from tests.mutations.slow_readers import ALL_READERS, SLOW_READERS  # noqa: E402
from tests.mutations.workers import Result, Worker  # noqa: E402

SAVED_EVERY = 200
"""Cases between two times that the state is written."""

KEPT_FAULTS = 20
"""Faults of a reader of which the files are kept, each of another kind."""

SLOW_SHARE = 40
"""A reader that starts TensorFlow or a runtime gets this part of the files of the others."""

MEMORY_LIMIT_BYTES, SECONDS_LIMIT = 4 << 30, 60.0


COUNTS = ("cases", "accepted", "refused", "errors", "ends")


@dataclass
class Figures:
    """What became of the files of one reader.

    Args:
        cases: Damaged files, each of which is one of the next four.
        accepted: Files that were read.
        refused: Files that were refused in one line.
        errors: Files that ended in another error, or in a line that does something to a terminal.
        ends: Files that ended the process, by a signal or because it took too long.
        slowest_s: The longest time of a file.
        slowest_case: Number of that file.
        peak_bytes: The most memory of a process that reads.
        faults: Number of a file that is kept -> what is wrong with it.
    """

    cases: int = 0
    accepted: int = 0
    refused: int = 0
    errors: int = 0
    ends: int = 0
    slowest_s: float = 0.0
    slowest_case: int = 0
    peak_bytes: int = 0
    faults: dict[str, str] = field(default_factory=dict)

    def add(self, result: Result) -> None:
        """Count a file."""
        self.accepted += result.kind == ACCEPTED
        self.refused += result.kind == REFUSED
        self.ends += result.died
        self.errors += result.kind not in (ACCEPTED, REFUSED) and not result.died
        if result.seconds > self.slowest_s:
            self.slowest_s, self.slowest_case = result.seconds, self.cases
        self.peak_bytes = max(self.peak_bytes, result.peak_bytes)
        self.cases += 1

    @property
    def is_clean(self) -> bool:
        """Whether nothing went wrong, in bounded memory and time."""
        bounded = self.peak_bytes < MEMORY_LIMIT_BYTES and self.slowest_s < SECONDS_LIMIT
        return not (self.errors or self.ends) and bounded


@dataclass
class Campaign:
    """All readers' figures, written to a file now and then."""

    seed: int
    state: Path
    faults: Path
    figures: dict[str, Figures] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def load(self) -> None:
        """Read the state of an earlier run of this seed."""
        if self.state.is_file():
            values = json.loads(self.state.read_text())
            if values["seed"] != self.seed:
                sys.exit(f"{self.state} is of seed {values['seed']}: choose another --state")
            self.figures = {name: Figures(**each) for name, each in values["figures"].items()}

    def save(self) -> None:
        """Write the state whole or not at all."""
        with self.lock:
            figures = {name: asdict(each) for name, each in self.figures.items()}
            partial = self.state.with_suffix(".part")
            partial.write_text(json.dumps({"seed": self.seed, "figures": figures}, indent=1))
            partial.replace(self.state)

    def run(self, name: str, cases: int, end: float) -> None:
        """Give one reader its files, until the time is over."""
        figures = self.figures.setdefault(name, Figures())
        with Worker() as worker:
            while figures.cases < cases and time.monotonic() < end:
                number = figures.cases
                content = ALL_READERS[name].case(Random(f"{self.seed} {name} {number}"))
                result = worker.read(name, content)
                figures.add(result)
                if result.kind not in (ACCEPTED, REFUSED):
                    self._keep(name, number, content, result.text)
                if figures.cases % SAVED_EVERY == 0:
                    self.save()
        self.save()

    def _keep(self, name: str, number: int, content: bytes, text: str) -> None:
        faults = self.figures[name].faults
        kind = re.sub(r"[0-9]+", "N", text)[-80:]
        if len(faults) >= KEPT_FAULTS or kind in {
            re.sub(r"[0-9]+", "N", t)[-80:] for t in faults.values()
        }:
            return
        folder = self.faults / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / str(number)).write_bytes(content)
        faults[str(number)] = text


def _kind_of(fault: str) -> str:
    """Return what faults of one kind have in common: where they are, and no numbers."""
    return re.sub(r"[0-9]+", "N", fault)[-80:]


def table(figures: dict[str, Figures]) -> str:
    """Return a line for each reader, and one for all."""
    head = ("reader", "cases", "accepted", "refused", "errors", "ends", "slowest", "peak")
    every = list(figures.values())
    total = Figures(
        *(sum(getattr(f, name) for f in every) for name in COUNTS),
        slowest_s=max((f.slowest_s for f in every), default=0.0),
        peak_bytes=max((f.peak_bytes for f in every), default=0),
    )
    rows = [head, *(_row(name, each) for name, each in {**figures, "all": total}.items())]
    return "\n".join(f"{row[0]:16}" + "".join(f"{cell:>10}" for cell in row[1:]) for row in rows)


def _row(name: str, figures: Figures) -> tuple[str, ...]:
    counts = (str(getattr(figures, count)) for count in COUNTS)
    return name, *counts, f"{figures.slowest_s:.2f} s", f"{figures.peak_bytes >> 20} MiB"


def replay(path: Path) -> None:
    """Read a kept file again, and say what becomes of it."""
    with Worker() as worker:
        result = worker.read(path.parent.name, path.read_bytes())
    print(f"{result.kind}: {result.text.strip()}")


def main() -> None:
    """Run the campaign, or read one kept file again."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cases", type=int, default=1000, help="damaged files for each reader")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="+", choices=list(ALL_READERS), default=list(ALL_READERS))
    parser.add_argument("--minutes", type=float, default=600.0, help="stop after this time")
    parser.add_argument("--processes", type=int, default=2, help="readers at the same time")
    parser.add_argument("--state", type=Path, default=Path("fuzz.json"))
    parser.add_argument("--faults", type=Path, default=Path("fuzz-faults"))
    parser.add_argument("--replay", type=Path, metavar="FILE", help="read a kept file again")
    options = parser.parse_args()
    if options.replay:
        replay(options.replay)
        return
    campaign = Campaign(options.seed, options.state, options.faults)
    campaign.load()
    warnings.filterwarnings("ignore", "Duplicate name")  # zips are damaged so on purpose
    end = time.monotonic() + 60 * options.minutes
    with ThreadPoolExecutor(options.processes) as pool:
        shares = {name: SLOW_SHARE if name in SLOW_READERS else 1 for name in options.only}
        cases = {name: math.ceil(options.cases / share) for name, share in shares.items()}
        list(pool.map(lambda name: campaign.run(name, cases[name], end), options.only))
    print(table(campaign.figures))
    for name, figures in campaign.figures.items():
        for number, text in figures.faults.items():
            print(f"{name} {number}: {text[:300]}")
    sys.exit(not all(figures.is_clean for figures in campaign.figures.values()))


if __name__ == "__main__":
    main()
