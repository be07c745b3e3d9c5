"""The gate of ``docs/compare.md``, run as it is printed there."""

from __future__ import annotations

import shlex
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edgecnn.data.inputspec import preset

DOCUMENT = Path(__file__).parents[2] / "docs" / "compare.md"
IMAGES = 500
SHORTER = ("--min-time 10", "--min-time 0.5")
"""What the test runs instead of what is printed, as it judges no times."""


def printed_commands() -> list[str]:
    """Return the shell commands of the workflow that measure and compare."""
    workflow = DOCUMENT.read_text(encoding="utf-8").partition("```yaml")[2].partition("```")[0]
    scripts = [step.partition("run: |")[2] for step in workflow.split("\n      - ")]
    return [
        " ".join(line.strip() for line in script.replace("\\\n", "").splitlines() if line.strip())
        for script in scripts
        if script
    ]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory, colour_model: Any) -> Path:
    """The folders of a pull request that has the same network quantised instead of in float32.

    Half of its pictures show the colour of their folder, so it is right on about two thirds.
    """
    folder = tmp_path_factory.mktemp("checkout")
    metadata = {"input": preset("raw", 4, 4).to_dict()}
    for side, dtype in (("base", "float32"), ("new", "uint8")):
        (folder / side).mkdir()
        colour_model(folder / side / "model.tflite", dtype=dtype, metadata=metadata)
    draw = np.random.default_rng(0)
    for number in range(IMAGES):
        label = folder / "new" / "photos" / f"colour {number % 3}"
        label.mkdir(parents=True, exist_ok=True)
        picture = draw.integers(0, 200, (4, 4, 3), np.uint8)
        picture[..., number % 3] += 55 * (number % 2)
        Image.fromarray(picture).save(label / f"{number}.png")
    return folder


def test_the_gate_passes_as_it_is_printed(checkout: Path, run_edgecnn: Any) -> None:
    bench, compare = printed_commands()
    assert bench.startswith("edgecnn bench base/model.tflite new/model.tflite --data new/photos")
    assert SHORTER[0] in bench and "--against" not in bench
    done = run_edgecnn(*shlex.split(bench.replace(*SHORTER))[1:], cwd=checkout)
    assert done.returncode == 0, done.stderr
    summary = checkout / "summary.md"
    words = shlex.split(compare.replace("$GITHUB_STEP_SUMMARY", str(summary)))
    judged = run_edgecnn(*words[1:], cwd=checkout)
    # A busy machine may leave the latency undecided; the answers are the same on each.
    assert judged.returncode in (0, 2), judged.stdout + judged.stderr
    outcomes = {
        (case.get("name") or "").partition(" ")[0]: [child.tag for child in case]
        for case in ElementTree.parse(checkout / "gates.xml").iter("testcase")
    }
    assert outcomes.keys() == {"latency_p50_ms", "model_bytes", "top1"}
    assert outcomes["model_bytes"] == outcomes["top1"] == []
    assert (judged.returncode == 0) == (outcomes["latency_p50_ms"] == [])
    assert "fail if top1 &lt; -2: **passed**" in summary.read_text(encoding="utf-8")
