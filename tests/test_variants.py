"""Variants: the same questions with other numbers, as good as the course's own."""

import re

import numpy as np
import pytest

from course_lib import exercises
from course_lib.grading import REGISTRY
from course_lib.grading.questions import Choice, Number, Option
from course_lib.grading.variants import Draw, Recipe, bracketed, listed, pmatrix, question, spelled
from course_lib.progress import Progress
from course_lib.widgets import answer, answers, ask, read_answers

SEEDS = range(20)
QUESTIONS = [q for q in exercises.load().values() if q.kind != "code"]
VARIED = [q for q in QUESTIONS if q.recipe]
BY_NAME = {q.name: q for q in VARIED}
each_varied = pytest.mark.parametrize("own", [pytest.param(q, id=q.name) for q in VARIED])


@pytest.fixture(autouse=True)
def registry(tmp_path, monkeypatch):
    """Keeps a test's answers apart, forgets its questions, and proves that variants add none."""
    monkeypatch.setenv("COURSE_WORK", str(tmp_path / "work"))
    before = dict(REGISTRY)
    yield
    for name in [name for name in REGISTRY if name.startswith("t_")]:
        del REGISTRY[name]
    assert list(REGISTRY) == list(before)
    assert all(REGISTRY[name] is before[name] for name in before)


def shown(item):
    """All that a learner may see of a question before it is answered."""
    options = [(option.text, option.feedback) for option in getattr(item, "options", ())]
    square = {name: array.tolist() for name, array in getattr(item, "square", {}).items()}
    return (item.title, item.prompt, item.hints, options, square, getattr(item, "inputs", None))


def again(own, seed):
    """The variant, made anew."""
    recipe = Recipe.__new__(Recipe)
    recipe.__dict__.update(own.recipe.__dict__, _variants={})
    return recipe.variant(seed)


# every question ----------------------------------------------------------------------------------


def test_what_stays_as_it_is():
    names = {q.name for q in QUESTIONS} - set(BY_NAME)
    assert names == {
        "predict_large_nudge",  # a picture with its numbers
        "forgotten_mean",  # a run that the chapter measures
        "what_backpropagation_gives",
        "one_step_in_order",
        "why_the_batch_adds",
        "mask_from_a",
        "inactive_or_dead",
        "wrong_line_in_two_layers",
        "check_of_a_corner",
        "training_step_in_order",
        "wrong_line_in_the_network",
        "wrong_line_in_a_row",
        "walk_in_order",
    }
    assert all(q.varied(3) is q for q in QUESTIONS if q.name in names)


@each_varied
def test_a_variant_is_the_same_question_with_other_numbers(own):
    seen = {}
    for seed in SEEDS:
        new = own.varied(seed)
        assert new is not own
        assert new is own.varied(seed)
        assert new.varied(None) is new
        same = ("name", "points", "kind", "chapter", "module")
        assert [getattr(new, n) for n in same] == [getattr(own, n) for n in same]
        assert (own.variant, new.variant) == (None, seed)
        assert new.prompt != own.prompt
        assert len(new.hints) == len(own.hints)
        seen.setdefault(repr(shown(new)), seed)
    assert len(seen) >= 9
    assert own.varied(None) is own
    assert exercises.find(own.name) is own


@each_varied
def test_a_variant_accepts_its_solution_and_answers_every_mistake(own):
    least = len(getattr(own, "mistakes", ()))
    for seed in SEEDS:
        new = own.varied(seed)
        assert new.judge(new.solution).points == own.points
        assert new.judge(None).status == "not attempted"
        mistakes = getattr(new, "mistakes", ())
        assert len(mistakes) >= least
        if new.kind in ("graph", "shapes"):  # these judge each one to list it
            assert len({message for *_, message in mistakes}) == len(mistakes)
            continue
        for id, value, message in mistakes:
            verdict = new.judge(value.tolist() if isinstance(value, np.ndarray) else value)
            assert (verdict.status, verdict.misconception) == ("failed", id)
            assert verdict.message == message
        if getattr(new, "options", ()):
            said = {letter: new.judge(letter) for letter in new.letters}
            assert len({v.message for v in said.values()}) == len(said)
            assert [letter for letter, v in said.items() if v.passed] == [new.solution]


@each_varied
def test_a_seed_gives_the_same_numbers_again(own):
    new = again(own, 7)
    assert new is not own.varied(7)
    assert shown(new) == shown(own.varied(7))
    assert new.solution == own.varied(7).solution


@each_varied
def test_the_answer_to_other_numbers_is_refused(own):
    """Unless every variant has the same answer, as a prediction may."""
    differ = [new for new in map(own.varied, SEEDS) if new.solution != own.solution]
    concepts = {"broadcast_shape", "predict_ones", "predict_equal_start", "predict_shift"}
    if own.name in concepts | {"shape_of_the_gradient"}:
        assert differ == []
        return
    assert len(differ) >= 3
    for new in differ:
        assert not new.judge(own.solution).passed
        assert not own.judge(new.solution).passed


@each_varied
def test_what_is_revealed_is_about_the_new_numbers(own):
    if own.kind == "predict" and own.name != "predict_ones":  # which counts, and names no number
        assert own.varied(1).reveal() != own.reveal()


# what must stay true with other numbers ----------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_the_gates_keep_their_pattern(seed):
    new = BY_NAME["gate_by_hand"].varied(seed)
    wrong = {id: array[0] for id, array, _ in new.mistakes}
    dA, dz = wrong["no mask"], new.answer[0]
    assert np.sum(dz == 0) == 3
    assert np.array_equal(dA > 0, dz == 0)  # "on these numbers that is the same"
    assert np.sum(wrong["open at 0"] != dz) == 1


@pytest.mark.parametrize("seed", SEEDS)
def test_only_the_second_gate_is_blocked(seed):
    new = BY_NAME["blocked_gate"].varied(seed)
    assert (new.answer[:, 0] < 0).all()
    assert not new.answer[:, 1].any()
    assert "so the second gate is closed" in new.hints[0]
    opened, blocked, z2 = map(float, re.findall(r"[ (](-?[\d.]+\b)", new.hints[0]))
    assert opened > 0 > blocked
    assert abs(0.5 * opened + 0.1 - z2) < 1e-9
    np.testing.assert_allclose(new.answer[:, 0], [0.25 * (z2 - 1), 0.5 * (z2 - 1)])
    assert f"dz2 = {z2:g} - 1 = {z2 - 1:.3g}." in new.hints[1]


@pytest.mark.parametrize("seed", SEEDS)
def test_probabilities_add_up_and_favour_the_true_class(seed):
    p = next(a[0] for id, a, _ in BY_NAME["gradient_of_one_image"].varied(seed).mistakes)
    assert p.min() >= 0.01
    assert p.max() >= 0.45
    assert abs(p.sum() - 1) < 1e-12


@pytest.mark.parametrize("seed", SEEDS)
def test_both_puzzles_speak_of_the_same_layer(seed):
    first = BY_NAME["place_the_transpose"].varied(seed)
    second = BY_NAME["place_the_other_transpose"].varied(seed)
    sizes = {n: a.shape for n, a in first.matrices.items()}
    assert sizes == {n: a.shape for n, a in second.matrices.items()}
    assert len({size for shape in sizes.values() for size in shape}) == 3
    (N, D), (_, M) = sizes["X"], sizes["W"]
    assert f"N = {N} samples, D = {D} inputs and M = {M} outputs" in first.prompt
    assert f"N = {N}, D = {D} and M = {M}" in second.prompt


@pytest.mark.parametrize("seed", SEEDS)
def test_counting_one_less_is_also_what_zeros_on_one_side_give(seed):
    new = BY_NAME["how_many_places"].varied(seed)
    numbers = [int(digits) for digits in re.findall(r"\d+", new.prompt)]
    width, padding, _, size, _, stride = numbers
    assert new.answer == (width + 2 * padding - size) // stride + 1
    assert new.answer - 1 == (width + padding - size) // stride + 1
    assert (width - size) % stride == 1


@pytest.mark.parametrize("seed", SEEDS)
def test_the_first_share_of_a_fork_is_positive_and_the_other_negative(seed):
    new = BY_NAME["fork_in_a_graph"].varied(seed)
    assert new.inputs["a"] > 0 > new.inputs["b"]
    assert all(new.gradients.values())
    assert all(new.values.values())


# seeds and draws ---------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [-1, 1.0, "7", True, [], np.float64(2)])
@pytest.mark.parametrize("name", ["dW_by_hand", "mask_from_a"])
def test_a_seed_that_is_none_is_refused(name, seed):
    with pytest.raises(ValueError, match="is no seed of a variant: a whole number, 0 or more"):
        exercises.find(name).varied(seed)
    card = ask(name, variant=seed)
    assert card.text().startswith("There is no such variant")
    assert "is no seed of a variant" in card.text()


def test_draws_are_the_same_everywhere():
    draw = Draw("name", 7)
    drawn = [draw.one(range(100)), draw.some(range(100), 3), draw.array((-1, 1), 2, 2).tolist()]
    assert drawn == [93, [0, 48, 22], [[1, 1], [1, -1]]]
    assert draw.shared("key").one(range(100)) == Draw("other", 7).shared("key").one(range(100))
    assert sorted(draw.some("abc", 3)) == ["a", "b", "c"]
    assert "at $x = 10$" in BY_NAME["slope_of_a_curve"].varied(7).prompt


def test_numbers_are_drawn_again_until_mistakes_are_apart():
    drawn = iter([2, 4, 0, 3, 6])

    @question(Number, title="T")
    def t_square(x=5):
        mistakes = (("twice", 2 * x, "Twice."), ("plus four", x + 4, "Plus four."))
        return dict(prompt=f"{x} squared?", answer=x * x, mistakes=mistakes)

    @t_square.other_numbers
    def _(draw):
        return dict(x=next(drawn))

    # 2: twice is right; 4: both mistakes are the same; 0: the answer would be 0
    assert t_square.varied(0).answer == 9
    assert t_square.varied(1).answer == 36
    assert REGISTRY["t_square"] is t_square


def test_numbers_that_cannot_be_found_are_an_error():
    @question(Choice, title="T")
    def t_choice(x=1):
        return dict(
            prompt=f"{x}?", options=(Option("1", "yes", True), Option(f"{max(x, 1)}", "no"))
        )

    @t_choice.other_numbers
    def _(draw):
        if draw.one((True, False)):
            raise ValueError("refused")
        return dict(x=0)

    with pytest.raises(RuntimeError, match="t_choice: 1000 draws for variant 3 gave no numbers"):
        t_choice.varied(3)


def test_numbers_in_prompts():
    assert pmatrix([[1, 2.0], [-0.5, 4]]) == r"\begin{pmatrix}1&2\\-0.5&4\end{pmatrix}"
    assert listed((1, -2.5, 0)) == "1, -2.5, 0"
    assert [bracketed(n) for n in (-2, 3, 0.5)] == ["(-2)", "3", "0.5"]
    assert [spelled(n) for n in (0, 5, 14, 15)] == ["zero", "five", "fourteen", "15"]


# cards and answers -------------------------------------------------------------------------------


@each_varied
def test_the_card_shows_and_judges_the_variant(own):
    new = own.varied(4)
    card = ask(own.name, new.solution, variant=4)
    assert card.verdict.passed
    text = card.text()
    assert new.prompt in text
    assert own.prompt not in text
    assert re.search(rf'answer\("{own.name}", .*, variant=4\)', text)
    assert not new.hints or f'print(ask("{own.name}", variant=4).hint(1))' in text


def test_an_answer_in_code_is_judged_by_the_variant(capsys):
    own = BY_NAME["dW_by_hand"]
    answer("dW_by_hand", own.varied(4).solution, variant=4)
    assert "passed" in capsys.readouterr().out
    assert ask("dW_by_hand", variant=4).verdict.passed  # with the answer that is stored
    assert "variant" not in ask("dW_by_hand").text()
    answer("dW_by_hand", own.solution, variant=4)
    assert "entries are right" in capsys.readouterr().out
    answer("dW_by_hand", 1, variant=-4)
    assert "-4 is no seed of a variant" in capsys.readouterr().out


@pytest.mark.parametrize("own", [pytest.param(q, id=q.name) for q in QUESTIONS])
def test_an_answer_to_other_numbers_is_judged_again(own):
    """Whatever was stored for one variant, the card of another one opens and says what it is."""
    ask(own.name, own.solution)
    new = own.varied(5)
    card = ask(own.name, variant=5)
    assert card.verdict.passed == new.judge(own.solution).passed
    assert Progress(own.chapter).record(own.name)["passed"]


def test_answers_hands_on_what_is_right_for_the_variant(capsys):
    own = BY_NAME["slope_of_a_curve"]
    new = own.varied(2)
    ask(own.name, own.solution)
    ask(own.name, new.solution, variant=2)
    ask(own.name, "77", variant=2)

    def handed_on(variant=None):
        answers("00", variant)
        return read_answers(capsys.readouterr().out)["00"][own.name]

    assert handed_on(2) == new.solution
    ask(own.name, own.solution)
    assert handed_on() == own.solution
    ask(own.name, "77", variant=2)
    assert handed_on() == own.solution
    assert handed_on(2) == "77"  # the newest: none of those kept is right
    with pytest.raises(ValueError, match="is no seed"):
        answers("00", variant=-1)
