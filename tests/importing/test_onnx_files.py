"""``.onnx`` files: what is refused before a converter runs, and what comes out of it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import edgecnn
from edgecnn.core.errors import ConversionError, EdgecnnError, InputError
from edgecnn.data.inputspec import preset
from edgecnn.importing import outside_converter
from edgecnn.importing.formats.onnx_file import ONNX_PROGRAM
from edgecnn.importing.outside_converter import run_converter, stated_reason
from edgecnn.importing.sources import find_source
from edgecnn.model_metadata.input_tensors import stated_spec
from edgecnn.tflite.file import TfliteFile
from tests.importing.onnx_files import (
    SIDE,
    SmallNet,
    elsewhere,
    gate,
    gated,
    graph,
    message,
    model,
    node,
    tensor,
    within,
)

needs_onnx2tf = pytest.mark.skipif(
    shutil.which(ONNX_PROGRAM) is None, reason="onnx2tf is not installed: pipx install onnx2tf"
)
posix = pytest.mark.skipif(sys.platform == "win32", reason="the program is a shell script")

ENDS = (tensor("image", 1, 3, SIDE, SIDE), tensor("y", 1, 3, SIDE, SIDE))


def refusal(content: bytes, folder: Path) -> str:
    file = folder / "model.onnx"
    file.write_bytes(content)
    with pytest.raises(InputError) as caught:
        find_source(str(file))
    return str(caught.value)


def with_weights_in(file: str) -> bytes:
    ops = [node("Conv", ["image", "kernel"], "y")]
    return model(graph(ops, ENDS, [elsewhere("kernel", (3, 3, 1, 1), file)]))


def nested_graphs(depth: int) -> bytes:
    inner = graph([node("Relu", ["image"], "y")], ENDS)
    for _ in range(depth):
        inner = graph([node("If", ["image"], "y", within("then_branch", inner))], ENDS)
    return model(inner)


@pytest.fixture()
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Put a shell script in the converter's place: ``program("exit 3")``."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", os.pathsep.join([str(folder), os.environ["PATH"]]))

    def put(script: str) -> Path:
        file = folder / ONNX_PROGRAM
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)
        return file

    return put


def test_without_the_program_a_line_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    said = refusal(SmallNet().content(), tmp_path)
    assert "pipx install onnx2tf" in said
    assert "uv tool install onnx2tf" in said


@pytest.mark.parametrize("file", ["../kernel.bin", "/etc/passwd", "a/../../b", "C:\\k", "..\\k"])
def test_weights_in_another_folder(file: str, tmp_path: Path) -> None:
    assert "outside of its folder" in refusal(with_weights_in(file), tmp_path)


@posix
def test_weights_behind_a_link(tmp_path: Path) -> None:
    outside = tmp_path / "kernel.bin"
    outside.write_bytes(bytes(36))
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "kernel.bin").symlink_to(outside)
    assert "outside of its folder" in refusal(with_weights_in("kernel.bin"), folder)


def test_weights_that_are_missing_or_no_file(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    assert "No such file" in refusal(with_weights_in("kernel.bin"), tmp_path)
    assert "it is a folder" in refusal(with_weights_in("folder"), tmp_path)
    assert "outside of its folder" in refusal(with_weights_in("nu\0l"), tmp_path)


def test_ops_of_other_domains_are_named(tmp_path: Path) -> None:
    branch = graph([node("Whirl", ["image"], "y", domain="com.acme")], ENDS)
    ops = [node("Identity", ["image"], "y", within("body", branch))]
    said = refusal(model(graph(ops, ENDS), "com.acme"), tmp_path)
    assert "com.acme.Whirl" in said


def test_files_that_are_no_models(tmp_path: Path) -> None:
    whole = SmallNet().content()
    for content in (whole[: len(whole) // 2], b"\x08\x08\x12", b"\xff" * 64, message((1, 8))):
        assert "is no ONNX model" in refusal(content, tmp_path)


def test_graphs_without_end_are_refused(tmp_path: Path) -> None:
    assert "within each other" in refusal(nested_graphs(40), tmp_path)


def test_an_input_that_would_be_an_option(tmp_path: Path) -> None:
    assert "calls an input '-o'" in refusal(SmallNet(name="-o").content(), tmp_path)


@posix
@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo hello; echo 'ERROR: no such op'; exit 1", "onnx2tf cannot convert .*: no such op$"),
        ("kill -SEGV $$", r"which crashed \(SIGSEGV\)$"),
        ("kill -KILL $$", "which was killed .*lack of memory"),
        ("exit 3", "which ended with exit status 3$"),
    ],
)
def test_a_program_that_fails(
    script: str, said: str, tmp_path: Path, program: Callable[[str], Path]
) -> None:
    with pytest.raises(ConversionError, match=said):
        run_converter(ONNX_PROGRAM, [str(program(script))], "'a.onnx'", tmp_path)


@posix
def test_a_program_that_makes_nothing(tmp_path: Path, program: Callable[[str], Path]) -> None:
    program("exit 0")
    file = tmp_path / "model.onnx"
    file.write_bytes(SmallNet().content())
    with pytest.raises(EdgecnnError, match=r"onnx2tf made no float32 file of .*model\.onnx"):
        edgecnn.convert(file, quantize="float32", output=tmp_path)
    assert not list(tmp_path.glob("*.tflite"))


@posix
@pytest.mark.parametrize(
    "said",
    ["ModuleNotFoundError: No module named 'onnx2tf.ops.Whirl'",
     "ERROR: Whirl OP is not yet implemented."],
)  # fmt: skip
def test_an_op_that_older_programs_do_not_know_is_named(
    said: str, tmp_path: Path, program: Callable[[str], Path]
) -> None:
    program(f'echo "{said}"; exit 1')
    file = tmp_path / "model.onnx"
    file.write_bytes(SmallNet().content())
    with pytest.raises(InputError, match=r"cannot convert ops of .*: Whirl$"):
        edgecnn.convert(file, quantize="float32", output=tmp_path)


@posix
def test_open_sides_need_a_size(tmp_path: Path, program: Callable[[str], Path]) -> None:
    program("exit 3")  # it is not called
    file = tmp_path / "model.onnx"
    file.write_bytes(SmallNet((1, 3, "height", "width")).content())
    with pytest.raises(InputError, match=r"leaves the shape of its input open .*size="):
        edgecnn.convert(file, quantize="float32", output=tmp_path)


@posix
def test_a_program_that_hangs_is_ended(
    tmp_path: Path, program: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outside_converter, "CONVERTER_SILENCE_S", 2.0)
    with pytest.raises(ConversionError, match="said nothing for"):
        run_converter(ONNX_PROGRAM, [str(program("sleep 600"))], "'a.onnx'", tmp_path)


def test_the_reason_that_a_program_states() -> None:
    traceback = "Traceback (most recent call last):\n  File 'a'\nonnx.checker.ValidationError: bad"
    assert stated_reason(traceback) == "ValidationError: bad"
    assert stated_reason("\x1b[31mERROR:\x1b[0m no GridSample\r\n" + traceback) == "no GridSample"
    assert stated_reason("loading\n") == ""


@needs_onnx2tf
def test_answers_are_those_of_the_model(tmp_path: Path, photos: Path) -> None:
    file, net = tmp_path / "small.onnx", SmallNet(("batch", 3, "height", "width"))
    file.write_bytes(net.content())
    before = file.read_bytes()
    floats, integers = edgecnn.convert(
        file,
        quantize="float32,int8",
        size=SIDE,
        preprocess="unit",
        calibrate=photos,
        samples=12,
        output=tmp_path,
    )
    assert file.read_bytes() == before
    made = TfliteFile(floats.path).model
    assert [tensor.shape for tensor in made.inputs] == [(1, SIDE, SIDE, 3)]
    assert "TRANSPOSE" not in made.op_counts
    assert stated_spec(made) == preset("unit", SIDE, SIDE)
    assert any("channels first" in warning for warning in floats.warnings)
    image = np.random.default_rng(1).random((SIDE, SIDE, 3), np.float32)
    np.testing.assert_allclose(answer(floats.path, image), net.answer(image), atol=1e-5)
    pixels = np.round(image * 255).astype(np.uint8)
    wanted = net.answer(pixels / np.float32(255))
    np.testing.assert_allclose(answer(integers.path, pixels), wanted, atol=0.1)


def answer(file: Path, sample: np.ndarray) -> np.ndarray:
    """Return a file's scores, asked for by the names that the model has."""
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(str(file)).get_signature_runner()
    return np.asarray(runner(image=sample[None])["scores"][0])


@needs_onnx2tf
def test_no_file_has_its_channels_first_inside(tmp_path: Path, photos: Path) -> None:
    file, net = tmp_path / "gated.onnx", SmallNet()
    file.write_bytes(net.content(*gate()))
    image = np.random.default_rng(1).random((SIDE, SIDE, 3), np.float32)
    pixels = np.round(image * 255).astype(np.uint8)
    wanted = net.answer(pixels / np.float32(255), gated)
    for made in edgecnn.convert(
        file, quantize="all", preprocess="unit", calibrate=photos, samples=12, output=tmp_path
    ):
        model = TfliteFile(made.path).model
        assert "TRANSPOSE" not in model.op_counts, made.scheme
        assert [tensor.shape for tensor in model.inputs] == [(1, SIDE, SIDE, 3)]
        stated = stated_spec(model)
        assert stated is not None
        given = pixels if model.inputs[0].dtype == "uint8" else stated.normalize(pixels)
        np.testing.assert_allclose(answer(made.path, given), wanted, atol=0.2, err_msg=made.scheme)


@needs_onnx2tf
def test_an_op_that_the_program_does_not_know_is_named(tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    file.write_bytes(SmallNet().content(node("NoSuchOp", ["c"], "relu")))
    with pytest.raises(InputError, match=r"cannot convert ops of .*: NoSuchOp$"):
        edgecnn.convert(file, quantize="float32", output=tmp_path)
