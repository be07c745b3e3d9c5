"""Recurrent layers in every scheme: bytes, exactness and time, beside the plain TFLiteConverter.

    python benchmarks/loops.py [--only LSTM GRU]

Prints the table of ``docs/any-model.md``. Each model reads 28 rows of 24 numbers, or 5 maps, by one
layer of random weights, and ends in ten logits. SQNR is that of the logits over 60 sequences, in
decibels; 100 others calibrate. Time is that of a call on one thread over the float32 file's, the
median of turns. The plain converter crashes on a calibrated loop of Keras 3, so its int8 file is of
Keras 2's LSTM with the same weights, which it makes one op with integer states of.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import edgecnn
from edgecnn.tflite.runtime import LoadedFile, run_over_images
from edgecnn.tflite.schemes import SCHEMES

LAYERS = {
    "LSTM": lambda layers: layers.LSTM(64),
    "GRU": lambda layers: layers.GRU(64),
    "SimpleRNN": lambda layers: layers.SimpleRNN(64),
    "Bidirectional LSTM": lambda layers: layers.Bidirectional(layers.LSTM(32)),
    "two LSTMs": lambda layers: [layers.LSTM(64, return_sequences=True), layers.LSTM(64)],
    "ConvLSTM2D": lambda layers: [layers.ConvLSTM2D(16, 3), layers.GlobalAveragePooling2D()],
}
ROWS, MAPS = (28, 24), (5, 16, 16, 3)
CALIBRATED, ANSWERED = 100, 60
TURNS, CALLS = 25, 20

PLAIN = """
import sys
import numpy as np, tensorflow as tf, tf_keras
weights = np.load(sys.argv[1]); samples = np.load(sys.argv[2])
layers = tf_keras.layers
inputs = layers.Input((28, 24), batch_size=1)
model = tf_keras.Sequential([inputs, layers.LSTM(64), layers.Dense(10)])
model.set_weights([weights[name] for name in weights.files])
converter = tf.lite.TFLiteConverter.from_keras_model(model)
converter.optimizations = [tf.lite.Optimize.DEFAULT]
converter.representative_dataset = lambda: ([sample[None]] for sample in samples)
open(sys.argv[3], "wb").write(converter.convert())
"""


def main() -> None:
    """Convert, compare and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=LAYERS, default=list(LAYERS))
    options = parser.parse_args()
    print("| layer | file | bytes | SQNR dB | time over float32 |\n|---|---|---|---|---|")
    for name in options.only:
        with tempfile.TemporaryDirectory() as folder:
            for row in rows(name, Path(folder)):
                print(f"| {' | '.join(row)} |", flush=True)


def rows(name: str, folder: Path) -> list[list[str]]:
    """Return the rows of one layer."""
    shape = MAPS if name == "ConvLSTM2D" else ROWS
    steps = np.random.default_rng(0).normal(size=(CALIBRATED + ANSWERED, *shape))
    samples = (np.cumsum(steps, axis=1) / 4).astype(np.float32)
    model, data = model_of(name, shape), folder / "data.npz"
    model.save(folder / "model.keras")
    np.savez(data, **{model.inputs[0].name: samples[:CALIBRATED]})
    made = edgecnn.convert(
        folder / "model.keras", quantize="all", calibrate=data, samples=CALIBRATED, output=folder
    )
    files = {result.scheme: result.path.read_bytes() for result in made}
    files = {scheme: files[scheme] for scheme in SCHEMES}
    if name == "LSTM":
        files["int8, plain"] = plain_int8(model, samples[:CALIBRATED], folder)
    inputs = samples[CALIBRATED:, None]
    wanted = answers(files["float32"], inputs)
    ratios = times(files, inputs[0])
    return [
        [name if scheme == "float32" else "", scheme, f"{len(content):,}",
         decibels(wanted, answers(content, inputs)), f"{ratios[scheme]:.2f}"]
        for scheme, content in files.items()
    ]  # fmt: skip


def model_of(name: str, shape: tuple[int, ...]) -> Any:
    """Return the Keras model of a layer."""
    import keras

    keras.utils.set_random_seed(1)
    made = LAYERS[name](keras.layers)
    chain = made if isinstance(made, list) else [made]
    return keras.Sequential([keras.Input(shape), *chain, keras.layers.Dense(10)])


def plain_int8(model: Any, samples: Any, folder: Path) -> bytes:
    """Return the plain converter's int8 file of an LSTM's weights, made by Keras 2."""
    np.savez(folder / "weights.npz", *model.get_weights())
    np.save(folder / "samples.npy", samples)
    paths = [folder / "weights.npz", folder / "samples.npy", folder / "plain.tflite"]
    environment = {**os.environ, "TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    subprocess.run(
        [sys.executable, "-c", PLAIN, *map(str, paths)],
        check=True,
        env=environment,
        capture_output=True,
    )
    return paths[-1].read_bytes()


def answers(content: bytes, inputs: Any) -> Any:
    """Return a file's logits for each sample."""
    return run_over_images(content, [inputs])[0].reshape(len(inputs), -1)


def decibels(wanted: Any, found: Any) -> str:
    """Return the SQNR of logits; their mean changes no answer."""
    signal = ((wanted - wanted.mean(axis=1, keepdims=True)) ** 2).mean()
    noise = ((found - wanted) ** 2).mean()
    ratio = np.inf if not noise else 10 * np.log10(signal / noise)
    return "> 120" if ratio > 120 else f"{ratio:.1f}"


def times(files: dict[str, bytes], sample: Any) -> dict[str, float]:
    """Return each file's time over the float32 file's, timed turn by turn."""
    loaded = {scheme: LoadedFile(content, 1) for scheme, content in files.items()}
    seconds: dict[str, list[float]] = {scheme: [] for scheme in files}
    for file in loaded.values():
        file.run([sample])
    for _ in range(TURNS):
        for scheme, file in loaded.items():
            start = time.perf_counter()
            for _ in range(CALLS):
                file.run_again()
            seconds[scheme].append(time.perf_counter() - start)
    base = np.array(seconds["float32"])
    return {scheme: float(np.median(each / base)) for scheme, each in seconds.items()}


if __name__ == "__main__":
    main()
