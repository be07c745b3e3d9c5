"""The child that measures sensitivity: a conversion up to the float file, then layer by layer."""

from __future__ import annotations

import dataclasses

from edgecnn.core.child import Message, ParentPipe, serve_job
from edgecnn.core.errors import InputError
from edgecnn.data.inputspec import InputSpec
from edgecnn.importing.loading import load
from edgecnn.quantize.converter import Conversion, import_tensorflow
from edgecnn.quantize.made import Front, describe
from edgecnn.quantize.ranges import Observed
from edgecnn.quantize.recovery.fidelity import Fidelity, fidelity
from edgecnn.quantize.recovery.recover import scores
from edgecnn.quantize.sensitivity.measure import LayerByLayer, Subject
from edgecnn.quantize.tfconverter import integer_scheme
from edgecnn.tflite.operators import Array
from edgecnn.tflite.writing import with_ranges


class Measurement(Conversion):
    """One source on its way to its layers' sensitivity.

    Args:
        parent: The pipe to the parent process.
        job: The parent's first message; ``images`` is how many to measure on.
    """

    def run(self) -> None:
        """Load, freeze, convert to float32, and measure each layer."""
        with self._clock.phase("import"):
            import_tensorflow()
        with self._clock.phase("load"):
            self._model = load(self._job, self._progress("download"))
        layers = self._model.layers
        self._parent.send(describe(self._model))
        spec = self._spec = InputSpec.from_dict(self._expect("prepare")["spec"])
        # An int8 file takes pixels: the graph normalises them where a scale and an offset cannot.
        in_graph = not spec.is_uniform
        front = Front(in_graph, is_merged=in_graph)
        self._freeze_all({in_graph})
        content, observed = self._float_file(front), self._observe(front)
        # Large networks need the memory.
        self._frozen.clear()
        pixels = self._pixels()
        images = (spec.centered() if in_graph else spec).normalize(pixels)[:, None]
        wanted = scores(content, images)
        if self._receive_images()["held_out"]:
            self._doubt(front, wanted)
        with self._clock.phase("quantize int8"):
            plain = self._plain(content, observed, pixels[:, None], wanted)
        _, usual = self._usual(front, "fast")
        walk = LayerByLayer(
            Subject(content, usual, images, layers),
            wanted,
            self._progress("quantize layer by layer"),
        )
        for row in walk.rows():
            self._parent.send({"event": "layer", "row": dataclasses.asdict(row)})
        self._parent.send({"event": "done", "images": len(images), "plain": plain.to_dict()})

    def _pixels(self) -> Array:
        """Return images that nothing is fitted to; where none is held out, those that are."""
        fit, held_out = self._split_images()
        return (held_out if len(held_out) else fit)[: self._job["images"]]

    def _plain(self, content: bytes, observed: Observed, pixels: Array, wanted: Array) -> Fidelity:
        """Compare the plain int8 file with the float file."""
        made = integer_scheme("int8", "uint8").quantize(with_ranges(content, observed.ranges), ())
        return fidelity(scores(made.content, pixels), wanted)


def _work(parent: ParentPipe, job: Message) -> None:
    try:
        Measurement(parent, job).run()
    except MemoryError as error:
        raise InputError("not enough memory to measure this model") from error


def main() -> None:
    """Serve one measurement (the child's side)."""
    serve_job(_work)


if __name__ == "__main__":
    main()
