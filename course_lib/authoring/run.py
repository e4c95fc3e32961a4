"""Runs notebooks in a kernel of this very Python, which never outlives the run."""

import contextlib
import os
import re
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

from jupyter_core.utils import run_sync
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

import course_lib
from course_lib.authoring.errors import ExecutionError
from course_lib.saving import without_views


@contextlib.contextmanager
def kernel(notebook, folder, work, **options):
    """A client of a fresh kernel for the notebook; the kernel is shut down in any case.

    folder: where the kernel runs. work: its work folder. options: of nbclient's NotebookClient.
    """
    client = NotebookClient(
        notebook, kernel_name="python3", record_timing=False, store_widget_state=False, **options
    )
    manager = client.create_kernel_manager()
    # A learner may have another kernel called python3; the chapters need this environment.
    manager.kernel_spec.argv = [
        sys.executable,
        "-m",
        "ipykernel_launcher",
        "-f",
        "{connection_file}",
    ]
    streams = dict.fromkeys(("stdout", "stderr"), subprocess.DEVNULL)  # its talk, not the cells'
    environment = {**os.environ, "COURSE_WORK": str(work)}
    with warnings.catch_warnings():
        # On Windows zmq announces the helper thread it starts; nobody needs to act on that.
        warnings.filterwarnings("ignore", "Proactor event loop", RuntimeWarning)
        try:
            with client.setup_kernel(cwd=str(folder), env=environment, **streams):
                yield client
        finally:
            if manager.has_kernel:  # an interrupt while the kernel was starting gets here
                run_sync(manager.shutdown_kernel)(now=True)


def execute(notebook, folder, name, *, work=None, timeout=600):
    """Runs all cells in place and cleans what was stored, ready to be written.

    folder: where the kernel runs. work: its work folder, by default an empty one that is removed
    afterwards. timeout: seconds for one cell. Raises ExecutionError (which begins with `name`)
    when a cell without the tag raises-exception raises, or does not end.
    """
    with contextlib.ExitStack() as stack:
        if work is None:
            work = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        client = stack.enter_context(kernel(notebook, folder, work, timeout=timeout))
        for index, cell in enumerate(notebook.cells):
            try:
                client.execute_cell(cell, index)
            except CellExecutionError as error:
                raise ExecutionError(name, cell.source, f"{error.ename}: {error.evalue}") from None
            except CellTimeoutError:
                raise ExecutionError(name, cell.source, f"no end after {timeout} s") from None
            except DeadKernelError:
                raise ExecutionError(name, cell.source, "the kernel died") from None
    clean(notebook)
    return notebook


def clean(notebook):
    """Removes what changes from run to run or cannot be shown without a live kernel, in place."""
    without_views(notebook)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type != "code":
            continue
        for output in cell.outputs:
            output.pop("transient", None)
            if output.output_type == "error":
                output.traceback = [_without_paths(line) for line in output.traceback]
        cell.outputs = _joined(cell.outputs)


def _joined(outputs):
    """The outputs, with a text that came in several pieces as one: its cuts are chance."""
    joined = []
    for output in outputs:
        last = joined[-1] if joined else {}
        if output.output_type == last.get("output_type") == "stream" and output.name == last.name:
            last.text += output.text
        else:
            joined.append(output)
    return joined


def _without_paths(text):
    """A traceback that is the same on every machine."""
    root = Path(course_lib.__file__).resolve().parents[1]
    for folder, short in ((root, "."), (sys.prefix, "…"), (Path.home(), "~")):
        text = text.replace(str(folder), short)
    return re.sub(r"\S*ipykernel_\d+\S*?\.py", "<cell>", text)
