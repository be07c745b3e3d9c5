"""Models that came from outside, harmless and hostile: made, edited, loaded or refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgecnn.core.errors import InputError
from edgecnn.importing.input_format import LoadedModel, LoadOptions
from edgecnn.importing.sources import find_source, format_of
from edgecnn.tflite.serialization import write_graph

SIDE = 8
FILE = "/nowhere/of/the/model"


def loaded(path: Path, *, trust: bool = False) -> LoadedModel:
    """Load a model as a child does, in this process."""
    source = find_source(str(path), trust=trust)
    return format_of(source).load(source, LoadOptions(None, {}))


def pooled(tf: Any, image: Any) -> Any:
    """The mean of each channel."""
    return tf.reduce_mean(image, (1, 2))


def saved(tf: Any, folder: Path, answer: Callable[[Any], Any], **parts: Any) -> Path:
    """Save a module that answers an image with ``answer``, and that has parts."""
    module = tf.Module()
    for name, part in parts.items():
        setattr(module, name, part)
    spec = tf.TensorSpec((None, SIDE, SIDE, 3), tf.float32, name="image")
    module.call = tf.function(answer, input_signature=[spec])
    tf.saved_model.save(module, str(folder), signatures=module.call)
    return folder


def resource(tf: Any, **methods: Callable[[], Any]) -> Any:
    """A resource, some of whose methods are replaced."""
    from tensorflow.python.trackable.resource import TrackableResource

    class Resource(TrackableResource):  # type: ignore[misc]
        def _create_resource(self) -> Any:
            return methods.get("create", lambda: tf.constant(1.0))()

        def _initialize(self) -> Any:
            return methods.get("initialize", lambda: tf.constant(1.0))()

        def _destroy_resource(self) -> Any:
            return methods.get("destroy", lambda: tf.constant(1.0))()

    made = Resource()
    made.resource_handle  # noqa: B018 (creates it, as saving does)
    return made


def edited(folder: Path, edit: Callable[[Any], None]) -> Path:
    """Change the message in a SavedModel's file."""
    from tensorflow.core.protobuf import saved_model_pb2

    file = folder / "saved_model.pb"
    message = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    edit(message)
    file.write_bytes(message.SerializeToString())
    return folder


def refused(path: Path, *says: str) -> None:
    """Assert that a model is refused in one line that says these things and how to trust it."""
    with pytest.raises(InputError) as error:
        loaded(path)
    text = str(error.value)
    assert "\n" not in text
    for part in (*says, "add --trust if you know where it comes from"):
        assert part in text


def broken_line(folder: Path) -> str:
    """Return the one line that says why a SavedModel cannot be used."""
    with pytest.raises(InputError) as error:
        loaded(folder)
    assert "\n" not in str(error.value)
    assert "model" in str(error.value)
    return str(error.value)


def assert_answers_as_in_tensorflow(tf: Any, folder: Path) -> None:
    """Assert that a SavedModel's float file answers a random image as TensorFlow does."""
    from ai_edge_litert.interpreter import Interpreter

    image = np.random.Generator(np.random.PCG64(1)).uniform(0, 1, (1, SIDE, SIDE, 3))
    image = image.astype(np.float32)
    model = tf.saved_model.load(str(folder))
    (expected,) = model.signatures["serving_default"](tf.constant(image)).values()
    interpreter = Interpreter(model_content=write_graph(loaded(folder).float_graph(None)))
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
    interpreter.invoke()
    answer = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    np.testing.assert_allclose(answer, expected.numpy(), rtol=1e-4, atol=1e-5)
