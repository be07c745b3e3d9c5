"""Results to report on: records whose figures are chosen, as rows and as files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgecnn.records.record import Record
from edgecnn.reporting.rows import ReportRow, make_rows

from ..store.records import made_record  # noqa: TID252

MakeResult = Callable[..., Record]


def made_result(
    name: str,
    size: int = 1_000_000,
    latency_ms: float = 1.0,
    top1: float | None = None,
    **changes: Any,
) -> Record:
    """Return a record of a file with these figures; its calls lie around its median."""
    samples = latency_ms * (1 + np.linspace(-0.02, 0.02, 101))
    judged = {} if top1 is None else {"data": "digits", "images": 400, "top1_percent": top1}
    given = {
        "model": name,
        "model_sha256": hashlib.sha256(name.encode()).hexdigest(),
        "model_bytes": size,
        "latency_p50_ms": latency_ms,
        "latency_p90_ms": latency_ms * 1.016,
        "latency_p99_ms": latency_ms * 1.0196,
        "latency_samples_ms": samples.tolist(),
        "warnings": (),
    }
    return made_record(**{**given, **judged, **changes})


@pytest.fixture(scope="session")
def make_result() -> MakeResult:
    """Make a record: ``make_result("a.tflite", size, latency_ms, top1, device="pi")``."""
    return made_result


@pytest.fixture(scope="session")
def make_rows_of() -> Callable[..., list[ReportRow]]:
    """Make rows of (name, size, latency_ms, top1), in this order."""

    def make(*figures: tuple[str, int, float, float | None], **changes: Any) -> list[ReportRow]:
        made = make_rows([made_result(*each, **changes) for each in figures])
        order = [name for name, *_ in figures]
        return sorted(made, key=lambda row: order.index(row.record.model))

    return make


@pytest.fixture(scope="session")
def write_results() -> Callable[[Path, Sequence[Record]], Path]:
    """Write records as ``bench --json`` does."""

    def write(path: Path, records: Sequence[Record]) -> Path:
        path.write_text(json.dumps([record.to_dict() for record in records]))
        return path

    return write
