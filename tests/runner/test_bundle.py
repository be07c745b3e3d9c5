"""What travels to a device: the same bytes for the same sources, and no other module is needed."""

from __future__ import annotations

import ast
import io
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from edgecnn.devices.setup.probe import PYTHON_DESCRIPTION, RUNTIME_FACTS, SETUP_PROGRAM
from edgecnn.runner import bundle
from edgecnn.runner.bundle import RUNNER, script_of, sources_of, zip_of

PROGRAMS = {
    "runner": (RUNNER, (3, 9)),
    "setup": (SETUP_PROGRAM, (3, 7)),
    "runtime facts": (RUNTIME_FACTS, (3, 7)),
    "Python facts": (PYTHON_DESCRIPTION, (3, 7)),
}


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize(("modules", "python"), PROGRAMS.values(), ids=PROGRAMS)
def test_a_program_needs_the_standard_library_numpy_and_its_own_modules(
    modules: Sequence[str], python: tuple[int, int]
) -> None:
    sources = sources_of(modules)
    for name, source in sources.items():
        if source is None:
            continue
        tree = ast.parse(source, feature_version=python)
        names = set(imported(tree))
        others = {one.split(".")[0] for one in names} - sys.stdlib_module_names - {"edgecnn"}
        assert others <= {"numpy"}, name
        own = {one for one in names if one.startswith("edgecnn.")}
        missing = {
            one for one in own if one not in sources and one.rpartition(".")[0] not in sources
        }
        assert not missing, name
        assert not any(isinstance(node, ast.Match) for node in ast.walk(tree)), name


@pytest.mark.parametrize(("modules", "python"), PROGRAMS.values(), ids=PROGRAMS)
def test_modules_stand_after_those_that_they_import(
    modules: Sequence[str], python: tuple[int, int]
) -> None:
    for number, name in enumerate(modules):
        source = sources_of([name])[name]
        assert source is not None
        assert not set(imported(ast.parse(source))) & set(modules[number:])


def test_the_same_sources_give_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    first = zip_of(RUNNER)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    monkeypatch.setattr("time.time", lambda: 1.8e9)
    assert zip_of(RUNNER) == first
    with zipfile.ZipFile(io.BytesIO(first)) as packed:
        assert {entry.date_time for entry in packed.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert len(packed.namelist()) == len(set(packed.namelist()))


def test_a_changed_module_gives_other_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    before, sources = zip_of(RUNNER), sources_of(RUNNER)
    changed = {**sources, RUNNER[-1]: f"{sources[RUNNER[-1]]}# changed\n"}
    monkeypatch.setattr(bundle, "sources_of", lambda modules: changed)
    assert zip_of(RUNNER) != before


def test_a_script_runs_where_edgecnn_is_not(tmp_path: Path) -> None:
    command = [sys.executable, "-I", "-S", "-c", script_of(PYTHON_DESCRIPTION).decode()]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert f'"version": [{sys.version_info[0]}, {sys.version_info[1]}' in done.stdout
