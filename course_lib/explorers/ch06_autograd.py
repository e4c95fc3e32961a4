"""Chapter 06: the graph of a typed expression, walked back in four ways; sums over copies."""

import math
from collections import Counter
from dataclasses import dataclass, replace
from functools import lru_cache
from types import SimpleNamespace

import numpy as np
from matplotlib.patches import Rectangle

from course_lib.autograd import Tensor, add
from course_lib.explorers.explorer import Choose, Entry, Explorer, Steps
from course_lib.explorers.typed import read_expression, read_values, short
from course_lib.viz.expressions import BACK, MORE, SENT, Boxes, Node
from course_lib.viz.moving import Moving
from course_lib.viz.style import (
    COLORS,
    MAX_WIDTH,
    NORMAL,
    SMALL,
    factor,
    inch_canvas,
    number,
    shown,
)

# the graph of an expression, walked back -------------------------------------------------------

RIGHT, OVERWRITE, NO_ORDER, MEETING = "right", "overwrite", "no order", "order of meeting"
WALKS = {
    "right: in order, with +=": RIGHT,
    "in order, with = for +=": OVERWRITE,
    "no order: at every use": NO_ORDER,
    "as you meet them from the end": MEETING,
}
LAST_STEP, END = 30, 10**6  # where the slider ends; the longest walk has fewer than END steps
KEY_HEIGHT, HIGHEST = 0.52, 4.5  # inches
CROSS = "\N{BALLOT X}"


def _visits(typed, mode):
    """The nodes in the order in which they hand their gradients on."""
    order, root = [], len(typed.nodes) - 1
    if mode in (RIGHT, OVERWRITE):
        return typed.inner[::-1]

    def visit(node):
        if not typed.parents[node] or (mode == MEETING and node in order):
            return
        order.append(node)
        for parent in typed.parents[node]:
            visit(parent)

    visit(root)
    return order


@dataclass(frozen=True)
class Walk:
    """A walk back: who hands on, the gradients before it and after each step, and remarks."""

    visits: list
    gradients: list
    remarks: list  # "" where a step does no harm

    @property
    def first_wrong(self):
        """The first step that does harm, counted from 0; None where all are right."""
        return next((k for k, remark in enumerate(self.remarks) if remark), None)


def _same(x, y):
    return math.isclose(x, y, rel_tol=1e-9, abs_tol=1e-12)


def _walk(typed, mode, right):
    gradient = [0.0] * len(typed.nodes)
    gradient[-1] = 1.0
    visits, history, remarks, been = _visits(typed, mode), [tuple(gradient)], [], set()
    to_come = Counter(parent for node in visits for parent in typed.parents[node])
    for node in visits:
        name, remark = typed.names[node], ""
        if node in been and gradient[node]:
            remark = f"{name} hands on again."
        elif to_come[node] and not _same(gradient[node], right[node]):
            remark = f"{name} hands on too early: more will come to it."
        been.add(node)
        for parent, slope in zip(typed.parents[node], typed.nodes[node].local, strict=True):
            part, before = gradient[node] * slope, gradient[parent]
            if mode == OVERWRITE and before:
                remark += f" The {number(before)} that {typed.names[parent]} had is overwritten."
            gradient[parent] = part if mode == OVERWRITE else before + part
            to_come[parent] -= 1
        history.append(tuple(gradient))
        remarks.append(remark.strip())
    return Walk(visits, history, remarks)


class _Layout(Boxes):
    """Closer than usual, for as large an expression as can be."""

    GAP, SLANT, LANE = 0.04, 0.13, 0.34


@lru_cache(maxsize=4)
def _graph(expression, values):
    """The graph, the walks back through it, what is right, and where its boxes go."""
    typed = read_expression(expression, read_values(values))
    typed.nodes[-1].backward()
    right = [node.grad for node in typed.nodes]
    walks = {mode: _walk(typed, mode, right) for mode in WALKS.values()}
    boxes = {}
    for i, node in enumerate(typed.nodes):
        sent = f" {SENT}" if typed.parents[i] else ""
        texts = set()
        for walk in walks.values():
            texts.update(f"{BACK} {shown(g[i])}{sent}" for g in walk.gradients[:LAST_STEP])
            last = walk.gradients[-1][i]
            cross = "" if _same(last, right[i]) else f" {CROSS}"
            texts.add(f"{BACK} {shown(last)}{cross}{sent}")
        boxes[str(i)] = Node(
            label=typed.names[i],
            head="",
            made_by=typed.formulas[i],
            value=shown(node.data),
            is_leaf=not typed.parents[i],
            later=tuple(texts),
        )
    edges = [(p, i) for i, parents in enumerate(typed.parents) for p in parents]
    layout = _Layout(boxes, [(str(p), str(i)) for p, i in edges])
    height = layout.height + KEY_HEIGHT + 0.1
    if height > HIGHEST:
        raise ValueError(
            f"The graph of {short(expression.strip())} is too large for the picture; wanted is one "
            "with fewer operations."
        )
    return SimpleNamespace(
        typed=typed, right=right, walks=walks, edges=edges, layout=layout, height=height
    )


def expression_graph(expression, values, mode, done):
    """An expression after `done` steps: its values forward, a 1 at the end, gradients backward.

    mode: which of the four walks back. Raises ValueError for text that can't be read.
    """
    graph = _graph(expression, values)
    typed, walk, inner = graph.typed, graph.walks[mode], graph.typed.inner
    total = len(inner) + 1 + len(walk.visits)
    done = min(done, total)
    forward, back = min(done, len(inner)), max(0, done - len(inner) - 1)
    seeded = done > len(inner)
    coming = walk.visits[back:]
    active = None
    if done and done != len(inner) + 1:
        active = walk.visits[back - 1] if back else inner[forward - 1]
    if seeded:
        next_one = coming[0] if coming else None
    else:
        next_one = inner[forward] if forward < len(inner) else len(typed.nodes) - 1
    more = {parent for node in coming for parent in typed.parents[node]}
    gradients = walk.gradients[back] if seeded else None
    return SimpleNamespace(
        graph=graph, typed=typed, mode=mode, walk=walk, done=done, total=total, back=back,
        known=set(range(len(typed.nodes))) - set(inner[forward:]), gradients=gradients,
        sent=set(walk.visits[:back]), more=more, active=active, next=next_one,
        wrong={
            i for i, g in enumerate(gradients or ())
            if i not in more and not _same(g, graph.right[i])
        },
    )  # fmt: skip


class ExpressionPicture(Moving):
    """The graph of the expression: values above the boxes, gradients below, wires in use bold."""

    KEYS = (
        f"above a box: its value; {BACK} below: its gradient; heavy outline: next; bold wires: now",
        f"{SENT} has handed its gradient on; grey and {MORE}: more is to come; {CROSS} wrong",
    )

    def draw(self, scene):
        self.figure, self.axes = inch_canvas(MAX_WIDTH, scene.graph.height)
        for row, key in enumerate(reversed(self.KEYS)):
            self.axes.text(0.12, 0.15 + 0.19 * row, key, fontsize=SMALL, va="center",
                           color=COLORS["muted"])  # fmt: skip
        self.graph = None

    def _lay_out(self, graph):
        for artist in self._moving:
            artist.remove()
        self._moving.clear()
        self.graph, layout = graph, graph.layout
        self.figure.set_size_inches(MAX_WIDTH, graph.height)
        self.axes.set_ylim(0, graph.height)
        self.drawn = layout.draw(
            self.axes, (MAX_WIDTH - layout.width) / 2, KEY_HEIGHT + layout.height
        )
        self.moves(*self.drawn.artists())
        self.redraw()

    def update(self, s):
        if s.graph is not self.graph:
            self._lay_out(s.graph)
        self.drawn.show({key: self._node(s, int(key), node)
                         for key, node in s.graph.layout.nodes.items()})  # fmt: skip
        for (_, child), pieces in zip(s.graph.edges, self.drawn.wires, strict=True):
            for piece in pieces:
                if child != s.active:
                    piece.set(color=COLORS["ink"], linewidth=1.3, arrowstyle="-|>")
                elif s.gradients is None:
                    piece.set(color=COLORS["value"], linewidth=2.6, arrowstyle="-|>")
                else:
                    piece.set(color=COLORS["gradient"], linewidth=2.6, arrowstyle="<|-")

    def _node(self, s, i, node):
        gradient = ""
        if s.gradients is not None:
            gradient = shown(s.gradients[i]) + (f" {CROSS}" if i in s.wrong else "")
        return replace(
            node, value=node.value if i in s.known else "?", gradient=gradient,
            is_done=i in s.sent, is_next=i == s.next,
            more_to_come=s.gradients is not None and i in s.more,
        )  # fmt: skip

    def say(self, s):
        lines = [self._event(s)]
        if s.done == s.total:
            lines.append(self._end(s))
        values = [
            " = ".join(filter(None, [
                s.typed.names[i], s.typed.formulas[i],
                number(node.data) if i in s.known else "?",
            ]))
            for i, node in enumerate(s.typed.nodes)
        ]  # fmt: skip
        lines.append(f"Values: {', '.join(values)}.")
        if s.gradients is not None:
            gradients = [
                f"{s.typed.names[i]} {number(s.gradients[i])}"
                + (" so far" if i in s.more else " (wrong)" if i in s.wrong else "")
                for i in reversed(range(len(s.typed.nodes)))
            ]
            lines.append(f"Gradients: {', '.join(gradients)}.")
        return "\n".join(lines)

    def _event(self, s):
        names, step = s.typed.names, f"Step {s.done:,} of {s.total:,}"
        if s.done == 0:
            return f"{step}: the leaves have their values."
        if s.gradients is None:
            node = s.typed.nodes[s.active]
            return (
                f"{step}, forward: {names[s.active]} = {s.typed.formulas[s.active]} = "
                f"{number(node.data)}."
            )
        if not s.back:
            return f"{step}: the walk back begins at the end, with 1 for {names[-1]}."
        sent = s.walk.gradients[s.back - 1][s.active]
        parts = [
            f"{names[parent]} gets {number(sent)} · {factor(slope)} = {number(sent * slope)}"
            for parent, slope in zip(
                s.typed.parents[s.active], s.typed.nodes[s.active].local, strict=True
            )
        ]
        words = f"{step}, backward: {names[s.active]} hands on {number(sent)}: {', '.join(parts)}."
        return " ".join(filter(None, [words, s.walk.remarks[s.back - 1]]))

    def _end(self, s):
        if not s.wrong:
            spite = "" if s.mode == RIGHT else " here, in spite of the mistake"
            return f"Finished. All gradients are right{spite}."
        names, first = s.typed.names, s.walk.first_wrong
        wrong = "; ".join(
            f"{names[i]} has {number(s.gradients[i])}, right is {number(s.graph.right[i])}"
            for i in sorted(s.wrong)
        )
        return (
            f"Finished, and wrong: {wrong}. It began in step "
            f"{len(s.typed.inner) + 2 + first}: {s.walk.remarks[first]}"
        )


Explorer(
    name="expression_graph",
    title="The graph of your own expression, there and back",
    question="One walk back is right, and three are not. **Which of the three is wrong for "
    "`y = c * d` and right for `y = d * c`?** Then type `b = a + a; c = b + b`: **which of them "
    "gives 8, where 4 is right, and what do the other two give?** Last, `c = a * b; d = c + a`: a "
    "is used twice, and still two of the three are right. **Why?**",
    answer="As you meet them from the end: in `c * d` you meet c first, and it hands on 8 before "
    "the 6 from d has come. So a ends at 30 and b at 16, where 48 and 28 are right. For `b = a + "
    "a; c = b + b`, no order gives 8, for b hands on twice; `=` gives 1, and the order in which "
    "you meet them gives 4, for here each node has only one to wait for. In `c = a * b; d = c + "
    "a` only `=` is wrong: a gets 1 and then 3, and keeps 3, where 4 is right. The node that is "
    "used twice is a *leaf*. It hands nothing on, so it can't do so too early or too often. "
    "**`+=` matters as soon as a node is used twice, the order only if a node with parents is.** "
    "If every node is used once, as in `c = a * b; y = tanh(c)`, all four agree.",
    controls={
        "expression": Entry("expression", "c = a * b; d = c + a; y = c * d", wide=True),
        "values": Entry("values", "a = 2, b = 3", wide=True),
        "mode": Choose("walk back", WALKS, RIGHT),
        "done": Steps("step", [*range(LAST_STEP + 1), END], 0,
                      lambda k: "end" if k == END else str(k), play=True),
    },
    compute=expression_graph,
    picture=ExpressionPicture,
)  # fmt: skip


# what was copied is summed ---------------------------------------------------------------------

UPSTREAM = np.array([[1.0, -2.0, 4.0], [3.0, 5.0, -6.0]])
SHAPES = ((), (1,), (3,), (1, 3), (2, 1), (2, 3))


def copied_and_summed(shape, row, column):
    """An array of `shape`, its copies in (2, 3), and its gradient from that of the copies.

    row, column: an entry of the copies; `own` is the entry of the array that it is a copy of.
    """
    x = Tensor(10.0 * np.arange(1, math.prod(shape) + 1).reshape(shape), requires_grad=True)
    copies = add(x, np.zeros_like(UPSTREAM))
    copies.backward(UPSTREAM)
    place = np.broadcast_to(np.arange(x.size).reshape(shape), UPSTREAM.shape)
    own = int(place[row, column])
    front = UPSTREAM.ndim - len(shape)
    return SimpleNamespace(
        shape=shape, x=x.data, copies=copies.data, gradient=x.grad, row=row, column=column,
        own=own, index=np.unravel_index(own, shape) if shape else (),
        group=[tuple(map(int, at)) for at in np.argwhere(place == own)],
        new=list(range(front)),
        stretched=[k + front for k, n in enumerate(shape) if n != UPSTREAM.shape[k + front]],
    )  # fmt: skip


def _entry(name, index):
    return f"{name}[{', '.join(str(k) for k in index)}]" if len(index) else name


def _added(numbers):
    """1 - 2 + 4, from [1, -2, 4]."""
    first, *others = numbers
    return number(first) + "".join(
        f" {'-' if n < 0 else '+'} {number(abs(n))}" for n in others
    )  # fmt: skip


def _axes(axes):
    return f"ax{'i' if len(axes) == 1 else 'e'}s {' and '.join(map(str, axes))}"


class CopiesPicture(Moving):
    """x and its copies above, x's gradient and the upstream gradient below; one group marked."""

    CELL = (0.62, 0.38)  # inches
    LEFT, TOPS = (0.6, 4.3), (2.72, 1.18)

    def draw(self, scene):
        self.figure, axes = inch_canvas(MAX_WIDTH, 3.2)
        words = {"va": "center", "fontsize": NORMAL}
        self.titles = self.moves(
            axes.text(self.LEFT[0], self.TOPS[0] + 0.2, "", **words),
            axes.text(self.LEFT[0], self.TOPS[1] + 0.2, "", **words),
        )
        axes.text(self.LEFT[1], self.TOPS[0] + 0.2, "forward: its copies, of shape (2, 3)", **words)
        axes.text(self.LEFT[1], self.TOPS[1] + 0.2, "backward: the upstream gradient g", **words)
        for y, style, ends, said in (
            (2.25, "value", (2.85, 3.95), "copied"),
            (0.72, "gradient", (3.95, 2.85), "summed"),
        ):
            arrow = {"arrowstyle": "-|>,head_length=0.5,head_width=0.22", "lw": 1.6}
            axes.annotate("", (ends[1], y), (ends[0], y),
                          arrowprops={**arrow, "color": COLORS[style]})  # fmt: skip
            axes.text(3.4, y + 0.16, said, ha="center", color=COLORS[style], **words)
        self.cells = [
            [self._cell(axes, left, top, at) for at in np.ndindex(2, 3)]
            for top in self.TOPS
            for left in self.LEFT
        ]

    def _cell(self, axes, left, top, at):
        width, height = self.CELL
        x, y = left + at[1] * width, top - (at[0] + 1) * height
        box = axes.add_patch(Rectangle((x, y), width, height))
        text = axes.text(x + width / 2, y + height / 2 - 0.01, "", ha="center", va="center")
        return self.moves(box, text)

    def update(self, s):
        self.titles[0].set_text(f"x, of shape {s.shape}")
        self.titles[1].set_text(f"the gradient of x, of shape {s.shape}")
        self.first_copy = {}
        place = np.arange(s.x.size).reshape(s.shape)
        for k, at in enumerate(np.ndindex(2, 3)):
            here = at in s.group
            self._fill(self.cells[1][k], s.copies[at], here, "value")
            self._fill(self.cells[3][k], UPSTREAM[at], here, "gradient")
            own = np.broadcast_to(place, (2, 3))[at]
            shown_here = own not in self.first_copy  # an array stands where its first copies do
            self.first_copy.setdefault(own, at)
            for cells, array, color in (
                (self.cells[0], s.x, "value"),
                (self.cells[2], s.gradient, "gradient"),
            ):
                for artist in cells[k]:
                    artist.set_visible(shown_here)
                self._fill(cells[k], array.flat[own], own == s.own, color)

    def _fill(self, cell, value, here, color):
        box, text = cell
        box.set(facecolor=COLORS["strong_tint" if here else "box"], edgecolor=COLORS["ink"],
                linewidth=2.4 if here else 0.8, zorder=2 if here else 1)  # fmt: skip
        text.set(text=shown(value), color=COLORS["ink" if here else color],
                 fontweight="bold" if here else "normal")  # fmt: skip

    def at(self, x, y):
        x, y = x / self.figure.dpi, y / self.figure.dpi
        width, height = self.CELL
        for top in self.TOPS:
            for left in self.LEFT:
                column, row = int((x - left) // width), int((top - y) // height)
                if (row, column) not in set(np.ndindex(2, 3)):
                    continue
                known = left == self.LEFT[1] or (row, column) in self.first_copy.values()
                return {"row": row, "column": column} if known else {}
        return {}

    def say(self, s):
        x = _entry("x", s.index)
        how = " and ".join(
            filter(None, [
                f"along new {_axes(s.new)}" if s.new else "",
                f"along {_axes(s.stretched)}, where it has length 1" if s.stretched else "",
            ])
        )  # fmt: skip
        numbers = [UPSTREAM[at] for at in s.group]
        total = s.gradient.flat[s.own]
        if not how:
            how = "nowhere: it has that shape already"
        words = f"x has shape {s.shape}. To (2, 3) it is copied {how}.\n"
        sums = " + ".join(_entry("g", at) for at in s.group)
        if len(s.group) == 1:
            words += f"{x} = {number(s.x.flat[s.own])} stands in one place; it gets {sums} = "
            words += f"{number(total)}."
        else:
            words += f"{x} = {number(s.x.flat[s.own])} stands in {len(s.group)} places. It gets "
            words += f"{sums} = {_added(numbers)} = {number(total)}."
        every = ", ".join(number(g) for g in s.gradient.flat)
        return (
            f"{words}\nThe gradient of x has shape {s.shape}: {every}. "
            f"Its entries add up to {number(s.gradient.sum())}."
        )


Explorer(
    name="copied_and_summed",
    title="What was copied is summed",
    question="Choose a shape of x, and click on an entry, or pick it below. **Which pairs of "
    "shapes get the same numbers, in different shapes? And what is the same for all six?** How "
    "would a mean over the copies change that?",
    answer="() and (1,) both get 5; (3,) and (1, 3) both get 4, 3, -2. A gradient has the shape of "
    "its variable, so these are not the same gradients. For all six the entries of the gradient "
    "add up to 5, the sum of g: every entry of g belongs to exactly one entry of x, and is counted "
    "once. With means, (3,) would get 2, 1.5, -1, which add up to 2.5, and a nudge of all of x "
    "would move the loss by twice as much as that says.",
    controls={
        "shape": Choose("shape of x", {str(shape): shape for shape in SHAPES}, (3,)),
        "row": Steps("row", range(2), 0),
        "column": Steps("column", range(3), 1),
    },
    compute=copied_and_summed,
    picture=CopiesPicture,
)
