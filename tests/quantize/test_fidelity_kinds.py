"""What is compared of each kind of output, by arithmetic, and what is said of it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from edgecnn.quantize.budget.search import drop_of, unit_of
from edgecnn.quantize.recovery.advice import describe_proof, fidelity_warnings
from edgecnn.quantize.recovery.fidelity import ComparedOutput, OutputComparison
from edgecnn.quantize.recovery.fidelity_kinds import class_divergence, class_noise
from edgecnn.quantize.recovery.proof import Fidelity, Proof, decibels_of
from edgecnn.tflite.output_kinds import OutputKind
from edgecnn.tflite.schemes import SCHEMES

GENERATOR = np.random.Generator(np.random.PCG64(3))


def compared(
    kind: OutputKind, found: Any, wanted: Any, labels: Any = None, widths: Any = ()
) -> Fidelity:
    comparison = OutputComparison((ComparedOutput("answer", kind, widths),))
    return comparison.fidelity(
        [np.asarray(found, np.float32)], [np.asarray(wanted, np.float32)], labels
    )


def proof(after: Fidelity, before: Fidelity | None = None) -> Proof:
    level = "off" if before is None else "fast"
    return Proof(level, before or after, after, 0, (), (), None, ())


def warnings(after: Fidelity) -> list[str]:
    return fidelity_warnings(SCHEMES["int8"], proof(after))


def test_classes() -> None:
    wanted, scores = [[3.0, 1.0, 0.0], [0.0, 2.0, 1.0]], [[1.0, 2.0, 0.0], [0.0, 2.0, 1.0]]
    found = compared(OutputKind.CLASSES, scores, wanted, labels=[0, 1])
    assert found.agreement == 0.5
    assert (found.top1_percent, found.float_top1_percent) == (50.0, 100.0)
    assert found.top5_percent is None
    # The difference (-2, 1, 0) less its mean -1/3, over six values; the scores less theirs.
    noise = ((5 / 3) ** 2 + (4 / 3) ** 2 + (1 / 3) ** 2) / 6
    signal = ((5 / 3) ** 2 + (1 / 3) ** 2 + (4 / 3) ** 2 + 1 + 1) / 6
    assert found.sqnr_db == pytest.approx(10 * math.log10(signal / noise))
    assert "agrees with float on 50.0 % of 2 images" in describe_proof(proof(found))
    assert (drop_of(found), unit_of(found)) == (50.0, "top-1")
    assert "for 50.0 % of 2 images" in warnings(found)[0]


def test_what_softmax_takes_out_is_no_noise() -> None:
    wanted = np.array([[3.0, 1.0, 0.0]], np.float32)
    assert class_noise(wanted + 7.0, wanted) == 0.0
    assert compared(OutputKind.CLASSES, wanted, wanted).to_dict()["sqnr_db"] is None


def test_divergence_of_classes() -> None:
    # Softmax of (ln 3, 0) is (3/4, 1/4), of (0, 0) it is (1/2, 1/2).
    wanted, given = np.array([[math.log(3.0), 0.0]]), np.array([[0.0, 0.0]])
    assert class_divergence(given, wanted) == pytest.approx(
        0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5)
    )
    assert class_divergence(wanted + 5.0, wanted) == pytest.approx(0.0, abs=1e-12)


def test_one_image_that_is_sure_anyway_hardly_diverges() -> None:
    wanted = np.array([[0.4, 0.0], [60.0, 0.0]])
    sure_one_off, close_one_off = wanted.copy(), wanted.copy()
    sure_one_off[1, 0] = 45.0
    close_one_off[0, 0] = -0.4
    assert class_noise(sure_one_off, wanted) > class_noise(close_one_off, wanted)
    assert class_divergence(sure_one_off, wanted) < class_divergence(close_one_off, wanted)


@pytest.mark.parametrize("kind", [OutputKind.LABELS, OutputKind.PROBABILITY])
def test_probabilities_are_decided_at_a_half(kind: OutputKind) -> None:
    """Of four decisions one changes; 3/4 against 1/2 diverges by 3/4 ln 3/2 + 1/4 ln 1/2."""
    logits = [[math.log(3.0)], [-2.0], [1.0], [4.0]]
    changed = [[0.0], [-2.0], [1.0], [4.0]]
    found = compared(kind, changed, logits)
    assert found.agreement == 0.75
    nats = 0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5)
    assert found.divergence == pytest.approx(nats / 4)
    # The same given as probabilities, by a file that does not end in a sigmoid.
    as_shares = [[[1 / (1 + math.exp(-x[0]))] for x in rows] for rows in (changed, logits)]
    assert compared(kind, *as_shares).divergence == pytest.approx(found.divergence, rel=1e-4)


def test_numbers_are_judged_by_their_variance_and_not_by_the_mean_of_a_row() -> None:
    """Positions near 100 that vary by 1: an error of 0.1 is 20 dB, and not 60."""
    wanted = np.array([[99.0, 201.0], [101.0, 199.0]])
    found = compared(OutputKind.NUMBERS, wanted + 0.1, wanted)
    assert found.sqnr_db == pytest.approx(20.0, abs=0.01)
    assert found.agreement is None
    (output,) = found.outputs
    assert output.largest_error == pytest.approx(0.1, rel=1e-3)
    assert output.least_db == pytest.approx(20.0, abs=0.01)
    assert (drop_of(found), unit_of(found)) == (pytest.approx(1.0, abs=0.01), "variance")
    assert describe_proof(proof(found)) == (
        "20.0 dB against the variance of 2 images, the worst number 20.0 dB, off by at most 0.1"
    )
    assert warnings(found) == []
    (warning,) = warnings(compared(OutputKind.NUMBERS, wanted + 0.5, wanted))
    assert "off the float model's by 25.0 % of its variance" in warning
    assert "softmax" not in warning and "images to calibrate" in warning


def test_a_number_that_is_always_the_same_has_no_signal() -> None:
    found = compared(OutputKind.NUMBERS, [[1.0], [1.5]], [[1.0], [1.0]])
    assert found.sqnr_db == -math.inf and math.isfinite(found.divergence)
    assert "no signal" in describe_proof(proof(found))


def test_embeddings_are_judged_by_their_direction() -> None:
    found = compared(OutputKind.EMBEDDING, [[2.0, 0.0], [1.0, 1.0]], [[1.0, 0.0], [1.0, 0.0]])
    (output,) = found.outputs
    assert output.cosine == pytest.approx((1 + math.sqrt(0.5)) / 2)
    assert output.least_cosine == pytest.approx(math.sqrt(0.5))
    assert found.divergence == pytest.approx(1 - output.cosine)
    assert "cosine to float 0.8536 (mean of 2 images), least 0.7071" in describe_proof(proof(found))


def test_maps_are_judged_by_their_pixels() -> None:
    """Of eight pixels one turns from class 0 to 1: the unions are 4 of 4+1 and 3 of 3+1."""
    classes = np.array([[[0, 0], [0, 0]], [[0, 1], [1, 1]]])
    changed = classes.copy()
    changed[0, 0, 0] = 1
    scores, wanted = (4.0 * np.eye(3)[each] for each in (changed, classes))
    found = compared(OutputKind.MAP, scores, wanted)
    (output,) = found.outputs
    assert found.agreement == 7 / 8
    assert output.mean_iou == pytest.approx((4 / 5 + 3 / 4) / 2)
    as_indices = compared(OutputKind.MAP, changed, classes).outputs[0]
    assert as_indices.mean_iou == output.mean_iou
    assert "of the pixels of 2 images" in describe_proof(proof(found))
    assert "for 12.5 % of the pixels of 2 images" in warnings(found)[0]
    assert (drop_of(found), unit_of(found)) == (12.5, "pixels")


def test_a_map_of_one_channel_is_decided_at_a_half() -> None:
    wanted = np.array([-3.0, 2.0, 1.0, -1.0]).reshape(1, 2, 2, 1)
    found = compared(OutputKind.MAP, -wanted, wanted)
    assert (found.agreement, found.outputs[0].mean_iou) == (0.0, 0.0)


def test_images_are_judged_by_noise_and_structure() -> None:
    """A span of 1 and an error of 0.1 everywhere are 20 dB; of structure nothing is lost."""
    image = GENERATOR.uniform(0.0, 1.0, (2, 16, 16, 3))
    image[0, 0, 0], image[0, 0, 1] = 0.0, 1.0
    found = compared(OutputKind.IMAGE, image + 0.1, image).outputs[0]
    assert found.psnr_db == pytest.approx(20.0, abs=0.01)
    assert found.ssim is not None and 0.9 < found.ssim < 1.0
    same = compared(OutputKind.IMAGE, image, image).outputs[0]
    assert (same.ssim, same.psnr_db) == (pytest.approx(1.0), math.inf)
    noise = compared(OutputKind.IMAGE, image[::-1], image).outputs[0]
    assert noise.ssim is not None and noise.ssim < 0.2


def test_structure_of_flat_images_by_wang() -> None:
    """SSIM of constants a and b is (2ab + C1) / (a^2 + b^2 + C1), C1 = (0.01 L)^2."""
    wanted = np.stack([np.full((12, 12, 1), value) for value in (0.0, 1.0)])
    found = compared(OutputKind.IMAGE, wanted * 0.5, wanted).outputs[0]
    flat = (2 * 0.5 + 1e-4) / (0.25 + 1 + 1e-4)
    assert found.ssim == pytest.approx((1.0 + flat) / 2, rel=1e-4)


def test_parts_of_detections_are_judged_each_by_itself() -> None:
    """Boxes of hundreds of pixels hide nothing of the scores that are joined to them."""
    boxes = GENERATOR.normal(100.0, 50.0, (4, 20, 4))
    scores = GENERATOR.normal(0.5, 0.1, (4, 20, 2))
    wanted = np.concatenate([boxes, scores], axis=-1)
    output = compared(OutputKind.DETECTIONS, wanted + 0.1, wanted, widths=(4, 2)).outputs[0]
    assert output.parts_db == (pytest.approx(54.0, abs=1.0), pytest.approx(0.0, abs=1.0))
    joined = compared(OutputKind.DETECTIONS, wanted + 0.1, wanted)
    assert joined.outputs[0].parts_db == ()
    assert "part by part" in describe_proof(proof(compared(
        OutputKind.DETECTIONS, wanted + 0.1, wanted, widths=(4, 2)
    )))  # fmt: skip


def test_steps_of_a_sequence_are_decided_one_by_one() -> None:
    wanted = np.eye(4)[[[0, 1, 2, 3], [3, 2, 1, 0]]]
    changed = wanted.copy()
    changed[0, 0] = [0.0, 2.0, 0.0, 0.0]
    found = compared(OutputKind.SEQUENCE, changed, wanted)
    assert found.agreement == 7 / 8
    assert "of the steps of 2 images" in describe_proof(proof(found))


def test_an_unknown_row_is_called_neither_right_nor_wrong() -> None:
    found = compared(OutputKind.UNKNOWN, [[1.0, 1.1], [1.0, 2.0]], [[1.1, 1.0], [1.0, 2.0]])
    text = describe_proof(proof(found))
    assert "the largest number in the same place for 50.0 %" in text and "agrees" not in text
    # The values as they are: 0.02 of noise, 1.21 + 1 + 1 + 4 of signal.
    assert found.sqnr_db == pytest.approx(10 * math.log10(7.21 / 0.02), abs=0.01)
    (warning,) = warnings(found)
    assert "which matters if the numbers are scores of classes (--task" in warning


def test_losses_of_several_outputs_add_up_and_each_has_its_words() -> None:
    outputs = (
        ComparedOutput("kind", OutputKind.CLASSES),
        ComparedOutput("size", OutputKind.NUMBERS),
    )
    wanted = [np.array([[2.0, 0.0], [0.0, 2.0]]), np.array([[1.0], [3.0]])]
    found = [wanted[0][::-1].copy(), wanted[1] + 0.1]
    both = OutputComparison(outputs).fidelity(found, wanted)
    alone = [
        OutputComparison((output,)).fidelity([ours], [theirs])
        for output, ours, theirs in zip(outputs, found, wanted, strict=True)
    ]
    assert both.divergence == pytest.approx(sum(each.divergence for each in alone))
    assert both.sqnr_db == min(each.sqnr_db for each in alone)
    assert both.agreement == 0.0
    text = describe_proof(proof(both))
    assert text.startswith("kind: agrees with float on 0.0 % of 2 images")
    assert "; size: 20.0 dB" in text
    assert "its output 'kind' differs" in warnings(both)[0]
    assert [each["kind"] for each in both.to_dict()["outputs"]] == ["classes", "numbers"]


def test_the_figures_of_the_plain_file_stand_beside() -> None:
    wanted = GENERATOR.normal(size=(10, 4))
    before, after = (
        compared(OutputKind.CLASSES, wanted + noise * GENERATOR.normal(size=(10, 4)), wanted)
        for noise in (1.0, 0.01)
    )
    text = describe_proof(proof(after, before))
    assert "(plain " in text and decibels_of(0.01) == 20.0
