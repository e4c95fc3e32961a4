"""From source to notebook, and a learner's work from one version to the next."""

import copy
import re

import nbformat
import pytest
from nbformat import v4
from nbformat.validator import NotebookValidationError

from course_lib import exercises
from course_lib.authoring import (
    Course,
    ExecutionError,
    SourceError,
    UsageError,
    build,
    carry_over,
    clean,
    differences,
    execute,
    holds_work,
    read_notebook,
    solved,
    stored_answers,
    would_lose,
    write_notebook,
)
from course_lib.authoring.source import read_parts
from course_lib.widgets.plain import block

HEADER = """---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
---

# The linear layer

```{code-cell}
import numpy as np


def check(attempt):
    print("checked", attempt.__name__)


def ask(name, answer=None):
    print("asked", name, answer)
```
"""
ENDING = """
```{code-cell}
print("no answers()")
```
"""
NAMES = [item.name for item in exercises.of_chapter("02")]
QUESTION = next(i.name for i in exercises.of_chapter("02") if i.kind != "code")


def marks(*left_out):
    return "".join(f"\nAbout {n}.\n\n% exercise {n}\n" for n in NAMES if n not in left_out)


@pytest.fixture
def course(tmp_path):
    """Writes a course of one chapter, 02, and returns it; call it again for a new version."""
    (tmp_path / "chapters" / "source").mkdir(parents=True)

    def write(body="", exercises=None, ending=ENDING):
        text = HEADER + body + (marks() if exercises is None else exercises) + ending
        path = tmp_path / "chapters" / "source" / "02_small.md"
        path.write_text(text, encoding="utf-8")
        return Course(tmp_path)

    return write


def cell_of(notebook, name):
    return next(c for c in notebook.cells if c.id == name)


def line_of(course, text):
    lines = course.sources["02"].read_text(encoding="utf-8").splitlines()
    return next(i for i, line in enumerate(lines, 1) if line.startswith(text))


# building --------------------------------------------------------------------------------------


def test_exercise_line_becomes_answer_and_check_cells(course):
    notebook = build("02", course())
    nbformat.validate(notebook)
    answer, check = (
        cell_of(notebook, "bias_gradient-answer"),
        cell_of(notebook, "bias_gradient-check"),
    )
    assert answer.source == exercises.find("bias_gradient").starter.rstrip("\n")
    assert answer.metadata.course.exercise == "bias_gradient"
    assert answer.metadata.course.role == "answer"
    assert check.source == "check(bias_gradient)"
    assert check.metadata.course == {"exercise": "bias_gradient", "role": "check"}
    assert notebook.cells.index(check) == notebook.cells.index(answer) + 1
    assert cell_of(notebook, f"{QUESTION}-check").source == f'ask("{QUESTION}")'
    assert not any(c.id == f"{QUESTION}-answer" for c in notebook.cells)


def test_metadata_name_the_source_and_nothing_of_jupytext(course):
    notebook = build("02", course())
    assert set(notebook.metadata) == {"course", "kernelspec", "language_info"}
    assert notebook.metadata.course.chapter == "02"
    assert "chapters/source/02_small.md" in notebook.metadata.course.authors
    assert "version" not in notebook.metadata.language_info


def test_ids_are_stable_and_tell_equal_cells_apart(course):
    same = "\n```{code-cell}\nprint(1)\n```\n"
    first, again = build("02", course(same * 2)), build("02", course("\nNew.\n" + same * 2))
    ids = [c.id for c in first.cells]
    assert len(set(ids)) == len(ids)
    twins = [c.id for c in first.cells if c.source == "print(1)"]
    assert len(twins) == 2
    assert [i for i in ids if i in {c.id for c in again.cells}] == ids
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", i) for i in ids)


def test_myst_is_turned_into_markdown(course):
    body = (
        "\n% a remark for authors\n\n:::{note} Mind the axis\n:class: wide\nRows are $x$.\n"
        "\n```python\n% exercise nothing\n```\n:::\n\n```{tip}\nTry it.\n```\n"
        "\n```text\n::: stays\n```\n"
    )
    notebook = build("02", course(body))
    text = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    assert "> **Mind the axis**\n>\n> Rows are $x$." in text
    assert "> **Tip**\n>\n> Try it." in text
    assert "> % exercise nothing" in text  # inside a code block it is only text
    assert "::: stays" in text
    for syntax in (":::{", "{tip}", "remark", ":class:"):
        assert syntax not in text


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("\n> [!NOTE]\n> no\n", "does not render"),
        ("\nSee {ref}`there`.\n", "MyST role"),
        ("\n(there)=\n", "MyST target"),
        ("\n```{figure} x.png\n```\n", "not a block Jupyter renders"),
        ("\n:::\nloose\n:::\n", "not a block Jupyter renders"),
        ("\n:::{note}\nnever ends\n", "never closed"),
        ("\n~~~{code-cell}\nx = 1\n", "never closed"),
    ],
)
def test_what_jupyter_cannot_show_is_refused_with_its_line(course, body, says):
    made = course(body)
    with pytest.raises(SourceError, match=says) as caught:
        build("02", made)
    assert str(caught.value).startswith(f"02_small.md:{line_of(made, body.split()[0])}: ")


@pytest.mark.parametrize(
    ("exercise", "says"),
    [
        ("bias_gradeint", "did you mean 'bias_gradient'"),
        ("nosuch", "no exercise is called 'nosuch'; did you mean '\\w+'.$"),
        ("double", "belongs to chapter 00"),
        ("bias_gradient", "already used in line"),
    ],
)
def test_wrong_exercise_names_are_refused_with_their_line(course, exercise, says):
    made = course(ending=f"\nLast.\n\n% exercise {exercise}\n")
    number = len(made.sources["02"].read_text(encoding="utf-8").splitlines())
    with pytest.raises(SourceError, match=says) as caught:
        build("02", made)
    assert str(caught.value).startswith(f"02_small.md:{number}: ")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "02_small.md:1: the source is empty"),
        (b"---\na: 1\n---\n\n", "02_small.md:1: the source is empty"),
        (b"# Good\n\ncaf\xe9\n", "02_small.md:3: this is not UTF-8 text"),
    ],
)
def test_source_that_cannot_be_read_is_named(course, content, says):
    made = course()
    made.sources["02"].write_bytes(content)
    with pytest.raises(SourceError, match=says):
        build("02", made)


def test_exercise_left_out_is_refused(course):
    with pytest.raises(SourceError, match="bias_gradient of chapter 02 is never mentioned"):
        build("02", course(exercises=marks("bias_gradient")))


def test_parts_know_their_lines(course):
    made = course("\n\n\nFirst.\n\n+++\n\nSecond.\n")
    for part in read_parts(made.sources["02"]):
        if part.kind == "markdown":
            assert part.line == line_of(made, part.text.splitlines()[0])


def test_last_cell_prints_the_answers(course):
    plain = build("02", course(ending="\nBye.\n"))
    assert plain.cells[-1].source == 'import course_lib\n\ncourse_lib.answers("02")'
    imported = build("02", course(ending="\n```{code-cell}\nimport course_lib\n```\n"))
    assert imported.cells[-1].source == 'course_lib.answers("02")'
    given = build("02", course())
    assert given.cells[-1].source == 'print("no answers()")'


def test_solved_variant_differs_only_in_the_answers(course):
    student, answered = build("02", course()), solved("02", course())
    assert [c.id for c in student.cells] == [c.id for c in answered.cells]
    changed = {
        a.id for a, b in zip(student.cells, answered.cells, strict=True) if a.source != b.source
    }
    assert changed == {
        f"{i.name}-answer" if i.kind == "code" else f"{i.name}-check"
        for i in exercises.of_chapter("02")
    }
    assert cell_of(answered, "bias_gradient-answer").source == exercises.find(
        "bias_gradient"
    ).source.rstrip("\n")
    assert repr(exercises.find(QUESTION).solution) in cell_of(answered, f"{QUESTION}-check").source


def test_differences_are_listed(course):
    made = build("02", course())
    assert differences(copy.deepcopy(made), made) == []
    stored = copy.deepcopy(made)
    cell_of(stored, "bias_gradient-check").source = "check(1)"
    cell_of(stored, "bias_gradient-answer").metadata.clear()
    del stored.cells[0]
    stored.metadata.course.chapter = "03"
    said = "\n".join(differences(stored, made))
    for piece in (
        "metadata differ",
        "is not in the notebook: # The linear layer",
        "source of cell bias_gradient-check differs: check(1)",
        "metadata of cell bias_gradient-answer",
    ):
        assert piece in said
    turned = copy.deepcopy(made)
    turned.cells[1:3] = turned.cells[2:0:-1]
    assert differences(turned, made) == ["the cells are in another order"]


# running ---------------------------------------------------------------------------------------


def test_built_twice_gives_the_same_bytes(course, tmp_path):
    made = course("\n```{code-cell}\n:tags: [raises-exception]\n1 / 0\n```\n")
    files = [tmp_path / "a.ipynb", tmp_path / "b.ipynb"]
    for file in files:
        write_notebook(file, execute(build("02", made), tmp_path, "02_small.ipynb"))
    first, second = (f.read_bytes() for f in files)
    assert first == second
    assert first.endswith(b"}\n")
    assert b"\r" not in first
    notebook = read_notebook(files[0])
    assert "checked bias_gradient\n" in [
        o.text for c in notebook.cells for o in c.get("outputs", []) if "text" in o
    ]
    code = [c for c in notebook.cells if c.cell_type == "code"]
    assert [c.execution_count for c in code] == list(range(1, len(code) + 1))
    assert not any("execution" in c.metadata for c in code)
    assert differences(notebook, build("02", made)) == []


def test_cell_that_raises_fails_the_build_with_its_source(tmp_path):
    notebook = v4.new_notebook(cells=[v4.new_code_cell("a = 1\nprint(a + missing)")])
    with pytest.raises(ExecutionError) as caught:
        execute(notebook, tmp_path, "x.ipynb")
    assert "NameError" in str(caught.value)
    assert "print(a + missing)" in str(caught.value)


def test_cells_run_in_the_folder_with_an_empty_work_folder(tmp_path):
    code = (
        "import os\nprint(os.getcwd(), os.listdir(os.environ['COURSE_WORK']), "
        "os.environ['COURSE_WORK'])"
    )
    notebook = execute(v4.new_notebook(cells=[v4.new_code_cell(code)]), tmp_path, "x.ipynb")
    cwd, listing, work = notebook.cells[0].outputs[0].text.split()
    assert cwd == str(tmp_path.resolve())
    assert listing == "[]"
    assert not work.startswith(str(tmp_path))


def test_widget_views_and_other_volatile_things_are_removed():
    view = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}}
    cell = v4.new_code_cell(
        "x",
        metadata={"execution": {"iopub.status.idle": "now"}},
        outputs=[
            v4.new_output("display_data", data={**view, "text/plain": "A card"}),
            v4.new_output("display_data", data=view),
            v4.new_output("stream", text="kept"),
            v4.new_output(
                "error", ename="E", evalue="", traceback=["/tmp/ipykernel_12/345.py in f"]
            ),
        ],
    )
    notebook = v4.new_notebook(cells=[cell], metadata={"widgets": {"state": {}}})
    clean(notebook)
    assert notebook.metadata == {}
    assert cell.metadata == {}
    assert [o.output_type for o in cell.outputs] == ["display_data", "stream", "error"]
    assert cell.outputs[0].data == {"text/plain": "A card"}
    assert cell.outputs[2].traceback == ["<cell> in f"]


def test_text_that_came_in_pieces_is_joined():
    pieces = [("stdout", "a"), ("stdout", "b\n"), ("stderr", "c"), ("stdout", "d")]
    cell = v4.new_code_cell(
        "x", outputs=[v4.new_output("stream", name=n, text=t) for n, t in pieces]
    )
    clean(v4.new_notebook(cells=[cell]))
    assert [(o.name, o.text) for o in cell.outputs] == [
        ("stdout", "ab\n"),
        ("stderr", "c"),
        ("stdout", "d"),
    ]


# files -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "there is no file"),
        (b'{\n "cells": [,', "line 2, column"),
        (b"[1, 2]", "not a notebook of format 4"),
        (b'{"worksheets": []}', "not a notebook of format 4"),
        (b'{"nbformat": 3, "worksheets": []}', "a notebook of format 3; format 4 was wanted"),
        (b"\xff\xfe\x00", "not UTF-8"),
    ],
)
def test_files_that_are_no_notebooks_are_named(tmp_path, content, says):
    path = tmp_path / "x.ipynb"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=says):
        read_notebook(path)


def test_writing_fails_whole(tmp_path, monkeypatch):
    path = tmp_path / "x.ipynb"
    write_notebook(path, v4.new_notebook(cells=[v4.new_markdown_cell("é", id="a")]))
    before = path.read_bytes()
    broken = v4.new_notebook(cells=[v4.new_markdown_cell("new")])
    broken.cells[0]["id"] = "not an id!"
    with pytest.raises(NotebookValidationError):
        write_notebook(path, broken)

    def full(*_):
        raise OSError("the disk is full")

    monkeypatch.setattr("course_lib.authoring.course.os.replace", full)
    with pytest.raises(OSError, match="the disk is full"):
        write_notebook(path, v4.new_notebook())
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["x.ipynb"]


def test_course_is_found_from_below_and_chapters_by_number(course, tmp_path):
    made = course()
    assert Course.find(tmp_path / "chapters" / "source").root == tmp_path.resolve()
    assert made.chapter("2") == made.chapter("02") == "02"
    with pytest.raises(UsageError, match="there is no chapter 9; there are 02"):
        made.chapter("9")


def test_copies_never_replace_each_other(course, tmp_path, work_folder):
    made = course()
    file = tmp_path / "02_small.ipynb"
    copies = []
    for text in ("one", "two", "three"):
        file.write_text(text)
        copies.append(made.save_copy(file))
    assert [c.read_text() for c in copies] == ["one", "two", "three"]
    assert {c.parent for c in copies} == {work_folder / "saved"}
    assert re.fullmatch(r"02_small-\d{8}-\d{6}(-\d+)?\.ipynb", copies[0].name)


# a learner's work --------------------------------------------------------------------------------

MINE = "def bias_gradient(dY):\n    return dY.sum(axis=0)  # mine"


@pytest.fixture
def versions(course):
    """A learner's notebook of version one, its build, and the build of version two."""
    one = build("02", course("\nOld text.\n"))
    two = build("02", course("\nNew text.\n\n```{code-cell}\nprint('new')\n```\n"))
    return copy.deepcopy(one), one, two


def test_only_what_a_learner_wrote_counts_as_work(versions):
    mine, one, two = versions
    assert not holds_work(mine, one)
    assert not holds_work(mine, two)
    cell_of(mine, "bias_gradient-answer").source += "  \n"
    mine.cells.append(v4.new_code_cell("  "))
    assert not would_lose(mine, one)
    assert not would_lose(mine, two)
    for name, source in (
        ("bias_gradient-answer", MINE),
        ("bias_gradient-check", "check(1)"),
        (mine.cells[-1].id, "1 + 1"),
    ):
        changed = copy.deepcopy(mine)
        cell_of(changed, name).source = source
        assert holds_work(changed, one)
    mine.cells[0].source = "# My own title"
    assert not holds_work(mine, one)
    assert would_lose(mine, one)


def test_an_older_starter_is_no_work(versions):
    mine, _, two = versions
    cell_of(two, "bias_gradient-answer").source = "def bias_gradient(dY):\n    ..."
    assert not holds_work(mine, two)
    cell_of(mine, "bias_gradient-answer").metadata.clear()
    assert holds_work(mine, two)  # nothing tells what it began as


def test_answers_and_own_cells_are_carried_over(versions):
    mine, _, two = versions
    cell_of(mine, "bias_gradient-answer").source = MINE
    place = [c.id for c in mine.cells].index("bias_gradient-answer") + 1
    mine.cells[place:place] = [v4.new_code_cell("first try"), v4.new_markdown_cell("a note")]
    mine.cells.insert(0, v4.new_markdown_cell("on top"))
    mine.cells.append(v4.new_code_cell("   "))
    before = copy.deepcopy(two)
    carried = carry_over(mine, two)
    assert two == before
    notebook = carried.notebook
    nbformat.validate(notebook)
    assert cell_of(notebook, "bias_gradient-answer").source == MINE
    assert carried.answers == ["bias_gradient"]
    assert carried.added == 3
    sources = [c.source for c in notebook.cells]
    at = sources.index(MINE)
    assert sources[at + 1 : at + 3] == ["first try", "a note"]
    assert sources[0] == "on top"
    assert "New text." in "\n".join(sources)
    assert "Old text." not in "\n".join(sources)
    added = {"on top", "first try", "a note"}
    left = [c for c in notebook.cells if c.source not in added]
    assert [c.id for c in left] == [c.id for c in two.cells]


def test_work_survives_lost_ids_and_copied_cells(versions):
    mine, _, two = versions
    answer = cell_of(mine, "bias_gradient-answer")
    twin = copy.deepcopy(answer)
    answer.source, twin.source, twin.id = MINE, "def bias_gradient(dY):\n    old = 1", "abcd1234"
    mine.cells.insert(mine.cells.index(answer), twin)
    carried = carry_over(mine, two)
    assert cell_of(carried.notebook, "bias_gradient-answer").source == MINE
    kept = cell_of(carried.notebook, "abcd1234")
    assert kept.source == twin.source
    assert "course" not in kept.metadata
    mine.cells.remove(twin)
    for cell in mine.cells:
        del cell["id"]
    mine.nbformat_minor = 4
    carried = carry_over(mine, two)
    assert cell_of(carried.notebook, "bias_gradient-answer").source == MINE
    assert [c.source for c in carried.notebook.cells].count("# The linear layer") == 1
    nbformat.validate(carried.notebook)


def test_answers_to_vanished_exercises_stay_at_the_end(versions):
    mine, _, two = versions
    cell_of(mine, "bias_gradient-answer").source = MINE
    two.cells = [c for c in two.cells if not c.id.startswith("bias_gradient")]
    carried = carry_over(mine, two)
    assert carried.orphans == ["bias_gradient"]
    assert carried.notebook.cells[-1].source == MINE
    assert "earlier version" in carried.notebook.cells[-2].source
    nbformat.validate(carried.notebook)
    again = carry_over(carried.notebook, two)
    assert [c.source for c in again.notebook.cells] == [c.source for c in carried.notebook.cells]


def test_progress_restores_answers_where_the_notebook_was_replaced(versions):
    mine, one, two = versions
    records = {"bias_gradient": {"source": MINE + "\n"}, QUESTION: {"answer": "a"}}
    carried = carry_over(mine, two, records)
    assert carried.restored == ["bias_gradient"]
    assert cell_of(carried.notebook, "bias_gradient-answer").source == MINE
    cell_of(mine, "weight_gradient-answer").source = "def weight_gradient(X, dY):\n    return 1"
    carried = carry_over(mine, two, records)
    assert carried.restored == []
    assert not holds_work(one, two)


def test_stored_answers_are_read_and_carried(versions):
    mine, _, two = versions
    assert stored_answers(mine) == {}
    mine.cells[-1].outputs = [v4.new_output("stream", text=block({"02": {QUESTION: [["1", 2]]}}))]
    assert stored_answers(mine) == {QUESTION: [["1", 2]]}
    assert stored_answers(carry_over(mine, two).notebook) == {QUESTION: [["1", 2]]}
    mine.cells[-1].outputs = [v4.new_output("stream", text="{ broken")]
    assert stored_answers(mine) == {}
