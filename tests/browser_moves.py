"""What the browser's tests do in each chapter: settings of explorers, and wrong answers.

The numbers that must appear are computed here by other means than the explorers'.
"""

import math

WRONG_CODE = {  # chapter: exercise, a wrong answer, what its card says
    "00": ("double", "def double(x):\n    return x * x", "square"),
    "01": ("quadratic_chain", "def quadratic_chain(x):\n    return 2 * (3 * x + 2)", "inner"),
    "02": ("bias_gradient", "def bias_gradient(dY):\n    return dY.mean(axis=0)", "divided by N"),
    "03": ("relu_backward", "def relu_backward(dA, z):\n    return 1.0 * (z > 0)", "dA"),
    "04": (
        "softmax",
        "def softmax(logits):\n    e = np.exp(logits)\n    return e / e.sum(axis=1, keepdims=True)",
        "overflow",
    ),
    "05": (
        "dropout_backward",
        "def dropout_backward(dY, mask, p):\n    return dY * mask",
        "1/(1",
    ),
    "06": ("unbroadcast", "def unbroadcast(gradient, shape):\n    return gradient", "shape"),
}

WRONG_ANSWERS = {}  # question: (raw answer, words its card says), where no general one will do


def tangent_miss(f, slope, x, h):
    return f"{abs(f(x + h) - f(x) - slope * h):.4g}"


MOVES = {  # explorer: [({label: setting}, words that must appear)]
    "tangent_and_nudge": [
        ({"nudge": "0.5"}, lambda: f"misses by {9 * 0.5**2:.4g}, {900 * 0.25 / 15:.1f} %"),
        (
            {"curve": "sin(2x)", "x": "0.25", "nudge": "\N{MINUS SIGN}0.5"},
            lambda: (
                "misses by "
                + tangent_miss(lambda t: math.sin(2 * t), 2 * math.cos(0.5), 0.25, -0.5)
            ),
        ),
    ],
    "chain_on_wires": [
        ({"x": "1.5", "step": "7 of 7"}, lambda: f"= {6 * (3 * 1.5 + 2):.4g}."),
        (
            {"y =": "1 / (x² + 1)", "x": "0.5", "step": "7 of 7"},
            lambda: f"= {-2 * 0.5 / 1.25**2:.4g}.",
        ),
    ],
    "descent_by_hand": [
        ({"learning rate": "0.3", "steps": "4"}, lambda: f"w = {4 * 0.4**4:.4g}"),
        ({"learning rate": "1.05", "steps": "20"}, lambda: f"w = {4 * 1.1**20:.4g}"),
    ],
}
