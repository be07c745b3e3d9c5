"""What each step of accuracy recovery gains, as the table of docs/convert.md.

    python benchmarks/fidelity.py --ours-only --levels off fast --without all --json gains.json ...
    python benchmarks/recovery_gains.py gains.json

A gain is the SQNR of the file of all steps, in decibels, less that of the file without the one; in
brackets the points of agreement with the float model, where there is a difference. The last row is
the gain of all steps together over the plain file.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from edgecnn.quantize.recovery.steps import STEPS

ALL, PLAIN = "ours, fast", "ours, off"
SEEN_DB = 0.05
"""Less is rounded away, and shown as nothing."""


def main() -> None:
    """Print the table of the files that are named."""
    rows = [row for path in sys.argv[1:] for row in json.loads(Path(path).read_text())]
    names = [row["model"] for row in rows]
    print(f"| step | {' | '.join(names)} |\n|---|{'---|' * len(names)}")
    for step in STEPS:
        print(f"| `{step}` | {' | '.join(gain(row, f'ours, without {step}') for row in rows)} |")
    print(f"| all, over the plain file | {' | '.join(gain(row, PLAIN) for row in rows)} |")
    print(f"| the file of all steps | {' | '.join(result(row) for row in rows)} |")


def way(row: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the figures of one way to quantise a network."""
    figures: dict[str, Any] = next(way for way in row["ways"] if way["name"] == name)
    return figures


def gain(row: dict[str, Any], name: str) -> str:
    """Return what the file of all steps has over another one: ``"+1.4 (+0.5)"``."""
    whole, other = way(row, ALL), way(row, name)
    decibels = whole["sqnr_db"] - other["sqnr_db"]
    points = whole["agreement_percent"] - other["agreement_percent"]
    if abs(decibels) < SEEN_DB and not points:
        return ""
    shown = f"{decibels:+.1f}" if abs(decibels) >= SEEN_DB else "0.0"
    return shown + (f" ({points:+.1f})" if points else "")


def result(row: dict[str, Any]) -> str:
    """Return how near the file of all steps is to the float model."""
    whole = way(row, ALL)
    return f"{whole['sqnr_db']:.1f} dB, {whole['agreement_percent']:.1f} %"


if __name__ == "__main__":
    main()
