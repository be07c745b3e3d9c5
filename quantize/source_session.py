"""A source from the parent's side: drive a child up to the calibration images.

What the child does after that, making files or measuring layers, is up to the session of that work.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edgecnn.accuracy.output_labels import ModelOutputs, OutputLabels
from edgecnn.core.child import ChildProcess, module_command
from edgecnn.core.errors import EdgecnnError, InputError
from edgecnn.core.files import quoted
from edgecnn.data.arrays import InputWanted
from edgecnn.data.inputspec import InputSpec, preset
from edgecnn.data.preprocessing import unknown_preprocessing
from edgecnn.importing.built_in_preprocessing import (
    describe_preprocessing,
    preprocessing_doubts,
    what_it_takes,
)
from edgecnn.importing.environment import CHILD_ENVIRONMENT
from edgecnn.importing.model_inputs import image_shape, shapes_text
from edgecnn.models.remembered_input import layer_name_of
from edgecnn.quantize.calibration.images import (
    MOST_HELD_OUT,
    MOST_HELD_OUT_FOR_BUDGET,
    CalibrationSamples,
    HeldOutLabels,
    draw_arrays,
    held_out_labels,
    load_calibration,
    noise_images,
    pixel_warnings,
)
from edgecnn.quantize.calibration.measured_reading import ReadingMeasured
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
from edgecnn.quantize.request import CheckedRequest
from edgecnn.tflite.output_kinds import SCORE_KINDS, JudgedOutput, judge_outputs
from edgecnn.tflite.output_outline import ModelOutline


class SourceSession:
    """The parent's side of a child that loads a source.

    Args:
        checked: What is asked for.
        scratch: A folder for the child's own files.

    Raises:
        InputError: The model or its calibration data cannot be used.
        ChildCrashedError: The child crashed.
    """

    def __init__(self, checked: CheckedRequest, scratch: Path) -> None:
        self.request, self.checked = checked.request, checked
        self.warnings = list(checked.warnings)
        self.spec = checked.spec
        self._scratch = scratch
        self._source: SourceLoaded | None = None
        self._measured = ReadingMeasured()
        self.calibration: CalibrationSamples | None = None
        self.judged_outputs: tuple[JudgedOutput, ...] = ()

    @property
    def source(self) -> SourceLoaded:
        """What the child loaded."""
        assert self._source is not None
        return self._source

    @property
    def image_shape(self) -> tuple[int, int, int] | None:
        """(height, width, channels) in pixels of the images that go in; None for other inputs."""
        shape = image_shape(self.source.inputs)
        return None if shape is None or self._goes_in_as_it_is else shape

    @property
    def _goes_in_as_it_is(self) -> bool:
        """Whether the data holds arrays that are no pixels, called as the inputs are."""
        checked = self.checked
        arrays, names = checked.arrays, [tensor.name for tensor in self.source.inputs]
        return checked.no_images is not None and arrays is not None and arrays.has_all(names)

    @property
    def outputs(self) -> int:
        """Number of values in the model's only answer; 0 where it has several."""
        outputs = self.source.outputs
        return math.prod(outputs[0].shape[1:]) if len(outputs) == 1 else 0

    @property
    def given_labels(self) -> OutputLabels:
        """Labels of the model's outputs that the user gave."""
        about = self.request.about
        return OutputLabels(about.labels or (), f"the labels in {about.labels_from}")

    @property
    def output_labels(self) -> OutputLabels:
        """Labels of the model's outputs, as far as they are known before images are looked at."""
        return self.given_labels

    def start(self, module: str, task: str, *, images: int = 0) -> ChildProcess:
        """Start a child and tell it what to load.

        Args:
            module: The child's program.
            task: What the child does, for error messages: ``"converting 'model.keras'"``.
            images: How many images to measure sensitivity on.
        """
        request = self.request
        command = module_command(module)
        child = ChildProcess(command, task=task, environment=CHILD_ENVIRONMENT)
        child.send(
            LoadSource(
                source=request.source,
                options=request.options,
                scratch=str(self._scratch),
                images=images,
            )
        )
        return child

    def handle(self, child: ChildProcess, message: object) -> None:
        """Do what a message asks for."""
        match message:
            case PhaseBegun():
                self.request.on_progress(message.phase, 0, 0)
            case ProgressMade():
                self.request.on_progress(message.phase, message.done, message.total)
            case Remark():
                self.warnings.append(message.text)
            case SourceLoaded():
                self._source = message
                if self._is_to_be_measured:
                    child.send(self._measurement())
                else:
                    self._let_trace(child)
            case ReadingMeasured():
                self._measured = message
                self._let_trace(child)
            case SourceTraced():
                self._let_make(child, message.outline)

    @property
    def _is_to_be_measured(self) -> bool:
        """Whether the model's answers to images may tell its preprocessing, and nothing else does.

        Random weights tell nothing.
        """
        shape, may_tell = self.image_shape, self.request.weights_origin != "random"
        is_classifier = self.outputs > 1 and len(self.source.inputs) == 1
        has_images = self.checked.calibration_data is not None and self.checked.no_images is None
        if shape is None or not (may_tell and is_classifier and has_images):
            return False
        return self._stated_spec(shape) is None

    def _measurement(self) -> MeasureReading:
        """Draw images, and ask for a measurement on them."""
        assert self.image_shape is not None
        height, width, channels = self.image_shape
        pixels = self.request.preprocessing.placed(preset("raw", height, width, channels))
        calibration = self.calibration = self._images(pixels)
        of_all = dataclasses.replace(calibration, held_out=calibration.count)
        outputs = self._labels_of(of_all, self.given_labels).outputs
        (path,) = self._saved(calibration)
        return MeasureReading(str(path), outputs)

    def _let_trace(self, child: ChildProcess) -> None:
        """Tell the child how pixels go in; decode the images while it traces and converts."""
        shape = self.image_shape
        if shape is None:
            self._refuse_image_options()
        spec = self.spec = None if shape is None else self._input_spec(shape)
        child.send(TraceSource(spec, self.normalizes_in_graph, self.request.activation))
        if self.request.needs_calibration:
            # Images are there already where preprocessing was measured on them.
            if self.calibration is None:
                self.calibration = self._arrays() if spec is None else self._images(spec)
            self.check_calibration(self.calibration)

    def _let_make(self, child: ChildProcess, outline: ModelOutline) -> None:
        """Tell the child what the outputs are, what it is to make, and where the samples are."""
        self.judge_outputs(outline)
        child.send(FilesToMake(self.judged_outputs, tuple(self.files_to_make())))
        if self.calibration is not None:
            child.send(self._calibration_file(self.calibration))

    def judge_outputs(self, outline: ModelOutline) -> None:
        """Find out what each output of the model is."""
        self.judged_outputs = judge_outputs(outline, self.request.tasks, self._known_classes)

    @property
    def gives_scores(self) -> bool:
        """Whether the model's only answer is a row of scores of names."""
        return len(self.judged_outputs) == 1 and self.judged_outputs[0].kind in SCORE_KINDS

    @property
    def _known_classes(self) -> int | None:
        """Number of the model's classes where something says that its answer is of classes."""
        if self.output_labels.names:
            return len(self.output_labels.names)
        # A model of edgecnn.build remembers its input, and what it builds are classifiers.
        is_built = self.request.classes is not None or self.source.spec is not None
        data = self.checked.data
        # Some models have an output for the background beside those of the classes.
        of_data = data is not None and data.classes in (self.outputs, self.outputs - 1)
        return self.outputs if is_built or of_data else None

    def files_to_make(self) -> Sequence[FileToMake]:
        """Return the files that the child is to make."""
        return ()

    def check_calibration(self, calibration: CalibrationSamples) -> None:
        """Refuse images that are too few for what is asked for."""

    def _refuse_image_options(self) -> None:
        """Raise InputError if an option is given that is for models that take images alone."""
        given = self.request.image_options
        if given:
            raise InputError(
                f"{given} is for images, and {quoted(self.request.source.name)} takes "
                f"{shapes_text(self.source.inputs)}: leave it out"
            )

    def _input_spec(self, shape: tuple[int, int, int]) -> InputSpec | None:
        height, width, channels = shape
        if len(self.source.inputs[0].shape) < 4:
            self.warnings.append(
                f"its input {shapes_text(self.source.inputs)} is taken for a grey image without a "
                "channel; an array of that name as --calibrate goes in as it is"
            )
        request, channel_map = self.request, self.source.channel_map
        users, known = request.preprocessing.spec(height, width, channels), self.known_spec
        if users and known and users != known.with_geometry(users.geometry):
            self.warnings.append(
                f"--preprocess contradicts {self._known_by}, and is taken: the model was trained "
                "like that, or leave it out"
            )
        spec = self._stated_spec(shape) or self._measured_spec(shape)
        if spec is not None:
            if channel_map is not None:
                self.warnings += preprocessing_doubts(channel_map, spec)
            return request.preprocessing.placed(spec)
        if request.needs_calibration or request.preprocessing.geometry.given:
            reasons = (self.built_in_preprocessing, self._measured.evidence)
            known_of_it = "; ".join(filter(None, reasons))
            raise unknown_preprocessing(quoted(request.source.name), known_of_it)
        self.warnings.append(
            "its preprocessing is not known and not in the file: --preprocess puts it there"
        )
        return None

    def _stated_spec(self, shape: tuple[int, int, int]) -> InputSpec | None:
        """Return the input as the user says it, or the model by its file or its first ops."""
        spec = self.request.preprocessing.spec(*shape) or self.known_spec
        channel_map = self.source.channel_map
        takes = None if channel_map is None else what_it_takes(channel_map)
        if spec is None and takes is not None and takes.preset is not None:
            return preset(takes.preset, *shape)
        return spec

    def _measured_spec(self, shape: tuple[int, int, int]) -> InputSpec | None:
        """Return the input that was measured, and say so; None where nothing was clear."""
        name, evidence = self._measured.preset, self._measured.evidence
        if name is None:
            return None
        self.warnings.append(
            f"nothing says how its images were normalised, so that was measured: {evidence}. "
            f"Taken as --preprocess {name}: say another, or --mean and --std, if that is not right"
        )
        return preset(name, *shape)

    @property
    def built_in_preprocessing(self) -> str | None:
        """What the model does to pixels by itself, in one line; None where nothing is known."""
        channel_map = self.source.channel_map
        if channel_map is None or self.image_shape is None:
            return None
        return describe_preprocessing(channel_map)

    @property
    def known_spec(self) -> InputSpec | None:
        """What the source says that it takes of images: by its name, or by itself."""
        spec = self.checked.spec or self.source.spec
        # A file's metadata describe the images of its first graph, and a signature may have others.
        return spec if spec is not None and spec.shape == self.image_shape else None

    @property
    def _known_by(self) -> str:
        """What :attr:`known_spec` is known by, in words."""
        if self.checked.spec is None and self.source.spec is not None:
            return f"the model's own layer {layer_name_of(self.source.spec)!r}"
        return "what the model says of its images"

    @property
    def geometry_reason(self) -> str:
        """Why images come to the input's size as they do, in plain words."""
        is_said = self.request.preprocessing.geometry.given or self.checked.spec
        if is_said or not self.source.spec:
            return self.checked.geometry_reason
        return "as it was built"

    @property
    def normalizes_in_graph(self) -> bool:
        """Whether the file's graph normalises pixels.

        The one scale and zero point of a uint8 input can express [-1, 1] or [0, 1], but neither a
        mean for each channel nor BGR, and app libraries refuse a float input that wants those. The
        graph normalises pixels in these cases.
        """
        return self.spec is not None and not self.spec.is_uniform

    @property
    def input_of_files(self) -> InputSpec | None:
        """How pixels become the input of a file of this source."""
        return self.spec.centered() if self.spec and self.normalizes_in_graph else self.spec

    def _arrays(self) -> CalibrationSamples:
        """Return samples of inputs that are no images."""
        inputs = [InputWanted(x.name, x.shape[1:], x.dtype) for x in self.source.inputs]
        if self.checked.arrays is None:
            raise InputError(
                f"{quoted(self.request.source.name)} takes no images but "
                f"{shapes_text(self.source.inputs)}: --calibrate an .npz, or a folder of .npy "
                "files, with an array of that name, the samples first"
            )
        return draw_arrays(self.checked.arrays, inputs, self.request.samples, self._most_held_out)

    @property
    def _most_held_out(self) -> int:
        return MOST_HELD_OUT if self.request.max_drop is None else MOST_HELD_OUT_FOR_BUDGET

    def _images(self, spec: InputSpec) -> CalibrationSamples:
        if self.checked.no_images is not None:
            names = " and ".join(quoted(tensor.name) for tensor in self.source.inputs)
            raise InputError(f"{self.checked.no_images}; an array called {names} goes in as it is")
        data = self.checked.calibration_data
        if data is None:
            return noise_images(spec)
        if self.calibration is not None:  # The input was measured on them.
            pixel_warnings(self.calibration.images, spec)
            return self.calibration

        def report(done: int, total: int) -> None:
            self.request.on_progress("read images", done, total)

        return load_calibration(data, self.request.samples, spec, report, self._most_held_out)

    def _calibration_file(self, calibration: CalibrationSamples) -> CalibrationFile:
        labels = HeldOutLabels()
        if self.gives_scores:
            labels = self._labels_of(calibration, self.output_labels)
        self.warnings += labels.warnings
        return CalibrationFile(
            paths=tuple(map(str, self._saved(calibration))),
            held_out=calibration.held_out,
            outputs=labels.outputs,
            # Random weights tell nothing of an input, and published weights were trained as their
            # makers say.
            may_doubt=self.request.weights_origin != "random",
            may_differ=self.request.weights_origin != "imagenet",
        )

    def _labels_of(self, calibration: CalibrationSamples, outputs: OutputLabels) -> HeldOutLabels:
        if not calibration.are_images or self.outputs < 2:
            return HeldOutLabels()
        model = ModelOutputs(self.outputs, outputs)
        return held_out_labels(self.checked.calibration_data, calibration, model)

    def _saved(self, calibration: CalibrationSamples) -> list[Path]:
        """Save the samples for the child: a pipe would block until the child reads it."""
        paths = []
        for number, (samples, tensor) in enumerate(
            zip(calibration.arrays, self.source.inputs, strict=True)
        ):
            path = self._scratch / f"calibration_{number}.npy"
            try:
                # A model may take grey images without a channel.
                np.save(path, samples.reshape(len(samples), *tensor.shape[1:]))
            except OSError as error:
                raise EdgecnnError(
                    f"cannot write {samples.nbytes} bytes of calibration samples to "
                    f"{quoted(self._scratch.parent)}: {error}"
                ) from error
            paths.append(path)
        return paths
