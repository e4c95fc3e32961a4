"""Chapter 00: which entries of an array meet in one entry of its sum along an axis."""

from types import SimpleNamespace

import numpy as np

from course_lib.explorers.explorer import Choose, Explorer, Steps, Switch
from course_lib.viz.moving import Moving
from course_lib.viz.picture import DPI
from course_lib.viz.style import COLORS, LARGE, MAX_WIDTH, count, inch_canvas
from course_lib.viz.tables import Table

A = np.array([[4, 1, 7, 2], [0, 5, 3, 4], [9, 2, 1, 9]])


def sums(axis, keepdims, entry):
    """A.sum(axis, keepdims), and which entries of A made one entry of it.

    entry: counted in reading order; where the result has fewer, its last one is taken.
    """
    result = A.sum(axis=axis, keepdims=keepdims)
    chosen = min(entry, result.size - 1)
    kept = A.sum(axis=axis, keepdims=True).shape
    # Each entry of A is given the number of the entry of the result that it goes into.
    owner = np.broadcast_to(np.arange(result.size).reshape(kept), A.shape)
    return SimpleNamespace(
        axis=axis, keepdims=keepdims, asked=entry, chosen=chosen, result=result, owner=owner,
        index=tuple(int(i) for i in np.unravel_index(chosen, result.shape)),
        added=A[owner == chosen], total=result.ravel()[chosen],
        code=f"A.sum({f'axis={axis}' if axis is not None else ''}"
        f"{', ' if keepdims and axis is not None else ''}{'keepdims=True' if keepdims else ''})",
    )  # fmt: skip


class SumsPicture(Moving):
    """A with the entries that are added, the result where it belongs, and the sum."""

    LEFT, TOP, CELL = 0.75, 1.95, (0.55, 0.36)

    def draw(self, scene):
        self.figure, axes = inch_canvas(MAX_WIDTH, 2.42)
        self.right = self.LEFT + 4 * self.CELL[0] + 0.4
        self.array = Table(self, axes, A.shape, self.LEFT, self.TOP, self.CELL)
        self.array.indices()
        self.result = Table(self, axes, A.shape, self.right, self.TOP, self.CELL)
        axes.text(self.LEFT + 2 * self.CELL[0], self.TOP + 0.28, f"A, shape {A.shape}", ha="center")
        self.code, self.shape, self.sum = self.moves(
            axes.text(self.right, self.TOP + 0.28, "", size=LARGE, weight="bold"),
            axes.text(self.right, self.TOP + 0.08, "", size=LARGE),
            axes.text(0, self.TOP - 4 * self.CELL[1], "", color=COLORS["value"]),
        )

    def update(self, s):
        self.scene = s
        self.array.show(
            A, {(int(r), int(c)): "marked" for r, c in np.argwhere(s.owner == s.chosen)}
        )
        width, height = self.CELL
        left, top = self.right, self.TOP - 0.12
        if s.axis == 0:  # below the columns that it adds up
            left, top = self.LEFT, self.TOP - 3 * height - 0.2
        elif s.axis == 1 and s.keepdims:  # beside the rows that it adds up
            top = self.TOP
        self.result.left, self.result.top = left, top
        place = ((0,) * (2 - len(s.index))) + s.index
        self.result.show(s.result, {place: "marked"})
        self.code.set_text(s.code)
        self.shape.set_text(f"shape {s.result.shape}")
        self.sum.set_x(self.right if s.axis == 0 else self.LEFT)  # beside or below A
        self.sum.set_text(f"{' + '.join(map(str, s.added))} = {s.total}")

    def say(self, s):
        at = f"[{', '.join(map(str, s.index))}]" if s.index else ""
        if s.axis is None:
            whose = f"all {count(A.size, 'entry')} of A"
        else:
            whose = f"{'row' if s.axis else 'column'} {s.chosen} of A"
        words = f"{s.code} has shape {s.result.shape}: {s.result.tolist()}. "
        if s.axis is None:
            words += "Both axes stay, with size 1. " if s.keepdims else "No axis is left. "
        else:
            words += f"Axis {s.axis} {'stays, with size 1' if s.keepdims else 'is gone'}. "
        if s.chosen != s.asked:
            words += f"It has no entry {s.asked}; the last one is lit. "
        name = f"Its entry {at}" if at else "The sum"
        return words + f"{name} is {' + '.join(map(str, s.added))} = {s.total}, {whose}."

    def at(self, x, y):
        x, y = x / DPI, y / DPI
        place = self.array.find(x, y)
        if place:
            return {"entry": int(self.scene.owner[place])}
        place = self.result.find(x, y)
        return {"entry": place[0] * self.result.filled[1] + place[1]} if place else {}


Explorer(
    name="sums_along_an_axis",
    title="Which entries meet in a sum?",
    question="**Which axis leaves one number per column, and what is the shape then, without and "
    "with `keepdims`?** Say the shape before you change a control. You can also click on an entry.",
    answer="`axis=0` adds down the rows and leaves one number per column: shape `(4,)`, or "
    "`(1, 4)` with `keepdims=True`. `axis=1` leaves one number per row: `(3,)`, or `(3, 1)`. The "
    "axis that you name is the one that is used up. With `keepdims` it stays behind with size 1, "
    "so the sums of the rows still stand beside their rows: `A / A.sum(axis=1, keepdims=True)` "
    "divides each row by its own sum. Without `keepdims` NumPy refuses: `(3, 4)` and `(3,)` do not "
    "fit.",
    controls={
        "axis": Choose("axis", {"0": 0, "1": 1, "None (all)": None}, 1),
        "keepdims": Switch("keepdims"),
        "entry": Steps("entry of the result", range(4), 0, str),
    },
    compute=sums,
    picture=SumsPicture,
)
