"""Answers are judged with what later cells leave, and as they stood at their own cell."""

import json
import sys

import pytest

from course_lib import exercises
from course_lib.authoring import solved
from course_lib.classroom import judging, reading
from course_lib.grading.verdict import Verdict
from tests import graders as shared

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is Linux's")

RIGHT = "def bias_gradient(dY):\n    return total(dY)"
TOTAL = "def total(a):\n    return a.sum(axis=0)"


@pytest.fixture(scope="module")
def graders():
    with shared.graders() as found:
        yield found


def judged(grader, *sources):
    cells = [{"cell_type": "code", "metadata": {}, "source": s, "outputs": []} for s in sources]
    chapter = grader.assignment.chapters[0]
    given = {"cells": cells, "metadata": {"course": {"chapter": chapter}}, "nbformat": 4}
    read = reading.read(json.dumps(given).encode(), grader.items, (chapter,))
    return {j.exercise: j for j in grader.judge(read, "alice")}


@pytest.mark.parametrize(
    "later",
    [
        "def total(a):\n    return 5",
        "total = 5",
        "class total: pass",
        "sum = 0\ntotal = sum",
        "import os as total",
    ],
)
def test_a_name_that_a_later_cell_takes_costs_nothing(later, graders):
    found = judged(graders("02"), f"{TOTAL}\n{RIGHT}", later)["bias_gradient"]
    assert (found.status, found.points) == ("passed", 2)
    assert "as it was at its own cell" in found.remark


@pytest.mark.parametrize("name", ["sum", "len", "np"])
def test_so_does_a_name_that_was_there_from_the_beginning(name, graders):
    columns = "[sum(dY[:len(dY), k]) for k in range(dY.shape[1])]"
    source = f"def bias_gradient(dY):\n    return np.array({columns})"
    assert judged(graders("02"), source, f"{name} = 5")["bias_gradient"].points == 2


def test_a_helper_that_was_mended_later_counts_as_mended(graders):
    found = judged(graders("02"), f"def total(a):\n    return 5\n{RIGHT}", TOTAL)["bias_gradient"]
    assert found.passed
    assert "own cell" not in found.remark


def test_two_exercises_may_have_helpers_of_one_name(graders):
    one = f"{TOTAL}\n{RIGHT}"
    two = (
        "def total(a, b):\n    return a @ b\ndef weight_gradient(X, dY):\n    return total(X.T, dY)"
    )
    found = judged(graders("02"), one, two)
    assert found["bias_gradient"].passed
    assert found["weight_gradient"].passed


def test_what_is_wrong_both_ways_is_wrong(graders):
    wrong = "def total(a):\n    return a.mean(axis=0)"
    for later in (wrong, "total = 5"):
        found = judged(graders("02"), f"{wrong}\n{RIGHT}", later)["bias_gradient"]
        assert (found.status == "passed", found.points) == (False, 0)
    # A right definition that was given up is no answer, wherever its helper stands.
    found = judged(graders("02"), f"{TOTAL}\n{RIGHT}", "def bias_gradient(dY):\n    return dY[0]")
    assert found["bias_gradient"].points == 0


def test_methods_that_are_added_later_still_count(graders):
    own = exercises.find("Linear")
    source = next(
        c["source"] for c in solved("02")["cells"] if c["source"].startswith("class Linear")
    )
    head, _, rest = source.partition("    def backward")
    given = (
        head.rstrip(),
        f"def backward{rest.replace(chr(10) + '    ', chr(10))}\nLinear.backward = backward",
    )
    assert judged(graders("02"), *given)[own.name].points == own.points


def test_a_starter_with_gaps_below_the_work_undoes_nothing(graders):
    for name in ("chain_backward", "two_layer_backward", "conv2d_forward", "Value"):
        exercise = exercises.find(name)
        source = next(
            c["source"]
            for c in solved(exercise.chapter)["cells"]
            if c["source"].startswith((f"def {name}(", f"class {name}"))
        )
        head = "import numpy as np\nfrom course_lib.autograd import *\n"
        found = judged(graders(exercise.chapter), head, source, exercise.starter)[name]
        assert found.points == exercise.points, (name, found.message)


def test_prints_plots_and_progress_cost_nothing(graders):
    source = """
from tqdm import tqdm, trange
import matplotlib.pyplot as plt
def bias_gradient(dY):
    fig, (a, b, c) = plt.subplots(1, 3)
    fig, grid = plt.subplots(2, 3)
    for row in grid:
        for axes in row:
            axes.plot([1])
    n, edges, patches = plt.hist([1])
    low, high = a.get_ylim()
    a.set_ylim(low - 0.1, high * 1.1)
    bar = tqdm(range(3), desc="x")
    for _ in bar:
        bar.set_postfix(loss=1)
        tqdm.write("x")
    for _ in trange(3, desc="x"):
        pass
    with tqdm(total=3) as bar:
        bar.update(1)
    return dY.sum(axis=0)
"""
    assert judged(graders("02"), source)["bias_gradient"].passed


def test_a_line_for_ipython_that_goes_on_costs_no_cell(graders):
    for magic in ("!pip install \\\n    numpy", "%timeit \\\n  x \\\n  y"):
        source = f"{magic}\n{TOTAL}\n{RIGHT}"
        assert judged(graders("02"), source)["bias_gradient"].passed


LINEAR = """
def __init__(self, in_features, out_features, rng):
    self.W = rng.normal(0, 1 / np.sqrt(in_features), size=(in_features, out_features))
    self.b = np.zeros(out_features)
def forward(self, X):
    self.X = np.array(X)
    return self.X @ self.W + self.b
def backward(self, dY):
    self.dW, self.db = self.X.T @ dY, dY.sum(axis=0)
    return dY @ self.W.T
"""
ATTACHED = "Linear.forward = forward\nLinear.backward = backward"
INDENTED = LINEAR.replace("\n", "\n    ")


@pytest.mark.parametrize(
    "work",
    [
        f"{LINEAR}\nLinear.__init__, Linear.forward, Linear.backward = __init__, forward, backward",
        f"{LINEAR}\nLinear.__init__ = __init__\n{ATTACHED}",
        f"class Linear(Linear):{INDENTED}",
        f"class Mine(Linear):{INDENTED}\nLinear = Mine",
    ],
    ids=["in one", "attached", "of one name", "of another"],
)
def test_what_is_built_on_the_starter_counts(work, graders):
    exercise = exercises.find("Linear")
    found = judged(graders("02"), exercise.starter, work)["Linear"]
    assert found.points == exercise.points, found.message
    alone = judged(graders("02"), exercise.starter, exercise.starter)["Linear"]
    assert alone.status == "not attempted"


def test_a_note_with_an_old_attempt_does_not_replace_an_assignment(graders):
    grader = graders("02")
    cells = [
        {
            "cell_type": "code",
            "metadata": {},
            "source": "bias_gradient = lambda dY: dY.sum(axis=0)",
        },
        {
            "cell_type": "markdown",
            "metadata": {},
            "source": "```python\ndef bias_gradient(dY):\n    return dY.mean(axis=0)\n```",
        },
    ]
    given = {"cells": cells, "metadata": {"course": {"chapter": "02"}}, "nbformat": 4}
    read = reading.read(json.dumps(given).encode(), grader.items, ("02",))
    assert [c["source"] for c in read.cells] == [cells[0]["source"]]


def test_a_training_that_failed_by_chance_has_more_draws(graders, monkeypatch):
    drawn = []

    def verdict(exercise, notebook, seed=None):
        drawn.append(seed)
        passed = seed is None or len(drawn) == 6
        return Verdict(exercise.name, "passed" if passed else "failed", 5 * passed, 5, "Right.")

    monkeypatch.setattr(judging, "_verdict_on", verdict)
    source = exercises.find("train_mlp").source
    assert judged(graders("04"), "import numpy as np", source)["train_mlp"].points == 5
    assert len(set(drawn)) == len(drawn) == 6
