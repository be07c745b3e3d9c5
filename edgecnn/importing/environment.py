"""The environment of children that load models by TensorFlow."""

from __future__ import annotations

CHILD_ENVIRONMENT = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "CUDA_VISIBLE_DEVICES": "-1",
    "KERAS_BACKEND": "tensorflow",
    # numpy's linear algebra loses more to waiting threads than it gains, most of all on a machine
    # that does other work too.
    "OPENBLAS_NUM_THREADS": "1",
}
"""Variables of a child: few words, no GPU, and Keras on TensorFlow."""
