"""The benchmarks run without what they compare with, and time nothing that computes otherwise."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from course_lib import Linear, ReLU, Sequential, Tanh

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture
def modules(monkeypatch):
    """The benchmarks as modules, imported the way a script finds its neighbours."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import cost_of_backward
    import mlp_step

    yield mlp_step, cost_of_backward
    for name in ("cost_of_backward", "machine", "mlp_step"):
        sys.modules.pop(name, None)


@pytest.fixture
def batches(modules):
    rng = np.random.default_rng(1)
    return [(rng.random((7, 784), np.float32), rng.integers(0, 10, 7)) for _ in range(6)]


def run(script, *arguments, folder, hidden=()):
    """What a benchmark prints, in a process in which the packages `hidden` cannot be imported."""
    shadows = folder / "shadows"
    for name in hidden:
        (shadows / name).mkdir(parents=True)
        (shadows / name / "__init__.py").write_text(f"raise ImportError('{name} is hidden')\n")
    finished = subprocess.run(
        [sys.executable, "-W", "error", BENCHMARKS / script, *arguments, "--to", folder / "out"],
        env=os.environ | {"PYTHONPATH": str(shadows)},
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def test_mlp_step_names_what_is_not_installed(tmp_path):
    few = ["--batch-sizes", "8", "--threads", "1", "2", "--blocks", "2", "--steps", "2"]
    text = run("mlp_step.py", *few, "--images", "80", folder=tmp_path, hidden=("torch", "autograd"))
    assert "PyTorch eager: not installed: torch is hidden" in text
    assert "HIPS autograd: not installed: autograd is hidden" in text
    measured = [line.split() for line in text.splitlines() if " course_lib  " in line]
    settings = [["8", "1", "0"], ["8", "2", "0.25"], ["8", "2", "0"]]
    assert [row[:3] for row in measured] == settings
    assert all(float(row[4]) > 0 for row in measured)
    assert (tmp_path / "out" / "mlp_step.txt").read_text(encoding="utf-8") == text
    assert (tmp_path / "out" / "mlp_step.png").read_bytes().startswith(b"\x89PNG")
    for setting in (
        "Batch 8, 1 thread: course_lib",
        "Batch 8, 2 threads, back to back: course_lib",
    ):
        assert setting in text  # the plot in words


def test_cost_of_backward_prints_counts_beside_times(tmp_path):
    text = run("cost_of_backward.py", "--steps", "3", "--batch-sizes", "9", folder=tmp_path)
    rows = {line.split()[0]: line.split()[1:5] for line in text.splitlines() if line[:3] == "784"}
    assert rows == {
        "784-128-10": ["101,632", "102,912", "1.01", "9"],
        "784-512-512-10": ["668,672", "935,936", "1.40", "9"],
    }
    assert (tmp_path / "out" / "cost_of_backward.txt").read_text(encoding="utf-8") == text


def test_judging_times_every_kind_of_answer():
    finished = subprocess.run(
        [sys.executable, "-W", "error", BENCHMARKS / "judging.py", "double", "relu_forward"],
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert finished.returncode == 0, finished.stderr
    rows = {line.split()[0]: int(line.split()[1]) for line in finished.stdout.splitlines()[1:]}
    assert list(rows) == ["double", "relu_forward", "all"]
    assert rows["all"] == rows["double"] + rows["relu_forward"] > 40


def test_multiply_adds_follow_the_shapes(modules):
    _, cost = modules
    rng = np.random.default_rng(2)
    model = Sequential(Linear(5, 3, rng), ReLU(), Linear(3, 7, rng), ReLU(), Linear(7, 2, rng))
    assert cost.multiply_adds(model) == (15 + 21 + 14, 15 + 2 * (21 + 14))
    assert cost.multiply_adds(model, input_gradient=True) == (50, 100)
    with pytest.raises(TypeError, match="cannot count Tanh, expected Linear or ReLU"):
        cost.multiply_adds(Sequential(Linear(5, 3, rng), Tanh()))


def test_the_same_computation_is_accepted(modules, batches):
    mlp, _ = modules
    weights = mlp.initial_weights(np.random.default_rng(3))
    mlp.verify([mlp.CourseLib(weights), mlp.CourseLib(weights)], batches)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: setattr(c.optimizer, "learning_rate", 0.11), "in step 1 W1 differs"),
        (lambda c: setattr(c.loss_fn, "reduction", "sum"), "in step 1 the loss differs"),
        (lambda c: c.weights()[3].fill(0.01), "in step 1 b2 differs"),
        (lambda c: c.weights()[3].fill(np.nan), "in step 1 the loss differs"),
        (lambda c: setattr(c.model, "zero_grad", lambda: None), "in step 2 W1 differs"),
    ],
)
def test_another_computation_is_not_timed(modules, batches, change, message):
    mlp, _ = modules
    weights = mlp.initial_weights(np.random.default_rng(3))
    changed = mlp.CourseLib(weights)
    changed.name = "another"
    change(changed)
    with pytest.raises(mlp.Disagreement, match=f"another: {message}.*nothing was timed"):
        mlp.verify([mlp.CourseLib(weights), changed], batches)


class Recorder:
    """A contender that notes who was given which batch."""

    def __init__(self, name, log):
        self.name, self.log = name, log

    def batch(self, x, labels):
        return x, labels

    def step(self, x, labels):
        self.log.append((self.name, int(x)))


def test_contenders_take_turns_on_the_same_batches(modules):
    mlp, _ = modules
    log = []
    contenders = [Recorder(name, log) for name in "abc"]
    times = mlp.measure(contenders, [(i, None) for i in range(10)], blocks=3, steps=2, pause=0)
    assert [len(of_one) for of_one in times] == [3, 3, 3]
    seen = {name: [batch for who, batch in log if who == name] for name in "abc"}
    assert seen["a"] == seen["b"] == seen["c"] == [i % 10 for i in range(20)]
    block = mlp.SETTLING_STEPS + 2
    assert [log[i][0] for i in range(0, len(log), block)] == list("cababcbcacab")


def test_ratios_are_paired_block_by_block(modules):
    mlp, _ = modules
    ours = mlp.Row(64, 1, 0, "course_lib", [1.0, 2.0, 3.0, 4.0, 5.0])
    theirs = mlp.Row(64, 1, 0, "PyTorch eager", [2.0, 4.0, 6.0, 8.0, 50.0])
    assert mlp.ratio(ours, theirs) == (0.5, 0.5, 0.5)
    assert mlp.restless(ours)
    assert not mlp.restless(mlp.Row(64, 1, 0, "course_lib", [1.0, 1.01, 1.02, 1.03, 9.0]))
