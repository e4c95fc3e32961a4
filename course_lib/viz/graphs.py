"""Computational graphs: operations as boxes, values and gradients on the wires between them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, combinations, islice, permutations

from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path

from course_lib.viz.picture import Picture
from course_lib.viz.style import (
    COLORS,
    LARGE,
    MAX_WIDTH,
    SMALL,
    count,
    inch_canvas,
    non_decreasing,
    number,
    shown,
    styled,
    text_width,
)

MARGIN = 0.12  # all sizes in this module are in inches
BOX_HEIGHT = 0.46
KEY_HEIGHT = 0.34
BACK = "\N{BLACK LEFT-POINTING SMALL TRIANGLE}"  # an arrow would run into a minus sign
KEY = (
    "above a wire: value, forward \N{RIGHTWARDS ARROW}",
    f"{BACK} below: gradient, backward",
)


@dataclass(frozen=True)
class Graph:
    """What `draw_graph` draws; see there."""

    nodes: Mapping[str, str]
    edges: Sequence[tuple[str, str]]
    values: Mapping[str, float] = field(default_factory=dict)
    gradients: Sequence[float | None] | None = None
    totals: Mapping[str, float] = field(default_factory=dict)
    title: str = ""


@styled
def draw_chain(
    names: Sequence[str],
    values: Sequence[float],
    gradients: Sequence[float | None] | None = None,
    operations: Sequence[str] = (),
    local_derivatives: Sequence[float] | None = None,
) -> Picture:
    """Draw a chain of operations, values above the wires and gradients below them.

    names, values, gradients: one for each wire, first to last; a gradient of None shows as "?".
    operations, local_derivatives: one for each box between two wires.
    A chain that is too wide goes on in the next row. Raises ValueError when lengths differ.
    """
    wires, boxes = len(names), len(names) - 1
    for what, given, wanted in (
        ("values", values, wires),
        ("gradients", gradients, wires),
        ("operations", operations, boxes),
        ("local_derivatives", local_derivatives, boxes),
    ):
        if given is not None and len(given) != wanted:
            raise ValueError(f"{wires} names need {wanted} {what}, got {len(given)}")
    output = names[-1]
    above = [f"{name} = {shown(value)}" for name, value in zip(names, values, strict=True)]
    backward = gradients is not None
    below, slopes = [""] * wires, [""] * boxes
    if backward:
        below = [f"d{output}/d{n} = {shown(g)}" for n, g in zip(names, gradients, strict=True)]
    if local_derivatives is not None:
        slopes = [f"slope {shown(slope)}" for slope in local_derivatives]

    wire_widths = [
        max(0.55, text_width(value), text_width(gradient)) + 0.16
        for value, gradient in zip(above, below, strict=True)
    ]
    box_widths = [
        max(0.42, text_width(operation, LARGE) + 0.2, text_width(slope, SMALL) + 0.1)
        for operation, slope in zip(operations, slopes, strict=True)
    ]
    rows: list[list[int]] = [[]]
    x = 0.0
    for i in range(wires):
        step = wire_widths[i] + (box_widths[i - 1] if i else 0)
        if rows[-1] and x + step > MAX_WIDTH - 2 * MARGIN:
            rows.append([])
            x = 0.3  # the stub of wire that the next row starts with
        rows[-1].append(i)
        x += step

    row_height = 1.0 if any(slopes) else 0.9
    width = max(
        sum(wire_widths[i] + (box_widths[i - 1] if i else 0) for i in row) + (0.3 if r else 0)
        for r, row in enumerate(rows)
    )
    figure, axes = inch_canvas(
        max(width, _key_width(backward)) + 2 * MARGIN, row_height * len(rows) + KEY_HEIGHT
    )
    for r, row in enumerate(rows):
        y = figure.get_figheight() - row_height * r - 0.46
        x = MARGIN
        if r:
            _chain_wire(axes, x, x + 0.3, y, backward)
            x += 0.3
        for i in row:
            if i:
                box = box_widths[i - 1]
                _box(axes, x + box / 2, y, box, operations[i - 1])
                axes.text(
                    x + box / 2, y - 0.37, slopes[i - 1],
                    ha="center", va="center", size=SMALL, color=COLORS["muted"],
                )  # fmt: skip
                x += box
            _chain_wire(axes, x, x + wire_widths[i], y, backward)
            middle = x + wire_widths[i] / 2
            axes.text(middle, y + 0.29, above[i], ha="center", va="center", color=COLORS["value"])
            axes.text(
                middle, y - 0.29, below[i], ha="center", va="center", color=COLORS["gradient"]
            )
            x += wire_widths[i]
    _key(axes, backward)

    steps = [f"{names[0]} = {number(values[0])}"]
    for operation, name, value in zip(operations, names[1:], values[1:], strict=True):
        steps.append(f"then {operation} gives {name} = {number(value)}")
    text = "Chain of operations. Forward: " + ", ".join(steps) + "."
    if backward:
        pairs = zip(reversed(names), reversed(gradients), strict=True)
        text += " Backward: " + ", ".join(f"d{output}/d{n} = {_said(g)}" for n, g in pairs) + "."
    if local_derivatives is not None:
        slopes = zip(operations, local_derivatives, strict=True)
        text += " Local slopes: " + ", ".join(f"{o}: {number(s)}" for o, s in slopes) + "."
    return Picture(figure, text)


def draw_graph(
    nodes: Mapping[str, str],
    edges: Sequence[tuple[str, str]],
    values: Mapping[str, float] | None = None,
    gradients: Sequence[float | None] | None = None,
    totals: Mapping[str, float] | None = None,
    title: str = "",
) -> Picture:
    """Draw a computational graph that is written out, values above the wires, gradients below.

    nodes: what to write in each node, by its id; a node with "" is the loose end of a wire.
    edges: (from, to) pairs of ids; the same pair twice is two wires.
    values: the forward value of a node, by id, drawn on every wire that leaves it.
    gradients: the gradient that flows back along each edge, in the order of `edges`.
    totals: the gradient that has arrived at a node, by id, drawn under it.
    Raises ValueError for an edge to an unknown node, a cycle, or gradients of another length.
    """
    return draw_graphs([Graph(nodes, edges, values or {}, gradients, totals or {}, title)])


@styled
def draw_graphs(graphs: Iterable[Graph]) -> Picture:
    """Draw several small graphs side by side."""
    layouts = [Layout(graph) for graph in graphs]
    gap = 0.2
    width = sum(layout.width for layout in layouts) + gap * (len(layouts) - 1)
    height = max(layout.height for layout in layouts)
    title_height = 0.3 if any(layout.graph.title for layout in layouts) else 0
    backward = any(layout.graph.gradients is not None for layout in layouts)
    figure, axes = inch_canvas(
        max(width, _key_width(backward)) + 2 * MARGIN,
        height + 2 * MARGIN + KEY_HEIGHT + title_height,
    )
    x = (figure.get_figwidth() - width) / 2
    y = MARGIN + KEY_HEIGHT + height / 2
    for layout in layouts:
        layout.draw(axes, x, y)
        axes.text(
            x + layout.width / 2, figure.get_figheight() - 0.18, layout.graph.title,
            ha="center", va="center", size=LARGE, weight="bold",
        )  # fmt: skip
        x += layout.width + gap
    _key(axes, backward)
    return Picture(figure, " ".join(_describe(layout.graph) for layout in layouts))


class Layout:
    """Where everything in a graph goes: layers from left to right, wires in lanes between them.

    Even columns hold the nodes of a layer, odd columns the lanes. A wire is a list of waypoints,
    one in each column that it crosses, and its label sits on the middle lane. That keeps labels
    apart in the same way as boxes: the columns are spaced out as layered graph drawing does it
    (Sugiyama, Tagawa and Toda 1981).
    """

    SLANT = 0.16
    GAP = 0.1

    def __init__(self, graph: Graph):
        self.graph = graph
        if graph.gradients is not None and len(graph.gradients) != len(graph.edges):
            raise ValueError(
                f"{len(graph.edges)} edges need as many gradients, got {len(graph.gradients)}"
            )
        self.column = {node: 2 * layer for node, layer in _layers(graph).items()}
        self.routes = [
            [(e, c) for c in range(self.column[source] + 1, self.column[target])]
            for e, (source, target) in enumerate(graph.edges)
        ]
        self.label_at = [lanes[len(lanes) // 2] for lanes in (route[::2] for route in self.routes)]
        self.neighbours = defaultdict(list)
        for (source, target), route in zip(graph.edges, self.routes, strict=True):
            stops = [source, *route, target]
            for here, there in zip(stops, stops[1:], strict=False):
                # Straightening a long wire matters more than a short way to a node.
                weight = 8 if isinstance(here, tuple) and isinstance(there, tuple) else 1
                self.neighbours[here].append((there, weight))
                self.neighbours[there].append((here, weight))
        targets = {target for _, target in graph.edges}
        orders = islice(permutations(node for node in graph.nodes if node not in targets), 24)
        self.columns = min(map(self._ordered, orders), key=self._crossings)
        self._place_horizontally()
        self._place_vertically()

    def _labels(self, e: int) -> tuple[str, str]:
        source = self.graph.edges[e][0]
        value = self.graph.values.get(source)
        gradients = self.graph.gradients
        return (
            "" if value is None else shown(value),
            "" if gradients is None else f"{BACK} {shown(gradients[e])}",
        )

    def _room(self, item) -> float:
        if isinstance(item, tuple):
            return 0.5 if item in self.label_at else 0.12
        if item in self.graph.totals:
            return BOX_HEIGHT + 0.5
        return BOX_HEIGHT if self.graph.nodes[item] else 0.1

    def _ordered(self, inputs) -> list[list]:
        """The columns from top to bottom, each item near its neighbours (barycentre sweeps)."""
        columns: list[list] = [[] for _ in range(max(self.column.values()) + 1)]
        for node in sorted(self.graph.nodes, key=lambda n: inputs.index(n) if n in inputs else 99):
            columns[self.column[node]].append(node)
        for waypoint in (waypoint for route in self.routes for waypoint in route):
            columns[waypoint[1]].append(waypoint)
        rank = {item: i - len(column) / 2 for column in columns for i, item in enumerate(column)}
        for sweep in range(6):
            for column in columns if sweep % 2 == 0 else columns[::-1]:
                at = {item: self._pull(item, rank) for item in column}
                column.sort(key=at.get)
                rank.update((item, i - len(column) / 2) for i, item in enumerate(column))
        return columns

    def _pull(self, item, at) -> float:
        """Where its neighbours would have `item`: the weighted mean of where they are."""
        total = sum(weight for _, weight in self.neighbours[item])
        if not total:
            return at[item]
        return sum(weight * at[other] for other, weight in self.neighbours[item]) / total

    def _crossings(self, columns) -> int:
        rank = {item: i for column in columns for i, item in enumerate(column)}
        crossings = 0
        for here, there in zip(columns, columns[1:], strict=False):
            wires = [(rank[a], rank[b]) for a in here for b, _ in self.neighbours[a] if b in there]
            crossings += sum((a - c) * (b - d) < 0 for (a, b), (c, d) in combinations(wires, 2))
        return crossings

    def _place_vertically(self):
        self.y = {item: -0.6 * i for column in self.columns for i, item in enumerate(column)}
        for sweep in range(40):
            for column in self.columns if sweep % 2 == 0 else self.columns[::-1]:
                rooms = [self._room(item) for item in column]
                apart = [(a + b) / 2 + self.GAP for a, b in zip(rooms, rooms[1:], strict=False)]
                offsets = [0.0, *accumulate(apart)]
                wanted = [
                    -self._pull(item, self.y) - offset
                    for item, offset in zip(column, offsets, strict=True)
                ]
                for item, y, offset in zip(column, non_decreasing(wanted), offsets, strict=True):
                    self.y[item] = -(y + offset)
        top = max(self.y[item] + self._room(item) / 2 for item in self.y)
        bottom = min(self.y[item] - self._room(item) / 2 for item in self.y)
        self.height = top - bottom
        self.y = {item: y - (top + bottom) / 2 for item, y in self.y.items()}

    def _node_width(self, node: str) -> float:
        label = self.graph.nodes[node]
        return max(0.38, text_width(label, LARGE) + 0.2) if label else 0.0

    def _place_horizontally(self):
        self.left = [0.0]
        for column in self.columns:
            widths = [0.1]
            for item in column:
                if isinstance(item, str):
                    widths.append(self._node_width(item))
                    if item in self.graph.totals:
                        widths.append(text_width(self._total(item), weight="bold") + 0.05)
                elif item in self.label_at:
                    labels = max(text_width(label) for label in self._labels(item[0]))
                    widths.append(labels + 0.06 + 2 * self.SLANT)
            self.left.append(self.left[-1] + max(widths))
        self.width = self.left[-1]

    def _total(self, node: str) -> str:
        return f"sum {shown(self.graph.totals[node])}"

    def draw(self, axes, x0: float, y0: float):
        for e in range(len(self.routes)):
            self._draw_wire(axes, x0, y0, e)
        for node, label in self.graph.nodes.items():
            c = self.column[node]
            x = x0 + (self.left[c] + self.left[c + 1]) / 2
            if label:
                _box(
                    axes, x, y0 + self.y[node], self._node_width(node), label,
                    variable=any(
                        all(node != edge[end] for edge in self.graph.edges) for end in (0, 1)
                    ),
                )  # fmt: skip
            if node in self.graph.totals:
                axes.text(
                    x, y0 + self.y[node] - BOX_HEIGHT / 2 - 0.13, self._total(node),
                    ha="center", va="center", color=COLORS["gradient"], weight="bold",
                )  # fmt: skip

    def _draw_wire(self, axes, x0, y0, e):
        curve(axes, self._points(e), x0, y0)
        lane = self.label_at[e]
        x = x0 + (self.left[lane[1]] + self.left[lane[1] + 1]) / 2
        y = y0 + self.y[lane]
        value, gradient = self._labels(e)
        axes.text(x, y + 0.05, value, ha="center", va="bottom", color=COLORS["value"])
        axes.text(x, y - 0.06, gradient, ha="center", va="top", color=COLORS["gradient"])

    def _points(self, e: int) -> list[tuple[float, float]]:
        """Where wire `e` goes: it bends on the way to each waypoint and is straight along it."""
        source, target = self.graph.edges[e]
        column = self.column[source]
        start = (self.left[column] + self.left[column + 1] + self._node_width(source)) / 2
        column = self.column[target]
        end = (self.left[column] + self.left[column + 1] - self._node_width(target)) / 2
        points = [(start, self.y[source] + self._port(e, source, 0))]
        for waypoint in self._bends(e):
            inset = self.SLANT if waypoint[1] % 2 else 0
            points.append((self.left[waypoint[1]] + inset, self.y[waypoint]))
            points.append((self.left[waypoint[1] + 1] - inset, self.y[waypoint]))
        return [*points, (end, self.y[target] + self._port(e, target, -1))]

    def _bends(self, e: int) -> list[tuple[int, int]]:
        """The waypoints that wire `e` is drawn through."""
        return self.routes[e]

    def _port(self, e: int, node: str, end: int) -> float:
        """How far above the middle of `node` wire `e` starts (end 0) or arrives (end -1)."""
        edges = self.graph.edges
        wires = [i for i, edge in enumerate(edges) if edge[end] == node]
        if len(wires) == 1 or not self.graph.nodes[node]:
            return 0.0
        wires.sort(key=lambda i: -self.y[self.routes[i][end]])
        return 0.12 - 0.24 * wires.index(e) / (len(wires) - 1)


def _layers(graph: Graph) -> dict[str, int]:
    """Layer of each node: the longest way to it; an input stands just before its first use."""
    sources, targets = defaultdict(list), defaultdict(list)
    for source, target in graph.edges:
        for node in (source, target):
            if node not in graph.nodes:
                raise ValueError(f"edge ({source!r}, {target!r}): there is no node {node!r}")
        sources[target].append(source)
        targets[source].append(target)
    layer: dict[str, int] = {}
    while len(layer) < len(graph.nodes):
        ready = [
            node
            for node in graph.nodes
            if node not in layer and all(source in layer for source in sources[node])
        ]
        if not ready:
            raise ValueError("the graph has a cycle, so nothing in it can be computed first")
        for node in ready:
            layer[node] = 1 + max((layer[source] for source in sources[node]), default=-1)
    for node in graph.nodes:
        if not sources[node] and targets[node]:
            layer[node] = min(layer[target] for target in targets[node]) - 1
    return layer


def _describe(graph: Graph) -> str:
    def name(node):
        return graph.nodes[node] or "the output"

    wires = []
    for e, (source, target) in enumerate(graph.edges):
        said = f"{name(source)} to {name(target)}"
        if source in graph.values:
            said += f", value {number(graph.values[source])}"
        if graph.gradients is not None:
            said += f", gradient {_said(graph.gradients[e])}"
        wires.append(said)
    start = f"{graph.title}: c" if graph.title else "C"
    text = f"{start}omputational graph, {count(len(wires), 'wire')}. " + "; ".join(wires) + "."
    for node, total in graph.totals.items():
        text += f" The gradients that arrive at {name(node)} add up to {number(total)}."
    return text


def _said(gradient: float | None) -> str:
    return "not filled in" if gradient is None else number(gradient)


def _box(axes, x, y, width, label, variable=False):
    axes.add_patch(
        FancyBboxPatch(
            (x - width / 2, y - BOX_HEIGHT / 2),
            width,
            BOX_HEIGHT,
            boxstyle=f"round,pad=0,rounding_size={BOX_HEIGHT / 2.5 if variable else 0.05}",
            facecolor="white" if variable else COLORS["box"],
            edgecolor=COLORS["ink"],
            lw=1.2,
        )
    )
    axes.text(x, y - 0.01, label, ha="center", va="center", size=LARGE)


def curve(axes, points, x0: float, y0: float):
    """An arrow along the points of a wire: bent, straight, bent, and so on. Returns its patch."""
    vertices, codes = [points[0]], [Path.MOVETO]
    for i, (a, b) in enumerate(zip(points, points[1:], strict=False)):
        if i % 2:
            vertices.append(b)
            codes.append(Path.LINETO)
        else:
            middle = (a[0] + b[0]) / 2
            vertices += [(middle, a[1]), (middle, b[1]), b]
            codes += [Path.CURVE4] * 3
    path = Path([(x0 + x, y0 + y) for x, y in vertices], codes)
    return axes.add_patch(
        FancyArrowPatch(path=path, arrowstyle="-|>", mutation_scale=11, lw=1.3, color=COLORS["ink"])
    )


def _arrow(axes, start, end, **style):
    axes.add_patch(
        FancyArrowPatch(
            start, end, arrowstyle="-|>", mutation_scale=11, shrinkA=0, shrinkB=0, lw=1.4, **style
        )
    )


def _chain_wire(axes, left, right, y, backward: bool):
    rise = 0.09 if backward else 0
    _arrow(axes, (left, y + rise), (right, y + rise), color=COLORS["value"])
    if backward:
        _arrow(axes, (right, y - rise), (left, y - rise), color=COLORS["gradient"], ls=(0, (4, 2)))


def _key_width(backward: bool) -> float:
    return sum(text_width(part, SMALL) for part in KEY[: 2 if backward else 1]) + 0.25


def _key(axes, backward: bool):
    """Say in words which side of a wire is which, for those who do not see the colours."""
    y = KEY_HEIGHT / 2 + 0.02
    axes.text(MARGIN, y, KEY[0], va="center", size=SMALL, color=COLORS["value"])
    if backward:
        x = MARGIN + text_width(KEY[0], SMALL) + 0.25
        axes.text(x, y, KEY[1], va="center", size=SMALL, color=COLORS["gradient"])
