"""`course gradescope` and `course export`: grading and grades with what schools use."""

from pathlib import Path
from typing import Annotated

import typer

from course_lib.authoring import Course, CourseError, UsageError
from course_lib.classroom import exports
from course_lib.classroom import gradescope as autograder
from course_lib.classroom.pages import clean, counted


def gradescope(
    chapters: Annotated[list[str], typer.Argument(metavar="NN...", help='Chapters: "2" or "02".')],
    to: Annotated[Path, typer.Option("--to", help="The zip file to write.")],
    assignment: Annotated[
        str, typer.Option(help="The assignment's name; by default that of its chapters.")
    ] = "",
    unsafe: Annotated[
        bool, typer.Option("--unsafe", help="Let it go on where a layer of the sandbox is missing.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
):
    """Writes an autograder for Gradescope, which judges as `course grade` does."""
    course = Course.find()
    chapters = sorted({course.chapter(chapter) for chapter in chapters})
    if to.suffix != ".zip":
        raise UsageError(f"--to is {to}, expected a file called NAME.zip")
    if not to.parent.is_dir():
        raise UsageError(f"there is no folder {to.parent}")
    if to.exists() and not force:
        raise CourseError(f"{to} is there already (--force replaces it)")
    known, new = autograder.assignment_for(course, chapters, assignment)
    autograder.build(course, known, to, unsafe=unsafe)
    if new:
        typer.echo(f"made the assignment {known.name}, which has no due date")
    typer.echo(f"wrote {to} for the assignment {known.name}, {known.max_score} points in all")
    typer.echo("It holds solutions and the assignment's secret: give it to nobody but Gradescope.")


def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder with grades.csv.")],
    form: Annotated[str, typer.Option("--format", help=f"One of {', '.join(exports.FORMATS)}.")],
    to: Annotated[Path, typer.Option("--to", help="The file to write.")],
    roster: Annotated[
        Path | None,
        typer.Option(
            help="What Canvas exported as its gradebook, or Moodle as its grading worksheet."
        ),
    ] = None,
    column: Annotated[
        str, typer.Option(help="The column of the grades there; by default --to without .csv.")
    ] = "",
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
):
    """Writes grades.csv as Canvas or Moodle import it; nothing is graded again."""
    if form not in exports.FORMATS:
        raise UsageError(f"--format is {form}, expected {', '.join(exports.FORMATS)}")
    if not to.parent.is_dir():
        raise UsageError(f"there is no folder {to.parent}")
    if to.exists() and not force:
        raise CourseError(f"{to} is there already (--force replaces it)")
    written = exports.export(folder, form, to, roster=roster, column=column)
    for sentence in [*written.remarks, *written.unmatched]:
        typer.echo(clean(sentence))
    if not written.count:
        raise CourseError(f"{to} was not written: it would hold the grades of 0 students")
    typer.echo(f"wrote {to} with the grades of {counted(written.count, 'student')}")
    return 1 if written.unmatched else 0
