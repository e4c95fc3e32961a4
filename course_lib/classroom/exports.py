"""Grades as other systems import them, made from grades.csv; nothing is graded again."""

import csv
import html
import io
import re
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

from course_lib.authoring import UsageError, write_atomically
from course_lib.classroom.tables import as_cell, read_table
from course_lib.classroom.writing import GRADES

FORMATS = ("canvas", "moodle", "csv")
_CANVAS = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")
_CANVAS_KEYS = ("SIS User ID", "SIS Login ID", "Integration ID")
_CANVAS_NAMES = (("Student",), ("LastName", "FirstName"))
_MOODLE = ("Username", "Full name", "First name", "Last name", "ID number", "Email address")
_MOODLE_KEYS = ("Identifier", "Username", "ID number", "Email address")
_MOODLE_NAMES = (("Full name",), ("Last name", "First name"))
_WORKSHEET = ("Identifier", "Grade", "Feedback comments")
_POSSIBLE = "    Points Possible"


@dataclass
class Written:
    """What was written. count: students with a grade in it. unmatched, remarks: sentences."""

    count: int = 0
    unmatched: list = field(default_factory=list)
    remarks: list = field(default_factory=list)


@dataclass(frozen=True)
class _Grade:
    student: str
    final: str
    most: str
    note: str


def export(folder, form, to, *, roster=None, column=""):
    """Writes the grades in a folder's grades.csv to a file in one of FORMATS; returns a `Written`.

    roster: what Canvas exported as its gradebook, or Moodle as its grading worksheet or its list of
    grades. It says who a student is there; who is found in it twice or not at all is left out and
    named in `unmatched`. column: of the grades; by default the name of the file. Raises UsageError.
    """
    grades, written = _grades(Path(folder) / GRADES), Written()
    people = _People(Path(roster)) if roster else None
    column = column or Path(to).stem
    make = {"csv": _plain, "canvas": _canvas, "moodle": _moodle}[form]
    rows = make(grades, people, column, written)
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    write_atomically(Path(to), text.getvalue().encode("utf-8", "backslashreplace"))
    return written


def _grades(path):
    found = []
    for line, row in read_table(path, ("student", "max_score", "final")):
        for name in ("max_score", "final"):
            if not re.fullmatch(r"\d+(\.\d+)?(e[+-]?\d+)?", row[name]):
                raise UsageError(f"{path}, line {line}: {name} is {row[name]!r}, no number")
        student = _as_text(row["student"])
        note = _as_text(row.get("note", ""))
        found.append(_Grade(student, row["final"], row["max_score"], note))
    return found


def _as_text(cell):
    """What a cell says, without the apostrophe that keeps it from being a formula."""
    return cell[1:] if cell[:1] == "'" and as_cell(cell[1:]) == cell else cell


# who is who ----------------------------------------------------------------------------------


class _People:
    """A roster: header and rows, and who a student is in it. Raises UsageError."""

    def __init__(self, path):
        try:
            text = path.read_text(encoding="utf-8-sig")
            delimiter = max(",;\t", key=text.partition("\n")[0].count)
            rows = [row for row in csv.reader(io.StringIO(text), delimiter=delimiter) if any(row)]
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise UsageError(f"{path} could not be read: {error}") from None
        if not rows:
            raise UsageError(f"{path} is empty")
        self.path = path
        self.header = [cell.strip() for cell in rows[0]]
        width = len(self.header)
        self.rows = [(row + [""] * width)[:width] for row in rows[1:]]

    def must_have(self, columns, what):
        for column in columns:
            if column not in self.header:
                raise UsageError(f"{self.path} has no column {column!r}: {what} was wanted")

    def get(self, row, column):
        return row[self.header.index(column)].strip() if column in self.header else ""

    def found(self, grades, number, keys, names, written):
        """{index of a row: grade} for those who are one person in the roster, and one only.

        number: the column with the number that the system gives a person. keys: columns by which
        else a person is known. names: columns of the name, of which the first that are there count.
        """
        names = next((n for n in names if set(n) <= set(self.header)), ())
        numbers, known = {}, {}
        for i, row in enumerate(self.rows):
            if digits := re.search(r"\d+$", self.get(row, number)):
                numbers.setdefault(digits.group(), set()).add(i)
            exact = {self.get(row, key).casefold() for key in keys}
            exact |= {key.partition("@")[0] for key in exact}
            for key in (exact - {""}) | _forms([self.get(row, name) for name in names]):
                known.setdefault(key, set()).add(i)
        chosen = {}
        for grade in grades:
            rows = _candidates(grade.student, numbers, known)
            if len(rows) == 1:
                chosen.setdefault(rows.pop(), []).append(grade)
            else:
                who = ", ".join(" ".join(filter(None, self.rows[i][:2])) for i in sorted(rows))
                why = f"may be one of several people there: {who}" if rows else "is not there"
                written.unmatched.append(f"{grade.student}: {why}, and was left out")
        for i, several in list(chosen.items()):
            if len(several) > 1:
                del chosen[i]
                names_of = " and ".join(grade.student for grade in several)
                written.unmatched.append(f"{names_of}: are one person there, and were left out")
        written.count = len(chosen)
        return {i: several[0] for i, several in chosen.items()}


def _candidates(student, numbers, known):
    """The rows that may be a student; of people of one name, `NAME_NUMBER` is the one meant."""

    def called(name):
        keys = {name.strip().casefold()} | _forms([name])
        return set().union(*(known.get(key, ()) for key in keys))

    if numbered := re.fullmatch(r"(.+)_(\d+)", student):
        rows = called(numbered[1]) & numbers.get(numbered[2], set())
        if rows:
            return rows
    return called(student)


def _forms(parts):
    """The forms in which a name occurs: in any order of its words, and as in Canvas's file names.

    parts: the name, or last and first name.
    """
    words = _words(" ".join(parts))
    if not words:
        return set()
    return {" ".join(sorted(words)), "".join(words)}


def _words(text):
    plain = unicodedata.normalize("NFKD", text).casefold()
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    return re.findall(r"[^\W_]+", re.sub(r"['’]", "", plain))


# the forms -----------------------------------------------------------------------------------


def _plain(grades, people, column, written):
    yield ["student", "final", "max_score"]
    for grade in grades:
        written.count += 1
        yield [as_cell(grade.student), grade.final, grade.most]


def _canvas(grades, people, column, written):
    most = grades[0].most if grades else ""
    if people is None:
        written.remarks.append("without --roster Canvas can tell students by their names alone")
        yield [*_CANVAS, column]
        yield [_POSSIBLE, *[""] * (len(_CANVAS) - 1), most]
        for grade in grades:
            written.count += 1
            yield [as_cell(grade.student), *[""] * (len(_CANVAS) - 1), grade.final]
        return
    people.must_have(("ID", "Section"), "a gradebook as Canvas exports it")
    about = range(people.header.index("Section") + 1)
    title = _canvas_column(people, column, written)
    possible = next((row for row in people.rows if "Points Possible" in row[0]), None)
    people.rows = [row for row in people.rows if people.get(row, "ID")]
    if possible and title in people.header:
        there = people.get(possible, title)
        if there and not _same(there, most):
            written.remarks.append(f"{title} has {there} points in Canvas, and {most} here")
        most = there or most
    yield [*(people.header[i] for i in about), title]
    yield [_POSSIBLE, *[""] * (len(about) - 1), most]
    found = people.found(grades, "ID", _CANVAS_KEYS, _CANVAS_NAMES, written)
    for i, grade in sorted(found.items()):
        yield [*(as_cell(people.rows[i][n]) for n in about), grade.final]


def _canvas_column(people, column, written):
    """The assignment's column as Canvas calls it, "NAME (ID)"."""
    after = people.header[people.header.index("Section") + 1 :]
    wanted = column.casefold()
    found = [c for c in after if wanted in (c.casefold(), re.sub(r" \(\d+\)$", "", c).casefold())]
    if len(found) > 1:
        raise UsageError(
            f"--column is {column}, and {people.path} has {' and '.join(found)}; give one of them"
        )
    if not found:
        written.remarks.append(
            f"{people.path} has no column {column}: Canvas will ask whether to make an assignment "
            "of that name (--column names another)"
        )
    return found[0] if found else column


def _same(there, here):
    try:
        return float(there) == float(here)
    except ValueError:
        return False


def _moodle(grades, people, column, written):
    if people is None:
        written.remarks.append(
            "without --roster the students stand in the column Username as they are called here"
        )
        yield ["Username", column, "Feedback"]
        for grade in grades:
            written.count += 1
            yield [as_cell(grade.student), grade.final, as_cell(_feedback(grade))]
    elif "Identifier" in people.header:
        yield from _worksheet(grades, people, written)
    else:
        people.must_have(("Email address",), "Moodle's grading worksheet, or a list of its grades,")
        about = [name for name in people.header if name in _MOODLE]
        yield [*about, column, "Feedback"]
        found = people.found(grades, "ID number", _MOODLE_KEYS, _MOODLE_NAMES, written)
        for i, grade in sorted(found.items()):
            who = [as_cell(people.get(people.rows[i], name)) for name in about]
            yield [*who, grade.final, as_cell(_feedback(grade))]


def _worksheet(grades, people, written):
    """Moodle's own worksheet with the grades filled in; the other rows stay as they are."""
    people.must_have(_WORKSHEET, "a grading worksheet of Moodle, in English,")
    at_grade, at_feedback = (people.header.index(name) for name in _WORKSHEET[1:])
    found = people.found(grades, "Identifier", _MOODLE_KEYS, _MOODLE_NAMES, written)
    yield people.header
    for i, row in enumerate(people.rows):
        row = [cell if cell == "-" else as_cell(cell) for cell in row]
        if i in found:
            row[at_grade] = found[i].final
            row[at_feedback] = as_cell(_feedback(found[i]))
        yield row


def _feedback(grade):
    """A comment for the student, which Moodle takes for HTML."""
    note = f" {html.escape(grade.note)}" if grade.note else ""
    return f"{grade.final} of {grade.most} points.{note}"
