"""The instructor's guide says of the exercises what is true of them."""

import re
from pathlib import Path

import pytest

from course_lib import exercises

FOLDER = Path(__file__).parent.parent / "docs" / "instructors"
GUIDE = (FOLDER / "README.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(\w+)` \| (.+) \| ([\w ]+) \| (\d) \| (\d+) \|$", re.M)
HEAD = re.compile(r"^### Chapter (\d\d): (\d+) points, (\d+) minutes$", re.M)
WORDS = {
    "code": "code",
    "choice": "choice",
    "number": "number",
    "predict": "prediction",
    "matrix": "matrix",
    "order": "steps in order",
    "line": "wrong line",
    "graph": "graph",
    "shapes": "shape puzzle",
}


def test_every_exercise_is_in_the_table_as_it_is():
    rows = {name: rest for name, *rest in ROW.findall(GUIDE)}
    items = exercises.load()
    chapters = dict.fromkeys(item.chapter for item in items.values())
    assert list(rows) == [i.name for c in chapters for i in exercises.of_chapter(c)]
    for name, (outcome, kind, points, minutes) in rows.items():
        item = items[name]
        assert (kind, int(points)) == (WORDS[item.kind], item.points), name
        assert int(minutes) == getattr(item, "minutes", int(minutes)), name
        assert 3 <= len(outcome) <= 90


def test_the_sums_of_each_chapter_are_right():
    parts = re.split(HEAD, GUIDE)[1:]
    chapters = [parts[k : k + 4] for k in range(0, len(parts), 4)]
    assert len(chapters) == len({item.chapter for item in exercises.load().values()})
    for _, points, minutes, text in chapters:
        rows = ROW.findall(text)
        assert sum(int(r[3]) for r in rows) == int(points)
        assert sum(int(r[4]) for r in rows) == int(minutes)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.md")), ids=lambda p: p.name)
def test_links_lead_somewhere(path):
    text = path.read_text(encoding="utf-8")
    headings = {
        re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-")
        for h in re.findall(r"^#+ (.*)$", text, re.M)
    }
    for target in re.findall(r"\]\(([^)]+)\)", text):
        if target.startswith("#"):
            assert target[1:] in headings, target
        else:
            assert (FOLDER / target).exists(), target
