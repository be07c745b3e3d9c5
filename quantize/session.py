"""One conversion from the parent's side: drive the child, check each file, give it its name.

TensorFlow runs in a child (``converter.py``), each file is run once in another (``verify.py``),
and only then gets its name. Files that are in place stay, whatever happens to the others.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import math
import tempfile
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path

import numpy as np

from edgecnn.core.child import ChildProcess, Message, module_command
from edgecnn.core.errors import ConversionError, EdgecnnError, InputError
from edgecnn.core.files import quoted, replacing, sha256_of
from edgecnn.data.inputspec import InputSpec, preset
from edgecnn.data.preprocessing import unknown_preprocessing
from edgecnn.golden.replay import can_have_sample
from edgecnn.golden.sample import GOLDEN_FILE, GoldenSample
from edgecnn.inspection.clients import clients_for, shut_out
from edgecnn.metadata.model import ModelMetadata
from edgecnn.metadata.schema import METADATA_BUFFER
from edgecnn.metadata.writing import append_packed_files, encode_metadata
from edgecnn.quantize.budget.verdict import budget_warnings
from edgecnn.quantize.calibration import (
    MOST_HELD_OUT,
    MOST_HELD_OUT_FOR_BUDGET,
    CalibrationImages,
    label_outputs,
    load_calibration,
    noise,
)
from edgecnn.quantize.device_timing import DeviceTimer
from edgecnn.quantize.guards import layer_doubts
from edgecnn.quantize.latency_here import CLEARLY_SLOWER
from edgecnn.quantize.outputs import OutputPlan
from edgecnn.quantize.provenance import describe_calibration, describe_source
from edgecnn.quantize.publishing import Labels, choose_labels, public_metadata
from edgecnn.quantize.recovery.advice import fidelity_warnings
from edgecnn.quantize.request import Request
from edgecnn.quantize.result import Conversion
from edgecnn.quantize.verify import Checker
from edgecnn.tflite.reading import TfliteModel
from edgecnn.tflite.writing import with_buffers
from edgecnn.version import __version__

CHILD_ENVIRONMENT = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "CUDA_VISIBLE_DEVICES": "-1",
    "KERAS_BACKEND": "tensorflow",
    # numpy's linear algebra loses more to waiting threads than it gains, most of all on a machine
    # that does other work too.
    "OPENBLAS_NUM_THREADS": "1",
}


def run(
    request: Request, plans: list[OutputPlan], on_result: Callable[[Conversion], None]
) -> list[Conversion]:
    """Convert one source to all of its files.

    Args:
        request: What is asked for, checked.
        plans: The files to make; all in one folder.
        on_result: Told of each file when it is in place.

    Raises:
        InputError: The model or its calibration data cannot be used.
        ConversionError: A scheme failed; the others' files are in place.
        ChildCrashedError: The converter crashed.
    """
    try:
        # Beside the targets, so that a rename puts a file in place whole.
        with (
            tempfile.TemporaryDirectory(
                prefix=".edgecnn-", dir=plans[0].target.parent, ignore_cleanup_errors=True
            ) as folder,
            tempfile.TemporaryDirectory(prefix="edgecnn-") as scratch,
        ):
            return _Session(request, plans, Path(folder), Path(scratch), on_result).run()
    except OSError as error:
        reason = error.strerror or str(error)
        raise EdgecnnError(f"cannot write to {quoted(plans[0].target.parent)}: {reason}") from error


class _Session:
    def __init__(
        self,
        request: Request,
        plans: list[OutputPlan],
        folder: Path,
        scratch: Path,
        on_result: Callable[[Conversion], None],
    ) -> None:
        self._request = request
        self._plans = plans
        self._folder = folder
        self._scratch = scratch
        self._on_result = on_result
        self._checker = Checker()
        self._timer = DeviceTimer(request.device, request.ask_password) if request.device else None
        self._loaded: Message = {}
        self._calibration: CalibrationImages | None = None
        self._labels = Labels()
        self._source: dict[str, object] | None = None
        self._results: list[Conversion] = []
        self._failures: list[str] = []

    def run(self) -> list[Conversion]:
        label = quoted(self._request.source.name)
        if self._timer is not None:
            self._request.on_progress(f"connect to {self._request.device}", 0, 0)
            self._timer.connect()
        with (
            ChildProcess(
                module_command("edgecnn.quantize.converter"),
                task=f"converting {label}",
                environment=CHILD_ENVIRONMENT,
            ) as child,
            self._checker,
            self._timer or nullcontext(),
        ):
            child.send(self._job())
            for message in child.messages():
                self._handle(child, message)
                if message["event"] == "done":
                    break
        if self._failures:
            raise ConversionError(f"{label}: {'; '.join(self._failures)}")
        return self._results

    def _job(self) -> Message:
        request = self._request
        return {
            "do": "convert",
            "kind": request.source.kind,
            "name": request.source.name,
            "trust": request.trust,
            "size": request.options.size,
            "build": request.options.arguments(),
            "scratch": str(self._scratch),
        }

    def _handle(self, child: ChildProcess, message: Message) -> None:
        match message["event"]:
            case "phase":
                self._request.on_progress(message["phase"], 0, 0)
            case "progress":
                self._request.on_progress(message["phase"], message["done"], message["total"])
            case "loaded":
                self._loaded = message
                self._prepare(child)
            case "warning":
                self._request.warnings.append(message["text"])
            case "race":
                child.send({"do": "times", "milliseconds": self._times(message["paths"])})
            case "failed":
                self._failures.append(f"{message['scheme']}: {message['message']}")
            case "written":
                self._finish(message)

    def _prepare(self, child: ChildProcess) -> None:
        """Tell the child how pixels go in; decode the images while it freezes and converts."""
        spec = self._input_spec()
        self._request.spec = spec
        self._labels = choose_labels(self._request, math.prod(self._loaded["output_shape"]))
        self._request.warnings += self._labels.warnings
        outputs = [self._output(plan) for plan in self._plans]
        child.send({"do": "prepare", "spec": spec.to_dict() if spec else None, "outputs": outputs})
        if self._request.needs_calibration:
            assert spec is not None
            self._calibration = self._images(spec)
            self._check_proof(self._calibration)
            child.send(self._images_message(self._calibration))

    def _times(self, paths: Sequence[str]) -> list[list[float]]:
        assert self._timer is not None
        self._request.on_progress(f"time {len(paths)} files on {self._request.device}", 0, 0)
        return self._timer.milliseconds([Path(path) for path in paths])

    def _input_spec(self) -> InputSpec | None:
        height, width, channels = self._loaded["input_shape"]
        request = self._request
        layer, factor = (self._loaded[f"preprocessing_{what}"] for what in ("layer", "factor"))
        said = request.preprocessing.spec(height, width, channels)
        spec = said or request.spec or (preset("raw", height, width, channels) if layer else None)
        if spec is not None:
            if layer and not request.is_registered:
                request.warnings += layer_doubts(layer, factor, spec)
            return spec
        if request.needs_calibration:
            raise unknown_preprocessing(quoted(request.source.name))
        request.warnings.append(
            "its preprocessing is not known and not in the file: --preprocess puts it there"
        )
        return None

    def _images_message(self, calibration: CalibrationImages) -> Message:
        outputs = math.prod(self._loaded["output_shape"])
        return {
            "do": "images",
            "path": str(self._saved(calibration)),
            "held_out": calibration.held_out,
            "outputs": label_outputs(self._request.dataset, calibration, outputs),
            # Random weights tell nothing of an input, and the makers' own are trained as they say.
            "may_doubt": self._request.weights_origin != "random",
            "may_differ": self._request.weights_origin != "imagenet",
        }

    def _check_proof(self, calibration: CalibrationImages) -> None:
        """Refuse a budget that nothing can tell: no images are left, or there are no classes."""
        if self._request.max_drop is None:
            return
        if not calibration.held_out:
            raise InputError(
                f"--max-drop needs images to prove it on, and none of {len(calibration.images)} "
                "can be held out: give more"
            )
        if math.prod(self._loaded["output_shape"]) < 2:
            raise InputError("--max-drop counts right classes, and this model answers one number")

    def _saved(self, calibration: CalibrationImages) -> Path:
        """Hand the images over in a file: a pipe would block until the child reads it."""
        path = self._scratch / "calibration.npy"
        try:
            np.save(path, calibration.images)
        except OSError as error:
            raise EdgecnnError(
                f"cannot write {calibration.images.nbytes} bytes of calibration images to "
                f"{quoted(self._scratch.parent)}: {error}"
            ) from error
        return path

    def _images(self, spec: InputSpec) -> CalibrationImages:
        if self._request.dataset is None:
            return noise(spec)

        def report(done: int, total: int) -> None:
            self._request.on_progress("read images", done, total)

        most = MOST_HELD_OUT if self._request.max_drop is None else MOST_HELD_OUT_FOR_BUDGET
        return load_calibration(self._request.dataset, self._request.samples, spec, report, most)

    def _normalizes_in_graph(self) -> bool:
        """Whether pixels are normalised by the file itself.

        One scale and one zero point of a uint8 input say [-1, 1] or [0, 1], but not a mean for
        each channel or BGR, and app libraries refuse a float input that wants those; then the graph
        does it.
        """
        spec = self._request.spec
        return spec is not None and not spec.is_uniform

    def _output(self, plan: OutputPlan) -> Message:
        return {
            "scheme": plan.scheme.name,
            "input_type": plan.input_type,
            "normalize_in_graph": self._normalizes_in_graph(),
            "merge_normalization": self._normalizes_in_graph() and plan.scheme.name == "int8",
            "path": str(self._temporary(plan)),
            "recover": self._request.recover,
            "all_int8": self._request.all_int8,
            "has_images": self._request.dataset is not None,
            "max_drop": self._request.max_drop if plan.scheme.name == "int8" else None,
            "target_cpu": self._request.target_cpu,
            "device": self._request.device,
            "metadata": json.dumps(self._metadata(plan), sort_keys=True),
            "public_metadata": base64.b64encode(
                encode_metadata(self._public(plan, has_golden=self._can_have_golden))
            ).decode(),
        }

    def _temporary(self, plan: OutputPlan) -> Path:
        return self._folder / f"{plan.scheme.name}.tflite"

    def _metadata(self, plan: OutputPlan) -> dict[str, object]:
        spec = self._input_of_files()
        return {
            "edgecnn": __version__,
            "input": spec.to_dict() if spec else None,
            "scheme": plan.scheme.name,
            "source": Path(self._request.source.name).name,
            "weights": self._weights(),
        }

    @property
    def _can_have_golden(self) -> bool:
        return can_have_sample(tuple(self._loaded["input_shape"]))

    def _public(self, plan: OutputPlan, *, has_golden: bool) -> ModelMetadata:
        shapes = (tuple(self._loaded["input_shape"]), tuple(self._loaded["output_shape"]))
        is_probability = self._loaded["ends_in_softmax"]
        return public_metadata(
            self._request,
            plan,
            self._input_of_files(),
            shapes,
            self._labels,
            is_probability,
            has_golden=has_golden,
        )

    def _weights(self) -> str:
        origin = self._request.weights_origin
        return origin if origin in ("random", "imagenet", "own") else Path(origin).name

    def _input_of_files(self) -> InputSpec | None:
        spec = self._request.spec
        return spec.centered() if spec and self._normalizes_in_graph() else spec

    def _finish(self, message: Message) -> None:
        plan = next(p for p in self._plans if p.scheme.name == message["scheme"])
        self._request.on_progress(f"check {plan.scheme.name}", 0, 0)
        try:
            result = self._checked(plan, message)
        except ConversionError as error:
            self._failures.append(f"{plan.scheme.name}: {error}")
            return
        self._temporary(plan).replace(plan.target)
        self._results.append(result)
        self._on_result(result)

    def _checked(self, plan: OutputPlan, message: Message) -> Conversion:
        path = self._temporary(plan)
        image = self._calibration.images[0] if self._calibration else None
        spec = self._input_of_files()
        in_float = (message["fidelity"] or {}).get("layers_in_float", ())
        model, runtime, golden = self._checker.verify(
            path, plan.scheme, plan.input_type, image, spec, in_float
        )
        if golden is None and self._can_have_golden:
            public = encode_metadata(self._public(plan, has_golden=False))
            content = with_buffers(path.read_bytes(), {METADATA_BUFFER: public})
            with replacing(path) as temporary:
                temporary.write_bytes(content)
        append_packed_files(path, {**self._labels.files, **self._golden(plan, message, golden)})
        calibrated = self._calibration if plan.scheme.calibrated else None
        return Conversion(
            path=plan.target,
            source=self._request.source.name,
            scheme=plan.scheme.name,
            bytes=path.stat().st_size,
            sha256=sha256_of(path),
            input_shape=model.inputs[0].shape,
            input_dtype=model.inputs[0].dtype,
            output_shape=model.outputs[0].shape,
            output_dtype=model.outputs[0].dtype,
            operators=model.op_counts,
            ops_by_dtype=model.ops_by_dtype,
            seconds=message["seconds"],
            phase_seconds=message["phase_seconds"],
            input=spec.to_dict() if spec else None,
            weights=self._request.weights_origin,
            calibration_images=calibrated.fitted if calibrated else 0,
            fidelity=message["fidelity"],
            budget=message["budget"],
            latency_over_float32=message["latency_over_float32"],
            labels=self._labels.source,
            warnings=self._warnings(plan, message, model),
            versions={"edgecnn": __version__, **self._loaded["versions"], **runtime},
            converter_peak_rss_bytes=message["peak_rss_bytes"],
        )

    def _golden(
        self, plan: OutputPlan, message: Message, golden: GoldenSample | None
    ) -> dict[str, bytes]:
        """Return the packed file with the golden sample and where the model is from."""
        if golden is None:
            return {}
        if self._source is None:
            self._source = describe_source(self._request)
        images = self._calibration if plan.scheme.calibrated else None
        provenance = {
            "source": self._source,
            "scheme": plan.scheme.name,
            "recover": self._request.recover if plan.scheme.calibrated else None,
            "calibration": describe_calibration(images.images, images.fitted) if images else None,
            "fidelity": message["fidelity"],
            "versions": {"edgecnn": __version__, **self._loaded["versions"]},
        }
        return {GOLDEN_FILE: dataclasses.replace(golden, provenance=provenance).to_bytes()}

    def _warnings(self, plan: OutputPlan, message: Message, model: TfliteModel) -> tuple[str, ...]:
        warnings = [*self._request.warnings, *self._loaded["notes"]]
        if plan.scheme.calibrated and self._calibration:
            warnings += self._calibration.warnings
        fidelity, budget = message["fidelity"], message["budget"]
        warnings += fidelity_warnings(plan.scheme.name, fidelity, budget)
        warnings += budget_warnings(budget)
        ratio = message["latency_over_float32"]
        if ratio is not None and ratio > CLEARLY_SLOWER:
            times = f"on this machine it takes {ratio:.1f}x the float32 file's time"
            warnings.append(f"{times}: {plan.scheme.if_slow}")
        public = self._public(plan, has_golden=False)
        return (*warnings, *shut_out(clients_for(model, public, self._shown(model))))

    def _shown(self, model: TfliteModel) -> Sequence[str] | None:
        """Return the labels that clients find, as many as they want where nothing is to be said."""
        is_for_measuring = self._request.weights_origin == "random"
        if self._labels.names is None and (is_for_measuring or self._labels.warnings):
            return [""] * model.outputs[0].elements
        return self._labels.names
