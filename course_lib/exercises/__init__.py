"""The exercises, one module per chapter (`chNN_…`), found by importing them."""

import difflib
import importlib
import pkgutil
import sys

from course_lib import grading


def import_chapters(package):
    """Imports the modules of a package that are one chapter's each (`chNN_…`), in course order."""
    for module in sorted(m.name for m in pkgutil.iter_modules(package.__path__)):
        if module.startswith("ch"):
            importlib.import_module(f"{package.__name__}.{module}")


def load():
    """Imports every chapter's module and returns {name: exercise or question}, in course order."""
    import_chapters(sys.modules[__name__])
    return grading.REGISTRY


def find(name):
    """The exercise or question called `name`. Raises KeyError that suggests what was meant."""
    known = load()
    if name in known:
        return known[name]
    near = difflib.get_close_matches(str(name), known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
    raise KeyError(f"no exercise is called {name!r}; {hint}")


def of_chapter(chapter):
    """The exercises and questions of a chapter ("02"), in the order they are defined."""
    return [e for e in load().values() if e.chapter == chapter]


def judge(name, attempt):
    """The verdict on an attempt at the exercise or question called `name`.

    attempt: a function or class for a code exercise; for a question the raw answer (an option's
    letter, a number or its text, a list of rows, letters in order, a line and a reason). Returns a
    `Verdict` and never raises because of what the attempt did. Raises KeyError when there is no
    such exercise.
    """
    item = find(name)
    return grading.judge(item, attempt) if item.kind == "code" else item.judge(attempt)
