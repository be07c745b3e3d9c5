"""What signals at any moment leave behind: ``python benchmarks/signals.py [--signals 60]``.

INT, TERM, HUP and KILL go to ``convert``, ``bench``, ``report`` and ``results export`` in turn, at
a random moment of their run. Counted is what such an end leaves: files that are not whole,
processes that go on, and temporary files and folders, at once and after the same command ran again
undisturbed. "s to end" is the time from the signal to the end of the process, the longest one.
Linux only: orphans are found by having them handed to this process.
"""

from __future__ import annotations

import argparse
import csv
import ctypes
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from edgecnn.inspection.inspect import inspect

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL)
MODEL = "out/resnet8_int8.tflite"
COMMANDS = {
    "convert": ["convert", "resnet8", "-q", "float32,int8", "-o", "out/"],
    "bench": ["bench", MODEL, "--min-time", "0.5", "--json", "out/records.json"],
    "report": ["report", "-o", "out/report.html"],
    "results": ["results", "export", "--format", "csv", "-o", "out/results.csv"],
}
SLOW_S = 3.0
"""Seconds from a signal to the end of a command above which the run is named."""

ORPHAN_S = 5.0
"""Seconds after which a process that goes on counts as an orphan."""


@dataclass
class Tally:
    """What the ends of one command by one signal came to."""

    runs: int = 0
    finished: int = 0
    """The command was done when the signal came."""
    went_on: int = 0
    """The command was not, and its exit status says that it finished all the same."""
    odd: list[str] = field(default_factory=list)
    seconds: float = 0.0
    left: int = 0
    left_after: int = 0
    broken: int = 0
    orphans: int = 0


class Place:
    """A folder in which all that the commands write lies.

    Args:
        root: The folder, which is empty.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in ("out", "tmp", "cache"):
            (root / name).mkdir()
        self.environment = {
            **os.environ,
            "TMPDIR": str(root / "tmp"),
            "EDGECNN_CACHE": str(root / "cache"),
            "EDGECNN_STORE": str(root / "results.sqlite"),
        }
        self.durations = {name: self.time(name) for name in COMMANDS}
        self.usual = self.names()

    def start(self, name: str) -> subprocess.Popen[str]:
        """Start a command as a shell does, in a group of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "edgecnn", *COMMANDS[name]],
            cwd=self.root,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def time(self, name: str) -> float:
        """Run a command undisturbed, and return the seconds that it took."""
        begin = time.monotonic()
        with self.start(name) as process:
            _, errors = process.communicate()
        assert process.returncode == 0, errors
        return time.monotonic() - begin

    def names(self) -> set[str]:
        """Return the paths of all files and folders."""
        return {str(path.relative_to(self.root)) for path in self.root.rglob("*")}

    def broken(self) -> list[str]:
        """Return the names of files that are not whole."""
        files = [path for path in self.root.glob("*/*") if not path.name.startswith(".")]
        return [path.name for path in [*files, *self.root.glob("*.sqlite")] if not is_whole(path)]


def is_whole(path: Path) -> bool:
    """Say whether a file can be read to its end as what its name says."""
    try:
        match path.suffix:
            case ".tflite":
                inspect(path)
            case ".json":
                json.loads(path.read_text())
            case ".csv":
                with path.open(newline="") as file:
                    return len({len(row) for row in csv.reader(file)}) == 1
            case ".html":
                return path.read_text().rstrip().endswith("</html>")
            case ".sqlite":
                with closing(sqlite3.connect(path)) as database:
                    return database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    except Exception as error:
        print(f"{path}: {error}", file=sys.stderr)
        return False
    return True


def end_once(place: Place, name: str, number: signal.Signals, tally: Tally) -> None:
    """Start a command, end it at a random moment, and look at what is left."""
    wait_s = random.uniform(0, place.durations[name])
    process = place.start(name)
    time.sleep(wait_s)
    tally.runs += 1
    was_done = process.poll() is not None
    process.send_signal(number)
    begin = time.monotonic()
    _, errors = process.communicate()
    seconds = time.monotonic() - begin
    tally.seconds = max(tally.seconds, seconds)
    tally.finished += was_done
    tally.went_on += process.returncode == 0 and not was_done
    if seconds > SLOW_S:
        tally.odd.append(f"{name}: {number.name} after {wait_s:.2f} s: took {seconds:.1f} s to end")
    if process.returncode not in (0, 128 + number, -signal.SIGKILL):
        last = (errors.strip().splitlines() or [""])[-1]
        tally.odd.append(f"{name}: {number.name} after {wait_s:.2f} s: {process.returncode} {last}")
    tally.orphans += orphans()
    tally.left += len(place.names() - place.usual)
    tally.broken += len(place.broken())
    place.time(name)
    tally.left_after += len(place.names() - place.usual)


def orphans() -> int:
    """Return how many processes of an ended command still run after some seconds."""
    give_up = time.monotonic() + ORPHAN_S
    while time.monotonic() < give_up:
        try:
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass
        except ChildProcessError:
            return 0
        time.sleep(0.05)
    path = Path(f"/proc/self/task/{os.getpid()}/children")
    children = [int(pid) for pid in path.read_text().split()]
    for pid in children:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return len(children)


def show(tallies: dict[tuple[str, signal.Signals], Tally]) -> None:
    """Print the table, and ends that were none of the usual ones."""
    columns = (
        *("command", "signal", "runs", "finished before", "went on", "s to end", "not whole"),
        *("orphans", "left at once", "left after the next run"),
    )
    table = Table(*columns, box=None)
    for (name, number), tally in tallies.items():
        ends = (tally.runs, tally.finished, tally.went_on, f"{tally.seconds:.2f}")
        leaves = (tally.broken, tally.orphans, tally.left, tally.left_after)
        table.add_row(name, number.name, *map(str, (*ends, *leaves)))
    Console(width=120).print(table)
    for line in [line for tally in tallies.values() for line in tally.odd]:
        print(line)


def main() -> None:
    """Send the signals and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--signals", type=int, default=60)
    parser.add_argument("--commands", nargs="+", choices=COMMANDS, default=list(COMMANDS))
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)  # what is ignored here would be ignored there
    random.seed(arguments.seed)
    tallies = {(name, number): Tally() for name in arguments.commands for number in SIGNALS}
    with tempfile.TemporaryDirectory() as folder:
        place = Place(Path(folder))
        for turn in range(arguments.signals):
            name, number = list(tallies)[turn % len(tallies)]
            end_once(place, name, number, tallies[name, number])
    show(tallies)
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs")


if __name__ == "__main__":
    main()
