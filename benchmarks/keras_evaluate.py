"""Top-1 of Keras models by edgecnn and by ``evaluate`` of a plain Keras script, on the same photos.

    python benchmarks/keras_evaluate.py --photos DIR --label-offset 1 MODEL.keras ...

DIR has ``images/`` and ``val_map.txt``. Both take whole images, stretched, as
``keras.utils.image_dataset_from_directory`` loads them; edgecnn measures the float32 file. What
differs is the decoder of JPEG, and that edgecnn rounds resized levels to 8 bits, as apps do.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import edgecnn
from edgecnn.data.inputspec import PREPROCESSING, preset


def right_in_keras(model: Path, photos: Path, preprocess: str, offset: int) -> int:
    """Return how many photographs a plain Keras script is right on."""
    import keras

    loaded = keras.models.load_model(model, compile=False)
    _, height, width, _ = loaded.input_shape
    spec = preset(preprocess, height, width)
    lines = sorted((photos / "val_map.txt").read_text("utf-8").splitlines())
    labels = [int(line.split()[1]) for line in lines]
    folder = keras.utils.image_dataset_from_directory(
        photos / "images",
        labels=labels,
        label_mode="int",
        image_size=(height, width),
        shuffle=False,
    )
    images = folder.map(lambda pixels, label: ((pixels - spec.mean) / spec.std, label + offset))
    loaded.compile(metrics=["accuracy"], loss="sparse_categorical_crossentropy")
    share = loaded.evaluate(images, verbose=0, return_dict=True)["accuracy"]
    return round(float(share) * len(labels))


def right_in_edgecnn(model: Path, photos: Path, preprocess: str, offset: int) -> int:
    """Return how many photographs the converted float32 file is right on."""
    with tempfile.TemporaryDirectory() as folder:
        (made,) = edgecnn.convert(model, quantize="float32", preprocess=preprocess, output=folder)
        (record,) = edgecnn.bench(made.path, data=photos, label_offset=offset, runs=1, min_time_s=0)
    assert record.top1_percent is not None and record.images is not None
    return round(record.top1_percent / 100 * record.images)


def main() -> None:
    """Print how many photographs each model is right on, by either."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL")
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--preprocess", choices=[*PREPROCESSING], default="tf")
    parser.add_argument("--label-offset", type=int, default=0)
    asked = parser.parse_args()
    for model in asked.models:
        arguments = (model, asked.photos, asked.preprocess, asked.label_offset)
        keras_right, right = right_in_keras(*arguments), right_in_edgecnn(*arguments)
        print(f"{model.name}: Keras is right on {keras_right}, edgecnn on {right}", flush=True)


if __name__ == "__main__":
    main()
