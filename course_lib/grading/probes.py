"""Probes: the plain data an exercise is judged on, and how they become arguments.

A probe holds arrays, numbers, strings, slices, None, tuples and the tagged values below, and
nothing else: it can be written to a file or sent to a process that knows no answers.
"""

import copy
import operator
from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Stock:
    """A stock function, known by its name in `STOCK`."""

    name: str

    def __repr__(self):
        return self.name


@dataclass(frozen=True)
class Seed:
    """A fresh `np.random.Generator` made from this seed."""

    seed: int

    def __repr__(self):
        return f"default_rng({self.seed})"


@dataclass(frozen=True)
class Call:
    """One call of a function.

    args: positional arguments, plain data. label: what is special about this case, in words that
    finish "right but for …" ("a batch of one"); cases with the same label belong together.
    again: whether it is called a second time, which shows what is remembered between calls.
    """

    args: tuple
    label: str = ""
    again: bool = True


@dataclass(frozen=True)
class Script:
    """A script of calls for a class.

    steps, each a tuple:
      ("new", object, args)                    object = attempt(*args)
      ("set", object, attribute, value)        object.attribute = value
      ("call", object, method, args, record)   record = object.method(*args)
      ("read", object, attribute, record)      record = object.attribute
      ("look again", record, new record)       an earlier result, as it is by now
    record: the name under which the result is compared and reported, or None.
    """

    steps: tuple
    label: str = ""


@dataclass(frozen=True)
class Walk:
    """Calls of a function that takes a node of a graph, one for each of `roots`, in that order.

    parents: for each node the places of its parents in this tuple. All nodes hold the same number,
    so they can be told apart by identity only.
    """

    parents: tuple
    roots: tuple
    label: str = ""


class Node:
    """What a `Walk` hands out: an object with `.parents`, a tuple, and `.data`."""

    def __init__(self, parents=(), data=1.0):
        self.parents, self.data = parents, data


@dataclass(frozen=True)
class Graph:
    """An expression built of objects of the attempt's class, and a walk back from each root.

    leaves: (name, number) pairs. steps: (name, operation, *operands), with operands that are names
    or plain numbers, and operations out of `OPERATIONS`. roots: names; `backward()` of each is
    called in turn when all is built, and the gradients of all nodes are looked at after each.
    zeroed: whether all gradients are set to 0.0 between them.
    """

    leaves: tuple
    steps: tuple
    roots: tuple = ("y",)
    label: str = ""
    zeroed: bool = False

    @property
    def numbers(self):
        return dict(self.leaves)


OPERATIONS = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "**": operator.pow,
    "relu": lambda a: a.relu(),
    "exp": lambda a: a.exp(),
    "tanh": lambda a: a.tanh(),
}


def written(step):
    """A step of a `Graph` without its name, as code: "a * b", "a.relu()"."""
    _, operation, *operands = step
    if len(operands) == 1:
        return f"{operands[0]}.{operation}()"
    return f"{operands[0]} {operation} {operands[1]}"


def _weights(x):
    return np.arange(1.0, x.size + 1).reshape(x.shape) / x.size


def _quadratic(x):
    """x^2 summed over all entries, weighted 1, 2, 3… so that no two entries are alike."""
    x = np.asarray(x)
    return float(np.sum(x * x * np.arange(1, x.size + 1).reshape(x.shape)))


def _cubic_mixed(x):
    """Sum of cubes plus products of neighbours: not separable, third derivative not 0."""
    flat = np.asarray(x).ravel()
    return float(np.sum(flat**3) + np.sum(flat[:-1] * flat[1:] ** 2))


def _row_products(x):
    """Weighted sum of x x^T, for 2-D x: depends on which entries share a row."""
    products = x @ x.T
    return float(np.sum(products * np.arange(1, products.size + 1).reshape(products.shape)))


STOCK = {
    "sin": np.sin,
    "cos": np.cos,
    "exp": np.exp,
    "square": lambda x: x * x,
    "twice": lambda x: 2 * x,
    "cube": lambda x: x**3,
    "3x^2": lambda x: 3 * x * x,
    "3x + 2": lambda x: 3 * x + 2,
    "always 2": lambda x: 2.0 + 0 * x,
    "always 3": lambda x: 3.0 + 0 * x,
    "-sin": lambda x: -np.sin(x),
    "weighted squares": _quadratic,
    "mixed cubic": _cubic_mixed,
    "row products": _row_products,
    "sum of sines": lambda x: float(np.sum(np.sin(x))),
    "product": lambda x: float(np.prod(x)),
    "2(x - 3)": lambda x: 2 * (x - 3),
    "x^3 - x": lambda x: x**3 - x,
    # Of an array or a Tensor, to one number:
    "sum of x^4 + (weighted sum)^3": lambda x: (x**4).sum() + (x * _weights(x)).sum() ** 3,
    "sine of a sum times exp of a sum": lambda x: (
        np.sin((x * x * _weights(x)).sum()) * np.exp(x.sum() * 0.5)
    ),
    "log of a sum of exp": lambda x: np.log(np.exp(3 * x).sum()) * (x * x).sum(),
    "sum of squares times weighted sum": lambda x: (x * x).sum() * (x * _weights(x)).sum() ** 2,
}


def realize(value):
    """Turns plain data into what the attempt receives: fresh copies, functions, generators."""
    if value is None or type(value) in (int, float, str, bool):
        return value
    if isinstance(value, Stock):
        return STOCK[value.name]
    if isinstance(value, Seed):
        return np.random.default_rng(value.seed)
    if isinstance(value, tuple):
        return tuple(realize(v) for v in value)
    if isinstance(value, list):
        return [realize(v) for v in value]
    return value.copy() if isinstance(value, np.ndarray) else copy.deepcopy(value)


def inputs_of(probe, exercise):
    """The named array and number inputs of a probe: {name: value}, the first of each name."""
    found = {}
    for name, value in _named(probe, exercise):
        found.setdefault(name, value)
    return found


def _named(probe, exercise):
    if isinstance(probe, Call):
        yield from zip(exercise.parameters(), probe.args, strict=False)
        return
    if isinstance(probe, (Graph, Walk)):
        yield from probe.leaves if isinstance(probe, Graph) else ()
        return
    for step in probe.steps:
        if step[0] == "set":
            yield step[2], step[3]
        elif step[0] == "call":
            yield from zip(exercise.parameters(step[2]), step[3], strict=False)


def size_of(value):
    """How many numbers a plain value holds: to find the smallest case."""
    if isinstance(value, dict):
        return sum(map(size_of, value.values()))
    if isinstance(value, (list, tuple)):
        return sum(map(size_of, value))
    return value.size if isinstance(value, np.ndarray) else 1


def describe(value):
    """A plain value in a few words: shapes for arrays, members for lists."""
    if isinstance(value, list):
        return f"[{', '.join(describe(v) for v in value)}]"
    if isinstance(value, tuple):
        return f"({', '.join(describe(v) for v in value)}{',' * (len(value) == 1)})"
    if isinstance(value, slice):
        ends = ["" if v is None else str(v) for v in (value.start, value.stop, value.step)]
        return f"the slice {':'.join(ends if ends[2] else ends[:2])}"
    return f"an array {value.shape}" if isinstance(value, np.ndarray) else str(value)


def substitute(probe, exercise, name, change_one):
    """The same probe with `change_one(value)` in place of every input called `name`.

    An input that is a list has each of its members changed.
    """

    def change(value):
        return [change_one(v) for v in value] if isinstance(value, list) else change_one(value)

    if isinstance(probe, Call):
        names = exercise.parameters()
        return replace(
            probe,
            args=tuple(
                change(v) if n == name else v for n, v in zip(names, probe.args, strict=False)
            ),
        )
    steps = []
    for step in probe.steps:
        if step[0] == "set" and step[2] == name:
            step = (*step[:3], change(step[3]))
        elif step[0] == "call":
            names = exercise.parameters(step[2])
            args = tuple(
                change(v) if n == name else v for n, v in zip(names, step[3], strict=False)
            )
            step = (*step[:3], args, step[4])
        steps.append(step)
    return replace(probe, steps=tuple(steps))
