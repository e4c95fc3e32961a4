"""Results made of the wrong quantities: factors and terms missing or too many."""

import numpy as np

from course_lib.grading import expressions
from course_lib.grading.expressions import broadcasts_to, close, factor_between, name_factor
from course_lib.grading.patterns.case import is_array
from course_lib.grading.probes import substitute
from course_lib.grading.verdict import Finding


def made_of(case):
    """Looks for an expression of known quantities that gives the result, or what it differs by."""
    arrays = [e for e in case.entries if is_array(e)]
    if len(arrays) != len(case.entries) or not any(case.wrong(e) for e in arrays):
        return None
    leaves = [case.leaves(e) for e in arrays]
    common = set.intersection(*(set(one) for one in leaves))
    leaves = [{n: v for n, v in one.items() if n in common} for one in leaves]
    if not common or (case.exercise.several and case.exercise.steps and len(common) > 12):
        return None  # so many would take seconds, and the steps have been played through already
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
                "Work out one single number of it by hand and compare.",
            ),
        )
    if any(e.got.shape != e.want.shape for e in arrays):
        return None
    return (
        _differs_by(v, arrays, got, leaves, symbols)
        or _few_values(v, arrays)
        or (_sum_of(v, got, leaves) if len(common) <= 8 else None)
    )


def _one_factor_off(v, arrays, leaves):
    """One known quantity missing from the product, or one too many."""
    for name in leaves[0]:
        parts = [one[name] for one in leaves]
        if not any(np.ndim(p) or np.ndim(e.got) == 0 for p, e in zip(parts, arrays, strict=True)):
            continue
        if all(np.isin(p, (0, 1)).all() for p in parts):
            continue  # dividing by a mask says nothing
        if any(
            e.got.shape != e.want.shape or not broadcasts_to(p, e.want.shape)
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
            if not np.ndim(one[name]) or not broadcasts_to(one[name], d.shape):
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
    some = "Y" if len(off) == len(got) else "Where it is wrong, y"
    found = expressions.find([leaves[i] for i in off], [got[i] - want[i] for i in off], pick)
    if found:
        name, c = found
        if c.startswith("-"):
            term = name if c == "-1" else f"{c[1:]} times {name}"
            return (
                Finding("missing term", v, term),
                (
                    f"{some}our {v} is the right one less {term}.",
                    "A term of the sum is missing, or one is subtracted that does not belong.",
                    "Does every path from the input to the result contribute?",
                ),
            )
        term = name if c == "1" else f"{c} times {name}"
        return (
            Finding("extra term", v, term),
            (
                f"{some}our {v} is the right one plus {term}.",
                "The sum has a term too many, or one that should be subtracted is missing.",
                "Which path does it stand for?",
            ),
        )
    counted = _term_counted(v, [leaves[i] for i in off], [got[i] - want[i] for i in off], pick)
    if counted:
        return counted
    with np.errstate(all="ignore"):
        solid = [(g != 0) & (w != 0) & np.isfinite(g) for g, w in zip(got, want, strict=True)]
        if any(
            (((g != 0) | (w != 0)) & ~s).any() for g, w, s in zip(got, want, solid, strict=True)
        ):
            return None
        masked = []
        for one, w, s in zip(leaves, want, solid, strict=True):
            full = {
                n: np.broadcast_to(np.asarray(a, dtype=float), w.shape)[s]
                for n, a in one.items()
                if broadcasts_to(a, w.shape)
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
            found = expressions.find_elementwise(masked, ratio, totals=False) if names else None
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


def local_derivative(case):
    """The upstream gradient enters as it must: then what it is multiplied with is wrong."""
    if any(not is_array(e) or e.got.shape != e.want.shape for e in case.entries):
        return None
    e = min((e for e in case.entries if case.wrong(e)), key=lambda e: e.got.size)
    upstream = e.inputs.get("upstream")
    if not isinstance(upstream, np.ndarray) or upstream.shape != e.got.shape:
        return None
    probe = substitute(e.probe, case.exercise, "upstream", lambda a: 2 * a)
    doubled = case.rerun(probe)
    if doubled is None or doubled.problem or not isinstance(doubled.records[0].value, np.ndarray):
        return None
    if not close(np.asarray(doubled.records[0].value, float), 2 * np.asarray(e.got, float)):
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
