"""Grading: exercises, outcomes, diagnosis, verdicts. NumPy and the standard library only."""

from course_lib.grading.exercise import REGISTRY, Exercise, Misconception, by_nudging, exercise
from course_lib.grading.judge import judge
from course_lib.grading.probes import STOCK, Call, Script, Seed, Stock
from course_lib.grading.steps import Step
from course_lib.grading.verdict import Example, Finding, Verdict

__all__ = [
    "REGISTRY",
    "STOCK",
    "Call",
    "Example",
    "Exercise",
    "Finding",
    "Misconception",
    "Script",
    "Seed",
    "Step",
    "Stock",
    "Verdict",
    "by_nudging",
    "exercise",
    "judge",
]
