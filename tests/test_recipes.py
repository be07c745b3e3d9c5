"""What docs/architecture.md says an addition takes, done on a copy of the code.

Each test adds one thing to a copy, in no more files than the recipe says, and uses it by the
commands, as a user would.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from .sources import ROOT, copy_sources

TRANSPORT = ROOT / "tests" / "devices" / "local_transport.py"
CHART = ROOT / "tests" / "reporting" / "added_chart.py"

NETWORK = '''
"""A network of one convolution, to show what an architecture takes."""

from __future__ import annotations

from edgecnn.data.inputspec import preset
from edgecnn.models.layers import Blocks, classification_model, image_input, keras
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
    inputs = image_input(arguments)
    x = blocks.convolution(inputs, 4, 3, name="conv", strides=2, activation="relu")
    return classification_model(inputs, x, arguments, "one_convolution")
'''

FOUR_BITS = '''
"""Weights of dense layers in four bits."""

from __future__ import annotations

import dataclasses

import numpy as np

from edgecnn.tflite.graph import Graph
from edgecnn.tflite.numbers import INT4, INT8
from edgecnn.tflite.tensors_and_ops import Tensor


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
    float_graph = maker.source.float_model(maker.pixel_input(file)).graph
    graph = WEIGHTS_ONLY[SCHEMES["dynamic"].weights](float_graph)
    in_four_bits(graph)
    return MadeFile(with_file_metadata(write_graph(graph), file))


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

GZIPPED = '''
"""A float32 ``.tflite`` file that is packed by gzip."""

from __future__ import annotations

import gzip
from pathlib import Path

from edgecnn.importing.input_format import (
    InputFormat,
    LoadedModel,
    LoadOptions,
    NamedModel,
    Source,
)
from edgecnn.importing.stored_graph import StoredGraph, described
from edgecnn.tflite.serialization import read_graph


class _Gzipped(InputFormat):
    called = ".tflite.gz"
    needs_tensorflow = False

    def recognizes(self, model: NamedModel) -> bool:
        return model.head[:2] == b"\\x1f\\x8b"

    def load(self, source: Source, options: LoadOptions) -> LoadedModel:
        graph = read_graph(gzip.decompress(Path(source.name).read_bytes()))
        return LoadedModel(
            StoredGraph(graph),
            described(graph, graph.inputs, "inputs"),
            described(graph, graph.outputs, "outputs"),
            has_signatures=True,
        )


input_format = _Gzipped()
'''


class Copy:
    """A copy of the product that a test changes.

    Args:
        root: The copy's folder.
    """

    def __init__(self, root: Path) -> None:
        self.root, self.changed = root, set[str]()

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
    copy = Copy(copy_sources(tmp_path / "product"))
    where = subprocess.run(
        [sys.executable, "-c", "import edgecnn.quantize; print(edgecnn.quantize.__file__)"],
        cwd=copy.root, env={**os.environ, "PYTHONPATH": str(copy.root)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert where.stdout.startswith(str(copy.root))
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


def test_an_input_format_is_one_file_and_one_line(product: Copy) -> None:
    pytest.importorskip("tensorflow")
    product.add("edgecnn/importing/formats/gzipped.py", GZIPPED)
    product.replace(
        "edgecnn/importing/sources.py",
        "\nINPUT_FORMATS = {\n",
        '\nINPUT_FORMATS = {\n    "gzipped": "edgecnn.importing.formats.gzipped",\n',
    )
    assert len(product.changed) == 2

    options = ("--size", "32", "--classes", "10", "--quantize", "float32", "-o", "plain.tflite")
    product.run("convert", "resnet8", *options)
    packed = gzip.compress((product.root / "plain.tflite").read_bytes())
    (product.root / "packed.gz").write_bytes(packed)
    options = ("--preprocess", "tf", "--calibrate", "digits-train", "--samples", "20", "--json")
    (made,) = json.loads(product.run("convert", "packed.gz", *options))
    assert made["fidelity"]["after"]["agreement"] > 0.5
    (facts,) = json.loads(product.run("inspect", "packed_int8.tflite", "--json"))
    assert facts["golden"]["provenance"]["source"]["kind"] == "gzipped"
    assert (facts["scheme"], facts["inputs"][0]["dtype"]) == ("int8", "uint8")
    (record,) = json.loads(product.run("bench", "packed_int8.tflite", "--no-store", "--json", "-"))
    assert record["scheme"] == "int8"


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
        "\nfrom edgecnn.quantize.imported_source",
        "\nfrom edgecnn.quantize.four_bits import in_four_bits"
        "\nfrom edgecnn.quantize.imported_source",
    )
    assert len(product.changed) == 4

    (product.root / "files").mkdir()
    options = ("--size", "32", "--classes", "10", "--quantize", "dynamic,dynamic4", "-o", "files")
    product.run("convert", "mlp", *options)
    small, large = (
        product.root / "files" / f"mlp_32_{name}.tflite" for name in ("dynamic4", "dynamic")
    )
    assert 1.8 < large.stat().st_size / small.stat().st_size < 2.1
    (inspected,) = json.loads(product.run("inspect", str(small), "--json"))
    assert inspected["scheme"] == "dynamic4"
    (record,) = json.loads(product.run("bench", str(small), "--no-store", "--json", "-"))
    assert record["scheme"] == "dynamic4"


FIGURE = """
    latency_iqr_ms: Annotated[float | None, milliseconds(
        "Distance of the quartiles of the time of a call.", "iqr ms", BOTH | LIST, 4,
        column={version})] = None
    peak_rss_bytes: Annotated"""

QUICK = ("--runs", "20", "--min-time", "0", "--warmup", "1")


def test_a_scalar_figure_is_two_files(product: Copy, colour_model: Any) -> None:
    migrations = pytest.importorskip("edgecnn.store.migrations")
    figure = FIGURE.format(version=migrations.LATEST + 1)
    model, store = str(colour_model(product.root / "m.tflite")), str(product.root / "s.sqlite")
    product.run("bench", model, *QUICK, "--store", store)
    product.replace(
        "edgecnn/measure/sample_statistics.py",
        '        "latency_p99_ms"',
        '        "latency_iqr_ms": percentile(ordered, 75) - percentile(ordered, 25),\n'
        '        "latency_p99_ms"',
    )
    product.replace("edgecnn/records/record.py", "\n    peak_rss_bytes: Annotated", figure)
    assert len(product.changed) == 2

    printed = product.run("bench", model, *QUICK, "--store", store, "--json", "r.json")
    (record,) = json.loads((product.root / "r.json").read_text("utf-8"))
    low, high = np.percentile(record["latency_samples_ms"], (25, 75))
    assert record["latency_iqr_ms"] == pytest.approx(high - low)
    assert " iqr ms " in printed
    assert " iqr ms " in product.run("results", "list", "--store", store)
    # The result that was there before has a column for it, too.
    listed = json.loads(product.run("results", "list", "--store", store, "--json"))
    assert [result["latency_iqr_ms"] for result in listed] == [record["latency_iqr_ms"], None]
    exported = product.run("results", "export", "--store", store, "--format", "csv")
    (new, old) = csv.DictReader(io.StringIO(exported))
    assert (float(new["latency_iqr_ms"]), old["latency_iqr_ms"]) == (record["latency_iqr_ms"], "")


@pytest.mark.skipif(shutil.which("env") is None, reason="programs start by env -C")
def test_a_transport_is_one_file_and_one_line(
    product: Copy, colour_model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    product.add("devices/local.py", TRANSPORT.read_text("utf-8"))
    product.replace(
        "devices/transports.py",
        '    "ssh": "edgecnn.devices.ssh.transport",\n',
        '    "ssh": "edgecnn.devices.ssh.transport",\n    "local": "edgecnn.devices.local",\n',
    )
    assert len(product.changed) == 2

    monkeypatch.setenv("EDGECNN_CONFIG", str(product.root / "settings"))
    home, model = product.root / "home", colour_model(product.root / "m.tflite")
    home.mkdir()
    product.run("devices", "add", "shelf", f"local://{home}", "--python", sys.executable)
    assert "shelf is ready" in product.run("devices", "check", "shelf")
    options = ("--device", "shelf", "--no-store", "--json", "-")
    (record,) = json.loads(product.run("bench", str(model), *QUICK, *options))
    assert (record["device"], record["runs"]) == ("shelf", 20)
    (sent,) = (home / ".edgecnn/files").iterdir()
    assert sent.read_bytes() == model.read_bytes()


def test_a_chart_is_one_file(product: Copy, colour_model: Any) -> None:
    pytest.importorskip("altair")
    product.add("edgecnn/reporting/charts/loading.py", CHART.read_text("utf-8"))
    assert len(product.changed) == 1

    model = str(colour_model(product.root / "m.tflite"))
    product.run("bench", model, *QUICK, "--no-store", "--json", "r.json")
    (record,) = json.loads((product.root / "r.json").read_text("utf-8"))
    for name in ("report.html", "report.svg"):
        product.run("report", "r.json", "-o", name)
    page = (product.root / "report.html").read_text("utf-8")
    assert "<h2>Time to load</h2>" in page and "Once for each start of an app." in page
    assert f'"loads":[{{"name":"m.tflite","ms":{record["load_ms"]}}}]' in page
    assert ">Loading</text>" in (product.root / "report.svg").read_text("utf-8")
