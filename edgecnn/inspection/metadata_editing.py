"""Changing the public metadata of a file that exists: set what is named, or take it all out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from edgecnn.core.errors import EdgecnnError, InputError
from edgecnn.core.files import check_target, replacing
from edgecnn.data.preprocessing import Preprocessing
from edgecnn.inspection.clients import clients_for, drop_in_warnings
from edgecnn.inspection.inputs_outputs import own_spec
from edgecnn.model_metadata.described_file import DescribedFile, labels_in
from edgecnn.model_metadata.flatbuffer_tables import Tree
from edgecnn.model_metadata.labels import LABEL_FILE, duplicate_warning, label_bytes
from edgecnn.model_metadata.public_metadata import (
    LABEL_TYPES,
    ModelMetadata,
    TensorMetadata,
    label_file,
    normalization_unit,
)
from edgecnn.model_metadata.schema import METADATA_BUFFER
from edgecnn.model_metadata.user_metadata import About, check_text
from edgecnn.model_metadata.writing import encode_tree, with_packed_files
from edgecnn.tflite.output_kinds import (
    LABELLED_KINDS,
    SCORE_KINDS,
    JudgedOutput,
    outputs_of_file,
    what_it_gives,
)
from edgecnn.tflite.reading import CORRUPT_FILE, METADATA_NAME, TfliteModel, parse_model
from edgecnn.tflite.structure import TensorInfo
from edgecnn.tflite.writing import with_metadata_buffers

EDITING_ERRORS = (*CORRUPT_FILE, RuntimeError)
"""Errors that rewriting raises for a file that is broken deep inside, or too large."""


@dataclass(frozen=True)
class StrippedMetadata:
    """Metadata that was taken out of a file.

    Args:
        saved_bytes: By how many bytes the file has become smaller.
        packed_files: Names of the packed files that are gone.
    """

    saved_bytes: int
    packed_files: tuple[str, ...]


def set_metadata(
    path: str | Path,
    output: str | Path | None = None,
    *,
    name: str | None = None,
    about: About | None = None,
    preprocessing: Preprocessing | None = None,
) -> tuple[str, ...]:
    """Set some public metadata, and keep all other metadata and packed files.

    A file without public metadata also gets what can be seen from its model.

    Args:
        path: Any ``.tflite`` file.
        output: Path of the changed file; None to change the file in place.
        name: Name of the model; None to keep the present one.
        about: Author, licence, version, description and labels.
        preprocessing: How pixels become a float input.

    Returns:
        What the user should know, such as clients that do not take the file.

    Raises:
        InputError: The file is broken, there is nothing to set, or a value does not fit the file.

    Example:
        >>> set_metadata("model.tflite", about=About.of("labels.txt", author="Ada"))
        ()
    """
    about = about or About()
    preprocessing = preprocessing or Preprocessing()
    if name is None and about == About() and not preprocessing.gives_normalization:
        raise InputError("nothing is to be set: say for example --labels FILE or --author NAME")
    check_text("name", name or "")
    target = _target(path, output, [about.labels_file] if about.labels_file else [])
    file = DescribedFile(path)
    model, packed = file.model, file.packed_files
    tree = _tree_of(file)
    _set_texts(tree, name, about)
    if preprocessing.gives_normalization:
        _set_normalization(tree, model, preprocessing, file.label)
    if about.labels is not None:
        packed = _set_labels(tree, model, about, packed, file.label)
    _write(file, target, {METADATA_BUFFER: encode_tree(tree)}, packed)
    return _notes(model, ModelMetadata.from_tree(tree), packed, about)


def strip_metadata(
    path: str | Path, output: str | Path | None = None, *, everything: bool = False
) -> StrippedMetadata:
    """Take the public metadata and all packed files out of a file.

    Args:
        path: Any ``.tflite`` file; its metadata may be broken.
        output: Path of the changed file; None to change the file in place.
        everything: Whether edgecnn's own metadata buffer is taken out, too.

    Raises:
        InputError: The file is broken.

    Example:
        >>> strip_metadata("model.tflite", "bare.tflite").packed_files
        ('labels.txt', 'edgecnn_golden.json')
    """
    target = _target(path, output)
    file = DescribedFile(path)
    parse_model(file.content, file.label)  # a broken file is an InputError
    packed, before = _packed_names(file), file.bytes
    buffers: dict[str, bytes | None] = {METADATA_BUFFER: None}
    if everything:
        buffers[METADATA_NAME] = None
    written = _write(file, target, buffers, {})
    return StrippedMetadata(before - written, packed)


def _target(path: str | Path, output: str | Path | None, inputs: Iterable[str | Path] = ()) -> Path:
    """Return the file to write, checked before the model is read."""
    target = Path(path if output is None else output)
    check_target(target, inputs)
    return target


def _packed_names(file: DescribedFile) -> tuple[str, ...]:
    try:
        return tuple(file.packed_files)
    except InputError:
        return ()  # Whatever is wrong with them, they are going to be taken out.


def _tree_of(file: DescribedFile) -> Tree:
    """Return the file's metadata, or what can be seen from the file, to be changed."""
    model, tree = file.model, dict(file.metadata_tree or {"name": file.path.stem})
    graphs = list(tree.get("subgraph_metadata", ())) or [{}]
    graph = graphs[0] = dict(graphs[0])
    if len(graph.get("input_tensor_metadata", ())) != len(model.inputs):
        graph["input_tensor_metadata"] = tuple(_seen_input(model, each) for each in model.inputs)
    if len(graph.get("output_tensor_metadata", ())) != len(model.outputs):
        graph["output_tensor_metadata"] = tuple(
            _seen_output(tensor, judged)
            for tensor, judged in zip(model.outputs, outputs_of_file(model), strict=True)
        )
    tree["subgraph_metadata"] = tuple(graphs)
    return tree


def _seen_input(model: TfliteModel, tensor: TensorInfo) -> Tree:
    is_image = len(tensor.shape) == 4
    color = {1: "GRAYSCALE", 3: "RGB"}.get(tensor.shape[3]) if is_image else None
    name = "image" if color and len(model.inputs) == 1 else tensor.name
    tree = TensorMetadata(name=name, color_space=color).to_tree()
    described = own_spec(model)
    if described is not None and len(model.inputs) == 1:
        _normalize(tree, tensor, described.mean, described.std)
    return tree


def _seen_output(tensor: TensorInfo, judged: JudgedOutput) -> Tree:
    if not judged.gives_probabilities:
        return TensorMetadata(name=tensor.name).to_tree()
    name = "probability" if judged.kind in SCORE_KINDS else tensor.name
    return TensorMetadata(name=name, minimum=(0.0,), maximum=(1.0,)).to_tree()


def _set_texts(tree: Tree, name: str | None, about: About) -> None:
    texts = {
        "name": name,
        "description": about.description,
        "version": about.version,
        "author": about.author,
        "license": about.license,
    }
    tree.update({field: text for field, text in texts.items() if text})


def _set_normalization(
    tree: Tree, model: TfliteModel, preprocessing: Preprocessing, label: str
) -> None:
    tensor = model.inputs[0]
    if len(model.inputs) != 1 or len(tensor.shape) != 4:
        raise InputError(f"{label} does not take one image: leave --mean and --std out")
    if (model.edgecnn or {}).get("input"):
        raise InputError(
            f"{label} says already how pixels go in, as it was converted: convert the model again "
            "if that is wrong"
        )
    spec = preprocessing.spec(*tensor.shape[1:])
    assert spec is not None
    if spec.color_order == "BGR":
        raise InputError("metadata cannot say BGR: convert the model again with --preprocess caffe")
    described = dict(tree["subgraph_metadata"][0]["input_tensor_metadata"][0])
    mean, std = (spec.mean[:1], spec.std[:1]) if spec.is_uniform else (spec.mean, spec.std)
    _normalize(described, tensor, mean, std)
    tree["subgraph_metadata"][0]["input_tensor_metadata"] = (described,)


def _normalize(
    tree: Tree, tensor: TensorInfo, mean: tuple[float, ...], std: tuple[float, ...]
) -> None:
    """Put a normalisation into a tensor's metadata in place of the one that it has."""
    others = tuple(
        unit
        for unit in tree.get("process_units", ())
        if unit.get("options", ("",))[0] != "NormalizationOptions"
    )
    tree["process_units"] = (*others, normalization_unit(mean, std))
    ends = [[(pixel - m) / s for m, s in zip(mean, std, strict=True)] for pixel in (0.0, 255.0)]
    if tensor.dtype != "float32":
        ends = [[0.0], [255.0]]
    tree["stats"] = {"min": tuple(ends[0]), "max": tuple(ends[1])}


def _set_labels(
    tree: Tree, model: TfliteModel, about: About, packed: Mapping[str, bytes], label: str
) -> dict[str, bytes]:
    """Name one label file in the metadata, and return what is to be packed."""
    assert about.labels is not None
    kinds = outputs_of_file(model)
    if not kinds or kinds[0].kind not in LABELLED_KINDS or not model.outputs[0].shape:
        raise InputError(f"{label} gives {what_it_gives(kinds)}, so it has no labels")
    # The classes of a map have labels, too.
    expected = model.outputs[0].shape[-1]
    about.check_classes(expected)
    graph = tree["subgraph_metadata"][0]
    outputs = list(graph["output_tensor_metadata"])
    files = outputs[0].get("associated_files", ())
    gone = {file.get("name") for file in files if file.get("type") in LABEL_TYPES}
    others = tuple(file for file in files if file.get("type") not in LABEL_TYPES)
    outputs[0] = {**outputs[0], "associated_files": (label_file(LABEL_FILE), *others)}
    graph["output_tensor_metadata"] = tuple(outputs)
    other_files = {
        name: content for name, content in packed.items() if name not in {*gone, LABEL_FILE}
    }
    return {LABEL_FILE: label_bytes(about.labels), **other_files}


def _write(
    file: DescribedFile,
    target: Path,
    buffers: Mapping[str, bytes | None],
    packed: Mapping[str, bytes],
) -> int:
    """Write the file with other metadata and packed files, and return its size in bytes."""
    try:
        content = with_packed_files(with_metadata_buffers(file.content, buffers), packed)
    except ImportError:
        raise EdgecnnError(
            "changing a file needs ai-edge-litert, which this machine does not have (there is none "
            "for 32 bits): change it on another one"
        ) from None
    except EDITING_ERRORS as error:
        raise InputError(f"{file.label} is truncated or corrupt: make it again") from error
    with replacing(target) as temporary:
        temporary.write_bytes(content)
    return len(content)


def _notes(
    model: TfliteModel, metadata: ModelMetadata, packed: Mapping[str, bytes], about: About
) -> tuple[str, ...]:
    twice = duplicate_warning(about.labels, about.labels_from) if about.labels else None
    try:
        labels = labels_in(metadata, packed, "the file")
    except InputError:
        labels = None
    notes = drop_in_warnings(clients_for(model, metadata, labels))
    return (twice, *notes) if twice else notes
