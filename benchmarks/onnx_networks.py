"""Networks of PyTorch that came as ``.onnx`` and ``.pt2``: our files beside ONNX Runtime.

    python benchmarks/onnx_networks.py --torch-python PYTHON --photos DIR [NETWORK ...]
        [--trained mobilenet_v2=FILE.keras mobilenet_v1_0.25=FILE.keras]

PYTHON has torch, torchvision, onnx and onnxruntime, and exports the networks
(``export_networks.py``); ``onnx2tf`` and ``litert-torch`` are on the PATH, or ``--endings`` leaves
out what one of them converts. DIR is a folder of photographs: every second one is answered, and the
others calibrate and settle batch normalisation. ``--trained`` puts the weights of Keras files into
networks of PyTorch, and has a row for each Keras file itself. Prints a line of Markdown a file;
exits 1 where one is not made, has a TRANSPOSE, or its input is not what it says.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import edgecnn
from edgecnn.core.errors import EdgecnnError
from edgecnn.data.images import decode_cut
from edgecnn.data.inputspec import preset
from edgecnn.model_metadata.input_tensors import stated_spec
from edgecnn.quantize.recovery.fidelity_kinds import class_noise
from edgecnn.quantize.recovery.proof import decibels_of
from edgecnn.tflite.file import TfliteFile
from edgecnn.tflite.schemes import SCHEMES
from edgecnn.tflite.scores import scores
from edgecnn.tflite.serialization import read_graph

NETWORKS = (
    "mobilenet_v2",
    "mobilenet_v3_small",
    "mobilenet_v3_large",
    "resnet18",
    "efficientnet_b0",
)
SIZE = 224
SETTLING = 64
EXPORTER = Path(__file__).with_name("export_networks.py")
ENDINGS = (".onnx", ".pt2")

Pixels = npt.NDArray[np.uint8]
Scores = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Photographs:
    """What the files are made with and compared on.

    Args:
        calibration: Folder of those that calibrate.
        settling: Some of these, for batch normalisation; shape (photographs, height, width, 3).
        answered: Others, which are answered, of the same shape.
    """

    calibration: Path
    settling: Pixels
    answered: Pixels


def photographs(source: Path, folder: Path, most: int) -> Photographs:
    """Divide a folder of photographs; at most so many are answered."""
    found = sorted(path for path in source.rglob("*") if path.is_file())
    found = [path for path in found if path.suffix.lower() in (".jpeg", ".jpg", ".png")]
    calibration = folder / "calibration"
    calibration.mkdir()
    for number, photo in enumerate(found[1::2]):
        shutil.copyfile(photo, calibration / f"{number:04d}{photo.suffix}")
    spec = preset("raw", SIZE, SIZE)
    drawn = np.linspace(0, len(found[::2]) - 1, min(most, len(found[::2]))).astype(int)
    return Photographs(
        calibration,
        np.stack([decode_cut(photo, spec) for photo in found[1 : 2 * SETTLING : 2]]),
        np.stack([decode_cut(found[::2][place], spec) for place in drawn]),
    )


def answers(file: Path, pixels: Pixels) -> Scores:
    """Return a file's scores of photographs, normalised as the file itself says."""
    stated = stated_spec(TfliteFile(file).model)
    assert stated is not None, "written by edgecnn"
    graph = read_graph(file.read_bytes())
    images = pixels if graph.input.dtype == "uint8" else stated.normalize(pixels)
    return scores(graph, [images[:, None]])[0]


def faults(file: Path) -> list[str]:
    """Return what is wrong with a file's layout, in words."""
    model = TfliteFile(file).model
    shape, transposes = model.inputs[0].shape, model.op_counts.get("TRANSPOSE", 0)
    found = [f"{transposes} TRANSPOSE"] if transposes else []
    return [*found, *([f"input {shape}"] if shape != (1, SIZE, SIZE, 3) else [])]


def row(
    file: Path, photos: Photographs, wanted: Scores, preprocess: str, asked: argparse.Namespace
) -> tuple[dict[str, Any], list[str]]:
    """Convert a network in every scheme; return its cells of the table, and what is wrong."""
    cells: dict[str, Any] = {}
    wrong: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        for made in edgecnn.convert(
            file,
            quantize=asked.schemes,
            preprocess=preprocess,
            calibrate=photos.calibration,
            samples=asked.samples,
            output=folder,
        ):
            given = answers(made.path, photos.answered)
            cells[made.scheme] = f"{decibels_of(class_noise(given, wanted)):.1f} dB"
            agree = np.mean(given.argmax(1) == wanted.argmax(1)) * 100
            cells[f"{made.scheme} agrees"] = f"{agree:.1f} %"
            cells.setdefault("ops", sum(TfliteFile(made.path).model.op_counts.values()))
            wrong += [f"{made.scheme}: {fault}" for fault in faults(made.path)]
    return cells, wrong


def columns(asked: argparse.Namespace) -> list[str]:
    """Return the headings between the file's name and what is wrong with it."""
    return [*asked.schemes, *(f"{scheme} agrees" for scheme in asked.schemes), "ops"]


def line(cells: list[Any]) -> str:
    """Return a line of Markdown."""
    return f"| {' | '.join(map(str, cells))} |"


def keras_weights(file: Path, target: Path) -> None:
    """Write the weights of a Keras file, behind what its batch normalisation adds to variances."""
    import keras

    layers = keras.models.load_model(file, compile=False).layers
    (epsilon,) = {layer.epsilon for layer in layers if hasattr(layer, "epsilon")}
    np.savez(target, epsilon, *[each for layer in layers for each in layer.get_weights()])


def rows_of(
    network: str, source: Path | None, photos: Photographs, asked: argparse.Namespace, folder: Path
) -> int:
    """Export a network and print a line for each file of it; return how many have faults."""
    preprocess, files = "torch", [folder / f"{network}{ending}" for ending in asked.endings]
    if source is not None:
        preprocess, files = "tf", [*files, source]
        keras_weights(source, folder / f"{network}.npz")
    spec = preset(preprocess, SIZE, SIZE)
    for part, pixels in (("settle", photos.settling), ("held_out", photos.answered)):
        np.save(folder / f"{part}.npy", spec.normalize(pixels).transpose(0, 3, 1, 2))
    command = [asked.torch_python, str(EXPORTER), str(folder), network]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    wanted, failed = np.load(folder / f"{network}.npy"), 0
    for file in files:
        try:
            cells, wrong = row(file, photos, wanted, preprocess, asked)
        except EdgecnnError as error:
            cells, wrong = {}, [str(error)]
        failed += bool(wrong)
        made = [cells.get(name, "") for name in columns(asked)]
        print(line([f"`{file.name}`", *made, *wrong]), flush=True)
    return failed


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("networks", nargs="*", default=NETWORKS, metavar="NETWORK")
    add("--torch-python", required=True, metavar="PYTHON")
    add("--photos", type=Path, required=True, metavar="DIR")
    add("--trained", nargs="+", default=[], metavar="NAME=FILE.keras")
    add("--samples", type=int, default=100)
    add("--answered", type=int, default=250, help="answer at most so many photographs")
    add("--schemes", nargs="+", choices=SCHEMES, default=list(SCHEMES))
    add("--endings", nargs="+", choices=ENDINGS, default=list(ENDINGS))
    asked = parser.parse_args()
    trained = dict(entry.split("=", 1) for entry in asked.trained)
    networks = [(name, Path(file)) for name, file in trained.items()]
    networks = networks or [(name, None) for name in asked.networks]
    failed = 0
    with tempfile.TemporaryDirectory() as name:
        photos = photographs(asked.photos, Path(name), asked.answered)
        print(line(["file", *columns(asked)]))
        print("|---" * (len(columns(asked)) + 1) + "|")
        for network, source in networks:
            failed += rows_of(network, source, photos, asked, Path(name))
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
