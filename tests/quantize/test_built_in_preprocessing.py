"""What a model does to pixels by itself is seen in its graph, whatever it is made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgecnn
from edgecnn.core.errors import InputError
from edgecnn.data.inputspec import PREPROCESSING, InputSpec, custom, preset
from edgecnn.importing.built_in_preprocessing import (
    Takes,
    describe_preprocessing,
    formula,
    preprocessing_doubts,
    what_it_takes,
)
from edgecnn.importing.input_format import ModelTensor
from edgecnn.importing.tracing import traced_graph
from edgecnn.quantize.rewriting.streamlining import streamline
from edgecnn.tflite.channel_map import ChannelMap
from edgecnn.tflite.leading_ops import leading_channel_map
from edgecnn.tflite.serialization import read_graph, write_graph

SIDE = 12
MEAN, DEVIATION = np.array([123.675, 116.28, 103.53]), np.array([58.395, 57.12, 57.375])
BGR_MEAN = np.array([103.939, 116.779, 123.68])


def fixed_batch_norm(keras: Any, image: Any) -> Any:
    layer = keras.layers.BatchNormalization(epsilon=1e-7)
    result = layer(image)
    layer.set_weights([np.ones(3), np.zeros(3), MEAN, DEVIATION**2])
    return result


def by_slices(keras: Any, image: Any) -> Any:
    channels = [image[..., place : place + 1] for place in (2, 1, 0)]
    return keras.ops.concatenate(channels, axis=-1) - BGR_MEAN.astype(np.float32)


def by_splitting(keras: Any, image: Any) -> Any:
    red, green, blue = keras.ops.split(image, 3, axis=-1)
    parts = [each - mean for each, mean in zip((blue, green, red), BGR_MEAN.tolist(), strict=True)]
    return keras.ops.concatenate(parts, axis=-1)


def by_stacking(keras: Any, image: Any) -> Any:
    red, green, blue = keras.ops.unstack(image, axis=-1)
    return keras.ops.stack([blue, green, red], axis=-1) - BGR_MEAN.astype(np.float32)


def augmented(keras: Any, image: Any) -> Any:
    layers = keras.layers
    for layer in (layers.RandomFlip(), layers.RandomRotation(0.1), layers.RandomContrast(0.1)):
        image = layer(image)
    return layers.Rescaling(1 / 127.5, -1)(image)


def preprocess_input(keras: Any, image: Any, mode: str) -> Any:
    return keras.applications.imagenet_utils.preprocess_input(image, mode=mode)


def to_and_fro(keras: Any, image: Any) -> Any:
    """[-1, 1] by a way around: BGR and back, and a mean that is taken off and added again."""
    image = keras.ops.flip(image, axis=-1) - BGR_MEAN.astype(np.float32)
    image = image[..., ::-1] + BGR_MEAN[::-1].astype(np.float32)
    return (image - 127.5) / 127.5


FRONTS: dict[str, tuple[Any, str]] = {
    "Rescaling to [0, 1]": (lambda keras, x: keras.layers.Rescaling(1 / 255)(x), "unit"),
    "Rescaling": (lambda keras, x: keras.layers.Rescaling(1 / 127.5, -1)(x), "tf"),
    "Normalization": (
        lambda keras, x: keras.layers.Normalization(mean=MEAN, variance=DEVIATION**2)(x),
        "torch",
    ),
    "BatchNormalization": (fixed_batch_norm, "torch"),
    "preprocess_input tf": (lambda keras, x: preprocess_input(keras, x, "tf"), "tf"),
    "preprocess_input torch": (lambda keras, x: preprocess_input(keras, x, "torch"), "torch"),
    "preprocess_input caffe": (lambda keras, x: preprocess_input(keras, x, "caffe"), "caffe"),
    "cast and division": (lambda keras, x: keras.ops.cast(x, "float32") / 255.0, "unit"),
    "division and subtraction": (lambda keras, x: (x - 127.5) / 127.5, "tf"),
    "to and fro": (to_and_fro, "tf"),
    "slices": (by_slices, "caffe"),
    "split": (by_splitting, "caffe"),
    "stack": (by_stacking, "caffe"),
    "augmentation": (augmented, "tf"),
    "Resizing": (
        lambda keras, x: keras.layers.Rescaling(1 / 127.5, -1)(keras.layers.Resizing(8, 8)(x)),
        "tf",
    ),
    "cropping": (
        lambda keras, x: keras.layers.Rescaling(1 / 255)(keras.layers.CenterCrop(8, 8)(x)),
        "unit",
    ),
    "padding": (
        lambda keras, x: keras.layers.ZeroPadding2D(1)(keras.layers.Rescaling(1 / 255)(x)),
        "unit",
    ),
}
"""What a model starts with, and the preset that says the same."""


def network(keras: Any, front: Any, padding: str = "same") -> Any:
    """A classifier of small images, whose front normalises pixels."""
    keras.utils.set_random_seed(0)
    layers = keras.layers
    image = keras.Input((SIDE, SIDE, 3))
    x = layers.Conv2D(6, 3, strides=2, padding=padding, use_bias=False)(front(keras, image))
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.Conv2D(8, 3, padding=padding)(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(4, activation="softmax")(x))


def traced(model: Any) -> Any:
    return traced_graph(
        lambda image: [model(image, training=False)], [ModelTensor("image", (1, SIDE, SIDE, 3))]
    )


def assert_is_preset(channels: ChannelMap | None, name: str) -> None:
    """Check that a map makes of pixels what a preset does, by the preset's own arithmetic."""
    assert channels is not None
    pixels = np.random.default_rng(0).integers(0, 256, (5, 5, 3), np.uint8)
    made = pixels[..., list(channels.sources)] * np.array(channels.factors) + channels.offsets
    np.testing.assert_allclose(made, preset(name, 5, 5).normalize(pixels), rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("front", FRONTS)
def test_preprocessing_in_a_keras_model_is_found(front: str, keras: Any) -> None:
    make, name = FRONTS[front]
    # Before a convolution without padding the converter folds nearly all of it away.
    channels = traced(network(keras, make, padding="valid")).channel_map()
    assert_is_preset(channels, name)
    assert what_it_takes(channels) is Takes.PIXELS


# The converter folds a factor that a convolution follows into its kernel.
FOLDED = ("division and subtraction", "to and fro")


@pytest.mark.parametrize(
    "front", [name for name, (_, of) in FRONTS.items() if of != "unit" and name not in FOLDED]
)
def test_preprocessing_in_a_tflite_file_is_found(front: str, keras: Any) -> None:
    make, name = FRONTS[front]
    graph = traced(network(keras, make))(None)
    assert_is_preset(leading_channel_map(read_graph(write_graph(graph))), name)


def test_a_model_that_mixes_pixels_first_takes_anything(keras: Any) -> None:
    channels = traced(network(keras, lambda keras, image: image)).channel_map()
    assert channels == ChannelMap.identity(3)
    assert what_it_takes(channels) is None
    assert describe_preprocessing(channels) is None


def test_branches_that_see_different_things_say_nothing(keras: Any) -> None:
    layers = keras.layers
    image = keras.Input((SIDE, SIDE, 3))
    branches = [layers.Conv2D(2, 3)(image), layers.Conv2D(2, 3)(image / 255.0)]
    model = keras.Model(image, layers.GlobalAveragePooling2D()(layers.Add()(branches)))
    assert traced(model).channel_map() is None


def test_a_rescaling_in_a_nested_backbone_is_found(keras: Any) -> None:
    backbone = network(keras, FRONTS["Rescaling"][0])
    image = keras.Input((SIDE, SIDE, 3))
    nested = keras.Model(image, backbone(keras.layers.RandomFlip()(image)))
    assert_is_preset(traced(nested).channel_map(), "tf")


def test_images_that_become_grey_first(keras: Any) -> None:
    def front(keras: Any, image: Any) -> Any:
        grey = keras.ops.image.rgb_to_grayscale(image)
        return keras.layers.Rescaling(1 / 127.5, -1)(grey)

    channels = traced(network(keras, front)).channel_map()
    assert what_it_takes(channels) is Takes.PIXELS
    assert channels is not None and formula(channels) == "x / 127.5 - 1"


def test_grey_images_without_a_channel(keras: Any) -> None:
    layers = keras.layers
    image = keras.Input((SIDE, SIDE))
    x = layers.Conv2D(2, 3)(layers.Reshape((SIDE, SIDE, 1))(layers.Rescaling(1 / 255)(image)))
    model = keras.Model(image, layers.GlobalAveragePooling2D()(x))
    traced = traced_graph(
        lambda image: [model(image, training=False)], [ModelTensor("image", (1, SIDE, SIDE))]
    )
    assert traced.channel_map() == ChannelMap.identity(1).scaled(np.float32(1 / 255))


def test_ops_of_older_models_are_found() -> None:
    tf = pytest.importorskip("tensorflow")
    ones = np.ones(3, np.float32)

    def call(image: Any) -> Any:
        taller = tf.reshape(image, tf.concat([tf.shape(image)[:2], [-1, 3]], axis=0))
        normal, *_ = tf.compat.v1.nn.fused_batch_norm(
            tf.reverse(taller, [-1]), ones, 0 * ones, BGR_MEAN, ones, epsilon=0, is_training=False
        )
        return [tf.nn.max_pool2d(tf.negative(0 - normal), 2, 2, "VALID")]

    graph = traced_graph(call, [ModelTensor("image", (1, SIDE, SIDE, 3))])
    assert_is_preset(graph.channel_map(), "caffe")


def uniform(factor: float, offset: float) -> ChannelMap:
    return ChannelMap.identity(3).scaled(factor).shifted(offset)


def test_what_a_front_takes() -> None:
    for factor, offset, takes in (
        (1.0, 0.0, None),
        (0.9995, 0.0, None),  # Batch normalisation that was never trained.
        (1 / 255, 0.0, Takes.PIXELS),
        (1 / 127.5, -1.0, Takes.PIXELS),
        (-1 / 255, 1.0, Takes.PIXELS),  # White on black.
        (1.0, -117.0, Takes.PIXELS),
        (1.0, -128.0, Takes.PIXELS),
        (1 / 60, 0.0, Takes.PIXELS),
        (2.0, -1.0, Takes.UNIT),
        (1.0, -0.5, Takes.UNIT),
        (1 / 0.3081, -0.1307 / 0.3081, Takes.UNIT),  # The statistics of MNIST.
        (255.0, 0.0, Takes.UNIT),
        (255.0, -117.0, Takes.UNIT),
        (0.5, 0.5, Takes.SIGNED),
        (127.5, 127.5, Takes.SIGNED),
        (4.0, 0.0, Takes.SMALL),
        (60.0, 120.0, Takes.SMALL),  # Numbers of the standard deviation, turned into pixels.
        (0.0, 1.0, None),
    ):
        assert what_it_takes(uniform(factor, offset)) is takes, (factor, offset)
    torch = (
        ChannelMap.identity(3)
        .shifted([-0.485, -0.456, -0.406])
        .scaled([1 / 0.229, 1 / 0.224, 1 / 0.225])
    )
    assert what_it_takes(torch) is Takes.UNIT


def test_formulas() -> None:
    bgr = ChannelMap.identity(3).picked([2, 1, 0])
    for channels, text in (
        (uniform(1 / 127.5, -1), "x / 127.5 - 1"),
        (uniform(1 / 255, 0), "x / 255"),
        (uniform(2, -1), "x * 2 - 1"),
        (uniform(1, -117), "x - 117"),
        (uniform(1 / 58, -2), "(x - 116) / 58"),
        (bgr.shifted(-BGR_MEAN), "RGB to BGR, x - (103.9, 116.8, 123.7)"),
        (bgr.scaled(1 / 255), "RGB to BGR, x / 255"),
    ):
        assert formula(channels) == text
    assert describe_preprocessing(bgr) == "the model exchanges red and blue of its images by itself"


def map_of(spec: InputSpec) -> ChannelMap:
    """What a model does that normalises as a spec says."""
    same = ChannelMap.identity(3)
    ordered = same.picked([2, 1, 0]) if spec.color_order == "BGR" else same
    return ordered.shifted(-np.array(spec.mean)).scaled(1 / np.array(spec.std))


def test_pixels_that_are_normalised_twice_are_told() -> None:
    specs = {name: preset(name, 8, 8) for name in PREPROCESSING}
    for inside in ("tf", "torch", "caffe", "unit"):
        for outside, spec in specs.items():
            doubts = preprocessing_doubts(map_of(specs[inside]), spec)
            is_twice = outside != "raw" and (inside, outside) != ("unit", "caffe")
            assert bool(doubts) == is_twice, (inside, outside)
            assert all("is done twice: leave --preprocess" in doubt for doubt in doubts)
    for spec in specs.values():
        assert not preprocessing_doubts(ChannelMap.identity(3), spec)
    # Files of models that want a mean for each channel take pixels less one number.
    rest = map_of(custom([7.7, 0.3, -12.5], [58.4, 57.1, 57.4], 8, 8))
    assert not preprocessing_doubts(rest, specs["torch"].centered())


def test_input_of_another_range_is_told() -> None:
    specs = {name: preset(name, 8, 8) for name in PREPROCESSING}
    for channels, right in (
        (uniform(2, -1), ["unit"]),
        (uniform(0.5, 0.5), ["tf"]),
        (uniform(4, 0), ["tf", "torch", "unit"]),
    ):
        for name, spec in specs.items():
            assert bool(preprocessing_doubts(channels, spec)) == (name not in right), name
    (doubt,) = preprocessing_doubts(uniform(2, -1), specs["raw"])
    assert doubt == (
        "the model starts with x * 2 - 1, so it takes [0, 1], and gets 0 to 255: "
        "say --preprocess unit"
    )


@pytest.mark.parametrize(
    ("factor", "offset", "std"), [(1 / 127.5, -1.0, 1.0), (2.0, -1.0, 255.0), (0.5, 0.5, 127.5)]
)
def test_what_was_recognised_is_said_and_stands_in_the_file(
    factor: float, offset: float, std: float, keras: Any, tmp_path: Path
) -> None:
    model = network(keras, lambda keras, x: keras.layers.Rescaling(factor, offset)(x))
    (made,) = edgecnn.convert(model, quantize="float32", output=tmp_path)
    assert made.input is not None and made.input["std"][0] == std
    assert made.preprocessing == describe_preprocessing(uniform(factor, offset))
    assert made.to_dict()["preprocessing"] == made.preprocessing
    assert not any("preprocess" in warning for warning in made.warnings)


def test_two_readings_are_refused_with_what_is_known(
    keras: Any, photos: Path, tmp_path: Path
) -> None:
    model = network(keras, lambda keras, image: image * 4.0)
    options: dict[str, Any] = {"output": tmp_path, "calibrate": photos}
    with pytest.raises(InputError, match=r"starts with x \* 4: it takes small numbers: say"):
        edgecnn.convert(model, **options)


def test_doubled_normalisation_of_random_weights_is_told(keras: Any, tmp_path: Path) -> None:
    model = network(keras, FRONTS["Rescaling"][0])
    (made,) = edgecnn.convert(model, quantize="float32", preprocess="tf", output=tmp_path)
    assert "(x / 127.5 - 1), so that is done twice" in made.warnings[0]


def test_a_backbone_of_keras_is_looked_into(keras: Any) -> None:
    backbone = keras.applications.MobileNetV3Small(
        input_shape=(32, 32, 3), weights=None, include_top=False, include_preprocessing=True
    )
    image = keras.Input((32, 32, 3))
    model = keras.Model(image, backbone(image))
    graph = traced_graph(
        lambda image: [model(image, training=False)], [ModelTensor("image", (1, 32, 32, 3))]
    )
    assert_is_preset(graph.channel_map(), "tf")


@pytest.mark.parametrize("front", ["Rescaling", "preprocess_input torch", "preprocess_input caffe"])
def test_integers_lose_nothing_to_preprocessing_inside(
    front: str, keras: Any, photos: Path, tmp_path: Path
) -> None:
    """An int8 file is as near to the float model as that of the same network without a front."""
    make, name = FRONTS[front]
    found = {}
    for place, model, options in (
        ("inside", network(keras, make), {}),
        ("outside", network(keras, lambda keras, image: image), {"preprocess": name}),
    ):
        (made,) = edgecnn.convert(
            model, calibrate=photos, samples=12, output=tmp_path / f"{place}.tflite", **options
        )
        assert made.proof is not None
        found[place] = made.proof.after.sqnr_db, sum(made.operators.values())
    assert found["inside"][0] > found["outside"][0] - 1
    assert found["inside"][1] <= found["outside"][1] + 2


@pytest.mark.parametrize(
    ("front", "padding", "kinds"),
    [
        ("Rescaling to [0, 1]", "same", []),
        ("padding", "same", ["PAD"]),
        ("Rescaling", "same", ["MUL", "ADD"]),
        ("Resizing", "same", ["RESIZE_BILINEAR", "MUL", "ADD"]),
        ("to and fro", "same", ["ADD"]),
        ("preprocess_input torch", "same", ["CONV_2D"]),
        ("preprocess_input torch", "valid", []),
        ("preprocess_input caffe", "same", ["CONV_2D"]),
        ("preprocess_input caffe", "valid", []),
        ("stack", "same", ["CONV_2D"]),
        ("split", "valid", []),
    ],
)
def test_a_front_is_one_op_or_none(
    front: str, padding: str, kinds: list[str], keras: Any, tmp_path: Path, run_tflite: Any
) -> None:
    graph = traced(network(keras, FRONTS[front][0], padding))(None)
    files = [tmp_path / "before.tflite", tmp_path / "after.tflite"]
    files[0].write_bytes(write_graph(graph))
    streamline(graph, takes_pixels=False)
    files[1].write_bytes(write_graph(graph))
    ops = [op.kind for op in graph.ops]
    assert ops[: ops.index("MEAN")] == [*kinds, "CONV_2D", "CONV_2D"]
    pixels = np.random.default_rng(0).integers(0, 256, (3, SIDE, SIDE, 3)).astype(np.float32)
    before, after = (run_tflite(file, pixels) for file in files)
    np.testing.assert_allclose(after, before, atol=1e-5)


def test_a_saved_model_and_a_tflite_file_are_asked_in_the_same_way(
    keras: Any, tmp_path: Path
) -> None:
    model = network(keras, FRONTS["preprocess_input torch"][0])
    model.export(tmp_path / "saved", verbose=False)
    (made,) = edgecnn.convert(
        tmp_path / "saved", quantize="float32", output=tmp_path / "made.tflite"
    )
    assert made.preprocessing is not None and "takes 0..255" in made.preprocessing
    graph = traced(model)(None)
    (tmp_path / "stranger.tflite").write_bytes(write_graph(graph))
    (again,) = edgecnn.convert(
        tmp_path / "stranger.tflite", quantize="float32", output=tmp_path / "again.tflite"
    )
    assert again.preprocessing == made.preprocessing
    assert again.input == made.input
