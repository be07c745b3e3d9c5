"""SavedModels that are damaged, or far larger than they look, are one line."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from .outside_models import broken_line, edited


@pytest.mark.parametrize("part", ["saved_model.pb", "variables.index", "variables.data"])
@pytest.mark.parametrize("damage", ["missing", "empty", "half", "noise"])
def test_damaged_parts(part: str, damage: str, plain: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(plain, tmp_path / "model")
    (file,) = folder.rglob(f"{part}*")
    content = file.read_bytes()
    if damage == "missing":
        file.unlink()
    else:
        noise = np.random.Generator(np.random.PCG64(1)).bytes(len(content))
        file.write_bytes(
            {"empty": b"", "half": content[: len(content) // 2], "noise": noise}[damage]
        )
    broken_line(folder)


def test_constants_that_are_large_once_they_are_unpacked(
    tf: Any, plain: Path, tmp_path: Path
) -> None:
    def enlarge(message: Any) -> None:
        node = (
            message.meta_graphs[0]
            .graph_def.library.function[0]
            .node_def.add(name="large", op="Const")
        )
        node.attr["dtype"].type = tf.float32.as_datatype_enum
        tensor = node.attr["value"].tensor
        tensor.dtype = tf.float32.as_datatype_enum
        tensor.float_val.append(0.0)
        tensor.tensor_shape.dim.add(size=1 << 40)

    folder = shutil.copytree(plain, tmp_path / "model")
    assert "constants of 4,096.0 GiB" in broken_line(edited(folder, enlarge))


def call(message: Any, caller: int, callee: int) -> None:
    functions = message.meta_graphs[0].graph_def.library.function
    node = functions[caller].node_def.add(name=f"hidden{len(functions[caller].node_def)}")
    node.op = "StatefulPartitionedCall"
    node.attr["f"].func.name = functions[callee].signature.name


def test_functions_that_call_each_other_without_end(plain: Path, tmp_path: Path) -> None:
    def edit(message: Any) -> None:
        call(message, 0, 1)
        call(message, 1, 0)

    folder = shutil.copytree(plain, tmp_path / "model")
    assert "calls itself" in broken_line(edited(folder, edit))


def test_functions_that_unfold(plain: Path, tmp_path: Path) -> None:
    def edit(message: Any) -> None:
        functions = message.meta_graphs[0].graph_def.library.function
        first = len(functions)
        for number in range(40):
            functions.add().signature.name = f"fold{number}"
        for number in range(first, first + 39):
            call(message, number, number + 1)
            call(message, number, number + 1)

    folder = shutil.copytree(plain, tmp_path / "model")
    # Each but the last has two ops: 2 + 4 + ... + 2 ** 39.
    assert f"{2**40 - 2:,} times" in broken_line(edited(folder, edit))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a system without named pipes")
def test_a_pipe_in_place_of_a_file(plain: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(plain, tmp_path / "model")
    index = folder / "variables" / "variables.index"
    index.unlink()
    os.mkfifo(index)
    assert "variables.index' is no file" in broken_line(folder)
