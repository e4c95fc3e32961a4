"""What a run leaves: grades.csv, a feedback page for each student, and the class report."""

import contextlib
import csv
import hashlib
import os
import re

from course_lib.classroom import feedback, report
from course_lib.classroom.results import joined
from course_lib.classroom.tables import as_cell

GRADES, REPORT, FEEDBACK = "grades.csv", "report.html", "feedback"


def write_results(to, assignment, found):
    """Writes grades, feedback pages and the class report; returns the `ClassStatistics`."""
    items = assignment.items()
    names = [item.name for item in items]
    (to / FEEDBACK).mkdir(exist_ok=True)

    def writing(rows):
        for result in found:
            rows.writerow(_row(result, names))
            page = feedback.page(assignment, result, items)
            put(to / FEEDBACK / f"{file_name(result.student)}.html", page)
            yield result

    temporary = to / f".{GRADES}.{os.getpid()}.tmp"
    try:
        with temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow(
                ["student", "score", "max_score", "late_penalty", "final", *names, "note"]
            )
            statistics = report.statistics(assignment, writing(rows))
        os.replace(temporary, to / GRADES)
    finally:
        temporary.unlink(missing_ok=True)
    put(to / REPORT, report.page(statistics))
    return statistics


def _row(result, names):
    points = {j.exercise: j.points for j in result.judgements}
    said = [*filter(None, [result.late]), *result.notes, *result.decisions]
    note = joined(said)
    return [
        as_cell(result.student),
        *(f"{n:g}" for n in (result.score, result.max_score, result.late_penalty, result.final)),
        *(f"{points.get(name, 0):g}" for name in names),
        as_cell(" ".join(note.split())),
    ]


def file_name(student):
    """A name for a student's file that every system takes, another one for every student."""
    plain = re.sub(r"[^\w.-]+", "_", student, flags=re.ASCII).strip("._")[:80]
    if (
        plain
        and plain == student
        and not re.fullmatch(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?", plain)
    ):
        return plain
    digest = hashlib.sha256(student.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{plain or 'student'}-{digest}"


def put(path, text):
    """Writes a text that can be made again: the old file or the new one is there at any time."""
    content = text.encode("utf-8", "backslashreplace")
    with contextlib.suppress(OSError):
        if path.read_bytes() == content:
            return
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
