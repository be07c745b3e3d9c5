"""From an architecture's name or a Keras model to a measured ``.tflite`` file.

Each command that works on models or measurements is a function of the same name, and calls it::

    import edgecnn
    from edgecnn.store.keeping import Keeper, open_store

    model = edgecnn.build("resnet8", size=32, classes=10)
    files = edgecnn.convert(model, quantize="int8", calibrate="photos/", output="model.tflite")
    verdict = edgecnn.verify("model.tflite").verdict
    clients = edgecnn.inspect("model.tflite").clients
    biggest = max(edgecnn.summarize("model.tflite").rows, key=lambda row: row.bytes)
    worst = edgecnn.sensitivity(model, calibrate="photos/").layers[0]
    slowest = edgecnn.profile("model.tflite").kinds[0]
    for tag in ("before", "after"):
        keeper = Keeper(open_store(), [tag])
        edgecnn.bench("model.tflite", data="photos/", on_record=keeper.add)
        keeper.finish()
    latest = edgecnn.results(model="model.tflite", limit=1)[0].record
    changes = edgecnn.compare("before", "after").pairs[0].changes
    page = edgecnn.report("after", output="report.html").path
    best = edgecnn.classify("model.tflite", "photo.jpg")[0].top[0]
    program = edgecnn.snippet("model.tflite", "android")
    author = edgecnn.metadata("model.tflite").metadata.author

``photos/`` has images in a folder for each of the ten classes, and the model is to be trained
before it is converted. ``device="pi"`` runs :func:`bench`, :func:`verify` and :func:`profile` on a
device that ``edgecnn devices add`` has made known.

Some names differ: ``edgecnn summary`` is :func:`summarize`, ``try`` is :func:`classify`, and
``metadata set`` and ``metadata strip`` are :func:`set_metadata` and :func:`strip_metadata`. Unlike
the command, :func:`bench` keeps no results: :class:`edgecnn.store.keeping.Keeper` does.
``devices``, ``models`` and ``demo`` are only commands; :mod:`edgecnn.devices`,
:mod:`edgecnn.models` and :mod:`edgecnn.demo` are the code behind them.

Functions that take an architecture's name take its options as keywords, or all of them as
``build=edgecnn.BuildOptions(alpha=0.5, classes=10)``.

Importing this package imports neither TensorFlow nor numpy; the first call of a function does.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgecnn.core.version import __version__

if TYPE_CHECKING:
    from edgecnn.classification.terminal import classify
    from edgecnn.comparison.compare import compare
    from edgecnn.golden.verify import verify
    from edgecnn.inspection.inspect import inspect
    from edgecnn.inspection.metadata_editing import set_metadata, strip_metadata
    from edgecnn.inspection.summary import summarize
    from edgecnn.measure.bench import bench
    from edgecnn.model_metadata.overview import metadata
    from edgecnn.models.build import build
    from edgecnn.models.build_options import BuildOptions
    from edgecnn.profiling.profile import profile
    from edgecnn.quantize.convert import convert
    from edgecnn.quantize.sensitivity_session import sensitivity
    from edgecnn.reporting.report import report
    from edgecnn.snippets.snippet import snippet
    from edgecnn.store.results import results

__all__ = [
    "BuildOptions",
    "__version__",
    "bench",
    "build",
    "classify",
    "compare",
    "convert",
    "inspect",
    "metadata",
    "profile",
    "report",
    "results",
    "sensitivity",
    "set_metadata",
    "snippet",
    "strip_metadata",
    "summarize",
    "verify",
]

_HOME = {
    "BuildOptions": "edgecnn.models.build_options",
    "bench": "edgecnn.measure.bench",
    "build": "edgecnn.models.build",
    "classify": "edgecnn.classification.terminal",
    "compare": "edgecnn.comparison.compare",
    "convert": "edgecnn.quantize.convert",
    "inspect": "edgecnn.inspection.inspect",
    "metadata": "edgecnn.model_metadata.overview",
    "profile": "edgecnn.profiling.profile",
    "report": "edgecnn.reporting.report",
    "results": "edgecnn.store.results",
    "sensitivity": "edgecnn.quantize.sensitivity_session",
    "set_metadata": "edgecnn.inspection.metadata_editing",
    "snippet": "edgecnn.snippets.snippet",
    "strip_metadata": "edgecnn.inspection.metadata_editing",
    "summarize": "edgecnn.inspection.summary",
    "verify": "edgecnn.golden.verify",
}


def _look_beside() -> None:
    """Find models/, quantize/ and devices/ beside this folder in a checkout without links.

    These folders are at the top of the repository, and links lead to them from this folder. Where
    a system has no symbolic links, as is usual on Windows, Git writes each link as a text file.
    """
    here = Path(__file__).parent
    marks = (here.parent / "setup.cfg", here.parent / "models" / "__init__.py")
    if not (here / "models").is_dir() and all(mark.is_file() for mark in marks):
        __path__.append(str(here.parent))


_look_beside()


def __getattr__(name: str) -> Any:
    """Import a public function at its first use."""
    if name not in _HOME:
        raise AttributeError(f"module 'edgecnn' has no attribute {name!r}")
    import importlib

    from edgecnn.core.wording import speaks_python

    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value if isinstance(value, type) else speaks_python(value)
    return globals()[name]


def __dir__() -> list[str]:
    """Return the names for tab completion, also those of functions that are not imported yet."""
    return sorted({*globals(), *__all__})
