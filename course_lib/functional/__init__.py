"""Pure NumPy operations in pairs: a forward that keeps a cache, and its backward.

`forward(inputs) -> (out, cache)` and `backward(dout, cache) -> input gradients`. Rows are samples.
Every gradient has the shape of the thing it belongs to, and results keep the dtype of the inputs.
"""

from .linear import linear_backward, linear_forward
from .squared_error import squared_error_backward, squared_error_forward

__all__ = [
    "linear_backward",
    "linear_forward",
    "squared_error_backward",
    "squared_error_forward",
]
