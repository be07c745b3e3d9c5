"""Figures of models that are no classifiers, on data where the right number is known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import edgecnn
from edgecnn.accuracy.kinds.result import KindAccuracy
from edgecnn.accuracy.labelled_data import open_labelled
from edgecnn.accuracy.output_labels import OutputLabels
from edgecnn.core.errors import InputError
from edgecnn.data.datasets import open_dataset
from edgecnn.data.geometry import Geometry
from edgecnn.data.inputspec import preset
from edgecnn.data.masks import MaskFiles
from edgecnn.data.preprocessing import Preprocessing
from edgecnn.devices.device_lookup import get_device
from edgecnn.measure.tasks import JudgingOptions, find_task
from edgecnn.model_metadata.described_file import DescribedFile
from edgecnn.records.record import Record
from tests.map_models import write_passing_model

RAW = Preprocessing("raw")


def measure(model: Path, data: Path, **options: Any) -> KindAccuracy:
    file = DescribedFile(model)
    judging = JudgingOptions(preprocessing=RAW, **options)
    task = find_task(file, file.model, open_labelled(data), judging, file.label)
    with get_device("desktop").start("test") as session:
        session.load(model, threads=1)
        accuracy: KindAccuracy = task.run(session)
        return accuracy


def values(accuracy: KindAccuracy) -> dict[str, float]:
    return {figure.name: figure.value for figure in accuracy.figures}


@pytest.fixture
def map_model(tmp_path: Path) -> Path:
    """Give each pixel the class of its strongest colour: 0 red, 1 green, 2 blue."""
    return write_passing_model(tmp_path / "map.tflite", (1, 4, 4, 3), kind="map")


def picture(classes: np.ndarray[Any, Any]) -> Image.Image:
    return Image.fromarray((np.eye(3)[classes] * 200).astype(np.uint8))


def write_pairs(folder: Path, images: str, masks: str, ending: str = "") -> None:
    """Write two images of 4x4 with masks; of 32 pixels 2 do not count and 4 are wrong."""
    for part in (images, masks):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for number, split in enumerate((2, 1)):
        classes = np.zeros((4, 4), np.intp)
        classes[split:] = 1
        mask = classes.astype(np.uint8)
        if number == 0:
            mask[0, :2] = 255
        else:
            mask[3] = 2
        picture(classes).save(folder / images / f"{number}.png")
        Image.fromarray(mask).save(folder / masks / f"{number}{ending}.png")


# Of class 0 all 10 pixels that count are right; of class 1 16 of 20 answers; class 2 is missed.
MIOU = 100 * (10 / 10 + 16 / 20 + 0 / 4) / 3


@pytest.mark.parametrize(
    ("images", "masks"), [("JPEGImages", "SegmentationClass"), ("images", "masks")]
)
def test_maps_are_judged_by_masks(images: str, masks: str, tmp_path: Path, map_model: Path) -> None:
    write_pairs(tmp_path / "data", images, masks)
    accuracy = measure(map_model, tmp_path / "data")
    assert values(accuracy) == pytest.approx({"mIoU": MIOU, "pixel accuracy": 100 * 26 / 30})
    fields = accuracy.record_fields()
    assert (fields["metric"], fields["images"]) == ("mIoU", 2)
    assert fields["metric_percent"] == pytest.approx(MIOU)


def test_cityscapes_ids_become_the_19_classes_of_its_evaluation(tmp_path: Path) -> None:
    images = tmp_path / "leftImg8bit" / "val" / "ulm"
    masks = tmp_path / "gtFine" / "val" / "ulm"
    for folder in (images, masks):
        folder.mkdir(parents=True)
    # Road has id 7 and trainId 0, car 26 and 13, sky 23 and 10; 4 (static) is ignored.
    ids = np.array([[7, 7, 26, 26], [7, 7, 23, 23], [4, 4, 4, 4], [4, 4, 4, 4]], np.uint8)
    Image.fromarray(ids).save(masks / "ulm_000000_000019_gtFine_labelIds.png")
    Image.new("RGB", (4, 4)).save(images / "ulm_000000_000019_leftImg8bit.png")
    targets = open_labelled(tmp_path).targets
    assert isinstance(targets, MaskFiles)
    spec = preset("raw", 4, 4)
    evaluated = targets.for_classes(19)
    assert evaluated.cut(0, spec, 4, 4)[:2].tolist() == [[0, 0, 13, 13], [0, 0, 10, 10]]
    assert set(evaluated.cut(0, spec, 4, 4)[2:].flat) == {255}
    assert targets.for_classes(34).cut(0, spec, 4, 4).tolist() == ids.tolist()


def test_a_mask_is_cut_as_its_image_is(tmp_path: Path) -> None:
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    mask = np.zeros((4, 8), np.uint8)
    mask[:, 2:6] = 1
    Image.fromarray(mask).save(tmp_path / "masks" / "a.png")
    Image.new("RGB", (8, 4)).save(tmp_path / "images" / "a.png")
    targets = open_labelled(tmp_path).targets
    assert isinstance(targets, MaskFiles)
    whole = preset("raw", 4, 4)
    crop, pad = (whole.with_geometry(Geometry(how)) for how in ("crop", "pad"))
    assert targets.cut(0, whole, 4, 4).tolist() == [[0, 1, 1, 0]] * 4
    assert targets.cut(0, crop, 4, 4)[1:3].tolist() == [[1, 1, 1, 1]] * 2
    assert targets.cut(0, pad, 4, 4).tolist() == [[255] * 4, [0, 1, 1, 0], [0, 1, 1, 0], [255] * 4]


def test_black_and_white_masks_have_two_classes(tmp_path: Path) -> None:
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    Image.fromarray(np.array([[0, 255], [255, 0]], np.uint8)).save(tmp_path / "masks" / "a.png")
    Image.new("RGB", (2, 2)).save(tmp_path / "images" / "a.png")
    targets = open_labelled(tmp_path).targets
    assert isinstance(targets, MaskFiles)
    two = targets.for_classes(2)
    assert two.cut(0, preset("raw", 2, 2), 2, 2).tolist() == [[0, 1], [1, 0]]
    assert "0 and 255" in two.reading


def test_masks_that_are_none_are_left_out_and_named(tmp_path: Path, map_model: Path) -> None:
    write_pairs(tmp_path / "data", "images", "masks")
    wrong = {"colours": Image.new("RGB", (4, 4), "red"), "size": Image.new("L", (5, 4))}
    for name, mask in wrong.items():
        picture(np.zeros((4, 4), np.intp)).save(tmp_path / "data" / "images" / f"{name}.png")
        mask.save(tmp_path / "data" / "masks" / f"{name}.png")
    accuracy = measure(map_model, tmp_path / "data")
    assert accuracy.images == 2
    assert "its pixels are colours" in accuracy.unreadable[0]
    assert "size.png' is 5x4 and its image 4x4" in accuracy.unreadable[1]


def test_classes_beyond_the_outputs_are_refused_with_their_numbers(
    tmp_path: Path, map_model: Path
) -> None:
    write_pairs(tmp_path / "data", "images", "masks")
    Image.fromarray(np.full((4, 4), 7, np.uint8)).save(tmp_path / "data" / "masks" / "1.png")
    with pytest.raises(InputError, match=r"1.png' holds 7, and the model has 3 classes, 0 to 2"):
        measure(map_model, tmp_path / "data")


def test_data_that_do_not_fit_are_refused_by_what_is_wanted(
    tmp_path: Path, map_model: Path, colour_model: Any, colour_photos: Path
) -> None:
    with pytest.raises(InputError, match=r"a class for each image, and the output .* map .*mask"):
        measure(map_model, colour_photos)
    write_pairs(tmp_path / "data", "images", "masks")
    classes = colour_model(tmp_path / "classes.tflite")
    with pytest.raises(InputError, match="has masks, and it is not known what the output"):
        measure(classes, tmp_path / "data")


def write_colours(folder: Path, head: str, cells: Any) -> None:
    """Write four images of one colour each, and a table."""
    (folder / "images").mkdir(parents=True)
    lines = [head]
    for number, row in enumerate(cells):
        colour = tuple(50 * (number + channel) for channel in range(3))
        Image.new("RGB", (4, 4), colour).save(folder / "images" / f"{number}.png")
        lines.append(",".join([f"{number}.png", *map(str, row)]))
    (folder / "labels.csv").write_text("\n".join(lines))


def numbers_metadata(kind: str) -> dict[str, object]:
    return {"outputs": [{"name": "scores", "kind": kind}]}


def test_numbers_are_judged_by_a_table(tmp_path: Path, colour_model: Any) -> None:
    # The model answers 50 (n + c) for image n and channel c; the table has 1, 2 and 6 more.
    cells = [(50 * n + 1, 50 * n + 52, 50 * n + 106) for n in range(4)]
    write_colours(tmp_path / "data", "file,x,y,z", cells)
    model = colour_model(tmp_path / "m.tflite", metadata=numbers_metadata("numbers"))
    accuracy = measure(model, tmp_path / "data")
    spread = sum((50 * (n - 1.5)) ** 2 for n in range(4))
    wanted = {
        "MAE": 3,
        "R2": 1 - 4 * (1 + 4 + 36) / 3 / spread,
        "largest error": 6,
        "MAE of x": 1,
        "MAE of y": 2,
        "MAE of z": 6,
    }
    assert values(accuracy) == pytest.approx(wanted, rel=1e-5)
    fields = accuracy.record_fields()
    assert (fields["metric"], fields["mae_units"]) == ("MAE", pytest.approx(3))


def test_a_table_of_other_columns_than_outputs_is_refused(
    tmp_path: Path, colour_model: Any
) -> None:
    write_colours(tmp_path / "data", "file,x,y", [(1, 2)] * 2)
    model = colour_model(tmp_path / "m.tflite", metadata=numbers_metadata("numbers"))
    with pytest.raises(InputError, match=r"has 3 numbers, and 'labels.csv' 2 .*\(x, y\)"):
        measure(model, tmp_path / "data")


def test_several_labels_are_judged_by_columns_in_the_order_of_the_outputs(
    tmp_path: Path, colour_model: Any
) -> None:
    # A score above 0 is a yes, so that image 0 is green and blue, and the others are all three.
    cells = [(1, 0, 1), (1, 1, 0), (1, 1, 1), (0, 1, 1)]
    write_colours(tmp_path / "data", "file,blue,red,green", cells)
    model = colour_model(tmp_path / "m.tflite", metadata=numbers_metadata("labels"))
    labels = OutputLabels(("red", "green", "blue"), "test", True)
    accuracy = measure(model, tmp_path / "data", labels=labels)
    # Red: 3 right. Green: 3 right, 1 in vain. Blue: 3 right, 1 in vain.
    micro = 2 * 9 / (2 * 9 + 2)
    macro = (1 + 6 / 7 + 6 / 7) / 3
    # By brightness image 3 comes first: red 3, 2, 1; green 3, 2, -, 0; blue -, 2, 1, 0.
    precision = (1 + (1 + 1 + 3 / 4) / 3 + (1 / 2 + 2 / 3 + 3 / 4) / 3) / 3
    wanted = {"F1 (micro)": micro, "F1 (macro)": macro, "mean average precision": precision}
    assert values(accuracy) == pytest.approx({name: 100 * each for name, each in wanted.items()})


@pytest.mark.parametrize("separator", [" ", "|"])
def test_several_labels_may_stand_in_one_column(
    separator: str, tmp_path: Path, colour_model: Any
) -> None:
    # The model says that image 0 is green and blue, and the others are all three.
    texts = (["green", "blue"], ["green"], ["red", "green", "blue"], ["red", "green"])
    write_colours(tmp_path / "data", "file,labels", [[separator.join(each)] for each in texts])
    model = colour_model(tmp_path / "m.tflite", metadata=numbers_metadata("labels"))
    labels = OutputLabels(("red", "green", "blue"), "test", True)
    accuracy = measure(model, tmp_path / "data", labels=labels)
    # Red: 2 right, 1 in vain. Green: 4 right. Blue: 2 right, 2 in vain.
    assert values(accuracy)["F1 (micro)"] == pytest.approx(100 * 2 * 8 / (2 * 8 + 3))
    assert len(accuracy.readings) == (separator == " ")


def test_an_image_may_have_none_of_the_labels(tmp_path: Path, colour_model: Any) -> None:
    # The model says that image 0 is green and blue, and the others are all three.
    data = tmp_path / "data"
    write_colours(data, "file,labels", [["green|blue"], ["green"], [""], ["red|green"]])
    model = colour_model(tmp_path / "m.tflite", metadata=numbers_metadata("labels"))
    labels = OutputLabels(("red", "green", "blue"), "test", True)
    # Red: 1 right, 2 in vain. Green: 3 right, 1 in vain. Blue: 1 right, 3 in vain.
    found = values(measure(model, data, labels=labels))["F1 (micro)"]
    assert found == pytest.approx(100 * 2 * 5 / (2 * 5 + 6))
    (note,) = (each for each in open_dataset(str(data)).notes if "no label" in str(each))
    assert "no label for 1 image:" in str(note)


def test_of_two_class_folders_the_second_is_a_yes(tmp_path: Path) -> None:
    for name, level in (("good", 0), ("scratched", 90)):
        (tmp_path / "data" / name).mkdir(parents=True)
        Image.new("L", (1, 1), level).save(tmp_path / "data" / name / "a.png")
    model = write_passing_model(tmp_path / "m.tflite", (1, 1, 1, 1), kind="probability")
    accuracy = measure(model, tmp_path / "data")
    assert values(accuracy)["accuracy at 0.5"] == 100
    assert accuracy.readings == ("class 'scratched' was taken for a yes, 'good' for a no",)
    numbers = write_passing_model(tmp_path / "n.tflite", (1, 1, 1, 1), kind="numbers")
    with pytest.raises(InputError, match=r"a class for each image, and the output .* numbers"):
        measure(numbers, tmp_path / "data")


def save_arrays(folder: Path, **arrays: Any) -> Path:
    np.savez(folder / "data.npz", **arrays)
    return folder / "data.npz"


def test_several_inputs_and_outputs_are_judged_by_arrays(tmp_path: Path) -> None:
    model = write_passing_model(tmp_path / "m.tflite", (1, 3), kind="numbers", inputs=2)
    first, second = np.eye(3, dtype=np.float32), np.full((3, 3), 2, np.float32)
    data = save_arrays(tmp_path, in0=first, in1=second, out0=first + 0.5, out1=second)
    found = values(measure(model, data))
    assert (found["out0: MAE"], found["out1: MAE"]) == (0.5, 0)


def test_classes_of_arrays_are_top_1(tmp_path: Path) -> None:
    model = write_passing_model(tmp_path / "m.tflite", (1, 3), kind="classes")
    scores = np.array([[1, 2, 0], [3, 0, 0], [0, 0, 1], [0, 1, 0]], np.float32)
    accuracy = measure(model, save_arrays(tmp_path, spectra=scores, labels=[1, 0, 2, 2]))
    assert accuracy.record_fields()["top1_percent"] == 75


def test_one_probability_is_judged_at_one_half(tmp_path: Path) -> None:
    model = write_passing_model(tmp_path / "m.tflite", (1, 1), kind="probability")
    scores = np.array([[0.9], [0.6], [0.4], [0.1]], np.float32)
    accuracy = measure(model, save_arrays(tmp_path, x=scores, labels=[1, 0, 1, 0]))
    # The outputs are no probabilities by their ops, so that all scores above 0 are a yes.
    assert values(accuracy) == pytest.approx({"accuracy at 0.5": 50, "ROC AUC": 75})


def test_embeddings_are_judged_by_the_nearest_other_sample(tmp_path: Path) -> None:
    model = write_passing_model(tmp_path / "m.tflite", (1, 2), kind="embedding")
    vectors = np.array([[1, 0], [5, 1], [0, 1], [1, 5], [3, 2]], np.float32)
    accuracy = measure(model, save_arrays(tmp_path, x=vectors, labels=[4, 4, 6, 6, 6]))
    # The last one points to the first two more than to its own kind.
    assert values(accuracy) == {"recall@1": 80}


def test_steps_of_sequences_are_judged_where_they_count(tmp_path: Path) -> None:
    model = write_passing_model(tmp_path / "m.tflite", (1, 3, 2), kind="sequence")
    scores = np.eye(2, dtype=np.float32)[np.array([[0, 1, 1], [0, 0, 1]])]
    accuracy = measure(model, save_arrays(tmp_path, x=scores, labels=[[0, 1, 0], [0, 1, -1]]))
    assert values(accuracy) == {"accuracy of steps": 60}


def test_images_are_judged_by_those_beside_them(tmp_path: Path) -> None:
    model = write_passing_model(tmp_path / "m.tflite", (1, 16, 16, 3), kind="image")
    for name, level in (("inputs", 100), ("targets", 110)):
        (tmp_path / "data" / name).mkdir(parents=True)
        Image.new("RGB", (16, 16), (level,) * 3).save(tmp_path / "data" / name / "a.png")
    found = values(measure(model, tmp_path / "data"))
    first = (0.01 * 255) ** 2
    ssim = (2 * 100 * 110 + first) / (100**2 + 110**2 + first)
    assert found == pytest.approx({"PSNR": 20 * np.log10(25.5), "SSIM": ssim})


def test_a_float_model_and_another_are_compared_by_kind(tmp_path: Path, map_model: Path) -> None:
    write_pairs(tmp_path / "data", "images", "masks")
    [record] = edgecnn.bench(
        map_model, data=tmp_path / "data", against=map_model, preprocess="raw", runs=1, min_time_s=0
    )
    assert record.metric == "mIoU"
    assert record.metric_percent == pytest.approx(MIOU)
    assert Record.from_dict(json.loads(json.dumps(record.to_dict()))) == record
