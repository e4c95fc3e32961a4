"""The explorers of chapter 05: their numbers by other means, what they claim, what they say."""

import functools

import numpy as np
import pytest

from course_lib import explorers
from course_lib.explorers import ch05_convolution as ch05
from course_lib.viz.style import number

NAMES = (
    "window_over_a_digit",
    "window_sends_back",
    "one_weight_adds_up",
    "pooling_winners",
    "kernel_editor",
)


def scene(name, **values):
    item = explorers.load()[name]
    return item.compute(**item.start | values)


@functools.cache
def picture(name):
    item = explorers.load()[name]
    return item.picture(item.compute(**item.start))


def words(name, **values):
    return picture(name).say(scene(name, **values))


def correlated(x, W):
    """The map of an image, one window at a time."""
    size = len(W)
    places = len(x) - size + 1, x.shape[1] - size + 1
    return np.array(
        [[(x[i : i + size, j : j + size] * W).sum() for j in range(places[1])]
         for i in range(places[0])]
    )  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_every_control_changes_picture_and_words(name):
    item = explorers.load()[name]
    moving = item.picture(item.compute(**item.start))
    before = item.compute(**item.start)
    png, said = moving.frame(before), moving.say(before)
    assert moving.frame(before) == png, "the same scene is the same picture"
    others = {"own": "1 0 0 / 0 0 0 / 0 0 -2"}
    for control, spec in item.controls.items():
        value = others.get(control) or next(v for v in spec.values if v != item.start[control])
        after = item.compute(**item.start | {control: value})
        assert moving.frame(after) != png, control
        assert moving.say(after) != said, control
    assert moving.frame(before) == png, "nothing is left behind"


@pytest.mark.parametrize("name", NAMES)
def test_question_and_answer_are_there_and_the_size_fits_the_notebook(name):
    item = explorers.load()[name]
    assert item.chapter == "05"
    assert item.question.count("?") >= 1
    assert len(item.controls) <= 5
    width, height = picture(name).figure.get_size_inches()
    assert width == 7
    assert 2 <= height <= 4.5


def table_of(table):
    """The numbers that a table shows; its zeros are drawn together, elsewhere."""
    area, texts = table
    told = [float(text.get_text().replace("\N{MINUS SIGN}", "-") or 0) for text in texts]
    return np.reshape(told, (area.rows, area.columns))


def framed(outline):
    """The (row, column) of the cell in which an outline begins."""
    area, rows, patches = outline
    x, y = patches[-1].get_xy()
    return area.cell(x + area.width / 2, y + (rows - 0.5) * area.height)


def test_the_pictures_of_the_window_show_the_scene():
    moving, s = picture("window_over_a_digit"), scene("window_over_a_digit", position=(7, 2))
    moving.frame(s)
    for table, array in zip(moving.tables, (s.patch, s.W, s.products), strict=True):
        np.testing.assert_allclose(table_of(table), array)
    assert len(moving.zeros.get_xdata()) == sum(
        int((a == 0).sum()) for a in (s.patch, s.W, s.products)
    )
    np.testing.assert_array_equal(moving.axes.images[0].get_array(), s.x)
    np.testing.assert_array_equal(moving.map[1].get_array().filled(np.nan), s.so_far)
    assert (framed(moving.over), framed(moving.result)) == ((7, 2), (7, 2))
    assert number(s.y[7, 2]) in moving.total.get_text().replace("\N{MINUS SIGN}", "-")

    moving, s = picture("window_sends_back"), scene("window_sends_back", position=(2, 7))
    moving.frame(s)
    arrays = s.dW, s.W, s.sent, s.patch, s.learned
    for table, array in zip(moving.tables, arrays, strict=True):
        np.testing.assert_allclose(table_of(table), array)
    assert [framed(outline) for outline in moving.outlines] == [(2, 7)] * 3
    for image, array in zip(moving.axes.images, (s.x, s.dY, s.dx), strict=True):
        np.testing.assert_array_equal(image.get_array(), array)


def test_negative_entries_of_a_map_carry_a_dash():
    moving, s = picture("kernel_editor"), scene("kernel_editor")
    moving.frame(s)
    area, image, dashes = moving.map
    np.testing.assert_array_equal(image.get_array(), s.y)
    places = {area.cell(x, y) for x, y in zip(*dashes.get_data(), strict=True)}
    clear = {tuple(map(int, p)) for p in np.argwhere(s.y < -0.05 * np.abs(s.y).max())}
    assert clear <= places <= {tuple(map(int, p)) for p in np.argwhere(s.y < 0)}
    np.testing.assert_allclose(table_of(moving.table), s.W)
    for marker, place in ((moving.high, s.high), (moving.low, s.low)):
        assert area.cell(*(v[0] for v in marker.get_data())) == place


def test_the_picture_of_one_weight_shows_the_scene():
    moving, s = picture("one_weight_adds_up"), scene("one_weight_adds_up", weight=(1, 2), done=8)
    moving.frame(s)
    assert framed(moving.met) == (1, 2)
    assert [framed(outline) for outline in moving.now] == [(3, 3), (2, 1), (1, 2)]
    np.testing.assert_array_equal(moving.sum.get_ydata(), s.sums[:9])
    heights = [bar.get_height() for bar in moving.bars if bar.get_visible()]
    np.testing.assert_array_equal(heights, s.products[:8])
    assert [text.get_text() for text in moving.collected][5].replace("\N{MINUS SIGN}", "-") == (
        number(s.sums[8])
    )


@pytest.mark.parametrize(("kind", "size"), [("max", 2), ("max", 3), ("average", 2)])
def test_the_picture_of_pooling_shows_the_scene(kind, size):
    moving = picture("pooling_winners")
    s = scene("pooling_winners", kind=kind, size=size, value=1.8)
    moving.frame(s)
    np.testing.assert_allclose(table_of(moving.gradients), s.dx)
    np.testing.assert_allclose(table_of(moving.tables["y", size][1]), s.y, atol=0.006)
    np.testing.assert_allclose(table_of(moving.tables["dY", size][1]), s.dY)
    other = moving.tables["y", 5 - size]
    assert not any(artist.get_visible() for artist in (other[0], *other[1][1]))
    assert len(moving.winners.get_xdata()) == 2 * s.winners.sum()  # in x and in dx


# the window ------------------------------------------------------------------------------------


def test_the_small_digit_is_the_five_averaged_and_rounded_to_tenths():
    x, five = ch05.small_digit(), ch05.digit(5)
    np.testing.assert_allclose(x * 10, np.round(x * 10), atol=1e-9)
    for r, c in ((1, 6), (2, 6), (7, 3)):
        block = five[2 * r + 2 : 2 * r + 4, 2 * c + 2 : 2 * c + 4]
        assert abs(block.mean() - x[r, c]) <= 0.05 + 1e-9
    edge = five.copy()
    edge[2:26, 2:26] = 0
    assert edge.max() == 0, "nothing but paper is cut off"


@pytest.mark.parametrize("kernel", ch05.EDGES)
def test_the_map_fills_in_row_order(kernel):
    whole = correlated(ch05.small_digit(), ch05.EDGES[kernel])
    s = scene("window_over_a_digit", kernel=kernel, position=(3, 5))
    np.testing.assert_allclose(s.y, whole, atol=1e-9)
    assert s.done == 36
    np.testing.assert_allclose(s.so_far.ravel()[:36], whole.ravel()[:36], atol=1e-9)
    assert np.isnan(s.so_far.ravel()[36:]).all()
    assert s.products.sum() == pytest.approx(whole[3, 5])


def test_the_window_in_words_adds_up_its_products():
    said = words("window_over_a_digit", kernel="slanted edges", position=(5, 2))
    patch = ch05.small_digit()[5:8, 2:5]
    total = (patch * ch05.EDGES["slanted edges"]).sum()
    assert f"y[5, 2] = {number(total)}." in said
    assert "53 of 100" in said
    terms = said.split("not 0: ")[1].split(" = ")[0].split(" + ")
    products = [np.prod([float(f.strip("()")) for f in term.split(" · ")]) for term in terms]
    assert sum(products) == pytest.approx(total)
    assert 0 not in products
    assert "All nine products are 0, so y[0, 0] = 0." in words(
        "window_over_a_digit", position=(0, 0)
    )


def test_who_reaches_three_is_as_the_answer_says():
    x = ch05.small_digit()
    level, upright = (correlated(x, ch05.EDGES[k]).round(6) for k in ("level edges",
                                                                     "upright edges"))  # fmt: skip
    assert np.argwhere(level == 3).tolist() == [[0, 6], [5, 3], [5, 4], [5, 5]]
    for i, j in ((0, 6), (5, 3), (5, 4), (5, 5)):
        window = x[i : i + 3, j : j + 3]
        assert window[2].tolist() == [1, 1, 1]
        assert window[0].tolist() == [0, 0, 0]
    assert np.argwhere(level == -3).tolist() == [[2, 6]]
    assert upright.max() == 2.7
    assert np.argwhere(upright == 2.7).tolist() == [[5, 0]]
    answer = explorers.load()["window_over_a_digit"].answer
    for part in ("[0, 6], [5, 3], [5, 4] and [5, 5]", "2.7, at [5, 0]", "-3, at [2, 6]"):
        assert part in answer


def test_a_click_puts_the_window_around_a_pixel_or_on_an_entry():
    moving = picture("window_over_a_digit")
    dpi = moving.figure.dpi

    def click(area, row, column):
        x, y = area.middle(row, column)
        return moving.at(x * dpi, y * dpi)

    assert click(moving.x, 4, 7) == {"position": (3, 6)}
    assert click(moving.x, 0, 11) == {"position": (0, 9)}
    assert click(moving.y, 8, 2) == {"position": (8, 2)}
    assert moving.at(1, 1) == {}
    back = picture("window_sends_back")
    for area in (back.x, back.dx):
        x, y = area.middle(6, 3)
        assert back.at(x * dpi, y * dpi) == {"position": (5, 2)}
    x, y = back.dY.middle(6, 3)
    assert back.at(x * dpi, y * dpi) == {"position": (6, 3)}


@pytest.mark.parametrize("kernel", ch05.EDGES)
def test_what_has_arrived_is_the_gradient_of_the_places_so_far(kernel):
    position, h = (6, 4), 1e-6
    s = scene("window_sends_back", kernel=kernel, position=position)
    dY = ch05.upstream().copy()
    dY.ravel()[65:] = 0

    def loss(x, W):
        return (correlated(x, W) * dY).sum()

    x, W = ch05.small_digit(), ch05.EDGES[kernel]
    for cell in ((0, 0), (2, 1), (1, 2)):
        nudge = np.zeros((3, 3))
        nudge[cell] = h
        slope = (loss(x, W + nudge) - loss(x, W - nudge)) / (2 * h)
        assert s.dW[cell] == pytest.approx(slope, abs=1e-6)
    for cell in ((0, 0), (6, 5), (8, 6), (11, 11)):
        nudge = np.zeros((12, 12))
        nudge[cell] = h
        slope = (loss(x + nudge, W) - loss(x - nudge, W)) / (2 * h)
        assert s.dx[cell] == pytest.approx(slope, abs=1e-6)
    before = scene("window_sends_back", kernel=kernel, position=(6, 3))
    np.testing.assert_allclose(s.dW - before.dW, s.learned, atol=1e-9)
    np.testing.assert_allclose((s.dx - before.dx)[6:9, 4:7], s.sent, atol=1e-9)


def test_who_gets_nothing_is_as_the_answer_says():
    kinds = set()
    for kernel in ch05.EDGES:
        for position in ch05.POSITIONS:
            s = scene("window_sends_back", kernel=kernel, position=position)
            kinds.add((bool(s.sent.any()), bool(s.learned.any())))
    assert kinds == {(True, True), (True, False), (False, False)}
    first = scene("window_sends_back", position=(0, 0))
    assert first.g == 1
    assert not first.patch.any()
    assert scene("window_sends_back", position=(0, 4)).g == 0
    assert "so nothing is added to dW" in words("window_sends_back", position=(0, 0))
    assert "neither to dx nor to dW" in words("window_sends_back", position=(0, 4))


def test_the_walk_back_in_words_has_its_numbers():
    s = scene("window_sends_back", position=(9, 9))
    said = words("window_sends_back", position=(9, 9))
    assert said.endswith("dx and dW are complete.")
    s = scene("window_sends_back", kernel="level edges", position=(5, 3))
    said = words("window_sends_back", kernel="level edges", position=(5, 3))
    g, x = ch05.upstream()[5, 3], ch05.small_digit()
    assert (
        f"dx[5, 5] gets {number(g)} · (-1) = {number(-g)} and is now {number(s.dx[5, 5])}" in said
    )
    assert f"= {number(g * x[5, 5])} and is now {number(s.dW[0, 2])}." in said


# one weight ------------------------------------------------------------------------------------


@pytest.mark.parametrize("weight", ch05.WEIGHTS)
def test_the_running_sum_ends_at_the_gradient_of_that_weight(weight):
    s = scene("one_weight_adds_up", weight=weight, done=9)
    nudge = np.zeros((3, 3))
    nudge[weight] = 1.0  # y is linear in W, so any step gives the slope
    slope = (correlated(ch05.INPUT, nudge) * ch05.ARRIVED).sum()
    assert s.sums[-1] == pytest.approx(slope)
    assert s.end == pytest.approx(slope)
    said = words("one_weight_adds_up", weight=weight, done=9)
    assert said.endswith(f"dW[{weight[0]}, {weight[1]}] = {number(slope)}.")
    half = words("one_weight_adds_up", weight=weight, done=4)
    ki, kj = weight
    terms = [ch05.INPUT[i + ki, j + kj] * ch05.ARRIVED[i, j] for i, j in
             ((0, 0), (0, 1), (0, 2), (1, 0))]  # fmt: skip
    assert half.endswith(f"the sum so far {number(sum(terms))}.")


def test_what_the_nine_weights_meet_is_as_the_answer_says():
    met = {}
    for ki, kj in ch05.WEIGHTS:
        met[ki, kj] = {(i + ki, j + kj) for i, j in np.ndindex(3, 3)}
    assert met[0, 0] == {(r, c) for r, c in np.ndindex(5, 5) if r < 3 and c < 3}
    assert set.intersection(*met.values()) == {(2, 2)}
    ends = {w: scene("one_weight_adds_up", weight=w, done=9).end for w in ch05.WEIGHTS}
    largest = max(ends, key=lambda w: abs(ends[w]))
    assert (largest, ends[largest]) == ((1, 1), 12)
    assert sorted(map(abs, ends.values()))[-2] < 12
    assert "W[1, 1] ends with the largest gradient, 12." in (
        explorers.load()["one_weight_adds_up"].answer
    )


def test_clicks_choose_the_weight_and_the_place():
    moving = picture("one_weight_adds_up")
    dpi = moving.figure.dpi
    x, y = moving.dW.middle(2, 1)
    assert moving.at(x * dpi, y * dpi) == {"weight": (2, 1)}
    x, y = moving.dY.middle(1, 2)
    assert moving.at(x * dpi, y * dpi) == {"done": 6}
    assert moving.at(2, 2) == {}


# pooling ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [2, 3])
@pytest.mark.parametrize("value", [0.0, 1.7, 1.8, 1.9, 3.0])
def test_max_pooling_by_its_definition(size, value):
    s = scene("pooling_winners", size=size, value=value)
    n = 7 // size
    wanted = np.zeros((7, 7))
    for i, j in np.ndindex(n, n):
        window = [(i * size + r, j * size + c) for r, c in np.ndindex(size, size)]
        winner = max(window, key=lambda place: s.x[place])  # the first of equals
        assert s.y[i, j] == s.x[winner]
        wanted[winner] = s.dY[i, j]
        assert s.winners[winner]
    np.testing.assert_array_equal(s.dx, wanted)
    assert s.winners.sum() == n * n
    said = words("pooling_winners", size=size, value=value)
    assert f"largest entry is {number(s.y[s.window])}" in said
    assert f"= {number(s.dY[s.window])}" in said


@pytest.mark.parametrize("size", [2, 3])
def test_average_pooling_spreads_whatever_the_numbers_are(size):
    n = 7 // size
    share = np.kron(ch05.POOLED_UPSTREAM[size], np.ones((size, size))) / size**2
    for value in (0.0, 2.0, 3.0):
        s = scene("pooling_winners", kind="average", size=size, value=value)
        np.testing.assert_allclose(s.dx[: n * size, : n * size], share)
        assert not s.dx[6].any()
        assert not s.dx[:, 6].any()
        assert not s.winners.any()
        said = words("pooling_winners", kind="average", size=size, value=value)
        assert f"average is {number(s.y[s.window])}." in said
        assert f"= {number(s.dx[ch05.CHANGED])}, whatever" in said


def test_the_winner_changes_hands_as_the_answer_says():
    assert ch05.edge_map()[ch05.CHANGED] == 2
    assert ch05.edge_map()[4, 3] == 1.8
    for value, winner, ties in ((3.0, (5, 3), 1), (1.9, (5, 3), 1), (1.8, (4, 3), 2),
                                (1.7, (4, 3), 1), (0.0, (4, 3), 1)):  # fmt: skip
        s = scene("pooling_winners", value=value)
        assert (s.winner, s.ties) == (winner, ties)
    assert "the first of 2 equal ones" in words("pooling_winners", value=1.8)
    assert "x[5, 3] gets 0" in words("pooling_winners", value=1.8)
    s = scene("pooling_winners")
    blank = [(i, j) for i, j in np.ndindex(3, 3)
             if not s.x[2 * i : 2 * i + 2, 2 * j : 2 * j + 2].any()]  # fmt: skip
    assert blank == [(0, 1)]
    assert s.dx[0, 2] == s.dY[0, 1] != 0


# kernels ---------------------------------------------------------------------------------------


def test_a_typed_kernel_makes_the_map_that_loops_make():
    own = "1, 2 \N{MINUS SIGN}3/ .5 0 4 /\N{EN DASH}1 2.5 1"
    W = np.array([[1, 2, -3], [0.5, 0, 4], [-1, 2.5, 1]])
    for label in (3, 8):
        s = scene("kernel_editor", label=label, own=own)
        np.testing.assert_allclose(s.W, W)
        wanted = correlated(ch05.digit(label), W)
        np.testing.assert_allclose(s.y, wanted, atol=1e-6)
        said = words("kernel_editor", label=label, own=own)
        assert f"from {number(wanted.min())}, at" in said
        assert f"to {number(wanted.max())}, at" in said
        assert f"add up to {number(W.sum())}:" in said
        assert f"{(wanted < -1e-9).sum()} of its 676" in said
    after = scene("kernel_editor", own=own, relu=True)
    np.testing.assert_allclose(after.y, np.maximum(correlated(ch05.digit(5), W), 0), atol=1e-6)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("1 2 3", "has 1 row."),
        ("", "has 1 row."),
        ("1 2 3 / 4 5 6 / 7 8 9 / 1 1 1", "has 4 rows"),
        ("1 2 3 / 4 5 / 7 8 9", "Row 2 of the kernel has 2 numbers"),
        ("1 2 3 / 4 5 6 / 7 x 9", "Row 3 of the kernel is “7 x 9”"),
        ("1 2 3 / 4 5 6 / 7 8 nan", "from -100 to 100"),
        ("1 2 3 / 4 5 6 / 7 8 1e300", "from -100 to 100"),
        ("1 2 3 / 4 -1e300 6 / 7 8 9", "Row 2 of the kernel is “4 -1e300 6”, expected numbers"),
    ],
)
def test_a_kernel_that_cannot_be_read_is_told_what_is_wanted(typed, said):
    with pytest.raises(ValueError, match="expected|three rows of three") as caught:
        scene("kernel_editor", own=typed)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("1/2 0 0 / 0 0 0 / 0 0 0", "“1/2 0 0 / 0 0 0 / 0 0 0” has 4 rows"),
        ("0,5 0 0 / 0 0 0 / 0 0 0", "Row 1 of the kernel has 4 numbers"),
        ("1 1 1 / 1\N{MULTIPLICATION SIGN}2 3 4 / 1 1 1", "Row 2 of the kernel is “1×2 3 4”"),
    ],
)
def test_a_kernel_with_other_signs_is_told_what_they_mean_here(typed, said):
    with pytest.raises(ValueError, match="A / separates rows; decimals take a point") as caught:
        scene("kernel_editor", own=typed)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "typed",
    ["x" * 100_000, "x" * 100_000 + "/ 1 1 1 / 1 1 1", "1 1 1 / 1 1 " + "9" * 100_000 + "/ 1 1 1"],
)
def test_a_long_kernel_is_not_echoed_whole(typed):
    with pytest.raises(ValueError, match="…”") as caught:
        scene("kernel_editor", own=typed)
    assert len(str(caught.value)) < 250


def test_what_is_typed_waits_while_another_kernel_is_chosen():
    s = scene("kernel_editor", kernel="blur", own="nonsense")
    np.testing.assert_allclose(s.y, correlated(ch05.digit(5), np.full((3, 3), 1 / 9)), atol=1e-6)
    assert "when the kernel is “your own”" in words("kernel_editor", kernel="blur")


def test_the_answers_about_kernels_hold():
    identity = scene("kernel_editor", kernel="identity").y
    np.testing.assert_allclose(identity, ch05.digit(5)[1:27, 1:27], atol=1e-6)
    moved = scene("kernel_editor", own="0 0 0 / 0 0 1 / 0 0 0").y
    np.testing.assert_allclose(moved[:, :-1], identity[:, 1:])
    for name, W in ch05.KERNELS.items():
        flat = correlated(np.ones((5, 5)), W)
        np.testing.assert_allclose(flat, W.sum(), atol=1e-12)
        assert (abs(W.sum()) < 1e-9) == (name not in ("blur", "sharpen", "identity"))
    left = np.repeat([[0, 0, 0, 1, 1, 1.0]], 6, axis=0)  # paper, then ink
    W = ch05.KERNELS["upright edges"]
    np.testing.assert_allclose(correlated(1 - left, W), -correlated(left, W))
    assert correlated(left, W).max() == 3
    assert correlated(1 - left, W).max() == 0
    plain, kept = (
        scene("kernel_editor", kernel="upright edges", relu=relu).y for relu in (False, True)
    )
    assert plain.min() < -1
    assert kept.min() == 0
    np.testing.assert_allclose(kept, np.maximum(plain, 0))
