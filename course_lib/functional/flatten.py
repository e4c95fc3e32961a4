"""Flatten: each sample as one row."""

import math

import numpy as np

from ._checks import upstream


def flatten_forward(x):
    """The entries of each sample in one row: images (N, H, W, C) become (N, H*W*C).

    x (N, ...). Returns y, a view of x where memory allows it, and the cache for
    `flatten_backward`: the shape of x. Raises ValueError when x is a single number.
    """
    x = np.asarray(x)
    if x.ndim == 0:
        raise ValueError("x has shape (), expected at least one axis: x (N, ...)")
    return x.reshape(_rows(x.shape)), x.shape


def flatten_backward(dout, cache):
    """Gradient with respect to x: dout in the shape of x.

    dout (N, D). Every entry only changes its place, so its derivative is 1.
    Raises ValueError when dout has another shape.
    """
    shape = cache
    return upstream(dout, _rows(shape)).reshape(shape)


def _rows(shape):
    return shape[0], math.prod(shape[1:])
