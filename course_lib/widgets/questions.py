"""The cards of questions: choice, number, matrix, and predict-then-reveal."""

import json
from base64 import b64encode
from html import escape
from pathlib import Path

import numpy as np
from ipywidgets import HTML, Button, GridBox, HBox, HTMLMath, Label, Layout, Text, VBox

from course_lib.grading.questions import read_number
from course_lib.grading.raw import quoted
from course_lib.widgets import markup
from course_lib.widgets.card import STATES, ExerciseCard, Notice, find, guarded, show

IMAGES = Path(__file__).parents[2] / "images"


def ask(name, answer=None, variant=None):
    """The card of the question `name`, with the stored answer in it.

    answer: a raw answer (a letter, a number or its text, rows of entries, an order, a line and a
    reason) to be judged and kept as if it had been entered. variant: the seed of other numbers.
    Never raises: an unknown name or a wrong seed gets a card that says so.
    """
    item, sentence = find(name)
    if item is None:
        return Notice("There is no such question", sentence)
    if item.kind == "code":
        return Notice("This is a code exercise", f"{name} is code: show it with `check({name})`.")
    try:
        varied = item.varied(variant)
    except ValueError as error:
        return Notice("There is no such variant", f"{error}.")
    return CARDS[item.kind](varied, plain(answer))


def plain(raw, outer=()):
    """A raw answer as plain JSON values; what no answer can hold as a short text."""
    if isinstance(raw, (np.ndarray, np.generic)):
        raw = raw.tolist()
    if isinstance(raw, (list, tuple, dict)):
        if id(raw) in outer or len(outer) > 5:  # in itself, or deeper than any answer
            return quoted(raw)
        outer = (*outer, id(raw))
        if isinstance(raw, dict):
            return {
                str(key) if isinstance(key, str) else quoted(key): plain(value, outer)
                for key, value in raw.items()
            }
        return [plain(r, outer) for r in raw]
    if raw is None or isinstance(raw, (bool, float, str)):
        return raw
    if isinstance(raw, int) and raw.bit_length() < 1000:
        return raw
    try:
        return read_number(raw)  # a fraction, a decimal
    except ValueError:
        return quoted(raw)


class QuestionCard(ExerciseCard):
    """What the cards of all questions share.

    A subclass has `controls()`, the widgets to answer in; `put(raw)`, which fills an answer into
    them; and `example`, an answer in code.
    """

    result_widget = HTMLMath

    def __init__(self, item, given=None, buttons=()):
        self._quiet = False
        prompt = HTMLMath(f"<div>{markup.prose(item.prompt)}</div>")
        self.item = item
        super().__init__(item, [prompt, *self.controls()], buttons)
        answer = self.record.get("answer") if given is None else given
        if answer is None:
            self.refresh()
            self._say("")
        else:
            self._quiet = True
            self.put(answer)
            self._quiet = False
            self.judge(answer)

    @property
    def look(self):
        """As of every card, but what is right as far as it goes gets no cross."""
        finding = self.verdict and self.verdict.finding
        begun = finding and self.state == "failed" and finding.kind == "unfinished"
        return ("…", "right so far") if begun else super().look

    def judge(self, raw):
        """Judges a raw answer, keeps it and shows what it is worth."""
        verdict = self.item.judge(raw)
        if verdict.status == "error":  # a slip of the pen is no attempt
            self.verdict = verdict
        else:
            self.keep(verdict, answer=raw)
        self.refresh()
        self._say(self.verdict.message)

    def _main(self, words):
        """The card's main button."""
        button = Button(description=words)
        button.add_class("bp-main")
        button.on_click(self._entered)
        return button

    def _say(self, message):
        words = ""
        if message and self.state != "not attempted":
            quotes = self.verdict.finding and self.verdict.finding.kind == "type"
            said = markup.literal(message) if quotes else markup.inline(message)
            words = f"{self.look[0]} {said}"
        warning = self.warning_html()
        self._set_result(f"<p>{words}</p>{warning}" if words or warning else "")

    def text(self):
        answer = self.record.get("answer")
        given = "" if answer is None else f"\nYour answer: {json.dumps(answer)}"
        message = self.verdict.message if self.verdict else ""
        parts = [
            self.heading_text(),
            self.item.prompt,
            self.options_text(),
            f"To answer in code: {self.call('answer', self.example)}{given}",
            message,
            self.progress.warning,
            self.help_text(self.call("ask")),
        ]
        return "\n\n".join(p for p in parts if p)

    def options_text(self):
        return ""

    def call(self, function, *arguments):
        """A call in code that means this question with these numbers."""
        given = [f'"{self.item.name}"', *arguments]
        if self.item.variant is not None:
            given.append(f"variant={self.item.variant}")
        return f"{function}({', '.join(given)})"


class Options(VBox):
    """Lettered options of which one is picked; each button says what its option came to."""

    def __init__(self, options, letters, on_pick):
        self.letters, self.picked = letters, None
        self.buttons, rows = [], []
        for letter, option in zip(letters, options, strict=True):
            button = Button(description=letter, tooltip=option.text.replace("$", ""))
            button.on_click(lambda _, letter=letter: on_pick(letter))
            row = HBox([button, HTMLMath(f"<span>{markup.inline(option.text)}</span>")])
            row.add_class("bp-option")
            self.buttons.append(button)
            rows.append(row)
        super().__init__(rows, layout=Layout(grid_gap="6px"))

    def pick(self, letter, symbol="●"):
        """Marks one option as the picked one."""
        self.picked = letter
        for row, button, own in zip(self.children, self.buttons, self.letters, strict=True):
            mine = own == letter
            button.description = f"{symbol} {own}" if mine else own
            (row.add_class if mine else row.remove_class)("bp-picked")


class ChoiceCard(QuestionCard):
    """One of several options, with feedback on each as it is picked."""

    example = '"a"'

    def controls(self):
        self.options = Options(self.item.options, self.item.letters, self.pick)
        return [self.options]

    @guarded
    def pick(self, letter):
        self.judge(letter)

    def put(self, raw):
        """Nothing to fill in: `judge` marks the option."""

    def judge(self, raw):
        super().judge(raw)
        letter = raw.strip().lower() if isinstance(raw, str) else raw
        self.options.pick(letter, STATES[self.state][0])

    def options_text(self):
        return _options_text(self.item)


def _options_text(item):
    return "\n".join(
        f"{letter}) {option.text}"
        for letter, option in zip(item.letters, item.options, strict=True)
    )


def show_number(raw):
    """A raw entry as it stands in a field."""
    if isinstance(raw, str):
        return raw
    return f"{raw:g}" if isinstance(raw, float) and float(f"{raw:g}") == raw else quoted(raw)


def _number_field(words, entered):
    field = Text(description=words, continuous_update=False)
    field.observe(entered, "value")
    return field


def _unit(item):
    return [Label(item.unit)] if getattr(item, "unit", "") else []


class NumberCard(QuestionCard):
    """One number, judged on Enter or Check."""

    @property
    def example(self):
        return "3" if self.item.count else "0.5"

    def __init__(self, item, given=None):
        self.field = _number_field("Your answer", self._entered)
        super().__init__(item, given, [self.field, *_unit(item), self._main("Check")])

    def controls(self):
        return []

    @guarded
    def _entered(self, _):
        if not self._quiet:
            self.judge(self.field.value)
            if self.state == "not attempted":
                self._set_result("Type a number first.")

    def put(self, raw):
        self.field.value = show_number(raw)

    def solution(self):
        return show_number(self.item.solution)


class MatrixCard(QuestionCard):
    """A grid of entries; each turns right or wrong as it is entered."""

    def __init__(self, item, given=None):
        super().__init__(item, given, [self._main("Check")])

    def controls(self):
        n, m = self.item.shape
        self.cells = [[self._cell(i, j) for j in range(m)] for i in range(n)]
        grid = [cell for row in self.cells for cell in row]
        top = 2 if self.item.columns else 1
        for side, column in (("left", 2), ("right-end", m + 3)):
            bracket = HTML(layout=Layout(grid_area=f"{top} / {column} / span {n} / span 1"))
            bracket.add_class("bp-bracket").add_class(f"bp-{side}")
            grid.append(bracket)
        labels = [(1, j + 3, t) for j, t in enumerate(self.item.columns or ())]
        labels += [(i + top, 1, t) for i, t in enumerate(self.item.rows or ())]
        for row, column, words in labels:
            label = HTMLMath(
                f'<div class="bp-label">{markup.inline(str(words))}</div>',
                layout=Layout(grid_area=f"{row} / {column} / span 1 / span 1"),
            )
            grid.append(label)
        box = GridBox(grid, layout=Layout(grid_template_columns=f"auto 8px repeat({m}, auto) 8px"))
        box.add_class("bp-grid")
        if m > 7:  # ten of the usual width would not fit the card
            box.add_class("bp-many")
        return [box]

    def _place(self, i, j):
        (n, m), rows, columns = self.item.shape, self.item.rows, self.item.columns
        parts = [str(rows[i])] if rows else [f"row {i + 1}"] if n > 1 else []
        parts += [str(columns[j])] if columns else [f"column {j + 1}"] if m > 1 else []
        return ", ".join(parts).replace("$", "") or "entry"

    def _cell(self, i, j):
        top = 2 if self.item.columns else 1
        cell = Text(
            continuous_update=False,
            description=self._place(i, j),
            layout=Layout(grid_area=f"{i + top} / {j + 3} / span 1 / span 1"),
        )
        cell.add_class("bp-cell")
        cell.observe(self._entered, "value")
        return cell

    @property
    def example(self):
        n, m = self.item.shape
        return json.dumps([[0] * m] * n if n > 1 else [0] * m)

    @property
    def look(self):
        wrong = any("wrong" in row for row in self.item.cells(self.take()))
        return STATES[self.state] if wrong else super().look

    def take(self):
        """The entries as typed, as rows; None where nothing is."""
        return [[cell.value.strip() or None for cell in row] for row in self.cells]

    @guarded
    def _entered(self, _):
        if not self._quiet:
            self.judge(self.take())
            if self.state == "not attempted":
                self._set_result("Fill in an entry first; each is checked as you leave it.")

    def put(self, raw):
        for cells, texts in zip(self.cells, self._rows(raw), strict=True):
            for cell, text in zip(cells, texts, strict=True):
                cell.value = "" if text is None else show_number(text)

    def _rows(self, raw):
        n, m = self.item.shape
        rows = raw if isinstance(raw, list) else []
        if rows and not isinstance(rows[0], list):
            rows = [rows]
        fits = len(rows) == n and all(isinstance(r, list) and len(r) == m for r in rows)
        return rows if fits else [[None] * m] * n

    def judge(self, raw):
        super().judge(raw)
        for i, (cells, states) in enumerate(
            zip(self.cells, self.item.cells(self.take()), strict=True)
        ):
            for j, (cell, state) in enumerate(zip(cells, states, strict=True)):
                for name, mark in (("bp-ok", "right"), ("bp-no", "wrong")):
                    (cell.add_class if state == mark else cell.remove_class)(name)
                place = self._place(i, j)
                cell.description = place if state == "empty" else f"{place}: {state}"

    def solution(self):
        return "\n".join("  ".join(show_number(v) for v in row) for row in self.item.solution)


class PredictCard(QuestionCard):
    """A guess, which is locked; then what really happens; then the points for the right answer."""

    def __init__(self, item, given=None):
        self.revealed = False
        self.reveal_button = self._main("Reveal")
        self.field = None if item.options else _number_field("Your guess", self._typed)
        fields = [] if item.options else [self.field]
        super().__init__(item, given, [*fields, self.reveal_button])

    @property
    def example(self):
        return '"a"' if self.item.options else "3" if self.item.count else "0.5"

    def controls(self):
        if not self.item.options:
            return []
        self.options = Options(self.item.options, self.item.letters, self.pick)
        return [self.options]

    @guarded
    def pick(self, letter):
        if self.revealed:
            self.judge(letter)
        else:
            self.options.pick(letter)

    @guarded
    def _typed(self, _):
        if self.revealed and not self._quiet:
            self.judge(self.field.value)

    @guarded
    def _entered(self, _):
        guess = self.options.picked if self.item.options else self.field.value.strip()
        if guess:
            self.judge(guess)
        else:
            self._set_result(
                "Guess first, then reveal: a guess that turns out wrong is what you will remember."
            )

    def put(self, raw):
        if not self.item.options:
            self.field.value = show_number(raw)

    def judge(self, raw):
        super().judge(raw)
        if self.item.options:
            letter = raw.strip().lower() if isinstance(raw, str) else raw
            self.options.pick(letter, STATES[self.state][0])
        if self.state in ("passed", "failed") and not self.revealed:
            self._show_truth(raw)

    def _show_truth(self, raw):
        self.truth = self.item.reveal()
        self.revealed = True
        self.reveal_button.description = "Check"
        if self.item.options:  # from now on a click on an option is enough
            self.reveal_button.layout.display = "none"
            self._buttons.layout.display = None if self.item.hints else "none"
        guess = self.record.get("first_answer", raw)
        show(
            self._below,
            f'<div class="bp-box"><p>Your first guess: {escape(str(guess))}</p>'
            f'<p class="bp-lines"><strong>What happens:</strong> '
            f"{markup.literal(self.truth)}</p>"
            f"{self._picture_html()}</div>",
        )

    def _picture_html(self):
        if not self.item.picture:
            return ""
        path = IMAGES / self.item.picture
        try:
            data = b64encode(path.read_bytes()).decode("ascii")
        except OSError:
            return f'<p class="bp-note">(The picture {escape(path.name)} is missing.)</p>'
        return f'<img alt="{escape(_alt(path))}" src="data:image/png;base64,{data}">'

    def options_text(self):
        return _options_text(self.item) if self.item.options else ""

    def text(self):
        truth = f"\n\nWhat happens: {self.truth}" if self.revealed else ""
        return super().text() + truth


def _alt(path):
    """The text alternative of a picture in `images/`."""
    try:
        known = json.loads(path.with_name("alt.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = {}
    return known.get(path.name, f"Picture: {path.stem.replace('_', ' ')}")


# By the question's `kind`; the package's __init__ adds those with a module of their own.
CARDS = {"choice": ChoiceCard, "number": NumberCard, "matrix": MatrixCard, "predict": PredictCard}
