"""Activations that work entry by entry. Inputs of any shape; integers become float64."""

import numpy as np

from ._checks import as_floats, require_finite, upstream


def relu_forward(x):
    """y = max(x, 0) in every entry.

    Returns y, of the shape of x, and the cache for `relu_backward`: the boolean mask x > 0, a
    quarter of the memory of a float32 x.
    """
    x = as_floats(x)
    return np.maximum(x, 0), x > 0


def relu_backward(dout, cache):
    """Gradient with respect to x: dout where x > 0, else 0; so ReLU'(0) = 0.

    dout: upstream gradient, of the shape of x. y = x has derivative 1 and y = 0 has derivative 0:
    the mask lets the upstream gradient through or stops it.
    Raises ValueError when dout has another shape.
    """
    mask = cache
    return upstream(dout, mask.shape) * mask


def leaky_relu_forward(x, slope=0.01):
    """y = x where x > 0, else slope * x.

    Returns y, of the shape of x, and the cache for `leaky_relu_backward`: the mask x > 0 and slope.
    Raises ValueError when slope is not finite.
    """
    x, slope = as_floats(x), require_finite("slope", slope)
    mask = x > 0
    return np.where(mask, x, slope * x), (mask, slope)


def leaky_relu_backward(dout, cache):
    """Gradient with respect to x: dout where x > 0, else slope * dout, at x = 0 too.

    dout: upstream gradient, of the shape of x. The derivative is 1 on one side, slope on the other.
    Raises ValueError when dout has another shape.
    """
    mask, slope = cache
    dout = upstream(dout, mask.shape)
    return np.where(mask, dout, slope * dout)


def sigmoid_forward(x):
    """y = 1 / (1 + exp(-x)) in every entry, without overflow for any x.

    Returns y, of the shape of x, and the cache for `sigmoid_backward`: y itself.
    For x < 0 it is computed as exp(x) / (1 + exp(x)), the same number, so that exp never sees a
    positive argument.
    """
    x = as_floats(x)
    e = np.exp(-np.abs(x))
    y = np.where(x >= 0, 1, e) / (1 + e)
    return y, y


def sigmoid_backward(dout, cache):
    """Gradient with respect to x: dout * y * (1 - y).

    dout: upstream gradient, of the shape of x. With y = 1 / (1 + e) and e = exp(-x),
    dy/dx = e / (1 + e)^2 = y * (1 - y). Raises ValueError when dout has another shape.
    """
    y = cache
    return upstream(dout, y.shape) * y * (1 - y)


def tanh_forward(x):
    """y = tanh(x) in every entry.

    Returns y, of the shape of x, and the cache for `tanh_backward`: y itself.
    """
    y = np.tanh(as_floats(x))
    return y, y


def tanh_backward(dout, cache):
    """Gradient with respect to x: dout * (1 - y^2).

    dout: upstream gradient, of the shape of x. tanh = sinh / cosh, so the quotient rule gives
    (cosh^2 - sinh^2) / cosh^2 = 1 - tanh^2. Raises ValueError when dout has another shape.
    """
    y = cache
    return upstream(dout, y.shape) * (1 - y * y)
