"""The commands: what they take, what they say, and their exit codes."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer
from nbformat import v4
from rich import box
from rich.console import Console
from rich.table import Table

from course_lib import exercises, progress
from course_lib.authoring import (
    Course,
    CourseError,
    UsageError,
    build,
    differences,
    execute,
    holds_work,
    read_notebook,
    solved,
    would_lose,
    write_notebook,
)
from course_lib.cli import handing_out, judging, schools, teaching, training_run, updating
from course_lib.cli.updating import some_chapters
from course_lib.datasets import load_mnist

app = typer.Typer(
    name="course",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Work on, check, update and build the chapters of this course.",
)
Chapter = Annotated[str, typer.Argument(metavar="NN", help='A chapter: "2" or "02".')]


def run(arguments=None):
    """Runs the command line; returns the exit code and never lets an exception through."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # an old Windows console knows few characters
    try:
        code = app(arguments, prog_name="course", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except CourseError as error:
        return _fail(error, error.exit_code)
    except typer.Abort:
        return _fail("cancelled; nothing was changed", 1)
    except SystemExit:  # typer's, where the reader of a pipe, such as `head`, has seen enough
        return 0
    except OSError as error:
        what = f": {error.filename}" if error.filename else ""
        return _fail(f"{error.strerror or error}{what}", 1)
    except Exception as error:  # noqa: BLE001 - a learner gets a line, not a traceback
        if hasattr(error, "format_message"):  # of typer: a usage error
            return _fail(error.format_message(), 2)
        return _fail(f"unexpected {type(error).__name__}: {' '.join(str(error).split())}", 1)


def _fail(message, code):
    print(f"course: {message}", file=sys.stderr)
    return code


def _say(text):
    print(text, flush=True)


def _show(title, columns, rows):
    """Prints a table; a column called "points" is set to the right."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for column in columns:
        table.add_column(
            column,
            justify="right" if column == "points" else "left",
            overflow="fold",
            no_wrap=column not in ("title", "message", "detail"),
        )
    for row in rows:
        table.add_row(*map(str, row))
    width = None if sys.stdout.isatty() else 120
    console = Console(width=width, markup=False, highlight=False, emoji=False)
    with console.capture() as shown:  # rich would exit by itself when a pipe is closed
        console.print(table)
    _say(shown.get().rstrip("\n") + "\n")


@app.callback(invoke_without_command=True)
def top(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
):
    if version:
        from importlib.metadata import version as installed

        _say(f"course {installed('backprop-course')}")
    elif context.invoked_subcommand is None:
        _say(context.get_help())


@app.command("build")
def build_command(
    chapters: Annotated[list[str] | None, typer.Argument(metavar="[NN]...")] = None,
    check: Annotated[bool, typer.Option("--check", help="Compare, change nothing.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace chapters that hold your work; a copy is kept.")
    ] = False,
):
    """Builds chapters from chapters/source: all of them, or those named."""
    course = Course.find()
    names = [course.chapter(c) for c in chapters or some_chapters(course)]
    built = {name: build(name, course) for name in names}
    problems = []
    for name, notebook in built.items():
        path = course.notebook(name)
        try:
            if check:
                problems += _compare(path, notebook)
            elif path.exists() and not force and holds_work(read_notebook(path), notebook):
                problems.append(
                    f"{path.name} holds your work and was left alone (--force replaces it "
                    "and keeps a copy)"
                )
            else:
                _build(course, path, notebook)
        except UsageError as error:  # a damaged notebook does not keep the others from being built
            problems.append(f"{error} (--force replaces it and keeps a copy)")
    if check and not chapters:
        without = {item.chapter for item in exercises.load().values()} - course.sources.keys()
        problems += [
            f"chapter {chapter} has exercises, but no source in chapters/source"
            for chapter in sorted(without)
        ]
        known = {course.notebook(name).name for name in course.sources}
        problems += [
            f"{path.name} has no source"
            for path in course.chapters.glob("*.ipynb")
            if path.name not in known
        ]
    for problem in problems:
        print(f"course: {problem}", file=sys.stderr)
    if check and not problems:
        _say(f"{len(names)} chapters are as their sources say")
    return 1 if problems else 0


def _compare(path, notebook):
    if not path.exists():
        return [f"{path.name} has not been built"]
    return [f"{path.name}: {d}" for d in differences(read_notebook(path), notebook)]


def _build(course, path, notebook):
    """Executes and writes a chapter; keeps a copy of a version that may hold work."""
    copy = ""
    if path.exists():
        try:
            keep = would_lose(read_notebook(path), notebook)
        except UsageError:
            keep = True
        copy = f"; the version before is {course.save_copy(path)}" if keep else ""
    write_notebook(path, execute(notebook, course.chapters, path.name))
    _say(f"built {path.name}{copy}")


@app.command("progress")
def progress_command():
    """Shows what is done in each chapter, and the points."""
    warnings = []
    rows = progress.overview(Course.find().work, warnings.append)
    _show(
        "Your progress",
        ("chapter", "exercise", "state", "points", "attempts"),
        [
            (chapter, title, state, f"{points}/{most}", attempts or "")
            for chapter, _, title, state, points, most, attempts in rows
        ],
    )
    passed = sum(r[3] == "passed" for r in rows)
    _say(
        f"{passed} of {len(rows)} exercises passed, {sum(r[4] for r in rows)} of "
        f"{sum(r[5] for r in rows)} points."
    )
    for warning in warnings:
        _say(warning)


@app.command()
def reset(
    chapter: Chapter,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    forget: Annotated[
        bool, typer.Option("--progress", help="Forget the chapter's progress as well.")
    ] = False,
):
    """Puts a fresh chapter in place; a copy of yours is kept."""
    course = Course.find()
    chapter = course.chapter(chapter)
    path = course.notebook(chapter)
    if not yes:
        typer.confirm(f"Put a fresh {path.name} in place (a copy of yours is kept)?", abort=True)
    _say(f"building {path.name} …")
    notebook = build(chapter, course)
    try:
        execute(notebook, course.chapters, path.name)
    except CourseError:  # where it cannot run, the outputs can only come from git
        notebook = _committed(course, path, build(chapter, course))
        if notebook is None:
            raise
    if path.exists():
        _say(f"your version is kept as {course.save_copy(path)}")
    write_notebook(path, notebook)
    record = course.work / f"ch{chapter}.json"
    if forget and record.exists():
        _say(f"your progress is kept as {course.save_copy(record)}")
        record.unlink()
    else:
        progress.Progress(chapter, course.work).forget_sources()  # or `update` would put them back
    _say(f"{path.name} is fresh again")


@app.command()
def update(
    source: Annotated[
        Path | None,
        typer.Option(
            "--from", help="Folder or zip file of a newer course; by default chapters/source."
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done.")] = False,
):
    """Takes a new version of the chapters and carries your answers over."""
    course = Course.find()
    if source is None:
        updating.from_source(course, dry_run, _say)
    else:
        with updating.newer_course(source) as chapters:
            updating.from_folder(course, chapters, dry_run, _say)


@app.command()
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE.ipynb")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds for one cell.")] = 60,
):
    """Judges the exercises of a notebook; exit code 0 if all pass."""
    chapters = sorted({item.chapter for item in exercises.load().values()})
    rows, remarks = judging.judge_notebook(file, chapters, timeout)
    total, most = sum(r.points for r in rows), sum(r.max_points for r in rows)
    if as_json:
        _say(judging.as_json(rows, remarks))
    else:
        _show(
            file.name,
            ("exercise", "title", "points", "state", "message"),
            [
                (
                    r.exercise,
                    r.title,
                    f"{r.points}/{r.max_points}",
                    r.state,
                    ""
                    if r.state in ("passed", "not attempted")
                    else judging.first_sentence(r.message),
                )
                for r in rows
            ],
        )
        for remark in remarks:
            _say(remark)
        _say(f"{total} of {most} points")
    return 0 if total == most else 1


@app.command()
def solve(
    chapter: Chapter,
    to: Annotated[Path, typer.Option("--to", help="File or folder to write to.")],
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    execute_it: Annotated[
        bool, typer.Option("--run", help="Run it as well, so that the outputs are in it.")
    ] = False,
    variant: Annotated[
        int | None, typer.Option(min=0, help="The seed of the questions' numbers.")
    ] = None,
):
    """Writes a chapter with every exercise solved to a place you name."""
    course = Course.find()
    chapter = course.chapter(chapter)
    if to.is_dir():
        to = to / f"{course.sources[chapter].stem}_solved.ipynb"
    elif to.suffix != ".ipynb":
        raise UsageError(f"{to} is neither a folder nor called NAME.ipynb")
    if not to.parent.is_dir():
        raise UsageError(f"there is no folder {to.parent}")
    if to.exists() and not force:
        raise CourseError(f"{to} is there already (--force replaces it)")
    notebook = solved(chapter, course, variant)
    if execute_it:
        execute(notebook, course.chapters, to.name)
    write_notebook(to, notebook)
    _say(f"wrote {to}")


def _whole_number(option, least, most=None):
    """A parser for an option's value. Raises UsageError that says what was given and wanted."""
    wanted = f"from {least} to {most}" if most else f"of {least} or more"

    def parse(text):
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if number < least or (most and number > most):
            raise UsageError(f"{option} is {text}, expected a whole number {wanted}")
        return number

    return parse


_NETWORKS = " or ".join(training_run.RECIPES)
_EPOCHS = ", ".join(f"{recipe.epochs} ({name})" for name, recipe in training_run.RECIPES.items())


@app.command()
def train(
    network: Annotated[str, typer.Argument(metavar="NETWORK", help=f"What to train: {_NETWORKS}.")],
    epochs: Annotated[
        int | None,
        typer.Option(
            parser=_whole_number("--epochs", 1),
            metavar="N",
            help=f"Epochs in all; by default {_EPOCHS}.",
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            parser=_whole_number("--limit", 1, training_run.IMAGES),
            metavar="N",
            help="Train on the first N images only.",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            parser=_whole_number("--seed", 0),
            metavar="N",
            help=f"Seed of the randomness; {training_run.SEED} by default.",
        ),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(
            "--to",
            metavar="FOLDER",
            help="Folder for all that is written; trained/NETWORK by default.",
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where the run in the folder was stopped.")
    ] = False,
):
    """Trains a network on all of MNIST; writes its weights and a report. Ctrl-C keeps what is done.

    mlp: 784-128-10 with ReLU. cnn: the convolutional network of chapter 05. With --resume, the
    options that you leave out are those of the run.
    """
    if network not in training_run.RECIPES:
        raise UsageError(f"there is no network {network}; {_NETWORKS} was wanted")
    default = Path("trained", network)
    folder = to or default
    options = {"seed": seed, "images": limit, "epochs": epochs}
    if resume:
        run = training_run.Run.resume(network, folder, **options)
    else:
        given = {name: value for name, value in options.items() if value is not None}
        run = training_run.Run(network, folder, **given)
    try:
        data = load_mnist(train=run.settings["images"], flatten=run.recipe.flatten)
    except RuntimeError as error:
        raise CourseError(str(error)) from None
    again = f"course train {network} --resume" + (f' --to "{folder}"' if folder != default else "")
    _say(f"{run}, {run.place}" if resume else f"{run}")
    if run.finished:
        _say("this run is finished; with a larger --epochs it goes on")
    try:
        if not run.train(data, _say):
            return _fail(f"stopped {run.place}; all is kept in {folder}. Go on with: {again}", 130)
        from course_lib.cli import training_report  # here: it loads matplotlib

        training_report.write_report(run, data)
    except KeyboardInterrupt:
        return _fail(f"stopped at once; {folder} is as it was saved last. Go on with: {again}", 130)
    _say(f"{training_run.WEIGHTS} and {training_run.REPORT} are in {folder}")


for command in (
    handing_out.release,
    handing_out.submit,
    teaching.grade,
    schools.export,
    schools.gradescope,
):
    app.command()(command)


@app.command()
def doctor():
    """Checks this installation and says how to mend what is missing."""
    from course_lib import selftest  # on use: it looks at every package there is

    try:
        folder = Course.find().work
    except UsageError:  # it can still tell whether the packages are there
        folder = None
    checks = selftest.run(folder)
    _show(
        "This installation",
        ("check", "state", "detail"),
        [(c.name, "ok" if c.ok else "FAILED", c.detail) for c in checks],
    )
    failed = [c for c in checks if not c.ok]
    for c in failed:
        _say(f"{c.name}: {c.mend}")
    return 1 if failed else 0


def _committed(course, path, built):
    """The chapter as git has it, where that is the version that `built` is; None elsewhere."""
    git = shutil.which("git")
    if git is None:
        return None
    shown = subprocess.run(
        [git, "show", f"HEAD:./{path.name}"], cwd=course.chapters, capture_output=True, check=False
    )
    try:
        stored = v4.reads(shown.stdout.decode())
    except ValueError:
        return None
    return None if differences(stored, built) else stored
