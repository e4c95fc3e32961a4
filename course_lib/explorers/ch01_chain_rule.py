"""Chapter 01: a tangent and a nudge, a chain with numbers on its wires, and gradient descent."""

from types import SimpleNamespace

import numpy as np
from matplotlib.figure import Figure

from course_lib.explorers.explorer import Choose, Explorer, Steps, counted
from course_lib.viz.moving import Moving
from course_lib.viz.style import (
    COLORS,
    MAX_WIDTH,
    NORMAL,
    SMALL,
    count,
    factor,
    inch_canvas,
    number,
    shown,
)


def grid(low, high, step):
    """low, low + step, … high, without the noise of adding decimals."""
    digits = max(0, -int(np.floor(np.log10(step))) + 1)
    return [round(float(v), digits) + 0.0 for v in np.arange(low, high + step / 2, step)]


# the tangent and the nudge ---------------------------------------------------------------------

CURVES = {
    "(3x + 2)²": (lambda x: (3 * x + 2) ** 2, lambda x: 6 * (3 * x + 2)),
    "sin(2x)": (lambda x: np.sin(2 * x), lambda x: 2 * np.cos(2 * x)),
    "eˣ": (np.exp, np.exp),
}


LIMITS = {"(3x + 2)²": (-10, 92), "sin(2x)": (-3.2, 4.6), "eˣ": (-1.2, 10.5)}
"""The heights shown: all that a line can promise, and room for the key above."""


def tangent(curve, x, nudge):
    """Where a nudge of x takes a curve, and where its tangent at x says that it goes."""
    f, derivative = CURVES[curve]
    slope, y = float(derivative(x)), float(f(x))
    promise, truth = slope * nudge, float(f(x + nudge)) - y
    miss = abs(truth - promise)
    percent = 100 * miss / abs(promise) if abs(promise) > 1e-12 else None
    return SimpleNamespace(
        curve=curve, f=f, x=x, y=y, nudge=nudge, slope=slope, promise=promise, truth=truth,
        miss=miss, percent=percent,
    )  # fmt: skip


class TangentPicture(Moving):
    """The curve, its tangent at x, and what both say about x + nudge."""

    def draw(self, scene):
        self.figure = Figure(figsize=(MAX_WIDTH, 3.3), layout="constrained")
        axes = self.axes = self.figure.subplots()
        axes.set(xlabel="x", xlim=(-2.1, 2.1))
        self.t = np.linspace(-2.1, 2.1, 300)
        (self.curve,) = axes.plot([], [], color=COLORS["value"])
        (line,) = axes.plot([], [], color=COLORS["gradient"], ls="--", label="tangent")
        (gap,) = axes.plot([], [], color=COLORS["ink"], lw=2, ls=":", label="miss")
        (start,) = axes.plot([], [], "o", color=COLORS["ink"], ms=7, label="here, at x")
        (truth,) = axes.plot([], [], "o", color=COLORS["value"], ms=8, label="truth at x + nudge")
        (said,) = axes.plot(
            [],
            [],
            "D",
            color=COLORS["gradient"],
            mfc="white",
            mew=1.8,
            ms=7,
            label="line's promise",
        )  # fmt: skip
        self.line, self.gap, self.start, self.true, self.said = self.moves(
            line, gap, start, truth, said
        )
        self.shown_curve = None
        axes.legend(loc="upper left", ncols=2)

    def update(self, s):
        if s.curve != self.shown_curve:
            self.shown_curve = s.curve
            self.curve.set_data(self.t, s.f(self.t))
            self.axes.set(ylim=LIMITS[s.curve], title=f"y = {s.curve}")
            self.redraw()
        self.line.set_data(self.t, s.y + s.slope * (self.t - s.x))
        end = s.x + s.nudge
        self.gap.set_data([end, end], [s.y + s.promise, s.y + s.truth])
        self.start.set_data([s.x], [s.y])
        self.true.set_data([end], [s.y + s.truth])
        self.said.set_data([end], [s.y + s.promise])

    def say(self, s):
        words = (
            f"At x = {number(s.x)} the curve y = {s.curve} has height {number(s.y)} and slope "
            f"{number(s.slope)}. "
        )
        if s.nudge == 0:
            return words + "Nothing is nudged."
        words += (
            f"A nudge of {number(s.nudge)}: the line promises a change of {number(s.promise)}, "
            f"the curve changes by {number(s.truth)}. "
        )
        share = f", {s.percent:.1f} % of what it promised" if s.percent is not None else ""
        return words + f"The line misses by {number(s.miss)}{share}."


Explorer(
    name="tangent_and_nudge",
    title="Where does the straight line stop predicting?",
    question="Stay at $x = 1$. **How long may the nudge be, if the line is to miss by at most "
    "10 % of what it promises?** Then halve a nudge: what becomes of the miss, and what of the "
    "percentage?",
    answer="At $x = 1$ the last nudge within 10 % is 0.3, where the line misses by 9 %. Halve "
    "the nudge, and the miss becomes a quarter (the curve leaves the line with the *square* of the "
    "nudge), so the percentage becomes a half. On $e^x$ both hold nearly, for short nudges. "
    "There is no length that is short enough for every curve: it depends on how strongly the "
    "curve bends.",
    controls={
        "curve": Choose("curve", {words: words for words in CURVES}, "(3x + 2)²"),
        "x": Steps("x", grid(-1, 1, 0.25), 1.0, shown),
        "nudge": Steps("nudge", grid(-1, 1, 0.05), 0.5, shown),
    },
    compute=tangent,
    picture=TangentPicture,
)


# a chain with numbers on its wires -------------------------------------------------------------

CHAINS = {
    "(3x + 2)²": [
        ("× 3", lambda v: 3 * v, lambda v: 3.0),
        ("+ 2", lambda v: v + 2, lambda v: 1.0),
        ("square", lambda v: v * v, lambda v: 2 * v),
    ],
    "e^(sin 2x)": [
        ("× 2", lambda v: 2 * v, lambda v: 2.0),
        ("sin", np.sin, np.cos),
        ("exp", np.exp, np.exp),
    ],
    "1 / (x² + 1)": [
        ("square", lambda v: v * v, lambda v: 2 * v),
        ("+ 1", lambda v: v + 1, lambda v: 1.0),
        ("1 / ·", lambda v: 1 / v, lambda v: -1 / v**2),
    ],
}


def chain(function, x, done):
    """Values forward and gradients backward along a chain of three boxes.

    done: how many steps are taken; 3 go forward, then one writes dy/dy = 1, then 3 go backward.
    """
    links = CHAINS[function]
    values = [float(x)]
    for _, forward, _ in links:
        values.append(float(forward(values[-1])))
    local = [float(d(v)) for (_, _, d), v in zip(links, values[:-1], strict=True)]
    gradients = [1.0]
    for slope in reversed(local):
        gradients.insert(0, gradients[0] * slope)
    n = len(links)
    return SimpleNamespace(
        function=function, boxes=[name for name, _, _ in links], values=values, local=local,
        gradients=gradients, done=done, forward=min(done, n) + 1,
        backward=max(0, done - n), steps=2 * n + 1,
    )  # fmt: skip


class ChainPicture(Moving):
    """Three boxes; values above the wires, gradients below, as far as the walk has come."""

    WIRES, BOXES = (0.5, 2.5, 4.5, 6.5), (1.5, 3.5, 5.5)
    NAMES = ("x", "u", "v", "y")

    def draw(self, scene):
        self.figure, axes = inch_canvas(MAX_WIDTH, 2.0)
        arrow = {"arrowstyle": "-|>,head_length=0.5,head_width=0.22", "lw": 1.6, "shrinkA": 0}
        for a, b in zip((0.2, 1.97, 3.97, 5.97), (1.03, 3.03, 5.03, 6.85), strict=True):
            axes.annotate("", (b, 1.2), (a, 1.2), arrowprops={**arrow, "color": COLORS["muted"]})
        box = {"boxstyle": "round,pad=0.5", "fc": COLORS["box"], "ec": COLORS["muted"]}
        centre = {"ha": "center", "va": "center"}
        self.names = self.moves(
            *(axes.text(x, 1.2, "", bbox=box, fontsize=NORMAL, **centre) for x in self.BOXES)
        )
        for x, name in zip(self.WIRES, self.NAMES, strict=True):
            axes.text(x, 1.76, name, style="italic", fontsize=NORMAL, **centre)
        self.above = self.moves(
            *(axes.text(x, 1.42, "", color=COLORS["value"], fontsize=12, **centre)
              for x in self.WIRES)
        )  # fmt: skip
        self.below = self.moves(
            *(axes.text(x, 0.96, "", color=COLORS["gradient"], fontsize=12, **centre)
              for x in self.WIRES)
        )  # fmt: skip
        self.slopes = self.moves(
            *(axes.text(x, 0.68, "", color=COLORS["muted"], fontsize=SMALL, **centre)
              for x in self.BOXES)
        )  # fmt: skip
        axes.text(
            3.5, 0.18, "above the wires: values, left to right.   below: dy/d(wire), right to left",
            fontsize=SMALL, color=COLORS["muted"], **centre,
        )  # fmt: skip

    def update(self, s):
        for text, name in zip(self.names, s.boxes, strict=True):
            text.set_text(name)
        n = len(s.values)
        for i in range(n):
            self.above[i].set_text(shown(s.values[i]) if i < s.forward else "")
            self.below[i].set_text(shown(s.gradients[i]) if i >= n - s.backward else "")
        for i, text in enumerate(self.slopes):
            text.set_text(f"slope {shown(s.local[i])}" if i >= n - s.backward else "")

    def say(self, s):
        n = len(s.values)
        known = ", ".join(f"{a} = {number(v)}" for a, v in
                          zip(self.NAMES[: s.forward], s.values, strict=False))  # fmt: skip
        words = f"y = {s.function}. Forward so far: {known}."
        if not s.backward:
            return words
        i = n - s.backward
        if i == n - 1:
            return words + " The backward pass starts at the end, with dy/dy = 1."
        a = self.NAMES[i]
        box = s.boxes[i]
        return words + (
            f" Backward: the box {box} saw {a} = {number(s.values[i])}, where its slope is "
            f"{number(s.local[i])}. So dy/d{a} = {number(s.gradients[i + 1])} · "
            f"{factor(s.local[i])} = {number(s.gradients[i])}."
        )


Explorer(
    name="chain_on_wires",
    title="A chain, forward and backward",
    question="Step through the chain, or press *Play*. **For $(3x + 2)^2$, at which $x$ is the "
    "slope $dy/dx$ equal to $-6$, and at which box does the sign turn?** Say the next number "
    "before you take the step.",
    answer="At $x = -1$: the square sees $v = -1$, and its slope there is $2v = -2$. The other two "
    "boxes have slopes 3 and 1 wherever they stand. The square's slope depends on what it saw, so "
    "the forward value has to be kept.",
    controls={
        "function": Choose("y =", {words: words for words in CHAINS}, "(3x + 2)²"),
        "x": Steps("x", grid(-1.5, 1.5, 0.5), 0.0, shown),
        "done": Steps("step", range(8), 0, counted(7), play=True),
    },
    compute=chain,
    picture=ChainPicture,
)


# gradient descent with the learning rate in your hand ------------------------------------------

START, STEPS = 4.0, 30


def _behaviour(factor, path):
    """What a descent on w² does, from the factor that every step multiplies w by."""
    size = abs(factor)
    if size > 1:
        return "diverges: each step lands farther away"
    if size == 1:
        return "is stuck: it jumps from side to side for ever"
    if factor < 0:
        speed = "slowly" if factor < -0.5 else "quickly"
        return f"oscillates: it jumps across the valley each time, and closes in {speed}"
    if size <= 0.5:
        return "converges quickly"
    return "crawls" if factor > 0.9 else "converges"


def descent(rate, steps):
    """Gradient descent on f(w) = w² from w = 4: w becomes (1 - 2 rate) w at every step."""
    w = [START]
    for _ in range(steps):
        w.append(w[-1] - rate * 2 * w[-1])
    factor = round(1 - 2 * rate, 10)
    return SimpleNamespace(
        rate=rate, steps=steps, path=np.array(w), factor=factor, behaviour=_behaviour(factor, w)
    )


def _tiny(x):
    """A number in words; what is nearly 0 is not 0."""
    return "almost 0" if 0 < abs(x) < 1e-8 else number(x)


class DescentPicture(Moving):
    """The valley with the points visited, and the loss at each step on a logarithmic axis."""

    def draw(self, scene):
        self.figure = Figure(figsize=(MAX_WIDTH, 3.1), layout="constrained")
        valley, loss = self.figure.subplots(1, 2)
        w = np.linspace(-9, 9, 300)
        valley.plot(w, w**2, color=COLORS["line"])
        valley.set(xlabel="w", title="f(w) = w²", xlim=(-9, 9), ylim=(-4, 70))
        loss.set(xlabel="step", title="f(w) after each step", xlim=(-0.5, STEPS + 0.5),
                 yscale="log", ylim=(1e-7, 1e5))  # fmt: skip
        loss.set_yticks([1e-6, 1e-3, 1, 1e3], ["0.000001", "0.001", "1", "1,000"])
        loss.minorticks_off()
        loss.axhline(START**2, color=COLORS["line"], lw=1)
        loss.text(STEPS, START**2 * 4, "where it began", ha="right", fontsize=SMALL,
                  color=COLORS["muted"])  # fmt: skip
        (a,) = valley.plot([], [], "o-", color=COLORS["value"], ms=5, lw=1)
        (b,) = valley.plot([], [], "D", color=COLORS["gradient"], ms=8, mfc="white", mew=1.8)
        (c,) = loss.plot([], [], "o-", color=COLORS["value"], ms=4, lw=1.2)
        self.points, self.last, self.losses = self.moves(a, b, c)

    def update(self, s):
        self.points.set_data(s.path, s.path**2)
        self.last.set_data(s.path[-1:], s.path[-1:] ** 2)
        self.losses.set_data(np.arange(len(s.path)), np.maximum(s.path**2, 1e-30))

    def say(self, s):
        end = s.path[-1]
        outside = " (outside the left picture)" if abs(end) > 8.3 else ""
        return (
            f"Rate {number(s.rate)}: every step multiplies w by 1 - 2 · {number(s.rate)} = "
            f"{factor(s.factor)}. From w = 4, {count(s.steps, 'step')} "
            f"{'leads' if s.steps == 1 else 'lead'} to w = {_tiny(end)}{outside}, where f is "
            f"{_tiny(end**2)}. It {s.behaviour}."
        )


Explorer(
    name="descent_by_hand",
    title="The learning rate in your hand",
    question="Find a rate for each of the four: it **crawls**, **converges**, **oscillates**, "
    "**diverges**. Then: **which rate gets to the bottom in a single step, and at which does it "
    "jump for ever between two points?**",
    answer="At 0.5 the factor is 0: one step, and it is there. At 1 the factor is -1, and it jumps "
    "between 4 and -4. Every rate above 1 diverges. On this curve, for the slope is $2w$; on a "
    "steeper valley all these rates are smaller.",
    controls={
        "rate": Steps("learning rate", [0.005, 0.01, 0.02, *grid(0.05, 1.2, 0.05)], 0.1, shown),
        "steps": Steps("steps", range(STEPS + 1), 10, str, play=True),
    },
    compute=descent,
    picture=DescentPicture,
)
