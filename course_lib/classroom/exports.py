"""Grades as other systems import them, made from grades.csv; nothing is graded again."""

import csv
import html
import io
import re
import textwrap
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

from course_lib import exercises
from course_lib.authoring import CourseError, UsageError, write_atomically
from course_lib.classroom.pages import points
from course_lib.classroom.tables import as_cell, read_rows, read_table
from course_lib.classroom.writing import GRADES

FORMATS = ("canvas", "moodle", "csv")
_CANVAS = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")
_MOODLE = ("Username", "Full name", "First name", "Last name", "Name", "ID number", "Email address")
_WORKSHEET = ("Identifier", "Grade", "Feedback comments")
_POSSIBLE = "    Points Possible"
_MOST_TITLES = 6  # of exercises in a comment
_LONGEST_NOTE = 400  # characters of it

# Of a roster: what one person alone has, where a name stands, and other words for these columns.
_KEYS = (
    *("SIS User ID", "SIS Login ID", "Integration ID"),
    *("Identifier", "Username", "ID number", "Email address"),
)
_NAMES = (
    ("Full name",),
    ("Last name", "First name"),
    ("Name", "First name"),  # as in "Name, Vorname" and "Nom, Prénom"
    ("Last name", "Name"),  # as in "Apellido(s), Nombre"
    ("Name",),
    ("Identifier",),  # Moodle, where nobody's name is shown
)
_WORDS_FOR = {
    "Full name": (
        *("Student", "Student name", "Vollständiger Name", "Nom complet", "Nombre completo"),
        *("Nome completo", "Volledige naam"),
    ),
    "First name": (
        *("Given name", "Forename", "Vorname", "Prénom", "Voornaam", "Förnamn", "Fornavn", "Imię"),
    ),
    "Last name": (
        *("Surname", "Family name", "Nachname", "Familienname", "Nom de famille", "Apellido(s)"),
        *("Cognome", "Achternaam", "Efternamn", "Efternavn", "Etternavn", "Nazwisko"),
    ),
    "Name": ("Nom", "Nombre", "Nome"),
    "Email address": (
        *("Email", "Mail", "E-Mail-Adresse", "Adresse de courriel", "Dirección de correo"),
        *("Correo electrónico", "Indirizzo email", "E-mailadres"),
    ),
}

# How names are written with fewer letters.
_AS_TWO = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa"})
_AS_PLAIN = str.maketrans(  # what Unicode does not take for a letter with a mark
    {"æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"}
)
_APOSTROPHES = re.compile("['’‘`´ʼʻ]")
_MARKS = re.compile("[\u0300-\u036f]")


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
    lacking: tuple | None  # exercises without all of their points; None where none is named


def export(folder, form, to, *, roster=None, column=""):
    """Writes the grades in a folder's grades.csv to a file in one of FORMATS; returns a `Written`.

    roster: what Canvas exported as its gradebook, or Moodle as its grading worksheet or its list of
    grades. It says who a student is there; who is found in it twice or not at all is left out and
    named in `unmatched`. column: of the grades; by default the name of the file.

    Where that leaves nobody, no file is written. Raises UsageError for what cannot be read, and
    CourseError for a file that cannot be written.
    """
    grades, written = _grades(Path(folder) / GRADES), Written()
    people = _People(Path(roster)) if roster else None
    column = column or Path(to).stem
    make = {"csv": _plain, "canvas": _canvas, "moodle": _moodle}[form]
    rows = list(make(grades, people, column, written))
    if not written.count:
        return written
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    try:
        write_atomically(Path(to), text.getvalue().encode("utf-8", "backslashreplace"))
    except OSError as error:  # it names the temporary file
        raise CourseError(f"{to} could not be written: {error.strerror or error}") from None
    return written


def _grades(path):
    found, known = [], exercises.load()
    for line, row in read_table(path, ("student", "max_score", "final")):
        for name in ("max_score", "final"):
            if not _is_number(row[name]):
                raise UsageError(f"{path}, line {line}: {name} is {row[name]!r}, no number")
        items = [known[name] for name in row if name in known and _is_number(row[name])]
        lacking = [_lacking(item, float(row[item.name])) for item in items]
        found.append(
            _Grade(
                student=_as_text(row["student"]),
                final=row["final"],
                most=row["max_score"],
                note=_as_text(row.get("note", "")),
                lacking=tuple(filter(None, lacking)) if items else None,
            )
        )
    return found


def _is_number(text):
    return re.fullmatch(r"\d+(\.\d+)?(e[+-]?\d+)?", text)


def _lacking(item, earned):
    """The title of an exercise for which there are points to be had yet, else ""."""
    if earned >= item.points:
        return ""
    return f"{item.title} ({points(earned)} of {item.points} points)" if earned else item.title


def _as_text(cell):
    """What a cell says, without the apostrophe that keeps it from being a formula."""
    return cell[1:] if cell[:1] == "'" and as_cell(cell[1:]) == cell else cell


# who is who ----------------------------------------------------------------------------------


class _People:
    """A roster: header and rows, and who a student is in it. Raises UsageError."""

    def __init__(self, path):
        rows = [cells for _, cells in read_rows(path)]
        if not rows:
            raise UsageError(f"{path} is empty")
        self.path = path
        self.header = [cell.strip() for cell in rows[0]]
        width = len(self.header)
        self.rows = [(row + [""] * width)[:width] for row in rows[1:]]
        self._places = {name: i for i, name in reversed([*enumerate(self.header)])}
        for i, name in enumerate(self.header):
            self._places.setdefault(_COLUMNS.get(_run_together(name), name), i)
        self._names = next((n for n in _NAMES if set(n) <= set(self._places)), ())

    def at(self, column):
        """The place of a column that is there, whatever it is called, or None."""
        return self._places.get(column)

    def get(self, row, column):
        return row[self.at(column)].strip() if column in self._places else ""

    def must_have(self, columns, what):
        for column in columns:
            if column not in self._places:
                raise UsageError(f"{self.path} has no column {column!r}: {what} was wanted")

    def found(self, grades, number, written):
        """{index of a row: grade} for those who are one person in the roster, and one only.

        number: the column with the number that stands after the names of people who share one; ""
        where the roster has none. Raises UsageError where nobody is found for want of names.
        """
        numbers, known = self._numbers(number), self._known()
        chosen = {}
        for grade in grades:
            rows, wanting = _candidates(grade.student, numbers, known)
            if len(rows) == 1 and not wanting:
                chosen.setdefault(rows.pop(), []).append(grade)
                continue
            who = " or ".join(self._who(i) for i in sorted(rows))
            why = "is not there"
            if len(rows) > 1:
                why = f"may be one of several people there: {who}"
            elif rows:
                why = f"may be {who}, but nobody has the number {wanting} there"
            written.unmatched.append(f"{grade.student}: {why}, and was left out")
        for i, several in list(chosen.items()):
            if len(several) > 1:
                del chosen[i]
                names_of = " and ".join(grade.student for grade in several)
                written.unmatched.append(f"{names_of}: are one person there, and were left out")
        if self._names in ((), ("Identifier",)) and not chosen:
            raise UsageError(self._without_names())
        if not self._names and written.unmatched:
            written.remarks.append(self._without_names())
        written.count = len(chosen)
        return {i: several[0] for i, several in chosen.items()}

    def _numbers(self, column):
        """{number: rows} of the numbers at the end of a column's cells."""
        numbers = {}
        for i, row in enumerate(self.rows):
            if digits := re.search(r"\d+$", self.get(row, column)):
                numbers.setdefault(digits.group(), set()).add(i)
        return numbers

    def _known(self):
        """{key or form of a name: rows}."""
        known = {}
        for i, row in enumerate(self.rows):
            exact = {self.get(row, key).casefold() for key in _KEYS}
            exact |= {key.partition("@")[0] for key in exact}
            name = " ".join(self.get(row, column) for column in self._names)
            for key in (exact - {""}) | _forms(name):
                known.setdefault(key, set()).add(i)
        return known

    def _who(self, i):
        """Somebody as they can be told from others of the same name."""
        row = self.rows[i]
        name = " ".join(filter(None, (self.get(row, c) for c in reversed(self._names))))
        about = next(filter(None, (self.get(row, c) for c in ("ID", *reversed(_KEYS)))), "")
        return f"{name} ({about})" if name and about not in ("", name) else name or about

    def _without_names(self):
        found = ", ".join(filter(None, self.header[:12]))
        return (
            f"{self.path} has no column of names: it has {found}; Full name, or First name and "
            "Last name, was wanted"
        )


def _candidates(student, numbers, known):
    """(the rows that may be a student, the number that is wanting or "").

    Of people of one name, `NAME_NUMBER` is the one meant. Where no number is known it may be any.
    """

    def called(name):
        keys = {name.strip().casefold()} | _forms(name)
        return set().union(*(known.get(key, ()) for key in keys))

    if not (numbered := re.fullmatch(r"(.+)_(\d+)", student)):
        return called(student), ""
    name, number = numbered.groups()
    namesakes = called(name)
    rows = namesakes & numbers.get(number, set()) or called(student)
    return (rows, "") if rows or numbers else (namesakes, number)


def _forms(name):
    """The forms in which a name occurs: in any order of its words, and run together.

    Run together, the words are in the order that is given or one that begins further on, so family
    names may go first or last. Each form is there with the letters that others write for those
    with marks: ü is u, and ue.
    """
    forms = set()
    for words in (_words(name), _words(name, _AS_TWO)):
        if words:
            forms.add(" ".join(sorted(words)))
            forms |= {"".join(words[i:] + words[:i]) for i in range(len(words))}
    return forms


def _words(text, letters=None):
    """The words of a text without case, marks and apostrophes; letters: to be replaced before."""
    text = unicodedata.normalize("NFKC", _APOSTROPHES.sub("", text)).casefold()
    text = unicodedata.normalize("NFC", text).translate(letters or {}).translate(_AS_PLAIN)
    text = _MARKS.sub("", unicodedata.normalize("NFKD", text))
    return "".join(c if _is_in_word(c) else " " for c in text).split()


def _is_in_word(character):
    return character.isalnum() or unicodedata.category(character)[0] == "M"  # vowels, in Hindi


def _run_together(text):
    return "".join(_words(text))


_COLUMNS = {_run_together(name): name for name in (*_CANVAS, *_MOODLE, *_WORKSHEET, *_KEYS)}
_COLUMNS |= {_run_together(word): name for name, words in _WORDS_FOR.items() for word in words}


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
    about = range(people.at("Section") + 1)
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
    found = people.found(grades, "ID", written)
    for i, grade in sorted(found.items()):
        yield [*(as_cell(people.rows[i][n]) for n in about), grade.final]


def _canvas_column(people, column, written):
    """The assignment's column as Canvas calls it, "NAME (ID)"."""
    after = people.header[people.at("Section") + 1 :]
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
    elif people.at("Identifier") is not None:
        yield from _worksheet(grades, people, written)
    else:
        people.must_have(("Email address",), "Moodle's grading worksheet, or a list of its grades,")
        about = sorted({people.at(name) for name in _MOODLE} - {None})
        yield [*(people.header[n] for n in about), column, "Feedback"]
        found = people.found(grades, "", written)  # the numbers in names are not its ID numbers
        for i, grade in sorted(found.items()):
            who = [as_cell(people.rows[i][n].strip()) for n in about]
            yield [*who, grade.final, as_cell(_feedback(grade))]


def _worksheet(grades, people, written):
    """Moodle's own worksheet with the grades filled in; the other rows stay as they are."""
    people.must_have(_WORKSHEET, "a grading worksheet of Moodle, in English,")
    at_grade, at_feedback = (people.at(name) for name in _WORKSHEET[1:])
    found = people.found(grades, "Identifier", written)
    yield people.header
    for i, row in enumerate(people.rows):
        row = [cell if cell == "-" else as_cell(cell) for cell in row]
        if i in found:
            row[at_grade] = found[i].final
            row[at_feedback] = as_cell(_feedback(found[i]))
        yield row


def _feedback(grade):
    """A comment for the student, which Moodle takes for HTML: what lacks, and the note, cut."""
    if grade.lacking is None:
        said = f"{grade.final} of {grade.most} points."
    elif grade.lacking:
        titles = list(grade.lacking[:_MOST_TITLES])
        if more := len(grade.lacking) - len(titles):
            titles.append(f"and {more} more")
        said = f"Not right, or missing: {'; '.join(titles)}."
    else:
        said = "Everything is right."
    note = textwrap.shorten(grade.note, _LONGEST_NOTE, placeholder=" …")
    return html.escape(f"{said} Note: {note}" if note else said)
