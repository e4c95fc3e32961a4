"""What the browser's tests do in each chapter: settings of explorers, and wrong answers.

The numbers that must appear are computed here from the explorers' data by plain formulas, never by
the explorers' own functions.
"""

import math

import numpy as np

from course_lib import load_mnist
from course_lib.explorers import (
    ch00_sums,
    ch02_linear_layer,
    ch03_relu,
    ch04_softmax,
    ch05_convolution,
)

MINUS = "\N{MINUS SIGN}"

WRONG_CODE = {  # chapter: exercise, a wrong answer, what its card says
    "00": ("double", "def double(x):\n    return x * x", "square"),
    "01": ("quadratic_chain", "def quadratic_chain(x):\n    return 2 * (3 * x + 2)", "inner"),
    "02": ("bias_gradient", "def bias_gradient(dY):\n    return dY.mean(axis=0)", "divided by N"),
    "03": ("relu_backward", "def relu_backward(dA, z):\n    return 1.0 * (z > 0)", "dA"),
    "04": (
        "softmax",
        "def softmax(logits):\n    e = np.exp(logits)\n    return e / e.sum(axis=1, keepdims=True)",
        "nan for large ones",
    ),
    "05": ("dropout_backward", "def dropout_backward(dY, mask, p):\n    return dY * mask", "1/(1"),
    "06": ("unbroadcast", "def unbroadcast(gradient, shape):\n    return gradient", "shape"),
}


def four(x):
    return f"{x:.4g}"


def tangent_miss(f, slope, x, h):
    return "misses by " + four(abs(f(x + h) - f(x) - slope * h))


def entry_of(gradient, row, column):
    X, dY, W = ch02_linear_layer.X, ch02_linear_layer.DY, ch02_linear_layer.W
    found = {"dW": X.T @ dY, "dX": dY @ W.T}[gradient][row, column]
    return f"= {four(found)}."


def relu_at(shift, sample, unit):
    z, dA = ch03_relu.Z + shift, ch03_relu.DA
    dz = np.where(z > 0, dA, 0.0)
    return (
        f"{np.count_nonzero(z > 0)} of {z.size} gates are open",
        f"z = {four(z[sample, unit])}",
        f"adds up to {four(dz[:, unit].sum())}",
    )


def dead_at(push, step):
    """How many ReLU units of the population are dead, by training each one on its own."""
    rng = np.random.default_rng(0)
    weights, biases = rng.normal(0, 1, (1, 40))[0], rng.normal(0, 0.7, 40)
    x = np.linspace(-2, 2, 21)
    target, dead = np.maximum(x + 0.5, 0), 0
    for w, b in zip(weights, biases, strict=True):
        for done in range(step + 1):
            b = b - push if done == 20 else b
            z = w * x + b
            if done < step:
                dz = (np.maximum(z, 0) - target) * (z > 0) / len(x)
                w, b = w - 0.2 * (dz @ x), b - 0.2 * dz.sum()
        dead += not np.any(z > 0)
    return f"{dead} of 40 units are inactive"


def spread_of_weights(stop):
    """By how much the stored first-layer weights have moved by the last stop, or their size."""
    with np.load(ch04_softmax.WEIGHTS_FILE) as file:
        stored = file["weights"].astype(float) / 400
    moved = stored[stop] - stored[0] if stop else stored[0]
    return f"{math.sqrt((moved**2).mean()):.3f}"


def softmax(z):
    e = np.exp(np.asarray(z, float) - np.max(z))
    return e / e.sum()


def loss_of(logits, label):
    return f"{-math.log(softmax(logits)[label]):.3g}"


def digit(label):
    mnist = load_mnist(flatten=False, dtype=np.float64, train=1, test=100)
    return mnist.x_test[list(mnist.y_test).index(label), :, :, 0]


def edges_of(label, kernel):
    """The map of a 3 x 3 kernel over a digit, by loops over the kernel."""
    x = digit(label)
    n = x.shape[0] - 2
    return sum(kernel[i][j] * x[i : i + n, j : j + n] for i in range(3) for j in range(3))


def weight_sum(i, j, positions):
    x, dY = ch05_convolution.INPUT, ch05_convolution.ARRIVED
    places = [divmod(n, 3) for n in range(positions)]
    return f"the sum so far {four(sum(x[i + r, j + c] * dY[r, c] for r, c in places))}"


# explorer: [({label: setting}, words that must appear, computed when the browser is there)]
MOVES = {
    "sums_along_an_axis": [
        (
            {"axis": "0", "entry of the result": "2"},
            lambda: f"= {ch00_sums.A[:, 2].sum()}, column 2",
        ),
        ({"axis": "1", "keepdims": "on"}, lambda: "(3, 1)"),
    ],
    "tangent_and_nudge": [
        ({"nudge": "0.3"}, lambda: f"misses by {9 * 0.3**2:.4g}, {900 * 0.09 / 9:.1f} %"),
        (
            {"curve": "sin(2x)", "x": "0.25", "nudge": f"{MINUS}0.5"},
            lambda: tangent_miss(lambda t: math.sin(2 * t), 2 * math.cos(0.5), 0.25, -0.5),
        ),
    ],
    "chain_on_wires": [
        ({"x": "1.5", "step": "7 of 7"}, lambda: f"= {four(6 * (3 * 1.5 + 2))}."),
        (
            {"y =": "1 / (x² + 1)", "x": "0.5", "step": "7 of 7"},
            lambda: f"= {four(-2 * 0.5 / 1.25**2)}.",
        ),
    ],
    "descent_by_hand": [
        ({"learning rate": "0.3", "steps": "4"}, lambda: f"w = {four(4 * 0.4**4)}"),
        ({"learning rate": "1.05", "steps": "20"}, lambda: f"w = {four(4 * 1.1**20)}"),
    ],
    "which_entries_meet": [
        ({"row": "1", "column": "3"}, lambda: entry_of("dW", 1, 3)),
        ({"gradient": "dX", "row": "2", "column": "0"}, lambda: entry_of("dX", 2, 0)),
    ],
    "relu_gate": [
        (
            {"added to every bias": f"{MINUS}1", "sample": "3", "unit": "0"},
            lambda: relu_at(-1, 3, 0),
        ),
        ({"added to every bias": "1", "sample": "1", "unit": "2"}, lambda: relu_at(1, 1, 2)),
    ],
    "dead_units": [
        ({"slope for negative z": "0.1", "step": "100"}, lambda: "Step 100, slope 0.1"),
        ({"slope for negative z": "0 (ReLU)", "push": "1.5"}, lambda: dead_at(1.5, 100)),
    ],
    "four_activations": [
        (
            {"z": "2", "in a row": "3"},
            lambda: (
                f"sigmoid {four(1 / (1 + math.exp(-2)))}",
                f"tanh {four(math.tanh(2))} and {four(1 - math.tanh(2) ** 2)}",
            ),
        ),
    ],
    "logits": [
        ({"logit of class 0": f"{MINUS}1", "true class": "3"}, lambda: loss_of([-1, 1, 0, -1], 3)),
        ({"logit of class 3": "4"}, lambda: loss_of([-1, 1, 0, 4], 3)),
    ],
    "temperature": [
        ({"temperature T": "0.5"}, lambda: f"is {softmax([4, 2, 0, -2]).max():.3g}"),
        ({"temperature T": "5"}, lambda: f"is {softmax([0.4, 0.2, 0, -0.2]).max():.3g}"),
    ],
    "naive_and_stable": [
        ({"z": "710"}, lambda: f"exp inf, {math.exp(709):.3g}".replace("+", "")),
        ({"z": "1000"}, lambda: loss_of([1000, 999, 998], 1)),
    ],
    "weights_over_training": [
        ({"after": "1 epoch"}, lambda: f"they were {spread_of_weights(0)} large"),
        (
            {"after": "10 epochs", "show": "change since the start"},
            lambda: f"have moved by {spread_of_weights(10)}",
        ),
    ],
    "train_and_watch": [({"learning rate": "0.3"}, lambda: "learning rate 0.3, batches of 64")],
    "window_over_a_digit": [({"position": "[7, 2]"}, lambda: "rows 7 to 9 and columns 2 to 4")],
    "window_sends_back": [({"position": "[0, 9]"}, lambda: "position [0, 9], where dY is")],
    "one_weight_adds_up": [
        ({"weight": "W[1, 2]", "positions": "9 of 9"}, lambda: weight_sum(1, 2, 9)),
        ({"positions": "6 of 9"}, lambda: weight_sum(1, 2, 6)),
    ],
    "pooling_winners": [
        ({"x[5, 3]": "0"}, lambda: "x[5, 3] = 0 is in window [2, 1]"),
        ({"pool": "average"}, lambda: four(16 / 4)),
    ],
    "kernel_editor": [
        (
            {"your own": "0 0 0 / 0 2 0 / 0 -1 0", "digit": "3"},
            lambda: (
                "add up to 1",
                f"from {four(edges_of(3, [[0, 0, 0], [0, 2, 0], [0, -1, 0]]).min())}",
                f"to {four(edges_of(3, [[0, 0, 0], [0, 2, 0], [0, -1, 0]]).max())}",
            ),
        ),
        ({"your own": "1 2 3"}, lambda: "A kernel is three rows of three numbers"),
    ],
    "expression_graph": [
        ({"step": "end"}, lambda: f"c {2 * 8 - 2}, b {14 * 2}, a {14 * 3 + 6}"),
        (
            {"expression": "b = a + a; c = b + b", "walk back": "no order: at every use"},
            lambda: "a 8",
        ),
        (
            {
                "expression": "tanh(a * b)",
                "values": "a = .5, b = 1.5",
                "walk back": "right: in order, with +=",
            },
            lambda: f"a {four(1.5 * (1 - math.tanh(0.75) ** 2))}",
        ),
        ({"expression": "__import__('os')"}, lambda: "The picture stays as it was."),
    ],
    "copied_and_summed": [
        ({"shape of x": "(2, 1)", "row": "1"}, lambda: "has shape (2, 1)"),
        ({"shape of x": "(1, 3)", "column": "0"}, lambda: "has shape (1, 3): 4, 3, -2"),
    ],
}
