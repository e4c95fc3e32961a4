"""Experiments: how the attempt responds when its inputs are changed, and how it must."""

import numpy as np

from course_lib.grading.expressions import close, factor_between
from course_lib.grading.patterns.case import numeric
from course_lib.grading.probes import inputs_of, substitute
from course_lib.grading.verdict import Finding


def experiments(case):
    """Runs the attempt on changed inputs and compares how it responds with how it must."""
    fine = [p for p, o in zip(case.probes, case.outcomes, strict=True) if o.problem is None]
    probes = sorted(fine, key=lambda p: bool(p.label))[:3]
    if len(probes) < 2:
        return None
    inputs = inputs_of(probes[0], case.exercise)
    with_arrays = any(isinstance(v, np.ndarray) for v in inputs.values())
    for n in inputs:
        if not numeric(inputs[n]) or (with_arrays and isinstance(inputs[n], int)):
            continue  # a size or a stride cannot be varied alone
        for experiment in (_depends, _scales, _spreads):
            found = [experiment(case, p, n) for p in probes if n in inputs_of(p, case.exercise)]
            if found and found[0] and all(f and f[0] == found[0][0] for f in found):
                return found[0]
    return None


def _value(outcome, case):
    for r in outcome.records:
        if case.base(r.name) == case.variable and isinstance(r.value, np.ndarray):
            return np.asarray(r.value, dtype=float)
    return None


def _recorded(case, probe):
    """(what the attempt gave, what is right) on one of the case's own probes."""
    k = next(k for k, p in enumerate(case.probes) if p is probe)
    return _value(case.outcomes[k], case), _value(case.wanted[k], case)


def _both(case, probe):
    """(what the attempt gives, what is right) on a changed probe."""
    got = case.rerun(probe)
    if got is None or got.problem:
        return None, None
    want = case.reference(probe)
    return _value(got, case), None if want.problem else _value(want, case)


def _depends(case, probe, n):
    rng = np.random.default_rng(5)

    def other(a):
        if isinstance(a, np.ndarray) and a.dtype == bool:
            return a ^ (rng.random(a.shape) < 0.5)
        noise = rng.uniform(0.5, 1.5, np.shape(a))
        return a * noise if isinstance(a, np.ndarray) else type(a)(a * float(noise) + 1)

    got, want = _recorded(case, probe)
    got_after, want_after = _both(case, substitute(probe, case.exercise, n, other))
    if any(x is None for x in (got, want, got_after, want_after)):
        return None
    v = case.variable
    if got.shape == got_after.shape and close(got, got_after) and not close(want, want_after):
        return (
            Finding("independent", v, n),
            (
                f"Your {v} stays as it is when half of {n} is turned round."
                if np.asarray(inputs_of(probe, case.exercise)[n]).dtype == bool
                else f"Your {v} stays as it is when {n} changes."
                if np.ndim(inputs_of(probe, case.exercise)[n]) == 0
                else f"Your {v} stays as it is when each entry of {n} is scaled by some number "
                "from 0.5 to 1.5.",
                f"It must depend on {n}.",
                f"Where does {n} enter?",
            ),
        )
    if close(want, want_after) and not close(got, got_after):
        what = f"Your {v} changes when {n} changes, but the right one does not depend on {n}."
        _, want_otherwise = _both(case, substitute(probe, case.exercise, n, lambda a: -a))
        if want_otherwise is None or not close(want, want_otherwise):
            what = f"Your {v} changes with the sizes in {n}; of the right one only the signs count."
        return Finding("depends", v, n), (what, "", f"Where does {n} enter?")
    return None


def _degree(before, after):
    """k where after = 2^k * before, or None."""
    c = factor_between(after, before) if before.shape == after.shape else None
    k = None if c is None or c <= 0 else np.log2(c)
    return None if k is None or abs(k - round(k)) > 1e-6 else round(k)


_TIMES = {
    0: "stays as it is",
    1: "doubles",
    2: "becomes 4 times as large",
    3: "becomes 8 times as large",
    -1: "halves",
}


def _scales(case, probe, n):
    given = np.asarray(inputs_of(probe, case.exercise)[n])
    if given.dtype == bool or any(e.want.dtype == bool for e in case.entries):
        return None
    got, want = _recorded(case, probe)
    doubled = substitute(
        probe, case.exercise, n, lambda a: a * 2 if isinstance(a, np.ndarray) else type(a)(a * 2)
    )
    got_after, want_after = _both(case, doubled)
    if any(x is None for x in (got, want, got_after, want_after)):
        return None
    must, does = _degree(want, want_after), _degree(got, got_after)
    if must is None or must == does:
        return None
    behaves, wanted = _TIMES.get(does, "changes in another way"), _TIMES.get(must, "changes")
    return (
        Finding("scaling", case.variable, (n, must, does)),
        (
            f"When {n} is doubled, the right {case.variable} {wanted}; yours {behaves}.",
            f"{case.variable} is proportional to {n}." if must == 1 else "",
            f"Is there a term without {n}, or one with {n} too many times?",
        ),
    )


def _spreads(case, probe, n):
    """Changes one row of an input: which rows of the result may notice?"""
    a = inputs_of(probe, case.exercise)[n]
    if not isinstance(a, np.ndarray) or a.ndim == 0 or len(a) < 2 or a.dtype == bool:
        return None
    if case.exercise.axis_letters.get(n, ("N",))[0] != "N":
        return None  # only samples are independent of each other

    def nudge(x):
        x = x.copy()
        x[-1] = x[-1] * 1.5 + 0.25
        return x

    got, want = _recorded(case, probe)
    got_after, want_after = _both(case, substitute(probe, case.exercise, n, nudge))
    if any(x is None for x in (got, want, got_after, want_after)) or got.shape != want.shape:
        return None
    if want.ndim == 0 or want.shape[0] != a.shape[0]:
        return None
    scale = 1e-9 * max(1.0, np.abs(want).max())
    moved = (np.abs(got_after - got).reshape(len(got), -1) > scale).any(axis=1)
    must = (np.abs(want_after - want).reshape(len(want), -1) > scale).any(axis=1)
    row = "row" if a.ndim == 2 else "sample"
    if (moved & ~must)[:-1].any():
        return (
            Finding("mixes", case.variable, n),
            (
                f"Changing the last {row} of {n} changes other {row}s of your {case.variable} too.",
                f"Each {row} depends on its own {row} alone.",
                "Look for a sum, mean or maximum over the whole array.",
            ),
        )
    _, otherwise = _both(case, substitute(probe, case.exercise, n, np.negative))
    if moved[-1] and otherwise is not None and close(want, otherwise) and not must.any():
        return (
            Finding("depends", case.variable, n),
            (
                f"Your {case.variable} changes when {n} changes, but the right one does not depend "
                f"on {n}.",
                "",
                f"Where does {n} enter?",
            ),
        )
    if (must & ~moved).any():
        return (
            Finding("blind", case.variable, n),
            (
                f"Changing the last {row} of {n} does not change that {row} of your "
                f"{case.variable}.",
                f"Every {row} of {n} must reach its {row} of the result.",
                f"Is that {row} cut off, clipped or left out?",
            ),
        )
    return None
