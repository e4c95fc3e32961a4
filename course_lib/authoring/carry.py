"""A learner's work in a notebook: telling it from the build, and carrying it to a new version."""

import copy
import json
import re
from dataclasses import dataclass, field

from nbformat import v4

from course_lib import exercises
from course_lib.authoring.build import cell_digest, digest

_HEADING = (
    "## Answers from an earlier version\n\nThis version of the chapter no longer asks for "
    "what follows. It is kept here so that nothing of yours is lost."
)


def _course(cell):
    found = cell.metadata.get("course")
    return found if isinstance(found, dict) else {}


def _cells_of(notebook, role):
    """{exercise: its cell}, known by the cell's id or, where ids are lost, its metadata."""
    code = [c for c in notebook.cells if c.cell_type == "code"]
    found = {
        c["id"].removesuffix(f"-{role}"): c for c in code if c.get("id", "").endswith(f"-{role}")
    }
    for cell in code:
        if _course(cell).get("role") == role:
            found.setdefault(_course(cell).get("exercise"), cell)
    return found


def answer_cells(notebook):
    """{exercise: its answer cell}."""
    return _cells_of(notebook, "answer")


def check_cells(notebook):
    """{exercise: its check cell}."""
    return _cells_of(notebook, "check")


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


def changed_checks(notebook):
    """{exercise: check cell} of those which say more than a build writes, as an answer does."""
    return {
        name: cell
        for name, cell in check_cells(notebook).items()
        if not re.fullmatch(
            rf'(check\({name}\)|ask\("{name}"(, variant=\d+)?\))?', cell.source.strip()
        )
    }


def added_cells(notebook, built):
    """The cells that the learner added, but for empty ones."""
    known = {id(c) for find in (answer_cells, check_cells) for c in find(notebook).values()}
    places = {c.id for c in built.cells}
    return [
        c
        for c in notebook.cells
        if is_own(c)
        and id(c) not in known
        and c.source.strip()
        and (c.get("id") or f"{cell_digest(c)}-1" not in places)  # an author's that lost its id
    ]


def changed_texts(notebook):
    """The author's cells that were edited in the notebook: their ids are of what they said."""
    return [
        c
        for c in notebook.cells
        if re.fullmatch(r"[0-9a-f]{10}-\d+", c.get("id", "")) and c.id[:10] != cell_digest(c)
    ]


def holds_work(notebook, built):
    """Whether a learner has changed an answer or check cell, or added a cell that is not empty."""
    return bool(
        worked_on(notebook, built) or changed_checks(notebook) or added_cells(notebook, built)
    )


def would_lose(notebook, built):
    """Whether a build put in place of the notebook would lose anything that a person wrote."""
    return bool(holds_work(notebook, built) or changed_texts(notebook) or stored_answers(notebook))


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
    replaced: int = 0  # edited cells of the chapter's, which the new version does not take over

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
    result = Carried(copy.deepcopy(new), replaced=len(changed_texts(old)))
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
    checks = check_cells(result.notebook)
    for name, cell in changed_checks(old).items():
        if name not in checks:
            result.replaced += 1
            continue
        checks[name].source = cell.source
        if name not in result.answers:
            result.answers.append(name)
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
    own, anchor, added = {id(c) for c in added_cells(old, result.notebook)}, -1, {}
    for cell in old.cells:
        if _identity(cell) in places:
            anchor = places[_identity(cell)]
        elif id(cell) in own:
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


def _identity(cell):
    """The cell's id, or where ids are lost the one that a build would give it."""
    course = _course(cell)
    if course.get("exercise"):
        lost = f"{course['exercise']}-{course.get('role')}"
    else:
        lost = f"{cell_digest(cell)}-1"
    return cell.get("id") or lost


def is_own(cell):
    """Whether a learner added the cell: its id is none that a build of any version makes."""
    return not re.fullmatch(r"[0-9a-f]{10}-\d+|\w+-(answer|check)", cell.get("id", ""))
