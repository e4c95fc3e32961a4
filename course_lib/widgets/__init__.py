"""Cards in the notebook: exercises that are checked, questions, progress, the self-test."""

from course_lib.widgets import code, questions
from course_lib.widgets.board import progress_board, self_test
from course_lib.widgets.code import yours
from course_lib.widgets.graph_question import CompleteGraphCard
from course_lib.widgets.lines import LineCard
from course_lib.widgets.ordering import OrderCard
from course_lib.widgets.plain import answer, answers, read_answers
from course_lib.widgets.questions import CARDS
from course_lib.widgets.shape_puzzle import ShapePuzzleCard
from course_lib.widgets.validating import raising

check, ask = raising(code.check), raising(questions.ask)

CARDS.update(graph=CompleteGraphCard, line=LineCard, order=OrderCard, shapes=ShapePuzzleCard)

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
