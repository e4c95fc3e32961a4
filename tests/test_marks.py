"""Assignments, the gradebook, and how judgements become marks."""

import datetime
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from course_lib.authoring import Course, CourseError, UsageError
from course_lib.classroom import assignment as assignments
from course_lib.classroom import marks
from course_lib.classroom.gradebook import Gradebook, key_of
from course_lib.classroom.marks import take_overrides
from course_lib.classroom.results import Judgement
from course_lib.classroom.submissions import Found
from course_lib.classroom.tables import as_cell, read_table
from course_lib.classroom.writing import file_name

DUE = "2026-12-01T12:00+00:00"
NOON = datetime.datetime(2026, 12, 1, 12, tzinfo=datetime.UTC)
DAY = datetime.timedelta(days=1)


def assignment(**more):
    return assignments.Assignment("hw1", ("00",), due=DUE, secret="s", **more)


@pytest.fixture
def gradebook(tmp_path):
    with Gradebook(tmp_path / "gradebook.sqlite") as made:
        yield made


class Class:
    """Papers of a class, put into a gradebook without judging anything."""

    def __init__(self, gradebook, assignment):
        self.gradebook, self.assignment = gradebook, assignment
        self.found, self.keys = [], {}

    def hand_in(
        self, student, passed, when=NOON, name="00.ipynb", problem="", remarks=(), status="failed"
    ):
        path = Path(f"{student}-{len(self.found)}") / name
        found = Found(student, path, when=when)
        key = key_of(student, str(path), self.assignment)
        self.found.append(found)
        self.keys[path, ()] = key
        self.gradebook.begin(key, student, str(path), self.assignment)
        self.gradebook.describe(key, "" if problem else "00", problem, remarks)
        items = [i for i in self.assignment.items() if i.chapter == "00"]
        for item in () if problem else items:
            right = item.name in passed
            self.gradebook.add(
                key,
                Judgement(
                    item.name,
                    item.title,
                    "00",
                    item.kind,
                    "passed" if right else status,
                    item.points * right,
                    item.points,
                ),
            )
        self.gradebook.finish(key)

    def results(self, which="latest"):
        found = sorted(self.found, key=lambda f: (f.student, f.when))
        return {
            r.student: r
            for r in marks.results(self.gradebook, self.assignment, found, self.keys, which)
        }


# assignments -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("late", "fraction", "days"),
    [
        (datetime.timedelta(0), 0.0, 0),
        (datetime.timedelta(minutes=14), 0.0, 0),
        (datetime.timedelta(minutes=16), 0.1, 1),
        (DAY, 0.1, 1),
        (DAY + datetime.timedelta(minutes=16), 0.2, 2),
        (30 * DAY, 0.35, 30),
        (-DAY, 0.0, 0),
    ],
)
def test_each_day_begun_costs_and_there_is_a_most(late, fraction, days):
    rule = assignment(grace=15, late_percent=10, late_most=35)
    assert rule.late_fraction(NOON + late) == (pytest.approx(fraction), days)


def test_without_a_due_date_or_a_time_nothing_is_late():
    assert replace(assignment(), due="").late_fraction(NOON + DAY) == (0.0, 0)
    assert assignment().late_fraction(None) == (0.0, 0)


def test_an_assignment_is_kept_and_found(tmp_path):
    course = Course(tmp_path)
    made = assignments.new("hw1", ["00", "02"], due="2026-12-01T12:00+01:00", variant=3)
    path = made.save(course)
    assert assignments.find("hw1", course) == made == assignments.find(str(path))
    assert len(made.secret) == 32
    assert made.secret != assignments.new("hw1", ["00"]).secret


def test_seeds_differ_by_student_assignment_and_secret():
    one = assignment()
    others = [one, replace(one, name="hw2"), replace(one, secret="t")]
    assert len({a.seed_for(s) for a in others for s in ("a", "b", "ä")}) == 9
    assert one.seed_for("a") == assignment().seed_for("a")


@pytest.mark.parametrize(
    "more",
    [{"due": "tomorrow"}, {"late_percent": 120}, {"late_most": -1}, {"grace": -5}],
)
def test_bad_rules_are_refused(more):
    with pytest.raises(UsageError):
        assignments.new("hw1", ["00"], **more)


@pytest.mark.parametrize("name", ["", "a b", "../x", "a/b", "x" * 61, "é"])
def test_bad_names_are_refused(name):
    with pytest.raises(UsageError, match="cannot be called"):
        assignments.new(name, ["00"])


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 9}', '{"format": 1, "name": "x"}'])
def test_a_damaged_assignment_is_told(tmp_path, text):
    path = tmp_path / "hw1.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"hw1\.json"):
        assignments.find(str(path))


def test_an_unknown_assignment_lists_the_known_ones(tmp_path):
    assignments.new("hw7", ["00"]).save(Course(tmp_path))
    with pytest.raises(UsageError, match="hw7"):
        assignments.find("hw1", Course(tmp_path))


# the gradebook ---------------------------------------------------------------------------------


def test_a_gradebook_is_kept_and_nothing_is_kept_twice(tmp_path):
    judgement = Judgement("double", "t", "00", "code", "passed", 1, 1, "m", "", "", "r", "a")
    path = tmp_path / "g.sqlite"
    for points in (1, 0):
        with Gradebook(path) as gradebook:
            gradebook.begin("k", "s", "d", assignment())
            gradebook.add("k", replace(judgement, points=points))
    with Gradebook(path) as gradebook:
        assert gradebook.judgements("k") == {"double": judgement}
        assert not gradebook.submission("k").done
        gradebook.finish("k")
        assert gradebook.submission("k").done
        assert gradebook.submission("other") is None


def test_names_that_are_no_text_are_kept(gradebook):
    judgement = Judgement("double", "t", "00", "code", "failed", 0, 1, "broken \ud800")
    gradebook.begin("k", "s\udcff", "d", assignment())
    gradebook.add("k", judgement)
    gradebook.describe("k", "00", "odd \ud800", ["\udcff"])
    assert gradebook.judgements("k")["double"].message == r"broken \ud800"


def test_a_shard_is_taken_in(tmp_path, gradebook):
    judgement = Judgement("double", "t", "00", "code", "passed", 1, 1)
    gradebook.begin("k", "s", "d", assignment())
    with Gradebook(tmp_path / "gradebook-1-of-2.sqlite") as shard:
        shard.begin("k", "s", "d", assignment())
        shard.add("k", judgement)
        shard.finish("k")
    gradebook.take_in(tmp_path / "gradebook-1-of-2.sqlite")
    assert gradebook.judgements("k") == {"double": judgement}
    assert gradebook.submission("k").done


def test_what_is_no_gradebook_is_refused(tmp_path):
    path = tmp_path / "g.sqlite"
    path.write_bytes(b"not a database, and longer than a header of one" * 50)
    with pytest.raises(sqlite3.DatabaseError):
        Gradebook(path)


# marks -----------------------------------------------------------------------------------------


def test_the_latest_counts_or_the_best(gradebook):
    papers = Class(gradebook, assignment())
    papers.hand_in("a", {"double", "matrix_product"})
    papers.hand_in("a", {"double"}, NOON + datetime.timedelta(hours=-1))
    papers.hand_in("a", {"double"}, NOON + DAY, name="last.ipynb")
    latest, best = (papers.results(which=w)["a"] for w in ("latest", "best"))
    assert (latest.score, latest.late_penalty, latest.final) == (1, 0.1, 0.9)
    assert "last.ipynb counts" in " ".join(latest.notes)
    assert (best.score, best.late_penalty, best.final) == (2, 0, 2)


def test_an_untouched_copy_never_stands_in_the_place_of_work(gradebook):
    papers = Class(gradebook, assignment())
    papers.hand_in("a", {"double"}, NOON - DAY, name="work.ipynb")
    papers.hand_in("a", (), NOON, name="copy.ipynb", status="not attempted")
    for which in ("latest", "best"):
        result = papers.results(which)["a"]
        assert result.score == 1
        assert "work.ipynb counts" in " ".join(result.notes)
    papers.hand_in("a", (), NOON, name="wrong.ipynb")
    assert papers.results()["a"].score == 0


def test_a_student_with_nothing_readable_has_a_row(gradebook):
    papers = Class(gradebook, assignment())
    papers.hand_in("a", (), problem="an empty file", name="x.ipynb")
    result = papers.results()["a"]
    assert (result.score, result.max_score) == (0, 6)
    assert {j.status for j in result.judgements} == {"missing"}
    assert result.notes == ("x.ipynb: an empty file",)


def test_decisions_change_points_penalty_and_final(gradebook, tmp_path):
    papers = Class(gradebook, assignment())
    for student in "abc":
        papers.hand_in(student, {"double"}, NOON + DAY)
    table = tmp_path / "o.csv"
    table.write_text(
        "student,exercise,points,reason\na,matrix_product,1,typed twice\nb,late_penalty,0,ill\n"
        "c,final,5,agreed\n"
    )
    take_overrides(gradebook, papers.assignment, table)
    a, b, c = papers.results().values()
    assert (a.score, a.late_penalty, a.final) == (2, 0.2, 1.8)
    assert a.decisions == ("matrix_product: points set by the instructor (typed twice)",)
    assert (b.score, b.late_penalty, b.final) == (1, 0, 1)
    assert b.decisions == ("late penalty set by the instructor (ill)",)
    assert not b.late
    assert (c.score, c.final) == (1, 5)
    assert c.decisions == ("final score set by the instructor (agreed)",)
    assert not any(result.notes for result in (a, b, c))
    table.write_text("student,exercise,points\na,matrix_product,\n")
    take_overrides(gradebook, papers.assignment, table)
    assert papers.results()["a"].score == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("student,points\na,1\n", "no column 'exercise'"),
        ("student,exercise,points\na,doubel,1\n", "line 2: the exercise is 'doubel'"),
        ("student,exercise,points\na,double,1\nb,double,many\n", "line 3: the points are 'many'"),
        ("student,exercise,points\na,double,-1\n", "line 2: the points are '-1'"),
        ("student,exercise,points\na,double,nan\n", "line 2: the points are 'nan'"),
        (
            "student,exercise,points\na,double,2\n",
            "line 2: double has 1 points at the most; 2 is more",
        ),
        (
            "student,exercise,points\na,final,6.5\n",
            "line 2: final has 6 points at the most; 6.5 is",
        ),
        ("student,exercise,points\na,late_penalty,7\n", "line 2: late_penalty has 6 points at the"),
    ],
)
def test_bad_decisions_name_their_line_and_nothing_is_taken(gradebook, tmp_path, text, words):
    table = tmp_path / "o.csv"
    table.write_text(text)
    with pytest.raises(UsageError, match=words):
        take_overrides(gradebook, assignment(), table)
    assert gradebook.overrides() == {}


def test_semicolons_do_as_well_as_commas(gradebook, tmp_path):
    table = tmp_path / "o.csv"
    table.write_text("student;exercise;points;reason\na;double;1;said it, aloud\n")
    assert take_overrides(gradebook, assignment(), table) == {"a"}
    assert gradebook.overrides() == {"a": {"double": (1.0, "said it, aloud")}}


def test_an_extension_moves_the_due_date_of_one_student(gradebook):
    papers = Class(gradebook, assignment())
    for student in "ab":
        papers.hand_in(student, {"double"}, NOON + 2.5 * DAY)
    gradebook.override("a", "extension", 2.0, "moved house")
    a, b = papers.results().values()
    assert (a.late_penalty, b.late_penalty) == (0.1, 0.3)
    assert "day 1 after the due time, 10% off" in a.late
    assert a.decisions == ("2 days more than the others to hand in (moved house)",)


def test_times_are_said_in_the_zone_of_the_due_date(gradebook):
    here = replace(assignment(), due="2026-12-01T23:59+01:00", grace=15, chapters=("00", "02"))
    papers = Class(gradebook, here)
    papers.hand_in("a", {"double"}, datetime.datetime(2026, 12, 1, 23, 20, tzinfo=datetime.UTC))
    result = papers.results()["a"]
    assert result.submitted == "2 December 2026, 00:20 (UTC+01:00)"
    assert result.due == "due 1 December 2026, 23:59 (UTC+01:00), with 15 minutes of grace"
    when = result.submitted
    assert result.late == f"chapter 00, handed in {when}: day 1 after the due time, 10% off"
    assert here.rule == (
        "Due 1 December 2026, 23:59 (UTC+01:00), with 15 minutes of grace. Late work loses 10% of "
        "the points earned for each day begun, 50% at the most."
    )


def test_a_list_of_the_class_gives_a_row_to_who_handed_in_nothing(gradebook):
    papers = Class(gradebook, assignment())
    papers.hand_in("b", {"double"})
    gradebook.keep_class(["a", "b", "c"])
    found = papers.results()
    assert list(found) == ["a", "b", "c"]
    assert (found["a"].score, found["a"].max_score, found["b"].score) == (0, 6, 1)
    assert "nothing was handed in" in found["c"].notes
    gradebook.keep_class(["b"])
    assert list(papers.results()) == ["b"]


def test_the_late_rule_without_a_due_date_is_refused():
    for rest in ({"grace": 5}, {"late_percent": 20.0}, {"late_most": 10.0}):
        with pytest.raises(UsageError, match="no --due"):
            assignments.new("hw1", ["00"], **rest)


def test_what_somebody_may_have_forgotten_is_in_the_note(gradebook):
    papers = Class(gradebook, replace(assignment(), chapters=("00", "02")))
    papers.hand_in("a", {"double"})
    assert "chapter 02 was not handed in" in papers.results()["a"].notes


def test_a_decision_counts_where_nothing_could_be_read(gradebook):
    papers = Class(gradebook, assignment())
    papers.hand_in("a", (), problem="an empty file")
    gradebook.override("a", "double", 1.0, "shown in class")
    assert papers.results()["a"].score == 1


def test_a_table_that_is_missing_or_no_text_is_told(tmp_path):
    assert read_table(tmp_path / "none.csv", ("a",), must=False) == []
    with pytest.raises(UsageError, match=r"none\.csv"):
        read_table(tmp_path / "none.csv", ("a",))
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CourseError, match=r"b\.csv"):
        read_table(tmp_path / "b.csv", ("a",))


def test_names_become_files_and_cells_that_do_no_harm():
    names = [
        "ann",
        "../../etc/passwd",
        "a/b",
        "a_b",
        "con",
        "NUL.txt",
        "x" * 300,
        "é",
        "",
        ".",
        "~",
    ]
    files = [file_name(n) for n in names]
    assert len(set(files)) == len(names)
    assert all("/" not in f and f.strip(".") and len(f) < 100 for f in files)
    assert files[0] == "ann"
    assert [as_cell(t) for t in ("=1+1", "+1", "-1", "@x", "ann", "")] == [
        "'=1+1",
        "'+1",
        "'-1",
        "'@x",
        "ann",
        "",
    ]
