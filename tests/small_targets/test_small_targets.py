"""Files of integers alone, and what the tools of small targets say of them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgecnn
from edgecnn.core.errors import ConversionError, EdgecnnError, InputError
from edgecnn.model_metadata.described_file import DescribedFile
from edgecnn.quantize.result import Conversion
from edgecnn.small_targets.micro import has_tflite_micro, measure_arena
from edgecnn.small_targets.op_lists import MICRO_METHODS
from edgecnn.small_targets.targets import SMALL_TARGETS, prove, small_target
from edgecnn.small_targets.vela import find_vela
from edgecnn.snippets.microcontrollers import bare_model, c_name
from edgecnn.tflite.memory import activation_bytes
from edgecnn.tflite.reading import read_model
from tests.at_hand import not_here

REQUIRED_BY = "EDGECNN_REQUIRE_TARGETS"
"""Variable that is 1 where the tools must be here, as in CI."""

RUN_ON_MICRO = """
import sys, numpy as np
from tflite_micro.python.tflite_micro import runtime
model, image, answer = sys.argv[1:]
interpreter = runtime.Interpreter.from_file(model)
interpreter.set_input(np.load(image), 0)
interpreter.invoke()
np.save(answer, interpreter.get_output(0))
"""


@pytest.fixture(scope="module")
def made(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Conversion:
    """ResNet-8 for Ethos-U, whose proof is there where Vela is."""
    (conversion,) = edgecnn.convert(
        shared_data / "models" / "mlperf_tiny_resnet8_cifar10.keras",
        preprocess="raw",
        calibrate=shared_data / "imagenet_sample",
        samples=40,
        target="ethos-u",
        output=tmp_path_factory.mktemp("integers") / "8-bit net.tflite",
    )
    return conversion


@pytest.fixture
def vela() -> None:
    if find_vela() is None:
        not_here("Vela is not installed here: pip install ethos-u-vela", REQUIRED_BY)


@pytest.fixture
def tflite_micro() -> None:
    if not has_tflite_micro():
        not_here(
            "tflite-micro is not installed here (it has wheels for Linux on x86-64)",
            "EDGECNN_REQUIRE_TARGETS",
        )


def test_no_op_computes_in_floats_and_none_converts(made: Conversion) -> None:
    model = read_model(made.path)
    tensors = [t for op in model.operators for t in (*op.inputs, *op.outputs) if t is not None]
    assert {tensor.dtype for tensor in tensors} <= {"int8", "int32"}
    assert not {"QUANTIZE", "DEQUANTIZE"} & set(model.op_counts)
    assert (made.input_dtype, made.output_dtype) == ("int8", "int8")
    assert model.op_counts["SOFTMAX"] == 1


def test_what_the_target_set_is_said(made: Conversion) -> None:
    assert any("means all_int8=True, int8 in and int8 out" in note for note in made.warnings)
    assert not any("MediaPipe" in note for note in made.warnings)


@pytest.mark.usefixtures("vela")
def test_vela_leaves_no_operator_on_the_cpu(made: Conversion) -> None:
    assert made.target is not None
    assert made.target["takes"] is True
    assert made.target["figures"]["cpu_operators"] == 0
    assert made.target["figures"]["npu_operators"] > 0
    assert "estimates" in made.target["summary"]


@pytest.mark.usefixtures("tflite_micro")
def test_tflite_micro_answers_as_the_runtime_does(made: Conversion, tmp_path: Path) -> None:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(made.path))
    interpreter.allocate_tensors()
    image = np.random.default_rng(0).integers(-128, 128, (1, 32, 32, 3)).astype(np.int8)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
    interpreter.invoke()
    wanted = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    np.save(tmp_path / "image.npy", image)
    files = [str(tmp_path / name) for name in ("image.npy", "answer.npy")]
    subprocess.run([sys.executable, "-c", RUN_ON_MICRO, str(made.path), *files], check=True)
    answer = np.load(tmp_path / "answer.npy")
    assert answer.dtype == np.int8
    # Kernels round to neighbouring levels, which sums up over the layers.
    assert np.abs(answer.astype(int) - wanted.astype(int)).max() <= 16


@pytest.mark.usefixtures("tflite_micro")
def test_the_arena_stands_beside_the_estimate(made: Conversion) -> None:
    costs = edgecnn.inspect(made.path).costs
    assert costs.micro_arena_bytes is not None
    assert costs.activation_bytes == activation_bytes(read_model(made.path))
    # Input and first results: 3 + 2 x 16 channels of 32 x 32 live at once.
    assert 49_152 <= costs.micro_arena_bytes < 100_000
    proof = edgecnn.inspect(made.path, target="tflm").target
    assert proof is not None
    assert proof.takes is True


@pytest.mark.usefixtures("tflite_micro")
def test_what_tflite_micro_refuses_is_one_line(shared_data: Path) -> None:
    path = shared_data / "strangers" / "selfie.tflite"
    with pytest.raises(EdgecnnError) as caught:
        measure_arena(path, read_model(path), runs=False)
    assert "\n" not in str(caught.value)


def test_without_its_tool_a_file_is_not_proved(
    made: Conversion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    proof = prove(made.path, read_model(made.path), small_target("ethos-u"))
    assert proof.takes is None
    assert "pip install ethos-u-vela" in proof.summary


def test_the_edge_tpu_is_judged_by_its_published_limits(made: Conversion) -> None:
    proof = prove(made.path, read_model(made.path), small_target("edgetpu"))
    assert proof.takes is None
    assert "not proved" in proof.summary
    assert proof.notes == ()


@pytest.mark.parametrize("target", SMALL_TARGETS)
def test_a_float_file_suits_no_target_of_integers(target: str, shared_data: Path) -> None:
    path = shared_data / "strangers" / "resnet8_float.tflite"
    if target == "tflm" and not has_tflite_micro():
        pytest.skip("tflite-micro is not here, and it takes floats as well")
    proof = prove(path, read_model(path), small_target(target))
    assert proof.takes is (target == "tflm")


def test_the_file_answers_as_it_did_when_it_was_made(made: Conversion) -> None:
    assert edgecnn.verify(made.path).verdict == "identical"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "ethos"}, "unknown target 'ethos': choose ethos-u, tflm, edgetpu"),
        ({"target": "tflm", "quantize": "float32"}, 'target="tflm" takes int8 alone'),
        ({"target": "ethos-u", "output_type": "float32"}, 'contradicts output_type="float32"'),
        ({"target": "edgetpu", "input_type": "float32"}, 'contradicts input_type="float32"'),
        ({"target": "tflm", "max_drop": 1.0}, 'target="tflm" none'),
    ],
)
def test_what_contradicts_a_target_is_refused(options: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        edgecnn.convert("resnet8", output=tmp_path, **options)


def test_a_layer_without_an_integer_kernel_is_no_layer_of_an_integer_file(
    keras: Any, tmp_path: Path
) -> None:
    image = keras.Input((8, 8, 3))
    angles = keras.layers.Conv2D(4, 3)(image)
    model = keras.Model(image, keras.layers.Flatten()(keras.ops.sin(angles)))
    images = np.random.default_rng(0).integers(0, 256, (12, 8, 8, 3), np.uint8)
    np.savez(tmp_path / "images.npz", images=images)
    with pytest.raises(ConversionError, match=r"compute in float32.*1 SIN"):
        edgecnn.convert(
            model, preprocess="tf", calibrate=tmp_path / "images.npz", all_int8=True,
            output=tmp_path / "a.tflite",
        )  # fmt: skip


def test_ends_are_of_the_types_asked_for(tmp_path: Path) -> None:
    (made,) = edgecnn.convert(
        "resnet8", all_int8=True, input_type="uint8", output_type="float32",
        output=tmp_path / "a.tflite", recover="off",
    )  # fmt: skip
    assert (made.input_dtype, made.output_dtype) == ("uint8", "float32")
    model = read_model(made.path)
    converting = [op.name for op in model.operators if op.traits.converts]
    assert converting == ["QUANTIZE", "DEQUANTIZE"]
    assert (model.operators[0].name, model.operators[-1].name) == ("QUANTIZE", "DEQUANTIZE")


@pytest.mark.skipif(shutil.which("cc") is None, reason="a C compiler is needed")
def test_the_c_array_holds_the_model(made: Conversion, tmp_path: Path) -> None:
    name = c_name(made.path)
    assert name == "model_8_bit_net"
    (tmp_path / "model.h").write_text(edgecnn.snippet(made.path, "c-array"))
    (tmp_path / "main.c").write_text(
        f'#include <stdio.h>\n#include "model.h"\n'
        f"int main(void) {{ return fwrite({name}, 1, {name}_length, stdout) != {name}_length; }}\n"
    )
    program = tmp_path / "program"
    subprocess.run(["cc", "-std=c11", "-o", program, tmp_path / "main.c"], check=True)
    content = subprocess.run([program], capture_output=True, check=True).stdout
    assert content == bare_model(DescribedFile(made.path))
    assert content[4:8] == b"TFL3"
    assert len(content) < made.bytes


def test_the_program_names_the_ops_of_the_file_and_no_others(made: Conversion) -> None:
    program = edgecnn.snippet(made.path, "tflm")
    counts = read_model(made.path).op_counts
    for kind, method in MICRO_METHODS.items():
        assert (f"resolver.Add{method}()" in program) is (kind in counts)
    assert f"MicroMutableOpResolver<{len(counts)}>" in program
    assert "static_cast<int8_t>(pixels[i] - 128)" in program
    assert "0.00390625f * (output[i] - (-128))" in program
