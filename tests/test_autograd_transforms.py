"""grad, vjp, jacobian, hessian, hvp; and agreement of the engine with others on everything.

The others: HIPS autograd, the hand-written layers, and central differences.
"""

from types import SimpleNamespace

import autograd as hips
import autograd.numpy as anp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import course_lib.autograd as ag
from course_lib.autograd import (
    Primitive,
    Tensor,
    defvjp,
    grad,
    hessian,
    hvp,
    jacobian,
    no_grad,
    primitive,
    value_and_grad,
    vjp,
)
from course_lib.gradcheck import check_gradient
from course_lib.layers import Conv2D, Dropout, Flatten, Linear, MaxPool, ReLU, Sequential
from course_lib.losses import CrossEntropy
from tests.test_autograd_ops import all_cases, random_like


def leaf(data):
    return Tensor(np.asarray(data, float), requires_grad=True)


# transforms ---------------------------------------------------------------------------------------


def test_grad_of_grad_of_grad():
    f = ag.sin
    for right in (np.cos, lambda x: -np.sin(x), lambda x: -np.cos(x), np.sin, np.cos):
        f = grad(f)
        np.testing.assert_allclose(f(0.7).data, right(0.7), rtol=1e-13)
    cubic = grad(grad(grad(lambda x: ag.sum(x**3 * 2))))
    np.testing.assert_allclose(cubic(5.0).data, 12)


def test_value_and_grad_gives_both():
    x = np.array([1.0, -2.0, 3.0])
    value, gradient = value_and_grad(lambda x: ag.sum(x * x * x))(x)
    assert isinstance(value, Tensor)
    assert isinstance(gradient, Tensor)
    np.testing.assert_array_equal(value.data, 20)
    np.testing.assert_array_equal(gradient.data, 3 * x**2)


@pytest.mark.parametrize("argnums", [0, 1, 2, -1, (0, 2), (2, -3), (1,)])
def test_argnums(argnums):
    found = grad(lambda x, y, z: x * y * z * z, argnums)(2.0, 3.0, 4.0)
    right = (48.0, 32.0, 48.0)
    if isinstance(argnums, tuple):
        assert isinstance(found, tuple)
        assert [float(g) for g in found] == [right[k] for k in argnums]
    else:
        assert float(found) == right[argnums]


def test_argnums_that_do_not_fit_are_refused():
    for argnums in (2, -3, (0, 2)):
        with pytest.raises(ValueError, match="argnums"):
            grad(lambda x, y: x * y, argnums)(2.0, 3.0)
    for argnums in ((0, 0), (1, -1)):
        with pytest.raises(ValueError, match="argnums"):
            grad(lambda x, y: x * y, argnums)(2.0, 3.0)


def test_arguments_by_name_are_constants():
    x, scale = np.array([1.0, 2.0]), leaf([3.0, 4.0])
    f = grad(lambda x, *, power, scale: ag.sum(scale * x**power))
    result = f(x, power=2, scale=scale)
    np.testing.assert_array_equal(result.data, [6, 16])
    result.backward([1.0, 10.0])  # but a tracked one gets the gradient of the gradient
    np.testing.assert_array_equal(scale.grad, [2, 40])


def test_arguments_are_left_alone_and_may_be_anything_like_an_array():
    x = leaf([1.0, 2.0])
    for argument in (x, x.data, [1.0, 2.0], (1, 2), np.array([1, 2]), Tensor([1.0, 2.0])):
        np.testing.assert_array_equal(grad(lambda x: ag.sum(x * x))(argument).data, [2, 4])
    np.testing.assert_array_equal(x.grad, [0, 0])
    np.testing.assert_array_equal(x.data, [1, 2])
    assert grad(lambda x: x * x)(np.float32(3)).dtype == np.float32
    with pytest.raises(TypeError, match="floating-point"):
        grad(lambda x: x)("one")


def test_gradients_have_the_type_of_their_argument():
    x, w = np.array([1.0, 2.0], np.float32), np.array([3.0, 4.0])

    def f(x, w):
        return ag.sum(x**3 * w)

    assert [g.dtype for g in grad(f, (0, 1))(x, w)] == [np.float32, np.float64]
    assert hvp(lambda x: f(x, w), x, np.ones(2)).dtype == np.float32
    assert hessian(lambda x: f(x, w))(x).dtype == jacobian(lambda x: x * w)(x).dtype == np.float32
    _, pullback = vjp(lambda x: x * x, x)
    for g in (np.array([1.0, 3.0]), np.array([1, 3]), [1, 3], Tensor([1.0, 3.0])):
        (sent,) = pullback(g)
        assert sent.dtype == np.float32
        np.testing.assert_array_equal(sent.data, [2, 12])


def test_the_gradient_of_what_does_not_matter_is_zero():
    x, y = np.array([1.0, 2.0]), np.array([[3.0], [4.0]])
    first, second = grad(lambda x, y: ag.sum(x * x), (0, 1))(x, y)
    np.testing.assert_array_equal(first.data, [2, 4])
    np.testing.assert_array_equal(second.data, np.zeros((2, 1)))
    np.testing.assert_array_equal(grad(lambda x: Tensor(3.0))(x).data, [0, 0])
    np.testing.assert_array_equal(grad(grad(lambda x: x * 3))(2.0).data, 0)
    np.testing.assert_array_equal(hessian(lambda x: ag.sum(3 * x))(x).data, np.zeros((2, 2)))


def test_transforms_say_what_f_must_return():
    with pytest.raises(ValueError, match=r"single number.*\(2,\)"):
        grad(lambda x: x * 2)(np.ones(2))
    for result in (lambda x: x.item(), lambda x: x.data, lambda x: (x, x), lambda x: None):
        with pytest.raises(TypeError, match="returns a Tensor"):
            grad(result)(2.0)
    for transform in (
        lambda f: jacobian(f)(1.0),
        lambda f: vjp(f, 1.0),
        lambda f: hvp(f, 1.0, 1.0),
    ):
        with pytest.raises(TypeError, match="returns a Tensor"):
            transform(lambda x: 3.0)
    np.testing.assert_array_equal(grad(lambda x: x * 2)(np.ones((1, 1))).data, [[2]])


def test_a_pullback_may_be_used_twice():
    x, y = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    out, pullback = vjp(lambda x, y: ag.exp(x) * y, x, y)
    np.testing.assert_allclose(out.data, np.exp(x) * y)
    for g in (np.array([1.0, 10.0]), np.array([-2.0, 0.5]), np.array([1.0, 10.0])):
        sent = pullback(g)
        assert isinstance(sent, tuple)
        np.testing.assert_allclose(sent[0].data, g * np.exp(x) * y)
        np.testing.assert_allclose(sent[1].data, g * np.exp(x))
    with pytest.raises(ValueError, match=r"\(3,\), expected \(2,\)"):
        pullback(np.ones(3))
    (linear,) = vjp(lambda g: pullback(g)[0], x)[1](y)  # the transpose of a transpose
    np.testing.assert_allclose(linear.data, np.exp(x) * np.array([3.0, 4.0]) * y)


def test_a_pullback_inside_and_outside_of_no_grad():
    x, w = np.array([1.0, 2.0]), leaf([3.0, 4.0])
    out, pullback = vjp(lambda x: x * x * w, x)
    assert out.requires_grad
    with no_grad():
        (sent,) = pullback(np.array([1.0, 1.0]))
    assert not sent.requires_grad
    np.testing.assert_array_equal(sent.data, [6, 16])
    (sent,) = pullback(np.array([1.0, 10.0]))
    sent.backward([1.0, 1.0])
    np.testing.assert_array_equal(w.grad, [2, 40])


def test_a_pullback_does_not_mix_old_and_new_numbers():
    """Of its arguments it has a copy; of a closed-over leaf that was changed it says so."""
    x, w = leaf([3.0, 4.0]), leaf([1.0, 2.0])
    _, pullback = vjp(lambda x: x * x, x)
    _, with_w = vjp(lambda x: x * w, np.ones(2))
    x.data = [10.0, 20.0]
    w.data = [5.0, 6.0]
    with pytest.raises(RuntimeError, match="changed after multiply used it"):
        with_w(np.ones(2))
    (sent,) = pullback(np.array([1.0, 10.0]))
    np.testing.assert_array_equal(sent.data, [6, 80])


@pytest.mark.parametrize("x_shape", [(), (3,), (2, 3)])
@pytest.mark.parametrize("out_shape", [(), (2,), (2, 1, 2)])
def test_jacobians_and_hessians_have_the_shape_of_out_and_x(x_shape, out_shape):
    rng = np.random.default_rng(1)
    x, A = rng.standard_normal(x_shape), rng.standard_normal(out_shape + x_shape)
    axes = tuple(range(len(out_shape), len(out_shape + x_shape)))

    def f(x):
        return ag.sin(ag.sum(A * x, axis=axes))

    J = jacobian(f)(x)
    assert (J.shape, J.requires_grad) == (out_shape + x_shape, False)
    slope = np.cos((A * x).sum(axis=axes))
    np.testing.assert_allclose(J.data, slope.reshape(out_shape + (1,) * x.ndim) * A, rtol=1e-12)
    H = hessian(lambda x: ag.sum(f(x)))(x)
    assert H.shape == x_shape + x_shape
    flat = A.reshape(-1, x.size)
    right = -(flat.T * np.sin((A * x).sum(axis=axes)).reshape(-1)) @ flat
    np.testing.assert_allclose(H.data.reshape(x.size, x.size), right, rtol=1e-12, atol=1e-14)


def test_the_jacobian_of_no_numbers():
    assert jacobian(lambda x: x[:0])(np.ones(3)).shape == (0, 3)
    assert jacobian(lambda x: ag.sum(x) * np.ones(2))(np.ones((0, 3))).shape == (2, 0, 3)


def bumpy(x):
    """A function of several numbers with a full Hessian."""
    return ag.sum(ag.tanh(x @ MATRIX) ** 2) + ag.sum(ag.exp(x * 0.3)) * ag.sum(x)


MATRIX = np.random.default_rng(2).standard_normal((6, 4))


def test_the_hessian_is_symmetric_and_agrees_with_central_differences():
    x = np.random.default_rng(3).standard_normal(6)
    H = hessian(bumpy)(x).data
    np.testing.assert_allclose(H, H.T, rtol=1e-12, atol=1e-13)
    v = np.random.default_rng(4).standard_normal(6)
    check_gradient(lambda x: grad(bumpy)(x).data, x, H.T @ v, upstream=v).raise_if_wrong()


def test_hvp_is_the_hessian_times_v():
    rng = np.random.default_rng(5)
    x, v = rng.standard_normal((2, 6))
    np.testing.assert_allclose(hvp(bumpy, x, v).data, hessian(bumpy)(x).data @ v, rtol=1e-11)
    w = hvp(bumpy, x, rng.standard_normal(6))
    assert w.parents == ()
    square = np.random.default_rng(6).standard_normal((3, 2))
    H = hessian(lambda x: ag.sum(ag.exp(x) * x.sum()))(square)
    u = rng.standard_normal((3, 2))
    np.testing.assert_allclose(
        hvp(lambda x: ag.sum(ag.exp(x) * x.sum()), square, u).data,
        np.einsum("ijkl,kl->ij", H.data, u),
    )
    np.testing.assert_allclose(hvp(lambda x: x**3, 2.0, 5.0).data, 60)
    with pytest.raises(ValueError, match=r"\(4,\), expected \(6,\)"):
        hvp(bumpy, x, np.ones(4))


def count_calls(monkeypatch, f):
    calls = []
    original = Primitive.__call__

    def counted(self, *args, **kwargs):
        calls.append(self.name)
        return original(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(Primitive, "__call__", counted)
        f()
    return len(calls)


def test_hvp_costs_a_few_gradients_whatever_the_size(monkeypatch):
    def chain(x):
        for _ in range(30):
            x = ag.tanh(x) * 1.1
        return ag.sum(x)

    counts = []
    for size in (3, 50):
        x, v = np.random.default_rng(7).standard_normal((2, size))
        once = count_calls(monkeypatch, lambda x=x: vjp(chain, x)[1](np.float64(2.0)))
        counts.append(count_calls(monkeypatch, lambda x=x, v=v: hvp(chain, x, v)))
    assert counts[0] == counts[1]  # a full Hessian would grow with the size
    recorded = count_calls(monkeypatch, lambda: chain(leaf(np.ones(3))))
    assert recorded < once
    assert counts[0] < 10 * recorded


def test_hvp_multiplies_matrices_three_times_as_often_as_a_gradient(monkeypatch):
    rng = np.random.default_rng(8)
    weights = [rng.standard_normal((5, 5)) for _ in range(6)]
    X = rng.standard_normal((4, 5))
    products = []
    original = ag.matmul.function

    def counted(x, y):
        products.append(1)
        return original(x, y)

    monkeypatch.setattr(ag.matmul, "function", counted)

    def f(flat):
        out = X
        for W in weights:
            out = ag.tanh(out @ (W * flat))
        return ag.sum(out * out)

    x, v = rng.standard_normal((2, 5, 5))
    grad(f)(x)
    of_gradient = len(products)
    products.clear()
    hvp(f, x, v)
    assert len(products) <= 3 * of_gradient
    products.clear()
    hessian(f)(x)
    assert len(products) > 15 * of_gradient


def test_grad_inside_no_grad_is_a_constant():
    x = leaf(2.0)
    with no_grad():
        slope = grad(lambda y: y**3)(x)
        curvature = grad(grad(lambda y: y**3))(x)
        mixed = grad(lambda y: y * x)(1.0)
    assert (slope.requires_grad, curvature.requires_grad, mixed.requires_grad) == (False,) * 3
    assert (float(slope), float(curvature), float(mixed)) == (12, 12, 2)
    slope = grad(lambda y: y**3)(x)
    slope.backward()
    np.testing.assert_array_equal(x.grad, 12)


def test_no_grad_inside_grad_makes_constants():
    def f(x):
        with no_grad():
            constant = x * x
        return constant * x

    np.testing.assert_array_equal(grad(f)(3.0).data, 9)
    np.testing.assert_array_equal(grad(grad(f))(3.0).data, 0)

    def inner_gradient(x):
        with no_grad():
            slope = grad(lambda y: y**3)(x)
        return slope * x

    np.testing.assert_array_equal(grad(inner_gradient)(2.0).data, 12)


def test_a_closed_over_tensor_gets_its_gradient_through_grad():
    w = leaf([3.0, -1.0])
    x = np.array([0.5, 2.0])
    slope = grad(lambda x: ag.sum(w * w * x**3))(x)
    np.testing.assert_array_equal(slope.data, [9 * 3 * 0.25, 3 * 4])
    slope.backward([1.0, 10.0])
    np.testing.assert_allclose(w.grad, [2 * 3 * 3 * 0.25, 10 * 2 * -1 * 3 * 4])
    w.zero_grad()
    before = w * w  # made outside of the function
    value, slope = value_and_grad(lambda x: ag.sum(before * x**3))(x)
    (value + ag.sum(slope * slope)).backward()
    cubes, squares = x**3, 9 * x**4
    np.testing.assert_allclose(w.grad, 2 * w.data * cubes + 4 * w.data**3 * squares)


def test_mixed_partials_agree():
    def f(x, y):
        return ag.sum(ag.sin(x * y) * y)

    x, y = np.random.default_rng(9).standard_normal((2, 3))
    one = jacobian(lambda x: grad(f, 1)(x, y))(x)
    other = jacobian(lambda y: grad(f, 0)(x, y))(y)
    np.testing.assert_allclose(one.data, other.data.T, rtol=1e-12)


def test_gradients_through_a_step_of_gradient_descent():
    """The derivative of the loss after a step for the learning rate of that step."""
    x = np.array([1.0, -2.0])

    def loss(w):
        return ag.sum(w**4)

    def after(rate):
        return loss(x - rate * grad(loss)(x))

    check_gradient(
        lambda rate: after(rate).data, np.array(0.01), grad(after)(0.01).data
    ).raise_if_wrong()

    def twice(w):
        w = w - 0.01 * grad(loss)(w)
        return loss(w - 0.01 * grad(loss)(w))

    check_gradient(lambda w: twice(w).data, x, grad(twice)(x).data).raise_if_wrong()


def test_branches_that_do_not_lead_to_the_variables_are_not_walked():
    @primitive
    def rounded(x):
        return np.round(x)

    w = leaf(2.4)
    np.testing.assert_array_equal(grad(lambda x: x * rounded(w))(3.0).data, 2)
    calls = []

    @primitive
    def same(x):
        return x

    def formula(g, out, x):
        calls.append(1)
        return g

    defvjp(same, formula)
    grad(lambda x: x * same(w))(3.0)
    assert calls == []
    grad(lambda x: x * same(x))(3.0)
    assert calls


def test_results_outside_of_a_derivative_keep_no_graph():
    x = np.array([1.0, 2.0])

    def f(x):
        return ag.sum(ag.exp(x) * x)

    value, gradient = value_and_grad(f)(x)
    out, pullback = vjp(f, x)
    results = [value, gradient, out, *pullback(2.0), grad(lambda x: ag.sum(grad(f)(x)))(x)]
    results += [jacobian(ag.exp)(x), hessian(f)(x), hvp(f, x, x)]
    for result in results:
        assert (result.parents, result.op, result.requires_grad) == ((), None, False)
    value, gradient = value_and_grad(f)(leaf(x))
    assert value.requires_grad
    assert gradient.requires_grad


def test_transforms_inside_a_loop_stay_small():
    """Newton's method: no graph grows from step to step."""
    x = Tensor(3.0)
    for _ in range(10):
        slope, curvature = grad(lambda x: x**4 - 2 * x)(x), grad(grad(lambda x: x**4 - 2 * x))(x)
        x = x - slope / curvature
    assert x.parents == ()
    np.testing.assert_allclose(x.data, 0.5 ** (1 / 3))


# HIPS autograd ------------------------------------------------------------------------------------


def hips_unbroadcast(g, shape):
    while g.ndim > len(shape):
        g = anp.sum(g, axis=0)
    for axis, length in enumerate(shape):
        if length == 1:
            g = anp.sum(g, axis=axis, keepdims=True)
    return g


def hips_softmax_cross_entropy(logits, labels, reduction="mean"):
    logits = logits - anp.max(logits, axis=1, keepdims=True)
    log_p = logits - anp.log(anp.sum(anp.exp(logits), axis=1, keepdims=True))
    total = -anp.sum(log_p[np.arange(len(labels)), labels])
    return total / len(labels) if reduction == "mean" else total


def hips_softmax(logits):
    e = anp.exp(logits - anp.max(logits, axis=1, keepdims=True))
    return e / anp.sum(e, axis=1, keepdims=True)


def hips_conv2d(x, W, b, stride=1, padding=0):
    x = anp.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)), "constant")
    K = len(W)
    down, across = ((n - K) // stride * stride + 1 for n in x.shape[1:3])
    out = b
    for i in range(K):
        for j in range(K):
            out = out + anp.matmul(x[:, i : i + down : stride, j : j + across : stride], W[i, j])
    return out


def hips_windows(x, size):
    N, H, W, C = x.shape
    x = x[:, : H // size * size, : W // size * size]
    return anp.reshape(x, (N, H // size, size, W // size, size, C))


def hips_where(condition, x, y):
    ones = np.ones(np.broadcast_shapes(*map(np.shape, (condition, x, y))))
    return anp.where(condition, x * ones, y * ones)


NOT_IN_HIPS = {  # or with gaps: new axes in broadcast_to, broadcasting in where, negative axes
    "astype": lambda x, dtype: 1.0 * x,
    "average_pool": lambda x, size: anp.mean(hips_windows(x, size), axis=(2, 4)),
    "broadcast_to": lambda x, shape: x * np.ones(shape),
    "conv2d": hips_conv2d,
    "max_pool": lambda x, size: anp.max(hips_windows(x, size), axis=(2, 4)),
    "relu": lambda x: anp.where(x > 0, x, 0.0),
    "sigmoid": lambda x: 1 / (1 + anp.exp(-x)),
    "softmax": hips_softmax,
    "softmax_cross_entropy": hips_softmax_cross_entropy,
    "transpose": lambda x, axes=None: anp.transpose(x, axes and [k % x.ndim for k in axes]),
    "unbroadcast": hips_unbroadcast,
    "where": hips_where,
}
HIPS = SimpleNamespace(
    **{
        name: getattr(anp, name) for name in ag.ops.__all__ if name not in {*NOT_IN_HIPS, "getitem"}
    },
    **NOT_IN_HIPS,
)


def two_orders(m, grad, f, inputs, g, vs):
    """The gradients of sum(g * sin(f)), and those of the sum of v * these gradients.

    The sine gives second derivatives to operations that are linear, too.
    """
    places = tuple(range(len(inputs)))

    def weighted(*xs):
        return m.sum(g * m.sin(f(m, *xs)))

    def of_gradients(*xs):
        total = 0.0
        for v, gradient in zip(vs, grad(weighted, places)(*xs), strict=True):
            total = total + m.sum(v * gradient)
        return total

    return [grad(weighted, places)(*inputs), grad(of_gradients, places)(*inputs)]


def compare_with_hips(f, inputs, rng, rtol=1e-10):
    """First and second derivatives by both libraries, relative to the largest entry."""
    out = np.asarray(f(ag, *inputs))
    g, vs = rng.standard_normal(out.shape), random_like(rng, inputs)
    ours = two_orders(ag, grad, f, inputs, g, vs)
    theirs = two_orders(HIPS, hips.grad, f, inputs, g, vs)
    np.testing.assert_allclose(out, f(HIPS, *inputs), rtol=1e-12, atol=1e-12)
    for found, right in zip(ours, theirs, strict=True):
        for a, b in zip(found, right, strict=True):
            assert a.shape == np.shape(b)
            scale = np.abs(b).max(initial=1e-3)
            np.testing.assert_allclose(a.data / scale, b / scale, rtol=rtol, atol=rtol)


@all_cases
def test_operations_agree_with_hips_autograd(case):
    rng = np.random.default_rng(10)
    compare_with_hips(case.f, case.inputs(rng), rng)


UNARY = {
    "sin": lambda m, a: m.sin(a),
    "cos": lambda m, a: m.cos(a),
    "tanh": lambda m, a: m.tanh(a),
    "sigmoid": lambda m, a: m.sigmoid(a),
    "relu": lambda m, a: m.relu(a),
    "abs": lambda m, a: m.abs(a),
    "exp of tanh": lambda m, a: m.exp(m.tanh(a)),
    "log of a sum": lambda m, a: m.log(2 + a * a),
    "sqrt of a sum": lambda m, a: m.sqrt(1 + a * a),
    "power 3": lambda m, a: m.tanh(a) ** 3,
    "negative power": lambda m, a: (2 + m.tanh(a)) ** -1.5,
    "transposed": lambda m, a: m.transpose(a),
    "row of sums": lambda m, a: a + m.sum(a, axis=0),
    "column of means": lambda m, a: a * m.mean(a, axis=-1, keepdims=True),
    "less its maximum": lambda m, a: a - m.max(a, axis=1, keepdims=True),
    "less the largest": lambda m, a: a - m.max(a),
    "reshaped": lambda m, a: m.reshape(m.transpose(m.reshape(a, (9, 1))), (3, 3)),
    "rows taken twice": lambda m, a: a[np.array([2, 0, 2])],
    "corner": lambda m, a: m.transpose(a) * m.sum(a[:1, ::-2] * a[-1:, :2]),
    "joined": lambda m, a: m.concatenate([a[1:], 2 * a], axis=0)[1:4],
    "stacked": lambda m, a: m.sum(m.stack([a, a * a, 3 * a], axis=1), axis=1),
    "softmax": lambda m, a: m.softmax(a),
    "loss": lambda m, a: a * m.softmax_cross_entropy(a, np.array([0, 2, 1])),
}
BINARY = {
    "add": lambda m, a, b: a + b,
    "subtract": lambda m, a, b: a - b,
    "multiply": lambda m, a, b: a * b,
    "divide": lambda m, a, b: a / (1 + b * b),
    "matmul": lambda m, a, b: m.matmul(a, b),
    "vectors": lambda m, a, b: m.matmul(a[0], b[:, 1]) * a,
    "maximum": lambda m, a, b: m.maximum(a, b),
    "minimum": lambda m, a, b: m.minimum(a, b),
    "where": lambda m, a, b: m.where(np.eye(3) > 0, a, b),
    "power": lambda m, a, b: (1 + a * a) ** m.tanh(b),
    "outer": lambda m, a, b: a[:, :1] * b[1],
}
TREES = st.recursive(
    st.sampled_from(["x", "y", "row", 0.5, -1.5]),
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(list(UNARY)), inner),
        st.tuples(st.sampled_from(list(BINARY)), inner, inner),
    ),
    max_leaves=8,
)


def value_of(tree, m, leaves):
    if not isinstance(tree, tuple):
        return leaves[tree] if isinstance(tree, str) else np.full((3, 3), tree)
    op, *parts = tree
    parts = [m.tanh(value_of(part, m, leaves)) + 0.1 * leaves["x"] for part in parts]
    return (UNARY[op] if len(parts) == 1 else BINARY[op])(m, *parts)


@settings(max_examples=80, deadline=None)
@given(tree=TREES, seed=st.integers(0, 2**32 - 1))
def test_random_expressions_agree_with_hips_autograd(tree, seed):
    """Trees of (3, 3) matrices; before each operation tanh keeps the numbers small."""
    rng = np.random.default_rng(seed)

    def f(m, x, y, row):
        return value_of(tree, m, {"x": x, "y": y, "row": row + 0 * x}) + 0 * x

    compare_with_hips(f, [rng.standard_normal(s) for s in ((3, 3), (3, 3), (3,))], rng, rtol=1e-9)


# both networks ------------------------------------------------------------------------------------


def mlp_loss(m, X, labels, W1, b1, W2, b2):
    hidden = m.relu(m.matmul(X, W1) + b1)
    return m.softmax_cross_entropy(m.matmul(hidden, W2) + b2, labels)


def cnn_loss(m, X, labels, W1, b1, W2, b2, W3, b3, padding=0, mask=1.0):
    hidden = m.max_pool(m.relu(m.conv2d(X, W1, b1, padding=padding)), size=2)
    hidden = m.max_pool(m.relu(m.conv2d(hidden, W2, b2)), size=2)
    rows = m.reshape(hidden, (len(labels), -1)) * mask
    return m.softmax_cross_entropy(m.matmul(rows, W3) + b3, labels)


def mlp(rng):
    model = Sequential(Linear(12, 7, rng, dtype=np.float64), ReLU(), Linear(7, 5, rng, dtype=float))
    return model, rng.standard_normal((9, 12)), rng.integers(0, 5, 9), mlp_loss


def cnn(rng, padding=0, dropout=0.0):
    """The network of chapter 05 with 3 and 4 channels and 4 classes, for images of 10 x 14."""
    model = Sequential(
        *(Conv2D(1, 3, 3, rng, padding=padding, dtype=np.float64), ReLU(), MaxPool(2)),
        *(Conv2D(3, 4, 3, rng, dtype=np.float64), ReLU(), MaxPool(2)),
        *(Flatten(), Dropout(dropout, np.random.default_rng(11))),
        Linear(8, 4, rng, dtype=np.float64),
    )
    mask = (np.random.default_rng(11).random((5, 8)) >= dropout) / (1 - dropout)

    def loss(m, *args):
        return cnn_loss(m, *args, padding=padding, mask=mask)

    return model, rng.standard_normal((5, 10, 14, 1)), rng.integers(0, 4, 5), loss


NETWORKS = {
    "mlp": mlp,
    "cnn": cnn,
    "cnn with padding": lambda rng: cnn(rng, padding=1),
    "cnn with a fixed mask": lambda rng: cnn(rng, dropout=0.5),
}


def made(name, seed):
    """A network with random biases: (model, X, labels, loss, copies of the weights)."""
    rng = np.random.default_rng(seed)
    model, X, labels, loss = NETWORKS[name](rng)
    for parameter in model.parameters():
        if parameter.data.ndim == 1:
            parameter.data = 0.3 * rng.standard_normal(parameter.shape)
    return model, X, labels, loss, [parameter.data.copy() for parameter in model.parameters()]


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("seed", [0, 1])
def test_layers_tensors_and_central_differences_agree_on_networks(name, seed):
    model, X, labels, loss, weights = made(name, seed)
    layered = CrossEntropy()(model(X), labels)
    layered.backward()
    leaves = [Tensor(w, requires_grad=True) for w in weights]
    result = loss(ag, X, labels, *leaves)
    result.backward()
    np.testing.assert_allclose(float(result), float(layered), rtol=1e-14)
    for parameter, tensor in zip(model.parameters(), leaves, strict=True):
        scale = np.abs(parameter.grad).max()
        assert scale > 1e-4
        np.testing.assert_allclose(tensor.grad / scale, parameter.grad / scale, 1e-12, 1e-13)
    for k, tensor in enumerate(leaves):

        def at(w, k=k):
            return loss(ag, X, labels, *weights[:k], w, *weights[k + 1 :])

        check_gradient(at, weights[k], tensor.grad, name=f"weights {k}").raise_if_wrong()


@pytest.mark.parametrize("name", NETWORKS)
def test_the_gradient_of_the_input_agrees_with_the_layers(name):
    model, X, labels, loss, weights = made(name, 2)
    gradient = CrossEntropy()(model(X), labels).gradient
    right = model.backward(gradient, input_gradient=True)
    found = grad(lambda X: loss(ag, X, labels, *weights))(X)
    np.testing.assert_allclose(found.data, right, rtol=1e-11, atol=1e-15)


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_agree_with_hips_autograd_in_both_orders(name):
    _, X, labels, loss, weights = made(name, 3)
    compare_with_hips(
        lambda m, X, *weights: loss(m, X, labels, *weights),
        [X, *weights],
        np.random.default_rng(12),
    )


def test_the_hessian_of_the_mlp_is_symmetric_and_that_of_hips():
    _, X, labels, loss, (W1, b1, W2, b2) = made("mlp", 4)

    def of_b1(m):
        return lambda b1: loss(m, X, labels, W1, b1, W2, b2)

    ours, theirs = hessian(of_b1(ag))(b1).data, hips.hessian(of_b1(HIPS))(b1)
    np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(ours, ours.T, rtol=1e-10, atol=1e-15)
    assert np.abs(ours).max() > 1e-3


def test_argnums_that_are_no_positions_are_named():
    with pytest.raises(TypeError, match=r"argnums is \[0, 1\], expected a number or a tuple"):
        ag.grad(lambda x, y: x * y, argnums=[0, 1])(1.0, 2.0)


def test_a_maximum_over_rows_of_which_there_are_none():
    x = np.zeros((0, 3))
    (sent,) = ag.vjp(lambda x: ag.max(x, axis=1), x)[1](np.zeros(0))
    assert sent.shape == (0, 3)
