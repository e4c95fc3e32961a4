"""A question about transposes: which product fits, and the entry that proves which is right."""

import itertools
import re
from typing import NamedTuple

import numpy as np

from course_lib.grading.questions import NOT_ANSWERED, Question, read_number
from course_lib.grading.raw import blank, opened, quoted
from course_lib.grading.variants import bracketed

KEYS = ("left", "right", "entry")
TOLERANCE = 5e-4


class Factor(NamedTuple):
    """A matrix as it stands in a product: by its name, turned or not."""

    name: str
    turned: bool = False

    def __str__(self):
        return f"{self.name}ᵀ" if self.turned else self.name

    @property
    def raw(self):
        """As it stands in a raw answer: "X" or "X^T"."""
        return f"{self.name}^T" if self.turned else self.name

    @property
    def spellings(self):
        """How people write it, in small letters and without blanks."""
        name = self.name.lower()
        if not self.turned:
            return [name]
        signs = (
            "^t",
            ".t",
            "^{t}",
            "t",
            "\u1d40",
            "\u22a4",
            "^\u22a4",
            "'",
            "\u2032",
            ".transpose()",
        )
        calls = [f"{head}transpose({name})" for head in ("", "np.", "numpy.")]
        return [*(name + sign for sign in signs), *calls]

    def of(self, matrices):
        """The array that it is among these."""
        return matrices[self.name].T if self.turned else matrices[self.name]


class ShapePuzzle(Question):
    """Place the transposes so that the shapes fit, then compute one entry of a square case.

    target: the gradient that is asked for, "dW"; like: the matrix whose shape it has, "W".
    matrices: {name: array}, like included, such that one product alone is the target.
    square: the same names, all of one square shape, where every product fits.
    formula(matrices): the target, added up entry by entry; whatever it gives is right.
    entry: the place (i, j) to compute in the square case, where no two products may agree; None
    for the first such place. reads: what this entry means, a clause.
    Raw answer: {"left": "X^T", "right": "dY", "entry": "7"}, or the same as a list, or "X^T @ dY";
    None or "" for what is still empty.
    """

    kind = "shapes"

    def __init__(self, name, *, target, like, matrices, square, formula, reads, entry=None, **rest):
        super().__init__(name, **rest)
        self.target, self.like, self.reads = target, like, reads
        self.matrices = {n: np.asarray(a, dtype=float) for n, a in matrices.items()}
        self.square = {n: np.asarray(a, dtype=float) for n, a in square.items()}
        self.factors = [Factor(n, turned) for n in self.matrices for turned in (False, True)]
        fitting = [p for p in self._products() if self._gives_target(p, self.matrices, formula)]
        if len(fitting) != 1 or not self._gives_target(fitting[0], self.square, formula):
            raise ValueError(f"{name}: one product alone must be {target}, got {fitting}")
        self.left, self.right = fitting[0]
        places = [entry] if entry else list(np.ndindex(self.square[like].shape))
        told = [p for p in places if self._tells(p)]
        if not told:
            raise ValueError(f"{name}: at {places} of the square case some products agree")
        self.entry = tuple(told[0])
        self.answer = self._at(self.left, self.right)

    def _products(self):
        """All products of two different matrices, turned or not."""
        return [(a, b) for a, b in itertools.product(self.factors, repeat=2) if a.name != b.name]

    def _gives_target(self, product, matrices, formula):
        a, b = (factor.of(matrices) for factor in product)
        want = formula(matrices)
        fits = a.shape[1] == b.shape[0] and (a.shape[0], b.shape[1]) == want.shape
        return fits and np.allclose(a @ b, want)

    def _tells(self, place):
        numbers = sorted(
            (a.of(self.square) @ b.of(self.square))[place] for a, b in self._products()
        )
        return min(np.diff(numbers)) > 2 * TOLERANCE

    def _at(self, left, right):
        return float((left.of(self.square) @ right.of(self.square))[self.entry])

    @property
    def place(self):
        """What the entry is called: "dW[0, 1]"."""
        return f"{self.target}[{self.entry[0]}, {self.entry[1]}]"

    @property
    def second_stage(self):
        """What is asked once the shapes fit."""
        size = len(self.square[self.like])
        return (
            f"Now a square case. Every matrix is {size} by {size}, every product fits, and only "
            f"the meaning tells which is right: `{self.place}` is {self.reads}. What is it here?"
        )

    @property
    def solution(self):
        right = round(self.answer, 6) + 0.0
        return {"left": self.left.raw, "right": self.right.raw, "entry": right}

    @property
    def mistakes(self):
        """(id, raw answer, message) for each wrong product and each wrong entry that is known."""
        products = [
            {"left": a.raw, "right": b.raw, "entry": None}
            for a, b in itertools.product(self.factors, repeat=2)
            if (a, b) != (self.left, self.right)
        ]
        entries = [{**self.solution, "entry": number} for _, number, _ in self._wrong_entries()]
        judged = [(self.judge(raw), raw) for raw in products + entries]
        by_id = {v.misconception: (raw, v.message) for v, raw in judged[::-1] if v.misconception}
        return [(id, *rest) for id, rest in by_id.items()]

    # judging -------------------------------------------------------------------------------------

    def judge(self, raw):
        """The verdict on two factors and an entry; nothing chosen is "not attempted"."""
        try:
            left, right, entry = self._read(raw)
        except ValueError as error:
            return self._verdict("error", str(error), "type", None)
        if left is None and right is None and entry is None:
            return self._verdict("not attempted", NOT_ANSWERED)
        if left is None or right is None:
            side = "left" if left is None else "right"
            message = f"Choose both factors: the {side} one is still open."
            return self._verdict("failed", message, "unfinished", side)
        if (left, right) != (self.left, self.right):
            message = self._about_shapes(left, right)
            return self._verdict("failed", message, "misconception", f"{left} @ {right}")
        if entry is None:
            shape = self.matrices[self.like].shape
            message = (
                f"{left} @ {right} fits, and gives {shape}, the shape of {self.like}. That is the "
                f"first half. Now compute {self.place} in the square case."
            )
            return self._verdict("failed", message, "unfinished", "entry")
        if abs(entry - self.answer) <= TOLERANCE:
            return self._verdict(
                "passed",
                f"Right: {self.target} = {left} @ {right}, by its shape and by its meaning.",
            )
        for id, number, message in self._wrong_entries():
            if abs(entry - number) <= TOLERANCE:
                return self._verdict("failed", message, "misconception", id)
        message = f"{entry:.6g} is not {self.place}, which is {self.reads}."
        return self._verdict("failed", message, "values", entry)

    def parts(self, raw):
        """What stands for left, right and entry, None where nothing does. Raises ValueError."""
        raw = opened(raw)
        if blank(raw):
            raw = {}
        elif isinstance(raw, str) and raw.count("@") == 1:
            raw = raw.split("@")
        if isinstance(raw, (list, tuple)) and len(raw) in (2, 3):
            raw = dict(zip(KEYS, raw, strict=False))
        if not isinstance(raw, dict) or not set(raw) <= set(KEYS):
            raise ValueError(
                'The answer is {"left": "A^T", "right": "B", "entry": "1"}, with matrices for A '
                f"and B; you gave {quoted(raw)}."
            )
        return [None if blank(raw.get(key)) else raw[key] for key in KEYS]

    def _read(self, raw):
        """Two factors and a number, None for what is empty. Raises ValueError."""
        left, right, entry = self.parts(raw)
        try:
            number = None if entry is None else read_number(entry)
        except ValueError as error:
            raise ValueError(f"The entry cannot be read: {error}.") from None
        return self.factor(left), self.factor(right), number

    def factor(self, text):
        """The factor that a text means, None for None. Raises ValueError."""
        if text is None:
            return None
        plain = re.sub(r"\s", "", text).lower() if isinstance(text, str) else None
        for factor in sorted(self.factors, key=lambda f: f.turned):
            if plain in factor.spellings:
                return factor
        known = ", ".join(factor.raw for factor in self.factors)
        raise ValueError(
            f"{quoted(text)} is none of the factors: {known}. Turned is written X^T or X.T."
        )

    def _about_shapes(self, left, right):
        a, b = left.of(self.matrices).shape, right.of(self.matrices).shape
        product = f"{left} {a} @ {right} {b}"
        if a[1] != b[0]:
            return (
                f"{product} does not fit: {_count(a[1], 'column')} "
                f"{'meets' if a[1] == 1 else 'meet'} {_count(b[0], 'row')}."
            )
        got, want = (a[0], b[1]), self.matrices[self.like].shape
        if got == want:
            return f"{product} has the shape of {self.like}, but is it {self.target}? {self._sense}"
        turned = " It is the transpose of the answer: what has to stand on the left?"
        is_turned = (left, right) == (_turn(self.right), _turn(self.left))
        return (
            f"{product} fits, but gives {got}, and {self.target} must have the shape of "
            f"{self.like}, {want}.{turned if is_turned else ''}"
        )

    @property
    def _sense(self):
        return f"An entry of it, {self.place}, is {self.reads}."

    def _wrong_entries(self):
        """(id, number, message) for the wrong numbers that are known."""
        i, j = self.entry
        for a, b in self._products():
            if (a, b) == (self.left, self.right):
                continue
            own = f"That is entry ({i}, {j}) of {a} @ {b}"
            if (a, b) == (_turn(self.right), _turn(self.left)):
                own += f", the transpose: it is {self.target}[{j}, {i}]"
            yield (
                f"entry of {a} @ {b}",
                self._at(a, b),
                f"{own}. That fits here, and it is not {self.target}. {self._sense}",
            )
        row = self.left.of(self.square)[i]
        column = self.right.of(self.square)[:, j]
        pairs = [f"{bracketed(a)} · {bracketed(b)}" for a, b in zip(row, column, strict=True)]
        for k, product in enumerate(row * column):
            message = f"That is one product alone, {pairs[k]}. {self._sense}"
            yield f"product {k} alone", product, message
        message = f"That is the mean. {self.target} adds up. {self._sense}"
        yield "mean", self.answer / len(row), message
        message = f"You added up first and multiplied then. Multiply in pairs. {self._sense}"
        yield "product of sums", row.sum() * column.sum(), message
        yield "sign", -self.answer, f"The size is right, the sign is not. {self._sense}"
        for k, product in enumerate(row * column):
            message = f"A sign went wrong: {pairs[k]} is {product:g}. {self._sense}"
            yield f"sign of product {k}", self.answer - 2 * product, message
        whole = self.left.of(self.square) @ self.right.of(self.square)
        for place in np.ndindex(whole.shape):
            if place != self.entry:
                message = f"That is {self.target}[{place[0]}, {place[1]}]. {self._sense}"
                yield f"entry {place}", whole[place], message


def _turn(factor):
    return Factor(factor.name, not factor.turned)


def _count(n, noun):
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
