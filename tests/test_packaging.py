"""What a wheel and an sdist hold, and that the lint keeps the bare package names out."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from .sources import ROOT, TOP, copy_sources

DATA = {
    "edgecnn/py.typed", "edgecnn/data/digits.npz", "edgecnn/data/DIGITS.md",
    "edgecnn/data/imagenet_labels.txt", "edgecnn/data/imagenet_wnids.txt",
    "edgecnn/data/IMAGENET.md",
}  # fmt: skip


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build both from a copy of the sources, the wheel by way of the sdist."""
    copy = copy_sources(tmp_path_factory.mktemp("a copy") / "edgecnn")
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", str(copy)],
        check=True,
        capture_output=True,
    )
    return copy / "dist"


def expected_files() -> set[str]:
    files = set(DATA)
    for package in ("classification", "reporting"):
        web = ROOT / "edgecnn" / package / "web"
        files |= {f"edgecnn/{package}/web/{path.name}" for path in web.iterdir()}
    templates = ROOT / "edgecnn" / "snippets" / "templates"
    files |= {f"edgecnn/snippets/templates/{path.name}" for path in templates.iterdir()}
    for name in TOP:
        prefix = "edgecnn" if name == "edgecnn" else f"edgecnn/{name}"
        for path in (ROOT / name).rglob("*.py"):
            if not any(p.is_symlink() for p in path.parents):
                files.add(f"{prefix}/{path.relative_to(ROOT / name)}")
    return files


def test_the_wheel_holds_each_source_file_once_and_nothing_else(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    files = [name for name in names if ".dist-info/" not in name]
    assert len(files) == len(set(files))
    assert set(files) == expected_files()


def test_the_sdist_holds_the_sources_and_no_tests(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    names = {name.partition("/")[2] for name in tarfile.open(sdist).getnames()}
    for name in TOP:
        assert f"{name}/__init__.py" in names
    assert not any(name.startswith(("tests", "benchmarks", "edgecnn/models")) for name in names)


def test_installed_it_adds_one_name_and_works_from_anywhere(built: Path, tmp_path: Path) -> None:
    (wheel,) = built.glob("*.whl")
    site = tmp_path / "site"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site),
         str(wheel)],
        check=True, capture_output=True,
    )  # fmt: skip
    assert {p.name for p in site.iterdir() if not p.name.endswith((".dist-info", "bin"))} == {
        "edgecnn"
    }
    code = (
        f"import sys; sys.path.insert(0, {str(site)!r}); "
        "import edgecnn.models.registry, edgecnn.quantize.convert, edgecnn.devices.device; "
        "from edgecnn.data.digits import read_digits; assert len(read_digits('digits')[0]) == 364; "
        "print(edgecnn.models.registry.__file__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith(str(site / "edgecnn" / "models"))


@pytest.mark.parametrize("name", ["models", "quantize", "devices"])
def test_the_lint_bans_bare_names(name: str, tmp_path: Path) -> None:
    file = tmp_path / "bad.py"
    file.write_text(f'"""Doc."""\n\nimport {name}\n\nprint({name})\n')
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--config", str(ROOT / "pyproject.toml"),
         str(file)],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1
    assert f"import edgecnn.{name}" in done.stdout
