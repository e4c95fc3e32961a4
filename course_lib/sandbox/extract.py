"""Which statements of a notebook the answers depend on. Nothing is run here.

Taken, in the order of the notebook: imports, definitions and assignments, however far away they
stand, of the names that the answers use, and of the names that those use. Other statements (calls,
loops, prints) are left out.
"""

import __future__

import ast
import builtins
import contextlib
import dis
import gc
import hashlib
import re
import types
from dataclasses import dataclass, field
from functools import cached_property

LONGEST_CELL = 200_000  # characters
MOST_MAGICS = 50  # lines in one cell that are IPython's and not Python's
MOST_REPARSED = 2_000_000  # characters, in all the attempts to parse cells without such lines
MOST_LISTED = 10  # cells in a remark
_DEFINES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_DEFINITION = re.compile(r"^[ \t]*(?:def|class)[ \t]+(\w+)", re.M)
_KEPT_CELL_MAGICS = ("%%time", "%%timeit", "%%capture", "%%prun")


@dataclass
class Statement:
    """One statement to be run. binds: the names it makes or changes; cell: its cell's number.

    later: whether annotations are not evaluated (`from __future__ import annotations`).
    """

    node: ast.stmt
    cell: int
    binds: set
    later: bool = False

    @cached_property
    def code(self):
        """Its code object. Raises SyntaxError and the like where it cannot be compiled."""
        flags = __future__.annotations.compiler_flag if self.later else 0
        return compile(ast.Module([self.node], []), file_of(self.cell), "exec", flags, True)

    @cached_property
    def loads(self):
        """The names of the notebook that it may look up, itself or when what it defines is used."""
        try:
            return set(_looked_up(self.code))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return set()


@dataclass
class Answer:
    """What a notebook holds for one exercise. name: under which it is defined there.

    fingerprint: of the definition that counts; "" where others give parts of it. cells: the numbers
    of all cells that define it. problem: why there is none, in words.
    """

    name: str
    fingerprint: str = ""
    cells: list = field(default_factory=list)
    problem: str = ""
    remark: str = ""


def file_of(cell):
    """The name under which a cell's code is compiled."""
    return f"<cell {cell}>"


def fingerprint(source):
    """What a definition does, as a short text: its syntax without comments and docstrings.

    source: its text, or its node, which loses its docstrings.
    """
    node = source if isinstance(source, ast.AST) else ast.parse(source).body[-1]
    for inner in ast.walk(node):
        if isinstance(inner, _DEFINES) and not hasattr(inner, "stripped"):
            inner.stripped = True
            first = inner.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                inner.body = inner.body[1:] or [ast.copy_location(ast.Pass(), first)]
    return hashlib.sha256(ast.dump(node).encode()).hexdigest()[:16]


@dataclass
class _Spare:
    """How many characters may still be parsed again."""

    left: int = MOST_REPARSED


def parse_cell(source, spare=None):
    """The statements of a cell. Raises ValueError that says what is wrong with it, in words."""
    spare = spare or _Spare()
    if len(source) > LONGEST_CELL:
        raise ValueError(f"{len(source):,} characters, too long to be read")
    if "\x00" in source:
        raise ValueError("null bytes")
    lines = _without_common_indent(source.split("\n"))
    first = next((i for i, line in enumerate(lines) if line.strip()), 0)
    if lines[first].lstrip().startswith("%%"):
        if lines[first].split()[0] not in _KEPT_CELL_MAGICS:
            return []
        lines[first] = ""
    for _ in range(MOST_MAGICS):
        try:
            return ast.parse("\n".join(lines)).body
        except SyntaxError as error:
            place = (error.lineno or 0) - 1
            if not (0 <= place < len(lines) and _is_magic(lines[place])):
                raise ValueError(f"a syntax error in line {error.lineno}: {error.msg}") from None
            indent = len(lines[place]) - len(lines[place].lstrip())
            after = place
            while lines[after].endswith("\\") and after + 1 < len(lines):  # it goes on
                after += 1
            lines[place : after + 1] = [f"{lines[place][:indent]}pass", *[""] * (after - place)]
            spare.left -= len(source)
            if spare.left < 0:
                break
        except (RecursionError, MemoryError, ValueError):
            raise ValueError("code that is nested too deeply to be read") from None
    raise ValueError("too many lines that are not Python")


def _without_common_indent(lines):
    """The lines without the blanks that the first one begins with, as IPython runs them."""
    first = next((line for line in lines if line.strip()), "")
    indent = first[: len(first) - len(first.lstrip())]
    if not indent or not all(line.startswith(indent) or not line.strip() for line in lines):
        return lines
    return [line[len(indent) :] for line in lines]


def _is_magic(line):
    """Whether a line is for IPython: %matplotlib inline, !ls, names = !ls, np.sum?"""
    line = line.strip()
    value = line.partition("=")[2].lstrip()
    return line[:1] in ("%", "!", "?") or line[-1:] == "?" or value[:1] in ("%", "!")


def _targets(node):
    if isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, (ast.Tuple, ast.List)):
        for element in node.elts:
            yield from _targets(element)
    elif isinstance(node, (ast.Starred, ast.Attribute, ast.Subscript)):
        yield from _targets(node.value)


def _bound(node):
    """The names that a statement makes or changes; none where it is of no kind that is run.

    Of `if`, `try` and `with` only what is run stays inside.
    """
    if isinstance(node, _DEFINES):
        return {node.name}
    if _is_of_the_future(node):
        return {"*"}  # it changes all that comes after
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return {(a.asname or a.name).split(".")[0] for a in node.names}
    if isinstance(node, ast.Assign):
        return {n for t in node.targets for n in _targets(t)}
    if isinstance(node, (ast.AnnAssign, ast.AugAssign)):
        return set(_targets(node.target))
    if isinstance(node, ast.With):
        return _bound_inside(node.body)
    if isinstance(node, ast.If):
        return _bound_inside(node.body, node.orelse)
    if isinstance(node, ast.Try):
        handlers = [h.body for h in node.handlers]
        return _bound_inside(node.body, *handlers, node.orelse, node.finalbody)
    return set()


def _bound_inside(*bodies):
    bound = set()
    for body in bodies:
        for k, node in enumerate(body):
            names = _bound(node)
            bound |= names
            if not names:
                body[k] = ast.copy_location(ast.Pass(), node)
    return bound


def _looked_up(code):
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_NAME", "LOAD_GLOBAL", "LOAD_CLASSDEREF"):
            yield instruction.argval
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            yield from _looked_up(inner)


def _is_of_the_future(node):
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"


def _apart(node):
    """An import of several names as one import for each: one that is missing costs only itself."""
    if isinstance(node, (ast.Import, ast.ImportFrom)) and len(node.names) > 1:
        for alias in node.names:
            one = ast.Import([alias]) if isinstance(node, ast.Import) else None
            one = one or ast.ImportFrom(node.module, [alias], node.level)
            yield ast.copy_location(one, node)
    else:
        yield node


@contextlib.contextmanager
def _uncollected():
    """Without looking for garbage: syntax makes none, and with many nodes that takes longest."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@_uncollected()
def read_cells(cells):
    """([statements], {cell number: what is wrong with it}) of code cells {"number", "source"}."""
    statements, broken, later, spare = [], {}, False, _Spare()
    for cell in cells:
        try:
            for whole in parse_cell(cell["source"], spare):
                later = later or _is_of_the_future(whole)  # IPython goes on so in later cells
                for node in _apart(whole):
                    binds = _bound(node)
                    if binds:
                        statements.append(Statement(node, cell["number"], binds, later))
        except ValueError as error:
            broken[cell["number"]] = str(error)
        except (RecursionError, MemoryError):
            broken[cell["number"]] = "code that is nested too deeply to be read"
    return statements, broken


def find_answers(cells, statements, broken, wanted, starters=None):
    """{exercise: Answer} for the wanted names {exercise: is it a class?}.

    starters: {exercise: the fingerprint of what was handed out}.
    """
    starters = starters or {}
    inside, lost = {}, {}  # the definitions in each cell; the first broken cell of each name
    for statement in statements:
        if isinstance(statement.node, _DEFINES):
            inside.setdefault(statement.cell, []).append(statement)
    for cell in cells:
        if cell["number"] in broken:
            for name in _DEFINITION.findall(cell["source"]):
                lost.setdefault(name, cell["number"])
    answers = {}
    for name in wanted:
        answer = _defined(name, statements, starters.get(name))
        answer = answer or _in_its_cell(name, cells, inside, broken, wanted)
        if answer is None and name in lost:
            answer = Answer(name, problem=f"cell {lost[name]} has {broken[lost[name]]}")
        answers[name] = answer or Answer(name, problem="it is defined nowhere in the notebook")
    return answers


def _defined(name, statements, starter):
    """The answer that is defined under its own name, or None."""
    definitions = [s for s in statements if name in s.binds and _defines(s.node, name)]
    if definitions:
        last = definitions[-1]
        blank = {id(s) for s in definitions if _is_unwritten(s.node)}
        if len(definitions) > 1 and starter:
            blank |= {id(s) for s in definitions if fingerprint(s.node) == starter}
        if blank and len(blank) < len(definitions):
            definitions = [s for s in definitions if id(s) not in blank]
            # A copy of the starter undoes no work; what was built on one needs it.
            at = next(k for k, s in enumerate(statements) if s is definitions[0])
            statements[at:] = [s for s in statements[at:] if id(s) not in blank]
            last = definitions[-1]
        numbers = list(dict.fromkeys(s.cell for s in definitions))
        whole = [s for s in definitions if isinstance(s.node, _DEFINES)]
        parts = any(name in s.binds and not _defines(s.node, name) for s in statements)
        answer = Answer(name, "" if parts else fingerprint(last.node), numbers)
        if len(whole) > 1:
            answer.remark = (
                f"{name} is defined {len(whole)} times (cells {_listed([s.cell for s in whole])}); "
                "the last one counts"
            )
        return answer
    return None


def _in_its_cell(name, cells, inside, broken, wanted):
    """What the exercise's own cell has instead: its only definition, or a problem; or None."""
    own = [c["number"] for c in cells if (c.get("exercise"), c.get("role")) == (name, "answer")]
    for number in own:
        if number in broken:
            return Answer(name, problem=f"cell {number} has {broken[number]}")
        kind = ast.ClassDef if wanted[name] else ast.FunctionDef
        others = [
            s
            for s in inside.get(number, ())
            if isinstance(s.node, kind) and s.node.name not in wanted
        ]
        helps = set().union(*(s.loads - {s.node.name} for s in others))
        others = [s for s in others if s.node.name not in helps]
        if len(others) == 1:
            other = others[0].node
            remark = f"{name} is called {other.name} in its cell, and was taken under that name"
            return Answer(other.name, fingerprint(other), [number], remark=remark)
    return None


def _is_unwritten(node):
    """Whether a function, or each method of a class, does nothing but say that it is not done."""
    if isinstance(node, ast.ClassDef):
        methods = [n for n in node.body if isinstance(n, ast.FunctionDef)]
        return bool(methods) and all(map(_is_unwritten, methods))
    if not isinstance(node, ast.FunctionDef):
        return False
    body = [n for n in node.body if not isinstance(n, (ast.Expr, ast.Pass))]
    return (
        len(body) == 1
        and isinstance(body[0], ast.Raise)
        and _raised(body[0]) == "NotImplementedError"
    )


def _raised(node):
    error = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
    return error.id if isinstance(error, ast.Name) else ""


def _listed(numbers):
    """The numbers of cells in words, of many the first and the last."""
    numbers = [str(n) for n in dict.fromkeys(numbers)]
    if len(numbers) > MOST_LISTED:
        numbers[MOST_LISTED - 1 : -1] = ["…"]
    return ", ".join(numbers)


def _defines(node, name):
    """Whether a statement gives a name its value, and not only something to do with it."""
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return False
    if isinstance(node, ast.Assign):
        return any(isinstance(t, (ast.Name, ast.Tuple, ast.List)) for t in node.targets)
    return not isinstance(node, ast.AugAssign)


def as_checked(statements, answer, answers):
    """The statements without later ones that give a new value to what the answer's cell knew.

    answer: an `Answer`. answers: the names of all of them, of which the last definition counts.
    """
    last = max(answer.cells, default=0)
    known = {"np", *dir(builtins)}.union(*(s.binds for s in statements if s.cell <= last))
    known -= {"*", *answers}
    return [s for s in statements if s.cell <= last or not _new_values(s) & known]


def _new_values(statement):
    """The names to which a statement gives a value: not those of which it changes a part."""
    node = statement.node
    if isinstance(node, ast.Assign):
        parts = [part for target in node.targets for part in ast.walk(target)]
    elif isinstance(node, (ast.AnnAssign, ast.AugAssign)):
        parts = ast.walk(node.target)
    else:
        return statement.binds
    return {p.id for p in parts if isinstance(p, ast.Name) and isinstance(p.ctx, ast.Store)}


def needed(statements, names):
    """The statements that the names depend on, directly or through others, in their order.

    Imports of everything (`from numpy import *`, `from __future__`) are always among them.
    """
    waiting, known, taken = [*names, "*"], {*names, "*"}, set()
    binding = {}
    for k, statement in enumerate(statements):
        for name in statement.binds:
            binding.setdefault(name, []).append(k)
    while waiting:
        for k in binding.get(waiting.pop(), ()):
            if k not in taken:
                taken.add(k)
                new = (statements[k].loads | statements[k].binds) - known
                known |= new
                waiting += new
    return [statements[k] for k in sorted(taken)]
