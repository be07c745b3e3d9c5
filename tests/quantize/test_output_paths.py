"""Schemes by name, and where their files go."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgecnn.core.errors import InputError
from edgecnn.quantize.output_paths import EndTypes, plan_outputs
from edgecnn.tflite.schemes import parse_schemes


def test_all_means_the_five_schemes_once() -> None:
    names = [scheme.name for scheme in parse_schemes(["int8", "all"])]
    assert names[0] == "int8"
    assert sorted(names) == ["dynamic", "float16", "float32", "int16x8", "int8"]


def test_unknown_scheme_lists_the_choices() -> None:
    with pytest.raises(InputError, match=r"'int4'.*float32, float16, dynamic, int8, int16x8, all"):
        parse_schemes("int4")


def test_a_folder_gets_names_of_model_and_scheme(tmp_path: Path) -> None:
    plans = plan_outputs("net", parse_schemes("all"), EndTypes(), tmp_path)
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
    plans = plan_outputs("net", parse_schemes("int8,float16"), EndTypes("float32"), tmp_path)
    assert [plan.input_type for plan in plans] == ["float32", "float32"]
    with pytest.raises(InputError, match="has float32 input only: leave --input-type out"):
        plan_outputs("net", parse_schemes("float16"), EndTypes("uint8"), tmp_path)
    with pytest.raises(InputError, match="'int16' is not possible: choose one of uint8, int8"):
        plan_outputs("net", parse_schemes("int8"), EndTypes("int16"), tmp_path)


def test_output_type_changes_int8_alone(tmp_path: Path) -> None:
    plans = plan_outputs("net", parse_schemes("int8,float16"), EndTypes(output="uint8"), tmp_path)
    assert [plan.output_type for plan in plans] == ["uint8", "float32"]
    with pytest.raises(InputError, match="has float32 output only: leave --output-type out"):
        plan_outputs("net", parse_schemes("dynamic"), EndTypes(output="int8"), tmp_path)


def test_a_file_of_integers_alone_has_ends_of_int8_unless_others_are_asked_for(
    tmp_path: Path,
) -> None:
    for ends, wanted in (
        (EndTypes(all_int8=True), ("int8", "int8")),
        (EndTypes(output="float32", all_int8=True), ("int8", "float32")),
        (EndTypes("uint8", "uint8", all_int8=True), ("uint8", "uint8")),
    ):
        (plan,) = plan_outputs("net", parse_schemes("int8"), ends, tmp_path)
        assert (plan.input_type, plan.output_type) == wanted


def test_one_file_for_two_schemes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="2 files are to be made"):
        plan_outputs("net", parse_schemes("int8,float32"), EndTypes(), tmp_path / "a.tflite")


def test_missing_folder_is_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        plan_outputs("net", parse_schemes("int8"), EndTypes(), tmp_path / "absent" / "a.tflite")
    with pytest.raises(InputError, match="does not exist"):
        plan_outputs("net", parse_schemes("int8"), EndTypes(), f"{tmp_path}/absent/")
