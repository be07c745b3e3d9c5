"""Which part of an image a model gets to see, and how that part comes to the model's size.

Models are trained and evaluated with different customs, and an image that is cut in another way
than the model knows it costs accuracy without any error.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from numbers import Real

from edgecnn.core.errors import InputError

STRETCH, CROP, PAD = "stretch", "crop", "pad"

NO_ANTIALIAS = "bilinear-no-antialias"
"""Bilinear interpolation between the four nearest pixels, however much an image shrinks: what
``tf.image.resize`` and Android's ``createScaledBitmap`` do."""

ASYMMETRIC = "bilinear-asymmetric"
"""Bilinear interpolation at ``i x scale``, not between the centres of pixels, as MediaPipe's tasks
have it on a CPU; ONNX calls such coordinates asymmetric. A shrinking image moves a little."""

SAMPLED = (NO_ANTIALIAS, ASYMMETRIC)
"""Filters that look at four pixels only."""

INTERPOLATIONS = ("nearest", "bilinear", "bicubic", *SAMPLED)
"""The filters. ``bilinear`` and ``bicubic`` are Pillow's, which widen as an image shrinks."""

PAD_LEVEL = 0
"""Level of the borders that ``pad`` adds: black, as Keras and MediaPipe have it."""


@dataclass(frozen=True)
class Geometry:
    """How an image of any size becomes one of the model's size.

    An image that has the model's size already is never changed.

    Args:
        resize: ``"stretch"`` takes the whole image and lets its sides shrink or grow by themselves;
            ``"crop"`` keeps the aspect ratio and cuts out the centre; ``"pad"`` keeps the aspect
            ratio and the whole image, centred between black borders.
        crop_fraction: Share of the image's sides that ``"crop"`` keeps: the shorter side is resized
            to ``size / crop_fraction`` and the centre is cut out. 1 for the other two.
        interpolation: One of ``INTERPOLATIONS``.

    Example:
        >>> Geometry("crop", 0.875, "bilinear").text(224, 224)
        'centre crop of 87.5 %, 224x224, bilinear with antialiasing'
    """

    resize: str = STRETCH
    crop_fraction: float = 1.0
    interpolation: str = NO_ANTIALIAS

    def __post_init__(self) -> None:
        """Refuse what is no geometry; the values may come from an untrusted file."""
        if self.resize not in CUSTOMS:
            raise InputError(f"resize {self.resize!r} is none of {', '.join(CUSTOMS)}")
        fraction = self.crop_fraction
        is_number = isinstance(fraction, Real) and not isinstance(fraction, bool)
        if not is_number or not math.isfinite(fraction) or not 0 < fraction <= 1:
            raise InputError(f"crop fraction {fraction!r} must be above 0 and at most 1")
        if self.resize != CROP and fraction != 1:
            raise InputError(f"a crop fraction goes with resize {CROP}, not with {self.resize}")
        if self.interpolation not in INTERPOLATIONS:
            raise InputError(
                f"interpolation {self.interpolation!r} is none of {', '.join(INTERPOLATIONS)}"
            )

    def text(self, height: int, width: int) -> str:
        """Return what is done to an image in plain words.

        Args:
            height: Height of the model's input in pixels.
            width: Width of the model's input in pixels.
        """
        size = f"{height}x{width}"
        how = {
            STRETCH: f"whole, stretched to {size}",
            CROP: f"centre crop of {100 * self.crop_fraction:.4g} %, {size}",
            PAD: f"whole, fitted into {size} with black borders",
        }[self.resize]
        return f"{how}, {FILTER_TEXTS[self.interpolation]}"


FILTER_TEXTS = {
    "nearest": "nearest pixel",
    "bilinear": "bilinear with antialiasing",
    "bicubic": "bicubic with antialiasing",
    NO_ANTIALIAS: "bilinear without antialiasing",
    ASYMMETRIC: "bilinear without antialiasing, asymmetric as in MediaPipe",
}

CUSTOMS: dict[str, tuple[float, str]] = {
    STRETCH: (1.0, NO_ANTIALIAS),
    CROP: (0.875, "bilinear"),
    PAD: (1.0, NO_ANTIALIAS),
}
"""Kind of resizing -> crop fraction and filter where nothing else is said. The whole image is taken
as ``keras.utils.image_dataset_from_directory`` takes it. ImageNet's custom for ``crop`` is the
shorter side to 256 by Pillow, and then the centre of 224."""

KERAS_LOADER = Geometry()
"""What ``keras.utils.image_dataset_from_directory`` does."""

MEDIAPIPE_TASKS = Geometry(interpolation=ASYMMETRIC)
"""What MediaPipe's ImageClassifier does, unless it is given a region of interest."""

IMAGENET_CROP = Geometry(CROP, *CUSTOMS[CROP])
"""How ImageNet's validation images are customarily cut."""

CROP_OF_OLD_FILES = dataclasses.asdict(IMAGENET_CROP)
"""What an input description means that names no kind of resizing: there was only one."""


@dataclass(frozen=True)
class GeometryOptions:
    """What a user says of the geometry: ``--resize``, ``--crop-fraction``, ``--interpolation``.

    Args:
        resize: A kind of resizing; None where the user did not say it.
        crop_fraction: Share of the sides that a crop keeps; given alone, it asks for a crop.
        interpolation: A filter; None where the user did not say it.

    Raises:
        InputError: A value is not known, or two contradict each other.
    """

    resize: str | None = None
    crop_fraction: float | None = None
    interpolation: str | None = None

    def __post_init__(self) -> None:
        """Check the options by themselves and against each other."""
        if self.resize is not None and self.resize not in CUSTOMS:
            raise InputError(f"unknown --resize {self.resize!r}: choose {', '.join(CUSTOMS)}")
        if self.crop_fraction is not None and self.resize not in (None, CROP):
            raise InputError(
                f"--crop-fraction goes with --resize {CROP}, not with --resize {self.resize}"
            )
        if self.interpolation is not None and self.interpolation not in INTERPOLATIONS:
            raise InputError(
                f"unknown --interpolation {self.interpolation!r}: choose "
                f"{', '.join(INTERPOLATIONS)}"
            )
        self.applied_to(KERAS_LOADER)

    @property
    def given(self) -> str:
        """The options that were given, as on a command line; empty where none was."""
        values = dataclasses.asdict(self)
        return " ".join(
            f"--{name.replace('_', '-')} {value}"
            for name, value in values.items()
            if value is not None
        )

    def applied_to(self, geometry: Geometry) -> Geometry:
        """Return a geometry with what the user said instead.

        Example:
            >>> GeometryOptions("crop").applied_to(Geometry()).crop_fraction
            0.875
        """
        resize = CROP if self.crop_fraction is not None else self.resize or geometry.resize
        if resize != geometry.resize:
            geometry = Geometry(resize, *CUSTOMS[resize])
        fraction, interpolation = self.crop_fraction, self.interpolation
        return Geometry(
            resize,
            geometry.crop_fraction if fraction is None else fraction,
            interpolation or geometry.interpolation,
        )
