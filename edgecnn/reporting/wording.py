"""The sentences of a report, the same in every form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edgecnn.core.text import quoted_if_needed, size_text, three_digits
from edgecnn.records.conditions import LabelledData, processor_text
from edgecnn.records.record import CALIBRATION_IMAGES, EMULATED, STEADY, Record
from edgecnn.reporting.charts.chart import BENCH_WITH_DATA
from edgecnn.reporting.findings.recommendation import ACCEPTED_LOSS_POINTS, EQUALLY_FAST, Answer
from edgecnn.reporting.findings.rows import ReportRow


@dataclass(frozen=True)
class Fact:
    """A file that is best at something.

    Args:
        title: What the file is best at: ``"Fastest"``.
        row: The row of the file.
        figure: The figure by which it is best, with its unit.
    """

    title: str
    row: ReportRow
    figure: str


@dataclass(frozen=True)
class Warned:
    """A warning and the files that it is about.

    Args:
        text: Message and advice of the warning.
        files: Names of the files.
    """

    text: str
    files: tuple[str, ...]


def figures(row: ReportRow) -> str:
    """Return the text of a row's size, median time and top-1, as far as the row has them."""
    parts = [size_text(row.record.model_bytes)]
    if row.latency_ms is not None:
        parts.append(f"{three_digits(row.latency_ms)} ms")
    if row.top1_percent is not None:
        parts.append(f"top-1 {row.top1_percent:.1f} %")
    return ", ".join(parts)


def reason(answer: Answer) -> str:
    """Return the rule by which a file is recommended, or why no file is."""
    if answer.recommended is None:
        return f"No file is recommended, as no accuracy was measured: {BENCH_WITH_DATA}."
    assert answer.most_accurate is not None
    within = (
        f"within {ACCEPTED_LOSS_POINTS:g} point of the best top-1 "
        f"({answer.most_accurate.top1_percent:.1f} %)"
    )
    if answer.recommended.latency_ms is None:
        return f"The rule: the smallest of the files {within}."
    return (
        f"The rule: of the files {within}, the fastest; of those at most "
        f"{100 * (EQUALLY_FAST - 1):.0f} % slower than that, the smallest."
    )


def doubts(answer: Answer) -> list[str]:
    """Return what makes a recommendation less sure: too few images, a disturbed measurement."""
    if answer.recommended is None:
        return []
    record, texts = answer.recommended.record, []
    low, high = record.top1_low_percent, record.top1_high_percent
    if low is not None and high is not None and high - low > 2 * ACCEPTED_LOSS_POINTS:
        texts.append(
            f"Its top-1 lies between {low:.1f} and {high:.1f} % with 95 % confidence, as it was "
            f"measured on {record.images:,} images: more of them tell close files apart."
        )
    texts += [f"{quoted_if_needed(text)}." for text in record.messages_of(CALIBRATION_IMAGES)]
    if record.verdict not in (None, STEADY, EMULATED):
        texts.append(f"{quoted_if_needed(f'Its time is {verdict_text(record)}')}.")
    return texts


def verdict_text(record: Record) -> str:
    """Return how far a time can be trusted, why, and what to do about it."""
    parts = (record.verdict, record.verdict_evidence, record.verdict_advice)
    return ": ".join(part for part in parts if part)


def facts(answer: Answer) -> list[Fact]:
    """Return the fastest, the smallest and the most accurate file, as far as they are known."""
    best = []
    if row := answer.fastest:
        best.append(Fact("Fastest", row, f"{three_digits(row.latency_ms or 0)} ms"))
    if row := answer.smallest:
        best.append(Fact("Smallest", row, size_text(row.record.model_bytes)))
    if row := answer.most_accurate:
        best.append(Fact("Most accurate", row, f"{row.top1_percent or 0:.1f} % top-1"))
    return best


def warnings_of(rows: Sequence[ReportRow]) -> list[Warned]:
    """Return each kind of warning once, with the files that it is about."""
    kinds: dict[tuple[str, str], dict[str, list[str]]] = {}
    for row in rows:
        for warning in row.record.warnings:
            messages = kinds.setdefault((warning.code, warning.advice), {})
            messages.setdefault(warning.message, []).append(row.name)
    return [_warned(advice, messages) for (_, advice), messages in kinds.items()]


def verdicts_of(rows: Sequence[ReportRow]) -> list[Warned]:
    """Return each verdict on times once, with the files that it is about."""
    names: dict[str, list[str]] = {}
    for row in rows:
        if row.record.verdict is not None:
            names.setdefault(row.record.verdict, []).append(row.name)
    return [
        Warned(quoted_if_needed(f"times are {verdict}"), tuple(dict.fromkeys(files)))
        for verdict, files in sorted(names.items())
    ]


def _warned(advice: str, messages: dict[str, list[str]]) -> Warned:
    """Return a warning with the message of its first file; other files may have other figures."""
    (message, names), *others = messages.items()
    more = f" (and {len(others)} like it)" if others else ""
    files = [*names, *(name for _, some in others for name in some)]
    return Warned(quoted_if_needed(f"{message}{more}: {advice}"), tuple(dict.fromkeys(files)))


def method(rows: Sequence[ReportRow]) -> list[tuple[str, list[str]]]:
    """Return how the rows were measured.

    Returns:
        A title and lines of text for each part of the method.
    """
    records = [row.record for row in rows]
    days = sorted(record.measured_at[:10] for record in records)
    span = days[0] if days[0] == days[-1] else f"{days[0]} to {days[-1]}"
    versions = sorted({record.edgecnn_version for record in records})
    return [
        ("Devices", _each(records, _machine)),
        ("Runtimes", _each(records, _runtime)),
        ("Timing", [_timing(records)]),
        *([("Accuracy", _each(records, _accuracy))] if any(r.data for r in records) else []),
        ("Made by", [f"edgecnn {', '.join(map(quoted_if_needed, versions))}, measured {span}"]),
    ]


def _each(records: Sequence[Record], line: Callable[[Record], str | None]) -> list[str]:
    lines = (line(record) for record in records)
    return [quoted_if_needed(text) for text in dict.fromkeys(lines) if text]


def _machine(record: Record) -> str:
    parts = [
        processor_text(record),
        f"{record.cores} cores" if record.cores else None,
        f"{size_text(record.memory_bytes)} memory" if record.memory_bytes else None,
        record.architecture,
        f"governor {record.governor}" if record.governor else None,
        record.os,
        f"kernel {record.kernel}",
    ]
    return f"{record.device}: {', '.join(part for part in parts if part)}"


def _runtime(record: Record) -> str:
    return f"{record.runtime} {record.runtime_version}, Python {record.python}"


def _accuracy(record: Record) -> str | None:
    data = LabelledData.of(record)
    if data is None or record.images is None:
        return None
    unreadable = f", {record.images_unreadable} unreadable" if record.images_unreadable else ""
    points = f"; one image is {100 / data.images:.2g} points" if data.images else ""
    return f"{data.name}: {data.images:,} images{unreadable}{points}"


def _timing(records: Sequence[Record]) -> str:
    calls = _span([record.runs for record in records])
    warmup = _span([record.warmup for record in records])
    return (
        f"Each file in a process of its own: the first inference, {warmup} calls to "
        f"warm up, then {calls} timed calls of one image. Nothing but the call is in a "
        "time. Percentiles interpolate linearly. Memory is the process' peak, the runtime included."
    )


def _span(counts: Sequence[int]) -> str:
    low, high = min(counts), max(counts)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
