"""The card of a code exercise: judges the learner's function and names the mistake."""

import ast
import inspect
import linecache
import textwrap
from html import escape

import numpy as np
from IPython import get_ipython
from ipywidgets import Button

from course_lib import exercises
from course_lib.widgets import markup
from course_lib.widgets.card import ExerciseCard, Notice, find, guarded, show


def check(attempt):
    """The card of the exercise that the function or class `attempt` answers, by its name.

    Judges it, keeps the result and says what is wrong. Never raises: what is no exercise gets a
    card that says so.
    """
    item, sentence = _exercise_of(attempt)
    if item is None:
        return Notice("There is nothing to check here", sentence)
    return CodeCard(item, attempt)


def yours(attempt):
    """The learner's function or class if it passes, otherwise the course's own; prints which.

    Raises ValueError where no exercise has that name.
    """
    item, sentence = _exercise_of(attempt)
    if item is None:
        raise ValueError(sentence)
    if exercises.judge(item.name, attempt).passed:
        print(f"Using your {item.name}.")
        return attempt
    print(f"Using the course's {item.name}: yours is not finished yet.")
    return item.solution


def _exercise_of(attempt):
    """(exercise, "") or (None, a sentence that says what was given and what was wanted)."""
    if isinstance(attempt, str):
        quoted = f"check({attempt})" if attempt.isidentifier() else "check(my_function)"
        return None, (
            f"check was given the text {attempt!r}, but it wants the function or class "
            f"itself, without quotes: `{quoted}`."
        )
    name = getattr(attempt, "__name__", None) if callable(attempt) else None
    if not isinstance(name, str):
        return None, (
            f"check was given something of type {type(attempt).__name__}, but it wants a "
            "function or class. Write its name without calling it: "
            "`check(my_function)`, not `check(my_function(x))`."
        )
    item, sentence = find(name)
    if item is None:
        return None, sentence
    if item.kind != "code":
        return None, f'{name} is a question: show it with `ask("{name}")`.'
    return item, ""


def source_of(attempt):
    """The source text of a function or class, also of a class made in a notebook; None if unknown.

    Python looks for a class in its module's file, and a notebook's module has none; its methods
    know the cell they were made in.
    """
    if isinstance(attempt, type):
        codes = [m.__code__ for m in vars(attempt).values() if inspect.isfunction(m)]
        for code in codes:
            text = "".join(linecache.getlines(code.co_filename))
            for node in ast.walk(_parsed(text)):
                if (
                    isinstance(node, ast.ClassDef)
                    and node.name == attempt.__name__
                    and (node.lineno <= code.co_firstlineno <= node.end_lineno)
                ):
                    return textwrap.dedent(ast.get_source_segment(text, node, padded=True)) + "\n"
    try:
        return textwrap.dedent(inspect.getsource(attempt))
    except (OSError, TypeError):
        return None


def _parsed(text):
    try:
        return ast.parse(text)
    except SyntaxError:  # a cell with a %magic
        return ast.Module([], [])


class CodeCard(ExerciseCard):
    """Shows how an attempt at a code exercise does."""

    solution_title = "One way to do it"

    def __init__(self, item, attempt):
        self.attempt = attempt
        self.check_button = Button(description="Check again")
        self.check_button.add_class("bp-main")
        self.check_button.on_click(self._check_again)
        super().__init__(item, buttons=[self.check_button])
        self._judge()

    def solution(self):
        return self.item.source

    @guarded
    def _check_again(self, _):
        shell = get_ipython()
        if shell is not None:
            self.attempt = shell.user_ns.get(self.item.name, self.attempt)
        self._set_result("Checking…")
        show(self._below, "")
        self._judge()

    def _judge(self):
        verdict = exercises.judge(self.item.name, self.attempt)
        self.keep(verdict, source=source_of(self.attempt))
        self.refresh()
        self._set_result(f"<p>{markup.message(verdict.message)}</p>{self.warning_html()}")
        show(self._below, self._example_html() + self._printed_html())
        picture = self._picture()
        if picture is not None:
            drawn = f'<div class="bp-picture">{picture.html()}</div>'
            show(self._below, self._example_html(drawn) + self._printed_html())

    # what goes below the message ---------------------------------------------------------------

    def _differences(self):
        """Where the entries of the smallest failing case differ; None where shapes do."""
        example = self.verdict.example
        got, want = np.asarray(example.got), np.asarray(example.want)
        if got.shape != want.shape:
            return None
        with np.errstate(all="ignore"):
            close = np.isclose(got, want, self.item.rtol, self.item.atol, equal_nan=True)
        if got.dtype == np.float32:
            close |= np.isclose(got, want, 1e-4, 1e-6)
        return ~close

    def _small_example(self):
        """(yours, right, where they differ or None, digits) as matrices, or None if too large."""
        example = self.verdict.example
        if example is None:
            return None
        got, want = markup.as_matrix(example.got), markup.as_matrix(example.want)
        if got is None or want is None:
            return None
        differ = self._differences()
        if differ is None:
            return got, want, None, 4
        differ = np.atleast_2d(differ)
        return got, want, differ, markup.digits_that_tell(got, want, differ)

    def _example_html(self, picture=""):
        """The smallest failing case, yours beside right, when both are small enough to read."""
        small, example, tables = self._small_example(), self.verdict.example, ""
        if small:
            got, want, differ, digits = small
            shapes = (
                ["", ""]
                if differ is not None
                else [f", shape {np.shape(a)}" for a in (example.got, example.want)]
            )
            tables = markup.array_table(f"your {example.variable}{shapes[0]}", got, differ, digits)
            tables += markup.array_table(f"right {example.variable}{shapes[1]}", want, None, digits)
        if not tables and not picture:
            return ""
        return f'<div class="bp-pairs">{tables}{picture}</div>{self._inputs_html(example.inputs)}'

    @staticmethod
    def _inputs_html(inputs):
        tables = []
        for name, value in inputs:
            several = isinstance(value, (list, tuple))
            for i, one in enumerate(value if several else [value]):
                matrix = markup.as_matrix(one)
                if matrix is not None:
                    tables.append(markup.array_table(f"{name}[{i}]" if several else name, matrix))
        if not tables:
            return ""
        return (
            "<details><summary>The inputs of this case</summary>"
            f'<div class="bp-pairs">{"".join(tables)}</div></details>'
        )

    def _printed_html(self):
        if not self.verdict.printed:
            return ""
        return (
            "<details><summary>Your function printed</summary>"
            f"<pre>{escape(self.verdict.printed)}</pre></details>"
        )

    def _picture(self):
        """Your gradient against one made by nudging, where the exercise computes that, or None."""
        example, numerical = self.verdict.example, self.item.numerical
        if example is None or numerical is None:
            return None
        got = np.asarray(example.got)
        nudged = np.asarray(numerical(**dict(example.inputs)))
        if got.shape != nudged.shape or not 3 <= got.size <= 60 or got.dtype.kind not in "fi":
            return None
        from course_lib.viz import draw_gradient_comparison  # matplotlib takes half a second

        return draw_gradient_comparison(got, nudged)

    # without widgets ---------------------------------------------------------------------------

    def text(self):
        lines = [self.heading_text(), self.verdict.message if self.verdict else ""]
        small = self.verdict and self._small_example()
        if small:
            got, want, differ, digits = small
            lines += [
                f"yours: {markup.array_text(got, differ, digits)}",
                f"right: {markup.array_text(want, None, digits)}",
            ]
        lines += [self.progress.warning, self.help_text(f"check({self.item.name})")]
        return "\n".join(line for line in lines if line)
