"""The engine of autograd: the graph and the walk back, Tensors, errors, custom vjps, training."""

import gc
import math
import operator
import re
import threading
import weakref

import numpy as np
import pytest

import course_lib.autograd as ag
from course_lib.autograd import (
    Tensor,
    defvjp,
    grad,
    hessian,
    no_grad,
    primitive,
    topological_order,
    vjp,
)
from course_lib.layers import Linear, ReLU, Sequential
from course_lib.losses import CrossEntropy
from course_lib.optimizers import SGD


def leaf(data):
    return Tensor(np.asarray(data, float), requires_grad=True)


# the traps ----------------------------------------------------------------------------------------


def test_both_paths_of_a_diamond_count():
    x = leaf([2.0, -3.0])
    left, right = x * 3, x * x
    (left * right).backward([1.0, 10.0])
    np.testing.assert_array_equal(x.grad, [9 * 4, 10 * 9 * 9])  # (3 x^3)' = 9 x^2


def test_a_node_is_visited_after_all_that_used_it():
    """Sent on too early, the 2 of b would reach a before the rest: 8 or 2 instead of 4."""
    a = leaf(5.0)
    b = a + a
    c = b + b
    c.backward()
    np.testing.assert_array_equal(a.grad, 4)
    x = leaf(2.0)  # used directly and at the end of a longer path, in both orders of the operands
    y = x * x
    ((x + (y * y)) * 1.0 + ((y * y) + x)).backward()
    np.testing.assert_array_equal(x.grad, 2 + 2 * 4 * 8)


@pytest.mark.parametrize("seed", range(20))
def test_random_graphs_count_every_path(seed):
    """Sums of earlier nodes: the gradient is the number of paths, known from the forward pass."""
    rng = np.random.default_rng(seed)
    x = leaf(1.0)
    nodes, paths = [x], [1.0]
    for _ in range(30):
        i, j = rng.integers(0, len(nodes), 2)
        nodes.append(nodes[i] + nodes[j])
        paths.append(paths[i] + paths[j])
    nodes[-1].backward()
    np.testing.assert_array_equal(x.grad, paths[-1])


def test_derivatives_do_not_mix_up_equal_variables():
    """x * d/dy (x y) at y = x is x * x: in the inner derivative x is a constant."""
    f = grad(lambda x: x * grad(lambda y: x * y)(x))
    np.testing.assert_array_equal(f(2.0).data, 4)
    np.testing.assert_array_equal(grad(f)(2.0).data, 2)
    x = leaf(2.0)
    (x * grad(lambda y: x * y)(x)).backward()
    np.testing.assert_array_equal(x.grad, 4)
    nested = grad(lambda x: x * grad(lambda y: x + y)(1.0))  # the standard example: 1, not 2
    np.testing.assert_array_equal(nested(1.0).data, 1)


def test_a_second_backward_adds_the_same_once_more():
    x, w = leaf([1.0, 2.0]), leaf([3.0, -1.0])
    hidden = x * w
    loss = ag.sum(hidden * hidden)
    loss.backward()
    once = x.grad.copy(), w.grad.copy()
    loss.backward()
    np.testing.assert_array_equal(x.grad, 2 * once[0])
    np.testing.assert_array_equal(w.grad, 2 * once[1])
    ag.sum(x).backward()
    np.testing.assert_array_equal(x.grad, 2 * once[0] + 1)
    x.zero_grad()
    np.testing.assert_array_equal(x.grad, [0, 0])
    np.testing.assert_array_equal(w.grad, 2 * once[1])


@pytest.mark.parametrize(
    ("first", "second"), [((), (3,)), ((1,), (2, 3)), ((4, 1), (1, 3)), ((1, 3), (4, 1)), ((), ())]
)
def test_gradients_have_the_shape_of_their_leaf(first, second):
    rng = np.random.default_rng(1)
    x, y = leaf(rng.standard_normal(first)), leaf(rng.standard_normal(second))
    result = x * y
    g = rng.standard_normal(result.shape)
    result.backward(g)
    assert (x.grad.shape, y.grad.shape) == (first, second)
    np.testing.assert_allclose(x.grad.sum(), np.sum(g * y.data))
    np.testing.assert_allclose(np.sum(x.grad * x.data), np.sum(g * result.data))


# size ---------------------------------------------------------------------------------------------


def test_long_chains_need_no_recursion():
    x = leaf(0.5)
    y = x
    for _ in range(20_000):
        y = y * 0.9999
    y.backward()
    np.testing.assert_allclose(x.grad, 0.9999**20_000, rtol=1e-9)

    def f(x):
        y = x
        for _ in range(20_000):
            y = y + x
        return y * x

    np.testing.assert_array_equal(grad(grad(f))(3.0).data, 2 * 20_001)
    assert len(topological_order(y)) == 20_001


def test_graphs_of_200_000_tensors():
    x = leaf([1.0, 2.0])
    y = x
    for _ in range(200_000):
        y = -y
    y.backward([3.0, -4.0])
    np.testing.assert_array_equal(x.grad, [3, -4])
    del y
    gc.collect()


def test_a_fan_out_of_200():
    x = leaf([1.0, -2.0])
    parts = [x * k for k in range(200)]
    total = parts[0]
    for part in parts[1:]:
        total = total + part * x
    total.backward([1.0, 1.5])
    np.testing.assert_allclose(x.grad, 2 * sum(range(200)) * x.data * [1, 1.5])
    second = hessian(lambda x: ag.sum(ag.stack([x * k for k in range(200)]) ** 2))(x.data)
    np.testing.assert_allclose(second.data, np.diag([2.0 * sum(k * k for k in range(200))] * 2))


def test_doubling_takes_time_in_proportion_to_the_nodes():
    """60 doublings have 2^60 paths: only a walk that visits each node once comes back."""
    x = leaf(1.0)
    y = x
    for _ in range(60):
        y = y + y
    y.backward()
    np.testing.assert_array_equal(x.grad, 2.0**60)


# what is remembered -------------------------------------------------------------------------------


def test_a_tensor_knows_what_made_it():
    x, constant = leaf([1.0, 2.0]), Tensor([3.0, 4.0])
    y = x * constant
    assert (y.op, y.parents, y.requires_grad, y.grad) == ("multiply", (x,), True, None)
    assert (x.op, x.parents) == (None, ())
    assert (constant.parents, constant.requires_grad, constant.grad) == ((), False, None)
    assert (x + x).parents == (x, x)
    assert (constant * 2).op is None
    assert ag.concatenate([x, constant]).op == "concatenate"
    assert list(map(id, topological_order(y))) == [id(x), id(y)]
    assert "multiply" in repr(y)
    np.testing.assert_array_equal(x.grad, [0, 0])


def test_a_leaf_owns_its_numbers():
    numbers = np.array([1.0, 2.0])
    x = Tensor(numbers, requires_grad=True)
    numbers[0] = 100
    np.testing.assert_array_equal(x.data, [1, 2])
    y = Tensor(x, requires_grad=True)
    y.data -= 1
    np.testing.assert_array_equal(x.data, [1, 2])


def recorded(x):
    return (x * 2).requires_grad


def test_no_grad_remembers_nothing():
    x = leaf([1.0, 2.0])
    with no_grad():
        y = x * x
        assert (y.requires_grad, y.parents, y.op) == (False, (), None)
        with no_grad():
            assert not recorded(x)
        assert not recorded(x)
        np.testing.assert_array_equal(np.asarray(x), [1, 2])
    assert recorded(x)
    np.testing.assert_array_equal(y.data, [1, 4])
    with pytest.raises(RuntimeError, match="requires a gradient"):
        y.backward([1.0, 1.0])


def test_no_grad_as_a_decorator():
    @no_grad()
    def predict(x):
        """Its docstring."""
        return recorded(x)

    x = leaf(1.0)
    assert not predict(x)
    assert not predict(x)
    assert recorded(x)
    assert (predict.__name__, predict.__doc__) == ("predict", "Its docstring.")


def fails_inside(x):
    with no_grad():
        raise KeyError(float(x.data))


def test_no_grad_ends_with_an_exception():
    x = leaf(1.0)
    with pytest.raises(KeyError):
        fails_inside(x)
    assert recorded(x)


def test_no_grad_concerns_its_own_thread_only():
    x, inside, seen = leaf(1.0), threading.Event(), threading.Event()
    found = []

    def without():
        with no_grad():
            inside.set()
            seen.wait(10)
            found.append(recorded(x))

    thread = threading.Thread(target=without)
    thread.start()
    assert inside.wait(10)
    found.append(recorded(x))
    seen.set()
    thread.join()
    assert found == [True, False]


def test_backward_inside_no_grad_uses_the_graph_made_outside():
    x = leaf([1.0, 2.0])
    y = ag.sum(x * x)
    with no_grad():
        y.backward()
    np.testing.assert_array_equal(x.grad, [2, 4])


def test_detach_is_a_constant_of_the_same_memory():
    x = leaf([1.0, 2.0])
    constant = (x * x).detach()
    assert (constant.parents, constant.requires_grad) == ((), False)
    (constant * x).backward([1.0, 1.0])
    np.testing.assert_array_equal(x.grad, [1, 4])
    assert np.shares_memory(x.detach().data, x.data)
    np.testing.assert_array_equal(grad(lambda x: x * x.detach())(3.0).data, 3)


def test_a_graph_is_freed_with_its_last_result():
    x = leaf([1.0, 2.0])
    middle = x * x
    loss = ag.sum(ag.exp(middle))
    gone = weakref.ref(middle)
    gc.disable()
    try:
        loss.backward()
        del middle
        assert gone() is not None  # the loss still needs it
        del loss
        assert gone() is None
    finally:
        gc.enable()
    assert x.parents == ()


@pytest.mark.parametrize("order", [1, 2])
def test_derivatives_keep_no_graph(order):
    made = []

    def f(x):
        made.append(weakref.ref(x))
        y = ag.sin(x) * x
        made.append(weakref.ref(y))
        return y

    df = grad(f) if order == 1 else grad(grad(f))
    gc.disable()
    try:
        result = df(2.0)
        assert (result.parents, result.requires_grad, result.op) == ((), False, None)
        assert [ref() for ref in made] == [None] * len(made)
    finally:
        gc.enable()


# what changed, what is missing --------------------------------------------------------------------


@pytest.mark.parametrize("change", ["assign", "subtract"])
def test_a_leaf_changed_after_its_use_is_refused(change):
    x, w = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    loss = ag.sum(x * w)
    if change == "assign":
        w.data = [5.0, 6.0]
    else:
        w.data -= 1
    with pytest.raises(RuntimeError, match=r"changed after multiply used it") as error:
        loss.backward()
    assert "(2,)" in str(error.value)
    loss = ag.sum(x * w)
    loss.backward()
    np.testing.assert_array_equal(x.grad, w.data)


def test_a_constant_changed_after_its_use_is_refused():
    constant, w = Tensor([2.0, 3.0]), leaf([1.0, 1.0])
    loss = ag.sum(w * constant)
    constant.data = [5.0, 5.0]
    with pytest.raises(RuntimeError, match="changed after"):
        loss.backward()


def test_a_backward_that_fails_changes_no_gradient():
    @primitive
    def rounded(x):
        return np.round(x)

    x = leaf(1.5)
    y = rounded(x)
    w = leaf(2.0)
    with pytest.raises(TypeError, match="rounded"):
        (y * w).backward()
    np.testing.assert_array_equal(w.grad, 0)


def test_data_and_grad_can_be_set_for_leaves_of_the_same_shape_only():
    x = leaf([1.0, 2.0])
    own = x.grad
    x.grad = [3.0, 4.0]
    assert x.grad is own
    np.testing.assert_array_equal(own, [3, 4])
    with pytest.raises(ValueError, match=re.escape("shape (3,), expected (2,)")):
        x.data = np.zeros(3)
    with pytest.raises(ValueError, match=re.escape("shape (1, 2), expected (2,)")):
        x.grad = np.zeros((1, 2))
    with pytest.raises(TypeError, match="multiply"):
        (x * 2).data = [1.0, 2.0]
    with pytest.raises(TypeError, match="leaf"):
        Tensor([1.0]).grad = [1.0]


def test_backward_says_what_is_missing():
    x = leaf([[1.0, 2.0, 3.0]])
    with pytest.raises(ValueError, match=re.escape("(1, 3)")):
        (x * 2).backward()
    for wrong in (np.ones(3), np.ones((3, 1)), 1.0):
        words = f"gradient has shape {np.shape(wrong)}, expected (1, 3)"
        with pytest.raises(ValueError, match=f"^{re.escape(words)}"):
            (x * 2).backward(wrong)
    with pytest.raises(RuntimeError, match="requires_grad=True"):
        Tensor(1.0).backward()
    with pytest.raises(RuntimeError, match="requires_grad=True"):
        (Tensor([1.0]) * 2).backward()
    ag.sum(x, keepdims=True).backward()  # a single number, whatever its shape, starts with 1
    np.testing.assert_array_equal(x.grad, [[1, 1, 1]])


@pytest.mark.parametrize(
    ("f", "words"),
    [
        (lambda x: x + np.ones((2, 4)), "add of (2, 3) and (2, 4): axis 1 of the first has 3"),
        (lambda x: np.ones((4, 1, 2)) * x, "multiply of (4, 1, 2) and (2, 3): axis 2"),
        (lambda x: x @ np.ones((2, 3)), "matmul of (2, 3) and (2, 3): axis 1 of the first has 3"),
        (lambda x: x @ np.ones(2), "matmul of (2, 3) and (2,): axis 1 of the first has 3 entries"),
        (lambda x: np.ones(3) @ x, "matmul of (3,) and (2, 3): axis 0 of the first has 3 entries"),
        (lambda x: x.sum(axis=2), "sum of (2, 3) with axis=2"),
        (lambda x: x.mean(axis=(0, 3)), "mean of (2, 3) with axis=(0, 3)"),
        (lambda x: x.max(axis=-3), "max of (2, 3) with axis=-3"),
        (lambda x: x.reshape(4, 2), "reshape of (2, 3) with shape=(4, 2)"),
        (lambda x: x.transpose(0, 1, 2), "transpose of (2, 3) with axes=(0, 1, 2)"),
        (lambda x: x.transpose(0, 0), "transpose of (2, 3) with axes=(0, 0)"),
        (lambda x: ag.concatenate([x, np.ones((2, 2))]), "concatenate of (2, 3) and (2, 2)"),
        (lambda x: ag.stack([x, np.ones(3)], 1), "stack of (2, 3) and (3,) with axis=1"),
        (lambda x: x[5], "getitem of (2, 3) with index=5"),
        (lambda x: x[0, 1, 2], "getitem of (2, 3) with index=(0, 1, 2)"),
        (lambda x: x[np.array([True, False, True])], "getitem of (2, 3)"),
        (lambda x: ag.broadcast_to(x, shape=(3, 2)), "broadcast_to of (2, 3) with shape=(3, 2)"),
        (lambda x: ag.softmax(x[0]), "softmax of (3,)"),
        (lambda x: ag.softmax_cross_entropy(x, np.array([0, 3])), "label 3"),
        (lambda x: ag.softmax_cross_entropy(x, np.array([0, 1, 2])), "(2, 3)"),
        (lambda x: ag.conv2d(x.reshape(1, 2, 3, 1), np.ones((3, 3, 1, 1)), np.ones(1)), "3 x 3"),
        (lambda x: ag.max_pool(x.reshape(1, 2, 3, 1), size=3), "3 x 3"),
    ],
)
def test_errors_name_operation_shapes_and_axes(f, words):
    with pytest.raises((ValueError, IndexError), match=re.escape(words)):
        f(leaf(np.ones((2, 3))))


def test_matmul_names_the_stacks_that_do_not_fit():
    with pytest.raises(ValueError, match="axis 0 of the first has 4 entries, axis 0 of the second"):
        leaf(np.ones((4, 2, 3))) @ np.ones((5, 3, 2))


def test_sum_axis_out_of_range_stays_an_axis_error():
    with pytest.raises(np.exceptions.AxisError):
        leaf(np.ones(3)).sum(axis=1)


# together with NumPy ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "right"),
    [
        (lambda x: np.exp(x), np.exp),
        (lambda x: np.abs(x), np.sign),
        (lambda x: np.add(1.0, x), np.ones_like),
        (lambda x: np.array([1.0, 2.0]) + x, np.ones_like),
        (lambda x: np.array([1.0, 2.0]) - x, lambda x: -np.ones_like(x)),
        (lambda x: np.array([1.0, 2.0]) * x, lambda x: np.array([1.0, 2.0])),
        (lambda x: np.array([1.0, 2.0]) / x, lambda x: -np.array([1.0, 2.0]) / x**2),
        (lambda x: np.array([2.0, 3.0]) ** x, lambda x: np.log([2, 3]) * np.array([2.0, 3]) ** x),
        (lambda x: np.float64(3.0) * x, lambda x: np.full(2, 3.0)),
        (lambda x: np.float64(3.0) - x, lambda x: -np.ones(2)),
        (lambda x: np.diag([2.0, 3.0]) @ x, lambda x: np.array([2.0, 3.0])),
        (lambda x: x @ np.diag([2.0, 3.0]), lambda x: np.array([2.0, 3.0])),
        (lambda x: 3 - x, lambda x: -np.ones(2)),
        (lambda x: 3 / x, lambda x: -3 / x**2),
        (lambda x: 3.0**x, lambda x: np.log(3) * 3.0**x),
        (lambda x: abs(-x), np.sign),
        (lambda x: np.maximum(x, np.array([0.0, 0.0])), lambda x: (x > 0) * 1.0),
        (lambda x: np.sqrt(x * x), np.sign),
    ],
)
def test_numpy_ufuncs_and_arrays_on_the_left_are_remembered(f, right):
    x = leaf([0.7, -1.3])
    g = np.array([3.0, -2.0])
    result = f(x)
    assert isinstance(result, Tensor)
    result.backward(g)
    np.testing.assert_allclose(x.grad, g * right(x.data), rtol=1e-14)


@pytest.mark.parametrize(
    ("f", "name"),
    [
        (lambda x: np.dot(x, x), "np.dot"),
        (lambda x: np.sum(x), "np.sum"),
        (lambda x: np.concatenate([x, x]), "np.concatenate"),
        (lambda x: np.where(x > 0, x, 0.0), "np.where"),
        (lambda x: np.einsum("i,i", x, x), "np.einsum"),
        (lambda x: np.linalg.norm(x), "np.norm"),
        (lambda x: np.square(x), "np.square"),
        (lambda x: np.add.reduce(x), "np.add.reduce"),
        (lambda x: np.multiply.outer(x, x), "np.multiply.outer"),
        (lambda x: np.add(x, x, out=np.zeros(2)), "np.add"),
        (lambda x: np.exp(x, where=[True, False]), "np.exp"),
        (lambda x: operator.iadd(np.zeros(2), x), "np.add"),
    ],
)
def test_numpy_functions_without_a_vjp_are_refused_by_name(f, name):
    with pytest.raises(TypeError, match=re.escape(name)):
        f(leaf([0.7, -1.3]))


@pytest.mark.parametrize("convert", [np.asarray, np.array, np.atleast_2d, lambda x: np.array([x])])
def test_a_tracked_tensor_does_not_become_an_array_silently(convert):
    x = leaf([1.0, 2.0])
    for tensor in (x, x * 2):
        with pytest.raises(TypeError):
            convert(tensor)
    with pytest.raises(TypeError, match=r"\.data"):
        np.asarray(x)
    np.testing.assert_array_equal(np.asarray(Tensor([1.0, 2.0])), [1, 2])
    assert np.asarray(Tensor([1.0, 2.0]), np.float32).dtype == np.float32


@pytest.mark.parametrize("compare", ["lt", "le", "gt", "ge", "eq", "ne"])
def test_comparisons_give_plain_arrays(compare):
    compare = getattr(operator, compare)
    numbers, others = np.array([1.0, 2.0, 3.0]), np.array([3.0, 2.0, 1.0])
    x, y = leaf(numbers), Tensor(others)
    right = compare(numbers, others)
    for left, other in ((x, y), (x, others), (numbers, y), (y.detach(), x)):
        found = compare(left, other)
        assert type(found) is np.ndarray
        assert found.dtype == bool
    np.testing.assert_array_equal(compare(x, y), right)
    np.testing.assert_array_equal(compare(x, others), right)
    np.testing.assert_array_equal(compare(numbers, y), right)
    np.testing.assert_array_equal(compare(np.float64(2.0), y), compare(2.0, others))
    np.testing.assert_array_equal(compare(2.0, y), compare(2.0, others))


def test_tensors_are_told_apart_by_identity_in_sets():
    x, y = leaf([1.0, 2.0]), leaf([1.0, 2.0])
    assert len({x, y, x}) == 2


def test_integers_have_no_gradient():
    for numbers in (3, [1, 2], np.array([True, False]), np.array(["a"]), 1j):
        with pytest.raises(TypeError, match="floating-point"):
            Tensor(numbers, requires_grad=True)
    counts, x = Tensor([2, 3]), leaf([0.5, 1.5])
    (counts * x).backward([1.0, 1.0])
    np.testing.assert_array_equal(x.grad, [2, 3])
    assert counts.grad is None


def test_a_tensor_reads_like_an_array():
    x = leaf([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    assert (x.shape, x.ndim, x.size, len(x), x.dtype) == ((2, 3), 2, 6, 2, np.float64)
    assert x.T.shape == (3, 2)
    total = x.sum()
    assert (total.item(), float(total), f"{total:.1f}", bool(total)) == (21.0, 21.0, "21.0", True)
    rows = list(x)
    assert [row.shape for row in rows] == [(3,), (3,)]
    (rows[0] * rows[1]).backward([1.0, 0.0, 2.0])
    np.testing.assert_array_equal(x.grad, [[4, 0, 12], [1, 0, 6]])
    with pytest.raises(ValueError, match="size 1"):
        x.item()


def test_a_number_has_nothing_to_go_through():
    with pytest.raises(TypeError):
        for _ in leaf(3.0):
            pass


def test_methods_are_the_functions():
    x = np.random.default_rng(2).uniform(0.5, 2, (2, 3, 4))
    for name in ("exp", "log", "sqrt", "tanh", "sigmoid", "relu"):
        np.testing.assert_array_equal(getattr(Tensor(x), name)().data, getattr(ag, name)(x))
    for name in ("sum", "mean", "max"):
        for axis in (None, 1, (0, -1)):
            found = getattr(Tensor(x), name)(axis=axis, keepdims=True)
            np.testing.assert_array_equal(found.data, getattr(x, name)(axis=axis, keepdims=True))
    np.testing.assert_array_equal(Tensor(x).reshape(6, -1).data, x.reshape(6, -1))
    np.testing.assert_array_equal(Tensor(x).reshape((4, 6)).data, x.reshape(4, 6))
    np.testing.assert_array_equal(Tensor(x).transpose().data, x.T)
    np.testing.assert_array_equal(Tensor(x).transpose((1, 2, 0)).data, x.transpose(1, 2, 0))
    np.testing.assert_array_equal(Tensor(x).T.data, x.T)


def test_with_plain_arrays_the_operations_are_plain_functions():
    x = np.random.default_rng(3).standard_normal((2, 3))
    for result in (ag.exp(x), ag.sum(x, axis=0), x @ ag.transpose(x), ag.concatenate([x, x])):
        assert type(result) is np.ndarray


# operations of one's own --------------------------------------------------------------------------


def test_a_custom_vjp_in_a_few_lines():
    @primitive
    def cube(x):
        """x * x * x."""
        return x**3

    defvjp(cube, lambda g, out, x: g * 3 * x**2)

    assert cube.__doc__ == "x * x * x."
    x = leaf([1.0, -2.0])
    cube(x).backward([1.0, 10.0])
    np.testing.assert_array_equal(x.grad, [3, 120])
    np.testing.assert_array_equal(cube(np.array([2.0])), [8])
    np.testing.assert_array_equal(grad(grad(cube))(2.0).data, 12)
    np.testing.assert_array_equal(grad(grad(grad(cube)))(2.0).data, 6)


def test_a_custom_vjp_is_summed_back_and_may_use_out_and_settings():
    @primitive
    def scaled_exp(x, y, *, scale):
        return np.exp(scale * x) * y

    defvjp(
        scaled_exp,
        lambda g, out, x, y, scale: g * out * scale,
        lambda g, out, x, y, scale: g * ag.exp(scale * x),
    )
    rng = np.random.default_rng(4)
    x, y, g = rng.standard_normal((3, 1)), rng.standard_normal(2), rng.standard_normal((3, 2))
    to_x, to_y = vjp(lambda x, y: scaled_exp(x, y, scale=0.5), x, y)[1](g)
    np.testing.assert_allclose(
        to_x.data, (g * np.exp(0.5 * x) * y * 0.5).sum(axis=1, keepdims=True)
    )
    np.testing.assert_allclose(to_y.data, (g * np.exp(0.5 * x)).sum(axis=0))


def test_a_custom_operation_with_a_cache_and_any_number_of_arguments():
    @primitive(keeps_cache=True)
    def product(*xs):
        out = np.prod(xs, axis=0)
        return out, out

    defvjp(product, every=lambda position, g, out, *xs: g * out / xs[position])
    x, y, z = (np.array([k + 1.0, k + 2.0]) for k in range(3))
    g = np.array([1.0, -1.0])
    for sent, right in zip(vjp(product, x, y, z)[1](g), (y * z, x * z, x * y), strict=True):
        np.testing.assert_allclose(sent.data, g * right)
    np.testing.assert_array_equal(product(x, y), x * y)


def test_the_upstream_gradient_takes_the_type_of_the_result():
    found = []

    @primitive
    def same(x):
        return x

    defvjp(same, lambda g, out, x: found.append(g.dtype) or g)
    x = Tensor(np.ones(2, np.float32), requires_grad=True)
    for g in ([1, 2], np.array([1.0, 2.0]), Tensor([1.0, 2.0])):
        same(x).backward(g)
    assert found == [np.float32] * 3
    np.testing.assert_array_equal(x.grad, [3, 6])


def forgetful_formulas():
    return {
        "np.dot": lambda g, out, x: np.dot(g, 2 * x),
        "np.sum": lambda g, out, x: g * 2 * x * np.sum(np.ones_like(x)),
        "np.asarray": lambda g, out, x: g * 2 * np.asarray(x),
        "assignment": lambda g, out, x: operator.setitem(g, ..., 2 * x),
        "method": lambda g, out, x: (g * x.copy()) * 2,
        "ufunc": lambda g, out, x: g * 2 * np.cbrt(x**3),
    }


@pytest.mark.parametrize("how", forgetful_formulas())
def test_a_vjp_of_plain_numpy_cannot_be_differentiated_and_says_whose_it_is(how):
    @primitive
    def squared(x):
        return x * x

    defvjp(squared, forgetful_formulas()[how])
    if how != "assignment":
        np.testing.assert_allclose(grad(squared)(3.0).data, 6)
    with pytest.raises(TypeError, match="squared cannot be differentiated twice"):
        grad(grad(squared))(3.0)


def test_an_operation_without_a_vjp_is_named():
    @primitive
    def rounded(x, y):
        return np.round(x) + y

    np.testing.assert_array_equal(rounded(Tensor([1.4]), 1.0).data, [2])
    x = leaf([1.4])
    with pytest.raises(TypeError, match="rounded has no vjp"):
        rounded(x, 1.0).backward()
    defvjp(rounded, None, lambda g, out, x, y: g)
    with pytest.raises(TypeError, match="rounded has no vjp for its argument 1"):
        rounded(x, 1.0).backward()
    rounded(1.4, x).backward([5.0])
    np.testing.assert_array_equal(x.grad, [5])
    with pytest.raises(TypeError, match="primitive"):
        defvjp(np.sin, lambda g, out, x: g * np.cos(x))


def test_a_vjp_of_the_wrong_shape_is_named():
    @primitive
    def doubled(x):
        return 2 * x

    x = leaf(np.ones((2, 3)))
    for wrong in (lambda g, out, x: 2 * g.T, lambda g, out, x: g[0, :2], lambda g, out, x: g[0]):
        defvjp(doubled, wrong)
        with pytest.raises(ValueError, match="vjp of doubled for its argument 1") as error:
            doubled(x).backward(np.ones((2, 3)))
        assert "expected (2, 3)" in str(error.value)


def test_an_error_inside_of_an_operation_passes_through():
    @primitive
    def broken(x):
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        broken(leaf(1.0))


# training -----------------------------------------------------------------------------------------


def two_networks(dtype):
    rng = np.random.default_rng(5)
    model = Sequential(Linear(12, 7, rng, dtype=dtype), ReLU(), Linear(7, 5, rng, dtype=dtype))
    weights = [Tensor(p.data, requires_grad=True) for p in model.parameters()]
    X = rng.standard_normal((9, 12)).astype(dtype)
    return model, weights, X, rng.integers(0, 5, 9)


def loss_of(weights, X, labels):
    W1, b1, W2, b2 = weights
    return ag.softmax_cross_entropy(ag.relu(X @ W1 + b1) @ W2 + b2, labels)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize(("dtype", "rtol"), [(np.float64, 1e-12), (np.float32, 1e-4)])
def test_tensors_train_like_layers(momentum, dtype, rtol):
    model, weights, X, labels = two_networks(dtype)
    layers, tensors = SGD(model.parameters(), 0.1, momentum), SGD(weights, 0.1, momentum)
    start = [w.data.copy() for w in weights]
    for _ in range(5):
        layers.zero_grad()
        CrossEntropy()(model(X), labels).backward()
        layers.step()
        tensors.zero_grad()
        loss = loss_of(weights, X, labels)
        loss.backward()
        tensors.step()
    assert loss.dtype == dtype
    for parameter, weight, before in zip(model.parameters(), weights, start, strict=True):
        assert weight.data.dtype == weight.grad.dtype == dtype
        np.testing.assert_allclose(weight.data, parameter.data, rtol=rtol, atol=rtol)
        assert np.abs(weight.data - before).max() > 1e-3


def test_a_step_between_forward_and_backward_is_refused():
    _, weights, X, labels = two_networks(np.float64)
    optimizer = SGD(weights, 0.1)
    loss = loss_of(weights, X, labels)
    loss.backward()
    optimizer.step()
    with pytest.raises(RuntimeError, match="changed after"):
        loss.backward()


def test_only_leaves_can_be_trained():
    x = leaf([1.0, 2.0])
    for wrong in (Tensor([1.0]), x * 2, np.ones(2)):
        with pytest.raises(TypeError, match="expected"):
            SGD([x, wrong], 0.1)


def test_reading_the_loss_leaves_its_graph_alone():
    x = leaf([1.0, 2.0])
    loss = ag.sum(x * x)
    assert math.isclose(float(loss), 5.0)
    loss.backward()
    np.testing.assert_array_equal(x.grad, [2, 4])


def test_a_vjp_that_leaves_the_graph_by_float_is_refused_at_the_second_derivative():
    @ag.primitive
    def sine(x):
        return np.sin(x)

    ag.defvjp(sine, lambda g, out, x: g * math.cos(x))
    assert ag.grad(sine)(0.3).item() == pytest.approx(math.cos(0.3))
    with pytest.raises(TypeError, match=r"sine cannot be differentiated twice.*float\(\)"):
        ag.grad(ag.grad(sine))(0.3)


def test_the_shape_of_a_tensor_needs_no_gradient():
    t = ag.Tensor(np.zeros((2, 3)), requires_grad=True)
    assert (np.shape(t), np.ndim(t), np.size(t), np.size(t, 1)) == ((2, 3), 2, 6, 3)


def test_a_tensor_given_by_name_is_refused_by_the_name_of_the_operation():
    x = ag.Tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(TypeError, match="add got a Tensor by the name y"):
        ag.add(x, y=x)


def test_gradients_are_arrays_of_their_own():
    (first, second) = ag.grad(lambda x, y: ag.sum(x + y), argnums=(0, 1))(np.ones(3), np.ones(3))
    first.data[...] = 5.0
    assert second.data.tolist() == [1, 1, 1]
    g = np.array([1.0, 2.0])
    (sent,) = ag.vjp(lambda x: x, np.zeros(2))[1](g)
    sent.data[0] = 7.0
    assert g.tolist() == [1, 2]


def test_a_vjp_without_a_return_or_with_other_parameters_is_named():
    @ag.primitive
    def cube(x):
        return x**3

    ag.defvjp(cube, lambda g, out, x: None)
    with pytest.raises(TypeError, match="vjp of cube for its argument 1 returned None"):
        ag.grad(cube)(2.0)
    ag.defvjp(cube, lambda g, x: g * 3 * x**2)
    with pytest.raises(TypeError, match="vjp of cube for its argument 1 failed.*takes 2"):
        ag.grad(cube)(2.0)


def test_a_number_that_would_leave_the_graph_unasked_is_refused():
    with pytest.raises(TypeError, match="math module"):
        ag.grad(lambda x: x * math.tanh(x))(1.5)
    assert ag.grad(lambda x: x * x.item())(1.5).item() == 1.5
    loss = ag.Tensor(2.0, requires_grad=True) * 2.0
    assert (float(loss), f"{loss:.1f}") == (4.0, "4.0")
