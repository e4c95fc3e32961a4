"""Cards in the notebook: exercises that are checked, questions, progress, the self-test."""

from course_lib.widgets import lines, ordering  # noqa: F401  they add their cards
from course_lib.widgets.board import progress_board, self_test
from course_lib.widgets.code import check, yours
from course_lib.widgets.plain import answer, answers, read_answers
from course_lib.widgets.questions import ask

__all__ = [
    "answer",
    "answers",
    "ask",
    "check",
    "progress_board",
    "read_answers",
    "self_test",
    "yours",
]
