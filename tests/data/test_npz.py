"""Images in an ``.npz``: what is taken, and that nothing in a hostile one is run or allocated."""

from __future__ import annotations

import io
import pickle
import struct
import tracemalloc
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgecnn.core.errors import InputError
from edgecnn.data.datasets import Dataset, ImageArray, open_dataset

COLOUR = np.random.default_rng(0).integers(0, 256, (5, 6, 4, 3), np.uint8)


def write(folder: Path, **arrays: object) -> Path:
    path = folder / "data.npz"
    np.savez_compressed(path, **arrays)  # type: ignore[arg-type]
    return path


def opened(folder: Path, **arrays: object) -> Dataset:
    return open_dataset(write(folder, **arrays))


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as refused:
        open_dataset(path)
    message = str(refused.value)
    assert repr(str(path)) in message
    assert len(message.splitlines()) == 1
    return message


def test_colour_images_with_labels(tmp_path: Path) -> None:
    dataset = opened(tmp_path, x=COLOUR, y=np.array([0, 3, 1, 1, 2]))
    assert len(dataset) == 5
    assert dataset.labels == (0, 3, 1, 1, 2)
    assert dataset.classes == 4
    assert dataset.class_names is None
    for index in range(5):
        np.testing.assert_array_equal(dataset.read(index), COLOUR[index])
    assert dataset.item_name(3) == f"{tmp_path / 'data.npz'}[3]"


def test_without_labels(tmp_path: Path) -> None:
    dataset = opened(tmp_path, x=COLOUR)
    assert dataset.labels is None
    assert dataset.classes is None


@pytest.mark.parametrize("shape", [(5, 6, 4), (5, 6, 4, 1)])
def test_grey_images_with_or_without_an_axis(tmp_path: Path, shape: tuple[int, ...]) -> None:
    dataset = opened(tmp_path, x=COLOUR[..., 0].reshape(shape))
    np.testing.assert_array_equal(dataset.read(2), COLOUR[2, ..., :1])


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ">f8", "i2", "u2", "i8", "u8"])
def test_whole_pixel_values_of_any_type(tmp_path: Path, dtype: str) -> None:
    dataset = opened(tmp_path, x=COLOUR.astype(dtype))
    assert dataset.read(0).dtype == np.uint8
    for index in range(5):
        np.testing.assert_array_equal(dataset.read(index), COLOUR[index])


@pytest.mark.parametrize(
    "labels", [np.arange(5, dtype=np.uint8), np.arange(5)[:, None], np.arange(5)[None]]
)
def test_labels_of_any_integer_type_and_as_a_column(tmp_path: Path, labels: np.ndarray) -> None:
    assert opened(tmp_path, x=COLOUR, y=labels).labels == (0, 1, 2, 3, 4)


def test_stored_uncompressed_and_in_fortran_order(tmp_path: Path) -> None:
    np.savez(tmp_path / "plain.npz", x=np.asfortranarray(COLOUR))
    np.testing.assert_array_equal(open_dataset(tmp_path / "plain.npz").read(4), COLOUR[4])


@pytest.mark.parametrize("name", ["a b.npz", "two\nlines.npz", 'it\'s "quoted".npz', "-x.npz"])
def test_odd_names(tmp_path: Path, name: str) -> None:
    write(tmp_path, x=COLOUR).rename(tmp_path / name)
    assert len(open_dataset(tmp_path / name)) == 5
    (tmp_path / name).write_bytes(b"")
    refusal(tmp_path / name)


def nan() -> np.ndarray:
    images = COLOUR.astype(np.float32)
    images[3, 2, 1, 0] = np.nan
    return images


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (nan(), "NaN"),
        (np.full((2, 4, 4, 3), np.inf), "NaN or infinite"),
        (COLOUR / 255, "normalises them itself"),
        (COLOUR / 127.5 - 1, "normalises them itself"),
        (COLOUR.astype(np.int16) - 1, "0..255"),
        (COLOUR.astype(np.uint16) * 257, "0..255"),
        (COLOUR > 9, "dtype bool"),
        (COLOUR.astype(np.complex64), "dtype complex64"),
        (np.array(["cat.png", "dog.png"]), "shape"),
        (np.zeros((2, 4, 4, 3), "M8[s]"), "dtype"),
        (COLOUR[0, 0], "shape"),
        (COLOUR[None], "shape"),
        (np.uint8(7), "shape"),
        (np.zeros((5, 2, 6, 4), np.uint8), "shape (5, 2, 6, 4)"),
        (COLOUR > 127, "dtype bool"),
        (COLOUR // 128, "multiply them by 255"),
        ((COLOUR // 128).astype(np.int32), "multiply them by 255"),
        (COLOUR / 255, "multiply them by 255"),
        (np.zeros((5, 6, 4, 2), np.uint8), "1 or 3"),
        (np.zeros((0, 6, 4, 3), np.uint8), "shape (0, 6, 4, 3)"),
        (np.zeros((5, 0, 4, 3), np.uint8), "shape"),
    ],
)
def test_images_that_are_none(tmp_path: Path, images: object, words: str) -> None:
    assert words in refusal(write(tmp_path, x=images))


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.arange(4), "each of the 5 images"),
        (np.arange(6), "each of the 5 images"),
        (np.eye(4, dtype=np.int64), "each of the 5 images"),
        (np.eye(5)[None], "each of the 5 images"),
        (np.array([], np.int64), "each of the 5 images"),
        (np.arange(5) + 0.5, "whole number"),
        (np.array([0, 1, np.nan, 2, 3]), "whole number"),
        (np.array([0, 1, np.inf, 2, 3]), "whole number"),
        (np.array([0, 1, 1e12, 2, 3]), "which is none"),
        (np.ones((5, 3)), "not one-hot"),
        (np.zeros((5, 3)), "not one-hot"),
        (np.full((5, 2), 0.5), "not one-hot"),
        (np.array([list("ab")] * 5), "dtype"),
        (np.array(list("abcde")), "whole number"),
        (np.array([0, 1, -1, 2, 3]), "negative"),
    ],
)
def test_labels_that_are_none(tmp_path: Path, labels: np.ndarray, words: str) -> None:
    assert words in refusal(write(tmp_path, x=COLOUR, y=labels))


@pytest.mark.parametrize("dtype", ["u1", "i8", "f4", "?"])
def test_one_hot_labels(tmp_path: Path, dtype: str) -> None:
    rows = np.zeros((5, 7), dtype)
    rows[np.arange(5), [6, 0, 3, 3, 1]] = 1
    assert opened(tmp_path, x=COLOUR, y=rows).labels == (6, 0, 3, 3, 1)


@pytest.mark.parametrize("shape", [(5,), (5, 1)])
def test_whole_numbers_as_floats(tmp_path: Path, shape: tuple[int, ...]) -> None:
    labels = np.array([4.0, 0.0, 2.0, 1.0, 999.0], np.float32).reshape(shape)
    assert opened(tmp_path, x=COLOUR, y=labels).labels == (4, 0, 2, 1, 999)


def test_channels_first_are_recognised_and_said(tmp_path: Path) -> None:
    dataset = opened(tmp_path, x=COLOUR.transpose(0, 3, 1, 2))
    for index in range(5):
        np.testing.assert_array_equal(dataset.read(index), COLOUR[index])
    [note] = dataset.notes
    assert str(note).endswith("x has shape (5, 3, 6, 4): taken as (count, channels, height, width)")
    grey = opened(tmp_path, x=COLOUR[..., 0][:, None])
    np.testing.assert_array_equal(grey.read(2), COLOUR[2, ..., :1])


@pytest.mark.parametrize("shape", [(5, 3, 32, 3), (5, 1, 9, 1), (5, 3, 3, 3)])
def test_where_both_could_be_channels_the_last_axis_is_and_that_is_said(
    tmp_path: Path, shape: tuple[int, ...]
) -> None:
    images = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    dataset = opened(tmp_path, x=images)
    assert dataset.read(0).shape == shape[1:]
    assert str(dataset.notes[0]).endswith("taken as (count, height, width, channels)")


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        ("X", "Y"),
        ("X", "y"),
        ("images", "labels"),
        ("x_test", "y_test"),
        ("x_train", "y_train"),
        ("x_test", "labels"),
    ],
)
def test_customary_names_of_arrays(tmp_path: Path, images: str, labels: str) -> None:
    dataset = opened(tmp_path, **{images: COLOUR, labels: np.arange(5)})
    assert dataset.labels == (0, 1, 2, 3, 4)
    assert dataset.notes == ()
    np.testing.assert_array_equal(dataset.read(4), COLOUR[4])


def test_arrays_that_are_not_read_are_said(tmp_path: Path) -> None:
    dataset = opened(tmp_path, x_test=COLOUR, y_train=np.arange(9), extra=np.zeros((2, 3)))
    assert dataset.labels is None
    [note] = dataset.notes
    assert "images are 'x_test', no labels" in note.message
    assert "'y_train' (9,) int64, 'extra' (2, 3) float64" in note.message


def test_without_images_what_is_there_is_listed(tmp_path: Path) -> None:
    path = write(tmp_path, pixels=COLOUR, digits=np.arange(5))
    message = refusal(path)
    assert "no array 'x'" in message
    assert "'pixels' (5, 6, 4, 3) uint8, 'digits' (5,) int64" in message
    dataset = open_dataset(f"{path}:pixels,digits")
    assert dataset.labels == (0, 1, 2, 3, 4)
    assert open_dataset(f"{path}:pixels").labels is None


def test_two_parts_are_refused_and_can_be_chosen(tmp_path: Path) -> None:
    arrays = {
        "x_train": COLOUR[:3], "y_train": np.arange(3),
        "x_test": COLOUR[3:], "y_test": np.array([7, 8]),
    }  # fmt: skip
    path = write(tmp_path, **arrays)
    message = refusal(path)
    for name in arrays:
        assert repr(name) in message
    dataset = open_dataset(f"{path}:x_test,y_test")
    assert dataset.labels == (7, 8)
    assert dataset.name == f"{path}:x_test,y_test"
    np.testing.assert_array_equal(dataset.read(0), COLOUR[3])
    with pytest.raises(InputError, match=r"no array 'x_tset': it has 'x_train' \(3, 6, 4, 3\)"):
        open_dataset(f"{path}:x_tset")
    with pytest.raises(InputError, match=r"one array of images"):
        open_dataset(f"{path}:x_test,y_test,x_train")


def test_a_chosen_array_of_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.npz"):
        open_dataset(tmp_path / "none.npz:x")


def test_a_member_that_is_no_array_does_not_stand_in_the_way(tmp_path: Path) -> None:
    path = write(tmp_path, x=COLOUR)
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("readme.txt", "these are images")
    assert len(open_dataset(path)) == 5


class Trap:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return (open, (str(self.path), "w"))


@pytest.mark.parametrize("key", ["x", "y"])
def test_pickled_objects_are_not_run(tmp_path: Path, key: str) -> None:
    sprung = tmp_path / "sprung"
    array = np.empty(5, object)
    array[:] = [Trap(sprung)] * 5
    assert "Python objects" in refusal(write(tmp_path, **{"x": COLOUR, key: array}))
    assert not sprung.exists()


def test_a_bare_pickle_is_not_run(tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    path.write_bytes(pickle.dumps(Trap(tmp_path / "sprung")))
    assert "no .npz" in refusal(path)
    assert not (tmp_path / "sprung").exists()


def test_images_of_several_sizes_are_explained(tmp_path: Path) -> None:
    ragged = np.empty(2, object)
    ragged[:] = [COLOUR[0], COLOUR[1, :3]]
    assert "one size" in refusal(write(tmp_path, x=ragged))


BROKEN: dict[str, bytes] = {
    "empty": b"",
    "text": b"not an archive\n",
    "archive of nothing": b"PK\5\6" + bytes(18),
    "bare array": b"\x93NUMPY\1\0",
}


@pytest.mark.parametrize("kind", sorted(BROKEN))
def test_no_archive_of_arrays(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "data.npz"
    path.write_bytes(BROKEN[kind])
    refusal(path)


def test_a_single_array_renamed(tmp_path: Path) -> None:
    np.save(tmp_path / "data.npy", COLOUR)
    (tmp_path / "data.npy").rename(tmp_path / "data.npz")
    assert "no .npz" in refusal(tmp_path / "data.npz")


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.999])
def test_truncated(tmp_path: Path, part: float) -> None:
    path = write(tmp_path, x=COLOUR, y=np.arange(5))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    assert "truncated" in refusal(path)


def test_bit_errors_end_in_an_input_error_or_in_the_data(tmp_path: Path) -> None:
    path = write(tmp_path, x=COLOUR, y=np.arange(5))
    whole = path.read_bytes()
    random = np.random.default_rng(1)
    for _ in range(150):
        content = bytearray(whole)
        content[random.integers(len(content))] ^= 1 << random.integers(8)
        path.write_bytes(content)
        try:
            dataset = open_dataset(path)
        except InputError:
            continue
        np.testing.assert_array_equal(dataset.read(0), COLOUR[0])


def archive(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name.replace("_npy", ".npy"), content)
    return path


def test_members_that_are_no_arrays(tmp_path: Path) -> None:
    for name in ("x", "x_npy"):
        assert "corrupt" in refusal(archive(tmp_path / "data.npz", **{name: b"a letter"}))


def array_of_claimed_shape(shape: str, descr: str = "|u1") -> bytes:
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + bytes(64)


@pytest.mark.parametrize("name", ["x_npy", "x", "y_npy"])
@pytest.mark.parametrize(
    ("shape", "descr"),
    [
        ("(2000, 1000, 1000, 3)", "|u1"),
        ("(1000000, 1000000, 1000000, 3)", "|u1"),
        ("(100000, 10000)", "<f8"),
        ("(4,)", "|V2000000000"),
    ],
)
def test_a_tiny_file_that_claims_a_huge_array_allocates_nothing(
    tmp_path: Path, name: str, shape: str, descr: str
) -> None:
    images = io.BytesIO()
    np.save(images, COLOUR)
    members = {"x_npy": images.getvalue(), name: array_of_claimed_shape(shape, descr)}
    if name == "x":
        del members["x_npy"]
    path = archive(tmp_path / "data.npz", **members)
    assert_refused_within_memory(path)


def test_an_archive_that_lies_about_its_own_size_allocates_nothing(tmp_path: Path) -> None:
    path = archive(tmp_path / "data.npz", x_npy=array_of_claimed_shape("(1000, 1000, 1000, 3)"))
    content = bytearray(path.read_bytes())
    directory = content.index(b"PK\1\2")
    content[directory + 24 : directory + 28] = struct.pack("<I", 3_100_000_000)
    path.write_bytes(content)
    assert_refused_within_memory(path)


@pytest.mark.parametrize("second", ["x", "x.npy"])
def test_a_second_array_of_the_same_name_is_not_read_unseen(tmp_path: Path, second: str) -> None:
    images = io.BytesIO()
    np.save(images, COLOUR)
    huge = array_of_claimed_shape("(2000, 1000, 1000, 3)")
    for number, contents in enumerate([(huge, images.getvalue()), (images.getvalue(), huge)]):
        path = tmp_path / f"{number}.npz"
        with warnings.catch_warnings(), zipfile.ZipFile(path, "w") as file:
            warnings.simplefilter("ignore")  # zipfile warns of the name
            for name, content in zip(("x.npy", second), contents, strict=True):
                file.writestr(name, content)
        assert_refused_within_memory(path)


def assert_refused_within_memory(path: Path) -> None:
    tracemalloc.start()  # NumPy reports its arrays to it.
    try:
        refusal(path)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_constant_images_which_pack_best_are_taken(tmp_path: Path) -> None:
    dataset = opened(tmp_path, x=np.zeros((200, 64, 64, 3), np.uint8))
    assert isinstance(dataset, ImageArray)
    assert (tmp_path / "data.npz").stat().st_size < dataset.images.nbytes / 900
    assert len(dataset) == 200
