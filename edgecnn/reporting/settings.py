"""What may be compared: rows of one device, runtime, thread count and data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgecnn.core.text import quoted_if_needed
from edgecnn.reporting.rows import Row

MACHINE = ("device", "cpu", "architecture", "runtime", "runtime_version")
"""Fields of a record by which two machines, or two runtimes on one, are different."""


@dataclass(frozen=True)
class Setting:
    """Rows that may be compared with each other.

    Args:
        machine: Where they were measured, one line, different for each machine and runtime.
        threads: Of the runtime.
        data: What accuracy was measured on; None where it was not.
        rows: The rows.
    """

    machine: str
    threads: int
    data: str | None
    rows: tuple[Row, ...]

    @property
    def is_emulated(self) -> bool:
        """Whether its times are an emulator's."""
        return bool(self.rows[0].record.emulated)


def find_settings(rows: Sequence[Row]) -> list[Setting]:
    """Return the settings that rows were measured in: first the one that says most.

    A row without accuracy stands beside those with it, on whatever data, unless the same file has
    a row with it there.

    Example:
        >>> [(one.machine, one.threads, one.data) for one in find_settings(rows)]
        [('desktop', 1, '364 images of digits')]
    """
    names = machine_names(rows)
    found = []
    for place in dict.fromkeys((_machine(row), row.record.threads) for row in rows):
        here = [row for row in rows if (_machine(row), row.record.threads) == place]
        known = dict.fromkeys(data_name(row) for row in here if data_name(row))
        found += [
            Setting(names[place[0]], place[1], data, _with_data(here, data))
            for data in known or [None]
        ]
    return sorted(found, key=_least_first)


def data_name(row: Row) -> str | None:
    """Return what a row's accuracy was measured on; sets of another size are other data."""
    if row.record.data is None:
        return None
    return f"{row.record.images or 0:,} images of {quoted_if_needed(row.record.data)}"


def machine_names(rows: Sequence[Row]) -> dict[tuple[object, ...], str]:
    """Name each machine by its device, and by what else it takes to tell it from the others."""
    machines = list(dict.fromkeys(map(_machine, rows)))
    names = {}
    for machine in machines:
        alike = [other for other in machines if other[0] == machine[0]]
        told = [
            str(value)
            for number, value in enumerate(machine[:-1])
            if number and len({other[number] for other in alike}) > 1
        ]
        emulated = ["emulated"] if machine[-1] else []
        names[machine] = quoted_if_needed(", ".join([str(machine[0]), *told, *emulated]))
    return names


def _machine(row: Row) -> tuple[object, ...]:
    return *(getattr(row.record, name) for name in MACHINE), bool(row.record.emulated)


def _with_data(rows: Sequence[Row], data: str | None) -> tuple[Row, ...]:
    judged = [row for row in rows if data_name(row) == data]
    files = {row.record.model_sha256 for row in judged}
    others = [r for r in rows if data_name(r) is None and r.record.model_sha256 not in files]
    kept = {row.id for row in (*judged, *(others if data else ()))}
    return tuple(row for row in rows if row.id in kept)


def _least_first(setting: Setting) -> tuple[bool, int, int]:
    judged = sum(row.top1_percent is not None for row in setting.rows)
    return setting.is_emulated, -judged, -len(setting.rows)
