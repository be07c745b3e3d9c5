"""``edgecnn metadata`` as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgecnn.model_metadata.described_file import DescribedFile
from edgecnn.model_metadata.writing import with_packed_files
from edgecnn.tflite.reading import read_model

OWN = {"edgecnn": "0.1", "input": None, "scheme": "float32", "source": "a", "weights": "own"}
SPEC = {"height": 4, "width": 4, "mean": [0.0] * 3, "std": [255.0] * 3, "color_order": "RGB"}


@pytest.fixture()
def file(colour_model: Any, tmp_path: Path) -> Path:
    path: Path = colour_model(tmp_path / "model.tflite")
    return path


@pytest.fixture()
def labels(tmp_path: Path) -> Path:
    path = tmp_path / "labels.txt"
    path.write_text("red\ngreen\nblue\n")
    return path


def test_set_show_strip(file: Path, labels: Path, run_edgecnn: Any) -> None:
    before = read_model(file)
    done = run_edgecnn(
        "metadata", "set", file, "--labels", labels, "--mean", "127.5", "--std", "127.5",
        "--author", "Ada", "--license", "Apache-2.0", "--model-version", "v1", "--name", "Colours",
        "--description", "Three colours.",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    # A model without softmax is drop-in for no task library, and that is said.
    assert "note: not drop-in for MediaPipe" in done.stdout
    shown = json.loads(run_edgecnn("metadata", "show", file, "--json").stdout)
    assert shown["labels"] == ["red", "green", "blue"]
    said = {key: shown["metadata"][key] for key in ("name", "author", "license", "version")}
    assert said == {"name": "Colours", "author": "Ada", "license": "Apache-2.0", "version": "v1"}
    (image,) = shown["metadata"]["inputs"]
    assert (image["mean"], image["minimum"], image["maximum"]) == ([127.5], [-1.0], [1.0])
    assert shown["packed_files"] == {"labels.txt": 15}
    text = run_edgecnn("metadata", "show", file).stdout
    for part in ("Colours", "Three colours.", "mean 127.5, std 127.5", "3: red, green, blue"):
        assert part in text
    assert run_edgecnn("metadata", "strip", file).returncode == 0
    after = read_model(file)
    assert (after.metadata, after.operators) == ({}, before.operators)
    assert DescribedFile(file).packed_files == {}


def test_set_keeps_what_is_not_named(file: Path, labels: Path, run_edgecnn: Any) -> None:
    run_edgecnn("metadata", "set", file, "--labels", labels, "--author", "Ada")
    packed = DescribedFile(file).packed_files
    file.write_bytes(with_packed_files(file.read_bytes(), {**packed, "golden.json": b"{}"}))
    other = file.with_name("other.tflite")
    before = file.read_bytes()
    assert run_edgecnn("metadata", "set", file, "--license", "MIT", "-o", other).returncode == 0
    assert file.read_bytes() == before
    metadata = DescribedFile(other).metadata
    assert metadata is not None
    assert (metadata.author, metadata.license) == ("Ada", "MIT")
    assert DescribedFile(other).labels == ("red", "green", "blue")
    assert DescribedFile(other).packed_files["golden.json"] == b"{}"
    labels.write_text("rot\ngruen\nblau\n")
    assert run_edgecnn("metadata", "set", other, "--labels", labels).returncode == 0
    assert DescribedFile(other).labels == ("rot", "gruen", "blau")
    assert DescribedFile(other).packed_files["golden.json"] == b"{}"


def test_makers_files_keep_what_they_say(
    shared_data: Path, tmp_path: Path, run_edgecnn: Any
) -> None:
    source = shared_data / "peers" / "mobilenet_v2_1.0_224_quant.tflite"
    output = tmp_path / "made.tflite"
    done = run_edgecnn("metadata", "set", source, "--author", "Ada", "-o", output)
    assert done.returncode == 0, done.stderr
    before, after = DescribedFile(source).metadata, DescribedFile(output).metadata
    assert before is not None and after is not None
    assert (after.inputs, after.outputs) == (before.inputs, before.outputs)
    assert DescribedFile(output).packed_files == DescribedFile(source).packed_files
    assert read_model(output).operators == read_model(source).operators


def test_a_file_of_ours_says_how_pixels_go_in(
    colour_model: Any, tmp_path: Path, run_edgecnn: Any
) -> None:
    path = colour_model(tmp_path / "ours.tflite", metadata={**OWN, "input": SPEC})
    assert run_edgecnn("metadata", "set", path, "--author", "Ada").returncode == 0
    metadata = DescribedFile(path).metadata
    assert metadata is not None
    assert set(metadata.inputs[0].std or ()) == {255.0}
    refused = run_edgecnn("metadata", "set", path, "--preprocess", "tf")
    assert refused.returncode == 2
    assert "says already how pixels go in" in refused.stderr
    assert run_edgecnn("metadata", "strip", path).returncode == 0
    assert list(read_model(path).metadata) == ["edgecnn"]
    assert run_edgecnn("metadata", "strip", path, "--all").returncode == 0
    assert read_model(path).metadata == {}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("set", "model.tflite"), "nothing is to be set"),
        (("set", "model.tflite", "--labels", "absent.txt"), "no such file: 'absent.txt'"),
        (("set", "model.tflite", "--labels", "empty.txt"), "has no labels"),
        (("set", "model.tflite", "--labels", "two.txt"), "2 labels, and the model 3 classes"),
        (("set", "model.tflite", "--labels", "four.txt"), "4 labels, and the model 3 classes"),
        (("set", "model.tflite", "--labels", "latin.txt"), "not UTF-8 in line 1"),
        (("set", "model.tflite", "--labels", "model.tflite"), "is no"),
        (("set", "model.tflite", "--mean", "1"), "--mean and --std go together"),
        (("set", "model.tflite", "--mean", "1", "--std", "0"), "std must be greater than 0"),
        (("set", "model.tflite", "--preprocess", "caffe"), "cannot say BGR"),
        (("set", "model.tflite", "--name", "x", "-o", "no/x"), "folder 'no' does not exist"),
        (("show", "absent.tflite"), "no such file"),
        (("show", "two.txt"), "is not a .tflite file"),
        (("strip", "two.txt"), "is not a .tflite file"),
    ],
)
def test_bad_input(arguments: tuple[str, ...], says: str, file: Path, run_edgecnn: Any) -> None:
    contents = {
        "empty.txt": b"",
        "two.txt": b"red\ngreen",
        "four.txt": b"r\ng\nb\nx",
        "latin.txt": b"r\xf6t\n",
    }
    for name, content in contents.items():
        (file.parent / name).write_bytes(content)
    before = {path.name: path.read_bytes() for path in file.parent.iterdir()}
    done = run_edgecnn("metadata", *arguments, cwd=file.parent)
    (line,) = done.stderr.splitlines()
    assert line.startswith("edgecnn: ") and says in line
    assert done.returncode == 2
    assert {path.name: path.read_bytes() for path in file.parent.iterdir()} == before
