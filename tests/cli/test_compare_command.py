"""``edgecnn compare`` as a user runs it."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory, colour_model: Any, run_edgecnn: Any) -> Path:
    """A folder with a model, a store that has it twice, and bad files."""
    folder = tmp_path_factory.mktemp("compare")
    colour_model(folder / "m.tflite")
    colour_model(folder / "never.tflite", outputs=9)
    for tag in ("one", "two"):
        options = ("--runs", 30, "--min-time", 0, "--store", "r.sqlite", "--tag", tag)
        done = run_edgecnn("bench", "m.tflite", *options, "--json", f"{tag}.json", cwd=folder)
        assert done.returncode == 0, done.stderr
    (folder / "text.json").write_text("no json")
    (folder / "empty.json").write_text("[]")
    (folder / "old.json").write_text(json.dumps([{"schema_version": 99}]))
    return folder


def test_table_documents_and_exit_code(here: Path, tmp_path: Path, run_edgecnn: Any) -> None:
    documents = ("--markdown", tmp_path / "c.md", "--junit", tmp_path / "c.xml")
    gates = ("--fail-if", "model_bytes > +0", "--fail-if", "top1 < -0.5")
    done = run_edgecnn("compare", "one", "two", "--store", "r.sqlite", *gates, *documents, cwd=here)
    assert done.returncode == 2, done.stderr
    assert "passed: fail if model_bytes > +0" in done.stdout
    assert "undecided: fail if top1 < -0.5" in done.stdout
    assert "| model\\_bytes |" in (tmp_path / "c.md").read_text()
    assert len(list(ElementTree.parse(tmp_path / "c.xml").iter("testcase"))) == 2


def test_a_gate_that_fails(here: Path, run_edgecnn: Any) -> None:
    gates = ("--fail-if", "model_bytes < +1", "--markdown", "-")
    done = run_edgecnn("compare", "one.json", "two.json", *gates, cwd=here)
    assert (done.returncode, done.stdout.startswith("## one.json")) == (1, True)


BAD_INPUT = [
    (("one", "absent"), "'absent' is no result's tag or model"),
    (("one", "never.tflite"), "'never.tflite' was not measured as it is now"),
    (("one", "77"), "there is no result 77"),
    (("one.json", "text.json"), "'text.json' is no JSON"),
    (("one.json", "empty.json"), "'empty.json' is no array of records"),
    (("one.json", "old.json"), "record of schema version 99"),
    (("one", "two", "--fail-if", "p50 > 5"), "METRIC > +NUMBER"),
    (("one", "two", "--markdown", "-", "--junit", "-"), "only one of"),
    (("one", "two", "--junit", "no/such.xml"), "folder 'no' does not exist"),
    (("one", "two", "--store", "nowhere.sqlite"), "there is no database of results"),
]


@pytest.mark.parametrize(("arguments", "says"), BAD_INPUT)
def test_bad_input(arguments: tuple[str, ...], says: str, here: Path, run_edgecnn: Any) -> None:
    store = {"EDGECNN_STORE": "r.sqlite"}
    done = run_edgecnn("compare", *arguments, cwd=here, env=store)
    (line,) = done.stderr.splitlines()
    assert says in line
    assert (done.returncode, done.stdout) == (2, "")
