"""`course grade --dask`: a cluster of this machine's own gives what a local run gives."""

import contextlib
import signal
import socket
import subprocess
import sys
import time

import psutil
import pytest

from course_lib.classroom import cluster
from tests.test_grading_runs import (
    Graded,
    assignment_in,
    course,
    judged,
    put,
    results,
    synthetic_class,
    written,
)

pytest.importorskip("distributed")

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is only there on Linux"),
    # distributed's own: a client that leaves a cluster whose connections are just closing.
    pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning:distributed"),
]


def free_port():
    with contextlib.closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class Processes:
    """A scheduler and workers as somebody would start them, each a process of its own."""

    def __init__(self, folder):
        self._folder, self._started = folder, []
        self.address = f"tcp://127.0.0.1:{free_port()}"
        self._start("scheduler", "--port", self.address.rpartition(":")[2], "--no-show")

    def _start(self, kind, *options):
        # No dashboard and no folder but the test's; `dask` itself says much on its streams.
        process = subprocess.Popen(
            [sys.executable, "-m", "distributed.cli.dask_" + kind, "--host", "127.0.0.1"]
            + ["--no-dashboard", *options],
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._started.append(process)
        return process

    def add_worker(self, threads=1):
        options = ("--nthreads", str(threads), "--no-nanny", "--local-directory", self._folder)
        return self._start("worker", self.address, *map(str, options))

    def end(self):
        family = [
            child
            for process in self._started
            if process.poll() is None
            for child in psutil.Process(process.pid).children(recursive=True)
        ]
        for process in self._started:
            process.kill()
            process.wait()
        assert not psutil.wait_procs(family, timeout=20)[1]  # clean processes end with workers


@pytest.fixture
def processes(tmp_path):
    made = Processes(tmp_path)
    yield made
    made.end()


@pytest.fixture(scope="module")
def small_class(tmp_path_factory):
    """A class in chapter 02 and its results from a local run."""
    graded = Graded(tmp_path_factory.mktemp("small"))
    synthetic_class().write(graded.submitted, "02", 14, seed=5)
    put(graded.submitted / "empty.ipynb", b"")
    put(graded.submitted / "broken.ipynb", b'{"cells": [')
    assignment_in(graded.folder, "02")
    graded.grade()
    return graded


def start(graded, out, address):
    command = [sys.executable, "-c", "from course_lib.cli import main; raise SystemExit(main())"]
    where = ("--assignment", graded.assignment, "--to", out, "--dask", address)
    return subprocess.Popen(
        [*command, "grade", graded.submitted, *where],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def grade(graded, out, *options):
    where = ("--assignment", graded.assignment, "--to", out, *options)
    return course("grade", graded.submitted, *where)


def test_a_cluster_gives_what_this_machine_gives_with_a_worker_killed(
    small_class, processes, tmp_path
):
    first, out = processes.add_worker(threads=2), tmp_path / "out"
    process = start(small_class, out, processes.address)
    deadline = time.monotonic() + 60
    while judged(out) < 10 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    processes.add_worker()
    first.send_signal(signal.SIGKILL)
    assert 10 <= judged(out) < len(results(small_class.out)[1])
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert "layers in force: resource limits" in said
    assert results(out) == results(small_class.out)
    assert written(out) == written(small_class.out)


def test_a_cluster_that_goes_away_is_told_and_its_work_done_later(
    small_class, processes, tmp_path, monkeypatch
):
    monkeypatch.setenv("DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT", "2s")
    processes.add_worker()
    out = tmp_path / "out"
    process = start(small_class, out, processes.address)
    deadline = time.monotonic() + 60
    while judged(out) < 5 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    processes.end()
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 1, said
    # Before that, distributed logs what it tried.
    assert said.splitlines()[-1].startswith("course: the Dask cluster is gone")
    code, said = grade(small_class, out)
    assert code == 0, said
    assert results(out) == results(small_class.out)


def test_nobody_at_the_address(small_class, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "CONNECT", 1)
    address = f"tcp://127.0.0.1:{free_port()}"
    code, said = grade(small_class, tmp_path / "out", "--dask", address)
    assert code == 1
    assert f"course: no Dask cluster answers at {address}" in said
    assert "Traceback" not in said


def test_an_address_that_is_none(small_class, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "CONNECT", 1)
    code, said = grade(small_class, tmp_path / "out", "--dask", "no://where")
    assert code == 1
    assert "course: no Dask cluster answers at no://where" in said


def test_a_cluster_without_workers(small_class, processes, tmp_path, monkeypatch):
    code, said = grade(small_class, tmp_path / "out", "--dask", processes.address)
    assert code == 1
    assert f"course: the Dask cluster at {processes.address} has no worker" in said
