"""The card of a shape puzzle: two factors to choose, then an entry to compute."""

from html import escape

from ipywidgets import HTML, Dropdown, HBox, HTMLMath, Label, Text, VBox

from course_lib.widgets import markup
from course_lib.widgets.card import guarded
from course_lib.widgets.questions import QuestionCard, show_number
from course_lib.widgets.style import PUZZLE_CSS


class ShapePuzzleCard(QuestionCard):
    """Choose both factors, then compute an entry, which shows once the shapes fit."""

    def __init__(self, item, given=None):
        super().__init__(item, given, [self._main("Check")])

    def controls(self):
        factors = [("choose", "")] + [(str(f), f.raw) for f in self.item.factors]
        self.left = Dropdown(options=factors, description="left factor")
        self.right = Dropdown(options=factors, description="right factor")
        row = HBox([Label(f"{self.item.target} ="), self.left, Label("@"), self.right])
        row.add_class("bp-product")
        tables = "".join(markup.array_table(n, a) for n, a in self.item.square.items())
        self.entry = Text(description=f"{self.item.place} =", continuous_update=False)
        self.entry.observe(self._entered, "value")
        self.second = VBox(
            [
                HTMLMath(f"<p>{markup.inline(self.item.second_stage)}</p>"),
                HTML(f'<div class="bp-pairs">{tables}</div>'),
                self.entry,
            ]
        )
        self.second.layout.display = "none"
        shapes = HTML(f'{PUZZLE_CSS}<p class="bp-note">{escape(self._shapes())}</p>')
        return [shapes, row, self.second]

    def _shapes(self):
        return ", ".join(f"{name} {array.shape}" for name, array in self.item.matrices.items())

    @property
    def example(self):
        a, b = self.item.factors[1].raw, self.item.factors[2].raw
        return f'{{"left": "{a}", "right": "{b}", "entry": 0}}'

    def take(self):
        """What is chosen and typed, None where nothing is."""
        return {
            "left": self.left.value or None,
            "right": self.right.value or None,
            "entry": self.entry.value.strip() or None,
        }

    @guarded
    def _entered(self, _):
        if not self._quiet:
            self.judge(self.take())
            if self.state == "not attempted":
                self._set_result("Choose two factors first.")

    def put(self, raw):
        given = raw if isinstance(raw, dict) else {}
        for side in ("left", "right"):
            field = getattr(self, side)
            known = {factor.raw for factor in self.item.factors}
            factor = str(given.get(side) or "").strip().replace(".T", "^T").replace("ᵀ", "^T")
            field.value = factor if factor in known else ""
        entry = given.get("entry")
        self.entry.value = "" if entry is None else show_number(entry)

    def refresh(self):
        super().refresh()
        fits = (self.left.value, self.right.value) == (self.item.left.raw, self.item.right.raw)
        self.second.layout.display = None if fits else "none"

    def options_text(self):
        arrays = "\n".join(f"{n} = {a.tolist()}" for n, a in self.item.square.items())
        return (
            f"{self.item.target} = ? @ ?, with {self._shapes()}.\n"
            f"Factors: {', '.join(f.raw for f in self.item.factors)}\n\n"
            f"{self.item.second_stage}\n{arrays}"
        )

    def solution(self):
        return (
            f"{self.item.target} = {self.item.left} @ {self.item.right}\n"
            f"{self.item.place} = {show_number(self.item.solution['entry'])}"
        )
