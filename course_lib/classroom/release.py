"""What students get: notebooks without answers, in a folder and in a zip file of the same."""

import os
import re
import shutil
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import nbformat

from course_lib.authoring import (
    CourseError,
    UsageError,
    build,
    execute,
    write_atomically,
)
from course_lib.authoring.build import cell_digest
from course_lib.classroom.archive import pack
from course_lib.classroom.assignment import FOLDER, find, new

INSTRUCTIONS = "INSTRUCTIONS.md"
REQUIREMENTS = "requirements.txt"
_IMAGE = re.compile(r"\.\./images/([\w.-]+)")


@dataclass(frozen=True)
class Released:
    """What was written: the folder, the zip file, and the names of the files in the folder."""

    folder: Path
    archive: Path
    files: tuple


def default_name(chapters):
    """The name of an assignment that was given none: "chapters-02-03"."""
    return "-".join(["chapter" if len(chapters) == 1 else "chapters", *chapters])


def assign(course, name, chapters, *, force=False, **rest):
    """(a new assignment, whether it takes the place of one of that name); nothing is written.

    force: whether it may. It then keeps the other's secret, so that what is graded again gets the
    same cases. rest: of `Assignment`. Raises UsageError and CourseError.
    """
    made = new(name, chapters, **rest)
    if made.variant is not None and made.variant < 0:
        raise UsageError(f"--variant is {made.variant}, expected a whole number, 0 or more")
    if not (course.root / FOLDER / f"{name}.json").exists():
        return made, False
    if not force:
        raise CourseError(
            f"there is an assignment called {name!r} already (--force replaces it and keeps its "
            "secret)"
        )
    return replace(made, secret=find(name, course).secret), True


def release(course, assignment, to, *, address="", force=False, say=lambda text: None):
    """Writes an assignment's folder and zip file below `to`, then the assignment itself.

    address: where students get the course from (a URL for pip), by default their package index.
    force: whether a release of that name is replaced. say: called with a line on each chapter.
    Either all of the folder is there in the end or nothing of it. Returns a `Released`. Raises
    UsageError and CourseError, ExecutionError among them.
    """
    folder, archive = to / assignment.name, to / f"{assignment.name}.zip"
    _may_write(folder, archive, force)
    files = contents(course, assignment, address=address, say=say)
    to.mkdir(parents=True, exist_ok=True)
    _put_in_place(folder, files)
    write_atomically(archive, pack({f"{folder.name}/{name}": data for name, data in files.items()}))
    assignment.save(course)
    return Released(folder, archive, tuple(files))


def contents(course, assignment, *, address="", say=lambda text: None):
    """{name below the folder: bytes} of all that students get."""
    built = {course.notebook(c).name: build(c, course) for c in assignment.chapters}
    files = {
        INSTRUCTIONS: instructions(assignment, list(built)).encode(),
        REQUIREMENTS: requirements(course, assignment.name, address).encode(),
    }
    for name, notebook in built.items():
        say(f"running {name} …")
        adapted, images = adapt(notebook, assignment)
        # Always anew: stored outputs may show the answers of whoever worked in the notebook.
        text = nbformat.v4.writes(execute(adapted, course.chapters, name), indent=1)
        files[name] = f"{text}\n".encode()
        for image in images:
            files[f"images/{image}"] = _image(course, image, name)
    return files


def adapt(notebook, assignment):
    """(a chapter's notebook as students get it, the names of its images). Changed in place.

    Answer and check cells get nbgrader's metadata, questions the numbers of the variant; the
    links to images lead to `images/` beside the notebook.
    """
    points = {item.name: item.points for item in assignment.items()}
    about = notebook.metadata["course"]
    images = {}
    for cell in notebook.cells:
        course = cell.metadata.get("course", {})
        if course.get("role") == "answer":
            cell.metadata["nbgrader"] = _nbgrader(cell.id, solution=True, locked=False)
        elif course.get("role") == "check":
            name = course["exercise"]
            more = {"points": points[name]}
            cell.metadata["nbgrader"] = _nbgrader(cell.id, grade=True, locked=True, **more)
            cell.source = _varied(cell.source, f'ask("{name}"', assignment)
        elif course.get("role") == "answers":
            _reword(cell, _varied(cell.source, f'answers("{about["chapter"]}"', assignment))
        elif cell.cell_type == "markdown":
            images |= dict.fromkeys(_IMAGE.findall(cell.source))
            _reword(cell, _IMAGE.sub(r"images/\1", cell.source))
    del about["authors"]
    about |= {
        "assignment": assignment.name,
        "due": assignment.due,
        "variant": assignment.variant,
    }
    return notebook, list(images)


def _varied(source, call, assignment):
    """A cell's source in which a call, given up to its bracket, also names the variant."""
    if assignment.variant is None:
        return source
    return source.replace(f"{call})", f"{call}, variant={assignment.variant})")


def _reword(cell, source):
    """Changes an author's cell; its id tells whether somebody has edited it."""
    cell.source = source
    cell.id = f"{cell_digest(cell)}-{cell.id.rpartition('-')[2]}"


def _nbgrader(grade_id, *, grade=False, solution=False, locked, **more):
    """nbgrader's metadata of a cell, schema 3. It adds its checksums itself."""
    return {
        "schema_version": 3,
        "grade_id": grade_id,
        "grade": grade,
        "solution": solution,
        "locked": locked,
        "task": False,
        **more,
    }


def _image(course, image, notebook):
    try:
        return (course.root / "images" / image).read_bytes()
    except FileNotFoundError:
        raise CourseError(f"{notebook} shows images/{image}, which is not there") from None


def requirements(course, name, address=""):
    """The text of requirements.txt: what the project pins to run, and the course itself."""
    if address and not re.fullmatch(r"[a-z+]+://\S+", address):
        raise UsageError(
            f"--course-from is {address!r}, expected an address for pip, such as "
            "git+https://example.org/course.git"
        )
    try:
        text = (course.root / REQUIREMENTS).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise CourseError(f"there is no {REQUIREMENTS} in {course.root}") from None
    section = re.search(r"^# Run\n(.*?)(?=^# |\Z)", text, re.M | re.S)
    pinned = re.findall(r"^[\w.-]+==\S+", section.group(1) if section else "", re.M)
    if not pinned:
        raise CourseError(f"{REQUIREMENTS} pins nothing below a line `# Run`")
    own = f" @ {address}" if address else f"=={version('backprop-course')}"
    return "\n".join(
        [
            f"# What the notebooks of {name} run with, on Python 3.11 or newer.",
            f"backprop-course{own}",
            *pinned,
            "",
        ]
    )


# instructions --------------------------------------------------------------------------------

_TEXT = """\
# {name}

{notebooks}

{points} points in all. {rule}

## Open the notebooks

You need Python 3.11 or newer. In a terminal, in this folder:

```
python -m venv .venv
source .venv/bin/activate        # Windows: .venv\\Scripts\\activate
pip install -r requirements.txt
jupyter lab
```

Then open `{first}`.

## Work

- Write your code in the cell of the exercise, run it, and run the `check(…)` cell below it. The
  card says what is not right yet and why. You may check as often as you like; it costs nothing.
- Answer the questions in their cards. Your answers are kept in the folder `work/` beside the
  notebooks, so leave that folder where it is.
- Keep the names of the functions and classes: they say which exercise is meant. You may add cells.
  If a function is defined twice, the last one counts.
- Answers may use NumPy and Python's standard library. What an exercise asks for is to be written,
  not called from `course_lib`. Of your cells, the grader runs imports, functions, classes and
  assignments; what an answer needs from a loop outside of functions is not there.
- `course check {first}` in a terminal shows how the whole notebook does. What
  you hand in is judged again, in cases other than those of the card.{variant}

## Save and hand in

1. Run the last cell of the notebook. It prints your answers to the questions, and so they travel
   with the notebook.
2. Save the notebook (Ctrl-S, on a Mac Cmd-S).
3. In a terminal, in this folder:

```
{submit}
```

Hand in the zip file that it makes{each}. It holds the notebook and your
answers, and no points. Where the command does not run, hand in the notebook itself. You may hand
in an unfinished notebook: what is right in it counts.

## Points

| chapter | exercise | name | points |
|---|---|---|---|
{table}
"""


def instructions(assignment, notebooks):
    """The text of INSTRUCTIONS.md. notebooks: their file names, a chapter's each."""
    items = assignment.items()
    chapters = assignment.chapters
    varied = "\n- The questions have numbers of this assignment's own."
    return _TEXT.format(
        name=assignment.name,
        notebooks="\n".join(
            f"- Chapter {c}: `{n}`" for c, n in zip(chapters, notebooks, strict=True)
        ),
        points=sum(item.points for item in items),
        rule=assignment.rule,
        first=notebooks[0],
        variant="" if assignment.variant is None else varied,
        submit="\n".join(f'course submit {c} --name "Your Name"' for c in chapters),
        each="" if len(chapters) == 1 else ", one for each chapter",
        table="\n".join(
            f"| {i.chapter} | {i.title.replace('|', '¦')} | `{i.name}` | {i.points} |"
            for i in items
        ),
    )


# writing -------------------------------------------------------------------------------------


def _may_write(folder, archive, force):
    there = [str(path) for path in (folder, archive) if os.path.lexists(path)]
    if there and not force:
        raise CourseError(f"{' and '.join(there)} is there already (--force replaces it)")
    if os.path.lexists(folder) and not (folder / INSTRUCTIONS).is_file():
        raise CourseError(f"{folder} is no release of an assignment; choose another --to or --name")


def _put_in_place(folder, files):
    """Makes the folder as a whole: it is built beside its place and then renamed."""
    beside = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    before = folder.with_name(f".{folder.name}.{os.getpid()}.old")
    try:
        for name, data in files.items():
            path = beside / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        if folder.exists():
            os.replace(folder, before)
        try:
            os.replace(beside, folder)
        except BaseException:
            if before.exists():
                os.replace(before, folder)
            raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    shutil.rmtree(before, ignore_errors=True)
