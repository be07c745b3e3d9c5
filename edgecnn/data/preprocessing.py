"""What a user says of a model's preprocessing: ``--preprocess``, or ``--mean`` and ``--std``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgecnn.core.errors import InputError
from edgecnn.data.inputspec import PREPROCESSING, InputSpec, custom, preset


@dataclass(frozen=True)
class Preprocessing:
    """What the user said: a preset's name, or mean and std in units of a pixel, or nothing."""

    preset: str | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None

    @classmethod
    def of(
        cls, preset: str | None, mean: Sequence[float] | None, std: Sequence[float] | None
    ) -> Preprocessing:
        """Check the options against each other.

        Raises:
            InputError: The preset is not known or comes with ``--mean``, or one of mean and std is
                missing.
        """
        if preset is not None and preset not in PREPROCESSING:
            choices = ", ".join(PREPROCESSING)
            raise InputError(f"unknown preprocessing {preset!r}: choose {choices}")
        if preset is not None and (mean is not None or std is not None):
            raise InputError("give --preprocess or --mean and --std, not both")
        if (mean is None) != (std is None):
            raise InputError("--mean and --std go together: give both")
        return cls(
            preset, None if mean is None else tuple(mean), None if std is None else tuple(std)
        )

    @property
    def is_given(self) -> bool:
        """Whether the user said anything."""
        return self.preset is not None or self.mean is not None

    def spec(self, height: int, width: int, channels: int) -> InputSpec | None:
        """Return the InputSpec that the user described; None where the user said nothing."""
        if self.mean is not None and self.std is not None:
            return custom(self.mean, self.std, height, width, channels)
        if self.preset is not None:
            return preset(self.preset, height, width, channels)
        return None


def unknown_preprocessing(label: str) -> InputError:
    """Return the error for a model whose preprocessing is not known; it lists the choices."""
    return InputError(
        f"{label}: how its images were normalised can't be known from the file: say "
        f"--preprocess {'|'.join(PREPROCESSING)} (tf: [-1, 1]; torch: ImageNet mean and "
        "deviation; caffe: BGR less the mean; unit: [0, 1]; raw: 0..255) or --mean and --std"
    )
