"""nbgrader's own commands, run as a teacher runs them, with the judge inside."""

import copy
import csv
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("nbgrader", reason="nbgrader is not installed")

from nbformat import v4
from nbgrader.api import Gradebook
from traitlets.config import Config

from course_lib import exercises
from course_lib.authoring import Course, build, read_notebook, solved
from course_lib.classroom import nbgrader as ours
from course_lib.classroom import release
from course_lib.classroom.assignment import new
from course_lib.widgets.plain import block

NAME, CHAPTER = "hw1", "00"
NOTEBOOK = Course.find().notebook(CHAPTER).name
ITEMS = exercises.of_chapter(CHAPTER)
POINTS = {item.name: item.points for item in ITEMS}
ALL = sum(POINTS.values())
CODE = [item.name for item in ITEMS if item.kind == "code"]
CONFIG = """
from course_lib.classroom.nbgrader import configure

c = get_config()
c.CourseDirectory.course_id = "course"
c.Judge.course_root = {root!r}
c.Judge.unsafe = {unsafe}  # only Linux has a sandbox
configure(c)
"""
STOCK = 'c = get_config()\nc.CourseDirectory.course_id = "course"\n'


def command(folder, *arguments):
    """Runs one of nbgrader's commands; returns what it did."""
    programs = Path(sys.executable).parent  # nbgrader calls another program of its environment
    return subprocess.run(
        [sys.executable, "-m", "nbgrader", *arguments],
        cwd=folder,
        env=os.environ | {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=120,
    )


def done(folder, *arguments):
    result = command(folder, *arguments)
    assert result.returncode == 0, result.stderr
    return result


def cell_of(notebook, id):
    return next(c for c in notebook.cells if c.id == id)


# what is handed in ---------------------------------------------------------------------------


def right(notebook):
    """All exercises solved; the answers to questions are in the last cell's output only."""
    known = solved(CHAPTER)
    for name in CODE:
        cell_of(notebook, f"{name}-answer").source = cell_of(known, f"{name}-answer").source
    given = {i.name: i.solution for i in ITEMS if i.kind != "code"}
    text = block({CHAPTER: given})
    notebook.cells[-1].outputs = [v4.new_output("stream", text=f"{text}\n")]


def cheating(notebook):
    """Prints points, patches the check, edits its cell, invents cells, forges outputs."""
    answer = cell_of(notebook, f"{CODE[0]}-answer")
    answer.source = (
        "import course_lib, numpy as np\n"
        "print(1)\n"
        "course_lib.check = check = lambda attempt: print('Right.')\n"
        "np.allclose = np.array_equal = lambda *a, **k: True\n"
        f"{CODE[0]} = lambda *inputs: np.float64(1)\n"
    )
    for cell in notebook.cells:
        if cell.id.endswith("-check"):
            cell.source = "print('Right.')"
            cell.outputs = [v4.new_output("execute_result", {"text/plain": "1"})]
            cell.metadata["nbgrader"]["points"] = 100
            cell.metadata["nbgrader"]["locked"] = False
    more = copy.deepcopy(cell_of(notebook, f"{CODE[0]}-check"))
    more.id, more.metadata["nbgrader"]["grade_id"] = "more", "more"
    notebook.cells.append(more)


def duplicated(notebook):
    right(notebook)
    notebook.cells[1:1] = [copy.deepcopy(c) for c in notebook.cells if "nbgrader" in c.metadata]


def stripped(notebook):
    """As after a tool that knows no metadata, and without the check cells."""
    right(notebook)
    notebook.cells = [c for c in notebook.cells if not c.id.endswith("-check")]
    for cell in notebook.cells:
        cell.metadata.clear()
        del cell["id"]
    notebook.metadata.pop("course")
    notebook.nbformat_minor = 0  # as Colab writes it: a format without ids


def tampered(notebook):
    """Solved, with metadata that is nonsense and check cells made text."""
    right(notebook)
    for cell in notebook.cells:
        if cell.id.endswith("-check"):
            cell.metadata["nbgrader"] = "no table"
            cell.cell_type, cell.metadata["tags"] = "markdown", ["remove_cell"]
            del cell["outputs"], cell["execution_count"]


HANDED_IN = {
    "right": right,
    "unsolved": lambda notebook: None,
    "cheating": cheating,
    "duplicated": duplicated,
    "stripped": stripped,
    "tampered": tampered,
}


@pytest.fixture(scope="module")
def school(tmp_path_factory):
    """An nbgrader course in which one assignment went all the way."""
    root, folder = tmp_path_factory.mktemp("course"), tmp_path_factory.mktemp("school")
    (root / "chapters" / "source").mkdir(parents=True)
    source = Course.find().sources[CHAPTER]
    (root / "chapters" / "source" / source.name).write_bytes(source.read_bytes())
    course = Course(root)
    assignment = new(NAME, (CHAPTER,))
    assignment.save(course)
    notebook, _ = release.adapt(build(CHAPTER, course), assignment)
    config = folder / "nbgrader_config.py"
    config.write_text(CONFIG.format(root=str(root), unsafe=sys.platform != "linux"))
    (folder / "source" / NAME).mkdir(parents=True)
    (folder / "source" / NAME / NOTEBOOK).write_text(v4.writes(notebook))
    done(folder, "generate_assignment", NAME)
    released = read_notebook(folder / "release" / NAME / NOTEBOOK)
    for student, change in HANDED_IN.items():
        mine = copy.deepcopy(released)
        change(mine)
        hand_in(folder, student, v4.writes(mine).encode())
    mine = copy.deepcopy(released)
    right(mine)
    hand_in(folder, "truncated", v4.writes(mine).encode()[:-2000])
    hand_in(folder, "empty", b"")
    found = SimpleNamespace(folder=folder, released=released, notebook=notebook)
    found.log = done(folder, "autograde", NAME).stderr
    done(folder, "generate_feedback", NAME)
    done(folder, "export")
    found.grades = grades(folder)
    config.write_text(STOCK)
    done(folder, "autograde", NAME, "--student", "unsolved", "--force")
    with Gradebook(f"sqlite:///{folder / 'gradebook.db'}") as gradebook:
        again = gradebook.find_submission(NAME, "unsolved")
        found.stock = again.score, again.max_score
    return found


def hand_in(folder, student, content):
    to = folder / "submitted" / student / NAME
    to.mkdir(parents=True)
    (to / NOTEBOOK).write_bytes(content)


def grades(folder):
    """{student: (score, max_score)} as nbgrader exports them."""
    with (folder / "grades.csv").open(newline="") as file:
        return {
            row["student_id"]: (float(row["score"]), float(row["max_score"]))
            for row in csv.DictReader(file)
        }


def feedback(school, student):
    path = school.folder / "feedback" / student / NAME / NOTEBOOK
    return path.with_suffix(".html").read_text(encoding="utf-8")


# the tests -----------------------------------------------------------------------------------


def test_students_get_the_starters(school):
    for name in CODE:
        id = f"{name}-answer"
        assert cell_of(school.released, id).source == cell_of(school.notebook, id).source


@pytest.mark.parametrize(
    ("student", "score"),
    [
        ("right", ALL),
        ("unsolved", 0),
        ("cheating", 0),
        ("duplicated", ALL),
        ("stripped", ALL),
        ("tampered", ALL),
        ("truncated", sum(POINTS[name] for name in CODE)),
        ("empty", 0),
    ],
)
def test_points_are_those_of_the_judge(school, student, score):
    assert school.grades[student] == (score, ALL)


def test_without_the_judge_nothing_is_given_for_nothing(school):
    assert school.stock == (0, ALL)


def test_no_notebook_is_run(school):
    graded = read_notebook(school.folder / "autograded" / "cheating" / NAME / NOTEBOOK)
    with_output = {
        c.metadata.get("nbgrader", {}).get("grade_id")
        for c in graded.cells
        if c.cell_type == "code" and c.outputs
    }
    assert with_output == {f"{name}-check" for name in POINTS}
    assert all(c.execution_count is None for c in graded.cells if c.cell_type == "code")


def test_feedback_says_what_was_judged(school):
    for name in CODE:
        assert f"<code>{name}-check</code>" in feedback(school, "right")
    assert f"(Score: {float(ALL)} / {float(ALL)})" in feedback(school, "right")
    assert "not attempted" in feedback(school, "unsolved")
    assert "Remarks on this notebook" not in feedback(school, "right")
    assert "There are 2 answer cells" in feedback(school, "duplicated")
    assert "damaged or missing is lost" in feedback(school, "truncated")
    assert "The file is empty" in feedback(school, "empty")


def test_the_log_names_what_is_odd(school):
    assert f"There are several cells {CODE[0]}-check" in school.log
    assert f"The cell {CODE[0]}-check is missing" in school.log


# its parts -----------------------------------------------------------------------------------


def test_configuring_keeps_lists_and_can_be_repeated():
    config = Config()
    config.Autograde.autograde_preprocessors = [
        "nbgrader.preprocessors.Execute",
        "nbgrader.preprocessors.SaveAutoGrades",
    ]
    ours.configure(config)
    ours.configure(config)
    assert config.Autograde.autograde_preprocessors == [
        ours.Judge,
        "nbgrader.preprocessors.SaveAutoGrades",
    ]
    assert ours.Mend in config.Autograde.sanitize_preprocessors
    assert ours.KeepStarters in config.GenerateAssignment.preprocessors


def test_solutions_of_others_are_taken_out_and_solved_starters_too():
    starter = build(CHAPTER).cells
    answer = next(c for c in starter if c.id == f"{CODE[0]}-answer")
    answer.metadata["nbgrader"] = {"solution": True, "grade": False, "grade_id": "a"}
    worked = copy.deepcopy(answer)
    worked.source, worked.id = "the_solution = 1", "worked"
    other = v4.new_code_cell(
        "a = 0\n### BEGIN SOLUTION\na = 1\n### END SOLUTION",
        metadata={"nbgrader": answer.metadata["nbgrader"]},
    )
    kept = answer.source
    notebook, _ = ours.KeepStarters().preprocess(v4.new_notebook(cells=[answer, worked, other]), {})
    assert notebook.cells[0].source == kept
    assert "the_solution" not in notebook.cells[1].source
    assert "a = 1" not in notebook.cells[2].source


def test_where_the_sandbox_lacks_a_layer_nothing_is_judged(monkeypatch):
    def refuse(*args, **kwargs):
        raise ours.NoSandbox("Landlock: not in this kernel")

    monkeypatch.setattr(ours, "Grader", refuse)
    monkeypatch.setattr(ours.assignments, "find", lambda name, course: new(name, (CHAPTER,)))
    with pytest.raises(ours.CourseError, match="locked up here: Landlock.*Judge.unsafe"):
        ours.Judge()._grader(NAME)


def test_a_cell_that_nobody_judges_gets_no_points():
    assert ours._output(None, "why").output_type == "error"
