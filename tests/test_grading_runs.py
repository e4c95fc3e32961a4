"""`course grade` as a whole: what it writes, what it judges again, and which deaths it survives."""

import contextlib
import csv
import html
import importlib.util
import io
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import zipfile
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from course_lib import exercises
from course_lib.authoring import build
from course_lib.classroom import local
from course_lib.classroom.assignment import Assignment
from course_lib.cli import main
from course_lib.widgets.plain import block

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="the sandbox is only there on Linux"
)

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
DUE = "2026-12-01T12:00:00+00:00"
ITEMS = exercises.of_chapter("00")
POINTS = sum(item.points for item in ITEMS)
QUESTIONS = {item.name: item.solution for item in ITEMS if item.kind != "code"}
MINE = "def double(x):\n    return x + x"
WRONG = "def double(x):\n    return x * x"
COMMAND = [sys.executable, "-c", "from course_lib.cli import main; raise SystemExit(main())"]


def synthetic_class():
    """The benchmarks' module of that name, which makes notebooks of a class."""
    place = BENCHMARKS / "synthetic_class.py"
    spec = importlib.util.spec_from_file_location("synthetic_class", place)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def course(*arguments):
    """(exit code, what is said on both streams) of the command, run in this process."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = main([str(a) for a in arguments])
    return code, said.getvalue()


def notebook(source=MINE, given=QUESTIONS):
    """The bytes of chapter 00's notebook with an answer to `double` and to the questions."""
    made = json.loads(json.dumps(build("00")))
    if source:
        next(c for c in made["cells"] if c["id"] == "double-answer")["source"] = source
    text = block({"00": given}) if given else "No widget answers yet."
    made["cells"][-1]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": text}]
    return json.dumps(made).encode()


def put(path, content, day=1, hour=11):
    """Writes a file that was handed in on a day of December 2026, at an hour in UTC."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    when = 1796083200 + 86400 * (day - 1) + 3600 * hour  # from 1 December 2026, 00:00
    os.utime(path, (when, when))


def assignment_in(folder, chapter="00", **more):
    path = folder / "hw1.json"
    made = Assignment("hw1", (chapter,), secret="s", **more)
    path.write_text(json.dumps({"format": 1, **asdict(made)}))
    return path


def rows(out):
    """{student: row} of grades.csv."""
    with (out / "grades.csv").open(encoding="utf-8", newline="") as file:
        return {row["student"]: row for row in csv.DictReader(file)}


def table(out, columns, of="judgements", name="gradebook.sqlite"):
    """The rows of a gradebook's table, sorted."""
    with contextlib.closing(sqlite3.connect(out / name)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return sorted(connection.execute(f"SELECT {columns} FROM {of}").fetchall())


def results(out):
    """All that must not depend on how and where it was judged: grades and judgements."""
    judgements = (
        "student, digest, exercise, status, points, max_points, misconception, finding, message, "
        "remark, answer, title, judgements.chapter, kind"
    )
    submissions = "student, digest, chapter, problem, remarks, done"
    return (
        (out / "grades.csv").read_bytes(),
        table(out, judgements, "judgements JOIN submissions USING (key)"),
        table(out, submissions, "submissions"),
    )


def written(out):
    """{name: bytes} of all that a run leaves but the gradebook."""
    return {
        str(p.relative_to(out)): p.read_bytes()
        for p in sorted(out.rglob("*"))
        if p.is_file() and not p.name.startswith("gradebook")
    }


class Graded:
    """A class that was graded once: the folder with what came in, the assignment, the results."""

    def __init__(self, folder):
        self.folder, self.out, self.submitted = folder, folder / "out", folder / "submitted"
        self.assignment = folder / "hw1.json"

    def grade(self, *more, to=None):
        """What is said; fails where the command does."""
        where = ("--assignment", self.assignment, "--to", to or self.out, "--workers", 1)
        code, said = course("grade", self.submitted, *where, *more)
        assert code == 0, said
        return said

    def copy(self, folder):
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        return Graded(folder)


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A class of all kinds, graded once; its results are not to be changed."""
    graded = Graded(tmp_path_factory.mktemp("class"))
    hand_in, suffix = graded.submitted, ".ipynb"
    put(hand_in / f"solved{suffix}", notebook())
    put(hand_in / f"unsolved{suffix}", notebook("", {}))
    put(hand_in / f"wrong{suffix}", notebook(WRONG, QUESTIONS | {"slope_of_a_curve": 1000}))
    put(hand_in / f"truncated{suffix}", notebook()[:2000])
    put(hand_in / f"empty{suffix}", b"")
    put(hand_in / f"no-json{suffix}", b"\x00\x01 this is no notebook")
    put(hand_in / f"=1+1{suffix}", notebook())
    put(hand_in / f"late{suffix}", notebook(), day=2, hour=13)
    put(hand_in / "twice" / "first.ipynb", notebook(), hour=9)
    put(hand_in / "twice" / "second.ipynb", notebook(WRONG), hour=10)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("work/00_start_here.ipynb", notebook())
    put(hand_in / "zipped.zip", packed.getvalue())
    put(hand_in / "essay.pdf", b"%PDF-1.4")
    assignment_in(graded.folder, due=DUE, late_percent=10)
    graded.said = graded.grade()
    return graded


@pytest.fixture
def again(first, tmp_path):
    """A copy of that class and its results."""
    return first.copy(tmp_path / "again")


# what a run writes ---------------------------------------------------------------------------


def test_everybody_who_handed_something_in_has_a_row(first):
    found = rows(first.out)
    assert set(found) == {
        *("solved", "unsolved", "wrong", "truncated", "empty", "no-json", "'=1+1", "late"),
        *("twice", "zipped", "essay"),
    }
    for row in found.values():
        each = sum(float(row[item.name]) for item in ITEMS)
        assert float(row["score"]) == each
        assert float(row["max_score"]) == POINTS
        assert float(row["final"]) == float(row["score"]) - float(row["late_penalty"])


def test_points_are_those_that_were_earned(first):
    found = rows(first.out)
    for name in ("solved", "'=1+1", "zipped"):
        assert (found[name]["final"], found[name]["note"]) == (f"{POINTS:g}", "")
    for name in ("unsolved", "empty", "no-json", "essay"):
        assert found[name]["final"] == "0"
    wrong = found["wrong"]
    assert (wrong["double"], wrong["slope_of_a_curve"]) == ("0", "0")
    assert wrong["final"] == f"{POINTS - 2:g}"


def test_what_could_not_be_read_is_said_in_words(first):
    found = rows(first.out)
    assert "0 bytes" in found["empty"]["note"]
    assert "no-json.ipynb: " in found["no-json"]["note"]
    assert "no notebook" in found["essay"]["note"]
    assert "truncated.ipynb: " in found["truncated"]["note"]
    assert not any("Error" in row["note"] or "Traceback" in row["note"] for row in found.values())


def test_there_is_a_page_for_each_student_and_one_for_the_class(first):
    pages = list((first.out / "feedback").glob("*.html"))
    assert len(pages) == len(rows(first.out))
    wrong = (first.out / "feedback" / "wrong.html").read_text(encoding="utf-8")
    of = "judgements JOIN submissions USING (key)"
    said = {(s, e): m for s, e, m in table(first.out, "student, exercise, message", of)}
    assert html.escape(said["wrong", "double"])[:40] in wrong
    report = (first.out / "report.html").read_text(encoding="utf-8")
    assert "hw1" in report
    assert "empty" in report
    assert "layers in force: resource limits" in first.said
    assert not list(first.out.rglob("*.tmp"))


def test_a_late_notebook_costs_what_the_rule_says(first):
    late = rows(first.out)["late"]
    assert float(late["late_penalty"]) == pytest.approx(0.2 * POINTS)  # two days have begun
    assert "day 2 after the due time, 20% off" in late["note"]


# the same command again ----------------------------------------------------------------------


def test_nothing_new_is_judged_and_the_same_bytes_are_written(again):
    before, judged = written(again.out), table(again.out, "*")
    said = again.grade()
    assert "nothing new to judge" in said
    assert "layers" not in said  # no process was started for it
    assert written(again.out) == before
    assert table(again.out, "*") == judged


def test_what_was_deleted_is_written_again(again):
    before = written(again.out)
    shutil.rmtree(again.out / "feedback")
    (again.out / "grades.csv").unlink()
    again.grade()
    assert written(again.out) == before


def test_only_what_changed_is_judged_again(again):
    before = table(again.out, "key, exercise, made, rowid")
    put(again.submitted / "wrong.ipynb", notebook())
    again.grade()
    after = table(again.out, "key, exercise, made, rowid")
    assert set(before) < set(after)
    assert len(after) == len(before) + len(ITEMS)
    assert rows(again.out)["wrong"]["final"] == f"{POINTS:g}"
    put(again.submitted / "wrong.ipynb", notebook(WRONG, QUESTIONS | {"slope_of_a_curve": 1000}))
    assert "nothing new to judge" in again.grade()  # the old file is known as well
    assert rows(again.out)["wrong"]["final"] == f"{POINTS - 2:g}"


def test_who_handed_in_nothing_any_more_has_no_row(again):
    (again.submitted / "solved.ipynb").unlink()
    assert "nothing new to judge" in again.grade()
    assert "solved" not in rows(again.out)


def test_overrides_last(again, tmp_path):
    table_of = tmp_path / "mine.csv"
    table_of.write_text("student,exercise,points,reason\nwrong,double,0.5,half right\n")
    again.grade("--overrides", table_of)
    row = rows(again.out)["wrong"]
    assert (row["double"], row["final"]) == ("0.5", f"{POINTS - 1.5:g}")
    assert "half right" in row["note"]
    put(again.submitted / "wrong.ipynb", notebook(WRONG))
    again.grade()  # judged anew, and without the file
    assert rows(again.out)["wrong"]["double"] == "0.5"
    table_of.write_text("student,exercise,points\nwrong,double,\n")
    again.grade("--overrides", table_of)
    assert rows(again.out)["wrong"]["double"] == "0"


def test_names_in_tables_that_nobody_has_are_told(again, tmp_path):
    decisions, times = tmp_path / "o.csv", tmp_path / "t.csv"
    decisions.write_text("student,exercise,points,reason\nsomebody,double,1,typed wrong\n")
    times.write_text("student,submitted\nnobody,2026-12-01\n")
    said = again.grade("--overrides", str(decisions), "--times", str(times))
    assert "o.csv: nothing was handed in by somebody; a misspelt name?" in said
    assert "--times: nothing was handed in by nobody; a misspelt name?" in said


def test_the_latest_or_the_best_notebook_counts(again):
    assert rows(again.out)["twice"]["double"] == "0"
    assert "second.ipynb counts" in rows(again.out)["twice"]["note"]
    assert "nothing new to judge" in again.grade("--which", "best")
    assert rows(again.out)["twice"]["double"] == "1"
    assert "first.ipynb counts" in rows(again.out)["twice"]["note"]


def test_a_table_of_times_wins_over_the_files(again, tmp_path):
    times = tmp_path / "times.csv"
    times.write_text("student,submitted\nlate,2026-12-01T11:00+00:00\nsolved,2026-12-02\n")
    again.grade("--times", times)
    found = rows(again.out)
    assert found["late"]["late_penalty"] == "0"
    assert float(found["solved"]["late_penalty"]) > 0
    again.grade()  # they are kept
    assert rows(again.out) == found


def test_a_class_list_is_kept_and_names_strangers(again, tmp_path):
    names = tmp_path / "class.csv"
    names.write_text("student\nsolved\nnobody-yet\n")
    said = again.grade("--students", names)
    strangers = said.partition("not in the class list: ")[2].splitlines()[0].split(", ")
    assert "wrong" in strangers
    assert "solved" not in strangers
    again.grade()
    assert rows(again.out)["nobody-yet"]["final"] == "0"
    assert (again.out / "feedback" / "nobody-yet.html").is_file()
    names.write_text("student\n\n")
    where = ("--assignment", again.assignment, "--to", again.out)
    code, said = course("grade", again.submitted, *where, "--students", names)
    assert code == 2
    assert "names no student" in said


def test_several_places_at_once(again):
    mails, packed = again.folder / "mails", io.BytesIO()
    put(mails / "solved.ipynb", notebook(WRONG))  # handed in anew, in another place
    put(mails / "solved\u200f.ipynb", notebook(), day=9)
    put(mails / "nobody" / "hw2" / "x.ipynb", notebook())
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("x_1_assignsubmission_file_/a.ipynb", notebook())
        archive.writestr("wrong.ipynb", notebook())
    put(mails / "mallory.zip", packed.getvalue(), hour=1)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("doejane_12_345_x.ipynb", notebook())
    put(again.folder / "canvas.zip", packed.getvalue())
    before = rows(again.out)
    said = again.grade(mails, again.folder / "canvas.zip")
    found = rows(again.out)
    (odd,) = (name for name in found if name.startswith("solved-"))
    assert set(found) == {*before, odd, "doejane", "mallory", "nobody"}
    assert {n: found[n] for n in before if n != "solved"} == {
        n: row for n, row in before.items() if n != "solved"
    }
    assert "2 notebooks for chapter 00" in found["solved"]["note"]
    assert (
        r"its file is called 'solved\u200f', and solved is another student" in (found[odd]["note"])
    )
    assert "in more than one of the places given: solved\n" in said


def test_who_worked_for_other_assignments_only_is_told(again, monkeypatch):
    (again.folder / "assignments").mkdir()
    (again.folder / "assignments" / "hw2.json").write_text("{}")
    known = str(again.folder / "assignments")
    monkeypatch.setattr("course_lib.classroom.assignment.FOLDER", known)
    put(again.submitted / "nobody" / "hw2" / "x.ipynb", notebook())
    put(again.submitted / "zoe" / "work" / "x.ipynb", notebook())
    put(again.folder / "empty" / "nobody" / "hw2" / "x.ipynb", notebook())
    assert "left out, with work for other assignments only: nobody\n" in again.grade()
    found = rows(again.out)
    assert "nobody" not in found
    assert found["zoe"]["final"] == f"{POINTS:g}"
    where = ("--assignment", again.assignment, "--to", again.out)
    code, said = course("grade", again.folder / "empty", *where)
    assert code == 2
    assert "empty holds nothing" in said
    assert "other assignments only: nobody" in said


def test_shards_together_are_the_whole(first, again):
    shutil.rmtree(again.out)
    students = []
    for i in (1, 2, 3):
        said = again.grade("--shard", f"{i}/3")
        assert f"gradebook-{i}-of-3.sqlite" in said
        part = table(again.out, "student", "submissions", f"gradebook-{i}-of-3.sqlite")
        students += [student for (student,) in set(part)]
        assert not (again.out / "grades.csv").exists()
    assert len(students) == len(set(students))
    assert "nothing new to judge" in again.grade()
    assert results(again.out) == results(first.out)
    assert written(again.out) == written(first.out)


def test_a_part_that_did_not_come_to_its_end_is_judged_here(first, again):
    (again.out / "gradebook.sqlite").rename(again.out / "gradebook-1-of-2.sqlite")
    for name in ("-wal", "-shm"):
        (again.out / f"gradebook.sqlite{name}").unlink(missing_ok=True)
    with contextlib.closing(sqlite3.connect(again.out / "gradebook-1-of-2.sqlite")) as part:
        part.execute("UPDATE submissions SET done = 0 WHERE student = 'wrong'")
        part.execute("DELETE FROM judgements WHERE exercise = 'broadcast_shape'")
        part.execute("UPDATE submissions SET done = 0")
        part.commit()
    sqlite3.connect(again.out / "gradebook-2-of-2.sqlite").close()  # killed before its tables
    (again.out / "gradebook-2-of-2.sqlite").touch()
    again.grade()
    assert results(again.out) == results(first.out)


# mistakes of whoever gives the command -------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"to": "a file"}, 2, "--to is a file, which is a file"),
        ({"to": "submitted/out"}, 2, "within submitted"),
        ({"folder": "empty"}, 2, "empty holds nothing that was handed in"),
        ({"--assignment": "hw2.json"}, 2, "out holds the results of hw1"),
        ({"to": "a file/below"}, 1, "a file"),
        ({"to": "no database"}, 1, "no gradebook, or a damaged one"),
        ({"to": "bad part"}, 1, "no gradebook, or a damaged one"),
        ({"--assignment": "damaged.json"}, 2, "damaged.json is no assignment"),
        ({"--assignment": "missing.json"}, 2, "missing.json could not be read"),
        ({"--assignment": "unheard-of"}, 2, "no assignment is called 'unheard-of'"),
        ({"folder": "nowhere"}, 2, "there is no folder or zip file"),
        ({"beside": "nowhere"}, 2, "there is no folder or zip file nowhere"),
        ({"beside": "empty"}, 2, "empty holds nothing that was handed in"),
        ({"beside": "submitted"}, 2, "submitted is given beside submitted"),
        ({"beside": "submitted/twice"}, 2, "submitted/twice is given beside submitted"),
        ({"beside": "mails", "to": "mails/out"}, 2, "--to is mails/out, within mails"),
        ({"folder": "a file"}, 2, "a file"),
        ({"--shard": "0/3"}, 2, "--shard is 0/3, expected i/n"),
        ({"--shard": "4/3"}, 2, "--shard is 4/3, expected i/n"),
        ({"--shard": "half"}, 2, "--shard is half, expected i/n"),
        ({"--which": "first"}, 2, "--which is first, expected latest or best"),
        ({"--workers": "0"}, 2, "--workers"),
        ({"--workers": "two"}, 2, "--workers"),
        ({"--times": "nowhere.csv"}, 2, "there is no file nowhere.csv"),
        ({"--times": "bad-times.csv"}, 2, "bad-times.csv, line 3: 'soon' is no time"),
        ({"--overrides": "nowhere.csv"}, 2, "there is no file nowhere.csv"),
        ({"--overrides": "no-exercise.csv"}, 2, "no-exercise.csv, line 2: the exercise is"),
        ({"--overrides": "bad-points.csv"}, 2, "bad-points.csv, line 3: the points are 'all'"),
        ({"--overrides": "bad-times.csv"}, 2, "bad-times.csv has no column 'exercise'"),
    ],
)
def test_mistakes_are_told_in_a_line_and_lose_nothing(again, monkeypatch, change, code, words):
    monkeypatch.chdir(again.folder)
    Path("a file").write_text("here")
    Path("empty").mkdir()
    put(Path("mails/x.ipynb"), notebook())
    Path("hw2.json").write_text(Path("hw1.json").read_text().replace('"hw1"', '"hw2"'))
    Path("damaged.json").write_text('{"format": 1, "name"')
    for folder, name in (("no database", "gradebook"), ("bad part", "gradebook-1-of-2")):
        Path(folder).mkdir()
        Path(folder, f"{name}.sqlite").write_text("this is no database, but quite some text" * 30)
    Path("bad-times.csv").write_text("student,submitted\nsolved,2026-12-01\nwrong,soon\n")
    Path("no-exercise.csv").write_text("student,exercise,points\nwrong,treble,1\n")
    bad = "student,exercise,points\nwrong,double,1\nwrong,double,all\n"
    Path("bad-points.csv").write_text(bad)
    before, judged = written(again.folder), table(again.out, "*")
    asked = {"folder": "submitted", "--assignment": "hw1.json", "to": "out"} | change
    options = [word for pair in asked.items() if pair[0][:2] == "--" for word in pair]
    places = [asked[name] for name in ("folder", "beside") if name in asked]
    found, said = course("grade", *places, "--to", asked["to"], *options)
    assert (found, said.count("\n")) == (code, 1), said
    assert words in said
    assert written(again.folder) == before
    assert table(again.out, "*") == judged
    assert "nothing new to judge" in again.grade()
    assert {n: b for n, b in written(again.folder).items() if n in before} == before


# deaths --------------------------------------------------------------------------------------


def start(submitted, assignment, out, *more):
    """The command in a process of its own."""
    where = ("--assignment", assignment, "--to", out, "--workers", "1", *more)
    return subprocess.Popen(
        [*COMMAND, "grade", submitted, *where],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def finish(process):
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said.decode()
    return said.decode()


def judged(out):
    """How many judgements there are by now."""
    with (
        contextlib.suppress(sqlite3.Error),
        contextlib.closing(
            sqlite3.connect(f"file:{out / 'gradebook.sqlite'}?mode=ro", uri=True)
        ) as connection,
    ):
        return connection.execute("SELECT count(*) FROM judgements").fetchone()[0]
    return 0


def wait_for(count, out, process):
    """Waits until there are so many judgements; whether the process still runs then."""
    while judged(out) < count:
        if process.poll() is not None:
            return False
        time.sleep(0.01)
    return process.poll() is None


def below(process):
    """All processes that a process has started, and those that they have."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(process.pid).children(recursive=True)
    return []


def kind_of(process):
    """ "worker", "zygote" or "student", by the command and the parent's command."""
    with contextlib.suppress(psutil.NoSuchProcess):
        if "course_lib.classroom.worker" in process.cmdline():
            return "worker"
        parent = process.parent()
        if parent and "course_lib.sandbox.zygote" in parent.cmdline():
            return "student"
        if "course_lib.sandbox.zygote" in process.cmdline():
            return "zygote"
    return ""


def kill_one(kind, process):
    """Kills a process of that kind below the command; whether there was one."""
    for _ in range(500):
        for found in below(process):
            if kind_of(found) == kind:
                with contextlib.suppress(psutil.NoSuchProcess):
                    found.kill()
                    return True
    return False


@pytest.fixture(scope="module")
def small_class(tmp_path_factory):
    """A class in chapter 02, mixed, and its results from a run that nobody disturbed."""
    folder = tmp_path_factory.mktemp("small")
    synthetic_class().write(folder / "submitted", "02", 16, seed=4)
    put(folder / "submitted" / "empty.ipynb", b"")
    graded = Graded(folder)
    assignment_in(folder, "02")
    graded.grade()
    return graded


def test_killed_again_and_again_it_comes_to_the_same_end(small_class, tmp_path):
    out, all_of_them = tmp_path / "out", len(table(small_class.out, "key"))
    luck = random.Random(7)
    steps = sorted(luck.sample(range(1, all_of_them - 20), 3))
    for step, number in zip(steps, [signal.SIGKILL, signal.SIGKILL, signal.SIGINT], strict=True):
        process = start(small_class.submitted, small_class.assignment, out)
        assert wait_for(step, out, process)
        family = below(process)
        if number == signal.SIGKILL:
            process.kill()
        else:
            os.killpg(process.pid, number)  # as the terminal does for Ctrl-C
        said, _ = process.communicate(timeout=60)
        assert process.returncode == (130 if number == signal.SIGINT else -number)
        assert "Traceback" not in said.decode()
        assert not psutil.wait_procs(family, timeout=20)[1]
        assert step <= judged(out) < all_of_them
    both = [start(small_class.submitted, small_class.assignment, out) for _ in range(2)]
    for process in both:  # at once
        finish(process)
    assert results(out) == results(small_class.out)
    assert {n: b for n, b in written(out).items() if not n.endswith(".tmp")} == written(
        small_class.out
    )


def test_processes_that_die_below_it_change_nothing(small_class, tmp_path):
    out = tmp_path / "out"
    process = start(small_class.submitted, small_class.assignment, out)
    for count, kind in ((5, "worker"), (30, "zygote"), (60, "zygote")):
        assert wait_for(count, out, process)
        assert kill_one(kind, process), kind
    family = below(process)
    finish(process)
    assert not psutil.wait_procs(family, timeout=20)[1]
    assert results(out) == results(small_class.out)


def test_a_students_process_that_is_killed_costs_an_exercise_at_most(small_class, tmp_path):
    out = tmp_path / "out"
    process = start(small_class.submitted, small_class.assignment, out)
    assert wait_for(5, out, process)
    assert kill_one("student", process)
    finish(process)
    now, before = (set(results(folder)[1]) for folder in (out, small_class.out))
    assert len(now) == len(before)
    assert len(now - before) <= 1


@pytest.mark.parametrize("end", ["os.kill(os.getpid(), 9)", "time.sleep(600)"])
def test_a_notebook_that_ends_or_holds_its_judge_costs_itself_alone(
    again, monkeypatch, tmp_path, end
):
    monkeypatch.setattr(local, "LONGEST", 900 if "kill" in end else 8)
    script = tmp_path / "fragile.py"
    script.write_text(
        "import os, sys, time\n"
        "from course_lib.classroom import worker\n"
        "from course_lib.classroom.judging import Grader\n"
        "whole = Grader.judge\n"
        "def judge(self, read, student, known=()):\n"
        "    for judgement in whole(self, read, student, known):\n"
        "        if student == 'poisoned' and judgement.exercise == 'slope_of_a_curve':\n"
        f"            {end}\n"
        "        yield judgement\n"
        "Grader.judge = judge\n"
        "sys.exit(worker.main())\n"
    )
    started = []

    def fragile(command, **rest):
        started.append(command)
        return subprocess.Popen([sys.executable, str(script)], **rest)

    monkeypatch.setattr(local, "subprocess", SimpleNamespace(Popen=fragile, PIPE=subprocess.PIPE))
    put(again.submitted / "poisoned.ipynb", notebook())
    put(again.submitted / "zealous.ipynb", notebook())
    before = rows(again.out)
    again.grade()
    found = rows(again.out)
    assert "look at it by hand" in found["poisoned"]["note"]
    assert found["poisoned"]["double"] == "1"  # judged before it died
    assert found["zealous"]["final"] == f"{POINTS:g}"
    assert {n: r for n, r in found.items() if n in before} == before
    assert found["poisoned"]["slope_of_a_curve"] == "0"
    assert len(started) == 1 + local.TRIES


def test_a_judge_that_does_not_start_is_told(again, monkeypatch):
    def dead(command, **rest):
        return subprocess.Popen([sys.executable, "-c", ""], **rest)

    monkeypatch.setattr(local, "subprocess", SimpleNamespace(Popen=dead, PIPE=subprocess.PIPE))
    put(again.submitted / "new.ipynb", notebook())
    where = ("--assignment", again.assignment, "--to", again.out)
    code, said = course("grade", again.submitted, *where)
    assert code == 1
    assert "the processes that judge end before they begin" in said
    assert "Traceback" not in said
    assert said.count("\n") == 1
