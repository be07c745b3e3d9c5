"""An ``.h5`` file, a whole model in HDF5, as Keras 2 wrote it, and Keras 3 still can."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.core.json_text import json_value
from edgecnn.core.lazy import LazyModule
from edgecnn.core.temporary import temporary_folder
from edgecnn.importing.custom_code import refuse_custom_code
from edgecnn.importing.formats.saved_keras import KerasFileFormat
from edgecnn.importing.input_format import NamedModel
from edgecnn.importing.keras2.entries import is_keras_2
from edgecnn.importing.keras2.loading import keras_2_model
from edgecnn.importing.model_bounds import no_more_weights_than, refuse_many_objects
from edgecnn.importing.precision import half_precision_notes, in_float32
from edgecnn.models.hdf5 import HDF5_MAGIC, is_endless, refuse_long_file, stored_numbers

keras = LazyModule("keras", extra="convert")
h5py = LazyModule("h5py", extra="convert")


class _Hdf5Format(KerasFileFormat):
    """A file of a whole model, whatever its ending."""

    called = ".h5"

    def recognizes(self, model: NamedModel) -> bool:
        return model.head == HDF5_MAGIC

    def check(self, model: NamedModel, *, trust: bool) -> None:
        """Refuse a file that is read without end; its code is looked for when it is loaded."""
        refuse_long_file(model.path)
        if is_endless(model.path):
            raise InputError(f"{quoted(model.path)} is corrupt: save the model again")

    def read(self, path: str, *, trust: bool) -> tuple[Any, list[str]]:
        label = quoted(path)
        with h5py.File(path, "r") as file:
            config = file.attrs.get("model_config")
            numbers = stored_numbers(file, label)
            if config is None:
                raise InputError(
                    f"{label} holds weights only: convert the architecture's name with --weights "
                    "and this file"
                )
            values = json_value(config)
            refuse_many_objects(values, label)
            if is_keras_2(file.attrs.get("keras_version")):
                return keras_2_model(
                    values,
                    lambda loader, model: loader.from_h5(model, file["model_weights"]),
                    numbers,
                    label,
                    trust=trust,
                )
        if not trust:
            refuse_custom_code(values, label)
        with no_more_weights_than(numbers, label), _with_ending(path, values) as readable:
            model = keras.models.load_model(readable, compile=False, safe_mode=not trust)
        return model, half_precision_notes(values)


@contextmanager
def _with_ending(path: str, config: Any) -> Iterator[str]:
    """Give a file that Keras 3 loads in float32, with the ending that tells Keras its format."""
    if Path(path).suffix in (".h5", ".hdf5") and not half_precision_notes(config):
        yield path
        return
    with temporary_folder() as folder:
        copy = folder / "model.h5"
        shutil.copyfile(path, copy)
        with h5py.File(copy, "r+") as file:
            file.attrs["model_config"] = json.dumps(in_float32(config)).encode()
        yield str(copy)


input_format = _Hdf5Format()
