"""What a learner hands in: one zip file with the notebook and the raw answers, and no verdicts."""

import datetime
import getpass
import hashlib
import json
import os
import re
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path, PurePosixPath

from course_lib import exercises
from course_lib.authoring import (
    Course,
    UsageError,
    read_notebook,
    stored_answers,
    write_atomically,
)
from course_lib.authoring.build import digest
from course_lib.authoring.carry import answer_cells
from course_lib.classroom.archive import MOST_BYTES, pack, unpack
from course_lib.progress import Progress
from course_lib.widgets.plain import best_answer

FORMAT = 1
ANSWERS = "answers.json"
MANIFEST = "manifest.json"
_MOST_JSON = 10 * 2**20
_LONGEST = 200  # characters of an entry in a stranger's manifest


@dataclass(frozen=True)
class Submission:
    """What was packed. code, questions: {exercise: whether it looks worked on}.

    warnings: sentences for the learner.
    """

    path: Path
    notebook: Path
    name: str
    code: dict
    questions: dict
    warnings: tuple = ()

    @property
    def untouched(self):
        return [name for name, touched in (self.code | self.questions).items() if not touched]


# packing -------------------------------------------------------------------------------------


def submit(what, to, name=""):
    """Packs the notebook of a chapter ("2", "02") or of a file into a zip file in the folder `to`.

    name: the learner's, by default the one they log in with. No file is ever replaced. Returns a
    `Submission`. Raises UsageError where there is no such notebook, or none that can be read.
    """
    if not to.is_dir():
        raise UsageError(f"there is no folder {to}")
    path = _find(what)
    notebook = read_notebook(path)
    content = path.read_bytes()
    if len(content) > MOST_BYTES:
        raise UsageError(
            f"{path} has {len(content) / 2**20:.0f} MB, {MOST_BYTES / 2**20:g} MB at most can be "
            "handed in; clear its outputs and save it"
        )
    chapter = chapter_of(notebook, path)
    progress = Progress(chapter, os.environ.get("COURSE_WORK") or path.parent / "work")
    answers = _answers(notebook, progress)
    name = name.strip() or _login()
    members = {path.name: content, ANSWERS: _json(answers)}
    members[MANIFEST] = _json(_manifest(notebook, chapter, name, members))
    target = _free(to, f"{chapter}_{_plain(name)}_submission")
    write_atomically(target, pack(members))
    return Submission(
        target,
        path,
        name,
        _worked_on(notebook, chapter),
        {q.name: q.name in answers for q in _of_kind(chapter, code=False)},
        (progress.warning,) if progress.warning else (),
    )


def _find(what):
    """The notebook that is meant, from the current folder first. Raises UsageError."""
    path = Path(what)
    if path.suffix == ".ipynb":
        return path
    chapter = what.zfill(2)
    chapters = _chapters()
    if chapter not in chapters:
        raise UsageError(f"there is no chapter {what}; there are {', '.join(chapters)}")
    folder = Path.cwd()
    for place in (folder, folder / "chapters"):
        found = sorted(place.glob(f"{chapter}_*.ipynb"))
        if len(found) > 1:
            names = ", ".join(p.name for p in found)
            raise UsageError(
                f"{place} holds {len(found)} notebooks of chapter {chapter}: {names}; say which "
                "by its name, as in: course submit FILE.ipynb"
            )
        if found:
            return found[0]
    try:
        found = Course.find().notebook(chapter)
    except (UsageError, KeyError):
        found = None
    if found is None or not found.is_file():
        raise UsageError(
            f"there is no notebook {chapter}_….ipynb in {folder}; go to its folder first, or name "
            "the file"
        )
    return found


def _chapters():
    return sorted({item.chapter for item in exercises.load().values()})


def chapter_of(notebook, path):
    """The chapter of a notebook, from its metadata, its exercises or its file's name.

    Raises UsageError where it is none of this course.
    """
    known = exercises.load()
    told = [_about(notebook).get("chapter")]
    told += [known[name].chapter for name in answer_cells(notebook) if name in known]
    chapters = _chapters()
    for chapter in [*told, path.name[:2]]:
        if chapter in chapters:
            return chapter
    raise UsageError(f"{path} is no chapter of this course; there are {', '.join(chapters)}")


def _of_kind(chapter, *, code):
    return [item for item in exercises.of_chapter(chapter) if (item.kind == "code") == code]


def _answers(notebook, progress):
    """{question: raw answer}: what is kept beside the notebook wins over the block in it."""
    stored, kept, found = stored_answers(notebook), progress.read(), {}
    variant = _variant(notebook)
    for item in _of_kind(progress.chapter, code=False):
        record = kept.get(item.name, {})
        if "answer" in record:
            found[item.name] = best_answer(item.varied(variant), record)
        elif item.name in stored:
            found[item.name] = stored[item.name]
    return found


def _variant(notebook):
    """The seed of the notebook's numbers, None for those of the course."""
    seed = _about(notebook).get("variant")
    return seed if isinstance(seed, int) and seed >= 0 else None


def _about(notebook_or_cell):
    """What the course's metadata say of a notebook or a cell, a table in any case."""
    course = notebook_or_cell.metadata.get("course")
    return course if isinstance(course, dict) else {}


def _worked_on(notebook, chapter):
    """{code exercise: whether a cell of it says something else than the starter}."""
    own, found = answer_cells(notebook), {}
    for item in _of_kind(chapter, code=True):
        begins = re.compile(rf"^(?:def|class)\s+{item.name}\b", re.M)
        cells = [c for c in notebook.cells if c.cell_type == "code" and begins.search(c.source)]
        known = {digest(item.starter), digest("")}
        if item.name in own:
            cells.append(own[item.name])
            known.add(_about(own[item.name]).get("starter"))
        found[item.name] = any(digest(c.source) not in known for c in cells)
    return found


def _manifest(notebook, chapter, name, members):
    assignment = _about(notebook).get("assignment")
    return {
        "format": FORMAT,
        "chapter": chapter,
        "assignment": assignment if isinstance(assignment, str) else "",
        "name": name,
        "packed": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        "course": version("backprop-course"),
        "sha256": {member: hashlib.sha256(data).hexdigest() for member, data in members.items()},
    }


def _json(value):
    return f"{json.dumps(value, indent=1)}\n".encode()


def _login():
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # which of them depends on the system
        raise UsageError(
            'this computer does not know who you are; add --name "Your Name"'
        ) from None


def _plain(name):
    """A name as part of a file's name."""
    return re.sub(r"[^\w-]+", "_", name)[:60].strip("_") or "unnamed"


def _free(folder, stem):
    """A path of that stem at which there is nothing yet."""
    path, again = folder / f"{stem}.zip", 2
    while os.path.lexists(path):
        path, again = folder / f"{stem}-{again}.zip", again + 1
    return path


# reading -------------------------------------------------------------------------------------


def read_bundle(path_or_bytes):
    """(the notebook's bytes, {question: raw answer}, manifest) of what `submit` packed.

    A stranger made it: nothing is written to disk, sizes are limited, and of the manifest only
    texts of moderate length are taken. What is odd but does no harm (a member that was changed, an
    unreadable list of answers) is a sentence in `manifest["remarks"]`. Folders in it and what
    a Mac adds are ignored. Raises ValueError in words where it holds not exactly one notebook, or
    is no zip file that can be read.
    """
    members = {
        name: data for name, data in unpack(_bytes_of(path_or_bytes)).items() if _is_ours(name)
    }
    notebooks = [name for name in members if name.lower().endswith(".ipynb")]
    if len(notebooks) != 1:
        shown = f": {', '.join(map(repr, notebooks[:3]))}" if notebooks else ""
        raise ValueError(f"it holds {len(notebooks) or 'no'} notebooks, expected one{shown}")
    remarks = []
    manifest = _table(members, MANIFEST, remarks)
    answers = _table(members, ANSWERS, remarks)
    sums = manifest.get("sha256")
    for name, data in members.items():
        base = PurePosixPath(name).name
        told = sums.get(base) if isinstance(sums, dict) else None
        if base in (ANSWERS, PurePosixPath(notebooks[0]).name) and told is not None:
            if told != hashlib.sha256(data).hexdigest():
                remarks.append(f"{base} was changed after it was packed")
    texts = ("chapter", "assignment", "name", "packed", "course")
    told = {k: v[:_LONGEST] for k, v in manifest.items() if k in texts and isinstance(v, str)}
    return members[notebooks[0]], answers, {**told, "remarks": remarks}


def _bytes_of(path_or_bytes):
    if isinstance(path_or_bytes, bytes):
        data = path_or_bytes
    else:
        with Path(path_or_bytes).open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise ValueError(f"it is larger than {MOST_BYTES / 2**20:g} MB")
    return data


def _is_ours(name):
    parts = PurePosixPath(name).parts
    return bool(parts) and parts[0] != "__MACOSX" and not parts[-1].startswith(".")


def _table(members, name, remarks):
    """A member that is a table in JSON; {} and a remark where there is none that can be read."""
    found = [data for member, data in members.items() if PurePosixPath(member).name == name]
    if len(found) != 1:
        remarks.append(f"it holds {len(found) or 'no'} files {name}, expected one")
        return {}
    try:
        if len(found[0]) > _MOST_JSON:
            raise ValueError(f"larger than {_MOST_JSON / 2**20:g} MB")
        table = json.loads(found[0])
        if not isinstance(table, dict):
            raise ValueError("not a table")
        return table
    except (ValueError, RecursionError) as error:
        remarks.append(f"{name} could not be read: {str(error)[:_LONGEST]}")
        return {}
