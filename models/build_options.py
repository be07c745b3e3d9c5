"""How a registered architecture is built: one object for every command that takes its name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgecnn.core.errors import InputError
from edgecnn.data.inputspec import height_and_width


@dataclass(frozen=True)
class BuildOptions:
    """How to build a registered architecture; the arguments of ``edgecnn.build``.

    Args:
        weights: ``"imagenet"``, a file, or None for random ones.
        alpha: Width multiplier.
        size: Input pixels, (height, width); None for the architecture's own.
        classes: Number of classes; None for the architecture's own, mostly 1,000.
        dropout: Rate, 0 to 1 exclusive; None for the architecture's own.
        softmax: Whether it ends in softmax; else it gives logits.

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
        cls,
        build: BuildOptions | None = None,
        *,
        weights: str | Path | None = None,
        alpha: float = 1.0,
        size: int | tuple[int, int] | None = None,
        classes: int | None = None,
        dropout: float | None = None,
        softmax: bool = True,
    ) -> BuildOptions:
        """Return the options given as a whole, or those given one by one.

        Args:
            build: The options as a whole.
            weights: As the class has it, or a path.
            alpha: As the class has it.
            size: As the class has it, or one number for both sides.
            classes: As the class has it.
            dropout: As the class has it.
            softmax: As the class has it.

        Raises:
            InputError: Options are given in both ways.
        """
        single = cls(
            weights=None if weights is None else str(weights),
            alpha=alpha,
            size=None if size is None else height_and_width(size),
            classes=classes,
            dropout=dropout,
            softmax=softmax,
        )
        if build is None:
            return single
        if single != cls():
            named = ", ".join(single.arguments(only_given=True))
            raise InputError(f"{named} was given beside build=BuildOptions(...): give it there")
        return build

    def arguments(self, *, only_given: bool = False) -> dict[str, Any]:
        """Return what ``edgecnn.build`` takes.

        Args:
            only_given: Whether what has its default is left out, too.
        """
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        if only_given:
            return {n: value for n, value in values.items() if value != getattr(BuildOptions, n)}
        return {name: value for name, value in values.items() if value is not None}

    def check(self, name: str) -> None:
        """Raise InputError if an option is out of range for an architecture.

        Args:
            name: The architecture's name.
        """
        from edgecnn.models.build import check_arguments

        given = {key: value for key, value in self.arguments().items() if key != "weights"}
        check_arguments(name, **given)

    def refuse_for_file(self, label: str, *, sized: bool = True) -> None:
        """Raise InputError if an option was given that only an architecture's name takes.

        Args:
            label: The file's name for the message.
            sized: Whether such a file can take images of any size.
        """
        named = ", ".join(name for name in self.given_options() if name != "--size" or not sized)
        if named:
            raise InputError(
                f"{named} goes with the name of an architecture; {label} is a model that is "
                "built already"
            )

    def given_options(self) -> list[str]:
        """Return the options of the command line that say what is not the default.

        Example:
            >>> BuildOptions(alpha=0.5, softmax=False).given_options()
            ['--alpha', '--logits']
        """
        given = self.arguments(only_given=True)
        return ["--logits" if name == "softmax" else f"--{name}" for name in given]
