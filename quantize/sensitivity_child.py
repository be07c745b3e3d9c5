"""The child that measures sensitivity: up to the float model, then layer by layer."""

from __future__ import annotations

from edgecnn.core.errors import InputError
from edgecnn.core.parent_pipe import ParentPipe, serve_job
from edgecnn.quantize.calibration.ranges import ObservedActivations
from edgecnn.quantize.imported_source import ImportedSource, PixelInput
from edgecnn.quantize.integers.schemes import to_int8
from edgecnn.quantize.messages import ChildFinished, LayerMeasured, LoadSource
from edgecnn.quantize.recovery.fidelity import OutputComparison
from edgecnn.quantize.recovery.graph_inputs import all_as_taken
from edgecnn.quantize.recovery.pipeline import compared_samples
from edgecnn.quantize.scheme_makers import can_recover
from edgecnn.quantize.sensitivity.measure import LayerByLayer, MeasuredModel
from edgecnn.tflite.graph import Graph
from edgecnn.tflite.numbers import FLOAT32
from edgecnn.tflite.output_kinds import OutputKind
from edgecnn.tflite.schemes import SCHEMES
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
            "sensitivity is measured of models that take one sample and numbers, and keep no "
            "variable between calls"
        )
    observed = source.observed(pixel_input)
    comparison = OutputComparison.of(
        model.graph, source.outputs, are_images=source.spec is not None
    )
    most = compared_samples(comparison, model.graph, job.images)
    samples = _measured_samples(source, most)
    images = all_as_taken(model.graph, samples, model.spec)
    float_scores = comparison.scores(model.graph, images)
    if source.calibration_file().held_out and source.outputs[0].kind is OutputKind.CLASSES:
        source.report_input_doubts(pixel_input, float_scores[0])
    with source.clock.phase("quantize int8"):
        int8 = _plain(model.graph, observed, takes_pixels=source.spec is not None)
        given = all_as_taken(int8, samples, model.spec)
        plain = comparison.fidelity(comparison.scores(int8, given), float_scores)
    _, without_outliers = source.without_outliers(pixel_input)
    walk = LayerByLayer(
        MeasuredModel(model.graph, without_outliers, images, comparison, source.layers),
        float_scores,
        source.progress("quantize layer by layer"),
    )
    for row in walk.rows():
        parent.send(LayerMeasured(row))
    parent.send(ChildFinished(len(images[0]), plain))


def _measured_samples(source: ImportedSource, count: int) -> list[Array]:
    """Return held-out samples; where there are none, samples that the ranges are fitted to."""
    fit, held_out = source.split_samples()
    return [each[:count] for each in (held_out if len(held_out[0]) else fit)]


def _plain(graph: Graph, observed: ObservedActivations, *, takes_pixels: bool) -> Graph:
    """Return the plain int8 graph."""
    calibrated = graph.copy()
    calibrated.set_ranges(observed.ranges)
    return to_int8(calibrated, "uint8" if takes_pixels else FLOAT32.name).graph


def main() -> None:
    """Serve one measurement (the child's side)."""
    serve_job(LoadSource, measure_source, "measure this model")


if __name__ == "__main__":
    main()
