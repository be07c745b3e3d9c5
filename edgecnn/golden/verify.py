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
from edgecnn.golden.compare import VERDICTS, GoldenComparison, compare_answers, tolerance_of
from edgecnn.golden.replay import input_tensor, run_model
from edgecnn.golden.sample import (
    GOLDEN_FILE,
    GoldenAnswer,
    GoldenSample,
    read_sample,
    sha256_of_array,
)
from edgecnn.model_metadata.described_file import DescribedFile
from edgecnn.runner.ondevice.protocol import ModelLoaded
from edgecnn.runner.session import DeviceFacts, RunnerSession, check_threads
from edgecnn.tflite.calls import ModelCall
from edgecnn.tflite.outputs import takes_image
from edgecnn.tflite.reading import TfliteModel
from edgecnn.tflite.schemes import AnswerTolerance


@dataclass(frozen=True)
class Verification:
    """A file's golden sample, replayed.

    Args:
        path: Path of the file.
        sha256: SHA-256 of the file, in hexadecimal digits.
        verdict: The worst verdict of the answers: ``"identical"`` if every bit is the same,
            ``"close"`` if scores are within ``tolerance`` and the first classes are the same, else
            ``"different"``.
        samples: One comparison for each golden picture.
        tolerance: How far the scores of a close answer may differ.
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
        """Largest difference of any score; None where an answer is not finite."""
        differences = [sample.largest_difference for sample in self.samples]
        finite = [difference for difference in differences if difference is not None]
        return max(finite) if len(finite) == len(differences) else None

    @property
    def same_top1(self) -> int:
        """Number of pictures that have the same first class."""
        return sum(sample.same_top1 for sample in self.samples)

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
    is_of_an_image = len(model.inputs) == 1 and takes_image(model)
    if model.edgecnn is None or (is_of_an_image and len(model.outputs) == 1):
        return "only files that edgecnn convert made since it packs one can be verified"
    ends = [f"{len(model.inputs)} input(s) of numbers"] if not is_of_an_image else []
    ends += [f"{len(model.outputs)} outputs"] if len(model.outputs) > 1 else []
    return f"it holds an image's answer, and this file has {' and '.join(ends)}"


def read_golden(file: DescribedFile) -> GoldenSample:
    """Read the golden sample of a file.

    Raises:
        InputError: The file has no golden sample, or one that is broken or of another model.
    """
    packed, model, label = file.packed_files, file.model, file.label
    if GOLDEN_FILE not in packed:
        raise InputError(f"{label} has no golden sample: {_why_there_is_none(model)}")
    golden = read_sample(packed[GOLDEN_FILE], label)
    ends = [(tensor.dtype, tensor.elements) for tensor in model.inputs]
    shape = (1, *golden.spec.shape)
    described = [
        (golden.input_dtype, golden.spec.height * golden.spec.width * golden.spec.channels)
    ]
    answers = [tensor.elements for tensor in model.outputs]
    if (ends, answers) != (described, [golden.elements]) or model.inputs[0].shape != shape:
        raise InputError(
            f"the golden sample of {label} is another model's: its input is {golden.input_dtype} "
            f"{shape} and its answers have {golden.elements} values"
        )
    return golden


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
        samples = tuple(
            _compared(answer, verified, session, tolerance) for answer in verified.golden.answers
        )
        host = session.facts()
    return _verification(verified, device, threads, loaded, host, samples, tolerance)


def _compared(
    answer: GoldenAnswer,
    verified: _VerifiedFile,
    session: RunnerSession,
    tolerance: AnswerTolerance,
) -> GoldenComparison:
    spec, model = verified.golden.spec, verified.file.model
    tensor = input_tensor(answer.pattern, answer.seed, spec, model.inputs[0])
    if sha256_of_array(tensor) != answer.input_sha256:
        raise InputError(
            f"the input {answer.pattern!r} of its golden sample is not the one that was used when "
            "the file was made: the sample was changed"
        )
    answered = run_model(session, tensor, model.outputs[0])
    return compare_answers(answer, answered, tolerance)


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
