"""Colours of schemes and of charts."""

from __future__ import annotations

BLUE, ORANGE, GREEN, VERMILLION, PURPLE, SKY = (
    "#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9",
)  # fmt: skip
"""Okabe and Ito's colours, which the colour-blind tell apart: https://jfly.uni-koeln.de/color/."""

GREY, LIGHT_GREY = "#7d8790", "#b4bcc6"
"""Colours of what others are compared with, on a light and on a dark background."""
