"""Make the static figures of the chapters and alt.json, which holds each one's text alternative.

Run `python images/make_images.py` to write them, with `--check` to see whether they are up to date.
The figures of a training run show what training_run.npz and training_run_cnn.npz hold;
`--train mlp` and `--train cnn` (minutes) train again and write that file too. The first also writes
the first-layer weights that an explorer of chapter 04 shows, into course_lib/explorers.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle
from threadpoolctl import threadpool_limits

from course_lib import (
    SGD,
    CrossEntropy,
    Linear,
    ReLU,
    Sequential,
    accuracy,
    load_mnist,
)
from course_lib.autograd import Tensor, Value, exp, grad, log, relu, topological_order
from course_lib.autograd import sum as total
from course_lib.cli.training_run import RECIPES, moved
from course_lib.explorers.ch04_softmax import (
    EPOCH,
    STOPS,
    WEIGHT_UNIT,
    WEIGHTS_FILE,
    stored_weights,
)
from course_lib.functional import (
    conv2d_backward,
    conv2d_forward,
    linear_backward,
    linear_forward,
    max_pool_forward,
    relu_backward,
    relu_forward,
    softmax_cross_entropy_backward,
    softmax_cross_entropy_forward,
    softmax_forward,
    squared_error_backward,
    squared_error_forward,
)
from course_lib.gradcheck import numerical_gradient, relative_error
from course_lib.training import batches
from course_lib.viz import (
    Graph,
    Picture,
    draw_chain,
    draw_contour,
    draw_descent,
    draw_digits,
    draw_feature_maps,
    draw_graph,
    draw_graphs,
    draw_kernels,
    draw_matrices,
    draw_pooling,
    draw_tangent,
    draw_weights,
)
from course_lib.viz.curves import label_ends
from course_lib.viz.expressions import Expression
from course_lib.viz.grids import Grid, Pixels, compose
from course_lib.viz.style import COLORS, LARGE, SMALL, inch_canvas, number, shown, styled

FOLDER = Path(__file__).parent
RUN_FILE = FOLDER / "training_run.npz"
CNN_RUN_FILE = FOLDER / "training_run_cnn.npz"
CNN = RECIPES["cnn"]  # that of `course train cnn`: the figures show what learners will get


def chain() -> Picture:
    x = 1.0
    u = 3 * x
    v = u + 2
    y = v**2
    local = [3.0, 1.0, 2 * v]
    gradients = [float(np.prod(local[i:])) for i in range(4)]
    return draw_chain(
        ["x", "u", "v", "y"], [x, u, v, y], gradients, ["× 3", "+ 2", "square"], local
    )


def fork() -> Picture:
    x = 2.0
    square, sine = x**2, np.sin(x)
    to_square, to_sine = sine * 2 * x, square * np.cos(x)
    return draw_graph(
        {"x": "x", "square": "square", "sin": "sin", "times": "×", "y": "y"},
        [("x", "square"), ("x", "sin"), ("square", "times"), ("sin", "times"), ("times", "y")],
        {"x": x, "square": square, "sin": sine, "times": square * sine},
        [to_square, to_sine, sine, square, 1.0],
        {"x": to_square + to_sine},
        title="y = x² sin x at x = 2",
    )


def patterns() -> Picture:
    x, y, upstream = 3.0, -4.0, 2.0
    return draw_graphs(
        Graph(
            {"x": "x", "y": "y", "operation": operation, "out": ""},
            [("x", "operation"), ("y", "operation"), ("operation", "out")],
            {"x": x, "y": y, "operation": out},
            [upstream * dx, upstream * dy, upstream],
            title=title,
        )
        for title, operation, out, dx, dy in (
            ("add distributes", "+", x + y, 1, 1),
            ("multiply swaps", "×", x * y, y, x),
            ("max routes", "max", max(x, y), x > y, y > x),
        )
    )


def tangent() -> Picture:
    return draw_tangent(lambda x: (3 * x + 2) ** 2, slope=30.0, x=1.0, nudges=[1.0, 0.1], name="y")


def contour() -> Picture:
    return draw_contour(
        lambda x, y: x**2 * y + y**3,
        lambda x, y: (2 * x * y, x**2 + 3 * y**2),
        (1.0, 1.0),
        xlim=(-0.2, 2.1),
        ylim=(0.1, 2.0),
        levels=[0.25, 0.5, 1, 2, 3, 4, 6, 8, 10, 12, 15, 18],
    )


def descent_paths() -> Picture:
    def descend(rate, w=4.0, steps=10):
        path = [w]
        for _ in range(steps):
            path.append(path[-1] - rate * 2 * path[-1])
        return path

    rates = {0.02: "crawls", 0.3: "converges", 0.95: "oscillates", 1.1: "diverges"}
    return draw_descent(
        np.square,
        [descend(rate) for rate in rates],
        [f"rate {rate}\n{word}" for rate, word in rates.items()],
        xlim=(-7, 7),
    )


def transposes() -> Picture:
    X = np.array([[1.0, 2.0], [3.0, -4.0], [5.0, 6.0]])
    dY = np.array([[1.0, 0.0, 3.0, -1.0], [2.0, 1.0, -2.0, 0.0], [-1.0, 4.0, 0.5, 2.0]])
    dW = X.T @ dY
    d, m = 1, 2
    products = " + ".join(
        " · ".join(shown(factor) if factor >= 0 else f"({shown(factor)})" for factor in pair)
        for pair in zip(X[:, d], dY[:, m], strict=True)
    )
    letters = {letter: [f"{letter}={i}" for i in range(4)] for letter in "ndm"}
    return draw_matrices(
        {"Xᵀ": X.T, "dY": dY, "dW": dW},
        ["@", "="],
        highlight={"Xᵀ": [(d, None)], "dY": [(None, m)], "dW": [(d, m)]},
        row_labels={"Xᵀ": letters["d"][:2], "dY": letters["n"][:3], "dW": letters["d"][:2]},
        column_labels={"Xᵀ": letters["n"][:3], "dY": letters["m"], "dW": letters["m"]},
        caption=f"Input d = {d} met error m = {m} in each of the samples n = 0, 1, 2, so their "
        f"products add up:\ndW[{d}, {m}] = {products} = {shown(dW[d, m])}",
    )


@styled
def linear_shapes() -> Picture:
    N, D, M = 3, 2, 4
    sizes = {"N": N, "D": D, "M": M, "": 1}
    rng = np.random.default_rng(0)
    X, W, b = (rng.standard_normal(shape) for shape in ((N, D), (D, M), M))
    Y, cache = linear_forward(X, W, b)
    dY = rng.standard_normal(Y.shape)
    dX, dW, db = linear_backward(dY, cache)
    columns = (
        ("X", X, "=", "ND", dX, "dX = dY Wᵀ"),
        ("W", W, "@", "DM", dW, "dW = Xᵀ dY"),
        ("b", b, "+", "M", db, "db = column sums"),
        ("Y", Y, "=", "NM", dY, "dY, from the loss"),
    )
    cell, width, gap = 0.24, 1.3, 0.36
    figure, axes = inch_canvas(7, 3.55)
    rows = (
        ("forward", 2.72, COLORS["value"], "#DCEBF5", None),
        ("backward", 1.15, COLORS["gradient"], "#FBE6D4", "////"),
    )
    for title, y, color, face, hatch in rows:
        axes.text(
            0.2, y, title, rotation=90, ha="center", va="center",
            size=LARGE, weight="bold", color=color,
        )  # fmt: skip
        for i, (name, value, operator, letters, gradient, formula) in enumerate(columns):
            array = value if title == "forward" else gradient
            height, across = sizes[letters[:-1]], sizes[letters[-1]]
            x = 0.62 + i * (width + gap) + width / 2
            left, top = x - across * cell / 2, y + height * cell / 2
            for r in range(height):
                for c in range(across):
                    corner = (left + c * cell, top - (r + 1) * cell)
                    axes.add_patch(
                        Rectangle(
                            corner, cell, cell, facecolor=face, edgecolor="white", lw=0, hatch=hatch
                        )
                    )
                    axes.add_patch(Rectangle(corner, cell, cell, fill=False, ec=color, lw=0.9))
            axes.text(x, top + 0.12, letters[-1], ha="center", va="center", size=SMALL)
            if letters[:-1]:
                axes.text(left - 0.12, y, letters[0], ha="center", va="center", size=SMALL)
            symbols = ", ".join(letters) + ("," if len(letters) == 1 else "")
            head = name if title == "forward" else formula
            axes.text(x, y + 0.7, head, ha="center", va="center", size=LARGE, color=color)
            axes.text(
                x, y - 0.58, f"({symbols}) = {array.shape}", ha="center", va="center", size=SMALL
            )
            if i and title == "forward":
                axes.text(
                    x - width / 2 - gap / 2, y, operator if i < 3 else "=",
                    ha="center", va="center", size=LARGE + 3,
                )  # fmt: skip
    axes.text(
        3.7, 0.2, "Every gradient has the shape of the thing it belongs to.",
        ha="center", va="center",
    )  # fmt: skip
    text = (
        f"A linear layer with N = {N} samples, D = {D} inputs and M = {M} outputs. Forward: "
        f"X {X.shape} @ W {W.shape} + b {b.shape} = Y {Y.shape}. Backward, each under its "
        f"variable and of the same shape: dX = dY Wᵀ {dX.shape}, dW = Xᵀ dY {dW.shape}, "
        f"db = column sums of dY {db.shape}, dY from the loss {dY.shape}."
    )
    return Picture(figure, text)


def _count_passes(inputs: int, outputs: int = 10, samples: int = 4) -> tuple[int, int, int]:
    """(parameters, passes for numerical gradients, passes for the backward one) of one layer."""
    rng = np.random.default_rng(inputs)
    X, target = rng.standard_normal((samples, inputs)), rng.standard_normal((samples, outputs))
    parameters = rng.standard_normal((inputs + 1) * outputs)
    passes = 0

    def forward(parameters):
        nonlocal passes
        passes += 1
        W, b = parameters[:-outputs].reshape(inputs, outputs), parameters[-outputs:]
        Y, cache = linear_forward(X, W, b)
        loss, loss_cache = squared_error_forward(Y, target)
        return loss, (cache, loss_cache)

    numeric = numerical_gradient(lambda p: forward(p)[0], parameters)
    numerical_passes, passes = passes, 0
    _, (cache, loss_cache) = forward(parameters)
    passes += 1
    _, dW, db = linear_backward(squared_error_backward(1.0, loss_cache), cache, need_dX=False)
    if relative_error(np.append(dW, db), numeric, floor=1e-2) > 1e-5:
        raise AssertionError("the two gradients differ, so their costs cannot be compared")
    return parameters.size, numerical_passes, passes


@styled
def forward_backward_cost() -> Picture:
    counts = np.array([_count_passes(inputs) for inputs in (1, 4, 9, 29, 99, 299, 784)])
    parameters, numerical, backward = counts.T
    figure = Figure(figsize=(6.4, 3.4), layout="constrained")
    axes = figure.subplots()
    axes.loglog(parameters, numerical, "-o", color=COLORS["gradient"], ms=6)
    axes.loglog(parameters, backward, "--s", color=COLORS["value"], ms=6)
    axes.text(
        parameters[3], numerical[3] * 1.8, "nudging: two forward passes\nfor each parameter",
        ha="right", color=COLORS["gradient"],
    )  # fmt: skip
    axes.text(
        parameters[3], backward[3] * 1.6, "backpropagation: one forward and one backward pass",
        ha="center", color=COLORS["value"],
    )  # fmt: skip
    for passes, dy in ((numerical[-1], -3), (backward[-1], -3)):
        axes.annotate(
            f"{passes:,}", (parameters[-1], passes), (9, dy), textcoords="offset points",
            weight="bold",
        )  # fmt: skip
    axes.set(xlabel="parameters", ylabel="passes for the whole gradient")
    axes.set(xlim=(15, 2.2e4), ylim=(1, 4e4))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.minorticks_off()
    text = (
        "Passes through a linear layer that the whole gradient takes, as counted. Nudging each "
        f"parameter: {numerical[0]:,} for {parameters[0]:,} parameters, growing in proportion to "
        f"{numerical[-1]:,} for {parameters[-1]:,}. Backpropagation: {number(backward[0])} each "
        "time, one forward and one backward."
    )
    return Picture(figure, text)


def _arrow(axes, start, end, color, dashed=False):
    axes.add_patch(
        FancyArrowPatch(
            start, end, arrowstyle="-|>", mutation_scale=12, shrinkA=0, shrinkB=0, lw=1.5,
            color=color, ls=(0, (4, 2)) if dashed else "-",
        )
    )  # fmt: skip


def _forward_and_backward(axes, y, forward, backward):
    """Say what the two kinds of arrows are."""
    for x, words, color, dashed in (
        (0.15, forward, COLORS["value"], False),
        (2.6, backward, COLORS["gradient"], True),
    ):
        _arrow(axes, (x + 0.4 * dashed, y), (x + 0.4 * (not dashed), y), color, dashed)
        axes.text(x + 0.5, y, words, va="center", size=SMALL, color=color)


def _gate(w1) -> tuple[float, float, float, float]:
    """(z, a, da, dz) of a hidden unit with weights w1 in the small network of chapter 03."""
    x, y = np.array([[0.5, 1.0]]), np.array([[1.0]])
    W1, b1 = np.array(w1), np.array([0.1, 0.2])
    W2, b2 = np.array([[0.5], [0.3]]), np.array([0.1])
    z1, _ = linear_forward(x, W1, b1)
    a1, mask = relu_forward(z1)
    z2, cache = linear_forward(a1, W2, b2)
    _, loss_cache = squared_error_forward(z2, y)
    da1, _, _ = linear_backward(squared_error_backward(1.0, loss_cache), cache)
    return z1[0], a1[0], da1[0], relu_backward(da1, mask)[0]


@styled
def relu_gate() -> Picture:
    is_open = [float(v[0]) for v in _gate([[0.2, 0.3], [0.4, 0.1]])]
    is_shut = [float(v[1]) for v in _gate([[0.2, -0.8], [0.4, -0.3]])]
    figure, axes = inch_canvas(7, 2.45)
    for left, title, state, numbers in (
        (0.1, "open: z > 0", "z goes through,\nthe gradient goes through", is_open),
        (3.6, "blocked: z \u2264 0", "0 comes out,\n0 goes back", is_shut),
    ):
        z, a, da, dz = map(shown, numbers)
        passes = a == z
        start, gate, end, width = left + 0.1, left + 1.65, left + 3.2, 0.62
        axes.text(gate, 2.27, title, ha="center", va="center", size=LARGE, weight="bold")
        axes.add_patch(
            Rectangle(
                (gate - width / 2, 0.95), width, 1.08, facecolor=COLORS["box"],
                edgecolor=COLORS["ink"], lw=1.3,
            )
        )  # fmt: skip
        axes.text(gate, 1.49, "ReLU", ha="center", va="center", size=LARGE)
        for y, words, color, dashed in (
            (1.8, (f"z = {z}", f"a = {a}"), COLORS["value"], False),
            (1.18, (f"dz = {dz}", f"da = {da}"), COLORS["gradient"], True),
        ):
            ends = (start, end) if not dashed else (end, start)
            side = 1 if not dashed else -1
            near, far = gate - side * width / 2, gate + side * width / 2
            if passes:
                _arrow(axes, (ends[0], y), (ends[1], y), color, dashed)
            else:
                stop = near + side * 0.12
                _arrow(axes, (ends[0], y), (stop, y), color, dashed)
                axes.plot([stop, stop], [y - 0.11, y + 0.11], color=color, lw=4)
                _arrow(axes, (far, y), (ends[1], y), COLORS["line"], dashed)
            label_y = y + 0.17 if not dashed else y - 0.17
            for x, word in zip((gate - 0.95, gate + 0.95), words, strict=True):
                axes.text(x, label_y, word, ha="center", va="center", color=color)
        axes.text(gate, 0.68, state, ha="center", va="center", size=SMALL)
    _forward_and_backward(axes, 0.2, "forward: values", "backward: gradients of the loss")
    z, a, da, dz = map(number, is_open)
    text = (
        f"ReLU as a gate. Open: z = {z} goes in and a = {a} comes out; the gradient da = {da} "
        f"arrives and dz = {dz} goes back. "
    )
    z, a, da, dz = map(number, is_shut)
    text += (
        f"Blocked: z = {z} goes in and a = {a} comes out; the gradient da = {da} arrives and "
        f"dz = {dz} goes back."
    )
    return Picture(figure, text)


@cache
def _two_layers(hidden: int, samples: int = 64) -> dict[str, np.ndarray]:
    """Every array of one forward and backward pass through the network 784-hidden-10.

    Each gradient is computed by the formula that the figures show, and compared with the engine's.
    """
    rng = np.random.default_rng(hidden)
    X, labels = rng.uniform(size=(samples, 784)), rng.integers(0, 10, samples)
    model = Sequential(
        Linear(784, hidden, rng, dtype=np.float64),
        ReLU(),
        Linear(hidden, 10, rng, dtype=np.float64),
    )
    W1, b1, W2, b2 = (parameter.data for parameter in model.parameters())
    z1 = X @ W1 + b1
    a1 = np.maximum(z1, 0)
    z2 = a1 @ W2 + b2
    p, _ = softmax_forward(z2)
    dz2 = (p - np.eye(10)[labels]) / samples
    dW2, db2, da1 = a1.T @ dz2, dz2.sum(axis=0), dz2 @ W2.T
    dz1 = da1 * (z1 > 0)
    dW1, db1 = X.T @ dz1, dz1.sum(axis=0)

    _, loss_cache = softmax_cross_entropy_forward(z2, labels)
    np.testing.assert_allclose(dz2, softmax_cross_entropy_backward(1.0, loss_cache), atol=1e-12)
    CrossEntropy()(model(X), labels).backward()
    for mine, parameter in zip((dW1, db1, dW2, db2), model.parameters(), strict=True):
        np.testing.assert_allclose(mine, parameter.grad, atol=1e-12)
    names = "X labels W1 b1 z1 a1 W2 b2 z2 dz2 dW2 db2 da1 dz1 dW1 db1".split()
    values = locals()
    return {name: values[name] for name in names}


@styled
def backprop_flow() -> Picture:
    shapes = {name: str(array.shape) for name, array in _two_layers(128).items()}
    figure, axes = inch_canvas(7, 3.35)
    top, bottom, up, down = 2.43, 1.39, 2.13, 1.69  # the boxes, the two wires
    wire, x = 0.74, 0.03
    steps = (  # wire in, its gradient, box and its width, what comes in from above
        ("X", None, "Linear", 0.74, ("W1", "b1")),
        ("z1", "dz1", "ReLU", 0.58, ()),
        ("a1", "da1", "Linear", 0.74, ("W2", "b2")),
        ("z2", "dz2", "softmax and\ncross-entropy", 1.14, ("labels",)),
        ("L", "dL/dL = 1", None, 0, ()),
    )
    value, gradient = COLORS["value"], COLORS["gradient"]
    for name, its_gradient, box, width, above in steps:
        middle = x + wire / 2
        shape = shapes.get(name, "a number")
        _arrow(axes, (x, up), (x + wire, up), value)
        axes.text(middle, up + 0.3, name, ha="center", va="center", color=value, size=LARGE)
        axes.text(middle, up + 0.13, shape, ha="center", va="center", color=value, size=SMALL)
        if its_gradient:
            _arrow(axes, (x + wire, down), (x, down), gradient, dashed=True)
            axes.text(
                middle, down - 0.14, its_gradient, ha="center", va="center", color=gradient,
                size=LARGE if box else SMALL,
            )  # fmt: skip
            axes.text(
                middle, down - 0.31, shapes.get(its_gradient, "start"), ha="center", va="center",
                color=gradient, size=SMALL,
            )  # fmt: skip
        else:
            axes.text(
                middle, down - 0.14, "dX: not\nneeded", ha="center", va="center", size=SMALL,
                color=COLORS["muted"],
            )  # fmt: skip
        x += wire
        if not box:
            break
        axes.add_patch(
            Rectangle(
                (x, bottom), width, top - bottom, facecolor=COLORS["box"],
                edgecolor=COLORS["ink"], lw=1.3,
            )
        )  # fmt: skip
        centre = x + width / 2
        axes.text(centre, (top + bottom) / 2, box, ha="center", va="center")
        if above:
            _arrow(axes, (centre, top + 0.38), (centre, top), value)
            words = "\n".join(f"{part} {shapes[part]}" for part in above)
            axes.text(centre, top + 0.43, words, ha="center", va="bottom", color=value)
        if above and above[0] != "labels":
            _arrow(axes, (centre, bottom), (centre, bottom - 0.38), gradient, dashed=True)
            words = "\n".join(f"d{part} {shapes['d' + part]}" for part in above)
            axes.text(centre, bottom - 0.43, words, ha="center", va="top", color=gradient)
        x += width
    _forward_and_backward(axes, 0.2, "forward: values", "backward: gradients, from right to left")
    text = (
        f"One batch of 64 images through the network 784-128-10. Forward: X {shapes['X']}, "
        f"Linear with W1 {shapes['W1']} and b1 {shapes['b1']}, z1 {shapes['z1']}, ReLU, "
        f"a1 {shapes['a1']}, Linear with W2 {shapes['W2']} and b2 {shapes['b2']}, "
        f"z2 {shapes['z2']}, softmax and cross-entropy with the labels {shapes['labels']}, L, a "
        f"number. Backward, from the right: dL/dL = 1, dz2 {shapes['dz2']}, which gives "
        f"dW2 {shapes['dW2']} and db2 {shapes['db2']}, da1 {shapes['da1']}, dz1 {shapes['dz1']}, "
        f"which gives dW1 {shapes['dW1']} and db1 {shapes['db1']}. dX is not needed."
    )
    return Picture(figure, text)


@styled
def gradient_summary() -> Picture:
    formulas = {
        "dz2": "(p \u2212 onehot) / N",
        "dW2": "a1\u1d40 dz2",
        "db2": "column sums of dz2",
        "da1": "dz2 W2\u1d40",
        "dz1": "da1 \u00b7 [z1 > 0], entry by entry",
        "dW1": "X\u1d40 dz1",
        "db1": "column sums of dz1",
    }
    networks = {"784-128-10": _two_layers(128), "784-512-10": _two_layers(512)}
    starts = (0.25, 1.2, 4.1, 5.55)
    height = 0.34
    figure, axes = inch_canvas(7, 0.75 + height * (len(formulas) + 1))
    y = figure.get_figheight() - 0.08 - height / 2
    for x, words in zip(starts, ("gradient", "formula", *networks), strict=True):
        axes.text(x, y, words, va="center", weight="bold")
    for row, (name, formula) in enumerate(formulas.items()):
        y -= height
        if row % 2 == 0:
            axes.add_patch(Rectangle((0.1, y - height / 2), 6.8, height, color=COLORS["box"], lw=0))
        axes.text(starts[0], y, name, va="center", color=COLORS["gradient"], size=LARGE)
        axes.text(starts[1], y, formula, va="center", size=LARGE)
        for x, arrays in zip(starts[2:], networks.values(), strict=True):
            axes.text(x, y, str(arrays[name].shape), va="center")
    y -= height / 2
    axes.plot([0.1, 6.9], [y + height * len(formulas)] * 2, color=COLORS["ink"], lw=1.2)
    axes.plot([0.1, 6.9], [y, y], color=COLORS["ink"], lw=1.2)
    axes.text(
        0.25, y - 0.32, "From top to bottom, in the order of the backward pass; it starts from "
        "dL/dL = 1.\nA batch of N = 64. dX is not needed, so it is not computed.",
        va="center", size=SMALL,
    )  # fmt: skip
    text = "The seven gradients of a two-layer network, in the order of the backward pass. "
    small, large = networks.values()
    text += " ".join(
        f"{name} = {formula}: {small[name].shape}, with 512 hidden units {large[name].shape}."
        for name, formula in formulas.items()
    )
    return Picture(figure, text)


def train(epochs: int = 10) -> tuple[SimpleNamespace, SimpleNamespace]:
    """Train 784-128-10 on MNIST; returns what the figures and what the explorer need of the run."""
    mnist, loss_fn = load_mnist(), CrossEntropy()
    rng = np.random.default_rng(0)
    model = Sequential(Linear(784, 128, rng), ReLU(), Linear(128, 10, rng))
    optimizer = SGD(model.parameters(), learning_rate=0.1)
    step_loss, right, snapshots, test_accuracy = [], [], [], []

    def measured() -> tuple[np.ndarray, float, float]:
        loss = loss_fn(model.forward(mnist.x_test), mnist.y_test)
        weights = np.round(model[0].W.data[:, :16] / WEIGHT_UNIT)
        return weights, accuracy(model, mnist.x_test, mnist.y_test), float(loss)

    with threadpool_limits(1):  # on a busy machine several threads wait for each other
        for _ in range(epochs):
            for x, labels in batches(mnist.x_train, mnist.y_train, 64, rng):
                if len(step_loss) in STOPS:
                    snapshots.append(measured())
                scores = model(x)
                loss = loss_fn(scores, labels)
                model.zero_grad()
                loss.backward()
                optimizer.step()
                step_loss.append(float(loss))
                right.append(np.sum(scores.argmax(axis=1) == labels))
            test_accuracy.append(accuracy(model, mnist.x_test, mnist.y_test))
        snapshots.append(measured())
        mistakes, said = _worst(model, mnist)
    weights, accuracies, losses = zip(*snapshots, strict=True)
    run = SimpleNamespace(
        step_loss=np.array(step_loss, dtype=np.float32),
        train_accuracy=np.sum(np.split(np.array(right), epochs), axis=1) / len(mnist.x_train),
        test_accuracy=np.array(test_accuracy),
        mistakes=mistakes,
        said=said,
    )
    first_layer = SimpleNamespace(
        weights=np.clip(weights, -128, 127).astype(np.int8),
        accuracy=np.array(accuracies),
        loss=np.array(losses),
    )
    return run, first_layer


def _worst(model, mnist) -> tuple[np.ndarray, np.ndarray]:
    """The 16 test images with the highest loss, by true digit, and what the model says of them."""
    with model.evaluating():
        scores = np.concatenate([model.forward(x) for x in np.array_split(mnist.x_test, 20)])
    p, _ = softmax_forward(scores)
    of_truth = p[np.arange(len(p)), mnist.y_test]
    worst = np.sort(np.argsort(of_truth, kind="stable")[:16])
    worst = worst[np.argsort(mnist.y_test[worst], kind="stable")]  # losses change places too easily
    return worst, p[worst].argmax(axis=1)


def new_cnn() -> tuple[Sequential, SGD, np.random.Generator]:
    """The network of chapter 05 before training, its optimizer, and what shuffles and drops."""
    rng = np.random.default_rng(0)
    model = CNN.build(rng)
    return model, SGD(model.parameters(), CNN.learning_rate), rng


def cnn_epoch(model, optimizer, rng) -> Iterator[tuple[float, float]]:
    """Train on MNIST for an epoch; yields the loss and the accuracy of each step."""
    mnist, loss_fn = load_mnist(flatten=False), CrossEntropy()
    for x, labels in batches(mnist.x_train, mnist.y_train, CNN.batch_size, rng):
        scores = model(moved(x, CNN.shift, rng))
        loss = loss_fn(scores, labels)
        model.zero_grad()
        loss.backward()
        optimizer.step()
        yield float(loss), np.mean(scores.argmax(axis=1) == labels)


def train_cnn(epochs: int = 5) -> SimpleNamespace:
    """Train it; returns what the figures need of the run, kernels[0] before, kernels[1] after."""
    mnist = load_mnist(flatten=False)
    model, optimizer, rng = new_cnn()
    before = model[0].W.data.copy()
    losses, train_accuracy, test_accuracy = [], [], []
    with threadpool_limits(1):  # as above
        for _ in range(epochs):
            steps = np.array(list(cnn_epoch(model, optimizer, rng)))
            losses.append(steps[:, 0])
            train_accuracy.append(steps[:, 1].mean())
            test_accuracy.append(accuracy(model, mnist.x_test, mnist.y_test))
            optimizer.learning_rate *= CNN.decay
        mistakes, said = _worst(model, mnist)
    return SimpleNamespace(
        step_loss=np.concatenate(losses).astype(np.float32),
        train_accuracy=np.array(train_accuracy),
        test_accuracy=np.array(test_accuracy),
        kernels=np.array([before, model[0].W.data]),
        biases=model[0].b.data,
        mistakes=mistakes,
        said=said,
    )


@cache
def _stored(file: Path) -> SimpleNamespace:
    with np.load(file) as stored:
        return SimpleNamespace(**stored)


def _training_run() -> SimpleNamespace:
    return _stored(RUN_FILE)


def _cnn_run() -> SimpleNamespace:
    return _stored(CNN_RUN_FILE)


@styled
def _progress(run, network: str, loss_ticks, remark: str = "", digits: int = 2) -> Picture:
    """The loss of every step and the accuracies of every epoch."""
    epochs = len(run.test_accuracy)
    pieces = np.array_split(run.step_loss, 20 * epochs)
    means = [piece.mean() for piece in pieces]
    figure = Figure(figsize=(7, 2.9))
    axes = figure.add_axes((0.085, 0.17, 0.37, 0.7))
    axes.semilogy((np.arange(len(means)) + 0.5) / 20, means, color=COLORS["value"])
    axes.set(xlabel="epoch", xlim=(0, epochs), yticks=loss_ticks)
    axes.set_title(f"training loss, mean of {len(pieces[0])} steps")
    axes.yaxis.set_major_formatter(lambda value, _: number(value))
    axes.minorticks_off()
    axes = figure.add_axes((0.545, 0.17, 0.32, 0.7))
    ends = []
    for name, values, look, color in (
        ("training", run.train_accuracy, "-o", COLORS["value"]),
        ("test", run.test_accuracy, "--s", COLORS["gradient"]),
    ):
        axes.plot(np.arange(1, epochs + 1), values, look, ms=5, color=color)
        ends.append((epochs, values[-1], name, color))
    axes.set(xlabel="epoch", xlim=(0, epochs + 0.3))
    axes.set_xticks(range(0, epochs + 1, 2 if epochs > 5 else 1))
    axes.set_title("accuracy")
    label_ends(axes, ends)
    (first, *_, last), (first_test, *_, last_test) = (
        [f"{value:.{digits}f}" for value in values]
        for values in (run.train_accuracy, run.test_accuracy)
    )
    text = (
        f"Training {network} on all of MNIST for {epochs} epochs. The training loss "
        f"falls from {run.step_loss[0]:.1f} at the first step to about {means[-1]:.1g}, first fast,"
        f" then ever slower. Accuracy on the training images, while it learns from them{remark}: "
        f"{first} in epoch 1, {last} in epoch {epochs}. On the test images: "
        f"{first_test} and {last_test}."
    )
    return Picture(figure, text)


def training_progress() -> Picture:
    return _progress(_training_run(), "the network 784-128-10", [0.05, 0.1, 0.2, 0.5, 1])


def _weights_after(epochs: int) -> Picture:
    # Over 0.3 there are few weights; a scale up to them would leave the others pale.
    weights = stored_weights().weights[STOPS.index(epochs * EPOCH)]
    picture = draw_weights(weights, reach=0.3)
    what = "random grain all over, no pattern"
    if epochs:
        what = "patches and strokes in the middle of many, the random grain still at the edges"
    text = (
        f"The weights of 16 hidden units after {epochs} epochs as images of 28 x 28, "
        f"on the scale from -0.3 to 0.3: {what}."
    )
    return Picture(picture.figure, text)


def weights_epoch_0() -> Picture:
    return _weights_after(0)


def weights_epoch_10() -> Picture:
    return _weights_after(10)


def _mistakes(run, images) -> Picture:
    true = load_mnist().y_test[run.mistakes]
    titles = [f"true {t}\nsaid {s}" for t, s in zip(true, run.said, strict=True)]
    picture = draw_digits(images[run.mistakes].reshape(-1, 28, 28), titles)
    epochs = len(run.test_accuracy)
    text = f"The test images with the highest loss after {epochs} epochs, by true digit. "
    return Picture(picture.figure, text + picture.text)


def test_mistakes() -> Picture:
    return _mistakes(_training_run(), load_mnist().x_test)


@styled
def conv_window() -> Picture:
    image = load_mnist(flatten=False).x_train[2]
    kernel = np.array([[-1.0, 0.0, 1.0]] * 3)
    y, _ = conv2d_forward(image[None], kernel[:, :, None, None], np.zeros(1))
    y, image = y[0, :, :, 0], image[:, :, 0]
    corners = {"A": (6, 3), "B": (8, 21), "C": (14, 6)}
    windows = {name: image[r : r + 3, c : c + 3] for name, (r, c) in corners.items()}
    pixel = 2.3 / 28
    top = [
        Pixels(
            f"image {image.shape}", image, 28 * pixel,
            {(r, c, 3, 3): name for name, (r, c) in corners.items()}, cmap="gray_r",
        ),
        "\N{MULTIPLICATION SIGN}",
        Grid("kernel", kernel),
        "\N{RIGHTWARDS ARROW}",
        Pixels(
            f"feature map {y.shape}", y, 26 * pixel,
            {(r, c, 1, 1): name for name, (r, c) in corners.items()}, cmap="gray_r",
            vmin=-np.abs(y).max(), vmax=np.abs(y).max(),
        ),
    ]  # fmt: skip
    values = {name: number(round(float(y[corner]), 2)) for name, corner in corners.items()}
    bottom = [""] * 5
    bottom[::2] = [
        Grid(f"{name} gives {shown(values[name])}", window.round(2))
        for name, window in windows.items()
    ]
    caption = (
        "Each window times the kernel, entry by entry, added up: its right column minus its left.\n"
        "In the feature map grey is 0, darker is above 0, lighter below."
    )
    text = (
        "A kernel of 3 x 3, each of its rows -1, 0, 1, slides over a handwritten 4 of 28 x 28 "
        "pixels, and gives a feature map of 26 x 26."
    )
    for name, corner in corners.items():
        text += f" Window {name}, at {list(corner)}, gives {values[name]}."
    return Picture(compose([(top, ""), (bottom, caption)]), text)


def _sum_in_words(pairs) -> str:
    """Products of pairs of numbers, written out in two lines of about one length."""
    terms = [
        " · ".join(shown(f) if f >= 0 else f"({shown(f)})" for f in factors) for factors in pairs
    ]
    half = -(-len(terms) // 2)
    return " + ".join(terms[:half]) + "\n+ " + " + ".join(terms[half:])


@styled
def conv_backward_reach() -> Picture:
    x = np.array(
        [[1, 0, 2, -1, 1], [0, 3, 1, 0, 2], [2, 1, 3, 1, -1], [1, 2, 1, 3, 0], [0, 1, -2, 1, 1]]
    )
    W = np.array([[1, 0, 2], [-1, 3, 1], [0, 1, -2]])
    dY = np.array([[1, 2, 0], [-1, 1, 3], [2, 0, 1]])
    _, cache = conv2d_forward(x[None, :, :, None], W[:, :, None, None], np.zeros(1))
    dx, dW, _ = conv2d_backward(dY[None, :, :, None], cache)
    dx, dW = dx[0, :, :, 0], dW[:, :, 0, 0]
    ones = np.ones((3, 3, 1, 1))
    seen, _, _ = conv2d_backward(ones.reshape(1, 3, 3, 1), (*cache[:1], ones, *cache[2:]))
    seen = seen[0, :, :, 0].astype(int)

    everywhere = dict.fromkeys(np.ndindex(3, 3), "linked")
    places = list(np.ndindex(3, 3))
    used = [(x[i, j + 2], dY[i, j]) for i, j in places]
    through = [(W[2 - i, 2 - j], dY[i, j]) for i, j in places]
    if (dW[0, 2], dx[2, 2]) != tuple(sum(a * b for a, b in pairs) for pairs in (used, through)):
        raise AssertionError("the sums written out are not the gradients of the engine")
    times, arrow = "\N{MULTIPLICATION SIGN}", "\N{RIGHTWARDS ARROW}"
    rows = [
        (
            [
                Grid("x (5, 5)", x, {(i, j + 2): "linked" for i, j in places}),
                times,
                Grid("dY (3, 3)", dY, everywhere),
                arrow,
                Grid("dW (3, 3)", dW, {(0, 2): "marked"}),
            ],
            "One weight, W[0, 2], is used at all 9 positions: its gradient adds up 9 products,\n"
            f"dW[0, 2] = {_sum_in_words(used)} = {shown(dW[0, 2])}",
        ),
        (
            [
                Grid("W (3, 3)", W, everywhere),
                times,
                Grid("dY (3, 3)", dY, everywhere),
                arrow,
                Grid("dx (5, 5)", dx, {(2, 2): "marked"}),
            ],
            "One input, x[2, 2], is in 9 windows, at another place in each, "
            "so W is read from its end:\n"
            f"dx[2, 2] = {_sum_in_words(through)} = {shown(dx[2, 2])}",
        ),
        (
            [Grid("windows that contain each input", seen, {(2, 2): "marked"})],
            "Inputs at the border are in fewer windows, so fewer products add up.",
        ),
    ]
    text = (
        f"Backward through a convolution: x is {x.tolist()}, W is {W.tolist()}, dY is "
        f"{dY.tolist()}. W[0, 2] is used at all 9 positions, so dW[0, 2] adds up 9 products to "
        f"{number(dW[0, 2])}. x[2, 2] is in 9 windows, so dx[2, 2] adds up 9 products to "
        f"{number(dx[2, 2])}. The numbers of windows that contain each input: {seen.tolist()}."
    )
    return Picture(compose(rows), text)


def pooling_winners() -> Picture:
    x = [[1, 3, 2, 0, 4], [2, -1, 5, 5, 1], [0, 1, -2, -3, 2], [4, 2, -1, -5, 0], [7, 1, 2, 3, 9]]
    return draw_pooling(x, 2, dY=[[0.5, -1], [2, -0.3]])


@styled
def cnn_shapes() -> Picture:
    N, rng = 3, np.random.default_rng(0)
    model = CNN.build(rng)
    x = rng.uniform(size=(N, 28, 28, 1)).astype(np.float32)
    outputs = [x]
    for layer in model.layers:
        outputs.append(layer.forward(outputs[-1]))
    loss, loss_cache = softmax_cross_entropy_forward(outputs[-1], np.arange(N))
    gradients = [softmax_cross_entropy_backward(1.0, loss_cache)]
    for layer in reversed(model.layers):
        gradients.append(layer.backward(gradients[-1], input_gradient=layer is not model[0]))
    gradients.reverse()  # gradients[i] is that of outputs[i]

    names = [
        "convolution 3 × 3", "ReLU", "max pooling 2", "convolution 3 × 3", "ReLU",
        "max pooling 2", "flatten", "dropout 0.5", "linear",
    ]  # fmt: skip
    height, starts = 0.34, (0.15, 1.75, 3.2, 4.05, 5.75)
    figure, axes = inch_canvas(7.1, 0.8 + height * (len(names) + 2) + 0.5)
    y = figure.get_figheight() - 0.2
    heads = ("", "forward:\noutput", "para-\nmeters", "backward:\nits dW and db", "backward:\ndx")
    colors = (COLORS["ink"], COLORS["value"], COLORS["ink"], *[COLORS["gradient"]] * 2)
    for x_start, head, color in zip(starts, heads, colors, strict=True):
        axes.text(x_start, y - 0.08, head, va="center", weight="bold", color=color)
    y -= 0.5

    def row(*cells, shade=False, weight="normal"):
        nonlocal y
        if shade:
            axes.add_patch(Rectangle((0.05, y - height / 2), 7, height, color=COLORS["box"], lw=0))
        for x_start, cell, color in zip(starts, cells, colors, strict=True):
            muted = cell == "not needed"
            axes.text(
                x_start, y, cell, va="center", weight=weight,
                color=COLORS["muted"] if muted else color,
            )  # fmt: skip
        y -= height

    row("image", _batch_shape(outputs[0]), "", "", "")
    words = []
    for i, (name, layer) in enumerate(zip(names, model.layers, strict=True)):
        parameters = layer.parameters()
        total = sum(p.data.size for p in parameters)
        back = ", ".join(str(p.grad.shape) for p in parameters)
        out = _batch_shape(outputs[i + 1])
        down = "not needed" if gradients[i] is None else _batch_shape(gradients[i])
        row(name, out, f"{total:,}" if total else "", back, down, shade=i % 2 == 0)
        words.append(
            f"{name}: output {out}, "
            + (f"{total:,} parameters with gradients {back}, " if total else "")
            + f"dx {down}"
        )
    total = sum(p.data.size for p in model.parameters())
    row("all layers", "", f"{total:,}", "", "", weight="bold")
    for x_start, color, dashed in (
        (starts[1] - 0.14, COLORS["value"], False), (starts[4] - 0.14, COLORS["gradient"], True)
    ):  # fmt: skip
        ends = [(x_start, y + (len(names) + 1.4) * height), (x_start, y + 1.6 * height)]
        _arrow(axes, *(reversed(ends) if dashed else ends), color, dashed)
    axes.text(
        0.15, y - 0.12, "N images go through from top to bottom. The gradients come back from "
        "bottom to top, each\nin the shape of what it belongs to. That of the image is not needed.",
        va="center", size=SMALL,
    )  # fmt: skip
    text = (
        f"The network of chapter 05, forward from the image {_batch_shape(outputs[0])} to 10 "
        f"scores, and backward. {'; '.join(words)}. {total:,} parameters in all."
    )
    return Picture(figure, text)


def _batch_shape(array) -> str:
    return f"(N, {', '.join(map(str, array.shape[1:]))})"


def cnn_training() -> Picture:
    return _progress(
        _cnn_run(), "the convolutional network of chapter 05", [0.05, 0.1, 0.2, 0.5, 1],
        " with dropout and shifted images", digits=3,
    )  # fmt: skip


def cnn_kernels() -> Picture:
    before, after = _cnn_run().kernels
    picture = draw_kernels({"before": before, "after": after})
    epochs = len(_cnn_run().test_accuracy)
    text = f"First-layer kernels before and after {epochs} epochs of training. {picture.text}"
    change = np.abs(after - before).mean()
    return Picture(picture.figure, f"{text} On average a weight moved by {change:.1g}.")


def cnn_feature_maps() -> Picture:
    run, image = _cnn_run(), load_mnist(flatten=False).x_train[2]
    z, _ = conv2d_forward(image[None], run.kernels[-1], run.biases)
    a, _ = relu_forward(z)
    pooled, _ = max_pool_forward(a)
    maps = {"after convolution and ReLU": a[0], "after max pooling": pooled[0]}
    return draw_feature_maps(image, maps)


def cnn_mistakes() -> Picture:
    return _mistakes(_cnn_run(), load_mnist().x_test)


def _walk_without_order(node, visit):
    """Hand the gradient to the parents, then walk on from each of them, as often as it is used."""
    visit(node)
    for parent in node.parents:
        _walk_without_order(parent, visit)


def _walk_in_order(root, visit):
    for node in reversed(topological_order(root)):
        visit(node)


def _walked(walk) -> tuple[list[tuple[str, Expression]], float]:
    """(what each step of a walk back does and the graph after it, the gradient of a at the end)."""
    a = Value(3.0)
    b = a + a
    c = b + b
    names, steps = {"a": a, "b": b, "c": c}, []
    walk(c, steps.append)
    steps = [node for node in steps if node.parents]  # a leaf has no one to hand anything to
    c.grad = 1.0
    stages = [("start: the gradient of c is 1", Expression(c, names, upto=0, steps=steps))]
    for done, node in enumerate(steps, start=1):
        name = "c" if node is c else "b"
        again = " again" if node in steps[: done - 1] else ""
        title = f"{done}. {name}{again} adds {shown(node.grad)} to its parent, twice"
        for parent in node.parents:
            parent.grad += node.grad  # the slopes of a sum are 1
        stages.append((title, Expression(c, names, upto=done, steps=steps)))
    return stages, a.grad


@styled
def autograd_fork() -> Picture:
    no_order, wrong = _walked(_walk_without_order)
    in_order, right = _walked(_walk_in_order)
    a = Value(3.0)
    b = a + a
    (b + b).backward()
    if right != a.grad:
        raise AssertionError(f"the walk in order gives {right}, the engine {a.grad}")
    columns = {
        f"No order: a ends with {shown(wrong)}, wrong": no_order,
        f"Topological order: a ends with {shown(right)}, right": in_order,
    }
    why = (
        "Why: without an order b hands its whole\ngradient on as often as b was used. In the\n"
        "order it waits until both wires of c have\nadded to it, and then does so once."
    )
    first = no_order[0][1]
    step, head_height, keys = first.height + 0.36, 0.3, first.keys()
    figure, axes = inch_canvas(7, step * len(no_order) + head_height + 0.36 + 0.2 * len(keys))
    top = figure.get_figheight() - 0.05
    for (head, stages), x in zip(columns.items(), (0.12, 3.67), strict=True):
        axes.text(x, top - 0.12, head, va="center", weight="bold")
        y = top - head_height
        for title, expression in stages:
            axes.text(x, y - 0.1, title, va="center", size=SMALL)
            expression.draw(axes, x + 0.1, y - 0.2)
            y -= step
    axes.text(3.67, y - 0.1, why, va="top")
    axes.plot([3.52, 3.52], [0.62, top], color=COLORS["line"], lw=1)
    for row, key in enumerate(reversed(keys)):
        axes.text(0.12, 0.18 + 0.2 * row, key, va="center", size=SMALL, color=COLORS["muted"])
    words = " ".join(
        f"{head}. " + " ".join(f"{title}: {_gradients(stage)}." for title, stage in stages)
        for head, stages in columns.items()
    )
    text = f"b = a + a, c = b + b, walked backward in two ways. {words} {' '.join(why.split())}"
    return Picture(figure, text)


def _gradients(expression) -> str:
    return ", ".join(f"{n.label} has {n.gradient}" for n in expression.nodes.values())


@styled
def autograd_unbroadcast() -> Picture:
    x = Tensor([[1.0], [2.0], [3.0]], requires_grad=True)
    b = Tensor([10.0, 20.0, 30.0, 40.0], requires_grad=True)
    g = np.array([[1, -2, 0.5, 3], [2, 1, -1, 4], [-4, 6, 2, 0.5]])
    y = x + b
    y.backward(g)
    rows, columns = y.shape
    cell, gap, width = 0.47, 0.42, 0.47 * columns
    figure, axes = inch_canvas(7, 4.75)

    def place(title, array, left, middle, look="plain", original=()):
        looks = {at: "winner" if at in original else look for at in np.ndindex(y.shape)}
        Grid(title, array, looks, cell=cell).draw(axes, left, middle)

    left, middle = (7 - 3 * width - 2 * gap) / 2, 3.55
    column, row = [(r, 0) for r in range(rows)], [(0, c) for c in range(columns)]
    titles = (f"x {x.shape}, as {columns} columns", f"b {b.shape}, as {rows} rows")
    for title, v, original, sign in zip(titles, (x, b), (column, row), "+=", strict=True):
        place(title, np.broadcast_to(v.data, y.shape), left, middle, "padding", original)
        left += width + gap
        axes.text(left - gap / 2, middle, sign, ha="center", va="center", size=LARGE + 3)
    place(f"x + b {y.shape}", y.data, left, middle)
    axes.text(
        3.5, 4.6, "forward: what is too small is copied", ha="center", va="center",
        weight="bold", color=COLORS["value"],
    )  # fmt: skip

    left, middle = 0.7, 1.6
    axes.text(
        3.5, 2.62, "backward: the gradients of the copies are added", ha="center", va="center",
        weight="bold", color=COLORS["gradient"],
    )  # fmt: skip
    place(f"upstream g {g.shape}", g, left, middle)
    sums = left + width + 0.6
    place("", x.grad, sums, middle, original=column)
    place("", b.grad[None], left, middle - 1.16, original=row)
    for r in range(rows):
        y_row = middle + (1 - r) * 0.3
        _arrow(axes, (left + width + 0.04, y_row), (sums - 0.03, y_row), COLORS["gradient"], True)
    for c in range(columns):
        x_column = left + (c + 0.5) * cell
        _arrow(axes, (x_column, middle - 0.48), (x_column, middle - 0.98), COLORS["gradient"], True)
    axes.text(
        sums + cell + 0.15, middle,
        f"gradient of x {x.shape}: the sum of each row,\n"
        "because x[n, 0] went into every column",
        va="center",
    )  # fmt: skip
    axes.text(
        left + width + 0.15, middle - 1.16,
        f"gradient of b {b.shape}: the sum of each column,\n"
        "because b[m] went into every row",
        va="center",
    )  # fmt: skip
    text = (
        f"x {x.shape} + b {b.shape} = {y.shape}. Forward: x is {_listed(x.data)} and is copied to "
        f"{columns} columns, b is {_listed(b.data)} and is copied to {rows} rows. Backward: the "
        f"upstream gradient g is {_listed(g)}. The gradient of x is the sum of each row, "
        f"{_listed(x.grad)}, that of b the sum of each column, {_listed(b.grad)}."
    )
    return Picture(figure, text)


def _listed(array) -> str:
    """A vector or matrix in brackets."""
    if np.ndim(array) == 0:
        return number(array)
    return f"[{', '.join(map(_listed, array))}]"


@styled
def autograd_modes() -> Picture:
    chain = (  # operation, what it keeps, its vjp
        ("relu", relu, lambda x, y: ("the mask", _listed(x > 0)), "g \u00b7 mask"),
        ("exp", exp, lambda x, y: ("its output", _listed(y)), "g \u00b7 output"),
        ("sum", total, lambda x, y: ("the shape", str(x.shape)), "g, copied\nto the shape"),
        ("log", log, lambda x, y: ("its input", _listed(x)), "g / input"),
    )
    values = [np.array([1.0, -2.0, 0.5])]
    for _, function, _, _ in chain:
        values.append(function(values[-1]))

    def rest(start):
        def through(x):
            for _, function, _, _ in chain[start:]:
                x = function(x)
            return x

        return through

    gradients = [grad(rest(i))(Tensor(value)).data for i, value in enumerate(values[:-1])]
    gradients.append(np.array(1.0))
    figure, axes = inch_canvas(7, 3.85)
    wire, box, x = 0.62, 0.96, 0.03
    up, keep, down = 3.0, 1.97, 0.98  # the middles of the three rows
    words = []
    for i, (value, gradient) in enumerate(zip(values, gradients, strict=True)):
        centre = x + wire / 2
        _arrow(axes, (x, up), (x + wire, up), COLORS["value"])
        _arrow(axes, (x + wire, down), (x, down), COLORS["gradient"], dashed=True)
        for array, y, va, color in (
            (value, up + 0.09, "bottom", COLORS["value"]),
            (gradient, down - 0.11, "top", COLORS["gradient"]),
        ):
            lines = "\n".join(map(shown, np.atleast_1d(array)))
            axes.text(centre, y, lines, ha="center", va=va, color=color)
        x += wire
        if i == len(chain):
            break
        name, _, keeps, vjp = chain[i]
        what, kept = keeps(value, values[i + 1])
        middle = x + box / 2
        for y, label, face, size in (
            (up, name, COLORS["box"], LARGE),
            (down, vjp, COLORS["box"], 10),
        ):
            axes.add_patch(
                Rectangle((x, y - 0.27), box, 0.54, facecolor=face, edgecolor=COLORS["ink"], lw=1.3)
            )
            axes.text(middle, y, label, ha="center", va="center", size=size)
        axes.add_patch(
            Rectangle(
                (x - 0.2, keep - 0.24), box + 0.4, 0.48, facecolor=COLORS["tint"],
                edgecolor=COLORS["ink"], lw=0.8,
            )
        )  # fmt: skip
        axes.text(
            middle, keep, f"keeps {what}\n{kept.replace('-', chr(0x2212))}", ha="center",
            va="center", size=SMALL,
        )  # fmt: skip
        _arrow(axes, (middle, up - 0.27), (middle, keep + 0.24), COLORS["ink"])
        _arrow(axes, (middle, keep - 0.24), (middle, down + 0.27), COLORS["ink"])
        words.append(f"{name} keeps {what}, {kept}, and its vjp is {' '.join(vjp.split())}")
        x += box
    _forward_and_backward(
        axes,
        0.2,
        "forward: values",
        "backward: each gradient g, from right to left",
    )
    text = (
        f"y = log(sum(exp(relu(x)))). Forward, from left to right: "
        f"{', '.join(map(_listed, values))}. {'; '.join(words)}. Backward, from right to left: "
        f"{', '.join(map(_listed, gradients[::-1]))}."
    )
    return Picture(figure, text)


PICTURES = {
    f"{make.__name__}.png": make
    for make in (
        chain,
        fork,
        patterns,
        tangent,
        contour,
        descent_paths,
        transposes,
        linear_shapes,
        forward_backward_cost,
        relu_gate,
        backprop_flow,
        gradient_summary,
        training_progress,
        weights_epoch_0,
        weights_epoch_10,
        test_mistakes,
        conv_window,
        conv_backward_reach,
        pooling_winners,
        cnn_shapes,
        cnn_training,
        cnn_kernels,
        cnn_feature_maps,
        cnn_mistakes,
        autograd_fork,
        autograd_unbroadcast,
        autograd_modes,
    )
}


def outdated(folder: Path = FOLDER) -> list[str]:
    """Names of pictures whose file is missing or whose text is not the one in alt.json."""
    alt_file = folder / "alt.json"
    stored = json.loads(alt_file.read_text(encoding="utf-8")) if alt_file.exists() else {}
    wrong = [
        name
        for name, make in PICTURES.items()
        if stored.get(name) != make().text or not (folder / name).exists()
    ]
    return wrong + sorted(stored.keys() - PICTURES.keys())


def write(folder: Path = FOLDER) -> None:
    """Write every picture and alt.json."""
    texts = {}
    for name, make in PICTURES.items():
        picture = make()
        picture.save(folder / name)
        texts[name] = picture.text
    alt = json.dumps(texts, indent=2, ensure_ascii=False) + "\n"
    (folder / "alt.json").write_text(alt, encoding="utf-8", newline="\n")


def main() -> int:
    """Write the pictures, or with --check compare; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true", help="only compare, write nothing")
    what.add_argument("--train", choices=("mlp", "cnn"), help="train again before writing")
    options = parser.parse_args()
    if options.train == "mlp":
        run, first_layer = train()
        np.savez_compressed(RUN_FILE, **vars(run))
        np.savez_compressed(WEIGHTS_FILE, **vars(first_layer))
    if options.train == "cnn":
        np.savez_compressed(CNN_RUN_FILE, **vars(train_cnn()))
    if not options.check:
        write()
        return 0
    names = outdated()
    if names:
        print(f"out of date: {', '.join(names)}; run python images/make_images.py")
    return 1 if names else 0


if __name__ == "__main__":
    sys.exit(main())
