"""The chapters as they are stored: as built, readable, and solvable from end to end."""

import copy
import re
import statistics
from pathlib import Path

import pytest

from course_lib import exercises
from course_lib.authoring import (
    Course,
    build,
    clean,
    differences,
    holds_work,
    kernel,
    read_notebook,
    solved,
)
from course_lib.progress import Progress, overview

COURSE = Course(Path(__file__).resolve().parents[1])
CHAPTERS = list(COURSE.sources)
BANNED = ("simply", "obviously", "trivially", "of course", "as you can see")
IMAGE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)[^)]*\)|<img\b([^>]*)>")

each_chapter = pytest.mark.parametrize("chapter", CHAPTERS)


def stored(chapter):
    """The notebook as it lies there; skips where a learner has worked in it."""
    path = COURSE.notebook(chapter)
    assert path.exists(), f"{path.name} has not been built: course build {chapter}"
    notebook = read_notebook(path)
    if holds_work(notebook, build(chapter, COURSE)):
        pytest.skip(f"{path.name} holds your work")
    return notebook


def code_cells(notebook):
    return [c for c in notebook.cells if c.cell_type == "code"]


def prose(notebook):
    """The markdown without code, formulas and links' addresses."""
    text = "\n\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    text = re.sub(r"```.*?```|~~~.*?~~~|\$\$.*?\$\$", "", text, flags=re.S)
    return re.sub(r"`[^`]*`|\$[^$]*\$|\]\([^)]*\)", "", text)


def images(text):
    """(alternative text, address) of each picture in Markdown or HTML."""
    for found in IMAGE.finditer(text):
        alt, address, attributes = found.groups()
        if attributes is not None:
            values = dict(re.findall(r"""(\w+)=["']([^"']*)["']""", attributes))
            alt, address = values.get("alt", ""), values.get("src", "")
        yield alt, address


def test_every_notebook_has_a_source():
    assert CHAPTERS, "chapters/source holds no chapter"
    built = {COURSE.notebook(chapter).name for chapter in CHAPTERS}
    assert {p.name for p in COURSE.chapters.glob("*.ipynb")} <= built
    assert {item.chapter for item in exercises.load().values()} <= set(CHAPTERS)


@each_chapter
def test_stored_notebook_is_what_the_source_builds(chapter):
    assert differences(stored(chapter), build(chapter, COURSE)) == []


@each_chapter
def test_stored_notebook_was_executed_and_is_clean(chapter):
    notebook = stored(chapter)
    counts = [c.execution_count for c in code_cells(notebook)]
    assert counts == list(range(1, len(counts) + 1))  # nbval compares no cell without a count
    before = copy.deepcopy(notebook)
    clean(notebook)
    assert notebook == before
    text = COURSE.notebook(chapter).read_text(encoding="utf-8")
    assert "application/vnd.jupyter.widget" not in text
    for cell in code_cells(notebook):
        errors = [o.ename for o in cell.outputs if o.output_type == "error"]
        assert not errors or "raises-exception" in cell.metadata.get("tags", []), errors
        assert not [o for o in cell.outputs if o.get("name") == "stderr"], cell.source


@each_chapter
def test_code_cells_are_short(chapter):
    lengths = [len(c.source.splitlines()) for c in code_cells(build(chapter, COURSE))]
    assert statistics.median(lengths) <= 8
    assert max(lengths) <= 30


@each_chapter
def test_pictures_exist_and_have_words(chapter):
    notebook = build(chapter, COURSE)
    for cell in notebook.cells:
        if cell.cell_type != "markdown":
            continue
        for alt, address in images(cell.source):
            assert alt.strip(), f"{address} has no alternative text"
            assert "://" not in address, f"{address} needs the network"
            assert (COURSE.chapters / address).is_file(), f"{address} is not there"


def test_pictures_are_found_in_markdown_and_html():
    text = '![A slope](../images/a.png)\n<img src=\'b.png\' alt="">\n![](c.png "title")'
    assert list(images(text)) == [("A slope", "../images/a.png"), ("", "b.png"), ("", "c.png")]


@each_chapter
def test_prose_avoids_words_that_belittle(chapter):
    words = prose(build(chapter, COURSE)).lower()
    assert [w for w in BANNED if re.search(rf"\b{w}\b", words)] == []


@each_chapter
def test_solved_chapter_earns_every_point(chapter, tmp_path):
    notebook, work = solved(chapter, COURSE), tmp_path / "work"
    with kernel(notebook, COURSE.chapters, work, timeout=300) as client:
        for index, cell in enumerate(notebook.cells):
            client.execute_cell(cell, index)  # raises where a cell does
    items = exercises.of_chapter(chapter)
    records = Progress(chapter, work).read()
    unsolved = {
        i.name: records.get(i.name, {}).get("message", "never checked")
        for i in items
        if not records.get(i.name, {}).get("passed")
    }
    assert unsolved == {}
    earned = sum(row[4] for row in overview(work) if row[0] == chapter)
    assert earned == sum(i.points for i in items)
