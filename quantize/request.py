"""What a call of ``edgecnn.convert`` asks for, checked before any work is done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.core.progress import Progress
from edgecnn.data.datasets import Dataset, open_dataset, shadowed_name
from edgecnn.data.inputspec import InputSpec
from edgecnn.data.preprocessing import Preprocessing
from edgecnn.importing.sources import Source
from edgecnn.model_metadata.user_metadata import About
from edgecnn.models.build_options import BuildOptions
from edgecnn.quantize.budget.verdict import check_max_drop
from edgecnn.quantize.calibration.images import open_calibration
from edgecnn.quantize.recovery.advice import RECOVERY_LEVELS
from edgecnn.quantize.recovery.steps import steps_left_out
from edgecnn.tflite.schemes import Scheme
from edgecnn.tflite.target_cpu import DEFAULT_TARGET_CPU, target_cpu

NOTHING_ABOUT = About()


@dataclass
class Request:
    """One source on its way to files.

    Args:
        source: What is converted.
        schemes: To which schemes.
        options: How a registered architecture is built.
        preprocessing: What the user said of it.
        input_type: As ``--input-type`` has it, None for each scheme's default.
        calibrate: Representative data, None if not given.
        samples: How many images of it.
        recover: ``"off"``, ``"fast"`` or ``"full"``.
        without: Names of recovery's steps that are left out.
        on_progress: Told of each phase.
        max_drop: What int8 may lose, in points; None if there is no budget.
        all_int8: Whether no layer of an int8 file may stay in float32.
        about: What the user says of the model, its labels among it.
        weights_sha256: Of a Keras model in memory, whose saved file says nothing.
        target_cpu: The kind of CPU for which it is decided what stays in float32.
        device: The device that measures that instead, None for the CPU's table.
        ask_password: Given a question, returns the device's password.

    ``check`` opens the data: ``dataset`` to calibrate with, ``named`` for its class names alone.

    Raises:
        InputError: From ``check``, if an option does not fit the source or is missing.
    """

    source: Source
    schemes: list[Scheme]
    options: BuildOptions
    preprocessing: Preprocessing
    input_type: str | None
    calibrate: str | None
    samples: int
    recover: str
    on_progress: Progress
    max_drop: float | None = None
    all_int8: bool = False
    about: About = NOTHING_ABOUT
    weights_sha256: str | None = None
    target_cpu: str = DEFAULT_TARGET_CPU
    device: str | None = None
    ask_password: Callable[[str], str] | None = None
    without: tuple[str, ...] = ()
    dataset: Dataset | None = None
    named: Dataset | None = None
    spec: InputSpec | None = None
    warnings: list[str] = field(default_factory=list)

    @property
    def is_registered(self) -> bool:
        """Whether the source is an architecture's name."""
        return self.source.kind == "registered"

    @property
    def needs_calibration(self) -> bool:
        """Whether a scheme needs representative data."""
        return any(scheme.is_calibrated for scheme in self.schemes)

    @property
    def weights_origin(self) -> str:
        """``"random"``, ``"imagenet"``, a file, or ``"own"`` for a user's model."""
        if not self.is_registered:
            return "own"
        return "random" if self.options.weights in (None, "none") else str(self.options.weights)

    @property
    def stem(self) -> str:
        """Name of the output files, without the scheme."""
        parts = [self.source.stem]
        if self.options.alpha != 1.0:
            parts.append(f"{self.options.alpha:g}")
        if self.is_registered and self.options.size:
            parts.append("x".join(str(side) for side in dict.fromkeys(self.options.size)))
        return "_".join(parts)

    @property
    def classes(self) -> int | None:
        """Number of classes, where it is known before the model is built."""
        if not self.is_registered:
            return None
        from edgecnn.models.registry import get_spec

        return self.options.classes or get_spec(self.source.name).classes

    def check(self) -> None:
        """Find what is wrong with the options, and open the data, before any work is done."""
        if self.recover not in RECOVERY_LEVELS:
            raise InputError(
                f"unknown level {self.recover!r} of recovery: choose {', '.join(RECOVERY_LEVELS)}"
            )
        target_cpu(self.target_cpu)
        if self.max_drop is not None:
            self._check_budget(self.max_drop)
        if self.device is not None and not any(scheme.keeps_float for scheme in self.schemes):
            raise InputError("--device decides which layers of int8 stay in float32: leave it out")
        steps_left_out(self.without)
        if self.is_registered:
            self.options.check(self.source.name)
        else:
            self.options.refuse_for_file(quoted(self.source.name))
        if self.is_registered:
            self._check_registered()
        if self.classes is not None:
            self.about.check_classes(self.classes)
        if self.needs_calibration:
            self._check_calibration()
        elif self.calibrate is not None:
            self.named = open_dataset(self.calibrate)

    def _check_budget(self, max_drop: float) -> None:
        check_max_drop(max_drop)
        if self.all_int8:
            raise InputError("--max-drop leaves layers in float32, --all-int8 none: choose one")
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

    def _check_registered(self) -> None:
        from edgecnn.models.build import input_spec

        self.spec = input_spec(self.source.name, self.options.size)
        if self.weights_origin == "random":
            self.warnings.append("random weights: good for size and latency only (see --weights)")
        if self.preprocessing.is_given and self.weights_origin in ("random", "imagenet"):
            raise InputError(
                f"{self.source.name} knows its preprocessing: leave --preprocess, --mean and "
                "--std out"
            )

    def _check_calibration(self) -> None:
        if self.calibrate is not None:
            self.dataset = open_calibration(self.calibrate, self.samples)
            if built_in := shadowed_name(self.dataset):
                self.warnings.append(
                    f"{quoted(self.calibrate)} is the folder here, not the built-in data, which "
                    f"is {built_in}"
                )
        elif self.weights_origin != "random":
            names = " and ".join(scheme.name for scheme in self.schemes if scheme.is_calibrated)
            raise InputError(
                f"{names} needs representative data: --calibrate FOLDER with a few dozen images "
                "that look like what the model will see"
            )
