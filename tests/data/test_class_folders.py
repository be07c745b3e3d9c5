"""Folders as classes: which are, what their labels are, and that every file is accounted for."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

from edgecnn.core.errors import InputError
from edgecnn.data import image_formats
from edgecnn.data.datasets import open_dataset
from edgecnn.data.image_files import ImageFiles

from .image_folders import folder_of, levels, save


def summary(folder: Path) -> str:
    dataset = open_dataset(folder)
    assert isinstance(dataset, ImageFiles)
    return dataset.summary


def refusal(folder: Path) -> str:
    with pytest.raises(InputError) as refused:
        open_dataset(folder)
    message = str(refused.value)
    assert len(message.splitlines()) == 1
    return message


def test_empty_and_hidden_folders_are_no_classes_and_empty_ones_are_said(tmp_path: Path) -> None:
    folder_of(tmp_path, "a/1.png", ".cache/1.png", "c/1.png", "__MACOSX/1.png", "@eaDir/1.png")
    (tmp_path / "b").mkdir()
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "b.txt").write_text("no image")
    dataset = open_dataset(tmp_path)
    assert (dataset.labels, dataset.class_names) == ((0, 1), ("a", "c"))
    assert dataset.states_indices is False
    [note] = dataset.notes
    assert "2 folders without images, so no class (b, notes)" in note.message


def test_folders_that_are_numbers_are_class_indices(tmp_path: Path) -> None:
    folder_of(tmp_path, *(f"{number}/a.png" for number in range(12)))
    dataset = open_dataset(tmp_path)
    assert dataset.labels is not None
    # The order of the files is that of the folders' names, as ever; each image has its number.
    assert list(dataset.labels) == levels(dataset)
    assert sorted(dataset.labels) == list(range(12))
    assert (dataset.class_names, dataset.states_indices, dataset.classes) == (None, True, 12)


def test_numbers_with_zeros_in_front_and_gaps(tmp_path: Path) -> None:
    dataset = open_dataset(folder_of(tmp_path, "007/a.png", "010/a.png", "999/a.png"))
    assert (dataset.labels, dataset.states_indices) == ((7, 10, 999), True)


def test_labels_beside_numbered_folders_name_them(tmp_path: Path) -> None:
    folder_of(tmp_path, "0/a.png", "2/a.png")
    (tmp_path / "labels.txt").write_text("cat\ndog\nbird\n")
    assert open_dataset(tmp_path).class_names == ("cat", "dog", "bird")
    (tmp_path / "labels.txt").write_text("cat\ndog\n")
    assert "class index 2, but labels.txt names 2" in refusal(tmp_path)


def test_numbers_and_names_are_names(tmp_path: Path) -> None:
    dataset = open_dataset(folder_of(tmp_path, "10/a.png", "2/a.png", "other/a.png"))
    assert (dataset.labels, dataset.states_indices) == ((0, 1, 2), False)
    assert dataset.class_names == ("10", "2", "other")


def test_two_folders_of_one_number_are_refused(tmp_path: Path) -> None:
    assert "class index 1" in refusal(folder_of(tmp_path, "1/a.png", "01/a.png"))


def test_deeper_folders_belong_to_their_class_as_in_keras(tmp_path: Path, keras: object) -> None:
    names = ("cat/1.png", "cat/in/2.png", "cat/in/b/3.png", "dog/out/4.png", "dog/5.png")
    dataset = open_dataset(folder_of(tmp_path, *names))
    batches = keras.utils.image_dataset_from_directory(  # type: ignore[attr-defined]
        tmp_path, shuffle=False, batch_size=1, image_size=(16, 16), verbose=False
    )
    theirs = {int(image[0, 0, 0, 0]): int(label[0]) for image, label in batches}
    assert dataset.labels is not None
    assert dict(zip(levels(dataset), dataset.labels, strict=True)) == theirs
    assert summary(tmp_path) == "5 files: 5 images (3 in deeper folders of their class)"
    assert summary(tmp_path) in dataset.notes[0].message


@pytest.mark.parametrize(
    "names",
    [
        ("train/cat/1.png", "train/dog/1.png", "val/cat/1.png", "val/dog/1.png"),
        ("Train/1.png", "Validation/1.png"),
        ("train/cat/1.png", "test/1.png", "more/1.png"),
        ("val/cat/1.png", "extra/1.png"),
    ],
)
def test_parts_of_a_data_set_are_no_classes(tmp_path: Path, names: tuple[str, ...]) -> None:
    message = refusal(folder_of(tmp_path, *names))
    assert "parts of a data set and no classes" in message
    chosen = message.rpartition("give one of them, ")[2].strip("'")
    assert Path(chosen).parent == tmp_path
    assert len(open_dataset(chosen)) >= 1


def test_a_class_called_train_is_one_among_others(tmp_path: Path) -> None:
    dataset = open_dataset(folder_of(tmp_path, "bus/1.png", "car/1.png", "train/1.png"))
    assert dataset.class_names == ("bus", "car", "train")


def test_a_folder_around_the_class_folders_is_refused(tmp_path: Path) -> None:
    message = refusal(folder_of(tmp_path, "flowers/rose/1.png", "flowers/daisy/1.png"))
    assert message.endswith(f"give {str(tmp_path / 'flowers')!r}")


def test_images_and_one_folder_of_images_are_refused(tmp_path: Path) -> None:
    message = refusal(folder_of(tmp_path, "1.png", "2.png", "thumbnails/1.png"))
    assert "2 image(s), and a folder 'thumbnails' with others" in message


def test_images_beside_class_folders_are_counted(tmp_path: Path) -> None:
    folder_of(tmp_path, "cover.png", "a/1.png", "b/1.png")
    assert summary(tmp_path) == "3 files: 2 images, 1 image beside the class folders"
    assert len(open_dataset(tmp_path)) == 2


@pytest.mark.parametrize("suffix", [".jfif", ".jpe", ".JPG_large", ""])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM"])
def test_content_decides_where_the_suffix_says_nothing(
    tmp_path: Path, suffix: str, kind: str
) -> None:
    save(tmp_path / f"photo{suffix}", 200, kind)
    [level] = levels(open_dataset(tmp_path))
    assert abs(level - 200) <= 2  # JPEG is not exact
    assert open_dataset(tmp_path).notes == ()


def test_every_file_is_accounted_for(tmp_path: Path) -> None:
    folder_of(tmp_path, "a/1.png", "a/2.png", "b/3.png")
    (tmp_path / "a" / "clip.mp4").write_bytes(bytes(100))
    (tmp_path / "b" / "clip.mp4").write_bytes(bytes(100))
    (tmp_path / "b" / "array.npy").write_bytes(b"\x93NUMPY")
    (tmp_path / "b" / "BMW").write_bytes(b"BMW is a maker of cars, and this is no bitmap")
    (tmp_path / "b" / "photo.nef").write_bytes(b"MM\0*" + bytes(100))
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "Thumbs.db").write_bytes(b"")
    (tmp_path / "a" / ".DS_Store").write_bytes(b"")
    (tmp_path / "a" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    (tmp_path / "a" / "circle.png").symlink_to(tmp_path / "a" / "circle.png")
    found = summary(tmp_path)
    assert found.startswith("13 files: 3 images, ")
    for part in (
        "4 of unknown suffix (.mp4, .npy, none)",
        "1 raw camera file (.nef)",
        "1 document (.txt)",
        "2 hidden or the system's",
        "2 broken links (.png)",
    ):
        assert part in found
    assert found in str(open_dataset(tmp_path).notes[0])


def test_documents_and_hidden_files_alone_are_no_reason_for_a_note(tmp_path: Path) -> None:
    folder_of(tmp_path, "1.png")
    (tmp_path / "README.md").write_text("no image")
    (tmp_path / ".DS_Store").write_bytes(b"")
    assert open_dataset(tmp_path).notes == ()
    assert summary(tmp_path).startswith("3 files: 1 image, ")


def test_a_folder_without_images_says_what_is_there(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.mp4").write_bytes(b"")
    assert "(3 files: 0 images, 3 of unknown suffix (.mp4))" in refusal(tmp_path)


def test_links_are_followed_and_circles_are_not(tmp_path: Path) -> None:
    folder_of(tmp_path, "elsewhere/1.png", "data/b/2.png")
    (tmp_path / "data" / "a").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "data" / "b" / "up").symlink_to(tmp_path / "data")
    (tmp_path / "data" / "b" / "3.png").symlink_to(tmp_path / "elsewhere" / "1.png")
    dataset = open_dataset(tmp_path / "data")
    assert dataset.class_names == ("a", "b")
    names = [Path(dataset.item_name(index)) for index in range(len(dataset))]
    direct = [path.name for path in names if path.parent.parent == tmp_path / "data"]
    assert direct == ["1.png", "2.png", "3.png"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read all")
def test_a_folder_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    folder_of(tmp_path, "a/1.png", "b/1.png")
    (tmp_path / "b").chmod(0)
    try:
        assert "cannot read folder" in refusal(tmp_path)
    finally:
        (tmp_path / "b").chmod(0o700)


def gradient(kind: str, **options: object) -> tuple[bytes, np.ndarray]:
    """A picture of broad stripes in a format, and its pixels before it was written."""
    picture = np.repeat(np.linspace(0, 255, 8).astype(np.uint8), 8)
    image = np.broadcast_to(picture[None, :, None], (64, 64, 3))
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image)).save(file, kind, **options)
    return file.getvalue(), image


def test_heic_is_read_where_pillow_heif_is(tmp_path: Path) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    pillow_heif.register_heif_opener()
    content, pixels = gradient("HEIF", quality=95)
    for name in ("a/1.heic", "b/2.jpg", "b/3"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    dataset = open_dataset(tmp_path)
    assert (len(dataset), dataset.notes) == (3, ())
    for index in range(3):
        assert np.abs(dataset.read(index).astype(int) - pixels).mean() < 3


def test_heic_without_pillow_heif_is_named_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40)
    monkeypatch.setattr(image_formats, "_reads_heif", lambda: False)
    folder_of(tmp_path, "1.png")
    (tmp_path / "2.heic").write_bytes(box)
    (tmp_path / "3.jpg").write_bytes(box)
    (tmp_path / "4").write_bytes(box)
    dataset = open_dataset(tmp_path)
    remedy = "pip install 'edgecnn[heic]'"
    assert f'2 HEIF, read after "{remedy}" (.heic, none)' in str(dataset.notes[0])
    with pytest.raises(InputError, match=r"3\.jpg': it is HEIF: pip install 'edgecnn\[heic\]'"):
        dataset.read(1)


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF")
def test_avif_is_read_where_pillow_can(tmp_path: Path) -> None:
    content, pixels = gradient("AVIF", quality=95)
    (tmp_path / "1.avif").write_bytes(content)
    (tmp_path / "2.jpg").write_bytes(content)
    dataset = open_dataset(tmp_path)
    assert (len(dataset), dataset.notes) == (2, ())
    for index in range(2):
        assert np.abs(dataset.read(index).astype(int) - pixels).mean() < 3
