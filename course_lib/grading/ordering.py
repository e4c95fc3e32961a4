"""The question "order the steps": judged by running the steps in the learner's order."""

import hashlib
import re
import string
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from course_lib.grading.questions import NOT_ANSWERED, Question
from course_lib.grading.raw import blank, opened, quoted
from course_lib.grading.steps import needs_of


@dataclass(frozen=True)
class Move:
    """One step to be put in order: `text` is shown, `run` is what it does.

    run: a function whose parameter names say which quantities it needs; returns new or changed ones
    as a dict and changes no array in place. why: one sentence for whoever lets it run on a quantity
    that was changed too early, or not yet. out: for a step that must stay out, what to say to
    whoever puts it in. repeats: the name of the step that it does once more, if it does.
    """

    name: str
    text: str
    run: object
    why: str = ""
    out: str = ""
    repeats: str = ""


@dataclass
class _Run:
    """What came of the moves: all quantities, who wrote each, and what each move read."""

    known: dict
    writers: dict
    reads: dict  # {move's name: {quantity: (names of its writers so far, value)}}
    results: dict  # {move's name: what it returned}
    stuck: tuple = ()  # (the first move that could not run, the quantity it lacked)


def differ(a, b):
    """Whether two numbers or arrays are not the same, in shape or in value."""
    return np.shape(a) != np.shape(b) or not np.allclose(a, b, rtol=1e-9, atol=1e-12)


def number(value):
    """A number as messages show it: four significant digits, no negative zero."""
    return f"{value:.4g}" if value else "0"


def against(name, got, want):
    """ "dW1[0, 2] comes out as 0.31 instead of 0.28", at the entry that is furthest off."""
    got, want = np.asarray(got, dtype=float), np.asarray(want, dtype=float)
    if got.shape != want.shape:
        return f"`{name}` comes out with shape {got.shape} instead of {want.shape}"
    worst = np.unravel_index(np.argmax(np.abs(got - want)), got.shape)
    entry = f"[{', '.join(map(str, worst))}]" if worst else ""
    return f"`{name}{entry}` comes out as {number(got[worst])} instead of {number(want[worst])}"


# Letters, apart by blanks, commas, points, arrows, bars, dashes, in brackets or quotes.
_SEPARATED = r"[\w\s,;:.>=|/()\[\]{}'\"\u2192\u2013\u2014-]*"


class Order(Question):
    """Steps to be put in order. Every order that gives the right quantities is right.

    moves: `Move`s, those that belong into it in one right order. start: {name: value} before the
    first step. want: names of the quantities that must come out as in the author's order. remark:
    said after a right order. Raw answer: the letters of the steps in order, ["b", "a", "c"],
    "b a c" or "bac". They are lettered in a fixed order that is not right itself.
    """

    kind = "order"

    def __init__(self, name, *, moves, start, want, remark="", **rest):
        super().__init__(name, **rest)
        self.right = tuple(m for m in moves if not m.out)
        self.start, self.want, self.remark = dict(start), tuple(want), remark
        self.truth = self._run(self.right)
        if self.truth.stuck:
            raise ValueError(f"{name}: step {self.truth.stuck[0].name!r} of the author cannot run")
        self.moves = self._shuffled(moves)

    def _shuffled(self, moves):
        """The moves in the order in which they are shown, the same on every machine."""
        indices = sorted(range(len(moves)), key=lambda i: _digest(f"{self.name} {i}"))
        shown = [moves[i] for i in indices]
        for _ in shown:
            if not self._is_right(self._run([m for m in shown if not m.out])):
                return tuple(shown)
            shown = shown[1:] + shown[:1]
        raise ValueError(f"{self.name}: every order of the steps would be right")

    @property
    def letters(self):
        return string.ascii_lowercase[: len(self.moves)]

    @property
    def solution(self):
        return self._letters_of(self.right)

    def _letters_of(self, moves):
        return [self.letters[self.moves.index(m)] for m in moves]

    def read(self, raw):
        """The moves that a raw answer names, in its order. Raises a telling ValueError."""
        raw = opened(raw)
        if blank(raw):
            return []
        given = [raw] if isinstance(raw, str) else raw
        if not isinstance(given, (list, tuple)):
            raise ValueError(f"{quoted(raw)} is no list of letters")
        if all(blank(part) for part in given):
            return []
        letters = [letter for part in given for letter in self._split(part)]
        for letter in letters:
            if letters.count(letter) > 1:
                raise ValueError(f"step {letter} is there twice")
        return [self.moves[self.letters.index(letter)] for letter in letters]

    def _split(self, part):
        """The letters of "e", "e, a", "e then a" or "ea". Raises ValueError."""
        if not isinstance(part, str):
            raise ValueError(f"{quoted(part)} is none of the steps")
        if len(part) > 200 or not re.fullmatch(_SEPARATED, part):
            raise ValueError(f"{quoted(part.strip())} is none of the steps")
        found = []
        for word in re.findall(r"[^\W_]+", part.lower()):
            if word in ("then", "step"):
                continue
            if not set(word) <= set(self.letters):
                raise ValueError(f"{quoted(word)} is none of the steps")
            found += word
        return found

    def judge(self, raw):
        """The verdict on an order; no step at all is "not attempted"."""
        try:
            order = self.read(raw)
        except ValueError as error:
            wanted = f"Answer with letters from a to {self.letters[-1]}, each once at most"
            message = f'That cannot be read: {error}. {wanted}, like ["b", "a"].'
            return self._verdict("error", message, "type", quoted(raw))
        if not order:
            return self._verdict("not attempted", NOT_ANSWERED)
        run = self._run(order)
        placed = {m.name for m in order}
        missing = [m for m in self.right if m.name not in placed]
        strays = [m for m in order if m.out]
        if self._is_right(run) and not strays:
            return self._verdict("passed", " ".join(filter(None, ["Right.", self.remark])))
        id, problem = self._problem(order, run, missing, strays)
        if missing:
            count = "1 step is" if len(missing) == 1 else f"{len(missing)} steps are"
            problem = f"Not finished: {count} still missing. {problem}".rstrip()
        if id is None:
            return self._verdict("failed", problem, "unfinished", len(missing))
        return self._verdict("failed", problem, "misconception", id)

    @cached_property
    def mistakes(self):
        """(id, raw answer, message): one for each thing that one misplaced or stray step does."""
        found = {}
        for raw in self._slips():
            verdict = self.judge(raw)
            if verdict.misconception:
                found.setdefault(verdict.misconception, (raw, verdict.message))
        return tuple((id, raw, message) for id, (raw, message) in found.items())

    def _slips(self):
        """The author's order with one step moved, or with one in it that must stay out."""
        right = list(self.right)
        for stray in (m for m in self.moves if m.out):
            for k in range(len(right) + 1):
                yield self._letters_of([*right[:k], stray, *right[k:]])
        for move in right:
            rest = [m for m in right if m is not move]
            for k in range(len(right)):
                yield self._letters_of([*rest[:k], move, *rest[k:]])

    # running ---------------------------------------------------------------------------------

    def _run(self, order):
        run = _Run(dict(self.start), {}, {}, {})
        with np.errstate(all="ignore"):
            for move in order:
                lacks = [n for n in needs_of(move.run) if n not in run.known]
                if lacks:
                    run.stuck = (move, lacks[0])
                    break
                given = {n: run.known[n] for n in needs_of(move.run)}
                run.reads[move.name] = {n: (run.writers.get(n, ()), v) for n, v in given.items()}
                made = run.results[move.name] = move.run(**given)
                run.known.update(made)
                run.writers |= {n: (*run.writers.get(n, ()), move.name) for n in made}
        return run

    def _wrong(self, run):
        """The first quantity that does not come out as it should, or None."""
        for name in self.want:
            if name not in run.known or differ(run.known[name], self.truth.known[name]):
                return name
        return None

    def _is_right(self, run):
        return not run.stuck and self._wrong(run) is None

    # what went wrong ---------------------------------------------------------------------------

    def _problem(self, order, run, missing, strays):
        """(id, sentences) of the first thing that is wrong; (None, "") if it can still be right."""
        if run.stuck and not run.stuck[0].out:
            return self._lack(order, *run.stuck)
        if strays:
            stray = run.stuck[0] if run.stuck else strays[0]
            return f"{stray.name} put in", self._stray(stray, order, run, missing, strays)
        if self._is_right(self._run([*order, *missing])):
            return None, ""
        return self._clash(order, run, missing)

    def _stray(self, stray, order, run, missing, strays):
        """What a step that must stay out does, with its number if nothing else made that."""
        again = next((m for m in missing if m.name == stray.repeats), None)
        if again:
            return (
                f"`{stray.text}` does what `{again.text}` does, and that one is not in your "
                "order. Take that one instead."
            )
        wrong = None if run.stuck else self._wrong(run)
        alone = len(strays) == 1 and self._is_right(self._run([m for m in order if m != stray]))
        shown = f" {self._compared(wrong, run.known[wrong])}." if wrong and alone else ""
        return stray.out + shown

    def _lack(self, order, move, name):
        at = order.index(move)
        later = [k for k, m in enumerate(order) if k > at and name in self._made_by(m)]
        more = f" Your order computes it later, in step {later[0] + 1}." if later else ""
        return (
            f"{move.name} lacks {name}",
            f"Step {at + 1}, `{move.text}`, needs `{name}`, and nobody has computed it yet.{more}",
        )

    def _made_by(self, move):
        return self.truth.results.get(move.name, ())

    def _clash(self, order, run, missing):
        """The first step that ran on a quantity which was changed too early, or not yet."""
        for own in (False, True):  # what a step adds to is no clash unless there is no other
            for at, move in enumerate(order):
                for name, (writers, value) in run.reads[move.name].items():
                    meant, right = self.truth.reads[move.name][name]
                    if (name in run.results[move.name]) == own and set(writers) != set(meant):
                        if differ(value, right):
                            return self._told(order, run, missing, at, name)
        wrong = self._wrong(run)
        said = f"All steps ran, but {self._compared(wrong, run.known[wrong])}."
        return f"{wrong} wrong", said

    def _told(self, order, run, missing, at, name):
        move, names = order[at], [m.name for m in order]
        writers, meant = run.reads[move.name][name][0], self.truth.reads[move.name][name][0]
        text = {m.name: m.text for m in self.moves}
        lacking = [w for w in meant if w not in writers]
        if lacking:
            id = f"{move.name} before {lacking[0]}"
            what = (
                f"Step {at + 1}, `{move.text}`, used `{name}` before `{text[lacking[0]]}` had "
                "its turn"
            )
        else:
            writer = next(w for w in writers if w not in meant)
            id = f"{move.name} after {writer}"
            what = (
                f"`{name}` was changed by step {names.index(writer) + 1}, `{text[writer]}`, before "
                f"step {at + 1}, `{move.text}`, used it"
            )
        shown = self._made_wrong(move, run, missing)
        return id, " ".join(filter(None, [f"{what}{shown}.", move.why]))

    def _made_wrong(self, move, run, missing):
        """What a step made comes out as, where that is wrong.

        What it adds to or changes is compared at the end only: on the way it may rightly hold
        other numbers than in the author's order.
        """
        made, want = run.results[move.name], self.truth.results[move.name]
        for name in made:
            if name not in needs_of(move.run) and differ(made[name], want[name]):
                return f": {against(name, made[name], want[name])}"
        for name in made if not missing else ():
            if name in needs_of(move.run) and differ(run.known[name], self.truth.known[name]):
                return f". In the end {self._compared(name, run.known[name])}"
        return ""

    def _compared(self, name, got):
        return against(name, got, self.truth.known[name])


def _digest(text):
    return hashlib.sha256(text.encode()).digest()
