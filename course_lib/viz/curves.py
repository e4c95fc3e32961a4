"""Functions of one and two variables: tangents, contours, descent along them, activations."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from course_lib.viz.picture import Picture
from course_lib.viz.style import (
    COLORS,
    MAX_WIDTH,
    SMALL,
    count,
    non_decreasing,
    number,
    shown,
    styled,
)

HALO = {"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.85}


@styled
def draw_tangent(
    f: Callable, slope: float, x: float, nudges: Sequence[float], name: str = "f"
) -> Picture:
    """Draw the tangent of f at x and what it gets wrong for each nudge, one panel per nudge.

    f: works on arrays elementwise; slope: its derivative at x; nudges: changes of x, not 0.
    """
    nudges = [float(h) for h in nudges]
    figure = Figure(figsize=(min(MAX_WIDTH, 1 + 3 * len(nudges)), 3.0), layout="constrained")
    panels = figure.subplots(1, len(nudges), squeeze=False)[0]
    y = float(f(np.asarray(x)))
    sentences = []
    for axes, h in zip(panels, nudges, strict=True):
        t = np.linspace(x - 0.5 * h, x + 1.25 * h, 200)
        truth = float(f(np.asarray(x + h)))
        line = y + slope * h
        axes.plot(t, f(t), color=COLORS["value"], label=f"{name}(x)")
        axes.plot(
            t, y + slope * (t - x), color=COLORS["gradient"], ls="--",
            label=f"tangent, slope {shown(slope)}",
        )  # fmt: skip
        axes.plot([x + h, x + h], [line, truth], color=COLORS["ink"], lw=1.2, ls=":")
        axes.plot(x, y, "o", color=COLORS["ink"], ms=6)
        axes.plot(x + h, truth, "o", color=COLORS["value"], ms=6, label="truth")
        axes.plot(
            x + h, line, "D", color=COLORS["gradient"], ms=6, mfc="white", mew=1.6,
            label="what the line says",
        )  # fmt: skip
        axes.set_title(
            f"nudge {shown(h)}\nline says {shown(line - y)}, truth {shown(truth - y)}\n"
            f"gap {shown(truth - line)}"
        )
        axes.set_xlabel("x")
        axes.locator_params(nbins=5)
        axes.margins(x=0.02, y=0.08)
        sentences.append(
            f"For a nudge of {number(h)} the line says the output changes by {number(line - y)}, "
            f"the truth is {number(truth - y)}: a gap of {number(truth - line)}."
        )
    panels[0].legend(loc="best")
    text = (
        f"The curve {name}(x) and its tangent at x = {number(x)}, where {name}(x) = {number(y)} "
        f"and the slope is {number(slope)}. " + " ".join(sentences)
    )
    return Picture(figure, text)


@styled
def draw_contour(
    f: Callable,
    gradient: Callable,
    point: tuple[float, float],
    path: np.ndarray | None = None,
    xlim: tuple[float, float] | None = None,
    ylim: tuple[float, float] | None = None,
    names: tuple[str, str] = ("x", "y"),
    levels: int | Sequence[float] = 10,
) -> Picture:
    """Draw level curves of f(x, y) with the gradient and minus the gradient at a point.

    f(x, y) works on arrays; gradient(x, y) -> (df/dx, df/dy); path: points visited, (K, 2).
    The arrows show directions; their length on the page is the same for every gradient.
    """
    px, py = map(float, point)
    points = np.array([[px, py]]) if path is None else np.vstack([[px, py], path])
    xlim = xlim or (points[:, 0].min() - 1.2, points[:, 0].max() + 1.2)
    ylim = ylim or (points[:, 1].min() - 1.2, points[:, 1].max() + 1.2)
    here = float(f(px, py))
    x, y = np.meshgrid(np.linspace(*xlim, 161), np.linspace(*ylim, 161))
    figure = Figure(figsize=(5.2, 4.8), layout="constrained")
    axes = figure.subplots()
    z = f(x, y)
    axes.contourf(x, y, z, levels=levels, cmap="Blues", alpha=0.35, extend="both")
    lines = axes.contour(x, y, z, levels=levels, colors=COLORS["muted"], linewidths=0.9)
    axes.contour(x, y, z, levels=[here], colors=COLORS["ink"], linewidths=1.8)
    places = _label_places(x, y, z, lines.levels)
    for label in axes.clabel(lines, fontsize=SMALL, fmt=shown, inline=False, manual=places):
        label.set_bbox(HALO)

    gx, gy = map(float, gradient(px, py))
    length = float(np.hypot(gx, gy))
    if length:
        reach = 0.2 * min(np.ptp(xlim), np.ptp(ylim))
        ux, uy = gx / length * reach, gy / length * reach
        for sign, color, style, fill, words in (
            (1, COLORS["gradient"], "-|>", "full", "gradient: steepest increase"),
            (-1, COLORS["value"], "->", "none", "minus gradient: steepest decrease"),
        ):
            axes.annotate(
                "", (px + sign * ux, py + sign * uy), (px, py),
                arrowprops={
                    "arrowstyle": style, "color": color, "lw": 2.2,
                    "shrinkA": 0, "shrinkB": 0, "mutation_scale": 16,
                },
            )  # fmt: skip
            axes.plot([], [], ">-", color=color, ms=7, fillstyle=fill, label=words)
    axes.plot(
        px, py, "o", color=COLORS["ink"], ms=7, zorder=5, ls="none",
        label=f"at ({shown(px)}, {shown(py)}), value {shown(here)}",
    )  # fmt: skip
    text = (
        f"Level curves of a function of {names[0]} and {names[1]}. At ({number(px)}, {number(py)}) "
        f"its value is {number(here)} and its gradient is ({number(gx)}, {number(gy)}), "
        f"of length {number(length)}: an arrow at a right angle to the level curve, towards "
        "higher values. Minus the gradient points the opposite way. The heavy curve joins the "
        "points with the same value as here."
    )
    if path is not None:
        path = np.asarray(path, dtype=float)
        axes.plot(*path.T, "-s", color=COLORS["ink"], ms=4, lw=1.2, mfc="white", label="path")
        text += (
            f" A path of {count(len(path), 'point')} goes from "
            f"({number(path[0, 0])}, {number(path[0, 1])}) to "
            f"({number(path[-1, 0])}, {number(path[-1, 1])}), where the value is "
            f"{number(f(*path[-1]))}."
        )
    axes.set(xlim=xlim, ylim=ylim, xlabel=names[0], ylabel=names[1], aspect="equal")
    figure.legend(loc="outside upper center", ncols=2)
    return Picture(figure, text)


def _label_places(x, y, z, levels) -> list[tuple[float, float]]:
    """One place on each level curve, away from the middle, the frame and the other places."""
    places: list[tuple[int, int]] = []
    rows, columns = z.shape
    for level in levels:
        for c in (columns * np.array([0.15, 0.85, 0.3, 0.7])).astype(int):
            above = z[:, c] > level
            crossings = np.flatnonzero(above[1:] != above[:-1])
            free = [
                r
                for r in crossings
                if 0.05 * rows < r < 0.95 * rows
                and all(abs(r - r0) > 0.06 * rows or c != c0 for r0, c0 in places)
            ]
            if free:
                places.append((free[0], c))
                break
    return [(x[r, c], y[r, c]) for r, c in places]


@styled
def draw_descent(
    f: Callable,
    paths: Sequence[np.ndarray],
    labels: Sequence[str],
    xlim: tuple[float, float] | None = None,
    name: str = "w",
) -> Picture:
    """Draw gradient descent on a curve, one panel for each path.

    f: works on arrays elementwise; paths: the points visited, each (steps + 1,), start first.
    Points outside `xlim` (by default as wide as the starting points) are left out and said so.
    """
    paths = [np.asarray(path, dtype=float) for path in paths]
    if xlim is None:
        reach = 1.25 * max(abs(path[0]) for path in paths)
        xlim = (-reach, reach)
    t = np.linspace(*xlim, 200)
    curve = f(t)
    low, high = curve.min(), curve.max()
    figure = Figure(figsize=(min(MAX_WIDTH, 1.75 * len(paths) + 0.6), 3.0), layout="constrained")
    panels = figure.subplots(1, len(paths), sharey=True, squeeze=False)[0]
    sentences = []
    for axes, path, label in zip(panels, paths, labels, strict=True):
        inside = (xlim[0] <= path) & (path <= xlim[1])  # also False for nan
        stop = len(path) if inside.all() else int(np.argmin(inside))
        axes.plot(t, curve, color=COLORS["line"], lw=1.4)
        visited = path[: stop + 1]  # with the first one outside, to show where it went
        axes.plot(visited, f(visited), "-o", color=COLORS["value"], lw=1, ms=4, label="step")
        axes.plot(
            path[0], f(path[0]), "o", color=COLORS["ink"], ms=7, mfc="white", mew=1.5,
            label="start",
        )  # fmt: skip
        steps = count(len(path) - 1, "step")
        if stop == len(path):
            axes.plot(path[-1], f(path[-1]), "D", color=COLORS["gradient"], ms=6, label="end")
        axes.set_title(label)
        axes.set_xlabel(f"after {steps}:\n{name} = {shown(path[-1])}")
        axes.set(xlim=xlim, ylim=(low - 0.06 * (high - low), high))
        axes.locator_params(axis="x", nbins=3)
        left = "" if stop == len(path) else f", leaving the picture at step {stop}"
        sentences.append(
            f"{' '.join(label.split())}: from {name} = {number(path[0])} to {number(path[-1])} "
            f"after {steps}{left}."
        )
    panels[0].set_ylabel("loss")
    handles = {
        label: handle
        for axes in panels
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=3)
    return Picture(figure, "Gradient descent on one variable. " + " ".join(sentences))


@styled
def draw_activations(functions: Mapping[str, tuple[Callable, Callable]]) -> Picture:
    """Draw activation functions and, dashed, their derivatives, one panel for each.

    functions: name -> (f, derivative), both elementwise on arrays of z. Dots mark the derivative
    at z = -2, 0 and 2. What is above 2.5 or below -2.5 is outside the panels.
    """
    z = np.linspace(-4, 4, 801)
    points = np.array([-2.0, 0.0, 2.0])
    columns = min(4, len(functions))
    rows = -(-len(functions) // columns)
    figure = Figure(figsize=(min(MAX_WIDTH, 2.4 * columns), 2.1 * rows + 0.5), layout="constrained")
    panels = figure.subplots(rows, columns, sharey=True, squeeze=False)
    low = high = 0.0
    sentences = []
    for axes, (name, (f, derivative)) in zip(panels.flat, functions.items(), strict=False):
        value, slope, marked = f(z), derivative(z), derivative(points)
        low, high = min(low, value.min(), slope.min()), max(high, value.max(), slope.max())
        # A derivative that jumps has a gap there, not a steep line.
        slope = np.where(np.abs(np.diff(slope, prepend=slope[0])) > 0.2, np.nan, slope)
        axes.axhline(0, color=COLORS["line"], lw=0.8)
        axes.axvline(0, color=COLORS["line"], lw=0.8)
        axes.plot(z, value, color=COLORS["value"], label="value")
        axes.plot(z, slope, color=COLORS["gradient"], ls="--", label="derivative")
        axes.plot(points, marked, "o", ms=5, color=COLORS["gradient"])
        axes.set_title(name)
        axes.set(xlabel="z", xlim=(-4, 4), xticks=[-4, -2, 0, 2, 4])
        values, slopes = (", ".join(map(number, v)) for v in (f(points), marked))
        sentences.append(
            f"{' '.join(name.split())}: at z = -2, 0, 2 the value is {values}, "
            f"the derivative {slopes}."
        )
    for axes in panels.flat[len(functions) :]:
        axes.axis("off")
    panels[0, 0].set_ylim(max(low, -2.5) - 0.15, min(high, 2.5) + 0.15)
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return Picture(figure, "Activation functions and their derivatives. " + " ".join(sentences))


@styled
def draw_surprise(marked: Sequence[float] = (0.9, 0.5, 0.1, 0.01)) -> Picture:
    """Draw -ln p, what the loss of one sample is when its true class got probability p.

    marked: values of p in (0, 1] to mark, with what they cost.
    Raises ValueError for a p outside that range.
    """
    marked = [float(p) for p in marked]
    for p in marked:
        if not 0 < p <= 1:
            raise ValueError(f"p is {p}, expected a probability above 0 and up to 1")
    costs = [float(-np.log(p)) + 0.0 for p in marked]
    smallest = min([*marked, 0.01])
    p = np.geomspace(smallest, 1, 400)
    figure = Figure(figsize=(5.6, 3.2))
    axes = figure.add_axes((0.11, 0.17, 0.58, 0.79))
    axes.plot(p, -np.log(p), color=COLORS["value"])
    axes.plot(marked, costs, "o", ms=6, color=COLORS["gradient"], zorder=3, clip_on=False)
    axes.set(xlim=(0, 1), ylim=(0, -1.06 * np.log(smallest)))
    axes.set(xlabel="p, the probability of the true class", ylabel="loss of the sample, \u2212ln p")
    label_ends(
        axes,
        [
            (p, cost, f"p = {number(p)}: {_short(cost)}", COLORS["gradient"])
            for p, cost in zip(marked, costs, strict=True)
        ],
    )
    said = ", ".join(f"{_short(c)} at p = {number(p)}" for p, c in zip(marked, costs, strict=True))
    return Picture(
        figure,
        "The curve -ln p, the loss of a sample whose true class got probability p. It falls from "
        f"very high near p = 0 to 0 at p = 1: {said}.",
    )


def _short(x: float) -> str:
    return number(float(f"{x:.3g}"))


def label_ends(axes, ends: Sequence[tuple[float, float, str, str]]) -> None:
    """Write labels to the right of `axes`, each at the height of its point if there is room.

    ends: (x, y, label, colour). A dotted line leads from the point to its label. The limits and
    the place of the axes must be final.
    """
    width, height = axes.figure.get_size_inches() * axes.get_position().size
    to_axes = axes.transScale + axes.transLimits
    axes.get_ylim()  # limits that are due are set now
    ends = sorted(ends, key=lambda end: end[1])
    places = [to_axes.transform(end[:2]) for end in ends]
    offsets = 0.19 * np.arange(len(ends))
    wanted = np.array([y * height for _, y in places]) - offsets
    heights = non_decreasing(np.clip(wanted, 0.0, max(height - offsets[-1], 0.0))) + offsets
    for (x, y), label_y, (_, _, label, color) in zip(places, heights / height, ends, strict=True):
        axes.plot(
            [x, 1, 1 + 0.12 / width], [y, y, label_y], ":", lw=1, color=color,
            transform=axes.transAxes, clip_on=False,
        )  # fmt: skip
        axes.text(
            1 + 0.16 / width, label_y, label,
            va="center", color=color, transform=axes.transAxes,
        )  # fmt: skip
