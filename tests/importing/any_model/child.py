"""What is done with a case in a process of its own: ``python -m tests.importing.any_model.child``.

Whatever crashes there, a converter or the runtime, is the failure of one row of the table.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.tflite.ops import PROBABILITY_OPS

from . import format_cases, keras_cases, layer_cases  # noqa: F401 (they register their cases)
from .cases import ANSWERED, ASKED, CASES, SAMPLES, Array, Case, Source, as_input, samples

FITTED, TESTED = "calibration.npz", "tested.npz"

LEAST_RIGHT = 0.9
"""Share of words that a file must answer as its source does."""


def make(name: str, folder: Path, *schemes: str) -> None:
    """Write a case's source, its samples and answers, and then the plain converter's files."""
    case = CASES[name]
    source = _source(case, folder)
    drawn, pixels = samples(source, SAMPLES, seed=1), samples(source, ANSWERED, seed=2)
    values = as_input(case, source, pixels)
    np.savez(folder / FITTED, **_named(source, drawn))
    np.savez(
        folder / TESTED,
        **{f"pixels_{n}": each for n, each in enumerate(pixels)},
        **{f"values_{n}": each for n, each in enumerate(values)},
        **{f"answers_{n}": each for n, each in enumerate(source.answer(values))},
    )
    is_saved = isinstance(source.model, Path)
    asked = {
        "source": str(source.model) if is_saved else None,
        "keywords": case.keywords(folder, source),
    }
    (folder / ASKED).write_text(json.dumps(asked))
    _plain_files(case, source, folder, schemes)


def plain(name: str, folder: Path, scheme: str) -> None:
    """Write the plain converter's files of one scheme."""
    _plain_files(CASES[name], _source(CASES[name], folder), folder, [scheme])


def _plain_files(case: Case, source: Source, folder: Path, schemes: Sequence[str]) -> None:
    fitted = as_input(case, source, samples(source, SAMPLES, seed=1))
    for scheme in schemes:
        for number, converter in enumerate(source.converters):
            path = folder / f"plain_{scheme}_{number}.tflite"
            try:
                path.write_bytes(_set(converter(), scheme, fitted).convert())
            except Exception as error:  # Whatever a converter raises, there is no file of it.
                path.with_suffix(".failure").write_text(str(error))


def _source(case: Case, folder: Path) -> Source:
    import keras

    keras.utils.set_random_seed(0)
    return case.make(folder)


def _named(source: Source, drawn: Sequence[Array]) -> dict[str, Array]:
    if len(drawn) == 1 and source.inputs[0].is_image:
        return {"images": drawn[0]}
    return {each.name: values for each, values in zip(source.inputs, drawn, strict=True)}


def _set(converter: Any, scheme: str, fitted: Sequence[Array]) -> Any:
    """Give a converter the documented settings of a scheme; ops without integers stay in float."""
    import tensorflow as tf

    if scheme != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if scheme == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if scheme in ("int8", "int16x8"):
        converter.representative_dataset = lambda: _one_by_one(fitted)
        sets = tf.lite.OpsSet
        integers = {
            "int8": sets.TFLITE_BUILTINS_INT8,
            "int16x8": sets.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8,
        }[scheme]
        converter.target_spec.supported_ops = [integers, sets.TFLITE_BUILTINS]
    return converter


def _one_by_one(fitted: Sequence[Array]) -> Iterator[list[Array]]:
    for number in range(len(fitted[0])):
        yield [values[number : number + 1] for values in fitted]


def convert(name: str, folder: Path, *schemes: str) -> dict[str, Any]:
    """Convert a case's source; return each file's path, and what went wrong."""
    import edgecnn
    from edgecnn.core.errors import EdgecnnError

    asked, outcome = json.loads((folder / ASKED).read_text()), {}
    source = asked["source"] or _source(CASES[name], folder).model
    keywords = {n: tuple(v) if isinstance(v, list) else v for n, v in asked["keywords"].items()}
    if not {"int8", "int16x8"}.isdisjoint(schemes):
        keywords["calibrate"] = folder / FITTED

    def done(result: Any) -> None:
        outcome[result.scheme] = str(result.path)

    target = folder / "ours"
    target.mkdir(exist_ok=True)
    try:
        edgecnn.convert(
            source,
            quantize=list(schemes),
            output=target,
            on_result=done,
            **keywords,
        )
    except EdgecnnError as error:
        outcome["failure"] = str(error)
    return outcome


def measure(folder: Path, *paths: Path) -> list[dict[str, Any]]:
    """Run files over a case's samples; return how near each one's answers are, and what it is."""
    with np.load(folder / TESTED) as tested:
        arrays = dict(tested)
    return [_figures(path, arrays) for path in paths]


def _figures(path: Path, arrays: dict[str, Array]) -> dict[str, Any]:
    from edgecnn.model_metadata.writing import with_packed_files
    from edgecnn.tflite.reading import read_model

    model = read_model(path)
    ran = _run(path, arrays)
    wanted = _numbered(arrays, "answers")
    matched = _matched([each.shape[1:] for each in wanted], [each.shape[1:] for each in ran])
    return {
        "sqnr_db": min(_sqnr_db(wanted[n], ran[place]) for n, place in enumerate(matched)),
        "inputs": [tensor.dtype for tensor in model.inputs],
        "outputs": [tensor.dtype for tensor in model.outputs],
        "ops": model.ops_by_dtype,
        "float_ops": _float_ops(model),
        "bytes": len(with_packed_files(path.read_bytes(), {})),
    }


def _float_ops(model: Any) -> int:
    """Return how many ops compute in floats, but for conversions and a softmax at the end."""
    ends = {tensor.index for tensor in model.outputs}
    return sum(
        op.dtype == "float32"
        and op.name not in ("QUANTIZE", "DEQUANTIZE")
        and not (op.name in PROBABILITY_OPS and op.outputs[0].index in ends)
        for op in model.operators
    )


def _numbered(arrays: dict[str, Array], kind: str) -> list[Array]:
    return [arrays[f"{kind}_{n}"] for n in range(len(arrays)) if f"{kind}_{n}" in arrays]


def _run(path: Path, arrays: dict[str, Array]) -> list[Array]:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=1)
    pixels, values = _numbered(arrays, "pixels"), _numbered(arrays, "values")
    for entry in interpreter.get_input_details():
        if any(side < 1 for side in entry["shape_signature"]):
            interpreter.resize_tensor_input(entry["index"], [1, *entry["shape"][1:]])
    interpreter.allocate_tensors()
    entries, results = interpreter.get_input_details(), interpreter.get_output_details()
    matched = _matched([each.shape[1:] for each in pixels], [e["shape"][1:] for e in entries])
    rows = []
    for number in range(ANSWERED):
        for n, place in enumerate(matched):
            given = pixels[n] if entries[place]["dtype"] == np.uint8 else values[n]
            value = given[number].reshape(entries[place]["shape"])
            interpreter.set_tensor(entries[place]["index"], _as_taken(value, entries[place]))
        interpreter.invoke()
        rows.append([_real(interpreter.get_tensor(each["index"]), each) for each in results])
    return [np.concatenate(parts) for parts in zip(*rows, strict=True)]


def _as_taken(value: Array, entry: dict[str, Any]) -> Array:
    """Return a sample in a file's element type; integers that stand for numbers have a scale."""
    scale, zero_point = entry["quantization"]
    dtype = entry["dtype"]
    if value.dtype == np.float32 and np.issubdtype(dtype, np.integer) and scale:
        limits = np.iinfo(dtype)
        return np.clip(np.rint(value / scale) + zero_point, limits.min, limits.max).astype(dtype)
    return value.astype(dtype)


def _real(values: Array, entry: dict[str, Any]) -> Array:
    if values.dtype.kind == "O":
        return values.astype("S")
    scale, zero_point = entry["quantization"]
    real: Array = values.astype(np.float32)
    return (real - zero_point) * scale if scale else real


def _matched(wanted: Sequence[Any], found: Sequence[Any]) -> list[int]:
    """Return for each array the place of the tensor with as many values, each taken once."""
    free, places = list(range(len(found))), []
    for shape in wanted:
        place = next(p for p in free if np.prod(found[p]) == np.prod(shape))
        free.remove(place)
        places.append(place)
    return places


def _sqnr_db(wanted: Array, found: Array) -> float:
    """Return the power of the source's answers over that of the difference, in decibels."""
    if wanted.dtype.kind == "S":
        # Words are right or wrong; of two classes that are nearly alike, either may be named.
        right = np.mean(wanted.ravel() == found.ravel())
        return float("inf") if right >= LEAST_RIGHT else float("-inf")
    wanted = wanted.astype(np.float64).reshape(-1)
    noise = float(np.mean((found.astype(np.float64).reshape(-1) - wanted) ** 2))
    if not np.isfinite(noise):
        raise ArithmeticError("the file's answers are not finite")
    return float(10 * np.log10(np.mean(wanted**2) / noise)) if noise else float("inf")


def main() -> None:
    """Do one thing, and print its outcome as the last line."""
    verb, *arguments = sys.argv[1:]
    actions: dict[str, Callable[[], Any]] = {
        "make": lambda: make(arguments[0], Path(arguments[1]), *arguments[2:]),
        "plain": lambda: plain(arguments[0], Path(arguments[1]), arguments[2]),
        "convert": lambda: convert(arguments[0], Path(arguments[1]), *arguments[2:]),
        "measure": lambda: measure(*map(Path, arguments)),
    }
    print(f"\n{json.dumps(actions[verb]())}")


if __name__ == "__main__":
    main()
