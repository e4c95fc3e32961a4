"""The gradient checker is itself checked: it must accept right gradients and reject wrong ones."""

import numpy as np
import pytest

from course_lib.gradcheck import check_gradient, check_vjp, numerical_gradient, relative_error


def forward(X, W, b):
    return np.tanh(X @ W + b), (X, W, b)


def right_backward(dY, cache):
    X, W, b = cache
    dZ = dY * (1 - np.tanh(X @ W + b) ** 2)
    return dZ @ W.T, X.T @ dZ, dZ.sum(axis=0)


def inputs(rng, N=5, D=4, M=3):
    return [rng.standard_normal((N, D)), rng.standard_normal((D, M)), rng.standard_normal(M)]


@pytest.mark.parametrize("seed", range(5))
def test_check_vjp_accepts_a_right_backward(seed):
    rng = np.random.default_rng(seed)
    check = check_vjp(forward, right_backward, inputs(rng), rng)
    assert check.ok
    assert check
    check.raise_if_wrong()


@pytest.mark.parametrize("position", range(3))
@pytest.mark.parametrize("factor", [1.001, 0.999])
@pytest.mark.parametrize("seed", range(3))
def test_check_vjp_rejects_a_tenth_of_a_percent_in_one_argument(position, factor, seed):
    def backward(dY, cache):
        gradients = list(right_backward(dY, cache))
        gradients[position] = gradients[position] * factor
        return tuple(gradients)

    rng = np.random.default_rng(seed)
    check = check_vjp(forward, backward, inputs(rng), rng, names=["X", "W", "b"])
    assert not check
    assert f"gradient of {'XWb'[position]}" in check.message
    assert check.relative_error == pytest.approx(1e-3, rel=0.01)


@pytest.mark.parametrize("position", range(3))
@pytest.mark.parametrize("factor", [1.001, 0.0])
def test_check_vjp_names_the_only_wrong_entry(position, factor):
    def backward(dY, cache):
        gradients = right_backward(dY, cache)
        gradients[position].flat[2] *= factor
        return gradients

    rng = np.random.default_rng(7)
    arrays = inputs(rng)
    check = check_vjp(forward, backward, arrays, rng)
    assert not check
    assert check.index == np.unravel_index(2, arrays[position].shape)
    assert check.analytic == pytest.approx(factor * check.numeric, rel=1e-6)
    assert f"1 of {arrays[position].size} entries are wrong" in check.message


def test_check_vjp_rejects_a_transposed_gradient_of_a_square_matrix():
    def backward(dY, cache):
        dX, dW, db = right_backward(dY, cache)
        return dX, dW.T, db

    rng = np.random.default_rng(8)
    assert not check_vjp(forward, backward, inputs(rng, N=3, D=3, M=3), rng)


def test_check_vjp_looks_at_the_shape_first():
    def backward(dY, cache):
        dX, dW, db = right_backward(dY, cache)
        return dX, dW.T, db

    rng = np.random.default_rng(9)
    check = check_vjp(forward, backward, inputs(rng), rng, names=["X", "W", "b"])
    assert not check
    assert check.message == "gradient of W has shape (3, 4), expected (4, 3)"
    assert check.relative_error is None


def test_check_vjp_rejects_a_gradient_that_only_broadcasts():
    def backward(dY, cache):
        dX, dW, db = right_backward(dY, cache)
        return dX, dW, db[None, :]

    rng = np.random.default_rng(10)
    assert "expected (3,)" in check_vjp(forward, backward, inputs(rng), rng).message


@pytest.mark.parametrize(
    "broken",
    [
        lambda dY, cache: right_backward(np.ones_like(dY), cache),
        lambda dY, cache: right_backward(dY, cache)[:2],
        lambda dY, cache: (None, *right_backward(dY, cache)[1:]),
        lambda dY, cache: tuple(np.full_like(g, np.nan) for g in right_backward(dY, cache)),
    ],
    ids=["ignores the upstream", "one gradient short", "None", "nan"],
)
def test_check_vjp_rejects(broken):
    rng = np.random.default_rng(11)
    check = check_vjp(forward, broken, inputs(rng), rng)
    assert not check
    with pytest.raises(AssertionError, match="gradient"):
        check.raise_if_wrong()


def test_entries_that_are_zero_on_both_sides_do_not_spoil_the_check():
    rng = np.random.default_rng(12)
    x = rng.standard_normal((6, 4))
    mask = np.arange(4) % 2  # half the entries do not matter at all
    assert check_gradient(lambda x: np.sum(mask * x**2), x, 2 * mask * x)
    assert check_gradient(lambda x: 3.0, x, np.zeros_like(x))
    # always 24 but for rounding, so the difference quotients are noise, not 0
    assert check_gradient(lambda x: np.sum((x + 1) ** 2 - x**2 - 2 * x), x, np.zeros_like(x))
    # the same with f near 0, where the size of f does not tell how large the noise is
    near_zero = check_gradient(
        lambda x: np.sum((x + 1) ** 2 - x**2 - 2 * x - 1) / 100, x, np.zeros_like(x)
    )
    assert near_zero
    # the third derivative makes the difference quotient 1e-8 where the gradient is 0
    assert check_gradient(lambda x: 100 * np.sum(x**3), np.array([0.0, 0.5]), [0.0, 75.0])
    off = 2 * mask * x
    off[5, 2] = 1e-6
    check = check_gradient(lambda x: np.sum(mask * x**2), x, off)
    assert not check
    assert check.index == (5, 2)


def test_small_gradients_are_still_checked():
    rng = np.random.default_rng(13)
    x = rng.standard_normal((5, 3))
    right = np.cos(x) / 1000
    assert check_gradient(lambda x: np.sin(x).sum() / 1000, x, right)
    assert not check_gradient(lambda x: np.sin(x).sum() / 1000, x, right * 1.001)


def test_numerical_gradient_of_a_scalar_and_of_an_array_with_upstream():
    rng = np.random.default_rng(14)
    x, upstream = rng.standard_normal((3, 2)), rng.standard_normal((3, 2))
    np.testing.assert_allclose(
        numerical_gradient(lambda x: np.sin(x).sum(), x), np.cos(x), rtol=1e-8
    )
    np.testing.assert_allclose(numerical_gradient(np.sin, x, upstream), upstream * np.cos(x), 1e-8)


def test_numerical_gradient_takes_any_shape_and_memory_layout():
    rng = np.random.default_rng(15)
    assert numerical_gradient(np.square, np.array(3.0)) == pytest.approx(6)
    x = rng.standard_normal((4, 6))[::2, ::-3].T
    np.testing.assert_allclose(numerical_gradient(lambda x: np.sum(x**3), x), 3 * x**2, rtol=1e-8)


def test_numerical_gradient_of_a_function_that_returns_its_own_input():
    upstream = np.random.default_rng(16).standard_normal(4)
    x = np.arange(4.0)
    np.testing.assert_allclose(numerical_gradient(lambda x: x, x, upstream), upstream, rtol=1e-9)


def test_numerical_gradient_reaches_memory_read_by_a_closure():
    x = np.array([1.0, -2.0, 3.0])
    np.testing.assert_allclose(numerical_gradient(lambda _: np.sum(x**2), x), [2, -4, 6], rtol=1e-8)


def test_numerical_gradient_leaves_x_as_it_was_even_after_an_error():
    x = np.random.default_rng(17).standard_normal((3, 4))
    before = x.copy()
    numerical_gradient(lambda x: np.sum(x**2), x)
    np.testing.assert_array_equal(x, before)

    def fails(x):
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        numerical_gradient(fails, x)
    np.testing.assert_array_equal(x, before)


def test_numerical_gradient_says_why_it_wants_float64():
    with pytest.raises(TypeError, match="x is float32, expected float64"):
        numerical_gradient(np.sum, np.ones(3, np.float32))
    with pytest.raises(TypeError, match=r"f\(x\) is float32"):
        numerical_gradient(lambda x: np.float32(x.sum()), np.ones(3))


def test_numerical_gradient_wants_an_upstream_of_the_shape_of_f():
    x = np.ones(3)
    with pytest.raises(ValueError, match=r"f\(x\) has shape \(3,\): give an upstream"):
        numerical_gradient(np.sin, x)
    with pytest.raises(ValueError, match=r"upstream has shape \(2,\), expected \(3,\)"):
        numerical_gradient(np.sin, x, np.ones(2))


def test_relative_error():
    assert relative_error([0.0, 2.0, -4.0], [0.0, 2.0, -3.0]) == 0.25
    assert relative_error(np.zeros((2, 2)), np.zeros((2, 2))) == 0
    assert relative_error(1.0, -1.0) == 2
    assert relative_error([1.0, np.nan], [1.0, 1.0]) == np.inf
    assert relative_error([1.0, np.inf], [1.0, np.inf]) == np.inf
    assert relative_error([1e-13], [0.0]) == pytest.approx(0.1)
    with pytest.raises(ValueError, match=r"\(2,\).*\(1, 2\)"):
        relative_error(np.ones(2), np.ones((1, 2)))


def test_checks_print_the_same_on_every_machine():
    x = np.array([1.0, 2.0])
    assert repr(check_gradient(lambda x: np.sum(x**2), x, 2 * x)) == (
        "GradientCheck(ok: gradient: all 2 entries agree, relative error at most 1e-06)"
    )
    assert repr(check_gradient(lambda x: np.sum(x**2), x, [2.0, 2.0], name="dx")) == (
        "GradientCheck(wrong: dx at [1] is 2, but central differences give 4: relative error 0.5, "
        "and 1 of 2 entries are wrong)"
    )
