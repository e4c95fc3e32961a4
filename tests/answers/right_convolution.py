"""Right answers to the exercises on convolution, pooling and dropout, in odd but legitimate styles.

They are registered in the table of `right`, and hold for all valid inputs, which they leave alone.
"""

import functools
import itertools
import math
import statistics
from collections import namedtuple
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.lib.stride_tricks import as_strided, sliding_window_view

from .right import RIGHT, right

# ---------------------------------------------------------------------------- conv2d_forward


def padded(x, padding):
    """Zeros on each side of H and W."""
    return np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))


@right("conv2d_forward")
def conv_seven_loops(x, W, b, stride=1, padding=0):
    """Seven nested loops, and no padded image: pixels outside are skipped."""
    N, H, width, C = x.shape
    K, _, _, F = W.shape
    Ho = (H + 2 * padding - K) // stride + 1
    Wo = (width + 2 * padding - K) // stride + 1
    y = np.zeros((N, Ho, Wo, F))
    for n in range(N):
        for i in range(Ho):
            for j in range(Wo):
                for f in range(F):
                    total = b[f]
                    for ki in range(K):
                        for kj in range(K):
                            row = i * stride + ki - padding
                            column = j * stride + kj - padding
                            if 0 <= row < H and 0 <= column < width:
                                for c in range(C):
                                    total += x[n, row, column, c] * W[ki, kj, c, f]
                    y[n, i, j, f] = total
    return y


@right("conv2d_forward")
def conv_offsets(x, W, b, stride=1, padding=0):
    """A matrix product for every offset in the kernel."""
    xp, K = padded(x, padding), len(W)
    bottom, end = xp.shape[1] - K + 1, xp.shape[2] - K + 1
    return b + sum(
        xp[:, ki : ki + bottom : stride, kj : kj + end : stride] @ W[ki, kj]
        for ki, kj in itertools.product(range(K), repeat=2)
    )


@right("conv2d_forward")
def conv_einsum(images, kernel, bias, step=1, border=0):
    """einsum over sliding windows, with names of its own."""
    K = kernel.shape[0]
    view = sliding_window_view(padded(images, border), (K, K), (1, 2))[:, ::step, ::step]
    return np.einsum("nijckl,klcf->nijf", view, kernel) + bias


@right("conv2d_forward")
def conv_as_strided(x, W, b, stride=1, padding=0):
    """as_strided on a contiguous copy, then one matrix product."""
    xp = np.ascontiguousarray(padded(x, padding))
    K, _, C, F = W.shape
    N, H, width, _ = xp.shape
    Ho, Wo = (H - K) // stride + 1, (width - K) // stride + 1
    sn, sh, sw, sc = xp.strides
    view = as_strided(
        xp, (N, Ho, Wo, K, K, C), (sn, sh * stride, sw * stride, sh, sw, sc), writeable=False
    )
    return (view.reshape(-1, K * K * C) @ W.reshape(-1, F)).reshape(N, Ho, Wo, F) + b


@right("conv2d_forward")
def conv_index_arrays(x, W, b, stride=1, padding=0):
    """Fancy indexing with arrays of rows and columns; padding by hand."""
    N, H, width, C = x.shape
    xp = np.zeros((N, H + 2 * padding, width + 2 * padding, C))
    xp[:, padding : padding + H, padding : padding + width] = x
    K = len(W)
    rows = np.arange(0, xp.shape[1] - K + 1, stride)[:, None] + np.arange(K)
    columns = np.arange(0, xp.shape[2] - K + 1, stride)[:, None] + np.arange(K)
    patches = xp[:, rows[:, None, :, None], columns[None, :, None, :]]
    return np.tensordot(patches, W, axes=3) + b


@right("conv2d_forward")
def conv_sample_by_recursion(x, W, b, stride=1, padding=0):
    """The first sample, then the rest by recursion."""
    if len(x) > 1:
        first = conv_sample_by_recursion(x[:1], W, b, stride, padding)
        rest = conv_sample_by_recursion(x[1:], W, b, stride, padding)
        return np.concatenate([first, rest])
    xp, K = padded(x, padding)[0], len(W)
    starts = [range(0, length - K + 1, stride) for length in xp.shape[:2]]
    rows = [[np.tensordot(xp[i : i + K, j : j + K], W, 3) for j in starts[1]] for i in starts[0]]
    return np.array([rows]) + b


@right("conv2d_forward")
def conv_subsampled(x, W, b, stride=1, padding=0):
    """Everything at stride 1, by np.correlate along the rows; then keeps what the stride keeps."""
    xp, (K, _, C, F) = padded(x, padding), W.shape
    N, H, width, _ = xp.shape
    y = np.empty((N, H - K + 1, width - K + 1, F))
    for n, i, f in np.ndindex(N, H - K + 1, F):
        y[n, i, :, f] = b[f] + sum(
            np.correlate(xp[n, i + ki, :, c], W[ki, :, c, f], "valid")
            for ki in range(K)
            for c in range(C)
        )
    return y[:, ::stride, ::stride]


@right("conv2d_forward")
def conv_nested_lists(x, W, b, stride=1, padding=0):
    """Returns nested lists."""
    return conv_offsets(x, W, b, stride, padding).tolist()


@right("conv2d_forward")
def conv_single_precision(x, W, b, stride=1, padding=0):
    """Computes in float32."""
    x, W, b = (np.asarray(given, dtype=np.float32) for given in (x, W, b))
    return conv_index_arrays(x, W, b, stride, padding).astype(np.float32)


@right("conv2d_forward")
def conv_dense_matrix(x, W, b, stride=1, padding=0):
    """One big dense matrix, whose rows are the answers to unit images."""
    units = np.eye(x[0].size).reshape(-1, *x.shape[1:])
    y = conv_offsets(units, W, np.zeros_like(b), stride, padding)
    return (x.reshape(len(x), -1) @ y.reshape(len(y), -1)).reshape(-1, *y.shape[1:]) + b


@right("conv2d_forward")
def conv_bias_as_weight(x, W, b, stride=1, padding=0):
    """The bias is the weight of a further channel of ones, met at one offset."""
    xp = np.concatenate([padded(x, padding), np.ones((*padded(x, padding).shape[:3], 1))], axis=3)
    wide = np.zeros((*W.shape[:2], W.shape[2] + 1, W.shape[3]))
    wide[:, :, :-1] = W
    wide[0, 0, -1] = b
    return np.asfortranarray(conv_offsets(xp, wide, np.zeros_like(b), stride))


@right("conv2d_forward")
def conv_scatters_pixels(x, W, b, stride=1, padding=0):
    """Each pixel adds its share to the outputs that see it."""
    N, H, width, _ = x.shape
    K, _, _, F = W.shape
    Ho = (H + 2 * padding - K) // stride + 1
    Wo = (width + 2 * padding - K) // stride + 1
    y = np.zeros((N, Ho, Wo, F)) + b
    for row, column, ki, kj in np.ndindex(H, width, K, K):
        i, left_i = divmod(row + padding - ki, stride)
        j, left_j = divmod(column + padding - kj, stride)
        if left_i == left_j == 0 and 0 <= i < Ho and 0 <= j < Wo:
            y[:, i, j] += x[:, row, column] @ W[ki, kj]
    return y


# --------------------------------------------------------------------------- conv2d_backward


@right("conv2d_backward")
def conv_gradients_by_loops(dY, x, W, stride=1, padding=0):
    """One output at a time gives to everything it came from."""
    dx, dW, db = np.zeros(x.shape), np.zeros(W.shape), np.zeros(W.shape[3])
    for n, i, j, f in np.ndindex(*dY.shape):
        upstream = dY[n, i, j, f]
        db[f] += upstream
        for ki, kj in np.ndindex(*W.shape[:2]):
            row, column = i * stride + ki - padding, j * stride + kj - padding
            if 0 <= row < x.shape[1] and 0 <= column < x.shape[2]:
                dx[n, row, column] += upstream * W[ki, kj, :, f]
                dW[ki, kj, :, f] += upstream * x[n, row, column]
    return dx, dW, db


@right("conv2d_backward")
def conv_gradients_by_offsets(dY, x, W, stride=1, padding=0):
    """A loop over the offsets in the kernel."""
    xp = padded(x, padding)
    dxp, dW = np.zeros(xp.shape), np.empty(W.shape)
    for ki, kj in np.ndindex(*W.shape[:2]):
        rows = slice(ki, ki + (dY.shape[1] - 1) * stride + 1, stride)
        columns = slice(kj, kj + (dY.shape[2] - 1) * stride + 1, stride)
        dW[ki, kj] = np.einsum("nijc,nijf->cf", xp[:, rows, columns], dY)
        dxp[:, rows, columns] += np.einsum("nijf,cf->nijc", dY, W[ki, kj])
    dx = dxp[:, padding : padding + x.shape[1], padding : padding + x.shape[2]]
    return dx, dW, np.einsum("nijf->f", dY)


@right("conv2d_backward")
def conv_gradients_by_columns(dY, x, W, stride=1, padding=0):
    """Matrix products with im2col's index array, and np.add.at to go back."""
    xp, (K, _, _, F) = padded(x, padding), W.shape
    place = np.arange(xp.size).reshape(xp.shape)
    view = sliding_window_view(place, (K, K), (1, 2))[:, ::stride, ::stride]
    columns = np.moveaxis(view, 3, 5).reshape(-1, W[..., 0].size)
    flat = dY.reshape(-1, F)
    dxp = np.zeros(xp.size)
    np.add.at(dxp, columns, flat @ W.reshape(-1, F).T)
    inside = place[:, padding : padding + x.shape[1], padding : padding + x.shape[2]]
    return dxp[inside], (xp.ravel()[columns].T @ flat).reshape(W.shape), flat.sum(axis=0)


@right("conv2d_backward")
def conv_gradients_transposed(dY, x, W, stride=1, padding=0):
    """dx as the correlation of the dilated, padded upstream gradient with the flipped kernel."""
    N, H, width, _ = x.shape
    K, F = len(W), dY.shape[3]
    wide = np.zeros((N, H + 2 * padding - K + 1, width + 2 * padding - K + 1, F))
    wide[:, ::stride, ::stride] = dY
    full = np.pad(wide, ((0, 0), (K - 1, K - 1), (K - 1, K - 1), (0, 0)))
    view = sliding_window_view(full, (K, K), (1, 2))
    dxp = np.einsum("nijfkl,klcf->nijc", view, W[::-1, ::-1])
    dx = dxp[:, padding : padding + H, padding : padding + width]
    shape = wide.shape[1:3]
    dW = np.einsum(
        "nklcij,nijf->klcf", sliding_window_view(padded(x, padding), shape, (1, 2)), wide
    )
    return dx, dW, dY.sum((0, 1, 2))


@right("conv2d_backward")
def conv_gradients_by_differences(dY, x, W, stride=1, padding=0):
    """Differences with a step of 1 are exact, as the loss is linear in each argument."""
    zero = np.zeros(W.shape[3])

    def loss(images, kernel, bias):
        return float(np.vdot(dY, conv_offsets(images, kernel, bias, stride, padding)))

    def slopes(function, at):
        result = np.empty(at.shape)
        for k in np.ndindex(*at.shape):
            unit = np.zeros(at.shape)
            unit[k] = 1.0
            result[k] = function(unit)
        return result

    return (
        slopes(lambda images: loss(images, W, zero), x),
        slopes(lambda kernel: loss(x, kernel, zero), W),
        slopes(lambda bias: loss(np.zeros(x.shape), W, bias), zero),
    )


@right("conv2d_backward")
def conv_gradients_by_dense_matrix(dY, x, W, stride=1, padding=0):
    """Multiplies by the transposed matrix of the convolution; for dW the matrix of the images."""
    zero = np.zeros(W.shape[3])
    images = np.eye(x[0].size).reshape(-1, *x.shape[1:])
    A = conv_offsets(images, W, zero, stride, padding).reshape(len(images), -1)
    dx = (dY.reshape(len(dY), -1) @ A.T).reshape(x.shape)
    count = W[..., 0].size
    kernels = np.eye(count).reshape(*W.shape[:3], count)
    B = conv_offsets(x, kernels, np.zeros(count), stride, padding).reshape(-1, count)
    dW = (B.T @ dY.reshape(-1, W.shape[3])).reshape(W.shape)
    return dx, dW, np.ones(dY[..., 0].size) @ dY.reshape(-1, W.shape[3])


@right("conv2d_backward")
def conv_gradients_gathered(dY, x, W, stride=1, padding=0):
    """Each pixel collects from the outputs that see it; dW and db sample by sample."""
    dx, dW, db = np.zeros(x.shape), 0, 0
    K, (_, Ho, Wo, _) = len(W), dY.shape
    for row, column, ki, kj in np.ndindex(*x.shape[1:3], K, K):
        i, left_i = divmod(row + padding - ki, stride)
        j, left_j = divmod(column + padding - kj, stride)
        if not (left_i or left_j) and i in range(Ho) and j in range(Wo):
            dx[:, row, column] += dY[:, i, j] @ W[ki, kj].T
    for image, upstream in zip(padded(x, padding), dY, strict=True):
        view = sliding_window_view(image, (K, K), (0, 1))[::stride, ::stride]
        dW = dW + np.einsum("ijckl,ijf->klcf", view, upstream)
        db = db + upstream.sum(axis=(0, 1))
    return dx, dW, db


Gradients = namedtuple("Gradients", "images kernel bias")


@right("conv2d_backward")
def conv_gradients_named(dout, images, kernel, step=1, border=0):
    """A named tuple, and parameters with other names."""
    return Gradients(*conv_gradients_by_offsets(dout, images, kernel, step, border))


@right("conv2d_backward")
def conv_gradients_in_lists(dY, x, W, stride=1, padding=0):
    """A list of nested lists."""
    return [g.tolist() for g in conv_gradients_by_columns(dY, x, W, stride, padding)]


@right("conv2d_backward")
def conv_gradients_in_single_precision(dY, x, W, stride=1, padding=0):
    """Computes in float32."""
    dY, x, W = (given.astype("float32") for given in (dY, x, W))
    gradients = conv_gradients_transposed(dY, x, W, stride, padding)
    return tuple(g.astype(np.float32) for g in gradients)


@dataclass
class ConvolutionGradient:
    """A callable object which adds up one sample after the other."""

    first: int = 0

    def __call__(self, dY, x, W, stride=1, padding=0):
        parts = [
            conv_gradients_by_offsets(dY[n : n + 1], x[n : n + 1], W, stride, padding)
            for n in range(self.first, len(x))
        ]
        dx, dW, db = zip(*parts, strict=True)
        return np.concatenate(dx), functools.reduce(np.add, dW), np.sum(db, axis=0)


RIGHT["conv2d_backward"].append(ConvolutionGradient())


# ------------------------------------------------------------------------------------ im2col


@right("im2col")
def im2col_list_of_windows(x, kernel_size, stride=1):
    """A comprehension over n, i and j."""
    K, (N, H, W, _) = kernel_size, x.shape
    return np.array(
        [
            x[n, i : i + K, j : j + K].ravel()
            for n in range(N)
            for i in range(0, H - K + 1, stride)
            for j in range(0, W - K + 1, stride)
        ]
    )


@right("im2col")
def im2col_sliding(x, kernel_size, stride=1):
    """Sliding windows with their channels moved to the end."""
    view = sliding_window_view(x, (kernel_size, kernel_size), axis=(1, 2))
    view = np.moveaxis(view[:, ::stride, ::stride], 3, -1)
    return view.reshape(-1, kernel_size * kernel_size * x.shape[-1])


@right("im2col")
def im2col_sliding_with_channels(x, kernel_size, stride=1):
    """A window that spans the channels too."""
    shape = (1, kernel_size, kernel_size, x.shape[3])
    view = sliding_window_view(x, shape)[:, ::stride, ::stride]
    return view.reshape(-1, math.prod(shape))


@right("im2col")
def im2col_strided(x, kernel_size, stride=1):
    """as_strided with the strides of x, whatever they are."""
    N, H, W, C = x.shape
    Ho, Wo = 1 + (H - kernel_size) // stride, 1 + (W - kernel_size) // stride
    sn, sh, sw, sc = x.strides
    shape = (N, Ho, Wo, kernel_size, kernel_size, C)
    view = as_strided(x, shape, (sn, stride * sh, stride * sw, sh, sw, sc), writeable=False)
    return view.reshape(N * Ho * Wo, -1)


@right("im2col")
def im2col_by_offsets(x, kernel_size, stride=1):
    """Fills the columns offset by offset."""
    N, H, W, C = x.shape
    Ho, Wo = (H - kernel_size) // stride + 1, (W - kernel_size) // stride + 1
    columns = np.empty((N, Ho, Wo, kernel_size, kernel_size, C), dtype=x.dtype)
    for ki, kj in np.ndindex(kernel_size, kernel_size):
        rows = slice(ki, ki + Ho * stride, stride)
        columns[..., ki, kj, :] = x[:, rows, kj : kj + Wo * stride : stride][:, :Ho, :Wo]
    return columns.reshape(N * Ho * Wo, kernel_size**2 * C)


@right("im2col")
def im2col_by_flat_index(x, kernel_size, stride=1):
    """np.take with the number of every pixel."""
    N, H, W, C = x.shape
    place = np.arange(x.size).reshape(x.shape)
    first = place[:, : H - kernel_size + 1 : stride, : W - kernel_size + 1 : stride, 0]
    offsets = place[0, :kernel_size, :kernel_size].ravel()
    return np.take(x, first.reshape(-1, 1) + offsets)


@right("im2col")
def im2col_entry_by_entry(images, k, step=1):
    """Nested lists, an entry at a time, with names of its own."""
    N, H, W, C = images.shape
    corners = itertools.product(range(N), range(0, H - k + 1, step), range(0, W - k + 1, step))
    offsets = list(itertools.product(range(k), range(k), range(C)))
    return [[float(images[n, i + ki, j + kj, c]) for ki, kj, c in offsets] for n, i, j in corners]


@right("im2col")
def im2col_by_unit_kernels(x, kernel_size, stride=1):
    """A convolution whose filters each pick one pixel."""
    width = kernel_size**2 * x.shape[3]
    kernels = np.eye(width).reshape(kernel_size, kernel_size, x.shape[3], width)
    return conv_offsets(x, kernels, 0.0, stride).reshape(-1, width)


@right("im2col")
def im2col_by_recursion(x, kernel_size, stride=1):
    """Halves the batch until single images are left; Fortran order, float32."""
    if len(x) > 1:
        halves = x[: len(x) // 2], x[len(x) // 2 :]
        parts = [im2col_by_recursion(half, kernel_size, stride) for half in halves]
        return np.asfortranarray(np.vstack(parts))
    image = x[0].astype(np.float32)
    bands = [image[i : i + kernel_size] for i in range(0, len(image) - kernel_size + 1, stride)]
    starts = range(0, image.shape[1] - kernel_size + 1, stride)
    return np.stack([band[:, j : j + kernel_size].flatten() for band in bands for j in starts])


@right("im2col")
def im2col_by_repeated_rows(x, kernel_size, stride=1):
    """Windows along the rows first, then along the columns."""
    K, C = kernel_size, x.shape[3]
    rows = sliding_window_view(x, K, axis=1)[:, ::stride]
    both = sliding_window_view(rows, K, axis=2)[:, :, ::stride]
    return both.transpose(0, 1, 2, 4, 5, 3).reshape(-1, K * K * C).copy()


# -------------------------------------------------------------------------- max_pool_forward


@right("max_pool_forward")
def pool_reshape(x, size=2):
    """Crops, reshapes, and takes the maximum of two axes."""
    N, H, W, C = x.shape
    Ho, Wo = H // size, W // size
    x = x[:, : Ho * size, : Wo * size]
    return x.reshape(N, Ho, size, Wo, size, C).max(axis=(2, 4))


@right("max_pool_forward")
def pool_loops(x, size=2):
    """Loops, with Python's max."""
    N, H, W, C = x.shape
    y = np.empty((N, H // size, W // size, C))
    for n, i, j, c in np.ndindex(*y.shape):
        y[n, i, j, c] = max(
            x[n, i * size + ki, j * size + kj, c] for ki in range(size) for kj in range(size)
        )
    return y


@right("max_pool_forward")
def pool_slices(x, size=2):
    """maximum.reduce over strided slices."""
    H, W = x.shape[1] // size * size, x.shape[2] // size * size
    offsets = itertools.product(range(size), repeat=2)
    return np.maximum.reduce([x[:, ki:H:size, kj:W:size] for ki, kj in offsets])


@right("max_pool_forward")
def pool_sliding(x, size=2):
    """Sliding windows, of which every size-th is kept."""
    view = sliding_window_view(x, (size, size), axis=(1, 2))
    return view[:, ::size, ::size].max(axis=(-2, -1))


@right("max_pool_forward")
def pool_reduceat(x, size=2):
    """maximum.reduceat along the rows, then along the columns."""
    H, W = x.shape[1] // size * size, x.shape[2] // size * size
    rows = np.maximum.reduceat(x[:, :H], np.arange(0, H, size), axis=1)
    return np.maximum.reduceat(rows[:, :, :W], np.arange(0, W, size), axis=2)


@right("max_pool_forward")
def pool_maximum_at(x, size=2):
    """np.maximum.at into minus infinity, a bucket for every pixel."""
    N, H, W, C = x.shape
    y = np.full((N, H // size, W // size, C), -np.inf)
    rows, columns = np.arange(H // size * size), np.arange(W // size * size)
    pixels = x[:, rows[:, None], columns]
    np.maximum.at(y, (slice(None), rows[:, None] // size, columns // size), pixels)
    return y


@right("max_pool_forward")
def pool_running(x, size=2):
    """A running comparison, with np.where."""
    N, H, W, C = x.shape
    H, W = H - H % size, W - W % size
    y = x[:, :H:size, :W:size].copy()
    for ki, kj in np.ndindex(size, size):
        candidate = x[:, ki:H:size, kj:W:size]
        y = np.where(candidate > y, candidate, y)
    return y


@right("max_pool_forward")
def pool_sorted_windows(x, size=2):
    """The last of every sorted window."""
    N, H, W, C = x.shape
    shape = (N, H // size, size, W // size, size, C)
    entries = x[:, : shape[1] * size, : shape[3] * size].reshape(shape)
    return np.sort(entries.transpose(0, 1, 3, 5, 2, 4).reshape(*pool_reshape(x, size).shape, -1))[
        ..., -1
    ]


@right("max_pool_forward")
def pool_argmax(x, size=2):
    """argmax over im2col's windows, then take_along_axis."""
    N, H, W, C = x.shape
    columns = im2col_list_of_windows(x, size, size).reshape(-1, size * size, C)
    best = columns.argmax(axis=1)
    return np.take_along_axis(columns, best[:, None], axis=1).reshape(N, H // size, W // size, C)


@right("max_pool_forward")
def pool_minus_minimum(images, side=2):
    """Minus the minimum of the negative, in float32."""
    H, W = images.shape[1] // side * side, images.shape[2] // side * side
    offsets = itertools.product(range(side), repeat=2)
    lowest = np.minimum.reduce([-images[:, ki:H:side, kj:W:side] for ki, kj in offsets])
    return (-lowest).astype(np.float32)


@right("max_pool_forward")
def pool_lists(x, size=2):
    """Splits into bands and tiles, and returns nested lists."""
    Ho, Wo = x.shape[1] // size, x.shape[2] // size
    bands = np.split(x[:, : Ho * size, : Wo * size], Ho, axis=1)
    tiles = [[tile.max(axis=(1, 2)) for tile in np.split(band, Wo, axis=2)] for band in bands]
    return np.array(tiles).transpose(2, 0, 1, 3).tolist()


@dataclass(frozen=True)
class Pooling:
    """A callable object around a reduction."""

    reduction: object = np.max

    def __call__(self, x, size=2):
        H, W = x.shape[1] // size * size, x.shape[2] // size * size
        parts = [x[:, k // size : H : size, k % size : W : size] for k in range(size**2)]
        return self.reduction(np.stack(parts), axis=0)


RIGHT["max_pool_forward"] += [Pooling(), partial(Pooling(np.nanmax))]


# ------------------------------------------------------------------------- max_pool_backward


@right("max_pool_backward")
def unpool_loops(dY, x, size=2):
    """Loops; argmax and divmod give the first maximum."""
    dx = np.zeros(x.shape)
    for n, i, j, c in np.ndindex(*dY.shape):
        window = x[n, i * size : (i + 1) * size, j * size : (j + 1) * size, c]
        row, column = divmod(int(window.argmax()), size)
        dx[n, i * size + row, j * size + column, c] += dY[n, i, j, c]
    return dx


@right("max_pool_backward")
def unpool_last_tie(dY, x, size=2):
    """To the last of tied maxima."""
    dx = np.zeros_like(x)
    for n, i, j, c in np.ndindex(*dY.shape):
        here = np.s_[n, i * size : (i + 1) * size, j * size : (j + 1) * size, c]
        row, column = np.argwhere(x[here] == x[here].max())[-1]
        dx[here][row, column] = dY[n, i, j, c]
    return dx


@right("max_pool_backward")
def unpool_split_ties(dY, x, size=2):
    """Splits evenly among tied maxima."""
    N, H, W, C = x.shape
    Ho, Wo = H // size, W // size
    entries = x[:, : Ho * size, : Wo * size].reshape(N, Ho, size, Wo, size, C)
    mask = entries == entries.max(axis=(2, 4), keepdims=True)
    share = mask / mask.sum(axis=(2, 4), keepdims=True) * dY[:, :, None, :, None]
    dx = np.zeros(x.shape)
    dx[:, : Ho * size, : Wo * size] = share.reshape(N, Ho * size, Wo * size, C)
    return dx


@right("max_pool_backward")
def unpool_put_along_axis(dY, x, size=2):
    """put_along_axis at the argmax, then reshapes and pads with zeros."""
    N, H, W, C = x.shape
    Ho, Wo = H // size, W // size
    tiles = x[:, : Ho * size, : Wo * size].reshape(N, Ho, size, Wo, size, C)
    entries = tiles.transpose(0, 1, 3, 5, 2, 4).reshape(N, Ho, Wo, C, size * size)
    flat = np.zeros(entries.shape)
    np.put_along_axis(flat, entries.argmax(axis=-1)[..., None], dY[..., None], axis=-1)
    dx = flat.reshape(N, Ho, Wo, C, size, size).transpose(0, 1, 4, 2, 5, 3)
    rest = ((0, 0), (0, H - Ho * size), (0, W - Wo * size), (0, 0))
    return np.pad(dx.reshape(N, Ho * size, Wo * size, C), rest)


@right("max_pool_backward")
def unpool_add_at(dY, x, size=2):
    """np.add.at with the coordinates of the maxima."""
    view = sliding_window_view(x, (size, size), axis=(1, 2))[:, ::size, ::size]
    rows, columns = np.unravel_index(
        view.reshape(*view.shape[:4], -1).argmax(axis=-1), (size, size)
    )
    n, i, j, c = np.indices(dY.shape)
    dx = np.zeros(x.shape)
    np.add.at(dx, (n, i * size + rows, j * size + columns, c), dY)
    return dx


@right("max_pool_backward")
def unpool_offsets_until_found(dY, x, size=2):
    """Runs over the offsets and pays out what has not been paid yet."""
    y = pool_slices(x, size)
    dx, due = np.zeros(x.shape), np.ones(y.shape, dtype=bool)
    H, W = y.shape[1] * size, y.shape[2] * size
    for ki, kj in itertools.product(range(size), repeat=2):
        winner = due & (x[:, ki:H:size, kj:W:size] == y)
        dx[:, ki:H:size, kj:W:size] = np.where(winner, dY, 0)
        due &= ~winner
    return dx


@right("max_pool_backward")
def unpool_kron(dY, x, size=2):
    """np.kron enlarges maxima and gradients; the ties are split by counting."""
    ones = np.ones((1, size, size, 1))
    H, W = dY.shape[1] * size, dY.shape[2] * size
    mask = (x[:, :H, :W] == np.kron(pool_slices(x, size), ones)).astype(float)
    number = sum(mask[:, k // size :: size, k % size :: size] for k in range(size * size))
    dx = np.zeros(x.shape)
    dx[:, :H, :W] = mask * np.kron(dY / number, ones)
    return dx


@right("max_pool_backward")
def unpool_repeat(dY, x, size=2):
    """np.repeat, and a weight for ties that falls along the window, in float32."""
    N, H, W, C = x.shape
    Ho, Wo = dY.shape[1:3]
    tiles = x[:, : Ho * size, : Wo * size].reshape(N, Ho, size, Wo, size, C)
    weight = np.arange(size * size, 0.0, -1).reshape(1, 1, size, 1, size, 1)
    weight = weight * (tiles == tiles.max(axis=(2, 4), keepdims=True))
    weight /= weight.sum(axis=(2, 4), keepdims=True)
    wide = dY.repeat(size, axis=1).repeat(size, axis=2)
    dx = np.zeros(x.shape, dtype=np.float32)
    dx[:, : Ho * size, : Wo * size] = wide * weight.reshape(wide.shape)
    return dx


@right("max_pool_backward")
def unpool_one_sample_at_a_time(upstream, images, side=2):
    """One channel of one image at a time, collected in nested lists."""
    result = np.zeros(images.shape)
    for n, c in itertools.product(range(len(images)), range(images.shape[3])):
        plane = images[n, :, :, c]
        for i, j in np.ndindex(*upstream.shape[1:3]):
            cells = itertools.product(
                range(i * side, (i + 1) * side), range(j * side, (j + 1) * side)
            )
            winner = max(cells, key=lambda cell, plane=plane: plane[cell])
            result[n, winner[0], winner[1], c] = upstream[n, i, j, c]
    return result.tolist()


@right("max_pool_backward")
def unpool_flipped_argmax(dY, x, size=2):
    """One-hot rows of an identity matrix, at the last maximum."""
    N, H, W, C = x.shape
    Ho, Wo = dY.shape[1:3]
    entries = np.stack(
        [
            x[:, k // size : Ho * size : size, k % size : Wo * size : size]
            for k in range(size * size)
        ],
        axis=-1,
    )
    last = size * size - 1 - entries[..., ::-1].argmax(axis=-1)
    routed = np.eye(size * size)[last] * dY[..., None]
    dx = np.zeros(x.shape)
    for k in range(size * size):
        dx[:, k // size : Ho * size : size, k % size : Wo * size : size] = routed[..., k]
    return dx


RIGHT["max_pool_backward"].append(partial(unpool_split_ties))


# --------------------------------------------------------------------------- dropout_forward


@right("dropout_forward")
def dropout_random(x, p, rng):
    """rng.random, kept from p on."""
    mask = rng.random(x.shape) >= p
    return x * mask / (1 - p), mask


@right("dropout_forward")
def dropout_random_below(x, p, rng):
    """Kept below 1 - p, with np.where."""
    mask = rng.random(x.shape) < 1 - p
    return np.where(mask, x / (1 - p), 0.0), mask


@right("dropout_forward")
def dropout_uniform(x, p, rng):
    """rng.uniform between two other numbers, larger than the p-th part."""
    mask = rng.uniform(-3, 5, size=x.shape) > -3 + 8 * p
    y = np.zeros(x.shape)
    y[mask] = x[mask] / (1 - p)
    return y, mask


@right("dropout_forward")
def dropout_binomial(x, p, rng):
    """rng.binomial, made boolean."""
    mask = rng.binomial(1, 1 - p, size=x.shape).astype(bool)
    return mask * x * (1 / (1 - p)), mask


@right("dropout_forward")
def dropout_choice(x, p, rng):
    """rng.choice with probabilities."""
    mask = rng.choice([False, True], size=x.shape, p=[p, 1 - p])
    return np.multiply(x, mask) / (1.0 - p), mask


@right("dropout_forward")
def dropout_integers(x, p, rng):
    """Whole numbers from a fine grid."""
    mask = rng.integers(2**53, size=x.shape) >= p * 2**53
    return x / (1 - p) * mask, mask


@right("dropout_forward")
def dropout_row_by_row(x, p, rng):
    """The mask one sample after the other, last sample first."""
    mask = np.empty(x.shape, dtype=bool)
    for n in reversed(range(len(x))):
        mask[n] = ~(rng.random(x.shape[1:]) < p)
    return x * mask / (1 - p), mask


@right("dropout_forward")
def dropout_number_by_number(x, p, rng):
    """One draw after the other, in Python; returns lists."""
    mask = [rng.random() >= p for _ in range(x.size)]
    y = [value / (1 - p) if kept else 0.0 for value, kept in zip(x.flat, mask, strict=True)]
    return [np.reshape(y, x.shape).tolist(), np.reshape(mask, x.shape).tolist()]


@right("dropout_forward")
def dropout_exponential(x, p, rng):
    """Waiting times: P(t > -log(1 - p)) = 1 - p."""
    mask = rng.exponential(size=x.shape) > -math.log1p(-p)
    return (x * mask / (1 - p)).astype(np.float32), mask


@right("dropout_forward")
def dropout_geometric(x, p, rng):
    """Kept if the first trial succeeds."""
    mask = rng.geometric(1 - p, size=x.shape) == 1
    return x * mask / (1 - p), mask


@right("dropout_forward")
def dropout_poisson(x, p, rng):
    """Kept if nothing happened."""
    mask = rng.poisson(-math.log1p(-p), x.shape) == 0
    return x * mask / (1 - p), mask


@right("dropout_forward")
def dropout_normal_quantile(x, p, rng):
    """Normal draws above their p-quantile."""
    bound = statistics.NormalDist().inv_cdf(p) if p > 0 else -math.inf
    mask = rng.standard_normal(x.shape) > bound
    return x * mask / (1 - p), mask


@right("dropout_forward")
def dropout_number_then_places(x, p, rng):
    """Draws how many are dropped from the binomial distribution, then which ones."""
    count = rng.binomial(x.size, p)
    mask = np.ones(x.size, dtype=bool)
    mask[rng.permutation(x.size)[:count]] = False
    mask = mask.reshape(x.shape)
    return x * mask / (1 - p), mask


@right("dropout_forward")
def dropout_transposed(x, p, rng):
    """Draws in the order of the columns; drops by multiplying with 1 - mask."""
    dropped = rng.random(x.shape[::-1]).T < p
    return x * (1 - dropped) / (1 - p), np.logical_not(dropped)


@dataclass
class Dropout:
    """A callable object that keeps count of its calls and returns a named tuple."""

    calls: int = 0
    pair = namedtuple("pair", "output kept")

    def __call__(self, values, rate, generator):
        self.calls += 1
        scale = (generator.random(values.shape) >= rate) / (1 - rate)
        return self.pair(values * scale, scale > 0)


RIGHT["dropout_forward"].append(Dropout())


# -------------------------------------------------------------------------- dropout_backward

RIGHT["dropout_backward"] = [
    lambda dY, mask, p: dY * mask / (1 - p),
    lambda upstream, kept, rate: np.where(kept, upstream, 0) / (1 - rate),
    lambda dY, mask, p: dY * (mask / (1.0 - p)),
]


@right("dropout_backward")
def undrop_masked_copy(dY, mask, p):
    """Sets the dropped ones to zero, in a copy."""
    dx = dY / (1 - p)
    dx[~mask] = 0
    return dx


@right("dropout_backward")
def undrop_fills_zeros(dY, mask, p):
    """Fills the kept ones into zeros."""
    dx = np.zeros(dY.shape)
    dx[mask] = dY[mask] / (1 - p)
    return dx


@right("dropout_backward")
def undrop_where_argument(dY, mask, p):
    """A division that takes place only where kept."""
    return np.divide(dY, 1 - p, out=np.zeros(dY.shape), where=mask)


@right("dropout_backward")
def undrop_subtracts_dropped(dY, mask, p):
    """Takes away what was dropped."""
    kept = dY - dY * np.logical_not(mask)
    return kept + kept * (p / (1 - p))


@right("dropout_backward")
def undrop_every_index(dY, mask, p):
    """One entry at a time; nested lists."""
    dx = np.zeros(dY.shape)
    for place in np.ndindex(*dY.shape):
        if mask[place]:
            dx[place] = dY[place] / (1 - p)
    return dx.tolist()


@right("dropout_backward")
def undrop_single_precision(dY, mask, p):
    """float32, with np.choose."""
    scaled = (dY / (1 - p)).astype(np.float32)
    return np.choose(mask.astype(int), [np.zeros_like(scaled), scaled])


@right("dropout_backward")
def undrop_diagonal(dY, mask, p):
    """The Jacobian of every sample is a diagonal matrix."""
    rows = [
        np.diag(kept.ravel() / (1 - p)).T @ upstream.ravel()
        for upstream, kept in zip(dY, mask, strict=True)
    ]
    return np.reshape(rows, dY.shape)


@right("dropout_backward")
def undrop_einsum(dY, mask, p):
    """einsum, the scale as a factor without axes."""
    return np.einsum("...,...,->...", dY, mask.astype(float), 1 / (1 - p))


class Undrop:
    """A callable object."""

    def __call__(self, dY, mask, p):
        dx = np.zeros_like(dY)
        np.copyto(dx, dY / (1 - p), where=mask)
        return dx


RIGHT["dropout_backward"] += [Undrop(), Undrop().__call__]
