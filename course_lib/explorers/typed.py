"""Expressions that a learner types: read as a graph of Values, and never run as Python."""

import ast
import keyword
import math
import operator
import re
import warnings
from dataclasses import dataclass

from course_lib.autograd import Value, topological_order
from course_lib.viz.style import number

LONGEST, MOST_NODES, LONGEST_NAME = 120, 14, 6
LARGEST_NUMBER, LARGEST_VALUE, LARGEST_SLOPE, LARGEST_EXPONENT = 1e6, 1e9, 1e12, 10

OPERATORS = {
    ast.Add: ("+", operator.add),
    ast.Sub: ("-", operator.sub),
    ast.Mult: ("*", operator.mul),
    ast.Div: ("/", operator.truediv),
}
FUNCTIONS = {"relu": Value.relu, "exp": Value.exp, "tanh": Value.tanh}
KNOWN = "+ - * / **, relu(…), exp(…) and tanh(…)"
EXAMPLE = "c = a * b; y = c + tanh(a)"
A_LIST = "wanted is a list like a = 2, b = 3"
PARTS = f"wanted are names, numbers, {KNOWN}"
SIGNS = str.maketrans({  # pasted from the texts and pictures, which print them
    "\N{MINUS SIGN}": "-", "\N{EN DASH}": "-",
    "\N{MULTIPLICATION SIGN}": "*", "\N{MIDDLE DOT}": "*", "\N{DOT OPERATOR}": "*",
})  # fmt: skip
PRODUCT_WITHOUT_SIGN = re.compile(r"(?<![\w.])((?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)([A-Za-z]\w*)")


@dataclass(frozen=True)
class Typed:
    """The graph of an expression; a node is meant by its place in `nodes`."""

    nodes: tuple  # Values, each after its parents; the last one is the result
    names: tuple  # what each is called
    formulas: tuple  # how each was made, such as "a * b"; "" for a leaf
    parents: tuple  # their places

    @property
    def inner(self) -> list[int]:
        """The nodes that were computed."""
        return [i for i, parents in enumerate(self.parents) if parents]


def read_values(text: str) -> dict[str, float]:
    """{name: number} from a text such as "a = 2, b = -0.5".

    Raises ValueError, with what was given and what is wanted.
    """
    text = _plain(text, A_LIST)
    values = {}
    for part in filter(None, map(str.strip, re.split("[,;]", text))):
        name, equals, given = part.partition("=")
        if not equals:
            raise ValueError(f"{part} gives no value; {A_LIST}.")
        name = _name(name.strip())
        if "=" in given:
            raise ValueError(f"{part} can't be read; {A_LIST}.")
        if name in values:
            raise ValueError(
                f"{name} has two values here, {number(values[name])} and {given.strip()}."
            )
        values[name] = _Reader(None, set()).read(given)
    return values


def read_expression(text: str, values: dict[str, float]) -> Typed:
    """The graph of a text such as "c = a * b; y = c + a".

    Raises ValueError, with what was given and what is wanted, for everything but names, numbers,
    the four operations, ** with a number, relu, exp and tanh, and for what is too large to draw.
    """
    text = _plain(text, PARTS)
    parts = [part.strip() for part in text.split(";") if part.strip()]
    statements = [_statement(part) for part in parts]
    if not statements:
        raise ValueError(f"There is no expression; wanted is one like {EXAMPLE}.")
    reader = _Reader(values, {name for name, _ in statements if name})
    results = []
    for name, formula in statements:
        result = reader.read(formula)
        results.append(reader.call(name, result) if name else result)
    last = f"The last part, {short(parts[-1])}," if len(parts) > 1 else parts[0]
    if not isinstance(results[-1], Value):
        raise ValueError(f"{last} has no name in it, so nothing can be differentiated.")
    if not results[-1].parents:
        for part, result in zip(parts, results, strict=True):
            if result is not results[-1]:
                raise ValueError(
                    f"{last} does not use {short(part)}, and only what it uses is drawn."
                )
    return reader.graph(results[-1])


def short(text: str, most: int = 40) -> str:
    """A text to be quoted, cut to at most `most` characters."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _plain(text, wanted):
    """The text with - and * for the signs that are printed for them, and nothing odd in it."""
    if len(text) > LONGEST:
        raise ValueError(f"The text has {len(text):,} characters, at most {LONGEST} can be read.")
    text = text.translate(SIGNS)
    odd = re.search(r"[^A-Za-z0-9_+\-*/().,;= ]", text)
    if odd and odd[0] == "^":
        raise ValueError("A power is written with **, as in a**2, not with ^.")
    if odd:
        raise ValueError(f"Character {odd.start() + 1}, {odd[0]!r}, has no place here; {wanted}.")
    return text


def _statement(part):
    """(name or None, the expression) of "name = expression" or an expression alone."""
    match = re.fullmatch(r"\s*(\w+)\s*=(?!=)(.*)", part)
    return (_name(match[1]), match[2]) if match else (None, part)


def _name(text):
    if not text.isidentifier() or keyword.iskeyword(text):
        raise ValueError(f"{text or 'nothing'} is no name; wanted is a name such as a or w1.")
    if text in FUNCTIONS:
        raise ValueError(f"{text} is a function already; wanted is another name.")
    if len(text) > LONGEST_NAME:
        raise ValueError(
            f"{text} has {len(text)} letters, a name may have {LONGEST_NAME} to fit its box."
        )
    return text


class _Reader:
    """Reads expressions into Values and plain numbers; keeps what they are called and made of.

    values: the numbers that names stand for; None where only numbers are wanted.
    assigned: the names that the expression itself computes.
    """

    def __init__(self, values, assigned):
        self.values, self.assigned = values, assigned
        self.called, self.made = {}, {}  # name: Value; Value: the parts of its formula

    def read(self, text):
        """A Value, or a float where no name is in it."""
        self.text = text = text.strip()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # such as for 1if
                tree = ast.parse(text, mode="eval").body
        except SyntaxError as error:
            raise ValueError(self.where(error.offset)) from None
        return self.term(tree)

    def where(self, offset):
        """What can't be read, and at which character."""
        text, only_numbers = self.text, self.values is None
        wanted = A_LIST if only_numbers else f"wanted is an expression, as in {EXAMPLE}"
        if not text:
            return f"There is nothing behind a =; {wanted}."
        if only_numbers:
            return f"{short(text)} is no number; {wanted}."
        if product := PRODUCT_WITHOUT_SIGN.search(text):
            return f"{short(product[0])} can't be read; write {product[1]} * {short(product[2])}."
        at = offset - 1 if offset else len(text)
        here = f"at its character {at + 1}, {text[at]!r}" if at < len(text) else "at its end"
        return f"{short(text)} can't be read {here}; {wanted}."

    def quote(self, tree):
        """What was typed for that part of the text."""
        return short(self.text[tree.col_offset : tree.end_col_offset])

    def term(self, tree):
        match tree:
            case ast.Constant(value=int() | float() as given) if not isinstance(given, bool):
                if abs(given) > LARGEST_NUMBER:
                    raise ValueError(
                        f"{self.quote(tree)} is too large, at most 1,000,000 is wanted."
                    )
                return float(given)
            case ast.Name(id=name):
                return self.look_up(name)
            case ast.UnaryOp(op=ast.UAdd(), operand=inner):
                return self.term(inner)
            case ast.UnaryOp(op=ast.USub(), operand=inner):
                x = self.term(inner)
                return self.make(tree, operator.neg, ["-", x], x)
            case ast.BinOp(left=base, op=ast.Pow(), right=exponent):
                return self.power(tree, self.term(base), self.term(exponent))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
                sign, function = OPERATORS[type(op)]
                x, y = self.term(left), self.term(right)
                return self.make(tree, function, [x, f" {sign} ", y], x, y)
            case (
                ast.Call(func=ast.Name(id=name), args=[inner], keywords=[])
                | ast.Call(func=ast.Attribute(value=inner, attr=name), args=[], keywords=[])
            ) if name in FUNCTIONS:  # tanh(a), or a.tanh()
                x = self.term(inner)
                return self.make(tree, FUNCTIONS[name], [f"{name}(", x, ")"], x)
            case ast.Call(func=ast.Name(id=name)) if name in FUNCTIONS:
                raise ValueError(f"{self.quote(tree)}: {name} takes one number, as in {name}(a).")
            case ast.Call(func=ast.Name(id=name)):
                raise ValueError(f"The function {name} is not known; there are relu, exp and tanh.")
            case ast.Call(func=ast.Constant() | ast.BinOp()):  # such as 2(a + b)
                raise ValueError(f"{self.quote(tree)}: a product is written with *, as in 2 * a.")
        wanted = A_LIST if self.values is None else PARTS
        raise ValueError(f"{self.quote(tree)} is not known here; {wanted}.")

    def look_up(self, name):
        if name in self.called:
            return self.called[name]
        if name in self.assigned:
            raise ValueError(f"{name} is used before it is computed; its line has to come first.")
        _name(name)
        if self.values is None:
            raise ValueError(f"{name} is no number; {A_LIST}.")
        if name not in self.values:
            raise ValueError(f"{name} has no value; write one, such as {name} = 2, to the values.")
        self.called[name] = self.keep(Value(self.values[name]), [])
        return self.called[name]

    def power(self, tree, base, exponent):
        if isinstance(exponent, Value) or abs(exponent) > LARGEST_EXPONENT:
            raise ValueError(
                f"{self.quote(tree)}: the exponent has to be a number from {-LARGEST_EXPONENT} to "
                f"{LARGEST_EXPONENT}."
            )
        return self.make(tree, lambda x: x**exponent, [base, " ** ", exponent], base)

    def make(self, tree, function, parts, *operands):
        """The result of an operation: a Value where an operand is one."""
        constant = not any(isinstance(x, Value) for x in operands)
        try:
            # Plain numbers go through a Value, too: it knows what is not a real number.
            first, *others = operands
            result = function(Value(first) if constant else first, *others)
        except ZeroDivisionError:
            raise ValueError(f"{self.quote(tree)} divides by 0, or by almost 0.") from None
        except OverflowError:
            raise ValueError(f"{self.quote(tree)} is too large to be computed.") from None
        except ValueError as error:
            raise ValueError(f"{self.quote(tree)}: {error}.") from None
        if not abs(result.data) <= LARGEST_VALUE:
            raise ValueError(
                f"{self.quote(tree)} is {number(result.data)}, at most 1,000,000,000 can be shown."
            )
        for slope in result.local:
            if not abs(slope) <= LARGEST_SLOPE:
                size = "has no end"
                if math.isfinite(slope):
                    size = f"is {number(slope)}, at most {LARGEST_SLOPE:.0e} can be shown"
                raise ValueError(f"{self.quote(tree)} is too steep here: its slope {size}.")
        return result.data if constant else self.keep(result, parts)

    def keep(self, node, parts):
        self.made[node] = parts
        if len(self.made) > MOST_NODES:
            raise ValueError(f"The graph has more than {MOST_NODES} nodes, too many to be drawn.")
        return node

    def call(self, name, result):
        """The Value that `name` stands for from now on."""
        if name in self.called:
            raise ValueError(f"{name} is computed twice; give each result a name of its own.")
        if not isinstance(result, Value):
            result = self.keep(Value(result), [])
        self.called[name] = result
        return result

    def graph(self, result):
        nodes = topological_order(result)
        place = {node: i for i, node in enumerate(nodes)}
        names = {node: name for name, node in reversed(self.called.items())}
        if result not in names and "y" not in self.called:
            names[result] = "y"
        free = (f"v{k}" for k in range(1, 1000) if f"v{k}" not in self.called)
        for node in self.made:
            if node in place and node not in names:
                names[node] = next(free)

        def words(part):
            if isinstance(part, Value):
                return names[part]
            return part if isinstance(part, str) else number(part)

        return Typed(
            nodes=tuple(nodes),
            names=tuple(names[node] for node in nodes),
            formulas=tuple("".join(map(words, self.made[node])) for node in nodes),
            parents=tuple(tuple(place[p] for p in node.parents) for node in nodes),
        )
