"""Convolution, pooling, flatten and dropout against loops, hand-worked numbers and differences."""

import itertools

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from course_lib.functional import (
    average_pool_backward,
    average_pool_forward,
    conv2d_backward,
    conv2d_forward,
    dropout_backward,
    dropout_forward,
    flatten_backward,
    flatten_forward,
    im2col,
    linear_forward,
    max_pool_backward,
    max_pool_forward,
)
from course_lib.gradcheck import check_vjp

few, sides, seeds = st.integers(1, 3), st.integers(1, 7), st.integers(0, 2**32 - 1)
floats = pytest.mark.parametrize("dtype", [np.float32, np.float64])
pools = pytest.mark.parametrize(
    ("forward", "backward"),
    [(max_pool_forward, max_pool_backward), (average_pool_forward, average_pool_backward)],
    ids=["max", "average"],
)


def every(*sizes):
    return itertools.product(*map(range, sizes))


# Convolution


def touching(x_shape, y_shape, K, stride, padding):
    """All (n, i, j, ki, kj, row, column) at which window (i, j) reads a pixel inside the image."""
    N, H, W, _ = x_shape
    for n, i, j, ki, kj in every(N, *y_shape[1:3], K, K):
        row, column = i * stride + ki - padding, j * stride + kj - padding
        if 0 <= row < H and 0 <= column < W:
            yield n, i, j, ki, kj, row, column


def conv2d_in_loops(x, W, b, dout, stride, padding):
    y = np.tile(b, (*dout.shape[:3], 1)).astype(np.float64)
    dx, dW, db = np.zeros(x.shape), np.zeros(W.shape), np.zeros(b.shape)
    for n, i, j, ki, kj, row, column in touching(x.shape, y.shape, len(W), stride, padding):
        for c, f in every(*W.shape[2:]):
            y[n, i, j, f] += x[n, row, column, c] * W[ki, kj, c, f]
            dx[n, row, column, c] += dout[n, i, j, f] * W[ki, kj, c, f]
            dW[ki, kj, c, f] += dout[n, i, j, f] * x[n, row, column, c]
    for position in every(*dout.shape[:3]):
        db += dout[position]
    return y, dx, dW, db


def conv2d_inputs(rng, N, H, W, C, F, K):
    return [rng.standard_normal(shape) for shape in ((N, H, W, C), (K, K, C, F), (F,))]


@settings(max_examples=60, deadline=None)
@given(
    N=few,
    H=sides,
    W=sides,
    C=few,
    F=few,
    K=st.integers(1, 5),
    stride=few,
    padding=st.integers(0, 2),
    seed=seeds,
)
def test_conv2d_is_what_the_loops_compute(N, H, W, C, F, K, stride, padding, seed):
    assume(K <= min(H, W) + 2 * padding)
    rng = np.random.default_rng(seed)
    x, weights, b = conv2d_inputs(rng, N, H, W, C, F, K)
    y, cache = conv2d_forward(x, weights, b, stride, padding)
    assert y.shape == (N, *((side + 2 * padding - K) // stride + 1 for side in (H, W)), F)
    dout = rng.standard_normal(y.shape)
    results = y, *conv2d_backward(dout, cache)
    expected = conv2d_in_loops(x, weights, b, dout, stride, padding)
    for result, array in zip(results, expected, strict=True):
        np.testing.assert_allclose(result, array, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("stride", [1, 2])  # on 6 x 7, stride 2 leaves rows or columns over
@pytest.mark.parametrize("padding", [0, 1, 2])
@pytest.mark.parametrize("K", [1, 2, 3, 5])
@pytest.mark.parametrize("N", [1, 3])
def test_conv2d_backward_agrees_with_central_differences(stride, padding, K, N):
    rng = np.random.default_rng(0)
    check_vjp(
        lambda x, W, b: conv2d_forward(x, W, b, stride, padding),
        conv2d_backward,
        conv2d_inputs(rng, N, H=6, W=7, C=2, F=3, K=K),
        rng,
        names=["x", "W", "b"],
    ).raise_if_wrong()


def test_conv2d_worked_numbers():
    x = np.array([[1.0, 2, 0], [3, -1, 4]])[None, :, :, None]
    W = np.array([[1.0, 10], [100, 1000]])[:, :, None, None]
    y, cache = conv2d_forward(x, W, np.array([0.5]))
    # the kernel is not flipped: 1 * 1 + 10 * 2 + 100 * 3 + 1000 * -1, and so on
    np.testing.assert_array_equal(y[0, :, :, 0], [[-678.5, 3902.5]])
    dx, dW, db = conv2d_backward(np.array([2.0, -1])[None, None, :, None], cache)
    np.testing.assert_array_equal(dx[0, :, :, 0], [[2, 19, -10], [200, 1900, -1000]])
    np.testing.assert_array_equal(dW[:, :, 0, 0], [[0, 4], [7, -6]])
    np.testing.assert_array_equal(db, [1])


def test_conv2d_with_a_kernel_as_large_as_the_image_is_a_linear_layer():
    rng = np.random.default_rng(1)
    x, W, b = conv2d_inputs(rng, N=5, H=4, W=4, C=3, F=2, K=4)
    y, _ = conv2d_forward(x, W, b)
    rows, _ = linear_forward(flatten_forward(x)[0], W.reshape(-1, 2), b)
    np.testing.assert_allclose(y, rows.reshape(5, 1, 1, 2), rtol=1e-12)


def test_conv2d_backward_leaves_out_dx_when_not_needed():
    rng = np.random.default_rng(2)
    y, cache = conv2d_forward(*conv2d_inputs(rng, N=3, H=6, W=5, C=2, F=4, K=3), padding=1)
    dout = rng.standard_normal(y.shape)
    dx, dW, db = conv2d_backward(dout, cache, need_dx=False)
    assert dx is None
    _, dW_full, db_full = conv2d_backward(dout, cache)
    np.testing.assert_array_equal(dW, dW_full)
    np.testing.assert_array_equal(db, db_full)


def test_pixels_that_no_window_reads_have_gradient_zero():
    rng = np.random.default_rng(3)
    y, cache = conv2d_forward(*conv2d_inputs(rng, N=3, H=6, W=8, C=2, F=4, K=3), stride=2)
    assert y.shape == (3, 2, 3, 4)
    dx, _, _ = conv2d_backward(rng.standard_normal(y.shape), cache)
    assert not dx[:, 5].any()
    assert not dx[:, :, 7].any()
    assert dx[:, :5, :7].all()


@pytest.mark.parametrize(("K", "stride"), [(1, 1), (1, 2), (2, 1), (3, 1), (3, 2), (4, 3)])
def test_im2col_has_a_window_in_every_row(K, stride):
    N, H, W, C = 3, 6, 7, 2
    x = np.random.default_rng(4).standard_normal((N, H, W, C))
    Ho, Wo = (H - K) // stride + 1, (W - K) // stride + 1
    cols = im2col(x, K, stride)
    assert cols.shape == (N * Ho * Wo, K * K * C)
    for n, i, j, ki, kj, c in every(N, Ho, Wo, K, K, C):
        entry = cols[(n * Ho + i) * Wo + j, (ki * K + kj) * C + c]
        assert entry == x[n, i * stride + ki, j * stride + kj, c]


# Pooling


def test_max_pool_worked_numbers():
    x = np.array([[1.0, 5, 2, -7], [3, 4, 2, 0]])[None, :, :, None]
    y, cache = max_pool_forward(x)
    np.testing.assert_array_equal(y[0, :, :, 0], [[5, 2]])
    dx = max_pool_backward(np.array([[10.0, -3]])[None, :, :, None], cache)
    np.testing.assert_array_equal(dx[0, :, :, 0], [[0, 10, -3, 0], [0, 0, 0, 0]])


def test_average_pool_worked_numbers():
    x = np.array([[1.0, 5, 2, -7], [3, 4, 2, 0]])[None, :, :, None]
    y, cache = average_pool_forward(x)
    np.testing.assert_array_equal(y[0, :, :, 0], [[3.25, -0.75]])
    dx = average_pool_backward(np.array([[10.0, -3]])[None, :, :, None], cache)
    np.testing.assert_array_equal(dx[0, :, :, 0], [[2.5, 2.5, -0.75, -0.75]] * 2)


@settings(max_examples=60, deadline=None)
@given(N=few, H=sides, W=sides, C=few, size=st.integers(1, 4), seed=seeds)
def test_pools_are_what_the_loops_compute(N, H, W, C, size, seed):
    assume(size <= min(H, W))
    rng = np.random.default_rng(seed)
    x = rng.integers(-2, 3, (N, H, W, C)).astype(np.float64)  # few values: many ties
    dout = rng.standard_normal((N, H // size, W // size, C))
    largest, mean = np.zeros(dout.shape), np.zeros(dout.shape)
    dx_max, dx_mean = np.zeros(x.shape), np.zeros(x.shape)
    for n, i, j, c in every(*dout.shape):
        rows, columns = (slice(k * size, (k + 1) * size) for k in (i, j))
        window = x[n, rows, columns, c]
        row, column = np.argwhere(window == window.max())[0]  # the first in row-major order
        largest[n, i, j, c], mean[n, i, j, c] = window.max(), window.mean()
        dx_max[n, i * size + row, j * size + column, c] = dout[n, i, j, c]
        dx_mean[n, rows, columns, c] = dout[n, i, j, c] / size**2
    y, cache = max_pool_forward(x, size)
    np.testing.assert_array_equal(y, largest)
    np.testing.assert_array_equal(max_pool_backward(dout, cache), dx_max)
    y, cache = average_pool_forward(x, size)
    np.testing.assert_allclose(y, mean, rtol=1e-14, atol=1e-14)
    np.testing.assert_allclose(average_pool_backward(dout, cache), dx_mean, rtol=1e-14)


@pools
@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("N", [1, 3])
def test_pool_backward_agrees_with_central_differences(forward, backward, size, N):
    rng = np.random.default_rng(5)
    x = rng.permutation(N * 6 * 7 * 2).reshape(N, 6, 7, 2) / 10.0  # no ties
    check_vjp(lambda x: forward(x, size), backward, [x], rng).raise_if_wrong()


@pools
def test_pooling_11_by_2_leaves_the_last_row_and_column_without_gradient(forward, backward):
    rng = np.random.default_rng(6)
    x = rng.standard_normal((4, 11, 11, 3))
    y, cache = forward(x)
    assert y.shape == (4, 5, 5, 3)
    dout = rng.standard_normal(y.shape)
    dx = backward(dout, cache)
    assert dx.shape == x.shape
    assert not dx[:, 10].any()
    assert not dx[:, :, 10].any()
    np.testing.assert_allclose(dx.sum(axis=(1, 2)), dout.sum(axis=(1, 2)), rtol=1e-12)


def test_max_pool_of_equal_entries_gives_the_gradient_to_the_first():
    x = np.full((2, 4, 6, 1), -3.0)
    x[1, 1, 4:] = 7  # window (0, 2) of the second image: both entries of its second row
    y, cache = max_pool_forward(x)
    dout = np.random.default_rng(7).standard_normal(y.shape)
    dx = max_pool_backward(dout, cache)
    expected = np.zeros(x.shape)
    expected[:, ::2, ::2] = dout
    expected[1, 0, 4], expected[1, 1, 4] = 0, dout[1, 0, 2]
    np.testing.assert_array_equal(dx, expected)


def test_max_pool_takes_windows_of_more_than_256_entries():
    rng = np.random.default_rng(8)
    x = np.zeros((2, 34, 17, 1))
    x[:, 33, 16], x[:, 16, 15] = 2, 1  # each the maximum of its window, at the end of it
    y, cache = max_pool_forward(x, 17)
    np.testing.assert_array_equal(y, np.reshape([1, 2] * 2, (2, 2, 1, 1)))
    dout = rng.standard_normal(y.shape)
    dx = max_pool_backward(dout, cache)
    np.testing.assert_array_equal(dx[:, [16, 33], [15, 16]], dout[:, :, 0])
    assert np.count_nonzero(dx) == 4


def test_max_pool_of_infinities_and_nan():
    x = np.full((1, 2, 6, 1), -np.inf)
    x[0, 1, 2], x[0, 0, 5] = np.inf, np.nan
    y, cache = max_pool_forward(x)
    np.testing.assert_array_equal(y.ravel(), [-np.inf, np.inf, np.nan])
    dx = max_pool_backward(np.array([5.0, 2.0, 3.0]).reshape(y.shape), cache)
    np.testing.assert_array_equal(dx[0, :, :4, 0], [[5, 0, 0, 0], [0, 0, 2, 0]])


# Flatten


@pytest.mark.parametrize("shape", [(3, 4, 5, 2), (1, 2, 3), (5, 4), (5,), (0, 2, 3)])
def test_flatten_makes_a_row_of_each_sample_and_backward_puts_it_back(shape):
    rng = np.random.default_rng(9)
    x = rng.standard_normal(shape)
    y, cache = flatten_forward(x)
    assert y.shape == (shape[0], int(np.prod(shape[1:])))
    np.testing.assert_array_equal(y.ravel(), x.ravel())
    dout = rng.standard_normal(y.shape)
    dx = flatten_backward(dout, cache)
    assert dx.shape == shape
    np.testing.assert_array_equal(dx.ravel(), dout.ravel())


# Dropout


@pytest.mark.parametrize("p", [0.2, 0.5, 0.9])
def test_dropout_zeroes_a_share_p_and_scales_the_rest(p):
    x = np.random.default_rng(10).standard_normal((400, 250)) + 5
    y, (mask, _) = dropout_forward(x, p, np.random.default_rng(11))
    assert mask.dtype == bool
    np.testing.assert_array_equal(y == 0, ~mask)
    np.testing.assert_allclose(y[mask], x[mask] / (1 - p), rtol=1e-14)
    deviation = np.sqrt(p * (1 - p) / mask.size)
    assert abs(mask.mean() - (1 - p)) < 5 * deviation
    assert y.mean() == pytest.approx(x.mean(), abs=5 * x.max() * deviation / (1 - p))
    for axis in (0, 1):  # each entry is drawn on its own
        assert 0 < mask.mean(axis=axis).min() < mask.mean(axis=axis).max() < 1


def test_dropout_is_determined_by_its_rng():
    x = np.random.default_rng(12).standard_normal((20, 30))
    first, again, other = (
        dropout_forward(x, 0.5, np.random.default_rng(seed))[0] for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    rng = np.random.default_rng(1)
    np.testing.assert_array_equal(dropout_forward(x, 0.5, rng)[0], first)
    assert not np.array_equal(dropout_forward(x, 0.5, rng)[0], first)
    single, _ = dropout_forward(x.astype(np.float32), 0.5, np.random.default_rng(1))
    np.testing.assert_array_equal(single, first.astype(np.float32))


@pytest.mark.parametrize("shape", [(6, 5), (1, 7), (2, 3, 4, 2)])
def test_dropout_backward_takes_the_mask_and_the_scale_of_its_forward(shape):
    rng = np.random.default_rng(13)
    check_vjp(
        lambda x: dropout_forward(x, 0.3, np.random.default_rng(14)),  # the same mask every time
        dropout_backward,
        [rng.standard_normal(shape)],
        rng,
    ).raise_if_wrong()


def test_dropout_with_p_0_changes_nothing():
    rng = np.random.default_rng(15)
    x, dout = rng.standard_normal((2, 6, 5))
    x[0, :3] = np.nan, np.inf, -np.inf
    y, cache = dropout_forward(x, 0, rng)
    np.testing.assert_array_equal(y, x)
    np.testing.assert_array_equal(dropout_backward(dout, cache), dout)


def test_dropped_entries_are_0_and_no_others():
    rng = np.random.default_rng(16)
    large = np.full((40, 50), 1e300)
    y, cache = dropout_forward(large, 0.5, rng)
    dx = dropout_backward(-large, cache)
    np.testing.assert_array_equal(y == 0, ~cache[0])
    np.testing.assert_array_equal(dx == 0, ~cache[0])


# All of them


PAIRS = {
    "conv2d": (
        lambda x: conv2d_forward(
            x, *conv2d_inputs(np.random.default_rng(17), 1, 1, 1, 3, 4, 3)[1:], stride=2, padding=1
        ),
        conv2d_backward,
    ),
    "max_pool": (max_pool_forward, max_pool_backward),
    "average_pool": (average_pool_forward, average_pool_backward),
    "flatten": (flatten_forward, flatten_backward),
    "dropout": (
        lambda x: dropout_forward(x, np.float64(0.4), np.random.default_rng(18)),
        dropout_backward,
    ),
}
pairs = pytest.mark.parametrize(("forward", "backward"), PAIRS.values(), ids=PAIRS.keys())


@pairs
@floats
def test_image_functions_keep_dtype_and_inputs(forward, backward, dtype):
    rng = np.random.default_rng(19)
    x = rng.standard_normal((3, 5, 6, 3)).astype(dtype)
    if forward is PAIRS["conv2d"][0]:
        _, W, b = (a.astype(dtype) for a in conv2d_inputs(rng, 1, 1, 1, 3, 4, 3))

        def forward(x):
            return conv2d_forward(x, W, b, stride=2, padding=1)

    before = x.copy()
    y, cache = forward(x)
    dout = rng.standard_normal(y.shape).astype(dtype)
    dout_before = dout.copy()
    first, second = backward(dout, cache), backward(dout, cache)
    if not isinstance(first, tuple):
        first, second = (first,), (second,)
    assert {y.dtype, *(gradient.dtype for gradient in first)} == {np.dtype(dtype)}
    for gradient, repeated in zip(first, second, strict=True):
        np.testing.assert_array_equal(gradient, repeated)
    np.testing.assert_array_equal(x, before)
    np.testing.assert_array_equal(dout, dout_before)


@pairs
def test_images_of_integers_are_images_of_floats(forward, backward):
    whole = np.random.default_rng(20).integers(0, 256, (3, 5, 6, 3), dtype=np.uint8)
    y, _ = forward(whole)
    expected, _ = forward(whole.astype(np.float64))
    np.testing.assert_array_equal(y, expected)
    assert forward is flatten_forward or y.dtype == np.float64


def test_integer_weights_do_not_wrap_round():
    x, W = np.full((2, 3, 4, 1), 200, np.uint8), np.full((2, 2, 1, 3), 100, np.int8)
    y, _ = conv2d_forward(x, W, np.zeros(3, np.int8))
    np.testing.assert_array_equal(y, np.full((2, 2, 3, 3), 80_000))


@pairs
def test_an_upstream_gradient_of_another_shape_is_refused(forward, backward):
    y, cache = forward(np.zeros((3, 5, 6, 3)))
    for shape in ((2, *y.shape[1:]), y.shape[1:], ()):  # the last two would broadcast
        with pytest.raises(ValueError, match="gradient of the output has shape") as caught:
            backward(np.zeros(shape), cache)
        assert f"has shape {shape}, expected {y.shape}" in str(caught.value)


def zeros(*shape):
    return np.zeros(shape)


def conv2d_of_zeros(x=(2, 5, 6, 3), W=(3, 3, 3, 4), b=(4,), stride=1, padding=0):
    return conv2d_forward(zeros(*x), zeros(*W), zeros(*b), stride, padding)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: conv2d_of_zeros(x=(2, 75)),
            ["x has shape (2, 75), expected 4 axes: x (N, H, W, C)", "reshape", "flatten=False"],
        ),
        (
            lambda: conv2d_of_zeros(x=(2, 5, 5)),
            ["x has shape (2, 5, 5), expected 4 axes: x (N, H, W, C)", "x[..., np.newaxis]"],
        ),
        (lambda: im2col(zeros(5), 3), ["x has shape (5,), expected 4 axes: x (N, H, W, C)"]),
        (lambda: max_pool_forward(zeros(5, 6)), ["x has shape (5, 6), expected 4 axes"]),
        (lambda: average_pool_forward(zeros(5, 6, 3)), ["expected 4 axes", "np.newaxis"]),
        (lambda: conv2d_of_zeros(W=(3, 3, 4)), ["W has shape (3, 3, 4)", "W (K, K, C, F)"]),
        (lambda: conv2d_of_zeros(b=(1, 4)), ["b has shape (1, 4), expected 1 axes: b (F,)"]),
        (
            lambda: conv2d_of_zeros(x=(2, 5, 6, 1)),
            ["x has 1 channels but W takes 3: x (2, 5, 6, 1), W (3, 3, 3, 4)"],
        ),
        (
            lambda: conv2d_of_zeros(b=(3,)),
            ["b has 3 entries but W has 4 filters: b (3,), W (3, 3, 3, 4)"],
        ),
        (
            lambda: conv2d_of_zeros(W=(3, 2, 3, 4)),
            ["W has shape (3, 2, 3, 4), expected a square kernel"],
        ),
        (
            lambda: conv2d_of_zeros(W=(8, 8, 3, 4), padding=1),
            ["the kernel is 8 x 8 but the image, with its padding, 7 x 8"],
        ),
        (lambda: im2col(zeros(2, 5, 3, 1), 4), ["the kernel is 4 x 4", "5 x 3"]),
        (lambda: im2col(zeros(2, 5, 3, 1), 0), ["kernel_size is 0, expected an integer >= 1"]),
        (lambda: im2col(zeros(2, 5, 3, 1), (3, 3)), ["kernel_size is (3, 3)"]),
        (lambda: im2col(zeros(2, 5, 3, 1), 2, 0), ["stride is 0, expected an integer >= 1"]),
        (lambda: conv2d_of_zeros(stride=0), ["stride is 0, expected an integer >= 1"]),
        (lambda: conv2d_of_zeros(stride=1.0), ["stride is 1.0, expected an integer >= 1"]),
        (lambda: conv2d_of_zeros(stride=True), ["stride is True, expected an integer >= 1"]),
        (lambda: conv2d_of_zeros(padding=-1), ["padding is -1, expected an integer >= 0"]),
        (lambda: conv2d_of_zeros(padding="same"), ["padding is same, expected an integer >= 0"]),
        (
            lambda: max_pool_forward(zeros(2, 5, 3, 1), 4),
            ["the pool is 4 x 4 but the image 5 x 3"],
        ),
        (lambda: average_pool_forward(zeros(2, 5, 3, 1), 0), ["size is 0, expected an integer"]),
        (lambda: max_pool_forward(zeros(2, 5, 3, 1), 2.5), ["size is 2.5, expected an integer"]),
        (lambda: flatten_forward(3.0), ["x has shape (), expected at least one axis"]),
        (
            lambda: linear_forward(zeros(2, 5, 5, 3), zeros(75, 4), zeros(4)),
            ["X has shape (2, 5, 5, 3), expected 2 axes: X (N, D)", "Flatten"],
        ),
        *(
            (
                lambda p=p: dropout_forward(zeros(3), p, np.random.default_rng(21)),
                [f"p is {p}, expected a probability below 1: 0 <= p < 1"],
            )
            for p in (1, 1.5, -0.1, np.nan, 50)
        ),
    ],
)
def test_errors_of_image_functions_name_the_shapes(call, words):
    with pytest.raises(ValueError, match=r"\S") as caught:
        call()
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("rng", [None, 0, np.random])
def test_dropout_refuses_what_is_no_generator(rng):
    with pytest.raises(TypeError, match=r"expected a numpy\.random\.Generator"):
        dropout_forward(zeros(3), 0.5, rng)
