"""From an architecture's name or a Keras model to a measured ``.tflite`` file.

These functions are the whole of it, and the commands call nothing else::

    import edgecnn

    model = edgecnn.build("mobilenet_v2", alpha=0.5, size=96, classes=10)
    files = edgecnn.convert(model, quantize="int8", calibrate="photos/", output="model.tflite")
    summary = edgecnn.summarize(files[0].path)
    clients = edgecnn.inspect(files[0].path).clients
    worst = edgecnn.sensitivity(model, calibrate="photos/").layers[0]
    slowest = edgecnn.profile(files[0].path, device="pi").kinds[0]
    records = edgecnn.bench(files[0].path, threads=(1, 2), data="photos/")
    page = edgecnn.report(output="report.html").path
    best = edgecnn.classify(files[0].path, "photo.jpg")[0].top[0]

Importing this package imports neither TensorFlow nor numpy; the first call of a function does.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgecnn.version import __version__

if TYPE_CHECKING:
    from edgecnn.classification.terminal import classify
    from edgecnn.golden.verify import verify
    from edgecnn.inspection.inspect import inspect
    from edgecnn.inspection.summary import summarize
    from edgecnn.measure.bench import bench
    from edgecnn.models.build import build
    from edgecnn.profiling.profile import profile
    from edgecnn.quantize.convert import convert
    from edgecnn.quantize.sensitivity.session import sensitivity
    from edgecnn.reporting.report import report

__all__ = [
    "__version__",
    "bench",
    "build",
    "classify",
    "convert",
    "inspect",
    "profile",
    "report",
    "sensitivity",
    "summarize",
    "verify",
]

_HOME = {
    "bench": "edgecnn.measure.bench",
    "build": "edgecnn.models.build",
    "classify": "edgecnn.classification.terminal",
    "convert": "edgecnn.quantize.convert",
    "inspect": "edgecnn.inspection.inspect",
    "profile": "edgecnn.profiling.profile",
    "report": "edgecnn.reporting.report",
    "sensitivity": "edgecnn.quantize.sensitivity.session",
    "summarize": "edgecnn.inspection.summary",
    "verify": "edgecnn.golden.verify",
}


def _look_beside() -> None:
    """Find models/, quantize/ and devices/ beside this folder in a checkout that has no links.

    They stand at the top of the repository, and links lead to them from here. Git writes a link as
    a text file where a system has no symbolic links, which is usual on Windows.
    """
    here = Path(__file__).parent
    marks = (here.parent / "setup.cfg", here.parent / "models" / "__init__.py")
    if not (here / "models").is_dir() and all(mark.is_file() for mark in marks):
        __path__.append(str(here.parent))


_look_beside()


def __getattr__(name: str) -> Any:
    """Import a public function when it is first asked for."""
    if name not in _HOME:
        raise AttributeError(f"module 'edgecnn' has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Names for tab completion, the lazy ones included."""
    return sorted({*globals(), *__all__})
