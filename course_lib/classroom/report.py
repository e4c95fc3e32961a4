"""The class report: what a class got wrong, exercise by exercise, and who needs help."""

import textwrap
from collections import Counter
from heapq import heappush, heapreplace

import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure

from course_lib.classroom import pages
from course_lib.classroom.results import TRIED, ClassStatistics, ExerciseStatistics, joined
from course_lib.viz import Picture
from course_lib.viz.style import COLORS, MAX_WIDTH, SMALL, styled

NAMES = 20  # of students with the same mistake
MOST_HELP, MOST_PROBLEMS = 50, 200
LITTLE = 0.5  # of the points, for whoever needs help
MANY_ERRORS = 3
SHARED = 0.1  # of a class that makes a mistake worth a lesson
LESSONS, TOP = 10, 15
RARE = 8  # mistakes of one exercise that are shown in full
WHY = 6  # exercises that are named for one student

HELP_RULE = (
    f"Listed is who tried at least one exercise and earned less than {LITTLE * 100:g}% of the "
    f"points (before any penalty), or ended {MANY_ERRORS} or more exercises with an error. Fewest "
    "points first; of equal points, whoever tried more."
)
LESSON_RULE = (
    f"Listed is a mistake that {SHARED * 100:g}% of the students or more made; an exercise "
    f"without such a mistake that {SHARED * 100:g}% or more tried and fewer than half of those "
    "passed; then, for each chapter, what half of the students or more left open or did not hand "
    f"in. Shown are at most {LESSONS}."
)

# counting ----------------------------------------------------------------------------------------


def statistics(assignment, results):
    """A `ClassStatistics` from any number of `StudentResult`s, in one pass.

    results: an iterable; no result is kept. Of what can be long, only the first or most urgent
    entries are, and how many there were.
    """
    tallies = {item.name: _Tally(item) for item in assignment.items()}
    made = ClassStatistics(
        assignment=assignment.name,
        chapters=tuple(assignment.chapters),
        max_score=sum(item.points for item in assignment.items()),
        rule=assignment.rule,
        finals=[],
        exercises=[],
        help=[],
        problems=[],
    )
    urgent = _Urgent(MOST_HELP)
    for result in results:
        made.finals.append(result.final)
        for judgement in result.judgements:
            if judgement.exercise in tallies:
                tallies[judgement.exercise].add(judgement, result.student)
        if result.late or result.late_penalty:
            made.late += 1
            made.late_points += result.late_penalty
        if result.notes:
            made.problem_count += 1
            _keep(made.problems, result.student, result.notes)
        if result.decisions:
            made.decision_count += 1
            _keep(made.decisions, result.student, result.decisions)
        _who_needs_help(result, made, urgent)
    made.help, made.help_count = urgent.ordered(), urgent.count
    made.exercises = [tally.summary(len(made.finals)) for tally in tallies.values()]
    return made


def _keep(entries, student, sentences):
    if len(entries) < MOST_PROBLEMS:
        entries.append((student, f"{joined(sentences)}."))


class _Tally:
    """The counts of one exercise."""

    def __init__(self, item):
        self.of = item
        self.points = 0.0
        self.statuses = Counter()
        self.mistakes, self.others = {}, {}  # id: [how many, message, names]

    def add(self, judgement, student):
        self.points += judgement.points
        self.statuses[judgement.status] += 1
        if judgement.misconception:
            kind, entries = judgement.misconception, self.mistakes
        elif judgement.finding and not judgement.passed:
            kind, entries = judgement.finding, self.others
        else:
            return
        entry = entries.get(kind)
        if entry is None:
            entry = entries[kind] = [0, judgement.message[: pages.LONGEST_MESSAGE], []]
        entry[0] += 1
        if len(entry[2]) < NAMES:
            entry[2].append(student)

    def summary(self, students):
        return ExerciseStatistics(
            exercise=self.of.name,
            title=self.of.title,
            chapter=self.of.chapter,
            kind=self.of.kind,
            max_points=self.of.points,
            mean_points=self.points / students if students else 0.0,
            statuses={status: self.statuses[status] for status in pages.STATES},
            mistakes=_by_count(self.mistakes),
            others=_by_count(self.others),
        )


def _by_count(entries):
    made = [(kind, message, count, names) for kind, (count, message, names) in entries.items()]
    return sorted(made, key=lambda entry: (-entry[2], entry[0]))


class _Urgent:
    """The most urgent entries of many, and how many there were; of equal ones, the first."""

    def __init__(self, most):
        self.most, self.count, self.heap = most, 0, []

    def offer(self, urgency, words):
        """words: called for the entry only if it is among the most urgent so far."""
        self.count += 1
        key = (urgency, -self.count)
        if len(self.heap) < self.most:
            heappush(self.heap, (key, words()))
        elif key > self.heap[0][0]:
            heapreplace(self.heap, (key, words()))

    def ordered(self):
        return [entry for _, entry in sorted(self.heap, key=lambda kept: kept[0], reverse=True)]


def _who_needs_help(result, made, urgent):
    tried = [j for j in result.judgements if j.tried]
    if not tried:
        made.idle_count += 1
        if len(made.idle) < MOST_HELP:
            made.idle.append(result.student)
        return
    errors = sum(j.status == "error" for j in tried)
    share = result.score / result.max_score if result.max_score else 1.0
    if share < LITTLE or errors >= MANY_ERRORS:
        urgent.offer(
            (-share, len(tried)), lambda: (result.student, result.final, _why(result, tried))
        )


def _why(result, tried):
    """What was not handed in, what failed, by which mistakes, what was left open: a line each."""
    wrong = [_failure(j) for j in tried if not j.passed]
    lines = [f"Earned {pages.points(result.score)} of {pages.pointed(result.max_score)}."]
    states = {}
    for judgement in result.judgements:
        states.setdefault(judgement.chapter, []).append(judgement.status)
    absent = [chapter for chapter, found in states.items() if set(found) == {"missing"}]
    if absent:
        *others, last = absent
        which = f"Chapters {', '.join(others)} and {last} were" if others else f"Chapter {last} was"
        lines.append(f"{which} not handed in.")
    if wrong:
        more = f"; and {len(wrong) - WHY} more" if len(wrong) > WHY else ""
        lines.append(f"Not solved: {'; '.join(wrong[:WHY])}{more}.")
    left = sum(j.chapter not in absent and not j.tried for j in result.judgements)
    if left:
        lines.append(f"Left open: {pages.counted(left, 'exercise')}.")
    return "\n".join(lines)


def _failure(judgement):
    mistake = judgement.misconception or ("an error" if judgement.status == "error" else "")
    return f"{judgement.title} ({mistake})" if mistake else judgement.title


# drawing -----------------------------------------------------------------------------------------

_LOOKS = {  # bars are told apart by their hatching, too
    "passed": {"facecolor": COLORS["value"]},
    "failed": {"facecolor": COLORS["strong_tint"], "hatch": "///"},
    "error": {"facecolor": COLORS["tint"], "hatch": "xxx"},
    "not attempted": {"facecolor": "white", "hatch": "..."},
    "missing": {"facecolor": "white"},
}


def bins(finals, max_score):
    """(edges, how many) of the scores, in at most 12 steps of a round number of points.

    The last step ends at the most points that there are.
    """
    low, high = min([0, *finals]), max([1, max_score, *finals])
    steps = (factor * 10**power for power in range(12) for factor in (1, 2, 5))
    step = next((s for s in steps if (high - low) / s <= 12), high - low)
    first = np.floor(low / step)
    edges = step * np.arange(first, max(np.ceil(high / step), first + 1) + 1, dtype=float)
    edges[-1] = max(high, edges[-2] + step / 100)
    counts, _ = np.histogram(np.clip(finals, edges[0], edges[-1]), edges)
    return edges, counts


@styled
def draw_scores(edges, counts, median):
    """A histogram of scores with the median marked."""
    figure = Figure(figsize=(MAX_WIDTH, 2.7), layout="constrained")
    axes = figure.subplots()
    axes.bar(edges[:-1], counts, np.diff(edges), align="edge", color=COLORS["light"], ec="white")
    axes.axvline(median, color=COLORS["ink"], ls="--", lw=1.4)
    axes.set_ylim(0, 1.18 * max(1, counts.max()))
    right = median > (edges[0] + edges[-1]) / 2
    axes.annotate(
        f"median {pages.points(median)}",
        (median, 1),
        (-5 if right else 5, -3),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        ha="right" if right else "left",
        va="top",
    )
    crowded = edges[-1] - edges[-2] < (edges[1] - edges[0]) / 2
    ticks = np.delete(edges, -2) if crowded else edges
    axes.set(xlabel="final score", ylabel="students", xticks=ticks)
    _whole_numbers(axes.yaxis)
    most = int(counts.argmax())
    return Picture(
        figure,
        f"Histogram of {pages.counted(int(counts.sum()), 'final score')}, from "
        f"{pages.points(edges[0])} to {pages.points(edges[-1])} points in steps of "
        f"{pages.points(edges[1] - edges[0])}. Most, {counts[most]:,}, lie in the step from "
        f"{pages.points(edges[most])} to {pages.points(edges[most + 1])}.",
    )


@styled
def draw_difficulty(exercises, students):
    """For each exercise, in the order given, a bar of how many passed it, failed, and so on.

    Beside the bar stands how many passed of those who tried.
    """
    labels = [textwrap.fill(f"{e.chapter}  {e.title}", 30) for e in exercises]
    figure = Figure(figsize=(MAX_WIDTH, 0.9 + 0.36 * len(exercises)), layout="constrained")
    axes = figure.subplots()
    places = np.arange(len(exercises))
    left = np.zeros(len(exercises))
    for status, look in _LOOKS.items():
        widths = np.array([e.statuses.get(status, 0) for e in exercises])
        axes.barh(
            places, widths, 0.72, left, ec=COLORS["ink"], lw=0.6, clip_on=False,
            label=pages.STATES[status][1], **look,
        )  # fmt: skip
        left += widths
    for place, exercise in zip(places, exercises, strict=True):
        axes.annotate(
            f"{_passed(exercise):,} of {_tried(exercise):,}",
            (1, place),
            (8, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            va="center",
            size=SMALL,
        )
    axes.set_yticks(places, labels, size=SMALL, linespacing=0.95)
    axes.set(xlabel="students", xlim=(0, students), ylim=(len(exercises) - 0.4, -0.6))
    _whole_numbers(axes.xaxis)
    axes.tick_params(axis="y", length=0)
    figure.legend(
        loc="outside upper center", ncols=len(_LOOKS), handlelength=1.6, columnspacing=1.2
    )
    hardest = exercises[0]
    easiest = next((e for e in reversed(exercises) if _tried(e)), exercises[-1])
    return Picture(
        figure,
        f"A bar for each of {pages.counted(len(exercises), 'exercise')}, the hardest first: from "
        f"{hardest.title}, passed by {_passed(hardest):,} of {_tried(hardest):,} who tried it, to "
        f"{easiest.title}, passed by {_passed(easiest):,} of {_tried(easiest):,}. The numbers are "
        "in the table.",
    )


def _whole_numbers(axis):
    axis.get_major_locator().set_params(integer=True)
    axis.set_major_formatter("{x:,.0f}")


# writing -----------------------------------------------------------------------------------------


def page(statistics):
    """The class report as a page of HTML that holds its pictures. statistics: `ClassStatistics`."""
    students = len(statistics.finals)
    hardest = sorted(statistics.exercises, key=_ease)
    mistakes = [(e, *mistake) for e in statistics.exercises for mistake in e.mistakes]
    mistakes.sort(key=lambda entry: -entry[3])
    return pages.template("report.html").render(
        c=statistics,
        students=students,
        scores=_scores(statistics),
        hardest=hardest,
        tried=_tried,
        difficulty=_image(draw_difficulty(hardest, students)) if students and hardest else "",
        lessons=_lessons(statistics, mistakes),
        top=[mistake for mistake in mistakes if mistake[3] > 1 or students == 1][:TOP],
        RARE=RARE,
        HELP_RULE=HELP_RULE,
        LESSON_RULE=LESSON_RULE,
    )


def _passed(exercise):
    return exercise.statuses.get("passed", 0)


def _tried(exercise):
    return sum(exercise.statuses.get(status, 0) for status in TRIED)


def _ease(exercise):
    """Of those who tried an exercise, how many passed; what nobody tried comes last."""
    tried = _tried(exercise)
    return tried == 0, _passed(exercise) / max(tried, 1), -tried


def _image(picture):
    return Markup(picture.html())


def _scores(statistics):
    """The picture of the scores, sentences about them, and the rows of the table; or None."""
    finals = statistics.finals
    if not finals:
        return None
    edges, counts = bins(finals, statistics.max_score)
    low, median, high = np.percentile(finals, (25, 50, 75))
    rows = [
        (f"{pages.points(a)} to {'under ' * (i < len(counts) - 1)}{pages.points(b)}", int(n))
        for i, (a, b, n) in enumerate(zip(edges[:-1], edges[1:], counts, strict=True))
    ]
    return {
        "picture": _image(draw_scores(edges, counts, median)),
        "rows": rows,
        "median": median,
        "low": low,
        "high": high,
        "mean": sum(finals) / len(finals),
        "full": sum(final >= statistics.max_score for final in finals),
        "none": sum(final <= 0 for final in finals),
    }


def _lessons(statistics, mistakes):
    """[(how many students, exercise, a sentence)], by `LESSON_RULE`."""
    students = len(statistics.finals)
    found = [
        (count, exercise, pages.opening(message))
        for exercise, _, message, count, _ in mistakes
        if count >= SHARED * students
    ]
    explained = {exercise.exercise for _, exercise, _ in found}
    for exercise in statistics.exercises:
        tried = _tried(exercise)
        wrong = tried - _passed(exercise)
        if exercise.exercise not in explained and 2 * wrong > tried >= SHARED * students:
            words = f"{tried:,} tried it and {_passed(exercise):,} passed; no mistake is common."
            found.append((wrong, exercise, words))
    return sorted([*found, *_left_open(statistics)], key=_importance)[:LESSONS]


def _left_open(statistics):
    """Of each chapter the exercises that half of the class or more did not try, as one lesson."""
    students = len(statistics.finals)
    for chapter in statistics.chapters:
        open_ = {}
        for exercise in statistics.exercises:
            left = students - _tried(exercise)
            if exercise.chapter == chapter and students and 2 * left >= students:
                open_[exercise.exercise] = left, exercise
        if open_:
            left, exercise = max(open_.values(), key=lambda found: found[0])
            rest = len(open_) - 1
            more = f", and {rest} more of chapter {chapter} by half of the class" if rest else ""
            absent = " or not handed in" if exercise.statuses.get("missing") else ""
            yield left, exercise, f"left open{absent}{more}."


def _importance(lesson):
    count, _, words = lesson
    return words.startswith("left open"), -count  # mistakes first
