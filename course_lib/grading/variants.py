"""Questions made from their numbers, so that a class can get others; numbers in prompts."""

import copy
import math
import random
from functools import cached_property

import numpy as np

MOST_DRAWS = 1000
_WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen"
).split()


def question(kind, **fixed):
    """Defines a question by a function of its numbers, whose defaults are those of the course.

    kind: `Number`, `Matrix`, … fixed: its arguments that depend on no number. The function's name
    is the question's; it returns the other arguments as a dict. `other_numbers` of the question
    says how to draw others:

        @question(Number, title="Slope of a curve")
        def slope_of_a_curve(x=3):
            return dict(prompt=f"What is the slope of $y = x^2$ at $x = {x}$?", answer=2 * x)

        @slope_of_a_curve.other_numbers
        def _(draw):
            return dict(x=draw.one(range(4, 13)))
    """
    return lambda make: Recipe(kind, make, fixed).own


class Recipe:
    """How a question is made from its numbers, and how others are drawn."""

    def __init__(self, kind, make, fixed):
        self.kind, self.make, self.fixed = kind, make, fixed
        self.name, self.module = make.__name__, make.__module__
        self.draw = None  # set by `other_numbers`
        self.own = self.build({})
        self._variants = {}

    def build(self, numbers, variant=None):
        """The question with these numbers; those that are left out are the course's own."""
        made = self.make(**numbers)
        return self.kind(self.name, recipe=self, variant=variant, **self.fixed, **made)

    def variant(self, seed):
        """The question with the numbers that belong to a seed.

        Raises RuntimeError where no numbers can be found that are as good as the course's own.
        """
        if seed not in self._variants:
            self._variants[seed] = self._drawn(seed)
        return self._variants[seed]

    @cached_property
    def _known(self):
        """How many mistakes are told apart with the course's own numbers."""
        return len(_mistakes(self.own))

    def _drawn(self, seed):
        draw, refused = Draw(self.name, seed), None
        for _ in range(MOST_DRAWS):
            try:
                made = self.build(self.draw(draw), seed)
            except ValueError as error:  # the kind itself refuses numbers that tell nothing apart
                refused = error
                continue
            if self._is_as_good(made):
                return made
        raise RuntimeError(
            f"{self.name}: {MOST_DRAWS} draws for variant {seed} gave no numbers that keep its "
            "mistakes apart"
        ) from refused

    def _is_as_good(self, new):
        """Whether the mistakes stay apart, by ten tolerances, and no zero comes in by chance."""
        if new.prompt == self.own.prompt or _zeros(new.solution) > _zeros(self.own.solution):
            return False
        mistakes, loose = _mistakes(new), copy.copy(new)
        if hasattr(new, "tolerance"):
            loose.tolerance = 10 * new.tolerance
        texts = [option.text for option in getattr(new, "options", ())]
        return (
            len(mistakes) >= self._known
            and len(set(texts)) == len(texts)
            and loose.judge(new.solution).passed
            and all(loose.judge(raw).misconception == id for id, raw, _ in mistakes)
        )


class Draw:
    """Draws numbers, the same ones for the same key and seed.

    Only `random()` is used, which is promised to give the same sequence in every version of Python:
    a class and its grader may have different ones.
    """

    def __init__(self, key, seed):
        self.seed = seed
        self._random = random.Random(f"{key} {seed}").random

    def shared(self, key):
        """The draws that all questions of a variant have in common under a key of their own."""
        return Draw(f"shared {key}", self.seed)

    def one(self, options):
        return options[int(self._random() * len(options))]

    def some(self, options, count):
        """Different ones of the options, in the order in which they are drawn."""
        left = list(options)
        return [left.pop(int(self._random() * len(left))) for _ in range(count)]

    def array(self, options, *shape):
        return np.array([self.one(options) for _ in range(math.prod(shape))]).reshape(shape)


def _mistakes(item):
    return getattr(item, "mistakes", ())


def _zeros(solution):
    """How many entries of an answer are 0."""
    if isinstance(solution, dict):
        solution = list(solution.values())
    return sum(map(_zeros, solution)) if isinstance(solution, list) else solution == 0


# numbers in prompts and messages -----------------------------------------------------------------


def spelled(count):
    """A count as a word: "four"; above fourteen in digits."""
    return _WORDS[count] if count < len(_WORDS) else str(count)


def pmatrix(array):
    r"""A matrix in LaTeX: \begin{pmatrix}1&2\\3&4\end{pmatrix}."""
    rows = r"\\".join("&".join(f"{v:g}" for v in row) for row in np.asarray(array).tolist())
    return rf"\begin{{pmatrix}}{rows}\end{{pmatrix}}"


def listed(numbers):
    """Numbers in a row: "1, 2, 0.5"."""
    return ", ".join(f"{v:g}" for v in np.asarray(numbers).tolist())


def bracketed(number):
    """A number as a factor: (-2) or 3."""
    return f"({number:g})" if number < 0 else f"{number:g}"
