"""What a finished conversion says of its file."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgecnn.core.wording import spoken
from edgecnn.quantize.budget.verdict import BudgetOutcome
from edgecnn.quantize.recovery.proof import Proof
from edgecnn.small_targets.target import TargetProof


@dataclass(frozen=True)
class Conversion:
    """One ``.tflite`` file that was made and run once.

    Args:
        path: Where the file is.
        source: The name or path that the file was converted from.
        scheme: The file's quantisation scheme.
        bytes: Size of the file.
        sha256: SHA-256 of the file.
        input_shape: Shape of the input, with the batch of 1.
        input_dtype: ``"uint8"``, ``"float32"`` or ``"int8"``.
        output_shape: Shape of the output, with the batch of 1.
        output_dtype: ``"float32"``, ``"int8"`` or ``"uint8"``.
        operators: Number of ops of each kind, by its name.
        ops_by_dtype: Number of ops by the dtype of their result.
        seconds: How long making this file took, calibration included.
        phase_seconds: Seconds of the phases of the whole call so far, TensorFlow's import included.
        input: The InputSpec in the file (plain values), or None where it is not known.
        weights: Where the weights are from: ``"random"``, ``"imagenet"``, a file, or ``"own"``.
        calibration_images: How many images gave the ranges; 0 where none are needed.
        proof: How near the file's answers are to the float file's on images that nothing was
            fitted to. None without images.
        budget_outcome: What keeping within ``max_drop`` took. None without a budget.
        latency_over_float32: The file's latency over the float32 file's, here and on one thread, as
            rough as it may be to tell which is slower; None for float32 and float16, where a large
            float32 file would have to be made to compare with, and where the machine is too noisy
            or the files are too slow for an interval.
        latency_over_float32_low: Lower end of that ratio's 99 % interval.
        latency_over_float32_high: Upper end of that ratio's 99 % interval.
        warnings: What a user should know, one line each.
        labels: Where the labels in the file are from, None if it has none.
        images: How images come to the input's size, and why so, in plain words; None where nothing
            is known of the input.
        preprocessing: What the model does to pixels by itself, and what it takes therefore; None
            where it does nothing, or nothing that can be seen.
        answers: What the model answers, and what says so; None for probabilities of classes, and
            where a warning tells of several readings.
        versions: Versions of edgecnn, TensorFlow, Keras and the runtime.
        converter_peak_rss_bytes: Peak memory of the conversion process, where known.
        target_proof: What the tool of the microcontroller or accelerator says of the file that is
            made for it; None without ``target``.
    """

    path: Path
    source: str
    scheme: str
    bytes: int
    sha256: str
    input_shape: tuple[int, ...]
    input_dtype: str
    output_shape: tuple[int, ...]
    output_dtype: str
    operators: dict[str, int]
    ops_by_dtype: dict[str, int]
    seconds: float
    phase_seconds: dict[str, float]
    input: dict[str, Any] | None
    weights: str
    calibration_images: int
    proof: Proof | None
    budget_outcome: BudgetOutcome | None
    latency_over_float32: float | None
    latency_over_float32_low: float | None
    latency_over_float32_high: float | None
    warnings: tuple[str, ...]
    versions: dict[str, str]
    labels: str | None = None
    images: str | None = None
    preprocessing: str | None = None
    answers: str | None = None
    converter_peak_rss_bytes: int | None = None
    target_proof: TargetProof | None = None

    def __post_init__(self) -> None:
        """Put what a user should know into the language of the caller."""
        object.__setattr__(self, "warnings", tuple(map(spoken, self.warnings)))
        object.__setattr__(self, "images", None if self.images is None else spoken(self.images))

    @property
    def fidelity(self) -> dict[str, Any] | None:
        """Fields of ``proof`` as plain values, the key ``"fidelity"`` of the JSON."""
        return None if self.proof is None else self.proof.to_dict()

    @property
    def budget(self) -> dict[str, Any] | None:
        """Fields of ``budget_outcome`` as plain values, the key ``"budget"`` of the JSON."""
        return None if self.budget_outcome is None else self.budget_outcome.to_dict()

    @property
    def target(self) -> dict[str, Any] | None:
        """Fields of ``target_proof`` as plain values, the key ``"target"`` of the JSON."""
        return None if self.target_proof is None else self.target_proof.to_dict()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        names = [_JSON_KEYS.get(field.name, field.name) for field in dataclasses.fields(self)]
        return {**{name: getattr(self, name) for name in names}, "path": str(self.path)}


_JSON_KEYS = {"proof": "fidelity", "budget_outcome": "budget", "target_proof": "target"}
"""Field -> its key in the JSON, where the two differ; a property of that name has the values."""
