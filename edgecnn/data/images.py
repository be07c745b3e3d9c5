"""Decoding image files and cutting them to a model's size.

The same pixels are cut to the same bytes on every machine, whatever Pillow's version. So are files
decoded, except that JPEG decoders may differ by a level: Pillow's own wheels have libjpeg-turbo.

Everything that makes photographs from the wild wrong by default is dealt with here: EXIF rotation,
CMYK, palettes, transparency, 16-bit greys.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.core.input_files import open_input
from edgecnn.data.geometry import CROP, PAD, PAD_LEVEL
from edgecnn.data.image_formats import FORMATS, HEAD_BYTES, content_format, optional_format
from edgecnn.data.inputspec import InputSpec
from edgecnn.data.sampling import SAMPLING, Box, sampled

Pixels = npt.NDArray[np.uint8]

NEAREST = "nearest"

RESAMPLING = {
    NEAREST: Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
}
"""Filters of Pillow by their names here."""

MAX_PIXELS = 128 * 1024 * 1024
"""Most pixels of a picture: cameras of 100 megapixels pass, decompression bombs do not."""

ORIENTATION = 0x0112
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation -> what turns the picture upright (EXIF 2.32, 4.6.4 A)."""

TURNED_ASIDE = (5, 6, 7, 8)
"""EXIF orientations whose height and width change places."""

# Pillow warns of odd metadata and of large pictures; what matters of it is an error here. A filter
# set around each image would not do: decoding runs in threads, and filters are the process' own.
warnings.filterwarnings("ignore", module=r"PIL\.")


class UnreadableImageError(InputError):
    """An image file that cannot be decoded; the message names the file."""


def decode(path: Path) -> Pixels:
    """Read an image file as RGB.

    The first frame of an animation is taken; transparency is laid on white, as most viewers do.

    Returns:
        Pixels, uint8, shape (height, width, 3).

    Raises:
        UnreadableImageError: The file is missing, no image, truncated, or implausibly large.
    """
    return _decoded(path, lambda picture: np.asarray(picture, np.uint8))


def decode_cut(path: Path, spec: InputSpec) -> Pixels:
    """Return what ``fit(decode(path), spec)`` does, without the copies between the two.

    Args:
        path: The image file.
        spec: The model's input.

    Returns:
        Pixels, uint8, shape ``spec.shape``.

    Raises:
        UnreadableImageError: The file is missing, no image, truncated, or implausibly large.
    """
    return _decoded(path, lambda picture: _fit(picture, spec))


def _decoded(path: Path, use: Callable[[Image.Image], Pixels]) -> Pixels:
    try:
        with open_input(path) as file, _opened(file) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ValueError(f"{image.width}x{image.height} pixels are too many")
            image.load()
            return use(_rgb(_upright(image)))
    except Exception as error:
        # Pillow's plugins raise nearly anything on broken files, struct.error to ZeroDivisionError.
        raise _unreadable(path, error) from error


def _opened(file: BinaryIO) -> Image.Image:
    try:
        return Image.open(file, formats=FORMATS)
    except UnidentifiedImageError:
        file.seek(0)
        optional = optional_format(content_format(file.read(HEAD_BYTES)))
        if optional is None:
            raise
        if not optional.is_readable:
            raise ValueError(f"it is {optional.name}: {optional.remedy}") from None
        return Image.open(file, formats=[optional.name])


def _unreadable(path: Path, error: Exception) -> UnreadableImageError:
    return UnreadableImageError(f"cannot read image {quoted(path)}: {reason_text(error)}")


def reason_text(error: Exception) -> str:
    """Return why an image cannot be read, of whatever a decoder raised."""
    if isinstance(error, UnidentifiedImageError):
        return "it is damaged, or no image that edgecnn reads"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split()) or type(error).__name__


def _upright(image: Image.Image) -> Image.Image:
    try:
        orientation = image.getexif().get(ORIENTATION)
    except Exception:
        # Damaged metadata, which cameras and editors write, leaves the pixels as good as they are.
        return image
    return image.transpose(UPRIGHT[orientation]) if orientation in UPRIGHT else image


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        return _eight_bits(image).convert("RGB")
    if image.mode == "F":
        raise ValueError("its pixels are 32-bit floats, whose range is not known: save 8-bit ones")
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        layer = (image.convert("LA") if image.mode == "La" else image).convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(white, layer).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Scale 16-bit grey to 8 bits; Pillow's own conversion clips everything above 255 to white."""
    values = np.asarray(image, np.float64)
    if values.min() < 0 or values.max() > 65535:
        raise ValueError("its grey levels do not fit 16 bits: save 8-bit or 16-bit ones")
    return Image.fromarray(np.round(values / 257).astype(np.uint8))  # 65535 / 255


def fit(image: Pixels, spec: InputSpec) -> Pixels:
    """Bring an image to a model's size, as the model's geometry says.

    Args:
        image: Pixels, uint8, shape (height, width, 3) or (height, width, 1).
        spec: The model's input.

    Returns:
        Pixels, uint8, shape ``spec.shape``; RGB or grey, whatever ``spec.color_order`` says.

    Example:
        >>> fit(decode(Path("photo.jpg")), preset("tf", 224, 224)).shape
        (224, 224, 3)
    """
    return _fit(Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image), spec)


def fit_mask(mask: Pixels, spec: InputSpec, height: int, width: int, outside: int) -> Pixels:
    """Bring a mask to the size of a model's map, cut as its image is cut.

    Args:
        mask: Class index of each pixel, uint8, shape (height, width).
        spec: The model's input, whose geometry cuts the image.
        height: Height of the model's map.
        width: Width of the model's map.
        outside: What stands in the borders that are added to an image.

    Returns:
        Class indices, uint8, shape (height, width), each that of the nearest pixel.

    Example:
        >>> fit_mask(np.eye(2, dtype=np.uint8), preset("tf", 4, 4), 2, 2, 255).tolist()
        [[1, 0], [0, 1]]
    """
    grey = replace(spec, mean=(0.0,), std=(1.0,), color_order="GRAY", interpolation=NEAREST)
    picture = Image.fromarray(_fit(Image.fromarray(mask), grey, outside)[..., 0])
    if picture.size != (width, height):
        picture = picture.resize((width, height), RESAMPLING[NEAREST])
    return np.asarray(picture, np.uint8)


def upright_size(path: Path) -> tuple[int, int]:
    """Return height and width of an image file as it is shown, from its header alone.

    Raises:
        UnreadableImageError: The file is missing, or no image.
    """
    try:
        with open_input(path) as file, _opened(file) as image:
            turned = image.getexif().get(ORIENTATION, 1) in TURNED_ASIDE
            return (image.width, image.height) if turned else (image.height, image.width)
    except Exception as error:
        raise _unreadable(path, error) from error


def _fit(picture: Image.Image, spec: InputSpec, outside: int = PAD_LEVEL) -> Pixels:
    mode = "L" if spec.channels == 1 else "RGB"
    picture = picture if picture.mode == mode else picture.convert(mode)
    if picture.size != (spec.width, spec.height):
        picture = _padded(picture, spec, outside) if spec.resize == PAD else _filled(picture, spec)
    return np.asarray(picture, np.uint8).reshape(spec.shape)


def _filled(picture: Image.Image, spec: InputSpec) -> Image.Image:
    box = (
        _centre(picture.height, picture.width, spec)
        if spec.resize == CROP
        else (0.0, 0.0, *picture.size)
    )
    return _resize(picture, (spec.width, spec.height), box, spec.interpolation)


def seen_region(spec: InputSpec, height: int, width: int) -> Box:
    """Return the part of an image that a model's whole input shows.

    Args:
        spec: The model's input.
        height: Height of the image.
        width: Width of the image.

    Returns:
        Left, top, right and bottom in pixels of the image; beyond it where borders are added.

    Example:
        >>> seen_region(replace(preset("raw", 100, 100), resize="pad"), 100, 200)
        (0.0, -50.0, 200.0, 150.0)
    """
    if (height, width) == (spec.height, spec.width) or spec.resize not in (PAD, CROP):
        return 0.0, 0.0, float(width), float(height)
    if spec.resize == CROP:
        return _centre(height, width, spec)
    inner_height, inner_width = _inner(height, width, spec)
    rows, columns = height / inner_height, width / inner_width
    left = (spec.width - inner_width) // 2 * columns
    top = (spec.height - inner_height) // 2 * rows
    return -left, -top, spec.width * columns - left, spec.height * rows - top


def _inner(height: int, width: int, spec: InputSpec) -> tuple[int, int]:
    """Return height and width of an image between borders."""
    scale = min(spec.height / height, spec.width / width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def _centre(height: int, width: int, spec: InputSpec) -> Box:
    full_height = round(spec.height / spec.crop_fraction)
    full_width = round(spec.width / spec.crop_fraction)
    scale = max(full_height / height, full_width / width)
    scaled_height = max(spec.height, round(height * scale))
    scaled_width = max(spec.width, round(width * scale))
    left, top = (scaled_width - spec.width) // 2, (scaled_height - spec.height) // 2
    # Only what the crop shows is resampled: faster, and a banner of 1 x 100,000 pixels stays small.
    rows, columns = height / scaled_height, width / scaled_width
    return (
        left * columns,
        top * rows,
        (left + spec.width) * columns,
        (top + spec.height) * rows,
    )


def _padded(picture: Image.Image, spec: InputSpec, outside: int) -> Image.Image:
    height, width = _inner(picture.height, picture.width, spec)
    inner = _resize(picture, (width, height), (0.0, 0.0, *picture.size), spec.interpolation)
    padded = Image.new(picture.mode, (spec.width, spec.height), (outside,) * spec.channels)
    padded.paste(inner, ((spec.width - width) // 2, (spec.height - height) // 2))
    return padded


def _resize(
    picture: Image.Image, size: tuple[int, int], box: Box, interpolation: str
) -> Image.Image:
    """Resample a part of a picture.

    Pillow's filters take one side after the other, in a fixed order: values are rounded to 8 bits
    after each side, so the order changes them, and Pillow's own order depends on its version. This
    one is Pillow 13's, which saves time on tall pictures.
    """
    if interpolation in SAMPLING:
        return Image.fromarray(sampled(np.asarray(picture), size, box, SAMPLING[interpolation]))
    resampling = RESAMPLING[interpolation]
    if resampling is Image.Resampling.NEAREST:
        return picture.resize(size, resampling, box)
    sides = [_resize_width, _resize_height]
    lost_width, lost_height = picture.width - size[0], picture.height - size[1]
    if lost_height > max(0, 2 * lost_width):
        sides.reverse()
    for resize_side in sides:
        picture = resize_side(picture, size, box, resampling)
    return picture


def _resize_width(
    picture: Image.Image, size: tuple[int, int], box: Box, resampling: Image.Resampling
) -> Image.Image:
    whole = (box[0], 0, box[2], picture.height)
    return picture.resize((size[0], picture.height), resampling, whole)


def _resize_height(
    picture: Image.Image, size: tuple[int, int], box: Box, resampling: Image.Resampling
) -> Image.Image:
    whole = (0, box[1], picture.width, box[3])
    return picture.resize((picture.width, size[1]), resampling, whole)
