"""Checks under nbgrader: what did not pass raises, and stock nbgrader grades a released chapter."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from nbgrader.api import Gradebook

import course_lib
from course_lib import exercises
from course_lib.authoring import Course, build, read_notebook, write_notebook
from course_lib.classroom import release
from course_lib.classroom.assignment import new
from course_lib.progress import Progress
from course_lib.widgets.validating import NotPassed

QUESTION = exercises.find("slope_of_a_curve")


def double(x):
    return 2 * x


def wrong():
    def double(x):
        return x**2

    return double


@pytest.fixture(params=["autograde", "validate"])
def nbgrader(request, monkeypatch):
    monkeypatch.setenv("NBGRADER_EXECUTION", request.param)


def test_what_passed_raises_nothing_and_is_no_number_of_points(nbgrader, capsys):
    for show in (course_lib.check, double), (course_lib.ask, QUESTION.name, QUESTION.solution):
        card = show[0](*show[1:])
        assert card.state == "passed"
        assert "passed" in capsys.readouterr().out
        card._ipython_display_()  # what the notebook calls for a cell's result
        assert capsys.readouterr().out == ""
    course_lib.ask(QUESTION.name)  # the stored answer


def test_what_did_not_pass_raises_its_first_sentence_under_the_card(nbgrader, capsys):
    verdict = course_lib.judge("double", wrong())
    with pytest.raises(NotPassed) as raised:
        course_lib.check(wrong())
    assert isinstance(raised.value, AssertionError)
    assert verdict.message.startswith(f"{raised.value} ")
    assert str(raised.value).endswith(".")
    assert verdict.message in capsys.readouterr().out
    assert raised.value._render_traceback_() == [f"NotPassed: {raised.value}"]


def test_question_without_a_right_answer_raises(nbgrader, capsys):
    with pytest.raises(NotPassed, match="Not answered yet"):
        course_lib.ask(QUESTION.name)
    with pytest.raises(NotPassed, match="7 is the change of y"):
        course_lib.ask(QUESTION.name, 7)
    with pytest.raises(NotPassed, match="7 is the change of y"):
        course_lib.ask(QUESTION.name)
    assert QUESTION.title in capsys.readouterr().out
    course_lib.answer(QUESTION.name, 7)  # which prints, and may stand in a cell with others
    assert "7 is the change" in capsys.readouterr().out


def test_question_once_answered_right_passes(nbgrader):
    course_lib.ask(QUESTION.name, QUESTION.solution)
    Progress("00").save(QUESTION.judge(7), answer=7)
    assert course_lib.ask(QUESTION.name).state == "failed"


def test_stored_verdicts_count_for_nothing(nbgrader):
    progress = Progress("00")
    progress.save(QUESTION.judge(7), answer=7)
    text = progress.path.read_text(encoding="utf-8")
    forged = text.replace('"status": "failed"', '"status": "passed", "passed": true, "points": 1')
    assert forged != text
    progress.path.write_text(forged, encoding="utf-8")
    with pytest.raises(NotPassed):
        course_lib.ask(QUESTION.name)


def test_what_is_no_exercise_raises(nbgrader):
    for call in (lambda: course_lib.check(3), lambda: course_lib.ask("no_such_question")):
        with pytest.raises(NotPassed, match=r"."):
            call()


def test_nothing_raises_without_nbgrader(monkeypatch, capsys):
    monkeypatch.delenv("NBGRADER_EXECUTION", raising=False)
    assert course_lib.check(wrong()).state == "failed"
    assert course_lib.check(double).state == "passed"
    assert course_lib.ask(QUESTION.name).state == "not attempted"
    assert not hasattr(course_lib.check(double), "_ipython_display_")
    assert capsys.readouterr().out == ""


# nbgrader itself -----------------------------------------------------------------------------


def run(folder, *arguments):
    """Runs an nbgrader command for the course in a folder; returns what it said."""
    programs = Path(sys.executable).parent  # nbgrader calls another by its name, alembic
    own = {"JUPYTER_CONFIG_DIR": str(folder / "config"), "JUPYTER_DATA_DIR": str(folder / "data")}
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, **own, "PATH": path}
    del environment["COURSE_WORK"]  # the work folder is the one beside the notebook
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", *arguments, f"--course-dir={folder}"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_stock_nbgrader_grades_a_released_chapter(tmp_path):
    course, items = Course.find(), exercises.of_chapter("00")
    name = course.notebook("00").name
    notebook, _ = release.adapt(build("00", course), new("hw1", ("00",)))
    (tmp_path / "source" / "hw1").mkdir(parents=True)
    write_notebook(tmp_path / "source" / "hw1" / name, notebook)
    # nbgrader would put its own stub in place of the starters.
    run(tmp_path, "generate_assignment", "hw1", "--create", "--ClearSolutions.enabled=False")
    released = read_notebook(tmp_path / "release" / "hw1" / name)
    assert [c.source for c in released.cells] == [c.source for c in notebook.cells]
    for student in ("nothing", "everything"):
        folder = tmp_path / "submitted" / student / "hw1"
        folder.mkdir(parents=True)
        if student == "everything":
            cells = {c.id: c for c in released.cells}
            for item in items:
                if item.kind == "code":
                    cells[f"{item.name}-answer"].source = item.source
                else:
                    answer = item.solution
                    Progress("00", folder / "work").save(item.judge(answer), answer=answer)
        write_notebook(folder / name, released)
    said = run(tmp_path, "autograde", "hw1")
    assert "cannot be converted to" not in said
    with Gradebook(f"sqlite:///{tmp_path / 'gradebook.db'}") as gradebook:
        scores = {
            s.student.id: (s.score, s.max_score) for s in gradebook.assignment_submissions("hw1")
        }
    points = sum(item.points for item in items)
    assert scores == {"nothing": (0, points), "everything": (points, points)}
