"""Which output of a model stands for which class of labelled data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from edgecnn.accuracy.class_names import is_background, matching_outputs, plain
from edgecnn.accuracy.output_labels import ModelOutputs
from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.core.text import first_few
from edgecnn.data.datasets import Dataset
from edgecnn.model_metadata.labels import BACKGROUND, IMAGENET_OUTPUTS, imagenet_labels

NO_OUTPUT = -1
"""Stands for the output of a class that a model does not have."""

NAMES_OPTION = "the names of its outputs with --labels FILE, one a line"
GIVE_LABELS = f"give {NAMES_OPTION}"
SAY_OFFSET = "or say with --label-offset N that class 0 of the data is output N"
HOW_TO_CHOOSE = f"{GIVE_LABELS}, {SAY_OFFSET}"
OTHER_DATA = f"give data of the model's own classes, {NAMES_OPTION}, {SAY_OFFSET}"
RENAME = f"rename the data's classes as the outputs are called, {HOW_TO_CHOOSE}"


class ClassMatching(Enum):
    """How the outputs of a data set's classes were found."""

    OFFSET = "offset"
    NAMES = "names"
    INDICES = "indices"
    ONE_BASED = "one-based"
    POSITION = "position"


class UnmatchedClassesError(InputError):
    """It is not known which output of a model stands for which class of the data.

    Args:
        reason: Why it is not known, without what to do about it.
        advice: What to do about it.
    """

    def __init__(self, reason: str, advice: str = HOW_TO_CHOOSE) -> None:
        super().__init__(f"{reason}: {advice}")
        self.reason = reason


@dataclass(frozen=True)
class ClassOutputs:
    """The output of a model that stands for each class of labelled data.

    Args:
        outputs: Class of the data -> output, for each class that has images.
        labels: Name of each output, an empty text where it is not known; empty where none is.
        count: Number of the model's outputs.
        matching: How the outputs were found.
        evidence: The same in a sentence's words.
        advice: What to do if it is wrong; None where the user or names decided.
    """

    outputs: Mapping[int, int]
    labels: tuple[str, ...]
    count: int
    matching: ClassMatching
    evidence: str
    advice: str | None = None

    @property
    def offset(self) -> int | None:
        """The number that leads from each class to its output; None where classes differ in it."""
        offsets = {output - label for label, output in self.outputs.items()}
        return offsets.pop() if len(offsets) == 1 else None

    def of(self, labels: Iterable[int]) -> list[int]:
        """Return the output of each of some labels, all of them classes that have images."""
        return [self.outputs[label] for label in labels]

    def translated(self, other: ClassOutputs) -> list[int]:
        """Return for each output of another model this model's output for the same class.

        Classes of the data come first. Outputs that stand for none of these are matched by their
        labels, or else by the shift that all classes of the data have in common.

        Args:
            other: Another model's outputs for the same data.

        Returns:
            One number for each output of the other model; :data:`NO_OUTPUT` where this model has
            none for the class.
        """
        found = {other.outputs[label]: output for label, output in self.outputs.items()}
        shifts = {output - theirs for theirs, output in found.items()}
        by_label, others = _by_label(self), {o: name for name, o in _by_label(other).items()}
        free = set(range(self.count)) - set(found.values())
        for theirs in set(range(other.count)) - set(found):
            output = NO_OUTPUT
            if by_label and theirs in others:
                output = by_label.get(others[theirs], NO_OUTPUT)
            elif len(shifts) == 1:
                output = theirs + min(shifts)
            if output in free:
                found[theirs] = output
        return [found.get(theirs, NO_OUTPUT) for theirs in range(other.count)]


def _by_label(classes: ClassOutputs) -> dict[str, int]:
    """Return the outputs by those labels that only one output has."""
    names = [plain(label) for label in classes.labels]
    times = Counter(names)
    return {name: output for output, name in enumerate(names) if name and times[name] == 1}


def find_class_outputs(
    model: ModelOutputs, dataset: Dataset, offset: int | None = None
) -> ClassOutputs:
    """Find the output for each class of labelled data, or refuse where there are two readings.

    What decides, in this order: the user's offset; the labels of the outputs, matched with the
    data's class names; the class indices that the data itself states; the places of the names, in
    their order, if there are as many classes as outputs. A count alone decides nothing.

    Args:
        model: The model's outputs. A model with ImageNet's 1,000 or 1,001 outputs and without
            labels has ImageNet's names where the data's names are ImageNet's.
        dataset: Labelled data.
        offset: Output of class 0, as the user says; it may be negative.

    Raises:
        UnmatchedClassesError: It is not known which output stands for which class.

    Example:
        >>> find_class_outputs(ModelOutputs(10), open_dataset("digits")).offset
        0
    """
    question = _Question(model, dataset, tuple(sorted(set(dataset.labels or (0,)))))
    if offset is not None:
        return question.by_offset(offset)
    return question.by_names() or question.by_indices() or question.by_position()


@dataclass(frozen=True)
class _Question:
    """A model and labelled data that are to be matched.

    Args:
        model: The model's outputs.
        dataset: Labelled data.
        used: The classes that have images, ascending.
    """

    model: ModelOutputs
    dataset: Dataset
    used: tuple[int, ...]

    def by_offset(self, offset: int) -> ClassOutputs:
        """Return the outputs as the user says."""
        first, last, outputs = self.used[0], self.used[-1], self.model.count
        if first + offset < 0 or last + offset >= outputs:
            raise InputError(
                f"--label-offset {offset} leads labels {first}..{last} out of the "
                f"outputs 0..{outputs - 1} of {self.model.model}"
            )
        evidence = f"--label-offset says that class 0 of the data is output {offset}"
        return self._shifted(offset, ClassMatching.OFFSET, evidence)

    def by_names(self) -> ClassOutputs | None:
        """Match names with labels; None where either is missing, or no name matches."""
        model, names = self.model, self.dataset.class_names
        labels = model.labels or imagenet_labels(model.count)
        if names is None or labels is None:
            return None
        # A class without images has a meaning only by its index: its folder would be a stray one.
        known = range(len(names)) if self.dataset.states_indices else self.used
        every = matching_outputs({label: names[label] for label in known}, labels)
        hits = {label: every.get(label, ()) for label in self.used}
        matched = sum(map(bool, hits.values()))
        if not matched or (not model.labels and 2 * matched < len(hits)):
            return None
        source, advice = model.labels_from or "ImageNet's names", None
        evidence = f"the names of the data's classes are among {source}"
        outputs = _one_to_one(hits, every)
        if outputs is None and self.dataset.states_indices:
            outputs = _one_shift(hits, every, model.count)
            evidence = f"{matched} of {len(hits)} class names are among {source}, in the same order"
        if outputs is None:
            raise UnmatchedClassesError(_mismatch(names, hits, labels, source), RENAME)
        if not model.labels:
            background = f", after {BACKGROUND!r}" if model.count == IMAGENET_OUTPUTS[1] else ""
            evidence += f": outputs without labels were taken for these in their order{background}"
            advice = f"if they are others, {GIVE_LABELS}"
        return ClassOutputs(outputs, labels, model.count, ClassMatching.NAMES, evidence, advice)

    def by_indices(self) -> ClassOutputs | None:
        """Take class indices that the data states for outputs; None where it states none."""
        if not self.dataset.states_indices and self.dataset.class_names is not None:
            return None
        outputs, low, high = self.model.count, self.used[0], self.used[-1]
        states = f"the data states class indices {low} to {high}"
        has = f"{states}, and {self.model.model} has {outputs} outputs"
        advice = f"if that is wrong, {HOW_TO_CHOOSE}"
        if low >= 1 and high == outputs:
            evidence = f"{states}, which were counted from 1: index 1 is output 0"
            return self._shifted(-1, ClassMatching.ONE_BASED, evidence, advice)
        if high >= outputs:
            raise UnmatchedClassesError(has, OTHER_DATA)
        counts_background = bool(self.model.labels) and is_background(self.model.labels[0])
        if low == 1 and high == outputs - 1 and not counts_background:
            choices = f"say --label-offset 0 or --label-offset -1, or {GIVE_LABELS}"
            raise UnmatchedClassesError(f"{has}, so that they may count from 0 or from 1", choices)
        if high < outputs - 1 and (doubt := self._background_doubt()):
            choices = f"say --label-offset 0 or --label-offset 1, or {GIVE_LABELS}"
            raise UnmatchedClassesError(f"{states}, and {doubt}", choices)
        if high == outputs - 1:
            return self._shifted(0, ClassMatching.INDICES, states)
        evidence = f"{states}, which were taken for outputs {low} to {high} of {outputs}"
        return self._shifted(0, ClassMatching.INDICES, evidence, advice)

    def _background_doubt(self) -> str | None:
        """Say why indices may count from output 1; None where nothing speaks for that."""
        labels = self.model.labels
        if labels:
            verb = "is" if is_background(labels[0]) else None
        else:
            verb = "may be" if self.model.count == IMAGENET_OUTPUTS[1] else None
        if verb is None:
            return None
        return (
            f"output 0 of {self.model.model} {verb} a background class, which they may or may not "
            "count"
        )

    def by_position(self) -> ClassOutputs:
        """Take classes for outputs in the order of their names, if there are as many."""
        model, names = self.model, self.dataset.class_names or ()
        first, last = (quoted(names[label]) for label in (self.used[0], self.used[-1]))
        stranger = f", none of which is among {model.labels_from}" if model.labels else ""
        if len(self.used) != model.count:
            has = "" if model.labels else ", whose names are not known"
            raise UnmatchedClassesError(
                f"{model.model} has {model.count} outputs{has}, and the data "
                f"{len(self.used)} class(es) with images, {first} to {last}{stranger}",
                OTHER_DATA,
            )
        return ClassOutputs(
            {label: place for place, label in enumerate(self.used)},
            model.labels or tuple(names[label] for label in self.used),
            model.count,
            ClassMatching.POSITION,
            "the data's classes were taken for outputs by their place among its sorted names"
            f"{stranger}: {first} for output 0, {last} for output {model.count - 1}",
            f"if the model has another order, {GIVE_LABELS}",
        )

    def _shifted(
        self, offset: int, matching: ClassMatching, evidence: str, advice: str | None = None
    ) -> ClassOutputs:
        count, labels, names = self.model.count, self.model.labels, self.dataset.class_names
        if not labels and names is not None:
            named = {number + offset: name for number, name in enumerate(names)}
            # One output before all classes of the data is a background class by convention.
            named = {0: BACKGROUND, **named} if offset == 1 else named
            labels = tuple(named.get(output, "") for output in range(count))
        outputs = {label: label + offset for label in self.used}
        return ClassOutputs(outputs, labels, count, matching, evidence, advice)


Hits = Mapping[int, tuple[int, ...]]


def _one_to_one(hits: Hits, every: Hits) -> dict[int, int] | None:
    """Return the outputs if each class matches one, and no other class matches that."""
    alone = [outputs[0] for outputs in every.values() if len(outputs) == 1]
    is_whole = all(len(outputs) == 1 for outputs in hits.values())
    if not is_whole or len(alone) != len(set(alone)):
        return None
    return {label: outputs[0] for label, outputs in hits.items()}


def _one_shift(hits: Hits, every: Hits, count: int) -> dict[int, int] | None:
    """Return the outputs if one shift of stated indices is what the names say.

    More than half of the names must say so, and no name may say otherwise: then the data's indices
    stand for names that are written in another way.
    """
    shifts = Counter(output - label for label, found in hits.items() for output in found)
    shift = max(sorted(shifts), key=shifts.__getitem__)
    outputs = {label: label + shift for label in hits}
    in_range = min(outputs.values()) >= 0 and max(outputs.values()) < count
    if not in_range or 2 * shifts[shift] <= len(hits):
        return None
    for label, found in hits.items():
        # A name that stands for another class, too, says nothing: ImageNet has two cranes.
        if outputs[label] not in found and any(o not in every.get(o - shift, ()) for o in found):
            return None
    return outputs


def _mismatch(names: Sequence[str], hits: Hits, labels: Sequence[str], source: str) -> str:
    """Say which names do not match one label of their own."""
    missing = [quoted(names[label]) for label, found in hits.items() if not found]
    if missing:
        return (
            f"{len(missing)} of {len(hits)} class names of the data are not among {source} "
            f"({first_few(missing)})"
        )
    for label, found in hits.items():
        if len(found) > 1:
            places = " or ".join(map(str, found))
            return f"class {quoted(names[label])} of the data may be output {places} by {source}"
    by_output: dict[int, list[str]] = {}
    for label, found in hits.items():
        by_output.setdefault(found[0], []).append(quoted(names[label]))
    for output, same in by_output.items():
        if len(same) > 1:
            return f"{' and '.join(same)} are both output {output}, {quoted(labels[output])}"
    return f"two class names of the data match one of {source}"
