"""Training a small model on a small data set, in a child process and within a time limit.

``edgecnn demo`` and the benchmarks need no more than Adam or RMSprop, label smoothing, shifts by a
pixel or two, and a cosine schedule (Loshchilov and Hutter 2017) that ends when the epochs or the
time do.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecnn.core.child import ChildProcess, module_command
from edgecnn.core.errors import EdgecnnError
from edgecnn.core.parent_pipe import ParentPipe, serve_job
from edgecnn.data.datasets import open_dataset
from edgecnn.data.inputspec import InputSpec
from edgecnn.data.loader import load_images
from edgecnn.importing.environment import CHILD_ENVIRONMENT

MAX_SHIFT = 2
"""Pixels by which an image is shifted at most."""

TRAINING_SEED = 0

ADAM, RMSPROP = "adam", "rmsprop"
OPTIMIZERS: dict[str, tuple[str, dict[str, float]]] = {
    ADAM: ("Adam", {}),
    RMSPROP: ("RMSprop", {"rho": 0.9, "momentum": 0.9, "epsilon": 1e-3}),
}
"""Keras' class and settings of each optimizer. Those of RMSprop come from the papers on MobileNet
v2 and v3 (Sandler et al. 2018, Howard et al. 2019) and EfficientNet (Tan and Le 2019)."""

Images = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class TrainingPlan:
    """What to train, on what, and for how long.

    Args:
        model: Name of an architecture.
        alpha: Width multiplier.
        size: Height and width of the input in pixels.
        train_data: Data to train on, as ``--data`` takes it.
        test_data: Data that is held out, as ``--data`` takes it.
        classes: Number of classes.
        epochs: Passes over the data, if time allows.
        seconds: Time limit of the training itself, from the second step on.
        learning_rate: Learning rate at the start.
        batch: Images of one step.
        optimizer: A key of ``OPTIMIZERS``.
    """

    model: str
    alpha: float
    size: int
    train_data: str
    test_data: str
    classes: int
    epochs: int
    seconds: float
    learning_rate: float
    batch: int = 64
    optimizer: str = ADAM


@dataclass(frozen=True)
class TrainModel:
    """Asks the child to train; it answers :class:`TrainingProgress` now and then, then a result.

    Args:
        plan: What to train.
        target: The ``.keras`` file to write.
    """

    plan: TrainingPlan
    target: Path


@dataclass(frozen=True)
class TrainingProgress:
    """How far the training is.

    Args:
        fraction: Fraction of the training that is done, 0 to 1.
    """

    fraction: float


@dataclass(frozen=True)
class TrainingResult:
    """The result of a training.

    Args:
        top1_percent: Share of the held-out images that the model is right on, in percent.
        epochs: Passes over the data that were made.
        seconds: Time that the training took.
    """

    top1_percent: float
    epochs: float
    seconds: float


def train(plan: TrainingPlan, target: Path, on_progress: Callable[[float], None]) -> TrainingResult:
    """Train in a child process and leave a ``.keras`` file.

    Args:
        plan: What to train.
        target: The file to write.
        on_progress: Called with the fraction that is done.

    Raises:
        EdgecnnError: The child failed or crashed.
    """
    with ChildProcess(
        module_command("edgecnn.demo.training"),
        task=f"training {plan.model}",
        environment=CHILD_ENVIRONMENT,
    ) as child:
        child.send(TrainModel(plan, target))
        while True:
            message = child.receive(TrainingProgress, TrainingResult)
            if isinstance(message, TrainingResult):
                return message
            on_progress(message.fraction)


def main() -> None:
    """Serve one training job (the child's side)."""
    serve_job(TrainModel, _work)


def _work(parent: ParentPipe, job: TrainModel) -> None:
    parent.send(_train(job.plan, job.target, parent))


def _train(plan: TrainingPlan, target: Path, parent: ParentPipe) -> TrainingResult:
    import keras

    from edgecnn.models.build import build, input_spec

    keras.utils.set_random_seed(TRAINING_SEED)
    spec = input_spec(plan.model, plan.size)
    images, labels = _tensors(plan.train_data, spec)
    model = build(plan.model, alpha=plan.alpha, size=plan.size, classes=plan.classes)
    kind, settings = OPTIMIZERS[plan.optimizer]
    model.compile(
        getattr(keras.optimizers, kind)(plan.learning_rate, **settings),
        keras.losses.CategoricalCrossentropy(label_smoothing=0.1),
    )
    start = time.perf_counter()

    def report(fraction: float) -> None:
        parent.send(TrainingProgress(fraction))

    epochs = _fit(model, images, np.eye(plan.classes, dtype=np.float32)[labels], plan, report)
    seconds = time.perf_counter() - start
    test_images, test_labels = _tensors(plan.test_data, spec)
    answers = model.predict(test_images, batch_size=256, verbose=0).argmax(axis=1)
    # A model that is built anew is saved without the optimizer's two moments of each weight.
    trained = build(plan.model, alpha=plan.alpha, size=plan.size, classes=plan.classes)
    trained.set_weights(model.get_weights())
    try:
        trained.save(target)
    except OSError as error:
        reason = error.strerror or error
        raise EdgecnnError(f"cannot save the trained {plan.model}: {reason}") from error
    top1_percent = 100.0 * float((answers == test_labels).mean())
    return TrainingResult(top1_percent, epochs, seconds)


def _tensors(data: str, spec: InputSpec) -> tuple[Images, Labels]:
    dataset = open_dataset(data)
    assert dataset.labels is not None
    loaded = [item.image for item in load_images(dataset, range(len(dataset)), spec)]
    pixels = np.stack([image for image in loaded if image is not None])
    return spec.normalize(pixels), np.asarray(dataset.labels, np.int64)


def _fit(
    model: Any,
    images: Images,
    targets: Images,
    plan: TrainingPlan,
    on_progress: Callable[[float], None],
) -> float:
    """Train until the epochs or the time are over; return the epochs done."""
    generator = np.random.Generator(np.random.PCG64(TRAINING_SEED))
    steps_per_epoch = len(images) // plan.batch
    total = plan.epochs * steps_per_epoch
    start = time.perf_counter()
    order = generator.permutation(len(images))
    for step in range(total):
        done = max(step / total, (time.perf_counter() - start) / plan.seconds)
        if done >= 1.0:
            return step / steps_per_epoch
        position = step % steps_per_epoch
        if position == 0:
            order = generator.permutation(len(images))
        chosen = order[position * plan.batch : (position + 1) * plan.batch]
        model.optimizer.learning_rate = plan.learning_rate * cosine(done)
        model.train_on_batch(_shifted(images[chosen], generator), targets[chosen])
        if step == 0:
            # The first step compiles, which takes a slow or busy machine longer than the limit.
            start = time.perf_counter()
        on_progress(done)
    return float(plan.epochs)


def cosine(done: float) -> float:
    """Return the part of the first learning rate that is left when a fraction is done.

    Example:
        >>> cosine(0.0), cosine(1.0)
        (1.0, 0.0)
    """
    return 0.5 * (1.0 + math.cos(math.pi * done))


def _shifted(images: Images, generator: np.random.Generator) -> Images:
    """Shift each image of a batch by up to two pixels, as a hand writes it."""
    rows, columns = generator.integers(-MAX_SHIFT, MAX_SHIFT + 1, (2, len(images)))
    shifts = zip(images, rows, columns, strict=True)
    return np.stack([np.roll(image, (row, column), axis=(0, 1)) for image, row, column in shifts])
