"""Everything that is known about one failed attempt, arranged for the patterns to test.

A pattern is a function of a `Case` that returns (Finding, sentences) or None. It says something
only when that holds wherever the attempt gave a number. sentences: what differs, why, what to
look at.
"""

import re
from dataclasses import dataclass, replace

import numpy as np

from course_lib.grading.expressions import close, factor_between, name_factor
from course_lib.grading.outcomes import Odd, agrees
from course_lib.grading.probes import Call, describe, inputs_of, size_of, substitute
from course_lib.grading.steps import quantities


@dataclass
class Entry:
    """One recorded value of the variable under diagnosis, with where it came from."""

    probe: object
    index: int  # of the record within its outcome
    inputs: dict
    got: object
    want: np.ndarray
    earlier: list  # wanted arrays of the same name earlier in the same script
    others: dict  # {name: wanted array} of the outcome's other variables
    leaves: dict | None = None  # named arrays that a wrong result may be made of, once asked for


def numeric(value):
    return isinstance(value, (int, float, np.ndarray)) and not isinstance(value, bool)


class Case:
    """All that is known about one failed attempt, arranged for the patterns."""

    def __init__(self, exercise, probes, wanted, outcomes, reference, rerun):
        self.exercise, self.probes = exercise, probes
        self.wanted, self.outcomes = wanted, outcomes
        self.reference, self.rerun = reference, rerun
        self.variable, self.entries = None, []
        self._choose_variable()

    def _choose_variable(self):
        """The first quantity that is wrong, in the order of computation; the larger cases lead."""
        wrong = [
            self.base(right.name)
            for outcome, want in zip(self.outcomes, self.wanted, strict=True)
            for got, right in zip(outcome.records, want.records, strict=False)
            if got.name != right.name or not self.agrees(got.value, right.value)
        ]
        if not wrong:
            return
        in_order = [n for n in self.exercise.computed if n in wrong] if self.exercise.steps else []
        self.variable = (in_order or wrong)[0]
        for probe, outcome, want in zip(self.probes, self.outcomes, self.wanted, strict=True):
            earlier, inputs = [], inputs_of(probe, self.exercise)
            others = {r.name: r.value for r in want.records if self.base(r.name) != self.variable}
            for i, right in enumerate(want.records):
                if right.again or self.base(right.name) != self.variable:
                    continue
                if i < len(outcome.records):
                    own = self.members(inputs, right.name)
                    got = outcome.records[i].value
                    self.entries.append(
                        Entry(probe, i, own, got, right.value, list(earlier), others)
                    )
                if not self.exercise.sequence:
                    earlier.append(right.value)

    @staticmethod
    def base(name):
        return name.split("[")[0]

    def members(self, inputs, name):
        """For one member of a list that is returned: the inputs' members at the same place."""
        if not self.exercise.sequence:
            return inputs
        k = int(name.split("[")[1][:-1])
        return {n: v[k] if isinstance(v, list) and k < len(v) else v for n, v in inputs.items()}

    def agrees(self, got, want):
        return agrees(got, want, self.exercise.rtol, self.exercise.atol)

    def wrong(self, entry):
        return not self.agrees(entry.got, entry.want)

    def altered(self, entry, changes):
        """The value the reference gives at this entry when inputs are changed; None if it can't."""
        probe = entry.probe
        for name, change in changes.items():
            probe = substitute(probe, self.exercise, name, change)
        if isinstance(probe, Call):
            probe = replace(probe, again=False)
        outcome = self.reference(probe)
        if outcome.problem or entry.index >= len(outcome.records):
            return None
        value = outcome.records[entry.index].value
        return value if isinstance(value, np.ndarray) else None

    def sizes(self, entry):
        """{letter: size} of the axes as the docstring names them."""
        found = {}
        for name, letters in self.exercise.axis_letters.items():
            shape = np.shape(entry.inputs.get(name, ()))
            if len(shape) == len(letters):
                for letter, size in zip(letters, shape, strict=True):
                    found.setdefault(letter, size)
        return found

    def symbols(self, entries):
        """{name: a number per entry}: sizes, scalar inputs, number of entries."""
        per_entry = []
        for e in entries:
            scalars = {
                n: float(v)
                for n, v in e.inputs.items()
                if isinstance(v, (int, float)) and not isinstance(v, bool)
            }
            own = {f"size of {self.variable}": e.want.size} if e.want.size > 1 else {}
            arrays = [(n, v) for n, v in e.inputs.items() if isinstance(v, np.ndarray) and v.ndim]
            if arrays and arrays[0][0] not in self.exercise.axis_letters:
                own[f"len({arrays[0][0]})"] = len(arrays[0][1])
            lists = {f"len({n})": len(v) for n, v in e.inputs.items() if isinstance(v, list)}
            per_entry.append({**self.sizes(e), **scalars, **lists, **own})
        names = set.intersection(*(set(p) for p in per_entry)) if per_entry else set()
        return {n: [p[n] for p in per_entry] for n in sorted(names, key=lambda n: (len(n), n))}

    def leaves(self, entry):
        """Named arrays that a wrong result may be made of."""
        if entry.leaves is None:
            entry.leaves = self._leaves(entry)
        return entry.leaves

    def _leaves(self, entry):
        found = {n: v for n, v in entry.inputs.items() if numeric(v)}
        if self.exercise.ingredients:
            try:
                found |= self.exercise.ingredients(**entry.inputs)
            except TypeError:  # a script that gives only some of the inputs
                pass
        elif self.exercise.steps:
            outputs = self.exercise.outputs
            found |= {n: v for n, v in self.steps(entry).items() if n not in outputs and numeric(v)}
        return found

    def steps(self, entry, changes=None):
        """Every quantity of the exercise's steps, some of them by another formula."""
        inputs = self.exercise.defaults | entry.inputs
        known = quantities(self.exercise.steps, inputs, changes)
        return known | {n: self.settled(entry, n, known[n]) for n in self.exercise.outputs}

    def settled(self, entry, name, value):
        """A played output, with the one value in place of several right ones."""
        canonical = self.exercise.canonical
        inputs = self.exercise.defaults | entry.inputs
        return canonical(inputs, name, np.asarray(value)) if canonical else value


def is_array(entry):
    return isinstance(entry.got, np.ndarray)


def common_factor(case, base):
    """Words for c where got = c * base(entry) on every entry; None where that does not hold.

    Where the size minus 1 is what is divided by, a size of 1 gives no number; that is allowed for.
    """
    factors, kept, infinite = [], [], False
    for e in case.entries:
        if not is_array(e):
            return None
        b = base(e)
        if b is None or b.shape != e.got.shape:
            return None
        if not np.any(b) and not np.any(e.got):
            continue
        if e.got.size and not np.isfinite(e.got).any() and np.isfinite(b).all():
            infinite = True
            continue
        c = factor_between(e.got.astype(float), np.asarray(b, dtype=float))
        if c is None:
            return None
        factors.append(c)
        kept.append(e)
    if sum(e.got.size for e in kept) < 3 or not any(case.wrong(e) for e in kept):
        return None
    words = name_factor(factors, case.symbols(kept))
    return None if infinite and (words is None or " - 1)" not in words) else words


def matches(case, predict):
    """Whether predict(entry) gives what came back everywhere, and is not simply right."""
    informative = 0
    for e in case.entries:
        if not is_array(e):
            return False
        p = predict(e)
        if p is None or not close(e.got, np.asarray(p)):
            return False
        if not case.agrees(np.asarray(p), e.want):
            informative += max(1, np.asarray(p).size)
    return informative >= 3


def broadcasts(small, big):
    try:
        return close(big, np.broadcast_to(small, big.shape).astype(float)) and big.size > small.size
    except ValueError:
        return False


def wrong_mask(case, e):
    tolerance = case.exercise.rtol * np.abs(e.want) + 1e-9
    with np.errstate(all="ignore"):
        return ~((np.abs(e.got - e.want) <= tolerance) | (np.isnan(e.got) & np.isnan(e.want)))


def listed(names):
    """ "a", "a and b", "a, b and c"."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def shape_rule(variable):
    """The reason why a result has the shape it must have, as far as there is one."""
    if re.match(r"d([A-Zxyz]|L/|logits)|g[xy]$", variable or ""):
        return "A gradient has exactly the shape of its variable."
    return ""


def show(value):
    if isinstance(value, Odd):
        return value.text
    array = np.asarray(value)
    if array.size > 12:
        return f"an array {array.shape}"
    return np.array2string(
        array.astype(float) if array.dtype.kind == "f" else array,
        precision=6,
        separator=", ",
        suppress_small=True,
    ).replace("\n", "")


def show_inputs(inputs):
    if size_of(inputs) > 30:  # too many numbers to be read: the shapes say more
        return ", ".join(f"{n} = {describe(v)}" for n, v in inputs.items())
    return ", ".join(f"{n} = {show(v) if numeric(v) else describe(v)}" for n, v in inputs.items())
