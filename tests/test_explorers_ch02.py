"""The explorer of chapter 02: which entries meet in one entry of a gradient."""

import itertools

import numpy as np
import pytest

from course_lib import explorers
from course_lib.explorers.ch02_linear_layer import DY, W, X, written
from course_lib.viz.picture import DPI

MEET = explorers.load()["which_entries_meet"]
SETTINGS = list(itertools.product(("dW", "db", "dX"), range(3), range(4)))
SHAPES = {"dW": (2, 4), "db": (1, 4), "dX": (3, 2)}


@pytest.fixture
def picture():
    return MEET.picture(MEET.compute(**MEET.start))


def nudged(gradient, place):
    """The entry of a gradient by nudging its variable in L = sum of dY * Y."""
    arrays = {"dX": X.copy(), "dW": W.copy(), "db": np.zeros((1, 4))}

    def loss():
        return np.sum(DY * (arrays["dX"] @ arrays["dW"] + arrays["db"]))

    arrays[gradient][place] += 0.5  # L is linear in each entry, so any nudge is exact
    up = loss()
    arrays[gradient][place] -= 1
    return up - loss()


@pytest.mark.parametrize(("gradient", "row", "column"), SETTINGS)
def test_meeting_is_the_gradient(gradient, row, column, picture):
    s = MEET.compute(gradient, row, column)
    rows, columns = SHAPES[gradient]
    assert s.place == (min(row, rows - 1), min(column, columns - 1))
    assert s.value == pytest.approx(nudged(gradient, s.place), abs=1e-12)
    assert sum(np.prod(t) for t in s.terms) == pytest.approx(s.value, abs=1e-12)
    words = picture.say(s)
    assert words.endswith(f"= {s.value:.4g}.")
    assert eval(words.split(": ")[-1].split(" = ")[0].replace("·", "*")) == pytest.approx(s.value)
    assert (f"only {rows} rows" in words) == (gradient != "db" and row >= rows)
    assert (f"only {columns} columns" in words) == (column >= columns)


@pytest.mark.parametrize(("gradient", "row", "column"), SETTINGS)
def test_meeting_lights_all_that_matters_and_nothing_else(gradient, row, column):
    s = MEET.compute(gradient, row, column)
    for name, array in {"X": X, "W": W, "dY": DY}.items():
        for place in np.ndindex(*array.shape):
            arrays = {"X": X, "W": W, "dY": DY} | {name: array.copy()}
            arrays[name][place] += 0.37
            other = {
                "dW": arrays["X"].T @ arrays["dY"],
                "db": arrays["dY"].sum(axis=0, keepdims=True),
                "dX": arrays["dY"] @ arrays["W"].T,
            }[gradient]
            felt = abs(other[s.place] - s.value) > 1e-9
            lit = place in s.factors.get(name, ())
            if felt:
                assert lit
            elif lit:  # only a factor 0 can hide a nudge
                assert any(0 in term for term in s.terms)


def test_meeting_answer_is_true():
    assert MEET.compute("dX", 1, 0).factors["dY"] == [(1, 0), (1, 1), (1, 2), (1, 3)]
    assert MEET.compute("dW", 1, 0).factors["dY"] == [(0, 0), (1, 0), (2, 0)]
    assert MEET.compute("db", 0, 0).factors == {"dY": [(0, 0), (1, 0), (2, 0)]}
    assert X[1, 0] == 0
    assert [np.prod(t) == 0 for t in MEET.compute("dW", 0, 0).terms] == [False, True, False]
    assert len({X.shape[0], *W.shape}) == 3  # a transpose would show


def test_products_are_written_with_brackets_where_needed():
    assert written([(-1.0, 2.0), (3.0, -0.5)], str) == "-1.0 · 2.0 + 3.0 · (-0.5)"
    assert written([(2.0,), (-1.0,)], str) == "2.0 + (-1.0)"


def test_meeting_picture_and_words_follow_every_control(picture):
    for change in ({"gradient": "dX"}, {"gradient": "db"}, {"row": 1}, {"column": 2}):
        start, changed = (MEET.compute(**MEET.start | c) for c in ({}, change))
        assert picture.frame(start) != picture.frame(changed)
        assert picture.say(start) != picture.say(changed)


def test_meeting_picks_what_is_clicked(picture):
    for gradient, place in (("dW", (1, 3)), ("db", (0, 2)), ("dX", (2, 1))):
        table = picture.tables[gradient]
        x = table.left + (place[1] + 0.3) * table.cell[0]
        y = table.top - (place[0] + 0.7) * table.cell[1]
        picked = picture.at(x * DPI, y * DPI)
        assert picked == {"gradient": gradient, "row": place[0], "column": place[1]}
        assert MEET.compute(**picked).place == place
    table = picture.tables["X"]
    assert picture.at((table.left + 0.1) * DPI, (table.top - 0.1) * DPI) == {}
