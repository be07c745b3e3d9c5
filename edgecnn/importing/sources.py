"""What ``SOURCE`` names, and the input formats that there are.

Only names, headers and JSON are looked at here; nothing of a user's model is executed. Another
format is a module with an object ``input_format`` of the class
:class:`~edgecnn.importing.input_format.InputFormat`, and a line in :data:`INPUT_FORMATS`.
"""

from __future__ import annotations

import importlib
from pathlib import Path

from edgecnn.core.errors import InputError
from edgecnn.core.files import exists, first_bytes, quoted
from edgecnn.core.input_files import open_input
from edgecnn.importing.input_format import InputFormat, NamedModel, Source

INPUT_FORMATS = {
    "saved_model": "edgecnn.importing.formats.saved_model",
    "exported_program": "edgecnn.importing.formats.exported_program",
    "keras": "edgecnn.importing.formats.keras_file",
    "h5": "edgecnn.importing.formats.hdf5_file",
    "tflite": "edgecnn.importing.formats.tflite_file",
    "onnx": "edgecnn.importing.formats.onnx_file",
    "registered": "edgecnn.importing.formats.architecture",
}
"""Name of each format in records and golden samples, and the module that implements the format.

The first that recognises a model is taken: a SavedModel's zip stands before other zips."""

IN_MEMORY = {"traced": "edgecnn.importing.formats.traced_graph"}
"""What a model in memory is handed over as, likewise; nothing that a user names is of it."""


def find_source(
    text: str, *, trust: bool = False, custom_objects: str | Path | None = None
) -> Source:
    """Say what a ``SOURCE`` argument is, after looking at it from outside.

    Args:
        text: A registered name or a path.
        trust: Whether code in the file may run.
        custom_objects: A Python file with the classes and functions that a Keras file names.

    Raises:
        InputError: There is no such name or file; or a file is empty, corrupt, of a format that
            is not known, or carries code of its own without ``trust``. Or ``custom_objects`` does
            not go with it, or may not be executed.

    Example:
        >>> find_source("mobilenet_v2").kind
        'registered'
    """
    model = _looked_at(text)
    for kind in INPUT_FORMATS:
        if (input_format := _format(kind)).recognizes(model):
            source = Source(kind, str(model.path), trust)
            if custom_objects is not None:
                check_names_code(source)
                _check_may_run(custom_objects, trust=trust)
            input_format.check(model, trust=trust)
            return source.with_choices(None, custom_objects, None)
    raise InputError(_refusal(model))


def check_names_code(source: Source) -> None:
    """Raise InputError for a model that needs no custom objects."""
    if not format_of(source).names_code:
        raise InputError(
            f"--custom-objects goes with a Keras file, whose code it defines, and not with "
            f"{quoted(source.name)}: leave it out"
        )


def _check_may_run(file: str | Path, *, trust: bool) -> None:
    """Raise InputError if a file of custom objects cannot be read, or is not trusted."""
    try:
        open_input(Path(file)).close()
    except OSError as error:
        raise InputError(f"cannot read {quoted(file)}: {error.strerror}") from error
    if not trust:
        raise InputError(
            f"--custom-objects executes {quoted(file)}: add --trust if you know what it does"
        )


def format_of(source: Source) -> InputFormat:
    """Return the format of a source."""
    return _format(source.kind)


def _format(kind: str) -> InputFormat:
    input_format = importlib.import_module({**INPUT_FORMATS, **IN_MEMORY}[kind]).input_format
    assert isinstance(input_format, InputFormat)
    return input_format


def _looked_at(text: str) -> NamedModel:
    path = Path(text)
    if not exists(path):
        return NamedModel(text)
    is_folder = path.is_dir()
    return NamedModel(text, is_folder, b"" if is_folder else first_bytes(path))


def _refusal(model: NamedModel) -> str:
    """Say why no format takes a file or a folder."""
    label = quoted(model.path)
    if model.is_folder:
        return f"folder {label} is not a SavedModel (it has no saved_model.pb): {_advice()}"
    return f"{label} is no model in a known format: {_advice()}"


def _advice() -> str:
    """Say in which formats a model can be given."""
    names = [_format(kind).called for kind in INPUT_FORMATS]
    *endings, ending = (name for name in names if name.startswith("."))
    *others, last = (name for name in names if not name.startswith("."))
    return ", ".join([f"give a {', '.join(endings)} or {ending} file", *others, f"or {last}"])
