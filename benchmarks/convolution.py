"""A convolution beside its matrix products and beside loops: `python benchmarks/convolution.py`.

Forward and backward in float32 of both convolutions of chapter 05's CNN, and of the second one with
stride 2 and padding 1. The matrix products alone, on arrays that are ready, are the limit: whatever
the convolution takes beyond them is for gathering windows and for adding up their gradients. All
must first give the same results; then they take turns. The table is printed and written to
results/convolution.txt.
"""

import argparse
import statistics
import sys
import time
from dataclasses import dataclass
from itertools import product

import numpy as np
from comparison import (
    PAUSE,
    Disagreement,
    Row,
    add_folder,
    measure,
    publish,
    quartiles,
    ratio,
    require_close,
    restless,
    restless_note,
)
from machine import describe, threads_limited

from course_lib import Conv2D, pieces
from course_lib.functional import conv2d_backward, conv2d_forward, im2col
from course_lib.initializers import he_normal
from course_lib.pieces import cores

RESULTS = ("y", "dx", "dW", "db")


@dataclass
class Case:
    """A convolution of images (H, W, C) with W (K, K, C, F)."""

    title: str
    image: tuple[int, int, int]
    kernel: tuple[int, int, int, int]
    stride: int = 1
    padding: int = 0
    need_dx: bool = True

    def arrays(self, size, rng):
        """(x, upstream gradient) of a batch."""
        x = rng.standard_normal((size, *self.image), np.float32)
        K, _, _, F = self.kernel
        positions = [(side + 2 * self.padding - K) // self.stride + 1 for side in self.image[:2]]
        return x, rng.standard_normal((size, *positions, F), np.float32)


CASES = {
    "first": Case("first: 28x28x1, 3x3x32, no dx", (28, 28, 1), (3, 3, 1, 32), need_dx=False),
    "second": Case("second: 13x13x32, 3x3x64", (13, 13, 32), (3, 3, 32, 64)),
    "strided": Case("second, stride 2, padding 1", (13, 13, 32), (3, 3, 32, 64), 2, 1),
}


class Contender:
    """A way to compute a convolution's y, dx, dW and db. Subclasses write `step`."""

    def __init__(self, case):
        self.case = case
        rng = np.random.default_rng(0)
        self.W = he_normal(case.kernel, rng)
        self.b = rng.standard_normal(case.kernel[3], np.float32)

    def batch(self, x, dout):
        return x, dout

    def results(self, x, dout):
        return self.step(*self.batch(x, dout))


class Functional(Contender):
    """The pair of functions."""

    name = "functional"

    def step(self, x, dout):
        y, cache = conv2d_forward(x, self.W, self.b, self.case.stride, self.case.padding)
        return y, *conv2d_backward(dout, cache, self.case.need_dx)


class Layer(Contender):
    """The layer, as a model uses it."""

    name = "Conv2D layer"

    def __init__(self, case):
        super().__init__(case)
        K, _, C, F = case.kernel
        rng = np.random.default_rng(0)
        self.layer = Conv2D(C, F, K, rng, case.stride, case.padding)
        self.layer.W.data, self.layer.b.data = self.W, self.b

    def step(self, x, dout):
        self.layer.zero_grad()
        y = self.layer.forward(x)
        return y, self.layer.backward(dout, self.case.need_dx), self.layer.dW, self.layer.db


class Products(Contender):
    """The matrix products alone: two, or three where dx is wanted."""

    name = "matrix products alone"

    def batch(self, x, dout):
        K, _, C, F = self.case.kernel
        return im2col(padded(x, self.case.padding), K, self.case.stride), dout.reshape(-1, F)

    def step(self, cols, rows):
        W = self.W.reshape(-1, self.W.shape[3])
        dcols = rows @ W.T if self.case.need_dx else None
        return cols @ W, cols.T @ rows, dcols

    def results(self, x, dout):
        y, dW, _ = self.step(*self.batch(x, dout))
        return y.reshape(dout.shape) + self.b, None, dW.reshape(self.W.shape), None


class ProductsInPieces(Products):
    """The products of pieces of the batch that run on threads, cut as the layer cuts them."""

    name = "the same in pieces"

    def batch(self, x, dout):
        batch = super().batch
        return ([batch(x[index], dout[index]) for index in pieces.cut(x.shape)],)

    def step(self, parts):
        step = super().step
        ys, dWs, dcols = zip(*pieces.run(lambda part: step(*part), parts), strict=True)
        return np.concatenate(ys), sum(dWs), dcols


class LoopOverPositions(Contender):
    """Python loops over the positions of the window, NumPy for the rest."""

    name = "loop over positions"

    def step(self, x, dout):
        K, stride, padding = len(self.W), self.case.stride, self.case.padding
        x = padded(x, padding)
        y, dx, dW = np.empty_like(dout), np.zeros_like(x), np.zeros_like(self.W)
        for i, j in indices(dout.shape[1:3]):
            window = np.s_[:, i * stride : i * stride + K, j * stride : j * stride + K]
            y[:, i, j] = np.tensordot(x[window], self.W, 3) + self.b
            dW += np.tensordot(x[window], dout[:, i, j], (0, 0))
            if self.case.need_dx:
                dx[window] += np.tensordot(dout[:, i, j], self.W, (1, 3))
        dx = unpadded(dx, padding) if self.case.need_dx else None
        return y, dx, dW, dout.sum(axis=(0, 1, 2))


class SevenLoops(Contender):
    """Python loops over everything: one product of two numbers at a time."""

    name = "seven nested loops"

    def step(self, x, dout):
        stride, padding, need_dx = self.case.stride, self.case.padding, self.case.need_dx
        W, x = self.W, padded(x, padding)
        y, dx, dW = np.zeros_like(dout), np.zeros_like(x), np.zeros_like(W)
        y += self.b
        for n, i, j, f in indices(dout.shape):
            for ki, kj, c in indices(W.shape[:3]):
                row, column = i * stride + ki, j * stride + kj
                y[n, i, j, f] += x[n, row, column, c] * W[ki, kj, c, f]
                dW[ki, kj, c, f] += x[n, row, column, c] * dout[n, i, j, f]
                if need_dx:
                    dx[n, row, column, c] += W[ki, kj, c, f] * dout[n, i, j, f]
        return y, unpadded(dx, padding) if need_dx else None, dW, dout.sum(axis=(0, 1, 2))


MAKERS = (Functional, Layer, Products, ProductsInPieces, LoopOverPositions)


def indices(shape):
    """All indices of an array, the last one fastest; as np.ndindex, in less time."""
    return product(*map(range, shape))


def padded(x, padding):
    """The images with zeros on all four sides."""
    return np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))


def unpadded(x, padding):
    """The images without what `padded` added."""
    return x[:, padding : x.shape[1] - padding, padding : x.shape[2] - padding]


def verify(contenders, x, dout):
    """Raise Disagreement unless all give the same, as far as they give it."""
    reference, *others = contenders
    expected = reference.results(x, dout)
    for other in others:
        for what, given, wanted in zip(RESULTS, other.results(x, dout), expected, strict=True):
            if given is not None:
                tolerance = 1e-5 * np.abs(wanted).max()
                require_close(other.name, reference.name, what, given, wanted, tolerance)


def rows_of(case, arrays, threads, options):
    """The times of all but the seven loops."""
    contenders = [make(case) for make in MAKERS]
    verify(contenders, *arrays)
    pause = PAUSE if threads > 1 else 0
    times = measure(contenders, [arrays], options.blocks, options.steps, pause)
    size = len(arrays[0])
    return [Row(size, threads, pause, c.name, t) for c, t in zip(contenders, times, strict=True)]


def loops_row(case, arrays):
    """The time of the seven loops."""
    loops = SevenLoops(case)
    verify([Functional(case), loops], *arrays)
    begin = time.perf_counter()
    loops.step(*arrays)
    return Row(len(arrays[0]), 1, 0, loops.name, [time.perf_counter() - begin])


def lines_of(rows):
    """A line for each row of a setting, with the ratio to the faster products."""
    products = [row for row in rows if row.name in (Products.name, ProductsInPieces.name)]
    least = min(products, key=lambda row: statistics.median(row.times))
    lines = []
    for row in rows:
        low, middle, high = 1e3 * quartiles(row.times)
        once = len(row.times) == 1
        line = f"{row.batch_size:5} {row.threads:7}  {row.name:22} {middle:10.3f} "
        line += f"{'':23}" if once else f"[{low:9.3f}, {high:9.3f}]{'*' if restless(row) else ' '}"
        if row is not least:
            middle, low, high = ratio(row, least)
            line += f" {middle:10.2f}" + ("" if once else f" [{low:.2f}, {high:.2f}]")
        lines.append(line.rstrip())
    return lines


def main(arguments=None):
    """Measures, prints the table and writes it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--threads", type=int, nargs="+", default=sorted({1, cores()}))
    parser.add_argument("--blocks", type=int, default=60)
    parser.add_argument("--steps", type=int, default=4, help="steps in a block")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    add_folder(parser)
    options = parser.parse_args(arguments)

    lines = [
        "Forward and backward of a convolution, float32.",
        f"Medians over {options.blocks} blocks of {options.steps} steps, in turn; in brackets the",
        "quartiles over the blocks, and those of the ratios block by block. Ratio: over the matrix",
        "products alone (two without dx, three with it) on arrays that are ready, of the whole",
        "batch or in the pieces in which the layer works, whichever is faster. The seven nested",
        "loops, one product of two numbers at a time, are timed once, on one image.",
        "",
        f"{'batch':>5} {'threads':>7}  {'':22} {'milliseconds':>34}    over the products",
    ]
    everything = []
    for case in (CASES[name] for name in options.cases):
        lines.append(case.title)
        for size, threads in [(options.batch_size, t) for t in options.threads] + [(1, 1)]:
            arrays = case.arrays(size, np.random.default_rng(1))
            with threads_limited(threads):
                try:
                    rows = rows_of(case, arrays, threads, options)
                    if size == 1:
                        rows.append(loops_row(case, arrays))
                except Disagreement as error:
                    sys.exit(str(error))
            everything += rows
            lines += lines_of(rows)
    text = "\n".join([*lines, *restless_note(everything), "", describe("numpy")])
    publish(text, options.to, "convolution")


if __name__ == "__main__":
    main()
