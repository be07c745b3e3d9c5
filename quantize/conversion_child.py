"""The conversion child: one source on its way to its files; ``messages.py`` says how it talks."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from edgecnn.core.errors import ConversionError
from edgecnn.core.parent_pipe import ParentPipe, serve_job
from edgecnn.core.platform_support import peak_memory_bytes
from edgecnn.quantize.imported_source import ImportedSource
from edgecnn.quantize.messages import (
    ChildFinished,
    FileFailed,
    FileToMake,
    FileWritten,
    LoadSource,
    TracingFailed,
)
from edgecnn.quantize.scheme_makers import FileMaker, MadeFile
from edgecnn.quantize.timing.latency_here import latency_ratio_here
from edgecnn.records.interval import LatencyRatio
from edgecnn.tflite.schemes import SCHEMES


def convert_source(parent: ParentPipe, job: LoadSource) -> None:
    """Load, trace, convert and write every file that the parent asks for.

    Args:
        parent: The pipe to the parent process.
        job: What to load.
    """
    source = ImportedSource(parent, job)
    source.load()
    try:
        source.trace()
    except ConversionError as error:
        parent.send(TracingFailed(str(error)))
    else:
        _make_files(parent, source, source.files_to_make())
    parent.send(ChildFinished())


def _make_files(parent: ParentPipe, source: ImportedSource, files: Sequence[FileToMake]) -> None:
    maker = FileMaker(source)
    for file in files:
        try:
            parent.send(_written(source, maker, file))
        except ConversionError as error:
            # A scheme that is not possible for the model does not stop the others.
            parent.send(FileFailed(file.scheme, str(error)))


def _written(source: ImportedSource, maker: FileMaker, file: FileToMake) -> FileWritten:
    start = time.perf_counter()
    made = maker.make(file)
    try:
        Path(file.path).write_bytes(made.content)
    except OSError as error:
        raise ConversionError(f"cannot write the file: {error.strerror}") from error
    return FileWritten(
        scheme=file.scheme,
        seconds=time.perf_counter() - start,
        phase_seconds=source.clock.seconds,
        peak_rss_bytes=peak_memory_bytes(),
        proof=made.proof,
        budget=made.budget,
        latency_over_float32=_over_float32(source, maker, made, file),
    )


def _over_float32(
    source: ImportedSource, maker: FileMaker, made: MadeFile, file: FileToMake
) -> LatencyRatio | None:
    """Return a file's latency over the float32 file's here, where that is worth the time."""
    if not SCHEMES[file.scheme].if_slow:
        return None
    content = maker.float32_file(file)
    with source.clock.phase("time"):
        try:
            return latency_ratio_here(made.content, content)
        except (RuntimeError, ValueError):
            return None  # The check tells of files that the runtime does not take.


def main() -> None:
    """Serve one conversion job (the child's side)."""
    serve_job(LoadSource, convert_source, "convert this model")


if __name__ == "__main__":
    main()
