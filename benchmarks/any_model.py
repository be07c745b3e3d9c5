"""Forty small models, each in every scheme, beside the plain TFLiteConverter's files.

    python benchmarks/any_model.py [--only lstm gru] [--schemes int8] [--folder KEPT]

Prints the table of ``docs/any-model.md``. SQNR is the power of the source's answers to 32 samples
over that of the file's difference, in decibels; of several outputs, the worst. Plain files are the
best of what TFLiteConverter's documented settings make: from the Keras model or a function of one
sample, with integers alone or with floats too. With --folder, sources and plain files that are in
the folder are used again. Exits 1 where a file is missing or worse than the plain one.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from edgecnn.tflite.schemes import SCHEMES  # noqa: E402 (the tests are no package)
from tests.importing.any_model import format_cases, keras_cases  # noqa: E402, F401
from tests.importing.any_model.cases import CASES  # noqa: E402
from tests.importing.any_model.comparing import (  # noqa: E402
    ChildFailed,
    File,
    Row,
    missing,
    rows_of,
)


def main() -> None:
    """Compare and print the table; exit 1 where a file is missing or worse."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES), metavar="NAME")
    parser.add_argument("--schemes", nargs="+", choices=SCHEMES, default=list(SCHEMES))
    parser.add_argument("--folder", type=Path, help="keep sources and plain files here")
    options = parser.parse_args()
    print("| model | scheme | SQNR dB | plain | ends | ops | plain | bytes | plain | worse |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    faults = 0
    with tempfile.TemporaryDirectory() as temporary:
        for name in options.only:
            reason = missing(CASES[name].needs)
            try:
                rows = rows_of(name, (options.folder or Path(temporary)) / name, options.schemes)
            except ChildFailed as error:
                reason = reason or str(error)
            if reason:
                print(f"| {CASES[name].what} | {reason} |||||||||", flush=True)
                continue
            for row in rows:
                faults += bool(row.faults)
                print(line(row), flush=True)
    sys.exit(bool(faults))


def line(row: Row) -> str:
    """Return a row of the table."""
    first = CASES[row.case].what if row.scheme == "float32" else ""
    ours, plain = row.ours, row.plain
    cells = [first, row.scheme, decibels(ours), decibels(plain), ends(ours), ops(ours), ops(plain)]
    cells += [f"{file.bytes:,}" if file else "" for file in (ours, plain)]
    return "| " + " | ".join([*cells, "; ".join(row.faults)]) + " |"


def decibels(file: File | None) -> str:
    """Return a file's SQNR; beyond 120 dB floats differ in their last digit."""
    if file is None:
        return "none"
    return f"{file.sqnr_db:.1f}" if file.sqnr_db < 120 else "> 120"


def ends(file: File | None) -> str:
    """Return the element types of a file's inputs and outputs."""
    return f"{', '.join(file.inputs)} → {', '.join(file.outputs)}" if file else ""


def ops(file: File | None) -> str:
    """Return how many ops compute in which element type."""
    return ", ".join(f"{count} {dtype}" for dtype, count in file.ops.items()) if file else ""


if __name__ == "__main__":
    main()
