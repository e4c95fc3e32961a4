"""The progress board and the self-test, as cards."""

from html import escape
from itertools import groupby

from ipywidgets import HTML

from course_lib import progress, selftest
from course_lib.widgets.card import Card, words_for

SYMBOLS = {"passed": "✓", "tried": "…", "open": "○"}


def progress_board():
    """The card of everything there is to do, by chapter, with points and state."""
    warnings = []
    return Board(progress.overview(warn=warnings.append), warnings)


def self_test():
    """The card that says whether this machine has what the course needs, and what to do if not."""
    return SelfTest(selftest.run())


class Board(Card):
    """All exercises by chapter. rows, warnings: as `course_lib.progress.overview` gives them."""

    def __init__(self, rows, warnings=()):
        self.warnings = warnings
        self.chapters = [(c, list(group)) for c, group in groupby(rows, key=lambda r: r[0])]
        self.total = self._sums(rows)
        super().__init__("Your progress", [HTML("".join(map(self._chapter_html, self.chapters)))])
        self._set_head(f'<span class="bp-note">{self.total[3]}</span>')
        self._set_result("".join(f"<p>{escape(words)}</p>" for words in warnings))

    @staticmethod
    def _sums(rows):
        got, most = sum(r[4] for r in rows), sum(r[5] for r in rows)
        passed = sum(r[3] == "passed" for r in rows)
        words = (
            f"{got} of {words_for(most, 'point')}, {passed} of "
            f"{words_for(len(rows), 'exercise')} passed"
        )
        return got, most, passed, words

    def _chapter_html(self, entry):
        chapter, rows = entry
        got, most, passed, words = self._sums(rows)
        lines = "".join(
            f"<tr><td>{SYMBOLS[state]} {state}</td><td>{points} of {most_points}</td>"
            f"<td>{escape(title)} <code>{escape(name)}</code></td></tr>"
            for _, name, title, state, points, most_points, _ in rows
        )
        begun = any(r[3] != "open" for r in rows) and passed < len(rows)
        return (
            f"<details{' open' if begun else ''}><summary>Chapter {escape(chapter)}"
            f'<span class="bp-bar" role="img" aria-label="{words}">'
            f'<i style="width:{100 * got / most:.0f}%"></i></span>{words}</summary>'
            "<table><thead><tr><th>State</th><th>Points</th><th>Exercise</th></tr></thead>"
            f"<tbody>{lines}</tbody></table></details>"
        )

    def text(self):
        lines = [f"Your progress: {self.total[3]}"]
        for chapter, rows in self.chapters:
            lines.append(f"Chapter {chapter}: {self._sums(rows)[3]}")
            lines += [
                f"  {SYMBOLS[state]} {state:<6} {points}/{most}  {title} ({name})"
                for _, name, title, state, points, most, _ in rows
            ]
        return "\n".join([*lines, *self.warnings])


class SelfTest(Card):
    """One line per check. checks: as `course_lib.selftest.run` gives them."""

    def __init__(self, checks):
        self.checks = checks
        lines = "".join(
            f"<tr><td>{'✓ ok' if c.ok else '✗ to mend'}</td>"
            f"<td>{escape(c.name)}{self._more(c)}</td></tr>"
            for c in checks
        )
        super().__init__("Self-test", [HTML(f"<table><tbody>{lines}</tbody></table>")])
        self.add_class("bp-passed" if all(c.ok for c in checks) else "bp-failed")
        self._set_result(f"<strong>{self.summary}</strong>")

    @staticmethod
    def _more(check):
        if check.ok:
            return ""
        return f"<br>{escape(check.detail)}<br><strong>{escape(check.mend)}</strong>"

    @property
    def summary(self):
        wrong = sum(not c.ok for c in self.checks)
        return f"{words_for(wrong, 'thing')} to mend." if wrong else "All is ready."

    def text(self):
        lines = []
        for check in self.checks:
            lines.append(f"{check.name}: {'ok' if check.ok else 'TO MEND'}")
            lines += [] if check.ok else [f"  {check.detail}", f"  {check.mend}"]
        return "\n".join([*lines, self.summary])
