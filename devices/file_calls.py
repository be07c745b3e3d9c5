"""How a file is called, with the shapes that the runtime gives to tensors in that call."""

from __future__ import annotations

from edgecnn.core.failures import crash_explained, named_errors
from edgecnn.devices.desktop import Desktop
from edgecnn.tflite.calls import NO_CALL_OPTIONS, CallOptions, ModelCall
from edgecnn.tflite.file import TfliteFile


def file_call(file: TfliteFile, options: CallOptions = NO_CALL_OPTIONS) -> ModelCall:
    """Return how a file is called, with the shapes of all tensors.

    Only where the user gave shapes, the file is run once in a child process on this machine, which
    tells the shapes within the graph.

    Args:
        file: The file.
        options: What the user said of how it is to be called.

    Raises:
        InputError: The file is broken, leaves a shape or its signature open, or no CPU runs it.
        ChildCrashedError: The runtime crashed on the file.

    Example:
        >>> call = file_call(TfliteFile("any_size.tflite"), CallOptions(size=(96, 96)))
        >>> call.model.outputs[0].shape
        (1, 96, 96, 16)
    """
    call = file.call(options)
    if not call.has_chosen_shapes:
        return call
    device, task = Desktop(), f"running {file.label}"
    with named_errors(file.label), crash_explained(), device.start(task) as session:
        return call.resolved(session.shapes(device.place(file.path), call))
