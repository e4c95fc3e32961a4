"""CONTRIBUTING.md, followed to the letter in a copy of the project."""

import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
MODULE = "course_lib/exercises/ch02_linear_layer.py"


def blocks(heading, language="python"):
    """The code blocks of a section."""
    section = re.search(rf"^## {heading}$(.*?)(?=^## |\Z)", TEXT, re.S | re.M).group(1)
    found = re.findall(rf"^( *)```{language}\n(.*?)^\1```$", section, re.S | re.M)
    return [textwrap.dedent(code) for _, code in found]


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("contributor")
    unwanted = shutil.ignore_patterns("__pycache__", "mnist.npz", "screenshots")
    for name in ("course_lib", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=unwanted)
    for name in ("pyproject.toml", "conftest.py"):
        shutil.copy(ROOT / name, folder)
    (folder / "chapters" / "source").mkdir(parents=True)
    module = folder / MODULE
    text = module.read_text(encoding="utf-8")
    added = "\n\n".join(blocks("Add an exercise") + blocks("Add a misconception"))
    assert "\n# Questions ---" in text
    text = text.replace("\n# Questions ---", f"\n{added}\n\n# Questions ---")
    module.write_text(text, encoding="utf-8")
    start = folder / "course_lib/exercises/ch00_start_here.py"
    with start.open("a", encoding="utf-8") as file:
        file.write("\n\n" + "\n".join(blocks("Add a question")))
    name, case = blocks("Add an operation", "text")
    (code,) = blocks("Add an operation")
    insert(folder / "course_lib/autograd/ops.py", "\n__all__ = [\n", name)
    insert(folder / "course_lib/autograd/ops.py", "\n# reductions ---", f"{code}\n\n", before=True)
    insert(folder / "tests/test_autograd_ops.py", "\nELEMENTWISE = {\n", case)
    return folder


def insert(file, mark, addition, before=False):
    text = file.read_text(encoding="utf-8")
    assert text.count(mark) == 1, f"{mark!r} is there {text.count(mark)} times"
    added = addition + mark if before else f"{mark}{addition}\n"
    file.write_text(text.replace(mark, added), encoding="utf-8")


def run(folder, *command):
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
    )


def test_what_is_added_passes_the_mutation_test(copy):
    result = run(
        copy, "pytest", "-o", "addopts=", "-q", "tests/test_exercises.py",
        "-k", "clip_gradient or bias_gradient or slope_of_a_line",
    )  # fmt: skip
    assert result.returncode == 0, result.stdout


def test_the_operation_that_is_added_passes_the_tests_of_all_operations(copy):
    files = "tests/test_autograd_ops.py", "tests/test_autograd_transforms.py"
    result = run(copy, "pytest", "-o", "addopts=", "-q", *files, "-k", "arctan or forgotten")
    assert result.returncode == 0, result.stdout
    assert int(re.search(r"(\d+) passed", result.stdout).group(1)) > 5, result.stdout


def test_what_is_added_is_clean(copy):
    formatted = run(copy, "ruff", "format", ".")
    assert formatted.returncode == 0, formatted.stderr
    checked = run(copy, "ruff", "check", ".")
    assert checked.returncode == 0, checked.stdout


def test_the_misconception_is_named_once_it_is_added(copy):
    command = re.search(r'^ *python -c "(.*)"$', TEXT, re.M).group(1)
    before = run(ROOT, "timeit", "-n1", "-r1", command)
    result = subprocess.run(
        [sys.executable, "-c", command],
        cwd=copy,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
    )
    assert "square root" not in before.stdout
    assert "Your db is the square root of the right one" in result.stdout, result.stderr
