"""Which of the classified images a file was made with: on these it may be right too often."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edgecnn.accuracy.answers import Answers
from edgecnn.data.datasets import Dataset
from edgecnn.data.inputspec import InputSpec
from edgecnn.data.loader import LoadedImage, load_images
from edgecnn.model_metadata.calibration_digests import CalibrationDigests, ImageUse


@dataclass(frozen=True)
class SeenImages:
    """The classified images that a file was made with.

    Args:
        fitted: Numbers in the data of the images that the file was fitted to.
        held_out: Numbers in the data of the images that its steps were proved on.
    """

    fitted: frozenset[int]
    held_out: frozenset[int]

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.fitted) + len(self.held_out)

    def rows(self, answers: Answers) -> list[bool]:
        """Return of each image whether the file was made with it.

        Args:
            answers: Answers to the images.
        """
        seen = self.fitted | self.held_out
        return [index in seen for index in answers.indices.tolist()]

    def without(self, answers: Answers) -> Answers:
        """Return the answers to all other images.

        Args:
            answers: Answers to the images.
        """
        import numpy as np

        return answers.rows(np.flatnonzero(~np.array(self.rows(answers), bool)))


class SeenImageFinder:
    """Finds the images of a data set that a file was made with, most of them while they pass by.

    Args:
        dataset: The data.
        digests: The images that the file was made with.
        spec: How these images were cut to the model's size.
    """

    def __init__(self, dataset: Dataset, digests: CalibrationDigests, spec: InputSpec) -> None:
        self._dataset, self._digests, self._spec = dataset, digests, spec
        self._uses: dict[int, ImageUse | None] = {}

    def knows_the_cut_of(self, spec: InputSpec) -> bool:
        """Return whether images are cut as those that the file was made with were.

        Args:
            spec: How the images are cut.
        """
        return self._spec.is_cut_like(spec)

    def look(self, images: Iterable[LoadedImage]) -> None:
        """Look at images that are cut alike; several threads may do so.

        Args:
            images: The images; unreadable ones are left out.
        """
        for loaded in images:
            if loaded.image is not None:
                self._uses[loaded.index] = self._digests.use_of(loaded.image)

    def among(self, indices: Sequence[int]) -> SeenImages:
        """Return which images the file was made with; those not looked at yet are read for it.

        Args:
            indices: Numbers of the images in the data.
        """
        missing = [index for index in indices if index not in self._uses]
        self.look(load_images(self._dataset, missing, self._spec))

        def used(use: ImageUse) -> frozenset[int]:
            return frozenset(index for index in indices if self._uses.get(index) is use)

        return SeenImages(used(ImageUse.FITTED), used(ImageUse.HELD_OUT))
