"""The judge's side of a student's process: starts it, asks it, stops it. Trusts nothing it says."""

import contextlib
import json
import os
import queue
import signal
import socket
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


class NoSandbox(Exception):
    """A layer of the sandbox is missing here; which, and why, is said in words."""


def _environment():
    """What a student's process gets: one thread for products, the same hashes each time."""
    kept = {n: v for n, v in os.environ.items() if n.upper().startswith(_KEPT)}
    one = dict.fromkeys(("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"), "1")
    return kept | one | {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}


def _command(module, *arguments):
    # Neither the current folder nor the user's own packages: a numpy.py there is not NumPy.
    return [sys.executable, "-s", "-P", "-m", f"course_lib.sandbox.{module}", *arguments]


def _ended(code):
    """How a process ended, in words, from its exit code."""
    if code is None:
        return "it is still there"
    if code < 0:
        try:
            return f"stopped by {signal.Signals(-code).name}"
        except ValueError:
            return f"stopped by signal {-code}"
    return f"exit code {code}"


class _Process:
    """What both kinds have in common: frames with a deadline."""

    def ask(self, request, seconds):
        """Sends a request; raises Gone where nobody reads it."""
        self._send(request if isinstance(request, bytes) else encode(request), seconds)

    def reply(self, seconds, classes=OUTCOMES):
        """The next frame. Raises Overdue, Gone, BadFrame."""
        header, body = lengths(self._read(PREFIX_BYTES, seconds), FROM_STUDENT)
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


class Forked(_Process):
    """A child of a `Zygote`."""

    def __init__(self, zygote, seconds):
        self._zygote = zygote
        self._socket, own = socket.socketpair()
        with own:
            self._number, self._handle = zygote.fork(own, seconds)
        self._socket.setblocking(False)
        self._got = bytearray()
        self.begin()

    def begin(self):
        """From now on counts the time that the next requests may take."""
        self._since, self._used = time.monotonic(), self._state()[1]

    def _state(self):
        """(its state as one letter, seconds of processor time used), as the kernel tells them."""
        try:
            with open(f"/proc/{self._zygote.real_number(self._handle, self._number)}/stat") as file:
                fields = file.read().rpartition(")")[2].split()
            return fields[0], (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        except (OSError, ValueError, IndexError):  # it has just ended
            return "Z", 0.0

    def _is_overdue(self, passed, seconds):
        """Whether its time is over: used up, slept away, or too long even for a busy machine."""
        state, used = self._state()
        used -= self._used
        asleep = state == "S" and used < 0.2 * passed
        return used >= seconds or asleep or passed >= ON_THE_CLOCK * seconds

    def _wait(self, ready, seconds):
        """Waits until the socket is ready. Raises Overdue when the time since `begin` is over."""
        import select

        while True:
            passed = time.monotonic() - self._since
            if passed >= seconds and self._is_overdue(passed, seconds):
                raise Overdue
            step = seconds - passed if passed < seconds else seconds / 10
            waiting = select.poll()
            waiting.register(self._socket, ready)
            if waiting.poll(max(step, 0.001) * 1000):
                return

    def _send(self, content, seconds):
        import select

        view = memoryview(content)
        while view:
            try:
                view = view[self._socket.send(view) :]
            except BlockingIOError:
                self._wait(select.POLLOUT, seconds)
            except OSError:
                raise Gone(_ended(self.close())) from None

    def _read(self, count, seconds):
        import select

        while len(self._got) < count:
            try:
                part = self._socket.recv(1 << 18)
            except BlockingIOError:
                self._wait(select.POLLIN, seconds)
                continue
            except OSError:
                part = b""
            if not part:
                raise Gone(_ended(self.close()))
            self._got += part
        content = bytes(self._got[:count])
        del self._got[:count]
        return content

    def close(self):
        """Ends the process, whatever it does; returns its exit code, None if it was closed."""
        if self._handle is None:
            return None
        self._socket.close()
        with contextlib.suppress(ProcessLookupError):
            # A child that has closed its end may still be there; one that is gone keeps its code.
            if not self._has_ended(0.2):
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)
        os.close(self._handle)
        self._handle = None
        return self._zygote.reap(self._number)

    def _has_ended(self, seconds):
        import select

        waiting = select.poll()
        waiting.register(self._handle, select.POLLIN)
        return bool(waiting.poll(seconds * 1000))


class Zygote:
    """The clean process that children are forked from. Raises NoSandbox where a layer is missing.

    offers, withheld: what is to be had of the course, see `facade.install`. unsafe: whether to go
    on with the layers that are there. bubblewrap: whether to wrap all of it.
    """

    def __init__(self, offers, withheld, *, unsafe, bubblewrap):
        from course_lib.sandbox.zygote import NUMBER, REQUEST

        self._number, self._request = NUMBER, REQUEST
        self._control, theirs = socket.socketpair()
        settings = json.dumps({"offers": offers, "withheld": withheld})
        command = _command("zygote", str(theirs.fileno()), settings)
        self._wrapped = bubblewrap
        with theirs:
            self._process = subprocess.Popen(
                [*_bubblewrap(theirs.fileno()), *command] if bubblewrap else command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env=_environment(),
                cwd="/",
                pass_fds=[theirs.fileno()],
            )
        self._control.settimeout(START)
        try:
            said = json.loads(self._control.recv(65536) or b"null")
        except TimeoutError:
            said = None
        if said is None:
            words = self._process.stderr.read().decode(errors="replace").strip().splitlines()
            self.close()
            raise NoSandbox(f"the clean process did not start: {words[-1] if words else 'no word'}")
        self.active, self.missing = said["active"], said["missing"]
        if bubblewrap:
            self.active.append("bubblewrap")
        if self.missing and not unsafe:
            self.close()
            raise NoSandbox("; ".join(self.missing))

    def start(self, seconds):
        """A new child. seconds: of processor time that it may use in all."""
        return Forked(self, seconds)

    def fork(self, own, seconds):
        """(number, file descriptor that stands for it) of a new child that serves on `own`."""
        socket.send_fds(self._control, [self._request.pack(b"F", int(seconds))], [own.fileno()])
        number, handles, _, _ = socket.recv_fds(self._control, self._number.size, 1)
        if not handles:
            raise NoSandbox("the clean process has ended")
        return self._number.unpack(number)[0], handles[0]

    def real_number(self, handle, number):
        """The child's number as this process sees it; within bubblewrap they count anew."""
        if not self._wrapped:
            return number
        with open(f"/proc/self/fdinfo/{handle}") as file:
            return next(line.split()[1] for line in file if line.startswith("Pid:"))

    def reap(self, number):
        """The exit code of a child that has ended or is about to."""
        self._control.sendall(self._request.pack(b"R", number))
        return self._number.unpack(self._control.recv(self._number.size))[0]

    def close(self):
        """Ends the clean process, and with it what it forked."""
        self._control.close()
        self._process.kill()
        self._process.wait()
        self._process.stderr.close()


def _bubblewrap(control):
    """The command that wraps the clean process: no network, nothing writable."""
    return [
        *("bwrap", "--unshare-all", "--die-with-parent", "--new-session"),
        *("--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp", "--"),
    ]


class FreshProcesses:
    """Where nothing can be forked or locked up: every notebook gets a new interpreter.

    What runs there may read and write what the user may who grades, so it has to be asked for.
    """

    def __init__(self, offers, withheld, *, unsafe):
        self.active, self.missing = ["processes of their own"], [f"all others on {sys.platform}"]
        if not unsafe:
            raise NoSandbox(
                f"on {sys.platform} there is no sandbox: what students handed in could read and "
                "write your files"
            )
        self._settings = {"offers": offers, "withheld": withheld}

    def start(self, seconds):
        return Fresh(json.dumps(self._settings | {"seconds": int(seconds)}))

    def close(self):
        pass


class Fresh(_Process):
    """An interpreter of its own on two pipes. Threads move the bytes: not all systems can wait."""

    def __init__(self, settings):
        self._process = subprocess.Popen(
            _command("fresh", settings),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
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
        while (content := self._sent.get()) is not None:
            try:
                self._process.stdin.write(content)
                self._process.stdin.flush()
            except (OSError, ValueError):
                return

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
                raise Gone(_ended(self.close()))
            parts.append(part)
            have += len(part)
        content = b"".join(parts)
        self._rest = content[count:]
        return content[:count]

    def close(self):
        """Ends the process, whatever it does; returns its exit code."""
        try:
            code = self._process.wait(0.2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        self._sent.put(None)
        for thread in self._threads:
            thread.join(5)
        self._process.stdin.close()
        self._process.stdout.close()
        return code


def sandbox(offers, withheld, *, unsafe=False, bubblewrap=False):
    """What starts students' processes here. Raises NoSandbox."""
    if sys.platform == "linux":
        return Zygote(offers, withheld, unsafe=unsafe, bubblewrap=bubblewrap)
    return FreshProcesses(offers, withheld, unsafe=unsafe)
