"""Under nbgrader a check that did not pass raises, as its graders look at nothing but errors."""

import functools
import os

from IPython.display import display

from course_lib.grading.questions import NOT_ANSWERED
from course_lib.widgets import markup
from course_lib.widgets.card import Notice


class NotPassed(AssertionError):
    """The exercise of this cell was not passed; its text says in a sentence what differs."""

    def _render_traceback_(self):
        return [f"{type(self).__name__}: {self}"]  # the card above says where to look


def raising(make_card):
    """Wraps a function that returns a card: where nbgrader runs it, it raises NotPassed.

    nbgrader sets `NBGRADER_EXECUTION` to "autograde" or "validate". The card is shown first. A
    question that was once answered right passes. Without nbgrader nothing changes.
    """

    @functools.wraps(make_card)
    def shown(*args, **kwargs):
        card = make_card(*args, **kwargs)
        if not os.environ.get("NBGRADER_EXECUTION"):
            return card
        display(card)
        if not _passed(card):
            raise NotPassed(markup.first_sentence(_message(card))[0])
        card._ipython_display_ = lambda: None  # it was shown, and nbgrader takes results for points
        return card

    return shown


def _passed(card):
    if isinstance(card, Notice):
        return False
    kept = card.record.get("passed_answer")
    return card.state == "passed" or (kept is not None and card.item.judge(kept).passed)


def _message(card):
    if isinstance(card, Notice):
        return card.sentence
    return card.verdict.message if card.verdict else NOT_ANSWERED
