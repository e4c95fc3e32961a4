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
from course_lib.classroom import attempts
from course_lib.classroom.assignment import Assignment
from course_lib.classroom.judging import Grader
from course_lib.grading.definition import DEFAULT_SEED
from course_lib.grading.judging import _prepare, judge_outcomes
from course_lib.grading.outcomes import Odd, Outcome, Record, unified
from course_lib.grading.probes import realize
from tests import graders as shared

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
        for probe in exercises.find(name).probes(seed, held_back=True):
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


def test_a_network_trained_at_home_reads_nothing_in_the_cases_held_back():
    exercise = exercises.find("train_mlp")
    (known,), (other,) = exercise.probes(), exercise.probes(987654321, held_back=True)
    W1, *rest = exercise.solution(*realize(known.args))

    def passes(probe, *weights):
        pairs = zip(exercise.outputs, weights, strict=True)
        return exercise.accept(probe, Outcome([Record(*pair) for pair in pairs])) is True

    # What an answer can work out from the generator that it gets.
    order = np.random.default_rng([784, other.args[2].seed]).permutation(784)
    assert passes(known, W1, *rest)
    for guess in (W1, W1[order], W1[np.argsort(order)]):
        assert not passes(other, guess, *rest)


def test_weights_at_which_processors_are_slow_are_not_computed_with():
    exercise = exercises.find("train_mlp")
    chapter = sys.modules[exercise.solution.__module__]
    (probe,) = exercise.probes()
    shapes = (784, 30), (30,), (30, 10), (10,)
    tiny = [np.full(shape, 1e-40, np.float32) for shape in shapes]
    records = [Record(*pair) for pair in zip(exercise.outputs, tiny, strict=True)]
    run = chapter._run(Outcome(records), *probe.args[:2])
    assert not any(w.any() for w in run.weights)


@pytest.fixture(scope="module")
def other_graders():
    with shared.graders() as found:
        yield found


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


# what it costs others -------------------------------------------------------------------------


WORST = {
    "asleep": "def bias_gradient(dY):\n    time.sleep(1e9)\n",
    "spinning": "def bias_gradient(dY):\n    while True:\n        pass\n",
    "memory": "def bias_gradient(dY):\n    return [np.ones(10**7) for _ in range(10**9)]\n",
    "ending": "def bias_gradient(dY):\n    os._exit(0)\n",
    "threads": (
        "def bias_gradient(dY):\n    import threading\n    for _ in range(100):\n"
        "        threading.Thread(target=time.sleep, args=(99,), daemon=True).start()\n"
    ),
    "flood": "def bias_gradient(dY):\n    while True:\n        os.write(pipe(), bytes(100_000))\n",
}


def test_others_keep_their_points_while_the_worst_go_on_beside_them(grader, witness):
    done, trouble = threading.Event(), []

    def attack():
        try:
            with Grader(grader.assignment) as own:
                while not done.is_set():
                    for code in WORST.values():
                        found = judged(own, notebook(TOOLS, code, HONEST))
                        if found["bias_gradient"].points or done.is_set():
                            break
        except BaseException as error:  # noqa: BLE001 - told by the thread that waits
            trouble.append(error)

    thread = threading.Thread(target=attack)
    thread.start()
    try:
        until = time.monotonic() + 3
        while time.monotonic() < until:
            assert_full_points(grader, witness)
    finally:
        done.set()
        thread.join(60)
    assert not trouble


HALF_ASLEEP = (
    f"QUICK = {QUICK}"
    + """
import sys, time
def spend(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        used = time.process_time()
        while time.process_time() - used < 0.02:
            pass
        time.sleep(0.05)
def stall(name):
    calls = getattr(sys, name, 0)  # asks for one attempt after another, and for all diagnosis
    setattr(sys, name, calls + 1)
    spend(4 * QUICK - 0.1 if calls == 0 else QUICK / 2 if calls > 20 else 0)
"""
)


def test_an_answer_half_asleep_is_stopped_like_one_that_sleeps(grader):
    stalling = "linear_forward", "weight_gradient", "input_gradient", "sgd_step"
    sources = [
        f"def {name}(*args):\n    stall({name!r})\n    return np.ones(3)" for name in stalling
    ]
    found = judged(grader, notebook(TOOLS, HALF_ASLEEP, *sources, RIGHT))
    assert found["bias_gradient"].passed
    for name in stalling:
        assert (found[name].points, found[name].finding) == (0, "timeout")


def test_attempts_beyond_the_first_end_when_their_time_is_used_up(grader, monkeypatch):
    monkeypatch.setattr(attempts, "SPARE", 0.0)
    wrong = "def weight_gradient(X, dY):\n    return X.T @ dY / len(X)"
    found = judged(grader, notebook(TOOLS, wrong, RIGHT))
    assert found["bias_gradient"].passed
    assert (found["weight_gradient"].points, found["weight_gradient"].finding) == (0, "no time")
    assert "took up the time" in found["weight_gradient"].message
    monkeypatch.undo()
    assert judged(grader, notebook(TOOLS, wrong, RIGHT))["weight_gradient"].misconception


@pytest.mark.parametrize("when", ["between two notebooks", "within one"])
def test_a_clean_process_that_is_killed_costs_nobody_anything(when, quick, witness):
    with Grader(Assignment("hw1", ("02",), secret="s")) as own:
        going = own.judge(witness, "alice")
        judgements = [next(going)] if when == "within one" else []
        for sandbox in own._sandboxes.values():
            sandbox._process.kill()
            sandbox._process.wait()
        judgements += going
        assert [j.message for j in judgements if j.kind == "code" and not j.passed] == []
        assert_full_points(own, witness)


def test_nothing_goes_on_in_a_students_process_while_the_judge_is_thinking(grader):
    busy = """
import threading
KEPT = []
def bias_gradient(dY):
    if not KEPT:
        KEPT.append(threading.Thread(target=exec, args=("while 1: 0",), daemon=True))
        KEPT[0].start()
    return dY.sum(axis=0)
"""
    going = grader.judge(notebook(TOOLS, HONEST, busy), "mallory")
    assert next(j for j in going if j.exercise == "bias_gradient").passed
    numbers = [n for zygote in children(os.getpid()) for n in children(zygote)]
    until = time.monotonic() + 5
    while time.monotonic() < until:
        states = [
            Path(f"/proc/{n}/stat").read_text().rpartition(")")[2].split()[0] for n in numbers
        ]
        if set(states) == {"T"}:
            break
    assert set(states) == {"T"}
    going.close()


def peak():
    text = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", text)[1]) * 1024


def test_floods_of_results_cost_the_judge_little_memory(grader):
    codes = [
        "def bias_gradient(dY):\n    return np.zeros(8_000_000)\n",
        "def bias_gradient(dY):\n    return np.zeros((60_000_000, 1), 'i1')\n",
        "def bias_gradient(dY):\n    raise ValueError('x' * 50_000_000)\n",
        "def bias_gradient(dY):\n    big = frame(b'[' + b'{},' * 900_000 + b'{}]')\n"
        "    while True:\n        send(big)\n",
        "def bias_gradient(dY):\n    numbers = bytes(3_000_000)\n"
        '    one = outcome(\'{"o":["Record",["db",{"a":["|i1",[3000000],false]},false]]}\')\n'
        "    while True:\n        send(frame(one[16:], numbers))\n",
    ]
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    before = peak()
    for code in codes:
        assert judged(grader, notebook(TOOLS, code))["bias_gradient"].points == 0
    assert peak() - before < 250_000_000


# what a notebook may look like ----------------------------------------------------------------


def test_check_cells_edited_or_deleted_change_nothing(grader):
    for tampered in (
        "",
        "print('passed 2/2')",
        "import course_lib\ncourse_lib.check = lambda *a: 'passed'\ncheck = course_lib.check",
        "from course_lib.grading import judging\njudging.judge = lambda *a, **k: 2",
        "assert True, 'Right.'",
    ):
        made = build("02")
        made.cells = [
            c for c in made.cells if tampered or c.metadata.get("course", {}).get("role") != "check"
        ]
        for cell in made.cells:
            if cell.metadata.get("course", {}).get("role") == "check":
                cell.source = tampered
        assert not any(j.points for j in judged(grader, cells_of(made, "02")).values())


def test_claims_in_a_cells_metadata_change_nothing(grader):
    read = notebook("def other(dY):\n    return dY\n", "x = 1")
    for k, cell in enumerate(read.cells):
        cell |= {"points": 99, "verdict": "passed", "grade": True, "role": ["answer", "check"][k]}
        cell["exercise"] = "bias_gradient"
    found = judged(grader, read)["bias_gradient"]
    assert (found.points, found.status) == (0, "failed")


BOMBS = {
    "brackets": "x = " + "(" * 50_000,
    "brackets that close": "x = " + "[" * 5_000 + "]" * 5_000,
    "minus signs": "x = " + "-" * 100_000 + "1",
    "attributes": "x = a" + ".a" * 90_000,
    "sums": "x = 1" + " + 1" * 45_000,
    "lambdas": "f = " + "lambda: " * 20_000 + "1",
    "blank lines": "\n" * 190_000 + "(",
    "blanks and equal signs": "%matplotlib inline\n" + " " * 50_000 + "=" * 100_000,
    "magics": "%x\n" * 60_000,
    "questions": "a?\n" * 60_000,
    "strings": "x = " + "'a' " * 45_000,
    "f-strings": "x = f'" + "{1}" * 12_000 + "'",
    "nested f-strings": "x = " + "f'{" * 100 + "}'" * 100,
    "decorators": "@a\n" * 60_000 + "def f(): pass",
    "if in if": "".join(" " * k + "if 1:\n" for k in range(99)) + " " * 99 + "x = 1",
    "else after else": "if 0: pass\n" + "elif 0: x = 1\n" * 13_000,
    "a large power": "x = 9 ** 9 ** 9 ** 9",
    "a large shift": "x = 1 << (1 << 40)",
    "a large text": "x = 'a' * 10 ** 12",
    "a large number": "x = " + "9" * 150_000,
    "nulls": "x = 1\0\n" * 1_000,
    "surrogates": "x = '\ud800'\ndef \ud800(): pass",
    "a megabyte": "# " + "x" * 1_000_000,
    "ten thousand definitions": "".join(f"def f{k}(): pass\n" for k in range(9_000)),
    "a name bound ten thousand times": "dY = dY\n" * 20_000,
    "right to left": "x = '\u202e'  # \u202e\ndef f(): pass\f\v\x1c\x85\u2028",
}


@pytest.mark.parametrize("source", BOMBS.values(), ids=BOMBS)
def test_a_cell_that_cannot_be_read_costs_no_other_cell(source, grader, canary):
    before = traces(canary)
    start = time.monotonic()
    names = "np = np\n", "dY = X = W = b = 1\n"
    found = judged(grader, notebook(*names, source, RIGHT, HONEST))
    for name in ("bias_gradient", *IN_USE):
        assert found[name].passed, found[name].message
    assert time.monotonic() - start < 15
    assert traces(canary) == before


@pytest.mark.parametrize("source", BOMBS.values(), ids=BOMBS)
def test_a_bomb_in_the_answers_own_cell_is_told_in_words(source, grader):
    found = judged(grader, notebook(f"{source}\n\ndef bias_gradient(dY):\n    return dY\n"))
    assert found["bias_gradient"].points == 0
    assert found["bias_gradient"].message
    found["bias_gradient"].message.encode()
    found["bias_gradient"].answer.encode()


def test_many_bombs_in_one_notebook_end_in_time(grader):
    start = time.monotonic()
    sources = [f"{source}\n# {k}" for k in range(20) for source in (BOMBS["blank lines"],)]
    sources += [BOMBS["brackets that close"], BOMBS["minus signs"], BOMBS["lambdas"]] * 5
    found = judged(grader, notebook(*sources, RIGHT))
    assert found["bias_gradient"].passed, found["bias_gradient"].message
    assert time.monotonic() - start < 15


def test_numbers_and_texts_as_answers_to_questions_earn_nothing_by_force(quick):
    questions = [e for e in exercises.of_chapter("02") if e.kind != "code"]
    with Grader(Assignment("hw1", ("02",), secret="s")) as own:
        for raw in (
            None,
            True,
            False,
            1e308,
            float("nan"),
            float("inf"),
            -1,
            10**400,
            "",
            "\ud800",
            "x" * 10**6,
            "__import__('os').system('id')",
            "9**9**9**9",
            "1e999999999",
            [],
            {},
            [[]] * 1000,
            [[[[[[]]]]]],
            {"line": 1, "reason": "a"},
            {"__class__": "x"},
            [None] * 9,
            ["A", "B", "C", "D"],
            ["a"] * 10**5,
            {"a": {"b": {"c": [1, 2, {"d": None}]}}},
            "A\0",
            "ABCDEFGHIJ",
            [[1e400] * 3] * 3,
        ):
            read = notebook()
            read.answers = {q.name: raw for q in questions}
            for found in own.judge(read, "mallory"):
                assert not found.points, (raw, found.exercise)
                found.message.encode()
                found.answer.encode()
