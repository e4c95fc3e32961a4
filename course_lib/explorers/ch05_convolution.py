"""Chapter 05: a window over a digit there and back, a weight that collects, pooling, kernels."""

import functools
from dataclasses import dataclass
from itertools import product
from types import SimpleNamespace

import numpy as np
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Rectangle
from matplotlib.path import Path
from matplotlib.textpath import TextPath

from course_lib import functional
from course_lib.datasets import load_mnist
from course_lib.explorers.explorer import Choose, Entry, Explorer, Steps, Switch, counted
from course_lib.explorers.typed import SIGNS, short
from course_lib.viz.moving import Moving
from course_lib.viz.style import (
    COLORS,
    FONT,
    LARGE,
    MAX_WIDTH,
    NORMAL,
    SMALL,
    count,
    factor,
    inch_canvas,
    number,
    shown,
)

CENTRE = {"ha": "center", "va": "center"}


@functools.cache
def digit(label):
    """The first test image of that digit, (28, 28), pixels from 0 to 1. Don't write into it."""
    mnist = load_mnist(flatten=False, dtype=np.float64, train=1, test=100)
    return mnist.x_test[int(np.flatnonzero(mnist.y_test == label)[0]), :, :, 0]


@functools.cache
def small_digit():
    """A 5 of 12 x 12 pixels in tenths: 2 x 2 pixels averaged, and the blank edge cut off."""
    small, _ = functional.average_pool_forward(digit(5)[None, :, :, None])
    return tidy(small[0, 1:13, 1:13, 0].round(1))


def tidy(array):
    """Without the noise of adding decimals, and without -0."""
    return np.round(array, 6) + 0.0


def convolve(image, kernel):
    """One image (H, W) and one kernel (K, K): the map, and the cache for the way back."""
    y, cache = functional.conv2d_forward(
        image[None, :, :, None], kernel[:, :, None, None], np.zeros(1)
    )
    return y[0, :, :, 0], cache


def convolve_back(dY, cache):
    """dx (H, W) and dW (K, K) for the upstream gradient dY of one map."""
    dx, dW, _ = functional.conv2d_backward(dY[None, :, :, None], cache)
    return dx[0, :, :, 0], dW[:, :, 0, 0]


# boards: pictures made of tables and images ----------------------------------------------------


@dataclass(frozen=True)
class Area:
    """Rows and columns of cells on a canvas: the numbers of a table, or the pixels of an image."""

    left: float
    top: float
    rows: int
    columns: int
    width: float  # of a cell, in inches
    height: float

    def middle(self, row, column):
        return self.left + (column + 0.5) * self.width, self.top - (row + 0.5) * self.height

    def corner(self, row, column, rows=1):
        """The lower left corner of a block that begins at that cell."""
        return self.left + column * self.width, self.top - (row + rows) * self.height

    def cell(self, x, y):
        """The (row, column) at a point, or None."""
        row = int((self.top - y) // self.height)
        column = int((x - self.left) // self.width)
        return (row, column) if 0 <= row < self.rows and 0 <= column < self.columns else None


class Board(Moving):
    """A picture made of tables and images, measured in inches."""

    def canvas(self, height):
        self.figure, self.axes = inch_canvas(MAX_WIDTH, height)

    def area(self, title, left, top, shape, width, height=None):
        """An empty table with a title; cells are square unless they get a height."""
        rows, columns = shape
        area = Area(left, top, rows, columns, width, height or width)
        line = {"color": COLORS["line"], "lw": 0.8}
        if height:
            right, bottom = left + columns * width, top - rows * height
            self.axes.vlines([left + k * width for k in range(columns + 1)], bottom, top, **line)
            self.axes.hlines([top - k * height for k in range(rows + 1)], left, right, **line)
        self.axes.text(left + columns * width / 2, top + 0.14, title, fontsize=NORMAL, **CENTRE)
        return area

    def still(self, area, array):
        """Numbers that stay; nan for none."""
        for (r, c), value in np.ndenumerate(array):
            if not np.isnan(value):
                self.axes.text(*area.middle(r, c), shown(value), fontsize=SMALL, **CENTRE)

    def numbers(self, area, **style):
        """A moving text for each cell, row by row, to be filled by `fill`."""
        style = {"fontsize": SMALL, "zorder": 4} | CENTRE | style
        return area, [
            self.moves(self.axes.text(*area.middle(r, c), "", **style))
            for r in range(area.rows)
            for c in range(area.columns)
        ]

    def zero_marks(self):
        """What all zeros are drawn with, in one stroke. As texts they take most of the time."""
        path = TextPath((0, 0), "0", size=SMALL, prop=FontProperties(family=FONT))
        middle = path.get_extents().get_points().mean(axis=0)
        vertices = path.vertices - middle + (0, 1)  # texts sit a little above their middle
        (zeros,) = self.axes.plot(
            [], [], ls="", marker=Path(vertices, path.codes), ms=2 * np.abs(vertices).max(), mew=0,
            zorder=4, color=COLORS["ink"],
        )  # fmt: skip
        return self.moves(zeros)

    def fill(self, zeros, *tables):
        """Writes arrays into tables: fill(zero marks, (table, array), …)."""
        places = []
        for (area, texts), array in tables:
            for text, value in zip(texts, np.ravel(array), strict=True):
                text.set_text(shown(value) if value else "")
            places += [area.middle(r, c) for r, c in np.argwhere(np.asarray(array) == 0)]
        zeros.set_data(np.reshape(places, (-1, 2)).T)

    def ink(self, area, image=None):
        """An image of a digit, the darker the more ink; it stays if it is given here."""
        return self._image(area, image, cmap="gray_r", vmin=0, vmax=1)

    def signed(self, area, still=None):
        """An image of numbers of both signs: red above 0, blue with a dash below.

        still: numbers that stay; others come by `paint`.
        """
        image = self._image(area, still, cmap="RdBu_r")
        size = min(area.width, area.height) * 72
        (dashes,) = self.axes.plot([], [], "_", color=COLORS["ink"], ms=0.55 * size,
                                   mew=max(0.7, 0.08 * size), zorder=2)  # fmt: skip
        signed = area, image, dashes
        if still is None:
            self.moves(dashes)
        else:
            paint(signed, still, np.abs(still).max())
        return signed

    def _image(self, area, still, **style):
        right, bottom = area.left + area.columns * area.width, area.top - area.rows * area.height
        limits = self.axes.get_xlim(), self.axes.get_ylim()
        image = self.axes.imshow(
            np.zeros((area.rows, area.columns)) if still is None else still, aspect="auto",
            zorder=1, extent=(area.left, right, bottom, area.top), **style,
        )  # fmt: skip
        self.axes.set(xlim=limits[0], ylim=limits[1])
        border = Rectangle(
            (area.left, bottom), right - area.left, area.top - bottom, fill=False,
            ec=COLORS["muted"], lw=0.8, zorder=1.5,
        )  # fmt: skip
        self.axes.add_patch(border)
        if still is None:
            self.moves(image, border)
        return image

    def outline(self, area, rows=1, columns=1, tint=None):
        """A heavy outline around a block of cells, which can be moved: `put(outline, row, column)`.

        tint: fills the block as well, and lets what is below shine through.
        """
        size = columns * area.width, rows * area.height
        if tint:
            patches = [Rectangle((0, 0), *size, fc=(tint, 0.25), ec=COLORS["ink"], lw=1.6)]
        else:  # white around the heavy line, so that it shows on ink too
            patches = [
                Rectangle((0, 0), *size, fill=False, ec="white", lw=3.5),
                Rectangle((0, 0), *size, fill=False, ec=COLORS["gradient"], lw=1.8),
            ]
        for patch in patches:
            patch.set_zorder(3)
            self.moves(self.axes.add_patch(patch))
        return area, rows, patches

    def sign(self, x, y, text):
        return self.axes.text(x, y, text, fontsize=LARGE + 3, **CENTRE)

    def caption(self, y, text="", **style):
        style = {"fontsize": SMALL, "color": COLORS["muted"]} | style
        return self.axes.text(MAX_WIDTH / 2, y, text, **CENTRE, **style)

    def place_of(self, x, y, area):
        """The cell of an area at a point in pixels, or None."""
        return area.cell(x / self.figure.dpi, y / self.figure.dpi)


def put(outline, row, column):
    area, rows, patches = outline
    for patch in patches:
        patch.set_xy(area.corner(row, column, rows))


def paint(signed, array, end):
    """Shows an array in a `signed` image. end: the largest size that a number will have."""
    area, image, dashes = signed
    image.set_data(array)
    end = 1.6 * (end or 1)  # not the darkest colours, so that dashes can be seen on them
    image.set_clim(-end, end)
    below = np.argwhere(np.nan_to_num(array) < -0.02 * end)
    dashes.set_data(
        area.left + (below[:, 1] + 0.5) * area.width, area.top - (below[:, 0] + 0.5) * area.height
    )


# a window over a digit, there and back ---------------------------------------------------------

UPRIGHT = np.array([[-1.0, 0, 1]] * 3)
EDGES = {
    "upright edges": UPRIGHT,
    "level edges": UPRIGHT.T,
    "slanted edges": np.array([[0, 1, 2], [-1, 0, 1], [-2, -1, 0.0]]),
}
POSITIONS = [divmod(n, 10) for n in range(100)]


@functools.cache
def upstream():
    """An upstream gradient for the map of the small digit: whole numbers from -2 to 2."""
    return np.random.default_rng(5).integers(-2, 3, (10, 10)).astype(float)


def window(kernel, position):
    """The forward pass as far as a position, in row order; nan where the map is still empty."""
    x, W = small_digit(), EDGES[kernel]
    i, j = position
    y, _ = convolve(x, W)
    y = tidy(y)
    done = POSITIONS.index(position) + 1
    patch = x[i : i + 3, j : j + 3]
    return SimpleNamespace(
        kernel=kernel, x=x, W=W, i=i, j=j, y=y, done=done, patch=patch, products=tidy(patch * W),
        so_far=np.where(np.arange(100).reshape(10, 10) < done, y, np.nan), end=np.abs(y).max(),
    )  # fmt: skip


def window_back(kernel, position):
    """The backward pass as far as a position, in row order: dx and dW with what has arrived."""
    x, W, dY = small_digit(), EDGES[kernel], upstream()
    i, j = position
    done = POSITIONS.index(position) + 1
    _, cache = convolve(x, W)
    dx, dW = convolve_back(np.where(np.arange(100).reshape(10, 10) < done, dY, 0), cache)
    whole, _ = convolve_back(dY, cache)
    patch, g = x[i : i + 3, j : j + 3], dY[i, j]
    return SimpleNamespace(
        kernel=kernel, x=x, W=W, dY=dY, i=i, j=j, g=g, done=done, patch=patch, sent=tidy(g * W),
        learned=tidy(g * patch), dx=tidy(dx), dW=tidy(dW), end=np.abs(whole).max(),
    )  # fmt: skip


class WindowPicture(Board):
    """The digit with the window and the map as far as it is filled; below, the nine products."""

    def draw(self, scene):
        self.canvas(4.05)
        self.x = self.area("image x (12, 12)", 0.75, 3.72, (12, 12), 0.17)
        self.y = self.area("feature map y (10, 10), so far", 4.35, 3.55, (10, 10), 0.17)
        self.axes.add_patch(
            Rectangle(self.y.corner(9, 0), 1.7, 1.7, fc="white", ec=COLORS["line"], hatch="////")
        )
        self.sign(3.57, 2.7, "→")
        self.ink(self.x, scene.x)
        self.map = self.signed(self.y)
        self.over, self.result = self.outline(self.x, 3, 3), self.outline(self.y)
        names = ("window of x", "kernel", "products")
        tables = [
            self.area(name, left, 1.3, (3, 3), 0.44, 0.27)
            for name, left in zip(names, (0.55, 2.25, 3.95), strict=True)
        ]
        self.tables, self.zeros = [self.numbers(table) for table in tables], self.zero_marks()
        for sign, x in zip("×=", (2.06, 3.76), strict=True):
            self.sign(x, 0.9, sign)
        self.total = self.moves(
            self.axes.text(5.45, 0.9, "", fontsize=NORMAL, va="center", linespacing=1.5)
        )
        self.caption(0.17, "Image: the darker, the more ink. Map: red above 0, blue with a dash "
                     "below 0, hatched not yet filled.")  # fmt: skip

    def update(self, s):
        paint(self.map, s.so_far, s.end)
        put(self.over, s.i, s.j)
        put(self.result, s.i, s.j)
        self.fill(self.zeros, *zip(self.tables, (s.patch, s.W, s.products), strict=True))
        self.total.set_text(f"add up to {shown(s.y[s.i, s.j])}\n= y[{s.i}, {s.j}]")

    def say(self, s):
        i, j = s.i, s.j
        terms = [
            f"{number(p)} · {factor(w)}"
            for p, w in zip(s.patch.flat, s.W.flat, strict=True)
            if p * w
        ]
        total = number(s.y[i, j])
        words = (
            f"Kernel for {s.kernel}, position [{i}, {j}]: the window lies on rows {i} to {i + 2} "
            f"and columns {j} to {j + 2}. "
        )
        if terms:
            which = (
                "Its only product that is not 0"
                if len(terms) == 1
                else "The products that are not 0"
            )
            words += f"{which}: {' + '.join(terms)} = {total}"
        else:
            words += "All nine products are 0"
        return (
            words
            + f", so y[{i}, {j}] = {total}. {s.done} of 100 entries of y "
            + ("is filled; " if s.done == 1 else "are filled; ")
            + f"the largest so far is {number(np.nanmax(s.so_far))}."
        )

    def at(self, x, y):
        return _clicked(self, x, y, self.x, self.y)


def _clicked(picture, x, y, pixels, *maps):
    """The position whose window has its middle at a pixel, or whose entry of a map was clicked."""
    for area in maps:
        if (cell := picture.place_of(x, y, area)) is not None:
            return {"position": cell}
    if (cell := picture.place_of(x, y, pixels)) is None:
        return {}
    return {"position": tuple(min(max(k - 1, 0), 9) for k in cell)}


class WindowBackPicture(Board):
    """Digit, dY and what has arrived in dx and dW; below, what this position sends to each."""

    def draw(self, scene):
        self.canvas(3.75)
        self.x = self.area("x (12, 12)", 0.2, 3.42, (12, 12), 0.145)
        self.dY = self.area("dY (10, 10)", 2.15, 3.28, (10, 10), 0.145)
        self.dx = self.area("dx so far (12, 12)", 3.8, 3.42, (12, 12), 0.145)
        dW = self.area("dW so far", 5.64, 3.0, (3, 3), 0.43, 0.3)
        self.ink(self.x, scene.x)
        self.signed(self.dY, scene.dY)
        self.arrived = self.signed(self.dx)
        sizes = ((self.x, 3, 3), (self.dY, 1, 1), (self.dx, 3, 3))
        self.outlines = [self.outline(*size) for size in sizes]
        tables = [
            self.area(name, left, 1.2, (3, 3), 0.38, 0.27)
            for name, left in (
                ("kernel", 0.62),
                ("added to dx", 2.08),
                ("window of x", 4.18),
                ("added to dW", 5.64),
            )
        ]
        self.tables = [self.numbers(table) for table in (dW, *tables)]
        self.zeros = self.zero_marks()
        self.factors = self.moves(
            *(self.axes.text(x, 0.8, "", fontsize=NORMAL, weight="bold", color=COLORS["gradient"],
                             ha="right", va="center") for x in (0.52, 4.08))
        )  # fmt: skip
        for x in (1.92, 5.48):
            self.sign(x, 0.8, "=")
        self.caption(0.17, "x: the darker, the more ink. dY and dx: red above 0, blue with a dash "
                     "below 0. The bold number is dY here.")  # fmt: skip

    def update(self, s):
        paint(self.arrived, s.dx, s.end)
        for outline in self.outlines:
            put(outline, s.i, s.j)
        arrays = s.dW, s.W, s.sent, s.patch, s.learned
        self.fill(self.zeros, *zip(self.tables, arrays, strict=True))
        for text in self.factors:
            text.set_text(f"{shown(s.g)} ×")

    def say(self, s):
        i, j, g = s.i, s.j, number(s.g)
        words = f"Kernel for {s.kernel}, position [{i}, {j}], where dY is {g}. "
        if s.g == 0:
            words += "Nothing is added, neither to dx nor to dW."
        else:
            words += (
                f"The nine entries of dx in the window get {g} times the kernel: dx[{i}, "
                f"{j + 2}] gets {g} · {factor(s.W[0, 2])} = {number(s.sent[0, 2])} and is now "
                f"{number(s.dx[i, j + 2])}. "
            )
            words += (
                f"dW gets {g} times the window: dW[0, 2] gets {g} · {factor(s.patch[0, 2])} = "
                f"{number(s.learned[0, 2])} and is now {number(s.dW[0, 2])}."
                if s.patch.any()
                else "The window is blank, so nothing is added to dW."
            )
        return words + (" That was the last position: dx and dW are complete."
                        if s.done == 100 else "")  # fmt: skip

    def at(self, x, y):
        position = _clicked(self, x, y, self.x, self.dY)
        return position or _clicked(self, x, y, self.dx)


def _place_words(place):
    return f"[{place[0]}, {place[1]}]"


Explorer(
    name="window_over_a_digit",
    title="A window slides over a digit",
    question="This 5 has 12 x 12 pixels between 0 and 1, in tenths. Slide the window, press "
    "*Play*, or click on a pixel. The kernels *upright edges* and *level edges* both have three "
    "entries of 1, so no window can give more than 3. **Does a window on this 5 reach 3 with "
    "*level edges*? With *upright edges*? What has to be in a window for that?**",
    answer="With *level edges* four windows do, at [0, 6], [5, 3], [5, 4] and [5, 5]: solid ink "
    "in the bottom row, a blank top row. With *upright edges* the most is 2.7, at [5, 0]: no place "
    "has three solid pixels on the right of three blank ones. Turned round, with the ink on top, "
    "*level edges* gives -3, at [2, 6].",
    controls={
        "kernel": Choose("kernel", {words: words for words in EDGES}, "upright edges"),
        "position": Steps("position", POSITIONS, (4, 3), _place_words, play=0.15),
    },
    compute=window,
    picture=WindowPicture,
)

Explorer(
    name="window_sends_back",
    title="The same walk, backward",
    question="Walk over the positions. Each adds its dY times the kernel to nine entries of dx, "
    "and its dY times the window to dW. **Find a position that adds something to dx but nothing "
    "to dW. One that adds nothing to either. Is there one that adds something to dW, but nothing "
    "to dx?**",
    answer="At [0, 0] the window is blank, but dY is 1: dx gets the kernel, dW gets nothing. At "
    "[0, 4] dY is 0: nothing for anybody. The third kind does not exist, for if dY is not 0, "
    "neither is dY times the kernel. What a pixel gets does not depend on its ink; what a weight "
    "gets does.",
    controls={
        "kernel": Choose("kernel", {words: words for words in EDGES}, "slanted edges"),
        "position": Steps("position", POSITIONS, (5, 2), _place_words, play=0.15),
    },
    compute=window_back,
    picture=WindowBackPicture,
)


# one weight collects ---------------------------------------------------------------------------

INPUT = np.array(
    [[0, 2, 1, 0, 3], [1, 3, -1, 2, 0], [2, 0, 1, 1, -2], [0, 1, 2, 0, 1], [3, -1, 0, 2, 1.0]]
)
ARRIVED = np.array([[1, -1, 2], [0, 3, 1], [-2, 1, 1.0]])
WEIGHTS = list(np.ndindex(3, 3))


@functools.cache
def _all_dW():
    """dW of that input and dY, by the engine. The kernel's own numbers don't matter for it."""
    _, cache = convolve(INPUT, np.zeros((3, 3)))
    return convolve_back(ARRIVED, cache)[1]


def one_weight(weight, done):
    """What one weight has collected after `done` positions, in row order.

    pixels: the x that it meets at each position; sums: the running sum, which begins with 0.
    """
    ki, kj = weight
    pixels = INPUT[ki : ki + 3, kj : kj + 3]
    products = (pixels * ARRIVED).ravel()
    return SimpleNamespace(
        ki=ki, kj=kj, done=done, pixels=pixels.ravel(), products=products,
        sums=np.concatenate([[0.0], products.cumsum()]), end=_all_dW()[weight],
    )  # fmt: skip


class WeightPicture(Board):
    """x, dY and dW with what belongs together now; below, the products and their running sum."""

    def draw(self, scene):
        self.canvas(4.2)
        x = self.area("x (5, 5)", 0.55, 3.87, (5, 5), 0.36, 0.28)
        self.dY = self.area("dY (3, 3)", 3.05, 3.59, (3, 3), 0.36, 0.28)
        self.dW = self.area("dW (3, 3)", 4.8, 3.59, (3, 3), 0.48, 0.28)
        self.still(x, INPUT)
        self.still(self.dY, ARRIVED)
        self.sign(2.7, 3.17, "×")
        self.sign(4.47, 3.17, "→")
        self.met = self.outline(x, 3, 3, tint=COLORS["strong_tint"])
        self.now = [self.outline(x), self.outline(self.dY), self.outline(self.dW)]
        _, self.collected = self.numbers(self.dW, weight="bold")
        self.line = self.moves(
            self.axes.text(5.52, 2.55, "", fontsize=NORMAL, color=COLORS["ink"], **CENTRE)
        )

        chart = self.chart = self.figure.add_axes((0.09, 0.125, 0.88, 0.38))
        sums = np.array([one_weight(w, 9).sums for w in WEIGHTS])
        low, high = sums.min() - 2.5, sums.max() + 2.5
        chart.set(xlim=(-0.6, 9.6), ylim=(low, high), xlabel="position")
        chart.set_xticks(range(10), ["start", *(f"[{i}, {j}]" for i, j in np.ndindex(3, 3))])
        chart.axhline(0, color=COLORS["muted"], lw=0.8)
        self.bars = self.moves(
            *chart.bar(range(1, 10), 0, 0.5, fc=COLORS["light"], ec=COLORS["value"])
        )
        (line,) = chart.plot([], [], "D-", color=COLORS["gradient"], ms=5, lw=1.2, zorder=4)
        self.sum = self.moves(line)
        self.height = self.moves(
            chart.text(0, 0, "", color=COLORS["gradient"], weight="bold", ha="center", zorder=5,
                       bbox={"boxstyle": "round,pad=0.1", "fc": "white", "ec": "none"})
        )  # fmt: skip
        key = Rectangle((0, 0), 1, 1, fc=COLORS["light"], ec=COLORS["value"])
        chart.legend([key, line], ["x · dY", "sum so far"], loc="lower left", ncols=2,
                     bbox_to_anchor=(0, 1), borderpad=0)  # fmt: skip

    def update(self, s):
        put(self.met, s.ki, s.kj)
        i, j = divmod(max(s.done - 1, 0), 3)
        for outline, cell in zip(
            self.now, ((i + s.ki, j + s.kj), (i, j), (s.ki, s.kj)), strict=True
        ):
            put(outline, *cell)
        for _, _, patches in self.now[:2]:
            for patch in patches:
                patch.set_visible(s.done > 0)
        total = s.sums[s.done]
        for text, weight in zip(self.collected, WEIGHTS, strict=True):
            text.set_text(shown(total) if weight == (s.ki, s.kj) else "")
        self.line.set_text(
            f"{shown(s.pixels[s.done - 1])} · {shown(ARRIVED[i, j])} = "
            f"{shown(s.products[s.done - 1])}" if s.done else ""
        )  # fmt: skip
        for k, bar in enumerate(self.bars):
            bar.set_height(s.products[k] if k < s.done else 0)
            bar.set_visible(k < s.done)
        self.sum.set_data(range(s.done + 1), s.sums[: s.done + 1])
        self.height.set_text(shown(total))
        self.height.set_position((s.done, total + (1.4 if total >= 0 else -3)))

    def say(self, s):
        name = f"[{s.ki}, {s.kj}]"
        words = f"The weight W{name} meets the tinted block of x. "
        if s.done == 0:
            return words + "Nothing is added up yet."
        i, j = divmod(s.done - 1, 3)
        words += (
            f"Position [{i}, {j}]: it met x[{i + s.ki}, {j + s.kj}] = "
            f"{number(s.pixels[s.done - 1])}, and dY[{i}, {j}] = {number(ARRIVED[i, j])} came "
            f"back. The product is {number(s.products[s.done - 1])}, the sum so far "
            f"{number(s.sums[s.done])}."
        )
        if s.done == 9:
            words += f" Those were all positions: dW{name} = {number(s.end)}."
        return words

    def at(self, x, y):
        if (cell := self.place_of(x, y, self.dW)) is not None:
            return {"weight": cell}
        if (cell := self.place_of(x, y, self.dY)) is not None:
            return {"done": cell[0] * 3 + cell[1] + 1}
        return {}


Explorer(
    name="one_weight_adds_up",
    title="One weight's gradient adds up",
    question="Choose a weight, or click on its place in dW. Then step over the positions, and say "
    "each product before you see it. **Which pixels of x does W[0, 0] never meet? Which pixel do "
    "all nine weights meet? And which weight ends with the largest gradient?**",
    answer="W[0, 0] never meets the last two rows and columns. Only the pixel in the middle, "
    "x[2, 2], is in the block of all nine. W[1, 1] ends with the largest gradient, 12. The "
    "kernel's own numbers appear nowhere: y is linear in W, so its slope is the pixels alone.",
    controls={
        "weight": Choose("weight", {f"W[{i}, {j}]": (i, j) for i, j in WEIGHTS}, (0, 0)),
        "done": Steps("positions", range(10), 0, counted(9), play=True),
    },
    compute=one_weight,
    picture=WeightPicture,
)


# pooling: who wins -----------------------------------------------------------------------------

CHANGED = 5, 3
POOLED_UPSTREAM = {  # by the size of the pool: its pixels share these evenly
    2: np.array([[4, -4, 8], [12, -8, 4], [-4, 16, 8.0]]),
    3: np.array([[9, -9], [18, 36.0]]),
}
POOLS = {
    "max": (functional.max_pool_forward, functional.max_pool_backward),
    "average": (functional.average_pool_forward, functional.average_pool_backward),
}


@functools.cache
def edge_map():
    """A part of 7 x 7 of the small digit's map of upright edges, after ReLU."""
    y, _ = convolve(small_digit(), UPRIGHT)
    return tidy(functional.relu_forward(y)[0][3:10, :7])


def pooling(kind, size, value):
    """Pooling of the edge map, forward and backward, with one of its entries set to value.

    window: the window with that entry; winner: where its largest entry is, the first of `ties`.
    """
    x = edge_map().copy()
    x[CHANGED] = value
    forward, backward = POOLS[kind]
    y, cache = forward(x[None, :, :, None], size)
    dY = POOLED_UPSTREAM[size]
    dx = backward(dY[None, :, :, None], cache)[0, :, :, 0]
    i, j = window = tuple(k // size for k in CHANGED)
    scene = SimpleNamespace(
        kind=kind, size=size, value=value, x=x, y=tidy(y[0, :, :, 0]), dY=dY, dx=tidy(dx),
        window=window, winners=np.zeros(x.shape, dtype=bool),
    )  # fmt: skip
    if kind == "max":
        # A gradient of ones finds the winners, wherever dY points.
        scene.winners = backward(np.ones_like(y), cache)[0, :, :, 0] == 1
        block = np.s_[i * size : (i + 1) * size, j * size : (j + 1) * size]
        row, column = np.argwhere(scene.winners[block])[0]
        scene.winner = int(row) + i * size, int(column) + j * size
        scene.ties = int((x[block] == x[block].max()).sum())
    return scene


class PoolingPicture(Board):
    """The map and what pooling makes of it; below the upstream gradient and where it goes."""

    def draw(self, scene):
        self.canvas(3.1)
        x = self.area("map x (7, 7)", 0.15, 2.75, (7, 7), 0.34, 0.3)
        self.dx = self.area("dx (7, 7)", 4.47, 2.75, (7, 7), 0.34, 0.3)
        self.maps = x, self.dx
        still = edge_map().copy()
        still[CHANGED] = np.nan
        self.still(x, still)
        self.changed = self.numbers(Area(*x.corner(*CHANGED, 0), 1, 1, x.width, x.height))
        for area, (r, c, rows, columns) in product(self.maps, ((6, 0, 1, 7), (0, 6, 6, 1))):
            self.axes.add_patch(
                Rectangle(area.corner(r, c, rows), columns * area.width, rows * area.height,
                          fc="none", ec=COLORS["line"], hatch="////", lw=0)
            )  # fmt: skip
        for y, text in ((2.89, "y = pooled x"), (1.38, "dY")):
            self.axes.text(3.5, y, text, fontsize=NORMAL, **CENTRE)
        self.sign(2.72, 2.3, "→")
        self.sign(4.26, 0.79, "→")
        self.tables = {
            (name, size): self._small(top, 7 // size)
            for name, top in (("y", 2.75), ("dY", 1.24))
            for size in POOLED_UPSTREAM
        }
        line = {"color": COLORS["ink"]}
        (winners,) = self.axes.plot([], [], "o", ms=18, mfc="none", mew=1.5, zorder=2, **line)
        (borders,) = self.axes.plot([], [], lw=1.8, zorder=3, **line)
        self.winners, self.borders = self.moves(winners, borders)
        self.zeros = self.zero_marks()
        put(self.outline(x), *CHANGED)
        self.gradients = self.numbers(self.dx)
        self.key = self.moves(self.caption(0.14))

    def _small(self, top, n):
        """Cells for a pooled map of n x n, as lines and texts that can be hidden."""
        area = Area(3.5 - 0.21 * n, top, n, n, 0.42, 0.3)
        (lines,) = self.axes.plot(*_lines(area, 1, n), color=COLORS["line"], lw=0.8)
        return self.moves(lines), self.numbers(area)

    def update(self, s):
        filled = [(self.changed, [[s.value]]), (self.gradients, s.dx)]
        for (name, size), (lines, table) in self.tables.items():
            for artist in (lines, *table[1]):
                artist.set_visible(size == s.size)
            if size == s.size:
                filled.append((table, s.y.round(2) if name == "y" else s.dY))
        self.fill(self.zeros, *filled)
        first = "Circle: the winner. " if s.winners.any() else ""
        self.key.set_text(f"{first}Heavy lines: the windows. Hatched: in no window.")
        self.winners.set_data(*self._centres(s.winners, self.maps))
        x, dx = (_lines(area, s.size, 7 // s.size) for area in self.maps)
        self.borders.set_data(np.hstack([x, dx]))

    def _centres(self, which, areas):
        cells = [area.middle(r, c) for area in areas for r, c in np.argwhere(which)]
        return np.array(cells).reshape(-1, 2).T

    def say(self, s):
        r, c = CHANGED
        i, j = s.window
        g = number(s.dY[s.window])
        words = f"x[{r}, {c}] = {number(s.value)} is in window [{i}, {j}], whose "
        if s.kind == "average":
            words += (
                f"average is {number(s.y[s.window])}. Each of its {s.size**2} pixels gets "
                f"{g} / {s.size**2} = {number(s.dx[CHANGED])}, whatever its number."
            )
        else:
            tie = f", the first of {s.ties} equal ones" if s.ties > 1 else ""
            words += (
                f"largest entry is {number(s.y[s.window])}, at {_place_words(s.winner)}{tie}. That "
                f"pixel gets all of dY[{i}, {j}] = {g}"
            )
            words += "." if s.winner == CHANGED else f", and x[{r}, {c}] gets 0."
        return words + " The last row and column are in no window and get 0."


def _lines(area, size, n):
    """Lines around n x n windows of an area as one broken line: x and y."""
    points = []
    for k in range(0, n * size + 1, size):
        points += [area.corner(k, 0, 0), area.corner(k, n * size, 0), (np.nan, np.nan)]
        points += [area.corner(0, k, 0), area.corner(n * size, k, 0), (np.nan, np.nan)]
    return np.array(points).T


Explorer(
    name="pooling_winners",
    title="Who gets the gradient?",
    question="A part of a digit's map of upright edges, after ReLU. The slider sets x[5, 3], the "
    "framed number, which wins its window with 2. Pool with size 2, and lower it. **At which "
    "value does it lose the gradient, and to whom?** One window holds nothing but 0: **who gets "
    "its gradient?** Then take the average: **what does the slider change in dx?**",
    answer="At 1.8 it has lost already: it ties with x[4, 3], and of equals the first wins, row by "
    "row. A window of zeros is a tie of four: its first pixel, x[0, 2], gets the gradient. (ReLU's "
    "mask stops it one layer further down.) With the average nothing changes in dx: each of the "
    "four pixels gets a quarter of dY, whatever its number.",
    controls={
        "kind": Choose("pool", {kind: kind for kind in POOLS}, "max"),
        "size": Choose("size", {"2 x 2": 2, "3 x 3": 3}, 2),
        "value": Steps("x[5, 3]", [k / 10 for k in range(31)], 2.0, shown),
    },
    compute=pooling,
    picture=PoolingPicture,
)


# a kernel of your own --------------------------------------------------------------------------

OWN = "your own"
KERNELS = {
    **EDGES,
    "blur": np.full((3, 3), 1 / 9),
    "sharpen": np.array([[0, -1, 0], [-1, 5, -1], [0, -1, 0.0]]),
    "outline": np.array([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1.0]]),
    "identity": np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0.0]]),
}
WANTED = (
    "A kernel is three rows of three numbers, such as -1 0 1 / -2 0 2 / -1 0 1. A / separates "
    "rows; decimals take a point, as in 0.5."
)


def read_kernel(text):
    """A (3, 3) kernel from three rows with a / between them.

    Raises ValueError, which says what was given and what is wanted.
    """
    rows = text.split("/")
    if len(rows) != 3:
        raise ValueError(f"The kernel “{short(text)}” has {count(len(rows), 'row')}. {WANTED}")
    kernel = []
    for k, row in enumerate(rows, start=1):
        quoted = short(row.strip())
        try:
            values = [float(word) for word in row.translate(SIGNS).replace(",", " ").split()]
        except ValueError:
            raise ValueError(f"Row {k} of the kernel is “{quoted}”. {WANTED}") from None
        if len(values) != 3:
            raise ValueError(f"Row {k} of the kernel has {count(len(values), 'number')}. {WANTED}")
        if not all(abs(v) <= 100 for v in values):
            raise ValueError(
                f"Row {k} of the kernel is “{quoted}”, expected numbers from -100 to 100."
            )
        kernel.append(values)
    return np.array(kernel) + 0.0


def ask_kernel(label, kernel, own, relu):
    """The map that a kernel, chosen or typed, makes of a digit, and its extreme entries."""
    x = digit(label)
    W = read_kernel(own) if kernel == OWN else KERNELS[kernel]
    y, _ = convolve(x, W)
    if relu:
        y, _ = functional.relu_forward(y)
    y = tidy(y)  # of equals the first is found, on every machine
    return SimpleNamespace(
        label=label, x=x, kernel=kernel, W=W, relu=relu, y=y,
        high=divmod(int(y.argmax()), 26), low=divmod(int(y.argmin()), 26),
    )  # fmt: skip


class KernelPicture(Board):
    """A digit, the kernel, and the map that they make, with its extreme entries marked."""

    def draw(self, scene):
        self.canvas(3.05)
        self.x = self.area("image (28, 28)", 0.2, 2.72, (28, 28), 0.08)
        self.y = self.area("feature map (26, 26)", 4.67, 2.64, (26, 26), 0.08)
        table = self.area("kernel", 2.83, 2.05, (3, 3), 0.46, 0.3)
        self.sign(2.62, 1.6, "×")
        self.sign(4.44, 1.6, "→")
        self.digit = self.ink(self.x)
        self.map = self.signed(self.y)
        self.table, self.zeros = self.numbers(table), self.zero_marks()
        mark = {"mfc": "white", "mec": COLORS["ink"], "mew": 1.4, "zorder": 3}
        (high,) = self.axes.plot([], [], "^", ms=8, **mark)
        (low,) = self.axes.plot([], [], "v", ms=8, **mark)
        self.high, self.low = self.moves(high, low)
        self.caption(0.17, "Map: red above 0, blue below 0 (with a dash unless it is tiny). "
                     "Triangles: up, its largest entry; down, its smallest.")  # fmt: skip

    def update(self, s):
        self.digit.set_data(s.x)
        paint(self.map, s.y, np.abs(s.y).max())
        self.fill(self.zeros, (self.table, np.vectorize(lambda v: float(f"{v:.2g}"))(s.W)))
        for marker, place in ((self.high, s.high), (self.low, s.low)):
            marker.set_data(*([v] for v in self.y.middle(*place)))

    def say(self, s):
        total = number(s.W.sum())
        after = " After ReLU" if s.relu else " On this digit"
        words = (
            f"Digit {s.label}, kernel “{s.kernel}”, whose entries add up to {total}: blank paper "
            f"gives 0, solid ink {total}.{after} the map reaches from {number(s.y[s.low])}, at "
            f"{_place_words(s.low)}, to {number(s.y[s.high])}, at {_place_words(s.high)}. "
            f"{int((s.y < 0).sum()) or 'None'} of its 676 entries are below 0."
        )
        if s.kernel != OWN:
            words += f" (What you type counts when the kernel is “{OWN}”.)"
        return words


Explorer(
    name="kernel_editor",
    title="Ask your own question",
    question="Type a kernel: three rows, with a / between them; or choose one. **What must be true "
    "of the nine entries, so that solid ink gives 0, as blank paper does? Which kernel moves the "
    "digit one pixel to the left? And is there one that answers on left edges alone, and nowhere "
    "below 0?**",
    answer="The entries have to add up to 0. `0 0 0 / 0 0 1 / 0 0 0` moves the digit to the left: "
    "each window gives the pixel on the right of its middle. No kernel answers on left edges "
    "alone: let ink and paper change places, and a kernel whose entries add up to 0 gives the same "
    "numbers with the other sign, but a left edge has become a right one. So what gives 3 on a "
    "left edge gives -3 on a right one. With *ReLU after it*, *upright edges* keeps the left edges "
    "and drops the right ones.",
    controls={
        "label": Choose("digit", {str(k): k for k in range(10)}, 5),
        "kernel": Choose("kernel", {OWN: OWN} | {words: words for words in KERNELS}, OWN),
        "own": Entry(OWN, "-1 0 1 / -2 0 2 / -1 0 1", wide=True),
        "relu": Switch("ReLU after it"),
    },
    compute=ask_kernel,
    picture=KernelPicture,
)
