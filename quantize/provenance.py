"""What a file was made from and how, in values that are the same whenever it is made again."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecnn.quantize.request import Request


def describe_source(request: Request) -> dict[str, Any]:
    """Return what identifies a source, without the folder that it is in.

    Args:
        request: What was asked for.

    Returns:
        ``kind`` and ``name``; for a file or folder ``sha256`` of its content, for a Keras model in
        memory of its weights; for a registered name the ``options`` and the ``weights``.
    """
    source = request.source
    name = Path(source.name).name
    if request.weights_sha256 is not None:
        return {"kind": "in memory", "name": name, "weights_sha256": request.weights_sha256}
    identity = request.format.identity(source.name, request.options)
    return {"kind": source.kind, "name": name, **identity}


def sha256_of_weights(model: Any) -> str:
    """Return the SHA-256 of a Keras model's arrays, in their order.

    A saved file of the same model is never the same: it holds the time.
    """
    digest = hashlib.sha256()
    for array in model.get_weights():
        digest.update(f"{array.dtype} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def describe_calibration(images: npt.NDArray[np.uint8], fitted: int) -> dict[str, Any]:
    """Return what identifies the images that a file was fitted to and proved on.

    Args:
        images: uint8, shape (count, height, width, channels): as they were prepared, which tells
            nothing of the pictures themselves by its hash.
        fitted: How many of them, the first, gave the ranges; the others proved the result.
    """
    digest = hashlib.sha256(np.ascontiguousarray(images).data).hexdigest()
    return {"fitted": fitted, "held_out": len(images) - fitted, "sha256": digest}
