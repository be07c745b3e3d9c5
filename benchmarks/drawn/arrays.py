"""Data sets that are no pictures: movements, sounds, and a picture beside numbers."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from .formats import write_arrays
from .samples import DataSet, Samples
from .scenes import SHAPES, Array, background, bright, fill, noisy, outline

LABELS = "labels"

MOVEMENTS = ("circle", "eight", "zigzag", "sweep", "square", "spiral")
STEPS, SENSORS = 32, 6

RATE, FRAMES, BANDS = 8000, 49, 10
"""Samples a second of the sounds, which last one; frames and coefficients of their features."""
WINDOW, HOP = 320, 156
SOUNDS = ("tone", "rising", "falling", "vibrato", "siren", "pulses", "noise", "dyad")
TONE_HZ = (300, 1800)
QUIET_DB, LOUD_DB = -14, 6
"""Powers of the sounds over that of the noise around them, in decibels."""

MANY = 3
"""Arrays are smaller than pictures: a part has so many times the samples."""

DISTANCES = (1.0, 4.0)
REAL_SIZES = (9, 18)
"""Thresholds of radius in pixels times distance: small, middle, large."""


def draw_movements(root: Path, part: str, count: int, rng: np.random.Generator) -> None:
    """Write PART.npz and PART/*.npy: ``movement``, shape (samples, 32, 6), and ``labels``."""
    labels = rng.integers(len(MOVEMENTS), size=count * MANY)
    values = np.stack([_movement(rng, MOVEMENTS[label]) for label in labels])
    write_arrays(root / part, movement=values, labels=labels)


def _movement(rng: np.random.Generator, kind: str) -> Array:
    """Return what six sensors say of a movement: a path's place and speed, turned in space."""
    t = np.linspace(0, rng.uniform(1.2, 2.4), STEPS) + rng.uniform(0, 1)
    turn = math.tau * t
    path = {
        "circle": (np.cos(turn), np.sin(turn)),
        "eight": (np.sin(turn), np.sin(2 * turn)),
        "zigzag": (2 * t - 2, 2 * np.abs((3 * t) % 1 - 0.5)),
        "sweep": (np.cos(turn), 0.2 * np.cos(turn)),
        "square": (np.clip(1.6 * np.cos(turn), -1, 1), np.clip(1.6 * np.sin(turn), -1, 1)),
        "spiral": (0.5 * t * np.cos(turn), 0.5 * t * np.sin(turn)),
    }[kind]
    place = np.stack(path, axis=1) * rng.uniform(0.6, 1.4)
    both = np.concatenate([place, np.gradient(place, axis=0) * 4, place**2], axis=1)
    mixed = both @ (np.eye(SENSORS) + rng.normal(0, 0.12, (SENSORS, SENSORS)))
    return (mixed + rng.normal(0, 0.45, mixed.shape)).astype(np.float32)


def draw_phases(root: Path, part: str, count: int, rng: np.random.Generator) -> None:
    """Write PART.npz and PART/*.npy: ``signal``, shape (samples, 32, 3), and a label each step."""
    labels = np.zeros((count * MANY, STEPS), np.int64)
    signals = rng.normal(0, 0.55, (count * MANY, STEPS, 3))
    forms = np.array([[0, 0, 0], [1, 1, 0], [-1, 1, 0], [0, -1, 1]], float)
    for label, signal in zip(labels, signals, strict=True):
        ends = np.sort(rng.integers(4, STEPS - 4, 3))
        for start, stop in zip([0, *ends], [*ends, STEPS], strict=True):
            label[start:stop] = rng.integers(len(forms))
        signal += forms[label] * rng.uniform(0.6, 1.4)
    write_arrays(root / part, signal=signals.astype(np.float32), labels=labels)


def draw_sounds(root: Path, part: str, count: int, rng: np.random.Generator) -> None:
    """Write PART.npz and PART/*.npy: ``mfcc``, shape (samples, 49, 10, 1), and ``labels``."""
    labels = rng.integers(len(SOUNDS), size=count * MANY)
    features = np.stack([mfcc(_sound(rng, SOUNDS[label])) for label in labels])
    write_arrays(root / part, mfcc=features[..., None], labels=labels)


def _sound(rng: np.random.Generator, kind: str) -> Array:
    """Return a second of a sound amid noise, shape (8000,)."""
    t = np.arange(RATE) / RATE
    low = rng.uniform(*TONE_HZ)
    rate = rng.uniform(3, 6)
    hz = np.full(RATE, low)
    if kind == "rising":
        hz = low * (1 + t)
    elif kind == "falling":
        hz = low * (2 - t)
    elif kind == "vibrato":
        hz = low * (1 + 0.12 * np.sin(math.tau * rate * t))
    elif kind == "siren":
        hz = low * np.where((rate * t) % 1 < 0.5, 1.0, 1.5)
    wave = np.sin(math.tau * np.cumsum(hz) / RATE)
    if kind == "pulses":
        wave *= (2 * rate * t) % 1 < 0.4
    elif kind == "noise":
        wave = rng.normal(0, 0.7, RATE) * ((rate * t) % 1 < 0.5)
    elif kind == "dyad":
        wave = 0.7 * (wave + np.sin(math.tau * 1.5 * low * t))
    gain = 10 ** (rng.uniform(QUIET_DB, LOUD_DB) / 20)
    return gain * wave + rng.normal(0, 0.7, RATE)


def mfcc(sound: Array) -> Array:
    """Return mel-frequency cepstral coefficients, shape (49, 10), of a second at 8 kHz.

    Davis and Mermelstein 1980: power in 20 triangular bands on the mel scale, logarithm, DCT.
    """
    frames = np.stack([sound[n * HOP : n * HOP + WINDOW] for n in range(FRAMES)])
    power = np.abs(np.fft.rfft(frames * np.hanning(WINDOW), 512)) ** 2
    bands = np.log(power @ _mel_filters() + 1e-3)
    steps = np.arange(bands.shape[1]) + 0.5
    cosines = np.cos(math.pi * np.outer(steps, np.arange(BANDS)) / len(steps))
    return (bands @ cosines / len(steps)).astype(np.float32)


def _mel_filters(count: int = 20) -> Array:
    """Return triangular filters, shape (257, bands)."""
    mels = np.linspace(0, 2595 * math.log10(1 + RATE / 2 / 700), count + 2)
    edges = 700 * (10 ** (mels / 2595) - 1)
    hz = np.linspace(0, RATE / 2, 257)[:, None]
    up = (hz - edges[:-2]) / (edges[1:-1] - edges[:-2])
    down = (edges[2:] - hz) / (edges[2:] - edges[1:-1])
    return np.clip(np.minimum(up, down), 0, None)


def draw_sized(root: Path, part: str, count: int, rng: np.random.Generator) -> None:
    """Write PART.npz and PART/*.npy: ``picture`` (samples, 32, 32, 3) in 0..1, ``numbers``, labels.

    The numbers are the distance, and two that say nothing. A label is the size that the shape has
    at its distance: 0 small, 1 middle, 2 large.
    """
    pictures, numbers, labels = [], [], []
    for _ in range(count * MANY):
        picture, radius = background(rng, 32, 32), rng.uniform(3.5, 11)
        distance = rng.uniform(*DISTANCES)
        corners = outline(SHAPES[rng.integers(2)], *rng.uniform(11, 21, 2), radius, 0)
        fill(picture, corners, bright(rng))
        pictures.append(np.asarray(noisy(rng, picture, 20), np.float32) / 255)
        numbers.append([distance, *rng.normal(0, 1, 2)])
        labels.append(np.searchsorted(REAL_SIZES, radius * distance * rng.uniform(0.9, 1.1)))
    write_arrays(
        root / part,
        picture=np.stack(pictures),
        numbers=np.array(numbers, np.float32),
        labels=np.array(labels),
    )


def read_arrays(root: Path, part: str) -> Samples:
    """Return the arrays of an ``.npz`` in their order, and the labels."""
    with np.load(root / f"{part}.npz") as arrays:
        inputs = tuple(arrays[name] for name in arrays.files if name != LABELS)
        return Samples(inputs, arrays[LABELS])


MOVEMENT_CLASSES = DataSet("movements", draw_movements, read_arrays)
PHASES = DataSet("phases", draw_phases, read_arrays)
SOUND_CLASSES = DataSet("sounds", draw_sounds, read_arrays)
SIZED = DataSet("sized", draw_sized, read_arrays)
