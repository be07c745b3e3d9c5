"""The child that measures sensitivity: up to the float model, then layer by layer."""

from __future__ import annotations

import dataclasses

from edgecnn.core.errors import InputError
from edgecnn.core.parent_pipe import ParentPipe, serve_job
from edgecnn.quantize.calibration.ranges import Observed
from edgecnn.quantize.imported_source import ImportedSource, PixelInput
from edgecnn.quantize.messages import ChildFinished, LayerMeasured, LoadSource
from edgecnn.quantize.recovery.fidelity import Fidelity, fidelity
from edgecnn.quantize.scores import scores
from edgecnn.quantize.sensitivity.measure import LayerByLayer, MeasuredModel
from edgecnn.quantize.tensorflow_quantizer import to_int8
from edgecnn.tflite.graph import Array, Graph
from edgecnn.tflite.schemes import SCHEMES


def measure_source(parent: ParentPipe, job: LoadSource) -> None:
    """Load, trace, convert to float32, and measure each layer.

    Args:
        parent: The pipe to the parent process.
        job: What to load; ``images`` is how many to measure on.
    """
    source = ImportedSource(parent, job)
    source.load()
    source.prepare()
    assert source.spec is not None
    # An int8 file takes pixels: the graph normalises them where a scale and an offset cannot.
    pixel_input = PixelInput.of(SCHEMES["int8"], normalizes=not source.spec.is_uniform)
    source.trace({pixel_input.normalizes})
    model, observed = source.float_model(pixel_input), source.observed(pixel_input)
    # Large networks need the memory.
    source.forget_traced()
    pixels = _pixels(source, job.images)
    images = model.normalize(pixels)[:, None]
    wanted = scores(model.graph, images)
    if source.images().held_out:
        source.doubt(pixel_input, wanted)
    with source.clock.phase("quantize int8"):
        plain = _plain(model.graph, observed, pixels[:, None], wanted)
    _, usual = source.without_outliers(pixel_input)
    walk = LayerByLayer(
        MeasuredModel(model.graph, usual, images, source.layers),
        wanted,
        source.progress("quantize layer by layer"),
    )
    for row in walk.rows():
        parent.send(LayerMeasured(dataclasses.asdict(row)))
    parent.send(ChildFinished(len(images), plain.to_dict()))


def _pixels(source: ImportedSource, count: int) -> Array:
    """Return images that nothing is fitted to; where none is held out, those that are."""
    fit, held_out = source.split_images()
    return (held_out if len(held_out) else fit)[:count]


def _plain(graph: Graph, observed: Observed, pixels: Array, wanted: Array) -> Fidelity:
    """Compare the plain int8 graph with the float graph."""
    calibrated = graph.copy()
    calibrated.set_ranges(observed.ranges)
    return fidelity(scores(to_int8(calibrated, "uint8").graph, pixels), wanted)


def _work(parent: ParentPipe, job: LoadSource) -> None:
    try:
        measure_source(parent, job)
    except MemoryError as error:
        raise InputError("not enough memory to measure this model") from error


def main() -> None:
    """Serve one measurement (the child's side)."""
    serve_job(LoadSource, _work)


if __name__ == "__main__":
    main()
