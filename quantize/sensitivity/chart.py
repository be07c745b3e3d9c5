"""The noise of a model's layers as a bar chart: PNG, SVG, or HTML that needs no network."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from edgecnn.core.charts import form_of_target, write_chart
from edgecnn.core.colours import BLUE, VERMILLION
from edgecnn.quantize.sensitivity.result import LayerSensitivity, Sensitivity

ROW_PIXELS = 15
WIDTH_PIXELS = 560
NAME_PIXELS = 420
"""Room for a layer's name, in pixels; a longer name ends in dots."""
COLOURS = {"weights": VERMILLION, "activation": BLUE}


def check_plot(plot: str | Path, model: str) -> Path:
    """Return where a chart goes, checked before anything is measured.

    Args:
        plot: Path of the chart, as the user gave it.
        model: What is measured, which the chart must not overwrite.

    Raises:
        InputError: The path's ending is no format, or its folder can't be written to.
        MissingExtraError: What draws charts is not installed.
    """
    form_of_target(Path(plot), [model])
    return Path(plot)


def write_plot(result: Sensitivity, target: Path) -> None:
    """Write a chart whole or not at all; its ending says the format.

    Args:
        result: What was measured.
        target: Path of the chart, which :func:`check_plot` returned.

    Raises:
        EdgecnnError: The file cannot be written.
    """
    form = target.suffix.lower().removeprefix(".")
    write_chart(draw(result).to_dict(), form, target, f"Sensitivity of {Path(result.model).name}")


def draw(result: Sensitivity) -> Any:
    """Return an Altair chart: a bar a layer in the order of the network.

    Args:
        result: What was measured.

    Example:
        >>> draw(edgecnn.sensitivity("model.keras", calibrate="photos/")).save("noise.svg")
    """
    import altair

    layers = sorted(result.layers, key=lambda layer: layer.place)
    labels = bar_labels(layers)
    bars = altair.Chart(
        altair.Data(values=_values(layers, labels)), title=_title(altair, result)
    ).mark_bar()
    return bars.encode(
        y=altair.Y("layer:N", sort=labels, title="layer, in the order of the network"),
        x=altair.X("noise:Q", title="noise in the scores when it alone is int8, % of the signal"),
        color=altair.Color(
            "part:N",
            title="quantised",
            scale=altair.Scale(domain=list(COLOURS), range=list(COLOURS.values())),
            legend=altair.Legend(orient="top"),
        ),
        order=altair.Order("part:N", sort="descending"),
        tooltip=["layer:N", "kind:N", "part:N", altair.Tooltip("noise:Q", format=".3g")],
    ).properties(width=WIDTH_PIXELS, height=altair.Step(ROW_PIXELS)).configure_axis(
        labelLimit=NAME_PIXELS, labelOverlap=False, grid=True
    )  # fmt: skip


def bar_labels(layers: list[LayerSensitivity]) -> list[str]:
    """Name each bar after its layer; where a layer has several, also after op and number."""
    names = Counter(layer.layer for layer in layers)
    plain = [
        layer.layer if names[layer.layer] == 1 else f"{layer.layer} ({layer.kind})"
        for layer in layers
    ]
    seen: Counter[str] = Counter()
    labels = []
    for label in plain:
        seen[label] += 1
        labels.append(label if seen[label] == 1 else f"{label} {seen[label]}")
    return labels


def _values(layers: list[LayerSensitivity], labels: list[str]) -> list[dict[str, Any]]:
    return [
        {"layer": label, "kind": layer.kind, "part": part, "noise": 100 * noise}
        for layer, label in zip(layers, labels, strict=True)
        for part, noise in (
            ("weights", layer.weights_noise),
            ("activation", layer.activation_noise),
        )
    ]


def _title(altair: Any, result: Sensitivity) -> Any:
    return altair.TitleParams(
        f"Sensitivity of {Path(result.model).name} to int8, layer by layer",
        subtitle=f"all layers at once: {result.plain_words}",
        anchor="start",
    )
