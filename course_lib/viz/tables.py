"""Small matrices in a picture that moves: the cells stay, their numbers and looks change."""

from functools import lru_cache

import numpy as np
from matplotlib.font_manager import FontProperties
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.textpath import text_to_path

from course_lib.viz import grids
from course_lib.viz.style import COLORS, FONT, NORMAL, SMALL, shown

LOOKS = {  # in the order in which they are drawn
    "plain": grids.LOOKS["plain"],
    "closed": grids.LOOKS["left out"],
    "linked": grids.LOOKS["linked"],
    "marked": grids.LOOKS["marked"],
    "marked, closed": grids.LOOKS["left out"] | {"facecolor": grids.LOOKS["marked"]["facecolor"]},
    "outline": {"fill": False, "edgecolor": COLORS["ink"], "lw": 2},  # around "marked, closed"
}
BOLD = {"linked", "marked", "marked, closed"}
NOTHING = Path(np.empty((0, 2)))
BOX = np.array([Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY])


@lru_cache(maxsize=512)
def _glyphs(text, weight):
    """The outline of a number around (0, 0), in inches: its vertices and codes."""
    font = FontProperties(family=FONT, size=NORMAL, weight=weight)
    width, *_ = text_to_path.get_text_width_height_descent(text, font, ismath=False)
    _, digit, _ = text_to_path.get_text_width_height_descent("0", font, ismath=False)
    vertices, codes = text_to_path.get_text_path(font, text)
    scale = NORMAL / text_to_path.FONT_SCALE
    return (np.array(vertices) * scale - (width / 2, digit / 2)) / 72, np.array(codes)


class Table:
    """Up to (rows, columns) numbers on axes that are measured in inches.

    left, top: its corner; cell: width and height of a cell. All cells of one look are one shape,
    and all numbers another: drawn one by one, they would take too long for a picture that moves.
    """

    def __init__(self, picture, axes, shape, left, top, cell=(0.5, 0.3)):
        self.axes, self.shape, self.cell = axes, shape, cell
        self.left, self.top = left, top

        def patch(**style):
            return picture.moves(axes.add_patch(PathPatch(NOTHING, **style)))

        self.boxes = {look: patch(zorder=1 + i / 10, **style)
                      for i, (look, style) in enumerate(LOOKS.items())}  # fmt: skip
        self.numbers = patch(zorder=3, facecolor=COLORS["ink"], lw=0)

    def show(self, array, looks=None):
        """Shows an array of at most that shape; looks: (row, column) -> a name from LOOKS."""
        array, looks = np.atleast_2d(array), looks or {}
        self.filled = array.shape
        width, height = self.cell
        corners = np.array([(0, 0), (width, 0), (width, -height), (0, -height), (0, 0)])
        boxes, numbers = {look: [] for look in LOOKS}, []
        for (row, column), value in np.ndenumerate(array):
            corner = np.array([self.left + column * width, self.top - row * height])
            look = looks.get((row, column), "plain")
            boxes[look].append((corner + corners, BOX))
            if look == "marked, closed":
                boxes["outline"].append((corner + corners, BOX))
            vertices, codes = _glyphs(shown(value), "bold" if look in BOLD else "normal")
            numbers.append((corner + (width / 2, -height / 2) + vertices, codes))
        for look, patch in self.boxes.items():
            patch.set_path(_joined(boxes[look]))
            patch.set_visible(bool(boxes[look]))
        self.numbers.set_path(_joined(numbers))

    def indices(self, rows=True):
        """Numbers the columns and, if wanted, the rows, from 0."""
        style = {"ha": "center", "va": "center", "size": SMALL, "color": COLORS["muted"]}
        width, height = self.cell
        for row in range(self.shape[0] if rows else 0):
            self.axes.text(self.left - 0.11, self.top - (row + 0.5) * height, str(row), **style)
        for column in range(self.shape[1]):
            x = self.left + (column + 0.5) * width
            self.axes.text(x, self.top + 0.09, str(column), **style)

    def find(self, x, y):
        """(row, column) of the cell at a place in inches; None where there is none."""
        row = int((self.top - y) // self.cell[1])
        column = int((x - self.left) // self.cell[0])
        inside = 0 <= row < self.filled[0] and 0 <= column < self.filled[1]
        return (row, column) if inside else None


def _joined(shapes):
    if not shapes:
        return NOTHING
    vertices, codes = zip(*shapes, strict=True)
    return Path(np.concatenate(vertices), np.concatenate(codes))
