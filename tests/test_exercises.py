"""The mutation test: every exercise accepts what is right and names what is wrong."""

import numpy as np
import pytest

from course_lib import exercises, grading
from course_lib.grading.judging import is_starter
from course_lib.grading.outcomes import agrees, run, same_outcome

ITEMS = exercises.load()
CODE = [e for e in ITEMS.values() if e.kind == "code"]
QUESTIONS = [e for e in ITEMS.values() if e.kind != "code"]
MISTAKES = [pytest.param(e, m, id=f"{e.name}-{m.id}") for e in CODE for m in e.misconceptions]
STYLES = [pytest.param(e, f, id=f"{e.name}-{s}") for e in CODE for s, f in e.alternatives]


def by_name(items):
    return [pytest.param(e, id=e.name) for e in items]


@pytest.mark.parametrize("exercise", by_name(CODE))
def test_reference_passes_with_full_points(exercise):
    verdict = grading.judge(exercise, exercise.solution)
    assert (verdict.status, verdict.points) == ("passed", exercise.points)


@pytest.mark.parametrize("exercise", by_name(CODE))
def test_starter_is_not_attempted(exercise):
    scope = {"np": np}
    exec(exercise.starter, scope)
    assert is_starter(exercise, scope[exercise.name])
    assert grading.judge(exercise, scope[exercise.name]).status == "not attempted"


@pytest.mark.parametrize(("exercise", "attempt"), STYLES)
@pytest.mark.parametrize("seed", [20, 21, 22])
def test_right_in_another_style(exercise, attempt, seed):
    verdict = grading.judge(exercise, attempt, seed=seed)
    assert verdict.status == "passed", verdict.message


def shapes(value):
    """What somebody would take for the same inputs who looks at shapes alone."""
    if isinstance(value, np.ndarray):
        return value.shape
    if isinstance(value, (list, tuple)):
        return tuple(map(shapes, value))
    if hasattr(value, "parents"):  # a node: its graph's shape
        return shapes(value.parents)
    if isinstance(value, slice):  # no key of a dictionary before Python 3.12
        return str(value)
    return None if isinstance(value, (float, np.random.Generator)) else value


@pytest.mark.parametrize(
    "exercise", by_name([e for e in CODE if not e.is_class and e.name != "train_mlp"])
)
def test_results_remembered_by_shape_are_refused(exercise):
    known = {}

    def remembers(*args, **kwargs):
        key = shapes(args)
        if key not in known:
            known[key] = exercise.solution(*args, **kwargs)
        return known[key]

    verdict = grading.judge(exercise, remembers)
    assert verdict.status in ("failed", "error"), f"{len(known)} kinds of inputs"


@pytest.mark.parametrize(("exercise", "misconception"), MISTAKES)
@pytest.mark.parametrize("seed", [20, 23])
def test_misconception_fails_with_its_own_message(exercise, misconception, seed):
    verdict = grading.judge(exercise, misconception.attempt, seed=seed)
    assert verdict.status == "failed"
    assert verdict.points == 0
    assert verdict.misconception == misconception.id
    assert misconception.message in verdict.message


@pytest.mark.parametrize(("exercise", "misconception"), MISTAKES)
def test_misconception_is_far_from_right(exercise, misconception):
    """At least 100 tolerances away, on some probe, or different in kind (shape, exception, …)."""
    rtol, atol = 100 * exercise.rtol, 100 * exercise.atol
    for probe in exercise.probes():
        got = run(probe, misconception.attempt, exercise)
        want = run(probe, exercise.solution, exercise)
        if got.problem or set(got.changed) or len(got.records) != len(want.records):
            return
        if exercise.accept and isinstance(exercise.accept(probe, got), tuple):
            return
        if any(
            not agrees(g.value, w.value, rtol, atol)
            for g, w in zip(got.records, want.records, strict=True)
        ):
            return
    pytest.fail(f"{misconception.id} is within 100 tolerances of right on every probe")


@pytest.mark.parametrize("exercise", by_name(CODE))
def test_no_two_misconceptions_look_alike(exercise):
    outcomes = {
        m.id: [run(p, m.attempt, exercise) for p in exercise.probes()]
        for m in exercise.misconceptions
    }
    alike = [
        (a, b)
        for a in outcomes
        for b in outcomes
        if a < b
        and all(same_outcome(x, y, exercise) for x, y in zip(outcomes[a], outcomes[b], strict=True))
    ]
    assert alike == []


@pytest.mark.parametrize("exercise", by_name(CODE))
def test_exercise_is_complete(exercise):
    assert len(exercise.misconceptions) >= (2 if exercise.name == "double" else 4)
    assert len(exercise.alternatives) >= 3
    assert exercise.hints
    for m in exercise.misconceptions:
        assert m.what, f"{m.id} does not say what differs"
        assert m.why, f"{m.id} does not say why"
        assert m.look, f"{m.id} does not say what to look at"
        assert any(o in m.what for o in exercise.outputs) or "Your" in m.what or "you" in m.what
        formula = exercise.source.split("return")[-1].strip()
        assert len(formula.split()) < 2 or formula not in m.message, "prints the solution"


@pytest.mark.parametrize("question", by_name(QUESTIONS))
def test_question_accepts_its_solution_and_answers_every_mistake(question):
    assert question.judge(question.solution).status == "passed"
    assert question.judge(None).status == "not attempted"
    if getattr(question, "options", ()):
        said = [question.judge(letter).message for letter in question.letters]
        assert len(set(said)) == len(said)
        assert all(said)
        wrong = [letter for letter in question.letters if letter != question.solution]
        assert {question.judge(w).status for w in wrong} == {"failed"}
    else:
        assert question.mistakes
        for id, value, message in question.mistakes:
            raw = value.tolist() if isinstance(value, np.ndarray) else value
            verdict = question.judge(raw)
            assert (verdict.status, verdict.misconception) == ("failed", id)
            assert verdict.message == message


def test_names_are_unique_and_points_in_range():
    assert len(ITEMS) == len({e.name for e in ITEMS.values()})
    assert all(1 <= e.points <= 5 for e in ITEMS.values())


def test_each_chapter_has_five_to_twelve_exercises_and_four_widgets():
    for chapter in {e.chapter for e in ITEMS.values()}:
        own = [e for e in ITEMS.values() if e.chapter == chapter]
        assert 5 <= len(own) <= 12, chapter
        assert sum(e.kind != "code" for e in own) >= 4, chapter


@pytest.mark.parametrize("exercise", by_name([e for e in CODE if e.numerical]))
def test_nudging_agrees_with_the_reference(exercise):
    for probe in exercise.probes():
        names = dict(zip(exercise.parameters(), probe.args, strict=False))
        right = exercise.solution(*probe.args)
        np.testing.assert_allclose(exercise.numerical(**names), right, rtol=1e-6, atol=1e-8)
