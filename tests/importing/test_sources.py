"""What SOURCE names, looked at without running any of it."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from edgecnn.core.errors import InputError
from edgecnn.importing.custom_code import custom_code
from edgecnn.importing.input_format import output_stem
from edgecnn.importing.sources import find_source


def keras_file(path: Path, config: object) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("metadata.json", "{}")
        archive.writestr("model.weights.h5", b"\x89HDF\r\n\x1a\n")
    return path


def layer(name: str, module: str | None = "keras.layers", registered: str | None = None) -> object:
    entry = {"module": module, "class_name": name, "config": {}, "registered_name": registered}
    return {"class_name": "Functional", "module": "keras", "config": {"layers": [entry]}}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"hello, this is text", "truncated or corrupt"),
        (b"PK\x03\x04 not really a zip", "truncated or corrupt"),
        (b"\x20\x00\x00\x00TFL3rest", "is no valid .tflite file|truncated|corrupt|damaged"),
    ],
)
def test_bad_files_are_refused_by_what_they_hold(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "model.keras"
    path.write_bytes(content)
    with pytest.raises(InputError, match=says):
        find_source(str(path))


def test_text_named_keras_is_called_corrupt_not_code(tmp_path: Path) -> None:
    path = tmp_path / "model.txt"
    path.write_text("text")
    with pytest.raises(InputError, match="is no model in a known format: give a ") as caught:
        find_source(str(path))
    endings = (".pt2", ".keras", ".h5", ".tflite", ".onnx")
    assert all(ending in str(caught.value) for ending in endings)


def test_truncated_keras_file(tmp_path: Path, shared_data: Path) -> None:
    whole = (shared_data / "models" / "mlperf_tiny_resnet8_cifar10.keras").read_bytes()
    path = tmp_path / "half.keras"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="truncated or corrupt"):
        find_source(str(path))


def test_flipped_bytes_inside_a_keras_file(tmp_path: Path, shared_data: Path) -> None:
    content = bytearray((shared_data / "models" / "mlperf_tiny_resnet8_cifar10.keras").read_bytes())
    middle = len(content) // 2
    content[middle : middle + 64] = bytes(64)
    path = tmp_path / "flipped.keras"
    path.write_bytes(content)
    with pytest.raises(InputError, match="corrupt"):
        find_source(str(path))


def test_an_h5_file_whose_strings_have_no_end(tmp_path: Path) -> None:
    # A heap of 64 bytes at 64, whose first object says that it takes no space.
    heap = b"GCOL\x01\0\0\0" + (64).to_bytes(8, "little") + bytes(48)
    path = tmp_path / "a.h5"
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(56) + heap)
    with pytest.raises(InputError, match=r"a\.h5' is corrupt: save the model again"):
        find_source(str(path))


@pytest.mark.parametrize(
    "config",
    [
        layer("Lambda"),
        layer("MyLayer", module="mypackage.layers"),
        layer("MyLayer", module=None, registered="Custom>MyLayer"),
    ],
)
def test_custom_code_needs_trust(tmp_path: Path, config: object) -> None:
    path = keras_file(tmp_path / "model.keras", config)
    with pytest.raises(InputError, match="--trust"):
        find_source(str(path))
    assert find_source(str(path), trust=True).kind == "keras"


def test_keras_own_layers_are_no_custom_code() -> None:
    config = layer("Conv2D", module="keras.layers")
    assert list(custom_code(config)) == []
    assert list(custom_code(layer("Functional", "keras.src.models.functional"))) == []


def test_missing_file_and_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        find_source(str(tmp_path / "absent.keras"))
    with pytest.raises(InputError, match="is not a SavedModel"):
        find_source(str(tmp_path))


def test_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(InputError, match="mobilenet_v2"):
        find_source("mobilnet_v2")


def test_output_stem_is_safe_for_any_file_name(tmp_path: Path) -> None:
    path = keras_file(tmp_path / "-a 'b'\n\"c\".keras", layer("Conv2D"))
    stem = output_stem(Path(find_source(str(path)).name))
    assert stem
    assert stem.isprintable()
    assert not set(stem) & set(" '\"\n/")
    assert not stem.startswith("-")
