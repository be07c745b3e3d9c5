"""Fetches a device's runtime with this machine's pip, and packs it as it will lie there.

pip installs for another machine into a folder: so a device needs neither pip nor a network, and
its slow processor only unpacks.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgecnn.core.errors import EdgecnnError, InputError
from edgecnn.core.files import cache_folder, quoted
from edgecnn.devices.setup.runtimes import Plan, no_wheel

ARCHIVE = "packages.tar.gz"
BLOCK = 4096  # of a file system: a file of one byte takes as much
MINORS = range(9, 15)  # Pythons to ask about where the device's has no wheel
OFFLINE = ("Retrying (", "ConnectionError", "Failed to establish", "ProxyError", "SSLError")
WHERE_PIP_IS_BUNDLED = ("/usr/share/python-wheels",)  # Debian's place


class OfflineError(EdgecnnError):
    """No package index can be reached from this machine."""


class NoWheelError(Exception):
    """pip knows no wheel of a package for a target."""

    def __init__(self, package: str) -> None:
        super().__init__(package)
        self.package = package


@dataclass(frozen=True)
class Bundle:
    """A runtime, packed for one Python of a device.

    Attributes:
        archive: What is to be copied to the device.
        packages: What is in it: ``("ai-edge-litert 2.3.0", "numpy 2.4.6")``.
        unpacked_bytes: How much of the device's disk it takes.
        cached: Whether an earlier one was used.
    """

    plan: Plan
    archive: Path
    packages: tuple[str, ...]
    unpacked_bytes: int
    cached: bool = False


@contextmanager
def bundle(
    plans: Sequence[Plan], wheels: Path | None = None, *, fresh: bool = False
) -> Iterator[Bundle]:
    """Give the first of these plans that there are wheels for, packed.

    Args:
        plans: What the device could have, the preferred first.
        wheels: A folder with wheels to take instead of a package index.
        fresh: Ask the package index even where an earlier answer is in the cache.

    Raises:
        InputError: ``wheels`` is no folder.
        EdgecnnError: There are no wheels for any of them, or no package index can be reached.

    Example:
        >>> with bundle(plans(board)) as packed:
        ...     print(packed.packages)
    """
    if wheels is not None and not wheels.is_dir():
        raise InputError(f"{quoted(wheels)} is no folder: give one that holds wheels")
    root = cache_folder("devices")
    with tempfile.TemporaryDirectory(dir=root, prefix=".part-") as work:
        yield first_possible(plans, wheels, root, Path(work), fresh)


def first_possible(
    plans: Sequence[Plan], wheels: Path | None, root: Path, work: Path, fresh: bool
) -> Bundle:
    """Return the bundle of the first plan that there are wheels for."""
    missing: list[str] = []
    for plan in plans:
        try:
            return make(plan, work, wheels) if wheels else cached(plan, work, root, fresh)
        except NoWheelError as error:
            missing.append(error.package)
    others = pythons_with_wheel(plans[0], wheels) if missing[0] == plans[0].runtime else []
    raise no_wheel(plans[0], missing[0], others)


def cached(plan: Plan, work: Path, root: Path, fresh: bool) -> Bundle:
    """Return what an earlier call made for the same plan, or make it and keep it."""
    kept = root / plan.key
    if not fresh and (facts := read_facts(kept)):
        return Bundle(plan, kept / ARCHIVE, tuple(facts["packages"]), facts["bytes"], cached=True)
    made = make(plan, work, None)
    shutil.rmtree(kept, ignore_errors=True)
    made.archive.parent.rename(kept)
    return Bundle(plan, kept / ARCHIVE, made.packages, made.unpacked_bytes)


def read_facts(folder: Path) -> dict[str, Any] | None:
    """Return what is written beside an archive; None where it is missing or damaged."""
    try:
        facts: dict[str, Any] = json.loads((folder / "facts.json").read_text())
        whole = (folder / ARCHIVE).stat().st_size == facts["size"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return facts if whole else None


def make(plan: Plan, work: Path, wheels: Path | None) -> Bundle:
    """Fetch and pack; the archive's folder holds nothing else than it and its facts."""
    site, folder = work / "site", work / "packed"
    shutil.rmtree(site, ignore_errors=True)
    install(plan, site, wheels)
    folder.mkdir()
    total = pack(site, folder / ARCHIVE)
    packages = tuple(sorted(map(label, site.glob("*.dist-info"))))
    size = (folder / ARCHIVE).stat().st_size
    facts = {"packages": packages, "bytes": total, "size": size}
    (folder / "facts.json").write_text(json.dumps(facts))
    return Bundle(plan, folder / ARCHIVE, packages, total)


def install(plan: Plan, site: Path, wheels: Path | None) -> None:
    """Have pip install a plan's packages for the device into a folder here.

    Without their dependencies: the interpreter imports numpy alone, and the rest (protobuf,
    ml-dtypes, ...) serves tools that no device needs. Whether that is still so is seen there, when
    the runtime is tried.
    """
    options = ("--no-deps", "--no-compile", "--no-user", "--quiet", f"--target={site}")
    run_pip(["install", *options, *target_options(plan), *plan.requirements], wheels)


def target_options(plan: Plan) -> list[str]:
    """Return pip's words for another machine."""
    abis = [f"--abi={abi}" for abi in (plan.python.abi, "abi3", "none")]
    platforms = [f"--platform={platform}" for platform in plan.platforms]
    version = f"--python-version={plan.python.full_number}"
    return ["--only-binary=:all:", "--implementation=cp", version, *abis, *platforms]


def pythons_with_wheel(plan: Plan, wheels: Path | None) -> list[str]:
    """Ask pip which Pythons a runtime has wheels for, on such a device."""
    platforms = [f"--platform={platform}" for platform in plan.platforms]

    def has_wheel(minor: int) -> bool:
        target = ["--only-binary=:all:", "--implementation=cp", f"--python-version=3.{minor}"]
        command = ["index", "versions", "--quiet", f"--abi=cp3{minor}", *target, *platforms]
        try:
            run_pip([*command, plan.runtime], wheels)
        except (EdgecnnError, NoWheelError):
            return False
        return True

    with ThreadPoolExecutor() as pool:
        answers = list(pool.map(has_wheel, MINORS))
    return [f"3.{minor}" for minor, answer in zip(MINORS, answers, strict=True) if answer]


def run_pip(arguments: Sequence[str], wheels: Path | None) -> None:
    """Run this machine's pip.

    Raises:
        NoWheelError: It knows no wheel of what is wanted.
        EdgecnnError: It cannot reach an index, or fails otherwise.
    """
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}
    source = ["--retries=1"]
    if wheels is not None:
        source = ["--no-index", f"--find-links={wheels.resolve()}"]
        # Nothing but this folder: not what the user's pip knows besides.
        environment = {k: v for k, v in environment.items() if not k.startswith("PIP_")}
        environment["PIP_CONFIG_FILE"] = os.devnull
    command = [*pip_command(), arguments[0], *source, *arguments[1:]]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise failure(done.stderr, wheels)


def failure(said: str, wheels: Path | None) -> Exception:
    """Make the error for what pip says: nothing found is not the same as no network."""
    if any(word in said for word in OFFLINE) and wheels is None:
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
    """Return how to start a pip: this Python's, or the wheel that comes with Python.

    Raises:
        EdgecnnError: There is none.
    """
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-I", "-m", "pip"]
    folders = [Path(folder) for folder in WHERE_PIP_IS_BUNDLED]
    if (spec := importlib.util.find_spec("ensurepip")) and spec.origin:
        folders.append(Path(spec.origin).parent / "_bundled")
    for folder in folders:
        for wheel in sorted(folder.glob("pip-*.whl")):
            return [sys.executable, "-I", str(wheel / "pip")]
    raise EdgecnnError(f"pip is needed for this: {sys.executable} -m ensurepip")


def pack(site: Path, archive: Path) -> int:
    """Pack a folder of packages, and return how much of a disk it will take unpacked."""
    total = 0

    def keep(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        nonlocal total
        if member.name == "./bin" or member.name.startswith("./bin/"):
            return None  # commands that start this machine's Python
        total += -(-member.size // BLOCK) * BLOCK or BLOCK
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        return member

    # Little compression: the better one takes ten seconds here and saves one on the way.
    with tarfile.open(archive, "w:gz", compresslevel=1) as packed:
        packed.add(site, ".", filter=keep)
    return total


def label(folder: Path) -> str:
    """Return ``"numpy 2.4.6"`` for ``numpy-2.4.6.dist-info``."""
    name, _, version = folder.name.removesuffix(".dist-info").partition("-")
    return f"{name.replace('_', '-')} {version}"
