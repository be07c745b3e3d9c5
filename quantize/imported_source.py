"""A source in the child: loaded, traced, as a float model, and its activations over the images."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from edgecnn.core.lazy import LazyModule
from edgecnn.core.parent_pipe import ParentPipe
from edgecnn.core.text import sample_noun
from edgecnn.data.inputspec import InputSpec
from edgecnn.importing.float_model import FloatModel
from edgecnn.importing.graphs.final_activation import append_activation
from edgecnn.importing.input_format import LoadedModel, LoadOptions
from edgecnn.importing.layer_names import TracedLayer
from edgecnn.importing.sources import format_of
from edgecnn.quantize.calibration.input_doubts import InputCase, input_doubts
from edgecnn.quantize.calibration.input_reading import measure_reading
from edgecnn.quantize.calibration.measured_reading import ReadingMeasured
from edgecnn.quantize.calibration.outlier_images import describe_outliers, outlier_images
from edgecnn.quantize.calibration.ranges import ObservedActivations, observe_activations
from edgecnn.quantize.messages import (
    CalibrationFile,
    FilesToMake,
    FileToMake,
    LoadSource,
    MeasureReading,
    PhaseBegun,
    ProgressMade,
    Remark,
    SourceLoaded,
    SourceTraced,
    TraceSource,
)
from edgecnn.quantize.recovery.channel_groups import watched_tensors
from edgecnn.quantize.rewriting.streamlining import streamline
from edgecnn.quantize.stage_times import PhaseClock
from edgecnn.tflite.graph import Graph
from edgecnn.tflite.numbers import FLOAT16
from edgecnn.tflite.output_kinds import JudgedOutput
from edgecnn.tflite.output_outline import outline_of_graph
from edgecnn.tflite.schemes import Scheme
from edgecnn.tflite.tensors_and_ops import Array

tf = LazyModule("tensorflow", extra="convert")

Samples = tuple[Array, ...]
"""Samples for each input of a model: uint8 pixels of a model that takes images, else what the
input takes; shape (samples, *shape of the input without the batch)."""


class PixelInput(NamedTuple):
    """How a float graph takes pixels.

    Args:
        normalizes: Whether the graph normalises pixels, as one mean and one deviation cannot.
        is_merged: Whether the normalisation is folded into the first convolution; at the padded
            border of a map this changes results by less than one int8 step.
        is_apart: Whether the normalisation stays apart from the first convolution everywhere.
    """

    normalizes: bool
    is_merged: bool
    is_apart: bool = False

    @classmethod
    def of(cls, scheme: Scheme, *, normalizes: bool) -> PixelInput:
        """Return how the float graph that a scheme's file is made of takes pixels."""
        # Rounding what normalises acts on the pixels, and not on their distance from the mean.
        is_apart = scheme.weights is FLOAT16
        return cls(normalizes, is_merged=normalizes and scheme.is_coarse, is_apart=is_apart)


class ImportedSource:
    """One source on its way to float models.

    Args:
        parent: The pipe to the parent process.
        job: What to load.
    """

    def __init__(self, parent: ParentPipe, job: LoadSource) -> None:
        self.parent, self.job = parent, job
        self.clock = PhaseClock(lambda name: parent.send(PhaseBegun(name)))
        self.layers: Mapping[str, TracedLayer] = {}
        self.spec: InputSpec | None = None
        self.normalizes = False
        """Whether the graph normalises pixels by itself."""
        self.outputs: tuple[JudgedOutput, ...] = ()
        """What each output of the model is, in the model's own order."""
        self._model: LoadedModel | None = None
        self._float_graph: Graph | None = None
        self._float_models: dict[PixelInput, FloatModel] = {}
        self._observed: dict[tuple[PixelInput, bool], ObservedActivations] = {}
        self._images: CalibrationFile | None = None
        self._has_doubted = False
        self._remarks: set[str] = set()

    def load(self) -> None:
        """Load the source and describe it to the parent."""
        job, asked = self.job, self.job.options
        input_format = format_of(job.source)
        # Nearly all that is made until there is a graph stays: looking for garbage in a million
        # objects again and again took a fifth of TensorFlow's import, and of loading.
        gc.disable()
        if input_format.needs_tensorflow:
            with self.clock.phase("import"):
                import_tensorflow()
        with self.clock.phase("load"):
            options = LoadOptions(asked.size, asked.arguments(), self.progress("download"))
            self._model = input_format.load(job.source, options)
        self.layers = self._model.layers
        versions = importer_versions() if input_format.needs_tensorflow else {}
        self.parent.send(_described(self._model, versions))

    def trace(self) -> None:
        """Make the float32 graph as the parent's message says, and describe its ends to the parent.

        Where the parent does not know how pixels go in, it asks for a measurement first.

        Raises:
            ConversionError: TensorFlow's converter refuses the model.
            InputError: Softmax or sigmoid is asked for, and the model cannot have it.
        """
        model, graph = self._model, None
        assert model is not None
        message: object = self.parent.expect(MeasureReading, TraceSource)
        if isinstance(message, MeasureReading):
            graph = self._converted(model, None)
            self.parent.send(self._measured(graph, message))
            message = self.parent.expect(TraceSource)
        assert isinstance(message, TraceSource)
        self.spec, self.normalizes = message.spec, message.normalizes
        names = [tensor.name for tensor in model.outputs]
        if graph is None or self.normalizes:
            graph = self._converted(model, self.spec if self.normalizes else None)
        if message.activation is not None:
            append_activation(graph, message.activation)
        if not model.has_signatures:
            graph.name_call([tensor.name for tensor in model.inputs], names)
        self._float_graph = graph
        # The graph holds the weights now, and one copy of the weights is enough.
        del model
        self._model = None
        gc.enable()
        gc.collect()
        self.parent.send(SourceTraced(outline_of_graph(graph, names)))

    def _converted(self, model: LoadedModel, normalization: InputSpec | None) -> Graph:
        with self.clock.phase("convert float32"):
            return model.float_graph(normalization)

    def _measured(self, graph: Graph, asked: MeasureReading) -> ReadingMeasured:
        """Measure which preprocessing the model was trained with."""
        images = np.load(asked.path, mmap_mode="r", allow_pickle=False)
        with self.clock.phase("measure the preprocessing"):
            return measure_reading(graph, images, asked.outputs)

    def files_to_make(self) -> tuple[FileToMake, ...]:
        """Wait for the parent's message of what the outputs are and what is to be made."""
        message = self.parent.expect(FilesToMake)
        self.outputs = message.outputs
        return message.files

    def float_model(self, pixels: PixelInput) -> FloatModel:
        """Return the float model, which has fewer ops than the traced graph."""
        if pixels not in self._float_models:
            with self.clock.phase("streamline"):
                assert self._float_graph is not None
                graph = self._float_graph.copy()
                streamline(
                    graph,
                    takes_pixels=pixels.normalizes,
                    is_exact=not pixels.is_merged,
                    is_apart=pixels.is_apart,
                )
            spec = self.spec.centered() if self.spec and pixels.normalizes else self.spec
            self._float_models[pixels] = FloatModel(graph, spec, pixels.normalizes, self.layers)
        return self._float_models[pixels]

    def observed(self, pixels: PixelInput, *, of_all: bool = False) -> ObservedActivations:
        """Return a float model's activations over the samples that ranges are taken from.

        Args:
            pixels: How the float model takes pixels.
            of_all: Whether samples are used that are held out for a comparison, as there is none.
        """
        key = (pixels, of_all)
        if key not in self._observed:
            fit, held_out = self.split_samples()
            pairs = zip(fit, held_out, strict=True)
            samples = tuple(map(np.concatenate, pairs)) if of_all else fit
            self._observed[key] = self._observe(pixels, samples)
        return self._observed[key]

    def without_outliers(self, pixels: PixelInput) -> tuple[Samples, ObservedActivations]:
        """Return the samples that are like most others, and the activations over them."""
        (fit, _), observed = self.split_samples(), self.observed(pixels)
        outliers = outlier_images(observed.extents)
        if not outliers:
            return fit, observed
        self.parent.send(Remark(describe_outliers(outliers, len(fit[0]), self.samples_are)))
        fit = tuple(np.delete(each, list(outliers), axis=0) for each in fit)
        return fit, observed.without_images(outliers)

    def _observe(self, pixels: PixelInput, samples: Samples) -> ObservedActivations:
        model = self.float_model(pixels)
        with self.clock.phase("calibrate"):
            return observe_activations(
                model.graph,
                samples,
                model.spec,
                self.progress("calibrate"),
                watched_tensors(model.graph),
            )

    def report_input_doubts(self, pixels: PixelInput, scores: npt.NDArray[np.float32]) -> None:
        """Tell the parent, once, what seems to be wrong with the input, judged by the scores."""
        images, (_, held_out) = self.calibration_file(), self.split_samples()
        if self.spec is None or not images.may_doubt or self._has_doubted:
            return
        self._has_doubted = True
        with self.clock.phase("check the input"):
            doubts = input_doubts(
                InputCase(
                    graph=self.float_model(pixels).graph,
                    spec=self.spec,
                    in_graph=pixels.normalizes,
                    images=held_out[0][: len(scores)],
                    outputs=images.outputs,
                    scores=scores,
                    may_differ=images.may_differ,
                )
            )
        for doubt in doubts:
            self.parent.send(Remark(doubt))

    @property
    def samples_are(self) -> str:
        """What messages call the samples."""
        return f"{sample_noun(are_images=self.spec is not None)}s"

    def remark_once(self, text: str) -> None:
        """Tell the parent something that a user should read, unless it was told before."""
        if text not in self._remarks:
            self._remarks.add(text)
            self.parent.send(Remark(text))

    def calibration_file(self) -> CalibrationFile:
        """Return where the calibration samples are, waiting for them the first time."""
        if self._images is None:
            self._images = self.parent.expect(CalibrationFile)
        return self._images

    def split_samples(self) -> tuple[Samples, Samples]:
        """Return the samples to fit to, and the held-out samples."""
        message = self.calibration_file()
        arrays = [np.load(path, mmap_mode="r", allow_pickle=False) for path in message.paths]
        count = len(arrays[0]) - message.held_out
        return tuple(each[:count] for each in arrays), tuple(each[count:] for each in arrays)

    def progress(self, phase: str) -> Callable[[int, int], None]:
        """Return a function that tells the parent how far a phase is."""
        return lambda done, total: self.parent.send(ProgressMade(phase, done, total))


def importer_versions() -> dict[str, str]:
    """Return the versions of what models are imported with."""
    from importlib.metadata import version

    return {"tensorflow": tf.__version__, "keras": version("keras")}


def _described(model: LoadedModel, versions: dict[str, str]) -> SourceLoaded:
    return SourceLoaded(
        inputs=model.inputs,
        outputs=model.outputs,
        channel_map=model.float_graph.channel_map(),
        notes=model.notes,
        versions=versions,
        spec=model.spec,
    )


def import_tensorflow() -> None:
    """Import TensorFlow, which takes seconds, and have it log errors alone."""
    tf.constant(0)
    tf.get_logger().setLevel("ERROR")
    # Its objects stay to the end, and are not looked at again.
    gc.freeze()
