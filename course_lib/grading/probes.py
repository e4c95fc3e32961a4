"""Probes: the plain data an exercise is judged on, and how they become arguments.

A probe holds arrays, numbers, strings, slices, None, tuples and the tagged values below, and
nothing else: it can be written to a file or sent to a process that knows no answers.
"""

import copy
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
}


def realize(value):
    """Turns plain data into what the attempt receives: fresh copies, functions, generators."""
    if isinstance(value, Stock):
        return STOCK[value.name]
    if isinstance(value, Seed):
        return np.random.default_rng(value.seed)
    if isinstance(value, tuple):
        return tuple(realize(v) for v in value)
    if isinstance(value, list):
        return [realize(v) for v in value]
    return copy.deepcopy(value)


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
