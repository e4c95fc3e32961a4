"""Functions of functions: gradients, vjps, Jacobians and Hessians of plain Python functions.

Every call wraps its arguments in Tensors of its own, so that a derivative sees its own variables
only: in x * d/dy(x * y) the first x is a constant of the inner derivative, even at y = x. Where
something outside may ask for the gradient of a gradient, it is computed with Tensors, otherwise
with plain arrays. So they nest, grad(grad(f)), and need no flag.
"""

import numpy as np

from .core import (
    Tensor,
    collect,
    defvjp,
    followed,
    owned,
    primitive,
    raw,
    recording,
    seed,
    set_recording,
    tracked,
    walk_back,
)
from .ops import multiply, reshape, stack, sum


@primitive
def _variable(x):
    """x itself, as another node of the graph."""
    return np.array(x)


defvjp(_variable, lambda g, out, x: g)


class _Traced:
    """The result of f at variables of its own, and the way back to them."""

    def __init__(self, f, xs, what):
        self.outer = recording()  # whether somebody outside may look at what is computed here
        with set_recording(True), followed():
            variables = [_variable(x) if tracked([x]) else _leaf(x, what) for x in xs]
            out = f(*variables)
        if not isinstance(out, Tensor):
            raise TypeError(
                f"{what} needs a function that returns a Tensor, but it returned "
                f"{type(out).__name__}: float() and .data leave the graph, so use the operations "
                "of course_lib.autograd all the way"
            )
        self._variables, self._out, self._nodes, outside = variables, out, [], False
        if out.requires_grad:
            self._nodes, outside = collect(out, variables)
        self._nests = self.outer and outside
        self.out = out if self._nests else out.detach()

    def gradients(self, g):
        """The gradient for each variable, given g for the result; 0 where it does not matter."""
        nests = recording() and (self._nests or (self.outer and bool(tracked([g]))))
        g = g if nests else raw(g)
        with set_recording(nests):
            found = walk_back(self._out, g, self._nodes, self._variables, differentiable=nests)
            found = found if nests else owned(found, g)
            sent = {id(variable): gradient for variable, gradient in found}
        for variable in self._variables:
            gradient = sent.get(id(variable))
            if gradient is None:
                gradient = np.zeros(variable.shape, variable.dtype)
            yield gradient if isinstance(gradient, Tensor) else Tensor(gradient)


def _leaf(x, what):
    data = np.asarray(raw(x))
    if data.dtype.kind in "iub":
        data = data.astype(np.float64)
    if data.dtype.kind != "f":
        raise TypeError(f"{what} got {data.dtype}, expected floating-point numbers")
    return Tensor(data, requires_grad=True)


def vjp(f, *xs):
    """f(*xs), and a function that sends an upstream gradient back: (out, pullback).

    pullback(g), with g of the shape of out, returns a tuple: the gradient of sum(g * out) with
    respect to each of xs, of its shape. Raises TypeError unless f returns a Tensor.
    """
    traced = _Traced(f, xs, "vjp")

    def pullback(g):
        if np.shape(raw(g)) != traced.out.shape:
            raise ValueError(f"g has shape {np.shape(raw(g))}, expected {traced.out.shape}")
        return tuple(traced.gradients(g if isinstance(g, Tensor) else seed(traced.out, g)))

    return traced.out, pullback


def value_and_grad(f, argnums=0):
    """A function that returns (f(*args), gradient of f for the argument number `argnums`).

    f must return a single number. argnums: one position, or a tuple of them for a tuple of
    gradients. Other arguments, and those given by name, are constants.
    Raises ValueError when f returns several numbers, TypeError when it returns no Tensor.
    """
    several = isinstance(argnums, tuple)
    positions = argnums if several else (argnums,)

    def value_and_gradient(*args, **kwargs):
        if not all(isinstance(k, int) for k in positions):
            raise TypeError(f"argnums is {argnums}, expected a number or a tuple of numbers")
        if not all(-len(args) <= k < len(args) for k in positions):
            raise ValueError(f"argnums is {argnums}, but there are {len(args)} arguments")

        if len({k % len(args) for k in positions}) < len(positions):
            raise ValueError(f"argnums is {argnums}: a position is given twice")

        def of_variables(*variables):
            changed = list(args)
            for k, variable in zip(positions, variables, strict=True):
                changed[k] = variable
            return f(*changed, **kwargs)

        traced = _Traced(of_variables, [args[k] for k in positions], "grad")
        if traced.out.size != 1:
            raise ValueError(
                f"grad needs a function that returns a single number, but it returned shape "
                f"{traced.out.shape}: take its sum or mean, or use jacobian"
            )
        gradients = tuple(traced.gradients(seed(traced.out)))
        return traced.out, gradients if several else gradients[0]

    return value_and_gradient


def grad(f, argnums=0):
    """A function that returns the gradient of f, a Tensor of the shape of the argument.

    Everything else as in `value_and_grad`. grad(grad(f)) is the second derivative of a function of
    one number; for several numbers see `hessian` and `hvp`.
    """
    both = value_and_grad(f, argnums)
    return lambda *args, **kwargs: both(*args, **kwargs)[1]


def jacobian(f):
    """A function of x that returns the Jacobian of f, of shape f(x).shape + x.shape.

    One walk back for each number in f(x). Raises TypeError when f returns no Tensor.
    """

    def at(x):
        out, pullback = vjp(f, x)
        if out.size == 0:
            return Tensor(np.zeros(out.shape + np.shape(raw(x)), out.dtype))
        rows = []
        for k in range(out.size):
            g = np.zeros(out.size, out.dtype)
            g[k] = 1
            rows.append(pullback(g.reshape(out.shape))[0])
        return reshape(stack(rows), shape=out.shape + np.shape(raw(x)))

    return at


def hvp(f, x, v):
    """The Hessian of f at x times v, without the Hessian: the gradient of sum(grad(f)(x) * v).

    f returns a single number; v has the shape of x. It costs about as much as two gradients.
    Raises ValueError when v has another shape.
    Source: Pearlmutter, "Fast exact multiplication by the Hessian", Neural Computation 6, 1994.
    """
    if np.shape(raw(v)) != np.shape(raw(x)):
        raise ValueError(f"v has shape {np.shape(raw(v))}, expected {np.shape(raw(x))}, that of x")
    return grad(lambda x: sum(multiply(grad(f)(x), v)))(x)


def hessian(f):
    """A function of x that returns all second derivatives of f, of shape x.shape + x.shape.

    f returns a single number. The Hessian is the Jacobian of the gradient.
    """
    return jacobian(grad(f))
