"""The judge's side of the clean process and its children. Linux only."""

import contextlib
import json
import os
import select
import signal
import socket
import struct
import subprocess
import time

from course_lib.sandbox.link import (
    ON_THE_CLOCK,
    START,
    Broken,
    Gone,
    NoSandbox,
    Overdue,
    StudentProcess,
    command_for,
    environment,
    how_it_ended,
)
from course_lib.sandbox.zygote import NUMBER, REQUEST

LOOK = 0.05  # seconds after which one looks at what a process does
MOST_THREADS = 64


class Forked(StudentProcess):
    """A child of a `Zygote`."""

    def __init__(self, zygote, seconds):
        self._zygote = zygote
        try:
            self._socket, own = socket.socketpair()
        except OSError as error:
            raise Broken(f"no socket could be made ({error.strerror})") from None
        try:
            with own:
                self._number, self._handle = zygote.fork(own, seconds)
        except BaseException:
            self._socket.close()
            raise
        self._socket.setblocking(False)
        self._got, self._paused = bytearray(), False
        self.begin()

    def begin(self):
        """From now on counts the time that the next requests may take."""
        if self._paused:
            self._signal(signal.SIGCONT)
            self._paused = False
        self._since, self._used = time.monotonic(), self._state()[1]

    def pause(self):
        """Holds the process and all its threads still until the next `begin`."""
        if self._handle is not None and not self._paused:
            self._signal(signal.SIGSTOP)
            self._paused = True

    def _signal(self, number):
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._handle, number)

    def _state(self):
        """(its state as one letter, seconds of processor time used, threads), from the kernel."""
        if self._handle is None:
            return "Z", 0.0, 0
        try:
            with open(f"/proc/{self._zygote.real_number(self._handle, self._number)}/stat") as file:
                fields = file.read().rpartition(")")[2].split()
            used = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
            return fields[0], used, int(fields[17])
        except (OSError, ValueError, IndexError):  # it has just ended
            return "Z", 0.0, 0

    def _is_overdue(self, passed, seconds):
        """Whether its time is over: used up, slept away, or too long even for a busy machine."""
        state, used, threads = self._state()
        if threads > MOST_THREADS:
            self._signal(signal.SIGKILL)
            raise Gone(f"it had more than {MOST_THREADS} threads")
        if passed < seconds:
            return False
        used -= self._used
        asleep = state == "S" and used < 0.5 * passed
        return used >= seconds or asleep or passed >= ON_THE_CLOCK * seconds

    def _wait(self, ready, seconds):
        """Waits until the socket is ready. Raises Overdue when the time since `begin` is over."""
        while True:
            passed = time.monotonic() - self._since
            if passed > LOOK and self._is_overdue(passed, seconds):
                raise Overdue
            step = min(seconds - passed if passed < seconds else seconds / 10, LOOK)
            waiting = select.poll()
            waiting.register(self._socket, ready)
            if waiting.poll(max(step, 0.001) * 1000):
                return

    def _send(self, content, seconds):
        view = memoryview(content)
        while view:
            try:
                view = view[self._socket.send(view) :]
            except BlockingIOError:
                self._wait(select.POLLOUT, seconds)
            except OSError:
                raise self._gone() from None

    def _read(self, count, seconds):
        while len(self._got) < count:
            try:
                part = self._socket.recv(1 << 18)
            except BlockingIOError:
                self._wait(select.POLLIN, seconds)
                continue
            except OSError:
                part = b""
            if not part:
                raise self._gone()
            self._got += part
        content = bytes(self._got[:count])
        del self._got[:count]
        return content

    def _gone(self):
        """What to raise when it has ended: with the clean process all its children end."""
        code = self.close()
        if not self._zygote.is_alive():
            return Broken("the clean process has ended")
        return Gone(how_it_ended(code))

    def close(self):
        """Ends the process, whatever it does; returns its exit code, None if it was closed."""
        if self._handle is None:
            return None
        self._socket.close()
        # A child that has closed its end may still be there; one that is gone keeps its code.
        if self._paused or not self._has_ended(0.2):
            self._signal(signal.SIGKILL)
        os.close(self._handle)
        self._handle = None
        return self._zygote.reap(self._number)

    def _has_ended(self, seconds):
        waiting = select.poll()
        waiting.register(self._handle, select.POLLIN)
        return bool(waiting.poll(seconds * 1000))


class Zygote:
    """The clean process that children are forked from. Raises NoSandbox where a layer is missing.

    facade: what is to be had of the course, the arguments of `facade.install`. unsafe: whether to
    go on with the layers that are there. bubblewrap: whether to wrap all of it.
    """

    def __init__(self, facade, *, unsafe, bubblewrap):
        self._control, theirs = socket.socketpair()
        settings = json.dumps(facade)
        command = command_for("zygote", str(theirs.fileno()), settings)
        self._wrapped = bubblewrap
        with theirs:
            self._process = subprocess.Popen(
                [*_bubblewrap(theirs.fileno()), *command] if bubblewrap else command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env=environment(),
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
        try:
            socket.send_fds(self._control, [REQUEST.pack(b"F", int(seconds))], [own.fileno()])
            number, handles, _, _ = socket.recv_fds(self._control, NUMBER.size, 1)
        except OSError as error:
            raise Broken(f"the clean process does not answer ({error})") from None
        if not handles:
            raise Broken("the clean process could not make another one, or has ended")
        return NUMBER.unpack(number)[0], handles[0]

    def real_number(self, handle, number):
        """The child's number as this process sees it; within bubblewrap they count anew."""
        if not self._wrapped:
            return number
        with open(f"/proc/self/fdinfo/{handle}") as file:
            return next(line.split()[1] for line in file if line.startswith("Pid:"))

    def is_alive(self):
        """Whether it has not ended."""
        return self._process.poll() is None

    def reap(self, number):
        """The exit code of a child that has ended or is about to."""
        try:
            self._control.sendall(REQUEST.pack(b"R", number))
            return NUMBER.unpack(self._control.recv(NUMBER.size))[0]
        except (OSError, struct.error):  # the clean process has ended, which `fork` will tell
            return None

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
