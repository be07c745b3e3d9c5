"""Settings: groups of rows that may be compared, as their conditions and data are the same."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from edgecnn.records.conditions import Conditions, LabelledData
from edgecnn.records.leading import LeadingFigure
from edgecnn.reporting.findings.rows import ReportRow

MACHINE = ("cpu", "architecture", "runtime", "runtime_version")
"""Conditions that are part of a machine's name where its device has several values of them."""


@dataclass(frozen=True)
class Setting:
    """Rows that may be compared with each other: of equal conditions, data, figure of accuracy.

    Args:
        conditions: Conditions that all rows were measured under.
        machine: Name of the machine, one line, different for each machine and runtime.
        data: Data that accuracy was measured on; None where no accuracy was measured.
        rows: Rows with these conditions, on this data or without accuracy.
    """

    conditions: Conditions
    machine: str
    data: LabelledData | None
    rows: tuple[ReportRow, ...]

    @property
    def leading(self) -> LeadingFigure | None:
        """The figure by which the rows' accuracy is compared; None where none has one."""
        return next((row.leading for row in self.rows if row.accuracy is not None), None)

    @property
    def figure_name(self) -> str:
        """Name of :attr:`leading`; empty where no row has an accuracy."""
        return "" if self.leading is None else self.leading.name

    @property
    def is_emulated(self) -> bool:
        """Whether the setting's times are an emulator's."""
        return self.conditions.emulated

    @property
    def threads_text(self) -> str:
        """Threads, chosen CPUs and protocol: ``"2"``, ``"1 on CPU 0, mlperf-single-stream"``."""
        return f"{self.conditions.threads}{self.conditions.restrictions}"

    @property
    def text(self) -> str:
        """One line that no other setting has: ``"desktop, 1 thread, 364 images of digits"``."""
        data = "" if self.data is None else f", {self.data}"
        return f"{self.machine}, {self.conditions.setting}{data}"


def find_settings(rows: Sequence[ReportRow]) -> list[Setting]:
    """Return the settings that rows were measured in, the one with most accuracies first.

    A row without accuracy is in the settings of all data, except where the same file has a row with
    accuracy on the data.

    Args:
        rows: The rows, at least one.

    Example:
        >>> [one.text for one in find_settings(rows)]
        ['desktop, 1 thread, 364 images of digits']
    """
    groups: dict[Conditions, list[ReportRow]] = {}
    for row in rows:
        groups.setdefault(Conditions.of(row.record), []).append(row)
    names = machine_names(groups)
    settings = []
    for conditions, here in groups.items():
        every = dict.fromkeys(LabelledData.of(row.record) for row in here)
        known = {data for data in every if data is not None}
        settings += [
            Setting(conditions, names[conditions], data, _with_data(here, data))
            for data in every
            if data in known or not known
        ]
    return sorted(settings, key=_emulated_and_least_last)


def machine_names(every: Collection[Conditions]) -> dict[Conditions, str]:
    """Return names of machines: the device, and further conditions if these tell machines apart.

    Args:
        every: All conditions that occur.
    """
    names = {}
    for conditions in every:
        alike = [other for other in every if other.device == conditions.device]
        differing = [
            str(getattr(conditions, name))
            for name in MACHINE
            if len({getattr(other, name) for other in alike}) > 1
        ]
        emulated = ["emulated"] if conditions.emulated else []
        names[conditions] = ", ".join([conditions.device, *differing, *emulated])
    return names


def _with_data(rows: Sequence[ReportRow], data: LabelledData | None) -> tuple[ReportRow, ...]:
    data_of = {row.id: LabelledData.of(row.record) for row in rows}
    files = {row.record.model_sha256 for row in rows if data_of[row.id] == data}
    return tuple(
        row
        for row in rows
        if data_of[row.id] == data
        or (data_of[row.id] is None and row.record.model_sha256 not in files)
    )


def _emulated_and_least_last(setting: Setting) -> tuple[bool, int, int]:
    judged = sum(row.accuracy is not None for row in setting.rows)
    return setting.is_emulated, -judged, -len(setting.rows)
