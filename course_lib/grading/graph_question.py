"""A question about a graph: values forward and gradients backward, node by node."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from course_lib.grading.operations import OPERATIONS
from course_lib.grading.questions import NOT_ANSWERED, Question, read_number
from course_lib.grading.raw import blank, opened, quoted

PASSES = ("values", "gradients")


@dataclass(frozen=True)
class GraphNode:
    """A node that is computed. inputs: names of nodes, or numbers, which nobody asks about."""

    name: str
    operation: str
    inputs: tuple

    @property
    def parents(self):
        return tuple(i for i in self.inputs if isinstance(i, str))

    @property
    def formula(self):
        """How one writes it: "a + b"."""
        words = (i if isinstance(i, str) else f"{i:g}" for i in self.inputs)
        return OPERATIONS[self.operation].formula(*words)

    def computed(self, compute, values):
        """A function of the node's inputs at these values; nan where it is not defined."""
        return compute(*(np.float64(values.get(i, i)) for i in self.inputs))


class Use(NamedTuple):
    """One place where a node goes into another: the other node and which of its inputs."""

    node: GraphNode
    place: int

    def part(self, values, gradients, slope=None):
        """What comes back on this wire, with the right local derivative or another."""
        return gradients[self.node.name] * (self.slope(values) if slope is None else slope)

    def slope(self, values):
        return self.node.computed(OPERATIONS[self.node.operation].slopes, values)[self.place]


class Slip(NamedTuple):
    """A wrong rule, applied: its id, the number it gives, words as those of an operation's slips.

    weak: told only where no other rule gives the number.
    """

    id: str
    number: float
    words: str
    weak: bool = False


class CompleteGraph(Question):
    """Complete the graph: a value for each node, then a gradient for each node and input.

    inputs: {name: number}. nodes: (name, operation, inputs…) in an order in which they can be
    computed, the output last; operations are those of `OPERATIONS`, an input is a name or a number.
    start_given: show the gradient of the output, which is 1, instead of asking for it.
    Raw answer: {"values": {name: entry}, "gradients": {name: entry}}; a gradient's name may be "s",
    "ds" or "dL/ds"; what is left out or None or "" is empty. Judged with the learner's own numbers,
    too: what follows from a wrong entry is told from what is wrong itself. tolerance: absolute, for
    typed decimals.
    """

    kind = "graph"

    def __init__(self, name, *, inputs, nodes, start_given=False, tolerance=5e-4, **rest):
        super().__init__(name, **rest)
        self.inputs = {n: float(v) for n, v in inputs.items()}
        self.nodes = tuple(GraphNode(n, operation, tuple(i)) for n, operation, *i in nodes)
        self.output = self.nodes[-1].name
        self.start_given, self.tolerance = start_given, tolerance
        self._check()
        with np.errstate(all="ignore"):
            self.values = self._forward()
            self.gradients = self._backward(self.values)
        if not np.isfinite([*self.values.values(), *self.gradients.values()]).all():
            raise ValueError(f"{name}: the graph's numbers are not all finite: {self.values}")

    def _check(self):
        known = set(self.inputs)
        for node in self.nodes:
            if node.operation not in OPERATIONS:
                raise ValueError(
                    f"{self.name}: {node.name} is made by {node.operation!r}, "
                    f"expected one of {', '.join(OPERATIONS)}"
                )
            unknown = set(node.parents) - known
            if unknown or node.name in known:
                raise ValueError(
                    f"{self.name}: {node.name} must be new and made of earlier nodes, "
                    f"got the inputs {node.inputs}"
                )
            known.add(node.name)
        unused = [n for n in known - {self.output} if not self.uses(n)]
        if unused:
            raise ValueError(f"{self.name}: {', '.join(unused)} does not lead to {self.output}")

    # the graph -----------------------------------------------------------------------------------

    def _forward(self):
        values = dict(self.inputs)
        for node in self.nodes:
            values[node.name] = node.computed(OPERATIONS[node.operation].value, values)
        return values

    def _backward(self, values):
        gradients = {self.output: 1.0}
        for name in self.order("gradients"):
            gradients.setdefault(name, self._total(name, values, gradients))
        return gradients

    def order(self, which):
        """The names in the order in which they are worked out, forward or backward."""
        names = [node.name for node in self.nodes]
        return names if which == "values" else [*names[::-1], *[*self.inputs][::-1]]

    def asked(self, which):
        """The names that are asked for: "values" or "gradients"."""
        given = (self.output,) if which == "gradients" and self.start_given else ()
        return [n for n in self.order(which) if n not in given]

    def node(self, name):
        """The node of that name; None for an input."""
        return next((n for n in self.nodes if n.name == name), None)

    def uses(self, name):
        """Where a node goes, in the order in which it is used."""
        return [Use(n, place) for n in self.nodes for place, i in enumerate(n.inputs) if i == name]

    def _total(self, name, values, gradients):
        return sum(use.part(values, gradients) for use in self.uses(name))

    def label(self, which, name):
        """What an entry is called: "s" or "dL/ds"."""
        return name if which == "values" else f"d{self.output}/d{name}"

    @property
    def solution(self):
        return {
            which: {n: round(float(right[n]), 6) + 0.0 for n in self.asked(which)}
            for which, right in zip(PASSES, (self.values, self.gradients), strict=True)
        }

    @property
    @np.errstate(all="ignore")
    def mistakes(self):
        """(id, raw answer, message) for each wrong rule that can be told at one entry."""
        found = {}
        for which in PASSES:
            for name in self.asked(which):
                for slip in self._slips(which, name, self.values, self.gradients):
                    raw = self.solution
                    raw[which][name] = round(float(slip.number), 6)
                    verdict = self.judge(raw)
                    if verdict.misconception:
                        found.setdefault(verdict.misconception, (raw, verdict.message))
        return [(id, *rest) for id, rest in found.items()]

    # judging -------------------------------------------------------------------------------------

    @np.errstate(all="ignore")  # a learner's number may be 0 or 1e300
    def judge(self, raw):
        """The verdict on the entries; nothing filled in is "not attempted"."""
        try:
            entries = self._read(raw)
        except ValueError as error:
            return self._verdict("error", str(error), "type", None)
        if not entries:
            return self._verdict("not attempted", NOT_ANSWERED)
        states = self._states(entries)
        wrong = [entry for entry, state in states.items() if state == "wrong"]
        empty = sum(state == "empty" for state in states.values())
        if wrong:
            return self._explain(*wrong[0], entries, states)
        if empty:
            filled = len(states) - empty
            are = "is" if filled == 1 else "are"
            message = f"{filled} of {len(states)} entries {are} filled in, and right."
            return self._verdict("failed", message, "unfinished", empty)
        return self._verdict("passed", "Right, every value and every gradient.")

    @np.errstate(all="ignore")
    def states(self, raw):
        """{("values" or "gradients", name): "right", "wrong", "follows" or "empty"}.

        "follows": wrong, but rightly computed from the learner's own wrong entries. An entry that
        cannot be read is "wrong".
        """
        try:
            texts = self.texts(raw)
        except ValueError:
            texts = {}
        readable, broken = {}, set()
        for entry, text in texts.items():
            try:
                readable[entry] = read_number(text)
            except ValueError:
                broken.add(entry)
        return {
            entry: "wrong" if entry in broken else state
            for entry, state in self._states(readable).items()
        }

    def texts(self, raw):
        """{(values or gradients, name): what stands there} of what is filled in.

        Raises ValueError.
        """
        raw = opened(raw)
        if blank(raw):
            return {}
        shape = 'The answer is {"values": {name: number}, "gradients": {name: number}}'
        if not isinstance(raw, dict):
            raise ValueError(f"{shape}; you gave {quoted(raw)}.")
        texts = {}
        for which, given in raw.items():
            if which not in PASSES:
                raise ValueError(f"{shape}; you gave {quoted(which)}.")
            if not isinstance(given, (dict, type(None))):
                raise ValueError(f"{shape}; you gave {quoted(raw)}.")
            for called, text in (given or {}).items():
                entry = (which, self._name(which, called))
                if blank(text):
                    continue
                if entry in texts:
                    raise ValueError(f"{self.label(*entry)} is there twice.")
                texts[entry] = text
        return texts

    def _name(self, which, called):
        """The node that somebody means by "s", "dL/ds" or "ds"."""
        asked = self.asked(which)
        names = {self.label(which, n): n for n in asked}
        if which == "gradients":
            names |= {f"d{n}": n for n in asked}
        names |= {n: n for n in asked}
        name = names.get(called.strip()) if isinstance(called, str) else None
        if name is None:
            raise ValueError(
                f"{quoted(called)} is none of the {which} that are asked for: {', '.join(asked)}."
            )
        return name

    def _read(self, raw):
        """{(values or gradients, name): number} of what is filled in. Raises ValueError."""
        entries = {}
        for entry, text in self.texts(raw).items():
            try:
                entries[entry] = read_number(text)
            except ValueError as error:
                label = self.label(*entry)
                raise ValueError(f"Your entry for {label} cannot be read: {error}.") from None
        return entries

    def _near(self, got, want):
        return bool(abs(got - want) <= self.tolerance + 1e-5 * abs(want))

    def _own(self, entries):
        """Values and gradients with the learner's numbers in the place of the right ones."""
        values, gradients = dict(self.values), dict(self.gradients)
        for (which, name), number in entries.items():
            (values if which == "values" else gradients)[name] = np.float64(number)
        return values, gradients

    def _states(self, entries):
        states = {}
        for which, right in zip(PASSES, (self.values, self.gradients), strict=True):
            for name in self.asked(which):
                states[which, name] = self._state(which, name, right[name], entries, states)
        return states

    def _state(self, which, name, right, entries, states):
        if (which, name) not in entries:
            return "empty"
        got = entries[which, name]
        if self._near(got, right):
            return "right"
        values, gradients = self._own(entries)
        mixed = [(values, gradients), (self.values, gradients), (values, self.gradients)]
        if any(self._near(got, self._computed(which, name, *own)) for own in mixed):
            before = [states.get(entry) for entry in self._needs(which, name)]
            # Rounded on the way, from entries that count as right, is right as well.
            return "right" if set(before) <= {"right", "empty", None} else "follows"
        return "wrong"

    def _computed(self, which, name, values, gradients):
        if which == "values":
            node = self.node(name)
            return node.computed(OPERATIONS[node.operation].value, values)
        return self._total(name, values, gradients) if name != self.output else 1.0

    def _needs(self, which, name):
        """The entries that an entry is computed from."""
        if which == "values":
            return [("values", parent) for parent in self.node(name).parents]
        nodes = [use.node for use in self.uses(name)]
        used = [("values", i) for n in nodes for i in (*n.parents, n.name)]
        return [*(("gradients", n.name) for n in nodes), *used]

    # what is wrong -------------------------------------------------------------------------------

    def _explain(self, which, name, entries, states):
        got, label = entries[which, name], self.label(which, name)
        values, gradients = self._own(entries)
        # What it is computed from is right or empty: an earlier wrong entry would be told instead.
        slips = self._slips(which, name, values, gradients)
        found = {slip.words: slip for slip in slips[::-1] if self._near(got, slip.number)}
        told = sorted(found.values(), key=slips.index)
        told = [slip for slip in told if not slip.weak][:2] or told[:1]
        clauses, remarks = [], []
        for slip in told:
            clause, _, remark = slip.words.partition(". ")
            clauses.append(clause)
            remarks += [f"{remark}."] * bool(remark)
        remarks = list(dict.fromkeys(remarks))
        readings = f"what comes out if {', or if '.join(clauses)}" if told else "not right"
        parts = [f"{label} = {_shown(got)} is {readings}.", *remarks]
        parts.append(self._way(which, name, values))
        parts.append(self._follow(label, states))
        kind, data = ("misconception", told[0].id) if told else ("entries", label)
        return self._verdict("failed", " ".join(filter(None, parts)), kind, data)

    def _way(self, which, name, values):
        """How the entry is worked out, in the graph's names."""
        if which == "values":
            node = self.node(name)
            known = " and ".join(f"{p} = {_shown(values[p])}" for p in dict.fromkeys(node.parents))
            return f"{name} = {node.formula}, with {known}."
        if name == self.output:
            return f"How much does {name} move when {name} itself is nudged?"
        nodes = list(dict.fromkeys(use.node for use in self.uses(name)))
        into = " and into ".join(f"{n.name} = {n.formula}" for n in nodes)
        if len(nodes) > 1:
            return (
                f"{name} goes into {into}. From each comes back its own gradient, times how much "
                f"it moves when {name} is nudged. Add these."
            )
        (node,) = nodes
        twice = len(self.uses(name)) > 1
        return (
            f"{name} goes into {into}{', at two places: two wires, and they add' * twice}. "
            f"Multiply {self.label(which, node.name)} by how much {node.name} moves when "
            f"{name} is nudged{', for each' * twice}."
        )

    def _follow(self, label, states):
        follow = [self.label(*entry) for entry, state in states.items() if state == "follows"]
        if not follow:
            return ""
        if len(follow) == 1:
            return f"{follow[0]} follows from a number that is wrong: mend {label} first."
        return f"{_and(follow)} follow from numbers that are wrong: mend {label} first."

    def _slips(self, which, name, values, gradients):
        """What each wrong rule gives at an entry, but those that give the right number."""
        make = self._value_slips if which == "values" else self._gradient_slips
        right = self._computed(which, name, values, gradients)
        return [
            slip
            for slip in make(name, values, gradients)
            if np.isfinite(slip.number) and not self._near(slip.number, right)
        ]

    def _value_slips(self, name, values, _):
        node = self.node(name)
        operation = OPERATIONS[node.operation]
        for wrong, words in operation.misreadings:
            yield _slip(name, node.computed(wrong, values), words.format(**_names(node)))
        right = node.computed(operation.value, values)
        yield _slip(name, -right, "the sign is the other one")
        for parent in dict.fromkeys(node.parents):
            yield _slip(name, values[parent], f"{parent} stays as it is", weak=True)

    def _gradient_slips(self, name, values, gradients):
        if name == self.output:
            yield _slip(name, 0.0, "you start at 0")
            yield _slip(name, values[name], f"you start at the value of {name}")
            return
        uses = self.uses(name)
        parts = [use.part(values, gradients) for use in uses]
        total = sum(parts)
        if len(uses) > 1:
            yield from self._fork_slips(name, uses, parts)
        for use, part in zip(uses, parts, strict=True):
            for wrong, words in self._wire_slips(use, values, gradients):
                yield _slip(name, total - part + wrong, words)
        if len(uses) > 1:
            slopes = sum(use.slope(values) for use in uses)
            words = "you add the local derivatives alone, with nothing from upstream"
            yield _slip(name, slopes, words)
        words = f"you give the value of {name} for its gradient"
        yield _slip(name, values[name], words, weak=True)
        yield _slip(name, -total, "the sign is the other one", weak=True)
        for use, part in zip(uses, parts, strict=True):
            words = f"you add {self.label('gradients', use.node.name)} and the local derivative"
            wrong = gradients[use.node.name] + use.slope(values)
            yield _slip(name, total - part + wrong, f"{words}. Multiply them", weak=True)
        for other in self.order("gradients"):
            if other not in (name, self.output):
                # The right one: the learner's own may come from the very number that is wrong here.
                words = f"you give {self.label('gradients', other)} here"
                yield _slip(name, self.gradients[other], words, weak=True)

    def _fork_slips(self, name, uses, parts):
        for use, part in zip(uses, parts, strict=True):
            twice = [u.node for u in uses].count(use.node) > 1
            path = f"one of the two wires into {use.node.name}" if twice else use.node.name
            yield _slip(name, part, f"you keep only the path through {path}")
        yield _slip(name, np.prod(parts), "you multiply what the paths bring. Paths add")
        yield _slip(name, np.mean(parts), "you average over the paths. Paths add")
        words = "you subtract what the later path brings. Paths add, whatever their signs"
        yield _slip(name, 2 * parts[0] - sum(parts), words)

    def _wire_slips(self, use, values, gradients):
        """(what comes back on this wire by a wrong rule, words)."""
        node, operation = use.node, OPERATIONS[use.node.operation]
        upstream, slope = gradients[node.name], use.slope(values)
        above = self.label("gradients", node.name)
        for place, wrong, words in operation.slips:
            if place == use.place:
                number = use.part(values, gradients, node.computed(wrong, values))
                yield number, words.format(**_names(node))
        yield slope, f"you take the local derivative alone, without the upstream gradient {above}"
        words = f"you hand {above} on unchanged, without the local derivative of {node.name}"
        yield upstream, words
        further = self.uses(node.name)
        for step in further if len(further) > 1 else ():
            words = (
                f"{node.name} hands on what came back from {step.node.name} alone, before the rest "
                "has arrived"
            )
            yield step.part(values, gradients) * slope, words
        if len(node.inputs) == 1:
            (own,) = node.inputs
            for at in dict.fromkeys([node.name, *values]):
                there = node.computed(operation.slopes, {own: values[at]})[0]
                yield (
                    upstream * there,
                    f"the slope of {node.formula} is taken at {at}, not at {own}",
                )


def _slip(name, number, words, weak=False):
    return Slip(f"{name}: {words.partition('. ')[0]}", number, words, weak)


def _names(node):
    words = [i if isinstance(i, str) else f"{i:g}" for i in node.inputs]
    return dict(zip(("x", "y"), words, strict=False)) | {"node": node.name}


def _shown(number):
    return f"{number:.6g}"


def _and(words):
    return f"{', '.join(words[:-1])} and {words[-1]}"
