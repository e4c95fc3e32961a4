"""The functional pairs against hand-worked numbers, loops and central differences."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.functional import (
    leaky_relu_backward,
    leaky_relu_forward,
    linear_backward,
    linear_forward,
    relu_backward,
    relu_forward,
    sigmoid_backward,
    sigmoid_forward,
    softmax_backward,
    softmax_cross_entropy_backward,
    softmax_cross_entropy_forward,
    softmax_forward,
    squared_error_backward,
    squared_error_forward,
    tanh_backward,
    tanh_forward,
)
from course_lib.gradcheck import check_gradient, check_vjp

sizes = st.integers(1, 6)
seeds = st.integers(0, 2**32 - 1)

ACTIVATIONS = {
    "relu": (relu_forward, relu_backward),
    "leaky_relu": (leaky_relu_forward, leaky_relu_backward),
    "sigmoid": (sigmoid_forward, sigmoid_backward),
    "tanh": (tanh_forward, tanh_backward),
}
activations = pytest.mark.parametrize(
    ("forward", "backward"), ACTIVATIONS.values(), ids=ACTIVATIONS.keys()
)
floats = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def away_from_zero(rng, shape):
    """Numbers of both signs, so far from the kink that a nudge does not reach it."""
    return rng.uniform(0.1, 3, shape) * rng.choice([-1, 1], shape)


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


# Activations


@activations
@settings(max_examples=20, deadline=None)
@given(shape=st.lists(sizes, max_size=3), seed=seeds)
def test_activation_backward_agrees_with_central_differences(forward, backward, shape, seed):
    rng = np.random.default_rng(seed)
    check_vjp(forward, backward, [away_from_zero(rng, shape)], rng).raise_if_wrong()


@pytest.mark.parametrize("slope", [0.0, 0.3, -0.5, 2.0])
def test_leaky_relu_backward_takes_the_slope_of_its_forward(slope):
    rng = np.random.default_rng(20)
    check_vjp(
        lambda x: leaky_relu_forward(x, slope),
        leaky_relu_backward,
        [away_from_zero(rng, (6, 5))],
        rng,
    ).raise_if_wrong()


def test_relu_worked_numbers():
    z, dout = np.array([-1.5, 2.3, 0, -0.8, 1.2]), np.array([0.3, -0.5, 0.1, 0.2, -0.4])
    y, cache = relu_forward(z)
    np.testing.assert_array_equal(y, [0, 2.3, 0, 0, 1.2])
    np.testing.assert_array_equal(relu_backward(dout, cache), [0, -0.5, 0, 0, -0.4])
    assert cache.dtype == bool
    y, cache = leaky_relu_forward(z, slope=0.1)
    np.testing.assert_allclose(y, [-0.15, 2.3, 0, -0.08, 1.2], rtol=1e-14)
    dx = leaky_relu_backward(dout, cache)
    np.testing.assert_allclose(dx, [0.03, -0.5, 0.01, 0.02, -0.4], rtol=1e-14)


def test_sigmoid_and_tanh_worked_numbers():
    x, dout = np.array([0.0, np.log(3), -np.log(3)]), np.array([2.0, -1.0, 4.0])
    y, cache = sigmoid_forward(x)
    np.testing.assert_allclose(y, [1 / 2, 3 / 4, 1 / 4], rtol=1e-14)
    np.testing.assert_allclose(sigmoid_backward(dout, cache), [1 / 2, -3 / 16, 3 / 4], rtol=1e-14)
    y, cache = tanh_forward(x)
    np.testing.assert_allclose(y, [0, 4 / 5, -4 / 5], rtol=1e-14)
    np.testing.assert_allclose(tanh_backward(dout, cache), [2, -9 / 25, 36 / 25], rtol=1e-14)


@floats
def test_activations_of_very_large_numbers(dtype):
    x = np.array([[-np.inf, -1000, -90], [np.inf, 1000, 90]], dtype)
    dout = np.array([[2, -3, 5], [-7, 11, -13]], dtype)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        results = {name: forward(x) for name, (forward, _) in ACTIVATIONS.items()}
        gradients = {name: ACTIVATIONS[name][1](dout, results[name][1]) for name in results}
    for array in [*gradients.values(), *(y for y, _ in results.values())]:
        assert array.dtype == dtype
    rtol = 4 * np.finfo(dtype).eps
    tail = np.exp(dtype(-90))
    np.testing.assert_allclose(results["sigmoid"][0], [[0, 0, tail], [1, 1, 1]], rtol)
    np.testing.assert_allclose(gradients["sigmoid"], [[0, 0, 5 * tail], [0, 0, 0]], rtol)
    np.testing.assert_array_equal(results["tanh"][0], [[-1] * 3, [1] * 3])
    np.testing.assert_array_equal(gradients["tanh"], np.zeros((2, 3)))
    np.testing.assert_array_equal(results["relu"][0], [[0, 0, 0], [np.inf, 1000, 90]])
    np.testing.assert_array_equal(gradients["relu"], [[0, 0, 0], [-7, 11, -13]])


@activations
def test_activations_take_integers_as_float64_and_keep_nan(forward, backward):
    whole = np.array([[-2, 0, 1], [3, -1, 2]], np.int8)
    y, cache = forward(whole)
    assert y.dtype == np.float64
    np.testing.assert_array_equal(y, forward(whole.astype(np.float64))[0])
    assert np.isnan(forward(np.array([np.nan, 1.0]))[0]).tolist() == [True, False]


@activations
@floats
def test_activations_keep_dtype_and_inputs(forward, backward, dtype):
    rng = np.random.default_rng(21)
    x, dout = rng.standard_normal((2, 4, 5)).astype(dtype)
    before = x.copy(), dout.copy()
    y, cache = forward(x)
    first = backward(dout, cache).copy()
    second = backward(dout, cache)
    assert y.dtype == first.dtype == dtype
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal((x, dout), before)


def test_a_numpy_slope_keeps_float32():
    x = np.array([-1, 2], np.float32)
    y, cache = leaky_relu_forward(x, np.float64(0.1))
    assert y.dtype == leaky_relu_backward(x, cache).dtype == np.float32


# Softmax and cross-entropy


@settings(max_examples=40, deadline=None)
@given(N=sizes, C=sizes, seed=seeds)
def test_softmax_backward_agrees_with_central_differences(N, C, seed):
    rng = np.random.default_rng(seed)
    check_vjp(
        softmax_forward, softmax_backward, [rng.standard_normal((N, C))], rng
    ).raise_if_wrong()


@settings(max_examples=40, deadline=None)
@given(N=sizes, C=sizes, reduction=st.sampled_from(["mean", "sum"]), seed=seeds)
def test_cross_entropy_backward_agrees_with_central_differences(N, C, reduction, seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, C, N)
    check_vjp(
        lambda logits: softmax_cross_entropy_forward(logits, labels, reduction),
        softmax_cross_entropy_backward,
        [rng.standard_normal((N, C))],
        rng,
    ).raise_if_wrong()


def test_softmax_backward_is_the_product_with_the_jacobian():
    rng = np.random.default_rng(22)
    p, cache = softmax_forward(rng.standard_normal((5, 4)))
    dout = rng.standard_normal((5, 4))
    expected = [(np.diag(row) - np.outer(row, row)) @ g for row, g in zip(p, dout, strict=True)]
    np.testing.assert_allclose(softmax_backward(dout, cache), expected, rtol=1e-12, atol=1e-15)


def test_cross_entropy_worked_numbers():
    logits, labels = np.array([[0.71, 0.95], [0.675, 1.025]]), np.array([0, 1])
    loss, cache = softmax_cross_entropy_forward(logits, labels)
    # -log p for two classes: log(1 + exp(other - own))
    expected = [np.log1p(np.exp(0.24)), np.log1p(np.exp(-0.35))]
    assert loss == pytest.approx(np.mean(expected), rel=1e-14)
    dlogits = softmax_cross_entropy_backward(1.0, cache)
    np.testing.assert_allclose(dlogits, [[-0.2799, 0.2799], [0.2067, -0.2067]], atol=5e-5)
    total, cache = softmax_cross_entropy_forward(logits, labels, "sum")
    assert total == pytest.approx(2 * loss, rel=1e-14)
    np.testing.assert_allclose(
        softmax_cross_entropy_backward(-3.0, cache), -6 * dlogits, rtol=1e-14
    )


@settings(max_examples=40, deadline=None)
@given(N=sizes, C=sizes, shift=st.floats(-1e6, 1e6), seed=seeds)
def test_cross_entropy_does_not_change_when_a_row_is_shifted(N, C, shift, seed):
    rng = np.random.default_rng(seed)
    logits, labels = rng.standard_normal((N, C)), rng.integers(0, C, N)
    moved = logits + shift * rng.uniform(-1, 1, (N, 1))
    loss, cache = softmax_cross_entropy_forward(logits, labels)
    moved_loss, moved_cache = softmax_cross_entropy_forward(moved, labels)
    assert moved_loss == pytest.approx(loss, rel=1e-8, abs=1e-8)
    dlogits = softmax_cross_entropy_backward(1.0, moved_cache)
    np.testing.assert_allclose(dlogits, softmax_cross_entropy_backward(1.0, cache), atol=1e-8)
    np.testing.assert_allclose(dlogits.sum(axis=1), np.zeros(N), atol=1e-14)


@floats
def test_cross_entropy_is_exact_for_logits_of_a_thousand(dtype):
    logits = np.array([[1000, 999, 0], [-1000, 1000, 0], [-1000, -1000, -1000], [5, 1, 0]], dtype)
    labels, N = np.array([2, 0, 1, 0]), 4
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        p, p_cache = softmax_forward(logits)
        loss, cache = softmax_cross_entropy_forward(logits, labels)
        dlogits = softmax_cross_entropy_backward(1.0, cache)
        dp = softmax_backward(logits, p_cache)
    assert {p.dtype, loss.dtype, dlogits.dtype, dp.dtype} == {np.dtype(dtype)}
    rtol = 8 * np.finfo(dtype).eps
    losses = [1000 + np.log1p(np.exp(-1)), 2000, np.log(3), np.log1p(np.exp(-4) + np.exp(-5))]
    np.testing.assert_allclose(loss, np.mean(losses), rtol)
    a = 1 / (1 + np.exp(-1))
    np.testing.assert_allclose(p[:3], [[a, 1 - a, 0], [0, 1, 0], [1 / 3] * 3], rtol)
    np.testing.assert_allclose(
        dlogits[:3] * N, [[a, 1 - a, -1], [-1, 1, 0], [1 / 3, -2 / 3, 1 / 3]], rtol
    )
    assert np.isfinite(dp).all()


def test_a_certain_and_right_prediction_has_loss_zero():
    logits = np.array([[800.0, 0, 0], [0, -900, 3000]])
    loss, cache = softmax_cross_entropy_forward(logits, np.array([0, 2]))
    assert loss == 0
    np.testing.assert_array_equal(softmax_cross_entropy_backward(1.0, cache), np.zeros((2, 3)))


@floats
@pytest.mark.parametrize("kind", [np.uint8, np.int32, np.int64])
def test_softmax_and_cross_entropy_keep_dtype_and_inputs(dtype, kind):
    rng = np.random.default_rng(23)
    logits, dout = rng.standard_normal((2, 5, 4)).astype(dtype)
    labels = rng.integers(0, 4, 5).astype(kind)
    before = logits.copy(), dout.copy(), labels.copy()
    p, p_cache = softmax_forward(logits)
    loss, cache = softmax_cross_entropy_forward(logits, labels)
    first = softmax_cross_entropy_backward(np.float64(1.0), cache).copy()
    second = softmax_cross_entropy_backward(np.float64(1.0), cache)
    results = [p, softmax_backward(dout, p_cache), loss, first]
    assert [result.dtype for result in results] == [dtype] * 4
    np.testing.assert_array_equal(first, second)
    for array, kept in zip((logits, dout, labels), before, strict=True):
        np.testing.assert_array_equal(array, kept)


def test_gradient_of_cross_entropy_is_that_of_softmax_then_log():
    rng = np.random.default_rng(24)
    logits, labels = rng.standard_normal((6, 4)), rng.integers(0, 4, 6)
    p, p_cache = softmax_forward(logits)
    rows = np.arange(6)
    dp = np.zeros_like(p)
    dp[rows, labels] = -1 / (6 * p[rows, labels])
    loss, cache = softmax_cross_entropy_forward(logits, labels)
    assert loss == pytest.approx(-np.log(p[rows, labels]).mean(), rel=1e-13)
    dlogits = softmax_cross_entropy_backward(1.0, cache)
    np.testing.assert_allclose(dlogits, softmax_backward(dp, p_cache), atol=1e-15)
    check_gradient(
        lambda z: -np.log(softmax_forward(z)[0][rows, labels]).mean(), logits, dlogits
    ).raise_if_wrong()


# Errors


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
        (
            lambda: relu_backward(zeros(4, 5), relu_forward(zeros(4, 3))[1]),
            ["gradient of the output has shape (4, 5), expected (4, 3)", "axis 1 has 5"],
        ),
        # would broadcast in silence
        (lambda: leaky_relu_backward(1.0, leaky_relu_forward(zeros(3))[1]), ["()", "(3,)"]),
        (lambda: sigmoid_backward(zeros(3), sigmoid_forward(zeros(4, 3))[1]), ["(3,)", "(4, 3)"]),
        (lambda: tanh_backward(zeros(4, 1), tanh_forward(zeros(4, 3))[1]), ["(4, 1)", "(4, 3)"]),
        (lambda: leaky_relu_forward(zeros(3), np.nan), ["slope is nan, expected a finite number"]),
        (lambda: leaky_relu_forward(zeros(3), -np.inf), ["slope is -inf"]),
        (lambda: softmax_forward(zeros(3)), ["logits has shape (3,), expected 2 axes", "(N, C)"]),
        (lambda: softmax_forward(zeros(3, 0)), ["(3, 0), expected at least one class"]),
        (
            lambda: softmax_backward(zeros(3), softmax_forward(zeros(4, 3))[1]),
            ["gradient of the probabilities has shape (3,), expected (4, 3)"],
        ),
        (lambda: softmax_cross_entropy_forward(zeros(3), [0, 1, 2]), ["logits has shape (3,)"]),
        (lambda: softmax_cross_entropy_forward(zeros(0, 3), []), ["(0, 3)", "at least one row"]),
        (
            lambda: softmax_cross_entropy_forward(zeros(4, 3), [0, 1]),
            ["labels have shape (2,) but the logits (4, 3): expected (4,), one label per row"],
        ),
        (
            lambda: softmax_cross_entropy_forward(zeros(2, 3), np.eye(3)[:2]),
            ["labels have shape (2, 3)", "expected (2,)"],
        ),
        (
            lambda: softmax_cross_entropy_forward(zeros(2, 3), [0.0, 1.0]),
            ["labels are float64, expected integers from 0 to 2"],
        ),
        (lambda: softmax_cross_entropy_forward(zeros(2, 3), [True, False]), ["labels are bool"]),
        (
            lambda: softmax_cross_entropy_forward(zeros(2, 3), [2, 3]),
            ["label 3 is out of range: 3 classes have labels 0 to 2"],
        ),
        (lambda: softmax_cross_entropy_forward(zeros(2, 3), [-1, 0]), ["label -1 is out of range"]),
        (lambda: softmax_cross_entropy_forward(zeros(2, 3), [0, 1], "none"), ["'none'", '"sum"']),
        (
            lambda: softmax_cross_entropy_backward(
                zeros(2), softmax_cross_entropy_forward(zeros(2, 3), [0, 1])[1]
            ),
            ["gradient of the loss has shape (2,), expected ()"],
        ),
    ],
)
def test_errors_name_the_shapes(call, words):
    with pytest.raises(ValueError, match=r"\S") as caught:
        call()
    for word in words:
        assert word in str(caught.value)
