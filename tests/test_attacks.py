"""What hostile submissions gain (nothing), and what they do to others (nothing).

The attacks are texts in `tests/attacks`, which only the sandbox ever runs. Each holds an answer to
`bias_gradient`. Where it can tell that it has reached something, it returns the right result: so
whatever earns points there is a hole.
"""

import hashlib
import os
import platform
import re
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from course_lib import exercises
from course_lib.authoring import build, solved
from course_lib.classroom.assignment import Assignment
from course_lib.classroom.judging import Grader
from course_lib.grading.definition import DEFAULT_SEED
from course_lib.grading.judging import _prepare, judge_outcomes
from course_lib.grading.outcomes import Odd, Outcome, Record, unified

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is Linux's")

FOLDER = Path(__file__).parent / "attacks"
TOOLS = (FOLDER / "tools.txt").read_text()
HERE = Path(__file__).parent.parent
QUICK = 0.5  # seconds for each exercise of chapter 02, here
HONEST = """
def linear_forward(X, W, b):
    return X @ W + b

def weight_gradient(X, dY):
    return X.T @ dY

def input_gradient(dY, W):
    return dY @ W.T
"""
RIGHT = "def bias_gradient(dY):\n    return dY.sum(axis=0)\n"
IN_USE = ("linear_forward", "weight_gradient", "input_gradient")


def attacks():
    for path in sorted(FOLDER.glob("*.txt")):
        for part in re.split(r"^=== ", path.read_text(), flags=re.M)[1:]:
            title, _, code = part.partition("\n")
            yield pytest.param(title, code, id=f"{path.stem}: {title}")


def notebook(*sources, chapter="02", exercise=""):
    cells = [
        {"number": k, "source": source, "exercise": exercise, "role": "answer" if exercise else ""}
        for k, source in enumerate(sources, 1)
    ]
    return SimpleNamespace(cells=cells, answers={}, chapter=chapter)


def cells_of(made, chapter):
    cells = [
        {"number": k, "source": c.source, "exercise": "", "role": ""}
        | {n: v for n, v in c.metadata.get("course", {}).items() if n in ("exercise", "role")}
        for k, c in enumerate(made.cells, 1)
        if c.cell_type == "code"
    ]
    return SimpleNamespace(cells=cells, answers={}, chapter=chapter)


def judged(grader, read, student="mallory"):
    return {j.exercise: j for j in grader.judge(read, student) if j.kind == "code"}


@pytest.fixture(scope="module")
def quick():
    """Chapter 02 with less time for each exercise, as many attacks use all of it."""
    with pytest.MonkeyPatch.context() as patch:
        for item in exercises.of_chapter("02"):
            if item.kind == "code":
                patch.setattr(item, "seconds", QUICK)
        yield


@pytest.fixture(scope="module")
def grader(quick):
    with Grader(Assignment("hw1", ("02",), secret="s")) as made:
        assert not made.missing
        yield made


@pytest.fixture(scope="module")
def witness(grader):
    """An honest notebook, which earns all points."""
    read = cells_of(solved("02"), "02")
    assert_full_points(grader, read)
    return read


def assert_full_points(grader, read, student="alice"):
    found = judged(grader, read, student)
    assert [j.exercise for j in found.values() if not j.passed] == []
    assert len(found) == 6


@pytest.fixture(scope="module")
def canary(tmp_path_factory):
    """A folder with the work of others, as it lies beside what is graded."""
    folder = tmp_path_factory.mktemp("canary")
    (folder / "alice.ipynb").write_text("Alice's work")
    (folder / "gradebook.sqlite").write_bytes(b"scores")
    (folder / "numpy.py").write_text("FAKE = True\nallclose = lambda *a, **k: True\n")
    (folder / "empty").mkdir()
    return folder


def children(number):
    """The numbers of the processes that a process has started."""
    found = []
    for task in Path(f"/proc/{number}/task").iterdir():
        found += [int(n) for n in (task / "children").read_text().split()]
    return sorted(found)


def traces(canary):
    """Everything outside that an attack might have changed."""
    kept = {p.name: (p.stat().st_mtime_ns, p.stat().st_mode) for p in canary.iterdir()}
    text = hashlib.sha256(b"".join(p.read_bytes() for p in canary.iterdir() if p.is_file()))
    places = (Path("/tmp"), Path("/dev/shm"), Path.cwd(), Path.home(), Path("/"))
    left = [str(p) for place in places for p in place.glob("course-attack*")]
    zygotes = children(os.getpid())
    below = {z: children(z) for z in zygotes}
    sockets = {z: len(os.listdir(f"/proc/{z}/fd")) for z in zygotes}
    return kept, text.hexdigest(), left, below, sockets, len(os.listdir("/proc/self/fd"))


def fresh(code, canary):
    for name, value in {"CANARY": canary, "HERE": HERE, "JUDGE": os.getpid()}.items():
        code = re.sub(rf"\b{name}\b", str(value), code)
    return code


@pytest.mark.parametrize(("title", "code"), list(attacks()))
def test_attack_gains_nothing_harms_nobody_leaves_nothing(title, code, grader, witness, canary):
    if "(x86_64)" in title and platform.machine() != "x86_64":
        pytest.skip("the numbers of its system calls are those of x86_64")
    before = traces(canary)
    found = judged(grader, notebook(TOOLS, fresh(code, canary), HONEST))
    attacked = found["bias_gradient"]
    assert attacked.points == 0, attacked.message
    assert attacked.status in ("failed", "error"), attacked.message
    if "(slow)" in title:
        assert attacked.finding == "timeout", attacked.message
    assert len(attacked.message) < 4000
    attacked.message.encode()
    for name in () if "(spoils those)" in title else IN_USE:
        assert found[name].passed, (name, found[name].message)
    assert_full_points(grader, witness)
    assert traces(canary) == before


# what one learns, and what one may use --------------------------------------------------------


REMEMBERS = """
KEPT = []
def bias_gradient(dY):
    KEPT.append(dY.copy())
    raise ValueError(repr(KEPT[0].tolist()))
"""
TELLS_BEFORE = """
def look():
    return up("run").f_locals["request"]["probes"][0].args[0].tolist()

raised = look()
bias_gradient = int(repr(raised))
"""
TELLS_ELSEWHERE = """
KEPT = []
def weight_gradient(X, dY):
    import builtins
    builtins.kept = getattr(builtins, "kept", []) + [X]
    return X.T @ dY

def bias_gradient(dY):
    import builtins
    raise ValueError(repr([x.tolist() for x in builtins.kept]))
"""


@pytest.mark.parametrize("code", [REMEMBERS, TELLS_BEFORE, TELLS_ELSEWHERE])
def test_numbers_that_are_held_back_show_in_no_message(code, grader):
    found = judged(grader, notebook(TOOLS, code), "mallory")
    assert found["bias_gradient"].points == 0
    text = "".join(j.message for j in found.values())
    seed = grader.assignment.seed_for("mallory")
    for name in ("bias_gradient", "weight_gradient"):
        for probe in exercises.find(name).probes(seed):
            if probe.label != "values that occur more than once":
                for number in np.concatenate([a.ravel() for a in probe.args]):
                    assert repr(float(number))[:9] not in text


def test_every_student_is_judged_on_other_numbers(grader):
    seeds = [grader.assignment.seed_for(name) for name in ("alice", "mallory")]
    one, other = (exercises.find("bias_gradient").probes(s) for s in (*seeds,))
    assert not np.allclose(one[0].args[0], other[0].args[0])


class Replay:
    """Runs nothing, and hands in outcomes that were made up."""

    signature = None

    def __init__(self, exercise, make):
        self.exercise, self.make = exercise, make

    def run_all(self, probes, outcomes, room):
        for k, probe in enumerate(probes):
            with self.exercise.around():
                outcomes.append(unified(self.make(k), probe, self.exercise))

    def run_one(self, probe, seconds, cpu_time=False):
        return unified(self.make(0), probe, self.exercise)


CODES = [e for e in exercises.load().values() if e.kind == "code" and e.name != "train_mlp"]


def _forgeries(exercise):
    wanted = _prepare(exercise, DEFAULT_SEED).wanted

    def each(change):
        def make(k):
            records = [change(r) for r in wanted[k % len(wanted)].records]
            return Outcome([r for r in records if r is not None])

        return make

    def valued(f):
        return each(lambda r: Record(r.name, f(np.asarray(r.value, float)), r.again))

    return {
        "the answers of the notebook's cases": each(lambda r: r),
        "nothing": each(lambda r: None),
        "first calls only": each(lambda r: None if r.again else r),
        "nan": valued(lambda v: np.full_like(v, np.nan)),
        "inf": valued(lambda v: np.full_like(v, np.inf)),
        "zeros": valued(np.zeros_like),
        "empty": valued(lambda v: np.zeros(0)),
        "odd": each(lambda r: Record(r.name, Odd("None", "None"), r.again)),
    }


@pytest.mark.parametrize("exercise", CODES, ids=lambda e: e.name)
def test_made_up_outcomes_never_pass(exercise):
    for words, make in _forgeries(exercise).items():
        try:
            verdict = judge_outcomes(
                exercise, Replay(exercise, make), seed=987654321, diagnose=False
            )
        except Exception:  # noqa: BLE001 - the grader takes that for an answer that is wrong
            continue
        assert not verdict.passed, words


def by_heart(name):
    """An answer that has the notebook's cases by heart, and else takes the next of that shape."""
    prepared = _prepare(exercises.find(name), DEFAULT_SEED)
    rows = [
        (tuple(a.shape for a in p.args), [a.tobytes() for a in p.args], w.records[0].value.tolist())
        for p, w in zip(prepared.probes, prepared.wanted, strict=True)
    ]
    return f"""
TABLE = {rows!r}
def {name}(*args):
    shapes, content = tuple(a.shape for a in args), [a.tobytes() for a in args]
    for known in (lambda row: row[1] == content, lambda row: row[0] == shapes):
        for row in TABLE:
            if known(row):
                return np.array(row[2])
"""


def test_cases_known_by_heart_earn_nothing_and_are_told_apart(grader):
    for name in ("bias_gradient", "weight_gradient"):
        found = judged(grader, notebook(by_heart(name)))[name]
        assert (found.status, found.points, found.finding) == ("failed", 0, "held back")
        assert "held back" in found.message


@pytest.fixture(scope="module")
def other_graders():
    made = {}

    def grader_of(chapter):
        if chapter not in made:
            made[chapter] = Grader(Assignment("hw1", (chapter,), secret="s"))
        return made[chapter]

    yield grader_of
    for grader in made.values():
        grader.close()


UNDER_OTHER_NAMES = """
import types
def from_the_course(name):
    for thing in everything():
        if getattr(thing, "__name__", "") == name and type(thing) in (types.FunctionType, type):
            if str(getattr(thing, "__module__", "")).startswith("course_lib"):
                return thing
    raise NameError(name)
"""


@pytest.mark.parametrize(
    ("chapter", "name", "source"),
    [
        ("03", "dead_units", by_heart("dead_units")),
        (
            "04",
            "relative_error",
            "from course_lib.gradcheck import numerical_gradient\n"
            "relative_error = numerical_gradient.__globals__['relative_error']",
        ),
        (
            "04",
            "relative_error",
            "def relative_error(*a):\n    return from_the_course('relative_error')(*a)",
        ),
        ("04", "relative_error", "from course_lib.gradcheck import relative_error"),
        ("04", "softmax", "def softmax(z):\n    return from_the_course('softmax_forward')(z)[0]"),
        (
            "04",
            "softmax",
            "from course_lib import functional\ndef softmax(z):\n"
            "    return functional.softmax_forward(z)[0]",
        ),
        (
            "01",
            "numerical_gradient",
            "def numerical_gradient(f, x, h=1e-5):\n"
            "    return from_the_course('by_nudging')(f, x, h)",
        ),
        (
            "01",
            "numerical_gradient",
            "import course_lib\nnumerical_gradient = course_lib.gradcheck.numerical_gradient",
        ),
        (
            "06",
            "hessian_vector_product",
            "from course_lib.autograd import hvp as hessian_vector_product",
        ),
        (
            "06",
            "hessian_vector_product",
            "from course_lib.autograd import grad, hvp\n"
            "def hessian_vector_product(f, x, v):\n    return hvp(f, x, v)",
        ),
        (
            "06",
            "hessian_vector_product",
            "from course_lib import autograd\n"
            "def hessian_vector_product(f, x, v):\n    return from_the_course('hvp')(f, x, v)",
        ),
        (
            "06",
            "Value",
            "from course_lib.autograd import Value",
        ),
        (
            "06",
            "Value",
            "class Value:\n    def __new__(cls, data):\n"
            "        return from_the_course('Value')(data)",
        ),
        (
            "06",
            "topological_order",
            "def topological_order(root):\n"
            "    send(outcome() * len(up('run').f_locals['request']['probes']))\n"
            "    os._exit(0)",
        ),
        (
            "06",
            "topological_order",
            "def topological_order(root):\n    return from_the_course('topological_order')(root)",
        ),
    ],
)
def test_what_is_asked_for_is_not_to_be_had(chapter, name, source, other_graders):
    read = notebook(TOOLS, UNDER_OTHER_NAMES, source, exercise=name, chapter=chapter)
    found = judged(other_graders(chapter), read)[name]
    assert found.points == 0, found.message
    assert found.status in ("failed", "error", "missing"), found.message
