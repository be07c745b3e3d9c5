"""Reading .tflite files that others made, and files that are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgecnn.core.errors import InputError
from edgecnn.tflite.reading import METADATA_NAME, parse_model, read_model
from edgecnn.tflite.writing import pack, unpack, with_metadata_buffers


def test_structure_agrees_with_the_runtime(shared_data: Path) -> None:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    path = shared_data / "peers" / "tf2_mobilenet_v2_1.0_224_ptq.tflite"
    model = read_model(path)
    # The public resolver without delegates shows the ops as they are in the file.
    interpreter = Interpreter(
        model_path=str(path),
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    assert [op.name for op in model.operators] == [
        detail["op_name"] for detail in interpreter._get_ops_details()
    ]
    (expected,) = interpreter.get_input_details()
    (found,) = model.inputs
    assert found.shape == tuple(expected["shape"])
    assert found.dtype == expected["dtype"].__name__
    assert (found.scale[0], found.zero_point[0]) == pytest.approx(expected["quantization"])


@pytest.mark.parametrize(
    ("name", "scheme"),
    [
        ("mobilenet_v1_0.25_224_float.tflite", "float32"),
        ("mobilenet_v1_0.25_224_quant_metadata.tflite", "int8"),
        ("tf2_mobilenet_v2_1.0_224_ptq.tflite", "int8"),
    ],
)
def test_scheme_of_the_makers_files(shared_data: Path, name: str, scheme: str) -> None:
    assert read_model(shared_data / "peers" / name).scheme == scheme


def test_metadata_survives_and_is_reproducible(shared_data: Path) -> None:
    content = (shared_data / "peers" / "mobilenet_v1_0.25_224_float.tflite").read_bytes()
    edited = with_metadata_buffers(content, {METADATA_NAME: b'{"scheme": "float32"}'})
    assert edited == with_metadata_buffers(content, {METADATA_NAME: b'{"scheme": "float32"}'})
    again = with_metadata_buffers(edited, {METADATA_NAME: b'{"scheme": "int8"}'})
    model = parse_model(again, "edited")
    assert model.edgecnn == {"scheme": "int8"}
    assert model.operators == parse_model(content, "original").operators


def test_weights_behind_the_flatbuffer_are_brought_in(shared_data: Path) -> None:
    content = (shared_data / "peers" / "mobilenet_v1_0.25_224_float.tflite").read_bytes()
    model = unpack(content)
    buffer = next(entry for entry in model.buffers if entry.data is not None)
    values = bytes(buffer.data)
    buffer.data, buffer.offset, buffer.size = None, len(content), len(values)
    # The offset is not known before the rest is packed; its value does not change the size.
    buffer.offset = len(pack(model, len(content)))
    moved = pack(model, len(content)) + values
    again = unpack(moved).buffers[model.buffers.index(buffer)]
    assert bytes(again.data) == values
    assert (again.offset, again.size) == (0, 0)


def test_every_truncation_is_one_error(shared_data: Path, tmp_path: Path) -> None:
    whole = (shared_data / "peers" / "tf2_mobilenet_v2_1.0_224_ptq.tflite").read_bytes()
    path = tmp_path / "cut.tflite"
    for length in (8, 1000, len(whole) // 2, len(whole) - 1000):
        path.write_bytes(whole[:length])
        try:
            read_model(path)
        except InputError as error:
            assert "truncated or corrupt" in str(error)
        else:
            # What was cut lies past all tables: then only the weights at the end are affected.
            assert length > len(whole) // 2


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"", "is empty"), (b"some text, not a model", "is not a .tflite file")],
)
def test_no_tflite_file(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    with pytest.raises(InputError, match=says):
        read_model(path)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_model(tmp_path / "absent.tflite")
