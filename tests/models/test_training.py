"""Every architecture answers at 32x32 and trains there: a step reaches each of its kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import edgecnn
from edgecnn.models.registry import list_models

IMAGES = np.random.default_rng(0).uniform(-1, 1, (4, 32, 32, 3)).astype(np.float32)
LABELS = np.arange(4)


def compiled(keras: Any, name: str, **options: Any) -> Any:
    model = edgecnn.build(name, size=32, alpha=0.25, classes=4, **options)
    # Eagerly: one step takes less than compiling it.
    model.compile(
        optimizer=keras.optimizers.SGD(0.01),
        loss="sparse_categorical_crossentropy",
        run_eagerly=True,
    )
    return model


def is_redundant(path: str) -> bool:
    """Normalisation takes a convolution's bias away again: its gradient is rounding error."""
    return path.endswith("/bias")


def values(model: Any) -> dict[str, np.ndarray[Any, Any]]:
    return {weight.path: np.array(weight.numpy()) for weight in model.weights}


@pytest.fixture(scope="module", params=[spec.name for spec in list_models()])
def model(request: pytest.FixtureRequest, keras: Any) -> Any:
    """Each architecture in turn, for its tests in their order; the last one trains it."""
    return compiled(keras, request.param)


def test_small_inputs_keep_a_feature_map(model: Any) -> None:
    last = next(layer for layer in model.layers if layer.name in ("pool", "flatten"))
    assert min(last.input.shape[1:3]) >= 2


def test_answers_are_probabilities(model: Any) -> None:
    answers = np.asarray(model(IMAGES[:2], training=False))
    assert answers.shape == (2, 4)
    np.testing.assert_allclose(answers.sum(axis=1), 1.0, rtol=1e-5)


def test_one_step_changes_every_kernel(model: Any) -> None:
    before = values(model)
    loss = float(model.train_on_batch(IMAGES, LABELS))
    # Random answers of four classes: the loss of guessing is log 4; 0 would be a leak of labels.
    assert 0.1 < loss < 20
    after = values(model)
    unchanged = [
        path
        for path in before
        if np.array_equal(before[path], after[path])
        and not is_redundant(path)
        and "seed_generator" not in path
    ]
    assert unchanged == []
    assert all(np.isfinite(array).all() for array in after.values())


def test_auxiliary_classifiers_train_too(keras: Any) -> None:
    model = compiled(keras, "inception_v1", auxiliary=True)
    before = values(model)
    model.train_on_batch(IMAGES, [LABELS] * 3)
    after = values(model)
    early = [path for path in before if path.startswith("auxiliary") and "kernel" in path]
    assert len(early) == 2 * 3
    assert not any(np.array_equal(before[path], after[path]) for path in early)
