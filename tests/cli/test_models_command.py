"""``edgecnn models``."""

from __future__ import annotations

import json
from typing import Any


def test_table_and_patterns(run_edgecnn: Any) -> None:
    everything = run_edgecnn("models")
    assert everything.returncode == 0
    for part in ("mobilenet_v1", "resnet50", "25.64 M", "3,858 M", "224x224", "74.9 %"):
        assert part in everything.stdout
    assert "resnet50" not in run_edgecnn("models", "mobilenet").stdout
    assert "mobilenet_v1" not in run_edgecnn("models", "*v3*").stdout
    assert "mobilenet_v2" in run_edgecnn("models", "MobileNet-V2").stdout
    assert "efficientnet_b0" in run_edgecnn("models", "EfficientNetB0").stdout


def test_nothing_is_cut_in_a_narrow_pipe(run_edgecnn: Any) -> None:
    narrow = run_edgecnn("models", "mobilenet_v4", env={"COLUMNS": "40"})
    assert "mobilenet_v4_conv_medium" in narrow.stdout
    assert "79.9 %" in narrow.stdout
    assert "…" not in narrow.stdout


def test_json_has_every_field(run_edgecnn: Any) -> None:
    (spec,) = json.loads(run_edgecnn("models", "mobilenet_v2", "--json").stdout)
    assert spec["name"] == "mobilenet_v2"
    assert (spec["year"], spec["parameters"]) == (2018, 3538984)  # Keras' own count
    assert spec["input"]["height"] == 224
    assert spec["checkpoints"][0]["url"].startswith("https://")


def test_no_match(run_edgecnn: Any) -> None:
    result = run_edgecnn("models", "nothing-like-it")
    assert result.returncode == 2
    assert result.stderr.strip() == (
        "edgecnn: no model matches 'nothing-like-it': 'edgecnn models' lists them all"
    )


def test_orders(run_edgecnn: Any) -> None:
    def values(order: str, field: str) -> list[Any]:
        specs = json.loads(run_edgecnn("models", "--sort", order, "--json").stdout)
        return [spec[field] for spec in specs]

    for order, field in (("year", "year"), ("family", "family"), ("cost", "macs")):
        found = values(order, field)
        assert found == sorted(found)
        assert len(set(found)) > 5
