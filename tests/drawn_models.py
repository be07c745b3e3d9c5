"""Small Keras models of each kind of output, whose weights are set so that answers are known.

Each function returns a model of some layers; the picture or arrays that go with it and the true
answers are made by a function of the same name with ``_samples``. Nothing is trained: colours,
places and sums are what the weights read, and the expected figures follow by arithmetic.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

SIDE = 16
"""Height and width of the pictures."""
CELLS = 4
"""Cells along a side of the pictures with objects: each is 4 x 4 pixels."""
CLASSES = ("red", "green", "blue")
STEEP = 12.0
"""By which a colour's share (0..1) is multiplied before softmax or sigmoid."""
STEPS = 8
"""Of the sequences."""


def _keras() -> tuple[Any, Any]:
    import keras

    return keras, keras.layers


def _image() -> Any:
    return _keras()[0].Input((SIDE, SIDE, 3), name="image")


def _set(layer: Any, kernel: Array, bias: Array | None = None) -> None:
    layer.set_weights([kernel] if bias is None else [kernel, bias])


def colour_map(dilation: int = 1, logits: bool = False) -> Any:
    """Return a segmentation of one-coloured areas: the class of a pixel is its strongest channel.

    Each channel is passed on by a 3 x 3 depthwise kernel that has its middle alone, so that a
    dilation changes the graph and not the answer.
    """
    keras, layers = _keras()
    inputs = _image()
    depthwise = layers.DepthwiseConv2D(3, padding="same", dilation_rate=dilation, use_bias=False)
    x = depthwise(inputs)
    pixelwise = layers.Conv2D(3, 1, name="scores")
    x = pixelwise(x)
    outputs = x if logits else layers.Softmax(name="classes")(x)
    kernel = np.zeros((3, 3, 3, 1), np.float32)
    kernel[1, 1] = 1
    _set(depthwise, kernel)
    _set(pixelwise, STEEP * np.eye(3, dtype=np.float32)[None, None], np.zeros(3, np.float32))
    return keras.Model(inputs, outputs)


def colour_map_samples(count: int, seed: int = 0) -> tuple[Array, Array]:
    """Return pictures (count, 16, 16, 3) uint8, and their masks of classes (count, 16, 16)."""
    rng = np.random.default_rng(seed)
    cells = rng.integers(3, size=(count, CELLS, CELLS))
    masks = np.kron(cells, np.ones((SIDE // CELLS,) * 2, np.int64)).astype(np.uint8)
    pictures = rng.integers(0, 100, (*masks.shape, 3)).astype(np.uint8)
    np.put_along_axis(pictures, masks[..., None], 220, axis=-1)
    return pictures, masks


def detector(single_output: bool = False) -> Any:
    """Return a detector of coloured cells: 16 boxes, and a score for each colour.

    Outputs: ``boxes`` (16, 4), which are the cells as left, top, right, bottom in 0..1 whatever
    the picture is, plus nothing; ``scores`` (16, 3), above a half where a cell has that colour.
    With one output they stand side by side, shape (16, 7).
    """
    keras, layers = _keras()
    inputs = _image()
    means = layers.AveragePooling2D(SIDE // CELLS)(inputs)
    scored, placed = layers.Conv2D(3, 1, activation="sigmoid"), layers.Dense(CELLS**2 * 4)
    scores = layers.Reshape((CELLS**2, 3), name="scores")(scored(means))
    boxes = layers.Reshape((CELLS**2, 4), name="boxes")(placed(layers.Flatten()(means)))
    _set(scored, 2 * STEEP * np.eye(3, dtype=np.float32)[None, None], np.full(3, -STEEP))
    _set(placed, np.zeros((CELLS**2 * 3, CELLS**2 * 4)), cell_boxes().ravel())
    outputs = [layers.Concatenate(name="both")([boxes, scores])] if single_output else None
    return keras.Model(inputs, outputs or [boxes, scores])


def cell_boxes() -> Array:
    """Return the cells of a picture as left, top, right, bottom in 0..1, shape (16, 4)."""
    corners = np.arange(CELLS) / CELLS
    y, x = (axis.ravel() for axis in np.meshgrid(corners, corners, indexing="ij"))
    return np.stack([x, y, x + 1 / CELLS, y + 1 / CELLS], axis=1).astype(np.float32)


def detector_samples(count: int, seed: int = 0) -> tuple[Array, list[Array]]:
    """Return pictures (count, 16, 16, 3) uint8 and, of each, rows of class, left, top, right,
    bottom in pixels: the cells that are coloured."""
    rng = np.random.default_rng(seed)
    kinds = np.where(rng.random((count, CELLS**2)) < 0.3, rng.integers(3, size=(count, 16)), -1)
    kinds[:, 0] = np.where((kinds < 0).all(1), 0, kinds[:, 0])
    pictures = np.zeros((count, SIDE, SIDE, 3), np.uint8)
    boxes = (cell_boxes() * SIDE).astype(int)
    objects = []
    for picture, row in zip(pictures, kinds, strict=True):
        there = np.flatnonzero(row >= 0)
        for cell in there:
            left, top, right, bottom = boxes[cell]
            picture[top:bottom, left:right, row[cell]] = 230
        objects.append(np.concatenate([row[there, None], boxes[there]], axis=1).astype(float))
    return pictures, objects


def point_finder() -> Any:
    """Return a regressor of the place of the only bright pixel: ``x`` and ``y`` in pixels."""
    keras, layers = _keras()
    inputs = _image()
    grey = layers.Conv2D(1, 1, use_bias=False)
    numbers = layers.Dense(2, use_bias=False, name="point")
    model = keras.Model(inputs, numbers(layers.Flatten()(grey(inputs))))
    y, x = (axis.ravel() for axis in np.meshgrid(*(np.arange(SIDE),) * 2, indexing="ij"))
    _set(grey, np.full((1, 1, 3, 1), 1 / 3, np.float32))
    _set(numbers, np.stack([x, y], axis=1).astype(np.float32))
    return model


def point_finder_samples(count: int, seed: int = 0) -> tuple[Array, Array]:
    """Return pictures with a white pixel each, uint8, and its x and y, shape (count, 2)."""
    rng = np.random.default_rng(seed)
    places = rng.integers(SIDE, size=(count, 2))
    pictures = np.zeros((count, SIDE, SIDE, 3), np.uint8)
    pictures[np.arange(count), places[:, 1], places[:, 0]] = 255
    return pictures, places.astype(np.float32)


def colour_labels(sigmoid: bool = True) -> Any:
    """Return a classifier of several labels: which colours the picture has somewhere."""
    keras, layers = _keras()
    inputs = _image()
    scored = layers.Dense(3, name="scores")
    scores = scored(layers.GlobalMaxPooling2D()(inputs))
    _set(scored, 2 * STEEP * np.eye(3, dtype=np.float32), np.full(3, -STEEP))
    return keras.Model(
        inputs, layers.Activation("sigmoid", name="labels")(scores) if sigmoid else scores
    )


def brightness(sigmoid: bool = True) -> Any:
    """Return a model of one number: whether the picture is bright, as a probability or a logit."""
    keras, layers = _keras()
    inputs = _image()
    scored = layers.Dense(1, name="scores")
    scores = scored(layers.GlobalAveragePooling2D()(inputs))
    _set(scored, np.full((3, 1), 2 * STEEP / 3, np.float32), np.full(1, -STEEP))
    return keras.Model(
        inputs, layers.Activation("sigmoid", name="bright")(scores) if sigmoid else scores
    )


def colour_vector() -> Any:
    """Return an embedding: the mean of each channel, as a vector of length 1."""
    keras, layers = _keras()
    inputs = _image()
    means = layers.GlobalAveragePooling2D()(layers.ReLU()(inputs))
    return keras.Model(inputs, layers.UnitNormalization(name="embedding")(means))


def half_bright() -> Any:
    """Return a model from picture to picture: half as bright."""
    keras, layers = _keras()
    inputs = _image()
    scaled = layers.Conv2D(3, 1, use_bias=False, name="picture")
    model = keras.Model(inputs, scaled(inputs))
    _set(scaled, 0.5 * np.eye(3, dtype=np.float32)[None, None])
    return model


def kind_and_place() -> Any:
    """Return a model of two outputs: ``kind``, the strongest colour's softmax, and ``box``.

    The box has left, top, right and bottom in pixels of the white pixel of ``point_finder``.
    """
    keras, layers = _keras()
    inputs = _image()
    scored, placed = layers.Dense(3), layers.Dense(4, name="box")
    kind = layers.Softmax(name="kind")(scored(layers.GlobalAveragePooling2D()(inputs)))
    grey = layers.Conv2D(1, 1, use_bias=False)
    model = keras.Model(inputs, [kind, placed(layers.Flatten()(grey(inputs)))])
    y, x = (axis.ravel() for axis in np.meshgrid(*(np.arange(SIDE),) * 2, indexing="ij"))
    _set(scored, STEEP * np.eye(3, dtype=np.float32), np.zeros(3))
    _set(grey, np.full((1, 1, 3, 1), 1 / 3, np.float32))
    _set(placed, np.stack([x, y, x, y], axis=1).astype(np.float32), np.array([0, 0, 1, 1.0]))
    return model


def weighed_picture() -> Any:
    """Return a model of two inputs: a picture's mean brightness plus the sum of two numbers."""
    keras, layers = _keras()
    picture, numbers = _image(), keras.Input((2,), name="numbers")
    means = layers.GlobalAveragePooling2D()(picture)
    summed = layers.Dense(1, use_bias=False, name="total")
    model = keras.Model([picture, numbers], summed(layers.Concatenate()([means, numbers])))
    _set(summed, np.array([[1 / 3]] * 3 + [[1.0]] * 2, np.float32))
    return model


def step_counter() -> Any:
    """Return an LSTM classifier: whether the first feature's sum over 8 steps is below or above 0.

    Its gates are open (biases of 20) and its cell gathers tanh of a hundredth of the feature.
    """
    keras, layers = _keras()
    inputs = keras.Input((STEPS, 2), name="signal")
    gathered, scored = layers.LSTM(1), layers.Dense(2)
    model = keras.Model(inputs, layers.Softmax(name="sign")(scored(gathered(inputs))))
    kernel = np.zeros((2, 4), np.float32)
    kernel[0, 2] = 0.01
    gathered.set_weights([kernel, np.zeros((1, 4)), np.array([20.0, 20.0, 0.0, 20.0])])
    _set(scored, np.array([[-500.0, 500.0]]), np.zeros(2))
    return model


def step_counter_samples(count: int, seed: int = 0) -> tuple[Array, Array]:
    """Return sequences (count, 8, 2) float32, and 0 or 1: the sign of the first feature's sum."""
    rng = np.random.default_rng(seed)
    signals = rng.normal(0, 1, (count, STEPS, 2)).astype(np.float32)
    signals[:, :, 0] += np.where(rng.random(count) < 0.5, -0.7, 0.7)[:, None]
    return signals, (signals[:, :, 0].sum(1) > 0).astype(np.int64)


def band_classifier() -> Any:
    """Return a classifier of spectrograms (8 frames, 4 bands): the band with the most energy."""
    keras, layers = _keras()
    inputs = keras.Input((STEPS, 4, 1), name="spectrogram")
    x = layers.AveragePooling2D((STEPS, 1))(inputs)
    scored = layers.Dense(4, activation="softmax", name="band")
    model = keras.Model(inputs, scored(layers.Flatten()(x)))
    _set(scored, STEEP * np.eye(4, dtype=np.float32), np.zeros(4))
    return model


def band_classifier_samples(count: int, seed: int = 0) -> tuple[Array, Array]:
    """Return spectrograms (count, 8, 4, 1) float32 in 0..2, and the index of the loudest band."""
    rng = np.random.default_rng(seed)
    bands = rng.integers(4, size=count)
    energy = rng.uniform(0, 1, (count, STEPS, 4, 1)).astype(np.float32)
    energy[np.arange(count), :, bands] += 1
    return energy, bands


def save_pictures(folder: Path, pictures: Array) -> list[Path]:
    """Write pictures as 0000.png, 0001.png, ...; return their paths."""
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number:04d}.png" for number in range(len(pictures))]
    for path, picture in zip(paths, pictures, strict=True):
        Image.fromarray(picture).save(path)
    return paths
