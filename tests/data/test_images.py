"""Image files of every kind become upright 8-bit RGB, or one line that names the file."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgecnn.data.images import MAX_PIXELS, UnreadableImageError, decode

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)

# EXIF 2.32, 4.6.4 A: where the stored 0th row and the stored 0th column belong in the scene. The
# scene S as it is stored, from that text alone: 6, say, stores the right side as its first row and
# the top as its first column, so stored[r, c] = S[c, last - r].
STORED = {
    1: lambda s: s,  # top, left
    2: lambda s: s[:, ::-1],  # top, right
    3: lambda s: s[::-1, ::-1],  # bottom, right
    4: lambda s: s[::-1],  # bottom, left
    5: lambda s: s.transpose(1, 0, 2),  # left, top
    6: lambda s: s[:, ::-1].transpose(1, 0, 2),  # right, top
    7: lambda s: s[::-1, ::-1].transpose(1, 0, 2),  # right, bottom
    8: lambda s: s[::-1].transpose(1, 0, 2),  # left, bottom
}


def scene(block: int = 1) -> np.ndarray:
    """Two rows of three colours, all different, each ``block`` pixels wide and high."""
    colours = [[RED, GREEN, BLUE], [(255, 255, 0), (0, 255, 255), (40, 40, 40)]]
    return np.asarray(colours, np.uint8).repeat(block, 0).repeat(block, 1)


def saved(path: Path, image: np.ndarray, orientation: int, **options: object) -> Path:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.ascontiguousarray(image)).save(path, exif=exif, **options)
    return path


@pytest.mark.parametrize("orientation", sorted(STORED))
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_exif_orientation_is_undone_exactly(tmp_path: Path, suffix: str, orientation: int) -> None:
    path = saved(tmp_path / f"photo{suffix}", STORED[orientation](scene()), orientation)
    np.testing.assert_array_equal(decode(path), scene())


@pytest.mark.parametrize("orientation", sorted(STORED))
@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_exif_orientation_of_lossy_files(tmp_path: Path, suffix: str, orientation: int) -> None:
    stored = STORED[orientation](scene(block=16))
    path = saved(tmp_path / f"photo{suffix}", stored, orientation, quality=100)
    centres = decode(path)[8::16, 8::16].astype(int)
    assert centres.shape == (2, 3, 3)
    assert np.abs(centres - scene()).max() <= 8


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_exif_orientation_that_is_none_leaves_the_image(tmp_path: Path, orientation: int) -> None:
    path = saved(tmp_path / "photo.png", scene(), orientation)
    np.testing.assert_array_equal(decode(path), scene())


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_damaged_exif_leaves_the_image(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    Image.new("RGB", (16, 16), RED).save(path, exif=b"Exif\0\0II*\0\xff\xff\xff\x7fgarbage")
    assert decode(path).shape == (16, 16, 3)


def test_grey_becomes_three_equal_channels(tmp_path: Path) -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    Image.fromarray(levels).save(tmp_path / "grey.png")
    np.testing.assert_array_equal(decode(tmp_path / "grey.png"), levels[..., None].repeat(3, 2))


def test_one_bit_is_black_and_white(tmp_path: Path) -> None:
    bits = np.array([[True, False, True], [False, True, False]])
    Image.fromarray(bits).save(tmp_path / "bits.png")
    wanted = np.where(bits, 255, 0)[..., None].repeat(3, 2)
    np.testing.assert_array_equal(decode(tmp_path / "bits.png"), wanted)


def palette_image() -> Image.Image:
    image = Image.new("P", (3, 1))
    image.putpalette([*RED, *GREEN, *BLUE])
    image.putdata([0, 1, 2])
    return image


def test_palette(tmp_path: Path) -> None:
    palette_image().save(tmp_path / "palette.png")
    np.testing.assert_array_equal(decode(tmp_path / "palette.png"), [[RED, GREEN, BLUE]])


def test_palette_with_a_transparent_entry_lies_on_white(tmp_path: Path) -> None:
    palette_image().save(tmp_path / "palette.png", transparency=1)
    np.testing.assert_array_equal(decode(tmp_path / "palette.png"), [[RED, WHITE, BLUE]])


def test_palette_with_a_table_of_transparencies_lies_on_white(tmp_path: Path) -> None:
    palette_image().save(tmp_path / "palette.png", transparency=bytes([255, 0, 51]))
    # 51 is a fifth of 255: a fifth of blue on white
    np.testing.assert_array_equal(decode(tmp_path / "palette.png"), [[RED, WHITE, (204, 204, 255)]])


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
def test_rgba_lies_on_white(tmp_path: Path, suffix: str) -> None:
    pixels = np.array([[(255, 0, 0, 255), (0, 0, 0, 0), (0, 0, 255, 51)]], np.uint8)
    path = tmp_path / f"layer{suffix}"
    Image.fromarray(pixels).save(path, **({"lossless": True} if suffix == ".webp" else {}))
    np.testing.assert_array_equal(decode(path), [[RED, WHITE, (204, 204, 255)]])


def test_grey_with_alpha_lies_on_white(tmp_path: Path) -> None:
    pixels = np.array([[(0, 255), (0, 0), (100, 255)]], np.uint8)
    Image.fromarray(pixels).save(tmp_path / "layer.png")
    np.testing.assert_array_equal(decode(tmp_path / "layer.png")[0, :, 0], [0, 255, 100])


def test_rgb_with_a_transparent_colour_lies_on_white(tmp_path: Path) -> None:
    Image.fromarray(scene()).save(tmp_path / "key.png", transparency=GREEN)
    wanted = scene()
    wanted[0, 1] = WHITE
    np.testing.assert_array_equal(decode(tmp_path / "key.png"), wanted)


@pytest.mark.parametrize(
    ("ink", "colour"),
    [
        ((0, 255, 255, 0), RED),
        ((255, 0, 255, 0), GREEN),
        ((255, 255, 0, 0), BLUE),
        ((0, 0, 0, 0), WHITE),
        ((0, 0, 0, 255), (0, 0, 0)),
    ],
)
def test_cmyk_jpeg_of_adobe_is_inverted_back(
    tmp_path: Path, ink: tuple[int, ...], colour: tuple[int, ...]
) -> None:
    path = tmp_path / "print.jpg"
    Image.new("CMYK", (16, 16), ink).save(path, quality=100)
    assert b"Adobe" in path.read_bytes()
    assert np.abs(decode(path).astype(int) - colour).max() <= 3


def test_cmyk_tiff(tmp_path: Path) -> None:
    Image.new("CMYK", (4, 4), (0, 255, 255, 0)).save(tmp_path / "print.tif")
    np.testing.assert_array_equal(decode(tmp_path / "print.tif")[0, 0], RED)


@pytest.mark.parametrize(
    ("level", "wanted"), [(0, 0), (100, 0), (255, 1), (257, 1), (32896, 128), (65535, 255)]
)
@pytest.mark.parametrize("suffix", [".png", ".tif", ".pgm"])
def test_sixteen_bit_grey_is_scaled_not_clipped(
    tmp_path: Path, suffix: str, level: int, wanted: int
) -> None:
    path = tmp_path / f"x-ray{suffix}"
    if suffix == ".pgm":
        path.write_bytes(b"P5 4 4 65535\n" + struct.pack(">16H", *[level] * 16))
    else:
        Image.fromarray(np.full((4, 4), level, np.uint16)).save(path)
    np.testing.assert_array_equal(decode(path), np.full((4, 4, 3), wanted))


def test_sixteen_bit_big_endian_tiff(tmp_path: Path) -> None:
    path = tmp_path / "x-ray.tif"
    Image.frombytes("I;16B", (1, 1), struct.pack(">H", 32896)).save(path)
    np.testing.assert_array_equal(decode(path), np.full((1, 1, 3), 128))


@pytest.mark.parametrize("pixels", [np.float32([[0.5]]), np.int32([[70000]]), np.int32([[-1]])])
def test_levels_whose_range_is_unknown_are_refused(tmp_path: Path, pixels: np.ndarray) -> None:
    Image.fromarray(pixels).save(tmp_path / "depth.tif")
    with pytest.raises(UnreadableImageError, match=r"depth.tif.*save"):
        decode(tmp_path / "depth.tif")


def test_first_frame_of_an_animation(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (6, 4), colour) for colour in (RED, GREEN, BLUE)]
    frames[0].save(tmp_path / "film.gif", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(decode(tmp_path / "film.gif"), np.full((4, 6, 3), RED))


def test_content_decides_not_the_suffix(tmp_path: Path) -> None:
    Image.fromarray(scene()).save(tmp_path / "photo.png")
    (tmp_path / "photo.png").rename(tmp_path / "photo.jpg")
    np.testing.assert_array_equal(decode(tmp_path / "photo.jpg"), scene())


def png_header_alone(width: int, height: int) -> bytes:
    """A PNG that claims a size and ends where its pixels begin."""
    size = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    header = struct.pack(">I", 13) + size + struct.pack(">I", zlib.crc32(size))
    return b"\x89PNG\r\n\x1a\n" + header + struct.pack(">I", 8192) + b"IDAT\x78\x9c"


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize(
    ("width", "height"),
    [(MAX_PIXELS // 8192 + 1, 8192), (50_000, 50_000), (2**31 - 1, 2**31 - 1)],
)
def test_decompression_bomb_is_refused_by_its_header(
    tmp_path: Path, width: int, height: int
) -> None:
    (tmp_path / "bomb.png").write_bytes(png_header_alone(width, height))
    with pytest.raises(UnreadableImageError) as refused:
        decode(tmp_path / "bomb.png")
    # Its size is the reason, so its pixels, which are missing too, were never asked for.
    assert "pixels" in str(refused.value)
    assert "bomb.png" in str(refused.value)


def jpeg(path: Path) -> Path:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(path)
    return path


def cut(path: Path) -> None:
    jpeg(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def cut_png(path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(path, "PNG")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


BROKEN = {
    "truncated jpeg": cut,
    "truncated png": cut_png,
    "header alone": lambda path: path.write_bytes(png_header_alone(8, 8)),
    "text": lambda path: path.write_text("This is a letter, not a picture.\n"),
    "empty": lambda path: path.write_bytes(b""),
    "PostScript": lambda path: path.write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"),
    "missing": lambda path: None,
    "folder": lambda path: path.mkdir(),
}


@pytest.mark.parametrize("kind", sorted(BROKEN))
@pytest.mark.parametrize("name", ["a.jpg", "-a b.jpg", "two\nlines.jpg", 'it\'s "quoted".jpg'])
def test_unreadable_is_named_in_one_line(tmp_path: Path, kind: str, name: str) -> None:
    BROKEN[kind](tmp_path / name)
    with pytest.raises(UnreadableImageError) as refused:
        decode(tmp_path / name)
    message = str(refused.value)
    assert repr(str(tmp_path / name)) in message
    assert len(message.splitlines()) == 1
    assert message.rstrip()[-1] != ":"


@pytest.mark.parametrize("name", ["-a b.png", "two\nlines.png", 'it\'s "quoted".png', "ü 日本.png"])
def test_readable_whatever_its_name(tmp_path: Path, name: str) -> None:
    Image.fromarray(scene()).save(tmp_path / name, "PNG")
    np.testing.assert_array_equal(decode(tmp_path / name), scene())


def test_no_cut_or_bit_error_gets_out_as_anything_else(tmp_path: Path) -> None:
    whole = jpeg(tmp_path / "whole.jpg").read_bytes()
    damaged = tmp_path / "damaged.jpg"
    random = np.random.default_rng(1)
    for _ in range(150):
        content = bytearray(whole[: random.integers(1, len(whole))])
        content[random.integers(len(content))] ^= 1 << random.integers(8)
        damaged.write_bytes(content)
        try:
            assert decode(damaged).dtype == np.uint8
        except UnreadableImageError as error:
            assert len(str(error).splitlines()) == 1
