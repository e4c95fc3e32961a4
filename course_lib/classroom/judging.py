"""Judging what was handed in: its code runs in the sandbox, what it did is judged here."""

import ast
import inspect
import json
import time

import course_lib
from course_lib import exercises
from course_lib.authoring import Course
from course_lib.authoring.source import read_parts
from course_lib.classroom.results import Judgement
from course_lib.grading.judging import (
    Ended,
    judge_outcomes,
    not_callable,
)
from course_lib.grading.outcomes import unified
from course_lib.grading.watchdog import TooSlow
from course_lib.sandbox.extract import fingerprint
from course_lib.sandbox.frames import BadFrame, encode
from course_lib.sandbox.link import Broken, Gone, NoSandbox, Overdue, sandbox

ALWAYS = ("gradcheck", "datasets")  # of the engine: helpers that are no answer to anything
NEVER = ("load_mnist",)  # its file cannot be read from inside
READING = 20.0  # seconds in which a notebook's cells have to be parsed
A_PART = 2.0  # seconds for a part of them, where all together were too much
READ_ROOM = 10_000_000  # bytes of what is said about them
LOOKING_ON = 20.0  # seconds for all the further cases by which one answer is diagnosed
LONGEST_ANSWER = 20_000  # characters of an answer that are kept
LONGEST_MESSAGE = 3_000
AS_HANDED_OUT = "Not attempted: the answer raises NotImplementedError, as the starter does."
HELD_BACK = (
    "Your {name} is right in the cases that the notebook tries, but not in others of the same "
    "kind, which are held back. It has to compute its result from what it is given, whatever that "
    "is."
)


def chapter_imports(chapter, course):
    """{module below course_lib ("" for itself): names} that a chapter's code cells import."""
    found = {}
    texts = [p.text for p in read_parts(course.sources[chapter]) if p.kind == "code"]
    texts += [e.starter for e in exercises.of_chapter(chapter) if e.kind == "code"]
    for text in texts:
        try:
            nodes = ast.walk(ast.parse(text))
        except SyntaxError:  # a cell with a magic
            continue
        for node in nodes:
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("course_lib"):
                module = node.module.removeprefix("course_lib").lstrip(".")
                found.setdefault(module, set()).update(a.name for a in node.names)
    return {module: sorted(names) for module, names in sorted(found.items())}


def all_imports(assignment, course):
    """{chapter: what `chapter_imports` finds} for the chapters of an assignment."""
    return {chapter: chapter_imports(chapter, course) for chapter in assignment.chapters}


def _kind_of(exercise):
    """What exercises have in common whose answers may run in the same process."""
    return exercise.chapter, exercise.may_use, exercise.withheld


def offers(imports, may_use, withheld):
    """Of a chapter's imports, those that an answer to one of its exercises may use."""
    allowed = (*ALWAYS, *may_use)
    found = {}
    for module, names in imports.items():
        for name in names:
            home = module or course_lib._HOME.get(name, name)
            dotted = f"{home}.{name}"
            if home.split(".")[0] in allowed and name not in NEVER:
                if dotted not in withheld:
                    found.setdefault(module, []).append(name)
    return found


class Grader:
    """Judges notebooks of one assignment. Raises NoSandbox where a layer is missing.

    imports: what `all_imports` found, for where there are no sources of chapters. unsafe: whether
    to go on with the layers that are there. bubblewrap: whether to wrap all of it. active, missing:
    the names of the layers in force, and why others are not.
    """

    def __init__(self, assignment, *, course=None, imports=None, unsafe=False, bubblewrap=False):
        self.assignment = assignment
        self._how = {"unsafe": unsafe, "bubblewrap": bubblewrap}
        self._imports = imports or all_imports(assignment, course or Course.find())
        self._sandboxes, self._starters, self._visible = {}, {}, {}
        self.active, self.missing = [], []
        self.items = assignment.items()
        if codes := [item for item in self.items if item.kind == "code"]:
            first = self._sandbox_for(codes[0])
            self.active, self.missing = first.active, first.missing

    def close(self):
        """Ends all processes."""
        for made in self._sandboxes.values():
            made.close()
        self._sandboxes.clear()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def _sandbox_for(self, exercise):
        key = chapter, may_use, withheld = _kind_of(exercise)
        if key not in self._sandboxes:
            facade = {
                "offers": offers(self._imports[chapter], may_use, withheld),
                "withheld": list(withheld),
                "alone": not may_use,
            }
            self._sandboxes[key] = sandbox(facade, **self._how)
        return self._sandboxes[key]

    def start_anew(self, exercise):
        """Has another clean process made in the place of one that has ended."""
        self._sandboxes.pop(_kind_of(exercise)).close()

    def judge(self, read, student, known=()):
        """A `Judgement` for each exercise of the notebook's chapter, one after another.

        read: what `reading.read` found. student: whose seed the cases that are held back have.
        known: names of exercises that are left out.
        """
        items = [i for i in self.items if i.chapter == read.chapter and i.name not in known]
        notebook = _Notebook(self, read, [i for i in items if i.kind == "code"])
        try:
            for item in items:
                if item.kind == "code":
                    seeds = [self.assignment.seed_for(student, again) for again in (0, 1)]
                    yield self._judge_code(item, notebook, seeds)
                else:
                    yield _judge_question(item, read.answers)
        finally:
            notebook.close()

    def _judge_code(self, exercise, notebook, seeds):
        try:
            try:
                return self._judge_found(exercise, notebook, seeds)
            except Broken:  # that is never the student's fault
                notebook.forget(exercise)
                self.start_anew(exercise)
                return self._judge_found(exercise, notebook, seeds)
        except (Broken, NoSandbox):
            raise
        except Exception as error:  # noqa: BLE001 - it costs this exercise, and no other
            words = (
                f"What your {exercise.name} gave back could not be judged "
                f"({type(error).__name__}). It has to return plain numbers or arrays."
            )
            return _judgement(exercise, "error", words, finding="unjudged")

    def _judge_found(self, exercise, notebook, seeds):
        found = notebook.answer(exercise)
        about = {"remark": found["remark"], "answer": notebook.source(found)}
        if found["problem"]:
            nowhere = not found["cells"] and "nowhere" in found["problem"]
            return _judgement(
                exercise,
                "missing" if nowhere else "error",
                f"{exercise.name} was not found: {found['problem']}.",
                **about,
            )
        if found["fingerprint"] == self._starter(exercise):
            return _judgement(exercise, "not attempted", AS_HANDED_OUT, **about)
        used = notebook.is_used(exercise)  # it may be spoilt by another answer
        held_back = _verdict_on(exercise, notebook, seeds[0])
        if used and _was_too_slow(held_back):
            notebook.drop(exercise, held_back=True)
            held_back = _verdict_on(exercise, notebook, seeds[0])
        if held_back.passed:
            return _from_verdict(exercise, held_back, **about)
        if _was_too_slow(held_back):
            return _judgement(exercise, "error", _too_slow(exercise), "timeout", **about)
        verdict = _verdict_on(exercise, notebook)
        notebook.drop(exercise, held_back=False)
        if verdict.status == "not attempted":
            return _judgement(exercise, "not attempted", AS_HANDED_OUT, **about)
        if not verdict.passed:
            return _from_verdict(exercise, verdict, **about)
        # Nobody shall lose points by an unlucky draw, nor by what another answer left.
        notebook.drop(exercise, held_back=True)
        held_back = _verdict_on(exercise, notebook, seeds[1])
        if held_back.passed:
            return _from_verdict(exercise, held_back, **about)
        words = HELD_BACK.format(name=exercise.name)
        about["misconception"] = "held-back cases"  # the report counts it like one
        return _judgement(exercise, "failed", words, "held back", **about)

    def _starter(self, exercise):
        if exercise.name not in self._starters:
            self._starters[exercise.name] = fingerprint(exercise.starter)
        return self._starters[exercise.name]

    def visible_request(self, exercise, probes):
        """The request for the cases that every learner has, which are encoded once."""
        if exercise.name not in self._visible:
            self._visible[exercise.name] = _request(exercise, probes)
        return self._visible[exercise.name]


def _was_too_slow(verdict):
    return verdict.finding is not None and verdict.finding.kind == "timeout"


def _verdict_on(exercise, notebook, seed=None):
    """The verdict on the cases of a seed, without words, or on those that every learner has.

    The two run in processes of their own: what an answer can remember of the first it cannot tell
    in the words of the second.
    """
    runner = _There(exercise, notebook, held_back=seed is not None)
    try:
        if seed is None:
            return judge_outcomes(exercise, runner)
        return judge_outcomes(exercise, runner, seed=seed, diagnose=False)
    except _NotThere as why:
        return why.verdict


def _request(exercise, probes):
    return encode({"exercise": exercise.name, "contract": exercise.contract, "probes": probes})


def _too_slow(exercise):
    return (
        f"Your {exercise.name} had not finished after {exercise.seconds:g} seconds and was "
        "stopped. All cases together may take that long. Is there a loop that never ends, or one "
        "that does far too much?"
    )


def clean(text, most=LONGEST_MESSAGE):
    """A text as it may go into tables and pages: of bounded length, without control characters."""
    text = text[:most].encode("utf-8", "replace").decode()
    return "".join(c if c.isprintable() or c in "\n\t" else "?" for c in text)


def _judgement(item, status, message, finding="", *, remark="", answer="", **more):
    points = item.points if status == "passed" else 0
    return Judgement(
        item.name,
        item.title,
        item.chapter,
        item.kind,
        status,
        points,
        item.points,
        clean(message),
        finding=finding,
        remark=clean(remark),
        answer=clean(answer, LONGEST_ANSWER),
        **more,
    )


def _from_verdict(item, verdict, **more):
    return _judgement(
        item,
        verdict.status,
        verdict.message,
        verdict.finding.kind if verdict.finding else "",
        misconception=verdict.misconception or "",
        **more,
    )


def _judge_question(item, answers):
    if item.name not in answers:
        return _judgement(item, "not attempted", "No answer came with the notebook.")
    raw = answers[item.name]
    text = json.dumps(raw, ensure_ascii=False)[:LONGEST_ANSWER]
    try:
        return _from_verdict(item, item.judge(raw), answer=text)
    except Exception as error:  # noqa: BLE001 - raw answers are whatever somebody wrote
        words = f"This answer could not be read ({type(error).__name__})."
        return _judgement(item, "error", words, "unjudged", answer=text)


class _NotThere(Exception):
    """The answer cannot be called at all; `verdict` says why."""

    def __init__(self, verdict):
        super().__init__(verdict.message)
        self.verdict = verdict


class _Notebook:
    """The processes in which one notebook's code runs, made when they are needed."""

    def __init__(self, grader, read, codes):
        self._grader, self._read = grader, read
        self._wanted = {e.name: e.is_class for e in codes}
        self._seconds = sum(e.seconds for e in codes) * 3 + LOOKING_ON * len(codes) + READING
        self._processes, self._answers, self._used = {}, None, set()
        self._cells = read.cells

    def answer(self, exercise):
        """What the notebook holds for an exercise, as the fields of an `extract.Answer`."""
        if self._answers is None:
            self.process(exercise, held_back=True)
        return self._answers[exercise.name]

    def source(self, found):
        """The cell of the definition that counts, as the student wrote it."""
        last = found["cells"][-1] if found["cells"] else None
        text = next((c["source"] for c in self._cells if c["number"] == last), "")
        return text[:LONGEST_ANSWER]

    def process(self, exercise, held_back):
        """A process that has the notebook's cells, for the cases that are held back or others."""
        key = _kind_of(exercise), held_back
        if key not in self._processes:
            self._processes[key] = self._made(self._grader._sandbox_for(exercise))
        return self._processes[key]

    def is_used(self, exercise):
        """Whether answers have run where this one's held-back cases will."""
        return (_kind_of(exercise), True) in self._used

    def _made(self, where):
        try:
            return self._started(where, self._cells, READING)
        except (Gone, Overdue, BadFrame):
            until = time.monotonic() + READING
            self._cells = self._readable(where, self._cells, until)
            return self._started(where, self._cells, READING)

    def _started(self, where, cells, seconds):
        process = where.start(self._seconds)
        try:
            process.begin()
            process.room = READ_ROOM
            process.ask({"cells": cells, "wanted": self._wanted}, seconds)
            answers = process.reply(seconds)["answers"]
        except BaseException:
            process.close()
            raise
        process.pause()
        if self._answers is None:  # no code of the student's has run in it yet
            self._answers = answers
        return process

    def _readable(self, where, cells, until):
        """The cells without those that cannot even be parsed, as far as that is known in time."""
        if not cells or time.monotonic() > until:
            return []
        try:
            self._started(where, cells, A_PART).close()
            return cells
        except (Gone, Overdue, BadFrame):
            self._answers = None
            if len(cells) == 1:
                return []
            half = len(cells) // 2
            parts = cells[:half], cells[half:]
            return [c for part in parts for c in self._readable(where, part, until)]

    def note_use(self, exercise, held_back):
        """Notes that an answer runs in a process."""
        self._used.add((_kind_of(exercise), held_back))

    def drop(self, exercise, held_back):
        """Ends the process of an exercise, which is of no use any more."""
        key = _kind_of(exercise), held_back
        self._used.discard(key)
        process = self._processes.pop(key, None)
        if process is not None:
            process.close()

    def forget(self, exercise):
        """Ends both processes of an exercise."""
        self.drop(exercise, held_back=True)
        self.drop(exercise, held_back=False)

    def close(self):
        for process in self._processes.values():
            process.close()
        self._processes.clear()


class _There:
    """Runs an attempt in a student's process; see `grading.judging._Here` for what is asked."""

    def __init__(self, exercise, notebook, held_back):
        self._exercise, self._notebook, self._held_back = exercise, notebook, held_back
        self._left = LOOKING_ON
        self.signature = None

    def run_all(self, probes, outcomes, room):
        self._room = room
        if self._held_back:
            request = _request(self._exercise, probes)
        else:
            request = self._notebook._grader.visible_request(self._exercise, probes)
        self._run(probes, request, self._exercise.seconds, outcomes)

    def run_one(self, probe, seconds, cpu_time=False):
        if self._left <= 0:
            raise TooSlow("no time is left for further cases")
        start = time.monotonic()
        outcomes = []
        self._run([probe], _request(self._exercise, [probe]), seconds, outcomes)
        self._left -= time.monotonic() - start
        return outcomes[0]

    def _run(self, probes, request, seconds, outcomes):
        try:
            process = self._notebook.process(self._exercise, self._held_back)
            self._notebook.note_use(self._exercise, self._held_back)
            process.begin()
            process.ask(request, seconds)
            process.room = self._room
            self._take(process.reply(seconds))
            for probe in probes:
                outcome = process.outcome(seconds)
                with self._exercise.around():
                    outcomes.append(unified(outcome, probe, self._exercise))
            process.pause()  # it shall do nothing while nobody looks
        except Overdue:
            self._notebook.drop(self._exercise, self._held_back)
            self._left = 0.0  # no looking on
            raise TooSlow(f"no result within {seconds:g} s") from None
        except Gone as gone:
            self._notebook.drop(self._exercise, self._held_back)
            raise Ended(f"the process it ran in has ended ({gone})") from None
        except BadFrame as error:
            self._notebook.drop(self._exercise, self._held_back)
            raise Ended(f"what it sent was no result ({error})") from None

    def _take(self, said):
        """What the process says of the attempt before it calls it."""
        if type(said) is not dict:
            raise BadFrame("no table")
        if "kind" in said:
            raise _NotThere(not_callable(self._exercise, str(said["kind"])[:60]))
        if "missing" in said:
            raise _NotThere(_not_made(self._exercise, str(said["missing"])[:300]))
        self.signature = _signature(said.get("signature"))


def _not_made(exercise, words):
    why = f": {words}" if words else ""
    verdict = not_callable(exercise, "nothing")
    message = (
        f"{exercise.name} is in the notebook, but could not be made{why}. Restart the kernel "
        "and run all cells: each has to work in the order in which they stand."
    )
    return type(verdict)(
        verdict.exercise, "error", 0, verdict.max_points, message, finding=verdict.finding
    )


def _signature(parameters):
    """An `inspect.Signature` from what a student's process said, or None."""
    try:
        return inspect.Signature(
            inspect.Parameter(
                name,
                inspect._ParameterKind[kind],
                default=... if default and kind != "VAR_KEYWORD" else inspect.Parameter.empty,
            )
            for name, kind, default in parameters
        )
    except (TypeError, ValueError, KeyError):
        return None
