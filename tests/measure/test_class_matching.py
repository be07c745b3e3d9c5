"""Accuracy of other makers' files on odd data: what Interpreter, Pillow and arithmetic say.

Each case is a way in which people's data come; each was measured wrongly by a program that counts
classes and takes them in the order of the folders.
"""

from __future__ import annotations

import shutil
import tarfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import edgecnn
from edgecnn.accuracy.labelled_data import open_labelled
from edgecnn.accuracy.output_labels import OutputLabels, labels_for
from edgecnn.accuracy.result import Accuracy
from edgecnn.core.errors import InputError
from edgecnn.data.preprocessing import Preprocessing
from edgecnn.devices.device_lookup import get_device
from edgecnn.inspection.metadata_editing import set_metadata
from edgecnn.measure.accuracy import AccuracyTask
from edgecnn.measure.caveats import accuracy_caveats
from edgecnn.model_metadata.described_file import DescribedFile
from edgecnn.model_metadata.labels import imagenet_labels
from edgecnn.model_metadata.user_metadata import About
from edgecnn.runner.session import RunnerSession

CIFAR = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
EACH = 12
"""Images of each class."""


@pytest.fixture(scope="module")
def pictures(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some of CIFAR-10's test images in class folders."""
    folder, taken = tmp_path_factory.mktemp("cifar10"), defaultdict[str, int](int)
    with tarfile.open(shared_data / "cifar10" / "test.tar.gz") as archive:
        for member in archive:
            name = Path(member.name).parent.name
            if member.isfile() and taken[name] < EACH:
                taken[name] += 1
                target = folder / name / Path(member.name).name
                target.parent.mkdir(exist_ok=True)
                content = archive.extractfile(member)
                assert content is not None
                target.write_bytes(content.read())
    assert taken == dict.fromkeys(CIFAR, EACH)
    return folder


@pytest.fixture(scope="module")
def plain_file(shared_data: Path) -> Path:
    return shared_data / "strangers" / "resnet8_float.tflite"


@pytest.fixture(scope="module")
def named_file(plain_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same file with its labels packed."""
    path = tmp_path_factory.mktemp("named") / "named.tflite"
    shutil.copy(plain_file, path)
    set_metadata(path, about=About.of(CIFAR))
    return path


@pytest.fixture(scope="module")
def right(pictures: Path, plain_file: Path) -> dict[str, int]:
    """How many images of each class the Interpreter is right on."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(plain_file), num_threads=1)
    interpreter.allocate_tensors()
    entry, end = interpreter.get_input_details()[0], interpreter.get_output_details()[0]

    def answer(path: Path) -> int:
        pixels = np.asarray(Image.open(path).convert("RGB"), np.float32)
        interpreter.set_tensor(entry["index"], pixels[None])
        interpreter.invoke()
        return int(interpreter.get_tensor(end["index"])[0].argmax())

    return {
        name: sum(answer(path) == output for path in sorted((pictures / name).iterdir()))
        for output, name in enumerate(CIFAR)
    }


def percent_of(right: dict[str, int], names: Sequence[str]) -> float:
    return 100 * sum(right[name] for name in names) / (EACH * len(names))


def renamed(pictures: Path, folder: Path, names: dict[str, str]) -> Path:
    for name, new in names.items():
        shutil.copytree(pictures / name, folder / new)
    return folder


def as_npz(pictures: Path, path: Path, labels: dict[str, int]) -> Path:
    files = [
        (file, label) for name, label in labels.items() for file in (pictures / name).iterdir()
    ]
    pixels = np.stack([np.asarray(Image.open(file).convert("RGB")) for file, _ in files])
    np.savez(path, x=pixels, y=np.array([label for _, label in files]))
    return path


class Classifier:
    """A runner that has a file loaded; several files of the same weights may use it."""

    def __init__(self, session: RunnerSession) -> None:
        self._session = session

    def __call__(
        self,
        model: Path,
        data: Path,
        label_offset: int | None = None,
        labels: Path | None = None,
    ) -> Accuracy:
        file = DescribedFile(model)
        known = labels_for(file, OutputLabels.of_user(labels))
        raw, dataset = Preprocessing("raw"), open_labelled(data)
        task = AccuracyTask(file.model, dataset, raw, label_offset, file.label, labels=known)
        return task.run(self._session)


@contextmanager
def classifier(model: Path) -> Iterator[Classifier]:
    with get_device("desktop").start("test") as session:
        session.load(model, threads=1)
        yield Classifier(session)


@pytest.fixture(scope="module")
def measure(plain_file: Path) -> Iterator[Classifier]:
    with classifier(plain_file) as measure:
        yield measure


def how(accuracy: Accuracy) -> tuple[str, str | None]:
    """How classes were matched, and what a user is told of it."""
    notes = [w for w in accuracy_caveats(accuracy) if w.code == "class-matching"]
    says = [f"{note.message}: {note.advice}" for note in notes]
    return accuracy.record_fields()["class_matching"], says[0] if says else None


Make = Callable[[Path, Path], Path]
NUMBERS = {name: number for number, name in enumerate(CIFAR)}
ALL_BUT_LAST = CIFAR[:9]
SAME = {name: name for name in CIFAR}


def without_the_last(pictures: Path, folder: Path) -> Path:
    return renamed(pictures, folder, {name: name for name in ALL_BUT_LAST})


def with_a_stray_folder(pictures: Path, folder: Path) -> Path:
    (without_the_last(pictures, folder) / "a stray one").mkdir()
    return folder


def with_a_capital(pictures: Path, folder: Path) -> Path:
    # "Truck" stands before "airplane" in the order of the folders.
    return renamed(pictures, folder, {**SAME, "truck": "Truck"})


BY_LABELS: dict[str, tuple[Make, Sequence[str]]] = {
    "as they are": (lambda pictures, folder: pictures, CIFAR),
    "the last class lacks": (without_the_last, ALL_BUT_LAST),
    "an empty folder besides": (with_a_stray_folder, ALL_BUT_LAST),
    "a capital letter": (with_a_capital, CIFAR),
    "two of ten": (
        lambda pictures, folder: renamed(pictures, folder, {"cat": "CAT", "ship": "ship "}),
        ("cat", "ship"),
    ),
}


@pytest.mark.parametrize("way", BY_LABELS)
@pytest.mark.parametrize("given", ["packed", "--labels"])
def test_labels_find_each_folders_output(
    way: str, given: str, measure: Classifier, pictures: Path, plain_file: Path,
    named_file: Path, right: Any, tmp_path: Path,
) -> None:  # fmt: skip
    make, names = BY_LABELS[way]
    data = make(pictures, tmp_path / "data")
    (tmp_path / "labels.txt").write_text("\n".join(CIFAR))
    if given == "packed":
        accuracy = measure(named_file, data)
    else:
        accuracy = measure(plain_file, data, labels=tmp_path / "labels.txt")
    assert accuracy.top1_percent == pytest.approx(percent_of(right, names))
    assert how(accuracy) == ("names", None)


@pytest.mark.parametrize("make", [without_the_last, with_a_stray_folder])
def test_folders_that_are_not_as_many_as_nameless_outputs_are_refused(
    make: Make, measure: Classifier, pictures: Path, plain_file: Path, right: Any, tmp_path: Path
) -> None:
    data = make(pictures, tmp_path / "data")
    with pytest.raises(InputError, match=r"10 outputs, whose names are not known.*--labels FILE"):
        measure(plain_file, data)
    if make is without_the_last:
        accuracy = measure(plain_file, data, label_offset=0)
        assert accuracy.top1_percent == pytest.approx(percent_of(right, ALL_BUT_LAST))
        assert how(accuracy) == ("offset", None)


def test_position_is_said(
    measure: Classifier, pictures: Path, plain_file: Path, right: Any, tmp_path: Path
) -> None:
    accuracy = measure(plain_file, pictures)
    assert accuracy.top1_percent == pytest.approx(percent_of(right, CIFAR))
    by, note = how(accuracy)
    assert by == "position" and note is not None
    assert "'airplane' for output 0, 'truck' for output 9" in note and "--labels" in note
    _, note = how(measure(plain_file, with_a_capital(pictures, tmp_path / "data")))
    assert "'Truck' for output 0, 'ship' for output 9" in (note or "")


@pytest.mark.parametrize(
    ("first", "names", "by"),
    [(0, CIFAR, "indices"), (0, ALL_BUT_LAST, "indices"), (1, CIFAR, "one-based")],
)
def test_numbers_in_an_npz_are_outputs(
    first: int, names: Sequence[str], by: str, measure: Classifier, pictures: Path,
    plain_file: Path, right: Any, tmp_path: Path,
) -> None:  # fmt: skip
    labels = {name: NUMBERS[name] + first for name in names}
    data = as_npz(pictures, tmp_path / "data.npz", labels)
    accuracy = measure(plain_file, data)
    assert accuracy.top1_percent == pytest.approx(percent_of(right, names))
    assert (how(accuracy)[0], accuracy.classes.offset) == (by, -first)


def test_numbers_that_may_count_from_1_are_refused(
    measure: Classifier, pictures: Path, plain_file: Path, right: Any, tmp_path: Path
) -> None:
    data = as_npz(pictures, tmp_path / "data.npz", {n: NUMBERS[n] + 1 for n in ALL_BUT_LAST})
    with pytest.raises(InputError, match="from 0 or from 1: say --label-offset 0 or --label-o"):
        measure(plain_file, data)
    accuracy = measure(plain_file, data, label_offset=-1)
    assert accuracy.top1_percent == pytest.approx(percent_of(right, ALL_BUT_LAST))


def test_files_with_the_background_in_other_places_are_compared_class_by_class(
    tmp_path: Path, colour_model: Any, colour_photos: Path
) -> None:
    model = colour_model(tmp_path / "model.tflite", outputs=5, first_class=1)
    other = colour_model(tmp_path / "other.tflite", outputs=4)
    colours = ("0 Red", "1 Green", "2 Blue")
    set_metadata(model, about=About.of(("background", *colours, "grey")))
    set_metadata(other, about=About.of((*colours, "background")))
    raw = {"preprocess": "raw", "runs": 1, "min_time_s": 0}
    [record] = edgecnn.bench(model, data=colour_photos, against=other, **raw)
    # Eight of nine images show the colour that their folder is called, and both see all colours.
    assert record.top1_percent == pytest.approx(100 * 8 / 9)
    assert record.against_top1_percent == pytest.approx(100 * 8 / 9)
    assert (record.agreement_percent, record.label_offset) == (100, 1)


@pytest.mark.parametrize(
    ("file", "is_said"),
    [
        ("mobilenet_v1_0.25_224_quant_metadata", False),
        ("mobilenet_v1_0.25_224_quant_without_subgraph_metadata", True),
    ],
)
def test_photographs_have_one_accuracy_however_their_classes_are_called(
    file: str, is_said: bool, shared_data: Path, tmp_path: Path
) -> None:
    model, photos = shared_data / "peers" / f"{file}.tflite", shared_data / "imagenet_sample"
    wnids = (photos / "wnids.txt").read_text().split()
    names = imagenet_labels(1000) or ()
    lines = [line.split() for line in (photos / "val_map.txt").read_text().splitlines()[::20]]
    for image, index in lines:
        assert image.startswith(wnids[int(index)])
        for root, name in (("wnids", wnids[int(index)]), ("names", names[int(index)].upper())):
            (tmp_path / root / name).mkdir(parents=True)
            shutil.copy(photos / "images" / image, tmp_path / root / name)
    (tmp_path / "map").mkdir()
    (tmp_path / "map" / "images").symlink_to(photos / "images")
    (tmp_path / "map" / "val_map.txt").write_text("\n".join(map(" ".join, lines)))
    with classifier(model) as measure:
        expected = measure(model, tmp_path / "map", 1).top1_percent
        with pytest.raises(InputError, match="background class, which they may or may not count"):
            measure(model, tmp_path / "map")
        shutil.copy(photos / "labels.txt", tmp_path / "map")
        for data in ("map", "wnids", "names"):
            accuracy = measure(model, tmp_path / data)
            assert (accuracy.images, accuracy.top1_percent) == (25, expected)
            by, note = how(accuracy)
            assert (by, note is not None) == ("names", is_said)
