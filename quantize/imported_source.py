"""A source in the child: loaded, traced, as a float model, and its activations over the images."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from edgecnn.core.lazy import LazyModule
from edgecnn.core.parent_pipe import ParentPipe
from edgecnn.data.inputspec import InputSpec
from edgecnn.importing.float_model import FloatModel
from edgecnn.importing.layer_names import TracedLayer
from edgecnn.importing.loading import TraceableModel, load
from edgecnn.importing.tensorflow_converter import convert_traced
from edgecnn.importing.tracing import freeze
from edgecnn.quantize.calibration.input_doubts import Case, doubts
from edgecnn.quantize.calibration.outlier_images import outlier_images, says_outliers
from edgecnn.quantize.calibration.ranges import Observed, observe
from edgecnn.quantize.messages import (
    CalibrationFile,
    LoadSource,
    PhaseBegun,
    PrepareFiles,
    ProgressMade,
    Remark,
    SourceLoaded,
)
from edgecnn.quantize.recovery.channel_groups import watched_tensors
from edgecnn.quantize.rewriting.streamlining import streamline
from edgecnn.quantize.stage_times import Clock
from edgecnn.tflite.schemes import SCHEMES, Scheme
from edgecnn.tflite.serialization import read_graph

tf = LazyModule("tensorflow", extra="convert")

Pixels = npt.NDArray[np.uint8]


class PixelInput(NamedTuple):
    """How a float graph takes pixels.

    Args:
        normalizes: Whether it normalises them itself, as one mean and one deviation cannot.
        is_merged: Whether that is folded into the first convolution; at the padded border of a map
            this differs by less than one int8 step.
    """

    normalizes: bool
    is_merged: bool

    @classmethod
    def of(cls, scheme: Scheme, *, normalizes: bool) -> PixelInput:
        """Return how the float graph takes pixels of which a scheme's file is made."""
        return cls(normalizes, is_merged=normalizes and scheme.is_coarse)


class ImportedSource:
    """One source on its way to float models.

    Args:
        parent: The pipe to the parent process.
        job: What to load.
    """

    def __init__(self, parent: ParentPipe, job: LoadSource) -> None:
        self.parent, self.job = parent, job
        self.clock = Clock(lambda name: parent.send(PhaseBegun(name)))
        self.layers: Mapping[str, TracedLayer] = {}
        self.spec: InputSpec | None = None
        self._model: TraceableModel | None = None
        self._traced: dict[bool, Any] = {}
        self._float_models: dict[PixelInput, FloatModel] = {}
        self._observed: dict[PixelInput, Observed] = {}
        self._images: CalibrationFile | None = None
        self._has_doubted = False

    def load(self) -> None:
        """Load the source and tell the parent what it is."""
        with self.clock.phase("import"):
            import_tensorflow()
        with self.clock.phase("load"):
            job = self.job
            self._model = load(job.source, job.size, job.build, self.progress("download"))
        self.layers = self._model.layers
        self.parent.send(_described(self._model))

    def prepare(self) -> PrepareFiles:
        """Wait for what is to be made, and for how pixels go in."""
        prepare = self.parent.expect(PrepareFiles)
        self.spec = InputSpec.from_dict(prepare.spec) if prepare.spec else None
        return prepare

    def trace(self, variants: set[bool]) -> None:
        """Trace the model, with normalisation in the graph, without it, or both."""
        assert self._model is not None
        for normalizes in sorted(variants):
            with self.clock.phase("freeze"):
                self._traced[normalizes] = freeze(self._model, self.spec if normalizes else None)
        # The traced graphs hold the weights now: keep one copy of them.
        self._model = None
        gc.collect()

    def forget_traced(self) -> None:
        """Free the memory of what was traced, once no further file is made of it."""
        self._traced.clear()

    def converted(self, scheme: Scheme, *, normalizes: bool) -> bytes:
        """Return the file of a scheme whose activations are float, from what was traced."""
        with self.clock.phase(f"convert {scheme.name}"):
            return convert_traced(self._traced[normalizes], scheme)

    def has_float_model(self, pixels: PixelInput) -> bool:
        """Whether a float model was made already."""
        return pixels in self._float_models

    def float_model(self, pixels: PixelInput) -> FloatModel:
        """Return the float model, of fewer ops than what was traced."""
        if pixels not in self._float_models:
            with self.clock.phase("convert float32"):
                content = convert_traced(self._traced[pixels.normalizes], SCHEMES["float32"])
                graph = read_graph(content)
                streamline(graph, takes_pixels=pixels.normalizes, is_exact=not pixels.is_merged)
            spec = self.spec.centered() if self.spec and pixels.normalizes else self.spec
            self._float_models[pixels] = FloatModel(graph, spec, pixels.normalizes, self.layers)
        return self._float_models[pixels]

    def observed(self, pixels: PixelInput) -> Observed:
        """Return a float model's activations over the images that ranges are taken from."""
        if pixels not in self._observed:
            self._observed[pixels] = self._observe(pixels, self.split_images()[0])
        return self._observed[pixels]

    def without_outliers(self, pixels: PixelInput) -> tuple[Pixels, Observed]:
        """Return the images that are like most others, and the activations over them."""
        (fit, _), observed = self.split_images(), self.observed(pixels)
        outliers = outlier_images(observed.extents)
        if not outliers:
            return fit, observed
        self.parent.send(Remark(says_outliers(outliers, len(fit))))
        fit = np.delete(fit, list(outliers), axis=0)
        return fit, self._observe(pixels, fit)

    def _observe(self, pixels: PixelInput, images: Pixels) -> Observed:
        model = self.float_model(pixels)
        with self.clock.phase("calibrate"):
            return observe(
                model.graph,
                images,
                model.spec,
                self.progress("calibrate"),
                watched_tensors(model.graph),
            )

    def doubt(self, pixels: PixelInput, scores: npt.NDArray[np.float32]) -> None:
        """Tell once what seems to be wrong with the input, by the float model's answers to it."""
        images, (_, held_out) = self.images(), self.split_images()
        if self.spec is None or not images.may_doubt or self._has_doubted:
            return
        self._has_doubted = True
        with self.clock.phase("check the input"):
            found = doubts(
                Case(
                    graph=self.float_model(pixels).graph,
                    spec=self.spec,
                    in_graph=pixels.normalizes,
                    images=held_out[: len(scores)],
                    outputs=images.outputs,
                    scores=scores,
                    may_differ=images.may_differ,
                )
            )
        for text in found:
            self.parent.send(Remark(text))

    def images(self) -> CalibrationFile:
        """Return the calibration images, waiting for them the first time."""
        if self._images is None:
            self._images = self.parent.expect(CalibrationFile)
        return self._images

    def split_images(self) -> tuple[Pixels, Pixels]:
        """Return the images to fit to, and those held out."""
        message = self.images()
        images = np.load(message.path, mmap_mode="r", allow_pickle=False)
        count = len(images) - message.held_out
        return images[:count], images[count:]

    def progress(self, phase: str) -> Callable[[int, int], None]:
        """Return what tells the parent how far a phase is."""
        return lambda done, total: self.parent.send(ProgressMade(phase, done, total))


def _described(model: TraceableModel) -> SourceLoaded:
    return SourceLoaded(
        input_shape=model.input_shape,
        output_shape=model.output_shape,
        preprocessing_layer=model.preprocessing_layer,
        preprocessing_factor=model.preprocessing_factor,
        ends_in_softmax=model.ends_in_softmax,
        notes=model.notes,
        versions={"tensorflow": tf.__version__, "keras": version("keras")},
    )


def import_tensorflow() -> None:
    """Import TensorFlow, which takes seconds, and have it say errors alone."""
    tf.constant(0)
    tf.get_logger().setLevel("ERROR")
