"""Says whether every version in constraints.txt can be had for every Python that edgecnn supports.

Run it with make's environment: .venv/bin/python .ci/pins.py. It asks the package index and installs
nothing.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
PYTHONS = ("3.10", "3.11", "3.12", "3.13")


def pins(python: str) -> list[str]:
    """The pins that hold for a version of Python, without their markers."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    requirements = [Requirement(line) for line in lines if line and not line.startswith("#")]
    environment = {"python_version": python, "python_full_version": f"{python}.0"}
    return [
        f"{one.name}{one.specifier}"
        for one in requirements
        if one.marker is None or one.marker.evaluate(environment)
    ]


def can_be_had(python: str) -> bool:
    """Ask for all pins of a version of Python at once; pip prints what there is not."""
    # pip evaluates the markers of dependencies for its own Python, hence without them.
    command = [
        *(sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--no-deps"),
        *("--ignore-installed", "--only-binary", ":all:", "--python-version", python),
    ]
    with tempfile.TemporaryDirectory() as target:
        asked = subprocess.run([*command, "--target", target, *pins(python)], check=False)
    print(f"Python {python}: {'all pins are there' if asked.returncode == 0 else 'see above'}")
    return asked.returncode == 0


results = [can_be_had(python) for python in PYTHONS]
sys.exit(not all(results))
