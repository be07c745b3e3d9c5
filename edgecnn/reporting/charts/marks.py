"""The parts that charts have in common, as one :class:`Look`: axes, colours, names, tooltips.

A chart becomes a Vega-Lite specification, for the page and for pictures. Its data have names, and
their values come later, so that a page can show another setting in the same chart.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edgecnn.core.colours import GREY
from edgecnn.records.columns import tooltip_fields
from edgecnn.records.leading import LeadingFigure
from edgecnn.reporting.charts.theme import colours
from edgecnn.reporting.findings.rows import ReportRow

ROW_STEP = 40
"""Pixels of a chart's row: its label is above the marks, as a narrow page has no room beside."""

CHART_HEIGHT = 340
CHART_MARGIN = 28
"""Pixels between the outermost points and the edge, for circles and names."""

WIDE_ENOUGH = "room > 480"
"""Expression that is true in charts wide enough for names beside points, without overlaps."""

PICKED = "datum.id === picked"
"""Expression that is true for the row that was picked in the page."""

NOTHING_PICKED = -1

OPACITY, FAINT = 0.92, 0.42
"""Opacity of files that no other beats, and of the others."""


IMPOSSIBLE = {"percent": "datum.value > 100", "units": "datum.value < 0"}
"""Unit of a figure, as its field's name has it -> expression for values that it cannot have."""

INTERVAL_LINE: dict[str, Any] = {"strokeWidth": 1.2, "opacity": 0.5}
"""How an interval is drawn: thinner and fainter than the point that it goes through."""


class Look:
    """Colours and encodings that all charts of a report share.

    Args:
        rows: All rows that may be shown: they decide on colours and the sizes of circles.
        leading: The figure that is the shown rows' accuracy; None where none has one.
        width: Pixels of the charts; None for the width of the page's cards. The page has legends of
            its own.
        dark: Whether the charts are for a dark page.
    """

    def __init__(
        self,
        rows: Sequence[ReportRow],
        leading: LeadingFigure | None = None,
        *,
        width: int | None = None,
        dark: bool = False,
    ) -> None:
        import altair

        self.altair: Any = altair
        self.rows = rows
        self.leading = leading
        self._width = width
        self._dark = dark
        by_scheme = colours(rows, dark=dark)
        scale = altair.Scale(domain=list(by_scheme), range=list(by_scheme.values()))
        self._legend = {} if width else {"legend": None}
        self.colour: Any = altair.Color("scheme:N", title=None, scale=scale, **self._legend)

    def specification(self, chart: Any) -> dict[str, Any]:
        """Return the Vega-Lite specification of an Altair chart, without configuration and data."""
        spec = chart.properties(width=self._width or "container").to_dict()
        return {name: part for name, part in spec.items() if name not in ("config", "datasets")}

    def data(self, name: str) -> Any:
        """Return an Altair chart of a dataset."""
        return self.altair.Chart(self.altair.NamedData(name))

    def layers(self, *layers: Any, height: Any = CHART_HEIGHT) -> Any:
        """Return layers as one chart, with parameters for its width and the row that is picked.

        Args:
            layers: The layers, the lowest first.
            height: Height in pixels, or a step for each row.
        """
        chart = self.altair.layer(*layers).properties(height=height)
        return chart.add_params(*(self.altair.param(**each) for each in parameters("width")))

    @property
    def row_height(self) -> Any:
        """Height of a chart with rows."""
        return self.altair.Step(ROW_STEP)

    @property
    def time(self) -> Any:
        """Horizontal axis of the median time."""
        return self._time_of("p50")

    def _time_of(self, name: str) -> Any:
        axis = self.altair.Axis(format=".3~g", tickCount=6, labelOverlap=True)
        title = "median time of a call, ms"
        return self.altair.X(f"{name}:Q", title=title, scale=self.logarithmic, axis=axis)

    @property
    def accuracy(self) -> Any:
        """Vertical axis of the leading figure of accuracy, the better values above."""
        return self._accuracy_of("accuracy")

    def _accuracy_of(self, name: str) -> Any:
        leading, is_error = self.leading, self.leading is not None and self.leading.is_error
        # The axis goes on beyond the best file, where no accuracy can be.
        nowhere = IMPOSSIBLE.get("" if leading is None else leading.last_word, "false")
        axis = self.altair.Axis(labelExpr=f"{nowhere} ? '' : datum.label")
        scale = self.altair.Scale(zero=False, nice=False, padding=CHART_MARGIN, reverse=is_error)
        title = "accuracy" if leading is None else f"{leading.name}, {leading.unit}"
        title += " (less is better)" * is_error
        return self.altair.Y(f"{name}:Q", title=title, scale=scale, axis=axis)

    @property
    def logarithmic(self) -> Any:
        """Logarithmic scale."""
        return self.altair.Scale(type="log", nice=False, padding=CHART_MARGIN)

    @property
    def row(self) -> Any:
        """Vertical place in a chart with rows."""
        return self.altair.Y("place:O", axis=None)

    @property
    def area(self) -> Any:
        """Sizes of circles whose areas are proportional to the files' sizes."""
        largest = max(row.record.model_bytes for row in self.rows) / (1 << 20)
        legend: dict[str, Any] = self._legend
        if not legend:
            values = [float(f"{largest * part:.1g}") for part in (0.1, 0.4, 1)]
            symbols = self.altair.Legend(symbolFillColor=GREY, values=values, format="~g")
            legend = {"legend": symbols}
        scale = self.altair.Scale(domain=[0, largest], range=[20, 900])
        return self.altair.Size("mib:Q", title="MiB", scale=scale, **legend)

    @property
    def opacity(self) -> Any:
        """Faint circles for files that another file beats."""
        value = self.altair.value
        return self.altair.condition("datum.optimal", value(OPACITY), value(FAINT))

    @property
    def ring(self) -> dict[str, Any]:
        """Encodings that draw a ring around the row that was picked."""
        inside, ring = ("#1e2227", "#e8ebef") if self._dark else ("#ffffff", "#1b1f24")
        condition, value = self.altair.condition, self.altair.value
        return {
            "stroke": condition(PICKED, value(ring), value(inside)),
            "strokeWidth": condition(PICKED, value(2.5), value(0.6)),
        }

    def time_intervals(self, placed: Any, y: Any) -> Any:
        """Return a layer with the interval of each median time, as a line through its point.

        Args:
            placed: Altair chart of points.
            y: Vertical encoding of the points.
        """
        x = self._time_of("p50Low")
        lines = placed.mark_rule(**INTERVAL_LINE)
        return lines.encode(x=x, x2="p50High:Q", y=y, color=self.colour)

    def accuracy_intervals(self, placed: Any) -> Any:
        """Return a layer with each accuracy's interval over time, as a line through its point.

        Args:
            placed: Altair chart of points.
        """
        y = self._accuracy_of("accuracyLow")
        lines = placed.mark_rule(**INTERVAL_LINE)
        return lines.encode(x=self.time, y=y, y2="accuracyHigh:Q", color=self.colour)

    def names(self, placed: Any, x: Any, y: Any) -> Any:
        """Return a layer with the names that have a place, where the chart is wide enough.

        Args:
            placed: Altair chart of points with a ``label`` and its place.
            x: Horizontal encoding of the points.
            y: Vertical encoding of the points.
        """
        expression = self.altair.ExprRef
        return placed.mark_text(
            align=expression("datum.align"),
            dx=expression("datum.dx"),
            dy=expression("datum.dy"),
            opacity=expression(f"{WIDE_ENOUGH} ? 1 : 0"),
            fontSize=11,
        ).encode(x=x, y=y, text="label:N")

    def row_labels(self, data: Any) -> Any:
        """Return a layer with a label above each row.

        Args:
            data: Altair chart of items with a ``text``.
        """
        texts = data.mark_text(align="left", dy=-11, limit=self.altair.ExprRef("room"))
        return texts.encode(x=self.altair.value(0), y=self.row, text="text:N")

    def tooltip(self, *others: Any) -> list[Any]:
        """Return the tooltip of the file that is pointed at.

        Args:
            others: Entries of the tooltip that come after the file's name.
        """
        fields = [
            self.altair.Tooltip(f"{field.name}:N", title=field.title) for field in tooltip_fields()
        ]
        return [self.altair.Tooltip("name:N", title="file"), *others, *fields]


def parameters(width: str) -> list[dict[str, Any]]:
    """Return the parameters of charts: which row was picked, and how wide they are.

    Args:
        width: Vega's expression for the width in pixels.
    """
    return [{"name": "picked", "value": NOTHING_PICKED}, {"name": "room", "expr": width}]
