"""Order the steps: the judge, the catalogue of the course's own questions, and the card."""

import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib import exercises, functional
from course_lib.grading import REGISTRY, by_nudging
from course_lib.grading.ordering import Move, Order
from course_lib.progress import Progress
from course_lib.widgets import answer, answers, ask
from tests.test_widgets import button, html

ORDERS = [i for i in exercises.load().values() if i.kind == "order"]
each_order = pytest.mark.parametrize("item", ORDERS, ids=lambda item: item.name)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@pytest.fixture(autouse=True)
def work(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_WORK", str(tmp_path / "work"))


@pytest.fixture
def small():
    """u = x W; v = u W; then W moves; and a step that must stay out."""
    rng = np.random.default_rng(0)
    made = Order(
        "t_order",
        title="Small",
        prompt="Order them.",
        start={"x": rng.normal(size=(2, 3)), "W": rng.normal(size=(3, 3))},
        moves=(
            Move("u", "u = x @ W", lambda x, W: {"u": x @ W}, "It is the first layer."),
            Move("v", "v = u @ W", lambda u, W: {"v": u @ W}),
            Move("s", "s = x.sum()", lambda x: {"s": x.sum()}),
            Move("move", "W = W - 1", lambda W: {"W": W - 1}),
            Move("stray", "u = -u", lambda u: {"u": -u}, out="The sign is right already."),
        ),
        want=("v", "W", "s"),
        remark="Well ordered.",
    )
    yield made
    del REGISTRY[made.name]


def letters(item, *names):
    return [item.letters[[m.name for m in item.moves].index(name)] for name in names]


def judged(item, *names):
    return item.judge(letters(item, *names))


@pytest.mark.parametrize(
    "names",
    [("u", "v", "s", "move"), ("s", "u", "v", "move"), ("u", "s", "v", "move")],
)
def test_every_order_that_gives_the_right_quantities_is_right(small, names):
    verdict = judged(small, *names)
    assert (verdict.status, verdict.message) == ("passed", "Right. Well ordered.")
    given = letters(small, *names)
    assert small.judge("".join(given).upper()).passed
    assert small.judge(json.dumps(given)).passed
    assert small.judge(np.array(given)).passed
    assert small.judge([" ".join(given)]).passed
    for between in (" ", ", ", " => ", " | ", ". ", " \u2013 ", " then ", "\n", "', '"):
        assert small.judge(f"('{between.join(given)}')").passed, between


def test_exactly_the_orders_that_compute_right_pass(small):
    right = {m.name for m in small.right}
    passed = [p for p in itertools.permutations(right) if judged(small, *p).passed]
    # s goes anywhere, W moves last of the other three
    assert sorted(passed) == sorted(
        p for p in itertools.permutations(right) if [n for n in p if n != "s"] == ["u", "v", "move"]
    )


def test_the_first_step_that_cannot_run_is_named(small):
    verdict = judged(small, "s", "v", "u", "move")
    assert verdict.misconception == "v lacks u"
    assert verdict.message == (
        "Step 2, `v = u @ W`, needs `u`, and nobody has computed it yet. Your order computes it "
        "later, in step 3."
    )


def test_a_step_that_ran_on_a_changed_quantity_is_named_with_its_numbers(small):
    verdict = judged(small, "move", "u", "v", "s")
    assert verdict.misconception == "u after move"
    x, W = small.start["x"], small.start["W"]
    worst = np.unravel_index(np.argmax(np.abs(x @ np.ones((3, 3)))), (2, 3))
    i, j = worst
    assert verdict.message == (
        "`W` was changed by step 1, `W = W - 1`, before step 2, `u = x @ W`, used it: "
        f"`u[{i}, {j}]` comes out as {(x @ (W - 1))[worst]:.4g} instead of {(x @ W)[worst]:.4g}. "
        "It is the first layer."
    )


def test_a_step_that_must_stay_out_has_its_own_message(small):
    verdict = judged(small, "u", "stray", "v", "s", "move")
    assert verdict.misconception == "stray put in"
    assert verdict.message.startswith("The sign is right already. `v[")
    assert "instead of" in verdict.message
    late = judged(small, "u", "v", "s", "move", "stray")  # does no harm there
    assert late.message == "The sign is right already."


def test_a_stray_s_number_is_told_only_where_nothing_else_made_it(small):
    early = judged(small, "move", "u", "stray", "v", "s")  # W moved too early as well
    assert early.message == "The sign is right already."
    missing = judged(small, "u", "stray", "v", "s")
    assert missing.message == ("Not finished: 1 step is still missing. The sign is right already.")


def test_a_stray_that_cannot_run_is_sent_out_all_the_same(small):
    verdict = judged(small, "stray", "u", "v", "s", "move")
    assert verdict.misconception == "stray put in"
    assert verdict.message == "The sign is right already."


def test_a_step_in_the_place_of_the_one_it_repeats_is_told_so():
    item = exercises.find("walk_in_order")
    for names in (("y", "r", "s", "q", "p once more"), ("y", "q", "r", "s", "p once more")):
        verdict = judged(item, *names)
        assert verdict.message.startswith("Not finished: 1 step is still missing. `p hands on, on")
        assert verdict.message.endswith("that one is not in your order. Take that one instead.")
    for names in (("p once more",), ("y", "r", "p once more"), ("y", "r", "p", "p once more")):
        verdict = judged(item, *names)
        assert verdict.message.startswith("Not finished: ")
        assert "instead of" not in verdict.message


@pytest.mark.parametrize(
    "names", [("y", "r", "s", "p", "q"), ("y", "s", "p", "r", "q"), ("y", "q", "p", "r", "s")]
)
def test_what_is_added_up_is_compared_at_the_end(names):
    item = exercises.find("walk_in_order")
    known = dict(item.start)
    for name in names:
        known |= {
            "y": lambda k: {"dq": k["dq"] + k["r"] * k["dy"], "dr": k["dr"] + k["q"] * k["dy"]},
            "q": lambda k: {"dp": k["dp"] + k["dq"], "da": k["da"] + k["dq"]},
            "r": lambda k: {"dp": k["dp"] + k["s"] * k["dr"], "ds": k["ds"] + k["p"] * k["dr"]},
            "s": lambda k: {"da": k["da"] + k["ds"], "db": k["db"] + k["ds"]},
            "p": lambda k: {"da": k["da"] + k["b"] * k["dp"], "db": k["db"] + k["a"] * k["dp"]},
        }[name](known)
    message = judged(item, *names).message
    assert f"In the end `da` comes out as {known['da']:g} instead of 32." in message


def test_part_of_an_order_is_unfinished_and_told_what_is_wrong_already(small):
    verdict = judged(small, "u", "v")
    assert (verdict.status, verdict.finding.kind) == ("failed", "unfinished")
    assert verdict.message == "Not finished: 2 steps are still missing."
    assert judged(small, "u", "v", "move").message == "Not finished: 1 step is still missing."
    stuck = judged(small, "v")
    assert stuck.misconception == "v lacks u"
    assert stuck.message == (
        "Not finished: 3 steps are still missing. Step 1, `v = u @ W`, needs `u`, and nobody has "
        "computed it yet."
    )
    spoilt = judged(small, "move", "u")
    assert spoilt.misconception == "u after move"
    assert spoilt.message.startswith("Not finished: 2 steps are still missing. `W` was changed")


def test_what_is_added_up_in_any_order_is_no_clash_but_a_missing_share_is():
    item = exercises.find("walk_in_order")
    assert judged(item, "y", "r", "q", "p", "s").passed  # dp and da add up in another order
    verdict = judged(item, "y", "r", "s", "p", "q")
    assert verdict.misconception == "p before q"
    assert "used `dp` before `q hands on" in verdict.message


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (["a", "z"], "'z' is none of the steps"),
        (["a", "a"], "step a is there twice"),
        (5, "5 is no list of letters"),
        ({"a": 1}, "is no list of letters"),
        ([["a"]], "['a'] is none of the steps"),
        ([1, None], "1 is none of the steps"),
        ("a, b! c", "'a, b! c' is none of the steps"),
        ("a plus b", "'plus' is none of the steps"),
        ([np.array([1, 2])], "array([1, 2]) is none of the steps"),
    ],
)
def test_what_cannot_be_read_is_an_error_that_says_so(small, raw, says):
    verdict = small.judge(raw)
    assert verdict.status == "error"
    assert says in verdict.message
    assert "from a to e" in verdict.message


@pytest.mark.parametrize("raw", [None, "", " ", [], [None] * 4, [""]])
def test_nothing_is_not_attempted(small, raw):
    assert small.judge(raw).status == "not attempted"


@settings(max_examples=150, deadline=None)
@given(raw=ANY_JSON | st.lists(st.sampled_from("abcdefghij"), max_size=11))
def test_judging_an_order_never_raises(raw):
    for item in ORDERS:
        assert item.judge(raw).status in ("passed", "failed", "error", "not attempted")


def test_an_author_s_order_that_cannot_run_is_refused():
    moves = (Move("b", "b = a", lambda a: {"b": a}),)
    with pytest.raises(ValueError, match="step 'b' of the author cannot run"):
        Order("t_broken", title="", prompt="", start={}, moves=moves, want=("b",))
    del REGISTRY["t_broken"]


def test_an_order_that_is_always_right_is_refused():
    moves = (
        Move("b", "b = 1", lambda: {"b": 1}),
        Move("c", "c = 2", lambda: {"c": 2}),
    )
    with pytest.raises(ValueError, match="every order of the steps would be right"):
        Order("t_broken", title="", prompt="", start={}, moves=moves, want=("b", "c"))
    del REGISTRY["t_broken"]


# the course's own --------------------------------------------------------------------------------


@each_order
def test_the_order_shown_is_not_right(item):
    assert not item.judge(list(item.letters)).passed
    assert not item.judge([x for x in item.letters if x in item.solution]).passed


@each_order
def test_each_mistake_in_an_order_has_a_message_of_its_own(item):
    ids, _, messages = zip(*item.mistakes, strict=True)
    assert len(set(ids)) == len(ids) == len(set(messages))
    assert {f"{m.name} put in" for m in item.moves if m.out} <= set(ids)


@each_order
def test_a_stray_step_never_passes_wherever_it_stands(item):
    right = [item.letters[item.moves.index(m)] for m in item.right]
    for stray in (m for m in item.moves if m.out):
        letter = item.letters[item.moves.index(stray)]
        for k in range(len(right) + 1):
            assert item.judge([*right[:k], letter, *right[k:]]).status == "failed"
            assert item.judge([*right[:k], letter, *right[k + 1 :]]).status == "failed"


@each_order
def test_every_beginning_of_a_right_order_is_unfinished_and_not_wrong(item):
    for k in range(1, len(item.solution)):
        verdict = item.judge(item.solution[:k])
        assert verdict.finding.kind == "unfinished", verdict.message


def test_one_step_of_descent_is_what_nudging_gives():
    item = exercises.find("one_step_in_order")
    truth, s = item.truth.known, item.start

    def loss(w):
        return ((w * s["x"] - s["y"]) ** 2).item()

    dw = by_nudging(loss, np.array([s["w"]]))[0]
    np.testing.assert_allclose(truth["dw"], dw, rtol=1e-7)
    np.testing.assert_allclose(truth["w"], s["w"] - s["rate"] * dw, rtol=1e-7)
    np.testing.assert_allclose(truth["new_L"], loss(np.array([truth["w"]])))
    assert (truth["L"], round(truth["new_L"], 10)) == (4, 1.44)  # as the remark says


def test_a_training_step_is_what_nudging_gives():
    item = exercises.find("training_step_in_order")
    s = item.start

    def loss(**changed):
        v = {**s, **changed}
        z2 = np.maximum(v["X"] @ v["W1"] + v["b1"], 0) @ v["W2"] + v["b2"]
        return functional.softmax_cross_entropy_forward(z2, v["labels"])[0]

    for name in item.want:
        gradient = by_nudging(lambda value, name=name: loss(**{name: value}), s[name])
        moved = s[name] - 0.1 * gradient
        np.testing.assert_allclose(item.truth.known[name], moved, rtol=1e-6, atol=1e-9)


def test_many_orders_of_a_training_step_pass_and_an_early_w2_does_not():
    item = exercises.find("training_step_in_order")
    at = {m.name: x for x, m in zip(item.letters, item.moves, strict=True)}
    back = [at[n] for n in ("forward", "dz2", "da1", "dz1", "dW2, db2", "dW1, db1")]
    both = [at["update of W2, b2"], at["update of W1, b1"]]
    assert item.judge([*back, *both]).passed
    assert item.judge([*back, *both[::-1]]).passed
    assert item.judge([*back[:5], both[0], back[5], both[1]]).passed
    early = [at["forward"], at["dz2"], at["dW2, db2"], both[0], at["da1"], at["dz1"]]
    verdict = item.judge([*early, at["dW1, db1"], both[1]])
    assert verdict.misconception == "da1 after update of W2, b2"
    assert "the weights that the forward pass used" in verdict.message


def test_the_walk_back_is_what_nudging_gives():
    item = exercises.find("walk_in_order")

    def y(v):
        a, b = v
        p = a * b
        return (p + a) * (p * (a + b))

    got = [item.truth.known["da"], item.truth.known["db"]]
    want = by_nudging(y, np.array([item.start["a"], item.start["b"]]))
    np.testing.assert_allclose(got, want, rtol=1e-7)
    assert y((2.0, 1.0)) == item.start["q"] * item.start["r"]


# the card ----------------------------------------------------------------------------------------


def shown(card):
    """The names of the steps in the learner's order, as the card shows them."""
    slots = [s for s in card.slots if s.layout.display != "none"]
    return [next(m.name for m in card.item.moves if f">{m.text}<" in s.label.value) for s in slots]


def place(card, *names):
    for letter in letters(card.item, *names):
        button(card, f"Add {letter}").click()


def test_steps_are_added_moved_and_taken_out(small):
    card = ask("t_order")
    assert "nothing yet" in html(card)
    place(card, "move", "v", "u")
    assert shown(card) == ["move", "v", "u"]
    visible = [r.layout.display != "none" for r in card.left]
    assert visible.count(True) == 2
    card.slots[2].up.click()
    assert shown(card) == ["move", "u", "v"]
    card.slots[0].down.click()
    assert shown(card) == ["u", "move", "v"]
    card.slots[1].away.click()
    assert shown(card) == ["u", "v"]
    assert card.slots[0].up.disabled
    assert card.slots[1].down.disabled
    assert not card.slots[0].down.disabled
    place(card, "s", "move")
    button(card, "Check").click()
    assert card.verdict.passed
    assert "✓ Right." in html(card)


def test_the_buttons_stay_the_same_ones_and_say_what_they_move(small):
    card = ask("t_order")
    before = [b for s in card.slots for b in (s.up, s.down, s.away)] + card.adders
    place(card, "u", "v")
    card.slots[0].down.click()
    after = [b for s in card.slots for b in (s.up, s.down, s.away)] + card.adders
    assert all(a is b for a, b in zip(before, after, strict=True))
    assert card.slots[0].down.description == "Move down: v = u @ W"
    assert card.slots[1].up.description == "Move up: u = x @ W"
    assert card.slots[1].away.description == "Take out: u = x @ W"


def test_the_focus_goes_on_before_a_button_is_hidden(small, monkeypatch):
    card, focused = ask("t_order"), []
    widgets = {"check": card.check}
    widgets |= {f"add {i}": b for i, b in enumerate(card.adders)}
    for k, s in enumerate(card.slots):
        widgets |= {f"up {k}": s.up, f"down {k}": s.down, f"away {k}": s.away}
    for name, widget in widgets.items():
        monkeypatch.setattr(
            widget, "send", lambda content, *_, name=name: focused.append(name), raising=False
        )
    for adder in card.adders:
        adder.click()
    assert focused == ["add 1", "add 2", "add 3", "add 4", "check"]
    focused.clear()
    card.slots[4].up.click()
    card.slots[3].up.click()
    card.slots[1].up.click()  # now first: it can only go down
    card.slots[4].away.click()
    assert focused == ["up 3", "up 2", "down 0", "away 3"]


def test_an_empty_order_is_no_attempt_and_one_that_is_kept_comes_back(small):
    card = ask("t_order")
    button(card, "Check").click()
    assert "Add a step first." in html(card)
    assert Progress("--").record("t_order") == {}
    place(card, "u", "v")
    button(card, "Check").click()
    assert Progress("--").record("t_order")["attempts"] == 0  # unfinished
    again = ask("t_order")  # a new kernel
    assert shown(again) == ["u", "v"]
    assert "2 steps are still missing" in html(again)
    place(again, "move", "s")
    button(again, "Check").click()
    assert ask("t_order").verdict.passed


def test_the_text_of_an_order_tells_steps_and_answer(small, capsys):
    text = ask("t_order").text()
    for letter, move in zip(small.letters, small.moves, strict=True):
        assert f"{letter}) {move.text}" in text
    assert 'answer("t_order", ["b", "a", …])' in text
    answer("t_order", letters(small, "v"))
    assert "needs `u`" in capsys.readouterr().out
    answer("t_order", " ".join(small.solution))
    assert "✓ passed" in capsys.readouterr().out
    answers("--")
    assert json.dumps(" ".join(small.solution)) in capsys.readouterr().out
    card = ask("t_order")
    assert card.solution().splitlines()[0] == f"1. {small.solution[0]}) u = x @ W"


@pytest.mark.parametrize("raw", [["z"], 5, {"a": 1}, "!"])
def test_an_order_that_cannot_be_read_leaves_the_card_whole(small, raw):
    card = ask("t_order", raw)
    assert card.verdict.status == "error"
    assert shown(card) == []
    place(card, "u")
    assert shown(card) == ["u"]
