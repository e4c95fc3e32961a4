"""Training runs: losses and accuracies over steps and epochs."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from course_lib.viz.curves import label_ends
from course_lib.viz.picture import Picture
from course_lib.viz.style import COLORS, LOOKS, MAX_WIDTH, count, shown, styled, text_width


@styled
def draw_history(history) -> Picture:
    """Draw the loss of every step and, beside it, the accuracies of every epoch.

    history: has the lists step_loss, train_accuracy and validation_accuracy, as what `fit`
    returns; the accuracies may be empty.
    """
    losses = np.asarray(history.step_loss, dtype=float)
    accuracies = {"train": history.train_accuracy, "validation": history.validation_accuracy}
    accuracies = {label: values for label, values in accuracies.items() if len(values)}
    panels_wanted = 2 if accuracies else 1
    figure = Figure(figsize=(3.5 * panels_wanted, 2.6), layout="constrained")
    panels = figure.subplots(1, panels_wanted, squeeze=False)[0]
    axes = panels[0]
    steps = np.arange(1, len(losses) + 1)
    window = len(losses) // 25
    if window > 1:
        axes.plot(steps, losses, color=COLORS["light"], lw=0.8, label="each step")
        smooth = np.convolve(losses, np.ones(window) / window, mode="valid")
        middles = steps[: len(smooth)] + (window - 1) / 2
        axes.plot(middles, smooth, color=COLORS["value"], label=f"mean of {window}")
        axes.legend()
    else:
        axes.plot(steps, losses, "-o", ms=3, color=COLORS["value"])
    axes.set(xlabel="step", ylabel="loss")
    finite = losses[np.isfinite(losses)]
    text = f"Training loss over {count(len(losses), 'step')}"
    if len(losses):
        text += f": from {losses[0]:.2g} to {losses[-1]:.2g}"
    text += "."
    if len(finite) < len(losses):
        text += f" Not finite: {count(len(losses) - len(finite), 'loss')}."
    if accuracies:
        axes = panels[1]
        for label, values in accuracies.items():
            look = {"train": "-o", "validation": "--s"}[label]
            color = COLORS["value" if label == "train" else "gradient"]
            axes.plot(np.arange(1, len(values) + 1), values, look, ms=5, color=color, label=label)
            text += (
                f" {label.capitalize()} accuracy after {count(len(values), 'epoch')}: "
                f"{values[-1]:.2f}."
            )
        axes.set(xlabel="epoch", ylabel="accuracy")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.legend()
    return Picture(figure, text)


@styled
def draw_runs(
    runs: Mapping[str, Sequence[float]],
    ylabel: str = "loss",
    xlabel: str = "step",
    reference: tuple[str, float] | None = None,
    smooth: int = 1,
) -> Picture:
    """Draw the curves of several runs in one panel, each with its name at its end.

    runs: name -> losses or accuracies, one for each step or epoch, at most 6 runs. A curve stops
    at its first nan or inf, with a cross. reference: (name, value) of a level to compare with.
    smooth: each point is the mean of up to that many values, the last one its own.
    The axis is logarithmic when the values are positive and span more than a factor of 100.
    Raises ValueError for no run, too many, an empty one, or smooth below 1.
    """
    if not 1 <= len(runs) <= len(LOOKS):
        raise ValueError(f"{len(runs)} runs given, expected 1 to {len(LOOKS)}")
    if smooth < 1:
        raise ValueError(f"smooth is {smooth}, expected at least 1")
    runs = {name: np.asarray(values, dtype=float) for name, values in runs.items()}
    for name, values in runs.items():
        if values.ndim != 1 or not values.size:
            raise ValueError(f"run {name!r} has shape {values.shape}, expected (steps,)")
    stops = {name: _first_broken(values) for name, values in runs.items()}
    curves = {name: _trailing_mean(v[: stops[name]], smooth) for name, v in runs.items()}
    levels = np.concatenate([*curves.values(), [reference[1]] if reference else []])
    if not levels.size:
        levels = np.array([1.0])  # a run that never was finite has its cross anywhere
    logarithmic = levels.min() > 0 and levels.max() > 100 * levels.min()

    labels = {n: f"{n}: not finite" if stops[n] < len(v) else n for n, v in runs.items()}
    if reference:
        labels["reference"] = f"{reference[0]} = {shown(reference[1])}"
    figure = Figure(figsize=(MAX_WIDTH, 3.2))
    margin = max(text_width(label) for label in labels.values()) + 0.3
    axes = figure.add_axes((0.8 / MAX_WIDTH, 0.18, (MAX_WIDTH - 0.85 - margin) / MAX_WIDTH, 0.77))
    longest = max(map(len, runs.values()))
    axes.set_xlim(1, max(longest, 2))
    ends = []
    for look, (name, curve) in zip(LOOKS, curves.items(), strict=False):
        axes.plot(np.arange(1, len(curve) + 1), curve, zorder=3, **look)
        last = (len(curve), curve[-1]) if curve.size else (1, levels.mean())
        if stops[name] < len(runs[name]):
            axes.plot(*last, "x", ms=9, mew=2.2, color=look["color"], zorder=4, clip_on=False)
        ends.append((*last, labels[name], look["color"]))
    if reference:
        axes.axhline(reference[1], color=COLORS["muted"], lw=1, ls=":")
        ends.append((longest, reference[1], labels["reference"], COLORS["muted"]))
    if logarithmic:
        axes.set_yscale("log")
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.yaxis.set_major_formatter(lambda value, _: shown(value))
    axes.set(xlabel=xlabel, ylabel=ylabel)
    axes.xaxis.get_major_locator().set_params(integer=True)
    label_ends(axes, ends)

    sentences = []
    for name, values in runs.items():
        steps = count(len(values), xlabel)
        if stops[name] < len(values):
            sentences.append(f"{name}: not finite from {xlabel} {stops[name] + 1:,} of {steps} on.")
        else:
            first, last = curves[name][[0, -1]]
            sentences.append(f"{name}: from {first:.2g} to {last:.2g} in {steps}.")
    scale = ", on a logarithmic axis" if logarithmic else ""
    text = f"Curves of the {ylabel} of {count(len(runs), 'run')}{scale}. " + " ".join(sentences)
    if reference:
        text += f" For comparison: {reference[0]} = {reference[1]:.4g}."
    return Picture(figure, text)


def _first_broken(values) -> int:
    broken = np.flatnonzero(~np.isfinite(values))
    return int(broken[0]) if broken.size else len(values)


def _trailing_mean(values, window) -> np.ndarray:
    sums = np.cumsum(np.concatenate([[0.0], values]))
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(ends - window, 0)
    return (sums[ends] - sums[starts]) / (ends - starts)
