"""One conversion from the parent's side: drive the child, check each file, give it its name.

TensorFlow runs in a child (``conversion_child.py``), each file is run once in another
(``file_check.py``), and only then gets its name. Files that are in place stay, whatever happens to
the others.
"""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from functools import cached_property
from pathlib import Path
from typing import Any

from edgecnn.accuracy.output_labels import OutputLabels
from edgecnn.core.child import ChildProcess
from edgecnn.core.errors import ConversionError, EdgecnnError, InputError
from edgecnn.core.files import folder_beside, place, quoted, replacing, sha256_of
from edgecnn.core.temporary import temporary_folder
from edgecnn.core.text import sample_noun
from edgecnn.core.version import __version__
from edgecnn.golden.inputs import Range, can_have_pictures, ranges_of
from edgecnn.golden.sample import GOLDEN_FILE, GoldenSample
from edgecnn.importing.input_format import ModelTensor
from edgecnn.inspection.clients import clients_for, drop_in_warnings
from edgecnn.model_metadata.calibration_digests import CalibrationDigests
from edgecnn.model_metadata.flatbuffer_tables import Tree
from edgecnn.model_metadata.public_metadata import ModelMetadata
from edgecnn.model_metadata.schema import METADATA_BUFFER
from edgecnn.model_metadata.taken_over import SourceMetadata
from edgecnn.model_metadata.writing import append_packed_files, encode_tree
from edgecnn.quantize.calibration.images import CalibrationSamples
from edgecnn.quantize.file_check import Checker, ExpectedFile
from edgecnn.quantize.file_metadata import Labels, choose_labels, public_metadata
from edgecnn.quantize.file_warnings import file_warnings
from edgecnn.quantize.messages import (
    FROM_CHILD,
    ChildFinished,
    FileFailed,
    FileToMake,
    FileWritten,
    RaceFiles,
    RaceTimes,
    TracingFailed,
)
from edgecnn.quantize.output_paths import OutputPlan
from edgecnn.quantize.provenance import (
    describe_calibration,
    describe_recovery,
    describe_source,
)
from edgecnn.quantize.request import CheckedRequest
from edgecnn.quantize.result import Conversion
from edgecnn.quantize.source_session import SourceSession
from edgecnn.quantize.timing.device_timing import DeviceTimer
from edgecnn.small_targets.target import SmallTarget, TargetProof
from edgecnn.small_targets.targets import prove
from edgecnn.tflite.numbers import FLOAT32, INT8
from edgecnn.tflite.output_kinds import OUTPUTS_KEY, what_it_gives
from edgecnn.tflite.output_outline import ModelOutline
from edgecnn.tflite.reading import TfliteModel
from edgecnn.tflite.writing import with_metadata_buffers


def run(
    checked: CheckedRequest, plans: list[OutputPlan], on_result: Callable[[Conversion], None]
) -> list[Conversion]:
    """Convert one source to all of its files.

    Args:
        checked: What is asked for.
        plans: The files to make; all in one folder.
        on_result: Called with each :class:`Conversion` when its file is in place.

    Raises:
        InputError: The model or its calibration data cannot be used.
        ConversionError: A scheme failed; the others' files are in place.
        ChildCrashedError: The converter crashed.
    """
    try:
        with folder_beside(plans[0].target) as folder, temporary_folder() as scratch:
            return _ConversionSession(checked, plans, folder, scratch, on_result).run()
    except OSError as error:
        reason = error.strerror or str(error)
        raise EdgecnnError(f"cannot write to {quoted(plans[0].target.parent)}: {reason}") from error


class _ConversionSession(SourceSession):
    def __init__(
        self,
        checked: CheckedRequest,
        plans: list[OutputPlan],
        folder: Path,
        scratch: Path,
        on_result: Callable[[Conversion], None],
    ) -> None:
        super().__init__(checked, scratch)
        request = checked.request
        self._plans = plans
        self._folder = folder
        self._on_result = on_result
        self._checker = Checker()
        self._timer = DeviceTimer(request.device, request.ask_password) if request.device else None
        self._labels = Labels()
        self._results: list[Conversion] = []
        self._failures: list[str] = []

    def run(self) -> list[Conversion]:
        label = quoted(self.request.source.name)
        if self._timer is not None:
            self.request.on_progress(f"connect to {self.request.device}", 0, 0)
        with (
            self._timer or nullcontext(),
            self.start("edgecnn.quantize.conversion_child", f"converting {label}") as child,
            self._checker,
        ):
            for message in child.messages(*FROM_CHILD):
                if isinstance(message, ChildFinished):
                    break
                self.handle(child, message)
        if self._failures:
            raise ConversionError(f"{label}: {'; '.join(self._failures)}")
        return self._results

    def handle(self, child: ChildProcess, message: object) -> None:
        match message:
            case RaceFiles():
                child.send(RaceTimes(self._times(message.paths)))
            case TracingFailed():
                # All schemes are made of the float32 graph.
                self._failures.append(message.reason)
            case FileFailed():
                self._failures.append(f"{message.scheme}: {message.reason}")
            case FileWritten():
                self._finish(message)
            case _:
                super().handle(child, message)

    @property
    def output_labels(self) -> OutputLabels:
        """Labels of the model's outputs, as they are packed into its files."""
        return OutputLabels(self._labels.names or (), self._labels.source or "")

    def _times(self, paths: Sequence[str]) -> tuple[tuple[float, ...], ...]:
        assert self._timer is not None
        self.request.on_progress(f"time {len(paths)} files on {self.request.device}", 0, 0)
        times = self._timer.milliseconds([Path(path) for path in paths])
        return tuple(tuple(turns) for turns in times)

    def judge_outputs(self, outline: ModelOutline) -> None:
        super().judge_outputs(outline)
        self._labels = choose_labels(
            self.checked, self.source.outputs, self.judged_outputs, self._taken_over
        )
        self.warnings += self._labels.warnings
        super().judge_outputs(outline)

    def files_to_make(self) -> Sequence[FileToMake]:
        if self.image_shape is None:
            # Numbers that are no pixels go in as the model takes them.
            self._plans = [self._of_numbers(plan) for plan in self._plans]
        if self.request.target is not None:
            self.warnings += [_what_is_set(self.request.target, plan) for plan in self._plans]
        return [self._file_to_make(plan) for plan in self._plans]

    def _of_numbers(self, plan: OutputPlan) -> OutputPlan:
        """Return the plan of a file whose numbers are no pixels, which a byte holds as they are."""
        if plan.input_type != "uint8":
            return plan
        taken = INT8.name if self.request.all_int8 else FLOAT32.name
        return dataclasses.replace(plan, input_type=taken)

    def _file_to_make(self, plan: OutputPlan) -> FileToMake:
        request = self.request
        public = encode_tree(self._public(plan, has_golden=self._can_have_golden))
        return FileToMake(
            scheme=plan.scheme.name,
            input_type=plan.input_type,
            output_type=plan.output_type,
            path=str(self._temporary(plan)),
            recover=request.recover,
            without=request.without,
            all_int8=request.all_int8,
            has_samples=self.checked.has_samples,
            max_drop=request.max_drop if plan.scheme.keeps_float else None,
            target_cpu=request.target_cpu,
            device=request.device,
            metadata=json.dumps(self._metadata(plan), sort_keys=True),
            public_metadata=base64.b64encode(public).decode(),
        )

    def check_calibration(self, calibration: CalibrationSamples) -> None:
        """Refuse a budget that cannot be measured, as no sample is held out."""
        if self.request.max_drop is not None and not calibration.held_out:
            noun = sample_noun(are_images=calibration.are_images)
            raise InputError(
                f"--max-drop needs {noun}s to prove it on, and none of {calibration.count} "
                "can be held out: give more"
            )

    def _temporary(self, plan: OutputPlan) -> Path:
        return self._folder / f"{plan.scheme.name}.tflite"

    def _metadata(self, plan: OutputPlan) -> dict[str, object]:
        spec = self.input_of_files
        return {
            "edgecnn": __version__,
            "input": spec.to_dict() if spec else None,
            OUTPUTS_KEY: [output.to_dict() for output in self.judged_outputs],
            "scheme": plan.scheme.name,
            "source": Path(self.request.source.name).name,
            "weights": self._weights(),
        }

    @property
    def _can_have_golden(self) -> bool:
        return not self._takes_image or can_have_pictures(self.image_shape or ())

    @property
    def _takes_image(self) -> bool:
        """Whether the only input takes an image; an array may go into one of such a shape."""
        is_array = self.calibration is not None and not self.calibration.are_images
        return self.image_shape is not None and not is_array

    @cached_property
    def _ranges(self) -> tuple[Range, ...] | None:
        """Least and greatest number of each input that takes an array, where that is known."""
        if self.calibration is None or self._takes_image:
            return None
        return ranges_of(self.calibration.arrays)

    @cached_property
    def _taken_over(self) -> SourceMetadata:
        """What the source's own file says of the model."""
        request = self.request
        return SourceMetadata(request.format.described(request.source.name), (GOLDEN_FILE,))

    def _public(self, plan: OutputPlan, *, has_golden: bool) -> Tree:
        ours = public_metadata(
            self.request,
            self._taken_over.about(self.request.about),
            plan,
            self.input_of_files,
            self.image_shape,
            self.source,
            self.judged_outputs,
            self._labels,
            has_golden=has_golden,
        )
        return self._taken_over.merged(ours, with_labels=self.request.about.labels is None)

    def _weights(self) -> str:
        origin = self._taken_over.weights or self.request.weights_origin
        return origin if origin in ("random", "imagenet", "own") else Path(origin).name

    def _finish(self, written: FileWritten) -> None:
        plan = next(p for p in self._plans if p.scheme.name == written.scheme)
        self.request.on_progress(f"check {plan.scheme.name}", 0, 0)
        try:
            result = self._checked(plan, written)
        except ConversionError as error:
            self._failures.append(f"{plan.scheme.name}: {error}")
            return
        place(self._temporary(plan), plan.target)
        self._results.append(result)
        self._on_result(result)

    def _checked(self, plan: OutputPlan, written: FileWritten) -> Conversion:
        """Run a file, pack what belongs to it, and describe it."""
        path = self._temporary(plan)
        in_float = written.proof.layers_in_float if written.proof else ()
        wanted = ExpectedFile(
            plan.scheme,
            tuple(self._input_types(plan)),
            tuple(_end_type(tensor, plan.output_type) for tensor in self.source.outputs),
            self.input_of_files,
            takes_image=self._takes_image,
            ranges=self._ranges,
            has_golden=self._can_have_golden,
            in_float=in_float,
        )
        sample = self.calibration.arrays[0][0] if self.calibration else None
        model, runtime, golden = self._checker.verify(path, wanted, sample)
        if golden is None and self._can_have_golden:
            public = encode_tree(self._public(plan, has_golden=False))
            content = with_metadata_buffers(path.read_bytes(), {METADATA_BUFFER: public})
            with replacing(path) as temporary:
                temporary.write_bytes(content)
        taken_over = self._taken_over.packed(with_labels=self.request.about.labels is None)
        own = {**self._labels.files, **self._golden(plan, written, golden)}
        append_packed_files(path, {**taken_over, **own})
        proved = self._proved_for_target(path, model)
        return self._conversion(plan, written, model, runtime, proved)

    def _proved_for_target(self, path: Path, model: TfliteModel) -> TargetProof | None:
        """Return what the tool of the target says of a file that is made for one."""
        target = self.request.target
        if target is None:
            return None
        self.request.on_progress(f"prove for {target.name}", 0, 0)
        proved = prove(path, model, target)
        if proved.takes is False:
            raise ConversionError(proved.summary)
        return proved

    def _input_types(self, plan: OutputPlan) -> Iterator[str]:
        """Yield the element type of each input of a file."""
        for tensor in self.source.inputs:
            is_number = self.image_shape is None
            yield _end_type(tensor, plan.input_type) if is_number else plan.input_type

    def _conversion(
        self,
        plan: OutputPlan,
        written: FileWritten,
        model: TfliteModel,
        runtime: dict[str, str],
        proved: TargetProof | None,
    ) -> Conversion:
        path, spec = self._temporary(plan), self.input_of_files
        calibrated = self.calibration if plan.scheme.is_calibrated else None
        ratio = written.latency_over_float32
        return Conversion(
            path=plan.target,
            source=self.request.source.name,
            scheme=plan.scheme.name,
            bytes=path.stat().st_size,
            sha256=sha256_of(path),
            input_shape=model.inputs[0].shape,
            input_dtype=model.inputs[0].dtype,
            output_shape=model.outputs[0].shape,
            output_dtype=model.outputs[0].dtype,
            operators=model.op_counts,
            ops_by_dtype=model.ops_by_dtype,
            seconds=written.seconds,
            phase_seconds=written.phase_seconds,
            input=spec.to_dict() if spec else None,
            weights=self.request.weights_origin,
            calibration_images=calibrated.fitted if calibrated else 0,
            proof=written.proof,
            budget_outcome=written.budget,
            target_proof=proved,
            latency_over_float32=ratio.value if ratio else None,
            latency_over_float32_low=ratio.low if ratio else None,
            latency_over_float32_high=ratio.high if ratio else None,
            labels=self._labels.source,
            preprocessing=self.built_in_preprocessing,
            answers=self._answers,
            images=f"{spec.geometry_text} ({self.geometry_reason})" if spec else None,
            warnings=self._warnings(plan, written, model, proved),
            versions={"edgecnn": __version__, **self.source.versions, **runtime},
            converter_peak_rss_bytes=written.peak_rss_bytes,
        )

    @cached_property
    def _source_described(self) -> dict[str, Any]:
        """What identifies the source: a large one takes time to hash."""
        return describe_source(self.request)

    def _golden(
        self, plan: OutputPlan, written: FileWritten, golden: GoldenSample | None
    ) -> dict[str, bytes]:
        """Return the packed file with the golden sample and where the model is from."""
        if golden is None:
            return {}
        images = self.calibration if plan.scheme.is_calibrated else None
        digests = self._calibration_digests if images else None
        provenance = {
            "source": self._source_described,
            "scheme": plan.scheme.name,
            **describe_recovery(self.request, plan.scheme),
            "calibration": describe_calibration(images) if images else None,
            "fidelity": written.proof.to_dict() if written.proof else None,
            "versions": {"edgecnn": __version__, **self.source.versions},
        }
        golden = dataclasses.replace(golden, provenance=provenance, calibrated_on=digests)
        return {GOLDEN_FILE: golden.to_bytes()}

    @cached_property
    def _calibration_digests(self) -> CalibrationDigests | None:
        """Digests of the user's images; None where noise stands in for images."""
        images = self.calibration
        if images is None or not images.are_images or self.checked.calibration_data is None:
            return None
        return CalibrationDigests.of(images.images, images.fitted)

    def _warnings(
        self,
        plan: OutputPlan,
        written: FileWritten,
        model: TfliteModel,
        proved: TargetProof | None,
    ) -> tuple[str, ...]:
        warnings = [*self.warnings, *self.source.notes]
        if plan.scheme.is_calibrated and self.calibration:
            warnings += self.calibration.warnings
        warnings += file_warnings(self.request, plan.scheme, written, self.judged_outputs, proved)
        if self.image_shape is None or not self.gives_scores or self.request.target is not None:
            return tuple(warnings)  # Apps that classify images are not what it is for.
        public = ModelMetadata.from_tree(self._public(plan, has_golden=False))
        return (*warnings, *drop_in_warnings(clients_for(model, public, self._shown(model))))

    @property
    def _answers(self) -> str | None:
        """What the model answers, unless as nearly all do, or where a note tells of readings."""
        outputs = self.judged_outputs
        is_usual = [output.are_class_probabilities for output in outputs] == [True]
        is_usual &= not self.request.tasks
        are_sure = all(output.is_sure for output in outputs)
        return what_it_gives(outputs) if are_sure and not is_usual else None

    def _shown(self, model: TfliteModel) -> Sequence[str] | None:
        """Return the labels that clients find.

        Where missing labels need no warning, empty ones stand in, as many as clients want.
        """
        is_for_measuring = self.request.weights_origin == "random"
        if self._labels.names is None and (is_for_measuring or self._labels.warnings):
            return [""] * model.outputs[0].elements
        return self._labels.names


def _what_is_set(target: SmallTarget, plan: OutputPlan) -> str:
    return (
        f"--target {target.name} means --all-int8, {plan.input_type} in and {plan.output_type} "
        f"out; {target.next_step}"
    )


def _end_type(tensor: ModelTensor, wanted: str) -> str:
    """Return the element type of an end of a file: floats become what is wanted of them."""
    return wanted if tensor.dtype == FLOAT32.name else tensor.dtype
