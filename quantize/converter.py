"""The conversion child: the only file that knows TensorFlow's converter.

Speaks JSON lines with its parent (``edgecnn.child``):

1. the job comes in; ``loaded`` goes out with the model's input and output shapes;
2. ``prepare`` comes in with the InputSpec (or None) and the files to make; the graph is frozen;
3. ``images`` comes in if a scheme is calibrated, with the path of a .npy file of uint8 pixels;
4. ``written`` or ``failed`` goes out for each file, and ``done`` at the end.
"""

from __future__ import annotations

import gc
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecnn.child import Message, ParentPipe, serve_job
from edgecnn.data.inputspec import InputSpec
from edgecnn.errors import ConversionError, InputError
from edgecnn.lazy import LazyModule
from edgecnn.quantize.editing import with_metadata, with_ranges
from edgecnn.quantize.flatbuffer import METADATA_NAME
from edgecnn.quantize.hard_swish import without_hard_swish
from edgecnn.quantize.kernels import with_fast_kernels
from edgecnn.quantize.loading import LoadedModel, freeze, load
from edgecnn.quantize.ranges import Range, calibrate
from edgecnn.quantize.rewrites import streamlined

tf = LazyModule("tensorflow", extra="convert")


@dataclass
class Clock:
    """Seconds spent in each named phase; a phase entered twice adds up."""

    announce: Callable[[str], None]
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Announce a phase and add its seconds."""
        self.announce(name)
        start = time.perf_counter()
        try:
            yield
        finally:
            spent = time.perf_counter() - start
            self.seconds[name] = self.seconds.get(name, 0.0) + spent


class Conversion:
    """One source on its way to one file a scheme.

    Args:
        parent: The pipe to the parent process.
        job: The parent's first message.
    """

    def __init__(self, parent: ParentPipe, job: Message) -> None:
        self._parent = parent
        self._job = job
        self._clock = Clock(lambda name: parent.send({"event": "phase", "phase": name}))
        self._frozen: dict[bool, Any] = {}
        self._float: dict[bool, bytes] = {}
        self._ranges: dict[bool, dict[int, Range]] = {}
        self._images: npt.NDArray[np.uint8] | None = None
        self._spec: InputSpec | None = None
        self._model: LoadedModel | None = None

    def run(self) -> None:
        """Load, freeze, convert and write every file that the job asks for."""
        with self._clock.phase("import"):
            _import_tensorflow()
        with self._clock.phase("load"):
            self._model = load(self._job, self._progress("download"))
        self._parent.send(_describe(self._model))
        prepare = self._expect("prepare")
        self._spec = InputSpec.from_dict(prepare["spec"]) if prepare["spec"] else None
        self._freeze_all({output["normalize_in_graph"] for output in prepare["outputs"]})
        for output in prepare["outputs"]:
            self._try_to_write(output)
        self._parent.send({"event": "done"})

    def _freeze_all(self, variants: set[bool]) -> None:
        assert self._model is not None
        for in_graph in sorted(variants):
            with self._clock.phase("freeze"):
                self._frozen[in_graph] = freeze(self._model, self._spec if in_graph else None)
        # The frozen graphs hold the weights now: keep one copy of them.
        self._model = None
        gc.collect()

    def _try_to_write(self, output: dict[str, Any]) -> None:
        try:
            self._write(output)
        except ConversionError as error:
            # One scheme that a model cannot take leaves the others as they are.
            self._parent.send(
                {"event": "failed", "scheme": output["scheme"], "message": str(error)}
            )

    def _write(self, output: dict[str, Any]) -> None:
        start = time.perf_counter()
        content = self._convert(output)
        metadata = output["metadata"].encode()
        try:
            Path(output["path"]).write_bytes(with_metadata(content, METADATA_NAME, metadata))
        except OSError as error:
            raise ConversionError(f"cannot write the file: {error.strerror}") from error
        self._parent.send(
            {
                "event": "written",
                "scheme": output["scheme"],
                "seconds": time.perf_counter() - start,
                "phase_seconds": self._clock.seconds,
                "peak_rss_bytes": _peak_rss_bytes(),
            }
        )

    def _convert(self, output: dict[str, Any]) -> bytes:
        scheme, in_graph = output["scheme"], output["normalize_in_graph"]
        if scheme in ("float16", "dynamic"):
            with self._clock.phase(f"convert {scheme}"):
                return _from_graph(self._frozen[in_graph], scheme)
        content = self._float_file(in_graph)
        if scheme == "float32":
            return content
        ranges = self._calibrated(in_graph)
        with self._clock.phase(f"quantize {scheme}"):
            calibrated = with_ranges(content, ranges)
            if scheme == "int8":
                return _quantize_int8(with_fast_kernels(calibrated), output["input_type"])
            return _quantize_int16x8(without_hard_swish(calibrated), output["input_type"])

    def _float_file(self, in_graph: bool) -> bytes:
        if in_graph not in self._float:
            with self._clock.phase("convert float32"):
                content = _from_graph(self._frozen[in_graph], "float32")
                self._float[in_graph] = streamlined(content, takes_pixels=in_graph)
        return self._float[in_graph]

    def _calibrated(self, in_graph: bool) -> dict[int, Range]:
        if in_graph not in self._ranges:
            images, spec = self._receive_images(), self._spec
            with self._clock.phase("calibrate"):
                self._ranges[in_graph] = calibrate(
                    self._float[in_graph],
                    images,
                    spec.centered() if spec and in_graph else spec,
                    self._progress("calibrate"),
                )
        return self._ranges[in_graph]

    def _receive_images(self) -> npt.NDArray[np.uint8]:
        if self._images is None:
            message = self._expect("images")
            self._images = np.load(message["path"], mmap_mode="r", allow_pickle=False)
        return self._images

    def _expect(self, what: str) -> Message:
        message = self._parent.receive()
        if message is None or message.get("do") != what:
            raise ConversionError(f"the conversion was told {message!r} where it expected {what!r}")
        return message

    def _progress(self, phase: str) -> Callable[[int, int], None]:
        def report(done: int, total: int) -> None:
            self._parent.send({"event": "progress", "phase": phase, "done": done, "total": total})

        return report


def _import_tensorflow() -> None:
    tf.constant(0)
    tf.get_logger().setLevel("ERROR")


def _describe(model: LoadedModel) -> Message:
    return {
        "event": "loaded",
        "input_shape": model.input_shape,
        "output_shape": model.output_shape,
        "preprocessing_layer": model.preprocessing_layer,
        "ends_in_softmax": model.ends_in_softmax,
        "notes": model.notes,
        "versions": {"tensorflow": tf.__version__, "keras": version("keras")},
    }


def _from_graph(graph: Any, scheme: str) -> bytes:
    """Convert a frozen graph without the passes that TFLiteConverter puts around its core.

    Those freeze and fold the graph a second time, which took two thirds of a conversion.
    """
    from tensorflow.lite.python.convert import convert_graphdef

    try:
        content = convert_graphdef(
            graph.as_graph_def(),
            input_tensors=graph.inputs,
            output_tensors=graph.outputs,
            post_training_quantize=scheme != "float32",
            quantize_to_float16=scheme == "float16",
            enable_mlir_dynamic_range_quantizer=scheme != "float32",
        )
        return bytes(content)
    except Exception as error:
        raise ConversionError(_explain(str(error))) from error


def _explain(text: str) -> str:
    """Make one line of the converter's complaint: the ops without a TFLite kernel, if named."""
    named = re.findall(r"(?:Flex|Custom) ops: ([^\n]+)", text)
    if named:
        ops = ", ".join(dict.fromkeys(", ".join(named).split(", ")))
        return f"no TFLite kernel for {ops}: replace the layers that use it"
    lines = [line for line in text.splitlines() if line.strip()]
    return f"TensorFlow's converter gave up: {lines[-1].strip()[:300]}" if lines else "it gave up"


def _quantize_int8(calibrated: bytes, input_type: str) -> bytes:
    from tensorflow.lite.python.convert import mlir_quantize

    return bytes(mlir_quantize(calibrated, input_data_type=tf.as_dtype(input_type)))


def _quantize_int16x8(calibrated: bytes, input_type: str) -> bytes:
    from tensorflow.lite.python.optimize.calibrator import Calibrator

    def code(dtype: str) -> int:
        return int(np.dtype(dtype).num)

    # The ranges are in the file already, so its own calibration pass is left out.
    wrapped = Calibrator(calibrated, [], [])._calibrator
    allow_float, per_tensor, dense_per_tensor = False, False, False
    try:
        content = wrapped.QuantizeModel(
            code(input_type),
            code("float32"),
            allow_float,
            code("int16"),
            code("int64"),
            per_tensor,
            dense_per_tensor,
        )
    except (RuntimeError, ValueError) as error:
        raise ConversionError(f"int16x8 is not possible for this model: {error}") from error
    return bytes(content)


def _peak_rss_bytes() -> int | None:
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return None
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) * 1024 if found else None


def _work(parent: ParentPipe, job: Message) -> None:
    try:
        Conversion(parent, job).run()
    except MemoryError as error:
        raise InputError("not enough memory to convert this model") from error


def main() -> None:
    """Serve one conversion job (the child's side)."""
    serve_job(_work)


if __name__ == "__main__":
    main()
