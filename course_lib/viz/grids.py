"""Blocks that stand side by side in rows: grids of numbers, and images; and where they go."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from course_lib.viz.style import (
    COLORS,
    LARGE,
    MAX_WIDTH,
    SMALL,
    inch_canvas,
    number,
    text_width,
)

CELL_HEIGHT = 0.3  # inches
LARGEST_GRID = 12  # rows or columns that can still be read
LOOKS = {
    "plain": {"facecolor": "white", "edgecolor": COLORS["line"], "lw": 0.8},
    "marked": {"facecolor": COLORS["tint"], "edgecolor": COLORS["ink"], "lw": 2},
    "linked": {"facecolor": "#DCEBF5", "edgecolor": COLORS["value"], "lw": 1},
    "winner": {"facecolor": COLORS["tint"], "edgecolor": COLORS["line"], "lw": 0.8},
    "padding": {
        "facecolor": COLORS["box"],
        "edgecolor": COLORS["line"],
        "lw": 0.8,
        "ls": (0, (2, 2)),
    },
    "left out": {"facecolor": "white", "edgecolor": COLORS["line"], "lw": 0.8, "hatch": "////"},
}
ORDER = {"marked": 2, "linked": 1.5}  # heavy borders over light ones
BOLD = {"marked", "linked", "winner"}

Place = tuple[int, int]  # row, column
Outline = tuple[int, int, int, int]  # first row, first column, rows, columns


class Grid:
    """A matrix as a table of its numbers, with a title above.

    array: (rows, columns), (columns,) or (); cells may also be strings. looks: (row, column) -> a
    name from LOOKS. outlines: rectangles of cells to put a heavy line around. cell: the width of a
    cell in inches, if the numbers need no more.
    Raises ValueError for a matrix too large to read.
    """

    def __init__(
        self,
        title: str,
        array: np.ndarray,
        looks: Mapping[Place, str] | None = None,
        outlines: Collection[Outline] = (),
        row_labels: Sequence[str] = (),
        column_labels: Sequence[str] = (),
        cell: float = 0.36,
    ):
        array = np.asarray(array)
        if array.ndim > 2 or max(array.shape, default=1) > LARGEST_GRID:
            raise ValueError(
                f"{title} is too large to read: its shape is {array.shape}, expected up to "
                f"({LARGEST_GRID}, {LARGEST_GRID})"
            )
        text = array.dtype.kind in "US"
        self.cells = [[str(v) if text else number(v) for v in row] for row in np.atleast_2d(array)]
        self.title, self.looks, self.outlines = title, looks or {}, outlines
        self.row_labels, self.column_labels = row_labels, column_labels
        self.cell = max(
            cell,
            *(text_width(shown_text(v), weight="bold") + 0.1 for row in self.cells for v in row),
            *(text_width(label, SMALL) + 0.06 for label in column_labels),
        )
        self.indent = max([0.0, *(text_width(label, SMALL) + 0.08 for label in row_labels)])
        self.across = self.cell * len(self.cells[0])
        self.width = max(self.indent + self.across, text_width(title) + 0.05)
        self.header = 0.3 + (0.22 if column_labels else 0)
        self.half = CELL_HEIGHT * len(self.cells) / 2

    def draw(self, axes, x: float, middle: float) -> None:
        """Draw with the left edge at x and the middle of the cells at that height."""
        left = x + self.indent + (self.width - self.indent - self.across) / 2
        top = middle + self.half
        axes.text(
            left + self.across / 2, top + self.header - 0.15, self.title, ha="center", va="center"
        )
        for r, row in enumerate(self.cells):
            for c, cell in enumerate(row):
                look = self.looks.get((r, c), "plain")
                corner = (left + c * self.cell, top - (r + 1) * CELL_HEIGHT)
                axes.add_patch(
                    Rectangle(
                        corner, self.cell, CELL_HEIGHT, zorder=ORDER.get(look, 1), **LOOKS[look]
                    )
                )
                axes.text(
                    corner[0] + self.cell / 2, corner[1] + CELL_HEIGHT / 2 - 0.01,
                    shown_text(cell), ha="center", va="center", zorder=3,
                    weight="bold" if look in BOLD else "normal",
                    bbox=HALO if look == "left out" else None,
                )  # fmt: skip
        for row, column, rows, columns in self.outlines:
            corner = (left + column * self.cell, top - (row + rows) * CELL_HEIGHT)
            axes.add_patch(
                Rectangle(corner, columns * self.cell, rows * CELL_HEIGHT, zorder=2, **OUTLINE)
            )
        for r, label in enumerate(self.row_labels):
            axes.text(
                left - 0.06, top - (r + 0.5) * CELL_HEIGHT, label,
                ha="right", va="center", size=SMALL, color=COLORS["muted"],
            )  # fmt: skip
        for c, label in enumerate(self.column_labels):
            axes.text(
                left + (c + 0.5) * self.cell, top + 0.1, label,
                ha="center", va="center", size=SMALL, color=COLORS["muted"],
            )  # fmt: skip


HALO = {"boxstyle": "round,pad=0.1", "facecolor": "white", "edgecolor": "none"}
OUTLINE = {"fill": False, "edgecolor": COLORS["ink"], "lw": 2}


class Pixels:
    """An image with a title above; outlines of pixels, each with a name beside it or "".

    image: (H, W); side: of its longer edge, in inches; style: for imshow.
    """

    header = 0.3

    def __init__(
        self,
        title: str,
        image: np.ndarray,
        side: float,
        outlines: Mapping[Outline, str] | None = None,
        **style,
    ):
        self.title, self.image, self.outlines, self.style = title, image, outlines or {}, style
        self.pixel = side / max(image.shape)
        self.width = max(self.pixel * image.shape[1], text_width(title) + 0.05)
        self.half = self.pixel * image.shape[0] / 2

    def draw(self, axes, x: float, middle: float) -> None:
        """Draw with the left edge at x and the middle of the image at that height."""
        rows, columns = self.image.shape
        left = x + (self.width - self.pixel * columns) / 2
        right, top = left + self.pixel * columns, middle + self.half
        limits = axes.get_xlim(), axes.get_ylim()
        axes.imshow(
            self.image, extent=(left, right, middle - self.half, top), aspect="auto", **self.style
        )
        axes.set(xlim=limits[0], ylim=limits[1])
        axes.add_patch(
            Rectangle(
                (left, middle - self.half), right - left, 2 * self.half, fill=False,
                edgecolor=COLORS["line"], lw=0.8,
            )
        )  # fmt: skip
        axes.text(
            (left + right) / 2, top + self.header - 0.15, self.title, ha="center", va="center"
        )
        for (row, column, height, width), name in self.outlines.items():
            corner = (left + column * self.pixel, top - (row + height) * self.pixel)
            size = (width * self.pixel, height * self.pixel)
            # White around the heavy line, so that it shows on ink too.
            axes.add_patch(Rectangle(corner, *size, fill=False, edgecolor="white", lw=3.5))
            axes.add_patch(
                Rectangle(corner, *size, fill=False, edgecolor=COLORS["gradient"], lw=1.8)
            )
            if name:
                axes.text(
                    corner[0] + size[0] + 0.05, corner[1] + size[1] / 2, name, va="center",
                    weight="bold", color=COLORS["gradient"], bbox=HALO,
                )  # fmt: skip


Row = tuple[Sequence[Grid | Pixels | str], str]  # blocks with a word between any two, caption


def compose(rows: Sequence[Row]) -> Figure:
    """Draw blocks, and words between them, in centred rows, each with its caption below.

    The blocks of one row share their middle, whatever stands above them.
    """
    blocks = [[item for item in items if not isinstance(item, str)] for items, _ in rows]
    widths = [sum(map(_room, items)) for items, _ in rows]
    above = [max(block.header + block.half for block in line) for line in blocks]
    below = [max(block.half for block in line) for line in blocks]
    captions = [caption.split("\n") if caption else [] for _, caption in rows]
    heights = [0.2 * len(lines) + 0.12 if lines else 0 for lines in captions]
    heights[:-1] = [height + 0.12 if height else 0 for height in heights[:-1]]
    figure, axes = inch_canvas(
        max(*widths, *(text_width(line) for lines in captions for line in lines), 0) + 0.24,
        sum(above) + sum(below) + 0.14 * len(rows) + sum(heights) + 0.06,
    )
    middle, top = figure.get_figwidth() / 2, figure.get_figheight() - 0.06
    for (items, _), width, up, down, lines, height in zip(
        rows, widths, above, below, captions, heights, strict=True
    ):
        x = middle - width / 2
        for item in items:
            if isinstance(item, str):
                axes.text(
                    x + _room(item) / 2, top - up, item, ha="center", va="center", size=LARGE + 3
                )
            else:
                item.draw(axes, x, top - up)
            x += _room(item)
        top -= up + down + 0.14
        for i, line in enumerate(lines):
            axes.text(middle, top - 0.18 - 0.2 * i, line, ha="center", va="center")
        top -= height
    return figure


def break_row(items: Sequence[Grid | Pixels | str], caption: str = "") -> list[Row]:
    """Cut one row into rows that fit the notebook; the last has the caption."""
    rows, width = [[items[0]]], items[0].width
    for between, block in zip(items[1::2], items[2::2], strict=True):
        added = _room(between) + block.width
        if width + added > MAX_WIDTH - 0.24:
            rows.append([between, block])
            width = added
        else:
            rows[-1] += [between, block]
            width += added
    return [*((row, "") for row in rows[:-1]), (rows[-1], caption)]


def _room(item) -> float:
    if isinstance(item, str):
        return max(0.3, text_width(item, LARGE + 3) + 0.24)
    return item.width


def shown_text(cell: str) -> str:
    """A number written with a real minus sign; other text as it is."""
    return cell.replace("-", "\N{MINUS SIGN}", 1) if cell[1:2].isdigit() else cell
