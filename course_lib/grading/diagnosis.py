"""General diagnosis: says what is wrong with results that no catalogued mistake explains.

Every finding is a hypothesis that was verified on all probes: "your dW is the right one divided
by N" is only said when it holds everywhere the attempt gave a number.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np

from course_lib.grading import expressions
from course_lib.grading.expressions import close, factor_between, name_factor
from course_lib.grading.outcomes import Odd, agrees
from course_lib.grading.probes import describe, inputs_of, size_of, substitute
from course_lib.grading.verdict import Finding


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


def _numeric(value):
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
        for outcome, want in zip(self.outcomes, self.wanted, strict=True):
            for got, right in zip(outcome.records, want.records, strict=False):
                if got.name != right.name or not self.agrees(got.value, right.value):
                    self.variable = self.base(right.name)
                    break
            if self.variable:
                break
        if self.variable is None:
            return
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
            lists = {f"len({n})": len(v) for n, v in e.inputs.items() if isinstance(v, list)}
            per_entry.append({**self.sizes(e), **scalars, **lists, **own})
        names = set.intersection(*(set(p) for p in per_entry)) if per_entry else set()
        return {n: [p[n] for p in per_entry] for n in sorted(names, key=lambda n: (len(n), n))}

    def leaves(self, entry):
        """Named arrays that a wrong result may be made of."""
        found = {n: v for n, v in entry.inputs.items() if _numeric(v)}
        if self.exercise.ingredients:
            try:
                found |= self.exercise.ingredients(**entry.inputs)
            except TypeError:  # a script that gives only some of the inputs
                pass
        return found


def _is_array(entry):
    return isinstance(entry.got, np.ndarray)


def diagnose(case):
    """(Finding, sentences) for an attempt that gave values on the probes; the last resort is plain.

    sentences: (what differs, why, what to look at).
    """
    for pattern in PATTERNS:
        try:
            with np.errstate(all="ignore"):
                found = pattern(case)
        except (ArithmeticError, ValueError, TypeError, LookupError, np.linalg.LinAlgError):
            continue  # a hypothesis that cannot be computed on these numbers is not a finding
        if found:
            return found
    return _plain_words(case)


# what kind of thing came back ----------------------------------------------------------------


def _odd_results(case):
    odd = next((e for e in case.entries if isinstance(e.got, Odd)), None)
    records = [r for o in case.outcomes for r in o.records]
    whole = next((r for r in records if isinstance(r.value, Odd)), None)
    if odd is None and whole is None:
        return None
    value = odd.got if odd else whole.value
    name = case.variable if odd else whole.name
    wanted = case.exercise.output_words if case.exercise.several else name
    if value.kind == "None":
        return (
            Finding("type", name, "None"),
            (
                f"Your function returned None where {wanted} was wanted.",
                "A function without a return statement gives None.",
                "Does every way through it end in a return? Printing a value does not return it.",
            ),
        )
    if value.kind == "count":
        return (
            Finding("count", name, value.text),
            (
                f"You returned {value.text}, but {wanted} was wanted: "
                f"{len(case.exercise.outputs)} values in this order.",
                "",
                "",
            ),
        )
    if value.kind == "single":
        return (
            Finding("type", name, "single"),
            (
                f"You returned {value.text}, but {wanted} was wanted.",
                "",
                "Return all parts, in this order.",
            ),
        )
    if value.kind == "ellipsis":
        return (
            Finding("type", name, "ellipsis"),
            (f"{name} is still `...`: a gap is left open.", "", "Fill in every gap."),
        )
    return (
        Finding("type", name, value.kind),
        (
            f"For {name} you returned {value.text}; numbers were wanted.",
            "",
            "Return a number or an array of numbers.",
        ),
    )


def _wrong_number_of_members(case):
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
                    "One for each that came in, in order.",
                ),
            )
    return None


# values right, manners wrong -------------------------------------------------------------------


def _first_calls_right(case):
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


def _changed_inputs(case):
    changed = sorted({n for o in case.outcomes for n in o.changed})
    if not changed or not _first_calls_right(case):
        return None
    names = " and ".join(changed)
    return (
        Finding("inputs changed", names),
        (
            f"The result is right, but {names} is not what it was before the call.",
            "Whoever called your function still needs its arrays: the next layer reads the same "
            "memory.",
            f"Work on a copy, or write an expression that makes a new array (`{changed[0]} - …`, "
            "not `-=`).",
        ),
    )


def _first_time_only(case):
    if not _first_calls_right(case):
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


# constant factors and simple rearrangements ------------------------------------------------------


_FACTOR_WHY = {
    "-1": (
        "The sign is turned everywhere.",
        "Follow the minus signs through the derivation one by one.",
    ),
    "1/N": (
        "The 1/N of a mean loss is applied once, in the loss's own backward; no layer divides "
        "by N.",
        "Look for a mean where a sum belongs, or a division by the batch size.",
    ),
    "N": (
        "The result grew with the number of samples N.",
        "Look for a sum where a mean belongs, or for a batch that is counted N times.",
    ),
    "2": ("A factor 2 too many.", "Where does a 2 come in: from a square, or from 2h?"),
    "1/2": ("A factor 2 is missing.", "Look for a square whose derivative lost its 2."),
}


def _factor_words(words):
    if words == "-1":
        return "is the right one with the opposite sign"
    if words.startswith("1/"):
        return f"is the right one divided by {words[2:]}"
    return f"is the right one times {words}"


def _factor(case):
    words = _common_factor(case, lambda e: e.want)
    if words in (None, "1"):
        return None
    why, look = _FACTOR_WHY.get(
        words,
        ("Every entry is off by the same factor.", f"Where could a factor of {words} come from?"),
    )
    return (
        Finding("factor", case.variable, words),
        (f"Your {case.variable} {_factor_words(words)}.", why, look),
    )


def _common_factor(case, base):
    """Words for c where got = c * base(entry) on every entry; None where that does not hold."""
    factors, kept = [], []
    for e in case.entries:
        if not _is_array(e):
            return None
        b = base(e)
        if b is None or b.shape != e.got.shape:
            return None
        if not np.any(b) and not np.any(e.got):
            continue
        c = factor_between(e.got.astype(float), np.asarray(b, dtype=float))
        if c is None:
            return None
        factors.append(c)
        kept.append(e)
    if sum(e.got.size for e in kept) < 3 or not any(case.wrong(e) for e in kept):
        return None
    return name_factor(factors, case.symbols(kept))


def _matches(case, predict):
    """Whether predict(entry) gives what came back everywhere, and is not simply right."""
    informative = 0
    for e in case.entries:
        if not _is_array(e):
            return False
        p = predict(e)
        if p is None or not close(e.got, np.asarray(p)):
            return False
        if not case.agrees(np.asarray(p), e.want):
            informative += max(1, np.asarray(p).size)
    return informative >= 3


def _zero_or_constant(case):
    arrays = [e for e in case.entries if _is_array(e) and e.got.size]
    if not arrays or len(arrays) != len(case.entries):
        return None
    first = arrays[0].got.flat[0]
    if any(not np.all(e.got == first) for e in arrays):
        return None
    if sum(e.want.size for e in arrays) < 3:
        return None
    if np.isnan(first):
        return None
    if first == 0:
        return (
            Finding("constant", case.variable, 0.0),
            (
                f"Your {case.variable} is 0 in every case.",
                "Nothing reaches it.",
                "Is it filled after it was made, and is what you return the array you filled?",
            ),
        )
    return (
        Finding("constant", case.variable, float(first)),
        (
            f"Your {case.variable} is {first:.6g} in every case, whatever goes in.",
            "The answer must depend on the inputs.",
            "Is a number from a worked example written into the code?",
        ),
    )


_TRANSFORMS = {
    "transposed": (
        lambda w: w.T if w.ndim == 2 else None,
        "is the transpose of the right one",
        "Rows and columns are exchanged.",
        "A gradient has the shape of its variable, and entry (i, j) belongs to (i, j).",
    ),
    "rows reversed": (
        lambda w: w[::-1] if w.ndim else None,
        "has the right rows in reverse order",
        "The values are right, their order is not.",
        "Look at the direction of your loop or list.",
    ),
    "columns reversed": (
        lambda w: w[:, ::-1] if w.ndim == 2 else None,
        "has the right columns in reverse order",
        "The values are right, their order is not.",
        "Look at the column index.",
    ),
    "absolute value": (
        np.abs,
        "has the right sizes, but every sign is positive",
        "A gradient's sign says which way to go.",
        "Where do the signs get lost?",
    ),
    "squared": (
        np.square,
        "is the square of the right one",
        "One factor is there twice.",
        "Look for a product with itself.",
    ),
    "square root": (
        lambda w: np.sqrt(np.abs(w)),
        "is the square root of the right one",
        "",
        "Look for a root that does not belong there.",
    ),
    "reciprocal": (
        lambda w: 1 / w,
        "is 1 divided by the right one",
        "A ratio is upside down.",
        "Which change belongs on top?",
    ),
    "clipped": (
        lambda w: np.maximum(w, 0),
        "is 0 wherever it ought to be negative",
        "Gradients may be negative.",
        "Look for a maximum with 0.",
    ),
    "normalised": (
        lambda w: w / np.linalg.norm(w),
        "points the right way but has length 1",
        "The size of a gradient matters as much as its direction.",
        "Look for a division by a norm.",
    ),
    "cumulative": (
        lambda w: np.cumsum(w, axis=0) if w.ndim else None,
        "adds up along its first axis as it goes (a running sum of the right values)",
        "Each entry stands on its own.",
        "Look for a variable that is never set back.",
    ),
    "sign only": (
        np.sign,
        "keeps only the sign of the right one",
        "The size of a gradient matters too.",
        "Look for a sign or a comparison.",
    ),
    "diagonal only": (
        lambda w: np.diag(np.diag(w)) if w.ndim == 2 else None,
        "is right on its diagonal and 0 elsewhere",
        "Every pair of row and column contributes.",
        "Do two loops run with one index?",
    ),
    "clipped to 1": (
        lambda w: np.clip(w, -1, 1),
        "is the right one cut to the range -1 to 1",
        "",
        "Look for a clip.",
    ),
    "rolled": (
        lambda w: np.roll(w, 1, axis=0) if w.ndim else None,
        "is shifted by one along its first axis",
        "Values stand one place too late.",
        "Look for an index that is one off.",
    ),
    "rolled back": (
        lambda w: np.roll(w, -1, axis=0) if w.ndim else None,
        "is shifted by one along its first axis",
        "Values stand one place too early.",
        "Look for an index that is one off.",
    ),
}


def _transformed(case):
    for kind, (change, what, why, look) in _TRANSFORMS.items():

        def base(e, change=change):
            with np.errstate(all="ignore"):
                value = change(np.asarray(e.want, dtype=float))
            return value if value is not None and np.isfinite(value).all() else None

        words = _common_factor(case, base)
        if words is None:
            continue
        extra = "" if words == "1" else f", times {words}"
        data = None if words == "1" else words
        said = f"Your {case.variable} {what}{extra}."
        return Finding(kind, case.variable, data), (said, why, look)
    return None


def _other_variable(case):
    """Another output's value, or two outputs exchanged."""
    names = {n for e in case.entries for n in e.others}
    for name in sorted(names):
        words = _common_factor(case, lambda e, name=name: e.others.get(name))
        if words is not None:
            times = "" if words == "1" else f" times {words}"
            return (
                Finding("variable", case.variable, name),
                (
                    f"What you give as {case.variable} is {name}{times}.",
                    "Each output belongs to its own variable.",
                    f"The order wanted is {case.exercise.output_words}."
                    if case.exercise.several
                    else "Check which array goes where.",
                ),
            )
    return None


# wrong shapes ------------------------------------------------------------------------------------


def _shape(case):
    pairs = [(e.got, e.want) for e in case.entries if _is_array(e)]
    bad = [(g, w) for g, w in pairs if g.shape != w.shape]
    if not bad or len(pairs) != len(case.entries):
        return None
    v = case.variable
    ways = [
        (
            "extra axis",
            lambda g, w: g.size == w.size and close(np.squeeze(g), np.squeeze(w)),
            "holds the right numbers in the wrong shape",
            "A gradient has exactly the shape of its variable.",
            "Look for keepdims, reshape or a pair of brackets too many.",
        ),
        (
            "flattened",
            lambda g, w: g.size == w.size and close(g.ravel(), w.ravel()),
            "holds the right numbers in the wrong shape",
            "A gradient has exactly the shape of its variable.",
            "Look for ravel or reshape.",
        ),
        (
            "transposed",
            lambda g, w: w.ndim == 2 and close(g, w.T),
            "is the transpose of the right one",
            "Rows and columns are exchanged.",
            "Print the shapes of both factors and of the result.",
        ),
        (
            "repeated",
            lambda g, w: _broadcasts(w, g),
            "repeats the right values along an extra axis",
            "The right answer is there once, then copied.",
            "Look for broadcasting you did not mean.",
        ),
        (
            "too short",
            lambda g, w: (
                g.ndim == w.ndim == 1
                and g.size < w.size
                and (close(g, w[: g.size]) or close(g, w[w.size - g.size :]))
            ),
            "leaves out entries at an end",
            "",
            "Count: how many entries must there be?",
        ),
        (
            "too long",
            lambda g, w: (
                g.ndim == w.ndim == 1
                and g.size > w.size
                and (close(g[: w.size], w) or close(g[g.size - w.size :], w))
            ),
            "has entries too many at an end",
            "",
            "Count: how many entries must there be?",
        ),
    ]
    for kind, holds, what, why, look in ways:
        if all(holds(np.asarray(g, float), np.asarray(w, float)) for g, w in pairs):
            g, w = bad[0]
            return (
                Finding(kind, v, (g.shape, w.shape)),
                (f"Your {v} {what}: {g.shape}, not {w.shape}.", why, look),
            )
    for axis in range(max(g.ndim for g, _ in bad)):
        for way, kind in (("sum", "not summed"), ("mean", "not averaged")):
            if all(
                g.ndim > axis
                and close(np.asarray(getattr(g, way)(axis=axis), float), np.asarray(w, float))
                for g, w in pairs
            ):
                g, w = bad[0]
                return (
                    Finding(kind, v, axis),
                    (
                        f"Your {v} still has an axis too many: {g.shape}, not {w.shape}; its "
                        f"{way} "
                        f"over axis {axis} is right.",
                        "Every sample used the same variable, so its contributions add up.",
                        f"Which axis of {g.shape} should not be there any more?",
                    ),
                )
            if all(
                w.ndim > axis
                and close(np.asarray(g, float), np.asarray(getattr(w, way)(axis=axis), float))
                for g, w in pairs
            ):
                return (
                    Finding("summed too far", v, axis),
                    (
                        f"Your {v} has been reduced too far: {bad[0][0].shape}, not "
                        f"{bad[0][1].shape}; it is the {way} of the right one over axis {axis}.",
                        "A gradient has exactly the shape of its variable.",
                        "Which sum or mean is one too many?",
                    ),
                )
    return None


def _broadcasts(small, big):
    try:
        return close(big, np.broadcast_to(small, big.shape).astype(float)) and big.size > small.size
    except ValueError:
        return False


# inputs that are not used, or used in part --------------------------------------------------------


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
        "Look for `=` in a loop where `+=` is needed.",
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
    names = [n for n, v in case.entries[0].inputs.items() if _numeric(v)]
    v = case.variable
    for kind, (change, what, why, look) in _CHANGES.items():
        for n in names:
            if kind == "ignores" and n in ("upstream", "dY", "dA"):
                why = (
                    "It is the upstream gradient: by the chain rule every gradient of this step "
                    "is proportional to it."
                )
            yield (
                kind.split(" (")[0],
                n,
                {n: lambda e, a, change=change: change(a)},
                (
                    f"Your {v} is what comes out {what.format(n=n)}.",
                    why.format(n=n),
                    look.format(n=n),
                ),
            )
    letters = {n: case.exercise.axis_letters.get(n, ()) for n in names}
    for letter in dict.fromkeys("".join(map("".join, letters.values()))):
        group = {n: axes.index(letter) for n, axes in letters.items() if letter in axes}
        several = [group] if len(group) < 2 else [group, *({n: k} for n, k in group.items())]
        for one in several:
            for kind, (cut, what, look) in _CUTS.items():
                thing = _THINGS.get(letter, f"entry along {letter}")
                of = f" of {next(iter(one))}" if len(one) < len(group) else ""
                yield (
                    f"{thing}: {kind}",
                    letter,
                    {
                        n: lambda e, a, k=k, cut=cut: a[(slice(None),) * k + (cut(a),)]
                        for n, k in one.items()
                    },
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


def _as_input(value, like):
    if value is None or np.shape(value) != np.shape(like):
        raise ValueError("does not fit")
    return value if isinstance(like, np.ndarray) else float(value)


def _substituted(case):
    if not all(_is_array(e) for e in case.entries) or not case.entries:
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
        if _matches(case, predict):
            return Finding(kind, case.variable, data), sentences
        if factor_between(lead.got.astype(float), np.asarray(first, dtype=float)) is None:
            continue
        words = _common_factor(case, predict)
        if words not in (None, "1") and lead.got.size > 1:
            what, *rest = sentences
            return (
                Finding(kind, case.variable, (data, words)),
                (f"{what[:-1]}, and then times {words}.", *rest),
            )
    return _exchanged_inputs(case)


def _exchanged_inputs(case):
    names = [n for n, v in case.entries[0].inputs.items() if _numeric(v)]
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            if _matches(
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


# scripts: what was remembered ---------------------------------------------------------------------


def _remembered(case):
    for k in (1, 2):
        if _matches(case, lambda e, k=k: e.earlier[-k] if len(e.earlier) >= k else e.want):
            return (
                Finding("stale", case.variable, k),
                (
                    f"Your {case.variable} still holds the value of an earlier call.",
                    "It belongs to the newest forward and backward.",
                    "What is kept from one call to the next, and when is it replaced?",
                ),
            )
    if _matches(
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


# made of the wrong quantities ---------------------------------------------------------------------


def _made_of(case):
    """Looks for an expression of known quantities that gives the result, or what it differs by."""
    arrays = [e for e in case.entries if _is_array(e)]
    if len(arrays) != len(case.entries) or not any(case.wrong(e) for e in arrays):
        return None
    leaves = [case.leaves(e) for e in arrays]
    common = set.intersection(*(set(one) for one in leaves))
    leaves = [{n: v for n, v in one.items() if n in common} for one in leaves]
    if not common:
        return None
    symbols = case.symbols(arrays)
    v = case.variable
    got = [np.asarray(e.got, dtype=float) for e in arrays]
    found = _one_factor_off(v, arrays, leaves)
    if found:
        return found
    found = expressions.find(leaves, got, symbols)
    if found:
        text = found[0] if found[1] == "1" else f"{found[1]} times {found[0]}"
        return (
            Finding("equals", v, text),
            (
                f"Your {v} is exactly {text}.",
                f"That is not how L depends on {v[1:]}."
                if v.startswith("d") and len(v) < 4
                else "That is another quantity.",
                "Work out one single entry by hand and compare.",
            ),
        )
    if any(e.got.shape != e.want.shape for e in arrays):
        return None
    return (
        _differs_by(v, arrays, got, leaves, symbols)
        or _few_values(v, arrays)
        or _sum_of(v, got, leaves)
    )


def _one_factor_off(v, arrays, leaves):
    """One known quantity missing from the product, or one too many."""
    for name in leaves[0]:
        parts = [one[name] for one in leaves]
        if not any(np.ndim(p) or np.ndim(e.got) == 0 for p, e in zip(parts, arrays, strict=True)):
            continue
        if any(
            e.got.shape != e.want.shape or not _broadcasts_to(p, e.want.shape)
            for p, e in zip(parts, arrays, strict=True)
        ):
            continue
        for kind, words, why, holds in (
            (
                "missing factor",
                "divided by",
                "Links multiply, and one of them is missing.",
                lambda e, p: close(np.asarray(e.got * p, float), np.asarray(e.want, float)),
            ),
            (
                "extra factor",
                "times",
                "A link is there that does not belong.",
                lambda e, p: close(np.asarray(e.got, float), np.asarray(e.want * p, float)),
            ),
        ):
            if all(holds(e, p) for e, p in zip(arrays, parts, strict=True)):
                return (
                    Finding(kind, v, name),
                    (
                        f"Your {v} is the right one {words} {name}.",
                        why,
                        "Take the links one by one.",
                    ),
                )
    return None


def _term_counted(v, leaves, differences, symbols):
    """A term that is there, but times another number, which may depend on the sizes."""
    for name in set.intersection(*(set(one) for one in leaves)):
        factors = []
        for one, d in zip(leaves, differences, strict=True):
            if not np.ndim(one[name]) or not _broadcasts_to(one[name], d.shape):
                break
            c = factor_between(d, np.broadcast_to(np.asarray(one[name], float), d.shape))
            if c is None:
                break
            factors.append(c + 1)
        if len(factors) == len(leaves) > 1:
            words = name_factor(factors, symbols)
            if words:
                return (
                    Finding("term factor", v, (name, words)),
                    (
                        f"Your {v} counts the term {name} times {words}.",
                        "It belongs in the sum exactly once.",
                        f"Is {name} inside a loop or a mean?",
                    ),
                )
    return None


def _few_values(v, arrays):
    values = {float(f"{x:.9g}") for e in arrays for x in np.ravel(e.got)}
    wants = {float(f"{x:.9g}") for e in arrays for x in np.ravel(e.want)}
    if len(values) > 3 or len(wants) < 3 * len(values):
        return None
    words = ", ".join(f"{x:g}" for x in sorted(values))
    return (
        Finding("few values", v, tuple(sorted(values))),
        (
            f"Your {v} only ever takes the values {words}.",
            "The right one has many values.",
            "Are numbers from worked examples written into the code?",
        ),
    )


def _sum_of(v, got, leaves):
    words = expressions.find_sum(leaves, got)
    if words is None:
        return None
    return (
        Finding("equals", v, words),
        (
            f"In every case your {v} equals {words}.",
            "That is another quantity.",
            "Work the right one out at one point, by hand, and compare.",
        ),
    )


def _differs_by(v, arrays, got, leaves, symbols):
    want = [np.asarray(e.want, dtype=float) for e in arrays]
    off = [i for i, (g, w) in enumerate(zip(got, want, strict=True)) if not close(g, w)]
    pick = {n: [s[i] for i in off] for n, s in symbols.items()}
    found = expressions.find([leaves[i] for i in off], [got[i] - want[i] for i in off], pick)
    if found:
        name, c = found
        if c.startswith("-"):
            term = name if c == "-1" else f"{c[1:]} times {name}"
            return (
                Finding("missing term", v, term),
                (
                    f"Your {v} is the right one less {term}.",
                    "A term of the sum is missing.",
                    "Does every path from the input to the result contribute?",
                ),
            )
        term = name if c == "1" else f"{c} times {name}"
        return (
            Finding("extra term", v, term),
            (
                f"Your {v} is the right one plus {term}.",
                "The sum has a term too many.",
                "Which path does it stand for?",
            ),
        )
    counted = _term_counted(v, [leaves[i] for i in off], [got[i] - want[i] for i in off], pick)
    if counted:
        return counted
    with np.errstate(all="ignore"):
        solid = [(g != 0) & (w != 0) & np.isfinite(g) for g, w in zip(got, want, strict=True)]
        if any(((g != 0) & ~s).any() for g, s in zip(got, solid, strict=True)):
            return None
        masked = []
        for one, w, s in zip(leaves, want, solid, strict=True):
            full = {
                n: np.broadcast_to(np.asarray(a, dtype=float), w.shape)[s]
                for n, a in one.items()
                if _broadcasts_to(a, w.shape)
            }
            masked.append(full)
        names = set.intersection(*(set(m) for m in masked))
        masked = [{n: m[n] for n in names} for m in masked]
        for words, ratio, other in (
            (
                "extra factor",
                [g[s] / w[s] for g, w, s in zip(got, want, solid, strict=True)],
                "times",
            ),
            (
                "missing factor",
                [w[s] / g[s] for g, w, s in zip(got, want, solid, strict=True)],
                "divided by",
            ),
        ):
            found = expressions.find_elementwise(masked, ratio) if names else None
            if found:
                name, c = found
                extra = "" if c == "1" else f" (and by a factor {c})"
                why = (
                    "The links of a chain multiply: one of them is missing."
                    if words == "missing factor"
                    else "A link is there that does not belong."
                )
                if " / " in name:
                    wrong, right = name.split(" / ")
                    if words == "missing factor":
                        wrong, right = right, wrong
                    return (
                        Finding("replaced factor", v, (wrong, right)),
                        (
                            f"Your {v} has the factor {wrong} where another, {right}, belongs"
                            f"{extra}.",
                            "Every link is evaluated where the forward pass was.",
                            "Take the links one by one.",
                        ),
                    )
                return (
                    Finding(words, v, name),
                    (
                        f"Your {v} is the right one {other} {name}{extra}.",
                        why,
                        "Take the links one by one.",
                    ),
                )
    return None


def _broadcasts_to(a, shape):
    try:
        np.broadcast_to(np.asarray(a), shape)
    except ValueError:
        return False
    return True


# right in part ------------------------------------------------------------------------------------


_CONDITIONS = {
    "is negative": lambda a: a < 0,
    "is positive": lambda a: a > 0,
    "is 0": lambda a: a == 0,
    "is 0 or more": lambda a: a >= 0,
    "is 0 or less": lambda a: a <= 0,
    "is not 0": lambda a: a != 0,
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


def _wrong_mask(case, e):
    tolerance = case.exercise.rtol * np.abs(e.want) + 1e-9
    with np.errstate(all="ignore"):
        return ~((np.abs(e.got - e.want) <= tolerance) | (np.isnan(e.got) & np.isnan(e.want)))


def _right_but_for_entries(case):
    if any(not _is_array(e) or e.got.shape != e.want.shape for e in case.entries):
        return None
    masks = [_wrong_mask(case, e) for e in case.entries]
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
            there = _what_stands_there(case, masks)
            return (
                Finding("edge", v, where),
                (
                    f"Your {v} is right except {where}{there}.",
                    "The formula holds everywhere, so something is special about these entries.",
                    "Try one of them by hand.",
                ),
            )
    return None


def _where(case):
    def value_of(name, e):
        a = case.leaves(e).get(name) if name != case.variable else e.want
        return np.broadcast_to(a, e.want.shape) if _broadcasts_to(a, e.want.shape) else None

    names = [n for n, a in case.leaves(case.entries[0]).items() if np.ndim(a) or _numeric(a)]
    for name in [*names, case.variable]:
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


def _right_but_for_cases(case):
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


def _not_finite(case):
    bad = [
        e
        for e in case.entries
        if _is_array(e) and not np.isfinite(e.got).all() and np.isfinite(e.want).all()
    ]
    if not bad:
        return None
    e = min(bad, key=lambda e: e.got.size)
    what = "nan" if np.isnan(e.got).any() else "infinite"
    return (
        Finding("not finite", case.variable, what),
        (
            f"Your {case.variable} contains {what} where every right entry is a finite number.",
            "That comes from 0/0, a division by 0, a logarithm of 0 or an overflow.",
            f"Find the first line that makes it, with {_show_inputs(e.inputs)}.",
        ),
    )


def _imprecise(case):
    arrays = [e for e in case.entries if _is_array(e) and e.got.shape == e.want.shape]
    if len(arrays) != len(case.entries) or not arrays:
        return None
    for digits in range(7):
        if _matches(case, lambda e, digits=digits: np.round(e.want, digits)):
            return (
                Finding("precision", case.variable, f"{digits} decimals"),
                (
                    f"Your {case.variable} is the right one rounded to {digits} decimals.",
                    "Rounded gradients lose the small ones.",
                    "Round only when you print.",
                ),
            )
    if _matches(case, lambda e: np.trunc(e.want)):
        return (
            Finding("precision", case.variable, "whole numbers"),
            (
                f"Your {case.variable} has lost everything after the decimal point.",
                "An integer array cuts off what is put into it.",
                "Which array was made from integers?",
            ),
        )
    errors = [
        np.max(np.abs(e.got - e.want)) / max(np.max(np.abs(e.want)), 1e-12)
        for e in arrays
        if e.want.size
    ]
    worst = max(errors, default=np.inf)
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
    if not worst < 0.03:
        return None
    return (
        Finding("precision", case.variable, float(f"{worst:.1g}")),
        (
            f"Your {case.variable} is close but not equal: off by up to {worst:.1g} of its size.",
            "An exact formula in float64 agrees to about 15 digits; this looks like a step that "
            "is "
            "too coarse, a rounded constant or float32 on the way.",
            "Which number in your code is an approximation?",
        ),
    )


def _right_from_the_start(case):
    """How far the beginning is right, in reading order."""
    arrays = [e for e in case.entries if _is_array(e) and e.want.size > 1]
    if not arrays or any(not _is_array(e) or e.got.shape != e.want.shape for e in case.entries):
        return None
    starts = {int(np.argmax(_wrong_mask(case, e))) for e in arrays if _wrong_mask(case, e).any()}
    if len(starts) == 1 and (k := starts.pop()) > 0:
        return (
            Finding("prefix", case.variable, k),
            (
                f"Your {case.variable} is right up to entry {k - 1} and wrong from entry {k} on, "
                "in every case that fails.",
                "Something carries over from one entry to the next.",
                f"Compute entry {k} on its own and compare.",
            ),
        )
    return None


def _wrong_and_changed(case):
    changed = sorted({n for o in case.outcomes for n in o.changed})
    if not changed:
        return None
    names = " and ".join(changed)
    return (
        Finding("inputs changed", case.variable, names),
        (
            f"Your {case.variable} has other values, and {names} is not what it was before the "
            "call.",
            "What is written into an input on the way changes all that is read from it later.",
            f"Work on a copy of {changed[0]}.",
        ),
    )


def _local_derivative(case):
    """The upstream gradient enters as it must: then what it is multiplied with is wrong."""
    if any(not _is_array(e) or e.got.shape != e.want.shape for e in case.entries):
        return None
    e = min((e for e in case.entries if case.wrong(e)), key=lambda e: e.got.size)
    upstream = e.inputs.get("upstream")
    if not isinstance(upstream, np.ndarray) or upstream.shape != e.got.shape:
        return None
    k = int(np.argmax(np.abs(e.got - e.want)))
    slope, right = e.got.flat[k] / upstream.flat[k], e.want.flat[k] / upstream.flat[k]
    at = ", ".join(
        f"{n} = {v.flat[k]:.6g}"
        for n, v in e.inputs.items()
        if n != "upstream" and np.shape(v) == e.got.shape
    )
    return (
        Finding("local derivative", case.variable, at),
        (
            f"Your {case.variable} is proportional to upstream, as it must be; it is the local "
            f"derivative that is off: at {at} yours is {slope:.6g}, and {right:.6g} is right.",
            "The local derivative is how fast the output moves when the input is nudged.",
            "Take the links one by one, at this point, with a calculator.",
        ),
    )


# experiments: how the attempt behaves ------------------------------------------------------------


def _experiments(case):
    """Runs the attempt on changed inputs and compares how it responds with how it must."""
    probe = next(
        (
            p
            for p, o in zip(case.probes, case.outcomes, strict=True)
            if o.problem is None and not p.label
        ),
        None,
    )
    if probe is None:
        return None
    names = [n for n, v in inputs_of(probe, case.exercise).items() if _numeric(v)]
    rng = np.random.default_rng(5)
    for n in names:
        found = _depends(case, probe, n, rng) or _scales(case, probe, n) or _spreads(case, probe, n)
        if found:
            return found
    return None


def _value(outcome, case):
    for r in outcome.records:
        if case.base(r.name) == case.variable and isinstance(r.value, np.ndarray):
            return np.asarray(r.value, dtype=float)
    return None


def _both(case, probe):
    got = case.rerun(probe)
    if got is None or got.problem:
        return None, None
    want = case.reference(probe)
    return _value(got, case), None if want.problem else _value(want, case)


def _depends(case, probe, n, rng):
    def other(a):
        noise = rng.uniform(0.5, 1.5, np.shape(a))
        return a * noise if isinstance(a, np.ndarray) else type(a)(a * float(noise) + 1)

    got, want = _both(case, probe)
    got_after, want_after = _both(case, substitute(probe, case.exercise, n, other))
    if any(x is None for x in (got, want, got_after, want_after)):
        return None
    v = case.variable
    if got.shape == got_after.shape and close(got, got_after) and not close(want, want_after):
        return (
            Finding("independent", v, n),
            (
                f"Your {v} does not change when {n} changes.",
                f"It must depend on {n}.",
                f"Where does {n} enter?",
            ),
        )
    if close(want, want_after) and not close(got, got_after):
        return (
            Finding("depends", v, n),
            (
                f"Your {v} changes when {n} changes, but the right one does not depend on {n}.",
                "",
                f"Where does {n} enter?",
            ),
        )
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
    got, want = _both(case, probe)
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
    if not isinstance(a, np.ndarray) or a.ndim == 0 or len(a) < 2:
        return None

    def nudge(x):
        x = x.copy()
        x[-1] = x[-1] * 1.5 + 0.25
        return x

    got, want = _both(case, probe)
    got_after, want_after = _both(case, substitute(probe, case.exercise, n, nudge))
    if any(x is None for x in (got, want, got_after, want_after)) or got.shape != want.shape:
        return None
    if want.ndim == 0 or want.shape[0] != a.shape[0]:
        return None
    scale = 1e-9 * max(1.0, np.abs(want).max())
    moved = (np.abs(got_after - got).reshape(len(got), -1) > scale).any(axis=1)
    must = (np.abs(want_after - want).reshape(len(want), -1) > scale).any(axis=1)
    if (moved & ~must).any():
        return (
            Finding("mixes", case.variable, n),
            (
                f"Changing the last row of {n} changes other rows of your {case.variable} too.",
                "Each row depends on its own row alone.",
                "Look for a sum, mean or maximum over the whole array.",
            ),
        )
    if (must & ~moved).any():
        return (
            Finding("blind", case.variable, n),
            (
                f"Changing the last row of {n} does not change that row of your {case.variable}.",
                f"Every row of {n} must reach its row of the result.",
                "How far does the loop or slice run?",
            ),
        )
    return None


# last resort --------------------------------------------------------------------------------------


def _show(value):
    if isinstance(value, Odd):
        return value.text
    array = np.asarray(value)
    if array.size > 12:
        return f"an array {array.shape}"
    return np.array2string(
        array.astype(float) if array.dtype.kind in "iuf" else array,
        precision=6,
        separator=", ",
        suppress_small=True,
    ).replace("\n", "")


def _show_inputs(inputs):
    return ", ".join(f"{n} = {_show(v) if _numeric(v) else describe(v)}" for n, v in inputs.items())


def _plain_words(case):
    if not case.entries:
        return (
            Finding("values", case.exercise.outputs[0]),
            ("The results differ from the right ones.", "", ""),
        )
    wrong = [e for e in case.entries if case.wrong(e)] or case.entries
    e = min(wrong, key=lambda e: e.want.size + size_of(e.inputs))
    v = case.variable
    if _is_array(e) and e.got.shape != e.want.shape:
        return (
            Finding("shape", v, (e.got.shape, e.want.shape)),
            (
                f"Your {v} has shape {e.got.shape}, but it must be {e.want.shape}.",
                "A gradient has exactly the shape of its variable." if v.startswith("d") else "",
                "Print the shape of everything that goes into it.",
            ),
        )
    what = f"Your {v} has the right shape but other values."
    if e.want.size == 1:
        what = f"Your {v} is {_show(e.got)} where {_show(e.want)} is right."
    return (
        Finding("values", v),
        (
            what,
            "",
            f"The smallest case that fails: {_show_inputs(e.inputs)} gives {_show(e.got)}, "
            f"and {_show(e.want)} is right.",
        ),
    )


def _own_explanation(case):
    """The exercise's own diagnosis, where it says the same on every failing probe."""
    if case.exercise.explain is None:
        return None
    found = []
    for probe, o, w in zip(case.probes, case.outcomes, case.wanted, strict=True):
        if o.problem or not all(isinstance(r.value, np.ndarray) for r in o.records):
            return None
        if len(o.records) == len(w.records) and all(
            case.agrees(g.value, r.value) for g, r in zip(o.records, w.records, strict=True)
        ):
            continue
        with np.errstate(all="ignore"):
            one = case.exercise.explain(probe, o, w)
        if one is None or (found and one[0] != found[0][0]):
            return None
        found.append(one)
    return found[0] if found else None


PATTERNS = (
    _wrong_number_of_members,
    _odd_results,
    _changed_inputs,
    _first_time_only,
    _zero_or_constant,
    _own_explanation,
    _right_but_for_cases,
    _factor,
    _shape,
    _transformed,
    _other_variable,
    _remembered,
    _substituted,
    _made_of,
    _imprecise,
    _right_but_for_entries,
    _not_finite,
    _right_from_the_start,
    _wrong_and_changed,
    _experiments,
    _local_derivative,
)
