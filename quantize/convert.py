"""``edgecnn.convert``: from a name or a Keras model to checked ``.tflite`` files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgecnn.core.errors import InputError
from edgecnn.core.progress import Progress, silent
from edgecnn.data.preprocessing import Preprocessing
from edgecnn.importing.custom_objects import CustomObjects
from edgecnn.model_metadata.user_metadata import About
from edgecnn.models.build_options import BuildKeywords, BuildOptions
from edgecnn.quantize.calibration.images import DEFAULT_SAMPLES
from edgecnn.quantize.conversion_session import run
from edgecnn.quantize.given_source import given_source
from edgecnn.quantize.output_paths import ends_for, plan_outputs
from edgecnn.quantize.request import Request
from edgecnn.quantize.result import Conversion
from edgecnn.small_targets.targets import small_target
from edgecnn.tflite.output_kinds import parse_tasks
from edgecnn.tflite.schemes import parse_schemes
from edgecnn.tflite.target_cpu import DEFAULT_TARGET_CPU

if TYPE_CHECKING:
    from typing_extensions import Unpack


def convert(
    source: Any,
    *,
    quantize: str | Sequence[str] = "int8",
    output: str | Path | None = None,
    calibrate: str | Path | None = None,
    samples: int = DEFAULT_SAMPLES,
    recover: str = "fast",
    without: str | Sequence[str] = (),
    max_drop: float | None = None,
    all_int8: bool = False,
    target_cpu: str | None = None,
    device: str | None = None,
    preprocess: str | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    resize: str | None = None,
    crop_fraction: float | None = None,
    interpolation: str | None = None,
    input_type: str | None = None,
    output_type: str | None = None,
    target: str | None = None,
    build: BuildOptions | None = None,
    trust: bool = False,
    signature: str | None = None,
    input_shapes: Mapping[str, Sequence[int]] | None = None,
    custom_objects: CustomObjects | None = None,
    task: str | Sequence[str] = (),
    activation: str | None = None,
    labels: str | Path | Sequence[str] | None = None,
    author: str | None = None,
    license: str | None = None,
    model_version: str | None = None,
    description: str | None = None,
    on_progress: Progress | None = None,
    on_result: Callable[[Conversion], None] | None = None,
    ask_password: Callable[[str], str] | None = None,
    **options: Unpack[BuildKeywords],
) -> list[Conversion]:
    """Convert a model to one ``.tflite`` file a scheme, each run once before it is called done.

    Args:
        source: A registered name, a ``.keras`` or ``.h5`` file, a SavedModel folder, a float
            ``.tflite`` file, an ``.onnx`` or ``.pt2`` file, or a model in memory, which stays as it
            is: of Keras, with whatever classes and functions of your own, of tf_keras, or a
            ``tf.function``. The batch becomes 1.
        quantize: One or several of float32, float16, dynamic, int8, int16x8, or ``"all"``.
        output: A file (one scheme only) or an existing folder; default: the current folder.
        calibrate: Representative data for int8 and int16x8: class folders, a folder of images, a
            list of images, an ``.npz``, or ``"digits"``;
            :func:`~edgecnn.data.datasets.open_dataset` says more. For inputs that are no images an
            ``.npz``, or a folder of ``.npy`` files, with an array for each input, samples first.
        samples: How many images of the representative data to use, drawn evenly over the classes
            with a fixed seed.
        recover: How int8 and int16x8 get the float model's accuracy back: ``"fast"``, ``"full"``
            (takes longer), or ``"off"`` for the plain file.
        without: Steps of recovery that are left out, for experiments: ``docs/convert.md`` has their
            names and what each gains.
        max_drop: The accuracy budget: what int8 may lose on held-out images, in percentage points
            of top-1 where labels are known, else of agreement with the float model (of a map's
            pixels, of a sequence's steps); of numbers, images and detections in percent of their
            variance, of an embedding in percent of the cosine. As few and as cheap layers as
            possible stay in float32 to keep within it.
        all_int8: Leave no op of an int8 file in float32, softmax included, for accelerators that
            take integers alone; its input and output are int8 then, unless ``input_type`` and
            ``output_type`` say otherwise. Without this option, the first layers of a narrow network
            may stay in float32, where rounding them costs many answers.
        target_cpu: What the file is for: ``"arm64"`` (the default), ``"x86-vnni"`` or
            ``"x86-avx2"``. Which layers of an int8 file stay in float32 is decided by estimates of
            its latency there, so the file does not depend on the machine that makes it.
        device: A device, as ``edgecnn.bench`` names it, on which latency is measured instead of
            estimated to decide which layers stay in float32.
        preprocess: ``tf``, ``torch``, ``caffe``, ``unit`` or ``raw``; registered models know
            theirs, and models that normalise pixels by themselves show it.
        mean: Mean to subtract, instead of ``preprocess``: one value, or one a channel, in units of
            a pixel (0..255).
        std: Deviation to divide by, instead of ``preprocess``, as ``mean``.
        resize: How an image comes to the input's size: ``"stretch"`` (the whole image, the default
            of a user's model, as Keras loads it), ``"crop"`` (its centre, the default of published
            weights) or ``"pad"``. Calibration uses it, and the file says it.
        crop_fraction: With ``"crop"``: share of the sides that stays.
        interpolation: The filter, one of ``edgecnn.data.geometry.INTERPOLATIONS``.
        input_type: ``"uint8"`` (the default of int8), ``"int8"`` or ``"float32"``.
        output_type: ``"float32"`` (the default), ``"int8"`` or ``"uint8"``, of int8.
        target: A microcontroller's runtime or an accelerator that the file is for: ``"ethos-u"``,
            ``"tflm"`` or ``"edgetpu"``. It sets ``all_int8`` and the types of input and output, and
            the file is proved by the target's own tool where that is installed.
        build: How a name's architecture is built; its size is also for models that take any size.
        trust: Run code that a Keras file carries (Lambda, custom layers), and let a SavedModel
            reach files, the network and Python.
        signature: Name of the signature to convert, of a model with several.
        input_shapes: For a model that leaves the shape of an input open: name of an input -> its
            shape with the batch; an empty name stands for the only open one.
        custom_objects: What a Keras file names and does not hold: its classes and functions under
            their names, or a Python file with them, which runs with ``trust``.
        task: What the output is, where the model's graph leaves two readings: ``"classes"``,
            ``"labels"``, ``"probability"``, ``"numbers"``, ``"embedding"``, ``"map"``, ``"image"``,
            ``"detections"`` or ``"sequence"``; ``"NAME=KIND"`` for each of several outputs.
        activation: ``"softmax"`` or ``"sigmoid"``, put behind a model that answers logits, so that
            its files answer probabilities.
        labels: A label for each class, in the order of the classes, or a UTF-8 file with one a
            line. Default: the ImageNet names for ``weights="imagenet"``, else the class names of
            ``calibrate`` if they are as many as the classes.
        author: Who made the model, for the file's metadata.
        license: The model's licence, its name or its text, for the file's metadata.
        model_version: The model's version, as its author counts, for the file's metadata.
        description: One or two sentences for the file's metadata; default: what the file was
            converted from.
        on_progress: Called with (phase, done, total).
        on_result: Called with each :class:`Conversion` when its file is in place.
        ask_password: Given a question, returns a device's password; without this function only
            keys are tried.
        options: Fields of ``build`` one by one, instead of it.

    Returns:
        One :class:`Conversion` a scheme, in the order asked for.

    Raises:
        InputError: The source, the data or an option cannot be used.
        ConversionError: A scheme is not possible for this model, its file failed the check, or
            no mix of int8 and float32 layers is within ``max_drop``; the other schemes' files are
            in place.
        ChildCrashedError: The converter crashed.
        DeviceError: The device cannot be reached.

    Example:
        >>> convert("mobilenet_v2", quantize="int8", output="v2.tflite")[0].bytes
        3963200
    """
    if target_cpu is not None and device is not None:
        raise InputError("--target-cpu estimates latency, --device measures it: choose one")
    chosen, schemes = None if target is None else small_target(target), parse_schemes(quantize)
    with ExitStack() as stack:
        building = BuildOptions.of(build, **options)
        given = given_source(
            source,
            stack,
            trust=trust,
            size=building.size,
            signature=signature,
            input_shapes=input_shapes,
            custom_objects=custom_objects,
        )
        request = Request(
            source=given.source,
            schemes=schemes,
            options=building,
            preprocessing=Preprocessing.of(
                preprocess, mean, std, resize, crop_fraction, interpolation
            ),
            ends=ends_for(chosen, schemes, input_type, output_type, all_int8=all_int8),
            target=chosen,
            calibrate=None if calibrate is None else str(calibrate),
            samples=samples,
            recover=recover,
            without=(without,) if isinstance(without, str) else tuple(without),
            max_drop=max_drop,
            about=About.of(labels, author, license, model_version, description),
            weights_sha256=given.weights_sha256,
            target_cpu=target_cpu or DEFAULT_TARGET_CPU,
            device=device,
            ask_password=ask_password,
            on_progress=on_progress or silent,
            tasks=parse_tasks([task] if isinstance(task, str) else task),
            activation=activation,
        )
        plans = plan_outputs(request.stem, request.schemes, request.ends, output, request.inputs)
        return run(request.check(), plans, on_result or (lambda result: None))
