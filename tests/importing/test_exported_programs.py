"""``.pt2`` files: what would run code is refused before PyTorch opens it."""

from __future__ import annotations

import json
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgecnn
from edgecnn.core.errors import InputError
from edgecnn.importing.formats.exported_program import PYTHON_VARIABLE, converter_python
from edgecnn.importing.sources import find_source
from edgecnn.tflite.file import TfliteFile

needs_litert_torch = pytest.mark.skipif(
    converter_python() is None, reason="litert-torch is not installed: pipx install litert-torch"
)

CONV = {"target": "torch.ops.aten.conv2d.default", "inputs": [], "outputs": []}

EXPORT = """
import sys, torch
torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3, 2, 1), torch.nn.ReLU(), torch.nn.Flatten())
batch = torch.export.Dim("batch")
images = torch.rand(2, 3, 16, 16)
program = torch.export.export(model.eval(), (images,), dynamic_shapes=({0: batch},))
torch.export.save(program, sys.argv[1])
import numpy
with torch.no_grad():
    numpy.savez(sys.argv[2], image=images.numpy(), answer=model(images).numpy())
"""


def exported(folder: Path, *nodes: dict[str, Any], **entries: Any) -> Path:
    """Write a file with a graph of these ops, and with other entries in its description."""
    file = folder / "model.pt2"
    described = {"graph_module": {"graph": {"nodes": list(nodes)}}, **entries}
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("model/models/model.json", json.dumps(described))
        archive.writestr("model/data/weights/weight_0", bytes(64))
    return file


def refusal(file: Path, *, trust: bool = False) -> str:
    with pytest.raises(InputError) as caught:
        find_source(str(file), trust=trust)
    return str(caught.value)


@pytest.fixture()
def without_converter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(PYTHON_VARIABLE, raising=False)


@pytest.mark.usefixtures("without_converter")
def test_without_the_converter_a_line_says_how_to_get_it(tmp_path: Path) -> None:
    said = refusal(exported(tmp_path, CONV))
    assert "pipx install litert-torch" in said
    assert PYTHON_VARIABLE in said


@pytest.mark.parametrize(
    "target",
    ["torch.os.system", "torch.ops.aten.from_file.default", "#make.Thing", "_operator.attrgetter"],
)
@pytest.mark.usefixtures("without_converter")
def test_an_op_that_does_more_than_compute(target: str, tmp_path: Path) -> None:
    file = exported(tmp_path, CONV, {**CONV, "target": target})
    assert f"its op '{target}'" in refusal(file)
    assert "pipx install" in refusal(file, trust=True)


@pytest.mark.parametrize(
    "size",
    ["__import__('os').system('id')", "exec(chr(105))", "Symbol('s0; x')", "Integer.__base__"],
)
@pytest.mark.usefixtures("without_converter")
def test_a_size_that_is_code(size: str, tmp_path: Path) -> None:
    file = exported(tmp_path, CONV, sizes=[{"as_expr": {"expr_str": size}}])
    assert "its size" in refusal(file)


@pytest.mark.usefixtures("without_converter")
def test_sizes_as_pytorch_writes_them(tmp_path: Path) -> None:
    sizes = [
        "Symbol('s40', positive=True, integer=True)",
        "Add(Mul(Integer(2), Symbol('s0', integer=True)), Integer(-1))",
        "torch.utils._sympy.functions.FloorDiv(Symbol('s1'), Integer(2))",
    ]
    described = [{"expr_str": size} for size in sizes]
    assert "pipx install" in refusal(exported(tmp_path, CONV, sizes=described))


@pytest.mark.usefixtures("without_converter")
def test_pickled_objects(tmp_path: Path) -> None:
    assert "it unpickles an object" in refusal(exported(tmp_path, CONV, w={"use_pickle": True}))
    assert "a class by its name" in refusal(exported(tmp_path, CONV, spec='{"__enum__": 1}'))


def test_zips_that_are_no_models(tmp_path: Path) -> None:
    file = exported(tmp_path, CONV)
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    assert "is no .pt2 file, or is damaged" in refusal(file)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.json", "[]")
    assert "torch.export.save" in refusal(file)


@needs_litert_torch
def test_answers_are_those_of_the_model(tmp_path: Path) -> None:
    python, file, known = converter_python(), tmp_path / "model.pt2", tmp_path / "known.npz"
    assert python is not None
    subprocess.run([python, "-I", "-c", EXPORT, file, known], check=True, capture_output=True)
    (made,) = edgecnn.convert(file, quantize="float32", output=tmp_path)
    model = TfliteFile(made.path).model
    assert [tensor.shape for tensor in model.inputs] == [(1, 16, 16, 3)]
    assert any("channels first" in warning for warning in made.warnings)
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(str(made.path)).get_signature_runner()
    (name,) = runner.get_input_details()
    arrays = np.load(known)
    images = arrays["image"].transpose(0, 2, 3, 1)
    answers = [next(iter(runner(**{name: image[None]}).values()))[0] for image in images]
    np.testing.assert_allclose(answers, arrays["answer"], atol=1e-5)
