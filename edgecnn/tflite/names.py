"""Names of layers as the names of a file's tensors tell them."""

from __future__ import annotations


def scope_of(tensor: str) -> str:
    """Return the part of a tensor's name that leads back to its layer, by its form alone.

    Example:
        >>> scope_of("block_1_relu/Relu6;block_1/convolution")
        'block_1_relu'
    """
    first = tensor.split(";")[0]
    return first.rpartition("/")[0].rpartition("/")[2] or first
