"""Python environments of their own for clients that edgecnn's own could not hold: made, cached."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.at_hand import made_once, run

# Whole lists, so that a new release elsewhere changes no test.
MEDIAPIPE_PACKAGES = (
    "mediapipe==1.2.3",
    "absl-py==2.5.1",
    "certifi==2026.10.18",
    "contourpy==1.3.3",
    "cycler==0.12.1",
    "flatbuffers==25.12.19",
    "fonttools==4.68.0",
    "kiwisolver==1.5.1",
    "matplotlib==3.11.2",
    "numpy==2.4.6",
    "opencv-contrib-python==5.1.0.95",
    "packaging==26.3",
    "pillow==13.0.0",
    "pyparsing==3.3.3",
    "python-dateutil==4.0.0",
    "six==1.17.0",
)
TFLITE_RUNTIME_PACKAGES = ("tflite-runtime==2.14.0", "numpy==1.26.4")


def environment(name: str, packages: tuple[str, ...]) -> Path:
    """Return the Python of an environment with these packages, made first if need be.

    Raises:
        NotAtHand: They cannot be had for this Python.
    """
    recipe = " ".join((sys.version, *packages))
    with made_once(f"python-{name}", recipe) as (made, partial):
        if partial is not None:
            run(sys.executable, "-m", "venv", "--without-pip", str(partial / "venv"))
            python = partial / "venv" / "bin" / "python"
            installed_by = (sys.executable, "-m", "pip", f"--python={python}", "install")
            run(*installed_by, "--quiet", "--no-deps", "--only-binary=:all:", *packages)
    return made / "venv" / "bin" / "python"
