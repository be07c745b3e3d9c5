"""The images that a file says it was made with, as its golden sample has them."""

from __future__ import annotations

from dataclasses import dataclass

from edgecnn.core.errors import InputError
from edgecnn.data.inputspec import InputSpec
from edgecnn.golden.sample import GOLDEN_FILE, read_sample
from edgecnn.model_metadata.calibration_digests import CalibrationDigests
from edgecnn.model_metadata.described_file import DescribedFile
from edgecnn.model_metadata.input_tensors import stated_spec


@dataclass(frozen=True)
class CalibrationRecord:
    """The images that a file was made with, and how they were cut.

    Args:
        digests: Digests of the images.
        spec: How the images were cut to the model's size.
    """

    digests: CalibrationDigests
    spec: InputSpec


def calibration_record(file: DescribedFile) -> CalibrationRecord | None:
    """Return the images that a file says it was made with.

    Args:
        file: Any ``.tflite`` file.

    Returns:
        None where the file does not say it, or nothing that can be read.

    Example:
        >>> len(calibration_record(DescribedFile("mobilenet_v2_int8.tflite")).digests)
        200
    """
    try:
        described = stated_spec(file.model)
        golden = file.packed_files.get(GOLDEN_FILE)
        if described is None or golden is None:
            return None
        digests = read_sample(golden, file.label).calibrated_on
        if digests is None:
            return None
        return CalibrationRecord(digests, described)
    except InputError:
        return None
