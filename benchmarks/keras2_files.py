"""Write Keras 2 models with random weights, and Keras 2's own answers, for ``keras2_layers.py``.

Run by a Python that has tf_keras, or TensorFlow up to 2.15, whose ``tensorflow.keras`` is Keras 2:

    python benchmarks/keras2_files.py FOLDER [--keras tf_keras] [--only NAME ...]

For each case there are NAME.h5, NAME.keras (what Keras 2 can write of the two) and NAME.npz: the
inputs (``input_0``, ...) and Keras 2's answers to them (``output_0``, ...). With --saved-models
there is a SavedModel in the folder NAME as well.
"""

import argparse
import importlib
import os
import sys
import zlib
from pathlib import Path

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

IMAGE = (8, 10, 3)
SEQUENCE = (6, 4)
VOLUME = (6, 6, 6, 2)
FRAMES = (3, 8, 8, 2)
ANSWERED_BY = {}
"""id of a model that rounds -> the same model without it, whose answers are the expected ones."""


def layer_cases(keras):
    """Return name -> (shapes of the inputs, function from the inputs to the outputs)."""
    of = keras.layers
    cases = {}

    def add(name, shapes, make):
        cases[name] = (shapes if isinstance(shapes, list) else [shapes], make)

    def one(shape, layer_class, *args, **settings):
        """Add a case of one layer, which is named after the layer and told apart by a number."""
        name, number = layer_class.__name__, 2
        while name in cases:
            name, number = f"{layer_class.__name__}-{number}", number + 1
        add(name, shape, lambda x: layer_class(*args, **settings)(x))

    for kind in ("linear", "relu", "relu6", "elu", "selu", "gelu", "softplus", "softsign", "swish",
                 "tanh", "sigmoid", "hard_sigmoid", "exponential", "softmax", "mish", "log_softmax",
                 "leaky_relu"):  # fmt: skip
        if hasattr(keras.activations, kind):
            add(f"Activation-{kind}", IMAGE, lambda x, kind=kind: of.Activation(kind)(x))
            add(f"Dense-{kind}", (7,), lambda x, kind=kind: of.Dense(5, activation=kind)(x))
    one(IMAGE, of.ActivityRegularization, 0.1)
    one(IMAGE, of.AlphaDropout, 0.3)
    one(IMAGE, of.Dropout, 0.3, noise_shape=(None, 1, 1, 3), seed=1)
    one(IMAGE, of.GaussianDropout, 0.3)
    one(IMAGE, of.GaussianNoise, 0.3)
    one(SEQUENCE, of.SpatialDropout1D, 0.3)
    one(IMAGE, of.SpatialDropout2D, 0.3)
    one(VOLUME, of.SpatialDropout3D, 0.3)
    for pool in (of.AveragePooling1D, of.MaxPooling1D):
        one(SEQUENCE, pool, 2)
        one(SEQUENCE, pool, 3, strides=2, padding="same")
    for pool in (of.AveragePooling2D, of.MaxPooling2D):
        one(IMAGE, pool, (2, 3))
        one(IMAGE, pool, 3, strides=2, padding="same")
    for pool in (of.AveragePooling3D, of.MaxPooling3D):
        one(VOLUME, pool, 2)
    for shape, pools in (
        (SEQUENCE, (of.GlobalAveragePooling1D, of.GlobalMaxPooling1D)),
        (IMAGE, (of.GlobalAveragePooling2D, of.GlobalMaxPooling2D)),
        (VOLUME, (of.GlobalAveragePooling3D, of.GlobalMaxPooling3D)),
    ):
        for pool in pools:
            one(shape, pool)
            one(shape, pool, keepdims=True)
    one(IMAGE, of.BatchNormalization)
    one(IMAGE, of.BatchNormalization, axis=[3], scale=False, momentum=0.9)
    one(IMAGE, of.BatchNormalization, axis=1, center=False, trainable=False)
    if hasattr(of.experimental, "SyncBatchNormalization"):
        one(IMAGE, of.experimental.SyncBatchNormalization)
    one(IMAGE, of.LayerNormalization)
    one(IMAGE, of.LayerNormalization, axis=[1, 2, 3], epsilon=1e-6)
    if hasattr(of, "GroupNormalization"):
        one((8, 8, 6), of.GroupNormalization, 3)
    one(IMAGE, of.UnitNormalization)
    one(IMAGE, of.UnitNormalization, axis=[1, 2])
    if hasattr(of, "SpectralNormalization"):
        add("SpectralNormalization", IMAGE, lambda x: of.SpectralNormalization(of.Conv2D(4, 3))(x))
    one(SEQUENCE, of.Conv1D, 5, 3)
    one(SEQUENCE, of.Conv1D, 6, 3, padding="causal", dilation_rate=2, groups=2)
    one(IMAGE, of.Conv2D, 5, 3, activation="relu")
    one((8, 8, 4), of.Conv2D, 6, (3, 5), strides=2, padding="same", groups=2, use_bias=False)
    one(IMAGE, of.Conv2D, 5, 3, dilation_rate=2, kernel_regularizer="l2", bias_constraint="non_neg")
    one(IMAGE, of.Conv2D, 4, 1, activation=of.LeakyReLU(0.2))
    one(VOLUME, of.Conv3D, 4, 3)
    one(SEQUENCE, of.Conv1DTranspose, 5, 3, strides=2)
    one(IMAGE, of.Conv2DTranspose, 5, 3)
    one(IMAGE, of.Conv2DTranspose, 5, 3, strides=2, padding="same", output_padding=1)
    one(IMAGE, of.Conv2DTranspose, 5, (2, 4), strides=(2, 3), activation="relu")
    one(VOLUME, of.Conv3DTranspose, 4, 3, strides=2, padding="same")
    one(SEQUENCE, of.DepthwiseConv1D, 3, depth_multiplier=2)
    one(IMAGE, of.DepthwiseConv2D, 3)
    one(IMAGE, of.DepthwiseConv2D, 3, strides=2, padding="same", depth_multiplier=2, use_bias=False)
    one(SEQUENCE, of.SeparableConv1D, 5, 3, depth_multiplier=2)
    one(IMAGE, of.SeparableConv2D, 5, 3, padding="same", activation="relu")
    one(IMAGE, of.SeparableConv2D, 5, 3, depth_multiplier=2, use_bias=False, strides=2)
    one(IMAGE, of.LocallyConnected2D, 4, 3) if hasattr(of, "LocallyConnected2D") else None
    one(SEQUENCE, of.LocallyConnected1D, 4, 3) if hasattr(of, "LocallyConnected1D") else None
    one((7,), of.Dense, 5)
    one(IMAGE, of.Dense, 5, use_bias=False)
    one((6, 4), of.EinsumDense, "abc,cd->abd", output_shape=(None, 5), bias_axes="d",
        activation="relu")  # fmt: skip
    one(IMAGE, of.ELU, 0.7)
    one(IMAGE, of.LeakyReLU)
    one(IMAGE, of.LeakyReLU, alpha=0.1)
    one(IMAGE, of.PReLU)
    one(IMAGE, of.PReLU, shared_axes=[1, 2])
    one(IMAGE, of.ReLU)
    one(IMAGE, of.ReLU, 6.0, negative_slope=0.1, threshold=0.2)
    one(IMAGE, of.Softmax)
    one(IMAGE, of.Softmax, axis=[1, 2])
    one(IMAGE, of.ThresholdedReLU, 0.5) if hasattr(of, "ThresholdedReLU") else None
    for merge in (of.Add, of.Average, of.Maximum, of.Minimum, of.Multiply):
        one([IMAGE, IMAGE, (1, 1, 3)], merge)
    one([IMAGE, IMAGE], of.Subtract)
    one([IMAGE, IMAGE], of.Concatenate)
    one([IMAGE, IMAGE], of.Concatenate, axis=1)
    one([SEQUENCE, SEQUENCE], of.Dot, axes=2)
    one([SEQUENCE, SEQUENCE], of.Dot, axes=(1, 1), normalize=True)
    one(SEQUENCE, of.Cropping1D, 1)
    one(IMAGE, of.Cropping2D, ((1, 2), (0, 3)))
    one(VOLUME, of.Cropping3D, 1)
    one(SEQUENCE, of.ZeroPadding1D, (1, 2))
    one(IMAGE, of.ZeroPadding2D, ((0, 1), (0, 1)))
    one(VOLUME, of.ZeroPadding3D, 1)
    one(SEQUENCE, of.UpSampling1D, 2)
    one(IMAGE, of.UpSampling2D, (2, 3))
    one(IMAGE, of.UpSampling2D, 2, interpolation="bilinear")
    one(VOLUME, of.UpSampling3D, 2)
    one(IMAGE, of.Flatten)
    one((5,), of.RepeatVector, 3)
    one(IMAGE, of.Permute, (3, 1, 2))
    one(IMAGE, of.Reshape, (5, -1, 4))
    one(IMAGE, of.Identity) if hasattr(of, "Identity") else None
    add("Masking", SEQUENCE, lambda x: of.LSTM(3)(of.Masking(0.0)(x)))
    add("Embedding", (6,), lambda x: of.Embedding(5, 4, input_length=6)(x))
    add("Embedding-2", (6,), lambda x: of.LSTM(3)(of.Embedding(5, 4, mask_zero=True)(x)))
    for cell in (of.LSTM, of.GRU, of.SimpleRNN):
        one(SEQUENCE, cell, 5)
        one(SEQUENCE, cell, 5, return_sequences=True, go_backwards=True, use_bias=False)
        one(SEQUENCE, cell, 5, dropout=0.1, recurrent_dropout=0.1, unroll=True)
    one(SEQUENCE, of.LSTM, 5, recurrent_activation="hard_sigmoid", unit_forget_bias=False)
    one(SEQUENCE, of.GRU, 5, reset_after=False, implementation=1)
    add("LSTM-state", SEQUENCE, lambda x: of.LSTM(4, return_state=True, return_sequences=True)(x))

    def encoder_decoder(inputs):
        x, y = inputs
        _, h, c = of.LSTM(4, return_state=True, name="encoder")(x)
        return of.LSTM(4, return_sequences=True, name="decoder")(y, initial_state=[h, c])

    add("LSTM-initial-state", [SEQUENCE, (5, 3)], encoder_decoder)
    add("Bidirectional", SEQUENCE, lambda x: of.Bidirectional(of.LSTM(5))(x))
    add(
        "Bidirectional-2", SEQUENCE,
        lambda x: of.Bidirectional(of.GRU(5, return_sequences=True), merge_mode="sum")(x),
    )  # fmt: skip
    add(
        "Bidirectional-3", SEQUENCE,
        lambda x: of.Bidirectional(
            of.LSTM(5), backward_layer=of.GRU(4, go_backwards=True, name="back")
        )(x),
    )  # fmt: skip
    add("RNN", SEQUENCE, lambda x: of.RNN(of.LSTMCell(5))(x))
    add("RNN-2", SEQUENCE, lambda x: of.RNN([of.LSTMCell(5), of.GRUCell(4)])(x))
    add("RNN-3", SEQUENCE, lambda x: of.RNN(
        of.StackedRNNCells([of.SimpleRNNCell(5), of.LSTMCell(4)]), return_sequences=True)(x)
    )  # fmt: skip
    one((3, 8, 2), of.ConvLSTM1D, 3, 3)
    one(FRAMES, of.ConvLSTM2D, 3, 3)
    one(FRAMES, of.ConvLSTM2D, 3, 3, padding="same", return_sequences=True, strides=2)
    one((2, 4, 4, 4, 2), of.ConvLSTM3D, 2, 3)
    add("TimeDistributed", FRAMES, lambda x: of.TimeDistributed(of.Conv2D(4, 3))(x))

    def frames_of_a_network(x):
        inner = keras.Sequential([
            keras.Input(FRAMES[1:]), of.Conv2D(3, 3), of.BatchNormalization(),
            of.GlobalAveragePooling2D(),
        ])  # fmt: skip
        return of.LSTM(4)(of.TimeDistributed(inner)(x))

    add("TimeDistributed-2", FRAMES, frames_of_a_network)
    add("MultiHeadAttention", [SEQUENCE, (5, 4)], lambda x: of.MultiHeadAttention(2, 3)(*x))
    add(
        "MultiHeadAttention-2", [SEQUENCE, (5, 4)],
        lambda x: of.MultiHeadAttention(2, 3, value_dim=5, dropout=0.1, use_bias=False)(
            query=x[0], value=x[1], key=x[1]
        ),
    )  # fmt: skip
    add("MultiHeadAttention-3", SEQUENCE, lambda x: of.MultiHeadAttention(2, 3, output_shape=7)(
        x, x, use_causal_mask=True
    ))  # fmt: skip
    add("MultiHeadAttention-4", (4, 5, 6), lambda x: of.MultiHeadAttention(
        2, 3, attention_axes=(1, 2)
    )(x, x, return_attention_scores=True))  # fmt: skip
    add("Attention", [SEQUENCE, (5, 4)], lambda x: of.Attention()(x))
    add("Attention-2", [SEQUENCE, (5, 4)], lambda x: of.Attention(use_scale=True, dropout=0.2)(x))
    add("Attention-3", [SEQUENCE, (5, 4)], lambda x: of.Attention(score_mode="concat")(x))
    add("AdditiveAttention", [SEQUENCE, (5, 4)], lambda x: of.AdditiveAttention()(x))
    one(IMAGE, of.Rescaling, 1 / 127.5, offset=-1)
    one(IMAGE, of.Rescaling, [0.1, 0.2, 0.3], offset=[1.0, 2.0, 3.0])
    one(IMAGE, of.Normalization, mean=[1.0, 2.0, 3.0], variance=[1.0, 4.0, 9.0])
    if "invert" in of.Normalization(mean=0.4, variance=2.0, invert=True).get_config():
        # TensorFlow up to 2.12 leaves it out of its files.
        one(IMAGE, of.Normalization, axis=None, mean=0.4, variance=2.0, invert=True)

    def adapted(x, **settings):
        layer = of.Normalization(**settings)
        layer.adapt(np.random.default_rng(5).normal(1, 2, (9, *IMAGE)).astype("float32"))
        return layer(x)

    add("Normalization-adapted", IMAGE, adapted)
    add("Normalization-adapted-2", IMAGE, lambda x: adapted(x, axis=None))
    one(IMAGE, of.Resizing, 6, 15)
    one(IMAGE, of.Resizing, 12, 12, interpolation="nearest")
    one(IMAGE, of.Resizing, 6, 6, crop_to_aspect_ratio=True)
    for interpolation in ("bicubic", "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic"):
        one(IMAGE, of.Resizing, 6, 15, interpolation=interpolation)
    one(IMAGE, of.CenterCrop, 5, 5)
    one(IMAGE, of.CenterCrop, 12, 20)
    one(IMAGE, of.RandomBrightness, 0.2) if hasattr(of, "RandomBrightness") else None
    one(IMAGE, of.RandomContrast, 0.2)
    one(IMAGE, of.RandomCrop, 5, 6)
    one(IMAGE, of.RandomCrop, 12, 6)
    one(IMAGE, of.RandomFlip)
    one(IMAGE, of.RandomHeight, 0.2) if hasattr(of, "RandomHeight") else None
    one(IMAGE, of.RandomRotation, 0.2)
    one(IMAGE, of.RandomTranslation, 0.2, 0.1, fill_mode="nearest")
    one(IMAGE, of.RandomWidth, 0.2) if hasattr(of, "RandomWidth") else None
    one(IMAGE, of.RandomZoom, 0.2)
    one((4,), of.CategoryEncoding, num_tokens=5, output_mode="multi_hot")
    one((4,), of.CategoryEncoding, num_tokens=5, output_mode="count")
    one((1,), of.CategoryEncoding, num_tokens=5, output_mode="one_hot")
    one((4,), of.Discretization, bin_boundaries=[-0.5, 0.0, 1.0])
    one((1,), of.Discretization, bin_boundaries=[-0.5, 0.0, 1.0], output_mode="one_hot")
    add("Hashing", [(3, "int64")], lambda x: of.Hashing(5)(x))
    add("HashedCrossing", [(1, "int64"), (1, "int64")], lambda x: of.HashedCrossing(5)(x))
    add("IntegerLookup", [(3, "int64")], lambda x: of.IntegerLookup(vocabulary=[1, 2, 4])(x))
    add("StringLookup", [(3, "string")], lambda x: of.StringLookup(vocabulary=["a", "b"])(x))
    add("TextVectorization", [(1, "string")], lambda x: of.TextVectorization(
        vocabulary=["a", "b"], output_sequence_length=4)(x))  # fmt: skip

    def features(x):
        column = tf.feature_column.numeric_column("x", shape=(5,))
        return of.DenseFeatures([column])({"x": x})

    add("DenseFeatures", (5,), features)
    add("RandomFourierFeatures", (5,), lambda x: of.experimental.RandomFourierFeatures(6)(x))
    add("Lambda", IMAGE, lambda x: of.Lambda(lambda y: y * 2)(x))
    return cases


def op_cases(keras):
    """Return cases of functions of TensorFlow that are called like layers."""
    one = {
        "operators": lambda x: ((x + 1.0) * 2.0 - x / 3.0) ** 2.0 - (1.0 - x) + 2.0 * x - (-x),
        "floor": lambda x: x // 0.5 + x % 0.7 + abs(x),
        "comparison": lambda x: tf.where(
            tf.logical_or(x > 0.5, tf.logical_not(x >= -0.5)), x, tf.zeros_like(x)
        ),
        "equality": lambda x: tf.cast(tf.equal(tf.round(x), 0.0), "float32") + tf.cast(
            tf.not_equal(tf.round(x), 1.0), "float32"
        ),
        "slices": lambda x: x[:, 1:-1, ::2] + x[:, 1:-1, :5],
        "slice-of-channels": lambda x: x[..., 1:2],
        "slice-new-axis": lambda x: x[:, 2, tf.newaxis, :],
        "slice-backwards": lambda x: x[..., ::-1],
        "nn": lambda x: tf.nn.relu(x) + tf.nn.relu6(x) + tf.nn.elu(x) + tf.nn.leaky_relu(x, 0.1)
        + tf.nn.softplus(x) + tf.nn.sigmoid(x) + tf.nn.tanh(x) + tf.nn.swish(x) + tf.nn.selu(x)
        + tf.nn.gelu(x) + tf.nn.softsign(x) + tf.nn.silu(x),
        "softmax": lambda x: tf.nn.softmax(x, axis=-1) + tf.nn.log_softmax(x),
        "normalize": lambda x: tf.math.l2_normalize(x, axis=-1) + tf.nn.l2_normalize(x, axis=1),
        "math": lambda x: tf.exp(x) + tf.square(x) + tf.sqrt(tf.abs(x))
        + tf.math.log(tf.abs(x) + 1.0)
        + tf.sin(x) + tf.cos(x) + tf.math.rsqrt(tf.abs(x) + 1.0) + tf.sign(x) + tf.floor(x)
        + tf.math.ceil(x) + tf.round(x) + tf.math.erf(x) + tf.math.log1p(tf.abs(x)) + tf.negative(x)
        + tf.math.reciprocal(x + 9.0) + tf.atan(x) + tf.math.expm1(x) + tf.sinh(x),
        "two": lambda x: tf.maximum(x, 0.1) + tf.minimum(x, 0.3) + tf.add(x, 1.0)
        + tf.subtract(x, 2.0) + tf.multiply(x, 3.0) + tf.divide(x, 2.0) + tf.pow(tf.abs(x), 1.5)
        + tf.math.squared_difference(x, 1.0) + tf.math.divide_no_nan(x, 2.0) + tf.atan2(x, 2.0),
        "clip": lambda x: tf.clip_by_value(x, -0.5, 0.7) + keras.backend.clip(x, 0.0, 1.0),
        "reduce": lambda x: tf.reduce_mean(x, axis=[1, 2]) + tf.reduce_sum(x, axis=(1, 2))
        + tf.reduce_max(x, [1, 2]) + tf.reduce_min(x, axis=[1, 2])
        + tf.math.reduce_std(x, axis=[1, 2]) + tf.math.reduce_variance(x, axis=[1, 2])
        + tf.reduce_prod(x, axis=[1, 2]) + tf.math.reduce_euclidean_norm(x, axis=[1, 2])
        + tf.reduce_logsumexp(x, axis=[1, 2]),
        "shape": lambda x: tf.reshape(tf.transpose(x, [0, 2, 1, 3]), [-1, 8, 30]),
        "shape-open": lambda x: tf.reshape(x, [tf.shape(x)[0], -1]),
        "squeeze": lambda x: tf.squeeze(tf.expand_dims(x, 1), axis=[1]),
        "concat": lambda x: tf.concat([x, tf.nn.relu(x)], axis=-1),
        "stack": lambda x: tf.stack([x, tf.nn.relu(x)], axis=1),
        "unstack": lambda x: tf.add_n(tf.unstack(x, axis=3)[:2]),
        "split": lambda x: tf.split(x, 2, axis=2)[1] + tf.split(x, [5, 5], axis=2)[0],
        "pad": lambda x: tf.pad(x, [[0, 0], [1, 1], [2, 2], [0, 0]])
        + tf.pad(x, [[0, 0], [1, 1], [2, 2], [0, 0]], "REFLECT"),
        "tile": lambda x: tf.tile(x, [1, 2, 1, 1]) + tf.repeat(x, 2, axis=1),
        "gather": lambda x: tf.gather(x, [2, 0], axis=3) + tf.reverse(x, axis=[1])[..., :2],
        "roll": lambda x: tf.roll(x, shift=[1, 2], axis=[1, 2]),
        "matmul": lambda x: tf.matmul(x, x, transpose_b=True),
        "einsum": lambda x: tf.einsum("bhwc,bhvc->bhwv", x, x),
        "tensordot": lambda x: tf.tensordot(x, np.ones((3, 2), "float32"), axes=1),
        "image-resize": lambda x: tf.image.resize(x, (16, 12))
        + tf.image.resize(x, (16, 12), method="nearest"),
        "image": lambda x: tf.image.flip_left_right(x)
        + tf.image.per_image_standardization(x) + tf.image.resize_with_crop_or_pad(x, 8, 10),
        "image-crop": lambda x: tf.image.central_crop(x, 0.5),
        "grey": lambda x: tf.image.rgb_to_grayscale(x),
        "depth-to-space": lambda x: tf.nn.depth_to_space(
            tf.nn.space_to_depth(x, 2), block_size=2
        ),
        "pools": lambda x: tf.nn.max_pool2d(x, 2, 2, "SAME") + tf.nn.avg_pool2d(x, 2, 2, "VALID"),
        "conv": lambda x: tf.nn.conv2d(x, np.ones((3, 3, 3, 2), "float32"), 1, "SAME"),
        "depthwise": lambda x: tf.nn.depthwise_conv2d(
            x, np.ones((3, 3, 3, 1), "float32"), [1, 1, 1, 1], "SAME"
        ),
        "bias": lambda x: tf.nn.bias_add(x, [1.0, 2.0, 3.0]),
        "batch-normalization": lambda x: tf.nn.batch_normalization(
            x, *(np.float32([1.0, 2.0, each]) for each in (3.0, 4.0, 5.0, 6.0)), 0.001
        ),
        "moments": lambda x: tf.nn.moments(x, axes=[1, 2])[1],
        "argmax": lambda x: tf.cast(tf.argmax(x, axis=-1), "float32"),
        "top-k": lambda x: tf.math.top_k(x, k=2).values,
        "one-hot": lambda x: tf.one_hot(tf.argmax(x, axis=-1), 3),
        "cumsum": lambda x: tf.cumsum(x, axis=1) + tf.math.cumprod(x, axis=-1),
        "logical": lambda x: tf.cast(tf.logical_and(x > 0.0, x < 1.0), tf.float32),
        "any": lambda x: tf.cast(tf.reduce_any(x > 1.5, axis=-1), tf.float32)
        + tf.cast(tf.reduce_all(x > -1.5, axis=-1), tf.float32),
        "stop-gradient": lambda x: tf.stop_gradient(tf.identity(x)),
        "broadcast": lambda x: tf.broadcast_to(x[:, :1], tf.shape(x)),
        "backend": lambda x: keras.backend.mean(x, axis=[1, 2]) + keras.backend.max(x, axis=[1, 2]),
        "backend-2": lambda x: keras.backend.relu(x, max_value=1.0)
        + keras.backend.hard_sigmoid(x) + keras.backend.sigmoid(x),
        "backend-3": lambda x: keras.backend.concatenate(
            [keras.backend.l2_normalize(x, -1), keras.backend.permute_dimensions(x, (0, 1, 2, 3))]
        ),
        "hard-swish": lambda x: x * tf.nn.relu6(x + 3.0) * (1.0 / 6.0),
        "preprocess-tf": keras.applications.mobilenet_v2.preprocess_input,
        "preprocess-torch": keras.applications.densenet.preprocess_input,
        "preprocess-caffe": keras.applications.resnet50.preprocess_input,
    }  # fmt: skip
    return {f"tf-{name}": ([IMAGE], make) for name, make in one.items()}


def network_cases(keras):
    """Return cases of whole networks: functions that return a model, or its inputs and outputs."""
    of, applications = keras.layers, keras.applications

    def backbone(size=(16, 16, 3), frozen=False):
        x = inputs = keras.Input(size)
        for filters in (4, 6, 6):
            x = of.Conv2D(filters, 3, padding="same", use_bias=False)(x)
            x = of.ReLU()(of.BatchNormalization()(x))
        model = keras.Model(inputs, x, name="backbone")
        model.trainable = not frozen
        return model

    def nested(frozen=False, partly=False):
        inner = backbone(frozen=frozen)
        if partly:
            for layer in inner.layers[:5]:
                layer.trainable = False
        x = inputs = keras.Input((16, 16, 3))
        x = of.Rescaling(1 / 255)(of.RandomFlip()(x))
        x = of.GlobalAveragePooling2D()(inner(x))
        return keras.Model(inputs, of.Dense(3, activation="softmax")(x))

    def nested_twice():
        inner = backbone()
        x = inputs = keras.Input((16, 16, 3))
        y = inner(x) + inner(of.Activation("tanh")(x))
        middle = keras.Model(inputs, y, name="middle")
        model = keras.Sequential([keras.Input((16, 16, 3)), middle, of.Flatten(), of.Dense(2)])
        return model

    def siamese():
        inner = backbone()
        a, b = keras.Input((16, 16, 3), name="a"), keras.Input((16, 16, 3), name="b")
        pool = of.GlobalAveragePooling2D()
        x, y = pool(inner(a)), pool(inner(b))
        return keras.Model([a, b], of.Dense(1)(tf.abs(x - y)))

    def dictionary():
        inputs = {"b": keras.Input((4,), name="b"), "a": keras.Input((4,), name="a")}
        x = of.Dense(3)(inputs["a"]) + of.Dense(3)(inputs["b"])
        return keras.Model(inputs, {"sum": x, "top": of.Dense(2)(x)})

    def sequential(**input_settings):
        return keras.Sequential([
            of.Conv2D(4, 3, **input_settings), of.BatchNormalization(), of.MaxPooling2D(),
            of.Flatten(), of.Dropout(0.5), of.Dense(10, activation="softmax"),
        ])  # fmt: skip

    def sequence_of_models():
        return keras.Sequential([
            backbone(), keras.Sequential([of.Conv2D(3, 1), of.GlobalMaxPooling2D()]), of.Dense(2),
        ])  # fmt: skip

    def built_by_a_call():
        model = keras.Sequential([of.Conv2D(4, 3), of.Flatten(), of.Dense(3)])
        model.build((None, 8, 8, 3))
        return model

    def resblock():
        x = inputs = keras.Input((16, 16, 4))
        conv = of.Conv2D(4, 3, padding="same", name="shared")
        x = of.Add()([x, conv(tf.nn.relu(conv(x)))])
        x, y = x[..., :2], x[..., 2:]
        x = tf.concat([x * tf.sigmoid(y), y], -1)
        return keras.Model(inputs, [of.GlobalAveragePooling2D()(x), x])

    def transformer():
        x = inputs = keras.Input((16, 16, 3))
        x = of.Reshape((16, 8))(of.Conv2D(8, 4, strides=4)(x))
        positions = of.Embedding(16, 8)(tf.range(16))
        x = x + positions
        y = of.LayerNormalization(epsilon=1e-6)(x)
        x = of.Add()([of.MultiHeadAttention(2, 4)(y, y), x])
        y = of.Dense(8, activation=tf.nn.gelu)(of.LayerNormalization()(x))
        return keras.Model(inputs, of.Dense(3)(of.GlobalAveragePooling1D()(x + y)))

    def unet():
        x = inputs = keras.Input((16, 16, 3))
        left = of.Conv2D(4, 3, padding="same", activation="relu")(x)
        x = of.Conv2D(8, 3, padding="same", activation="relu")(of.MaxPooling2D()(left))
        x = of.Conv2DTranspose(4, 2, strides=2, padding="same")(x)
        x = of.Concatenate()([x, left])
        return keras.Model(inputs, of.Conv2D(1, 1, activation="sigmoid")(x))

    def mixed(policy):
        x = inputs = keras.Input((16, 16, 3))
        x = of.Conv2D(4, 3, dtype=policy)(x)
        x = of.BatchNormalization(dtype=policy)(x)
        x = of.GlobalAveragePooling2D(dtype=policy)(of.ReLU(dtype=policy)(x))
        x = of.Dense(4, dtype=policy)(x)
        return keras.Model(inputs, of.Activation("softmax", dtype="float32")(x))

    def with_a_loss():
        model = keras.Sequential([keras.Input((4,)), of.Dense(3)])

        def own_loss(truth, answer):
            return tf.reduce_mean(tf.abs(truth - answer))

        model.compile("adam", own_loss, metrics=["mae"])
        model.fit(np.ones((4, 4), "float32"), np.ones((4, 3), "float32"), verbose=0)
        return model

    def bare(name, size=(64, 64, 3), **settings):
        make = getattr(applications, name)
        return lambda: make(weights=None, include_top=False, pooling="avg", input_shape=size,
                            **settings)  # fmt: skip

    cases = {
        "backbone": backbone,
        "nested": nested,
        "nested-frozen": lambda: nested(frozen=True),
        "nested-partly-frozen": lambda: nested(partly=True),
        "nested-twice": nested_twice,
        "siamese": siamese,
        "dictionary": dictionary,
        "sequential": lambda: sequential(input_shape=(16, 16, 3)),
        "sequential-batch": lambda: sequential(batch_input_shape=(None, 16, 16, 3)),
        "sequence-of-models": sequence_of_models,
        "built-by-a-call": built_by_a_call,
        "resblock": resblock,
        "transformer": transformer,
        "unet": unet,
        "mixed-float16": lambda: mixed("mixed_float16"),
        "mixed-bfloat16": lambda: mixed("mixed_bfloat16"),
        "own-loss": with_a_loss,
        "MobileNet": bare("MobileNet", alpha=0.25),
        "MobileNet-top": lambda: applications.MobileNet(
            weights=None, alpha=0.25, input_shape=(64, 64, 3), classes=10
        ),
        "MobileNetV2": bare("MobileNetV2", alpha=0.35),
        "MobileNetV3Small": bare("MobileNetV3Small", alpha=0.75),
        "MobileNetV3Large": bare("MobileNetV3Large", alpha=0.75, minimalistic=True),
        "EfficientNetB0": bare("EfficientNetB0"),
        "EfficientNetV2B0": bare("EfficientNetV2B0"),
        "NASNetMobile": bare("NASNetMobile"),
        "DenseNet121": bare("DenseNet121"),
        "RegNetX002": bare("RegNetX002"),
    }
    return {f"net-{name}": make for name, make in cases.items()}


def pruning_cases(keras):
    """Return cases of TensorFlow's model optimisation toolkit, where it is installed."""
    try:
        import tensorflow_model_optimization as toolkit
    except ImportError:
        return {}
    of = keras.layers

    def plain():
        x = inputs = keras.Input((16, 16, 3))
        x = of.ReLU()(of.BatchNormalization()(of.Conv2D(4, 3, use_bias=False)(x)))
        x = of.ReLU(6.0)(of.BatchNormalization()(of.DepthwiseConv2D(3)(x)))
        x = of.Conv2D(4, 3, activation="relu")(x)
        y = of.SeparableConv2D(4, 3, padding="same")(x)
        x = of.GlobalAveragePooling2D()(of.Add()([x, y]))
        return keras.Model(inputs, of.Dense(3, activation="softmax")(x))

    def pruned():
        schedule = toolkit.sparsity.keras.ConstantSparsity(0.5, 0)
        return toolkit.sparsity.keras.prune_low_magnitude(plain(), pruning_schedule=schedule)

    def quantized():
        model = plain()
        randomize(model, 1)
        wrapped = toolkit.quantization.keras.quantize_model(model)
        ANSWERED_BY[id(wrapped)] = model
        return wrapped

    return {
        "tfmot-quantize": quantized,
        "tfmot-prune": pruned,
        "tfmot-cluster": lambda: toolkit.clustering.keras.cluster_weights(
            plain(), 4, toolkit.clustering.keras.CentroidInitialization.LINEAR
        ),
    }


def models(keras):
    """Return name -> function that makes the model."""

    def of_case(name, shapes, make):
        def build():
            keras.backend.clear_session()
            inputs = []
            for shape in shapes:
                kind = "float32"
                if isinstance(shape[-1], str):
                    *shape, kind = shape
                inputs.append(keras.Input(tuple(shape), dtype=kind))
            outputs = make(inputs if len(inputs) > 1 else inputs[0])
            return keras.Model(inputs, outputs)

        return build

    cases = {**layer_cases(keras), **op_cases(keras)}
    made = {name: of_case(name, *case) for name, case in cases.items()}
    return {**made, **network_cases(keras), **pruning_cases(keras)}


def randomize(model, seed):
    """Give all weights random values, as an untrained model's zeros and ones would hide faults."""
    rng = np.random.default_rng(seed)
    values = []
    for index, value in enumerate(model.get_weights()):
        weight = model.weights[index]
        name = weight.name.rpartition("/")[2]
        if "mask" in name:
            values.append(rng.integers(0, 2, value.shape).astype(value.dtype))
        elif value.dtype.kind != "f" or "_min" in name or "_max" in name:
            values.append(value)  # counters, and what the toolkit has measured
        elif "variance" in name:
            values.append(rng.uniform(0.5, 2.0, value.shape).astype(value.dtype))
        elif "gamma" in name:
            values.append(rng.uniform(0.8, 1.2, value.shape).astype(value.dtype))
        elif value.ndim > 1:
            fan_in = max(1.0, np.prod(value.shape[:-1]))
            values.append((rng.normal(size=value.shape) / np.sqrt(fan_in)).astype(value.dtype))
        else:
            values.append((rng.normal(size=value.shape) / 4).astype(value.dtype))
    model.set_weights(values)


def example(tensor, rng):
    """Return two random values for an input."""
    shape = (2, *(side or 5 for side in tensor.shape[1:]))
    if tensor.dtype == tf.string:
        return rng.choice(np.array(["a", "b", "c"], dtype=object), shape)
    if tensor.dtype.is_integer:
        return rng.integers(0, 5, shape)
    return rng.normal(size=shape).astype("float32")


def is_2_12():
    """Say whether this is the first TensorFlow whose .keras files are zips."""
    return tf.__version__.startswith("2.12.")


def write(keras, folder, name, make, with_saved_model=False):
    """Write the files of a case; return which could not be written, and why."""
    failures = []
    seed = zlib.crc32(name.encode())
    tf.random.set_seed(seed)
    model = make()
    if "adapted" not in name and id(model) not in ANSWERED_BY:
        randomize(model, seed)
    rng = np.random.default_rng(seed)
    values = [example(tensor, rng) for tensor in model.inputs]
    if name.split("-")[0] in ("Embedding", "CategoryEncoding"):
        values = [np.floor(np.abs(value)).astype("float32") % 5 for value in values]
    answers = answers_of(ANSWERED_BY.get(id(model), model), values)
    for ending in ("h5", "keras"):
        path = folder / f"{name}.{ending}"
        # TensorFlow 2.12 can write both, and calls an HDF5 file .keras unless it is told.
        settings = {"save_format": "keras"} if is_2_12() and ending == "keras" else {}
        try:
            model.save(path, **settings)
        except Exception as error:
            path.unlink(missing_ok=True)
            failures.append(f"{path.name}: {type(error).__name__}: {error}")
    if with_saved_model:
        model.save(folder / name, save_format="tf")
    arrays = {f"input_{index}": value for index, value in enumerate(values)}
    arrays.update({f"output_{index}": value for index, value in enumerate(answers)})
    np.savez(
        folder / f"{name}.npz",
        **{k: v.astype(str) if v.dtype == object else v for k, v in arrays.items()},
    )
    return failures


def answers_of(model, values):
    """Return the model's answers, in the order of its outputs."""
    feed = {name: tf.constant(values[index]) for index, name in enumerate(model.input_names)}
    return [np.asarray(each) for each in tf.nest.flatten(model(feed, training=False))]


def main():
    """Write the files of all cases, or of those that were asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--keras", default="tf_keras")
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--saved-models", action="store_true")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    keras = (
        tf.keras if options.keras == "tensorflow.keras" else importlib.import_module(options.keras)
    )
    print(f"TensorFlow {tf.__version__}, {options.keras}", flush=True)
    for name, make in models(keras).items():
        if options.only and name not in options.only:
            continue
        try:
            failures = write(keras, options.folder, name, make, options.saved_models)
        except Exception as error:
            failures = [f"{name}: {type(error).__name__}: {error}"]
        for failure in failures:
            print(f"not written: {' '.join(failure.split())[:200]}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
