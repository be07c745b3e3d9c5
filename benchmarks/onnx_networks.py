"""Networks of PyTorch that came as ``.onnx`` and ``.pt2``: our files beside ONNX Runtime.

    python benchmarks/onnx_networks.py --torch-python PYTHON --photos DIR [NETWORK ...]

PYTHON has torch, torchvision, onnx and onnxruntime, and exports the networks
(``export_networks.py``); ``onnx2tf`` is on the PATH, and so is ``litert-torch`` for ``--pt2``. DIR
is a folder of photographs: 64 settle batch normalisation, ``--samples`` calibrate, 100 others are
answered. Prints a line of Markdown a network.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import edgecnn
from edgecnn.data.images import decode_cut
from edgecnn.data.inputspec import preset
from edgecnn.quantize.recovery.fidelity_kinds import class_noise
from edgecnn.quantize.recovery.proof import decibels_of
from edgecnn.tflite.file import TfliteFile

NETWORKS = (
    "mobilenet_v2",
    "mobilenet_v3_small",
    "mobilenet_v3_large",
    "resnet18",
    "efficientnet_b0",
)
SIZE = 224
SETTLING, HELD_OUT = 64, 100
EXPORTER = Path(__file__).with_name("export_networks.py")

Pixels = npt.NDArray[np.uint8]
Scores = npt.NDArray[np.float32]


def answers(file: Path, pixels: Pixels) -> Scores:
    """Return a file's scores of photographs."""
    from ai_edge_litert.interpreter import Interpreter

    # The graph of these files subtracts what `torch` has for each channel.
    images = preset("torch", SIZE, SIZE).centered().normalize(pixels)
    runner = Interpreter(str(file)).get_signature_runner()
    (name, detail), (output, _) = (
        *runner.get_input_details().items(),
        *runner.get_output_details().items(),
    )
    samples = pixels if detail["dtype"] == np.uint8 else images
    return np.concatenate([runner(**{name: sample[None]})[output] for sample in samples])


def row(file: Path, calibration: Path, samples: int, pixels: Pixels, wanted: Scores) -> str:
    """Convert a network, and return its line of the table."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        floats, integers = edgecnn.convert(
            file,
            quantize="float32,int8",
            preprocess="torch",
            calibrate=calibration,
            samples=samples,
            output=folder,
        )
        seconds = time.perf_counter() - start
        made, rounded = answers(floats.path, pixels), answers(integers.path, pixels)
        kinds = TfliteFile(floats.path).model.op_counts
    agree = np.mean(rounded.argmax(1) == wanted.argmax(1)) * 100
    cells: list[Any] = [
        f"`{file.name}`",
        f"{decibels_of(class_noise(made, wanted)):.1f} dB",
        f"{decibels_of(class_noise(rounded, wanted)):.1f} dB",
        f"{agree:.0f} %",
        sum(kinds.values()),
        kinds.get("TRANSPOSE", 0),
        f"{seconds:.0f} s",
    ]
    return f"| {' | '.join(map(str, cells))} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("networks", nargs="*", default=NETWORKS, metavar="NETWORK")
    parser.add_argument("--torch-python", required=True, metavar="PYTHON")
    parser.add_argument("--photos", type=Path, required=True, metavar="DIR")
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument("--pt2", action="store_true", help="convert the .pt2 files, too")
    asked = parser.parse_args()
    photos = sorted(path for path in asked.photos.rglob("*") if path.is_file())
    photos = [path for path in photos if path.suffix.lower() in (".jpeg", ".jpg", ".png")]
    spec = preset("torch", SIZE, SIZE)
    with tempfile.TemporaryDirectory() as name:
        folder, calibration = Path(name), Path(name) / "calibration"
        calibration.mkdir()
        for number, photo in enumerate(photos[:-HELD_OUT]):
            shutil.copyfile(photo, calibration / f"{number}{photo.suffix}")
        pixels = np.stack([decode_cut(photo, spec) for photo in photos[-HELD_OUT:]])
        settling = np.stack([decode_cut(photo, spec) for photo in photos[:SETTLING]])
        for part, images in (("settle", settling), ("held_out", pixels)):
            np.save(folder / f"{part}.npy", spec.normalize(images).transpose(0, 3, 1, 2))
        print("| file | float32 | int8 | int8 agrees | ops | TRANSPOSE | time |")
        print("|---|---|---|---|---|---|---|")
        for network in asked.networks:
            command = [asked.torch_python, str(EXPORTER), str(folder), network]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            wanted = np.load(folder / f"{network}.npy")
            for ending in (".onnx", *([".pt2"] if asked.pt2 else [])):
                file = folder / f"{network}{ending}"
                print(row(file, calibration, asked.samples, pixels, wanted), flush=True)


if __name__ == "__main__":
    main()
