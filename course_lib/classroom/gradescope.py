"""An autograder for Gradescope: a zip file with the judge, which runs in a container there."""

import io
import json
import re
import zipfile
from dataclasses import asdict, replace
from pathlib import Path

import course_lib
from course_lib import exercises
from course_lib.authoring import CourseError, UsageError, write_atomically
from course_lib.classroom.archive import pack
from course_lib.classroom.assignment import FOLDER, find, new
from course_lib.classroom.gradescope_run import SETTINGS
from course_lib.classroom.judging import all_imports
from course_lib.classroom.release import default_name

PROGRAMS = ("setup.sh", "run_autograder")
# Of the package, what judging never loads: the command line, pictures, and grading whole folders.
_LEFT_OUT = ("cli/", "explorers/", "viz/", "classroom/nbgrader.py", "classroom/cluster.py")
_DATA = "datasets/mnist.npz"
_NEEDED = (
    *("numpy", "threadpoolctl", "nbformat", "jupyter_core", "jupytext", "nbclient", "ipywidgets"),
    *("jinja2", "landlock", "pyseccomp"),
)


def assignment_for(course, chapters, name=""):
    """(the assignment of that name for these chapters, whether it was made just now).

    Without a name it is called as `course release` calls it, and made where there is none. Chapters
    may be some of the assignment's. Raises UsageError.
    """
    if not name and not (course.root / FOLDER / f"{default_name(chapters)}.json").is_file():
        made = new(default_name(chapters), chapters)
        made.save(course)
        return made, True
    found = find(name or default_name(chapters), course)
    if other := [c for c in chapters if c not in found.chapters]:
        raise UsageError(
            f"the assignment {found.name} has the chapters {', '.join(found.chapters)}, and not "
            f"{', '.join(other)}"
        )
    return replace(found, chapters=tuple(chapters)), False


def build(course, assignment, to, *, unsafe=False):
    """Writes the autograder of an assignment to a zip file; returns the names of what is in it.

    unsafe: whether it judges even where a layer of the sandbox is missing there. Raises
    CourseError.
    """
    members = contents(course, assignment, unsafe=unsafe)
    content = io.BytesIO(pack(members))
    with zipfile.ZipFile(content, "a", zipfile.ZIP_DEFLATED) as archive:
        for name in PROGRAMS:
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.create_system, entry.external_attr = 3, 0o100755 << 16
            archive.writestr(entry, _program(name))
    write_atomically(to, content.getvalue())
    return [*members, *PROGRAMS]


def contents(course, assignment, *, unsafe=False):
    """{name: bytes} of all that is in the zip file, but for the programs."""
    settings = {
        "assignment": asdict(assignment),
        "imports": all_imports(assignment, course),
        "how": {"unsafe": unsafe},
    }
    found = {
        SETTINGS: f"{json.dumps(settings, indent=1)}\n".encode(),
        "requirements.txt": requirements(course).encode(),
    }
    package = Path(course_lib.__file__).parent
    names = sorted(p.relative_to(package).as_posix() for p in package.rglob("*.py"))
    names = [name for name in names if not name.startswith(_LEFT_OUT)]
    if any(map(_needs_data, assignment.chapters)):
        names += [_DATA, "datasets/LICENSE-data"]
    for name in names:
        found[f"{package.name}/{name}"] = (package / name).read_bytes()
    return found


def _needs_data(chapter):
    """Whether judging a chapter reads the MNIST images."""
    folder = Path(exercises.__file__).parent
    return any("load_mnist" in p.read_text("utf-8") for p in folder.glob(f"ch{chapter}_*.py"))


def _program(name):
    return (Path(__file__).parent / "templates" / name).read_bytes()


def requirements(course):
    """The text of requirements.txt: what judging needs, as the course's own file pins it."""
    try:
        text = (course.root / "requirements.txt").read_text(encoding="utf-8")
    except FileNotFoundError:
        raise CourseError(f"there is no requirements.txt in {course.root}") from None
    pinned = dict(re.findall(r"^([\w.-]+)==([^\s;]+)", text, re.M))
    if missing := [name for name in _NEEDED if name not in pinned]:
        raise CourseError(f"requirements.txt does not pin {', '.join(missing)}")
    return "".join(f"{name}=={pinned[name]}\n" for name in _NEEDED)
