"""Find the wrong line: the judge, the claims of the course's own questions, and the card."""

import inspect
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib import exercises
from course_lib.grading import REGISTRY, by_nudging
from course_lib.grading.lines import FindLine, Line
from course_lib.grading.questions import Option
from course_lib.progress import Progress
from course_lib.widgets import answer, answers, ask
from tests.test_ordering import ANY_JSON
from tests.test_widgets import button, html

ITEMS = [i for i in exercises.load().values() if i.kind == "line"]
each_item = pytest.mark.parametrize("item", ITEMS, ids=lambda item: item.name)


@pytest.fixture(autouse=True)
def work(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_WORK", str(tmp_path / "work"))


def question(**changed):
    """loss = sum(x w)^2 / 2; the gradient of w forgets to add up, that of x is right."""
    x, w = np.array([[1.0, 2.0], [3.0, -1.0]]), np.array([0.5, 0.25])
    arguments = {
        "title": "Small",
        "prompt": "Which?",
        "lines": (
            Line("y = x @ w", "y", lambda x, w: x @ w),
            Line("for row in x:"),
            Line("dx = y[:, None] * w", "dx", lambda y, w: y[:, None] * w, remark="It is odd."),
            Line("dw = x[0] * y[0]", "dw", lambda x, y: x[0] * y[0], lambda x, y: x.T @ y),
            Line("step = -dw", "step", lambda dw: -dw),
            Line("z = 2 * y", "z", lambda y: 2 * y),
        ),
        "inputs": {"x": x, "w": w},
        "gradients": {"dx": "x", "dw": "w"},
        "loss": lambda x, w: 0.5 * np.sum((x @ w) ** 2),
        "reasons": (
            Option("sign", "No: the sign is right."),
            Option("one row", "Both rows count.", True),
        ),
        **changed,
    }
    return FindLine("t_line", **arguments)


@pytest.fixture
def small():
    yield question()
    del REGISTRY["t_line"]


@pytest.mark.parametrize(
    "raw",
    [
        {"line": 4, "why": "b"},
        {"line": "4", "why": " B "},
        {"line": 4.0, "why": "b"},
        {"line": "line 4", "why": "(b)"},
        [4, "b"],
        (4, "b"),
        ["b", "4"],
        np.array(["4", "b"]),
        '{"line": 4, "why": "b"}',
        *("4 b", "4b", "b4", "b 4", "B, 4", "4; b", "4-b", "4. b", "4 (b)", "Line 4, reason b"),
    ],
)
def test_the_right_line_with_the_right_reason_passes(small, raw):
    verdict = small.judge(raw)
    assert verdict.status == "passed"
    assert verdict.message == (
        "Right, line 4: as it stands, `dw[0]` comes out as 1 instead of 4.75. With this line "
        "mended, all 2 gradients are what nudging gives. Both rows count."
    )


def test_a_right_line_before_the_wrong_one_sends_down(small):
    verdict = small.judge({"line": 3, "why": "b"})
    assert (verdict.status, verdict.misconception) == ("failed", "line 3")
    assert verdict.message == (
        "Line 3 is right, and so is `dx`, to the last digit. Everything up to here is right. Look "
        "further down. It is odd."
    )


def test_a_right_line_with_a_wrong_input_sends_up_with_its_numbers(small):
    verdict = small.judge({"line": 5})
    assert verdict.misconception == "line 5"
    assert verdict.message == (
        "Line 5 does the right thing with what it is given. But its input `dw` is wrong already, "
        "and so is what it makes: `step[0]` comes out as -1 instead of -4.75. Look further up."
    )


def test_a_right_line_below_that_uses_nothing_wrong_is_told_apart(small):
    assert small.judge("6").message == (
        "Line 6 is right, and so is `z`, to the last digit: it uses nothing that is wrong. But "
        "something further up is."
    )


def test_the_right_line_with_another_reason_gets_that_reason_s_feedback(small):
    verdict = small.judge({"line": 4, "why": "a"})
    assert (verdict.status, verdict.misconception) == ("failed", "reason a")
    assert verdict.message == "Line 4 it is, but for another reason. No: the sign is right."


def test_half_an_answer_is_unfinished(small):
    verdict = small.judge({"line": 4})
    assert (verdict.status, verdict.finding.kind) == ("failed", "unfinished")
    assert "Right, line 4" in verdict.message
    assert verdict.message.endswith("Not finished: say why it is wrong.")
    verdict = small.judge({"why": "b"})
    assert verdict.finding.kind == "unfinished"
    assert verdict.message == "Not finished: now say which line it is."


@pytest.mark.parametrize("raw", [None, "", {}, [], {"line": None, "why": ""}, {"line": " "}])
def test_neither_line_nor_reason_is_not_attempted(small, raw):
    assert small.judge(raw).status == "not attempted"


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        ({"line": 2}, "2 is no line that can be picked"),  # the loop's head
        ({"line": 7, "why": "a"}, "7 is no line"),
        ({"line": True}, "True is no line"),
        ({"line": [4]}, "[4] is no line"),
        ({"line": 4, "why": "z"}, "'z' is none of the reasons"),
        ({"line": 4, "why": 1}, "1 is none of the reasons"),
        ({"row": 4}, "is no line and reason"),
        ([4, "b", 1], "is no line and reason"),
        ("4 5", "'4 5' is no line and reason"),
        ("4 a b", "'4 a b' is no line and reason"),
        (9, "9 is no line that can be picked"),
        ("four", "'four' is no line and reason"),
    ],
)
def test_what_is_no_line_and_reason_is_an_error_that_says_so(small, raw, says):
    verdict = small.judge(raw)
    assert verdict.status == "error"
    assert says in verdict.message


@settings(max_examples=150, deadline=None)
@given(
    raw=ANY_JSON
    | st.fixed_dictionaries({}, optional={"line": ANY_JSON, "why": ANY_JSON})
    | st.text("0123456789ab ,:line", max_size=6)
)
def test_judging_a_line_never_raises(raw):
    for item in ITEMS:
        assert item.judge(raw).status in ("passed", "failed", "error", "not attempted")


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"lines": (Line("y = x", "y", lambda x: x),)}, "exactly one wrong line"),
        ({"reasons": (Option("a", "b"),)}, "exactly one right reason"),
        ({"gradients": {"dx": "x"}}, "every gradient is right"),
    ],
)
def test_a_listing_without_one_mistake_is_refused(changed, says):
    with pytest.raises(ValueError, match=says):
        question(**changed)
    REGISTRY.pop("t_line", None)


# the course's own --------------------------------------------------------------------------------


@each_item
def test_the_true_gradients_are_what_nudging_gives_and_the_given_ones_are_not(item):
    names = inspect.signature(item.loss).parameters
    if "dy" in names:
        assert item.inputs["dy"].size > 1

    def loss(name, value):
        given = {n: item.inputs[n] for n in names if n != name}
        return float(item.loss(**given, **{name: value}))

    wrong = []
    for gradient, name in item.gradients.items():
        nudged = by_nudging(lambda value, name=name: loss(name, value), item.inputs[name])
        np.testing.assert_allclose(item.truth[gradient], nudged, rtol=1e-6, atol=1e-8)
        if not np.allclose(item.given[gradient], nudged, rtol=1e-3, atol=1e-5):
            wrong.append(gradient)
    assert wrong == item.spoilt


@each_item
def test_the_code_that_is_shown_computes_what_the_judge_computes(item):
    """The lines are run as Python, as they stand; what is kept from the way forward is given."""
    scope = {"np": np, **{name: np.copy(value) for name, value in item.inputs.items()}}
    scope["N"] = len(scope.get("X", ()))
    exec("\n".join(line.text for line in item.lines), scope)
    last = {line.called: line.name for line in item.lines if line.name}
    for called, name in last.items():
        np.testing.assert_allclose(
            scope[called], np.squeeze(item.given[name]) if called == "db" else item.given[name]
        )


@each_item
def test_each_wrong_pick_has_a_message_of_its_own(item):
    messages = [message for _, _, message in item.mistakes]
    assert len(set(messages)) == len(messages)
    assert len(item.mistakes) == len(item.numbers) + len(item.reasons) - 2
    assert 3 <= len(item.reasons) <= 5


@each_item
def test_no_wrong_pick_gives_the_line_away(item):
    for id, _, message in item.mistakes:
        if id.startswith("line"):
            assert f"ine {item.wrong} " not in message
            assert item.lines[item.wrong - 1].text.strip() not in message


def test_the_right_reason_has_not_always_the_same_letter():
    assert len({item.solution["why"] for item in ITEMS}) == len(ITEMS)


# the card ----------------------------------------------------------------------------------------


def words(buttons):
    return [b.description for b in buttons]


def test_line_and_reason_are_picked_and_judged_on_check(small):
    card = ask("t_line")
    button(card, "Check").click()
    assert "Pick a line first" in html(card)
    assert list(card.listing.buttons) == [1, 3, 4, 5, 6]  # the loop's head has none
    assert card.listing.buttons[4].tooltip == "Line 4: dw = x[0] * y[0]"
    card.listing.buttons[5].click()
    card.reasons.buttons[0].click()
    assert card.listing.buttons[5].description == "● 5"
    assert Progress("--").record("t_line") == {}
    button(card, "Check").click()
    assert "Look further up" in html(card)
    assert card.listing.buttons[5].description == "✗ 5"
    assert words(card.reasons.buttons) == ["● a", "b"]  # nobody judged why
    card.listing.buttons[4].click()
    button(card, "Check").click()
    assert card.listing.buttons[4].description == "✓ 4"
    assert "bp-sure" in card.listing.children[3]._dom_classes  # green, though the card is red
    assert words(card.reasons.buttons) == ["✗ a", "b"]
    card.reasons.buttons[1].click()
    button(card, "Check").click()
    assert card.verdict.passed
    assert words(card.reasons.buttons) == ["a", "✓ b"]


def test_the_reasons_are_shown_and_announced_once_a_line_is_picked(small):
    card = ask("t_line")
    assert card.reasons.layout.display == card.why.layout.display == "none"
    card.listing.buttons[5].click()
    assert card.reasons.layout.display is card.why.layout.display is None
    assert card.why.value == '<div role="status"><b>Why is line 5 wrong?</b></div>'
    card.listing.buttons[4].click()
    assert "Why is line 4 wrong?" in card.why.value
    alone = ask("t_line", {"why": "a"})
    assert alone.reasons.layout.display is None
    assert "Why?" in alone.why.value


def test_a_stored_line_comes_back_and_travels(small, capsys):
    ask("t_line", {"line": 4})
    assert Progress("--").record("t_line")["attempts"] == 0  # unfinished
    again = ask("t_line")
    assert again.listing.picked == 4
    assert again.listing.buttons[4].description == "✓ 4"
    assert again.reasons.picked is None
    answer("t_line", {"line": np.int64(4), "why": "b"})
    assert "✓ passed" in capsys.readouterr().out
    assert Progress("--").record("t_line")["answer"] == {"line": 4, "why": "b"}
    answers("--")
    assert json.dumps({"line": 4, "why": "b"}) in capsys.readouterr().out
    assert ask("t_line").verdict.passed


def test_the_text_of_a_listing_has_its_lines_and_reasons(small):
    text = ask("t_line").text()
    assert " 4  dw = x[0] * y[0]" in text
    assert "one row" not in text
    assert 'come with a line, as in answer("t_line", {"line": 1}).' in text
    assert 'answer("t_line", {"line": 1, "why": "a"})' in text
    assert "b) one row" in ask("t_line", {"line": 1}).text()
    assert ask("t_line").solution() == "Line 4.\nb) one row"


@pytest.mark.parametrize("raw", [{"line": 2}, "four", 9, [4, "z"]])
def test_a_line_that_cannot_be_read_leaves_the_card_whole(small, raw):
    card = ask("t_line", raw)
    assert card.verdict.status == "error"
    assert card.take() == {}
