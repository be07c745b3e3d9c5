"""The steps of accuracy recovery by name: each can be left out, and its gain measured.

``benchmarks/fidelity.py --without STEP`` and ``edgecnn convert --without STEP`` leave one out;
``docs/convert.md`` has the table of what each gains on six networks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgecnn.core.errors import InputError


@dataclass(frozen=True)
class RecoveryStep:
    """A step of accuracy recovery.

    Args:
        name: What ``--without`` calls it.
        changes: What it changes.
        source: The paper that it follows; empty where it is edgecnn's own.
    """

    name: str
    changes: str
    source: str = ""


OUTLIER_IMAGES = RecoveryStep(
    "outlier-images",
    "the calibration images: those that make activations more than three times as large as nine of "
    "ten others do, in many layers, give no range",
)
FLOAT_FRONT = RecoveryStep(
    "float-front",
    "the first few layers stay in float32 where their rounding alone leaves less than 27 dB",
)
CHANNEL_GROUPS = RecoveryStep(
    "channel-groups",
    "the channels of tensors that residual additions tie are brought to one range",
    "Nagel et al. 2019, Data-Free Quantization Through Weight Equalization and Bias Correction",
)
CLIPPING = RecoveryStep(
    "clipping",
    "the range of a result without ReLU is that of the least mean squared error, not that of its "
    "extremes",
)
DEAD_CHANNELS = RecoveryStep(
    "dead-channels",
    "channels that are always zero carry the most sensitive ones a second time, half a step apart",
    "Zhao et al. 2019, Improving Neural Network Quantization without Retraining using Outlier "
    "Channel Splitting",
)
JOINT_ROUNDING = RecoveryStep(
    "joint-rounding",
    "the weights of a layer are rounded together, so that their errors cancel on its inputs",
    "Frantar et al. 2022, GPTQ; Nagel et al. 2020, Up or Down? Adaptive Rounding",
)
BIAS_CORRECTION = RecoveryStep(
    "bias-correction",
    "the mean of each channel is made the float model's, layer by layer",
    "Nagel et al. 2019, Data-Free Quantization Through Weight Equalization and Bias Correction",
)
FLOAT_SOFTMAX = RecoveryStep(
    "float-softmax", "softmax leaves the integers, whose 256 levels make ties among many classes"
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

Without = frozenset[RecoveryStep]
"""Steps that are left out."""


def steps_left_out(names: Sequence[str]) -> Without:
    """Return the steps that are to be left out.

    Args:
        names: Names of steps.

    Raises:
        InputError: There is no step of a name.

    Example:
        >>> [step.name for step in steps_left_out(["clipping"])]
        ['clipping']
    """
    for name in names:
        if name not in STEPS:
            raise InputError(f"unknown step {name!r} of recovery: choose {', '.join(STEPS)}")
    return frozenset(STEPS[name] for name in names)
