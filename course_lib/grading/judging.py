"""Judging: from an attempt to a verdict."""

import contextlib
import inspect
import io
import random
import sys
import time
import types
import warnings
from dataclasses import replace

import numpy as np

from course_lib.grading import diagnosis
from course_lib.grading.definition import DEFAULT_SEED
from course_lib.grading.outcomes import Odd, agrees, left_open, run, same_outcome
from course_lib.grading.patterns.case import Case, listed
from course_lib.grading.patterns.graphs import described, first_wrong
from course_lib.grading.patterns.results import overwritten
from course_lib.grading.probes import (
    Call,
    Graph,
    Script,
    Walk,
    describe,
    inputs_of,
    size_of,
)
from course_lib.grading.verdict import Example, Finding, Verdict
from course_lib.grading.watchdog import Escaped, Stuck, TooSlow, run_within

_PREPARED = {}
ACCEPTED = ()  # right because `accept` says so, whatever the reference gives
ROOM = 4_000_000  # bytes
AT_ONCE = 1.0  # seconds for a case that takes milliseconds unless the work grows out of proportion
NOT_ATTEMPTED = "Not attempted yet: write your answer in the cell above, run it, then check again."


class _Prepared:
    """An exercise's probes with the reference's and the misconceptions' outcomes, made once."""

    def __init__(self, exercise, seed, held_back=False):
        self.exercise = exercise
        self.probes = exercise.probes(seed, held_back)
        once = held_back and exercise.accept is None  # these are made for each student anew
        self.wanted = [self._wanted(p, once) for p in self.probes]
        for probe, outcome in zip(self.probes, self.wanted, strict=True):
            if outcome.problem:
                raise RuntimeError(
                    f"the reference solution of {exercise.name} raises on {probe}: "
                    f"{outcome.problem}"
                )
        self._mistakes = {}

    def _wanted(self, probe, once):
        """What the reference does. once: it gives the same the second time, so it is not asked."""
        if not (once and isinstance(probe, Call) and probe.again):
            return run(probe, self.exercise.solution, self.exercise)
        outcome = run(replace(probe, again=False), self.exercise.solution, self.exercise)
        outcome.records += [replace(r, again=True) for r in outcome.records]
        return outcome

    @property
    def room(self):
        """Bytes that results may take: many times those of the right ones, and some millions."""
        values = (r.value for o in self.wanted for r in o.records)
        return ROOM + 200 * sum(v.nbytes for v in values if isinstance(v, np.ndarray))

    def mistake(self, misconception):
        if misconception.id not in self._mistakes:
            self._mistakes[misconception.id] = [
                run(p, misconception.attempt, self.exercise) for p in self.probes
            ]
        return self._mistakes[misconception.id]


def _prepare(exercise, seed):
    known = _PREPARED.get((exercise.name, seed))
    if known is None or known.exercise is not exercise:
        known = _PREPARED[exercise.name, seed] = _Prepared(exercise, seed)
    return known


# not attempted ---------------------------------------------------------------------------------


def _essence(code):
    """What a code object does, without its name, place and docstring."""
    consts = tuple(
        _essence(c) if isinstance(c, types.CodeType) else c
        for c in code.co_consts
        if not isinstance(c, str)
    )
    return code.co_code, consts, code.co_names


def _essences(attempt):
    if isinstance(attempt, type):
        found = [(n, m) for n, m in vars(attempt).items() if type(m) is types.FunctionType]
    else:
        found = [("", attempt)] if type(attempt) is types.FunctionType else []
    return {n: _essence(m.__code__) for n, m in found}


def is_starter(exercise, attempt):
    """Whether the attempt is the starter's own code."""
    scope = {"np": np}
    exec(compile(exercise.starter, "<starter>", "exec"), scope)
    return bool(_essences(attempt)) and _essences(attempt) == _essences(scope[exercise.name])


# judging ---------------------------------------------------------------------------------------


@contextlib.contextmanager
def _restored():
    """Puts back what an attempt may set for everybody: global random states, recursion limit."""
    states = random.getstate(), np.random.get_state(), sys.getrecursionlimit()  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002
        sys.setrecursionlimit(states[2])


class _Printed(io.StringIO):
    """Keeps the beginning of what is printed."""

    LIMIT = 2000

    def write(self, text):
        room = self.LIMIT - self.tell()
        super().write(text[:room] if room > 0 else "")
        return len(text)

    def close(self):
        """Does nothing: what was printed is still to be read."""


class _Here:
    """Runs an attempt in this very process, in a thread that is stopped when its time is over.

    Other runners have the same two methods and `signature`, an `inspect.Signature` or None.
    """

    def __init__(self, exercise, attempt):
        self.exercise, self.attempt = exercise, attempt

    @property
    def signature(self):
        # A callable object may answer questions about itself with anything.
        if not isinstance(self.attempt, (type, types.FunctionType)):
            return None
        try:
            return inspect.signature(self.attempt)
        except (TypeError, ValueError):
            return None

    def run_all(self, probes, outcomes, room):
        """Appends the outcome of each probe. Raises TooSlow, Stuck, Escaped or Ended.

        room: how many bytes of results there may be, for those who take them from elsewhere.
        """

        def work():
            for probe in probes:
                outcomes.append(self._outcome(probe))

        run_within(self.exercise.seconds, work, cpu_time=self.exercise.cpu_time)

    def run_one(self, probe, seconds, cpu_time=False):
        """The outcome of one more probe. Raises TooSlow, Stuck, Escaped or Ended."""
        return run_within(seconds, lambda: self._outcome(probe), cpu_time=cpu_time)

    def _outcome(self, probe):
        return run(probe, self.attempt, self.exercise, trusted=False)


class Ended(Exception):
    """Nothing of use came back from the process in which the attempt ran; why is said in words."""


def judge(exercise, attempt, *, seed=DEFAULT_SEED):
    """The verdict on an attempt (a function or a class, as the exercise asks). Never raises.

    seed: which probes; the default is what learners see. Only an interrupt by the user
    (KeyboardInterrupt in the calling thread) comes through.
    """
    if not callable(attempt):
        return not_callable(exercise, type(attempt).__name__)
    try:
        untouched = is_starter(exercise, attempt)
    except BaseException:  # a class that answers questions about itself by raising
        untouched = False
    if untouched:
        return not_attempted(exercise)
    printed = _Printed()
    # All this is set for the whole process, so it is set here, in the thread that always leaves.
    with (
        contextlib.redirect_stdout(printed),
        contextlib.redirect_stderr(sys.stderr),
        warnings.catch_warnings(),
        _restored(),
    ):
        warnings.simplefilter("ignore")
        prepared = _prepare(exercise, seed)
        deadline = time.monotonic() + exercise.seconds
        return _judged(exercise, _Here(exercise, attempt), prepared, deadline, printed.getvalue)


def judge_outcomes(exercise, runner, *, seed=DEFAULT_SEED, diagnose=True):
    """The verdict on an attempt that runs elsewhere, known by its outcomes alone.

    runner: as `_Here`. diagnose: whether to find out what is wrong; otherwise a refusal says
    nothing but that. What is said does not depend on how fast this machine is.
    """
    if seed == DEFAULT_SEED:
        prepared = _prepare(exercise, seed)
    else:
        prepared = _Prepared(
            exercise, seed, held_back=True
        )  # not kept: every student has a seed of their own
    return _judged(exercise, runner, prepared, np.inf, str, diagnose)


def not_callable(exercise, kind):
    """The verdict on something of a type that is neither function nor class."""
    wanted = "class" if exercise.is_class else "function"
    return _verdict(
        exercise,
        "error",
        Finding("type", exercise.name, kind),
        f"{exercise.name} is a {wanted}, but what was handed in is of type {kind}. Pass the "
        f"{wanted} itself, without calling it.",
    )


def not_attempted(exercise):
    """The verdict on the starter as it was handed out."""
    return _verdict(exercise, "not attempted", None, NOT_ATTEMPTED)


def _judged(exercise, runner, prepared, deadline, printed, diagnose=True):
    outcomes = []
    try:
        runner.run_all(prepared.probes, outcomes, prepared.room)
        return _decide(exercise, runner, prepared, outcomes, deadline, printed(), diagnose)
    except Escaped as escaped:
        kind = type(escaped.cause).__name__
        return _verdict(
            exercise,
            "error",
            Finding("error", exercise.outputs[0], (kind, "")),
            f"Your {exercise.name} raised {kind} in a way that could not be followed. "
            "Return plain numbers or arrays.",
        )
    except TooSlow:
        at = len(outcomes)
        case = _words_for(exercise, prepared.probes[min(at, len(prepared.probes) - 1)])
        return _verdict(
            exercise,
            "error",
            Finding("timeout", exercise.outputs[0], exercise.seconds),
            f"Your {exercise.name} had not finished after {exercise.seconds:g} seconds and was "
            f"stopped, at {case}. All cases together may take that long. Is there a loop that "
            "never ends, or one that does far too much?",
        )
    except Stuck:
        return _verdict(
            exercise,
            "error",
            Finding("timeout", exercise.outputs[0], "stuck"),
            f"Your {exercise.name} is still running and could not be stopped. Restart the kernel "
            "(Kernel, Restart Kernel); your progress is saved. Look for a loop that catches every "
            "exception, an array far too large, or something that waits, such as input() or sleep.",
        )
    except Ended as ended:
        return _verdict(
            exercise,
            "error",
            Finding("ended", exercise.outputs[0], str(ended)),
            f"Nothing of use came back from your {exercise.name}: {ended}. An answer has to return "
            "arrays or numbers.",
        )


def _words_for(exercise, probe):
    if isinstance(probe, Graph):
        return described(probe)
    if isinstance(probe, Walk):
        return f"a graph of {len(probe.parents)} nodes"
    shapes = [f"{n} = {describe(v)}" for n, v in inputs_of(probe, exercise).items()]
    return ", ".join(shapes) or "the first case"


def _verdict(exercise, status, finding, message, **details):
    points = exercise.points if status == "passed" else 0
    return Verdict(
        exercise.name, status, points, exercise.points, message, finding=finding, **details
    )


def _decide(exercise, runner, prepared, outcomes, deadline, printed, diagnose):
    probes, wanted = prepared.probes, prepared.wanted
    unfinished = [o.problem and o.problem.type == "NotImplementedError" for o in outcomes]
    if all(unfinished) and not any(o.records for o in outcomes):
        return _verdict(exercise, "not attempted", None, NOT_ATTEMPTED, printed=printed)
    refusals = [
        _refusal(exercise, p, o, w) for p, o, w in zip(probes, outcomes, wanted, strict=True)
    ]
    said = exercise.together(probes, outcomes) if exercise.together and not any(refusals) else None
    if said:
        return _verdict(exercise, "failed", *said, printed=printed)
    if not any(refusals):
        if not exercise.effort:
            return _verdict(exercise, "passed", None, "Right.", printed=printed)
        return _verdict(exercise, *_with_effort(exercise, runner), printed=printed)
    if not diagnose:
        return _verdict(exercise, "failed", None, "")
    # Where an exercise accepts many answers, the reference's numbers are no measure.
    compared = [k for k, refusal in enumerate(refusals) if isinstance(refusal, bool)]
    probes_c, outcomes_c, wanted_c = (
        [rows[k] for k in compared] for rows in (probes, outcomes, wanted)
    )
    example = _example(exercise, probes_c, outcomes_c, wanted_c)
    details = {"printed": printed, "example": example}
    own = next((r for r in refusals if isinstance(r, tuple) and r), None)
    for m in exercise.misconceptions:
        if _made(exercise, m, prepared, outcomes):
            what = m.message
            if m.symptom and own:
                seen = own[1]
                if isinstance(probes[0], Walk):  # what to look at is said better by the message
                    seen = seen.partition(". ")[0].rstrip(".") + "."
                what = f"{seen} {m.message}".strip()
            elif not m.why:
                what = f"{_difference(exercise, outcomes, wanted)} {m.what}"
            finding = Finding(
                "misconception", example.variable if example else exercise.outputs[0], m.id
            )
            return _verdict(exercise, "failed", finding, what, misconception=m.id, **details)
    if all(isinstance(p, Graph) for p in probes):
        finding, message = first_wrong(exercise, probes, outcomes, wanted)
        status = "error" if finding.kind in ("error", "unfinished") else "failed"
        return _verdict(exercise, status, finding, message, printed=printed)
    if own:
        return _verdict(exercise, "failed", own[0], own[1], **details)
    broken = [(p, o) for p, o in zip(probes, outcomes, strict=True) if o.problem]
    if broken:
        finding, message = _words_for_exception(exercise, runner, probes, outcomes, broken)
        details["example"] = None  # the numbers of another case would only confuse
        return _verdict(exercise, "error", finding, message, **details)

    def rerun(probe):
        left = deadline - time.monotonic()
        if left < 0.05:
            return None
        try:
            return runner.run_one(probe, min(left, exercise.seconds))
        except (TooSlow, Escaped, Ended):
            return None

    def diagnosed(kept):
        rows = [[r[k] for k in kept] for r in (probes, wanted, outcomes)]
        case = Case(exercise, *rows, lambda p: run(p, exercise.solution, exercise), rerun)
        return diagnosis.diagnose(case)

    clear = [k for k in compared if probes[k].label not in exercise.ambiguous]
    if any(not same_outcome(outcomes[k], wanted[k], exercise) for k in clear):
        m = len(clear) < len(compared) and _mistake_in(exercise, prepared, outcomes, clear)
        if m:
            finding = Finding("misconception", exercise.outputs[0], m.id)
            return _verdict(exercise, "failed", finding, m.message, misconception=m.id, **details)
        compared = clear
    finding, sentences = diagnosed(compared)
    if finding.kind in diagnosis.WEAK and time.monotonic() < deadline - 0.6 * exercise.seconds:
        aside = _leaving_aside(exercise, prepared, outcomes, compared, diagnosed, deadline)
        if aside:
            finding, message, misconception = aside
            return _verdict(
                exercise, "failed", finding, message, misconception=misconception, **details
            )
    return _verdict(exercise, "failed", finding, " ".join(s for s in sentences if s), **details)


def _with_effort(exercise, runner):
    """(status, finding, message) for an attempt that is right, but for the large case perhaps."""
    probe, remark = exercise.effort
    try:
        outcome = runner.run_one(probe, AT_ONCE, cpu_time=True)
    except (TooSlow, Escaped):
        return "passed", None, f"Right. {remark}"
    wanted = run(probe, exercise.solution, exercise)
    refusal = _refusal(exercise, probe, outcome, wanted)
    if not refusal:
        return "passed", None, "Right."
    if outcome.problem:
        what = f"{outcome.problem.type}: {outcome.problem.message}"
        finding = Finding("error", exercise.outputs[0], (outcome.problem.type, ""))
        words = f"Right in small cases. But for {probe.label}, your {exercise.name} raised {what}"
        return "error", finding, words
    if refusal is True:
        refusal = first_wrong(exercise, [probe], [outcome], [wanted])
    return "failed", *refusal


def _leaving_aside(exercise, prepared, outcomes, compared, diagnosed, deadline):
    """(finding, message, misconception) that hold but for one special kind of case, or None.

    Looks on until half of the time for the judgement is over.
    """
    wrong = [k for k in compared if not same_outcome(outcomes[k], prepared.wanted[k], exercise)]
    for label in sorted({prepared.probes[k].label for k in wrong} - {""}):
        kept = [k for k in compared if prepared.probes[k].label != label]
        if len([k for k in wrong if k in kept]) < 2:
            continue
        if time.monotonic() > deadline - 0.5 * exercise.seconds:
            return None
        aside = f" (With {label} it goes wrong, too, perhaps for another reason.)"
        m = _mistake_in(exercise, prepared, outcomes, kept)
        if m:
            finding = Finding("misconception", exercise.outputs[0], m.id)
            return finding, m.message + aside, m.id
        finding, sentences = diagnosed(kept)
        if finding.kind not in diagnosis.WEAK:
            return finding, " ".join(s for s in sentences if s) + aside, None
    return None


def _mistake_in(exercise, prepared, outcomes, kept):
    """The first misconception that was made on the kept cases, or None."""
    for m in exercise.misconceptions:
        if m.symptom is None and m.why and _made(exercise, m, prepared, outcomes, kept):
            return m
    return None


def _refusal(exercise, probe, outcome, want):
    """True or (Finding, message) for a wrong outcome, False or ACCEPTED for a right one."""
    if exercise.accept is not None and outcome.problem is None:
        said = exercise.accept(probe, outcome)
        if said is True and not _has_the_same_parts(outcome, want):
            return True
        if said is True and outcome.changed:
            return _input_changed(exercise, outcome)
        if said is True and outcome.shared:
            finding, sentences = overwritten(outcome.shared)
            return finding, " ".join(sentences)
        if said is True:
            return ACCEPTED
        if said is not None:
            return said
    return not same_outcome(outcome, want, exercise)


def _has_the_same_parts(outcome, want):
    """Whether all that was asked for was looked at; an outcome may come from elsewhere."""
    return [(r.name, r.again) for r in outcome.records] == [(r.name, r.again) for r in want.records]


def _input_changed(exercise, outcome):
    names = listed(outcome.changed)
    return (
        Finding("inputs changed", names),
        f"What your {exercise.name} returns is right, but {names} "
        f"{'are' if len(outcome.changed) > 1 else 'is'} not as before the call. Whoever called it "
        "still needs the arrays. Work on a copy.",
    )


def _made(exercise, misconception, prepared, outcomes, kept=None):
    """Whether the attempt did on every probe what the misconception does, or shows its symptom.

    kept: the indices of the probes to look at, all by default.
    """
    if misconception.symptom is not None:
        return all(
            o.problem is None and misconception.symptom(p, o)
            for p, o in zip(prepared.probes, outcomes, strict=True)
        )
    mistaken = prepared.mistake(misconception)
    triples = list(zip(prepared.probes, outcomes, mistaken, strict=True))
    for probe, one, other in triples if kept is None else [triples[k] for k in kept]:
        if same_outcome(one, other, exercise):
            continue
        if exercise.accept is None or one.problem or other.problem:
            return False
        if exercise.accept(probe, one) is not True or exercise.accept(probe, other) is not True:
            return False
    return True


def _wrong_records(exercise, outcome, want):
    order = exercise.computed
    ranks = {name: k for k, name in enumerate(order)}
    places = sorted(range(len(want.records)), key=lambda i: ranks.get(want.records[i].name, 0))
    for i in places if exercise.steps else range(len(want.records)):
        right = want.records[i]
        got = outcome.records[i] if i < len(outcome.records) else None
        if (
            got is None
            or got.name != right.name
            or not agrees(got.value, right.value, exercise.rtol, exercise.atol)
        ):
            yield got, right


def _difference(exercise, outcomes, wanted):
    """A sentence that says which variable differs, and how far that shows."""
    for o, w in zip(outcomes, wanted, strict=True):
        if o.problem:
            return f"Your {exercise.name} raised {o.problem.type}."
        for got, right in _wrong_records(exercise, o, w):
            if got is None or isinstance(got.value, Odd):
                return f"Your {right.name} is not an array of numbers."
            if got.value.shape != right.value.shape:
                return (
                    f"Your {right.name} has shape {got.value.shape}, but it must be "
                    f"{right.value.shape}."
                )
            return f"Your {right.name} has the right shape but other values."
    return f"Your {exercise.name} changed its inputs."


def _example(exercise, probes, outcomes, wanted):
    """The smallest failing case with plain values on both sides, for the card to show."""
    best = None
    for probe, o, w in zip(probes, outcomes, wanted, strict=True):
        if o.problem:
            continue
        for got, right in _wrong_records(exercise, o, w):
            if got is None or isinstance(got.value, Odd) or isinstance(right.value, Odd):
                continue
            inputs = tuple(inputs_of(probe, exercise).items())
            size = right.value.size + size_of(dict(inputs))
            if best is None or size < best[0]:
                name = right.name
                if isinstance(probe, Graph):
                    name += f", for {described(probe)}"
                best = size, Example(name, inputs, got.value, right.value)
            break
    return best and best[1]


# exceptions ------------------------------------------------------------------------------------


def _words_for_exception(exercise, runner, probes, outcomes, broken):
    probe, outcome = min(broken, key=lambda b: size_of(inputs_of(b[0], exercise)))
    problem = outcome.problem
    arity = _arity(exercise, runner.signature, probe)
    if arity:
        return arity
    if problem.type == "NotImplementedError":
        done = ", ".join(dict.fromkeys(r.name for r in outcome.records)) or "nothing"
        return (
            Finding("unfinished", exercise.outputs[0], done),
            f"{exercise.name} is not finished: a part of it still raises NotImplementedError. "
            f"What has been reached so far: {done}.",
        )
    if left_open(problem):
        gap = f", in its line {problem.number}: `{problem.line}`" if problem.line else ""
        return (
            Finding("unfinished", exercise.outputs[0], problem.line),
            f"A gap of your {exercise.name} is still open{gap}. Every `...` has to be replaced.",
        )
    where = f" in its line {problem.number}, `{problem.line}`" if problem.line else ""
    shapes = ", ".join(f"{n} is {s}" for n, s in problem.shapes)
    shapes = f" There, {shapes}." if shapes else ""
    case = _words_for(exercise, probe)
    labels = {p.label for p, o in broken}
    fine = {p.label for p, o in zip(probes, outcomes, strict=True) if not o.problem}
    some = ""
    if fine and "" not in labels and not labels & fine:
        plain = sorted(w for w in labels if not any(w != o and w.startswith(o) for o in labels))
        kinds = f"with {plain[0]}" if len(plain) == 1 else f"in these: {'; '.join(plain)}"
        some = f" Of the cases tried, it happens only {kinds}."
    words, look = next(
        (w for start, w in _HELP_BY_WORDS.items() if problem.message.startswith(start)),
        (None, None),
    )
    words = words or problem.message
    says = f": {words.rstrip('.')}" if words else ""
    look = look or _HELP.get(
        problem.type, "Run your function on this case alone and look at that line."
    )
    return (
        Finding("error", exercise.outputs[0], (problem.type, problem.line)),
        f"Your {exercise.name} raised {problem.type}{where}, called with {case}{says}."
        f"{shapes}{some} {look}",
    )


_HELP_BY_WORDS = {
    # beginning of NumPy's words: (ours, what to look at)
    "matmul: ": (
        "the inner sizes of the matrix product differ",
        "Write the two shapes beside each other: the last of the first and the first of the second "
        "must agree.",
    ),
    "operands could not be broadcast together with remapped shapes": (
        None,
        "Only axes of length 1 are stretched, and new ones come in front. Do they stand in the "
        "right places?",
    ),
    "operands could not be broadcast": (
        None,
        "`*`, `+`, `-` and `/` go entry by entry and need shapes that fit. An axis that a sum or "
        "max took away comes back with keepdims=True or np.expand_dims; the matrix product is `@`.",
    ),
    "only 0-dimensional arrays": (
        "an array was given where a single number was wanted",
        "Functions of the math module take one number; NumPy's (np.cos, np.exp) take arrays.",
    ),
    "The truth value of an array": (
        "an array was given where one True or False was wanted",
        "`if`, `and` and `max` take single numbers; np.where and np.maximum go entry by entry.",
    ),
    "shape-mismatch for sum": (
        "the sizes along the axes that are added up differ",
        "Print both shapes. A window that sticks out of the image is smaller than the others: are "
        "there too many places?",
    ),
    "return arrays must be of ArrayType": (
        "np.maximum (or the like) was given three things, and takes the third for an array to "
        "write into",
        "It compares two; for three, put one inside another.",
    ),
    "grad needs a function that returns a single number": (
        None,
        "A gradient belongs to one number: what adds up to one inside of the function?",
    ),
    "cannot reshape array": (
        None,
        "reshape keeps all numbers, and there must be as many as the new shape has places. Is "
        "something to be summed, or copied, before?",
    ),
    "tuple index out of range": (
        None,
        "How long is the tuple, a shape perhaps, and which index is one too far?",
    ),
    "setting an array element with a sequence": (
        None,
        "A single entry was to hold several numbers: what are the shapes on both sides?",
    ),
}
_HELP = {
    "NameError": "Is the name spelled as where it was made, and was that cell run?",
    "IndexError": "How long is the array, and which index is one too far?",
    "AttributeError": "Is it set before it is read, and under the same name?",
    "TypeError": "Print the types of what takes part in that line.",
    "RecursionError": "What ends the recursion?",
    "ZeroDivisionError": "Which case makes the divisor 0?",
    "KeyboardInterrupt": "An exercise has no use for interrupting the kernel.",
    "NotHere": "What an exercise asks for is to be written, not called.",
    "SystemExit": "An exercise has no use for leaving Python: return a value instead.",
}


def _arity(exercise, signature, probe):
    """Words for an attempt that cannot be called with the exercise's arguments at all."""
    args, name = None, exercise.name
    if isinstance(probe, Call):
        args = probe.args
    elif isinstance(probe, Script):
        args = next((s[2] for s in probe.steps if s[0] == "new"), None)
    elif isinstance(probe, Walk):
        args = ("root",)
    else:
        args = (probe.leaves[0][1],)
    names = exercise.parameters("__init__" if exercise.is_class else None)
    if signature is None:
        return None
    try:
        signature.bind(*args)
    except TypeError:
        takes = str(signature)
        left = [n for n in exercise.defaults if n in names[len(args) :]]
        if left and len(signature.parameters) == len(names):
            default = f"{left[0]}={exercise.defaults[left[0]]}"
            return (
                Finding("arity", exercise.outputs[0], (takes, names)),
                f"{name} may be called without {left[0]}, but yours takes {takes}, where it has no "
                f"default. Write {default}, as the starter has it.",
            )
        return (
            Finding("arity", exercise.outputs[0], (takes, names)),
            f"{name} is called with {len(args)} argument{'s' * (len(args) != 1)}, "
            f"({', '.join(names[: len(args)])}), but yours "
            f"takes {takes}. Keep the parameters as the starter has them, in that order.",
        )
    return None
