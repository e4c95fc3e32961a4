"""Arrays: small matrices with their numbers, images, weights, gradients side by side, counts."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from course_lib.viz.grids import Grid, break_row, compose
from course_lib.viz.picture import Picture
from course_lib.viz.style import COLORS, MAX_WIDTH, SMALL, count, number, styled, text_width


@styled
def draw_matrices(
    matrices: Mapping[str, np.ndarray],
    operators: Sequence[str] | None = None,
    highlight: Mapping[str, Collection[tuple[int | None, int | None]]] | None = None,
    row_labels: Mapping[str, Sequence[str]] | None = None,
    column_labels: Mapping[str, Sequence[str]] | None = None,
    caption: str = "",
) -> Picture:
    """Draw small matrices side by side, each with its name, its shape and its numbers.

    matrices: name -> array (rows, columns), (columns,) or (); cells may also be strings.
    operators: what to write between one matrix and the next, such as "@" or "=".
    highlight: name -> (row, column) pairs; None stands for all of them. Highlighted cells have a
    heavy border and a tint. A row that gets too wide goes on below.
    Raises ValueError for a matrix too large to read, or a wrong number of operators.
    """
    highlight, row_labels, column_labels = highlight or {}, row_labels or {}, column_labels or {}
    if operators is None:
        operators = [""] * (len(matrices) - 1)
    if len(operators) != len(matrices) - 1:
        raise ValueError(
            f"{len(matrices)} matrices need {len(matrices) - 1} operators, got {len(operators)}"
        )
    items, said = [], []
    for (name, array), operator in zip(matrices.items(), ["", *operators], strict=True):
        shape = np.shape(array)
        marked = _places(highlight.get(name, ()), np.atleast_2d(array).shape)
        block = Grid(
            f"{name} {shape}", array, dict.fromkeys(marked, "marked"),
            row_labels=row_labels.get(name, ()), column_labels=column_labels.get(name, ()),
        )  # fmt: skip
        items += [operator, block] if items else [block]
        said.append(
            f"{name} with shape {shape} is {_words(block.cells)}"
            + (f", highlighted at {', '.join(f'[{r}, {c}]' for r, c in marked)}" if marked else "")
        )
    figure = compose(break_row(items, caption))
    names = list(matrices)
    formula = "".join(f"{n} {operator} " for n, operator in zip(names, operators, strict=False))
    start = f"{formula}{names[-1]}. " if any(operators) else ""
    text = start + "; ".join(said) + "."
    return Picture(figure, text + (" " + " ".join(caption.split("\n")) if caption else ""))


def _places(highlight, shape) -> list[tuple[int, int]]:
    """(row, column) pairs in order, with None written out as all rows or columns."""
    return sorted(
        {
            (r, c)
            for row, column in highlight
            for r in (range(shape[0]) if row is None else [row])
            for c in (range(shape[1]) if column is None else [column])
        }
    )


def _words(cells) -> str:
    rows = ["[" + ", ".join(row) + "]" for row in cells]
    return rows[0] if len(rows) == 1 else "[" + ", ".join(rows) + "]"


@styled
def draw_gradient_comparison(
    analytic: np.ndarray,
    numeric: np.ndarray,
    names: Sequence[str] | None = None,
    limit: int = 60,
    rtol: float = 1e-5,
    atol: float = 1e-7,
) -> Picture:
    """Draw a gradient against the numerical one; wrong entries are ringed and crossed.

    analytic, numeric: arrays of one shape. An entry is right when the two differ by at most
    atol + rtol * |numeric|; nan is wrong. Up to 12 entries are drawn as pairs of bars, more as
    points that ought to lie on the diagonal, at most `limit` of them, the worst first.
    names: what to call the entries, in row-major order; by default their indices ("1,2").
    Raises ValueError when the shapes differ.
    """
    analytic, numeric = np.asarray(analytic, dtype=float), np.asarray(numeric, dtype=float)
    if analytic.shape != numeric.shape:
        raise ValueError(
            f"the gradient has shape {analytic.shape}, the numerical one {numeric.shape}"
        )

    def name(i):
        if names is not None:
            return names[i]
        return ",".join(map(str, np.unravel_index(i, analytic.shape))) or "value"

    a, n = analytic.ravel(), numeric.ravel()
    with np.errstate(invalid="ignore"):
        difference = np.abs(a - n)
        wrong = ~(difference <= atol + rtol * np.abs(n))
    badness = np.where(np.isnan(difference), np.inf, difference)
    worst = np.argsort(-badness, kind="stable")[: int(wrong.sum())]

    bars = a.size <= 12
    if bars:
        drawn = np.arange(a.size)
    else:
        right = np.flatnonzero(~wrong)
        room = max(limit - len(worst), 0)
        even = np.linspace(0, len(right) - 1, min(room, len(right))).round().astype(int)
        drawn = np.concatenate([worst[:limit], right[even]])

    figure = Figure(figsize=(5, 3))
    # Fixed margins: a layout engine would take most of the time that a card may take.
    axes = figure.add_axes((0.15, 0.17, 0.82, 0.64))
    if bars:
        _comparison_bars(axes, a, n, wrong, [name(i) for i in drawn])
    else:
        _comparison_scatter(axes, a[drawn], n[drawn], wrong[drawn])
    verdict = (
        f"all {count(a.size, 'entry')} agree"
        if not wrong.any()
        else f"{wrong.sum():,} of {count(a.size, 'entry')} wrong: ring and cross"
    )
    if len(drawn) < a.size:
        verdict += f" ({len(drawn)} drawn)"
    figure.text(0.15, 0.95, verdict, va="center", weight="bold")
    axes.legend(
        loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=3, columnspacing=1.0,
        handletextpad=0.4, borderaxespad=0.1,
    )  # fmt: skip

    text = f"Gradient against numerical gradient: {verdict.split(':')[0]}"
    text += f"; {len(drawn)} are drawn." if len(drawn) < a.size else "."
    text += "".join(
        f" Entry {name(i)} is {number(a[i])}, the numerical gradient {number(n[i])}."
        for i in (worst[:3] if wrong.any() else drawn[:3])
    )
    return Picture(figure, text)


def _mark_wrong(axes, x, y):
    axes.plot(x, y, "o", ms=15, mfc="none", mec=COLORS["wrong"], mew=1.6, clip_on=False)
    axes.plot(x, y, "x", ms=7, mec=COLORS["wrong"], mew=2, label="wrong", clip_on=False)


def _comparison_bars(axes, a, n, wrong, names):
    x = np.arange(a.size)
    heights = [np.where(np.isfinite(v), v, 0) for v in (a, n)]
    axes.bar(
        x - 0.2, heights[0], 0.36, color=COLORS["light"], edgecolor=COLORS["ink"], lw=0.8,
        label="yours",
    )  # fmt: skip
    axes.bar(
        x + 0.2, heights[1], 0.36, color="white", edgecolor=COLORS["ink"], lw=0.8, hatch="////",
        label="numerical",
    )  # fmt: skip
    axes.axhline(0, color=COLORS["muted"], lw=0.8)
    if wrong.any():
        _mark_wrong(axes, x[wrong] - 0.2, heights[0][wrong])
    axes.margins(y=0.12)
    widest = max((text_width(name, SMALL) + 0.06 for name in names), default=0)
    every = max(1, int(np.ceil(widest * a.size / 4)))  # more labels would run into each other
    axes.set_xticks(x[::every], names[::every])
    axes.set(xlabel="entry", ylabel="gradient")
    axes.locator_params(axis="y", nbins=5)


def _comparison_scatter(axes, a, n, wrong):
    finite = np.isfinite(a) & np.isfinite(n)
    span = np.concatenate([a[finite], n[finite], [0.0]])
    ends = np.array([span.min(), span.max()])
    axes.plot(ends, ends, color=COLORS["line"], lw=1.4, label="equal", zorder=1)
    right = finite & ~wrong
    axes.plot(n[right], a[right], "o", ms=5, color=COLORS["value"], alpha=0.8, label="right")
    if wrong.any():
        place = np.where(finite, a, 0.0)  # what is not a number is marked at 0
        _mark_wrong(axes, np.where(np.isfinite(n), n, 0.0)[wrong], place[wrong])
    axes.set(xlabel="numerical", ylabel="yours")
    axes.locator_params(nbins=5)


@styled
def draw_digits(
    images: np.ndarray, titles: Sequence[str] | None = None, columns: int = 8
) -> Picture:
    """Draw grey images, dark on white, in rows of `columns`.

    images: (N, H, W), or (N, 784) for digits of 28 x 28; titles: one for each image.
    """
    images = np.asarray(images)
    if images.ndim == 2 and images.shape[1] == 784:
        images = images.reshape(-1, 28, 28)
    if images.ndim != 3:
        raise ValueError(f"images have shape {images.shape}, expected (N, H, W) or (N, 784)")
    titles = [str(title) for title in titles] if titles is not None else [""] * len(images)
    if len(titles) != len(images):
        raise ValueError(f"{len(images)} images need as many titles, got {len(titles)}")
    figure = _image_grid(images, titles, columns, cmap="gray_r")[0]
    text = f"{count(len(images), 'image')} of {images.shape[1]} x {images.shape[2]} pixels."
    if any(titles):
        text += " In reading order: " + ", ".join(" ".join(t.split()) for t in titles) + "."
    return Picture(figure, text)


@styled
def draw_weights(
    W: np.ndarray,
    shape: tuple[int, int] = (28, 28),
    columns: int = 8,
    reach: float | None = None,
) -> Picture:
    """Draw the weights that arrive at each unit as an image, on one scale for all.

    W: (D, M) with D = shape[0] * shape[1]. Reddish is positive, bluish negative, white 0.
    reach: the scale goes from -reach to reach, by default as far as W; give the same to several
    pictures to compare them. Weights beyond it have the colour of its end.
    """
    W = np.asarray(W)
    if W.ndim != 2 or W.shape[0] != shape[0] * shape[1]:
        raise ValueError(f"W has shape {W.shape}, expected ({shape[0] * shape[1]}, units)")
    end = reach or float(np.abs(W).max()) or 1.0
    titles = [f"unit {i}" for i in range(W.shape[1])]
    figure, panels, drawn = _image_grid(
        W.T.reshape(-1, *shape), titles, columns, cmap="RdBu_r", vmin=-end, vmax=end
    )
    width, height = figure.get_size_inches()
    figure.set_size_inches(max(width, 3), height + 0.7)  # room for the colour bar
    bar = figure.colorbar(
        drawn, ax=panels, location="bottom", shrink=0.8, aspect=30,
        extend="both" if reach else "neither",
    )  # fmt: skip
    bar.set_label("weight: blue below 0, red above")
    text = (
        f"The weights of {count(W.shape[1], 'unit')} as images of {shape[0]} x {shape[1]}, "
        f"from {W.min():.2g} to {W.max():.2g}."
    )
    return Picture(figure, text)


def _image_grid(images, titles, columns, **style):
    columns = max(1, min(columns, len(images)))
    rows = -(-len(images) // columns)
    side = min(1.1, MAX_WIDTH / columns)
    lines = max(title.count("\n") + 1 if title else 0 for title in titles)
    figure = Figure(
        figsize=(max(side * columns, 2.2), (side * 0.95 + 0.19 * lines) * rows + 0.05),
        layout="constrained",
    )
    panels = figure.subplots(rows, columns, squeeze=False)
    for axes in panels.flat:
        axes.axis("off")
    for axes, image, title in zip(panels.flat, images, titles, strict=False):
        drawn = axes.imshow(image, **style)
        axes.set_title(title, size=SMALL, pad=2)
    return figure, panels, drawn


@styled
def draw_confusion(counts: np.ndarray, names: Sequence[str] | None = None) -> Picture:
    """Draw a confusion matrix; the right answers, on the diagonal, have a heavy border.

    counts: (C, C), rows are true classes, columns predicted ones; names: the classes.
    """
    counts = np.asarray(counts)
    classes = len(counts)
    if counts.shape != (classes, classes):
        raise ValueError(f"counts have shape {counts.shape}, expected a square matrix")
    names = [str(i) for i in range(classes)] if names is None else [str(name) for name in names]
    side = max(2.6, 0.52 * classes + 0.9)
    side = min(side, MAX_WIDTH)
    figure = Figure(figsize=(side, side * 0.92), layout="constrained")
    axes = figure.subplots()
    mistakes = counts * (1 - np.eye(classes, dtype=counts.dtype))
    axes.imshow(mistakes, cmap="Oranges", vmax=max(2 * mistakes.max(), 1))
    for true in range(classes):
        for predicted in range(classes):
            right = true == predicted
            axes.text(
                predicted, true, f"{counts[true, predicted]:,}", ha="center", va="center",
                size=SMALL, weight="bold" if right else "normal",
            )  # fmt: skip
        corner = (true - 0.5, true - 0.5)
        axes.add_patch(Rectangle(corner, 1, 1, fill=False, lw=1.6, ec=COLORS["ink"], zorder=3))
    axes.set_xticks(range(classes), names)
    axes.set_yticks(range(classes), names)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set(xlabel="predicted", ylabel="true")

    total, right = int(counts.sum()), int(np.trace(counts))
    text = (
        f"Confusion matrix of {count(total, 'sample')} in {count(classes, 'class')}: "
        f"{right:,} right."
    )
    order = np.argsort(-mistakes, axis=None, kind="stable")[:3]
    worst = [divmod(int(i), classes) for i in order if mistakes.flat[i] > 0]
    if worst:
        text += " Most frequent mistakes: " + ", ".join(
            f"{names[t]} taken for {names[p]} ({counts[t, p]:,})" for t, p in worst
        )
        text += "."
    return Picture(figure, text)
