"""Right in part: for some entries, for some cases, to some digits."""

import numpy as np

from course_lib.grading.expressions import broadcasts_to, close, factor_between
from course_lib.grading.patterns.case import (
    is_array,
    listed,
    matches,
    numeric,
    show_inputs,
    wrong_mask,
)
from course_lib.grading.verdict import Finding

_CONDITIONS = {
    "is negative": lambda a: a < 0,
    "is positive": lambda a: a > 0,
    "is 0": lambda a: a == 0,
    "is 0 or more": lambda a: a >= 0,
    "is 0 or less": lambda a: a <= 0,
    "is larger than 1 in size": lambda a: np.abs(a) > 1,
}
_PLACES = {
    "in the first row": lambda s: np.indices(s)[0] == 0,
    "outside the first row": lambda s: np.indices(s)[0] > 0,
    "in the last row": lambda s: np.indices(s)[0] == s[0] - 1,
    "outside the last row": lambda s: np.indices(s)[0] < s[0] - 1,
    "in the first column": lambda s: np.indices(s)[-1] == 0,
    "outside the first column": lambda s: np.indices(s)[-1] > 0,
    "in the last column": lambda s: np.indices(s)[-1] == s[-1] - 1,
    "outside the last column": lambda s: np.indices(s)[-1] < s[-1] - 1,
    "on the diagonal": lambda s: np.indices(s)[0] == np.indices(s)[-1],
    "off the diagonal": lambda s: np.indices(s)[0] != np.indices(s)[-1],
}


def right_but_for_entries(case):
    if any(not is_array(e) or e.got.shape != e.want.shape for e in case.entries):
        return None
    masks = [wrong_mask(case, e) for e in case.entries]
    wrong, total = sum(m.sum() for m in masks), sum(m.size for m in masks)
    if not 0 < wrong < total:
        return None
    if not any(np.any(e.want[~m]) for e, m in zip(case.entries, masks, strict=True)):
        return None  # right only where anything proportional would be: at 0
    v = case.variable
    for where, holds in _where(case):
        expected = [holds(e) for e in case.entries]
        if any(x is None for x in expected):
            continue
        if all(np.array_equal(m, x) for m, x in zip(masks, expected, strict=True)):
            if not _telling(case, where, masks):
                continue
            there = _what_stands_there(case, masks)
            return (
                Finding("edge", v, where),
                (
                    f"Your {v} is right except {where}{there}."
                    if not where.startswith("outside")
                    else f"Your {v} is right only in {where.removeprefix('outside ')}{there}.",
                    "The formula holds everywhere, so something is special about these entries.",
                    "Try one of them by hand.",
                ),
            )
    return None


def _telling(case, where, masks):
    """Whether some right entry is more than the trivial one where the named quantity is 0."""
    name = where.removeprefix("where ").rsplit(" is ", 1)[0]
    if name not in case.leaves(case.entries[0]):
        return True
    right = [
        np.broadcast_to(np.asarray(case.leaves(e)[name], dtype=float), e.want.shape)[~m]
        for e, m in zip(case.entries, masks, strict=True)
    ]
    return any(r.any() for r in right)


def _where(case):
    def value_of(name, e):
        a = case.leaves(e).get(name) if name != case.variable else e.want
        return np.broadcast_to(a, e.want.shape) if broadcasts_to(a, e.want.shape) else None

    names = [
        n
        for n, a in case.leaves(case.entries[0]).items()
        if np.ndim(a) or (numeric(a) and not isinstance(a, int))
    ]
    own = (
        [case.variable] if any(e.want.ndim for e in case.entries) else []
    )  # single numbers: chance
    for name in [*names, *own]:
        for words, holds in _CONDITIONS.items():

            def condition(e, name=name, holds=holds):
                if name != case.variable and name not in case.leaves(e):
                    return None
                a = value_of(name, e)
                return None if a is None else holds(np.asarray(a, dtype=float))

            yield f"where {name} {words}", condition
    if all(e.want.ndim for e in case.entries):
        for words, place in _PLACES.items():
            yield words, lambda e, place=place: place(e.want.shape)


def _what_stands_there(case, masks):
    values = np.concatenate([e.got[m] for e, m in zip(case.entries, masks, strict=True)])
    wants = np.concatenate([e.want[m] for e, m in zip(case.entries, masks, strict=True)])
    if np.isnan(values).all():
        return ", where it is nan"
    if not np.any(values):
        return ", where it is 0"
    if close(values, -wants):
        return ", where its sign is turned"
    c = factor_between(values, wants) if values.size > 1 else None
    return f", where it is {c:.4g} times the right one" if c else ""


def right_but_for_cases(case):
    """Failing and passing cases told apart by what is special about them."""
    right, wrong = set(), set()
    for probe, o, w in zip(case.probes, case.outcomes, case.wanted, strict=True):
        good = (
            o.problem is None
            and not o.changed
            and len(o.records) == len(w.records)
            and all(
                case.agrees(g.value, r.value) for g, r in zip(o.records, w.records, strict=False)
            )
        )
        (right if good else wrong).add(probe.label)
    if not right or not wrong or right & wrong or "" in wrong:
        return None
    wrong = {w for w in wrong if not any(w != o and w.startswith(o) for o in wrong)}
    if len(wrong) > 2:
        return None  # so many special cases have nothing special in common
    which = " and ".join(sorted(wrong))
    v = case.variable or case.exercise.outputs[0]
    return (
        Finding("edge", v, which),
        (
            f"Your {v} is right but for {which}.",
            "The formula is the same there, so something in the code assumes otherwise.",
            "Try that case on its own and print what comes out on the way.",
        ),
    )


def right_for_some_numbers(case):
    """Right and wrong cases told apart by a whole number among the inputs: a size, a stride."""
    exercise = case.exercise
    if exercise.is_class or not any(
        isinstance(v, np.ndarray) for v in case.entries[0].inputs.values()
    ):
        return None
    good = [
        not o.problem
        and not o.changed
        and all(case.agrees(g.value, r.value) for g, r in zip(o.records, w.records, strict=False))
        for o, w in zip(case.outcomes, case.wanted, strict=True)
    ]
    if sum(good) < 2 or all(good):
        return None
    given = [dict(zip(exercise.parameters(), p.args, strict=False)) for p in case.probes]
    for n, default in exercise.defaults.items():
        left_out = [n not in inputs for inputs in given]
        if not any(g == gone for g, gone in zip(good, left_out, strict=True)):
            return (
                Finding("default", case.variable, n),
                (
                    f"Your {case.variable} is right where {n} is given, and wrong where it is left "
                    "out.",
                    f"Then {n} is meant to be {default}.",
                    "Compare the first line of your function with the starter's.",
                ),
            )
    for n in exercise.parameters():
        values = [inputs.get(n, exercise.defaults.get(n)) for inputs in given]
        if any(type(v) is not int for v in values):
            continue
        right = {v for v, g in zip(values, good, strict=True) if g}
        wrong = {v for v, g in zip(values, good, strict=True) if not g}
        if right and wrong and not right & wrong:
            these, those = (listed(list(map(str, sorted(s)))) for s in (right, wrong))
            return (
                Finding("numbers", case.variable, (n, tuple(sorted(right)), tuple(sorted(wrong)))),
                (
                    f"Your {case.variable} is right for {n} = {these}, and wrong for {n} = "
                    f"{those}.",
                    "",
                    f"Where does {n} enter? Work out one case with {n} = {min(wrong)} by hand.",
                ),
            )
    return None


def right_from_the_start(case):
    """Right up to some entry and wrong from there on, in reading order, in every case."""
    arrays = [e for e in case.entries if is_array(e) and e.want.size > 1]
    if not arrays or any(not is_array(e) or e.got.shape != e.want.shape for e in case.entries):
        return None
    masks = [wrong_mask(case, e).ravel() for e in arrays]
    masks = [m for m in masks if m.any()]
    starts = {int(np.argmax(m)) for m in masks}
    if len(starts) != 1 or (k := starts.pop()) == 0 or any(not m[k:].all() for m in masks):
        return None
    return (
        Finding("prefix", case.variable, k),
        (
            f"Your {case.variable} is right up to entry {k - 1} and wrong from entry {k} on, in "
            "every case that fails.",
            "Each entry is made by the same rule.",
            f"Compute entry {k} by hand, with what the rule needs, and compare.",
        ),
    )


def not_finite(case):
    bad = [
        e
        for e in case.entries
        if is_array(e) and not np.isfinite(e.got).all() and np.isfinite(e.want).all()
    ]
    if not bad:
        return None
    e = min(bad, key=lambda e: e.got.size)
    what = "nan" if np.isnan(e.got).any() else "infinity"
    return (
        Finding("not finite", case.variable, what),
        (
            f"Your {case.variable} contains {what} where every right entry is a finite number.",
            "That comes from 0/0, a division by 0, a logarithm of 0 or an overflow.",
            f"Find the first line that makes it, with {show_inputs(e.inputs)}.",
        ),
    )


def nearly_right(case):
    """Rounded, cut to whole numbers, or off in the later digits."""
    arrays = [e for e in case.entries if is_array(e) and e.got.shape == e.want.shape]
    if len(arrays) != len(case.entries) or not arrays:
        return None
    v = case.variable
    for digits in range(7):
        if matches(case, lambda e, digits=digits: np.round(e.want, digits)):
            return (
                Finding("precision", v, f"{digits} decimals"),
                (
                    f"Your {v} is the right one rounded to {digits} decimals.",
                    "Rounded gradients lose the small ones.",
                    "Round only when you print.",
                ),
            )
    if matches(case, lambda e: np.trunc(e.want)):
        return (
            Finding("precision", v, "whole numbers"),
            (
                f"Your {v} has lost everything after the decimal point.",
                "An integer array cuts off what is put into it.",
                "Which array was made from integers?",
            ),
        )
    return _close_but_not_equal(case, arrays, within=2e-3)


def _close_but_not_equal(case, arrays, within):
    if any(not np.isfinite(e.got).all() for e in arrays):
        return None  # nan is close to nothing
    scales = [max(np.max(np.abs(e.want), initial=0.0), 1e-12) for e in arrays]
    errors = [
        np.max(np.abs(e.got - e.want), initial=0.0) / s for e, s in zip(arrays, scales, strict=True)
    ]
    worst = max(errors, default=np.inf)
    if not worst < within:
        return None
    e = arrays[int(np.argmax(errors))]
    k = int(np.argmax(np.abs(e.got - e.want)))
    return (
        Finding("precision", case.variable, float(f"{worst:.1g}")),
        (
            f"Your {case.variable} is close but not equal: {e.got.flat[k]:.10g} where "
            f"{e.want.flat[k]:.10g} is right.",
            "An exact formula agrees to about 15 digits; this looks like a nudge in place of a "
            "formula, a rounded constant or float32 on the way.",
            "Which number in your code is an approximation?",
        ),
    )


def imprecise(case):
    """About right, or about a simple factor off, as finite steps make it."""
    arrays = [e for e in case.entries if is_array(e) and e.got.shape == e.want.shape]
    if len(arrays) != len(case.entries) or not arrays:
        return None
    for c, words in ((0.5, "1/2"), (2.0, "2"), (-1.0, "-1")):
        if all(np.allclose(e.got, c * e.want, rtol=1e-3, atol=1e-6) for e in arrays):
            return (
                Finding("factor", case.variable, f"about {words}"),
                (
                    f"Your {case.variable} is about {words} times the right one.",
                    "It is not exactly that, so a step size is involved.",
                    "How far apart are the points you compare, and what do you divide by?",
                ),
            )
    return _close_but_not_equal(case, arrays, within=0.03)
