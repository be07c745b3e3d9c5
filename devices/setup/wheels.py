"""Fetching a device's runtime with this machine's pip, and packing it for the device.

pip can install packages for another machine into a folder. So the device needs neither pip nor a
network, and its slow processor only unpacks.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import sys
import tarfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgecnn.core.errors import EdgecnnError, InputError
from edgecnn.core.files import cache_folder, quoted, writing
from edgecnn.core.json_text import json_value
from edgecnn.core.programs import run_program
from edgecnn.core.temporary import temporary_folder
from edgecnn.devices.setup.plans import RuntimePlan, no_wheel

ARCHIVE = "packages.tar.gz"
DISK_BLOCK_BYTES = 4096
"""Bytes of a block of a file system: even a file of one byte takes a whole block."""

PYTHON_MINORS = range(9, 15)
"""Minor versions of Python 3 to ask pip about where the device's own Python has no wheel."""

OFFLINE_WORDS = ("Retrying (", "ConnectionError", "Failed to establish", "ProxyError", "SSLError")
"""Words by which pip says that it reaches no package index."""

DEBIAN_WHEELS = "/usr/share/python-wheels"
"""Folder in which Debian keeps the wheel of pip that virtual environments get."""


class OfflineError(EdgecnnError):
    """No package index can be reached from this machine."""


class NoWheelError(Exception):
    """pip knows no wheel of a package for a target.

    Args:
        package: Name of the package.
    """

    def __init__(self, package: str) -> None:
        super().__init__(package)
        self.package = package


@dataclass(frozen=True)
class WheelArchive:
    """A runtime, packed for one Python of a device.

    Args:
        plan: The plan that the runtime was packed for.
        archive: Path of the file that is to be copied to the device.
        packages: Packages in the file: ``("ai-edge-litert 2.3.0", "numpy 2.4.6")``.
        unpacked_bytes: Bytes of the device's disk that the unpacked packages take.
        cached: Whether the file is from an earlier call.
    """

    plan: RuntimePlan
    archive: Path
    packages: tuple[str, ...]
    unpacked_bytes: int
    cached: bool = False


@contextmanager
def packed_wheels(
    plans: Sequence[RuntimePlan], wheels: Path | None = None, *, fresh: bool = False
) -> Iterator[WheelArchive]:
    """Yield the packed wheels of the first plan that there are wheels for.

    Args:
        plans: Plans for the device, the preferred one first.
        wheels: A folder with wheels to take instead of a package index.
        fresh: Ask the package index even where an earlier answer is in the cache.

    Raises:
        InputError: ``wheels`` is no folder.
        EdgecnnError: No plan has wheels, or no package index can be reached.

    Example:
        >>> with packed_wheels(plans(board)) as packed:
        ...     print(packed.packages)
    """
    if wheels is not None and not wheels.is_dir():
        raise InputError(f"{quoted(wheels)} is no folder: give one that holds wheels")
    root = cache_folder("devices")
    with temporary_folder(root) as work:
        with writing(root):
            packed = _first_possible(plans, wheels, root, work, fresh)
        yield packed


def _first_possible(
    plans: Sequence[RuntimePlan], wheels: Path | None, root: Path, work: Path, fresh: bool
) -> WheelArchive:
    """Return the bundle of the first plan that there are wheels for."""
    missing: list[str] = []
    for plan in plans:
        try:
            return _make(plan, work, wheels) if wheels else _cached(plan, work, root, fresh)
        except NoWheelError as error:
            missing.append(error.package)
    others = _pythons_with_wheel(plans[0], wheels) if missing[0] == plans[0].runtime else []
    raise no_wheel(plans[0], missing[0], others)


def _cached(plan: RuntimePlan, work: Path, root: Path, fresh: bool) -> WheelArchive:
    """Return the archive that an earlier call packed for the plan, or pack it and keep it."""
    cached_folder = root / plan.key
    if not fresh and (facts := _read_facts(cached_folder)):
        return WheelArchive(
            plan, cached_folder / ARCHIVE, tuple(facts["packages"]), facts["bytes"], cached=True
        )
    packed = _make(plan, work, None)
    shutil.rmtree(cached_folder, ignore_errors=True)
    packed.archive.parent.rename(cached_folder)
    return WheelArchive(plan, cached_folder / ARCHIVE, packed.packages, packed.unpacked_bytes)


def _read_facts(folder: Path) -> dict[str, Any] | None:
    """Return the facts beside an archive; None where facts or archive are missing or damaged."""
    try:
        facts: dict[str, Any] = json_value((folder / "facts.json").read_text())
        whole = (folder / ARCHIVE).stat().st_size == facts["size"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return facts if whole else None


def _make(plan: RuntimePlan, work: Path, wheels: Path | None) -> WheelArchive:
    """Fetch and pack a plan's packages into a folder that holds the archive and its facts alone."""
    site, folder = work / "site", work / "packed"
    shutil.rmtree(site, ignore_errors=True)
    install_wheels(plan, site, wheels)
    folder.mkdir()
    total = _pack(site, folder / ARCHIVE)
    packages = tuple(sorted(map(_label, site.glob("*.dist-info"))))
    size = (folder / ARCHIVE).stat().st_size
    facts = {"packages": packages, "bytes": total, "size": size}
    (folder / "facts.json").write_text(json.dumps(facts))
    return WheelArchive(plan, folder / ARCHIVE, packages, total)


def install_wheels(plan: RuntimePlan, site: Path, wheels: Path | None) -> None:
    """Have pip install a plan's packages for the device into a folder here.

    The packages' dependencies are left out: the interpreter imports numpy alone, and the others
    (protobuf, ml-dtypes, ...) serve tools that no device needs. If a runtime should need one after
    all, the trial on the device fails and says so.
    """
    options = ("--no-deps", "--no-compile", "--no-user", "--quiet", f"--target={site}")
    _run_pip(["install", *options, *_target_options(plan), *plan.requirements], wheels)


def _target_options(plan: RuntimePlan) -> list[str]:
    """Return pip's options for installing packages of another machine."""
    abis = [f"--abi={abi}" for abi in (plan.python.abi, "abi3", "none")]
    platforms = [f"--platform={platform}" for platform in plan.platforms]
    version = f"--python-version={plan.python.full_number}"
    return ["--only-binary=:all:", "--implementation=cp", version, *abis, *platforms]


def _pythons_with_wheel(plan: RuntimePlan, wheels: Path | None) -> list[str]:
    """Ask pip which Pythons a runtime has wheels for, on such a device."""
    platforms = [f"--platform={platform}" for platform in plan.platforms]

    def has_wheel(minor: int) -> bool:
        target = ["--only-binary=:all:", "--implementation=cp", f"--python-version=3.{minor}"]
        command = ["index", "versions", "--quiet", f"--abi=cp3{minor}", *target, *platforms]
        try:
            _run_pip([*command, plan.runtime], wheels)
        except (EdgecnnError, NoWheelError):
            return False
        return True

    with ThreadPoolExecutor() as pool:
        answers = list(pool.map(has_wheel, PYTHON_MINORS))
    return [f"3.{minor}" for minor, answer in zip(PYTHON_MINORS, answers, strict=True) if answer]


def _run_pip(arguments: Sequence[str], wheels: Path | None) -> None:
    """Run this machine's pip.

    Raises:
        NoWheelError: pip knows no wheel of what is wanted.
        EdgecnnError: pip cannot reach an index, or fails otherwise.
    """
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}
    source = ["--retries=1"]
    if wheels is not None:
        source = ["--no-index", f"--find-links={wheels.resolve()}"]
        # Only wheels of this folder count, whatever else the user's pip is configured to take.
        environment = {k: v for k, v in environment.items() if not k.startswith("PIP_")}
        environment["PIP_CONFIG_FILE"] = os.devnull
    command = [*pip_command(), arguments[0], *source, *arguments[1:]]
    done = run_program(command, environment=environment)
    if done.returncode:
        raise pip_failure(done.stderr, wheels)


def pip_failure(said: str, wheels: Path | None) -> Exception:
    """Return the error for pip's output: a missing wheel is not the same as a missing network."""
    if any(word in said for word in OFFLINE_WORDS) and wheels is None:
        error: EdgecnnError = OfflineError(
            "no package index can be reached from here: connect this machine to the internet "
            "once, or give a folder of wheels with --wheels"
        )
    else:
        lines = [line for line in said.splitlines() if line.startswith("ERROR:")]
        for line in lines:
            if "No matching distribution found for " in line:
                wanted = line.rpartition(" found for ")[2]
                return NoWheelError(wanted.split(">")[0].split("<")[0].split("=")[0].strip())
        last = (lines or said.strip().splitlines() or ["no reason given"])[-1]
        error = EdgecnnError(f"pip failed here: {last.removeprefix('ERROR: ')}")
    error.add_debug(said)
    return error


def pip_command() -> list[str]:
    """Return the command of a pip: this Python's, or the wheel of pip that comes with Python.

    Raises:
        EdgecnnError: No pip is found.
    """
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-I", "-m", "pip"]
    folders = [Path(DEBIAN_WHEELS)]
    if (spec := importlib.util.find_spec("ensurepip")) and spec.origin:
        folders.append(Path(spec.origin).parent / "_bundled")
    for folder in folders:
        for wheel in sorted(folder.glob("pip-*.whl")):
            return [sys.executable, "-I", str(wheel / "pip")]
    raise EdgecnnError(f"pip is needed for this: {sys.executable} -m ensurepip")


def _pack(site: Path, archive: Path) -> int:
    """Pack a folder of packages, and return how many bytes of a disk it takes unpacked."""
    total = 0

    def keep(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        nonlocal total
        if member.name == "./bin" or member.name.startswith("./bin/"):
            return None  # commands that start this machine's Python
        total += -(-member.size // DISK_BLOCK_BYTES) * DISK_BLOCK_BYTES or DISK_BLOCK_BYTES
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        return member

    # Little compression: more would take ten seconds here and save one second of copying.
    with tarfile.open(archive, "w:gz", compresslevel=1) as packed:
        packed.add(site, ".", filter=keep)
    return total


def _label(folder: Path) -> str:
    """Return ``"numpy 2.4.6"`` for ``numpy-2.4.6.dist-info``."""
    name, _, version = folder.name.removesuffix(".dist-info").partition("-")
    return f"{name.replace('_', '-')} {version}"
