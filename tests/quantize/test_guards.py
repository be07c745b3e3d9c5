"""Input that is not what a model was trained on is told by the model's own answers to it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgecnn
from edgecnn.data.datasets import open_dataset, sample_indices
from edgecnn.data.geometry import IMAGENET_CROP
from edgecnn.data.inputspec import InputSpec, custom, preset
from edgecnn.data.loader import load_images
from edgecnn.quantize.calibration.evidence import log_probabilities, sign_test, standard_errors
from edgecnn.quantize.calibration.input_doubts import InputCase, input_doubts
from edgecnn.tflite.graph import Graph
from edgecnn.tflite.scores import scores
from edgecnn.tflite.serialization import read_graph

SIZE, EACH = 16, 8
COLOURS = np.array(
    [
        [230, 40, 30], [240, 130, 20], [240, 220, 50], [120, 200, 40], [20, 120, 60],
        [40, 200, 190], [30, 90, 210], [90, 40, 160], [200, 60, 190], [250, 180, 200],
        [110, 70, 40], [60, 60, 70],
    ]
)  # fmt: skip
"""A class each, as pixels."""


def colour_classifier(keras: Any, spec: InputSpec) -> Any:
    """A model that knows the nearest of ``COLOURS``: its weights follow from the distance.

    The logarithm of a class' probability is the distance of an image's mean colour from the
    class', less what is the same for all: linear in the mean colour.
    """
    inputs = keras.Input((SIZE, SIZE, spec.channels))
    x = keras.layers.Conv2D(spec.channels, 1, name="same")(inputs)
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(inputs, keras.layers.Dense(len(COLOURS), activation="softmax")(x))
    order = -1 if spec.color_order == "BGR" else 1
    colours = COLOURS[:, ::order] if spec.channels == 3 else 20.0 * np.arange(1, 13)[:, None]
    mean, std, width = (
        np.array(spec.mean),
        np.array(spec.std),
        4000.0 if spec.channels == 3 else 400.0,
    )
    same = np.eye(spec.channels)[None, None]
    bias = (2 * colours @ mean - (colours**2).sum(axis=1)) / width
    model.set_weights([same, np.zeros(spec.channels), 2 * std[:, None] * colours.T / width, bias])
    return model


@dataclass(frozen=True)
class Pictures:
    images: Any
    labels: list[int]


def noisy(colours: Any, shape: tuple[int, int, int]) -> Pictures:
    """Pictures of each colour, mixed, with noise and uneven light."""
    generator = np.random.default_rng(0)
    labels = generator.permutation(np.repeat(np.arange(len(colours)), EACH))
    light = generator.normal(0, 8, (len(labels), 1, 1, 1))
    pixels = colours[labels][:, None, None] + light + generator.normal(0, 20, (len(labels), *shape))
    return Pictures(np.clip(np.round(pixels), 0, 255).astype(np.uint8), labels.tolist())


@pytest.fixture(scope="module")
def pictures() -> Pictures:
    return noisy(COLOURS, (SIZE, SIZE, 3))


@pytest.fixture(scope="module")
def float_graphs(keras: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Graph]:
    """The graph of a model that was made for each preprocessing, by its name."""
    folder = tmp_path_factory.mktemp("float")
    graphs = {}
    for name in ("tf", "raw"):
        model = colour_classifier(keras, preset(name, SIZE, SIZE))
        (made,) = edgecnn.convert(model, quantize="float32", output=folder / f"{name}.tflite")
        graphs[name] = read_graph(made.path.read_bytes())
    return graphs


def told(
    graph: Graph, spec: InputSpec, images: Any, labels: Any = None, *, may_differ: bool = True
) -> str:
    """Return what is said of a file's input: nothing, or one line."""
    answers = scores(graph, [spec.normalize(images)[:, None]])[0]
    lines = input_doubts(InputCase(graph, spec, False, images, labels, answers, may_differ))
    assert len(lines) <= 1
    return "".join(lines)


def named_in(says: str) -> str:
    """Return the preprocessing that a line proposes."""
    found = re.search(r"with (?:--preprocess |preprocess=\")(\w+)", says)
    assert found, says
    return found[1]


def test_the_models_are_right(float_graphs: dict[str, Graph], pictures: Pictures) -> None:
    for name, graph in float_graphs.items():
        normalized = preset(name, SIZE, SIZE).normalize(pictures.images)
        right = scores(graph, [normalized[:, None]])[0].argmax(axis=1) == pictures.labels
        assert right.mean() > 0.95


@pytest.mark.parametrize("labelled", [True, False])
@pytest.mark.parametrize("trained", ["tf", "raw"])
def test_right_input_is_not_doubted(
    float_graphs: dict[str, Graph], pictures: Pictures, trained: str, labelled: bool
) -> None:
    labels = pictures.labels if labelled else None
    spec = preset(trained, SIZE, SIZE)
    assert not told(float_graphs[trained], spec, pictures.images, labels)
    # Nor with another size of step that a network does not notice.
    near = custom([m + 0.5 for m in spec.mean], [s * 1.004 for s in spec.std], SIZE, SIZE)
    assert not told(float_graphs[trained], near, pictures.images, labels)


@pytest.mark.parametrize("labelled", [True, False])
@pytest.mark.parametrize("trained", ["tf", "raw"])
def test_another_preprocessing_is_told_by_one_that_is_right(
    float_graphs: dict[str, Graph], pictures: Pictures, trained: str, labelled: bool
) -> None:
    labels = pictures.labels if labelled else None
    for given in {"tf", "torch", "raw", "unit"} - {trained}:
        spec = preset(given, SIZE, SIZE)
        own = scores(float_graphs[trained], [spec.normalize(pictures.images)[:, None]])[0]
        says = told(float_graphs[trained], spec, pictures.images, labels)
        if (own.argmax(axis=1) == pictures.labels).mean() > 0.95:
            # [-1, 1] and ImageNet's deviations are near enough for colours that are so far apart.
            assert not says
            continue
        named = preset(named_in(says), SIZE, SIZE)
        other = scores(float_graphs[trained], [named.normalize(pictures.images)[:, None]])[0]
        assert (other.argmax(axis=1) == pictures.labels).mean() > 0.95
        assert labelled or "right for" not in says


def test_exchanged_channels_are_told(float_graphs: dict[str, Graph], pictures: Pictures) -> None:
    spec, exchanged = preset("tf", SIZE, SIZE), pictures.images[..., ::-1]
    says = told(float_graphs["tf"], spec, exchanged, pictures.labels)
    assert "with red and blue exchanged" in says
    assert "RGB" in says
    # With weights of the makers the preprocessing is beyond doubt, the images are not.
    assert told(float_graphs["tf"], spec, exchanged, pictures.labels, may_differ=False) == says


def test_known_preprocessing_is_not_doubted(
    float_graphs: dict[str, Graph], pictures: Pictures
) -> None:
    spec = preset("unit", SIZE, SIZE)
    assert told(float_graphs["raw"], spec, pictures.images)
    assert not told(float_graphs["raw"], spec, pictures.images, may_differ=False)


def test_labels_of_other_classes_are_no_doubt(
    float_graphs: dict[str, Graph], pictures: Pictures
) -> None:
    generator = np.random.default_rng(1)
    spec, classes = preset("tf", SIZE, SIZE), len(COLOURS)
    order = generator.permutation(classes)
    for labels in (
        [int(order[label]) for label in pictures.labels],
        generator.integers(0, classes, len(pictures.labels)).tolist(),
        [0] * len(pictures.labels),
    ):
        assert not told(float_graphs["tf"], spec, pictures.images, labels)


def test_images_that_tell_nothing_are_no_doubt(float_graphs: dict[str, Graph]) -> None:
    generator = np.random.default_rng(2)
    spec = preset("tf", SIZE, SIZE)
    noise = generator.integers(0, 256, (60, SIZE, SIZE, 3), np.uint8)
    assert not told(float_graphs["tf"], spec, noise)
    one_class = noisy(COLOURS[:1], (SIZE, SIZE, 3)).images.repeat(8, axis=0)
    assert not told(float_graphs["tf"], spec, one_class)
    assert not told(float_graphs["tf"], spec, one_class, [0] * len(one_class))
    grey = np.repeat(noise[..., :1], 3, axis=-1)
    assert not told(float_graphs["tf"], spec, grey)


def test_few_images_prove_nothing(float_graphs: dict[str, Graph], pictures: Pictures) -> None:
    spec, images = preset("raw", SIZE, SIZE), pictures.images
    assert told(float_graphs["tf"], spec, images[:24], pictures.labels[:24])
    assert not told(float_graphs["tf"], spec, images[:13], pictures.labels[:13])


def test_answers_that_are_no_numbers_are_passed_over(
    float_graphs: dict[str, Graph], pictures: Pictures
) -> None:
    spec = preset("tf", SIZE, SIZE)
    answers = np.full((len(pictures.labels), len(COLOURS)), np.nan, np.float32)
    case = InputCase(float_graphs["tf"], spec, False, pictures.images, None, answers, True)
    assert not input_doubts(case)
    assert not input_doubts(replace(case, scores=np.zeros((len(pictures.labels), 1), np.float32)))


def test_grey_models_are_told_by_the_presets_that_they_can_have(keras: Any, tmp_path: Path) -> None:
    spec = preset("unit", SIZE, SIZE, 1)
    (made,) = edgecnn.convert(
        colour_classifier(keras, spec), quantize="float32", output=tmp_path / "grey.tflite"
    )
    graph = read_graph(made.path.read_bytes())
    grey = noisy(20.0 * np.arange(1, 13)[:, None], (SIZE, SIZE, 1))
    assert not told(graph, spec, grey.images, grey.labels)
    says = told(graph, preset("raw", SIZE, SIZE, 1), grey.images, grey.labels)
    assert "with --preprocess unit" in says


Convert = Callable[..., str]


@pytest.fixture()
def converted(keras: Any, pictures: Pictures, tmp_path: Path) -> Convert:
    """Convert a model that was made for ``trained`` to int8, and return its notes."""

    def convert(trained: str, given: str, order: int = 1, **options: Any) -> str:
        data = tmp_path / "data.npz"
        np.savez(data, x=pictures.images[..., ::order], y=np.array(pictures.labels))
        (made,) = edgecnn.convert(
            colour_classifier(keras, preset(trained, SIZE, SIZE)),
            preprocess=given,
            calibrate=data,
            samples=40,
            output=tmp_path / "made.tflite",
            **options,
        )
        return "\n".join(made.warnings)

    return convert


def test_converting_with_another_preprocessing_says_so(converted: Convert) -> None:
    # "caffe" is done in the graph, which is given other pixels to make what "torch" would.
    says = converted("torch", "caffe")
    assert 'with preprocess="torch": was it trained like that?' in says
    assert says.count("as given") == 1


def test_converting_in_the_graph_with_the_right_one_says_nothing(converted: Convert) -> None:
    assert "as given" not in converted("torch", "torch", recover="off")


def test_converting_with_exchanged_channels_says_so(converted: Convert) -> None:
    assert "with red and blue exchanged" in converted("caffe", "caffe", order=-1, recover="off")


def test_sensitivity_says_so_too(keras: Any, pictures: Pictures, tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", x=pictures.images, y=np.array(pictures.labels))
    found = edgecnn.sensitivity(
        colour_classifier(keras, preset("tf", SIZE, SIZE)),
        preprocess="raw",
        calibrate=tmp_path / "data.npz",
        samples=40,
    )
    # [-1, 1] or ImageNet's deviations: both are right.
    assert named_in(" ".join(found.warnings)) in ("tf", "torch")


def test_probabilities_and_scores_say_the_same() -> None:
    answers = np.random.default_rng(0).normal(0, 2, (20, 7))
    chances = np.exp(answers) / np.exp(answers).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(log_probabilities(answers), np.log(chances), rtol=1e-6)
    np.testing.assert_allclose(log_probabilities(chances), np.log(chances), rtol=1e-6)
    each = 1 / (1 + np.exp(-answers))
    np.testing.assert_allclose(log_probabilities(each), np.log(chances), rtol=1e-6)


def test_statistics() -> None:
    assert sign_test(0, 5) == 1
    assert sign_test(14, 0) == 2**-14
    # Either 4 or more of 7 are wins, or 4 or more are losses.
    assert sign_test(4, 3) == 0.5
    values = np.array([1.0, 2.0, 4.0, 9.0])
    assert standard_errors(values) == pytest.approx(
        values.mean() / (np.sqrt(((values - 4) ** 2).sum() / 3) / math.sqrt(4))
    )


@pytest.fixture(scope="module")
def mobilenet(real_files: Any) -> Graph:
    return read_graph(real_files("mobilenet_v1_0.25_224")["float32"].path.read_bytes())


@pytest.fixture(scope="module")
def photographs(shared_data: Path) -> Pictures:
    """A hundred of ImageNet's, with their labels as outputs of 1,001."""
    dataset = open_dataset(shared_data / "imagenet_sample")
    indices = sample_indices(dataset, 100)
    loaded = list(
        load_images(dataset, indices, preset("tf", 224, 224).with_geometry(IMAGENET_CROP))
    )
    assert dataset.labels is not None
    labels = [dataset.labels[index] + 1 for index in indices]
    return Pictures(np.stack([image.image for image in loaded]), labels)


@pytest.mark.parametrize("labelled", [True, False])
def test_a_real_model_on_photographs(
    mobilenet: Graph, photographs: Pictures, labelled: bool
) -> None:
    images, labels = photographs.images, photographs.labels if labelled else None
    spec = preset("tf", 224, 224)
    assert not told(mobilenet, spec, images, labels)
    for given in ("raw", "caffe"):
        says = told(mobilenet, preset(given, 224, 224), images, labels)
        assert "with --preprocess tf" in says
    if labelled:
        assert "red and blue exchanged" in told(mobilenet, spec, images[..., ::-1], labels)
