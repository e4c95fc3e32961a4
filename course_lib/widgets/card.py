"""What every card is made of: a head, a body, a result, hints and the solution."""

import difflib
import functools
import traceback
from html import escape

from ipywidgets import HTML, Button, HBox, HTMLMath, VBox

from course_lib import exercises
from course_lib.progress import Progress
from course_lib.widgets import markup
from course_lib.widgets.style import CSS

STATES = {
    "not attempted": ("○", "open"),
    "failed": ("✗", "not right yet"),
    "error": ("!", "error"),
    "passed": ("✓", "passed"),
}


SHOW, HIDE = "Show solution", "Hide solution"


def show(widget, html):
    """Puts HTML into a widget, which takes no room while it holds nothing."""
    widget.value = html
    widget.layout.display = None if html else "none"


def guarded(callback):
    """Wraps a method that a click calls: what it raises would vanish in the log, so show it."""

    @functools.wraps(callback)
    def run(self, *args):
        self.progress.warning = ""
        try:
            return callback(self, *args)
        except KeyboardInterrupt:
            self.notify("Interrupted: nothing was judged.")
        except Exception as error:
            self.notify(
                "This card failed, which is a fault of the course and not yours. Run its "
                f"cell again; if it stays, report this: {type(error).__name__}: {error}",
                traceback.format_exc(),
            )
        return None

    return run


def find(name):
    """(exercise or question, "") or (None, a sentence with the nearest name)."""
    known = exercises.load()
    if name in known:
        return known[name], ""
    otherwise = "Keep the name that the starter has: it says which exercise is meant."
    return None, f"No exercise is called `{name}`. {did_you_mean(name, known, otherwise)}"


def did_you_mean(name, known, otherwise):
    """A sentence with the nearest of the known names, or another where none is near."""
    near = difflib.get_close_matches(str(name), known, n=1)
    return f"Did you mean `{near[0]}`?" if near else otherwise


def words_for(count, noun):
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


class Card(VBox):
    """A card with a title and a result. Subclasses say in `text()` the same without a widget."""

    result_widget = HTML
    own_css = ""  # rules that only this kind of card needs

    def __init__(self, title, body=(), below=()):
        self.heading = title
        self._head, self._result = HTML(), self.result_widget()
        show(self._result, "")
        super().__init__([self._head, *body, self._result, *below])
        self.add_class("bp-card")
        self._set_head("")

    def _set_head(self, right):
        self._head.value = (
            f'{CSS}{self.own_css}<div class="bp-head"><span class="bp-title">'
            f"{escape(self.heading)}</span>{right}</div>"
        )

    def _set_result(self, html):
        show(self._result, f'<div role="status">{html}</div>' if html else "")

    def notify(self, sentence, details=""):
        """Shows a sentence that is no verdict."""
        more = f"<details><summary>Details</summary><pre>{escape(details)}</pre></details>"
        self._set_result(markup.message(sentence) + (more if details else ""))

    def text(self):
        """The card as plain text, the same on every run."""
        return self.heading

    def __repr__(self):
        return self.text()

    __str__ = __repr__

    def _repr_mimebundle_(self, **kwargs):
        return super()._repr_mimebundle_(**kwargs) | {"text/plain": self.text()}


class Notice(Card):
    """A card that says why there is no exercise to show."""

    def __init__(self, title, sentence):
        super().__init__(title)
        self.sentence = sentence
        self.add_class("bp-error")
        self.notify(sentence)

    def text(self):
        return f"{self.heading}\n{self.sentence}"


class ExerciseCard(Card):
    """A card of one exercise or question: its state, hints and solution, and its kept progress."""

    solution_title = "The answer"

    def __init__(self, item, body=(), buttons=()):
        self.item = item
        self.progress = Progress(item.chapter)
        self.record = self.progress.record(item.name)
        self.verdict = None
        self._hints_shown, self._warned = 0, False
        self._below, self._hints, self._solution = HTML(), HTMLMath(), HTML()
        for widget in (self._below, self._hints, self._solution):
            show(widget, "")
        buttons = list(buttons)
        if item.hints:
            self.hint_button = Button(description="Hint")
            self.hint_button.on_click(self._next_hint)
            buttons.append(self.hint_button)
        if self.solution():
            self.solution_button = Button(description=SHOW)
            self.solution_button.on_click(self._open_solution)
            buttons.append(self.solution_button)
        self._buttons = HBox(buttons)
        self._buttons.add_class("bp-buttons")
        # The buttons stay above all that grows and shrinks, so that they keep their place.
        body = [*body, self._buttons] if buttons else body
        super().__init__(item.title, body, [self._below, self._hints, self._solution])

    # state -------------------------------------------------------------------------------------

    @property
    def state(self):
        return self.verdict.status if self.verdict else "not attempted"

    @property
    def points(self):
        """The points kept: a passed exercise stays passed."""
        earned = self.verdict.points if self.verdict else 0
        return max(earned, self.item.points if self.record.get("passed") else 0)

    def points_words(self):
        return f"{self.points} of {words_for(self.item.points, 'point')}"

    @property
    def look(self):
        """Symbol and word of the state."""
        return STATES[self.state]

    def state_words(self):
        symbol, word = self.look
        before = self.record.get("passed") and self.state != "passed"
        return f"{symbol} {word}{' (passed before)' if before else ''}"

    def keep(self, verdict, **what):
        """Saves a judged attempt; judging the same one again is no further attempt."""
        self.verdict = verdict
        said = {"status": verdict.status, "message": verdict.message, **what}
        if any(self.record.get(key) != value for key, value in said.items()):
            self.progress.save(verdict, **what)
            self.record = self.progress.record(self.item.name)

    def refresh(self):
        """Brings head and frame up to date with the verdict."""
        self._set_head(
            f'<span class="bp-note">{self.points_words()}</span>'
            f'<span class="bp-badge">{self.state_words()}</span>'
        )
        for state in ("passed", "failed", "error"):
            self.remove_class(f"bp-{state}")
        if self.look in (STATES["passed"], STATES["failed"], STATES["error"]):
            self.add_class(f"bp-{self.state}")

    def warning_html(self):
        words = self.progress.warning
        return f'<p class="bp-note">! {escape(words)}</p>' if words else ""

    def heading_text(self):
        return f"{self.item.title} ({self.item.name})\n{self.points_words()}, {self.state_words()}"

    def help_text(self, call):
        """How to get at hints and solution in code, for where buttons can't be clicked."""
        most = len(self.item.hints)
        hints = f"print({call}.hint(1))" + (f" to hint({most})" if most > 1 else "") if most else ""
        solution = f"print({call}.solution())" if self.solution() else ""
        ways = [f"{what}: {way}" for what, way in (("Hints", hints), ("Solution", solution)) if way]
        return "; ".join(ways)

    # hints and solution ------------------------------------------------------------------------

    def hint(self, number=1):
        """The text of a hint, counted from 1."""
        hints = self.item.hints
        if not 1 <= number <= len(hints):
            return f"There is no hint {number}: this exercise has {words_for(len(hints), 'hint')}."
        return f"Hint {number} of {len(hints)}: {hints[number - 1]}"

    @guarded
    def _next_hint(self, _):
        count = len(self.item.hints)
        self._hints_shown = min(self._hints_shown + 1, count)
        shown = "".join(
            f'<div class="bp-box">{markup.prose(self.hint(i + 1))}</div>'
            for i in range(self._hints_shown)
        )
        show(self._hints, f'<div role="status">{shown}</div>')
        left = self._hints_shown < count
        self.hint_button.description = "Next hint" if left else "No more hints"
        self.hint_button.disabled = not left

    def solution(self):
        """The solution as text; "" for an exercise that shows none."""
        return ""

    @property
    def tried(self):
        """Whether an honest attempt was made, now or on another day."""
        return bool(self.record) or self.state != "not attempted"

    @guarded
    def _open_solution(self, _):
        if self.solution_button.description == HIDE:
            show(self._solution, "")
            self.solution_button.description = SHOW
        elif self.tried or self._warned:
            show(
                self._solution,
                f"<strong>{self.solution_title}</strong><pre>{escape(self.solution())}</pre>",
            )
            self.solution_button.description = HIDE
        else:
            self._warned = True
            show(
                self._solution,
                '<div role="status">You have not tried this one yet, and a wrong '
                "try tells you more than the solution does. Click again to see "
                "the solution all the same.</div>",
            )
