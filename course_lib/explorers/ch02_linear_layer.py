"""Chapter 02: the entries of X, dY and W that meet in one entry of a gradient."""

from types import SimpleNamespace

import numpy as np

from course_lib import functional as F
from course_lib.explorers.explorer import Choose, Explorer, Steps
from course_lib.viz.moving import Moving
from course_lib.viz.picture import DPI
from course_lib.viz.style import COLORS, LARGE, MAX_WIDTH, inch_canvas, number, shown
from course_lib.viz.tables import Table

X = np.array([[1.0, -2.0], [0.0, 3.0], [2.0, 1.0]])
W = np.array([[0.5, 1.0, -1.0, 2.0], [1.5, -0.5, 1.0, -2.0]])
DY = np.array([[1.0, -1.0, 2.0, 0.0], [3.0, 1.0, -2.0, 1.0], [-1.0, 2.0, 0.5, -3.0]])


def meeting(gradient, row, column):
    """One entry of dW, db or dX: its value, and the entries whose products add up to it.

    row, column: where the gradient is smaller, its last row or column is taken.
    """
    _, cache = F.linear_forward(X, W, np.zeros(W.shape[1]))
    dX, dW, db = F.linear_backward(DY, cache)
    gradients = {"dW": dW, "db": db, "dX": dX}
    shape = np.atleast_2d(gradients[gradient]).shape
    r, c = min(row, shape[0] - 1), min(column, shape[1] - 1)
    batch, outputs = range(DY.shape[0]), range(DY.shape[1])
    if gradient == "dW":
        factors = {"X": [(n, r) for n in batch], "dY": [(n, c) for n in batch]}
    elif gradient == "db":
        factors = {"dY": [(n, c) for n in batch]}
    else:
        factors = {"dY": [(r, m) for m in outputs], "W": [(c, m) for m in outputs]}
    arrays = {"X": X, "W": W, "dY": DY}
    numbers = [[arrays[name][place] for place in places] for name, places in factors.items()]
    return SimpleNamespace(
        gradients=gradients, gradient=gradient, asked=(row, column), shape=shape, place=(r, c),
        index=(c,) if gradient == "db" else (r, c), factors=factors,
        terms=list(zip(*numbers, strict=True)), value=np.atleast_2d(gradients[gradient])[r, c],
    )  # fmt: skip


def written(terms, write):
    """Products and their sum as text: "1 · 2 + 3 · (-1)"."""

    def factor(value, first):
        return write(value) if value >= 0 or first else f"({write(value)})"

    return " + ".join(
        " · ".join(factor(v, i == j == 0) for j, v in enumerate(term))
        for i, term in enumerate(terms)
    )


class MeetingPicture(Moving):
    """X, W and dY, with dX, dW and db below them; one entry and all that made it are lit."""

    CELL = (0.5, 0.3)
    LEFTS = {"X": 0.35, "W": 1.95, "dY": 4.55}
    TOPS = (2.85, 1.32)

    def draw(self, scene):
        self.figure, axes = inch_canvas(MAX_WIDTH, 3.3)
        above, below = self.TOPS
        places = {
            "X": (X.shape, self.LEFTS["X"], above), "W": (W.shape, self.LEFTS["W"], above),
            "dY": (DY.shape, self.LEFTS["dY"], above), "dX": (X.shape, self.LEFTS["X"], below),
            "dW": (W.shape, self.LEFTS["W"], below), "db": ((1, 4), self.LEFTS["dY"], below),
        }  # fmt: skip
        self.tables = {}
        for name, (shape, left, top) in places.items():
            self.tables[name] = table = Table(self, axes, shape, left, top, self.CELL)
            table.indices(rows=name != "db")
            said = shape[1:] if name == "db" else shape
            middle = left + shape[1] * self.CELL[0] / 2
            axes.text(middle, top + 0.22, f"{name} {said}", ha="center")
        self.sum = self.moves(axes.text(0.35, 0.1, "", size=LARGE, color=COLORS["gradient"]))

    def update(self, s):
        looks = {name: dict.fromkeys(places, "linked") for name, places in s.factors.items()}
        looks[s.gradient] = {s.place: "marked"}
        for name, array in {"X": X, "W": W, "dY": DY, **s.gradients}.items():
            self.tables[name].show(array, looks.get(name))
        self.sum.set_text(
            f"{s.gradient}[{', '.join(map(str, s.index))}] = {written(s.terms, shown)} "
            f"= {shown(s.value)}"
        )

    def say(self, s):
        words = ""
        for what, asked, size, taken in zip(
            ("row", "column"), s.asked, s.shape, s.place, strict=True
        ):
            if s.gradient == "db" and what == "row":
                continue  # db has no rows to choose from
            if asked != taken:
                words += f"{s.gradient} has only {size} {what}s: the last one is taken. "
        needs = {
            "dW": f"column {s.place[0]} of X and column {s.place[1]} of dY, sample by sample",
            "db": f"column {s.place[1]} of dY, all samples",
            "dX": f"row {s.place[0]} of dY and row {s.place[1]} of W, output by output",
        }[s.gradient]
        return words + (
            f"{s.gradient}[{', '.join(map(str, s.index))}] needs {needs}: "
            f"{written(s.terms, number)} = {number(s.value)}."
        )

    def at(self, x, y):
        for gradient in ("dW", "db", "dX"):
            place = self.tables[gradient].find(x / DPI, y / DPI)
            if place:
                return {"gradient": gradient, "row": place[0], "column": place[1]}
        return {}


Explorer(
    name="which_entries_meet",
    title="Which entries meet?",
    question="Pick an entry of a gradient, with the controls or with a click on it. **Which "
    "entries of dY does `dX[1, 0]` need, and which does it not?** And `dW[1, 0]`? Point at them "
    "before you pick.",
    answer="`dX[1, 0]` needs row 1 of dY, all four entries, and no other: sample 1 went to all "
    "outputs, and only to its own. `dW[1, 0]` needs column 0 of dY, from all three samples: the "
    "weight was used in each, and only for output 0. `db[0]` needs the same column, with nothing "
    "to multiply. In `dW[0, 0]` one product is 0, since `X[1, 0]` is 0: that sample has no "
    "say there.",
    controls={
        "gradient": Choose("gradient", {"dW": "dW", "db": "db", "dX": "dX"}, "dW"),
        "row": Steps("row", range(3), 0, str),
        "column": Steps("column", range(4), 1, str),
    },
    compute=meeting,
    picture=MeetingPicture,
)
