"""A file of many ops, each with an output of its own: what clients meet in most nets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

SHAPE = (1, 8, 8, 4)


def many_ops(path: Path) -> Path:
    """Write a float file with about eighty kinds of ops, none of which reads another's result."""
    import tensorflow as tf

    class Module(tf.Module):  # type: ignore[misc]
        @tf.function(input_signature=[tf.TensorSpec(SHAPE)])  # type: ignore[untyped-decorator]
        def run(self, x: Any) -> dict[str, Any]:
            results = [*_one_by_one(x), *_moved(x), *_over_axes(x), *_compared(x), *_layers(x)]
            return {f"out{number}": result for number, result in enumerate(results)}

    module = Module()
    functions = [module.run.get_concrete_function()]
    converter = tf.lite.TFLiteConverter.from_concrete_functions(functions, module)
    path.write_bytes(converter.convert())
    return path


def _one_by_one(x: Any) -> list[Any]:
    import tensorflow as tf

    third = x - 0.3
    return [
        *(tf.nn.leaky_relu(third), tf.nn.elu(third), tf.nn.gelu(x * 2.5, approximate=True)),
        *(tf.tanh(x), tf.exp(x), tf.math.log(x + 1), tf.sqrt(x), tf.square(x), tf.abs(third), -x),
        *(tf.pow(x + 0.1, 1.7), tf.floor(x * 3), tf.round(x * 9), tf.math.ceil(x * 3), tf.sin(x)),
        *(tf.cos(x), tf.math.rsqrt(x + 1), tf.nn.relu(third), tf.nn.relu6(x * 9), tf.sign(third)),
        *(x * tf.nn.relu6(x + 3) / 6, tf.clip_by_value(x * 3 - 1, -1.0, 1.0), tf.sigmoid(x)),
        *(tf.maximum(x, 0.3), tf.minimum(x, 0.3), tf.math.squared_difference(x, 0.4)),
        *(tf.add_n([x, x * 2, x * 3]), tf.math.floordiv(x, 0.3), tf.cast(x * 9, tf.int32), x / 3),
    ]


def _moved(x: Any) -> list[Any]:
    import tensorflow as tf

    edge = [[0, 0], [1, 1], [1, 1], [0, 0]]
    return [
        *(tf.split(x, 2, axis=3)[1], tf.split(x, [1, 3], axis=3)[1], tf.unstack(x, axis=3)[2]),
        *(tf.pad(x, edge), tf.pad(x, edge, constant_values=2.0), tf.pad(x, edge, "REFLECT")),
        *(tf.nn.space_to_depth(x, 2), tf.nn.depth_to_space(x, 2), tf.tile(x, [1, 2, 1, 1])),
        *(tf.gather(x, [3, 1], axis=3), tf.gather_nd(x, [[0, 1], [0, 2]]), tf.reverse(x, [1])),
        *(tf.stack([x, x * 2], axis=1), tf.concat([x, x * 2], 3), tf.transpose(x, [0, 3, 1, 2])),
        *(tf.image.resize(x, (16, 16)), tf.image.resize(x, (16, 16), "nearest"), x[:, 1:5]),
        tf.broadcast_to(x[:, :1] * 2, SHAPE),
    ]


def _over_axes(x: Any) -> list[Any]:
    import tensorflow as tf

    return [
        *(tf.reduce_max(x, [1, 2]), tf.reduce_min(x, [1, 2]), tf.reduce_mean(x, [1, 2])),
        *(tf.reduce_sum(x, 3), tf.reduce_prod(x, 3), tf.cumsum(x, 1), tf.math.top_k(x, 2)[0]),
        *(tf.argmax(x, 3, tf.int32), tf.argmin(x, 3, tf.int32), tf.nn.l2_normalize(x, 3)),
        *(tf.nn.softmax(x), tf.nn.log_softmax(x), tf.nn.local_response_normalization(x)),
        tf.one_hot(tf.argmax(x, 3, tf.int32), 4),
    ]


def _compared(x: Any) -> list[Any]:
    import tensorflow as tf

    whole = tf.round(x)
    found = [
        *(tf.equal(whole, 1.0), tf.not_equal(whole, 1.0), x < 0.5, x <= 0.5, x > 0.5, x >= 0.5),
        *(tf.logical_and(x > 0.3, x < 0.6), tf.logical_or(x < 0.3, x > 0.6)),
        *(tf.reduce_any(x > 0.9, 3), tf.reduce_all(x > 0.1, 3)),
    ]
    chosen = [tf.where(x > 0.5, x, -x), tf.where(x[:, :1] > 0.5, x, -x)]
    return [*(tf.cast(each, tf.float32) for each in found), *chosen]


def _layers(x: Any) -> list[Any]:
    import numpy as np
    import tensorflow as tf

    values = np.random.Generator(np.random.PCG64(0)).normal(size=(3, 3, 4, 4))
    kernel = tf.constant(values.astype(np.float32))
    cube = tf.reshape(kernel[:2, :2, :2, :2], (2, 2, 2, 1, 2))
    return [
        *(tf.nn.conv2d(x, kernel, 1, "SAME"), tf.nn.depthwise_conv2d(x, kernel, [1] * 4, "SAME")),
        tf.nn.conv2d_transpose(x, kernel, (1, 16, 16, 4), 2),
        tf.nn.conv3d(x[..., None], cube, (1,) * 5, "SAME"),
        *(tf.nn.avg_pool2d(x, 2, 2, "SAME"), tf.nn.max_pool2d(x, 2, 2, "SAME")),
        *(tf.matmul(x, x, transpose_b=True), tf.matmul(x[0, 0], kernel[0, 0])),
    ]
