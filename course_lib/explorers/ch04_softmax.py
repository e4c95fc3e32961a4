"""Chapter 04: logits, temperature, softmax with and without the shift, weights, a training run."""

from functools import cache
from itertools import zip_longest
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from course_lib.datasets import load_mnist
from course_lib.explorers.explorer import Choose, Explorer, Steps
from course_lib.functional import (
    softmax_cross_entropy_backward,
    softmax_cross_entropy_forward,
    softmax_forward,
)
from course_lib.layers import Linear, ReLU, Sequential
from course_lib.losses import CrossEntropy
from course_lib.optimizers import SGD
from course_lib.viz.moving import Moving
from course_lib.viz.style import (
    COLORS,
    LOOKS,
    MAX_WIDTH,
    SMALL,
    inch_canvas,
    number,
    shown,
)

CENTRE = {"ha": "center", "va": "center"}


def significant(x, digits=3) -> str:
    """So many significant digits; inf and nan as they are, and tiny numbers not as 0."""
    words = f"{x:.{digits}g}"
    if np.isfinite(x) and not 0 < abs(x) < 1e-9 and digits <= 4:
        words = number(float(words))
    return words.replace("e+", "e").replace("e-0", "e-")


def five(x) -> str:
    """Three digits, or five where three would say a whole 1 that it is not."""
    return significant(x, 5 if 0.9995 <= abs(x) < 1 else 3)


def drawn(x, digits=3) -> str:
    """The same with a real minus sign, as it stands in a picture."""
    return significant(x, digits).replace("-", "\N{MINUS SIGN}")


def listed(values, word=significant) -> str:
    return ", ".join(word(v) for v in values)


class Bars:
    """Horizontal bars from 0 with a number beside each; `row` of them may be the true class."""

    def __init__(self, moving, axes, rows, title, xlim):
        self.patches = axes.barh(
            range(rows),
            np.zeros(rows),
            0.66,
            color=COLORS["light"],
            edgecolor=COLORS["ink"],
            lw=0.8,
        )
        self.words = [axes.text(0, row, "", va="center", fontsize=SMALL) for row in range(rows)]
        moving.moves(*self.patches, *self.words)
        axes.set(xlim=xlim, ylim=(rows - 0.5, -0.5), xticks=[], yticks=[])
        axes.set_title(title, fontsize=SMALL + 1)
        axes.spines[["left", "bottom"]].set_visible(False)
        axes.axvline(0, color=COLORS["muted"], lw=0.8, zorder=0)
        self.gap = 0.02 * (xlim[1] - xlim[0])

    def set(self, values, label=None):
        for row, (patch, word, value) in enumerate(
            zip(self.patches, self.words, values, strict=True)
        ):
            true = row == label
            patch.set_width(value)
            patch.set(
                hatch="////" if true else "",
                facecolor=COLORS["strong_tint" if true else "light"],
            )
            word.set_text(five(value).replace("-", "\N{MINUS SIGN}"))
            word.set_x(value + (self.gap if value >= 0 else -self.gap))
            word.set_ha("left" if value >= 0 else "right")


# drag the logits -------------------------------------------------------------------------------

CLASSES = 4
LOGITS = [k / 2 for k in range(-10, 11)]


def logits(label, **scores):
    """Probabilities, loss and gradient of one sample; scores: z0, z1, … one for each class."""
    z = np.array([[scores[f"z{k}"] for k in range(CLASSES)]])
    loss, saved = softmax_cross_entropy_forward(z, np.array([label]))
    gradient = softmax_cross_entropy_backward(1.0, saved)
    return SimpleNamespace(
        z=z[0], label=label, p=softmax_forward(z)[0][0], loss=float(loss), gradient=gradient[0]
    )


class LogitsPicture(Moving):
    """Three panels of bars: logits, probabilities, gradients. A click sets a logit or the class."""

    def draw(self, scene):
        self.figure = Figure(figsize=(MAX_WIDTH, 2.5))
        self.panels = [
            self.figure.add_axes((left, 0.17, width, 0.7))
            for left, width in ((0.155, 0.27), (0.455, 0.23), (0.715, 0.28))
        ]
        titles = ("logits z", "probabilities p", "gradient p \N{MINUS SIGN} onehot")
        limits = ((-6.9, 6.9), (0, 1.3), (-1.42, 1.42))
        self.bars = [
            Bars(self, axes, CLASSES, title, xlim)
            for axes, title, xlim in zip(self.panels, titles, limits, strict=True)
        ]
        across = self.panels[0].get_yaxis_transform()
        self.names = self.moves(
            *(
                self.panels[0].text(-0.04, row, "", transform=across, ha="right", va="center")
                for row in range(CLASSES)
            )
        )
        self.sum = self.moves(self.figure.text(0.5, 0.055, "", ha="center", va="center"))

    def update(self, s):
        for bars, values in zip(self.bars, (s.z, s.p, s.gradient), strict=True):
            bars.set(values, s.label)
        for row, name in enumerate(self.names):
            true = row == s.label
            name.set(
                text=f"true class {row}" if true else f"class {row}",
                weight="bold" if true else "normal",
            )
        self.sum.set_text(
            f"loss = \N{MINUS SIGN}ln {drawn(s.p[s.label], 6)} = {drawn(s.loss)}          "
            f"the gradients add up to {drawn(_zero(s.gradient.sum()))}"
        )

    def say(self, s):
        return (
            f"Logits {listed(s.z)}; the true class is {s.label}. Probabilities {listed(s.p)}. The "
            f"loss is -ln {significant(s.p[s.label], 6)} = {significant(s.loss)}. Gradient "
            f"{listed(s.gradient, five)}: together {significant(_zero(s.gradient.sum()))}, and "
            f"only class {s.label} is pulled up."
        )

    def at(self, x, y):
        for panel, axes in enumerate(self.panels):
            if axes.bbox.contains(x, y):
                value, row = axes.transData.inverted().transform((x, y))
                row = int(np.clip(round(row), 0, CLASSES - 1))
                if panel:
                    return {"label": row}
                return {f"z{row}": min(LOGITS, key=lambda v: abs(v - value))}
        return {}


def _zero(x):
    """0 for what is only rounding."""
    return 0.0 if abs(x) < 1e-12 else x


Explorer(
    name="logits",
    title="Drag the logits",
    question="Move one logit and watch all the bars. (In the picture, a click among the logits "
    "sets one; a click in another panel makes that class the true one.) **Which of the three "
    "panels change if you add 2 to every logit? What is the loss when all four are equal? And how "
    "negative can the gradient of the true class become?**",
    answer="Raise the logit of the true class: all four gradients come nearer to 0, and in the "
    "same proportion, for the more likely the truth is, the less is left to be moved. Adding 2 to "
    "every logit changes only the logits: probabilities, loss and gradient stay. Four equal "
    "logits give 1/4 each, so the loss is $\\ln 4 = 1.386$, wherever they stand. The gradient of "
    "the true class is $p - 1$: between -1 and 0. With the true class at -5 and the others at 5 "
    "it is -0.99998. The loss is 11.1 there, and 1 more on that logit takes nearly 1 off the loss.",
    controls={
        **{
            f"z{k}": Steps(f"logit of class {k}", LOGITS, start, shown)
            for k, start in enumerate((2.0, 1.0, 0.0, -1.0))
        },
        "label": Choose("true class", {str(k): k for k in range(CLASSES)}, 1),
    },
    compute=logits,
    picture=LogitsPicture,
)


# temperature -----------------------------------------------------------------------------------

SCORES = {
    "2, 1, 0, -1": (2.0, 1.0, 0.0, -1.0),
    "2, 2, 0, -1 (a tie)": (2.0, 2.0, 0.0, -1.0),
    "0.2, 0.1, 0, -0.1": (0.2, 0.1, 0.0, -0.1),
}
TEMPERATURES = [0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0]
ALL_T = np.geomspace(TEMPERATURES[0], TEMPERATURES[-1], 120)


def temperature(scores, T):
    """softmax(z / T) at one temperature and, as curves (120, C), at all of them."""
    z = np.array(SCORES[scores])
    p, _ = softmax_forward(z[None] / T)
    curves, _ = softmax_forward(z / ALL_T[:, None])
    return SimpleNamespace(z=z, T=T, divided=z / T, p=p[0], curves=curves)


class TemperaturePicture(Moving):
    """Bars of probabilities at T, and the probabilities as curves over T."""

    MARKS = "os^D"

    def draw(self, scene):
        self.tried = {}  # for each row of scores, the lowest and the highest temperature
        self.figure = Figure(figsize=(MAX_WIDTH, 2.8))
        left = self.figure.add_axes((0.185, 0.17, 0.225, 0.7))
        self.bars = Bars(self, left, CLASSES, "probabilities at T", (0, 1.45))
        across = left.get_yaxis_transform()
        self.names = self.moves(
            *(
                left.text(-0.04, row, "", transform=across, ha="right", va="center")
                for row in range(CLASSES)
            )
        )
        right = self.figure.add_axes((0.47, 0.17, 0.38, 0.7))
        right.set(xscale="log", xlim=(0.045, 112), ylim=(-0.04, 1.04), xlabel="temperature T")
        right.set_title("and where you have been", fontsize=SMALL + 1)
        right.set_xticks([0.1, 1, 10, 100], ["0.1", "1", "10", "100"])
        right.set_yticks([0, 0.25, 0.5, 1], ["0", "1/4", "1/2", "1"])
        right.minorticks_off()
        right.axhline(0.25, color=COLORS["line"], lw=0.8, zorder=0)
        self.curves, self.points = [], []
        for k, (look, mark) in enumerate(zip(LOOKS, self.MARKS, strict=False)):
            (curve,) = right.plot([], [], lw=1.6, **look)
            (point,) = right.plot([], [], mark, color=look["color"], ms=7)
            right.plot([], [], marker=mark, ms=6, lw=1.6, label=f"class {k}", **look)
            self.curves.append(curve)
            self.points.append(point)
        self.now = self.moves(right.axvline(1, color=COLORS["ink"], lw=1, zorder=1))
        self.moves(*self.curves, *self.points)
        right.legend(loc="center left", bbox_to_anchor=(1.0, 0.6), handlelength=2.6)

    def update(self, s):
        self.bars.set(s.p)
        for k, (name, z) in enumerate(zip(self.names, s.z, strict=True)):
            name.set_text(f"class {k}, score {shown(z)}")
        self.now.set_xdata([s.T, s.T])
        # The curves grow with what was tried: all of them at once would leave nothing to predict.
        low, high = self.tried.get(tuple(s.z), (s.T, s.T))
        low, high = self.tried[tuple(s.z)] = min(low, s.T), max(high, s.T)
        for curve, point, values, p in zip(self.curves, self.points, s.curves.T, s.p, strict=True):
            seen = (low <= ALL_T) & (high >= ALL_T)
            curve.set_data(ALL_T[seen], values[seen])
            point.set_data([s.T], [p])

    def say(self, s):
        return (
            f"Temperature {number(s.T)}: the scores {listed(s.z)} become {listed(s.divided)} and "
            f"their probabilities {listed(s.p)}. The largest probability is "
            f"{significant(s.p.max())}."
        )


Explorer(
    name="temperature",
    title="Stretch and squeeze the scores: temperature",
    question="$T = 1$ is plain softmax. Predict what a small and a large $T$ do, then turn it. "
    "**Between which two settings does the first of the scores 2, 1, 0, -1 fall below one half? "
    "Does the order of the classes ever change? And what becomes of a tie when it gets cold?**",
    answer="Between $T = 1.5$ (0.523) and $T = 2$ (0.455). The order never changes. When it is "
    "cold, the largest score gets nearly everything, 0.993 at $T = 0.2$; tied scores share it, one "
    "half each. When it is hot, all come near 1/4. The third row of scores is the first divided by "
    "10, so it has at $T = 0.1$ what the first has at $T = 1$. A network can do the same without "
    "a $T$: let its logits grow tenfold, and it is as sure as at a tenth of the temperature.",
    controls={
        "scores": Choose("scores", {words: words for words in SCORES}, "2, 1, 0, -1"),
        "T": Steps("temperature T", TEMPERATURES, 1.0, shown, play=True),
    },
    compute=temperature,
    picture=TemperaturePicture,
)


# softmax with and without the shift ------------------------------------------------------------

ROWS = {"z, z - 1, z - 2": (1, 1, 1), "z, 0, -1": (1, 0, 0)}
OFFSETS = {"z, z - 1, z - 2": (0, -1, -2), "z, 0, -1": (0, 0, -1)}
LARGEST = [
    -1000, -800, -746, -745, -744, -700, -110, -104, -103, -102, -80, -10, 0, 1, 10, 50, 80, 88,
    89, 90, 104, 200, 500, 700, 709, 710, 711, 800, 1000,
]  # fmt: skip
FORMATS = {"float64": np.float64, "float32": np.float32}
TRUE = 1  # the true class of this explorer


def naive_and_stable(scores, z, kind):
    """The same row through softmax as the formula says, and with its largest score subtracted."""
    dtype = FORMATS[kind]
    row = (np.array(ROWS[scores]) * z + OFFSETS[scores]).astype(dtype)
    with np.errstate(all="ignore"):  # what goes wrong here is what is shown
        e = np.exp(row)
        p = e / e.sum()
        naive = SimpleNamespace(exponents=row, e=e, sum=e.sum(), p=p, loss=-np.log(p[TRUE]))
        shifted = row - row.max()
        e = np.exp(shifted)
        p = softmax_forward(row[None])[0][0]
        stable = SimpleNamespace(exponents=shifted, e=e, sum=e.sum(), p=p, loss=-np.log(p[TRUE]))
    loss, _ = softmax_cross_entropy_forward(row[None], np.array([TRUE]))
    if np.isnan(naive.p).any():
        verdict = "inf / inf is nan" if np.isinf(naive.sum) else "0 / 0 is nan"
    elif np.allclose(naive.p, stable.p, rtol=1e-3, atol=1e-30):
        verdict = "right"
    else:
        verdict = "wrong, and no nan"
    limits = np.finfo(dtype)
    bits = limits.nmant - limits.minexp + 1  # exp rounds to 0 below half the smallest, 2**-bits
    return SimpleNamespace(
        z=z, kind=kind, scores=scores, row=row, naive=naive, stable=stable, loss=float(loss),
        verdict=verdict, largest=float(np.log(limits.max)), smallest=-bits * float(np.log(2)),
    )  # fmt: skip


class NaiveAndStablePicture(Moving):
    """A line of exponents with the part that exp can take, and both ways number by number."""

    LEFT, UNIT = 3.5, 6.4 / 2200  # inches: where 0 stands, and 1
    ROW, TOP = 0.29, 2.24  # inches: height of a row, and the middle of the first
    COLUMNS = ((1.95, 2.8, 3.65), (4.7, 5.55, 6.4))  # middles, as the formula says and shifted
    NAMES = (
        "exponent", "exp", "sum", "probability", "loss, \N{MINUS SIGN}ln p\N{SUBSCRIPT ONE}",
        "ln sum \N{MINUS SIGN} score 1",
    )  # fmt: skip

    def draw(self, scene):
        self.figure, axes = inch_canvas(MAX_WIDTH, 3.9)
        self.shown_kind = None
        self._line(axes)
        headings = ("as the formula says", "largest score subtracted")
        for heading, columns in zip(headings, self.COLUMNS, strict=True):
            axes.text(columns[1], self.TOP + 0.32, heading, weight="bold", **CENTRE)
        heights = [self.TOP - row * self.ROW for row in range(len(self.NAMES))]
        for y, name in zip(heights, self.NAMES, strict=True):
            axes.text(1.4, y, name, ha="right", va="center", fontsize=SMALL)
            axes.plot([0.2, 6.9], [y - 0.145] * 2, color=COLORS["line"], lw=0.6)
        axes.plot(
            [4.17, 4.17], [heights[-1] - 0.145, self.TOP + 0.42], color=COLORS["line"], lw=0.8
        )
        self.cells = [
            [[axes.text(x, y, "", fontsize=SMALL, **CENTRE) for x in columns] for y in heights]
            for columns in self.COLUMNS
        ]
        self.moves(*(cell for side in self.cells for row in side for cell in row))
        self.verdict = self.moves(axes.text(3.5, 0.3, "", fontsize=11, **CENTRE))

    def _line(self, axes):
        y, height = 3.1, 0.36
        ends = self.LEFT + np.array([-1100, 1100]) * self.UNIT
        outer = {"fc": "white", "ec": COLORS["muted"], "hatch": "////", "lw": 0.8}
        axes.add_patch(Rectangle((ends[0], y), ends[1] - ends[0], height, **outer))
        self.band = Rectangle((0, y), 1, height, fc="#DCEBF5", ec=COLORS["value"], lw=1.2)
        axes.add_patch(self.band)
        for v in (-1000, -500, 0, 500, 1000):
            axes.text(self.LEFT + v * self.UNIT, y - 0.11, shown(v), fontsize=SMALL, **CENTRE)
        muted = {"fontsize": SMALL, "color": COLORS["muted"], "va": "center"}
        axes.text(ends[0], y + 0.52, "hatched: exp is 0", ha="left", **muted)
        axes.text(ends[1], y + 0.52, "hatched: exp is inf", ha="right", **muted)
        self.fits = axes.text(self.LEFT, y + 0.52, "", fontsize=SMALL, **CENTRE)
        (a,) = axes.plot([], [], "o", color=COLORS["gradient"], ms=8, zorder=3)
        (b,) = axes.plot([], [], "D", color=COLORS["value"], mfc="white", mew=1.8, ms=7, zorder=3)
        self.raw, self.shifted = self.moves(a, b)
        self.levels = y + 0.27, y + 0.09
        axes.text(
            3.5, y - 0.3, "\N{BLACK CIRCLE} exponents as the formula says     "
            "\N{WHITE DIAMOND} with the largest score subtracted", ha="center", **muted,
        )  # fmt: skip

    def update(self, s):
        if s.kind != self.shown_kind:
            self.shown_kind = s.kind
            width = (s.largest - s.smallest) * self.UNIT
            self.band.set(x=self.LEFT + s.smallest * self.UNIT, width=width)
            fits = f"exp fits: {s.smallest:.1f} to {s.largest:.1f}"
            self.fits.set_text(fits.replace("-", "\N{MINUS SIGN}"))
            self.redraw()
        self.raw.set_data(self.LEFT + s.naive.exponents * self.UNIT, self.levels[:1] * 3)
        self.shifted.set_data(
            self.LEFT + np.maximum(s.stable.exponents, -1090) * self.UNIT, self.levels[1:] * 3
        )
        for side, way, last in zip(self.cells, (s.naive, s.stable), ([], [s.loss]), strict=True):
            table = (way.exponents, way.e, [way.sum], way.p, [way.loss], last)
            for cells, values in zip(side, table, strict=True):
                # A single number stands in the middle.
                write = shown if values is way.exponents else drawn
                words = [write(v) for v in values]
                words = words if len(values) == 3 else ["", *words]
                for cell, word in zip_longest(cells, words, fillvalue=""):
                    broken = word.endswith(("inf", "nan"))
                    cell.set(
                        text=word,
                        weight="bold" if broken else "normal",
                        color=COLORS["wrong" if broken else "ink"],
                    )
        self.verdict.set_text(f"without the shift: {s.verdict}")
        self.verdict.set_weight("normal" if s.verdict == "right" else "bold")

    def say(self, s):
        return (
            f"Scores {listed(s.row, number)} in {s.kind}, true class {TRUE}. As the formula says: "
            f"exp {listed(s.naive.e)}, sum {significant(s.naive.sum)}, probabilities "
            f"{listed(s.naive.p)}, loss {significant(s.naive.loss)}: {s.verdict}. With the largest "
            f"score subtracted: probabilities {listed(s.stable.p)}, loss -ln p = "
            f"{significant(s.stable.loss)}, and ln sum - score = {significant(s.loss)}."
        )


Explorer(
    name="naive_and_stable",
    title="Softmax with and without the shift",
    question="Three scores, $z$ the first of them; class 1, in the middle, is the true one. "
    "**At which $z$ does the plain formula break, in float64 and in float32? Is it always nan "
    "that warns you?** Then take the row $z, 0, -1$ and a large $z$: the shift saves the "
    "probabilities. Does it save the loss $-\\ln p$? Look at "
    "both ends of the slider.",
    answer="float64 ends at $e^{709.78}$, so 709 still works and 710 gives inf / inf. float32 ends "
    "at $e^{88.72}$: 88 works, 89 does not. Downwards the sum becomes 0 at -746 (-104 in float32), "
    "and 0 / 0 is nan as well. Just above that no nan warns you: at -744 the row $z, z - 1, z - 2$ "
    "gets the probabilities 0.667, 0.333, 0 in place of 0.665, 0.245, 0.09. A large negative $z$ "
    "beside 0 and -1 does no harm: an exponential of 0 is as good as right there. And with "
    "$z = 800$ beside them, the shifted softmax says 1, 0, 0, rightly rounded, but $-\\ln 0$ is "
    "inf, where the loss is 800. Only $\\ln$ of the sum, minus the score, gets that.",
    controls={
        "scores": Choose("scores", {words: words for words in ROWS}, "z, z - 1, z - 2"),
        "z": Steps("z", LARGEST, 709, lambda z: shown(z), play=True),
        "kind": Choose("numbers in", {words: words for words in FORMATS}, "float64"),
    },
    compute=naive_and_stable,
    picture=NaiveAndStablePicture,
)


# first-layer weights over a run ----------------------------------------------------------------

WEIGHTS_FILE = Path(__file__).with_name("first_layer.npz")
"""Made by images/make_images.py --train mlp from the run that its pictures show."""

EPOCH = 938  # steps of up to 64 images in 60,000
STOPS = (0, 24, 94, 235, 469, *(EPOCH * n for n in (1, 2, 3, 5, 7, 10)))
STOP_WORDS = {
    24: "24 steps",
    94: "a tenth of an epoch",
    235: "a quarter of an epoch",
    469: "half an epoch",
}
WEIGHT_UNIT = 1 / 400
"""Weights are stored as int8 multiples of this; -128 to 127 of them reach from -0.32 to 0.3175."""

REACH = {"weights": 0.3, "change": 0.1}


@cache
def stored_weights():
    """The run: weights (stops, 784, 16), accuracy and loss (stops,) on the test images."""
    with np.load(WEIGHTS_FILE) as file:
        weights = file["weights"].astype(np.float64) * WEIGHT_UNIT
        return SimpleNamespace(weights=weights, accuracy=file["accuracy"], loss=file["loss"])


def stop_words(step):
    if step == 0:
        return "no training"
    return STOP_WORDS.get(step) or f"{step // EPOCH} epoch{'s' if step > EPOCH else ''}"


def weights_over_training(step, show):
    """Sixteen units after some steps: their weights, or by how much these have changed."""
    run = stored_weights()
    at = STOPS.index(step)
    start, now = run.weights[0], run.weights[at]
    return SimpleNamespace(
        step=step, show=show, images=(now if show == "weights" else now - start).T,
        accuracy=float(run.accuracy[at]), loss=float(run.loss[at]),
        start=float(np.sqrt(np.mean(start**2))),
        moved=float(np.sqrt(np.mean((now - start) ** 2))),
    )  # fmt: skip


class WeightsPicture(Moving):
    """The units as images of 28 x 28 in two rows of eight, on one scale, with a bar for it."""

    ACROSS, DOWN, SIDE, GAP = 8, 2, 28, 3  # units and pixels

    def draw(self, scene):
        self.figure = Figure(figsize=(MAX_WIDTH, 2.75))
        step = self.SIDE + self.GAP
        width, height = self.ACROSS * step - self.GAP, self.DOWN * step - self.GAP
        self.mosaic = np.full((height, width), np.nan)
        axes = self.figure.add_axes((0.02, 0.2, 0.96, 0.7))
        axes.axis("off")
        style = {"cmap": "RdBu_r", "vmin": -1, "vmax": 1}
        self.image = self.moves(axes.imshow(self.mosaic, **style))
        for row in range(self.DOWN):
            for column in range(self.ACROSS):
                corner = (column * step - 0.5, row * step - 0.5)
                axes.add_patch(
                    Rectangle(corner, self.SIDE, self.SIDE, fill=False, ec=COLORS["line"], lw=1)
                )
        self.title = self.moves(self.figure.text(0.5, 0.945, "", **CENTRE))
        bar = self.figure.add_axes((0.3, 0.125, 0.4, 0.045))
        bar.imshow(np.linspace(-1, 1, 101)[None], aspect="auto", **style)
        bar.set(xticks=[], yticks=[])
        self.ends = self.moves(
            *(self.figure.text(x, 0.065, "", fontsize=SMALL, **CENTRE) for x in (0.3, 0.7))
        )
        self.figure.text(0.5, 0.065, "blue: below 0      red: above", fontsize=SMALL, **CENTRE)

    def update(self, s):
        step = self.SIDE + self.GAP
        reach = REACH[s.show]
        for k, image in enumerate(s.images):
            row, column = divmod(k, self.ACROSS)
            self.mosaic[
                row * step : row * step + self.SIDE, column * step : column * step + self.SIDE
            ] = image.reshape(self.SIDE, self.SIDE) / reach
        self.image.set_data(self.mosaic)
        what = "weights" if s.show == "weights" else "change of the weights"
        self.title.set_text(f"{what} of 16 hidden units, after {s.step:,} steps")
        for text, end in zip(self.ends, (-reach, reach), strict=True):
            text.set_text(shown(end))

    def say(self, s):
        shows = "their weights" if s.show == "weights" else "by how much their weights have changed"
        words = stop_words(s.step)
        begun = f"After {s.step:,} steps" + ("" if words.endswith("steps") else f" ({words})")
        return (
            f"{begun}: test accuracy {s.accuracy:.2f}, test "
            f"loss {s.loss:.2f}. The weights of these 16 units have moved by {s.moved:.3f}; at the "
            f"start they were {s.start:.3f} large (both root mean squares). Shown: {shows}."
        )


Explorer(
    name="weights_over_training",
    title="First-layer weights over the run",
    question="Play the run, first with the weights, then with their change. **Which comes first: "
    "the strokes that you can see in the weights, or the accuracy?** And where does the network "
    "keep what it knows after half an epoch?",
    answer="The accuracy. After half an epoch it is 0.92, and the weights still look like the "
    "noise of the start: they have moved by 0.014, and the noise is 0.051 large. What the network "
    "knows is in that small change, where strokes show already after a tenth of an epoch, at an "
    "accuracy of 0.88. The change is small at each pixel but the same way all along a stroke, so "
    "it adds up: over 1,000 digits it makes the units' $z$ vary by 0.48, the larger noise by 0.36 "
    "(standard deviations). After 10 epochs the change is 0.034.",
    controls={
        "step": Steps("after", STOPS, 0, stop_words, play=True),
        "show": Choose(
            "show", {"weights": "weights", "change since the start": "change"}, "weights"
        ),
    },
    compute=weights_over_training,
    picture=WeightsPicture,
)


# a training run to watch -----------------------------------------------------------------------

RATES = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0]
BATCHES = (8, 64, 256)
HIDDEN, IMAGES, UNSEEN = 32, 4000, 500
STEPS, STEPS_A_SCENE = 2400, 4


@cache
def digits():
    return load_mnist(train=IMAGES, test=UNSEEN)


class Run:
    """A network 784-32-10 on its way, and what was measured so far."""

    def __init__(self, seed=0):
        self.rng = np.random.default_rng(seed)
        self.model = Sequential(Linear(784, HIDDEN, self.rng), ReLU(), Linear(HIDDEN, 10, self.rng))
        self.sgd = SGD(self.model.parameters(), 0.1)
        self.loss_fn = CrossEntropy()
        self.losses, self.rates, self.unseen, self.accuracy = [], [], [], []
        self.measure()

    def learn(self, rate, batch):
        """One step on `batch` images drawn at random."""
        self.sgd.learning_rate = rate
        index = self.rng.integers(0, IMAGES, batch)
        with np.errstate(all="ignore"):  # a loss that explodes is part of the game
            loss = self.loss_fn(self.model(digits().x_train[index]), digits().y_train[index])
            self.model.zero_grad()
            loss.backward()
            self.sgd.step()
        self.losses.append(float(loss))
        self.rates.append(rate)

    def measure(self):
        """Loss, accuracy and silent units on the unseen digits."""
        data = digits()
        with np.errstate(all="ignore"):
            hidden = self.model[1].forward(self.model[0].forward(data.x_test))
            scores = self.model[2].forward(hidden)
            loss = self.loss_fn(scores, data.y_test)
        self.unseen.append(float(loss))
        self.accuracy.append(float(np.mean(scores.argmax(axis=1) == data.y_test)))
        self.silent = int(np.sum(~hidden.any(axis=0)))

    def scene(self, rate, batch):
        return SimpleNamespace(
            rate=rate, batch=batch, step=len(self.losses), losses=np.array(self.losses),
            rates=np.array(self.rates), silent=self.silent,
            measured=np.arange(len(self.unseen)) * STEPS_A_SCENE,
            unseen=np.array(self.unseen), accuracy=np.array(self.accuracy),
        )  # fmt: skip


@cache
def _untrained():
    return Run()


def before_training(rate, batch):
    """The scene before the first step."""
    return _untrained().scene(rate, batch)


def train_and_watch(values, seed=0):
    """Scenes of a run that takes its rate and batch size from `values` at every step."""
    run = Run(seed)
    for _ in range(STEPS // STEPS_A_SCENE):
        for _ in range(STEPS_A_SCENE):
            run.learn(**values)
        run.measure()
        yield run.scene(**values)


class TrainingPicture(Moving):
    """The loss over the steps; beside it accuracy on unseen digits, and the learning rate."""

    def draw(self, scene):
        self.figure = Figure(figsize=(MAX_WIDTH, 3.5))
        loss = self.figure.add_axes((0.085, 0.13, 0.49, 0.79))
        accuracy = self.figure.add_axes((0.66, 0.55, 0.325, 0.37))
        rate = self.figure.add_axes((0.66, 0.13, 0.325, 0.27))
        loss.set(yscale="log", ylim=(0.03, 4e5), xlim=(0, STEPS), xlabel="step")
        loss.set_title("loss", fontsize=SMALL + 1)
        ticks = [0.1, 1, 10, 100, 1000, 10000]
        loss.set_yticks(ticks, [f"{tick:,}" for tick in ticks])
        loss.axhline(np.log(10), color=COLORS["muted"], lw=1, ls=":")
        loss.text(STEPS, np.log(10) * 1.4, "ln 10: guessing", ha="right", fontsize=SMALL,
                  color=COLORS["muted"])  # fmt: skip
        (each,) = loss.plot([], [], color=COLORS["light"], lw=0.7, label="each batch")
        (unseen,) = loss.plot([], [], color=COLORS["value"], lw=1.8, label="500 unseen digits")
        (here,) = loss.plot([], [], "o", color=COLORS["value"], ms=6, clip_on=False)
        loss.legend(loc="upper right", ncols=2)
        accuracy.set(xlim=(0, STEPS), ylim=(0, 1.02), yticks=[0, 0.5, 1])
        accuracy.set_title("accuracy on unseen digits", fontsize=SMALL + 1)
        (right,) = accuracy.plot([], [], color=COLORS["value"], lw=1.8)
        (there,) = accuracy.plot([], [], "o", color=COLORS["value"], ms=6, clip_on=False)
        rate.set(yscale="log", ylim=(5e-4, 20), xlim=(0, STEPS), xlabel="step")
        rate.set_yticks([0.001, 0.1, 10], ["0.001", "0.1", "10"])
        rate.set_title("learning rate", fontsize=SMALL + 1)
        (used,) = rate.plot([], [], color=COLORS["gradient"], ls="--", lw=1.6)
        (setting,) = rate.plot([], [], "D", color=COLORS["gradient"], ms=6, clip_on=False)
        for axes in (loss, rate):
            axes.minorticks_off()
        for axes in (loss, accuracy, rate):
            axes.set_xticks([0, 1000, 2000], ["0", "1,000", "2,000"])
        self.lines = self.moves(each, unseen, here, right, there, used, setting)

    def update(self, s):
        each, unseen, here, right, there, used, setting = self.lines
        steps = np.arange(1, s.step + 1)
        each.set_data(steps, s.losses)
        unseen.set_data(s.measured, s.unseen)
        here.set_data([s.step], s.unseen[-1:])
        right.set_data(s.measured, s.accuracy)
        there.set_data([s.step], s.accuracy[-1:])
        used.set_data(steps, s.rates)
        setting.set_data([s.step], [s.rate])

    def say(self, s):
        begun = f"Step {s.step:,} of {STEPS:,}" if s.step else "Before training"
        return (
            f"{begun}; learning rate {number(s.rate)}, batches of {s.batch}. On {UNSEEN} unseen "
            f"digits: loss {s.unseen[-1]:.2f}, accuracy {s.accuracy[-1]:.2f}. "
            f"{s.silent} of the {HIDDEN} hidden units are silent on all of them."
        )


Explorer(
    name="train_and_watch",
    title="Train, and change the rate on the way",
    question="A network 784-32-10 learns from 4,000 digits. Train it at 0.1 until the loss is "
    "below 0.5. **Now *Pause*, set the rate to 10, go on for a second, pause, and set it back to "
    "0.1. Does the loss come back down?** Start over, and do the same with 1 in place of 10. "
    "Watch the silent units.",
    answer="At 10, no. The loss shoots up, often past 1,000, and falls back to about 2.3. At 0.1 "
    "again it stays there, or comes down to 1.9 at best: at least 29 of the 32 units are silent on "
    "all 500 digits, hardly any gradient goes through the layer, and what is left reads three "
    "digits of ten, or fewer. At 1, "
    "twenty or more units fall silent, and the others go on learning: the loss comes part of the "
    "way back. A rate of 0.3 does no such harm. So too large a step does not only lose time. It "
    "can break what small steps cannot mend. (Tried from six starts, with the rate taken up after "
    "100, 300 and 800 steps, for 40, 100 and 300 steps; 600 steps at 0.1 followed.)",
    controls={
        "rate": Steps("learning rate", RATES, 0.1, shown),
        "batch": Choose("batch size", {str(n): n for n in BATCHES}, 64),
    },
    compute=before_training,
    picture=TrainingPicture,
    run=train_and_watch,
    action="Train",
)
