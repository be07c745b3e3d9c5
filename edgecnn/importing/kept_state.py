"""A SavedModel whose variables or tables go into its files (in a child).

A graph without variables (:mod:`edgecnn.importing.freezing`) has more ways to be quantised, so this
is for models that are not the same without them: those that change their variables and answer by
what they have become, and those that look words up. TensorFlow's own converter keeps both.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgecnn.core.temporary import temporary_folder
from edgecnn.core.text import first_few
from edgecnn.importing.input_format import LoadedModel, LoadOptions, Source
from edgecnn.importing.outside_converter import load_converted
from edgecnn.importing.tensorflow_converter import convert_saved_model
from edgecnn.tflite.graph import Graph


def load_with_state(
    folder: Path, signature: str, graph: Any, source: Source, options: LoadOptions
) -> LoadedModel:
    """Load a signature of a SavedModel with the variables and tables that it uses.

    Args:
        folder: The SavedModel's folder, whose graphs have been looked at.
        signature: Name of the signature.
        graph: The signature's TensorFlow graph.
        source: The SavedModel, as the user named it.
        options: How it is loaded.

    Raises:
        ConversionError: TensorFlow's converter refuses it.
        InputError: It leaves a shape open, or takes what no file does.
    """
    with temporary_folder() as temporary:
        file = temporary / "model.tflite"
        file.write_bytes(convert_saved_model(folder, signature, graph))
        loaded = load_converted(file, source, options, has_open_shapes=True)
    return replace(loaded, notes=(*loaded.notes, *_notes(loaded.float_graph(None))))


def _notes(graph: Graph) -> Iterator[str]:
    names = [op.options.sharedName for op in graph.ops if op.kind == "VAR_HANDLE"]
    if names:
        texts = sorted({n.decode(errors="replace") if isinstance(n, bytes) else n for n in names})
        yield (
            f"its variables change with each call ({first_few(texts)}), and so they do in its "
            "files, from the values on that were saved"
        )
