"""Questions answered in a widget: choice, number, matrix, and predict-then-reveal.

Each has `name`, `title`, `points`, `prompt`, `solution` (a right raw answer) and `judge(raw)`.
Raw answers are what a learner typed or chose, as plain JSON values: an option's letter, a text or
number, a list of rows. Whoever grades judges the raw answer again. Four more kinds have modules of
their own: `ordering`, `lines`, `graph_question` and `shape_puzzle`.
"""

import inspect
import re
import string
import unicodedata
from dataclasses import dataclass
from decimal import Decimal
from numbers import Real

import numpy as np

from course_lib.grading.definition import chapter_of, register
from course_lib.grading.raw import blank, quoted
from course_lib.grading.verdict import Finding, Verdict

NOT_ANSWERED = "Not answered yet."


def read_number(raw):
    """The number a learner wrote: 0.5, "1/2", "½", "-3", "3e-2". Raises a telling ValueError.

    -0 counts as 0.
    """
    if isinstance(raw, np.ndarray) and raw.ndim == 0:
        raw = raw.item()
    if isinstance(raw, bool) or not isinstance(raw, (Real, Decimal, str)):
        raise ValueError(f"{quoted(raw)} is not a number")
    try:
        value = _typed_number(raw.strip()) if isinstance(raw, str) else float(raw)
    except (ValueError, ZeroDivisionError, OverflowError):
        given = raw.strip() if isinstance(raw, str) else raw
        if isinstance(given, str) and re.fullmatch(r"[+-]?[0-9]{1,20},[0-9]{1,20}", given):
            hint = f"write {given.replace(',', '.')} with a point, not a comma"
            raise ValueError(hint) from None
        hint = f"{quoted(given)} is not a number; write it like 0.25, -3 or 1/4"
        raise ValueError(hint) from None
    if not np.isfinite(value):
        raise ValueError(f"{quoted(raw)} is not a finite number")
    return value + 0.0


def _typed_number(text):
    text = re.sub("[\u2012\u2013\u2212]", "-", text)  # dashes that stand for a minus sign
    if "_" in text:
        raise ValueError(text)
    if unicodedata.decomposition(text[-1:] or "0").startswith("<fraction>"):
        sign = {"": 1, "+": 1, "-": -1}.get(text[:-1], np.nan)
        return sign * unicodedata.numeric(text[-1])
    above, slash, below = text.partition("/")
    if not slash:
        return float(above)
    return float(above) / float(below) if np.isfinite(float(below)) else np.nan


@dataclass(frozen=True)
class Option:
    """One option of a choice: its text, what to say to whoever picks it, whether it is right."""

    text: str
    feedback: str
    right: bool = False


class Question:
    """What all questions share. prompt: Markdown, LaTeX allowed.

    recipe: how it is made from its numbers, by `variants.question`. variant: the seed of its
    numbers, None for those of the course, which alone are registered.
    """

    def __init__(self, name, *, title, prompt, points=1, hints=(), recipe=None, variant=None):
        self.name, self.title, self.prompt = name, title, inspect.cleandoc(prompt)
        self.points, self.hints = points, tuple(hints)
        self.recipe, self.variant = recipe, variant
        caller = inspect.currentframe().f_back.f_back
        self.module = recipe.module if recipe else caller.f_globals["__name__"]
        self.chapter = chapter_of(self.module)
        if variant is None:
            register(self)

    def other_numbers(self, draw):
        """Says how the numbers of a variant are drawn: draw(`Draw`) -> {name: value}."""
        self.recipe.draw = draw
        return draw

    def varied(self, seed):
        """This question with other numbers, the same for the same seed; None for its own numbers.

        A question that has no numbers to change stays as it is. Raises ValueError for a seed that
        is no whole number, 0 or more.
        """
        if seed is None:
            return self
        if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
            raise ValueError(
                f"{quoted(seed)} is no seed of a variant: a whole number, 0 or more, was wanted"
            )
        return self.recipe.variant(seed) if self.recipe else self

    def __repr__(self):
        return f"<{type(self).__name__} {self.name}: {self.points} points>"

    def _verdict(self, status, message, kind=None, data=None):
        points = self.points if status == "passed" else 0
        finding = Finding(kind, self.name, data) if kind else None
        return Verdict(
            self.name,
            status,
            points,
            self.points,
            message,
            finding=finding,
            misconception=data if kind == "misconception" else None,
        )


class Choice(Question):
    """One of several options; every option has feedback of its own.

    Raw answer: the option's letter ("a", "b", …).
    """

    kind = "choice"

    def __init__(self, name, *, options, **rest):
        super().__init__(name, **rest)
        self.options = tuple(options)
        if sum(o.right for o in self.options) != 1:
            raise ValueError(f"{name} needs exactly one right option")

    @property
    def letters(self):
        return string.ascii_lowercase[: len(self.options)]

    @property
    def solution(self):
        return self.letters[[o.right for o in self.options].index(True)]

    def judge(self, raw):
        """The verdict on a letter; None or "" is "not attempted"."""
        if blank(raw):
            return self._verdict("not attempted", NOT_ANSWERED)
        letter = raw.strip().lower() if isinstance(raw, str) else None
        if letter not in tuple(self.letters):
            letters = ", ".join(self.letters)
            return self._verdict(
                "error",
                f"{quoted(raw)} is none of the options; answer with one of {letters}.",
                "type",
                quoted(raw),
            )
        option = self.options[self.letters.index(letter)]
        if option.right:
            return self._verdict("passed", option.feedback)
        return self._verdict("failed", option.feedback, "misconception", f"option {letter}")


class Matrix(Question):
    """An array filled in entry by entry.

    answer: the right array (1-D or 2-D), computed, not typed. mistakes: (id, array, message) for
    wrong arrays to recognise. rows, columns: labels. Raw answer: a list of rows of entries (a 1-D
    answer is one row); None or "" for an empty entry. tolerance: absolute, for typed decimals.
    """

    kind = "matrix"

    def __init__(
        self, name, *, answer, mistakes=(), rows=None, columns=None, tolerance=5e-4, **rest
    ):
        super().__init__(name, **rest)
        self.answer = np.atleast_2d(np.asarray(answer, dtype=float))
        self.mistakes = [(i, np.atleast_2d(np.asarray(a, dtype=float)), m) for i, a, m in mistakes]
        self.rows, self.columns, self.tolerance = rows, columns, tolerance

    @property
    def shape(self):
        return self.answer.shape

    @property
    def solution(self):
        return [[float(v) for v in row] for row in (self.answer + 0.0).round(6)]

    def cells(self, raw):
        """For each entry "right", "wrong" or "empty", as rows; malformed numbers are wrong."""
        return [
            [self._cell(raw[i][j], self.answer[i, j]) for j in range(self.shape[1])]
            for i in range(self.shape[0])
        ]

    def _cell(self, text, want):
        if blank(text):
            return "empty"
        try:
            return "right" if abs(read_number(text) - want) <= self.tolerance else "wrong"
        except ValueError:
            return "wrong"

    def judge(self, raw):
        """The verdict on a list of rows; all entries empty is "not attempted"."""
        rows = self._as_rows(raw)
        if rows is None:
            shape = self.shape
            wanted = (
                f"{shape[1]} numbers"
                if shape[0] == 1
                else (f"{shape[0]} rows of {shape[1]} numbers")
            )
            return self._verdict(
                "error", f"The answer is {wanted}; you gave {quoted(raw)}.", "shape", None
            )
        cells = sum(self.cells(rows), [])
        if cells.count("empty") == len(cells):
            return self._verdict("not attempted", NOT_ANSWERED)
        if cells.count("right") == len(cells):
            return self._verdict("passed", "Right.")
        for text in (t for row in rows for t in row):
            try:
                if not blank(text):
                    read_number(text)
            except ValueError as error:
                return self._verdict(
                    "failed", f"One entry cannot be read: {error}.", "type", quoted(text)
                )
        if "empty" in cells:
            wrong = cells.count("wrong")
            are = "is" if wrong == 1 else "are"
            so_far = f" Of those filled in, {wrong} {are} not right." if wrong else ""
            return self._verdict(
                "failed",
                f"{cells.count('empty')} of {len(cells)} entries are still empty.{so_far}",
                "unfinished",
                cells.count("empty"),
            )
        return self._diagnose(np.array([[read_number(t) for t in row] for row in rows]), cells)

    def _as_rows(self, raw):
        if raw is None:
            return [[None] * self.shape[1] for _ in range(self.shape[0])]
        if isinstance(raw, np.ndarray):
            raw = raw.tolist()
        if not isinstance(raw, (list, tuple)):
            return None
        if raw and not isinstance(raw[0], (list, tuple)):
            raw = [raw]
        fits = len(raw) == self.shape[0] and all(
            isinstance(row, (list, tuple)) and len(row) == self.shape[1] for row in raw
        )
        return [list(row) for row in raw] if fits else None

    def _place(self, i, j):
        if self.columns and self.shape[0] == 1:
            return self.columns[j]
        return f"row {i + 1}, column {j + 1}" if self.shape[0] > 1 else f"entry {j + 1}"

    def _is(self, got, other):
        return got.shape == other.shape and np.allclose(got, other, rtol=0, atol=self.tolerance)

    def _diagnose(self, got, cells):
        for id, wrong, message in self.mistakes:
            if self._is(got, wrong):
                return self._verdict("failed", message, "misconception", id)
        if self._is(got, self.answer.T):
            return self._verdict(
                "failed",
                "These are the right numbers with rows and columns exchanged: the transpose.",
                "transposed",
            )
        for words, c in (("-1", -1), ("2", 2), ("1/2", 0.5)):
            if self._is(got, c * self.answer):
                return self._verdict(
                    "failed", f"Every entry is the right one times {words}.", "factor", words
                )
        shape, n = self.shape, len(cells)
        wrong = [
            (i, j)
            for i in range(shape[0])
            for j in range(shape[1])
            if cells[i * shape[1] + j] == "wrong"
        ]
        i, j = wrong[0]
        place = self._place(i, j)
        return self._verdict(
            "failed",
            f"{n - len(wrong)} of {n} entries are right. Look again at {place}.",
            "entries",
            tuple(wrong),
        )


class Number(Question):
    """One number. mistakes: (id, value, message). tolerance: absolute. Raw: text or number.

    unit: shown behind the field. count: the answer counts things, so that a factor of 2 would
    give it away and means nothing.
    """

    kind = "number"

    def __init__(self, name, *, answer, mistakes=(), tolerance=5e-4, unit="", count=False, **rest):
        super().__init__(name, **rest)
        self.answer, self.mistakes = float(answer), tuple(mistakes)
        self.tolerance, self.unit, self.count = tolerance, unit, count

    @property
    def solution(self):
        return round(self.answer, 6) + 0.0

    def judge(self, raw):
        """The verdict on a number or its text; None or "" is "not attempted"."""
        if blank(raw):
            return self._verdict("not attempted", NOT_ANSWERED)
        try:
            value = read_number(raw)
        except ValueError as error:
            return self._verdict("error", f"That cannot be read: {error}.", "type", quoted(raw))
        if abs(value - self.answer) <= self.tolerance:
            return self._verdict("passed", "Right.")
        for id, wrong, message in self.mistakes:
            if abs(value - wrong) <= self.tolerance:
                return self._verdict("failed", message, "misconception", id)
        if self.answer and abs(value + self.answer) <= self.tolerance:
            return self._verdict("failed", "The size is right, the sign is not.", "factor", "-1")
        for words, c in (("twice", 2), ("half", 0.5)):
            if self.answer and not self.count and abs(value - c * self.answer) <= self.tolerance:
                return self._verdict(
                    "failed",
                    f"That is {words} the right number: a factor 2 went astray.",
                    "factor",
                    str(c),
                )
        side = "too large" if value > self.answer else "too small"
        return self._verdict("failed", f"{value:,.10g} is {side}.", "values", value)


class Predict(Question):
    """A guess first, then the computed truth beside it.

    asks: the `Choice`-like options or the `Number` arguments of the guess. reveal() -> text: runs
    the experiment and says what came out. picture: a file in `images/` shown with it, or "".
    The first guess is kept; the points are for the right answer, which may come after the reveal.
    Raw answer: as for the question that is asked.
    """

    kind = "predict"

    def __init__(
        self,
        name,
        *,
        reveal,
        options=None,
        answer=None,
        mistakes=(),
        tolerance=5e-4,
        count=False,
        picture="",
        **rest,
    ):
        super().__init__(name, **rest)
        self.reveal, self.picture = reveal, picture
        self.options = tuple(options or ())
        self.answer, self.mistakes = answer, tuple(mistakes)
        self.tolerance, self.count = tolerance, count
        if (answer is None) == (not self.options):
            raise ValueError(f"{name} needs options or an answer, and not both")
        if self.options and sum(o.right for o in self.options) != 1:
            raise ValueError(f"{name} needs exactly one right option")

    letters = Choice.letters

    @property
    def solution(self):
        return Choice.solution.fget(self) if self.options else Number.solution.fget(self)

    def judge(self, raw):
        """The verdict on a guess, a letter or a number."""
        return Choice.judge(self, raw) if self.options else Number.judge(self, raw)
