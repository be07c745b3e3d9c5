"""Which output stands for which class: what decides, and what is refused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from edgecnn.accuracy.class_names import matching_outputs
from edgecnn.accuracy.class_outputs import ClassMatching, ClassOutputs, find_class_outputs
from edgecnn.accuracy.output_labels import ModelOutputs, OutputLabels
from edgecnn.core.errors import InputError
from edgecnn.data.datasets import ImageArray
from edgecnn.model_metadata.labels import imagenet_labels, imagenet_wnids

CIFAR = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
IMAGENET = imagenet_labels(1000) or ()
WNIDS = imagenet_wnids()


def stating(labels: Sequence[int], names: Sequence[str] | None = None) -> ImageArray:
    """Data that states the index of each class: an ``.npz``, a folder with ``val_map.txt``."""
    images = np.zeros((len(labels), 4, 4, 3), np.uint8)
    return ImageArray("data", images, tuple(labels), names and tuple(names), states_indices=True)


def folders(*names: str) -> ImageArray:
    """Data in folders: a label is the place of a name among the others."""
    images = np.zeros((len(names), 4, 4, 3), np.uint8)
    return ImageArray("data", images, tuple(range(len(names))), names, states_indices=False)


def found(
    outputs: int, data: ImageArray, labels: Sequence[str] = (), offset: int | None = None
) -> ClassOutputs:
    model = ModelOutputs(outputs, OutputLabels(tuple(labels), "the labels packed in it"), "'m'")
    return find_class_outputs(model, data, offset)


@pytest.mark.parametrize(
    ("outputs", "labels", "offset", "how"),
    [
        (10, range(10), 0, ClassMatching.INDICES),
        (10, range(9), 0, ClassMatching.INDICES),
        (11, range(10), 0, ClassMatching.INDICES),
        (10, (3, 9), 0, ClassMatching.INDICES),
        (1000, (0, 998), 0, ClassMatching.INDICES),
        (1001, (0, 1000), 0, ClassMatching.INDICES),
        (10, range(1, 11), -1, ClassMatching.ONE_BASED),
        (10, (4, 10), -1, ClassMatching.ONE_BASED),
    ],
)
def test_indices_that_the_data_states_are_outputs(
    outputs: int, labels: Sequence[int], offset: int, how: ClassMatching
) -> None:
    classes = found(outputs, stating(labels))
    assert (classes.offset, classes.matching) == (offset, how)
    # Where it could be another way, the user is told which way was taken.
    assert (classes.advice is None) == (max(labels) == outputs - 1)


@pytest.mark.parametrize(
    ("outputs", "labels", "names", "says"),
    [
        (10, range(11), (), "indices 0 to 10, and 'm' has 10 outputs: give data of the model's"),
        (10, (2, 11), (), "indices 2 to 11"),
        (10, range(1, 10), (), "from 0 or from 1: say --label-offset 0 or --label-offset -1"),
        (1001, range(1000), (), "'m' may be a background class.*--label-offset 0 or --label-of"),
        (11, range(10), ("background", *"abcdefghij"), "output 0 of 'm' is a background class"),
        (11, range(9), ("__background__", *"abcdefghij"), "output 0 of 'm' is a background class"),
    ],
)
def test_two_readings_of_indices_are_refused(
    outputs: int, labels: Sequence[int], names: Sequence[str], says: str
) -> None:
    with pytest.raises(InputError, match=says):
        found(outputs, stating(labels), names)


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (range(10), (*"abcdefghij", "background")),
        (range(1, 11), ("background", *"abcdefghij")),
    ],
)
def test_a_background_class_that_leaves_one_reading_shifts_nothing(
    labels: Sequence[int], names: Sequence[str]
) -> None:
    classes = found(11, stating(labels), names)
    assert (classes.offset, classes.matching) == (0, ClassMatching.INDICES)


@pytest.mark.parametrize(
    ("names", "labels", "outputs"),
    [
        (("cat", "ship"), CIFAR, [3, 8]),
        (("Cat", "SHIP "), CIFAR, [3, 8]),
        (CIFAR[:9], CIFAR, list(range(9))),
        (CIFAR, ("background", *CIFAR), list(range(1, 11))),
        (CIFAR, (*CIFAR, "background"), list(range(10))),
        (CIFAR, CIFAR[::-1], list(range(9, -1, -1))),
        (("Truck", *CIFAR[:9]), CIFAR, [9, *range(9)]),
        (("Granny Smith", "jack-o'-lantern"), ("jack_o_lantern", "granny_smith"), [1, 0]),
        (("Stra\N{LATIN SMALL LETTER SHARP S}e", "a"), ("STRASSE", "A"), [0, 1]),
        # macOS writes an accent as a letter of its own, others as a part of the letter.
        (("Cafe\N{COMBINING ACUTE ACCENT}", "b"), ("caf\N{LATIN SMALL LETTER E WITH ACUTE}", "b"),
         [0, 1]),
        (("C", "C++"), ("C++", "C"), [1, 0]),
        (("tench", "goldfish"), ("n01443537 goldfish, Carassius auratus", "n01440764 tench"),
         [1, 0]),
        (("n01440764", "n01443537"), ("goldfish, Carassius auratus", "tench"), [1, 0]),
        (("goldfish", "tench"), ("n01440764", "n01443537"), [1, 0]),
        (("Tinca tinca", "goldfish"), ("tench, Tinca tinca", "goldfish, Carassius auratus"),
         [0, 1]),
        # The first of a label's words is its name; a later one may be another's, too.
        (("polecat", "skunk"), ("polecat, fitch", "skunk, polecat"), [0, 1]),
        (("n01440764_tench", "n01443537-goldfish"), ("tench", "goldfish"), [0, 1]),
        (("n02119789", "n02100735"), ("n02119789 1 kit_fox", "n02100735 2 English_setter"), [0, 1]),
        (("English setter", "kit fox"), ("n02119789 1 kit_fox", "n02100735 2 English_setter"),
         [1, 0]),
        # Teachable Machine writes labels so, and others their folders.
        (("Cat", "Dog"), ("0 Dog", "1 Cat"), [1, 0]),
        (("00_cat", "01_dog"), ("dog", "cat"), [1, 0]),
        (("1", "2"), ("2", "1"), [1, 0]),
    ],
)  # fmt: skip
def test_folders_are_matched_by_their_names(
    names: Sequence[str], labels: Sequence[str], outputs: list[int]
) -> None:
    classes = found(len(labels), folders(*names), labels)
    assert classes.of(range(len(names))) == outputs
    assert (classes.matching, classes.advice) == (ClassMatching.NAMES, None)


@pytest.mark.parametrize(
    ("names", "labels", "says"),
    [
        (
            ("cat", "lorry"),
            CIFAR,
            r"1 of 2 class names of the data are not among.*\('lorry'\): ren",
        ),
        (("Cat", "cat"), CIFAR, "'Cat' and 'cat' are both output 3, 'cat'"),
        (("crane", "dog"), ("crane", "dog", "crane"), "'crane' of the data may be output 0 or 2"),
        (("3 stripes", "dots"), ("2 stripes", "dots", "4 stripes"), "may be output 0 or 2"),
        (("boat", "dog"), ("bo at", "dog", "bo-at"), "'boat' of the data may be output 0 or 2"),
        (CIFAR[:9], (), "'m' has 10 outputs, whose names are not known, and the data 9 class"),
        (("Hund", "Katze"), CIFAR, "'m' has 10 outputs, and the data 2 .* none of which is among"),
    ],
)
def test_names_that_do_not_fit_are_refused(
    names: Sequence[str], labels: Sequence[str], says: str
) -> None:
    with pytest.raises(InputError, match=says) as caught:
        found(10 if not labels else len(labels), folders(*names), labels)
    assert "--labels FILE" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("labels", [(), ("x", "y", "z")])
def test_position_decides_only_for_as_many_classes_and_is_said(labels: Sequence[str]) -> None:
    classes = found(3, folders("cat", "dog", "ship"), labels)
    assert (classes.matching, classes.of(range(3))) == (ClassMatching.POSITION, [0, 1, 2])
    assert "'cat' for output 0, 'ship' for output 2" in classes.evidence
    assert "--labels FILE" in (classes.advice or "")
    # A class without images is no class.
    empty = ImageArray("d", np.zeros((3, 4, 4, 3), np.uint8), (0, 2, 3), tuple("abcd"), False)
    assert found(3, empty).of((0, 2, 3)) == [0, 1, 2]
    with pytest.raises(InputError, match="the data 3 class"):
        found(4, empty)


def test_the_users_offset_comes_first_and_must_stay_inside_the_outputs() -> None:
    assert found(3, stating((1, 2, 3)), offset=-1).offset == -1
    assert found(100, folders("x", "y"), CIFAR, offset=7).of((0, 1)) == [7, 8]
    for offset in (-1, 1):
        with pytest.raises(InputError, match="--label-offset"):
            found(3, stating((0, 1, 2)), offset=offset)


def test_the_users_labels_must_be_as_many_as_the_outputs() -> None:
    given = OutputLabels.of_user(["a", "b", "c"])
    with pytest.raises(InputError, match="3 labels, and the model 4 classes"):
        ModelOutputs(4, given)
    assert ModelOutputs(3, given).labels == ("a", "b", "c")
    # A file's own labels that do not fit say nothing of its outputs.
    assert ModelOutputs(4, OutputLabels(("a", "b", "c"), "packed")).labels == ()


@pytest.mark.parametrize("outputs", [1000, 1001])
@pytest.mark.parametrize("names", [IMAGENET, WNIDS], ids=["names", "wnids"])
def test_imagenet_is_recognised_without_labels_and_said(outputs: int, names: Sequence[str]) -> None:
    order = sorted(names)
    classes = found(outputs, folders(*order))
    assert classes.matching is ClassMatching.NAMES
    assert classes.of(range(1000)) == [names.index(name) + outputs - 1000 for name in order]
    assert "ImageNet" in classes.evidence and "--labels" in (classes.advice or "")
    some = found(outputs, folders(*order[100:300]))
    assert some.of(range(200)) == classes.of(range(100, 300))


@pytest.mark.parametrize("count", [1000, 1001])
def test_other_data_is_not_taken_for_imagenet(count: int) -> None:
    with pytest.raises(InputError, match="whose names are not known"):
        found(count, folders("a red thing", "another thing", "bank"))


def test_makers_names_of_imagenet_with_two_cranes(shared_data: Path) -> None:
    makers = (shared_data / "imagenet_sample" / "labels.txt").read_text("utf-8").splitlines()
    assert len(set(makers)) < 1000
    every = list(range(1000))
    for labels in ([*makers], [*IMAGENET]):
        packed = ["background", *labels]
        # The data states which crane it means, and nearly all names say that output 1 is class 0.
        for names in (makers, IMAGENET):
            classes = found(1001, stating(every, names), packed)
            assert (classes.offset, classes.matching) == (1, ClassMatching.NAMES)
        assert found(1001, folders(*WNIDS), packed).of(every) == list(range(1, 1001))
    with pytest.raises(InputError, match="'crane' of the data may be output 135 or 518"):
        found(1001, folders("crane", "tench"), ["background", *makers])


def test_names_decide_over_indices_where_all_are_known() -> None:
    swapped = [*CIFAR]
    swapped[3], swapped[5] = swapped[5], swapped[3]
    classes = found(10, stating(range(10), CIFAR), swapped)
    assert classes.of(range(10)) == [0, 1, 2, 5, 4, 3, 6, 7, 8, 9]
    assert classes.offset is None
    # A class that is called otherwise follows the others, unless one of them contradicts.
    renamed = ("plane", *CIFAR[1:])
    assert found(11, stating(range(10), renamed), ("background", *CIFAR)).offset == 1
    with pytest.raises(InputError, match=r"\('plane'\)"):
        found(10, stating(range(10), renamed), swapped)


def test_each_model_has_its_own_outputs() -> None:
    data = stating(range(3), ("cat", "dog", "ship"))
    one = found(4, data, ("background", "cat", "dog", "ship"))
    other = found(5, data, ("ship", "dog", "cat", "truck", "background"))
    # Labels tell of outputs without images: both have a background class.
    assert one.translated(other) == [3, 2, 1, -1, 0]
    assert other.translated(one) == [4, 2, 1, 0]
    by_shift, shifted = found(5, stating(range(3))), found(5, stating(range(3)), offset=1)
    assert by_shift.translated(shifted) == [-1, 0, 1, 2, 3]
    # The same with names of the data alone: "ship" is the last name that is known.
    named, moved = found(5, data), found(5, data, offset=1)
    assert named.translated(moved) == [-1, 0, 1, 2, 3]
    assert (named.labels[3], moved.labels[0]) == ("", "background")


def test_an_empty_folder_is_no_rival() -> None:
    images = np.zeros((2, 4, 4, 3), np.uint8)
    data = ImageArray("d", images, (0, 2), ("cat", "Ship", "ship"), states_indices=False)
    assert found(10, data, CIFAR).of((0, 2)) == [3, 8]


def test_no_name_is_taken_from_nothing() -> None:
    assert matching_outputs({0: "--", 1: ""}, ["++", "", "a"]) == {0: (), 1: ()}
