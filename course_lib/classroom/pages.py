"""What the HTML pages share: their shell, their style, and how text from outside is shown.

Every page is one file without a script. Whatever a template prints is made visible by `clean` and
escaped; names, code, answers and messages come from students.
"""

import re
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from course_lib.widgets import markup

LONGEST_CODE = 20_000  # characters
LONGEST_MESSAGE = 4_000
STATES = {  # a sign and words: colour is never alone
    "passed": ("✓", "passed"),
    "failed": ("✗", "not right"),
    "error": ("!", "error"),
    "not attempted": ("○", "not attempted"),
    "missing": ("–", "not handed in"),
}
# Control characters, those that turn the direction of writing, and halves of surrogate pairs.
_UNSEEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff]"
)


def clean(text):
    r"""Text that can be seen and written as UTF-8: what has no look of its own as \x1b, \u202e."""
    text = text.replace("\r\n", "\n")
    return _UNSEEN.sub(lambda found: found.group().encode("unicode_escape").decode(), text)


def cut(text, most):
    """(the first `most` characters, a sentence that says so, or "" where that is all)."""
    if len(text) <= most:
        return text, ""
    return text[:most], f"Only the first {most:,} of {len(text):,} characters are shown."


def points(number):
    """Points as they are written: two decimals at the most."""
    words = f"{number:.2f}".rstrip("0").rstrip(".")
    return "0" if words == "-0" else words


def counted(n, noun):
    """A number of things in words: 1 point, 10,000 students."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def pointed(number):
    """Points with the word: 1 point, 1.5 points."""
    words = points(number)
    return f"{words} point{'' if words == '1' else 's'}"


def message(text):
    """A message as a card shows it: the first sentence stands out, `code` between backticks."""
    shown, left_out = cut(text, LONGEST_MESSAGE)
    return Markup(markup.message(clean(f"{shown}… {left_out}" if left_out else shown)))


def opening(text, enough=60):
    """The first sentences of a message, as many as it takes to have `enough` characters."""
    said = ""
    for sentence in re.split(r"(?<=[.!?])\s+", text.strip()):
        said = f"{said} {sentence}".lstrip()
        if len(said) >= enough:
            break
    return said


def literal(text):
    """Text in which only `code` between backticks means something."""
    return Markup(markup.literal(clean(text)))


def _visible(value):
    return clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value


_PAGES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    auto_reload=False,
    finalize=_visible,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_PAGES.filters.update(
    counted=counted, literal=literal, message=message, pointed=pointed, points=points
)
_PAGES.globals.update(STATES=STATES)


def template(name):
    """A template from the folder `templates`, compiled once."""
    return _PAGES.get_template(name)
