"""The steps of accuracy recovery by name: each can be left out, and its gain measured.

``benchmarks/fidelity.py --without STEP`` and ``edgecnn convert --without STEP`` leave a step out;
``docs/convert.md`` has the table of the steps, in the words that are here, and of each step's gain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgecnn.core.errors import InputError


@dataclass(frozen=True)
class RecoveryStep:
    """A step of accuracy recovery.

    Args:
        name: Name of the step, as ``--without`` takes it.
        changes: What the step changes.
        source: The papers that the step follows, whose titles its module has; empty where the step
            is edgecnn's own.
    """

    name: str
    changes: str
    source: str = ""


OUTLIER_IMAGES = RecoveryStep(
    "outlier-images",
    "the calibration images: those that make activations more than three times as large as nine "
    "of ten others do, in many layers, give no range; one of them widens every step for all",
)
FLOAT_FRONT = RecoveryStep(
    "float-front",
    "the first few layers stay in float32 where their rounding alone leaves less than 27 dB, and "
    "the file is not 2 % larger or, on the CPU that it is for, half as slow again",
)
CHANNEL_GROUPS = RecoveryStep(
    "channel-groups",
    "the channels of tensors that residual additions tie are brought to one range by one factor "
    "each; of small networks and with `full`, kept if nearer",
    "Nagel et al. 2019, DFQ",
)
CLIPPING = RecoveryStep(
    "clipping",
    "the range of a result without ReLU is that of the least squared error, not that of its "
    "extremes",
)
DEAD_CHANNELS = RecoveryStep(
    "dead-channels",
    "channels that are always zero carry the most sensitive ones a second time, half a step "
    "apart: their mean has nine bits",
    "Zhao et al. 2019, OCS",
)
JOINT_ROUNDING = RecoveryStep(
    "joint-rounding",
    "the weights of a layer are rounded together, so that their errors cancel on its real inputs",
    "Frantar et al. 2022, GPTQ; Nagel et al. 2020, AdaRound",
)
BIAS_CORRECTION = RecoveryStep(
    "bias-correction",
    "each channel's mean becomes the float file's, layer by layer, each seeing what the corrected "
    "ones before it make",
    "Nagel et al. 2019, DFQ",
)
FLOAT_SOFTMAX = RecoveryStep(
    "float-softmax",
    "softmax and sigmoid leave the integers: 8 bits between 0 and 1 make ties among many classes; "
    "so does what joins boxes and scores, which would share one scale",
)

STEPS = {
    step.name: step
    for step in (
        OUTLIER_IMAGES,
        FLOAT_FRONT,
        CHANNEL_GROUPS,
        CLIPPING,
        DEAD_CHANNELS,
        JOINT_ROUNDING,
        BIAS_CORRECTION,
        FLOAT_SOFTMAX,
    )
}
"""All steps by name, in the order in which they are taken."""

StepsLeftOut = frozenset[RecoveryStep]
"""Steps that are left out."""


def steps_left_out(names: Sequence[str]) -> StepsLeftOut:
    """Return the steps that are to be left out.

    Args:
        names: Names of steps.

    Raises:
        InputError: No step has one of the names.

    Example:
        >>> [step.name for step in steps_left_out(["clipping"])]
        ['clipping']
    """
    for name in names:
        if name not in STEPS:
            raise InputError(f"unknown step {name!r} of recovery: choose {', '.join(STEPS)}")
    return frozenset(STEPS[name] for name in names)
