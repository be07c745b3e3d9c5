"""The answers behind a model's accuracy, as text and tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.table import Table

from edgecnn.accuracy.calibration import CALIBRATION_BINS, Calibration
from edgecnn.accuracy.classes import ClassResult
from edgecnn.accuracy.kinds.result import AnyAccuracy, KindAccuracy, recorded
from edgecnn.accuracy.result import TOP_K, Accuracy, OtherModel
from edgecnn.accuracy.shares import Bounds
from edgecnn.cli.output import print_whole, say
from edgecnn.cli.table import add_cells, plain_table
from edgecnn.records.conditions import LabelledData
from edgecnn.records.record import Record

FEWEST_LISTED = 2
"""Images that a class or a mistake must have to be listed; single images are shown themselves."""

MOST_DETAIL_ROWS = 10
"""Rows of each list at most; the JSON file has all of them."""

MATRIX_CLASSES = 12
"""Classes in a confusion matrix at most; of more classes the most frequent mistakes are listed."""

NAME_WIDTH = 32
"""Letters of a class' name that are shown: some names of ImageNet have a hundred."""


def print_details(record: Record, accuracy: AnyAccuracy) -> None:
    """Print what is behind an accuracy.

    Args:
        record: Record of the model.
        accuracy: What running the samples gave.
    """
    if isinstance(accuracy, KindAccuracy):
        _print_figures(record, accuracy)
    else:
        _print_classes(record, accuracy)


def _print_figures(record: Record, accuracy: KindAccuracy) -> None:
    """Print all figures, and how outputs and targets were read."""
    count = f"{LabelledData.of(record)}"
    other = accuracy.other
    beside = () if other is None else (*other.figures, *other.agreement)
    name = "" if other is None else f"{Path(other.model).name}: "
    say(
        "",
        f"{Path(record.model).name} on {record.device}: {count}",
        *(f"  {reading}" for reading in accuracy.readings),
        *(f"  {recorded(figure)}, 95 % interval" for figure in accuracy.figures),
        *(f"  {name}{recorded(figure)}" for figure in beside),
    )


def _print_classes(record: Record, accuracy: Accuracy) -> None:
    """Print figures with intervals, classes, mistakes and the worst images."""
    say(
        "",
        f"{Path(record.model).name} on {record.device}: {accuracy.images} images of "
        f"{accuracy.data}",
        *(f"  {line}" for line in _figures(accuracy)),
    )
    results = accuracy.confusion.classes()
    if len(results) <= MATRIX_CLASSES:
        _print("Labels (rows) and answers (columns)", _matrix(accuracy, results))
    else:
        _print("Most frequent mistakes", _mistakes(accuracy))
    _print("Classes that are recognised least", _weakest(accuracy, results))
    _print(
        "Wrong answers that it is surest of",
        _images(accuracy, accuracy.answers.worst(MOST_DETAIL_ROWS)),
    )
    if accuracy.other is not None:
        rows = accuracy.other.regressions(accuracy.answers)
        title = f"Wrong where {_name(accuracy.other)} is right: {len(rows)} images"
        _print(title, _images(accuracy, rows[:MOST_DETAIL_ROWS]))


def _figures(accuracy: Accuracy) -> Iterator[str]:
    answers = accuracy.answers
    yield f"classes matched by {accuracy.classes.matching.value}: {accuracy.classes.evidence}"
    yield f"top-1 {_share(answers.share(1), answers.bounds(1))}, 95 % interval"
    if (unseen := accuracy.unseen_answers) is not None:
        yield (
            f"top-1 {_share(unseen.share(1), unseen.bounds(1))} without the "
            f"{len(accuracy.seen or ())} images that the file was made with"
        )
    if accuracy.top5_percent is not None:
        yield f"top-5 {_share(answers.share(TOP_K), answers.bounds(TOP_K))}"
    if accuracy.calibration is not None:
        yield _calibration(accuracy.calibration)
    elif not accuracy.gives_probabilities:
        yield "its scores are no probabilities: nothing is said of calibration"
    if accuracy.other is not None:
        yield from _comparison(accuracy.other)


def _calibration(calibration: Calibration) -> str:
    bias = 100 * calibration.bias
    side = f"{abs(bias):.1f} points {'surer' if bias > 0 else 'less sure'} than it is right"
    alike = f"as sure as it is right, as far as {calibration.images:,} images tell"
    whole = side if calibration.is_biased else alike
    return (
        f"expected calibration error {100 * calibration.error:.1f} % ({CALIBRATION_BINS} bins of "
        f"equal width): on the whole {whole}"
    )


def _comparison(other: OtherModel) -> Iterator[str]:
    agreement, name = other.agreement, _name(other)
    low, high = (100 * end for end in agreement.difference_bounds)
    yield f"the same answer as {name} on {_share(agreement.share, agreement.bounds)}"
    yield (
        f"top-1 {100 * agreement.difference:+.1f} points ({low:+.1f} to {high:+.1f}) from its "
        f"{100 * agreement.other_top1:.1f} %; right alone on {agreement.only_this} image(s), the "
        f"other on {agreement.only_other}: McNemar's exact test p = {agreement.p_value:.2g}"
    )


def _matrix(accuracy: Accuracy, results: Sequence[ClassResult]) -> Table:
    matrix = accuracy.confusion.matrix()
    outputs = [result.output for result in results]
    table = _table(["class"], [str(output) for output in outputs])
    for label in outputs:
        counts = (int(matrix[label, answer]) for answer in outputs)
        cells = (str(count) if count else "." for count in counts)
        add_cells(table, [_class(accuracy, label), *cells])
    return table


def _mistakes(accuracy: Accuracy) -> Table:
    table = _table(["label", "answer"], ["images"])
    for label, answer, count in accuracy.confusion.mistakes()[:MOST_DETAIL_ROWS]:
        if count < FEWEST_LISTED:
            break
        add_cells(table, [_class(accuracy, label), _class(accuracy, answer), str(count)])
    return table


def _weakest(accuracy: Accuracy, results: Sequence[ClassResult]) -> Table:
    table = _table(["class"], ["images", "recall %", "precision %"])
    missed = [result for result in results if result.correct < result.images >= FEWEST_LISTED]
    # By the recall's upper end: 0 of 20 is surely bad, 0 of 1 hardly says anything.
    missed.sort(key=lambda result: ((result.recall_bounds or (0, 0))[1], result.output))
    for result in missed[:MOST_DETAIL_ROWS]:
        assert result.recall is not None and result.recall_bounds is not None
        precision = None if result.precision is None else f"{100 * result.precision:.1f}"
        recall = _share(result.recall, result.recall_bounds, "")
        add_cells(table, [_class(accuracy, result.output), str(result.images), recall, precision])
    return table


def _images(accuracy: Accuracy, rows: Sequence[int]) -> Table:
    answers = accuracy.answers
    table = _table(["image", "label", "answer"], ["score", "label's"])
    for row in rows:
        cells = (
            _image(accuracy, row),
            _class(accuracy, int(answers.label_outputs[row])),
            _class(accuracy, int(answers.top[row, 0])),
            f"{answers.scores[row, 0]:.3g}",
            f"{answers.label_scores[row]:.3g}",
        )
        add_cells(table, cells)
    return table


def _table(texts: list[str], numbers: list[str]) -> Table:
    """Return an empty table whose first columns have texts and whose others have numbers."""
    return plain_table([*texts, *numbers], right=numbers, folded=[*texts, *numbers])


def _print(title: str, table: Table) -> None:
    if table.row_count:
        say("", title)
        print_whole(table)


def _class(accuracy: Accuracy, output: int) -> str:
    name = accuracy.label(output)
    if name in (str(output), f"class {output}"):
        return name
    cut = name if len(name) <= NAME_WIDTH else f"{name[: NAME_WIDTH - 3]}..."
    return f"{output} {cut}"


def _image(accuracy: Accuracy, row: int) -> str:
    """Show an image's name, without the folder of the data."""
    name = accuracy.image_name(row)
    path = Path(name)
    if path.is_relative_to(accuracy.data):
        name = str(path.relative_to(accuracy.data))
    return name


def _name(other: OtherModel) -> str:
    return Path(other.model).name


def _share(share: float, bounds: Bounds, unit: str = " %") -> str:
    return f"{100 * share:.1f}{unit} ({100 * bounds[0]:.1f} to {100 * bounds[1]:.1f})"
