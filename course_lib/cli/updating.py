"""New versions of chapters: where they come from and how they replace the old ones."""

import contextlib
import shutil
import tempfile
import zipfile
from pathlib import Path

from course_lib import exercises
from course_lib.authoring import (
    CourseError,
    UsageError,
    build,
    carry_over,
    differences,
    execute,
    read_notebook,
    write_notebook,
)
from course_lib.authoring.carry import answer_cells, is_own
from course_lib.progress import Progress


@contextlib.contextmanager
def newer_course(path):
    """The chapters folder of a newer course in a folder or a zip file, unpacked meanwhile.

    Raises UsageError where there is none.
    """
    path = Path(path)
    if not path.exists():
        raise UsageError(f"there is no file or folder {path}")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as unpacked:
        folder = path
        if path.is_file():
            if not zipfile.is_zipfile(path):
                raise UsageError(f"{path} is neither a folder nor a zip file")
            with zipfile.ZipFile(path) as archive:
                archive.extractall(unpacked)
            folder = Path(unpacked)
        for chapters in (folder, folder / "chapters", *sorted(folder.glob("*/chapters"))):
            if any(chapters.glob("[0-9][0-9]_*.ipynb")):
                yield chapters
                return
        raise UsageError(f"{path} holds no chapters (chapters/NN_name.ipynb)")


def from_folder(course, chapters, dry_run, say):
    """Takes the notebooks in `chapters`, their sources and their pictures.

    Raises CourseError, before anything is changed, where a chapter needs exercises that the
    installed library does not have.
    """
    if chapters.resolve() == course.chapters.resolve():
        raise UsageError(f"{chapters} is this course itself; a newer one was wanted")
    fresh = {path: read_notebook(path) for path in sorted(chapters.glob("[0-9][0-9]_*.ipynb"))}
    known = exercises.load()
    for path, notebook in fresh.items():
        missing = sorted(answer_cells(notebook).keys() - known.keys())
        if missing:
            raise CourseError(
                f"{path.name} has exercises that the installed course_lib does not "
                f"know ({', '.join(missing)}): install the newer course first"
            )
    for path, notebook in fresh.items():
        _replace(course, path.name[:2], course.chapters / path.name, notebook, dry_run, say)
    if not dry_run:
        for folder, to in (
            (chapters / "source", course.chapters / "source"),
            (chapters.parent / "images", course.root / "images"),
        ):
            if folder.is_dir():
                shutil.copytree(folder, to, dirs_exist_ok=True)


def from_source(course, dry_run, say):
    """Builds every chapter that differs from this checkout's source, or lacks stored answers."""
    for chapter in course.sources:
        target, fresh = course.notebook(chapter), build(chapter, course)
        if target.exists():
            pristine = _without_answers(read_notebook(target), fresh)
            if not _differences(pristine, fresh):
                _replace(course, chapter, target, pristine, dry_run, say)
                continue
        if not dry_run:
            say(f"{target.name}: building …")
            execute(fresh, course.chapters, target.name)
        _replace(course, chapter, target, fresh, dry_run, say)


def _without_answers(notebook, built):
    """The notebook in place with the starters put back, changed in place."""
    starters = {name: cell.source for name, cell in answer_cells(built).items()}
    for name, cell in answer_cells(notebook).items():
        cell.source = starters.get(name, cell.source)
    return notebook


def _differences(notebook, built):
    """What differs, but for cells that the learner added."""
    ours = notebook.copy()
    ours.cells = [c for c in notebook.cells if not is_own(c)]
    return differences(ours, built)


def _replace(course, chapter, target, fresh, dry_run, say):
    """Puts `fresh` in place with the learner's work in it; keeps a copy of what was there."""
    if not target.exists():
        if not dry_run:
            write_notebook(target, fresh)
        say(f"{target.name}: {'would be new' if dry_run else 'new'}")
        return
    old = read_notebook(target)
    carried = carry_over(old, fresh, Progress(chapter, course.work).read())
    if carried.notebook == old:
        say(f"{target.name}: up to date")
    elif dry_run:
        say(f"{target.name}: would be updated; {carried}")
    else:
        copy = course.save_copy(target)
        write_notebook(target, carried.notebook)
        say(f"{target.name}: updated; {carried}; the old version is {copy}")
