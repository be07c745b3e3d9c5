"""What docs/architecture.md says an addition takes, done on a copy of the code.

Each test adds one thing to a copy, in no more files than the recipe says, and uses it by the
commands, as a user would.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TOP_FOLDERS = ("models", "quantize", "devices")
BYTE_CODE = shutil.ignore_patterns("__pycache__")

NETWORK = '''
"""A network of one convolution, to show what an architecture takes."""

from __future__ import annotations

from edgecnn.data.inputspec import preset
from edgecnn.models.layers import Blocks, classified, image_input, keras
from edgecnn.models.registry import register
from edgecnn.models.spec import BuildArguments


@register(
    year=2026,
    paper="a test",
    input=preset("tf", 32, 32),
    parameters=3 * 3 * 3 * 4 + 4 * 4 + 4 * 10 + 10,
    macs=16 * 16 * 3 * 3 * 3 * 4 + 4 * 10,
    top1_percent=None,
    top1_source="",
    classes=10,
)
def one_convolution(arguments: BuildArguments) -> keras.Model:
    """Build the network."""
    blocks = Blocks(epsilon=1e-3, size=arguments.size)
    inputs = image_input(arguments.size)
    x = blocks.convolution(inputs, 4, 3, name="conv", strides=2, activation="relu")
    return classified(inputs, x, arguments, "one_convolution")
'''

FOUR_BITS = '''
"""Weights of dense layers in four bits."""

from __future__ import annotations

import dataclasses

import numpy as np

from edgecnn.tflite.graph import Graph, Tensor
from edgecnn.tflite.numbers import INT4, INT8


def in_four_bits(graph: Graph) -> None:
    """Round the int8 weights of a graph's dense layers to four bits, two to a byte."""
    for op in graph.ops:
        if op.kind == "FULLY_CONNECTED" and op.weights.dtype == INT8.name:
            _round(op.weights)


def _round(weights: Tensor) -> None:
    factor = INT8.largest / INT4.largest
    levels = np.round(weights.values / factor).astype(np.int8).reshape(-1)
    levels = np.pad(levels, (0, levels.size % 2))
    assert weights.quantization is not None
    scales = (weights.quantization.scales * factor).astype(np.float32)
    weights.quantization = dataclasses.replace(weights.quantization, scales=scales)
    weights.dtype = INT4.name
    weights.data = (levels[::2] & 15 | levels[1::2] << 4).view(np.uint8)
'''

MAKER = """
def _dynamic4(maker: FileMaker, file: FileToMake) -> MadeFile:
    source = maker._source
    graph = read_graph(source.converted(SCHEMES["dynamic"], normalizes=file.normalizes))
    in_four_bits(graph)
    return MadeFile(finished(write_graph(graph), file))


MAKERS: dict"""

ROW = """
        Scheme(
            "dynamic4",
            INT4,
            FLOAT32,
            ("float32",),
            "4-bit weights of dense layers, float activations",
            colour=ORANGE,
            least_weights=1024,
        ),
        Scheme(
            "int8","""


class Copy:
    """A copy of the product that a test changes.

    Args:
        root: An empty folder.
    """

    def __init__(self, root: Path) -> None:
        self.root, self.changed = root, set[str]()
        shutil.copy(ROOT / "setup.cfg", root)
        shutil.copytree(ROOT / "edgecnn", root / "edgecnn", symlinks=True, ignore=BYTE_CODE)
        for top in TOP_FOLDERS:
            shutil.copytree(ROOT / top, root / top, ignore=BYTE_CODE)

    def add(self, name: str, content: str) -> None:
        """Write a file that was not there."""
        assert not (self.root / name).exists()
        (self.root / name).write_text(content.lstrip("\n"), "utf-8")
        self.changed.add(name)

    def replace(self, name: str, old: str, new: str) -> None:
        """Change one place of a file."""
        text = (self.root / name).read_text("utf-8")
        assert text.count(old) == 1, f"{name} has {old!r} {text.count(old)} times"
        (self.root / name).write_text(text.replace(old, new), "utf-8")
        self.changed.add(name)

    def run(self, *arguments: str) -> str:
        """Run a command of the copy, which must succeed, and return what it prints."""
        environment = {**os.environ, "PYTHONPATH": str(self.root)}
        command = [sys.executable, "-m", "edgecnn", *arguments]
        done = subprocess.run(
            command, cwd=self.root, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture()
def product(tmp_path: Path) -> Iterator[Copy]:
    copy = Copy(tmp_path)
    where = subprocess.run(
        [sys.executable, "-c", "import edgecnn.quantize; print(edgecnn.quantize.__file__)"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert where.stdout.startswith(str(tmp_path))
    yield copy


def test_an_architecture_is_one_file_and_one_line(product: Copy) -> None:
    pytest.importorskip("tensorflow")
    product.add("models/one_convolution.py", NETWORK)
    product.replace(
        "models/registry.py", '    "resnet8",\n', '    "resnet8",\n    "one_convolution",\n'
    )
    assert len(product.changed) == 2

    (listed,) = json.loads(product.run("models", "one_convolution", "--json"))
    assert listed["parameters"] == 108 + 16 + 50
    product.run("convert", "one_convolution", "--quantize", "float32", "-o", "m.tflite")
    (record,) = json.loads(product.run("bench", "m.tflite", "--no-store", "--json", "-"))
    assert record["input_shape"] == [1, 32, 32, 3]
    summary = json.loads(product.run("summary", "one_convolution", "--json"))
    assert (summary["parameters"], summary["macs"]) == (listed["parameters"], listed["macs"])


def test_a_scheme_is_at_most_four_files(product: Copy) -> None:
    pytest.importorskip("tensorflow")
    product.add("quantize/four_bits.py", FOUR_BITS)
    product.replace(
        "edgecnn/tflite/numbers.py",
        "\nINT8 = ",
        '\nINT4 = Numbers("int4", 4, is_integer=True)\nINT8 = ',
    )
    schemes, makers = "edgecnn/tflite/schemes.py", "quantize/scheme_makers.py"
    product.replace(schemes, "FLOAT32, INT8,", "FLOAT32, INT4, INT8,")
    product.replace(schemes, '            also=(("float32", "int4"),),\n', "")
    product.replace(schemes, '\n        Scheme(\n            "int8",', ROW)
    product.replace(makers, "\nMAKERS: dict", MAKER)
    product.replace(
        makers,
        '    "int8": FileMaker.int8,\n',
        '    "int8": FileMaker.int8,\n    "dynamic4": _dynamic4,\n',
    )
    product.replace(
        makers,
        "from edgecnn.quantize.latencies",
        "from edgecnn.quantize.four_bits import in_four_bits\nfrom edgecnn.quantize.latencies",
    )
    assert len(product.changed) == 4

    (product.root / "files").mkdir()
    options = ("--size", "32", "--classes", "10", "--quantize", "dynamic,dynamic4", "-o", "files")
    product.run("convert", "mlp", *options)
    small, large = (
        product.root / "files" / f"mlp_{name}.tflite" for name in ("dynamic4", "dynamic")
    )
    assert 1.8 < large.stat().st_size / small.stat().st_size < 2.1
    assert json.loads(product.run("inspect", str(small), "--json"))["scheme"] == "dynamic4"
    (record,) = json.loads(product.run("bench", str(small), "--no-store", "--json", "-"))
    assert record["scheme"] == "dynamic4"
