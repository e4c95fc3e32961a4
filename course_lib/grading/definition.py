"""Code exercises and their misconceptions: what an author writes, in one block."""

import ast
import contextlib
import inspect
import re
import textwrap
from functools import cached_property

import numpy as np

from course_lib.grading.contract import Contract
from course_lib.grading.probes import Call, Graph, Script, Walk
from course_lib.grading.steps import needs_of

REGISTRY = {}
"""Every exercise and question that has been defined, by name."""

PLACEHOLDER = "# Your code here."
DEFAULT_SEED = 20


def register(item):
    """Adds an exercise or question under its name, which must be unique (a reload may replace)."""
    known = REGISTRY.get(item.name)
    if known is not None and known.module != item.module:
        raise ValueError(
            f"two exercises are called {item.name!r}: in {known.module} and in {item.module}"
        )
    REGISTRY[item.name] = item
    return item


def chapter_of(module):
    """The two digits of a chapter's module name: "course_lib.exercises.ch02_linear" -> "02"."""
    match = re.search(r"\bch(\d\d)", module)
    return match.group(1) if match else "--"


class Misconception:
    """A wrong answer that can be run, and what to say to whoever gave it.

    what: which variable differs and how. why: one sentence of mathematics. look: what to try.
    symptom: tells the mistake by its marks, where no two runs give the same numbers.
    """

    def __init__(self, id, what, why, look, symptom, attempt):
        self.id, self.what, self.why, self.look, self.attempt = id, what, why, look, attempt
        self.symptom = symptom

    @property
    def message(self):
        return " ".join(s for s in (self.what, self.why, self.look) if s)

    def __repr__(self):
        return f"Misconception({self.id!r})"


class Exercise:
    """A code exercise: the reference solution and everything needed to judge other answers.

    Made by `exercise`; see there for the arguments.
    """

    kind = "code"

    def __init__(
        self,
        solution,
        *,
        points,
        probes,
        title,
        outputs,
        hints,
        starter,
        sequence,
        blind_spots,
        rtol,
        atol,
        seconds,
        accept,
        ingredients,
        explain,
        minutes,
        numerical,
        canonical,
        steps,
        cpu_time,
        around,
        together,
        ambiguous,
        effort,
        may_use,
        withheld,
        held_back,
    ):
        self.solution = solution
        self.name = solution.__name__
        self.module = solution.__module__
        self.chapter = chapter_of(self.module)
        self.points = points
        self.title = title or self.name.replace("_", " ").capitalize()
        self.outputs = outputs or (self.name,)
        self.sequence = sequence
        self.hints = tuple(hints)
        self.blind_spots = tuple(blind_spots)
        self.rtol, self.atol = rtol, atol
        self.seconds = seconds
        self.minutes = minutes
        self.numerical = numerical
        self.accept = accept
        self.ingredients = ingredients
        self.explain = explain
        self.canonical = canonical
        self.steps = tuple(steps)
        self.cpu_time = cpu_time
        self.around = around
        self.together = together
        self.ambiguous = tuple(ambiguous)
        self.effort = effort
        self.may_use, self.withheld = tuple(may_use), tuple(withheld)
        self.misconceptions = []
        self.alternatives = []
        self._probes, self._held_back = probes, held_back or probes
        self._starter = starter
        self._require_known_quantities()

    def _require_known_quantities(self):
        """Raises ValueError where a step's formula needs what is not there by then.

        Such a formula would fail silently in the diagnosis.
        """
        known = set() if self.is_class else set(self.parameters())
        for step in self.steps:
            for words, formula in {"": step.formula, **step.slips}.items():
                missing = set(needs_of(formula)) - known
                if missing:
                    where = f"slip {words!r} of step" if words else "step"
                    raise ValueError(
                        f"{self.name}: the {where} {step.name!r} needs {sorted(missing)}; known "
                        f"there are {sorted(known)}"
                    )
            known.add(step.name)

    def __call__(self, *args, **kwargs):
        return self.solution(*args, **kwargs)

    def __instancecheck__(self, value):
        """Whether a value is of the class asked for, which may name itself in its methods."""
        return self.is_class and isinstance(value, self.solution)

    def __repr__(self):
        return f"<Exercise {self.name}: {self.points} points>"

    # what an author adds -------------------------------------------------------------------

    def misconception(self, id, what, why="", look="", symptom=None):
        """Registers the decorated wrong answer. id: short and unique within the exercise.

        what, why and look are the three parts of the message, in that order. With `what` alone,
        the judge puts a sentence before it that says which variable differs. symptom(probe,
        outcome) -> bool recognises it by its marks, for answers that are never equal (training);
        without it the outcome must equal what the wrong answer gives.
        """
        if any(m.id == id for m in self.misconceptions):
            raise ValueError(f"{self.name} has two misconceptions called {id!r}")

        def add(attempt):
            self.misconceptions.append(Misconception(id, what, why, look, symptom, attempt))
            return attempt

        return add

    def also_right(self, style):
        """Registers the decorated function as a right solution in another style."""

        def add(attempt):
            self.alternatives.append((style, attempt))
            return attempt

        return add

    # what the judge asks -------------------------------------------------------------------

    @property
    def is_class(self):
        return isinstance(self.solution, type)

    @cached_property
    def contract(self):
        """The form of this exercise, for whoever calls attempts without knowing an answer."""
        functions = {None: self.solution}
        if self.is_class:
            functions = {n: m for n, m in vars(self.solution).items() if inspect.isfunction(m)}
        signatures = {
            n: tuple(inspect.signature(f).parameters)[self.is_class :] for n, f in functions.items()
        }
        return Contract(self.name, self.is_class, self.outputs, self.sequence, signatures)

    @property
    def several(self):
        return self.contract.several

    @property
    def output_words(self):
        return self.contract.output_words

    def parameters(self, method=None):
        """The names of the positional parameters, of the function or of a class's method."""
        return self.contract.parameters(method)

    @property
    def computed(self):
        """The outputs in the order in which they are computed."""
        return [s.name for s in self.steps if s.name in self.outputs] or list(self.outputs)

    def probes(self, seed=DEFAULT_SEED, held_back=False):
        """The cases of this exercise, made from a seed. Another seed gives other numbers.

        held_back: whether they are for a grader, and learners do not see them.
        """
        probes = self._held_back if held_back else self._probes
        made = probes(np.random.default_rng(seed)) if callable(probes) else probes
        return [p if isinstance(p, (Call, Script, Graph, Walk)) else Call(tuple(p)) for p in made]

    @cached_property
    def defaults(self):
        """The values that a function's parameters have when nothing is given for them."""
        if self.is_class:
            return {}
        parameters = inspect.signature(self.solution).parameters.items()
        return {n: p.default for n, p in parameters if p.default is not p.empty}

    @cached_property
    def axis_letters(self):
        """The letters the docstring gives to axes: {"dY": ("N", "M")}."""
        text = inspect.getdoc(self.solution) or ""
        if self.is_class:
            text = "\n".join(
                [
                    text,
                    *(
                        inspect.getdoc(m) or ""
                        for m in vars(self.solution).values()
                        if inspect.isfunction(m)
                    ),
                ]
            )
        found = re.findall(r"\b(\w+)(?:,|: [^()\n]*)? \(([A-Z]o?(?:, ?[A-Z]o?)*),?\)", text)
        return {name: tuple(re.findall(r"[A-Z]o?", axes)) for name, axes in found}

    # what the notebook shows ---------------------------------------------------------------

    @cached_property
    def source(self):
        """The reference solution as source text, without its decorator."""
        text = textwrap.dedent(inspect.getsource(self.solution))
        node = ast.parse(text).body[0]
        return "\n".join(text.splitlines()[node.lineno - 1 :]) + "\n"

    @cached_property
    def starter(self):
        """The learner's cell: signature and docstring over a gap (or the author's own text)."""
        if self._starter is not None:
            return textwrap.dedent(self._starter).strip("\n") + "\n"
        node = ast.parse(self.source).body[0]
        lines = self.source.splitlines()
        if not isinstance(node, ast.ClassDef):
            return _gap(node, lines)
        kept = [*lines[: _docstring_end(node)], ""]
        for method in node.body:
            if isinstance(method, ast.FunctionDef):
                kept += [*_gap(method, lines).splitlines(), ""]
        return "\n".join(kept).rstrip() + "\n"


def _docstring_end(node):
    first = node.body[0]
    is_text = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    return first.end_lineno if is_text else first.lineno - 1


def _gap(node, lines):
    indent = " " * (node.col_offset + 4)
    kept = lines[node.lineno - 1 : _docstring_end(node)]
    return "\n".join([*kept, f"{indent}{PLACEHOLDER}", f"{indent}raise NotImplementedError"]) + "\n"


def exercise(
    *,
    points,
    probes,
    title="",
    outputs=(),
    hints=(),
    starter=None,
    sequence=False,
    blind_spots=(),
    rtol=1e-9,
    atol=1e-12,
    seconds=5.0,
    accept=None,
    ingredients=None,
    explain=None,
    minutes=5,
    numerical=None,
    canonical=None,
    steps=(),
    cpu_time=False,
    around=contextlib.nullcontext,
    together=None,
    ambiguous=(),
    effort=None,
    may_use=(),
    withheld=(),
    held_back=None,
):
    """Makes an exercise of the decorated reference solution (a function or a class).

    points: 1 to 5. probes: a list of argument tuples, `Call`, `Script`, `Graph` or `Walk`, or a
    function of an `rng` that makes one. outputs: names of what is returned (("dW",)); several
    names mean a tuple. sequence: the answer is a list of any length. hints: from gentle to nearly
    everything. starter: the learner's cell, if not signature and docstring over a gap.
    blind_spots: sentences on wrong answers that no probe can tell from right ones. seconds: time
    for one judgement, of the processor where cpu_time is set (and at most twice that on the clock).

    accept(probe, outcome): True, a `Finding` and sentence (a refusal), or None for "compare with
    the reference"; for exercises with many right answers.
    ingredients(**inputs) -> {expression: array}: intermediate quantities that a wrong answer may
    be made of; the diagnosis looks for missing, extra and exchanged ones.
    numerical(**inputs) -> array: the same gradient by nudging, for the picture on the card.
    explain(probe, outcome, wanted) -> [(Finding, sentences), …]: a diagnosis of the exercise's
    own, all that may hold, the most telling first; believed when it holds on every probe.
    canonical(inputs, name, value) -> value: the one value that stands for several right ones, such
    as a gradient at a kink; used on whatever is recorded, the reference's results included.
    steps: the computation as `Step`s, whose names include the outputs; the diagnosis then finds
    the first wrong quantity in that order, and the slip that made it.
    around() -> a context manager in which each probe is run.
    together(probes, outcomes) -> None or (Finding, sentence): a refusal of what only several calls
    show, asked when each of them is right by itself (another seed must give another mask).
    ambiguous: labels of the cases in which several answers are right. What is wrong elsewhere is
    diagnosed without them, as they hide it when somebody has taken another of the right answers.
    effort: (probe, remark), a large case that takes no time at all unless the work grows out of
    proportion; tried when all else is right. After a second the answer passes, with the remark.
    may_use: parts of course_lib ("layers") of which an answer may use what its chapter imports, but
    for `withheld`, dotted names that would be the answer. Instructors' grading offers nothing else.
    held_back: the probes for that, where other numbers are not enough; as `probes`.
    """
    if not 1 <= points <= 5:
        raise ValueError(f"an exercise has 1 to 5 points, not {points}")

    def make(solution):
        return register(
            Exercise(
                solution,
                points=points,
                probes=probes,
                title=title,
                outputs=tuple(outputs),
                hints=hints,
                starter=starter,
                sequence=sequence,
                blind_spots=blind_spots,
                rtol=rtol,
                atol=atol,
                seconds=seconds,
                accept=accept,
                ingredients=ingredients,
                explain=explain,
                minutes=minutes,
                numerical=numerical,
                canonical=canonical,
                steps=steps,
                cpu_time=cpu_time,
                around=around,
                together=together,
                ambiguous=ambiguous,
                effort=effort,
                may_use=may_use,
                withheld=withheld,
                held_back=held_back,
            )
        )

    return make


def by_nudging(f, x, h=1e-5):
    """Central differences of a scalar function f at a float array x, for `numerical=`."""
    gradient = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        e = np.zeros(x.shape)
        e[i] = h
        gradient[i] = (f(x + e) - f(x - e)) / (2 * h)
    return gradient
