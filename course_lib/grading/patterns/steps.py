"""The first wrong quantity of a computation in steps, and the slip that made it.

An exercise may write down its computation as `Step`s. Then every way to get one step wrong (another
quantity in its place, an operand exchanged, a factor, a slip that the author foresaw) is played
through to the outputs, and what the attempt gave is compared with what such a slip would give.
"""

from dataclasses import dataclass

import numpy as np

from course_lib.grading.expressions import close
from course_lib.grading.patterns.case import common_factor, is_array, listed
from course_lib.grading.patterns.factors import FACTOR_WHY
from course_lib.grading.steps import Step, needs_of, quantity
from course_lib.grading.verdict import Finding


class _Changed:
    """A formula with something done to its operands or its result."""

    def __init__(self, formula, needs, call):
        self.needs, self._call, self._formula = tuple(needs), call, formula

    def __call__(self, **known):
        return self._call(self._formula, known)


@dataclass(frozen=True)
class _Slip:
    step: Step
    words: str
    formula: object


def _foreseen(steps):
    """The slips that the author wrote down."""
    return [_Slip(s, words, f) for s in steps for words, f in s.slips.items()]


def _automatic(trial):
    """Every other slip that can be played."""
    steps, cases, symbols = trial.case.exercise.steps, trial.known, trial.symbols
    inputs = [n for n in cases[0] if n not in {s.name for s in steps}]
    before = list(inputs)
    for step in steps:
        own = needs_of(step.formula)
        for n in own:
            for other in before:
                if other != n and other not in own and _same_shape(cases, n, other):
                    yield _Slip(
                        step,
                        f"{other} stands in the place of {n} where {step.name} is computed",
                        _exchange(step.formula, n, other),
                    )
        for other in before:
            if _same_shape(cases, step.name, other):
                yield _Slip(
                    step,
                    f"{other} itself is used as {step.name}",
                    _Changed(None, (other,), lambda _, known, other=other: known[other]),
                )
        yield from _scaled(step, symbols)
        for n in own:
            if np.ndim(cases[0][n]) == 2 and len(cases[0][n]) > 1:
                for which, cut in (("first", slice(0, 1)), ("last", slice(-1, None))):
                    yield _Slip(
                        step,
                        f"only the {which} row of {n} takes part in {step.name}",
                        _cut(step.formula, n, cut),
                    )
        if np.ndim(cases[0][step.name]) < 3:
            yield from _transformed(step)
        yield from _along_axes(step, cases, trial.case.exercise.axis_letters.get(step.name, ()))
        before.append(step.name)


def _exchange(formula, n, other):
    needs = [other if p == n else p for p in needs_of(formula)]
    return _Changed(
        formula,
        needs,
        lambda f, known: f(**{p: known[other if p == n else p] for p in needs_of(f)}),
    )


def _cut(formula, n, cut):
    return _Changed(
        formula,
        needs_of(formula),
        lambda f, known: f(**{**known, n: known[n][cut]}),
    )


def _scaled(step, symbols):
    def scaled(factor):
        return _Changed(step.formula, needs_of(step.formula), lambda f, known: factor * f(**known))

    for words, factor in (
        ("has the opposite sign", -1),
        ("is twice the right one", 2),
        ("is half the right one", 0.5),
        ("is 0", 0),
    ):
        yield _Slip(step, f"{step.name} {words}", scaled(factor))
    for letter in symbols:
        for words, power in ((f"times {letter}", 1), (f"divided by {letter}", -1)):
            yield _Slip(
                step,
                f"{step.name} is the right one {words}",
                (letter, power, step.formula),
            )


_TRANSFORMS = {
    "{n} is made positive": np.abs,
    "{n} keeps only its signs": np.sign,
    "{n} loses its negative entries": lambda a: np.maximum(a, 0),
    "{n} is cut to the range from -1 to 1": lambda a: np.clip(a, -1, 1),
    "{n} is squared": np.square,
    "{n} is rounded to whole numbers": np.round,
    "{n} is scaled to length 1": lambda a: a / np.linalg.norm(a),
    "{n} is 1 in every entry": np.ones_like,
    "every row of {n} is the mean of all its rows": lambda a: _repeated(a.mean(axis=0), a),
    "every row of {n} is the sum of all its rows": lambda a: _repeated(a.sum(axis=0), a),
    "each row of {n} holds its own sum everywhere": lambda a: _repeated(
        a.sum(axis=-1, keepdims=True), a
    ),
    "each row of {n} holds its own mean everywhere": lambda a: _repeated(
        a.mean(axis=-1, keepdims=True), a
    ),
    "each row of {n} loses its own mean": lambda a: a - a.mean(axis=-1, keepdims=True),
    "{n} loses its mean over the rows": lambda a: a - a.mean(axis=0),
    "the rows of {n} are in reverse order": lambda a: a[::-1],
    "the columns of {n} are in reverse order": lambda a: a[:, ::-1],
    "only the first row of {n} counts, the others are 0": lambda a: _rows(a, [0]),
    "the last row of {n} is 0": lambda a: _rows(a, range(len(a) - 1)),
    "the first row of {n} is 0": lambda a: _rows(a, range(1, len(a))),
    "{n} comes out transposed": lambda a: a.T,
    "{n} is read column by column, as by a reshape": lambda a: a.T.reshape(a.shape),
}


def _repeated(a, like):
    return np.broadcast_to(a, like.shape)


def _rows(a, kept):
    out = np.zeros_like(a)
    out[list(kept)] = a[list(kept)]
    return out


def _transformed(step):
    for words, change in _TRANSFORMS.items():
        yield _Slip(
            step,
            words.format(n=step.name),
            _Changed(
                step.formula,
                needs_of(step.formula),
                lambda f, known, change=change: change(np.asarray(f(**known))),
            ),
        )


_AXIS_TRANSFORMS = {
    "{n} is reversed along its axis {k}": lambda a, k: np.flip(a, k),
    "all along axis {k} of {n} is what belongs to the first": lambda a, k: _repeated(
        a.take([0], k), a
    ),
    "all along axis {k} of {n} is what belongs to the last": lambda a, k: _repeated(
        a.take([-1], k), a
    ),
    "all along axis {k} of {n} is the mean over it": lambda a, k: _repeated(
        a.mean(axis=k, keepdims=True), a
    ),
    "all along axis {k} of {n} is the sum over it": lambda a, k: _repeated(
        a.sum(axis=k, keepdims=True), a
    ),
    "{n} is shifted by one along its axis {k}": lambda a, k: np.roll(a, 1, k),
    "{n} is shifted back by one along its axis {k}": lambda a, k: np.roll(a, -1, k),
    "only the first along axis {k} of {n} counts, the others are 0": lambda a, k: _kept_along(
        a, k, [0]
    ),
    "only the last along axis {k} of {n} counts, the others are 0": lambda a, k: _kept_along(
        a, k, [-1]
    ),
    "the last along axis {k} of {n} is 0": lambda a, k: _kept_along(a, k, range(a.shape[k] - 1)),
    "the first along axis {k} of {n} is 0": lambda a, k: _kept_along(a, k, range(1, a.shape[k])),
    "{n} adds up along its axis {k} as it goes": lambda a, k: np.cumsum(a, axis=k),
}


def _kept_along(a, axis, kept):
    out = np.zeros_like(a)
    at = (slice(None),) * axis + (list(kept),)
    out[at] = a[at]
    return out


def _along_axes(step, cases, letters):
    """What can happen to an array of three axes or more along one of them, or to two of them."""
    ndim = np.ndim(cases[0][step.name])
    if ndim < 3:
        return
    named = [f"{k} ({letters[k]})" if len(letters) == ndim else str(k) for k in range(ndim)]
    changes = {
        words.format(n=step.name, k=named[k]): lambda a, change=change, k=k: change(a, k)
        for words, change in _AXIS_TRANSFORMS.items()
        for k in range(ndim)
    }
    for j in range(ndim):
        for k in range(j + 1, ndim):
            pair = f"the axes {named[j]} and {named[k]} of {step.name}"
            changes[f"{pair} are exchanged"] = lambda a, j=j, k=k: np.swapaxes(a, j, k)
            changes[f"{pair} are exchanged by a reshape, which mixes the numbers"] = (
                lambda a, j=j, k=k: np.swapaxes(a, j, k).reshape(a.shape)
            )
    for words, change in changes.items():
        yield _Slip(
            step,
            words,
            _Changed(
                step.formula,
                needs_of(step.formula),
                lambda f, known, change=change: change(np.asarray(f(**known))),
            ),
        )


def _same_shape(cases, a, b):
    return all(np.ndim(c[a]) and np.shape(c[a]) == np.shape(c[b]) for c in cases)


def first_wrong_step(case):
    """Where several outputs are computed from one another: the slip or two behind what came back.

    A foreseen slip is preferred to an automatic one that explains as much.
    """
    if not case.exercise.several or not _in_steps(case):
        return None
    trial, order = _Trial(case), case.exercise.computed
    slips = [*_foreseen(case.exercise.steps), *_own_first(case, _automatic(trial))]
    first = _best(trial, slips, (), order[: order.index(case.variable) + 1])
    if first is None:
        return None
    second = None
    if len(first[1]) < len(order):
        after = next(n for n in order if n not in first[1])
        slips = sorted(slips, key=lambda slip: slip.step.name != after)
        second = _best(trial, slips, (first[0],), order[: order.index(after) + 1])
    return _words(case, first, second)


def foreseen_slip(case):
    """Where there is one output: the slip foreseen by the author that gives what came back."""
    if case.exercise.several or not _in_steps(case):
        return None
    return _the_slip(case, _Trial(case), _foreseen(case.exercise.steps))


def other_slip(case):
    """Where there is one output: an automatic slip, or a foreseen one times a factor."""
    if case.exercise.several or not _in_steps(case):
        return None
    trial = _Trial(case)
    found = _the_slip(case, trial, _own_first(case, _automatic(trial)))
    return found or _slip_and_factor(trial, _foreseen(case.exercise.steps))


def _own_first(case, slips):
    """Slips in the wrong quantity itself before those in what it is made of."""
    return sorted(slips, key=lambda slip: slip.step.name != case.variable)


def _in_steps(case):
    return case.exercise.steps and case.entries and all(is_array(e) for e in case.entries)


def _the_slip(case, trial, slips):
    found = _best(trial, slips, (), case.exercise.computed)
    return found and _words(case, found, None)


def _slip_and_factor(trial, slips):
    """A foreseen slip, and a factor besides: softmax along the samples, and 1/N forgotten."""
    case = trial.case
    at = {id(e): k for k, e in enumerate(case.entries)}
    for slip in slips:

        def played(e, slip=slip):
            changes = {slip.step.name: _formula(slip, trial.symbols, at[id(e)])}
            return np.asarray(case.steps(e, changes)[case.variable], dtype=float)

        try:
            words = common_factor(case, played)
        except (ValueError, TypeError, IndexError, ArithmeticError):
            continue
        if words not in (None, "1") and "." not in words:
            return (
                Finding("step", slip.step.name, f"{slip.words}, times {words}"),
                (
                    f"Your {case.variable} is {words} times what comes out if {slip.words}: two "
                    "slips in one.",
                    slip.step.why,
                    slip.step.look
                    or f"Print what you have for {slip.step.name}, and work out one entry by hand.",
                ),
            )
    return None


class _Trial:
    """What slips are tried on: the right quantities and the attempt's results, per probe."""

    def __init__(self, case):
        self.case, self.order = case, case.exercise.computed
        self.known = [case.steps(e) for e in case.entries]
        self.symbols = {n: v for n, v in case.symbols(case.entries).items() if len(n) == 1}
        self.results = [{r.name: r.value for r in o.records if not r.again} for o in case.outcomes]
        # The largest probe leads: it refutes most slips at once.
        self.places = sorted(range(len(self.known)), key=lambda k: -case.entries[k].want.size)


def _best(trial, slips, base, upto):
    """(slip, outputs explained) of the slip that explains most, on top of others; or None."""
    best = None
    for slip in slips:
        if any(slip.step is b.step for b in base):
            continue
        matched = _explained(trial, (*base, slip), upto)
        if matched is not None and (best is None or len(matched) > len(best[1])):
            best = slip, matched
            if len(matched) == len(trial.order):
                break
    return best


def _explained(trial, slips, upto):
    """The outputs that the slips explain on all probes; None if one up to the wanted is missing."""
    matched, differs = set(trial.order), False
    for k in trial.places:
        changes = {s.step.name: _formula(s, trial.symbols, k) for s in slips}
        try:
            for name, played in _played(trial, k, changes):
                got = trial.results[k].get(name)
                if not (
                    isinstance(got, np.ndarray)
                    and close(np.asarray(got, float), np.asarray(played, float))
                ):
                    matched.discard(name)
                    if name in upto:
                        return None
                if name == upto[-1]:
                    right = np.asarray(trial.known[k][name], float)
                    differs = differs or not close(np.asarray(played, float), right)
        except (ValueError, TypeError, IndexError, ArithmeticError):
            return None
    return matched if differs else None


def _played(trial, k, changes):
    """(output, its value) one after the other; what comes before the changes is known already."""
    case, steps = trial.case, trial.case.exercise.steps
    known, begun = dict(trial.known[k]), False
    for step in steps:
        begun = begun or step.name in changes
        if begun:
            known[step.name] = quantity(step, known, changes)
        if step.name in trial.order:
            value = known[step.name]
            if begun:
                value = case.settled(case.entries[k], step.name, value)
            yield step.name, value


def _formula(slip, symbols, k):
    if not isinstance(slip.formula, tuple):
        return slip.formula
    letter, power, own = slip.formula
    factor = float(symbols[letter][k]) ** power
    return _Changed(own, needs_of(own), lambda f, known: factor * f(**known))


def _words(case, first, second):
    slip, matched = first
    wrong = [n for n in case.exercise.computed if not _right_everywhere(case, n)]
    both = second is not None and set(wrong) <= second[1]
    twice = both and second[0].words == slip.words  # the same slip, made in two places
    explained = wrong if twice else [n for n in wrong if n in matched]
    left = [n for n in wrong if n not in matched]
    what = f"Your {_said(slip, explained)}."
    if both and not twice:
        what += f" And {_said(second[0], left)}."
    foreseen = slip.words in slip.step.slips
    why = slip.step.why if foreseen or slip.step.name == explained[0] else ""
    if slip.words.endswith("divided by N"):
        why = FACTOR_WHY["1/N"][0]
    look = f"Print what you have for {slip.step.name}, and work out one entry of it by hand."
    look = slip.step.look or look
    if left and not both:
        look += f" {listed(left)} may be off for another reason: mend this first."
    return Finding("step", slip.step.name, slip.words), (what, why, look)


def _said(slip, names):
    if slip.words.startswith(f"{names[0]} ") and slip.step.name == names[0]:
        return slip.words
    verb = "is" if len(names) == 1 else "are"
    return f"{listed(names)} {verb} what comes out if {slip.words}"


def _right_everywhere(case, name):
    for o, want in zip(case.outcomes, case.wanted, strict=True):
        got = {r.name: r.value for r in o.records if not r.again}
        right = {r.name: r.value for r in want.records if not r.again}
        if name not in got or not case.agrees(got[name], right[name]):
            return False
    return True


def already_right(case):
    """ "Already right: loss, dW2." where several outputs are computed in steps; else ""."""
    if not case.exercise.steps or len(case.exercise.computed) < 2 or not case.variable:
        return ""
    order = case.exercise.computed
    if case.variable not in order:
        return ""
    done = [n for n in order[: order.index(case.variable)] if _right_everywhere(case, n)]
    return f"Already right: {listed(done)}." if done else ""
