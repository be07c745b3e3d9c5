"""Inception-ResNet: inception modules as residual branches, scaled down before they are added.

Szegedy et al. 2016, "Inception-v4, Inception-ResNet and the Impact of Residual Connections on
Learning", https://arxiv.org/abs/1602.07261
"""

from __future__ import annotations

from dataclasses import dataclass

from edgecnn.data.inputspec import preset
from edgecnn.models.inception_parts import Branch, InceptionParts
from edgecnn.models.layers import (
    Tensor,
    activate,
    classification_model,
    image_input,
    keras,
    variance_preserving,
)
from edgecnn.models.registry import register
from edgecnn.models.spec import BuildArguments, keras_checkpoint


@dataclass(frozen=True)
class Residual:
    """A residual module and its repetitions.

    Args:
        name: Prefix of the layers' names.
        repeats: Number of modules.
        scale: Factor on what a module adds to its input.
        branches: Branches of a module, side by side.
    """

    name: str
    repeats: int
    scale: float
    branches: tuple[Branch, ...]


# Figures 16, 17 and 19 of the paper, with the published weights' repeats.
MODULE_A = Residual(
    "block35", 10, 0.17, (((32, 1),), ((32, 1), (32, 3)), ((32, 1), (48, 3), (64, 3)))
)
MODULE_B = Residual("block17", 20, 0.1, (((192, 1),), ((128, 1), (160, (1, 7)), (192, (7, 1)))))
MODULE_C = Residual("block8", 10, 0.2, (((192, 1),), ((192, 1), (224, (1, 3)), (256, (3, 1)))))

MIXED_5B: tuple[Branch, ...] = (((96, 1),), ((48, 1), (64, 5)), ((64, 1), (96, 3), (96, 3)))
REDUCTION_A: tuple[Branch, ...] = (((384, 3),), ((256, 1), (256, 3), (384, 3)))
REDUCTION_B: tuple[Branch, ...] = (
    ((256, 1), (384, 3)),
    ((256, 1), (288, 3)),
    ((256, 1), (288, 3), (320, 3)),
)


@register(
    year=2016,
    paper="Szegedy et al., Inception-ResNet, https://arxiv.org/abs/1602.07261",
    input=preset("tf", 299, 299),
    parameters=55_873_736,
    macs=13_155_794_016,
    top1_percent=80.3,
    top1_source="keras.io/api/applications",
    keras_name="InceptionResNetV2",
    checkpoints=(
        keras_checkpoint(
            "inception_resnet_v2/inception_resnet_v2", "e693bd0210a403b3192acc6073ad2e96", size=299
        ),
    ),
)
def inception_resnet_v2(arguments: BuildArguments) -> keras.Model:
    """Build Inception-ResNet v2."""
    parts = InceptionParts(arguments)
    inputs = image_input(arguments)
    x = parts.stem(inputs)
    x = parts.with_pooled(x, parts.branches(x, MIXED_5B, "mixed_5b"), 64, "mixed_5b")
    x = _residuals(x, parts, MODULE_A)
    x = _residuals(parts.reduction(x, REDUCTION_A, "mixed_6a"), parts, MODULE_B)
    x = _residuals(parts.reduction(x, REDUCTION_B, "mixed_7a"), parts, MODULE_C)
    x = parts.step(x, (1536, 1), "conv_7b")
    return classification_model(inputs, x, arguments, "inception_resnet_v2")


def _residuals(x: Tensor, parts: InceptionParts, module: Residual) -> Tensor:
    for number in range(1, module.repeats + 1):
        name = f"{module.name}_{number}"
        # The very last module adds all that it finds, and is not rectified.
        is_last = module is MODULE_C and number == MODULE_C.repeats
        added = keras.layers.Concatenate(name=f"{name}_mixed")(
            parts.branches(x, module.branches, name)
        )
        added = keras.layers.Conv2D(
            x.shape[-1], 1, kernel_initializer=variance_preserving(name, None),
            name=f"{name}_conv",
        )(added)  # fmt: skip
        if not is_last:
            # One factor on the convolution's output: the converter folds it into the weights.
            added = keras.layers.Rescaling(module.scale, name=f"{name}_scale")(added)
        x = keras.layers.Add(name=f"{name}_add")([x, added])
        x = activate(x, None if is_last else "relu", name=name)
    return x
