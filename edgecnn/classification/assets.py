"""LiteRT.js for the page: fetched once by npm, checked against what is pinned, kept in a cache.

Source: the packages ``@litertjs/core`` and ``@litertjs/wasm-utils``, Apache-2.0.
"""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edgecnn.core.errors import EdgecnnError
from edgecnn.core.files import cache_folder, quoted, writing
from edgecnn.core.programs import run_program
from edgecnn.core.temporary import temporary_folder

LITERT_JS_VERSION = "2.5.3"
DOWNLOAD_MB = 12
NPM_TIMEOUT_S = 600.0
FETCH_COMMAND = "edgecnn try --fetch-web-assets"


@dataclass(frozen=True)
class Package:
    """A package of npm's registry.

    Args:
        name: Name of the package in the registry.
        sha512: SHA-512 of the archive in base64, as npm's lock files have it.
        files: Path in the archive -> name in the cache, of each file that the page needs.
    """

    name: str
    sha512: str
    files: dict[str, str]

    @property
    def archive(self) -> str:
        """Name that ``npm pack`` gives the archive."""
        return f"{self.name.lstrip('@').replace('/', '-')}-{LITERT_JS_VERSION}.tgz"


# One build for browsers with relaxed SIMD, one that may use threads, one for the others.
BUILDS = ("litert_wasm_internal", "litert_wasm_threaded_internal", "litert_wasm_compat_internal")

WEB_PACKAGES = (
    Package(
        "@litertjs/core",
        "PlGmbMOq9WitX7FO0jhbdJw9GthatsyuCQXjTt/wJZo0FLaw48q4tz8IwqgqCIkviYGr9OFDL1kCnN4nzWoyJQ==",
        {
            "package/dist/index.js": "core.js",
            **{f"package/wasm/{b}.{end}": f"{b}.{end}" for b in BUILDS for end in ("js", "wasm")},
        },
    ),
    Package(
        "@litertjs/wasm-utils",
        "4fJiw6tBQnIs+0jH/OQ16nYOiSl8/+zZnn5h2ul8aTKHi05sVqZW580Tmk78pC2kT39A9OYBVdFawteZ/sI1kQ==",
        {"package/dist/index.js": "wasm-utils.js"},
    ),
)

WEB_ASSETS = tuple(name for package in WEB_PACKAGES for name in package.files.values())
"""The files that the page loads."""


def find_web_assets() -> Path:
    """Return the folder with the files in ``WEB_ASSETS``.

    Raises:
        EdgecnnError: The files were not fetched yet, or some are missing.
    """
    folder = _folder()
    if not all((folder / name).is_file() for name in WEB_ASSETS):
        raise EdgecnnError(
            f"the page runs the file by LiteRT.js, which is fetched once: {FETCH_COMMAND}"
        )
    return folder


def fetch_web_assets(on_progress: Callable[[str], None] = lambda text: None) -> Path:
    """Have npm download LiteRT.js, check it, and put what the page needs into the cache.

    Args:
        on_progress: Told in a line what is about to be fetched.

    Returns:
        The folder with the files in ``WEB_ASSETS``.

    Raises:
        EdgecnnError: npm is missing or fails, or an archive is not the one that is known.

    Example:
        >>> sorted(path.name for path in fetch_web_assets().glob("*.wasm"))[0]
        'litert_wasm_compat_internal.wasm'
    """
    folder = _folder()
    try:
        return find_web_assets()
    except EdgecnnError:
        on_progress(
            f"fetching LiteRT.js {LITERT_JS_VERSION} ({DOWNLOAD_MB} MB, Apache-2.0) with npm into "
            f"{quoted(folder)}"
        )
    with writing(folder), temporary_folder(folder.parent) as temporary:
        archives, unpacked = temporary / "archives", temporary / folder.name
        archives.mkdir()
        unpacked.mkdir()
        _run_npm(archives)
        for package in WEB_PACKAGES:
            unpack_package(package, archives / package.archive, unpacked)
        shutil.rmtree(folder, ignore_errors=True)
        unpacked.rename(folder)
    return folder


def _folder() -> Path:
    return cache_folder("web") / f"litert-{LITERT_JS_VERSION}"


def _run_npm(folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise EdgecnnError("npm is needed to fetch LiteRT.js: install Node.js, which brings it")
    names = [f"{package.name}@{LITERT_JS_VERSION}" for package in WEB_PACKAGES]
    options = ["--ignore-scripts", "--loglevel=error", "--fetch-retries=1"]
    try:
        command = [npm, "pack", *names, *options]
        done = run_program(command, folder=folder, timeout_s=NPM_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise EdgecnnError("npm did not finish fetching LiteRT.js: try again") from None
    if done.returncode:
        error = EdgecnnError(f"npm cannot fetch LiteRT.js: {_reason(done.stderr)}")
        error.add_debug(done.stderr)
        raise error


def _reason(stderr: str) -> str:
    """Return the first of npm's lines that is a sentence, without its prefix."""
    lines = [line.partition("npm error ")[2].strip() for line in stderr.splitlines()]
    fields = ("code ", "errno ", "syscall ", "A complete log")
    sentences = [line for line in lines if line and not line.startswith(fields)]
    return f"{sentences[0] if sentences else 'it does not say why'} (is there a network?)"


def unpack_package(package: Package, archive: Path, folder: Path) -> None:
    """Check an archive, and unpack the files that the page needs.

    Args:
        package: The package that the archive must be.
        archive: The file that npm fetched.
        folder: Folder for the unpacked files.

    Raises:
        EdgecnnError: The archive is missing or has another checksum; nothing is unpacked then.
    """
    try:
        content = archive.read_bytes()
    except OSError as error:
        raise EdgecnnError(f"npm fetched no {package.archive}: {error.strerror}") from error
    if base64.b64encode(hashlib.sha512(content).digest()).decode() != package.sha512:
        raise EdgecnnError(
            f"{package.name} {LITERT_JS_VERSION} as npm fetched it is not the package that is "
            "known (its SHA-512 differs): nothing of it is kept"
        )
    with tarfile.open(archive) as files:
        for path, name in package.files.items():
            member = files.extractfile(path)
            assert member is not None  # the checksum vouches for it
            (folder / name).write_bytes(member.read())
