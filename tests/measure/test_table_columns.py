"""Several outputs of one image, each judged by its columns of a table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import edgecnn
from edgecnn.accuracy.labelled_data import open_labelled
from edgecnn.core.errors import InputError
from edgecnn.data.tables import parse_columns
from edgecnn.measure.tasks import JudgingOptions, find_task
from edgecnn.model_metadata.described_file import DescribedFile
from edgecnn.model_metadata.input_tensors import Preprocessing
from tests.map_models import write_passing_model

PIXELS = ([10, 200, 30, 40], [90, 20, 30, 40])
"""The grey levels of each image, which are also what each output of the model answers."""

Judge = Callable[..., list[str]]


@pytest.fixture()
def model(tmp_path: Path) -> Path:
    for number, levels in enumerate(PIXELS):
        image = Image.fromarray(np.array([levels], np.uint8))
        image.save(tmp_path / f"{number}.png")
    kinds = ["classes", "numbers"]
    return write_passing_model(tmp_path / "m.tflite", (1, 1, 4, 1), kind=kinds, outputs=2)


@pytest.fixture()
def judged(model: Path, tmp_path: Path) -> Judge:
    """Say what judges what: ``judged("file,label,a\\n0.png,1,2", "out1=a")``."""

    def judge(text: str, *columns: str, path: Path = model) -> list[str]:
        (tmp_path / "t.csv").write_text(text)
        file, data = DescribedFile(path), open_labelled(tmp_path / "t.csv")
        options = JudgingOptions(Preprocessing("raw"), columns=parse_columns(columns))
        task = find_task(file, file.model, data, options, "m.tflite")
        return [f"{judge.name}: {judge.reading}" for judge in task.judges]  # type: ignore[attr-defined]

    return judge


def rows(head: str, *cells: str) -> str:
    return "\n".join([head, *(f"{number}.png,{each}" for number, each in enumerate(cells))]) + "\n"


PLAIN = rows("file,label,a,b,c,d", "1,10,200,30,44", "1,90,20,30,40")


def test_figures_follow_from_the_columns(model: Path, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(PLAIN)
    [record] = edgecnn.bench(
        model, data=tmp_path / "t.csv", preprocess="raw", runs=1, min_time_s=0, warmup=0
    )
    figures = {figure.name: figure.value for figure in record.figures or ()}
    # The second image's greatest level is the first one. One number of eight is 4 off.
    assert figures["out0: top-1"] == 50.0
    assert figures["out1: MAE"] == 0.5
    assert figures["out1: MAE of d"] == 2.0
    assert any("'out1' is judged by 'a', 'b', 'c', 'd'" in w.message for w in record.warnings)


def test_what_is_left_for_one_output_judges_it_and_that_is_told(judged: Judge) -> None:
    assert judged(PLAIN) == [
        "out0: 'out0' is judged by 'label'",
        "out1: 'out1' is judged by 'a', 'b', 'c', 'd'",
    ]


def test_columns_called_like_outputs_judge_them(judged: Judge) -> None:
    head = "file,out1_x,out1_y,out0,out1_z,out1_w,other"
    assert judged(rows(head, "1,2,3,4,5,6", "1,2,3,4,5,6")) == ["out0: ", "out1: "]


def test_the_user_says_which(judged: Judge) -> None:
    found = judged(PLAIN, "out1=d,c,b,a", "out0=label")
    assert found == ["out0: ", "out1: "]
    assert judged(PLAIN, "out1=d,c,b,a") == ["out1: "]


def test_what_no_columns_fit_is_told(judged: Judge) -> None:
    [line] = judged(rows("file,label,a,b", "1,10,200", "0,90,20"))
    assert line == "out0: 'out0' is judged by 'label'; not judged, as no columns fit: 'out1'"


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        (["out2=a"], "names the output 'out2', and m.tflite has 'out0', 'out1'"),
        (["a,b,c,d"], "has 2 outputs: say --columns NAME=COLUMNS"),
        (["out1=a,b,c,e"], "has no column 'e': it has 'label', 'a', 'b', 'c', 'd'"),
        (["out1=a,b"], "the output 'out1' has 4 numbers, and 't.csv' 2"),
        (["out0=b"], "holds classes that are outputs 20 to 200"),
        (["out1="], "name columns"),
        (["out1=a", "out1=b"], "given twice for 'out1'"),
    ],
)
def test_columns_that_do_not_fit(judged: Judge, columns: list[str], says: str) -> None:
    with pytest.raises(InputError, match=says):
        judged(PLAIN, *columns)


def test_two_readings_are_refused(judged: Judge, tmp_path: Path) -> None:
    twins = write_passing_model(
        tmp_path / "twins.tflite", (1, 1, 4, 1), kind=["numbers", "numbers"], outputs=2
    )
    with pytest.raises(InputError, match="'a', 'b', 'c', 'd' may judge 'out0', 'out1'; say --col"):
        judged(PLAIN, path=twins)
    with pytest.raises(InputError, match="no column is called like an output"):
        judged(rows("file,a,b", "1,2", "3,4"), path=twins)
    with pytest.raises(InputError, match="hold more than numbers"):
        judged(rows("file,label,a,b,c,d", "1,x,2,3,4", "1,1,2,3,4"), "out1=a,b,c,d", path=twins)


def test_names_need_the_models_labels(judged: Judge) -> None:
    with pytest.raises(InputError, match="'label' holds names such as 'cat'"):
        judged(rows("file,label,a,b,c,d", "cat,1,2,3,4", "dog,1,2,3,4"))


def test_a_model_of_one_output_takes_named_columns(judged: Judge, tmp_path: Path) -> None:
    one = write_passing_model(tmp_path / "one.tflite", (1, 1, 4, 1), kind="numbers")
    assert judged(PLAIN, "a,b,c,d", path=one) == ["out0: "]
    with pytest.raises(InputError, match="--columns goes with a table"):
        judged(rows("file,label", "1", "0"), "a,b,c,d", path=one)
