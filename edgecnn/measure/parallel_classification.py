"""Classifying many images: they are decoded in threads, and run by as many runners as save time.

Decoding and running overlap: a runner reads the next batch while this process prepares the one
after it. Where images wait for the first runner, others are started beside it. Each answer keeps
the index of its image, so the result is the same whatever the number of runners.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from edgecnn.accuracy.answers import Answers
from edgecnn.accuracy.class_outputs import ClassOutputs
from edgecnn.accuracy.indexed_answers import IndexedAnswers
from edgecnn.accuracy.result import TOP_K
from edgecnn.core.errors import InputError
from edgecnn.data.images import Pixels
from edgecnn.data.inputspec import InputSpec
from edgecnn.data.loader import LoadedImage, Samples, load_images
from edgecnn.model_metadata.input_tensors import to_levels, to_scores, to_tensor
from edgecnn.runner.session import RunnerSession
from edgecnn.tflite.calls import ModelCall
from edgecnn.tflite.structure import TensorInfo

IMAGES_PER_MESSAGE = 16
"""Images of a batch: enough to hide the time of sending, few enough to keep memory low."""

FEWEST_IMAGES_PER_MESSAGE = 4
"""Images of the smallest batch: batches become smaller towards the end of the data."""

BATCHES_UNDER_WAY = 2
"""Batches that a runner has: it works on one while the next one comes."""

WORTH_S = 1.0
"""Seconds that another runner must save: starting it takes a few tenths of a second of CPU."""

WAITS_FOR_IMAGES = 0.3
"""Share of its time that a runner waits for decoders, above which another would wait, too."""

CREW_POLL_S = 0.01

Indices = npt.NDArray[np.int64]
OnImages = Callable[[int, int], None]


Part = TypeVar("Part", bound=IndexedAnswers)


@dataclass(frozen=True)
class RunnerSource:
    """Source of runners of a model on a device.

    Args:
        start: Starts a runner on the device.
        place: Path of the model on the device.
        threads: Threads of the runtime.
        most: Runners that may run at the same time.
        call: How the model is called; None for its first subgraph with the file's shapes.
    """

    start: Callable[[], RunnerSession]
    place: str
    threads: int
    most: int
    call: ModelCall | None = None


class DeployedModel(ABC, Generic[Part]):
    """A model that lies on a device, and what becomes of its answers to a batch.

    Attributes:
        spec: How images become the model's input; None where samples are no images.
        runners: Source of runners; None where the only runner has the model loaded already.
        most_per_message: Samples of a batch at most.
    """

    spec: InputSpec | None
    runners: RunnerSource | None
    most_per_message: int = IMAGES_PER_MESSAGE

    @abstractmethod
    def submit(self, session: RunnerSession, samples: Sequence[LoadedImage]) -> None:
        """Send a batch of samples, all of them readable."""

    @abstractmethod
    def collect(self, session: RunnerSession, samples: Sequence[LoadedImage]) -> Part:
        """Wait for the answers to the earliest batch.

        Args:
            session: The runner that the batch was submitted to.
            samples: The samples of that batch.
        """

    @abstractmethod
    def joined(self, parts: Sequence[Part], unreadable: tuple[str, ...]) -> Part:
        """Return the answers to several batches as one, in the order of the data."""

    @abstractmethod
    def takes_the_cut_of(self, other: DeployedModel[Any]) -> bool:
        """Return whether the model takes the same samples as another one, cut alike."""

    def open(
        self, stack: ExitStack, on_start: Callable[[RunnerSession], None] = lambda session: None
    ) -> RunnerSession:
        """Return a runner that has the model loaded, until the stack ends.

        Args:
            stack: Ends the runner.
            on_start: Called with the runner before the model is loaded.
        """
        assert self.runners is not None
        session = stack.enter_context(self.runners.start())
        on_start(session)
        session.load(self.runners.place, self.runners.threads, call=self.runners.call)
        return session


@dataclass(frozen=True)
class DeployedClassifier(DeployedModel[Answers]):
    """A classifier that lies on a device.

    Args:
        spec: How images become the model's input.
        input: The tensor that takes an image.
        output: The tensor of scores.
        classes: The output for each class of the data.
        labels: Class of each image of the data, int64.
        runners: Source of runners; None where the only runner has the model loaded already.
        on_cut: Called with the images of each batch before the model classifies them.
    """

    spec: InputSpec
    input: TensorInfo
    output: TensorInfo
    classes: ClassOutputs
    labels: Indices
    runners: RunnerSource | None
    on_cut: Callable[[Sequence[LoadedImage]], None] = lambda images: None

    def submit(self, session: RunnerSession, samples: Sequence[LoadedImage]) -> None:
        """Send a batch of images, all of them readable."""
        self.on_cut(samples)
        pixels = [loaded.image for loaded in samples if loaded.image is not None]
        tensors, levels = image_tensors(pixels, self.spec, self.input)
        top_k = min(TOP_K, self.output.elements)
        session.submit(tensors, top_k, with_outputs=True, levels=levels)

    def collect(self, session: RunnerSession, samples: Sequence[LoadedImage]) -> Answers:
        """Wait for the answers to the earliest batch.

        Args:
            session: The runner that the batch was submitted to.
            samples: The images of that batch.
        """
        indices = np.array([loaded.index for loaded in samples], np.int64)
        labels = self.labels[indices]
        classified = session.collect()
        assert classified.outputs is not None
        scores = to_scores(classified.outputs.reshape(len(indices), -1), self.output)
        label_outputs = np.array(self.classes.of(labels.tolist()), np.int64)
        return Answers(
            indices=indices,
            label_outputs=label_outputs,
            top=classified.top,
            scores=np.take_along_axis(scores, classified.top, axis=1),
            label_scores=scores[np.arange(len(labels)), label_outputs],
            finite=classified.finite,
        )

    def joined(self, parts: Sequence[Answers], unreadable: tuple[str, ...]) -> Answers:
        """Return the answers to several batches as one, in the order of the data."""
        return Answers.joined(parts, unreadable)

    def takes_the_cut_of(self, other: DeployedModel[Any]) -> bool:
        """Return whether the model takes the same cut of an image as another one."""
        return isinstance(other, DeployedClassifier) and self.spec.is_cut_like(other.spec)


def image_tensors(
    pixels: Sequence[Pixels], spec: InputSpec, tensor: TensorInfo
) -> tuple[npt.NDArray[Any], npt.NDArray[Any] | None]:
    """Return images as a runner takes them: as pixels with what each level is, or as tensors.

    Args:
        pixels: Images of the model's size.
        spec: How images become the model's input.
        tensor: The model's input.

    Returns:
        Tensors or pixels, shape (images, 1, height, width, channels), and the input value of each
        level; None where they are tensors.
    """
    levels = to_levels(spec, tensor)
    if levels is None:
        pixels = [to_tensor(image, spec, tensor) for image in pixels]
    return np.stack(pixels)[:, None], levels


def classify_images(
    dataset: Samples,
    indices: Sequence[int],
    models: Sequence[DeployedModel[Part]],
    first: RunnerSession | None = None,
    most: int = 1,
    on_images: OnImages = lambda done, total: None,
) -> list[Part]:
    """Run samples through one model or through several that take the same samples, cut alike.

    Args:
        dataset: Labelled data.
        indices: Indices of the images to classify.
        models: The models; each is given every image, which is decoded once for all of them.
        first: A runner that has the first model loaded already.
        most: Runners of each model at most.
        on_images: Called with (images done, images in all), from this thread.

    Returns:
        The answers of each model.

    Raises:
        InputError: No image can be read.
        ChildCrashedError: A runner died.
    """
    work = _Work(dataset, indices, models)
    with ExitStack() as stack:
        sessions = [first or models[0].open(stack), *(model.open(stack) for model in models[1:])]
        crew = _Crew(work, most)
        stack.callback(crew.end)
        for _ in work.done_by(sessions):
            crew.check()
            on_images(work.done, work.total)
            crew.grow()
        crew.join(lambda: on_images(work.done, work.total))
    return work.answers()


class _Work(Generic[Part]):
    """The images that are still to be classified, and the answers so far."""

    def __init__(
        self, dataset: Samples, indices: Sequence[int], models: Sequence[DeployedModel[Part]]
    ) -> None:
        self.total, self.done, self.waited_s = len(indices), 0, 0.0
        self.runners, self._handed_out = 1, 0
        self.models = models
        self._most = min(model.most_per_message for model in models)
        self._images = load_images(dataset, indices, models[0].spec)
        self._lock = threading.Lock()
        self._unreadable: list[LoadedImage] = []
        self._parts: list[list[Part]] = [[] for _ in models]

    def done_by(self, sessions: Sequence[RunnerSession]) -> Iterator[None]:
        """Classify by a runner of each model until no image is left, and yield after each batch."""
        under_way: deque[list[LoadedImage]] = deque()
        while batch := self._next():
            if readable := self._readable(batch):
                for model, session in zip(self.models, sessions, strict=True):
                    model.submit(session, readable)
                under_way.append(readable)
            if len(under_way) >= BATCHES_UNDER_WAY:
                self._collect(under_way.popleft(), sessions)
            yield
        while under_way:
            self._collect(under_way.popleft(), sessions)
            yield

    def stop(self) -> None:
        """Hand out no more images."""
        with self._lock:
            self._images.close()

    def answers(self) -> list[Part]:
        """Return the answers of each model."""
        unreadable = sorted(self._unreadable, key=lambda loaded: loaded.index)
        errors = tuple(str(loaded.error) for loaded in unreadable)
        if not self.done - len(unreadable):
            raise InputError(f"not one image can be read: {errors[0]}")
        pairs = zip(self.models, self._parts, strict=True)
        return [model.joined(parts, errors) for model, parts in pairs]

    def _next(self) -> list[LoadedImage]:
        begin = time.monotonic()
        with self._lock:
            batch = list(islice(self._images, self._batch_size()))
            self._handed_out += len(batch)
            self.waited_s += time.monotonic() - begin
        return batch

    def _batch_size(self) -> int:
        """Return fewer images towards the end, so that no runner has to wait long for another."""
        share = (self.total - self._handed_out) // (2 * BATCHES_UNDER_WAY * self.runners)
        return min(self._most, max(FEWEST_IMAGES_PER_MESSAGE, min(IMAGES_PER_MESSAGE, share)))

    def _readable(self, batch: list[LoadedImage]) -> list[LoadedImage]:
        unreadable = [loaded for loaded in batch if loaded.image is None]
        with self._lock:
            self._unreadable += unreadable
            self.done += len(unreadable)
        return [loaded for loaded in batch if loaded.image is not None]

    def _collect(self, batch: list[LoadedImage], sessions: Sequence[RunnerSession]) -> None:
        for model, session, parts in zip(self.models, sessions, self._parts, strict=True):
            parts.append(model.collect(session, batch))
        with self._lock:
            self.done += len(batch)


class _Crew:
    """Runners beside the first, each of which a thread on this machine feeds."""

    def __init__(self, work: _Work[Any], most: int) -> None:
        self._work, self._most = work, most
        self._threads: list[threading.Thread] = []
        self._sessions: list[RunnerSession] = []
        self._failed: list[BaseException] = []
        self._look()

    def grow(self) -> None:
        """Start another runner if images wait for runners and many images are left."""
        work, runners = self._work, self._work.runners
        done = work.done - self._done
        if runners >= self._most or done < runners * IMAGES_PER_MESSAGE:
            return
        seconds = time.monotonic() - self._begin
        left_s = seconds / done * (work.total - work.done)
        waiting = (work.waited_s - self._waited_s) / (runners * seconds)
        if left_s > WORTH_S and waiting < WAITS_FOR_IMAGES:
            thread = threading.Thread(target=self._drive, daemon=True)
            self._threads.append(thread)
            work.runners += 1
            thread.start()
            self._look()

    def check(self) -> None:
        """Raise the error that ended one of the runners."""
        if self._failed:
            raise self._failed[0]

    def join(self, on_wait: Callable[[], None]) -> None:
        """Wait for all answers, but not for a runner that is only starting."""
        while self._work.done < self._work.total:
            self.check()
            time.sleep(CREW_POLL_S)
            on_wait()

    def end(self) -> None:
        """End the runners at once, and their threads."""
        self._work.stop()
        if any(thread.is_alive() for thread in self._threads):
            for session in self._sessions:
                session.kill()
        for thread in self._threads:
            thread.join()

    def _look(self) -> None:
        """Count time and images from now on."""
        self._begin, self._done = time.monotonic(), self._work.done
        self._waited_s = self._work.waited_s

    def _drive(self) -> None:
        try:
            with ExitStack() as stack:
                sessions = [model.open(stack, self._sessions.append) for model in self._work.models]
                for _ in self._work.done_by(sessions):
                    pass
        except BaseException as error:
            self._failed.append(error)
