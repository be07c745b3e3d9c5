"""SavedModels of all kinds: each signature answers in a file as it does in TensorFlow."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from ai_edge_litert.interpreter import Interpreter

from edgecnn.core.errors import ConversionError, InputError
from edgecnn.importing.input_format import LoadedModel, LoadOptions
from edgecnn.importing.sources import find_source, format_of
from edgecnn.importing.tensorflow_converter import convert_traced
from edgecnn.importing.tracing import frozen_once
from edgecnn.models.build_options import BuildOptions
from edgecnn.tflite.serialization import write_graph

from .outside_models import edited

SIDE = 8
IMAGES = (None, SIDE, SIDE, 3)
Values = npt.NDArray[Any]


def load(
    path: Path,
    signature: str | None = None,
    size: tuple[int, int] | None = None,
    **shapes: tuple[int, ...],
) -> LoadedModel:
    """Load a model as a child does, in this process."""
    source = find_source(str(path)).with_choices(signature, None, shapes)
    return format_of(source).load(source, LoadOptions(size, {}))


def inputs_of(model: LoadedModel) -> dict[str, Values]:
    rng = np.random.Generator(np.random.PCG64(1))
    return {each.name: rng.uniform(0, 255, each.shape).astype(each.dtype) for each in model.inputs}


def answers(model: LoadedModel, inputs: dict[str, Values], calls: int = 1) -> dict[str, Values]:
    """Return the last of a float graph's answers, by the names of the model's outputs."""
    interpreter = Interpreter(model_content=write_graph(model.float_graph(None)))
    interpreter.allocate_tensors()
    for place, each in zip(interpreter.get_input_details(), model.inputs, strict=True):
        interpreter.set_tensor(place["index"], inputs[each.name])
    for _ in range(calls):
        interpreter.invoke()
    return {
        each.name: interpreter.get_tensor(place["index"])
        for place, each in zip(interpreter.get_output_details(), model.outputs, strict=True)
    }


def assert_as_in_tensorflow(
    tf: Any, path: Path, model: LoadedModel, signature: str = "serving_default", calls: int = 1
) -> None:
    """Assert that a file answers as the signature does when it is called for the nth time."""
    inputs = inputs_of(model)
    called = tf.saved_model.load(str(path)).signatures[signature]
    stated = called.structured_input_signature[1]
    for _ in range(calls):
        wanted = called(**{name: tf.cast(x, stated[name].dtype) for name, x in inputs.items()})
    found = answers(model, inputs, calls)
    assert set(found) == set(wanted)
    for name, values in wanted.items():
        np.testing.assert_allclose(found[name], values.numpy(), rtol=1e-4, atol=1e-4)


def signatures_of(tf: Any) -> dict[str, tuple[Sequence[Any], Callable[..., Any]]]:
    """Return the type of each signature's input, and what it answers."""
    weights = tf.random.stateless_normal((3, 4), (1, 2)) / 255

    def mean(image: Any, axes: Sequence[int] = (1, 2)) -> Any:
        return tf.reduce_mean(image, axes) @ tf.cast(weights, image.dtype)

    def of_bytes(image: Any) -> Any:
        turned = tf.image.resize(image[:, ::-1], (6, 6), "nearest")
        return mean(tf.cast(turned, tf.float32) / 127.5 - 1.0)

    def of_jpeg(files: Any) -> Any:
        def decode(content: Any) -> Any:
            return tf.image.resize(tf.io.decode_jpeg(content, 3), (SIDE, SIDE))

        return mean(tf.map_fn(decode, files, fn_output_signature=tf.float32))

    return {
        "bytes": ((IMAGES, tf.uint8), of_bytes),
        "halves": (
            (IMAGES, tf.uint8),
            lambda x: mean(tf.cast(tf.cast(x, tf.int32) // 2, tf.float32)),
        ),
        "jpeg": (((None,), tf.string), of_jpeg),
        "four": (((4, SIDE, SIDE, 3), tf.float32), mean),
        "held to four": (
            ((4, SIDE, SIDE, 3), tf.float32),
            lambda x: mean(tf.reshape(x, (4, 2, SIDE * SIDE // 2, 3))),
        ),
        "channels_first": (((None, 3, SIDE, SIDE), tf.float32), lambda x: mean(x, (2, 3))),
        "doubles": ((IMAGES, tf.float64), mean),
        "open": (((None, None, None, 3), tf.float32), mean),
        "no_rank": ((None, tf.float32), lambda x: mean(tf.reshape(x, (-1, SIDE, SIDE, 3)))),
    }


@pytest.fixture(scope="session")
def many(tf: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SavedModel with a signature of each kind, and no ``serving_default``."""
    folder = tmp_path_factory.mktemp("many") / "model"
    module, made = tf.Module(), {}
    for name, (spec, answer) in signatures_of(tf).items():
        function = tf.function(
            lambda image, answer=answer: {"scores": answer(image)},
            input_signature=[tf.TensorSpec(*spec, name="image")],
        )
        made[name] = function.get_concrete_function()
    tf.saved_model.save(module, str(folder), signatures=made)
    return folder


@pytest.mark.parametrize(
    ("signature", "shape"),
    [
        ("bytes", (1, SIDE, SIDE, 3)),
        ("halves", (1, SIDE, SIDE, 3)),
        ("channels_first", (1, 3, SIDE, SIDE)),
        ("doubles", (1, SIDE, SIDE, 3)),
        ("held to four", (4, SIDE, SIDE, 3)),
    ],
)
def test_each_signature(tf: Any, many: Path, signature: str, shape: tuple[int, ...]) -> None:
    model = load(many, signature)
    ((name, found, dtype),) = [(each.name, each.shape, each.dtype) for each in model.inputs]
    assert (name, found, dtype) == ("image", shape, "float32")
    assert_as_in_tensorflow(tf, many, model, signature)


def test_pixels_of_bytes_need_no_cast(many: Path) -> None:
    kinds = [op.kind for op in load(many, "bytes").float_graph(None).ops]
    assert "CAST" not in kinds
    # What is computed with whole numbers, here a division without rest, has to stay so.
    assert "CAST" in [op.kind for op in load(many, "halves").float_graph(None).ops]


def test_a_batch_that_nothing_holds_on_to_becomes_one(tf: Any, many: Path) -> None:
    model = load(many, "four")
    assert model.inputs[0].shape == (1, SIDE, SIDE, 3)
    assert model.outputs[0].shape == (1, 4)
    image = inputs_of(model)["image"]
    called = tf.saved_model.load(str(many)).signatures["four"]
    wanted = called(image=tf.constant(np.repeat(image, 4, axis=0)))["scores"].numpy()
    np.testing.assert_allclose(answers(model, {"image": image})["scores"], wanted[:1], rtol=1e-5)


def test_open_sizes_and_ranks_are_asked_for(many: Path) -> None:
    assert load(many, "open", (12, 10)).inputs[0].shape == (1, 12, 10, 3)
    assert load(many, "no_rank", image=(1, 8, 8, 3)).inputs[0].shape == (1, 8, 8, 3)
    with pytest.raises(InputError, match="--input-shape image=1,224,224,3"):
        load(many, "no_rank")


def test_a_signature_is_chosen_by_name(many: Path) -> None:
    with pytest.raises(InputError, match=r"9 signatures \('bytes', .*\): choose by --signature"):
        load(many)
    with pytest.raises(InputError, match="no signature 'serve': it has 'bytes', 'halves'"):
        load(many, "serve")


def test_files_of_images_are_refused_with_what_to_export(many: Path) -> None:
    with pytest.raises(ConversionError, match=r"DecodeJpeg.*export a signature that takes pixels"):
        load(many, "jpeg").float_graph(None)


def test_the_usual_signature_is_taken(tf: Any, plain: Path) -> None:
    assert_as_in_tensorflow(tf, plain, load(plain))
    assert_as_in_tensorflow(tf, plain, load(plain, "serving_default"))


def test_a_model_without_signatures(tf: Any, tmp_path: Path) -> None:
    tf.saved_model.save(tf.Module(), str(tmp_path / "model"))
    with pytest.raises(InputError, match=r"save it with tf\.saved_model\.save\(.*signatures"):
        load(tmp_path / "model")


def test_several_inputs_and_outputs(keras: Any, tf: Any, tmp_path: Path) -> None:
    layers = keras.layers
    image, facts = keras.Input((SIDE, SIDE, 3), name="z"), keras.Input((4,), name="a")
    x = layers.Concatenate()([layers.GlobalAveragePooling2D()(image), facts])
    model = keras.Model([image, facts], [layers.Dense(3)(x), layers.Dense(2)(x)])
    model.export(tmp_path / "model", verbose=False)
    loaded = load(tmp_path / "model")
    assert {each.name: each.shape for each in loaded.inputs} == {
        "z": (1, SIDE, SIDE, 3),
        "a": (1, 4),
    }
    assert_as_in_tensorflow(tf, tmp_path / "model", loaded)


@pytest.mark.parametrize("kind", ["resource", "reference"])
def test_variables_of_tensorflow_1(tf: Any, kind: str, tmp_path: Path) -> None:
    v1 = tf.compat.v1
    folder = str(tmp_path / "model")
    with tf.Graph().as_default(), v1.Session() as session:
        image = v1.placeholder(tf.float32, IMAGES)
        with v1.variable_scope("net", use_resource=kind == "resource"):
            weights = v1.get_variable("w", (3, 3, 3, 4))
            count = v1.get_variable("count", (), initializer=tf.zeros_initializer())
        x = tf.nn.conv2d(image, weights, 1, "SAME") / 255
        with tf.control_dependencies([v1.assign_add(count, 1.0)]):
            scores = tf.reduce_mean(x, (1, 2)) * count.read_value()
        session.run(v1.global_variables_initializer())
        v1.saved_model.simple_save(session, folder, {"image": image}, {"scores": scores})
    assert_as_in_tensorflow(tf, Path(folder), load(Path(folder)))


class Changing:
    """Modules whose variables change while they answer."""

    @staticmethod
    def counted(tf: Any, module: Any, x: Any) -> Any:
        module.state.assign_add([1.0, 2.0, 3.0])
        first = module.state.read_value()
        module.state.assign_sub([0.5, 0.5, 0.5])
        return tf.reduce_mean(x, (1, 2)) * first + module.state

    @staticmethod
    def scattered(tf: Any, module: Any, x: Any) -> Any:
        before = tf.identity(module.state)
        module.state.scatter_nd_update([[1]], [7.0])
        module.state[2:].assign([9.0])
        return tf.reduce_mean(x, (1, 2)) + module.state * 10.0 + before

    @staticmethod
    def only_counted_in_a_loop(tf: Any, module: Any, x: Any) -> Any:
        for _ in tf.range(tf.cast(tf.reduce_max(x), tf.int32)):
            module.state.assign_add([1.0, 1.0, 1.0])
        return tf.reduce_mean(x, (1, 2))

    @staticmethod
    def read_after_a_loop(tf: Any, module: Any, x: Any) -> Any:
        for _ in tf.range(3):
            module.state.assign_add([1.0, 1.0, 1.0])
        return tf.reduce_mean(x, (1, 2)) + module.state

    @staticmethod
    def changed_in_a_branch(tf: Any, module: Any, x: Any) -> Any:
        if tf.reduce_mean(x) > 100:
            module.state.assign(module.state * 2.0)
        return tf.reduce_mean(x, (1, 2)) + module.state

    @staticmethod
    def scattered_in_a_loop(tf: Any, module: Any, x: Any) -> Any:
        for place in tf.range(2):
            module.state.scatter_nd_update([[place]], [7.0])
        return tf.reduce_mean(x, (1, 2)) + module.state


def changing(tf: Any, name: str, folder: Path) -> Path:
    module = tf.Module()
    module.state = tf.Variable([1.0, 2.0, 3.0], name="state")
    answer = tf.autograph.to_graph(getattr(Changing, name))
    module.call = tf.function(
        lambda image: answer(tf, module, image),
        input_signature=[tf.TensorSpec(IMAGES, tf.float32, name="image")],
    )
    tf.saved_model.save(module, str(folder), signatures=module.call)
    return folder


KEPT = ["counted", "read_after_a_loop", "changed_in_a_branch"]


@pytest.mark.parametrize("name", [*KEPT, "only_counted_in_a_loop"])
def test_variables_change_from_call_to_call(tf: Any, name: str, tmp_path: Path) -> None:
    folder = changing(tf, name, tmp_path / "model")
    model = load(folder)
    assert_as_in_tensorflow(tf, folder, model, calls=2)
    says = " ".join(model.notes)
    assert ("its variables change with each call (state), and so they do" in says) == (name in KEPT)


def test_variables_that_no_kernel_changes_have_their_values_of_the_first_call(
    tf: Any, tmp_path: Path
) -> None:
    folder = changing(tf, "scattered", tmp_path / "model")
    model = load(folder)
    assert_as_in_tensorflow(tf, folder, model)
    assert "in the file each call starts from the values that were saved" in " ".join(model.notes)


def test_a_variable_that_a_loop_changes_without_a_kernel_is_named(tf: Any, tmp_path: Path) -> None:
    folder = changing(tf, "scattered_in_a_loop", tmp_path / "model")
    with pytest.raises(ConversionError, match=r"'.*model': a loop or branch .* variable 'state'"):
        load(folder)


def test_augmentation_is_left_out(keras: Any, tf: Any, tmp_path: Path) -> None:
    """Keras' ``export`` has these layers draw numbers, and saves that."""
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 3)),
            layers.RandomFlip(),
            layers.RandomRotation(0.1, name="turned"),
            layers.RandomZoom(0.1),
            layers.RandomContrast(0.1),
            layers.RandomTranslation(0.1, 0.1),
            layers.Conv2D(4, 3),
            layers.GlobalAveragePooling2D(),
        ]
    )
    model.export(tmp_path / "model", verbose=False)
    loaded = load(tmp_path / "model")
    (note,) = loaded.notes
    assert "left out what changes images at random" in note
    assert "turned" in note
    inputs = inputs_of(loaded)
    (found,) = answers(loaded, inputs).values()
    (image,) = inputs.values()
    np.testing.assert_allclose(found, model(image, training=False), rtol=1e-4)


def test_random_numbers_that_have_a_kernel_stay(tf: Any, tmp_path: Path) -> None:
    module = tf.Module()
    module.call = tf.function(
        lambda image: tf.nn.dropout(tf.reduce_mean(image, (1, 2)), 0.5),
        input_signature=[tf.TensorSpec(IMAGES, tf.float32, name="image")],
    )
    tf.saved_model.save(module, str(tmp_path / "model"), signatures=module.call)
    model = load(tmp_path / "model")
    assert "its answers hold random numbers (RandomUniform)" in model.notes[0]
    assert "RANDOM_UNIFORM" in [op.kind for op in model.float_graph(None).ops]


def test_recurrent_layers_with_an_open_batch(keras: Any, tf: Any, tmp_path: Path) -> None:
    model = keras.Sequential(
        [keras.Input((5, 4)), keras.layers.LSTM(3, return_sequences=True), keras.layers.GRU(2)]
    )
    model.export(tmp_path / "model", verbose=False)
    folder = str(tmp_path / "model")
    saved = tf.saved_model.load(folder)
    signature = saved.signatures["serving_default"]
    loaded = load(tmp_path / "model")
    (name,) = [each.name for each in loaded.inputs]
    made = frozen_once(
        lambda x: list(signature(**{name: x}).values()), loaded.inputs, had_open_batch=True
    )
    interpreter = Interpreter(model_content=convert_traced(made.function.graph))
    interpreter.allocate_tensors()
    steps = np.random.Generator(np.random.PCG64(1)).normal(size=(1, 5, 4)).astype(np.float32)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], steps)
    interpreter.invoke()
    found = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    np.testing.assert_allclose(found, model(steps), atol=1e-6)


def test_tables_from_words_to_numbers_and_back(tf: Any, tmp_path: Path) -> None:
    def table(keys: Any, values: Any, default: Any) -> Any:
        entries = tf.lookup.KeyValueTensorInitializer(tf.constant(keys), tf.constant(values))
        return tf.lookup.StaticHashTable(entries, default)

    numbers, module = np.array([4, 7], np.int64), tf.Module()
    module.places = table(["here", "there"], numbers, tf.constant(0, tf.int64))
    module.names = table(numbers, ["four", "seven"], "none")
    module.call = tf.function(
        lambda words: {
            "number": module.places.lookup(words),
            "name": module.names.lookup(module.places.lookup(words)),
        },
        input_signature=[tf.TensorSpec((None, 3), tf.string, name="words")],
    )
    tf.saved_model.save(module, str(tmp_path / "model"), signatures=module.call)
    model = load(tmp_path / "model")
    found = answers(model, {"words": np.array([["there", "x", "here"]])})
    assert found["number"].tolist() == [[7, 0, 4]]
    assert found["name"].tolist() == [[b"seven", b"none", b"four"]]


def test_a_table_of_other_types_is_named(tf: Any, tmp_path: Path) -> None:
    lookup = tf.lookup
    words = lookup.KeyValueTensorInitializer(tf.constant([0, 1]), tf.constant([5, 6]))
    module = tf.Module()
    module.table = lookup.StaticHashTable(words, -1)
    module.call = tf.function(
        lambda x: tf.cast(module.table.lookup(x), tf.float32),
        input_signature=[tf.TensorSpec((None, 4), tf.int32, name="x")],
    )
    tf.saved_model.save(module, str(tmp_path / "model"), signatures=module.call)
    with pytest.raises(ConversionError, match=r"LookupTableFindV2.*keeps tables from int64"):
        load(tmp_path / "model")


def packed(folder: Path, file: Path, top: str = "") -> Path:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*"), reverse=True):
            archive.write(path, f"{top}{path.relative_to(folder)}")
    return file


@pytest.mark.parametrize("top", ["", "exported/"])
def test_a_zip_of_the_folder(tf: Any, plain: Path, top: str, tmp_path: Path) -> None:
    file = packed(plain, tmp_path / "model.zip", top)
    assert_as_in_tensorflow(tf, plain, load(file))
    saved_model = format_of(find_source(str(file)))
    options = BuildOptions()
    assert saved_model.identity(str(file), options) == saved_model.identity(str(plain), options)


def test_zips_that_are_no_models(plain: Path, tmp_path: Path) -> None:
    whole = packed(plain, tmp_path / "model.zip").read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[: len(whole) // 2])
    outside = shutil.copy(tmp_path / "model.zip", tmp_path / "outside.zip")
    with zipfile.ZipFile(outside, "a") as archive:
        archive.writestr("../outside", "text")
    two = packed(plain, tmp_path / "two.zip", "one/")
    with zipfile.ZipFile(two, "a") as archive:
        archive.writestr("two/saved_model.pb", "text")
    for name in ("cut", "outside", "two"):
        with pytest.raises(InputError) as error:
            load(tmp_path / f"{name}.zip")
        assert "\n" not in str(error.value)
    damaged = bytearray(whole)
    damaged[len(whole) // 3] ^= 0xFF
    (tmp_path / "damaged.zip").write_bytes(damaged)
    with pytest.raises(InputError, match=r"damaged\.zip' is truncated or corrupt"):
        load(tmp_path / "damaged.zip")


def test_hostile_ops_are_found_in_zips_and_behind_any_signature(
    tf: Any, plain: Path, tmp_path: Path
) -> None:
    def reach_out(message: Any) -> None:
        function = message.meta_graphs[0].graph_def.library.function.add()
        function.signature.name = "__inference_hidden"
        function.node_def.add(name="hidden", op="ReadFile")

    folder = edited(shutil.copytree(plain, tmp_path / "model"), reach_out)
    file = packed(folder, tmp_path / "model.zip")
    for path in (folder, file):
        with pytest.raises(InputError, match=r"'ReadFile'.*--trust") as error:
            load(path, "serving_default")
        assert str(path) in str(error.value)
