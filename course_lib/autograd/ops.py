"""The table of differentiable operations: for each a NumPy function and one formula per argument.

A formula gets the upstream gradient g, the result `out` (or the cache, where the function keeps
one) and the arguments. It is written with these same operations, so that gradients can be
differentiated again, and says nothing of broadcasting: the engine sums gradients back to the shape
of the argument. Comparisons of Tensors give plain boolean arrays.

All functions take Tensors and plain arrays; with plain arrays alone they return plain arrays.
"""

import builtins
import math

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from ..functional import (
    average_pool_backward,
    average_pool_forward,
    conv2d_forward,
    conv2d_input_gradient,
    conv2d_weight_gradient,
    max_pool_backward,
    max_pool_forward,
    sigmoid_forward,
    softmax_cross_entropy_backward,
    softmax_cross_entropy_forward,
    softmax_forward,
)
from ..functional._checks import require_integer
from .core import OF_UFUNC, Tensor, astype, broadcast_to, defvjp, primitive, raw, unbroadcast

__all__ = [
    "abs",
    "add",
    "astype",
    "average_pool",
    "broadcast_to",
    "concatenate",
    "conv2d",
    "cos",
    "divide",
    "exp",
    "getitem",
    "log",
    "matmul",
    "max",
    "max_pool",
    "maximum",
    "mean",
    "minimum",
    "multiply",
    "negative",
    "power",
    "relu",
    "reshape",
    "sigmoid",
    "sin",
    "softmax",
    "softmax_cross_entropy",
    "sqrt",
    "stack",
    "subtract",
    "sum",
    "tanh",
    "transpose",
    "unbroadcast",
    "where",
]

# arithmetic ---------------------------------------------------------------------------------------


@primitive
def add(x, y):
    """x + y, entry by entry, broadcast as in NumPy."""
    return x + y


@primitive
def subtract(x, y):
    """x - y, entry by entry, broadcast as in NumPy."""
    return x - y


@primitive
def multiply(x, y):
    """x * y, entry by entry, broadcast as in NumPy."""
    return x * y


@primitive
def divide(x, y):
    """x / y, entry by entry, broadcast as in NumPy."""
    return x / y


@primitive
def negative(x):
    """-x."""
    return -x


@primitive
def power(x, p):
    """x to the power p, entry by entry. The gradient for p needs x >= 0: it holds log(x)."""
    return x**p


defvjp(add, lambda g, out, x, y: g, lambda g, out, x, y: g)
defvjp(subtract, lambda g, out, x, y: g, lambda g, out, x, y: -g)
defvjp(multiply, lambda g, out, x, y: g * y, lambda g, out, x, y: g * x)
defvjp(divide, lambda g, out, x, y: g / y, lambda g, out, x, y: -g * x / (y * y))
defvjp(negative, lambda g, out, x: -g)


def _one_less(p, x):
    """p - 1, but 1 where p and x are 0: so p * x^(p - 1) is 0 there, too."""
    if type(p) is not Tensor and np.ndim(p) == 0:
        return p - 1 if p != 0 else 1.0
    return where((raw(p) == 0) & (raw(x) == 0), 1.0, p - 1)


defvjp(
    power,
    lambda g, out, x, p: g * p * power(x, _one_less(p, x)),
    lambda g, out, x, p: g * out * log(where(raw(x) == 0, 1.0, x)),  # 0 at x = 0, p > 0
)

# functions of each entry --------------------------------------------------------------------------


@primitive
def exp(x):
    """e to the power x."""
    return np.exp(x)


@primitive
def log(x):
    """The natural logarithm, for x > 0."""
    return np.log(x)


@primitive
def sqrt(x):
    """The square root. Its derivative at 0 is infinite."""
    return np.sqrt(x)


@primitive
def sin(x):
    """The sine of x, in radians."""
    return np.sin(x)


@primitive
def cos(x):
    """The cosine of x, in radians."""
    return np.cos(x)


@primitive
def tanh(x):
    """The hyperbolic tangent."""
    return np.tanh(x)


@primitive
def sigmoid(x):
    """1 / (1 + exp(-x)), without overflow."""
    return sigmoid_forward(x)[0]


@primitive
def relu(x):
    """max(x, 0). Its derivative at 0 is 0."""
    return np.maximum(x, 0)


@primitive
def abs(x):
    """|x|. Its derivative at 0 is 0."""
    return np.abs(x)


@primitive
def maximum(x, y):
    """The larger of x and y, entry by entry. Where they are equal, each gets half of g."""
    return np.maximum(x, y)


@primitive
def minimum(x, y):
    """The smaller of x and y, entry by entry. Where they are equal, each gets half of g."""
    return np.minimum(x, y)


@primitive
def where(condition, x, y):
    """x where the condition holds, else y. condition: booleans, which get no gradient."""
    return np.where(condition, x, y)


def _share(g, won, tied):
    return g * won + g * tied * 0.5


defvjp(exp, lambda g, out, x: g * out)
defvjp(log, lambda g, out, x: g / x)
defvjp(sqrt, lambda g, out, x: g / (2 * out))
defvjp(sin, lambda g, out, x: g * cos(x))
defvjp(cos, lambda g, out, x: -g * sin(x))
defvjp(tanh, lambda g, out, x: g * (1 - out * out))
defvjp(sigmoid, lambda g, out, x: g * (out * (1 - out)))
defvjp(relu, lambda g, out, x: g * (out > 0))
defvjp(abs, lambda g, out, x: g * np.sign(raw(x)))
defvjp(
    maximum,
    lambda g, out, x, y: _share(g, x > y, x == y),
    lambda g, out, x, y: _share(g, y > x, x == y),
)
defvjp(
    minimum,
    lambda g, out, x, y: _share(g, x < y, x == y),
    lambda g, out, x, y: _share(g, y < x, x == y),
)
defvjp(
    where,
    None,
    lambda g, out, condition, x, y: where(raw(condition), g, 0.0),
    lambda g, out, condition, x, y: where(raw(condition), 0.0, g),
)

# reductions ---------------------------------------------------------------------------------------


@primitive
def sum(x, axis=None, keepdims=False):
    """The sum over the axis, a tuple of axes, or all of them."""
    return np.sum(x, axis=axis, keepdims=keepdims)


@primitive
def mean(x, axis=None, keepdims=False):
    """The mean over the axis, a tuple of axes, or all of them."""
    return np.mean(x, axis=axis, keepdims=keepdims)


@primitive
def max(x, axis=None, keepdims=False):
    """The maximum over the axis, a tuple of axes, or all of them.

    Of equal entries the first in row-major order gets the whole gradient.
    """
    return np.max(x, axis=axis, keepdims=keepdims)


def _spread(g, x, axis, keepdims):
    """g of a reduction of x, repeated along the axes that were reduced."""
    if not keepdims:
        kept = np.array(x.shape, int)
        kept[list(_axes(axis, x.ndim))] = 1
        g = reshape(g, shape=tuple(kept.tolist()))
    return broadcast_to(g, shape=x.shape)


def _axes(axis, ndim):
    return tuple(range(ndim)) if axis is None else normalize_axis_tuple(axis, ndim)


def _first_maximum(x, axis):
    """A boolean array that is True at the first maximum over the axes, in row-major order."""
    axes = tuple(sorted(_axes(axis, x.ndim)))
    last = tuple(range(x.ndim - len(axes), x.ndim))
    moved = np.moveaxis(x, axes, last)
    kept = moved.shape[: x.ndim - len(axes)]
    rows = moved.reshape(*kept, math.prod(moved.shape[len(kept) :]))
    won = np.arange(rows.shape[-1]) == rows.argmax(axis=-1)[..., np.newaxis]
    return np.moveaxis(won.reshape(moved.shape), last, axes)


defvjp(sum, lambda g, out, x, axis=None, keepdims=False: _spread(g, x, axis, keepdims))
defvjp(
    mean,
    lambda g, out, x, axis=None, keepdims=False: _spread(
        g / (x.size // builtins.max(out.size, 1)), x, axis, keepdims
    ),
)
defvjp(
    max,
    lambda g, out, x, axis=None, keepdims=False: (
        _spread(g, x, axis, keepdims) * _first_maximum(raw(x), axis)
    ),
)

# shapes -------------------------------------------------------------------------------------------


@primitive
def reshape(x, shape):
    """The same numbers in another shape, in row-major order; one length may be -1."""
    return np.reshape(x, shape)


@primitive
def transpose(x, axes=None):
    """x with its axes in another order: axis k of the result is axis axes[k] of x.

    axes: a permutation of the axes, by default the reverse.
    """
    return np.transpose(x, axes)


@primitive
def getitem(x, index):
    """x[index]. An entry that is taken several times gets the sum of what arrives."""
    return x[index]


@primitive
def _put(g, index, shape):
    """Zeros of `shape` to which g was added at index, once for every time an entry is named."""
    out = np.zeros(shape, g.dtype)
    if _is_basic(index):
        out[index] = g
    else:
        np.add.at(out, index, g)
    return out


def _is_basic(index):
    """Whether an index can name no entry twice: integers, slices, ... and None, or one mask."""
    if isinstance(index, np.ndarray) and index.dtype == bool:
        return True
    parts = index if isinstance(index, tuple) else (index,)
    return all(p is None or p is Ellipsis or type(p) in (int, slice) for p in parts)


@primitive
def _concatenate(*arrays, axis):
    return np.concatenate(arrays, axis)


def concatenate(arrays, axis=0):
    """Arrays joined along an axis they have; other axes must be equally long."""
    if axis is None:
        raise ValueError("concatenate got axis=None, expected the number of an axis")
    return _concatenate(*arrays, axis=axis)


@primitive
def _stack(*arrays, axis):
    return np.stack(arrays, axis)


def stack(arrays, axis=0):
    """Arrays of the same shape along a new axis."""
    return _stack(*arrays, axis=axis)


def _back_from_concatenate(position, g, out, *arrays, axis):
    axis = normalize_axis_index(axis, g.ndim)
    start = builtins.sum(a.shape[axis] for a in arrays[:position])
    part = slice(start, start + arrays[position].shape[axis])
    return getitem(g, index=(slice(None),) * axis + (part,))


defvjp(reshape, lambda g, out, x, shape: reshape(g, shape=x.shape))
defvjp(
    transpose,
    lambda g, out, x, axes=None: transpose(g, axes=None if axes is None else _inverse(axes)),
)
defvjp(getitem, lambda g, out, x, index: _put(g, index=index, shape=x.shape))
defvjp(_put, lambda g, out, x, index, shape: getitem(g, index=index))
defvjp(_concatenate, every=_back_from_concatenate)
defvjp(
    _stack,
    every=lambda position, g, out, *arrays, axis: getitem(
        g, index=(slice(None),) * normalize_axis_index(axis, g.ndim) + (position,)
    ),
)


def _inverse(axes):
    """The order that undoes a transpose by `axes`, negative ones counted from the end."""
    return tuple(np.argsort(normalize_axis_tuple(axes, len(axes))).tolist())


# matrices -----------------------------------------------------------------------------------------


@primitive
def matmul(x, y):
    """x @ y: matrices in the last two axes, all other axes broadcast; vectors as in NumPy."""
    return x @ y


def _swap(x):
    """x with its last two axes exchanged."""
    return transpose(x, axes=(*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


def _as_matrices(g, x, y):
    """g, x and y with the axes that @ adds to vectors, a row on the left, a column on the right."""
    if x.ndim == 1:
        x = reshape(x, shape=(1, *x.shape))
        g = reshape(g, shape=(*g.shape[:-1], 1, *g.shape[-1:]) if y.ndim > 1 else (1,))
    if y.ndim == 1:
        y = reshape(y, shape=(*y.shape, 1))
        g = reshape(g, shape=(*g.shape, 1))
    return g, x, y


def _matmul_to_x(g, out, x, y):
    g, _, matrices = _as_matrices(g, x, y)
    sent = matmul(g, _swap(matrices))
    return sent if x.ndim > 1 else reshape(sent, shape=(*sent.shape[:-2], sent.shape[-1]))


def _matmul_to_y(g, out, x, y):
    g, matrices, _ = _as_matrices(g, x, y)
    sent = matmul(_swap(matrices), g)
    return sent if y.ndim > 1 else reshape(sent, shape=sent.shape[:-1])


defvjp(matmul, _matmul_to_x, _matmul_to_y)

# networks -----------------------------------------------------------------------------------------


@primitive
def softmax(logits):
    """Each row of logits (N, C) as probabilities."""
    return softmax_forward(logits)[0]


@primitive(keeps_cache=True)
def softmax_cross_entropy(logits, labels, reduction="mean"):
    """-log softmax(logits)[label], the mean over the rows, or the sum.

    logits (N, C), un-normalised scores; labels (N,), integers, which get no gradient.
    """
    return softmax_cross_entropy_forward(logits, labels, reduction)


@primitive
def _probabilities_minus_onehot(logits, cache):
    """The gradient of softmax_cross_entropy, from its cache."""
    return softmax_cross_entropy_backward(1.0, cache)


def conv2d(x, W, b, stride=1, padding=0):
    """x (N, H, W, C) convolved with W (K, K, C, F), plus b (F,); padded with zeros on all sides."""
    padding = require_integer("padding", padding, at_least=0)
    return _conv2d(_pad(x, padding=padding) if padding else x, W, b, stride=stride)


@primitive
def _pad(x, padding):
    return np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))


@primitive
def _conv2d(x, W, b, stride):
    return conv2d_forward(x, W, b, stride)[0]


# Without its bias, conv2d is linear in x and in W. So are its gradients in g, and all three add up
# the same products g * x * W, each over other axes: the gradients of one are the other two.
@primitive
def _conv2d_to_x(g, W, shape, stride):
    return conv2d_input_gradient(g, W, shape, stride)


@primitive
def _conv2d_to_W(g, x, kernel_size, stride):
    return conv2d_weight_gradient(g, x, kernel_size, stride)


def _without_bias(x, W, stride):
    return _conv2d(x, W, np.zeros(W.shape[-1], W.dtype), stride=stride)


@primitive(keeps_cache=True)
def max_pool(x, size=2):
    """The maximum of each window of x (N, H, W, C): see `functional.max_pool_forward`."""
    return max_pool_forward(x, size)


@primitive
def _to_winners(g, cache):
    return max_pool_backward(g, cache)


@primitive
def _from_winners(x, cache):
    """What stands at the places of the winners: max_pool_backward the other way round."""
    winner, _, size = cache
    chosen = max_pool_backward(np.ones(winner.shape, x.dtype), cache)
    return average_pool_forward(x * chosen, size)[0] * size**2


@primitive
def average_pool(x, size=2):
    """The mean of each window of x (N, H, W, C): see `functional.average_pool_forward`."""
    return average_pool_forward(x, size)[0]


@primitive
def _average_pool_back(g, shape, size):
    return average_pool_backward(g, (shape, size))


def _softmax_vjp(g, p):
    """Through a softmax with the probabilities p: see `functional.softmax_backward`."""
    return p * (g - sum(g * p, axis=1, keepdims=True))


defvjp(softmax, lambda g, out, x: _softmax_vjp(g, out))
defvjp(
    softmax_cross_entropy,
    lambda g, cache, logits, labels, reduction="mean": (
        g * _probabilities_minus_onehot(logits, cache=cache)
    ),
)
defvjp(
    _probabilities_minus_onehot,
    lambda g, out, logits, cache: _softmax_vjp(g, softmax(logits)) / cache[2],
)
defvjp(_pad, lambda g, out, x, padding: getitem(g, index=_inside(padding)))
defvjp(
    _conv2d,
    lambda g, out, x, W, b, stride: _conv2d_to_x(g, W, shape=x.shape, stride=stride),
    lambda g, out, x, W, b, stride: _conv2d_to_W(g, x, kernel_size=len(W), stride=stride),
    lambda g, out, x, W, b, stride: g,
)
defvjp(
    _conv2d_to_x,
    lambda u, out, g, W, shape, stride: _without_bias(u, W, stride),
    lambda u, out, g, W, shape, stride: _conv2d_to_W(g, u, kernel_size=len(W), stride=stride),
)
defvjp(
    _conv2d_to_W,
    lambda u, out, g, x, kernel_size, stride: _without_bias(x, u, stride),
    lambda u, out, g, x, kernel_size, stride: _conv2d_to_x(g, u, shape=x.shape, stride=stride),
)
defvjp(max_pool, lambda g, cache, x, size=2: _to_winners(g, cache=cache))
defvjp(_to_winners, lambda u, out, g, cache: _from_winners(u, cache=cache))
defvjp(_from_winners, lambda u, out, x, cache: _to_winners(u, cache=cache))
defvjp(average_pool, lambda g, out, x, size=2: _average_pool_back(g, shape=x.shape, size=size))
defvjp(_average_pool_back, lambda u, out, g, shape, size: average_pool(u, size=size))


def _inside(padding):
    return np.s_[:, padding:-padding, padding:-padding]


# Tensors with operators, methods, and NumPy's own functions ---------------------------------------

OF_UFUNC.update(
    {
        np.add: add,
        np.subtract: subtract,
        np.multiply: multiply,
        np.divide: divide,
        np.negative: negative,
        np.power: power,
        np.matmul: matmul,
        np.exp: exp,
        np.log: log,
        np.sqrt: sqrt,
        np.sin: sin,
        np.cos: cos,
        np.tanh: tanh,
        np.absolute: abs,
        np.maximum: maximum,
        np.minimum: minimum,
    }
)


def _operators(op):
    """op as a method, and for a Tensor on the right of something else."""
    return lambda self, other: op(self, other), lambda self, other: op(other, self)


Tensor.__add__, Tensor.__radd__ = _operators(add)
Tensor.__sub__, Tensor.__rsub__ = _operators(subtract)
Tensor.__mul__, Tensor.__rmul__ = _operators(multiply)
Tensor.__truediv__, Tensor.__rtruediv__ = _operators(divide)
Tensor.__pow__, Tensor.__rpow__ = _operators(power)
Tensor.__matmul__, Tensor.__rmatmul__ = _operators(matmul)
Tensor.__neg__ = lambda self: negative(self)
Tensor.__abs__ = lambda self: abs(self)
Tensor.__getitem__ = lambda self, index: getitem(self, index=_plain(index))
Tensor.T = property(lambda self: transpose(self), doc="The axes in reverse order.")


def _plain(index):
    return tuple(map(raw, index)) if isinstance(index, tuple) else raw(index)


def _reduction(op):
    def method(self, axis=None, keepdims=False):
        return op(self, axis=axis, keepdims=keepdims)

    method.__doc__ = op.__doc__
    return method


Tensor.sum, Tensor.mean, Tensor.max = map(_reduction, (sum, mean, max))


def _one_or_several(numbers):
    """x.reshape(2, 3) and x.reshape((2, 3)) are the same."""
    return numbers[0] if len(numbers) == 1 else numbers


Tensor.reshape = lambda self, *shape: reshape(self, shape=_one_or_several(shape))
Tensor.transpose = lambda self, *axes: transpose(self, axes=_all_axes(axes))


def _all_axes(axes):
    axes = _one_or_several(axes)
    return (axes,) if isinstance(axes, int) else axes or None


def _method(op):
    def method(self):
        return op(self)

    method.__doc__ = op.__doc__
    return method


Tensor.exp, Tensor.log, Tensor.sqrt, Tensor.tanh, Tensor.sigmoid, Tensor.relu = map(
    _method, (exp, log, sqrt, tanh, sigmoid, relu)
)
