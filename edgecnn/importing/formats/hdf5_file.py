"""An ``.h5`` file as Keras 2 wrote it, a whole model in HDF5."""

from __future__ import annotations

from typing import Any

from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.core.json_text import json_value
from edgecnn.core.lazy import LazyModule
from edgecnn.importing.custom_code import refuse_custom_code
from edgecnn.importing.input_format import NamedModel
from edgecnn.importing.keras_models import SavedKerasFormat
from edgecnn.importing.model_bounds import no_more_weights_than, refuse_many_objects
from edgecnn.models.hdf5 import HDF5_MAGIC, is_endless, refuse_long_file, stored_numbers

keras = LazyModule("keras", extra="convert")
h5py = LazyModule("h5py", extra="convert")


class _Hdf5Format(SavedKerasFormat):
    """Keras 2's file of a whole model, whatever its ending."""

    called = ".h5"

    def recognizes(self, model: NamedModel) -> bool:
        return model.head == HDF5_MAGIC

    def check(self, model: NamedModel, *, trust: bool) -> None:
        """Refuse a file that is read without end; its code is looked for when it is loaded."""
        refuse_long_file(model.path)
        if is_endless(model.path):
            raise InputError(f"{quoted(model.path)} is corrupt: save the model again")

    def read(self, path: str, *, trust: bool) -> Any:
        with h5py.File(path, "r") as file:
            config = file.attrs.get("model_config")
            numbers = stored_numbers(file, quoted(path))
        if config is None:
            raise InputError(
                f"{quoted(path)} holds weights only: convert the architecture's name "
                "with --weights and this file"
            )
        values = json_value(config)
        refuse_many_objects(values, quoted(path))
        if not trust:
            refuse_custom_code(values, quoted(path))
        with no_more_weights_than(numbers, quoted(path)):
            return keras.models.load_model(
                path,
                compile=False,
                safe_mode=not trust,
                custom_objects={"DepthwiseConv2D": _keras2_depthwise()},
            )


def _keras2_depthwise() -> type:
    """Return a DepthwiseConv2D that takes Keras 2's configuration, which said ``groups: 1``."""
    base: Any = keras.layers.DepthwiseConv2D

    class DepthwiseConv2D(base):  # type: ignore[misc]
        @classmethod
        def from_config(cls, config: dict[str, Any]) -> Any:
            return super().from_config({k: v for k, v in config.items() if k != "groups"})

    return DepthwiseConv2D


input_format = _Hdf5Format()
