"""Grading: exercises, outcomes, diagnosis, verdicts. NumPy and the standard library only."""

from course_lib.grading.exercise import REGISTRY, Exercise, Misconception, by_nudging, exercise
from course_lib.grading.judge import judge
from course_lib.grading.probes import STOCK, Call, Graph, Script, Seed, Stock, Walk
from course_lib.grading.steps import Step
from course_lib.grading.verdict import Example, Finding, Verdict

__all__ = [
    "REGISTRY",
    "STOCK",
    "Call",
    "Example",
    "Exercise",
    "Finding",
    "Graph",
    "Misconception",
    "Script",
    "Seed",
    "Step",
    "Stock",
    "Verdict",
    "Walk",
    "by_nudging",
    "exercise",
    "judge",
]
