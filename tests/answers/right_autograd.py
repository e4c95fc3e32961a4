"""Right answers to the exercises on automatic differentiation, in odd but legitimate styles.

They are registered in the table of `right`, and hold for all valid inputs, which they leave alone.
"""

import collections
import functools
import graphlib
import itertools
import math
from dataclasses import dataclass, field

import numpy as np

from course_lib import autograd
from course_lib.autograd import Tensor, grad, hvp, jacobian, vjp

from .right import RIGHT, right

# ---------------------------------------------------------------------------- topological_order


@right("topological_order")
def order_by_graphlib(root):
    """The standard library knows how."""
    sorter, waiting, seen = graphlib.TopologicalSorter(), [root], {root}
    while waiting:
        node = waiting.pop()
        sorter.add(node, *node.parents)
        for parent in node.parents:
            if parent not in seen:
                seen.add(parent)
                waiting.append(parent)
    return list(sorter.static_order())


@right("topological_order")
def order_by_generator(root):
    """A recursive generator."""
    seen = set()

    def walk(node):
        if node not in seen:
            seen.add(node)
            for parent in node.parents:
                yield from walk(parent)
            yield node

    return list(walk(root))


@right("topological_order")
def order_from_the_last_parent(root):
    """Visits the last parent first."""
    order = []

    def visit(node):
        if node in order:
            return
        for parent in reversed(node.parents):
            visit(parent)
        order.append(node)

    visit(root)
    return order


@right("topological_order")
def order_in_rounds(root):
    """Takes whatever has all its parents in the list, round by round."""
    nodes, waiting = [], [root]
    while waiting:
        node = waiting.pop()
        if not any(node is other for other in nodes):
            nodes.append(node)
            waiting.extend(node.parents)
    order, done = [], set()
    while len(order) < len(nodes):
        for node in nodes:
            if id(node) not in done and all(id(p) in done for p in node.parents):
                done.add(id(node))
                order.append(node)
    return order


@right("topological_order")
def order_in_a_deque(root):
    """A deque that grows on the left, from the root, with the longest distances."""
    far = {root: 0}
    queue = collections.deque([root])
    while queue:
        node = queue.popleft()
        for parent in node.parents:
            if far.get(parent, -1) < far[node] + 1:
                far[parent] = far[node] + 1
                queue.append(parent)
    return collections.deque(sorted(far, key=lambda n: -far[n]))


@right("topological_order")
def order_of_engine(root):
    """The engine's own."""
    return autograd.topological_order(root)


class Walker:
    """A callable object that begins anew each time."""

    def __call__(self, root):
        self.order, self.seen = [], set()
        self.visit(root)
        return tuple(self.order)

    def visit(self, node):
        if id(node) not in self.seen:
            self.seen.add(id(node))
            for parent in node.parents:
                self.visit(parent)
            self.order += [node]


RIGHT["topological_order"].append(Walker())


@right("topological_order")
def order_marks_and_unmarks(root):
    """Marks nodes, and takes the marks off again."""
    order = []

    def visit(node):
        if not hasattr(node, "mark"):
            node.mark = True
            for parent in node.parents:
                visit(parent)
            order.append(node)

    visit(root)
    for node in order:
        del node.mark
    return order


# ---------------------------------------------------------------------------------------- Value


RIGHT["Value"] = [autograd.Value]


@right("Value")
class TaggedValue:
    """Keeps the name of its operation; one table of derivatives for all."""

    slopes = {
        "+": lambda x, y: (1, 1),
        "-": lambda x, y: (1, -1),
        "*": lambda x, y: (y, x),
        "/": lambda x, y: (1 / y, -x / y**2),
        "**": lambda x, n: (n * x ** (n - 1), 0),
        "relu": lambda x: (int(x >= 0),),
        "exp": lambda x: (math.exp(x),),
        "tanh": lambda x: (1 / math.cosh(x) ** 2,),
    }
    values = {
        "+": lambda x, y: x + y,
        "-": lambda x, y: x - y,
        "*": lambda x, y: x * y,
        "/": lambda x, y: x / y,
        "**": lambda x, n: x**n,
        "relu": lambda x: max(x, 0),
        "exp": math.exp,
        "tanh": math.tanh,
    }

    def __init__(self, data, op="", parents=()):
        self.data, self.op, self.parents, self.grad = data, op, tuple(parents), 0

    @classmethod
    def make(cls, op, *operands):
        operands = [o if isinstance(o, cls) else cls(o) for o in operands]
        return cls(cls.values[op](*(o.data for o in operands)), op, operands)

    def backward(self):
        order = order_by_generator(self)
        self.grad = 1
        for node in order[::-1]:
            if node.op:
                local = self.slopes[node.op](*(p.data for p in node.parents))
                for parent, slope in zip(node.parents, local, strict=True):
                    parent.grad = parent.grad + node.grad * slope


for _name, _op in {"add": "+", "sub": "-", "mul": "*", "truediv": "/", "pow": "**"}.items():
    setattr(TaggedValue, f"__{_name}__", lambda self, y, op=_op: self.make(op, self, y))
    setattr(TaggedValue, f"__r{_name}__", lambda self, y, op=_op: self.make(op, y, self))
for _name in ("relu", "exp", "tanh"):
    setattr(TaggedValue, _name, lambda self, op=_name: self.make(op, self))


@right("Value")
@dataclass(eq=False)
class DataValue:
    """A dataclass; everything is made of sums, products, powers and exp."""

    data: float
    parents: tuple = ()
    local: tuple = ()
    grad: float = field(default=0.0, init=False)

    def __add__(self, other):
        if not isinstance(other, DataValue):
            return DataValue(self.data + other, (self,), (1.0,))
        return DataValue(self.data + other.data, (self, other), (1.0, 1.0))

    def __mul__(self, other):
        if not isinstance(other, DataValue):
            return DataValue(self.data * other, (self,), (other,))
        return DataValue(self.data * other.data, (self, other), (other.data, self.data))

    __radd__, __rmul__ = __add__, __mul__

    def __pow__(self, n):
        return DataValue(self.data**n, (self,), (n * self.data ** (n - 1),))

    def __neg__(self):
        return -1 * self

    def __sub__(self, other):
        return self + -1 * other

    def __rsub__(self, other):
        return other + -self

    def __truediv__(self, other):
        return self * (other**-1)

    def __rtruediv__(self, other):
        return other * self**-1

    def relu(self):
        return self * (self.data > 0)

    def exp(self):
        e = math.exp(self.data)
        return DataValue(e, (self,), (e,))

    def tanh(self):
        e = (2 * self).exp()
        return (e - 1) / (e + 1)

    def backward(self):
        self.grad = 1.0
        for node in reversed(order_by_generator(self)):
            for parent, slope in zip(node.parents, node.local, strict=True):
                parent.grad += slope * node.grad


@right("Value")
class NumberedValue(DataValue):
    """Nodes are numbered as they are made; a heap hands out the newest first."""

    count = itertools.count()

    def __init__(self, data, parents=(), local=()):
        super().__init__(data, parents, local)
        self.number = next(self.count)

    def _as_mine(self, other):
        return NumberedValue(other.data, other.parents, other.local)

    def __add__(self, other):
        return self._as_mine(super().__add__(other))

    def __mul__(self, other):
        return self._as_mine(super().__mul__(other))

    __radd__, __rmul__ = __add__, __mul__

    def __pow__(self, n):
        return self._as_mine(super().__pow__(n))

    def exp(self):
        return self._as_mine(super().exp())

    def backward(self):
        self.grad, waiting, seen = 1.0, [self], {self.number}
        while waiting:
            waiting.sort(key=lambda node: node.number)
            node = waiting.pop()
            for parent, slope in zip(node.parents, node.local, strict=True):
                parent.grad += slope * node.grad
                if parent.number not in seen:
                    seen.add(parent.number)
                    waiting.append(parent)


@right("Value")
class TapeValue(TaggedValue):
    """A tape of its own for every node: all that it was made from, in order."""

    def __init__(self, data, op="", parents=()):
        super().__init__(data, op, parents)
        together = [n for p in self.parents for n in p.tape]
        self.tape = [*dict.fromkeys(together), self] if len(together) < 400 else [*together, self]

    def backward(self):
        for node in self.tape:
            node.grad = 0.0
        super().backward()


@right("Value")
class LazyValue(TaggedValue):
    """Asks every node for its gradient, which asks those that use it, and remembers."""

    def backward(self):
        order = order_by_generator(self)
        users = collections.defaultdict(list)
        for node in order:
            for place, parent in enumerate(node.parents):
                users[parent].append((node, place))

        @functools.cache
        def gradient(node):
            if node is self:
                return np.float64(1.0)
            return sum(
                gradient(user) * self.slopes[user.op](*(p.data for p in user.parents))[place]
                for user, place in users[node]
            )

        for node in reversed(order):
            node.grad = gradient(node)


# ---------------------------------------------------------------------------------- unbroadcast


@right("unbroadcast")
def undo_by_numbers(gradient, shape):
    """Numbers the entries, broadcasts the numbers, and counts with weights."""
    size = int(np.prod(shape, dtype=int))
    places = np.broadcast_to(np.arange(size).reshape(shape), gradient.shape)
    return np.bincount(places.ravel(), gradient.ravel(), minlength=size).reshape(shape)


@right("unbroadcast")
def undo_by_einsum(gradient, shape):
    """einsum with the letters of the axes that are kept."""
    letters = "abcdefg"[: gradient.ndim]
    own = letters[gradient.ndim - len(shape) :]
    kept = "".join(c for c, n in zip(own, shape, strict=True) if n > 1)
    return np.einsum(f"{letters}->{kept}", gradient).reshape(shape)


@right("unbroadcast")
def undo_by_add_at(gradient, shape):
    """np.add.at through a broadcast view of numbers."""
    result = np.zeros(shape)
    flat = result.reshape(-1)
    places = np.broadcast_to(np.arange(flat.size).reshape(shape), gradient.shape)
    np.add.at(flat, places, gradient)
    return result


@right("unbroadcast")
def undo_by_vjp(gradient, shape):
    """The vjp of broadcast_to."""
    _, back = vjp(lambda x: autograd.broadcast_to(x, gradient.shape), np.zeros(shape))
    return back(gradient)[0]


@right("unbroadcast")
def undo_by_recursion(gradient, shape):
    """One axis at a time, recursively."""
    if gradient.ndim > len(shape):
        return undo_by_recursion(gradient.sum(0), shape)
    for k in range(len(shape)):
        if shape[k] == 1 != gradient.shape[k]:
            return undo_by_recursion(gradient.sum(k, keepdims=True), shape)
    return gradient


@right("unbroadcast")
def undo_by_ones(gradient, shape):
    """np.add.reduce over axes that differ from a padded shape."""
    padded = (1,) * (gradient.ndim - len(shape)) + shape
    for k in range(gradient.ndim):
        if padded[k] == 1:
            gradient = np.add.reduce(gradient, axis=k, keepdims=True)
    return gradient.reshape(shape).tolist()


# ----------------------------------------------------------------------------------- matmul_vjp


@right("matmul_vjp")
def product_by_loops(g, x, y):
    """Loops over all three sizes; the stack in the dots."""
    gx, gy = np.zeros(x.shape), np.zeros(y.shape)
    n, k, m = x.shape[-2], x.shape[-1], y.shape[-1]
    for i, j, p in itertools.product(range(n), range(k), range(m)):
        gx[..., i, j] += g[..., i, p] * y[..., j, p]
        gy[..., j, p] += x[..., i, j] * g[..., i, p]
    return gx, gy


@right("matmul_vjp")
def product_by_sums(g, x, y):
    """Products entry by entry, summed."""
    return (
        (g[..., :, None, :] * y[..., None, :, :]).sum(-1),
        (x[..., :, :, None] * g[..., :, None, :]).sum(-3),
    )


@right("matmul_vjp")
def product_by_engine(g, x, y):
    """The engine's vjp; Tensors come back."""
    _, back = vjp(lambda x, y: x @ y, x, y)
    return back(g)


@right("matmul_vjp")
def product_by_moveaxis(g, x, y):
    """moveaxis, and arrays in an object array."""
    pair = np.empty(2, dtype=object)
    pair[0] = g @ np.moveaxis(y, -1, -2)
    pair[1] = np.moveaxis(x, -2, -1) @ g
    return list(pair)


@right("matmul_vjp")
def product_by_jacobian_rows(g, x, y):
    """x @ y is linear in each: gradients by unit vectors."""
    gx, gy = np.zeros(x.shape), np.zeros(y.shape)
    for gradient, f in ((gx, lambda e: e @ y), (gy, lambda e: x @ e)):
        for i in np.ndindex(gradient.shape):
            e = np.zeros(gradient.shape)
            e[i] = 1
            gradient[i] = (g * f(e)).sum()
    return gx, gy


@right("matmul_vjp")
def product_by_flat_stacks(g, x, y):
    """Flattens the leading axes, multiplies, and puts them back."""
    G, X, Y = (a.reshape(-1, *a.shape[-2:]) for a in (g, x, y))
    gx = [a @ b.T for a, b in zip(G, Y, strict=True)]
    gy = [a.T @ b for a, b in zip(X, G, strict=True)]
    return np.reshape(gx, x.shape), np.reshape(gy, y.shape)


# -------------------------------------------------------------------------------------- sum_vjp


@right("sum_vjp")
def sum_by_engine(g, x, axis, keepdims):
    """The engine's vjp."""
    return vjp(lambda x: x.sum(axis, keepdims), x)[1](g)[0]


@right("sum_vjp")
def sum_by_zeros(g, x, axis, keepdims):
    """g plus zeros, through the kept shape."""
    return x * 0 + np.reshape(g, x.sum(axis=axis, keepdims=True).shape)


@right("sum_vjp")
def sum_axis_zero_needs_nothing(g, x, axis, keepdims):
    """`if axis` leaves axis 0 out, where broadcasting does it anyway."""
    return (np.expand_dims(g, axis) if axis and not keepdims else g) * np.ones_like(x)


@right("sum_vjp")
def sum_by_repeat(g, x, axis, keepdims):
    """np.repeat along one axis after the other."""
    axes = range(x.ndim) if axis is None else sorted(k % x.ndim for k in np.atleast_1d(axis))
    for k in axes:
        if not keepdims:
            g = np.expand_dims(g, k)
        g = np.repeat(g, x.shape[k], axis=k)
    return g


@right("sum_vjp")
def sum_by_index(g, x, axis, keepdims):
    """Indexing with None."""
    if axis is not None and not keepdims:
        axes = {k % x.ndim for k in (axis if isinstance(axis, tuple) else (axis,))}
        g = np.asarray(g)[tuple(None if k in axes else slice(None) for k in range(x.ndim))]
    return np.tile(g, [a // b for a, b in zip(x.shape, np.shape(g), strict=False)] or x.shape)


@right("sum_vjp")
def sum_by_numbers(g, x, axis, keepdims):
    """Numbers the sums and looks each entry's up."""
    shape = x.sum(axis=axis, keepdims=True).shape
    places = np.broadcast_to(np.arange(np.prod(shape)).reshape(shape), x.shape)
    return np.ravel(g)[places]


@right("sum_vjp")
def sum_by_units(g, x, axis, keepdims):
    """One unit vector after the other."""
    gx = np.empty(x.shape)
    for i in np.ndindex(x.shape):
        e = np.zeros(x.shape)
        e[i] = 1.0
        gx[i] = np.sum(e.sum(axis=axis, keepdims=keepdims) * g)
    return gx.tolist()


# -------------------------------------------------------------------------------- transpose_vjp


@right("transpose_vjp")
def turn_by_engine(g, axes):
    """The engine's vjp, on a shape found by looking up."""
    shape = [g.shape[axes.index(k)] for k in range(len(axes))]
    return vjp(lambda x: x.transpose(axes), np.zeros(shape))[1](g)[0]


@right("transpose_vjp")
def turn_by_sorting(g, axes):
    """Sorts pairs."""
    return g.transpose([k for _, k in sorted(zip(axes, range(g.ndim), strict=True))])


@right("transpose_vjp")
def turn_by_dictionary(g, axes):
    """A dictionary from where to where."""
    back = {went: came for came, went in enumerate(axes)}
    return np.transpose(g, tuple(back[k] for k in range(g.ndim))).copy()


@right("transpose_vjp")
def turn_by_einsum(g, axes):
    """einsum with letters."""
    letters = "abcdef"[: len(axes)]
    return np.einsum(f"{''.join(letters[a] for a in axes)}->{letters}", g)


@right("transpose_vjp")
def turn_by_swaps(g, axes):
    """Swaps axes until they are sorted."""
    axes = list(axes)
    for k in range(len(axes)):
        j = axes.index(k)
        g = np.swapaxes(g, k, j)
        axes[k], axes[j] = axes[j], axes[k]
    return g


@right("transpose_vjp")
def turn_until_it_comes_round(g, axes):
    """Transposes again and again: some power of a permutation is its inverse."""
    start = tuple(range(len(axes)))
    now = start
    while tuple(now[a] for a in axes) != start:
        g, now = g.transpose(axes), tuple(now[a] for a in axes)
    return g


# ---------------------------------------------------------------------------------- getitem_vjp


@right("getitem_vjp")
def index_by_engine(g, x, index):
    """The engine's vjp."""
    return vjp(lambda x: x[index], x)[1](g)[0]


@right("getitem_vjp")
def index_by_numbers_and_loop(g, x, index):
    """A dictionary of totals."""
    totals = collections.Counter()
    places = np.arange(x.size).reshape(x.shape)[index]
    for place, number in np.broadcast(places, g):
        totals[int(place)] += float(number)
    return np.array([totals[k] for k in range(x.size)]).reshape(x.shape)


@right("getitem_vjp")
def index_by_units(g, x, index):
    """One unit vector after the other."""
    gx = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        e = np.zeros(x.shape)
        e[i] = 1.0
        gx[i] = np.sum(e[index] * g)
    return gx


@right("getitem_vjp")
def index_by_sorting(g, x, index):
    """Sorts the places and sums runs."""
    places = np.ravel(np.arange(x.size).reshape(x.shape)[index])
    gx = np.zeros(x.size)
    order = np.argsort(places, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(places[order]) > 0])
    gx[places[order][starts]] = np.add.reduceat(np.ravel(g)[order], starts)
    return gx.reshape(x.shape)


@right("getitem_vjp")
def index_by_matrix(g, x, index):
    """A one-hot matrix, transposed."""
    onehot = np.eye(x.size)[np.ravel(np.arange(x.size).reshape(x.shape)[index])]
    return (onehot.T @ np.ravel(g)).reshape(x.shape)


@right("getitem_vjp")
def index_by_assignment_where_it_will_do(g, x, index):
    """`=` for slices and masks; add.at only for arrays of numbers."""
    gx = np.zeros(x.shape)
    parts = index if isinstance(index, tuple) else (index,)
    if any(isinstance(p, np.ndarray) and p.dtype != bool for p in parts):
        np.add.at(gx, index, g)
    else:
        gx[index] = g
    return gx


# ----------------------------------------------------------------------- hessian_vector_product


@right("hessian_vector_product")
def curve_by_engine(f, x, v):
    """The engine's own."""
    return hvp(f, x, v)


@right("hessian_vector_product")
def curve_by_jacobian(f, x, v):
    """The whole Hessian, and a product."""
    H = jacobian(grad(f))(x).data.reshape(x.size, x.size)
    return (H @ v.ravel()).reshape(x.shape)


@right("hessian_vector_product")
def curve_by_vjp(f, x, v):
    """The Hessian is symmetric, so the vjp of the gradient will do."""
    return vjp(grad(f), x)[1](v)[0]


@right("hessian_vector_product")
def curve_by_backward(f, x, v):
    """A leaf, backward, and its .grad."""
    leaf = Tensor(x, requires_grad=True)
    (grad(f)(leaf) * v).sum().backward()
    return leaf.grad


@right("hessian_vector_product")
def curve_of_a_function(f, x, v):
    """The engine's sum, functions with names, and a plain number times it."""

    def along_v(point):
        return autograd.sum(autograd.multiply(v, grad(f)(point)))

    return 1.0 * grad(along_v)(x)


@right("hessian_vector_product")
def curve_by_rows(f, x, v):
    """One row of the Hessian for each entry of v, in nested lists."""
    total = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        total = total + v[i] * grad(lambda x, i=i: grad(f)(x)[i])(x).data
    return total.tolist()


@right("hessian_vector_product")
def curve_by_a_line(f, x, v):
    """The gradient along a line, differentiated at 0."""
    return jacobian(lambda t: grad(f)(x + t * v))(0.0).data
