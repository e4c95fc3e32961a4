"""`course gradescope`: the zip file, unpacked and run as Gradescope's container would."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
import typer
from nbformat import v4
from typer.testing import CliRunner

from course_lib import exercises
from course_lib.authoring import Course, CourseError, UsageError, build, solved
from course_lib.classroom import gradescope, gradescope_run, submit
from course_lib.classroom.archive import pack
from course_lib.classroom.assignment import FOLDER, find, new
from course_lib.cli import schools
from course_lib.sandbox.link import NoSandbox
from course_lib.widgets.plain import block

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="Gradescope's containers are Linux, and so is the sandbox"
)

CHAPTER = "00"
ITEMS = exercises.of_chapter(CHAPTER)
ALL = sum(item.points for item in ITEMS)
CODE = [item for item in ITEMS if item.kind == "code"]
VISIBILITY = ("hidden", "after_due_date", "after_published", "visible")
FORMATS = ("text", "html", "simple_format", "md", "ansi")
TOP = {  # field: (type, whether it must be there), after Gradescope's documentation
    "score": ((int, float), True),
    "output": (str, False),
    "output_format": (FORMATS, False),
    "visibility": (VISIBILITY, False),
    "stdout_visibility": (VISIBILITY, False),
    "tests": (list, False),
}
TEST = {
    "score": ((int, float), True),
    "max_score": ((int, float), False),
    "status": (("passed", "failed"), False),
    "name": (str, False),
    "output": (str, False),
    "output_format": (FORMATS, False),
    "visibility": (VISIBILITY, False),
}


def validated(found):
    """The same results, after a look at every field."""
    _has_fields(found, TOP)
    tests = found.get("tests", [])
    for test in tests:
        _has_fields(test, TEST)
        assert 0 <= test["score"] <= test["max_score"]
    hidden = [t for t in tests if t.get("visibility") == "hidden"]
    assert sum(t["max_score"] for t in hidden) == 0  # or students would not see their score
    return found


def _has_fields(found, fields):
    assert set(found) <= set(fields)
    for name, (kind, must) in fields.items():
        assert name in found or not must
        if name in found and isinstance(kind, tuple) and isinstance(kind[0], str):
            assert found[name] in kind
        elif name in found:
            assert isinstance(found[name], kind)
            assert not isinstance(found[name], bool)


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A course of two chapters, without assignments."""
    root = tmp_path / "course"
    (root / "chapters" / "source").mkdir(parents=True)
    there = Course.find()
    for chapter in (CHAPTER, "02"):
        shutil.copy(there.sources[chapter], root / "chapters" / "source")
    shutil.copy(there.root / "requirements.txt", root)
    monkeypatch.chdir(root)
    return Course(root)


@pytest.fixture(scope="module")
def container(tmp_path_factory):
    """The folder of an autograder for chapter 00, set up but for what setup.sh downloads."""
    root = tmp_path_factory.mktemp("autograder")
    there = Course.find()
    assignment = new("hw1", (CHAPTER,), due="2026-12-01T12:00+00:00", late_percent=50)
    gradescope.build(there, assignment, root / "autograder.zip")
    with zipfile.ZipFile(root / "autograder.zip") as archive:
        archive.extractall(root / "source")
        modes = {e.filename: e.external_attr >> 16 for e in archive.infolist()}
    assert [name for name, mode in modes.items() if mode & 0o111] == list(gradescope.PROGRAMS)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", root / "venv"], check=True)
    python = root / "venv" / "bin" / "python"
    packages = "import site; print(site.getsitepackages()[0])"
    to = subprocess.run([python, "-c", packages], capture_output=True, text=True, check=True).stdout
    # Without the course itself: of this folder's packages only those that stand in it are found.
    paths = f"{root / 'source'}\n{sysconfig.get_path('purelib')}\n"
    (Path(to.strip()) / "course.pth").write_text(paths)
    return root


def hand_in(container, files, about=None):
    """Puts files where Gradescope puts them, in place of those before."""
    for folder in ("submission", "results"):
        shutil.rmtree(container / folder, ignore_errors=True)
    (container / "submission").mkdir()
    for name, content in files.items():
        (container / "submission" / name).write_bytes(content)
    (container / "submission_metadata.json").write_text(json.dumps(about))


def graded(container, files, about=None):
    """The results for these files, run as Gradescope does."""
    hand_in(container, files, about)
    run = subprocess.run(
        ["bash", container / "source" / "run_autograder"],
        env=os.environ | {"AUTOGRADER": str(container)},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout, validated(json.loads((container / "results/results.json").read_bytes()))


def judged(container, files, about=None):
    """The same results, without a process of their own."""
    hand_in(container, files, about)
    return validated(gradescope_run.results(container))


def notebook(*, right=True, printed=True):
    """The chapter's notebook, solved or not, with the answers in its last output."""
    made = build(CHAPTER)
    if right:
        known = {cell.id: cell for cell in solved(CHAPTER).cells}
        for item in CODE:
            cell = next(c for c in made.cells if c.id == f"{item.name}-answer")
            cell.source = known[cell.id].source
        if printed:
            text = block({CHAPTER: _answers()})
            made.cells[-1].outputs = [v4.new_output("stream", text=text)]
    return made


def _answers():
    return {item.name: item.solution for item in ITEMS if item.kind != "code"}


def as_bytes(made):
    return v4.writes(made).encode()


def bundle(made):
    answers = json.dumps(_answers()).encode()
    return {"00_x.ipynb": as_bytes(made), submit.ANSWERS: answers, submit.MANIFEST: b"{}"}


# in the container ----------------------------------------------------------------------------


def test_a_right_notebook_gets_all_points_and_says_which_layers_held(container):
    files = {"00_start_here.ipynb": as_bytes(notebook())}
    printed, found = graded(container, files, {"created_at": "2026-11-30T12:00:00+00:00"})
    assert found["score"] == ALL
    assert found["output"] == ""
    *tests, last = found["tests"]
    assert [t["max_score"] for t in tests] == [item.points for item in ITEMS]
    assert all(item.name in t["name"] for t, item in zip(tests, ITEMS, strict=True))
    assert {t["status"] for t in tests} == {"passed"}
    assert {t["visibility"] for t in tests} == {"visible"}
    assert last["visibility"] == "hidden"
    assert found["stdout_visibility"] == "hidden"
    assert last["output"].startswith("Layers in force: ")
    assert last["output"] in printed
    assert "Landlock" in last["output"]
    assert "seccomp" in last["output"]


def test_wrong_and_missing_answers_say_why(container):
    made = notebook(right=False)
    cell = next(c for c in made.cells if c.id == f"{CODE[0].name}-answer")
    cell.source = f"def {CODE[0].name}(x):\n    print('{{\"score\": 99}}')\n    return x\n"
    _, found = graded(container, {"mine.ipynb": as_bytes(made)})
    assert found["score"] == 0
    first = found["tests"][[item.name for item in ITEMS].index(CODE[0].name)]
    assert first["status"] == "failed"
    assert first["output"].startswith("Not right\nYour ")
    assert "Not attempted" in found["tests"][1]["output"]


@pytest.mark.parametrize("unpacked", [True, False], ids=["unpacked", "zip"])
def test_a_bundle_brings_its_answers(container, unpacked):
    files = bundle(notebook(printed=False))
    files = files if unpacked else {"00_submission.zip": pack(files)}
    assert judged(container, files)["score"] == ALL


def test_of_several_notebooks_the_best_counts(container):
    files = {"a.ipynb": as_bytes(notebook()), "b.ipynb": as_bytes(notebook(right=False))}
    found = judged(container, files)
    assert found["score"] == ALL
    assert "There are 2 notebooks of chapter 00; the best counts." in found["output"]


def test_late_work_costs_what_the_rule_says(container):
    about = {"created_at": "2026-12-01T14:00:00.5+00:00", "users": [{"email": "a@example.org"}]}
    found = judged(container, {"a.ipynb": as_bytes(notebook())}, about)
    assert found["score"] == ALL / 2
    assert "50% of the points are taken off" in found["output"]


@pytest.mark.parametrize("users", [None, [], [{}], [{"email": None}], ["a"], {"email": "a"}, 7])
def test_who_handed_in_does_not_decide_whether_it_was_late(container, users):
    about = {"created_at": "2026-12-01T14:00:00+00:00", "users": users}
    found = judged(container, {"a.ipynb": as_bytes(notebook())}, about)
    assert found["score"] == ALL / 2
    assert "50% of the points are taken off" in found["output"]


@pytest.mark.parametrize(
    ("about", "why"),
    [
        (None, "submission_metadata.json holds no fields"),
        ({"users": []}, "there is no created_at"),
        ({"created_at": "yesterday"}, "created_at is 'yesterday', no time"),
        ({"created_at": 1764590400}, "created_at is '1764590400', no time"),
        ({"created_at": ["x"]}, "created_at is "),
    ],
)
def test_a_time_that_cannot_be_read_is_said(container, about, why):
    found = judged(container, {"a.ipynb": as_bytes(notebook())}, about)
    assert found["score"] == ALL
    assert found["output"] == gradescope_run._NO_TIME
    assert f"The time of handing in was not read: {why}" in found["tests"][-1]["output"]


@pytest.mark.parametrize("content", [None, b"", b"{", b"\xff\xfe\xfd", b"[" * 100_000])
def test_what_gradescope_says_may_be_damaged(tmp_path, content):
    path = tmp_path / "submission_metadata.json"
    if content is not None:
        path.write_bytes(content)
    who, when, why = gradescope_run._about(path)
    assert (who, when) == ("", None)
    assert why.startswith("submission_metadata.json could not be read (")


def test_each_field_is_read_by_itself(tmp_path):
    path = tmp_path / "submission_metadata.json"
    users = [{"email": "b@x.org"}, {"id": 7}, {"email": "a@x.org", "id": 8}, None]
    path.write_text(json.dumps({"users": users, "created_at": "no"}))
    assert gradescope_run._about(path) == ("7;a@x.org;b@x.org", None, "created_at is 'no', no time")


def test_without_a_due_date_the_time_is_nobodys_business(container, tmp_path):
    shutil.copytree(container / "source", tmp_path / "source")
    path = tmp_path / "source" / gradescope_run.SETTINGS
    settings = json.loads(path.read_bytes())
    settings["assignment"]["due"] = ""
    path.write_text(json.dumps(settings))
    assert judged(tmp_path, {"a.ipynb": as_bytes(notebook())})["output"] == ""


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "No notebook"),
        ({"essay.pdf": b"%PDF"}, "essay.pdf"),
        ({"a.ipynb": b""}, "empty"),
        ({"a.ipynb": b"{ \x00\xff"}, "a.ipynb: "),
        ({"a.ipynb": b"<html>"}, "web page"),
        ({"a.zip": b"PK\x03\x04 no"}, "a.zip: "),
    ],
)
def test_what_cannot_be_read_is_said_in_words(container, files, words):
    found = judged(container, files)
    assert found["score"] == 0
    assert words in found["output"]
    assert len(found["tests"]) == len(ITEMS) + 1


def test_links_are_not_followed(container):
    (container / "elsewhere.ipynb").write_bytes(as_bytes(notebook()))
    hand_in(container, {})
    (container / "submission" / "a.ipynb").symlink_to(container / "elsewhere.ipynb")
    found = validated(gradescope_run.results(container))
    assert found["score"] == 0
    assert "links are not followed" in found["output"]


def test_a_program_that_cannot_start_leaves_a_valid_file(container):
    python = container / "venv" / "bin" / "python"
    away = python.rename(python.with_name("away"))
    try:
        _, found = graded(container, {"a.ipynb": as_bytes(notebook())})
    finally:
        away.rename(python)
    assert found["score"] == 0
    assert "did not run to its end" in found["output"]


# what can go wrong ---------------------------------------------------------------------------


def test_without_a_layer_it_refuses_in_words(container, monkeypatch):
    def refuse(*args, **kwargs):
        raise NoSandbox("Landlock: not in this kernel")

    monkeypatch.setattr(gradescope_run, "Grader", refuse)
    found = validated(gradescope_run.results(container))
    assert found["score"] == 0
    assert "Landlock: not in this kernel" in found["output"]
    assert "no fault of yours" in found["output"]
    assert found["tests"][-1]["visibility"] == "hidden"


def test_a_grader_that_fails_says_so_and_hides_how(tmp_path):
    found = validated(gradescope_run.results(tmp_path))
    assert found["score"] == 0
    assert "The grader failed (FileNotFoundError)" in found["output"]
    assert "Traceback" in found["tests"][-1]["output"]
    assert "Traceback" not in found["output"]


# the zip file --------------------------------------------------------------------------------


def test_only_what_is_needed_is_in_it(course):
    names = set(gradescope.contents(course, new("hw1", (CHAPTER,))))
    assert {"assignment.json", "requirements.txt", "course_lib/sandbox/zygote.py"} <= names
    assert not [n for n in names if n.endswith((".ipynb", ".png", ".npz", ".md", ".js"))]
    assert not [n for n in names if n.startswith(("tests", "benchmarks", "course_lib/cli"))]
    assert gradescope._needs_data("04")
    assert not gradescope._needs_data("02")
    assert all("==" in line for line in gradescope.requirements(course).splitlines())


def test_the_programs_name_packages_and_no_hosts():
    for name in gradescope.PROGRAMS:
        text = gradescope._program(name).decode()
        assert text.startswith("#!/usr/bin/env bash\n")
        assert "://" not in text
        subprocess.run(["bash", "-n"], input=text.encode(), check=True)


def command(*arguments):
    local = typer.Typer()
    local.command()(schools.gradescope)
    return CliRunner().invoke(local, [str(a) for a in arguments], standalone_mode=False)


def test_command_makes_an_assignment_and_keeps_it(course, tmp_path):
    result = command("2", "--to", "a.zip")
    assert result.exception is None
    assert "made the assignment chapter-02" in result.output
    secret = find("chapter-02", course).secret
    assert "--force replaces it" in str(command("2", "--to", "a.zip").exception)
    assert command("2", "--to", "a.zip", "--force").exception is None
    with zipfile.ZipFile(course.root / "a.zip") as archive:
        settings = json.loads(archive.read("assignment.json"))
    assert settings["assignment"]["secret"] == secret
    assert settings["how"] == {"unsafe": False}
    assert [p.name for p in (course.root / FOLDER).iterdir()] == ["chapter-02.json"]


def test_command_takes_an_assignment_that_is_there(course):
    new("hw1", (CHAPTER, "02")).save(course)
    result = command("02", "--to", "a.zip", "--assignment", "hw1", "--unsafe")
    assert result.exception is None
    with zipfile.ZipFile(course.root / "a.zip") as archive:
        settings = json.loads(archive.read("assignment.json"))
    assert settings["assignment"]["name"] == "hw1"
    assert settings["assignment"]["chapters"] == ["02"]
    assert settings["how"] == {"unsafe": True}


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (("9", "--to", "a.zip"), UsageError, "no chapter 9"),
        (("2", "--to", "a.tar"), UsageError, "NAME.zip"),
        (("2", "--to", "no/a.zip"), UsageError, "no folder no"),
        (("2", "--to", "a.zip", "--assignment", "hw9"), UsageError, "no assignment is called"),
        (("2", "--to", "a.zip", "--assignment", "hw1"), UsageError, "and not 02"),
    ],
)
def test_command_refuses_in_words(course, arguments, error, words):
    new("hw1", (CHAPTER,)).save(course)
    found = command(*arguments).exception
    assert isinstance(found, error)
    assert words in str(found)


def test_without_pinned_packages_nothing_is_written(course):
    (course.root / "requirements.txt").write_text("numpy==2.4.6\n")
    with pytest.raises(CourseError, match="does not pin threadpoolctl"):
        gradescope.build(course, new("hw1", (CHAPTER,)), course.root / "a.zip")
    assert not (course.root / "a.zip").exists()
