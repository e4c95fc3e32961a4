"""Wrong shapes."""

import numpy as np

from course_lib.grading.expressions import close
from course_lib.grading.patterns.case import broadcasts, is_array, shape_rule
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
