"""Labels in a table, in COCO's JSON and in ImageNet's lists: what is read, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgecnn.core.errors import InputError
from edgecnn.data.datasets import open_dataset
from edgecnn.data.image_files import ImageFiles

from .image_folders import folder_of, levels


def refusal(data: Path) -> str:
    with pytest.raises(InputError) as refused:
        open_dataset(data)
    message = str(refused.value)
    assert len(message.splitlines()) == 1
    assert len(message) < 600
    return message


def table(folder: Path, content: str | bytes, name: str = "labels.csv") -> Path:
    """A table beside the images a.png, ``b c.png`` and sub/d.png of levels 0, 1, 2."""
    folder_of(folder, "a.png", "b c.png", "sub/d.png")
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


NAMED = "a.png,cat\nb c.png,dog\nsub/d.png,cat\n"


@pytest.mark.parametrize(
    "content",
    [
        NAMED,
        f"file,label\n{NAMED}",
        f"\ufeffFile Name,Class\r\n{NAMED}",
        NAMED.replace(",", ";"),
        f"image_path;species\n{NAMED.replace(',', ';')}",
        NAMED.replace(",", "\t"),
        'a.png,"cat"\n\n"b c.png", dog\n"sub/d.png","cat"\n\n',
        "id,width,label\na,4,cat\nb c,4,dog\nsub/d,4,cat\n",
        "id,filename,label\n1,a.png,cat\n2,b c.png,dog\n3,sub/d.png,cat\n",
        "sub\\d.png,cat\na.png,cat\nb c.png,dog\n",
    ],
)
def test_a_table_of_names_as_tools_write_it(tmp_path: Path, content: str) -> None:
    path = table(tmp_path, content)
    for data in (tmp_path, path):
        dataset = open_dataset(data)
        assert dataset.class_names == ("cat", "dog")
        assert dataset.states_indices is False
        assert dataset.name == str(data)
        assert dataset.labels is not None
        assert dict(zip(levels(dataset), dataset.labels, strict=True)) == {0: 0, 1: 1, 2: 0}
        assert dataset.notes == ()


@pytest.mark.parametrize("numbers", [("7", "0", "12"), ("007", "0", "12"), ("7.0", "0.0", "12.0")])
def test_whole_numbers_are_class_indices(tmp_path: Path, numbers: tuple[str, ...]) -> None:
    files = ("a.png", "b c.png", "sub/d.png")
    rows = "".join(f"{file},{number}\n" for file, number in zip(files, numbers, strict=True))
    dataset = open_dataset(table(tmp_path, rows))
    assert (dataset.labels, dataset.class_names, dataset.states_indices) == ((7, 0, 12), None, True)


def test_labels_txt_names_the_indices_of_a_table(tmp_path: Path) -> None:
    path = table(tmp_path, "a.png,0\nb c.png,2\n")
    (tmp_path / "labels.txt").write_text("cat\ndog\nbird\n")
    assert open_dataset(path).class_names == ("cat", "dog", "bird")


def test_one_name_among_numbers_makes_all_of_them_names(tmp_path: Path) -> None:
    dataset = open_dataset(table(tmp_path, "a.png,10\nb c.png,2\nsub/d.png,other\n"))
    assert (dataset.class_names, dataset.states_indices) == (("10", "2", "other"), False)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is empty"),
        ("file,label\n", "is empty"),
        ("a.png\n", "no comma, semicolon or tab"),
        ("a.png,cat;dog\n", "several of comma, semicolon and tab"),
        ("photo,kind\na.png,cat\n", "neither a header that is known"),
        ("cat,a.png\ndog,b c.png\n", "neither a header that is known"),
        ("file,label,class\na.png,0,cat\n", "columns 'label', 'class': keep one"),
        ("file,label\na.png,cat\nb c.png\n", "line 3: expected file and label"),
        ("file,label\na.png,\n", "line 2: the label is empty"),
        ("file,label\n,cat\n", "line 2: the file is empty"),
        ("file,label\na.png,0\nb c.png,-1\n", "negative class index -1"),
        ("file,label\na.png,cat\n../x.png,dog\n", "line 3: '../x.png' leads out of the folder"),
        ("file,label\na.png,cat\n..\\x.png,dog\n", "leads out of the folder"),
        ("file,label\n/etc/passwd,cat\n", "line 2: '/etc/passwd' leads out of the folder"),
        ("file,label\na.png,cat\na.png,dog\n", "'a.png' twice, as 'cat' (line 2) and as 'dog'"),
        ("file,label\nx.png,cat\ny.png,dog\n", "none of the 2 files"),
        ('file,label\na.png,"cat\n', "no table that can be read"),
        (b"file,label\na.png,\xff\xfe\n", "not a UTF-8 text"),
        ("file,label\na\0.png,cat\n", "line"),
    ],
)
def test_a_malformed_table(tmp_path: Path, content: str | bytes, words: str) -> None:
    message = refusal(table(tmp_path, content))
    assert words in message
    assert "labels.csv" in message


def test_a_table_that_lists_some_is_accounted_for(tmp_path: Path) -> None:
    dataset = open_dataset(table(tmp_path, "file,label\na.png,cat\ngone.png,dog\n"))
    assert isinstance(dataset, ImageFiles)
    assert len(dataset) == 2
    assert dataset.summary == (
        "3 files: 1 image, 1 image that 'labels.csv' does not list, 1 document (.csv), "
        "1 listed and not there"
    )
    assert dataset.summary in str(dataset.notes[0])
    with pytest.raises(InputError, match=r"gone\.png.*No such file"):
        dataset.read(1)


def test_a_file_in_two_places_is_refused(tmp_path: Path) -> None:
    folder_of(tmp_path, "a.png", "images/a.png", "images/b.png")
    (tmp_path / "labels.csv").write_text("file,label\nb.png,cat\nimages/b.png,cat\n")
    assert levels(open_dataset(tmp_path)) == [2, 2]
    (tmp_path / "labels.csv").write_text("file,label\na.png,cat\n")
    assert "may be" in refusal(tmp_path)


def test_a_name_without_suffix_that_fits_two_files_is_refused(tmp_path: Path) -> None:
    folder_of(tmp_path, "a.png", "a.jpg", "b.png")
    (tmp_path / "labels.csv").write_text("id,label\nb,cat\na,dog\n")
    assert "write the whole name" in refusal(tmp_path)


def test_two_lists_are_refused_with_the_choice(tmp_path: Path) -> None:
    table(tmp_path, NAMED)
    (tmp_path / "val_map.txt").write_text("a.png 3\n")
    assert "val_map.txt and labels.csv" in refusal(tmp_path)
    assert open_dataset(tmp_path / "val_map.txt").labels == (3,)
    assert open_dataset(tmp_path / "labels.csv").labels == (0, 1, 0)


def test_a_list_counts_more_than_folders_and_that_is_said(tmp_path: Path) -> None:
    folder_of(tmp_path, "cat/1.png", "cat/2.png", "dog/3.png", "more/4.png")
    (tmp_path / "labels.csv").write_text(
        "file,label\ncat/1.png,dog\ncat/2.png,cat\ndog/3.png,dog\n"
    )
    dataset = open_dataset(tmp_path)
    assert dataset.labels == (1, 0, 1)
    contradiction, left_out = map(str, dataset.notes)
    assert contradiction.startswith("1 image of ")
    assert contradiction.endswith("the list says the classes, the folders do not")
    assert "1 image that 'labels.csv' does not list" in left_out
    # Given itself, a list may lie anywhere: what is in folders that it does not name is not asked.
    assert len(open_dataset(tmp_path / "labels.csv").notes) == 1


def coco(folder: Path, **changes: Any) -> Path:
    """A COCO file of a.png (cat, two boxes), b.png (dog), and c.png without annotation."""
    folder_of(folder, "a.png", "b.png", "c.png")
    content = {
        "images": [
            {"id": 10, "file_name": "a.png"}, {"id": 20, "file_name": "b.png"},
            {"id": 30, "file_name": "c.png"},
        ],
        "annotations": [
            {"image_id": 20, "category_id": 18}, {"image_id": 10, "category_id": 17},
            {"image_id": 10, "category_id": 17},
        ],
        "categories": [
            {"id": 18, "name": "dog"}, {"id": 17, "name": "cat"}, {"id": 90, "name": "bird"},
        ],
    }  # fmt: skip
    path = folder / "annotations.json"
    path.write_text(json.dumps({**content, **changes}))
    return path


def test_coco_names_the_classes_and_its_ids_are_no_indices(tmp_path: Path) -> None:
    path = coco(tmp_path)
    for data in (path, tmp_path):
        dataset = open_dataset(data)
        assert (dataset.labels, dataset.states_indices) == ((0, 1), False)
        assert dataset.class_names == ("cat", "dog", "bird")
        assert levels(dataset) == [0, 1]
        notes = " ".join(map(str, dataset.notes))
        assert "1 image no category" in notes
        assert "1 image that 'annotations.json' does not list" in notes


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"annotations": [{"image_id": 10, "category_id": category} for category in (17, 18)]},
         "1 image several categories, such as 'a.png' (cat, dog)"),
        ({"annotations": [{"image_id": 10, "category_id": 1}]}, "lacks 1"),
        ({"annotations": [{"image_id": 10}]}, "lacks 'category_id'"),
        ({"annotations": []}, "is empty"),
        ({"annotations": None}, "needs the lists images, annotations, categories"),
        ({"images": [3]}, "no COCO file"),
        ({"images": [{"id": 1, "file_name": "a.png"}] * 2}, "images of the same id"),
        ({"categories": [{"id": 1, "name": "x"}, {"id": 2, "name": "x"}]}, "same id or name"),
        ({"images": [{"id": 10, "file_name": "../a.png"}]}, "leads out of the folder"),
    ],
)  # fmt: skip
def test_malformed_coco(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    assert words in refusal(coco(tmp_path, **changes))


@pytest.mark.parametrize("content", ["", "[]", '{"a.png": "cat"}', "\xff", "[" * 100_000])
def test_json_that_is_no_coco(tmp_path: Path, content: str) -> None:
    path = folder_of(tmp_path, "a.png") / "list.json"
    path.write_text(content, "latin-1")
    assert "list.json' is no" in refusal(path)


VALIDATION = tuple(f"ILSVRC2012_val_{number:08d}.JPEG" for number in (1, 2, 3))
WNIDS = ("n02000000", "n01000000", "n02000000")


def test_kaggle_s_solution_for_imagenet(tmp_path: Path) -> None:
    folder_of(tmp_path, *VALIDATION)
    box = "10 20 30 40"
    (tmp_path / "LOC_val_solution.csv").write_text(
        "ImageId,PredictionString\n"
        f"ILSVRC2012_val_00000003,{WNIDS[2]} {box} {WNIDS[2]} {box} \n"
        f"ILSVRC2012_val_00000001,{WNIDS[0]} {box}\n"
        f"ILSVRC2012_val_00000002,{WNIDS[1]} {box}\n"
    )
    dataset = open_dataset(tmp_path)
    assert (dataset.class_names, dataset.states_indices) == (("n01000000", "n02000000"), False)
    assert dict(zip(levels(dataset), dataset.labels or (), strict=True)) == {0: 1, 1: 0, 2: 1}


@pytest.mark.parametrize(
    "text", ["cat 1 2 3 4", "n01000000 1 2", "n01000000 1 2 3 4 n02000000 1 2 3 4"]
)
def test_a_solution_with_several_classes_is_refused(tmp_path: Path, text: str) -> None:
    folder_of(tmp_path, *VALIDATION)
    path = tmp_path / "LOC_val_solution.csv"
    path.write_text(f"ImageId,PredictionString\nILSVRC2012_val_00000001,{text}\n")
    assert "line 2: expected the wnid of one class" in refusal(path)


def test_a_map_of_wnids(tmp_path: Path) -> None:
    folder_of(tmp_path, *VALIDATION)
    lines = [f"{name} {wnid}" for name, wnid in zip(VALIDATION, WNIDS, strict=True)]
    (tmp_path / "val_map.txt").write_text("\n".join(lines))
    dataset = open_dataset(tmp_path)
    assert dataset.class_names == ("n01000000", "n02000000")
    assert (dataset.labels, dataset.states_indices) == ((1, 0, 1), False)


def test_the_list_of_synsets_goes_by_the_numbers_of_the_images(tmp_path: Path) -> None:
    folder_of(tmp_path, VALIDATION[2], VALIDATION[1])
    path = tmp_path / "imagenet_2012_validation_synset_labels.txt"
    path.write_text("\n".join(WNIDS) + "\n")
    dataset = open_dataset(tmp_path)
    assert dataset.class_names == ("n01000000", "n02000000")
    assert dict(zip(levels(dataset), dataset.labels or (), strict=True)) == {0: 1, 1: 0}
    path.write_text("n01440764\n490\n")
    assert "line 2: expected a wnid" in refusal(tmp_path)


def test_the_ground_truth_of_ilsvrc_is_never_taken_for_outputs(tmp_path: Path) -> None:
    folder_of(tmp_path, *VALIDATION)
    path = tmp_path / "ILSVRC2012_validation_ground_truth.txt"
    path.write_text("490\n361\n171\n")
    for data in (tmp_path, path):
        message = refusal(data)
        assert "count from 1 in ILSVRC's own order" in message
        assert "LOC_val_solution.csv" in message
    (tmp_path / "val_map.txt").write_text(f"{VALIDATION[0]} 65\n")
    assert open_dataset(tmp_path).labels == (65,)


def test_images_that_a_map_does_not_list_are_counted(tmp_path: Path) -> None:
    folder_of(tmp_path, "images/a.png", "images/b.png")
    (tmp_path / "val_map.txt").write_text("a.png 5\n")
    [note] = open_dataset(tmp_path).notes
    assert "3 files: 1 image, 1 image that 'val_map.txt' does not list, 1 document" in str(note)
