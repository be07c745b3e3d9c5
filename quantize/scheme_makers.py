"""How the file of each scheme is made of a source (in a child)."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgecnn.core.errors import ConversionError
from edgecnn.core.text import first_few
from edgecnn.inspection.runtimes import runtime_declaration
from edgecnn.model_metadata.schema import METADATA_BUFFER
from edgecnn.quantize.budget.mixing import Mixable, mix_within_budget
from edgecnn.quantize.budget.verdict import BudgetOutcome
from edgecnn.quantize.imported_source import ImportedSource, PixelInput
from edgecnn.quantize.integers.ends import refuse_floats
from edgecnn.quantize.integers.kernels import has_kernel
from edgecnn.quantize.integers.schemes import QuantizedGraph, to_int8, to_int16x8
from edgecnn.quantize.integers.weights_only import (
    WEIGHTS_ONLY,
    stored_weights,
    stores_recurrent_weights,
)
from edgecnn.quantize.messages import FileToMake, RaceFiles, RaceTimes
from edgecnn.quantize.recovery.float_softmax import joined_outputs
from edgecnn.quantize.recovery.pipeline import (
    MAKING_FAILS,
    Quantizer,
    RecoveredGraph,
    Recovery,
    RecoveryData,
)
from edgecnn.quantize.recovery.proof import Proof
from edgecnn.quantize.recovery.steps import OUTLIER_IMAGES, steps_left_out
from edgecnn.quantize.timing.latencies import (
    EstimatedLatencies,
    Latencies,
    MeasuredLatencies,
    TurnTimes,
)
from edgecnn.tflite.graph import Graph
from edgecnn.tflite.names import scope_of
from edgecnn.tflite.numbers import FLOAT32
from edgecnn.tflite.output_kinds import OutputKind
from edgecnn.tflite.reading import METADATA_NAME, parse_model
from edgecnn.tflite.schemes import SCHEMES, Scheme
from edgecnn.tflite.serialization import write_graph
from edgecnn.tflite.subgraphs import called_subgraphs
from edgecnn.tflite.target_cpu import target_cpu
from edgecnn.tflite.writing import with_metadata_buffers

INT8_FIT_IMAGES = 32
"""Number of images that int8 files are corrected with: time and memory grow with it, and 64 images
gain only 0.3 dB."""
INT16_FIT_IMAGES = 16
"""Number of images that int16x8 files are corrected with: 16-bit kernels are ten times slower, and
there is less to correct."""

NOT_RECOVERED = (
    "its files are the plain ones, neither corrected nor compared with float32: that is done for "
    "models that take one sample and numbers, and keep no variable and no table"
)

NOT_COMPARED = "its files are the plain ones, as its answers could not be compared with float32"

COMPARED_TYPES = ("float32", "int8", "uint8", "int16", "int32", "int64", "bool")
"""Types of inputs and outputs whose values can be given and compared."""


LOOPS_IN_FLOAT = (
    "in int8 and int16x8 files their weights have 8 bits, and states and activations stay in "
    "float32: a state that is rounded in each step costs more accuracy than all else, and saves no "
    "time"
)

BRANCHES_IN_FLOAT = (
    "in int8 and int16x8 files their weights have 8 bits, and activations stay in float32, as "
    "nothing is known of the range of what samples do not reach"
)


@dataclass(frozen=True)
class MadeFile:
    """A file, and what was measured of it.

    Args:
        content: The file's bytes.
        proof: How near its answers are to the float file's; None if no image is held out.
        budget: What keeping within the budget took; None without one.
    """

    content: bytes
    proof: Proof | None = None
    budget: BudgetOutcome | None = None


class FileMaker:
    """Makes the files of one source, which share its float models, ranges and recovery.

    Args:
        source: The source, loaded and traced.
    """

    def __init__(self, source: ImportedSource) -> None:
        self.source = source
        self._recoveries: dict[PixelInput, Recovery | None] = {}
        self._doing = "recover"

    def make(self, file: FileToMake) -> MadeFile:
        """Make a file as its scheme says.

        Raises:
            ConversionError: The scheme is not possible for this model, or no mix of int8 and
                float32 layers is within the budget.
        """
        return MAKERS[file.scheme](self, file)

    def float32_file(self, file: FileToMake) -> bytes:
        """Return the float32 file that another scheme's file is compared with."""
        graph = self.source.float_model(self.pixel_input(file)).graph
        return write_graph(graph)

    def float32_weight_bytes(self, file: FileToMake) -> int:
        """Return the bytes of the constants of a file's float32 graph."""
        graph = self.source.float_model(self.pixel_input(file)).graph
        contents = {id(t.data): t.data.nbytes for t in graph.tensors if t.data is not None}
        return sum(contents.values())

    def float32(self, file: FileToMake) -> MadeFile:
        """Make a float32 file."""
        return MadeFile(with_file_metadata(self.float32_file(file), file))

    def weights_only(self, file: FileToMake) -> MadeFile:
        """Make a file whose weights alone are quantised."""
        float_graph = self.source.float_model(self.pixel_input(file)).graph
        with self.source.clock.phase(f"quantize {file.scheme}"):
            graph = WEIGHTS_ONLY[SCHEMES[file.scheme].weights](float_graph)
        recovery, proof = self._recovery(file), None
        if recovery is not None:
            with self.source.clock.phase("compare"):
                fidelity = recovery.prove(graph)
            made = RecoveredGraph(graph, fidelity, fidelity, graph, is_plain=True)
            proof = made.proof("off")
        return MadeFile(with_file_metadata(write_graph(graph), file), proof)

    def int8(self, file: FileToMake) -> MadeFile:
        """Make an int8 file."""
        return self._integers(file, to_int8, INT8_FIT_IMAGES)

    def int16x8(self, file: FileToMake) -> MadeFile:
        """Make a file of int8 weights and int16 activations."""
        return self._integers(file, to_int16x8, INT16_FIT_IMAGES)

    def _integers(
        self,
        file: FileToMake,
        quantize: Callable[[Graph, str, Sequence[str], str], QuantizedGraph],
        fit_images: int,
    ) -> MadeFile:
        quantizer = Quantizer(
            lambda graph, in_float: quantize(graph, file.input_type, in_float, file.output_type),
            keeps_float=SCHEMES[file.scheme].keeps_float and not file.all_int8,
            fit_images=fit_images,
            softens=file.output_type == FLOAT32.name and not file.all_int8,
        )
        calibrated = self.source.float_model(self.pixel_input(file)).graph.copy()
        observed = self.source.observed(self.pixel_input(file), of_all=not can_recover(calibrated))
        with self.source.clock.phase(f"quantize {file.scheme}"):
            calibrated.set_ranges(observed.ranges)
            plain = quantizer.quantize(calibrated, ())
        if file.all_int8:
            refuse_floats(plain.graph)
        self._tell_of_floats(calibrated, SCHEMES[file.scheme])
        recovery = self._recovery(file)
        if recovery is not None:
            return self._made(recovery, plain, quantizer, file)
        if file.max_drop is not None:
            raise ConversionError(
                "--max-drop needs a model that takes one sample and numbers, and keeps no variable "
                "and no table"
            )
        return MadeFile(with_file_metadata(write_graph(plain.graph), file))

    def _tell_of_floats(self, graph: Graph, scheme: Scheme) -> None:
        """Tell which layers stay in float32 because the runtime has no integer kernel for them."""
        numbers = scheme.activations
        layers = [op for op in graph.ops if op.is_weighted and not has_kernel(op.kind, numbers)]
        if layers:
            kinds = ", ".join(sorted({op.kind for op in layers}))
            self.source.remark_once(
                f"{len(layers)} layer(s) stay in float32, as the runtime has no {numbers.name} "
                f"kernel of {kinds}"
            )
        for names, text in (
            (loops_with_weights(graph), LOOPS_IN_FLOAT),
            (called_with_weights(graph, "IF"), BRANCHES_IN_FLOAT),
        ):
            if names:
                self.source.remark_once(f"{first_few(names)}: {text}")

    def _made(
        self, recovery: Recovery, plain: QuantizedGraph, quantizer: Quantizer, file: FileToMake
    ) -> MadeFile:
        """Make the integer file that keeps the float model's answers, as far as is asked for."""
        if file.max_drop is not None:
            self._check_unit()
        if file.all_int8:
            self._tell_of_joins(plain.reference)
        recovered, reason = self._recovered(recovery, plain, quantizer, file)
        budget = None
        if file.max_drop is not None:
            recovered, budget = self._within_budget(recovery, recovered, quantizer, file)
        content = with_file_metadata(write_graph(recovered.graph), file)
        return MadeFile(content, recovered.proof(file.recover, reason), budget)

    def _check_unit(self) -> None:
        """Refuse a budget for an output whose loss nothing tells how to count."""
        is_labelled = self.source.calibration_file().outputs is not None
        for output in self.source.outputs:
            if output.kind is OutputKind.UNKNOWN and not is_labelled:
                several = f"{output.name}=" if len(self.source.outputs) > 1 else ""
                raise ConversionError(
                    f"--max-drop needs to know what the output {output.name!r} is "
                    f"({output.because}): --task {several}classes, or what else it is"
                )

    def _tell_of_joins(self, graph: Graph) -> None:
        """Tell which outputs join parts of different kinds, which integers give one scale."""
        kinds = [output.kind for output in self.source.outputs]
        for place in joined_outputs(graph, kinds):
            self.source.remark_once(
                f"the output {self.source.outputs[place].name!r} joins boxes and scores, which "
                "--all-int8 gives one scale: scores have few levels left; without it each keeps "
                "its own"
            )

    def _recovered(
        self, recovery: Recovery, plain: QuantizedGraph, quantizer: Quantizer, file: FileToMake
    ) -> tuple[RecoveredGraph, str]:
        """Return the recovered graph, and why it is the plain one where recovery failed."""
        reason, self._doing = "", "recover"
        if file.recover != "off":
            with self.source.clock.phase(f"recover {file.scheme}"):
                try:
                    return recovery.recover(quantizer, plain), ""
                except MAKING_FAILS as error:
                    # The plain file is sound, so a graph that recovery can't take costs only
                    # the gain.
                    reason = str(error)[:300]
        with self.source.clock.phase("compare"):
            proof = recovery.prove(plain.graph)
        return RecoveredGraph(plain.graph, proof, proof, plain.reference, is_plain=True), reason

    def _within_budget(
        self, recovery: Recovery, int8: RecoveredGraph, quantizer: Quantizer, file: FileToMake
    ) -> tuple[RecoveredGraph, BudgetOutcome]:
        mixable = Mixable(
            float32=with_file_metadata(self.float32_file(file), file),
            int8=int8,
            remake=lambda names: recovery.remake(quantizer, int8, names),
            write=lambda graph: with_file_metadata(write_graph(graph), file),
            inputs=recovery.inputs,
            comparison=recovery.comparison,
            layers=self.source.layers,
            takes_pixels=file.input_type != FLOAT32.name,
            cpu=target_cpu(file.target_cpu),
            latencies=self._latencies(file),
        )

        def report(phase: str, done: int, total: int) -> None:
            self._doing = phase
            self.source.progress(phase)(done, total)

        assert file.max_drop is not None
        with self.source.clock.phase("mix int8 and float32"):
            return mix_within_budget(mixable, file.max_drop, report)

    def _recovery(self, file: FileToMake) -> Recovery | None:
        """Return the recovery of the file's float model; None where nothing is compared."""
        # Whether the normalisation stays apart changes no input and no answer.
        source, pixels = self.source, self.pixel_input(file)._replace(is_apart=False)
        if not file.has_samples or not source.calibration_file().held_out:
            return None
        model = source.float_model(pixels)
        if not can_recover(model.graph):
            source.remark_once(NOT_RECOVERED)
            return None
        if pixels not in self._recoveries:
            try:
                self._recoveries[pixels] = self._new_recovery(file, pixels)
            except MAKING_FAILS as error:
                # The runtime may not run parts of a model that it runs as a whole.
                source.remark_once(f"{NOT_COMPARED}: {str(error)[:300]}")
                self._recoveries[pixels] = None
        return self._recoveries[pixels]

    def _new_recovery(self, file: FileToMake, pixels: PixelInput) -> Recovery:
        source, model = self.source, self.source.float_model(pixels)
        without = steps_left_out(file.without)
        (fit, held_out), observed = source.split_samples(), source.observed(pixels)
        if file.recover != "off" and OUTLIER_IMAGES not in without:
            fit, observed = source.without_outliers(pixels)
        labels = source.calibration_file().outputs
        recovery = Recovery(
            model.graph,
            observed,
            RecoveryData(fit, held_out, labels, model.spec, source.outputs),
            file.recover,
            self._latencies(file),
            lambda done, total: source.progress(self._doing)(done, total),
            without,
        )
        if recovery.class_scores is not None:
            source.report_input_doubts(pixels, recovery.class_scores)
        return recovery

    def pixel_input(self, file: FileToMake) -> PixelInput:
        """Return how the float graph that a file is made of takes pixels."""
        scheme: Scheme = SCHEMES[file.scheme]
        return PixelInput.of(scheme, normalizes=self.source.normalizes)

    def _latencies(self, file: FileToMake) -> Latencies:
        """Return the source of the latencies by which files are chosen."""
        if file.device is None:
            return EstimatedLatencies(target_cpu(file.target_cpu))
        return MeasuredLatencies(file.device, self._time_on_device)

    def _time_on_device(self, contents: Sequence[bytes]) -> TurnTimes:
        """Have the parent time files on the device that they are made for."""
        folder = Path(self.source.job.scratch)
        paths = [folder / f"race_{number}.tflite" for number in range(len(contents))]
        for path, content in zip(paths, contents, strict=True):
            path.write_bytes(content)
        self.source.parent.send(RaceFiles(tuple(map(str, paths))))
        times = self.source.parent.expect(RaceTimes).milliseconds
        return np.asarray(times, np.float64)


MAKERS: dict[str, Callable[[FileMaker, FileToMake], MadeFile]] = {
    "float32": FileMaker.float32,
    "float16": FileMaker.weights_only,
    "dynamic": FileMaker.weights_only,
    "int8": FileMaker.int8,
    "int16x8": FileMaker.int16x8,
}
"""Scheme's name -> the function that makes its files."""


def loops_with_weights(graph: Graph) -> list[str]:
    """Return the names of loops and recurrent layers whose weights are worth eight bits.

    Args:
        graph: A float graph.
    """
    layers = [op.kind for op in graph.ops if stores_recurrent_weights(op)]
    return [*layers, *called_with_weights(graph, "WHILE")]


def called_with_weights(graph: Graph, kind: str) -> list[str]:
    """Return the names of ops of a kind that run graphs whose weights are worth eight bits."""
    found = []
    for op in (op for op in graph.ops if op.kind == kind):
        bodies = [graph.others[number] for number in called_subgraphs(op)]
        if any(map(stored_weights, bodies)):
            found.append(f"{kind} {scope_of(op.result.name)}")
    return found


def can_recover(graph: Graph) -> bool:
    """Say whether a graph is one that recovery and the comparison with float32 know."""
    ends = (*graph.inputs, *graph.outputs)
    are_numbers = all(tensor.dtype in COMPARED_TYPES for tensor in ends)
    take_one = {tensor.shape[:1] for tensor in ends} == {(1,)}
    are_made = all(graph.maker(tensor) is not None for tensor in graph.outputs)
    return are_numbers and take_one and are_made and not graph.has_variables


def with_file_metadata(content: bytes, file: FileToMake) -> bytes:
    """Return a file with its metadata buffers, as it is written.

    Args:
        content: The file's bytes.
        file: What the parent asked for, with the metadata.
    """
    buffers = {
        METADATA_NAME: file.metadata.encode(),
        METADATA_BUFFER: base64.b64decode(file.public_metadata),
        **runtime_declaration(parse_model(content, "the converted file")),
    }
    return with_metadata_buffers(content, buffers)
