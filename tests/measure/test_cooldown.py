"""The rest before each model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import edgecnn
from edgecnn.core.errors import InputError
from edgecnn.measure.cooldown import Cooldown


@pytest.mark.parametrize(
    ("text", "temperature", "seconds"),
    [
        ("30", None, 30),
        ("0.5s", None, 0.5),
        ("55C", 55, None),
        ("52.5C,120", 52.5, 120),
        ("55C,120s", 55, 120),
    ],
)
def test_what_is_understood(text: str, temperature: float | None, seconds: float | None) -> None:
    assert Cooldown.parse(text) == Cooldown(temperature, seconds)


@pytest.mark.parametrize(
    "text", ["", "0", "0s", "C", "-3", "30,55C", "55C120s", "cold", "nan", "1e3", "200C", "1000000"]
)
def test_what_is_not(text: str) -> None:
    with pytest.raises(InputError, match="--cooldown takes"):
        Cooldown.parse(text)


def test_each_model_has_its_rest_and_none_takes_turns(tmp_path: Path, colour_model: Any) -> None:
    models = [colour_model(tmp_path / name) for name in ("a.tflite", "b.tflite")]
    phases: list[str] = []
    records = edgecnn.bench(
        models,
        runs=20,
        min_time_s=0,
        cooldown="0.2",
        on_progress=lambda phase, done, total: phases.append(phase),
    )
    assert [record.in_turn for record in records] == [1, 1]
    assert all(record.cooldown_s is not None and record.cooldown_s >= 0.2 for record in records)
    assert "cooling down" in phases


def test_a_device_without_thermometer_rests_for_the_time(tmp_path: Path, colour_model: Any) -> None:
    model = colour_model(tmp_path / "model.tflite")
    (record,) = edgecnn.bench(model, runs=20, min_time_s=0, cooldown="1C,0.3s")
    # With one, 1 degree is not reached either.
    assert record.cooldown_s is not None and record.cooldown_s >= 0.3
