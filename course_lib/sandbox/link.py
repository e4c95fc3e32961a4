"""The judge's side of a student's process: starts it, asks it, stops it. Trusts nothing it says."""

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time

from course_lib.grading.outcomes import Odd, Outcome, Problem, Record
from course_lib.sandbox.frames import (
    OUTCOMES,
    PREFIX_BYTES,
    BadFrame,
    Limits,
    decode,
    encode,
    lengths,
)

FROM_STUDENT = Limits()
START = 60.0  # seconds for a clean process to import NumPy
ON_THE_CLOCK = 4  # times the processor time that an answer has, for a busy machine
_KEPT = ("OPENBLAS_", "MKL_", "LD_LIBRARY_PATH", "SYSTEMROOT")


class Overdue(Exception):
    """The student's process did not answer within its time."""


class Gone(Exception):
    """The student's process has ended; how is said in words."""


class Broken(Exception):
    """The clean process, and not a student's, is at fault; to be started anew."""


class NoSandbox(Exception):
    """A layer of the sandbox is missing here; which, and why, is said in words."""


def environment():
    """What a student's process gets: one thread for products, the same hashes each time."""
    kept = {n: v for n, v in os.environ.items() if n.upper().startswith(_KEPT)}
    one = dict.fromkeys(("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"), "1")
    return kept | one | {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}


def command_for(module, *arguments):
    # Neither the current folder nor the user's own packages: a numpy.py there is not NumPy.
    return [sys.executable, "-s", "-P", "-m", f"course_lib.sandbox.{module}", *arguments]


def how_it_ended(code):
    """How a process ended, in words, from its exit code."""
    if code is None:
        return "it is still there"
    if code < 0:
        try:
            return f"stopped by {signal.Signals(-code).name}"
        except ValueError:
            return f"stopped by signal {-code}"
    return f"exit code {code}"


class StudentProcess:
    """What both kinds have in common: frames with a deadline.

    room: how many bytes are taken from it before it counts as mad; to be set for each request.
    """

    room = 0

    def pause(self):
        """Holds the process still until the next `begin`, where the system can do that."""

    def ask(self, request, seconds):
        """Sends a request; raises Gone where nobody reads it."""
        self._send(request if isinstance(request, bytes) else encode(request), seconds)

    def reply(self, seconds, classes=OUTCOMES):
        """The next frame. Raises Overdue, Gone, BadFrame."""
        header, body = lengths(self._read(PREFIX_BYTES, seconds), FROM_STUDENT)
        self.room -= header + body
        if self.room < 0:
            raise BadFrame("it is far more than was asked for")
        return decode(self._read(header, seconds), self._read(body, seconds), classes, FROM_STUDENT)

    def outcome(self, seconds):
        """The next frame, which must be an outcome. Raises Overdue, Gone, BadFrame."""
        found = self.reply(seconds)
        if not _is_outcome(found):
            raise BadFrame("this is no outcome")
        return found


def _is_outcome(found):
    def texts(values):
        return type(values) is tuple and all(type(v) is str for v in values)

    return (
        type(found) is Outcome
        and type(found.records) is list
        and all(map(_is_record, found.records))
        and texts(found.changed)
        and texts(found.still)
        and texts(found.shared)
        and (found.problem is None or _is_problem(found.problem))
    )


def _is_record(found):
    value = found.value if type(found) is Record else None
    if type(value) is Odd:
        fits = type(value.kind) is str and type(value.text) is str
    else:
        fits = hasattr(value, "dtype") and hasattr(value, "shape")
    return fits and type(found.name) is str and type(found.again) is bool


def _is_problem(found):
    return (
        type(found) is Problem
        and type(found.type) is type(found.message) is type(found.line) is str
        and type(found.number) is int
        and type(found.shapes) is tuple
        and all(_is_shape(entry) for entry in found.shapes)
    )


def _is_shape(entry):
    return (
        type(entry) is tuple
        and len(entry) == 2
        and type(entry[0]) is str
        and type(entry[1]) is tuple
        and all(type(n) is int for n in entry[1])
    )


class FreshProcesses:
    """Where nothing can be forked or locked up: every notebook gets a new interpreter.

    What runs there may read and write what the user may who grades, so it has to be asked for.
    """

    def __init__(self, facade, *, unsafe):
        self.active, self.missing = ["processes of their own"], [f"all others on {sys.platform}"]
        if not unsafe:
            raise NoSandbox(
                f"on {sys.platform} there is no sandbox: what students handed in could read and "
                "write your files"
            )
        self._settings = facade

    def start(self, seconds):
        return Fresh(json.dumps(self._settings | {"seconds": int(seconds)}))

    def close(self):
        pass


class Fresh(StudentProcess):
    """An interpreter of its own on two pipes. Threads move the bytes: not all systems can wait."""

    def __init__(self, settings):
        self._process = subprocess.Popen(
            command_for("fresh", settings),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment(),
            cwd=os.path.abspath(os.sep),
        )
        self._sent, self._got, self._rest = queue.SimpleQueue(), queue.SimpleQueue(), b""
        self._threads = [
            threading.Thread(target=move, daemon=True) for move in (self._write_all, self._read_all)
        ]
        for thread in self._threads:
            thread.start()
        self.begin(START)

    def begin(self, more=0.0):
        """From now on counts the time that the next requests may take."""
        self._since = time.monotonic() + more

    def _write_all(self):
        with contextlib.suppress(OSError, ValueError), self._process.stdin as stdin:
            while (content := self._sent.get()) is not None:
                stdin.write(content)
                stdin.flush()

    def _read_all(self):
        try:
            while content := self._process.stdout.read1(1 << 20):
                self._got.put(content)
        except (OSError, ValueError):
            pass
        self._got.put(b"")

    def _send(self, content, seconds):
        self._sent.put(content)

    def _read(self, count, seconds):
        parts, have = [self._rest], len(self._rest)
        while have < count:
            left = self._since + ON_THE_CLOCK * seconds - time.monotonic()
            try:
                part = self._got.get(timeout=max(left, 0.001))
            except queue.Empty:
                raise Overdue from None
            if not part:
                raise Gone(how_it_ended(self.close()))
            parts.append(part)
            have += len(part)
        content = b"".join(parts)
        self._rest = content[count:]
        return content[:count]

    def close(self):
        """Ends the process, whatever it does; returns its exit code."""
        self._sent.put(None)  # lets it read to the end, and leave
        try:
            code = self._process.wait(0.2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        for thread in self._threads:
            thread.join(5)
        self._process.stdout.close()
        return code


def sandbox(facade, *, unsafe=False, bubblewrap=False):
    """What starts students' processes here. Raises NoSandbox."""
    if sys.platform == "linux":
        from course_lib.sandbox.forked import Zygote  # here: other systems lack what it needs

        return Zygote(facade, unsafe=unsafe, bubblewrap=bubblewrap)
    return FreshProcesses(facade, unsafe=unsafe)
