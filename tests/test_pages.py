"""The feedback pages and the class report: what they say, whatever comes in, and for whom."""

import gc
import re
import time
import weakref
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_lib import exercises
from course_lib.classroom import feedback, pages, report
from course_lib.classroom.assignment import Assignment
from course_lib.classroom.results import Judgement, StudentResult
from tests.browser_lab import FLAGS, NO_CHROMIUM, browser_path

HOMEWORK = Assignment("hw1", ("02",), due="2026-11-20T23:59+01:00")
ITEMS = HOMEWORK.items()
MAX = HOMEWORK.max_score
AVERAGED = "Your db is the right one divided by N. The sum runs over `axis=0`. Where is a mean?"
HOSTILE = (
    "<script>alert(1)</script></pre></code></title><img src=x onerror=alert(1)>\"'`{{ 7 * 7 }}"
)


def judged(item, status="passed", **rest):
    rest.setdefault("points", item.points if status == "passed" else 0)
    rest.setdefault("message", "Right." if status == "passed" else f"It is {status}.")
    return Judgement(
        item.name, item.title, item.chapter, item.kind, status, max_points=item.points, **rest
    )


def student(name, different=None, status="passed", **rest):
    """All exercises with one status, but for {exercise: the fields of its judgement}."""
    fields = {i.name: {"status": status} for i in ITEMS} | (different or {})
    judgements = tuple(judged(item, **fields[item.name]) for item in ITEMS)
    score = sum(j.points for j in judgements)
    lost = rest.pop("late_penalty", 0.0)
    return StudentResult(name, score, MAX, lost, score - lost, judgements, **rest)


MIXED = {
    "linear_forward": {"status": "error", "message": "Your line: `return X @` raised.",
                       "finding": "error", "answer": "def linear_forward(X, W, b):\n    return X"},
    "bias_gradient": {"status": "failed", "message": AVERAGED, "misconception": "averaged",
                      "finding": "misconception", "remark": "Defined twice, the last one counts."},
    "input_gradient": {"status": "failed", "points": 1, "reason": "Agreed on in class."},
    "sgd_step": {"status": "not attempted"},
    "Linear": {"status": "missing", "message": "Nothing was handed in for it."},
}  # fmt: skip
SOMEBODY = student(
    "student-07",
    MIXED,
    late_penalty=1.25,
    late="One day late.",
    submitted="2026-11-21 09:14",
    notes=("The notebook lost its cell ids.",),
)


INLINE = {"a", "bdi", "code", "small", "span", "strong"}


class Page(HTMLParser):
    """The elements of a page, its text, and the levels of its headings."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes, self.text, self.inside = Counter(), [], "", ""
        self.levels = []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.inside = tag
        self.text += "" if tag in INLINE else " "
        self.tags[tag] += 1
        self.attributes.append((tag, dict(attributes)))
        if re.fullmatch(r"h\d", tag):
            self.levels.append(int(tag[1]))

    def handle_endtag(self, tag):
        self.inside = ""
        self.text += "" if tag in INLINE else " "

    def handle_data(self, data):
        if self.inside != "style":
            self.text += data

    @property
    def words(self):
        return " ".join(self.text.split())

    def of(self, tag, name):
        return [a[name] for t, a in self.attributes if t == tag and name in a]


def read_feedback(result):
    return Page(feedback.page(HOMEWORK, result))


def read_report(results):
    return Page(report.page(report.statistics(HOMEWORK, results)))


def a_class(students):
    """Some who average the bias, some who are stuck, one in six late; all different in score."""
    for i in range(students):
        if i % 10 == 9:
            yield student(f"student-{i:02}", status="missing", notes=("It was empty.",))
        else:
            names = list(MIXED)[: i % 6]
            late = {"late_penalty": 0.5, "late": "One day late."} if i % 6 == 5 else {}
            yield student(f"student-{i:02}", {name: MIXED[name] for name in names}, **late)


def well_formed(page):
    """What every page keeps, for readers of screens and for whoever is offline."""
    assert page.of("html", "lang") == ["en"]
    assert page.tags["h1"] == 1
    assert page.levels[0] == 1
    assert all(b - a <= 1 for a, b in zip(page.levels, page.levels[1:], strict=False))
    assert len(page.of("th", "scope")) == page.tags["th"]
    ids = [a["id"] for _, a in page.attributes if "id" in a]
    assert len(ids) == len(set(ids))
    assert all(href.startswith("#") and href[1:] in ids for href in page.of("a", "href"))
    assert all(source.startswith("data:image/png;base64,") for source in page.of("img", "src"))
    assert all(len(words) > 40 for words in page.of("img", "alt"))
    assert len(page.of("img", "alt")) == page.tags["img"]
    assert not page.tags.keys() & {"script", "link", "iframe", "object", "form", "base"}
    assert not [name for _, a in page.attributes for name in a if name.startswith("on")]


# feedback --------------------------------------------------------------------------------------


def test_feedback_says_what_counted_and_what_was_wrong():
    page = read_feedback(SOMEBODY)
    well_formed(page)
    score = pages.points(SOMEBODY.score)
    for words in (
        "Feedback on hw1",
        "For student-07, handed in 2026-11-21 09:14. 6 of 11 exercises passed.",
        f"Points earned {score} of {MAX} Late penalty −1.25",
        f"Final score {pages.points(SOMEBODY.final)} of {MAX}",
        "Late: One day late.",
        "The notebook lost its cell ids.",
        "Gradient of the bias ✗ not right 0 of 2",
        "The linear layer, forward ! error 0 of 1 point Your line: return X @ raised.",
        "One step of gradient descent ○ not attempted 0 of 2",
        "A linear layer of your own – not handed in 0 of 5",
        "Gradient of the weights ✓ passed 2 of 2",
        AVERAGED.replace("`", ""),
        "About your notebook: Defined twice, the last one counts.",
        "Points set by your instructor. Agreed on in class.",
        f"Chapter 02 in all {score} of {MAX}",
    ):
        assert words in page.words
    html = feedback.page(HOMEWORK, SOMEBODY)
    assert "<code>axis=0</code>" in html
    assert "def linear_forward(X, W, b):\n    return X</bdi></pre>" in html


def test_what_passed_or_was_in_time_takes_no_words():
    page = read_feedback(student("student-01"))
    assert "Right." not in page.text
    assert "Late" not in page.text
    assert "Points earned" not in page.text
    assert f"Final score {MAX} of {MAX}" in page.words
    said = read_feedback(student("s", {"bias_gradient": {"message": "Right, but slow."}}))
    assert "Right, but slow." in said.text


def test_feedback_on_nothing_at_all():
    nothing = StudentResult("student-01", 0, 0, 0, 0, (), notes=("The file was no notebook.",))
    page = read_feedback(nothing)
    well_formed(page)
    assert "The file was no notebook." in page.text
    assert "There is nothing to say about any exercise." in page.text


def test_chapters_come_one_after_the_other():
    both = Assignment("both", ("00", "01")).items()
    result = StudentResult("s", 9, 9, 0, 9, tuple(map(judged, both)))
    page = read_feedback(result)
    well_formed(page)
    assert re.findall(r"Chapter (\d\d) in all", page.words) == ["00", "01"]


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ('"b"', "Your answer: b"),
        ("0.25", "Your answer: 0.25"),
        ('["a", "c", "b"]', "Your answer: a, c, b"),
        ('[["1", "2"], [null, 3]]', "1  2\nnull  3"),
        ('{"left": "X^T", "right": "dY"}', "left: X^T\nright: dY"),
        ('{"values": {"a": 1, "b": "2"}}', "Your answer: values: a = 1, b = 2"),
        ("[[[", "Your answer: [[["),
        ("[" * 15_000, "[" * 15_000),
        ("9" * 5_000, "9" * 5_000),
    ],
)
def test_answers_to_questions_are_laid_out(raw, shown):
    page = read_feedback(student("s", {"dW_by_hand": {"status": "failed", "answer": raw}}))
    assert shown in page.text


# whatever comes in -----------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["message", "remark", "reason", "answer"])
@pytest.mark.parametrize("exercise", ["bias_gradient", "why_the_batch_adds"])
def test_markup_of_students_stays_text_in_feedback(field, exercise):
    result = student("s", {exercise: {"status": "failed", field: HOSTILE}})
    page = read_feedback(result)
    well_formed(page)
    shown = HOSTILE.replace("`", "") if field == "message" else HOSTILE
    assert shown in page.text.replace("`", "") or shown in page.text
    assert not page.tags["img"]


def test_markup_of_students_stays_text_everywhere():
    fields = {"status": "failed", "message": HOSTILE, "misconception": HOSTILE}
    stuck = student(HOSTILE, {i.name: fields for i in ITEMS}, notes=(HOSTILE,), late=HOSTILE,
                    submitted=HOSTILE)  # fmt: skip
    for page in (read_feedback(stuck), read_report([stuck, replace(stuck, student="b")])):
        well_formed(page)
        assert HOSTILE in page.text
    ended = student(HOSTILE, status="missing")
    assert HOSTILE in read_report([ended]).text


def test_what_cannot_be_seen_is_made_visible_and_can_be_written():
    strange = "a\x00\x1b[31m\u202egnp.exe\u2066\ud800\x9b\r\nb\tc"
    shown = r"a\x00\x1b[31m\u202egnp.exe\u2066\ud800\x9b" + "\nb\tc"
    assert pages.clean(strange) == shown
    fields = {"status": "failed", "message": strange, "misconception": strange, "answer": strange}
    result = student(strange, {i.name: fields for i in ITEMS}, notes=(strange,))
    for html in (
        feedback.page(HOMEWORK, result),
        report.page(report.statistics(HOMEWORK, [result, replace(result, student="b")])),
    ):
        html.encode("utf-8")
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", html)
        assert shown in html
    assert pages.clean("Zoë Åström 李雷 مريم") == "Zoë Åström 李雷 مريم"


@given(st.text(alphabet=st.characters(), max_size=60))
def test_any_text_gives_a_page(text):
    fields = {"status": "failed", "message": text, "answer": text, "remark": text}
    html = feedback.page(HOMEWORK, student(text, {"bias_gradient": fields, "dW_by_hand": fields}))
    html.encode("utf-8")
    assert not Page(html).tags["script"]


def test_long_code_is_cut_with_a_sentence():
    code = "x = 1\n" * 170_000
    long = {"status": "failed", "answer": code, "message": "no " * 10_000}
    html = feedback.page(HOMEWORK, student("s", {"bias_gradient": long, "dW_by_hand": long}))
    assert len(html) < 100_000
    assert html.count("Only the first 20,000 of 1,019,999 characters are shown.") == 2
    assert html.count("Only the first 4,000 of 30,000 characters are shown.") == 2


# counting --------------------------------------------------------------------------------------


def test_a_class_is_counted():
    results = list(a_class(30))
    counted = report.statistics(HOMEWORK, iter(results))
    assert counted.finals == [r.final for r in results]
    assert (counted.assignment, counted.chapters, counted.max_score) == ("hw1", ("02",), MAX)
    assert [e.exercise for e in counted.exercises] == [i.name for i in ITEMS]
    assert (counted.late, counted.late_points) == (4, 2.0)
    assert counted.idle == ["student-09", "student-19", "student-29"]
    assert counted.idle_count == 3
    assert counted.problems == [(name, "It was empty.") for name in counted.idle]
    for i, exercise in enumerate(counted.exercises):
        judgements = [r.judgements[i] for r in results]
        assert exercise.statuses == {
            s: sum(j.status == s for j in judgements) for s in pages.STATES
        }
        assert exercise.mean_points == pytest.approx(np.mean([j.points for j in judgements]))
    by_name = {e.exercise: e for e in counted.exercises}
    averaged = [
        r.student for r in results if any(j.misconception == "averaged" for j in r.judgements)
    ]
    mistakes = by_name["bias_gradient"].mistakes
    assert mistakes == [("averaged", AVERAGED, len(averaged), averaged)]
    assert by_name["bias_gradient"].others == []
    [(kind, message, count, _)] = by_name["linear_forward"].others
    assert (kind, message) == ("error", MIXED["linear_forward"]["message"])
    assert count == by_name["linear_forward"].statuses["error"]


def test_frequent_mistakes_come_first_and_names_are_capped():
    def wrong(name, id):
        return student(name, {"bias_gradient": {"status": "failed", "misconception": id}})

    results = [wrong(f"s{i:03}", "a rare one" if i % 10 == 0 else "common") for i in range(100)]
    [bias] = [e for e in report.statistics(HOMEWORK, results).exercises if e.mistakes]
    assert [(id, count) for id, _, count, _ in bias.mistakes] == [
        ("common", 90),
        ("a rare one", 10),
    ]
    assert [len(names) for *_, names in bias.mistakes] == [20, 10]
    page = read_report(results)
    assert "s001, s002, s003" in page.words
    assert "and 70 more" in page.words


def test_who_needs_help_comes_in_order_of_need_with_the_reasons():
    failed = {i.name: {"status": "failed"} for i in ITEMS}
    errors = {name: {"status": "error"} for name in list(failed)[:3]}
    little = failed | {ITEMS[0].name: {"status": "passed"}}
    named = {"status": "failed", "misconception": "averaged"}
    results = [
        student("fine"),
        student("three errors", errors),
        student("little", little),
        student("nothing", failed | {"bias_gradient": named}),
        student("nothing, tried less", failed | {"sgd_step": {"status": "not attempted"}}),
        student("silent", status="not attempted"),
    ]
    counted = report.statistics(HOMEWORK, results)
    assert [name for name, *_ in counted.help] == [
        "nothing", "nothing, tried less", "little", "three errors",
    ]  # fmt: skip
    assert counted.help_count == 4
    assert counted.idle == ["silent"]
    (_, final, why), (*_, less), *_, (*_, ended) = counted.help
    assert final == 0
    assert why.startswith("Earned 0 of 22 points.\nNot solved: The linear layer, forward; ")
    assert "Gradient of the bias (averaged); " in why
    assert why.endswith("; and 5 more.")
    assert less.endswith("Left open: 1 exercise.")
    assert "The linear layer, forward (an error)" in ended
    page = read_report(results)
    assert "Not solved: The linear layer, forward; " in page.words
    assert "1 student tried no exercise, or nothing of theirs could be read: silent." in page.words


def test_lists_are_cut_and_say_how_many_are_left():
    failed = {i.name: {"status": "failed"} for i in ITEMS}
    stuck = [student(f"stuck-{i:03}", failed, notes=("It was cut off.",)) for i in range(260)]
    idle = [student(f"idle-{i:03}", status="missing") for i in range(70)]
    half = student("slightly better", failed | {"weight_gradient": {"status": "passed"}})
    counted = report.statistics(HOMEWORK, [half, *stuck, *idle])
    assert [name for name, *_ in counted.help] == [f"stuck-{i:03}" for i in range(50)]
    assert counted.help_count == 261
    assert (len(counted.problems), counted.problem_count) == (200, 260)
    assert (len(counted.idle), counted.idle_count) == (50, 70)
    page = Page(report.page(counted))
    assert "And 211 students more." in page.words
    assert "And 60 students more." in page.words
    assert "idle-049 and 20 more." in page.words


def test_ten_thousand_results_are_counted_as_they_come():
    some = list(a_class(100))
    alive = weakref.WeakSet()
    most = 0

    def stream():
        nonlocal most
        for i in range(10_000):
            result = replace(some[i % 100], student=f"student-{i:05}")
            alive.add(result)
            most = max(most, len(alive)) if i % 100 == 0 else most
            yield result

    gc.collect()
    start = time.process_time()
    counted = report.statistics(HOMEWORK, stream())
    assert time.process_time() - start < 3
    assert most <= 2
    assert len(counted.finals) == 10_000
    assert sum(counted.exercises[0].statuses.values()) == 10_000
    page = Page(report.page(counted))
    well_formed(page)
    assert "10,000 students" in page.words


# the report ------------------------------------------------------------------------------------


def test_the_report_tells_a_class():
    results = list(a_class(30))
    page = read_report(results)
    well_formed(page)
    assert page.tags["img"] == 2
    finals = [r.final for r in results]
    low, median, high = (pages.points(q) for q in np.percentile(finals, (25, 50, 75)))
    count = sum(any(j.misconception == "averaged" for j in r.judgements) for r in results)
    errors = sum(r.judgements[0].status == "error" for r in results)
    for words in (
        "Class report: hw1 30 students, chapter 02, 11 exercises, 22 points.",
        f"{count} of 30 Gradient of the bias bias_gradient: Your db is the right one divided by N.",
        f"The median is {median} of 22 points",
        f"from {low} (lower quartile) to {high} (upper quartile)",
        f"{count} of 30 Gradient of the bias (averaged) {AVERAGED.replace('`', '')}",
        f"{errors} of 30 no name in the catalogue, kind: error",
        "4 students of 30 handed in late work and lost 2 points in all. Due 20 November",
        "student-09 It was empty.",
    ):
        assert words in page.words


def test_tables_hold_the_numbers_of_the_pictures():
    counted = report.statistics(HOMEWORK, a_class(30))
    page = Page(report.page(counted))
    edges, counts = report.bins(counted.finals, MAX)
    for low, high, n in zip(edges[:-2], edges[1:-1], counts[:-1], strict=True):
        assert f"{low:g} to under {high:g} {n}" in page.words
    assert f"{edges[-2]:g} to {edges[-1]:g} {counts[-1]}" in page.words
    for e in counted.exercises:
        numbers = " ".join(str(e.statuses[s]) for s in pages.STATES if s != "passed")
        mean = f"{pages.points(e.mean_points)} of {e.max_points}"
        tried = sum(e.statuses[s] for s in ("passed", "failed", "error"))
        assert f"{e.title} 02 {e.statuses['passed']} of {tried} {numbers} {mean}" in page.words
    assert edges[-1] == MAX


def test_the_hardest_exercise_is_the_one_that_fewest_passed_of_those_who_tried():
    different = {
        "a": {"sgd_step": "failed", "linear_forward": "not attempted", "Linear": "missing"},
        "b": {"sgd_step": "failed", "linear_forward": "missing", "Linear": "missing"},
        "c": {"sgd_step": "failed", "linear_forward": "missing", "Linear": "not attempted"},
        "d": {"weight_gradient": "missing", "bias_gradient": "error", "Linear": "missing"},
    }
    page = read_report(
        student(name, {exercise: {"status": status} for exercise, status in of.items()})
        for name, of in different.items()
    )
    rows = [
        f"{exercises.find(name).title} 02 {said}"
        for name, said in (
            ("sgd_step", "1 of 4 "),
            ("bias_gradient", "3 of 4 "),
            ("input_gradient", "4 of 4 "),  # more tried it than the next
            ("weight_gradient", "3 of 3 "),
            ("linear_forward", "1 of 1 "),  # fewest passed, but hardly anybody tried
            ("Linear", "nobody tried 0 0 1 3 0 of 5"),
        )
    ]
    places = [page.words.index(row) for row in rows]
    assert places == sorted(places)
    hardest, easiest = (exercises.find(name).title for name in ("sgd_step", "linear_forward"))
    assert (
        f"the hardest first: from {hardest}, passed by 1 of 4 who tried it, to {easiest}, passed "
        "by 1 of 1."
    ) in page.of("img", "alt")[1]


def test_the_picture_of_the_exercises_has_both_numbers():
    counted = report.statistics(HOMEWORK, a_class(30))
    figure = report.draw_difficulty(counted.exercises, 30).figure
    assert [text.get_text() for text in figure.axes[0].texts] == [
        f"{e.statuses['passed']} of {30 - e.statuses['missing'] - e.statuses['not attempted']}"
        for e in counted.exercises
    ]


def test_close_ticks_are_not_written_over_each_other():
    def ticks(most):
        edges, counts = report.bins([0, most], most)
        return list(report.draw_scores(edges, counts, 0).figure.axes[0].get_xticks())

    assert ticks(44)[-3:] == [35, 40, 44]
    assert ticks(41)[-3:] == [30, 35, 41]


def test_mistakes_of_an_exercise_stand_by_how_many_tried_it():
    results = [
        student("a", {"bias_gradient": MIXED["bias_gradient"]}),
        student("b", {"bias_gradient": {"status": "missing"}}),
        student("c"),
    ]
    assert "Gradient of the bias chapter 02, 1 of 2 who tried passed" in read_report(results).words


def test_a_chapter_that_was_not_handed_in_is_not_left_open():
    other = replace(HOMEWORK, chapters=("02", "03"))
    items = [i for i in other.items() if i.chapter == "03"]
    absents = tuple(judged(item, "missing") for item in items)
    stuck = student("s", {"sgd_step": {"status": "not attempted"}}, status="failed")
    result = replace(stuck, judgements=stuck.judgements + absents)
    ((_, _, why),) = report.statistics(other, [result]).help
    _, absent, wrong, left = why.split("\n")
    assert absent == "Chapter 03 was not handed in."
    assert wrong.startswith("Not solved: ")
    assert left == "Left open: 1 exercise."
    partly = replace(stuck, judgements=stuck.judgements + (judged(items[0]), *absents[1:]))
    ((_, _, why),) = report.statistics(other, [partly]).help
    assert "handed in" not in why
    assert f"Left open: {len(items)} exercises." in why


def test_decisions_stand_apart_from_problems():
    decisions = (
        "Linear: points set by the instructor (half of it was right)",
        "final score set by the instructor (agreed)",
    )
    some = [
        student("decided", decisions=decisions),
        student("odd", notes=("It was cut off.",)),
        student("plain"),
    ]
    words = read_report(some).words
    problems, decided = words.split(" Problems with submissions ")[1].split(
        " Decisions by the instructor "
    )
    assert problems == "1 student Student What was found odd It was cut off."
    assert decided.strip() == (
        "1 student Student What was set decided Linear: points set by the instructor (half of it "
        "was right); final score set by the instructor (agreed)."
    )
    assert "Decisions by the instructor" not in read_report(some[1:]).words
    many = [student(f"s{i:03}", decisions=decisions) for i in range(260)]
    counted = report.statistics(HOMEWORK, many)
    assert (len(counted.decisions), counted.decision_count) == (200, 260)
    assert (counted.problems, counted.problem_count) == ([], 0)
    page = Page(report.page(counted))
    well_formed(page)
    assert "Decisions by the instructor 260 students" in page.words
    assert "And 60 students more." in page.words


@pytest.mark.parametrize(
    ("decisions", "late", "final", "shown"),
    [
        ((), 0.0, 22, "handed in. Final score 22 of 22 Chapter 02"),
        ((), 2.0, 20, "Points earned 22 of 22 Late penalty −2 Final score 20 of 22 Chapter 02"),
        (
            ("final score set by the instructor (agreed)",), 0.0, 14,
            "Points earned 22 of 22 Final score 14 of 22 set by your instructor, in place of 22 "
            "Decisions by your instructor final score set by the instructor (agreed) Chapter 02",
        ),
        (
            ("final score set by the instructor (agreed)",), 2.2, 14,
            "Points earned 22 of 22 Late penalty −2.2 Final score 14 of 22 set by your "
            "instructor, in place of 19.8 Decisions by your instructor final score",
        ),
        (
            ("final score set by the instructor (agreed)",), 2.2, 19.8,
            "Late penalty −2.2 Final score 19.8 of 22 set by your instructor Decisions by",
        ),
        (
            ("late penalty set by the instructor (ill)",), 0.0, 22,
            "Points earned 22 of 22 Late penalty 0 set by your instructor Final score 22 of 22 "
            "Decisions by your instructor late penalty set by the instructor (ill) Chapter 02",
        ),
        (
            ("Linear: points set by the instructor (final score set by hand)",), 0.0, 22,
            "handed in. Final score 22 of 22 Decisions by your instructor Linear: points",
        ),
    ],
)  # fmt: skip
def test_feedback_says_what_the_instructor_has_set(decisions, late, final, shown):
    result = replace(student("s", decisions=decisions, late_penalty=late), final=final)
    page = read_feedback(result)
    well_formed(page)
    assert shown.removeprefix("handed in. ") in page.words
    assert ("Points earned" in page.words) == bool(late or "set by your" in shown)


def test_the_due_time_stands_beside_the_time_of_handing_in():
    due = "due 20 November 2026, 23:59 (UTC+01:00), with 15 minutes of grace"
    when = "21 November 2026, 00:20 (UTC+01:00)"
    page = read_feedback(student("s", submitted=when, due=due))
    assert (
        f"For s, handed in {when}; {due}. 11 of 11 exercises passed. Late work loses 10% of the "
        "points earned for each day begun, 50% at the most. Final score"
    ) in page.words
    without = read_feedback(student("s", submitted=when)).words
    assert f"handed in {when}. 11 of 11 exercises passed. Final score" in without


@pytest.mark.parametrize("status", ["missing", "not attempted"])
def test_why_there_was_nothing_to_grade_stands_out(status):
    heading = "Why there was nothing to grade"
    result = student("s", status=status, notes=("homework.pdf is no notebook",))
    page = read_feedback(result)
    well_formed(page)
    assert f"Final score 0 of 22 {heading} homework.pdf is no notebook Chapter 02" in page.words
    assert ("section", "notice") in [(tag, a.get("class")) for tag, a in page.attributes]
    assert "About what you handed in" not in page.words
    assert heading not in read_feedback(replace(result, notes=())).words
    for one in ({"status": "failed"}, {"status": status, "points": 1, "reason": "On paper."}):
        some = student("s", {"Linear": one}, status=status, notes=result.notes)
        page = read_feedback(some)
        assert heading not in page.words
        assert "About what you handed in homework.pdf is no notebook" in page.words


def test_the_option_that_was_chosen_is_shown_and_no_other():
    choice = exercises.find("why_the_batch_adds")

    def words(raw, items=ITEMS):
        fields = {"status": "failed", "answer": raw}
        return Page(feedback.page(HOMEWORK, student("s", {choice.name: fields}), items)).words

    texts = dict(zip(choice.letters, (o.text for o in choice.options), strict=True))
    for raw, letter in (('"a"', "a"), ('"c"', "c"), ('" B "', "b")):
        said = words(raw)
        assert [text for text in texts.values() if text in said] == [texts[letter]]
    assert f"Your answer: a, {texts['a']}" in words('"a"')
    for odd in ('"z"', '"ab"', "3", "null", '["a"]', '{"a": "a"}', '""', "[[[", "[" * 15_000):
        assert not [text for text in texts.values() if text in words(odd)]
    assert "Your answer: z" in words('"z"')
    assert "Your answer: a " in words('"a"', items=())


def test_the_option_is_that_of_the_variant():
    items = replace(HOMEWORK, chapters=("00",), variant=3).items()
    [varied] = [item for item in items if item.name == "broadcast_shape"]
    own = {o.text for o in exercises.find(varied.name).options}
    letter, text = next(
        (letter, o.text)
        for letter, o in zip(varied.letters, varied.options, strict=True)
        if o.text not in own
    )
    result = StudentResult("s", 0, 1, 0, 0, (judged(varied, "failed", answer=f'"{letter}"'),))
    page = Page(feedback.page(HOMEWORK, result, items))
    assert f"Your answer: {letter}, {text}" in page.words


def test_percentages_are_written_without_a_space():
    words = read_report(a_class(12)).words
    assert "10% of the students" in words
    assert "50% of the points" in words
    assert not re.search(r"\d %", words)


def test_the_last_step_of_scores_ends_at_the_most_points():
    for finals, most, last in (([3, 44, 41], 44, 44), ([0, 40], 40, 40), ([1, 45.5], 44, 45.5)):
        edges, counts = report.bins(finals, most)
        assert edges[-1] == last
        assert edges[-2] % 5 == 0
        assert counts[-1] == sum(final >= edges[-2] for final in finals)


def test_a_report_on_nobody_and_on_one():
    nobody = read_report([])
    well_formed(nobody)
    assert "0 students" in nobody.words
    assert "Nothing has been graded yet" in nobody.words
    assert nobody.tags["img"] == 0
    one = read_report([SOMEBODY])
    well_formed(one)
    assert f"The one student has {pages.points(SOMEBODY.final)} of 22 points." in one.words
    assert one.tags["img"] == 1
    assert "1 of 1 Gradient of the bias (averaged)" in one.words
    assert "median" not in one.text


def test_a_class_that_solved_everything_has_nothing_to_hear_again():
    page = read_report(student(f"s{i}") for i in range(5))
    assert "Nothing stands out." in page.words
    assert "No mistake is common to two students." in page.words
    assert "Nobody, by this rule." in page.words
    assert "Nothing came in late." in page.words
    assert "Full marks: 5 students. No points: 0 students." in page.words


def test_what_to_teach_again_follows_from_the_counts():
    def one(i):
        shared = {"status": "failed", "message": AVERAGED, "misconception": "averaged"}
        return student(
            f"s{i}",
            ({"bias_gradient": shared} if i < 3 else {})
            | ({"weight_gradient": {"status": "failed", "message": "It is 3."}} if i < 6 else {})
            | ({"sgd_step": {"status": "not attempted"}} if i < 5 else {})
            | ({"Linear": {"status": "not attempted"}} if i < 4 else {}),
        )

    words = read_report(map(one, range(10))).words
    words = words[: words.index("Listed is a mistake")]
    assert "6 of 10 Gradient of the weights weight_gradient: 10 tried it and 4 passed" in words
    assert "5 of 10 One step of gradient descent sgd_step: left open" in words
    assert "3 of 10 Gradient of the bias bias_gradient: Your db is" in words
    assert "Linear" not in words
    assert words.index("weight_gradient") < words.index("bias_gradient") < words.index("sgd_step")


def test_a_chapter_that_was_left_open_is_one_line():
    for status, said in (("missing", "left open or not handed in"), ("not attempted", "left open")):
        words = read_report(student(f"s{i}", status=status) for i in range(4)).words
        line = f": {said}, and {len(ITEMS) - 1} more of chapter 02 by half of the class"
        assert words.count(line) == 1
        assert words.count(": left open") == 1


@given(
    st.lists(st.floats(-5, 1000).map(lambda x: round(x, 2)), min_size=1, max_size=50),
    st.integers(0, 200),
)
def test_every_score_is_in_a_bin(finals, most):
    edges, counts = report.bins(finals, most)
    assert counts.sum() == len(finals)
    assert 1 <= len(counts) <= 14
    assert edges[0] <= min(finals)
    assert edges[-1] >= max(finals)
    assert np.all(np.diff(edges) > 0)


@pytest.mark.parametrize(
    ("number", "words"), [(2, "2"), (1.5, "1.5"), (0.1 + 0.2, "0.3"), (10, "10"), (-0.001, "0")]
)
def test_points_are_written_short(number, words):
    assert pages.points(number) == words


def test_a_feedback_page_takes_less_than_two_milliseconds():
    def seconds():
        start = time.process_time()
        for _ in range(20):
            feedback.page(HOMEWORK, SOMEBODY)
        return (time.process_time() - start) / 20

    assert min(seconds() for _ in range(8)) < 0.002


# in a browser ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        path = browser_path(playwright)
        if path is None:
            pytest.skip(NO_CHROMIUM)
        opened = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield opened
        opened.close()


@pytest.mark.parametrize("which", ["feedback", "report"])
def test_pages_keep_nobody_out(browser, tmp_path, which):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe")
    long = student("n" * 200, MIXED, notes=("w" * 500,), late_penalty=1, late="One day late.")
    if which == "feedback":
        html = feedback.page(HOMEWORK, long)
    else:
        html = report.page(report.statistics(HOMEWORK, [*a_class(12), long]))
    file = tmp_path / f"{which}.html"
    file.write_text(html, encoding="utf-8")
    page = browser.new_page(color_scheme="light", viewport={"width": 390, "height": 800})
    asked, errors = [], []
    page.on("request", lambda request: asked.append(request.url.partition(":")[0]))
    page.on("console", lambda message: errors.append(message.text))
    page.goto(file.as_uri())
    assert set(asked) <= {"file", "data"}
    assert errors == []
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert grave(axe.Axe().run(page)) == []
    page.emulate_media(color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light
    contrast = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}
    assert grave(axe.Axe().run(page, options=contrast)) == []
    for width in (390, 1400):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    page.close()


def grave(found):
    """What axe calls serious or critical, with the elements."""
    violations = found.response["violations"]
    return [
        (v["id"], [n["html"][:200] for n in v["nodes"][:3]])
        for v in violations
        if v["impact"] in ("serious", "critical")
    ]
