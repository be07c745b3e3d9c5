"""Exports networks of PyTorch to ``.onnx`` and ``.pt2``, and lets ONNX Runtime answer.

    python benchmarks/export_networks.py FOLDER NETWORK

runs in an environment that has torch, torchvision, onnx and onnxruntime; ``onnx_networks.py`` calls
it. FOLDER has ``settle.npy`` and ``held_out.npy``, float32 images as the network takes them,
(images, 3, height, width). Where it has NETWORK.npz, these are trained weights; else NETWORK is one
of torchvision's with random weights, always the same, and batch normalisation has the statistics of
the images of the first file. The answers to the second go into NETWORK.npy.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
import torchvision
from trained_torch import trained

OPSET = 17
BATCH = 16


def settled(name: str, images: Any) -> Any:
    """Return a network with random weights whose activations have mean 0 and deviation 1."""
    torch.manual_seed(0)
    model = getattr(torchvision.models, name)(weights=None).train()
    for layer in model.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.reset_running_stats()
            layer.momentum = None  # all batches count alike
        elif type(layer).__name__ in ("Dropout", "StochasticDepth"):
            layer.eval()
    with torch.no_grad():
        for batch in images.split(BATCH):
            model(batch)
    return model.eval()


def network(name: str, folder: Path, images: Any) -> Any:
    """Return a network with its weights."""
    weights = folder / f"{name}.npz"
    if not weights.exists():
        return settled(name, images)
    with np.load(weights) as arrays:
        epsilon, *values = arrays.values()
    return trained(name, values, float(epsilon))


def main() -> None:
    """Export a network, and write down what ONNX Runtime answers."""
    folder, name = Path(sys.argv[1]), sys.argv[2]
    settle, held_out = (np.load(folder / f"{part}.npy") for part in ("settle", "held_out"))
    images = torch.from_numpy(settle)
    model, sample = network(name, folder, images), images[:1].clone()
    torch.onnx.export(
        model,
        (sample,),
        str(folder / f"{name}.onnx"),
        opset_version=OPSET,
        dynamo=False,
        input_names=["image"],
        output_names=["scores"],
        dynamic_axes={"image": {0: "batch"}, "scores": {0: "batch"}},
    )
    torch.export.save(torch.export.export(model, (sample,)), folder / f"{name}.pt2")
    session = onnxruntime.InferenceSession(folder / f"{name}.onnx")
    answers = [session.run(None, {"image": image[None]})[0] for image in held_out]
    np.save(folder / f"{name}.npy", np.concatenate(answers))


if __name__ == "__main__":
    main()
