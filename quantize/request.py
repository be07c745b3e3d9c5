"""What a call of ``edgecnn.convert`` asks for, checked before any work is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.core.progress import Progress
from edgecnn.data.arrays import NamedArrays, find_arrays
from edgecnn.data.datasets import Dataset, open_dataset, shadowed_name
from edgecnn.data.inputspec import InputSpec
from edgecnn.data.preprocessing import Preprocessing
from edgecnn.importing.input_format import InputFormat, Source
from edgecnn.importing.sources import format_of
from edgecnn.model_metadata.input_tensors import stated_spec
from edgecnn.model_metadata.user_metadata import About
from edgecnn.models.build import IMAGENET
from edgecnn.models.build_options import BuildOptions
from edgecnn.quantize.budget.verdict import check_max_drop
from edgecnn.quantize.calibration.images import check_count
from edgecnn.quantize.output_paths import EndTypes
from edgecnn.quantize.recovery.advice import RECOVERY_LEVELS
from edgecnn.quantize.recovery.steps import steps_left_out
from edgecnn.small_targets.target import SmallTarget
from edgecnn.tflite.ops import PROBABILITY_OPS
from edgecnn.tflite.output_kinds import OutputKind
from edgecnn.tflite.schemes import Scheme
from edgecnn.tflite.target_cpu import DEFAULT_TARGET_CPU, target_cpu

NOTHING_ABOUT = About()


@dataclass(frozen=True)
class Request:
    """A source, the schemes to convert it to, and what the user asked for.

    Args:
        source: What is converted.
        schemes: The schemes of the files to make.
        options: How a registered architecture is built.
        preprocessing: What the user said of the model's preprocessing.
        ends: Element types of the files' inputs and outputs.
        calibrate: Representative data, None if not given.
        samples: How many images of the representative data give the ranges.
        recover: Level of accuracy recovery: ``"off"``, ``"fast"`` or ``"full"``.
        without: Names of recovery's steps that are left out.
        on_progress: Told of each phase.
        max_drop: What int8 may lose, in points; None if there is no budget.
        target: The microcontroller or accelerator that the files are for; None for none.
        about: What the user says of the model, its labels among it.
        weights_sha256: SHA-256 of the weights of a Keras model in memory; its saved file holds the
            time, so that file's hash would never be the same.
        target_cpu: The kind of CPU whose cost table decides which layers stay in float32.
        device: The device whose measured latencies decide instead of the table; None for the table.
        ask_password: Given a question, returns the device's password.
        tasks: What the user says of the outputs: name of an output, empty for the only one -> its
            kind.
        activation: What is put behind a model's logits: ``"softmax"`` or ``"sigmoid"``; None for
            nothing.
    """

    source: Source
    schemes: list[Scheme]
    options: BuildOptions
    preprocessing: Preprocessing
    ends: EndTypes
    calibrate: str | None
    samples: int
    recover: str
    on_progress: Progress
    max_drop: float | None = None
    target: SmallTarget | None = None
    about: About = NOTHING_ABOUT
    weights_sha256: str | None = None
    target_cpu: str = DEFAULT_TARGET_CPU
    device: str | None = None
    ask_password: Callable[[str], str] | None = None
    without: tuple[str, ...] = ()
    tasks: Mapping[str, OutputKind] = field(default_factory=dict)
    activation: str | None = None

    @property
    def format(self) -> InputFormat:
        """The format of the source."""
        return format_of(self.source)

    @property
    def inputs(self) -> list[str | Path]:
        """What is read, as the user named it; some are no files."""
        code = self.source.custom_objects
        named = (self.calibrate, self.options.weights, self.about.labels_file, code)
        return [self.source.name, *(each for each in named if each is not None)]

    @property
    def image_options(self) -> str:
        """The options given that are for models that take images alone; empty without any."""
        given = [
            "--preprocess, --mean or --std" if self.preprocessing.gives_normalization else None,
            self.preprocessing.geometry.given,
            "--input-type uint8" if self.ends.input == "uint8" and self.target is None else None,
        ]
        return " and ".join(each for each in given if each)

    @property
    def all_int8(self) -> bool:
        """Whether no op of an int8 file may compute in float32."""
        return self.ends.all_int8

    @property
    def needs_calibration(self) -> bool:
        """Whether a scheme needs representative data."""
        return any(scheme.is_calibrated for scheme in self.schemes)

    @property
    def weights_origin(self) -> str:
        """``"random"``, ``"imagenet"``, a file, or ``"own"`` for a user's model."""
        return self.format.weights_origin(self.options)

    @property
    def stem(self) -> str:
        """Name of the output files, without the scheme."""
        return self.format.stem(self.source.name, self.options)

    @property
    def classes(self) -> int | None:
        """Number of classes, where it is known before the model is loaded."""
        return self.format.classes(self.source.name, self.options)

    def check(self) -> CheckedRequest:
        """Find what is wrong with the options, and open the data, before any work is done.

        Raises:
            InputError: An option does not fit the source or is missing.
        """
        if self.recover not in RECOVERY_LEVELS:
            raise InputError(
                f"unknown level {self.recover!r} of recovery: choose {', '.join(RECOVERY_LEVELS)}"
            )
        if self.activation not in (None, *PROBABILITY_OPS.values()):
            choices = " or ".join(PROBABILITY_OPS.values())
            raise InputError(f"unknown activation {self.activation!r}: choose {choices}")
        target_cpu(self.target_cpu)
        if self.max_drop is not None:
            self._check_budget(self.max_drop)
        if self.device is not None and not any(scheme.keeps_float for scheme in self.schemes):
            raise InputError("--device decides which layers of int8 stay in float32: leave it out")
        steps_left_out(self.without)
        self.format.check_options(self.source.name, self.options)
        spec = self.format.input_spec(self.source.name, self.options)
        self._check_preprocessing()
        if self.classes is not None:
            self.about.check_classes(self.classes)
        arrays = None if self.calibrate is None or spec is not None else find_arrays(self.calibrate)
        data, no_images = self._open_images(is_sure=arrays is None)
        return CheckedRequest(self, spec, data, tuple(self._warnings(data)), arrays, no_images)

    def _check_budget(self, max_drop: float) -> None:
        check_max_drop(max_drop)
        if self.all_int8:
            option = "--all-int8" if self.target is None else f"--target {self.target.name}"
            raise InputError(f"--max-drop leaves layers in float32, {option} none: choose one")
        if not any(scheme.keeps_float for scheme in self.schemes):
            names = " and ".join(scheme.name for scheme in self.schemes)
            raise InputError(f"--max-drop is for int8, not for {names}: leave it out")
        if self.weights_origin == "random":
            raise InputError("--max-drop needs trained weights: random ones have no accuracy")
        if self.calibrate is None:
            raise InputError(
                "--max-drop needs representative data: --calibrate FOLDER with a few hundred "
                "images that look like what the model will see"
            )

    def _check_preprocessing(self) -> None:
        if self.preprocessing.gives_normalization and self.weights_origin in ("random", "imagenet"):
            raise InputError(
                f"{self.source.name} knows its preprocessing: leave --preprocess, --mean and "
                "--std out"
            )

    def _open_images(self, *, is_sure: bool) -> tuple[Dataset | None, InputError | None]:
        """Open the data as images.

        Args:
            is_sure: Whether the data must be images; else the model's inputs decide, which are not
                known yet.

        Returns:
            The images, and why the data are none where that is not sure.
        """
        if self.calibrate is None:
            self._refuse_missing_data()
            return None, None
        try:
            data = open_dataset(self.calibrate)
        except InputError as error:
            if is_sure:
                raise
            return None, error
        if self.needs_calibration:
            check_count(len(data), self.samples, self.calibrate)
        return data, None

    def _refuse_missing_data(self) -> None:
        if self.needs_calibration and self.weights_origin != "random":
            names = " and ".join(scheme.name for scheme in self.schemes if scheme.is_calibrated)
            raise InputError(
                f"{names} needs representative data: --calibrate FOLDER with a few dozen images "
                "that look like what the model will see"
            )

    def _warnings(self, data: Dataset | None) -> Iterator[str]:
        if self.weights_origin == "random":
            yield "random weights: good for size and latency only (see --weights)"
        if data is not None:
            yield from map(str, data.notes)
        if data is not None and self.needs_calibration and (built_in := shadowed_name(data)):
            yield (
                f"{quoted(str(self.calibrate))} is the folder here, not the built-in data, which "
                f"is {built_in}"
            )


@dataclass(frozen=True)
class CheckedRequest:
    """A request that was checked, and what the check found.

    Args:
        request: The request.
        spec: How pixels become the model's input, where the source alone tells that.
        data: The representative data, opened; None if none was given.
        warnings: What a user should know, one line each.
        arrays: The representative data as arrays, where it can be read like that, for a model whose
            inputs are not known yet.
        no_images: Why the representative data are no images, where they are arrays.
    """

    request: Request
    spec: InputSpec | None
    data: Dataset | None
    warnings: tuple[str, ...]
    arrays: NamedArrays | None = None
    no_images: InputError | None = None

    @property
    def has_samples(self) -> bool:
        """Whether a scheme is calibrated on the user's data, which also prove its file."""
        is_given = self.data is not None or self.arrays is not None
        return self.request.needs_calibration and is_given

    @property
    def geometry_reason(self) -> str:
        """Why images come to the input's size as they do, in plain words."""
        request = self.request
        if request.preprocessing.geometry.given:
            return f"as {request.preprocessing.geometry.given} says"
        if request.weights_origin == IMAGENET:
            return "as the published weights were evaluated"
        described = request.format.described(request.source.name)
        if described is not None and self.spec is not None:
            if stated_spec(described.model) is not None:
                return "as its file says"
            return "as MediaPipe does, which its metadata are for; --resize says otherwise"
        return "as image_dataset_from_directory of Keras does; --resize says otherwise"

    @property
    def calibration_data(self) -> Dataset | None:
        """The data to calibrate with; None where no scheme is calibrated."""
        return self.data if self.request.needs_calibration else None
