"""The golden sample as files for an app's own test: what goes in, and what is to be answered."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecnn.core.files import json_bytes, write_all
from edgecnn.golden.compare import tolerance_of
from edgecnn.golden.inputs import ArrayInput, GoldenInput, PictureInput, tensors_of_call
from edgecnn.golden.patterns import draw_picture
from edgecnn.golden.sample import GoldenAnswer, GoldenCall, GoldenSample
from edgecnn.golden.verify import compared_outputs, read_golden
from edgecnn.model_metadata.described_file import DescribedFile
from edgecnn.model_metadata.input_tensors import scale_of
from edgecnn.tflite.output_outline import input_names
from edgecnn.tflite.structure import TensorInfo

EXPECTED_FILE = "expected.json"
TOP = 5


def export_sample(path: str | Path, folder: str | Path) -> list[Path]:
    """Write a file's golden inputs, as PNG or ``.npz``, and the answers to them.

    A full disk leaves none of these files, and those of the folder as they were.

    Args:
        path: A ``.tflite`` file that edgecnn made.
        folder: Folder for the exported files; made if it is not there.

    Returns:
        The exported files, ``expected.json`` the last.

    Raises:
        InputError: The file has no golden sample or a broken one, or the folder cannot be
            written to.
        EdgecnnError: The disk is full or the write failed.

    Example:
        >>> [file.name for file in export_sample("model.tflite", "golden/")]
        ['ball.png', 'stripes.png', 'texture.png', 'expected.json']
    """
    file = DescribedFile(path)
    golden = read_golden(file)
    contents: dict[str, bytes] = {}
    for call in golden.calls:
        contents |= _input_file(golden, call, file)
    expected = {
        "model": file.path.name,
        "model_sha256": file.sha256,
        **(_one_picture(golden, file) if golden.is_of_one_picture else _any_ends(golden, file)),
    }
    return write_all(Path(folder), {**contents, EXPECTED_FILE: json_bytes(expected)})


def _input_file(golden: GoldenSample, call: GoldenCall, file: DescribedFile) -> dict[str, bytes]:
    """Return what goes in: a picture of pixels, or arrays as the file takes them."""
    first = golden.inputs[0]
    name = _file_name(golden, call)
    if isinstance(first, PictureInput):
        return {name: _png(draw_picture(call.pattern, call.seed, first.spec.shape))}
    tensors = tensors_of_call(golden.inputs, call.pattern, call.seed, file.model)
    return {name: _npz(dict(zip(input_names(file.model), tensors, strict=True)))}


def _file_name(golden: GoldenSample, call: GoldenCall) -> str:
    return f"{call.pattern}.{'png' if isinstance(golden.inputs[0], PictureInput) else 'npz'}"


def _one_picture(golden: GoldenSample, file: DescribedFile) -> dict[str, Any]:
    labels = file.labels or ()
    return {
        "input": _described(golden.inputs[0], file.model.inputs[0]),
        "tolerance": tolerance_of(file.model.scheme).score,
        "samples": [
            {"image": _file_name(golden, call), "top": _top(call.answers[0], labels)}
            for call in golden.calls
        ],
    }


def _any_ends(golden: GoldenSample, file: DescribedFile) -> dict[str, Any]:
    """Return all that is kept of each output, and what each number may differ by."""
    outputs = compared_outputs(golden, file.model)
    share = tolerance_of(file.model.scheme).score
    key = "image" if isinstance(golden.inputs[0], PictureInput) else "arrays"
    pairs = zip(golden.inputs, file.model.inputs, strict=True)
    return {
        "inputs": [_described(*pair) for pair in pairs],
        "outputs": [{"name": each.name, "kind": each.kind} for each in outputs],
        "samples": [
            {
                key: _file_name(golden, call),
                "outputs": [
                    {
                        "tolerance": share * output.unit(answer),
                        "places": answer.places.tolist(),
                        "values": answer.values.tolist(),
                    }
                    for answer, output in zip(call.answers, outputs, strict=True)
                ],
            }
            for call in golden.calls
        ],
    }


def _described(each: GoldenInput, tensor: TensorInfo) -> dict[str, Any]:
    described: dict[str, Any] = {"dtype": each.dtype, "shape": list(tensor.shape)}
    if isinstance(each, ArrayInput):
        return {"name": each.name, **described}
    if each.dtype == "int8":
        scale, zero_point = scale_of(tensor)
        described |= {"scale": scale, "zero_point": zero_point}
    if each.dtype != "uint8":
        spec = each.spec
        described |= {
            "mean": list(spec.mean), "std": list(spec.std), "color_order": spec.color_order
        }  # fmt: skip
    return described


def _npz(arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """Return an ``.npz``; arrays may have any name, and the same ones give the same bytes."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.save(member, array, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), member.getvalue())
    return content.getvalue()


def _png(image: npt.NDArray[np.uint8]) -> bytes:
    from PIL import Image

    content = io.BytesIO()
    Image.fromarray(image.squeeze()).save(content, "PNG")
    return content.getvalue()


def _top(answer: GoldenAnswer, labels: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return the best classes, the best first; of two with equal scores the lower index first."""
    return [
        {
            "index": index,
            **({"label": labels[index]} if index < len(labels) else {}),
            "score": float(score),
        }
        for index, score in zip(answer.places[:TOP].tolist(), answer.values, strict=False)
    ]
