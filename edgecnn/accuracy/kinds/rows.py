"""What judges of rows of numbers share: a row of the output, and a row of what is wanted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edgecnn.accuracy.kinds.judge import Array
from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.data.inputspec import InputSpec
from edgecnn.data.targets import ArrayTargets
from edgecnn.tflite.structure import TensorInfo

Row = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]
"""The numbers that a model answered, and those that were wanted."""


class RowJudge:
    """Keeps the numbers of an output and those that are wanted, each as a row.

    Args:
        number: Number of the output.
        output: The output.
        targets: What is wanted, with as many numbers for a sample as the output has.

    Raises:
        InputError: The targets are of another size.
    """

    takes_places = False

    def __init__(self, number: int, output: TensorInfo, targets: ArrayTargets) -> None:
        self.outputs: tuple[int, ...] = (number,)
        self.name = output.name
        self.targets, self.reading = targets, targets.reading
        wanted = int(np.prod(targets.values.shape[1:]))
        if wanted != output.elements:
            columns = f" ({', '.join(targets.columns)})" if targets.columns else ""
            raise InputError(
                f"the output {quoted(output.name)} has {output.elements} numbers, and "
                f"{quoted(targets.name)} {wanted} for each sample{columns}"
            )

    def target(self, index: int, spec: InputSpec | None) -> npt.NDArray[np.float64]:
        """Return the numbers that are wanted, float64, shape (numbers,)."""
        return np.asarray(self.targets.values[index], np.float64).reshape(-1)

    def row(self, values: Sequence[Array], target: Array) -> Row:
        """Return the numbers that were answered, and those that were wanted."""
        return np.asarray(values[0], np.float64).reshape(-1), target

    def answer(self, values: Sequence[Array]) -> npt.NDArray[np.float64]:
        """Return the numbers that were answered."""
        return np.asarray(values[0], np.float64).reshape(-1)


def refuse_other_than_0_and_1(targets: ArrayTargets, what: str) -> None:
    """Raise InputError where values are neither 0 nor 1.

    Args:
        targets: What is wanted.
        what: What the model gives, for the message: ``"a probability"``.
    """
    values = targets.values
    if not np.isin(values, (0, 1)).all():
        other = values[~np.isin(values, (0, 1))].reshape(-1)[0]
        raise InputError(
            f"{quoted(targets.name)} holds {other}, where {what} is judged by 0 (no) and 1 (yes): "
            "if the model measures numbers say --task numbers"
        )
