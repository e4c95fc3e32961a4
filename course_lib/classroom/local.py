"""Judging on this machine: processes side by side, each of which may die without harm."""

import contextlib
import os
import queue
import subprocess
import sys
import threading
from dataclasses import replace

from course_lib.authoring import CourseError
from course_lib.sandbox.frames import encode, read_frame, reading_from

TRIES = 2  # with a worker that dies, before the notebook is given up
LONGEST = 15 * 60.0  # seconds for one notebook, many times what the worst known ones take


class _Worker:
    """A process that judges. Raises EOFError where it dies, CourseError where it is refused."""

    def __init__(self, settings):
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "course_lib.classroom.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for `course` alone, which ends them
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
        )
        try:
            self._send(settings)
            said = self._receive()
        except (EOFError, OSError):
            self.close()
            raise EOFError from None
        if "refused" in said:
            self.close()
            raise CourseError(refused(said["refused"]))
        self.active, self.missing = said["active"], said["missing"]

    def _send(self, message):
        self._process.stdin.write(encode(message))
        self._process.stdin.flush()

    def _receive(self):
        return read_frame(reading_from(self._process.stdout))

    def judge(self, task):
        """The messages on one task. Raises EOFError when the process dies, or takes too long."""
        try:
            self._send(task.plain())
        except OSError:
            raise EOFError from None
        limit = threading.Timer(LONGEST, self._process.kill)
        limit.daemon = True
        limit.start()
        try:
            while True:
                message = self._receive()
                yield message
                if "done" in message:
                    return
        finally:
            limit.cancel()

    def close(self):
        with contextlib.suppress(OSError):  # what it did not take any more
            self._process.stdin.close()
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()


def refused(words):
    """What to say where a layer of the sandbox is missing."""
    return (
        f"students' code cannot be locked up here: {words}. With --unsafe it is run all the same, "
        "with what protection there is: it could then read and write whatever you may"
    )


def _new_worker(settings):
    """A worker, started once more where it dies at once. Raises CourseError."""
    for _ in range(TRIES):
        with contextlib.suppress(EOFError):
            return _Worker(settings)
    raise CourseError("the processes that judge end before they begin; the lines above may say why")


class Local:
    """Judges on this machine, with several processes. active, missing: layers of the sandbox."""

    def __init__(self, settings, workers):
        self._settings, self._number = settings, workers
        first = _new_worker(settings)
        self._workers = [first]
        self.active, self.missing = first.active, first.missing

    def judge(self, tasks):
        """(task, message) pairs as they come, for each task up to "done" or "gave up"."""
        tasks, lock = iter(tasks), threading.Lock()
        found, over = queue.Queue(maxsize=200), threading.Event()

        def put(pair):
            while not over.is_set():
                with contextlib.suppress(queue.Full):
                    found.put(pair, timeout=0.5)
                    return

        def work(worker):
            try:
                # Here, and so side by side: to start takes a second.
                worker = worker or _new_worker(self._settings)
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

        workers = self._workers + [None] * (self._number - len(self._workers))
        threads = [threading.Thread(target=work, args=(w,), daemon=True) for w in workers]
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
                worker = _new_worker(self._settings)
                if not left:
                    put((task, {"gave up": True}))
        return worker

    def close(self):
        for worker in self._workers:
            worker.close()
