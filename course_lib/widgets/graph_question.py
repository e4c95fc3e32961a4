"""The card of a graph to complete: a picture, and fields for values and gradients."""

import json
from base64 import b64encode
from dataclasses import dataclass
from html import escape

from ipywidgets import HTML, GridBox, Layout, Text

from course_lib.grading.graph_question import PASSES
from course_lib.grading.operations import OPERATIONS
from course_lib.widgets.card import guarded, show
from course_lib.widgets.questions import QuestionCard, show_number
from course_lib.widgets.style import GRAPH_CSS

HEADS = (("value ↓", 2), ("gradient ↑", 4))
SAID = {"follows": "follows from a wrong number"}  # what a screen reader hears beside the ~


@dataclass(eq=False)
class Drawn:
    """A node as `draw_computation` wants it; None where a number is still to be filled in."""

    data: float | None
    grad: float | None
    parents: tuple = ()
    op: str = ""


class CompleteGraphCard(QuestionCard):
    """A graph in which each entry turns right or wrong as it is left.

    Tab goes down the values and then up the gradients, in the order in which they are worked out.
    """

    own_css = GRAPH_CSS

    def __init__(self, item, given=None):
        super().__init__(item, given, [self._main("Check")])

    def controls(self):
        self.picture, self.cells = HTML(), {}
        names = [*self.item.inputs, *self.item.order("values")]
        self.rows = {name: row for row, name in enumerate(names, start=2)}
        grid = [_label(words, 1, column, "center") for words, column in HEADS]
        for name, row in self.rows.items():
            node = self.item.node(name)
            said = f"{name} = {node.formula}" if node else f"{name}, given"
            grid.append(_label(said, row, 1, "left"))
            grid.append(_label(self.item.label("gradients", name), row, 3, "right"))
        grid += [self._given(name, 2, value) for name, value in self.item.inputs.items()]
        if self.item.start_given:
            grid.append(self._given(self.item.output, 4, 1))
        for which, column in zip(PASSES, (2, 4), strict=True):
            for name in self.item.asked(which):
                self.cells[which, name] = self._cell(which, name, column)
        box = GridBox(
            [*grid, *self.cells.values()], layout=Layout(grid_template_columns="repeat(4, auto)")
        )
        box.add_class("bp-grid").add_class("bp-graph")
        return [self.picture, box]

    def _given(self, name, column, number):
        return _label(f"{number:g}", self.rows[name], column, "right", weight="normal")

    def _cell(self, which, name, column):
        area = f"{self.rows[name]} / {column} / span 1 / span 1"
        cell = Text(
            continuous_update=False,
            description=self._place(which, name),
            layout=Layout(grid_area=area),
        )
        cell.add_class("bp-cell")
        cell.observe(self._entered, "value")
        return cell

    def _place(self, which, name):
        return f"value of {name}" if which == "values" else self.item.label(which, name)

    @property
    def example(self):
        value, gradient = (self.item.asked(which)[0] for which in PASSES)
        return json.dumps({"values": {value: 0}, "gradients": {gradient: 0}})

    def take(self):
        """The entries as typed, without the empty ones."""
        taken = {which: {} for which in PASSES}
        for (which, name), cell in self.cells.items():
            if cell.value.strip():
                taken[which][name] = cell.value.strip()
        return taken

    @guarded
    def _entered(self, _):
        if not self._quiet:
            self.judge(self.take())
            if self.state == "not attempted":
                self._set_result("Fill in an entry first; each is checked as you leave it.")

    def put(self, raw):
        try:
            texts = self.item.texts(raw)
        except ValueError:  # `judge` says why
            texts = {}
        for entry, cell in self.cells.items():
            cell.value = show_number(texts[entry]) if entry in texts else ""

    def refresh(self):
        super().refresh()
        states = self.item.states(self.take())
        for entry, cell in self.cells.items():
            state, place = states[entry], self._place(*entry)
            for name, mark in (("bp-ok", "right"), ("bp-no", "wrong"), ("bp-on", "follows")):
                (cell.add_class if state == mark else cell.remove_class)(name)
            cell.description = place if state == "empty" else f"{place}: {SAID.get(state, state)}"
        self._draw({entry for entry, state in states.items() if state == "right"})

    def _known(self, right, which, name):
        """The number that the picture shows, None as long as it is to be filled in."""
        number = (self.item.values if which == "values" else self.item.gradients)[name]
        return number if (which, name) in right or name not in self.item.asked(which) else None

    def _draw(self, right):
        drawn = {}
        for name in self.rows:
            node = self.item.node(name)
            numbers = [self._known(right, which, name) for which in PASSES]
            drawn[name] = Drawn(*numbers, *(_made(node, drawn) if node else ()))
        parts = ["Computational graph."]
        for name, node in drawn.items():
            made = self.item.node(name)
            head = f"{name} = {made.formula}" if made else name
            value, gradient = (
                "not filled in" if n is None else f"{n:.6g}" for n in (node.data, node.grad)
            )
            label = self.item.label("gradients", name)
            parts.append(f"{head}: value {value}, {label} {gradient}.")
        self.words = " ".join(parts)
        from course_lib.viz import draw_computation  # matplotlib takes half a second

        png = draw_computation(drawn[self.item.output], drawn).png()
        data = b64encode(png).decode("ascii")
        show(
            self.picture,
            f'<img alt="{escape(self.words)}" src="data:image/png;base64,{data}">',
        )

    def options_text(self):
        return self.words

    def solution(self):
        return "\n".join(
            f"{self.item.label(which, name)} = {show_number(number)}"
            for which, entries in self.item.solution.items()
            for name, number in entries.items()
        )


def _made(node, drawn):
    """(parents, what stands in the box of a node)."""
    parents = tuple(drawn[parent] for parent in node.parents)
    return parents, OPERATIONS[node.operation].symbol if len(parents) == 2 else node.formula


def _label(words, row, column, align, weight="bold"):
    return HTML(
        f'<div class="bp-label" style="text-align:{align};font-weight:{weight}">'
        f"{escape(words)}</div>",
        layout=Layout(grid_area=f"{row} / {column} / span 1 / span 1"),
    )
