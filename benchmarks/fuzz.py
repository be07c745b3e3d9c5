"""Damaged files for every reader of outside data: ``python benchmarks/fuzz.py --cases 20000``.

Each reader gets so many damaged files, which follow from ``--seed`` and their numbers. Prints for
each reader how many it took and refused, how many ended in an error that is none of edgecnn's or in
a signal, the slowest file, and the most memory. What is wrong is kept in a folder, from which
``--replay`` reads it again. A run that was ended goes on where it was with the same ``--state``.

Example:
    python benchmarks/fuzz.py --cases 20000 --seed 1 --state fuzz.json
    python benchmarks/fuzz.py --only .tflite csv --cases 1000
    python benchmarks/fuzz.py --replay fuzz-faults/csv/17
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.mutations.oracle import ACCEPTED, REFUSED  # noqa: E402 (the tests are no package)
from tests.mutations.readers import READERS  # noqa: E402
from tests.mutations.workers import Result, Worker  # noqa: E402

SAVED_EVERY = 200
"""Cases between two times that the state is written."""

KEPT_FAULTS = 20
"""Faults of a reader of which the files are kept, each of another kind."""

MEMORY_LIMIT_BYTES, SECONDS_LIMIT = 4 << 30, 60.0


@dataclass
class Figures:
    """What became of the files of one reader."""

    cases: int = 0
    accepted: int = 0
    refused: int = 0
    errors: int = 0
    signals: int = 0
    slowest_s: float = 0.0
    slowest_case: int = 0
    peak_bytes: int = 0
    faults: dict[str, str] = field(default_factory=dict)

    def add(self, result: Result) -> None:
        """Count a file."""
        self.accepted += result.kind == ACCEPTED
        self.refused += result.kind == REFUSED
        self.signals += result.died
        self.errors += result.kind not in (ACCEPTED, REFUSED) and not result.died
        if result.seconds > self.slowest_s:
            self.slowest_s, self.slowest_case = result.seconds, self.cases
        self.peak_bytes = max(self.peak_bytes, result.peak_bytes)
        self.cases += 1

    @property
    def is_clean(self) -> bool:
        """Whether nothing went wrong, in bounded memory and time."""
        bounded = self.peak_bytes < MEMORY_LIMIT_BYTES and self.slowest_s < SECONDS_LIMIT
        return not (self.errors or self.signals) and bounded


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
                content = READERS[name].case(Random(f"{self.seed} {name} {number}"))
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
        if len(faults) >= KEPT_FAULTS or kind in {re.sub(r"[0-9]+", "N", t)[-80:] for t in faults.values()}:
            return
        folder = self.faults / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / str(number)).write_bytes(content)
        faults[str(number)] = text


def table(figures: dict[str, Figures]) -> str:
    """Return a line for each reader."""
    lines = [
        f"{'reader':16} {'cases':>7} {'accepted':>9} {'refused':>8} {'errors':>7} {'signals':>8} "
        f"{'slowest':>9} {'peak':>8}"
    ]
    lines += [
        f"{name:16} {each.cases:>7} {each.accepted:>9} {each.refused:>8} {each.errors:>7} "
        f"{each.signals:>8} {each.slowest_s:>7.2f} s {each.peak_bytes >> 20:>4} MiB"
        for name, each in figures.items()
    ]
    every = figures.values()
    lines.append(
        f"{'all':16} {sum(f.cases for f in every):>7} {sum(f.accepted for f in every):>9} "
        f"{sum(f.refused for f in every):>8} {sum(f.errors for f in every):>7} "
        f"{sum(f.signals for f in every):>8} {max((f.slowest_s for f in every), default=0):>7.2f} s "
        f"{max((f.peak_bytes for f in every), default=0) >> 20:>4} MiB"
    )
    return "\n".join(lines)


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
    parser.add_argument("--only", nargs="+", choices=list(READERS), default=list(READERS))
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
    end = time.monotonic() + 60 * options.minutes
    with ThreadPoolExecutor(options.processes) as pool:
        list(pool.map(lambda name: campaign.run(name, options.cases, end), options.only))
    print(table(campaign.figures))
    for name, figures in campaign.figures.items():
        for number, text in figures.faults.items():
            print(f"{name} {number}: {text[:300]}")
    sys.exit(not all(figures.is_clean for figures in campaign.figures.values()))


if __name__ == "__main__":
    main()
