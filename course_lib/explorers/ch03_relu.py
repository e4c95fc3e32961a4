"""Chapter 03: the gate on a batch, units that die, and four activations beside each other."""

from functools import partial
from types import SimpleNamespace

import numpy as np
from matplotlib.figure import Figure

from course_lib import functional as F
from course_lib.explorers.explorer import Choose, Explorer, Steps
from course_lib.viz.moving import Moving
from course_lib.viz.picture import DPI
from course_lib.viz.style import (
    COLORS,
    LARGE,
    LOOKS,
    MAX_WIDTH,
    NORMAL,
    SMALL,
    count,
    inch_canvas,
    number,
    shown,
)
from course_lib.viz.tables import Table

# the gate on a batch ---------------------------------------------------------------------------

Z = np.array([[1.5, -0.5, 0.5], [-1, 1, 2], [0.5, 0, -1.5], [2, -2, 1], [-0.5, 1.5, -1]])
DA = np.array(
    [[0.3, -0.2, 0.4], [-0.5, 0.1, -0.3], [0.2, 0.6, -0.1], [-0.4, -0.7, 0.5], [0.1, 0.8, -0.6]]
)


def gate(shift, sample, unit):
    """A batch through ReLU and back, with `shift` added to every bias, and so to every z."""
    z = Z + shift
    a, mask = F.relu_forward(z)
    return SimpleNamespace(
        shift=shift, place=(sample, unit), z=z, mask=mask, a=a, dA=DA, dz=F.relu_backward(DA, mask)
    )


class GatePicture(Moving):
    """Forward along the top, backward along the bottom, and the mask that both go through."""

    CELL = (0.56, 0.26)
    LEFTS, TOPS = (0.35, 2.75, 5.1), (3.14, 1.4)

    def draw(self, scene):
        self.figure, axes = inch_canvas(MAX_WIDTH, 3.55)
        left, centre, right = self.LEFTS
        above, below = self.TOPS
        places = {
            "z": (left, above, "z"), "a": (right, above, "a = ReLU(z)"),
            "mask": (centre, (above + below) / 2, "mask: z > 0"),
            "dz": (left, below, "dz"), "dA": (right, below, "dA, comes back"),
        }  # fmt: skip
        self.tables = {}
        width, height = self.CELL
        for name, (x, top, title) in places.items():
            self.tables[name] = table = Table(self, axes, Z.shape, x, top, self.CELL)
            table.indices()
            axes.text(x + 1.5 * width, top + 0.2, title, ha="center")
        arrow = {"arrowstyle": "-|>,head_length=0.5,head_width=0.22", "lw": 1.8}
        start, end = left + 3 * width + 0.08, right - 0.25
        for top, ends, color, word in (
            (above, (start, end), "value", "forward: max(z, 0)"),
            (below, (end, start), "gradient", "backward: dA · mask"),
        ):  # fmt: skip
            y = top - 0.6 * height if top == above else top - 4.4 * height
            axes.annotate(
                "", (ends[1], y), (ends[0], y), arrowprops=arrow | {"color": COLORS[color]}
            )
            axes.text((start + end) / 2, y + 0.07, word, ha="center", color=COLORS[color])

    def update(self, s):
        closed = {(int(r), int(c)): "closed" for r, c in np.argwhere(~s.mask)}
        marked = {s.place: "marked, closed" if s.place in closed else "marked"}
        for name, table in self.tables.items():
            looks = {s.place: "marked"} if name in ("z", "dA") else closed | marked
            array = s.mask.astype(float) if name == "mask" else getattr(s, name)
            table.show(array, looks)

    def say(self, s):
        r, c = s.place
        opened = bool(s.mask[r, c])
        what = ", and 0 counts as closed" if s.z[r, c] == 0 else (
            " is positive: open" if opened else " is negative: closed"
        )  # fmt: skip
        return (
            f"With {number(s.shift)} added to every bias, {s.mask.sum()} of {s.mask.size} gates "
            f"are open, {s.mask[:, c].sum()} of them in unit {c}. In sample {r}, unit {c}, "
            f"z = {number(s.z[r, c])}{what}. Forward a = {number(s.a[r, c])}; of the "
            f"{number(s.dA[r, c])} that comes back, {number(s.dz[r, c])} goes on. Column {c} of dz "
            f"adds up to {number(s.dz[:, c].sum())}, the gradient of its bias."
        )

    def at(self, x, y):
        for table in self.tables.values():
            place = table.find(x / DPI, y / DPI)
            if place:
                return {"sample": place[0], "unit": place[1]}
        return {}


Explorer(
    name="relu_gate",
    title="The gate on a batch",
    question="Lower all biases, 0.5 at a time. **At which shift does the last gate of unit "
    "1 close, and what is left of its column of dz?** Follow one entry through: click on it, or "
    "choose its sample and unit. Does the sign of dA open or close anything?",
    answer="At -1.5. The largest z of unit 1 is 1.5 (sample 4), so there it is exactly 0, and 0 "
    "counts as closed. Its whole column of dz is 0 then, and so is the gradient of its bias, "
    "whatever dA says. At -2 every gate of the batch is closed; all 15 are open from 2.5 on, and "
    "not yet at 2, where the smallest z is exactly 0. The sign of dA never matters: the mask was "
    "set by z.",
    controls={
        "shift": Steps(
            "added to every bias", [i / 2 for i in range(6, -7, -1)], 0.0, shown, play=True
        ),
        "sample": Steps("sample", range(5), 0, str),
        "unit": Steps("unit", range(3), 1, str),
    },
    compute=gate,
    picture=GatePicture,
)


# units that die --------------------------------------------------------------------------------

UNITS, STEPS, PUSHED_AT, RATE = 40, 100, 20, 0.2
INPUTS = np.linspace(-2, 2, 21)[:, None]
TEACHER = (1.0, 0.5)  # its weight and bias


def population(slope, push, step):
    """40 units, each trained to copy a teacher unit; before step 20 their biases are pushed down.

    A unit has one weight w, one bias b and its own error, so the units don't act on each other.
    The inputs are 21 points from -2 to 2. Gives w and b after `step` steps, and for each step up
    to there which units are inactive on all inputs.
    """
    rng = np.random.default_rng(0)
    w, b = rng.normal(0, 1, (1, UNITS)), rng.normal(0, 0.7, UNITS)
    teacher, _ = F.relu_forward(INPUTS * TEACHER[0] + TEACHER[1])
    target = np.repeat(teacher, UNITS, axis=1)
    inactive = []
    for done in range(step + 1):
        if done == PUSHED_AT:
            b = b - push
        z, linear = F.linear_forward(INPUTS, w, b)
        a, gates = F.leaky_relu_forward(z, slope)
        _, error = F.squared_error_forward(a, target)
        dz = F.leaky_relu_backward(F.squared_error_backward(1.0, error), gates)
        _, dw, db = F.linear_backward(dz, linear, need_dX=False)
        inactive.append(np.all(z <= 0, axis=0))
        if done < step:
            w, b = w - RATE * dw, b - RATE * db
    now, pushed = inactive[-1], inactive[min(PUSHED_AT, step)]
    return SimpleNamespace(
        slope=slope, push=push, step=step, w=w[0], b=b, inactive=now, dw=dw[0], db=db,
        counts=np.array([i.sum() for i in inactive]), pushed=int(pushed.sum()),
        back=int(np.sum(pushed & ~now)),
    )  # fmt: skip


class PopulationPicture(Moving):
    """Each unit as a point (weight, bias), and how many were inactive at each step."""

    def draw(self, scene):
        self.figure = Figure(figsize=(MAX_WIDTH, 3.6), layout="constrained")
        plane, counts = self.figure.subplots(1, 2, width_ratios=(1.25, 1))
        w = np.array([-3.0, 0, 3])
        plane.fill_between(
            w, -2 * np.abs(w), -7, facecolor=COLORS["box"], edgecolor=COLORS["line"], hatch="////",
            lw=0,
        )  # fmt: skip
        plane.plot(w, -2 * np.abs(w), color=COLORS["muted"], lw=1)
        plane.set(xlabel="weight w", ylabel="bias b", xlim=(-3, 3), ylim=(-5.2, 3.4),
                  title="each unit is a point")  # fmt: skip
        plane.text(
            0, -4.75, "here z ≤ 0 on every input", ha="center", size=SMALL,
            bbox={"fc": "white", "ec": "none", "pad": 2},
        )  # fmt: skip
        (living,) = plane.plot([], [], "o", color=COLORS["value"], ms=5.5, mec="white", mew=0.6,
                               label="active somewhere")  # fmt: skip
        (silent,) = plane.plot([], [], "X", color=COLORS["gradient"], ms=7, mec="white", mew=0.6,
                               label="inactive on all inputs")  # fmt: skip
        plane.plot(*TEACHER, "*", color=COLORS["tint"], mec=COLORS["ink"], ms=15, zorder=1.5,
                   label="teacher")  # fmt: skip
        plane.legend(loc="upper center", ncols=2, columnspacing=1, handletextpad=0.3)
        counts.axvline(PUSHED_AT, color=COLORS["line"], lw=1)
        counts.text(PUSHED_AT + 2, 42.2, "push", size=SMALL, color=COLORS["muted"])
        counts.set(xlabel="step", xlim=(-2, STEPS + 2), ylim=(-1, 45), yticks=range(0, 41, 10),
                   title=f"inactive on all inputs, of {UNITS}")  # fmt: skip
        (line,) = counts.plot([], [], color=COLORS["gradient"])
        (end,) = counts.plot([], [], "X", color=COLORS["gradient"], ms=8, mec="white", mew=0.6)
        self.living, self.silent, self.line, self.end = self.moves(living, silent, line, end)

    def update(self, s):
        self.living.set_data(s.w[~s.inactive], s.b[~s.inactive])
        self.silent.set_data(s.w[s.inactive], s.b[s.inactive])
        self.line.set_data(np.arange(s.step + 1), s.counts)
        self.end.set_data([s.step], s.counts[-1:])

    def say(self, s):
        n = int(s.inactive.sum())
        words = f"Step {s.step}, slope {number(s.slope)} for negative z: "
        words += f"{n} of {UNITS} units {'is' if n == 1 else 'are'} inactive on all inputs"
        words += ": dead. " if n and not s.slope else ". "
        if n:
            largest = max(np.abs(s.dw[s.inactive]).max(), np.abs(s.db[s.inactive]).max())
            said = f"{largest:.2g}" if largest else "exactly 0"
            words += f"The largest gradient among them is {said}. "
        if not s.push:
            return words + "Nothing is pushed."
        if s.step < PUSHED_AT:
            return words + f"The push of {number(s.push)} comes at step {PUSHED_AT}."
        return words + (
            f"Right after the push of {number(s.push)} {s.pushed} were inactive; of these, "
            f"{s.back} {'has' if s.back == 1 else 'have'} come back."
        )


Explorer(
    name="dead_units",
    title="Do the dead come back?",
    question=f"{count(UNITS, 'unit')} learn to copy one teacher unit, by plain gradient descent. "
    "At step 20 a push lowers all their biases, as one step that is much too long can do. "
    "**After a push of 3, how many of the dead come back by step 100: with slope 0, with 0.01, "
    "with 0.1?** Guess first, then play the steps. And are there deaths without any push?",
    answer="The push of 3 silences all 40. With slope 0 none comes back: each gradient is exactly "
    "0, so no point moves again. With 0.01 it is 6, with 0.1 all 40: a leak leaves every unit "
    "some gradient, and how much decides how long the way out takes. Without a push 6 of the "
    "40 plain ReLU units are dead from the start, for the whole run. The leak is no guarantee: "
    "it sends a unit where its error wants it. Here that is back, for the teacher gives 0 or more "
    "and a closed unit 0 or less: too little. With slope 0.01 and no push, 8 are inactive at "
    "step 100, two more than at the start.",
    controls={
        "push": Steps("push", [i / 2 for i in range(7)], 1.0, shown),
        "slope": Choose("slope for negative z", {"0 (ReLU)": 0.0, "0.01": 0.01, "0.1": 0.1}, 0.0),
        "step": Steps("step", range(0, STEPS + 1, 5), 0, str, play=0.3),
    },
    compute=population,
    picture=PopulationPicture,
)


# four activations ------------------------------------------------------------------------------

DEEPEST, FLOOR = 20, 1e-12
ACTIVATIONS = {
    "ReLU": (F.relu_forward, F.relu_backward),
    "leaky ReLU (.1)": (partial(F.leaky_relu_forward, slope=0.1), F.leaky_relu_backward),
    "sigmoid": (F.sigmoid_forward, F.sigmoid_backward),
    "tanh": (F.tanh_forward, F.tanh_backward),
}


def four(z, depth):
    """Value and slope of four activations at z, and what 0, 1, … depth such slopes multiply to."""
    values, slopes, products = {}, {}, {}
    for name, (forward, backward) in ACTIVATIONS.items():
        y, cache = forward(np.array([z]))
        g = [np.ones(1)]  # the upstream gradient, then what each activation lets through
        for _ in range(DEEPEST):
            g.append(backward(g[-1], cache))
        values[name], slopes[name] = float(y[0]), float(g[1][0])
        products[name] = np.concatenate(g[: depth + 1])
    return SimpleNamespace(z=z, depth=depth, values=values, slopes=slopes, products=products)


class FourPicture(Moving):
    """Each activation with its slope; below, the product of equal slopes by how many there are."""

    def draw(self, scene):
        self.figure = Figure(figsize=(MAX_WIDTH, 4.4), layout="constrained")
        upper, lower = self.figure.subfigures(2, 1, height_ratios=(1.25, 1))
        panels = dict(zip(ACTIVATIONS, upper.subplots(1, 4, sharey=True), strict=True))
        depth = lower.subplots()
        z = np.linspace(-6, 6, 241)
        self.heads, self.here, self.value_dots, self.slope_dots, self.falls = {}, {}, {}, {}, {}
        for (name, axes), look in zip(panels.items(), LOOKS, strict=False):
            forward, backward = ACTIVATIONS[name]
            y, cache = forward(z)
            slope = backward(np.ones_like(z), cache)
            # A slope that jumps has a gap there, not a steep line.
            slope = np.where(np.abs(np.diff(slope, prepend=slope[0])) > 0.2, np.nan, slope)
            axes.axhline(0, color=COLORS["line"], lw=0.8)
            axes.plot(z, y, color=COLORS["value"], label="value")
            axes.plot(z, slope, color=COLORS["gradient"], ls="--", label="slope")
            axes.set(
                xlabel="z", xlim=(-6, 6), ylim=(-1.3, 2.6), xticks=[-6, 0, 6], yticks=[-1, 0, 1, 2]
            )
            axes.set_title(name, pad=17, weight="bold")
            self.heads[name] = self.moves(
                axes.text(0.5, 1.03, "", transform=axes.transAxes, ha="center", size=SMALL)
            )
            self.here[name] = self.moves(axes.axvline(0, color=COLORS["muted"], lw=1, ls=":"))
            (dot,) = axes.plot([], [], "o", ms=6, color=COLORS["value"])
            (slope_dot,) = axes.plot([], [], "D", ms=6, color=COLORS["gradient"], mfc="white",
                                     mew=1.6)  # fmt: skip
            self.value_dots[name], self.slope_dots[name] = self.moves(dot, slope_dot)
            (fall,) = depth.plot([], [], marker="o", ms=3, label=name, **look)
            self.falls[name] = self.moves(fall)
        upper.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)
        depth.set(xlabel="how many in a row", xlim=(-0.5, DEEPEST + 0.5), xticks=range(0, 21, 5),
                  yscale="log", ylim=(FLOOR / 3, 8), ylabel="product of slopes")  # fmt: skip
        depth.set_yticks([1, 1e-3, 1e-6, 1e-9, 1e-12], ["1", "10⁻³", "10⁻⁶", "10⁻⁹", "10⁻¹²"])
        depth.minorticks_off()
        depth.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=NORMAL, handlelength=3)
        self.none = self.moves(
            depth.text(DEEPEST, 1, "", ha="right", va="center", size=LARGE, color=COLORS["ink"])
        )

    def update(self, s):
        for name in ACTIVATIONS:
            value, slope, product = s.values[name], s.slopes[name], s.products[name]
            self.heads[name].set_text(f"slope {slope:.2g}")
            self.here[name].set_xdata([s.z, s.z])
            self.value_dots[name].set_data([s.z], [value])
            self.slope_dots[name].set_data([s.z], [slope])
            # 0 has no place on a logarithmic axis.
            self.falls[name].set_data(
                np.arange(len(product)), np.where(product > 0, product, np.nan)
            )
        self.none.set_text("ReLU: 0 after the first" if s.slopes["ReLU"] == 0 else "")

    def say(self, s):
        here = ", ".join(
            f"{name} {number(s.values[name])} and {number(s.slopes[name])}" for name in ACTIVATIONS
        )
        products = ", ".join(
            f"{name} {f'{v[-1]:.2g}' if v[-1] else '0'}" for name, v in s.products.items()
        )
        return (
            f"Value and slope at z = {number(s.z)}: {here}. {s.depth} in a row, each at this z, "
            f"multiply a gradient by: {products}."
        )


Explorer(
    name="four_activations",
    title="Four activations, and many in a row",
    question="**How far from 0 must z be, so that the slope of the sigmoid is under 0.01? And "
    "that of tanh?** Then: ten in a row, each at $z = 0$, the best place for both. What is left "
    "of a gradient? And at $z = 2$? (The weights between them are left aside.)",
    answer="The sigmoid from $|z| = 4.6$ on, tanh from $|z| = 3$ on. At 0 the sigmoid's slope is "
    "1/4, the most it can be, and ten in a row leave $0.25^{10}$, about a millionth. Ten tanh at 0 "
    "leave all of it: their slope is 1 there. At 2 that is over: 0.07 each, and ten leave "
    "$3 \\cdot 10^{-12}$, less than ten sigmoids do ($1.6 \\cdot 10^{-10}$). ReLU and leaky ReLU "
    "let everything through at any positive z. At a negative one ReLU stops it at the first, and "
    "ten leaks of 0.1 leave $10^{-10}$.",
    controls={
        "z": Steps("z", [i / 10 for i in range(-60, 61)], 1.0, shown),
        "depth": Steps("in a row", range(DEEPEST + 1), 5, str, play=True),
    },
    compute=four,
    picture=FourPicture,
)
