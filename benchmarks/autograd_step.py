"""A training step of 784-128-10 by automatic differentiation: `python benchmarks/autograd_step.py`.

The step of mlp_step.py, written with `course_lib.autograd` in two ways, `backward()` and
`value_and_grad`, beside the hand-written layers, HIPS autograd and PyTorch. All are verified to
compute the same and measured in turn, and once more each in processes of its own. Then
Hessian-vector products of the loss beside its gradient. The tables are printed and written to
results/autograd_step.txt.
"""

import sys

import mlp_step
import numpy as np
from comparison import (
    Disagreement,
    cut,
    installed,
    measure_alone,
    measure_rows,
    not_installed,
    publish,
    ratio_words,
    require_close,
    restless_note,
)
from machine import describe, threads_limited
from mlp_step import RATE, SIZES, HipsAutograd, PyTorch, initial_weights, timed

from course_lib import SGD
from course_lib.autograd import Tensor, grad, hvp, relu, softmax_cross_entropy, value_and_grad


def loss_fn(W1, b1, W2, b2, x, labels):
    """Mean cross-entropy of the network, as a learner writes it."""
    return softmax_cross_entropy(relu(x @ W1 + b1) @ W2 + b2, labels)


class Layers(mlp_step.CourseLib):
    name = "layers"


class TensorEngine:
    """Tensors whose gradients `backward()` fills and SGD uses."""

    name = "Tensor"

    def __init__(self, weights):
        self.parameters = [Tensor(value, requires_grad=True) for value in weights]
        self.optimizer = SGD(self.parameters, RATE)

    def batch(self, x, labels):
        return x, labels

    def step(self, x, labels):
        loss = loss_fn(*self.parameters, x, labels)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def weights(self):
        return [parameter.data for parameter in self.parameters]


class ValueAndGrad:
    """Plain arrays, and a function that returns the loss and its gradients."""

    name = "value_and_grad"

    def __init__(self, weights):
        self.arrays = [value.copy() for value in weights]
        self.value_and_grad = value_and_grad(loss_fn, argnums=(0, 1, 2, 3))

    def batch(self, x, labels):
        return x, labels

    def step(self, x, labels):
        loss, gradients = self.value_and_grad(*self.arrays, x, labels)
        for array, gradient in zip(self.arrays, gradients, strict=True):
            array -= RATE * gradient.data
        return loss.item()

    def weights(self):
        return self.arrays


CONTENDERS = (Layers, TensorEngine, ValueAndGrad, HipsAutograd, PyTorch)
ALONE_SETTLING = 20  # steps, in a process of its own


def measure_all_alone(opts):
    """Rows of the contenders in processes of their own, with one thread."""
    weights = initial_weights(np.random.default_rng(0))
    makers, _ = installed(CONTENDERS, weights)
    rows = []
    for size in opts.batch_sizes:
        setting = (size, 1, opts.alone_images, ALONE_SETTLING)
        rows += measure_alone(makers, weights, opts.rounds, setting, flatten=True)
    return rows


class Gradient:
    """The gradient of the loss with respect to W1, or to all weights in one vector."""

    def __init__(self, weights, flat):
        self.name = f"gradient, {'all' if flat else 'W1'}"
        self.flat = flat
        self.rest = weights[1:]
        self.point = np.concatenate([value.ravel() for value in weights]) if flat else weights[0]
        self.direction = np.random.default_rng(1).standard_normal(self.point.shape, np.float32)
        self.direction = self.direction.astype(self.point.dtype)

    def loss(self, point, x, labels):
        if not self.flat:
            return loss_fn(point, *self.rest, x, labels)
        inputs, hidden, outputs = SIZES
        W1, b1, W2, b2 = (point[part] for part in PARTS)
        return loss_fn(W1.reshape(inputs, hidden), b1, W2.reshape(hidden, outputs), b2, x, labels)

    def batch(self, x, labels):
        return x, labels

    def step(self, x, labels, point=None):
        return grad(self.loss)(self.point if point is None else point, x, labels).data


class Product(Gradient):
    """The Hessian of the same loss times a vector."""

    def __init__(self, weights, flat):
        super().__init__(weights, flat)
        self.name = f"hvp, {'all' if flat else 'W1'}"

    def step(self, x, labels):
        return hvp(lambda point: self.loss(point, x, labels), self.point, self.direction).data


def _parts():
    inputs, hidden, outputs = SIZES
    ends = np.cumsum([0, inputs * hidden, hidden, hidden * outputs, outputs]).tolist()
    return [slice(*pair) for pair in zip(ends, ends[1:], strict=False)]


PARTS = _parts()
"""Where W1, b1, W2 and b2 are in the vector of all weights."""


def verify_products(weights, x, labels):
    """Raise Disagreement unless hvp is the change of the gradient, by central differences."""
    weights = [value.astype(np.float64) for value in weights]
    for flat in (False, True):
        gradient, product = Gradient(weights, flat), Product(weights, flat)
        # Small enough that hardly any ReLU changes sides.
        step = 1e-7 * gradient.direction
        up, down = (gradient.step(x, labels, gradient.point + s) for s in (step, -step))
        given = product.step(x, labels)
        what = f"with {product.name.partition(', ')[2]} the product"
        require_close("hvp", "the differences", what, given, (up - down) / 2e-7, 1e-6)


def measure_products(opts):
    """Rows of gradients and Hessian-vector products, with one thread, in pairs."""
    rng = np.random.default_rng(0)
    weights = initial_weights(rng)
    x, labels = mlp_step.shuffled_mnist(opts.images, rng)
    rows = []
    for size in opts.batch_sizes:
        batches = cut(x, labels, size)
        with threads_limited(1):
            try:
                verify_products(weights, x[:size].astype(np.float64), labels[:size])
            except Disagreement as error:
                sys.exit(str(error))
            for flat in (False, True):
                pair = [Gradient(weights, flat), Product(weights, flat)]
                rows += measure_rows(pair, batches, 1, opts.blocks, opts.steps)
    return rows


HEAD = (
    f"{'batch':>5} {'threads':>7} {'pause':>5}  {'contender':14} {'microseconds per step':>24}"
    f"  {'/ layers':>20} {'/ Tensor':>20}"
)


def table(rows, missing, blocks, steps):
    """The comparison of steps as text."""
    lines = [
        "A training step of 784-128-10 on MNIST, float32: forward, loss, zero gradients,",
        "backward, SGD update; by hand-written layers and by automatic differentiation.",
        f"Medians over {blocks} blocks of {steps} steps, the contenders in turn; in brackets the",
        "first and third quartile over the blocks. Ratios: the contender's median over that of",
        "the layers and of the Tensors, in brackets the quartiles of the ratios block by block.",
        "Pause: seconds of rest before each block; without it, with 2 threads, OpenBLAS's threads",
        "are in PyTorch's way (README.md).",
        "",
        HEAD,
        *with_ratios(rows),
    ]
    return "\n".join([*lines, *not_installed(missing), *restless_note(rows)])


def alone_table(rows, rounds, images):
    """The steps in processes of their own as text."""
    lines = [
        "The same, each contender in processes of its own, without the others' memory in reach of",
        f"its allocator: the median over {rounds} processes each, in turn, of the median step in",
        f"{images:,} images.",
        "",
        HEAD,
        *with_ratios(rows),
    ]
    return "\n".join([*lines, *restless_note(rows)])


def with_ratios(rows):
    """A line for each row: its time over that of the layers and of the Tensors."""
    for row in rows:
        if row.name == Layers.name:
            layers = row  # the first row of each setting, and the Tensors' is the next
            tensors = rows[rows.index(row) + 1]
        over = [ratio_words(row, other) if row is not other else "" for other in (layers, tensors)]
        yield f"{timed(row)} {over[0]:>20} {over[1]:>20}".rstrip()


def product_table(rows, blocks, steps):
    """The Hessian-vector products over gradients as text."""
    lines = [
        "A gradient of the same loss, and the product of its Hessian with a vector (hvp): for W1",
        "alone, and for all weights, cut out of one vector. Both include the forward pass. The",
        f"products agree with central differences. {blocks} blocks of {steps} each, in turn.",
        "",
        f"{'batch':>5} {'threads':>7} {'pause':>5}  {'':14} {'microseconds':>24}"
        f"  {'hvp / gradient':>20}",
    ]
    for gradient, product in zip(rows[::2], rows[1::2], strict=True):
        lines += [timed(gradient), f"{timed(product)} {ratio_words(product, gradient):>20}"]
    return "\n".join([*map(str.rstrip, lines), *restless_note(rows)])


def main(arguments=None):
    """Measures, prints the tables and writes them."""
    parser = mlp_step.parser(__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="processes for each contender")
    parser.add_argument("--alone-images", type=int, default=12_800, help="images in each process")
    opts = parser.parse_args(arguments)
    rows, missing = mlp_step.compare(CONTENDERS, opts)
    text = "\n\n".join(
        [
            table(rows, missing, opts.blocks, opts.steps),
            alone_table(measure_all_alone(opts), opts.rounds, opts.alone_images),
            product_table(measure_products(opts), opts.blocks, opts.steps),
            describe("numpy", "torch", "autograd"),
        ]
    )
    publish(text, opts.to, "autograd_step")


if __name__ == "__main__":
    main()
