"""A training step of 784-128-10 beside PyTorch and HIPS autograd: `python benchmarks/mlp_step.py`.

A step is forward, loss, zero gradients, backward and SGD update, in float32 on batches of MNIST; it
gives the loss as a number. All contenders start from the same weights and must first compute the
same losses and weights. Then they run in one process, in turn, block of steps by block of steps.
The table is printed and written to results/mlp_step.txt, with a plot in results/mlp_step.png. What
is not installed is named there.
"""

import sys

import comparison
import numpy as np
from comparison import (
    Disagreement,
    measure_rows,
    not_installed,
    publish,
    quartiles,
    ratio_words,
    restless,
    restless_note,
    verify,
)
from machine import describe, threads_limited
from matplotlib.figure import Figure
from networks import mlp

from course_lib import load_mnist
from course_lib.initializers import he_normal, zeros
from course_lib.viz import Picture
from course_lib.viz.style import COLORS, styled

RATE = 0.1
SIZES = (784, 128, 10)
VERIFIED_STEPS = 5
NAMES = ("W1", "b1", "W2", "b2")


class CourseLib(comparison.CourseLib):
    """784-128-10 in the course's engine."""

    def __init__(self, weights):
        super().__init__(mlp(SIZES, np.random.default_rng(0)), weights, RATE)


class PyTorch(comparison.PyTorch):
    """784-128-10 in PyTorch, whose weights are (M, D)."""

    def __init__(self, weights):
        from torch import from_numpy, nn

        self.from_numpy = from_numpy
        model = nn.Sequential(nn.Linear(*SIZES[:2]), nn.ReLU(), nn.Linear(*SIZES[1:]))
        super().__init__(model, [value.T for value in weights], RATE)

    def batch(self, x, labels):
        return self.from_numpy(x), self.from_numpy(labels)

    def weights(self):
        return [value.T for value in super().weights()]


class HipsAutograd:
    """HIPS autograd: the gradient of a loss that is written in its NumPy."""

    name = "HIPS autograd"

    def __init__(self, weights):
        import autograd.numpy as anp
        from autograd import value_and_grad

        def loss(weights, x, labels):
            W1, b1, W2, b2 = weights
            z = x @ W1 + b1
            # z * (z > 0), because the derivative of its maximum(z, 0) is float64.
            logits = (z * (z > 0)) @ W2 + b2
            shifted = logits - anp.max(logits, axis=1, keepdims=True)
            log_sums = anp.log(anp.sum(anp.exp(shifted), axis=1))
            return anp.mean(log_sums - shifted[anp.arange(len(labels)), labels])

        self.arrays = [value.copy() for value in weights]
        self.value_and_grad = value_and_grad(loss)

    def batch(self, x, labels):
        return x, labels

    def step(self, x, labels):
        loss, gradients = self.value_and_grad(self.arrays, x, labels)
        for array, gradient in zip(self.arrays, gradients, strict=True):
            array -= RATE * gradient
        return float(loss)

    def weights(self):
        return self.arrays


def initial_weights(rng):
    """He-initialised W1 (784, 128) and W2 (128, 10), with biases of 0."""
    inputs, hidden, outputs = SIZES
    return [
        he_normal((inputs, hidden), rng),
        zeros((hidden,)),
        he_normal((hidden, outputs), rng),
        zeros((outputs,)),
    ]


def timed(row):
    """The beginning of a contender's line: its setting, and its time in microseconds."""
    low, middle, high = 1e6 * quartiles(row.times)
    return (
        f"{row.batch_size:5} {row.threads:7} {row.pause:5.2g}  {row.name:14} "
        f"{middle:9.0f} [{low:6.0f},{high:6.0f}]{'*' if restless(row) else ' '}"
    )


def table(rows, missing, blocks, steps):
    """The measurement as text."""
    lines = [
        "A training step of 784-128-10 on MNIST, float32: forward, loss, zero gradients,",
        "backward, SGD update.",
        f"Medians over {blocks} blocks of {steps} steps, the contenders in turn; in brackets the",
        "first and third quartile over the blocks. Ratio: course_lib's median over the",
        "contender's, in brackets the quartiles of the ratios block by block. Pause: seconds of",
        "rest before each block. With 2 threads and no pause, PyTorch's blocks suffer from",
        "OpenBLAS's threads, which are still waiting for work; README.md says more.",
        "",
        f"{'batch':>5} {'threads':>7} {'pause':>5}  {'contender':14} {'microseconds per step':>24}"
        f"  {'course_lib / contender':>22}",
    ]
    for row in rows:
        line = timed(row)
        if row.name == CourseLib.name:
            ours = row  # the first row of each setting
        else:
            line += f"       {ratio_words(ours, row)}"
        lines.append(line)
    return "\n".join([*lines, *not_installed(missing), *restless_note(rows)])


@styled
def draw(rows):
    """Bars of the medians with the quartiles, a panel for each batch size and thread count."""
    settings = list(dict.fromkeys((row.batch_size, row.threads, row.pause) for row in rows))
    fills = {CourseLib.name: COLORS["light"], PyTorch.name: "white", HipsAutograd.name: "white"}
    hatches = {PyTorch.name: "////", HipsAutograd.name: "...."}
    figure = Figure(figsize=(7, 0.6 + 1.2 * len(settings)), layout="constrained")
    panels = figure.subplots(len(settings), squeeze=False, sharex=True)[:, 0]
    words = ["Horizontal bars: the median time of a training step, with its quartiles."]
    for axes, setting in zip(panels, settings, strict=True):
        shown = [row for row in rows if (row.batch_size, row.threads, row.pause) == setting]
        said = []
        for place, row in enumerate(shown):
            low, middle, high = 1e6 * quartiles(row.times)
            axes.barh(
                place,
                middle,
                xerr=[[middle - low], [high - middle]],
                color=fills[row.name],
                edgecolor=COLORS["ink"],
                hatch=hatches.get(row.name),
                ecolor=COLORS["gradient"],
                capsize=3,
            )
            axes.text(high, place, f"   {middle:.0f}", va="center")
            said.append(f"{row.name} {middle:.0f}")
        axes.set_yticks(range(len(shown)), [row.name for row in shown])
        axes.invert_yaxis()
        axes.margins(x=0.12)
        size, threads, pause = setting
        title = f"Batch {size}, {threads} thread{'s' if threads > 1 else ''}"
        if threads > 1:
            title += f", {pause:g} s of rest before a block" if pause else ", back to back"
        axes.set_title(title, loc="left")
        words.append(f"{title}: {', '.join(said)} microseconds.")
    panels[-1].set_xlabel("microseconds per training step (shorter is faster)")
    return Picture(figure, "\n".join(words))


def parser(doc):
    """The options of a benchmark of this network."""
    options = comparison.parser(doc, [64, 256], blocks=60, images=60_000)
    options.add_argument("--steps", type=int, default=40, help="steps in a block")
    return options


def shuffled_mnist(images, rng):
    """Training images and labels in another order."""
    data = load_mnist(train=images, test=1)
    order = rng.permutation(len(data.x_train))
    return data.x_train[order], data.y_train[order]


def compare(kinds, opts):
    """Verifies and measures all kinds of contenders that are installed: (rows, missing)."""
    rng = np.random.default_rng(0)
    weights = initial_weights(rng)
    x, labels = shuffled_mnist(opts.images, rng)
    # Before the threads are limited: a library that is loaded later would keep all of its own.
    makers, missing = comparison.installed(kinds, weights)
    rows = []
    for size in opts.batch_sizes:
        batches = comparison.cut(x, labels, size)
        for threads in opts.threads:
            with threads_limited(threads):
                contenders = [make(weights) for make in makers]
                try:
                    verify(contenders, batches[:VERIFIED_STEPS], NAMES)
                except Disagreement as error:
                    sys.exit(str(error))
                rows += measure_rows(contenders, batches, threads, opts.blocks, opts.steps)
    return rows, missing


def main(arguments=None):
    """Measures, prints the table, writes it and the plot."""
    opts = parser(__doc__).parse_args(arguments)
    rows, missing = compare([CourseLib, PyTorch, HipsAutograd], opts)
    picture = draw(rows)
    text = "\n\n".join(
        [
            table(rows, missing, opts.blocks, opts.steps),
            describe("numpy", "torch", "autograd"),
            f"The plot mlp_step.png in words. {picture.text}",
        ]
    )
    publish(text, opts.to, "mlp_step", picture)


if __name__ == "__main__":
    main()
