"""The layers of the package: who may import whom, and what loads lazily."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import course_lib

PACKAGE = Path(course_lib.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
LEVELS = (  # each may import what stands before it, and its own part of the package
    {"functional", "initializers", "datasets", "gradcheck", "pieces", "saving"},
    {"layers", "losses", "autograd"},
    {"optimizers", "training", "weights"},
    {"grading"},
    {"sandbox"},
    {"exercises"},
    {"progress"},
    {"viz", "selftest"},
    {"explorers"},
    {"widgets"},
    {"authoring"},
    {"classroom"},
    {"cli"},
)
SIDEWAYS = {  # within a level, who imports whom
    ("initializers", "functional"),
    ("losses", "layers"),
    ("training", "optimizers"),
}
POSIX_ONLY = {"crypt", "fcntl", "grp", "posix", "pty", "pwd", "resource", "termios", "tty"}
LINUX_ONLY = {
    f"sandbox/{name}.py" for name in ("forked", "layers", "zygote")
}  # imported there alone, on use
LEVEL = {part: i for i, parts in enumerate(LEVELS) for part in parts}


def part_of(path):
    """The part of the package a file belongs to: "layers", "widgets", …; "" for the root."""
    first = path.relative_to(PACKAGE).parts[0]
    return "" if first == "__init__.py" else first.removesuffix(".py")


def imports_of(path, text=None):
    """The dotted names that a file imports anywhere, with relative ones written out."""
    package = ["course_lib", *path.relative_to(PACKAGE).parts[:-1]]
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8") if text is None else text)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else []
            base = ".".join([*base, *filter(None, [node.module])])
            found += [f"{base}.{alias.name}" for alias in node.names]
    return found


def parts_imported(path, text=None):
    names = (n.split(".") for n in imports_of(path, text) if n.split(".")[0] == "course_lib")
    return {n[1] for n in names if len(n) > 1 and n[1] in LEVEL}


def upward(path, text=None):
    """The parts that a file must not import and does."""
    own = part_of(path)
    return {
        p
        for p in parts_imported(path, text)
        if p != own and (own, p) not in SIDEWAYS and LEVEL[p] >= LEVEL[own]
    }


def test_every_part_has_a_level():
    assert {part_of(p) for p in FILES} - {""} <= set(LEVEL)


@pytest.mark.parametrize(
    "path", [p for p in FILES if part_of(p)], ids=lambda p: p.relative_to(PACKAGE).as_posix()
)
def test_imports_go_downward_only(path):
    assert upward(path) == set()


def test_the_check_itself_sees_forbidden_imports():
    layers, core = PACKAGE / "layers.py", PACKAGE / "autograd" / "core.py"
    assert upward(layers, "from course_lib.autograd import grad") == {"autograd"}
    assert upward(core, "def f():\n    from ..layers import Linear") == {"layers"}
    assert upward(layers, "from course_lib import widgets, functional") == {"widgets"}
    assert upward(PACKAGE / "grading" / "judging.py", "import course_lib.exercises") == {
        "exercises"
    }


def test_autograd_core_does_not_import_ops():
    assert not [
        (path, name)
        for path in (PACKAGE / "autograd").glob("*core*.py")
        for name in imports_of(path)
        if re.search(r"\bops\b", name)
    ]


@pytest.mark.parametrize(
    "path",
    [p for p in FILES if part_of(p) in ("grading", "exercises")],
    ids=lambda p: p.relative_to(PACKAGE).as_posix(),
)
def test_grading_and_exercises_need_numpy_and_the_standard_library_only(path):
    own = {"exercises", "datasets", "autograd"}
    allowed = own | {"grading"} if part_of(path) == "exercises" else {"grading"}
    for name in imports_of(path):
        first = name.split(".")[0]
        third = {"numpy", "threadpoolctl"} if part_of(path) == "exercises" else {"numpy"}
        assert first in third | {"course_lib"} | set(sys.stdlib_module_names), name
    assert parts_imported(path) <= allowed


@pytest.mark.parametrize(
    "path",
    [p for p in FILES if p.relative_to(PACKAGE).as_posix() not in LINUX_ONLY],
    ids=lambda p: p.relative_to(PACKAGE).as_posix(),
)
def test_nothing_needs_posix_or_a_path_of_one_machine(path):
    assert not POSIX_ONLY & {n.split(".")[0] for n in imports_of(path)}
    text = path.read_text(encoding="utf-8")
    for pattern in (
        r"signal\.(alarm|setitimer|SIGKILL)",
        r"os\.(fork|getuid|killpg|setsid)\b",
        r"\.\./shared",
        r"[\"'/](work|home|tmp|shared)/",
    ):
        assert not re.search(pattern, text), pattern


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import course_lib", ("matplotlib", "ipywidgets", "IPython", "numpy")),
        ("from course_lib import check, ask", ("matplotlib", "anywidget")),
        ("from course_lib import judge", ("matplotlib", "ipywidgets", "IPython")),
        ("from course_lib import cli", ("typer", "rich", "matplotlib", "ipywidgets")),
    ],
)
def test_heavy_libraries_load_on_first_use(code, absent):
    shown = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "course_lib" in shown.stdout.split()
    assert not set(absent) & set(shown.stdout.split())
