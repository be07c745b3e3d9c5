"""The functions of TensorFlow that a layer of a Keras 2 file may call.

Keras 2 wrote ``x + 1`` and ``tf.nn.relu(x)`` as layers that name the function and its arguments.
Only functions that compute are called; others would read, write or run something else.
"""

from __future__ import annotations

FUNCTION_LAYERS = ("TFOpLambda", "SlicingOpLambda")
"""Keras 2's names of layers that call a function of TensorFlow."""
_MATH = (
    "abs accumulate_n acos acosh add add_n angle argmax argmin asin asinh atan atan2 atanh ceil "
    "count_nonzero cos cosh cumprod cumsum cumulative_logsumexp divide divide_no_nan equal erf "
    "erfc exp expm1 floor floordiv floormod greater greater_equal in_top_k is_finite is_inf is_nan "
    "l2_normalize less less_equal log log1p log_sigmoid log_softmax logical_and logical_not "
    "logical_or logical_xor maximum minimum mod multiply multiply_no_nan negative not_equal pow "
    "reciprocal reciprocal_no_nan reduce_all reduce_any reduce_euclidean_norm reduce_logsumexp "
    "reduce_max reduce_mean reduce_min reduce_prod reduce_std reduce_sum reduce_variance rint "
    "round rsqrt scalar_mul segment_max segment_mean segment_sum sigmoid sign sin sinh softmax "
    "softplus softsign sqrt square squared_difference subtract tan tanh top_k truediv "
    "unsorted_segment_max unsorted_segment_mean unsorted_segment_sum xdivy xlogy zero_fraction"
)
_NN = (
    "atrous_conv2d avg_pool avg_pool1d avg_pool2d avg_pool3d batch_norm_with_global_normalization "
    "batch_normalization bias_add conv1d conv1d_transpose conv2d conv2d_transpose conv3d "
    "conv3d_transpose conv_transpose convolution crelu depth_to_space depthwise_conv2d "
    "depthwise_conv2d_native dilation2d elu erosion2d gelu l2_loss l2_normalize leaky_relu "
    "local_response_normalization log_softmax lrn max_pool max_pool1d max_pool2d max_pool3d "
    "moments normalize pool relu relu6 selu separable_conv2d sigmoid silu softmax softplus "
    "softsign space_to_depth swish tanh top_k with_space_to_batch xw_plus_b zero_fraction"
)
_ARRAYS = (
    "batch_to_space boolean_mask broadcast_to cast clip_by_norm clip_by_value concat "
    "convert_to_tensor depth_to_space einsum ensure_shape expand_dims eye fill floor_div gather "
    "gather_nd guarantee_const identity identity_n linspace matmul meshgrid norm ones ones_like "
    "one_hot pad range rank "
    "repeat reshape reverse reverse_sequence roll scatter_nd sequence_mask shape shape_n size "
    "slice sort argsort space_to_batch space_to_depth split squeeze stack stop_gradient "
    "strided_slice tensor_scatter_nd_add tensor_scatter_nd_update tensordot tile to_float "
    "to_int32 transpose unstack where zeros zeros_like"
)
_IMAGE = (
    "adjust_brightness adjust_contrast adjust_gamma adjust_hue adjust_saturation central_crop "
    "convert_image_dtype crop_and_resize crop_to_bounding_box extract_patches flip_left_right "
    "flip_up_down grayscale_to_rgb hsv_to_rgb image_gradients pad_to_bounding_box "
    "per_image_standardization resize resize_area resize_bicubic resize_bilinear "
    "resize_images resize_nearest_neighbor resize_with_crop_or_pad resize_with_pad "
    "rgb_to_grayscale rgb_to_hsv rgb_to_yiq rgb_to_yuv rot90 sobel_edges transpose yuv_to_rgb"
)
_LINALG = (
    "band_part cross diag diag_part einsum eye l2_normalize matmul matrix_transpose matvec norm "
    "normalize set_diag tensor_diag tensordot trace"
)
_PLAIN = (
    *(f"math.{name}" for name in _MATH.split()),
    *(f"nn.{name}" for name in _NN.split()),
    *(f"image.{name}" for name in _IMAGE.split()),
    *(f"linalg.{name}" for name in _LINALG.split()),
    *_ARRAYS.split(),
    *_MATH.split(),
    *(f"__operators__.{name}" for name in ("add", "eq", "getitem", "ne")),
)
COMPUTING = frozenset((*_PLAIN, *(f"compat.v1.{name}" for name in _PLAIN)))
"""Names of the functions, below ``tf``, that do nothing but compute."""
