"""The benchmarks run without what they compare with, and time nothing that computes otherwise."""

import importlib.util
import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from course_lib import Conv2D, Flatten, Linear, MaxPool, ReLU, Sequential, Tanh, autograd, pieces

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
NAMES = (
    *("agreement", "autograd_step", "comparison", "convolution", "cnn_step", "cost_of_backward"),
    *("machine", "mlp_step", "scalars"),
)


@pytest.fixture
def modules(monkeypatch):
    """The benchmarks as modules, imported the way a script finds its neighbours."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield SimpleNamespace(**{name: importlib.import_module(name) for name in NAMES})
    for name in (*NAMES, "networks"):
        sys.modules.pop(name, None)


@pytest.fixture
def batches(modules):
    rng = np.random.default_rng(1)
    return [(rng.random((7, 784), np.float32), rng.integers(0, 10, 7)) for _ in range(6)]


@pytest.fixture
def images(batches):
    return [(x.reshape(-1, 28, 28, 1), labels) for x, labels in batches]


def start(script, *arguments, folder, hidden=()):
    """A benchmark's process, ended, in which the packages `hidden` could not be imported."""
    shadows = folder / "shadows"
    for name in hidden:
        (shadows / name).mkdir(parents=True)
        (shadows / name / "__init__.py").write_text(f"raise ImportError('{name} is hidden')\n")
    path = os.pathsep.join(filter(None, [str(shadows), os.environ.get("PYTHONPATH")]))
    return subprocess.run(
        [sys.executable, "-W", "error", BENCHMARKS / script, *arguments, "--to", folder / "out"],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        encoding="utf-8",
    )


def run(script, *arguments, folder, hidden=()):
    """What a benchmark prints that succeeds."""
    finished = start(script, *arguments, folder=folder, hidden=hidden)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


PRODUCTS = ("matrix products alone", "the same in pieces")


def numbers(text, contender):
    """The rows of a contender, as lists of words without brackets, commas and stars."""
    words = [
        re.sub(r"[][()*,]", " ", line.replace(contender, "")).split()
        for line in text.splitlines()
        if re.match(rf" *\d.* {contender} ", line)
    ]
    assert words
    return words


def test_mlp_step_names_what_is_not_installed(tmp_path):
    few = ["--batch-sizes", "8", "--threads", "1", "2", "--blocks", "2", "--steps", "2"]
    text = run("mlp_step.py", *few, "--images", "80", folder=tmp_path, hidden=("torch", "autograd"))
    assert "PyTorch eager: not installed: torch is hidden" in text
    assert "HIPS autograd: not installed: autograd is hidden" in text
    measured = numbers(text, "course_lib")
    assert [row[:3] for row in measured] == [["8", "1", "0"], ["8", "2", "0.25"], ["8", "2", "0"]]
    assert all(float(row[3]) > 0 for row in measured)
    assert (tmp_path / "out" / "mlp_step.txt").read_text(encoding="utf-8") == text
    assert (tmp_path / "out" / "mlp_step.png").read_bytes().startswith(b"\x89PNG")
    for setting in (
        "Batch 8, 1 thread: course_lib",
        "Batch 8, 2 threads, back to back: course_lib",
    ):
        assert setting in text  # the plot in words


def test_cnn_step_names_what_is_not_installed(tmp_path):
    few = ["--batch-sizes", "3", "5", "--threads", "1", "2", "--blocks", "2", "--block-images", "6"]
    few += ["--rounds", "1", "--alone-images", "10"]
    text = run("cnn_step.py", *few, "--images", "25", folder=tmp_path, hidden=("torch",))
    for layout in ("NCHW", "channels_last"):
        assert f"PyTorch {layout}: not installed: torch is hidden" in text
    steps, one, two, rest = re.split(
        "The same with [12] threads?, each|Milliseconds per image; ", text
    )
    for alone in (one, two):
        assert [row[0] for row in numbers(alone, "course_lib")] == ["3", "5"]
        assert all(float(row[1]) > 0 for row in numbers(alone, "course_lib"))
    scaling, rest = rest.split("Peak memory ")
    memory, words = rest.split("The plot ")
    settings = [["1", "0"], ["2", "0.25"], ["2", "0"]]
    measured = numbers(steps, "course_lib")
    assert [row[:3] for row in measured] == [[size, *s] for size in "35" for s in settings]
    assert all(float(row[3]) > 0 for row in measured)
    assert [row[:2] for row in numbers(scaling, "course_lib")] == settings
    remembered = numbers(memory, "course_lib")
    assert [row[0] for row in remembered] == ["3", "5"]
    assert all(0 < float(row[1]) < 100 for row in remembered)
    assert "1 thread, course_lib: " in words
    assert "2 threads, course_lib: " in words
    assert (tmp_path / "out" / "cnn_step.txt").read_text(encoding="utf-8") == text
    assert (tmp_path / "out" / "cnn_step.png").read_bytes().startswith(b"\x89PNG")


def test_autograd_step_names_what_is_not_installed(tmp_path):
    few = ["--batch-sizes", "8", "--threads", "1", "--blocks", "2", "--steps", "2"]
    few += ["--images", "80", "--rounds", "1", "--alone-images", "40"]
    hidden = ("torch", "autograd")
    text = run("autograd_step.py", *few, folder=tmp_path, hidden=hidden)
    assert "PyTorch eager: not installed: torch is hidden" in text
    assert "HIPS autograd: not installed: autograd is hidden" in text
    for name, columns in (("layers", 9), ("Tensor", 9), ("value_and_grad", 12)):
        turns, alone = numbers(text, name)
        assert len(turns) == len(alone) == columns  # no ratio to itself
        assert turns[:3] == alone[:3] == ["8", "1", "0"]
        assert all(float(word) > 0 for word in (*turns[3:], *alone[3:]))
    for which in ("W1", "all"):
        (gradient,), (product,) = (
            numbers(text, f"{kind}, {which}") for kind in ("gradient", "hvp")
        )
        assert len(gradient) == 6
        assert len(product) == 9
    assert (tmp_path / "out" / "autograd_step.txt").read_text(encoding="utf-8") == text


def test_scalars_times_small_and_long_graphs(tmp_path):
    few = ["--blocks", "2", "--steps", "1", "--nodes", "3000", "5000"]
    text = run("scalars.py", *few, folder=tmp_path)
    assert "fails with a RecursionError at 3,000 nodes" in text
    for graph in ("network 2-16-16-1", "chain of 800 nodes", "1,000-way fan-out"):
        ours, theirs = (line for line in text.splitlines() if line.startswith(graph))
        assert " Value " in ours
        assert " Closures " in theirs
        assert (ours.count("["), theirs.count("[")) == (1, 2)
    long = [line.split()[:2] for line in text.splitlines() if re.match(r" *\d+,000 +\w", line)]
    assert long == [
        *(["3,000", kind] for kind in ("Value", "Tensor", "Closures")),
        *(["5,000", kind] for kind in ("Value", "Tensor")),
    ]
    memory = [line.split() for line in text.splitlines() if re.match(r"(chain|fan-out) +\D", line)]
    assert [row[:2] for row in memory if row[1] in ("Value", "Tensor", "Closures")] == [
        [graph, kind] for graph in ("chain", "fan-out") for kind in ("Value", "Tensor", "Closures")
    ]
    assert (tmp_path / "out" / "scalars.txt").read_text(encoding="utf-8") == text


def test_agreement_needs_pytorch(tmp_path):
    finished = start("agreement.py", folder=tmp_path, hidden=("torch",))
    assert finished.returncode == 1
    assert "nothing was compared, because PyTorch is not installed: torch is" in finished.stderr
    assert not finished.stdout
    assert not (tmp_path / "out").exists()


def test_convolution_times_every_way_to_compute_it(tmp_path):
    few = ["--cases", "first", "--batch-size", "9", "--threads", "1", "2", "--blocks", "2"]
    text = run("convolution.py", *few, "--steps", "1", folder=tmp_path)
    assert "first: 28x28x1, 3x3x32, no dx" in text
    settings = [["9", "1"], ["9", "2"], ["1", "1"]]
    rows = {}
    for name in ("functional", "Conv2D layer", "loop over positions", *PRODUCTS):
        rows[name] = numbers(text, name)
        assert [row[:2] for row in rows[name]] == settings
    for *others, whole, in_pieces in zip(*rows.values(), strict=True):
        assert {len(row) for row in others} == {8}
        assert sorted([len(whole), len(in_pieces)]) == [5, 8]  # the faster one has no ratio
    (once,) = numbers(text, "seven nested loops")
    assert once[:2] == ["1", "1"]
    assert len(once) == 4
    assert (tmp_path / "out" / "convolution.txt").read_text(encoding="utf-8") == text


def test_cost_of_backward_prints_counts_beside_times(tmp_path):
    text = run("cost_of_backward.py", "--steps", "3", "--batch-sizes", "9", folder=tmp_path)
    rows = {
        line[:16].rstrip(): line[16:].split()[:5] for line in text.splitlines() if " 9 " in line
    }
    assert rows == {
        "784-128-10": ["101,632", "102,912", "1.01", "49%", "9"],
        "784-512-512-10": ["668,672", "935,936", "1.40", "30%", "9"],
        "CNN (chapter 05)": ["2,440,960", "4,687,232", "1.92", "4%", "9"],
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
    count = modules.cost_of_backward.multiply_adds
    rng = np.random.default_rng(2)
    model = Sequential(Linear(5, 3, rng), ReLU(), Linear(3, 7, rng), ReLU(), Linear(7, 2, rng))
    assert count(model, np.ones(5)) == (15 + 21 + 14, 15 + 2 * (21 + 14))
    assert count(model, np.ones(5), input_gradient=True) == (50, 100)
    convolutions = Sequential(
        Conv2D(2, 3, 3, rng, stride=2, padding=1), ReLU(), MaxPool(2), Flatten(), Linear(6, 5, rng)
    )
    first = 54 * 4 * 3  # 8 x 6 in steps of 2: the weights at 4 x 3 positions
    assert count(convolutions, np.ones((8, 6, 2))) == (first + 30, first + 2 * 30)
    assert count(convolutions, np.ones((8, 6, 2)), input_gradient=True)[1] == 2 * (first + 30)
    expected = (
        "cannot count Tanh, expected Linear, Conv2D or one of ReLU, MaxPool, Flatten, Dropout"
    )
    with pytest.raises(TypeError, match=expected):
        count(Sequential(Linear(5, 3, rng), Tanh()), np.ones(5))


def test_every_operation_is_compared(modules):
    agreement = modules.agreement
    rng = np.random.default_rng(7)
    cases = list(agreement.cases(rng))
    names = [case.name for case in cases]
    assert len(set(names)) == len(names)
    assert set(autograd.ops.__all__) <= {re.split("[, ]", name)[0] for name in names}
    for case in cases:
        directions = [rng.standard_normal(x.shape) for x in case.arguments]
        (out,), first, second = agreement.our_derivatives(
            case.ours, case.arguments, rng.standard_normal, directions
        )
        shapes = [x.shape for x in case.arguments]
        assert [g.shape for g in first] == shapes, case.name
        assert [g.shape for g in second] == [*shapes, out.shape], case.name
        assert all(g.dtype == np.float64 and np.isfinite(g).all() for g in (*first, *second))


def test_second_derivatives_are_those_of_the_products(modules):
    x, p = np.array([0.5, 2.0, 3.0]), np.array(4.0)
    u, v, w = np.array([1.0, -2.0, 0.5]), np.array([0.3, 0.7, -1.1]), np.array(0.9)
    (out,), (dx, dp), (ddx, ddp, du) = modules.agreement.our_derivatives(
        lambda x, p: x * x * p, [x, p], lambda shape: u, [v, w]
    )
    np.testing.assert_allclose(out, 4 * x**2, rtol=1e-12)
    np.testing.assert_allclose(dx, u * 8 * x, rtol=1e-12)
    np.testing.assert_allclose(dp, np.sum(u * x**2), rtol=1e-12)
    np.testing.assert_allclose(ddx, 8 * u * v + 2 * w * u * x, rtol=1e-12)
    np.testing.assert_allclose(ddp, np.sum(2 * u * v * x), rtol=1e-12)
    np.testing.assert_allclose(du, 8 * v * x + w * x**2, rtol=1e-12)


def test_differences_are_relative_to_the_largest_entry(modules):
    difference = modules.agreement.difference
    given, wanted = [np.array(2.0), np.array([1.0, 4.0])], [np.array(2.0), np.array([2.0, 4.0])]
    assert difference(given, wanted) == 0.25
    assert difference([np.zeros(3)], [np.zeros(3)]) == 0
    assert difference([np.zeros(3)], [np.zeros((3, 1))]) == np.inf
    assert difference([np.array([np.nan, 1.0])], [np.ones(2)]) == np.inf
    assert difference([np.zeros((0, 2))], [np.zeros((0, 2))]) == 0


@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_disagreement_is_named_and_fails(modules, monkeypatch, tmp_path, capsys, part):
    agreement = modules.agreement

    def theirs(torch, function, *rest):
        found = agreement.our_derivatives(lambda *xs: function(torch, *xs), *rest)
        if wrong:
            found[part][-1] = found[part][-1] * (1 + 1e-8)
        return found

    def cases(rng):
        x = rng.standard_normal((2, 3))
        yield agreement.Case("cubes", lambda x: x * x * x, lambda t, x: x**3, [x])

    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace())
    monkeypatch.setattr(agreement, "torch_derivatives", theirs)
    monkeypatch.setattr(agreement, "cases", cases)
    monkeypatch.setattr(agreement, "transforms", lambda torch, rng: [("hvp", 0.0)])
    monkeypatch.setattr(agreement, "describe", lambda *packages: "here")
    wrong = False
    agreement.main(["--to", str(tmp_path)])
    assert "2 of 2 agree to 1e-09" in capsys.readouterr().out
    wrong = True
    with pytest.raises(SystemExit, match="disagree about cubes"):
        agreement.main(["--to", str(tmp_path)])
    assert re.search("cubes .* 1.0e-08.*DIFFERS\n", capsys.readouterr().out)
    assert "1 of 2 agree" in (tmp_path / "agreement.txt").read_text(encoding="utf-8")


def test_scalar_engines_agree_on_every_graph(modules):
    scalars = modules.scalars
    for what, (graph, numbers_) in scalars.CASES.items():
        kinds = (scalars.Value, scalars.Closures, scalars.Tensor)
        with scalars.deep_enough(scalars.FAN):
            scalars.verify([scalars.Contender(kind, graph, numbers_) for kind in kinds], what)


def test_another_scalar_engine_is_not_timed(modules):
    scalars = modules.scalars

    class Overwrites(scalars.Closures):
        def __mul__(self, other):
            out = scalars.Closures.__mul__(self, other)
            out.__class__ = Overwrites

            def backward():
                self.grad = other.data * out.grad
                other.grad = self.data * out.grad

            out._backward = backward
            return out

        def __add__(self, other):
            out = scalars.Closures.__add__(self, other)
            out.__class__ = Overwrites
            return out

    def graph(leaves):
        return scalars.chain(leaves, 6)

    contenders = [
        scalars.Contender(kind, graph, scalars.START) for kind in (scalars.Value, Overwrites)
    ]
    with pytest.raises(scalars.Disagreement, match="Overwrites: the chain differs from Value's"):
        scalars.verify(contenders, "chain")


def test_products_are_checked_before_they_are_timed(modules, batches, monkeypatch):
    step = modules.autograd_step
    weights = step.initial_weights(np.random.default_rng(3))
    x, labels = batches[0]
    step.verify_products(weights, x.astype(np.float64), labels)
    honest = step.Product.step
    monkeypatch.setattr(step.Product, "step", lambda self, *batch: 1.01 * honest(self, *batch))
    with pytest.raises(step.Disagreement, match="hvp: with W1 the product differs"):
        step.verify_products(weights, x.astype(np.float64), labels)


def test_ratios_are_to_the_layers_and_to_the_tensors(modules):
    Row, step = modules.comparison.Row, modules.autograd_step
    times = {"layers": 2e-4, "Tensor": 4e-4, "HIPS autograd": 8e-4}
    rows = [Row(size, 1, 0, name, [size * t] * 3) for size in (1, 3) for name, t in times.items()]
    ratios = [re.findall(r"(\S+) \[\S+, \S+\]", line) for line in step.with_ratios(rows)]
    assert ratios == 2 * [["0.50"], ["2.00"], ["4.00", "2.00"]]


def test_the_same_computation_is_accepted(modules, batches, images):
    mlp, cnn, step = modules.mlp_step, modules.cnn_step, modules.autograd_step
    weights = mlp.initial_weights(np.random.default_rng(3))
    kinds = (mlp.CourseLib, mlp.CourseLib, step.TensorEngine, step.ValueAndGrad)
    mlp.verify([kind(weights) for kind in kinds], batches, mlp.NAMES)
    model = cnn.cnn(np.random.default_rng(3))
    weights = [parameter.data for parameter in model.parameters()]
    cnn.verify_all([cnn.CourseLib, cnn.CourseLib], weights, images, model.named_parameters())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: setattr(c.optimizer, "learning_rate", 0.11), "in step 1 W1 differs"),
        (lambda c: setattr(c.loss_fn, "reduction", "sum"), "in step 1 the loss differs"),
        (lambda c: c.weights()[3].fill(0.01), "in step 1 b2 differs"),
        (lambda c: c.weights()[3].fill(np.nan), "in step 1 the loss differs"),
        (lambda c: setattr(c.model, "zero_grad", lambda: None), "in step 2 W1 differs"),
        (lambda c: setattr(c, "weights", lambda: [np.ones(3)] * 4), r"W1 has shape \(3,\)"),
    ],
)
def test_another_computation_is_not_timed(modules, batches, change, message):
    mlp = modules.mlp_step
    weights = mlp.initial_weights(np.random.default_rng(3))
    changed = mlp.CourseLib(weights)
    changed.name = "another"
    change(changed)
    with pytest.raises(mlp.Disagreement, match=f"another: .*{message}.*nothing was timed"):
        mlp.verify([mlp.CourseLib(weights), changed], batches, mlp.NAMES)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: setattr(c.optimizer, "momentum", 0.89), "in step 2 0.W differs"),
        (lambda c: setattr(c.optimizer, "learning_rate", 0.051), "in step 1 0.W differs"),
        (lambda c: setattr(c.model[7], "p", 0.1), "in step 1 the loss differs"),
        (lambda c: c.model[7].forward(np.ones(5)), "in step 1 the loss differs"),  # other masks
    ],
)
def test_another_cnn_is_not_timed(modules, images, change, message):
    cnn = modules.cnn_step

    class Changed(cnn.CourseLib):
        name = "another"

        def __init__(self, *arguments):
            super().__init__(*arguments)
            change(self)

    model = cnn.cnn(np.random.default_rng(3))
    weights = [parameter.data for parameter in model.parameters()]
    with pytest.raises(cnn.Disagreement, match=f"another: .*{message}.*nothing was timed"):
        cnn.verify_all([cnn.CourseLib, Changed], weights, images, model.named_parameters())


def test_pytorchs_weights_are_the_same_network(modules):
    cnn = modules.cnn_step
    rng = np.random.default_rng(4)
    assert {p.data.dtype.name for p in cnn.cnn(rng, dtype=np.float64).parameters()} == {"float64"}
    weights = [parameter.data for parameter in cnn.cnn(rng).parameters()]
    W1, _, W2, _, W3, _ = theirs = cnn.to_pytorch(weights)
    assert (W1.shape, W2.shape, W3.shape) == ((32, 1, 3, 3), (64, 32, 3, 3), (10, 1600))
    assert W2[7, 5, 0, 2] == weights[2][0, 2, 5, 7]
    h = rng.standard_normal((3, 5, 5, 64))
    flat = h.transpose(0, 3, 1, 2).reshape(3, 1600)
    np.testing.assert_allclose(flat @ W3.T, h.reshape(3, 1600) @ weights[4], rtol=1e-9, atol=1e-9)
    for back, weight in zip(cnn.from_pytorch(theirs), weights, strict=True):
        np.testing.assert_array_equal(back, weight)


def test_the_ways_to_convolve_agree(modules):
    c = modules.convolution
    case = c.Case("small", (6, 5, 2), (3, 3, 2, 4), stride=2, padding=1)
    x, dout = case.arrays(3, np.random.default_rng(5))
    assert dout.shape == (3, 3, 3, 4)
    c.verify([make(case) for make in (*c.MAKERS, c.SevenLoops)], x, dout)
    cut = c.Case("cut into pieces", (14, 14, 8), (3, 3, 8, 2))
    c.verify([make(cut) for make in c.MAKERS], *cut.arrays(19, np.random.default_rng(5)))
    y, dx, dW, db = c.SevenLoops(case).results(x, dout)
    assert (y.shape, dx.shape, dW.shape, db.shape) == (dout.shape, x.shape, case.kernel, (4,))


@pytest.mark.parametrize(("which", "what"), list(enumerate(["y", "dx", "dW", "db"])))
def test_another_convolution_is_not_timed(modules, which, what):
    c = modules.convolution
    case = c.Case("small", (6, 5, 2), (3, 3, 2, 4))
    other = c.LoopOverPositions(case)
    honest = other.step

    def step(x, dout):
        results = list(honest(x, dout))
        results[which] = results[which] + 0.01
        return results

    other.step = step
    expected = f"loop over positions: {what} differs from functional's.*nothing was timed"
    with pytest.raises(c.Disagreement, match=expected):
        c.verify([c.Functional(case), other], *case.arrays(3, np.random.default_rng(5)))


class Recorder:
    """A contender that notes who was given which batch."""

    def __init__(self, name, log):
        self.name, self.log = name, log

    def batch(self, x, labels):
        return x, labels

    def step(self, x, labels):
        self.log.append((self.name, int(x)))


def test_contenders_take_turns_on_the_same_batches(modules):
    comparison = modules.comparison
    log = []
    contenders = [Recorder(name, log) for name in "abc"]
    batches = [(i, None) for i in range(10)]
    times = comparison.measure(contenders, batches, blocks=3, steps=2, pause=0)
    assert [len(of_one) for of_one in times] == [3, 3, 3]
    seen = {name: [batch for who, batch in log if who == name] for name in "abc"}
    assert seen["a"] == seen["b"] == seen["c"] == [i % 10 for i in range(20)]
    block = comparison.SETTLING_STEPS + 2
    assert [log[i][0] for i in range(0, len(log), block)] == list("cababcbcacab")


def test_ratios_are_paired_block_by_block(modules):
    comparison = modules.comparison
    ours = comparison.Row(64, 1, 0, "course_lib", [1.0, 2.0, 3.0, 4.0, 5.0])
    theirs = comparison.Row(64, 1, 0, "PyTorch eager", [2.0, 4.0, 6.0, 8.0, 50.0])
    assert comparison.ratio(ours, theirs) == (0.5, 0.5, 0.5)
    assert comparison.ratio_words(ours, theirs) == "0.50 [0.50, 0.50]"
    assert comparison.restless(ours)
    assert not comparison.restless(
        comparison.Row(64, 1, 0, "course_lib", [1.0, 1.01, 1.02, 1.03, 9.0])
    )


@pytest.fixture
def cnn_rows(modules):
    """Times of two batch sizes and one or two threads; PyTorch's layouts win in turn."""
    times = {  # batch, threads, pause: course_lib, NCHW, channels_last in ms
        (16, 1, 0): (8, 10, 5),
        (16, 2, 0.25): (4, 4, 8),
        (16, 2, 0): (10, 40, 20),
        (64, 1, 0): (32, 16, 20),
        (64, 2, 0.25): (8, 16, 10),
        (64, 2, 0): (80, 64, 96),
    }
    names = ("course_lib", "PyTorch NCHW", "PyTorch channels_last")
    return [
        modules.comparison.Row(*setting, name, [t / 1e3] * 3)
        for setting, of_setting in times.items()
        for name, t in zip(names, of_setting, strict=True)
    ]


def test_the_ratio_is_to_the_faster_layout(modules, cnn_rows):
    lines = modules.cnn_step.step_table(cnn_rows, {}, 3, 512).splitlines()[-18:]
    ratios = [line.split()[-3:] if line.count("[") == 2 else None for line in lines]
    said = [r and r[0] for r in ratios]
    assert said == [
        *(None, None, "1.60"),
        *(None, "1.00", None),
        *(None, None, "0.50"),
        *(None, "2.00", None),
        *(None, None, "0.80"),
        *(None, "1.25", None),
    ]


def test_scaling_is_per_image_and_over_one_thread(modules, cnn_rows):
    table = modules.cnn_step.scaling_table(cnn_rows)
    assert numbers(table, "course_lib")[:2] == [
        ["1", "0", "0.500", "0.500"],
        ["2", "0.25", "0.250", "2.00", "0.125", "4.00"],
    ]
    assert numbers(table, "PyTorch channels_last")[1][2:] == ["0.500", "0.62", "0.156", "2.00"]


def test_the_plot_of_the_cnn_says_its_numbers(modules, cnn_rows):
    text = modules.cnn_step.draw(cnn_rows).text
    assert "1 thread, course_lib: 0.500 at 16, 0.500 at 64." in text
    assert "2 threads, PyTorch channels_last: 0.500 at 16, 0.156 at 64." in text


def test_a_steps_arrays_are_counted(modules):
    cnn = modules.cnn_step
    weights = [p.data for p in cnn.cnn(np.random.default_rng(6)).parameters()]
    few, many = (cnn.step_memory(cnn.CourseLib, weights, size, 1)[0] for size in (2, 8))
    assert few > 2 * 26 * 26 * 32 * 4  # the first convolution's output alone
    assert 3 * few < many < 5 * few


def test_all_threads_are_limited(modules):
    def used():
        barrier = threading.Barrier(2)

        def task(_):  # returns the thread, once another one has come
            try:
                barrier.wait(timeout=0.2)
            except threading.BrokenBarrierError:
                pass
            return threading.get_ident()

        return len(set(pieces.run(task, [0, 1])))

    with modules.machine.threads_limited(1):
        assert used() == 1
        assert {lib["num_threads"] for lib in threadpool_info()} == {1}
    with modules.machine.threads_limited(2):
        assert used() == 2


def test_peak_memory_grows_with_what_is_in_use():
    program = "import machine as m, numpy as np; before = m.peak_memory(); np.ones(8_000_000)\n"
    program += "print(before and m.peak_memory() - before)"
    finished = subprocess.run(
        [sys.executable, "-c", program], cwd=BENCHMARKS, capture_output=True, text=True, check=True
    )
    if importlib.util.find_spec("resource"):
        assert 60e6 < int(finished.stdout) < 90e6
    else:
        assert finished.stdout.strip() == "None"


def test_peak_memory_elsewhere_than_on_linux(modules, monkeypatch):
    machine, kilobytes = modules.machine, SimpleNamespace(ru_maxrss=5000)
    posix = SimpleNamespace(RUSAGE_SELF=0, getrusage=lambda _: kilobytes)
    monkeypatch.setattr(machine, "Path", lambda _: Path(os.devnull) / "nothing")
    monkeypatch.setitem(sys.modules, "resource", posix)
    for system, expected in (("freebsd14", 5000 * 1024), ("darwin", 5000)):
        monkeypatch.setattr(machine.sys, "platform", system)
        assert machine.peak_memory() == expected
    monkeypatch.setitem(sys.modules, "resource", None)
    assert machine.peak_memory() is None
    assert modules.cnn_step.megabytes(None) == "not measured here"
