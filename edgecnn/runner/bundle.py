"""Programs for devices: some of edgecnn's modules, packed so that they run without the others.

The modules keep their names, so they import each other on a device as they do here. The same
sources give the same bytes, whose hash is the name of the file on a device.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from importlib import resources

SHARED = (
    "edgecnn.core.errors",
    "edgecnn.core.json_text",
    "edgecnn.core.platform_support",
    "edgecnn.core.messages",
    "edgecnn.core.frame_reader",
    "edgecnn.core.parent_pipe",
)
"""Modules that every program on a device has, each after those that it imports."""

RUNNER = (
    *SHARED,
    "edgecnn.core.temporary",
    "edgecnn.core.cpu_limits",
    "edgecnn.runner.ondevice.protocol",
    "edgecnn.runner.ondevice.system",
    "edgecnn.runner.ondevice.host",
    "edgecnn.runner.ondevice.runtime",
    "edgecnn.runner.ondevice.sampling",
    "edgecnn.runner.ondevice.subgraph",
    "edgecnn.runner.ondevice.interpreter",
    "edgecnn.runner.ondevice.runner",
    "edgecnn.runner.ondevice.lock",
    "edgecnn.runner.ondevice.program",
)
"""Modules of the runner's program; ``main()`` is in the last one."""

ZIP_DATE = (1980, 1, 1, 0, 0, 0)
"""Date of all files in a zip, the earliest possible one: the bytes must not depend on the day."""

SCRIPT = """\
import sys, types
SOURCES = {sources!r}
for name, source in SOURCES.items():
    module = sys.modules[name] = types.ModuleType(name)
    if source is None:
        module.__path__ = []
    else:
        exec(compile(source, "<%s>" % name, "exec"), module.__dict__)
sys.modules[{main!r}].main()
"""


def zip_of(modules: Sequence[str]) -> bytes:
    """Return a zip file that ``python FILE`` runs.

    Args:
        modules: Names of the modules in it, each after those that it imports; ``main()`` of the
            last one is the program.

    Example:
        >>> Path("runner.zip").write_bytes(zip_of(RUNNER))
    """
    program = f"from {modules[-1]} import main\n\nmain()\n"
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, source in sources_of(modules).items():
            path = name.replace(".", "/") + (".py" if source is not None else "/__init__.py")
            _add(packed, path, source or "")
        _add(packed, "__main__.py", program)
    return content.getvalue()


def script_of(modules: Sequence[str]) -> bytes:
    """Return the program as one script, for ``python -`` or ``python -c``.

    Args:
        modules: Names of the modules, as for :func:`zip_of`. They must keep to the grammar of the
            oldest Python that is to give an answer.
    """
    return SCRIPT.format(sources=sources_of(modules), main=modules[-1]).encode()


def sources_of(modules: Sequence[str]) -> dict[str, str | None]:
    """Return the source of each module by its name, and None for each package around them."""
    sources: dict[str, str | None] = {}
    for name in modules:
        parts = name.split(".")
        sources.update({".".join(parts[:count]): None for count in range(1, len(parts))})
    for name in modules:
        package, _, stem = name.rpartition(".")
        sources[name] = (resources.files(package) / f"{stem}.py").read_text(encoding="utf-8")
    return sources


def _add(packed: zipfile.ZipFile, path: str, source: str) -> None:
    packed.writestr(zipfile.ZipInfo(path, ZIP_DATE), source, zipfile.ZIP_DEFLATED)
