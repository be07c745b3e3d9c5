"""Runs on a device, as ``python3 - VERB JSON`` with this file on its standard input.

It looks at the device (``probe``) or puts a runtime there (``install``), and answers with one line
of JSON on standard output. The standard library of Python 3.7 is all that it may use: what is too
old for the runtime should still get an answer.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    Facts = dict[str, Any]

ROOT = Path.home() / ".edgecnn"
PYTHON = str(ROOT / "venv/bin/python")
LOCK_TEXT = "-\nedgecnn devices setup\n"  # as a run writes it: a word of its own, and who it is
IMPORT_TIMEOUT_S = 120
RUNTIMES = (
    ("ai-edge-litert", "ai_edge_litert.interpreter"),
    ("tflite-runtime", "tflite_runtime.interpreter"),
)

# Asked of every Python that is found. Importing numpy would take a second on a Pi Zero.
DESCRIBE = """
import json, struct, sys
from importlib.util import find_spec
try:
    from importlib.metadata import version
    numpy = version("numpy")
except Exception:
    numpy = None
print(json.dumps({
    "path": sys.executable,
    "version": list(sys.version_info[:3]),
    "abi": "cp%d%d%s" % (sys.version_info[0], sys.version_info[1], getattr(sys, "abiflags", "")),
    "implementation": sys.implementation.name,
    "bits": struct.calcsize("P") * 8,
    "venv": bool(find_spec("venv")),
    "numpy": numpy,
}))
"""

# In a child of its own: a runtime built for another processor ends the process that imports it.
IMPORT = """
import json, platform
from importlib import import_module, metadata
answer = {"python": platform.python_version(), "numpy": None, "error": None}
try:
    import numpy
    answer["numpy"] = numpy.__version__
except Exception as error:
    answer["error"] = "numpy: %s" % error
failures = []
for name, module in RUNTIMES:
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        continue
    answer.update(runtime=name, version=version)
    if answer["error"]:
        break
    if name == "tflite-runtime" and int(numpy.__version__.split(".")[0]) >= 2:
        answer["error"] = "tflite-runtime works with numpy 1, and this is " + numpy.__version__
        break
    try:
        import_module(module).Interpreter
    except Exception as error:
        answer["error"] = "%s: %s" % (name, error)
    break
else:
    answer["error"] = "no runtime is installed"
print(json.dumps(answer))
"""


class Failure(Exception):
    """What ends a verb: a kind that the host knows, and what the device says."""

    def __init__(self, kind: str, message: str = "") -> None:
        super().__init__(message)
        self.kind = kind


def probe(request: Facts) -> Facts:
    """Say what this device is, which Pythons it has, and what is set up."""
    machine = os.uname()
    return {
        "model": text_of("/proc/device-tree/model").strip("\0") or None,
        "os": os_name(),
        "machine": machine.machine,
        "dpkg": output_of(["dpkg", "--print-architecture"]),
        "glibc": glibc(),
        "free_bytes": shutil.disk_usage(str(Path.home())).free,
        "pythons": pythons(request["pythons"]),
        "venv": state_of(request["own"], own=True) if request.get("own") else state_of(PYTHON),
    }


def install(request: Facts) -> Facts:
    """Unpack a runtime into a new virtual environment, try it, and put it in the old one's place.

    Until the last step everything is beside the old environment, so one that was interrupted, by a
    full disk or by power that failed, leaves the device as it was.
    """
    new, archive = ROOT / "venv.new", Path.home() / request.get("archive", ".edgecnn/none")
    with only_one():
        shutil.rmtree(str(new), ignore_errors=True)  # of a run that was interrupted
        try:
            make_venv(request["python"], request["system_packages"], new)
            site = next(new.glob("lib/python*/site-packages"))
            if "requirements" in request:
                fetch(request["python"], request["requirements"], site)
            else:
                unpack(archive, site)
            state = state_of(str(new / "bin/python"))
            if state["error"]:
                raise Failure("runtime", state["error"])
            replace(ROOT / "venv", new)
        finally:
            shutil.rmtree(str(new), ignore_errors=True)
            with contextlib.suppress(OSError):
                archive.unlink()
    return state


@contextlib.contextmanager
def only_one() -> Iterator[None]:
    """Refuse to work while a model runs here or another one sets this up: their lock is ours."""
    import fcntl

    with (ROOT / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            holder = lock.read(4096).partition("\n")[2]
            raise Failure("busy", " ".join(holder.split()) or "another edgecnn") from None
        lock.truncate(0)
        lock.write(LOCK_TEXT)
        lock.flush()
        yield


def make_venv(python: str, system_packages: bool, folder: Path) -> None:
    """Make a virtual environment without pip: nothing is installed from here."""
    options = ["--without-pip"] + (["--system-site-packages"] if system_packages else [])
    done = subprocess.run(
        [python, "-I", "-m", "venv", *options, str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if done.returncode:
        said = done.stdout.decode(errors="replace")
        kind = "disk" if os.strerror(errno.ENOSPC) in said else "venv"
        raise Failure(kind, last_line(said))


def fetch(python: str, requirements: list[str], site: Path) -> None:
    """Have the system's pip install packages into a folder, from where it is set up to look."""
    if output_of([python, "-m", "pip", "--version"]) is None:
        raise Failure("no pip")
    options = ["--quiet", "--no-deps", "--no-user", "--only-binary=:all:", f"--target={site}"]
    done = subprocess.run(
        [python, "-m", "pip", "install", *options, *requirements],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        check=False,
    )
    if done.returncode:
        said = done.stderr.decode(errors="replace")
        errors = [line[7:] for line in said.splitlines() if line.startswith("ERROR: ")]
        kind = "disk" if os.strerror(errno.ENOSPC) in said else "pip"
        raise Failure(kind, last_line("\n".join(errors) or said))


def unpack(archive: Path, site: Path) -> None:
    """Unpack the packages to where the environment's Python looks for them."""
    try:
        with tarfile.open(str(archive)) as packed:
            # Without it Python 3.12 and 3.13 warn; Python 3.9.2 has none.
            packed.extraction_filter = getattr(tarfile, "data_filter", None)
            packed.extractall(str(site))  # made by edgecnn itself, on the user's own machine
    except (tarfile.TarError, EOFError) as error:
        raise Failure("archive", str(error)) from error


def replace(old: Path, new: Path) -> None:
    """Put the new environment where the old one is. Its bin/python finds itself anywhere."""
    aside = old.with_name("venv.old")
    shutil.rmtree(str(aside), ignore_errors=True)
    if old.exists() or old.is_symlink():
        old.rename(aside)
    new.rename(old)
    shutil.rmtree(str(aside), ignore_errors=True)


def pythons(names: list[str]) -> list[Facts]:
    """Describe the Pythons of these names, each once, in this order."""
    found: dict[str, Facts] = {}
    for name in names:
        path = shutil.which(os.path.expanduser(name))  # noqa: PTH111 (a name stays a name)
        if path is None or os.path.realpath(path) in found:
            continue
        said = output_of([path, "-s", "-c", DESCRIBE])
        if said:
            found[os.path.realpath(path)] = {**json.loads(said), "path": path}
    return list(found.values())


def state_of(name: str, own: bool = False) -> Facts:
    """Say what a Python has of a runtime, and under ``error`` why it cannot be used.

    What the user's home has for every Python counts for their ``own`` alone.
    """
    python = shutil.which(os.path.expanduser(name))  # noqa: PTH111 (a name stays a name)
    if python is None:
        begun = (ROOT / "venv").exists() or (ROOT / "venv.new").exists()
        return {"exists": begun, "error": "an earlier setup did not end" if begun else "not set up"}
    runtimes = f"RUNTIMES = {RUNTIMES!r}\n"
    try:
        done = subprocess.run(
            [python, *([] if own else ["-s"]), "-c", runtimes + IMPORT],
            capture_output=True,
            timeout=IMPORT_TIMEOUT_S,
            check=False,
        )
        lines = done.stdout.decode(errors="replace").splitlines()
        return {"exists": True, **json.loads(lines[-1])}
    except subprocess.TimeoutExpired:
        return {"exists": True, "error": "the runtime does not answer"}
    except OSError as error:
        return {"exists": True, "error": f"its Python does not start: {error.strerror}"}
    except (ValueError, IndexError):
        return {"exists": True, "error": ending(done)}


def ending(done: subprocess.CompletedProcess[bytes]) -> str:
    """Say how a process that gave no answer ended."""
    if done.returncode < 0:
        import signal

        return f"the runtime crashes ({signal.Signals(-done.returncode).name})"
    said = last_line(done.stderr.decode(errors="replace"))
    return said or f"its Python ends with status {done.returncode}"


def glibc() -> str | None:
    """Return the C library's version; None where it is another library, as on Alpine."""
    try:
        name = os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (ValueError, OSError):
        return None
    return name.split()[-1] if name.startswith("glibc ") else None


def os_name() -> str | None:
    """Return the system's name: ``Debian GNU/Linux 12 (bookworm)``."""
    for line in text_of("/etc/os-release").splitlines():
        if line.startswith("PRETTY_NAME="):
            return line.partition("=")[2].strip().strip('"')
    return None


def text_of(path: str) -> str:
    """Return a small file's text, or nothing."""
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return ""


def output_of(command: list[str]) -> str | None:
    """Return what a command prints; None where it is missing or fails."""
    try:
        said = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=60,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    return said.decode(errors="replace").strip()


def last_line(text: str) -> str:
    """Return the last line that says something."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def main() -> None:
    """Do what the arguments say; the answer is one line whatever happens."""
    verb, request = sys.argv[1], json.loads(sys.argv[2])
    try:
        answer = {"probe": probe, "install": install}[verb](request)
    except Failure as failure:
        answer = {"failed": failure.kind, "message": str(failure)}
    except OSError as error:
        kind = "disk" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "os"
        answer = {"failed": kind, "message": error.strerror or str(error)}
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
