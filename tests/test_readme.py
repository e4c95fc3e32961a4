"""The README's commands, and what it claims."""

import re
import sys
import urllib.request
from pathlib import Path

from tests.browser_lab import jupyterlab

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_two_commands_stand_at_the_top():
    commands = re.findall(r"^pip install .*$", README, re.M)
    assert commands == [
        "pip install -r requirements.txt && jupyter lab chapters/00_start_here.ipynb",
        "pip install -r requirements.txt && pytest",
    ]
    assert README.index(commands[1]) < README.index("![") < README.index("## What is in it")


def test_the_notebook_that_is_opened_exists_and_is_served(tmp_path):
    notebook = ROOT / "chapters" / "00_start_here.ipynb"
    served = tmp_path / "chapters" / notebook.name
    served.parent.mkdir()
    served.write_bytes(notebook.read_bytes())
    with jupyterlab(tmp_path) as address:
        with urllib.request.urlopen(f"{address}/lab/tree/chapters/{notebook.name}") as page:
            assert page.status == 200
        with urllib.request.urlopen(f"{address}/api/contents/chapters/{notebook.name}") as file:
            assert b"check(double)" in file.read()


def test_every_chapter_is_in_the_table():
    chapters = sorted(p.name for p in (ROOT / "chapters").glob("*.ipynb"))
    assert chapters == re.findall(r"^\| \[.*\]\(chapters/(.*?)\) \|", README, re.M)


def test_every_command_is_listed():
    from course_lib.cli.app import app

    names = {c.name or c.callback.__name__ for c in app.registered_commands}
    assert names == set(re.findall(r"^\| `course (\w+)", README, re.M))


def test_local_links_lead_somewhere():
    for name in ("README.md", "CONTRIBUTING.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)]+)\)", text):
            if not target.startswith("http"):
                assert (ROOT / target).exists(), target


def test_python_is_what_the_readme_asks_for():
    assert sys.version_info >= (3, 11)
