"""Makes a float ``.tflite`` file of a ``.pt2`` file, run by the Python that has litert-torch.

    python litert_torch_script.py MODEL.pt2 MADE.tflite CHOICES

CHOICES is JSON: ``size`` (height, width) and ``shapes`` (name of an input -> its shape) for what
the model leaves open. What was done with the inputs is printed as one line of JSON, behind
``edgecnn: ``. An error is a line that begins with ``error: ``.

The file runs in another environment than edgecnn, so that it imports nothing of it.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import litert_torch
import torch

SPATIAL_OPS = ("conv", "pool", "batch_norm", "instance_norm", "upsample", "pixel_shuffle", "im2col")
"""Parts of the names of ops whose input has its channels in the second place."""

LAYOUT_ENDS = ("view", "reshape", "flatten", "linear", "matmul", "mm", "bmm", "squeeze")
"""Ops behind which the sides of a tensor are no longer those of the input."""


class ChannelsLast(torch.nn.Module):  # type: ignore[misc]
    """A model whose images, in and out, have their channels last."""

    def __init__(self, model: Any, inputs: list[int], outputs: list[int]) -> None:
        super().__init__()
        self.model, self.inputs, self.outputs = model, inputs, outputs

    def forward(self, *images: Any) -> tuple[Any, ...]:
        """Call the model."""
        turned = [
            image.permute(0, 3, 1, 2) if place in self.inputs else image
            for place, image in enumerate(images)
        ]
        answer = self.model(*turned)
        answers = list(answer) if isinstance(answer, (list, tuple)) else [answer]
        return tuple(
            each.permute(0, 2, 3, 1) if place in self.outputs else each
            for place, each in enumerate(answers)
        )


def main() -> None:
    """Convert, and say what was done."""
    path, made, choices = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
    program = torch.export.load(path)
    nodes = {node.name: node for node in program.graph.nodes}
    inputs = [nodes[name] for name in program.graph_signature.user_inputs]
    outputs = [nodes[name] for name in program.graph_signature.user_outputs]
    shapes = [shape_of(node, choices, len(inputs)) for node in inputs]
    turned = [place for place, node in enumerate(inputs) if has_channels_first(node)]
    maps = [place for place, node in enumerate(outputs) if turned and node.meta["val"].dim() == 4]
    samples = tuple(
        sample(node, (shape[0], *shape[2:], shape[1]) if place in turned else shape)
        for place, (node, shape) in enumerate(zip(inputs, shapes, strict=True))
    )
    module = program.module(check_guards=False)  # those of the file are code, which would be run
    model = ChannelsLast(module, turned, maps)
    model.training = False  # a loaded program cannot be told, and computes as it was exported
    litert_torch.convert(model, samples).export(made)
    described = [
        {"name": node.name, "shape": shape, "is_turned": place in turned}
        for place, (node, shape) in enumerate(zip(inputs, shapes, strict=True))
    ]
    names = [node.name for node in outputs]
    print("edgecnn: " + json.dumps({"inputs": described, "outputs": names}))


def shape_of(node: Any, choices: dict[str, Any], count: int) -> list[int]:
    """Return the shape of an input: open sides are as chosen, and an open batch is 1."""
    stated = [side if isinstance(side, int) else None for side in node.meta["val"].shape]
    shapes, size = choices["shapes"], choices["size"]
    chosen = shapes.get(node.name) or (shapes.get("") if count == 1 else None)
    if chosen is None and size is not None and len(stated) == 4:
        chosen = [stated[0] or 1, stated[1], *size]
    if chosen is None and None not in stated[1:]:
        chosen = [stated[0] or 1, *stated[1:]]
    text = "x".join("?" if side is None else str(side) for side in stated)
    if chosen is None:
        raise SystemExit(
            f"error: input '{node.name}' is {text}: say its size by --size, or --input-shape"
        )
    pairs = zip(stated, chosen, strict=False)
    if len(chosen) != len(stated) or any(side not in (None, given) for side, given in pairs):
        raise SystemExit(f"error: input '{node.name}' is {text}, and {chosen} does not fit it")
    return list(chosen)


def has_channels_first(node: Any) -> bool:
    """Say whether an input of four sides is read by an op that wants its channels second."""
    if node.meta["val"].dim() != 4:
        return False
    seen, waiting = {node}, [node]
    while waiting:
        for user in waiting.pop(0).users:
            name = str(user.target)
            if any(part in name for part in SPATIAL_OPS):
                return True
            if "permute" in name or any(f".{end}." in name for end in LAYOUT_ENDS):
                continue
            if user not in seen:
                seen.add(user)
                waiting.append(user)
    return False


def sample(node: Any, shape: Any) -> Any:
    """Return an input to trace with."""
    dtype = node.meta["val"].dtype
    make = torch.rand if dtype.is_floating_point else torch.zeros
    return make(shape, dtype=dtype)


if __name__ == "__main__":
    main()
