"""`course release` and `course submit`: what goes out to students, and what comes back."""

from pathlib import Path
from typing import Annotated

import typer

from course_lib.authoring import Course
from course_lib.classroom import release as releasing
from course_lib.classroom import submit as submitting

PUBLIC = (
    "The solutions of this course are public in its repository, so marks should not rest on their "
    "being secret."
)


def release(
    chapters: Annotated[list[str], typer.Argument(metavar="NN...", help='Chapters: "2" or "02".')],
    to: Annotated[Path, typer.Option("--to", help="Folder to write to.")],
    name: Annotated[
        str, typer.Option(help="The assignment's name; by default that of its chapters.")
    ] = "",
    due: Annotated[str, typer.Option(help="When it is due, such as 2026-12-10T23:59.")] = "",
    grace: Annotated[int, typer.Option(help="Minutes after that which are not late.")] = 0,
    late: Annotated[
        float, typer.Option(help="Percent of the points that each late day takes.")
    ] = 10,
    late_most: Annotated[float, typer.Option(help="The most that late days take, percent.")] = 50,
    variant: Annotated[
        int | None, typer.Option(help="Seed: gives the questions other numbers.")
    ] = None,
    address: Annotated[
        str,
        typer.Option(
            "--course-from", metavar="URL", help="Where students' pip gets the course from."
        ),
    ] = "",
    force: Annotated[
        bool, typer.Option("--force", help="Replace the assignment and what was written before.")
    ] = False,
):
    """Writes what students get of chapters: a folder of notebooks without answers, and its zip."""
    course = Course.find()
    chapters = sorted({course.chapter(chapter) for chapter in chapters})
    name = name or releasing.default_name(chapters)
    assignment, again = releasing.assign(
        course,
        name,
        chapters,
        force=force,
        due=due,
        grace=grace,
        late_percent=late,
        late_most=late_most,
        variant=variant,
    )
    written = releasing.release(
        course, assignment, to, address=address, force=force, say=typer.echo
    )
    if again:
        typer.echo(
            f"The assignment {name} was there already: its secret is kept, so that grading again "
            "tries the same cases. All else in it is new."
        )
    typer.echo(f"wrote {written.folder} ({', '.join(written.files)})")
    typer.echo(f"wrote {written.archive}")
    typer.echo(f"{assignment.max_score} points in all. {assignment.rule}")
    if not address:
        typer.echo(
            "requirements.txt takes the course from the package index of your students' pip; "
            "--course-from URL names another place."
        )
    typer.echo(PUBLIC)


def submit(
    what: Annotated[
        str, typer.Argument(metavar="NN", help='A chapter ("2" or "02"), or FILE.ipynb.')
    ],
    to: Annotated[Path, typer.Option("--to", help="Folder to write to.")] = Path("."),
    name: Annotated[str, typer.Option(help="Your name; by default your login.")] = "",
):
    """Packs your notebook of a chapter and your answers into one zip file to hand in."""
    packed = submitting.submit(what, to, name)
    for warning in packed.warnings:
        typer.echo(warning)
    typer.echo(f"packed {packed.notebook} for {packed.name}, as it was last saved")
    typer.echo(
        f"In it: {sum(packed.code.values())} of {len(packed.code)} code answers changed, "
        f"{sum(packed.questions.values())} of {len(packed.questions)} questions answered."
    )
    if packed.untouched:
        typer.echo(f"Not worked on, as it looks: {', '.join(packed.untouched)}")
    typer.echo(f"Hand in this file: {packed.path}")
