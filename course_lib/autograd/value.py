"""Automatic differentiation of single numbers, in its smallest form.

Each operation keeps its arguments and the derivative of its result for each of them. `backward`
multiplies along the edges and adds where paths meet.
"""

import math


class Value:
    """A number that remembers what it was computed from: `.data`, `.parents`, and `.op`.

    `.local` holds its derivative for each parent.
    `.grad` is 0 until `backward` of something computed from it adds the derivative.
    """

    __slots__ = ("data", "grad", "local", "op", "parents")

    def __init__(self, data, parents=(), local=(), op=None):
        self.data = data
        self.grad = 0.0
        self.parents = parents
        self.op = op
        self.local = local

    def backward(self) -> None:
        """Add the derivative of this Value to `.grad` of every leaf that it was computed from.

        Inner Values get theirs afresh, so a second call adds once more, and no more than that.
        """
        order = topological_order(self)
        for node in order:
            if node.parents:
                node.grad = 0.0
        self.grad += 1.0
        for node in reversed(order):
            g = node.grad
            for parent, local in zip(node.parents, node.local):  # noqa: B905 - one per parent
                parent.grad += local * g

    def __add__(self, other):
        if not isinstance(other, Value):
            return Value(self.data + _number(other), (self,), (1.0,), "+")
        return Value(self.data + other.data, (self, other), (1.0, 1.0), "+")

    def __mul__(self, other):
        if not isinstance(other, Value):
            return Value(self.data * _number(other), (self,), (other,), "*")
        return Value(self.data * other.data, (self, other), (other.data, self.data), "*")

    def __sub__(self, other):
        if not isinstance(other, Value):
            return Value(self.data - _number(other), (self,), (1.0,), "-")
        return Value(self.data - other.data, (self, other), (1.0, -1.0), "-")

    def __truediv__(self, other):
        x = self.data
        if not isinstance(other, Value):
            return Value(x / _number(other), (self,), (1 / other,), "/")
        y = other.data
        return Value(x / y, (self, other), (1 / y, -x / (y * y)), "/")

    def __pow__(self, exponent):
        if isinstance(exponent, Value):
            raise TypeError("the exponent is a Value, expected a plain number")
        x, p = self.data, _number(exponent)
        if x < 0 and p % 1:
            raise ValueError(f"{x:g} to the power {p:g} is not a real number")
        if x == 0 and 0 < p < 1:
            slope = math.inf
        else:
            slope = p * x ** (p - 1) if p else 0.0
        return Value(x**p, (self,), (slope,), f"**{p:g}")

    def __neg__(self):
        return Value(-self.data, (self,), (-1.0,), "-")

    __radd__ = __add__
    __rmul__ = __mul__

    def __rsub__(self, other):
        return Value(_number(other) - self.data, (self,), (-1.0,), "-")

    def __rtruediv__(self, other):
        x = self.data
        return Value(_number(other) / x, (self,), (-other / (x * x),), "/")

    def relu(self):
        """max(self, 0). Its derivative at 0 is 0."""
        x = self.data
        return Value(x if x > 0 else 0.0, (self,), (1.0 if x > 0 else 0.0,), "relu")

    def exp(self):
        """e to the power self."""
        y = math.exp(self.data)
        return Value(y, (self,), (y,), "exp")

    def tanh(self):
        """The hyperbolic tangent."""
        y = math.tanh(self.data)
        return Value(y, (self,), (1 - y * y,), "tanh")

    def __repr__(self):
        made = f", from {self.op}" if self.op else ""
        return f"Value({self.data:g}, grad {self.grad:g}{made})"


def _number(other):
    if isinstance(other, bool) or not hasattr(other, "__float__") or getattr(other, "shape", ()):
        raise TypeError(
            f"a Value was combined with {type(other).__name__}, expected a Value or a number"
        )
    return other


def topological_order(root) -> list:
    """Every node that root was computed from, once, after its parents; root comes last.

    Nodes have `.parents`. No recursion, so a graph may be of any depth.
    """
    order, seen, waiting = [], {id(root)}, [(root, iter(root.parents))]
    while waiting:
        node, parents = waiting[-1]
        for parent in parents:
            if id(parent) not in seen:
                seen.add(id(parent))
                waiting.append((parent, iter(parent.parents)))
                break
        else:
            waiting.pop()
            order.append(node)
    return order
