"""Layers: objects that keep parameters and, between forward and backward, a cache.

The formulas are in `course_lib.functional`. Two ways to use a layer or a `Sequential` of layers:

    y = layer.forward(x); dx = layer.backward(dy); layer.dW          # layer by layer
    loss = loss_fn(model(x), labels); loss.backward()                # the training loop

Layers start in training mode. `model.eval()` makes Dropout pass everything on, for predictions;
`model.train()` goes back.
"""

from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import numpy as np

from . import pieces
from .functional import (
    average_pool_backward,
    average_pool_forward,
    conv2d_backward,
    conv2d_forward,
    dropout_backward,
    dropout_forward,
    flatten_backward,
    flatten_forward,
    leaky_relu_backward,
    leaky_relu_forward,
    linear_backward,
    linear_forward,
    max_pool_backward,
    max_pool_forward,
    relu_backward,
    relu_forward,
    sigmoid_backward,
    sigmoid_forward,
    softmax_backward,
    softmax_forward,
    tanh_backward,
    tanh_forward,
)
from .functional._checks import (
    require_finite,
    require_generator,
    require_integer,
    require_probability,
    require_same_shape,
)
from .initializers import he_normal, zeros


class Parameter:
    """An array that training changes, `.data`, and the gradient of the loss in it, `.grad`.

    Both keep their memory for life: assigning copies the values in, so that views of the gradient
    and the optimizer stay valid. Raises ValueError when a value of another shape is assigned.
    """

    def __init__(self, data, name: str = "parameter"):
        self.name = name
        self._data = np.array(data)
        if not np.issubdtype(self._data.dtype, np.floating):
            raise TypeError(f"{name} is {self._data.dtype}, expected floating-point numbers")
        self._grad = np.zeros_like(self._data)

    @property
    def data(self) -> np.ndarray:
        return self._data

    @data.setter
    def data(self, value):
        self._copy_into(self._data, value, self.name)

    @property
    def grad(self) -> np.ndarray:
        return self._grad

    @grad.setter
    def grad(self, value):
        self._copy_into(self._grad, value, f"gradient of {self.name}")

    @staticmethod
    def _copy_into(array, value, what):
        if value is array:  # the assignment that ends `parameter.grad += ...`
            return
        if np.shape(value) != array.shape:
            raise ValueError(f"{what} has shape {np.shape(value)}, expected {array.shape}")
        array[...] = value

    @property
    def shape(self) -> tuple[int, ...]:
        return self._data.shape

    @property
    def size(self) -> int:
        return self._data.size

    def zero_grad(self) -> None:
        """Set the gradient to zero, in place."""
        self._grad.fill(0)

    def __array__(self, dtype=None, copy=None):
        return np.array(self._data, dtype=dtype, copy=copy)

    def __repr__(self):
        return f"Parameter({self.name}: shape {self.shape}, {self._data.dtype})"


class Output(np.ndarray):
    """What `model(x)` returns: a read-only array that remembers its model for `loss.backward()`.

    Whatever is computed from it (`logits * 2`, `logits[:5]`, `logits.T`) has no model: a loss of
    such an array has a gradient, but refuses to run the model backward.
    """

    def __new__(cls, array, model: "Layer"):
        output = np.asarray(array).view(cls)
        output.flags.writeable = False  # changed in place, it would no longer be the model's output
        output.model = model
        output._call = model._calls
        return output

    def __array_finalize__(self, source):
        self.model = None
        self._call = None

    def __array_ufunc__(self, ufunc, method, *inputs, out=(), **kwargs):
        if any(isinstance(array, Output) for array in out):
            raise ValueError(
                "a model's output is read-only: write `scaled = logits * 2`, not `logits *= 2`"
            )
        inputs = [np.asarray(x) if isinstance(x, Output) else x for x in inputs]
        if out:
            kwargs["out"] = out
        return getattr(ufunc, method)(*inputs, **kwargs)

    def __repr__(self):
        return repr(np.asarray(self)) if self.model is None else super().__repr__()

    def is_current(self) -> bool:
        """True while the model still holds the cache of the call that made this output."""
        return self.model is not None and self.model._calls == self._call


class Layer:
    """Base of all layers.

    A subclass sets its Parameters as attributes and writes `_forward(x) -> (out, cache)` and
    `_backward(dout, cache, input_gradient) -> (dx, dW, ...)`: the gradient of the input, None where
    not wanted, and those of its parameters, in the order in which they were set. It returns dx
    alone when it has none, or added to their gradients itself. `training` says in which mode the
    layer is.

    `sample_wise = True` promises that both treat every sample by itself and change nothing. Then a
    batch may be cut into pieces that are computed at the same time (see `pieces`). A class promises
    it for itself, not for its subclasses.
    """

    training = True
    sample_wise = False
    _calls = 0
    _cache = None

    def forward(self, x) -> np.ndarray:
        """The layer's output for x, as a plain array; keeps what `backward` needs."""
        x = np.asarray(x)
        return _forward_in_pieces([self], x) if self._cuts(x) else self._forward_whole(x)

    def backward(self, dout, input_gradient: bool = True) -> np.ndarray | None:
        """Add to the parameters' gradients; return the gradient of the input, None if not wanted.

        dout: upstream gradient, of the shape of the output.
        Raises RuntimeError without a forward before it, or the second time for one forward.
        """
        cache = self._required_cache()
        dout = np.asarray(dout)
        if isinstance(cache, _Pieces):
            return _backward_in_pieces([self], dout, input_gradient)
        dx, *gradients = _as_tuple(self._backward(dout, cache, input_gradient))
        self._add(gradients)
        self._cache = None
        return dx

    def __call__(self, x) -> Output:
        """`forward(x)` as an `Output`, which remembers this model."""
        if isinstance(x, Output) and x.model is not None:
            raise TypeError(
                f"x is the output of {type(x.model).__name__}, which loss.backward() would not "
                "reach: put both in one Sequential, or use forward(x) and backward(dout)"
            )
        return Output(self.forward(x), self)

    def _forward_whole(self, x):
        out, self._cache = self._forward(x)
        self._calls += 1
        return out

    def _forward(self, x):
        raise NotImplementedError(f"{type(self).__name__} must write _forward(x)")

    def _backward(self, dout, cache, input_gradient):
        raise NotImplementedError(f"{type(self).__name__} must write _backward")

    def named_parameters(self) -> dict[str, Parameter]:
        """The layer's parameters by name ("W", "b"), in the order in which they were set."""
        return {name: value for name, value in vars(self).items() if isinstance(value, Parameter)}

    def parameters(self) -> list[Parameter]:
        """The layer's parameters; in a Sequential those of all layers, first layer first."""
        return list(self.named_parameters().values())

    def zero_grad(self) -> None:
        """Set the gradients of all parameters to zero; `backward` adds to them."""
        for parameter in self.parameters():
            parameter.zero_grad()

    def train(self) -> None:
        """Put the layer, in a Sequential all layers, into training mode: Dropout drops entries."""
        for layer in self._all_layers():
            layer.training = True

    def eval(self) -> None:
        """Put the layer, in a Sequential all layers, into eval mode: Dropout drops nothing."""
        for layer in self._all_layers():
            layer.training = False

    @contextmanager
    def evaluating(self):
        """`with model.evaluating():` is eval mode inside, and every layer as before afterwards."""
        modes = [(layer, layer.training) for layer in self._all_layers()]
        self.eval()
        try:
            yield
        finally:
            for layer, training in modes:
                layer.training = training

    def _all_layers(self):
        return [self]

    def _is_sample_wise(self):
        return vars(type(self)).get("sample_wise", False)

    def _cuts(self, x):
        return x.ndim == 4 and self._is_sample_wise() and len(pieces.cut(x.shape)) > 1

    def _required_cache(self):
        if self._cache is None:
            state = "was already called for this forward" if self._calls else "needs a forward"
            raise RuntimeError(
                f"{type(self).__name__}.backward {state}: call forward(x), or the model on x, "
                "before every backward"
            )
        return self._cache

    def _add(self, gradients):
        if gradients:
            for parameter, gradient in zip(self.parameters(), gradients, strict=True):
                parameter.grad += gradient

    def __setattr__(self, name, value):
        if isinstance(vars(self).get(name), Parameter) and not isinstance(value, Parameter):
            raise TypeError(f"{name} is a Parameter: assign its values with `.{name}.data = ...`")
        super().__setattr__(name, value)

    def __repr__(self):
        return f"{type(self).__name__}()"


@dataclass
class _Pieces:
    """The cache of a layer that worked on a batch in pieces."""

    indices: list  # of the pieces in the batch
    caches: list  # one for each piece
    shape: tuple[int, ...]  # of the whole output


def _forward_in_pieces(layers, x, first=None):
    """The output of the last layer for x, the pieces of which go through all of `layers`.

    first: the index of layers[0] in its Sequential, for the note on an error.
    """
    indices = pieces.cut(x.shape)

    def forward(index):
        out, steps = x[index], []
        for layer in layers:
            try:
                out, cache = layer._forward(out)
            except ValueError as error:
                if first is not None:
                    _add_note(error, first + len(steps), layer)
                raise
            steps.append((cache, out.shape))
        return out, steps

    outs, steps = zip(*pieces.run(forward, indices), strict=True)
    for layer, of_pieces in zip(layers, zip(*steps, strict=True), strict=True):
        caches, shapes = zip(*of_pieces, strict=True)
        layer._cache = _Pieces(indices, caches, (len(x), *shapes[0][1:]))
        layer._calls += 1
    return np.concatenate(outs)


def _backward_in_pieces(layers, dout, input_gradient):
    """Add to the gradients of all parameters, piece after piece; return dx or None."""
    saved = [layer._required_cache() for layer in layers]
    indices = saved[-1].indices
    # Checked here as well as in the layer, where the error would name the shapes of a piece.
    require_same_shape("gradient of the output", dout, "the output", saved[-1].shape)

    def backward(piece):
        gradient, of_parameters = dout[indices[piece]], []
        for number in reversed(range(len(layers))):
            cache = saved[number].caches[piece]
            result = layers[number]._backward(gradient, cache, input_gradient or number > 0)
            gradient, *own = _as_tuple(result)
            of_parameters.append(own)
        return gradient, of_parameters

    dx, of_parameters = zip(*pieces.run(backward, range(len(indices))), strict=True)
    for layer, of_pieces in zip(reversed(layers), zip(*of_parameters, strict=True), strict=True):
        for gradients in of_pieces:  # in the order of the pieces, whichever was ready first
            layer._add(gradients)
        layer._cache = None
    return np.concatenate(dx) if input_gradient else None


def _as_tuple(result):
    return result if isinstance(result, tuple) else (result,)


def _add_note(error, index, layer):
    error.add_note(f"(in layer {index}, {layer!r})")


def _runs(layers):
    """Pairs (index of the first, layers): those that share the pieces of a batch, or one alone."""
    runs = []
    for index, layer in enumerate(layers):
        if runs and layer._is_sample_wise() and runs[-1][1][-1]._is_sample_wise():
            runs[-1][1].append(layer)
        else:
            runs.append((index, [layer]))
    return runs


class Affine(Layer):
    """Base of the layers with weights W and biases b; W is drawn by `init`, b starts at zero.

    `layer.dW` and `layer.db` are the memory of `layer.W.grad` and `layer.b.grad`.
    """

    def __init__(self, shape: tuple[int, ...], rng, init, dtype):
        self.W = Parameter(np.asarray(init(shape, require_generator(rng), dtype), dtype), "W")
        self.b = Parameter(zeros(shape[-1:], dtype=dtype), "b")

    @property
    def dW(self) -> np.ndarray:
        return self.W.grad

    @property
    def db(self) -> np.ndarray:
        return self.b.grad


class Linear(Affine):
    """Y = X W + b, with X (N, D), W (D, M), b (M,), Y (N, M).

    D is `in_features`, M is `out_features`. `init` draws W (see `initializers`), b starts at zero.
    `layer.dW` and `layer.db` are the memory of `layer.W.grad` and `layer.b.grad`.
    Raises ValueError for sizes below 1, TypeError when rng is no np.random.Generator.
    """

    def __init__(self, in_features: int, out_features: int, rng, init=he_normal, dtype=np.float32):
        if in_features < 1 or out_features < 1:
            raise ValueError(f"Linear({in_features}, {out_features}): both sizes must be >= 1")
        super().__init__((in_features, out_features), rng, init, dtype)

    def _forward(self, X):
        return linear_forward(X, self.W.data, self.b.data)

    def _backward(self, dY, cache, input_gradient):
        return linear_backward(dY, cache, need_dX=input_gradient)

    def __repr__(self):
        return "Linear({} -> {})".format(*self.W.shape)


class Conv2D(Affine):
    """Convolution of images x (N, H, W, C) with W (K, K, C, F) and b (F,), y (N, Ho, Wo, F).

    C is `in_channels`, F is `out_channels`, K is `kernel_size`; `padding` zeros are added on all
    four sides of an image, and Ho = (H + 2 * padding - K) // stride + 1. `init` draws W (see
    `initializers`; its fan-in is K*K*C), b starts at zero.
    `layer.dW` and `layer.db` are the memory of `layer.W.grad` and `layer.b.grad`.
    Raises ValueError for numbers that are no integers or too small, TypeError when rng is no
    np.random.Generator.
    """

    sample_wise = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        rng,
        stride: int = 1,
        padding: int = 0,
        init=he_normal,
        dtype=np.float32,
    ):
        C = require_integer("in_channels", in_channels, at_least=1)
        F = require_integer("out_channels", out_channels, at_least=1)
        K = require_integer("kernel_size", kernel_size, at_least=1)
        self.stride = require_integer("stride", stride, at_least=1)
        self.padding = require_integer("padding", padding, at_least=0)
        super().__init__((K, K, C, F), rng, init, dtype)

    def _forward(self, x):
        return conv2d_forward(x, self.W.data, self.b.data, self.stride, self.padding)

    def _backward(self, dout, cache, input_gradient):
        return conv2d_backward(dout, cache, need_dx=input_gradient)

    def __repr__(self):
        K, _, C, F = self.W.shape
        text = f"Conv2D({C} -> {F}, kernel_size={K}"
        if self.stride > 1:
            text += f", stride={self.stride}"
        if self.padding:
            text += f", padding={self.padding}"
        return text + ")"


class Function(Layer):
    """Base of the layers without parameters: a subclass names its pair of functions."""

    _pair = None

    def _forward(self, x):
        return self._pair[0](x)

    def _backward(self, dout, cache, input_gradient):
        return self._pair[1](dout, cache) if input_gradient else None


class ReLU(Function):
    """y = max(x, 0), x of any shape; the derivative at 0 is 0."""

    sample_wise = True
    _pair = relu_forward, relu_backward


class LeakyReLU(Function):
    """y = x where x > 0, else slope * x, x of any shape; the derivative at 0 is slope.

    Raises ValueError when slope is not finite.
    """

    sample_wise = True
    _pair = leaky_relu_forward, leaky_relu_backward

    def __init__(self, slope: float = 0.01):
        self.slope = require_finite("slope", slope)

    def _forward(self, x):
        return leaky_relu_forward(x, self.slope)

    def __repr__(self):
        return f"LeakyReLU(slope={self.slope:g})"


class Sigmoid(Function):
    """y = 1 / (1 + exp(-x)), x of any shape, without overflow for any x."""

    sample_wise = True
    _pair = sigmoid_forward, sigmoid_backward


class Tanh(Function):
    """y = tanh(x), x of any shape."""

    sample_wise = True
    _pair = tanh_forward, tanh_backward


class Softmax(Function):
    """Each row of logits (N, C) as probabilities (N, C).

    Leave it out before `CrossEntropy`, which takes logits and applies the softmax itself.
    """

    _pair = softmax_forward, softmax_backward


class Pool(Function):
    """Base of the pooling layers: their windows are size x size and do not overlap."""

    def __init__(self, size: int = 2):
        self.size = require_integer("size", size, at_least=1)

    def _forward(self, x):
        return self._pair[0](x, self.size)

    def __repr__(self):
        return f"{type(self).__name__}(size={self.size})"


class MaxPool(Pool):
    """The maximum of every size x size window: x (N, H, W, C), y (N, H // size, W // size, C).

    Of equal maxima the first in row-major order gets the gradient. Rows and columns that fill no
    window are left out. Raises ValueError unless size is an integer >= 1.
    """

    sample_wise = True
    _pair = max_pool_forward, max_pool_backward


class AveragePool(Pool):
    """The mean of every size x size window: x (N, H, W, C), y (N, H // size, W // size, C).

    Rows and columns that fill no window are left out. Raises ValueError unless size is an
    integer >= 1.
    """

    sample_wise = True
    _pair = average_pool_forward, average_pool_backward


class Flatten(Function):
    """Each sample as one row: images (N, H, W, C) become (N, H*W*C), for a `Linear` after it."""

    _pair = flatten_forward, flatten_backward


class Dropout(Layer):
    """In training each entry of x is 0 with probability p, else divided by 1 - p; x of any shape.

    In eval mode x passes unchanged. rng draws a new mask in every forward.
    Raises ValueError unless 0 <= p < 1, TypeError when rng is no np.random.Generator.
    """

    def __init__(self, p: float, rng):
        self.p = require_probability("p", p)
        self._rng = require_generator(rng)

    def _forward(self, x):
        if self.training:
            return dropout_forward(x, self.p, self._rng)
        return x, ()  # no mask: the gradient passes unchanged, too

    def _backward(self, dout, cache, input_gradient):
        if not input_gradient:
            return None
        return dropout_backward(dout, cache) if cache else dout

    def __repr__(self):
        return f"Dropout(p={self.p:g})"


class Sequential(Layer):
    """Layers one after the other: `Sequential(Linear(784, 10, rng))`; `model[0]` is the first.

    Raises TypeError for anything but layers, ValueError for no layer or the same layer twice.
    """

    def __init__(self, *layers: Layer):
        if not layers:
            raise ValueError("Sequential needs at least one layer")
        for layer in layers:
            if not isinstance(layer, Layer):
                raise TypeError(f"Sequential takes layers one by one, got {type(layer).__name__}")
        if len(set(layers)) < len(layers):
            raise ValueError("the same layer is used twice: each place needs a layer of its own")
        self.layers = layers
        self._runs = _runs(layers)

    def _forward(self, x):
        cut = self._begins_in_pieces(x)
        # For the other layers too: products on several threads would still hold the cores when the
        # next pieces want them.
        with pieces.one_blas_thread() if cut else nullcontext():
            for first, layers in self._runs:
                x = self._forward_run(first, layers, x)
        return x, ([layer._calls for layer in self.layers], cut)

    def backward(self, dout, input_gradient: bool = False) -> np.ndarray | None:
        """As `Layer.backward`, but the gradient of the input, seldom needed, only if asked for."""
        return super().backward(dout, input_gradient)

    def _backward(self, dout, cache, input_gradient):
        calls, cut = cache
        if calls != [layer._calls for layer in self.layers]:
            raise RuntimeError(
                "a layer was called again after the model: call the model on x before backward"
            )
        with pieces.one_blas_thread() if cut else nullcontext():
            for first, layers in reversed(self._runs):
                if isinstance(layers[0]._cache, _Pieces):
                    dout = _backward_in_pieces(layers, dout, input_gradient or first > 0)
                    continue
                for layer in reversed(layers):
                    dout = layer.backward(dout, input_gradient or layer is not self.layers[0])
        return dout

    @staticmethod
    def _forward_run(first, layers, x):
        x = np.asarray(x)
        if layers[0]._cuts(x):
            return _forward_in_pieces(layers, x, first)
        for index, layer in enumerate(layers, first):
            try:
                x = layer._forward_whole(x)
            except ValueError as error:
                _add_note(error, index, layer)
                raise
        return x

    def _begins_in_pieces(self, x):
        first = self.layers[0]
        return first._begins_in_pieces(x) if isinstance(first, Sequential) else first._cuts(x)

    def named_parameters(self) -> dict[str, Parameter]:
        """The parameters of all layers, named by the layer's index: "0.W"; nested "0.1.W"."""
        return {
            f"{index}.{name}": parameter
            for index, layer in enumerate(self.layers)
            for name, parameter in layer.named_parameters().items()
        }

    def _all_layers(self):
        return [self, *(inner for layer in self.layers for inner in layer._all_layers())]

    def __len__(self):
        return len(self.layers)

    def __getitem__(self, index):
        return self.layers[index]

    def __repr__(self):
        lines = [f"Sequential, {_count(self):,} parameters"]
        for index, layer in enumerate(self.layers):
            text = repr(layer).replace("\n", "\n  ")
            if _count(layer) and not isinstance(layer, Sequential):
                text += f", {_count(layer):,} parameters"
            lines.append(f"  {index}: {text}")
        return "\n".join(lines)


def _count(layer):
    return sum(parameter.size for parameter in layer.parameters())
