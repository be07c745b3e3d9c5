"""Which columns of a table judge which outputs: as the user says, by their names, or by kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecnn.accuracy.kinds.fitting import LabelledOutputs
from edgecnn.accuracy.kinds.judge import OutputJudge
from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.core.text import first_few
from edgecnn.data.tables import ONLY_OUTPUT, LabelTable
from edgecnn.data.targets import ArrayTargets
from edgecnn.tflite.output_kinds import OutputKind

LABEL_KINDS = (OutputKind.CLASSES, OutputKind.PROBABILITY, OutputKind.EMBEDDING)
"""Kinds of outputs that a column of labels judges."""

NUMBER_KINDS = (OutputKind.NUMBERS, OutputKind.LABELS, OutputKind.UNKNOWN)
"""Kinds of outputs that columns of numbers judge, if they are as many as the output's."""


@dataclass(frozen=True)
class _Choice:
    """The columns that judge an output, and how they were found where that is to be told."""

    output: int
    titles: tuple[str, ...]
    reading: str = ""


def judges_of_table(
    outputs: LabelledOutputs, table: LabelTable, given: Mapping[str, tuple[str, ...]]
) -> tuple[OutputJudge, ...]:
    """Return what judges each output for which there are columns.

    Args:
        outputs: The outputs of a model.
        table: The columns.
        given: What the user says: name of an output, empty for the only one -> its columns.

    Raises:
        InputError: It is not known which columns judge an output, or columns do not fit theirs.
    """
    choices = _given(outputs, table, given) if given else _found(outputs, table)
    if not choices:
        raise _unknown(outputs, table, "no column is called like an output, or fits one alone")
    left = [o.name for n, o in enumerate(outputs.judged) if n not in {c.output for c in choices}]
    if left and not given:
        said = f"not judged, as no columns fit: {first_few(map(quoted, left))}"
        told = "; ".join(filter(None, [choices[-1].reading, said]))
        choices[-1] = replace(choices[-1], reading=told)
    return tuple(_judge(outputs, table, choice) for choice in choices)


def _given(
    outputs: LabelledOutputs, table: LabelTable, given: Mapping[str, tuple[str, ...]]
) -> list[_Choice]:
    names = [output.name for output in outputs.judged]
    if ONLY_OUTPUT in given and len(names) > 1:
        raise InputError(
            f"{outputs.label} has {len(names)} outputs: say --columns NAME=COLUMNS for each "
            f"({', '.join(names)})"
        )
    choices = []
    for name, titles in given.items():
        if name not in (*names, ONLY_OUTPUT):
            raise InputError(
                f"--columns names the output {quoted(name)}, and {outputs.label} has "
                f"{first_few(map(quoted, names))}"
            )
        table.check(titles)
        choices.append(_Choice(names.index(name) if name else 0, titles))
    return sorted(choices, key=lambda choice: choice.output)


def _found(outputs: LabelledOutputs, table: LabelTable) -> list[_Choice]:
    """Return the columns of each output by its name, and of others where only one is left."""
    choices = [
        _Choice(number, titles)
        for number, output in enumerate(outputs.judged)
        if (titles := table.columns_of(output.name))
    ]
    used = {title for choice in choices for title in choice.titles}
    if table.label is not None and table.label not in used:
        choices += _left_over(outputs, table, choices, (table.label,), LABEL_KINDS)
    rest = tuple(
        title
        for title in table.columns
        if title not in used and title != table.label and table.numbers([title]) is not None
    )
    if rest:
        choices += _left_over(outputs, table, choices, rest, NUMBER_KINDS)
    return sorted(choices, key=lambda choice: choice.output)


def _left_over(
    outputs: LabelledOutputs,
    table: LabelTable,
    choices: Sequence[_Choice],
    titles: tuple[str, ...],
    kinds: Sequence[OutputKind],
) -> list[_Choice]:
    """Return the only output without columns that some columns fit."""
    taken = {choice.output for choice in choices}
    fitting = [
        number
        for number, output in enumerate(outputs.judged)
        if number not in taken
        and output.kind in kinds
        and (kinds is LABEL_KINDS or outputs.model.outputs[number].elements == len(titles))
    ]
    listed = first_few(map(quoted, titles))
    if len(fitting) > 1:
        names = first_few(quoted(outputs.judged[number].name) for number in fitting)
        raise _unknown(outputs, table, f"{listed} may judge {names}")
    return [
        _Choice(number, titles, f"{quoted(outputs.judged[number].name)} is judged by {listed}")
        for number in fitting
    ]


def _judge(outputs: LabelledOutputs, table: LabelTable, choice: _Choice) -> OutputJudge:
    number, titles = choice.output, choice.titles
    kind = outputs.judged[number].kind
    if len(titles) == 1 and kind in (*LABEL_KINDS, OutputKind.UNKNOWN):
        values = _labels(outputs, table, choice)
        targets = ArrayTargets(titles[0], values, reading=choice.reading)
    else:
        numbers = table.numbers(titles)
        if numbers is None:
            listed = first_few(map(quoted, titles))
            raise InputError(f"{quoted(table.name)}: {listed} hold more than numbers")
        targets = ArrayTargets(table.name, numbers, titles, choice.reading)
    is_table = kind is OutputKind.UNKNOWN and len(titles) > 1
    kind = OutputKind.NUMBERS if is_table else outputs.kind_for(number, targets)
    return outputs.judge(number, kind, targets)


def _labels(outputs: LabelledOutputs, table: LabelTable, choice: _Choice) -> npt.NDArray[Any]:
    """Return the labels in a column as numbers."""
    (title,), output = choice.titles, outputs.judged[choice.output]
    if (indices := table.indices(title)) is not None:
        return indices
    if (numbers := table.numbers([title])) is not None:
        return numbers
    texts = table.columns[title]
    known = outputs.labels if choice.output == 0 else ()
    if output.kind is OutputKind.EMBEDDING:
        known = tuple(sorted(set(texts)))
    strange = sorted(set(texts) - set(known))
    if strange or output.kind is OutputKind.PROBABILITY:
        told = f"{quoted(title)} holds names such as {quoted(texts[0])}"
        raise InputError(
            f"{quoted(table.name)}: {told}, and which class of {quoted(output.name)} each is, is "
            "not known: write class indices, or say the first output's names by --labels"
        )
    return np.array([known.index(text) for text in texts], np.int64)


def _unknown(outputs: LabelledOutputs, table: LabelTable, why: str) -> InputError:
    kinds = ", ".join(f"{quoted(each.name)}: {each.kind.value}" for each in outputs.judged)
    return InputError(
        f"it is not known which columns of {quoted(table.name)} judge which output of "
        f"{outputs.label} ({kinds}): {why}; say --columns NAME=COLUMN,COLUMN for each output"
    )
