"""From a chapter's source to its notebook: cells, ids and metadata, without running anything."""

import difflib
import functools
import hashlib
import re
from collections import Counter

from nbformat import v4

from course_lib import exercises
from course_lib.authoring.course import Course
from course_lib.authoring.errors import SourceError
from course_lib.authoring.source import read_parts

KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
LANGUAGE = {  # what a kernel would fill in, without the exact version of its Python
    "codemirror_mode": {"name": "ipython", "version": 3},
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "pygments_lexer": "ipython3",
}


def digest(text):
    """A short fingerprint of a text that ignores white space at the ends of lines."""
    text = "\n".join(line.rstrip() for line in text.strip().splitlines())
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def cell_digest(cell):
    """The fingerprint with which the id of an author's cell begins."""
    return digest(f"{cell.cell_type}\n{cell.source}")


def build(chapter, course=None):
    """The notebook of a chapter ("02"), not executed. Raises SourceError."""
    return _assemble(chapter, course or Course.find(), _student_cells)


def solved(chapter, course=None, variant=None):
    """The same notebook with every exercise solved and every question answered, not executed.

    variant: the seed of the questions' numbers, or None.
    """
    cells = functools.partial(_solved_cells, variant=variant)
    return _assemble(chapter, course or Course.find(), cells)


def _assemble(chapter, course, exercise_cells):
    path = course.sources[chapter]
    parts = read_parts(path)
    items = _items(chapter, path, parts)
    cells, seen = [], Counter()
    for part in parts:
        if part.kind == "exercise":
            cells += exercise_cells(items[part.text])
        else:
            cells.append(_author_cell(part.kind, part.text, part.metadata, seen))
    code = [c for c in cells if c.cell_type == "code"]
    if not code or not re.search(r"\banswers\(", code[-1].source):
        needed = (
            ""
            if any(re.search(r"^import course_lib$", c.source, re.M) for c in code)
            else ("import course_lib\n\n")
        )
        cells.append(_author_cell("code", f'{needed}course_lib.answers("{chapter}")', {}, seen))
        code.append(cells[-1])
    code[-1].metadata["course"] = {"role": "answers"}
    return v4.new_notebook(
        cells=cells,
        metadata={
            "kernelspec": dict(KERNEL),
            "language_info": {**LANGUAGE, "codemirror_mode": dict(LANGUAGE["codemirror_mode"])},
            "course": {
                "chapter": chapter,
                "authors": f"Edit chapters/source/{path.name}, then run: course build {chapter}",
            },
        },
    )


def _items(chapter, path, parts):
    """{name: exercise} of the chapter, each mentioned exactly once in the source."""
    known, mentioned = exercises.load(), {}
    for part in parts:
        if part.kind != "exercise":
            continue
        name = part.text
        if name not in known:
            names = [item.name for item in exercises.of_chapter(chapter)] or list(known)
            near = difflib.get_close_matches(name, names, n=1, cutoff=0)[0]
            message = f"no exercise is called {name!r}; did you mean {near!r}?"
            raise SourceError(path, part.line, message)
        if known[name].chapter != chapter:
            raise SourceError(
                path,
                part.line,
                f"exercise {name} belongs to chapter {known[name].chapter}, not to {chapter}",
            )
        if name in mentioned:
            raise SourceError(
                path, part.line, f"exercise {name} was already used in line {mentioned[name]}"
            )
        mentioned[name] = part.line
    for item in exercises.of_chapter(chapter):
        if item.name not in mentioned:
            raise SourceError(
                path,
                1,
                f"exercise {item.name} of chapter {chapter} is never "
                f"mentioned; write `% exercise {item.name}` on a line of "
                "its own",
            )
    return known


def _author_cell(kind, text, metadata, seen):
    make = {"markdown": v4.new_markdown_cell, "code": v4.new_code_cell, "raw": v4.new_raw_cell}
    cell = make[kind](text, metadata=dict(metadata))
    base = cell_digest(cell)
    seen[base] += 1
    cell.id = f"{base}-{seen[base]}"
    return cell


def _cell(item, role, source, **more):
    metadata = {"course": {"exercise": item.name, "role": role, **more}}
    return v4.new_code_cell(source, id=f"{item.name}-{role}", metadata=metadata)


def _student_cells(item):
    if item.kind != "code":
        return [_cell(item, "check", f'ask("{item.name}")')]
    starter = item.starter.rstrip("\n")
    # The fingerprint tells a learner's work from the starter of an older version.
    return [
        _cell(item, "answer", starter, starter=digest(starter)),
        _cell(item, "check", f"check({item.name})"),
    ]


def _solved_cells(item, variant=None):
    cells = _student_cells(item)
    if item.kind == "code":
        cells[0].source = item.source.rstrip("\n")
    else:
        solution = item.varied(variant).solution
        seed = "" if variant is None else f", variant={variant}"
        cells[0].source = f'ask("{item.name}", answer={solution!r}{seed})'
    return cells


def differences(stored, built):
    """What differs between a stored notebook and the build, outputs aside: a list of sentences."""
    found = []
    if stored.metadata != built.metadata:
        found.append("the notebook's metadata differ")
    old, new = ({c.get("id"): c for c in n.cells} for n in (stored, built))
    found += [
        f"cell {i} is not in the notebook: {_first_line(c)}" for i, c in new.items() if i not in old
    ]
    found += [
        f"cell {i} is not in the build: {_first_line(c)}" for i, c in old.items() if i not in new
    ]
    for i in new:
        if i in old:
            found += [
                f"the {key.replace('_', ' ')} of cell {i} differs: {_first_line(old[i])}"
                for key in ("cell_type", "source", "metadata")
                if old[i][key] != new[i][key]
            ]
    if not found and [c.id for c in stored.cells] != [c.id for c in built.cells]:
        found.append("the cells are in another order")
    return found


def _first_line(cell):
    return next(iter(cell.source.strip().splitlines()), "(empty)")[:60]
