"""A pause before each model, so that each begins with a device as cool as the others did."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

from edgecnn.core.errors import InputError
from edgecnn.core.files import quoted
from edgecnn.core.progress import Progress
from edgecnn.runner.session import RunnerSession

MAX_REST_S = 300.0
"""Longest rest in seconds for a temperature: in a warm room a board may never be so cool."""

WITHOUT_THERMOMETER_S = 30.0
LOOK_EVERY_S = 1.0

MOST_S = 3600.0
MOST_C = 120.0
"""Longest rest and highest temperature that a user may ask for; more would be a mistake."""


@dataclass(frozen=True)
class Cooldown:
    """How long a device rests before a model is measured.

    Args:
        temperature_c: Temperature in degrees Celsius that ends the rest; None where only time
            counts.
        seconds: Time of the rest, or with a temperature the longest time; None takes
            :data:`MAX_REST_S` where the device has a thermometer and
            :data:`WITHOUT_THERMOMETER_S` where it has none.

    Example:
        >>> Cooldown.parse("55C,120s")
        Cooldown(temperature_c=55.0, seconds=120.0)
    """

    temperature_c: float | None = None
    seconds: float | None = None

    @classmethod
    def parse(cls, text: str) -> Cooldown:
        """Read ``30``, ``30s``, ``55C`` or both, ``55C,120s``.

        Raises:
            InputError: The text has another form, or asks for more than makes sense.
        """
        match = re.fullmatch(r"(?:(\d+(?:\.\d+)?)C)?(?:(?:^|(?<=C),)(\d+(?:\.\d+)?)s?)?", text)
        degrees, seconds = (value and float(value) for value in match.groups()) if match else (0, 0)
        if not (degrees or seconds) or (degrees or 0) > MOST_C or (seconds or 0) > MOST_S:
            raise InputError(
                f"--cooldown takes seconds (30), a temperature (55C) or both (55C,120s), "
                f"not {quoted(text)}"
            )
        return cls(degrees or None, seconds or None)

    def rest(self, session: RunnerSession, on_progress: Progress) -> float:
        """Wait, and return how many seconds the rest took.

        Args:
            session: A runner on the device, which does nothing meanwhile.
            on_progress: Called with (phase, seconds so far, seconds at most).
        """
        begin, temperature = time.monotonic(), self.temperature_c
        if temperature is not None and session.health().temperature_c is None:
            most, temperature = self.seconds or WITHOUT_THERMOMETER_S, None
        else:
            most = self.seconds or MAX_REST_S
        while (waited := time.monotonic() - begin) < most:
            on_progress("cooling down", int(waited), int(most))
            if temperature is not None and _is_cool(session, temperature):
                break
            time.sleep(min(LOOK_EVERY_S, most - waited))
        return time.monotonic() - begin


def _is_cool(session: RunnerSession, temperature_c: float) -> bool:
    now = session.health().temperature_c
    return now is not None and now <= temperature_c
