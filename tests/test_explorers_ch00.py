"""The explorer of chapter 00: what it adds up, says and shows."""

import itertools

import numpy as np
import pytest

from course_lib import explorers
from course_lib.explorers.ch00_sums import A
from course_lib.viz.picture import DPI

SUMS = explorers.load()["sums_along_an_axis"]
SETTINGS = list(itertools.product((0, 1, None), (False, True), range(4)))


@pytest.fixture
def picture():
    return SUMS.picture(SUMS.compute(**SUMS.start))


@pytest.mark.parametrize(("axis", "keepdims", "entry"), SETTINGS)
def test_sums_marks_the_entries_that_it_depends_on(axis, keepdims, entry, picture):
    s = SUMS.compute(axis, keepdims, entry)
    assert 0 <= s.chosen <= entry
    for place in np.ndindex(*A.shape):  # nudge each entry: does the chosen sum feel it?
        nudged = A.copy()
        nudged[place] += 1
        felt = nudged.sum(axis=axis, keepdims=keepdims).ravel()[s.chosen] - s.total
        assert felt == (s.owner[place] == s.chosen)
    assert eval(s.code, {"A": A}).tolist() == s.result.tolist()
    words = picture.say(s)
    assert f"shape {s.result.shape}: {s.result.tolist()}" in words
    assert f"{' + '.join(str(v) for v in s.added)} = {s.result.ravel()[s.chosen]}" in words
    if s.index:
        assert f"entry [{', '.join(map(str, s.index))}]" in words
        assert s.result[s.index] == s.total
    assert (f"no entry {entry}" in words) == (entry >= s.result.size)


def test_sums_have_no_two_alike():
    sums = [*A.sum(axis=0), *A.sum(axis=1), A.sum()]
    assert len(set(sums)) == len(sums)  # a sum along the wrong axis shows


def test_sums_answer_is_true():
    assert A.sum(axis=0).shape == (4,)
    assert A.sum(axis=0, keepdims=True).shape == (1, 4)
    assert A.sum(axis=1).shape == (3,)
    assert A.sum(axis=1, keepdims=True).shape == (3, 1)
    shares = A / A.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(shares.sum(axis=1), np.ones(3))
    with pytest.raises(ValueError, match="broadcast"):
        A / A.sum(axis=1)


def test_sums_picture_and_words_follow_every_control(picture):
    for change in ({"axis": 0}, {"axis": None}, {"keepdims": True}, {"entry": 2}):
        start, changed = (SUMS.compute(**SUMS.start | c) for c in ({}, change))
        assert picture.frame(start) != picture.frame(changed)
        assert picture.say(start) != picture.say(changed)


def test_sums_picks_what_is_clicked(picture):
    def click(table, row, column):
        x = table.left + (column + 0.5) * table.cell[0]
        y = table.top - (row + 0.5) * table.cell[1]
        return picture.at(x * DPI, y * DPI)

    picture.frame(SUMS.compute(0, False, 0))
    assert click(picture.array, 1, 2) == {"entry": 2}
    assert click(picture.result, 0, 3) == {"entry": 3}
    picture.frame(SUMS.compute(1, True, 0))
    assert click(picture.array, 1, 2) == {"entry": 1}
    assert click(picture.result, 2, 0) == {"entry": 2}
    assert click(picture.result, 0, 2) == {}  # no cell there any more
    assert picture.at(0, 0) == {}
