"""What a ``.pt2`` file would do beyond computing, read before PyTorch opens it.

PyTorch loads such a file by looking its ops up by their names in ``torch``, by handing the sizes
that it leaves open to an evaluator of Python expressions, and by unpickling what is no plain array.
A file can use each of these to run code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.core.json_text import json_value
from edgecnn.core.zip_files import ZIP_ERRORS, check_contents, member_bytes, opened_zip

MAX_JSON_BYTES = 256 << 20
"""Most bytes of a description of a graph, which holds no weights."""

PURE_OPS = re.compile(
    r"torch\.ops\.(aten|prims|higher_order|quantized_decomposed)\.\w+(\.\w+)?"
    r"|torch\.sym_\w+|math\.\w+"
    r"|_operator\.(add|sub|mul|truediv|floordiv|mod|neg|pow|getitem|and_|or_|eq|ne|lt|le|gt|ge)"
)
"""Ops that only compute."""

FILE_OPS = ("torch.ops.aten.from_file",)
"""Ops among these that reach files."""

SYMBOL = re.compile(r"'[suz]\d+'")
"""The name of a side that is open, in the quotes of an expression."""

SIZE_EXPRESSION = re.compile(r"[\w\s+\-*/%(),.<>=!&|~]*")
SIZE_NAMES = re.compile(
    r"[suz]\d+|Symbol|Integer|Rational|Float|positive|nonnegative|integer|True|False"
    r"|Add|Mul|Pow|Max|Min|Mod|floor|ceiling|Eq|Ne|Lt|Le|Gt|Ge|oo|int_oo|precision"
    r"|torch|utils|_sympy|functions|FloorDiv|CeilDiv|CleanDiv|PythonMod|ModularIndexing"
    r"|IntTrueDiv|TruncToInt|ToFloat"
)
"""Names that sizes are computed with: sides that are open, and functions of SymPy and PyTorch."""

WORD = re.compile(r"[^\W\d]\w*")


def refuse_code(path: Path, *, trust: bool) -> None:
    """Raise InputError for a file that is broken, or that would do more than compute.

    Args:
        path: The file.
        trust: Whether code in the file may run; then only its wholeness is checked.
    """
    label = quoted(path)
    try:
        with opened_zip(path) as archive:
            names = archive.namelist()
            texts = [name for name in names if name.endswith(".json")]
            graphs = [json_value(member_bytes(archive, name, MAX_JSON_BYTES)) for name in texts]
            check_contents(archive)
    except ZIP_ERRORS as error:
        raise InputError(
            f"{label} is no .pt2 file, or is damaged ({error}): export it again"
        ) from error
    if not any(isinstance(graph, dict) and "graph_module" in graph for graph in graphs):
        raise InputError(f"{label} is no .pt2 file: torch.export.save writes such a file")
    found = next((what for graph in graphs for what in _code(graph)), None)
    if found is not None and not trust:
        raise InputError(
            f"{label} would do more than compute ({found}): --trust, if you know where it is from"
        )


def _code(value: Any) -> Iterator[str]:
    """Yield what would run code, as words."""
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += value
        elif isinstance(value, str) and "__enum__" in value:
            yield "it imports a class by its name"
        elif isinstance(value, dict):
            waiting += value.values()
            yield from _code_of(value)


def _code_of(entry: dict[str, Any]) -> Iterator[str]:
    target, size = entry.get("target"), entry.get("expr_str")
    if isinstance(target, str) and "nodes" not in entry and "inputs" in entry:
        is_file = target.startswith(FILE_OPS)
        if is_file or not PURE_OPS.fullmatch(target):
            yield f"its op {target[:80]!r}"
    if isinstance(size, str):
        bare = SYMBOL.sub("", size)
        is_known = all(SIZE_NAMES.fullmatch(word) for word in WORD.findall(bare))
        if not (is_known and SIZE_EXPRESSION.fullmatch(bare)):
            yield f"its size {size[:80]!r}"
    if entry.get("use_pickle") is True:
        yield "it unpickles an object"
