"""Judging on a Dask cluster that is there already; the package `distributed` is an extra.

Notebooks travel as bytes and judgements as plain data. Dask itself moves the names of functions
with pickle between your own machines; nothing of a student's is ever pickled.
"""

import itertools
import socket
import threading

from course_lib.authoring import CourseError
from course_lib.classroom.local import refused
from course_lib.classroom.submissions import content
from course_lib.classroom.worker import grader_of, judge_task
from course_lib.sandbox.link import NoSandbox

BATCH = 4  # notebooks in one piece of work
WAITING = 3  # pieces of work under way for each thread of the cluster
CONNECT = 30  # seconds
_mine = threading.local()


def _grader(settings):
    """The grader of this thread, kept from one piece of work to the next."""
    known = getattr(_mine, "known", None)
    if known is None or known[0] != settings:
        if known is not None:
            known[1].close()
        _mine.known = settings, grader_of(settings)
    return _mine.known[1]


def layers_there(settings):
    """(active, missing, refusal) of the sandbox on this worker."""
    try:
        with grader_of(settings) as grader:
            return grader.active, grader.missing, ""
    except NoSandbox as error:
        return [], [], str(error)


def judge_batch(settings, batch):
    """[messages] of each (task, bytes) in a batch; runs on a worker of the cluster."""
    grader, host = _grader(settings), socket.gethostname()
    try:
        return [[m | {"host": host} for m in judge_task(grader, *pair)] for pair in batch]
    except BaseException:
        _mine.known = None  # whatever state it is in, the next notebook gets a new one
        grader.close()
        raise


class Cluster:
    """Judges on the cluster at an address. Raises CourseError where there is none, or a refusal."""

    def __init__(self, settings, address):
        try:
            from distributed import Client
        except ImportError:
            raise CourseError(
                "--dask needs the package distributed: pip install distributed"
            ) from None
        try:
            self._client = Client(address, timeout=CONNECT, set_as_default=False)
            said = self._client.run(layers_there, settings)
        except (OSError, ValueError) as error:
            raise CourseError(f"no Dask cluster answers at {address}: {error}") from None
        if not said:
            self.close()
            raise CourseError(f"the Dask cluster at {address} has no worker")
        for worker, (_, _, refusal) in said.items():
            if refusal:
                self.close()
                raise CourseError(f"worker {worker}: {refused(refusal)}")
        self.active, self.missing = next(iter(said.values()))[:2]
        self._settings = settings
        self._room = WAITING * sum(self._client.nthreads().values())

    def judge(self, tasks):
        """(task, message) pairs as they come, as `run.Local` gives them."""
        from distributed import CancelledError, as_completed

        batches, tasks = {}, iter(tasks)
        waiting = as_completed(loop=self._client.loop)
        while True:
            while len(batches) < self._room and (batch := list(itertools.islice(tasks, BATCH))):
                self._send(batch, batches, waiting)
            if not batches:
                return
            future = next(waiting)
            batch = batches.pop(future)
            try:
                results = future.result()
            except CancelledError:  # distributed itself logs why
                raise CourseError(
                    "the Dask cluster is gone; the same command goes on from here"
                ) from None
            except Exception:  # noqa: BLE001 - workers died on it, again and again
                if len(batch) > 1:  # which of them was it?
                    for task in batch:
                        self._send([task], batches, waiting)
                    continue
                results = [[{"gave up": True}]]
            for task, messages in zip(batch, results, strict=True):
                for message in messages:
                    yield task, message

    def _send(self, batch, batches, waiting):
        pairs = []
        for task in batch:
            try:
                given = content(task.found)
            except ValueError:
                given = None  # it is said where it is judged
            pairs.append((task.plain(), given))
        future = self._client.submit(judge_batch, self._settings, pairs, pure=False, retries=2)
        batches[future] = batch
        waiting.add(future)

    def close(self):
        """Leaves the cluster, which goes on."""
        self._client.close()
