"""What a folder given as data may be, and how a malformed one is refused."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgecnn.core.errors import InputError
from edgecnn.data.datasets import open_dataset, shadowed_name

ODD_NAMES = ["a b.png", "two\nlines.png", 'it\'s "quoted".png', "--help.png", "-.png", "ü 日本.PNG"]


def save(path: Path, level: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (4, 4), level).save(path, "PNG")


def refusal(data: object) -> str:
    with pytest.raises(InputError) as refused:
        open_dataset(data)  # type: ignore[arg-type]
    message = str(refused.value)
    assert len(message.splitlines()) == 1
    return message


def mapped(folder: Path, lines: str | bytes, labels: str | None = None) -> Path:
    """A folder with images a.png, "b c.png" and the given ``val_map.txt``."""
    for level, name in enumerate(["a.png", "b c.png"]):
        save(folder / "images" / name, level)
    content = lines if isinstance(lines, bytes) else lines.encode()
    (folder / "val_map.txt").write_bytes(content)
    if labels is not None:
        (folder / "labels.txt").write_bytes(labels.encode())
    return folder


def test_class_folders_in_the_order_of_their_names(tmp_path: Path) -> None:
    for level, name in enumerate(["b/2.png", "b/1.png", "a/9.png", "c d/0.png"]):
        save(tmp_path / name, level)
    dataset = open_dataset(tmp_path)
    assert len(dataset) == 4
    assert dataset.labels == (0, 1, 1, 2)
    assert dataset.class_names == ("a", "b", "c d")
    assert dataset.classes == 3
    assert [int(dataset.read(index)[0, 0, 0]) for index in range(4)] == [2, 1, 0, 3]
    assert dataset.item_name(0) == str(tmp_path / "a" / "9.png")
    assert dataset.name == str(tmp_path)


def test_hidden_files_and_other_files_are_passed_over(tmp_path: Path) -> None:
    save(tmp_path / "a" / "1.png")
    save(tmp_path / "a" / "._1.png")
    save(tmp_path / "a" / ".hidden.png")
    save(tmp_path / ".git" / "1.png")
    (tmp_path / "a" / "notes.txt").write_text("no image")
    (tmp_path / "a" / "folder.png").mkdir()
    (tmp_path / "README.md").write_text("no image")
    dataset = open_dataset(tmp_path)
    assert [Path(dataset.item_name(index)).name for index in range(len(dataset))] == ["1.png"]
    assert dataset.class_names == ("a",)


def test_odd_names_of_files(tmp_path: Path) -> None:
    for level, name in enumerate(sorted(ODD_NAMES)):
        save(tmp_path / name, level)
    dataset = open_dataset(tmp_path)
    assert dataset.labels is None
    assert dataset.class_names is None
    assert dataset.classes is None
    levels = [int(dataset.read(index)[0, 0, 0]) for index in range(len(dataset))]
    assert levels == list(range(len(ODD_NAMES)))


@pytest.mark.parametrize("name", ["a b", "two\nlines", 'it\'s "quoted"', "-x", "ü", "digits "])
def test_odd_names_of_folders(tmp_path: Path, name: str) -> None:
    save(tmp_path / name / name / "1.png")
    dataset = open_dataset(tmp_path / name)
    assert dataset.class_names == (name,)
    assert dataset.read(0).shape == (4, 4, 3)


def test_a_name_that_is_no_unicode(tmp_path: Path) -> None:
    save(tmp_path / "1.png")
    try:
        (tmp_path / "1.png").rename(os.fsdecode(bytes(tmp_path) + b"/\xff.png"))
    except OSError:
        pytest.skip("this file system takes Unicode names only")
    dataset = open_dataset(tmp_path)
    assert dataset.read(0).shape == (4, 4, 3)


def test_a_text_path_and_a_relative_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path / "-data" / "a" / "1.png")
    monkeypatch.chdir(tmp_path)
    assert len(open_dataset("-data")) == 1
    assert len(open_dataset(str(tmp_path / "-data"))) == 1


def test_a_folder_named_as_the_built_in_data_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path / "digits" / "a" / "1.png")
    monkeypatch.chdir(tmp_path)
    own, built_in = open_dataset("digits"), open_dataset("builtin:digits")
    assert (len(own), len(built_in)) == (1, 364)
    assert shadowed_name(own) == "builtin:digits"
    for other in (built_in, open_dataset("digits-train"), open_dataset("digits/a")):
        assert shadowed_name(other) is None


def test_a_folder_of_that_name_without_images_is_refused_with_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "digits-train").mkdir()
    monkeypatch.chdir(tmp_path)
    message = refusal(Path("digits-train"))
    assert "holds no images" in message
    assert message.endswith("builtin:digits-train")


@pytest.mark.parametrize("name", ["builtin:", "builtin:digit", "builtin:builtin:digits"])
def test_built_in_data_that_is_not_there(name: str) -> None:
    with pytest.raises(InputError, match="digits-train"):
        open_dataset(name)


def test_map_in_the_form_of_mlperf(tmp_path: Path) -> None:
    dataset = open_dataset(mapped(tmp_path, "b c.png 7\na.png 0\n"))
    assert dataset.labels == (7, 0)
    assert dataset.classes == 8
    assert dataset.class_names is None
    assert [int(dataset.read(index)[0, 0, 0]) for index in range(2)] == [1, 0]


@pytest.mark.parametrize(
    "lines",
    [
        "a.png 3\r\nb c.png 4\r\n",
        "\ufeffa.png 3\nb c.png 4",
        "a.png   3  \n  b c.png 4\t\n",
        "\n\na.png 3\n   \nb c.png 4\n\n",
        "a.png\t3\nb c.png\t4\n",
    ],
)
def test_map_as_tools_and_editors_write_it(tmp_path: Path, lines: str) -> None:
    dataset = open_dataset(mapped(tmp_path, lines))
    assert dataset.labels == (3, 4)
    assert [int(dataset.read(index)[0, 0, 0]) for index in range(2)] == [0, 1]


@pytest.mark.parametrize(
    "name", ["ü 日本.png", "form\x0cfeed.png", "next\x85line.png", "\u2028.png"]
)
def test_map_with_odd_names(tmp_path: Path, name: str) -> None:
    mapped(tmp_path, f"{name} 1\na.png 0\n", labels=f"{name}\nplain\n")
    save(tmp_path / "images" / name, 9)
    dataset = open_dataset(tmp_path)
    assert dataset.labels == (1, 0)
    assert dataset.class_names == (name, "plain")
    assert dataset.read(0)[0, 0, 0] == 9


def test_map_beside_its_images(tmp_path: Path) -> None:
    save(tmp_path / "a.png")
    save(tmp_path / "sub" / "b.png")
    (tmp_path / "val_map.txt").write_text("a.png 1\nsub/b.png 0\n")
    dataset = open_dataset(tmp_path)
    assert [dataset.read(index).shape for index in range(2)] == [(4, 4, 3)] * 2


def test_a_listed_image_that_is_missing_is_found_when_it_is_read(tmp_path: Path) -> None:
    dataset = open_dataset(mapped(tmp_path, "a.png 0\nnone.png 1\n"))
    assert len(dataset) == 2
    with pytest.raises(InputError, match=r"none\.png.*No such file"):
        dataset.read(1)


@pytest.mark.parametrize(
    "line",
    [
        "a.png",
        "7",
        "a.png seven",
        "a.png 7.0",
        "a.png -1",
        "a.png +1",
        "a.png 1e3",
        "a.png 0x1",
        "a.png ²",
        "a.png " + "9" * 5000,
        "a.png 12345678901234567890",
        "a.png,7",
        "\0",
    ],
)
def test_malformed_line_is_named_by_its_number(tmp_path: Path, line: str) -> None:
    message = refusal(mapped(tmp_path, f"a.png 0\n\n{line}\nb c.png 1\n"))
    assert "val_map.txt', line 3:" in message
    assert len(message) < 500


@pytest.mark.parametrize("name", ["../x.png", "sub/../../x.png", "/etc/passwd", "..", "a/.."])
def test_paths_that_lead_out_are_refused(tmp_path: Path, name: str) -> None:
    message = refusal(mapped(tmp_path, f"a.png 0\n{name} 1\n"))
    assert "line 2" in message
    assert "leads out" in message
    assert repr(name) in message


@pytest.mark.parametrize("lines", ["", "\n \n", "\ufeff"])
def test_empty_map(tmp_path: Path, lines: str) -> None:
    assert "empty" in refusal(mapped(tmp_path, lines))


def test_map_that_is_no_text(tmp_path: Path) -> None:
    assert "UTF-8" in refusal(mapped(tmp_path, b"\xff\xfe\0a\0\n\x80"))


def test_labels_name_the_classes(tmp_path: Path) -> None:
    dataset = open_dataset(mapped(tmp_path, "a.png 2\n", labels="\ufeffcat\r\ndog, brown\r\nü\r\n"))
    assert dataset.class_names == ("cat", "dog, brown", "ü")
    assert dataset.classes == 3


@pytest.mark.parametrize("labels", ["cat\ndog\n", "cat\ndog", ""])
def test_labels_shorter_than_an_index(tmp_path: Path, labels: str) -> None:
    message = refusal(mapped(tmp_path, "a.png 0\nb c.png 2\n", labels=labels))
    assert "class index 2" in message
    assert f"names {len(labels.split())}" in message


def test_labels_that_are_no_text(tmp_path: Path) -> None:
    folder = mapped(tmp_path, "a.png 0\n")
    (folder / "labels.txt").write_bytes(b"\xff\xfe\x80")
    assert "labels.txt' is not a UTF-8 text" in refusal(folder)


def test_folder_without_images(tmp_path: Path) -> None:
    folder = tmp_path / "a\nb"
    folder.mkdir()
    assert "holds no images" in refusal(folder)
    (folder / "class").mkdir()
    (folder / "class" / "notes.txt").write_text("no image")
    assert "holds no images" in refusal(folder)


@pytest.mark.parametrize("name", ["none", "two\nlines", "--help", "digit", "x" * 300])
def test_nothing_there(tmp_path: Path, name: str) -> None:
    refusal(tmp_path / name)


def test_nothing_there_lists_what_could_be(tmp_path: Path) -> None:
    message = refusal(tmp_path / "none")
    assert "none'" in message
    assert "digits" in message


@pytest.mark.parametrize("name", ["photo.png", "data.tar.gz", "no suffix"])
def test_a_file_that_is_no_data_set(tmp_path: Path, name: str) -> None:
    save(tmp_path / name)
    assert "a folder or an .npz is needed" in refusal(tmp_path / name)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "pipe'" in refusal(tmp_path / "pipe")


def test_photographs(shared_data: Path) -> None:
    dataset = open_dataset(shared_data / "imagenet_sample")
    assert len(dataset) == 500
    assert dataset.labels == tuple(range(0, 1000, 2))
    assert dataset.class_names is not None
    assert (len(dataset.class_names), dataset.class_names[:2]) == (1000, ("tench", "goldfish"))
    assert dataset.classes == 1000
    first = dataset.read(0)
    assert first.dtype == np.uint8
    assert first.shape[2] == 3
    assert min(first.shape[:2]) >= 224
