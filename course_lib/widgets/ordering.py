"""The card of "order the steps": steps to add, and the learner's order, moved by buttons."""

from html import escape

from ipywidgets import HTML, Button, HBox, VBox

from course_lib.widgets.card import guarded, show
from course_lib.widgets.questions import QuestionCard
from course_lib.widgets.style import ORDER_CSS


def code(text):
    return f"<code>{escape(text)}</code>"


class Slot(HBox):
    """One place in the learner's order, with the buttons for the step that stands there."""

    def __init__(self, number, on_move, on_remove):
        self.label = HTML()
        self.up, self.down, self.away = Button(), Button(), Button()
        for button, look in ((self.up, "up"), (self.down, "down"), (self.away, "away")):
            button.add_class(f"bp-{look}")
        self.number = number
        self.up.on_click(lambda _: on_move(number, -1))
        self.down.on_click(lambda _: on_move(number, 1))
        self.away.on_click(lambda _: on_remove(number))
        super().__init__([self.label, self.up, self.down, self.away])
        self.add_class("bp-step")

    def fill(self, words, last):
        """Shows a step by its words, or nothing for None. last: whether it is the last one."""
        self.layout.display = "none" if words is None else None
        if words is None:
            self.label.value = ""
            return
        self.label.value = f"<span>{self.number + 1}. {code(words)}</span>"
        self.up.disabled, self.down.disabled = self.number == 0, last
        for button, does in (
            (self.up, "Move up"),
            (self.down, "Move down"),
            (self.away, "Take out"),
        ):
            button.description = button.tooltip = f"{does}: {words}"


class OrderCard(QuestionCard):
    """Steps to be put in order and judged on Check.

    All buttons are there from the start, and are shown, hidden and labelled anew. A button hands
    the focus on before it is hidden, so that the keyboard never loses its place.
    """

    example = '["b", "a", …]'
    own_css = ORDER_CSS

    def __init__(self, item, given=None):
        self.order = []  # indices of moves
        self.check = self._main("Check")
        super().__init__(item, given, [self.check])

    def controls(self):
        self.left, self.adders = [], []
        for i, (letter, move) in enumerate(zip(self.item.letters, self.item.moves, strict=True)):
            adder = Button(description=f"Add {letter}", tooltip=f"Add {letter}: {move.text}")
            adder.on_click(lambda _, i=i: self.add(i))
            row = HBox([adder, HTML(f"<span>{code(move.text)}</span>")])
            row.add_class("bp-option")
            self.adders.append(adder)
            self.left.append(row)
        self.slots = [Slot(k, self.move, self.remove) for k in range(len(self.item.moves))]
        self.to_add, self.so_far = HTML(), HTML()
        boxes = [VBox([self.to_add, *self.left]), VBox([self.so_far, *self.slots])]
        for box in boxes:
            box.add_class("bp-rows")
        self._draw()
        return boxes

    def _draw(self):
        for i, row in enumerate(self.left):
            row.layout.display = "none" if i in self.order else None
        for k, slot in enumerate(self.slots):
            placed = k < len(self.order)
            words = self.item.moves[self.order[k]].text if placed else None
            slot.fill(words, k == len(self.order) - 1)
        show(self.to_add, "" if len(self.order) == len(self.left) else "<b>To choose from</b>")
        nothing = "" if self.order else ": nothing yet"
        show(self.so_far, f"<b>Your order</b>{nothing}")

    @guarded
    def add(self, i):
        if i not in self.order:
            free = [j for j in range(len(self.left)) if j not in self.order and j != i]
            after = [j for j in free if j > i] or free[-1:]
            (self.adders[after[0]] if after else self.check).focus()
            self.order.append(i)
            self._draw()

    @guarded
    def move(self, k, by):
        if 0 <= k + by < len(self.order):
            target = self.slots[k + by]
            self.order[k], self.order[k + by] = self.order[k + by], self.order[k]
            self._draw()
            ways = (target.up, target.down) if by < 0 else (target.down, target.up)
            next(button for button in ways if not button.disabled).focus()

    @guarded
    def remove(self, k):
        if k < len(self.order):
            if len(self.order) > 1:
                self.slots[min(k, len(self.order) - 2)].away.focus()
            else:
                next(a for i, a in enumerate(self.adders) if i not in self.order).focus()
            del self.order[k]
            self._draw()

    @guarded
    def _entered(self, _):
        if self.order:
            self.judge([self.item.letters[i] for i in self.order])
        else:
            self._set_result("Add a step first.")

    def put(self, raw):
        try:
            self.order = [self.item.moves.index(m) for m in self.item.read(raw)]
        except ValueError:  # `judge` says why
            self.order = []
        self._draw()

    def options_text(self):
        return "\n".join(
            f"{letter}) {move.text}"
            for letter, move in zip(self.item.letters, self.item.moves, strict=True)
        )

    def solution(self):
        return "\n".join(
            f"{k}. {letter}) {move.text}"
            for k, (letter, move) in enumerate(
                zip(self.item.solution, self.item.right, strict=True), start=1
            )
        )
