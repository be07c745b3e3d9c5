"""The dense network: every pixel joined to every unit; what convolutions replaced.

Two hidden layers, in the form and with the rectifiers and dropout of Srivastava et al. 2014,
"Dropout: A Simple Way to Prevent Neural Networks from Overfitting",
https://jmlr.org/papers/v15/srivastava14a.html
"""

from __future__ import annotations

from edgecnn.data.inputspec import preset
from edgecnn.models.layers import classifier, hidden, image_input, keras, scaled
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
    inputs = image_input(arguments.size)
    x = keras.layers.Flatten(name="flatten")(inputs)
    for number, width in enumerate(HIDDEN_WIDTHS, 1):
        x = hidden(
            x, scaled(width, arguments.alpha), dropout=arguments.dropout, name=f"hidden_{number}"
        )
    outputs = classifier(x, arguments.classes, dropout=0.0, softmax=arguments.softmax)
    return keras.Model(inputs, outputs, name="mlp")
