"""Max and average pooling of images (N, H, W, C) in square windows that do not overlap.

The stride is the size of the window. Rows and columns at the end that fill no window are left out
of the output, so their gradient is 0: pooling 11 x 11 by 2 gives 5 x 5.
"""

import numpy as np

from ._checks import images, require_integer, upstream


def max_pool_forward(x, size=2):
    """y[n,i,j,c] = the maximum of x[n, :, :, c] in the size x size window number (i, j).

    x (N, H, W, C). Returns y (N, H // size, W // size, C) and the cache for `max_pool_backward`:
    where in its window each maximum is, the first one in row-major order among equals.
    Raises ValueError unless x has four axes and holds a window, and size is an integer >= 1.
    """
    x, size = _checked(x, size)
    places = _places(x.shape, size)
    y = x[places[0]].copy()
    winner = np.zeros(y.shape, np.min_scalar_type(size * size - 1))  # a small dtype: it is kept
    for k, place in enumerate(places[1:], start=1):
        candidate = x[place]
        # Not >=: of equals, the first stays the winner. A product and a maximum, because
        # winner[candidate > y] = k takes five times as long: it decides entry by entry.
        np.maximum(winner, (candidate > y) * winner.dtype.type(k), out=winner)
        np.maximum(y, candidate, out=y)
    return y, (winner, x.shape, size)


def max_pool_backward(dout, cache):
    """Gradient with respect to x: each dout goes to the winner of its window, 0 to the others.

    dout (N, H // size, W // size, C). Returns dx (N, H, W, C). Only the winner touched the output,
    with derivative 1. An infinite dout gives nan at the others (inf * 0).
    Raises ValueError when dout has another shape.
    """
    winner, shape, size = cache
    dout = upstream(dout, winner.shape)
    dx = np.empty(shape, dout.dtype)  # the windows are written in full, and only the rest zeroed
    dx[:, dout.shape[1] * size :] = 0
    dx[:, :, dout.shape[2] * size :] = 0
    place = np.arange(size * size, dtype=winner.dtype).reshape(size, size, 1, 1, 1, 1)
    np.multiply(dout, winner == place, out=_windows(dx, size))
    return dx


def average_pool_forward(x, size=2):
    """y[n,i,j,c] = the mean of x[n, :, :, c] in the size x size window number (i, j).

    x (N, H, W, C). Returns y (N, H // size, W // size, C) and the cache for
    `average_pool_backward`: the shape of x and size.
    Raises ValueError unless x has four axes and holds a window, and size is an integer >= 1.
    """
    x, size = _checked(x, size)
    return sum(x[place] for place in _places(x.shape, size)) / size**2, (x.shape, size)


def average_pool_backward(dout, cache):
    """Gradient with respect to x: dout / size^2 in every entry of its window.

    dout (N, H // size, W // size, C). Returns dx (N, H, W, C). Each of the size^2 inputs touched
    the output with derivative 1 / size^2. Raises ValueError when dout has another shape.
    """
    shape, size = cache
    N, H, W, C = shape
    share = upstream(dout, (N, H // size, W // size, C)) / size**2
    dx = np.zeros(shape, share.dtype)
    for place in _places(shape, size):
        dx[place] = share
    return dx


def _checked(x, size):
    x, size = images("x", x), require_integer("size", size, at_least=1)
    _, H, W, _ = x.shape
    if size > min(H, W):
        raise ValueError(
            f"the pool is {size} x {size} but the image {H} x {W}: expected an image that holds "
            "at least one window"
        )
    return x, size


def _windows(x, size):
    """A view of x (N, H, W, C) by the place in the window: (size, size, N, Ho, Wo, C)."""
    N, H, W, C = x.shape
    Ho, Wo = H // size, W // size
    windows = x[:, : Ho * size, : Wo * size].reshape(N, Ho, size, Wo, size, C)
    return windows.transpose(2, 4, 0, 1, 3, 5)


def _places(shape, size):
    """For each place in a window, in row-major order, the index of all entries of x there."""
    _, H, W, _ = shape
    down, across = H // size * size, W // size * size
    return [np.s_[:, ki:down:size, kj:across:size] for ki in range(size) for kj in range(size)]
