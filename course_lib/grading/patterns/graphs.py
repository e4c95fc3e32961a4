"""The first wrong quantity of an expression that was built of the attempt's own objects.

The probes of such an exercise go from single operations to whole graphs, and each is looked at in
the order in which things are computed: numbers on the way forward, then gradients from the root to
the leaves. So the first difference has only right quantities before it.
"""

from itertools import combinations

import numpy as np

from course_lib.grading.outcomes import Odd, agrees, left_open, run, same_outcome
from course_lib.grading.patterns.case import listed
from course_lib.grading.probes import OPERATIONS, Graph, written
from course_lib.grading.verdict import Finding

_METHODS = {"+": "__radd__", "-": "__rsub__", "*": "__rmul__", "/": "__rtruediv__"}
_ON_THE_LEFT = {"+": "__add__", "-": "__sub__", "*": "__mul__", "/": "__truediv__", "**": "__pow__"}


def first_wrong(exercise, probes, outcomes, wanted):
    """(Finding, message) for the first probe that went wrong."""
    for probe, outcome, want in zip(probes, outcomes, wanted, strict=True):
        for got, right in zip(outcome.records, want.records, strict=False):
            if not agrees(got.value, right.value, exercise.rtol, exercise.atol):
                return _Look(exercise, probe, want).at(got, right.value)
        if not same_outcome(outcome, want, exercise):
            return _raised(exercise, probe, outcome, _right_operations(probes, outcomes, wanted))
    return None


def show(value):
    """A recorded number, or what stood in its place."""
    if isinstance(value, Odd):
        return value.text
    return f"{float(value):.6g}" if value.ndim == 0 else f"an array {value.shape}"


def described(probe):
    """A graph in words: "c = a * b; y = c + a with a = 2, b = 3"."""
    numbers = ", ".join(f"{n} = {v:g}" for n, v in probe.leaves)
    if len(probe.steps) > 6:
        return f"{probe.label} that begins with {numbers}"
    if len(probe.steps) < 2:
        return f"{written(probe.steps[0]) if probe.steps else 'a Value alone'} with {numbers}"
    said = "; ".join(f"{s[0]} = {written(s)}" for s in probe.steps) + f" with {numbers}"
    return said + ", and all grads set to 0.0 between the two walks" * probe.zeroed


def _right_operations(probes, outcomes, wanted):
    """The operations of which nothing has been seen to go wrong."""
    seen, bad = {}, set()
    for probe, o, w in zip(probes, outcomes, wanted, strict=True):
        if len(probe.steps) == 1:
            operation = probe.steps[0][1]
            seen[operation] = True
            if o.problem or any(
                g.name != r.name for g, r in zip(o.records, w.records, strict=False)
            ):
                bad.add(operation)
    return [operation for operation in seen if operation not in bad]


class _Look:
    """A look at one graph, of which `want` holds everything right."""

    def __init__(self, exercise, probe, want):
        self.exercise, self.probe = exercise, probe
        self.right = {r.name: r.value for r in want.records}
        self.single = len(probe.steps) == 1
        self.steps = {s[0]: s for s in probe.steps}

    def at(self, got, right):
        name, _, what = got.name.partition(".")
        if what == "data":
            finding, said = self._number(name, got.value, right)
        elif what.startswith("data "):
            finding, said = self._changed(name, got.value, right, what.removeprefix("data "))
        elif what == "parents":
            finding, said = self._parents(name, got.value, right)
        elif what == "grad at first":
            finding, said = self._at_first(name, got.value)
        else:
            finding, said = self._gradient(name, got.value, right, what)
        return finding, " ".join(filter(None, said))

    def _expression(self, name):
        return written(self.steps[name]) if name in self.steps else f"Value({self._data(name):g})"

    def _data(self, name):
        return float(self.right[f"{name}.data"])

    def _with(self):
        return ", ".join(f"{n} = {v:g}" for n, v in self.probe.leaves[:6])

    def _in(self):
        """Words for the graph, where it is more than the quantity itself: "In …, "."""
        return "" if self.single else f"In {described(self.probe)}: "

    # the way forward

    def _number(self, name, got, right):
        expression = self._expression(name)
        finding = Finding("number", expression, show(got))
        if isinstance(got, Odd):
            if got.kind == "missing" or name not in self.steps:
                what = "a Value has .data" if name not in self.steps else "a new Value was wanted"
                said = f"{expression} gives an object without .data; {what}."
            else:
                said = f"The data of {expression} is {got.text}; a number was wanted."
            look = "Does it return one, and does __init__ set self.data?"
            if got.kind == "Value" or "Value" in got.text:
                look = "Compute with self.data and other.data, which are numbers."
            return finding, (f"{self._in()}{said}", look)
        if name not in self.steps:
            said = f"{expression}.data is {show(got)}: it has to be the number that was handed in."
            return finding, (said, "What does __init__ do to it?")
        said = f"{self._in()}{expression} is {show(got)} where {show(right)} is right"
        said += "." if not self.single else f" ({self._with()})."
        why = "The data of the result comes from the data of the operands, by the operation itself."
        return finding, (said, self._exchanged(name, got) or why, "Compute it by hand.")

    def _changed(self, name, got, right, when):
        after = when.removeprefix("after ")
        who = self._expression(after) if after in self.steps else "backward()"
        return Finding("changed", name, show(got)), (
            f"{self._in()}{who} has changed the data of {name} from {show(right)} to {show(got)}.",
            "Every Value keeps its own number. An operation makes a new Value.",
            "Where is self.data or other.data assigned to, outside of __init__?",
        )

    def _exchanged(self, name, got):
        if name not in self.steps or len(self.steps[name]) < 4:
            return ""
        _, operation, left, right = self.steps[name]
        numbers = [self._data(n) if isinstance(n, str) else n for n in (left, right)]
        try:
            other = OPERATIONS[operation](*numbers[::-1])
        except (ArithmeticError, ValueError):
            return ""
        if isinstance(other, complex) or not np.isclose(float(got), other, rtol=1e-9):
            return ""
        said = f"That is {right} {operation} {left}: the operands are exchanged."
        if not isinstance(left, str):
            said += (
                f" For {left} {operation} {right}, Python calls {right}.{_METHODS[operation]}"
                f"({left}): the number is the argument, though it stands on the left."
            )
        return said

    def _parents(self, name, got, right):
        expression = self._expression(name)
        if isinstance(got, Odd) or got.shape != right.shape:
            text = "missing" if isinstance(got, Odd) and got.kind == "missing" else show(got)
            return Finding("parents", expression, text), (
                f"The parents of {expression} are {text}; a tuple was wanted.",
                "Whoever walks back asks every node for its parents; a leaf has none: ().",
                "Does __init__ set self.parents, for every Value?",
            )
        operands = [n for n in self.steps[name][2:] if isinstance(n, str)]
        lost = [n for n, found in zip(operands, got, strict=True) if not found]
        return Finding("parents", expression, tuple(lost)), (
            f"{self._in()}{expression} does not remember {listed(list(dict.fromkeys(lost)))}: no "
            "way along .parents leads there.",
            "A gradient goes back along these links, and only along them.",
            "Which tuple do you give to the new Value as its parents?",
        )

    def _at_first(self, name, got):
        text = "missing" if isinstance(got, Odd) and got.kind == "missing" else show(got)
        return Finding("grad at first", self._expression(name), text), (
            f"The grad of a new Value ({self._expression(name)}) is {text}; it starts at 0.0.",
            "Gradients are added to it later, and adding begins with 0.",
            "What does __init__ set self.grad to?",
        )

    # the way back

    def _gradient(self, name, got, right, when):
        root = self.probe.roots[0]
        after = when.removeprefix("grad").strip()
        of = f"{name} in {self._expression(root)}" if self.single else name
        finding = Finding("gradient", of, show(got))
        if isinstance(got, Odd):
            return finding, (f"{name}.grad is {got.text} after backward(); a number was wanted.",)
        if name in self.probe.roots and (not after or name in after) and float(right) == 1.0:
            return finding, (
                f"After {name}.backward(), {name}.grad is {show(got)} where 1 is right"
                f"{self._place()}.",
                "The derivative of a number in itself is 1; from there the walk begins.",
                "What does backward set before the walk, and does the walk change it?",
            )
        said = f"The gradient of {of} is {show(got)} where {show(right)} is right ({self._with()})."
        if not self.single:
            said = f"{self._in()}the gradient of {of}{' ' + after if after else ''} is {show(got)} "
            said += f"where {show(right)} is right."
        return finding, (said, *self._why(name, float(got), float(right), after))

    def _place(self):
        return f", for {described(self.probe)}" if self.probe.steps else ""

    def _why(self, name, got, right, after):
        def is_(value):
            return bool(np.isclose(got, value, rtol=1e-7, atol=1e-12))

        parts = self._parts(name, after)
        if not parts:
            return (
                f"{name} is no part of {self.probe.roots[0]}, so nothing comes back to it.",
                "Whose gradients does your backward change?",
            )
        if not np.isfinite(got):
            return ("That is no finite number.", "Which division makes it?")
        if np.isclose(got, right, rtol=1e-3) and got != right:
            return (
                "That is close, but not equal.",
                "Is a derivative taken by nudging, or a number rounded?",
            )
        through = _some_of(parts, is_)
        if through and self.single:
            return (
                f"That is what comes back from one of its {len(parts)} uses; they add up.",
                "Look for `=` where `+=` is needed, or for parents that are kept only once.",
            )
        if through:
            return (
                f"That is only what comes back through {through}; {name} is used {len(parts)} "
                "times, and what comes back from each use adds up.",
                "Look for `=` where `+=` is needed, for a walk that reaches a node too late, or "
                "for parents that are kept only once.",
            )
        users = listed([words for words, _ in parts])
        if is_(0.0):
            if self.single:
                return (
                    f"Nothing comes back to {name}, though {written(self.steps[parts[0][0]])} "
                    "depends on it.",
                    "What is the local derivative there? Does the walk get there?",
                )
            said = f"Nothing comes back to {name}, though {users} depends on it."
            look = f"Does your walk visit {parts[0][0]}, after its gradient has arrived, and send?"
            return (said, look)
        user = self.steps[parts[0][0]]
        if user[1] == "relu" and len(parts) == 1 and self._data(name) == 0:
            return (
                "The input of relu is exactly 0 here: its local derivative may be anything from 0 "
                "to 1, and no more.",
                "What does your comparison say at 0?",
            )
        upstream = float(self.right.get(f"{user[0]}.grad", 1.0))
        local = right / upstream if upstream else 0.0
        if self.single:
            return self._local(name, got, local, user)
        if len(parts) == 1 and upstream != 1.0:
            if is_(local):
                return (
                    f"That is the local derivative alone, the derivative of {written(user)} in "
                    f"{name}: it has to be multiplied with the upstream gradient, {user[0]}.grad = "
                    f"{upstream:.6g}.",
                    "Every operation multiplies what comes from above.",
                )
            if is_(upstream):
                return (
                    f"That is the upstream gradient {user[0]}.grad itself, without the local "
                    f"derivative of {written(user)}.",
                    f"How fast does {written(user)} move when {name} is nudged?",
                )
        times = got / right if right else 0.0
        if len(parts) == 1 and 1 < times < 100 and np.isclose(times, round(times), rtol=1e-7):
            return (
                f"That is {round(times)} times the right one, and {name} is used once, by {users}: "
                f"{users} sends more than once.",
                "A node sends once, when all that it gets has arrived.",
            )
        early = len(parts) == 1 and _some_of(
            self._parts(users, after), lambda part: is_(part * local)
        )
        if early:
            return (
                f"That is what {users} sends when it has got only what comes back through {early}: "
                f"{users} was visited too early.",
                "A node may send when all that use it have sent. In which order does your walk "
                "visit the nodes?",
            )
        if len(parts) == 1:
            return (
                f"{users} has the right gradient in the end, {upstream:.6g}, and a graph of "
                f"{user[1]} alone gets the right ones: so it is how {users}.grad enters, or when.",
                "A node sends local derivative times gradient, once, when all that it gets has "
                "arrived.",
            )
        return (
            f"{users} have the right gradients in the end, so something is sent on at the wrong "
            "time, or too often.",
            "A node sends once, when all that it gets has arrived: whoever uses it comes first. "
            "In which order does your walk visit the nodes?",
        )

    def _local(self, name, got, right, user):
        """What is wrong with the local derivative of one operation."""

        def is_(value):
            return bool(np.isclose(got, value, rtol=1e-7, atol=1e-12))

        expression = written(user)
        nudge = f"Nudge {name} by 0.001 in your head: how far does {expression} move?"
        if is_(-right):
            return ("The size is right, the sign is not.", nudge)
        numbers = {n: self._data(n) for n in user[2:] if isinstance(n, str)}
        for n, value in {**numbers, expression: self._data(user[0])}.items():
            if is_(value):
                return (
                    f"That is {'the value of ' if n == expression else ''}{n} itself.",
                    f"Wanted is how fast {expression} moves with {name}. {nudge}",
                )
        others = [n for n in numbers if n != name and is_(self._slope(user, n))]
        if others:
            return (f"That is the gradient of {others[0]}: the two are exchanged.", nudge)
        if is_(1.0):
            return (
                "1 is the local derivative of a sum. It is also what comes out if the walk back "
                "leaves the local derivatives out.",
                nudge,
            )
        for words, factor in (("twice", 2), ("half", 0.5)):
            if is_(factor * right):
                return (f"That is {words} the right one.", nudge)
        if right and is_(1 / right):
            return ("That is 1 divided by the right one.", nudge)
        return (
            f"Either the local derivative of {expression} is off, or the walk changes what it "
            "hands on.",
            nudge,
        )

    def _slope(self, step, name):
        return sum(v for n, v in self._slopes(step) if n == name)

    def _slopes(self, step):
        """(operand, local derivative) for every place where a node stands in a step."""
        leaves, operands = [], []
        for place, n in zip("lr", step[2:], strict=False):
            operands.append(place if isinstance(n, str) else n)
            if isinstance(n, str):
                leaves.append((place, self._data(n)))
        alone = Graph(tuple(leaves), (("y", step[1], *operands),))
        records = {
            r.name: r.value for r in run(alone, self.exercise.solution, self.exercise).records
        }
        return [
            (n, float(records[f"{place}.grad"]))
            for place, n in zip("lr", step[2:], strict=False)
            if isinstance(n, str)
        ]

    def _parts(self, name, after):
        """(name of the step, what comes back through it) for every use of a node."""
        end = f".grad {after}".rstrip()
        return [
            (step[0], slope * float(self.right[f"{step[0]}{end}"]))
            for step in self.probe.steps
            if name in step[2:] and float(self.right[f"{step[0]}{end}"])
            for n, slope in self._slopes(step)
            if n == name
        ]


def _some_of(parts, is_):
    """The names of some of the (name, part) pairs whose parts add up to what is_ asks, or ""."""
    for many in range(1, len(parts)):
        for some in combinations(parts, many):
            if is_(sum(part for _, part in some)):
                return listed([name for name, _ in some])
    return ""


def _raised(exercise, probe, outcome, right):
    """(Finding, message) for an exception, with the operation it came from."""
    problem = outcome.problem
    done = sum(r.name.endswith(".data") for r in outcome.records) - len(probe.leaves)
    if done < 0:
        name, number = probe.leaves[done]
        what, operands = f"Value({number:g})", ()
    elif done < len(probe.steps):
        what, operands = written(probe.steps[done]), probe.steps[done][2:]
    else:
        what, operands = f"{probe.roots[0]}.backward()", ()
    if problem.type == "NotImplementedError":
        done = f" Already there: {', '.join(right)}." if right else ""
        return Finding("unfinished", what, tuple(right)), (
            f"{exercise.name} is not finished: {what} still raises NotImplementedError.{done}"
        )
    method = _missing_method(what, operands, problem)
    if method:
        done = f" Already there: {', '.join(right)}." if right else ""
        return Finding("unfinished", what, method), (
            f"{exercise.name} is not finished: {what} asks for a method {method} that takes "
            f"these operands, and finds none.{done}"
        )
    line = f", in its line {problem.number}, `{problem.line}`" if problem.line else ""
    if left_open(problem):
        return Finding("unfinished", what, problem.line), (
            f"A gap of your {exercise.name} is still open: {what} comes to it{line}. Every `...` "
            "has to be replaced."
        )
    says = f": {problem.message.rstrip('.')}" if problem.message else ""
    look = _look_at(what, operands, problem)
    return Finding("error", what, (problem.type, problem.line)), (
        f"Your {exercise.name} raised {problem.type} at {what}{line}{says}. The case was "
        f"{described(probe)}. {look}"
    )


def _missing_method(what, operands, problem):
    """The method that an operation asks for in vain; "" for any other trouble."""
    if problem.line or not operands:  # it was found, and something in it went wrong
        return ""
    if problem.type == "TypeError" and "unsupported operand" in problem.message:
        operation = what.split()[1]
        return (_ON_THE_LEFT if isinstance(operands[0], str) else _METHODS)[operation]
    name = what.rpartition(".")[2].partition("(")[0]
    if problem.type == "AttributeError" and f"no attribute '{name}'" in problem.message:
        return name
    return ""


def _look_at(what, operands, problem):
    numbers = [n for n in operands if not isinstance(n, str)]
    if problem.type == "RecursionError" and operands:
        return "Which method does this line call, and does that one call this one again?"
    if problem.type == "RecursionError":
        return "A chain of 150 steps is wanted; what ends the recursion, or what makes it so deep?"
    if numbers and "has no attribute 'data'" in problem.message:
        return f"{numbers[0]} is a plain number: it has no .data, and no gradient to send."
    if numbers and operands[0] in numbers and problem.type in ("TypeError", "AttributeError"):
        operation = what.split()[1]
        return (
            f"With a plain number on the left, Python asks the Value on the right: "
            f"{operands[1]}.{_METHODS[operation]}({operands[0]})."
        )
    if problem.type == "TypeError" and operands:
        return "The numbers are in .data: does a whole Value take part where its data is meant?"
    if "object has no attribute" in problem.message:
        return "Is it set or defined under this name, in every Value?"
    return "Run this case alone and look at that line."
