"""Values that the fields of a record cannot have, by what their declarations and names say."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from edgecnn.records.fields import Field
from edgecnn.records.record import FIELDS

OF_NO_FIELD = ([[]], {"a": 1}, {})
OF_OTHER_TYPES: dict[type, tuple[Any, ...]] = {
    str: (1, 1.5, True),
    int: ("1", 1.5, True, math.nan, 2**63, -(2**63) - 1, 10**400),
    float: ("1", "", True, math.nan, math.inf, -math.inf, 10**400),
    bool: (0, 1, 1.0, "true"),
}
OF_OTHER_UNITS: dict[str, tuple[Any, ...]] = {
    "_ms": (-0.001, 1e-300, 1e300), "_mhz": (-1.0,), "_bytes": (-1,), "_w": (-1.0,), "_mj": (-1.0,),
    "_sha256": ("", "abc", "g" * 64), "_p": (-0.1, 1.5),
}  # fmt: skip
SHARES = ("top1", "top5", "agreement", "against_top1", "calibration_error")
OUT_OF_RANGE: dict[str, tuple[Any, ...]] = {
    "measured_at": ("", "yesterday", "2026-13-01", "0001-01-01T00:00+14:00"),
    "threads": (0, -1), "runs": (0, -1), "images": (0, -1), "warmup": (-1,), "cores": (0,),
    "usable_cpus": (0.0, -1.0), "userland_bits": (16, 0), "verdict": ("", "fine"),
    "input_shape": ([0], [1, -4], [1, 1.5], "1x4", 4), "turn_runs": ([-1],),
    "latency_samples_ms": ([1.0, -1.0], [math.nan], [math.inf], ["1"], [None], "1", 3),
    "warnings": (["a"], [{"code": "a", "message": "b"}], [{"code": 1}], {"code": "a"}),
    "schema_version": (0, 2, 999, "one", []), "seconds": (-1.0,), "images_seen": (-1,),
}  # fmt: skip


def wrong_values(field: Field) -> Iterator[Any]:
    """Yield values as JSON has them that a field cannot have."""
    yield from OF_NO_FIELD
    if not field.is_optional:
        yield None
    if not field.is_tuple:
        yield from OF_OTHER_TYPES[field.kind]
        yield []
        for unit, values in OF_OTHER_UNITS.items():
            if field.name.endswith(unit):
                yield from values
        if field.name.startswith(SHARES) and field.name.endswith("_percent"):
            yield from (-0.5, 100.5)
    yield from OUT_OF_RANGE.get(field.name, ())


def wrong_fields() -> Iterator[tuple[str, Any]]:
    """Yield each field's name with each value that it cannot have."""
    for name, field in FIELDS.items():
        for value in wrong_values(field):
            yield name, value
