"""Judging what was handed in: its code runs in the sandbox, what it did is judged here."""

import ast
import json
from dataclasses import replace

import course_lib
from course_lib import exercises
from course_lib.authoring import Course
from course_lib.authoring.source import read_parts
from course_lib.classroom.attempts import Attempt, Notebook, NotThere, Same, kind_of
from course_lib.classroom.results import Judgement
from course_lib.grading.judging import Ended, judge_outcomes
from course_lib.grading.watchdog import TooSlow
from course_lib.sandbox.extract import fingerprint
from course_lib.sandbox.link import Broken, NoSandbox, sandbox

ALWAYS = ("gradcheck", "datasets")  # of the engine: helpers that are no answer to anything
NEVER = ("load_mnist",)  # its file cannot be read from inside
LONGEST_ANSWER = 20_000  # characters of an answer that are kept
BY_CHANCE = ("timeout", "ended")  # findings that another time may not have
MOST_SAID = 5_000  # verdicts that are remembered
LONGEST_MESSAGE = 3_000
ONLY_NUMPY = "Answers may use NumPy and the standard library."
NO_ANSWER = (
    "No answer came with the notebook. Run its last cell and save it before you hand it in, or use "
    "`course submit`."
)
AS_HANDED_OUT = "Not attempted: the answer raises NotImplementedError, as the starter does."
DRAWS = 2  # of the held-back cases, for an answer that is right in the others
MANY_DRAWS = 8  # where a right answer may fail by chance, as a training does in 1 of 4
NO_TIME = (
    "Your {name} is not right. What is wrong with it was not looked into: other answers in this "
    "notebook took up the time that there is for that."
)
AS_CHECKED = (
    "later cells give other values to names that {name} uses; it counts as it was at its own cell"
)
HELD_BACK = (
    "Your {name} is right in the cases that the notebook tries, but not in others of the same "
    "kind, which are held back. It has to compute its result from what it is given, whatever that "
    "is."
)


def chapter_imports(chapter, course):
    """{module below course_lib ("" for itself): names} that a chapter's code cells import."""
    found = {}
    texts = [p.text for p in read_parts(course.sources[chapter]) if p.kind == "code"]
    texts += [e.starter for e in exercises.of_chapter(chapter) if e.kind == "code"]
    for text in texts:
        try:
            nodes = ast.walk(ast.parse(text))
        except SyntaxError:  # a cell with a magic
            continue
        for node in nodes:
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("course_lib"):
                module = node.module.removeprefix("course_lib").lstrip(".")
                found.setdefault(module, set()).update(a.name for a in node.names)
    return {module: sorted(names) for module, names in sorted(found.items())}


def all_imports(assignment, course):
    """{chapter: what `chapter_imports` finds} for the chapters of an assignment."""
    return {chapter: chapter_imports(chapter, course) for chapter in assignment.chapters}


def offers(imports, may_use, withheld):
    """Of a chapter's imports, those that an answer to one of its exercises may use."""
    allowed = (*ALWAYS, *may_use)
    found = {}
    for module, names in imports.items():
        for name in names:
            home = module or course_lib._HOME.get(name, name)
            dotted = f"{home}.{name}"
            if home.split(".")[0] in allowed and name not in NEVER:
                if dotted not in withheld:
                    found.setdefault(module, []).append(name)
    return found


class Grader:
    """Judges notebooks of one assignment. Raises NoSandbox where a layer is missing.

    imports: what `all_imports` found, for where there are no sources of chapters. unsafe: whether
    to go on with the layers that are there. bubblewrap: whether to wrap all of it. active, missing:
    the names of the layers in force, and why others are not.
    """

    def __init__(self, assignment, *, course=None, imports=None, unsafe=False, bubblewrap=False):
        self.assignment = assignment
        self._how = {"unsafe": unsafe, "bubblewrap": bubblewrap}
        self._imports = imports or all_imports(assignment, course or Course.find())
        self._sandboxes, self._starters, self._requests, self._said = {}, {}, {}, {}
        self.active, self.missing = [], []
        self.items = assignment.items()
        if codes := [item for item in self.items if item.kind == "code"]:
            first = self.sandbox_for(codes[0])
            self.active, self.missing = first.active, first.missing

    def close(self):
        """Ends all processes."""
        for made in self._sandboxes.values():
            made.close()
        self._sandboxes.clear()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def sandbox_for(self, exercise):
        key = chapter, may_use, withheld = kind_of(exercise)
        if key not in self._sandboxes:
            facade = {
                "offers": offers(self._imports[chapter], may_use, withheld),
                "withheld": list(withheld),
                "alone": not may_use,
            }
            self._sandboxes[key] = sandbox(facade, **self._how)
        return self._sandboxes[key]

    def start_anew(self, exercise):
        """Has another clean process made in the place of one that has ended."""
        self._sandboxes.pop(kind_of(exercise)).close()

    def judge(self, read, student, known=()):
        """A `Judgement` for each exercise of the notebook's chapter, one after another.

        read: what `reading.read` found. student: whose seed the cases that are held back have.
        known: names of exercises that are left out.
        """
        items = [i for i in self.items if i.chapter == read.chapter and i.name not in known]
        codes = [i for i in items if i.kind == "code"]
        starters = {item.name: self._starter(item) for item in codes}
        notebook = Notebook(read.cells, codes, starters, self.sandbox_for, self._requests)
        try:
            for item in items:
                if item.kind == "code":
                    draws = range(MANY_DRAWS if item.cpu_time else DRAWS)
                    seeds = [self.assignment.seed_for(student, again) for again in draws]
                    yield self._judge_code(item, notebook, seeds)
                else:
                    yield _judge_question(item, read.answers)
        finally:
            notebook.close()

    def _judge_code(self, exercise, notebook, seeds):
        try:
            try:
                return self._judge_found(exercise, notebook, seeds)
            except Broken:  # that is never the student's fault
                notebook.forget(exercise)
                self.start_anew(exercise)
                return self._judge_found(exercise, notebook, seeds)
        except (Broken, NoSandbox):
            raise
        except Exception as error:  # noqa: BLE001 - it costs this exercise, and no other
            words = (
                f"What your {exercise.name} gave back could not be judged "
                f"({type(error).__name__}). It has to return plain numbers or arrays."
            )
            return _judgement(exercise, "error", words, finding="unjudged")

    def _judge_found(self, exercise, notebook, seeds):
        found = notebook.answer(exercise)
        about = {"remark": found["remark"], "answer": notebook.source(found)}
        if found["problem"]:
            nowhere = not found["cells"] and "nowhere" in found["problem"]
            return _judgement(
                exercise,
                "missing" if nowhere else "error",
                f"{exercise.name} was not found: {found['problem']}.",
                **about,
            )
        if found["fingerprint"] == self._starter(exercise):
            return _judgement(exercise, "not attempted", AS_HANDED_OUT, **about)
        used = notebook.is_used(exercise)  # it may be spoilt by another answer
        held_back = _verdict_on(exercise, notebook, seeds[0])
        if used and _was_too_slow(held_back) and notebook.may_repeat:
            held_back = _again(exercise, notebook, seeds[0])
        if held_back.passed:
            return _from_verdict(exercise, held_back, **about)
        checked = _as_checked(exercise, notebook, seeds[0])
        if checked and checked.passed:
            words = AS_CHECKED.format(name=exercise.name)
            about["remark"] = "; ".join(filter(None, (about["remark"], words)))
            return _from_verdict(exercise, checked, **about)
        if _was_too_slow(held_back):
            return _judgement(exercise, "error", _too_slow(exercise), "timeout", **about)
        if not notebook.may_repeat:
            words = NO_TIME.format(name=exercise.name)
            return _judgement(exercise, "failed", words, "no time", **about)
        with notebook.repeating():
            verdict = self._in_words(exercise, notebook)
        if verdict.status == "not attempted":
            return _judgement(exercise, "not attempted", AS_HANDED_OUT, **about)
        if not verdict.passed:
            return _from_verdict(exercise, verdict, **about)
        # Nobody shall lose points by an unlucky draw, nor by what another answer left.
        for seed in seeds[1:]:
            held_back = _again(exercise, notebook, seed)
            if held_back.passed:
                return _from_verdict(exercise, held_back, **about)
            if not notebook.may_repeat:
                break
        words = HELD_BACK.format(name=exercise.name)
        about["misconception"] = "held-back cases"  # the report counts it like one
        return _judgement(exercise, "failed", words, "held back", **about)

    def _in_words(self, exercise, notebook):
        """The verdict on the cases that every learner has; the same code gets the same words."""
        key = exercise.name, notebook.code_for(exercise)
        if key in self._said:
            return self._said[key]
        verdict = replace(_verdict_on(exercise, notebook), example=None, printed="")
        notebook.drop(exercise, held_back=False)
        if verdict.finding is None or verdict.finding.kind not in BY_CHANCE:
            if len(self._said) >= MOST_SAID:
                self._said.clear()
            self._said[key] = verdict
        return verdict

    def _starter(self, exercise):
        if exercise.name not in self._starters:
            self._starters[exercise.name] = fingerprint(exercise.starter)
        return self._starters[exercise.name]


def _was_too_slow(verdict):
    return verdict.finding is not None and verdict.finding.kind == "timeout"


def _verdict_on(exercise, notebook, seed=None):
    """The verdict on the cases of a seed, without words, or on those that every learner has.

    The two run in processes of their own: what an answer can remember of the first it cannot tell
    in the words of the second.
    """
    runner = Attempt(exercise, notebook, held_back=seed is not None)
    try:
        if seed is not None:
            return judge_outcomes(exercise, runner, seed=seed, diagnose=False)
        verdict = judge_outcomes(exercise, runner)
        if verdict.status == "error" and runner.failed:
            words = f"{verdict.message} When this was graded, {runner.failed[0]}. {ONLY_NUMPY}"
            return replace(verdict, message=words)
        return verdict
    except NotThere as why:
        return why.verdict


def _again(exercise, notebook, seed):
    """The verdict on the cases of a seed, in a process in which nothing has run before."""
    notebook.drop(exercise, held_back=True)
    with notebook.repeating():
        return _verdict_on(exercise, notebook, seed)


def _as_checked(exercise, notebook, seed):
    """The verdict on the answer as it stood at its own cell; None where that is no other."""
    if not notebook.may_repeat:
        return None
    runner = Attempt(exercise, notebook, held_back=True, checked=True)
    try:
        with notebook.repeating():
            runner.look()
            return judge_outcomes(exercise, runner, seed=seed, diagnose=False)
    except (NotThere, Same, TooSlow, Ended):
        return None


def _too_slow(exercise):
    return (
        f"Your {exercise.name} had not finished after {exercise.seconds:g} seconds and was "
        "stopped. All cases together may take that long. Is there a loop that never ends, or one "
        "that does far too much?"
    )


def clean(text, most=LONGEST_MESSAGE):
    """A text as it may go into tables and pages: of bounded length, without control characters."""
    text = text[:most].encode("utf-8", "replace").decode()
    if text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else "?" for c in text)


def _judgement(item, status, message, finding="", *, remark="", answer="", **more):
    points = item.points if status == "passed" else 0
    return Judgement(
        item.name,
        item.title,
        item.chapter,
        item.kind,
        status,
        points,
        item.points,
        clean(message),
        finding=finding,
        remark=clean(remark),
        answer=clean(answer, LONGEST_ANSWER),
        **more,
    )


def _from_verdict(item, verdict, **more):
    return _judgement(
        item,
        verdict.status,
        verdict.message,
        verdict.finding.kind if verdict.finding else "",
        misconception=verdict.misconception or "",
        **more,
    )


def _judge_question(item, answers):
    if item.name not in answers:
        return _judgement(item, "not attempted", NO_ANSWER)
    raw = answers[item.name]
    text = json.dumps(raw, ensure_ascii=False)[:LONGEST_ANSWER]
    try:
        return _from_verdict(item, item.judge(raw), answer=text)
    except Exception as error:  # noqa: BLE001 - raw answers are whatever somebody wrote
        words = f"This answer could not be read ({type(error).__name__})."
        return _judgement(item, "error", words, "unjudged", answer=text)
