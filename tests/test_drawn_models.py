"""The models whose weights are set answer what their samples say, in Keras."""

from __future__ import annotations

import numpy as np
import pytest

from . import drawn_models

pytest.importorskip("tensorflow", reason="Keras models need the extra 'convert'")

SAMPLES = 20


def answers(model, *inputs):
    said = model([np.asarray(each, np.float32) for each in inputs])
    return [each.numpy() for each in (said if isinstance(said, list | tuple) else [said])]


@pytest.mark.parametrize("keywords", [{}, {"dilation": 2}, {"logits": True}])
def test_a_map_has_each_pixels_class(keywords):
    pictures, masks = drawn_models.colour_map_samples(SAMPLES)
    (classes,) = answers(drawn_models.colour_map(**keywords), pictures / 255)
    assert (classes.argmax(-1) == masks).all()


def test_a_detector_scores_the_coloured_cells_alone():
    pictures, objects = drawn_models.detector_samples(SAMPLES)
    boxes, scores = answers(drawn_models.detector(), pictures / 255)
    for said, score, truth in zip(boxes, scores, objects, strict=True):
        cell, kind = np.nonzero(score > 0.5)
        found = np.concatenate([kind[:, None], said[cell] * drawn_models.SIDE], axis=1)
        assert found == pytest.approx(truth, abs=1e-4)
    (both,) = answers(drawn_models.detector(single_output=True), pictures / 255)
    assert both == pytest.approx(np.concatenate([boxes, scores], axis=-1))


def test_points_boxes_and_sums_are_numbers_in_their_units():
    pictures, places = drawn_models.point_finder_samples(SAMPLES)
    (points,) = answers(drawn_models.point_finder(), pictures / 255)
    assert points == pytest.approx(places, abs=1e-4)
    _, boxes = answers(drawn_models.kind_and_place(), pictures / 255)
    assert boxes == pytest.approx(np.concatenate([places, places + 1], axis=1), abs=1e-4)
    numbers = np.arange(2 * SAMPLES).reshape(SAMPLES, 2)
    (totals,) = answers(drawn_models.weighed_picture(), pictures / 255, numbers)
    assert totals[:, 0] == pytest.approx(1 / drawn_models.SIDE**2 + numbers.sum(1), abs=1e-4)


def test_sequences_and_spectrograms_have_the_class_of_their_sums():
    for name in ("step_counter", "band_classifier"):
        values, labels = getattr(drawn_models, f"{name}_samples")(SAMPLES)
        (said,) = answers(getattr(drawn_models, name)(), values)
        assert (said.argmax(-1) == labels).all()


def test_colours_are_labels_a_probability_a_vector_and_a_picture():
    red = np.zeros((1, drawn_models.SIDE, drawn_models.SIDE, 3))
    red[..., 0] = 1
    assert answers(drawn_models.colour_labels(), red)[0].round() == pytest.approx(
        np.array([[1, 0, 0]])
    )
    assert answers(drawn_models.brightness(), red)[0] < 0.5
    assert answers(drawn_models.brightness(sigmoid=False), np.ones_like(red))[0] == pytest.approx(
        drawn_models.STEEP
    )
    assert answers(drawn_models.colour_vector(), red / 3)[0] == pytest.approx(
        np.array([[1, 0, 0]]), abs=1e-4
    )
    assert answers(drawn_models.half_bright(), red)[0] == pytest.approx(red / 2)
