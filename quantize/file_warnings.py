"""What a user should know of a file that was made, one line each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edgecnn.quantize.budget.verdict import budget_warnings
from edgecnn.quantize.messages import FileWritten
from edgecnn.quantize.recovery.advice import fidelity_warnings
from edgecnn.quantize.request import Request
from edgecnn.quantize.timing.latency_here import is_clearly_slower
from edgecnn.small_targets.target import TargetProof
from edgecnn.tflite.output_kinds import JudgedOutput, OutputKind
from edgecnn.tflite.schemes import Scheme


def file_warnings(
    request: Request,
    scheme: Scheme,
    written: FileWritten,
    outputs: Sequence[JudgedOutput],
    proved: TargetProof | None,
) -> Iterator[str]:
    """Yield what is to be told of a file: lost accuracy, size, time, and doubtful readings.

    Args:
        request: What was asked for.
        scheme: The file's scheme.
        written: What the child says of the file.
        outputs: What each output of the model is.
        proved: What the tool of the file's target says; None without a target.
    """
    tries = written.budget.tries if written.budget else None
    yield from fidelity_warnings(scheme, written.proof, tries, all_int8=request.all_int8)
    yield from budget_warnings(written.budget)
    if written.smaller_float32_bytes is not None:
        yield (
            f"it is larger than the float32 file ({written.smaller_float32_bytes:,} bytes): "
            "with so few weights, scales and ops that convert numbers take more than is saved"
        )
    yield from proved.notes if proved else ()
    ratio = written.latency_over_float32
    if request.target is None and ratio is not None and is_clearly_slower(ratio):
        times = f"on this machine it takes {ratio.text(1)} the float32 file's time"
        yield f"{times}: {scheme.if_slow}"
    yield from (_not_known(output) for output in outputs if not output.is_sure)


def _not_known(output: JudgedOutput) -> str:
    """Say that an output has several readings, and which was taken."""
    taken = {OutputKind.UNKNOWN: "taken as numbers of unknown meaning"}
    how = taken.get(output.kind, f"taken for {output.kind.value}")
    return f"the output {output.name!r} is {how} ({output.because}): --task KIND says what it is"
