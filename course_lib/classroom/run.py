"""Grading a folder of submissions: has them judged, writes grades, pages and a report."""

import contextlib
import csv
import hashlib
import io
import itertools
import os
import queue
import re
import socket
import subprocess
import sys
import threading
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from course_lib.authoring import CourseError, UsageError
from course_lib.classroom import feedback, report, submissions
from course_lib.classroom.gradebook import Gradebook, key_of
from course_lib.classroom.judging import all_imports
from course_lib.classroom.results import Judgement, StudentResult
from course_lib.sandbox.frames import encode, read_frame

GRADES, GRADEBOOK, REPORT, FEEDBACK = "grades.csv", "gradebook.sqlite", "report.html", "feedback"
OVERRIDES = "overrides.csv"
TRIES = 2  # with a worker that dies, before the notebook is given up
WHICH = ("latest", "best")
NOTHING = "Nothing was handed in for this exercise."
_TOTALS = ("late_penalty", "final")  # what an override may name beside an exercise


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


# judging on this machine -----------------------------------------------------------------------


class _Worker:
    """A process that judges. Raises CourseError where the sandbox is refused."""

    def __init__(self, settings):
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "course_lib.classroom.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
        )
        self._send(settings)
        said = self._receive()
        if "refused" in said:
            self.close()
            raise CourseError(refusal(said["refused"]))
        self.active, self.missing = said["active"], said["missing"]

    def _send(self, message):
        self._process.stdin.write(encode(message))
        self._process.stdin.flush()

    def _receive(self):
        def read(count):
            content = self._process.stdout.read(count)
            if len(content) < count:
                raise EOFError
            return content

        return read_frame(read)

    def judge(self, task):
        """The messages on one task. Raises EOFError when the process dies."""
        try:
            self._send(task.plain())
        except OSError:
            raise EOFError from None
        while True:
            message = self._receive()
            yield message
            if "done" in message:
                return

    def close(self):
        self._process.stdin.close()
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()


def refusal(words):
    """What to say where a layer of the sandbox is missing."""
    return (
        f"students' code cannot be locked up here: {words}. With --unsafe it is run all the same, "
        "with what protection there is: it could then read and write whatever you may"
    )


class Local:
    """Judges on this machine, with several processes. active, missing: layers of the sandbox."""

    def __init__(self, settings, workers):
        self._settings, self._number = settings, workers
        first = _Worker(settings)
        self._workers = [first]
        self.active, self.missing = first.active, first.missing

    def judge(self, tasks):
        """(task, message) pairs as they come, of several tasks at once, each ended by "done"."""
        tasks, lock = iter(tasks), threading.Lock()
        found, over = queue.Queue(maxsize=200), threading.Event()

        def put(pair):
            while not over.is_set():
                with contextlib.suppress(queue.Full):
                    found.put(pair, timeout=0.5)
                    return

        def work(worker):
            try:
                while not over.is_set():
                    with lock:
                        task = next(tasks, None)
                    if task is None:
                        break
                    worker = self._judge_one(worker, task, put)
            except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
                put(error)
            finally:
                if worker is not None:
                    worker.close()
                put(None)

        missing = self._number - len(self._workers)
        self._workers += [_Worker(self._settings) for _ in range(missing)]
        threads = [threading.Thread(target=work, args=(w,), daemon=True) for w in self._workers]
        self._workers = []
        for thread in threads:
            thread.start()
        try:
            running = len(threads)
            while running:
                pair = found.get()
                if pair is None:
                    running -= 1
                elif isinstance(pair, BaseException):
                    raise pair
                else:
                    yield pair
        finally:
            over.set()

    def _judge_one(self, worker, task, put):
        """Has one task judged, by a new worker where one dies; returns the worker to go on with."""
        seen = set(task.known)
        for left in reversed(range(TRIES)):
            try:
                for message in worker.judge(replace(task, known=tuple(seen))):
                    if "judgement" in message:
                        seen.add(message["judgement"]["exercise"])
                    put((task, message))
                return worker
            except EOFError:
                worker.close()
                worker = _Worker(self._settings)
                if not left:
                    put((task, {"gave up": True}))
                    put((task, {"done": True}))
        return worker

    def close(self):
        for worker in self._workers:
            worker.close()


# the run -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Options:
    """How to grade. shard: (i, n) for the i-th of n parts, or None. cluster: a Dask address, or "".

    which: "latest" or "best" of a student's notebooks. times: {student: when handed in}.
    """

    workers: int = 1
    unsafe: bool = False
    bubblewrap: bool = False
    which: str = "latest"
    shard: tuple | None = None
    cluster: str = ""
    times: dict | None = None

    @property
    def how(self):
        return {"unsafe": self.unsafe, "bubblewrap": self.bubblewrap}


class Run:
    """One run of the grader on a folder of submissions.

    say: is called with sentences. progress: is called with the number of notebooks, and returns an
    object with `update()` and `close()`.
    """

    def __init__(self, root, assignment, to, course, options, say, progress):
        self.assignment, self.course, self.options = assignment, course, options
        self.to, self.say, self.progress = Path(to), say, progress
        self.found = submissions.find(Path(root), assignment.name)
        if options.shard:
            self.found = [f for f in self.found if _in_shard(f.student, options.shard)]
        self.to.mkdir(parents=True, exist_ok=True)
        self._keys = {}

    @property
    def gradebook_path(self):
        if self.options.shard:
            i, n = self.options.shard
            return self.to / f"gradebook-{i}-of-{n}.sqlite"
        return self.to / GRADEBOOK

    def grade(self, overrides=None):
        """Judges what has not been judged, then writes all results; returns the students' number.

        overrides: a CSV file of decisions to take in, beside the one in the folder.
        """
        with _opened(self.gradebook_path) as gradebook:
            if not self.options.shard:
                for path in sorted(self.to.glob("gradebook-*-of-*.sqlite")):
                    gradebook.take_in(path)
                take_overrides(gradebook, self.assignment, self.to / OVERRIDES, must=False)
                if overrides:
                    take_overrides(gradebook, self.assignment, Path(overrides))
            self._judge_all(gradebook)
            if self.options.shard:
                return len({f.student for f in self.found})
            return write_results(
                self.to,
                self.assignment,
                results(gradebook, self.assignment, self.found, self._keys, self.options),
            )

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
                if "done" in message:
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
                gradebook.describe(key, "", found.problem, ())
                gradebook.finish(key)
            bar.update()

    def _keep(self, gradebook, task, message, host):
        if "read" in message:
            gradebook.describe(task.key, *message["read"])
        elif "judgement" in message:
            judgement = Judgement(**message["judgement"])
            gradebook.add(task.key, judgement, message.get("host", host))
        elif "gave up" in message:
            words = "The grader itself failed at this notebook, twice; look at it by hand."
            gradebook.describe(task.key, "", words, ())
        elif "done" in message:
            gradebook.finish(task.key)


def _in_shard(student, shard):
    i, n = shard
    digest = hashlib.sha256(student.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") % n == i - 1


def _opened(path):
    import sqlite3

    try:
        return Gradebook(path)
    except sqlite3.DatabaseError as error:
        raise CourseError(f"{path} is no gradebook, or a damaged one ({error})") from None


# results -----------------------------------------------------------------------------------------


def results(gradebook, assignment, found, keys, options):
    """A `StudentResult` for each student, in order of their names."""
    overrides = gradebook.overrides()
    for student, group in itertools.groupby(found, key=lambda f: f.student):
        yield _result(
            gradebook, assignment, student, list(group), keys, options, overrides.get(student, {})
        )


def _result(gradebook, assignment, student, group, keys, options, overrides):
    times = options.times or {}
    papers, notes = [], []
    for found in group:
        key = keys[found.path, found.member]
        known = gradebook.submission(key)
        name = found.member[-1] if found.member else found.path.name
        when = times.get(student, found.when)
        if known.problem:
            notes.append(f"{name}: {known.problem}")
        elif not known.chapter:
            notes.append(f"{name}: it is not clear to which chapter this notebook belongs")
        notes += [f"{name}: {remark}" for remark in known.remarks]
        papers.append((known.chapter, when, name, gradebook.judgements(key)))
    judgements, penalty, late = [], 0.0, []
    items = assignment.items()
    for chapter in assignment.chapters:
        wanted = [i for i in items if i.chapter == chapter]
        mine = [p for p in papers if p[0] == chapter]
        if not mine:
            judgements += [_missing(item) for item in wanted]
            continue
        _, when, name, judged = _chosen(mine, assignment, options.which)
        if len(mine) > 1:
            notes.append(f"{len(mine)} notebooks for chapter {chapter}: {name} counts")
        these = [judged.get(item.name) or _missing(item) for item in wanted]
        these = [_overridden(j, overrides) for j in these]
        judgements += these
        fraction, days = assignment.late_fraction(when)
        if fraction or days:
            penalty += round(fraction * sum(j.points for j in these), 2)
            late.append(f"chapter {chapter}: day {days} after the due date, {fraction:.0%} off")
    notes += [f"{j.exercise}: {j.remark}" for j in judgements if j.remark]
    notes += [
        f"{j.exercise}: points set by the instructor ({j.reason})" for j in judgements if j.reason
    ]
    score = sum(j.points for j in judgements)
    if "late_penalty" in overrides:
        penalty, reason = overrides["late_penalty"]
        late = [f"set by the instructor ({reason})"]
    final = max(score - penalty, 0)
    if "final" in overrides:
        final, reason = overrides["final"]
        notes.append(f"final set by the instructor ({reason})")
    newest = max((w for _, w, _, _ in papers if w), default=None)
    return StudentResult(
        student,
        score,
        sum(j.max_points for j in judgements),
        penalty,
        final,
        tuple(judgements),
        tuple(dict.fromkeys(notes)),
        newest.isoformat(timespec="minutes") if newest else "",
        "; ".join(late),
    )


def _chosen(papers, assignment, which):
    """The notebook that counts, of several for one chapter; papers are in order of time."""
    if which == "latest":
        return papers[-1]

    def worth(paper):
        fraction, _ = assignment.late_fraction(paper[1])
        return sum(j.points for j in paper[3].values()) * (1 - fraction)

    best = max(map(worth, papers))
    return next(p for p in reversed(papers) if worth(p) == best)


def _missing(item):
    return Judgement(
        item.name, item.title, item.chapter, item.kind, "missing", 0, item.points, NOTHING
    )


def _overridden(judgement, overrides):
    if judgement.exercise not in overrides:
        return judgement
    points, reason = overrides[judgement.exercise]
    return replace(judgement, points=points, reason=reason or "no reason given")


def take_overrides(gradebook, assignment, path, must=True):
    """Takes the decisions in a CSV file (student, exercise, points, reason) into the gradebook.

    exercise: an exercise's name, "late_penalty" or "final". Points left empty take a decision back.
    Raises UsageError that names the line; then nothing is taken.
    """
    rows = read_table(path, ("student", "exercise", "points"), must)
    names = {item.name: item.points for item in assignment.items()}
    decisions = []
    for line, row in rows:
        exercise, text = row["exercise"].strip(), row["points"].strip()
        if exercise not in names and exercise not in _TOTALS:
            raise UsageError(
                f"{path}, line {line}: the exercise is {exercise!r}; one of "
                f"{', '.join([*names, *_TOTALS])} was wanted"
            )
        try:
            points = float(text) if text else None
            if points is not None and not 0 <= points < float("inf"):
                raise ValueError
        except ValueError:
            raise UsageError(
                f"{path}, line {line}: the points are {text!r}; a number of 0 or more was wanted"
            ) from None
        decisions.append((row["student"].strip(), exercise, points, row.get("reason") or ""))
    for decision in decisions:
        gradebook.override(*decision)


def read_table(path, columns, must=True):
    """[(line, row)] of a CSV file with at least these columns. Raises UsageError."""
    if not path.exists() and not must:
        return []
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} could not be read: {error}") from None
    reader = csv.DictReader(io.StringIO(text), skipinitialspace=True)
    missing = [c for c in columns if c not in (reader.fieldnames or ())]
    if missing:
        raise UsageError(
            f"{path} has no column {missing[0]!r}; its first line must name {', '.join(columns)}"
        )
    return [(reader.line_num, {k: v or "" for k, v in row.items() if k}) for row in reader]


# writing -----------------------------------------------------------------------------------------


def write_results(to, assignment, found):
    """Writes grades, feedback pages and the class report; returns the number of students."""
    names = [item.name for item in assignment.items()]
    count = 0
    (to / FEEDBACK).mkdir(exist_ok=True)

    def writing(rows):
        nonlocal count
        for result in found:
            count += 1
            rows.writerow(_row(result, names))
            page = feedback.page(assignment.name, result)
            put(to / FEEDBACK / f"{file_name(result.student)}.html", page)
            yield result

    temporary = to / f".{GRADES}.{os.getpid()}.tmp"
    try:
        with temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow(
                ["student", "score", "max_score", "late_penalty", "final", *names, "note"]
            )
            statistics = report.statistics(assignment, writing(rows))
        os.replace(temporary, to / GRADES)
    finally:
        temporary.unlink(missing_ok=True)
    put(to / REPORT, report.page(statistics))
    return count


def _row(result, names):
    points = {j.exercise: j.points for j in result.judgements}
    note = "; ".join([*filter(None, [result.late]), *result.notes])
    return [
        as_cell(result.student),
        *(f"{n:g}" for n in (result.score, result.max_score, result.late_penalty, result.final)),
        *(f"{points.get(name, 0):g}" for name in names),
        as_cell(" ".join(note.split())),
    ]


def as_cell(text):
    """A text for a spreadsheet, which must not take it for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def file_name(student):
    """A name for a student's file that every system takes, another one for every student."""
    plain = re.sub(r"[^\w.-]+", "_", student, flags=re.ASCII).strip("._")[:80]
    if plain == student and not re.fullmatch(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?", plain):
        return plain
    digest = hashlib.sha256(student.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{plain or 'student'}-{digest}"


def put(path, text):
    """Writes a text that can be made again: the old file or the new one is there at any time."""
    content = text.encode("utf-8", "backslashreplace")
    with contextlib.suppress(OSError):
        if path.read_bytes() == content:
            return
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
