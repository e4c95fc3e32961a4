"""The gradebook: every judgement in one SQLite file, committed as it is made.

A judgement belongs to a key, made of the student, the content of what was handed in, the
assignment and the version of the grader. Where any of these changes, it is judged anew.
"""

import datetime
import functools
import hashlib
import json
import sqlite3
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

import course_lib
from course_lib.classroom.results import Judgement

WAIT = 60.0  # seconds for another run on the same file to let go
_TABLES = """
CREATE TABLE IF NOT EXISTS submissions (
    key TEXT PRIMARY KEY, student TEXT NOT NULL, digest TEXT NOT NULL, assignment TEXT NOT NULL,
    grader TEXT NOT NULL, chapter TEXT NOT NULL DEFAULT '', problem TEXT NOT NULL DEFAULT '',
    remarks TEXT NOT NULL DEFAULT '[]', done INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS judgements (
    key TEXT NOT NULL, exercise TEXT NOT NULL, status TEXT NOT NULL, points REAL NOT NULL,
    max_points REAL NOT NULL, misconception TEXT NOT NULL, finding TEXT NOT NULL,
    message TEXT NOT NULL, remark TEXT NOT NULL, answer TEXT NOT NULL, title TEXT NOT NULL,
    chapter TEXT NOT NULL, kind TEXT NOT NULL, host TEXT NOT NULL, made TEXT NOT NULL,
    PRIMARY KEY (key, exercise)
);
CREATE TABLE IF NOT EXISTS overrides (
    student TEXT NOT NULL, exercise TEXT NOT NULL, points REAL NOT NULL, reason TEXT NOT NULL,
    PRIMARY KEY (student, exercise)
);
CREATE TABLE IF NOT EXISTS times (student TEXT PRIMARY KEY, submitted TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS class (student TEXT PRIMARY KEY);
"""
_FIELDS = tuple(field.name for field in fields(Judgement) if field.name != "reason")


@functools.cache
def grader_version():
    """A fingerprint of all that decides a judgement: the judge, the exercises, the sandbox."""
    package = Path(course_lib.__file__).parent
    files = [
        *package.glob("grading/**/*.py"),
        *package.glob("exercises/*.py"),
        *package.glob("sandbox/*.py"),
        package / "classroom" / "attempts.py",
        package / "classroom" / "judging.py",
        package / "classroom" / "reading.py",
    ]
    found = hashlib.sha256(np.__version__.encode())
    for path in sorted(files):
        found.update(path.name.encode() + path.read_bytes())
    return found.hexdigest()[:16]


def assignment_version(assignment):
    """A fingerprint of what decides a judgement in an assignment; dates do not."""
    parts = (assignment.name, assignment.chapters, assignment.variant, assignment.secret)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def key_of(student, digest, assignment):
    """The key of what a student handed in, graded by this version of the grader."""
    parts = json.dumps([student, digest, assignment_version(assignment), grader_version()])
    return hashlib.sha256(parts.encode(errors="surrogatepass")).hexdigest()


@dataclass(frozen=True)
class Submission:
    """What is known of one notebook. done: whether all of it has been judged."""

    key: str
    chapter: str = ""
    problem: str = ""
    remarks: tuple = ()
    done: bool = False


def _text(value):
    # SQLite takes no lone surrogates, which names of files may have.
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


class Gradebook:
    """Reads and writes one gradebook. Safe for several processes at once.

    path: the file, made where there is none. Raises sqlite3.DatabaseError where it is none.
    """

    def __init__(self, path):
        self.path = Path(path)
        self._connection = sqlite3.connect(
            self.path, timeout=WAIT, isolation_level=None, check_same_thread=False
        )
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=NORMAL")
        self._connection.executescript(f"BEGIN IMMEDIATE; {_TABLES} COMMIT;")

    def close(self):
        """Closes the file."""
        self._connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    # judgements ------------------------------------------------------------------------------

    def submission(self, key):
        """The `Submission` of a key, or None."""
        row = self._connection.execute(
            "SELECT key, chapter, problem, remarks, done FROM submissions WHERE key = ?", (key,)
        ).fetchone()
        return row and Submission(*row[:3], tuple(json.loads(row[3])), bool(row[4]))

    def assignments(self):
        """The names of the assignments of which it holds something."""
        rows = self._connection.execute("SELECT DISTINCT assignment FROM submissions")
        return {name for (name,) in rows}

    def begin(self, key, student, digest, assignment):
        """Notes that something is about to be judged."""
        self._connection.execute(
            "INSERT OR IGNORE INTO submissions (key, student, digest, assignment, grader) "
            "VALUES (?, ?, ?, ?, ?)",
            (key, _text(student), digest, assignment.name, grader_version()),
        )

    def describe(self, key, chapter, problem, remarks):
        """Notes what was read: the chapter, why nothing could be read, and remarks."""
        self._connection.execute(
            "UPDATE submissions SET chapter = ?, problem = ?, remarks = ? WHERE key = ?",
            (chapter, _text(problem), json.dumps([_text(r) for r in remarks]), key),
        )

    def add(self, key, judgement, host=""):
        """Keeps one judgement; one that is there already stays."""
        made = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        values = [_text(getattr(judgement, name)) for name in _FIELDS]
        self._connection.execute(
            f"INSERT OR IGNORE INTO judgements (key, {', '.join(_FIELDS)}, host, made) "
            f"VALUES (?, {', '.join('?' * len(_FIELDS))}, ?, ?)",
            (key, *values, host, made),
        )

    def finish(self, key):
        """Notes that all of it has been judged."""
        self._connection.execute("UPDATE submissions SET done = 1 WHERE key = ?", (key,))

    def judgements(self, key):
        """{exercise: `Judgement`} of a key."""
        rows = self._connection.execute(
            f"SELECT {', '.join(_FIELDS)} FROM judgements WHERE key = ? ORDER BY rowid", (key,)
        )
        return {row[0]: Judgement(*row) for row in rows}

    def take_in(self, other):
        """Copies what another gradebook holds and this one does not (of a shard)."""
        self._connection.execute("ATTACH DATABASE ? AS other", (str(other),))
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for table in ("judgements", "submissions"):
                self._connection.execute(
                    f"INSERT OR IGNORE INTO main.{table} SELECT * FROM other.{table}"
                )
            self._connection.execute(
                "UPDATE main.submissions SET done = 1 WHERE key IN "
                "(SELECT key FROM other.submissions WHERE done = 1)"
            )
            self._connection.execute("COMMIT")
        except sqlite3.Error:
            self._connection.execute("ROLLBACK")
            raise
        finally:
            self._connection.execute("DETACH DATABASE other")

    # what the instructor says ----------------------------------------------------------------

    def override(self, student, exercise, points, reason):
        """Keeps an instructor's decision; points None takes an earlier one back."""
        if points is None:
            self._connection.execute(
                "DELETE FROM overrides WHERE student = ? AND exercise = ?", (student, exercise)
            )
        else:
            self._connection.execute(
                "INSERT OR REPLACE INTO overrides VALUES (?, ?, ?, ?)",
                (student, exercise, points, reason),
            )

    def overrides(self):
        """{student: {exercise: (points, reason)}}."""
        found = {}
        for student, exercise, points, reason in self._connection.execute(
            "SELECT student, exercise, points, reason FROM overrides"
        ):
            found.setdefault(student, {})[exercise] = points, reason
        return found

    def keep_times(self, times):
        """Keeps when work was handed in, {student: aware datetime}, in place of all before."""
        self._replace("times", [(_text(s), when.isoformat()) for s, when in times.items()])

    def times(self):
        """{student: aware datetime} as last kept."""
        rows = self._connection.execute("SELECT student, submitted FROM times")
        return {student: datetime.datetime.fromisoformat(when) for student, when in rows}

    def keep_class(self, students):
        """Keeps the names of all who are in the class, in place of all before."""
        self._replace("class", [(_text(s),) for s in dict.fromkeys(students)])

    def students(self):
        """The names of all who are in the class, as last kept; none where nobody said."""
        return {student for (student,) in self._connection.execute("SELECT student FROM class")}

    def _replace(self, table, rows):
        with self._connection:  # all of it or nothing
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.execute(f"DELETE FROM {table}")
            for row in rows:
                places = ", ".join("?" * len(row))
                self._connection.execute(f"INSERT INTO {table} VALUES ({places})", row)
