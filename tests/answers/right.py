"""Right answers in odd but legitimate styles, which a judge must accept.

RIGHT maps an exercise to attempts which are right for all valid inputs and leave them alone.
"""

import cmath
import itertools
import math
import operator
from collections import namedtuple
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial, reduce

import numpy as np

RIGHT: dict[str, list] = {}


def right(exercise):
    """Register the decorated attempt as a right answer to the exercise."""

    def register(attempt):
        RIGHT.setdefault(exercise, []).append(attempt)
        return attempt

    return register


class Dual:
    """A number with a derivative (forward-mode differentiation)."""

    __slots__ = ("derivative", "value")

    def __init__(self, value, derivative=0.0):
        self.value, self.derivative = value, derivative

    @classmethod
    def of(cls, other):
        return other if isinstance(other, cls) else cls(other)

    def __add__(self, other):
        other = Dual.of(other)
        return Dual(self.value + other.value, self.derivative + other.derivative)

    def __mul__(self, other):
        other = Dual.of(other)
        return Dual(
            self.value * other.value,
            self.derivative * other.value + self.value * other.derivative,
        )

    __radd__, __rmul__ = __add__, __mul__

    def sin(self):
        return Dual(np.sin(self.value), np.cos(self.value) * self.derivative)


# ------------------------------------------------------------------------------------ double

RIGHT["double"] = [
    lambda number: number + number,
    partial(operator.mul, 2),
    partial(np.multiply, 2.0),
]


@right("double")
def double_sums_generator(x):
    """Adds up a generator."""
    return sum(x for _ in range(2))


@right("double")
def double_exactly(x):
    """Works with fractions and returns a float."""
    return float(2 * Fraction(float(x)))


@right("double")
def double_any_arguments(*args, factor=2):
    """Takes any arguments and a keyword default."""
    (x,) = args
    return factor * x


@right("double")
def double_divides(x, /):
    """Divides by a half."""
    return x / 0.5


@right("double")
def double_moves_exponent(x):
    """Adds one to the binary exponent."""
    return math.ldexp(float(x), 1)


@right("double")
def double_narrow_if_exact(x):
    """Returns float32 where this loses nothing, else float64."""
    wide = np.asarray(x, dtype=float) * 2
    with np.errstate(all="ignore"):
        narrow = wide.astype(np.float32)
    return narrow if np.array_equal(narrow, wide) else wide


@right("double")
def double_long(x):
    """Returns a long double."""
    return np.longdouble(x) * 2


class Multiplier:
    """A callable object."""

    def __init__(self, factor):
        self.factor = factor

    def __call__(self, x):
        return self.factor * x


RIGHT["double"].append(Multiplier(2))

# --------------------------------------------------------------------------- quadratic_chain

RIGHT["quadratic_chain"] = [
    lambda x: 18 * x + 12,
    np.polynomial.Polynomial([2, 3]).__pow__(2).deriv(),
    np.poly1d([9.0, 12.0, 4.0]).deriv(),
    np.vectorize(lambda x: 6.0 * (3.0 * x + 2.0), otypes=[float]),
]


@right("quadratic_chain")
def quadratic_complex_step(x):
    """Takes a complex step, which is exact for polynomials."""
    h = 1e-30
    return ((3 * (x + 1j * h) + 2) ** 2).imag / h


@right("quadratic_chain")
def quadratic_dual(x):
    """Uses dual numbers."""
    inside = 3 * Dual(x, 1.0) + 2
    return (inside * inside).derivative


@right("quadratic_chain")
def quadratic_fractions(x):
    """Takes an exact central difference in fractions."""
    x, h = Fraction(float(x)), Fraction(1)
    return float(((3 * (x + h) + 2) ** 2 - (3 * (x - h) + 2) ** 2) / (2 * h))


@right("quadratic_chain")
def quadratic_named_steps(x):
    """Goes forward and back with named steps."""
    inside = 3 * x + 2
    d_square = 2 * inside
    d_inside = 3
    return d_square * d_inside


@right("quadratic_chain")
def quadratic_product_rule(point):
    """Applies the product rule to the square."""
    return 3 * (3 * point + 2) + (3 * point + 2) * 3


@right("quadratic_chain")
def quadratic_horner(x, coefficients=(18, 12)):
    """Evaluates the expanded derivative by Horner's rule."""
    return reduce(lambda total, c: total * x + c, coefficients, 0)


# --------------------------------------------------------------------------- gradient_of_two

Gradient = namedtuple("Gradient", "dx dy")

RIGHT["gradient_of_two"] = [lambda u, v: [2 * u * v, u * u + 3 * v * v]]


@right("gradient_of_two")
def two_array(x, y):
    """Returns an array of two numbers."""
    return np.array([2.0 * x * y, x**2 + 3.0 * y**2])


@right("gradient_of_two")
def two_named(x, y):
    """Returns a named tuple."""
    return Gradient(dx=2 * x * y, dy=x**2 + 3 * y**2)


@right("gradient_of_two")
def two_complex_step(x, y):
    """Takes a complex step in each direction."""
    h = 1e-30

    def f(u, v):
        return u * u * v + v * v * v

    return f(x + 1j * h, y).imag / h, f(x, y + 1j * h).imag / h


@right("gradient_of_two")
def two_dual(x, y):
    """Uses dual numbers, once for each variable."""

    def f(u, v):
        return u * u * v + v * v * v

    return tuple(f(Dual(x, dx), Dual(y, dy)).derivative for dx, dy in ((1, 0), (0, 1)))


@right("gradient_of_two")
def two_jacobian(x, y):
    """Multiplies a matrix by the gradients of the terms."""
    local = np.array([[2.0 * x, 0.0], [0.0, 1.0]])
    terms = np.array([y, x**2 + 3 * y**2], dtype=float)
    return local @ terms


@right("gradient_of_two")
def two_backwards(x, y):
    """Goes backward through f = y (x^2 + y^2)."""
    inside = x * x + y * y
    dy = inside
    d_inside = y
    dx = d_inside * 2 * x
    dy = dy + d_inside * 2 * y
    return dx, dy


@right("gradient_of_two")
def two_fractions(x, y):
    """Computes with fractions and returns floats."""
    x, y = Fraction(float(x)), Fraction(float(y))
    return float(2 * x * y), float(x**2 + 3 * y**2)


@right("gradient_of_two")
def two_list_of_zero_d(x, y):
    """Returns a list of 0-d arrays."""
    return [np.array(2.0 * x * y), np.array(x**2 + 3.0 * y**2)]


# ---------------------------------------------------------------------------- chain_backward

RIGHT["chain_backward"] = [
    lambda dy, x: 6 * x * dy * np.cos(3 * np.square(x) + 1),
    np.vectorize(lambda dy, x: dy * math.cos(3 * x * x + 1) * 6 * x, otypes=[float]),
]


@right("chain_backward")
def chain_complex_step(upstream, x):
    """Takes a complex step."""
    z = np.asarray(x) + 1e-30j
    return upstream * (np.sin(3 * z * z + 1).imag / 1e-30)


@right("chain_backward")
def chain_dual(upstream, x):
    """Uses dual numbers over arrays."""
    z = Dual(np.asarray(x), 1.0)
    return upstream * (3 * (z * z) + 1).sin().derivative


@right("chain_backward")
def chain_nested_lists(upstream, x):
    """Returns nested lists (or a float)."""
    return (upstream * np.cos(3 * np.asarray(x, dtype=float) ** 2 + 1) * 6 * x).tolist()


@right("chain_backward")
def chain_in_place_on_copy(upstream, x):
    """Works in place, but on an array of its own."""
    gradient = np.array(x, dtype=float)
    gradient *= x
    gradient *= 3
    gradient += 1
    np.cos(gradient, out=gradient)
    gradient *= 6
    gradient *= x
    gradient *= upstream
    return gradient


@right("chain_backward")
def chain_recursive(upstream, x):
    """Calls itself on every row until only numbers are left."""
    if np.ndim(x) == 0:
        return upstream * math.cos(3 * x * x + 1) * 6 * x
    pairs = zip(np.broadcast_to(upstream, np.shape(x)), x, strict=True)
    return np.array([chain_recursive(dy, row) for dy, row in pairs]).reshape(np.shape(x))


@right("chain_backward")
def chain_nditer(upstream, x):
    """Walks with np.nditer."""
    with np.nditer(
        [np.asarray(upstream, dtype=float), np.asarray(x, dtype=float), None],
        flags=["zerosize_ok"],
        op_flags=[["readonly"], ["readonly"], ["writeonly", "allocate"]],
    ) as walk:
        for dy, value, out in walk:
            out[...] = dy * np.cos(3 * value**2 + 1) * 6 * value
        return walk.operands[2]


@right("chain_backward")
def chain_shifted_sine(upstream, x):
    """Writes the cosine as a real part of a complex exponential."""
    inside = 3 * np.asarray(x) ** 2 + 1
    return upstream * np.exp(1j * inside).real * 6 * x


@right("chain_backward")
def chain_column_major(upstream, x):
    """Returns an array in column order."""
    return np.array(upstream * np.cos(3 * np.asarray(x) ** 2 + 1) * (6 * x), order="F")


# -------------------------------------------------------------------- backward_through_chain


@right("backward_through_chain")
def through_forward_mode(x, functions, derivatives):
    """Multiplies on the way forward."""
    gradient = 1
    for function, derivative in zip(functions, derivatives, strict=True):
        x, gradient = function(x), gradient * derivative(x)
    return gradient


@right("backward_through_chain")
def through_recursion(x, functions, derivatives):
    """Calls itself on the rest of the chain."""
    if not functions:
        return 1.0
    first, *rest = functions
    slope, *slopes = derivatives
    return through_recursion(first(x), rest, slopes) * slope(x)


@right("backward_through_chain")
def through_accumulate(x, functions, derivatives):
    """Collects the values with itertools.accumulate."""
    values = itertools.accumulate(functions, lambda value, f: f(value), initial=x)
    return math.prod(d(value) for d, value in zip(derivatives, values, strict=False))


@right("backward_through_chain")
def through_tape(start, fs, ds):
    """Keeps a tape on a stack and pops it (its own list)."""
    tape = []
    for f, d in zip(fs, ds, strict=True):
        tape.append((d, start))
        start = f(start)
    gradient = 1.0
    while tape:
        d, value = tape.pop()
        gradient = d(value) * gradient
    return gradient


@right("backward_through_chain")
def through_reduce(x, functions, derivatives):
    """Reduces pairs of value and derivative."""
    return reduce(
        lambda pair, step: (step[0](pair[0]), pair[1] * step[1](pair[0])),
        zip(functions, derivatives, strict=True),
        (x, 1.0),
    )[1]


@right("backward_through_chain")
def through_array_product(x, functions, derivatives):
    """Returns the product of an array as a 0-d array."""
    local = np.ones(len(functions) + 1)
    for i in range(len(functions)):
        local[i + 1] = derivatives[i](x)
        x = functions[i](x)
    return np.array(np.prod(local))


@right("backward_through_chain")
def through_closures(x, functions, derivatives):
    """Builds one backward closure per step and calls the last."""
    backward = float
    for function, derivative in zip(functions, derivatives, strict=True):
        backward = partial(_pull_back, backward, derivative(x))
        x = function(x)
    return backward(1.0)


def _pull_back(before, local, upstream):
    return before(upstream * local)


@right("backward_through_chain")
def through_dictionary(x, functions, derivatives):
    """Keeps the values in a dict by position."""
    values = {0: x}
    for i, function in enumerate(functions):
        values[i + 1] = function(values[i])
    gradient = 1.0
    for i in sorted(range(len(functions)), reverse=True):
        gradient *= derivatives[i](values[i])
    return gradient


@right("backward_through_chain")
class through_class:
    """A class whose call returns a float subclass instance holding the answer."""

    def __new__(cls, x, functions, derivatives):
        return np.float64(through_forward_mode(x, functions, derivatives))


# ----------------------------------------------------------------------------- fork_backward

RIGHT["fork_backward"] = [
    lambda dy, x: dy * x * (2 * np.sin(x) + x * np.cos(x)),
    np.vectorize(lambda dy, x: dy * (2 * x * math.sin(x) + x * x * math.cos(x)), otypes=[float]),
]


@right("fork_backward")
def fork_adds_branches(upstream, x):
    """Starts from zero and adds each branch."""
    x = np.asarray(x)
    gradient = np.zeros(np.broadcast_shapes(np.shape(upstream), x.shape))
    gradient = gradient + upstream * np.sin(x) * 2 * x
    gradient = gradient + upstream * x**2 * np.cos(x)
    return gradient


@right("fork_backward")
def fork_three_factors(upstream, x):
    """Counts x twice: x times x times sin(x) has three factors."""
    s = np.sin(x)
    return sum(upstream * part for part in (x * s, x * s, x * x * np.cos(x)))


@right("fork_backward")
def fork_complex_step(upstream, x):
    """Takes a complex step."""
    z = np.asarray(x) + 1e-30j
    return upstream * ((z * z * np.sin(z)).imag / 1e-30)


@right("fork_backward")
def fork_dual(upstream, x):
    """Uses dual numbers."""
    z = Dual(np.asarray(x), 1.0)
    return upstream * (z * z * z.sin()).derivative


@right("fork_backward")
def fork_lists(upstream, x):
    """Returns nested lists (or a float)."""
    x = np.asarray(x, dtype=float)
    return (upstream * (2 * x * np.sin(x) + np.square(x) * np.cos(x))).tolist()


@right("fork_backward")
def fork_ndenumerate(upstream, x):
    """Fills an array entry by entry."""
    upstream, x = np.broadcast_arrays(upstream, x)
    gradient = np.empty(x.shape)
    for index, value in np.ndenumerate(x):
        a, b = value * value, math.sin(value)
        da, db = upstream[index] * b, upstream[index] * a
        gradient[index] = da * 2 * value + db * math.cos(value)
    return gradient


@right("fork_backward")
def fork_einsum(upstream, x):
    """Multiplies and adds with einsum over the two branches."""
    x = np.asarray(x, dtype=float)
    outer = np.array([np.sin(x), x**2])
    inner = np.array([2 * x, np.cos(x)])
    return np.einsum("k...,k...,...->...", outer, inner, upstream)


# -------------------------------------------------------------------------- sigmoid_backward


@right("sigmoid_backward")
def sigmoid_by_tanh(upstream, z):
    """Writes the sigmoid with tanh."""
    s = 0.5 * (1 + np.tanh(0.5 * np.asarray(z)))
    return upstream * s * (1 - s)


@right("sigmoid_backward")
def sigmoid_even(upstream, z):
    """Uses that the slope is even, so that the exponential never overflows."""
    e = np.exp(-np.abs(z))
    return upstream * e / (1 + e) ** 2


@right("sigmoid_backward")
def sigmoid_closed_form(upstream, z):
    """Writes the slope as (1 - tanh^2(z / 2)) / 4."""
    return upstream * (1 - np.tanh(np.asarray(z) / 2) ** 2) / 4


@right("sigmoid_backward")
def sigmoid_where(upstream, z):
    """Computes each half where it is stable."""
    z = np.asarray(z, dtype=float)
    up = 1 / (1 + np.exp(-np.maximum(z, 0)))
    e = np.exp(np.minimum(z, 0))
    s = np.where(z >= 0, up, e / (1 + e))
    return np.asarray(upstream) * (s - s**2)


@right("sigmoid_backward")
def sigmoid_logaddexp(upstream, z):
    """Works with logarithms: exp(-log(1 + e^z) - log(1 + e^-z))."""
    z = np.asarray(z, dtype=float)
    return upstream * np.exp(-np.logaddexp(0, z) - np.logaddexp(0, -z))


def _stable_slope(dy, value):
    s = 1 / (1 + math.exp(-abs(value)))
    return float(dy) * s * (1 - s)


RIGHT["sigmoid_backward"].append(np.vectorize(_stable_slope, otypes=[float]))
RIGHT["sigmoid_backward"].append(lambda g, a: g * np.exp(-abs(a)) * (1 + np.exp(-abs(a))) ** -2)


@right("sigmoid_backward")
def sigmoid_ignores_overflow(upstream, z):
    """Writes the text-book formula and ignores the overflow, which does no harm."""
    with np.errstate(over="ignore"):
        s = 1 / (1 + np.exp(-np.asarray(z, dtype=float)))
    return upstream * s * (1 - s)


@right("sigmoid_backward")
def sigmoid_both_halves(upstream, z):
    """Multiplies the sigmoids of z and -z, and returns nested lists."""
    z = np.asarray(z, dtype=float)
    halves = (1 + np.tanh(z / 2)) * (1 + np.tanh(-z / 2))
    return (np.asarray(upstream) * halves / 4).tolist()


@right("sigmoid_backward")
def sigmoid_recursive(upstream, z):
    """Calls itself on every row until only numbers are left."""
    if np.ndim(z) == 0:
        return _stable_slope(upstream, z)
    pairs = zip(np.broadcast_to(upstream, np.shape(z)), z, strict=True)
    return np.array([sigmoid_recursive(dy, row) for dy, row in pairs]).reshape(np.shape(z))


# ------------------------------------------------------------------------ numerical_gradient


@right("numerical_gradient")
def numerical_restores(f, x, h=1e-5):
    """Moves x in place and restores it in finally."""
    gradient = np.zeros(x.shape)
    for index in np.ndindex(*x.shape):
        old = float(x[index])
        try:
            x[index] = old + h
            above = f(x)
            x[index] = old - h
            below = f(x)
        finally:
            x[index] = old
        gradient[index] = (above - below) / (2 * h)
    return gradient


@right("numerical_gradient")
def numerical_nditer(f, x, h=1e-5):
    """Walks with np.nditer over the indices of a copy."""
    x = np.array(x, dtype=float)
    gradient = np.empty_like(x)
    walk = np.nditer(x, flags=["multi_index"])
    while not walk.finished:
        old = x[walk.multi_index]
        x[walk.multi_index] = old + h
        above = f(x)
        x[walk.multi_index] = old - h
        gradient[walk.multi_index] = (above - f(x)) / h / 2
        x[walk.multi_index] = old
        walk.iternext()
    return gradient


@right("numerical_gradient")
def numerical_ndenumerate(function, point, h=1e-5):
    """Builds two arrays for every entry."""
    result = np.zeros(np.shape(point))
    for index, value in np.ndenumerate(point):
        above, below = (np.array(point, dtype=float) for _ in range(2))
        above[index], below[index] = value + h, value - h
        result[index] = 0.5 * (function(above) - function(below)) / h
    return result


@right("numerical_gradient")
def numerical_unit_vectors(f, x, h=1e-5):
    """Adds the rows of a scaled identity matrix."""
    x = np.asarray(x, dtype=float)
    steps = (h * np.eye(x.size)).reshape(x.size, *x.shape)
    slopes = [(f(x + step) - f(x - step)) / (2 * h) for step in steps]
    return np.reshape(np.array(slopes, dtype=float), x.shape)


@right("numerical_gradient")
def numerical_masks(f, x, h=1e-5):
    """Moves with np.where and returns nested lists."""
    x = np.asarray(x, dtype=float)
    places = np.arange(x.size).reshape(x.shape)
    slopes = np.empty(x.size)
    for place in range(x.size):
        above = np.where(places == place, x + h, x)
        below = np.where(places == place, x - h, x)
        slopes[place] = (f(above) - f(below)) / (2 * h)
    return slopes.reshape(x.shape).tolist()


@right("numerical_gradient")
def numerical_product(f, x, *more, **named):
    """Takes h from *args or **kwargs and indices from itertools.product."""
    h = more[0] if more else named.get("h", 1e-5)

    def moved(index, step):
        copy = x.copy()
        copy[index] += step
        return f(copy)

    gradient = np.zeros_like(x)
    for index in itertools.product(*map(range, x.shape)):
        gradient[index] = (moved(index, h) - moved(index, -h)) / (2 * h)
    return gradient


@right("numerical_gradient")
def numerical_flat_copies(f, x, eps=1e-5):
    """Moves a flat copy and hands f the shape it expects."""
    flat, shape = np.array(x, dtype=float).ravel(), np.shape(x)

    def at(i, step):
        unit = np.zeros(flat.size)
        unit[i] = step
        return float(f((flat + unit).reshape(shape)))

    slopes = np.fromiter(((at(i, eps) - at(i, -eps)) / (2 * eps) for i in range(flat.size)), float)
    return slopes.reshape(shape)


@right("numerical_gradient")
class NumericalGradient:
    """A class whose __new__ computes the answer."""

    def __new__(cls, f, x, h=1e-5):
        self = super().__new__(cls)
        self.f, self.x, self.h = f, np.asarray(x, dtype=float), h
        return np.array([self.slope(i) for i in range(self.x.size)]).reshape(self.x.shape)

    def slope(self, i):
        values = []
        for sign in (1, -1):
            copy = self.x.copy()
            copy.flat[i] += sign * self.h
            values.append(self.f(copy))
        return np.subtract(*values) / (2 * self.h)


# -------------------------------------------------------------------------- gradient_descent


@right("gradient_descent")
def descent_appends(gradient, x0, learning_rate, steps):
    """Grows a list."""
    points = [x0]
    for _ in range(steps):
        points.append(points[-1] - learning_rate * gradient(points[-1]))
    return np.array(points, dtype=float)


@right("gradient_descent")
def descent_fills(gradient, x0, learning_rate, steps):
    """Fills an array made beforehand."""
    points = np.empty(1 + steps)
    points[0] = x0
    for i in range(1, steps + 1):
        points[i] = points[i - 1] - learning_rate * gradient(points[i - 1])
    return points


@right("gradient_descent")
def descent_accumulates(gradient, x0, learning_rate, steps):
    """Uses itertools.accumulate over the step numbers."""
    path = itertools.accumulate(
        range(steps), lambda x, _: x - learning_rate * gradient(x), initial=x0
    )
    return np.fromiter(path, dtype=float, count=steps + 1)


@right("gradient_descent")
def descent_recursive(gradient, x0, learning_rate, steps):
    """Calls itself for the rest of the path."""
    if steps == 0:
        return np.array([x0], dtype=float)
    x1 = x0 - learning_rate * gradient(x0)
    rest = descent_recursive(gradient, x1, learning_rate, steps - 1)
    return np.concatenate([[x0], rest])


@right("gradient_descent")
def descent_generator(gradient, x0, learning_rate, steps):
    """Yields the points inside and collects them."""

    def walk(x):
        yield x
        for _ in range(steps):
            x = x - learning_rate * gradient(x)
            yield x

    return np.array([*walk(float(x0))])


@right("gradient_descent")
def descent_cumulative(grad, start, rate, n):
    """Collects the steps and adds them up with cumsum."""
    moves = np.zeros(n + 1)
    moves[0] = x = start
    for i in range(n):
        moves[i + 1] = -rate * grad(x)
        x = x + moves[i + 1]
    return np.cumsum(moves)


@right("gradient_descent")
def descent_prepends(gradient, x0, learning_rate, steps):
    """Puts new points in front and turns the array round (a view with a negative stride)."""
    points = [float(x0)]
    while len(points) <= steps:
        points.insert(0, points[0] - learning_rate * gradient(points[0]))
    return np.array(points)[::-1]


@right("gradient_descent")
def descent_reduce(*args):
    """Reduces tuples, and copies an array it works on in place."""
    gradient, x0, learning_rate, steps = args
    path = reduce(
        lambda points, _: (*points, points[-1] - learning_rate * gradient(points[-1])),
        range(steps),
        (x0,),
    )
    return np.asarray(path, dtype=np.float64).copy()


@right("gradient_descent")
def descent_in_place(gradient, x0, learning_rate, steps):
    """Changes one 0-d array in place and stores copies of it."""
    x = np.array(x0, dtype=float)
    points = [x.copy()]
    for _ in range(steps):
        x -= learning_rate * gradient(float(x))
        points.append(x.copy())
    return np.stack(points)


# ---------------------------------------------------------------------------- linear_forward

RIGHT["linear_forward"] = [
    lambda X, W, b: np.einsum("nd,dm->nm", X, W) + b,
    lambda a, k, c: np.add(np.matmul(a, k), c[None, :]),
]


@right("linear_forward")
def forward_loops(X, W, b):
    """Uses three loops."""
    N, D = X.shape
    M = W.shape[1]
    Y = np.zeros((N, M))
    for n in range(N):
        for m in range(M):
            Y[n, m] = b[m]
            for d in range(D):
                Y[n, m] += X[n, d] * W[d, m]
    return Y


@right("linear_forward")
def forward_lists(X, W, b):
    """Uses Python lists alone and returns them."""
    columns = list(zip(*W.tolist(), strict=True))
    return [
        [
            sum((x * w for x, w in zip(row, column, strict=True)), bias)
            for column, bias in zip(columns, b.tolist(), strict=True)
        ]
        for row in X.tolist()
    ]


@right("linear_forward")
def forward_ones_column(X, W, b):
    """Appends a column of ones to X and the bias to W."""
    return np.hstack([X, np.ones((len(X), 1))]) @ np.vstack([W, b])


@right("linear_forward")
def forward_tensordot(X, W, b):
    """Uses np.tensordot."""
    return np.tensordot(X, W, axes=(1, 0)) + b.reshape(1, -1)


@right("linear_forward")
def forward_transposed(X, W, b):
    """Works with one column per sample and turns the result back."""
    return (W.T @ X.T + b[:, np.newaxis]).T


@right("linear_forward")
def forward_outer_products(X, W, b):
    """Adds up outer products in place on an array of its own."""
    Y = np.tile(np.asarray(b, dtype=float), (X.shape[0], 1))
    for feature, weights in zip(X.T, W, strict=True):
        Y += np.outer(feature, weights)
    return Y


@right("linear_forward")
def forward_broadcast(X, W, b):
    """Broadcasts to three axes and sums."""
    return (X[:, :, None] * W[None]).sum(axis=1) + b


@right("linear_forward")
def forward_per_row(X, W, b):
    """Applies the layer to each row."""
    return np.stack([np.dot(row, W) + b for row in X], axis=0)


# --------------------------------------------------------------------------- weight_gradient

RIGHT["weight_gradient"] = [
    lambda X, dY: np.einsum("nd,nm->dm", X, dY),
    lambda inputs, upstream: (upstream.T @ inputs).T,
]


@right("weight_gradient")
def weight_outer_products(X, dY):
    """Adds up one outer product per sample."""
    dW = np.zeros((X.shape[1], dY.shape[1]))
    for x, dy in zip(X, dY, strict=True):
        dW += np.outer(x, dy)
    return dW


@right("weight_gradient")
def weight_tensordot(X, dY):
    """Uses np.tensordot over the samples."""
    return np.tensordot(X, dY, axes=(0, 0))


@right("weight_gradient")
def weight_broadcast(X, dY):
    """Makes one matrix per sample and sums over the samples."""
    return (X[:, :, np.newaxis] * dY[:, np.newaxis, :]).sum(axis=0)


@right("weight_gradient")
def weight_lists(X, dY):
    """Uses Python lists alone and returns them."""
    return [
        [math.fsum(x * dy for x, dy in zip(inputs, upstream, strict=True)) for upstream in dY.T]
        for inputs in X.T
    ]


@right("weight_gradient")
def weight_reduce(X, dY):
    """Folds np.add over a generator."""
    return reduce(np.add, (np.multiply.outer(x, dy) for x, dy in zip(X, dY, strict=True)))


@right("weight_gradient")
def weight_kron(X, dY):
    """Adds up Kronecker products."""
    return sum(np.kron(x[:, None], dy[None, :]) for x, dy in zip(X, dY, strict=True))


@right("weight_gradient")
def weight_entry_by_entry(*args):
    """Fills the result with np.vdot, entry by entry."""
    X, dY = args
    dW = np.empty((X.shape[1], dY.shape[1]), order="F")
    for d, m in np.ndindex(*dW.shape):
        dW[d, m] = np.vdot(X[:, d], dY[:, m])
    return dW


@right("weight_gradient")
def weight_cumulative(X, dY):
    """Takes the last of the running sums."""
    return np.cumsum(X[:, :, None] * dY[:, None, :], axis=0)[-1]


# ----------------------------------------------------------------------------- bias_gradient

RIGHT["bias_gradient"] = [
    lambda dY: np.ones(len(dY)) @ dY,
    lambda upstream: np.einsum("nm->m", upstream),
    partial(np.sum, axis=0),
    np.add.reduce,
    sum,
]


@right("bias_gradient")
def bias_loops(dY):
    """Uses two loops."""
    db = np.zeros(dY.shape[1])
    for n in range(dY.shape[0]):
        for m in range(dY.shape[1]):
            db[m] += dY[n, m]
    return db


@right("bias_gradient")
def bias_lists(dY):
    """Adds up columns exactly and returns a list."""
    return [math.fsum(column) for column in zip(*dY.tolist(), strict=True)]


@right("bias_gradient")
def bias_cumulative(dY):
    """Takes the last of the running sums."""
    return np.cumsum(dY, axis=0)[-1]


@right("bias_gradient")
def bias_apply_along_axis(dY):
    """Applies a sum along the axis."""
    return np.apply_along_axis(lambda column: column.sum(), 0, dY)


@right("bias_gradient")
def bias_mean_times_count(dY):
    """Multiplies the mean by the number of samples."""
    return np.mean(dY, axis=0) * dY.shape[0]


@right("bias_gradient")
def bias_halves(dY):
    """Adds up the halves recursively."""
    if len(dY) == 1:
        return dY[0].copy()
    middle = len(dY) // 2
    return bias_halves(dY[:middle]) + bias_halves(dY[middle:])


@right("bias_gradient")
def bias_narrow_if_exact(dY):
    """Returns float32 where this loses nothing, else float64."""
    wide = np.asarray(dY, dtype=float).sum(axis=0)
    narrow = wide.astype(np.float32)
    return narrow if np.array_equal(narrow, wide) else wide


@right("bias_gradient")
def bias_bincount(dY):
    """Counts with weights."""
    columns = np.tile(np.arange(dY.shape[1]), dY.shape[0])
    return np.bincount(columns, weights=dY.ravel(), minlength=dY.shape[1])


# ---------------------------------------------------------------------------- input_gradient

RIGHT["input_gradient"] = [
    lambda dY, W: np.einsum("nm,dm->nd", dY, W),
    lambda upstream, weights: (weights @ upstream.T).T,
    np.inner,
]


@right("input_gradient")
def input_loops(dY, W):
    """Uses three loops."""
    dX = np.zeros((dY.shape[0], W.shape[0]))
    for n, d, m in np.ndindex(dY.shape[0], *W.shape):
        dX[n, d] += dY[n, m] * W[d, m]
    return dX


@right("input_gradient")
def input_lists(dY, W):
    """Uses Python lists alone and returns them."""
    return [
        [math.fsum(dy * w for dy, w in zip(row, weights, strict=True)) for weights in W.tolist()]
        for row in dY.tolist()
    ]


@right("input_gradient")
def input_tensordot(dY, W):
    """Uses np.tensordot over the outputs."""
    return np.tensordot(dY, W, axes=[[1], [1]])


@right("input_gradient")
def input_outer_products(dY, W):
    """Adds up one outer product per output."""
    dX = np.zeros((len(dY), len(W)))
    for m in range(W.shape[1]):
        dX += dY[:, m, None] * W[None, :, m]
    return dX


@right("input_gradient")
def input_broadcast(dY, W):
    """Broadcasts to three axes and sums."""
    return np.sum(dY[:, np.newaxis, :] * W, axis=-1)


@right("input_gradient")
def input_per_sample(dY, W):
    """Multiplies W by every row."""
    return np.vstack([W.dot(row) for row in dY])


@right("input_gradient")
def input_swapped_axes(dY, W, /, *, out=None):
    """Uses swapaxes and an output array of its own."""
    out = np.empty((dY.shape[0], W.shape[0])) if out is None else out
    return np.matmul(dY, np.swapaxes(W, 0, 1), out=out)


# ------------------------------------------------------------------------------------ Linear


@right("Linear")
class LinearPlain:
    """Does it by the book, with rng.standard_normal."""

    def __init__(self, in_features, out_features, rng):
        self.W = rng.standard_normal((in_features, out_features)) * np.sqrt(2 / in_features)
        self.b = np.zeros(out_features)

    def forward(self, X):
        self.X = X
        return X @ self.W + self.b

    def backward(self, dY):
        self.dW = self.X.T @ dY
        self.db = dY.sum(axis=0)
        return dY @ self.W.T


@right("Linear")
@dataclass
class LinearDataclass:
    """A dataclass which fills the rest in after init, with rng.uniform."""

    n_in: int
    n_out: int
    generator: np.random.Generator
    W: np.ndarray = field(init=False)
    b: np.ndarray = field(init=False)
    dW: np.ndarray | None = field(init=False, default=None)
    db: np.ndarray | None = field(init=False, default=None)
    saved: list = field(init=False, default_factory=list)

    def __post_init__(self):
        bound = 1 / math.sqrt(self.n_in)
        self.W = self.generator.uniform(-bound, bound, (self.n_in, self.n_out))
        self.b = np.zeros((self.n_out,))

    def forward(self, X):
        self.saved[:] = [X]
        return np.einsum("nd,dm->nm", X, self.W) + self.b

    def backward(self, dY):
        (X,) = self.saved
        self.dW = np.einsum("nd,nm->dm", X, dY)
        self.db = np.einsum("nm->m", dY)
        return np.einsum("nm,dm->nd", dY, self.W)


@right("Linear")
class LinearSlots:
    """Has slots instead of a dict, and draws from the values of a fine grid."""

    __slots__ = ("W", "b", "cache", "dW", "db")

    def __init__(self, fan_in, fan_out, rng):
        self.W = rng.choice(np.linspace(-1, 1, 100_001), size=(fan_in, fan_out))
        self.b = np.zeros(fan_out)
        self.cache = {}

    def forward(self, X):
        self.cache["input"] = X.copy()
        return np.add(np.dot(X, self.W), self.b)

    def backward(self, dY):
        self.dW = np.tensordot(self.cache["input"], dY, axes=(0, 0))
        self.db = np.ones(len(dY)) @ dY
        return np.inner(dY, self.W)


@right("Linear")
class LinearProperties:
    """Hides everything behind properties and computes the gradients when they are asked for."""

    def __init__(self, in_features, out_features, rng):
        self._parameters = {
            "W": rng.normal(0.0, 0.01, size=(in_features, out_features)),
            "b": np.zeros(out_features),
        }

    @property
    def W(self):
        return self._parameters["W"]

    @W.setter
    def W(self, value):
        self._parameters["W"] = value

    @property
    def b(self):
        return self._parameters["b"]

    @b.setter
    def b(self, value):
        self._parameters["b"] = value

    @property
    def dW(self):
        X, dY = self._saved
        return X.T @ dY

    @property
    def db(self):
        return np.sum(self._saved[1], axis=0)

    def forward(self, X):
        self._input = np.array(X)
        return self._input @ self.W + self.b

    def backward(self, dY):
        self._saved = (self._input, np.array(dY))
        return dY @ self.W.T


@right("Linear")
class LinearLoops:
    """Uses loops and returns nested lists from forward and backward."""

    def __init__(self, in_features, out_features, rng):
        self.W = np.array([[rng.random() - 0.5 for _ in range(out_features)]
                           for _ in range(in_features)])  # fmt: skip
        self.b = np.array([0.0] * out_features)

    def forward(self, X):
        self.rows = [list(row) for row in X]
        return [
            [
                sum((x * w for x, w in zip(row, self.W[:, m], strict=True)), self.b[m])
                for m in range(self.W.shape[1])
            ]
            for row in self.rows
        ]

    def backward(self, dY):
        dW, db = np.zeros(self.W.shape), np.zeros(self.b.shape)
        dX = []
        for row, dy in zip(self.rows, dY, strict=True):
            dW += np.outer(row, dy)
            db += dy
            dX.append([sum(self.W[d] * dy) for d in range(len(row))])
        self.dW, self.db = dW, db
        return dX


@right("Linear")
class LinearOnesColumn:
    """Treats the bias as one more row of weights while it computes."""

    def __init__(self, in_features, out_features, rng):
        both = np.zeros((in_features + 1, out_features))
        both[:-1] = rng.standard_cauchy((in_features, out_features)).clip(-3, 3)
        both[:-1] += rng.random((in_features, out_features))
        self.W, self.b = both[:-1], both[-1]

    def forward(self, X):
        self.extended = np.column_stack([X, np.ones(len(X))])
        return self.extended @ np.vstack([self.W, self.b])

    def backward(self, dY):
        both = self.extended.T @ dY
        self.dW, self.db = both[:-1], both[-1]
        return (np.vstack([self.W, self.b]) @ dY.T).T[:, :-1]


class Layer:
    """A base class with a context which the subclass fills."""

    gradients = ("dW", "db")

    def __setattr__(self, name, value):
        object.__setattr__(self, name, value)

    def forward(self, *inputs):
        self.context, outputs = self._forward(*inputs)
        return outputs

    def backward(self, upstream):
        result, *gradients = self._backward(self.context, upstream)
        for name, gradient in zip(self.gradients, gradients, strict=True):
            setattr(self, name, gradient)
        return result


@right("Linear")
class LinearSubclass(Layer):
    """Inherits forward and backward and draws with rng.triangular."""

    def __init__(self, *sizes_and_rng):
        *sizes, rng = sizes_and_rng
        self.W = rng.triangular(-1.0, 0.0, 1.0, size=sizes)
        self.b = np.zeros(sizes[-1])

    def _forward(self, X):
        return X, np.tensordot(X, self.W, 1) + self.b

    def _backward(self, X, dY):
        return dY @ self.W.T, X.T @ dY, dY.sum(0)


@right("Linear")
class LinearClosures:
    """Forward makes the closure which backward calls."""

    def __init__(self, in_features, out_features, rng):
        self.W = np.asfortranarray(rng.exponential(size=(in_features, out_features)) - 1)
        self.b = np.zeros(shape=out_features)
        self.pull_back = None

    def forward(self, X):
        def pull_back(dY):
            return {"dW": X.T @ dY, "db": np.add.reduce(dY), "dX": dY @ self.W.T}

        self.pull_back = pull_back
        return X @ self.W + self.b

    def backward(self, dY):
        gradients = self.pull_back(dY)
        self.__dict__.update(dW=gradients["dW"], db=gradients["db"])
        return gradients["dX"]


@right("Linear")
class LinearZeroedBuffers:
    """Sets its gradient buffers to zero and adds into new copies of them."""

    def __init__(self, in_features, out_features, rng=None):
        self.W = rng.permuted(rng.logistic(size=(in_features, out_features)), axis=0)
        self.b = 0.0 * rng.random(out_features)
        self.zero()

    def zero(self):
        self.dW = np.zeros(self.W.shape)
        self.db = np.zeros(self.b.shape)

    def forward(self, X, keep=True):
        if keep:
            self.last = X
        return np.stack([x @ self.W for x in X]) + self.b

    def backward(self, dY):
        self.zero()
        for x, dy in zip(self.last, dY, strict=True):
            self.dW += x[:, None] * dy
            self.db += dy
        return np.stack([self.W @ dy for dy in dY])


# ---------------------------------------------------------------------------------- sgd_step

RIGHT["sgd_step"] = [
    lambda ps, gs, lr: [p - lr * g for p, g in zip(ps, gs, strict=True)],
    lambda ps, gs, lr: tuple(p - lr * g for p, g in zip(ps, gs, strict=True)),
]


@right("sgd_step")
def sgd_map(parameters, gradients, learning_rate):
    """Maps over both lists."""
    return list(map(lambda p, g: p - learning_rate * g, parameters, gradients))


@right("sgd_step")
def sgd_in_place_on_copies(parameters, gradients, learning_rate):
    """Works in place, but on arrays of its own."""
    new = [np.array(p, dtype=float) for p in parameters]
    for p, g in zip(new, gradients, strict=True):
        p -= learning_rate * np.asarray(g)
    return new


@right("sgd_step")
def sgd_recursive(parameters, gradients, learning_rate):
    """Calls itself on the rest."""
    if len(parameters) == 0:
        return []
    first = np.subtract(parameters[0], np.multiply(learning_rate, gradients[0]))
    return [first, *sgd_recursive(parameters[1:], gradients[1:], learning_rate)]


@right("sgd_step")
def sgd_one_vector(parameters, gradients, learning_rate):
    """Joins everything to one vector, takes one step and cuts it up again."""
    if not parameters:
        return []
    vector = np.concatenate([np.ravel(p) for p in parameters]).astype(float)
    vector = vector - learning_rate * np.concatenate([np.ravel(g) for g in gradients])
    ends = np.cumsum([np.size(p) for p in parameters])[:-1]
    pieces = np.split(vector, ends)
    return [piece.reshape(np.shape(p)) for piece, p in zip(pieces, parameters, strict=True)]


@right("sgd_step")
def sgd_nested_lists(parameters, gradients, learning_rate):
    """Returns nested lists in place of arrays."""
    return [
        (np.asarray(p) - learning_rate * np.asarray(g)).tolist()
        for p, g in zip(parameters, gradients, strict=True)
    ]


@right("sgd_step")
def sgd_index_loop(old, slopes, rate=0.1):
    """Fills a list of the right length by index."""
    new = [None] * len(old)
    for i in reversed(range(len(old))):
        new[i] = old[i] + (-rate) * slopes[i]
    return new


@right("sgd_step")
def sgd_collects(parameters, gradients, learning_rate):
    """Collects a generator in a tuple."""

    def steps():
        for i, p in enumerate(parameters):
            yield np.asarray(p) - np.asarray(gradients[i]) * learning_rate

    return (*steps(),)


@right("sgd_step")
def sgd_entry_by_entry(parameters, gradients, learning_rate):
    """Fills each array entry by entry."""
    new = []
    for p, g in zip(parameters, gradients, strict=True):
        result = np.empty(np.shape(p))
        for index, value in np.ndenumerate(p):
            result[index] = value - learning_rate * np.asarray(g)[index]
        new.append(result)
    return new


@right("fork_backward")
def fork_by_euler(upstream, x):
    """Takes sine and cosine from one complex exponential."""
    both = np.exp(1j * np.asarray(x))
    return upstream * (2 * x * both.imag + x * x * both.real)


@right("quadratic_chain")
def quadratic_contour(x, points=8):
    """Averages over a circle in the complex plane (Cauchy), exact for polynomials."""
    total = 0.0
    for k in range(points):
        direction = cmath.exp(2j * math.pi * k / points)
        total = total + (3 * (x + direction) + 2) ** 2 / direction
    return total.real / points
