"""What a user says of a model's preprocessing: its normalisation, and the images' geometry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgecnn.core.errors import InputError
from edgecnn.data.geometry import GeometryOptions
from edgecnn.data.inputspec import PREPROCESSING, InputSpec, custom, preset

NO_GEOMETRY_GIVEN = GeometryOptions()
"""What stands for a user who says nothing of the geometry."""


@dataclass(frozen=True)
class Preprocessing:
    """What the user said of how an image becomes input.

    Args:
        preset: Name of a normalisation, one of ``PREPROCESSING``; None where the user did not say
            it.
        mean: One mean, or one for each channel, in units of a pixel (0..255); None likewise.
        std: Deviation that goes with ``mean``.
        geometry: What the user said of the geometry.
    """

    preset: str | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    geometry: GeometryOptions = NO_GEOMETRY_GIVEN

    @classmethod
    def of(
        cls,
        preset: str | None = None,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        resize: str | None = None,
        crop_fraction: float | None = None,
        interpolation: str | None = None,
    ) -> Preprocessing:
        """Check the options against each other.

        Args:
            preset: ``--preprocess``.
            mean: ``--mean``.
            std: ``--std``.
            resize: ``--resize``.
            crop_fraction: ``--crop-fraction``.
            interpolation: ``--interpolation``.

        Raises:
            InputError: A name is not known, the preset comes with ``--mean``, one of mean and std
                is missing, or options of the geometry contradict each other.

        Example:
            >>> Preprocessing.of("tf", resize="crop").spec(224, 224, 3).crop_fraction
            0.875
        """
        if preset is not None and preset not in PREPROCESSING:
            choices = ", ".join(PREPROCESSING)
            raise InputError(f"unknown preprocessing {preset!r}: choose {choices}")
        if preset is not None and (mean is not None or std is not None):
            raise InputError("give --preprocess or --mean and --std, not both")
        if (mean is None) != (std is None):
            raise InputError("--mean and --std go together: give both")
        return cls(
            preset,
            None if mean is None else tuple(mean),
            None if std is None else tuple(std),
            GeometryOptions(resize, crop_fraction, interpolation),
        )

    @property
    def gives_normalization(self) -> bool:
        """Whether the user said how pixels are normalised."""
        return self.preset is not None or self.mean is not None

    def spec(self, height: int, width: int, channels: int) -> InputSpec | None:
        """Return the InputSpec that the user described; None where normalisation was not said.

        Where the user did not say the geometry, it is that of ``KERAS_LOADER``.
        """
        if self.mean is not None and self.std is not None:
            return self.placed(custom(self.mean, self.std, height, width, channels))
        if self.preset is not None:
            return self.placed(preset(self.preset, height, width, channels))
        return None

    def placed(self, spec: InputSpec) -> InputSpec:
        """Return an input whose images come to its size as the user said."""
        return spec.with_geometry(self.geometry.applied_to(spec.geometry))

    def check_geometry(self, spec: InputSpec, label: str) -> None:
        """Raise InputError where the user said another geometry than a file does.

        Args:
            spec: The input as the file describes it.
            label: The file's name for the message.
        """
        if self.placed(spec) != spec:
            raise InputError(
                f"{label} says itself how images come to its size: {spec.geometry_text}; "
                f"{self.geometry.given} contradicts it: leave it out, or convert the model with it"
            )


def unknown_preprocessing(label: str, known: str | None = None) -> InputError:
    """Return the error for a model whose preprocessing is not known; it lists the choices.

    Args:
        label: The model's name.
        known: What is known of it all the same, in one line; None for nothing.
    """
    reason = f": {known}" if known else ""
    return InputError(
        f"{label}: how its images were normalised can't be known from the file{reason}: say "
        f"--preprocess {'|'.join(PREPROCESSING)} (tf: [-1, 1]; torch: ImageNet mean and "
        "deviation; caffe: BGR less the mean; unit: [0, 1]; raw: 0..255) or --mean and --std"
    )
