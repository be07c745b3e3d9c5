"""How the file of each scheme is made of a source (in a child)."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.core.errors import ConversionError
from edgecnn.inspection.runtimes import declaration
from edgecnn.model_metadata.schema import METADATA_BUFFER
from edgecnn.quantize.budget.mixing import Mixable, within_budget
from edgecnn.quantize.imported_source import ImportedSource, PixelInput
from edgecnn.quantize.latencies import (
    EstimatedLatencies,
    Latencies,
    MeasuredLatencies,
    TurnTimes,
)
from edgecnn.quantize.messages import FileToMake, RaceFiles, RaceTimes
from edgecnn.quantize.recovery.pipeline import (
    MAKING_FAILS,
    Quantized,
    Quantizer,
    Recovered,
    Recovery,
    RecoveryData,
)
from edgecnn.quantize.recovery.steps import OUTLIER_IMAGES, steps_left_out
from edgecnn.quantize.tensorflow_quantizer import to_int8, to_int16x8
from edgecnn.tflite.graph import Graph
from edgecnn.tflite.reading import METADATA_NAME, parse_model
from edgecnn.tflite.schemes import SCHEMES, Scheme
from edgecnn.tflite.serialization import read_graph, write_graph
from edgecnn.tflite.target_cpu import target_cpu
from edgecnn.tflite.writing import with_buffers

INT8_FIT_IMAGES = 32
"""Images that int8 files are corrected with: time and memory grow with them. 64 gain 0.3 dB."""
INT16_FIT_IMAGES = 16
"""Images that int16x8 files are corrected with: their kernels are ten times slower, and there is
less to correct."""


@dataclass(frozen=True)
class MadeFile:
    """A file, and what was found out about it.

    Args:
        content: Its bytes.
        fidelity: As :class:`edgecnn.quantize.result.Conversion` has it.
        budget: As :class:`edgecnn.quantize.result.Conversion` has it.
    """

    content: bytes
    fidelity: dict[str, Any] | None = None
    budget: dict[str, Any] | None = None


class FileMaker:
    """Makes the files of one source, sharing what they have in common.

    Args:
        source: The source.
    """

    def __init__(self, source: ImportedSource) -> None:
        self._source = source
        self._recoveries: dict[PixelInput, Recovery] = {}
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
        graph = self._source.float_model(_pixels(file)).graph
        return write_graph(graph)

    def has_float32_file(self, file: FileToMake) -> bool:
        """Whether that file is at hand."""
        return self._source.has_float_model(_pixels(file))

    def float32(self, file: FileToMake) -> MadeFile:
        """Make a float32 file."""
        return MadeFile(finished(self.float32_file(file), file))

    def weights_only(self, file: FileToMake) -> MadeFile:
        """Make a file whose weights alone are quantised."""
        scheme = SCHEMES[file.scheme]
        content = self._source.converted(scheme, normalizes=file.normalizes)
        recovery, proof = self._recovery(file), None
        if recovery is not None:
            with self._source.clock.phase("compare"):
                graph = read_graph(content)
                fidelity = recovery.prove(graph, file.input_type == "uint8")
            proof = _proof("off", Recovered(graph, fidelity, fidelity, graph, is_plain=True))
        return MadeFile(finished(content, file), proof)

    def int8(self, file: FileToMake) -> MadeFile:
        """Make an int8 file."""
        return self._integers(file, to_int8, INT8_FIT_IMAGES)

    def int16x8(self, file: FileToMake) -> MadeFile:
        """Make a file of int8 weights and int16 activations."""
        return self._integers(file, to_int16x8, INT16_FIT_IMAGES)

    def _integers(
        self,
        file: FileToMake,
        quantize: Callable[[Graph, str, Sequence[str]], Quantized],
        fit_images: int,
    ) -> MadeFile:
        quantizer = Quantizer(
            lambda graph, in_float: quantize(graph, file.input_type, in_float),
            keeps_float=SCHEMES[file.scheme].keeps_float and not file.all_int8,
            fit_images=fit_images,
            takes_pixels=file.input_type == "uint8",
        )
        observed = self._source.observed(_pixels(file))
        with self._source.clock.phase(f"quantize {file.scheme}"):
            calibrated = self._source.float_model(_pixels(file)).graph.copy()
            calibrated.set_ranges(observed.ranges)
            plain = quantizer.quantize(calibrated, ())
        recovery = self._recovery(file)
        if recovery is not None:
            return self._kept(recovery, plain, quantizer, file)
        if file.max_drop is not None:
            raise ConversionError("--max-drop needs a model whose layers are in one graph")
        return MadeFile(finished(write_graph(plain.graph), file))

    def _kept(
        self, recovery: Recovery, plain: Quantized, quantizer: Quantizer, file: FileToMake
    ) -> MadeFile:
        """Make the integer file that keeps the float model's answers, as far as is asked for."""
        found, reason = self._recovered(recovery, plain, quantizer, file)
        budget = None
        if file.max_drop is not None:
            found, budget = self._within_budget(recovery, found, quantizer, file)
        proof = _proof(file.recover, found)
        if reason:
            proof["reason"] = reason
        return MadeFile(finished(write_graph(found.graph), file), proof, budget)

    def _recovered(
        self, recovery: Recovery, plain: Quantized, quantizer: Quantizer, file: FileToMake
    ) -> tuple[Recovered, str]:
        """Return the recovered graph, and why it is the plain one where recovery failed."""
        reason, self._doing = "", "recover"
        if file.recover != "off":
            with self._source.clock.phase(f"recover {file.scheme}"):
                try:
                    return recovery.recover(quantizer, plain), ""
                except MAKING_FAILS as error:
                    # The plain file is sound: what is not known of this graph costs but gain.
                    reason = str(error)[:300]
        with self._source.clock.phase("compare"):
            proof = recovery.prove(plain.graph, quantizer.takes_pixels)
        return Recovered(plain.graph, proof, proof, plain.reference, is_plain=True), reason

    def _within_budget(
        self, recovery: Recovery, found: Recovered, quantizer: Quantizer, file: FileToMake
    ) -> tuple[Recovered, dict[str, Any]]:
        mixable = Mixable(
            float32=finished(self.float32_file(file), file),
            int8=found,
            again=lambda names: recovery.again(quantizer, found, names),
            write=lambda graph: finished(write_graph(graph), file),
            inputs=recovery.inputs,
            layers=self._source.layers,
            takes_pixels=quantizer.takes_pixels,
            cpu=target_cpu(file.target_cpu),
            latencies=self._latencies(file),
        )

        def report(phase: str, done: int, total: int) -> None:
            self._doing = phase
            self._source.progress(phase)(done, total)

        assert file.max_drop is not None
        with self._source.clock.phase("mix int8 and float32"):
            return within_budget(mixable, file.max_drop, report)

    def _recovery(self, file: FileToMake) -> Recovery | None:
        """Return what compares with the float model; None where no image is held out."""
        source, pixels = self._source, _pixels(file)
        if not file.has_images or not source.images().held_out:
            return None
        model = source.float_model(pixels)
        if not model.graph.is_alone:
            return None
        if pixels not in self._recoveries:
            without = steps_left_out(file.without)
            fit, observed = source.split_images()[0], source.observed(pixels)
            if file.recover != "off" and OUTLIER_IMAGES not in without:
                fit, observed = source.without_outliers(pixels)
            images = source.images()
            self._recoveries[pixels] = Recovery(
                model.graph,
                observed,
                RecoveryData(fit, source.split_images()[1], images.outputs, model.normalize),
                file.recover,
                self._latencies(file),
                lambda done, total: source.progress(self._doing)(done, total),
                without,
            )
            source.doubt(pixels, self._recoveries[pixels].wanted)
        return self._recoveries[pixels]

    def _latencies(self, file: FileToMake) -> Latencies:
        """Return where the latencies by which files are chosen come from."""
        if file.device is None:
            return EstimatedLatencies(target_cpu(file.target_cpu))
        return MeasuredLatencies(file.device, self._time_on_device)

    def _time_on_device(self, contents: Sequence[bytes]) -> TurnTimes:
        """Have the parent time some files on the device that they are for."""
        folder = Path(self._source.job.scratch)
        paths = [folder / f"race_{number}.tflite" for number in range(len(contents))]
        for path, content in zip(paths, contents, strict=True):
            path.write_bytes(content)
        self._source.parent.send(RaceFiles(tuple(map(str, paths))))
        times = self._source.parent.expect(RaceTimes).milliseconds
        return np.asarray(times, np.float64)


MAKERS: dict[str, Callable[[FileMaker, FileToMake], MadeFile]] = {
    "float32": FileMaker.float32,
    "float16": FileMaker.weights_only,
    "dynamic": FileMaker.weights_only,
    "int8": FileMaker.int8,
    "int16x8": FileMaker.int16x8,
}
"""How the files of each scheme are made."""


def _pixels(file: FileToMake) -> PixelInput:
    scheme: Scheme = SCHEMES[file.scheme]
    return PixelInput.of(scheme, normalizes=file.normalizes)


def finished(content: bytes, file: FileToMake) -> bytes:
    """Return a file as it is written, with its metadata.

    Args:
        content: The file's bytes.
        file: What is being made.
    """
    buffers = {
        METADATA_NAME: file.metadata.encode(),
        METADATA_BUFFER: base64.b64decode(file.public_metadata),
        **declaration(parse_model(content, "the converted file")),
    }
    return with_buffers(content, buffers)


def _proof(level: str, found: Recovered) -> dict[str, Any]:
    """Return what recovery came to, as :class:`edgecnn.quantize.result.Conversion` has it."""
    return {
        "recovery": "none" if found.is_plain and level != "off" else level,
        "before": found.before.to_dict(),
        "after": found.after.to_dict(),
        "layers_corrected": found.layers,
        "layers_left": list(found.left),
        "layers_in_float": list(found.in_float),
        "float_front": dataclasses.asdict(found.float_front) if found.float_front else None,
        "without": sorted(step.name for step in found.without),
    }
