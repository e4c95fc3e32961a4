"""Pictures: their text alternatives, their bytes, and that nothing in them overlaps."""

import base64
import json
import re
import subprocess
import sys
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace

import matplotlib
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from matplotlib.text import Text

from course_lib import viz
from course_lib.viz.style import COLORS, MAX_WIDTH, SMALL, count, number

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


EXAMPLES = {
    _chain: ["x = -1.5", "y = 20.25", "dy/dx = -27", "dy/du = not filled in", "square: -9"],
    _long_chain: ["a = -3", "h = 4", "dh/dh = -0.4286", "op 6"],
    _graph_with_a_long_wire: ["x to ×, value 2, gradient 1097", "value 2193", "add up to 7676"],
    _graph_with_double_wires: ["4 wires", "a to +, value 1, gradient 2", "at a add up to 4"],
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
    _confusion: ["123 samples", "2 classes", "120 right", "cat taken for dog (3)"],
}
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


@pytest.mark.parametrize("make", [_graph_with_a_long_wire, _graph_with_double_wires, _chain])
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
    layout = viz.graphs._Layout(
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


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: viz.draw_chain(["x", "y"], [1.0], None, ["f"]), "2 names need 2 values, got 1"),
        (lambda: viz.draw_chain(["x", "y"], [1.0, 2.0]), "2 names need 1 operations, got 0"),
        (lambda: viz.draw_graph({"a": "a"}, [("a", "b")]), "no node 'b'"),
        (lambda: viz.draw_graph(dict(a="a", b="b"), [("a", "b"), ("b", "a")]), "cycle"),
        (lambda: viz.draw_graph(dict(a="a", b="b"), [("a", "b")], {}, [1, 2]), "1 edges need"),
        (lambda: viz.draw_matrices({"W": np.zeros((13, 2))}), r"W has shape \(13, 2\)"),
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


@pytest.mark.parametrize("name", ["value", "gradient", "wrong", "ink", "muted"])
def test_text_colors_stand_out_on_white(name):
    """WCAG 2.1 asks 4.5 : 1 of small text."""
    rgb = np.array(to_rgb(COLORS[name]))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    assert 1.05 / (linear @ [0.2126, 0.7152, 0.0722] + 0.05) >= 4.5


def test_images_are_up_to_date():
    run = subprocess.run(
        [sys.executable, IMAGES / "make_images.py", "--check"], capture_output=True, text=True
    )
    assert (run.returncode, run.stdout) == (0, "")


def test_outdated_images_are_named(tmp_path):
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


def test_chain_of_the_first_chapter_multiplies_its_slopes():
    text = make_images.chain().text
    assert "dy/du = 10, dy/dx = 30" in text
