"""`course export`: grades as Canvas and Moodle import them, and who is who there."""

import csv
import errno
import html
import re
import shlex
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from course_lib import exercises
from course_lib.authoring import CourseError, UsageError
from course_lib.classroom import exports, tables
from course_lib.cli import app, handing_out, schools, teaching

GRADES = """student,score,max_score,late_penalty,final,a,note
hopperada,16,19,1.6,14.4,2,day 1 after the due date
Noether Emmy,19,19,0,19,2,
ms3,7,19,0,7,0,
"""
CANVAS = """Student,ID,SIS User ID,SIS Login ID,Section,Week 1 (77),HW 1 (78),Current Score
    Points Possible,,,,,5,19,(read only)
"Hopper, Ada",101,S1,ahopper,A,5,,
"Noether, Emmy",102,S2,enoether,A,,,
"Šimůnek, Māris",103,S3,ms3,B,4,,
"Student, Test",104,,t,A,,,
"""
WORKSHEET = (
    "Identifier,Full name,Email address,Status,Grade,Maximum Grade,Grade can be changed,"
    "Last modified (submission),Last modified (grade),Feedback comments\n"
    'Participant 101,Ada Hopper,ada@example.org,Submitted,,19.00,Yes,"Monday, 30 November",-,\n'
    "Participant 102,Emmy Noether,emmy@example.org,Submitted,3.00,19.00,Yes,-,-,earlier\n"
    "Participant 103,Māris Šimůnek,ms3@example.org,No submission,,19.00,Yes,-,-,\n"
    "Participant 104,=Somebody Else,x@example.org,No submission,,19.00,Yes,-,-,\n"
)
ITEM = next(item for item in exercises.of_chapter("02") if item.points == 2)


def exported(folder, form, *, grades=GRADES, roster=None, **more):
    """(rows of the file that is written, or None where there is none; the `Written`)."""
    (folder / "grades.csv").write_text(grades, encoding="utf-8")
    if roster is not None:
        (folder / "roster.csv").write_text(roster, encoding="utf-8-sig")
        more["roster"] = folder / "roster.csv"
    to = folder / "HW 1.csv"
    written = exports.export(folder, form, to, **more)
    if not to.exists():
        return None, written
    with to.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file)), written


def table(*rows):
    return "student,max_score,final\n" + "".join(f"{row}\n" for row in rows)


def people(*rows):
    """A Canvas roster of (name, ID, login)."""
    lines = [f'"{name}",{number},,{login},A,\n' for name, number, login in rows]
    return f"Student,ID,SIS User ID,SIS Login ID,Section,HW 1 (78)\n{''.join(lines)}"


# csv -----------------------------------------------------------------------------------------


def test_plain_table(tmp_path):
    rows, written = exported(tmp_path, "csv")
    assert rows == [
        ["student", "final", "max_score"],
        ["hopperada", "14.4", "19"],
        ["Noether Emmy", "19", "19"],
        ["ms3", "7", "19"],
    ]
    assert (written.count, written.unmatched) == (3, [])


@pytest.mark.parametrize("form", exports.FORMATS)
@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)"])
def test_a_name_is_no_formula(tmp_path, form, name):
    rows, _ = exported(tmp_path, form, grades=table(f"'{name},19,3"))
    assert rows[-1][0] == f"'{name}"


@pytest.mark.parametrize("final", ["", "=1", "nan", "-1", "7 points"])
def test_grades_that_are_no_numbers_are_refused(tmp_path, final):
    with pytest.raises(UsageError, match="line 2: final is"):
        exported(tmp_path, "csv", grades=table(f"ann,19,{final}"))


# canvas --------------------------------------------------------------------------------------


def test_canvas_gets_its_own_columns_and_numbers(tmp_path):
    rows, written = exported(tmp_path, "canvas", roster=CANVAS)
    assert rows == [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "HW 1 (78)"],
        ["    Points Possible", "", "", "", "", "19"],
        ["Hopper, Ada", "101", "S1", "ahopper", "A", "14.4"],
        ["Noether, Emmy", "102", "S2", "enoether", "A", "19"],
        ["Šimůnek, Māris", "103", "S3", "ms3", "B", "7"],
    ]
    assert (written.count, written.unmatched, written.remarks) == (3, [], [])


def test_canvas_keeps_more_columns_and_other_separators(tmp_path):
    roster = (
        "LastName;FirstName;ID;SIS User ID;SIS Login ID;Integration ID;Section;HW 1 (78)\n"
        "   Points Possible;;;;;;;19,00\nHopper;Ada;101;;ahopper;;A;\n"
    )
    rows, written = exported(tmp_path, "canvas", grades=table("Ada Hopper,19,3"), roster=roster)
    assert rows[0][:3] == ["LastName", "FirstName", "ID"]
    assert rows[0][-2:] == ["Section", "HW 1 (78)"]
    assert rows[-1] == ["Hopper", "Ada", "101", "", "ahopper", "", "A", "3"]
    assert "19,00" in written.remarks[0]


def test_canvas_without_a_roster_has_the_names(tmp_path):
    rows, written = exported(tmp_path, "canvas", column="Essay")
    assert rows[0] == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Essay"]
    assert rows[1] == ["    Points Possible", "", "", "", "", "19"]
    assert rows[2] == ["hopperada", "", "", "", "", "14.4"]
    assert "without --roster" in written.remarks[0]


def test_a_new_assignment_and_other_points_are_said(tmp_path):
    rows, written = exported(tmp_path, "canvas", roster=CANVAS, column="week 1")
    assert rows[0][-1] == "Week 1 (77)"
    assert rows[1][-1] == "5"  # what Canvas has is not changed
    assert written.remarks == ["Week 1 (77) has 5 points in Canvas, and 19 here"]
    rows, written = exported(tmp_path, "canvas", roster=CANVAS, column="New")
    assert rows[0][-1] == "New"
    assert rows[1][-1] == "19"
    assert "no column New" in written.remarks[0]


def test_a_column_that_is_there_twice_has_to_be_named_in_full(tmp_path):
    roster = CANVAS.replace("Week 1 (77)", "HW 1 (77)")
    with pytest.raises(UsageError, match=r"HW 1 \(77\) and HW 1 \(78\)"):
        exported(tmp_path, "canvas", roster=roster)
    rows, _ = exported(tmp_path, "canvas", roster=roster, column="HW 1 (77)")
    assert rows[0][-1] == "HW 1 (77)"


# who is who ----------------------------------------------------------------------------------

ROSTER = people(
    ("O'Brien-Lee, María", 1, "mob"),
    ("James, Thomas", 2, "tj"),
    ("Thomas, James", 3, "jt"),
    ("Smith, Ann", 4, "asmith"),
    ("Smith, Ann", 5, "ann2"),
    ("Li, Na", 6, "na.li@example.org"),
)


@pytest.mark.parametrize(
    ("student", "number"),
    [
        ("obrienleemaría", "1"),  # as in the names of files from Canvas
        ("María O'Brien-Lee", "1"),
        ("maria obrien lee", "1"),
        ("MOB", "1"),
        ("na.li", "6"),
        ("NA.LI@example.org", "6"),
        ("smithann_5", "5"),
        ("ann2", "5"),
    ],
)
def test_a_student_is_found(tmp_path, student, number):
    rows, written = exported(tmp_path, "canvas", grades=table(f"{student},1,1"), roster=ROSTER)
    assert [row[1] for row in rows[2:]] == [number]
    assert written.unmatched == []


@pytest.mark.parametrize(
    ("student", "why"),
    [
        ("Ann Smith", "may be one of several people there: Smith, Ann (4) or Smith, Ann (5)"),
        ("smithann_9", "is not there"),
        ("Thomas James", "may be one of several"),
        ("jamesthomas", "may be one of several"),  # only Canvas is sure to put family names first
        ("smithann_1", "is not there"),  # the number of somebody else
        ("s4", "is not there"),
        ("nobody", "is not there"),
        ("'", "is not there"),
    ],
)
def test_whoever_is_not_one_person_is_left_out(tmp_path, student, why):
    rows, written = exported(
        tmp_path, "canvas", grades=table("mob,1,0.5", f"{student},1,1"), roster=ROSTER
    )
    assert [row[1] for row in rows[2:]] == ["1"]
    assert len(written.unmatched) == 1
    assert why in written.unmatched[0]


ACCENTED = people(
    ("Müller, Max", 1, ""),
    ("Weiß, Jürgen", 2, ""),
    ("Sørensen, Åse", 3, ""),
    ("Łukasz-Dąbrowski, Zoë", 4, ""),
    ("Van der Berg, Mary Jane", 5, ""),
    ("O’Neill, Seán Peter", 6, ""),
    ("Mueller, Ann", 7, ""),
    ("राम, वीणा", 8, ""),
)


@pytest.mark.parametrize(
    ("student", "number"),
    [
        ("muellermax", "1"),
        ("MULLERMAX", "1"),
        ("maxmüller", "1"),
        ("mu\u0308llermax", "1"),  # ü as two characters
        ("Max Mueller", "1"),
        ("weissjuergen", "2"),
        ("Juergen Weiss", "2"),
        ("jurgenweiß", "2"),
        ("soerensenaase", "3"),
        ("Ase Sorensen", "3"),
        ("lukaszdabrowskizoe", "4"),
        ("Zoe Lukasz Dabrowski", "4"),
        ("vanderbergmaryjane", "5"),
        ("maryjanevanderberg", "5"),
        ("Mary-Jane Vanderberg", "5"),
        ("Peter Sean ONeill", "6"),
        ("sean.peter.o'neill", "6"),
        ("Ann Müller", "7"),
        ("वीणा राम", "8"),
    ],
)
def test_a_name_is_found_in_fewer_letters_and_either_order(tmp_path, student, number):
    rows, written = exported(tmp_path, "canvas", grades=table(f"{student},1,1"), roster=ACCENTED)
    assert written.unmatched == []
    assert [row[1] for row in rows[2:]] == [number]


@pytest.mark.parametrize("student", ["mullerann", "Max Moller", "muellerma", "रमा वीणा", "O Neil"])
def test_other_letters_are_another_name(tmp_path, student):
    _, written = exported(tmp_path, "canvas", grades=table(f"{student},1,1"), roster=ACCENTED)
    assert written.unmatched == [f"{student}: is not there, and was left out"]


def test_whose_letters_fit_two_is_not_guessed(tmp_path):
    roster = people(("Müller, Max", 1, ""), ("Mueller, Max", 2, ""), ("Muller, Max", 3, ""))
    grades = table("muellermax,1,1", "mullermax,1,1")
    rows, written = exported(tmp_path, "canvas", grades=grades, roster=roster)
    assert rows is None
    several = "may be one of several people there: Müller, Max (1) or"
    assert written.unmatched == [
        f"muellermax: {several} Mueller, Max (2), and was left out",
        f"mullermax: {several} Muller, Max (3), and was left out",
    ]


def test_two_students_are_not_one_person(tmp_path):
    rows, written = exported(
        tmp_path, "canvas", grades=table("mob,1,0", "obrienleemaria,1,1", "tj,1,1"), roster=ROSTER
    )
    assert [row[1] for row in rows[2:]] == ["2"]
    assert written.unmatched == ["mob and obrienleemaria: are one person there, and were left out"]


# moodle --------------------------------------------------------------------------------------


def test_worksheet_of_moodle_is_filled_in(tmp_path):
    grades = GRADES.replace("hopperada", "Ada Hopper").replace("day 1", "<b>day 1</b>")
    grades = grades.replace("final,a,", f"final,{ITEM.name},")
    rows, written = exported(tmp_path, "moodle", grades=grades, roster=WORKSHEET)
    before = list(csv.reader(WORKSHEET.splitlines()))
    assert rows[0] == before[0]
    for new, old in zip(rows[1:4], before[1:4], strict=True):
        assert new[:4] + new[5:9] == old[:4] + old[5:9]
    assert [row[4] for row in rows[1:]] == ["14.4", "19", "7", ""]
    assert rows[1][9] == ("Everything is right. Note: &lt;b&gt;day 1&lt;/b&gt; after the due date")
    assert rows[2][9] == "Everything is right."
    assert rows[3][9] == f"Not right, or missing: {html.escape(ITEM.title)}."
    assert rows[4] == ["Participant 104", "'=Somebody Else", *before[4][2:]]
    assert (written.count, written.unmatched) == (3, [])


def test_grades_of_those_who_are_not_found_stay_as_they_are(tmp_path):
    grades = table("nobody,19,1", "ada,19,1")
    rows, written = exported(tmp_path, "moodle", grades=grades, roster=WORKSHEET)
    assert rows[2][4] == "3.00"
    assert rows[2][9] == "earlier"
    assert written.count == 1
    assert written.unmatched == ["nobody: is not there, and was left out"]


@pytest.mark.parametrize(
    ("form", "roster"), [("moodle", WORKSHEET), ("canvas", CANVAS), ("canvas", ROSTER)]
)
def test_without_anybody_no_file_is_written(tmp_path, form, roster):
    rows, written = exported(tmp_path, form, grades=table("nobody,19,1"), roster=roster)
    assert rows is None
    assert written.count == 0
    assert written.unmatched == ["nobody: is not there, and was left out"]


def test_comment_says_what_was_not_right(tmp_path):
    items = exercises.of_chapter("02")
    names = [item.name for item in items]
    some = next(i for i, item in enumerate(items) if item.points > 1)
    earned = [item.points for item in items]
    earned[some] = 0.5
    earned[-1] = 0
    rows = [("ann", earned, "b < a"), ("bea", [0] * len(items), ""), ("cem", earned, "x " * 999)]
    grades = f"student,max_score,final,{','.join(names)},note\n" + "".join(
        f"{who},22,3,{','.join(map(str, points))},{note}\n" for who, points, note in rows
    )
    found, _ = exported(tmp_path, "moodle", grades=grades)
    comments = {row[0]: html.unescape(row[-1]) for row in found[1:]}
    wrong = f"{items[some].title} (0.5 of {items[some].points} points); {items[-1].title}"
    assert comments["ann"] == f"Not right, or missing: {wrong}. Note: b < a"
    titles = "; ".join(item.title for item in items[:6])
    assert comments["bea"] == f"Not right, or missing: {titles}; and {len(items) - 6} more."
    assert comments["cem"].endswith("x x …")
    assert len(comments["cem"]) < 600


def test_people_of_one_name_stay_out_where_no_number_tells_them_apart(tmp_path):
    roster = (
        "First name,Last name,ID number,Email address\nKim,Lee,2005,kim1@x.org\n"
        "Kim,Lee,,kim2@x.org\nJo,Poe,,jo@x.org\n"
    )
    grades = table("Kim Lee_2004,19,3", "Kim Lee_2005,19,4", "Jo Poe_7,19,5", "jo,19,6")
    rows, written = exported(tmp_path, "moodle", grades=grades, roster=roster)
    assert [row[-2] for row in rows[1:]] == ["6"]
    several = "may be one of several people there: Kim Lee (kim1@x.org) or Kim Lee (kim2@x.org)"
    assert written.unmatched == [
        f"Kim Lee_2004: {several}, and was left out",
        f"Kim Lee_2005: {several}, and was left out",
        "Jo Poe_7: may be Jo Poe (jo@x.org), but nobody has the number 7 there, and was left out",
    ]


def test_worksheet_tells_people_of_one_name_apart(tmp_path):
    roster = WORKSHEET.replace("Emmy Noether", "Ada Hopper")
    grades = table("Ada Hopper_101,19,3", "Ada Hopper_102,19,4", "Ada Hopper_103,19,5")
    rows, written = exported(tmp_path, "moodle", grades=grades, roster=roster)
    assert [row[4] for row in rows[1:]] == ["3", "4", "", ""]
    assert written.unmatched == ["Ada Hopper_103: is not there, and was left out"]


def test_worksheet_without_names(tmp_path):
    roster = "Identifier,Status,Grade,Feedback comments\nParticipant 101,,,\nParticipant 102,,,\n"
    rows, written = exported(
        tmp_path, "moodle", grades=table("Participant_102,19,3"), roster=roster
    )
    assert [row[2] for row in rows[1:]] == ["", "3"]
    assert (written.unmatched, written.remarks) == ([], [])


def test_list_of_grades_of_moodle_gives_addresses(tmp_path):
    roster = (
        "First name,Last name,ID number,Email address,Assignment: HW 1 (Real)\n"
        "Ada,Hopper,7,ada@example.org,-\nEmmy,Noether,8,emmy@example.org,-\n"
    )
    rows, _ = exported(tmp_path, "moodle", grades=table("Noether Emmy,19,3"), roster=roster)
    assert rows == [
        ["First name", "Last name", "ID number", "Email address", "HW 1", "Feedback"],
        ["Emmy", "Noether", "8", "emmy@example.org", "3", "3 of 19 points."],
    ]


@pytest.mark.parametrize(
    "header",
    [
        "First name,Surname,Email address",
        "given name,FAMILY NAME,email",
        "Vorname,Nachname,E-Mail-Adresse",
        "Vorname,Name,E-Mail",
        "Prénom,Nom,Adresse de courriel",
        "Nombre,Apellido(s),Email address",
    ],
)
def test_columns_of_a_roster_have_other_names_too(tmp_path, header):
    rows, written = exported(
        tmp_path,
        "moodle",
        grades=table("Noether Emmy,19,3", "adahopper,19,4"),
        roster=f"{header}\nAda,Hopper,a@example.org\nEmmy,Noether,e@example.org\n",
    )
    assert written.unmatched == []
    assert rows[0][:3] == header.split(",")
    assert [row[:4] for row in rows[1:]] == [
        ["Ada", "Hopper", "a@example.org", "4"],
        ["Emmy", "Noether", "e@example.org", "3"],
    ]


@pytest.mark.parametrize("header", ["Name", "full NAME", "Vollständiger Name"])
def test_a_name_may_be_in_one_column(tmp_path, header):
    roster = f"{header},Email address\nAda Hopper,a@example.org\n"
    rows, _ = exported(tmp_path, "moodle", grades=table("hopperada,19,3"), roster=roster)
    assert rows[1][:3] == ["Ada Hopper", "a@example.org", "3"]


def test_a_roster_without_names_serves_logins_alone(tmp_path):
    roster = "Nick,Last name,Email address\nA,Hopper,ada@example.org\n"
    words = "it has Nick, Last name, Email address; Full name, or First name and Last name, was"
    with pytest.raises(UsageError, match=words):
        exported(tmp_path, "moodle", grades=table("Ada Hopper,19,3"), roster=roster)
    assert not (tmp_path / "HW 1.csv").exists()
    grades = table("ada,19,3", "Emmy Noether,19,4")
    rows, written = exported(tmp_path, "moodle", grades=grades, roster=roster)
    assert [row[-2] for row in rows[1:]] == ["3"]
    assert words in written.remarks[0]
    rows, written = exported(tmp_path, "moodle", grades=table("ada,19,3"), roster=roster)
    assert written.remarks == []


def test_moodle_without_a_roster(tmp_path):
    rows, written = exported(tmp_path, "moodle", grades=table("ann,19,3"))
    assert rows == [["Username", "HW 1", "Feedback"], ["ann", "3", "3 of 19 points."]]
    assert "without --roster" in written.remarks[0]


# rosters that are none -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "roster", "words"),
    [
        ("canvas", "", "is empty"),
        ("canvas", "a,b\n1,2\n", "no column 'ID': a gradebook as Canvas exports it"),
        ("moodle", "Identifier,Full name\nParticipant 1,A\n", "no column 'Grade'"),
        ("moodle", "Nombre,Correo\nA,a\n", "no column 'Email address'"),
        ("canvas", "Nobody,ID,Section\nA,1,\n", "no column of names: it has Nobody, ID, Section"),
        ("moodle", "Identifier,Who,Grade,Feedback comments\nP 1,A,,\n", "no column of names"),
        ("moodle", "a,b\n1," + "x" * 200_000, "line 2 could not be read: field larger than"),
        ("canvas", "Student,ID,Section\nA\n", None),  # a short row
    ],
)
def test_other_files_are_refused_in_words(tmp_path, form, roster, words):
    if words is None:
        _, written = exported(tmp_path, form, roster=roster)
        assert written.count == 0
    else:
        with pytest.raises(UsageError, match=words):
            exported(tmp_path, form, roster=roster)


# files that are none -------------------------------------------------------------------------


def readers(path):
    """What reads a CSV file, each as a function of nothing."""
    return (
        lambda: tables.read_rows(path),
        lambda: tables.read_table(path, ("student",)),
        lambda: exports.export(path.parent, "moodle", path.parent / "a.csv", roster=path),
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "there is no file {path}"),
        (b"PK\x03\x04\xff\xfe", "{path} is no text file in UTF-8; a table saved as CSV"),
        (b"student,final\0", "{path} is no text file in UTF-8; a table saved as CSV"),
        ("student\nMüller\n".encode("latin-1"), "{path} is no text file in UTF-8; a table"),
        ("student\nM\n".encode("utf-16"), "{path} is no text file in UTF-8; a table"),
        ("folder", "{path} is a folder; a file was wanted"),
    ],
)
def test_what_is_no_table_is_said_once_and_in_words(tmp_path, content, words):
    path = tmp_path / "x.csv"
    (tmp_path / "grades.csv").write_text(table("ann,19,3"), encoding="utf-8")
    if content == "folder":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    for read in readers(path):
        with pytest.raises(UsageError) as error:
            read()
        assert str(error.value).startswith(words.format(path=path))
        assert str(error.value).count(str(path)) == 1
        assert "Errno" not in str(error.value)


def test_a_file_where_a_folder_was_meant_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    for folder in ("file", "no"):
        path = tmp_path / folder / "grades.csv"
        with pytest.raises(UsageError, match=f"^there is no file {re.escape(str(path))}$"):
            exports.export(tmp_path / folder, "csv", tmp_path / "a.csv")


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_tables_of_spreadsheets_are_read(tmp_path, mark):
    path = tmp_path / "x.csv"
    lines = [["\ufeffstudent ", " points"], ["ann", ' "1, 2; 3"'], ["", ""], [], ["bea"]]
    path.write_text("\n".join(mark.join(cells) for cells in lines), encoding="utf-8")
    assert tables.read_table(path, ("student", "points")) == [
        (2, {"student": "ann", "points": "1, 2; 3"}),
        (5, {"student": "bea", "points": ""}),
    ]
    assert tables.read_table(tmp_path / "no.csv", ("a",), must=False) == []


def test_a_disk_that_takes_nothing_is_named_by_the_target(tmp_path, monkeypatch):
    def refuse(path, content):
        raise OSError(errno.EROFS, "Read-only file system", f"{path}.tmp")

    (tmp_path / "grades.csv").write_text(table("ann,19,3"), encoding="utf-8")
    to = tmp_path / "a.csv"
    monkeypatch.setattr(exports, "write_atomically", refuse)
    with pytest.raises(CourseError) as error:
        exports.export(tmp_path, "csv", to)
    assert str(error.value) == f"{to} could not be written: Read-only file system"


# the command ---------------------------------------------------------------------------------


def command(*arguments):
    local = typer.Typer()
    local.command()(schools.export)
    return CliRunner().invoke(local, [str(a) for a in arguments], standalone_mode=False)


def test_command_says_who_was_left_out_and_writes_the_rest(tmp_path):
    (tmp_path / "grades.csv").write_text(table("mob,1,0.5", "\x1b[31mno,1,1"), encoding="utf-8")
    (tmp_path / "roster.csv").write_text(ROSTER, encoding="utf-8")
    to = tmp_path / "out.csv"
    arguments = (tmp_path, "--format", "canvas", "--to", to, "--roster", tmp_path / "roster.csv")
    result = command(*arguments, "--column", "HW 1")
    assert result.return_value == 1
    assert r"\x1b[31mno: is not there, and was left out" in result.output
    assert "grades of 1 student" in result.output
    assert "0.5" in to.read_text(encoding="utf-8")
    again = command(*arguments)
    assert "--force replaces it" in str(again.exception)
    assert command(tmp_path, "--format", "csv", "--to", tmp_path / "a.csv").return_value == 0


def test_command_fails_where_nothing_was_written(tmp_path):
    (tmp_path / "grades.csv").write_text(table("no,1,1"), encoding="utf-8")
    (tmp_path / "roster.csv").write_text(ROSTER, encoding="utf-8")
    to = tmp_path / "out.csv"
    result = command(
        tmp_path, "--format", "canvas", "--to", to, "--roster", tmp_path / "roster.csv"
    )
    assert "no: is not there, and was left out" in result.output
    assert isinstance(result.exception, CourseError)
    assert "was not written: it would hold the grades of 0 students" in str(result.exception)
    assert not to.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--format", "excel", "--to", "a.csv"), "expected canvas, moodle, csv"),
        (("--format", "csv", "--to", "no/where.csv"), "no folder no"),
        (("--format", "csv", "--to", "a.csv"), "grades.csv"),
    ],
)
def test_command_refuses_in_words(tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    result = command(".", *arguments)
    assert isinstance(result.exception, UsageError)
    assert words in str(result.exception)


# the pages -----------------------------------------------------------------------------------

PAGES = Path(__file__).parent.parent / "docs" / "instructors"


def commands_of(page):
    """The command lines in the fenced blocks of a page."""
    text = (PAGES / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^ *```bash\n(.*?)^ *```", text, re.M | re.S)
    return [shlex.split(line) for block in blocks for line in block.splitlines()]


@pytest.mark.parametrize("page", ["canvas.md", "moodle.md", "gradescope.md", "nbgrader.md"])
def test_every_command_of_a_page_is_understood(page):
    local = typer.Typer()
    known = (handing_out.release, handing_out.submit, teaching.grade, app.solve)
    for function in (*known, schools.gradescope, schools.export):
        local.command()(function)
    group = typer.main.get_command(local)
    lines = commands_of(page)
    assert lines
    for program, name, *arguments in lines:
        if program == "course":
            group.commands[name].make_context(name, arguments)
        else:
            assert (program, name) in {
                ("pip", "install"),
                ("nbgrader", "generate_assignment"),
                ("nbgrader", "autograde"),
                ("nbgrader", "generate_feedback"),
                ("nbgrader", "export"),
            }


def test_pages_link_to_what_is_there():
    for page in PAGES.glob("*.md"):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (PAGES / target).exists(), target
