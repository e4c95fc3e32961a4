"""The graph of an expression: drawn from its nodes, with their values and gradients."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from matplotlib.patches import FancyBboxPatch

from course_lib.autograd import topological_order
from course_lib.viz.graphs import BACK, BOX_HEIGHT, MARGIN, Graph, Layout, curve
from course_lib.viz.picture import Picture
from course_lib.viz.style import (
    COLORS,
    LARGE,
    MAX_WIDTH,
    SMALL,
    count,
    inch_canvas,
    shown,
    styled,
    text_width,
)

LARGEST = 15  # nodes that can still be taken in
LINE = 0.19  # inches, from one line of text to the next
SENT, MORE = "\N{CHECK MARK}", "\N{HORIZONTAL ELLIPSIS}"
LONG = f"{BACK} \N{MINUS SIGN}0.000 {SENT}"  # as wide as most gradients of a series


@dataclass
class Node:
    """What is said of one node; "" where there is nothing to say."""

    label: str
    head: str  # how its line of the text alternative begins
    made_by: str = ""  # the second line in its box
    value: str = ""
    gradient: str = ""
    of_arrays: bool = False
    is_leaf: bool = False
    is_done: bool = False
    is_next: bool = False
    more_to_come: bool = False
    later: tuple[str, ...] = ()  # texts that room is kept for, so that nothing moves in a series


@styled
def draw_computation(root, names=None, gradients=True, upto=None, steps=None) -> Picture:
    """Draw the graph of an expression, from left to right, values above the boxes, gradients below.

    root: the node where it ends, with `.parents`, `.data`, `.grad` and, if it has one, `.op`: a
    Value, a Tensor (shapes stand for its numbers) or one of your own class.
    names: what to call the nodes, {"a": a} or {a: "a"}; names=globals() works too. The others are
    called by their `.op`.
    gradients: False leaves them out.
    upto: how many steps of the walk backward (without gradients: forward) have been done. What has
    been done is ticked, what is next has a heavy outline, and a gradient to which more will be
    added is grey. Gradients are drawn as they are at the moment.
    steps: the nodes in the order of that walk; all but the leaves in topological order by default.
    Raises TypeError when root is no node, and ValueError for more than 15 nodes, a cycle, steps
    that are not in the graph, or fewer steps than upto.
    """
    expression = Expression(root, names, gradients, upto, steps)
    keys = expression.keys()
    figure, axes = inch_canvas(
        max(expression.width, *(1.04 * text_width(key, SMALL) for key in keys)) + 2 * MARGIN,
        expression.height + LINE * len(keys) + 3 * MARGIN,
    )
    x = (figure.get_figwidth() - expression.width) / 2
    expression.draw(axes, x, figure.get_figheight() - MARGIN)
    for row, key in enumerate(reversed(keys)):
        axes.text(
            MARGIN, MARGIN + LINE * (row + 0.4), key, size=SMALL, va="center", color=COLORS["muted"]
        )
    return Picture(figure, expression.text())


@dataclass
class Drawn:
    """What stands in a picture for a graph: the artists of each box, and of each wire."""

    boxes: dict  # by key: the box, and its texts
    wires: list  # for each edge the pieces it is drawn in, one for each row it runs through

    def artists(self) -> list:
        """All of them, those that are to be drawn first at the front."""
        boxes = (artist for box in self.boxes.values() for artist in box)
        return [*(piece for pieces in self.wires for piece in pieces), *boxes]

    def show(self, nodes: dict[str, Node]) -> None:
        """Change what is said of each node. Boxes stay where they are, and as wide."""
        for key, node in nodes.items():
            _show(self.boxes[key], node)


def _show(artists, node: Node):
    box, label, made_by, value, gradient = artists
    face = COLORS["tint"] if node.is_done else "white" if node.is_leaf else COLORS["box"]
    box.set(facecolor=face, linewidth=3 if node.is_next else 1.1)
    label.set_text(node.label)
    made_by.set_text(node.made_by)
    value.set_text(node.value)
    gradient.set(text=_below(node), color=COLORS["muted" if node.more_to_come else "gradient"])


class Boxes(Layout):
    """Where each node of a graph goes, with its value above its box and its gradient below.

    What is too wide goes on in the next row, as the lines of a text do.
    nodes: {key: Node}. edges: (from, to) pairs of keys.
    """

    SLANT = 0.17
    LANE = 2 * SLANT + 0.08

    def __init__(self, nodes: dict[str, Node], edges):
        self.nodes = nodes
        super().__init__(Graph({key: node.label for key, node in nodes.items()}, edges))

    def _labels(self, e: int) -> tuple[str, str]:
        return "", ""

    def _box_height(self, key: str) -> float:
        return BOX_HEIGHT if self.nodes[key].made_by else 0.3

    def _room(self, item) -> float:
        if isinstance(item, str):
            return self._box_height(item) + 2 * LINE + 0.06
        return 0.2

    def _node_width(self, key: str) -> float:
        """As wide as its column, so that wires bend in the lanes between the columns only."""
        c = self.column[key]
        return self.left[c + 1] - self.left[c]

    def _width_wanted(self, node: Node) -> float:
        texts = [node.value, _below(node), *node.later]
        return max(
            0.5,
            text_width(node.label, LARGE) + 0.2,
            text_width(node.made_by, SMALL) + 0.16,
            *map(text_width, texts),
        )

    def _place_horizontally(self):
        widths = [self.LANE] * len(self.columns)
        for c in range(0, len(self.columns), 2):
            keys = (item for item in self.columns[c] if isinstance(item, str))
            widths[c] = max(self._width_wanted(self.nodes[key]) for key in keys)
        room = MAX_WIDTH - 2 * MARGIN - self.LANE
        self.rows, x = [[0, 1]], widths[0]  # first column of each row, and the one after its last
        for c in range(2, len(widths), 2):
            if x + widths[c - 1] + widths[c] > room:
                self.rows.append([c - 1, c])
                crossing = (item[0] for item in self.columns[c - 1])
                words = max(text_width(self._origin(e), SMALL) for e in crossing)
                widths[c - 1] = max(self.LANE, words + self.SLANT + 0.05)
                x = 0
            self.rows[-1][1] = c + 1
            x += widths[c - 1] + widths[c]
        self.left = [0.0]
        for width in widths:
            self.left.append(self.left[-1] + width)
        stub = self.LANE if len(self.rows) > 1 else 0
        self.width = stub + max(self.left[last] - self.left[first] for first, last in self.rows)

    def _bends(self, e: int) -> list[tuple[int, int]]:
        """Past boxes, and where it goes on in the next row; elsewhere lanes would make it wavy."""
        starts = {first for first, _ in self.rows[1:]}
        return [point for point in self.routes[e] if point[1] % 2 == 0 or point[1] in starts]

    def _port(self, e: int, key: str, end: int) -> float:
        return super()._port(e, key, end) * self._box_height(key) / BOX_HEIGHT

    def _origin(self, e: int) -> str:
        return f"from {self.nodes[self.graph.edges[e][0]].label}"

    def _place_vertically(self):
        super()._place_vertically()
        self.extents = []
        for first, last in self.rows:
            # The wires that go on in the next row need room in this one too.
            items = [item for column in self.columns[first : last + 1] for item in column]
            self.extents.append(
                (
                    max(self.y[item] + self._room(item) / 2 for item in items),
                    min(self.y[item] - self._room(item) / 2 for item in items),
                )
            )
        self.height = sum(top - bottom + self.GAP for top, bottom in self.extents) - self.GAP

    def draw(self, axes, x0: float, top: float) -> Drawn:
        """Draw it with its upper left corner at (x0, top)."""
        drawn = Drawn({}, [[] for _ in self.routes])
        for (first, last), (highest, lowest) in zip(self.rows, self.extents, strict=True):
            x, y = x0 - self.left[first], top - highest
            for e in range(len(self.routes)):
                drawn.wires[e] += self._draw_part(axes, x, y, e, first, last)
            for key, node in self.nodes.items():
                if first <= self.column[key] < last:
                    drawn.boxes[key] = self._draw_node(axes, x, y + self.y[key], key, node)
            top -= highest - lowest + self.GAP
        return drawn

    def _draw_part(self, axes, x, y, e, first, last):
        """That part of a wire that lies in the columns of one row, as a list of one or none."""
        points, begin, end = self._points(e), self.left[first], self.left[last]
        # The columns were added up in another order than the points: 1e-6 for the rounding.
        here = [i for i, (at, _) in enumerate(points) if begin < at - 1e-6 <= end]
        if not here:
            return []
        part = points[here[0] : here[-1] + 1]
        if here[-1] + 1 < len(points):
            part.append(points[here[-1] + 1])  # a stub, at the height where it goes on
        if here[0] > 0:
            part.insert(0, (begin, part[0][1]))
            axes.text(
                x + begin, y + part[0][1] + 0.03, self._origin(e),
                size=SMALL, va="bottom", color=COLORS["muted"],
            )  # fmt: skip
        return [curve(axes, part, x, y)]

    def _draw_node(self, axes, x0, y, key, node):
        left, width = self.left[self.column[key]], self._node_width(key)
        height = self._box_height(key)
        x = x0 + left + width / 2
        box = axes.add_patch(
            FancyBboxPatch(
                (x - width / 2, y - height / 2),
                width,
                height,
                boxstyle=f"round,pad=0,rounding_size={0.14 if node.is_leaf else 0.04}",
                edgecolor=COLORS["ink"],
            )
        )
        up = LINE / 2 if node.made_by else 0
        away = height / 2 + LINE / 2 + 0.02
        centre = {"ha": "center", "va": "center"}
        artists = (
            box,
            axes.text(x, y + up - 0.01, "", size=LARGE, **centre),
            axes.text(x, y - up, "", size=SMALL, color=COLORS["muted"], **centre),
            axes.text(x, y + away, "", color=COLORS["value"], **centre),
            axes.text(x, y - away, "", **centre),
        )
        _show(artists, node)
        return artists


class Expression(Boxes):
    """The boxes of an expression; see `draw_computation` for the arguments."""

    def __init__(self, root, names=None, gradients=True, upto=None, steps=None):
        if not (hasattr(root, "parents") and hasattr(root, "data")):
            raise TypeError(
                f"root is of type {type(root).__name__}, expected a node with .parents and .data"
            )
        order = topological_order(root)
        if len(order) > LARGEST:
            raise ValueError(f"the graph has {len(order):,} nodes, at most {LARGEST} can be drawn")
        self.backward, self.upto = bool(gradients), upto
        steps = self._steps(order, upto, steps)
        self.step_count = len(steps)
        super().__init__(
            _read(order, names or {}, self.backward, upto, steps),
            [(_id(parent), _id(node)) for node in order for parent in node.parents],
        )

    def _steps(self, order, upto, steps) -> list:
        if steps is None:
            inner = [node for node in order if node.parents]
            steps = inner[::-1] if self.backward else inner
        steps, known = list(steps), {id(node) for node in order}
        for i, node in enumerate(steps):
            if id(node) not in known:
                raise ValueError(f"steps[{i}] is no node of the graph that ends in root")
        if upto is not None and not 0 <= upto <= len(steps):
            raise ValueError(f"upto is {upto}, expected 0 to {len(steps)}, the number of steps")
        return steps

    def keys(self) -> list[str]:
        """What the marks mean, one line each."""
        shape = " or its shape" if any(node.of_arrays for node in self.nodes.values()) else ""
        keys = [f"above a box: its value{shape}"]
        if self.backward:
            keys[0] += f"; {BACK} below: its gradient{shape}"
        if self.upto is not None:
            keys.append(f"heavy outline: next; {SENT} {self._done_word()}")
            if self.backward:
                keys[1] += f"; grey and {MORE}: later steps add to it"
        return keys

    def _done_word(self) -> str:
        return "has sent its gradient on" if self.backward else "computed"

    def text(self) -> str:
        """The text alternative: a line for each node, those it was made from before it."""
        lines = []
        if self.upto is not None:
            way = "backward" if self.backward else "forward"
            lines = [f"{self.upto} of {count(self.step_count, 'step')} {way} done."]
        for node in self.nodes.values():
            kinds = ("shape", "gradient of shape") if node.of_arrays else ("value", "gradient")
            said = [
                f"{kind} {what}"
                for kind, what in zip(kinds, (node.value, node.gradient), strict=True)
                if what
            ]
            said += [
                "next" if node.is_next else "",
                self._done_word() if node.is_done else "",
                "later steps add to it" if node.more_to_come else "",
            ]
            words = ", ".join(filter(None, said)).replace("\N{MINUS SIGN}", "-")
            lines.append(f"{node.head}: {words}")
        return "\n".join(lines)


def _below(node: Node) -> str:
    if not node.gradient:
        return SENT if node.is_done else ""
    marks = (f" {MORE}" if node.more_to_come else "") + (f" {SENT}" if node.is_done else "")
    return f"{BACK} {node.gradient}{marks}"


def _id(node) -> str:
    return f"node {id(node)}"


def _read(order, names, backward, upto, steps) -> dict[str, Node]:
    """What to say of each node, in the order given."""
    labels, named = _call(order, names)
    stepping = upto is not None
    done = {id(node) for node in steps[: upto or 0]}
    coming = steps[upto:] if stepping else []
    to_come = {id(parent) for node in coming for parent in node.parents}
    nodes = {}
    for node in order:
        key, label, op = id(node), labels[id(node)], getattr(node, "op", None) or ""
        parents = [labels[id(parent)] for parent in node.parents]
        formula = _formula(op, parents)
        made = f"{op or 'made'} of {_and(parents)}" if parents else ""
        if key not in named:
            head = f"{label} of {_and(parents)}" if parents else label
        else:
            head = f"{label} = {formula}" if formula else ", ".join(filter(None, [label, made]))
        gradient = getattr(node, "grad", None) if backward else None
        computed = backward or not stepping or key in done or not parents
        of_arrays = np.ndim(node.data) > 0
        nodes[_id(node)] = Node(
            label=label,
            head=head,
            made_by=_short(formula, op) if key in named else "",
            value=_shown(node.data) if computed else "?",
            gradient="" if gradient is None else _shown(gradient),
            of_arrays=of_arrays,
            is_leaf=not parents,
            is_done=key in done,
            is_next=bool(coming) and node is coming[0],
            more_to_come=backward and key in to_come,
            later=(LONG,) if stepping and backward and not of_arrays else (),
        )
    return nodes


def _call(order, names) -> tuple[dict[int, str], set[int]]:
    """(what to call each node, by its id; those with a name of their own)."""
    called = {}
    for key, value in names.items():
        name, node = (key, value) if isinstance(key, str) else (value, key)
        if not name.startswith("_"):  # those in globals() are Jupyter's own
            called.setdefault(id(node), name)
    labels = {
        id(node): called.get(id(node))
        or getattr(node, "op", None)
        or ("node" if node.parents else "leaf")
        for node in order
    }
    often, seen = Counter(labels.values()), Counter()
    for key, label in labels.items():
        seen[label] += 1
        if often[label] > 1:
            labels[key] = f"{label} #{seen[label]}"
    return labels, called.keys() & labels.keys()


def _shown(data) -> str:
    return str(np.shape(data)) if np.ndim(data) else shown(data)


def _formula(op: str, parents: list[str]) -> str:
    """How one would write it; "" where what the node keeps leaves that open."""
    if op.isidentifier() and parents:
        return f"{op}({', '.join(parents)})"
    if op and len(parents) == 2 and all(parent.isidentifier() for parent in parents):
        return f"{parents[0]} {op} {parents[1]}"
    if op.startswith("**") and len(parents) == 1 and parents[0].isidentifier():
        return parents[0] + op
    return ""


def _short(formula: str, op: str) -> str:
    return formula if formula and text_width(formula, SMALL) < 1.1 else op


def _and(words: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
