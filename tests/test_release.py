"""`course release`: what students get, what they must not get, and that nothing is half written."""

import json
import re
import shutil
import zipfile
from functools import cache
from importlib.metadata import version

import pytest
import typer
from nbgrader.nbgraderformat import MetadataValidator, reads
from typer.testing import CliRunner

from course_lib import exercises
from course_lib.authoring import (
    Course,
    CourseError,
    ExecutionError,
    UsageError,
    build,
    read_notebook,
    solved,
)
from course_lib.authoring.carry import changed_texts
from course_lib.classroom import release as releasing
from course_lib.classroom.archive import pack, unpack
from course_lib.classroom.assignment import find, new
from course_lib.cli import handing_out

COURSE = Course.find()
ALL = tuple(COURSE.sources)


def copy_of_course(root):
    """A course of the same files, but with no assignments of somebody's own."""
    shutil.copytree(COURSE.chapters / "source", root / "chapters" / "source")
    shutil.copytree(COURSE.root / "images", root / "images")
    shutil.copy(COURSE.root / "requirements.txt", root)
    return Course(root)


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    return copy_of_course(tmp_path_factory.mktemp("course"))


@pytest.fixture
def course(copied, monkeypatch):
    """The course as seen from its folder, without assignments."""
    monkeypatch.chdir(copied.root)
    shutil.rmtree(copied.root / "assignments", ignore_errors=True)
    return copied


@pytest.fixture
def not_run(monkeypatch):
    """Takes the outputs that are stored in the repository, where a test is not about running."""

    def stored(notebook, folder, name):
        known = {c.id: c for c in read_notebook(COURSE.chapters / name).cells}
        for cell in notebook.cells:
            if cell.cell_type == "code" and cell.id in known:
                cell.outputs = known[cell.id].outputs
                cell.execution_count = known[cell.id].execution_count
        return notebook

    monkeypatch.setattr(releasing, "execute", stored)


def command(*arguments):
    """Runs `course release` on its own; returns what it said. Raises what it raises."""
    local = typer.Typer()
    local.command()(handing_out.release)
    result = CliRunner().invoke(local, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def files_of(folder):
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }


@pytest.fixture(scope="module")
def hw1(copied, tmp_path_factory):
    """A release of chapter 02 that was really run."""
    to = tmp_path_factory.mktemp("out")
    assignment = new("hw1", ("02",), due="2026-12-10T23:59")
    return assignment, releasing.release(copied, assignment, to), to


# what is in it -------------------------------------------------------------------------------


def test_folder_and_zip_hold_the_same_and_nothing_else(hw1):
    _, written, to = hw1
    files = files_of(to / "hw1")
    assert set(files) == {
        "02_linear_layer.ipynb",
        "INSTRUCTIONS.md",
        "requirements.txt",
        "images/transposes.png",
        "images/linear_shapes.png",
    }
    assert sorted(p.name for p in to.iterdir()) == ["hw1", "hw1.zip"]
    with zipfile.ZipFile(written.archive) as archive:
        packed = {name: archive.read(name) for name in archive.namelist()}
        assert {e.date_time for e in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert packed == {f"hw1/{name}": data for name, data in files.items()}
    assert pack(packed) == written.archive.read_bytes()


def test_notebook_is_the_chapter_with_metadata_for_nbgrader(hw1):
    assignment, written, _ = hw1
    text = (written.folder / "02_linear_layer.ipynb").read_text(encoding="utf-8")
    notebook = reads(text, as_version=4)  # validates nbgrader's metadata too
    assert text.endswith("}\n")
    assert notebook.metadata.course == {
        "chapter": "02",
        "assignment": "hw1",
        "due": assignment.due,
        "variant": None,
    }
    marked = {c.id: c.metadata.nbgrader for c in notebook.cells if "nbgrader" in c.metadata}
    for item in exercises.of_chapter("02"):
        check = marked.pop(f"{item.name}-check")
        assert (check.grade, check.locked, check.solution) == (True, True, False)
        assert check.points == item.points
        assert check.grade_id == f"{item.name}-check"
        if item.kind == "code":
            answer = marked.pop(f"{item.name}-answer")
            assert (answer.grade, answer.locked, answer.solution) == (False, False, True)
            assert answer.grade_id == f"{item.name}-answer"
    assert not marked
    assert {c.execution_count is None for c in notebook.cells if c.cell_type == "code"} == {False}
    assert "No widget answers yet." in str(notebook.cells[-1].outputs)


@pytest.mark.parametrize("chapter", ALL)
def test_every_chapter_can_be_handed_out(chapter):
    built = build(chapter, COURSE)
    sources = {c.id: c.source for c in built.cells if c.cell_type == "code"}
    notebook, images = releasing.adapt(built, new("x", (chapter,)))
    MetadataValidator().validate_nb(notebook)
    assert {c.id: c.source for c in notebook.cells if c.cell_type == "code"} == sources
    assert changed_texts(notebook) == []
    assert len({c.id for c in notebook.cells}) == len(notebook.cells)
    shown = set(re.findall(r"\((images/[^)\s]+)", " ".join(c.source for c in notebook.cells)))
    assert shown == {f"images/{image}" for image in images}
    assert all((COURSE.root / image).is_file() for image in shown)
    assert not [c for c in notebook.cells if "](../" in c.source]


def test_questions_are_asked_with_the_variant_and_code_is_not():
    notebook, _ = releasing.adapt(build("02", COURSE), new("x", ("02",), variant=7))
    sources = {c.id: c.source for c in notebook.cells}
    for item in exercises.of_chapter("02"):
        asked = f'ask("{item.name}", variant=7)'
        wanted = f"check({item.name})" if item.kind == "code" else asked
        assert sources[f"{item.name}-check"] == wanted
    assert notebook.cells[-1].source.endswith('answers("02", variant=7)')
    assert changed_texts(notebook) == []
    assert notebook.metadata.course["variant"] == 7


def test_variant_runs_and_leaks_nothing(copied, tmp_path):
    written = releasing.release(copied, new("v", ("00",), variant=7), tmp_path)
    text = texts_in((written.folder / "00_start_here.ipynb").read_bytes(), "00_start_here.ipynb")
    assert 'answer("slope_of_a_curve", 0.5, variant=7)' in text
    assert leaks(text, "00") == []
    shutil.rmtree(copied.root / "assignments")


def test_requirements_are_those_to_run_and_pinned(hw1):
    _, written, _ = hw1
    lines = (written.folder / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert lines[1] == f"backprop-course=={version('backprop-course')}"
    names = [line.split("==")[0] for line in lines[2:]]
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in lines[1:])
    assert {"numpy", "jupyterlab", "ipywidgets"} <= set(names)
    assert not {"pytest", "jupytext", "ruff", "nbgrader", "playwright"} & set(names)
    address = "git+https://example.org/course.git@v1"
    own = releasing.requirements(COURSE, "x", address).splitlines()[1]
    assert own == f"backprop-course @ {address}"


@pytest.mark.parametrize(
    "address", ["course.git", "https://a b", "-r https://x", "https://x\n-e ."]
)
def test_address_that_pip_would_not_take_is_refused(address):
    with pytest.raises(UsageError, match="--course-from is"):
        releasing.requirements(COURSE, "x", address)


def test_instructions_say_when_what_and_how(hw1):
    assignment, written, _ = hw1
    text = (written.folder / "INSTRUCTIONS.md").read_text(encoding="utf-8")
    assert assignment.rule in text
    assert "pip install -r requirements.txt" in text
    assert 'course submit 02 --name "Your Name"' in text
    items = exercises.of_chapter("02")
    assert f"{sum(i.points for i in items)} points in all." in text
    for item in items:
        assert re.search(rf"^\| 02 \| .+ \| `{item.name}` \| {item.points} \|$", text, re.M)


# what is not in it ---------------------------------------------------------------------------


def texts_in(data, name):
    """All texts of a file, those of a notebook without their JSON escapes."""
    if name.endswith(".png"):
        return data.decode("latin-1")
    if not name.endswith(".ipynb"):
        return data.decode()
    found = []

    def collect(value):
        if isinstance(value, str):
            found.append(value)
        elif isinstance(value, list):
            if value and all(isinstance(v, str) for v in value):
                found.append("".join(value))
            else:
                [collect(v) for v in value]
        elif isinstance(value, dict):
            [collect(v) for pair in value.items() for v in pair]

    collect(json.loads(data))
    return "\n".join(found)


def sentences(text):
    return {s.strip() for s in re.split(r"(?<=[.!?])\s+", text) if len(s.strip()) >= 20}


def secrets_of(item):
    """(lines of right and wrong answers, sentences to whoever gave one) of an exercise."""
    if item.kind == "code":
        starter = {line.strip() for line in item.starter.splitlines()}
        lines = {line.strip() for line in item.source.splitlines()} - starter
        said = " ".join(m.message for m in item.misconceptions)
        return {line for line in lines if len(line) >= 12}, sentences(said)
    raw = [*getattr(item, "letters", ()), item.solution]
    mistakes = getattr(item, "mistakes", ())
    if isinstance(mistakes, dict):
        raw += mistakes.values()
        mistakes = ()
    said = [item.judge(answer).message for answer in raw] + [m[2] for m in mistakes]
    return {f"answer={item.solution!r}"}, set().union(*map(sentences, said))


@cache
def public_text(chapter):
    """What every reader of a chapter sees anyway, its white space aside."""
    stored = read_notebook(COURSE.notebook(chapter))
    outputs = [o for c in stored.cells for o in c.get("outputs", ())]
    shown = [o.get("text") or o.get("data", {}).get("text/plain", "") for o in outputs]
    items = exercises.of_chapter(chapter)
    asked = [item.starter if item.kind == "code" else item.prompt for item in items]
    source = COURSE.sources[chapter].read_text(encoding="utf-8")
    return " ".join(" ".join([source, *shown, *asked]).split())


@cache
def secrets_of_chapter(chapter):
    """[(exercise, secret)] of what a reader of the chapter does not see."""
    return [
        (item.name, secret)
        for item in exercises.of_chapter(chapter)
        for secret in sorted(set().union(*secrets_of(item)))
        if " ".join(secret.split()) not in public_text(chapter)
    ]


def leaks(text, chapter):
    """The secrets of a chapter that stand in a text."""
    return [(name, secret) for name, secret in secrets_of_chapter(chapter) if secret in text]


@pytest.mark.parametrize("chapter", ALL)
def test_finder_of_leaks_finds_them(chapter):
    text = texts_in(json.dumps(solved(chapter, COURSE)).encode(), "solved.ipynb")
    codes = {i.name for i in exercises.of_chapter(chapter) if i.kind == "code"}
    questions = {i.name for i in exercises.of_chapter(chapter) if i.kind != "code"}
    found = {name for name, _ in leaks(text, chapter)}
    assert questions <= found
    assert codes & found or chapter == "00"  # the one of chapter 00 is too short to be told
    for item in exercises.of_chapter(chapter):
        hidden = [s for s in secrets_of(item)[1] if (item.name, s) in secrets_of_chapter(chapter)]
        assert hidden or len(secrets_of(item)[1]) < 3
        assert all((item.name, s) in leaks(f"so {s} so", chapter) for s in hidden)


def test_no_file_holds_a_solution_a_misconception_or_the_secret(course, not_run, tmp_path):
    assignment = new("all", ALL)
    written = releasing.release(course, assignment, tmp_path)
    files = files_of(written.folder)
    assert len([name for name in files if name.endswith(".ipynb")]) == len(ALL)
    assert unpack(written.archive.read_bytes()) == {f"all/{n}": d for n, d in files.items()}
    for name, data in files.items():
        text = texts_in(data, name)
        assert assignment.secret not in text
        assert "Your answer:" not in text
        for chapter in ALL:
            own = name.endswith(COURSE.notebook(chapter).name)
            if own or not name.endswith(".ipynb"):
                assert leaks(text, chapter) == [], name


def test_outputs_are_made_anew(hw1):
    _, written, _ = hw1
    data = (written.folder / "02_linear_layer.ipynb").read_bytes()
    text = texts_in(data, "02_linear_layer.ipynb")
    assert leaks(text, "02") == []
    assert "✓ passed" not in text
    assert "Not attempted yet" in text


# the assignment, and what is there already ---------------------------------------------------


def test_command_writes_and_says_it(course, not_run, tmp_path):
    said = command("3", "02", "--to", str(tmp_path), "--due", "2026-12-10T23:59", "--late", "5")
    assignment = find("chapters-02-03", course)
    assert (assignment.chapters, assignment.late_percent) == (("02", "03"), 5)
    points = sum(i.points for c in ("02", "03") for i in exercises.of_chapter(c))
    assert f"{points} points in all. {assignment.rule}" in said
    assert f"wrote {tmp_path / 'chapters-02-03.zip'}" in said
    assert "03_relu.ipynb" in said
    assert "--course-from URL" in said
    assert handing_out.PUBLIC in said
    assert assignment.secret not in said
    assert releasing.default_name(["00"]) == "chapter-00"


def test_nothing_is_replaced_unless_forced_and_the_secret_stays(course, not_run, tmp_path):
    arguments = ["00", "--to", str(tmp_path), "--name", "hw"]
    command(*arguments)
    before, secret = files_of(tmp_path), find("hw", course).secret
    with pytest.raises(CourseError, match="there is an assignment called 'hw' already"):
        command(*arguments)
    shutil.rmtree(course.root / "assignments")
    with pytest.raises(CourseError, match="is there already"):
        command(*arguments)
    assert files_of(tmp_path) == before
    command(*arguments, "--force")
    assert find("hw", course).secret != secret
    secret = find("hw", course).secret
    (tmp_path / "hw" / "left_over.txt").write_text("old", encoding="utf-8")
    said = command(*arguments, "--due", "2026-12-10", "--force")
    assert "its secret is kept" in said
    assert find("hw", course).secret == secret
    assert find("hw", course).due
    assert set(files_of(tmp_path)) == set(before)


def test_forced_release_leaves_alone_what_is_no_release(course, not_run, tmp_path):
    (tmp_path / "hw").mkdir()
    (tmp_path / "hw" / "thesis.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(CourseError, match="is no release"):
        command("00", "--to", str(tmp_path), "--name", "hw", "--force")
    assert files_of(tmp_path) == {"hw/thesis.txt": b"mine"}
    assert not (course.root / "assignments").exists()


@pytest.mark.parametrize("before", [False, True], ids=["new", "replaced"])
def test_nothing_is_half_written(course, not_run, tmp_path, monkeypatch, before):
    if before:
        command("00", "--to", str(tmp_path), "--name", "hw")
    there = files_of(tmp_path)

    def fails(*_):
        raise ExecutionError("00", "1 / 0", "ZeroDivisionError")

    with monkeypatch.context() as patch:
        patch.setattr(releasing, "execute", fails)
        with pytest.raises(ExecutionError):
            command("00", "--to", str(tmp_path), "--name", "hw", "--force")
    assert files_of(tmp_path) == there

    replace_file = releasing.os.replace

    def full(source, target):
        if str(source).endswith(".tmp"):
            raise OSError(28, "No space left on device")
        replace_file(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(releasing.os, "replace", full)
        with pytest.raises(OSError, match="No space"):
            command("00", "--to", str(tmp_path), "--name", "hw", "--force")
    assert files_of(tmp_path) == there
    assert (course.root / "assignments").exists() == before


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["9"], "there is no chapter 9"),
        (["00", "--name", "../x"], "cannot be called"),
        (["00", "--due", "tomorrow"], "is no time"),
        (["00", "--late", "200"], "--late is 200"),
        (["00", "--grace", "-1"], "--grace is -1"),
        (["00", "--variant", "-1"], "--variant is -1"),
        (["00", "--course-from", "here"], "--course-from is 'here'"),
    ],
)
def test_usage_errors_write_nothing(course, not_run, tmp_path, arguments, says):
    with pytest.raises(UsageError, match=says):
        command(*arguments, "--to", str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_course_without_images_or_requirements_says_so(tmp_path):
    bare = Course(tmp_path)
    with pytest.raises(CourseError, match=r"there is no requirements\.txt"):
        releasing.requirements(bare, "x")
    (tmp_path / "requirements.txt").write_text("# Test\npytest==1\n", encoding="utf-8")
    with pytest.raises(CourseError, match="pins nothing"):
        releasing.requirements(bare, "x")
    with pytest.raises(CourseError, match="shows images/a.png, which is not there"):
        releasing._image(bare, "a.png", "00.ipynb")
