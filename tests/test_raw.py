"""Raw answers: other notations are read, what cannot be read is quoted short, nothing raises."""

import time
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from course_lib import exercises
from course_lib.grading.questions import read_number
from course_lib.grading.raw import opened, quoted
from course_lib.widgets import ask
from course_lib.widgets.questions import plain

ITEMS = [i for i in exercises.load().values() if i.kind != "code"]
each_item = pytest.mark.parametrize("item", ITEMS, ids=lambda item: item.name)
HUGE = 10**5000


def nested(depth):
    inner = []
    for _ in range(depth):
        inner = [inner]
    return inner


def endless():
    inner = ["a"]
    inner += [inner, inner]
    return inner


def hostile():
    """Answers that nobody means, each of which some judge stumbled over."""
    bases = [
        HUGE,
        nested(3000),
        endless(),
        "x" * 100_000,
        "9" * 100_000,
        "[" * 5000,
        " " * 1600 + "!",
        float("nan"),
        b"a",
        {HUGE: 1},
        {1, 2},
        object(),
        np.array([1, 2]),
        np.array([[1.0, np.nan], [2, 3]]),
        np.array(["X^T", {}], dtype=object),
        np.array(6),
    ]
    yield from bases
    for one in bases:
        yield [one]
        yield [one, one]
        yield [[one, one], [one, one]]
        for keys in (("line", "why"), ("left", "right", "entry")):
            yield dict.fromkeys(keys, one)
        yield {"line": 6, "why": one}
        yield {"values": one, "gradients": one}
        yield {"values": {"c": one, "s": one}}
        yield {"left": "X^T", "right": "dY", "entry": one}


@each_item
def test_no_answer_makes_a_judge_raise_or_quote_without_end(item):
    for raw in hostile():
        verdict = item.judge(raw)
        assert verdict.status in ("passed", "failed", "error", "not attempted")
        for words in (verdict.message, str(verdict.finding)):
            assert len(words) < 700
            assert "ambiguous" not in words
            assert "int_max_str" not in words


@pytest.mark.parametrize(
    "name",
    ["one_step_in_order", "wrong_line_in_a_row", "fork_in_a_graph", "place_the_transpose"],
)
def test_asking_with_any_answer_gives_a_card(name, tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_WORK", str(tmp_path))
    for raw in [HUGE, nested(3000), endless(), {"line": HUGE}, [HUGE], {"values": {"s": HUGE}}]:
        card = ask(name, raw)
        assert card.state in ("error", "not attempted")
        assert len(card._result.value) < 2000


def test_a_long_text_is_judged_at_once():
    item = exercises.find("wrong_line_in_two_layers")
    start = time.perf_counter()
    assert item.judge(" " * 1600 + "!").status == "error"
    assert time.perf_counter() - start < 3  # 12 s where every blank was tried in three places


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("8 / 2", 4),
        ("\u20134", -4),
        ("\u22124", -4),
        ("½", 0.5),
        ("-¾", -0.75),
        ("0.5/2", 0.25),
        ("1/3", 1 / 3),
        (" 3e-2 ", 0.03),
        (Fraction(1, 4), 0.25),
        (Decimal("0.125"), 0.125),
        (np.array(2.5), 2.5),
        (np.int64(3), 3),
    ],
)
def test_a_number_may_be_written_in_several_ways(raw, value):
    assert read_number(raw) == value


@pytest.mark.parametrize(
    "raw",
    [
        "4_0",
        "1/0",
        "1/1e400",
        "nan",
        "1½",
        "²",
        "--3",
        "1/2/3",
        True,
        2j,
        pytest.param(HUGE, id="huge"),
        np.array([2]),
    ],
)
def test_what_is_no_number_is_refused(raw):
    with pytest.raises(ValueError, match="number"):
        read_number(raw)


def test_a_quotation_is_one_short_line():
    assert quoted("a b") == "'a b'"
    assert quoted([1, "x"]) == "[1, 'x']"
    for thing in ("x" * 10**6, nested(5000), [HUGE], np.zeros((50, 50)), {"a": endless()}):
        assert len(quoted(thing)) <= 61
        assert "\n" not in quoted(thing)


def test_an_answer_is_opened_once():
    assert opened(' {"line": 6}') == {"line": 6}
    assert opened(np.array(["a", "b"])) == ["a", "b"]
    for text in ("[" * 9000, "[1", "a", ""):
        assert opened(text) == text


def test_plain_json_comes_out_of_anything():
    own = endless()
    assert plain(own)[0] == "a"
    assert all(isinstance(part, str) for part in plain(own))
    assert plain({"a": (np.int64(1), Fraction(1, 2), HUGE)})["a"][:2] == [1, 0.5]
    assert plain([[1, None], ["2", True]]) == [[1, None], ["2", True]]
