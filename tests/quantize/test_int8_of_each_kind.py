"""Int8 graphs answer right where float does, whatever a model's answer is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from edgecnn.tflite.runtime import run_over_images
from edgecnn.tflite.serialization import write_graph
from tests import drawn_models

from .test_recovery_of_kinds import graph_of, recovered

pytest.importorskip("tensorflow", reason="Keras models need the extra 'convert'")

SAMPLES, FITTED = 200, 48


def _int8_answers(model: Any, samples: Any, kind: str) -> Any:
    """Return what the int8 graph answers to the samples after those that it is made with."""
    values = np.float32(samples) / (255 if samples.dtype == np.uint8 else 1)
    made = recovered(graph_of(model), [values[:FITTED]], kind)
    assert any(op.kind == "QUANTIZE" for op in made.graph.ops)
    (answers,) = run_over_images(write_graph(made.graph), [values[FITTED:, None]])
    return answers.reshape(len(values) - FITTED, *model.outputs[0].shape[1:])


@pytest.mark.parametrize(
    ("name", "build", "kind"),
    [
        ("colour_map", lambda: drawn_models.colour_map(dilation=2), "map"),
        ("step_counter", drawn_models.step_counter, "classes"),
        ("band_classifier", drawn_models.band_classifier, "classes"),
    ],
)
def test_decisions_are_the_true_ones(name: str, build: Callable[[], Any], kind: str) -> None:
    samples, truth = getattr(drawn_models, f"{name}_samples")(SAMPLES)
    answers = _int8_answers(build(), samples, kind)
    # Half a point: a sum that is next to zero may be rounded to the other side.
    assert np.mean(answers.argmax(axis=-1) == truth[FITTED:]) >= 0.995


def test_points_are_off_by_a_step_at_most() -> None:
    pictures, places = drawn_models.point_finder_samples(SAMPLES)
    answers = _int8_answers(drawn_models.point_finder(), pictures, "numbers")
    # Results have 255 steps over 0 to 15 pixels, weights 127.
    step = (drawn_models.SIDE - 1) * (0.5 / 255 + 0.5 / 127)
    assert np.abs(answers - places[FITTED:]).max() <= step * 1.01


def test_a_detectors_boxes_stay_apart_from_its_scores() -> None:
    pictures, objects = drawn_models.detector_samples(SAMPLES)
    answers = _int8_answers(drawn_models.detector(single_output=True), pictures, "detections")
    for said, truth in zip(answers, objects[FITTED:], strict=True):
        cell, kind = np.nonzero(said[:, 4:] > 0.5)
        boxes = said[cell, :4] * drawn_models.SIDE
        found = np.concatenate([kind[:, None], boxes], axis=1)
        assert found == pytest.approx(truth, abs=drawn_models.SIDE / 255)
