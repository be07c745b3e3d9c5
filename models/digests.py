"""SHA-256 of published files of weights whose publisher pins no digest, by the files' names.

``.ci/pin_weights.py`` downloads these files and writes this table.
"""

from __future__ import annotations

PINNED_SHA256: dict[str, str] = {}
