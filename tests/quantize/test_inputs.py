"""Models whose inputs are no photographs, or several: arrays calibrate them, as they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgecnn
from edgecnn.core.errors import InputError

Array = np.ndarray[Any, Any]
GENERATOR = np.random.default_rng(0)
SPECTRA: Array = GENERATOR.normal(size=(40, 24, 13)).astype(np.float32)


@pytest.fixture(scope="module")
def spoken(keras: Any) -> Any:
    """A model of 24 spectra of 13 values, by convolutions in one dimension."""
    keras.utils.set_random_seed(0)
    layers = keras.layers
    inputs = keras.Input((24, 13), name="spectra")
    x = layers.Conv1D(8, 3, activation="relu")(inputs)
    x = layers.GlobalAveragePooling1D()(x)
    return keras.Model(inputs, layers.Dense(4, name="word")(x), name="spoken")


@pytest.fixture(scope="module")
def spoken_file(spoken: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("spoken") / "spoken.keras"
    spoken.save(path)
    return path


@pytest.fixture(scope="module")
def spectra(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("spectra") / "spectra.npz"
    np.savez(path, spectra=SPECTRA)
    return path


def answers(path: Path, **inputs: Array) -> list[dict[str, Array]]:
    """Run a file by its signature on samples one by one, as programs do."""
    from ai_edge_litert.interpreter import Interpreter

    run = Interpreter(model_path=str(path)).get_signature_runner()
    names = list(inputs)
    return [
        run(**{name: sample[None] for name, sample in zip(names, samples, strict=True)})
        for samples in zip(*inputs.values(), strict=True)
    ]


def sqnr_db(found: Array, wanted: Array) -> float:
    noise = float(((found - wanted) ** 2).mean())
    return 10 * float(np.log10(float((wanted**2).mean()) / max(noise, 1e-30)))


@pytest.mark.parametrize(("scheme", "least_db"), [("float32", 100), ("int8", 30), ("int16x8", 35)])
def test_an_array_calibrates_what_is_no_image(
    scheme: str, least_db: float, spoken: Any, spoken_file: Path, spectra: Path, tmp_path: Path
) -> None:
    (result,) = edgecnn.convert(
        spoken_file, quantize=scheme, calibrate=spectra, samples=20, output=tmp_path / "a.tflite"
    )
    found = answers(result.path, spectra=SPECTRA)
    words = np.concatenate([answer["word"] for answer in found])
    assert sqnr_db(words, spoken.predict(SPECTRA, verbose=0)) > least_db
    assert (result.input_dtype, result.input) == ("float32", None)


def test_a_folder_of_npy_files(spoken_file: Path, spectra: Path, tmp_path: Path) -> None:
    folder = tmp_path / "arrays"
    folder.mkdir()
    np.save(folder / "spectra.npy", SPECTRA)
    made = [
        edgecnn.convert(spoken_file, calibrate=data, samples=20, output=tmp_path / name)[0]
        for data, name in ((folder, "a.tflite"), (spectra, "b.tflite"))
    ]
    assert made[0].sha256 == made[1].sha256


def test_several_inputs_and_outputs(keras: Any, tmp_path: Path) -> None:
    keras.utils.set_random_seed(0)
    layers = keras.layers
    photo, place = keras.Input((16, 16, 3), name="photo"), keras.Input((4,), name="place")
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(8, 3, activation="relu")(photo))
    x = layers.Concatenate()([x, place])
    kind, size = layers.Dense(5, activation="softmax", name="kind"), layers.Dense(1, name="size")
    model = keras.Model([photo, place], [kind(x), size(x)])
    inputs: dict[str, Array] = {
        # The alphabet's order is not the model's.
        "place": GENERATOR.uniform(-1, 1, (40, 4)).astype(np.float32),
        "photo": GENERATOR.uniform(-1, 1, (40, 16, 16, 3)).astype(np.float32),
    }
    np.savez(tmp_path / "data.npz", **inputs)  # type: ignore[arg-type]
    model.save(tmp_path / "two.keras")
    (result,) = edgecnn.convert(
        tmp_path / "two.keras",
        calibrate=tmp_path / "data.npz",
        samples=30,
        output=tmp_path / "two.tflite",
    )
    found = answers(result.path, **inputs)
    wanted = model.predict([inputs["photo"], inputs["place"]], verbose=0)
    assert list(found[0]) == ["kind", "size"]
    for name, each in zip(("kind", "size"), wanted, strict=True):
        assert sqnr_db(np.concatenate([answer[name] for answer in found]), each) > 25
    assert result.proof is not None
    compared = [(each.name, each.kind.value) for each in result.proof.after.outputs]
    assert compared == [("kind", "classes"), ("size", "numbers")]
    assert not any("neither corrected nor compared" in warning for warning in result.warnings)


def test_whole_numbers_go_in_as_they_are(keras: Any, tmp_path: Path) -> None:
    keras.utils.set_random_seed(0)
    layers = keras.layers
    tokens = keras.Input((12,), dtype="int32", name="tokens")
    x = layers.GlobalAveragePooling1D()(layers.Embedding(50, 8)(tokens))
    model = keras.Model(tokens, layers.Dense(3, name="topic")(x))
    model.save(tmp_path / "text.keras")
    texts = GENERATOR.integers(0, 50, (30, 12))
    np.savez(tmp_path / "texts.npz", tokens=texts)
    (result,) = edgecnn.convert(
        tmp_path / "text.keras", calibrate=tmp_path / "texts.npz", output=tmp_path / "text.tflite"
    )
    found = answers(result.path, tokens=texts.astype(np.int32))
    topics = np.concatenate([answer["topic"] for answer in found])
    assert sqnr_db(topics, model.predict(texts, verbose=0)) > 25
    assert result.input_dtype == "int32"


def test_grey_images_without_a_channel(keras: Any, tmp_path: Path) -> None:
    keras.utils.set_random_seed(0)
    layers = keras.layers
    digit = keras.Input((28, 28), name="digit")
    x = layers.Conv2D(8, 3, strides=2, activation="relu")(layers.Reshape((28, 28, 1))(digit))
    model = keras.Model(digit, layers.Dense(10)(layers.Flatten()(x)))
    model.save(tmp_path / "digits.keras")
    (result,) = edgecnn.convert(
        tmp_path / "digits.keras",
        calibrate="digits-train",
        preprocess="unit",
        output=tmp_path / "digits.tflite",
    )
    assert (result.input_shape, result.input_dtype) == ((1, 28, 28), "uint8")
    assert any("grey image without a channel" in warning for warning in result.warnings)
    assert result.proof is not None and result.proof.after.agreement > 0.9


def test_a_batch_that_the_model_was_built_for(keras: Any, tmp_path: Path) -> None:
    layers = keras.layers
    of_eight = keras.Input(batch_shape=(8, 6), name="eight")
    keras.Model(of_eight, layers.Dense(3)(of_eight)).save(tmp_path / "free.keras")
    fixed = layers.Reshape((6,))(keras.ops.reshape(of_eight, (8, 2, 3)))
    keras.Model(of_eight, layers.Dense(3)(fixed)).save(tmp_path / "fixed.keras")
    shapes = [
        edgecnn.convert(
            tmp_path / f"{name}.keras", quantize="float32", output=tmp_path / f"{name}.tflite"
        )[0].input_shape
        for name in ("free", "fixed")
    ]
    assert shapes == [(1, 6), (8, 6)]


def test_an_image_shaped_input_takes_numbers_that_are_called_like_it(
    keras: Any, tmp_path: Path
) -> None:
    layers = keras.layers
    mel = keras.Input((24, 13, 1), name="mel")
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(8, 3, activation="relu")(mel))
    keras.Model(mel, layers.Dense(4)(x)).save(tmp_path / "mel.keras")
    np.savez(tmp_path / "named.npz", mel=SPECTRA[..., None])
    np.savez(tmp_path / "other.npz", x=SPECTRA[..., None])
    (result,) = edgecnn.convert(
        tmp_path / "mel.keras", calibrate=tmp_path / "named.npz", output=tmp_path / "mel.tflite"
    )
    assert (result.input_dtype, result.input) == ("float32", None)
    with pytest.raises(
        InputError, match=r"0\.\.255 are needed.*an array called 'mel' goes in as it"
    ):
        edgecnn.convert(
            tmp_path / "mel.keras",
            calibrate=tmp_path / "other.npz",
            preprocess="raw",
            output=tmp_path / "other.tflite",
        )


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"other": SPECTRA, "another": SPECTRA}, "no array 'spectra', shape .samples, 24, 13."),
        ({"spectra": SPECTRA[:, :20]}, r"shape \(40, 20, 13\), and the input 'spectra' takes"),
        ({"spectra": SPECTRA[0]}, r"shape \(24, 13\), and"),
        ({"spectra": SPECTRA[:4]}, "4 sample.s., too few"),
        ({"spectra": np.where(SPECTRA > 2, np.nan, SPECTRA)}, "NaN or infinite"),
        ({"spectra": SPECTRA.astype("U5")}, "dtype <U5, and the input 'spectra' takes float32"),
    ],
)
def test_arrays_that_do_not_fit(
    arrays: dict[str, Array], reason: str, spoken_file: Path, tmp_path: Path
) -> None:
    np.savez(tmp_path / "data.npz", **arrays)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=reason):
        edgecnn.convert(spoken_file, calibrate=tmp_path / "data.npz", output=tmp_path / "a.tflite")
    assert not (tmp_path / "a.tflite").exists()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"calibrate": "digits-train"}, "takes no images but 'spectra' .1x24x13, float32."),
        ({"preprocess": "tf"}, "is for images, and .* takes 'spectra'"),
        ({"resize": "crop"}, "is for images"),
        ({"input_type": "uint8"}, '^input_type="uint8" is for images'),
    ],
)
def test_options_of_images(
    options: dict[str, Any], reason: str, spoken_file: Path, spectra: Path, tmp_path: Path
) -> None:
    given: dict[str, Any] = {"calibrate": spectra, **options}
    with pytest.raises(InputError, match=reason):
        edgecnn.convert(spoken_file, output=tmp_path / "a.tflite", **given)


def test_an_open_shape_is_given(
    keras: Any, run_tflite: Callable[[Path, Array], Array], tmp_path: Path
) -> None:
    layers = keras.layers
    open_time = keras.Input((None, 13), name="spectra")
    x = layers.GlobalAveragePooling1D()(layers.Conv1D(8, 3)(open_time))
    model = keras.Model(open_time, layers.Dense(4)(x))
    model.save(tmp_path / "open.keras")
    with pytest.raises(InputError, match=r'by input_shapes=\{"": \(N, N, 13\)\} with'):
        edgecnn.convert(tmp_path / "open.keras", quantize="float32", output=tmp_path / "a.tflite")
    (result,) = edgecnn.convert(
        tmp_path / "open.keras",
        quantize="float32",
        input_shapes={"spectra": (1, 24, 13)},
        output=tmp_path / "a.tflite",
    )
    found = run_tflite(result.path, SPECTRA[:5])
    assert sqnr_db(found, model.predict(SPECTRA[:5], verbose=0)) > 100
