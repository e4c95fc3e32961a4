"""Make the static figures of the chapters and alt.json, which holds each one's text alternative.

Run `python images/make_images.py` to write them, with `--check` to see whether they are up to date.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from course_lib.functional import (
    linear_backward,
    linear_forward,
    squared_error_backward,
    squared_error_forward,
)
from course_lib.gradcheck import numerical_gradient, relative_error
from course_lib.viz import (
    Graph,
    Picture,
    draw_chain,
    draw_contour,
    draw_descent,
    draw_graph,
    draw_graphs,
    draw_matrices,
    draw_tangent,
)
from course_lib.viz.style import COLORS, LARGE, SMALL, inch_canvas, number, shown, styled

FOLDER = Path(__file__).parent


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
    parser.add_argument("--check", action="store_true", help="only compare, write nothing")
    if not parser.parse_args().check:
        write()
        return 0
    names = outdated()
    if names:
        print(f"out of date: {', '.join(names)}; run python images/make_images.py")
    return 1 if names else 0


if __name__ == "__main__":
    sys.exit(main())
