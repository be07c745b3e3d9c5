"""What each request to a runner is answered with: which message, when, and how it is judged."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from edgecnn.runner.answers import (
    MAX_COUNT,
    check_classified,
    check_health,
    check_host,
    check_loaded,
    check_memory,
    check_power,
    check_run,
    check_shapes,
    check_timed,
    check_warmed,
    most_payload_bytes,
    most_run_bytes,
)
from edgecnn.runner.conversation import Expected
from edgecnn.runner.ondevice.protocol import (
    AskHealth,
    AskPower,
    AskShapes,
    BatchClassified,
    BatchRun,
    ClassifyBatch,
    HealthTexts,
    HostFacts,
    MemoryUse,
    ModelChecked,
    ModelLoaded,
    ModelTimed,
    ModelWarmed,
    PowerTexts,
    RunBatch,
    RuntimeTensor,
    TensorShapes,
    TimeModel,
    WarmModel,
)
from edgecnn.runner.patience import Patience
from edgecnn.tflite.calls import ModelCall


class Expectations:
    """The answer that is expected to each kind of request.

    Args:
        patience: How long a runner may be silent.

    Example:
        >>> Expectations(Patience()).memory().silence_s
        60.0
    """

    def __init__(self, patience: Patience) -> None:
        self._answer_s, self._model_s = patience.answer_s, patience.model_s

    def host(self) -> Expected[HostFacts]:
        """What the device is."""
        return Expected(HostFacts, "describe the device", self._answer_s, check_host)

    def health(self, request: AskHealth) -> Expected[HealthTexts]:
        """The device's state."""
        silence_s = self._answer_s + request.idle_s
        return Expected(HealthTexts, "tell the device's state", silence_s, check_health)

    def power(self, request: AskPower) -> Expected[PowerTexts]:
        """Readings of the power meter; a call of the model may go on after the time is over."""
        silence_s = self._answer_s + request.seconds + (self._model_s if request.busy else 0.0)
        check = partial(check_power, request, most_s=silence_s)
        return Expected(
            PowerTexts, "read the power meter", silence_s, check, is_of_model=request.busy
        )

    def memory(self) -> Expected[MemoryUse]:
        """The runner's memory."""
        return Expected(MemoryUse, "tell its memory", self._answer_s, check_memory)

    def loaded(self, call: ModelCall | None) -> Expected[ModelLoaded]:
        """A model in memory, as the file has it."""
        check = partial(check_loaded, call=call, most_s=self._model_s)
        return Expected(ModelLoaded, "load the model", self._model_s, check, is_of_model=True)

    def shapes(self, request: AskShapes) -> Expected[TensorShapes]:
        """The shapes of tensors."""
        check = partial(check_shapes, request)
        return Expected(TensorShapes, "tell the shapes", self._model_s, check, is_of_model=True)

    def checked(self) -> Expected[ModelChecked]:
        """Whether the model gives finite values."""
        return Expected(ModelChecked, "run the model once", self._model_s, is_of_model=True)

    def warmed(self, request: WarmModel) -> Expected[ModelWarmed]:
        """The calls before the timed ones: as many as asked for, or until they are steady."""
        is_open = request.calls is None
        return Expected(
            ModelWarmed,
            "warm the model up",
            self._model_s,
            partial(check_warmed, request, most_s=self._model_s),
            calls=MAX_COUNT if request.calls is None else request.calls,
            least_s=request.max_s if is_open else 0.0,
            runs=0 if request.calls is None else request.calls,
            is_of_model=True,
        )

    def timed(self, request: TimeModel) -> Expected[ModelTimed]:
        """Timed calls; no progress is told of those that settle before."""
        silence_s = self._model_s * (1 + request.settle)
        return Expected(
            ModelTimed,
            "time the model",
            silence_s,
            partial(check_timed, request, most_s=silence_s),
            calls=request.max_samples,
            runs=request.runs,
            least_s=request.min_time_s,
            is_of_model=True,
        )

    def classified(
        self, request: ClassifyBatch, elements: int | None, dtype: str
    ) -> Expected[BatchClassified]:
        """Classes of a batch of images.

        Args:
            request: The images.
            elements: Number of scores of an image; None where the file leaves it open.
            dtype: numpy's name of the scores' type.
        """
        return Expected(
            BatchClassified,
            "classify images",
            self._model_s,
            partial(check_classified, request, elements=elements, dtype=dtype),
            calls=request.count,
            runs=request.count,
            payload_bytes=most_payload_bytes(request, elements, dtype),
            is_of_model=True,
        )

    def ran(
        self, request: RunBatch, outputs: Sequence[RuntimeTensor], knows_shapes: bool
    ) -> Expected[BatchRun]:
        """Outputs of a batch of samples.

        Args:
            request: The samples.
            outputs: The model's outputs, as the runtime told them when it loaded the model.
            knows_shapes: Whether the outputs have these shapes whatever goes in.
        """
        return Expected(
            BatchRun,
            "run samples",
            self._model_s,
            partial(check_run, request, outputs=outputs, knows_shapes=knows_shapes),
            calls=request.count,
            runs=request.count,
            payload_bytes=most_run_bytes(request, outputs, knows_shapes),
            is_of_model=True,
        )
