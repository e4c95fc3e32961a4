"""Outcomes: what an attempt did on a probe, written down as plain arrays and words.

Nothing of the attempt's own objects is kept, so nothing of theirs (`__eq__`, `__array__`, an array
subclass) takes part in a comparison.
"""

import collections
import contextlib
import functools
import itertools
import linecache
import operator
import re
import types
from dataclasses import dataclass, field, replace

import numpy as np

from course_lib.grading.probes import (
    OPERATIONS,
    Call,
    Graph,
    Node,
    Script,
    Walk,
    inputs_of,
    realize,
)

LONGEST = 5_000_000  # entries of nested lists; turning them into an array cannot be interrupted
MOST_AXES = 8  # no exercise has more than four; NumPy's iterators stop at 32


@dataclass(frozen=True)
class Odd:
    """A result that is not an array of numbers. kind: a word; text: what it was."""

    kind: str
    text: str


@dataclass(frozen=True)
class Problem:
    """An exception: its type's name, its message, the learner's line and the shapes on it."""

    type: str
    message: str
    line: str = ""
    number: int = 0
    shapes: tuple = ()


@dataclass(frozen=True)
class Record:
    """One result: its name ("dW"), its value (a plain ndarray or an `Odd`), again: second call."""

    name: str
    value: object
    again: bool = False


@dataclass
class Outcome:
    """All that one probe brought to light.

    changed: names of the inputs that were changed. still: names of the generators that stand where
    they stood, so that the next call would draw the same numbers again. shared: names of results
    that lie in the memory of an earlier call's results. alive: what lives as long as the outcome,
    lest the nodes of another graph get the same `id`.
    """

    records: list = field(default_factory=list)
    changed: tuple = ()
    still: tuple = ()
    shared: tuple = ()
    problem: Problem | None = None
    alive: tuple = field(default=(), repr=False)


def left_open(problem):
    """Whether an exception came of a `...` that stands for a gap; NumPy's own words may hold it."""
    return "ellipsis" in problem.message and "'...'" not in problem.message


def _odd(value):
    kind = type(value)
    if value is None:
        return Odd("None", "None")
    if value is Ellipsis:
        return Odd("ellipsis", "... (a gap left open)")
    if issubclass(kind, (str, bytes)):
        return Odd("string", f"the text {value[:40]!r}")
    if issubclass(kind, (types.FunctionType, types.BuiltinFunctionType, types.MethodType)):
        return Odd("function", "a function (was it meant to be called?)")
    if issubclass(kind, types.GeneratorType):
        return Odd("generator", "a generator")
    return Odd(f"{kind.__name__}", f"an object of type {kind.__name__}")


def plain_array(value):
    """A fresh, plain ndarray of numbers, or an `Odd` that says what was there instead.

    Numbers, nested lists and tuples, ndarray subclasses and whatever else turns into an array of
    numbers are accepted; strings, sets, dictionaries, masked entries and iterators are not.
    """
    kind = type(value)
    refused = (str, bytes, dict, set, frozenset, types.GeneratorType, type(None), type(Ellipsis))
    if issubclass(kind, refused) or isinstance(value, (map, filter, zip, type)):
        return _odd(value)
    if issubclass(kind, np.ma.MaskedArray):
        if np.any(np.ma.getmaskarray(value)):
            return Odd("masked", "an array with masked entries")
        value = np.ma.getdata(value)
    if kind in (list, tuple) and _length(value) > LONGEST:
        return Odd("too large", "a list that is far too long")
    try:
        if callable(getattr(value, "detach", None)):  # a Tensor that remembers how it was made
            value = value.detach()
        array = np.array(value, copy=True, subok=False)
    except MemoryError:
        return Odd("too large", "an array that is far too large")
    except Exception:  # the attempt's object may raise anything while it is converted
        return Odd("ragged", f"a {kind.__name__} that is no rectangular array of numbers")
    if array.ndim > MOST_AXES:
        return Odd("ragged", f"an array with {array.ndim} axes")
    if array.dtype.kind == "O":
        return _from_objects(array, value)
    if array.dtype.kind not in "biufc":
        return Odd("not numbers", f"an array of dtype {array.dtype}")
    if array.dtype.kind == "c":
        if array.imag.any():
            return Odd("complex", "complex numbers")
        array = array.real.copy()
    return array


def _length(value):
    """About how many entries nested lists have, from the first one on each level."""
    n = 1
    while type(value) in (list, tuple) and value:
        n *= len(value)
        value = value[0]
    return n


def _from_objects(array, value):
    numbers = np.empty(array.shape)
    flat = numbers.reshape(-1)
    for i, entry in enumerate(array.flat):
        if type(entry) in (str, bytes, type(None)) or callable(entry):
            return _odd(value if array.ndim == 0 else entry)
        try:
            flat[i] = float(np.asarray(entry)) if isinstance(entry, np.ndarray) else float(entry)
        except OverflowError:
            return Odd("too large", "a number that is too large for a float")
        except Exception:  # as above
            return _odd(value if array.ndim == 0 else entry)
    return numbers


def _members(value):
    """The members of a returned list, tuple or array, or None where it has none."""
    if isinstance(value, np.ndarray) and value.ndim:
        return [value[i] for i in range(value.shape[0])]
    if isinstance(value, (list, tuple, collections.deque)):
        return list(value)
    return None


def _records(value, contract, again):
    """Names the parts of a returned value: one record, or one for each declared output."""
    if not contract.several:
        array = plain_array(value)
        if type(value) is tuple and isinstance(array, Odd) and array.kind == "ragged":
            array = Odd("count", f"{len(value)} values")
        return [Record(contract.outputs[0], array, again)]
    members = _members(value)
    if contract.sequence and type(value) is np.ndarray and value.dtype.kind != "O":
        odd = Odd("array", f"one array of shape {value.shape}")
        return [Record(contract.output_words, odd, again)]
    if members is None:
        odd = _odd(value) if plain_array(value) is not None else None
        if isinstance(plain_array(value), np.ndarray):
            odd = Odd("single", "one array or number")
        return [Record(contract.output_words, odd, again)]
    if contract.sequence:
        names = [f"{contract.outputs[0]}[{i}]" for i in range(len(members))]
    elif len(members) != len(contract.outputs):
        text = f"{len(members)} values"
        if isinstance(value, np.ndarray):
            text = f"one array of shape {value.shape}"
        return [Record(contract.output_words, Odd("count", text), again)]
    else:
        names = contract.outputs
    return [Record(n, plain_array(m), again) for n, m in zip(names, members, strict=True)]


def _same(before, after):
    """Whether an input is as it was; the last bits may differ (x + h - h), nothing more."""
    if isinstance(before, np.ndarray):
        after = np.asarray(after)
        return (
            after.shape == before.shape
            and after.dtype == before.dtype
            and (
                np.array_equal(after, before)
                or np.allclose(after, before, rtol=1e-9, atol=1e-12, equal_nan=True)
            )
        )
    if isinstance(before, (list, tuple)):
        return len(before) == len(after) and all(map(_same, before, after))
    if isinstance(before, np.random.Generator):
        return True
    if callable(before):
        return before is after
    return type(before) is type(after) and before == after


def _stands_still(before, after):
    """Whether a generator would give the same numbers, and the same spawned generators, again."""
    if not isinstance(before, np.random.Generator):
        return False
    one, other = before.bit_generator, after.bit_generator
    spawned = [g.seed_seq.n_children_spawned for g in (one, other)]
    return one.state == other.state and spawned[0] == spawned[1]


def _problem(error, attempt):
    """What happened, on the last line of the learner's own code that the traceback goes through."""
    home = _files_of(attempt)
    frame, line, number, shapes, first = error.__traceback__, "", 0, (), 0
    while frame is not None:
        code = frame.tb_frame.f_code
        if code.co_filename in home:
            number = frame.tb_lineno
            if not code.co_name.startswith("<"):  # a comprehension counts with its function
                first = code.co_firstlineno
            line = linecache.getline(code.co_filename, number).strip()
            shapes = _shapes_on(line, frame.tb_frame.f_locals)
            number = number - (first or code.co_firstlineno) + 1
        frame = frame.tb_next
    try:
        message = str(error)[:300]
    except BaseException:  # __str__ is the attempt's as well
        message = ""
    return Problem(type(error).__name__, message, line, number, shapes)


def _files_of(attempt):
    """The files (or notebook cells) that the attempt's own code stands in."""
    function = attempt.func if type(attempt) is functools.partial else attempt
    if isinstance(function, type):
        members = list(vars(function).values())
    else:
        members = [function, vars(type(function)).get("__call__")]
    return {m.__code__.co_filename for m in members if type(m) is types.FunctionType}


def _shapes_on(line, scope):
    names = dict.fromkeys(re.findall(r"[A-Za-z_]\w*", line))
    return tuple(
        (name, tuple(scope[name].shape))
        for name in names
        if isinstance(scope.get(name), np.ndarray)
    )


def run(probe, attempt, exercise, trusted=True):
    """The outcome of one probe, as it is compared. Whatever the attempt raises is recorded.

    trusted: whether the attempt is known to leave NumPy as it is; to watch over that takes longer
    than most answers.
    """
    with exercise.around():
        with contextlib.nullcontext() if trusted else numpy_kept():
            outcome = record(probe, attempt, exercise.contract)
        return unified(outcome, probe, exercise)


def record(probe, attempt, contract):
    """What an attempt does on one probe. Whatever it raises is recorded, not raised."""
    outcome = Outcome()
    with np.errstate(all="ignore"):
        try:
            _RUNNERS[type(probe)](probe, attempt, contract, outcome)
        except BaseException as error:
            if type(error).__module__ == "course_lib.grading.watchdog":
                raise
            outcome.problem = _problem(error, attempt)
    return outcome


@contextlib.contextmanager
def numpy_kept():
    """Afterwards puts back what was replaced in NumPy, which all of us use."""
    now = vars(np)
    before = dict(now)
    try:
        yield
    finally:
        same = len(now) == len(before) and all(map(operator.is_, now.values(), before.values()))
        for name, value in {} if same else before.items():
            if now.get(name) is not value:
                now[name] = value


def unified(outcome, probe, exercise):
    """The outcome with one value for each of several right ones, as the exercise compares them."""
    if exercise.canonical is None:
        return outcome
    inputs = inputs_of(probe, exercise)
    with np.errstate(all="ignore"):
        for k, entry in enumerate(outcome.records):
            if isinstance(entry.value, np.ndarray):
                value = exercise.canonical(inputs, entry.name, entry.value)
                outcome.records[k] = replace(entry, value=value)
    return outcome


def _run_call(probe, attempt, contract, outcome):
    args = realize(probe.args)
    value = attempt(*args)
    outcome.records += _records(value, contract, again=False)
    before = realize(probe.args)
    names = contract.parameters()
    outcome.changed = tuple(
        n for n, b, a in zip(names, before, args, strict=False) if not _same(b, a)
    )
    outcome.still = tuple(
        n for n, b, a in zip(names, before, args, strict=False) if _stands_still(b, a)
    )
    if probe.again:
        again = attempt(*realize(probe.args))
        outcome.records += _records(again, contract, again=True)
        outcome.shared = _shared(value, again, contract)


def _shared(value, again, contract):
    """Names of the results of two calls that lie in the same memory."""
    pairs = [(contract.outputs[0], value, again)]
    if contract.several and not contract.sequence:
        members = _members(value), _members(again)
        if None in members or {len(m) for m in members} != {len(contract.outputs)}:
            return ()
        pairs = zip(contract.outputs, *members, strict=True)
    return tuple(
        name
        for name, one, other in pairs
        if type(one) is type(other) is np.ndarray and np.may_share_memory(one, other)
    )


def _run_script(probe, attempt, contract, outcome):
    objects, results, handed = {}, {}, []
    for step in probe.steps:
        if step[0] == "new":
            objects[step[1]] = attempt(*realize(step[2]))
        elif step[0] == "set":
            setattr(objects[step[1]], step[2], realize(step[3]))
        elif step[0] == "call":
            args = realize(step[3])
            value = results[step[4]] = getattr(objects[step[1]], step[2])(*args)
            if step[4]:
                outcome.records.append(Record(step[4], plain_array(value)))
            names = contract.parameters(step[2])
            handed += zip(names, realize(step[3]), args, strict=False)
        elif step[0] == "look again":
            outcome.records.append(Record(step[2], plain_array(results[step[1]])))
        else:
            missing = Odd("missing", f"no attribute {step[2]}")
            value = getattr(objects[step[1]], step[2], missing)
            kept = value if value is missing else plain_array(value)
            outcome.records.append(Record(step[3], kept))
    # Looked at when all is over: a layer may keep an input and spoil it in a later call.
    changed = [name for name, before, after in handed if not _same(before, after)]
    outcome.changed = tuple(dict.fromkeys(changed))


def _run_walk(probe, attempt, contract, outcome):
    """Records each list as the places of its nodes; -1 for a stranger, -2 for what is no node."""
    nodes = []
    for parents in probe.parents:
        nodes.append(Node(tuple(nodes[k] for k in parents)))
    outcome.alive, before = tuple(nodes), [node.parents for node in nodes]
    place = {id(node): k for k, node in enumerate(nodes)}
    for root in probe.roots:
        order = attempt(nodes[root])
        if isinstance(order, (list, tuple, collections.deque)):
            value = np.array([place.get(id(n), -1 - (type(n) is not Node)) for n in order], int)
        else:
            value = _odd(order)
        outcome.records.append(Record(contract.outputs[0], value))
    if any(node.parents is not kept for node, kept in zip(nodes, before, strict=True)):
        outcome.changed = contract.parameters()


def _run_graph(probe, attempt, contract, outcome):
    nodes, records = {}, outcome.records
    for name, number in probe.leaves:
        nodes[name] = attempt(number)
        _look_at_node(name, nodes[name], (), records)
    for name, operation, *operands in probe.steps:
        given = [nodes[n] if isinstance(n, str) else n for n in operands]
        nodes[name] = OPERATIONS[operation](*given)
        among = tuple(nodes[n] for n in operands if isinstance(n, str))
        for n in dict.fromkeys(n for n in operands if isinstance(n, str)):
            records.append(Record(f"{n}.data after {name}", _data_of(nodes[n])))
        if not _look_at_node(name, nodes[name], among, records):
            return  # nothing can be built on it
    for root in probe.roots:
        if probe.zeroed:
            for node in nodes.values():
                node.grad = 0.0
        nodes[root].backward()
        after = f" after {root}.backward()" if len(probe.roots) > 1 else ""
        for name in reversed(nodes):
            gradient = getattr(nodes[name], "grad", _MISSING["grad"])
            records.append(Record(f"{name}.grad{after}", _plain_or_missing(gradient)))
    for name, node in nodes.items():
        records.append(Record(f"{name}.data in the end", _data_of(node)))


_MISSING = {n: Odd("missing", f"no attribute {n}") for n in ("data", "parents", "grad")}


def _plain_or_missing(value):
    return value if isinstance(value, Odd) else plain_array(value)


def _data_of(node):
    if isinstance(node, (np.ndarray, np.generic)):  # their .data is something else
        return _MISSING["data"]
    return _plain_or_missing(getattr(node, "data", _MISSING["data"]))


def _look_at_node(name, node, operands, records):
    """Writes down a node's number, gradient and ways to its operands; False if it is no node."""
    data = _data_of(node)
    records.append(Record(f"{name}.data", data))
    if isinstance(data, Odd):
        return False
    records.append(Record(f"{name}.parents", _ways_to(operands, node)))
    gradient = getattr(node, "grad", _MISSING["grad"])
    records.append(Record(f"{name}.grad at first", _plain_or_missing(gradient)))
    return True


def _ways_to(operands, node):
    """For each operand 1 if it is found by way of `.parents`, however many nodes lie between."""
    missing, waiting, seen = {id(o) for o in operands}, [node], set()
    while waiting and len(seen) < 1_000:
        parents = getattr(waiting.pop(), "parents", _MISSING["parents"])
        if not isinstance(parents, (tuple, list, set, frozenset)):
            return parents if isinstance(parents, Odd) else _odd(parents)
        new = [p for p in parents if id(p) not in seen]
        seen.update(map(id, new))
        missing.difference_update(map(id, new))
        if not missing:
            break
        waiting += new
    return np.array([id(o) not in missing for o in operands], dtype=float)


_RUNNERS = {Call: _run_call, Script: _run_script, Walk: _run_walk, Graph: _run_graph}


def _is_single(array):
    """Whether an array is float32 (or less), or was until it became a list or was cast."""
    if array.dtype.kind != "f":
        return False
    with np.errstate(all="ignore"):
        return array.dtype.itemsize < 8 or np.array_equal(array, array.astype(np.float32))


def agrees(got, want, rtol, atol):
    """Whether a recorded value equals the wanted one within tolerance (nan equals nan).

    Results that are float32 (or less) are compared with rtol 1e-4, atol 1e-6; atol counts in units
    of the largest wanted entry where that is above 1.
    """
    if isinstance(want, Odd) or isinstance(got, Odd):
        return isinstance(want, Odd) and isinstance(got, Odd) and got.kind == want.kind
    if got.shape != want.shape:
        return False
    if want.size == 0 or _are_close(got, want, rtol, atol):
        return True
    return _is_single(got) and _are_close(got, want, 1e-4, 1e-6)


def _are_close(got, want, rtol, atol):
    finite = np.abs(want[np.isfinite(want)])
    atol = atol * max(1.0, finite.max(initial=0.0))
    with np.errstate(all="ignore"):
        if finite.size == want.size and want.dtype.kind == got.dtype.kind == "f":
            # As np.allclose, which takes three times as long for what is mostly right and small.
            return bool((np.abs(got - want) <= atol + rtol * np.abs(want)).all())
        return bool(np.allclose(got, want, rtol=rtol, atol=atol, equal_nan=True))


def same_outcome(one, other, exercise):
    """Whether two outcomes are the same: values, exception types, changed inputs, second calls."""
    if (one.problem is None) != (other.problem is None):
        return False
    if one.problem and one.problem.type != other.problem.type:
        return False
    if set(one.changed) != set(other.changed) or one.shared != other.shared:
        return False
    if len(one.records) != len(other.records):
        return False
    pairs = itertools.zip_longest(one.records, other.records)
    return all(
        a.name == b.name and agrees(a.value, b.value, exercise.rtol, exercise.atol)
        for a, b in pairs
    )
