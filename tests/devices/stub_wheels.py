"""Wheels that hold next to nothing, to install where real ones would take long."""

from __future__ import annotations

import zipfile
from pathlib import Path

RUNTIME = "class Interpreter:\n    pass\n"


def write_wheel(
    folder: Path, name: str, version: str, tag: str = "py3-none-any", **files: str
) -> Path:
    """Write a wheel with these modules, by their paths without ``.py``."""
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    contents = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: {tag}\n",
        f"{info}/entry_points.txt": f"[console_scripts]\n{name} = {module}:main\n",
        **{f"{path}.py": text for path, text in files.items()},
    }
    path = folder / f"{module}-{version}-{tag}.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for inside, text in contents.items():
            wheel.writestr(inside, text)
        wheel.writestr(f"{info}/RECORD", "".join(f"{inside},,\n" for inside in contents))
    return path


def write_runtime(
    folder: Path, interpreter: str = RUNTIME, *, version: str = "2.3.0", tag: str = "py3-none-any"
) -> Path:
    """Write wheels of a runtime that does nothing, and of such a numpy."""
    folder.mkdir(exist_ok=True)
    files = {"ai_edge_litert/__init__": "", "ai_edge_litert/interpreter": interpreter}
    write_wheel(folder, "ai-edge-litert", version, tag, **files)
    write_wheel(folder, "numpy", "2.4.6", **{"numpy/__init__": "__version__ = '2.4.6'\n"})
    return folder
