"""Public metadata written into files: the same bytes each time, and nothing else changed."""

from __future__ import annotations

import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from edgecnn.core.errors import InputError
from edgecnn.model_metadata.described_file import DescribedFile, parse_tree
from edgecnn.model_metadata.public_metadata import AssociatedFile, ModelMetadata, TensorMetadata
from edgecnn.model_metadata.writing import (
    append_packed_files,
    encode_tree,
    with_metadata,
    with_packed_files,
)
from edgecnn.tflite.reading import parse_model
from edgecnn.tflite.writing import with_buffers

FILES = {"labels.txt": b"red\ngreen\nblue\n", "more.bin": bytes(range(256))}

DESCRIBED = ModelMetadata(
    name="Colours",
    description="Tells red, green and blue.\nOf any image.",
    version="v3",
    author="Ada \N{LATIN SMALL LETTER E WITH ACUTE}",
    license="Apache-2.0",
    min_parser_version="1.0.0",
    inputs=(
        TensorMetadata(
            name="image",
            mean=(1.0, 2.0, 3.0),
            std=(4.0, 5.0, 6.0),
            color_space="RGB",
            minimum=(-1.0,),
            maximum=(2.5,),
        ),
    ),
    outputs=(TensorMetadata(name="score", label_files=("labels.txt",)),),
    files=(AssociatedFile("labels.txt"), AssociatedFile("more.bin", "Whatever else.")),
)


@pytest.fixture(scope="module")
def content(colour_model: Any, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("model") / "model.tflite"
    written: bytes = colour_model(path, metadata={"by": "somebody"}).read_bytes()
    return written


def test_what_is_written_is_read(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(with_metadata(content, DESCRIBED, FILES))
    assert DescribedFile(path).metadata == DESCRIBED
    assert DescribedFile(path).packed_files == FILES


def test_the_model_and_other_buffers_stay(content: bytes) -> None:
    before = parse_model(content, "before")
    after = parse_model(with_metadata(content, DESCRIBED, FILES), "after")
    assert (after.operators, after.inputs, after.outputs) == (
        before.operators, before.inputs, before.outputs,
    )  # fmt: skip
    assert after.metadata["edgecnn"] == b'{"by": "somebody"}'


def test_the_same_bytes_each_time(content: bytes) -> None:
    once = with_metadata(content, DESCRIBED, FILES)
    assert with_metadata(content, DESCRIBED, FILES) == once
    assert with_metadata(once, DESCRIBED, FILES) == once
    assert with_packed_files(once, FILES) == once


def test_packed_files_are_replaced_and_taken_away(content: bytes, tmp_path: Path) -> None:
    packed = with_metadata(content, DESCRIBED, FILES)
    bare = with_packed_files(packed, {})
    assert packed.startswith(bare)
    other = with_packed_files(packed, {"other.txt": b"x"})
    assert other.startswith(bare)
    path = tmp_path / "model.tflite"
    path.write_bytes(bare)
    append_packed_files(path, FILES)
    assert path.read_bytes() == packed


def test_other_programs_read_the_zip(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(with_metadata(content, DESCRIBED, FILES))
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        infos = archive.infolist()
    assert {info.compress_type for info in infos} == {zipfile.ZIP_STORED}
    whole = path.read_bytes()
    assert all(whole[info.header_offset :].startswith(b"PK\3\4") for info in infos)
    if shutil.which("unzip"):
        done = subprocess.run(["unzip", "-t", path], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "/x", "a/b", "a\\b", "c:x", "a\nb"])
def test_a_packed_file_has_a_plain_name(name: str, content: bytes) -> None:
    with pytest.raises(InputError, match="only plain names"):
        with_packed_files(content, {name: b""})


def axis_labels(**more: Any) -> dict[str, Any]:
    return {"associated_files": ({"name": "a", **more},)}


@pytest.mark.parametrize(
    ("tree", "version"),
    [
        # As the schema notes beside each field, "Added in".
        ({"name": "plain"}, "1.0.0"),
        (axis_labels(type=2), "1.0.0"),
        (axis_labels(type=5), "1.0.1"),
        (axis_labels(type=6), "1.4.0"),
        (axis_labels(version="2"), "1.4.1"),
        ({"subgraph_metadata": ({"input_process_units": ()},)}, "1.1.0"),
        ({"subgraph_metadata": ({"output_tensor_groups": ({"name": "g"},)},)}, "1.2.0"),
        ({"subgraph_metadata": ({"custom_metadata": ({"data": b"\1\2"},)},)}, "1.5.0"),
        (
            {
                "subgraph_metadata": (
                    {
                        "input_tensor_metadata": (
                            {
                                "content": {
                                    "content_properties": (
                                        "AudioProperties",
                                        {"sample_rate": 16000},
                                    ),
                                    "range": {"min": -1, "max": 4},
                                },
                                "process_units": ({"options": ("RegexTokenizerOptions", {})},),
                            },
                        ),
                    },
                )
            },
            "1.3.0",
        ),
    ],
)
def test_the_parser_that_is_needed(tree: dict[str, Any], version: str) -> None:
    assert parse_tree(encode_tree(tree)) == {**tree, "min_parser_version": version}


@pytest.mark.parametrize("edit", [None, b"", b"new", bytes(5000)])
def test_a_buffer_is_set_or_taken_out(edit: bytes | None, content: bytes) -> None:
    edited = with_buffers(content, {"edgecnn": edit, "other": b"1"})
    found = parse_model(edited, "edited").metadata
    assert found == {**({} if edit is None else {"edgecnn": edit}), "other": b"1"}
    assert with_buffers(edited, {"edgecnn": edit, "other": b"1"}) == edited


def test_a_buffer_that_a_tensor_shares_is_left(content: bytes) -> None:
    from edgecnn.tflite.writing import pack, unpack

    model = unpack(content)
    (weights,) = [t.buffer for t in model.subgraphs[0].tensors if t.name == b"weights"]
    model.metadata[0].buffer = weights
    shared = pack(model, len(content))
    before = parse_model(shared, "shared")
    for edit in (b"new", None):
        after = parse_model(with_buffers(shared, {"edgecnn": edit}), "edited")
        assert after.operators == before.operators
        assert after.metadata.get("edgecnn") == edit
