"""How near a file's scores are to the float file's: each output by its kind, and all together."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecnn.quantize.recovery.fidelity_kinds import MEASURES, OutputMeasure
from edgecnn.quantize.recovery.float_softmax import joins_unlike_parts
from edgecnn.quantize.recovery.proof import Fidelity, OutputFidelity, decibels_of
from edgecnn.tflite.graph import Graph
from edgecnn.tflite.output_kinds import JudgedOutput, OutputKind
from edgecnn.tflite.scores import Scores, scores, scores_tensors
from edgecnn.tflite.tensors_and_ops import Array, Tensor

TOP_K = 5


@dataclass(frozen=True)
class ComparedOutput:
    """An output that is compared with the float file's.

    Args:
        name: Name of the output.
        kind: What it is.
        widths: Columns of each part where a side is joined of several; else none.
        is_turned: Whether that side is the last but one, as candidates stand on the last.
    """

    name: str
    kind: OutputKind
    widths: tuple[int, ...] = ()
    is_turned: bool = False

    @property
    def measure(self) -> OutputMeasure:
        """How the output is compared."""
        return MEASURES[self.kind]

    def given(self, found: Array, wanted: Array) -> tuple[Array, Array, tuple[int, ...]]:
        """Return what the functions of the measure take: both values, and the parts' columns."""
        if self.is_turned:
            return found.swapaxes(-1, -2), wanted.swapaxes(-1, -2), self.widths
        return found, wanted, self.widths


@dataclass(frozen=True)
class OutputComparison:
    """Compares what graphs of the same model make of the same samples, output by output.

    Args:
        outputs: The outputs, in the model's own order.
        are_images: Whether samples are images, and not arrays.

    Example:
        >>> comparison = OutputComparison.of(graph, judged_outputs)
        >>> wanted = comparison.scores(graph, [images])
        >>> comparison.fidelity(comparison.scores(int8, [images]), wanted).agreement
        0.98
    """

    outputs: tuple[ComparedOutput, ...]
    are_images: bool = True

    @classmethod
    def of(
        cls, graph: Graph, judged: Sequence[JudgedOutput] = (), *, are_images: bool = True
    ) -> OutputComparison:
        """Return how the outputs of a model are compared.

        Args:
            graph: The float graph.
            judged: What each output is; without them each is taken for scores of classes.
            are_images: Whether samples are images, and not arrays.
        """
        if not judged:
            judged = [JudgedOutput(each.name, OutputKind.CLASSES, "") for each in graph.outputs]
        pairs = zip(judged, graph.outputs, strict=True)
        return cls(
            tuple(
                ComparedOutput(each.name, each.kind, *_joined_side(graph, tensor))
                for each, tensor in pairs
            ),
            are_images,
        )

    @property
    def kinds(self) -> tuple[OutputKind, ...]:
        """The kind of each output."""
        return tuple(output.kind for output in self.outputs)

    def tensors(self, graph: Graph) -> list[Tensor]:
        """Return the tensors of a graph's scores, one for each output."""
        return scores_tensors(graph, self.kinds)

    def scores(self, graph: Graph, samples: Sequence[Sequence[Array] | Array]) -> Scores:
        """Return a graph's scores, one array for each output.

        Args:
            graph: The graph.
            samples: For each input its samples, as the graph takes them.
        """
        return scores(graph, samples, self.kinds)

    def noise(self, found: Scores, wanted: Scores) -> float:
        """Return noise over signal, mean over the outputs.

        Args:
            found: What a graph answers.
            wanted: What the float graph answers.
        """
        ratios = [
            output.measure.noise(*output.given(ours, theirs))
            for output, ours, theirs in zip(self.outputs, found, wanted, strict=True)
        ]
        return float(np.mean(ratios))

    def fidelity(
        self, found: Scores, wanted: Scores, labels: Sequence[int] | None = None
    ) -> Fidelity:
        """Compare scores with the float file's.

        Args:
            found: A file's scores.
            wanted: The float file's scores.
            labels: For each image the class that is right, of a model of one output; None without
                labels.
        """
        outputs = tuple(
            _compared(output, ours, theirs)
            for output, ours, theirs in zip(self.outputs, found, wanted, strict=True)
        )
        decided = [each.agreement for each in outputs if each.agreement is not None]
        result = Fidelity(
            images=len(wanted[0]),
            agreement=min(decided, default=None),
            sqnr_db=min(each.sqnr_db for each in outputs),
            divergence=sum(each.divergence for each in outputs),
            outputs=outputs,
            are_images=self.are_images,
        )
        if labels is None or len(outputs) > 1 or wanted[0].ndim > 2 or wanted[0].shape[1] < 2:
            return result
        return _with_accuracy(result, found[0], wanted[0], np.asarray(labels))


def _compared(output: ComparedOutput, found: Array, wanted: Array) -> OutputFidelity:
    measure, given = output.measure, output.given(found, wanted)
    return OutputFidelity(
        output.name,
        output.kind,
        divergence=measure.loss(*given),
        sqnr_db=decibels_of(measure.noise(*given)),
        **measure.figures(*given),
    )


def _with_accuracy(
    fidelity: Fidelity, found: Array, wanted: Array, labels: npt.NDArray[Any]
) -> Fidelity:
    has_top5 = wanted.shape[1] > TOP_K
    return dataclasses.replace(
        fidelity,
        top1_percent=_top(found, labels, 1),
        top5_percent=_top(found, labels, TOP_K) if has_top5 else None,
        float_top1_percent=_top(wanted, labels, 1),
        float_top5_percent=_top(wanted, labels, TOP_K) if has_top5 else None,
    )


def _top(scores: Array, labels: npt.NDArray[Any], k: int) -> float:
    best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return 100.0 * float((best == labels[:, None]).any(axis=1).mean())


def _joined_side(graph: Graph, output: Tensor) -> tuple[tuple[int, ...], bool]:
    """Return the columns of each part of a joined output, and whether they are turned.

    Parts that are joined on the last side but one may be the candidates of several maps; they are
    columns where some are probabilities and others are not.
    """
    maker = graph.maker(output)
    while maker is not None and maker.traits.converts:
        maker = graph.maker(maker.source)
    if maker is None or maker.kind != "CONCATENATION" or len(output.shape) < 3:
        return (), False
    parts = [part.shape for part in maker.inputs if part is not None]
    if sum(shape[-1] for shape in parts) == output.shape[-1]:
        return tuple(shape[-1] for shape in parts), False
    if joins_unlike_parts(graph, maker) and sum(shape[-2] for shape in parts) == output.shape[-2]:
        return tuple(shape[-2] for shape in parts), True
    return (), False
