"""The file of ``--against``: others are compared with it on the same samples."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edgecnn.accuracy.output_labels import NO_LABELS
from edgecnn.data.datasets import Dataset
from edgecnn.devices.file_calls import file_call
from edgecnn.measure.labelled_task import LabelledTask
from edgecnn.measure.tasks import JudgingOptions, find_task
from edgecnn.model_metadata.described_file import DescribedFile
from edgecnn.tflite.calls import NO_CALL_OPTIONS, CallOptions, ModelCall


@dataclass(frozen=True)
class ReferenceModel:
    """A file that others are compared with on the same samples.

    Args:
        path: Path of the file.
        sha256: SHA-256 of the file.
        task: The file with the samples that it is given.
        call: How the file is called.
    """

    path: Path
    sha256: str
    task: LabelledTask[Any]
    call: ModelCall

    @classmethod
    def open(
        cls,
        path: str | Path,
        dataset: Dataset,
        judging: JudgingOptions,
        call: CallOptions = NO_CALL_OPTIONS,
    ) -> ReferenceModel:
        """Read a file that others are to be compared with.

        Args:
            path: Path of the file.
            dataset: Labelled data.
            judging: What the user says of how files are judged. Labels of outputs hold for the
                file, too, if it has as many outputs.
            call: How the others are called, and this file, too, where it needs that.

        Raises:
            InputError: The file is no ``.tflite`` file, or it does not fit the data.
        """
        file = DescribedFile(path)
        called = file_call(file, call.where_needed(file.model))
        outputs = called.model.outputs
        has_as_many = len(outputs) == 1 and len(judging.labels.names) == outputs[0].elements
        judging = judging if has_as_many else replace(judging, labels=NO_LABELS)
        task = find_task(file, called.model, dataset, judging, file.label)
        return cls(file.path, file.sha256, task, called)
