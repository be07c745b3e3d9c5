"""What a file was made from and how, in values that are the same whenever it is made again."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecnn.core.errors import InputError
from edgecnn.core.files import cache_folder, sha256_of
from edgecnn.quantize.request import Request
from edgecnn.tflite.schemes import Scheme


def describe_source(request: Request) -> dict[str, Any]:
    """Return what identifies a source, without the folder that it is in.

    Args:
        request: What was asked for.

    Returns:
        ``kind`` and ``name``; for a file or folder ``sha256`` of its content, for a Keras model in
        memory of its weights; for a registered name the ``options`` and the ``weights``.
    """
    source = request.source
    described: dict[str, Any] = {"kind": source.kind, "name": Path(source.name).name}
    if source.kind == "registered":
        given = request.options.arguments()
        given.pop("weights", None)
        return {**described, "options": given, "weights": _weights(request)}
    if request.weights_sha256 is not None:
        return {**described, "kind": "in memory", "weights_sha256": request.weights_sha256}
    path = Path(source.name)
    return {**described, "sha256": _sha256_of_folder(path) if path.is_dir() else sha256_of(path)}


def _weights(request: Request) -> dict[str, Any]:
    """Return the origin of a registered architecture's weights; random ones are always the same."""
    origin = request.weights_origin
    if origin == "random":
        return {"origin": origin}
    if origin == "imagenet":
        return {"origin": origin, **_published(request)}
    return {"origin": "file", "name": Path(origin).name, "sha256": sha256_of(Path(origin))}


def _published(request: Request) -> dict[str, Any]:
    from edgecnn.models.checkpoints import choose
    from edgecnn.models.registry import get_spec

    spec, options = get_spec(request.source.name), request.options
    assert request.spec is not None
    size = (request.spec.height, request.spec.width)
    try:
        checkpoint = choose(spec, options.alpha, size, options.classes or spec.classes)
    except InputError:
        return {}
    name = checkpoint.url.rpartition("/")[2]
    kept = cache_folder("weights") / name
    return {"name": name, **({"sha256": sha256_of(kept)} if kept.is_file() else {})}


def _sha256_of_folder(folder: Path) -> str:
    """Return the SHA-256 of the list of a folder's files, each with that of its content."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(f"{sha256_of(path)}  {path.relative_to(folder).as_posix()}\n".encode())
    return digest.hexdigest()


def sha256_of_weights(model: Any) -> str:
    """Return the SHA-256 of a Keras model's arrays, in their order.

    A saved file of the same model is never the same: it holds the time.
    """
    digest = hashlib.sha256()
    for array in model.get_weights():
        digest.update(f"{array.dtype} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def describe_recovery(request: Request, scheme: Scheme) -> dict[str, Any]:
    """Return the choices by which the weights and layers of a scheme's file were decided.

    Args:
        request: What was asked for.
        scheme: The file's scheme.

    Returns:
        ``recover``, the level of recovery, None for a scheme without calibration; of others
        ``without``, the names of the steps that were left out. For a scheme that can leave layers
        in float32 ``all_int8``, ``max_drop`` and ``target_cpu``, which is ``"measured"`` where a
        device decided.
    """
    if not scheme.is_calibrated:
        return {"recover": None}
    described = {"recover": request.recover, "without": list(request.without)}
    if not scheme.keeps_float:
        return described
    decided_by = "measured" if request.device is not None else request.target_cpu
    floats = {"all_int8": request.all_int8, "max_drop": request.max_drop}
    return {**described, **floats, "target_cpu": decided_by}


def describe_calibration(images: npt.NDArray[np.uint8], fitted: int) -> dict[str, Any]:
    """Return what identifies the images that a file was fitted to and proved on.

    Args:
        images: uint8, shape (count, height, width, channels): as they were prepared, which tells
            nothing of the pictures themselves by its hash.
        fitted: How many of them, the first, gave the ranges; the others proved the result.
    """
    digest = hashlib.sha256(np.ascontiguousarray(images).data).hexdigest()
    return {"fitted": fitted, "held_out": len(images) - fitted, "sha256": digest}
