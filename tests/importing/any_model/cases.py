"""Small models of every kind that users bring: what each is, and how it is made and converted.

A case writes its source into a folder and says how the source answers, what it takes, and which
converters a plain script would use. Weights are seeded, and scaled so that activations are sane.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Converter = Callable[[], Any]
"""Returns a ``tf.lite.TFLiteConverter`` of a source."""


@dataclass(frozen=True)
class Input:
    """An input of a source.

    Args:
        name: The source's name of the input.
        shape: Shape of one sample, without the batch.
        dtype: Element type that the source takes; ``"string"`` for words.
        below: Integers that the source takes are below this number.
        is_image: Whether one sample is an image, which calibration has as pixels of 0..255.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str = "float32"
    below: int = 256
    is_image: bool = False


@dataclass(frozen=True)
class Source:
    """A model as a user has it.

    Args:
        model: What ``edgecnn.convert`` is given: a path, or a model in memory.
        inputs: What the source takes.
        answer: Returns the outputs for a batch of each input.
        converters: Plain converters of the source: the best of their files is the one to compare
            with.
    """

    model: Any
    inputs: Sequence[Input]
    answer: Callable[[list[Array]], list[Array]]
    converters: Sequence[Converter]


@dataclass(frozen=True)
class Case:
    """A model of the table.

    Args:
        name: Name of the case, for ``--only``.
        what: What is particular about the model, for the table.
        make: Writes the source into a folder.
        options: Keywords of ``edgecnn.convert``; ``{folder}`` stands for the folder.
        preprocess: How pixels become an image's input: ``"tf"``, ``"unit"`` or ``"raw"``.
        needs: Package or program that makes the source, beyond TensorFlow; empty for none.
    """

    name: str
    what: str
    make: Callable[[Path], Source]
    options: Mapping[str, Any] = field(default_factory=dict)
    preprocess: str = "raw"
    needs: str = ""

    def keywords(self, folder: Path, source: Source) -> dict[str, Any]:
        """Return the keywords of ``edgecnn.convert``."""
        texts = {
            name: value.format(folder=folder) if isinstance(value, str) else value
            for name, value in self.options.items()
        }
        is_image = any(each.is_image for each in source.inputs)
        return {"preprocess": self.preprocess, **texts} if is_image else texts


CASES: dict[str, Case] = {}
"""Name -> case, in the order of the table."""


def case(
    what: str, *, preprocess: str = "raw", needs: str = "", **options: Any
) -> Callable[[Callable[[Path], Source]], Callable[[Path], Source]]:
    """Register a function that makes a source as a case of its own name."""

    def register(make: Callable[[Path], Source]) -> Callable[[Path], Source]:
        name = make.__name__
        CASES[name] = Case(name, what, make, options, preprocess, needs)
        return make

    return register


ASKED = "asked.json"
"""File in a case's folder: what is converted, and with which keywords, once that is made."""

WORDS = (b"red", b"green", b"blue", b"grey", b"none of these")
"""What words are drawn from."""

SAMPLES, ANSWERED = 128, 32
"""Samples to calibrate with, and others on which answers are compared."""


def samples(source: Source, count: int, seed: int) -> list[Array]:
    """Return samples of each input: pixels for an image, shape (count, *shape of the input)."""
    generator = np.random.Generator(np.random.PCG64(seed))
    return [_drawn(each, count, generator) for each in source.inputs]


def _drawn(entry: Input, count: int, generator: np.random.Generator) -> Array:
    shape = (count, *entry.shape)
    if entry.is_image:
        return _pictures(shape, generator)
    if entry.dtype == "string":
        return generator.choice(np.array(WORDS), shape)
    if np.issubdtype(np.dtype(entry.dtype), np.integer):
        return generator.integers(0, entry.below, shape).astype(entry.dtype)
    return generator.normal(0, 1, shape).astype(entry.dtype)


def _pictures(shape: tuple[int, ...], generator: np.random.Generator) -> Array:
    """Return smooth random pictures of 0..255: a grid of colours, interpolated between."""
    count, height, width = shape[:3]
    coarse = generator.uniform(0, 256, (count, 5, 5, *shape[3:]))
    rows, columns = _interpolation(height, 5), _interpolation(width, 5)
    smooth = np.einsum("hr,wc,nrc...->nhw...", rows, columns, coarse)
    return np.clip(smooth, 0, 255).astype(np.uint8)


def _interpolation(places: int, knots: int) -> Array:
    """Return the share of each knot in each place, shape (places, knots)."""
    at = np.linspace(0, knots - 1, places)
    shares: Array = np.maximum(0, 1 - np.abs(at[:, None] - np.arange(knots)))
    return shares


def as_input(case: Case, source: Source, drawn: Sequence[Array]) -> list[Array]:
    """Return samples as the source takes them: images normalised, as the case says."""
    normalize = {
        "raw": lambda pixels: pixels,
        "unit": lambda pixels: pixels / 255,
        "tf": lambda pixels: pixels / 127.5 - 1,
    }[case.preprocess]
    return [
        normalize(values.astype(np.float64)).astype(entry.dtype) if entry.is_image else values
        for entry, values in zip(source.inputs, drawn, strict=True)
    ]
