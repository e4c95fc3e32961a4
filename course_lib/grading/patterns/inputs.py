"""Inputs that are not used, used in part, or exchanged; values remembered between calls."""

from functools import partial

import numpy as np

from course_lib.grading.expressions import factor_between
from course_lib.grading.patterns.case import common_factor, is_array, matches, numeric
from course_lib.grading.verdict import Finding

_CHANGES = {
    # kind: (change of an input, what the result is right for, why, look)
    "ignores": (
        np.ones_like,
        "if {n} is 1 everywhere: {n} itself is not used",
        "The answer depends on {n}.",
        "Where does {n} enter?",
    ),
    "ignores (0)": (
        np.zeros_like,
        "if {n} is 0 everywhere: {n} is not used",
        "The answer depends on {n}.",
        "Where does {n} enter?",
    ),
    "sign of": (
        np.negative,
        "for -{n} in place of {n}",
        "A sign is turned.",
        "Look at where {n} enters.",
    ),
    "absolute value of": (
        np.abs,
        "for |{n}| in place of {n}",
        "The sign of {n} is lost.",
        "Look at where {n} enters.",
    ),
    "square of": (
        np.square,
        "for {n} squared in place of {n}",
        "{n} enters twice.",
        "Look at where {n} enters.",
    ),
    "rounded": (
        np.trunc,
        "for {n} without its decimals",
        "Whole numbers lose what comes after the point.",
        "Look for an integer array or int() that {n} is put into.",
    ),
    "rectified": (
        lambda a: np.maximum(a, 0),
        "for max({n}, 0) in place of {n}",
        "Negative entries of {n} count too.",
        "Look at where {n} enters.",
    ),
    "sign only": (
        np.sign,
        "for the sign of {n} in place of {n}",
        "The size of {n} is lost.",
        "Look at where {n} enters.",
    ),
    "transposed input": (
        lambda a: a.T if np.ndim(a) == 2 and a.shape[0] == a.shape[1] else a,
        "for {n} transposed",
        "Rows and columns are exchanged.",
        "Look at where {n} enters.",
    ),
    "reshaped input": (
        lambda a: a.reshape(a.T.shape).T if np.ndim(a) == 2 else a,
        "for {n} reshaped where it ought to be transposed",
        "reshape keeps the numbers in reading order and only breaks the lines "
        "elsewhere; it does not exchange rows and columns.",
        "Use `.T`.",
    ),
    "column order": (
        lambda a: a.T.reshape(a.shape) if np.ndim(a) == 2 else a,
        "for {n} with its entries read column by column",
        "reshape keeps the numbers in reading order; it does not exchange rows and columns.",
        "Look for a reshape.",
    ),
    "rows reversed": (
        lambda a: a[::-1] if np.ndim(a) else a,
        "for {n} with its rows in reverse",
        "Rows belong together across arrays.",
        "Look for an index that runs the wrong way.",
    ),
    "columns reversed": (
        lambda a: a[:, ::-1] if np.ndim(a) == 2 else a,
        "for {n} with its columns in reverse",
        "Columns belong together across arrays.",
        "Look for an index that runs the wrong way.",
    ),
    "flipped": (
        lambda a: a[::-1, ::-1] if np.ndim(a) == 2 else a,
        "for {n} turned by half a turn",
        "Flipping is not transposing.",
        "Look for flip or [::-1].",
    ),
    "rows shifted": (
        lambda a: np.roll(a, 1, axis=0) if np.ndim(a) else a,
        "for {n} with its rows moved by one",
        "Rows belong together across arrays.",
        "Look for an index that is one off.",
    ),
    "rows shifted back": (
        lambda a: np.roll(a, -1, axis=0) if np.ndim(a) else a,
        "for {n} with its rows moved by one",
        "Rows belong together across arrays.",
        "Look for an index that is one off.",
    ),
    "averaged input": (
        lambda a: np.full_like(a, np.mean(a)),
        "if every entry of {n} is replaced by their mean",
        "Each entry of {n} plays its own part.",
        "Where is {n} averaged?",
    ),
    "centred input": (
        lambda a: a - np.mean(a, axis=0),
        "for {n} less its mean over the rows",
        "Nothing is subtracted from {n} in this formula.",
        "Look for a mean.",
    ),
    "scaled input": (
        lambda a: a / np.maximum(np.linalg.norm(a), 1e-300),
        "for {n} scaled to length 1",
        "The size of {n} matters.",
        "Look for a norm.",
    ),
    "sorted input": (
        lambda a: np.sort(a, axis=0) if np.ndim(a) else a,
        "for {n} sorted",
        "The order of {n} matters.",
        "Look for sort or set.",
    ),
    "halved": (lambda a: a / 2, "for {n} / 2 in place of {n}", "", "Look at where {n} enters."),
    "doubled": (lambda a: a * 2, "for 2 {n} in place of {n}", "", "Look at where {n} enters."),
    "reciprocal of": (
        lambda a: 1 / a,
        "for 1/{n} in place of {n}",
        "A ratio is upside down.",
        "Look for a division by {n}.",
    ),
    "mean rows": (
        lambda a: np.broadcast_to(np.mean(a, axis=0), np.shape(a)).copy(),
        "if every row of {n} is replaced by their mean",
        "A sum of products is not the product of averages.",
        "Average nothing before the product.",
    ),
}
_CUTS = {
    "first only": (
        lambda i: slice(0, 1),
        "comes from the first {thing} alone",
        "Look for an index 0, or a return inside the loop.",
    ),
    "last only": (
        lambda i: slice(-1, None),
        "comes from the last {thing} alone",
        "Look for `=` in a loop where `+=` is needed, or for an index -1.",
    ),
    "last missing": (
        lambda i: slice(0, -1),
        "leaves out the last {thing}",
        "How far does the loop run?",
    ),
    "first missing": (
        lambda i: slice(1, None),
        "leaves out the first {thing}",
        "Where does the loop begin?",
    ),
    "every second": (
        lambda i: slice(None, None, 2),
        "uses only every second {thing}",
        "Look at the step of the slice or range.",
    ),
}
_THINGS = {"N": "sample", "D": "input feature", "M": "output"}


def _substitutions(case):
    """(kind, data, changes, sentences): what the reference would give if an input were another."""
    names = [n for n, v in case.entries[0].inputs.items() if numeric(v)]
    v = case.variable
    for kind, (change, what, why, look) in _CHANGES.items():
        for n in names:
            reason = why
            if kind.startswith("ignores") and n in ("upstream", "dY", "dA"):
                reason = (
                    "It is the upstream gradient: by the chain rule every gradient of this step "
                    "is proportional to it."
                )
            yield (
                kind.split(" (")[0],
                n,
                {n: lambda e, a, change=change: change(a)},
                (
                    f"Your {v} is what comes out {what.format(n=n)}.",
                    reason.format(n=n),
                    look.format(n=n),
                ),
            )
    letters = {n: case.exercise.axis_letters.get(n, ()) for n in names}
    for letter in dict.fromkeys(letter for axes in letters.values() for letter in axes):
        group = {n: axes.index(letter) for n, axes in letters.items() if letter in axes}
        several = [group] if len(group) < 2 else [group, *({n: k} for n, k in group.items())]
        for one in several:
            for kind, (cut, what, look) in _CUTS.items():
                thing = _THINGS.get(letter, f"entry along {letter}")
                of = f" of {next(iter(one))}" if len(one) < len(group) else ""
                yield (
                    f"{thing}: {kind}",
                    letter,
                    {n: lambda e, a, k=k, cut=cut: _cut(a, k, cut) for n, k in one.items()},
                    (
                        f"Your {v} {what.format(thing=thing)}{of}.",
                        f"All {letter} of them contribute.",
                        look,
                    ),
                )
    for n in names:
        for other in case.leaves(case.entries[0]):
            if other in names:
                continue
            yield (
                "wrong place",
                (n, other),
                {n: lambda e, a, other=other: _as_input(case.leaves(e).get(other), a)},
                (
                    f"Your {v} is what comes out for {other} in place of {n}.",
                    "Each link is evaluated at the input its own function saw.",
                    f"Follow {n} through your code: is it replaced on the way?",
                ),
            )


def _cut(a, axis, cut):
    """A part of the array along an axis; all of it where nothing would be left."""
    kept = a[(slice(None),) * axis + (cut(a),)]
    return kept if kept.shape[axis] else a


def _simple(words):
    """Whether a factor has a name, and is not just some decimal number."""
    return "." not in words


def _as_input(value, like):
    if value is None or np.shape(value) != np.shape(like):
        raise ValueError("does not fit")
    return value if isinstance(like, np.ndarray) else float(value)


def substituted(case):
    if not all(is_array(e) for e in case.entries) or not case.entries:
        return None
    lead = max(case.entries, key=lambda e: e.got.size)
    for kind, data, changes, sentences in _substitutions(case):

        def predict(e, changes=changes):
            def safe(change, a):
                new = change(e, a)
                return new if isinstance(a, np.ndarray) else float(new)

            try:
                with np.errstate(all="ignore"):
                    return case.altered(e, {n: partial(safe, c) for n, c in changes.items()})
            except (ArithmeticError, ValueError, TypeError, IndexError):
                return None

        first = predict(lead)
        if first is None or first.shape != lead.got.shape:
            continue
        if matches(case, predict):
            return Finding(kind, case.variable, data), sentences
        if factor_between(lead.got.astype(float), np.asarray(first, dtype=float)) is None:
            continue
        words = common_factor(case, predict)
        if words not in (None, "1") and lead.got.size > 1 and _simple(words):
            what, *rest = sentences
            return (
                Finding(kind, case.variable, (data, words)),
                (f"{what[:-1]}, and then times {words}.", *rest),
            )
    return _exchanged_inputs(case)


def _exchanged_inputs(case):
    names = [n for n, v in case.entries[0].inputs.items() if numeric(v)]
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            if matches(
                case,
                lambda e, a=a, b=b: case.altered(
                    e, {a: lambda _: e.inputs[b], b: lambda _: e.inputs[a]}
                ),
            ):
                return (
                    Finding("inputs exchanged", case.variable, (a, b)),
                    (
                        f"Your {case.variable} is right for {a} and {b} exchanged.",
                        "The two play different parts.",
                        f"Check which of {a} and {b} goes where.",
                    ),
                )
    return None


def remembered(case):
    for k in (1, 2):
        if matches(case, lambda e, k=k: e.earlier[-k] if len(e.earlier) >= k else e.want):
            return (
                Finding("stale", case.variable, k),
                (
                    f"Your {case.variable} still holds the value of an earlier call.",
                    "It belongs to the newest forward and backward.",
                    "What is kept from one call to the next, and when is it replaced?",
                ),
            )
    if matches(
        case,
        lambda e: (
            e.want + sum(e.earlier) if all(p.shape == e.want.shape for p in e.earlier) else None
        ),
    ):
        return (
            Finding("accumulated", case.variable),
            (
                f"Your {case.variable} adds up over calls of backward.",
                "Here each backward sets its gradients afresh.",
                "Look for `+=` where `=` is meant.",
            ),
        )
    return None
