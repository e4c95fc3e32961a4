"""`Value` beside the usual scalar engine, and what a node costs: `python benchmarks/scalars.py`.

The usual engine is written below in the manner of micrograd: each result keeps a function that adds
to the gradients of its arguments, and a recursive search puts the nodes in order. Forward and
backward of a small network, a chain and a wide fan-out are verified to give the same gradients and
then timed in turn. Then chains of 20,000 and of 1,000,000 nodes, with `Value` and with a Tensor
that holds one number, and the memory that is kept for each node. The tables are printed and written
to results/scalars.txt.
"""

import argparse
import gc
import sys
import time
import tracemalloc
from contextlib import contextmanager

import numpy as np
from comparison import (
    Disagreement,
    Row,
    add_folder,
    measure,
    publish,
    quartiles,
    ratio_words,
    require_close,
    restless,
    restless_note,
)
from machine import describe

from course_lib.autograd import Tensor, Value

CHAIN = 800  # within the reach of the recursive search at Python's usual limit of 1,000
FAN = 1_000
LONG = (20_000, 1_000_000)


class Closures:
    """A number whose way back is a closure, with the arguments in a set."""

    def __init__(self, data, children=()):
        self.data = data
        self.grad = 0.0
        self._children = set(children)
        self._backward = lambda: None

    def __add__(self, other):
        other = other if isinstance(other, Closures) else Closures(other)
        out = Closures(self.data + other.data, (self, other))

        def backward():
            self.grad += out.grad
            other.grad += out.grad

        out._backward = backward
        return out

    def __mul__(self, other):
        other = other if isinstance(other, Closures) else Closures(other)
        out = Closures(self.data * other.data, (self, other))

        def backward():
            self.grad += other.data * out.grad
            other.grad += self.data * out.grad

        out._backward = backward
        return out

    def __sub__(self, other):
        return self + other * -1

    def relu(self):
        out = Closures(self.data if self.data > 0 else 0.0, (self,))

        def backward():
            self.grad += (out.data > 0) * out.grad

        out._backward = backward
        return out

    def backward(self):
        order, seen = [], set()

        def visit(node):
            if node not in seen:
                seen.add(node)
                for child in node._children:
                    visit(child)
                order.append(node)

        visit(self)
        self.grad = 1.0
        for node in reversed(order):
            node._backward()


# the graphs: functions of leaves of any kind ------------------------------------------------------


def chain(leaves, nodes):
    """x * w + b over and over, so many nodes in a row."""
    x, w, b = leaves
    for _ in range(nodes // 2):
        x = x * w + b
    return x


def fan_out(leaves, nodes):
    """One product that is used many times: each of its uses is another product and a sum."""
    x, w, b = leaves
    used, total = x * w, b
    for _ in range(nodes // 2):
        total = total + used * w
    return total


POINTS = np.random.default_rng(0).uniform(-1, 1, (4, 2)).tolist()
SIZES = (2, 16, 16, 1)


def network(leaves, points=POINTS):
    """Sum of squared errors of a 2-16-16-1 network of scalars, with ReLU, at four points."""
    total = 0.0
    for x, y in points:
        weights = iter(leaves)
        h = [x, y]
        for width in SIZES[1:]:
            z = []
            for _ in range(width):
                s = next(weights)  # the bias
                for value in h:
                    s = s + next(weights) * value
                z.append(s if width == 1 else s.relu())
            h = z
        error = h[0] - x * y
        total = error * error + total
    return total


def _leaves_of_network():
    rng = np.random.default_rng(1)
    count = sum((d + 1) * m for d, m in zip(SIZES, SIZES[1:], strict=False))
    return rng.uniform(-0.5, 0.5, count).tolist()


START = [0.3, 0.999, 0.001]  # x, w and b: the numbers of a long chain stay near 1
CASES = {
    "network 2-16-16-1": (network, _leaves_of_network()),
    f"chain of {CHAIN} nodes": (lambda leaves: chain(leaves, CHAIN), START),
    f"{FAN:,}-way fan-out": (lambda leaves: fan_out(leaves, 2 * FAN), START),
}


# what is measured ---------------------------------------------------------------------------------


class Contender:
    """Forward and backward of a graph with numbers of one kind."""

    def __init__(self, kind, graph, numbers):
        self.name, self.kind, self.graph, self.numbers = kind.__name__, kind, graph, numbers

    def batch(self, x, labels):
        return ()

    def leaves(self):
        if self.kind is Tensor:
            return [Tensor(number, requires_grad=True) for number in self.numbers]
        return [self.kind(number) for number in self.numbers]

    def step(self):
        leaves = self.leaves()
        self.graph(leaves).backward()
        return leaves


@contextmanager
def deep_enough(nodes):
    """Lets the recursive search go through so many nodes in a row."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(before + nodes)
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def verify(contenders, what):
    """Raise Disagreement unless all compute the same gradients, to 1e-12 of the largest."""
    reference, *others = ([float(leaf.grad) for leaf in c.step()] for c in contenders)
    scale = np.abs(reference).max()
    for contender, found in zip(contenders[1:], others, strict=True):
        given, wanted = np.divide(found, scale), np.divide(reference, scale)
        require_close(contender.name, contenders[0].name, f"the {what}", given, wanted, 1e-12)


def measure_cases(blocks, steps):
    """(name, rows of Value and of the closures) of each case."""
    for what, (graph, numbers) in CASES.items():
        contenders = [Contender(kind, graph, numbers) for kind in (Value, Closures)]
        with deep_enough(FAN):  # the sum of the fan-out is the deepest
            verify(contenders, what)
            times = measure(contenders, [(None, None)], blocks, steps, pause=0)
        yield what, [Row(1, 1, 0, c.name, t) for c, t in zip(contenders, times, strict=True)]


def recursion_overflows(nodes):
    """Whether the recursive search fails on a chain of so many nodes with Python's own limit."""
    root = chain([Closures(number) for number in START], nodes)
    try:
        root.backward()
    except RecursionError:
        return True
    return False


def seconds(kind, nodes):
    """(forward, backward, gradients of the leaves) for a chain of so many nodes."""
    contender = Contender(kind, None, START)
    leaves = contender.leaves()
    gc.collect()
    begin = time.perf_counter()
    root = chain(leaves, nodes)
    middle = time.perf_counter()
    root.backward()
    end = time.perf_counter()
    return middle - begin, end - middle, [float(leaf.grad) for leaf in leaves]


def bytes_per_node(kind, graph, nodes):
    """Memory that is kept for each node while its graph is: (after forward, after backward)."""
    leaves = Contender(kind, None, START).leaves()
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    root = graph(leaves, nodes)
    gc.collect()
    forward = tracemalloc.get_traced_memory()[0]
    with deep_enough(nodes):
        root.backward()
    gc.collect()
    backward = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return (forward - before) / nodes, (backward - before) / nodes


def case_table(measured, blocks, steps):
    """Times of forward and backward as text."""
    lines = [
        "Forward and backward of scalar graphs: course_lib's Value, and closures in the manner of",
        f"micrograd. Medians over {blocks} blocks of {steps} steps, in turn; in brackets the first",
        "and third quartile over the blocks. Ratio: the closures' median over Value's, in brackets",
        "the quartiles of the ratios block by block.",
        "",
        f"{'graph':20} {'numbers':9} {'milliseconds':>22}   {'closures / Value':>18}",
    ]
    for what, (ours, theirs) in measured:
        for row in (ours, theirs):
            low, middle, high = 1e3 * quartiles(row.times)
            over = ratio_words(theirs, ours) if row is theirs else ""
            line = f"{what:20} {row.name:9} {middle:7.2f} [{low:5.2f}, {high:5.2f}]"
            lines.append(f"{line}{'*' if restless(row) else ' '}  {over:>18}".rstrip())
    return "\n".join([*lines, *restless_note([row for _, rows in measured for row in rows])])


def long_table(long, longest):
    """Long chains as text; raises Disagreement unless all find the same gradients."""
    overflows = recursion_overflows(long)
    lines = [
        "Chains x * w + b, measured once. With Python's own recursion limit, the closures' search",
        f"{'fails with a RecursionError' if overflows else 'still works'} at {long:,} nodes; here "
        "the limit was raised for it.",
        "",
        f"{'nodes':>9} {'numbers':9} {'forward s':>10} {'backward s':>10}",
    ]
    for nodes, kinds in ((long, (Value, Tensor, Closures)), (longest, (Value, Tensor))):
        for kind in kinds:
            with deep_enough(nodes if kind is Closures else 0):
                forward, backward, gradients = seconds(kind, nodes)
            if kind is Value:
                wanted = gradients
            require_close(kind.__name__, "Value", "a chain's gradient", gradients, wanted, 1e-6)
            lines.append(f"{nodes:9,} {kind.__name__:9} {forward:10.3f} {backward:10.3f}")
    return "\n".join(lines)


def memory_table(nodes):
    """Memory per node as text."""
    lines = [
        f"Bytes kept per node by graphs of {nodes:,} nodes, counted by tracemalloc: after the",
        "forward pass, and after the backward pass, while the result is still held.",
        "",
        f"{'graph':10} {'numbers':9} {'forward':>8} {'backward':>8}",
    ]
    for graph in (chain, fan_out):
        for kind in (Value, Tensor, Closures):
            sizes = bytes_per_node(kind, graph, nodes)
            name = graph.__name__.replace("_", "-")
            lines.append(f"{name:10} {kind.__name__:9} {sizes[0]:8.0f} {sizes[1]:8.0f}")
    return "\n".join(lines)


def main(arguments=None):
    """Measures, prints the tables and writes them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--blocks", type=int, default=40)
    parser.add_argument("--steps", type=int, default=20, help="steps in a block")
    parser.add_argument("--nodes", type=int, nargs=2, default=LONG, help="of the long chains")
    add_folder(parser)
    opts = parser.parse_args(arguments)
    try:
        text = "\n\n".join(
            [
                case_table(list(measure_cases(opts.blocks, opts.steps)), opts.blocks, opts.steps),
                long_table(*opts.nodes),
                memory_table(opts.nodes[0]),
                describe("numpy"),
            ]
        )
    except Disagreement as error:
        sys.exit(str(error))
    publish(text, opts.to, "scalars")


if __name__ == "__main__":
    main()
