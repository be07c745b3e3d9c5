"""Conversions that several tests ask for: the first makes them, in whichever process it runs."""

from __future__ import annotations

import dataclasses
import pickle
from collections.abc import Callable
from pathlib import Path

from edgecnn.quantize.result import Conversion

from .at_hand import made_once

RESULTS = "results.pickle"


def converted_once(
    run_folder: Path, name: str, convert: Callable[[Path], list[Conversion]]
) -> dict[str, Conversion]:
    """Return what ``convert`` makes of a folder, by scheme; only the first call of a name runs it.

    The files are read by other tests too: none may change them.
    """
    with made_once(f"conversion-{name}", name, run_folder) as (made, partial):
        if partial is not None:
            results = convert(partial)
            placed = [dataclasses.replace(one, path=made / one.path.name) for one in results]
            (partial / RESULTS).write_bytes(pickle.dumps(placed))
    found: list[Conversion] = pickle.loads((made / RESULTS).read_bytes())
    return {one.scheme: one for one in found}
