"""The TFLite runtime of a device's Python.

The module travels to devices: the standard library alone, and the grammar of Python 3.7.
"""

from __future__ import annotations

import json
import platform
from importlib import import_module
from typing import Any, NamedTuple

from edgecnn.core.errors import EdgecnnError, first_line

LITERT, TFLITE = "ai-edge-litert", "tflite-runtime"

RUNTIMES = ((LITERT, "ai_edge_litert.interpreter"), (TFLITE, "tflite_runtime.interpreter"))
"""Distribution and module of each runtime, the preferred one first.

tensorflow.lite is deprecated and never used."""


class NoRuntimeError(EdgecnnError):
    """No TFLite runtime can be imported."""


class Runtime(NamedTuple):
    """A TFLite runtime that works.

    Attributes:
        name: Distribution of the runtime.
        version: Version of the runtime.
        interpreter: The runtime's class ``Interpreter``.
    """

    name: str
    version: str
    interpreter: Any

    @property
    def without_delegates(self) -> Any:
        """The runtime's name for a set of kernels that leaves no op to a delegate."""
        module = import_module(self.interpreter.__module__)
        return module.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES


def import_runtime() -> Runtime:
    """Import the first of ``RUNTIMES`` that is installed and works.

    Raises:
        NoRuntimeError: No runtime is installed, or it does not work with this numpy.
    """
    failures = []
    for name, module in RUNTIMES:
        try:
            return Runtime(name, version_of(name) or "unknown", import_interpreter(name, module))
        except ImportError as error:
            failures.append(f"{name}: {first_line(error)}")
    raise NoRuntimeError(
        "no TFLite runtime: pip install ai-edge-litert, or on 32-bit Arm tflite-runtime "
        f"({'; '.join(failures)})"
    )


def import_interpreter(name: str, module: str) -> Any:
    """Return the class ``Interpreter`` of a runtime.

    Beside numpy 2, tflite-runtime can be imported, and its interpreter fails.

    Args:
        name: Distribution of the runtime.
        module: Module of the runtime.

    Raises:
        ImportError: The runtime is not installed, or it is broken.
        NoRuntimeError: The runtime does not work with this numpy.
    """
    if name == TFLITE:
        import_module(module.partition(".")[0])
        numpy = import_module("numpy").__version__
        if int(numpy.split(".")[0]) >= 2:
            raise NoRuntimeError(
                f"tflite-runtime works with numpy 1 only, and this is numpy {numpy}: "
                "pip install 'numpy<2'"
            )
    return import_module(module).Interpreter


def version_of(distribution: str) -> str | None:
    """Return the version of a distribution; None where the distribution is not installed."""
    metadata = import_module("importlib.metadata")  # Python 3.7 has no such module
    try:
        return str(metadata.version(distribution))
    except metadata.PackageNotFoundError:
        return None


def describe() -> dict[str, Any]:
    """Return which runtime this Python has, and under ``"error"`` why it cannot be used."""
    answer: dict[str, Any] = {"python": platform.python_version(), "error": None}
    try:
        answer["numpy"] = import_module("numpy").__version__
    except Exception as error:
        answer["error"] = f"numpy: {error}"
    for name, module in RUNTIMES:
        version = version_of(name)
        if version is None:
            continue
        answer.update(runtime=name, version=version)
        try:
            if not answer["error"]:
                import_interpreter(name, module)
        except Exception as error:
            answer["error"] = f"{name}: {error}"
        return answer
    return {**answer, "error": "no runtime is installed"}


def main() -> None:
    """Print the answer of :func:`describe` as JSON."""
    print(json.dumps(describe()))
