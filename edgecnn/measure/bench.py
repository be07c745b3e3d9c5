"""``edgecnn.bench``: what a model costs on a device, and how often it is right."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.accuracy.kinds.result import AnyAccuracy
from edgecnn.accuracy.labelled_data import open_labelled
from edgecnn.accuracy.output_labels import OutputLabels
from edgecnn.core.errors import EdgecnnError
from edgecnn.core.progress import Progress, prefixed, silent
from edgecnn.data.anchors import Anchors
from edgecnn.data.preprocessing import Preprocessing
from edgecnn.devices.device import Device
from edgecnn.devices.device_lookup import get_device
from edgecnn.measure.concurrent_devices import ConvertedFiles, measure_all, opened
from edgecnn.measure.cooldown import Cooldown
from edgecnn.measure.interleaving import Bencher
from edgecnn.measure.plan import MLPERF, MLPERF_MIN_TIME_S, MLPERF_RUNS, BenchPlan
from edgecnn.measure.targets import ConversionOptions, find_targets
from edgecnn.measure.tasks import JudgingOptions
from edgecnn.models.build_options import BuildKeywords, BuildOptions
from edgecnn.records.record import Record
from edgecnn.tflite.calls import CallOptions
from edgecnn.tflite.output_kinds import parse_tasks

if TYPE_CHECKING:
    from typing_extensions import Unpack


def bench(
    models: str | Path | Sequence[str | Path],
    *,
    device: str | Sequence[str] = "desktop",
    threads: Sequence[int] = (1,),
    runs: int = 50,
    min_time_s: float = 1.0,
    warmup: int | None = None,
    mlperf: bool = False,
    cpus: Sequence[int] | None = None,
    cooldown: str | None = None,
    data: str | Path | None = None,
    preprocess: str | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    resize: str | None = None,
    crop_fraction: float | None = None,
    interpolation: str | None = None,
    labels: str | Path | Sequence[str] | None = None,
    label_offset: int | None = None,
    images: int | None = None,
    task: str | Sequence[str] | None = None,
    anchors: str | Path | None = None,
    anchor_order: str | None = None,
    box_order: str | None = None,
    variances: str | Sequence[float] | None = None,
    against: str | Path | None = None,
    input_shapes: Mapping[str, Sequence[int]] | None = None,
    signature: str | None = None,
    quantize: str | Sequence[str] | None = None,
    build: BuildOptions | None = None,
    calibrate: str | Path | None = None,
    on_progress: Progress | None = None,
    on_record: Callable[[Record], None] | None = None,
    on_failure: Callable[[EdgecnnError], None] | None = None,
    on_accuracy: Callable[[Record, AnyAccuracy], None] | None = None,
    ask_password: Callable[[str], str] | None = None,
    **options: Unpack[BuildKeywords],
) -> list[Record]:
    """Measure size, load time, latency, memory and, with data, accuracy.

    Args:
        models: One or several ``.tflite`` files, or names of architectures, which are converted
            into a cache first.
        device: Name of a device: ``"desktop"``, ``"pi"`` or another name of the inventory, or
            ``"[user@]host[:port]"`` for a machine that is reached over SSH; or several names, whose
            devices are measured at the same time.
        threads: Thread counts of the runtime; each is measured by itself.
        runs: Timed calls at least.
        min_time_s: Seconds of timing at least.
        warmup: Calls before the timed ones, besides the first inference; None goes on until they
            are as fast as each other.
        mlperf: Measure as in MLPerf's single-stream scenario: 1,024 calls and 60 s at least, and
            the 90th percentile counts.
        cpus: Numbers of the device's CPUs to run on; None leaves that to its system.
        cooldown: Rest before each model: seconds (``"30"``), until a temperature (``"55C"``), or
            that for so long at most (``"55C,120s"``). Models are then measured one after the other,
            not in turn.
        data: Labelled images for accuracy: class folders, a list of images with labels, an
            ``.npz``, or ``"digits"``; :func:`~edgecnn.data.datasets.open_dataset` says more. Models
            of other kinds take images with masks, with numbers, or arrays.
        preprocess: How images become input, for files that do not say it: ``"tf"``, ``"torch"``,
            ``"caffe"``, ``"unit"`` or ``"raw"``.
        mean: Instead of ``preprocess``: mean of the pixels (0..255), one value or one a channel.
        std: With ``mean``: standard deviation of the pixels, one value or one a channel.
        resize: How an image comes to the input's size, for files that do not say it:
            ``"stretch"`` (the default), ``"crop"`` or ``"pad"``.
        crop_fraction: With ``"crop"``: share of the sides that stays.
        interpolation: The filter, one of ``edgecnn.data.geometry.INTERPOLATIONS``.
        labels: Names of the models' outputs, or a file with one a line, which are matched with the
            names of the data's classes; None takes those packed in each file.
        label_offset: Output of class 0, which comes before all names; None finds it.
        images: Images to classify, drawn evenly over the classes and always the same ones; None
            classifies all of them.
        task: With data: what an output is where its file leaves two readings, ``"KIND"``, or
            ``"NAME=KIND"`` for each of several outputs: classes, labels, probability, numbers,
            embedding, map, image, detections or sequence.
        anchors: With data that have boxes: for detectors whose outputs are offsets from anchors and
            scores, a file with four numbers for each anchor: ``.npy``, ``.npz``, ``.csv``,
            ``.json``.
        anchor_order: With anchors: what these numbers are, ``"cyxhw"`` or ``"cxywh"`` (centre and
            sides), ``"yxyx"`` or ``"xyxy"`` (corners).
        box_order: With anchors: the order of the offsets in the output, ``"yxhw"`` or ``"xywh"``.
        variances: With anchors: four factors of these offsets in their order, or ``"ssd"`` for 0.1,
            0.1, 0.2 and 0.2.
        against: With data: a ``.tflite`` file that classifies the same images on each device, so
            that models are compared image by image.
        input_shapes: For files that leave the shape of an input open: name of an input -> its shape
            with the batch; an empty name stands for the only such input. For images, ``size`` says
            the same in pixels.
        signature: For files with several signatures: the one to call.
        quantize: Schemes that architectures are converted to; None for int8.
        build: How architectures are built.
        calibrate: Representative images, with which architectures are converted to integers.
        on_progress: Called with (phase, done, total).
        on_record: Called with each Record as soon as it is measured.
        on_failure: Called with the error of a model that cannot be measured or a device that cannot
            be reached, and the others are measured; where it is None the error is raised.
        on_accuracy: Called with the first Record of a model on a device, before ``on_record`` is,
            and the answers behind its accuracy; several devices are measured in threads of their
            own, which call this.
        ask_password: Given a question, returns a device's password; None tries keys only.
        options: Fields of ``build`` one by one, instead of it.

    Returns:
        One Record for each device, model and thread count, in that order.

    Raises:
        InputError: An option, a model or the data cannot be used.
        DeviceError: A device cannot be reached, or is in use.
        ChildCrashedError: The runtime crashed on a model.

    Example:
        >>> bench("model.tflite", threads=(1, 2))[0].latency_p50_ms
        3.28
    """
    built = BuildOptions.of(build, **options)
    call = CallOptions(built.size, input_shapes or {}, signature)
    names = (device,) if isinstance(device, str) else tuple(dict.fromkeys(device))
    dataset = None if data is None else open_labelled(data)
    preprocessing = Preprocessing.of(preprocess, mean, std, resize, crop_fraction, interpolation)
    conversion = ConversionOptions(
        quantize=quantize,
        calibrate=None if calibrate is None else str(calibrate),
        build=built,
        geometry=preprocessing.geometry,
    )
    plan = BenchPlan(
        threads=tuple(threads),
        runs=max(runs, MLPERF_RUNS) if mlperf else runs,
        min_time_s=max(min_time_s, MLPERF_MIN_TIME_S) if mlperf else min_time_s,
        warmup=warmup,
        dataset=dataset,
        judging=JudgingOptions(
            preprocessing,
            label_offset,
            images,
            OutputLabels.of_user(labels),
            parse_tasks((task,) if isinstance(task, str) else tuple(task or ())),
            anchors=Anchors.of_user(anchors, anchor_order, box_order, variances),
        ),
        on_accuracy=on_accuracy or (lambda record, accuracy: None),
        cpus=None if cpus is None else tuple(cpus),
        cooldown=None if cooldown is None else Cooldown.parse(cooldown),
        protocol=MLPERF if mlperf else None,
    )
    plan.check()
    if against is not None:
        plan = plan.compared_with(against, call)
    targets = find_targets(models, conversion, call)
    devices = [get_device(name, ask_password) for name in names]
    progress, files = on_progress or silent, ConvertedFiles()

    def measure(where: Device) -> Iterator[Record | EdgecnnError]:
        report = prefixed(progress, f"{where.name}: ") if len(names) > 1 else progress
        return Bencher(where, plan, files, report).measure(targets)

    with opened(devices, on_failure if len(names) > 1 else None) as reached:
        return measure_all(reached, measure, on_record or (lambda record: None), on_failure)
