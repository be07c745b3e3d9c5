"""The result of running labelled samples: figures by kind, and the answers behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from edgecnn.accuracy.image_by_image import packed_draws, packed_hits
from edgecnn.accuracy.kinds.figures import KindFigure
from edgecnn.accuracy.kinds.judge import KindAnswers, OutputJudge
from edgecnn.accuracy.kinds.top_classes import ClassJudge
from edgecnn.accuracy.labelled_result import LabelledResult
from edgecnn.accuracy.result import Accuracy
from edgecnn.accuracy.seen_images import SeenImages
from edgecnn.records.recorded_figure import RecordedFigure, Unit

UNIT_FIELDS = {
    Unit.PERCENT: "metric_{}percent",
    Unit.OUTPUT: "mae_{}units",
    Unit.DECIBEL: "psnr_{}db",
}
"""Unit of the most important figure -> the fields of a record that it has, with its interval."""


@dataclass(frozen=True)
class OtherKindModel:
    """Another model that was given the same samples for comparison.

    Args:
        model: Path of the other model, as it was given.
        sha256: SHA-256 of the other model's file.
        figures: Figures of the other model.
        agreement: How alike both models' answers are, a figure for each judge.
        seen: The images that the other model was made with; None where its file does not say.
    """

    model: str
    sha256: str
    figures: tuple[KindFigure, ...]
    agreement: tuple[KindFigure, ...]
    seen: SeenImages | None = None


@dataclass(frozen=True)
class KindAccuracy(LabelledResult[KindAnswers]):
    """The figures of a model whose output is no class of the whole image.

    Args:
        dataset: The samples and what is wanted of them.
        answers: Answers to the samples that could be read.
        judges: What judged the outputs.
        other: The model that was given the same samples for comparison, if any.
        seen: The images that the model was made with; None where its file does not say.
        geometry: How images came to the model's size, in plain words; None where there are none.
    """

    judges: tuple[OutputJudge, ...]
    other: OtherKindModel | None = None

    @property
    def readings(self) -> tuple[str, ...]:
        """How outputs and targets were read, where that is to be told."""
        return tuple(dict.fromkeys(judge.reading for judge in self.judges if judge.reading))

    @cached_property
    def figures(self) -> tuple[KindFigure, ...]:
        """All figures, the most important first."""
        return figures_of(self.judges, self.answers)

    def record_fields(self) -> dict[str, Any]:
        """Return the accuracy fields of a :class:`~edgecnn.records.record.Record`."""
        main = self.figures[0]
        fields: dict[str, Any] = {
            **self.sample_fields,
            "figures": tuple(map(recorded, self.figures)),
            **self._main_fields(main),
        }
        if self.other is not None:
            fields |= {"against": self.other.model, "against_sha256": self.other.sha256}
            alike = self.other.agreement[0]
            if alike.unit == Unit.PERCENT:
                fields["agreement_percent"] = alike.value
                fields["agreement_low_percent"] = alike.low
                fields["agreement_high_percent"] = alike.high
            against = map(recorded, (*self.other.figures, *self.other.agreement))
            fields["against_figures"] = tuple(against)
        return fields

    def _main_fields(self, main: KindFigure) -> dict[str, Any]:
        judge = self.judges[0]
        if isinstance(judge, ClassJudge):
            hits = judge.hits([row[0] for row in self.answers.rows], 1)
            named = {"top1_percent": main.value, "hits_top1": packed_hits(hits)}
            return named | {"top1_low_percent": main.low, "top1_high_percent": main.high}
        field = UNIT_FIELDS[main.unit]
        ends = {field.format("low_"): main.low, field.format("high_"): main.high}
        return {
            "metric": main.name,
            field.format(""): main.value,
            **ends,
            **self._sample_by_sample(main),
        }

    def _sample_by_sample(self, main: KindFigure) -> dict[str, str]:
        """Return what tells on which samples a file is better than another one."""
        if main.hits is not None and len(main.hits) == self.images:
            return {"hits_metric": packed_hits(main.hits)}
        return {} if main.drawn is None else {"metric_draws": packed_draws(main.drawn)}


AnyAccuracy = Accuracy | KindAccuracy
"""The accuracy of any model: of a classifier of images, or by the kinds of its outputs."""


def figures_of(judges: Sequence[OutputJudge], answers: KindAnswers) -> tuple[KindFigure, ...]:
    """Return the figures of all judges; where there are several, with the outputs' names.

    Args:
        judges: What judges the outputs.
        answers: Answers to the samples.
    """
    figures: list[KindFigure] = []
    for place, judge in enumerate(judges):
        found = judge.figures([row[place] for row in answers.rows])
        figures += found if len(judges) == 1 else [_named(judge, figure) for figure in found]
    return tuple(figures)


def agreement_of(
    judges: Sequence[OutputJudge], answers: KindAnswers, others: KindAnswers
) -> tuple[KindFigure, ...]:
    """Return how alike the answers of two models are, over the samples that both have.

    Args:
        judges: What judges the outputs of the first model.
        answers: Answers of the first model.
        others: Answers of the second model.
    """
    assert answers.answers is not None
    assert others.answers is not None
    theirs = dict(zip(others.indices.tolist(), others.answers, strict=True))
    here = zip(answers.indices.tolist(), answers.answers, strict=True)
    pairs = [(ours, theirs[index]) for index, ours in here if index in theirs]
    alike = []
    for place, judge in enumerate(judges):
        both = ([pair[side][place] for pair in pairs] for side in (0, 1))
        figure = judge.agreement(*both)
        alike.append(figure if len(judges) == 1 else _named(judge, figure))
    return tuple(alike)


def recorded(figure: KindFigure) -> RecordedFigure:
    """Return a figure as a record keeps it."""
    return RecordedFigure(figure.name, figure.value, figure.unit, figure.low, figure.high)


def _named(judge: OutputJudge, figure: KindFigure) -> KindFigure:
    return replace(figure, name=f"{judge.name}: {figure.name}")
