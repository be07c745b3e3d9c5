"""``edgecnn inspect`` as a user runs it: text, JSON, exit codes, hostile names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgecnn.tflite.writing import pack, unpack

DROP_IN = "mobilenet_v1_0.25_224_quant_metadata.tflite"
WITHOUT = "mobilenet_v1_0.25_224_float.tflite"


@pytest.fixture(scope="module")
def peers(shared_data: Path) -> Path:
    return shared_data / "peers"


def test_text(peers: Path, run_edgecnn: Any) -> None:
    outcome = run_edgecnn("inspect", peers / DROP_IN, peers / WITHOUT)
    assert outcome.returncode == 0
    first, second = outcome.stdout.split("\n\n")
    assert first.startswith(f"{peers / DROP_IN}  496.9 KiB, int8\n")
    assert "uint8 1x224x224x3, scale 0.007812, zero point 128" in first
    assert "softmax of 1,001 classes" in first
    assert "1,001: background; tench" in first
    assert "0.47 M parameters, 41.0 M MACs" in first
    assert "not for" not in first
    assert "drop-in for  LiteRT.js, ai-edge-litert Interpreter" in second
    assert "not for      MediaPipe Tasks ImageClassifier, @mediapipe/tasks-vision: " in second
    assert "edgecnn summary FILE" in second
    assert "\x1b" not in outcome.stdout
    assert all(line == line.rstrip() for line in outcome.stdout.splitlines())


def test_check_tells_whether_all_clients_take_it(peers: Path, run_edgecnn: Any) -> None:
    assert run_edgecnn("inspect", "--check", peers / DROP_IN).returncode == 0
    outcome = run_edgecnn("inspect", "--check", "--json", peers / DROP_IN, peers / WITHOUT)
    assert outcome.returncode == 1
    good, bad = json.loads(outcome.stdout)
    assert (good["is_drop_in"], bad["is_drop_in"]) == (True, False)
    assert [client["client"] for client in bad["clients"] if not client["ok"]] == [
        "MediaPipe Tasks ImageClassifier",
        "@mediapipe/tasks-vision",
    ]


def test_files_that_cannot_be_read_leave_the_others(peers: Path, run_edgecnn: Any) -> None:
    broken = peers / "absent.tflite"
    outcome = run_edgecnn("inspect", "--json", "--check", broken, peers / DROP_IN)
    (line,) = outcome.stderr.splitlines()
    assert line == f"edgecnn: no such file: '{broken}'"
    assert outcome.returncode == 2
    assert [each["path"] for each in json.loads(outcome.stdout)] == [str(peers / DROP_IN)]


def test_names_are_no_markup_and_no_control_characters(
    colour_model: Any, tmp_path: Path, run_edgecnn: Any
) -> None:
    path = colour_model(tmp_path / "[red]model.tflite")
    content = path.read_bytes()
    model = unpack(content)
    model.description = "[bold]\x1b]0;title\x07" + "x" * 5000
    model.subgraphs[0].tensors[0].name = "[/red]a\nb\x1b[31m"
    path.write_bytes(pack(model, len(content)))
    outcome = run_edgecnn("inspect", path)
    assert outcome.returncode == 0, outcome.stderr
    assert "[red]model.tflite" in outcome.stdout
    assert "[/red]a b" in outcome.stdout
    assert "[bold]" in outcome.stdout
    assert not {"\x1b", "\x07"} & set(outcome.stdout)
    assert max(len(line) for line in outcome.stdout.splitlines()) < 300


def test_dynamic_files_of_per_channel_layers_are_not_for_the_last_tflite_runtime(
    colour_model: Any, tmp_path: Path, run_edgecnn: Any
) -> None:
    path = colour_model(tmp_path / "dense.tflite")
    content = path.read_bytes()
    model = unpack(content)
    # As the converter writes it where dense weights have a scale for each channel.
    model.operatorCodes[1].version = 12
    path.write_bytes(pack(model, len(content)))
    lines = run_edgecnn("inspect", path).stdout.splitlines()
    assert any(
        "tflite-runtime 2.14: it needs runtime 2.17.0 for FULLY_CONNECTED version 12" in line
        for line in lines
    )
