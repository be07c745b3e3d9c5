"""The golden sample as files that an app's own test reads: pictures, and what is to be answered."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecnn.core.files import json_bytes, write_all
from edgecnn.golden.compare import tolerance_of
from edgecnn.golden.patterns import draw_picture
from edgecnn.golden.sample import GoldenAnswer
from edgecnn.golden.verify import read_golden
from edgecnn.model_metadata.described_file import DescribedFile
from edgecnn.model_metadata.input_tensors import scale_of

EXPECTED_FILE = "expected.json"
TOP = 5


def export_sample(path: str | Path, folder: str | Path) -> list[Path]:
    """Write a file's golden pictures as PNG of its input's size, and the best classes of each.

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
    golden, labels = read_golden(file), file.labels or ()
    contents, samples = {}, []
    for answer in golden.answers:
        name = f"{answer.pattern}.png"
        contents[name] = _png(draw_picture(answer.pattern, answer.seed, golden.spec.shape))
        samples.append({"image": name, "top": _top(answer, labels)})
    tensor = file.model.inputs[0]
    described: dict[str, Any] = {"dtype": golden.input_dtype, "shape": list(tensor.shape)}
    if golden.input_dtype == "int8":
        scale, zero_point = scale_of(tensor)
        described |= {"scale": scale, "zero_point": zero_point}
    if golden.input_dtype != "uint8":
        spec = golden.spec
        described |= {
            "mean": list(spec.mean), "std": list(spec.std), "color_order": spec.color_order
        }  # fmt: skip
    expected = {
        "model": file.path.name,
        "model_sha256": file.sha256,
        "input": described,
        "tolerance": tolerance_of(file.model.scheme).score,
        "samples": samples,
    }
    return write_all(Path(folder), {**contents, EXPECTED_FILE: json_bytes(expected)})


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
        for index, score in zip(answer.classes[:TOP].tolist(), answer.values, strict=False)
    ]
