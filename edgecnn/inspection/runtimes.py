"""The oldest runtime that takes a file: from the versions of its ops, and from what it declares."""

from __future__ import annotations

import re
from dataclasses import dataclass

from edgecnn.inspection.op_versions import INT16_VERSIONS, RELEASES
from edgecnn.tflite.reading import TfliteModel
from edgecnn.tflite.structure import OperatorCode

DECLARATION_BUFFER = "min_runtime_version"
"""Name of the metadata buffer in which converters write the oldest runtime."""

DECLARATION_BYTES = 16
"""Length of the declaration: a text, and zeros behind it."""

Release = tuple[int, int, int]


@dataclass(frozen=True)
class OldestRuntime:
    """The oldest release of TensorFlow Lite's runtime that takes a file.

    Args:
        version: The oldest release that takes the file, such as ``"2.17.0"``; None where neither
            its ops nor a declaration tell it.
        because: The op that needs this release, such as ``"FULLY_CONNECTED version 12"``; None
            where only the declaration is known.
        declared: The release that the file declares; edits after its conversion may have made the
            declaration false.
        unknown: Ops whose first release is not known: versions past the table, and custom ops.
    """

    version: str | None
    because: str | None
    declared: str | None
    unknown: tuple[str, ...]

    def is_newer_than(self, release: str) -> bool:
        """Say whether a runtime of this release is too old; False where it is not known."""
        return self.version is not None and parse_release(self.version) > parse_release(release)


def oldest_runtime(model: TfliteModel) -> OldestRuntime:
    """Find the oldest runtime that takes a file.

    The ops' versions decide; the declaration counts where it is later, or where no op's release is
    known.

    Example:
        >>> oldest_runtime(read_model("mobilenet_v2_dynamic.tflite")).because
        'FULLY_CONNECTED version 12'
    """
    releases, unknown = [], []
    for code in _needed(model):
        label = f"{code.name} version {code.version}"
        release = _first_release(code)
        if release is None:
            unknown.append(code.name if code.is_custom else label)
        else:
            releases.append((release, label))
    newest, because = max(releases, default=((0, 0, 0), None))
    declared = _declared(model)
    if declared is not None and parse_release(declared) > newest:
        newest, because = parse_release(declared), None
    version = ".".join(map(str, newest)) if any(newest) else None
    return OldestRuntime(version, because, declared, tuple(dict.fromkeys(unknown)))


def runtime_declaration(model: TfliteModel) -> dict[str, bytes]:
    """Return the metadata buffer that declares the oldest runtime; empty if it is not known.

    Converters declare what their own ops need; later changes to a file may need a newer runtime.
    """
    version = oldest_runtime(model).version
    if version is None:
        return {}
    return {DECLARATION_BUFFER: version.encode().ljust(DECLARATION_BYTES, b"\0")}


def parse_release(text: str) -> Release:
    """Return a release as numbers that compare: ``"2.14"`` is (2, 14, 0)."""
    numbers = [int(part) for part in text.split(".")]
    return (*numbers, 0, 0, 0)[:3]  # type: ignore[return-value]


def _needed(model: TfliteModel) -> list[OperatorCode]:
    """List the ops' versions as declared, and as int16 activations need them."""
    versions = {code.name: code.version for code in model.operator_codes}
    int16 = {op.name for op in model.operators if op.dtype == "int16"} & INT16_VERSIONS.keys()
    raised = [OperatorCode(name, INT16_VERSIONS[name]) for name in sorted(int16)]
    return [*model.operator_codes, *(c for c in raised if c.version > versions.get(c.name, 0))]


def _first_release(code: OperatorCode) -> Release | None:
    releases = () if code.is_custom else RELEASES.get(code.name, ())
    if not 1 <= code.version <= len(releases) or releases[code.version - 1] == "-":
        return None
    return parse_release(releases[code.version - 1])


def _declared(model: TfliteModel) -> str | None:
    text = model.metadata.get(DECLARATION_BUFFER, b"").rstrip(b"\0").decode(errors="replace")
    return text if re.fullmatch(r"\d{1,4}(\.\d{1,4}){1,2}", text, re.ASCII) else None
