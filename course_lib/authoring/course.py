"""Where a course's files are, and reading and writing notebooks safely."""

import datetime
import json
import os
import re
import shutil
from functools import cached_property
from pathlib import Path

import nbformat

import course_lib
from course_lib.authoring.errors import CourseError, UsageError


class Course:
    """The files of a course below `root`: `chapters/` and `chapters/source/`."""

    def __init__(self, root):
        self.root = Path(root)
        self.chapters = self.root / "chapters"

    @classmethod
    def find(cls, start=None):
        """The course around the folder `start` (the current one), else around the package.

        Raises UsageError where there is neither.
        """
        start = Path(start or Path.cwd()).resolve()
        for folder in (start, *start.parents, Path(course_lib.__file__).resolve().parents[1]):
            if (folder / "chapters" / "source").is_dir():
                return cls(folder)
        raise UsageError(f"no course around {start}: a folder with chapters/source was wanted")

    @cached_property
    def sources(self):
        """{chapter: source file}, in order of the chapters ("00", "01", …)."""
        found = {}
        for path in sorted((self.chapters / "source").glob("*.md")):
            if not re.fullmatch(r"\d\d_\w+\.md", path.name):
                raise CourseError(f"{path} is not called NN_name.md")
            if path.name[:2] in found:
                raise CourseError(
                    f"two sources for chapter {path.name[:2]}: "
                    f"{found[path.name[:2]].name} and {path.name}"
                )
            found[path.name[:2]] = path
        return found

    def chapter(self, text):
        """The chapter meant by "2" or "02". Raises UsageError that lists the chapters."""
        chapter = str(text).zfill(2)
        if chapter not in self.sources:
            there = ", ".join(self.sources) or "none"
            raise UsageError(f"there is no chapter {text}; there are {there}")
        return chapter

    def notebook(self, chapter):
        """The path of a chapter's notebook; the file may not exist yet."""
        return self.chapters / f"{self.sources[chapter].stem}.ipynb"

    @property
    def work(self):
        """The folder of progress files and saved notebooks; it may not exist yet."""
        return Path(os.environ.get("COURSE_WORK") or self.chapters / "work")

    def save_copy(self, path):
        """Copies a notebook to `saved/` in the work folder, with the time in its name."""
        folder = self.work / "saved"
        folder.mkdir(parents=True, exist_ok=True)
        stem = f"{path.stem}-{datetime.datetime.now():%Y%m%d-%H%M%S}"
        copy, again = folder / f"{stem}{path.suffix}", 2
        while copy.exists():
            copy, again = folder / f"{stem}-{again}{path.suffix}", again + 1
        shutil.copy2(path, copy)
        return copy


def read_notebook(path):
    """The notebook in a file (format 4). Raises UsageError that says what is there instead."""
    path = Path(path)
    if not path.exists():
        raise UsageError(f"there is no file {path}")
    if not path.is_file():
        raise UsageError(f"{path} is not a file; a notebook (.ipynb) was wanted")
    try:
        text = path.read_bytes().decode("utf-8-sig")
        content = json.loads(text)
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not a notebook: it is not UTF-8 text") from None
    except json.JSONDecodeError as error:
        raise UsageError(
            f"{path} is not a notebook, or a damaged one: its JSON breaks at line "
            f"{error.lineno}, column {error.colno}"
        ) from None
    if isinstance(content, dict) and content.get("nbformat", 4) != 4:
        raise UsageError(
            f"{path} is a notebook of format {content['nbformat']}; format 4 was wanted, "
            "which Jupyter writes when it opens and saves the file"
        )
    cells = content.get("cells") if isinstance(content, dict) else None
    if not isinstance(cells, list) or not all(_is_cell(c) for c in cells):
        raise UsageError(f"{path} is JSON, but not a notebook of format 4 with a list of cells")
    content.setdefault("metadata", {})
    content.setdefault("nbformat_minor", 5)
    return nbformat.v4.reads(json.dumps(content))


def _is_cell(cell):
    return (
        isinstance(cell, dict)
        and cell.get("cell_type") in ("code", "markdown", "raw")
        and isinstance(cell.get("source"), (str, list))
        and isinstance(cell.setdefault("metadata", {}), dict)
        and isinstance(cell.setdefault("outputs", []) if cell["cell_type"] == "code" else [], list)
    )


def write_notebook(path, notebook):
    """Writes a notebook atomically: the old file or the new one is there, never half of one."""
    nbformat.validate(notebook)
    text = nbformat.v4.writes(notebook, indent=1) + "\n"
    write_atomically(Path(path), text.encode("utf-8"))


def write_atomically(path, content):
    """Writes bytes to a file: the old content or the new is there, never half of it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # or a power cut could leave the new name without content
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
