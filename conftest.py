"""Runs the chapters' notebooks beside the tests; keeps both away from anybody's own progress."""

import os

# Two workers on two cores: threads of BLAS would only wait for each other. Kernels inherit this.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")

import shutil
import signal
import tempfile
from functools import cache
from pathlib import Path

import pytest

from course_lib.authoring import Course, CourseError, build, holds_work, read_notebook

COURSE = Course(Path(__file__).parent)
SKIPPED = {}  # node id: reason; filled in the process that reports


def pytest_configure(config):
    # On Windows zmq announces the helper thread it starts for each kernel.
    config.addinivalue_line("filterwarnings", "ignore:Proactor event loop:RuntimeWarning")
    # A shell starts a job in the background deaf to Ctrl-C, and what it starts inherits that. The
    # tests of interrupts need it as it is in the foreground.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if not hasattr(config, "workerinput"):  # workers of xdist inherit the folder
        os.environ["COURSE_WORK"] = tempfile.mkdtemp(prefix="course-work-")


def pytest_unconfigure(config):
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ.pop("COURSE_WORK"), ignore_errors=True)


@pytest.fixture(autouse=True)
def work_folder(tmp_path, monkeypatch):
    """An empty work folder for each test; kernels that it starts inherit it."""
    folder = tmp_path / "course-work"
    monkeypatch.setenv("COURSE_WORK", str(folder))
    return folder


@cache
def work_folder_of(path):
    """An empty work folder for each notebook: what one chapter stores must not show in another."""
    return tempfile.mkdtemp(prefix=f"{path.stem}-", dir=os.environ["COURSE_WORK"])


@cache
def held_work(path):
    """Whether a learner has worked in a chapter's notebook; whoever cannot tell lets it run."""
    try:
        return holds_work(read_notebook(path), build(path.name[:2], COURSE))
    except CourseError:
        return False


def pytest_ignore_collect(collection_path):
    """Of notebooks, only those which are built from a source are run."""
    if collection_path.suffix != ".ipynb":
        return None
    built = {COURSE.notebook(chapter) for chapter in COURSE.sources}
    return True if collection_path not in built else None


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.suffix == ".ipynb" and held_work(item.path):
            item.add_marker(pytest.mark.skip(reason=f"{item.path.name} holds your work"))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    if item.path.suffix == ".ipynb":  # its kernel starts right after this
        os.environ["COURSE_WORK"] = work_folder_of(item.path)


# Where everything must run, a skipped test is a failure --------------------------------------


def _nothing_may_be_skipped():
    return os.environ.get("CI", "").lower() not in ("", "0", "false")


def _note(report):
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        SKIPPED[report.nodeid] = str(reason)


def pytest_runtest_logreport(report):
    _note(report)


def pytest_collectreport(report):
    _note(report)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session):
    if SKIPPED and _nothing_may_be_skipped() and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter):
    if SKIPPED and _nothing_may_be_skipped():
        terminalreporter.write_line("With CI set nothing may be skipped, but these were:", red=True)
        lines = {f"  {name.partition('::Cell')[0]}: {why}": None for name, why in SKIPPED.items()}
        for line in lines:
            terminalreporter.write_line(line)
