"""``edgecnn demo`` as ``make demo`` runs it, in a folder with a space in its name.

Its networks are trained for half of the epochs, but with EDGECNN_WHOLE_DEMO=1, as in CI.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edgecnn.cli.demo import training_lines
from edgecnn.demo.run import MODELS
from edgecnn.demo.training import TrainingResult
from edgecnn.tflite.reading import read_model

pytestmark = pytest.mark.fresh_processes

IS_WHOLE = os.environ.get("EDGECNN_WHOLE_DEMO") == "1"
LEAST_TOP1 = 95.0 if IS_WHOLE else 90.0
HALF_OF_THE_EPOCHS = """
import dataclasses, sys
from edgecnn.cli.main import run
from edgecnn.demo import run as demo
demo.MODELS = tuple(dataclasses.replace(one, epochs=one.epochs // 2) for one in demo.MODELS)
sys.exit(run(sys.argv[1:]))
"""
SCHEMES = ("float32", "float16", "dynamic", "int8", "int16x8")
NAMES = ("mobilenet_v2_0.35_32", "resnet50_0.25_32")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("a folder with spaces")


@pytest.fixture(scope="module")
def demo(folder: Path) -> subprocess.CompletedProcess[str]:
    program = ("-m", "edgecnn") if IS_WHOLE else ("-c", HALF_OF_THE_EPOCHS)
    # Other tests run beside it: its time limit would end the trainings early.
    command = [sys.executable, *program, "demo", "--seconds", "1200"]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=2400)


@pytest.fixture(scope="module")
def records(demo: subprocess.CompletedProcess[str], folder: Path) -> list[dict[str, Any]]:
    assert demo.returncode == 0, demo.stderr
    found: list[dict[str, Any]] = json.loads((folder / "edgecnn-demo" / "results.json").read_text())
    return found


def test_both_models_learn_the_digits(records: list[dict[str, Any]]) -> None:
    top1 = {record["model"].rpartition("/")[2]: record["top1_percent"] for record in records}
    for name in NAMES:
        assert top1[f"{name}_float32.tflite"] >= LEAST_TOP1
    assert all(record["images"] == 364 for record in records)


def test_no_scheme_loses_more_than_three_points(records: list[dict[str, Any]]) -> None:
    for name in NAMES:
        found = [r["top1_percent"] for r in records if name in r["model"]]
        assert len(found) == 5
        assert max(found) - min(found) <= 3.0


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_file_is_there_and_is_what_it_says(
    demo: subprocess.CompletedProcess[str], folder: Path, name: str, scheme: str
) -> None:
    model = read_model(folder / "edgecnn-demo" / f"{name}_{scheme}.tflite")
    # A network that is trained for half of the epochs may keep its first layers in float32.
    assert model.scheme == scheme or (scheme, model.scheme) == ("int8", "mixed")
    assert model.outputs[0].shape == (1, 10)


def test_it_prints_the_table_and_what_to_do_next(
    demo: subprocess.CompletedProcess[str],
) -> None:
    for name in NAMES:
        for scheme in SCHEMES:
            assert f"{name}_{scheme}.tflite" in demo.stdout
    assert "top-1" in demo.stdout
    assert "edgecnn convert" in demo.stdout
    assert "Traceback" not in demo.stderr


def test_a_training_that_its_time_limit_cut_short_says_so() -> None:
    whole, cut = TrainingResult(97.0, MODELS[0].epochs, 71.0), TrainingResult(11.3, 1.5, 90.0)
    assert len(training_lines(MODELS[0], whole)) == 1
    assert "after 1.5 of 26 epochs: edgecnn demo --seconds" in training_lines(MODELS[0], cut)[1]


def test_the_architecture_that_it_suggests_first_can_be_measured(run_edgecnn: Any) -> None:
    result = run_edgecnn("bench", "mobilenet_v3_small", "--runs", 5, "--min-time", 0)
    assert result.returncode == 0, result.stderr
    assert "weights are random" in result.stdout
