"""Inside nbgrader: its own commands grade with the sandboxed judge, and run no student's notebook.

In a course's `nbgrader_config.py`:

    from course_lib.classroom.nbgrader import configure

    configure(get_config())
"""

import atexit
import functools
from pathlib import Path

import nbformat
from nbconvert.exporters import NotebookExporter
from nbformat import v4
from nbgrader import utils
from nbgrader.api import Gradebook
from nbgrader.converters import Autograde, GenerateAssignment
from nbgrader.preprocessors import (
    ClearSolutions,
    DeduplicateIds,
    Execute,
    NbGraderPreprocessor,
)
from traitlets import Bool, Unicode

from course_lib.authoring import Course, CourseError
from course_lib.authoring.build import KERNEL, digest
from course_lib.classroom import assignment as assignments
from course_lib.classroom import pages, reading
from course_lib.classroom.judging import Grader
from course_lib.sandbox.link import Broken, NoSandbox

_NOT_OURS = (
    "This cell belongs to no exercise of the assignment, so it was not run; give its points by hand"
)


def configure(config):
    """Puts the classes of this module in the places of nbgrader's own.

    config: what `get_config()` gives in nbgrader_config.py. Lists that it holds already are kept.
    """
    for converter, trait, old, new in (
        (GenerateAssignment, "preprocessors", ClearSolutions, KeepStarters),
        (Autograde, "sanitize_preprocessors", DeduplicateIds, Mend),
        (Autograde, "autograde_preprocessors", Execute, Judge),
    ):
        section = config[converter.__name__]
        default = converter.class_traits()[trait].default()
        given = section[trait] if trait in section else default
        section[trait] = [new if _name(p) == old.__name__ else p for p in given]
    config.Autograde.exporter_class = AnyNotebook


def _name(preprocessor):
    return getattr(preprocessor, "__name__", str(preprocessor).rpartition(".")[2])


class KeepStarters(ClearSolutions):
    """Takes solutions out as nbgrader does, but leaves the starters of our exercises."""

    def preprocess_cell(self, cell, resources, cell_index):
        course = cell.metadata.get("course", {})
        if course.get("role") == "answer" and course.get("starter") == digest(cell.source):
            return cell, resources
        return super().preprocess_cell(cell, resources, cell_index)


class AnyNotebook(NotebookExporter):
    """Reads notebooks that nbformat cannot, as far as they can be read."""

    def from_file(self, file_stream, resources=None, **rest):
        invalid = {}
        try:
            notebook = nbformat.read(file_stream, 4, capture_validation_error=invalid)
        except Exception as error:  # noqa: BLE001 - what stands in it may be anything
            invalid["error"] = error
        if invalid:
            notebook = _code_alone(Path(file_stream.name).read_bytes())
        return self.from_notebook_node(notebook, resources=resources, **rest)


def _code_alone(content):
    read = reading.read(content, (), ())
    cells = [v4.new_code_cell(cell["source"]) for cell in read.cells]
    return v4.new_notebook(cells=cells, metadata={"kernelspec": dict(KERNEL)})


class Mend(NbGraderPreprocessor):
    """Makes nbgrader's metadata what the gradebook says, whatever the student's notebook says.

    Of cells with one id the last keeps it. Cells that are locked are put back, missing ones at the
    end.
    """

    def preprocess(self, nb, resources):
        about = resources["nbgrader"]
        with Gradebook(about["db_url"]) as gradebook:
            released = _released(gradebook.find_notebook(about["notebook"], about["assignment"]))
        cells, left = [], dict(released)
        for cell in reversed(nb.cells):
            name = _told(cell)
            cell.metadata.pop("nbgrader", None)
            if name in left:
                cell = _restored(cell, *left.pop(name))
            elif name in released:
                self.log.warning("There are several cells %s; the last keeps its name", name)
            cells.append(cell)
        nb.cells = cells[::-1]
        nb.nbformat_minor = max(nb.nbformat_minor, 5)  # cells that are put back have ids
        for cell in nb.cells:
            cell.setdefault("id", v4.new_raw_cell().id)
        for name, (kind, metadata, source) in sorted(left.items()):
            if metadata["grade"] or metadata["task"]:
                self.log.warning("The cell %s is missing; it was put back", name)
                nb.cells.append(_new_cell(kind, source, metadata))
        return nb, resources


def _released(notebook):
    """{grade_id: (cell type, nbgrader's metadata, source)} of a notebook in the gradebook."""
    most = {c.name: c.max_score for c in [*notebook.grade_cells, *notebook.task_cells]}
    grade = {c.name for c in notebook.grade_cells}
    solution = {c.name for c in notebook.solution_cells}
    found = {}
    for cell in notebook.source_cells:
        metadata = {
            "schema_version": 3,
            "grade_id": cell.name,
            "grade": cell.name in grade,
            "solution": cell.name in solution,
            "locked": cell.locked,
            "task": cell.name in most and cell.name not in grade,
            "cell_type": cell.cell_type,
            "checksum": cell.checksum,
        }
        if cell.name in most:
            metadata["points"] = most[cell.name]
        found[cell.name] = cell.cell_type, metadata, cell.source
    return found


def _told(cell):
    """Which cell a student's notebook says this is."""
    metadata = cell.metadata.get("nbgrader")
    name = metadata.get("grade_id") if isinstance(metadata, dict) else None
    return name if isinstance(name, str) else cell.get("id", "")


def _restored(cell, kind, metadata, source):
    if metadata["locked"]:
        return _new_cell(kind, source, metadata)
    if cell.cell_type != kind:
        return _new_cell(kind, cell.source, metadata)
    cell.metadata["nbgrader"] = metadata
    return cell


def _new_cell(kind, source, metadata):
    make = {"code": v4.new_code_cell, "markdown": v4.new_markdown_cell}[kind]
    return make(source, metadata={"nbgrader": metadata})


class Judge(NbGraderPreprocessor):
    """Judges a submitted notebook in the sandbox, in place of nbgrader's `Execute`.

    Every check cell gets an output by which nbgrader gives it the points of the judgement. The
    assignment is the one in the course's folder `assignments` that has nbgrader's assignment id.
    """

    course_root = Unicode(
        "", help="Folder of the course; by default the one around this folder or the package."
    ).tag(config=True)
    unsafe = Bool(False, help="Whether to go on where a layer of the sandbox is missing.").tag(
        config=True
    )
    bubblewrap = Bool(False, help="Whether to wrap the sandbox in bubblewrap as well.").tag(
        config=True
    )

    def preprocess(self, nb, resources):
        about = resources["nbgrader"]
        grader = self._grader(about["assignment"])
        read = self._read(about, grader, _chapter(nb, grader.items))
        for remark in read.remarks:
            self.log.warning("%s: %s", about["student"], pages.clean(remark))
        try:
            judged = [] if read.problem else list(grader.judge(read, about["student"]))
        except (Broken, NoSandbox):  # the next notebook gets a new grader
            _grader.cache_clear()
            raise
        judged = {f"{j.exercise}-check": j for j in judged}
        for cell in nb.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
                if utils.is_grade(cell) and not utils.is_solution(cell):
                    words = read.problem or _NOT_OURS
                    cell.outputs = [_output(judged.get(cell.metadata.nbgrader.grade_id), words)]
        if read.remarks:
            text = "\n".join(read.remarks)
            said = v4.new_output("stream", text=pages.clean(f"{text}\n"))
            nb.cells.insert(0, v4.new_code_cell("# Remarks on this notebook", outputs=[said]))
        return nb, resources

    def _grader(self, name):
        course = Course(self.course_root) if self.course_root else Course.find()
        assignment = assignments.find(name, course)
        try:
            return _grader(course.root.resolve(), assignment, self.unsafe, self.bubblewrap)
        except NoSandbox as error:
            raise CourseError(
                f"students' code cannot be locked up here: {error}. With `c.Judge.unsafe = True` "
                "in nbgrader_config.py it is run all the same, with what protection there is: it "
                "could then read and write whatever you may"
            ) from None

    def _read(self, about, grader, chapter):
        """What was handed in, as it was handed in: nbgrader has cleared the outputs since."""
        files = self.parent.parent.coursedir
        folder = files.format_path(files.submitted_directory, about["student"], about["assignment"])
        path = Path(folder) / f"{about['notebook']}.ipynb"
        read = reading.read(path.read_bytes(), grader.items, (chapter,), hint=path.name)
        read.chapter = chapter  # of the cells that were released, not what the notebook claims
        return read


@functools.cache
def _grader(root, assignment, unsafe, bubblewrap):
    """One grader for all notebooks of an assignment; its processes end with this one."""
    made = Grader(assignment, course=Course(root), unsafe=unsafe, bubblewrap=bubblewrap)
    atexit.register(made.close)
    return made


def _chapter(nb, items):
    """The chapter of the exercises whose check cells are in a notebook. Raises CourseError."""
    chapters = {f"{item.name}-check": item.chapter for item in items}
    for cell in nb.cells:
        if utils.is_grade(cell) and cell.metadata.nbgrader.grade_id in chapters:
            return chapters[cell.metadata.nbgrader.grade_id]
    raise CourseError("no cell of this notebook checks an exercise of the assignment")


def _output(judgement, otherwise):
    """The output of a check cell: an error, unless the exercise was passed."""
    if judgement is None:
        return v4.new_output("error", ename="NotJudged", traceback=[pages.clean(otherwise)])
    state = pages.STATES[judgement.status][1]
    points = f"{pages.points(judgement.points)} of {pages.pointed(judgement.max_points)}"
    lines = [f"{judgement.title}: {state}, {points}.", judgement.message, judgement.remark]
    text = pages.clean("\n".join(filter(None, lines)))
    if judgement.passed:
        return v4.new_output("stream", text=f"{text}\n")
    first = text.partition("\n")[0]
    return v4.new_output("error", ename="NotPassed", evalue=first, traceback=[text])
