"""What the formats of saved Keras models share: models that only Keras 2 can load (in a child)."""

from __future__ import annotations

from dataclasses import replace

from edgecnn.core.errors import EdgecnnError
from edgecnn.core.files import quoted
from edgecnn.core.temporary import temporary_folder
from edgecnn.importing.formats import saved_model
from edgecnn.importing.input_format import LoadedModel, LoadOptions, Source
from edgecnn.importing.keras2.refusals import OnlyKeras2Error, has_keras_2
from edgecnn.importing.keras2.through_keras2 import export_by_keras_2
from edgecnn.importing.keras_models import SavedKerasFormat, explained


class KerasFileFormat(SavedKerasFormat):
    """A file of a whole model; what only Keras 2 has goes through ``tf_keras``, if it is there."""

    def load(self, source: Source, options: LoadOptions) -> LoadedModel:
        """Load a model by Keras 3, or by Keras 2 if it takes that and ``tf_keras`` is installed."""
        try:
            return super().load(source, options)
        except OnlyKeras2Error:
            if not has_keras_2():
                raise
        with temporary_folder() as folder:
            exported = folder / "model"
            with explained(quoted(source.name)):
                export_by_keras_2(source, exported)
            return _loaded(source, str(exported), options)


def _loaded(source: Source, folder: str, options: LoadOptions) -> LoadedModel:
    """Load the folder that Keras 2 exported, which messages call by the file's name."""
    try:
        return saved_model.input_format.load(replace(source, name=folder), options)
    except EdgecnnError as error:
        raise type(error)(str(error).replace(quoted(folder), quoted(source.name))) from error
