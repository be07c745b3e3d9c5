"""A registered architecture, which is built with the options that the user gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted, sha256_of
from edgecnn.data.inputspec import InputSpec
from edgecnn.importing.input_format import LoadOptions, NamedModel, Source
from edgecnn.importing.keras_models import KerasFormat
from edgecnn.models.build import build as build_model
from edgecnn.models.build import check_arguments, input_spec
from edgecnn.models.build_options import BuildOptions
from edgecnn.models.checkpoints import cached_path, choose_checkpoint
from edgecnn.models.registry import get_spec


class _ArchitectureFormat(KerasFormat):
    """An architecture by its name; whatever is no path to something is taken for such a name."""

    called = "a registered name"

    def recognizes(self, model: NamedModel) -> bool:
        return not model.exists

    def check(self, model: NamedModel, *, trust: bool) -> None:
        if "/" in model.text or "\\" in model.text or model.path.suffix:
            raise InputError(f"no such file: {quoted(model.text)}")
        get_spec(model.text)

    def keras_model(self, source: Source, options: LoadOptions) -> tuple[Any, list[str]]:
        notes: list[str] = []
        model = build_model(
            source.name,
            **options.build,
            on_progress=options.on_progress,
            on_weights=lambda report: notes.append(str(report)),
        )
        return model, notes

    def stem(self, name: str, options: BuildOptions) -> str:
        parts = [name]
        if options.alpha != 1.0:
            parts.append(f"{options.alpha:g}")
        if options.size:
            parts.append("x".join(str(side) for side in dict.fromkeys(options.size)))
        return "_".join(parts)

    def check_options(self, name: str, options: BuildOptions) -> None:
        check_arguments(name, options)

    def input_spec(self, name: str, options: BuildOptions) -> InputSpec:
        return input_spec(name, options.size, options.weights)

    def classes(self, name: str, options: BuildOptions) -> int:
        return options.classes or get_spec(name).classes

    def weights_origin(self, options: BuildOptions) -> str:
        return "random" if options.weights in (None, "none") else str(options.weights)

    def identity(self, name: str, options: BuildOptions) -> dict[str, Any]:
        arguments = options.arguments()
        arguments.pop("weights", None)
        return {"options": arguments, "weights": self._weights(name, options)}

    def _weights(self, name: str, options: BuildOptions) -> dict[str, Any]:
        """Identify the weights; random ones are always the same."""
        origin = self.weights_origin(options)
        if origin == "random":
            return {"origin": origin}
        if origin == "imagenet":
            return {"origin": origin, **_published_weights(name, options)}
        return {"origin": "file", "name": Path(origin).name, "sha256": sha256_of(Path(origin))}


def _published_weights(name: str, options: BuildOptions) -> dict[str, Any]:
    arguments = check_arguments(name, options)
    try:
        checkpoint = choose_checkpoint(
            get_spec(name), arguments.alpha, arguments.size, arguments.classes
        )
    except InputError:
        return {}
    file = cached_path(checkpoint)
    return {"name": file.name, **({"sha256": sha256_of(file)} if file.is_file() else {})}


input_format = _ArchitectureFormat()
