"""How long a file takes on a kind of CPU, estimated from its ops and a table of their costs.

A decision about which layers stay in float32 must not depend on the machine that converts: the same
inputs have to give the same bytes on a busy laptop and on an idle server. So a table of costs for a
kind of CPU decides. Each table has four numbers: the time of a multiply-add and of writing one
value of a result, each in float32 and in int8. ``docs/target-cpu.md`` says where the
numbers come from and how well they predict whole networks.
"""

from __future__ import annotations

from dataclasses import dataclass

from edgecnn.core.errors import InputError
from edgecnn.tflite.cost import multiply_adds
from edgecnn.tflite.numbers import INT8, numbers_of
from edgecnn.tflite.reading import TfliteModel
from edgecnn.tflite.structure import Operator


@dataclass(frozen=True)
class NumberCost:
    """What computing with one type of numbers costs on a CPU.

    Args:
        mac_ns: Nanoseconds of a multiply-add.
        value_ns: Nanoseconds of writing one value of a result.
    """

    mac_ns: float
    value_ns: float

    def milliseconds(self, macs: int, values: int) -> float:
        """Return the time of an op.

        Args:
            macs: Multiply-adds of the op.
            values: Number of values in the op's result.

        Example:
            >>> NumberCost(mac_ns=0.1, value_ns=3.0).milliseconds(10_000_000, 1_000_000)
            4.0
        """
        return (macs * self.mac_ns + values * self.value_ns) / 1e6


@dataclass(frozen=True)
class TargetCpu:
    """A kind of CPU that files are made for.

    Args:
        name: Name of the kind of CPU, as ``--target-cpu`` takes it.
        float32: Cost of computing in float32 on the CPU.
        int8: Cost of computing in int8 on the CPU.
    """

    name: str
    float32: NumberCost
    int8: NumberCost

    def milliseconds(self, model: TfliteModel) -> float:
        """Estimate the time of one inference.

        A conversion between float32 and int8 costs the writing of its result. Only ratios of such
        estimates mean something: clock and threads are those of the machine that the table is from.

        Args:
            model: The file's structure.

        Example:
            >>> cpu = target_cpu("arm64")
            >>> int8, float32 = (read_model(f"v2_{name}.tflite") for name in ("int8", "float32"))
            >>> round(cpu.milliseconds(float32) / cpu.milliseconds(int8), 1)
            2.1
        """
        return sum(self._op_milliseconds(op) for op in model.operators)

    def _op_milliseconds(self, op: Operator) -> float:
        if op.traits.reshapes or not op.outputs:
            return 0.0
        cost = self.int8 if computes_in_int8(op) else self.float32
        return cost.milliseconds(multiply_adds(op), op.outputs[0].elements)


def computes_in_int8(op: Operator) -> bool:
    """Whether an op's result is of 8-bit integers, signed or not."""
    numbers = numbers_of(op.dtype)
    return numbers.is_integer and numbers.bits == INT8.bits


DEFAULT_TARGET_CPU = "arm64"
"""The CPU of a Raspberry Pi 4: phones and boards are nearer to it than to a desktop."""

TARGET_CPUS = {
    cpu.name: cpu
    for cpu in (
        TargetCpu("arm64", NumberCost(0.0730, 3.550), NumberCost(0.0267, 2.074)),
        TargetCpu("x86-vnni", NumberCost(0.0167, 0.524), NumberCost(0.0037, 0.610)),
        TargetCpu("x86-avx2", NumberCost(0.0211, 0.601), NumberCost(0.0191, 0.784)),
    )
}
"""Tables by name; ``benchmarks/cost_tables.py`` makes them."""


def target_cpu(name: str) -> TargetCpu:
    """Return the table of a kind of CPU.

    Args:
        name: ``"arm64"``, ``"x86-vnni"`` or ``"x86-avx2"``.

    Raises:
        InputError: There is no table of that name.
    """
    if name not in TARGET_CPUS:
        raise InputError(f"unknown target CPU {name!r}: choose {', '.join(TARGET_CPUS)}")
    return TARGET_CPUS[name]
