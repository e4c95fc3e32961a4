"""The processes in which one notebook's code runs, and an attempt in them as the judge sees it."""

import contextlib
import hashlib
import inspect
import time

from course_lib.grading.judging import Ended, not_callable
from course_lib.grading.outcomes import unified
from course_lib.grading.watchdog import TooSlow
from course_lib.sandbox.frames import BadFrame, encode
from course_lib.sandbox.link import Gone, Overdue

READING = 10.0  # seconds in which a notebook's cells have to be parsed
A_PART = 2.0  # seconds for a part of them, where all together were too much
READ_ROOM = 10_000_000  # bytes of what is said about them
SPARE = 30.0  # seconds for all attempts of a notebook beyond the first at each exercise
LOOKING_ON = 20.0  # seconds for all the further cases by which one answer is diagnosed


def kind_of(exercise):
    """What exercises have in common whose answers may run in the same process."""
    return exercise.chapter, exercise.may_use, exercise.withheld


def request_for(exercise, probes, checked=False):
    request = {"exercise": exercise.name, "contract": exercise.contract, "probes": probes}
    return encode(request | {"as_checked": checked})


class Same(Exception):
    """The answer as it stood at its own cell is no other than at the end of the notebook."""


class NotThere(Exception):
    """The answer cannot be called at all; `verdict` says why."""

    def __init__(self, verdict):
        super().__init__(verdict.message)
        self.verdict = verdict


class Notebook:
    """The processes in which one notebook's code runs, made when they are needed.

    cells: as `reading.Read` has them. codes: the code exercises of its chapter. starters: the
    fingerprints of what was handed out for them. sandbox_for: gives the sandbox for an exercise.
    requests: what has been encoded already, for all notebooks.
    """

    def __init__(self, cells, codes, starters, sandbox_for, requests):
        self._cells, self._sandbox_for, self._requests = cells, sandbox_for, requests
        self._about = {"wanted": {e.name: e.is_class for e in codes}, "starters": starters}
        self._seconds = sum(e.seconds for e in codes) * 3 + LOOKING_ON * len(codes) + READING
        self._processes, self._used = {}, set()
        self._answers = self._needs = None
        self._spare = SPARE

    @property
    def may_repeat(self):
        """Whether there is time for further attempts at exercises that had one."""
        return self._spare > 0

    @contextlib.contextmanager
    def repeating(self):
        """A further attempt at an exercise, whose time is taken from what there is for those."""
        start = time.monotonic()
        try:
            yield
        finally:
            self._spare -= time.monotonic() - start

    def answer(self, exercise):
        """What the notebook holds for an exercise, as the fields of an `extract.Answer`."""
        if self._answers is None:
            self.process(exercise, held_back=True)
        return self._answers[exercise.name]

    def source(self, found):
        """The cell of the definition that counts, as the student wrote it."""
        last = found["cells"][-1] if found["cells"] else None
        return next((c["source"] for c in self._cells if c["number"] == last), "")

    def visible_request(self, exercise, probes):
        """The request for the cases that every learner has, which are encoded once."""
        if exercise.name not in self._requests:
            self._requests[exercise.name] = request_for(exercise, probes)
        return self._requests[exercise.name]

    def process(self, exercise, held_back):
        """A process that has the notebook's cells, for the cases that are held back or others."""
        key = kind_of(exercise), held_back
        if key not in self._processes:
            where = self._sandbox_for(exercise)
            if held_back:
                self._processes[key] = self._made(where)
            else:  # for this exercise alone
                self._processes[key] = self._started(where, self._cells_for(exercise), READING)
        return self._processes[key]

    def _cells_for(self, exercise):
        needs = self._needs[exercise.name]
        return [c for c in self._cells if c["number"] in needs]

    def code_for(self, exercise):
        """A fingerprint of the cells on which an answer depends, and of their places."""
        text = repr([(c["number"], c["source"]) for c in self._cells_for(exercise)])
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()

    def is_used(self, exercise):
        """Whether answers have run where this one's held-back cases will."""
        return (kind_of(exercise), True) in self._used

    def _made(self, where):
        try:
            return self._started(where, self._cells, READING)
        except (Gone, Overdue, BadFrame):
            until = time.monotonic() + READING
            self._cells = self._readable(where, self._cells, until)
        try:
            return self._started(where, self._cells, READING)
        except (Gone, Overdue, BadFrame):
            self._cells = []  # each part could be read, but not all of them in time
            return self._started(where, [], READING)

    def _started(self, where, cells, seconds):
        process = where.start(self._seconds)
        try:
            process.begin()
            process.room = READ_ROOM
            process.ask({"cells": cells} | self._about, seconds)
            said = process.reply(seconds)
        except BaseException:
            process.close()
            raise
        process.pause()
        if self._answers is None:  # no code of the student's has run in it yet
            self._answers, self._needs = said["answers"], said["needs"]
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
        self._used.add((kind_of(exercise), held_back))

    def drop(self, exercise, held_back):
        """Ends the process of an exercise, which is of no use any more."""
        key = kind_of(exercise), held_back
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


class Attempt:
    """Runs an attempt in a student's process; see `grading.judging._Here` for what is asked.

    checked: whether as it stood at its own cell, whatever later cells do; raises Same where that is
    no other.
    """

    def __init__(self, exercise, notebook, held_back, checked=False):
        self._checked = checked
        self._exercise, self._notebook, self._held_back = exercise, notebook, held_back
        self._left = LOOKING_ON
        self.signature = None
        self.failed = []  # what could not be run of what the answer may depend on

    def run_all(self, probes, outcomes, room):
        self._room = room
        if self._held_back:
            request = request_for(self._exercise, probes, self._checked)
        else:
            request = self._notebook.visible_request(self._exercise, probes)
        self._run(probes, request, self._exercise.seconds, outcomes)

    def look(self):
        """Makes the attempt and runs nothing; raises NotThere or Same, TooSlow or Ended."""
        self.run_all([], [], READ_ROOM)

    def run_one(self, probe, seconds, cpu_time=False):
        if self._left <= 0:
            raise TooSlow("no time is left for further cases")
        start = time.monotonic()
        outcomes = []
        request = request_for(self._exercise, [probe], self._checked)
        self._run([probe], request, seconds, outcomes)
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
        if self._checked and "same" in said:
            raise Same
        if "kind" in said:
            raise NotThere(not_callable(self._exercise, str(said["kind"])[:60]))
        if "missing" in said:
            raise NotThere(_not_made(self._exercise, str(said["missing"])[:300]))
        self.signature = _signature(said.get("signature"))
        failed = said.get("failed")
        if type(failed) is list and all(type(words) is str for words in failed):
            self.failed = failed


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
