"""What a record keeps of each image: against numpy's own packing, and by counting."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from PIL import Image

from edgecnn.accuracy.image_by_image import images_sha256, packed_hits, paired_cells
from edgecnn.data.datasets import ImageArray, open_dataset


@given(some.lists(some.tuples(some.booleans(), some.booleans()), min_size=1, max_size=40))
def test_pairs_are_counted_as_one_would_count_them(pairs: list[tuple[bool, bool]]) -> None:
    new, base = (np.array(side) for side in zip(*pairs, strict=True))
    expected = tuple(
        pairs.count(pair) for pair in ((True, True), (True, False), (False, True), (False, False))
    )
    assert paired_cells(packed_hits(new), packed_hits(base), len(pairs)) == expected


def test_bits_are_eight_to_a_byte_the_first_one_highest() -> None:
    hits = np.array([True, False, False, False, False, False, False, True, True])
    assert base64.b64decode(packed_hits(hits)) == bytes([0b10000001, 0b10000000])
    # 50,000 images are 6,250 bytes.
    assert len(base64.b64decode(packed_hits(np.ones(50_000, np.bool_)))) == 6250


@pytest.mark.parametrize(
    ("text", "images"),
    [("oA==", 9), ("oA==", 0), ("oA==", 2), ("no base 64", 3), ("ö", 3), ("", 1)],
    ids=["too few bits", "no image", "a bit too many", "no code", "no ASCII", "empty"],
)
def test_what_is_no_bits_of_so_many_images_pairs_with_nothing(text: str, images: int) -> None:
    assert paired_cells(text, "oA==", images) is None
    assert paired_cells("oA==", text, images) is None


def test_the_digest_is_of_content_and_labels_and_not_of_names(tmp_path: Path) -> None:
    def photos(name: str, colours: list[tuple[int, int, int]], files: str) -> Path:
        for number, colour in enumerate(colours):
            folder = tmp_path / name / f"class {number}"
            folder.mkdir(parents=True)
            Image.new("RGB", (4, 4), colour).save(folder / f"{files}.png")
        return tmp_path / name

    red, green = (255, 0, 0), (0, 255, 0)
    one, same, other = (
        open_dataset(photos(name, colours, files))
        for name, colours, files in (
            ("one", [red, green], "a"),
            ("renamed", [red, green], "b"),
            ("other", [green, red], "a"),
        )
    )
    assert images_sha256(one, [0, 1]) == images_sha256(same, [0, 1])
    assert images_sha256(one, [0, 1]) != images_sha256(other, [0, 1])
    assert images_sha256(one, [0, 1]) != images_sha256(one, [0])
    pixels = np.zeros((2, 4, 4, 3), np.uint8)
    arrays = [ImageArray("a.npz", pixels, labels) for labels in ((0, 1), (1, 0), (0, 1))]
    digests = [images_sha256(array, [0, 1]) for array in arrays]
    assert digests[0] == digests[2] != digests[1]


def test_the_digest_can_be_made_by_hand(tmp_path: Path) -> None:
    for number, label in enumerate("ab"):
        (tmp_path / label).mkdir()
        Image.new("RGB", (4, 4), (number, 0, 0)).save(tmp_path / label / "x.png")
    files = [hashlib.sha256((tmp_path / label / "x.png").read_bytes()).digest() for label in "ab"]
    expected = hashlib.sha256(files[0] + b"0;" + files[1] + b"1;").hexdigest()
    data = open_dataset(tmp_path)
    assert images_sha256(data, [0, 1]) == expected
    (tmp_path / "b" / "x.png").unlink()
    assert images_sha256(data, [0, 1]) == expected, "each image is read once"
    assert images_sha256(open_dataset(tmp_path), [0]) is not None
    gone = open_dataset(tmp_path)
    (tmp_path / "a" / "x.png").unlink()
    assert images_sha256(gone, [0]) is None
