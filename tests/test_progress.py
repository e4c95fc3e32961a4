"""Progress: kept, restored, and never lost, whatever happens to the file."""

import json
import os
from pathlib import Path

import pytest

from course_lib import progress
from course_lib.grading import Finding, Verdict
from course_lib.progress import Progress, overview, work_folder


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    work = tmp_path / "work"
    monkeypatch.setenv("COURSE_WORK", str(work))
    return work


def verdict(status="failed", message="no", name="bias_gradient", **more):
    return Verdict(name, status, 2 if status == "passed" else 0, 2, message, **more)


def test_an_attempt_is_there_for_the_next_kernel(folder):
    Progress("02").save(verdict(misconception="averaged"), source="def bias_gradient(): …")
    record = Progress("02").record("bias_gradient")
    assert record["status"] == "failed"
    assert record["misconception"] == "averaged"
    assert record["source"] == "def bias_gradient(): …"
    assert (record["attempts"], record["points"]) == (1, 0)
    assert [p.name for p in folder.iterdir()] == ["ch02.json"]


def test_what_was_passed_stays_passed():
    Progress("02").save(verdict("passed"), source="right")
    Progress("02").save(verdict("failed"), source="wrong")
    record = Progress("02").record("bias_gradient")
    assert record["passed"] is True
    assert (record["points"], record["attempts"], record["status"]) == (2, 2, "failed")
    assert (record["source"], record["passed_source"]) == ("wrong", "right")


def test_first_newest_and_right_answers_are_kept_apart():
    for status, answer in (("failed", "a"), ("passed", "c"), ("failed", "b")):
        Progress("02").save(verdict(status), answer=answer)
    record = Progress("02").record("bias_gradient")
    assert [record[k] for k in ("first_answer", "passed_answer", "answer")] == ["a", "c", "b"]


def test_a_matrix_begun_is_kept_but_is_no_attempt():
    begun = verdict(finding=Finding("unfinished", "bias_gradient", 1))
    Progress("02").save(begun, answer=[["1", None]])
    record = Progress("02").record("bias_gradient")
    assert (record["attempts"], record["answer"]) == (0, [["1", None]])
    assert "first_answer" not in record


def test_what_was_not_attempted_leaves_no_file(folder):
    Progress("02").save(verdict("not attempted"), source="starter")
    assert not folder.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"exercises": []}',
        b'{"exercises": {"bias_gradient": 3}}',
        b'{"exercises": {"bias_gradient": {"attempts": "many"}}}',
        b"[" * 100_000,
    ],
    ids=["empty", "cut", "list", "bytes", "no table", "no record", "no count", "deep"],
)
def test_a_broken_file_is_set_aside_whole(folder, content):
    Progress("01").save(verdict(name="quadratic_chain"))
    (folder / "ch02.json").write_bytes(content)
    broken = Progress("02")
    assert broken.read() == {}
    (aside,) = folder.glob("ch02.broken-*.json")
    assert aside.read_bytes() == content
    assert aside.name in broken.warning
    broken.save(verdict("passed"))
    assert Progress("02").record("bias_gradient")["passed"] is True
    assert Progress("01").record("quadratic_chain")["attempts"] == 1


def test_where_nothing_can_be_written_the_course_works_on(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    monkeypatch.setenv("COURSE_WORK", str(tmp_path / "file" / "work"))
    kept = Progress("02")
    kept.save(verdict("passed"), source="mine")
    assert "could not be saved" in kept.warning
    assert "work on" in kept.warning
    assert Progress("02").record("bias_gradient")["source"] == "mine"
    (tmp_path / "file").unlink()  # now it can: what was only remembered is written too
    Progress("02").save(verdict(name="weight_gradient"))
    stored = json.loads((tmp_path / "file" / "work" / "ch02.json").read_text(encoding="utf-8"))
    assert set(stored["exercises"]) == {"bias_gradient", "weight_gradient"}


def test_a_file_that_cannot_be_read_is_not_written_over(folder, monkeypatch):
    Progress("02").save(verdict("passed"), source="mine")
    before = (folder / "ch02.json").read_bytes()

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as m:
        m.setattr(Path, "read_text", refuse)
        kept = Progress("02")
        kept.save(verdict(name="weight_gradient"))
        assert "could not be read" in kept.warning
    assert (folder / "ch02.json").read_bytes() == before
    assert set(Progress("02").read()) == {"bias_gradient", "weight_gradient"}


@pytest.mark.parametrize("failure", [KeyboardInterrupt, PermissionError(13, "in use")])
def test_a_write_that_is_cut_off_leaves_the_old_file_and_no_litter(folder, monkeypatch, failure):
    Progress("02").save(verdict("passed"), source="mine")
    before = (folder / "ch02.json").read_bytes()

    def fail(*_):
        raise failure

    with monkeypatch.context() as m:
        m.setattr(os, "replace", fail)
        if failure is KeyboardInterrupt:
            with pytest.raises(KeyboardInterrupt):
                Progress("02").save(verdict())
        else:
            Progress("02").save(verdict())
    assert [p.name for p in folder.iterdir()] == ["ch02.json"]
    assert (folder / "ch02.json").read_bytes() == before


def test_text_that_is_no_valid_unicode_is_kept():
    Progress("02").save(verdict(), source="'\udc80 é ✗'")
    assert Progress("02").record("bias_gradient")["source"] == "'\udc80 é ✗'"


def test_work_is_beside_the_notebook_even_after_chdir(monkeypatch, tmp_path):
    monkeypatch.delenv("COURSE_WORK")
    monkeypatch.chdir(tmp_path)
    assert work_folder() == progress._START / "work"
    assert work_folder() != tmp_path / "work"


def test_overview_tells_open_tried_and_passed_apart():
    Progress("02").save(verdict("passed"))
    Progress("02").save(verdict(name="weight_gradient"))
    rows = {row[1]: row for row in overview()}
    assert rows["bias_gradient"][3:] == ("passed", 2, 2, 1)
    assert rows["weight_gradient"][3:5] == ("tried", 0)
    assert rows["input_gradient"][3] == "open"
    assert [r[0] for r in overview()] == sorted(r[0] for r in overview())
