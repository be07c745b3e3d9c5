"""Metadata and packed files that are broken, lie or attack: one line, bounded, nothing written."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgecnn.classification.classifier import read_classifier
from edgecnn.core.errors import InputError
from edgecnn.inspection.metadata_editing import set_metadata, strip_metadata
from edgecnn.model_metadata.described_file import DescribedFile
from edgecnn.model_metadata.overview import metadata
from edgecnn.model_metadata.public_metadata import ModelMetadata, TensorMetadata
from edgecnn.model_metadata.schema import METADATA_BUFFER
from edgecnn.model_metadata.user_metadata import About
from edgecnn.model_metadata.writing import encode_metadata, with_metadata
from edgecnn.tflite.writing import with_metadata_buffers

MEMORY_BYTES = 200 << 20
SECONDS = 5.0

LABELS = {"labels.txt": b"red\ngreen\nblue\n"}
DESCRIBED = ModelMetadata(
    name="Colours",
    inputs=(TensorMetadata(name="image", mean=(1.0,), std=(2.0,), color_space="RGB"),),
    outputs=(TensorMetadata(name="score", label_files=("labels.txt",)),),
)

Zip = Callable[[zipfile.ZipFile], None]


@pytest.fixture(scope="module")
def bare(colour_model: Any, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    written: bytes = colour_model(tmp_path_factory.mktemp("model") / "model.tflite").read_bytes()
    return written


@pytest.fixture(scope="module")
def whole(bare: bytes) -> bytes:
    return with_metadata(bare, DESCRIBED, LABELS)


@pytest.fixture()
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.tflite"


def with_zip(content: bytes, write: Zip, **options: Any) -> bytes:
    file = io.BytesIO(content)
    file.seek(0, io.SEEK_END)
    with zipfile.ZipFile(file, "w", **options) as archive:
        write(archive)
    return file.getvalue()


def refused(path: Path, content: bytes, says: str) -> None:
    """Each way to read or change the file is one line, and leaves it and its folder alone."""
    path.write_bytes(content)
    ways: tuple[Callable[[Path], object], ...] = (
        metadata,
        lambda file: set_metadata(file, about=About(author="Ada")),
    )
    for way in ways:
        with pytest.raises(InputError, match=says) as caught:
            way(path)
        assert len(str(caught.value).splitlines()) == 1
    assert path.read_bytes() == content
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    "name", ["../../x", "/tmp/x", "a/b", "..\\x", "c:x", "folder/", "..", "a\nb"]
)
def test_a_path_is_no_name(name: str, bare: bytes, path: Path) -> None:
    content = with_zip(bare, lambda archive: archive.writestr(name, b"x"))
    refused(path, content, "only plain names are taken")


def test_a_zip_bomb(bare: bytes, path: Path) -> None:
    def write(archive: zipfile.ZipFile) -> None:
        archive.writestr("labels.txt", bytes(100 << 20))

    content = with_zip(bare, write, compression=zipfile.ZIP_DEFLATED)
    assert len(content) < 1 << 20
    refused(path, content, "zip bomb")


def test_a_zip_bomb_that_lies_of_its_size(bare: bytes, path: Path) -> None:
    def write(archive: zipfile.ZipFile) -> None:
        archive.writestr("labels.txt", bytes(100 << 20))
        archive.infolist()[0].file_size = 10

    content = with_zip(bare, write, compression=zipfile.ZIP_DEFLATED)
    refused(path, content, "cannot be used")


def test_many_files(bare: bytes, path: Path) -> None:
    def write(archive: zipfile.ZipFile) -> None:
        for number in range(2000):
            archive.writestr(str(number), b"")

    refused(path, with_zip(bare, write), "2,000 files")


def test_a_long_directory(bare: bytes, path: Path) -> None:
    def write(archive: zipfile.ZipFile) -> None:
        for number in range(40):
            archive.writestr(f"{number}{'x' * 60_000}", b"")

    refused(path, with_zip(bare, write), "larger than any real one")


def test_unusual_packing(bare: bytes, path: Path) -> None:
    content = with_zip(bare, lambda a: a.writestr("a", b"x" * 99), compression=zipfile.ZIP_LZMA)
    refused(path, content, "unusual way")


def test_an_encrypted_file(bare: bytes, path: Path) -> None:
    content = bytearray(with_zip(bare, lambda archive: archive.writestr("a", b"x")))
    content[content.rindex(b"PK\1\2") + 8] |= 1
    refused(path, bytes(content), "encrypted")


def test_a_deflated_file_is_read(bare: bytes, path: Path) -> None:
    content = with_zip(bare, lambda a: a.writestr("a", b"x" * 99), compression=zipfile.ZIP_DEFLATED)
    path.write_bytes(content)
    assert DescribedFile(path).packed_files == {"a": b"x" * 99}


def test_labels_that_are_named_and_not_packed(bare: bytes, path: Path) -> None:
    path.write_bytes(with_metadata(bare, DESCRIBED, {}))
    with pytest.raises(InputError, match="no such file packed"):
        assert DescribedFile(path).labels


def test_labels_that_are_no_text(bare: bytes, path: Path) -> None:
    path.write_bytes(with_metadata(bare, DESCRIBED, {"labels.txt": b"\xff\xfe"}))
    with pytest.raises(InputError, match="not UTF-8"):
        assert DescribedFile(path).labels


def metadata_bytes() -> bytearray:
    return bytearray(encode_metadata(DESCRIBED))


@pytest.mark.parametrize(
    ("start", "patch", "says"),
    [
        (4, b"XXXX", "does not begin as metadata does"),
        (0, b"\xff\xff\xff\x7f", "outside"),
        (0, b"\xff\xff\xff\xff", "outside"),
    ],
)
def test_broken_metadata(start: int, patch: bytes, says: str, bare: bytes, path: Path) -> None:
    metadata = metadata_bytes()
    metadata[start : start + len(patch)] = patch
    content = with_metadata_buffers(bare, {METADATA_BUFFER: bytes(metadata)})
    refused(path, content, f"metadata of .* is broken .*{says}.*edgecnn metadata strip")
    strip_metadata(path)
    assert DescribedFile(path).metadata is None


@pytest.mark.parametrize("content", [b"", b"M001", b"\4\0\0\0M001"])
def test_metadata_that_is_cut(content: bytes, bare: bytes, path: Path) -> None:
    refused(path, with_metadata_buffers(bare, {METADATA_BUFFER: content}), "is broken")


def test_an_offset_outside_of_the_file(whole: bytes, path: Path) -> None:
    content = bytearray(whole)
    # The vector that holds the metadata is found by its identifier, four bytes into it.
    length = content.index(b"M001") - 8
    content[length : length + 4] = b"\xff\xff\xff\x7f"
    refused(path, bytes(content), "truncated or corrupt")


def test_metadata_of_shared_parts_ends(bare: bytes, path: Path) -> None:
    """A small file can refer to one table any number of times."""
    one = TensorMetadata(name="x" * 1000).to_tree()
    content = with_metadata_buffers(bare, {METADATA_BUFFER: shared(one, 200_000)})
    refused(path, content, "broken|truncated or corrupt")


def shared(tree: dict[str, Any], count: int) -> bytes:
    """Encode a graph whose outputs are all one and the same table."""
    import flatbuffers

    from edgecnn.model_metadata.flatbuffer_tables import _write_table

    builder = flatbuffers.Builder(1024)
    one = _write_table(builder, "TensorMetadata", tree)

    def vector(table: int, length: int) -> int:
        builder.StartVector(4, length, 4)
        for _ in range(length):
            builder.PrependUOffsetTRelative(table)
        return int(builder.EndVector())

    outputs = vector(one, count)
    builder.StartObject(10)
    builder.PrependUOffsetTRelativeSlot(3, outputs, 0)
    graphs = vector(int(builder.EndObject()), 1)
    builder.StartObject(8)
    builder.PrependUOffsetTRelativeSlot(3, graphs, 0)
    builder.Finish(builder.EndObject(), b"M001")
    return bytes(builder.Output())


def test_truncated_at_every_thousandth_byte(shared_data: Path, path: Path) -> None:
    name = "mobilenet_v1_0.25_224_quant_metadata.tflite"
    content = (shared_data / "peers" / name).read_bytes()
    for length in range(0, len(content), 1000):
        path.write_bytes(content[:length])
        with pytest.raises(InputError) as caught:
            metadata(path)
        assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    "said",
    [{}, [1], "tf", 1.5, {"mean": 1, "std": 2}, {"mean": [0.0] * 3, "std": [0.0] * 3},
     {"height": 4, "width": 4, "mean": [1e308] * 3, "std": [1.0] * 3, "color_order": "RGB"},
     {"height": 4, "width": 4, "mean": [0.0] * 3, "std": [1e-300] * 3, "color_order": "RGB"}],
)  # fmt: skip
def test_nonsense_that_a_file_says_of_its_input(
    said: object, colour_model: Any, path: Path
) -> None:
    """It is as if nothing were said where the input is looked at, and refused where it is used."""
    colour_model(path, metadata={"input": said})
    set_metadata(path, about=About(author="Ada"))
    described = DescribedFile(path).metadata
    assert described is not None and described.inputs[0].mean is None
    with pytest.raises(InputError) as caught:
        read_classifier(path)
    assert len(str(caught.value).splitlines()) == 1


def huge(path: Path, head: bytes) -> Path:
    path.write_bytes(head)
    os.truncate(path, 2 << 30)
    return path


@pytest.mark.parametrize(
    "arguments", [("show",), ("set", "--name", "Ada"), ("strip",)], ids=lambda given: given[0]
)
@pytest.mark.parametrize("kind", ["zeros", "with header", "zip bomb", "labels without end"])
def test_within_memory_and_time(
    kind: str, arguments: tuple[str, ...], bare: bytes, path: Path, measure_edgecnn: Any
) -> None:
    make_attack(kind, bare, path)
    command, *options = arguments
    done = measure_edgecnn("metadata", command, path, *options)
    # What is packed is cut off unread by strip, and kept as it is by set.
    taken = {"zip bomb": ("strip",), "labels without end": ("set", "strip")}
    is_error = command not in taken.get(kind, ())
    assert done.returncode == (2 if is_error else 0)
    assert len(done.errors) == is_error
    assert done.peak_bytes < MEMORY_BYTES
    assert done.cpu_seconds < SECONDS


def test_two_gigabytes_of_labels(bare: bytes, path: Path, measure_edgecnn: Any) -> None:
    path.write_bytes(bare)
    labels = huge(path.with_name("labels.txt"), b"")
    done = measure_edgecnn("metadata", "set", path, "--labels", labels)
    assert done.returncode == 2
    assert "no file with labels" in done.errors[0]
    assert done.peak_bytes < MEMORY_BYTES


def make_attack(kind: str, bare: bytes, path: Path) -> None:
    labels = {"zip bomb": bytes(300 << 20), "labels without end": b"a\n" * (15 << 20)}
    if kind in labels:

        def write(archive: zipfile.ZipFile) -> None:
            archive.writestr("labels.txt", labels[kind])

        named = with_metadata(bare, DESCRIBED, {})
        path.write_bytes(with_zip(named, write, compression=zipfile.ZIP_DEFLATED))
    else:
        huge(path, b"\x20\0\0\0TFL3" if kind == "with header" else b"")


def test_gigabytes_behind_a_good_model_are_not_read(
    whole: bytes, path: Path, measure_edgecnn: Any
) -> None:
    output = path.with_name("out.tflite")
    done = measure_edgecnn("metadata", "set", huge(path, whole), "--name", "Ada", "-o", output)
    assert (done.returncode, done.errors) == (0, [])
    assert output.stat().st_size < 1 << 20
    assert done.peak_bytes < MEMORY_BYTES
