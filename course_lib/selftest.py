"""The environment self-test: whether this machine has what the course needs, and how to mend it."""

import json
import re
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from course_lib.progress import work_folder

DISTRIBUTION = "backprop-course"
INSTALL = "In a terminal, in the course's folder: python -m pip install -r requirements.txt"


class Check(NamedTuple):
    """One line of the self-test. name: the same on every machine. mend: what to do if not ok."""

    name: str
    ok: bool
    detail: str = ""
    mend: str = ""


def run(folder=None):
    """All checks, as a list of `Check`; a check that fails to run counts as failed.

    folder: the work folder, by default the one of this notebook.
    """
    found = []
    for name, test in (
        ("Python", _python),
        ("packages", _packages),
        ("widgets", _widgets),
        ("data", _data),
        ("work folder", lambda: _work_folder(folder or work_folder())),
    ):
        try:
            found += test()
        except Exception as error:  # a broken machine may raise anything
            found.append(Check(name, False, f"{type(error).__name__}: {error}", INSTALL))
    return found


def _python():
    ok = sys.version_info >= (3, 11)
    return [
        Check(
            "Python 3.11 or newer",
            ok,
            f"This is Python {sys.version.split()[0]}.",
            "Install Python 3.11 or newer from python.org, and the course with it.",
        )
    ]


def _numbers(version):
    return tuple(int(n) for n in re.findall(r"\d+", version.split("+")[0])[:3])


def _packages():
    try:
        wanted = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return [
            Check(
                "the course is installed",
                False,
                "The package course_lib is not installed.",
                INSTALL,
            )
        ]
    checks = []
    for requirement in wanted:
        match = re.fullmatch(r"([\w.-]+)>=([\d.]+)", requirement)
        if match is None:  # an extra, which learners need not have
            continue
        package, least = match.groups()
        try:
            have = metadata.version(package)
            ok, detail = _numbers(have) >= _numbers(least), f"{package} {have} is installed."
        except metadata.PackageNotFoundError:
            ok, detail = False, f"{package} is not installed."
        checks.append(Check(f"{package} {least} or newer", ok, detail, INSTALL))
    return checks


def _widgets():
    from jupyter_core.paths import jupyter_path

    wanted = (  # what JupyterLab loads: folder, least major version, package, what it is for
        ("@jupyter-widgets/jupyterlab-manager", 5, "jupyterlab-widgets", "the cards"),
        ("anywidget", 0, "anywidget", "the explorers' sliders and pictures"),
    )
    return [_extension(jupyter_path("labextensions"), *one) for one in wanted]


def _extension(folders, name, least, package, purpose):
    found = next((f for p in folders if (f := Path(p, name, "package.json")).is_file()), None)
    mend = (
        f"Run: python -m pip install --force-reinstall {package}, then restart JupyterLab and "
        "reload the page."
    )
    if found is None:
        missing = f"JupyterLab has no {package}, so {purpose} will not show."
        return Check(f"{package} in JupyterLab", False, missing, mend)
    major = int(json.loads(found.read_text(encoding="utf-8"))["version"].split(".")[0])
    detail = f"{package} in JupyterLab has major version {major}; {least} or more is wanted."
    return Check(f"{package} in JupyterLab", major >= least, detail, mend)


def _data():
    from course_lib.datasets import check_data

    ok, sentence = check_data()
    return [
        Check(
            "MNIST data, complete and unchanged",
            ok,
            sentence,
            "" if ok else "Put the file back, or download the course again.",
        )
    ]


def _work_folder(folder):
    try:
        there = folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
        if not there:
            folder.rmdir()
    except OSError as error:
        return [
            Check(
                "your work can be saved",
                False,
                f"{folder} cannot be written ({error.strerror}).",
                "Move the course to a folder of your own, or set "
                "COURSE_WORK to a folder that you may write.",
            )
        ]
    return [Check("your work can be saved", True, f"In {folder}.")]
