"""Contenders that run the same steps in turn, and what their times say.

A contender has a `name`, `batch(x, labels)`, which puts a batch into the form that it takes, and
`step(*batch)`, which gives the loss as a number. `weights()` are for checking that all compute the
same.
"""

import argparse
import multiprocessing
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from machine import threads_limited
from tqdm import tqdm

from course_lib import SGD, CrossEntropy, load_mnist
from course_lib.pieces import cores

# With several threads, OpenBLAS's keep a core busy for some 0.1 s after their last product. Without
# this pause the blocks of PyTorch, which come next, take two to four times as long. Both are
# measured: with the pause, and back to back.
PAUSE = 0.25
SETTLING_STEPS = 3  # not timed: the caches are full of the other contender's arrays


class CourseLib:
    """The course's engine, used as a chapter uses it."""

    name = "course_lib"

    def __init__(self, model, weights, learning_rate, momentum=0.0):
        self.model = model
        for parameter, value in zip(model.parameters(), weights, strict=True):
            parameter.data = value
        self.loss_fn = CrossEntropy()
        self.optimizer = SGD(model.parameters(), learning_rate, momentum)

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
    """PyTorch, eager: the step of its tutorials. `weights` are in the shapes that it wants."""

    name = "PyTorch eager"

    def __init__(self, model, weights, learning_rate, momentum=0.0):
        import torch

        self.model = model
        with torch.no_grad():
            for parameter, value in zip(model.parameters(), weights, strict=True):
                parameter.copy_(torch.tensor(value))
        self.loss_fn = torch.nn.CrossEntropyLoss()
        self.optimizer = torch.optim.SGD(model.parameters(), lr=learning_rate, momentum=momentum)

    def step(self, x, labels):
        loss = self.loss_fn(self.model(x), labels)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def weights(self):
        return [parameter.detach().numpy() for parameter in self.model.parameters()]


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


def installed(contenders, *arguments):
    """The contenders that can be made here, and for the others name: what the import said."""
    here, missing = [], {}
    for contender in contenders:
        try:
            contender(*arguments)
            here.append(contender)
        except (ImportError, OSError) as error:  # OSError: a shared library of it is missing
            missing[contender.name] = str(error).splitlines()[0]
    return here, missing


def not_installed(missing):
    """A line for each contender that is missing."""
    return [f"{name}: not installed: {error}" for name, error in missing.items()]


def cut(x, labels, size):
    """Whole batches of this size, in order."""
    starts = range(0, len(x) - size + 1, size)
    return [(x[i : i + size], labels[i : i + size]) for i in starts]


def verify(contenders, batches, names, tolerance=1e-5):
    """Run a step of all on each batch; raise Disagreement unless losses and weights agree.

    names: of the weights, for the message.
    """
    reference, *others = contenders
    for number, (x, labels) in enumerate(batches, start=1):
        expected = reference.step(*reference.batch(x, labels))
        for other in others:
            values = [(other.step(*other.batch(x, labels)), expected)]
            values += zip(other.weights(), reference.weights(), strict=True)
            for what, (given, wanted) in zip(("the loss", *names), values, strict=True):
                require_close(
                    other.name, reference.name, f"in step {number} {what}", given, wanted, tolerance
                )


def require_close(other, reference, what, given, wanted, tolerance):
    """Raise Disagreement unless two results have one shape and agree."""
    if np.shape(given) != np.shape(wanted):
        raise Disagreement(
            f"{other}: {what} has shape {np.shape(given)}, {reference}'s has {np.shape(wanted)}; "
            "nothing was timed"
        )
    error = np.abs(np.subtract(given, wanted)).max()
    if not error <= tolerance:  # nan is no agreement either
        raise Disagreement(
            f"{other}: {what} differs from {reference}'s by {error:.2g}, expected at most "
            f"{tolerance:g}; nothing was timed"
        )


def measure(contenders, batches, blocks, steps, pause, settling=SETTLING_STEPS):
    """Seconds per step of each contender, a list with one entry per block.

    The contenders take turns, and a block of each is on the same batches. pause: seconds of rest
    before each block. settling: steps before each block that are not timed.
    """
    streams = [[c.batch(x, labels) for x, labels in batches] for c in contenders]
    times = [[] for _ in contenders]
    for block in tqdm(range(-1, blocks), unit="block", leave=False, disable=None):
        start = (block + 1) * (settling + steps)
        numbers = [(start + i) % len(batches) for i in range(settling + steps)]
        for turn in range(len(contenders)):
            index = (turn + block) % len(contenders)  # each is first, and after each other, in turn
            step, stream = contenders[index].step, streams[index]
            time.sleep(pause)
            for number in numbers[:settling]:
                step(*stream[number])
            begin = time.perf_counter()
            for number in numbers[settling:]:
                step(*stream[number])
            end = time.perf_counter()
            if block >= 0:  # the one before is the warm-up
                times[index].append((end - begin) / steps)
    return times


def measure_rows(contenders, batches, threads, blocks, steps, settling=SETTLING_STEPS):
    """Rows of the contenders: with several threads first with a pause, then back to back."""
    rows = []
    size = len(batches[0][0])
    for pause in (PAUSE, 0) if threads > 1 else (0,):
        time.sleep(PAUSE)
        times = measure(contenders, batches, blocks, steps, pause, settling)
        rows += [
            Row(size, threads, pause, c.name, t) for c, t in zip(contenders, times, strict=True)
        ]
    return rows


def in_fresh_process(function, *arguments):
    """What the function returns in a process that has done nothing else before."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        return pool.submit(function, *arguments).result()


def step_alone(make, weights, size, threads, images, settling, flatten):
    """The median seconds of a step, after some that don't count. For a fresh process."""
    data = load_mnist(train=images, test=1, flatten=flatten)
    contender = make(weights)
    batches = [contender.batch(*batch) for batch in cut(data.x_train, data.y_train, size)]
    times = []
    with threads_limited(threads):
        warm_up = batches[:settling]
        for batch in [*warm_up, *batches]:
            start = time.perf_counter()
            contender.step(*batch)
            times.append(time.perf_counter() - start)
    return statistics.median(times[len(warm_up) :])


def measure_alone(makers, weights, rounds, setting, flatten):
    """Rows with the median step of each contender in so many processes of its own, in turn.

    setting: (batch size, threads, images, steps that are not timed). flatten: images as rows.
    """
    size, threads = setting[:2]
    rows = [Row(size, threads, 0, make.name, []) for make in makers]
    for _ in range(rounds):
        for make, row in zip(makers, rows, strict=True):
            row.times.append(in_fresh_process(step_alone, make, weights, *setting, flatten))
    return rows


def quartiles(values):
    """First quartile, median, third quartile."""
    return np.quantile(values, [0.25, 0.5, 0.75])


def ratio(ours, theirs):
    """(ratio of the medians, first and third quartile of the ratios block by block)."""
    low, _, high = quartiles(np.divide(ours.times, theirs.times))
    return statistics.median(ours.times) / statistics.median(theirs.times), low, high


def ratio_words(ours, theirs):
    """The ratio with its quartiles in brackets."""
    return "{:.2f} [{:.2f}, {:.2f}]".format(*ratio(ours, theirs))


def restless(row):
    """Whether the middle half of the blocks spreads over more than a fifth of the median."""
    low, middle, high = quartiles(row.times)
    return high - low > 0.2 * middle


def restless_note(rows):
    """What a star means, as a list of no or one line."""
    if not any(map(restless, rows)):
        return []
    return ["* the quartiles are far apart: other work, or one contender in another's way"]


def parser(doc, batch_sizes, blocks, images):
    """The options of a benchmark of training steps."""
    options = argparse.ArgumentParser(description=doc.splitlines()[0])
    options.add_argument("--batch-sizes", type=int, nargs="+", default=batch_sizes)
    options.add_argument("--threads", type=int, nargs="+", default=sorted({1, cores()}))
    options.add_argument("--blocks", type=int, default=blocks)
    options.add_argument("--images", type=int, default=images, help="training images in use")
    add_folder(options)
    return options


def add_folder(options):
    """The option for where the results go."""
    options.add_argument("--to", type=Path, default=Path(__file__).parent / "results")


def publish(text, folder, name, picture=None):
    """Print a result and write it, with its picture, into the folder."""
    print(text)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.txt").write_text(text + "\n", encoding="utf-8", newline="\n")
    if picture:
        picture.save(folder / f"{name}.png")
