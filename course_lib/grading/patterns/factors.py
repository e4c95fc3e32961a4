"""Right but for a constant factor, an order, a sign; or another variable altogether."""

import numpy as np

from course_lib.grading.expressions import close, factor_between, name_factor
from course_lib.grading.patterns.case import common_factor, is_array, listed
from course_lib.grading.verdict import Finding

FACTOR_WHY = {
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
        "Where is the batch counted N times?",
    ),
    "2": ("A factor 2 too many.", "Where does a 2 come in?"),
    "1/2": (
        "A factor 2 is missing.",
        "Look for a mean of two, or a square whose derivative lost its 2.",
    ),
}


def _factor_words(words):
    if words == "-1":
        return "is the right one with the opposite sign"
    if words.startswith("1/"):
        return f"is the right one divided by {words[2:]}"
    return f"is the right one times {words}"


def factor(case):
    words = common_factor(case, lambda e: e.want)
    if words in (None, "1"):
        return None
    why, look = FACTOR_WHY.get(
        words,
        ("Every entry is off by the same factor.", f"Where could a factor of {words} come from?"),
    )
    return (
        Finding("factor", case.variable, words),
        (f"Your {case.variable} {_factor_words(words)}.", why, look),
    )


def factor_in_all(case):
    """The same factor in every one of several outputs."""
    outputs = case.exercise.outputs
    if not case.exercise.several or case.exercise.is_class or len(outputs) < 2:
        return None
    factors = {name: [] for name in outputs}
    for o, w in zip(case.outcomes, case.wanted, strict=True):
        for got, right in zip(o.records, w.records, strict=False):
            if right.again or got.name not in factors or not isinstance(got.value, np.ndarray):
                continue
            c = factor_between(np.asarray(got.value, float), np.asarray(right.value, float))
            factors[got.name].append(c)
    symbols = case.symbols(case.entries)
    if any(len(f) != len(case.entries) or None in f for f in factors.values()):
        return None
    words = {name_factor(f, symbols) for f in factors.values()}
    if len(words) != 1 or None in words or "1" in words:
        return None
    word = words.pop()
    why, look = FACTOR_WHY.get(
        word,
        ("Every entry is off by the same factor.", f"Where could a factor of {word} come from?"),
    )
    right = "is the right one " if "right one" in _factor_words(word) else ""
    how = _factor_words(word).removeprefix(right) if right else _factor_words(word)
    return (
        Finding("factor", listed(outputs), word),
        (f"Your {listed(outputs)} are the right ones {how}.", why, look),
    )


def zero_or_constant(case):
    arrays = [e for e in case.entries if is_array(e) and e.got.size]
    if not arrays or len(arrays) != len(case.entries):
        return None
    first = arrays[0].got.flat[0]
    if any(not np.all(e.got == first) for e in arrays):
        return None
    if sum(e.want.size for e in arrays) < 3 or any(e.got.dtype == bool for e in arrays):
        return None
    if not np.isfinite(first):
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
        "Entry (i, j) belongs to (i, j): compare the shapes in a case where all sizes differ.",
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
        "The sign is part of the answer.",
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
        "Values may be negative.",
        "Look for a maximum with 0.",
    ),
    "normalised": (
        lambda w: w / np.linalg.norm(w),
        "points the right way but has length 1",
        "The size matters as much as the direction.",
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
        "The size matters too.",
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
    "last repeated": (
        lambda w: np.full_like(w, w.flat[-1]) if w.size > 1 else None,
        "holds its last right value in every place",
        "Several names, or several places of a list, may hold one and the same array.",
        "Is one array changed again and again? Append a copy, or a new number.",
    ),
    "first repeated": (
        lambda w: np.full_like(w, w.flat[0]) if w.size > 1 else None,
        "holds its first right value in every place",
        "Each place has a value of its own.",
        "Is the new value used in the next round?",
    ),
    "sorted": (
        lambda w: np.sort(w, axis=0) if w.ndim else None,
        "holds the right values sorted by size",
        "The order of the values matters.",
        "Look for sort or set.",
    ),
    "rounded down": (
        np.floor,
        "is the right one rounded down to a whole number",
        "The decimals belong to the answer.",
        "Look for //, int() or dtype=int.",
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


def transformed(case):
    for kind, (change, what, why, look) in _TRANSFORMS.items():

        def base(e, change=change):
            with np.errstate(all="ignore"):
                value = change(np.asarray(e.want, dtype=float))
            return value if value is not None and np.isfinite(value).all() else None

        words = common_factor(case, base)
        if words is None or all(close(base(e), np.asarray(e.want, float)) for e in case.entries):
            continue  # |w| of what is positive anyway is no finding
        extra = "" if words == "1" else f", times {words}"
        data = None if words == "1" else words
        said = f"Your {case.variable} {what}{extra}."
        return Finding(kind, case.variable, data), (said, why, look)
    return None


def updated_parameter(case):
    """The parameter after a step, where its gradient was wanted."""
    v = case.variable
    if not v or v[0] not in "dg" or not all(is_array(e) for e in case.entries):
        return None
    rates = []
    for e in case.entries:
        parameter = e.inputs.get(v[1:])
        if not isinstance(parameter, np.ndarray) or parameter.shape != e.got.shape:
            return None
        rate = factor_between(parameter - e.got.astype(float), np.asarray(e.want, dtype=float))
        if rate is None:
            return None
        rates.append(rate)
    words = name_factor(rates, {})
    if words in (None, "-1"):  # the sum of parameter and gradient is no step that anybody takes
        return None
    return (
        Finding("updated", v, words),
        (
            f"What you give as {v} is {v[1:]} after a step, with the learning rate {words}.",
            "The backward pass computes gradients; moving the parameters is the optimiser's work.",
            f"Return the gradient of {v[1:]} itself.",
        ),
    )


def other_variable(case):
    """Another output's value, or two outputs exchanged."""
    names = {n for e in case.entries for n in e.others}
    for name in sorted(names):
        words = common_factor(case, lambda e, name=name: e.others.get(name))
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
