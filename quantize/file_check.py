"""The check of a fresh ``.tflite`` file: its structure is read, and it is run once in a child."""

from __future__ import annotations

import platform
from collections.abc import Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt

from edgecnn.core.errors import ConversionError, EdgecnnError
from edgecnn.data.inputspec import InputSpec
from edgecnn.devices.desktop import Desktop
from edgecnn.golden.inputs import GoldenInput, PictureInput, Range, golden_arrays, golden_picture
from edgecnn.golden.replay import make_sample
from edgecnn.golden.sample import GoldenSample
from edgecnn.model_metadata.input_tensors import to_tensor
from edgecnn.quantize.integers.kernels import has_kernel
from edgecnn.runner.ondevice.protocol import ModelLoaded
from edgecnn.runner.session import RunnerSession
from edgecnn.tflite.calls import ModelCall
from edgecnn.tflite.numbers import FLOAT32
from edgecnn.tflite.reading import TfliteModel, read_model
from edgecnn.tflite.schemes import SCHEMES, Scheme
from edgecnn.tflite.structure import Operator

TASK = "its first run"
"""What the runner is for, in messages."""

STORED = SCHEMES["dynamic"]
"""The scheme by which integer files keep the weights of loops, branches and recurrent layers, whose
activations stay in float32."""


class _NoSampleError(Exception):
    """The runtime does not take the drawn arrays, which says nothing of the file."""


@dataclass(frozen=True)
class ExpectedFile:
    """What a fresh file should be.

    Args:
        scheme: The scheme.
        input_types: Element type of each input.
        output_types: Element type of each output.
        spec: How pixels become a float input; None where that is not known or no image goes in.
        takes_image: Whether the file's only input takes an image, and not an array.
        ranges: Least and greatest number of each input that takes an array; None where that is not
            known.
        has_golden: Whether the file gets a golden sample, if what goes in is not too large.
        in_float: Names of the results of layers that were left in float32.
    """

    scheme: Scheme
    input_types: Sequence[str]
    output_types: Sequence[str]
    spec: InputSpec | None = None
    takes_image: bool = True
    ranges: tuple[Range, ...] | None = None
    has_golden: bool = True
    in_float: Collection[str] = ()


class Checker:
    """Checks one file after another in a runner that is started beforehand.

    Raises:
        ChildCrashedError: From the ``with`` statement, when no runner can be started.

    Example:
        >>> with Checker() as checker:
        ...     wanted = ExpectedFile(SCHEMES["int8"], ["uint8"], ["float32"])
        ...     model, runtime, golden = checker.verify(path, wanted, None)
    """

    def __init__(self) -> None:
        self._runner: RunnerSession | None = None

    def __enter__(self) -> Checker:
        """Start the runner, which imports the runtime while this process goes on."""
        self._runner = Desktop().start(TASK)
        return self

    def __exit__(self, *error: object) -> None:
        """End the runner."""
        if self._runner is not None:
            self._runner.__exit__(*error)

    def verify(
        self, path: Path, wanted: ExpectedFile, sample: npt.NDArray[Any] | None
    ) -> tuple[TfliteModel, dict[str, str], GoldenSample | None]:
        """Check that a file is what was asked for and that it runs.

        Args:
            path: The file.
            wanted: What the file should be.
            sample: What to run the file on: an image, uint8, shape (height, width, channels), or
                what its only input takes; noise where None.

        Returns:
            The file's structure, the runtime's name and version, and the golden sample, None where
            it gets none.

        Raises:
            ConversionError: An op is not quantised as asked, a dtype is wrong, an output is not
                finite, or the runtime refuses or crashes on the file.
        """
        model = read_model(path)
        _check_ends(model, wanted)
        _check_precision(model, wanted.scheme, wanted.in_float)
        return model, *self._run(path, model, _tensor(model, sample, wanted.spec), wanted)

    def _run(
        self, path: Path, model: TfliteModel, tensor: bytes | None, wanted: ExpectedFile
    ) -> tuple[dict[str, str], GoldenSample | None]:
        runner = self._runner or Desktop().start(TASK)
        # A runner that crashes or refuses a file is not used for the next one.
        self._runner = None
        with ExitStack() as stack:
            stack.enter_context(runner)
            try:
                loaded = runner.load(Desktop().place(path), 1, call=ModelCall(model))
                finite = runner.check(tensor).finite
                inputs = _golden_inputs(model, wanted) if finite and wanted.has_golden else ()
                golden = _golden(runner, model, inputs, loaded) if inputs else None
            except _NoSampleError:
                return {loaded.runtime: loaded.runtime_version}, None
            except EdgecnnError as error:
                raise ConversionError(f"the runtime refuses the file: {error}") from error
            if not finite:
                raise ConversionError(
                    "the file gives NaN or infinite outputs: check the model's weights"
                )
            stack.pop_all()
        self._runner = runner
        return {loaded.runtime: loaded.runtime_version}, golden


def _golden_inputs(model: TfliteModel, wanted: ExpectedFile) -> tuple[GoldenInput, ...]:
    if wanted.takes_image:
        return golden_picture(model, wanted.spec)
    return golden_arrays(model, wanted.ranges)


def _golden(
    runner: RunnerSession,
    model: TfliteModel,
    inputs: tuple[GoldenInput, ...],
    loaded: ModelLoaded,
) -> GoldenSample | None:
    made_with = {
        "architecture": platform.machine(),
        "runtime": loaded.runtime,
        "runtime_version": loaded.runtime_version,
        "threads": 1,
    }
    try:
        return make_sample(runner, model, inputs, made_with)
    except EdgecnnError as error:
        if isinstance(inputs[0], PictureInput):
            raise
        # Drawn numbers may be such as the model does not take: sizes, or places in a table.
        raise _NoSampleError from error


def _check_ends(model: TfliteModel, wanted: ExpectedFile) -> None:
    for what, tensors, types in (
        ("input", model.inputs, wanted.input_types),
        ("output", model.outputs, wanted.output_types),
    ):
        found = [tensor.dtype for tensor in tensors]
        if found != list(types):
            raise ConversionError(
                f"the file's {what} is {', '.join(found)} instead of {', '.join(types)}"
            )


def _check_precision(model: TfliteModel, scheme: Scheme, in_float: Collection[str]) -> None:
    within = {id(op) for other in model.others.values() for op in other.operators}
    wrong = [
        (op, precision)
        for op, precision in model.weighted_operators()
        if precision != scheme.name
        and not _may_stay_float(op, precision, scheme)
        and not (_is_recurrent(op, within) and _stores_weights(op, precision))
        and not (precision == FLOAT32.name and op.outputs[0].name in in_float)
    ]
    if wrong:
        op, precision = wrong[0]
        raise ConversionError(
            f"{len(wrong)} layer(s) are not {scheme.name}, the first {op.name} "
            f"{op.outputs[0].name!r} ({precision})"
        )


def _is_recurrent(op: Operator, within: Collection[int]) -> bool:
    """Say whether an op is a recurrent layer, or stands within a loop or a branch."""
    return bool(op.traits.gate_places) or id(op) in within


def _stores_weights(op: Operator, precision: str) -> bool:
    """Say whether an op's weights are integers, if that is worth it, and its activations floats."""
    weights = sum(tensor.elements for tensor in op.matrices)
    return precision == STORED.name or weights < STORED.least_weights


def _may_stay_float(op: Operator, precision: str, scheme: Scheme) -> bool:
    """Say whether a scheme leaves an op alone.

    Small weights gain nothing, and no kernel takes the integers of some kinds or of weights that
    another op computes.
    """
    weights = op.matrices
    if precision != FLOAT32.name or not weights:
        return False
    is_small = sum(tensor.elements for tensor in weights) < scheme.least_weights
    is_stored = all(tensor.is_constant for tensor in weights)
    return is_small or not (is_stored and has_kernel(op.name, scheme.activations))


def _tensor(
    model: TfliteModel, sample: npt.NDArray[Any] | None, spec: InputSpec | None
) -> bytes | None:
    """Return the bytes of a sample as a file's only input takes them; None for noise."""
    if sample is None or len(model.inputs) != 1:
        return None
    tensor = model.inputs[0]
    if spec is not None:
        return to_tensor(sample, spec, tensor).tobytes()
    if tensor.elements != sample.size or tensor.dtype != str(sample.dtype):
        return None  # Where floats go in as integers, noise does as well.
    return sample.tobytes()
