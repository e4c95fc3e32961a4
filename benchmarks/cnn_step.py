"""A training step of chapter 05's CNN beside PyTorch: `python benchmarks/cnn_step.py`.

A step is forward, loss, zero gradients, backward and SGD with momentum, in float32, with dropout,
on batches of MNIST; it gives the loss as a number. PyTorch runs in both of its layouts. All start
from the same weights and must first compute the same losses and weights: without dropout, and with
the same masks. Then they run in one process, in turn, block of steps by block of steps, and once
more each in processes of its own, as nearly everybody runs them. The peak memory is measured in a
fresh process each. The tables are printed and written to results/cnn_step.txt, with a plot in
results/cnn_step.png.
"""

import statistics
import sys
import tracemalloc

import comparison
import numpy as np
from comparison import (
    Disagreement,
    in_fresh_process,
    measure_alone,
    measure_rows,
    not_installed,
    publish,
    quartiles,
    ratio_words,
    restless,
    restless_note,
    verify,
)
from machine import describe, peak_memory, threads_limited
from matplotlib.figure import Figure
from networks import cnn
from tqdm import tqdm

from course_lib import Dropout, load_mnist
from course_lib.viz import Picture
from course_lib.viz.style import LOOKS, styled

RATE, MOMENTUM, DROP = 0.05, 0.9, 0.5
# (dtype, steps, tolerance) of the comparison. In float32, after some steps, rounding decides which
# of two nearly equal numbers a pool takes, so that only float64 can show that nothing else differs.
PRECISIONS = ((np.float64, 5, 1e-9), (np.float32, 1, 1e-3))
SETTLING_STEPS = 1  # one fills the caches
MEMORY_STEPS = 3
ALONE_SETTLING = 5  # steps, in a process of its own


class CourseLib(comparison.CourseLib):
    """The CNN in the course's engine."""

    def __init__(self, weights, dropout=None, dtype=np.float32):
        self.dtype = dtype
        super().__init__(cnn(np.random.default_rng(0), dropout, dtype), weights, RATE, MOMENTUM)

    def batch(self, x, labels):
        return x.astype(self.dtype), labels


class PyTorch(comparison.PyTorch):
    """The CNN in PyTorch; arrays come in the course's layout (N, H, W, C).

    dropout: a `course_lib.Dropout` whose masks take the place of PyTorch's own.
    """

    name = "PyTorch NCHW"
    layout = "contiguous_format"

    def __init__(self, weights, dropout=None, dtype=np.float32):
        import torch
        from torch import nn

        class SameMask(nn.Module):
            def forward(self, x):
                ones = np.ones((len(x), 5, 5, 64), dtype)
                scale = dropout.forward(ones.reshape(len(x), -1)).reshape(ones.shape)
                return x * torch.tensor(scale.transpose(0, 3, 1, 2).reshape(x.shape))

        self.torch = torch
        self.layout = getattr(torch, type(self).layout)
        self.dtype = getattr(torch, np.dtype(dtype).name)
        model = nn.Sequential(
            nn.Conv2d(1, 32, 3),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            nn.Flatten(),
            SameMask() if dropout else nn.Dropout(DROP),
            nn.Linear(1600, 10),
        ).to(memory_format=self.layout, dtype=self.dtype)
        super().__init__(model, to_pytorch(weights), RATE, MOMENTUM)

    def batch(self, x, labels):
        x = self.torch.tensor(x.transpose(0, 3, 1, 2), dtype=self.dtype)
        return x.contiguous(memory_format=self.layout), self.torch.from_numpy(labels)

    def weights(self):
        return from_pytorch(super().weights())


class ChannelsLast(PyTorch):
    """The same with the channels last in memory, as in the course."""

    name = "PyTorch channels_last"
    layout = "channels_last"


def to_pytorch(weights):
    """The course's weights in PyTorch's shapes: (F, C, K, K), and (M, D) of flattened (C, H, W)."""
    W1, b1, W2, b2, W3, b3 = weights
    W3 = W3.reshape(5, 5, 64, 10).transpose(3, 2, 0, 1).reshape(10, 1600)
    return [W1.transpose(3, 2, 0, 1), b1, W2.transpose(3, 2, 0, 1), b2, W3, b3]


def from_pytorch(weights):
    """What `to_pytorch` made, in the course's shapes again."""
    W1, b1, W2, b2, W3, b3 = weights
    W3 = W3.reshape(10, 64, 5, 5).transpose(2, 3, 1, 0).reshape(1600, 10)
    return [W1.transpose(2, 3, 1, 0), b1, W2.transpose(2, 3, 1, 0), b2, W3, b3]


def verify_all(makers, weights, batches, names):
    """Raise Disagreement unless all compute the same, without dropout and with the same masks."""
    for dtype, steps, tolerance in PRECISIONS:
        for p in (0.0, DROP):
            contenders = [
                make(weights, Dropout(p, np.random.default_rng(1)), dtype) for make in makers
            ]
            verify(contenders, batches[:steps], names, tolerance)


# peak memory -------------------------------------------------------------------------------------


def step_memory(make, weights, size, threads):
    """(bytes of NumPy's arrays, bytes of the process) that the first steps add at most.

    To be called in a fresh process. None stands for what is not measured: NumPy's arrays where
    NumPy doesn't compute, and the process where the system doesn't tell.
    """
    rng = np.random.default_rng(0)
    x, labels = rng.random((size, 28, 28, 1), np.float32), rng.integers(0, 10, size)
    contender = make(weights)
    batch = contender.batch(x, labels)
    with threads_limited(threads):
        before = peak_memory()
        if make is CourseLib:
            tracemalloc.start()
        for _ in range(MEMORY_STEPS):
            contender.step(*batch)
        arrays = tracemalloc.get_traced_memory()[1] if make is CourseLib else None
        tracemalloc.stop()
    return arrays, None if before is None else peak_memory() - before


def megabytes(amount):
    """The amount in MB, in words."""
    return "not measured here" if amount is None else f"{amount / 1e6:.0f}"


# each in a process of its own --------------------------------------------------------------------


def alone_table(makers, weights, sizes, threads, rounds, images):
    """The times of steps in processes of their own as text; measures them, in turn."""
    lines = [
        f"The same with {threads} thread{'s' if threads > 1 else ''}, each contender in processes "
        "of its own, as it would be used: the",
        f"median over {rounds} processes each, in turn, of the median step in {images:,} "
        "images; in",
        "brackets the first and third quartile over the processes, and of the ratios in each turn.",
        "",
        f"{'batch':>5}  {'contender':21} {'milliseconds per step':>24}"
        f"  {'course_lib / faster layout':>26}",
    ]
    for size in tqdm(sizes, leave=False, disable=None):
        setting = (size, threads, images, ALONE_SETTLING)
        rows = measure_alone(makers, weights, rounds, setting, flatten=False)
        ours, *theirs = rows
        fastest = min(theirs, key=lambda row: statistics.median(row.times), default=None)
        for row in rows:
            low, middle, high = 1e3 * quartiles(row.times)
            line = f"{size:5}  {row.name:21} {middle:8.2f} [{low:6.2f}, {high:6.2f}] "
            lines.append(line + (f"     {ratio_words(ours, row)}" if row is fastest else ""))
    return "\n".join(lines)


# what is shown -----------------------------------------------------------------------------------


def by_setting(rows):
    """{(batch size, threads, pause): rows of it}."""
    settings = {}
    for row in rows:
        settings.setdefault((row.batch_size, row.threads, row.pause), []).append(row)
    return settings


def step_table(rows, missing, blocks, images):
    """The times of the steps as text."""
    lines = [
        "A training step of the CNN of chapter 05 on MNIST, float32, dropout 0.5: forward, loss,",
        "zero gradients, backward, SGD with momentum.",
        f"Medians over {blocks} blocks of at least {images} images, the contenders in turn; in",
        "brackets the first and third quartile over the blocks. Ratio: course_lib's median over",
        "that of PyTorch's faster layout, in brackets the quartiles of the ratios block by block.",
        "Pause: seconds of rest before each block.",
        "",
        f"{'batch':>5} {'threads':>7} {'pause':>5}  {'contender':21} {'milliseconds per step':>24}"
        f"  {'course_lib / faster layout':>26}",
    ]
    for (size, threads, pause), (ours, *theirs) in by_setting(rows).items():
        fastest = min(theirs, key=lambda row: statistics.median(row.times), default=None)
        for row in (ours, *theirs):
            low, middle, high = 1e3 * quartiles(row.times)
            line = f"{size:5} {threads:7} {pause:5.2g}  {row.name:21} {middle:8.2f} "
            line += f"[{low:6.2f}, {high:6.2f}]{'*' if restless(row) else ' '}"
            lines.append(line + (f"     {ratio_words(ours, row)}" if row is fastest else ""))
    return "\n".join([*lines, *not_installed(missing), *restless_note(rows)])


def scaling_table(rows):
    """Milliseconds per image, and how many times faster more threads are, as text."""
    settings = by_setting(rows)
    sizes = list(dict.fromkeys(row.batch_size for row in rows))
    lines = [
        "Milliseconds per image; in brackets: how many times faster than with one thread.",
        "",
        f"{'threads':>7} {'pause':>5}  {'contender':21}"
        + "".join(f"{f'batch {size}':>15}" for size in sizes),
    ]
    medians = {
        (key[1:], row.name, key[0]): statistics.median(row.times) / key[0]
        for key, shown in settings.items()
        for row in shown
    }
    for (threads, pause), name in dict.fromkeys(key[:2] for key in medians):
        line = f"{threads:7} {pause:5.2g}  {name:21}"
        for size in sizes:
            time = medians[(threads, pause), name, size]
            alone = medians.get(((1, 0), name, size))
            faster = f" ({alone / time:.2f})" if alone and threads > 1 else " " * 7
            line += f"{1e3 * time:8.3f}{faster}"
        lines.append(line.rstrip())
    return "\n".join(lines)


def memory_table(makers, weights, sizes, threads):
    """The peak memory as text; measures it."""
    lines = [
        f"Peak memory of {MEMORY_STEPS} steps in a fresh process with {threads} "
        f"thread{'s' if threads > 1 else ''}, in MB: NumPy's arrays as tracemalloc",
        "counts them, and what the process grows by, with the buffers of the BLAS. Weights and",
        "images are there before.",
        "",
        f"{'batch':>5}  {'contender':21} {'arrays':>20} {'process':>20}",
    ]
    for size in tqdm(sizes, leave=False, disable=None):
        for make in makers:
            arrays, process = in_fresh_process(step_memory, make, weights, size, threads)
            said = megabytes(arrays) if make is CourseLib else "-"
            lines.append(f"{size:5}  {make.name:21} {said:>20} {megabytes(process):>20}")
    return "\n".join(lines)


@styled
def draw(rows):
    """Milliseconds per image over the batch size, a panel for each number of threads."""
    shown = [row for row in rows if row.pause or row.threads == 1]
    counts = list(dict.fromkeys(row.threads for row in shown))
    names = list(dict.fromkeys(row.name for row in shown))
    figure = Figure(figsize=(7, 3.4), layout="constrained")
    panels = figure.subplots(1, len(counts), squeeze=False, sharey=True)[0]
    words = ["Milliseconds per image of a training step over the batch size, medians, quartiles."]
    for axes, threads in zip(panels, counts, strict=True):
        title = f"{threads} thread{'s' if threads > 1 else ''}"
        for name, look, marker in zip(names, LOOKS, "osD", strict=False):
            curve = [row for row in shown if (row.threads, row.name) == (threads, name)]
            sizes = np.array([row.batch_size for row in curve])
            low, middle, high = 1e3 * np.array([quartiles(row.times) for row in curve]).T / sizes
            axes.errorbar(
                sizes, middle, [middle - low, high - middle], marker=marker, label=name, **look
            )
            said = ", ".join(f"{m:.3f} at {s}" for m, s in zip(middle, sizes, strict=True))
            words.append(f"{title}, {name}: {said}.")
        axes.set_xscale("log", base=2)
        axes.set_xticks(sizes, sizes)
        axes.set_title(title, loc="left")
        axes.set_xlabel("batch size")
    panels[0].set_ylim(bottom=0)  # of all panels
    panels[0].set_ylabel("ms per image (lower is faster)")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(names))
    return Picture(figure, "\n".join(words))


def main(arguments=None):
    """Measures, prints the tables, writes them and the plot."""
    parser = comparison.parser(__doc__, [16, 64, 128, 256], blocks=30, images=12_800)
    parser.add_argument("--block-images", type=int, default=512, help="images in a block, at least")
    parser.add_argument("--rounds", type=int, default=7, help="processes for each contender")
    parser.add_argument("--alone-images", type=int, default=2560, help="images in each process")
    options = parser.parse_args(arguments)

    rng = np.random.default_rng(0)
    model = cnn(rng)
    weights = [parameter.data for parameter in model.parameters()]
    names = model.named_parameters()
    data = load_mnist(train=options.images, test=1, flatten=False)
    order = rng.permutation(len(data.x_train))
    x, labels = data.x_train[order], data.y_train[order]
    # Before the threads are limited: a library that is loaded later would keep all of its own.
    makers, missing = comparison.installed([CourseLib, PyTorch, ChannelsLast], weights)
    rows = []
    for size in options.batch_sizes:
        batches = comparison.cut(x, labels, size)
        steps = -(-options.block_images // size)
        for threads in options.threads:
            with threads_limited(threads):
                try:
                    verify_all(makers, weights, batches, names)
                except Disagreement as error:
                    sys.exit(str(error))
                contenders = [make(weights) for make in makers]
                rows += measure_rows(
                    contenders, batches, threads, options.blocks, steps, SETTLING_STEPS
                )

    picture = draw(rows)
    text = "\n\n".join(
        [
            step_table(rows, missing, options.blocks, options.block_images),
            *(
                alone_table(
                    makers,
                    weights,
                    options.batch_sizes,
                    threads,
                    options.rounds,
                    options.alone_images,
                )
                for threads in options.threads
            ),
            scaling_table(rows),
            memory_table(makers, weights, options.batch_sizes, max(options.threads)),
            describe("numpy", "torch"),
            f"The plot cnn_step.png in words. {picture.text}",
        ]
    )
    publish(text, options.to, "cnn_step", picture)


if __name__ == "__main__":
    main()
