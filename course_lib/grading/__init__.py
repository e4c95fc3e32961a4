"""Grading: exercises, outcomes, diagnosis, verdicts. NumPy and the standard library only.

Everything is loaded on first use: `probes` and `outcomes` alone are what a process needs that runs
attempts and knows no answers.
"""

import importlib

_HOME = {
    "REGISTRY": "definition",
    "Exercise": "definition",
    "Misconception": "definition",
    "by_nudging": "definition",
    "exercise": "definition",
    "judge": "judging",
    "judge_outcomes": "judging",
    "STOCK": "probes",
    "Call": "probes",
    "Graph": "probes",
    "Script": "probes",
    "Seed": "probes",
    "Stock": "probes",
    "Walk": "probes",
    "Step": "steps",
    "Example": "verdict",
    "Finding": "verdict",
    "Verdict": "verdict",
}

__all__ = sorted(_HOME)  # noqa: PLE0605 - the names above, loaded lazily


def __getattr__(name):
    if name not in _HOME:
        raise AttributeError(f"course_lib.grading has no {name!r}")
    value = getattr(importlib.import_module(f"course_lib.grading.{_HOME[name]}"), name)
    globals()[name] = value
    return value
