"""Pure NumPy operations in pairs: a forward that keeps a cache, and its backward.

`forward(inputs) -> (out, cache)` and `backward(dout, cache) -> input gradients`. Rows are samples.
Every gradient has the shape of the thing it belongs to, and results keep the dtype of the inputs.
A cache holds what the backward needs and nothing more; it is not copied, so change no array
between a forward and its backward.
"""

from .activations import (
    leaky_relu_backward,
    leaky_relu_forward,
    relu_backward,
    relu_forward,
    sigmoid_backward,
    sigmoid_forward,
    tanh_backward,
    tanh_forward,
)
from .convolution import (
    conv2d_backward,
    conv2d_forward,
    conv2d_input_gradient,
    conv2d_weight_gradient,
    im2col,
)
from .dropout import dropout_backward, dropout_forward
from .flatten import flatten_backward, flatten_forward
from .linear import linear_backward, linear_forward
from .pooling import (
    average_pool_backward,
    average_pool_forward,
    max_pool_backward,
    max_pool_forward,
)
from .softmax import (
    softmax_backward,
    softmax_cross_entropy_backward,
    softmax_cross_entropy_forward,
    softmax_forward,
)
from .squared_error import squared_error_backward, squared_error_forward

__all__ = [
    "average_pool_backward",
    "average_pool_forward",
    "conv2d_backward",
    "conv2d_forward",
    "conv2d_input_gradient",
    "conv2d_weight_gradient",
    "dropout_backward",
    "dropout_forward",
    "flatten_backward",
    "flatten_forward",
    "im2col",
    "leaky_relu_backward",
    "leaky_relu_forward",
    "linear_backward",
    "linear_forward",
    "max_pool_backward",
    "max_pool_forward",
    "relu_backward",
    "relu_forward",
    "sigmoid_backward",
    "sigmoid_forward",
    "softmax_backward",
    "softmax_cross_entropy_backward",
    "softmax_cross_entropy_forward",
    "softmax_forward",
    "squared_error_backward",
    "squared_error_forward",
    "tanh_backward",
    "tanh_forward",
]
