"""The puzzle of shapes and transposes: what each placement is told, and the card."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib import exercises
from course_lib.gradcheck import numerical_gradient
from course_lib.grading import REGISTRY
from course_lib.grading.shape_puzzle import ShapePuzzle
from course_lib.progress import Progress
from course_lib.widgets import answer, ask
from course_lib.widgets.style import CSS, PUZZLE_CSS

PUZZLES = [q for q in exercises.load().values() if q.kind == "shapes"]
each_puzzle = pytest.mark.parametrize("puzzle", [pytest.param(q, id=q.name) for q in PUZZLES])


@pytest.fixture(autouse=True)
def registry(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_WORK", str(tmp_path / "work"))
    before = set(REGISTRY)
    yield
    for name in set(REGISTRY) - before:
        del REGISTRY[name]


@pytest.fixture
def dW():
    return exercises.load()["place_the_transpose"]


def placed(left, right, entry=None):
    return {"left": left, "right": right, "entry": entry}


def define(**changes):
    given = {
        "target": "dW",
        "like": "W",
        "matrices": {"X": np.ones((5, 3)), "W": np.ones((3, 2)), "dY": np.ones((5, 2))},
        "square": {"X": [[4, -1], [1, 1]], "W": [[2, 3], [-3, 2]], "dY": [[1, -3], [3, 4]]},
        "formula": lambda m: np.einsum("nd,nm->dm", m["X"], m["dY"]),
        "reads": "what it is",
    }
    return ShapePuzzle("t_puzzle", title="T", prompt="?", **given | changes)


# what is right -----------------------------------------------------------------------------------


@each_puzzle
@pytest.mark.parametrize("case", ["matrices", "square"])
def test_the_right_product_agrees_with_nudging(puzzle, case):
    arrays = getattr(puzzle, case)

    def loss(changed):
        now = arrays | {puzzle.like: changed}
        return np.sum(arrays["dY"] * (now["X"] @ now["W"]))

    nudged = numerical_gradient(loss, arrays[puzzle.like])
    product = puzzle.left.of(arrays) @ puzzle.right.of(arrays)
    np.testing.assert_allclose(product, nudged, rtol=1e-6, atol=1e-7)
    if case == "square":
        np.testing.assert_allclose(puzzle.answer, nudged[puzzle.entry], rtol=1e-6)


@each_puzzle
def test_sizes_differ_in_one_case_and_agree_in_the_other(puzzle):
    assert len({size for a in puzzle.matrices.values() for size in a.shape}) == 3
    assert {a.shape for a in puzzle.square.values()} == {(2, 2)}


@each_puzzle
def test_every_wrong_product_is_told_by_its_shapes(puzzle):
    for a, b in itertools.product(puzzle.factors, repeat=2):
        verdict = puzzle.judge(placed(a.raw, b.raw, puzzle.solution["entry"]))
        if (a, b) == (puzzle.left, puzzle.right):
            assert verdict.passed
            continue
        rows, columns = a.of(puzzle.matrices).shape, b.of(puzzle.matrices).shape
        said = f"{a} {rows} @ {b} {columns} "
        fits = rows[1] == columns[0]
        assert verdict.status == "failed"
        assert verdict.message.startswith(said + ("fits, but gives" if fits else "does not fit"))


@each_puzzle
def test_every_product_of_the_square_case_is_told_from_the_others(puzzle):
    arrays, entries = puzzle.square, {}
    for a, b in itertools.permutations(puzzle.factors, 2):
        if a.name != b.name:
            number = (a.of(arrays) @ b.of(arrays))[puzzle.entry]
            verdict = puzzle.judge(puzzle.solution | {"entry": f"{number:g}"})
            entries[number] = (a, b)
            if (a, b) == (puzzle.left, puzzle.right):
                assert verdict.passed
            else:
                assert f"That is entry (0, 1) of {a} @ {b}" in verdict.message
                assert puzzle.reads in verdict.message
    assert len(entries) == 24


def test_the_messages_of_the_first_half(dW):
    message = dW.judge(placed("X", "dY")).message
    assert message == "X (5, 3) @ dY (5, 2) does not fit: 3 columns meet 5 rows."
    message = dW.judge(placed("dY^T", "X")).message
    assert message == (
        "dYᵀ (2, 5) @ X (5, 3) fits, but gives (2, 3), and dW must have the shape of W, (3, 2). "
        "It is the transpose of the answer: what has to stand on the left?"
    )
    assert "transpose of the answer" not in dW.judge(placed("X^T", "X")).message


def test_a_product_of_the_right_shape_may_still_be_another():
    matrices = {"A": np.arange(6.0).reshape(3, 2), "B": np.array([[1.0, 2], [4, 3]])}
    puzzle = define(
        target="C",
        like="A",
        matrices=matrices,
        square={"A": [[1, 2], [5, 3]], "B": [[7, 2], [-3, 6]]},
        formula=lambda m: m["A"] @ m["B"],
        entry=(0, 1),
    )
    message = puzzle.judge(placed("A", "B^T")).message
    assert message.startswith("A (3, 2) @ Bᵀ (2, 2) has the shape of A, but is it C?")


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (3, "That is one product alone, 1 · 3."),
        (16, "That is one product alone, 4 · 4."),
        (9.5, "That is the mean."),
        (35, "You added up first and multiplied then."),
        (-19, "The size is right, the sign is not."),
        (2, "That is dW[0, 0]."),
        (-10, "That is dW[1, 1]."),
        (1000, "1000 is not dW[0, 1], which is how input 0 met"),
    ],
)
def test_other_wrong_entries_are_told(dW, entry, words):
    message = dW.judge(placed("X^T", "dY", entry)).message
    assert words in message
    assert dW.reads in message


@pytest.mark.parametrize(
    "left",
    [
        *("X^T", "X.T", "Xᵀ", " X.T ", "x^T", "X.t", "XT", "X'", "X⊤", "X ^T", "X^{T}"),
        *("np.transpose(X)", "X.transpose()"),
    ],
)
def test_a_transpose_may_be_written_in_several_ways(dW, left):
    assert dW.judge(placed(left, "dY", "38/2")).passed
    assert ask(dW.name, placed(left, "dy")).take() == placed("X^T", "dY")


def test_a_product_may_be_given_as_a_text_or_a_list(dW):
    assert dW.judge(["X^T", "dY", 19]).passed
    assert dW.judge('{"left": "X^T", "right": "dY", "entry": 19}').passed
    for raw in ("X^T @ dY", ["X.T", "dY"], placed("X^T", "dY", " ")):
        assert dW.judge(raw).finding.data == "entry"
    assert dW.judge(placed(" ", "dY")).finding.data == "left"
    assert ask(dW.name, "X.T @ dY").left.value == "X^T"


@each_puzzle
def test_no_slip_at_the_entry_gives_the_number_of_another(puzzle):
    slips = [(f"{number:.6g}", id) for id, number, _ in puzzle._wrong_entries()]
    numbers = [number for number, _ in slips]
    i, j = puzzle.entry
    twice = {id for number, id in slips if numbers.count(number) > 1}
    # The transposed product at this place is the same thing as the entry at the mirrored one.
    turned = f"entry of {puzzle.right.name}{'' if puzzle.right.turned else 'ᵀ'} @ "
    turned += f"{puzzle.left.name}{'' if puzzle.left.turned else 'ᵀ'}"
    assert twice == {turned, f"entry {(j, i)}"}


def test_a_lost_sign_is_told():
    puzzle = exercises.find("place_the_other_transpose")
    row, column = puzzle.square["dY"][0], puzzle.square["W"][1]
    lost = np.abs(row * column).sum()
    message = puzzle.judge(puzzle.solution | {"entry": lost}).message
    assert message.startswith("A sign went wrong: (-5) · 1 is -5. An entry of it, dX[0, 1], is ")


# unfinished, garbage, authors --------------------------------------------------------------------


def test_unfinished_halves_say_so(dW):
    assert (
        dW.judge(placed("X^T", None)).message == "Choose both factors: the right one is still open."
    )
    assert dW.judge(placed(None, None, 3)).message.startswith("Choose both factors: the left one")
    verdict = dW.judge(placed("X^T", "dY", " "))
    assert (verdict.status, verdict.finding.kind) == ("failed", "unfinished")
    assert verdict.message.endswith("Now compute dW[0, 1] in the square case.")
    assert ask(dW.name, placed("X^T", "dY")).record["attempts"] == 0
    assert dW.judge(placed("", "")).status == "not attempted"


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ("X^T", "The answer is"),
        ({"left": "X", "middle": "W"}, "The answer is"),
        (placed("Q", "dY"), "'Q' is none of the factors: X, X^T, W, W^T, dY, dY^T."),
        (placed(3, "dY"), "3 is none of the factors"),
        (placed("X^2", "dY"), "Turned is written X^T or X.T."),
        ([1], "The answer is"),
        ("X @ W @ dY", "you gave 'X @ W @ dY'"),
        (placed("X^T", "dY", "x"), "The entry cannot be read: 'x' is not a number"),
    ],
)
def test_garbage_in_a_puzzle_is_an_error_with_its_reason(dW, raw, words):
    verdict = dW.judge(raw)
    assert verdict.status == "error"
    assert words in verdict.message


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)
NAMES = st.sampled_from(["X", "X^T", "dY", "dY^T", "W", "Q"])


@settings(max_examples=150, deadline=None)
@given(
    raw=JSON
    | st.fixed_dictionaries({}, optional={"left": NAMES | JSON, "right": NAMES, "entry": JSON})
)
def test_no_answer_makes_the_judge_of_a_puzzle_raise(raw):
    verdict = exercises.load()["place_the_transpose"].judge(raw)
    assert verdict.status in ("passed", "failed", "error", "not attempted")
    assert verdict.message


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"square": {n: np.eye(2) for n in ("X", "W", "dY")}}, "some products agree"),
        ({"entry": (0, 0)}, "some products agree"),
        ({"formula": lambda m: m["X"] @ m["W"] + 1}, "one product alone must be dW"),
    ],
)
def test_an_author_hears_what_is_wrong_with_a_puzzle(changes, words):
    with pytest.raises(ValueError, match=words):
        define(**changes)


def test_an_entry_that_tells_is_found(dW):
    assert define().entry == (0, 1)


# the card ----------------------------------------------------------------------------------------


def press(row, raw):
    row.buttons[raw].click()


def test_the_puzzle_is_solved_on_its_card(dW):
    card = ask(dW.name)
    assert card.second.layout.display == "none"
    press(card.left, "X")
    press(card.left, "X^T")
    assert card.left.buttons["X^T"].description == "● Xᵀ"
    assert card.left.buttons["X"].description == "X"
    card._entered(None)
    assert "the right one is still open" in card._result.value
    press(card.right, "dY")
    card._entered(None)
    assert card.second.layout.display is None
    card.entry.value = "16"
    assert "one product alone" in card._result.value
    card.entry.value = "19"
    assert card.verdict.passed


def test_a_stored_puzzle_comes_back(dW):
    answer(dW.name, placed("X.T", "dY", "-9"))
    assert Progress("02").record(dW.name)["answer"] == placed("X.T", "dY", "-9")
    card = ask(dW.name)
    assert card.take() == placed("X^T", "dY", "-9")
    assert card.second.layout.display is None
    assert card.state == "failed"


def test_the_text_twin_of_a_puzzle_holds_both_halves(dW):
    text = ask(dW.name).text()
    assert "X (5, 3), W (3, 2), dY (5, 2)" in text
    assert "Factors: X, X^T, W, W^T, dY, dY^T" in text
    assert "X = [[1.0, 2.0], [4.0, -4.0]]" in text
    assert f'answer("{dW.name}", {{"left": "X^T", "right": "W", "entry": 0}})' in text
    assert "dW = Xᵀ @ dY" in ask(dW.name).solution()


@pytest.mark.parametrize("raw", ["x", 7, [1], {"left": ["X"]}, {"left": "X", "entry": {}}])
def test_the_card_of_a_puzzle_survives_garbage(dW, raw):
    assert ask(dW.name, raw).state == "error"


def test_styles_of_a_puzzle_stay_on_the_card():
    assert PUZZLE_CSS not in CSS
    rules = PUZZLE_CSS.replace("<style>", "").replace("</style>", "").split("}")
    assert all(rule.strip().startswith(".bp-card .bp-factors") for rule in rules if rule.strip())
