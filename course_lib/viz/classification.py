"""Classifiers: the regions they cut the plane into, and scores turned into probabilities."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from course_lib.viz.picture import Picture
from course_lib.viz.style import COLORS, MAX_WIDTH, SMALL, count, number, shown, styled, text_width

TINTS = ("#DCEBF5", "#FBE6D4")  # of class 0 and class 1
MARKS = (("o", COLORS["value"]), ("^", COLORS["gradient"]))


@styled
def draw_regions(predict: Mapping[str, Callable], X: np.ndarray, labels: np.ndarray) -> Picture:
    """Draw what classifiers say of each point in the plane, and the samples, a panel for each.

    predict: title -> a function of points (N, 2) that returns labels 0 and 1 (N,) as integers or
    booleans, or one score for each (N,) or (N, 1), above 0 for class 1, or logits (N, 2).
    X (N, 2), labels (N,) 0 or 1. Samples of class 0 are circles, of class 1 triangles; so are
    the small marks that say what the classifier makes of the place. A line is the boundary.
    Raises ValueError for other shapes or labels.
    """
    X, labels = np.asarray(X), np.asarray(labels)
    if X.ndim != 2 or X.shape[1] != 2 or labels.shape != X.shape[:1]:
        raise ValueError(
            f"X has shape {X.shape} and labels {labels.shape}, expected (N, 2) and (N,)"
        )
    if not np.isin(labels, (0, 1)).all():
        raise ValueError(f"labels are {np.unique(labels).tolist()}, expected 0 and 1")
    low, high = X.min(axis=0), X.max(axis=0)
    edge = 0.08 * (high - low).max() or 1.0
    x, y = (np.linspace(low[i] - edge, high[i] + edge, 181) for i in range(2))
    grid = np.stack(np.meshgrid(x, y), axis=-1)
    # Fixed places: a layout engine cuts titles off above panels of equal aspect.
    lines = max(title.count("\n") + 2 for title in predict)
    gap, left, bottom, top = 0.14, 0.62, 0.86, 0.14 + 0.17 * lines  # inches
    across = min(3.4, (MAX_WIDTH - left) / len(predict) - gap)
    up = across * (y[-1] - y[0]) / (x[-1] - x[0])
    width, height = left + len(predict) * (across + gap), bottom + up + top
    figure = Figure(figsize=(width, height))
    sentences = []
    for i, (title, classify) in enumerate(predict.items()):
        place = (left + i * (across + gap), bottom, across, up)
        axes = figure.add_axes(np.array(place) / [width, height, width, height])
        margin = _margin(classify, grid.reshape(-1, 2), title).reshape(grid.shape[:2])
        share = np.mean((_margin(classify, X, title) > 0) == labels)
        axes.contourf(x, y, margin > 0, levels=[-1, 0.5, 2], colors=TINTS)
        if margin.min() <= 0 < margin.max():
            axes.contour(x, y, margin, levels=[0], colors=COLORS["ink"], linewidths=1.6)
        spread, said = grid[5::10, 5::10], margin[5::10, 5::10] > 0
        for label, (marker, color) in enumerate(MARKS):
            axes.plot(*spread[said == label].T, marker, ms=2.2, color=color, mew=0, alpha=0.45)
            axes.plot(
                *X[labels == label].T, marker, ms=5, color=color, mec="white", mew=0.5,
                label=f"class {label}",
            )  # fmt: skip
        axes.set_title(f"{title}\n{share:.2f} right")
        axes.set(xlim=x[[0, -1]], ylim=y[[0, -1]], xlabel="x\u2081")
        axes.locator_params(nbins=5)
        if i:
            axes.tick_params(labelleft=False)
        else:
            axes.set_ylabel("x\u2082")
        sentences.append(f"{title}: {share:.2f} right.")
    figure.legend(*axes.get_legend_handles_labels(), loc="lower center", ncols=2)
    text = f"Decision regions for {count(len(X), 'point')} of two classes. " + " ".join(sentences)
    return Picture(figure, text)


def _margin(classify, X, title) -> np.ndarray:
    """A number for each point, above 0 where `classify` says class 1."""
    said = np.asarray(classify(X))
    if said.shape == (len(X), 2):
        return said[:, 1] - said[:, 0]
    if said.shape not in ((len(X),), (len(X), 1)):
        raise ValueError(
            f"{title!r} returned shape {said.shape} for {len(X)} points, expected ({len(X)},), "
            f"({len(X)}, 1) or ({len(X)}, 2)"
        )
    return said.reshape(-1) - (0.5 if said.dtype.kind in "biu" else 0.0)


@styled
def draw_probabilities(
    logits: np.ndarray,
    probabilities: np.ndarray,
    label: int | None = None,
    gradient: np.ndarray | None = None,
    names: Sequence[str] | None = None,
) -> Picture:
    """Draw the scores of one sample, what softmax makes of them and, if given, dL/dlogits.

    logits, probabilities, gradient: each (C,). label: the true class, whose bars are hatched and
    whose name is heavy. names: of the classes, by default their numbers.
    Raises ValueError when lengths differ or there is no such class.
    """
    logits = np.asarray(logits, dtype=float)
    bars = {"logits": logits, "probabilities": np.asarray(probabilities, dtype=float)}
    if gradient is not None:
        bars["gradient dL/dlogits"] = np.asarray(gradient, dtype=float)
    classes = logits.size
    names = [str(i) for i in range(classes)] if names is None else [str(n) for n in names]
    for what, values in {**bars, "names": np.array(names)}.items():
        if values.shape != (classes,):
            raise ValueError(f"{what} have shape {values.shape}, expected ({classes},)")
    if label is not None and not 0 <= label < classes:
        raise ValueError(f"label is {label}, expected 0 to {classes - 1}")

    figure = Figure(figsize=(MAX_WIDTH, 0.24 * classes + 0.75), layout="constrained")
    panels = figure.subplots(1, len(bars), sharey=True)
    rows = np.arange(classes)
    sentences = []
    for axes, (title, values) in zip(panels, bars.items(), strict=True):
        lengths = np.where(np.isfinite(values), values, 0.0)
        words = [shown(float(f"{v:.3g}")) for v in values]
        patches = axes.barh(
            rows, lengths, 0.72, color=COLORS["light"], edgecolor=COLORS["ink"], lw=0.8
        )
        if label is not None:
            patches[label].set(hatch="////", facecolor=COLORS["strong_tint"])
        # Numbers stand beside the bars; the panel is as much wider as they take.
        panel = 0.8 * MAX_WIDTH / len(bars)
        longest = max(text_width(word, SMALL) for word in words) + 0.1
        low, high = min(lengths.min(), 0.0), max(lengths.max(), 0.0)
        span = (high - low) or 1.0
        room = span * longest / max(panel - longest * (1 + (low < 0)), 0.3)
        axes.set_xlim(low - (room if low < 0 else 0), high + room)
        for row, (length, word) in enumerate(zip(lengths, words, strict=True)):
            axes.annotate(
                word, (length, row), (3 if length >= 0 else -3, 0), textcoords="offset points",
                ha="left" if length >= 0 else "right", va="center", size=SMALL,
            )  # fmt: skip
        axes.axvline(0, color=COLORS["muted"], lw=0.8)
        axes.set_title(title)
        axes.set_xticks([])
        axes.tick_params(axis="y", length=0)
        axes.spines[["left", "bottom"]].set_visible(False)
        pairs = zip(names, values, strict=True)
        said = ", ".join(f"{name}: {number(float(f'{v:.3g}'))}" for name, v in pairs)
        sentences.append(f"{title[0].upper()}{title[1:]}: {said}.")
    panels[0].set_yticks(rows, names)
    panels[0].invert_yaxis()
    if label is not None:
        panels[0].set_yticks(
            rows, [f"true class: {n}" if i == label else n for i, n in enumerate(names)]
        )
        panels[0].get_yticklabels()[label].set_weight("bold")
        sentences.append(f"The true class is {names[label]}.")
    return Picture(figure, f"Scores of {count(classes, 'class')}. " + " ".join(sentences))
