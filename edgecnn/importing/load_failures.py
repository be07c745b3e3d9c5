"""Why a library could not load a model: the cause, out of a text that buries it."""

from __future__ import annotations

import re

from edgecnn.core.errors import MESSAGE_CHARACTERS

ENCOUNTERED = "Exception encountered:"
"""What Keras writes before the error that an error of its own is due to, each around the other."""

_OUTER_CLASS = re.compile(r"<class '[\w.]*?(\w+)'> could not be deserialized properly")
_CONFIG = re.compile(r"\s*(?:Full object config: |config=)\{.*", re.DOTALL)
_MISSING = re.compile(
    r"Could not (?:locate|deserialize) (?P<kind>class|function) '(?P<name>[^']+)'"
    r"|Unknown (?P<what>[\w ]+?): '(?P<unknown>[^']+)'"
)
FUNCTIONS = ("function", "activation", "loss", "metric")
"""Words by which Keras calls what is a function."""


def cause_of(error: BaseException) -> str:
    """Return in one line why a model could not be loaded.

    A class or function that is not there is named, with the option that gives it. Of errors within
    errors the innermost is the cause, and the layer that it is about is named; the configurations
    that Keras writes into its texts are left out.

    Example:
        >>> cause_of(TypeError("Could not locate class 'Swish'. Make sure custom classes ..."))
        "the class 'Swish' is not in the file, which only names it: --custom-objects FILE.py ..."
    """
    text = str(error)
    outer, found, inner = text.rpartition(ENCOUNTERED)
    cause = _CONFIG.sub("", inner if found else text)
    if missing := _MISSING.search(cause):
        name = missing["name"] or missing["unknown"]
        what = missing["kind"] or missing["what"]
        kind = "function" if any(word in what for word in FUNCTIONS) else "class"
        return (
            f"the {kind} '{name}' is not in the file, which only names it: --custom-objects "
            "FILE.py, a Python file that defines it, gives it, together with --trust"
        )
    line = " ".join(cause.split())[:MESSAGE_CHARACTERS] or type(error).__name__
    layers = _OUTER_CLASS.findall(outer)
    return f"{layers[-1]}: {line}" if layers else line
