"""Wrong and hostile answers to the exercises on automatic differentiation.

They are registered in the tables of `wrong`; each docstring says what the learner got wrong.
"""

import math

import numpy as np

from course_lib.autograd import grad

from . import wrong as tables
from .wrong import HOSTILE, RAISED, RESULTS, hostile, wrong

# ---------------------------------------------------------------------------- topological_order


def parents_first(root):
    """The right order."""
    order, seen = [], set()

    def visit(node):
        if id(node) in seen:
            return
        seen.add(id(node))
        for parent in node.parents:
            visit(parent)
        order.append(node)

    visit(root)
    return order


@wrong("topological_order")
def order_returns_numbers(root):
    """Returns the data of the nodes, not the nodes."""
    return [node.data for node in parents_first(root)]


@wrong("topological_order")
def order_by_data(root):
    """Tells nodes apart by their data."""
    order, seen = [], []

    def visit(node):
        if node.data not in seen:
            seen.append(node.data)
            for parent in node.parents:
                visit(parent)
            order.append(node)

    visit(root)
    return order


@wrong("topological_order")
def order_marks_after_the_parents(root):
    """Marks a node as visited where it is skipped, so nothing is ever skipped."""
    order, seen = [], set()

    def visit(node):
        if node not in seen:
            for parent in node.parents:
                visit(parent)
            order.append(node)

    visit(root)
    return order


@wrong("topological_order")
def order_first_parent_only(root):
    """Follows the first parent of every node and no other."""
    order = []
    while root:
        order.insert(0, root)
        root = root.parents[0] if root.parents else None
    return order


@wrong("topological_order")
def order_two_generations(root):
    """Goes back to the grandparents and stops."""
    found = [root]
    for _ in range(2):
        found += [p for n in found for p in n.parents if p not in found]
    return list(dict.fromkeys(found))[::-1]


@wrong("topological_order")
def order_reversed_parents_preorder(root):
    """A pre-order walk with a stack, turned round."""
    order, stack = [], [root]
    while stack:
        node = stack.pop()
        if node not in order:
            order.append(node)
            stack.extend(node.parents)
    return order[::-1]


@wrong("topological_order")
def order_by_shortest_way(root):
    """Sorts by the shortest distance from the root."""
    distance, queue = {root: 0}, [root]
    for node in queue:
        for parent in node.parents:
            if parent not in distance:
                distance[parent] = distance[node] + 1
                queue.append(parent)
    return sorted(distance, key=lambda n: -distance[n])


@wrong("topological_order")
def order_root_twice(root):
    """Appends the root once more at the end."""
    return [*parents_first(root), root]


@wrong("topological_order")
def order_root_in_front(root):
    """Everything in order, but the root stands first."""
    order = parents_first(root)
    return [order[-1], *order[:-1]]


@wrong("topological_order")
def order_returns_none(root):
    """The inner function has the list; the outer one returns nothing."""
    parents_first(root)


@wrong("topological_order")
def order_as_a_set(root):
    """A set has no order."""
    return set(parents_first(root))


@wrong("topological_order")
def order_pairs(root):
    """Pairs of a node and its depth."""
    return [(node, len(node.parents)) for node in parents_first(root)]


@wrong("topological_order")
def order_global_list(root, order=[]):  # noqa: B006
    """The list is a default argument."""
    order.extend(parents_first(root))
    return order


@wrong("topological_order")
def order_cuts_the_graph(root):
    """Takes the parents away while it walks."""
    order = parents_first(root)
    for node in order:
        node.parents = ()
    return order


@wrong("topological_order")
def order_marks_nodes_for_ever(root):
    """Leaves a mark on the nodes that is never taken off."""
    order = []

    def visit(node):
        if not getattr(node, "visited", False):
            node.visited = True
            for parent in node.parents:
                visit(parent)
            order.append(node)

    visit(root)
    return order


@wrong("topological_order")
def order_levels_from_the_leaves(root):
    """Leaves first, then everything else as it is met."""
    nodes = parents_first(root)[::-1]
    return [n for n in nodes if not n.parents] + [n for n in nodes if n.parents]


@wrong("topological_order")
def order_loops_for_ever(root):
    """Waits for parents that it never appends."""
    order = []
    while root not in order:
        order = [n for n in order if n.parents]
    return order


@wrong("topological_order")
def order_of_words(root):
    """Returns text."""
    return " ".join(str(node) for node in parents_first(root))


@wrong("topological_order")
def order_skips_the_second_parent_if_seen_as_first(root):
    """Stops looking at the other parents when one has been seen."""
    order, seen = [], set()

    def visit(node):
        seen.add(node)
        for parent in node.parents:
            if parent in seen:
                break
            visit(parent)
        order.append(node)

    visit(root)
    return order


# ---------------------------------------------------------------------------------------- Value


def _value(text, **methods):
    """A subclass of a right Value, with some of its methods replaced."""
    kind = type("Value", (Base,), {"__doc__": text, **methods})
    kind.__name__ = text.split(":")[0].replace(" ", "_")
    return kind


class Base:
    """A right Value: local derivatives in a list of pairs."""

    def __init__(self, data, links=()):
        self.data, self.grad, self.links = data, 0.0, list(links)

    @property
    def parents(self):
        return tuple(parent for parent, _ in self.links)

    def of(self, other):
        return other if isinstance(other, Base) else type(self)(other)

    def make(self, data, *links):
        return type(self)(data, links)

    def __add__(self, other):
        other = self.of(other)
        return self.make(self.data + other.data, (self, 1.0), (other, 1.0))

    def __radd__(self, other):
        return self.of(other) + self

    def __mul__(self, other):
        other = self.of(other)
        return self.make(self.data * other.data, (self, other.data), (other, self.data))

    def __rmul__(self, other):
        return self.of(other) * self

    def __sub__(self, other):
        other = self.of(other)
        return self.make(self.data - other.data, (self, 1.0), (other, -1.0))

    def __rsub__(self, other):
        return self.of(other) - self

    def __truediv__(self, other):
        other = self.of(other)
        x, y = self.data, other.data
        return self.make(x / y, (self, 1 / y), (other, -x / y / y))

    def __rtruediv__(self, other):
        return self.of(other) / self

    def __pow__(self, n):
        return self.make(self.data**n, (self, n * self.data ** (n - 1)))

    def relu(self):
        return self.make(max(0.0, self.data), (self, 1.0 if self.data > 0 else 0.0))

    def exp(self):
        y = math.exp(self.data)
        return self.make(y, (self, y))

    def tanh(self):
        y = math.tanh(self.data)
        return self.make(y, (self, 1 - y * y))

    def backward(self):
        self.grad = 1.0
        for node in reversed(parents_first(self)):
            for parent, slope in node.links:
                parent.grad += slope * node.grad


def unary(name, y, slope):
    """A method with another number or local derivative."""
    return {name: lambda self: self.make(y(self.data), (self, slope(self.data)))}


def binary(name, value, left, right):
    """An operator with other numbers or local derivatives, of x and y."""

    def method(self, other):
        other = self.of(other)
        x, y = self.data, other.data
        return self.make(value(x, y), (self, left(x, y)), (other, right(x, y)))

    return {name: method}


def walk(rule):
    """A backward that goes through the nodes in the right order and does `rule(root, node)`."""

    def backward(self):
        self.grad = 1.0
        for node in reversed(parents_first(self)):
            rule(self, node)

    return {"backward": backward}


def _raises(*args):
    raise TypeError("this operation is not supported")


def _squares(root, node):
    for parent, slope in node.links:
        parent.grad += slope * node.grad**2


def _adds_slopes(root, node):
    for parent, slope in node.links:
        parent.grad += slope + node.grad


def _subtracts(root, node):
    for parent, slope in node.links:
        parent.grad -= slope * node.grad


def _first_parent(root, node):
    for parent, slope in node.links[:1]:
        parent.grad += slope * node.grad


def _last_parent(root, node):
    for parent, slope in node.links[-1:]:
        parent.grad += slope * node.grad


def _into_itself(root, node):
    for parent, slope in node.links:
        node.grad += slope * parent.grad


def _once_each(root, node):
    for parent, slope in node.links:
        parent.grad = parent.grad or slope * node.grad


def _clears(root, node):
    for parent, slope in node.links:
        parent.grad += slope * node.grad
    if node.links:
        node.grad = 0.0


def _averages(root, node):
    for parent, slope in node.links:
        parent.grad += slope * node.grad / len(node.links)


def _same_operands(self, other):
    other = self.of(other)
    if other is self:
        return self.make(self.data**2, (self, self.data))
    return Base.__mul__(self, other)


def _recursive(self, upstream=1.0):
    self.grad = upstream
    for parent, slope in self.links:
        parent.__class__.backward(parent, slope * upstream)


def _sets_root_and_returns(self):
    self.grad = 1.0
    return [p for p, _ in self.links]


def _leaves_only(self):
    self.grad = 1.0
    order = parents_first(self)
    for node in reversed(order):
        for parent, slope in node.links:
            parent.grad += slope * node.grad
    for node in order:
        if node.links:
            node.grad = 0.0


def _zeroes_in_the_walk(self):
    self.grad = 1.0
    for node in reversed(parents_first(self)):
        for parent, _ in node.links:
            parent.grad = 0.0
        for parent, slope in node.links:
            parent.grad += slope * node.grad


def _with_doubled_root(self):
    self.grad = 2.0
    for node in reversed(parents_first(self)):
        for parent, slope in node.links:
            parent.grad += slope * node.grad


def _seeds_with_data(self):
    self.grad = self.data
    for node in reversed(parents_first(self)):
        for parent, slope in node.links:
            parent.grad += slope * node.grad


def _forgets_number(self, other):
    return self.make(self.data + other.data, (self, 1.0), (other, 1.0))


def _returns_number(self, other):
    return self.data * self.of(other).data


def _returns_nothing(self):
    self.make(math.exp(self.data), (self, math.exp(self.data)))


def _in_place(self, other):
    self.data += self.of(other).data
    return self


def _grad_none(self, data, links=()):
    self.data, self.grad, self.links = data, None, list(links)


def _grad_one(self, data, links=()):
    self.data, self.grad, self.links = data, 1.0, list(links)


def _data_rounded(self, data, links=()):
    self.data, self.grad, self.links = int(data), 0.0, list(links)


def _without_links(self):
    return self.make(math.tanh(self.data))


def _data_is_value(self, other):
    other = self.of(other)
    return type(self)(other, [(self, 1.0), (other, -1.0)])


def _floor(x, y):
    return x // y


tables.WRONG["Value"] = [
    _value("squares the upstream", **walk(_squares)),
    _value("adds the local derivative to the upstream", **walk(_adds_slopes)),
    _value("descends: subtracts", **walk(_subtracts)),
    _value("sends to the first parent only", **walk(_first_parent)),
    _value("sends to the last parent only", **walk(_last_parent)),
    _value("sends from parent to child", **walk(_into_itself)),
    _value("only the first part that arrives counts", **walk(_once_each)),
    _value("clears a node that has sent", **walk(_clears)),
    _value("shares the gradient among the parents", **walk(_averages)),
    _value("a square counts once", __mul__=_same_operands),
    _value("recursive, and each way overwrites", backward=_recursive),
    _value("sets the root and does nothing more", backward=_sets_root_and_returns),
    _value("inner nodes lose their gradient", backward=_leaves_only),
    _value("sets parents to 0 before it adds", backward=_zeroes_in_the_walk),
    _value("begins with 2", backward=_with_doubled_root),
    _value("begins with the data", backward=_seeds_with_data),
    _value("numbers are not wrapped in a sum", __add__=_forgets_number),
    _value("a product is a number", __mul__=_returns_number),
    _value("exp returns nothing", exp=_returns_nothing),
    _value("a sum changes its left operand", __add__=_in_place),
    _value("the gradient begins with None", __init__=_grad_none),
    _value("the gradient begins with 1", __init__=_grad_one),
    _value("data is cut to whole numbers", __init__=_data_rounded),
    _value("tanh forgets its parent", tanh=_without_links),
    _value("a difference with a Value inside", __sub__=_data_is_value),
    _value("no number on the left of a plus", __radd__=_raises),
    _value("no number on the left of a minus", __rsub__=None),
    _value(
        "tanh has 1 over 1 plus x squared", **unary("tanh", math.tanh, lambda x: 1 / (1 + x * x))
    ),
    _value("tanh slope with a plus", **unary("tanh", math.tanh, lambda x: 1 + math.tanh(x) ** 2)),
    _value("tanh slope is tanh", **unary("tanh", math.tanh, math.tanh)),
    _value(
        "tanh value is a sigmoid",
        **unary("tanh", lambda x: 1 / (1 + math.exp(-x)), lambda x: 1 - math.tanh(x) ** 2),
    ),
    _value("exp slope of minus x", **unary("exp", math.exp, lambda x: math.exp(-x))),
    _value("exp with base 2", **unary("exp", lambda x: 2.0**x, lambda x: 2.0**x)),
    _value("relu is leaky", **unary("relu", lambda x: max(x, 0.01 * x), lambda x: 1.0)),
    _value("relu slope is the sign", **unary("relu", lambda x: max(x, 0.0), np.sign)),
    _value("relu is the absolute value", **unary("relu", abs, np.sign)),
    _value(
        "division rounds down",
        **binary("__truediv__", _floor, lambda x, y: 1 / y, lambda x, y: -x / y / y),
    ),
    _value(
        "divisor forgets the dividend",
        **binary("__truediv__", lambda x, y: x / y, lambda x, y: 1 / y, lambda x, y: -1 / y / y),
    ),
    _value(
        "divisor with the dividend squared",
        **binary("__truediv__", lambda x, y: x / y, lambda x, y: 1 / y, lambda x, y: -x * x / y),
    ),
    _value(
        "dividend gets 1",
        **binary("__truediv__", lambda x, y: x / y, lambda x, y: 1.0, lambda x, y: -x / y / y),
    ),
    _value(
        "a difference has its signs exchanged",
        **binary("__sub__", lambda x, y: x - y, lambda x, y: -1.0, lambda x, y: 1.0),
    ),
    _value(
        "a difference is the other way round",
        **binary("__sub__", lambda x, y: y - x, lambda x, y: -1.0, lambda x, y: 1.0),
    ),
    _value(
        "a sum gets its operands",
        **binary("__add__", lambda x, y: x + y, lambda x, y: y, lambda x, y: x),
    ),
    _value(
        "a product gets the product",
        **binary("__mul__", lambda x, y: x * y, lambda x, y: x * y, lambda x, y: x * y),
    ),
    _value(
        "a product gets a quarter too much",
        **binary("__mul__", lambda x, y: x * y, lambda x, y: 1.25 * y, lambda x, y: x),
    ),
    _value(
        "power with n + 1",
        __pow__=lambda self, n: self.make(self.data**n, (self, n * self.data ** (n + 1))),
    ),
    _value(
        "power with the logarithm",
        __pow__=lambda self, n: self.make(
            self.data**n, (self, self.data**n * math.log(abs(self.data)))
        ),
    ),
    _value(
        "power for squares only",
        __pow__=lambda self, n: self.make(self.data**2, (self, 2 * self.data)),
    ),
    _value("power as a product", __pow__=lambda self, n: self * n),
]


@wrong("Value")
class ValueWithoutMethods:
    """Has data and grad only."""

    def __init__(self, data):
        self.data, self.grad, self.parents = data, 0.0, ()


@wrong("Value")
class ValueWithoutParents(Base):
    """Keeps its links under another name."""

    parents = None


@wrong("Value")
class ValueOnATape(Base):
    """Walks through everything that was ever made, in the order in which it was made."""

    tape = []

    def __init__(self, data, links=()):
        super().__init__(data, links)
        self.tape.append(self)

    def backward(self):
        self.grad = 1.0
        for node in reversed(self.tape):
            for parent, slope in node.links:
                parent.grad += slope * node.grad


@wrong("Value")
class ValueWithEqualityByData(Base):
    """Values with equal data are one and the same for its walk."""

    def __eq__(self, other):
        return isinstance(other, Base) and self.data == other.data

    def __hash__(self):
        return hash(self.data)

    def backward(self):
        order, seen = [], set()

        def visit(node):
            if node not in seen:
                seen.add(node)
                for parent in node.parents:
                    visit(parent)
                order.append(node)

        visit(self)
        self.grad = 1.0
        for node in reversed(order):
            for parent, slope in node.links:
                parent.grad += slope * node.grad


@wrong("Value")
class ValueSortedByData(Base):
    """Visits the nodes by the size of their data."""

    def backward(self):
        self.grad = 1.0
        for node in sorted(parents_first(self), key=lambda n: -n.data):
            for parent, slope in node.links:
                parent.grad += slope * node.grad


@wrong("Value")
class ValueThatWaitsForEveryUse(Base):
    """Sends when all uses have sent, those that the root does not depend on among them."""

    def __init__(self, data, links=()):
        super().__init__(data, links)
        self.uses = 0
        for parent in self.parents:
            parent.uses += 1

    def backward(self):
        self.grad, left, ready = 1.0, {}, [self]
        while ready:
            node = ready.pop()
            for parent, slope in node.links:
                parent.grad += slope * node.grad
                left[parent] = left.get(parent, parent.uses) - 1
                if not left[parent]:
                    ready.append(parent)


@wrong("Value")
class ValueThatStopsAtZero(Base):
    """Ends the walk at the first node whose gradient is 0, where it might skip that node."""

    def backward(self):
        self.grad = 1.0
        for node in reversed(parents_first(self)):
            if node.grad == 0.0:
                break
            for parent, slope in node.links:
                parent.grad += slope * node.grad


@wrong("Value")
class ValueThatRemembersWhereItWas(Base):
    """The nodes that were visited stay so in the next walk."""

    visited = set()

    def backward(self):
        order = []

        def visit(node):
            if node not in self.visited:
                self.visited.add(node)
                for parent in node.parents:
                    visit(parent)
                order.append(node)

        visit(self)
        self.grad = 1.0
        for node in reversed(order):
            for parent, slope in node.links:
                parent.grad += slope * node.grad


# ---------------------------------------------------------------------------------- unbroadcast


def undo(gradient, shape, reduce=np.sum):
    """The right answer, or the same axes reduced in another way."""
    front = gradient.ndim - len(shape)
    axes = tuple(range(front)) + tuple(front + k for k, n in enumerate(shape) if n == 1)
    return reduce(gradient, axis=axes).reshape(shape)


@wrong("unbroadcast")
def undo_maximum(gradient, shape):
    """The largest of what comes back."""
    return undo(gradient, shape, np.max)


@wrong("unbroadcast")
def undo_product(gradient, shape):
    """Multiplies what comes back."""
    return undo(gradient, shape, np.prod)


@wrong("unbroadcast")
def undo_last_copy(gradient, shape):
    """The last copy only."""
    return undo(gradient, shape, lambda a, axis: np.take(a, [-1], axis[0]) if axis else a)


@wrong("unbroadcast")
def undo_root_of_squares(gradient, shape):
    """The length of what comes back."""
    return undo(gradient, shape, lambda a, axis: np.sqrt(np.sum(a * a, axis=axis)))


@wrong("unbroadcast")
def undo_first_axis_always(gradient, shape):
    """Sums axis 0 until the number of axes fits, and axis 0 once more."""
    while gradient.ndim > max(len(shape), 1):
        gradient = gradient.sum(axis=0)
    return np.broadcast_to(gradient.sum(axis=0), shape) if shape else gradient.sum()


@wrong("unbroadcast")
def undo_last_axis(gradient, shape):
    """Sums the last axes away."""
    while gradient.ndim > len(shape):
        gradient = gradient.sum(axis=-1)
    return gradient


@wrong("unbroadcast")
def undo_one_axis_of_length_one(gradient, shape):
    """Sums over the first axis of length 1 and stops."""
    gradient = gradient.sum(axis=tuple(range(gradient.ndim - len(shape))))
    for k, n in enumerate(shape):
        if n == 1:
            return gradient.sum(axis=k, keepdims=True)
    return gradient


@wrong("unbroadcast")
def undo_one_leading_axis(gradient, shape):
    """Sums over one leading axis, however many there are."""
    if gradient.ndim > len(shape):
        gradient = gradient.sum(axis=0)
    for k, n in enumerate(shape):
        if n == 1:
            gradient = gradient.sum(axis=k, keepdims=True)
    return gradient


@wrong("unbroadcast")
def undo_shifting_axes(gradient, shape):
    """Sums axes away while it counts them, so later numbers are off."""
    front = gradient.ndim - len(shape)
    for k in range(front):
        gradient = gradient.sum(axis=k) if k < gradient.ndim else gradient.sum()
    for k, n in enumerate(shape):
        if n == 1 and k < np.ndim(gradient):
            gradient = gradient.sum(axis=k, keepdims=True)
    return gradient


@wrong("unbroadcast")
def undo_resizes(gradient, shape):
    """np.resize cuts."""
    return np.resize(gradient, shape)


@wrong("unbroadcast")
def undo_twice(gradient, shape):
    """Divides the sum by two."""
    return undo(gradient, shape) / 2


@wrong("unbroadcast")
def undo_negative(gradient, shape):
    """The sign is turned."""
    return -undo(gradient, shape)


@wrong("unbroadcast")
def undo_in_place(gradient, shape):
    """Right, but writes into the gradient."""
    result = undo(gradient, shape).copy()
    gradient *= 0
    return result


@wrong("unbroadcast")
def undo_nothing(gradient, shape):
    """Forgets return."""
    undo(gradient, shape)


@wrong("unbroadcast")
def undo_squeezed(gradient, shape):
    """Loses all axes of length 1."""
    return np.squeeze(undo(gradient, shape))


# ----------------------------------------------------------------------------------- matmul_vjp


def flip(a):
    """Every matrix of a stack transposed."""
    return np.swapaxes(a, -1, -2)


@wrong("matmul_vjp")
def product_reshapes(g, x, y):
    """Reshapes where it ought to transpose."""
    return g @ y.reshape(flip(y).shape), x.reshape(flip(x).shape) @ g


@wrong("matmul_vjp")
def product_forgets_a_transpose_of_x(g, x, y):
    """gx is right, gy takes x as it is."""
    return g @ flip(y), x @ g


@wrong("matmul_vjp")
def product_twice_g(g, x, y):
    """gy uses the sum of g over its rows, copied."""
    return g @ flip(y), flip(x) @ np.broadcast_to(g.sum(axis=-2, keepdims=True), g.shape)


@wrong("matmul_vjp")
def product_first_of_stack(g, x, y):
    """The first matrix of a stack for all."""
    first = (0,) * (x.ndim - 2)
    return g @ y[first].T, x[first].T @ g


@wrong("matmul_vjp")
def product_sign(g, x, y):
    """gy has its sign turned."""
    return g @ flip(y), -flip(x) @ g


@wrong("matmul_vjp")
def product_averaged_over_inner(g, x, y):
    """Both are divided by the inner size."""
    return g @ flip(y) / x.shape[-1], flip(x) @ g / x.shape[-1]


@wrong("matmul_vjp")
def product_only_first(g, x, y):
    """Returns gx alone."""
    return g @ flip(y)


@wrong("matmul_vjp")
def product_stacked(g, x, y):
    """Returns three things."""
    return g @ flip(y), flip(x) @ g, g


@wrong("matmul_vjp")
def product_uses_gx(g, x, y):
    """gy is made with gx in place of x."""
    gx = g @ flip(y)
    return gx, flip(gx) @ g


@wrong("matmul_vjp")
def product_updates(g, x, y):
    """Returns x and y after a step."""
    return x - 0.1 * g @ flip(y), y - 0.1 * flip(x) @ g


@wrong("matmul_vjp")
def product_rows_of_x_only(g, x, y):
    """The first row of x and g only."""
    return g @ flip(y), flip(x[..., :1, :]) @ g[..., :1, :]


@wrong("matmul_vjp")
def product_dot(g, x, y):
    """np.dot, which pairs the stacks with each other."""
    return np.dot(g, flip(y)), np.dot(flip(x), g)


@wrong("matmul_vjp")
def product_absolute(g, x, y):
    """Takes |g|."""
    return abs(g) @ flip(y), flip(x) @ abs(g)


# -------------------------------------------------------------------------------------- sum_vjp


def spread(g, x, axis, keepdims):
    """The right answer."""
    return (
        g * np.ones_like(x)
        if keepdims or axis is None
        else (np.expand_dims(g, axis) * np.ones_like(x))
    )


@wrong("sum_vjp")
def sum_of_g_everywhere(g, x, axis, keepdims):
    """The total of g in every entry."""
    return np.full(x.shape, g.sum())


@wrong("sum_vjp")
def sum_share(g, x, axis, keepdims):
    """Each entry gets its share, by its size."""
    return spread(g, x, axis, keepdims) * x / x.sum(axis=axis, keepdims=True)


@wrong("sum_vjp")
def sum_first_entry(g, x, axis, keepdims):
    """Only the first entry of each sum gets something."""
    gx = np.zeros_like(x)
    axes = range(x.ndim) if axis is None else np.atleast_1d(axis) % x.ndim
    at = tuple(slice(0, 1) if k in axes else slice(None) for k in range(x.ndim))
    gx[at] = spread(g, x, axis, keepdims)[at]
    return gx


@wrong("sum_vjp")
def sum_resized(g, x, axis, keepdims):
    """Repeats g in reading order."""
    return np.resize(g, x.shape)


@wrong("sum_vjp")
def sum_tuple_forgotten(g, x, axis, keepdims):
    """Only the first axis of a tuple is put back."""
    if isinstance(axis, tuple) and not keepdims:
        return np.expand_dims(g, axis[0]) * np.ones((1,) * x.ndim)
    return spread(g, x, axis, keepdims)


@wrong("sum_vjp")
def sum_none_forgotten(g, x, axis, keepdims):
    """Does nothing for axis None."""
    return g if axis is None else spread(g, x, axis, keepdims)


@wrong("sum_vjp")
def sum_axis_none_is_mean(g, x, axis, keepdims):
    """Divides by the size for axis None."""
    return spread(g, x, axis, keepdims) / (x.size if axis is None else 1)


@wrong("sum_vjp")
def sum_repeats(g, x, axis, keepdims):
    """np.repeat along the first axis, whatever axis is."""
    return np.repeat(np.ravel(g), -(-x.size // g.size))[: x.size].reshape(x.shape)


@wrong("sum_vjp")
def sum_only_one(g, x, axis, keepdims):
    """Puts the axis back, and does not copy."""
    return g if keepdims or axis is None else np.expand_dims(g, axis)


@wrong("sum_vjp")
def sum_plus_x(g, x, axis, keepdims):
    """Adds x."""
    return spread(g, x, axis, keepdims) + x


@wrong("sum_vjp")
def sum_sign_of_x(g, x, axis, keepdims):
    """Multiplies with the sign of x."""
    return spread(g, x, axis, keepdims) * np.sign(x)


@wrong("sum_vjp")
def sum_again(g, x, axis, keepdims):
    """Sums x again and multiplies."""
    return spread(g, x, axis, keepdims) * x.sum(axis=axis, keepdims=True)


# -------------------------------------------------------------------------------- transpose_vjp


@wrong("transpose_vjp")
def turn_by_argsort_twice(g, axes):
    """The inverse of the inverse."""
    return g.transpose(np.argsort(np.argsort(axes)))


@wrong("transpose_vjp")
def turn_last_two(g, axes):
    """Exchanges the last two axes."""
    return np.swapaxes(g, -1, -2) if g.ndim > 1 else g


@wrong("transpose_vjp")
def turn_first_and_last(g, axes):
    """Exchanges the first and the last axis."""
    return np.swapaxes(g, 0, -1)


@wrong("transpose_vjp")
def turn_swaps_one_by_one(g, axes):
    """Swaps axis k with axes[k], one after the other, in the wrong direction."""
    axes = list(axes)
    for k in range(g.ndim):
        g = np.swapaxes(g, k, axes[k])
    return g


@wrong("transpose_vjp")
def turn_sorted(g, axes):
    """Sorts the axes, which changes nothing."""
    return g.transpose(sorted(axes))


@wrong("transpose_vjp")
def turn_ravels(g, axes):
    """Column by column."""
    return g.ravel(order="F").reshape([g.shape[axes.index(k)] for k in range(g.ndim)])


@wrong("transpose_vjp")
def turn_subtracts(g, axes):
    """Counts the axes from the end."""
    return g.transpose([g.ndim - 1 - a for a in axes])


@wrong("transpose_vjp")
def turn_and_scale(g, axes):
    """Divides by the number of axes."""
    return g.transpose(np.argsort(axes)) / g.ndim


@wrong("transpose_vjp")
def turn_moves_source(g, axes):
    """moveaxis with source and destination exchanged."""
    return np.moveaxis(g, axes, range(g.ndim))


@wrong("transpose_vjp")
def turn_shifts(g, axes):
    """Moves every axis on by one."""
    return np.moveaxis(g, 0, -1)


@wrong("transpose_vjp")
def turn_sums(g, axes):
    """Sums everything."""
    return g.sum()


@wrong("transpose_vjp")
def turn_flips(g, axes):
    """Right, and turned round along axis 0."""
    return g.transpose(np.argsort(axes))[::-1]


# ---------------------------------------------------------------------------------- getitem_vjp


def put_back(g, x, index):
    """The right answer."""
    gx = np.zeros_like(x)
    np.add.at(gx, index, g)
    return gx


@wrong("getitem_vjp")
def index_into_x(g, x, index):
    """Writes into x itself."""
    x[index] = g
    return x


@wrong("getitem_vjp")
def index_subtracts(g, x, index):
    """np.subtract.at."""
    gx = np.zeros_like(x)
    np.subtract.at(gx, index, g)
    return gx


@wrong("getitem_vjp")
def index_everywhere_else(g, x, index):
    """Puts the mean of g where nothing was read."""
    gx = np.full(x.shape, np.mean(g))
    gx[index] = 0
    np.add.at(gx, index, g)
    return gx


@wrong("getitem_vjp")
def index_at_the_end(g, x, index):
    """g at the end of gx."""
    gx = np.zeros(x.size)
    gx[-min(g.size, x.size) :] = np.ravel(g)[: x.size]
    return gx.reshape(x.shape)


@wrong("getitem_vjp")
def index_unique(g, x, index):
    """Takes each place once and drops the later parts."""
    places = np.ravel(np.arange(x.size).reshape(x.shape)[index])
    found, first = np.unique(places, return_index=True)
    gx = np.zeros(x.size)
    gx[found] = np.ravel(g)[first]
    return gx.reshape(x.shape)


@wrong("getitem_vjp")
def index_maximum(g, x, index):
    """Keeps the largest part."""
    gx = np.zeros_like(x)
    np.maximum.at(gx, index, g)
    return gx


@wrong("getitem_vjp")
def index_total(g, x, index):
    """The sum of g at every place that was read."""
    gx = np.zeros_like(x)
    gx[index] = g.sum()
    return gx


@wrong("getitem_vjp")
def index_whole_numbers(g, x, index):
    """The zeros are whole numbers."""
    gx = np.zeros(x.shape, dtype=int)
    gx[index] = g
    return gx


@wrong("getitem_vjp")
def index_flat(g, x, index):
    """Takes the index for one into the flattened array."""
    gx = np.zeros(x.size)
    if isinstance(index, tuple) or np.asarray(index).dtype == bool:
        return put_back(g, x, index)
    gx[index] = np.ravel(g)[0]
    return gx.reshape(x.shape)


@wrong("getitem_vjp")
def index_reversed(g, x, index):
    """g comes in reverse order."""
    return put_back(g[::-1] if np.ndim(g) else g, x, index)


@wrong("getitem_vjp")
def index_squared(g, x, index):
    """The local derivative is taken to be 2 x."""
    return 2 * x * put_back(g, x, index)


@wrong("getitem_vjp")
def index_np_add(g, x, index):
    """np.add in place of np.add.at."""
    gx = np.zeros_like(x)
    gx[index] = np.add(gx[index], g)
    return gx


@wrong("getitem_vjp")
def index_none(g, x, index):
    """np.add.at returns None, and that is returned."""
    return np.add.at(np.zeros_like(x), index, g)


# ----------------------------------------------------------------------- hessian_vector_product


def curvature(f, x, v):
    """The right answer."""
    return grad(lambda x: (grad(f)(x) * v).sum())(x).data


@wrong("hessian_vector_product")
def curve_half(f, x, v):
    """Half of it, as in a Taylor series."""
    return curvature(f, x, v) / 2


@wrong("hessian_vector_product")
def curve_quadratic_form(f, x, v):
    """v H v, a single number."""
    return (curvature(f, x, v) * v).sum()


@wrong("hessian_vector_product")
def curve_differences(f, x, v, h=1e-4):
    """A difference of gradients."""
    return (grad(f)(x + h * v).data - grad(f)(x - h * v).data) / (2 * h)


@wrong("hessian_vector_product")
def curve_one_sided(f, x, v, h=1e-6):
    """A one-sided difference of gradients."""
    return (grad(f)(x + h * v).data - grad(f)(x).data) / h


@wrong("hessian_vector_product")
def curve_normalised(f, x, v):
    """v is scaled to length 1 first."""
    return curvature(f, x, v / np.linalg.norm(v))


@wrong("hessian_vector_product")
def curve_plus_gradient(f, x, v):
    """The gradient at the end of a step, to first order."""
    return grad(f)(x).data + curvature(f, x, v)


@wrong("hessian_vector_product")
def curve_outer(f, x, v):
    """The outer product of the gradient with itself, times v."""
    g = grad(f)(x).data
    return g * (g * v).sum()


@wrong("hessian_vector_product")
def curve_entries_squared(f, x, v):
    """v squared."""
    return curvature(f, x, v * v)


@wrong("hessian_vector_product")
def curve_mean(f, x, v):
    """The mean in place of the sum."""
    return grad(lambda x: (grad(f)(x) * v).mean())(x).data


@wrong("hessian_vector_product")
def curve_at_the_end(f, x, v):
    """The second derivatives are taken at x + v."""
    return curvature(f, x + v, v)


@wrong("hessian_vector_product")
def curve_grad_of_grad(f, x, v):
    """grad of grad, which has several numbers."""
    return grad(grad(f))(x) * v


@wrong("hessian_vector_product")
def curve_of_data(f, x, v):
    """Leaves the graph with .data."""
    return grad(lambda x: (grad(f)(x).data * v).sum())(x)


@wrong("hessian_vector_product")
def curve_numpy_sum(f, x, v):
    """np.sum of a Tensor."""
    return grad(lambda x: np.sum(grad(f)(x) * v))(x)


@wrong("hessian_vector_product")
def curve_third(f, x, v):
    """One derivative too many."""
    return grad(lambda x: (grad(lambda x: (grad(f)(x) * v).sum())(x) * v).sum())(x)


@wrong("hessian_vector_product")
def curve_minus(f, x, v):
    """A Newton step has a minus."""
    return -curvature(f, x, v)


@wrong("hessian_vector_product")
def curve_returns_function(f, x, v):
    """Forgets to call the outer gradient."""
    return grad(lambda x: (grad(f)(x) * v).sum())


# -------------------------------------------------------------------------------------- hostile

for _exercise in (
    "topological_order",
    "unbroadcast",
    "matmul_vjp",
    "sum_vjp",
    "transpose_vjp",
    "getitem_vjp",
    "hessian_vector_product",
):
    HOSTILE[_exercise] = [tables._returning(text, make) for text, make in RESULTS]
    HOSTILE[_exercise] += [tables._raising(error) for error in RAISED]
    HOSTILE[_exercise] += [
        tables.no_parameters,
        tables.keywords_only,
        tables.recurses,
        tables.yields,
        tables.changes_its_arguments,
        tables.ClassNotFunction,
    ]

HOSTILE["Value"] = [
    _value(f"{name} {raiser.__name__}", **{name: raiser})
    for raiser in map(tables._raising, RAISED)
    for name in ("__init__", "__add__", "backward")
]
HOSTILE["Value"] += [
    _value(f"tanh {text}", tanh=lambda self, make=make: make((self,))) for text, make in RESULTS
]
HOSTILE["Value"] += [tables.no_parameters, tables.keywords_only, tables.recurses, tables.yields]


@hostile("Value")
class ValueIsItsOwnParent(Base):
    """Every node is its own parent, so no walk ends by itself."""

    @property
    def parents(self):
        return (self,)


@hostile("Value")
class ValueWithNewParents(Base):
    """Makes new parents whenever it is asked for them."""

    @property
    def parents(self):
        return (type(self)(1.0), type(self)(2.0))


@hostile("Value")
class ValueThatRaisesWhenLookedAt(Base):
    """Its data raises SystemExit."""

    @property
    def grad(self):
        raise SystemExit

    @grad.setter
    def grad(self, value):
        pass


@hostile("Value")
class ValueThatEqualsEverything(Base):
    """Equals everything, and its data is an object that does."""

    class Yes:
        def __eq__(self, other):
            return True

        def __float__(self):
            return math.nan

    def backward(self):
        for node in parents_first(self):
            node.grad = self.Yes()


@hostile("topological_order")
def order_of_strangers(root):
    """Nodes of its own making."""
    return [type(root)() for _ in parents_first(root)]
