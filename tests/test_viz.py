"""Pictures: their text alternatives, their bytes, and that nothing in them overlaps."""

import base64
import json
import re
import subprocess
import sys
from functools import cache, partial
from importlib.util import module_from_spec, spec_from_file_location
from itertools import combinations, islice
from pathlib import Path
from types import SimpleNamespace

import matplotlib
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.text import Text

from course_lib import autograd, viz
from course_lib.viz.style import COLORS, LOOKS, MAX_WIDTH, SMALL, count, number

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "images"


def _load_make_images():
    spec = spec_from_file_location("make_images", IMAGES / "make_images.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


make_images = _load_make_images()


def _chain():
    return viz.draw_chain(
        ["x", "u", "y"], [-1.5, -4.5, 20.25], [-27, None, 1], ["× 3", "square"], [3, -9]
    )


def _long_chain():
    names = list("abcdefgh")
    values = np.linspace(-3, 4, 8)
    return viz.draw_chain(names, values, values[::-1] / 7, [f"op {i}" for i in range(7)])


def _graph_with_a_long_wire():
    return viz.draw_graph(
        {"x": "x", "w": "w", "m": "×", "b": "b", "a": "+", "e": "exp", "z": "×", "y": "y"},
        [("x", "m"), ("w", "m"), ("m", "a"), ("b", "a"), ("a", "e"), ("e", "z"), ("x", "z"),
         ("z", "y")],
        {"x": 2, "w": 3, "m": 6, "b": 1, "a": 7, "e": 1096.6, "z": 2193.3},
        [6579.9, 4386.5, 2193.3, 2193.3, 2193.3, 2, 1096.6, 1],
        {"x": 7676.5},
    )  # fmt: skip


def _graph_with_double_wires():
    return viz.draw_graph(
        {"a": "a", "b": "+", "c": "+"},
        [("a", "b"), ("a", "b"), ("b", "c"), ("b", "c")],
        {"a": 1, "b": 2},
        [2, 2, 1, 1],
        {"a": 4, "b": 2},
    )


class Node:
    """The least that draw_computation needs."""

    def __init__(self, data, *parents, grad=0.0):
        self.data, self.parents, self.grad = data, parents, grad


class Operation(Node):
    def __init__(self, op, data, *parents, grad=0.0):
        super().__init__(data, *parents, grad=grad)
        self.op = op


def _nodes_of_an_expression():
    a, b, three = Node(2.0, grad=61.0), Node(-3.0, grad=30.5), Node(3, grad=0)
    d = Operation("*", -6.0, a, b, grad=-15.0)
    e = Operation("+", -4.0, d, a, grad=-16.0)
    square = Operation("*", 16.0, e, e, grad=1.0)
    f = Operation("-", 22.0, square, d, grad=1.0)
    return {"a": a, "b": b, "three": three, "d": d, "e": e, "square": square, "f": f,
            "root": Operation("tanh", 1.0, f, grad=1.0)}  # fmt: skip


def _named(nodes, names):
    return {name: nodes[name] for name in names.split()}


def _expression():
    nodes = _nodes_of_an_expression()
    return viz.draw_computation(nodes["root"], _named(nodes, "a b d e f"))


def _expression_forward():
    nodes = _nodes_of_an_expression()
    return viz.draw_computation(nodes["f"], _named(nodes, "a b d"), gradients=False, upto=2)


def _expression_backward():
    nodes = _nodes_of_an_expression()
    return viz.draw_computation(nodes["f"], {node: name for name, node in nodes.items()}, upto=2)


def _expression_in_the_wrong_order():
    nodes = _nodes_of_an_expression()
    steps = [nodes[name] for name in ("f", "d", "square", "e", "d")]
    return viz.draw_computation(nodes["f"], _named(nodes, "a b d e f"), upto=2, steps=steps)


def _expression_without_operations():
    a = Node(2.0, grad=8.0)
    b = Node(6.0, a, grad=2)
    return viz.draw_computation(Node(12.0, Node(6, a, Node(3.0)), b, grad=1), {"a": a, "b": b})


def _expression_of_arrays():
    X, W = (Operation(None, np.ones(s), grad=np.ones(s)) for s in ((5, 3), (3, 4)))
    y = Operation("matmul", np.ones((5, 4)), X, W, grad=None)
    return viz.draw_computation(Operation("mean", np.array(-3.0), y, grad=None), {"X": X, "y": y})


def _expression_in_rows():
    node = a = Node(0.5, grad=123.4)
    for i in range(14):
        parents = (node, a) if i in (3, 9) else (node,)
        node = Operation("+", -i / 7, *parents, grad=-i / 7)
    return viz.draw_computation(node, {"a": a}, upto=3)


def _expression_fanning_out_into_the_next_row():
    node = Node(1.0)
    for _ in range(3):
        node = Operation("a long name", 1.0, node)
    doubles = [Operation("*", 1.0, node, node) for _ in range(4)]
    return viz.draw_computation(Operation("max", 1.0, *doubles))


def _expression_with_many_inputs():
    inputs = [Node(i / 3, grad=-i / 3) for i in range(7)]
    node = inputs[0]
    for other in inputs[1:]:
        node = Operation("+", 1.0, node, other, grad=1.0)
    return viz.draw_computation(node, {f"input {i}": node for i, node in enumerate(inputs)})


def _loop():
    a = Node(1.0)
    a.parents = (Node(2.0, a),)
    return a


def _tangent():
    return viz.draw_tangent(np.square, 2.0, 1.0, [1, -0.25])


def _contour():
    path = np.array([[-1, 1.5], [-0.6, 0.6], [0.5, 0.1]])
    return viz.draw_contour(
        lambda x, y: (x - 1) ** 2 + 3 * y**2, lambda x, y: (2 * (x - 1), 6 * y), (-1, 1.5), path
    )


def _contour_at_a_stationary_point():
    return viz.draw_contour(lambda x, y: x * y, lambda x, y: (y, x), (0, 0))


def _descent():
    return viz.draw_descent(np.square, [[4, 2, 1], [4, -6, 9]], ["rate 0.25", "rate 1.25"])


def _comparison_bars():
    numeric = np.random.default_rng(0).standard_normal((3, 4))
    analytic = numeric.copy()
    analytic[1, 2] = 2.5
    analytic[0, 0] = np.nan
    return viz.draw_gradient_comparison(analytic, numeric)


def _comparison_scatter():
    numeric = np.random.default_rng(1).standard_normal((30, 4))
    analytic = numeric.copy()
    analytic[7, 1] = 8.125
    return viz.draw_gradient_comparison(analytic, numeric)


def _matrices():
    return viz.draw_matrices(
        {"A": np.array([[1.0, -2.25], [3.0, 4.0]]), "b": np.array([0.5, 6.0]), "s": np.array("?")},
        ["@", "="],
        highlight={"A": [(1, None)]},
        row_labels={"A": ["n=0", "n=1"]},
        column_labels={"A": ["d=0", "d=1"]},
        caption="one\ntwo",
    )


def _digits():
    images = np.random.default_rng(2).integers(0, 256, (9, 784))
    return viz.draw_digits(images, [f"true {i}" for i in range(9)], columns=4)


def _weights():
    return viz.draw_weights(np.random.default_rng(3).uniform(-0.5, 0.5, (12, 3)), (3, 4))


def _history():
    losses = 2.25 * np.exp(-np.arange(100) / 30)
    return viz.draw_history(
        SimpleNamespace(
            step_loss=losses, train_accuracy=[0.5, 0.75], validation_accuracy=[0.5, 0.625]
        )
    )


def _confusion():
    return viz.draw_confusion(np.array([[50, 3], [0, 70]]), ["cat", "dog"])


def _sigmoid(z):
    return 1 / (1 + np.exp(-z))


def _activations():
    return viz.draw_activations(
        {
            "ReLU": (lambda z: np.maximum(z, 0), lambda z: 1.0 * (z > 0)),
            "leaky\nReLU": (
                lambda z: np.where(z > 0, z, z / 8),
                lambda z: np.where(z > 0, 1, 0.125),
            ),
            "sigmoid": (_sigmoid, lambda z: _sigmoid(z) * _sigmoid(-z)),
            "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
            "square": (np.square, lambda z: 2 * z),
        }
    )


def _points():
    rng = np.random.default_rng(4)
    X = rng.uniform(-1, 1, (40, 2))
    return X, (X[:, 0] > 0.25).astype(int)


def _regions():
    return viz.draw_regions(
        {
            "as labels": lambda X: (X[:, 0] > 0.25).astype(int),
            "as logits": lambda X: X,
            "all class 0": lambda X: np.full(len(X), -1.5),
        },
        *_points(),
    )


def _one_region():
    return viz.draw_regions({"a title of\ntwo lines": lambda X: X[:, 1:] - X[:, :1]}, *_points())


def _probabilities():
    p = np.array([0.05, 0.02, 0.10, 0.70, 0.03, 0.01, 0.04, 0.03, 0.01, 0.01])
    return viz.draw_probabilities(np.log(p) + 2, p, 3, p - np.eye(10)[3])


def _overflown_probabilities():
    return viz.draw_probabilities(
        [1000, -1000.5, 3], [np.nan, 0, 0.25], names=["cat", "a long dog", "horse"]
    )


def _runs():
    steps = np.arange(300)
    return viz.draw_runs(
        {
            "rate 0.1": 2.5 * 0.99**steps,
            "rate 0.11": 2.5 * 0.9901**steps,
            "rate 50": np.array([2.5, 8.0, 500.0, np.inf, np.nan]),
            "rate 1e9": np.array([np.nan, 3.0]),
        },
        reference=("ln 10", np.log(10)),
    )


def _runs_that_end_together():
    runs = {f"seed {i}": np.linspace(0.1, 0.9 + i / 500, 4) for i in range(6)}
    return viz.draw_runs(runs, "accuracy", "epoch", ("guessing", 0.1), smooth=2)


IMAGE = np.array(
    [[0, 0, 1, 1, 0, 0], [0, 1, 2, 2, 1, 0], [0, 0, 1, 3, 1, 0], [0, 1, 2, 2, 0, 1],
     [1, 0, 3, 1, 0, 0]]
)  # fmt: skip
KERNEL = np.array([[1, 0, -1], [2, 0.5, -2], [1, 0, -3]])
POOLED = np.array(
    [[1, 3, 2, 0, 4], [2, -1, 5, 5, 1], [0, 1, -2, -3, 2], [4, 2, -1, -5, 0], [7, 1, 2, 3, 9]]
)


def _window():
    return viz.draw_window(IMAGE, KERNEL, (1, 2))


def _window_in_the_padding():
    so_far = np.full((3, 3), np.nan)
    so_far[0, :2] = [7, -2.125]
    return viz.draw_window(IMAGE, KERNEL, (0, 1), so_far, stride=2, padding=1, bias=0.25)


def _window_of_a_picture():
    image = np.random.default_rng(5).uniform(size=(28, 20))
    return viz.draw_window(image, np.ones((5, 5)) / 3, (20, 15))


def _kernels():
    rng = np.random.default_rng(6)
    return viz.draw_kernels({w: rng.uniform(-1, 0.5, (3, 3, 1, 20)) for w in ("before", "after")})


def _few_kernels():
    W = np.stack([np.eye(2), -4 * np.eye(2)], axis=-1)[:, :, None]
    return viz.draw_kernels(W, ["a long name", "b"])


def _feature_maps():
    maps = np.random.default_rng(7).uniform(0, 2, (26, 26, 14))
    return viz.draw_feature_maps(
        np.eye(28), {"after ReLU": maps, "after pooling": maps[::2, ::2] / 2}
    )


def _few_feature_maps():
    maps = np.arange(-12.0, 24.0).reshape(3, 3, 4)
    return viz.draw_feature_maps(np.eye(5)[:, :, None], maps, [3, 1])


def _reach():
    return viz.draw_reach(5, output=(1, 1), input=(2, 2), weight=(0, 2))


def _reach_with_stride_and_padding():
    return viz.draw_reach((4, 6), 3, 2, 1, output=(0, 0), input=(1, 4), weight=(2, 0))


def _reach_of_what_is_left_out():
    return viz.draw_reach(6, 3, stride=2, input=(5, 0))


def _max_pooling():
    return viz.draw_pooling(POOLED, 2, [[0.5, -1], [2, -0.25]])


def _average_pooling():
    return viz.draw_pooling(POOLED[:4, :3], 2, [[4], [-1]], kind="average")


def _pooling_without_rest():
    return viz.draw_pooling(POOLED[:3, :3], 3)


def _pooling_as_large_as_it_may_be():
    return viz.draw_pooling(np.arange(-720, 720, 10).reshape(12, 12), 5, np.eye(2))


def _reach_of_an_image_too_wide_for_one_row():
    return viz.draw_reach((3, 12), output=(0, 9))


def _surprise():
    return viz.draw_surprise((1, 0.99, 0.5, 0.001))


EXAMPLES = {
    _chain: ["x = -1.5", "y = 20.25", "dy/dx = -27", "dy/du = not filled in", "square: -9"],
    _long_chain: ["a = -3", "h = 4", "dh/dh = -0.4286", "op 6"],
    _graph_with_a_long_wire: ["x to ×, value 2, gradient 1097", "value 2193", "add up to 7676"],
    _graph_with_double_wires: ["4 wires", "a to +, value 1, gradient 2", "at a add up to 4"],
    _expression: [
        "a: value 2, gradient 61\n", "d = a * b: value -6, gradient -15\n",
        "e = d + a: value -4, gradient -16\n", "* of e and e: value 16, gradient 1\n",
        "f, - of * and d: value 22, gradient 1\n", "tanh of f: value 1, gradient 1",
    ],
    _expression_forward: [
        "2 of 4 steps forward done.\n", "d = a * b: value -6, computed\n",
        "+ of d and a: value -4, computed\n", "* of + and +: value ?, next\n",
        "- of * and d: value ?",
    ],
    _expression_backward: [
        "2 of 4 steps backward done.\n", "a: value 2, gradient 61, later steps add to it\n",
        "e = d + a: value -4, gradient -16, next\n",
        "square = e * e: value 16, gradient 1, has sent its gradient on\n",
        "d = a * b: value -6, gradient -15, later steps add to it\n",
        "f = square - d: value 22, gradient 1, has sent its gradient on",
    ],
    _expression_in_the_wrong_order: [
        "2 of 5 steps backward done.\n", "* of e and e: value 16, gradient 1, next\n",
        "gradient -15, has sent its gradient on, later steps add to it\n",
    ],
    _expression_without_operations: [
        "a: value 2, gradient 8\n", "leaf: value 3, gradient 0\n",
        "node #1 of a and leaf: value 6, gradient 0\n", "b, made of a: value 6, gradient 2\n",
        "node #2 of node #1 and b: value 12, gradient 1",
    ],
    _expression_of_arrays: [
        "X: shape (5, 3), gradient of shape (5, 3)\n", "leaf: shape (3, 4), gradient",
        "y = matmul(X, leaf): shape (5, 4)\n", "mean of y: value -3",
    ],
    _expression_in_rows: [
        "a: value 0.5, gradient 123.4, later", "+ #14 of + #13: value -1.857, gradient -1.857, has",
    ],
    _expression_fanning_out_into_the_next_row: ["* #4 of a long name #3 and a long name #3: value"],
    _expression_with_many_inputs: ["input 6: value 2, gradient -2", "+ #6 of + #5 and input 6"],
    _tangent: ["slope is 2", "nudge of 1", "truth is 3", "gap of 1.", "-0.25", "gap of 0.0625"],
    _contour: ["(-1, 1.5)", "10.75", "(-4, 9)", "3 points", "(0.5, 0.1)", "0.28"],
    _contour_at_a_stationary_point: ["(0, 0)", "gradient is (0, 0)"],
    _descent: ["rate 0.25: from w = 4 to 1 after 2 steps", "to 9", "picture at step 1"],
    _comparison_bars: ["2 of 12 entries wrong", "0,0 is nan", "1,2 is 2.5"],
    _comparison_scatter: ["1 of 120 entries wrong", "7,1 is 8.125", "60 are drawn"],
    _matrices: ["A @ b = s", "(2, 2)", "[[1, -2.25], [3, 4]]", "[1, 0], [1, 1]", "[0.5, 6]", "two"],
    _digits: ["9 images of 28 x 28", "true 0", "true 8"],
    _weights: ["3 units", "3 x 4", "from -0.5 to 0.47"],
    _history: ["100 steps", "from 2.2 to", "2 epochs: 0.75", "0.62"],
    _activations: [
        "ReLU: at z = -2, 0, 2 the value is 0, 0, 2, the derivative 0, 0, 1.",
        "leaky ReLU", "-0.25, 0, 2, the derivative 0.125, 0.125, 1", "0.5, 0.8808", "0.105, 0.25",
        "0.964, the derivative 0.07065, 1, 0.07065", "4, 0, 4, the derivative -4, 0, 4",
    ],
    _regions: ["40 points", "as labels: 1.00 right", "as logits: 0.25 right", "all class 0: 0.53"],
    _one_region: ["two lines: "],
    _probabilities: ["10 classes", "Logits: 0: -0.996", "3: 1.64", "3: 0.7,", "3: -0.3,", "is 3."],
    _overflown_probabilities: ["cat: 1000, a long dog: -1000", "cat: nan, a long dog: 0"],
    _runs: [
        "4 runs, on a logarithmic axis", "rate 0.1: from 2.5 to 0.12 in 300 steps",
        "rate 50: not finite from step 4 of 5 steps on", "1e9: not finite from step 1 of 2",
        "ln 10 = 2.303",
    ],
    _runs_that_end_together: ["accuracy of 6 runs. ", "seed 0: from 0.1 to 0.77 in 4 epochs"],
    _surprise: ["0 at p = 1", "0.0101 at p = 0.99", "0.693 at p = 0.5", "6.91 at p = 0.001"],
    _window: [
        "Window [1, 2] of the image (5, 6) is [[2, 2, 1], [1, 3, 1], [2, 2, 0]]",
        "the products are [[2, 0, -1], [2, 1.5, -2], [2, 0, 0]] and add up to 4.5:",
        "feature map [1, 2] = 4.5, of shape (3, 4)",
    ],
    _window_in_the_padding: [
        "stride 2, padding 1", "[[0, 0, 0], [0, 1, 1], [1, 2, 2]]",
        "add up to -6.5, plus the bias 0.25: feature map [0, 1] = -6.25, of shape (3, 3)",
    ],
    _window_of_a_picture: ["image (28, 20)", "of shape (24, 16)"],
    _kernels: ["20 kernels of 3 x 3", "before: from -0.99 to 0.49.", "after: from -0.99 to 0.49."],
    _few_kernels: ["2 kernels of 2 x 2 on one scale. Weights: from -4 to 1."],
    _feature_maps: [
        "28 x 28 and 12 channels", "after ReLU, 26 x 26, channels 0 from 0.", "11 from 0.",
        "after pooling, 13 x 13",
    ],
    _few_feature_maps: ["5 x 5 and 2 channels", "channels 3 from -9 to 23, 1 from -11 to 21."],
    _reach: [
        "y[1, 1] adds up 9 products: it touches 9 inputs: x[1, 1] W[0, 0], x[1, 2] W[0, 1]",
        "x[2, 2] goes into 9 outputs, each time through another weight: y[0, 0] through W[2, 2]",
        "W[0, 2] is used for all 9 outputs: its gradient adds up 9 products: x[0, 2] to y[0, 0]",
    ],
    _reach_with_stride_and_padding: [
        "x (4, 6), padding 1 with W (3, 3) to y (2, 3), stride 2",
        "touches 9 inputs, 5 of them in the padding",
        "x[1, 4] goes into 2 outputs, each time through another weight: y[0, 2] through W[2, 1], "
        "y[1, 2] through W[0, 1].",
        "W[2, 0] is used for all 6 outputs",
    ],
    _reach_of_what_is_left_out: ["x[5, 0] goes into no output."],
    _max_pooling: [
        "x (5, 5) is [[1, 3, 2, 0, 4]", "y (2, 2) is [[3, 5], [4, -1]]",
        "winners are at [0, 1], [1, 2], [3, 0], [3, 2].", "In no window: 9 entries.",
        "dx is [[0, 0.5, 0, 0, 0], [0, 0, -1, 0, 0], [0, 0, 0, 0, 0], [2, 0, -0.25, 0, 0], "
        "[0, 0, 0, 0, 0]].",
    ],
    _average_pooling: ["is [[1.25], [1.75]]", "no window: 4", "dx is [[1, 1, 0], [1, 1, 0]"],
    _pooling_without_rest: ["y (1, 1) is [[5]]. The winners are at [1, 2]."],
    _pooling_as_large_as_it_may_be: ["In no window: 44 entries."],
    _reach_of_an_image_too_wide_for_one_row: ["y[0, 9] adds up 9 products"],
    _confusion: ["123 samples", "2 classes", "120 right", "cat taken for dog (3)"],
}  # fmt: skip
EVERYTHING = [*EXAMPLES, *make_images.PICTURES.values()]


@cache
def drawn(make):
    """A picture for tests that only look at it."""
    return make()


def _name(make):
    return make.__name__.strip("_") if callable(make) else None


@pytest.mark.parametrize(("make", "parts"), EXAMPLES.items(), ids=_name)
def test_text_alternative_states_the_numbers(make, parts):
    picture = drawn(make)
    assert isinstance(picture, viz.Picture)
    assert isinstance(picture.figure, Figure)
    for part in parts:
        assert part in picture.text


@pytest.mark.parametrize("make", EVERYTHING, ids=_name)
def test_the_same_picture_has_the_same_bytes(make):
    picture = drawn(make)
    first = picture.png()
    assert first.startswith(b"\x89PNG")
    assert picture.png() == first
    assert make().png() == first
    assert b"oftware" not in first


def _drawn_texts(figure):
    """(words, box in points) of all text that can be seen."""
    canvas = FigureCanvasAgg(figure)
    with matplotlib.rc_context():
        canvas.draw()
    renderer = canvas.get_renderer()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            for tick in axis.get_major_ticks():
                if not axes.axison or not low <= tick.get_loc() <= high:
                    tick.label1.set_visible(False)
    for text in figure.findobj(Text):
        if text.get_visible() and text.get_text().strip():
            yield text, text.get_window_extent(renderer)


@pytest.mark.parametrize("make", EVERYTHING, ids=_name)
def test_text_is_large_enough_inside_the_figure_and_apart(make):
    figure = drawn(make).figure
    found = list(_drawn_texts(figure))
    assert found
    width, height = figure.get_size_inches() * figure.dpi
    for text, box in found:
        words = text.get_text()
        assert text.get_fontsize() >= SMALL, words
        assert box.x0 >= -1, f"{words!r} is cut off"
        assert box.y0 >= -1, f"{words!r} is cut off"
        assert box.x1 <= width + 1, f"{words!r} is cut off"
        assert box.y1 <= height + 1, f"{words!r} is cut off"
    for (text, a), (other, b) in combinations(found, 2):
        across = min(a.x1, b.x1) - max(a.x0, b.x0)
        upward = min(a.y1, b.y1) - max(a.y0, b.y0)
        words = f"{text.get_text()!r} and {other.get_text()!r} overlap"
        assert across <= 1 or upward <= 2, words


EXPRESSIONS = [make for make in EXAMPLES if make.__name__.startswith("_expression")]


@pytest.mark.parametrize(
    "make", [_graph_with_a_long_wire, _graph_with_double_wires, _chain, *EXPRESSIONS]
)
def test_boxes_hold_their_label_and_do_not_overlap(make):
    figure = make().figure
    boxes = [patch.get_window_extent() for patch in figure.findobj(FancyBboxPatch)]
    assert len(boxes) >= 2
    for a, b in combinations(boxes, 2):
        assert not a.overlaps(b)
    for text, words in _drawn_texts(figure):
        inside = [box for box in boxes if box.contains(words.x0 + 1, (words.y0 + words.y1) / 2)]
        for box in inside:
            assert words.x1 <= box.x1, text.get_text()


@pytest.mark.parametrize("make", EVERYTHING, ids=_name)
def test_pictures_fit_the_notebook(make):
    assert drawn(make).figure.get_figwidth() <= MAX_WIDTH + 0.1


def test_layout_crosses_no_wires_that_need_not_cross():
    layout = viz.graphs.Layout(
        viz.Graph(
            {"x": "x", "w": "w", "m": "m", "a": "a"},
            [("x", "m"), ("w", "m"), ("m", "a"), ("x", "a")],
        )
    )
    assert layout._crossings(layout.columns) == 0


def test_layers_are_the_longest_way_and_inputs_stand_before_their_use():
    graph = viz.Graph(
        dict.fromkeys("xabwy", "n"), [("x", "a"), ("a", "b"), ("x", "b"), ("w", "y"), ("b", "y")]
    )
    assert viz.graphs._layers(graph) == {"x": 0, "a": 1, "b": 2, "w": 2, "y": 3}


def _random_expression(seed):
    rng = np.random.default_rng(seed)
    nodes = [Node(rng.normal(), grad=rng.normal())]
    for _ in range(int(rng.integers(4, 13))):
        parents = [nodes[i] for i in rng.integers(0, len(nodes), int(rng.integers(0, 3)))]
        nodes.append(Operation("+", rng.normal(), *parents, grad=rng.normal()))
    used = {parent for node in nodes for parent in node.parents}
    root = Operation("max", rng.normal(), *(node for node in nodes if node not in used))
    return viz.draw_computation(root)


@pytest.mark.parametrize(
    "make", [*EXPRESSIONS, *(partial(_random_expression, seed) for seed in range(15))]
)
def test_wires_run_through_no_box_and_no_text(make):
    figure = make().figure
    areas = [(*np.divide(box.extents, figure.dpi), text.get_text())
             for text, box in _drawn_texts(figure)]  # fmt: skip
    areas += [
        (p.get_x(), p.get_y(), p.get_x() + p.get_width(), p.get_y() + p.get_height(), "a box")
        for p in figure.findobj(FancyBboxPatch)
    ]
    wires = [
        np.vstack(wire._path_original.to_polygons(closed_only=False))
        for wire in figure.findobj(FancyArrowPatch)
    ]
    for wire in wires:
        share = np.linspace(0, 1, 40)[:, None, None]
        points = (wire[:-1] + share * (wire[1:] - wire[:-1])).reshape(-1, 2)
        assert (points > 0).all()
        assert (points < figure.get_size_inches()).all()
        for x0, y0, x1, y1, what in areas:
            inside = (points > [x0 + 0.02, y0 + 0.02]) & (points < [x1 - 0.02, y1 - 0.02])
            assert not inside.all(axis=1).any(), what


def test_a_node_used_twice_has_two_wires_that_can_be_told_apart():
    a = Node(3.0)
    figure = viz.draw_computation(Operation("*", 9.0, a, a)).figure
    first, second = (p._path_original.vertices for p in figure.findobj(FancyArrowPatch))
    assert (np.abs(first[:, 1] - second[:, 1]) > 0.1).all()


def test_parents_stand_left_of_what_is_made_from_them():
    nodes = _nodes_of_an_expression()
    expression = viz.expressions.Expression(nodes["root"])
    for node in nodes.values():
        for parent in node.parents:
            left, right = (expression.column[viz.expressions._id(n)] for n in (parent, node))
            assert left < right


def test_nothing_moves_from_step_to_step():
    nodes, places = _nodes_of_an_expression(), set()
    for upto in range(5):
        nodes["b"].grad = [0, -1, 30.5, -0.5, 7][upto]
        figure = viz.draw_computation(nodes["f"], upto=upto).figure
        boxes = [box.get_bbox().extents for box in figure.findobj(FancyBboxPatch)]
        places.add((*figure.get_size_inches(), *np.ravel(boxes)))
    assert len(places) == 1


def test_marks_of_a_walk_do_not_depend_on_colour():
    (axes,) = _expression_in_the_wrong_order().figure.axes
    boxes = [patch for patch in axes.patches if isinstance(patch, FancyBboxPatch)]
    assert sorted(box.get_linewidth() for box in boxes)[-2:] == [1.1, 3]
    tinted = [box for box in boxes if box.get_facecolor() == (*to_rgb(COLORS["tint"]), 1.0)]
    words = {text.get_text(): text.get_color() for text in axes.texts}
    ticked = [word for word in words if word.startswith("\u25c2") and "\u2713" in word]
    assert len(tinted) == len(ticked) == 2
    assert "\u25c2 \u221215 \u2026 \u2713" in ticked
    greyed = [
        word
        for word, color in words.items()
        if color == COLORS["muted"] and word.startswith("\u25c2")
    ]
    assert {word for word in words if "\u2026" in word and "grey" not in word} == set(greyed)


def test_a_graph_drawn_forward_says_nothing_of_gradients():
    nodes = _nodes_of_an_expression()
    picture = viz.draw_computation(nodes["root"], gradients=False)
    assert "gradient" not in picture.text
    assert not any("\u25c2" in text.get_text() for text in picture.figure.axes[0].texts)


def test_names_are_taken_either_way_round_and_from_globals():
    nodes = _nodes_of_an_expression()
    expected = viz.draw_computation(nodes["f"], {"a": nodes["a"], "e": nodes["e"]}).text
    assert "e = " not in expected
    assert "e, + of * #1 and a: value -4" in expected
    assert viz.draw_computation(nodes["f"], {nodes["a"]: "a", nodes["e"]: "e"}).text == expected
    everything = {
        "_": nodes["a"],
        "a": nodes["a"],
        "x": nodes["a"],
        "e": nodes["e"],
        "n": 3,
        "z": 0,
    }
    assert viz.draw_computation(nodes["f"], everything).text == expected


def test_a_graph_that_is_too_large_says_how_large_it_is():
    node = Node(1.0)
    for _ in range(20_000):
        node = Operation("+", 1.0, node, node)
    with pytest.raises(ValueError, match="has 20,001 nodes, at most 15 can be drawn"):
        viz.draw_computation(node)
    for size in (15, 16):
        sum_of_many = Operation("+", 1.0, *(Node(1.0) for _ in range(size - 1)))
        if size == 15:
            assert viz.draw_computation(sum_of_many).text.count("\n") == 14
        else:
            with pytest.raises(ValueError, match="has 16 nodes"):
                viz.draw_computation(sum_of_many)


def test_the_graph_of_values_of_the_engine():
    x, y = autograd.Value(2.0), autograd.Value(-3.0)
    u = x * y
    z = (u + x) ** 2 + 1
    z.backward()
    assert viz.draw_computation(z, {"x": x, "u": u, "z": z}).text.split("\n") == [
        "x: value 2, gradient 16",
        "leaf: value -3, gradient -16",
        "u = x * leaf: value -6, gradient -8",
        "+ of u and x: value -4, gradient -8",
        "**2 of +: value 16, gradient 1",
        "z, + of **2: value 17, gradient 1",
    ]


def test_the_graph_of_tensors_of_the_engine():
    rng = np.random.default_rng(0)
    X, b = rng.normal(size=(5, 3)), autograd.Tensor(rng.normal(size=3), requires_grad=True)
    loss = autograd.sum(autograd.relu(X + b) ** 2)
    loss.backward()
    assert viz.draw_computation(loss, {"b": b, "loss": loss}).text.split("\n") == [
        "b: shape (3,), gradient of shape (3,)",
        "add of b: shape (5, 3)",
        "relu of add: shape (5, 3)",
        "power of relu: shape (5, 3)",
        f"loss = sum(power): value {number(loss.item())}",
    ]


def test_mime_bundle_holds_png_html_and_text():
    picture = viz.draw_chain(['<a & "b">'], [2.5])
    bundle = picture._repr_mimebundle_()
    assert set(bundle) == {"image/png", "text/html", "text/plain"}
    assert base64.b64decode(bundle["image/png"]) == picture.png()
    assert bundle["text/plain"] == picture.text == repr(picture)
    assert bundle["text/html"] == picture.html()
    assert re.fullmatch(
        r'<img alt="[^"<>]*" src="data:image/png;base64,[A-Za-z0-9+/=]+" style="max-width:100%">',
        picture.html(),
    )
    assert "&lt;a &amp; &quot;b&quot;&gt; = 2.5" in picture.html()


def test_save_writes_the_png(tmp_path):
    picture = _chain()
    picture.save(tmp_path / "chain.png")
    assert (tmp_path / "chain.png").read_bytes() == picture.png()


def test_settings_of_the_caller_neither_change_nor_count():
    expected = _comparison_bars().png()
    with matplotlib.rc_context(
        {"figure.facecolor": "black", "font.size": 22, "savefig.bbox": "tight", "text.color": "red"}
    ):
        assert _comparison_bars().png() == expected
        assert matplotlib.rcParams["font.size"] == 22


def test_a_name_with_a_dollar_sign_is_no_formula():
    assert "price $ = 2" in viz.draw_chain(["price $", "a$b$"], [2, 3], None, ["$\\frac$"]).html()


def test_viz_needs_neither_pyplot_nor_widgets():
    code = (
        "import sys; from course_lib import viz; viz.draw_chain(['x'], [1.0]).png(); "
        "viz.draw_gradient_comparison([1.0, 2.0], [1.0, 2.5]).png(); "
        "print([m for m in ('matplotlib.pyplot', 'ipywidgets', 'IPython') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_comparison_marks_exactly_the_wrong_entries():
    numeric = np.array([0.0, 1.0, -2.0, 3.0])
    analytic = numeric + [0.0, 1e-9, 0.5, 1e-3]
    picture = viz.draw_gradient_comparison(analytic, numeric, names=["a", "b", "c", "d"])
    assert "2 of 4 entries wrong. Entry c is -1.5" in picture.text
    (crosses,) = [line for line in picture.figure.axes[0].lines if line.get_marker() == "x"]
    np.testing.assert_allclose(crosses.get_xdata(), [1.8, 2.8])
    assert any(line.get_marker() == "o" for line in picture.figure.axes[0].lines)
    agreed = viz.draw_gradient_comparison(numeric, numeric)
    assert "all 4 entries agree" in agreed.text
    assert not [line for line in agreed.figure.axes[0].lines if line.get_marker() == "x"]


def test_comparison_draws_the_worst_entries_first():
    numeric = np.linspace(1, 2, 1000).reshape(50, 20)
    analytic = numeric * 1.5
    analytic[49, 19] = 40
    picture = viz.draw_gradient_comparison(analytic, numeric, limit=7)
    assert "1,000 of 1,000 entries wrong" in picture.text
    assert "7 are drawn. Entry 49,19 is 40" in picture.text
    (crosses,) = [line for line in picture.figure.axes[0].lines if line.get_marker() == "x"]
    assert len(crosses.get_xdata()) == 7


def test_history_counts_losses_that_are_not_finite():
    history = SimpleNamespace(
        step_loss=[2.5, np.inf, np.nan], train_accuracy=[], validation_accuracy=[]
    )
    picture = viz.draw_history(history)
    assert "Not finite: 2 losses" in picture.text
    assert picture.png()


def test_a_derivative_that_jumps_is_not_joined():
    axes = _activations().figure.axes[0]
    z, slope = next(line.get_data() for line in axes.lines if line.get_linestyle() == "--")
    assert set(slope[z < 0]) == {0.0}
    gap = np.flatnonzero(np.isnan(slope))
    assert len(gap) == 1
    assert z[gap[0] - 1] == 0


def test_regions_are_the_same_for_labels_scores_and_logits():
    X, labels = _points()

    def score(X):
        return X[:, 0] - X[:, 1] / 2

    picture = viz.draw_regions(
        {
            "labels": lambda X: (score(X) > 0).astype(int),
            "booleans": lambda X: score(X) > 0,
            "score": score,
            "column": lambda X: 3 * score(X)[:, None],
            "logits": lambda X: np.column_stack([-score(X), score(X)]) + 7,
        },
        X,
        labels,
    )
    share = np.mean((score(X) > 0) == labels)
    assert 0.5 < share < 1
    assert picture.text.count(f"{share:.2f} right") == 5
    panels = [
        [line.get_xydata() for line in axes.lines if line.get_marker() == "^"]
        for axes in picture.figure.axes
    ]
    for (small, samples), (small_too, _) in combinations(panels, 2):
        np.testing.assert_array_equal(small, small_too)
        assert (score(small) > 0).all()
        np.testing.assert_array_equal(samples, X[labels == 1])
    for axes in picture.figure.axes:
        boundary = np.vstack([path.vertices for path in axes.collections[-1].get_paths()])
        assert len(boundary) > 50
        assert np.abs(score(boundary)).max() < 0.02


def test_only_the_true_class_is_hatched():
    for axes in _probabilities().figure.axes:
        assert [bool(bar.get_hatch()) for bar in axes.patches] == [i == 3 for i in range(10)]
    lengths = [bar.get_width() for bar in _probabilities().figure.axes[2].patches]
    np.testing.assert_allclose(lengths[2:5], [0.1, -0.3, 0.03])


def _curves(picture):
    """The lines of draw_runs that are curves: steps against values."""
    axes = picture.figure.axes[0]
    return [
        line
        for line in axes.lines
        if line.get_transform() == axes.transData and line.get_marker() == "None"
    ]


def test_runs_differ_in_their_dashes():
    looks = [str(look["ls"]) for look in LOOKS]
    assert len(set(looks)) == len({look["color"] for look in LOOKS}) == 6
    curves = _curves(_runs_that_end_together())
    assert len({str(curve._unscaled_dash_pattern) for curve in curves}) == 6


def test_a_run_stops_at_its_first_value_that_is_not_finite():
    picture = viz.draw_runs({"right": [1.0, 2.0, 3.0, 2.0], "broken": [1.0, 4.0, np.nan, 2.0]})
    axes = picture.figure.axes[0]
    assert [list(curve.get_ydata()) for curve in _curves(picture)] == [[1, 2, 3, 2], [1, 4]]
    (cross,) = [line for line in axes.lines if line.get_marker() == "x"]
    assert cross.get_xydata().tolist() == [[2, 4]]
    assert [text.get_text() for text in axes.texts] == ["right", "broken: not finite"]


def test_smoothing_is_the_mean_of_the_last_values():
    (curve,) = _curves(viz.draw_runs({"run": [2.0, 4.0, 9.0, 2.0]}, smooth=3))
    np.testing.assert_allclose(curve.get_xydata(), [[1, 2], [2, 3], [3, 5], [4, 5]])


@pytest.mark.parametrize(
    ("values", "scale"),
    [([3.0, 0.02], "log"), ([3.0, 0.04], "linear"), ([3.0, 0.0], "linear"), ([-9.0, 9], "linear")],
)
def test_wide_spans_of_positive_values_get_a_logarithmic_axis(values, scale):
    assert viz.draw_runs({"run": values}).figure.axes[0].get_yscale() == scale


def test_labels_stand_at_their_ends_where_there_is_room():
    picture = viz.draw_runs({"low": [1.0, 1.0], "high": [1.0, 9.0], "middle": [1.0, 5.0]})
    axes = picture.figure.axes[0]
    for text, value in zip(axes.texts, [1, 5, 9], strict=True):
        at = axes.transAxes.inverted().transform(axes.transData.transform((2, value)))[1]
        assert text.get_position()[1] == pytest.approx(at)
    assert [text.get_text() for text in axes.texts] == ["low", "middle", "high"]


def test_weights_can_share_a_scale():
    W = np.random.default_rng(5).uniform(-0.5, 0.5, (12, 3))
    own, shared = viz.draw_weights(W, (3, 4)), viz.draw_weights(W, (3, 4), reach=0.25)
    assert own.figure.axes[0].images[0].get_clim()[1] == np.abs(W).max()
    assert {axes.images[0].get_clim() for axes in shared.figure.axes[:3]} == {(-0.25, 0.25)}


def _cells(axes, **look):
    """Centres of the cells of a grid that have this colour of face or hatch, left to right."""
    return [
        patch.get_center()
        for patch in axes.patches
        if all(getattr(patch, f"get_{name}")() == value for name, value in look.items())
    ]


def _words_at(axes, place):
    return [
        text.get_text() for text in axes.texts if np.allclose(text.get_position(), place, atol=0.02)
    ]


def test_only_the_winners_of_a_pool_are_tinted_and_only_the_rest_is_hatched():
    (axes,) = _max_pooling().figure.axes
    tint = (*to_rgb(COLORS["tint"]), 1.0)
    winners = [_words_at(axes, place) for place in _cells(axes, facecolor=tint, linewidth=0.8)]
    assert winners == [["3"], ["5"], ["4"], ["−1"], ["0.5"], ["−1"], ["2"], ["−0.25"]]
    rest = [_words_at(axes, place) for place in _cells(axes, hatch="////")]
    assert rest == [["4"], ["1"], ["2"], ["0"], ["7"], ["1"], ["2"], ["3"], ["9"]] + 9 * [["0"]]


def test_windows_of_a_pool_are_outlined():
    (axes,) = _max_pooling().figure.axes
    outlines = [patch for patch in axes.patches if not patch.get_fill()]
    assert len(outlines) == 8
    assert {round(patch.get_height(), 6) for patch in outlines} == {0.6}


@pytest.mark.parametrize(("stride", "padding"), [(1, 0), (1, 1), (2, 1)])
def test_every_product_of_a_convolution_is_reached_once_from_each_side(stride, padding):
    H, W, K = 3, 4, 2
    rows, columns = ((n + 2 * padding - K) // stride + 1 for n in (H, W))

    def products(which, shape):
        found = 0
        for place in np.ndindex(shape):
            text = viz.draw_reach((H, W), K, stride, padding, **{which: place}).text
            goes_on = {"output": r"adds up (\d+) product", "input": r"goes into (\d+) output",
                       "weight": r"gradient adds up (\d+) product"}[which]  # fmt: skip
            counts = re.findall(goes_on, text)
            outside = re.findall(r"(\d+) of them in the padding", text)
            found += sum(map(int, counts)) - sum(map(int, outside))
        return found

    total = rows * columns * K * K
    inside = products("output", (rows, columns))
    assert inside == products("input", (H, W))
    assert products("weight", (K, K)) == total
    assert (inside == total) == (padding == 0)


def test_letters_of_a_reach_pair_what_is_multiplied():
    x, W = np.random.default_rng(8).standard_normal((2, 5, 5))
    W = W[:3, :3]
    text = viz.draw_reach(5, output=(2, 1)).text
    pairs = re.findall(r"x\[(\d), (\d)\] W\[(\d), (\d)\]", text)
    mine = sum(x[int(r), int(c)] * W[int(i), int(j)] for r, c, i, j in pairs)
    assert mine == pytest.approx(np.sum(x[2:5, 1:4] * W))
    (axes,) = viz.draw_reach(5, output=(2, 1)).figure.axes
    letters = [text.get_text() for text in axes.texts if text.get_text() in set("abcdefghi")]
    assert letters == 2 * list("abcdefghi")


def test_the_window_is_outlined_where_it_lies_and_marked_in_the_map():
    (axes,) = _window_in_the_padding().figure.axes
    (outline,) = [patch for patch in axes.patches if not patch.get_fill()]
    assert round(outline.get_height(), 6) == 0.9
    place = outline.get_center()  # row 1, column 3 of the padded image: row 0, column 2 of IMAGE
    assert _words_at(axes, place) == ["1"]
    assert _words_at(axes, (place[0], place[1] + 0.3)) == ["0"]
    assert _words_at(axes, (place[0], place[1] - 0.3)) == ["2"]
    (marked,) = _cells(axes, facecolor=(*to_rgb(COLORS["tint"]), 1.0))
    assert _words_at(axes, marked) == ["−2.125"]


def test_a_picture_shows_its_window_in_both_images():
    (axes,) = _window_of_a_picture().figure.axes
    image, result = axes.images
    assert image.get_array().shape == (28, 20)
    assert result.get_array().shape == (24, 16)
    np.testing.assert_allclose(
        result.get_array()[20, 15], image.get_array()[20:25, 15:20].sum() / 3
    )
    outlines = [p for p in axes.patches if not p.get_fill() and p.get_linewidth() == 1.8]
    pixel = 2.6 / 28
    for outline, shown_in, size in zip(outlines, (image, result), (5, 1), strict=True):
        left, _, _, top = shown_in.get_extent()
        assert outline.get_height() == outline.get_width() == pytest.approx(size * pixel)
        assert (outline.get_x() - left) / pixel == pytest.approx(15)
        assert (top - outline.get_y()) / pixel == pytest.approx(20 + size)


def test_kernels_share_one_scale_and_have_dashes_below_zero():
    picture = _kernels()
    axes = picture.figure.axes[0]
    assert len(axes.images) == 40
    ((low, high),) = {image.get_clim() for image in axes.images}
    assert -low == high == max(np.abs(image.get_array()).max() for image in axes.images)
    below = sum(int((image.get_array() < -0.1 * high).sum()) for image in axes.images)
    assert len(axes.lines) == below > 0
    (dash,) = {round(np.ptp(line.get_xdata()), 6) for line in axes.lines}
    assert dash > 0


def test_dashes_stand_in_the_cells_below_zero():
    axes = _few_kernels().figure.axes[0]
    assert len(axes.lines) == 2
    left, right, bottom, top = axes.images[1].get_extent()
    places = [
        ((np.mean(line.get_xdata()) - left) / (right - left),
         (top - np.mean(line.get_ydata())) / (top - bottom))
        for line in axes.lines
    ]  # fmt: skip
    np.testing.assert_allclose(places, [[0.25, 0.25], [0.75, 0.75]])


def test_feature_maps_of_a_layer_share_one_scale():
    images = _feature_maps().figure.axes[0].images
    assert [image.get_array().shape for image in images] == [(28, 28)] + 12 * [(26, 26)] + 12 * [
        (13, 13)
    ]
    ((low, first),) = {image.get_clim() for image in images[1:13]}
    ((_, second),) = {image.get_clim() for image in images[13:]}
    assert low == 0
    assert first == max(image.get_array().max() for image in images[1:13]) > 1.5 * second
    signed = _few_feature_maps().figure.axes[0].images
    np.testing.assert_array_equal(signed[1].get_array()[0], [-9, -5, -1])
    assert any("grey is 0" in text.get_text() for text in _few_feature_maps().figure.axes[0].texts)
    positive = viz.draw_feature_maps(IMAGE, np.array([[[-1.0, 2.0], [-3.0, 4.0]]]), [1])
    assert any("white is 0" in text.get_text() for text in positive.figure.axes[0].texts)
    assert {image.get_clim() for image in signed[1:]} == {(-23, 23)}


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: viz.draw_window(np.ones(4), KERNEL, (0, 0)), r"\(4,\), expected \(H, W\)"),
        (lambda: viz.draw_window(IMAGE, np.ones((3, 2)), (0, 0)), r"kernel has shape \(3, 2\)"),
        (lambda: viz.draw_window(IMAGE, np.ones((6, 6)), (0, 0)), "K from 1 to 5"),
        (lambda: viz.draw_window(IMAGE, KERNEL, (3, 0)), r"\(3, 0\), but .* shape \(3, 4\)"),
        (lambda: viz.draw_window(IMAGE, KERNEL, (0, 0), np.ones((3, 3))), r"expected \(3, 4\)"),
        (lambda: viz.draw_kernels(np.ones((3, 3, 2, 4))), r"W has shape \(3, 3, 2, 4\)"),
        (lambda: viz.draw_kernels({"a": np.ones((3, 2, 1, 4))}), r"W 'a' has .* \(K, K, 1, F\)"),
        (lambda: viz.draw_kernels({c: np.ones((3, 3, 1, ord(c))) for c in "ab"}), "one shape"),
        (lambda: viz.draw_kernels(np.ones((3, 3, 1, 4)), ["a"]), "4 kernels need as many names"),
        (lambda: viz.draw_feature_maps(np.ones((4, 4, 3)), np.ones((2, 2, 2))), r"\(H, W, 1\)"),
        (lambda: viz.draw_feature_maps(IMAGE, np.ones((2, 2))), r"\(2, 2\), expected \(H, W, F\)"),
        (lambda: viz.draw_feature_maps(IMAGE, np.ones((2, 2, 2)), [2]), "from 0 to 1"),
        (lambda: viz.draw_feature_maps(IMAGE, np.ones((2, 2, 2)), []), r"channels are \[\]"),
        (lambda: viz.draw_reach(5), "give an output, an input or a weight"),
        (lambda: viz.draw_reach(5, output=(3, 0)), r"y\[3, 0\] is outside of y \(3, 3\)"),
        (lambda: viz.draw_reach(2, output=(0, 0)), "no window in an input of 2 x 2"),
        (lambda: viz.draw_reach(12, weight=(0, 0)), "in 100 products, expected up to 52"),
        (lambda: viz.draw_pooling(np.ones(4)), r"\(4,\), expected \(H, W\)"),
        (lambda: viz.draw_pooling(POOLED, 2, np.ones((3, 2))), r"\(3, 2\), expected \(2, 2\)"),
        (lambda: viz.draw_pooling(POOLED, kind="sum"), "'sum', expected 'max' or 'average'"),
        (lambda: viz.draw_runs({}), "0 runs given, expected 1 to 6"),
        (lambda: viz.draw_runs({"a": [1.0], "b": []}), r"'b' has shape \(0,\)"),
        (lambda: viz.draw_runs({"a": [1.0]}, smooth=0), "smooth is 0"),
        (lambda: viz.draw_surprise([0.5, 0.0]), "p is 0.0, expected a probability"),
        (lambda: viz.draw_regions({"f": len}, np.ones((4, 3)), np.ones(4)), r"\(4, 3\).*\(N, 2\)"),
        (lambda: viz.draw_regions({"f": len}, np.eye(2), np.array([1, 2])), r"labels are \[1, 2\]"),
        (lambda: viz.draw_regions({"f": len}, np.eye(2), np.arange(2)), r"'f' returned shape \(\)"),
        (lambda: viz.draw_probabilities([1.0, 2.0], [1.0]), r"probabilities have shape \(1,\)"),
        (lambda: viz.draw_probabilities([1, 2], [0, 1], names="a"), r"names have shape \(1,\)"),
        (lambda: viz.draw_probabilities([1, 2], [0, 1], 2), "label is 2, expected 0 to 1"),
        (lambda: viz.draw_chain(["x", "y"], [1.0], None, ["f"]), "2 names need 2 values, got 1"),
        (lambda: viz.draw_chain(["x", "y"], [1.0, 2.0]), "2 names need 1 operations, got 0"),
        (lambda: viz.draw_computation(_loop()), "cycle"),
        (lambda: viz.draw_computation(Node(1.0), upto=2), "upto is 2, expected 0 to 0"),
        (
            lambda: viz.draw_computation(Node(1.0), upto=0, steps=[Node(1.0)]),
            r"steps\[0\] is no node",
        ),
        (lambda: viz.draw_graph({"a": "a"}, [("a", "b")]), "no node 'b'"),
        (lambda: viz.draw_graph(dict(a="a", b="b"), [("a", "b"), ("b", "a")]), "cycle"),
        (lambda: viz.draw_graph(dict(a="a", b="b"), [("a", "b")], {}, [1, 2]), "1 edges need"),
        (lambda: viz.draw_matrices({"W": np.zeros((13, 2))}), r"W \(13, 2\) is too large"),
        (lambda: viz.draw_matrices({"W": np.zeros((1, 2))}, ["@"]), "need 0 operators, got 1"),
        (lambda: viz.draw_gradient_comparison(np.ones(2), np.ones(3)), r"\(2,\).*\(3,\)"),
        (lambda: viz.draw_digits(np.ones((2, 9))), r"\(2, 9\), expected \(N, H, W\)"),
        (lambda: viz.draw_digits(np.ones((2, 9, 9)), ["a"]), "2 images need as many titles"),
        (lambda: viz.draw_weights(np.ones((9, 2))), r"\(9, 2\), expected \(784, units\)"),
        (lambda: viz.draw_confusion(np.ones((2, 3))), r"\(2, 3\), expected a square"),
    ],
)
def test_errors_say_what_was_given_and_wanted(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()


@pytest.mark.parametrize(
    ("x", "text"),
    [(-0.0, "0"), (1e-12, "0"), (2, "2"), (-1.23456, "-1.235"), (12345.6, "12346"),
     (1e-4, "0.0001"), (np.nan, "nan"), (-np.inf, "-inf"), (1e7, "1e+07")],
)  # fmt: skip
def test_numbers_are_rounded_the_same_everywhere(x, text):
    assert number(x) == text


def test_counts_are_words():
    assert [count(1, "entry"), count(2, "entry"), count(1000, "loss")] == [
        "1 entry", "2 entries", "1,000 losses",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "color",
    [*(COLORS[name] for name in ("value", "gradient", "wrong", "ink", "muted"))]
    + [look["color"] for look in LOOKS],
)
def test_text_colors_stand_out_on_white(color):
    """WCAG 2.1 asks 4.5 : 1 of small text."""
    rgb = np.array(to_rgb(color))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    assert 1.05 / (linear @ [0.2126, 0.7152, 0.0722] + 0.05) >= 4.5


def test_images_are_up_to_date():
    run = subprocess.run(
        [sys.executable, IMAGES / "make_images.py", "--check"], capture_output=True, text=True
    )
    assert (run.returncode, run.stdout) == (0, "")


def test_outdated_images_are_named(tmp_path, monkeypatch):
    few = {name: make_images.PICTURES[name] for name in ("chain.png", "fork.png", "patterns.png")}
    monkeypatch.setattr(make_images, "PICTURES", few)
    make_images.write(tmp_path)
    assert make_images.outdated(tmp_path) == []
    stored = json.loads((tmp_path / "alt.json").read_text(encoding="utf-8"))
    stored["chain.png"] = stored["chain.png"].replace("30", "31")
    stored["gone.png"] = "a picture that no one makes any more"
    (tmp_path / "alt.json").write_text(json.dumps(stored), encoding="utf-8")
    (tmp_path / "fork.png").unlink()
    assert make_images.outdated(tmp_path) == ["chain.png", "fork.png", "gone.png"]


def test_images_are_small_and_all_have_an_alternative():
    stored = json.loads((IMAGES / "alt.json").read_text(encoding="utf-8"))
    files = sorted(IMAGES.glob("*.png"))
    assert {file.name for file in files} >= set(stored) == set(make_images.PICTURES)
    for file in files:
        assert file.stat().st_size < 120_000


def test_a_walk_without_an_order_ends_with_twice_the_gradient():
    text = make_images.autograd_fork().text
    wrong, right = re.findall(r"(\w+ order): a ends with (\d)", text)
    assert wrong == ("No order", "8")
    assert right == ("Topological order", "4")
    ends = re.findall(r"a has (\d), b has (\d), c has 1\.", text)
    assert ends == [("0", "0"), ("0", "2"), ("4", "2"), ("8", "2"),
                    ("0", "0"), ("0", "2"), ("4", "2")]  # fmt: skip


def test_sums_of_the_copies_are_worked_out():
    text = make_images.autograd_unbroadcast().text
    assert "sum of each row, [[2.5], [6], [4.5]], that of b" in text
    assert "sum of each column, [-1, 5, 1.5, 7.5]." in text


def test_what_is_kept_is_what_each_vjp_needs():
    text = make_images.autograd_modes().text
    assert "relu keeps the mask, [1, 0, 1]" in text
    assert "log keeps its input, 5.367" in text
    softmax = np.exp([1, 0, 0.5]) / np.exp([1, 0, 0.5]).sum()
    at_exp, at_x = (", ".join(map(number, softmax * mask)) for mask in (1, np.array([1, 0, 1])))
    assert text.endswith(f"[{at_exp}], [{at_x}].")


def test_chain_of_the_first_chapter_multiplies_its_slopes():
    text = make_images.chain().text
    assert "dy/du = 10, dy/dx = 30" in text


def test_gate_shows_the_numbers_of_the_small_network():
    text = make_images.relu_gate().text
    assert "da = -0.2325 arrives and dz = -0.2325 goes back" in text
    assert (
        "z = -0.5 goes in and a = 0 comes out; the gradient da = -0.18 arrives and dz = 0" in text
    )


def test_every_gradient_in_the_figures_has_the_shape_of_its_variable():
    for hidden in (128, 512):
        arrays = make_images._two_layers(hidden)
        gradients = [name for name in arrays if "d" + name in arrays]
        assert gradients == ["W1", "b1", "z1", "a1", "W2", "b2", "z2"]
        for name in gradients:
            assert arrays["d" + name].shape == arrays[name].shape


def test_the_stored_run_can_be_repeated():
    """The first epoch again; roundings that differ between machines hardly show in it."""
    stored, (again, layer) = make_images._training_run(), make_images.train(epochs=1)
    with np.load(make_images.WEIGHTS_FILE) as first_layer:
        np.testing.assert_array_equal(layer.weights[0], first_layer["weights"][0])
        epoch = len(layer.weights) - 1
        assert make_images.STOPS[epoch] == make_images.EPOCH
        moved = layer.weights[epoch].astype(int) - first_layer["weights"][epoch]
        assert np.abs(moved).mean() < 1  # of 1/400
        np.testing.assert_allclose(layer.accuracy, first_layer["accuracy"][: epoch + 1], atol=0.01)
    np.testing.assert_allclose(again.step_loss[:100], stored.step_loss[:100], rtol=0.01)
    assert again.step_loss.mean() == pytest.approx(stored.step_loss[:938].mean(), rel=0.01)
    assert again.test_accuracy[0] == pytest.approx(stored.test_accuracy[0], abs=0.01)


def test_the_stored_run_is_small_and_its_mistakes_are_wrong():
    assert make_images.RUN_FILE.stat().st_size < 300_000
    run = make_images._training_run()
    assert run.step_loss.shape == (9380,)
    stored = make_images.stored_weights()
    assert stored.weights.shape == (len(make_images.STOPS), 784, 16)
    np.testing.assert_array_equal(stored.accuracy[-1], run.test_accuracy[-1])
    assert make_images.WEIGHTS_FILE.stat().st_size < 300_000
    assert run.test_accuracy[-1] > 0.97
    assert (make_images.load_mnist().y_test[run.mistakes] != run.said).all()


def test_windows_of_the_figure_give_what_the_text_says():
    text = make_images.conv_window().text
    image = make_images.load_mnist(flatten=False).x_train[2, :, :, 0]
    found = re.findall(r"at \[(\d+), (\d+)\], gives (-?[\d.]+)\.(?: |$)", text)
    assert len(found) == 3
    for row, column, value in found:
        window = image[int(row) : int(row) + 3, int(column) : int(column) + 3]
        assert float(value) == pytest.approx((window[:, 2] - window[:, 0]).sum(), abs=0.006)


def test_gradients_of_the_small_convolution_are_worked_out():
    text = make_images.conv_backward_reach().text
    assert "dW[0, 2] adds up 9 products to 10" in text
    assert "dx[2, 2] adds up 9 products to 4" in text
    assert "[[1, 2, 3, 2, 1], [2, 4, 6, 4, 2], [3, 6, 9, 6, 3]" in text


def test_shapes_of_the_convolutional_network():
    text = make_images.cnn_shapes().text
    assert "34,826 parameters in all" in text
    assert "max pooling 2: output (N, 5, 5, 64), dx (N, 11, 11, 64)" in text
    assert "320 parameters with gradients (3, 3, 1, 32), (32,), dx not needed" in text
    assert text.count("not needed") == 1


def test_the_stored_run_of_the_convolutional_network_can_be_repeated():
    """The first steps again; roundings that differ between machines hardly show in them."""
    stored = make_images._cnn_run()
    model, optimizer, rng = make_images.new_cnn()
    np.testing.assert_array_equal(model[0].W.data, stored.kernels[0])
    steps = islice(make_images.cnn_epoch(model, optimizer, rng), 60)
    losses = [loss for loss, _ in steps]
    np.testing.assert_allclose(losses, stored.step_loss[:60], rtol=0.02)
    assert losses[-1] < 0.5 * losses[0]


def test_the_stored_run_of_the_convolutional_network_is_small_and_good():
    assert make_images.CNN_RUN_FILE.stat().st_size < 300_000
    run = make_images._cnn_run()
    assert len(run.step_loss) == len(run.test_accuracy) * -(-60_000 // make_images.CNN.batch_size)
    assert run.kernels.shape == (2, 3, 3, 1, 32)
    assert run.test_accuracy[-1] > 0.985
    assert (make_images.load_mnist().y_test[run.mistakes] != run.said).all()


def test_weights_after_each_epoch_are_on_one_scale():
    limits = set()
    for make in (make_images.weights_epoch_0, make_images.weights_epoch_10):
        limits |= {axes.images[0].get_clim() for axes in drawn(make).figure.axes if axes.images}
    assert limits == {(-0.3, 0.3)}
