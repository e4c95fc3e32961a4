"""The card of a shape puzzle: two factors to choose, then an entry to compute."""

from html import escape

from ipywidgets import HTML, Button, HBox, HTMLMath, Text, VBox

from course_lib.widgets import markup
from course_lib.widgets.card import guarded
from course_lib.widgets.questions import QuestionCard, show_number
from course_lib.widgets.style import PUZZLE_CSS


class Factors(HBox):
    """A row of buttons, one for each factor, of which one is chosen.

    Not a drop-down list: while that has the focus, JupyterLab takes its keys for commands.
    """

    def __init__(self, side, factors):
        self.buttons = {}
        for factor in factors:
            button = Button(description=str(factor), tooltip=f"{side} factor: {factor}")
            button.on_click(lambda _, raw=factor.raw: self.choose(raw))
            self.buttons[factor.raw] = button
        self.choose("")
        super().__init__([HTML(f"{side} factor"), *self.buttons.values()])
        self.add_class("bp-factors")

    def choose(self, raw):
        """Marks one factor as chosen; "" or what is no factor takes the mark away."""
        self.value = raw if raw in self.buttons else ""
        for own, button in self.buttons.items():
            chosen = own == self.value
            button.description = "● " * chosen + button.description.removeprefix("● ")
            (button.add_class if chosen else button.remove_class)("bp-chosen")


class ShapePuzzleCard(QuestionCard):
    """Choose both factors, then compute an entry, which is asked for once the shapes fit."""

    own_css = PUZZLE_CSS

    def __init__(self, item, given=None):
        super().__init__(item, given, [self._main("Check")])

    def controls(self):
        self.left = Factors("left", self.item.factors)
        self.right = Factors("right", self.item.factors)
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
        shapes = HTML(f'<p class="bp-note">{escape(self._shapes())}</p>')
        return [shapes, self.left, self.right, self.second]

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
        try:
            *sides, entry = self.item.parts(raw)
        except ValueError:  # `judge` says why
            sides, entry = [None, None], None
        for row, text in zip((self.left, self.right), sides, strict=True):
            try:
                row.choose(self.item.factor(text).raw if text is not None else "")
            except ValueError:
                row.choose("")
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
