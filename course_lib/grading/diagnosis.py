"""General diagnosis: says what is wrong with results that no catalogued mistake explains.

Every finding is a hypothesis that was verified on all probes: "your dW is the right one divided
by N" is only said when it holds everywhere the attempt gave a number.
"""

import re

import numpy as np

from course_lib.grading.patterns.case import is_array, show, show_inputs
from course_lib.grading.patterns.experiments import experiments
from course_lib.grading.patterns.factors import (
    factor,
    factor_in_all,
    other_variable,
    transformed,
    updated_parameter,
    zero_or_constant,
)
from course_lib.grading.patterns.inputs import remembered, substituted
from course_lib.grading.patterns.parts import (
    imprecise,
    nearly_right,
    not_finite,
    right_but_for_cases,
    right_but_for_entries,
    right_for_some_numbers,
    right_from_the_start,
)
from course_lib.grading.patterns.quantities import local_derivative, made_of
from course_lib.grading.patterns.results import (
    booleans,
    changed_inputs,
    first_time_only,
    odd_results,
    own_explanation,
    shared_memory,
    unsteady,
    wrong_and_changed,
    wrong_number_of_members,
)
from course_lib.grading.patterns.shapes import another_shape, far_too_large, shape
from course_lib.grading.patterns.steps import (
    already_right,
    first_wrong_step,
    foreseen_slip,
    other_slip,
)
from course_lib.grading.probes import size_of
from course_lib.grading.verdict import Finding

WEAK = {"values", "shape", "not finite", "depends", "independent", "scaling", "mixes", "blind"}
"""Findings that are true but say little: worth a second look without the special cases."""


def diagnose(case):
    """(Finding, sentences) for an attempt that gave values on the probes; the last resort is plain.

    sentences: (what differs, why, what to look at).
    """
    found = None
    for pattern in PATTERNS:
        try:
            with np.errstate(all="ignore"):
                found = pattern(case)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            continue  # a hypothesis that cannot be computed on these numbers is not a finding
        if found:
            break
    finding, sentences = _in_number(case.variable, found or plain_words(case))
    return finding, (*sentences, already_right(case))


def _in_number(variable, found):
    """The same finding with verbs in the plural where the variable is one ("Your points are")."""
    if not re.search(r"\w[^s]s$", variable or "") or variable.startswith("d"):  # dlogits is one
        return found
    finding, (what, *rest) = found
    what = what.replace("stays as it is", "stays as they are")
    said = re.sub(
        rf"([Yy]our {variable}) (\w+)",
        lambda m: f"{m[1]} {_PLURAL.get(m[2], m[2].removesuffix('s'))}",
        what,
    )
    return finding, (said, *rest)


_PLURAL = {"is": "are", "has": "have", "does": "do"}


def plain_words(case):
    if not case.entries:
        return (
            Finding("values", case.exercise.outputs[0]),
            ("The results differ from the right ones.", "", ""),
        )
    wrong = [e for e in case.entries if case.wrong(e)] or case.entries
    e = min(wrong, key=lambda e: e.want.size + size_of(e.inputs))
    v = case.variable
    what = f"Your {v} has the right shape but other values."
    if e.want.size == 1 and show(e.got) != show(e.want):
        what = f"Your {v} is {show(e.got)} where {show(e.want)} is right."
    return (
        Finding("values", v),
        (
            what,
            "",
            f"The smallest case that fails: {show_inputs(e.inputs)} gives {_shown(e)}.",
        ),
    )


def _shown(e):
    """What came back and what is right; of a large array the entry that is furthest off."""
    if not is_array(e) or e.want.size <= 12:
        return f"{show(e.got)}, and {show(e.want)} is right"
    off = np.abs(np.asarray(e.got, float) - np.asarray(e.want, float))
    i = np.unravel_index(int(np.argmax(np.nan_to_num(off, nan=np.inf))), off.shape)
    place = ", ".join(map(str, i))
    digits = 6 if f"{e.got[i]:.6g}" != f"{e.want[i]:.6g}" else 15
    got, want = e.got[i] + 0.0, e.want[i] + 0.0  # 0 rather than -0
    return f"at [{place}] {got:.{digits}g}, and {want:.{digits}g} is right"


PATTERNS = (
    odd_results,
    far_too_large,
    wrong_number_of_members,
    booleans,
    changed_inputs,
    first_time_only,
    shared_memory,
    unsteady,
    zero_or_constant,
    own_explanation,
    foreseen_slip,
    updated_parameter,
    factor_in_all,
    first_wrong_step,
    right_for_some_numbers,
    shape,
    right_but_for_cases,
    factor,
    transformed,
    nearly_right,
    other_variable,
    other_slip,
    remembered,
    substituted,
    right_but_for_entries,
    made_of,
    imprecise,
    not_finite,
    right_from_the_start,
    wrong_and_changed,
    another_shape,
    experiments,
    local_derivative,
)
