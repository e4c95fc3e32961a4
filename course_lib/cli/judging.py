"""Judges a notebook's exercises from the terminal: runs it in a kernel and collects verdicts."""

import ast
import json
import re
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from nbclient.exceptions import DeadKernelError
from nbformat import v4

from course_lib import exercises
from course_lib.authoring import UsageError, kernel, read_notebook, stored_answers

_TIMEOUT = "CourseTimeout"
COMES_BACK_WITHIN = 5  # seconds for a kernel to come back once a cell was interrupted
JUDGED_WITHIN = 20  # seconds for one exercise: the judge gives up after 15


@dataclass
class Row:
    """The verdict on one exercise, as plain data."""

    exercise: str
    title: str
    points: int
    max_points: int
    state: str
    message: str


def judge_notebook(path, chapters, timeout=60):
    """(rows, remarks) for a notebook: a `Row` per exercise of its chapter, sentences on the run.

    chapters: those of the course. timeout: seconds for one cell. Raises UsageError where the file
    is no notebook of one of them. Nothing of the learner's is written.
    """
    path = Path(path)
    notebook = read_notebook(path)
    chapter = _chapter_of(notebook, path, chapters)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as work:
        verdicts, remarks = _run(notebook, path.resolve().parent, chapter, Path(work), timeout)
        # Later ones win: the block in the file may be older than the progress beside it.
        answers = {
            **stored_answers(notebook),
            **_answers(path.resolve().parent / "work" / f"ch{chapter}.json"),
            **_answers(Path(work) / f"ch{chapter}.json"),
        }
    rows, variant = [], _variant_of(notebook)
    for item in exercises.of_chapter(chapter):
        if item.kind == "code":
            state, points, message = verdicts.get(
                item.name, ("not judged", 0, "The notebook did not run that far.")
            )
        else:
            verdict = item.varied(variant).judge(answers.get(item.name))
            state, points, message = verdict.status, verdict.points, verdict.message
        rows.append(Row(item.name, item.title, points, item.points, state, message))
    return rows, remarks


def as_json(rows, remarks):
    """The result of `judge_notebook` as text for other programs."""
    return json.dumps(
        {
            "points": sum(r.points for r in rows),
            "max_points": sum(r.max_points for r in rows),
            "remarks": remarks,
            "exercises": [asdict(r) for r in rows],
        },
        indent=1,
        ensure_ascii=False,
    )


def first_sentence(text):
    """The first sentence of a message: what differs."""
    return re.split(r"(?<=[.!?:])\s+(?=[A-Z`])", text.strip(), maxsplit=1)[0]


def _chapter_of(notebook, path, chapters):
    course = notebook.metadata.get("course")
    chapter = course.get("chapter") if isinstance(course, dict) else path.name[:2]
    if chapter not in chapters:
        raise UsageError(f"{path} is not a chapter of this course; there are {', '.join(chapters)}")
    return chapter


def _variant_of(notebook):
    """The seed of the questions' numbers in a notebook that was handed out; None for the usual."""
    course = notebook.metadata.get("course")
    seed = course.get("variant") if isinstance(course, dict) else None
    return seed if type(seed) is int and seed >= 0 else None


def _answers(path):
    """{question: raw answer} in a progress file, which is only read."""
    try:
        records = json.loads(path.read_text(encoding="utf-8"))["exercises"]
        return {n: r.get("passed_answer", r["answer"]) for n, r in records.items() if "answer" in r}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _run(notebook, folder, chapter, work, timeout):
    """({exercise: [state, points, message]}, remarks) from a fresh kernel."""
    remarks, errors, broken, written = [], [], {}, work / "verdicts.json"
    scratch = v4.new_notebook(cells=[])
    with kernel(
        scratch,
        folder,
        work,
        allow_errors=True,
        interrupt_on_timeout=True,
        error_on_timeout={"ename": _TIMEOUT, "evalue": "", "traceback": []},
        on_cell_error=lambda execute_reply, **_: errors.append(execute_reply["content"]),
    ) as client:

        def run(source, seconds):
            errors.clear()
            client.timeout = seconds
            scratch.cells.append(v4.new_code_cell(source))
            client.execute_cell(scratch.cells[-1], len(scratch.cells) - 1)
            return errors[0] if errors else None

        try:
            for number, cell in enumerate(notebook.cells, 1):
                if cell.cell_type != "code":
                    continue
                error = run(cell.source, timeout)
                if error is None or "raises-exception" in cell.metadata.get("tags", []):
                    continue
                if words := _syntax_error(error, cell.source):
                    remarks.append(f"Cell {number} has {words}")
                    broken |= {name: f"{name} has {words}" for name in _defined(cell)}
                    continue
                if error["ename"] != _TIMEOUT:
                    remarks.append(f"Cell {number} raised {_words(error)}")
                    continue
                remarks.append(f"Cell {number} was stopped after {timeout:g} s.")
                if run("pass", COMES_BACK_WITHIN):
                    remarks.append(f"Cell {number} could not be stopped; nothing was judged.")
                    return {}, remarks
            codes = sum(i.kind == "code" for i in exercises.of_chapter(chapter))
            error = run(
                "from course_lib.cli.report import write_verdicts\n"
                f"write_verdicts({chapter!r}, globals(), {str(written)!r})",
                JUDGED_WITHIN * codes + 10,
            )
            if error:
                remarks.append(f"The judging was cut short: {_words(error)}")
        except DeadKernelError:
            remarks.append("The kernel died while the notebook ran or was judged.")
        verdicts = json.loads(written.read_text(encoding="utf-8")) if written.exists() else {}
    for name, message in broken.items():
        if verdicts.get(name, ["missing"])[0] == "missing":
            verdicts[name] = ["error", 0, message]
    return verdicts, remarks


def _syntax_error(error, source):
    """ "a syntax error in line 2: …" of what a cell raised; "" where it raised something else."""
    if error["ename"] not in ("SyntaxError", "IndentationError", "TabError"):
        return ""
    # The name in brackets is of a file that Jupyter makes up for the cell.
    found = re.fullmatch(r"(.*) \(.*, line (\d+)\)", error["evalue"], re.S)
    message, line = found.groups() if found else (error["evalue"], "?")
    if message == "incomplete input":  # IPython's words; Python's own say what is not closed
        try:
            ast.parse(source)
        except SyntaxError as own:
            message, line = own.msg, own.lineno
    return f"a syntax error in line {line}: {message}"


def _defined(cell):
    """The names of the functions and classes that a cell of broken Python begins to define."""
    return re.findall(r"^(?:def|class)\s+(\w+)", cell.source, re.M)


def _words(error):
    return " ".join(f"{error['ename']}: {error['evalue']}".split())
