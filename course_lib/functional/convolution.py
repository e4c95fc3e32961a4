"""Convolution of images (N, H, W, C) with square kernels (K, K, C, F), as a matrix product.

As everywhere in deep learning the kernel is not flipped: strictly, this is a cross-correlation.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ._checks import array_of_rank, images, require_integer, upstream


def im2col(x, kernel_size, stride=1):
    """Every window of the images as a row, so that a convolution becomes `im2col(x, K) @ W`.

    x (N, H, W, C). Returns cols (N*Ho*Wo, K*K*C), where Ho = (H - K) // stride + 1 windows lie
    below one another and Wo side by side; rows and columns of x that fill no window are left out.
    Row order n, i, j (image, window down, window across); column order ki, kj, c, that of
    W.reshape(K*K*C, F). For K = 1, cols may be a read-only view of x.
    Raises ValueError unless x has four axes and holds a window, and K and stride are integers >= 1.
    """
    x = images("x", x)
    K = require_integer("kernel_size", kernel_size, at_least=1)
    stride = require_integer("stride", stride, at_least=1)
    N, H, W, C = x.shape
    if K > min(H, W):
        raise ValueError(
            f"the kernel is {K} x {K} but the image, with its padding, {H} x {W}: expected an "
            "image that holds at least one window"
        )
    windows = sliding_window_view(x, (K, K), axis=(1, 2))[:, ::stride, ::stride]
    _, Ho, Wo, _, _, _ = windows.shape  # N, Ho, Wo, C, K, K
    if C < Wo:  # copied along the rows of the image: with few channels, pixels are too short for it
        return windows.transpose(4, 5, 3, 0, 1, 2).reshape(K * K * C, N * Ho * Wo).T
    return windows.transpose(0, 1, 2, 4, 5, 3).reshape(N * Ho * Wo, K * K * C)


def conv2d_forward(x, W, b, stride=1, padding=0):
    """y_nijf = sum over ki, kj, c of x[n, i*stride + ki, j*stride + kj, c] * W[ki, kj, c, f] + b_f.

    x (N, H, W, C), to which `padding` zeros are added on all four sides; W (K, K, C, F), b (F,).
    Returns y (N, Ho, Wo, F), Ho = (H + 2 * padding - K) // stride + 1 and Wo likewise, and the
    cache for `conv2d_backward`.
    Raises ValueError when the shapes do not fit, for a kernel that is not square or larger than
    the padded image, and unless stride >= 1 and padding >= 0 are integers.
    """
    x = images("x", x)
    W = array_of_rank("W", W, 4, "(K, K, C, F)")
    b = array_of_rank("b", b, 1, "(F,)")
    K, width, C, F = W.shape
    stride = require_integer("stride", stride, at_least=1)
    padding = require_integer("padding", padding, at_least=0)
    if K != width:
        raise ValueError(f"W has shape {W.shape}, expected a square kernel: W (K, K, C, F)")
    if x.shape[3] != C:
        raise ValueError(
            f"x has {x.shape[3]} channels but W takes {C}: x {x.shape}, W {W.shape}, "
            "expected x (N, H, W, C) and W (K, K, C, F)"
        )
    if b.shape[0] != F:
        raise ValueError(
            f"b has {b.shape[0]} entries but W has {F} filters: b {b.shape}, W {W.shape}"
        )
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0))) if padding else x
    N, Ho, Wo = len(x), *((size - K) // stride + 1 for size in padded.shape[1:3])
    y = im2col(padded, K, stride) @ W.reshape(K * K * C, F)
    y += b  # in place: y is large
    return y.reshape(N, Ho, Wo, F), (padded, W, stride, padding, (N, Ho, Wo, F))


def conv2d_backward(dout, cache, need_dx=True):
    """Gradients of the loss with respect to x, W and b, given the upstream gradient dout.

    dout (N, Ho, Wo, F). Returns dx (N, H, W, C), dW (K, K, C, F), db (F,); dx is None when
    `need_dx` is false.
    Which outputs did a number touch? A weight touched the output of every window, so dW sums
    x times dout over all of them: cols^T dout. A bias likewise, with 1 for x. An input touched, by
    the weight at [ki, kj], the one window that starts ki rows above and kj columns left of it: each
    of the K*K places of the kernel sends dout W^T to its own grid of inputs, and what arrives adds.
    Sums over batch and positions: the 1/N of a mean loss is already in dout.
    Raises ValueError when dout has not the shape of y.
    """
    padded, W, stride, padding, y_shape = cache
    dout = upstream(dout, y_shape)
    rows = dout.reshape(-1, W.shape[-1])
    dW = conv2d_weight_gradient(dout, padded, len(W), stride)
    db = np.dot(np.ones(len(rows), rows.dtype), rows)  # far faster than rows.sum(axis=0)
    if not need_dx:
        return None, dW, db
    _, Hp, Wp, _ = padded.shape
    dpadded = conv2d_input_gradient(dout, W, padded.shape, stride)
    return dpadded[:, padding : Hp - padding, padding : Wp - padding], dW, db


def conv2d_weight_gradient(dout, x, kernel_size, stride=1):
    """Gradient with respect to the kernels: cols^T dout, the sum over all windows.

    dout (N, Ho, Wo, F), x (N, H, W, C), the images with their padding. Returns dW (K, K, C, F).
    """
    rows = dout.reshape(-1, dout.shape[-1])
    # Laid out again: that takes less time than fetching from memory what the forward pass laid out.
    # np.dot, because @ stops all other threads while it computes a result of less than 500 entries.
    dW = np.dot(im2col(x, kernel_size, stride).T, rows)
    return dW.reshape(kernel_size, kernel_size, x.shape[3], -1)


def conv2d_input_gradient(dout, W, x_shape, stride=1):
    """Gradient with respect to the images with their padding, of shape x_shape (N, H, W, C).

    dout (N, Ho, Wo, F), W (K, K, C, F). Each dout adds dout W^T to the inputs of its window.
    """
    K, _, C, F = W.shape
    N, Ho, Wo, _ = dout.shape
    sent = dout.reshape(-1, F) @ W.reshape(K * K, C, F).transpose(0, 2, 1)
    sent = sent.reshape(K, K, N, Ho, Wo, C)
    dx = np.zeros(x_shape, sent.dtype)
    for ki in range(K):
        for kj in range(K):
            touched = dx[:, ki : ki + stride * Ho : stride, kj : kj + stride * Wo : stride]
            touched += sent[ki, kj]
    return dx
