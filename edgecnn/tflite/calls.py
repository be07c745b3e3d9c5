"""How a file is called: by which signature, and with which shapes where it leaves them open."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.tflite.numbers import STRINGS
from edgecnn.tflite.ops import EDGE_TPU_OP
from edgecnn.tflite.reading import TfliteModel
from edgecnn.tflite.structure import Operator, Signature, TensorInfo, has_image_shape

ANY_NAME = ""
"""What stands for the name of an input where a user gives a shape and no name."""

NO_NUMBERS = (STRINGS, "resource", "variant")
"""Types of inputs that nothing can be made up for."""

Shape = tuple[int, ...]


@dataclass(frozen=True)
class CallOptions:
    """What a user says of how a file is to be called.

    Args:
        size: (height, width) in pixels of the images, for inputs that take images of any size.
        input_shapes: Name of an input -> its shape with the batch; an empty name stands for the
            only input that is open.
        signature: Name of the signature to call.

    Example:
        >>> CallOptions(size=(224, 224))
        >>> CallOptions(input_shapes={"tokens": (1, 16)}, signature="decode")
    """

    size: tuple[int, int] | None = None
    input_shapes: Mapping[str, Sequence[int]] = dataclasses.field(default_factory=dict)
    signature: str | None = None

    def where_needed(self, model: TfliteModel) -> CallOptions:
        """Return what of this a model needs: for a model that the user did not mean by it."""
        names = [signature.name for signature in model.signatures]
        return CallOptions(
            size=self.size if model.has_open_inputs else None,
            signature=self.signature if self.signature in names else None,
        )


NO_CALL_OPTIONS = CallOptions()
"""What stands for a user who says nothing of how a file is to be called."""


@dataclass(frozen=True)
class ModelCall:
    """One way to call a file, in which the shape of each input is known.

    Args:
        model: Structure of the subgraph that is called, its inputs with the shapes of the call.
        signature: Name of the signature; None where the file leaves no choice.
        shapes_text: The shapes that open inputs were given: ``"1x224x224x3"``; None where nothing
            but a batch of 1 was to be chosen.
        has_fixed_batch: Whether the batch was open, and is 1 in this call.
    """

    model: TfliteModel
    signature: str | None = None
    shapes_text: str | None = None
    has_fixed_batch: bool = False

    @property
    def has_chosen_shapes(self) -> bool:
        """Whether the file's own shapes of tensors are not those of the call."""
        return self.shapes_text is not None

    @property
    def is_plain(self) -> bool:
        """Whether the first subgraph is called, with the shapes that the file has."""
        return not self.has_chosen_shapes and self.model.subgraph == 0

    def resolved(self, shapes: Mapping[int, Shape]) -> ModelCall:
        """Return the call with the shapes of all tensors.

        Args:
            shapes: Index of a tensor -> its shape, as the runtime has it in this call.
        """
        return dataclasses.replace(self, model=with_shapes(self.model, shapes))


def choose_subgraph(
    signatures: Sequence[Signature], name: str | None, label: str
) -> tuple[int, str | None]:
    """Return the number of the subgraph to call, and the signature's name where it matters.

    Where all signatures run the same graph, none need be named.

    Args:
        signatures: All signatures of a file.
        name: The signature that the user named; None if none was named.
        label: The file's name for messages.

    Raises:
        InputError: There is no such signature, or several run different subgraphs and none was
            named.
    """
    subgraphs = {each.subgraph for each in signatures}
    if name is not None:
        found = next((each for each in signatures if each.name == name), None)
        if found is None:
            listed = f"it has {_listed(signatures)}" if signatures else "it has none"
            raise InputError(f"{label} has no signature {quoted(name)}: {listed}")
        return found.subgraph, found.name if len(subgraphs) > 1 else None
    if len(subgraphs) > 1:
        raise InputError(
            f"{label} has {len(signatures)} signatures, which run different graphs: choose by "
            f"--signature {_listed(signatures)}"
        )
    return next(iter(subgraphs), 0), None


def _listed(signatures: Iterable[Signature]) -> str:
    return " or ".join(signature.name for signature in signatures)


def call_of(model: TfliteModel, options: CallOptions, label: str) -> ModelCall:
    """Return how a file is called, with a shape for each input.

    A batch that alone is open is 1. Whatever else is open must be given.

    Args:
        model: Structure of the subgraph that is called.
        options: What the user said.
        label: The file's name for messages.

    Raises:
        InputError: A shape is missing or does not fit, or the file cannot be run at all: it is
            compiled for the Edge TPU, or takes no numbers.

    Example:
        >>> call_of(read_model(path), CallOptions(size=(96, 96)), "'a.tflite'").shapes_text
        '1x96x96x3'
    """
    refuse_unrunnable(model, label)
    names = input_names(model.signatures, model.subgraph)
    shapes = chosen_shapes(model.inputs, options, names, label)
    has_open_batch = any(tensor.has_open_batch for tensor in model.inputs)
    changed = [tensor for tensor in model.inputs if _is_chosen(tensor, shapes.get(tensor.index))]
    _, signature = choose_subgraph(model.signatures, options.signature, label)
    return ModelCall(
        model=with_shapes(model, shapes) if changed else model,
        signature=signature,
        shapes_text=_shapes_text(model, changed, shapes),
        has_fixed_batch=has_open_batch and not changed,
    )


def chosen_shapes(
    inputs: Sequence[TensorInfo], options: CallOptions, names: Mapping[int, str], label: str
) -> dict[int, Shape]:
    """Return the shapes that inputs get: those that the user gave, and a batch of 1.

    Args:
        inputs: The inputs.
        options: What the user said.
        names: Index of an input -> its other name, which a user may say as well.
        label: The model's name for messages.

    Returns:
        Index of an input -> its shape; inputs whose shape is known and not given are left out.

    Raises:
        InputError: A shape is missing or does not fit.
    """
    given = dict(_given_shapes(inputs, options, names, label))
    missing = [tensor for tensor in inputs if tensor.is_open and tensor.index not in given]
    if missing:
        raise InputError(open_shapes_text(missing, label))
    ones = {t.index: (1, *t.shape[1:]) for t in inputs if t.has_open_batch}
    return {**ones, **given}


def refuse_unrunnable(model: TfliteModel, label: str, *, may_take_text: bool = False) -> None:
    """Raise InputError for a file that no CPU runs, or whose inputs nothing can be made up for.

    Args:
        model: Structure of the subgraph that is called.
        label: The file's name for messages.
        may_take_text: Whether text is no reason to refuse it.
    """
    if model.is_for_edge_tpu:
        raise InputError(
            f"{label} is compiled for the Edge TPU, and no CPU runs its op {EDGE_TPU_OP}: use the "
            "file before compilation here"
        )
    refused = [dtype for dtype in NO_NUMBERS if not (may_take_text and dtype == STRINGS)]
    strange = next((tensor for tensor in model.inputs if tensor.dtype in refused), None)
    if strange is not None:
        what = "text" if strange.dtype == STRINGS else f"values of type {strange.dtype}"
        raise InputError(
            f"{label} takes {what} ({quoted(strange.name)}), and only numbers can be fed to it here"
        )


def open_shapes_text(tensors: Sequence[TensorInfo], label: str) -> str:
    """Return what is wrong with inputs whose shape is open, and what the user can do."""
    listed = ", ".join(f"{quoted(tensor.name)} {shape_text(tensor)}" for tensor in tensors)
    if all(_takes_images(tensor) for tensor in tensors):
        remedy = "say how large its images are, such as --size 224"
    else:
        name = "" if len(tensors) == 1 else f"{tensors[0].name}="
        sides = ",".join(str(side) if side > 0 else "N" for side in _stated(tensors[0]))
        remedy = f"say what it gets, by --input-shape {name}{sides} with a number for each N"
        remedy += "" if len(tensors) == 1 else ", and so on"
    return f"{label} leaves the shape of its input open ({listed}): {remedy}"


def shape_text(tensor: TensorInfo) -> str:
    """Return a shape with ``?`` for each open side: ``"?x224x224x3"``."""
    return "x".join("?" if side < 1 else str(side) for side in _stated(tensor))


def with_shapes(model: TfliteModel, shapes: Mapping[int, Shape]) -> TfliteModel:
    """Return the structure of a file with other shapes of tensors, which are then not open.

    Args:
        model: Structure of a file.
        shapes: Index of a tensor -> its shape; other tensors stay as they are.
    """

    def shaped(tensor: TensorInfo) -> TensorInfo:
        if tensor.index not in shapes:
            return tensor
        return dataclasses.replace(tensor, shape=shapes[tensor.index], shape_signature=())

    def op_shaped(op: Operator) -> Operator:
        inputs = tuple(tensor and shaped(tensor) for tensor in op.inputs)
        return Operator(op.name, inputs, tuple(map(shaped, op.outputs)))

    return dataclasses.replace(
        model,
        operators=tuple(map(op_shaped, model.operators)),
        inputs=tuple(map(shaped, model.inputs)),
        outputs=tuple(map(shaped, model.outputs)),
    )


def _given_shapes(
    inputs: Sequence[TensorInfo], options: CallOptions, names: Mapping[int, str], label: str
) -> Iterator[tuple[int, Shape]]:
    """Yield the index and the shape of each input that the user gave a shape."""
    if options.size is not None:
        yield from _sized(inputs, options.size, label)
    for name, shape in options.input_shapes.items():
        tensor = _named(inputs, name, names, label)
        _check_fits(tensor, tuple(shape), f"--input-shape {','.join(map(str, shape))}", label)
        yield tensor.index, tuple(shape)


def _sized(
    inputs: Sequence[TensorInfo], size: tuple[int, int], label: str
) -> Iterator[tuple[int, Shape]]:
    images = [tensor for tensor in inputs if _takes_images(tensor)]
    if not images:
        raise InputError(
            f"--size goes with an input that takes images of any size, and {label} takes "
            f"{', '.join(map(shape_text, inputs))}: --input-shape says other shapes"
        )
    for tensor in images:
        stated = _stated(tensor)
        shape = (max(stated[0], 1), *size, stated[3])
        _check_fits(tensor, shape, f"--size {size[0]}x{size[1]}", label)
        yield tensor.index, shape


def _named(
    inputs: Sequence[TensorInfo], name: str, names: Mapping[int, str], label: str
) -> TensorInfo:
    """Return the input that a name of a tensor, or of a signature's input, stands for."""
    if name == ANY_NAME:
        choices = [tensor for tensor in inputs if tensor.open_sides]
        choices = choices or list(inputs)
    else:
        choices = [t for t in inputs if name in (t.name, names.get(t.index))]
    if len(choices) == 1:
        return choices[0]
    listed = ", ".join(quoted(tensor.name) for tensor in inputs)
    what = f"there is no input {quoted(name)}" if name else "its input must be named, NAME=1,16"
    raise InputError(f"--input-shape: {what}; {label} has {listed}")


def input_names(signatures: Iterable[Signature], subgraph: int) -> dict[int, str]:
    """Return the names of a subgraph's inputs in its signature, by the tensors' indices."""
    return {
        tensor: name
        for signature in signatures
        if signature.subgraph == subgraph
        for tensor, name in zip(signature.tensors, signature.inputs, strict=False)
    }


def _check_fits(tensor: TensorInfo, shape: Shape, option: str, label: str) -> None:
    stated = _stated(tensor)
    fits = len(shape) == len(stated) and all(
        given > 0 and side in (given, -1, 0) for given, side in zip(shape, stated, strict=True)
    )
    if not fits:
        raise InputError(
            f"{option} does not fit {label}, whose input {quoted(tensor.name)} is "
            f"{shape_text(tensor)}"
        )


def _takes_images(tensor: TensorInfo) -> bool:
    stated = _stated(tensor)
    has_open_size = len(stated) == 4 and max(stated[1:3]) < 1
    return has_image_shape(stated) or has_open_size


def _stated(tensor: TensorInfo) -> Shape:
    """Return a shape as the file states it, with -1 for open sides."""
    return tensor.shape_signature or tensor.shape


def _is_chosen(tensor: TensorInfo, shape: Shape | None) -> bool:
    """Return whether a shape differs from the one that the file has anyway."""
    return shape is not None and (tensor.is_open or shape != tensor.shape)


def _shapes_text(
    model: TfliteModel, changed: Sequence[TensorInfo], shapes: Mapping[int, Shape]
) -> str | None:
    names = input_names(model.signatures, model.subgraph)
    texts = [
        ("" if len(model.inputs) == 1 else f"{names.get(tensor.index, tensor.name)} ")
        + "x".join(map(str, shapes[tensor.index]))
        for tensor in changed
    ]
    return ", ".join(texts) or None
