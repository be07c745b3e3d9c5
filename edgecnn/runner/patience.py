"""How long a runner may be silent before it is taken for hung."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass

from edgecnn.core.errors import InputError

TIMEOUT_VARIABLE = "EDGECNN_TIMEOUT"
"""Environment variable: seconds that loading a model, or one call of it, may take."""


@dataclass(frozen=True)
class Patience:
    """Seconds that a runner may be silent.

    A runner tells its progress between two calls of the model, so that these times hold for single
    steps, and not for a whole measurement: a model of ten seconds a call may be timed for hours.

    Args:
        answer_s: Before an answer that needs no model.
        start_s: The same for a runner that has not answered anything yet: its Python starts, and
            imports numpy and the runtime.
        model_s: While it loads a model, or calls it once.

    Example:
        >>> Patience.of_user().model_s
        600.0
    """

    answer_s: float = 60.0
    start_s: float = 180.0
    model_s: float = 600.0

    @classmethod
    def of_user(cls) -> Patience:
        """Return the times as the user wants them, by ``EDGECNN_TIMEOUT``.

        Raises:
            InputError: The variable is no number of seconds.
        """
        text = os.environ.get(TIMEOUT_VARIABLE)
        if not text:
            return cls()
        try:
            seconds = float(text)
        except ValueError:
            seconds = math.nan
        if not 0 < seconds < math.inf:
            raise InputError(f"{TIMEOUT_VARIABLE} must be seconds above 0, not {text!r}")
        return cls(model_s=seconds)
