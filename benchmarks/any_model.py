"""Forty small models, each in every scheme, beside the plain TFLiteConverter's files.

    python benchmarks/any_model.py [--only lstm gru] [--schemes int8] [--folder KEPT] [--kept]

Prints the table of ``docs/any-model.md``. SQNR is the power of the source's answers to 32 samples
over that of the file's difference, in decibels; of several outputs, the worst. Plain files are the
best of what TFLiteConverter's documented settings make: from the Keras model or from a frozen
function of one sample. With --folder, sources and plain files that are in the folder are used
again; with --kept, the figures that an earlier run left there are printed. Models whose maker is a
program that is not on the PATH (onnx2tf, litert-torch) are left out, with a note. Exits 1 where a
file is missing or worse than the plain one.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from edgecnn.tflite.schemes import SCHEMES  # noqa: E402 (the tests are no package)
from tests.importing.any_model import format_cases, keras_cases, layer_cases  # noqa: E402, F401
from tests.importing.any_model.cases import CASES  # noqa: E402
from tests.importing.any_model.comparing import (  # noqa: E402
    ChildFailed,
    File,
    Row,
    missing,
    rows_of,
)

HEADINGS = (
    "model",
    "scheme",
    "SQNR dB",
    "plain",
    "ends",
    "ops",
    "plain",
    "bytes",
    "plain",
    "worse",
)


def main() -> None:
    """Compare and print the table; exit 1 where a file is missing or worse."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES), metavar="NAME")
    parser.add_argument("--schemes", nargs="+", choices=SCHEMES, default=list(SCHEMES))
    parser.add_argument("--folder", type=Path, help="keep sources, files and figures here")
    parser.add_argument("--kept", action="store_true", help="print the figures of --folder alone")
    options = parser.parse_args()
    print(f"| {' | '.join(HEADINGS)} |\n|{'---|' * len(HEADINGS)}")
    faults = 0
    with tempfile.TemporaryDirectory() as temporary:
        for name in options.only:
            if not options.kept and (reason := missing(CASES[name].needs)):
                print(f"left out: {CASES[name].what}: {reason}", file=sys.stderr)
                continue
            folder = (options.folder or Path(temporary)) / name
            try:
                rows = kept(folder) if options.kept else compared(name, folder, options.schemes)
            except ChildFailed as error:
                faults += 1
                print(f"| {CASES[name].what} | {error} |{' |' * (len(HEADINGS) - 2)}", flush=True)
                continue
            for row in rows:
                faults += bool(row.faults)
                print(line(row, is_first=row is rows[0]), flush=True)
    sys.exit(bool(faults))


def compared(name: str, folder: Path, schemes: list[str]) -> list[Row]:
    """Compare a case's files with the plain converter's, and keep the figures in its folder."""
    rows = rows_of(name, folder, schemes)
    (folder / "rows.json").write_text(json.dumps([asdict(row) for row in rows]))
    return rows


def kept(folder: Path) -> list[Row]:
    """Return the figures that an earlier run kept."""
    if not (folder / "rows.json").exists():
        raise ChildFailed("not tried")
    rows = json.loads((folder / "rows.json").read_text())
    return [Row(**{**row, "ours": file(row["ours"]), "plain": file(row["plain"])}) for row in rows]


def file(values: dict[str, object] | None) -> File | None:
    """Return the figures of a file."""
    return None if values is None else File(**values)  # type: ignore[arg-type]


def line(row: Row, *, is_first: bool) -> str:
    """Return a row of the table."""
    ours, plain = row.ours, row.plain
    cells = [CASES[row.case].what if is_first else "", row.scheme]
    cells += [decibels(ours), decibels(plain), ends(ours), ops(ours), ops(plain)]
    cells += [f"{each.bytes:,}" if each else "" for each in (ours, plain)]
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
