"""What kind of thing came back, and manners: inputs changed, right the first time only."""

import numpy as np

from course_lib.grading.outcomes import Odd
from course_lib.grading.patterns.case import is_array, listed
from course_lib.grading.verdict import Finding


def odd_results(case):
    """None, a string, a gap, a missing attribute, the wrong number of values."""
    records = [r for o in case.outcomes for r in o.records if isinstance(r.value, Odd)]
    if not records:
        return None
    name, value = records[0].name, records[0].value
    exercise = case.exercise
    member = name in exercise.outputs and len(exercise.outputs) > 1
    whole = exercise.several and not exercise.is_class and not member
    wanted = exercise.output_words if whole else name
    if value.kind == "None":
        what = f"Your function returned None where {wanted} was wanted."
        if member and not exercise.is_class:
            return (
                Finding("type", name, "None"),
                (f"The {name} that you return is None.", "", "Where is it computed?"),
            )
        if exercise.is_class:
            what = f"{name} is None: the method that ought to return it returns nothing."
        return (
            Finding("type", name, "None"),
            (
                what,
                "A function without a return statement gives None.",
                "Does every way through it end in a return? Printing a value does not return it.",
            ),
        )
    if value.kind == "missing":
        return (
            Finding("missing", name, value.text),
            (
                f"{name} is not there: your {exercise.name} has {value.text} when it is read.",
                "Whoever uses the class reads its results by these names.",
                f"Which method ought to set self.{value.text.split()[-1]}?",
            ),
        )
    if value.kind == "count":
        what = f"You returned {value.text}, but {wanted} was wanted"
        return (
            Finding("count", case.variable, value.text),
            (f"{what}: {len(exercise.outputs)} values in this order.", "", "")
            if exercise.several
            else (f"You returned {value.text}; one array, {name}, was wanted.", "", ""),
        )
    if value.kind == "ellipsis":
        return (
            Finding("type", name, "ellipsis"),
            (f"{name} is still `...`: a gap is left open.", "", "Fill in every gap."),
        )
    if whole:
        return (
            Finding("type", case.variable, value.kind),
            (
                f"You returned {value.text}, but {wanted} was wanted.",
                "",
                "Return all parts, in this order, in a tuple or list.",
            ),
        )
    return (
        Finding("type", name, value.kind),
        (
            f"For {name} you returned {value.text}; numbers were wanted.",
            "",
            "Return a number or an array of numbers.",
        ),
    )


def unsteady(case):
    """Two calls with the same inputs that give different results."""
    for o in case.outcomes:
        first = [r for r in o.records if not r.again]
        second = [r for r in o.records if r.again]
        for one, two in zip(first, second, strict=False):
            if o.problem or one.name != two.name:
                continue
            if not isinstance(one.value, np.ndarray) or not isinstance(two.value, np.ndarray):
                continue
            if not case.agrees(two.value, one.value) and not case.agrees(one.value, two.value):
                return (
                    Finding("unsteady", one.name),
                    (
                        f"Two calls with the same inputs give a different {one.name}.",
                        "The result may depend on the arguments alone.",
                        "Where does chance enter, something kept between calls, or an array that "
                        "is never filled (np.empty)?",
                    ),
                )
    return None


def booleans(case):
    """True and False where numbers were wanted."""
    if not case.entries or not all(is_array(e) for e in case.entries):
        return None
    if any(e.got.dtype != bool or e.want.dtype == bool for e in case.entries):
        return None
    return (
        Finding("type", case.variable, "booleans"),
        (
            f"Your {case.variable} holds True and False where numbers were wanted.",
            "A comparison gives a mask; the mask still has to be multiplied with something.",
            "`*` comes before `>`: a product with a comparison needs brackets around the latter.",
        ),
    )


def wrong_number_of_members(case):
    if not case.exercise.sequence:
        return None
    for outcome, want in zip(case.outcomes, case.wanted, strict=True):
        first = [r for r in outcome.records if not r.again]
        right = [r for r in want.records if not r.again]
        if outcome.problem is None and len(first) != len(right):
            return (
                Finding("count", case.exercise.outputs[0], (len(first), len(right))),
                (
                    f"You returned {len(first)} {case.exercise.outputs[0]} where "
                    f"{len(right)} were wanted.",
                    "",
                    "A list, with one array for each that came in, in order.",
                ),
            )
    return None


def first_calls_right(case):
    return all(
        o.problem is None
        and [r.name for r in o.records if not r.again] == [r.name for r in w.records if not r.again]
        and all(
            case.agrees(g.value, r.value)
            for g, r in zip(
                [r for r in o.records if not r.again],
                [r for r in w.records if not r.again],
                strict=True,
            )
        )
        for o, w in zip(case.outcomes, case.wanted, strict=True)
    )


def shared_memory(case):
    """Right results that the next call overwrites."""
    names = sorted({n for o in case.outcomes for n in o.shared})
    return overwritten(names) if names and first_calls_right(case) else None


def overwritten(names):
    """(Finding, sentences) for results of two calls that lie in the same memory."""
    it = "are" if len(names) > 1 else "is"
    return (
        Finding("shared memory", listed(names)),
        (
            f"What comes back is right, but {listed(names)} of two calls {it} one and the same "
            "array.",
            "Whoever keeps the first result finds it overwritten by the second.",
            "Make a new array in every call; look for one that is made outside the function.",
        ),
    )


def changed_inputs(case):
    changed = sorted({n for o in case.outcomes for n in o.changed})
    if not changed or not first_calls_right(case):
        return None
    names = listed(changed)
    lists = any(isinstance(v, list) for e in case.entries for v in e.inputs.values())
    return (
        Finding("inputs changed", names),
        (
            f"The result is right, but {names} {'are' if len(changed) > 1 else 'is'} not what "
            f"{'they were' if len(changed) > 1 else 'it was'} before the call.",
            "Whoever called your function still needs its arrays: the next layer reads the same "
            "memory.",
            "Work on a copy. `a - b` makes a new array, `a -= b` writes into the old one"
            + ("; `reverse`, `pop` and `sort` change a list." if lists else "."),
        ),
    )


def first_time_only(case):
    if not first_calls_right(case):
        return None
    for o, w in zip(case.outcomes, case.wanted, strict=True):
        for got, right in zip(o.records, w.records, strict=False):
            if got.again and not case.agrees(got.value, right.value):
                return (
                    Finding("first time only", got.name),
                    (
                        f"{got.name} is right on the first call and wrong on the second call with "
                        "the same inputs.",
                        "Something is remembered between calls: a changed input, a default "
                        "argument that grows, or a variable outside the function.",
                        "Let the result depend on the arguments alone.",
                    ),
                )
    return None


def wrong_and_changed(case):
    changed = sorted({n for o in case.outcomes for n in o.changed})
    if not changed:
        return None
    names = listed(changed)
    return (
        Finding("inputs changed", case.variable, names),
        (
            f"Your {case.variable} has other values, and {names} is not what it was before the "
            "call.",
            "What is written into an input on the way changes all that is read from it later.",
            f"Work on a copy of {changed[0]}.",
        ),
    )


def own_explanation(case):
    """The exercise's own diagnosis: the first of its findings that holds on every probe."""
    if case.exercise.explain is None:
        return None
    holding = None
    for probe, o, w in zip(case.probes, case.outcomes, case.wanted, strict=True):
        if o.problem or not all(isinstance(r.value, np.ndarray) for r in o.records):
            return None
        found = dict(case.exercise.explain(probe, o, w))
        holding = found if holding is None else {f: s for f, s in holding.items() if f in found}
    return next(iter(holding.items()), None)
