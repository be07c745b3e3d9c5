"""Photographs as they are in the wild come out upright, in colour, and at the model's size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgecnn.core.errors import InputError
from edgecnn.data.datasets import open_dataset, sample_indices
from edgecnn.data.geometry import IMAGENET_CROP
from edgecnn.data.images import UnreadableImageError, decode, fit
from edgecnn.data.inputspec import preset
from edgecnn.data.loader import load_images

RED = (250, 10, 10)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(orientation: int, tmp_path: Path) -> None:
    upright = Image.new("RGB", (40, 20), "white")
    upright.paste(RED, (0, 0, 10, 5))  # The corner at the top left.
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = upright.transpose(undo[orientation]) if orientation in undo else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "photo.png", exif=exif)
    np.testing.assert_array_equal(decode(tmp_path / "photo.png"), np.asarray(upright))


@pytest.mark.parametrize(
    ("mode", "stored", "suffix", "expected"),
    [
        ("L", 77, "png", (77, 77, 77)),
        ("CMYK", (0, 245, 245, 5), "jpg", (250, 10, 10)),
        ("RGBA", (0, 0, 0, 0), "png", (255, 255, 255)),
        ("LA", (0, 255), "png", (0, 0, 0)),
        ("I;16", 32896, "png", (128, 128, 128)),  # 32896 = 128 * 257
        ("I;16", 100, "png", (0, 0, 0)),
        ("1", 1, "png", (255, 255, 255)),
    ],
)
def test_modes(
    mode: str, stored: object, suffix: str, expected: tuple[int, ...], tmp_path: Path
) -> None:
    path = tmp_path / f"photo.{suffix}"
    if mode == "I;16":
        Image.fromarray(np.full((16, 16), stored, np.uint16)).save(path)
    else:
        Image.new(mode, (16, 16), stored).save(path)  # type: ignore[arg-type]
    found = decode(path)
    assert found.shape == (16, 16, 3)
    # JPEG may be off by a few levels; the others are exact.
    tolerance = 8 if suffix == "jpg" else 0
    assert np.abs(found.astype(int) - np.array(expected)).max() <= tolerance


def test_palette(tmp_path: Path) -> None:
    image = Image.new("RGB", (16, 16), RED).convert("P", palette=Image.Palette.ADAPTIVE)
    image.save(tmp_path / "photo.gif")
    assert tuple(decode(tmp_path / "photo.gif")[3, 3]) == RED


@pytest.mark.parametrize("content", [b"", b"this is a text", b"\xff\xd8\xff\xe0 half a JPEG"])
def test_unreadable_images_are_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a\nb.jpg"
    path.write_bytes(content)
    with pytest.raises(UnreadableImageError, match=r"a\\nb\.jpg") as caught:
        decode(path)
    assert "\n" not in str(caught.value)


def test_fit_is_the_custom_of_imagenet(shared_data: Path) -> None:
    spec = preset("tf", 224, 224).with_geometry(IMAGENET_CROP)
    dataset = open_dataset(shared_data / "imagenet_sample")
    assert len(dataset) == 500
    assert dataset.classes == 1000
    for index in range(0, 500, 100):
        picture = Image.fromarray(dataset.read(index))
        scale = 256 / min(picture.size)
        size = (round(picture.width * scale), round(picture.height * scale))
        resized = picture.resize(size, Image.Resampling.BILINEAR)
        left, top = (size[0] - 224) // 2, (size[1] - 224) // 2
        expected = np.asarray(resized.crop((left, top, left + 224, top + 224)))
        difference = np.abs(fit(dataset.read(index), spec).astype(int) - expected)
        # Only what the crop shows is resampled, so some sums round the other way.
        assert difference.max() <= 1
        assert difference.mean() < 0.15


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK", "RGBA", "P", "I;16"])
@pytest.mark.parametrize("channels", [1, 3])
def test_loading_cuts_what_is_decoded(mode: str, channels: int, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (30, 50, 3), np.uint8)
    picture = Image.fromarray(noise)
    if mode == "I;16":
        picture = Image.fromarray(noise[..., 0].astype(np.uint16) * 257)
    else:
        picture = picture.convert(mode)
    exif = Image.Exif()
    exif[0x0112] = 6
    name = "a.tif" if mode == "CMYK" else "a.png"
    picture.save(tmp_path / name, exif=exif)
    dataset, spec = open_dataset(tmp_path), preset("raw", 16, 20, channels)
    (loaded,) = load_images(dataset, [0], spec)
    np.testing.assert_array_equal(loaded.image, fit(dataset.read(0), spec))


def test_small_inputs_take_the_whole_image() -> None:
    image = np.zeros((8, 8, 1), np.uint8)
    image[0, 0] = 255
    found = fit(image, preset("tf", 32, 32))
    assert found.shape == (32, 32, 3)
    assert found[0, 0].tolist() == [255, 255, 255]
    assert fit(image, preset("unit", 32, 48, channels=1)).shape == (32, 48, 1)


def test_digits_are_the_ones_that_were_published() -> None:
    test, train = open_dataset("digits"), open_dataset("digits-train")
    assert len(test) + len(train) == 1797
    assert test.labels is not None
    assert train.labels is not None
    # Images of each digit, as the data set's description counts them.
    published = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    counts = np.bincount(test.labels + train.labels)
    assert counts.tolist() == published
    assert (np.abs(np.bincount(test.labels) - np.array(published) / 5) < 1).all()


def test_a_sample_is_even_over_the_classes_and_always_the_same() -> None:
    dataset = open_dataset("digits-train")
    chosen = sample_indices(dataset, 25)
    assert chosen == sample_indices(dataset, 25)
    assert len(set(chosen)) == 25
    assert dataset.labels is not None
    counts = np.bincount([dataset.labels[index] for index in chosen], minlength=10)
    assert set(counts) <= {2, 3}
    assert len(sample_indices(dataset, 10_000)) == len(dataset)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("photo.png", "line 2: expected 'file index'"),
        ("photo.png one", "line 2: expected 'file index'"),
        ("photo.png -1", "line 2: expected 'file index'"),
        ("../photo.png 1", "leads out of the folder"),
        ("/etc/passwd 1", "leads out of the folder"),
    ],
)
def test_bad_lines_of_a_map_are_named(line: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "val_map.txt").write_text(f"a photo.png 0\n{line}\n")
    with pytest.raises(InputError, match=says):
        open_dataset(tmp_path)


def test_loading_keeps_the_order_and_reports_what_it_skips(tmp_path: Path) -> None:
    for number in range(40):
        Image.new("L", (8, 8), number).save(tmp_path / f"{number:02}.png")
    (tmp_path / "07.png").write_bytes(b"broken")
    loaded = list(load_images(open_dataset(tmp_path), range(40), preset("raw", 8, 8), workers=4))
    assert [item.index for item in loaded] == list(range(40))
    assert [item.index for item in loaded if item.error] == [7]
    assert all(item.image.max() == item.index for item in loaded if item.image is not None)
