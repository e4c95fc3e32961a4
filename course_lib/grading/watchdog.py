"""Runs code that may never end, without signals: a worker thread and somebody who watches it."""

import ctypes
import threading
import time

STACK_BYTES = 64 * 1024 * 1024  # macOS gives threads 512 KB, too little for deep recursion


class _TimeUp(BaseException):
    """Raised inside the worker; nothing outside this module should ever catch it by name."""


class TooSlow(Exception):
    """The work did not end within its time; it has been stopped."""


class Stuck(Exception):
    """The work did not end and could not be stopped: only a new kernel gets rid of it."""


class _Worker(threading.Thread):
    def __init__(self, work):
        super().__init__(daemon=True, name="judging")
        self.work = work
        self.result = None
        self.failure = None
        self.ended = False
        self.clock = None  # of this thread's processor time, where the system has one
        self.lock = threading.Lock()
        self.done = threading.Event()

    def run(self):
        if hasattr(time, "pthread_getcpuclockid"):  # macOS and Windows have none
            self.clock = time.pthread_getcpuclockid(threading.get_ident())
        try:
            try:
                self.result = self.work()
            except _TimeUp:
                pass
            except BaseException as failure:  # handed to the caller, whatever it is
                self.failure = failure
            with self.lock:
                self.ended = True  # from here on none is sent
            for _ in range(1000):  # one that is still on its way arrives in here
                pass
        except _TimeUp:
            self.ended = True
        self.done.set()

    def interrupt(self):
        with self.lock:
            if not self.ended:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(
                    ctypes.c_ulong(self.ident), ctypes.py_object(_TimeUp)
                )


class Escaped(Exception):
    """The work raised; `cause` is what it raised, whatever kind that was."""

    def __init__(self, cause):
        super().__init__(type(cause).__name__)
        self.cause = cause


def _start(worker):
    """Starts the worker with a deep stack where the platform allows one."""
    try:
        before = threading.stack_size(STACK_BYTES)
    except (ValueError, RuntimeError):
        worker.start()
        return
    try:
        worker.start()
    finally:
        threading.stack_size(before)


def _processor_time(worker):
    """Seconds of processor time the worker has used; None where the system does not tell."""
    try:
        return None if worker.clock is None else time.clock_gettime(worker.clock)
    except OSError:  # it has just ended
        return None


def _wait(worker, seconds, cpu_time):
    """Waits until the worker is done or its time is over; whether it is done.

    cpu_time: a busy machine is not the worker's fault, so that it may take up to twice as long on
    the clock.
    """
    finished = worker.done.wait(seconds)
    for _ in range(10 if cpu_time else 0):
        used = None if finished else _processor_time(worker)
        if used is None or used >= seconds:
            break
        finished = worker.done.wait(seconds / 10)
    return finished


def run_within(seconds, work, cpu_time=False):
    """The result of `work()`, which runs in a thread of its own for at most `seconds`.

    cpu_time: `seconds` are of processor time, where the system tells it, and twice as many on the
    clock. After that an exception is raised inside it, again and again until it leaves.
    Raises `TooSlow` when it left, `Stuck` when it has not left after twice the limit more, or 10 s
    (one long NumPy call, or a loop that swallows everything), `Escaped` when the work raised. An
    interrupt of the caller (the notebook's stop button) stops the work and is raised on.
    """
    worker = _Worker(work)
    _start(worker)
    start = time.monotonic()
    try:
        finished = _wait(worker, seconds, cpu_time)
        over = time.monotonic()
        while not finished:
            worker.interrupt()
            finished = worker.done.wait(0.05)
            if finished:
                raise TooSlow(f"no result within {seconds:g} s")
            if time.monotonic() - over > min(2 * seconds, 10):
                raise Stuck(f"still running after {time.monotonic() - start:.0f} s")
    except KeyboardInterrupt:
        while not worker.done.wait(0.05) and time.monotonic() - start < 3 * seconds:
            worker.interrupt()
        raise
    if worker.failure is not None:
        raise Escaped(worker.failure)
    return worker.result
