"""Wrong shapes."""

from itertools import permutations, product

import numpy as np

from course_lib.grading.expressions import close
from course_lib.grading.patterns.case import broadcasts, is_array, shape_rule
from course_lib.grading.probes import describe
from course_lib.grading.verdict import Finding


def far_too_large(case):
    """A result so large that no other pattern should compute with it."""
    for e in case.entries:
        if is_array(e) and e.got.size > 100_000 and e.got.size > 10 * e.want.size:
            return (
                Finding("shape", case.variable, (e.got.shape, e.want.shape)),
                (
                    f"Your {case.variable} has shape {e.got.shape}, but it must be {e.want.shape}.",
                    shape_rule(case.variable),
                    "Which loop, or which product, makes it so large?",
                ),
            )
    return None


def shape(case):
    pairs = [(e.got, e.want) for e in case.entries if is_array(e)]
    bad = [(g, w) for g, w in pairs if g.shape != w.shape]
    if not bad or len(pairs) != len(case.entries):
        return None
    v = case.variable
    ways = [
        (
            "several",
            lambda g, w: g.ndim == w.ndim + 1 and len(g) > 1 and close(g[0], w),
            "comes with something else: one array was wanted, and the first of what you return is "
            "right",
            "",
            "What stands after return?",
        ),
        (
            "lacks an axis",
            lambda g, w: (
                g.ndim <= w.ndim
                and g.size == w.size
                and close(g.ravel(), w.ravel())
                and np.squeeze(w).shape == np.squeeze(g).shape
            ),
            "holds the right numbers, but lost an axis of length 1",
            shape_rule(case.variable),
            "Look for squeeze, or an index such as [0].",
        ),
        (
            "extra axis",
            lambda g, w: g.size == w.size and close(np.squeeze(g), np.squeeze(w)),
            "holds the right numbers in the wrong shape",
            shape_rule(case.variable),
            "Look for keepdims, reshape or a pair of brackets too many.",
        ),
        (
            "flattened",
            lambda g, w: g.size == w.size and close(g.ravel(), w.ravel()),
            "holds the right numbers in the wrong shape",
            shape_rule(case.variable),
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
            lambda g, w: broadcasts(w, g),
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
    found = _axes_in_another_order(v, pairs, case.exercise.axis_letters.get(v))
    if found:
        return found
    emptied = any(w.size and not g.size for g, w in bad)
    if not (emptied and len(bad) < len(pairs)):  # now right, now empty: not a matter of counting
        found = _cut_or_grown(v, pairs)
        if found:
            return found
    if emptied:
        g = next(g for g, w in bad if w.size and not g.size)
        return (
            Finding("empty", v, g.shape),
            (
                f"Your {v} is empty in some cases: an array of shape {g.shape} has no entries.",
                shape_rule(v),
                "A slice such as x[0:-0] or x[:-0] is empty; so is a range that ends too early.",
            ),
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
                        "What several samples or paths contribute to the same thing adds up.",
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
                        shape_rule(case.variable),
                        "Which sum or mean is one too many?",
                    ),
                )
    return None


def _axes_in_another_order(v, pairs, letters):
    """The right numbers with their axes permuted, such as channels before rows and columns."""
    ndims = {a.ndim for pair in pairs for a in pair}
    if len(ndims) != 1 or not 2 < (ndim := ndims.pop()) < 6:
        return None
    for order in permutations(range(ndim)):
        if all(
            close(np.asarray(g, float), np.asarray(w, float).transpose(order)) for g, w in pairs
        ):
            names = (
                letters if letters and len(letters) == ndim else [f"axis {k}" for k in range(ndim)]
            )
            given = ", ".join(names[k] for k in order)
            return (
                Finding("axes", v, order),
                (
                    f"Your {v} holds the right numbers, but its axes come in the order ({given}); "
                    f"({', '.join(names)}) is wanted.",
                    "Whoever uses it counts on the order of the axes.",
                    "Look for a transpose that is missing, or one too many.",
                ),
            )
    return None


def _cut_or_grown(v, pairs):
    """A block of the right array, or the right array with something around it."""
    if any(g.ndim != w.ndim or not g.ndim for g, w in pairs):
        return None
    ndim = pairs[0][0].ndim
    bad = [(g, w) for g, w in pairs if g.shape != w.shape]
    if any(g.ndim != ndim for g, _ in pairs) or ndim > 6:
        return None
    axes = [k for k in range(ndim) if any(g.shape[k] != w.shape[k] for g, w in bad)]
    for kind, order in (("cut", 1), ("grown", -1)):
        sorted_pairs = [pair[::order] for pair in pairs]  # (smaller, larger)
        if any(a.shape[k] > b.shape[k] for a, b in sorted_pairs for k in range(ndim)):
            continue
        for places in product(("start", "end", "middle"), repeat=len(axes)):
            at = dict(zip(axes, places, strict=True))
            if all(close(_block(b, a.shape, at), np.asarray(a, float)) for a, b in sorted_pairs):
                return _words_for_block(v, kind, at, *bad[0])
    return None


def _block(big, shape, places):
    """A block of `shape` at the start, the end or in the middle of each axis."""
    starts = {"start": 0, "end": 1, "middle": 0.5}
    first = [
        int((n - m) * starts[places.get(k, "start")])
        for k, (n, m) in enumerate(zip(big.shape, shape, strict=True))
    ]
    cut = tuple(slice(a, a + m) for a, m in zip(first, shape, strict=True))
    return np.asarray(big, float)[cut]


def _words_for_block(v, kind, places, g, w):
    axes = " and ".join(f"axis {k}" for k in places)
    where = {
        "start": "at the end",
        "end": "at the beginning",
        "middle": "on both sides",
    }
    sides = " and ".join(dict.fromkeys(where[p] for p in places.values()))
    if kind == "cut":
        what = f"is right as far as it goes, but entries {sides} of {axes} are missing"
        look = "Count: how many entries must there be along each axis? Where does your loop end?"
    else:
        what = f"holds the right values, and too much {sides} of {axes}"
        look = "Count: how many entries must there be along each axis? What has to be cut off?"
    return (
        Finding(kind, v, (g.shape, w.shape)),
        (f"Your {v} {what}: {g.shape}, not {w.shape}.", shape_rule(v), look),
    )


def another_shape(case):
    """The shape alone, where nothing else is known about what is in it."""
    for e in sorted(filter(is_array, case.entries), key=lambda e: e.want.size):
        if e.got.shape != e.want.shape:
            v = case.variable
            told = [f"{n} = {describe(x)}" for n, x in e.inputs.items()]
            plain = all(isinstance(x, np.ndarray) for x in e.inputs.values())
            given = "" if plain else f", for {', '.join(told)}"
            return (
                Finding("shape", v, (e.got.shape, e.want.shape)),
                (
                    f"Your {v} has shape {e.got.shape}, but it must be {e.want.shape}{given}.",
                    shape_rule(v),
                    "Print the shape of everything that goes into it.",
                ),
            )
    return None
