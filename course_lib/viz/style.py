"""The look that all pictures share: colours, font sizes, number format, and sizes of text."""

import threading
from collections.abc import Sequence
from contextlib import contextmanager
from functools import lru_cache

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

FONT = "DejaVu Sans"  # ships with matplotlib, so text takes the same room on every machine
SMALL, NORMAL, LARGE = 9, 10, 11  # points
MAX_WIDTH = 7.0  # inches

# The Okabe-Ito palette, which colour-blind readers can tell apart. The two colours that text is
# written in are darkened to a contrast of 4.5 : 1 on white.
COLORS = {
    "value": "#0069A6",
    "gradient": "#B24A00",
    "wrong": "#B24A00",
    "light": "#56B4E9",
    "ink": "#222222",
    "muted": "#5F5F5F",
    "line": "#B5B5B5",
    "box": "#F1F1F1",
    "tint": "#FFE3B3",
    "strong_tint": "#FFBF52",
}

# One for each curve of several: dark enough for text, and told apart by their dashes.
LOOKS = (
    {"color": "#0069A6", "ls": "-"},
    {"color": "#B24A00", "ls": (0, (5, 1.5))},
    {"color": "#00694D", "ls": (0, (1.2, 1.2))},
    {"color": "#9A3D74", "ls": (0, (7, 1.5, 1.2, 1.5))},
    {"color": "#222222", "ls": (0, (2.5, 1.2))},
    {"color": "#6B5B00", "ls": (0, (5, 1.2, 1.2, 1.2, 1.2, 1.2))},
)

STYLE = {
    "font.family": FONT,
    "font.size": NORMAL,
    "axes.titlesize": NORMAL,
    "axes.labelsize": NORMAL,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "legend.fontsize": SMALL,
    "legend.frameon": False,
    "text.color": COLORS["ink"],
    "text.parse_math": False,  # a name may hold a "$"
    "text.usetex": False,
    "axes.labelcolor": COLORS["ink"],
    "axes.edgecolor": COLORS["muted"],
    "axes.facecolor": "white",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "axes.unicode_minus": True,
    "xtick.color": COLORS["muted"],
    "ytick.color": COLORS["muted"],
    "xtick.labelcolor": COLORS["ink"],
    "ytick.labelcolor": COLORS["ink"],
    "lines.linewidth": 1.8,
    "hatch.linewidth": 0.8,
    "figure.facecolor": "white",
    "figure.dpi": 100,
    "savefig.bbox": None,
    "savefig.transparent": False,
    "figure.constrained_layout.w_pad": 0.07,
    "figure.constrained_layout.h_pad": 0.07,
    "image.interpolation": "nearest",
}

_DRAWING = threading.RLock()


@contextmanager
def _style():
    # matplotlib's settings are global, and JupyterLab runs what widgets call in another thread than
    # cells: two that change them must not overlap.
    with _DRAWING, matplotlib.rc_context(STYLE):
        yield


styled = _style()  # a decorator; the settings of the caller come back after it


def number(x) -> str:
    """Four significant digits, and 0 for what is only rounding: the same text on every machine."""
    x = float(x)
    if not np.isfinite(x):
        return str(x)
    if abs(x) < 1e-9:
        return "0"
    if 1e3 <= abs(x) < 1e6:
        return f"{x:.0f}"
    return f"{x:.4g}"


def shown(x) -> str:
    """A number as it is drawn: with a real minus sign, and "?" for None."""
    return "?" if x is None else number(x).replace("-", "\N{MINUS SIGN}")


def factor(x) -> str:
    """A number as it stands in a product, in words: negative ones in brackets."""
    words = number(x)
    return f"({words})" if words.startswith("-") else words


def count(n: int, noun: str) -> str:
    """A number of things in words: 1 entry, 2 entries, 10,000 images."""
    if n == 1:
        return f"1 {noun}"
    if noun.endswith("y"):
        return f"{n:,} {noun[:-1]}ies"
    return f"{n:,} {noun}{'es' if noun.endswith('s') else 's'}"


@lru_cache(maxsize=2048)
def text_width(text: str, size: float = NORMAL, weight: str = "normal") -> float:
    """Width of one line of text, in inches."""
    font = FontProperties(family=FONT, size=size, weight=weight)
    return text_to_path.get_text_width_height_descent(text, font, ismath=False)[0] / 72


def inch_canvas(width: float, height: float):
    """A figure of that size in inches and axes over all of it, measured in inches, not drawn."""
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(0, height))
    axes.axis("off")
    return figure, axes


def non_decreasing(wanted: Sequence[float]) -> list[float]:
    """The non-decreasing numbers nearest to `wanted` (pool adjacent violators)."""
    blocks: list[list[float]] = []  # mean, length
    for w in wanted:
        blocks.append([w, 1])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            mean, length = blocks.pop()
            before = blocks[-1]
            before[0] = (before[0] * before[1] + mean * length) / (before[1] + length)
            before[1] += length
    return [mean for mean, length in blocks for _ in range(int(length))]
