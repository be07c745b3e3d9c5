"""A checkout on a system without symbolic links, where git writes a text file for each link."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
WHERE = (
    "import edgecnn.models.registry, edgecnn.quantize.messages, edgecnn.devices.device; "
    "print(edgecnn.models.registry.__file__)"
)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that git tracks, as ``git clone -c core.symlinks=false`` writes them."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("this is no checkout, so it is not known which files belong to it")
    folder = tmp_path_factory.mktemp("no links") / "edgecnn"
    for name in filter(None, listed.stdout.decode().split("\0")):
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_symlink():
            target.write_text(str(source.readlink()))
        elif source.is_file():
            shutil.copy(source, target)
    assert not any(path.is_symlink() for path in folder.rglob("*"))
    return folder


@pytest.fixture(scope="module")
def new_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment that has what this one has, but for edgecnn."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=os.name != "nt")
    scheme = "venv" if "venv" in sysconfig.get_scheme_names() else sysconfig.get_default_scheme()
    site = sysconfig.get_path("purelib", scheme, {"base": str(folder)})
    Path(site, "others.pth").write_text(sysconfig.get_path("purelib"))
    scripts = sysconfig.get_path("scripts", scheme, {"base": str(folder)})
    return Path(scripts) / Path(sys.executable).name


def run(python: Path | str, *arguments: object, cwd: Path) -> str:
    command = [str(python), *map(str, arguments)]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_command_runs_in_the_checkout(checkout: Path) -> None:
    assert "mobilenet_v2" in run(sys.executable, "-m", "edgecnn", "models", cwd=checkout)
    found = run(sys.executable, "-c", WHERE, cwd=checkout)
    assert Path(found.strip()) == checkout / "models" / "registry.py"


def test_a_child_takes_the_same_checkout(checkout: Path) -> None:
    """The command starts children, which must not take another edgecnn that is installed."""
    code = (
        "from edgecnn.core.child import module_command; import subprocess; "
        "*python, code = module_command('edgecnn.cli.main'); "
        "asked = code.partition('; from ')[0] + '; print(edgecnn.__file__)'; "
        "subprocess.run([*python, asked], cwd='/', check=True)"
    )
    found = run(sys.executable, "-c", code, cwd=checkout)
    assert Path(found.strip()) == checkout / "edgecnn" / "__init__.py"


def test_other_rooms_beside_an_installed_edgecnn_are_not_taken(tmp_path: Path) -> None:
    """Only a checkout has setup.cfg there; anyone may have a folder ``models``."""
    shutil.copytree(ROOT / "edgecnn", tmp_path / "edgecnn", ignore=lambda *_: ["models"])
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "__init__.py").write_text("raise SystemExit('the wrong models')")
    code = "import edgecnn; print(len(edgecnn.__path__))"
    assert run(sys.executable, "-c", code, cwd=tmp_path).strip() == "1"


@pytest.mark.parametrize("options", [(), ("--editable",)], ids=["pip install", "editable"])
def test_it_is_installed_from_such_a_checkout(
    options: tuple[str, ...], checkout: Path, new_python: Path, tmp_path: Path
) -> None:
    install = ("-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", *options)
    run(new_python, *install, checkout, cwd=tmp_path)
    assert "mobilenet_v2" in run(new_python, "-m", "edgecnn", "models", cwd=tmp_path)
    found = Path(run(new_python, "-c", WHERE, cwd=tmp_path).strip())
    root = checkout if options else new_python.parents[1]
    assert found.is_relative_to(root)
    # In the checkout itself, too, where the working directory is on the import path.
    assert "mobilenet_v2" in run(new_python, "-m", "edgecnn", "models", cwd=checkout)
