"""Schemes by name, and where their files go."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgecnn.core.errors import InputError
from edgecnn.quantize.output_paths import plan_outputs
from edgecnn.tflite.schemes import parse_schemes


def test_all_means_the_five_schemes_once() -> None:
    names = [scheme.name for scheme in parse_schemes(["int8", "all"])]
    assert names[0] == "int8"
    assert sorted(names) == ["dynamic", "float16", "float32", "int16x8", "int8"]


def test_unknown_scheme_lists_the_choices() -> None:
    with pytest.raises(InputError, match=r"'int4'.*float32, float16, dynamic, int8, int16x8, all"):
        parse_schemes("int4")


def test_a_folder_gets_names_of_model_and_scheme(tmp_path: Path) -> None:
    plans = plan_outputs("net", parse_schemes("all"), None, tmp_path)
    assert {plan.target for plan in plans} == {
        tmp_path / f"net_{scheme}.tflite"
        for scheme in ("float32", "float16", "dynamic", "int8", "int16x8")
    }
    assert {plan.scheme.name: plan.input_type for plan in plans} == {
        "float32": "float32",
        "float16": "float32",
        "dynamic": "float32",
        "int8": "uint8",
        "int16x8": "float32",
    }


def test_input_type_changes_int8_alone(tmp_path: Path) -> None:
    plans = plan_outputs("net", parse_schemes("int8,float16"), "float32", tmp_path)
    assert [plan.input_type for plan in plans] == ["float32", "float32"]
    with pytest.raises(InputError, match="takes float32 input only"):
        plan_outputs("net", parse_schemes("float16"), "uint8", tmp_path)
    with pytest.raises(InputError, match="apps and web runtimes refuse int8"):
        plan_outputs("net", parse_schemes("int8"), "int8", tmp_path)


def test_one_file_for_two_schemes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="2 files are to be made"):
        plan_outputs("net", parse_schemes("int8,float32"), None, tmp_path / "a.tflite")


def test_missing_folder_is_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        plan_outputs("net", parse_schemes("int8"), None, tmp_path / "absent" / "a.tflite")
    with pytest.raises(InputError, match="does not exist"):
        plan_outputs("net", parse_schemes("int8"), None, f"{tmp_path}/absent/")
