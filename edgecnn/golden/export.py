"""The golden sample as files that an app's own test reads: pictures, and what is to be answered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted, replacing, write_json
from edgecnn.golden.compare import tolerance_of
from edgecnn.golden.patterns import picture
from edgecnn.golden.sample import GoldenAnswer
from edgecnn.golden.verify import read_golden
from edgecnn.model_metadata.described_file import DescribedFile

EXPECTED_FILE = "expected.json"
TOP = 5


def export(path: str | Path, folder: str | Path) -> list[Path]:
    """Write a file's golden pictures as PNG of its input's size, and the best classes of each.

    Args:
        path: A ``.tflite`` file that edgecnn made.
        folder: Where to; made if it is not there.

    Returns:
        The files, ``expected.json`` the last.

    Raises:
        InputError: The file has no golden sample or a broken one, or the folder cannot be
            written to.

    Example:
        >>> [file.name for file in export("model.tflite", "golden/")]
        ['ball.png', 'stripes.png', 'texture.png', 'expected.json']
    """
    from PIL import Image

    file, folder = DescribedFile(path), Path(folder)
    golden, labels = read_golden(file), file.labels or ()
    _make(folder)
    written, samples = [], []
    for answer in golden.answers:
        target = folder / f"{answer.pattern}.png"
        image = picture(answer.pattern, answer.seed, golden.spec.shape)
        with replacing(target) as temporary:
            Image.fromarray(image.squeeze()).save(temporary, "PNG")
        written.append(target)
        samples.append({"image": target.name, "top": _top(answer, labels)})
    described = {"dtype": golden.input_dtype, "shape": list(file.model.inputs[0].shape)}
    if golden.input_dtype == "float32":
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
    write_json(folder / EXPECTED_FILE, expected)
    return [*written, folder / EXPECTED_FILE]


def _make(folder: Path) -> None:
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the folder {quoted(folder)}: {error.strerror}") from error


def _top(answer: GoldenAnswer, labels: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return the best classes, best first; of equal scores the lower index."""
    return [
        {
            "index": index,
            **({"label": labels[index]} if index < len(labels) else {}),
            "score": float(score),
        }
        for index, score in zip(answer.classes[:TOP].tolist(), answer.values, strict=False)
    ]
