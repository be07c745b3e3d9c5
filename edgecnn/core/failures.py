"""Errors while a model runs: naming the model, and explaining crashes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from edgecnn.core.errors import (
    ChildCrashedError,
    DeviceError,
    EdgecnnError,
    InputError,
    MissingExtraError,
)

ABORTED = "SIGABRT"
"""Signal with which a program ends itself, as the runtime does where a check of a kernel fails."""

OWN_CHECK = (
    "the runtime stopped at a check of its own kernels: the file has types, shapes or a "
    "quantisation that this runtime does not compute, or it is corrupt"
)
DAMAGED = "the file is probably truncated or corrupt"


@contextmanager
def named_errors(label: str) -> Iterator[None]:
    """Put a model's name before the text of an error that does not say the name.

    Args:
        label: Name of the model in messages.

    Example:
        >>> with named_errors("'a.tflite'"):
        ...     session.load("a.tflite", threads=1)
    """
    try:
        yield
    except (ChildCrashedError, MissingExtraError):
        raise
    except EdgecnnError as error:
        if label in str(error):
            raise
        kinds = (kind for kind in (InputError, DeviceError) if isinstance(error, kind))
        raise next(kinds, EdgecnnError)(f"{label}: {error}") from error


@contextmanager
def crash_explained() -> Iterator[None]:
    """Add to the error of a crash what such a crash mostly means.

    Example:
        >>> with crash_explained():
        ...     session.load("a.tflite", threads=1)
    """
    try:
        yield
    except ChildCrashedError as error:
        if "crashed" not in str(error):
            raise
        reason = OWN_CHECK if ABORTED in str(error) else DAMAGED
        explained = ChildCrashedError(f"{error}: {reason}")
        explained.add_debug(error.debug_text)
        raise explained from error
