"""The commands for instructors: what they take and what they say."""

import os
import re
from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from course_lib.authoring import Course, UsageError
from course_lib.classroom import assignment as assignments
from course_lib.classroom import run, tables, writing


def _say(text):
    print(text, flush=True)


def _progress(total):
    # A rate and the time left; nothing where nobody looks.
    return tqdm(total=total, unit="notebook", disable=None, dynamic_ncols=True)


def _shard(text):
    """(i, n) from "i/n". Raises UsageError."""
    match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
    i, n = map(int, match.groups()) if match else (0, 0)
    if not 1 <= i <= n:
        raise UsageError(f"--shard is {text}, expected i/n with i from 1 to n, such as 3/8")
    return i, n


def grade(
    places: Annotated[list[Path], typer.Argument(metavar="SUBMISSIONS")],
    assignment: Annotated[
        str, typer.Option("--assignment", help="The assignment's name, or its .json file.")
    ],
    to: Annotated[Path, typer.Option("--to", help="Folder for grades, feedback and report.")],
    workers: Annotated[
        int, typer.Option(help="Processes that judge side by side; one a core by default.")
    ] = os.cpu_count() or 1,
    which: Annotated[
        str, typer.Option(help="Of several notebooks of a student: latest or best.")
    ] = "latest",
    overrides: Annotated[
        Path | None,
        typer.Option(help="CSV of your decisions: student, exercise, points, reason. They last."),
    ] = None,
    times: Annotated[
        Path | None,
        typer.Option(help="CSV of when work was handed in: student, submitted. It wins and lasts."),
    ] = None,
    students: Annotated[
        Path | None,
        typer.Option(help="CSV of the class: student. Who handed in nothing gets a row. It lasts."),
    ] = None,
    shard: Annotated[
        str, typer.Option(metavar="i/n", help="Judge only the i-th of n parts of the students.")
    ] = "",
    dask: Annotated[str, typer.Option(metavar="tcp://…", help="Judge on this Dask cluster.")] = "",
    unsafe: Annotated[
        bool, typer.Option("--unsafe", help="Go on where a layer of the sandbox is missing.")
    ] = False,
    bubblewrap: Annotated[
        bool, typer.Option("--bubblewrap", help="Wrap the sandbox in bubblewrap as well.")
    ] = False,
):
    """Grades what was handed in; writes grades.csv, feedback, a report and a gradebook."""
    course = Course.find()
    if which not in run.WHICH:
        raise UsageError(f"--which is {which}, expected {' or '.join(run.WHICH)}")
    if workers < 1:
        raise UsageError(f"--workers is {workers}, expected 1 or more")
    options = run.Options(
        workers=workers,
        unsafe=unsafe,
        bubblewrap=bubblewrap,
        which=which,
        shard=_shard(shard) if shard else None,
        cluster=dask,
        times=_times(times) if times else None,
        students=_names(students) if students else None,
    )
    known = assignments.find(assignment, course)
    grading = run.Run(places, known, to, course, options, _say, _progress)
    made = grading.grade(overrides)
    if options.shard:
        _say(
            f"{_counted(made)} judged into {grading.gradebook_path}. When all parts are done, the "
            "same command without --shard puts them together"
        )
    else:
        written = (to / name for name in (writing.GRADES, writing.REPORT, writing.FEEDBACK))
        _say(f"{_counted(len(made.finals))}: {', '.join(map(str, written))}")
        if made.problem_count:
            _say(
                f"{_counted(made.problem_count)} with a note on what was handed in, see the report"
            )
        if made.idle_count:
            _say(f"{_counted(made.idle_count)} without anything that could be judged")


def _counted(number):
    return f"{number} student{'s' * (number != 1)}"


def _names(path):
    """The students in a CSV file. Raises UsageError where there are none."""
    found = tuple(row["student"].strip() for _, row in tables.read_table(path, ("student",)))
    if not any(found):
        raise UsageError(f"{path} names no student in its column 'student'")
    return tuple(filter(None, found))


def _times(path):
    """{student: when} from a CSV file. Raises UsageError that names the line."""
    found = {}
    for line, row in tables.read_table(path, ("student", "submitted")):
        try:
            found[row["student"].strip()] = assignments.read_time(row["submitted"].strip())
        except UsageError as error:
            raise UsageError(f"{path}, line {line}: {error}") from None
    return found
