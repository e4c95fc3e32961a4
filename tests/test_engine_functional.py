"""The functional pairs against hand-worked numbers, loops and central differences."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.functional import (
    linear_backward,
    linear_forward,
    squared_error_backward,
    squared_error_forward,
)
from course_lib.gradcheck import check_vjp

sizes = st.integers(1, 6)
seeds = st.integers(0, 2**32 - 1)


@settings(max_examples=40, deadline=None)
@given(N=sizes, D=sizes, M=sizes, seed=seeds)
def test_linear_backward_agrees_with_central_differences(N, D, M, seed):
    rng = np.random.default_rng(seed)
    inputs = [rng.standard_normal(shape) for shape in ((N, D), (D, M), (M,))]
    check_vjp(linear_forward, linear_backward, inputs, rng, names=["X", "W", "b"]).raise_if_wrong()


@settings(max_examples=40, deadline=None)
@given(
    shape=st.lists(sizes, min_size=1, max_size=3),
    reduction=st.sampled_from(["mean", "sum"]),
    seed=seeds,
)
def test_squared_error_backward_agrees_with_central_differences(shape, reduction, seed):
    rng = np.random.default_rng(seed)
    target = rng.standard_normal(shape)
    check_vjp(
        lambda prediction: squared_error_forward(prediction, target, reduction),
        squared_error_backward,
        [rng.standard_normal(shape)],
        rng,
    ).raise_if_wrong()


def test_linear_worked_numbers():
    X, W = np.array([[1.0, 2], [3, 4], [5, -1]]), np.array([[0.1, 0.3, -1], [0.2, 0.4, 2]])
    Y, cache = linear_forward(X, W, np.array([0.1, 0.2, 0]))
    np.testing.assert_allclose(Y, [[0.6, 1.3, 3], [1.2, 2.7, 5], [0.4, 1.3, -7]], atol=1e-14)
    dX, dW, db = linear_backward(np.array([[1.0, 0, 2], [0, -1, 1], [3, 0, 0]]), cache)
    np.testing.assert_allclose(dX, [[-1.9, 4.2], [-1.3, 1.6], [0.3, 0.6]], atol=1e-14)
    np.testing.assert_allclose(dW, [[16, -3, 5], [-1, -4, 8]], atol=1e-14)
    np.testing.assert_allclose(db, [4, -1, 3], atol=1e-14)


def test_linear_backward_leaves_out_dX_when_not_needed():
    rng = np.random.default_rng(1)
    _, cache = linear_forward(
        rng.standard_normal((5, 3)), rng.standard_normal((3, 2)), rng.standard_normal(2)
    )
    dY = rng.standard_normal((5, 2))
    dX, dW, db = linear_backward(dY, cache, need_dX=False)
    assert dX is None
    _, dW_full, db_full = linear_backward(dY, cache)
    np.testing.assert_array_equal(dW, dW_full)
    np.testing.assert_array_equal(db, db_full)


def test_squared_error_mean_has_one_over_2N_with_N_the_rows():
    prediction, target = np.array([[1.0, 2], [3, 4], [5, 6]]), np.array([[1.0, 0], [0, 4], [4, 6]])
    loss, cache = squared_error_forward(prediction, target)
    assert loss == pytest.approx((4 + 9 + 1) / 6)
    np.testing.assert_allclose(
        squared_error_backward(2.0, cache), 2 * np.array([[0, 2], [3, 0], [1, 0]]) / 3
    )
    loss, cache = squared_error_forward(prediction, target, "sum")
    assert loss == pytest.approx(7)
    np.testing.assert_allclose(squared_error_backward(1.0, cache), [[0, 2], [3, 0], [1, 0]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_functions_keep_the_dtype(dtype):
    rng = np.random.default_rng(2)
    X, W, b = (rng.standard_normal(shape).astype(dtype) for shape in ((4, 3), (3, 2), (2,)))
    Y, cache = linear_forward(X, W, b)
    loss, loss_cache = squared_error_forward(Y, rng.standard_normal((4, 2)))
    dY = squared_error_backward(np.float64(1.0), loss_cache)
    results = [Y, loss, dY, *linear_backward(dY, cache)]
    assert [result.dtype for result in results] == [dtype] * 6


def test_squared_error_of_unsigned_integers_does_not_wrap_round():
    prediction, target = np.array([[0], [5]], np.uint8), np.array([[1], [3]], np.uint8)
    loss, cache = squared_error_forward(prediction, target, "sum")
    assert loss == 2.5
    np.testing.assert_array_equal(squared_error_backward(1.0, cache), [[-1], [2]])


def zeros(*shape):
    return np.zeros(shape)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: linear_forward(zeros(5, 3), zeros(2, 4), zeros(4)),
            ["X has 3 columns but W has 2 rows", "(5, 3)", "(2, 4)"],
        ),
        (
            lambda: linear_forward(zeros(5, 2), zeros(2, 4), zeros(5)),
            ["b has 5 entries but W has 4 columns", "(5,)", "(2, 4)"],
        ),
        (lambda: linear_forward(zeros(2), zeros(2, 4), zeros(4)), ["X has shape (2,)", "(N, D)"]),
        (lambda: linear_forward(zeros(5, 2), zeros(2), zeros(4)), ["W has shape (2,)", "(D, M)"]),
        (lambda: linear_forward(zeros(5, 2), zeros(2, 4), zeros(1, 4)), ["b has shape (1, 4)"]),
        (
            lambda: linear_backward(zeros(4, 5), (zeros(4, 3), zeros(3, 2))),
            ["dY has shape (4, 5), expected (4, 2)", "axis 1 has 5 entries, not 2"],
        ),
        (
            lambda: linear_backward(zeros(2), (zeros(4, 3), zeros(3, 2))),
            ["dY has shape (2,), expected (4, 2)"],
        ),
        (
            lambda: squared_error_forward(zeros(4, 2), zeros(3, 2)),
            ["target has shape (3, 2), expected (4, 2)", "axis 0 has 3 entries, not 4"],
        ),
        # would broadcast to (4, 4) in silence
        (lambda: squared_error_forward(zeros(4, 1), zeros(4)), ["(4,)", "(4, 1)"]),
        (lambda: squared_error_forward(zeros(0, 2), zeros(0, 2)), ["(0, 2)", "at least one row"]),
        (lambda: squared_error_forward(zeros(3), zeros(3), "average"), ["'average'", '"mean"']),
    ],
)
def test_errors_name_the_shapes(call, words):
    with pytest.raises(ValueError, match=r"\S") as caught:
        call()
    for word in words:
        assert word in str(caught.value)
