"""What a file was made from and how, in values that are the same whenever it is made again."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.core.errors import InputError
from edgecnn.golden.sample import GOLDEN_FILE, read_sample
from edgecnn.quantize.calibration.images import CalibrationSamples
from edgecnn.quantize.request import Request
from edgecnn.tflite.schemes import Scheme


def describe_source(request: Request) -> dict[str, Any]:
    """Return what identifies a source, without the folder that it is in.

    Args:
        request: What was asked for.

    Returns:
        ``kind`` and ``name``; for a file or folder the ``sha256`` of its content; for a Keras model
        in memory the ``weights_sha256``; for a registered name the ``options`` and the ``weights``;
        for a file that edgecnn made ``made_from``, the same of its own source.
    """
    source = request.source
    name = Path(source.name).name
    if request.weights_sha256 is not None:
        return {"kind": "in memory", "name": name, "weights_sha256": request.weights_sha256}
    identity = request.format.identity(source.name, request.options)
    return {"kind": source.kind, "name": name, **identity, **_made_from(request)}


def _made_from(request: Request) -> dict[str, Any]:
    """Return what a source's own golden sample says that the source was made from."""
    described = request.format.described(request.source.name)
    sample = None if described is None else described.packed_files.get(GOLDEN_FILE)
    if described is None or sample is None:
        return {}
    try:
        return {"made_from": read_sample(sample, described.label).provenance.get("source")}
    except InputError:
        return {}  # A sample that cannot be read tells nothing, and the source is sound without.


def sha256_of_weights(model: Any) -> str:
    """Return the SHA-256 of a Keras model's arrays, in their order.

    Two saved files of one model differ, as they hold the time.
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


def describe_calibration(samples: CalibrationSamples) -> dict[str, Any]:
    """Return what identifies the samples that a file was fitted to and proved on.

    Args:
        samples: The samples as they were prepared. Their hash tells nothing of pictures themselves.
    """
    digest = hashlib.sha256()
    for each in samples.arrays:
        digest.update(np.ascontiguousarray(each).data)
    return {
        "fitted": samples.fitted,
        "held_out": samples.held_out,
        "sha256": digest.hexdigest(),
    }
