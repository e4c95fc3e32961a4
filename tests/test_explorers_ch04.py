"""The explorers of chapter 04: their numbers, their answers, their words and their pictures."""

import asyncio
from itertools import islice
from types import SimpleNamespace

import numpy as np
import pytest

from course_lib import explorers
from course_lib.datasets import load_mnist
from course_lib.explorers import ch04_softmax as ch04
from course_lib.gradcheck import numerical_gradient
from course_lib.widgets.explorer import ExplorerCard

ALL = explorers.load()
NAMES = ("logits", "temperature", "naive_and_stable", "weights_over_training", "train_and_watch")


def scene(name, **values):
    return ALL[name].compute(**{**ALL[name].start, **values})


def words(name, **values):
    s = scene(name, **values)
    return ALL[name].picture(s).say(s)


def logits_scene(z, label):
    return scene("logits", label=label, **{f"z{k}": v for k, v in enumerate(z)})


def plain_softmax(z):
    e = np.exp(np.array(z) - max(z))
    return e / e.sum()


@pytest.mark.parametrize("name", NAMES)
def test_each_control_of_chapter_04_changes_picture_and_words(name):
    item = ALL[name]
    assert item.chapter == "04"
    assert len(item.controls) <= 5
    start = scene(name)
    moving = item.picture(start)
    first, said = moving.frame(start), moving.say(start)
    for control, spec in item.controls.items():
        other = next(v for v in reversed(list(spec.values)) if v != spec.start)
        changed = scene(name, **{control: other})
        assert moving.say(changed) != said, control
        if (name, control) != ("train_and_watch", "batch"):  # nothing is drawn of it
            assert moving.frame(changed) != first, control
    if name != "temperature":  # its curves grow with what was tried
        assert moving.frame(start) == first


# logits


@pytest.mark.parametrize("label", range(4))
def test_gradient_of_the_logits_agrees_with_nudging(label):
    z = np.random.default_rng(label).choice(ch04.LOGITS, 4)
    s = logits_scene(z, label)
    np.testing.assert_allclose(s.p, plain_softmax(z), rtol=1e-12)
    assert s.loss == pytest.approx(-np.log(plain_softmax(z)[label]))
    nudged = numerical_gradient(lambda v: -np.log(plain_softmax(v)[label]), z.copy())
    np.testing.assert_allclose(s.gradient, nudged, atol=1e-7)
    assert s.gradient.sum() == pytest.approx(0, abs=1e-15)
    assert [g < 0 for g in s.gradient] == [k == label for k in range(4)]


def test_answer_about_the_logits_holds():
    answer = ALL["logits"].answer
    z = np.array([1.0, -0.5, 2.5, 0.0])
    before, after = logits_scene(z, 1), logits_scene(z + 2, 1)
    np.testing.assert_allclose(after.p, before.p, rtol=1e-12)
    np.testing.assert_allclose(after.gradient, before.gradient, rtol=1e-12)
    assert after.loss == pytest.approx(before.loss)
    for level in (-3.0, 0.0, 4.5):
        equal = logits_scene([level] * 4, 2)
        np.testing.assert_allclose(equal.p, 1 / 4)
        assert f"$\\ln 4 = {equal.loss:.3f}$" in answer
    extreme, higher = (logits_scene([z0, 5.0, 5.0, 5.0], 0) for z0 in (-5.0, -4.0))
    assert f"{extreme.gradient[0]:.5f}. The loss is {extreme.loss:.1f}" in answer
    assert 0.99 < extreme.loss - higher.loss < 1


def test_words_about_the_logits_hold_the_recomputed_numbers():
    z = (-1.5, 3.0, 0.5, 2.0)
    p = plain_softmax(z)
    said = words("logits", label=3, **{f"z{k}": v for k, v in enumerate(z)})
    assert f"-ln {p[3]:.6g} = {-np.log(p[3]):.3g}" in said
    assert f"{p[0]:.3g}, {p[1]:.3g}, {p[2]:.3g}, {p[3] - 1:.3g}: together 0" in said


def test_a_click_sets_a_logit_or_the_true_class():
    s = scene("logits")
    moving = ALL["logits"].picture(s)
    moving.frame(s)
    for panel, at, expected in (
        (0, (-3.1, 2.2), {"z2": -3.0}),
        (0, (6.8, 0), {"z0": 5.0}),
        (1, (0.4, 3), {"label": 3}),
        (2, (-0.5, -0.3), {"label": 0}),
    ):
        pixel = moving.panels[panel].transData.transform(at)
        assert moving.at(*pixel) == expected
    assert moving.at(2, 2) == {}


# temperature


def test_temperature_is_softmax_of_the_divided_scores():
    for scores, z in ch04.SCORES.items():
        for T in ch04.TEMPERATURES:
            s = scene("temperature", scores=scores, T=T)
            np.testing.assert_allclose(s.p, plain_softmax(np.array(z) / T), rtol=1e-12)
            assert (np.diff(s.p) <= 0).all()  # the order of the scores
            for curve, p in zip(s.curves.T, s.p, strict=True):
                on_curve = np.interp(np.log(T), np.log(ch04.ALL_T), curve)
                assert on_curve == pytest.approx(p, abs=2e-3)


def test_answer_about_the_temperature_holds():
    answer = ALL["temperature"].answer
    largest = {T: scene("temperature", T=T).p[0] for T in ch04.TEMPERATURES}
    above, below = (
        [T for T in largest if largest[T] > 0.5],
        [T for T in largest if largest[T] < 0.5],
    )
    assert (max(above), min(below)) == (1.5, 2.0)
    assert f"$T = 1.5$ ({largest[1.5]:.3f}) and $T = 2$ ({largest[2.0]:.3f})" in answer
    assert f"{largest[0.2]:.3f} at $T = 0.2$" in answer
    tie = scene("temperature", scores="2, 2, 0, -1 (a tie)", T=0.05)
    np.testing.assert_allclose(tie.p, [0.5, 0.5, 0, 0], atol=1e-12)
    for scores in ch04.SCORES:
        np.testing.assert_allclose(scene("temperature", scores=scores, T=100.0).p, 1 / 4, atol=0.01)
    tenth = scene("temperature", scores="0.2, 0.1, 0, -0.1", T=0.1)
    np.testing.assert_allclose(tenth.p, scene("temperature", T=1.0).p, rtol=1e-12)
    assert "0.993, 0.00669" in words("temperature", T=0.2)


# softmax with and without the shift


def first_broken(kind, values):
    """The first z at which the plain formula gives nan, in its own few lines."""
    for z in values:
        with np.errstate(all="ignore"):
            e = np.exp(np.array([z, z - 1, z - 2], ch04.FORMATS[kind]))
            if np.isnan(e / e.sum()).any():
                return z
    return None


def test_answer_about_the_naive_softmax_holds():
    answer = ALL["naive_and_stable"].answer
    up, down = [z for z in ch04.LARGEST if z > 0], [z for z in reversed(ch04.LARGEST) if z < 0]
    for kind, over, under in (("float64", 710, -746), ("float32", 89, -104)):
        assert (first_broken(kind, up), first_broken(kind, down)) == (over, under)
        for z, verdict in (
            (over, "inf / inf is nan"),
            (under, "0 / 0 is nan"),
            (over - 1, "right"),
        ):
            assert scene("naive_and_stable", z=z, kind=kind).verdict == verdict
            assert verdict in words("naive_and_stable", z=z, kind=kind)
        assert f"$e^{{{scene('naive_and_stable', kind=kind).largest:.2f}}}$" in answer
    silent = scene("naive_and_stable", z=-744)
    assert silent.verdict == "wrong, and no nan"
    wrong, right = (ch04.listed(way.p) for way in (silent.naive, silent.stable))
    assert f"probabilities {wrong} in place of {right}" in answer
    beside = {"scores": "z, 0, -1"}
    assert scene("naive_and_stable", z=-800, **beside).verdict == "right"
    large = scene("naive_and_stable", z=800, **beside)
    np.testing.assert_array_equal(large.stable.p, [1, 0, 0])
    assert (large.stable.loss, large.loss) == (np.inf, 800)


@pytest.mark.parametrize("kind", ch04.FORMATS)
def test_limits_of_exp_are_where_it_overflows_and_vanishes(kind):
    dtype = ch04.FORMATS[kind]
    s = scene("naive_and_stable", kind=kind)
    with np.errstate(all="ignore"):
        for limit, inside, outside in ((s.largest, -0.01, 0.01), (s.smallest, 0.01, -0.01)):
            assert 0 < np.exp(dtype(limit + inside)) < np.inf
            assert np.exp(dtype(limit + outside)) in (0, np.inf)


def test_shifted_softmax_and_loss_are_right_for_every_setting():
    for scores in ch04.ROWS:
        for z in ch04.LARGEST:
            for kind in ch04.FORMATS:
                s = scene("naive_and_stable", scores=scores, z=z, kind=kind)
                assert s.row.dtype == s.stable.p.dtype == kind
                row = {"z, z - 1, z - 2": [z, z - 1, z - 2], "z, 0, -1": [z, 0, -1]}[scores]
                np.testing.assert_allclose(s.stable.p, plain_softmax(row), rtol=1e-4, atol=1e-38)
                np.testing.assert_allclose(s.stable.exponents, np.array(row) - max(row))
                e = np.exp(np.array(row, dtype=float) - max(row))
                np.testing.assert_allclose(s.stable.e, e, rtol=1e-4, atol=1e-38)
                assert s.stable.sum == pytest.approx(e.sum(), rel=1e-6)
                assert s.loss == pytest.approx(np.log(e.sum()) + max(row) - row[1], rel=1e-5)


def test_broken_numbers_stand_out_in_the_table():
    s = scene("naive_and_stable", z=800, scores="z, 0, -1")
    moving = ALL["naive_and_stable"].picture(s)
    naive, shifted = [
        [[(c.get_text(), c.get_weight()) for c in row if c.get_text()] for row in side]
        for side in moving.cells
    ]
    assert naive[1] == [("inf", "bold"), ("1", "normal"), ("0.368", "normal")]
    assert shifted[4:] == [[("inf", "bold")], [("800", "normal")]]


# weights over the run


def test_answer_about_the_weights_holds():
    answer = ALL["weights_over_training"].answer
    half = scene("weights_over_training", step=469)
    assert f"After half an epoch it is {half.accuracy:.2f}" in answer
    assert f"moved by {half.moved:.3f}, and the noise is {half.start:.3f} large" in answer
    tenth = scene("weights_over_training", step=94)
    assert f"an accuracy of {tenth.accuracy:.2f}" in answer
    assert (
        f"After 10 epochs the change is {scene('weights_over_training', step=9380).moved:.3f}"
        in (answer)
    )
    x = load_mnist(train=1000, dtype=np.float64, test=1).x_train
    weights = ch04.stored_weights().weights
    change = weights[ch04.STOPS.index(469)] - weights[0]
    parts = [(x @ part).std(axis=0).mean() for part in (change, weights[0])]
    assert f"vary by {parts[0]:.2f}, the larger noise by {parts[1]:.2f}" in answer


def test_stored_weights_are_those_of_a_network_that_learns():
    run = ch04.stored_weights()
    assert run.weights.shape == (len(ch04.STOPS), 784, 16)
    assert run.accuracy[0] < 0.2
    assert run.accuracy[-1] > 0.97
    assert (np.diff(run.loss) < 0).all()
    dark = ~load_mnist(test=1).x_train.any(axis=0)
    assert dark.sum() == 67
    assert not (run.weights[:, dark] - run.weights[0, dark]).any()
    assert (np.abs(run.weights) < 127 * ch04.WEIGHT_UNIT).all()  # nothing was cut off


def test_images_of_the_units_are_weights_or_their_change():
    run = ch04.stored_weights()
    weights = scene("weights_over_training", step=2814)
    change = scene("weights_over_training", step=2814, show="change")
    at = ch04.STOPS.index(2814)
    np.testing.assert_allclose(weights.images, run.weights[at].T)
    np.testing.assert_allclose(change.images, (run.weights[at] - run.weights[0]).T)
    moving = ALL["weights_over_training"].picture(change)
    mosaic = np.asarray(moving.image.get_array())
    tenth = mosaic[31:59, 31:59]  # row 1, column 1
    np.testing.assert_allclose(tenth * ch04.REACH["change"], change.images[9].reshape(28, 28))
    moved = np.sqrt(np.mean((run.weights[at] - run.weights[0]) ** 2))
    assert f"moved by {moved:.3f}" in words("weights_over_training", step=2814)
    assert "(3 epochs): test accuracy 0.96" in words("weights_over_training", step=2814)


# a run to watch


def play(plan, seed=0, batch=64):
    """The last scene of each part of a plan [(rate, steps), …], and the largest loss in it."""
    values = {"rate": 0.1, "batch": batch}
    scenes = ch04.train_and_watch(values, seed)
    results = []
    for rate, steps in plan:
        values["rate"] = rate
        part = list(islice(scenes, steps // ch04.STEPS_A_SCENE))
        results.append((part[-1], max(s.losses[-1] for s in part)))
    return results


def test_a_run_is_the_same_every_time():
    (once, _), (again, _) = play([(0.1, 40)])[0], play([(0.1, 40)])[0]
    np.testing.assert_array_equal(once.losses, again.losses)
    np.testing.assert_array_equal(once.measured, np.arange(0, 41, 4))
    assert once.step == len(once.losses) == len(once.rates) == 40
    assert len(once.unseen) == len(once.accuracy) == 11


def test_scenes_of_a_run_stay_what_they_were():
    scenes = ch04.train_and_watch({"rate": 0.1, "batch": 64})
    first = next(scenes)
    before = first.losses.copy()
    next(scenes)
    np.testing.assert_array_equal(first.losses, before)
    assert first.step == ch04.STEPS_A_SCENE


def test_answer_about_the_learning_rate_holds():
    """For one start; the answer says from how many it was drawn."""
    (before, _), (_, peak), (after, _) = play([(0.1, 300), (10.0, 100), (0.1, 200)])
    assert before.unseen[-1] < 0.5
    assert before.silent == 0
    assert peak > 1000
    assert 1.8 < after.unseen[-1] < 2.4
    assert after.accuracy[-1] <= 0.3
    assert after.silent >= 29
    (_, _), (at_one, _), (back, _) = play([(0.1, 100), (1.0, 40), (0.1, 200)])
    assert 20 <= back.silent < 29
    assert before.unseen[-1] < back.unseen[-1] < at_one.unseen[-1]
    (_, _), (fine, _) = play([(0.1, 100), (0.3, 100)])
    assert fine.silent == 0
    assert fine.unseen[-1] < 0.5


def test_rate_and_batch_size_are_read_at_every_step():
    values = {"rate": 0.1, "batch": 64}
    scenes = ch04.train_and_watch(values)
    next(scenes)
    values.update(rate=3.0, batch=8)
    s = next(scenes)
    np.testing.assert_array_equal(s.rates, [0.1] * 4 + [3.0] * 4)
    assert (s.rate, s.batch) == (3.0, 8)


def test_words_about_a_run_hold_what_was_measured():
    said = words("train_and_watch")
    assert said.startswith("Before training; learning rate 0.1, batches of 64.")
    s = scene("train_and_watch")
    # The stored text must not depend on the last digits of a machine.
    assert abs(100 * s.unseen[0] % 1 - 0.5) > 0.02
    run = play([(0.03, 80)])[0][0]
    moving = ALL["train_and_watch"].picture(run)
    model = ch04.Run()
    for rate in run.rates:
        model.learn(rate, 64)
    data = load_mnist(train=1, test=500)
    z = model.model.forward(data.x_test).astype(float)
    accuracy = np.mean(z.argmax(axis=1) == data.y_test)
    z -= z.max(axis=1, keepdims=True)
    loss = np.mean(np.log(np.exp(z).sum(axis=1)) - z[np.arange(500), data.y_test])
    assert "Step 80 of 2,400; learning rate 0.03, batches of 64" in moving.say(run)
    assert f"loss {loss:.2f}, accuracy {accuracy:.2f}. 0 of the 32" in moving.say(run)


def test_a_run_ends(monkeypatch):
    monkeypatch.setattr(ch04, "STEPS", 40)
    scenes = list(ch04.train_and_watch({"rate": 0.1, "batch": 8}))
    assert [s.step for s in scenes] == list(range(4, 41, 4))


def run_card(use, run=ch04.train_and_watch):
    """Opens the card with another `run`, inside an event loop, and gives it to `use`."""
    item = ALL["train_and_watch"]
    item = SimpleNamespace(**{**vars(item), "run": run, "start": item.start})

    async def inside():
        await use(ExplorerCard(item))

    asyncio.run(inside())


def test_a_run_is_paused_changed_and_started_over_on_its_card():
    async def use(card):
        card.run_button.click()
        await asyncio.sleep(0.3)
        card.run_button.click()
        paused = card.scene.step
        assert paused > 0
        assert card.run_button.description == "Go on"
        await asyncio.sleep(0.1)
        assert card.scene.step == paused
        card.set(rate=3.0)
        card.run_button.click()
        await asyncio.sleep(0.2)
        assert card.scene.step > paused
        np.testing.assert_array_equal(np.unique(card.scene.rates[paused:]), [3.0])
        assert "learning rate 3," in card.stage.words
        card.reset_button.click()
        assert card.scene.step == 0
        assert card.run_button.description == "Train"
        await asyncio.sleep(0.05)
        assert card.scene.step == 0

    run_card(use)


def test_a_run_that_fails_says_so_on_its_card():
    def failing(values):
        yield ch04.before_training(**values)
        raise RuntimeError("no digits left")

    async def use(card):
        card.run_button.click()
        await asyncio.sleep(0.2)
        assert card.stage.words == "This run failed: RuntimeError: no digits left"
        assert card.run_button.description == "Train"
        card.run_button.click()  # it can be tried again
        await asyncio.sleep(0.005)
        assert card.run_button.description == "Pause"
        await asyncio.sleep(0.2)
        assert card.run_button.description == "Train"

    run_card(use, failing)
