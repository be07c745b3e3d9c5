"""The sentences of a report, the same in every form."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from edgecnn.core.text import size_text, three_digits
from edgecnn.records.conditions import LabelledData, processor_text
from edgecnn.records.leading import TOP1
from edgecnn.records.record import CALIBRATION_IMAGES, Record
from edgecnn.reporting.findings.differences import accuracy_change, not_told_from, time_change
from edgecnn.reporting.findings.recommendation import (
    EQUALLY_FAST,
    Answer,
    accepted_loss,
    why_nothing_is_recommended,
)
from edgecnn.reporting.findings.rows import ReportRow
from edgecnn.reporting.views import View

NAMED_ROWS = 3
"""Files that a sentence names at most; the others are counted."""


@dataclass(frozen=True)
class Fact:
    """A file that is best at something.

    Args:
        title: What the file is best at: ``"Fastest"``.
        row: The row of the file.
        figure: The figure by which it is best, with its unit.
        ties: Names of the files that noise does not tell from it: ``"a.tflite, b.tflite"``; empty
            where it is surely the best.
    """

    title: str
    row: ReportRow
    figure: str
    ties: str = ""

    @property
    def figure_text(self) -> str:
        """The figure, and what noise leaves open: ``"1.2 ms (or b.tflite: within noise)"``."""
        return f"{self.figure} (or {self.ties}: within noise)" if self.ties else self.figure


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
    """Return the text of a row's size, median time and accuracy, as far as the row has them."""
    parts = [size_text(row.record.model_bytes)]
    if row.latency_ms is not None:
        parts.append(f"{three_digits(row.latency_ms)} ms")
    if row.accuracy_text is not None:
        parts.append(row.accuracy_text)
    return ", ".join(parts)


def reason(view: View) -> str:
    """Return the rule by which a file is recommended, or why no file is.

    Args:
        view: The view whose answer is meant.
    """
    answer = view.answer
    if answer.recommended is None:
        return f"No file is recommended, as {why_nothing_is_recommended(view.rows)}."
    within = _within(answer)
    if answer.recommended.latency_ms is None:
        return f"The rule: the smallest of the files {within}."
    return (
        f"The rule: of the files {within}, the fastest; of those at most "
        f"{100 * (EQUALLY_FAST - 1):.0f} % slower than that, the smallest."
    )


def _within(answer: Answer) -> str:
    """Return which files count as accurate: ``"within 1 point of the best top-1 (90.0 %)"``."""
    best = answer.most_accurate
    assert best is not None and best.leading is not None and best.accuracy is not None
    leading, accepted = best.leading, accepted_loss(best)
    value = leading.value_text(best.accuracy)
    if leading.is_error:
        return f"whose {leading.name} is at most {100 * accepted:g} % above the least ({value})"
    unit = {"%": "point"}.get(leading.unit, leading.unit)
    return f"within {accepted:g} {unit} of the best {leading.name} ({value})"


def doubts(view: View) -> list[str]:
    """Return what makes a recommendation less sure: disturbed measurements, too few images, noise.

    Args:
        view: The view with the recommendation.
    """
    if (recommended := view.answer.recommended) is None:
        return []
    record, texts = recommended.record, []
    if record.is_disturbed:
        texts.append(f"Its time is {record.verdict_text}.")
    texts += _open_questions(view, recommended)
    texts += _too_few_samples(recommended)
    texts += [f"{text}." for text in record.messages_of(CALIBRATION_IMAGES)]
    return texts


def _too_few_samples(row: ReportRow) -> Iterator[str]:
    """Yield that an accuracy is known less well than the rule asks for, if it is so."""
    leading, ends, value = row.leading, row.accuracy_ends, row.accuracy
    if leading is None or ends is None or value is None:
        return
    accepted = accepted_loss(row) * (abs(value) if leading.is_error else 1)
    if ends[1] - ends[0] > 2 * accepted:
        low, high = leading.field.text(ends[0]), leading.value_text(ends[1])
        data = LabelledData.of(row.record)
        kind = "images" if data is None or data.figure == TOP1 else "samples"
        yield (
            f"Its {leading.name} lies between {low} and {high} with 95 % confidence, as it was "
            f"measured on {row.record.images:,} {kind}: more of them tell close files apart."
        )


def _open_questions(view: View, recommended: ReportRow) -> Iterator[str]:
    """Yield what noise leaves open of a recommendation."""
    found, accuracy = view.contenders, _accuracy_name(recommended)
    if found.disturbed:
        yield f"The time of {_few(found.disturbed)} was disturbed, too: measure these again."
    if found.alike:
        smallest = min(found.alike, key=lambda row: row.record.model_bytes)
        is_smaller = smallest.record.model_bytes < recommended.record.model_bytes
        size = f"{smallest.name} is smaller" if is_smaller else "none of them is smaller"
        what = accuracy if view.setting.is_emulated else f"time and {accuracy}"
        yield f"These results do not tell its {what} from those of {_few(found.alike)}: {size}."
    if found.by_accuracy:
        yield (
            f"Noise leaves open whether {_few(found.by_accuracy)} would be the better choice by "
            f"{accuracy}: more images tell them apart."
        )
    if found.by_time:
        yield (
            f"Noise leaves open whether {_few(found.by_time)} would be the better choice by time: "
            "one bench of all, with a longer --min-time, tells them apart."
        )


def _accuracy_name(row: ReportRow) -> str:
    return "accuracy" if row.leading is None else row.leading.name


def _few(rows: Sequence[ReportRow]) -> str:
    """Name some rows: ``"a.tflite, b.tflite, c.tflite and 4 more"``."""
    names = ", ".join(row.name for row in rows[:NAMED_ROWS])
    return f"{names} and {len(rows) - NAMED_ROWS} more" if len(rows) > NAMED_ROWS else names


def facts(view: View) -> list[Fact]:
    """Return the fastest, the smallest and the most accurate file, as far as they are known.

    Args:
        view: The view whose files are meant.
    """
    best, rows, answer = [], view.rows, view.answer
    if row := answer.fastest:
        ties = _few(not_told_from(row, rows, time_change))
        best.append(Fact("Fastest", row, f"{three_digits(row.latency_ms or 0)} ms", ties))
    if row := answer.smallest:
        best.append(Fact("Smallest", row, size_text(row.record.model_bytes)))
    if row := answer.most_accurate:
        ties = _few(not_told_from(row, rows, accuracy_change))
        best.append(Fact("Most accurate", row, row.accuracy_text or "", ties))
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
        Warned(f"times are {verdict}", tuple(dict.fromkeys(files)))
        for verdict, files in sorted(names.items())
    ]


def _warned(advice: str, messages: dict[str, list[str]]) -> Warned:
    """Return a warning with the message of its first file; other files may have other figures."""
    (message, names), *others = messages.items()
    more = f" (and {len(others)} like it)" if others else ""
    files = [*names, *(name for _, some in others for name in some)]
    return Warned(f"{message}{more}: {advice}", tuple(dict.fromkeys(files)))


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
        ("Made by", [f"edgecnn {', '.join(versions)}, measured {span}"]),
    ]


def _each(records: Sequence[Record], line: Callable[[Record], str | None]) -> list[str]:
    lines = (line(record) for record in records)
    return [text for text in dict.fromkeys(lines) if text]


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
    if data.figure != TOP1:
        return f"{data.name}: {data.images:,} samples{unreadable}, judged by {data.figure}"
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
