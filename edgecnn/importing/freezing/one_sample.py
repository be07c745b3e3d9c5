"""A frozen model of a fixed batch as one of a single sample, where its graph allows that.

This is for SavedModels: their signatures take no other batch than that they were traced with, so
they cannot be traced again. TensorFlow works the shapes within the graph out anew, also those in
loops and branches, which a ``.tflite`` graph (:mod:`edgecnn.importing.graphs.batches`) no longer
shows.
"""

from __future__ import annotations

from typing import Any


def of_one_sample(function: Any) -> Any:
    """Return a model that takes one sample at a time, or the same model where it takes no other.

    Args:
        function: A ``ConcreteFunction`` without variables.

    Returns:
        A function whose inputs and outputs have a batch of 1 in place of the one that they had in
        common; the same function if they had none in common, or if a number in the graph holds it
        to its batch.
    """
    tensors = [*function.inputs, *function.outputs]
    batches = {tensor.shape[0] if tensor.shape.rank else None for tensor in tensors}
    if len(batches) != 1 or batches & {None, 1}:
        return function
    try:
        single = _with_batch_of_one(function)
    except ValueError:  # TensorFlow's way to say that shapes do not fit.
        return function
    wanted = [[1, *tensor.shape.as_list()[1:]] for tensor in tensors]
    made = [*single.inputs, *single.outputs]
    fits = all(
        tensor.shape.rank is not None and tensor.shape.as_list() == shape
        for tensor, shape in zip(made, wanted, strict=True)
    )
    return single if fits else function


def _with_batch_of_one(function: Any) -> Any:
    from tensorflow.python.eager.wrap_function import function_from_graph_def

    graph = function.graph.as_graph_def()
    names = [tensor.name for tensor in function.inputs]
    for node in graph.node:
        if f"{node.name}:0" in names:
            node.attr["shape"].shape.dim[0].size = 1
    return function_from_graph_def(graph, names, [tensor.name for tensor in function.outputs])
