"""How long lists of a large store take: ``python benchmarks/results_list.py [--rows 1000000]``.

Rows are made up, in a temporary SQLite file, with the columns that lists read and records of usual
size; then ``Store.listed`` is timed for usual filters, and for those that match nothing.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from pathlib import Path

from sqlalchemy import create_engine, insert

from edgecnn.records.filter import Filter, parse_since
from edgecnn.store.location import database_url
from edgecnn.store.schema import details, results, tags
from edgecnn.store.store import Store

AT_ONCE = 20_000
FILTERS = {
    "all": Filter(),
    "model": Filter(model="model7.tflite"),
    "model, none": Filter(model="absent.tflite"),
    "model pattern": Filter(model="*odel7*"),
    "model pattern, none": Filter(model="*absent*"),
    "device, threads": Filter(device="desktop", threads=4),
    "device, threads, none": Filter(device="desktop", threads=7),
    "device, scheme, threads, none": Filter(device="pi", scheme="int8", threads=7),
    "tag": Filter(tag="release"),
    "tag, device, none": Filter(tag="release", device="absent"),
    "since a day": Filter(since="2030-01-01T00:00:00+00:00"),
    "since 30 years": Filter(since=parse_since("9999d")),
}


def main() -> None:
    """Fill a store and print the seconds of each list."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "results.sqlite"
        store = Store(path)
        fill(path, rows)
        print(f"{rows} results, {path.stat().st_size / 1e9:.2f} GB")
        for name, wanted in FILTERS.items():
            times = []
            for _ in range(3):
                begin = time.perf_counter()
                found = len(store.listed(wanted, 51))
                times.append(time.perf_counter() - begin)
            print(f"{name:30} {found:3} found, slowest of 3: {max(times):.3f} s")


def fill(path: Path, rows: int) -> None:
    """Write made-up results, many in a transaction."""
    draw = random.Random(0)
    with create_engine(database_url(path)).connect() as connection:
        for start in range(1, rows + 1, AT_ONCE):
            numbers = range(start, min(start + AT_ONCE, rows + 1))
            connection.execute(insert(results), [row(number, draw) for number in numbers])
            connection.execute(
                insert(details),
                [{"result_id": n, "record": "x" * 2000, "samples": b"x" * 1000} for n in numbers],
            )
            connection.execute(
                insert(tags), [{"result_id": n, "tag": "release"} for n in numbers if n % 100 == 0]
            )
            connection.commit()


def row(number: int, draw: random.Random) -> dict[str, object]:
    """Return one made-up result."""
    name = f"model{draw.randrange(200)}.tflite"
    return {
        "id": number, "uid": f"{number:032x}", "measured_at": "2026-11-25T04:00:00+00:00",
        "model": f"/home/me/models/{name}", "name": name, "model_sha256": f"{number % 500:064x}",
        "model_bytes": 3_000_000, "scheme": draw.choice(["int8", "float32", "dynamic"]),
        "device": draw.choice(["desktop", "pi"]), "threads": draw.choice([1, 2, 4]),
        "cpu": "a processor", "architecture": "x86_64", "verdict": "steady",
        "runtime": "ai-edge-litert", "runtime_version": "2.3.0", "latency_p50_ms": 3.0,
        "latency_p90_ms": 3.1,
    }  # fmt: skip


if __name__ == "__main__":
    main()
