"""In Gradescope's container: judges one submission and writes results.json, whatever happens."""

import json
import sys
import traceback
from pathlib import Path

from course_lib.authoring import UsageError, write_atomically
from course_lib.classroom import pages, reading, submissions
from course_lib.classroom.assignment import Assignment, read_time
from course_lib.classroom.judging import Grader
from course_lib.classroom.marks import NOTHING
from course_lib.classroom.submit import ANSWERS, read_bundle
from course_lib.sandbox.link import NoSandbox

SETTINGS = "assignment.json"
_MOST_NOTEBOOKS = 10
_LARGEST_ANSWERS = 10 * 2**20
_LONGEST = 20_000  # characters of an output
_NO_TIME = (
    "The time of handing in could not be read, so nothing is taken off for late work. Your "
    "instructor can see why."
)
_SORRY = "This is no fault of yours. Please tell your instructor."


def results(root):
    """What results.json has to say of the submission below `root`, as plain data; never raises."""
    root = Path(root)
    try:
        settings = json.loads((root / "source" / SETTINGS).read_bytes())
        kept = settings["assignment"] | {"chapters": tuple(settings["assignment"]["chapters"])}
        assignment = Assignment(**kept)
        with Grader(assignment, imports=settings["imports"], **settings["how"]) as grader:
            return _judged(grader, root)
    except NoSandbox as error:
        words = f"This could not be graded, as students' code cannot be locked up here: {error}."
        return _failed(words, str(error))
    except Exception as error:  # noqa: BLE001 - a result is wanted whatever happens
        words = f"The grader failed ({type(error).__name__})."
        return _failed(words, traceback.format_exc())


def _failed(words, why):
    return _report(0, f"{words} {_SORRY}", [_for_instructors(why)])


def _judged(grader, root):
    student, when, untimed = _about(root / "submission_metadata.json")
    remarks = []
    judged = _best_of_chapters(grader, root / "submission", student, remarks)
    if not judged:
        remarks.insert(0, "No notebook of this assignment was found in what you handed in.")
    score = sum(j.points for j in judged.values())
    fraction, days = grader.assignment.late_fraction(when)
    if days:
        remarks.append(
            f"Handed in on day {days} after the due date: {fraction * 100:g}% of the points are "
            "taken off."
        )
    if untimed and grader.assignment.due:
        remarks.append(_NO_TIME)
    layers = f"Layers in force: {', '.join(grader.active)}."
    if grader.missing:
        layers += f" Missing: {'; '.join(grader.missing)}."
    if untimed:
        layers += f" The time of handing in was not read: {untimed}."
    tests = [_test(item, judged.get(item.name)) for item in grader.items]
    tests.append(_for_instructors(layers))
    return _report(round(score * (1 - fraction), 2), "\n".join(dict.fromkeys(remarks)), tests)


def _best_of_chapters(grader, folder, student, remarks):
    """{exercise: `Judgement`}; of several notebooks of a chapter, those of the best."""
    best = {}
    for name, content, answers in _notebooks(folder, grader.assignment.name, remarks):
        read = reading.read(content, grader.items, grader.assignment.chapters, answers, name)
        said = [*read.remarks, read.problem]
        if not read.problem and not read.chapter and not read.remarks:
            said.append("it is not clear to which chapter this notebook belongs")
        remarks += [f"{name}: {words}" for words in said if words]
        if read.chapter and not read.problem:
            judged = {j.exercise: j for j in grader.judge(read, student)}
            best.setdefault(read.chapter, []).append(judged)
    for chapter, found in best.items():
        if len(found) > 1:
            remarks.append(
                f"There are {len(found)} notebooks of chapter {chapter}; the best counts."
            )
    chosen = [
        max(found, key=lambda f: sum(j.points for j in f.values())) for found in best.values()
    ]
    return {name: j for judged in chosen for name, j in judged.items()}


def _about(path):
    """(who handed in or "", when or None, why not when) from what Gradescope says of it.

    Each is read by itself: the file may be missing or damaged, and its fields may change.
    """
    try:
        known = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        return "", None, f"{path.name} could not be read ({type(error).__name__})"
    if not isinstance(known, dict):
        return "", None, f"{path.name} holds no fields"
    when, why = _time(known.get("created_at"))
    return _who(known.get("users")), when, why


def _who(users):
    """Who handed in, by address, or by what else is known of them."""
    users = [u for u in users if isinstance(u, dict)] if isinstance(users, list) else []
    keys = ("email", "sid", "id", "name")
    found = [next((str(u[key]) for key in keys if u.get(key)), "") for u in users]
    return ";".join(sorted(filter(None, found)))


def _time(text):
    """(the time that a text tells or None, why not)."""
    if text is None:
        return None, "there is no created_at"
    try:
        return read_time(text), ""
    except (UsageError, TypeError, ValueError, OverflowError, OSError):
        return None, f"created_at is {str(text)[:60]!r}, no time"


def _notebooks(folder, name, remarks):
    """(name, content, answers or None) of each notebook that was handed in."""
    found = submissions.find(folder, name)
    if len(found) > _MOST_NOTEBOOKS:
        remarks.append(f"Only the first {_MOST_NOTEBOOKS} notebooks were looked at.")
    for each in found[:_MOST_NOTEBOOKS]:
        name = each.member[-1] if each.member else each.path.name
        try:
            if each.problem:
                raise ValueError(each.problem)
            content = submissions.content(each)
            if each.bundle:
                content, answers, _ = read_bundle(content)
            else:
                answers = _answers_beside(each.path)
        except ValueError as error:
            remarks.append(f"{name}: {error}")
        else:
            yield name, content, answers


def _answers_beside(path):
    """The answers that `course submit` packed: Gradescope unpacks zip files itself."""
    beside = path.with_name(ANSWERS)
    try:
        if beside.is_symlink() or beside.stat().st_size > _LARGEST_ANSWERS:
            return None
        found = json.loads(beside.read_bytes())
        return found if isinstance(found, dict) else None
    except (OSError, ValueError, RecursionError):
        return None


# results.json --------------------------------------------------------------------------------


def _report(score, output, tests):
    return {
        "score": score,
        "output": _text(output),
        "output_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": tests,
    }


def _test(item, judgement):
    """A judgement as one of Gradescope's tests."""
    if judgement is None:
        state, lines, points = "missing", [NOTHING], 0
    else:
        state, points = judgement.status, judgement.points
        lines = [pages.STATES[state][1].capitalize(), judgement.message, judgement.remark]
    return {
        "name": f"{item.chapter} {item.title} ({item.name})",
        "score": points,
        "max_score": item.points,
        "status": "passed" if state == "passed" else "failed",
        "output": _text("\n".join(filter(None, lines))),
        "output_format": "text",
        "visibility": "visible",
    }


def _for_instructors(words):
    return {
        "name": "For instructors: the sandbox",
        "score": 0,
        "max_score": 0,
        "status": "passed",
        "output": _text(words),
        "output_format": "text",
        "visibility": "hidden",
    }


def _text(text):
    return pages.clean(text)[:_LONGEST]


def main(root):
    """Writes results/results.json below `root`."""
    found = results(root)
    text = json.dumps(found, indent=1)
    write_atomically(Path(root) / "results" / "results.json", f"{text}\n".encode())
    print(f"{found['score']} points. {found['tests'][-1]['output']}")


if __name__ == "__main__":
    main(sys.argv[1])
