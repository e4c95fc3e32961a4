"""Wrong and hostile answers to the exercises on convolution, pooling and dropout.

They are registered in the tables of `wrong`; each docstring says what the learner got wrong.
Everything here was written without sight of the grader's catalogue of mistakes.
"""

import copy
import math

import numpy as np
from numpy.lib.stride_tricks import as_strided, sliding_window_view

from .wrong import hostile, wrong

# ------------------------------------------------------------- what the learners share, correct


def pad(x, padding, **how):
    """Zeros (or what np.pad is told) on each side of H and W."""
    return np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)), **how)


def out_size(length, K, stride=1):
    """Number of windows along an axis that has its padding already."""
    return (length - K) // stride + 1


def windows(xp, K, stride=1):
    """All windows, (N, Ho, Wo, K, K, C)."""
    view = sliding_window_view(xp, (K, K), axis=(1, 2))[:, ::stride, ::stride]
    return view.transpose(0, 1, 2, 4, 5, 3)


def correlate(xp, W, b, stride=1):
    """Cross-correlation of images that have their padding already."""
    return np.tensordot(windows(xp, len(W), stride), W, 3) + b


def kernel_gradient(dY, xp, K, stride=1):
    """dW, from images that have their padding already."""
    return np.tensordot(windows(xp, K, stride), dY, ((0, 1, 2), (0, 1, 2)))


def scatter(dY, W, shape, stride=1):
    """Gradient of the padded images, which have that shape."""
    Ho, Wo = dY.shape[1:3]
    dxp = np.zeros(shape)
    for ki, kj in np.ndindex(W.shape[:2]):
        rows = slice(ki, ki + stride * (Ho - 1) + 1, stride)
        columns = slice(kj, kj + stride * (Wo - 1) + 1, stride)
        dxp[:, rows, columns] += dY @ W[ki, kj].T
    return dxp


def crop(dxp, padding, x):
    """The part of the padded gradient that belongs to x."""
    return dxp[:, padding : padding + x.shape[1], padding : padding + x.shape[2]]


def gradients(dY, x, W, stride, padding):
    """All three gradients of the convolution."""
    xp = pad(x, padding)
    dx = crop(scatter(dY, W, xp.shape, stride), padding, x)
    return dx, kernel_gradient(dY, xp, len(W), stride), dY.sum(axis=(0, 1, 2))


def blocks(x, size):
    """Pooling windows, (N, Ho, Wo, C, size * size)."""
    N, H, W, C = x.shape
    Ho, Wo = H // size, W // size
    x = x[:, : Ho * size, : Wo * size].reshape(N, Ho, size, Wo, size, C)
    return x.transpose(0, 1, 3, 5, 2, 4).reshape(N, Ho, Wo, C, size * size)


def unblock(entries, shape, size):
    """Puts the entries of pooling windows back into images of that shape."""
    N, Ho, Wo, C, _ = entries.shape
    x = np.zeros(shape)
    entries = entries.reshape(N, Ho, Wo, C, size, size).transpose(0, 1, 4, 2, 5, 3)
    x[:, : Ho * size, : Wo * size] = entries.reshape(N, Ho * size, Wo * size, C)
    return x


def first_maximum(entries):
    """One-hot along the last axis, at the first maximum."""
    return np.arange(entries.shape[-1]) == entries.argmax(axis=-1)[..., None]


def pool_gradient(dY, x, size):
    """dx of max pooling."""
    return unblock(first_maximum(blocks(x, size)) * dY[..., None], x.shape, size)


def upsample(y, size):
    """Repeats every entry over its window."""
    return y.repeat(size, axis=1).repeat(size, axis=2)


# ---------------------------------------------------------------------------- conv2d_forward


@wrong("conv2d_forward")
def conv_flips_kernel(x, W, b, stride=1, padding=0):
    """Convolves as mathematicians do: the kernel is turned by 180 degrees."""
    return correlate(pad(x, padding), W[::-1, ::-1], b, stride)


@wrong("conv2d_forward")
def conv_flips_kernel_columns(x, W, b, stride=1, padding=0):
    """Mirrors the kernel along one axis."""
    return correlate(pad(x, padding), W[:, ::-1], b, stride)


@wrong("conv2d_forward")
def conv_flips_channels_too(x, W, b, stride=1, padding=0):
    """Pairs the first channel of the image with the last of the kernel."""
    return correlate(pad(x, padding), W[:, :, ::-1], b, stride)


@wrong("conv2d_forward")
def conv_transposes_kernel(x, W, b, stride=1, padding=0):
    """Reads the kernel as W[kj, ki]."""
    return correlate(pad(x, padding), W.swapaxes(0, 1), b, stride)


@wrong("conv2d_forward")
def conv_forgets_padding(x, W, b, stride=1, padding=0):
    """Never pads."""
    return correlate(x, W, b, stride)


@wrong("conv2d_forward")
def conv_forgets_stride(x, W, b, stride=1, padding=0):
    """Moves by one whatever the stride."""
    return correlate(pad(x, padding), W, b)


@wrong("conv2d_forward")
def conv_stride_for_rows_only(x, W, b, stride=1, padding=0):
    """Strides down the rows, and by one along the columns."""
    return correlate(pad(x, padding), W, b)[:, ::stride]


@wrong("conv2d_forward")
def conv_stride_in_size_only(x, W, b, stride=1, padding=0):
    """The output has the right size, but its windows start at i, j instead of i * stride."""
    xp, K = pad(x, padding), len(W)
    Ho, Wo = out_size(xp.shape[1], K, stride), out_size(xp.shape[2], K, stride)
    return correlate(xp, W, b)[:, :Ho, :Wo]


@wrong("conv2d_forward")
def conv_stride_before_window(x, W, b, stride=1, padding=0):
    """Subsamples the image, then convolves."""
    return correlate(pad(x, padding)[:, ::stride, ::stride], W, b)


@wrong("conv2d_forward")
def conv_dilates(x, W, b, stride=1, padding=0):
    """Takes the stride for the spacing within the window."""
    xp, K = pad(x, padding), len(W)
    N, H, width, _ = xp.shape
    reach = (K - 1) * stride
    y = np.zeros((N, H - reach, width - reach, W.shape[3])) + b
    for ki, kj in np.ndindex(K, K):
        part = xp[:, ki * stride : ki * stride + H - reach]
        y += part[:, :, kj * stride : kj * stride + width - reach] @ W[ki, kj]
    return y


@wrong("conv2d_forward")
def conv_strides_by_kernel(x, W, b, stride=1, padding=0):
    """Windows never overlap: steps by K."""
    return correlate(pad(x, padding), W, b, len(W))


@wrong("conv2d_forward")
def conv_pads_twice(x, W, b, stride=1, padding=0):
    """Pads by 2 * padding on each side."""
    return correlate(pad(x, 2 * padding), W, b, stride)


@wrong("conv2d_forward")
def conv_pads_rows_only(x, W, b, stride=1, padding=0):
    """Adds rows above and below, but no columns."""
    xp = np.pad(x, ((0, 0), (padding, padding), (0, 0), (0, 0)))
    return correlate(xp, W, b, stride)


@wrong("conv2d_forward")
def conv_pads_at_the_end(x, W, b, stride=1, padding=0):
    """Puts all the zeros below and to the right."""
    xp = np.pad(x, ((0, 0), (0, 2 * padding), (0, 2 * padding), (0, 0)))
    return correlate(xp, W, b, stride)


@wrong("conv2d_forward")
def conv_pads_in_total(x, W, b, stride=1, padding=0):
    """Takes the padding for the total of both sides."""
    before, after = padding // 2, padding - padding // 2
    return correlate(np.pad(x, ((0, 0), (before, after), (before, after), (0, 0))), W, b, stride)


@wrong("conv2d_forward")
def conv_pads_every_axis(x, W, b, stride=1, padding=0):
    """np.pad(x, padding) pads samples and channels as well."""
    return correlate(np.pad(x, padding), W, b, stride)


@wrong("conv2d_forward")
def conv_pads_with_edge(x, W, b, stride=1, padding=0):
    """Repeats the border instead of adding zeros."""
    return correlate(pad(x, padding, mode="edge"), W, b, stride)


@wrong("conv2d_forward")
def conv_pads_with_wrap(x, W, b, stride=1, padding=0):
    """The image continues on its other side."""
    return correlate(pad(x, padding, mode="wrap"), W, b, stride)


@wrong("conv2d_forward")
def conv_pads_with_ones(x, W, b, stride=1, padding=0):
    """The border is one (white) instead of zero."""
    return correlate(pad(x, padding, constant_values=1), W, b, stride)


@wrong("conv2d_forward")
def conv_pads_with_mean(x, W, b, stride=1, padding=0):
    """The border has the mean grey of the batch."""
    return correlate(pad(x, padding, constant_values=x.mean()), W, b, stride)


@wrong("conv2d_forward")
def conv_always_same(x, W, b, stride=1, padding=0):
    """Pads by K // 2 whatever was asked for."""
    return correlate(pad(x, len(W) // 2), W, b, stride)


@wrong("conv2d_forward")
def conv_pads_by_one(x, W, b, stride=1, padding=0):
    """Any padding is taken for 1."""
    return correlate(pad(x, 1 if padding else 0), W, b, stride)


@wrong("conv2d_forward")
def conv_pads_output(x, W, b, stride=1, padding=0):
    """Pads the result instead of the image."""
    return pad(correlate(x, W, b, stride), padding)


@wrong("conv2d_forward")
def conv_pads_by_blanking(x, W, b, stride=1, padding=0):
    """Overwrites the border of the image with zeros instead of adding one."""
    xp = np.zeros_like(x)
    inside = np.s_[:, padding : x.shape[1] - padding, padding : x.shape[2] - padding]
    xp[inside] = x[inside]
    return correlate(xp, W, b, stride)


@wrong("conv2d_forward")
def conv_loops_over_unpadded_size(x, W, b, stride=1, padding=0):
    """The loops stop where the unpadded image would; the rest stays at the bias."""
    xp, K = pad(x, padding), len(W)
    y = correlate(xp, W, b, stride)
    y[:, max(out_size(x.shape[1], K, stride), 0) :] = b
    y[:, :, max(out_size(x.shape[2], K, stride), 0) :] = b
    return y


@wrong("conv2d_forward")
def conv_padding_counted_once(x, W, b, stride=1, padding=0):
    """Output size (H + padding - K) // stride + 1."""
    K = len(W)
    Ho = out_size(x.shape[1] + padding, K, stride)
    Wo = out_size(x.shape[2] + padding, K, stride)
    return correlate(pad(x, padding), W, b, stride)[:, :Ho, :Wo]


@wrong("conv2d_forward")
def conv_one_short(x, W, b, stride=1, padding=0):
    """Loops over range(0, H - K, stride), so the last window may be missing."""
    xp, K = pad(x, padding), len(W)
    Ho = len(range(0, xp.shape[1] - K, stride))
    Wo = len(range(0, xp.shape[2] - K, stride))
    return correlate(xp, W, b, stride)[:, :Ho, :Wo]


@wrong("conv2d_forward")
def conv_rounds_up(x, W, b, stride=1, padding=0):
    """Also computes windows that stick out (right when the stride fits)."""
    xp, K = pad(x, padding), len(W)
    more = [-(length - K) % stride for length in xp.shape[1:3]]
    return correlate(np.pad(xp, ((0, 0), (0, more[0]), (0, more[1]), (0, 0))), W, b, stride)


@wrong("conv2d_forward")
def conv_size_by_wrong_precedence(x, W, b, stride=1, padding=0):
    """Output size (H + 2 padding) // stride - K + 1."""
    xp, K = pad(x, padding), len(W)
    Ho, Wo = xp.shape[1] // stride - K + 1, xp.shape[2] // stride - K + 1
    return correlate(xp, W, b, stride)[:, : max(Ho, 0), : max(Wo, 0)]


@wrong("conv2d_forward")
def conv_width_from_height(x, W, b, stride=1, padding=0):
    """Assumes square images: Wo = Ho."""
    xp, K = pad(x, padding), len(W)
    N, Ho, F = len(x), out_size(xp.shape[1], K, stride), W.shape[3]
    y = np.zeros((N, Ho, Ho, F))
    for n, i, j, f in np.ndindex(*y.shape):
        window = xp[n, i * stride : i * stride + K, j * stride : j * stride + K]
        y[n, i, j, f] = (window * W[..., f]).sum() + b[f]
    return y


@wrong("conv2d_forward")
def conv_reshapes_sides_swapped(x, W, b, stride=1, padding=0):
    """Multiplies right, then reshapes the rows to (N, Wo, Ho, F)."""
    y = correlate(pad(x, padding), W, b, stride)
    return y.reshape(len(x), y.shape[2], y.shape[1], -1)


@wrong("conv2d_forward")
def conv_output_transposed(x, W, b, stride=1, padding=0):
    """Writes y[n, j, i]."""
    return correlate(pad(x, padding), W, b, stride).swapaxes(1, 2)


@wrong("conv2d_forward")
def conv_one_index_for_both(x, W, b, stride=1, padding=0):
    """Uses the row index for the columns too (a slip of copy and paste)."""
    xp, K = pad(x, padding), len(W)
    Ho, Wo = out_size(xp.shape[1], K, stride), out_size(xp.shape[2], K, stride)
    y = np.zeros((len(x), Ho, Wo, W.shape[3]))
    for i, j in np.ndindex(Ho, Wo):
        window = xp[:, i * stride : i * stride + K, i * stride : i * stride + K]
        y[:, i, j] = np.tensordot(window, W, 3) + b
    return y


@wrong("conv2d_forward")
def conv_first_channel_only(x, W, b, stride=1, padding=0):
    """Looks at the first input channel."""
    return correlate(pad(x, padding)[..., :1], W[:, :, :1], b, stride)


@wrong("conv2d_forward")
def conv_last_channel_wins(x, W, b, stride=1, padding=0):
    """Assigns instead of adding in the loop over channels."""
    xp = pad(x, padding)
    for c in range(W.shape[2]):
        y = correlate(xp[..., c : c + 1], W[:, :, c : c + 1], b, stride)
    return y


@wrong("conv2d_forward")
def conv_averages_channels(x, W, b, stride=1, padding=0):
    """Takes the mean over input channels instead of the sum."""
    return correlate(pad(x, padding), W / W.shape[2], b, stride)


@wrong("conv2d_forward")
def conv_sums_image_channels_first(x, W, b, stride=1, padding=0):
    """Makes the image grey and the kernel grey, and multiplies those."""
    grey = pad(x, padding).sum(axis=3, keepdims=True)
    return correlate(grey, W.sum(axis=2, keepdims=True), b, stride)


@wrong("conv2d_forward")
def conv_averages_window(x, W, b, stride=1, padding=0):
    """Divides by the K * K entries of the window."""
    return correlate(pad(x, padding), W / len(W) ** 2, b, stride)


@wrong("conv2d_forward")
def conv_normalises_kernel(x, W, b, stride=1, padding=0):
    """Scales the kernel as a picture filter, to absolute values that add up to 1."""
    return correlate(pad(x, padding), W / np.abs(W).sum(axis=(0, 1, 2)), b, stride)


@wrong("conv2d_forward")
def conv_forgets_bias(x, W, b, stride=1, padding=0):
    """No bias."""
    return correlate(pad(x, padding), W, 0, stride)


@wrong("conv2d_forward")
def conv_bias_per_offset(x, W, b, stride=1, padding=0):
    """Adds the bias inside the loop over ki and kj, so K * K times."""
    return correlate(pad(x, padding), W, b * len(W) ** 2, stride)


@wrong("conv2d_forward")
def conv_bias_per_channel(x, W, b, stride=1, padding=0):
    """Adds the bias once per input channel."""
    return correlate(pad(x, padding), W, b * W.shape[2], stride)


@wrong("conv2d_forward")
def conv_bias_along_columns(x, W, b, stride=1, padding=0):
    """Broadcasts the bias along Wo, which fits only if Wo equals F (or F is 1)."""
    return correlate(pad(x, padding), W, 0, stride) + b[:, None]


@wrong("conv2d_forward")
def conv_first_bias_only(x, W, b, stride=1, padding=0):
    """One bias for all filters."""
    return correlate(pad(x, padding), W, b[0], stride)


@wrong("conv2d_forward")
def conv_bias_accumulates(x, W, b, stride=1, padding=0):
    """Adds up the bias over the batch: sample n gets n + 1 times b."""
    y = correlate(pad(x, padding), W, 0, stride)
    return y + b * np.arange(1, len(x) + 1)[:, None, None, None]


@wrong("conv2d_forward")
def conv_last_offset_only(x, W, b, stride=1, padding=0):
    """Assigns instead of adding in the loop over offsets."""
    last = np.zeros_like(W)
    last[-1, -1] = W[-1, -1]
    return correlate(pad(x, padding), last, b, stride)


@wrong("conv2d_forward")
def conv_first_sample_only(x, W, b, stride=1, padding=0):
    """Leaves all samples but the first at zero."""
    y = correlate(pad(x, padding), W, b, stride)
    y[1:] = 0
    return y


@wrong("conv2d_forward")
def conv_one_filter_for_all(x, W, b, stride=1, padding=0):
    """Uses the first filter for every output channel."""
    return correlate(pad(x, padding), W[..., :1], b, stride)


@wrong("conv2d_forward")
def conv_kernel_of_three(x, W, b, stride=1, padding=0):
    """Loops over a 3 x 3 kernel (smaller ones run out, larger ones are cut)."""
    xp = pad(x, padding)
    Ho, Wo = out_size(xp.shape[1], len(W), stride), out_size(xp.shape[2], len(W), stride)
    y = np.zeros((len(x), Ho, Wo, W.shape[3])) + b
    for ki, kj, i, j in np.ndindex(3, 3, Ho, Wo):
        y[:, i, j] += xp[:, i * stride + ki, j * stride + kj] @ W[ki, kj]
    return y


@wrong("conv2d_forward")
def conv_pytorch_weight_layout(x, W, b, stride=1, padding=0):
    """Takes W for (F, C, K, K) by a reshape, which scrambles it."""
    K, _, C, F = W.shape
    return correlate(pad(x, padding), W.reshape(F, C, K, K).transpose(2, 3, 1, 0), b, stride)


@wrong("conv2d_forward")
def conv_channels_before_offsets(x, W, b, stride=1, padding=0):
    """Columns of windows ordered c, ki, kj, rows of the weights ki, kj, c."""
    view = windows(pad(x, padding), len(W), stride)
    columns = view.transpose(0, 1, 2, 5, 3, 4).reshape(-1, W[..., 0].size)
    return (columns @ W.reshape(-1, W.shape[3])).reshape(*view.shape[:3], -1) + b


@wrong("conv2d_forward")
def conv_truncates(x, W, b, stride=1, padding=0):
    """Writes into an array of integers."""
    return correlate(pad(x, padding), W, b, stride).astype(int)


@wrong("conv2d_forward")
def conv_pads_into_integers(x, W, b, stride=1, padding=0):
    """Copies the image into np.zeros(..., dtype=int) to pad it."""
    xp = pad(np.zeros(x.shape, dtype=int), padding)
    crop(xp, padding, x)[:] = x
    return correlate(xp, W, b, stride)


@wrong("conv2d_forward")
def conv_channels_first_output(x, W, b, stride=1, padding=0):
    """Returns (N, F, Ho, Wo)."""
    return np.moveaxis(correlate(pad(x, padding), W, b, stride), 3, 1)


@wrong("conv2d_forward")
def conv_squeezes(x, W, b, stride=1, padding=0):
    """Loses the axes of length one."""
    return correlate(pad(x, padding), W, b, stride).squeeze()


@wrong("conv2d_forward")
def conv_stays_flat(x, W, b, stride=1, padding=0):
    """Leaves the result of the matrix product as (N * Ho * Wo, F)."""
    return correlate(pad(x, padding), W, b, stride).reshape(-1, W.shape[3])


@wrong("conv2d_forward")
def conv_returns_cache(x, W, b, stride=1, padding=0):
    """Returns a cache too, which was not asked for."""
    return correlate(pad(x, padding), W, b, stride), (x, W, stride, padding)


@wrong("conv2d_forward")
def conv_with_relu(x, W, b, stride=1, padding=0):
    """Applies ReLU as well."""
    return np.maximum(correlate(pad(x, padding), W, b, stride), 0)


@wrong("conv2d_forward")
def conv_centred_windows(x, W, b, stride=1, padding=0):
    """Windows have their centre, not their corner, at i * stride."""
    K = len(W)
    y = correlate(pad(x, padding), W, b, stride)
    shifted = np.pad(x, ((0, 0), (padding + K // 2, padding), (padding + K // 2, padding), (0, 0)))
    return correlate(shifted, W, b, stride)[:, : y.shape[1], : y.shape[2]]


@wrong("conv2d_forward")
def conv_scales_window_in_place(x, W, b, stride=1, padding=0):
    """window *= W writes through the view into the image, for the next window to find."""
    xp = pad(x, padding) if padding else x
    K = len(W)
    Ho, Wo = out_size(xp.shape[1], K, stride), out_size(xp.shape[2], K, stride)
    y = np.zeros((len(x), Ho, Wo, W.shape[3]))
    for n, i, j, f in np.ndindex(*y.shape):
        window = xp[n, i * stride : i * stride + K, j * stride : j * stride + K]
        window *= W[..., f]
        y[n, i, j, f] = window.sum() + b[f]
    return y


@wrong("conv2d_forward")
def conv_shortcut_for_one(x, W, b, stride=1, padding=0):
    """A shortcut for 1 x 1 kernels that has no stride and no padding."""
    if len(W) == 1:
        return x @ W[0, 0] + b
    return correlate(pad(x, padding), W, b, stride)


@wrong("conv2d_forward")
def conv_no_padding_with_stride(x, W, b, stride=1, padding=0):
    """Believes that padding makes sense only with stride 1."""
    return correlate(pad(x, padding if stride == 1 else 0), W, b, stride)


@wrong("conv2d_forward")
def conv_flips_weights_in_place(x, W, b, stride=1, padding=0):
    """Turns W round in place to undo the turning of a convolution; W stays turned."""
    y = correlate(pad(x, padding), W, b, stride)
    W[:] = W[::-1, ::-1].copy()
    return y


# --------------------------------------------------------------------------- conv2d_backward


@wrong("conv2d_backward")
def conv_db_over_batch_only(dY, x, W, stride=1, padding=0):
    """db has a value per position."""
    dx, dW, _ = gradients(dY, x, W, stride, padding)
    return dx, dW, dY.sum(axis=0)


@wrong("conv2d_backward")
def conv_db_mean_over_batch(dY, x, W, stride=1, padding=0):
    """db divided by N."""
    dx, dW, db = gradients(dY, x, W, stride, padding)
    return dx, dW, db / len(x)


@wrong("conv2d_backward")
def conv_db_mean_over_positions(dY, x, W, stride=1, padding=0):
    """db averages the positions."""
    dx, dW, _ = gradients(dY, x, W, stride, padding)
    return dx, dW, dY.mean(axis=(1, 2)).sum(axis=0)


@wrong("conv2d_backward")
def conv_db_scalar(dY, x, W, stride=1, padding=0):
    """db adds up the filters too."""
    dx, dW, _ = gradients(dY, x, W, stride, padding)
    return dx, dW, dY.sum()


@wrong("conv2d_backward")
def conv_db_keepdims(dY, x, W, stride=1, padding=0):
    """db has shape (1, 1, 1, F)."""
    dx, dW, _ = gradients(dY, x, W, stride, padding)
    return dx, dW, dY.sum(axis=(0, 1, 2), keepdims=True)


@wrong("conv2d_backward")
def conv_db_ignores_upstream(dY, x, W, stride=1, padding=0):
    """db counts the outputs."""
    dx, dW, _ = gradients(dY, x, W, stride, padding)
    return dx, dW, np.full(W.shape[3], float(dY[..., 0].size))


@wrong("conv2d_backward")
def conv_db_last_sample(dY, x, W, stride=1, padding=0):
    """db is overwritten by every sample."""
    dx, dW, _ = gradients(dY, x, W, stride, padding)
    return dx, dW, dY[-1].sum(axis=(0, 1))


@wrong("conv2d_backward")
def conv_db_per_offset(dY, x, W, stride=1, padding=0):
    """db += ... stands inside the loop over offsets."""
    dx, dW, db = gradients(dY, x, W, stride, padding)
    return dx, dW, db * len(W) ** 2


@wrong("conv2d_backward")
def conv_dW_mean_over_batch(dY, x, W, stride=1, padding=0):
    """dW divided by N."""
    dx, dW, db = gradients(dY, x, W, stride, padding)
    return dx, dW / len(x), db


@wrong("conv2d_backward")
def conv_dW_mean_over_positions(dY, x, W, stride=1, padding=0):
    """dW divided by the number of positions, since the weight is shared."""
    dx, dW, db = gradients(dY, x, W, stride, padding)
    return dx, dW / (dY.shape[1] * dY.shape[2]), db


@wrong("conv2d_backward")
def conv_everything_over_batch(dY, x, W, stride=1, padding=0):
    """All gradients divided by N."""
    return tuple(g / len(x) for g in gradients(dY, x, W, stride, padding))


@wrong("conv2d_backward")
def conv_dW_without_padding(dY, x, W, stride=1, padding=0):
    """dW reads the windows of x with its zeros at the end, as if never shifted by the padding."""
    dx, _, db = gradients(dY, x, W, stride, padding)
    late = np.pad(x, ((0, 0), (0, 2 * padding), (0, 2 * padding), (0, 0)))
    return dx, kernel_gradient(dY, late, len(W), stride), db


@wrong("conv2d_backward")
def conv_dW_ignores_stride(dY, x, W, stride=1, padding=0):
    """dW pairs dY[i, j] with the window at i, j."""
    dx, _, db = gradients(dY, x, W, stride, padding)
    near = windows(pad(x, padding), len(W))[:, : dY.shape[1], : dY.shape[2]]
    return dx, np.tensordot(near, dY, ((0, 1, 2), (0, 1, 2))), db


@wrong("conv2d_backward")
def conv_dW_last_sample(dY, x, W, stride=1, padding=0):
    """dW = instead of += over samples."""
    dx, _, db = gradients(dY, x, W, stride, padding)
    return dx, kernel_gradient(dY[-1:], pad(x[-1:], padding), len(W), stride), db


@wrong("conv2d_backward")
def conv_dW_last_position(dY, x, W, stride=1, padding=0):
    """dW = instead of += over positions."""
    dx, _, db = gradients(dY, x, W, stride, padding)
    last = windows(pad(x, padding), len(W), stride)[:, -1, -1]
    return dx, np.tensordot(last, dY[:, -1, -1], (0, 0)), db


@wrong("conv2d_backward")
def conv_dW_flipped(dY, x, W, stride=1, padding=0):
    """Turns dW by 180 degrees."""
    dx, dW, db = gradients(dY, x, W, stride, padding)
    return dx, dW[::-1, ::-1], db


@wrong("conv2d_backward")
def conv_dW_transposed(dY, x, W, stride=1, padding=0):
    """dW has rows and columns of the kernel exchanged."""
    dx, dW, db = gradients(dY, x, W, stride, padding)
    return dx, dW.swapaxes(0, 1), db


@wrong("conv2d_backward")
def conv_dW_filters_first(dY, x, W, stride=1, padding=0):
    """Multiplies dY.T by the columns and reshapes (F, K * K * C) to the shape of W."""
    dx, dW, db = gradients(dY, x, W, stride, padding)
    return dx, dW.reshape(-1, W.shape[3]).T.reshape(W.shape), db


@wrong("conv2d_backward")
def conv_dW_channels_before_offsets(dY, x, W, stride=1, padding=0):
    """Columns ordered c, ki, kj are reshaped to K, K, C, F."""
    dx, dW, db = gradients(dY, x, W, stride, padding)
    return dx, dW.transpose(2, 0, 1, 3).reshape(W.shape), db


@wrong("conv2d_backward")
def conv_dW_ignores_upstream(dY, x, W, stride=1, padding=0):
    """dW is the sum of the windows."""
    dx, _, db = gradients(dY, x, W, stride, padding)
    return dx, kernel_gradient(np.ones_like(dY), pad(x, padding), len(W), stride), db


@wrong("conv2d_backward")
def conv_dW_shared_by_channels(dY, x, W, stride=1, padding=0):
    """Every channel gets the gradient of the sum over channels."""
    dx, dW, db = gradients(dY, x, W, stride, padding)
    return dx, np.broadcast_to(dW.sum(axis=2, keepdims=True), W.shape), db


@wrong("conv2d_backward")
def conv_dW_with_weight_decay(dY, x, W, stride=1, padding=0):
    """Adds the gradient of a penalty nobody asked for."""
    dx, dW, db = gradients(dY, x, W, stride, padding)
    return dx, dW + W, db


@wrong("conv2d_backward")
def conv_upstream_rows_scrambled(dY, x, W, stride=1, padding=0):
    """Flattens dY with its filters first, so its rows no longer match the windows."""
    dx, _, db = gradients(dY, x, W, stride, padding)
    columns = windows(pad(x, padding), len(W), stride).reshape(-1, W[..., 0].size)
    dW = columns.T @ np.moveaxis(dY, 3, 0).reshape(-1, W.shape[3])
    return dx, dW.reshape(W.shape), db


@wrong("conv2d_backward")
def conv_dx_not_cropped(dY, x, W, stride=1, padding=0):
    """Returns the gradient of the padded images."""
    xp = pad(x, padding)
    return scatter(dY, W, xp.shape, stride), *gradients(dY, x, W, stride, padding)[1:]


@wrong("conv2d_backward")
def conv_dx_cropped_at_start(dY, x, W, stride=1, padding=0):
    """Crops the first H rows and W columns of the padded gradient."""
    dxp = scatter(dY, W, pad(x, padding).shape, stride)
    return crop(dxp, 0, x), *gradients(dY, x, W, stride, padding)[1:]


@wrong("conv2d_backward")
def conv_dx_cropped_twice(dY, x, W, stride=1, padding=0):
    """Crops the rows a second time."""
    dx, dW, db = gradients(dY, x, W, stride, padding)
    return dx[:, padding : x.shape[1] - padding], dW, db


@wrong("conv2d_backward")
def conv_dx_empty_without_padding(dY, x, W, stride=1, padding=0):
    """Crops by padding:-padding, which is empty when there is no padding."""
    dxp = scatter(dY, W, pad(x, padding).shape, stride)
    dx = dxp[:, padding:-padding, padding:-padding]
    return dx, *gradients(dY, x, W, stride, padding)[1:]


@wrong("conv2d_backward")
def conv_dx_overwrites(dY, x, W, stride=1, padding=0):
    """= instead of +=: the last window that covers a pixel wins."""
    K, (_, Ho, Wo, _) = len(W), dY.shape
    dxp = np.zeros(pad(x, padding).shape)
    for i, j in np.ndindex(Ho, Wo):
        window = np.tensordot(dY[:, i, j], W, (1, 3))
        dxp[:, i * stride : i * stride + K, j * stride : j * stride + K] = window
    return crop(dxp, padding, x), *gradients(dY, x, W, stride, padding)[1:]


@wrong("conv2d_backward")
def conv_dx_flips_kernel(dY, x, W, stride=1, padding=0):
    """Scatters the kernel turned by 180 degrees (heard that backward is a convolution)."""
    dxp = scatter(dY, W[::-1, ::-1], pad(x, padding).shape, stride)
    return crop(dxp, padding, x), *gradients(dY, x, W, stride, padding)[1:]


@wrong("conv2d_backward")
def conv_dx_transposes_kernel(dY, x, W, stride=1, padding=0):
    """W.T of the spatial axes, as with a linear layer."""
    dxp = scatter(dY, W.swapaxes(0, 1), pad(x, padding).shape, stride)
    return crop(dxp, padding, x), *gradients(dY, x, W, stride, padding)[1:]


@wrong("conv2d_backward")
def conv_dx_ignores_stride(dY, x, W, stride=1, padding=0):
    """Scatters dY[i, j] to the window at i, j."""
    dxp = scatter(dY, W, pad(x, padding).shape)
    return crop(dxp, padding, x), *gradients(dY, x, W, stride, padding)[1:]


@wrong("conv2d_backward")
def conv_dx_repeats_upstream(dY, x, W, stride=1, padding=0):
    """Enlarges dY by repeating instead of by zeros between."""
    xp, K = pad(x, padding), len(W)
    wide = upsample(dY, stride)[:, : xp.shape[1] - K + 1, : xp.shape[2] - K + 1]
    dx = crop(scatter(wide, W, xp.shape), padding, x)
    return dx, *gradients(dY, x, W, stride, padding)[1:]


@wrong("conv2d_backward")
def conv_dx_pads_upstream_by_padding(dY, x, W, stride=1, padding=0):
    """Full correlation with dY padded by `padding` instead of K - 1 - padding."""
    _, dW, db = gradients(dY, x, W, stride, padding)
    dx = np.zeros(x.shape)
    full = correlate(pad(dY, padding), W[::-1, ::-1].swapaxes(2, 3), 0)
    rows, columns = min(full.shape[1], x.shape[1]), min(full.shape[2], x.shape[2])
    dx[:, :rows, :columns] = full[:, :rows, :columns]
    return dx, dW, db


@wrong("conv2d_backward")
def conv_dx_first_filter(dY, x, W, stride=1, padding=0):
    """Only the first filter sends a gradient back."""
    dxp = scatter(dY[..., :1], W[..., :1], pad(x, padding).shape, stride)
    return crop(dxp, padding, x), *gradients(dY, x, W, stride, padding)[1:]


@wrong("conv2d_backward")
def conv_dx_ignores_upstream(dY, x, W, stride=1, padding=0):
    """dx adds up weights."""
    dxp = scatter(np.ones_like(dY), W, pad(x, padding).shape, stride)
    return crop(dxp, padding, x), *gradients(dY, x, W, stride, padding)[1:]


@wrong("conv2d_backward")
def conv_dx_over_coverage(dY, x, W, stride=1, padding=0):
    """Averages over the windows that cover a pixel instead of adding."""
    dx, dW, db = gradients(dY, x, W, stride, padding)
    one = np.ones((*W.shape[:2], x.shape[3], 1))
    count = scatter(np.ones((*dY.shape[:3], 1)), one, pad(x, padding).shape, stride)
    return dx / np.maximum(crop(count, padding, x), 1), dW, db


@wrong("conv2d_backward")
def conv_dx_same_for_channels(dY, x, W, stride=1, padding=0):
    """Every input channel gets the mean gradient of the channels."""
    dx, dW, db = gradients(dY, x, W, stride, padding)
    return np.repeat(dx.mean(axis=3, keepdims=True), x.shape[3], axis=3), dW, db


@wrong("conv2d_backward")
def conv_dx_first_sample(dY, x, W, stride=1, padding=0):
    """Only the first sample has a gradient."""
    dx, dW, db = gradients(dY, x, W, stride, padding)
    dx[1:] = 0
    return dx, dW, db


@wrong("conv2d_backward")
def conv_dx_through_relu(dY, x, W, stride=1, padding=0):
    """Stops the gradient where x is negative."""
    dx, dW, db = gradients(dY, x, W, stride, padding)
    return dx * (x > 0), dW, db


@wrong("conv2d_backward")
def conv_dx_loses_leftovers(dY, x, W, stride=1, padding=0):
    """Gives dx the size (Ho - 1) * stride + K - 2 padding, without what no window reached."""
    dx, dW, db = gradients(dY, x, W, stride, padding)
    H = (dY.shape[1] - 1) * stride + len(W) - 2 * padding
    width = (dY.shape[2] - 1) * stride + len(W) - 2 * padding
    return dx[:, : max(H, 0), : max(width, 0)], dW, db


@wrong("conv2d_backward")
def conv_dx_leftovers_in_front(dY, x, W, stride=1, padding=0):
    """Puts the rows and columns that no window reached first instead of last."""
    xp, K = pad(x, padding), len(W)
    rows, columns = ((length - K) % stride for length in xp.shape[1:3])
    dxp = np.roll(scatter(dY, W, xp.shape, stride), (rows, columns), axis=(1, 2))
    return crop(dxp, padding, x), *gradients(dY, x, W, stride, padding)[1:]


@wrong("conv2d_backward")
def conv_backward_swaps_sides(dY, x, W, stride=1, padding=0):
    """Unpacks N, Wo, Ho, F = dY.shape, so wide images lose windows and tall ones run out."""
    N, Wo, Ho, F = dY.shape
    xp, K = pad(x, padding), len(W)
    dxp, dW = np.zeros(xp.shape), np.zeros(W.shape)
    for n, i, j, f in np.ndindex(N, Ho, Wo, F):
        here = np.s_[n, i * stride : i * stride + K, j * stride : j * stride + K]
        dxp[here] += W[..., f] * dY[n, i, j, f]
        dW[..., f] += xp[here] * dY[n, i, j, f]
    return crop(dxp, padding, x), dW, dY.sum(axis=(0, 1, 2))


@wrong("conv2d_backward")
def conv_backward_for_squares(dY, x, W, stride=1, padding=0):
    """Loops over Ho twice, so columns of wide images are never visited."""
    side = min(dY.shape[1:3])
    xp = pad(x, padding)
    dx = crop(scatter(dY[:, :, :side], W, xp.shape, stride), padding, x)
    return dx, *gradients(dY, x, W, stride, padding)[1:]


@wrong("conv2d_backward")
def conv_backward_of_three(dY, x, W, stride=1, padding=0):
    """Only the first 3 x 3 entries of the kernel take part."""
    part = np.zeros_like(W)
    part[:3, :3] = W[:3, :3]
    dx, dW, db = gradients(dY, x, part, stride, padding)
    dW[3:] = dW[:, 3:] = 0
    return dx, dW, db


@wrong("conv2d_backward")
def conv_backward_truncates(dY, x, W, stride=1, padding=0):
    """dx lives in an array of integers."""
    dx, dW, db = gradients(dY, x, W, stride, padding)
    return dx.astype(int), dW, db


@wrong("conv2d_backward")
def conv_weights_gradient_first(dY, x, W, stride=1, padding=0):
    """Returns (dW, db, dx)."""
    dx, dW, db = gradients(dY, x, W, stride, padding)
    return dW, db, dx


@wrong("conv2d_backward")
def conv_bias_before_weights(dY, x, W, stride=1, padding=0):
    """Returns (dx, db, dW)."""
    dx, dW, db = gradients(dY, x, W, stride, padding)
    return dx, db, dW


@wrong("conv2d_backward")
def conv_first_layer_only(dY, x, W, stride=1, padding=0):
    """dx is None, since nobody needs it in the first layer."""
    return None, *gradients(dY, x, W, stride, padding)[1:]


@wrong("conv2d_backward")
def conv_returns_dictionary(dY, x, W, stride=1, padding=0):
    """A dictionary instead of a tuple."""
    return dict(zip(("dx", "dW", "db"), gradients(dY, x, W, stride, padding), strict=True))


@wrong("conv2d_backward")
def conv_halves_upstream_in_place(dY, x, W, stride=1, padding=0):
    """dY /= N changes the argument, and the gradients."""
    dY /= 2 * len(x)
    return gradients(dY, x, W, stride, padding)


@wrong("conv2d_backward")
def conv_updates_weights(dY, x, W, stride=1, padding=0):
    """Takes a step of gradient descent while it is at it."""
    dx, dW, db = gradients(dY, x, W, stride, padding)
    W -= 0.1 * dW
    return dx, dW, db


@wrong("conv2d_backward")
def conv_turns_weights_in_place(dY, x, W, stride=1, padding=0):
    """Turns W in place to convolve with it, and leaves it turned."""
    everything = gradients(dY, x, W, stride, padding)
    W[:] = W[::-1, ::-1].copy()
    return everything


@wrong("conv2d_backward")
def conv_clips_gradients(dY, x, W, stride=1, padding=0):
    """Clips gradients to [-1, 1], having read of exploding ones."""
    return tuple(np.clip(g, -1, 1) for g in gradients(dY, x, W, stride, padding))


@wrong("conv2d_backward")
def conv_gradient_of_ascent(dY, x, W, stride=1, padding=0):
    """Returns the descent direction: minus the gradients."""
    return tuple(-g for g in gradients(dY, x, W, stride, padding))


@wrong("conv2d_backward")
def conv_dx_by_least_squares(dY, x, W, stride=1, padding=0):
    """Scales dx by the size of the kernel, as if undoing the forward pass."""
    dx, dW, db = gradients(dY, x, W, stride, padding)
    return dx / (W**2).sum(), dW, db


@wrong("conv2d_backward")
def conv_dW_from_dx(dY, x, W, stride=1, padding=0):
    """Correlates dx instead of dY with the windows: uses what was just computed."""
    dx, dW, db = gradients(dY, x, W, stride, padding)
    if x.shape[3] >= dY.shape[3] and x.shape[1] >= dY.shape[1] and x.shape[2] >= dY.shape[2]:
        part = dx[:, : dY.shape[1], : dY.shape[2], : dY.shape[3]]
        dW = kernel_gradient(part, pad(x, padding), len(W), stride)
    return dx, dW, db


# ------------------------------------------------------------------------------------ im2col


@wrong("im2col")
def im2col_rows_by_column(x, kernel_size, stride=1):
    """Rows run n, j, i."""
    view = windows(x, kernel_size, stride).swapaxes(1, 2)
    return view.reshape(-1, kernel_size**2 * x.shape[3])


@wrong("im2col")
def im2col_samples_last(x, kernel_size, stride=1):
    """Rows run i, j, n."""
    view = np.moveaxis(windows(x, kernel_size, stride), 0, 2)
    return view.reshape(-1, kernel_size**2 * x.shape[3])


@wrong("im2col")
def im2col_channels_first(x, kernel_size, stride=1):
    """Columns run c, ki, kj, as sliding_window_view leaves them."""
    view = sliding_window_view(x, (kernel_size, kernel_size), axis=(1, 2))
    return view[:, ::stride, ::stride].reshape(-1, kernel_size**2 * x.shape[3])


@wrong("im2col")
def im2col_offsets_transposed(x, kernel_size, stride=1):
    """Columns run kj, ki, c."""
    view = windows(x, kernel_size, stride).swapaxes(3, 4)
    return view.reshape(-1, kernel_size**2 * x.shape[3])


@wrong("im2col")
def im2col_windows_flipped(x, kernel_size, stride=1):
    """Windows turned by 180 degrees, for a true convolution."""
    view = windows(x, kernel_size, stride)[:, :, :, ::-1, ::-1]
    return view.reshape(-1, kernel_size**2 * x.shape[3])


@wrong("im2col")
def im2col_forgets_stride(x, kernel_size, stride=1):
    """Takes every window."""
    return windows(x, kernel_size).reshape(-1, kernel_size**2 * x.shape[3])


@wrong("im2col")
def im2col_stride_of_columns_only(x, kernel_size, stride=1):
    """Strides along the columns, not down the rows."""
    view = windows(x, kernel_size)[:, :, ::stride]
    return view.reshape(-1, kernel_size**2 * x.shape[3])


@wrong("im2col")
def im2col_neighbouring_windows(x, kernel_size, stride=1):
    """The right number of windows, but they start at i, j."""
    _, Ho, Wo = windows(x, kernel_size, stride).shape[:3]
    return windows(x, kernel_size)[:, :Ho, :Wo].reshape(-1, kernel_size**2 * x.shape[3])


@wrong("im2col")
def im2col_dilated(x, kernel_size, stride=1):
    """The stride goes between the pixels of a window."""
    reach = (kernel_size - 1) * stride + 1
    view = windows(x, reach)[:, :, :, ::stride, ::stride]
    return view.reshape(-1, kernel_size**2 * x.shape[3])


@wrong("im2col")
def im2col_tiles(x, kernel_size, stride=1):
    """Steps by the kernel size."""
    return windows(x, kernel_size, kernel_size).reshape(-1, kernel_size**2 * x.shape[3])


@wrong("im2col")
def im2col_one_short(x, kernel_size, stride=1):
    """range(0, H - K, stride) forgets the last window."""
    H, W = x.shape[1:3]
    rows = []
    for n in range(len(x)):
        for i in range(0, H - kernel_size, stride):
            for j in range(0, W - kernel_size, stride):
                rows.append(x[n, i : i + kernel_size, j : j + kernel_size].ravel())
    return np.array(rows).reshape(-1, kernel_size**2 * x.shape[3])


@wrong("im2col")
def im2col_rounds_up(x, kernel_size, stride=1):
    """Fills windows that stick out with zeros."""
    more = [-(length - kernel_size) % stride for length in x.shape[1:3]]
    wider = np.pad(x, ((0, 0), (0, more[0]), (0, more[1]), (0, 0)))
    return windows(wider, kernel_size, stride).reshape(-1, kernel_size**2 * x.shape[3])


@wrong("im2col")
def im2col_transposed(x, kernel_size, stride=1):
    """Returns (K * K * C, N * Ho * Wo), as Caffe does."""
    return windows(x, kernel_size, stride).reshape(-1, kernel_size**2 * x.shape[3]).T


@wrong("im2col")
def im2col_transposed_then_reshaped(x, kernel_size, stride=1):
    """Reshapes the transposed matrix where it should have been transposed."""
    columns = windows(x, kernel_size, stride).reshape(-1, kernel_size**2 * x.shape[3])
    return columns.T.reshape(columns.shape)


@wrong("im2col")
def im2col_first_sample(x, kernel_size, stride=1):
    """Only the first image."""
    return windows(x[:1], kernel_size, stride).reshape(-1, kernel_size**2 * x.shape[3])


@wrong("im2col")
def im2col_first_channel(x, kernel_size, stride=1):
    """Only the first channel."""
    return windows(x[..., :1], kernel_size, stride).reshape(-1, kernel_size**2)


@wrong("im2col")
def im2col_row_per_channel(x, kernel_size, stride=1):
    """A row for every window of every channel: (N * Ho * Wo * C, K * K)."""
    return np.moveaxis(windows(x, kernel_size, stride), 5, 3).reshape(-1, kernel_size**2)


@wrong("im2col")
def im2col_keeps_samples_apart(x, kernel_size, stride=1):
    """Returns (N, Ho * Wo, K * K * C)."""
    return windows(x, kernel_size, stride).reshape(len(x), -1, kernel_size**2 * x.shape[3])


@wrong("im2col")
def im2col_keeps_windows(x, kernel_size, stride=1):
    """Returns the six-dimensional windows."""
    return windows(x, kernel_size, stride)


@wrong("im2col")
def im2col_for_squares(x, kernel_size, stride=1):
    """Uses the height for the width."""
    side = (x.shape[1] - kernel_size) // stride + 1
    rows = []
    for n, i, j in np.ndindex(len(x), side, side):
        top, left = i * stride, j * stride
        rows.append(x[n, top : top + kernel_size, left : left + kernel_size].ravel())
    return np.array(rows)


@wrong("im2col")
def im2col_of_three(x, kernel_size, stride=1):
    """Windows are 3 x 3 whatever the kernel size."""
    return windows(x, 3, stride).reshape(-1, 9 * x.shape[3])


@wrong("im2col")
def im2col_pads(x, kernel_size, stride=1):
    """Adds K // 2 zeros around, to keep the size."""
    xp = pad(x, kernel_size // 2)
    return windows(xp, kernel_size, stride).reshape(-1, kernel_size**2 * x.shape[3])


@wrong("im2col")
def im2col_of_integers(x, kernel_size, stride=1):
    """The columns are integers."""
    columns = windows(x, kernel_size, stride).reshape(-1, kernel_size**2 * x.shape[3])
    return columns.astype(np.int64)


@wrong("im2col")
def im2col_same_buffer(x, kernel_size, stride=1):
    """Appends one and the same buffer again and again, so every row is the last window."""
    buffer, rows = np.zeros(kernel_size**2 * x.shape[3]), []
    for row in windows(x, kernel_size, stride).reshape(-1, buffer.size):
        buffer[:] = row
        rows.append(buffer)
    return np.array(rows)


@wrong("im2col")
def im2col_strides_of_contiguous_rows(x, kernel_size, stride=1):
    """as_strided with a step of kernel_size between the windows of a row, in place of stride."""
    N, H, W, C = x.shape
    flat = np.append(x.ravel(), np.zeros(H * W * C * (kernel_size + stride)))
    _, Ho, Wo = windows(x, kernel_size, stride).shape[:3]
    s0, s1, s2, s3 = (8 * step for step in (H * W * C, W * C, C, 1))
    view = as_strided(
        flat,
        (N, Ho, Wo, kernel_size, kernel_size, C),
        (s0, s1 * stride, s2 * kernel_size, s1, s2, s3),
    )
    return view.reshape(-1, kernel_size**2 * C)


@wrong("im2col")
def im2col_just_reshapes(x, kernel_size, stride=1):
    """Cuts memory into pieces of the right size, wherever they begin."""
    _, Ho, Wo = windows(x, kernel_size, stride).shape[:3]
    return np.resize(x, (len(x) * Ho * Wo, kernel_size**2 * x.shape[3]))


@wrong("im2col")
def im2col_with_sizes(x, kernel_size, stride=1):
    """Returns Ho and Wo as well."""
    view = windows(x, kernel_size, stride)
    return view.reshape(-1, kernel_size**2 * x.shape[3]), view.shape[1], view.shape[2]


@wrong("im2col")
def im2col_distinct_windows(x, kernel_size, stride=1):
    """Keeps each window once, sorted, to save memory."""
    return np.unique(
        windows(x, kernel_size, stride).reshape(-1, kernel_size**2 * x.shape[3]), axis=0
    )


@wrong("im2col")
def im2col_subtracts_mean(x, kernel_size, stride=1):
    """Centres every window."""
    columns = windows(x, kernel_size, stride).reshape(-1, kernel_size**2 * x.shape[3])
    return columns - columns.mean(axis=1, keepdims=True)


@wrong("im2col")
def im2col_bias_column(x, kernel_size, stride=1):
    """Appends a column of ones for the bias."""
    columns = windows(x, kernel_size, stride).reshape(-1, kernel_size**2 * x.shape[3])
    return np.column_stack([columns, np.ones(len(columns))])


@wrong("im2col")
def im2col_moves_pixels(x, kernel_size, stride=1):
    """Clears each window after copying it, so overlaps and the input are lost."""
    rows = []
    _, Ho, Wo = windows(x, kernel_size, stride).shape[:3]
    for n, i, j in np.ndindex(len(x), Ho, Wo):
        top, left = i * stride, j * stride
        window = x[n, top : top + kernel_size, left : left + kernel_size]
        rows.append(window.flatten())
        window[:] = 0
    return np.array(rows)


# -------------------------------------------------------------------------- max_pool_forward


@wrong("max_pool_forward")
def pool_averages(x, size=2):
    """Average pooling."""
    return blocks(x, size).mean(axis=-1)


@wrong("max_pool_forward")
def pool_minimum(x, size=2):
    """The minimum."""
    return blocks(x, size).min(axis=-1)


@wrong("max_pool_forward")
def pool_sums(x, size=2):
    """The sum."""
    return blocks(x, size).sum(axis=-1)


@wrong("max_pool_forward")
def pool_median(x, size=2):
    """The median, against noise."""
    return np.median(blocks(x, size), axis=-1)


@wrong("max_pool_forward")
def pool_starts_at_zero(x, size=2):
    """A running maximum that starts at 0, so negative windows give 0."""
    return blocks(x, size).max(axis=-1, initial=0)


@wrong("max_pool_forward")
def pool_starts_at_minus_one(x, size=2):
    """A running maximum that starts at -1, the smallest value the learner could think of."""
    y = np.full(blocks(x, size).shape[:-1], -1.0)
    for offset in range(size * size):
        y = np.maximum(y, blocks(x, size)[..., offset])
    return y


@wrong("max_pool_forward")
def pool_of_magnitudes(x, size=2):
    """The largest absolute value."""
    return np.abs(blocks(x, size)).max(axis=-1)


@wrong("max_pool_forward")
def pool_signed_magnitudes(x, size=2):
    """The entry with the largest absolute value, with its sign."""
    entries = blocks(x, size)
    where = np.abs(entries).argmax(axis=-1)[..., None]
    return np.take_along_axis(entries, where, axis=-1)[..., 0]


@wrong("max_pool_forward")
def pool_over_channels(x, size=2):
    """The maximum over window and channels."""
    return blocks(x, size).max(axis=(3, 4))[..., None]


@wrong("max_pool_forward")
def pool_over_channels_broadcast(x, size=2):
    """The maximum over channels too, written to every channel."""
    entries = blocks(x, size)
    return np.repeat(entries.max(axis=(3, 4))[..., None], x.shape[3], axis=3)


@wrong("max_pool_forward")
def pool_over_batch(x, size=2):
    """The maximum over samples too."""
    return np.broadcast_to(blocks(x, size).max(axis=(0, 4)), blocks(x, size).shape[:-1])


@wrong("max_pool_forward")
def pool_global(x, size=2):
    """One maximum for the whole image."""
    return x.max(axis=(1, 2), keepdims=True)


@wrong("max_pool_forward")
def pool_winner_of_first_channel(x, size=2):
    """Finds the maximum of the first channel and takes all channels from there."""
    entries = blocks(x, size)
    where = np.broadcast_to(entries[:, :, :, :1].argmax(axis=-1), entries.shape[:-1])
    return np.take_along_axis(entries, where[..., None], axis=-1)[..., 0]


@wrong("max_pool_forward")
def pool_rounds_up(x, size=2):
    """Keeps windows at the border that are not full."""
    more = [-length % size for length in x.shape[1:3]]
    filled = ((0, 0), (0, more[0]), (0, more[1]), (0, 0))
    return blocks(np.pad(x, filled, constant_values=-np.inf), size).max(axis=-1)


@wrong("max_pool_forward")
def pool_rounds_up_with_zeros(x, size=2):
    """Fills the last windows with zeros."""
    more = [-length % size for length in x.shape[1:3]]
    return blocks(np.pad(x, ((0, 0), (0, more[0]), (0, more[1]), (0, 0))), size).max(axis=-1)


@wrong("max_pool_forward")
def pool_leaves_out_first_rows(x, size=2):
    """Cuts what does not fit at the beginning instead of at the end."""
    return blocks(x[:, x.shape[1] % size :, x.shape[2] % size :], size).max(axis=-1)


@wrong("max_pool_forward")
def pool_empty_when_it_fits(x, size=2):
    """x[:, :-(H % size)] is empty when H % size is 0."""
    return blocks(x[:, : -(x.shape[1] % size), : -(x.shape[2] % size)], size).max(axis=-1)


@wrong("max_pool_forward")
def pool_needs_fitting_sizes(x, size=2):
    """Reshapes without leaving anything out."""
    N, H, W, C = x.shape
    return x.reshape(N, H // size, size, W // size, size, C).max(axis=(2, 4))


@wrong("max_pool_forward")
def pool_reshape_sides_exchanged(x, size=2):
    """Reshapes to (N, size, Ho, size, Wo, C), which gathers pixels far apart."""
    N, H, W, C = x.shape
    Ho, Wo = H // size, W // size
    x = x[:, : Ho * size, : Wo * size].reshape(N, size, Ho, size, Wo, C)
    return x.max(axis=(1, 3))


@wrong("max_pool_forward")
def pool_two_always(x, size=2):
    """Windows are 2 x 2 whatever the size."""
    return blocks(x, 2).max(axis=-1)


@wrong("max_pool_forward")
def pool_looks_at_two_by_two(x, size=2):
    """Steps by the size but compares only the first 2 x 2 entries."""
    N, H, W, C = x.shape
    y = np.zeros((N, H // size, W // size, C))
    for i, j in np.ndindex(y.shape[1:3]):
        y[:, i, j] = x[:, i * size : i * size + 2, j * size : j * size + 2].max(axis=(1, 2))
    return y


@wrong("max_pool_forward")
def pool_overlapping(x, size=2):
    """Moves by one, as a convolution does."""
    return windows(x, size).max(axis=(3, 4))


@wrong("max_pool_forward")
def pool_neighbouring_windows(x, size=2):
    """The right shape, but windows start at i, j instead of i * size."""
    Ho, Wo = x.shape[1] // size, x.shape[2] // size
    return windows(x, size)[:, :Ho, :Wo].max(axis=(3, 4))


@wrong("max_pool_forward")
def pool_every_second(x, size=2):
    """Subsamples: the first entry of every window."""
    return blocks(x, size)[..., 0]


@wrong("max_pool_forward")
def pool_rows_only(x, size=2):
    """Takes the maximum over the rows of a window, then its first column."""
    N, H, W, C = x.shape
    entries = blocks(x, size).reshape(N, H // size, W // size, C, size, size)
    return entries.max(axis=4)[..., 0]


@wrong("max_pool_forward")
def pool_height_only(x, size=2):
    """Pools along the height and leaves the width."""
    N, H, W, C = x.shape
    return x[:, : H // size * size].reshape(N, H // size, size, W, C).max(axis=2)


@wrong("max_pool_forward")
def pool_swaps_sides(x, size=2):
    """Returns (N, Wo, Ho, C)."""
    return blocks(x, size).max(axis=-1).swapaxes(1, 2)


@wrong("max_pool_forward")
def pool_for_squares(x, size=2):
    """Wo = Ho: tall images run out, wide ones are cut."""
    N, Ho, C = len(x), x.shape[1] // size, x.shape[3]
    y = np.zeros((N, Ho, Ho, C))
    for i, j in np.ndindex(Ho, Ho):
        y[:, i, j] = x[:, i * size : (i + 1) * size, j * size : (j + 1) * size].max(axis=(1, 2))
    return y


@wrong("max_pool_forward")
def pool_channels_first(x, size=2):
    """Pools the last two axes, as with (N, C, H, W)."""
    return np.moveaxis(blocks(np.moveaxis(x, 1, 3), size).max(axis=-1), 3, 1)


@wrong("max_pool_forward")
def pool_first_sample(x, size=2):
    """Leaves the other samples at zero."""
    y = blocks(x, size).max(axis=-1)
    y[1:] = 0
    return y


@wrong("max_pool_forward")
def pool_truncates(x, size=2):
    """Collects maxima in an array of integers."""
    return blocks(x, size).max(axis=-1).astype(int)


@wrong("max_pool_forward")
def pool_returns_positions(x, size=2):
    """argmax instead of max."""
    return blocks(x, size).argmax(axis=-1)


@wrong("max_pool_forward")
def pool_returns_mask_too(x, size=2):
    """Returns (y, mask)."""
    y = blocks(x, size).max(axis=-1)
    return y, first_maximum(blocks(x, size))


@wrong("max_pool_forward")
def pool_keeps_resolution(x, size=2):
    """Writes the maximum back over the whole window: the image does not shrink."""
    return upsample(blocks(x, size).max(axis=-1), size)


@wrong("max_pool_forward")
def pool_last_bigger_than_previous(x, size=2):
    """Compares neighbours only: the last entry that is larger than the one before it."""
    entries = blocks(x, size)
    y = entries[..., 0]
    for offset in range(1, size * size):
        bigger = entries[..., offset] > entries[..., offset - 1]
        y = np.where(bigger, entries[..., offset], y)
    return y


@wrong("max_pool_forward")
def pool_sorts_in_place(x, size=2):
    """Sorts the rows of windows through views, which reorders the image."""
    y = blocks(x, size).max(axis=-1)
    for i in range(y.shape[1]):
        x[:, i * size : (i + 1) * size].sort(axis=1)
    return y


@wrong("max_pool_forward")
def pool_rectifies_in_place(x, size=2):
    """Applies ReLU to the argument first, as the layer before would have."""
    np.maximum(x, 0, out=x)
    return blocks(x, size).max(axis=-1)


@wrong("max_pool_forward")
def pool_softly(x, size=2):
    """A smooth maximum, log of the sum of exponentials."""
    entries = blocks(x, size)
    top = entries.max(axis=-1, keepdims=True)
    return (top + np.log(np.exp(entries - top).sum(axis=-1, keepdims=True)))[..., 0]


@wrong("max_pool_forward")
def pool_shortcut_for_whole_images(x, size=2):
    """A shortcut when the window is as high as the image forgets that it may be wider."""
    if x.shape[1] == size:
        return x.max(axis=(1, 2), keepdims=True)
    return blocks(x, size).max(axis=-1)


# ------------------------------------------------------------------------- max_pool_backward


@wrong("max_pool_backward")
def unpool_to_every_tie(dY, x, size=2):
    """All tied maxima get the whole gradient."""
    entries = blocks(x, size)
    mask = entries == entries.max(axis=-1, keepdims=True)
    return unblock(mask * dY[..., None], x.shape, size)


@wrong("max_pool_backward")
def unpool_ties_get_nothing(dY, x, size=2):
    """Only an entry larger than all others counts, so ties lose the gradient."""
    entries = blocks(x, size)
    mask = entries == entries.max(axis=-1, keepdims=True)
    mask &= mask.sum(axis=-1, keepdims=True) == 1
    return unblock(mask * dY[..., None], x.shape, size)


@wrong("max_pool_backward")
def unpool_ties_over_window_size(dY, x, size=2):
    """Divides tied maxima by the entries of a window instead of by their number."""
    entries = blocks(x, size)
    mask = entries == entries.max(axis=-1, keepdims=True)
    share = np.where(mask.sum(axis=-1, keepdims=True) > 1, size * size, 1)
    return unblock(mask / share * dY[..., None], x.shape, size)


@wrong("max_pool_backward")
def unpool_ties_over_image(dY, x, size=2):
    """Divides by the number of maxima per window averaged over the whole batch."""
    entries = blocks(x, size)
    mask = entries == entries.max(axis=-1, keepdims=True)
    return unblock(mask / mask.sum(axis=-1).mean() * dY[..., None], x.shape, size)


@wrong("max_pool_backward")
def unpool_ties_halved(dY, x, size=2):
    """Splits any tie in halves, also when three or four are tied."""
    entries = blocks(x, size)
    mask = entries == entries.max(axis=-1, keepdims=True)
    share = np.minimum(mask.sum(axis=-1, keepdims=True), 2)
    return unblock(mask / share * dY[..., None], x.shape, size)


@wrong("max_pool_backward")
def unpool_evenly(dY, x, size=2):
    """Average pooling's gradient."""
    return unblock(np.repeat(dY[..., None] / size**2, size**2, axis=-1), x.shape, size)


@wrong("max_pool_backward")
def unpool_copies(dY, x, size=2):
    """Every entry of the window gets the whole gradient."""
    return unblock(np.repeat(dY[..., None], size**2, axis=-1), x.shape, size)


@wrong("max_pool_backward")
def unpool_ignores_upstream(dY, x, size=2):
    """Returns the mask."""
    return unblock(first_maximum(blocks(x, size)), x.shape, size)


@wrong("max_pool_backward")
def unpool_to_first_entry(dY, x, size=2):
    """The top left pixel of each window gets all."""
    entries = blocks(x, size)
    return unblock((np.arange(size * size) == 0) * dY[..., None] + 0 * entries, x.shape, size)


@wrong("max_pool_backward")
def unpool_to_minimum(dY, x, size=2):
    """To the smallest entry."""
    return pool_gradient(dY, -x, size)


@wrong("max_pool_backward")
def unpool_to_largest_magnitude(dY, x, size=2):
    """To the largest absolute value."""
    return pool_gradient(dY, np.abs(x), size)


@wrong("max_pool_backward")
def unpool_to_runner_up(dY, x, size=2):
    """argsort read from the wrong end by one: the second largest."""
    entries = blocks(x, size)
    place = entries.argsort(axis=-1)[..., max(size * size - 2, 0)]
    mask = np.arange(size * size) == place[..., None]
    return unblock(mask * dY[..., None], x.shape, size)


@wrong("max_pool_backward")
def unpool_values_found_anywhere(dY, x, size=2):
    """The first pixel that equals the maximum of any window wins."""
    entries = blocks(x, size)
    mask = np.isin(entries, entries.max(axis=-1))
    mask &= first_maximum(mask.astype(int))
    return unblock(mask * dY[..., None], x.shape, size)


@wrong("max_pool_backward")
def unpool_compares_next_window(dY, x, size=2):
    """Compares each window with the maximum of the window to the left (the wrong slice)."""
    entries = blocks(x, size)
    mask = entries == np.roll(entries.max(axis=-1), 1, axis=2)[..., None]
    return unblock(mask * dY[..., None], x.shape, size)


@wrong("max_pool_backward")
def unpool_image_maximum(dY, x, size=2):
    """Only the largest pixel of the whole image gets a gradient."""
    mask = x == x.max(axis=(1, 2), keepdims=True)
    return pool_gradient(dY, x, size) * mask


@wrong("max_pool_backward")
def unpool_maximum_over_channels(dY, x, size=2):
    """Only the channel with the largest value gets its gradient."""
    entries = blocks(x, size)
    top = entries.max(axis=(3, 4), keepdims=True)
    return unblock((entries == top) * dY[..., None], x.shape, size)


@wrong("max_pool_backward")
def unpool_position_of_first_channel(dY, x, size=2):
    """All channels use the position of the first channel's maximum."""
    mask = first_maximum(blocks(x, size)[:, :, :, :1])
    return unblock(mask * dY[..., None], x.shape, size)


@wrong("max_pool_backward")
def unpool_sums_channels(dY, x, size=2):
    """Each channel gets the gradient of all channels added up."""
    return pool_gradient(np.repeat(dY.sum(3, keepdims=True), x.shape[3], axis=3), x, size)


@wrong("max_pool_backward")
def unpool_position_transposed(dY, x, size=2):
    """Reads the flat position as column, row instead of row, column."""
    N, Ho, Wo, C, _ = blocks(x, size).shape
    entries = first_maximum(blocks(x, size)).reshape(N, Ho, Wo, C, size, size)
    entries = entries.swapaxes(4, 5).reshape(N, Ho, Wo, C, size * size)
    return unblock(entries * dY[..., None], x.shape, size)


@wrong("max_pool_backward")
def unpool_divides_by_two(dY, x, size=2):
    """divmod(position, 2) whatever the size."""
    place = blocks(x, size).argmax(axis=-1)
    dx = np.zeros(x.shape)
    for n, i, j, c in np.ndindex(*dY.shape):
        row, column = divmod(place[n, i, j, c], 2)
        dx[n, i * size + row, j * size + column, c] += dY[n, i, j, c]
    return dx


@wrong("max_pool_backward")
def unpool_two_always(dY, x, size=2):
    """Windows of 2 x 2 whatever the size."""
    dx = np.zeros(x.shape)
    for n, i, j, c in np.ndindex(*dY.shape):
        window = x[n, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2, c]
        row, column = np.unravel_index(window.argmax(), window.shape)
        dx[n, 2 * i + row, 2 * j + column, c] = dY[n, i, j, c]
    return dx


@wrong("max_pool_backward")
def unpool_wrong_window_start(dY, x, size=2):
    """Finds the maximum right, then writes it at i + row instead of i * size + row."""
    dx = np.zeros(x.shape)
    for n, i, j, c in np.ndindex(*dY.shape):
        window = x[n, i * size : (i + 1) * size, j * size : (j + 1) * size, c]
        row, column = np.unravel_index(window.argmax(), window.shape)
        dx[n, i + row, j + column, c] += dY[n, i, j, c]
    return dx


@wrong("max_pool_backward")
def unpool_loses_the_rest(dY, x, size=2):
    """dx has no rows and columns for what the pooling left out."""
    Ho, Wo = dY.shape[1:3]
    return pool_gradient(dY, x, size)[:, : Ho * size, : Wo * size]


@wrong("max_pool_backward")
def unpool_the_rest_in_front(dY, x, size=2):
    """Puts the rows and columns that were left out first."""
    H, W = x.shape[1:3]
    return np.roll(pool_gradient(dY, x, size), (H % size, W % size), axis=(1, 2))


@wrong("max_pool_backward")
def unpool_the_rest_gets_gradient(dY, x, size=2):
    """Repeats the last window's gradient into the rows that were left out."""
    H, W = x.shape[1:3]
    wide = np.pad(upsample(dY, size), ((0, 0), (0, H % size), (0, W % size), (0, 0)), mode="edge")
    dx = pool_gradient(dY, x, size)
    dx[:, H - H % size :] = wide[:, H - H % size :]
    dx[:, :, W - W % size :] = wide[:, :, W - W % size :]
    return dx


@wrong("max_pool_backward")
def unpool_needs_fitting_sizes(dY, x, size=2):
    """Compares x with the repeated maxima, which has another shape when sizes do not fit."""
    y = blocks(x, size).max(axis=-1)
    return np.where(x == upsample(y, size), upsample(dY, size), 0)


@wrong("max_pool_backward")
def unpool_swaps_sides(dY, x, size=2):
    """Reads dY[n, j, i]; where that does not exist there is no gradient."""
    flipped = np.zeros_like(dY)
    side = min(dY.shape[1:3])
    flipped[:, :side, :side] = dY[:, :side, :side].swapaxes(1, 2)
    return pool_gradient(flipped, x, size)


@wrong("max_pool_backward")
def unpool_over_window(dY, x, size=2):
    """Divides by size * size at the maximum."""
    return pool_gradient(dY, x, size) / size**2


@wrong("max_pool_backward")
def unpool_over_batch(dY, x, size=2):
    """Divides by N."""
    return pool_gradient(dY, x, size) / len(x)


@wrong("max_pool_backward")
def unpool_times_x(dY, x, size=2):
    """Multiplies by the maximum itself."""
    return pool_gradient(dY, x, size) * x


@wrong("max_pool_backward")
def unpool_positive_only(dY, x, size=2):
    """Stops at negative maxima (a ReLU, or a running maximum that began at 0)."""
    return pool_gradient(dY, x, size) * (x > 0)


@wrong("max_pool_backward")
def unpool_truncates(dY, x, size=2):
    """np.zeros_like of an integer array."""
    return pool_gradient(dY, x, size).astype(int)


@wrong("max_pool_backward")
def unpool_first_sample(dY, x, size=2):
    """The first sample only."""
    dx = pool_gradient(dY, x, size)
    dx[1:] = 0
    return dx


@wrong("max_pool_backward")
def unpool_small_shape(dY, x, size=2):
    """Returns something of the shape of dY."""
    return dY * (blocks(x, size).max(axis=-1) > 0)


@wrong("max_pool_backward")
def unpool_fills_x(dY, x, size=2):
    """Starts from a copy of x instead of zeros."""
    dx = pool_gradient(dY, x, size)
    return np.where(dx == 0, x, dx)


@wrong("max_pool_backward")
def unpool_marks_in_place(dY, x, size=2):
    """Overwrites the maxima of x with -inf to remember them."""
    dx = pool_gradient(dY, x, size)
    x[unblock(first_maximum(blocks(x, size)), x.shape, size) > 0] = -np.inf
    return dx


@wrong("max_pool_backward")
def unpool_drains_upstream(dY, x, size=2):
    """Takes the gradient out of dY, which is zero afterwards."""
    dx = pool_gradient(dY, x, size)
    dY[...] = 0
    return dx


@wrong("max_pool_backward")
def unpool_softly(dY, x, size=2):
    """Splits by softmax weights."""
    entries = blocks(x, size)
    e = np.exp(entries - entries.max(axis=-1, keepdims=True))
    return unblock(e / e.sum(axis=-1, keepdims=True) * dY[..., None], x.shape, size)


@wrong("max_pool_backward")
def unpool_nearly_equal(dY, x, size=2):
    """np.isclose with a generous tolerance counts near ties, and splits among them."""
    entries = blocks(x, size)
    mask = np.isclose(entries, entries.max(axis=-1, keepdims=True), rtol=0, atol=0.5)
    return unblock(mask / mask.sum(axis=-1, keepdims=True) * dY[..., None], x.shape, size)


# --------------------------------------------------------------------------- dropout_forward


@wrong("dropout_forward")
def dropout_never_scales(x, p, rng):
    """The old dropout: scales at test time, which nobody does here."""
    mask = rng.random(x.shape) >= p
    return x * mask, mask


@wrong("dropout_forward")
def dropout_divides_by_p(x, p, rng):
    """Takes p for the probability of keeping when scaling."""
    mask = rng.random(x.shape) >= p
    return x * mask / p if p else x * mask, mask


@wrong("dropout_forward")
def dropout_multiplies_by_keep(x, p, rng):
    """Multiplies by 1 - p."""
    mask = rng.random(x.shape) >= p
    return x * mask * (1 - p), mask


@wrong("dropout_forward")
def dropout_scales_twice(x, p, rng):
    """Divides by (1 - p) twice."""
    mask = rng.random(x.shape) >= p
    return x * mask / (1 - p) ** 2, mask


@wrong("dropout_forward")
def dropout_scales_by_root(x, p, rng):
    """Divides by sqrt(1 - p), to keep the second moment."""
    mask = rng.random(x.shape) >= p
    return x * mask / math.sqrt(1 - p), mask


@wrong("dropout_forward")
def dropout_scales_by_one_plus_p(x, p, rng):
    """Multiplies by 1 + p, which makes up for a loss of p only to first order."""
    mask = rng.random(x.shape) >= p
    return x * mask * (1 + p), mask


@wrong("dropout_forward")
def dropout_without_brackets(x, p, rng):
    """x * mask / 1 - p: the brackets are missing."""
    mask = rng.random(x.shape) >= p
    return x * mask / 1 - p, mask


@wrong("dropout_forward")
def dropout_scales_by_kept_fraction(x, p, rng):
    """Divides by the fraction that happened to be kept."""
    mask = rng.random(x.shape) >= p
    return x * mask / max(mask.mean(), 1e-12), mask


@wrong("dropout_forward")
def dropout_keeps_with_p(x, p, rng):
    """p is the probability of keeping, everywhere."""
    mask = rng.random(x.shape) < p
    return (x * mask / p if p else x * 0), mask


@wrong("dropout_forward")
def dropout_comparison_reversed(x, p, rng):
    """Keeps where the draw is below p, but scales by 1 - p."""
    mask = rng.random(x.shape) < p
    return x * mask / (1 - p), mask


@wrong("dropout_forward")
def dropout_returns_dropped(x, p, rng):
    """The returned mask is True where x was dropped."""
    mask = rng.random(x.shape) >= p
    return x * mask / (1 - p), ~mask


@wrong("dropout_forward")
def dropout_float_mask(x, p, rng):
    """The mask holds 0.0 and 1.0."""
    mask = (rng.random(x.shape) >= p).astype(float)
    return x * mask / (1 - p), mask


@wrong("dropout_forward")
def dropout_scaled_mask(x, p, rng):
    """The mask holds 0 and 1 / (1 - p), as in CS231n."""
    mask = (rng.random(x.shape) >= p) / (1 - p)
    return x * mask, mask


@wrong("dropout_forward")
def dropout_integer_mask(x, p, rng):
    """The mask holds integers, so ~mask and x[mask] do something else."""
    mask = rng.binomial(1, 1 - p, x.shape)
    return x * mask / (1 - p), mask


@wrong("dropout_forward")
def dropout_order_exchanged(x, p, rng):
    """Returns (mask, y)."""
    mask = rng.random(x.shape) >= p
    return mask, x * mask / (1 - p)


@wrong("dropout_forward")
def dropout_forgets_mask(x, p, rng):
    """Returns y alone."""
    return x * (rng.random(x.shape) >= p) / (1 - p)


@wrong("dropout_forward")
def dropout_draws_twice(x, p, rng):
    """Returns another mask than the one it used."""
    return x * (rng.random(x.shape) >= p) / (1 - p), rng.random(x.shape) >= p


@wrong("dropout_forward")
def dropout_by_sample(x, p, rng):
    """Drops whole samples."""
    drawn = rng.random((len(x),) + (1,) * (x.ndim - 1)) >= p
    mask = np.broadcast_to(drawn, x.shape)
    return x * mask / (1 - p), mask


@wrong("dropout_forward")
def dropout_by_unit(x, p, rng):
    """Drops the same units for all samples."""
    mask = np.broadcast_to(rng.random(x.shape[1:]) >= p, x.shape)
    return x * mask / (1 - p), mask


@wrong("dropout_forward")
def dropout_by_last_axis(x, p, rng):
    """Draws one number per entry of the last axis."""
    mask = np.broadcast_to(rng.random(x.shape[-1]) >= p, x.shape)
    return x * mask / (1 - p), mask


@wrong("dropout_forward")
def dropout_all_or_nothing(x, p, rng):
    """One coin for the whole batch."""
    mask = np.full(x.shape, rng.random() >= p)
    return x * mask / (1 - p), mask


@wrong("dropout_forward")
def dropout_rows_and_columns(x, p, rng):
    """Keeps an entry if its sample or its units won, each with a chance that makes the mean fit."""
    chance = np.sqrt(p)
    samples = rng.random((len(x),) + (1,) * (x.ndim - 1)) >= chance
    mask = samples | (rng.random(x.shape[1:]) >= chance)
    return x * mask / (1 - p), mask


@wrong("dropout_forward")
def dropout_pairs(x, p, rng):
    """Draws half of the mask and uses it forwards and backwards."""
    half = rng.random((x.size + 1) // 2) >= p
    mask = np.concatenate([half, half[::-1]])[: x.size].reshape(x.shape)
    return x * mask / (1 - p), mask


@wrong("dropout_forward")
def dropout_global_generator(x, p, rng):
    """Leaves rng unused."""
    # noqa below: the global generator is the mistake
    mask = np.random.rand(*x.shape) >= p  # noqa: NPY002
    return x * mask / (1 - p), mask


@wrong("dropout_forward")
def dropout_own_generator(x, p, rng):
    """Makes an unseeded generator of its own."""
    mask = np.random.default_rng().random(x.shape) >= p
    return x * mask / (1 - p), mask


@wrong("dropout_forward")
def dropout_seeds_anew(x, p, rng):
    """Makes a generator with a fixed seed, so the mask is always the same."""
    mask = np.random.default_rng(0).random(x.shape) >= p
    return x * mask / (1 - p), mask


@wrong("dropout_forward")
def dropout_copies_generator(x, p, rng):
    """Draws from a copy, so the generator stands still and the mask comes again."""
    mask = copy.deepcopy(rng).random(x.shape) >= p
    return x * mask / (1 - p), mask


@wrong("dropout_forward")
def dropout_rewinds_generator(x, p, rng):
    """Puts the state of the generator back after drawing."""
    state = rng.bit_generator.state
    mask = rng.random(x.shape) >= p
    rng.bit_generator.state = state
    return x * mask / (1 - p), mask


@wrong("dropout_forward")
def dropout_fixed_number(x, p, rng):
    """Drops exactly round(p * size) entries."""
    mask = rng.permutation(x.size).reshape(x.shape) >= round(p * x.size)
    return x * mask / (1 - p), mask


@wrong("dropout_forward")
def dropout_fixed_number_per_sample(x, p, rng):
    """Drops the same number of entries in every sample."""
    width = x[0].size
    order = rng.permuted(np.tile(np.arange(width), (len(x), 1)), axis=1)
    mask = (order >= round(p * width)).reshape(x.shape)
    return x * mask / (1 - p), mask


@wrong("dropout_forward")
def dropout_choice_with_replacement(x, p, rng):
    """Chooses p * size places to drop, some of them more than once."""
    mask = np.ones(x.size, dtype=bool)
    mask[rng.choice(x.size, round(p * x.size))] = False
    mask = mask.reshape(x.shape)
    return x * mask / (1 - p), mask


@wrong("dropout_forward")
def dropout_half_always(x, p, rng):
    """Tosses a fair coin whatever p is."""
    mask = rng.choice([True, False], x.shape)
    return x * mask / (1 - p), mask


@wrong("dropout_forward")
def dropout_normal_draws(x, p, rng):
    """Compares normal draws with p."""
    mask = rng.standard_normal(x.shape) >= p
    return x * mask / (1 - p), mask


@wrong("dropout_forward")
def dropout_signed_uniform(x, p, rng):
    """Draws from -1 to 1."""
    mask = rng.uniform(-1, 1, x.shape) >= p
    return x * mask / (1 - p), mask


@wrong("dropout_forward")
def dropout_in_percent(x, p, rng):
    """Draws whole percents from 0 to 100 and compares them with p, not with 100 p."""
    mask = rng.integers(0, 101, x.shape) >= p
    return x * mask / (1 - p), mask


@wrong("dropout_forward")
def dropout_tenths(x, p, rng):
    """Draws whole tenths, which is too coarse for a p such as 0.25."""
    mask = rng.integers(0, 10, x.shape) >= round(10 * p)
    return x * mask / (1 - p), mask


@wrong("dropout_forward")
def dropout_smallest(x, p, rng):
    """Drops the smallest values instead of random ones."""
    mask = x >= np.quantile(x, p)
    return x * mask / (1 - p), mask


@wrong("dropout_forward")
def dropout_first_units(x, p, rng):
    """Drops the first p * size entries of the batch."""
    mask = (np.arange(x.size) >= round(p * x.size)).reshape(x.shape)
    return x * mask / (1 - p), mask


@wrong("dropout_forward")
def dropout_mask_from_result(x, p, rng):
    """mask = (y != 0), which takes zeros of x for dropped."""
    y = x * (rng.random(x.shape) >= p) / (1 - p)
    return y, y != 0


@wrong("dropout_forward")
def dropout_spares_zeros(x, p, rng):
    """Drops only entries that are not zero already."""
    mask = (rng.random(x.shape) >= p) | (x == 0)
    return x * mask / (1 - p), mask


@wrong("dropout_forward")
def dropout_gaussian_noise(x, p, rng):
    """Gaussian dropout: multiplies by noise with mean 1, and makes up a mask."""
    noise = rng.normal(1, math.sqrt(p / (1 - p)), x.shape)
    return x * noise, noise > 0


@wrong("dropout_forward")
def dropout_fills_with_mean(x, p, rng):
    """Dropped entries become the mean."""
    mask = rng.random(x.shape) >= p
    return np.where(mask, x / (1 - p), x.mean()), mask


@wrong("dropout_forward")
def dropout_where_turned_round(x, p, rng):
    """np.where with its condition turned round: kept entries become zero."""
    mask = rng.random(x.shape) >= p
    return np.where(~mask, x / (1 - p), 0), mask


@wrong("dropout_forward")
def dropout_in_place(x, p, rng):
    """x *= mask changes the argument."""
    mask = rng.random(x.shape) >= p
    x *= mask
    return x / (1 - p), mask


@wrong("dropout_forward")
def dropout_shuffles(x, p, rng):
    """Shuffles the samples in place before dropping."""
    rng.shuffle(x)
    mask = rng.random(x.shape) >= p
    return x * mask / (1 - p), mask


@wrong("dropout_forward")
def dropout_at_test_time(x, p, rng):
    """Passes x through, as in evaluation."""
    return x.copy(), np.ones(x.shape, dtype=bool)


@wrong("dropout_forward")
def dropout_no_mask_without_dropping(x, p, rng):
    """Returns None for the mask when p is 0."""
    if p == 0:
        return x.copy(), None
    mask = rng.random(x.shape) >= p
    return x * mask / (1 - p), mask


@wrong("dropout_forward")
def dropout_flat_mask(x, p, rng):
    """The mask is flat."""
    mask = rng.random(x.size) >= p
    return x * mask.reshape(x.shape) / (1 - p), mask


@wrong("dropout_forward")
def dropout_compressed(x, p, rng):
    """Returns only what was kept."""
    mask = rng.random(x.shape) >= p
    return x[mask] / (1 - p), mask


@wrong("dropout_forward")
def dropout_truncates(x, p, rng):
    """Writes y into integers."""
    mask = rng.random(x.shape) >= p
    return (x * mask / (1 - p)).astype(int), mask


# -------------------------------------------------------------------------- dropout_backward


@wrong("dropout_backward")
def undrop_never_scales(dY, mask, p):
    """Forgets 1 / (1 - p)."""
    return dY * mask


@wrong("dropout_backward")
def undrop_scales_twice(dY, mask, p):
    """Divides by (1 - p) twice."""
    return dY * mask / (1 - p) ** 2


@wrong("dropout_backward")
def undrop_divides_by_p(dY, mask, p):
    """Divides by p."""
    return dY * mask / p if p else dY * mask


@wrong("dropout_backward")
def undrop_multiplies_by_keep(dY, mask, p):
    """Undoes the scaling of the forward pass."""
    return dY * mask * (1 - p)


@wrong("dropout_backward")
def undrop_multiplies_by_p(dY, mask, p):
    """Multiplies by p."""
    return dY * mask * p


@wrong("dropout_backward")
def undrop_scales_by_root(dY, mask, p):
    """Divides by sqrt(1 - p)."""
    return dY * mask / math.sqrt(1 - p)


@wrong("dropout_backward")
def undrop_without_brackets(dY, mask, p):
    """dY * mask / 1 - p."""
    return dY * mask / 1 - p


@wrong("dropout_backward")
def undrop_scales_by_kept_fraction(dY, mask, p):
    """Divides by the fraction that happened to be kept."""
    return dY * mask / max(mask.mean(), 1e-12)


@wrong("dropout_backward")
def undrop_mask_inverted(dY, mask, p):
    """Sends the gradient to the dropped ones."""
    return dY * ~mask / (1 - p)


@wrong("dropout_backward")
def undrop_ignores_mask(dY, mask, p):
    """Lets everything through, scaled."""
    return dY / (1 - p)


@wrong("dropout_backward")
def undrop_passes_through(dY, mask, p):
    """Takes dropout for a forward trick that has no gradient."""
    return dY.copy()


@wrong("dropout_backward")
def undrop_ignores_upstream(dY, mask, p):
    """Returns the local derivative alone."""
    return mask / (1 - p)


@wrong("dropout_backward")
def undrop_dropped_unscaled(dY, mask, p):
    """Scales the kept ones and leaves the dropped ones as they are."""
    return np.where(mask, dY / (1 - p), dY)


@wrong("dropout_backward")
def undrop_new_mask(dY, mask, p):
    """Draws a new mask."""
    fresh = np.random.default_rng(1).random(dY.shape) >= p
    return dY * fresh / (1 - p)


@wrong("dropout_backward")
def undrop_adds_mask(dY, mask, p):
    """Adds where it should multiply."""
    return dY + mask / (1 - p)


@wrong("dropout_backward")
def undrop_mask_of_first_sample(dY, mask, p):
    """Uses the first sample's mask for all."""
    return dY * mask[0] / (1 - p)


@wrong("dropout_backward")
def undrop_units_ever_kept(dY, mask, p):
    """A unit kept in any sample counts as kept."""
    return dY * mask.any(axis=0) / (1 - p)


@wrong("dropout_backward")
def undrop_over_batch(dY, mask, p):
    """Divides by N."""
    return dY * mask / (1 - p) / len(dY)


@wrong("dropout_backward")
def undrop_sums_batch(dY, mask, p):
    """Adds up the batch, as for a bias."""
    return (dY * mask / (1 - p)).sum(axis=0)


@wrong("dropout_backward")
def undrop_compressed(dY, mask, p):
    """Returns only the kept entries."""
    return dY[mask] / (1 - p)


@wrong("dropout_backward")
def undrop_positive_only(dY, mask, p):
    """Lets only positive gradients through, as if it were a ReLU."""
    return np.maximum(dY, 0) * mask / (1 - p)


@wrong("dropout_backward")
def undrop_always_doubles(dY, mask, p):
    """The factor 2 of p = 0.5."""
    return dY * mask * 2


@wrong("dropout_backward")
def undrop_truncates(dY, mask, p):
    """Fills np.zeros_like(mask, dtype=int)."""
    dx = np.zeros_like(mask, dtype=int)
    dx[mask] = dY[mask] / (1 - p)
    return dx


@wrong("dropout_backward")
def undrop_fills_boolean(dY, mask, p):
    """np.zeros_like(mask) is boolean, so the gradient becomes True."""
    dx = np.zeros_like(mask)
    dx[mask] = dY[mask] / (1 - p)
    return dx


@wrong("dropout_backward")
def undrop_in_place(dY, mask, p):
    """dY[~mask] = 0 changes the argument."""
    dY[~mask] = 0
    return dY / (1 - p)


@wrong("dropout_backward")
def undrop_mask_in_place(dY, mask, p):
    """mask /= 1 - p, which a boolean array refuses."""
    mask /= 1 - p
    return dY * mask


@wrong("dropout_backward")
def undrop_negates_mask(dY, mask, p):
    """Negates the boolean mask, which NumPy refuses."""
    return dY * (1 + -mask) / (1 - p)


@wrong("dropout_backward")
def undrop_returns_mask_too(dY, mask, p):
    """Returns (dx, mask)."""
    return dY * mask / (1 - p), mask


@wrong("dropout_backward")
def undrop_nothing_to_do_without_dropping(dY, mask, p):
    """Returns None when p is 0."""
    if p > 0:
        return dY * mask / (1 - p)


@wrong("dropout_backward")
def undrop_clears_mask(dY, mask, p):
    """Clears the mask where dY is not positive, in the caller's array."""
    mask &= dY > 0
    return dY * mask / (1 - p)


# ----------------------------------------------------------------------------------- hostile


class UnprintableError(Exception):
    """Raises when shown."""

    def __str__(self):
        raise RuntimeError("no text")

    __repr__ = __str__


class Agreeable:
    """Claims a shape and equals everything."""

    dtype, ndim = np.dtype(float), 4

    def __init__(self, shape):
        self.shape = shape

    def __eq__(self, other):
        return True

    __hash__ = None

    def __sub__(self, other):
        return 0.0

    __rsub__ = __sub__


class ShiftyArray:
    """Turns into another array each time it is asked, and never into the right one."""

    def __init__(self, shape):
        self.shape, self.asked = shape, 0

    def __array__(self, dtype=None, copy=None):
        self.asked += 1
        return np.full(self.shape, float(self.asked))


class ThrowingArray:
    """Raises when made an array, which is outside the learner's function."""

    def __array__(self, dtype=None, copy=None):
        raise UnprintableError


class YesArray(np.ndarray):
    """An array of zeros that answers every NumPy function with True."""

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        return np.True_

    def __array_function__(self, func, types, args, kwargs):
        return True


def yes(shape):
    """Zeros that say yes to everything."""
    return np.zeros(shape).view(YesArray)


def conv_shape(x, W, stride, padding):
    """The shape of y."""
    K = len(W)
    Ho, Wo = ((length + 2 * padding - K) // stride + 1 for length in x.shape[1:3])
    return len(x), Ho, Wo, W.shape[3]


def pool_shape(x, size):
    """The shape of y."""
    return len(x), x.shape[1] // size, x.shape[2] // size, x.shape[3]


@hostile("conv2d_forward")
def hostile_conv_exits(x, W, b, stride=1, padding=0):
    """Ends the interpreter."""
    raise SystemExit(0)


@hostile("conv2d_forward")
def hostile_conv_agreeable(x, W, b, stride=1, padding=0):
    """Returns an object that equals everything."""
    return Agreeable(conv_shape(x, W, stride, padding))


@hostile("conv2d_forward")
def hostile_conv_not_a_number(x, W, b, stride=1, padding=0):
    """Returns NaN throughout."""
    return np.full(conv_shape(x, W, stride, padding), np.nan)


@hostile("conv2d_forward")
def hostile_conv_all_masked(x, W, b, stride=1, padding=0):
    """Returns an array whose every comparison is masked."""
    return np.ma.masked_all(conv_shape(x, W, stride, padding))


@hostile("conv2d_forward")
def hostile_conv_empties_inputs(x, W, b, stride=1, padding=0):
    """Clears all inputs, so that any sum of them is right afterwards."""
    for given in (x, W, b):
        given.fill(0)
    return np.zeros(conv_shape(x, W, stride, padding))


@hostile("conv2d_forward")
def hostile_conv_yes(x, W, b, stride=1, padding=0):
    """Returns a subclass of ndarray that answers np.allclose with True."""
    return yes(conv_shape(x, W, stride, padding))


@hostile("conv2d_backward")
def hostile_conv_backward_unprintable(dY, x, W, stride=1, padding=0):
    """Raises an exception that cannot be shown."""
    raise UnprintableError


@hostile("conv2d_backward")
def hostile_conv_backward_two(dY, x, W, stride=1, padding=0):
    """Returns two gradients."""
    return np.zeros(x.shape), np.zeros(W.shape)


@hostile("conv2d_backward")
def hostile_conv_backward_four(dY, x, W, stride=1, padding=0):
    """Returns the right three gradients and a fourth."""
    return *gradients(dY, x, W, stride, padding), "db2"


@hostile("conv2d_backward")
def hostile_conv_backward_failing_generator(dY, x, W, stride=1, padding=0):
    """Returns a generator that raises in the middle."""
    return (1 // (1 - k) for k in range(3))


@hostile("conv2d_backward")
def hostile_conv_backward_objects(dY, x, W, stride=1, padding=0):
    """Returns arrays of objects that equal everything."""
    return tuple(
        np.full(shape, Agreeable(()), dtype=object) for shape in (x.shape, W.shape, W.shape[3:])
    )


@hostile("conv2d_backward")
def hostile_conv_backward_yes(dY, x, W, stride=1, padding=0):
    """Returns subclasses of ndarray that answer np.allclose with True."""
    return yes(x.shape), yes(W.shape), yes(W.shape[3:])


@hostile("im2col")
def hostile_im2col_stops(x, kernel_size, stride=1):
    """Raises StopIteration."""
    raise StopIteration


@hostile("im2col")
def hostile_im2col_text(x, kernel_size, stride=1):
    """Returns a string."""
    return "columns"


@hostile("im2col")
def hostile_im2col_ragged(x, kernel_size, stride=1):
    """Returns rows of unequal length."""
    return [[0.0] * n for n in range(1, 5)]


@hostile("im2col")
def hostile_im2col_shifty(x, kernel_size, stride=1):
    """Returns an object that becomes another array each time."""
    view = windows(x, kernel_size, stride)
    return ShiftyArray((math.prod(view.shape[:3]), math.prod(view.shape[3:])))


@hostile("im2col")
def hostile_im2col_throwing(x, kernel_size, stride=1):
    """Returns an object that raises when made an array."""
    return ThrowingArray()


@hostile("im2col")
def hostile_im2col_itself(x, kernel_size, stride=1):
    """Returns the function itself."""
    return hostile_im2col_itself


@hostile("max_pool_forward")
def hostile_pool_out_of_memory(x, size=2):
    """Claims to be out of memory."""
    raise MemoryError


@hostile("max_pool_forward")
def hostile_pool_nothing(x, size=2):
    """Returns None."""


@hostile("max_pool_forward")
def hostile_pool_complex(x, size=2):
    """Returns the right values with an imaginary part."""
    return blocks(x, size).max(axis=-1) + 1j


@hostile("max_pool_forward")
def hostile_pool_infinite(x, size=2):
    """Returns infinity, which is a maximum of something."""
    return np.full(pool_shape(x, size), np.inf)


@hostile("max_pool_forward")
def hostile_pool_writes_infinity(x, size=2):
    """Makes every pixel equal to the largest, so that the result becomes right."""
    x[...] = x.max()
    return np.full(pool_shape(x, size), x.max())


@hostile("max_pool_forward")
def hostile_pool_text_array(x, size=2):
    """Returns the right values as strings."""
    return blocks(x, size).max(axis=-1).astype(str)


@hostile("max_pool_backward")
def hostile_unpool_own_base_exception(dY, x, size=2):
    """Raises GeneratorExit, which is no Exception."""
    raise GeneratorExit


@hostile("max_pool_backward")
def hostile_unpool_itself_forever(dY, x, size=2):
    """Recurses until Python stops it."""
    return hostile_unpool_itself_forever(dY, x, size)


@hostile("max_pool_backward")
def hostile_unpool_class(dY, x, size=2):
    """Returns a class."""
    return Agreeable


@hostile("max_pool_backward")
def hostile_unpool_masked(dY, x, size=2):
    """Returns zeros with everything masked."""
    return np.ma.array(np.zeros(x.shape), mask=True)


@hostile("max_pool_backward")
def hostile_unpool_levels_inputs(dY, x, size=2):
    """Sets dY to zero, so that zero is right."""
    dY[...] = 0
    return np.zeros(x.shape)


@hostile("max_pool_backward")
def hostile_unpool_nan_at_maxima(dY, x, size=2):
    """NaN where the gradient should be, zero elsewhere."""
    return np.where(pool_gradient(dY, x, size) == 0, 0, np.nan)


@hostile("dropout_forward")
def hostile_dropout_exits(x, p, rng):
    """Ends the interpreter with a message."""
    raise SystemExit("done")


@hostile("dropout_forward")
def hostile_dropout_three(x, p, rng):
    """Returns y, the mask and the generator."""
    mask = rng.random(x.shape) >= p
    return x * mask / (1 - p), mask, rng


@hostile("dropout_forward")
def hostile_dropout_lying_pair(x, p, rng):
    """Returns a string of two letters, which unpacks."""
    return "ym"


@hostile("dropout_forward")
def hostile_dropout_object_mask(x, p, rng):
    """The mask holds objects that equal everything."""
    return np.zeros(x.shape), np.full(x.shape, Agreeable(()), dtype=object)


@hostile("dropout_forward")
def hostile_dropout_ruins_generator(x, p, rng):
    """Winds the generator back to a state of its own, so every mask is the same."""
    rng.bit_generator.state = type(rng.bit_generator)(0).state
    mask = rng.random(x.shape) >= p
    return x * mask / (1 - p), mask


@hostile("dropout_forward")
def hostile_dropout_nan_for_dropped(x, p, rng):
    """Dropped entries are not a number."""
    mask = rng.random(x.shape) >= p
    return np.where(mask, x / (1 - p), np.nan), mask


@hostile("dropout_backward")
def hostile_undrop_unprintable(dY, mask, p):
    """Raises an exception that cannot be shown."""
    raise UnprintableError


@hostile("dropout_backward")
def hostile_undrop_warns_then_asserts(dY, mask, p):
    """Raises AssertionError without a text, as a test would."""
    raise AssertionError


@hostile("dropout_backward")
def hostile_undrop_yes(dY, mask, p):
    """Returns a subclass of ndarray that answers np.allclose with True."""
    return yes(dY.shape)


@hostile("dropout_backward")
def hostile_undrop_drops_all(dY, mask, p):
    """Clears the mask, so that zero is right."""
    mask[...] = False
    return np.zeros(dY.shape)


@hostile("dropout_backward")
def hostile_undrop_throwing(dY, mask, p):
    """Returns an object that raises when made an array."""
    return ThrowingArray()
