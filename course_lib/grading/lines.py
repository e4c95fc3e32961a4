"""The question "find the wrong line and say why", judged by running the code."""

import re
import string
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from course_lib.grading.ordering import against, differ
from course_lib.grading.questions import NOT_ANSWERED, Question
from course_lib.grading.raw import blank, opened, quoted
from course_lib.grading.steps import Step, needs_of, quantities


@dataclass(frozen=True)
class Line:
    """One line of a given piece of code.

    text: the code as shown. name: the quantity that it makes; "" for a line that makes none, such
    as a loop's head, which cannot be picked. formula: what the line makes, of quantities by
    parameter names. right: in the one wrong line, what it should make. remark: said to whoever
    picks it although it is right. shown: the quantity's name in the code, where that is another.
    """

    text: str
    name: str = ""
    formula: object = None
    right: object = None
    remark: str = ""
    shown: str = ""

    @property
    def called(self):
        return self.shown or self.name


class FindLine(Question):
    """A backward pass with one wrong line, to be found, and the reason.

    lines: `Line`s, exactly one with a `right` formula. inputs: {name: array}. gradients: {name of
    a gradient: the input it belongs to}. loss: a function of inputs by parameter names; nudging it
    proves the gradients in a test. reasons: `Option`s, one right, shown once a line is picked; at
    least one of the wrong ones should fit another line. Raw answer: the number of the line and the
    letter of the reason, {"line": 3, "why": "b"}, [3, "b"] or "3 b".
    """

    kind = "line"

    def __init__(self, name, *, lines, inputs, gradients, loss, reasons, **rest):
        super().__init__(name, **rest)
        self.lines, self.inputs, self.gradients = tuple(lines), dict(inputs), dict(gradients)
        self.loss, self.reasons = loss, tuple(reasons)
        if sum(line.right is not None for line in self.lines) != 1:
            raise ValueError(f"{name} needs exactly one wrong line")
        if sum(reason.right for reason in self.reasons) != 1:
            raise ValueError(f"{name} needs exactly one right reason")
        steps = [Step(line.name, line.formula) for line in self.lines if line.name]
        wrong = self.lines[self.wrong - 1]
        self.given = quantities(steps, self.inputs)
        self.truth = quantities(steps, self.inputs, {wrong.name: wrong.right})
        if not self.spoilt:
            raise ValueError(f"{name}: with the wrong line every gradient is right")

    @property
    def letters(self):
        return string.ascii_lowercase[: len(self.reasons)]

    @property
    def numbers(self):
        """The numbers of the lines that can be picked."""
        return [i + 1 for i, line in enumerate(self.lines) if line.name]

    @property
    def wrong(self):
        """The number of the wrong line."""
        return next(i + 1 for i, line in enumerate(self.lines) if line.right)

    @property
    def spoilt(self):
        """The gradients that come out wrong."""
        return [n for n in self.gradients if differ(self.given[n], self.truth[n])]

    @property
    def solution(self):
        right = [reason.right for reason in self.reasons].index(True)
        return {"line": self.wrong, "why": self.letters[right]}

    @cached_property
    def mistakes(self):
        """(id, raw answer, message) for every wrong line and every wrong reason."""
        raws = {f"line {n}": {"line": n} for n in self.numbers if n != self.wrong}
        raws |= {
            f"reason {letter}": {"line": self.wrong, "why": letter}
            for letter in self.letters
            if letter != self.solution["why"]
        }
        return tuple((id, raw, self.judge(raw).message) for id, raw in raws.items())

    def read(self, raw):
        """(number or None, letter or None) of a raw answer. Raises a telling ValueError."""
        parts = self._parts(opened(raw))
        return self._number(parts.get("line")), self._letter(parts.get("why"))

    def _parts(self, raw):
        if blank(raw):
            return {}
        if isinstance(raw, dict) and set(raw) <= {"line", "why"}:
            return raw
        if isinstance(raw, str):
            return _words(raw)
        if isinstance(raw, (int, float)) and not isinstance(raw, bool):
            raw = [raw]
        if not isinstance(raw, (list, tuple)) or len(raw) > 2:
            raise ValueError(f"{quoted(raw)} is no line and reason")
        # "b 6" can only mean line 6
        return dict(zip(("line", "why"), sorted(raw, key=_is_letter), strict=False))

    def _number(self, line):
        if blank(line):
            return None
        number = line
        if isinstance(line, str):
            found = re.fullmatch(r"(?:line)? ?([0-9]{1,4})", line.strip().lower())
            number = int(found[1]) if found else None
        is_number = isinstance(number, (int, float, np.number)) and not isinstance(number, bool)
        if not is_number or number not in self.numbers:
            raise ValueError(f"{quoted(line)} is no line that can be picked")
        return int(number)

    def _letter(self, why):
        if blank(why):
            return None
        letter = why.strip(" ().").lower() if isinstance(why, str) else why
        if not isinstance(letter, str) or letter not in tuple(self.letters):
            raise ValueError(f"{quoted(why)} is none of the reasons")
        return letter

    def judge(self, raw):
        """The verdict on a line and a reason; neither is "not attempted"."""
        try:
            number, letter = self.read(raw)
        except ValueError as error:
            example = '{"line": 1, "why": "a"}'
            return self._verdict(
                "error",
                f"That cannot be read: {error}. Answer with a number and a letter, like {example}.",
                "type",
                quoted(raw),
            )
        if number is None:
            if letter is None:
                return self._verdict("not attempted", NOT_ANSWERED)
            return self._verdict(
                "failed", "Not finished: now say which line it is.", "unfinished", "line"
            )
        if number != self.wrong:
            return self._verdict("failed", self._about(number), "misconception", f"line {number}")
        if letter is None:
            return self._verdict(
                "failed",
                f"{self._mended()} Not finished: say why it is wrong.",
                "unfinished",
                "why",
            )
        reason = self.reasons[self.letters.index(letter)]
        if reason.right:
            return self._verdict("passed", f"{self._mended()} {reason.feedback}")
        return self._verdict(
            "failed",
            f"Line {number} it is, but for another reason. {reason.feedback}",
            "misconception",
            f"reason {letter}",
        )

    def _mended(self):
        name = self.spoilt[0]
        return (
            f"Right, line {self.wrong}: as it stands, {against(name, *self._both(name))}. With "
            f"this line mended, all {len(self.gradients)} gradients are what nudging gives."
        )

    def _about(self, number):
        """What running the code says of a line that is right: does it inherit, or come before?"""
        line = self.lines[number - 1]
        wrong_inputs = [n for n in needs_of(line.formula) if self._is_wrong(n)]
        if wrong_inputs:
            own = (
                f", and so is what it makes: {against(line.called, *self._both(line.name))}"
                if self._is_wrong(line.name)
                else ""
            )
            called = {ln.name: ln.called for ln in self.lines}[wrong_inputs[0]]
            said = (
                f"Line {number} does the right thing with what it is given. But its input "
                f"`{called}` is wrong already{own}. Look further up."
            )
        elif number < self.wrong:
            said = (
                f"Line {number} is right, and so is `{line.called}`, to the last digit. Everything "
                "up to here is right. Look further down."
            )
        else:
            said = (
                f"Line {number} is right, and so is `{line.called}`, to the last digit: it uses "
                "nothing that is wrong. But something further up is."
            )
        return f"{said} {line.remark}".strip()

    def _is_wrong(self, name):
        return differ(self.given[name], self.truth[name])

    def _both(self, name):
        return self.given[name], self.truth[name]


def _is_letter(part):
    return isinstance(part, str) and part.strip().isalpha()


def _words(text):
    """What a text names: "6 b", "b, 6", "line 6 (b)". Raises ValueError."""
    text = text.strip().lower()
    words = [w for w in re.findall(r"[0-9]+|[^\W\d_]+", text) if w not in ("line", "why", "reason")]
    lines = [w for w in words if w.isdecimal()]
    letters = [w for w in words if w.isalpha() and len(w) == 1]
    plain = len(text) <= 60 and re.fullmatch(r"\w[\w\s,;:.()/|\u2013-]*", text)
    if not plain or max(len(lines), len(letters)) > 1 or len(lines + letters) < len(words):
        raise ValueError(f"{quoted(text)} is no line and reason")
    return {"line": "".join(lines), "why": "".join(letters)}
