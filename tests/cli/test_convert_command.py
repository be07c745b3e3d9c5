"""``edgecnn convert`` as a user runs it: what it prints, and what bad input gets."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgecnn.core.errors import InputError
from edgecnn.quantize.output_paths import EndTypes, plan_outputs
from edgecnn.tflite.reading import read_model
from edgecnn.tflite.schemes import parse_schemes
from tests.children import children_of, wait_until

RESNET8 = "models/mlperf_tiny_resnet8_cifar10.keras"


def assert_one_line(result: subprocess.CompletedProcess[str], exit_code: int, *parts: str) -> None:
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("edgecnn: ")
    for part in parts:
        assert part in lines[0]
    assert result.returncode == exit_code


@pytest.fixture(scope="module")
def resnet8(shared_data: Path) -> Path:
    return shared_data / RESNET8


@pytest.fixture()
def images(tmp_path: Path) -> Callable[..., Path]:
    """Write an .npz with ``x``: ``images("noise.npz", array)``."""

    def write(name: str, x: Any, **more: Any) -> Path:
        path = tmp_path / name
        np.savez(path, x=x, **more)
        return path

    return write


@pytest.fixture()
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def noise(count: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(0).integers(0, 256, (count, 32, 32, 3), np.uint8)


@pytest.mark.fresh_processes
def test_two_sources_two_schemes_json(
    run_edgecnn: Any, resnet8: Path, images: Any, out: Path
) -> None:
    result = run_edgecnn(
        "convert", "mobilenet_v1", resnet8, "-q", "float32,int8", "--size", 32, "--json",
        "--preprocess", "raw", "-c", images("x.npz", noise(12)), "--samples", 12, "-o", out,
    )  # fmt: skip
    # A registered name knows its preprocessing; the other source is converted all the same.
    assert_one_line(result, 2, "mobilenet_v1 knows its preprocessing")
    files = json.loads(result.stdout)
    assert [(Path(f["path"]).name, f["scheme"]) for f in files] == [
        ("mlperf_tiny_resnet8_cifar10_float32.tflite", "float32"),
        ("mlperf_tiny_resnet8_cifar10_int8.tflite", "int8"),
    ]
    for file in files:
        assert file["bytes"] == Path(file["path"]).stat().st_size
        assert file["output_shape"] == [1, 10]
    assert sorted(p.name for p in out.iterdir()) == [Path(f["path"]).name for f in files]


def test_what_all_files_of_a_source_share_is_said_once(
    run_edgecnn: Any, resnet8: Path, out: Path
) -> None:
    said = run_edgecnn(
        "convert", resnet8, "-q", "float32,float16", "--preprocess", "raw", "-o", out
    )  # fmt: skip
    lines = said.stdout.splitlines()
    assert [line.split()[2] for line in lines if ".tflite" in line] == ["KiB", "KiB"]
    (images,) = (line for line in lines if line.startswith("  images: "))
    assert "whole, stretched to 32x32" in images


def test_hostile_file_names(run_edgecnn: Any, resnet8: Path, tmp_path: Path, out: Path) -> None:
    name = "-a 'b' \"c\"\n[red].keras"
    (tmp_path / name).write_bytes(resnet8.read_bytes())
    result = run_edgecnn("convert", "-q", "float32", "-o", out, "--", name, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    (made,) = out.iterdir()
    assert read_model(made).scheme == "float32"
    assert made.name.isprintable()


@pytest.mark.parametrize(
    ("arguments", "exit_code", "says"),
    [
        (["mobilenet_v2", "-q", "int4"], 2, "unknown quantisation scheme 'int4'"),
        (["text.tflite"], 2, "is no model in a known format"),
        (["garbage.h5", "-q", "float32"], 2, "cannot be loaded"),
        (["half.keras"], 2, "truncated or corrupt"),
        (["whole.keras"], 2, "int8 needs representative data: --calibrate"),
        (["whole.keras", "-c", "x.npz"], 2, "--preprocess tf|torch|caffe|unit|raw"),
        (["whole.keras", "-c", "x.npz", "--preprocess", "rgb"], 2, "unknown preprocessing 'rgb'"),
        (["whole.keras", "--preprocess", "tf", "--mean", "1"], 2, "not both"),
        (["whole.keras", "--alpha", "0.5"], 2, "--alpha goes with the name"),
        (["whole.keras", "-c", "few.npz", "--preprocess", "raw"], 2, "too few to calibrate"),
        (["whole.keras", "-c", "nan.npz", "--preprocess", "raw"], 2, "NaN or infinite"),
        (["whole.keras", "-c", "flat.npz", "--preprocess", "raw"], 2, "are of one colour"),
        (["whole.keras", "-c", "rank.npz", "--preprocess", "raw"], 2, "x has shape (12, 32)"),
        (["mobilenet_v2", "-o", "absent/"], 2, "does not exist"),
        (["mobilenet_v2", "-q", "all", "-o", "one.tflite"], 2, "5 files are to be made"),
        (["mobilenet_v2", "-o", "text.tflite/x.tflite"], 2, "is a file, where a folder is needed"),
        (["mobilenet_v2", "--input-type", "int16"], 2, "choose one of uint8, int8, float32"),
        (["mobilenet_v2", "--size", "20"], 2, "at least 32x32"),
        (["mobilenet_v2", "--size", "big"], 2, "is not a size"),
        (["two_inputs.keras", "-c", "x.npz"], 2, "no array 'input_layer"),
        (["whole.keras", "-c", "unit.npz", "--preprocess", "unit"], 2, "x spans 0 to 1"),
        (["whole.keras", "-c", "tf.npz", "--preprocess", "tf"], 2, "x spans -1 to 1"),
        (["whole.keras", "-c", "bits.npz", "--preprocess", "unit"], 2, "multiply them by 255"),
    ],
)
def test_bad_input_is_one_line(
    run_edgecnn: Any, bad_folder: Path, arguments: list[str], exit_code: int, says: str
) -> None:
    before = sorted(bad_folder.iterdir())
    result = run_edgecnn("convert", *arguments, cwd=bad_folder)
    assert_one_line(result, exit_code, says)
    assert result.stdout == ""
    assert sorted(bad_folder.iterdir()) == before


@pytest.fixture(scope="module")
def bad_folder(tmp_path_factory: pytest.TempPathFactory, resnet8: Path) -> Path:
    """A folder with one of each kind of bad file, and one good model."""
    keras = pytest.importorskip("keras")
    folder = tmp_path_factory.mktemp("bad input")
    whole = resnet8.read_bytes()
    (folder / "whole.keras").write_bytes(whole)
    (folder / "half.keras").write_bytes(whole[: len(whole) // 2])
    (folder / "text.tflite").write_text("this is a text")
    (folder / "garbage.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + b"garbage" * 100)
    np.savez(folder / "x.npz", x=noise(12))
    np.savez(folder / "few.npz", x=noise(3))
    np.savez(folder / "nan.npz", x=np.full((12, 32, 32, 3), np.nan))
    np.savez(folder / "flat.npz", x=np.full((12, 32, 32, 3), 7, np.uint8))
    np.savez(folder / "rank.npz", x=np.zeros((12, 32), np.uint8))
    np.savez(folder / "unit.npz", x=noise(12) / np.float32(255))
    np.savez(folder / "tf.npz", x=noise(12) / np.float32(127.5) - 1)
    np.savez(folder / "bits.npz", x=(noise(12) > 127).astype(np.uint8))
    inputs = [keras.Input((8, 8, 3)), keras.Input((8, 8, 3))]
    both = keras.layers.Flatten()(keras.layers.Add()(inputs))
    keras.Model(inputs, both).save(folder / "two_inputs.keras")
    return folder


def test_code_in_a_file_needs_trust(run_edgecnn: Any, tmp_path: Path, out: Path) -> None:
    keras = pytest.importorskip("keras")
    layers = [keras.Input((8, 8, 3)), keras.layers.Lambda(lambda x: x * 2.0)]
    layers += [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2)]
    keras.Sequential(layers).save(tmp_path / "lambda.keras")
    refused = run_edgecnn("convert", "lambda.keras", "-q", "float32", "-o", out, cwd=tmp_path)
    assert_one_line(refused, 2, "Lambda", "--trust")
    assert list(out.iterdir()) == []
    trusted = run_edgecnn(
        "convert", "lambda.keras", "-q", "float32", "-o", out, "--trust", cwd=tmp_path
    )
    assert trusted.returncode == 0, trusted.stderr


@pytest.fixture()
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=128k", "none", str(folder)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip(f"cannot mount a tmpfs: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_full_disk(run_edgecnn: Any, resnet8: Path, tiny_disk: Path) -> None:
    result = run_edgecnn("convert", resnet8, "-q", "float32", "-o", tiny_disk)
    assert_one_line(
        subprocess.CompletedProcess([], result.returncode, "", _errors(result)),
        1,
        "No space left on device",
    )
    assert list(tiny_disk.iterdir()) == []


def _errors(result: subprocess.CompletedProcess[str]) -> str:
    return "\n".join(line for line in result.stderr.splitlines() if line.startswith("edgecnn"))


def test_folder_without_permission(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("becoming another user needs root")
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o700)
    child = os.fork()
    if child == 0:
        os.setgid(65534)
        os.setuid(65534)
        try:
            plan_outputs("a", parse_schemes("int8"), EndTypes(), folder)
        except InputError as error:
            os._exit(7 if "ermission" in str(error) else 1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def start(out: Path, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "edgecnn", "convert", *map(str, arguments), "-o", str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.fresh_processes
@pytest.mark.parametrize("to_group", [False, True])
def test_interrupted_after_the_first_file(
    resnet8: Path, images: Any, out: Path, to_group: bool
) -> None:
    data = images("x.npz", noise(400))
    process = start(
        out, resnet8, "-q", "float32,int16x8,int8", "--preprocess", "raw", "-c", data,
        "--samples", 400,
    )  # fmt: skip
    wait_until(lambda: list(out.glob("*_float32.tflite")))
    children = children_of(process.pid)
    (os.killpg if to_group else os.kill)(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 130
    assert errors.strip() == "edgecnn: interrupted"
    assert all(path.suffix == ".tflite" for path in out.iterdir())
    assert read_model(next(out.glob("*_float32.tflite"))).scheme == "float32"
    assert not any(Path(f"/proc/{child}").exists() for child in children)


@pytest.mark.fresh_processes
def test_interrupted_while_tensorflow_is_imported(out: Path) -> None:
    process = start(out, "mobilenet_v2")
    wait_until(lambda: children_of(process.pid))
    children = children_of(process.pid)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)
    assert process.returncode == 130
    assert list(out.iterdir()) == []
    wait_until(lambda: not any(Path(f"/proc/{child}").exists() for child in children), seconds=5)


@pytest.mark.fresh_processes
def test_a_converter_that_dies_is_one_line(out: Path) -> None:
    process = start(out, "mobilenet_v2")
    wait_until(lambda: children_of(process.pid))
    os.kill(children_of(process.pid)[0], signal.SIGSEGV)
    output, errors = process.communicate(timeout=60)
    result = subprocess.CompletedProcess([], process.returncode, output, errors)
    assert_one_line(result, 1, "converting 'mobilenet_v2' failed", "SIGSEGV")
    assert list(out.iterdir()) == []


def test_debug_shows_the_traceback(run_edgecnn: Any) -> None:
    assert "Traceback" not in run_edgecnn("convert", "absent.keras").stderr
    assert "Traceback" in run_edgecnn("--debug", "convert", "absent.keras").stderr


@pytest.mark.parametrize("command", ["models", "summary", "convert", "bench", "demo"])
def test_every_command_has_help_with_an_example(run_edgecnn: Any, command: str) -> None:
    result = run_edgecnn(command, "--help")
    assert result.returncode == 0
    examples = [line.strip() for line in result.stdout.splitlines() if "  edgecnn " in line]
    assert any(line.startswith(f"edgecnn {command}") for line in examples)
