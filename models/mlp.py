"""The dense network: every pixel joined to every unit; what convolutions replaced.

Two hidden layers, in the form and with the rectifiers and dropout of Srivastava et al. 2014,
"Dropout: A Simple Way to Prevent Neural Networks from Overfitting",
https://jmlr.org/papers/v15/srivastava14a.html
"""

from __future__ import annotations

from edgecnn.data.inputspec import preset
from edgecnn.models.layers import (
    classifier,
    hidden_layer,
    image_input,
    keras,
    model_of,
    scaled_width,
)
from edgecnn.models.registry import register
from edgecnn.models.spec import BuildArguments

HIDDEN_WIDTHS = (1024, 1024)


@register(
    year=2014,
    paper="Srivastava et al., Dropout, https://jmlr.org/papers/v15/srivastava14a.html",
    input=preset("unit", 32, 32),
    parameters=5_221_352,
    macs=5_218_304,
    top1_percent=None,
    top1_source="",
    dropout=0.5,
)
def mlp(arguments: BuildArguments) -> keras.Model:
    """Build the dense network."""
    inputs = image_input(arguments)
    x = keras.layers.Flatten(name="flatten")(inputs)
    for number, width in enumerate(HIDDEN_WIDTHS, 1):
        x = hidden_layer(
            x,
            scaled_width(width, arguments.alpha),
            dropout=arguments.dropout,
            name=f"hidden_{number}",
        )
    outputs = classifier(x, arguments.classes, dropout=0.0, softmax=arguments.softmax)
    return model_of(inputs, outputs, "mlp")
