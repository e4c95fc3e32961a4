"""Exercises of chapter 06."""

import itertools
from types import FunctionType

import numpy as np

from course_lib.autograd import grad
from course_lib.grading import (
    STOCK,
    Call,
    Finding,
    Graph,
    Step,
    Stock,
    Walk,
    by_nudging,
    exercise,
)
from course_lib.grading.graph_question import CompleteGraph
from course_lib.grading.ordering import Move, Order
from course_lib.grading.outcomes import Odd
from course_lib.grading.questions import Choice, Option, Predict
from course_lib.grading.steps import needs_of
from course_lib.grading.variants import question, spelled

# An order for the walk back -----------------------------------------------------------------------

DEEP, WIDE = "a chain of 300 nodes", "a node with 200 parents"
DOUBLINGS = "40 sums in a row, x = x + x"
EVERY_WAY = (
    f"But for {DOUBLINGS}, your %s had not finished after a second. That graph has 41 nodes, and a "
    "million million ways lead through it. Ask each node once, however many ways lead to it. Does "
    "your walk go on from a node that it has been to already?"
)
SEVERAL = "two graphs in a row"


def _random_graph(rng, many):
    """Every node has one to three parents among the four before it, in any order."""
    parents = [(), ()]
    for k in range(2, many):
        among = np.arange(max(0, k - 4), k)
        parents.append(tuple(int(p) for p in rng.choice(among, min(k, rng.integers(1, 4)))))
    return tuple(parents)


def _graphs(rng):
    c_first = ((), (), (0, 1), (2, 0), (2, 3))
    d_first = ((), (), (0, 1), (0, 2), (3, 2))
    walks = [
        Walk(((),), (0, 0), "a single node"),
        Walk(((), (0,), (1,), (2,)), (3, 3)),
        Walk(((), (), (0, 1)), (2, 2)),
        Walk(((), (0, 0)), (1, 1), "a node that is used twice by the same child"),
        Walk(((), (), (), (0, 1, 2)), (3, 3)),
        Walk(c_first, (4, 4)),
        Walk(d_first, (4, 4)),
        Walk(c_first, (4, 4)),
        Walk(((), (0,), (0,), (1, 2)), (3, 3)),
        Walk(((), (0,), (1,), (2,), (3, 0)), (4, 4)),
        Walk(((), (0,), (1,), (2,), (0, 3)), (4, 4)),
        Walk(((), (0, 0), (1, 1), (2, 1)), (3, 3)),
        Walk(((), (), (0, 1), (2, 1), (2, 3), (4, 3), (0, 5)), (6, 6)),
        Walk(_random_graph(rng, 9), (8, 8)),
        Walk(_random_graph(rng, 12), (11, 11)),
        *(Walk(_random_graph(rng, many), (many - 1,)) for many in (*range(6, 15), *range(6, 15))),
        Walk(((), (), (0, 1), (2, 0), (), (4, 4), (5, 4)), (3, 6, 3, 2), SEVERAL),
        Walk(((), (0,), (1, 0), (), (3,), (3, 4)), (2, 5), SEVERAL),
        Walk(((), *((k,) for k in range(299))), (299,), DEEP),
        Walk((*((),) * 200, tuple(range(200))), (200,), WIDE),
    ]
    return walks


KEPT_BETWEEN = "The first call was right: is something kept from one call to the next?"


def _ancestors(parents, root):
    """The root and everything it was made from."""
    found, waiting = {root}, [root]
    while waiting:
        new = [p for p in parents[waiting.pop()] if p not in found]
        found.update(new)
        waiting += new
    return found


def _valid(parents, root, order):
    """Whether an order holds every node once, after its parents."""
    place = {k: i for i, k in enumerate(order)}
    return (
        len(place) == len(order)
        and set(order) == _ancestors(parents, root)
        and all(place[p] < place[k] for k in order for p in parents[k])
    )


def _letters(walk, k):
    if k < 0:
        return "?"
    return chr(ord("a") + k) if len(walk.parents) <= 26 else f"node {k}"


def _picture(walk, root):
    """A graph in words: "the graph c = (a, b), d = (c, a)"."""
    if len(walk.parents) > 26:
        return f"the graph of {walk.label}"
    made = [
        f"{_letters(walk, k)} = ({', '.join(_letters(walk, p) for p in walk.parents[k])})"
        for k in sorted(_ancestors(walk.parents, root))
        if walk.parents[k]
    ]
    return f"the graph {', '.join(made)}" if made else "a graph of one node, a,"


def _accept_order(walk, outcome):
    """True for any valid order; otherwise what is wrong with the first one that is not."""
    orders = [r.value for r in outcome.records]
    if outcome.changed:
        return Finding("inputs changed", "parents"), (
            "Your function has put something else in the place of the parents of a node. The graph "
            "is still needed as it was. Keep notes in a list or a set of your own."
        )
    odd = next((order for order in orders if isinstance(order, Odd)), None)
    if odd is not None:
        wanted = f"You returned {odd.text}; a list of nodes was wanted."
        return None if odd.kind == "None" else (Finding("type", "order", odd.kind), wanted)
    for call, (root, order) in enumerate(zip(walk.roots, orders, strict=False)):
        order = order.tolist()
        if not _valid(walk.parents, root, order):
            return _refuse_order(walk, root, order, call)
    return True


def _refuse_order(walk, root, order, call):
    wanted = _ancestors(walk.parents, root)
    shown = ", ".join(_letters(walk, k) for k in order) or "nothing"
    if len(order) > 26:
        shown = f"{len(order)} nodes"
    case = f"In {_picture(walk, root)} your list for the root {_letters(walk, root)} "
    case += f"holds {shown}"
    if call:
        case += f" (call number {call + 1} in a row)"
    missing = sorted(wanted - set(order))
    foreign = [k for k in order if k not in wanted]
    if -2 in foreign:
        kind, words = "type", "and ? is no node at all"
        look = "The list holds the nodes themselves. What do you append?"
    elif -1 in foreign:
        kind, words = "foreign", "and ? is a node of another graph"
        look = "Is something kept from an earlier call?"
    elif foreign:
        kind = "foreign"
        words = f"but {_letters(walk, root)} was not made from {_letters(walk, foreign[0])}"
        look = "Is something kept from an earlier call?"
    elif missing == [root]:
        kind, words = "root missing", "and the root itself is missing"
        look = "The root is a node like any other: when is it appended?"
        if call:
            look = KEPT_BETWEEN
    elif missing:
        kind = "missing"
        words = f"and {_letters(walk, missing[0])} is missing"
        if len(missing) > 1:
            words = f"and {len(missing)} nodes are missing, {_letters(walk, missing[0])} among them"
        look = "From where does your walk ask for parents, and which nodes does it skip?"
        if call:
            look = KEPT_BETWEEN
    elif len(order) > len(set(order)):
        twice = next(k for k in order if order.count(k) > 1)
        kind, words = "twice", f"where {_letters(walk, twice)} stands {order.count(twice)} times"
        look = "Two ways lead to it. How does your walk know that it has been there?"
        if twice == root:
            look = "Is the root appended in two places?"
    else:
        place = {k: i for i, k in enumerate(order)}
        child, parent = next((k, p) for k in order for p in walk.parents[k] if place[p] > place[k])
        kind = "order"
        words = f"where {_letters(walk, child)} stands before {_letters(walk, parent)}, "
        words += "which it was made from"
        look = "A node may be appended only when all of its parents have been, by whatever way."
    return Finding(kind, "order", _picture(walk, root)), f"{case}, {words}. {look}"


@exercise(
    points=2,
    minutes=12,
    probes=_graphs,
    title="Parents first",
    outputs=("order",),
    accept=_accept_order,
    effort=(
        Walk(((), *((k, k) for k in range(40))), (40,), DOUBLINGS),
        EVERY_WAY % "topological_order",
    ),
    hints=(
        "Write down the graph c = a * b, d = c + a, y = d * c on paper. Which nodes can come "
        "first?",
        "A function `visit(node)` inside of yours: first visit the parents, then append the node.",
        "Make `order, visited = [], set()` in your function, and `def visit(node)` below, which "
        "fills both. After `visit(root)`, return order.",
    ),
    blind_spots=(
        "Graphs deeper than 300 nodes are not tried: a recursive walk is right here, and an "
        "engine for long chains needs one without recursion.",
    ),
)
def topological_order(root):
    """Every node that root was made from, once, after its parents; root itself comes last.

    root: a node. Every node has `.parents`, a tuple of nodes, empty for a leaf. Graphs are at most
    300 nodes deep. Returns a list of nodes.
    """
    order, visited = [], set()

    def visit(node):
        if node not in visited:
            visited.add(node)
            for parent in node.parents:
                visit(parent)
            order.append(node)

    visit(root)
    return order


def _each(holds):
    """A symptom: `holds(parents, root, order)` for every call of a probe."""

    def symptom(walk, outcome):
        orders = [r.value for r in outcome.records]
        return len(orders) == len(walk.roots) and all(
            isinstance(order, np.ndarray) and holds(walk.parents, root, order.tolist())
            for root, order in zip(walk.roots, orders, strict=True)
        )

    return symptom


@topological_order.misconception(
    "reversed",
    "Your order is exactly the wrong way round: the root comes first.",
    "Parents come before what is made from them; the walk back then takes the list from its end.",
    "Is something inserted at the front, or reversed once too often?",
    symptom=_each(lambda parents, root, order: _valid(parents, root, order[::-1])),
)
def _(root):
    return topological_order.solution(root)[::-1]


@topological_order.misconception(
    "before its parents",
    "Your order begins with the root: a node is appended before its parents.",
    "A node is finished only after everything it was made from.",
    "Which comes first in your function: the append, or the loop over the parents?",
    symptom=_each(
        lambda parents, root, order: order[:1] == [root] and set(order) == _ancestors(parents, root)
    ),
)
def _(root):
    order = []

    def visit(node):
        if node not in order:
            order.append(node)
            for parent in node.parents:
                visit(parent)

    visit(root)
    return order


@topological_order.misconception(
    "pre-order, reversed",
    "Your order is the one in which a walk from the root meets the nodes, turned round.",
    "A node that is met early by a short way may be a parent of one that is met later, by a long "
    "way.",
    "When a node is appended, what must have been appended before?",
)
def _(root):
    order = []

    def visit(node):
        if node not in order:
            order.append(node)
            for parent in node.parents:
                visit(parent)

    visit(root)
    return order[::-1]


@topological_order.misconception(
    "breadth first, reversed",
    "Your order goes by the number of steps from the root, the farthest nodes first.",
    "A node can be near the root by one way and far from it by another; the longest way counts.",
    "Try y = a * d, d = c + 1, c = a * 2: how far is a from y?",
)
def _(root):
    order = [root]
    for node in order:
        order += [p for p in dict.fromkeys(node.parents) if p not in order]
    return order[::-1]


@topological_order.misconception(
    "no visited set",
    "Your order holds a node once for every way that leads to it.",
    "Each node stands there once; otherwise it would send its gradient back more than once.",
    "What does your walk remember about where it has been?",
    symptom=_each(
        lambda parents, root, order: (
            _valid(parents, root, list(dict.fromkeys(order)))
            and order.count(root) == 1
            and (len(order) > len(set(order)) or _is_tree(parents, root))
        )
    ),
)
def _(root):
    return [n for parent in root.parents for n in _twice_visited(parent)] + [root]


def _twice_visited(node):
    return [n for parent in node.parents for n in _twice_visited(parent)] + [node]


def _is_tree(parents, root):
    used = [p for k in _ancestors(parents, root) for p in parents[k]]
    return len(used) == len(set(used))


@topological_order.misconception(
    "root missing",
    "Your order leaves out the root.",
    "The root is where the walk back begins.",
    "Who appends the root?",
    symptom=_each(lambda parents, root, order: _valid(parents, root, [*order, root])),
)
def _(root):
    return topological_order.solution(root)[:-1]


@topological_order.misconception(
    "leaves missing",
    "Your order leaves out the leaves, the nodes without parents.",
    "The leaves are what the gradients are wanted for.",
    "Does your walk stop one step too early where there are no parents?",
    symptom=_each(
        lambda parents, root, order: (
            set(order) == {k for k in _ancestors(parents, root) if parents[k]}
        )
    ),
)
def _(root):
    return [node for node in topological_order.solution(root) if node.parents]


@topological_order.misconception(
    "root alone",
    "Your order holds one single node.",
    "In these graphs all nodes hold the same number, and they are different nodes all the same. "
    "And the parents have to be asked for theirs.",
    "Do you compare numbers where the nodes themselves are meant? Is anybody asked for parents, "
    "and is something done with the answer?",
    symptom=_each(
        lambda parents, root, order: len(order) == 1 and order[0] in _ancestors(parents, root)
    ),
)
def _(root):
    order, seen = [], set()

    def visit(node):
        if node.data not in seen:
            seen.add(node.data)
            for parent in node.parents:
                visit(parent)
            order.append(node)

    visit(root)
    return order


@topological_order.misconception(
    "direct parents only",
    "Your order holds the parents of the root and the root, and nothing further back.",
    "Parents have parents; the list goes back to the leaves.",
    "What is asked for its parents besides the root?",
    symptom=_each(
        lambda parents, root, order: (
            set(order) | {root} == {*parents[root], root} and (order[-1:] == [root] or not order)
        )
    ),
)
def _(root):
    return [*dict.fromkeys(root.parents), root]


def _kept_between_calls(walk, outcome):
    """Nodes of other calls in the list, or only those missing that an earlier call had."""
    seen, shows = set(), len(walk.roots) == len(set(walk.roots))
    for root, record in zip(walk.roots, outcome.records, strict=False):
        if isinstance(record.value, Odd):
            return False
        order, wanted = record.value.tolist(), _ancestors(walk.parents, root)
        missing = wanted - set(order)
        if -2 in order:
            return False
        if not set(order) <= wanted or (seen and len(order) > len(set(order))):
            shows = True
        elif missing and missing <= seen:
            shows = True
        elif missing or not _valid(walk.parents, root, order):
            return False
        seen |= set(order)
    return shows


@topological_order.misconception(
    "kept between calls",
    "Your function keeps its list, or the nodes it has visited, from one call to the next.",
    "Every call has its own graph and begins with nothing visited.",
    "A default argument such as visited=set() is made once, for all calls; so is what stands "
    "outside of the function, and a mark on a node stays there.",
    symptom=_kept_between_calls,
)
def _(root, visited=set()):  # noqa: B006 - the mistake itself
    order = []

    def visit(node):
        if node not in visited:
            visited.add(node)
            for parent in node.parents:
                visit(parent)
            order.append(node)

    visit(root)
    return order


@topological_order.also_right("a stack, no recursion")
def _(root):
    order, done, stack = [], set(), [(root, False)]
    while stack:
        node, ready = stack.pop()
        if ready:
            order.append(node)
        elif id(node) not in done:
            done.add(id(node))
            stack.append((node, True))
            stack += [(parent, False) for parent in node.parents]
    return order


@topological_order.also_right("counting children, from the root")
def _(root):
    nodes, waiting = {root: None}, [root]
    while waiting:
        for parent in waiting.pop().parents:
            if parent not in nodes:
                nodes[parent] = None
                waiting.append(parent)
    uses = {node: 0 for node in nodes}
    for node in nodes:
        for parent in node.parents:
            uses[parent] += 1
    free, order = [root], []
    while free:
        node = free.pop(0)
        order.append(node)
        for parent in node.parents:
            uses[parent] -= 1
            if not uses[parent]:
                free.append(parent)
    return order[::-1]


@topological_order.also_right("sorted by depth")
def _(root):
    depth = {}

    def measure(node):
        if node not in depth:
            depth[node] = 1 + max(map(measure, node.parents), default=0)
        return depth[node]

    measure(root)
    return tuple(sorted(depth, key=depth.get))


# Value --------------------------------------------------------------------------------------------

AT_ZERO, CHAIN = "relu at exactly 0", "a chain of 150 steps"


def _expressions(rng):
    """Single operations first, with upstream gradients of 1 and of another number; then graphs."""

    def number(low=0.4, high=1.6, sign=0):
        return round(float(rng.uniform(low, high)) * (sign or rng.choice([-1, 1])), 2)

    def one(*step, **leaves):
        """The operation alone, and with something after it."""
        step = ("y", *step)
        found = [Graph(tuple(leaves.items()), (step,))]
        u = round(float(rng.uniform(2.1, 2.9)), 2) * int(rng.choice([-1, 1]))
        with_more = (*leaves.items(), ("u", u))
        return [*found, Graph(with_more, (("c", *step[1:]), ("y", "*", "c", "u")))]

    graphs = [Graph((("a", number()),), (), ("a",))]
    pairs = []
    for operation in "+*-/":
        a, b = number(sign=1), number(1.7, 2.9, sign=-1)
        pairs += one(operation, "a", "b", a=a, b=b)
        pairs += one(operation, "b", "a", a=number(sign=-1), b=number(1.7, 2.9))
    graphs += pairs[::2] + pairs[1::2]  # each alone, before any is used by another
    for operation in "+*-/":
        graphs += one(operation, "a", 2.3, a=number())
        graphs += one(operation, 2.3, "a", a=number())
        graphs += one(operation, 3, "a", a=number())
    graphs += one("**", "a", 3, a=number(1.1, 1.9, sign=-1))
    graphs += one("**", "a", 2, a=number(1.1, 1.9))
    graphs += one("**", "a", -2, a=number(1.1, 1.9))
    graphs += one("**", "a", 0.5, a=number(1.1, 1.9, sign=1))
    graphs += [Graph((("a", 0.0),), (("y", "**", "a", 2),))]
    graphs += one("relu", "a", a=number(sign=1))
    graphs += one("relu", "a", a=number(sign=-1))
    graphs.append(
        Graph(
            (("zero", 0.0), ("u", -1.7)),
            (("c", "relu", "zero"), ("y", "*", "c", "u")),
            ("y",),
            AT_ZERO,
        )
    )
    graphs += one("exp", "a", a=number())
    graphs += one("tanh", "a", a=number())
    twice = [
        Graph((("a", number()),), (("y", operation, "a", "a"),))
        for operation in ("+", "*", "-", "/")
    ]
    return graphs + twice + _whole_graphs(rng, number)


def _whole_graphs(rng, number):
    ab = (("a", 2), ("b", 3))
    worked = (("c", "*", "a", "b"), ("d", "+", "c", "a"))
    graphs = [
        Graph(ab, (*worked, ("y", "*", "c", "d"))),
        Graph(ab, (*worked, ("y", "*", "d", "c"))),
        Graph((("a", number()),), (("b", "+", "a", "a"), ("y", "+", "b", "b"))),
        Graph(
            (("a", number()),), (("b", "*", "a", "a"), ("c", "*", "b", "b"), ("y", "*", "c", "b"))
        ),
        Graph(
            (("a", number()), ("b", number())),
            (("c", "exp", "a"), ("d", "*", "c", "b"), ("e", "tanh", "d"), ("y", "-", "e", "c")),
        ),
        Graph(
            (("a", number()), ("b", number())),
            (("c", "/", "a", "b"), ("d", "-", 2, "c"), ("e", "**", "d", 2), ("y", "*", "a", "e")),
        ),
        Graph(
            (("x", number()), ("w", number()), ("b", number()), ("t", number())),
            (
                ("p", "*", "x", "w"),
                ("z", "+", "p", "b"),
                ("h", "tanh", "z"),
                ("e", "-", "h", "t"),
                ("y", "**", "e", 2),
            ),
        ),
        Graph(  # a is met early, by a short way, and is used again farther down
            (("a", number()), ("b", number())),
            (("c", "*", "a", "b"), ("d", "tanh", "c"), ("e", "*", "d", "b"), ("y", "*", "a", "e")),
        ),
        Graph(
            (("a", number()), ("b", number())),
            (("c", "*", "b", "a"), ("d", "tanh", "c"), ("e", "*", "b", "d"), ("y", "*", "e", "a")),
        ),
        Graph(  # c and d hold the same number, and are two nodes all the same
            (("a", number()), ("b", number())),
            (("c", "*", "a", "b"), ("d", "*", "b", "a"), ("e", "tanh", "c"), ("y", "*", "e", "d")),
        ),
        Graph(  # the first leaf has nothing to do with the root
            (("z", number()), ("a", number())),
            (("q", "*", "a", "z"), ("c", "*", "a", "a"), ("y", "+", "c", "a")),
        ),
        Graph(
            (("a", number()), ("b", number())),
            (("y", "*", "a", "a"), ("c", "tanh", "b"), ("z", "*", "c", "b")),
            ("y", "z"),
        ),
        Graph(  # c is used by something that y does not depend on
            (("a", number()), ("b", number())),
            (("c", "*", "a", "b"), ("s", "*", "c", 2), ("y", "+", "c", 1)),
        ),
        *(  # one branch ends at a relu that lets nothing through
            Graph(
                (("a", number(sign=1)), ("b", number(sign=-1)), ("u", number()), ("v", number())),
                (
                    ("c", "*", "a", "b"),
                    ("r", "relu", "c"),
                    ("d", "*", "u", "v"),
                    ("y", "+", *ends),
                ),
            )
            for ends in (("d", "r"), ("r", "d"))
        ),
        Graph(
            (("a", number()), ("b", number())),
            (("c", "*", "a", "b"), ("y", "+", "c", 1), ("z", "*", "c", 3)),
            ("y", "z"),
            zeroed=True,
        ),
    ]
    steps, before = [], "a"
    for k in range(150):
        step = ("tanh", before) if k % 3 else ("+", before, 0.5) if k % 2 else ("*", 1.5, before)
        steps.append((f"s{k}", *step))
        before = f"s{k}"
    long = Graph((("a", number()),), (*steps[:-1], ("y", *steps[-1][1:])), ("y",), CHAIN)
    return [*graphs, long]


def _doublings(many):
    names = ["a", *(f"s{k}" for k in range(1, many)), "y"]
    steps = [(after, "+", x, x) for x, after in itertools.pairwise(names)]
    return Graph((("a", 0.5),), tuple(steps), ("y",), DOUBLINGS)


def _slope_at_zero(inputs, name, value):
    """Any slope of relu from 0 to 1 counts as 0, at exactly 0."""
    if name == "zero.grad" and value.ndim == 0 and 0 <= value / inputs["u"] <= 1:
        return np.zeros(())
    return value


@exercise(
    points=5,
    minutes=40,
    probes=_expressions,
    title="A number that remembers",
    outputs=("y", "gradients"),
    canonical=_slope_at_zero,
    effort=(_doublings(40), EVERY_WAY % "backward"),
    hints=(
        "__add__ shows the pattern: compute the new number, name the parents, and keep one local "
        "derivative for each of them.",
        "The local derivatives of x * y are y and x. And of x / y?",
        "For `2 - a` Python calls a.__rsub__(2). Make a Value of the 2, and use your __sub__.",
        "backward: set self.grad = 1.0. Then take the nodes from the root to the leaves; each adds "
        "local * node.grad to the grad of every parent.",
    ),
    blind_spots=(
        "What a second backward() does where grads are not 0 is not asked: it may add to them, as "
        "in most frameworks, or begin anew.",
        "The slope of relu at exactly 0 may be anything from 0 to 1.",
    ),
    starter='''
class Value:
    """A number that remembers what it was made from.

    data: the number. parents: the Values it was made from, a tuple. local: for each parent, the
    derivative of this number in that parent. grad: 0.0 until a walk back adds to it.
    """

    def __init__(self, data, parents=(), local=()):
        self.data = data
        self.parents = parents
        self.local = local
        self.grad = 0.0

    def __add__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data + other.data, (self, other), (1.0, 1.0))

    def __radd__(self, other):  # for 2 + a, Python calls a.__radd__(2)
        return self + other

    # Your code here: __mul__ and __rmul__, __sub__ and __rsub__, __truediv__ and __rtruediv__,
    # __pow__(self, exponent) with a plain number as exponent, relu(self), exp(self), tanh(self).

    def backward(self):
        """Adds the derivative of self in each node to the grad of that node, self included.

        Every node it was made from gets its own, inner nodes too. All grads are 0.0 before, and
        graphs are at most 150 deep.
        """
        raise NotImplementedError
''',
)
class Value:
    """A number that remembers what it was made from.

    data: the number. parents: the Values it was made from, a tuple. local: for each parent, the
    derivative of this number in that parent. grad: 0.0 until a walk back adds to it.
    """

    def __init__(self, data, parents=(), local=()):
        self.data = data
        self.parents = parents
        self.local = local
        self.grad = 0.0

    def __add__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data + other.data, (self, other), (1.0, 1.0))

    def __radd__(self, other):  # for 2 + a, Python calls a.__radd__(2)
        return self + other

    def __mul__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data * other.data, (self, other), (other.data, self.data))

    def __rmul__(self, other):
        return self * other

    def __sub__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data - other.data, (self, other), (1.0, -1.0))

    def __rsub__(self, other):
        return Value(other) - self

    def __truediv__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        x, y = self.data, other.data
        return Value(x / y, (self, other), (1 / y, -x / y**2))

    def __rtruediv__(self, other):
        return Value(other) / self

    def __pow__(self, exponent):
        """exponent: a plain number."""
        x = self.data
        return Value(x**exponent, (self,), (exponent * x ** (exponent - 1),))

    def relu(self):
        return Value(max(self.data, 0.0), (self,), (float(self.data > 0),))

    def exp(self):
        y = float(np.exp(self.data))
        return Value(y, (self,), (y,))

    def tanh(self):
        y = float(np.tanh(self.data))
        return Value(y, (self,), (1 - y**2,))

    def backward(self):
        """Adds the derivative of self in each node to the grad of that node, self included.

        Every node it was made from gets its own, inner nodes too. Graphs are at most 150 deep.
        """
        order, visited = [], set()

        def visit(node):
            if node not in visited:
                visited.add(node)
                for parent in node.parents:
                    visit(parent)
                order.append(node)

        visit(self)
        self.grad = 1.0
        for node in reversed(order):
            for parent, local in zip(node.parents, node.local, strict=True):
                parent.grad += local * node.grad


_Right = Value.solution


def _variant():
    """A copy of the reference to inherit from: its methods make objects of the subclass."""
    scope = dict(globals())
    methods = {
        n: FunctionType(m.__code__, scope, n, m.__defaults__)
        for n, m in vars(_Right).items()
        if isinstance(m, FunctionType)
    }
    methods["__init_subclass__"] = lambda cls: scope.update(Value=cls)
    return type("Value", (), methods)


def _walk_back(root, nodes):
    """The right walk, over nodes in an order that may be wrong."""
    root.grad = 1.0
    for node in nodes:
        for parent, local in zip(node.parents, node.local, strict=True):
            parent.grad += local * node.grad


def _with_local(value, *local):
    """A result with other local derivatives."""
    value.local = local
    return value


def _number(other):
    return getattr(other, "data", other)


@Value.misconception(
    "overwritten",
    "Your backward keeps only the last part of a gradient where a node is used more than once.",
    "What comes back from each use adds up: nudging the node moves them all at once.",
    "Look for `=` where `+=` is needed; then try y = a + a.",
)
class _(_variant()):
    def backward(self):
        self.grad = 1.0
        for node in reversed(topological_order.solution(self)):
            for parent, local in zip(node.parents, node.local, strict=True):
                parent.grad = local * node.grad


@Value.misconception(
    "parents visited once for every use",
    "Your gradients are too large where a node with parents is used more than once: it sends its "
    "whole gradient back once for every use.",
    "A node sends once, after all that uses it has sent.",
    "Visit the nodes in the order of topological_order, from its end. Try b = a + a; y = b + b.",
)
class _(_variant()):
    def backward(self):
        self.grad = 1.0
        self.send()

    def send(self):
        for parent, local in zip(self.parents, self.local, strict=True):
            parent.grad += local * self.grad
        for parent in self.parents:
            parent.send()


@Value.misconception(
    "sent on at once",
    "Your gradients are too large where a node with parents is used more than once: with every "
    "part that arrives it sends all it has got so far.",
    "A node sends once, after all that uses it has sent.",
    "Visit the nodes in the order of topological_order, from its end. Try b = a + a; y = b + b.",
)
class _(_variant()):
    def backward(self):
        self.grad = 1.0
        self.send()

    def send(self):
        for parent, local in zip(self.parents, self.local, strict=True):
            parent.grad += local * self.grad
            parent.send()


@Value.misconception(
    "order not reversed",
    "Your backward gets no further than the parents of the root.",
    "The root is the only node with a gradient when the walk begins, so it has to send first. "
    "topological_order puts parents first: the walk back begins at its other end.",
    "Which node comes first in your loop, and is there more than one?",
)
class _(_variant()):
    def backward(self):
        _walk_back(self, topological_order.solution(self))


@Value.misconception(
    "pre-order walk",
    "Your backward visits nodes as it meets them on the way from the root, some of them before all "
    "their gradient has arrived.",
    "A node may send only when everything that uses it has sent.",
    "In c = a * b; d = c + a; y = c * d: who has to send before c?",
)
class _(_variant()):
    def backward(self):
        nodes = []

        def visit(node):
            if node not in nodes:
                nodes.append(node)
                for parent in node.parents:
                    visit(parent)

        visit(self)
        _walk_back(self, nodes)


@Value.misconception(
    "breadth-first walk",
    "Your backward visits nodes by their distance from the root, some of them before all their "
    "gradient has arrived.",
    "A node can be near by one way and far by another; it may send only when everything that uses "
    "it has sent.",
    "In c = a * b; d = c + a; y = c * d: who has to send before c?",
)
class _(_variant()):
    def backward(self):
        nodes = [self]
        for node in nodes:
            nodes += [p for p in dict.fromkeys(node.parents) if p not in nodes]
        _walk_back(self, nodes)


@Value.misconception(
    "root gradient 0",
    "Your gradients are all 0: the walk begins with nothing.",
    "The derivative of the root in itself is 1, and everything is proportional to it.",
    "What is self.grad when the loop begins?",
)
class _(_variant()):
    def backward(self):
        for node in reversed(topological_order.solution(self)):
            for parent, local in zip(node.parents, node.local, strict=True):
                parent.grad += local * node.grad


@Value.misconception(
    "upstream missing",
    "Your backward adds local derivatives alone, without the gradient of the node they belong to.",
    "Links of a chain multiply: local derivative times what came back to the node.",
    "Try y = 3 * (a * b): does the 3 reach a? Is it the gradient of the root that you multiply "
    "with, which is 1?",
)
class _(_variant()):
    def backward(self):
        self.grad = 1.0
        for node in reversed(topological_order.solution(self)):
            for parent, local in zip(node.parents, node.local, strict=True):
                parent.grad += local


@Value.misconception(
    "local derivative missing",
    "Your backward hands on the gradient of a node as it is, without the local derivative.",
    "Links of a chain multiply: local derivative times what came back to the node.",
    "What do you add to the gradient of a parent, and where does its local derivative enter?",
)
class _(_variant()):
    def backward(self):
        self.grad = 1.0
        for node in reversed(topological_order.solution(self)):
            for parent in node.parents:
                parent.grad += node.grad


@Value.misconception(
    "every node begins with 1",
    "Your backward sets the gradient of every node to 1, not only that of the root.",
    "The derivative of the root in itself is 1. All others are what comes back to them.",
    "If backward calls itself for the parents: what does its first line do to a parent's gradient?",
)
class _(_variant()):
    def backward(self):
        self.grad = 1.0
        for parent, local in zip(self.parents, self.local, strict=True):
            parent.grad += local * self.grad
            parent.backward()


@Value.misconception(
    "begins with 1 wherever it finds 0",
    "Your backward takes a gradient of 0 for the beginning of the walk, and sets it to 1.",
    "A gradient may be 0 in the middle of a graph, behind a relu for instance, and stays 0.",
    "How does backward know that it is at the root?",
)
class _(_variant()):
    def backward(self):
        if self.grad == 0:
            self.grad = 1.0
        for parent, local in zip(self.parents, self.local, strict=True):
            parent.grad += local * self.grad
        for parent in self.parents:
            parent.backward()


@Value.misconception(
    "every gradient begins at 1",
    "Your backward sets all gradients to 1 before it adds to them.",
    "The derivative of the root in itself is 1. All others are what comes back, added to 0.",
    "What is the gradient of a in y = a + b, and what does yours begin with?",
)
class _(_variant()):
    def backward(self):
        order = topological_order.solution(self)
        for node in order:
            node.grad = 1.0
        for node in reversed(order):
            for parent, local in zip(node.parents, node.local, strict=True):
                parent.grad += local * node.grad


@Value.misconception(
    "known by its number",
    "Your walk leaves out a node that holds the same number as one it has visited.",
    "Two nodes may hold equal numbers and are two nodes all the same.",
    "Is it the node that you look for in the set, or its data?",
)
class _(_variant()):
    def backward(self):
        order, seen = [], set()

        def visit(node):
            if node.data not in seen:
                seen.add(node.data)
                for parent in node.parents:
                    visit(parent)
                order.append(node)

        visit(self)
        _walk_back(self, reversed(order))


@Value.misconception(
    "a parent counted once",
    "Your gradients miss a part where one node is both operands, as in a * a.",
    "It plays two parts, and each has its own local derivative; they add up.",
    "Are the parents kept in a set or a dictionary, or skipped when they have been seen?",
)
class _(_variant()):
    def backward(self):
        self.grad = 1.0
        for node in reversed(topological_order.solution(self)):
            for parent, local in dict(zip(node.parents, node.local, strict=True)).items():
                parent.grad += local * node.grad


@Value.misconception(
    "product: own data",
    "Your gradients of a product are exchanged: each operand gets its own data.",
    "In a * b the derivative in a is b: nudging a moves the product b times as much.",
    "Which number belongs to which parent in __mul__?",
)
class _(_variant()):
    def __mul__(self, other):
        return _with_local(super().__mul__(other), self.data, _number(other))


@Value.misconception(
    "product like a sum",
    "Your gradients of a product are those of a sum.",
    "In a * b the derivative in a is b.",
    "What are the local derivatives in __mul__?",
)
class _(_variant()):
    def __mul__(self, other):
        return _with_local(super().__mul__(other), 1.0, 1.0)


@Value.misconception(
    "difference like a sum",
    "Your gradient of b in a - b has the wrong sign.",
    "When b grows, a - b falls.",
    "What are the two local derivatives in __sub__?",
)
class _(_variant()):
    def __sub__(self, other):
        return _with_local(super().__sub__(other), 1.0, 1.0)


@Value.misconception(
    "divisor: sign",
    "Your gradient of b in a / b has the wrong sign.",
    "When b grows, a / b gets smaller (for a, b > 0): the derivative is negative.",
    "Write a / b as a * b ** -1, and differentiate the power.",
)
class _(_variant()):
    def __truediv__(self, other):
        y = _number(other)
        return _with_local(super().__truediv__(other), 1 / y, self.data / y**2)


@Value.misconception(
    "divisor: not squared",
    "Your gradient of b in a / b is -a / b.",
    "The derivative of 1 / b is -1 / b squared.",
    "Write a / b as a * b ** -1: what becomes of the exponent?",
)
class _(_variant()):
    def __truediv__(self, other):
        y = _number(other)
        return _with_local(super().__truediv__(other), 1 / y, -self.data / y)


@Value.misconception(
    "divisor gets nothing",
    "Your gradient of b in a / b is 0.",
    "The quotient depends on both operands.",
    "How many local derivatives does __truediv__ keep, and what is the second?",
)
class _(_variant()):
    def __truediv__(self, other):
        return _with_local(super().__truediv__(other), 1 / _number(other), 0.0)


@Value.misconception(
    "quotient like a product",
    "Your gradient of a in a / b is b.",
    "a / b moves by 1 / b when a moves by 1.",
    "What are the local derivatives in __truediv__?",
)
class _(_variant()):
    def __truediv__(self, other):
        return _with_local(super().__truediv__(other), _number(other), self.data)


@Value.misconception(
    "exponent not lowered",
    "Your gradient of a power keeps its exponent: n a^n.",
    "The derivative of a^n is n times a to the power n - 1.",
    "Try a ** 2 at a = 3: how fast does it move?",
)
class _(_variant()):
    def __pow__(self, n):
        return _with_local(super().__pow__(n), n * self.data**n)


@Value.misconception(
    "exponent not in front",
    "Your gradient of a power lacks the factor n.",
    "The derivative of a^n is n times a to the power n - 1.",
    "Try a ** 2 at a = 3: how fast does it move?",
)
class _(_variant()):
    def __pow__(self, n):
        return _with_local(super().__pow__(n), self.data ** (n - 1))


@Value.misconception(
    "relu lets all back",
    "Your gradient of relu comes through where a is negative, too.",
    "There the output stays 0 when a is nudged.",
    "What is the local derivative for a = -1?",
)
class _(_variant()):
    def relu(self):
        return _with_local(super().relu(), 1.0)


@Value.misconception(
    "relu: gate turned round",
    "Your gradient of relu comes through where a is negative, and is stopped where it is positive.",
    "relu lets positive numbers through, forward and back.",
    "Which way round is the comparison?",
)
class _(_variant()):
    def relu(self):
        return _with_local(super().relu(), float(self.data <= 0))


@Value.misconception(
    "relu: its value",
    "Your gradient of relu is its value, where 1 or 0 is right.",
    "For a > 0 the output moves exactly as a does.",
    "What is the local derivative for a = 5?",
)
class _(_variant()):
    def relu(self):
        return _with_local(super().relu(), max(self.data, 0.0))


@Value.misconception(
    "exp: its input",
    "Your gradient of exp is its input a.",
    "exp is its own derivative.",
    "Which number did you compute on the way forward?",
)
class _(_variant()):
    def exp(self):
        return _with_local(super().exp(), self.data)


@Value.misconception(
    "exp: 1",
    "Your gradient of exp is 1.",
    "exp is its own derivative, and 1 only at a = 0.",
    "How fast does exp grow at a = 2?",
)
class _(_variant()):
    def exp(self):
        return _with_local(super().exp(), 1.0)


@Value.misconception(
    "exp like a power",
    "Your gradient of exp is a times exp(a - 1), the rule for powers.",
    "In a power the base varies; here it is the exponent. exp is its own derivative.",
    "Try a = 0: exp grows there with slope 1.",
)
class _(_variant()):
    def exp(self):
        return _with_local(super().exp(), self.data * float(np.exp(self.data - 1)))


@Value.misconception(
    "tanh: not squared",
    "Your gradient of tanh is 1 less its output, not squared.",
    "The slope of tanh is the same for a and -a; 1 - tanh(a) is not.",
    "Try a = -2: can the slope be above 1?",
)
class _(_variant()):
    def tanh(self):
        y = float(np.tanh(self.data))
        return _with_local(super().tanh(), 1 - y)


@Value.misconception(
    "tanh: from its input",
    "Your gradient of tanh takes its input where its output belongs: 1 - a^2.",
    "The slope can be written with the output alone, y = tanh(a).",
    "Try a = 2: can tanh fall?",
)
class _(_variant()):
    def tanh(self):
        return _with_local(super().tanh(), 1 - self.data**2)


@Value.misconception(
    "tanh like a sigmoid",
    "Your gradient of tanh is y (1 - y), the one of the sigmoid.",
    "tanh runs from -1 to 1 and has slope 1 at 0.",
    "Try a = 0: what is the slope there?",
)
class _(_variant()):
    def tanh(self):
        y = float(np.tanh(self.data))
        return _with_local(super().tanh(), y * (1 - y))


@Value.misconception(
    "number on the left of a minus",
    "Your 2 - a is a - 2.",
    "For 2 - a Python calls a.__rsub__(2): the number that stands on the left is the argument.",
    "Which of the two is subtracted in __rsub__?",
)
class _(_variant()):
    def __rsub__(self, other):
        return self - other


@Value.misconception(
    "number on the left of a slash",
    "Your 2 / a is a / 2.",
    "For 2 / a Python calls a.__rtruediv__(2): the number that stands on the left is the argument.",
    "Which of the two is the divisor in __rtruediv__?",
)
class _(_variant()):
    def __rtruediv__(self, other):
        return self / other


@Value.misconception(
    "both numbers on the left",
    "Your 2 - a is a - 2, and your 2 / a is a / 2.",
    "For 2 - a Python calls a.__rsub__(2): the number that stands on the left is the argument.",
    "Which of the two is subtracted in __rsub__, and which divides in __rtruediv__?",
)
class _(_variant()):
    def __rsub__(self, other):
        return self - other

    def __rtruediv__(self, other):
        return self / other


@Value.misconception(
    "kept between walks",
    "Your backward walks through the nodes of earlier graphs again, and adds to gradients that "
    "were complete.",
    "Every backward() has its own graph, which begins at its root.",
    "Is the list of nodes kept on the class, or outside of it?",
)
class _(_variant()):
    kept = {}

    def backward(self):
        type(self).kept = dict.fromkeys([*self.kept, *topological_order.solution(self)])
        _walk_back(self, reversed(self.kept))


@Value.also_right("closures, in the style of micrograd")
class _:
    def __init__(self, data, children=()):
        self.data, self.grad = data, 0.0
        self.parents = tuple(children)
        self._backward = lambda: None

    @classmethod
    def of(cls, x):
        return x if isinstance(x, cls) else cls(x)

    def __add__(self, other):
        other = self.of(other)
        out = type(self)(self.data + other.data, (self, other))

        def _backward():
            self.grad += out.grad
            other.grad += out.grad

        out._backward = _backward
        return out

    def __mul__(self, other):
        other = self.of(other)
        out = type(self)(self.data * other.data, (self, other))

        def _backward():
            self.grad += other.data * out.grad
            other.grad += self.data * out.grad

        out._backward = _backward
        return out

    def _unary(self, y, slope):
        out = type(self)(y, (self,))

        def _backward():
            self.grad += slope * out.grad

        out._backward = _backward
        return out

    def __pow__(self, n):
        return self._unary(self.data**n, n * self.data ** (n - 1))

    def relu(self):
        return self._unary(self.data if self.data >= 0 else 0, 1.0 if self.data >= 0 else 0.0)

    def exp(self):
        return self._unary(np.exp(self.data), np.exp(self.data))

    def tanh(self):
        t = (np.exp(2 * self.data) - 1) / (np.exp(2 * self.data) + 1)
        return self._unary(t, 1 - t * t)

    def __neg__(self):
        return self * -1

    def __sub__(self, other):
        return self + (-self.of(other))

    def __truediv__(self, other):
        return self * self.of(other) ** -1

    def __rsub__(self, other):
        return self.of(other) + (-self)

    def __rtruediv__(self, other):
        return self**-1 * other

    __radd__, __rmul__ = __add__, __mul__

    def backward(self):
        topo, visited = [], set()

        def build(v):
            if v not in visited:
                visited.add(v)
                for child in v.parents:
                    build(child)
                topo.append(v)

        build(self)
        self.grad = 1
        for v in reversed(topo):
            v._backward()


@Value.also_right("counting uses, slots, parents that are Values only")
class _:
    __slots__ = ("data", "grad", "links")

    def __init__(self, data):
        self.data, self.grad, self.links = data, 0.0, []

    @property
    def parents(self):
        return tuple(parent for parent, _ in self.links)

    def _made(self, data, *links):
        result = type(self)(data)
        result.links = [(p, d) for p, d in links if isinstance(p, type(self))]
        return result

    @staticmethod
    def _plain(x):
        return getattr(x, "data", x) if not isinstance(x, (int, float)) else x

    def __add__(self, other):
        return self._made(self.data + self._plain(other), (self, 1), (other, 1))

    def __sub__(self, other):
        return self._made(self.data - self._plain(other), (self, 1), (other, -1))

    def __rsub__(self, other):
        return self._made(other - self.data, (self, -1))

    def __mul__(self, other):
        return self._made(
            self.data * self._plain(other), (self, self._plain(other)), (other, self.data)
        )

    def __truediv__(self, other):
        x, y = self.data, self._plain(other)
        return self._made(x / y, (self, 1 / y), (other, -x / y / y))

    def __rtruediv__(self, other):
        return self._made(other / self.data, (self, -other / self.data / self.data))

    __radd__, __rmul__ = __add__, __mul__

    def __pow__(self, n):
        return self._made(self.data**n, (self, n * self.data ** (n - 1)))

    def relu(self):
        return self._made(self.data * (self.data > 0), (self, int(self.data > 0)))

    def exp(self):
        return self._made(np.e**self.data, (self, np.e**self.data))

    def tanh(self):
        return self._made(np.tanh(self.data), (self, 1 / np.cosh(self.data) ** 2))

    def backward(self):
        uses, waiting = {}, [self]
        while waiting:
            for parent, _ in waiting.pop().links:
                if parent not in uses:
                    waiting.append(parent)
                uses[parent] = uses.get(parent, 0) + 1
        self.grad, ready = 1.0, [self]
        while ready:
            node = ready.pop()
            for parent, slope in node.links:
                parent.grad += slope * node.grad
                uses[parent] -= 1
                if uses[parent] == 0:
                    ready.append(parent)


@Value.also_right("every path on its own")
class _(_variant()):
    """Gradients are added path by path; a chain has one path only."""

    def backward(self, upstream=1.0):
        self.grad += upstream
        for parent, local in zip(self.parents, self.local, strict=True):
            parent.backward(local * upstream)


# Vector-Jacobian products of arrays ---------------------------------------------------------------


def _stretched(rng):
    cases = [
        ((5, 3), (3,), "leading axes that were added"),
        ((4, 5, 3), (3,), "leading axes that were added"),
        ((4, 5, 3), (5, 3), "leading axes that were added"),
        ((5, 3), (5, 1), "axes of length 1"),
        ((5, 3), (1, 3), "axes of length 1"),
        ((5, 3), (1, 1), "axes of length 1"),
        ((4, 5, 3), (4, 1, 3), "axes of length 1"),
        ((4, 5, 3), (1, 5, 1), "axes of length 1"),
        ((4, 5, 3), (1, 1, 3), "axes of length 1"),
        ((4, 5, 3), (5, 1), "leading axes and axes of length 1 together"),
        ((4, 5, 3), (1, 3), "leading axes and axes of length 1 together"),
        ((2, 4, 5, 3), (4, 1, 3), "leading axes and axes of length 1 together"),
        ((2, 4, 5, 3), (1, 1), "leading axes and axes of length 1 together"),
        ((6,), (1,), "a shape of (1,)"),
        ((5, 3), (1,), "a shape of (1,)"),
        ((5, 3), (), "a single number, of shape ()"),
        ((4, 5, 3), (), "a single number, of shape ()"),
        ((5, 3), (5, 3), "equal shapes"),
        ((4, 1, 3), (4, 1, 3), "equal shapes"),
        ((), (), "equal shapes"),
        ((4, 4), (4,), "sizes that are all equal"),
        ((4, 4), (4, 1), "sizes that are all equal"),
        ((3, 3, 3), (3, 1), "sizes that are all equal"),
        ((1, 4), (4,), "an axis of length 1 in the gradient itself"),
        ((1, 4), (1, 1), "an axis of length 1 in the gradient itself"),
    ]
    calls = [Call((rng.normal(size=g), shape), label) for g, shape, label in cases]
    return calls + [Call((rng.normal(size=(5, 3)), shape)) for shape in ((3,), (5, 1), (), (5, 3))]


def _axes_to_sum(gradient, shape):
    """The axes that broadcasting added in front, and those of length 1 in the shape."""
    front = gradient.ndim - len(shape)
    return tuple(range(front)), tuple(front + k for k, n in enumerate(shape) if n == 1)


def _summed(gradient, shape, reduce=np.sum):
    return reduce(gradient, axis=sum(_axes_to_sum(gradient, shape), ())).reshape(shape)


def _summed_if_too_long(gradient, shape):
    """Sums where an axis is longer than the shape says, and pairs the axes from the left."""
    for k, n in enumerate(shape):
        if k < gradient.ndim and gradient.shape[k] != n:
            gradient = gradient.sum(axis=k, keepdims=True)
    while gradient.ndim > len(shape):
        gradient = gradient.sum(axis=-1)
    return gradient


@exercise(
    points=2,
    minutes=10,
    probes=_stretched,
    title="Undo broadcasting",
    outputs=("result",),
    hints=(
        "Broadcasting copies: x of shape (3,) was used in each of five rows. What comes back from "
        "each use adds up.",
        "Shapes are compared from the right. What the gradient has more of on the left was added: "
        "sum it away, without keepdims.",
        "Where the shape has a 1, sum with keepdims=True.",
    ),
    steps=(
        Step(
            "result",
            _summed,
            "An entry that was copied gets the sum of what comes back to its copies.",
            {
                "everything is added up": lambda gradient, shape: np.full(shape, gradient.sum()),
                "the largest entry is kept, not the sum": lambda gradient, shape: _summed(
                    gradient, shape, np.max
                ),
                "only the last of the copies is kept": lambda gradient, shape: _kept_copy(
                    gradient, shape, -1
                ),
                "what comes back is multiplied, not added": lambda gradient, shape: _summed(
                    gradient, shape, np.prod
                ),
                "the length is taken, the root of the sum of squares": lambda gradient, shape: (
                    np.sqrt(_summed(gradient**2, shape))
                ),
                "axes are summed away from the right end, and not from the left": (
                    lambda gradient, shape: gradient.sum(
                        axis=tuple(range(len(shape), gradient.ndim))
                    )
                ),
                "one leading axis is summed over, however many were added": (
                    lambda gradient, shape: _one_leading(gradient, shape)
                ),
                "one axis of length 1 is summed over, however many there are": (
                    lambda gradient, shape: _one_stretched(gradient, shape)
                ),
                "sums are taken over the leading axes only, and the rest is averaged": (
                    lambda gradient, shape: np.mean(
                        np.sum(gradient, axis=_axes_to_sum(gradient, shape)[0]),
                        axis=tuple(k for k, n in enumerate(shape) if n == 1),
                        keepdims=True,
                    )
                ),
                "the entries are repeated or cut to the size wanted (np.resize)": (
                    lambda gradient, shape: np.resize(gradient, shape)
                ),
            },
            look="Work out x of shape (3,) in x + y, y of shape (2, 3), by hand.",
        ),
    ),
)
def unbroadcast(gradient, shape):
    """The gradient of an array that broadcasting stretched, from the gradient of the stretched one.

    gradient: an array. shape: the shape, a tuple, of an array that NumPy stretches to
    gradient.shape. Returns an array of that shape.
    """
    gradient = gradient.sum(axis=tuple(range(gradient.ndim - len(shape))))
    stretched = tuple(k for k, n in enumerate(shape) if n == 1)
    return gradient.sum(axis=stretched, keepdims=True)


def _kept_copy(gradient, shape, which):
    front, ones = _axes_to_sum(gradient, shape)
    at = tuple(which if k in (*front, *ones) else slice(None) for k in range(gradient.ndim))
    return np.asarray(gradient[at]).reshape(shape)


def _one_leading(gradient, shape):
    if gradient.ndim > len(shape):
        gradient = gradient.sum(axis=0)
    ones = tuple(k for k, n in enumerate(shape) if n == 1)
    return gradient.sum(axis=ones, keepdims=True)


def _one_stretched(gradient, shape):
    gradient = gradient.sum(axis=_axes_to_sum(gradient, shape)[0])
    ones = [k for k, n in enumerate(shape) if n == 1][:1]
    return gradient.sum(axis=tuple(ones), keepdims=True)


@unbroadcast.misconception(
    "leading axes only",
    "Your result sums over the axes added in front, and keeps those that were stretched from 1.",
    "Both ways of stretching copy an entry, and what comes back to the copies adds up.",
    "Try a gradient (5, 3) and the shape (5, 1).",
)
def _(gradient, shape):
    return gradient.sum(axis=tuple(range(gradient.ndim - len(shape))))


@unbroadcast.misconception(
    "axes of length 1 only",
    "Your result sums over the axes that were stretched from 1, and keeps those added in front.",
    "Both ways of stretching copy an entry, and what comes back to the copies adds up.",
    "Try a gradient (5, 3) and the shape (3,).",
)
def _(gradient, shape):
    return gradient.sum(axis=_axes_to_sum(gradient, shape)[1], keepdims=True)


@unbroadcast.misconception(
    "mean for sum",
    "Your result is the mean of what comes back to the copies.",
    "Nudging one entry moves all of its copies: their effects add up.",
    "Try gradient = ones of shape (5, 3) and the shape (3,).",
)
def _(gradient, shape):
    return _summed(gradient, shape, np.mean)


@unbroadcast.misconception(
    "first copy",
    "Your result keeps what came back to the first copy, and drops the others.",
    "All copies moved the loss.",
    "Where is something cut off, by an index or a slice?",
)
def _(gradient, shape):
    return _kept_copy(gradient, shape, 0)


@unbroadcast.misconception(
    "keepdims forgotten",
    "Your result has lost its axes of length 1.",
    "A gradient has exactly the shape of its variable: (5, 1), not (5,).",
    "Which sums need keepdims=True?",
)
def _(gradient, shape):
    return gradient.sum(axis=sum(_axes_to_sum(gradient, shape), ()))


@unbroadcast.misconception(
    "keepdims everywhere",
    "Your result keeps the axes that were added in front, with length 1.",
    "A gradient has exactly the shape of its variable: (3,), not (1, 3).",
    "Which sums must not have keepdims=True?",
)
def _(gradient, shape):
    return gradient.sum(axis=sum(_axes_to_sum(gradient, shape), ()), keepdims=True)


@unbroadcast.misconception(
    "aligned from the left",
    "Your result pairs the axes of gradient and shape from the left.",
    "NumPy compares shapes from the right: (5, 3) and (3,) share their last axis.",
    "Try a gradient (4, 4) and the shape (4,): over which axis is the sum?",
)
def _(gradient, shape):
    return _summed_if_too_long(gradient, shape)


@unbroadcast.misconception(
    "as it is",
    "Your result is the gradient as it came.",
    "It has the stretched shape; the gradient of x has the shape of x.",
    "What is to be done where gradient.shape and shape differ?",
)
def _(gradient, shape):
    return gradient


@unbroadcast.misconception(
    "reshaped",
    "Your result is the gradient reshaped, or the sum of everything where that does not fit.",
    "What was copied has to be added up axis by axis.",
    "Which entries of the gradient belong to one entry of x?",
)
def _(gradient, shape):
    return gradient.reshape(shape) if gradient.size == np.prod(shape) else gradient.sum()


@unbroadcast.misconception(
    "all of it",
    "Your result is the sum of everything, in every entry.",
    "An entry gets what came back to its own copies.",
    "Over which axes was x copied?",
)
def _(gradient, shape):
    return np.full(shape, gradient.sum())


@unbroadcast.also_right("axis by axis")
def _(gradient, shape):
    while np.ndim(gradient) > len(shape):
        gradient = gradient.sum(axis=0)
    for axis, n in enumerate(shape):
        if n == 1:
            gradient = gradient.sum(axis=axis, keepdims=True)
    return gradient


@unbroadcast.also_right("entry by entry")
def _(gradient, shape):
    result = np.zeros(shape)
    for at in np.ndindex(gradient.shape):
        own = at[len(at) - len(shape) :]
        result[tuple(k if n > 1 else 0 for k, n in zip(own, shape, strict=True))] += gradient[at]
    return result


@unbroadcast.also_right("one sum and a reshape, float32")
def _(gradient, shape):
    padded = (1,) * (gradient.ndim - len(shape)) + tuple(shape)
    axes = tuple(k for k, n in enumerate(padded) if n != gradient.shape[k])
    return gradient.astype(np.float32).sum(axis=axes).reshape(shape)


STACK, STACKS = "a stack of matrices", "a stack of stacks of matrices"


def _products(rng):
    """(leading axes, n, k, m) of every case."""
    cases = [
        ((), 5, 3, 4, ""),
        ((), 6, 2, 3, ""),
        ((), 5, 3, 4, ""),
        ((), 4, 4, 4, "square matrices"),
        ((), 1, 3, 2, "a single row"),
        ((), 5, 1, 3, "an inner size of 1"),
        ((), 5, 3, 1, "a single column"),
        ((2,), 5, 3, 4, STACK),
        ((6,), 2, 3, 5, STACK),
        ((3,), 3, 3, 3, "a stack of matrices, all sizes equal"),
        ((1,), 5, 2, 3, "a stack of one matrix"),
        ((2, 3), 5, 2, 4, STACKS),
    ]
    return [
        Call(
            (
                rng.normal(size=(*lead, n, m)),
                rng.normal(size=(*lead, n, k)),
                rng.normal(size=(*lead, k, m)),
            ),
            label,
        )
        for lead, n, k, m, label in cases
    ]


def _flip(a):
    """Every matrix of a stack transposed."""
    return np.swapaxes(a, -1, -2)


def _divided(formula, name, sizes):
    """Slips: the formula's result divided, or multiplied, by a size of one of its operands."""
    slips = {}
    for words, (operand, axis) in sizes.items():
        for way, sign in (("divided by", -1), ("multiplied by", 1)):

            def slip(operand=operand, axis=axis, sign=sign, **known):
                return formula(**known) * float(known[operand].shape[axis]) ** sign

            slips[f"{name} is {way} {words}"] = _needing(formula, slip)
    return slips


def _needing(formula, slip):
    """A slip that takes what the formula takes."""
    slip.needs = needs_of(formula)
    return slip


def _gx_of_product(g, y):
    return g @ _flip(y)


def _gy_of_product(g, x):
    return _flip(x) @ g


@exercise(
    points=2,
    minutes=8,
    probes=_products,
    title="Back through a matrix product",
    outputs=("gx", "gy"),
    hints=(
        "For matrices you know both: X^T dY and dY W^T, from chapter 02.",
        "gx has the shape of x, (…, n, k), and is made of g (…, n, m) and y (…, k, m).",
        "`.T` turns round all axes of a stack; np.swapaxes(a, -1, -2) only the last two.",
    ),
    steps=(
        Step(
            "gx",
            _gx_of_product,
            "Going back, the sum runs over the columns of y, the axis that g and y share.",
            {
                "y is reshaped where it ought to be transposed": lambda g, y: (
                    g @ y.reshape(_flip(y).shape)
                ),
                "only the first matrix of the stack y is used": lambda g, y: (
                    g @ _flip(y[(0,) * (y.ndim - 2)])
                ),
                "only the first column of y takes part": lambda g, y: (
                    g[..., :1] @ _flip(y[..., :1])
                ),
                **_divided(
                    _gx_of_product,
                    "gx",
                    {
                        "the number of its rows": ("g", -2),
                        "the inner size of the product": ("y", -2),
                        "the number of columns of y": ("y", -1),
                    },
                ),
            },
            look="Write the shapes under g and y: which axis do they have in common?",
        ),
        Step(
            "gy",
            _gy_of_product,
            "Going back, the sum runs over the rows, the axis that x and g share.",
            {
                "x is reshaped where it ought to be transposed": lambda g, x: (
                    x.reshape(_flip(x).shape) @ g
                ),
                "only the first matrix of the stack x is used": lambda g, x: (
                    _flip(x[(0,) * (x.ndim - 2)]) @ g
                ),
                "only the first row of x takes part": lambda g, x: (
                    _flip(x[..., :1, :]) @ g[..., :1, :]
                ),
                **_divided(
                    _gy_of_product,
                    "gy",
                    {
                        "the number of rows of x": ("x", -2),
                        "the inner size of the product": ("x", -1),
                        "the number of its columns": ("g", -1),
                    },
                ),
            },
            look="Write the shapes under x and g: which axis do they have in common?",
        ),
    ),
)
def matmul_vjp(g, x, y):
    """The gradients of x and y in x @ y, given the upstream gradient g of the product.

    x: (…, n, k). y: (…, k, m). Both are matrices, or both are stacks of as many matrices.
    g: (…, n, m). Returns (gx, gy), of the shapes of x and y.
    """
    return g @ np.swapaxes(y, -1, -2), np.swapaxes(x, -1, -2) @ g


@matmul_vjp.misconception(
    "exchanged",
    "Your gx is the gradient of y, and your gy that of x.",
    "Each gradient has the shape of its own factor.",
    "In which order are they returned?",
)
def _(g, x, y):
    return matmul_vjp.solution(g, x, y)[::-1]


@matmul_vjp.misconception(
    "no transpose",
    "Your gx is g @ y and your gy is x @ g, which raises unless y and x are square.",
    "Going back, the sum runs over another axis than going forward.",
    "Write the shapes of g and y beside each other.",
)
def _(g, x, y):
    return g @ y, x @ g


@matmul_vjp.misconception(
    "x not transposed",
    "Your gy is x @ g, which raises unless x is square.",
    "Going back to y, the sum runs over the rows of x.",
    "Write the shapes of x and g beside each other.",
)
def _(g, x, y):
    return g @ _flip(y), x @ g


@matmul_vjp.misconception(
    "y not transposed",
    "Your gx is g @ y, which raises unless y is square.",
    "Going back to x, the sum runs over the columns of y.",
    "Write the shapes of g and y beside each other.",
)
def _(g, x, y):
    return g @ y, _flip(x) @ g


@matmul_vjp.misconception(
    "all axes turned round",
    "Your gx and gy are right for matrices, and not for stacks of them.",
    "`.T` reverses all axes, the one of the stack included; only the last two are to be exchanged.",
    "Print x.T.shape for x of shape (2, 5, 3).",
)
def _(g, x, y):
    return g @ y.T, x.T @ g


@matmul_vjp.misconception(
    "entry by entry",
    "Your gx is g * y and your gy is g * x, entry by entry.",
    "Every entry of x takes part in a whole row of the product, so what comes back is a sum.",
    "Nudge x[0, 0]: which entries of x @ y move?",
)
def _(g, x, y):
    return g * y, g * x


@matmul_vjp.misconception(
    "upstream ignored",
    "Your gx and gy are what comes out if g is 1 everywhere.",
    "Both gradients are proportional to the upstream gradient.",
    "Where does g enter?",
)
def _(g, x, y):
    return matmul_vjp.solution(np.ones_like(g), x, y)


@matmul_vjp.misconception(
    "stack added up",
    "Your gx and gy add up over the stack.",
    "Every matrix of the stack has a product, and gradients, of its own.",
    "Which shape has gx for x of shape (2, 5, 3)?",
)
def _(g, x, y):
    stack = tuple(range(g.ndim - 2))
    return tuple(a.sum(axis=stack) for a in matmul_vjp.solution(g, x, y))


@matmul_vjp.misconception(
    "gy: y's own rule",
    "Your gy is g @ x^T, the rule for gx with x in the place of y.",
    "y stands on the right of the product, so x^T comes to stand on the left.",
    "Write the shapes of x^T, g and gy under each other.",
)
def _(g, x, y):
    return g @ _flip(y), g @ _flip(x)


@matmul_vjp.misconception(
    "results transposed",
    "Your gx and gy are the transposes of the right ones.",
    "A gradient has the shape of its variable, entry for entry.",
    "Compare their shapes with those of x and y.",
)
def _(g, x, y):
    return tuple(_flip(a) for a in matmul_vjp.solution(g, x, y))


@matmul_vjp.misconception(
    "averaged",
    "Your gx is right; your gy is the right one divided by the number of rows.",
    "The rows add up. If there is a 1/N, it came in with the loss.",
    "Look for a mean or a division by len.",
)
def _(g, x, y):
    gx, gy = matmul_vjp.solution(g, x, y)
    return gx, gy / g.shape[-2]


@matmul_vjp.also_right("einsum")
def _(g, x, y):
    return np.einsum("...nm,...km->...nk", g, y), np.einsum("...nk,...nm->...km", x, g)


@matmul_vjp.also_right("one matrix after the other, in a list")
def _(g, x, y):
    gx, gy = np.empty(x.shape), np.empty(y.shape)
    for at in np.ndindex(g.shape[:-2]):
        gx[at] = np.dot(g[at], y[at].T)
        gy[at] = np.dot(x[at].T, g[at])
    return [gx, gy]


@matmul_vjp.also_right("transposes of products, float32")
def _(g, x, y):
    g, x, y = (a.astype(np.float32) for a in (g, x, y))
    return _flip(y @ _flip(g)), _flip(_flip(g) @ x)


NEGATIVE, SEVERAL_AXES, NO_AXIS = "a negative axis", "a tuple of axes", "axis None"
KEPT = "keepdims=True"


def _sums(rng):
    cases = [
        ((5, 3), 0, False, ""),
        ((5, 3), 1, False, ""),
        ((5, 3), 0, False, ""),
        ((4, 5, 3), 1, False, ""),
        ((4, 5, 3), 2, False, ""),
        ((5, 3), 1, True, KEPT),
        ((4, 5, 3), 1, True, KEPT),
        ((5, 3), -1, False, NEGATIVE),
        ((4, 5, 3), -2, False, NEGATIVE),
        ((4, 5, 3), -3, False, NEGATIVE),
        ((4, 5, 3), (0, 2), False, SEVERAL_AXES),
        ((2, 4, 5, 3), (1, 2), False, SEVERAL_AXES),
        ((4, 5, 3), (2, 0), False, SEVERAL_AXES),
        ((4, 5, 3), (-1, 0), False, SEVERAL_AXES),
        ((4, 5, 3), (0, 2), True, KEPT),
        ((5, 3), None, False, NO_AXIS),
        ((4, 5, 3), None, False, NO_AXIS),
        ((5, 3), None, True, "axis None with keepdims=True"),
        ((6,), 0, False, "a vector"),
        ((6,), 0, True, KEPT),
        ((4, 4), 0, False, "sizes that are all equal"),
        ((4, 4), 1, False, "sizes that are all equal"),
        ((3, 3, 3), 1, False, "sizes that are all equal"),
        ((1, 4), 0, False, "an axis of length 1"),
        ((3, 1, 4), -1, False, "an axis of length 1 that is kept"),
        ((3, 1, 4), 0, False, "an axis of length 1 that is kept"),
        ((1, 5, 3), (1, 2), False, "an axis of length 1 that is kept"),
        ((4, 5, 3), (-2, -1), False, "a tuple of negative axes"),
        ((4, 5, 3), (-3, -1), False, "a tuple of negative axes"),
        ((4, 5, 3), (1,), False, SEVERAL_AXES),
    ]
    calls = []
    for shape, axis, keepdims, label in cases:
        x = rng.normal(size=shape)
        g = rng.normal(size=np.shape(x.sum(axis=axis, keepdims=keepdims)))
        calls.append(Call((g, x, axis, keepdims), label))
    return calls


def _spread(g, x, axis, keepdims):
    if not keepdims and axis is not None:
        g = np.expand_dims(g, axis)
    return np.broadcast_to(g, x.shape)


def _at_one_end(x, axis, end):
    """1 for the first (0) or last (-1) entry of each sum, 0 for the others."""
    axes = range(x.ndim) if axis is None else np.atleast_1d(axis) % x.ndim
    marks = np.zeros(x.shape)
    marks[tuple(end if k in axes else slice(None) for k in range(x.ndim))] = 1
    return marks


def _how_many(x, axis):
    axes = range(x.ndim) if axis is None else np.atleast_1d(axis)
    return int(np.prod([x.shape[k] for k in axes]))


@exercise(
    points=2,
    minutes=8,
    probes=_sums,
    title="Back through a sum",
    outputs=("gx",),
    hints=(
        "Nudge one entry of x: by how much does its sum move?",
        "Every entry that went into a sum gets the upstream gradient of that sum: g is copied "
        "along the axes that were summed over.",
        "np.expand_dims(g, axis) puts the axes back that the sum took away, with length 1; it "
        "takes negative axes and tuples. np.broadcast_to then copies.",
    ),
    numerical=lambda g, x, axis, keepdims: by_nudging(
        lambda a: float(np.sum(g * a.sum(axis=axis, keepdims=keepdims))), x
    ),
    steps=(
        Step(
            "gx",
            _spread,
            "Each entry of x moves its own sum by as much as it moves itself.",
            {
                "everything gets the sum of g": lambda g, x: np.full(x.shape, g.sum()),
                "everything gets the mean of g": lambda g, x: np.full(x.shape, g.mean()),
                "g is repeated in reading order, whatever the axis (np.resize)": lambda g, x: (
                    np.resize(g, x.shape)
                ),
                "g is repeated entry by entry, whatever the axis (np.repeat)": lambda g, x: (
                    np.repeat(np.ravel(g), x.size // g.size).reshape(x.shape)
                ),
                "the lost axes are put back, and nothing is copied along them": (
                    lambda g, axis, keepdims: (
                        g if keepdims or axis is None else np.expand_dims(g, axis)
                    )
                ),
                "only the first entry of each sum gets something": (
                    lambda g, x, axis, keepdims: (
                        _spread(g, x, axis, keepdims) * _at_one_end(x, axis, 0)
                    )
                ),
                "only the last entry of each sum gets something": (
                    lambda g, x, axis, keepdims: (
                        _spread(g, x, axis, keepdims) * _at_one_end(x, axis, -1)
                    )
                ),
                "each entry gets its share of g, in proportion to x": (
                    lambda g, x, axis, keepdims: (
                        _spread(g, x, axis, keepdims) * x / x.sum(axis=axis, keepdims=True)
                    )
                ),
                "the sum itself is copied back, without g": lambda g, x, axis: np.broadcast_to(
                    x.sum(axis=axis, keepdims=True), x.shape
                ),
            },
            look="Take x of shape (2, 3), summed over axis 1: g has 2 entries. Where does each go?",
        ),
    ),
)
def sum_vjp(g, x, axis, keepdims):
    """The gradient of x in x.sum(axis=axis, keepdims=keepdims), given the upstream gradient g.

    x: an array. axis: a number, which may be negative, a tuple of them, or None for all axes.
    keepdims: whether the sum keeps these axes, with length 1. g: an array of the shape of the sum.
    Returns gx, of the shape of x.
    """
    if axis is not None and not keepdims:
        g = np.expand_dims(g, axis)
    return g * np.ones_like(x)


@sum_vjp.misconception(
    "g as it is",
    "Your gx is g as it came, with the shape of the sum.",
    "Every entry of x took part in a sum and gets a gradient: gx has the shape of x.",
    "To which entries of x does one entry of g belong?",
)
def _(g, x, axis, keepdims):
    return g


@sum_vjp.misconception(
    "divided by the number",
    "Your gx is the right one divided by the number of entries in each sum.",
    "That is the gradient of a mean. In a sum each entry counts fully.",
    "Nudge one entry by 0.1: how far does the sum move?",
)
def _(g, x, axis, keepdims):
    return _spread(g, x, axis, keepdims) / _how_many(x, axis)


@sum_vjp.misconception(
    "ones",
    "Your gx is 1 everywhere: the upstream gradient is missing.",
    "1 is the local derivative; it is multiplied with the g of its sum.",
    "Where does g enter?",
)
def _(g, x, axis, keepdims):
    return np.ones_like(x)


@sum_vjp.misconception(
    "axes not put back",
    "Your gx broadcasts g from the right, whatever the axis was.",
    "NumPy compares shapes from the right: without the lost axis, g meets the wrong one, or none.",
    "What shape must g have to fit x (5, 3) after a sum over axis 1?",
)
def _(g, x, axis, keepdims):
    return g * np.ones_like(x)


@sum_vjp.misconception(
    "axis 0 counts as false",
    "Your gx is right but for axis 0: there every entry is the sum of all of g, as for None.",
    "In Python, 0 counts as false, as None does.",
    "Where do you ask for axis? `axis is None` tells None from 0.",
)
def _(g, x, axis, keepdims):
    return _spread(g, x, axis, keepdims) if axis else np.full(x.shape, np.sum(g))


@sum_vjp.misconception(
    "axis put at the end",
    "Your gx puts the lost axes back at the end, whatever the axis was.",
    "The axis belongs where it was summed away.",
    "Try x of shape (4, 4), summed over axis 0.",
)
def _(g, x, axis, keepdims):
    if not keepdims and axis is not None:
        g = g.reshape(g.shape + (1,) * (x.ndim - g.ndim))
    return g * np.ones_like(x)


@sum_vjp.misconception(
    "keepdims ignored",
    "Your gx puts axes back even where keepdims=True has kept them.",
    "With keepdims=True g has all its axes already.",
    "What is g.shape for x (5, 3), axis 1, keepdims True?",
)
def _(g, x, axis, keepdims):
    if axis is not None:
        g = np.expand_dims(g, axis)
    return g * np.ones_like(x) if g.ndim <= x.ndim else g


@sum_vjp.misconception(
    "times x",
    "Your gx is multiplied with x.",
    "The sum moves with each of its entries one for one, however large they are.",
    "What is the local derivative of a + b in a?",
)
def _(g, x, axis, keepdims):
    return _spread(g, x, axis, keepdims) * x


@sum_vjp.misconception(
    "negative axis counted in g",
    "Your gx is right for axes from 0 on, and not for negative ones.",
    "A negative axis counts from the end of x; g has fewer axes, so its end is elsewhere.",
    "To which axis of x (4, 5, 3) does -2 belong?",
)
def _(g, x, axis, keepdims):
    if axis is None or keepdims:
        return g * np.ones_like(x)
    shape = list(g.shape)
    for k in sorted(np.atleast_1d(axis)):
        shape.insert(k, 1)
    return g.reshape(shape) * np.ones_like(x)


@sum_vjp.misconception(
    "multiplied by the number",
    "Your gx is the right one times the number of entries in each sum.",
    "Each entry of x takes part once.",
    "Is something added up again on the way back?",
)
def _(g, x, axis, keepdims):
    return _spread(g, x, axis, keepdims) * _how_many(x, axis)


@sum_vjp.also_right("broadcast_to, a view")
def _(g, x, axis, keepdims):
    return np.broadcast_to(g if keepdims or axis is None else np.expand_dims(g, axis), x.shape)


@sum_vjp.also_right("reshape to the kept shape")
def _(g, x, axis, keepdims):
    return np.zeros(x.shape) + np.reshape(g, np.sum(x, axis=axis, keepdims=True).shape)


@sum_vjp.also_right("entry by entry, float32")
def _(g, x, axis, keepdims):
    axes = range(x.ndim) if axis is None else [k % x.ndim for k in np.atleast_1d(axis)]
    gx = np.empty(x.shape, dtype=np.float32)
    for at in np.ndindex(x.shape):
        own = [(0 if k in axes else n) for k, n in enumerate(at) if keepdims or k not in axes]
        gx[at] = np.asarray(g)[tuple(own)]
    return gx


CYCLE = "axes that go round, such as (1, 2, 0)"


def _permutations(rng):
    cases = [
        ((5, 3), (1, 0), ""),
        ((6, 2), (1, 0), ""),
        ((5, 3), (1, 0), ""),
        ((4, 4), (1, 0), ""),
        ((5, 3, 4), (0, 2, 1), ""),
        ((5, 3, 4), (2, 1, 0), ""),
        ((5, 3), (0, 1), "axes that stay as they are"),
        ((5, 3, 4), (1, 2, 0), ""),
        ((5, 3, 4), (2, 0, 1), ""),
        ((3, 3, 3), (1, 2, 0), CYCLE),
        ((2, 5, 3, 4), (1, 2, 3, 0), ""),
        ((2, 5, 3, 4), (2, 0, 3, 1), CYCLE),
        ((2, 5, 3, 4), (0, 3, 1, 2), CYCLE),
        ((6,), (0,), "a vector"),
    ]
    return [
        Call((rng.normal(size=tuple(shape[k] for k in axes)), axes), label)
        for shape, axes, label in cases
    ]


@exercise(
    points=1,
    minutes=6,
    probes=_permutations,
    title="Back through a transpose",
    outputs=("gx",),
    hints=(
        "A transpose moves numbers about. Going back, each goes where it came from.",
        "Axis k of the result was axis axes[k] of x. So axis axes[k] of gx is axis k of g.",
        "np.argsort(axes) turns a permutation round.",
    ),
    steps=(
        Step(
            "gx",
            lambda g, axes: np.transpose(g, np.argsort(axes)),
            "Axis k of the result was axis axes[k] of x, and goes back there.",
            {
                "the last two axes are exchanged": lambda g: (
                    np.swapaxes(g, -1, -2) if g.ndim > 1 else g
                ),
                "the first and the last axis are exchanged": lambda g: np.swapaxes(g, 0, -1),
                "the first axis is moved to the end": lambda g: np.moveaxis(g, 0, -1),
                "the last axis is moved to the front": lambda g: np.moveaxis(g, -1, 0),
                "g is read column by column and laid out anew": lambda g, axes: g.ravel(
                    order="F"
                ).reshape([g.shape[k] for k in np.argsort(axes)]),
            },
            look="Take axes (1, 2, 0) and write the shape of x, of the result, and of gx.",
        ),
    ),
)
def transpose_vjp(g, axes):
    """The gradient of x in np.transpose(x, axes), given the upstream gradient g.

    axes: a tuple with each of 0, 1, … once. g: an array of the shape of the transposed x. Returns
    gx, of the shape of x.
    """
    return np.transpose(g, np.argsort(axes))


@transpose_vjp.misconception(
    "axes again",
    "Your gx uses axes once more, and not their inverse; exchanging two axes cannot tell these "
    "apart.",
    "Axis k of the result was axis axes[k] of x, and goes back there.",
    "Where does (1, 2, 0) lead when it is used twice?",
)
def _(g, axes):
    return np.transpose(g, axes)


@transpose_vjp.misconception(
    "axes twice over",
    "Your gx is g transposed by axes twice, one after the other.",
    "Two transposes by (1, 0) undo each other. By (1, 2, 0) it takes three to come back.",
    "One transpose is enough. Which axis of g is axis 0 of x?",
)
def _(g, axes):
    return np.transpose(np.transpose(g, axes), axes)


@transpose_vjp.misconception(
    "exchanged one after the other",
    "Your gx exchanges axis k with axis axes[k], for one k after the other.",
    "Each exchange moves what an earlier one has put in its place; two axes are exchanged, and "
    "exchanged back.",
    "Follow the axes of g through your loop, for axes (1, 0).",
)
def _(g, axes):
    for k, axis in enumerate(axes):
        g = np.swapaxes(g, k, axis)
    return g


@transpose_vjp.misconception(
    "all reversed",
    "Your gx reverses all axes, whatever axes says.",
    "`.T` undoes `.T`; any other order has an inverse of its own.",
    "Where do axes enter?",
)
def _(g, axes):
    return g.T


@transpose_vjp.misconception(
    "reshaped",
    "Your gx has the right shape, but its numbers stand in the order of g: that is a reshape.",
    "A reshape keeps the reading order; a transpose changes it.",
    "Try [[1, 2, 3], [4, 5, 6]].",
)
def _(g, axes):
    return g.reshape([g.shape[k] for k in np.argsort(axes)])


@transpose_vjp.misconception(
    "as it is",
    "Your gx is g as it came.",
    "Each number has to go back to where it was in x.",
    "Where do axes enter?",
)
def _(g, axes):
    return g


@transpose_vjp.misconception(
    "read from the end",
    "Your gx uses axes in reverse order, axes[::-1].",
    "The inverse of a permutation is another one: it says for each axis of x where it went.",
    "Write down where each axis of x went, for axes (1, 2, 0).",
)
def _(g, axes):
    return np.transpose(g, axes[::-1])


@transpose_vjp.also_right("looking each axis up")
def _(g, axes):
    return g.transpose([axes.index(k) for k in range(g.ndim)])


@transpose_vjp.also_right("moveaxis")
def _(g, axes):
    return np.moveaxis(g, range(g.ndim), axes)


@transpose_vjp.also_right("entry by entry, in nested lists")
def _(g, axes):
    gx = np.empty([g.shape[list(axes).index(k)] for k in range(g.ndim)])
    for at in np.ndindex(g.shape):
        place = [0] * g.ndim
        for k, axis in enumerate(axes):
            place[axis] = at[k]
        gx[tuple(place)] = g[at]
    return gx.tolist()


REPEATED, MASK = "an index array with repeated entries", "a boolean mask"
SLICE, TUPLE = "a slice", "a tuple of indices"
TWICE_IN_TUPLE = "a tuple that names a place several times"
NEGATIVE_INDICES = "an index array with negative numbers"
EQUAL = "an x with equal numbers"


def _indices(rng):
    cases = [
        ((6, 3), 2, "a whole number"),
        ((6, 3), -1, "a negative whole number"),
        ((6,), -2, "a negative whole number"),
        ((6,), 4, "a whole number"),
        ((6, 3), slice(1, 5), SLICE),
        ((7, 2), slice(None, None, 2), SLICE),
        ((7,), slice(5, 1, -1), SLICE),
        ((6, 3), np.array([4, 1, 2]), "an index array"),
        ((6,), np.array([0, 5]), "an index array"),
        ((6, 3), np.array([4, 1, 4, 4, 0]), REPEATED),
        ((6,), np.array([2, 2, 5, 0, 2]), REPEATED),
        ((5, 3), np.array([[1, 1], [0, 4], [1, 0]]), REPEATED),
        ((6, 3), (2, 1), TUPLE),
        ((6, 4), (slice(1, 4), 2), TUPLE),
        ((6, 4), (slice(None), slice(1, 3)), TUPLE),
        ((5, 3), (np.array([0, 2, 4]), np.array([1, 1, 0])), TUPLE),
        ((5, 3), (np.array([0, 2, 0, 2]), np.array([1, 1, 1, 0])), TWICE_IN_TUPLE),
        ((5, 4, 3), (slice(None), np.array([1, 1, 3])), TWICE_IN_TUPLE),
        ((6, 3), np.array([-1, 2, 0]), NEGATIVE_INDICES),
        ((6,), np.array([-2, 5, -6]), NEGATIVE_INDICES),
        ((6, 3), np.array([-1, 5, 2, -1]), REPEATED),
        ((5, 3), (np.array([-1, 0]), np.array([2, -3])), TUPLE),
        ((4, 3), (np.array([True, False, True, True]), 1), TUPLE),
        ((6,), np.array([True, False, True, True, False, False]), MASK),
        ((6, 3), np.array([False, True, True, False, False, True]), MASK),
        ((5, 3), rng.random((5, 3)) < 0.5, MASK),
    ]
    calls = []
    for shape, index, label in cases:
        x = rng.normal(size=shape)
        calls.append(Call((rng.normal(size=np.shape(x[index])), x, index), label))
    for index in (2, np.array([1, 4]), slice(1, 3)):
        x = np.array([0.5, 0.5, -1.0, 0.5, -1.0])
        calls.append(Call((rng.normal(size=np.shape(x[index])), x, index), EQUAL))
    for shape, index in (((6, 3), 2), ((6, 3), slice(1, 5)), ((6, 3), np.array([4, 1, 4, 4, 0]))):
        x = rng.normal(size=shape)
        calls.append(Call((rng.normal(size=np.shape(x[index])), x, index)))
    return calls


def _placed(x, index, g):
    gx = np.zeros_like(x)
    np.add.at(gx, index, g)
    return gx


def _counts(x, index):
    """How often each entry of x was read."""
    return _placed(x, index, 1.0)


@exercise(
    points=2,
    minutes=8,
    probes=_indices,
    title="Back through an index",
    outputs=("gx",),
    hints=(
        "An entry of x that was not read has no influence: its gradient is 0.",
        "What if an entry was read three times? Nudge it, and three entries of the result move.",
        "`gx[index] += g` writes each place once only. np.add.at(gx, index, g) adds for every "
        "entry of index.",
    ),
    numerical=lambda g, x, index: by_nudging(lambda a: float(np.sum(g * a[index])), x),
    steps=(
        Step(
            "gx",
            lambda g, x, index: _placed(x, index, g),
            "Each entry of g goes back to the entry of x that was read, and adds up there.",
            {
                "g is added to x itself": lambda g, x, index: x + _placed(x, index, g),
                "g is put at the end": lambda g, x: np.concatenate(
                    [np.zeros(x.size - g.size), np.ravel(g)]
                ).reshape(x.shape),
                "every place that was read gets the sum of g": lambda g, x, index: _last(
                    x, index, g.sum()
                ),
                "every place that was read gets the mean of g": lambda g, x, index: _last(
                    x, index, g.mean()
                ),
                "of several that fall on one place the first is kept": lambda g, x, index: _first(
                    x, index, g
                ),
                "of several that fall on one place, and 0, the largest is kept": (
                    lambda g, x, index: _largest(x, index, g)
                ),
                "what falls on one place several times counts as often as it does, squared": (
                    lambda g, x, index: _placed(x, index, g) * _counts(x, index)
                ),
                "g is put in from its end": lambda g, x, index: _placed(
                    x, index, g.ravel()[::-1].reshape(g.shape)
                ),
                "x at the places that were read is put back, in place of g": lambda g, x, index: (
                    _placed(x, index, x[index])
                ),
            },
            look="Take x of length 3 and the index [0, 2, 2], and work out gx by hand.",
        ),
    ),
)
def getitem_vjp(g, x, index):
    """The gradient of x in x[index], given the upstream gradient g.

    x: an array. index: a whole number, a slice, an array of whole numbers, which may hold one
    several times, a boolean mask, or a tuple of such. g: an array of the shape of x[index].
    Returns gx, of the shape of x.
    """
    gx = np.zeros_like(x)
    np.add.at(gx, index, g)
    return gx


def _first(x, index, g):
    places = np.ravel(np.arange(x.size).reshape(x.shape)[index])
    return _last(x.ravel(), places[::-1], np.ravel(g)[::-1]).reshape(x.shape)


def _largest(x, index, g):
    gx = np.zeros_like(x)
    np.maximum.at(gx, index, g)
    return gx


def _last(x, index, g):
    gx = np.zeros_like(x)
    gx[index] = g
    return gx


@getitem_vjp.misconception(
    "repeated entries counted once",
    "Your gx is right unless an entry of x is read several times: then it keeps only one of the "
    "upstream numbers.",
    "Each reading moves an entry of the result, so what comes back adds up. `gx[index] += g` reads "
    "once, adds, and writes: of several on one place the last one stays, just as with `=`.",
    "Try x of length 3 and the index [0, 2, 2].",
)
def _(g, x, index):
    return _last(x, index, g)


@getitem_vjp.misconception(
    "at the beginning",
    "Your gx holds g at its beginning, whatever the index was.",
    "Each entry of g belongs to the entry of x that was read.",
    "Where does index enter?",
)
def _(g, x, index):
    gx = np.zeros(x.size)
    gx[: g.size] = g.ravel()[: x.size]
    return gx.reshape(x.shape)


@getitem_vjp.misconception(
    "ones",
    "Your gx counts how often each entry was read: the upstream gradient is missing.",
    "The local derivative is 1 for an entry that was read; it is multiplied with its entry of g.",
    "Where does g enter?",
)
def _(g, x, index):
    return _counts(x, index)


@getitem_vjp.misconception(
    "1 where it was read",
    "Your gx is 1 where an entry was read, and 0 elsewhere: the upstream gradient is missing.",
    "The local derivative is 1 for an entry that was read; it is multiplied with its entry of g.",
    "Where does g enter?",
)
def _(g, x, index):
    return _last(x, index, 1.0)


@getitem_vjp.misconception(
    "shape of g",
    "Your gx is g as it came, with the shape of x[index].",
    "A gradient has the shape of its variable; entries that were not read get 0.",
    "Which shape has x?",
)
def _(g, x, index):
    return g


@getitem_vjp.misconception(
    "read again",
    "Your gx is x[index], the way forward.",
    "Forward reads from x; going back writes into gx, at the same places.",
    "On which side of the assignment does index stand?",
)
def _(g, x, index):
    return x[index]


@getitem_vjp.misconception(
    "averaged",
    "Your gx averages what comes back to an entry that was read several times.",
    "Each reading moves an entry of the result; the effects add up.",
    "Try x of length 3 and the index [0, 2, 2].",
)
def _(g, x, index):
    return _placed(x, index, g) / np.maximum(_counts(x, index), 1)


@getitem_vjp.misconception(
    "times x",
    "Your gx is multiplied with x.",
    "x[index] moves with x one for one.",
    "What is the local derivative of reading an entry?",
)
def _(g, x, index):
    return _placed(x, index, g) * x


@getitem_vjp.misconception(
    "x where nothing was read",
    "Your gx holds x where nothing was read.",
    "These entries have no influence: their gradient is 0.",
    "What is gx before g is put in?",
)
def _(g, x, index):
    gx = x.copy()
    gx[index] = 0
    np.add.at(gx, index, g)
    return gx


@getitem_vjp.misconception(
    "1 where nothing was read",
    "Your gx begins with ones.",
    "Entries that were not read have no influence: their gradient is 0.",
    "What is gx before g is put in?",
)
def _(g, x, index):
    return 1 + _placed(x, index, g)


@getitem_vjp.also_right("places by number")
def _(g, x, index):
    places = np.arange(x.size).reshape(x.shape)[index]
    return np.bincount(np.ravel(places), np.ravel(g), minlength=x.size).reshape(x.shape)


@getitem_vjp.also_right("one entry after the other")
def _(g, x, index):
    gx = [0.0] * x.size
    places = np.arange(x.size).reshape(x.shape)[index]
    for place, number in zip(np.ravel(places), np.ravel(g), strict=True):
        gx[place] += number
    return np.reshape(gx, x.shape)


@getitem_vjp.also_right("a matrix of zeros and ones, float32")
def _(g, x, index):
    places = np.ravel(np.arange(x.size).reshape(x.shape)[index])
    J = (places[:, None] == np.arange(x.size)).astype(np.float32)
    return (np.ravel(g).astype(np.float32) @ J).reshape(x.shape)


# A derivative of a derivative ---------------------------------------------------------------------

_SCALARS = (
    "sum of x^4 + (weighted sum)^3",
    "sine of a sum times exp of a sum",
    "log of a sum of exp",
    "sum of squares times weighted sum",
)


def _products_with_hessians(rng):
    calls = []
    for shape, label in (
        ((3,), ""),
        ((3,), ""),
        ((5,), ""),
        ((2, 3), "an x with two axes"),
        ((1,), "a single entry"),
        ((), "a single number, of shape ()"),
    ):
        for f in _SCALARS:
            x, v = rng.normal(size=shape), rng.normal(size=shape)
            calls.append(Call((Stock(f), x, v), label))
    return calls


def _gradient_at(f, x):
    return grad(STOCK[f.name])(x).data


def _with_hessian(f, x, v):
    """What there is to make a wrong answer of."""
    e = np.eye(x.size).reshape(x.size, *x.shape)
    H = np.array([_hessian_times(STOCK[f.name], x, row) for row in e])
    g = _gradient_at(f, x)
    return {
        "the gradient": g,
        "the gradient times its product with v": g * (g * v).sum(),
        "the diagonal of H": H.reshape(x.size, x.size).diagonal().reshape(x.shape),
        "H times ones": H.sum(axis=0),
        "H x": np.tensordot(x.ravel(), H, 1),
    }


def _hessian_times(f, x, v):
    return grad(lambda x: (grad(f)(x) * v).sum())(x).data


@exercise(
    points=2,
    minutes=12,
    probes=_products_with_hessians,
    title="Curvature in one direction",
    outputs=("Hv",),
    ingredients=_with_hessian,
    may_use=("autograd",),
    withheld=("autograd.hvp",),
    hints=(
        "grad(f) is a function again: of x, and its value is an array.",
        "grad wants a function with a single number as its value. Which number, made of grad(f)(x) "
        "and v, has H v as its gradient?",
        "The directional derivative, the sum of grad(f)(x) * v over all entries, is a number that "
        "depends on x. v is a constant in it.",
    ),
    starter='''
from course_lib.autograd import grad


def hessian_vector_product(f, x, v):
    """The Hessian of f at x, times v, without building the Hessian.

    f: a function of an array, to a single number, that grad can differentiate. x: an array. v: an
    array of the shape of x. Returns an array (or a Tensor) of the shape of x.
    """
    # Your code here.
    raise NotImplementedError
''',
    blind_spots=(
        "An answer that builds the whole Hessian and multiplies gives the same numbers; it only "
        "takes longer.",
    ),
)
def hessian_vector_product(f, x, v):
    """The Hessian of f at x, times v, without building the Hessian.

    f: a function of an array, to a single number, that grad can differentiate. x: an array. v: an
    array of the shape of x. Returns an array (or a Tensor) of the shape of x.
    """
    return grad(lambda x: (grad(f)(x) * v).sum())(x)


@hessian_vector_product.misconception(
    "gradient times v",
    "Your Hv is the gradient times v, entry by entry.",
    "The Hessian holds second derivatives: how the gradient changes when x does.",
    "How often is f differentiated in your code?",
)
def _(f, x, v):
    return grad(f)(x) * v


@hessian_vector_product.misconception(
    "directional derivative",
    "Your Hv is a single number, how fast f changes in the direction v.",
    "That number depends on x; its own gradient is H v.",
    "One more derivative.",
)
def _(f, x, v):
    return (grad(f)(x) * v).sum()


@hessian_vector_product.misconception(
    "quadratic form",
    "Your Hv is a single number, v times H v summed up.",
    "H v has an entry for every entry of x.",
    "Where is v multiplied a second time?",
)
def _(f, x, v):
    return (_hessian_times(f, x, v) * v).sum()


@hessian_vector_product.misconception(
    "mean for sum",
    "Your Hv is the right one divided by the number of entries of x.",
    "The directional derivative is the sum of grad(f)(x) * v; the mean is smaller.",
    "Look for a mean.",
)
def _(f, x, v):
    return _hessian_times(f, x, v) / x.size


@hessian_vector_product.misconception(
    "diagonal only",
    "Your Hv is the diagonal of the Hessian times v: each entry of x on its own.",
    "Moving one entry changes the gradient of the others, too.",
    "Which entries of the gradient of x0 * x1 change when x1 does?",
)
def _(f, x, v):
    each = np.eye(x.size).reshape(x.size, *x.shape)
    return sum(e * _hessian_times(f, x, e) for e in each) * v


@hessian_vector_product.misconception(
    "v ignored",
    "Your Hv is the Hessian times ones: v is not used.",
    "The gradient of the plain sum of grad(f)(x) adds up all columns of H alike.",
    "Where does v enter?",
)
def _(f, x, v):
    return _hessian_times(f, x, np.ones_like(x))


@hessian_vector_product.misconception(
    "v after the second derivative",
    "Your Hv is the Hessian times ones, and then times v, entry by entry.",
    "v says which columns of H are added up, so it has to come in before the second grad.",
    "Inside of which of the two calls of grad does v stand?",
)
def _(f, x, v):
    return _hessian_times(f, x, np.ones_like(x)) * v


@hessian_vector_product.misconception(
    "at v",
    "Your Hv takes the derivatives at v, and multiplies with x.",
    "x is the place, v the direction.",
    "Which of the two is the argument of the outer grad's function?",
)
def _(f, x, v):
    return _hessian_times(f, v, x)


@hessian_vector_product.misconception(
    "x in place of v",
    "Your Hv is the Hessian times x.",
    "v is a direction of its own; x says only where the derivatives are taken.",
    "What is multiplied with grad(f)(x)?",
)
def _(f, x, v):
    return _hessian_times(f, x, x)


@hessian_vector_product.misconception(
    "x multiplied and differentiated",
    "Your Hv is the gradient of the sum of grad(f)(x) * x: a term too many, and v is missing.",
    "v is a constant of the second derivative.",
    "What stands beside grad(f)(x), and does it depend on x?",
)
def _(f, x, v):
    return grad(lambda x: (grad(f)(x) * x).sum())(x)


@hessian_vector_product.misconception(
    "change of the gradient over the whole of v",
    "Your Hv is the gradient at x + v less the gradient at x.",
    "That is H v only for a quadratic f: the Hessian changes on the way.",
    "Take the derivative, not a difference.",
)
def _(f, x, v):
    return grad(f)(x + v) - grad(f)(x)


@hessian_vector_product.misconception(
    "nothing depends on x",
    "Your Hv is 0 everywhere.",
    "What you differentiate the second time does not depend on the argument of the function that "
    "you gave to grad.",
    "Is that argument used inside of the function, or the outer x in its place? Is it detached?",
)
def _(f, x, v):
    return np.zeros_like(x)


@hessian_vector_product.misconception(
    "gradient",
    "Your Hv is the gradient itself.",
    "The Hessian holds second derivatives.",
    "How often is f differentiated in your code?",
)
def _(f, x, v):
    return grad(f)(x)


@hessian_vector_product.also_right("column by column")
def _(f, x, v):
    result = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        result[i] = (grad(lambda x, i=i: grad(f)(x)[i])(x).data * v).sum()
    return result


@hessian_vector_product.also_right("along a line")
def _(f, x, v):
    return grad(lambda y: grad(lambda t: f(y + t * v))(0.0))(x)


@hessian_vector_product.also_right("a list, float32")
def _(f, x, v):
    return _hessian_times(f, x, v).astype(np.float32).tolist()


# Questions ----------------------------------------------------------------------------------------


@question(
    CompleteGraph,
    title="Back through a small graph, node by node",
    points=2,
    nodes=[
        ("c", "multiply", "a", "b"),
        ("d", "add", "c", "a"),
        ("y", "multiply", "d", "c"),
    ],
    hints=(
        "On the way back: y, d, c, and only then b and a.",
        "c is used in d and in y, a in c and in d. What comes back from the two uses adds.",
    ),
)
def graph_node_by_node(a=3, b=2):
    return dict(
        prompt=f"c = a · b, d = c + a, y = d · c, at a = {a} and b = {b}. Fill in the values, then "
        "the gradients of y, from y back to a. What is right goes into the picture.",
        inputs={"a": a, "b": b},
    )


@graph_node_by_node.other_numbers
def _(draw):
    a, b = draw.some(range(2, 7), 2)
    return dict(a=a, b=b)


def _sent(node, gradient, each_part=False):
    """A walk without an order over sums: gradients by name, with 1 for the local derivatives."""
    parents = {"c": "bb", "b": "aa", "a": ""}[node]
    for parent in parents:
        gradient[parent] += gradient[node]
        if each_part:
            _sent(parent, gradient, each_part)
    if not each_part:
        for parent in parents:
            _sent(parent, gradient)
    return gradient


@question(Predict, title="Predict: a walk without an order", count=True)
def without_an_order(a=3, g=1):
    got = _sent("c", {"c": g, "b": 0, "a": 0})
    right, at_b = 4 * g, 2 * g
    times, given = (f", times {g}", f" and c.grad = {g}") if g > 1 else ("", "")
    return dict(
        prompt=f"""
    a = {a}, b = a + a, c = b + b. All gradients are 0, then c.grad = {g} and `walk(c)` is called:

    ```
    def walk(node):
        for parent in node.parents:
            parent.grad += node.grad      # the local derivative of a sum is 1
        for parent in node.parents:
            walk(parent)
    ```

    The parents of c are (b, b), those of b are (a, a). What is a.grad in the end?
    """,
        answer=got["a"],
        mistakes=(
            (
                "right derivative",
                right,
                f"{right} is the derivative of c in a{times}, as it ought to come out. How often "
                "is walk(b) called?",
            ),
            (
                "each part at once",
                _sent("c", {"c": g, "b": 0, "a": 0}, each_part=True)["a"],
                "That would come out if b were visited right after each part it gets. Here both "
                f"parts arrive first: b.grad is {at_b} when walk(b) is called for the first time.",
            ),
            ("one use", g, "Each sum uses its operand twice: both parents get something."),
            (
                "one way",
                at_b,
                "That is what comes back to b. b sends it to a twice, and walk(b) is called more "
                "than once.",
            ),
            (
                "too often",
                4 * right,
                "walk(a) is called four times, but a has no parents: it sends nothing.",
            ),
        ),
        hints=(
            f"After the first loop of walk(c), b.grad is {at_b}.",
            "walk(b) is called twice. What does each call add to a.grad?",
        ),
        reveal=lambda: (
            f"b.grad becomes {got['b']}, which is right, but a.grad becomes {got['a']}. c = 4 a"
            f"{given}, so {right} is right. b was visited twice, and sent its {at_b} to both "
            f"operands each time: {right} + {right}. In an order in which b comes once, after c, "
            "it sends once."
        ),
    )


@without_an_order.other_numbers
def _(draw):
    return dict(a=draw.one((2, 4, 5, 6)), g=draw.one((2, 3, 4, 5)))


@question(Choice, title="Back through a broadcast sum")
def shape_of_the_gradient(n=5, m=3):
    return dict(
        prompt=f"x of shape ({n}, 1) and b of shape ({m},) are added: x + b has shape ({n}, {m}), "
        "and so has the upstream gradient g. Which are the gradients of x and b?",
        options=(
            Option(
                "`g.sum(axis=0)` and `g.sum(axis=1)`",
                f"Exchanged: g.sum(axis=0) has shape ({m},), and that is b's. b was copied down "
                "the rows, along axis 0.",
            ),
            Option(
                "`g.sum(axis=1)` and `g.sum(axis=0)`",
                f"The right numbers, but g.sum(axis=1) has shape ({n},), and x has ({n}, 1). "
                f"Subtracted from x, it would broadcast to ({n}, {n}) without a word.",
            ),
            Option(
                "`g.sum(axis=1, keepdims=True)` and `g.sum(axis=0)`",
                "Right: x was copied along axis 1 and b along axis 0, and what comes back to the "
                f"copies adds up. The shapes are ({n}, 1) and ({m},).",
                True,
            ),
            Option(
                "`g.mean(axis=1, keepdims=True)` and `g.mean(axis=0)`",
                f"The shapes are right. But nudging x[0] moves all {spelled(m)} copies of it: "
                "their effects add up.",
            ),
            Option(
                "`g[:, :1]` and `g[0]`",
                "The shapes are right. But that is what came back to the first copy alone.",
            ),
            Option(
                "g for both: the local derivative of a sum is 1.",
                "For each copy it is. But x and b have other shapes than g; their copies' "
                "gradients have to be added up.",
            ),
        ),
    )


@shape_of_the_gradient.other_numbers
def _(draw):
    n, m = draw.some(range(3, 10), 2)
    return dict(n=n, m=m)


_INCOMPLETE = "A node hands on once, so everything that comes back to it must be there by then."

Order(
    "walk_in_order",
    title="A walk back, in order",
    prompt="""
    With $a = 2$ and $b = 1$, somebody computes

    ```
    p = a * b
    q = p + a
    s = a + b
    r = p * s
    y = q * r
    ```

    Now back. da stands for the gradient kept in a, and so on; dy is 1, all others start at 0. Each
    node hands on once, by its line. Put the lines in an order that gives the right da and db. One
    line is there that breaks this rule, and must stay out.
    """,
    start={
        **{"a": 2.0, "b": 1.0, "p": 2.0, "q": 4.0, "s": 3.0, "r": 6.0},
        **{"dy": 1.0, "dq": 0.0, "dr": 0.0, "dp": 0.0, "ds": 0.0, "da": 0.0, "db": 0.0},
    },
    moves=(
        Move(
            "y",
            "y hands on: dq += r * dy, dr += q * dy",
            lambda q, r, dy, dq, dr: {"dq": dq + r * dy, "dr": dr + q * dy},
        ),
        Move(
            "q",
            "q hands on: dp += dq, da += dq",
            lambda dq, dp, da: {"dp": dp + dq, "da": da + dq},
            _INCOMPLETE,
        ),
        Move(
            "r",
            "r hands on: dp += s * dr, ds += p * dr",
            lambda s, p, dr, dp, ds: {"dp": dp + s * dr, "ds": ds + p * dr},
            _INCOMPLETE,
        ),
        Move(
            "s",
            "s hands on: da += ds, db += ds",
            lambda ds, da, db: {"da": da + ds, "db": db + ds},
            _INCOMPLETE,
        ),
        Move(
            "p",
            "p hands on: da += b * dp, db += a * dp",
            lambda a, b, dp, da, db: {"da": da + b * dp, "db": db + a * dp},
            _INCOMPLETE,
        ),
        Move(
            "p once more",
            "p hands on, once more: da += b * dp, db += a * dp",
            lambda a, b, dp, da, db: {"da": da + b * dp, "db": db + a * dp},
            out="p is used twice, by q and by r, but it hands on once: the sum of what came back. "
            "`p hands on` does that. `p hands on, once more` adds to da and db a second time, "
            "whatever dp holds by then.",
            repeats="p",
        ),
    ),
    want=("da", "db"),
    remark="Only two things matter: y comes first, and a node waits for all that were made from "
    "it. s need not wait for q.",
    hints=(
        "Which nodes were made from p? All of them come before p.",
        "The order in which they were computed, read backward, always works.",
    ),
)
