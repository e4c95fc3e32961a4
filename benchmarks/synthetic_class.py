"""A class that hands in notebooks: right, wrong in the catalogued ways, unfinished, and mixed.

Nobody is in it: the students are numbers. Made from the course's own solutions and misconceptions.
"""

import inspect
import json
import textwrap

import numpy as np

from course_lib import exercises
from course_lib.authoring import build
from course_lib.widgets.plain import block

RIGHT, WRONG = 0.55, 0.3  # of the answers; the rest is left as it was handed out


def _as_answer(item, attempt):
    """The source of a wrong answer under the exercise's name, or None where it has helpers."""
    text = textwrap.dedent(inspect.getsource(attempt))
    code = attempt.__code__ if inspect.isfunction(attempt) else None
    if code is None or not set(code.co_names) <= set(dir(np)) | {"np", "shape"} | _METHODS:
        return None
    start = text.index("def ")
    return text[start:].replace("def _(", f"def {item.name}(", 1)


_METHODS = {n for n in dir(np.ndarray) if not n.startswith("__")}


def wrong_answers(item):
    """Sources of wrong answers to a code exercise, of those that stand on their own."""
    found = (_as_answer(item, m.attempt) for m in item.misconceptions)
    return [text for text in found if text is not None]


def notebooks(chapter, count, seed=0, right=RIGHT, wrong=WRONG):
    """(name, notebook as a dict) of each of `count` students, always the same for a seed.

    right, wrong: which parts of the code answers are so.
    """
    rng = np.random.default_rng(seed)
    items = exercises.of_chapter(chapter)
    codes = [i for i in items if i.kind == "code"]
    mistakes = {i.name: wrong_answers(i) for i in codes}
    plain = json.loads(json.dumps(build(chapter)))
    places = {c["id"]: k for k, c in enumerate(plain["cells"])}
    for number in range(count):
        notebook = plain | {"cells": list(plain["cells"])}
        for item in codes:
            luck = rng.random()
            k = places[f"{item.name}-answer"]
            source = notebook["cells"][k]["source"]
            if luck < right:
                source = item.source
            elif luck < right + wrong and mistakes[item.name]:
                source = mistakes[item.name][rng.integers(len(mistakes[item.name]))]
            notebook["cells"][k] = notebook["cells"][k] | {"source": source}
        given = {
            i.name: i.solution for i in items if i.kind != "code" and rng.random() < right + wrong
        }
        text = block({chapter: given}) if given else "No widget answers yet."
        output = {"output_type": "stream", "name": "stdout", "text": text + "\n"}
        notebook["cells"][-1] = notebook["cells"][-1] | {"outputs": [output]}
        yield f"student-{number:05d}", notebook


def write(folder, chapter, count, seed=0, **parts):
    """Writes a flat folder of `count` notebooks."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, notebook in notebooks(chapter, count, seed, **parts):
        (folder / f"{name}.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
