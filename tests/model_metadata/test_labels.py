"""Label files as people have them, and the built-in names."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgecnn.core.errors import InputError
from edgecnn.model_metadata.labels import (
    check_count,
    duplicate_warning,
    imagenet_labels,
    label_bytes,
    read_label_file,
)
from edgecnn.model_metadata.user_metadata import About


@pytest.fixture()
def label_file(tmp_path: Path) -> Path:
    return tmp_path / "labels.txt"


@pytest.mark.parametrize(
    "content",
    [
        b"cat\nd\xc3\xb6g",
        b"cat\nd\xc3\xb6g\n",
        b"cat\nd\xc3\xb6g\n\n \n",
        b"\xef\xbb\xbfcat\nd\xc3\xb6g\n",
        b"cat\r\nd\xc3\xb6g\r\n",
        b"\xef\xbb\xbf  cat \r\n\td\xc3\xb6g\r\n\r\n",
    ],
)
def test_files_that_are_taken(content: bytes, label_file: Path) -> None:
    label_file.write_bytes(content)
    labels = read_label_file(label_file)
    assert labels == ("cat", "d\N{LATIN SMALL LETTER O WITH DIAERESIS}g")
    label_file.write_bytes(label_bytes(labels))
    assert read_label_file(label_file) == labels


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "has no labels"),
        (b"\xef\xbb\xbf", "has no labels"),
        (b"\n\r\n \n", "has no labels"),
        (b"cat\n\ndog\n", "no label in line 2"),
        (b"cat\nd\xf6g\n", "not UTF-8 in line 2"),
        ("cat\ndog\n".encode("utf-16"), "not UTF-8 in line 1"),
        ("cat\ndog\n".encode("utf-16-le"), "no text"),
        (b"x" * (5 << 20), "more than 4 MB"),
    ],
)
def test_files_that_are_refused(content: bytes, says: str, label_file: Path) -> None:
    label_file.write_bytes(content)
    with pytest.raises(InputError, match=says) as caught:
        read_label_file(label_file)
    assert len(str(caught.value).splitlines()) == 1


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_label_file(tmp_path / "absent.txt")
    with pytest.raises(InputError, match="is a folder"):
        read_label_file(tmp_path)


def test_the_count_is_the_classes() -> None:
    check_count(["a", "b"], 2, "labels")
    for classes, says in ((1, "a heading"), (3, "'background'"), (10, "2 labels.*10 classes$")):
        with pytest.raises(InputError, match=says):
            check_count(["a", "b"], classes, "labels")


def test_duplicates_are_told() -> None:
    assert duplicate_warning(["a", "b"], "labels") is None
    assert "'a'" in (duplicate_warning(["a", "b", "a"], "labels") or "")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"labels": []}, "has no labels"),
        ({"labels": ["a", " "]}, "line 2"),
        ({"labels": ["a\nb"]}, "more than a line"),
        ({"author": "a\0b"}, "author has control characters"),
        ({"license": "\udcff"}, "license is not UTF-8"),
        ({"description": "x" * 100_001}, "description has 100001 characters"),
    ],
)
def test_what_cannot_stand_in_metadata(given: dict[str, object], says: str) -> None:
    with pytest.raises(InputError, match=says):
        About.of(**given)  # type: ignore[arg-type]


def test_imagenet_names_are_the_classes_in_order(shared_data: Path) -> None:
    names = imagenet_labels(1000)
    assert names is not None
    assert len({name.lower() for name in names}) == 1000
    folder = shared_data / "imagenet_sample"
    peers = (folder / "labels.txt").read_text(encoding="utf-8").splitlines()
    # Where both take the same of WordNet's words; ours tells the two cranes and the like apart.
    differ = {peer: name for name, peer in zip(names, peers, strict=True) if name != peer}
    apart = {"crane (bird)", "crane (machine)", "Cardigan Welsh corgi", "tank suit"}
    assert set(differ.values()) <= apart
    wnids = (folder / "wnids.txt").read_text().split()
    assert wnids == sorted(wnids)


def test_imagenet_with_and_without_background() -> None:
    names = imagenet_labels(1000)
    assert imagenet_labels(1001) == ("background", *(names or ()))
    assert imagenet_labels(999) is None
