"""From judgements to marks: which notebook counts, late work, and decisions of the instructor."""

from dataclasses import replace

from course_lib.authoring import UsageError
from course_lib.classroom.assignment import in_words
from course_lib.classroom.results import Judgement, StudentResult, set_by_instructor
from course_lib.classroom.tables import read_table

NOTHING = "Nothing was handed in for this exercise."
_TOTALS = ("extension", "late_penalty", "final")  # what an override may name beside an exercise


def results(gradebook, assignment, found, keys, which):
    """A `StudentResult` for each student, in order of their names.

    Who handed in nothing has one if the gradebook's class list names them. found: what was handed
    in, each student's in order of time. which: "latest" or "best".
    """
    overrides, times = gradebook.overrides(), gradebook.times()
    papers = {student: [] for student in gradebook.students()}
    for paper in found:
        papers.setdefault(paper.student, []).append(paper)
    for student, group in sorted(papers.items()):
        decided, when = overrides.get(student, {}), times.get(student)
        yield _result(gradebook, assignment, student, group, keys, which, decided, when)


def _result(gradebook, assignment, student, group, keys, which, overrides, recorded):
    papers, notes, decisions = [], [], []
    extension, why = overrides.get("extension", (0, ""))
    if extension:
        days = f"{extension:g} day{'s' * (extension != 1)}"
        decisions.append(f"{days} more than the others to hand in ({why})")
    for found in group:
        key = keys[found.path, found.member]
        known = gradebook.submission(key)
        name = (found.member[-1] if found.member else found.path.name).rpartition("/")[2]
        when = recorded or found.when
        if known.problem:
            notes.append(known.problem if name == student else f"{name}: {known.problem}")
        elif not known.chapter and not known.remarks:
            notes.append(f"{name}: it is not clear to which chapter this notebook belongs")
        notes += [f"{name}: {remark}" for remark in known.remarks]
        papers.append((known.chapter, when, name, gradebook.judgements(key)))
    judgements, penalty, late, times = [], 0.0, [], {}
    items = assignment.items()
    for chapter in assignment.chapters:
        wanted = [i for i in items if i.chapter == chapter]
        mine = [p for p in papers if p[0] == chapter]
        if not mine:
            judgements += [_overridden(_missing(item), overrides) for item in wanted]
            if papers and all(
                chapter for chapter, *_ in papers
            ):  # else it may be the one nobody can read
                notes.append(f"chapter {chapter} was not handed in")
            continue
        _, when, name, judged = _chosen(mine, assignment, which, extension)
        if when:
            times[chapter] = in_words(assignment.local(when))
        if len(mine) > 1:
            notes.append(f"{len(mine)} notebooks for chapter {chapter}: {name} counts")
        these = [judged.get(item.name) or _missing(item) for item in wanted]
        these = [_overridden(j, overrides) for j in these]
        judgements += these
        notes += _what_is_absent(chapter, these)
        fraction, days = assignment.late_fraction(when, extension)
        if fraction or days:
            penalty += round(fraction * sum(j.points for j in these), 2)
            late.append(
                f"chapter {chapter}, handed in {times[chapter]}: day {days} after the due time, "
                f"{fraction * 100:g}% off"
            )
    if not papers:
        notes.append("nothing was handed in")
    notes += [_about(j) for j in judgements if j.remark]
    decisions += [
        f"{j.exercise}: points set by the instructor ({j.reason})" for j in judgements if j.reason
    ]
    score = sum(j.points for j in judgements)
    if "late_penalty" in overrides:
        penalty, reason = overrides["late_penalty"]
        late = []
        decisions.append(f"{set_by_instructor('late penalty')} ({reason})")
    final = max(score - penalty, 0)
    if "final" in overrides:
        final, reason = overrides["final"]
        decisions.append(f"{set_by_instructor('final score')} ({reason})")
    return StudentResult(
        student,
        score,
        sum(j.max_points for j in judgements),
        penalty,
        final,
        tuple(judgements),
        tuple(dict.fromkeys(notes)),
        _when(times),
        "; ".join(late),
        assignment.due_in_words,
        tuple(decisions),
    )


def _when(times):
    """{chapter: when it was handed in} as one text; the chapters are named if they differ."""
    if len(set(times.values())) < 2:
        return next(iter(times.values()), "")
    return "; ".join(f"chapter {chapter}: {words}" for chapter, words in times.items())


def _what_is_absent(chapter, judgements):
    """Notes on what somebody may have forgotten."""
    if not any(j.tried for j in judgements):
        yield f"chapter {chapter}: nothing in it was worked on"
    elif all(j.status == "not attempted" for j in judgements if j.kind != "code"):
        yield f"chapter {chapter}: no answer to a question came along (was the last cell run?)"


def _about(judgement):
    remark = judgement.remark
    named = remark.startswith(judgement.exercise)
    return remark if named else f"{judgement.exercise}: {remark}"


def _chosen(papers, assignment, which, extension):
    """The notebook that counts, of several for one chapter; papers are in order of time.

    One in which nothing was worked on never stands in the place of one that was.
    """
    papers = [p for p in papers if any(j.tried for j in p[3].values())] or papers
    if which == "latest":
        return papers[-1]

    def worth(paper):
        fraction, _ = assignment.late_fraction(paper[1], extension)
        return sum(j.points for j in paper[3].values()) * (1 - fraction)

    best = max(map(worth, papers))
    return next(p for p in reversed(papers) if worth(p) == best)


def _missing(item):
    return Judgement(
        item.name, item.title, item.chapter, item.kind, "missing", 0, item.points, NOTHING
    )


def _overridden(judgement, overrides):
    if judgement.exercise not in overrides:
        return judgement
    points, reason = overrides[judgement.exercise]
    return replace(judgement, points=points, reason=reason)


def take_overrides(gradebook, assignment, path, must=True):
    """Takes the decisions in a CSV file (student, exercise, points, reason) into the gradebook.

    exercise: an exercise's name, "late_penalty", "final", or "extension" with days in the place of
    points. Points left empty take a decision back. Returns the students it names. Raises UsageError
    that names the line; then nothing is taken.
    """
    rows = read_table(path, ("student", "exercise", "points"), must)
    names = {item.name: item.points for item in assignment.items()}
    most = names | dict.fromkeys(("late_penalty", "final"), assignment.max_score)
    decisions = []
    for line, row in rows:
        exercise, text = row["exercise"].strip(), row["points"].strip()
        if exercise not in names and exercise not in _TOTALS:
            raise UsageError(
                f"{path}, line {line}: the exercise is {exercise!r}; one of "
                f"{', '.join([*names, *_TOTALS])} was wanted"
            )
        try:
            points = float(text) if text else None
            if points is not None and not 0 <= points < float("inf"):
                raise ValueError
        except ValueError:
            raise UsageError(
                f"{path}, line {line}: the points are {text!r}; a number of 0 or more was wanted"
            ) from None
        if points is not None and points > most.get(exercise, points):
            raise UsageError(
                f"{path}, line {line}: {exercise} has {most[exercise]} points at the most; {text} "
                "is more"
            )
        reason = row.get("reason", "").strip() or "no reason given"
        decisions.append((row["student"].strip(), exercise, points, reason))
    for decision in decisions:
        gradebook.override(*decision)
    return {student for student, *_ in decisions}
