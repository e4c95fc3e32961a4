"""The `course` command: what it does to files, what it says, and its exit codes."""

import io
import json
import os
import signal
import subprocess
import sys
import time
import zipfile

import pytest
from nbformat import v4

from course_lib import exercises
from course_lib.authoring import (
    Course,
    ExecutionError,
    build,
    differences,
    execute,
    read_notebook,
    solved,
    write_notebook,
)
from course_lib.cli import main
from course_lib.grading.verdict import Verdict
from course_lib.progress import Progress
from course_lib.widgets.board import progress_board
from course_lib.widgets.plain import block

ITEMS = exercises.of_chapter("02")
MARKS = "".join(f"\n% exercise {item.name}\n" for item in ITEMS)
SOURCE = (
    """# The linear layer

```{code-cell}
import numpy as np


def check(attempt):
    print("checked")


def ask(name, answer=None):
    print("asked")
```
"""
    + MARKS
    + """
```{code-cell}
print("answers()")
```
"""
)
QUESTION = next(item.name for item in ITEMS if item.kind != "code")
MINE = "def bias_gradient(dY):\n    return dY.sum(axis=0)  # mine"


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """The executed notebook of the small course, made once."""
    root = tmp_path_factory.mktemp("executed")
    (root / "chapters" / "source").mkdir(parents=True)
    (root / "chapters" / "source" / "02_small.md").write_text(SOURCE, encoding="utf-8")
    return execute(build("02", Course(root)), root, "02_small.ipynb")


@pytest.fixture
def course(tmp_path, monkeypatch, executed):
    """A course of one chapter with its notebook in place, seen from its folder."""
    (tmp_path / "chapters" / "source").mkdir(parents=True)
    (tmp_path / "chapters" / "source" / "02_small.md").write_text(SOURCE, encoding="utf-8")
    write_notebook(tmp_path / "chapters" / "02_small.ipynb", executed)
    monkeypatch.chdir(tmp_path)
    return Course(tmp_path)


@pytest.fixture
def place(course):
    return course.notebook("02")


def answer(path, source=MINE, exercise="bias_gradient"):
    notebook = read_notebook(path)
    next(c for c in notebook.cells if c.id == f"{exercise}-answer").source = source
    write_notebook(path, notebook)


def change(notebook, name, source):
    next(c for c in notebook.cells if c.id == name).source = source


def answered(path, exercise="bias_gradient"):
    return next(c for c in read_notebook(path).cells if c.id == f"{exercise}-answer").source


def notebook_of(path, *cells):
    write_notebook(
        path,
        v4.new_notebook(
            cells=[v4.new_code_cell(c, id=f"c{i}") for i, c in enumerate(cells)],
            metadata={"course": {"chapter": "02"}},
        ),
    )
    return str(path)


def saved(course):
    return sorted((course.work / "saved").glob("*"))


# errors ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["frobnicate"], "frobnicate"),
        (["build", "9"], "there is no chapter 9; there are 02"),
        (["reset", "x", "--yes"], "there is no chapter x; there are 02"),
        (["check"], "FILE.ipynb"),
        (["check", "nowhere.ipynb"], "there is no file nowhere.ipynb"),
        (["check", "chapters"], "is not a file"),
        (["check", "chapters/source/02_small.md"], "JSON breaks at line 1, column 1"),
        (["update", "--from", "nowhere"], "there is no file or folder nowhere"),
        (["update", "--from", "chapters/source"], "holds no chapters"),
        (["update", "--from", "chapters/02_small.ipynb"], "neither a folder nor a zip"),
        (["update", "--from", "."], "this course itself"),
        (["solve", "2", "--to", "x.txt"], "neither a folder nor called NAME.ipynb"),
    ],
)
def test_usage_errors_are_one_line_and_exit_2(course, capsys, arguments, says):
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("course: ")
    assert err.count("\n") == 1
    assert says in err


def test_notebook_of_another_course_is_refused(course, capsys, tmp_path):
    write_notebook(tmp_path / "essay.ipynb", v4.new_notebook())
    assert main(["check", "essay.ipynb"]) == 2
    assert "essay.ipynb is not a chapter of this course; there are 00" in capsys.readouterr().err


def test_unexpected_errors_are_one_line_too(course, capsys, monkeypatch):
    monkeypatch.setattr("course_lib.cli.app.progress.overview", lambda *_: 1 / 0)
    assert main(["progress"]) == 1
    err = capsys.readouterr().err
    assert err == "course: unexpected ZeroDivisionError: division by zero\n"


def test_interrupt_exits_130_quietly(course, capsys, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("course_lib.cli.app.progress.overview", interrupted)
    assert main(["progress"]) == 130
    assert capsys.readouterr().err == ""


def test_help_and_version(capsys):
    assert main([]) == 0
    assert "doctor" in capsys.readouterr().out
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("course 0.")


# build -----------------------------------------------------------------------------------------


def test_build_check_lists_what_differs(course, place, capsys):
    assert main(["build", "2", "--check"]) == 0
    notebook = read_notebook(place)
    notebook.cells[0].source = "# Other"
    write_notebook(place, notebook)
    write_notebook(course.chapters / "03_stray.ipynb", notebook)
    before = place.read_bytes()
    capsys.readouterr()
    assert main(["build", "--check"]) == 1
    err = capsys.readouterr().err
    assert "02_small.ipynb: the source of cell" in err
    assert "03_stray.ipynb has no source" in err
    assert "chapter 01 has exercises, but no source in chapters/source" in err
    assert place.read_bytes() == before
    place.unlink()
    assert main(["build", "2", "--check"]) == 1
    assert "02_small.ipynb has not been built" in capsys.readouterr().err


def test_build_leaves_work_alone_unless_forced(course, place, capsys):
    answer(place)
    assert main(["build", "2"]) == 1
    assert "holds your work" in capsys.readouterr().err
    assert answered(place) == MINE
    assert main(["build", "2", "--force"]) == 0
    assert answered(place) != MINE
    (copy,) = saved(course)
    assert answered(copy) == MINE
    assert str(copy) in capsys.readouterr().out


@pytest.mark.parametrize("work", ["own", "check"])
def test_build_leaves_own_cells_and_changed_check_cells_alone(course, place, capsys, work):
    notebook = read_notebook(place)
    if work == "own":
        notebook.cells.insert(2, v4.new_markdown_cell("mine"))
    else:
        change(notebook, f"{QUESTION}-check", f'ask("{QUESTION}", answer="b")')
    write_notebook(place, notebook)
    before = place.read_bytes()
    assert main(["build"]) == 1
    assert "holds your work" in capsys.readouterr().err
    assert place.read_bytes() == before
    assert main(["build", "--force"]) == 0
    assert [copy.read_bytes() for copy in saved(course)] == [before]


def test_build_keeps_a_copy_of_edited_text_and_stored_answers(course, place):
    fresh = place.read_bytes()
    notebook = read_notebook(place)
    notebook.cells[0].source = "# My own title"
    write_notebook(place, notebook)
    assert main(["build"]) == 0
    assert [read_notebook(c).cells[0].source for c in saved(course)] == ["# My own title"]
    assert place.read_bytes() == fresh
    notebook = read_notebook(place)
    stored = v4.new_output("stream", text=block({"02": {QUESTION: [["1", 2]]}}))
    notebook.cells[-1].outputs = [stored]
    write_notebook(place, notebook)
    assert main(["build"]) == 0
    assert len(saved(course)) == 2


def test_build_of_a_changed_source_bothers_nobody(course, place):
    text = SOURCE.replace("# The linear layer", "# Second edition")
    course.sources["02"].write_text(text, encoding="utf-8")
    assert main(["build"]) == 0
    assert read_notebook(place).cells[0].source == "# Second edition"
    assert saved(course) == []


def test_build_names_a_damaged_notebook(course, place, capsys):
    place.write_text("{", encoding="utf-8")
    assert main(["build"]) == 1
    assert "JSON breaks at line 1, column 2 (--force replaces it" in capsys.readouterr().err
    assert main(["build", "--force"]) == 0
    assert [c.read_text() for c in saved(course)] == ["{"]


def test_source_without_a_number_is_named(course, capsys):
    (course.chapters / "source" / "draft.md").write_text("# Draft", encoding="utf-8")
    assert main(["build"]) == 1
    assert capsys.readouterr().err.endswith("draft.md is not called NN_name.md\n")


@pytest.mark.parametrize("command", ["build", "update"])
def test_course_without_sources_says_so(course, capsys, command):
    course.sources["02"].unlink()
    assert main([command]) == 1
    assert "holds no chapter" in capsys.readouterr().err


def test_build_says_which_line_is_wrong(course, place, capsys):
    source = course.sources["02"]
    source.write_text(SOURCE + "\n> [!NOTE]\n", encoding="utf-8")
    before = place.read_bytes()
    assert main(["build"]) == 1
    line = SOURCE.count("\n") + 2
    assert capsys.readouterr().err.startswith(f"course: 02_small.md:{line}: ")
    assert place.read_bytes() == before


# reset and progress ----------------------------------------------------------------------------


def test_reset_gives_the_built_notebook_and_keeps_a_copy(course, place, capsys):
    fresh = place.read_bytes()
    answer(place)
    mine = place.read_bytes()
    Progress("02", course.work).save(Verdict("bias_gradient", "passed", 2, 2, "Right."))
    assert main(["reset", "2", "--yes"]) == 0
    assert place.read_bytes() == fresh
    (copy,) = saved(course)
    assert copy.read_bytes() == mine
    assert str(copy) in capsys.readouterr().out
    assert (course.work / "ch02.json").exists()


def test_reset_forgets_progress_when_told(course, capsys):
    verdict = Verdict("bias_gradient", "passed", 2, 2, "Right.")
    Progress("02", course.work).save(verdict, source=MINE)
    record = (course.work / "ch02.json").read_bytes()
    assert main(["reset", "02", "--yes", "--progress"]) == 0
    assert not (course.work / "ch02.json").exists()
    assert [p.read_bytes() for p in saved(course) if p.suffix == ".json"] == [record]


def test_reset_takes_what_git_has_where_the_chapter_cannot_run(course, place, monkeypatch, capsys):
    def cannot_run(*_):
        raise ExecutionError("02_small.ipynb", "import numpy", "the kernel died")

    monkeypatch.setattr("course_lib.cli.app.execute", cannot_run)
    fresh = place.read_bytes()
    shown = subprocess.CompletedProcess("git", 0, stdout=fresh)
    monkeypatch.setattr("course_lib.cli.app.shutil.which", lambda name: name)
    monkeypatch.setattr("course_lib.cli.app.subprocess.run", lambda *_, **__: shown)
    answer(place)
    mine = place.read_bytes()
    assert main(["reset", "2", "--yes"]) == 0
    assert place.read_bytes() == fresh
    shown.stdout = mine  # another version than the source's is no help
    assert main(["reset", "2", "--yes"]) == 1
    assert "the kernel died" in capsys.readouterr().err
    assert place.read_bytes() == fresh


def test_reset_asks_first(course, place, capsys, monkeypatch):
    before = place.read_bytes()
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert main(["reset", "2"]) == 1
    assert "cancelled" in capsys.readouterr().err
    assert place.read_bytes() == before


def test_progress_table(course, capsys):
    Progress("02", course.work).save(Verdict("bias_gradient", "passed", 2, 2, "Right."))
    assert main(["progress"]) == 0
    out = capsys.readouterr().out
    row = next(line for line in out.splitlines() if "Gradient of the bias" in line)
    assert row.split()[-3:] == ["passed", "2/2", "1"]
    assert f"1 of {len(exercises.load())} exercises passed, 2 of " in out


def test_progress_says_that_a_file_is_broken(course, capsys):
    course.work.mkdir()
    (course.work / "ch02.json").write_text("{", encoding="utf-8")
    assert main(["progress"]) == 0
    assert "The progress file of chapter 02 could not be understood" in capsys.readouterr().out


def test_board_says_that_a_file_is_broken(work_folder):
    work_folder.mkdir()
    (work_folder / "ch02.json").write_text("{", encoding="utf-8")
    assert progress_board().text().endswith("A new one has been begun.")


@pytest.mark.skipif(os.name == "nt", reason="Windows reports a closed pipe in other words")
def test_reader_may_stop_reading(course):
    command = [sys.executable, "-c", "from course_lib.cli import main; raise SystemExit(main())"]
    with subprocess.Popen(
        [*command, "progress"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdout.close()
        err = process.stderr.read()
    assert (process.returncode, err) == (0, b"")


# update ----------------------------------------------------------------------------------------


def newer(course, folder):
    """A newer version of the course in `folder`, with a notebook that was not executed."""
    (folder / "chapters" / "source").mkdir(parents=True)
    (folder / "images").mkdir()
    (folder / "images" / "x.png").write_bytes(b"png")
    text = SOURCE.replace("# The linear layer", "# The linear layer, second edition")
    (folder / "chapters" / "source" / "02_small.md").write_text(text, encoding="utf-8")
    notebook = build("02", Course(folder))
    write_notebook(folder / "chapters" / "02_small.ipynb", notebook)
    return notebook


@pytest.mark.parametrize("packed", [False, True])
def test_update_from_a_newer_course_carries_answers_over(course, place, tmp_path, capsys, packed):
    path = tmp_path / "newer"
    notebook = newer(course, path)
    answer(place)
    mine = place.read_bytes()
    if packed:
        with zipfile.ZipFile(tmp_path / "newer.zip", "w") as archive:
            for file in path.rglob("*.*"):
                archive.write(file, f"course-main/{file.relative_to(path)}")
        path = tmp_path / "newer.zip"
    assert main(["update", "--from", str(path), "--dry-run"]) == 0
    assert "would be updated; 1 answer carried over (bias_gradient)" in capsys.readouterr().out
    assert place.read_bytes() == mine
    assert main(["update", "--from", str(path)]) == 0
    assert answered(place) == MINE
    assert read_notebook(place).cells[0].source == "# The linear layer, second edition"
    assert [copy.read_bytes() for copy in saved(course)] == [mine]
    assert "second edition" in course.sources["02"].read_text(encoding="utf-8")
    assert (tmp_path / "images" / "x.png").exists()
    assert main(["update", "--from", str(path)]) == 0
    assert "up to date" in capsys.readouterr().out
    assert len(notebook.cells) == len(read_notebook(place).cells)


def test_update_to_exercises_unknown_here_changes_nothing(course, place, tmp_path, capsys):
    notebook = newer(course, tmp_path / "newer")
    notebook.cells.append(v4.new_code_cell("...", id="brand_new-answer"))
    write_notebook(tmp_path / "newer" / "chapters" / "02_small.ipynb", notebook)
    before = place.read_bytes()
    assert main(["update", "--from", "newer"]) == 1
    assert "does not know (brand_new)" in capsys.readouterr().err
    assert place.read_bytes() == before


def test_update_from_this_checkouts_source(course, place, capsys):
    answer(place)
    notebook = read_notebook(place)
    notebook.cells.append(v4.new_code_cell("1 + 1"))
    notebook.cells[1].execution_count = 7
    write_notebook(place, notebook)
    before = place.read_bytes()
    assert main(["update"]) == 0
    assert capsys.readouterr().out == "02_small.ipynb: up to date\n"
    assert place.read_bytes() == before
    text = SOURCE.replace("# The linear layer", "# Second edition")
    course.sources["02"].write_text(text, encoding="utf-8")
    assert main(["update"]) == 0
    notebook = read_notebook(place)
    assert notebook.cells[0].source == "# Second edition"
    assert answered(place) == MINE
    assert notebook.cells[1].execution_count == 1
    assert len(saved(course)) == 1


def test_update_restores_answers_from_progress(course, place, capsys):
    verdict = Verdict("bias_gradient", "failed", 0, 2, "No.")
    Progress("02", course.work).save(verdict, source=MINE)
    assert main(["update"]) == 0
    assert "1 answer restored from your progress (bias_gradient)" in capsys.readouterr().out
    assert answered(place) == MINE
    answer(place, "def bias_gradient(dY):\n    return 2")
    assert main(["update"]) == 0
    assert "up to date" in capsys.readouterr().out


def test_reset_is_not_undone_by_update(course, place, capsys):
    verdict = Verdict("bias_gradient", "passed", 2, 2, "Right.")
    Progress("02", course.work).save(verdict, source=MINE)
    answer(place)
    assert main(["reset", "2", "--yes"]) == 0
    fresh = place.read_bytes()
    assert main(["update"]) == 0
    assert "up to date" in capsys.readouterr().out
    assert place.read_bytes() == fresh
    record = Progress("02", course.work).record("bias_gradient")
    assert (record["passed"], record["passed_source"]) == (True, MINE)


def test_update_restores_a_deleted_notebook_with_its_answers(course, place, capsys):
    verdict = Verdict("bias_gradient", "passed", 2, 2, "Right.")
    Progress("02", course.work).save(verdict, source=MINE)
    place.unlink()
    assert main(["update"]) == 0
    assert "new; 1 answer restored from your progress" in capsys.readouterr().out
    assert answered(place) == MINE


def test_update_keeps_answers_in_check_cells_and_names_changed_texts(
    course, place, tmp_path, capsys
):
    newer(course, tmp_path / "newer")
    notebook = read_notebook(place)
    given = f'ask("{QUESTION}", answer="b")'
    change(notebook, f"{QUESTION}-check", given)
    notebook.cells[0].source = "# My own title"
    write_notebook(place, notebook)
    assert main(["update", "--from", "newer"]) == 0
    out = capsys.readouterr().out
    assert f"1 answer carried over ({QUESTION})" in out
    assert "1 cell of the chapter's text that you changed is only in the old version" in out
    notebook = read_notebook(place)
    assert given in [c.source for c in notebook.cells]
    assert notebook.cells[0].source == "# The linear layer, second edition"
    assert [read_notebook(c).cells[0].source for c in saved(course)] == ["# My own title"]
    assert main(["update", "--from", "newer"]) == 0
    assert main(["update"]) == 0
    assert "up to date" in capsys.readouterr().out.splitlines()[-1]


@pytest.mark.parametrize("broken", ["mine", "new"])
def test_damaged_notebook_stops_an_update_before_it_begins(course, place, tmp_path, capsys, broken):
    notebook = newer(course, tmp_path / "newer")
    chapters = tmp_path / "newer" / "chapters"
    write_notebook(chapters / "01_first.ipynb", notebook)
    write_notebook(course.chapters / "01_first.ipynb", v4.new_notebook())
    first = (course.chapters / "01_first.ipynb").read_bytes()
    target = place if broken == "mine" else chapters / "02_small.ipynb"
    target.write_text("{", encoding="utf-8")
    with zipfile.ZipFile(tmp_path / "newer.zip", "w") as archive:
        for file in (tmp_path / "newer").rglob("*.*"):
            archive.write(file, f"course-main/{file.relative_to(tmp_path / 'newer')}")
    assert main(["update", "--from", "newer.zip"]) == 2
    err = capsys.readouterr().err
    if broken == "mine":
        assert "`course reset 02` puts a fresh one in place (a copy of yours is kept)" in err
    else:
        assert err.startswith(
            f"course: newer.zip: {os.path.join('course-main', 'chapters', '02_small.ipynb')} "
        )
    assert (course.chapters / "01_first.ipynb").read_bytes() == first
    assert "second edition" not in course.sources["02"].read_text(encoding="utf-8")
    assert saved(course) == []


def test_corrupt_zip_is_named_with_its_member(course, tmp_path, capsys):
    path = tmp_path / "newer.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("chapters/02_small.ipynb", "0123456789" * 9)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"0123456789", b"0123456780", 1))
    assert main(["update", "--from", str(path)]) == 2
    err = capsys.readouterr().err
    assert "newer.zip is damaged or locked, at chapters/02_small.ipynb: Bad CRC-32" in err
    assert err.count("\n") == 1


# check, solve, doctor ----------------------------------------------------------------------------


def rows_of(text):
    return {row["exercise"]: row for row in json.loads(text)["exercises"]}


def test_check_names_the_mistake_and_counts(course, tmp_path, capsys):
    file = notebook_of(
        tmp_path / "x.ipynb",
        "import json\njson = print('noise')",
        "1 / 0",
        "def bias_gradient(dY):\n    return dY.mean(axis=0)",
        "def linear_forward(X, W, b):\n    return X @ W + b",
    )
    assert main(["check", file]) == 1
    out = capsys.readouterr().out
    assert "divided" in out
    assert "Cell 2 raised ZeroDivisionError: division by zero" in out
    total = sum(item.points for item in ITEMS)
    assert f"{exercises.find('linear_forward').points} of {total} points" in out
    assert main(["check", file, "--json"]) == 1
    rows = rows_of(capsys.readouterr().out)
    assert list(rows) == [item.name for item in ITEMS]
    assert rows["bias_gradient"]["state"] == "failed"
    assert rows["bias_gradient"]["message"].startswith("Your db is the right one divided by N")
    assert rows["linear_forward"]["state"] == "passed"
    assert rows["weight_gradient"]["state"] == "missing"


def test_check_names_the_answer_with_a_syntax_error(course, tmp_path, capsys):
    file = notebook_of(tmp_path / "x.ipynb", "def bias_gradient(dY):\n    return dY.sum(axis=0")
    assert main(["check", file, "--json"]) == 1
    out = capsys.readouterr().out
    words = "a syntax error in line 2: '(' was never closed"
    assert json.loads(out)["remarks"] == [f"Cell 1 has {words}"]
    row = rows_of(out)["bias_gradient"]
    assert (row["state"], row["message"]) == ("error", f"bias_gradient has {words}")


def test_check_refuses_an_older_format(course, tmp_path, capsys):
    old = {"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [], "cells": []}
    (tmp_path / "02_old.ipynb").write_text(json.dumps(old), encoding="utf-8")
    assert main(["check", "02_old.ipynb"]) == 2
    assert "02_old.ipynb is a notebook of format 3; format 4" in capsys.readouterr().err


def test_check_passes_a_solved_chapter_with_its_stored_answers(course, tmp_path, capsys):
    notebook = solved("02", course)
    raw = {item.name: item.solution for item in ITEMS if item.kind != "code"}
    assert raw
    write_notebook(tmp_path / "solved.ipynb", notebook)
    assert main(["check", "solved.ipynb", "--json"]) == 1  # this course's ask() stores nothing
    assert {r["state"] for n, r in rows_of(capsys.readouterr().out).items() if n in raw} == {
        "not attempted"
    }
    notebook.cells[-1].outputs = [v4.new_output("stream", text=block({"02": raw}))]
    write_notebook(tmp_path / "solved.ipynb", notebook)
    before = (tmp_path / "solved.ipynb").read_bytes()
    assert main(["check", "solved.ipynb"]) == 0
    total = sum(item.points for item in ITEMS)
    assert f"{total} of {total} points" in capsys.readouterr().out
    assert (tmp_path / "solved.ipynb").read_bytes() == before
    assert not course.work.exists()


def test_check_prefers_the_progress_beside_the_file(course, tmp_path, capsys):
    item = next(i for i in ITEMS if i.kind == "choice")
    wrong = next(letter for letter in item.letters if letter != item.solution)
    file = notebook_of(tmp_path / "x.ipynb", "print('answers()')")
    notebook = read_notebook(file)
    notebook.cells[0].outputs = [v4.new_output("stream", text=block({"02": {item.name: wrong}}))]
    write_notebook(file, notebook)
    assert main(["check", file, "--json"]) == 1
    assert rows_of(capsys.readouterr().out)[item.name]["state"] == "failed"
    Progress("02", tmp_path / "work").save(item.judge(item.solution), answer=item.solution)
    assert main(["check", file, "--json"]) == 1
    assert rows_of(capsys.readouterr().out)[item.name]["state"] == "passed"


@pytest.mark.parametrize(
    ("cell", "remark", "state"),
    [
        ("while True: pass", "Cell 2 was stopped after 1 s.", "passed"),
        ("os._exit(1)", "The kernel died", "not judged"),
    ],
)
def test_check_survives_bad_cells_and_leaves_no_kernel(
    course, tmp_path, capsys, cell, remark, state
):
    pid = tmp_path / "pid"
    file = notebook_of(
        tmp_path / "x.ipynb",
        f"import os\nopen({str(pid)!r}, 'w').write(str(os.getpid()))",
        cell,
        MINE,
    )
    assert main(["check", file, "--json", "--timeout", "1"]) == 1
    out = json.loads(capsys.readouterr().out)
    assert out["remarks"][0].startswith(remark)
    assert {r["state"] for r in out["exercises"] if r["exercise"] == "bias_gradient"} == {state}
    assert ended(int(pid.read_text()))


def ended(pid):
    import psutil  # comes with ipykernel

    until = time.monotonic() + 5
    while psutil.pid_exists(pid) and time.monotonic() < until:
        time.sleep(0.05)
    return not psutil.pid_exists(pid)


@pytest.mark.skipif(os.name == "nt", reason="sends an interrupt the POSIX way")
def test_interrupted_check_exits_130_and_leaves_no_kernel(course, tmp_path):
    pid = tmp_path / "pid"
    file = notebook_of(
        tmp_path / "x.ipynb",
        f"import os\nopen({str(pid)!r}, 'w').write(f'{{os.getpid()}}.')",
        "while True: pass",
    )
    command = [
        sys.executable,
        "-c",
        "from course_lib.cli import main; raise SystemExit(main())",
        "check",
        file,
    ]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    ) as process:
        until = time.monotonic() + 30
        while not (pid.exists() and pid.read_text().endswith(".")):
            assert time.monotonic() < until
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (130, b"", b"")
    assert ended(int(pid.read_text().rstrip(".")))


def test_solve_writes_where_told_and_never_over_a_file(course, tmp_path, capsys):
    target = tmp_path / "02_small_solved.ipynb"
    assert main(["solve", "2", "--to", str(tmp_path)]) == 0
    assert differences(read_notebook(target), solved("02", course)) == []
    target.write_text("mine", encoding="utf-8")
    assert main(["solve", "2", "--to", str(target)]) == 1
    assert "is there already" in capsys.readouterr().err
    assert target.read_text(encoding="utf-8") == "mine"
    assert main(["solve", "2", "--to", str(target), "--force"]) == 0
    assert read_notebook(target).cells


def test_doctor_looks_at_the_work_folder_of_the_course(course, capsys, monkeypatch, tmp_path):
    monkeypatch.delenv("COURSE_WORK")
    main(["doctor"])
    out = "".join(capsys.readouterr().out.split())
    assert f"In{tmp_path / 'chapters' / 'work'}." in out


def test_doctor_names_the_mend(capsys, monkeypatch):
    from course_lib import selftest

    good = selftest.Check("Python", True, "3.11", "")
    monkeypatch.setattr(selftest, "run", lambda folder: [good])
    assert main(["doctor"]) == 0
    bad = selftest.Check("widgets", False, "no front end", "pip install ipywidgets")
    monkeypatch.setattr(selftest, "run", lambda folder: [good, bad])
    assert main(["doctor"]) == 1
    out = capsys.readouterr().out
    assert "FAILED" in out
    assert "widgets: pip install ipywidgets" in out
