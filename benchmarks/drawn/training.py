"""Training the networks, and what they answer in Keras."""

from __future__ import annotations

import os
from typing import Any

import keras

from .losses import SHARPNESS
from .nets import without_activation
from .samples import TRAIN, Place, Samples
from .scenes import Array
from .tasks import TASKS, Task

BATCH = 32
RATE = 4e-3
"""Highest learning rate of Adam; it falls to nothing as a cosine does."""
SEED = 7
QUICK_EPOCHS = 2


def model_of(task: Task, place: Place) -> keras.Model:
    """Return a task's trained network; one that is not in the folder yet is trained."""
    path = place.model(task.name)
    if path.exists():
        return keras.saving.load_model(path)
    if task.logits_of:
        model = without_activation(model_of(TASKS[task.logits_of], place))
    else:
        epochs = QUICK_EPOCHS if place.is_quick else task.epochs
        model = trained(task, task.data.read(place.data(task.data), TRAIN), epochs)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{os.getpid()}.keras")
    model.save(unfinished)
    unfinished.replace(path)
    return model


def trained(task: Task, samples: Samples, epochs: int) -> keras.Model:
    """Train a task's network from nothing, by fixed seeds; it is returned without optimiser."""
    keras.utils.set_random_seed(SEED)
    model = task.build()
    inputs, targets = task.scaled(samples.inputs), task.targets(samples.truth)
    to_fit, loss = model, task.loss
    if loss == "identities":
        to_fit, loss = _with_identities(model, int(samples.truth.max()) + 1)
    steps = epochs * -(-len(inputs[0]) // BATCH)
    rate = keras.optimizers.schedules.CosineDecay(RATE, steps)
    to_fit.compile(keras.optimizers.Adam(rate), loss, jit_compile=False)
    to_fit.fit(inputs if len(inputs) > 1 else inputs[0], targets, BATCH, epochs, verbose=0)
    return keras.Model(model.inputs if len(model.inputs) > 1 else model.inputs[0], model.outputs)


def _with_identities(model: keras.Model, count: int) -> tuple[keras.Model, Any]:
    """Return the network with a layer that tells identities apart, for training only."""
    scaled = keras.layers.Rescaling(SHARPNESS)(model.output)
    scores = keras.layers.Dense(count, use_bias=False)(scaled)
    return (
        keras.Model(model.inputs, scores),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )


def answers(model: keras.Model, inputs: list[Array]) -> list[Array]:
    """Return what a network answers, an array for each output."""
    said = model.predict(inputs if len(inputs) > 1 else inputs[0], verbose=0)
    return list(said) if isinstance(said, list | tuple) else [said]
