"""Every operation of the table: first and second derivatives, dtypes and edge cases.

A case is a function f(m, *arrays), with m the namespace of operations, so that the same case also
runs through HIPS autograd (in test_autograd_transforms).
"""

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, mutually_broadcastable_shapes

import course_lib.autograd as ag
from course_lib.autograd import Primitive, Tensor, grad, hessian, jacobian, ops, vjp
from course_lib.gradcheck import check_gradient

seeds = st.integers(0, 2**32 - 1)


# what the operations are tried on -----------------------------------------------------------------


def anywhere(rng, shape):
    return rng.standard_normal(shape)


def positive(rng, shape):
    return rng.uniform(0.3, 2.0, shape)


def away_from_zero(rng, shape):
    return rng.uniform(0.3, 2.0, shape) * rng.choice([-1, 1], shape)


def near_whole(rng, shape):
    return rng.integers(-2, 3, shape) + rng.uniform(-0.2, 0.2, shape)


def near_halves(rng, shape):
    """Never within 0.1 of what `near_whole` draws: no ties between the two."""
    return near_whole(rng, shape) + 0.5


def all_different(rng, shape):
    """No two entries within 0.1 of each other: no ties among them."""
    size = int(np.prod(shape))
    return (rng.permutation(size).reshape(shape) + rng.uniform(0, 0.4, shape) - size / 2) / 2


ELEMENTWISE = {
    "abs": away_from_zero,
    "cos": anywhere,
    "exp": anywhere,
    "log": positive,
    "negative": anywhere,
    "relu": away_from_zero,
    "sigmoid": anywhere,
    "sin": anywhere,
    "sqrt": positive,
    "tanh": anywhere,
}
BROADCASTING = {
    "add": (anywhere, anywhere),
    "divide": (anywhere, away_from_zero),
    "maximum": (near_whole, near_halves),
    "minimum": (near_whole, near_halves),
    "multiply": (anywhere, anywhere),
    "power": (positive, anywhere),
    "subtract": (anywhere, anywhere),
}


@dataclass
class Case:
    """f(m, *arrays) of arrays of these shapes, made of the operation `op`."""

    op: str
    f: object
    shapes: tuple
    draw: tuple = ()
    settings: dict = field(default_factory=dict)

    def inputs(self, rng):
        draw = self.draw or (anywhere,) * len(self.shapes)
        return [d(rng, shape) for d, shape in zip(draw, self.shapes, strict=True)]

    def ours(self, *xs):
        return self.f(ag, *xs)

    def __str__(self):
        details = "-".join(str(v).replace("\n", "") for v in self.settings.values())
        return f"{self.op}-{'x'.join(map(str, self.shapes))}-{details}"


def cases():
    found = []

    def case(op, f, *shapes, draw=(), **settings):
        found.append(Case(op, f, shapes, draw, settings))

    for name, draw in ELEMENTWISE.items():
        case(name, lambda m, x, name=name: getattr(m, name)(x), (4, 3), draw=(draw,))
    for name, draw in BROADCASTING.items():
        for shapes in BROADCASTING_SHAPES:
            case(name, lambda m, x, y, name=name: getattr(m, name)(x, y), *shapes, draw=draw)
    mask = np.array([[True, False, True], [False, False, True]])
    for shapes in (((2, 3), (2, 3)), ((3,), ()), ((2, 1), (4, 1, 3))):
        case("where", lambda m, x, y: m.where(mask, x, y), *shapes)

    for name, draw in (("sum", anywhere), ("mean", anywhere), ("max", all_different)):
        for axis in (None, 0, 1, -1, (0, 2), (-1, 0), (2, 0, 1), ()):
            for keepdims in (False, True):
                case(
                    name,
                    lambda m, x, name=name, axis=axis, keepdims=keepdims: getattr(m, name)(
                        x, axis=axis, keepdims=keepdims
                    ),
                    (2, 3, 2),
                    draw=(draw,),
                    axis=axis,
                    keepdims=keepdims,
                )
        case(name, lambda m, x, name=name: getattr(m, name)(x), ())

    for shape, new in (((2, 6), (3, 4)), ((4, 3), -1), ((2, 6), (4, -1, 1)), ((), (1, 1))):
        case("reshape", lambda m, x, new=new: m.reshape(x, new), shape, new=new)
    for shape, axes in (
        *(((2, 3), None), ((3,), None), ((), None), ((2, 3, 4), None)),
        *(((2, 3, 4), axes) for axes in ((1, 2, 0), (2, 0, 1), (0, 2, 1), (-1, 0, 1), (1, 0, -1))),
    ):
        case("transpose", lambda m, x, axes=axes: m.transpose(x, axes), shape, axes=axes)
    for shape, index in INDEXING:
        case("getitem", lambda m, x, index=index: x[index], shape, index=index)
    for axis in (0, 1, 2, -1, -3):
        shapes = [[2, 3, 2] for _ in range(3)]
        shapes[0][axis], shapes[2][axis] = 1, 4
        case(
            "concatenate",
            lambda m, *xs, axis=axis: m.concatenate(xs, axis),
            *map(tuple, shapes),
            axis=axis,
        )
        case("stack", lambda m, *xs, axis=axis: m.stack(xs, axis), (2, 3), (2, 3), axis=axis)
    case("concatenate", lambda m, x: m.concatenate([x, 2 * x, x]), (2, 3), twice=True)
    case("stack", lambda m, x: m.stack([x, 2 * x, x], 1), (2, 3), twice=True)
    for shape, new in (((), (2, 3)), ((1,), (4,)), ((3, 1), (2, 3, 4)), ((2, 3), (2, 3))):
        case("broadcast_to", lambda m, x, new=new: m.broadcast_to(x, new), shape, new=new)
    for shape in ((), (4,), (1,), (1, 4), (3, 1), (1, 1), (2, 1, 1), (1, 3, 4), (2, 3, 4)):
        case("unbroadcast", lambda m, x, shape=shape: m.unbroadcast(x, shape), (2, 3, 4), to=shape)
    case("astype", lambda m, x: m.astype(x, dtype=np.float64), (2, 3))

    for shapes in MATMUL_SHAPES:
        case("matmul", lambda m, x, y: m.matmul(x, y), *shapes)
    for shape in ((5, 3), (1, 4), (4, 1)):
        case("softmax", lambda m, x: m.softmax(x), shape)
        labels = np.random.default_rng(shape[0]).integers(0, shape[1], shape[0])
        for reduction in ("mean", "sum"):
            case(
                "softmax_cross_entropy",
                lambda m, x, labels=labels, reduction=reduction: m.softmax_cross_entropy(
                    x, labels, reduction=reduction
                ),
                shape,
                reduction=reduction,
            )
    for K in (2, 3):
        for stride in (1, 2):
            for padding in (0, 1):
                case(
                    "conv2d",
                    lambda m, x, W, b, stride=stride, padding=padding: m.conv2d(
                        x, W, b, stride=stride, padding=padding
                    ),
                    *((2, 5, 6, 1), (K, K, 1, 2), (2,)),
                    stride=stride,
                    padding=padding,
                )
    case("conv2d", lambda m, x, W, b: m.conv2d(x, W, b), (1, 3, 4, 3), (2, 2, 3, 1), (1,))
    for size in (1, 2, 3):
        for name in ("max_pool", "average_pool"):
            case(
                name,
                lambda m, x, name=name, size=size: getattr(m, name)(x, size=size),
                (2, 5, 7, 2) if size > 1 else (1, 2, 3, 2),
                draw=(all_different,),
                size=size,
            )
    return found


BROADCASTING_SHAPES = (
    *(((3, 2), (3, 2)), ((), (3,)), ((3,), ()), ((1,), (2, 3)), ((4, 1), (1, 3))),
    *(((1, 3), (2, 3)), ((2, 1, 3), (4, 1)), ((3,), (2, 2, 3)), ((), ())),
)
MATMUL_SHAPES = (
    *(((3,), (3,)), ((3,), (3, 2)), ((2, 3), (3,)), ((2, 3), (3, 4)), ((1, 1), (1, 1))),
    *(((5, 2, 3), (3, 2)), ((2, 3), (4, 3, 2)), ((4, 1, 2, 3), (3, 3, 2)), ((3,), (4, 3, 2))),
    *(((4, 2, 3), (3,)), ((1, 2, 3), (4, 3, 2)), ((2, 1, 3), (2, 3, 1))),
)
INDEXING = (
    *(((4,), 1), ((4,), -1), ((4, 3), 2), ((4, 3), (1, -1)), ((), ())),
    *(((5,), np.s_[1:4]), ((7,), np.s_[::2]), ((7,), np.s_[::-3]), ((4, 3), np.s_[::2, ::-1])),
    *(((4, 3), np.s_[..., 0]), ((3,), np.s_[:, None]), ((2, 3, 2), np.s_[0, ..., None, 1:])),
    *(((4,), [0, 0, 3, 0]), ((4, 3), np.array([[0, 1], [1, 0]])), ((4,), np.array([], int))),
    *(((4, 3), ([0, 2, 0], [1, 1, 1])), ((4, 3), np.s_[[1, 1, 0], ::2]), ((4,), np.int64(2))),
    *(((4, 3), (slice(None), np.array([2, 2]))), ((3, 2, 3), ([0, 0], slice(None), [1, 1]))),
    *(((4, 3), (np.array([[0], [0]]), np.array([1, 2, 1]))), ((4, 3), (np.int64(1), 0))),
    ((4, 3), np.arange(12).reshape(4, 3) % 3 == 1),
    ((4, 3), np.array([True, False, True, False])),
    ((4, 3), (np.array([True, False, True, False]), 1)),
    ((4, 3), ([True, False, True, True], [2, 2, 0])),
)
CASES = cases()
all_cases = pytest.mark.parametrize("case", CASES, ids=[f"{i}-{c}" for i, c in enumerate(CASES)])


# the checker --------------------------------------------------------------------------------------


def check_first(f, inputs, rng):
    """The vjp of f, computed on plain arrays, against central differences."""
    out, pullback = vjp(f, *inputs)
    g = rng.standard_normal(out.shape)
    for position, sent in enumerate(pullback(g)):

        def output(changed, position=position):
            return np.asarray(f(*inputs[:position], changed, *inputs[position + 1 :]))

        check_gradient(
            output, inputs[position], sent.data, g, name=f"gradient {position + 1}"
        ).raise_if_wrong()


def sum_of_gradients(f, weights):
    """total(g, *xs): the sum of weights * vjp, a number that depends on g and on every x."""

    def total(g, *xs):
        sent = vjp(f, *xs)[1](g)
        return sum(ag.sum(v * s) for v, s in zip(weights, sent, strict=True))

    return total


def sum_of_seconds(f, weights):
    """total(*vs, g, *xs): the sum of weights * the gradient of sum_of_gradients(f, vs)."""
    places = tuple(range(len(weights)))

    def total(*arguments):
        vs, rest = arguments[: len(weights) - 1], arguments[len(weights) - 1 :]
        sent = grad(sum_of_gradients(f, vs), places)(*rest)
        return sum(ag.sum(w * s) for w, s in zip(weights, sent, strict=True))

    return total


def check_all_gradients(total, arguments):
    """grad(total) in each of its arguments against central differences."""
    found = grad(total, tuple(range(len(arguments))))(*arguments)
    for position, gradient in enumerate(found):

        def output(changed, position=position):
            return total(*arguments[:position], changed, *arguments[position + 1 :]).data

        check_gradient(
            output, arguments[position], gradient.data, name=f"argument {position}"
        ).raise_if_wrong()


def random_like(rng, arrays):
    return [rng.standard_normal(np.shape(a)) for a in arrays]


def check_second(f, inputs, rng):
    """The gradient of the sum of v * vjp, in g and every input, against central differences."""
    g = rng.standard_normal(vjp(f, *inputs)[0].shape)
    check_all_gradients(sum_of_gradients(f, random_like(rng, inputs)), [g, *inputs])


def check_third(f, inputs, rng):
    """The same, once more."""
    g = rng.standard_normal(vjp(f, *inputs)[0].shape)
    total = sum_of_seconds(f, random_like(rng, [g, *inputs]))
    check_all_gradients(total, [*random_like(rng, inputs), g, *inputs])


def check_both(case, seed=1):
    rng = np.random.default_rng(seed)
    inputs = case.inputs(rng)
    check_first(case.ours, inputs, rng)
    check_second(case.ours, inputs, rng)


def leaves(*arrays):
    return [Tensor(a, requires_grad=True) for a in arrays]


# derivatives of all operations --------------------------------------------------------------------


def test_no_operation_of_the_table_is_forgotten():
    assert {case.op for case in CASES} == set(ops.__all__)
    assert set(ELEMENTWISE) | set(BROADCASTING) <= set(ops.__all__)


@all_cases
def test_first_and_second_derivatives_agree_with_central_differences(case):
    check_both(case)


@all_cases
def test_third_derivatives_agree_with_central_differences(case):
    rng = np.random.default_rng(17)
    check_third(case.ours, case.inputs(rng), rng)


@all_cases
def test_backward_adds_what_the_vjp_returns(case):
    rng = np.random.default_rng(2)
    inputs = case.inputs(rng)
    out, pullback = vjp(case.ours, *inputs)
    g = rng.standard_normal(out.shape)
    xs = leaves(*inputs)
    result = case.ours(*xs)
    np.testing.assert_array_equal(result.data, out.data)
    np.testing.assert_array_equal(result.data, case.ours(*inputs))
    result.backward(g)
    for x, sent in zip(xs, pullback(g), strict=True):
        np.testing.assert_array_equal(x.grad, sent.data)


@pytest.mark.parametrize("case", [case for case in CASES if case.op != "astype"], ids=str)
def test_float32_stays_float32(case):
    rng = np.random.default_rng(3)
    wide = case.inputs(rng)
    inputs = [x.astype(np.float32) for x in wide]
    out, pullback = vjp(case.ours, *inputs)
    assert case.ours(*inputs).dtype == out.dtype == np.float32
    g = rng.standard_normal(out.shape)
    exact_out, exact = vjp(case.ours, *wide)
    np.testing.assert_allclose(out.data, exact_out.data, rtol=1e-3, atol=1e-4)
    for sent, right in zip(pullback(g.astype(np.float32)), exact(g), strict=True):
        assert sent.dtype == np.float32
        np.testing.assert_allclose(sent.data, right.data, rtol=1e-3, atol=1e-4)
    total = sum_of_gradients(case.ours, [np.ones_like(x) for x in inputs])
    seconds = grad(total, tuple(range(len(inputs) + 1)))(g.astype(np.float32), *inputs)
    assert [second.dtype for second in seconds] == [np.float32] * len(seconds)
    xs = leaves(*inputs)
    case.ours(*xs).backward(g)
    assert [x.grad.dtype for x in xs] == [np.float32] * len(xs)


@pytest.mark.parametrize("name", ELEMENTWISE)
@settings(max_examples=6, deadline=None)
@given(shape=array_shapes(min_dims=0, max_dims=3, max_side=3) | st.just(()), seed=seeds)
def test_elementwise_operations_of_any_shape(name, shape, seed):
    check_both(Case(name, lambda m, x: getattr(m, name)(x), (shape,), (ELEMENTWISE[name],)), seed)


@pytest.mark.parametrize("name", BROADCASTING)
@settings(max_examples=10, deadline=None)
@given(
    shapes=mutually_broadcastable_shapes(num_shapes=2, min_dims=0, max_dims=3, max_side=3),
    seed=seeds,
)
def test_broadcasting_operations_of_any_shapes(name, shapes, seed):
    check_both(
        Case(
            name,
            lambda m, x, y: getattr(m, name)(x, y),
            shapes.input_shapes,
            BROADCASTING[name],
        ),
        seed,
    )


@settings(max_examples=15, deadline=None)
@given(
    shapes=mutually_broadcastable_shapes(num_shapes=3, min_dims=0, max_dims=3, max_side=3),
    seed=seeds,
)
def test_where_of_any_shapes(shapes, seed):
    first, *others = shapes.input_shapes
    condition = np.random.default_rng(seed).choice([True, False], first)
    check_both(Case("where", lambda m, x, y: m.where(condition, x, y), tuple(others)), seed)


@settings(max_examples=25, deadline=None)
@given(
    shapes=mutually_broadcastable_shapes(
        signature=np.matmul.signature, max_dims=2, max_side=3, min_side=1
    ),
    seed=seeds,
)
def test_matmul_of_any_shapes(shapes, seed):
    assume(np.prod(shapes.result_shape) <= 40)
    check_both(Case("matmul", lambda m, x, y: m.matmul(x, y), shapes.input_shapes), seed)


@settings(max_examples=25, deadline=None)
@given(data=st.data(), shape=array_shapes(max_dims=3, max_side=3), seed=seeds)
def test_transpose_and_reductions_over_any_axes(data, shape, seed):
    axes = tuple(data.draw(st.permutations(range(len(shape)))))
    some = axes[: data.draw(st.integers(0, len(shape)))]
    negative = tuple(axis - len(shape) for axis in some)
    check_both(Case("transpose", lambda m, x: m.transpose(x, axes), (shape,)), seed)
    for axis in (some, negative):
        for op in (ag.sum, ag.mean, ag.max):
            check_both(
                Case("", lambda m, x, op=op, axis=axis: op(x, axis), (shape,), (all_different,)),
                seed,
            )


@pytest.mark.parametrize("name", BROADCASTING)
@pytest.mark.parametrize(
    "constant",
    [np.array([[1.3, 0.4, 2.1]]), np.float64(1.3), 1.3, 2, np.array(2.2), [[0.4], [1.7]]],
    ids=["array", "np.float64", "float", "int", "0-d", "list"],
)
def test_constants_on_either_side(name, constant):
    """Arrays, numbers and lists are constants: the gradients are those of two Tensors."""
    rng = np.random.default_rng(4)
    x, op = rng.uniform(2.5, 3.5, (2, 3)), getattr(ag, name)
    y = np.asarray(constant, float)
    both = vjp(op, x, y)[1](np.arange(6.0).reshape(2, 3))[0]
    left = vjp(lambda x: op(x, constant), x)[1](np.arange(6.0).reshape(2, 3))[0]
    np.testing.assert_allclose(left.data, both.data, rtol=1e-14)
    both = vjp(op, y, x)[1](np.arange(6.0).reshape(2, 3))[1]
    right = vjp(lambda x: op(constant, x), x)[1](np.arange(6.0).reshape(2, 3))[0]
    np.testing.assert_allclose(right.data, both.data, rtol=1e-14)
    check_second(lambda x: op(x, constant), [x], rng)
    check_second(lambda x: op(constant, x), [x], rng)


# the checker itself -------------------------------------------------------------------------------

PRIVATE = {  # which case uses what is not in the table
    "_average_pool_back": "average_pool",
    "_concatenate": "concatenate",
    "_conv2d": "conv2d",
    "_conv2d_to_W": "conv2d",
    "_conv2d_to_x": "conv2d",
    "_from_winners": "max_pool",
    "_pad": "conv2d",
    "_probabilities_minus_onehot": "softmax_cross_entropy",
    "_put": "getitem",
    "_stack": "stack",
    "_to_winners": "max_pool",
}


def formulas_of_all_operations():
    for name, op in vars(ops).items():
        if isinstance(op, Primitive) and name.strip("_") == op.name:
            many = callable(op.formulas)
            for position in range(3 if many else len(op.formulas)):
                if many or op.formulas[position] is not None:
                    yield name, position


ALL_FORMULAS = list(formulas_of_all_operations())


def test_every_operation_that_formulas_use_is_broken_once():
    private = {name for name, _ in ALL_FORMULAS} - set(ops.__all__)
    assert private == set(PRIVATE)
    assert len(ALL_FORMULAS) >= 55


def check_all_cases(name):
    rng = np.random.default_rng(18)
    for case in [case for case in CASES if case.op == name]:
        check_both(case)
        if name == "max_pool":  # one of its operations appears in second derivatives only
            check_third(case.ours, case.inputs(rng), rng)


@pytest.mark.parametrize(("name", "position"), ALL_FORMULAS)
def test_the_checker_rejects_a_vjp_that_is_a_thousandth_off(name, position, monkeypatch):
    op = getattr(ops, name)
    if callable(op.formulas):

        def broken(place, *args, right=op.formulas, **kwargs):
            return right(place, *args, **kwargs) * (1.001 if place == position else 1)
    else:
        broken = list(op.formulas)

        def off(*args, right=broken[position], **kwargs):
            return right(*args, **kwargs) * 1.001

        broken[position] = off
    monkeypatch.setattr(op, "formulas", broken)
    used_by = PRIVATE.get(name, name)
    with pytest.raises(AssertionError, match="relative error"):
        check_all_cases(used_by)


# values at kinks, ties and zeros ------------------------------------------------------------------


@pytest.mark.parametrize("p", [0, 0.0, 1, 1.0, 2, 3, -1, 0.5, -0.5])
@pytest.mark.parametrize("kind", ["number", "array", "Tensor"])
def test_power_with_special_exponents(p, kind):
    rng = np.random.default_rng(5)
    x = away_from_zero(rng, (3, 2)) if p == int(p) else positive(rng, (3, 2))
    exponent = {"number": p, "array": np.array([p, 2.0]), "Tensor": Tensor(p)}[kind]
    check_first(lambda x: ag.power(x, exponent), [x], rng)
    check_second(lambda x: ag.power(x, exponent), [x], rng)
    np.testing.assert_array_equal(ag.power(Tensor(x), exponent).data, x ** np.asarray(exponent))


@pytest.mark.parametrize("p", [0, 1, 2, 3])
@pytest.mark.parametrize("kind", [float, int, lambda p: np.full(2, float(p))])
def test_power_at_zero(p, kind):
    """x^p at x = 0, whose formula p x^(p-1) could hold 0 / 0: derivatives of a polynomial."""
    x = np.array([0.0, 2.0])
    f = grad(lambda x: ag.sum(x ** kind(p)))
    first = [0.0, 0.0], [1.0, 1.0], [0.0, 4.0], [0.0, 12.0]
    second = [0.0, 0.0], [0.0, 0.0], [2.0, 2.0], [0.0, 12.0]
    np.testing.assert_allclose(f(x).data, first[p], atol=1e-15)
    np.testing.assert_allclose(hessian(lambda x: ag.sum(x ** kind(p)))(x).data, np.diag(second[p]))


def test_power_of_the_exponent_at_zero_and_of_numbers():
    np.testing.assert_allclose(grad(lambda p: 2.0**p)(3.0).data, 8 * np.log(2), rtol=1e-14)
    np.testing.assert_allclose(grad(grad(lambda p: 2**p))(3.0).data, 8 * np.log(2) ** 2, rtol=1e-14)
    at_zero = grad(lambda p: ag.sum(np.array([0.0, 3.0]) ** p))(2.0)
    np.testing.assert_allclose(at_zero.data, 9 * np.log(3), rtol=1e-14)


@pytest.mark.parametrize("p", [0.0, 1.0, 2.0])
@pytest.mark.parametrize("shape", [(), (2,)])
def test_power_has_equal_mixed_derivatives(p, shape):
    """d/dp d/dx x^p = d/dx d/dp x^p = x^(p-1) (1 + p log x), at p = 0 as well."""
    x, p = np.full(shape, 1.7), np.full(shape, p)
    right = np.sum(x ** (p - 1) * (1 + p * np.log(x))) / x.size * np.ones(shape)
    x_first = grad(lambda p: ag.sum(grad(lambda x: ag.sum(x**p))(x)))(p)
    p_first = grad(lambda x: ag.sum(grad(lambda p: ag.sum(x**p))(p)))(x)
    np.testing.assert_allclose(p_first.data, right, rtol=1e-13)
    np.testing.assert_allclose(x_first.data, right, rtol=1e-13)


def test_kinks_have_the_derivative_of_the_convention():
    x, g = np.array([-1.0, 0.0, 2.0]), np.array([3.0, -5.0, 7.0])
    for op, slopes in ((ag.relu, [0, 0, 1]), (ag.abs, [-1, 0, 1])):
        np.testing.assert_array_equal(vjp(op, x)[1](g)[0].data, g * slopes)
    for op in (ag.maximum, ag.minimum):
        for sent in vjp(op, x, x.copy())[1](g):
            np.testing.assert_array_equal(sent.data, g / 2)
    np.testing.assert_array_equal(vjp(lambda x: ag.maximum(x, 0), x)[1](g)[0].data, g * [0, 0.5, 1])
    np.testing.assert_array_equal(vjp(lambda x: ag.minimum(0, x), x)[1](g)[0].data, g * [1, 0.5, 0])
    np.testing.assert_array_equal(vjp(lambda x: ag.maximum(x, x), x)[1](g)[0].data, g)


@pytest.mark.parametrize(
    ("axis", "winners"),
    [
        (None, [[0, 1, 0], [0, 0, 0]]),
        ((0, 1), [[0, 1, 0], [0, 0, 0]]),
        ((1, 0), [[0, 1, 0], [0, 0, 0]]),
        (0, [[0, 1, 1], [1, 0, 0]]),
        (-1, [[0, 1, 0], [1, 0, 0]]),
        ((), [[1, 1, 1], [1, 1, 1]]),
    ],
)
@pytest.mark.parametrize("keepdims", [True, False])
def test_max_sends_the_gradient_to_the_first_maximum_only(axis, winners, keepdims):
    x = np.array([[1.0, 5.0, 5.0], [5.0, 5.0, 0.0]])
    out, pullback = vjp(lambda x: ag.max(x, axis=axis, keepdims=keepdims), x)
    g = np.random.default_rng(6).standard_normal(out.shape)
    spread = g if keepdims or axis in (None, (), (0, 1), (1, 0)) else np.expand_dims(g, axis)
    np.testing.assert_array_equal(pullback(g)[0].data, np.multiply(winners, spread))


def test_pooling_ties_go_to_the_first_maximum():
    x, g = np.zeros((1, 4, 5, 1)), np.array([[3.0, -2.0], [5.0, 7.0]]).reshape(1, 2, 2, 1)
    expected = np.zeros((4, 5))
    expected[::2, :4:2] = g[0, :, :, 0]
    np.testing.assert_array_equal(
        vjp(lambda x: ag.max_pool(x, 2), x)[1](g)[0].data[0, :, :, 0], expected
    )


def test_repeated_indices_get_the_sum_of_what_arrives():
    x, g = np.array([10.0, 20.0, 30.0]), np.array([1.0, 2.0, 4.0, 8.0])
    _, pullback = vjp(lambda x: x[[0, 0, 2, 0]], x)
    np.testing.assert_array_equal(pullback(g)[0].data, [11, 0, 4])
    second = hessian(lambda x: ag.sum(x[[0, 0, 2]] ** 3))(x)
    np.testing.assert_allclose(second.data, np.diag([120, 0, 180]))


def test_transposing_by_a_three_cycle_is_undone():
    """Its inverse is the other 3-cycle: sending back by the same axes gives another shape."""
    g = np.random.default_rng(7).standard_normal((3, 4, 2))
    (sent,) = vjp(lambda x: ag.transpose(x, (1, 2, 0)), np.zeros((2, 3, 4)))[1](g)
    np.testing.assert_array_equal(sent.data, g.transpose(2, 0, 1))
    g = np.random.default_rng(8).standard_normal((3, 3, 3))  # here the shape would be right
    (sent,) = vjp(lambda x: x.transpose(1, 2, 0), np.zeros((3, 3, 3)))[1](g)
    np.testing.assert_array_equal(sent.data, g.transpose(2, 0, 1))


def test_where_with_scalars_and_a_condition_of_tensors():
    x, g = np.array([[-1.0, 2.0], [3.0, -4.0]]), np.array([[1.0, 2.0], [4.0, 8.0]])
    for f in (lambda x: ag.where(x > 0, x, 0.0), lambda x: ag.where(x <= 0, 0, x)):
        out, pullback = vjp(f, x)
        np.testing.assert_array_equal(out.data, [[0, 2], [3, 0]])
        np.testing.assert_array_equal(pullback(g)[0].data, [[0, 2], [4, 0]])
    _, pullback = vjp(lambda a, b: ag.where(x > 0, a, b), 5.0, np.array([1.0, 2.0]))
    scalar, row = pullback(g)
    assert scalar.shape == ()
    np.testing.assert_array_equal(scalar.data, 6)
    np.testing.assert_array_equal(row.data, [1, 8])
    chosen = Tensor(x > 0)
    np.testing.assert_array_equal(
        vjp(lambda x: ag.where(chosen, x, 0.0), x)[1](g)[0].data, [[0, 2], [4, 0]]
    )


def test_extreme_logits_stay_finite():
    logits = np.array([[1000.0, 999.0, 0.0], [0.1, -1000.0, 0.2], [-1000.0, 0.0, 1000.0]])
    labels = np.array([0, 2, 1])
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        second = hessian(lambda z: ag.softmax_cross_entropy(z, labels))(logits)
        slope = grad(lambda x: ag.sum(ag.sigmoid(x)))(np.array([-1000.0, 0.0, 1000.0]))
    assert np.isfinite(second.data).all()
    np.testing.assert_allclose(slope.data, [0, 0.25, 0])


def test_labels_may_be_a_tensor_of_integers():
    logits, labels = np.random.default_rng(9).standard_normal((4, 3)), np.array([0, 2, 1, 2])
    with_array = grad(ag.softmax_cross_entropy)(logits, labels)
    with_tensor = grad(ag.softmax_cross_entropy)(logits, Tensor(labels))
    np.testing.assert_array_equal(with_array.data, with_tensor.data)


def test_settings_may_be_given_by_position():
    x = np.random.default_rng(10).standard_normal((2, 3))
    for f in (
        lambda x: ag.sum(x, 0),
        lambda x: ag.max(x, -1, True),
        lambda x: ag.mean(x, (0, 1)),
        lambda x: ag.reshape(x, (3, 2)),
        lambda x: ag.transpose(x, (1, 0)),
        lambda x: ag.getitem(x, 1),
        lambda x: ag.broadcast_to(x, (4, 2, 3)),
        lambda x: ag.unbroadcast(x, (3,)),
        lambda x: ag.softmax_cross_entropy(x, np.array([2, 0]), "sum"),
    ):
        check_both(Case("", lambda m, x, f=f: f(x), ((2, 3),)))
        check_second(f, [x], np.random.default_rng(11))


@pytest.mark.parametrize("shape", [(0,), (0, 3), (2, 0)])
def test_arrays_without_entries(shape):
    for f in (lambda x: ag.sum(x * 2), lambda x: ag.sum(ag.exp(x), axis=0), lambda x: x.T @ x):
        _, pullback = vjp(f, np.zeros(shape))
        (sent,) = pullback(np.ones(f(np.zeros(shape)).shape))
        assert sent.shape == shape
    (sent,) = vjp(lambda x, y: x + y, np.zeros((0, 3)), np.zeros(3))[1](np.zeros((0, 3)))[1:]
    np.testing.assert_array_equal(sent.data, np.zeros(3))


def test_operations_leave_their_inputs_and_the_upstream_gradient_alone():
    rng = np.random.default_rng(12)
    for case in CASES:
        inputs = case.inputs(rng)
        before = [x.copy() for x in inputs]
        out, pullback = vjp(case.ours, *inputs)
        g = rng.standard_normal(out.shape)
        kept = out.data.copy(), g.copy()
        pullback(g)
        for now, then in zip([*inputs, out.data, g], [*before, *kept], strict=True):
            np.testing.assert_array_equal(now, then)


# lists, shapes and types --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x @ [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]],
        lambda x: x @ [1.0, 2.0, 3.0],
        lambda x: [[1.0, 2.0]] @ x,
        lambda x: ag.concatenate([[[1.0, 2.0, 3.0]], x]),
        lambda x: ag.stack([[[1.0, 2.0, 3.0]] * 2, x]),
    ],
    ids=["matrix on the right", "vector on the right", "on the left", "concatenate", "stack"],
)
def test_lists_are_operands_like_arrays(f):
    rng = np.random.default_rng(14)
    x = rng.standard_normal((2, 3))
    check_first(lambda x: f(Tensor(x)).data if isinstance(x, np.ndarray) else f(x), [x], rng)


@pytest.mark.parametrize("shape", [[3], [2, 1], (np.int64(3),)])
def test_unbroadcast_takes_any_shape_that_numpy_takes(shape):
    g = np.arange(6.0).reshape(2, 3)
    expected = g.sum(axis=0) if len(shape) == 1 else g.sum(axis=1, keepdims=True)
    np.testing.assert_array_equal(ag.unbroadcast(g, shape), expected)


@pytest.mark.parametrize(
    ("given", "to"), [((2, 3), (4,)), ((2, 3), (2,)), ((3,), (2, 3)), ((2, 3), (1, 2, 3))]
)
def test_unbroadcast_refuses_a_shape_that_does_not_broadcast(given, to):
    g = np.random.default_rng(15).standard_normal(given)
    for gradient in (g, Tensor(g)):
        with pytest.raises(ValueError, match="does not broadcast") as error:
            ag.unbroadcast(gradient, to)
        assert str(given) in str(error.value)
        assert str(to) in str(error.value)


def test_astype_sends_back_the_type_of_its_input():
    x = Tensor(np.array([1.5, 2.5], np.float32), requires_grad=True)
    wide = ag.astype(x, dtype=np.float64)
    assert wide.dtype == np.float64
    ag.sum(wide**2).backward()
    assert x.grad.dtype == np.float32
    np.testing.assert_array_equal(x.grad, [3, 5])


def test_astype_refuses_numbers_that_have_no_gradient():
    with pytest.raises(TypeError, match="int"):
        grad(lambda x: ag.sum(ag.astype(x, dtype=np.int64) * 1.0))(np.array([1.2, 2.3]))


def test_transpose_of_a_vector_by_its_only_axis():
    (sent,) = vjp(lambda x: x.transpose(0), np.array([1.0, 2.0]))[1](np.array([3.0, 4.0]))
    np.testing.assert_array_equal(sent.data, [3, 4])


def test_maximum_with_an_array_first_has_second_derivatives():
    limit, x = np.array([0.0, 5.0, 1.0]), np.array([1.0, 2.0, 3.0])
    for op, kept in ((ag.maximum, [2, 0, 2]), (ag.minimum, [0, 2, 0])):
        second = hessian(lambda x, op=op: ag.sum(op(limit, x) ** 2))(x)
        np.testing.assert_array_equal(second.data, np.diag(kept))


def test_jacobian_of_a_linear_map_is_its_matrix():
    A = np.random.default_rng(16).standard_normal((4, 3))
    np.testing.assert_allclose(jacobian(lambda x: A @ x)(np.ones(3)).data, A, rtol=1e-14)
