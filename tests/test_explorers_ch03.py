"""The explorers of chapter 03: the gate, the population of units, and the four activations."""

import math

import numpy as np
import pytest

from course_lib import explorers
from course_lib.explorers.ch03_relu import DA, PUSHED_AT, STEPS, UNITS, Z
from course_lib.viz.picture import DPI

KNOWN = explorers.load()
GATE, DEAD, FOUR = (KNOWN[n] for n in ("relu_gate", "dead_units", "four_activations"))
SHIFTS = GATE.controls["shift"].values


def of(explorer, **values):
    return explorer.compute(**explorer.start | values)


def words(explorer, **values):
    scene = of(explorer, **values)
    return explorer.picture(scene).say(scene)


@pytest.mark.parametrize(
    ("explorer", "changes"),
    [
        (GATE, ({"shift": -0.5}, {"sample": 3}, {"unit": 0})),
        (DEAD, ({"step": 60}, {"slope": 0.1, "step": 60}, {"push": 3.0, "step": 20})),
        (FOUR, ({"z": -0.5}, {"z": 1.1}, {"depth": 6}, {"depth": 0})),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_picture_and_words_of_chapter_03_follow_the_controls(explorer, changes):
    picture = explorer.picture(of(explorer))
    frames, said = [picture.frame(of(explorer))], [picture.say(of(explorer))]
    for change in changes:
        frames.append(picture.frame(of(explorer, **change)))
        said.append(picture.say(of(explorer, **change)))
    assert len(set(frames)) == len(set(said)) == len(changes) + 1
    assert picture.frame(of(explorer)) == frames[0]  # nothing is left behind


# the gate --------------------------------------------------------------------------------------


@pytest.mark.parametrize("shift", SHIFTS)
def test_gate_lets_through_what_z_allows(shift):
    s = of(GATE, shift=shift)
    for place in np.ndindex(*Z.shape):
        z = Z[place] + shift
        assert s.a[place] == (z if z > 0 else 0)
        assert s.dz[place] == (DA[place] if z > 0 else 0)
        if z != 0:  # by nudging, away from the corner
            slope = (max(z + 0.25, 0) - max(z - 0.25, 0)) / 0.5
            assert s.dz[place] == pytest.approx(slope * DA[place])


def test_gate_answer_is_true():
    opened = {shift: of(GATE, shift=shift).mask for shift in SHIFTS}
    assert max(t for t in SHIFTS if not opened[t][:, 1].any()) == -1.5
    assert Z[4, 1] == Z[:, 1].max() == 1.5
    assert not of(GATE, shift=-1.5).dz[:, 1].any()
    assert max(t for t in SHIFTS if not opened[t].any()) == -2
    assert min(t for t in SHIFTS if opened[t].all()) == 2.5
    assert Z.min() + 2 == 0
    assert DA.all()  # an entry 0 would hide its gate
    for gates in (opened[0.0], ~opened[0.0]):  # both signs meet open and closed gates
        assert (DA[gates] > 0).any()
        assert (DA[gates] < 0).any()


def test_gate_words():
    said = words(GATE, shift=-1.5, sample=4, unit=1)
    assert "z = 0, and 0 counts as closed" in said
    assert "of the 0.8 that comes back, 0 goes on" in said
    assert "0 of them in unit 1" in said
    said = words(GATE, shift=1.0, sample=0, unit=1)
    assert "z = 0.5 is positive: open" in said
    assert "of the -0.2 that comes back, -0.2 goes on" in said
    db = DA[:, 1][Z[:, 1] + 1 > 0].sum()
    assert f"adds up to {db:.4g}," in said
    assert f"{np.sum(Z + 1 > 0)} of 15 gates" in said


def test_gate_draws_its_numbers():
    scenes = [of(GATE, shift=shift) for shift in (-3.0, -2.5)]  # all gates closed: looks alike
    np.testing.assert_array_equal(scenes[0].mask, scenes[1].mask)
    picture = GATE.picture(scenes[0])
    assert picture.frame(scenes[0]) != picture.frame(scenes[1])


def test_gate_follows_the_entry_that_is_clicked():
    picture = GATE.picture(of(GATE))
    for table in picture.tables.values():
        x = table.left + 2.4 * table.cell[0]
        y = table.top - 3.6 * table.cell[1]
        assert picture.at(x * DPI, y * DPI) == {"sample": 3, "unit": 2}
    assert picture.at(1, 1) == {}


# the population --------------------------------------------------------------------------------


def retrained(slope, push):
    """Each unit by itself in plain floats of NumPy; gives w, b and the inactive, step by step."""
    rng = np.random.default_rng(0)
    w, b = rng.normal(0, 1, (1, UNITS))[0], rng.normal(0, 0.7, UNITS)
    x = np.linspace(-2, 2, 21)
    target = np.maximum(x + 0.5, 0)
    for step in range(STEPS + 1):
        if step == 20:
            b = b - push
        z = np.outer(w, x) + b[:, None]
        yield w, b, z.max(axis=1)
        error = np.where(z > 0, z, slope * z) - target
        dz = error * np.where(z > 0, 1, slope) / 21
        w, b = w - 0.2 * (dz * x).sum(axis=1), b - 0.2 * dz.sum(axis=1)


@pytest.mark.parametrize("slope", DEAD.controls["slope"].values)
@pytest.mark.parametrize("push", DEAD.controls["push"].values)
def test_population_learns_as_told(slope, push):
    history = list(retrained(slope, push))
    for step in (0, 15, 20, 100):
        s = of(DEAD, slope=slope, push=push, step=step)
        w, b, largest = history[step]
        np.testing.assert_allclose(s.w, w, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(s.b, b, rtol=1e-9, atol=1e-12)
        np.testing.assert_array_equal(s.inactive, largest <= 0)
    np.testing.assert_array_equal(s.counts, [np.sum(m <= 0) for _, _, m in history])
    # No unit stands so near the edge that rounding could count it otherwise elsewhere.
    assert min(np.abs(m).min() for _, _, m in history) > 1e-7
    places = np.array([(w, b) for w, b, _ in history])
    assert np.abs(places[:, 0]).max() < 3  # none leaves the picture
    assert places[:, 1].min() > -5.2
    assert places[:, 1].max() < 2.2  # nor comes under the legend


@pytest.mark.parametrize("push", DEAD.controls["push"].values)
def test_dead_units_of_plain_relu_stay_as_they_are(push):
    after = of(DEAD, slope=0.0, push=push, step=PUSHED_AT)
    dead = after.inactive
    assert dead.any()
    for step in (25, 60, STEPS):
        s = of(DEAD, slope=0.0, push=push, step=step)
        np.testing.assert_array_equal(s.w[dead], after.w[dead])
        np.testing.assert_array_equal(s.b[dead], after.b[dead])
        assert s.back == 0
        assert not np.any(s.dw[s.inactive])
        assert not np.any(s.db[s.inactive])


def test_dead_units_answer_is_true():
    assert of(DEAD, slope=0.0, push=3.0, step=PUSHED_AT).inactive.sum() == UNITS == 40
    back = [of(DEAD, slope=slope, push=3.0, step=STEPS).back for slope in (0.0, 0.01, 0.1)]
    assert back == [0, 6, 40]
    assert set(of(DEAD, slope=0.0, push=0.0, step=STEPS).counts) == {6}
    leaky = of(DEAD, slope=0.01, push=0.0, step=STEPS)
    assert (leaky.counts[0], leaky.counts[-1]) == (6, 8)
    for slope in (0.01, 0.1):  # a closed unit gives too little, so its bias is sent up
        for step in (0, 20, 40):
            s = of(DEAD, slope=slope, push=3.0, step=step)
            assert np.all(s.db[s.inactive] < 0)


def test_dead_units_are_drawn_where_they_are():
    picture = DEAD.picture(of(DEAD))
    s = of(DEAD, slope=0.01, push=2.0, step=60)
    picture.frame(s)
    drawn = [np.transpose(a.get_data()) for a in (picture.living, picture.silent)]
    assert [len(points) for points in drawn] == [UNITS - s.counts[-1], s.counts[-1]]
    w, b = np.concatenate(drawn).T
    np.testing.assert_array_equal(np.sort(w), np.sort(s.w))
    assert np.all(b[: len(drawn[0])] > -2 * np.abs(w[: len(drawn[0])]))  # above the wedge
    np.testing.assert_array_equal(picture.line.get_data(), [np.arange(61), s.counts])
    np.testing.assert_array_equal(picture.end.get_data(), [[60], [s.counts[-1]]])


def test_dead_units_words():
    said = words(DEAD, slope=0.1, push=3.0, step=30)
    s = of(DEAD, slope=0.1, push=3.0, step=30)
    assert f"{s.counts[-1]} of 40 units are inactive" in said
    assert f"Right after the push of 3 {s.counts[20]} were inactive" in said
    assert f"of these, {s.back} have come back" in said
    assert "dead" not in said
    said = words(DEAD, slope=0.0, push=3.0, step=30)
    assert "40 of 40 units are inactive on all inputs: dead" in said
    assert "gradient among them is exactly 0" in said
    assert "comes at step 20" in words(DEAD, step=15)
    assert words(DEAD, push=0.0, step=70).endswith("Nothing is pushed.")
    assert "1 has come back" in words(DEAD, slope=0.01, push=3.0, step=40)


# the activations -------------------------------------------------------------------------------

PLAIN = {
    "ReLU": (lambda z: max(z, 0.0), lambda z: float(z > 0)),
    "leaky ReLU (.1)": (lambda z: z if z > 0 else 0.1 * z, lambda z: 1.0 if z > 0 else 0.1),
    "sigmoid": (lambda z: 1 / (1 + math.exp(-z)), lambda z: 1 / (2 + 2 * math.cosh(z))),
    "tanh": (math.tanh, lambda z: 1 / math.cosh(z) ** 2),
}


@pytest.mark.parametrize("z", [-6.0, -1.5, 0.0, 0.3, 4.6])
def test_four_activations_by_other_formulas(z):
    s = of(FOUR, z=z, depth=7)
    assert list(s.slopes) == list(PLAIN)
    for name, (value, slope) in PLAIN.items():
        assert s.values[name] == pytest.approx(value(z))
        assert s.slopes[name] == pytest.approx(slope(z), rel=1e-9)
        np.testing.assert_allclose(s.products[name], slope(z) ** np.arange(8.0), rtol=1e-8)


def test_four_activations_answer_is_true():
    def first_under(name):
        places = [abs(z) for z in FOUR.controls["z"].values if of(FOUR, z=z).slopes[name] >= 0.01]
        return max(places) + 0.1

    assert first_under("sigmoid") == pytest.approx(4.6)
    assert first_under("tanh") == pytest.approx(3)
    for name in ("sigmoid", "tanh"):  # 0 is the best place for both
        slopes = {z: of(FOUR, z=z).slopes[name] for z in FOUR.controls["z"].values}
        assert max(slopes, key=slopes.get) == 0
    ten = {z: {k: v[-1] for k, v in of(FOUR, z=z, depth=10).products.items()} for z in (-1, 0, 2)}
    assert ten[0]["sigmoid"] == pytest.approx(0.25**10)
    assert ten[0]["sigmoid"] == pytest.approx(1e-6, rel=0.05)
    assert ten[0]["tanh"] == 1
    assert of(FOUR, z=2.0).slopes["tanh"] == pytest.approx(0.07, abs=0.005)
    assert ten[2]["tanh"] == pytest.approx(3e-12, rel=0.05)
    assert ten[2]["sigmoid"] == pytest.approx(1.6e-10, rel=0.05)
    assert ten[2]["ReLU"] == ten[2]["leaky ReLU (.1)"] == 1
    assert ten[-1]["ReLU"] == 0
    assert ten[-1]["leaky ReLU (.1)"] == pytest.approx(1e-10)


def test_four_activations_words():
    said = words(FOUR, z=-2.0, depth=3)
    assert "sigmoid 0.1192 and 0.105" in said
    assert f"sigmoid {0.1049936**3:.2g}" in said
    assert (
        "3 in a row, each at this z, multiply a gradient by: ReLU 0, leaky ReLU (.1) 0.001" in said
    )
