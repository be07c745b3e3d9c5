"""The conversion child: one source on its way to its files.

Speaks JSON lines with its parent (``edgecnn.core.child``):

1. the job comes in; ``loaded`` goes out with the model's input and output shapes;
2. ``prepare`` comes in with the InputSpec (or None) and the files to make; the graph is frozen;
3. ``images`` comes in if a scheme is calibrated, with the path of a .npy file of uint8 pixels;
4. ``written`` or ``failed`` goes out for each file, and ``done`` at the end.
"""

from __future__ import annotations

import dataclasses
import gc
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecnn.core.child import Message, ParentPipe, serve_job
from edgecnn.core.errors import ConversionError, InputError
from edgecnn.core.lazy import LazyModule
from edgecnn.core.platform_support import peak_memory_bytes
from edgecnn.data.inputspec import InputSpec
from edgecnn.importing.loading import LoadedModel, freeze, load
from edgecnn.quantize.budget.mixing import Subject, within_budget
from edgecnn.quantize.clock import Clock
from edgecnn.quantize.guards import Case, doubts
from edgecnn.quantize.latency import quick_ratio
from edgecnn.quantize.made import Front, Made, describe, fidelity_of, finished
from edgecnn.quantize.ranges import Observed, observe
from edgecnn.quantize.recovery.channel_groups import watched_tensors
from edgecnn.quantize.recovery.odd_images import odd_images, says_odd
from edgecnn.quantize.recovery.recover import (
    MAKING_FAILS,
    Data,
    Quantized,
    Recovered,
    Recovery,
    Scheme,
)
from edgecnn.quantize.rewrites import streamlined
from edgecnn.quantize.tfconverter import from_graph, integer_scheme
from edgecnn.tflite.operators import OpenGraph
from edgecnn.tflite.writing import with_ranges

tf = LazyModule("tensorflow", extra="convert")

AS_FAST = ("float32", "float16")
"""Schemes whose files compute as the float32 file does."""
MOST_SECONDS = 2.0
"""Of a conversion without calibration, beyond which no float32 file is made to compare it with:
that takes half as long again."""


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
        self._float: dict[Front, bytes] = {}
        self._observed: dict[Front, Observed] = {}
        self._recoveries: dict[Front, Recovery] = {}
        self._images: Message | None = None
        self._has_doubted = False
        self._spec: InputSpec | None = None
        self._model: LoadedModel | None = None
        self._layers: Mapping[str, Any] = {}
        self._doing = "recover"

    def run(self) -> None:
        """Load, freeze, convert and write every file that the job asks for."""
        with self._clock.phase("import"):
            import_tensorflow()
        with self._clock.phase("load"):
            self._model = load(self._job, self._progress("download"))
        self._parent.send(describe(self._model))
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
        self._layers = self._model.layers
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
        made = self._convert(output)
        try:
            Path(output["path"]).write_bytes(finished(made.content, output))
        except OSError as error:
            raise ConversionError(f"cannot write the file: {error.strerror}") from error
        self._parent.send(
            {
                "event": "written",
                "scheme": output["scheme"],
                "seconds": time.perf_counter() - start,
                "phase_seconds": self._clock.seconds,
                "peak_rss_bytes": peak_memory_bytes(),
                "fidelity": made.fidelity,
                "budget": made.budget,
                "latency_over_float32": self._over_float32(made, output),
            }
        )

    def _over_float32(self, made: Made, output: dict[str, Any]) -> float | None:
        """Return a file's latency over the float32 file's, where that is worth the time."""
        scheme, front = output["scheme"], Front.of(output)
        if made.budget:
            return float(made.budget["latency_over_float32"])
        seconds = self._clock.seconds.get(f"convert {scheme}", 0.0)
        if scheme in AS_FAST or (seconds > MOST_SECONDS and front not in self._float):
            return None
        content = self._float_file(front)
        with self._clock.phase("time"):
            try:
                return quick_ratio(made.content, content)
            except (RuntimeError, ValueError):
                return None  # What the runtime does not take is told by the check.

    def _convert(self, output: dict[str, Any]) -> Made:
        scheme, front = output["scheme"], Front.of(output)
        if scheme in ("float16", "dynamic"):
            with self._clock.phase(f"convert {scheme}"):
                content = from_graph(self._frozen[front.in_graph], scheme)
            recovery = self._recovery(output)
            return Made(content, self._proven(recovery, content, output) if recovery else None)
        if scheme == "float32":
            return Made(self._float_file(front))
        observed = self._observe(front)
        kind = integer_scheme(scheme, output["input_type"])
        kind = dataclasses.replace(kind, keeps_float=kind.keeps_float and not output["all_int8"])
        with self._clock.phase(f"quantize {scheme}"):
            calibrated = with_ranges(self._float_file(front), observed.ranges)
            plain = kind.quantize(calibrated, ())
        recovery = self._recovery(output)
        if recovery is None and output["max_drop"] is not None:
            raise ConversionError("--max-drop needs a model whose layers are in one graph")
        return (
            Made(plain.content) if recovery is None else self._kept(recovery, plain, kind, output)
        )

    def _kept(
        self, recovery: Recovery, plain: Quantized, kind: Scheme, output: dict[str, Any]
    ) -> Made:
        """Make the integer file that keeps the float file's answers, as far as is asked for."""
        found, reason = self._recovered(recovery, plain, kind, output)
        budget = None
        if output["max_drop"] is not None:
            found, budget = self._within_budget(recovery, found, kind, output)
        fidelity = fidelity_of(output["recover"], found)
        return Made(found.content, {**fidelity, **({"reason": reason} if reason else {})}, budget)

    def _recovered(
        self, recovery: Recovery, plain: Quantized, kind: Scheme, output: dict[str, Any]
    ) -> tuple[Recovered, str]:
        """Return the recovered file, and why it is the plain one where recovery failed."""
        reason, self._doing = "", "recover"
        if output["recover"] != "off":
            with self._clock.phase(f"recover {output['scheme']}"):
                try:
                    found = recovery.recover(kind, plain.content)
                    return dataclasses.replace(
                        found, reference=found.reference or plain.reference
                    ), ""
                except MAKING_FAILS as error:
                    # The plain file is sound: what is not known of this graph costs but gain.
                    reason = str(error)[:300]
        with self._clock.phase("compare"):
            proof = recovery.prove(plain.content, kind.takes_pixels)
        return Recovered(plain.content, proof, proof, True, reference=plain.reference), reason

    def _within_budget(
        self, recovery: Recovery, found: Recovered, kind: Scheme, output: dict[str, Any]
    ) -> tuple[Recovered, Message]:
        def as_written(made: Recovered) -> Recovered:
            return dataclasses.replace(made, content=finished(made.content, output))

        subject = Subject(
            float32=finished(self._float_file(Front.of(output)), output),
            int8=as_written(found),
            again=lambda names: as_written(recovery.again(kind, found, names)),
            inputs=recovery.inputs,
            layers=self._layers,
            takes_pixels=kind.takes_pixels,
        )

        def report(phase: str, done: int, total: int) -> None:
            self._doing = phase
            self._progress(phase)(done, total)

        with self._clock.phase("mix int8 and float32"):
            return within_budget(subject, output["max_drop"], report)

    def _proven(self, recovery: Recovery, content: bytes, output: dict[str, Any]) -> Message:
        with self._clock.phase("compare"):
            proof = recovery.prove(content, output["input_type"] == "uint8")
        return fidelity_of("off", Recovered(content, proof, proof, is_plain=True))

    def _recovery(self, output: dict[str, Any]) -> Recovery | None:
        """Return what compares with the float file; None where no image is held out."""
        front = Front.of(output)
        if not output["has_images"] or not self._receive_images()["held_out"]:
            return None
        if not OpenGraph(self._float_file(front)).is_alone:
            return None
        if front not in self._recoveries:
            spec = self._input_spec(front)
            assert spec is not None
            _, held_out = self._split_images()
            fit, observed = self._usual(front, output["recover"])
            self._recoveries[front] = Recovery(
                self._float_file(front),
                observed,
                Data(fit, held_out, self._receive_images()["outputs"], spec.normalize),
                output["recover"],
                lambda done, total: self._progress(self._doing)(done, total),
            )
            self._doubt(front, self._recoveries[front].wanted)
        return self._recoveries[front]

    def _doubt(self, front: Front, scores: npt.NDArray[np.float32]) -> None:
        """Tell once what seems to be wrong with the input, by the float file's answers to it."""
        images, (_, held_out) = self._receive_images(), self._split_images()
        if self._spec is None or not images["may_doubt"] or self._has_doubted:
            return
        self._has_doubted = True
        with self._clock.phase("check the input"):
            found = doubts(
                Case(
                    content=self._float_file(front),
                    spec=self._spec,
                    in_graph=front.in_graph,
                    images=held_out[: len(scores)],
                    outputs=images["outputs"],
                    scores=scores,
                    may_differ=images["may_differ"],
                )
            )
        for text in found:
            self._parent.send({"event": "warning", "text": text})

    def _float_file(self, front: Front) -> bytes:
        if front not in self._float:
            with self._clock.phase("convert float32"):
                content = from_graph(self._frozen[front.in_graph], "float32")
                self._float[front] = streamlined(
                    content, takes_pixels=front.in_graph, is_exact=not front.is_merged
                )
        return self._float[front]

    def _observe(self, front: Front) -> Observed:
        if front not in self._observed:
            self._observed[front] = self._observe_images(front, self._split_images()[0])
        return self._observed[front]

    def _observe_images(self, front: Front, images: npt.NDArray[np.uint8]) -> Observed:
        content = self._float_file(front)
        with self._clock.phase("calibrate"):
            return observe(
                content,
                images,
                self._input_spec(front),
                self._progress("calibrate"),
                watched_tensors(OpenGraph(content)),
            )

    def _usual(self, front: Front, level: str) -> tuple[npt.NDArray[np.uint8], Observed]:
        """Return the images to correct with and their activations: without odd ones."""
        (fit, _), observed = self._split_images(), self._observe(front)
        odd = {} if level == "off" else odd_images(observed.extents)
        if not odd:
            return fit, observed
        self._parent.send({"event": "warning", "text": says_odd(odd, len(fit))})
        fit = np.delete(fit, list(odd), axis=0)
        return fit, self._observe_images(front, fit)

    def _input_spec(self, front: Front) -> InputSpec | None:
        return self._spec.centered() if self._spec and front.in_graph else self._spec

    def _split_images(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
        """Return the images to fit to, and those held out."""
        message = self._receive_images()
        images = np.load(message["path"], mmap_mode="r", allow_pickle=False)
        count = len(images) - message["held_out"]
        return images[:count], images[count:]

    def _receive_images(self) -> Message:
        if self._images is None:
            self._images = self._expect("images")
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


def import_tensorflow() -> None:
    """Import TensorFlow, which takes seconds, and have it say errors alone."""
    tf.constant(0)
    tf.get_logger().setLevel("ERROR")


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
