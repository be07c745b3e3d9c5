"""``edgecnn.verify``: whether a device answers as the file did when it was made."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgecnn.core.errors import EdgecnnError, InputError
from edgecnn.core.failures import crash_explained, named_errors
from edgecnn.core.progress import Progress, silent
from edgecnn.devices.device import Device
from edgecnn.devices.device_lookup import get_device
from edgecnn.golden.compare import (
    VERDICTS,
    ComparedAnswers,
    GoldenComparison,
    compare_answers,
    tolerance_of,
)
from edgecnn.golden.inputs import tensors_of_call
from edgecnn.golden.packed_numbers import sha256_of_array
from edgecnn.golden.replay import run_model
from edgecnn.golden.sample import GOLDEN_FILE, GoldenCall, GoldenSample, read_sample
from edgecnn.model_metadata.described_file import DescribedFile
from edgecnn.runner.ondevice.protocol import ModelLoaded
from edgecnn.runner.session import DeviceFacts, RunnerSession, check_threads
from edgecnn.tflite.calls import ModelCall
from edgecnn.tflite.output_kinds import INDEX_TYPES, outputs_of_file
from edgecnn.tflite.reading import TfliteModel
from edgecnn.tflite.schemes import AnswerTolerance


@dataclass(frozen=True)
class Verification:
    """A file's golden sample, replayed.

    Args:
        path: Path of the file.
        sha256: SHA-256 of the file, in hexadecimal digits.
        verdict: The worst verdict of the answers: ``"identical"`` if every bit is the same,
            ``"close"`` if numbers are within ``tolerance`` and the first classes are the same, else
            ``"different"``.
        samples: One comparison for each output of each golden call.
        tolerance: How far the numbers of a close answer may differ.
        device: Name of the device that replayed the sample.
        architecture: CPU architecture of the device, as its kernel names it.
        bits: Width of the device's runtime, 32 or 64.
        runtime: Name of the runtime that replayed the sample.
        runtime_version: Version of the runtime that replayed the sample.
        threads: Number of threads that the runtime used.
        made: ``runtime``, ``runtime_version``, ``threads`` and ``architecture`` when the file was
            made.
        provenance: What the file was made from and how.
    """

    path: Path
    sha256: str
    verdict: str
    samples: tuple[GoldenComparison, ...]
    tolerance: AnswerTolerance
    device: str
    architecture: str
    bits: int
    runtime: str
    runtime_version: str
    threads: int
    made: dict[str, Any]
    provenance: dict[str, Any]

    @property
    def largest_difference(self) -> float | None:
        """Largest difference of any number; None where an answer is not finite."""
        differences = [sample.largest_difference for sample in self.samples]
        finite = [difference for difference in differences if difference is not None]
        return max(finite) if len(finite) == len(differences) else None

    @property
    def same_top1(self) -> int:
        """Number of answers of scores that have the same first class."""
        return sum(sample.same_top1 for sample in self.samples if sample.top1 is not None)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            **dataclasses.asdict(self),
            "path": str(self.path),
            "largest_difference": self.largest_difference,
            "same_top1": self.same_top1,
        }


def verify(
    path: str | Path,
    device: str = "desktop",
    threads: int = 1,
    *,
    ask_password: Callable[[str], str] | None = None,
) -> Verification:
    """Replay the golden sample of a file that edgecnn made, and compare the answers.

    Args:
        path: A ``.tflite`` file.
        device: ``"desktop"``, a name of the inventory, or ``"[user@]host[:port]"``.
        threads: Number of threads of the runtime.
        ask_password: Given a question, returns a device's password; without it only keys are tried.

    Raises:
        InputError: The file cannot be used or has no golden sample, or the sample is broken.
        DeviceError: The device cannot be reached, or is in use.
        ChildCrashedError: The runtime crashed on the file.

    Example:
        >>> edgecnn.verify("model.tflite", device="pi").verdict
        'close'
    """
    (result,) = verify_each([path], device, threads, ask_password=ask_password)
    if isinstance(result, EdgecnnError):
        raise result
    return result


def verify_each(
    paths: Sequence[str | Path],
    device: str = "desktop",
    threads: int = 1,
    *,
    ask_password: Callable[[str], str] | None = None,
    on_progress: Progress = silent,
) -> Iterator[Verification | EdgecnnError]:
    """Replay the golden samples of several files on one device.

    Args:
        paths: Files of ``.tflite``, each with a golden sample.
        device: The device, as :func:`verify` takes it.
        threads: Number of threads of the runtime.
        ask_password: Given a question, returns a device's password, as :func:`verify` takes it.
        on_progress: Told (phase, done, total).

    Yields:
        A file's result, or what is wrong with it.

    Raises:
        InputError: There can be no such device or number of threads.
        DeviceError: The device cannot be reached, or is in use.
    """
    check_threads([threads])
    replaying_device = get_device(device, ask_password)
    # Files are read first: a device is not woken up for those that have nothing to replay.
    files = [_read(Path(path)) for path in paths]
    if not any(isinstance(file, _VerifiedFile) for file in files):
        yield from (file for file in files if isinstance(file, EdgecnnError))
        return
    with replaying_device:
        for file in files:
            if isinstance(file, EdgecnnError):
                yield file
                continue
            try:
                yield _replayed(file, replaying_device, threads, on_progress)
            except EdgecnnError as error:
                yield error


@dataclass(frozen=True)
class _VerifiedFile:
    file: DescribedFile
    golden: GoldenSample


def _read(path: Path) -> _VerifiedFile | EdgecnnError:
    try:
        file = DescribedFile(path)
        return _VerifiedFile(file, read_golden(file))
    except EdgecnnError as error:
        return error


def _why_there_is_none(model: TfliteModel) -> str:
    if model.edgecnn is None:
        return "only files that edgecnn convert made since it packs one can be verified"
    return (
        "it was made by an edgecnn that packed none, or the sample would be too large, not finite "
        "or not the same each time"
    )


def read_golden(file: DescribedFile) -> GoldenSample:
    """Read the golden sample of a file.

    Raises:
        InputError: The file has no golden sample, or one that is broken or of another model.
    """
    packed, model, label = file.packed_files, file.model, file.label
    if GOLDEN_FILE not in packed:
        raise InputError(f"{label} has no golden sample: {_why_there_is_none(model)}")
    golden = read_sample(packed[GOLDEN_FILE], label)
    if not _is_of(golden, model):
        shapes = ", ".join(f"{each.dtype} {each.shape}" for each in golden.inputs)
        counts = ", ".join(str(output.elements) for output in golden.outputs)
        raise InputError(
            f"the golden sample of {label} is another model's: its input is {shapes} "
            f"and its answers have {counts} values"
        )
    return golden


def _is_of(golden: GoldenSample, model: TfliteModel) -> bool:
    """Say whether a golden sample has the ends of a file."""
    ends = [len(golden.inputs), len(golden.outputs)]
    if ends != [len(model.inputs), len(model.outputs)]:
        return False
    outputs = zip(golden.outputs, model.outputs, strict=True)
    return all(
        each.fits(tensor) for each, tensor in zip(golden.inputs, model.inputs, strict=True)
    ) and all(
        each.elements == tensor.elements for each, tensor in outputs if model.knows_shape(tensor)
    )


def _replayed(
    verified: _VerifiedFile,
    device: Device,
    threads: int,
    on_progress: Progress,
) -> Verification:
    file = verified.file
    label = file.label

    def sending(done: int, total: int) -> None:
        on_progress(f"sending {label}", done, total)

    place = device.place(file.path, sending)
    on_progress(f"verifying {label}", 0, 0)
    with named_errors(label), crash_explained(), device.start(f"running {label}") as session:
        loaded = session.load(place, threads, call=ModelCall(file.model))
        tolerance = tolerance_of(file.model.scheme)
        outputs = compared_outputs(verified.golden, file.model)
        samples = tuple(
            compared
            for call in verified.golden.calls
            for compared in _compared(call, verified, session, tolerance, outputs)
        )
        host = session.facts()
    return _verification(verified, device, threads, loaded, host, samples, tolerance)


def compared_outputs(golden: GoldenSample, model: TfliteModel) -> tuple[ComparedAnswers, ...]:
    """Return how the answers of each output of a file are compared with its golden sample.

    Args:
        golden: The sample, whose ends are those of the file.
        model: The file's structure.
    """
    ends = zip(golden.outputs, outputs_of_file(model), model.outputs, strict=True)
    return tuple(
        ComparedAnswers(
            judged.name,
            judged.kind.value,
            output,
            golden.largest(number),
            holds_indices=tensor.dtype in INDEX_TYPES and not tensor.scale,
        )
        for number, (output, judged, tensor) in enumerate(ends)
    )


def _compared(
    call: GoldenCall,
    verified: _VerifiedFile,
    session: RunnerSession,
    tolerance: AnswerTolerance,
    outputs: Sequence[ComparedAnswers],
) -> Iterator[GoldenComparison]:
    model = verified.file.model
    tensors = tensors_of_call(verified.golden.inputs, call.pattern, call.seed, model)
    if tuple(map(sha256_of_array, tensors)) != call.inputs_sha256:
        raise InputError(
            f"the input {call.pattern!r} of its golden sample is not the one that was used when "
            "the file was made: the sample was changed"
        )
    answered = run_model(session, tensors, model)
    for answer, values, output in zip(call.answers, answered, outputs, strict=True):
        if values.size != output.golden.elements:
            raise InputError(
                f"its output {output.name!r} has {values.size} values here, and had "
                f"{output.golden.elements} when the file was made"
            )
        yield compare_answers(call.pattern, answer, values, tolerance, output)


def _verification(
    verified: _VerifiedFile,
    device: Device,
    threads: int,
    loaded: ModelLoaded,
    host: DeviceFacts,
    samples: tuple[GoldenComparison, ...],
    tolerance: AnswerTolerance,
) -> Verification:
    return Verification(
        path=verified.file.path,
        sha256=verified.file.sha256,
        verdict=max((sample.verdict for sample in samples), key=VERDICTS.index),
        samples=samples,
        tolerance=tolerance,
        device=device.name,
        architecture=host.architecture,
        bits=host.bits,
        runtime=loaded.runtime,
        runtime_version=loaded.runtime_version,
        threads=threads,
        made=verified.golden.made,
        provenance=verified.golden.provenance,
    )
