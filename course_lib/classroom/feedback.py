"""The page that a student gets: what counted, what was wrong, and what to look at."""

import json
from dataclasses import dataclass

from course_lib.classroom import pages
from course_lib.classroom.results import set_by_instructor

_RIGHT = "Right."  # what a verdict says that has nothing to add to "passed"
_TOTALS = ("late penalty", "final score")  # what a decision may set beside an exercise
_SHORT = 60  # characters of an answer that stand in a line of text


@dataclass(frozen=True)
class _Row:
    """A judgement (`of`) and how the page shows it."""

    of: object
    id: str
    css: str
    message: str
    answer: str
    option: str
    short: bool
    left_out: str


def page(assignment, result, items=()):
    """The feedback for one student as a page of HTML.

    result: a `StudentResult`. It shows what its judgements say and nothing else, so what is held
    back from students must not be in them. items: the assignment's, for the words of the options
    that were chosen; made once for all pages.
    """
    chapters, items = {}, {item.name: item for item in items}
    for i, judgement in enumerate(result.judgements, 1):
        row = _row(judgement, i, items.get(judgement.exercise))
        chapters.setdefault(judgement.chapter, []).append(row)
    return pages.template("feedback.html").render(
        assignment=assignment.name,
        late_rule=assignment.late_rule if result.due else "",  # behind the due time
        result=result,
        chapters=chapters.items(),
        passed=sum(j.passed for j in result.judgements),
        by_instructor={what for what in _TOTALS if _is_set(what, result)},
        computed=max(result.score - result.late_penalty, 0),
        nothing=all(not j.tried and not j.reason for j in result.judgements),
    )


def _is_set(total, result):
    return any(words.startswith(set_by_instructor(total)) for words in result.decisions)


def _row(judgement, number, item):
    answer, left_out = pages.cut(_answer(judgement), pages.LONGEST_CODE)
    return _Row(
        of=judgement,
        id=f"exercise-{number}",
        css=judgement.status.replace(" ", "-"),
        message="" if judgement.message == _RIGHT else judgement.message,
        answer=answer,
        option=_option(item, judgement.answer),
        short=judgement.kind != "code" and len(answer) <= _SHORT and "\n" not in answer,
        left_out=left_out,
    )


def _option(item, raw):
    """The text of the option that was chosen; "" where it was none."""
    options = getattr(item, "options", ())  # of a choice, and of some predictions
    try:
        chosen = json.loads(raw) if options and raw else None
    except (ValueError, RecursionError):
        return ""
    if not isinstance(chosen, str):
        return ""
    texts = {letter: o.text for letter, o in zip(item.letters, options, strict=True)}
    return texts.get(chosen.strip().lower(), "")


def _answer(judgement):
    """What the student gave: code as it is, a raw answer laid out for reading."""
    text = judgement.answer.strip("\n")
    if judgement.kind == "code" or len(text) > pages.LONGEST_CODE:
        return text
    try:
        return _laid_out(json.loads(text)) if text else ""
    except (ValueError, RecursionError):
        return text


def _laid_out(raw):
    if isinstance(raw, dict):
        return "\n".join(f"{name}: {_in_line(value)}" for name, value in raw.items())
    if isinstance(raw, list) and raw and all(isinstance(row, list) for row in raw):
        return "\n".join("  ".join(map(_in_line, row)) for row in raw)
    if isinstance(raw, list):
        return ", ".join(map(_in_line, raw))
    return _in_line(raw)


def _in_line(value):
    if isinstance(value, dict):
        return ", ".join(f"{name} = {_in_line(inner)}" for name, inner in value.items())
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
