"""What runs in a student's process: reads the notebook's cells, calls answers, sends what they did.

It is told inputs and sends back outcomes. It holds no answer, no score, nothing to compare with.
"""

import builtins
import contextlib
import inspect
import io
import linecache
import random
import re
import sys
import warnings
from dataclasses import asdict

import numpy as np

from course_lib.grading.contract import Contract
from course_lib.grading.outcomes import numpy_kept, record
from course_lib.grading.probes import Call
from course_lib.sandbox.extract import as_checked, file_of, find_answers, needed, read_cells
from course_lib.sandbox.facade import nothing
from course_lib.sandbox.frames import encode, read_frame, reading_from

IN_EVERY_NOTEBOOK = ("display", "get_ipython")  # what Jupyter adds to Python
AT_ONCE = 64_000  # bytes of outcomes that are sent together
_PARAMETER_KINDS = {kind: kind.name for kind in inspect._ParameterKind}


class _Nowhere:
    """A text stream that takes everything and keeps nothing."""

    encoding, errors, closed = "utf-8", "replace", False

    def write(self, text):
        return len(text)

    def flush(self):
        pass

    def isatty(self):
        return False

    def read(self, *size):
        return ""

    readline = read


class Serving:
    """Answers one judge's requests about one notebook.

    read(n): exactly n bytes; write(bytes). Both come from whoever made the process.
    """

    def __init__(self, read, write):
        self._read, self._write = read, write
        self._loaded = {}

    def run(self):
        """Goes on until the other side closes, which shows as EOFError."""
        sys.stdin = sys.stdout = sys.stderr = _Nowhere()
        self._take_notebook(read_frame(self._read))
        while True:
            request = read_frame(self._read)
            attempt, reply = self._attempt(request["exercise"], request["as_checked"])
            self._write(encode(reply))
            if attempt is not None:
                with numpy_kept():  # other answers run in this process
                    self._try(attempt, request["probes"], request["contract"])

    def _try(self, attempt, probes, contract):
        waiting = []
        for probe in probes:
            outcome = record(probe, attempt, contract)
            outcome.alive = ()
            waiting.append(encode(outcome))
            if sum(map(len, waiting)) > AT_ONCE:
                self._write(b"".join(waiting))
                waiting = []
        self._write(b"".join(waiting))

    def _take_notebook(self, notebook):
        cells, wanted = notebook["cells"], notebook["wanted"]
        statements, broken = read_cells(cells)
        answers = find_answers(cells, statements, broken, wanted, notebook["starters"])
        self._names = {exercise: answer.name for exercise, answer in answers.items()}
        for cell in cells:
            lines = cell["source"].splitlines(keepends=True)
            linecache.cache[file_of(cell["number"])] = (0, None, lines, file_of(cell["number"]))
        self._statements, self._answers = statements, answers
        self._needed = {e: needed(statements, [name]) for e, name in self._names.items()}
        needs = {e: list({s.cell for s in found}) for e, found in self._needed.items()}
        self._write(encode({"answers": {e: asdict(a) for e, a in answers.items()}, "needs": needs}))

    def _attempt(self, exercise, checked):
        """(the function or class, what to say of it); (None, why not) where there is none.

        checked: whether as it stood at its own cell; None as well where that is no other.
        """
        if (exercise, checked) not in self._loaded:
            statements = self._needed[exercise]
            if checked:
                then = as_checked(self._statements, self._answers[exercise], self._names.values())
                then = needed(then, [self._names[exercise]])
                if [*map(id, then)] == [*map(id, statements)]:
                    return None, {"same": True}
                statements = then
            self._loaded[exercise, checked] = self._load(self._names[exercise], statements)
        return self._loaded[exercise, checked]

    def _load(self, name, statements):
        space = {"__name__": "__main__", "__builtins__": builtins, "np": np}
        space |= {name: nothing for name in IN_EVERY_NOTEBOOK}
        failed = []
        for statement in statements:
            try:
                exec(statement.code, space)
            except BaseException as error:  # noqa: BLE001 - it may not be needed after all
                failed.append(f"cell {statement.cell} raised {_words(error)}")
        attempt = space.get(name)
        if name not in space:
            return None, {"missing": failed[-1] if failed else ""}
        if not callable(attempt):
            return None, {"kind": type(attempt).__name__}
        return attempt, {"signature": _signature(attempt), "failed": failed[:3]}


def make_ready():
    """Does once what is the same for every notebook, before any of them is there.

    What is imported, looked up and kept on first use takes longer than most answers do; so an
    answer of our own, one that gives back its input, goes all the way.
    """
    warnings.simplefilter("ignore")
    random.seed(0)  # what is not seeded by the answer itself is the same in every run
    np.random.seed(0)  # noqa: NPY002 - as above
    source = "import numpy as np\n\n\ndef echo(x):\n    return np.array(x) @ x.T"
    cells = [{"number": 1, "source": source, "exercise": "echo", "role": "answer"}]
    notebook = {"cells": cells, "wanted": {"echo": False}, "starters": {}}
    contract = Contract("echo", False, ("y",), False, {None: ("x",)})
    probes = [Call((np.ones((2, 3)),))]
    request = {"exercise": "echo", "contract": contract, "probes": probes, "as_checked": False}
    frames = io.BytesIO(encode(notebook) + encode(request))
    with contextlib.suppress(EOFError):
        Serving(reading_from(frames), len).run()
    linecache.clearcache()


def forget_packages():
    """Has a package that must not be read be one that is not there. NumPy knows its own folder."""
    sys.path[:] = [p for p in sys.path if not re.search(r"(site|dist)-packages", p)]


def _words(error):
    try:
        return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
    except BaseException:  # noqa: BLE001 - its __str__ is the student's as well
        return type(error).__name__


def _signature(attempt):
    """[(name, kind, has a default)] of its parameters, or None where that is not to be had."""
    try:
        parameters = inspect.signature(attempt).parameters.values()
        return [[p.name, _PARAMETER_KINDS[p.kind], p.default is not p.empty] for p in parameters]
    except BaseException:  # noqa: BLE001 - a callable object may answer with anything
        return None
