"""New versions of chapters: where they come from and how they replace the old ones."""

import contextlib
import os
import shutil
import tempfile
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import nbformat

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
from course_lib.authoring.carry import Carried, answer_cells, check_cells, is_own
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
            _unpack(path, unpacked)
            folder = Path(unpacked)
        for chapters in (folder, folder / "chapters", *sorted(folder.glob("*/chapters"))):
            if any(chapters.glob("[0-9][0-9]_*.ipynb")):
                try:
                    yield chapters
                except CourseError as error:  # the unpacked folder means nothing to a learner
                    words = str(error).replace(f"{unpacked}{os.sep}", f"{path}: ")
                    error.args = (words,)
                    raise
                return
        raise UsageError(f"{path} holds no chapters (chapters/NN_name.ipynb)")


def _unpack(path, folder):
    """Unpacks a zip file. Raises UsageError, which names the member that is damaged."""
    if not zipfile.is_zipfile(path):
        raise UsageError(f"{path} is neither a folder nor a zip file")
    member = "its list of files"
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.namelist():
                archive.extract(member, folder)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise UsageError(f"{path} is damaged or locked, at {member}: {error}") from None


def some_chapters(course):
    """The chapters that have a source. Raises CourseError where there are none."""
    if not course.sources:
        raise CourseError(f"{course.chapters / 'source'} holds no chapter (NN_name.md)")
    return list(course.sources)


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
    changes = [
        _change(course, path.name[:2], course.chapters / path.name, notebook)
        for path, notebook in fresh.items()
    ]
    if not dry_run:  # the sources first: should writing fail below, `course update` finishes it
        for folder, to in (
            (chapters / "source", course.chapters / "source"),
            (chapters.parent / "images", course.root / "images"),
        ):
            if folder.is_dir():
                shutil.copytree(folder, to, dirs_exist_ok=True)
    for change in changes:
        change.apply(course, dry_run, say)


def from_source(course, dry_run, say):
    """Builds every chapter that differs from this checkout's source, or lacks stored answers."""
    built = {chapter: build(chapter, course) for chapter in some_chapters(course)}
    versions = {}
    for chapter, fresh in built.items():
        target = course.notebook(chapter)
        if target.exists():
            pristine = _without_answers(_read_own(target), fresh)
            if not _differences(pristine, fresh):
                versions[chapter] = pristine
    for chapter, fresh in built.items():
        target = course.notebook(chapter)
        if chapter not in versions and not dry_run:
            say(f"{target.name}: building …")
            execute(fresh, course.chapters, target.name)
        change = _change(course, chapter, target, versions.get(chapter, fresh))
        change.apply(course, dry_run, say)


def _without_answers(notebook, built):
    """The notebook in place with the starters put back, changed in place."""
    for cells in (answer_cells, check_cells):
        starters = cells(built)
        for name, cell in cells(notebook).items():
            cell.source = starters.get(name, cell).source
    return notebook


def _differences(notebook, built):
    """What differs, but for cells that the learner added."""
    ours = notebook.copy()
    ours.cells = [c for c in notebook.cells if not is_own(c)]
    return differences(ours, built)


def _read_own(path):
    """The learner's notebook. Raises UsageError that says how to mend a damaged one."""
    try:
        return read_notebook(path)
    except UsageError as error:
        error.args = (
            f"{error}; nothing was changed. `course reset {path.name[:2]}` puts a fresh one in "
            "place (a copy of yours is kept)",
        )
        raise


@dataclass
class _Change:
    """A notebook to be put in place. old: what is there, or None."""

    target: Path
    old: object
    carried: Carried

    def apply(self, course, dry_run, say):
        """Writes it, keeps a copy of what was there, and says so."""
        name, carried = self.target.name, self.carried
        kept = f"; {carried}" if self.old or carried.restored else ""
        if carried.notebook == self.old:
            say(f"{name}: up to date")
        elif dry_run:
            say(f"{name}: would be {'updated' if self.old else 'new'}{kept}{self._lost()}")
        elif self.old is None:
            write_notebook(self.target, carried.notebook)
            say(f"{name}: new{kept}")
        else:
            copy = course.save_copy(self.target)
            write_notebook(self.target, carried.notebook)
            say(f"{name}: updated{kept}{self._lost()}; the old version is {copy}")

    def _lost(self):
        """What the learner changed in cells that are replaced."""
        number = self.carried.replaced
        if not number:
            return ""
        cells, are = (f"{number} cells", "are") if number > 1 else ("1 cell", "is")
        return f"; {cells} of the chapter's text that you changed {are} only in the old version"


def _change(course, chapter, target, fresh):
    """The change to `fresh` with the learner's work in it; nothing is written yet."""
    old = _read_own(target) if target.exists() else None
    records = Progress(chapter, course.work).read()
    carried = carry_over(fresh if old is None else old, fresh, records)
    try:
        nbformat.validate(carried.notebook)
    except nbformat.ValidationError as error:
        what = str(error).splitlines()[0]
        raise CourseError(f"{target.name} of the new version is not valid: {what}") from None
    return _Change(target, old, carried)
