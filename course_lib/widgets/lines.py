"""The card of "find the wrong line and say why": a listing, each line with its button; reasons."""

from html import escape

from ipywidgets import HTML, Button, HBox, VBox

from course_lib.widgets.card import STATES, guarded, show
from course_lib.widgets.questions import Options, QuestionCard
from course_lib.widgets.style import LISTING_CSS


class Listing(VBox):
    """Numbered lines of code of which one is picked; a line that makes nothing has no button."""

    def __init__(self, lines, on_pick):
        self.picked, self.buttons, rows = None, {}, []
        for number, line in enumerate(lines, start=1):
            if line.name:
                left = Button(description=str(number), tooltip=f"Line {number}: {line.text}")
                left.on_click(lambda _, number=number: on_pick(number))
                self.buttons[number] = left
            else:
                left = HTML(f"<span>{number}</span>")
                left.add_class("bp-number")
            row = HBox([left, HTML(f"<code>{escape(line.text)}</code>")])
            row.add_class("bp-option")
            rows.append(row)
        super().__init__(rows)
        self.add_class("bp-listing")

    def pick(self, number, symbol="●"):
        """Marks one line as the picked one; None marks none."""
        self.picked = number
        for own, button in self.buttons.items():
            mine, row = own == number, self.children[own - 1]
            button.description = f"{symbol} {own}" if mine else str(own)
            (row.add_class if mine else row.remove_class)("bp-picked")
            sure = mine and symbol == STATES["passed"][0]
            (row.add_class if sure else row.remove_class)("bp-sure")


class LineCard(QuestionCard):
    """A line and a reason are picked, then judged together on Check.

    The reasons are shown once a line is picked, because they tell much about it. They follow the
    lines, so that the Tab key leads on to them.
    """

    example = '{"line": 1, "why": "a"}'
    own_css = LISTING_CSS

    def __init__(self, item, given=None):
        super().__init__(item, given, [self._main("Check")])

    def controls(self):
        self.listing = Listing(self.item.lines, self.pick_line)
        self.reasons = Options(self.item.reasons, self.item.letters, self.pick_reason)
        self.why = HTML()
        self._pick(None, None)
        return [HTML("<b>Which line is wrong?</b>"), self.listing, self.why, self.reasons]

    def _pick(self, number, letter):
        """Marks a line and a reason, None for none, and shows the reasons once there is one."""
        self.listing.pick(number)
        self.reasons.pick(letter)
        open_now = not (number is None and letter is None)
        asked = "Why?" if number is None else f"Why is line {number} wrong?"
        show(self.why, f'<div role="status"><b>{asked}</b></div>' if open_now else "")
        self.reasons.layout.display = None if open_now else "none"

    @guarded
    def pick_line(self, number):
        self._pick(number, self.reasons.picked)

    @guarded
    def pick_reason(self, letter):
        self.reasons.pick(letter)

    def take(self):
        """The raw answer: what is picked."""
        picked = {"line": self.listing.picked, "why": self.reasons.picked}
        return {part: value for part, value in picked.items() if value is not None}

    @guarded
    def _entered(self, _):
        if self.take():
            self.judge(self.take())
        else:
            self._set_result("Pick a line first, then say why.")

    def put(self, raw):
        try:
            number, letter = self.item.read(raw)
        except ValueError:  # `judge` says why
            number = letter = None
        self._pick(number, letter)

    def judge(self, raw):
        super().judge(raw)
        right, picked = self.item.solution, self.listing.picked
        if picked is not None:
            state = "passed" if picked == right["line"] else "failed"
            self.listing.pick(picked, STATES[state][0])
            if self.reasons.picked and state == "passed":  # of a wrong line nobody judged why
                self.reasons.pick(self.reasons.picked, STATES[self.state][0])

    def options_text(self):
        lines = "\n".join(f"{n:2}  {line.text}" for n, line in enumerate(self.item.lines, start=1))
        reasons = "\n".join(
            f"{letter}) {reason.text}"
            for letter, reason in zip(self.item.letters, self.item.reasons, strict=True)
        )
        if not self.take():
            call = self.call("answer", '{"line": 1}')
            reasons = f"The reasons to choose from come with a line, as in {call}."
        return f"{lines}\n\nWhy?\n{reasons}"

    def solution(self):
        reason = next(r for r in self.item.reasons if r.right)
        return f"Line {self.item.wrong}.\n{self.item.solution['why']}) {reason.text}"
