"""Exercises of chapter 05."""

from itertools import permutations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from course_lib.grading import Call, Finding, Seed, Step, by_nudging, exercise
from course_lib.grading.lines import FindLine, Line
from course_lib.grading.questions import Matrix, Number, Option, Predict
from course_lib.grading.variants import bracketed, listed, question, spelled

STRIDE, PADDING = "a stride of 2 or more", "padding"
BOTH = f"{STRIDE}, with padding"
SINGLE, SQUARE = "a single image", "sizes that are all equal"
WIDE, POINT, EVEN = "a kernel as large as the image", "a kernel of 1 x 1", "a kernel of 2 x 2"
PLAIN = "one channel and one kernel"


def _sizes(padding=True):
    """(N, H, W, C, K, F), stride, padding and label of every case."""
    cases = [
        ((5, 6, 8, 2, 3, 4), 1, 0, ""),
        ((5, 6, 8, 2, 3, 4), 1, 0, ""),
        ((6, 7, 5, 3, 3, 2), 1, 0, ""),
        ((3, 3, 3, 3, 3, 3), 1, 0, SQUARE),
        ((1, 5, 6, 2, 3, 4), 1, 0, SINGLE),
        ((2, 5, 4, 3, 1, 4), 1, 0, POINT),
        ((2, 4, 5, 3, 2, 4), 1, 0, EVEN),
        ((3, 4, 4, 2, 4, 3), 1, 0, WIDE),
        ((2, 5, 6, 1, 3, 1), 1, 0, PLAIN),
        ((1, 3, 3, 2, 3, 4), 1, 0, "a single window"),
        ((2, 5, 4, 1, 1, 2), 1, 0, POINT),
        ((5, 7, 9, 2, 3, 4), 2, 0, STRIDE),
        ((3, 8, 6, 2, 3, 4), 2, 0, STRIDE),
        ((2, 9, 8, 3, 2, 4), 3, 0, STRIDE),
        ((2, 9, 11, 5, 5, 6), 4, 0, STRIDE),
    ]
    if padding:
        cases += [
            ((5, 4, 6, 2, 3, 4), 1, 1, PADDING),
            ((2, 5, 4, 3, 3, 2), 1, 2, PADDING),
            ((3, 5, 8, 2, 3, 4), 2, 1, BOTH),
            ((2, 6, 7, 3, 2, 4), 2, 1, BOTH),
            ((2, 5, 4, 3, 1, 4), 2, 1, BOTH),
            ((2, 9, 11, 5, 5, 6), 3, 3, BOTH),
        ]
    return cases


def _output_size(size, kernel_size, stride, padding):
    return (size + 2 * padding - kernel_size) // stride + 1


def _given(args, stride, padding):
    """The arguments, with stride and padding left out where they have their usual values."""
    if padding:
        return (*args, stride, padding)
    return args if stride == 1 else (*args, stride)


def _forward_cases(rng):
    calls = []
    for (N, H, W, C, K, F), stride, padding, label in _sizes():
        args = rng.normal(size=(N, H, W, C)), rng.normal(size=(K, K, C, F)), rng.normal(size=F)
        calls.append(Call(_given(args, stride, padding), label))
    return calls + _one_input_new(rng, calls[0])


def _backward_cases(rng):
    calls = []
    for (N, H, W, C, K, F), stride, padding, label in _sizes():
        x, kernels = rng.normal(size=(N, H, W, C)), rng.normal(size=(K, K, C, F))
        size = [_output_size(n, K, stride, padding) for n in (H, W)]
        dY = rng.normal(size=(N, *size, F))
        calls.append(Call(_given((dY, x, kernels), stride, padding), label))
    return calls + _one_input_new(rng, calls[0])


def _one_input_new(rng, call):
    """The same call with one of its arrays replaced, each in turn: nothing may be remembered."""
    return [
        Call((*call.args[:k], rng.normal(size=array.shape), *call.args[k + 1 :]))
        for k, array in enumerate(call.args)
        if isinstance(array, np.ndarray)
    ]


# What slips are made of ---------------------------------------------------------------------------


def _windows(xp, K, stride):
    """Every window of the images, (N, Ho, Wo, K, K, C)."""
    found = sliding_window_view(xp, (K, K), axis=(1, 2))
    return found[:, ::stride, ::stride].transpose(0, 1, 2, 4, 5, 3)


_WINDOW = "Print the window that you take at place (1, 1): its shape, and which pixels it holds."


def _zeros_around(x, top, bottom=None, left=None, right=None, **how):
    """x with zeros (or what `how` says) along its edges; one number for all four."""
    bottom, left, right = (top if v is None else v for v in (bottom, left, right))
    return np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), **how)


def _pulled_apart(xp, K, stride, step):
    """Windows whose pixels lie `stride` apart; what sticks out is 0."""
    height, width = ((n - K) // stride + 1 for n in xp.shape[1:3])
    room = _zeros_around(xp, 0, K * stride + stride, 0, K * stride + stride)
    found = np.zeros((len(xp), height, width, K, K, xp.shape[3]))
    for i in range(height):
        for j in range(width):
            rows = slice(i * step, i * step + K * stride, stride)
            columns = slice(j * step, j * step + K * stride, stride)
            found[:, i, j] = room[:, rows, columns]
    return found


_PADDING_SLIPS = {
    "no zeros are put around x": lambda x: x,
    "zeros are put on top and on the left only (or the places counted so)": lambda x, padding: (
        _zeros_around(x, padding, 0, padding, 0)
    ),
    "zeros are put at the bottom and on the right only": lambda x, padding: _zeros_around(
        x, 0, padding, 0, padding
    ),
    "zeros are put on top and at the bottom, but not on the sides": lambda x, padding: (
        _zeros_around(x, padding, padding, 0, 0)
    ),
    "zeros are put on the sides, but not on top and at the bottom": lambda x, padding: (
        _zeros_around(x, 0, 0, padding, padding)
    ),
    "twice as many zeros are put around x": lambda x, padding: _zeros_around(x, 2 * padding),
    "a border of one pixel is put around x, however large the padding is": lambda x, padding: (
        _zeros_around(x, 1 if padding else 0)
    ),
    "samples are padded as well": lambda x, padding: np.pad(
        x, ((padding, padding), (padding, padding), (padding, padding), (0, 0))
    ),
    "samples and channels are padded as well": lambda x, padding: np.pad(x, padding),
    "ones are put around x, and not zeros": lambda x, padding: _zeros_around(
        x, padding, constant_values=1
    ),
    "the edge pixels are repeated around x": lambda x, padding: _zeros_around(
        x, padding, mode="edge"
    ),
    "x is mirrored at its edges": lambda x, padding: _zeros_around(x, padding, mode="reflect"),
    "x is mirrored at its edges, edge pixels included": lambda x, padding: _zeros_around(
        x, padding, mode="symmetric"
    ),
    "x goes on round the other side at its edges": lambda x, padding: _zeros_around(
        x, padding, mode="wrap"
    ),
    "the mean of x is put around it": lambda x, padding: _zeros_around(
        x, padding, constant_values=x.mean()
    ),
    "x is placed in the corner of the padded image, and not in its middle": lambda x, padding: (
        _zeros_around(x, 0, 2 * padding, 0, 2 * padding)
    ),
}
_PADDING_SLIPS["K // 2 zeros are put around x, whatever padding says"] = lambda x, W: _zeros_around(
    x, len(W) // 2
)
_XP = Step(
    "xp",
    lambda x, padding: _zeros_around(x, padding),
    "Padding puts as many zeros on each of the four sides of every channel.",
    _PADDING_SLIPS,
    "Print what you take the windows from, for a small image of ones.",
)


def _placed(xp, K, stride, rows, columns):
    """Windows whose upper left corners are where the two functions of (index, stride, K) say.

    What lies outside the image is 0.
    """
    height, width = ((n - K) // stride + 1 for n in xp.shape[1:3])
    found = np.zeros((len(xp), height, width, K, K, xp.shape[3]))
    for i in range(height):
        for j in range(width):
            top, left = rows(i, stride, K), columns(j, stride, K)
            part = xp[:, max(top, 0) : top + K, max(left, 0) : left + K]
            inside = found[:, i, j, max(-top, 0) :, max(-left, 0) :]
            inside[:, : part.shape[1], : part.shape[2]] = part
    return found


_WINDOW_SLIPS = {
    "the windows move by one place, whatever the stride": lambda xp, K, stride: _windows(xp, K, 1),
    "the windows move by one place, whatever the stride, though their number is right": (
        lambda xp, K, stride: _placed(xp, K, stride, lambda i, s, K: i, lambda j, s, K: j)
    ),
    "the windows move by the stride downwards, but by one place across": lambda xp, K, stride: (
        _windows(xp, K, 1)[:, ::stride]
    ),
    "the windows move by the stride across, but by one place downwards": lambda xp, K, stride: (
        _windows(xp, K, 1)[:, :, ::stride]
    ),
    "the windows lie side by side: they move by the size of the kernel": lambda xp, K, stride: (
        _windows(xp, K, K)
    ),
    "the windows move by the size of the kernel, and stop where the image ends": (
        lambda xp, K, stride: _placed(xp, K, stride, lambda i, s, K: i * K, lambda j, s, K: j * K)
    ),
    "the windows begin one place further down and to the right": lambda xp, K, stride: _placed(
        xp, K, stride, lambda i, s, K: i * s + 1, lambda j, s, K: j * s + 1
    ),
    "the windows begin one place further up and to the left": lambda xp, K, stride: _placed(
        xp, K, stride, lambda i, s, K: i * s - 1, lambda j, s, K: j * s - 1
    ),
    "the stride pulls the pixels of a window apart, and does not move the window": (
        lambda xp, K, stride: _pulled_apart(xp, K, stride, 1)
    ),
    "the stride moves the window, and pulls its pixels apart as well": (
        lambda xp, K, stride: _pulled_apart(xp, K, stride, stride)
    ),
    "windows that stick out count as well, filled up with zeros": lambda xp, K, stride: _windows(
        _zeros_around(xp, 0, -(xp.shape[1] - K) % stride, 0, -(xp.shape[2] - K) % stride),
        K,
        stride,
    ),
    "the walk ends one place too early: range(0, H - K, stride)": lambda xp, K, stride: _windows(
        xp[:, :-1, :-1], K, stride
    ),
    "the middle of the window, and not its corner, is at i * stride and j * stride": (
        lambda xp, K, stride: _placed(
            xp, K, stride, lambda i, s, K: i * s - K // 2, lambda j, s, K: j * s - K // 2
        )
    ),
    "the positions i and j are exchanged": lambda xp, K, stride: _windows(xp, K, stride).transpose(
        0, 2, 1, 3, 4, 5
    ),
    "the last row of windows is left out": lambda xp, K, stride: _windows(xp, K, stride)[:, :-1],
    "the last column of windows is left out": lambda xp, K, stride: _windows(xp, K, stride)[
        :, :, :-1
    ],
    "the last row and the last column of windows are left out": lambda xp, K, stride: _windows(
        xp, K, stride
    )[:, :-1, :-1],
    "the window at the upper left stands at every place": lambda xp, K, stride: np.broadcast_to(
        (w := _windows(xp, K, stride))[:, :1, :1], w.shape
    ),
    "the window at the lower right stands at every place": lambda xp, K, stride: np.broadcast_to(
        (w := _windows(xp, K, stride))[:, -1:, -1:], w.shape
    ),
    "the first image stands for all of them": lambda xp, K, stride: np.broadcast_to(
        (w := _windows(xp, K, stride))[:1], w.shape
    ),
    "the last image stands for all of them": lambda xp, K, stride: np.broadcast_to(
        (w := _windows(xp, K, stride))[-1:], w.shape
    ),
}
_LETTERS = {3: "ki", 4: "kj", 5: "c"}


def _misread(order):
    """Windows laid flat in one order of (ki, kj, c) and read in another."""
    return lambda windows: windows.transpose(0, 1, 2, *order).reshape(windows.shape)


_MISREAD = {
    f"windows laid flat as ({', '.join(_LETTERS[a] for a in order)}) are read as (ki, kj, c)": (
        _misread(order)
    )
    for order in permutations((3, 4, 5))
    if order not in ((3, 4, 5), (4, 3, 5))  # the latter is a transposed kernel as well
}
_WINDOWS = Step(
    "windows",
    lambda xp, W, stride: _windows(xp, len(W), stride),
    "The window of place (i, j) begins at row i * stride and column j * stride of the padded "
    "image.",
    {
        words: lambda xp, W, stride, slip=slip: slip(xp, len(W), stride)
        for words, slip in _WINDOW_SLIPS.items()
    },
    look=_WINDOW,
)

_KERNEL_TWISTS = {
    "the kernels are turned by half a turn": lambda W: W[::-1, ::-1],
    "the kernels are turned upside down": lambda W: W[::-1],
    "the kernels are mirrored left to right": lambda W: W[:, ::-1],
    "rows and columns of the kernels are exchanged": lambda W: W.transpose(1, 0, 2, 3),
    "the kernels are turned by a quarter": lambda W: np.rot90(W),
    "the kernels are turned by a quarter, the other way": lambda W: np.rot90(W, -1),
    "the channels of the kernels are in reverse order": lambda W: W[:, :, ::-1],
    "the kernels come in reverse order": lambda W: W[..., ::-1],
    "the first kernel is used for every output channel": lambda W: np.broadcast_to(
        W[..., :1], W.shape
    ),
    "the last kernel is used for every output channel": lambda W: np.broadcast_to(
        W[..., -1:], W.shape
    ),
    "only the first input channel takes part": lambda W: W * (np.arange(W.shape[2]) == 0)[:, None],
    "only the last input channel takes part": lambda W: (
        W * (np.arange(W.shape[2]) == W.shape[2] - 1)[:, None]
    ),
    "every input channel meets the part of the kernel that belongs to the first": lambda W: (
        np.broadcast_to(W[:, :, :1], W.shape)
    ),
    "only the middle weight of each kernel takes part": lambda W: _weights_kept(
        W, len(W) // 2, len(W) // 2
    ),
    "only the first weight of each kernel takes part": lambda W: _weights_kept(W, 0, 0),
    "only the last weight of each kernel takes part": lambda W: _weights_kept(W, -1, -1),
    "only the first row of each kernel takes part": lambda W: _weights_kept(W, 0, slice(None)),
    "only the last row of each kernel takes part": lambda W: _weights_kept(W, -1, slice(None)),
    "the last row and column of each kernel are left out": lambda W: _weights_kept(
        W, slice(0, max(1, len(W) - 1)), slice(0, max(1, len(W) - 1))
    ),
    "only the diagonal of each kernel takes part": lambda W: W * np.eye(len(W))[:, :, None, None],
    "the weights are reshaped from (F, C, K, K), where they are stored as (K, K, C, F)": lambda W: (
        W.reshape(W.shape[3], W.shape[2], *W.shape[:2]).transpose(2, 3, 1, 0)
    ),
    "the weights are reshaped to (F, K*K*C) and transposed": lambda W: W.reshape(
        W.shape[3], -1
    ).T.reshape(W.shape),
    **{
        f"the weights are laid flat as {words}, and read as (ki, kj, c)": lambda W, order=order: (
            W.transpose(*order, 3).reshape(W.shape)
        )
        for words, order in {
            "(c, ki, kj)": (2, 0, 1),
            "(kj, ki, c)": (1, 0, 2),
            "(ki, c, kj)": (0, 2, 1),
            "(kj, c, ki)": (1, 2, 0),
            "(c, kj, ki)": (2, 1, 0),
        }.items()
    },
    **{
        f"the weights, flat in the order (ki, kj, c), are read as {words}": (
            lambda W, order=order: W.reshape(*(W.shape[k] for k in order), W.shape[3]).transpose(
                *np.argsort(order), 3
            )
        )
        for words, order in {
            "(c, ki, kj)": (2, 0, 1),
            "(ki, c, kj)": (0, 2, 1),
            "(kj, c, ki)": (1, 2, 0),
        }.items()
    },
    "the kernels are turned by half a turn, and their channels reversed": lambda W: W[
        ::-1, ::-1, ::-1
    ],
    "each output channel looks at one input channel only": lambda W: (
        W * (np.arange(W.shape[2])[:, None] == np.arange(W.shape[3]) % W.shape[2])
    ),
    "loops over the kernel end one too early: range(K - 1)": lambda W: _weights_kept(
        W, slice(0, len(W) - 1), slice(0, len(W) - 1)
    ),
    "the weights of each kernel are averaged": lambda W: np.broadcast_to(
        W.mean(axis=(0, 1)), W.shape
    ),
    "each kernel is scaled so that its weights add up to 1": lambda W: W / W.sum(axis=(0, 1, 2)),
    "each kernel is scaled so that the sizes of its weights add up to 1": lambda W: (
        W / np.abs(W).sum(axis=(0, 1, 2))
    ),
}
_WEIGHTS = Step(
    "weights",
    lambda W: W,
    "Weight (ki, kj, c) of every kernel belongs to the pixel ki down and kj across from the "
    "window's corner, in channel c.",
    _KERNEL_TWISTS,
    "Follow one single weight of one kernel through your code.",
)


def _weights_kept(W, rows, columns):
    kept = np.zeros_like(W)
    kept[rows, columns] = W[rows, columns]
    return kept


def _cross(windows, W):
    """Each window times each kernel, added up: (N, Ho, Wo, F)."""
    return np.tensordot(windows, W, axes=3)


def _cut_to(y, fill, rows, columns):
    """y with some of its places set to `fill`."""
    y = y.copy()
    y[:, rows] = fill
    y[:, :, columns] = fill
    return y


# Convolution, forward -----------------------------------------------------------------------------


@exercise(
    points=3,
    minutes=15,
    probes=_forward_cases,
    title="Convolution, forward",
    outputs=("y",),
    hints=(
        "A window of 3 fits into a row of 6 at the places 0, 1, 2 and 3: 6 - 3 + 1 of them. "
        "With a stride of 2, at 0 and 2.",
        "The window of place (i, j) begins at row i * stride and ends before row i * stride + K.",
        "Which three axes do the window (N, K, K, C) and W (K, K, C, F) have in common? They are "
        "multiplied and added up; np.tensordot(…, axes=3) does that. b is added at every place.",
    ),
    starter='''
        def conv2d_forward(x, W, b, stride=1, padding=0):
            """Every kernel at every place of every image.

            x: images, (N, H, W, C). W: kernels, (K, K, C, F). b: biases, (F,). padding: zeros on
            each side of the images. Returns y, (N, Ho, Wo, F).
            """
            K = len(W)
            xp = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
            height, width = ...  # how many windows fit into xp, down and across
            y = np.zeros((len(x), height, width, W.shape[3]))
            for i in range(height):
                for j in range(width):
                    window = ...  # of all images: (N, K, K, C)
                    y[:, i, j] = ...  # (N, F)
            return y
    ''',
    steps=(
        _XP,
        _WINDOWS,
        _WEIGHTS,
        Step(
            "y",
            lambda windows, weights, b: _cross(windows, weights) + b,
            "One number of y is one window times one kernel, entry by entry, all channels added "
            "up, plus the bias.",
            {
                **{
                    words: lambda windows, weights, b, change=change: (
                        _cross(change(windows), weights) + b
                    )
                    for words, change in _MISREAD.items()
                },
                "the bias is left out": lambda windows, weights: _cross(windows, weights),
                "the bias is subtracted": lambda windows, weights, b: _cross(windows, weights) - b,
                "the bias is added twice": lambda windows, weights, b: (
                    _cross(windows, weights) + 2 * b
                ),
                "the bias is added for every single product": lambda windows, weights, b: (
                    _cross(windows, weights) + b * weights[..., 0].size
                ),
                "the bias is added once for every input channel": lambda windows, weights, b: (
                    _cross(windows, weights) + b * weights.shape[2]
                ),
                "the bias is added for every pixel of the window": lambda windows, weights, b: (
                    _cross(windows, weights) + b * len(weights) ** 2
                ),
                "the first bias is used for every kernel": lambda windows, weights, b: (
                    _cross(windows, weights) + b[0]
                ),
                "the biases are added up first": lambda windows, weights, b: (
                    _cross(windows, weights) + b.sum()
                ),
                "the biases come in reverse order": lambda windows, weights, b: (
                    _cross(windows, weights) + b[::-1]
                ),
                "the bias is multiplied, not added": lambda windows, weights, b: (
                    _cross(windows, weights) * b
                ),
                "the products are averaged over the window": lambda windows, weights, b: (
                    _cross(windows, weights) / len(weights) ** 2 + b
                ),
                "the products are averaged over window and channels": lambda windows, weights, b: (
                    _cross(windows, weights) / weights[..., 0].size + b
                ),
                "the products are averaged over the channels": lambda windows, weights, b: (
                    _cross(windows, weights) / weights.shape[2] + b
                ),
                "the largest product is taken, and not their sum": lambda windows, weights, b: (
                    (windows[..., None] * weights).max(axis=(3, 4, 5)) + b
                ),
                "pixels and weights are added, not multiplied": lambda windows, weights, b: (
                    (windows[..., None] + weights).sum(axis=(3, 4, 5)) + b
                ),
                "window and kernel are multiplied as matrices, and the entries added up": (
                    lambda windows, weights, b: np.einsum("nijabc,bdcf->nijf", windows, weights) + b
                ),
                "the squared distances between pixels and weights are added up": (
                    lambda windows, weights, b: (
                        ((windows[..., None] - weights) ** 2).sum(axis=(3, 4, 5)) + b
                    )
                ),
                "every image gets the sum over all images": lambda windows, weights, b: (
                    np.repeat(
                        _cross(windows, weights).sum(axis=0, keepdims=True), len(windows), axis=0
                    )
                    + b
                ),
                "places beyond range(0, H - K, stride) are left at 0": (
                    lambda windows, weights, b, xp, stride: _cut_to(
                        _cross(windows, weights) + b,
                        0,
                        slice(-(-(xp.shape[1] - len(weights)) // stride), None),
                        slice(-(-(xp.shape[2] - len(weights)) // stride), None),
                    )
                ),
                "the bias is used as a factor, 1 + b": lambda windows, weights, b: (
                    _cross(windows, weights) * (1 + b)
                ),
                "the rows are reshaped to (N, F, Ho, Wo), and transposed afterwards": (
                    lambda windows, weights, b: (
                        (y := _cross(windows, weights) + b)
                        .reshape(y.shape[0], y.shape[3], *y.shape[1:3])
                        .transpose(0, 2, 3, 1)
                    )
                ),
                "the channels of the products are compared, and the largest taken": (
                    lambda windows, weights, b: (
                        np.einsum("nijabc,abcf->nijcf", windows, weights).max(axis=3) + b
                    )
                ),
                "a ReLU follows": lambda windows, weights, b: np.maximum(
                    _cross(windows, weights) + b, 0
                ),
                "the last row and column of y stay 0": lambda windows, weights, b: _cut_to(
                    _cross(windows, weights) + b, 0, -1, -1
                ),
                "the last row of y stays 0": lambda windows, weights, b: _cut_to(
                    _cross(windows, weights) + b, 0, -1, []
                ),
                "the last column of y stays 0": lambda windows, weights, b: _cut_to(
                    _cross(windows, weights) + b, 0, [], -1
                ),
                "the first row and column of y stay 0": lambda windows, weights, b: _cut_to(
                    _cross(windows, weights) + b, 0, 0, 0
                ),
            },
        ),
    ),
)
def conv2d_forward(x, W, b, stride=1, padding=0):
    """Every kernel at every place of every image.

    x: images, (N, H, W, C). W: kernels, (K, K, C, F). b: biases, (F,). padding: zeros on
    each side of the images. Returns y, (N, Ho, Wo, F).
    """
    K = len(W)
    xp = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    height = (xp.shape[1] - K) // stride + 1
    width = (xp.shape[2] - K) // stride + 1
    y = np.zeros((len(x), height, width, W.shape[3]))
    for i in range(height):
        for j in range(width):
            window = xp[:, i * stride : i * stride + K, j * stride : j * stride + K]
            y[:, i, j] = np.tensordot(window, W, axes=3) + b
    return y


@conv2d_forward.misconception(
    "kernel flipped",
    "Your y is what comes out if the kernels are turned by half a turn.",
    "Mathematicians call that convolution. What networks compute slides the kernel as it is (a "
    "cross-correlation).",
    "The window's upper left pixel meets W[0, 0].",
)
def _(x, W, b, stride=1, padding=0):
    return conv2d_forward.solution(x, W[::-1, ::-1], b, stride, padding)


@conv2d_forward.misconception(
    "no bias",
    "Your y lacks the bias.",
    "Every kernel has one number b that is added at each of its places.",
    "Where does b enter?",
)
def _(x, W, b, stride=1, padding=0):
    return conv2d_forward.solution(x, W, 0 * b, stride, padding)


@conv2d_forward.misconception(
    "stride ignored",
    "Your windows move by one place, whatever the stride: y is too large for strides above 1.",
    "With a stride s only every s-th place is visited, down and across.",
    "Where do `height`, `width` and the window's corner depend on the stride?",
)
def _(x, W, b, stride=1, padding=0):
    return conv2d_forward.solution(x, W, b, 1, padding)


@conv2d_forward.misconception(
    "corner without the stride",
    "There are as many windows as there must be, but they move by one place, whatever the stride.",
    "The window of place (i, j) begins at row i * stride and column j * stride.",
    "Which slice of xp do you take for i = 1 and a stride of 2?",
)
def _(x, W, b, stride=1, padding=0):
    right = conv2d_forward.solution(x, W, b, stride, padding)
    dense = conv2d_forward.solution(x, W, b, 1, padding)
    return dense[:, : right.shape[1], : right.shape[2]]


@conv2d_forward.misconception(
    "padding ignored",
    "Your y is what comes out without padding.",
    "With padding, windows may begin on a border of zeros, so that more of them fit.",
    "Do you take windows of xp, or of x?",
)
def _(x, W, b, stride=1, padding=0):
    return conv2d_forward.solution(x, W, b, stride, 0)


@conv2d_forward.misconception(
    "first channel only",
    "Only the first input channel takes part in your y.",
    "A kernel has as many channels as the image has, and adds up the products of all of them.",
    "Which index do you give for the channel?",
)
def _(x, W, b, stride=1, padding=0):
    return conv2d_forward.solution(x[..., :1], W[:, :, :1], b, stride, padding)


@conv2d_forward.misconception(
    "window averaged",
    "Your y averages the products over the window and its channels.",
    "The products are added up. The weights are learned, so a factor would only be in the way.",
    "Look for a mean.",
)
def _(x, W, b, stride=1, padding=0):
    return conv2d_forward.solution(
        x, W / (W.shape[0] * W.shape[1] * W.shape[2]), b, stride, padding
    )


@conv2d_forward.misconception(
    "last windows left out",
    "Your y lacks its last row and its last column.",
    "K fits into H at H - K + 1 places: the first is number 0, the last is number H - K.",
    "A kernel as large as the image fits once. What does your count give then?",
)
def _(x, W, b, stride=1, padding=0):
    y = conv2d_forward.solution(x, W, b, stride, padding)
    return y[:, :-1, :-1]


@conv2d_forward.misconception(
    "positions exchanged",
    "Your y has its rows and columns of places exchanged.",
    "The first of the two counts downwards (rows), the second across (columns), as in x.",
    "Which of H and W do you use for `height`?",
)
def _(x, W, b, stride=1, padding=0):
    return conv2d_forward.solution(x, W, b, stride, padding).transpose(0, 2, 1, 3)


@conv2d_forward.also_right("seven loops, lists")
def _(x, W, b, stride=1, padding=0):
    N, H, width, C = x.shape
    K, F = W.shape[0], W.shape[3]

    def pixel(n, i, j, c):
        i, j = i - padding, j - padding
        return x[n, i, j, c] if 0 <= i < H and 0 <= j < width else 0.0

    def entry(n, i, j, f):
        total = float(b[f])
        for ki in range(K):
            for kj in range(K):
                for c in range(C):
                    total += pixel(n, i * stride + ki, j * stride + kj, c) * W[ki, kj, c, f]
        return total

    down, across = (_output_size(n, K, stride, padding) for n in (H, width))
    return [
        [[[entry(n, i, j, f) for f in range(F)] for j in range(across)] for i in range(down)]
        for n in range(N)
    ]


@conv2d_forward.also_right("einsum over all windows, float32")
def _(x, W, b, stride=1, padding=0):
    windows = _windows(_zeros_around(x, padding), len(W), stride)
    return (np.einsum("nijabc,abcf->nijf", windows, W) + b).astype(np.float32)


@conv2d_forward.also_right("one weight of the kernel after the other")
def _(x, W, b, stride=1, padding=0):
    xp, K = _zeros_around(x, padding), len(W)
    down, across = (_output_size(n, K, stride, padding) for n in x.shape[1:3])
    y = np.zeros((len(x), down, across, W.shape[3])) + b
    for ki in range(K):
        for kj in range(K):
            rows = slice(ki, ki + stride * (down - 1) + 1, stride)
            columns = slice(kj, kj + stride * (across - 1) + 1, stride)
            y += xp[:, rows, columns] @ W[ki, kj]
    return y


# im2col -------------------------------------------------------------------------------------------


def _im2col_cases(rng):
    calls = []
    for (N, H, W, C, K, _), stride, _, label in _sizes(padding=False):
        args = (rng.normal(size=(N, H, W, C)), K)
        calls.append(Call(args if stride == 1 else (*args, stride), label))
    return calls


_ROW_AXES, _COLUMN_AXES = {0: "n", 1: "i", 2: "j"}, {3: "ki", 4: "kj", 5: "c"}


def _columns(windows, rows=(0, 1, 2), columns=(3, 4, 5)):
    made = windows.transpose(*rows, *columns)
    return made.reshape(np.prod(made.shape[:3]), -1)


def _other_orders():
    """{words: formula} for every other order of the rows and of the columns."""
    slips = {}
    for rows in permutations(_ROW_AXES):
        for columns in permutations(_COLUMN_AXES):
            said = []
            if rows != (0, 1, 2):
                said.append(f"the rows run in the order {', '.join(_ROW_AXES[a] for a in rows)}")
            if columns != (3, 4, 5):
                names = ", ".join(_COLUMN_AXES[a] for a in columns)
                said.append(f"the columns run in the order {names}")
            if said:
                slips[" and ".join(said)] = lambda windows, r=rows, c=columns: _columns(
                    windows, r, c
                )
    return slips


@exercise(
    points=3,
    minutes=12,
    probes=_im2col_cases,
    title="im2col: windows as rows",
    outputs=("cols",),
    hints=(
        "Row by row: for each image, for each place (i, j), one window, laid out flat.",
        "window.reshape(-1) of a window (K, K, C) runs through ki, kj, c in this order.",
        "Count: N * Ho * Wo rows, each K * K * C long.",
    ),
    steps=(
        Step(
            "windows",
            lambda x, kernel_size, stride: _windows(x, kernel_size, stride),
            "The window of place (i, j) begins at row i * stride and column j * stride.",
            {
                words: lambda x, kernel_size, stride, slip=slip: slip(x, kernel_size, stride)
                for words, slip in _WINDOW_SLIPS.items()
            }
            | {
                "the kernel size is always 3": lambda x, stride: _windows(x, 3, stride),
                "the kernel size is always 2": lambda x, stride: _windows(x, 2, stride),
                "kernel_size // 2 zeros are put around x": lambda x, kernel_size, stride: _windows(
                    _zeros_around(x, kernel_size // 2), kernel_size, stride
                ),
                "rows and columns of the images are exchanged": lambda x, kernel_size, stride: (
                    _windows(x.transpose(0, 2, 1, 3), kernel_size, stride)
                ),
            },
            look=_WINDOW,
        ),
        Step(
            "cols",
            lambda windows: _columns(windows),
            "Row order is n, i, j (the last runs fastest), column order is ki, kj, c, so that W "
            "reshaped to (K*K*C, F) fits.",
            {
                **_other_orders(),
                "the windows are turned by half a turn": lambda windows: _columns(
                    windows[:, :, :, ::-1, ::-1]
                ),
                "every channel has rows of its own": lambda windows: windows.transpose(
                    0, 1, 2, 5, 3, 4
                ).reshape(-1, windows.shape[3] ** 2),
                "a column of ones is appended, as for a bias": lambda windows: np.pad(
                    _columns(windows), ((0, 0), (0, 1)), constant_values=1
                ),
                "a column of ones is put in front, as for a bias": lambda windows: np.pad(
                    _columns(windows), ((0, 0), (1, 0)), constant_values=1
                ),
                "the windows are collected place by place of the kernel, and not put in order": (
                    lambda windows: windows.transpose(3, 4, 0, 1, 2, 5).reshape(
                        np.prod(windows.shape[:3]), -1
                    )
                ),
                "only the first channel is taken": lambda windows: _columns(windows[..., :1]),
                "the channels are added up": lambda windows: _columns(
                    windows.sum(axis=-1, keepdims=True)
                ),
                "the channels are averaged": lambda windows: _columns(
                    windows.mean(axis=-1, keepdims=True)
                ),
                "only the first image is taken": lambda windows: _columns(windows[:1]),
                "only the last image is taken": lambda windows: _columns(windows[-1:]),
                "the windows stand in columns, and not in rows": lambda windows: (
                    _columns(windows).T
                ),
            },
        ),
    ),
)
def im2col(x, kernel_size, stride=1):
    """Every window of every image, laid out flat, as the rows of one matrix.

    x: images, (N, H, W, C). Returns cols, (N*Ho*Wo, K*K*C), K = kernel_size. Row order n, i, j;
    column order ki, kj, c.
    """
    N, H, W, _ = x.shape
    rows = []
    for n in range(N):
        for i in range(0, H - kernel_size + 1, stride):
            for j in range(0, W - kernel_size + 1, stride):
                rows.append(x[n, i : i + kernel_size, j : j + kernel_size].reshape(-1))
    return np.array(rows)


@im2col.misconception(
    "transposed",
    "Your matrix is the transpose: the windows stand in its columns.",
    "In this course a row is a sample, and here every window is one: cols @ W needs them in rows.",
    "Print its shape: N*Ho*Wo comes first.",
)
def _(x, kernel_size, stride=1):
    return im2col.solution(x, kernel_size, stride).T


@im2col.misconception(
    "channels first",
    "In your rows the channel runs slowest: c, ki, kj.",
    "W is (K, K, C, F), so W.reshape(-1, F) runs through ki, kj, c, the channel fastest. Each "
    "entry of a row must meet its own weight.",
    "A window (K, K, C) laid flat has the channel fastest. Is yours in that order before the "
    "reshape?",
)
def _(x, kernel_size, stride=1):
    return _columns(_windows(x, kernel_size, stride), columns=(5, 3, 4))


@im2col.misconception(
    "window axes exchanged",
    "In your rows kj runs slower than ki: every window is read column by column.",
    "The order is ki, kj, c, as in W.",
    "Write out the row of the first window of a 3 x 3 image with the pixels 1 to 9.",
)
def _(x, kernel_size, stride=1):
    return _columns(_windows(x, kernel_size, stride), columns=(4, 3, 5))


@im2col.misconception(
    "images fastest",
    "Your rows run through all images before they go on to the next place: i, j, n.",
    "The order is n, i, j: all windows of the first image, then all of the second.",
    "Which of your loops is the outermost?",
)
def _(x, kernel_size, stride=1):
    return _columns(_windows(x, kernel_size, stride), rows=(1, 2, 0))


@im2col.misconception(
    "places exchanged",
    "Your rows go down the image before they go across: n, j, i.",
    "The order is n, i, j: along the first row of places, then the next row.",
    "Which of the two loops is inside?",
)
def _(x, kernel_size, stride=1):
    return _columns(_windows(x, kernel_size, stride), rows=(0, 2, 1))


@im2col.misconception(
    "stride ignored",
    "Your windows move by one place, whatever the stride: there are too many of them.",
    "With a stride of 2 only every second place counts, down and across.",
    "range takes a step as its third argument.",
)
def _(x, kernel_size, stride=1):
    return im2col.solution(x, kernel_size, 1)


@im2col.misconception(
    "last windows left out",
    "Your last row and last column of windows are missing.",
    "A window of K fits into H at H - K + 1 places.",
    "range(n) ends before n. A kernel as large as the image fits once: what do you give then?",
)
def _(x, kernel_size, stride=1):
    return _columns(_windows(x, kernel_size, stride)[:, :-1, :-1])


@im2col.misconception(
    "not flattened",
    "Your windows are right, but not laid out: the axes must be joined to two.",
    "A matrix product wants (N*Ho*Wo, K*K*C).",
    "One reshape at the end; mind the order of the axes before it.",
)
def _(x, kernel_size, stride=1):
    return _windows(x, kernel_size, stride)


@im2col.misconception(
    "images side by side",
    "Your rows hold the windows of all images one after the other: N*K*K*C wide.",
    "Each image has rows of its own: N*Ho*Wo rows of K*K*C.",
    "Is n a loop of its own, or one of the axes that reshape(-1) swallows?",
)
def _(x, kernel_size, stride=1):
    windows = _windows(x, kernel_size, stride).transpose(1, 2, 0, 3, 4, 5)
    return windows.reshape(windows.shape[0] * windows.shape[1], -1)


@im2col.also_right("sliding_window_view")
def _(x, kernel_size, stride=1):
    return _columns(_windows(x, kernel_size, stride))


@im2col.also_right("one place of the kernel after the other, float32")
def _(x, kernel_size, stride=1):
    N, H, W, C = x.shape
    down, across = (_output_size(n, kernel_size, stride, 0) for n in (H, W))
    cols = np.zeros((N, down, across, kernel_size, kernel_size, C), np.float32)
    for ki in range(kernel_size):
        for kj in range(kernel_size):
            part = x[:, ki : H - kernel_size + ki + 1 : stride]
            cols[:, :, :, ki, kj] = part[:, :, kj : W - kernel_size + kj + 1 : stride]
    return cols.reshape(N * down * across, -1)


@im2col.also_right("fancy indices, lists")
def _(x, kernel_size, stride=1):
    N, H, W, C = x.shape
    n, i, j, ki, kj, c = np.ogrid[
        :N,
        : H - kernel_size + 1 : stride,
        : W - kernel_size + 1 : stride,
        :kernel_size,
        :kernel_size,
        :C,
    ]
    found = x[n, i + ki, j + kj, c]
    return found.reshape(np.prod(found.shape[:3]), -1).tolist()


# Convolution, backward ----------------------------------------------------------------------------


def _spread(dY, W, xp, stride, write=False):
    """Every upstream number sends its kernel back to where its window was: the shape of xp."""
    K, dxp = len(W), np.zeros_like(xp)
    for i in range(dY.shape[1]):
        for j in range(dY.shape[2]):
            place = np.s_[:, i * stride : i * stride + K, j * stride : j * stride + K]
            sent = np.tensordot(dY[:, i, j], W, axes=(1, 3))
            dxp[place] = sent if write else dxp[place] + sent
    return dxp


def _cropped(dxp, x, top, left=None):
    left = top if left is None else left
    return dxp[:, top : top + x.shape[1], left : left + x.shape[2]]


def _weights(windows, dY):
    """The gradient of the kernels: each place's window times its upstream numbers, added up."""
    return np.tensordot(windows, dY, axes=((0, 1, 2), (0, 1, 2)))


def _at_places(dY, rows=slice(None), columns=slice(None), samples=slice(None)):
    """dY at some of its places, 0 at the others."""
    kept = np.zeros_like(dY)
    kept[samples, rows, columns] = dY[samples, rows, columns]
    return kept


_PLACES = {
    "only the last place counts": lambda dY: _at_places(dY, slice(-1, None), slice(-1, None)),
    "only the first place counts": lambda dY: _at_places(dY, slice(0, 1), slice(0, 1)),
    "only the last row of places counts": lambda dY: _at_places(dY, slice(-1, None)),
    "only the first row of places counts": lambda dY: _at_places(dY, slice(0, 1)),
    "only the last column of places counts": lambda dY: _at_places(dY, columns=slice(-1, None)),
    "the last row and column of places are left out": lambda dY: _at_places(
        dY, slice(0, -1), slice(0, -1)
    ),
    "only the first image counts": lambda dY: _at_places(dY, samples=slice(0, 1)),
    "only the last image counts": lambda dY: _at_places(dY, samples=slice(-1, None)),
    "dY is 1 everywhere: the upstream gradient is not used": np.ones_like,
    "dY is turned by half a turn": lambda dY: dY[:, ::-1, ::-1],
    "dY is turned upside down": lambda dY: dY[:, ::-1],
    "dY is mirrored left to right": lambda dY: dY[:, :, ::-1],
    "every place gets the mean of dY over all places": lambda dY: np.broadcast_to(
        dY.mean(axis=(1, 2), keepdims=True), dY.shape
    ),
    "every place gets the sum of dY over all places": lambda dY: np.broadcast_to(
        dY.sum(axis=(1, 2), keepdims=True), dY.shape
    ),
    "only the first output channel of dY is used": lambda dY: np.broadcast_to(
        dY[..., :1], dY.shape
    ),
    "dY is averaged over the batch first": lambda dY: np.broadcast_to(dY.mean(axis=0), dY.shape),
    "dY is added up over the batch first": lambda dY: np.broadcast_to(dY.sum(axis=0), dY.shape),
    "dY loses its negative entries": lambda dY: np.maximum(dY, 0),
    "only as many columns of places are visited as there are rows": lambda dY: _at_places(
        dY, columns=slice(0, dY.shape[1])
    ),
    "only as many rows of places are visited as there are columns": lambda dY: _at_places(
        dY, slice(0, dY.shape[2])
    ),
    "dY is laid flat with its output channels first, and read with them last": lambda dY: (
        dY.transpose(3, 0, 1, 2).reshape(dY.shape)
    ),
    "dY is laid flat with its columns before its rows": lambda dY: dY.transpose(0, 2, 1, 3).reshape(
        dY.shape
    ),
    "the sizes of dY are used, without their signs": np.abs,
}


def _paired_with(windows, dY):
    """Windows cut to as many places as dY has (or a clear failure)."""
    return windows[:, : dY.shape[1], : dY.shape[2]]


@exercise(
    points=5,
    minutes=35,
    probes=_backward_cases,
    title="Convolution, backward",
    outputs=("dx", "dW", "db"),
    hints=(
        "Walk over the same places (i, j) as forward. Each has its window and its upstream "
        "numbers g = dY[:, i, j], of shape (N, F).",
        "Lay the window flat, (N, K*K*C), and W as (K*K*C, F). Then each place is a linear layer "
        "of chapter 02, and you know its two products.",
        "What place (i, j) gives dW is added to what the other places gave. What it sends to its "
        "window is added (+=) to the part of dxp where the window was.",
        "The border of zeros is not a part of x: cut it off at the end.",
    ),
    steps=(
        _XP,
        _WINDOWS,
        Step(
            "db",
            lambda dY: dY.sum(axis=(0, 1, 2)),
            "The bias was added at every place of every image, so its gradient is the sum of dY "
            "over all of them.",
            {
                "dY is averaged over images and places": lambda dY: dY.mean(axis=(0, 1, 2)),
                "dY is added up over the places, but averaged over the images": lambda dY: dY.mean(
                    axis=0
                ).sum(axis=(0, 1)),
                "dY is added up over the images, but averaged over the places": lambda dY: dY.sum(
                    axis=0
                ).mean(axis=(0, 1)),
                "dY is added up over the batch alone": lambda dY: dY.sum(axis=0),
                "dY is added up over the places alone": lambda dY: dY.sum(axis=(1, 2)),
                "dY is added up over batch and rows alone": lambda dY: dY.sum(axis=(0, 1)),
                "dY is added up over batch and columns alone": lambda dY: dY.sum(axis=(0, 2)),
                "dY is added up over everything, output channels included": lambda dY: dY.sum(),
                "dY is added up over everything, and that is used for every bias": lambda dY: (
                    np.full(dY.shape[3], dY.sum())
                ),
                "the channels are added up, and the places left": lambda dY: dY.sum(axis=(0, 3)),
                "the entries of dY are counted, not added": lambda dY: np.full(
                    dY.shape[3], dY[..., 0].size * 1.0
                ),
                **{
                    words: lambda dY, change=change: change(dY).sum(axis=(0, 1, 2))
                    for words, change in _PLACES.items()
                    if "turn" not in words and "mirrored" not in words
                },
            },
        ),
        Step(
            "dW",
            lambda windows, dY: _weights(windows, dY),
            "A weight is used at every place of every image, so its gradient adds up over all of "
            "them: the pixel it met times the upstream number there.",
            {
                **{
                    "dW has " + said: lambda windows, dY, twist=twist: twist(_weights(windows, dY))
                    for said, twist in {
                        "each kernel turned by half a turn": lambda w: w[::-1, ::-1],
                        "each kernel upside down": lambda w: w[::-1],
                        "each kernel mirrored left to right": lambda w: w[:, ::-1],
                        "rows and columns of each kernel exchanged": lambda w: w.transpose(
                            1, 0, 2, 3
                        ),
                        "the channels of each kernel in reverse order": lambda w: w[:, :, ::-1],
                        "the axes in the order C, K, K, F": lambda w: w.transpose(2, 0, 1, 3),
                        "the axes in the order F, C, K, K": lambda w: w.transpose(3, 2, 0, 1),
                        "the axes in the order K, K, F, C": lambda w: w.transpose(0, 1, 3, 2),
                        "the axes in the order F, K, K, C": lambda w: w.transpose(3, 0, 1, 2),
                        "its numbers, in the order (K, K, C, F), read as (C, K, K, F)": lambda w: (
                            w.reshape(w.shape[2], *w.shape[:2], w.shape[3]).transpose(1, 2, 0, 3)
                        ),
                        "its numbers in the order (C, K, K, F), reshaped": lambda w: w.transpose(
                            2, 0, 1, 3
                        ).reshape(w.shape),
                        "its numbers in the order (F, K, K, C), reshaped": lambda w: w.transpose(
                            3, 0, 1, 2
                        ).reshape(w.shape),
                        "its numbers in the order (F, C, K, K), reshaped": lambda w: w.transpose(
                            3, 2, 0, 1
                        ).reshape(w.shape),
                    }.items()
                },
                **{
                    words: lambda windows, dY, change=change: _weights(windows, change(dY))
                    for words, change in _PLACES.items()
                },
                "the mean over the places is taken": lambda windows, dY: (
                    _weights(windows, dY) / dY[0, ..., 0].size
                ),
                "the mean over images and places is taken": lambda windows, dY: (
                    _weights(windows, dY) / dY[..., 0].size
                ),
                "the windows are not used, and the pixels count as 1": lambda windows, dY: _weights(
                    np.ones_like(windows), dY
                ),
                "every input channel gets what belongs to the first": lambda windows, dY: np.repeat(
                    _weights(windows[..., :1], dY), windows.shape[-1], axis=2
                ),
                "the channels of the windows are added up": lambda windows, dY: np.repeat(
                    _weights(windows.sum(axis=-1, keepdims=True), dY), windows.shape[-1], axis=2
                ),
                **{
                    words: lambda windows, dY, change=change: _weights(change(windows), dY)
                    for words, change in _MISREAD.items()
                },
                "only the window's first pixel is used": lambda windows, dY: _weights(
                    np.broadcast_to(windows[:, :, :, :1, :1], windows.shape), dY
                ),
                "each image's own gradient is kept, not added up over the images": (
                    lambda windows, dY: np.einsum("nijabc,nijf->nabcf", windows, dY)
                ),
                "the windows move by one place, whatever the stride": lambda xp, W, dY: _weights(
                    _paired_with(_windows(xp, len(W), 1), dY), dY
                ),
                "windows of x are taken where those of the padded image belong": (
                    lambda x, W, dY, stride: _weights_of_fewer(_windows(x, len(W), stride), dY)
                ),
            },
        ),
        _WEIGHTS,
        Step(
            "dxp",
            lambda dY, weights, xp, stride: _spread(dY, weights, xp, stride),
            "Each place sends its upstream numbers back through the kernels, to the pixels of its "
            "window; where windows overlap, that adds up.",
            {
                "a window overwrites what earlier ones have sent": lambda dY, weights, xp, stride: (
                    _spread(dY, weights, xp, stride, write=True)
                ),
                **{
                    words: lambda dY, weights, xp, stride, change=change: _spread(
                        change(dY), weights, xp, stride
                    )
                    for words, change in _PLACES.items()
                },
                "the windows move by one place, whatever the stride": lambda dY, weights, xp: (
                    _spread(dY, weights, xp, 1)
                ),
                "the kernels count as 1": lambda dY, weights, xp, stride: _spread(
                    dY, np.ones_like(weights), xp, stride
                ),
                "a pixel gets the mean of what its windows send": lambda dY, weights, xp, stride: (
                    _spread(dY, weights, xp, stride)
                    / np.maximum(_spread(np.ones_like(dY), np.ones_like(weights), xp, stride), 1)
                    * weights.shape[3]
                ),
                "all images get what belongs to the first": lambda dY, weights, xp, stride: (
                    np.broadcast_to(_spread(dY, weights, xp, stride)[:1], xp.shape)
                ),
                "every channel gets what belongs to the first": lambda dY, weights, xp, stride: (
                    np.broadcast_to(_spread(dY, weights, xp, stride)[..., :1], xp.shape)
                ),
                "rows and columns are exchanged in it": lambda dY, weights, xp, stride: _spread(
                    dY, weights, xp, stride
                ).transpose(0, 2, 1, 3),
                "it comes out turned by half a turn": lambda dY, weights, xp, stride: _spread(
                    dY, weights, xp, stride
                )[:, ::-1, ::-1],
            },
            look="Send one single number of dY back by hand: which pixels get what?",
        ),
        Step(
            "dx",
            lambda dxp, x, padding: _cropped(dxp, x, padding),
            "A pixel gets what its windows send, and no more. The border of zeros is no part of x.",
            {
                "the border is not cut off": lambda dxp: dxp,
                "it is stopped where x is negative, as if by a ReLU": lambda dxp, x, padding: (
                    _cropped(dxp, x, padding) * (x > 0)
                ),
                "x is multiplied in": lambda dxp, x, padding: _cropped(dxp, x, padding) * x,
                "it is divided by the number of weights in a kernel": lambda dxp, x, padding, W: (
                    _cropped(dxp, x, padding) / W[..., 0].size
                ),
                "the rows and columns that no window reached are put in front": (
                    lambda dxp, x, padding, W, stride: _cropped(
                        np.roll(
                            dxp,
                            [(n - len(W)) % stride for n in dxp.shape[1:3]],
                            axis=(1, 2),
                        ),
                        x,
                        padding,
                    )
                ),
                "the border is cut off at the bottom and on the right only": lambda dxp, x: (
                    _cropped(dxp, x, 0)
                ),
                "the border is cut off on top and on the left only": lambda dxp, x, padding: (
                    _cropped(dxp, x, 2 * padding)
                ),
                "the border is cut off in the rows, not in the columns": lambda dxp, x, padding: (
                    dxp[:, padding : padding + x.shape[1]]
                ),
                "the border is cut off in the columns, not in the rows": lambda dxp, x, padding: (
                    dxp[:, :, padding : padding + x.shape[2]]
                ),
                "just one pixel is cut off on each side": lambda dxp, padding: (
                    dxp[:, 1:-1, 1:-1] if padding else dxp
                ),
                "the border is cut off twice": lambda dxp, padding: dxp[
                    :, 2 * padding : -2 * padding or None, 2 * padding : -2 * padding or None
                ],
                "dx[:, padding:-padding] is cut, which leaves nothing where padding is 0": (
                    lambda dxp, padding: dxp[:, padding:-padding, padding:-padding]
                ),
            },
        ),
    ),
)
def conv2d_backward(dY, x, W, stride=1, padding=0):
    """Gradients of a convolution with respect to its input, its kernels and its biases.

    dY: upstream gradient, (N, Ho, Wo, F). x: images, (N, H, W, C). W: kernels, (K, K, C, F).
    Returns (dx, dW, db), of the shapes of x, W and b, which is (F,).
    """
    K = len(W)
    xp = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    dxp, dW = np.zeros(xp.shape), np.zeros(W.shape)
    for i in range(dY.shape[1]):
        for j in range(dY.shape[2]):
            rows = slice(i * stride, i * stride + K)
            columns = slice(j * stride, j * stride + K)
            g = dY[:, i, j]
            dW += np.tensordot(xp[:, rows, columns], g, axes=(0, 0))
            dxp[:, rows, columns] += np.tensordot(g, W, axes=(1, 3))
    dx = dxp[:, padding : padding + x.shape[1], padding : padding + x.shape[2]]
    return dx, dW, dY.sum(axis=(0, 1, 2))


def _weights_of_fewer(windows, dY):
    """The gradient from as many windows as there are, wherever they stand."""
    down, across = (min(a, b) for a, b in zip(windows.shape[1:3], dY.shape[1:3], strict=True))
    return _weights(windows[:, :down, :across], dY[:, :down, :across])


def _right_backward(dY, x, W, stride=1, padding=0):
    return conv2d_backward.solution(dY, x, W, stride, padding)


@conv2d_backward.misconception(
    "bias over the batch alone",
    "Your db adds dY up over the images alone: it still has an entry for every place.",
    "One bias is added at every place of every image, so it collects from all of them.",
    "Which axes of dY (N, Ho, Wo, F) are not in b (F,)?",
)
def _(dY, x, W, stride=1, padding=0):
    dx, dW, _ = _right_backward(dY, x, W, stride, padding)
    return dx, dW, dY.sum(axis=0)


@conv2d_backward.misconception(
    "kernel gradient turned",
    "Your dW comes out turned by half a turn.",
    "Weight (ki, kj) met the pixel ki down and kj across from each window's corner; nothing is "
    "turned here.",
    "Which pixels did W[0, 0] meet?",
)
def _(dY, x, W, stride=1, padding=0):
    dx, dW, db = _right_backward(dY, x, W, stride, padding)
    return dx, dW[::-1, ::-1], db


@conv2d_backward.misconception(
    "kernel turned on the way back",
    "Your dx sends the kernels back turned by half a turn.",
    "Weight (ki, kj) connects a place with the pixel (ki, kj) of its window, forward and back. (A "
    "turned kernel belongs to another way of writing dx: sliding over a padded dY.)",
    "Send one single upstream number back by hand: which pixel gets W[0, 0] times it?",
)
def _(dY, x, W, stride=1, padding=0):
    dx = _right_backward(dY, x, W[::-1, ::-1], stride, padding)[0]
    return dx, *_right_backward(dY, x, W, stride, padding)[1:]


@conv2d_backward.misconception(
    "overwritten",
    "Your dW holds what the last place sent, and in dx windows overwrite each other: `=` where "
    "`+=` belongs.",
    "A weight is used at every place, and a pixel is seen by several windows; what they send adds "
    "up.",
    "What happens to dW in the second round of your loop?",
)
def _(dY, x, W, stride=1, padding=0):
    xp, K = _zeros_around(x, padding), len(W)
    dxp = _spread(dY, W, xp, stride, write=True)
    i, j = (n - 1 for n in dY.shape[1:3])
    window = xp[:, i * stride : i * stride + K, j * stride : j * stride + K]
    dW = np.tensordot(window, dY[:, -1, -1], axes=(0, 0))
    return _cropped(dxp, x, padding), dW, dY.sum(axis=(0, 1, 2))


@conv2d_backward.misconception(
    "overwritten in dW",
    "Your dW holds what the last place sent: `=` where `+=` belongs.",
    "A weight is used at every place of every image, and what they send adds up.",
    "What happens to dW in the second round of your loop?",
)
def _(dY, x, W, stride=1, padding=0):
    dx, _, db = _right_backward(dY, x, W, stride, padding)
    xp = _zeros_around(x, padding)
    return (
        dx,
        _weights(_windows(xp, len(W), stride), _at_places(dY, slice(-1, None), slice(-1, None))),
        db,
    )


@conv2d_backward.misconception(
    "overwritten in dx",
    "In your dx, windows overwrite each other: `=` where `+=` belongs.",
    "A pixel that several windows see gets something from each of them, and that adds up.",
    "How many windows of 3 x 3 see a pixel in the middle of the image?",
)
def _(dY, x, W, stride=1, padding=0):
    dxp = _spread(dY, W, _zeros_around(x, padding), stride, write=True)
    return _cropped(dxp, x, padding), *_right_backward(dY, x, W, stride, padding)[1:]


@conv2d_backward.misconception(
    "border not cut off",
    "Your dx still has the border of the padded images around it.",
    "A gradient has the shape of its variable, and x came without the border.",
    "Which rows and columns of dxp belong to x? Mind padding=0: x[0:-0] is empty.",
)
def _(dY, x, W, stride=1, padding=0):
    dx = _spread(dY, W, _zeros_around(x, padding), stride)
    return dx, *_right_backward(dY, x, W, stride, padding)[1:]


@conv2d_backward.misconception(
    "upstream ignored",
    "Your gradients are what comes out if dY is 1 everywhere: dY itself is not used.",
    "By the chain rule every gradient of this step is proportional to it.",
    "Where does dY enter, apart from its shape?",
)
def _(dY, x, W, stride=1, padding=0):
    return _right_backward(np.ones_like(dY), x, W, stride, padding)


@conv2d_backward.misconception(
    "divided by N",
    "Your dW and db are divided by the number of images N.",
    "The 1/N of a mean loss is applied once, in the loss's own backward; no layer divides by N.",
    "Look for a mean, or a division by len(x).",
)
def _(dY, x, W, stride=1, padding=0):
    dx, dW, db = _right_backward(dY, x, W, stride, padding)
    return dx, dW / len(x), db / len(x)


@conv2d_backward.misconception(
    "stride ignored",
    "On the way back your windows move by one place, whatever the stride.",
    "The upstream number of place (i, j) belongs to the window that begins at row i * stride and "
    "column j * stride, as on the way forward.",
    "Which slice of xp do you take for i = 1 and a stride of 2?",
)
def _(dY, x, W, stride=1, padding=0):
    xp, K = _zeros_around(x, padding), len(W)
    dW = _weights(_paired_with(_windows(xp, K, 1), dY), dY)
    return _cropped(_spread(dY, W, xp, 1), x, padding), dW, dY.sum(axis=(0, 1, 2))


@conv2d_backward.misconception(
    "another order",
    "You return (dW, db, dx).",
    "The order wanted is (dx, dW, db).",
    "Exchange what stands after return.",
)
def _(dY, x, W, stride=1, padding=0):
    dx, dW, db = _right_backward(dY, x, W, stride, padding)
    return dW, db, dx


@conv2d_backward.also_right("seven loops")
def _(dY, x, W, stride=1, padding=0):
    (N, down, across, F), (K, _, C, _) = dY.shape, W.shape
    dx, dW, db = np.zeros(x.shape), np.zeros(W.shape), np.zeros(F)
    for n, i, j in np.ndindex(N, down, across):
        db += dY[n, i, j]
        for ki, kj in np.ndindex(K, K):
            row, column = i * stride + ki - padding, j * stride + kj - padding
            if 0 <= row < x.shape[1] and 0 <= column < x.shape[2]:
                for c in range(C):
                    for f in range(F):
                        dW[ki, kj, c, f] += x[n, row, column, c] * dY[n, i, j, f]
                        dx[n, row, column, c] += W[ki, kj, c, f] * dY[n, i, j, f]
    return dx, dW, db


@conv2d_backward.also_right("a turned kernel slides over dY with zeros between; float32")
def _(dY, x, W, stride=1, padding=0):
    xp, K = _zeros_around(x, padding), len(W)
    N, down, across, F = dY.shape
    spaced = np.zeros((N, xp.shape[1] - K + 1, xp.shape[2] - K + 1, F))
    spaced[:, ::stride, ::stride][:, :down, :across] = dY
    dxp = _cross(_windows(_zeros_around(spaced, K - 1), K, 1), W[::-1, ::-1].transpose(0, 1, 3, 2))
    dW = _weights(_windows(xp, K, stride), dY)
    parts = _cropped(dxp, x, padding), dW, dY.sum(axis=(0, 1, 2))
    return [part.astype(np.float32) for part in parts]


@conv2d_backward.also_right("im2col and matrix products")
def _(dY, x, W, stride=1, padding=0):
    xp, (K, _, C, F) = _zeros_around(x, padding), W.shape
    windows = _windows(xp, K, stride)
    flat = dY.reshape(-1, F)
    dW = (windows.reshape(-1, K * K * C).T @ flat).reshape(W.shape)
    dwindows = (flat @ W.reshape(-1, F).T).reshape(windows.shape)
    dxp = np.zeros(xp.shape)
    for ki, kj in np.ndindex(K, K):
        rows = slice(ki, ki + stride * dY.shape[1], stride)
        part = dxp[:, rows][:, : dY.shape[1]]
        columns = slice(kj, kj + stride * (dY.shape[2] - 1) + 1, stride)
        part[:, :, columns] += dwindows[:, :, :, ki, kj]
    return _cropped(dxp, x, padding), dW, flat.sum(axis=0)


# Max pooling --------------------------------------------------------------------------------------

REST, TIES, BELOW = "sizes that the pool does not divide", "ties", "images without a positive pixel"
THREE, ONE = "a pool of 3", "a pool of 1"


def _pools(rng, upstream=False):
    cases = [
        ((5, 4, 6, 3), None, ""),
        ((5, 4, 6, 3), None, ""),
        ((6, 8, 4, 2), 2, ""),
        ((4, 4, 4, 4), 2, SQUARE),
        ((1, 6, 4, 2), 2, SINGLE),
        ((5, 5, 7, 2), 2, REST),
        ((3, 11, 4, 2), 2, REST),
        ((2, 6, 9, 4), 3, THREE),
        ((5, 8, 7, 2), 3, REST),
        ((3, 4, 5, 2), 1, ONE),
        ((5, 6, 4, 3), 2, BELOW),
        ((2, 4, 6, 1), 2, "a single channel"),
        ((5, 6, 4, 2), 2, TIES),
        ((3, 6, 7, 2), 3, TIES),
        ((2, 3, 8, 2), 3, "an image as high as the pool"),
        ((2, 7, 3, 2), 3, "an image as wide as the pool"),
        ((2, 8, 9, 3), 4, "a pool of 4"),
    ]
    calls = []
    for shape, size, label in cases:
        x = rng.normal(size=shape)
        if label == BELOW:
            x = -1e12 * (1 + np.abs(x))  # below whatever somebody takes for "very small"
        elif label == TIES:
            x = rng.integers(-2, 2, shape) * 1.0
        N, H, W, C = shape
        s = size or 2
        args = (rng.normal(size=(N, H // s, W // s, C)), x) if upstream else (x,)
        calls.append(Call(args if size is None else (*args, size), label))
    return calls + _one_input_new(rng, calls[0])


def _pool_windows(x, size):
    """The windows of a pool, (N, Ho, Wo, size, size, C); what fills none is left out."""
    N, H, W, C = x.shape
    down, across = H // size, W // size
    inside = x[:, : down * size, : across * size]
    return inside.reshape(N, down, size, across, size, C).transpose(0, 1, 3, 2, 4, 5)


def _unpooled(windows, like):
    """Windows laid back over an image of another array's shape; 0 where there is none."""
    N, down, across, size, _, C = windows.shape
    out = np.zeros(like.shape)
    laid = windows.transpose(0, 1, 3, 2, 4, 5).reshape(N, down * size, across * size, C)
    out[:, : down * size, : across * size] = laid
    return out


def _filled(x, size, value):
    """x made larger at the bottom and on the right, so that the pool divides it."""
    down, across = -x.shape[1] % size, -x.shape[2] % size
    return np.pad(x, ((0, 0), (0, down), (0, across), (0, 0)), constant_values=value)


@exercise(
    points=2,
    minutes=8,
    probes=_pools,
    title="Max pooling, forward",
    outputs=("y",),
    hints=(
        "The windows do not overlap: place (i, j) begins at row i * size, column j * size.",
        "x[:, i * size : (i + 1) * size, …] is the window of all images and channels; its largest "
        "entry over axes 1 and 2 is what you want.",
        "H // size rows of windows fit; what is left over belongs to none.",
    ),
    steps=(
        Step(
            "windows",
            lambda x, size: _pool_windows(x, size),
            "Windows lie side by side; rows and columns that do not fill one are left out.",
            {
                "the windows overlap: they move by one place": lambda x, size: _windows(x, size, 1),
                "every second place is taken, whatever the size": lambda x, size: _windows(
                    x, size, 2
                ),
                "what is left over makes a smaller window of its own": lambda x, size: (
                    _pool_windows(_filled(x, size, -np.inf), size)
                ),
                "what is left over is filled up with zeros": lambda x, size: _pool_windows(
                    _filled(x, size, 0), size
                ),
                "the size is always 2": lambda x: _pool_windows(x, 2),
                "the windows begin at i and j, and not at i * size and j * size": lambda x, size: (
                    _windows(x, size, 1)[:, : x.shape[1] // size, : x.shape[2] // size]
                ),
                "only the first 2 x 2 pixels of each window are compared": lambda x, size: _windows(
                    x, 2, size
                )[:, : x.shape[1] // size, : x.shape[2] // size],
                "the image is one single window": lambda x: x[:, None, None],
                "the windows start at the far end, so that the first row or column is left out": (
                    lambda x, size: _pool_windows(
                        x[:, x.shape[1] % size :, x.shape[2] % size :], size
                    )
                ),
                "the positions i and j are exchanged": lambda x, size: _pool_windows(
                    x, size
                ).transpose(0, 2, 1, 3, 4, 5),
                "rows and columns of the images are exchanged": lambda x, size: _pool_windows(
                    x.transpose(0, 2, 1, 3), size
                ),
                "only the rows are pooled": lambda x, size: (
                    x[:, : x.shape[1] // size * size]
                    .reshape(len(x), -1, size, x.shape[2], x.shape[3])
                    .transpose(0, 1, 3, 2, 4)[:, :, :, :, None]
                ),
                "only the columns are pooled": lambda x, size: x[
                    :, :, : x.shape[2] // size * size
                ].reshape(*x.shape[:2], -1, size, x.shape[3])[:, :, :, :, None],
                "the first window stands at every place": lambda x, size: np.broadcast_to(
                    (w := _pool_windows(x, size))[:, :1, :1], w.shape
                ),
                "the last window stands at every place": lambda x, size: np.broadcast_to(
                    (w := _pool_windows(x, size))[:, -1:, -1:], w.shape
                ),
                "the first image stands for all of them": lambda x, size: np.broadcast_to(
                    (w := _pool_windows(x, size))[:1], w.shape
                ),
                "the image is reshaped to (N, size, Ho, size, Wo, C), with size before Ho and Wo": (
                    lambda x, size: (
                        x[:, : x.shape[1] // size * size, : x.shape[2] // size * size]
                        .reshape(
                            len(x), size, x.shape[1] // size, size, x.shape[2] // size, x.shape[3]
                        )
                        .transpose(0, 2, 4, 1, 3, 5)
                    )
                ),
                "the image is reshaped without its axes being put in order": lambda x, size: (
                    (w := _pool_windows(x, size)).transpose(0, 1, 3, 2, 4, 5).reshape(w.shape)
                ),
            },
            look=_WINDOW,
        ),
        Step(
            "y",
            lambda windows: windows.max(axis=(3, 4)),
            "The largest pixel of each window, for each channel by itself, whatever its sign.",
            {
                "the smallest pixel is taken": lambda windows: windows.min(axis=(3, 4)),
                "the pixels are averaged": lambda windows: windows.mean(axis=(3, 4)),
                "the pixels are added up": lambda windows: windows.sum(axis=(3, 4)),
                "the median is taken": lambda windows: np.median(windows, axis=(3, 4)),
                "the largest size counts, and the sign is lost": lambda windows: np.abs(
                    windows
                ).max(axis=(3, 4)),
                "the pixel furthest from 0 is taken": lambda windows: np.where(
                    windows.max(axis=(3, 4)) >= -windows.min(axis=(3, 4)),
                    windows.max(axis=(3, 4)),
                    windows.min(axis=(3, 4)),
                ),
                "nothing below 0 comes out": lambda windows: np.maximum(
                    windows.max(axis=(3, 4)), 0
                ),
                "the first pixel of each window is taken": lambda windows: windows[:, :, :, 0, 0],
                "the last pixel of each window is taken": lambda windows: windows[:, :, :, -1, -1],
                "the largest pixel over all channels is taken": lambda windows: np.repeat(
                    windows.max(axis=(3, 4, 5))[..., None], windows.shape[-1], axis=-1
                ),
                "the largest pixel over all channels is taken, one number for each window": (
                    lambda windows: windows.max(axis=(3, 4, 5))
                ),
                "the largest pixel over all channels is taken, as one channel": lambda windows: (
                    windows.max(axis=(3, 4, 5))[..., None]
                ),
                "the winner of the first channel decides for all channels": lambda windows: (
                    windows * np.repeat(_first(windows[..., :1]), windows.shape[-1], axis=-1)
                ).sum(axis=(3, 4)),
                "each maximum is written back over its whole window": lambda windows, x, size: (
                    _inside(
                        _unpooled(
                            np.broadcast_to(windows.max(axis=(3, 4), keepdims=True), windows.shape),
                            x,
                        ),
                        windows,
                    )
                ),
                "the largest pixel of all images is taken": lambda windows: np.repeat(
                    windows.max(axis=(0, 3, 4))[None], len(windows), axis=0
                ),
                "the place of the winner in its window is given, and not its value": (
                    lambda windows: _flat(windows).argmax(axis=3)
                ),
                "the largest of each row is taken, and those are averaged": lambda windows: (
                    windows.max(axis=4).mean(axis=3)
                ),
                "the largest of each column is taken, and those are averaged": lambda windows: (
                    windows.max(axis=3).mean(axis=3)
                ),
                "windows reach one row and one column too far": lambda windows, x, size: _windows(
                    _zeros_around(x, 0, 1, 0, 1, constant_values=-np.inf), size + 1, size
                )[:, : windows.shape[1], : windows.shape[2]].max(axis=(3, 4)),
                "only the first row of each window is looked at": lambda windows: windows[
                    :, :, :, 0
                ].max(axis=3),
                "only the first column of each window is looked at": lambda windows: windows[
                    :, :, :, :, 0
                ].max(axis=3),
                "only the diagonal of each window is looked at": lambda windows: np.einsum(
                    "nijaac->nijac", windows
                ).max(axis=3),
                "the last row and column of each window are left out": lambda windows: windows[
                    :, :, :, : max(1, windows.shape[3] - 1), : max(1, windows.shape[3] - 1)
                ].max(axis=(3, 4)),
                "the second largest pixel is taken": lambda windows: np.sort(
                    _flat(windows), axis=3
                )[:, :, :, -min(2, windows.shape[3] ** 2)],
                "the maximum is multiplied with how many pixels a window has": lambda windows: (
                    windows.max(axis=(3, 4)) * windows.shape[3] ** 2
                ),
            },
        ),
    ),
)
def max_pool_forward(x, size=2):
    """The largest pixel of each window of size x size, for each channel by itself.

    x: images, (N, H, W, C). The windows do not overlap; rows and columns that do not fill one are
    left out. Returns y, (N, Ho, Wo, C), Ho = H // size.
    """
    N, H, W, C = x.shape
    y = np.zeros((N, H // size, W // size, C))
    for i in range(H // size):
        for j in range(W // size):
            window = x[:, i * size : (i + 1) * size, j * size : (j + 1) * size]
            y[:, i, j] = window.max(axis=(1, 2))
    return y


def _flat(windows):
    """The pixels of each window in one row: (N, Ho, Wo, size * size, C)."""
    return windows.reshape(*windows.shape[:3], -1, windows.shape[5])


@max_pool_forward.misconception(
    "average",
    "Your y averages each window.",
    "That is average pooling. Max pooling keeps the largest pixel and forgets the others.",
    "Which reduction do you use?",
)
def _(x, size=2):
    return _pool_windows(x, size).mean(axis=(3, 4))


@max_pool_forward.misconception(
    "over the channels",
    "Your y takes the largest pixel over all channels.",
    "Each channel is pooled by itself; channels stay apart.",
    "Over which axes does your maximum go? Only the two of the window.",
)
def _(x, size=2):
    windows = _pool_windows(x, size)
    return np.repeat(windows.max(axis=(3, 4, 5))[..., None], x.shape[3], axis=3)


@max_pool_forward.misconception(
    "windows overlap",
    "Your windows move by one place and overlap: y is too large.",
    "In this pooling the windows lie side by side: they move by their own size.",
    "Where does window number 1 begin?",
)
def _(x, size=2):
    return _windows(x, size, 1).max(axis=(3, 4))


@max_pool_forward.misconception(
    "left-over windows",
    "Your y has an extra row or column where the pool does not divide the image.",
    "Rows and columns that do not fill a window are left out: Ho = H // size, rounded down.",
    "How many full windows fit into 11 rows?",
)
def _(x, size=2):
    return _pool_windows(_filled(x, size, -np.inf), size).max(axis=(3, 4))


@max_pool_forward.misconception(
    "starts from 0",
    "Your y is never below 0.",
    "In a window of negative pixels the largest one is negative, too. A maximum that starts from 0 "
    "misses it.",
    "What does your running maximum start with?",
)
def _(x, size=2):
    return np.maximum(_pool_windows(x, size).max(axis=(3, 4)), 0)


@max_pool_forward.misconception(
    "largest size",
    "Your y takes the largest absolute value of each window.",
    "The largest pixel has the largest number; a positive one beats every negative one.",
    "Look for abs.",
)
def _(x, size=2):
    return np.abs(_pool_windows(x, size)).max(axis=(3, 4))


@max_pool_forward.misconception(
    "first pixel",
    "Your y takes the first pixel of each window: that is skipping pixels, not pooling.",
    "The largest of all pixels in the window goes on.",
    "Where are the pixels of a window compared?",
)
def _(x, size=2):
    return _pool_windows(x, size)[:, :, :, 0, 0].copy()


@max_pool_forward.misconception(
    "always 2",
    "Your windows are 2 x 2, whatever size says.",
    "The size is an argument.",
    "Where does a 2 stand in your code?",
)
def _(x, size=2):
    return _pool_windows(x, 2).max(axis=(3, 4))


@max_pool_forward.also_right("reshape")
def _(x, size=2):
    N, H, W, C = x.shape
    inside = x[:, : H // size * size, : W // size * size]
    return inside.reshape(N, H // size, size, W // size, size, C).max(axis=(2, 4))


@max_pool_forward.also_right("loops, lists")
def _(x, size=2):
    N, H, W, C = x.shape
    return [
        [
            [
                [
                    max(
                        x[n, i * size + a, j * size + b, c]
                        for a in range(size)
                        for b in range(size)
                    )
                    for c in range(C)
                ]
                for j in range(W // size)
            ]
            for i in range(H // size)
        ]
        for n in range(N)
    ]


@max_pool_forward.also_right("maximum of shifted views, float32")
def _(x, size=2):
    H, W = (n // size * size for n in x.shape[1:3])
    views = [x[:, a:H:size, b:W:size] for a in range(size) for b in range(size)]
    return np.maximum.reduce(views).astype(np.float32)


def _any_split(inputs, name, value):
    """Where pixels of a window are equally large, any split of dY among them stands for the first.

    So the right answers at a tie are one: the tied places together get dY, the others nothing.
    """
    x, dY = inputs["x"], inputs["dY"]
    size = inputs.get("size", 2)
    if value.shape != x.shape or value.dtype == bool:
        return value
    windows, given = _pool_windows(x, size), _pool_windows(value.astype(float), size)
    if given.shape[:3] + given.shape[5:] != dY.shape:
        return value
    winners = windows == windows.max(axis=(3, 4), keepdims=True)
    tied = winners.sum(axis=(3, 4)) > 1
    single = value.dtype.itemsize < 8 and value.dtype.kind == "f"
    near = np.isclose(
        (given * winners).sum(axis=(3, 4)), dY, rtol=1e-4 if single else 1e-9, atol=1e-6 * single
    )
    share = given * np.sign(dY)[:, :, :, None, None]
    fair = (share >= 0).all(axis=(3, 4)) & (share <= 1.001 * np.abs(dY)[:, :, :, None, None]).all(
        axis=(3, 4)
    )
    sound = (tied & near & fair & ~(given * ~winners).any(axis=(3, 4)))[:, :, :, None, None]
    first = _first(windows) * dY[:, :, :, None, None]
    settled = np.where(sound, first, given)
    out = value.astype(float)
    out[:, : dY.shape[1] * size, : dY.shape[2] * size] = _unpooled(settled, x)[
        :, : dY.shape[1] * size, : dY.shape[2] * size
    ]
    return out.astype(value.dtype) if value.dtype.kind == "f" else out


def _first(windows):
    """1 at the first largest pixel of each window, in row-major order, and 0 elsewhere."""
    flat = _flat(windows)
    winner = flat.argmax(axis=3)[:, :, :, None]
    places = np.arange(flat.shape[3])[:, None]
    return ((places == winner) * 1.0).reshape(windows.shape)


def _per_window(dY, windows):
    return np.broadcast_to(dY[:, :, :, None, None], windows.shape)


@exercise(
    points=3,
    minutes=12,
    probes=lambda rng: _pools(rng, upstream=True),
    title="Max pooling, backward",
    outputs=("dx",),
    canonical=_any_split,
    ambiguous=(TIES,),
    hints=(
        "Nudge a pixel that is not the largest of its window: what happens to y?",
        "dx starts as zeros of the shape of x. Each window hands its dY to one pixel.",
        "np.argmax of a flattened window gives the number k of its largest pixel; its row is "
        "k // size, its column k % size.",
    ),
    steps=(
        Step(
            "windows",
            lambda x, size: _pool_windows(x, size),
            "Windows lie side by side; rows and columns that do not fill one are left out.",
            {
                "the size is always 2": lambda x: _pool_windows(x, 2),
                "the windows start at the far end, so that the first row or column is left out": (
                    lambda x, size: _pool_windows(
                        x[:, x.shape[1] % size :, x.shape[2] % size :], size
                    )
                ),
                "the windows are looked for at i and j, and not at i * size and j * size": (
                    lambda x, size: _windows(x, size, 1)[
                        :, : x.shape[1] // size, : x.shape[2] // size
                    ]
                ),
            },
            look=_WINDOW,
        ),
        Step(
            "winners",
            lambda windows: _first(windows),
            "Only the largest pixel of each window, for each channel by itself, reaches y.",
            {
                "every pixel of a window gets the same share": lambda windows: np.full(
                    windows.shape, 1 / windows.shape[3] ** 2
                ),
                "every pixel of a window gets all of it": lambda windows: np.ones_like(windows),
                "the first pixel of each window gets it": lambda windows: _place_of(windows, 0),
                "the last pixel of each window gets it": lambda windows: _place_of(windows, -1),
                "the smallest pixel of each window gets it": lambda windows: _first(-windows),
                "the pixel furthest from 0 gets it": lambda windows: _first(np.abs(windows)),
                "every pixel gets all of it but the largest": lambda windows: 1 - _first(windows),
                "a winner has to be above 0": lambda windows: _first(windows) * (windows > 0),
                "every pixel above 0 gets it": lambda windows: (windows > 0) * 1.0,
                "all equally large pixels get all of it": lambda windows: (
                    (windows == windows.max(axis=(3, 4), keepdims=True)) * 1.0
                ),
                "the largest pixel over all channels gets it": lambda windows: (
                    (windows == windows.max(axis=(3, 4, 5), keepdims=True)) * 1.0
                ),
                "the winner of the first channel decides for all channels": lambda windows: (
                    np.repeat(_first(windows[..., :1]), windows.shape[-1], axis=-1)
                ),
                "the winner in the first image decides for all images": lambda windows: np.repeat(
                    _first(windows[:1]), len(windows), axis=0
                ),
                "the largest pixel of each row of a window gets it": lambda windows: (
                    (windows == windows.max(axis=4, keepdims=True)) * 1.0
                ),
                "the largest pixel of each column of a window gets it": lambda windows: (
                    (windows == windows.max(axis=3, keepdims=True)) * 1.0
                ),
                "rows and columns are exchanged within each window": lambda windows: _first(
                    windows
                ).transpose(0, 1, 2, 4, 3, 5),
                "the largest pixel of its row or of its column gets it": lambda windows: (
                    (
                        (windows == windows.max(axis=4, keepdims=True))
                        | (windows == windows.max(axis=3, keepdims=True))
                    )
                    * 1.0
                ),
                "every pixel gets its share of the window's sum": lambda windows: (
                    windows / windows.sum(axis=(3, 4), keepdims=True)
                ),
                "the winner's own value is multiplied in": lambda windows: (
                    _first(windows) * windows
                ),
                "the second largest pixel of each window gets it": lambda windows: _rank(
                    windows, 2
                ),
                "the middle one of the pixels, sorted by size, gets it": lambda windows: _rank(
                    windows, windows.shape[3] ** 2 // 2 + 1
                ),
                "only the largest pixel of each image gets it": lambda windows, x: (
                    (windows == x.max(axis=(1, 2))[:, None, None, None, None]) * 1.0
                ),
                "the shares of a softmax over the window are used": lambda windows: (
                    np.exp(windows) / np.exp(windows).sum(axis=(3, 4), keepdims=True)
                ),
                "only the first window counts": lambda windows: (
                    _first(windows) * _some(windows, slice(0, 1))
                ),
                "only the last window counts": lambda windows: (
                    _first(windows) * _some(windows, slice(-1, None))
                ),
            },
            look="Print which pixel of one window you pick, and the window.",
        ),
        Step(
            "dx",
            lambda winners, dY, x: _unpooled(winners * _per_window(dY, winners), x),
            "The winner gets the upstream gradient of its window, all other pixels get 0.",
            {
                "dY is 1 everywhere: the upstream gradient is not used": lambda winners, x: (
                    _unpooled(winners, x)
                ),
                "the winner's value comes back, and not dY": lambda winners, x, windows: _unpooled(
                    winners * windows, x
                ),
                "dY loses its negative entries": lambda winners, dY, x: _unpooled(
                    winners * np.maximum(_per_window(dY, winners), 0), x
                ),
                "dY is divided among as many as a window has pixels": lambda winners, dY, x: (
                    _unpooled(winners * _per_window(dY, winners), x) / winners.shape[3] ** 2
                ),
                "every channel gets the dY of all channels, added up": lambda winners, dY, x: (
                    _unpooled(
                        winners
                        * _per_window(
                            np.broadcast_to(dY.sum(axis=-1, keepdims=True), dY.shape), winners
                        ),
                        x,
                    )
                ),
                "the winner's place in its window is counted from (i, j), not from (i * size, j * "
                "size)": lambda winners, dY, x: _written_at(winners, dY, x, lambda i, size: i),
                "the winner's place in its window is counted from (i, j), and what meets there is "
                "added": lambda winners, dY, x: _written_at(
                    winners, dY, x, lambda i, size: i, add=True
                ),
                "the rows and columns that fill no window get the dY of their neighbours": (
                    lambda winners, dY, x: _rest_filled(
                        _unpooled(winners * _per_window(dY, winners), x),
                        _unpooled(_per_window(dY, winners), x),
                        winners,
                    )
                ),
                "the rows and columns that fill no window keep what is in x": (
                    lambda winners, dY, x: np.where(
                        _unpooled(np.ones_like(winners), x) > 0,
                        _unpooled(winners * _per_window(dY, winners), x),
                        x,
                    )
                ),
                "the rows and columns that fill no window are put in front": (
                    lambda winners, dY, x: np.roll(
                        _unpooled(winners * _per_window(dY, winners), x),
                        [n % winners.shape[3] for n in x.shape[1:3]],
                        axis=(1, 2),
                    )
                ),
                "dY is read at (j, i), as far as there is such a place": lambda winners, dY, x: (
                    _unpooled(winners * _per_window(_sides_exchanged(dY), winners), x)
                ),
                "each winner's gradient overwrites all of its window": lambda winners, dY, x: (
                    _unpooled(_per_window(dY, winners), x)
                ),
                "only dY is handed on, in its own shape": lambda dY: dY,
                "dY is used turned upside down": lambda winners, dY, x: _unpooled(
                    winners * _per_window(dY[:, ::-1], winners), x
                ),
                "every image gets the dY of the first": lambda winners, dY, x: _unpooled(
                    winners * _per_window(np.broadcast_to(dY[:1], dY.shape), winners), x
                ),
                "every image gets the dY of the last": lambda winners, dY, x: _unpooled(
                    winners * _per_window(np.broadcast_to(dY[-1:], dY.shape), winners), x
                ),
                "every channel gets the dY of the first": lambda winners, dY, x: _unpooled(
                    winners * _per_window(np.broadcast_to(dY[..., :1], dY.shape), winners), x
                ),
                "the rows and columns that fill no window are missing": lambda winners, dY, x: (
                    _inside(_unpooled(winners * _per_window(dY, winners), x), winners)
                ),
                "the rows and columns that fill no window get what the last window gets": (
                    lambda winners, dY, x: _edge_repeated(
                        _inside(_unpooled(winners * _per_window(dY, winners), x), winners), x
                    )
                ),
                "the winner keeps its own pixel, plus dY": lambda winners, dY, x: (
                    _unpooled(winners * _per_window(dY, winners), x) + x
                ),
            },
        ),
    ),
)
def max_pool_backward(dY, x, size=2):
    """Gradient of the loss with respect to the input of a max pooling.

    dY: upstream gradient, (N, Ho, Wo, C). x: images, (N, H, W, C). Returns dx, (N, H, W, C). Where
    pixels are equally large, the first in reading order counts as the largest.
    """
    N, H, W, C = x.shape
    dx = np.zeros(x.shape)
    for n, i, j, c in np.ndindex(N, H // size, W // size, C):
        window = x[n, i * size : (i + 1) * size, j * size : (j + 1) * size, c]
        row, column = divmod(np.argmax(window), size)
        dx[n, i * size + row, j * size + column, c] = dY[n, i, j, c]
    return dx


def _rank(windows, k):
    """1 at the k-th largest pixel of each window."""
    flat = _flat(windows)
    order = np.argsort(-flat, axis=3, kind="stable")
    marked = np.zeros_like(flat)
    place = order[:, :, :, min(k, flat.shape[3]) - 1][:, :, :, None]
    np.put_along_axis(marked, place, 1, axis=3)
    return marked.reshape(windows.shape)


def _written_at(winners, dY, x, corner, add=False):
    """Each window's gradient put where the function of (index, size) says, as far as it fits."""
    dx, size = np.zeros(x.shape), winners.shape[3]
    for i, j in np.ndindex(dY.shape[1:3]):
        place = dx[:, corner(i, size) :, corner(j, size) :][:, :size, :size]
        down, across = place.shape[1:3]
        won = winners[:, i, j, :down, :across]
        sent = won * dY[:, i, j][:, None, None]
        place[...] = place + sent if add else np.where(won, sent, place)
    return dx


def _rest_filled(dx, spread, winners):
    """dx whose rows and columns outside all windows repeat the nearest of `spread`."""
    inside = _inside(dx, winners)
    filled = _edge_repeated(_inside(spread, winners), dx)
    filled[:, : inside.shape[1], : inside.shape[2]] = inside
    return filled


def _sides_exchanged(dY):
    side = min(dY.shape[1:3])
    turned = np.zeros_like(dY)
    turned[:, :side, :side] = dY[:, :side, :side].swapaxes(1, 2)
    return turned


def _place_of(windows, k):
    marked = np.zeros_like(windows)
    marked[:, :, :, k, k] = 1
    return marked


def _some(windows, kept):
    marked = np.zeros_like(windows)
    marked[:, kept, kept] = 1
    return marked


def _inside(dx, winners):
    size = winners.shape[3]
    return dx[:, : winners.shape[1] * size, : winners.shape[2] * size]


def _edge_repeated(inside, x):
    down, across = (a - b for a, b in zip(x.shape[1:3], inside.shape[1:3], strict=True))
    return np.pad(inside, ((0, 0), (0, down), (0, across), (0, 0)), mode="edge")


@max_pool_backward.misconception(
    "spread evenly",
    "Your dx spreads dY evenly over the window.",
    "That is average pooling. Here a nudge of a pixel that is not the largest changes nothing: its "
    "gradient is 0.",
    "Which pixel of the window reached y?",
)
def _(dY, x, size=2):
    windows = _pool_windows(x, size)
    return _unpooled(_per_window(dY, windows) / size**2, x)


@max_pool_backward.misconception(
    "all of the window",
    "Your dx gives all of dY to every pixel of the window.",
    "Only the largest pixel reached y; a nudge of the others changes nothing.",
    "Where do you look at x?",
)
def _(dY, x, size=2):
    return _unpooled(_per_window(dY, _pool_windows(x, size)), x)


@max_pool_backward.misconception(
    "ties to every maximum",
    "Where several pixels of a window are equally large, your dx gives all of dY to each of them.",
    "One number of y cannot hand out more than its dY: the first largest pixel gets it (or they "
    "share it).",
    "A comparison with the maximum is True at every tie. np.argmax gives one place.",
)
def _(dY, x, size=2):
    windows = _pool_windows(x, size)
    winners = windows == windows.max(axis=(3, 4), keepdims=True)
    return _unpooled(winners * _per_window(dY, windows), x)


@max_pool_backward.misconception(
    "upstream ignored",
    "Your dx is 1 at the winners: the upstream gradient is missing.",
    "By the chain rule the local derivative, 1 or 0, is multiplied with dY.",
    "Where does dY enter?",
)
def _(dY, x, size=2):
    return _unpooled(_first(_pool_windows(x, size)), x)


@max_pool_backward.misconception(
    "winner's value",
    "Your dx multiplies dY with the winner's value.",
    "y is the winner itself, so the local derivative is 1, whatever the value.",
    "How much does y move if the largest pixel is nudged?",
)
def _(dY, x, size=2):
    windows = _pool_windows(x, size)
    return _unpooled(_first(windows) * windows * _per_window(dY, windows), x)


@max_pool_backward.misconception(
    "over the channels",
    "Your winner is the largest pixel over all channels: channels without it get nothing.",
    "Each channel is pooled by itself and has a winner of its own in every window.",
    "Over which axes do you look for the winner?",
)
def _(dY, x, size=2):
    windows = _pool_windows(x, size)
    top = windows.max(axis=(3, 4, 5), keepdims=True)
    return _unpooled((windows == top) * _first(windows) * _per_window(dY, windows), x)


@max_pool_backward.misconception(
    "left-over rows missing",
    "Your dx lacks the rows and columns that fill no window.",
    "A gradient has the shape of its variable. What is left over gets the gradient 0, and stays.",
    "Start from zeros of the shape of x.",
)
def _(dY, x, size=2):
    windows = _pool_windows(x, size)
    return _inside(_unpooled(_first(windows) * _per_window(dY, windows), x), windows)


@max_pool_backward.misconception(
    "always 2",
    "Your windows are 2 x 2, whatever size says.",
    "The size is an argument.",
    "Where does a 2 stand in your code?",
)
def _(dY, x, size=2):
    windows = _pool_windows(x, 2)[:, : dY.shape[1], : dY.shape[2]]
    if windows.shape[:3] + windows.shape[5:] != dY.shape:
        dY = dY[:, : windows.shape[1], : windows.shape[2]]
    return _unpooled(_first(windows) * _per_window(dY, windows), x)


@max_pool_backward.also_right("shared among ties, all at once")
def _(dY, x, size=2):
    windows = _pool_windows(x, size)
    winners = windows == windows.max(axis=(3, 4), keepdims=True)
    shares = winners / winners.sum(axis=(3, 4), keepdims=True)
    return _unpooled(shares * _per_window(dY, windows), x)


@max_pool_backward.also_right("the last of equal ones, loops over places, float32")
def _(dY, x, size=2):
    dx = np.zeros(x.shape, np.float32)
    for i in range(dY.shape[1]):
        for j in range(dY.shape[2]):
            window = x[:, i * size : (i + 1) * size, j * size : (j + 1) * size]
            flat = window.reshape(len(x), size * size, -1)[:, ::-1]
            k = size * size - 1 - flat.argmax(axis=1)
            n, c = np.ogrid[: len(x), : x.shape[3]]
            dx[n, i * size + k // size, j * size + k % size, c] = dY[:, i, j]
    return dx


@max_pool_backward.also_right("np.kron, lists")
def _(dY, x, size=2):
    down, across = dY.shape[1] * size, dY.shape[2] * size
    grown = np.repeat(np.repeat(dY, size, axis=1), size, axis=2)
    dx = np.zeros_like(x)
    dx[:, :down, :across] = grown * _unpooled(_first(_pool_windows(x, size)), x)[:, :down, :across]
    return dx.tolist()


# Dropout ------------------------------------------------------------------------------------------

MANY, NOTHING, FEW = "a hundred thousand entries", "p = 0", "a single row"
IMAGES = "images with channels"


def _dropouts(rng):
    """The first two differ in the seed alone, so that masks can be compared."""
    x = rng.normal(size=(100, 200))
    return [
        Call((x, 0.5, Seed(1))),
        Call((x, 0.5, Seed(2))),
        Call((rng.normal(size=(400, 250)), 0.15, Seed(3)), MANY),
        Call((rng.normal(size=(200, 100)), 0.8, Seed(4))),
        Call((rng.integers(-1, 2, (200, 100)) * 1.0, 0.35, Seed(5))),
        Call((rng.normal(size=(20, 10, 12, 8)), 0.5, Seed(6)), IMAGES),
        Call((rng.normal(size=(1, 3000)), 0.4, Seed(7)), FEW),
        Call((rng.normal(size=(2000, 2)), 0.7, Seed(9)), "rows of two"),
        Call((rng.normal(size=(5, 4)), 0.0, Seed(8)), NOTHING),
    ]


def _kept_oddly(mask, p, x=None):
    """(kind, words) for a mask that is not drawn entry by entry with probability 1 - p, or None."""
    kept = mask.mean()
    if p == 0:
        return None if mask.all() else ("rate", "drops entries though p is 0")
    return (
        _decided_together(mask, kept)
        or (x is not None and _looks_at_x(mask, kept, x))
        or _another_rate(mask, kept, p)
        or _counted(mask, p)
    )


def _another_rate(mask, kept, p):
    slack = 5 * np.sqrt(p * (1 - p) / mask.size) + 0.5 / mask.size
    if abs(kept - (1 - p)) <= slack:
        return None
    if abs(kept - p) < slack:
        return "p kept", f"keeps {kept:.1%} of the entries where {1 - p:.0%} are to be expected"
    return "rate", f"keeps {kept:.1%} of the entries where {1 - p:.0%} are to be expected"


def _decided_together(mask, kept):
    """Entries that do not have a chance of their own: neighbours, or the two halves."""
    alone = kept * kept + (1 - kept) * (1 - kept)  # how many pairs agree by chance
    agree = {
        axis: (np.diff(mask.astype(int), axis=axis) == 0).mean()
        for axis in range(mask.ndim)
        if mask.shape[axis] > 1
    }
    axis = max(agree, key=lambda axis: abs(agree[axis] - alone), default=0)
    if agree and abs(agree[axis] - alone) > 6 * np.sqrt(2 / mask.size) + 1e-9:
        return "together", (
            f"decides for neighbours along axis {axis} together: {agree[axis]:.0%} of them share "
            f"a fate, {alone:.0%} are to be expected"
        )
    flat, half = mask.ravel(), mask.size // 2
    echoes = {
        "second half, read backwards,": flat[::-1][:half],
        "second half": flat[half : 2 * half],
    }
    for words, echo in echoes.items():
        if abs(np.mean(flat[:half] == echo) - alone) > 6 * np.sqrt(1 / half):
            return "together", f"repeats itself: the {words} follows the first"
    return None


def _looks_at_x(mask, kept, x):
    """Whether large entries have another chance than small ones, or zeros than others."""
    sizes = np.abs(x)
    for words, small in (
        ("0", x == 0),
        ("near 0", sizes < np.median(sizes)),
        ("below its median", x < np.median(x)),
    ):
        n = min(small.sum(), (~small).sum())
        if n < 100:
            continue
        there, elsewhere = mask[small].mean(), mask[~small].mean()
        if abs(there - elsewhere) > 6 * np.sqrt(2 * kept * (1 - kept) / n) + 1e-9:
            return "x", (
                f"depends on x: where x is {words}, it keeps {there:.0%} of the entries, and "
                f"elsewhere {elsewhere:.0%}"
            )
    return None


def _counted(mask, p):
    """Whether each row or column keeps nearly the same number, which chance would not do."""
    if mask.ndim != 2 or min(mask.shape) <= 50:
        return None
    for axis, others in ((0, 1), (1, 0)):
        counts, each = mask.sum(axis=others), mask.shape[others]
        spread = np.mean((counts - each * (1 - p)) ** 2) / (each * p * (1 - p))  # about 1
        if spread < 1 - 7 * np.sqrt(2 / len(counts)):
            return "counted", (
                f"keeps nearly the same number of entries in each part along axis {axis}"
            )
    return None


def _accept_dropout(probe, outcome):
    """A boolean mask, drawn entry by entry from the rng, and y = x mask / (1 - p)."""
    x, p, _ = probe.args
    values = [r.value for r in outcome.records]
    if len(values) != 4 or not all(isinstance(v, np.ndarray) for v in values):
        return None
    y, mask, again_y, again_mask = values
    for name, value in (("y", y), ("mask", mask)):
        if value.shape != x.shape:
            return (
                Finding("shape", name, (value.shape, x.shape)),
                f"Your {name} has shape {value.shape}, but it must be {x.shape}: every entry of x "
                "is kept or dropped by itself. Print the shape of what you draw.",
            )
    if y.dtype == bool and mask.dtype != bool:
        return (
            Finding("variable", "y", "mask"),
            "What you return first is the mask. The order wanted is (y, mask). Exchange what "
            "stands after return.",
        )
    if mask.dtype != bool:
        return (
            Finding("type", "mask", str(mask.dtype)),
            f"Your mask holds numbers ({mask.dtype}), but it must be boolean: True for kept. "
            "dropout_backward and others rely on that. A comparison gives True and False.",
        )
    odd = _kept_oddly(mask, p, x)
    if odd:
        kind, words = odd
        why = {
            "together": "Each entry is kept or dropped by itself. What shape is your draw?",
            "x": "Which entries are dropped is decided by chance alone, whatever is in x. (A kept "
            "0 stays 0: y does not tell the mask.)",
            "rate": "p is the probability of dropping. Which numbers do you compare with it?",
            "counted": "Each entry is kept or dropped by itself, so their number varies. Draw one "
            "random number per entry, and choose no fixed number of them.",
        }.get(kind)
        if kind in {m.id for m in dropout_forward.misconceptions}:
            return Finding("mask", "mask", kind), f"Your mask {words} (p = {p})."
        return Finding("mask", "mask", kind), f"Your mask {words} (p = {p}). {why}"
    if p and outcome.still:
        return (
            Finding("mask", "mask", "stands still"),
            "After your call the rng stands where it stood: it was not used, or copied, or put "
            "back. All randomness must come from it, so that a run can be repeated, and it must "
            "move on, so that the next mask is another one. Draw from rng itself.",
        )
    if not np.array_equal(mask, again_mask):
        return (
            Finding("unsteady", "mask"),
            "Two calls with generators of the same seed give different masks. All randomness must "
            "come from the rng that is handed in, so that a run can be repeated. Look for "
            "np.random.",
        )
    if agrees_with(y, x * mask / (1 - p)):
        return True
    kind = _scale_of(y, x, mask, p)
    return Finding("values" if kind == "other" else "scale", "y", kind), _about_y(y, x, mask, p)


def agrees_with(got, want):
    """Equal within what float32 results are allowed."""
    return bool(np.allclose(got, want, rtol=1e-4 if _single(got) else 1e-9, atol=1e-6))


def _single(array):
    return array.dtype.itemsize < 8 or np.array_equal(array, array.astype(np.float32))


def _ways(x, mask, p):
    """What y may be instead: {name: array}."""
    with np.errstate(all="ignore"):
        return {
            "not scaled": x * mask,
            "times 1 - p": x * mask * (1 - p),
            "scaled by 1/p": x * mask / p if p else None,
            "inverted": x * ~mask / (1 - p),
            "inverted, not scaled": x * ~mask,
            "not dropped": x / (1 - p),
            "nothing done": x,
            "the mask alone": mask / (1 - p),
            "scaled twice": x * mask / (1 - p) ** 2,
            "times 1 + p": x * mask * (1 + p),
            "brackets": x * mask / 1 - p,
            "by the root": x * mask / np.sqrt(1 - p),
            "by the share kept": x * mask / mask.mean(),
            "dropped to 1 - x": np.where(mask, x / (1 - p), 1),
            "only dropped entries scaled": np.where(mask, x, x / (1 - p)),
        }


def _scale_of(y, x, mask, p):
    ways = _ways(x, mask, p).items()
    return next((name for name, way in ways if way is not None and agrees_with(y, way)), "other")


_ABOUT_Y = {
    "inverted": "keeps the entries where your mask is False, and drops the others",
    "inverted, not scaled": "keeps the entries where your mask is False, and is not scaled",
    "not dropped": "is scaled, but nothing in it is dropped",
    "the mask alone": "is the scaled mask: x is not in it",
    "times 1 + p": "is scaled by 1 + p",
    "scaled twice": "is divided by 1 - p twice",
    "brackets": "is x * mask / 1 - p: without brackets the division comes first",
    "by the root": "is divided by the square root of 1 - p",
    "by the share kept": "is divided by the share that happened to be kept",
    "only dropped entries scaled": "is scaled where it ought to be dropped",
    "dropped to 1 - x": "is 1 where it ought to be 0",
}


def _about_y(y, x, mask, p):
    kind = _scale_of(y, x, mask, p)
    what = _ABOUT_Y.get(kind, "is not what the mask that you return makes of x")
    if kind == "other":
        dropped, kept = np.abs(y[~mask]).max(initial=0), mask & (np.abs(x) > 1e-3)
        own = np.mean((y != 0) == mask) if x.all() else 1
        if np.isnan(y[~mask]).any():
            what = "is nan where your mask is False, and must be 0 there"
        elif dropped > 1e-9 and x.all() and abs((y != 0).mean() - mask.mean()) < 0.02 and own < 0.9:
            what = "belongs to another mask than the one that you return (drawn twice?)"
        elif not np.any(y % 1):
            what = "has lost everything after the decimal point"
        elif dropped > 1e-9:
            what = "is not 0 at all places where your mask is False"
        elif kept.any():
            ratios = np.unique((y[kept] / x[kept]).round(6))
            if len(ratios) == 1:
                what = f"is x times {ratios[0]:.6g} at the kept places; for p = {p} it must be "
                what += f"{1 / (1 - p):.6g}"
    if kind in {m.id for m in dropout_forward.misconceptions}:
        return ""  # the mistake has words of its own
    if kind.startswith("inverted"):
        return f"Your y {what}. True means kept: compare y with your mask, entry by entry."
    return (
        f"Your y {what}. A kept entry is divided by 1 - p, a dropped one is 0, so that the mean "
        "stays where it was. Follow one kept and one dropped entry through your code."
    )


def _masks_together(probes, outcomes):
    """What only several calls can show: a seed that does not matter, a count without chance."""
    masks = [(p.args[1], o.records[1].value) for p, o in zip(probes, outcomes, strict=True)]
    if np.array_equal(masks[0][1], masks[1][1]):
        return (
            Finding("mask", "mask", "seed ignored"),
            "Your mask is the same for two different seeds: the rng that is handed in is not used, "
            "or replaced by another. Every call must draw a new mask from it.",
        )
    counts = [mask.sum() - round((1 - p) * mask.size) for p, mask in masks if p]
    if not any(counts):
        return (
            Finding("mask", "mask", "fixed count"),
            "Your mask keeps exactly the expected number of entries, every time. Each entry has to "
            "be kept or dropped by itself, with its own chance; their number then varies. Draw one "
            "random number per entry.",
        )
    return None


def _dropout_symptom(kind):
    """Recognises an attempt by what y is made of, whatever its mask; p = 0 tells nothing."""

    def holds(probe, outcome):
        x, p, _ = probe.args
        values = [r.value for r in outcome.records]
        if len(values) != 4 or not all(isinstance(v, np.ndarray) for v in values):
            return False
        y, mask = values[:2]
        if y.shape != x.shape or mask.shape != x.shape or mask.dtype != bool:
            return False
        way = _ways(x, mask, p)[kind]
        return p == 0 or (_kept_oddly(mask, p) is None and agrees_with(y, way))

    return holds


def _mask_symptom(kind):
    def holds(probe, outcome):
        said = _accept_dropout(probe, outcome)
        p = probe.args[1]
        return p in (0, 0.5) or (isinstance(said, tuple) and said[0].data == kind)

    return holds


def _inverted(probe, outcome):
    x, p, _ = probe.args
    values = [r.value for r in outcome.records]
    if len(values) != 4 or not all(isinstance(v, np.ndarray) for v in values):
        return False
    y, mask = values[:2]
    if y.shape != x.shape or mask.shape != x.shape or mask.dtype != bool:
        return False
    ways = _ways(x, mask, p)
    kept = agrees_with(y, ways["inverted"]) or agrees_with(y, ways["inverted, not scaled"])
    return _kept_oddly(~mask, p) is None and kept


@exercise(
    points=2,
    minutes=8,
    probes=_dropouts,
    title="Dropout, forward",
    outputs=("y", "mask"),
    accept=_accept_dropout,
    together=_masks_together,
    hints=(
        "rng.random(x.shape) draws one number between 0 and 1 for each entry, all equally likely.",
        "Such a number is below p with probability p.",
        "Half of the entries gone halves the sum. What brings it back?",
    ),
)
def dropout_forward(x, p, rng):
    """Drops every entry with probability p and scales the others, for training.

    x: an array of any shape. p: the probability of dropping, from 0 to below 1. rng: an
    np.random.Generator. Returns (y, mask), both of the shape of x; mask is boolean, True for kept.
    """
    mask = rng.random(x.shape) >= p
    return x * mask / (1 - p), mask


@dropout_forward.misconception(
    "not scaled",
    "Your y drops entries, but leaves the others as they are.",
    "With a share p gone, sums shrink to 1 - p of what they were. Dividing by 1 - p keeps the "
    "expected value where "
    "it was, so that nothing has to change when dropout is switched off.",
    "What is the mean of y for x = 1 everywhere?",
    symptom=_dropout_symptom("not scaled"),
)
def _(x, p, rng):
    mask = rng.random(x.shape) >= p
    return x * mask, mask


@dropout_forward.misconception(
    "times 1 - p",
    "Your y multiplies the kept entries by 1 - p.",
    "They have to make up for the dropped ones, so they grow: divide by 1 - p.",
    "What is the mean of y for x = 1 everywhere?",
    symptom=_dropout_symptom("times 1 - p"),
)
def _(x, p, rng):
    mask = rng.random(x.shape) >= p
    return x * mask * (1 - p), mask


@dropout_forward.misconception(
    "mask inverted",
    "So your mask is True where an entry is dropped.",
    "The right formula is y = x * mask / (1 - p).",
    "Which side of your comparison is True, and which does np.where keep?",
    symptom=_inverted,
)
def _(x, p, rng):
    mask = rng.random(x.shape) < p
    return x * ~mask / (1 - p), mask


@dropout_forward.misconception(
    "p kept",
    "So an entry is kept with probability p.",
    "p is the probability of dropping. (Both conventions are in use, so libraries say which.)",
    "For p = 0.2 most entries must stay: which side of the comparison is True?",
    symptom=_mask_symptom("p kept"),
)
def _(x, p, rng):
    mask = rng.random(x.shape) < p
    return x * mask / (1 - p), mask


@dropout_forward.misconception(
    "scaled by 1/p",
    "Your y divides the kept entries by p.",
    "A share of 1 - p is kept, so that is what brings the sum back to where it was.",
    "For p = 0.2, what share of the sum is left?",
    symptom=_dropout_symptom("scaled by 1/p"),
)
def _(x, p, rng):
    mask = rng.random(x.shape) >= p
    return (x * mask / p if p else x * mask), mask


@dropout_forward.also_right("binomial, lists")
def _(x, p, rng):
    mask = rng.binomial(1, 1 - p, x.shape).astype(bool)
    return np.where(mask, x / (1 - p), 0).tolist(), mask.tolist()


@dropout_forward.also_right("row by row, float32")
def _(x, p, rng):
    mask = np.stack([rng.uniform(size=row.shape) > p for row in x])
    return (x * mask * (1 / (1 - p))).astype(np.float32), mask


@dropout_forward.also_right("choice, a copy with zeros")
def _(x, p, rng):
    mask = rng.choice([True, False], size=x.shape, p=[1 - p, p])
    y = x / (1 - p)
    y[~mask] = 0
    return y, mask


def _dropped(rng):
    cases = [
        ((5, 4), 0.5, ""),
        ((5, 4), 0.2, ""),
        ((6, 3), 0.8, ""),
        ((4, 4), 0.3, SQUARE),
        ((1, 7), 0.4, "a single row"),
        ((2, 3, 4, 5), 0.25, IMAGES),
        ((5, 3), 0.0, NOTHING),
        ((5, 6), 0.9, ""),
        ((7,), 0.35, "a single axis"),
        ((6, 4), 0.6, "a mask that keeps everything"),
        ((6, 4), 0.6, "a mask that drops everything"),
    ]
    calls = []
    for shape, p, label in cases:
        mask = rng.random(shape) >= p
        if "everything" in label:
            mask = np.full(shape, "keeps" in label)
        calls.append(Call((rng.normal(size=shape), mask, p), label))
    return calls


@exercise(
    points=1,
    minutes=4,
    probes=_dropped,
    title="Dropout, backward",
    outputs=("dx",),
    hints=(
        "Forward, y = x * mask / (1 - p). With the mask fixed, what is the slope of y in x?",
        "A constant factor for each entry: the same one, forward and back.",
    ),
    ingredients=lambda dY, mask, p: {
        "mask": mask * 1.0,
        "1/(1 - p)": 1 / (1 - p),
        "(1 - p)": 1 - p,
    },
    numerical=lambda dY, mask, p: by_nudging(
        lambda x: np.sum(dY * x * mask / (1 - p)), np.ones(dY.shape)
    ),
    steps=(
        Step(
            "factor",
            lambda mask, p: mask / (1 - p),
            "Forward multiplied each entry by mask / (1 - p), and the mask is the one drawn then.",
            {
                "the 1/(1 - p) is missing": lambda mask: mask * 1.0,
                "the kept entries are multiplied by 1 - p": lambda mask, p: mask * (1 - p),
                "the kept entries are divided by p": lambda mask, p: mask / p,
                "the kept entries are divided by p, where it is not 0": lambda mask, p: (
                    mask / p if p else mask * 1.0
                ),
                "the kept entries are multiplied by p": lambda mask, p: mask * p,
                "the scale is applied twice": lambda mask, p: mask / (1 - p) ** 2,
                "it is divided by the square root of 1 - p": lambda mask, p: mask / np.sqrt(1 - p),
                "the brackets are missing: mask / 1 - p": lambda mask, p: mask / 1 - p,
                "units that are kept in any row count as kept": lambda mask, p: (
                    np.broadcast_to(mask.any(axis=0), mask.shape) / (1 - p)
                ),
                "the mask is inverted": lambda mask, p: ~mask / (1 - p),
                "the mask is inverted and the 1/(1 - p) missing": lambda mask: ~mask * 1.0,
                "the mask is not used": lambda mask, p: np.ones(mask.shape) / (1 - p),
                "neither the mask nor the scale is used": lambda mask: np.ones(mask.shape),
                "dropped entries come back unscaled": lambda mask, p: np.where(
                    mask, 1 / (1 - p), 1.0
                ),
                "the first row of the mask is used for all": lambda mask, p: (
                    np.broadcast_to(mask[:1], mask.shape) / (1 - p)
                ),
                "the share kept in this mask is divided by, not 1 - p": lambda mask: (
                    mask / mask.mean()
                ),
            },
            look="Print what you multiply one kept and one dropped entry by.",
        ),
        Step(
            "dx",
            lambda dY, factor: dY * factor,
            "Each entry of dY is multiplied by its own factor, and stays in its place.",
            {
                "only the kept entries come back, in one row": lambda dY, factor: (dY * factor)[
                    factor > 0
                ],
                "dY is divided by the number of rows as well": lambda dY, factor: (
                    dY * factor / len(dY)
                ),
            },
        ),
    ),
)
def dropout_backward(dY, mask, p):
    """Gradient of the loss with respect to the input of a dropout.

    dY: upstream gradient. mask: boolean, of the shape of dY, True for kept, as drawn on the way
    forward. p: the probability of dropping. Returns dx, of the shape of dY.
    """
    return dY * mask / (1 - p)


@dropout_backward.misconception(
    "not scaled",
    "Your dx has the right zeros, but the other entries lack the 1/(1 - p).",
    "Forward multiplied each kept entry by 1/(1 - p). Its slope is that factor, so it comes back, "
    "too.",
    "What is dy/dx of y = x * mask / (1 - p)?",
)
def _(dY, mask, p):
    return dY * mask


@dropout_backward.misconception(
    "no mask",
    "Your dx scales, but lets everything through.",
    "A dropped entry did not reach the loss, so its gradient is 0.",
    "Where does the mask enter?",
)
def _(dY, mask, p):
    return dY / (1 - p)


@dropout_backward.misconception(
    "untouched",
    "Your dx is dY itself.",
    "Forward multiplied each entry by mask / (1 - p), so backward does the same.",
    "Where do mask and p enter?",
)
def _(dY, mask, p):
    return dY.copy()


@dropout_backward.misconception(
    "mask inverted",
    "Your dx lets back what was dropped, and stops what was kept.",
    "True means kept.",
    "Which entries of x reached the loss?",
)
def _(dY, mask, p):
    return dY * ~mask / (1 - p)


@dropout_backward.misconception(
    "times 1 - p",
    "Your dx multiplies by 1 - p where it must divide.",
    "The slope of y = x * mask / (1 - p) is mask / (1 - p).",
    "Is your factor above or below 1?",
)
def _(dY, mask, p):
    return dY * mask * (1 - p)


@dropout_backward.misconception(
    "divided by p",
    "Your dx divides by p.",
    "Forward divided by 1 - p, the share that is kept.",
    "For p = 0.2, what were the kept entries multiplied by?",
)
def _(dY, mask, p):
    return dY * mask / p if p else dY * mask * np.inf


@dropout_backward.misconception(
    "upstream ignored",
    "Your dx is the factor alone: the upstream gradient is missing.",
    "By the chain rule the local derivative is multiplied with dY.",
    "Where does dY enter?",
)
def _(dY, mask, p):
    return mask / (1 - p)


@dropout_backward.also_right("where")
def _(dY, mask, p):
    return np.where(mask, dY / (1 - p), 0.0)


@dropout_backward.also_right("a copy with zeros, float32")
def _(dY, mask, p):
    dx = (dY / (1 - p)).astype(np.float32)
    dx[~mask] = 0
    return dx


@dropout_backward.also_right("entry by entry, lists")
def _(dY, mask, p):
    flat = [d / (1 - p) if m else 0.0 for d, m in zip(dY.ravel(), mask.ravel(), strict=True)]
    return np.array(flat).reshape(dY.shape).tolist()


# Questions ----------------------------------------------------------------------------------------

_EDGE = np.array([[-1, 0, 1]] * 3)


def _slid(image, kernel):
    return conv2d_forward.solution(image[None, :, :, None], kernel[:, :, None, None], np.zeros(1))[
        0, :, :, 0
    ]


def _rows(array, around=""):
    """An array's rows beside each other: "0 0 1 / 0 1 1"."""
    return " / ".join(f"{around}{' '.join(f'{v:g}' for v in row)}{around}" for row in array)


@question(Matrix, title="Slide a kernel by hand")
def window_by_hand(image=((0, 0, 1, 1), (0, 0, 1, 1), (0, 1, 1, 0), (0, 1, 0, 0))):
    image = np.array(image)
    window = image[:3, :3]
    left, _, right = window.sum(axis=0)
    return dict(
        prompt="An image of 4 x 4 pixels and a kernel of 3 x 3:\n\n"
        f"image: {_rows(image, '`')}\n\n"
        f"kernel: {_rows(_EDGE, '`')}\n\n"
        "It fits at four places. Fill in the four results, each at its place.",
        answer=_slid(image, _EDGE),
        mistakes=(
            (
                "flipped",
                _slid(image, _EDGE[::-1, ::-1]),
                "Every sign is turned: the left column of the window meets the left column of the "
                "kernel, -1.",
            ),
            (
                "on its side",
                _slid(image, _EDGE.T),
                "You used the kernel on its side: its rows are all -1, 0, 1.",
            ),
            (
                "places exchanged",
                _slid(image, _EDGE).T,
                "The right numbers, but rows and columns of places are exchanged.",
            ),
            ("averaged", _slid(image, _EDGE) / 9, "Added up, not averaged."),
        ),
        hints=(
            f"At the upper left the window is {_rows(window)}. Its right column adds up to "
            f"{right}, its left column to {left}.",
            "This kernel only asks: right column less left column.",
        ),
    )


@window_by_hand.other_numbers
def _(draw):
    return dict(image=draw.array((0, 1), 4, 4))


@question(Number, title="How many places?", count=True)
def how_many_places(width=28, padding=2, size=5, stride=2):
    total, border = width + 2 * padding, 2 * padding
    left = total - size
    return dict(
        prompt=f"An image {width} pixels wide gets a border of {padding} zeros on each side "
        f"(padding {padding}). A kernel of {size} x {size} moves over it with a stride of "
        f"{stride}. How many places does it have in one row?",
        answer=left // stride + 1,
        mistakes=(
            (
                "no padding",
                (width - size) // stride + 1,
                f"That is without the border: {width} + {border} pixels are there.",
            ),
            (
                "one less",
                left // stride,
                "That is how often the window can move after its first place, which counts, too. "
                "(Or did you add zeros on one side only?)",
            ),
            ("not rounded", left / stride + 1, "A count is a whole number: half a step is none."),
            ("not rounded, one less", left / stride, "A count is a whole number: round down."),
            ("no stride", left + 1, "That is for a stride of 1."),
            ("neither", width - size + 1, "That is for a stride of 1, and without the border."),
            (
                "side by side",
                total // size,
                f"The windows overlap: they move by {stride}, not by their own size.",
            ),
            (
                "no kernel",
                total // stride,
                f"The last windows would stick out: a place needs {size} pixels.",
            ),
            ("every pixel", total, "So many pixels there are. How many windows?"),
        ),
        hints=(
            f"{total} pixels. The first window begins at 0; the last one has to begin at {left} or "
            "before.",
            f"0, {stride}, {2 * stride}, … up to {left // stride * stride}.",
        ),
    )


@how_many_places.other_numbers
def _(draw):  # for these, zeros on one side only give one place less, and half a step is left
    width, size = draw.one(range(20, 41)), draw.one(range(3, 8))
    return dict(width=width + (width + size + 1) % 2, padding=draw.one((2, 3)), size=size)


@question(Matrix, title="One weight, three places", columns=("dw0", "dw1"))
def shared_weight(x=(1, 2, 3, 4), dY=(1, -1, 2)):
    x, dY = np.array(x), np.array(dY)
    dw = np.array([x[:3] @ dY, x[1:] @ dY])
    places = ", ".join(f"y{i} = {x[i]} w0 + {x[i + 1]} w1" for i in range(3))
    return dict(
        prompt=f"A row of four pixels, x = ({listed(x)}), and a kernel of two weights, (w0, w1). "
        f"It fits at three places: {places}. The upstream gradient is dY = ({listed(dY)}). What "
        "are dL/dw0 and dL/dw1?",
        answer=dw,
        mistakes=(
            (
                "exchanged",
                dw[::-1],
                f"The right numbers, exchanged: w0 met the pixels {listed(x[:2])} and {x[2]}.",
            ),
            (
                "last place",
                dY[-1] * x[2:],
                "That is the last place alone. The weight was used at all three; they add up.",
            ),
            ("first place", dY[0] * x[:2], "That is the first place alone. There are three."),
            ("averaged", dw / 3, "You averaged over the places. They add up."),
            (
                "pixels alone",
                np.array([x[:3].sum(), x[1:].sum()]),
                "You added the pixels. Each has to be multiplied with its upstream number first.",
            ),
            (
                "upstream alone",
                np.full(2, dY.sum()),
                "That is the sum of dY: the pixels are missing.",
            ),
        ),
        hints=(
            f"dL/dw0 = {x[0]} * {bracketed(dY[0])} + {x[1]} * {bracketed(dY[1])} + …",
            f"w1 met the pixels {listed(x[1:3])} and {x[3]}.",
        ),
    )


@shared_weight.other_numbers
def _(draw):
    dY = draw.some((draw.one((1, 2)), draw.one((-1, -2)), draw.one((2, 3))), 3)
    return dict(x=draw.some(range(1, 8), 4), dY=dY)


def _left_over(size, pool):
    x = np.random.default_rng(0).normal(size=(1, size, size, 1))
    windows = size // pool
    dx = max_pool_backward.solution(np.ones((1, windows, windows, 1)), x, pool)
    reached = (dx != 0)[0, :, :, 0]
    return (
        f"Of {size**2} pixels, {reached.sum()} get a gradient. In the last row: "
        f"{reached[-1].sum()}, in the last column: {reached[:, -1].sum()}."
    )


@question(Predict, count=True)
def left_over_row(size=11, pool=2):
    windows = size // pool
    left = size % pool
    more, five = windows + 1, spelled(windows)
    over = f"{spelled(left)} {'row is' if left == 1 else 'rows are'} left over"
    return dict(
        title=f"Predict: {size} into {windows}",
        prompt=f"A map of {size} x {size} is max-pooled by {pool} x {pool} to {windows} x "
        f"{windows}, and every number of dY is 1. How many of the {size**2} pixels get a gradient "
        "that is not 0?",
        answer=windows**2,
        mistakes=(
            ("all", size**2, "Only one pixel of each window reached the output."),
            (
                "all inside",
                (windows * pool) ** 2,
                "That many pixels are in windows. How many of each window win?",
            ),
            (
                f"{more**2}",
                more**2,
                f"That would be {more} x {more} windows. {size} rows hold {five} windows of "
                f"{pool}; {over}.",
            ),
            (
                f"{windows * more}",
                windows * more,
                f"{five.capitalize()} windows down and {five} across.",
            ),
        ),
        reveal=lambda: _left_over(size, pool),
    )


@left_over_row.other_numbers
def _(draw):
    pool = draw.one((2, 3))
    return dict(size=pool * draw.one(range(3, 9)) + draw.one(range(1, pool)), pool=pool)


_PLACES = 3  # of a kernel of 3 on 5 pixels and a border of 1, two pixels at a time


def _window(i):
    return slice(2 * i, 2 * i + 3)


def _row_loss(x, w, b, dy):
    """A number whose gradient in y is dy, to nudge."""
    xp = np.pad(x, 1)
    return sum(dy[i] * (xp[_window(i)] @ w + b.item()) for i in range(_PLACES))


def _sum_over_windows(xp, dy):
    return sum(xp[_window(i)] * dy[i] for i in range(_PLACES))


def _sent(w, dy, add):
    dxp = np.zeros(2 * _PLACES + 1)
    for i in range(_PLACES):
        dxp[_window(i)] = w * dy[i] + (dxp[_window(i)] if add else 0)
    return dxp


_pixels = {
    "x": np.array([1.0, 3.0, -2.0, 0.5, 2.0]),
    "w": np.array([0.5, -1.0, 2.0]),
    "b": np.array([0.3]),
    "dy": np.array([0.4, -0.3, 0.7]),
}

FindLine(
    "wrong_line_in_a_row",
    title="Find the wrong line: a row of pixels",
    points=2,
    prompt="""
    The way back through a convolution in one dimension: a row `x` of five pixels, a zero on
    either side, a kernel `w` of three weights, and a stride of 2. `dy` comes from upstream. There
    are three places, so `dy` has three numbers. One line is wrong.
    """,
    lines=(
        Line("xp = np.pad(x, 1)", "xp", lambda x: np.pad(x, 1)),
        Line(
            "db = dy.sum()",
            "db",
            lambda dy: dy.sum(keepdims=True),
            remark="The bias was added at every place.",
        ),
        Line("dw, dxp = np.zeros(3), np.zeros(7)"),
        Line("for i in range(3):"),
        Line(
            "    dw += xp[2*i : 2*i + 3] * dy[i]",
            "dw",
            _sum_over_windows,
            remark="Each weight met one pixel at each place, and collects from all three.",
        ),
        Line(
            "    dxp[2*i : 2*i + 3] = w * dy[i]",
            "dxp",
            lambda w, dy: _sent(w, dy, add=False),
            lambda w, dy: _sent(w, dy, add=True),
        ),
        Line(
            "dx = dxp[1:-1]",
            "dx",
            lambda dxp: dxp[1:-1],
            remark="What it cuts off belongs to the border of zeros, which needs no gradient.",
        ),
    ),
    inputs=_pixels,
    gradients={"dw": "w", "db": "b", "dx": "x"},
    loss=_row_loss,
    reasons=(
        Option(
            "On the way back, a factor has to be turned around: `[::-1]`.",
            "Seen from one pixel the weights come in reverse order. But this walk goes over the "
            "places, and each place sends to its pixels in the order in which it read them.",
        ),
        Option(
            "It throws away what came back to the two outermost places.",
            "This line writes to all three places of its window. What `dxp[1:-1]` cuts off later "
            "belongs to the border of zeros, which needs no gradient.",
        ),
        Option(
            "With a stride of 2, dy has to be spread out with zeros first.",
            "The slice begins at 2 i, so each number of dy goes where its window was. That is the "
            "stride.",
        ),
        Option(
            "It writes into the border, which must stay 0.",
            "What arrives in the border is cut off afterwards. It does no harm there.",
        ),
        Option(
            "Windows overlap, and a later window wipes out what an earlier one has sent.",
            "A pixel that two windows see gets a gradient from both, and they add up. It takes "
            "`+=`.",
            True,
        ),
    ),
    hints=(
        "Write down which of the seven entries each of the three windows covers.",
        "Entries 2 and 4 are covered twice.",
    ),
)
