"""Authoring: sources to notebooks, solved variants, and a learner's work across versions."""

from course_lib.authoring.build import build, differences, solved
from course_lib.authoring.carry import (
    Carried,
    carry_over,
    holds_work,
    stored_answers,
    would_lose,
)
from course_lib.authoring.course import Course, read_notebook, write_atomically, write_notebook
from course_lib.authoring.errors import CourseError, ExecutionError, SourceError, UsageError
from course_lib.authoring.run import clean, execute, kernel

__all__ = [
    "Carried",
    "Course",
    "CourseError",
    "ExecutionError",
    "SourceError",
    "UsageError",
    "build",
    "carry_over",
    "clean",
    "differences",
    "execute",
    "holds_work",
    "kernel",
    "read_notebook",
    "solved",
    "stored_answers",
    "would_lose",
    "write_atomically",
    "write_notebook",
]
