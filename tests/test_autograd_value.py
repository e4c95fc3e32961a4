"""The scalar Value against worked numbers, central differences and the Tensor engine."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import course_lib.autograd as ag
from course_lib.autograd import Tensor, Value, topological_order

OPERATIONS = {
    "x + y": lambda x, y: x + y,
    "x - y": lambda x, y: x - y,
    "x * y": lambda x, y: x * y,
    "x / y": lambda x, y: x / y,
    "x + 3": lambda x, y: (x + 3) * y,
    "3 + x": lambda x, y: (3 + x) * y,
    "x - 3": lambda x, y: (x - 3) * y,
    "3 - x": lambda x, y: (3 - x) * y,
    "x * 3": lambda x, y: (x * 3) * y,
    "3 * x": lambda x, y: (3 * x) * y,
    "x / 3": lambda x, y: (x / 3) * y,
    "3 / x": lambda x, y: (3 / x) * y,
    "-x": lambda x, y: -x * y,
    "x**2": lambda x, y: x**2 * y,
    "x**-1": lambda x, y: x**-1 * y,
    "x**0": lambda x, y: x**0 * y,
    "x**1": lambda x, y: y * x**1,
    "x**3": lambda x, y: y * x**3,
    "relu": lambda x, y: x.relu() * y + (-x).relu() * y * y,
    "exp": lambda x, y: x.exp() / y,
    "tanh": lambda x, y: y * x.tanh(),
}


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize(("a", "b"), [(0.7, -1.3), (-2.1, 0.4), (1.9, 2.6)])
def test_derivatives_agree_with_central_differences(name, a, b):
    f, h = OPERATIONS[name], 1e-5
    x, y = Value(a), Value(b)
    f(x, y).backward()

    def at(a, b):
        return f(Value(a), Value(b)).data

    expected = (at(a + h, b) - at(a - h, b)) / (2 * h), (at(a, b + h) - at(a, b - h)) / (2 * h)
    np.testing.assert_allclose((x.grad, y.grad), expected, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("name", OPERATIONS)
def test_both_operands_may_be_the_same(name):
    f, h = OPERATIONS[name], 1e-5
    x = Value(0.8)
    f(x, x).backward()
    above, below = (f(Value(0.8 + d), Value(0.8 + d)).data for d in (h, -h))
    np.testing.assert_allclose(x.grad, (above - below) / (2 * h), rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("p", [0.5, 1.5, -0.5, 2.0, np.float64(1.5)])
def test_powers_that_are_not_whole(p):
    x = Value(1.7)
    y = x**p
    y.backward()
    np.testing.assert_allclose((y.data, x.grad), (1.7**p, p * 1.7 ** (p - 1)))


def test_powers_at_zero():
    for p, slope in ((0, 0.0), (1, 1.0), (2, 0.0), (1.5, 0.0)):
        x = Value(0.0)
        (x**p).backward()
        assert x.grad == slope


def test_a_worked_expression():
    """a = -4, b = 2: the numbers of micrograd's own example."""
    a, b = Value(-4.0), Value(2.0)
    c = a + b
    d = a * b + b**3
    c = c + c + 1
    c = c + 1 + c + (-a)
    d = d + d * 2 + (b + a).relu()
    d = d + 3 * d + (b - a).relu()
    e = c - d
    f = e**2
    g = f / 2.0
    g = g + 10.0 / f
    g.backward()
    np.testing.assert_allclose((g.data, a.grad, b.grad), (24.70408163, 138.83381924, 645.57725948))


# the traps ----------------------------------------------------------------------------------------


def test_every_path_of_a_diamond_counts():
    x = Value(3.0)
    y = x * x
    z = y * 2 + y * x
    z.backward()
    assert x.grad == 2 * 6 + 27
    assert y.grad == 2 + 3


def test_a_value_is_visited_after_all_that_used_it():
    for swap in (False, True):
        a = Value(5.0)
        b = a + a
        c = b + b
        c.backward()
        assert (a.grad, b.grad, c.grad) == (4, 2, 1)
        x = Value(2.0)
        y = x * x
        z = y * y
        last = x + z if swap else z + x
        (last + z if swap else z + last).backward()
        assert x.grad == 1 + 2 * 32


def test_a_second_backward_of_a_value_adds_the_same_once_more():
    x, w = Value(2.0), Value(-3.0)
    hidden = x * w
    y = hidden * hidden
    y.backward()
    first = x.grad, w.grad, hidden.grad
    y.backward()
    assert (x.grad, w.grad) == (2 * first[0], 2 * first[1])
    assert hidden.grad == first[2]
    (x * 5).backward()
    assert x.grad == 2 * first[0] + 5


def test_backward_from_a_leaf():
    x = Value(2.0)
    x.backward()
    x.backward()
    assert x.grad == 2


def test_backward_leaves_the_numbers_and_other_graphs_alone():
    x, y = Value(2.0), Value(3.0)
    other = y * 10
    (x * y).backward()
    assert (x.data, y.data, other.data, other.grad) == (2, 3, 30, 0)
    assert (x.grad, y.grad) == (3, 2)


# what it is made of -------------------------------------------------------------------------------


def test_a_value_knows_its_parents():
    x, y = Value(2.0), Value(3.0)
    assert (x.parents, x.op, x.grad) == ((), None, 0.0)
    assert (x * y).parents == (x, y)
    assert (x + x).parents == (x, x)
    assert (x + 1).parents == (1 + x).parents == (x,)
    assert [v.op for v in (x + y, x - y, x * y, x / y, x**2, x.relu(), x.exp(), x.tanh())] == (
        ["+", "-", "*", "/", "**2", "relu", "exp", "tanh"]
    )
    assert "6" in repr(x * y)


def test_relu_and_tanh_at_their_ends():
    for number, slope in ((0.0, 0.0), (-0.0, 0.0), (1e-300, 1.0), (-1e-300, 0.0)):
        x = Value(number)
        x.relu().backward()
        assert x.grad == slope
    x = Value(1000.0)
    y = x.tanh()
    y.backward()
    assert (y.data, x.grad) == (1.0, 0.0)


@pytest.mark.parametrize("other", ["2", None, [2.0], np.ones(2), 1j, True])
@pytest.mark.parametrize("operation", ["+", "-", "*", "/"])
def test_other_things_are_refused(other, operation):
    combine = {
        "+": lambda x: x + other,
        "-": lambda x: x - other,
        "*": lambda x: x * other,
        "/": lambda x: x / other,
    }[operation]
    with pytest.raises(TypeError, match=f"{type(other).__name__}.*expected a Value or a number"):
        combine(Value(1.0))


def test_numbers_of_numpy_are_numbers():
    x = Value(3.0)
    for y in (np.float64(2) * x, x * np.float64(2), np.float32(2) * x, np.array(2.0) * x):
        assert type(y) is Value
        assert y.data == 6
    assert (2 - x).data == (np.float64(2) - x).data == -1


def test_an_exponent_is_a_plain_number():
    with pytest.raises(TypeError, match="exponent"):
        Value(2.0) ** Value(3.0)
    with pytest.raises(TypeError):
        2 ** Value(3.0)


# order and size -----------------------------------------------------------------------------------


def comes_after_its_parents(order):
    place = {id(node): k for k, node in enumerate(order)}
    return all(place[id(p)] < place[id(node)] for node in order for p in node.parents)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), size=st.integers(1, 30))
def test_topological_order_of_random_graphs(data, size):
    nodes = [Value(1.0), Value(2.0)]
    for _ in range(size):
        i, j = data.draw(st.tuples(*[st.integers(0, len(nodes) - 1)] * 2))
        nodes.append(nodes[i] + nodes[j])
    order = topological_order(nodes[-1])
    assert order[-1] is nodes[-1]
    assert len(set(map(id, order))) == len(order)
    assert comes_after_its_parents(order)
    reachable, waiting = set(), [nodes[-1]]
    while waiting:
        node = waiting.pop()
        reachable.add(id(node))
        waiting += node.parents
    assert reachable == set(map(id, order))


def test_topological_order_of_one_node_and_of_tensors():
    x = Value(1.0)
    assert topological_order(x) == [x]
    t = Tensor([1.0, 2.0], requires_grad=True)
    y = ag.exp(t) * t
    order = topological_order(y)
    assert [node.op for node in order] == [None, "exp", "multiply"]
    assert comes_after_its_parents(order)


def test_graphs_of_200_000_values_need_no_recursion():
    x = Value(1.0)
    y = x
    for _ in range(100_000):
        y = y + x  # x on the right: the longer path is the first parent
    for _ in range(100_000):
        y = 0.0 - y
    y.backward()
    assert (y.data, x.grad) == (100_001, 100_001)
    order = topological_order(y)
    assert len(order) == 200_001
    del y, order  # so deep a graph must also be given back without recursion


def test_a_fan_out_of_200_and_60_doublings():
    x = Value(3.0)
    total = sum((x * k for k in range(200)), start=Value(0.0))
    total.backward()
    assert x.grad == sum(range(200))
    x = y = Value(1.0)
    for _ in range(60):
        y = y + y
    y.backward()
    assert x.grad == 2.0**60


# agreement with the Tensors -----------------------------------------------------------------------

EXPRESSIONS = st.recursive(
    st.sampled_from(["x", "y", 0.5, -2.0, 3]),
    lambda inner: st.one_of(
        st.tuples(st.sampled_from("+-*"), inner, inner),
        st.tuples(st.just("/"), inner, inner),
        st.tuples(st.sampled_from(["exp", "tanh", "relu", "-", "**2", "**3"]), inner),
    ),
    max_leaves=12,
)


def value_of(tree, x, y):
    """The tree as a number, a Value or a Tensor, whatever x and y are."""
    if not isinstance(tree, tuple):
        return {"x": x, "y": y}.get(tree, tree) if isinstance(tree, str) else tree
    op, *parts = tree
    parts = [value_of(part, x, y) for part in parts]
    first = parts[0]
    if len(parts) == 2:
        second = parts[1]
        if op == "/":
            return first / (2 + second * second)
        return first + second if op == "+" else first - second if op == "-" else first * second
    if op == "-":
        return -first
    if isinstance(first, int | float):
        first = type(x)(float(first))
    if op == "exp" or op.startswith("**"):
        first = first.tanh()  # so that nothing overflows
    return first ** int(op[2:]) if op.startswith("**") else getattr(first, op)()


@settings(max_examples=100, deadline=None)
@given(tree=EXPRESSIONS, a=st.floats(-2, 2), b=st.floats(-2, 2))
def test_values_and_tensors_agree_on_random_expressions(tree, a, b):
    tree = ("+", ("*", "x", tree), "y")  # depends on both, whatever the tree
    x, y = Value(a), Value(b)
    root = value_of(tree, x, y)
    root.backward()
    s, t = (Tensor(v, requires_grad=True) for v in (a, b))
    result = value_of(tree, s, t)
    result.backward()
    scale = 1 + abs(root.data) + abs(x.grad) + abs(y.grad)
    np.testing.assert_allclose(
        (root.data, x.grad, y.grad), (result.data, s.grad, t.grad), rtol=1e-10, atol=1e-13 * scale
    )


def test_powers_without_a_real_result_are_refused_and_an_infinite_slope_is_infinite():
    with pytest.raises(ValueError, match=r"-8 to the power 0\.5"):
        Value(-8.0) ** 0.5
    x = Value(0.0)
    (x**0.5).backward()
    assert x.grad == math.inf


def test_a_subclass_of_value_is_a_value():
    class Named(Value):
        pass

    x, y = Named(2.0), Value(3.0)
    (x * y + y * x).backward()
    assert (x.grad, y.grad) == (6.0, 4.0)
