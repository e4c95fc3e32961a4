"""Grading a folder of submissions: finds them, has them judged, and has the results written."""

import hashlib
import itertools
import socket
import sqlite3
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from course_lib.authoring import CourseError, UsageError
from course_lib.classroom import assignment as assignments
from course_lib.classroom import marks, submissions, writing
from course_lib.classroom.gradebook import Gradebook, key_of
from course_lib.classroom.judging import all_imports
from course_lib.classroom.local import Local
from course_lib.classroom.results import Judgement

GRADEBOOK = "gradebook.sqlite"
OVERRIDES = "overrides.csv"
WHICH = ("latest", "best")


@dataclass(frozen=True)
class Task:
    """One notebook to be judged. known: names of exercises that have been judged already."""

    found: submissions.Found
    key: str
    known: tuple = ()

    def plain(self):
        """As a plain dict, for sending."""
        return {
            "path": str(self.found.path),
            "member": list(self.found.member),
            "student": self.found.student,
            "bundle": self.found.bundle,
            "hint": self.hint,
            "known": list(self.known),
        }

    @property
    def hint(self):
        return self.found.member[-1] if self.found.member else self.found.path.name


@dataclass(frozen=True)
class Options:
    """How to grade. shard: (i, n) for the i-th of n parts, or None. cluster: a Dask address, or "".

    which: "latest" or "best" of a student's notebooks. times: {student: when handed in}. students:
    the names of all who are in the class. Both are kept in the gradebook; None keeps what is there.
    """

    workers: int = 1
    unsafe: bool = False
    bubblewrap: bool = False
    which: str = "latest"
    shard: tuple | None = None
    cluster: str = ""
    times: dict | None = None
    students: tuple | None = None

    @property
    def how(self):
        return {"unsafe": self.unsafe, "bubblewrap": self.bubblewrap}


class Run:
    """One run of the grader on folders and zip files of submissions.

    roots: their paths, each of which is judged for its layout by itself. say: is called with
    sentences. progress: is called with the number of notebooks, and returns an object with
    `update()` and `close()`.
    """

    def __init__(self, roots, assignment, to, course, options, say, progress):
        self.assignment, self.course, self.options = assignment, course, options
        self.to, self.say, self.progress = Path(to), say, progress
        roots = [Path(root) for root in roots]
        for one, other in itertools.permutations(roots, 2):
            if one.resolve().is_relative_to(other.resolve()):
                raise UsageError(f"{one} is given beside {other}, which holds it already")
        others = {path.stem for path in (course.root / assignments.FOLDER).glob("*.json")}
        self.found, remarks = submissions.search(roots, assignment.name, others)
        for root in roots:
            if not any(found.path.is_relative_to(root) for found in self.found):
                raise UsageError(
                    f"{root} holds nothing that was handed in: notebooks, folders or zip files of "
                    f"students were wanted{''.join(f'; {words}' for words in remarks)}"
                )
            if self.to.resolve().is_relative_to(root.resolve()):
                raise UsageError(
                    f"--to is {to}, within {root}: the next run would take results for submissions"
                )
        for words in remarks:
            say(words)
        self._students = {f.student for f in self.found}
        if options.shard:
            self.found = [f for f in self.found if _in_shard(f.student, options.shard)]
        try:
            self.to.mkdir(parents=True, exist_ok=True)
        except FileExistsError:
            raise UsageError(f"--to is {to}, which is a file; a folder was wanted") from None
        self._keys = {}

    @property
    def gradebook_path(self):
        if self.options.shard:
            i, n = self.options.shard
            return self.to / f"gradebook-{i}-of-{n}.sqlite"
        return self.to / GRADEBOOK

    def grade(self, overrides=None):
        """Judges what has not been judged, then writes all results; returns `ClassStatistics`.

        For a shard nothing is written but its gradebook, and the number of its students returned.
        overrides: a CSV file of decisions to take in, beside the one in the folder.
        """
        with _opened(self.gradebook_path) as gradebook:
            others = gradebook.assignments() - {self.assignment.name}
            if others:
                raise UsageError(
                    f"{self.to} holds the results of {', '.join(sorted(others))}; give each "
                    "assignment a folder of its own"
                )
            if not self.options.shard:
                self._take_lists(gradebook)
                for path in sorted(self.to.glob("gradebook-*-of-*.sqlite")):
                    _take_in(gradebook, path)
                own = self.to / OVERRIDES
                self._warn(OVERRIDES, self._take(gradebook, own, must=False))
                if overrides:
                    self._warn(overrides, self._take(gradebook, Path(overrides)))
            self._judge_all(gradebook)
            if self.options.shard:
                return len({f.student for f in self.found})
            found = marks.results(
                gradebook, self.assignment, self.found, self._keys, self.options.which
            )
            return writing.write_results(self.to, self.assignment, found)

    def _take_lists(self, gradebook):
        if self.options.times is not None:
            gradebook.keep_times(self.options.times)
            self._warn("--times", self.options.times)
        if self.options.students is not None:
            gradebook.keep_class(self.options.students)
        students = gradebook.students()
        if students and (strangers := sorted(self._students - students)):
            self.say(f"not in the class list: {', '.join(strangers)}")

    def _take(self, gradebook, path, must=True):
        return marks.take_overrides(gradebook, self.assignment, path, must)

    def _warn(self, source, students):
        """Says which of the students that a table names handed in nothing."""
        if unknown := sorted(set(students) - self._students):
            self.say(f"{source}: nothing was handed in by {', '.join(unknown)}; a misspelt name?")

    def _judge_all(self, gradebook):
        bar = self.progress(len(self.found))
        tasks = self._tasks(gradebook, bar)
        first = next(tasks, None)
        if first is None:
            bar.close()
            self.say("nothing new to judge")
            return
        engine = self._engine()
        self.say(f"layers in force: {', '.join(engine.active)}")
        if engine.missing:
            self.say(f"layers missing: {'; '.join(engine.missing)}")
        host = socket.gethostname()
        try:
            for task, message in engine.judge(itertools.chain([first], tasks)):
                self._keep(gradebook, task, message, host)
                if "done" in message or "gave up" in message:
                    bar.update()
        finally:
            engine.close()
            bar.close()

    def _engine(self):
        settings = {
            "assignment": asdict(self.assignment),
            "imports": all_imports(self.assignment, self.course),
            "how": self.options.how,
        }
        if self.options.cluster:
            from course_lib.classroom.cluster import Cluster  # here: it needs `distributed`

            return Cluster(settings, self.options.cluster)
        return Local(settings, self.options.workers)

    def _tasks(self, gradebook, bar):
        """A task for each notebook that has not been judged to the end."""
        for found in self.found:
            try:
                digest = submissions.digest(found) if not found.problem else found.problem
            except (ValueError, OSError) as error:
                digest = str(error)
                found = replace(found, problem=digest)
            key = self._keys[found.path, found.member] = key_of(
                found.student, digest, self.assignment
            )
            known = gradebook.submission(key)
            if known is None or not known.done:
                gradebook.begin(key, found.student, digest, self.assignment)
                if not found.problem:
                    yield Task(found, key, tuple(gradebook.judgements(key)))
                    continue
                gradebook.describe(key, "", found.problem, _noted(found))
                gradebook.finish(key)
            bar.update()

    def _keep(self, gradebook, task, message, host):
        if "read" in message:
            chapter, problem, remarks = message["read"]
            gradebook.describe(task.key, chapter, problem, [*_noted(task.found), *remarks])
        elif "judgement" in message:
            judgement = Judgement(**message["judgement"])
            gradebook.add(task.key, judgement, message.get("host", host))
        elif "gave up" in message:
            words = (
                "the grader itself failed at this notebook; the same command tries it again, and "
                "if that does not help, look at it by hand"
            )
            known = gradebook.submission(task.key)
            remarks = known.remarks or _noted(task.found)
            gradebook.describe(task.key, known.chapter, words, remarks)
        elif "done" in message:
            gradebook.finish(task.key)


def _noted(found):
    return (found.note,) if found.note else ()


def _in_shard(student, shard):
    i, n = shard
    digest = hashlib.sha256(student.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") % n == i - 1


def _opened(path):
    try:
        return Gradebook(path)
    except sqlite3.DatabaseError as error:
        raise _damaged(path, error) from None


def _take_in(gradebook, path):
    """Copies what the gradebook of a part holds. Raises CourseError where it is none."""
    with _opened(path):  # makes the tables where the part was stopped before it had any
        pass
    try:
        gradebook.take_in(path)
    except sqlite3.DatabaseError as error:
        raise _damaged(path, error) from None


def _damaged(path, error):
    return CourseError(f"{path} is no gradebook, or a damaged one ({error})")
