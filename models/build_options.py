"""How a registered architecture is built: one object for every command that takes its name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from edgecnn.core.errors import InputError, check_keywords
from edgecnn.data.inputspec import height_and_width

if TYPE_CHECKING:
    from typing_extensions import Unpack


class BuildKeywords(TypedDict, total=False):
    """The fields of :class:`BuildOptions` as keywords, in all the types that users may give.

    ``size`` may be one number for both sides.
    """

    weights: str | Path | None
    alpha: float
    size: int | tuple[int, int] | None
    classes: int | None
    dropout: float | None
    softmax: bool


@dataclass(frozen=True)
class BuildOptions:
    """How to build a registered architecture.

    Functions that take an architecture's name take ``build=BuildOptions(...)``, or the fields as
    keywords.

    Args:
        weights: ``"imagenet"`` for the published weights, a file, or None for random weights.
        alpha: Width multiplier.
        size: Input pixels, (height, width), at least 32; None for the paper's.
        classes: Number of classes; None for the architecture's own, mostly 1,000.
        dropout: Dropout rate before the last layer, 0 to 1 exclusive; None for the architecture's
            own.
        softmax: Whether the model ends in softmax; else it answers logits.

    Example:
        >>> edgecnn.bench("mobilenet_v2", build=BuildOptions(alpha=0.5, classes=10))
    """

    weights: str | None = None
    alpha: float = 1.0
    size: tuple[int, int] | None = None
    classes: int | None = None
    dropout: float | None = None
    softmax: bool = True

    @classmethod
    def of(
        cls, build: BuildOptions | None = None, **options: Unpack[BuildKeywords]
    ) -> BuildOptions:
        """Return the options that are given as a whole, or one by one.

        Args:
            build: The options as a whole; None where they are given one by one.
            options: Single options, in all the types that users may give.

        Raises:
            InputError: Options are given in both ways.
            TypeError: There is no such option.
        """
        check_keywords(options, of=cls)
        values: dict[str, Any] = {**options}
        if values.get("weights") is not None:
            values["weights"] = str(values["weights"])
        if values.get("size") is not None:
            values["size"] = height_and_width(values["size"])
        single = cls(**values)
        if build is None:
            return single
        if single != cls():
            named = ", ".join(single.arguments(only_given=True))
            raise InputError(f"{named} was given beside build=BuildOptions(...): give it there")
        return build

    def arguments(self, *, only_given: bool = False) -> dict[str, Any]:
        """Return the options as arguments of ``edgecnn.build``.

        Args:
            only_given: Whether options that have their default are left out, too.
        """
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        if only_given:
            return {n: value for n, value in values.items() if value != getattr(BuildOptions, n)}
        return {name: value for name, value in values.items() if value is not None}

    def refuse_for_file(self, label: str) -> None:
        """Raise InputError if an option was given that only an architecture's name takes.

        ``--size`` is for files that take images of any size, too.

        Args:
            label: The file's name for the message.
        """
        named = ", ".join(name for name in self.given_options() if name != "--size")
        if named:
            raise InputError(
                f"{named} goes with the name of an architecture; {label} is a model that is "
                "built already"
            )

    def given_options(self) -> list[str]:
        """Return the command line's names of the options that differ from their default.

        Example:
            >>> BuildOptions(alpha=0.5, softmax=False).given_options()
            ['--alpha', '--logits']
        """
        given = self.arguments(only_given=True)
        return ["--logits" if name == "softmax" else f"--{name}" for name in given]
