"""Inception: several kernel sizes side by side, with 1x1 convolutions to keep them affordable.

- Szegedy et al. 2014, "Going Deeper with Convolutions", https://arxiv.org/abs/1409.4842
- Szegedy et al. 2015, "Rethinking the Inception Architecture", https://arxiv.org/abs/1512.00567
"""

from __future__ import annotations

from edgecnn.data.inputspec import preset
from edgecnn.models.inception_parts import InceptionParts, Step
from edgecnn.models.layers import (
    AUXILIARY,
    Tensor,
    classification_model,
    classifier,
    hidden_layer,
    image_input,
    keras,
    model_of,
    scaled_width,
)
from edgecnn.models.registry import register
from edgecnn.models.spec import BuildArguments, keras_checkpoint

# Table 1 of the first paper: 1x1; 3x3 reduce, 3x3; 5x5 reduce, 5x5; pool projection.
V1_MODULES = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}
POOLED_BEFORE = ("3a", "4a", "5a")
AUXILIARY_AFTER = ("4a", "4d")
AUXILIARY_DROPOUT = 0.7


@register(
    year=2014,
    paper="Szegedy et al., GoogLeNet, https://arxiv.org/abs/1409.4842",
    input=preset("tf", 224, 224),
    parameters=7_013_112,
    macs=1_582_671_872,
    top1_percent=68.7,
    top1_source="bvlc_googlenet in the Caffe model zoo",
    dropout=0.4,
    has_auxiliary=True,
)
def inception_v1(arguments: BuildArguments) -> keras.Model:
    """Build Inception v1 (GoogLeNet).

    Batch normalisation takes the place of the biases and of local response normalisation, which
    has no quantised kernel. With ``auxiliary`` the model has three outputs, of which the paper
    weighs the second and third by 0.3 in training.
    """
    parts = InceptionParts(arguments)
    inputs = image_input(arguments)
    x = parts.step(inputs, (64, 7), "conv1", parts.strides(2))
    x = parts.pooled(x, "pool1", "same")
    x = parts.step(x, (64, 1), "conv2_reduce")
    x = parts.step(x, (192, 3), "conv2")
    early = []
    for name, channels in V1_MODULES.items():
        if name in POOLED_BEFORE:
            x = parts.pooled(x, f"pool_{name}", "same")
        x = _v1_module(x, parts, channels, f"inception_{name}")
        if arguments.auxiliary and name in AUXILIARY_AFTER:
            early.append(_auxiliary(x, parts, arguments, f"{AUXILIARY}_{name}"))
    model = classification_model(inputs, x, arguments, "inception_v1")
    return model_of(inputs, [*model.outputs, *early], model.name) if early else model


def _v1_module(x: Tensor, parts: InceptionParts, channels: tuple[int, ...], name: str) -> Tensor:
    """Apply 1x1, 3x3, 5x5 and pooling side by side."""
    one, reduce3, three, reduce5, five, projected = channels
    pooled = keras.layers.MaxPooling2D(3, 1, "same", name=f"{name}_pool")(x)
    branches = [
        parts.chain(x, [(one, 1)], f"{name}_1x1"),
        parts.chain(x, [(reduce3, 1), (three, 3)], f"{name}_3x3"),
        parts.chain(x, [(reduce5, 1), (five, 5)], f"{name}_5x5"),
        parts.chain(pooled, [(projected, 1)], f"{name}_pooled"),
    ]
    return keras.layers.Concatenate(name=name)(branches)


def _auxiliary(x: Tensor, parts: InceptionParts, arguments: BuildArguments, name: str) -> Tensor:
    """Classify in the middle of the network, so that its first half gets gradients."""
    border = "valid" if min(x.shape[1:3]) >= 5 else "same"
    x = keras.layers.AveragePooling2D(5, 3, border, name=f"{name}_pool")(x)
    x = parts.step(x, (128, 1), f"{name}_reduce")
    x = keras.layers.Flatten(name=f"{name}_flatten")(x)
    units = scaled_width(1024, parts.alpha)
    x = hidden_layer(x, units, dropout=AUXILIARY_DROPOUT, name=f"{name}_dense")
    return classifier(x, arguments.classes, dropout=0, softmax=arguments.softmax, name=name)


@register(
    year=2015,
    paper="Szegedy et al., Inception v3, https://arxiv.org/abs/1512.00567",
    input=preset("tf", 299, 299),
    parameters=23_851_784,
    macs=5_713_216_096,
    top1_percent=77.9,
    top1_source="keras.io/api/applications",
    keras_name="InceptionV3",
    checkpoints=(
        keras_checkpoint("inception_v3/inception_v3", "9a0d58056eeedaa3f26cb7ebd46da564", size=299),
    ),
)
def inception_v3(arguments: BuildArguments) -> keras.Model:
    """Build Inception v3."""
    parts = InceptionParts(arguments)
    inputs = image_input(arguments)
    x = parts.stem(inputs)
    for number, projected in enumerate((32, 64, 64)):
        name = f"mixed{number}"
        branches = parts.branches(
            x, [[(64, 1)], [(48, 1), (64, 5)], [(64, 1), (96, 3), (96, 3)]], name
        )
        x = parts.with_pooled(x, branches, projected, name)
    x = parts.reduction(x, [[(384, 3)], [(64, 1), (96, 3), (96, 3)]], "mixed3")
    for number, width in enumerate((128, 160, 160, 192), 4):
        factorised: list[Step] = [(width, 1), (width, (1, 7)), (192, (7, 1))]
        twice: list[Step] = [
            (width, 1), (width, (7, 1)), (width, (1, 7)), (width, (7, 1)), (192, (1, 7)),
        ]  # fmt: skip
        name = f"mixed{number}"
        branches = parts.branches(x, [[(192, 1)], factorised, twice], name)
        x = parts.with_pooled(x, branches, 192, name)
    x = parts.reduction(
        x, [[(192, 1), (320, 3)], [(192, 1), (192, (1, 7)), (192, (7, 1)), (192, 3)]], "mixed8"
    )
    for number in (9, 10):
        x = _wide_module(x, parts, f"mixed{number}")
    return classification_model(inputs, x, arguments, "inception_v3")


def _wide_module(x: Tensor, parts: InceptionParts, name: str) -> Tensor:
    """Widen the last maps: 3x3 as a row and a column side by side."""
    outputs = [parts.step(x, (320, 1), f"{name}_branch0")]
    for number, steps in enumerate(([(384, 1)], [(448, 1), (384, 3)]), 1):
        inner = parts.chain(x, steps, f"{name}_branch{number}")
        sides = [
            parts.step(inner, (384, (1, 3)), f"{name}_branch{number}_row"),
            parts.step(inner, (384, (3, 1)), f"{name}_branch{number}_column"),
        ]
        outputs.append(keras.layers.Concatenate(name=f"{name}_branch{number}_sides")(sides))
    return parts.with_pooled(x, outputs, 192, name)
