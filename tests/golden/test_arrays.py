"""Golden samples of models that take arrays, and of several outputs: made, replayed, compared."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgecnn
from edgecnn.core.errors import InputError
from edgecnn.golden.compare import ComparedAnswers, compare_answers
from edgecnn.golden.drawn_arrays import ARRAY_PATTERNS, draw_levels, spread
from edgecnn.golden.export import export_sample
from edgecnn.golden.inputs import ranges_of
from edgecnn.golden.packed_numbers import pack_numbers, sha256_of_array
from edgecnn.golden.sample import GOLDEN_FILE, SCORE_DTYPE, GoldenAnswer, GoldenOutput
from edgecnn.model_metadata.described_file import DescribedFile
from edgecnn.model_metadata.writing import with_packed_files
from edgecnn.tflite.schemes import FLOAT_TOLERANCE, INTEGER_TOLERANCE, AnswerTolerance
from tests.map_models import write_passing_model

SIDES = (1, 600)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of two inputs and two outputs, each of which is an input from 0 on."""
    folder = tmp_path_factory.mktemp("arrays")
    source = write_passing_model(folder / "two.tflite", SIDES, inputs=2)
    [result] = edgecnn.convert(
        source, quantize="float32", task=["out0=classes", "out1=numbers"], output=folder / "made"
    )
    return result.path


def sample_of(path: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(DescribedFile(path).packed_files[GOLDEN_FILE])
    return value


def test_each_output_is_answered_again(made: Path, run_edgecnn: Any) -> None:
    found = edgecnn.verify(made)
    assert found.verdict == "identical"
    assert [(each.pattern, each.output, each.kind) for each in found.samples] == [
        (pattern, output, kind)
        for pattern in ARRAY_PATTERNS
        for output, kind in (("out0", "classes"), ("out1", "numbers"))
    ]
    outcome = run_edgecnn("inspect", made)
    assert "3 samples of arrays with answers" in outcome.stdout


def test_what_is_exported_is_what_the_model_answers(made: Path, tmp_path: Path) -> None:
    """The model passes on what goes in, so that its answers follow from the exported arrays."""
    *arrays, expected = export_sample(made, tmp_path / "golden")
    said = json.loads(expected.read_text())
    assert [path.name for path in arrays] == [sample["arrays"] for sample in said["samples"]]
    for path, sample in zip(arrays, said["samples"], strict=True):
        with np.load(path) as given:
            for name, output in zip(("in0", "in1"), sample["outputs"], strict=True):
                assert (given[name].shape, given[name].dtype) == (SIDES, np.float32)
                answers = np.maximum(given[name][0], 0)
                assert output["values"] == answers[output["places"]].tolist()
        first, second = sample["outputs"]
        assert first["values"] == sorted(first["values"], reverse=True)
        assert second["places"] == sorted(second["places"])


def test_a_changed_answer_is_told_with_its_output(
    made: Path, tmp_path: Path, run_edgecnn: Any
) -> None:
    value = sample_of(made)
    answer = value["samples"][1]["answers"][1]
    answer.update(values=pack_numbers(np.full(256, 0.5), SCORE_DTYPE), output_sha256="0")
    changed = tmp_path / "changed.tflite"
    packed = {GOLDEN_FILE: json.dumps(value).encode()}
    changed.write_bytes(with_packed_files(made.read_bytes(), packed))
    outcome = run_edgecnn("verify", changed)
    assert outcome.returncode == 1
    assert "waves, out1: value" in outcome.stdout
    assert "out0: scores differ by 0 at most" in outcome.stdout
    value["inputs"][1]["high"] = 2.0
    packed = {GOLDEN_FILE: json.dumps(value).encode()}
    changed.write_bytes(with_packed_files(made.read_bytes(), packed))
    with pytest.raises(InputError, match="is not the one that was used"):
        edgecnn.verify(changed)


@pytest.mark.parametrize("pattern", list(ARRAY_PATTERNS))
def test_arrays_are_drawn_alike_and_differ_by_input(pattern: str) -> None:
    shape = (1, 32, 6)
    levels = draw_levels(pattern, 0, 0, shape)
    assert (levels.shape, levels.min() >= 0, levels.max() <= 65535) == (shape, True, True)
    assert np.array_equal(levels, draw_levels(pattern, 0, 0, shape))
    assert not np.array_equal(levels, draw_levels(pattern, 0, 1, shape))


def test_the_first_levels_are_the_first_bytes_of_a_digest() -> None:
    digest = hashlib.sha256(b"edgecnn-arrays-1/noise/0/0/0").digest()
    wanted = [256 * digest[0] + digest[1], 256 * digest[2] + digest[3]]
    assert draw_levels("noise", 0, 0, (1, 2)).tolist() == [wanted]


@pytest.mark.parametrize(
    ("dtype", "low", "high", "numbers"),
    [
        ("float32", -1.0, 1.0, [-1.0, 1.0]),
        ("int32", 0.0, 9.0, [0, 9]),
        ("int64", -3.0, -3.0, [-3, -3]),
        ("uint8", 0.0, 255.0, [0, 255]),
        ("bool", 0.0, 1.0, [False, True]),
    ],
)
def test_levels_become_numbers_of_the_inputs_range(
    dtype: str, low: float, high: float, numbers: list[float]
) -> None:
    found = spread(np.array([0, 65535]), np.dtype(dtype), low, high)
    assert (found.dtype, found.tolist()) == (np.dtype(dtype), numbers)


@pytest.mark.parametrize(
    ("was", "found", "indices", "tolerance", "verdict"),
    [
        # A tenth of the largest number that the file ever gave, here 20.
        ([20.0, 1.0], [20.0, 2.9], False, INTEGER_TOLERANCE, "close"),
        ([20.0, 1.0], [20.0, 3.1], False, INTEGER_TOLERANCE, "different"),
        # Of small numbers as well, which a score of 0.1 would hide.
        ([0.02, 0.01], [0.02, 0.0115], False, INTEGER_TOLERANCE, "close"),
        ([0.02, 0.01], [0.02, 0.0125], False, INTEGER_TOLERANCE, "different"),
        # Another greatest number is no other answer.
        ([1.0, 0.99], [0.99, 1.0], False, INTEGER_TOLERANCE, "close"),
        # Of indices a tenth may be others, however far off.
        ([3.0] * 20, [3.0] * 18 + [7.0] * 2, True, INTEGER_TOLERANCE, "close"),
        ([3.0] * 20, [3.0] * 17 + [4.0] * 3, True, INTEGER_TOLERANCE, "different"),
        ([3.0] * 20, [3.0] * 19 + [4.0], True, FLOAT_TOLERANCE, "different"),
    ],
)
def test_numbers_that_are_no_scores(
    was: list[float],
    found: list[float],
    indices: bool,
    tolerance: AnswerTolerance,
    verdict: str,
) -> None:
    values = np.array(was, np.float32)
    output = GoldenOutput.of("numbers", len(was), 1, keeps_best=False)
    answer = GoldenAnswer(sha256_of_array(values), output.places(values), values)
    how = ComparedAnswers("numbers", "numbers", output, max(was), holds_indices=indices)
    new = np.array(found, np.float32)
    assert compare_answers("noise", answer, new, tolerance, how).verdict == verdict


@pytest.mark.parametrize("elements", [1, 255, 256, 257, 768, 1024, 65536 * 21])
def test_numbers_from_all_over_an_output_are_kept(elements: int) -> None:
    places = GoldenOutput.of("boxes", elements, 1, keeps_best=False).spread_places
    assert len(set(places.tolist())) == len(places) == min(elements, 256)
    assert places.min() >= 0 and places.max() < elements
    # Each of the four columns of a table of boxes.
    assert elements < 4 or set(places % 4) == {0, 1, 2, 3}


def test_many_outputs_share_what_is_kept() -> None:
    kept = [GoldenOutput.of("state", 5000, count, keeps_best=False).kept for count in (1, 8, 64)]
    assert kept == [256, 128, 16]


def test_text_has_no_range() -> None:
    assert ranges_of([np.float32([[-1.5, 2.0]]), np.array([[True, False]])]) == (
        (-1.5, 2.0),
        (0.0, 1.0),
    )
    assert ranges_of([np.float32([[0.5]]), np.array([b"cat"], object)]) is None
