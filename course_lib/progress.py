"""What a learner has done, kept in one small JSON file per chapter in the work folder.

The folder is `work/` beside the notebooks, or the one named by the environment variable
`COURSE_WORK`. Files are written atomically; a broken one is set aside, and where nothing can be
written the course works on and says so.
"""

import contextlib
import copy
import datetime
import json
import os
import tempfile
from pathlib import Path

from course_lib import exercises

FORMAT = 1
FORGOTTEN = "You can work on; it will be forgotten when the kernel stops."
_UNSAVED = {}  # {path: records} of files that could not be written, until the kernel stops
_START = Path.cwd()  # a notebook's kernel starts in the notebook's folder; a later chdir is ignored


def work_folder():
    """The folder of the progress files; it may not exist yet."""
    named = os.environ.get("COURSE_WORK")
    return Path(named) if named else _START / "work"


def _is_record(record):
    return isinstance(record, dict) and all(
        isinstance(record.get(number, 0), int) for number in ("attempts", "points")
    )


class Progress:
    """The progress file of one chapter ("02"). warning: a sentence for the learner, or ""."""

    def __init__(self, chapter, folder=None):
        self.chapter = chapter
        self.path = Path(folder or work_folder()) / f"ch{chapter}.json"
        self.warning = ""
        self.unreadable = False

    def read(self):
        """{exercise name: its record}; {} where nothing is kept. A broken file is set aside."""
        return self._read_file() | copy.deepcopy(_UNSAVED.get(self.path, {}))

    def _read_file(self):
        self.unreadable = False
        try:
            kept = json.loads(self.path.read_text(encoding="utf-8"))
            records = kept["exercises"]
            if not (isinstance(records, dict) and all(map(_is_record, records.values()))):
                raise TypeError("not a table of records")
            return records
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except OSError as error:
            self.warning = f"Your progress in {self.path} could not be read ({error.strerror})."
            self.unreadable = True
        except (ValueError, KeyError, TypeError, RecursionError):
            self._set_aside()
        return {}

    def _set_aside(self):
        now = datetime.datetime.now().strftime("%Y%m%d-%H%M%S-%f")
        aside = self.path.with_name(f"{self.path.stem}.broken-{now}.json")
        with contextlib.suppress(OSError):
            os.replace(self.path, aside)
            self.warning = (
                f"The progress file of chapter {self.chapter} could not be understood; "
                f"it was set aside as {aside.name}. A new one has been begun."
            )
            return
        self.warning = f"The progress file {self.path} could not be understood."

    def record(self, name):
        """What is kept of one exercise (status, points, attempts, answer, source, …), or {}."""
        return self.read().get(name, {})

    def save(self, verdict, *, source=None, answer=None):
        """Adds one judged attempt: its source text (code) or raw answer (a question).

        `passed` stays true once it was; the first answer is kept as `first_answer`. Where the file
        cannot be written, `warning` says so, nothing is raised, and it is remembered until the
        kernel stops. A matrix with empty entries is kept, but is no attempt yet.
        """
        if verdict.status == "not attempted":
            return
        records = self.read()
        record = records.setdefault(verdict.exercise, {"attempts": 0})
        now = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
        record.update(
            status=verdict.status,
            message=verdict.message,
            when=now,
            misconception=verdict.misconception,
        )
        begun = answer is not None and verdict.finding and verdict.finding.kind == "unfinished"
        record["attempts"] = record.get("attempts", 0) + (not begun)
        if verdict.passed:
            record["passed"] = True
            record.setdefault("passed_when", now)
        record["points"] = max(verdict.points, record.get("points", 0))
        if source is not None:
            record["source"] = source
            if verdict.passed:
                record["passed_source"] = source
        if answer is not None:
            record["answer"] = answer
            if not begun:
                record.setdefault("first_answer", answer)
            if verdict.passed:
                record["passed_answer"] = answer
        self._write(records)

    def forget_sources(self):
        """Drops the newest code of each exercise; what was earned stays, and how it was solved."""
        records = self.read()
        if any("source" in record for record in records.values()):
            for record in records.values():
                record.pop("source", None)
            self._write(records)

    def _write(self, records):
        text = json.dumps(
            {"format": FORMAT, "chapter": self.chapter, "exercises": records},
            indent=1,
            ensure_ascii=False,
        )
        _UNSAVED[self.path] = records
        if self.unreadable:  # writing would replace what is there and may be whole
            self.warning += f" {FORGOTTEN}"
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(
                dir=self.path.parent, prefix=self.path.stem, suffix=".tmp"
            )
            try:
                # What is no valid text (a lone surrogate) becomes the JSON escape that it needs.
                with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
                    file.write(text)
                os.replace(temporary, self.path)
            except BaseException:
                Path(temporary).unlink(missing_ok=True)
                raise
            del _UNSAVED[self.path]
        except OSError as error:
            self.warning = (
                f"Your progress could not be saved in {self.path.parent} "
                f"({error.strerror}). {FORGOTTEN}"
            )


def overview(folder=None, warn=lambda sentence: None):
    """A row for every exercise: (chapter, name, title, state, points, max_points, attempts).

    state: "passed", "tried" or "open". Points are those stored, shown to the learner; whoever
    grades judges again. warn: called with a sentence for each file that could not be understood.
    """
    rows = []
    kept = {}
    for item in exercises.load().values():
        if item.chapter not in kept:
            chapter = Progress(item.chapter, folder)
            kept[item.chapter] = chapter.read()
            if chapter.warning:
                warn(chapter.warning)
        record = kept[item.chapter].get(item.name, {})
        state = "passed" if record.get("passed") else "tried" if record else "open"
        rows.append(
            (
                item.chapter,
                item.name,
                item.title,
                state,
                item.points if state == "passed" else 0,
                item.points,
                record.get("attempts", 0),
            )
        )
    return sorted(rows, key=lambda row: row[0])
