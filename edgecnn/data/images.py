"""Decoding image files and cutting them to a model's size; the same bytes on every machine.

Everything that makes photographs from the wild wrong by default is dealt with here: EXIF rotation,
CMYK, palettes, transparency, 16-bit greys.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from edgecnn.data.inputspec import InputSpec
from edgecnn.errors import InputError
from edgecnn.files import quoted

Pixels = npt.NDArray[np.uint8]

IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".ppm", ".pgm", ".tif", ".tiff"}
)

RESAMPLING = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
}

MAX_PIXELS = 128 * 1024 * 1024
"""Larger pictures are taken for decompression bombs; cameras of 100 megapixels pass."""


class UnreadableImageError(InputError):
    """An image file that cannot be decoded; the message names it."""


def decode(path: Path) -> Pixels:
    """Read an image file as RGB.

    The first frame of an animation is taken; transparency is laid on white, as most viewers do.

    Args:
        path: The file.

    Returns:
        uint8, shape (height, width, 3).

    Raises:
        UnreadableImageError: The file is missing, no image, truncated, or implausibly large.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise ValueError(f"{image.width}x{image.height} pixels are too many")
                image.load()
                return np.asarray(_rgb(_upright(image)), np.uint8)
    except Exception as error:
        # Pillow's plugins raise nearly anything on broken files, struct.error to ZeroDivisionError.
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UnreadableImageError(f"cannot read image {quoted(path)}: {reason}") from error


def _upright(image: Image.Image) -> Image.Image:
    return ImageOps.exif_transpose(image) or image


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        return _eight_bits(image).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(white, layer).convert("RGB")
    return image.convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Scale 16-bit grey to 8 bits; Pillow's own conversion clips everything above 255 to white."""
    values = np.asarray(image, np.float64)
    if values.max(initial=0.0) > 255.0:
        values = values / 257.0  # 65535 / 255
    return Image.fromarray(np.clip(np.round(values), 0, 255).astype(np.uint8))


def fit(image: Pixels, spec: InputSpec) -> Pixels:
    """Cut an image to a model's size: scale the shorter side, take the centre.

    Args:
        image: uint8, shape (height, width, 3) or (height, width, 1).
        spec: The model's input.

    Returns:
        uint8, shape ``spec.shape``; RGB or grey, whatever ``spec.color_order`` says.

    Example:
        >>> fit(decode(Path("photo.jpg")), preset("tf", 224, 224)).shape
        (224, 224, 3)
    """
    picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
    picture = picture.convert("L" if spec.channels == 1 else "RGB")
    height, width = round(spec.height / spec.crop_fraction), round(spec.width / spec.crop_fraction)
    scale = max(height / picture.height, width / picture.width)
    size = (
        max(spec.width, round(picture.width * scale)),
        max(spec.height, round(picture.height * scale)),
    )
    if size != picture.size:
        picture = picture.resize(size, RESAMPLING[spec.interpolation])
    left, top = (size[0] - spec.width) // 2, (size[1] - spec.height) // 2
    picture = picture.crop((left, top, left + spec.width, top + spec.height))
    return np.asarray(picture, np.uint8).reshape(spec.shape)
