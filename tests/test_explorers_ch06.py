"""The explorers of chapter 06: typed expressions, the four walks back, copies and their sums."""

import math
import time

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from course_lib import explore, explorers
from course_lib.explorers import ch06_autograd as ch06
from course_lib.explorers import typed
from course_lib.viz.style import number

FORK = {"expression": "b = a + a; c = b + b", "values": "a = 3"}
D_LAST = {"expression": "c = a * b; d = c + a; y = c * d", "values": "a = 2, b = 3"}
C_LAST = {"expression": "c = a * b; d = c + a; y = d * c", "values": "a = 2, b = 3"}
LEAF_TWICE = {"expression": "c = a * b; d = c + a", "values": "a = 2, b = 3"}
MISTAKES = (ch06.OVERWRITE, ch06.NO_ORDER, ch06.MEETING)


def explorer(name):
    return explorers.load()[name]


def at_the_end(mode, expression, values):
    """{name: gradient} after the last step."""
    scene = ch06.expression_graph(expression, values, mode, ch06.END)
    return dict(zip(scene.typed.names, scene.gradients, strict=True))


def nudged(expression, values, name, h=1e-6):
    """The slope of a typed expression by central differences."""

    def result(by):
        given = typed.read_values(values)
        given[name] += by
        return typed.read_expression(expression, given).nodes[-1].data

    return (result(h) - result(-h)) / (2 * h)


# what is read ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "formula"),
    [
        ("a + b * 2", lambda a, b: a + b * 2),
        ("(a - b) / (a + 3)", lambda a, b: (a - b) / (a + 3)),
        ("-a**2", lambda a, b: -(a**2)),
        ("2 - a - b", lambda a, b: 2 - a - b),
        ("1 / b ** -2", lambda a, b: 1 / b**-2),
        ("c = a * b; d = c + a; d * c", lambda a, b: (a * b + a) * (a * b)),
        ("(a*b + a).tanh() * exp(-b)", lambda a, b: math.tanh(a * b + a) * math.exp(-b)),
        ("relu(a - b) + relu(b - a)", lambda a, b: abs(a - b)),
        ("a ** (1 / 2) + 2 ** 3", lambda a, b: a**0.5 + 8),
        ("c = 3; a * c + exp(0)", lambda a, b: 3 * a + 1),
        ("c = a; c * a;", lambda a, b: a * a),
        ("a \N{MINUS SIGN} b \N{EN DASH} 2", lambda a, b: a - b - 2),
        ("a \N{MIDDLE DOT} b\N{MULTIPLICATION SIGN}a\N{DOT OPERATOR}3", lambda a, b: a * b * a * 3),
    ],
)
def test_a_typed_expression_is_what_python_would_compute(text, formula):
    graph = typed.read_expression(text, {"a": 0.7, "b": 0.3})
    assert graph.nodes[-1].data == pytest.approx(formula(0.7, 0.3), rel=1e-12)


def test_a_name_is_one_node_however_often_it_is_used():
    graph = typed.read_expression("(a * b) + a", {"a": 2.0, "b": 3.0})
    assert graph.names == ("a", "b", "v1", "y")
    assert graph.formulas == ("", "", "a * b", "v1 + a")
    assert graph.parents == ((), (), (0, 1), (2, 0))
    twice = typed.read_expression("v1 = a + a; (v1 + a) * v1", {"a": 2.0})
    assert twice.names == ("a", "v1", "v2", "y")
    assert twice.parents == ((), (0, 0), (1, 0), (2, 1))


def test_a_result_comes_before_a_value_of_the_same_name():
    graph = typed.read_expression("b = a + a; c = b + b", {"a": 3.0, "b": 100.0})
    assert [node.data for node in graph.nodes] == [3.0, 6.0, 12.0]


REFUSED = {
    "a b": "can't be read at its character 3, 'b'",
    "2a": "^2a can't be read; write 2 \\* a\\.$",
    "c = b + 1.5e2a1; c": "^1.5e2a1 can't be read; write 1.5e2 \\* a1\\.$",
    "2(a + b)": r"^2\(a \+ b\): a product is written with \*",
    "(a - b)(a + b)": "a product is written with \\*",
    "a + * b": "at its character 5, '\\*'",
    "(a": "can't be read",
    "a +": "can't be read",
    "c =": "nothing behind a =",
    "; ;": "no expression",
    "x + 1": "x has no value; write one, such as x = 2",
    "c = d + a; d = a * b": "d is used before it is computed",
    "c = a * b; c = c + a": "c is computed twice",
    "sin(a)": "sin is not known; there are relu, exp and tanh",
    "relu(a, b)": "relu takes one number",
    "relu(x=a)": "relu takes one number",
    "relu(a, x=b)": "relu takes one number",
    "a.tanh(b)": "not known here",
    "a.tanh(x=b)": "not known here",
    "exp(*a)": "not known here",
    "relu": "relu is a function",
    "3 * 4": r"^3 \* 4 has no name in it",
    "a; 3": "^The last part, 3, has no name in it",
    "x = a*b; 5": "^The last part, 5, has no name in it",
    "y = a*b; z = 1": r"^The last part, z = 1, does not use y = a\*b, and",
    "a; b": "^The last part, b, does not use a, and",
    "a; " + "(" * 40 + "b" + ")" * 40: r"^The last part, \({39}…, does not use a, and",
    "a / (b - 3)": r"a / \(b - 3\) divides by 0",
    "(b - 3) ** -1": "divides by 0",
    "(b - 3) ** 0.5": r"^\(b - 3\) \*\* 0.5 is too steep here: its slope has no end",
    "(-a) ** 0.5": "not a real number",
    "(-8) ** 0.5 * a": "not a real number",
    "exp(1000 * a)": "too large to be computed",
    "exp(20 * a)": "at most 1,000,000,000 can be shown",
    "a ** b": "exponent has to be a number from -10 to 10",
    "9**9**9": "exponent has to be a number",
    "a**9**9": "exponent has to be a number",
    "1e400 * a": "^1e400 is too large, at most 1,000,000",
    "a ^ 2": "with \\*\\*",
    "2j * a": "not known here",
    "True * a": "not known here",
    "None": "not known here",
    "a == b": "not known here",
    "a if b else 3": "not known here",
    "1if a else b": "not known here",
    "a and b": "not known here",
    "a, b": "not known here",
    "not a": "not known here",
    "a // b": "not known here",
    "a.__class__": "not known here",
    "a.data": "not known here",
    "().__class__.__bases__": "not known here",
    "a.__class__.__mro__()": "not known here",
    "__import__(a)": "__import__ is not known",
    "__builtins__": "has no value|letters",
    "lambda = a": "lambda is no name",
    "exp = a": "exp is a function already",
    "hidden1 = a": "a name may have 6",
    "lambda: a": "Character 7, ':', has no place",
    "(y := a)": "Character 4, ':'",
    "[c for c in a]": "Character 1, '\\['",
    "{a}": "Character 1",
    "'a' + b": 'Character 1, "\'"',
    "f'{a}'": "Character 2",
    "a @ b": "Character 3, '@'",
    "a % b": "Character 3, '%'",
    "a\n+ b": "Character 2",
    "a\x00": "Character 2",
    "\uff41 + 1": "Character 1",  # a wide a, which Python would take for an a
    "\u03b1 + 1": "Character 1",
    "a\u00b2": "Character 2",
    "a" * 121: "121 characters, at most 120",
    "(" * 60 + "a" + ")" * 59: "can't be read",
    "+".join("ab" * 8): "more than 14 nodes",
    "-" * 100 + "a": "more than 14 nodes",
    "".join(f"b{k}=a*{k};" for k in range(15)) + "a": "more than 14 nodes",
}  # fmt: skip


@pytest.mark.parametrize("text", REFUSED)
def test_what_can_not_be_read_is_refused_with_what_is_wanted(text):
    start = time.perf_counter()
    with pytest.raises(ValueError, match=REFUSED[text]) as error:
        typed.read_expression(text, {"a": 2.0, "b": 3.0})
    assert time.perf_counter() - start < 2
    assert len(str(error.value)) < 250


@pytest.mark.parametrize(
    ("text", "a", "slope"),
    [("a**0.5", 1e-30, "5e\\+14"), ("1/a", 1e-7, "-1e\\+14"), ("a**-1", 1e-8, "-1e\\+16")],
)
def test_a_slope_that_is_only_large_is_told_as_a_number(text, a, slope):
    with pytest.raises(ValueError, match=f"its slope is {slope}, at most 1e\\+12 can be shown"):
        typed.read_expression(text, {"a": a})


def test_a_second_name_for_a_leaf_is_no_unused_part():
    graph = typed.read_expression("c = a; c", {"a": 2.0})
    assert [node.data for node in graph.nodes] == [2.0]


def test_nested_parentheses_are_no_trouble():
    graph = typed.read_expression("(" * 59 + "a" + ")" * 59, {"a": 2.0})
    assert [node.data for node in graph.nodes] == [2.0]


def test_values_are_plain_numbers_with_names():
    assert typed.read_values("a = 2, b = -0.5; w1=1/4") == {"a": 2.0, "b": -0.5, "w1": 0.25}
    assert typed.read_values("a = \N{MINUS SIGN}2, b = 3\N{MIDDLE DOT}2") == {"a": -2.0, "b": 6.0}
    for text, wanted in {
        "a": "wanted is a list like a = 2, b = 3",
        "a = b": "b is no number",
        "a = a": "a is no number",
        "a = 2 b = 3": "can't be read",
        "a == 2": "can't be read",
        "a =": "nothing behind a =; wanted is a list like a = 2, b = 3",
        "a = 1.5.": "^1.5. is no number; wanted is a list like",
        "a = (1,2)": r"^\(1 is no number; wanted is a list like",
        "a = 2b": "^2b is no number; wanted is a list like",
        "a: 2": "^Character 2, ':', has no place here; wanted is a list like",
        "a = not 2": "^not 2 is not known here; wanted is a list like",
        "a = 1e400": "^1e400 is too large",
        "= 3": "no name",
        "2 = 3": "2 is no name",
        "a = 2, a = 3": "a has two values here, 2 and 3",
        "tanh = 2": "tanh is a function",
        "a = 10000000": "too large",
        "a = 1/0": "divides by 0",
        "a = 9**9**9": "exponent",
        "a = open()": "open is not known",
        "a = \u0662": "Character 5",
    }.items():
        with pytest.raises(ValueError, match=wanted):
            typed.read_values(text)


PIECES = [*"ab+-*/().,;= \t'[]{}:^@%\\", "**", "relu", "tanh(", "exp(", "9", "1e9", "0x", "_", "__",
          ".__class__", "lambda ", "if ", "for ", "2j", "\u03b1", "\u00b2", "\u2212", "\u00b7",
          "\x00", "2a", "; "]  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(
    st.one_of(st.text(max_size=130), st.lists(st.sampled_from(PIECES), max_size=40).map("".join)),
    st.one_of(st.just("a = 2, b = 3"), st.text(max_size=30)),
    st.sampled_from(list(ch06.WALKS.values())),
    st.integers(0, 40),
)
@example("exp(a*9)*b**9", "a=2,b=3", "no order", 40)
@example("b=a+a;c=b+b;d=c+c;e=d+d;f=e+e;g=f+f;h=g+g;i=h+h;j=i+i;k=j+j;l=k+k;m=l+l;n=m+m",
         "a=1000", "no order", ch06.END)  # fmt: skip
def test_whatever_is_typed_gives_a_picture_or_a_sentence(text, values, mode, done):
    scene = sentence = None
    try:
        scene = ch06.expression_graph(text, values, mode, done)
    except ValueError as error:
        sentence = str(error)
    if scene is None:
        assert sentence.endswith(".")
    else:
        numbers = [node.data for node in scene.typed.nodes] + list(scene.gradients or ())
        assert np.isfinite(numbers).all()


# the walks -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "case",
    [
        FORK,
        D_LAST,
        {"expression": "tanh(w1*x1 + w2*x2 + b)",
         "values": "w1 = 1, x1 = 2, w2 = -0.5, x2 = 0.7, b = 0.25"},
        {"expression": "(a*b + a).tanh()*b - (a-2)**2/(1+exp(-b))", "values": "a = .7, b = .3"},
        {"expression": "c = relu(a - 2*b); c/b - 3/a + c", "values": "a = 1.5, b = 0.4"},
    ],
)  # fmt: skip
def test_the_right_walk_agrees_with_nudging(case):
    found = at_the_end(ch06.RIGHT, **case)
    for name in typed.read_values(case["values"]):
        assert found[name] == pytest.approx(nudged(**case, name=name), rel=1e-6)


def test_the_numbers_of_the_question_and_its_answer():
    """Independent of the walks: the sums are written out."""
    a, b, c, d = 2, 3, 6, 8
    right = {"a": (d + c) * b + c, "b": (d + c) * a}
    assert right == {"a": 48, "b": 28}
    for case in (D_LAST, C_LAST):
        assert at_the_end(ch06.RIGHT, **case).items() >= right.items()
    wrong_only_for_d_last = [
        mode
        for mode in MISTAKES
        if at_the_end(mode, **C_LAST).items() >= right.items()
        and not at_the_end(mode, **D_LAST).items() >= right.items()
    ]
    assert wrong_only_for_d_last == [ch06.MEETING]
    early = at_the_end(ch06.MEETING, **D_LAST)
    assert (early["a"], early["b"]) == (d * b + c, d * a) == (30, 16)
    assert [at_the_end(mode, **FORK)["a"] for mode in (ch06.RIGHT, *MISTAKES)] == [4, 1, 8, 4]
    assert [at_the_end(mode, **LEAF_TWICE)["a"] for mode in (ch06.RIGHT, *MISTAKES)] == [4, 3, 4, 4]
    answer = explorer("expression_graph").answer
    for claim in (
        "hands on 8 before the 6 from d",
        "a ends at 30 and b at 16, where 48 and 28 are right",
        "no order gives 8",
        "`=` gives 1",
        "meet them gives 4",
        "keeps 3, where 4 is right",
    ):
        assert claim in " ".join(answer.split())


@pytest.mark.parametrize("expression", ["c = a * b; y = tanh(c)", "relu(a) * exp(b - 4)"])
def test_all_walks_agree_where_every_node_is_used_once(expression):
    ends = [at_the_end(mode, expression, "a = 2, b = 3") for mode in ch06.WALKS.values()]
    assert ends[0]["a"] != 0
    assert all(end == ends[0] for end in ends)


def test_the_chapters_square_is_three_without_adding():
    case = {"expression": "x * x", "values": "x = 3"}
    assert at_the_end(ch06.OVERWRITE, **case)["x"] == 3
    assert [at_the_end(m, **case)["x"] for m in (ch06.RIGHT, ch06.NO_ORDER, ch06.MEETING)] == [
        6
    ] * 3


def test_a_walk_without_an_order_visits_a_node_as_often_as_paths_lead_to_it():
    doublings = "b = a + a; c = b + b; d = c + c; e = d + d"
    scene = ch06.expression_graph(doublings, "a = 1", ch06.NO_ORDER, 0)
    assert scene.total == 4 + 1 + (2**4 - 1)
    assert ch06.expression_graph(doublings, "a = 1", ch06.RIGHT, 0).total == 4 + 1 + 4


def test_what_is_marked_wrong_is_what_differs_from_nudging():
    for mode in ch06.WALKS.values():
        scene = ch06.expression_graph(**D_LAST, mode=mode, done=ch06.END)
        marked = {scene.typed.names[i] for i in scene.wrong}
        differ = {
            name
            for name in "ab"
            if abs(at_the_end(mode, **D_LAST)[name] - nudged(**D_LAST, name=name)) > 1e-3
        }
        assert marked & {"a", "b"} == differ


def test_nothing_is_marked_wrong_before_it_is_complete():
    for mode in ch06.WALKS.values():
        for done in range(9):
            scene = ch06.expression_graph(**D_LAST, mode=mode, done=done)
            marked = {scene.typed.names[i] for i in scene.wrong}
            assert not marked or mode != ch06.RIGHT
            assert not marked & {scene.typed.names[i] for i in scene.more}
    early = ch06.expression_graph(**D_LAST, mode=ch06.MEETING, done=5)
    assert [early.typed.names[i] for i in sorted(early.more)] == ["a", "b", "c"]
    assert early.wrong == set()


def test_only_what_does_harm_is_remarked_on():
    def remarks(mode, case):
        return ch06.expression_graph(**case, mode=mode, done=0).walk.remarks

    assert remarks(ch06.RIGHT, D_LAST) == ["", "", ""]
    assert remarks(ch06.OVERWRITE, D_LAST) == [
        "",
        "The 8 that c had is overwritten.",
        "The 6 that a had is overwritten.",
    ]
    assert remarks(ch06.NO_ORDER, LEAF_TWICE) == ["", ""]


# the picture and its words ---------------------------------------------------------------------


def words_of(picture, **values):
    scene = ch06.expression_graph(**{**explorer("expression_graph").start, **values})
    return picture.say(scene)


@pytest.fixture(scope="module")
def graph_picture():
    item = explorer("expression_graph")
    return item.picture(item.compute(**item.start))


def test_the_words_follow_the_steps(graph_picture):
    at = [words_of(graph_picture, done=k).split("\n")[0] for k in range(8)]
    assert at[1] == "Step 1 of 7, forward: c = a * b = 6."
    assert at[4] == "Step 4 of 7: the walk back begins at the end, with 1 for y."
    assert at[5] == "Step 5 of 7, backward: y hands on 1: c gets 1 · 8 = 8, d gets 1 · 6 = 6."
    assert at[7] == "Step 7 of 7, backward: c hands on 14: a gets 14 · 3 = 42, b gets 14 · 2 = 28."
    assert "c 8 so far" in words_of(graph_picture, done=5)
    assert words_of(graph_picture, done=29) == words_of(graph_picture, done=7)
    assert "Finished. All gradients are right.\n" in words_of(graph_picture, done=ch06.END)


@pytest.mark.parametrize(
    ("mode", "case", "said"),
    [
        (ch06.NO_ORDER, FORK, "a has 8, right is 4. It began in step 6: b hands on again."),
        (ch06.OVERWRITE, FORK, "It began in step 4: The 1 that b had is overwritten."),
        (ch06.MEETING, D_LAST, "a has 30, right is 48; b has 16, right is 28. It began in step 6: "
         "c hands on too early: more will come to it."),
        (ch06.NO_ORDER, LEAF_TWICE, "All gradients are right here, in spite of the mistake."),
    ],
)  # fmt: skip
def test_the_words_name_the_wrong_answer_and_where_it_began(graph_picture, mode, case, said):
    assert said in words_of(graph_picture, **case, mode=mode, done=ch06.END)


def test_picture_and_words_change_with_every_control(graph_picture):
    item = explorer("expression_graph")
    settings_tried = [
        item.start,
        *({**item.start, "done": done} for done in range(1, 8)),
        {**item.start, "values": "a = 2, b = 4"},
        {**item.start, "expression": "c = a * b; d = c + b; y = c * d"},
        {**item.start, "mode": ch06.MEETING, "done": 6},
        {**item.start, "mode": ch06.OVERWRITE, "done": 6},
        {**item.start, "mode": ch06.NO_ORDER, "done": 8},
    ]
    frames = {}
    for chosen in settings_tried:
        scene = item.compute(**chosen)
        frames[graph_picture.frame(scene)] = graph_picture.say(scene)
    assert len(frames) == len(set(frames.values())) == len(settings_tried)
    again = graph_picture.frame(item.compute(**item.start))
    assert again == next(iter(frames))  # nothing of the others is left in the picture


def test_the_picture_is_as_high_as_its_graph(graph_picture):
    item = explorer("expression_graph")
    heights = []
    for text in ("tanh(a)", "(a + b) * (a - b) + (a * b - a / b)"):
        graph_picture.frame(item.compute(**{**item.start, "expression": text}))
        heights.append(graph_picture.size[1] / graph_picture.figure.dpi)
        scene = item.compute(**{**item.start, "expression": text})
        assert graph_picture.frame(scene) == item.picture(scene).frame(scene)
        fresh = item.picture(scene)
        assert len(graph_picture.axes.texts) == len(fresh.axes.texts)
        assert len(graph_picture.axes.patches) == len(fresh.axes.patches)
    assert heights[0] < heights[1] <= ch06.HIGHEST
    with pytest.raises(ValueError, match="too large for the picture; wanted is one with fewer"):
        item.compute(**{**item.start, "expression": "a*b + c*d + e*f + g",
                        "values": "a=1,b=2,c=3,d=4,e=5,f=6,g=7"})  # fmt: skip


def test_the_card_takes_the_size_of_the_picture_and_keeps_it_for_what_can_not_be_read():
    card = explore("expression_graph")
    before = list(card.stage.size)
    card.set(expression="tanh(a)", values="a = 0.5")
    assert list(card.stage.size) == list(card.moving.size) != before
    assert "y = tanh(a) = ?" in card.stage.words
    png = card.stage.png
    card.set(expression="tanh(a")
    assert card.stage.words.endswith("The picture stays as it was.")
    assert card.stage.png == png
    card.set(expression="tanh(b)")
    assert "b has no value" in card.stage.words
    card.set(values="b = 0.5", done=ch06.END)
    assert f"b gets 1 · {number(1 - math.tanh(0.5) ** 2)}" in card.stage.words


def test_wrong_gradients_carry_a_mark_and_not_only_a_colour(graph_picture):
    item = explorer("expression_graph")
    scene = item.compute(**{**item.start, "mode": ch06.MEETING, "done": ch06.END})
    graph_picture.frame(scene)
    texts = {t.get_text() for t in graph_picture.axes.texts}
    assert {"\u25c2 30 \u2717", "\u25c2 16 \u2717", "\u25c2 14 \u2713"} <= texts


# copies and their sums -------------------------------------------------------------------------


@pytest.mark.parametrize("shape", ch06.SHAPES)
def test_the_gradient_of_what_was_copied_agrees_with_nudging(shape):
    """The loss is sum(g * (x + 0)), with x copied by NumPy itself."""
    rng = np.random.default_rng(0)
    x, h = rng.normal(size=shape), 1e-6
    found = ch06.copied_and_summed(shape, 1, 2)
    for at in np.ndindex(shape):
        up, down = x.copy(), x.copy()
        up[at] += h
        down[at] -= h
        sums = [(ch06.UPSTREAM * (one + np.zeros((2, 3)))).sum() for one in (up, down)]
        assert found.gradient[at] == pytest.approx((sums[0] - sums[1]) / (2 * h), rel=1e-6)
    assert found.gradient.shape == shape
    assert found.gradient.sum() == ch06.UPSTREAM.sum() == 5


@pytest.mark.parametrize("shape", ch06.SHAPES)
def test_a_group_is_every_copy_of_one_entry(shape):
    picture = explorer("copied_and_summed").picture(ch06.copied_and_summed(shape, 0, 0))
    for row, column in np.ndindex(2, 3):
        scene = ch06.copied_and_summed(shape, row, column)
        assert (row, column) in scene.group
        value = scene.x.flat[scene.own]
        assert scene.group == [at for at in np.ndindex(2, 3) if scene.copies[at] == value]
        total = sum(ch06.UPSTREAM[at] for at in scene.group)
        words = picture.say(scene)
        assert f" = {number(total)}." in words
        assert f"shape {shape}" in words


def test_the_words_say_how_x_is_copied():
    said = {
        (): "along new axes 0 and 1.",
        (1,): "along new axis 0 and along axis 1, where it has length 1.",
        (3,): "along new axis 0.",
        (1, 3): "along axis 0, where it has length 1.",
        (2, 1): "along axis 1, where it has length 1.",
        (2, 3): "nowhere: it has that shape already.",
    }
    for shape, words in said.items():
        scene = ch06.copied_and_summed(shape, 0, 0)
        first = explorer("copied_and_summed").picture(scene).say(scene).split("\n")[0]
        assert first == f"x has shape {shape}. To (2, 3) it is copied {words}"


def test_the_marked_entries_are_the_group_and_its_sum():
    scene = ch06.copied_and_summed((2, 1), 1, 2)
    picture = explorer("copied_and_summed").picture(scene)
    bold = [
        [text.get_text() for _, text in grid if text.get_visible() and text.get_weight() == "bold"]
        for grid in picture.cells
    ]
    assert bold == [["20"], ["20"] * 3, ["2"], ["3", "5", "\u22126"]]


def test_the_answer_about_copies_is_true():
    gradients = {shape: ch06.copied_and_summed(shape, 0, 0).gradient for shape in ch06.SHAPES}
    same = [
        (one, other)
        for i, one in enumerate(ch06.SHAPES)
        for other in ch06.SHAPES[i + 1 :]
        if gradients[one].size == gradients[other].size
        and np.array_equal(gradients[one].ravel(), gradients[other].ravel())
    ]
    assert same == [((), (1,)), ((3,), (1, 3))]
    assert gradients[()] == 5
    np.testing.assert_array_equal(gradients[3,], [4, 3, -2])
    means = ch06.UPSTREAM.mean(axis=0)
    np.testing.assert_array_equal(means, [2, 1.5, -1])
    assert means.sum() == 2.5
    answer = " ".join(explorer("copied_and_summed").answer.split())
    for claim in ("both get 5", "both get 4, 3, -2", "add up to 5", "2, 1.5, -1", "add up to 2.5"):
        assert claim in answer


def test_a_click_picks_an_entry_where_there_is_one():
    item = explorer("copied_and_summed")
    picture = item.picture(item.compute((2, 1), 0, 0))
    dpi = picture.figure.dpi

    def click(grid, row, column):
        top, left = picture.TOPS[grid // 2], picture.LEFT[grid % 2]
        width, height = picture.CELL
        return picture.at(dpi * (left + (column + 0.5) * width), dpi * (top - (row + 0.5) * height))

    for grid in range(4):
        assert click(grid, 1, 0) == {"row": 1, "column": 0}
    assert click(1, 0, 2) == click(3, 0, 2) == {"row": 0, "column": 2}
    assert click(0, 0, 2) == click(2, 0, 2) == {}  # a (2, 1) has no third column
    assert picture.at(1, 1) == {}


def test_pictures_of_copies_and_their_words_change_with_every_control():
    item = explorer("copied_and_summed")
    picture = item.picture(item.compute(**item.start))
    tried = [item.start, {**item.start, "shape": (1, 3)}, {**item.start, "shape": ()},
             {**item.start, "column": 2}, {"shape": (2, 1), "row": 0, "column": 0},
             {"shape": (2, 1), "row": 1, "column": 0}]  # fmt: skip
    frames = {}
    for chosen in tried:
        scene = item.compute(**chosen)
        frames[picture.frame(scene)] = picture.say(scene)
    assert len(frames) == len(set(frames.values())) == len(tried)
    assert picture.frame(item.compute(**item.start)) == next(iter(frames))
