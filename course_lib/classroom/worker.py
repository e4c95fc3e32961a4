"""A process that judges notebooks one after another, for `run`: frames in, frames out.

It holds the references and never runs a student's code; that happens in the sandbox it starts.
"""

import os
import sys
from pathlib import Path

from course_lib.classroom import reading
from course_lib.classroom.assignment import Assignment
from course_lib.classroom.judging import Grader
from course_lib.classroom.submissions import Found, content
from course_lib.grading.raw import quoted
from course_lib.sandbox.frames import encode, read_frame, reading_from
from course_lib.sandbox.link import NoSandbox


def grader_of(settings):
    """The grader that `run` asks for. Raises NoSandbox."""
    assignment = Assignment(**settings["assignment"])
    return Grader(assignment, imports=settings["imports"], **settings["how"])


def judge_content(grader, given, student, *, bundle=False, hint="", known=()):
    """Messages on one notebook: what was read, each judgement, and that it is done.

    given: its bytes. known: names of exercises that have been judged already.
    """
    answers = None
    if bundle:
        from course_lib.classroom.submit import read_bundle

        given, answers, _ = read_bundle(given)
    chapters = grader.assignment.chapters
    read = reading.read(given, grader.items, chapters, answers, hint)
    remarks = [*read.remarks, *_of_another(read.own, grader.assignment)]
    yield {"read": [read.chapter, read.problem, remarks]}
    if not read.problem and read.chapter:
        for judgement in grader.judge(read, student, known):
            yield {"judgement": vars(judgement)}
    yield {"done": True}


def _of_another(own, assignment):
    """A remark on a notebook that was handed out with other numbers."""
    variant = own.get("variant")
    if own.get("assignment") and variant != assignment.variant:
        name = quoted(own["assignment"])
        yield f"it was handed out as {name}, whose questions have other numbers than these"


def judge_task(grader, task, given=None):
    """The messages on a task of `run`, as it is sent. given: the notebook's bytes, if known."""
    found = Found(task["student"], Path(task["path"]), tuple(task["member"]))
    how = {name: task[name] for name in ("bundle", "hint", "known")}
    try:
        given = content(found) if given is None else given
        yield from judge_content(grader, given, task["student"], **how)
    except (ValueError, OSError) as error:
        yield {"read": ["", str(error), []]}
        yield {"done": True}


def main():
    """Judges what comes in on standard input until that is closed."""
    read, writing_end = reading_from(os.fdopen(os.dup(0), "rb")), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(2, 1)

    def write(message):
        writing_end.write(encode(message))
        writing_end.flush()

    try:
        settings = read_frame(read)
        try:
            grader = grader_of(settings)
        except NoSandbox as error:
            write({"refused": str(error)})
            return 1
        write({"active": grader.active, "missing": grader.missing})
        with grader:
            while True:
                for message in judge_task(grader, read_frame(read)):
                    write(message)
    except (EOFError, BrokenPipeError):
        return 0


if __name__ == "__main__":
    sys.exit(main())
