"""Targets of a bench: a ``.tflite`` file, or an architecture that is converted first."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from edgecnn.core.errors import InputError
from edgecnn.core.files import cache_folder, exists, first_bytes, quoted, sha256_of
from edgecnn.core.progress import Progress
from edgecnn.core.version import __version__
from edgecnn.data.geometry import GeometryOptions
from edgecnn.data.preprocessing import NO_GEOMETRY_GIVEN
from edgecnn.models.build import input_spec
from edgecnn.models.build_options import BuildOptions
from edgecnn.tflite.calls import NO_CALL_OPTIONS, CallOptions
from edgecnn.tflite.file import TfliteFile
from edgecnn.tflite.mapping import TFLITE_IDENTIFIER
from edgecnn.tflite.schemes import Scheme, parse_schemes

DEFAULT_SCHEME = "int8"


@dataclass(frozen=True)
class ConversionOptions:
    """How an architecture that is to be measured becomes a file.

    Args:
        quantize: Names of schemes; None for int8.
        calibrate: Representative images for integer schemes.
        build: How the architecture is built.
        geometry: How images come to the model's size, where the user said it.
    """

    quantize: str | Sequence[str] | None = None
    calibrate: str | None = None
    build: BuildOptions = field(default_factory=BuildOptions)
    geometry: GeometryOptions = NO_GEOMETRY_GIVEN

    @property
    def schemes(self) -> list[Scheme]:
        """The schemes to convert to."""
        return parse_schemes(self.quantize or DEFAULT_SCHEME)

    def refuse_for_files(self) -> None:
        """Raise InputError if any option was given that no file needs: only files are measured."""
        given = [f"--{name}" for name in ("quantize", "calibrate") if getattr(self, name)]
        given += [option for option in self.build.given_options() if option != "--size"]
        if given:
            raise InputError(
                f"{' and '.join(given)} goes with the name of an architecture, and only .tflite "
                "files were given"
            )


@dataclass(frozen=True)
class Target:
    """One thing to measure.

    Args:
        label: Path of the file or name of the architecture, as the user gave it.
        scheme: Scheme that an architecture is converted to; None for a file.
        options: How an architecture is built and converted.
        call: How a file is called.
        is_among_names: Whether there are names of architectures, too, which take the size first.
    """

    label: str
    scheme: Scheme | None = None
    options: ConversionOptions = ConversionOptions()
    call: CallOptions = NO_CALL_OPTIONS
    is_among_names: bool = False

    def call_options(self, file: TfliteFile) -> CallOptions:
        """Return how the target's file is to be called."""
        return self.call.where_needed(file.model) if self.is_among_names else self.call

    def file(self, on_progress: Progress) -> Path:
        """Return the path of the ``.tflite`` file; an architecture is converted unless it was."""
        if self.scheme is None:
            return Path(self.label)
        path = self._cached_path()
        # Calibration data may have changed: a file that depends on them is always made anew.
        if not path.exists() or self.options.calibrate is not None:
            self._convert(path, on_progress)
        return path

    def _convert(self, path: Path, on_progress: Progress) -> None:
        from edgecnn.quantize.convert import convert

        assert self.scheme is not None
        convert(
            self.label,
            quantize=self.scheme.name,
            output=path,
            calibrate=self.options.calibrate,
            build=self.options.build,
            on_progress=on_progress,
            **asdict(self.options.geometry),
        )

    def _cached_path(self) -> Path:
        assert self.scheme is not None
        build = self.options.build
        values = {
            **asdict(build),
            # The file states how images come to its size, whose defaults may change.
            "input": input_spec(self.label, build.size, build.weights).to_dict(),
            **asdict(self.options.geometry),
            "quantize": self.scheme.name,
            "calibrate": self.options.calibrate,
            "weights": _identity(build.weights),
            "name": self.label,
            "edgecnn": __version__,
        }
        digest = hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
        return cache_folder("models") / f"{self.label}-{self.scheme.name}-{digest[:16]}.tflite"


def find_targets(
    models: str | Path | Sequence[str | Path],
    options: ConversionOptions,
    call: CallOptions = NO_CALL_OPTIONS,
) -> list[Target]:
    """Return the targets that models stand for, checked before any work is done.

    Args:
        models: Paths of ``.tflite`` files or names of architectures, one or several.
        options: How architectures are built and converted.
        call: How files are called; the size of architectures is for files of any size, too.

    Raises:
        InputError: No such file or name, a file that is no ``.tflite``, an unknown scheme, or
            options that fit none of the models.

    Example:
        >>> [t.label for t in find_targets("model.tflite", ConversionOptions())]
        ['model.tflite']
    """
    names = [models] if isinstance(models, str | os.PathLike) else list(models)
    if not names:
        raise InputError("no model to measure: give .tflite files or names of architectures")
    schemes = options.schemes
    labels = {str(model): _is_file(str(model)) for model in names}
    if all(labels.values()):
        options.refuse_for_files()
    targets: list[Target] = []
    for label in map(str, names):
        if labels[label]:
            targets.append(Target(label, call=call, is_among_names=not all(labels.values())))
        else:
            targets += [Target(label, scheme, options) for scheme in schemes]
    return targets


def _is_file(label: str) -> bool:
    """Return whether a label is a ``.tflite`` file; False for the name of an architecture."""
    path = Path(label)
    if exists(path) and not path.is_dir():
        _check_header(path)
        return True
    from edgecnn.models.registry import get_spec

    try:
        if path.suffix or os.sep in label or "/" in label:
            raise InputError(f"{quoted(label)} does not exist")
        get_spec(label)
    except InputError as error:
        if path.is_dir():
            text = f"{quoted(label)} is a folder, where a .tflite file is needed"
            raise InputError(text) from error
        raise
    return False


def _check_header(path: Path) -> None:
    head = first_bytes(path)
    if path.suffix in (".keras", ".h5"):
        raise InputError(
            f"{quoted(path)} is a Keras file: make a .tflite of it first, with edgecnn convert"
        )
    if head[4:8] != TFLITE_IDENTIFIER:
        raise InputError(f"{quoted(path)} is not a .tflite file (its header is missing)")


def _identity(weights: str | None) -> str | None:
    """Return a text that differs for different weights: a file's hash, or else the name."""
    if weights is not None and Path(weights).is_file():
        return sha256_of(Path(weights))
    return weights
