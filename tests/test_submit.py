"""`course submit`: what is packed, and reading such a bundle when a stranger made it."""

import hashlib
import io
import json
import struct
import zipfile

import pytest
import typer
from nbformat import v4
from typer.testing import CliRunner

from course_lib import exercises
from course_lib.authoring import Course, UsageError, build, read_notebook, write_notebook
from course_lib.classroom import archive, release
from course_lib.classroom import submit as submitting
from course_lib.classroom.archive import pack, unpack
from course_lib.classroom.assignment import new
from course_lib.classroom.submit import read_bundle
from course_lib.cli import handing_out
from course_lib.progress import Progress
from course_lib.widgets.plain import block

COURSE = Course.find()
ITEMS = exercises.of_chapter("02")
CODE = [item.name for item in ITEMS if item.kind == "code"]
ASKED = [item for item in ITEMS if item.kind != "code"]
CHOICE = next(item for item in ASKED if item.kind == "choice")
RIGHT = CHOICE.solution
WRONG = next(letter for letter in CHOICE.letters if letter != RIGHT)
MINE = "def bias_gradient(dY):\n    return dY.sum(axis=0)  # mine"
NAME = "02_linear_layer.ipynb"


@pytest.fixture
def bundle(tmp_path, monkeypatch):
    """The folder that a student got, without the course around it, seen from inside."""
    monkeypatch.delenv("COURSE_WORK")
    folder = tmp_path / "hw1"
    folder.mkdir()
    notebook, _ = release.adapt(build("02", COURSE), new("hw1", ("02",)))
    write_notebook(folder / NAME, notebook)
    monkeypatch.chdir(folder)
    return folder


def edit(path, change):
    notebook = read_notebook(path)
    change(notebook, {c.id: c for c in notebook.cells})
    write_notebook(path, notebook)


def command(*arguments):
    """Runs `course submit` on its own; returns what it said. Raises what it raises."""
    local = typer.Typer()
    local.command()(handing_out.submit)
    result = CliRunner().invoke(local, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


# packing -------------------------------------------------------------------------------------


def test_bundle_holds_notebook_answers_and_manifest(bundle):
    edit(bundle / NAME, lambda _, cells: cells["bias_gradient-answer"].update(source=MINE))
    progress = Progress("02", bundle / "work")
    progress.save(CHOICE.judge(WRONG), answer=WRONG)
    said = command("2", "--name", "Ada Lovelace")
    path = bundle / "02_Ada_Lovelace_submission.zip"
    members = unpack(path.read_bytes())
    assert list(members) == [NAME, "answers.json", "manifest.json"]
    assert members[NAME] == (bundle / NAME).read_bytes()
    assert json.loads(members["answers.json"]) == {CHOICE.name: WRONG}
    manifest = json.loads(members["manifest.json"])
    assert manifest["format"] == 1
    assert (manifest["chapter"], manifest["assignment"]) == ("02", "hw1")
    assert manifest["name"] == "Ada Lovelace"
    assert manifest["packed"][:2] == "20"
    assert manifest["sha256"][NAME] == hashlib.sha256(members[NAME]).hexdigest()
    assert set(manifest["sha256"]) == {NAME, "answers.json"}
    assert f"1 of {len(CODE)} code answers changed" in said
    assert f"1 of {len(ASKED)} questions answered" in said
    untouched = next(line for line in said.splitlines() if line.startswith("Not worked on"))
    assert set(untouched.split(": ")[1].split(", ")) == {i.name for i in ITEMS} - {
        "bias_gradient",
        CHOICE.name,
    }
    assert "Hand in this file: 02_Ada_Lovelace_submission.zip" in said
    notebook, answers, told = read_bundle(path)
    assert (notebook, answers) == (members[NAME], {CHOICE.name: WRONG})
    assert told["remarks"] == []
    assert told["name"] == "Ada Lovelace"


def test_no_verdict_or_point_is_packed(bundle):
    Progress("02", bundle / "work").save(CHOICE.judge(RIGHT), answer=RIGHT)
    command("02", "--name", "x")
    members = unpack((bundle / "02_x_submission.zip").read_bytes())
    rest = (members["answers.json"] + members["manifest.json"]).decode()
    assert json.loads(members["answers.json"]) == {CHOICE.name: RIGHT}
    assert not any(word in rest for word in ("passed", "points", "status", "score"))


def test_progress_wins_over_the_block_and_a_right_answer_over_a_later_one(bundle):
    other = next(item for item in ASKED if item.kind == "matrix")
    stored = {CHOICE.name: WRONG, other.name: other.solution}
    text = block({"02": stored, "03": {"hidden_activation": 1}})

    def answered(notebook, _):
        notebook.cells[-1].outputs = [v4.new_output("stream", text=text)]

    edit(bundle / NAME, answered)
    command("02", "--name", "a")
    assert read_bundle(bundle / "02_a_submission.zip")[1] == stored
    progress = Progress("02", bundle / "work")
    progress.save(CHOICE.judge(RIGHT), answer=RIGHT)
    progress.save(CHOICE.judge(WRONG), answer=WRONG)
    command("02", "--name", "b")
    assert read_bundle(bundle / "02_b_submission.zip")[1] == stored | {CHOICE.name: RIGHT}


def test_right_answer_to_other_numbers_does_not_count(bundle):
    asked = exercises.find("slope_of_a_curve")
    varied = next(v for v in map(asked.varied, range(9)) if v.answer != asked.answer)
    notebook, _ = release.adapt(build("00", COURSE), new("v", ("00",), variant=varied.variant))
    write_notebook(bundle / "00_start_here.ipynb", notebook)
    progress = Progress("00", bundle / "work")
    progress.save(asked.judge(asked.solution), answer=asked.solution)
    progress.save(varied.judge(123), answer=123)
    command("00", "--name", "a")
    assert read_bundle(bundle / "00_a_submission.zip")[1] == {asked.name: 123}
    progress.save(varied.judge(varied.solution), answer=varied.solution)
    progress.save(varied.judge(123), answer=123)
    command("00", "--name", "b")
    assert read_bundle(bundle / "00_b_submission.zip")[1] == {asked.name: varied.solution}


def test_work_folder_may_be_named(bundle, monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_WORK", str(tmp_path / "elsewhere"))
    Progress("02", tmp_path / "elsewhere").save(CHOICE.judge(RIGHT), answer=RIGHT)
    command("02", "--name", "a")
    assert read_bundle(bundle / "02_a_submission.zip")[1] == {CHOICE.name: RIGHT}


def test_nothing_is_replaced(bundle):
    for _ in range(3):
        command("02", "--name", "a")
    assert sorted(p.name for p in bundle.glob("*.zip")) == [
        "02_a_submission-2.zip",
        "02_a_submission-3.zip",
        "02_a_submission.zip",
    ]
    assert sorted(p.name for p in bundle.iterdir() if p.suffix != ".zip") == [NAME]


@pytest.mark.parametrize(
    ("name", "stem"),
    [("../../x", "x"), ("Zoë Müller", "Zoë_Müller"), ("a/b\\c:d", "a_b_c_d"), ("...", "unnamed")],
)
def test_name_becomes_part_of_a_file_name(bundle, name, stem):
    command("02", "--name", name)
    path = bundle / f"02_{stem}_submission.zip"
    assert read_bundle(path)[2]["name"] == name


def test_login_stands_in_for_the_name(bundle, monkeypatch):
    monkeypatch.setattr(submitting.getpass, "getuser", lambda: "ada")
    assert "02_ada_submission.zip" in command("02")

    def nobody():
        raise KeyError("uid not found")

    monkeypatch.setattr(submitting.getpass, "getuser", nobody)
    with pytest.raises(UsageError, match="--name"):
        command("02")


def test_broken_cells_and_lost_metadata_are_no_reason_to_refuse(bundle):
    def broken(notebook, cells):
        cells["bias_gradient-answer"].source = "def bias_gradient(dY:\n    ???"
        cells["weight_gradient-answer"].source = "weight_gradient = lambda X, dY: X.T @ dY"
        notebook.metadata = {}
        moved = v4.new_code_cell("x = 1\ndef input_gradient(dY, W):\n    return dY @ W.T")
        notebook.cells.append(moved)
        for cell in notebook.cells:
            cell.metadata = {}

    edit(bundle / NAME, broken)
    said = command(NAME, "--name", "a")
    assert f"3 of {len(CODE)} code answers changed" in said
    assert read_bundle(bundle / "02_a_submission.zip")[2]["assignment"] == ""


def test_starter_of_an_older_version_is_untouched(bundle):
    old = "def bias_gradient(dY):\n    # an older starter\n    raise NotImplementedError"

    def older(_, cells):
        cell = cells["bias_gradient-answer"]
        cell.source = old
        cell.metadata["course"]["starter"] = submitting.digest(old)

    edit(bundle / NAME, older)
    assert f"0 of {len(CODE)} code answers changed" in command("02", "--name", "a")


def test_file_may_be_named_and_its_chapter_is_found(bundle, tmp_path):
    (bundle / NAME).rename(bundle / "final version.ipynb")
    out = tmp_path / "out"
    out.mkdir()
    command("final version.ipynb", "--to", str(out), "--name", "a")
    assert read_bundle(out / "02_a_submission.zip")[2]["chapter"] == "02"

    def stripped(notebook, _):
        notebook.metadata = {}

    edit(bundle / "final version.ipynb", stripped)
    command("final version.ipynb", "--name", "a")  # its exercises tell
    write_notebook(bundle / "mine.ipynb", v4.new_notebook())
    with pytest.raises(UsageError, match=r"mine\.ipynb is no chapter of this course"):
        command("mine.ipynb")


def test_chapter_is_found_in_a_course_too(tmp_path, monkeypatch):
    (tmp_path / "chapters" / "source").mkdir(parents=True)
    (tmp_path / "chapters" / "source" / "02_small.md").write_text("# x", encoding="utf-8")
    (tmp_path / "deeper" / "still").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"there is no notebook 02_….ipynb in"):
        command("02")
    path = tmp_path / "chapters" / "02_small.ipynb"
    write_notebook(path, build("02", COURSE))
    command("02", "--name", "a")
    monkeypatch.chdir(tmp_path / "deeper" / "still")
    said = command("02", "--name", "a")
    assert f"packed {path}" in said
    assert (tmp_path / "02_a_submission.zip").is_file()
    assert (tmp_path / "deeper" / "still" / "02_a_submission.zip").is_file()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["9"], "there is no chapter 9; there are 00"),
        (["x"], "there is no chapter x"),
        (["nowhere.ipynb"], "there is no file nowhere.ipynb"),
        (["02", "--to", "nowhere"], "there is no folder nowhere"),
        (["broken.ipynb"], "JSON breaks at line 1"),
        (["empty.ipynb"], "is not a notebook"),
    ],
)
def test_usage_errors(bundle, arguments, says):
    (bundle / "broken.ipynb").write_text('{"cells": [', encoding="utf-8")
    (bundle / "empty.ipynb").write_text("", encoding="utf-8")
    with pytest.raises(UsageError, match=says):
        command(*arguments)
    assert not list(bundle.glob("*.zip"))


def test_two_notebooks_of_a_chapter_are_named(bundle):
    (bundle / "02_linear_layer-Copy1.ipynb").write_bytes((bundle / NAME).read_bytes())
    with pytest.raises(UsageError, match=r"2 notebooks of chapter 02: .*Copy1.*, 02_linear"):
        command("02")


def test_damaged_progress_is_said_and_the_rest_is_packed(bundle):
    (bundle / "work").mkdir()
    (bundle / "work" / "ch02.json").write_text("{", encoding="utf-8")
    assert "could not be understood" in command("02", "--name", "a")
    assert read_bundle(bundle / "02_a_submission.zip")[1] == {}


def test_notebook_that_is_too_large_is_refused(bundle, monkeypatch):
    monkeypatch.setattr(submitting, "MOST_BYTES", 2000)
    with pytest.raises(UsageError, match="clear its outputs"):
        command("02")


# reading -------------------------------------------------------------------------------------


def bundle_of(**changed):
    """A bundle's members, some of them changed (None: left out)."""
    members = {"nb.ipynb": b'{"cells": []}', "answers.json": b'{"q": 1}'}
    sums = {name: hashlib.sha256(data).hexdigest() for name, data in members.items()}
    members["manifest.json"] = json.dumps({"name": "Ada", "sha256": sums}).encode()
    for name, data in changed.items():
        members[f"{name}.ipynb" if name == "nb" else f"{name}.json"] = data
    return {name: data for name, data in members.items() if data is not None}


def test_order_folders_and_what_a_mac_adds_do_not_matter():
    members = {f"Ada's work/{name}": data for name, data in reversed(bundle_of().items())}
    members |= {"__MACOSX/Ada's work/._nb.ipynb": b"x", ".DS_Store": b"x", "Ada's work/": b""}
    notebook, answers, manifest = read_bundle(pack(members))
    assert notebook == b'{"cells": []}'
    assert answers == {"q": 1}
    assert manifest == {"name": "Ada", "remarks": []}


@pytest.mark.parametrize(
    ("changed", "remark"),
    [
        ({"nb": b"{}"}, "nb.ipynb was changed after it was packed"),
        ({"answers": b'{"q": 2}'}, "answers.json was changed after it was packed"),
        ({"answers": None}, "it holds no files answers.json, expected one"),
        ({"answers": b"[1]"}, "answers.json could not be read: not a table"),
        ({"answers": b"[" * 100_000}, "answers.json could not be read: "),
        ({"answers": b'{"q": ' + b"9" * 5000 + b"}"}, "answers.json could not be read: "),
        ({"answers": b"\xff"}, "answers.json could not be read: "),
        ({"manifest": None}, "it holds no files manifest.json, expected one"),
        ({"manifest": b"?"}, "manifest.json could not be read: "),
    ],
)
def test_what_is_odd_is_a_remark(changed, remark):
    notebook, answers, manifest = read_bundle(pack(bundle_of(**changed)))
    assert notebook == changed.get("nb", b'{"cells": []}')
    assert any(r.startswith(remark) for r in manifest["remarks"])
    assert answers == {} or "answers" not in changed or changed["answers"] == b'{"q": 2}'


def test_manifest_cannot_say_more_than_it_may():
    told = {
        "name": "x" * 10_000,
        "chapter": ["02"],
        "remarks": ["all is well"],
        "score": 100,
        "sha256": "none",
        "assignment": "hw1",
    }
    changed = bundle_of(manifest=json.dumps(told).encode())
    manifest = read_bundle(pack(changed))[2]
    assert manifest == {"name": "x" * 200, "assignment": "hw1", "remarks": []}


def zipped(**options):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", **options) as target:
        target.writestr("nb.ipynb", "0" * 5000)
    return content.getvalue()


def damaged():
    data = bytearray(pack({"nb.ipynb": b"0123456789" * 100}))
    data[45] ^= 0xFF
    return bytes(data)


def twice():
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as target:
        target.writestr("nb.ipynb", "1")
        with pytest.warns(UserWarning, match="Duplicate"):
            target.writestr("nb.ipynb", "2")
    return content.getvalue()


def locked():
    data = bytearray(zipped())
    for at in (6, data.index(b"PK\1\2") + 8):
        data[at] |= 1
    return bytes(data)


def endless_list():
    """The end of a zip file that claims a list of members of 3 MB."""
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 9, 9, 3 * 2**20, 0, 0)
    return b"\0" * (3 * 2**20) + end


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: b"", "no zip file"),
        (lambda: b"not a zip", "no zip file"),
        (lambda: pack(bundle_of())[:-30], "no zip file"),
        (damaged, "damaged"),
        (twice, r"two members called 'nb\.ipynb'"),
        (locked, "locked with a password"),
        (endless_list, "list of members is too long"),
        (lambda: zipped(compression=zipfile.ZIP_BZIP2), "packed in a way other than deflate"),
        (lambda: zipped(compression=zipfile.ZIP_LZMA), "packed in a way other than deflate"),
        (lambda: pack({f"{i}.txt": b"" for i in range(101)}), "101 members, 100 at most"),
        (lambda: pack({"answers.json": b"{}"}), "holds no notebooks"),
        (lambda: pack({"a.ipynb": b"", "b.ipynb": b""}), "holds 2 notebooks.*'a.ipynb'"),
    ],
)
def test_what_cannot_be_read_is_refused_in_words(make, says):
    with pytest.raises(ValueError, match=says):
        read_bundle(make())


def test_bombs_are_refused_before_they_are_unpacked(monkeypatch, tmp_path):
    bomb = pack({"nb.ipynb": b"0" * (8 * 2**20), "b.txt": b"0" * (8 * 2**20)})
    assert len(bomb) < 50_000
    assert len(unpack(bomb)) == 2
    with pytest.raises(ValueError, match="unpacked it is larger than 9 MB"):
        unpack(bomb, most=9 * 2**20)
    read = []
    opened = zipfile.ZipExtFile.read

    def counted(self, size=-1):
        piece = opened(self, size)
        read.append(len(piece))
        return piece

    monkeypatch.setattr(zipfile.ZipExtFile, "read", counted)
    with pytest.raises(ValueError, match="larger than 2 MB"):
        unpack(bomb, most=2 * 2**20)
    assert sum(read) <= 3 * 2**20
    monkeypatch.setattr(submitting, "MOST_BYTES", 1000)
    (tmp_path / "a.zip").write_bytes(bomb)
    with pytest.raises(ValueError, match="it is larger than"):
        read_bundle(tmp_path / "a.zip")


def test_nothing_is_written_where_names_lead_outside(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    members = {"../nb.ipynb": b"{}", "/answers.json": b'{"q": "../x"}', "manifest.json": b"{}"}
    notebook, answers, _ = read_bundle(pack(members))
    assert (notebook, answers) == (b"{}", {"q": "../x"})
    assert list(tmp_path.iterdir()) == []


def test_packing_the_same_gives_the_same_bytes():
    members = bundle_of()
    assert pack(members) == pack(dict(members))
    assert archive.unpack(pack(members)) == members
