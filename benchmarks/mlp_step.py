"""A training step of 784-128-10 beside PyTorch and HIPS autograd: `python benchmarks/mlp_step.py`.

A step is forward, loss, zero gradients, backward and SGD update, in float32 on batches of MNIST; it
gives the loss as a number. All contenders start from the same weights and must first compute the
same losses and weights. Then they run in one process, in turn, block of steps by block of steps.
The table is printed and written to results/mlp_step.txt, with a plot in results/mlp_step.png. What
is not installed is named there.
"""

import argparse
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from machine import cores, describe, threads_limited
from matplotlib.figure import Figure
from tqdm import tqdm

from course_lib import SGD, CrossEntropy, Linear, ReLU, Sequential, load_mnist
from course_lib.initializers import he_normal, zeros
from course_lib.viz import Picture
from course_lib.viz.style import COLORS, styled

RATE = 0.1
SIZES = (784, 128, 10)
NAMES = ("W1", "b1", "W2", "b2")
VERIFIED_STEPS = 5
# With several threads, OpenBLAS's keep a core busy for some 0.1 s after their last product. Without
# this pause the blocks of PyTorch, which come next, take two to four times as long. Both are
# measured: with the pause, and back to back.
PAUSE = 0.25
SETTLING_STEPS = 3  # not timed: the caches are full of the other contender's arrays


class CourseLib:
    """The course's engine, used as a chapter uses it."""

    name = "course_lib"

    def __init__(self, weights):
        rng = np.random.default_rng(0)
        self.model = Sequential(Linear(*SIZES[:2], rng), ReLU(), Linear(*SIZES[1:], rng))
        for parameter, value in zip(self.model.parameters(), weights, strict=True):
            parameter.data = value
        self.loss_fn = CrossEntropy()
        self.optimizer = SGD(self.model.parameters(), RATE)

    def batch(self, x, labels):
        return x, labels

    def step(self, x, labels):
        loss = self.loss_fn(self.model(x), labels)
        self.model.zero_grad()
        loss.backward()
        self.optimizer.step()
        return float(loss)

    def weights(self):
        return [parameter.data for parameter in self.model.parameters()]


class PyTorch:
    """PyTorch, eager: the step of its tutorials. Its weights are (M, D)."""

    name = "PyTorch eager"

    def __init__(self, weights):
        import torch
        from torch import nn

        self.from_numpy = torch.from_numpy
        self.model = nn.Sequential(nn.Linear(*SIZES[:2]), nn.ReLU(), nn.Linear(*SIZES[1:]))
        with torch.no_grad():
            for parameter, value in zip(self.model.parameters(), weights, strict=True):
                parameter.copy_(torch.from_numpy(value.T.copy()))
        self.loss_fn = nn.CrossEntropyLoss()
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=RATE)

    def batch(self, x, labels):
        return self.from_numpy(x), self.from_numpy(labels)

    def step(self, x, labels):
        loss = self.loss_fn(self.model(x), labels)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def weights(self):
        return [parameter.detach().numpy().T for parameter in self.model.parameters()]


class HipsAutograd:
    """HIPS autograd: the gradient of a loss that is written in its NumPy."""

    name = "HIPS autograd"

    def __init__(self, weights):
        import autograd.numpy as anp
        from autograd import value_and_grad

        def loss(weights, x, labels):
            W1, b1, W2, b2 = weights
            z = x @ W1 + b1
            # z * (z > 0), because the derivative of its maximum(z, 0) is float64, which would
            # double the time of the backward pass.
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


@dataclass
class Row:
    """The times of one contender, in seconds per step, one for each block."""

    batch_size: int
    threads: int
    pause: float  # seconds before each block
    name: str
    times: list[float]


class Disagreement(Exception):
    """A contender computes something else, so its time would mean nothing."""


def initial_weights(rng):
    """He-initialised W1 (784, 128) and W2 (128, 10), with biases of 0."""
    inputs, hidden, outputs = SIZES
    return [
        he_normal((inputs, hidden), rng),
        zeros((hidden,)),
        he_normal((hidden, outputs), rng),
        zeros((outputs,)),
    ]


def installed(contenders, weights):
    """The contenders that can be made here, and for the others name: what the import said."""
    here, missing = [], {}
    for contender in contenders:
        try:
            contender(weights)
            here.append(contender)
        except (ImportError, OSError) as error:  # OSError: a shared library of it is missing
            missing[contender.name] = str(error).splitlines()[0]
    return here, missing


def verify(contenders, batches):
    """Run the first steps of all; raise Disagreement unless losses and weights agree."""
    reference, *others = contenders
    for number, (x, labels) in enumerate(batches[:VERIFIED_STEPS], start=1):
        expected = reference.step(*reference.batch(x, labels))
        for other in others:
            values = [(other.step(*other.batch(x, labels)), expected)]
            values += zip(other.weights(), reference.weights(), strict=True)
            for what, (given, wanted) in zip(("the loss", *NAMES), values, strict=True):
                error = np.abs(np.subtract(given, wanted)).max()
                if not error <= 1e-5:  # nan is no agreement either
                    raise Disagreement(
                        f"{other.name}: in step {number} {what} differs from {reference.name}'s "
                        f"by {error:.2g}, expected at most 1e-05; nothing was timed"
                    )


def measure(contenders, batches, blocks, steps, pause):
    """Seconds per step of each contender, a list with one entry per block.

    The contenders take turns, and a block of each is on the same batches. pause: seconds of rest
    before each block.
    """
    streams = [[c.batch(x, labels) for x, labels in batches] for c in contenders]
    times = [[] for _ in contenders]
    for block in tqdm(range(-1, blocks), unit="block", leave=False, disable=None):
        start = (block + 1) * (SETTLING_STEPS + steps)
        numbers = [(start + i) % len(batches) for i in range(SETTLING_STEPS + steps)]
        for turn in range(len(contenders)):
            index = (turn + block) % len(contenders)  # each is first, and after each other, in turn
            step, stream = contenders[index].step, streams[index]
            time.sleep(pause)
            for number in numbers[:SETTLING_STEPS]:
                step(*stream[number])
            begin = time.perf_counter()
            for number in numbers[SETTLING_STEPS:]:
                step(*stream[number])
            end = time.perf_counter()
            if block >= 0:  # the one before is the warm-up
                times[index].append((end - begin) / steps)
    return times


def quartiles(values):
    """First quartile, median, third quartile."""
    return np.quantile(values, [0.25, 0.5, 0.75])


def ratio(ours, theirs):
    """(ratio of the medians, first and third quartile of the ratios block by block)."""
    low, _, high = quartiles(np.divide(ours.times, theirs.times))
    return statistics.median(ours.times) / statistics.median(theirs.times), low, high


def restless(row):
    """Whether the middle half of the blocks spreads over more than a fifth of the median."""
    low, middle, high = quartiles(row.times)
    return high - low > 0.2 * middle


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
    ours = None
    for row in rows:
        low, middle, high = 1e6 * quartiles(row.times)
        line = f"{row.batch_size:5} {row.threads:7} {row.pause:5.2g}  {row.name:14} "
        line += f"{middle:9.0f} [{low:6.0f},{high:6.0f}]{'*' if restless(row) else ' '}"
        if row.name == CourseLib.name:
            ours = row
        else:
            line += " {:10.2f} [{:.2f}, {:.2f}]".format(*ratio(ours, row))
        lines.append(line)
    lines += [f"{name}: not installed: {error}" for name, error in missing.items()]
    if any(restless(row) for row in rows):
        lines.append("* the quartiles are far apart: other work, or one contender in another's way")
    return "\n".join(lines)


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


def main(arguments=None):
    """Measures, prints the table, writes it and the plot."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[64, 256])
    parser.add_argument("--threads", type=int, nargs="+", default=sorted({1, cores()}))
    parser.add_argument("--blocks", type=int, default=60)
    parser.add_argument("--steps", type=int, default=40, help="steps in a block")
    parser.add_argument("--images", type=int, default=60_000, help="training images in use")
    parser.add_argument("--to", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args(arguments)

    rng = np.random.default_rng(0)
    weights = initial_weights(rng)
    data = load_mnist(train=options.images, test=1)
    order = rng.permutation(len(data.x_train))
    x, labels = data.x_train[order], data.y_train[order]
    # Before the threads are limited: a library that is loaded later would keep all of its own.
    makers, missing = installed([CourseLib, PyTorch, HipsAutograd], weights)
    rows = []
    for size in options.batch_sizes:
        starts = range(0, len(x) - size + 1, size)
        batches = [(x[i : i + size], labels[i : i + size]) for i in starts]
        for threads in options.threads:
            with threads_limited(threads):
                contenders = [make(weights) for make in makers]
                try:
                    verify(contenders, batches)
                except Disagreement as error:
                    sys.exit(str(error))
                for pause in (PAUSE, 0) if threads > 1 else (0,):
                    time.sleep(PAUSE)
                    times = measure(contenders, batches, options.blocks, options.steps, pause)
                    rows += [
                        Row(size, threads, pause, c.name, t)
                        for c, t in zip(contenders, times, strict=True)
                    ]

    picture = draw(rows)
    text = "\n\n".join(
        [
            table(rows, missing, options.blocks, options.steps),
            describe("numpy", "torch", "autograd"),
            f"The plot mlp_step.png in words. {picture.text}",
        ]
    )
    print(text)
    options.to.mkdir(parents=True, exist_ok=True)
    (options.to / "mlp_step.txt").write_text(text + "\n", encoding="utf-8")
    picture.save(options.to / "mlp_step.png")


if __name__ == "__main__":
    main()
