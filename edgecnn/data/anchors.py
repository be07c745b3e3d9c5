"""Anchors: the boxes from which a detector's raw outputs are counted, as a user's file has them."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.core.input_files import open_input
from edgecnn.core.json_text import json_value
from edgecnn.data.npz import load_arrays, read_headers, shape_and_dtype

Floats = npt.NDArray[np.float64]

LARGEST_ANCHOR_FILE = 1 << 26
"""Bytes of a file of anchors at most; those of detectors for photographs have about 1 MB."""

ANCHOR_ORDERS = ("cyxhw", "cxywh", "yxyx", "xyxy")
"""What the four numbers of an anchor may be: centre and sides, or two corners; y or x first."""

BOX_ORDERS = ("yxhw", "xywh")
"""The order of a box in the output, which is offsets of centre and sides: y or x first."""

SSD = "ssd"
"""The word for :data:`SSD_VARIANCES`."""

SSD_VARIANCES = (0.1, 0.1, 0.2, 0.2)
"""By which the offsets of a centre and of sides are multiplied (W. Liu et al., "SSD", 2016)."""

ANCHOR_FORMS = ".npy, .npz with one array, .csv or .json"


@dataclass(frozen=True)
class Anchors:
    """Anchors of a detector, and how its boxes are told as offsets from them.

    Args:
        name: Name of the file.
        boxes: Centre y, centre x, height and width of each, float64, shape (anchors, 4): shares of
            the input's sides, or pixels of the input.
        variances: Factors of the offsets of centre y, centre x, height and width.
        box_order: One of :data:`BOX_ORDERS`: the order of the four numbers in the output.
    """

    name: str
    boxes: Floats
    variances: tuple[float, float, float, float]
    box_order: str

    def __len__(self) -> int:
        """Return the number of anchors."""
        return len(self.boxes)

    @classmethod
    def of_user(
        cls,
        path: str | Path | None,
        order: str | None,
        box_order: str | None,
        variances: str | Sequence[float] | None,
    ) -> Anchors | None:
        """Return the anchors that a user names; None where the user names none.

        Nothing of how they are to be read is guessed: other orders give other boxes.

        Args:
            path: The file.
            order: One of :data:`ANCHOR_ORDERS`.
            box_order: One of :data:`BOX_ORDERS`.
            variances: ``"ssd"`` for 0.1, 0.1, 0.2 and 0.2, or four numbers in the order of the
                boxes; 1 stands for offsets that were not divided.

        Raises:
            InputError: Something is missing, unknown, or cannot be read.

        Example:
            >>> len(Anchors.of_user("anchors.npy", "cyxhw", "yxhw", "ssd"))
            1917
        """
        said = (order, box_order, variances)
        if path is None:
            if said != (None, None, None):
                raise InputError("--anchor-order, --box-order and --variances go with --anchors")
            return None
        if None in said:
            raise InputError(
                f"--anchors goes with --anchor-order {'|'.join(ANCHOR_ORDERS)} (what the file "
                f"holds), --box-order {'|'.join(BOX_ORDERS)} (what the output holds) and "
                f"--variances {SSD}|V,V,V,V ({SSD}: 0.1,0.1,0.2,0.2): the numbers alone do not "
                "tell them"
            )
        _check_word("--anchor-order", order, ANCHOR_ORDERS)
        _check_word("--box-order", box_order, BOX_ORDERS)
        assert order is not None and box_order is not None and variances is not None
        factors = _variances(variances)
        in_order = factors if box_order == "yxhw" else _swapped(factors)
        boxes = _centred(_read(Path(path)), order, quoted(path))
        return cls(str(path), boxes, in_order, box_order)


def _check_word(option: str, word: str | None, words: Sequence[str]) -> None:
    if word not in words:
        raise InputError(f"{option} is {' or '.join(words)}, not {word!r}")


def _variances(given: str | Sequence[float]) -> tuple[float, float, float, float]:
    if given == SSD:
        return SSD_VARIANCES
    try:
        numbers = [float(each) for each in (given.split(",") if isinstance(given, str) else given)]
    except (TypeError, ValueError):
        numbers = []
    if len(numbers) != 4 or not all(0 < number < np.inf for number in numbers):
        raise InputError(f"--variances is {SSD} or four numbers above 0, as 0.1,0.1,0.2,0.2")
    return numbers[0], numbers[1], numbers[2], numbers[3]


def _swapped(four: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    """Return x, y, width and height as y, x, height and width, or the other way round."""
    return four[1], four[0], four[3], four[2]


def _centred(table: Floats, order: str, label: str) -> Floats:
    """Return anchors of any order as centre y, centre x, height and width."""
    table = table[:, [1, 0, 3, 2]] if order in ("cxywh", "xyxy") else table
    if order in ("yxyx", "xyxy"):
        low, high = table[:, :2], table[:, 2:]
        table = np.concatenate([(low + high) / 2, high - low], axis=1)
    if not (table[:, 2:] > 0).all():
        row = int(np.flatnonzero((table[:, 2:] <= 0).any(axis=1))[0])
        raise InputError(
            f"{label}: anchor {row} has no height or no width when it is read as {order}: is "
            "--anchor-order right?"
        )
    return table


def _read(path: Path) -> Floats:
    """Return the numbers of a file, float64, shape (anchors, 4)."""
    label = quoted(path)
    try:
        values = np.asarray(_values(path), np.float64)
    except OSError as error:
        raise InputError(f"cannot read {label}: {error.strerror}") from error
    except InputError:
        raise
    except Exception as error:  # numpy's reader raises what its parsers do
        raise InputError(
            f"{label} holds no anchors, which are four numbers each ({ANCHOR_FORMS})"
        ) from error
    values = values[0] if values.ndim == 3 and len(values) == 1 else values
    if values.ndim != 2 or values.shape[1] != 4 or not len(values):
        raise InputError(f"{label} holds numbers of shape {values.shape}, not (anchors, 4)")
    if not np.isfinite(values).all():
        raise InputError(f"{label} holds numbers that are not finite")
    return values


def _values(path: Path) -> Any:
    ending = path.suffix.lower()
    if ending == ".npz":
        headers = read_headers(path)
        if len(headers) != 1:
            raise InputError(f"{quoted(path)} has {len(headers)} arrays, and anchors are one")
        return load_arrays(path, list(headers), headers)[0]
    with open_input(path) as file:
        content = file.read(LARGEST_ANCHOR_FILE + 1)
    if len(content) > LARGEST_ANCHOR_FILE:
        raise InputError(f"{quoted(path)} is too large for a file of anchors")
    if ending == ".npy":
        return _array(content)
    if ending == ".json":
        return json_value(content)
    if ending == ".csv":
        return _rows(content.decode("utf-8-sig"))
    raise InputError(f"{quoted(path)}: anchors are read from {ANCHOR_FORMS}")


def _array(content: bytes) -> Any:
    """Return the array of an ``.npy``, which may claim to be larger than its file."""
    shape, dtype = shape_and_dtype(io.BytesIO(content))
    if math.prod(shape) * dtype.itemsize > len(content):
        raise ValueError("it is cut off")
    return np.load(io.BytesIO(content), allow_pickle=False)


def _rows(text: str) -> list[list[float]]:
    """Return the rows of a table; a first row without any number is a heading."""
    rows = [row for row in csv.reader(io.StringIO(text)) if any(cell.strip() for cell in row)]
    if rows and not any(_is_number(cell) for cell in rows[0]):
        rows = rows[1:]
    return [[float(cell) for cell in row] for row in rows]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
