"""A learner's work in a notebook: telling it from the build, and carrying it to a new version."""

import copy
import json
import re
from dataclasses import dataclass, field

from nbformat import v4

from course_lib import exercises
from course_lib.authoring.build import digest

_HEADING = (
    "## Answers from an earlier version\n\nThis version of the chapter no longer asks for "
    "what follows. It is kept here so that nothing of yours is lost."
)


def _course(cell):
    found = cell.metadata.get("course")
    return found if isinstance(found, dict) else {}


def answer_cells(notebook):
    """{exercise: its answer cell}, known by the cell's id or, where ids are lost, its metadata."""
    code = [c for c in notebook.cells if c.cell_type == "code"]
    found = {
        c["id"].removesuffix("-answer"): c for c in code if c.get("id", "").endswith("-answer")
    }
    for cell in code:
        if _course(cell).get("role") == "answer":
            found.setdefault(_course(cell).get("exercise"), cell)
    return found


def _is_work(cell, starter):
    """Whether an answer cell is neither today's starter nor the one it was built with."""
    known = {_course(cell).get("starter"), digest(starter) if starter is not None else None}
    return digest(cell.source) not in known


def worked_on(notebook, built):
    """{exercise: answer cell} of those answer cells which the learner has changed."""
    starters = {name: cell.source for name, cell in answer_cells(built).items()}
    return {
        name: cell
        for name, cell in answer_cells(notebook).items()
        if _is_work(cell, starters.get(name))
    }


def holds_work(notebook, built):
    """Whether a learner has changed an answer cell of the notebook."""
    return bool(worked_on(notebook, built))


def stored_answers(notebook):
    """{question: raw answer} from the text block that `answers()` left in the notebook."""
    found = {}
    for cell in notebook.cells:
        if cell.cell_type == "code" and "answers(" in cell.source:
            for output in cell.outputs:
                text = output.get("text") or output.get("data", {}).get("text/plain", "")
                _collect(_json_in(text), found)
    return found


def _json_in(text):
    start = text.find("{")
    try:
        return json.JSONDecoder().raw_decode(text[start:])[0] if start >= 0 else {}
    except json.JSONDecodeError:
        return {}


def _collect(block, found):
    questions = {n for n, item in exercises.load().items() if item.kind != "code"}
    for key, value in block.items():
        if key in questions:
            found[key] = value
        elif isinstance(value, dict):
            _collect(value, found)


@dataclass
class Carried:
    """A new notebook with a learner's work in it, and what was done, by names of exercises."""

    notebook: object
    answers: list = field(default_factory=list)  # carried over from the old notebook
    restored: list = field(default_factory=list)  # taken from the progress file
    orphans: list = field(default_factory=list)  # answers to exercises that are no more
    added: int = 0  # cells of the learner's own

    def __str__(self):
        said = [
            f"{len(names)} answer{'s' if len(names) > 1 else ''} {what} ({', '.join(names)})"
            for names, what in (
                (self.answers, "carried over"),
                (self.restored, "restored from your progress"),
                (self.orphans, "moved to the end"),
            )
            if names
        ]
        if self.added:
            said.append(f"{self.added} cell{'s' if self.added > 1 else ''} of your own kept")
        return ", ".join(said) or "nothing of yours to carry over"


def carry_over(old, new, records=None):
    """The notebook `new` with the learner's work from `old`; neither is changed.

    records: {exercise: progress record}; their `source` is used where `old` holds no work, as
    when the notebooks were replaced. Cells that the learner added stay behind the cell they
    followed. Returns a `Carried`.
    """
    result = Carried(copy.deepcopy(new))
    targets, work = answer_cells(result.notebook), worked_on(old, new)
    for name, cell in work.items():
        if name not in targets:
            result.orphans.append(name)
        elif cell.source.strip():
            targets[name].source = cell.source
            result.answers.append(name)
    if not work:
        for name, target in targets.items():
            source = (records or {}).get(name, {}).get("source")
            if isinstance(source, str) and _is_work(v4.new_code_cell(source), target.source):
                target.source = source.rstrip("\n")
                result.restored.append(name)
    _carry_answers_block(old, result.notebook)
    _insert_added(old, result)
    if result.orphans:
        ends = [v4.new_markdown_cell(_HEADING), *(work[name] for name in result.orphans)]
        result.notebook.cells += [
            _own(cell, len(result.notebook.cells) + i) for i, cell in enumerate(ends)
        ]
    return result


def _carry_answers_block(old, new):
    """Keeps the stored answers to questions, which may exist nowhere else."""
    if not stored_answers(old):
        return
    ends = [
        [c for c in n.cells if c.cell_type == "code" and "answers(" in c.source] for n in (old, new)
    ]
    if all(ends):
        ends[1][-1].outputs = copy.deepcopy(ends[0][-1].outputs)


def _insert_added(old, result):
    cells = result.notebook.cells
    places = {c.id: i for i, c in enumerate(cells)}
    answers, anchor, added = {id(c) for c in answer_cells(old).values()}, -1, {}
    for cell in old.cells:
        if cell.get("id") in places:
            anchor = places[cell.id]
        elif id(cell) not in answers and is_own(cell) and cell.source.strip():
            added.setdefault(anchor, []).append(_own(cell, result.added))
            result.added += 1
    for place in sorted(added, reverse=True):
        cells[place + 1 : place + 1] = added[place]


def _own(cell, number):
    """A copy of a cell as one of the learner's own: no longer the answer to an exercise."""
    own = copy.deepcopy(cell)
    own.metadata.pop("course", None)
    if not own.get("id") or not is_own(own):
        own["id"] = f"own-{number}-{digest(own.source)}"
    return own


def is_own(cell):
    """Whether a learner added the cell: its id is none that a build of any version makes."""
    return not re.fullmatch(r"[0-9a-f]{10}-\d+|\w+-(answer|check)", cell.get("id", ""))
