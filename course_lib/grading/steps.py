"""Computations written down step by step, so that the first wrong quantity can be found."""

import functools
import inspect
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Step:
    """One line of a computation: `name` is `formula` of inputs and of steps before it.

    The formula's parameter names say which. why: one sentence of mathematics for whoever gets it
    wrong. slips: {words that finish "… what comes out if": another formula}. look: what to look at,
    where the learner has no variable of this name.
    """

    name: str
    formula: object
    why: str = ""
    slips: dict = field(default_factory=dict)
    look: str = ""


def quantities(steps, inputs, changes=None):
    """Every quantity by name: the inputs, and each step in order, some by another formula."""
    known = dict(inputs)
    for step in steps:
        known[step.name] = quantity(step, known, changes)
    return known


def quantity(step, known, changes=None):
    """What a step makes of the quantities that are known by then."""
    formula = (changes or {}).get(step.name, step.formula)
    return formula(**{n: known[n] for n in needs_of(formula)})


def needs_of(formula):
    """The names of the quantities that a formula is made of: its parameters without defaults."""
    return formula.needs if hasattr(formula, "needs") else _parameters_of(formula)


@functools.cache  # formulas are asked thousands of times in one diagnosis
def _parameters_of(formula):
    parameters = inspect.signature(formula).parameters.items()
    return tuple(n for n, p in parameters if p.default is p.empty)
