"""The child that measures sensitivity: up to the float model, then layer by layer."""

from __future__ import annotations

from edgecnn.core.errors import InputError
from edgecnn.core.parent_pipe import ParentPipe, serve_job
from edgecnn.quantize.calibration.ranges import ObservedActivations
from edgecnn.quantize.imported_source import ImportedSource, PixelInput
from edgecnn.quantize.integers.schemes import to_int8
from edgecnn.quantize.messages import ChildFinished, LayerMeasured, LoadSource
from edgecnn.quantize.recovery.fidelity import fidelity
from edgecnn.quantize.recovery.proof import Fidelity
from edgecnn.quantize.scheme_makers import can_recover
from edgecnn.quantize.sensitivity.measure import LayerByLayer, MeasuredModel
from edgecnn.tflite.graph import Graph
from edgecnn.tflite.numbers import FLOAT32
from edgecnn.tflite.schemes import SCHEMES
from edgecnn.tflite.scores import scores
from edgecnn.tflite.tensors_and_ops import Array


def measure_source(parent: ParentPipe, job: LoadSource) -> None:
    """Load, trace, convert to float32, and measure each layer.

    Args:
        parent: The pipe to the parent process.
        job: What to load; ``images`` is how many to measure on.
    """
    source = ImportedSource(parent, job)
    source.load()
    source.trace()
    source.files_to_make()
    pixel_input = PixelInput.of(SCHEMES["int8"], normalizes=source.normalizes)
    model = source.float_model(pixel_input)
    if not can_recover(model.graph):
        raise InputError(
            "sensitivity is measured of models of one input and one output that take one sample "
            "and keep no variable between calls"
        )
    observed = source.observed(pixel_input)
    pixels = _pixels(source, job.images)
    images = model.normalize(pixels)[:, None]
    float_scores = scores(model.graph, images)
    if source.calibration_file().held_out:
        source.report_input_doubts(pixel_input, float_scores)
    with source.clock.phase("quantize int8"):
        given = images if source.spec is None else pixels[:, None]
        plain = _plain(model.graph, observed, given, float_scores, takes_pixels=given is not images)
    _, without_outliers = source.without_outliers(pixel_input)
    walk = LayerByLayer(
        MeasuredModel(model.graph, without_outliers, images, source.layers),
        float_scores,
        source.progress("quantize layer by layer"),
    )
    for row in walk.rows():
        parent.send(LayerMeasured(row))
    parent.send(ChildFinished(len(images), plain))


def _pixels(source: ImportedSource, count: int) -> Array:
    """Return held-out images; where there are none, images that the ranges are fitted to."""
    (fit,), (held_out,) = source.split_samples()
    return (held_out if len(held_out) else fit)[:count]


def _plain(
    graph: Graph,
    observed: ObservedActivations,
    samples: Array,
    float_scores: Array,
    *,
    takes_pixels: bool,
) -> Fidelity:
    """Compare the plain int8 graph with the float graph."""
    calibrated = graph.copy()
    calibrated.set_ranges(observed.ranges)
    input_type = "uint8" if takes_pixels else FLOAT32.name
    return fidelity(scores(to_int8(calibrated, input_type).graph, samples), float_scores)


def main() -> None:
    """Serve one measurement (the child's side)."""
    serve_job(LoadSource, measure_source, "measure this model")


if __name__ == "__main__":
    main()
