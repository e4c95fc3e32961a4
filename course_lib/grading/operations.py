"""Operations on numbers: what each computes, how it reacts to its inputs, how people slip at it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

NAN = float("nan")  # matches no answer: a slip that these numbers rule out


@dataclass(frozen=True)
class Operation:
    """One operation of a graph.

    written: its formula, "{x} + {y}" ({x}, {y}: its inputs, {node}: what it makes).
    value(*inputs); slopes(*inputs): the local derivative for each input.
    slips: (input, wrong local derivative of the inputs, words).
    misreadings: (wrong value of the inputs, words).
    Words finish "… is what comes out if"; after ". " they may go on with a remark.
    """

    written: str
    value: Callable
    slopes: Callable
    slips: tuple = ()
    misreadings: tuple = ()
    symbol: str = ""

    def formula(self, *inputs):
        """How one writes it with these names."""
        return self.written.format(**dict(zip("xy", inputs, strict=False)))


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


_HALVED = "the difference {node} shares out what it gets. Each input gets it all, with its own sign"
_PLUS = (lambda x, y: x + y, "you add {x} and {y}")
_MINUS = (lambda x, y: x - y, "you subtract {y} from {x}")
_TURNED = (lambda x, y: y - x, "you subtract the wrong way round, {x} from {y}")
_TIMES = (lambda x, y: x * y, "you multiply {x} by {y}")
_OVER = (lambda x, y: x / y, "you divide {x} by {y}")

OPERATIONS = {
    "add": Operation(
        "{x} + {y}",
        lambda x, y: x + y,
        lambda x, y: (1.0, 1.0),
        slips=(
            (0, lambda x, y: 0.5, "the sum {node} shares out what it gets. Each input gets it all"),
            (1, lambda x, y: 0.5, "the sum {node} shares out what it gets. Each input gets it all"),
            (0, lambda x, y: y, "you multiply by {y} at the sum {node}. Only a product swaps"),
            (1, lambda x, y: x, "you multiply by {x} at the sum {node}. Only a product swaps"),
        ),
        misreadings=(_TIMES, _MINUS),
        symbol="+",
    ),
    "subtract": Operation(
        "{x} - {y}",
        lambda x, y: x - y,
        lambda x, y: (1.0, -1.0),
        slips=(
            (1, lambda x, y: 1.0, "the minus sign in {node} is lost. When {y} grows, {node} falls"),
            (0, lambda x, y: -1.0, "{x} gets the minus sign. It is {y} that is subtracted"),
            (0, lambda x, y: 0.5, _HALVED),
            (1, lambda x, y: -0.5, _HALVED),
        ),
        misreadings=(_TURNED, _PLUS, _TIMES),
        symbol="-",
    ),
    "multiply": Operation(
        "{x} · {y}",
        lambda x, y: x * y,
        lambda x, y: (y, x),
        slips=(
            (0, lambda x, y: x, "you do not swap at {node}. {x} gets the value of {y}"),
            (1, lambda x, y: y, "you do not swap at {node}. {y} gets the value of {x}"),
        ),
        misreadings=(_PLUS, _MINUS),
        symbol="·",
    ),
    "divide": Operation(
        "{x} / {y}",
        lambda x, y: x / y,
        lambda x, y: (1 / y, -x / y**2),
        slips=(
            (0, lambda x, y: y, "you multiply by {y} at the quotient {node}. Divide by it"),
            (1, lambda x, y: x / y**2, "the minus sign in the slope of {node} is lost"),
            (1, lambda x, y: -x / y, "{y} in the slope of {node} is not squared"),
            (1, lambda x, y: -1 / y**2, "{x} is missing in the slope of {node}"),
            (1, lambda x, y: 1 / y, "you treat {y} like {x}. It stands below the line"),
            (1, lambda x, y: x, "you treat the quotient {node} like a product"),
        ),
        misreadings=((lambda x, y: y / x, "you divide {y} by {x}"), _TIMES, _MINUS),
        symbol="/",
    ),
    "max": Operation(
        "max({x}, {y})",
        np.maximum,
        lambda x, y: (float(x >= y), float(x < y)),  # ties go to the first
        slips=(
            (0, lambda x, y: 1.0, "{x} gets a gradient. Only {y}, which is larger, went through"),
            (1, lambda x, y: 1.0, "{y} gets a gradient. Only {x}, which is larger, went through"),
            (0, lambda x, y: 0.0, "the smaller input gets it all. The larger one is {x}"),
            (1, lambda x, y: 0.0, "the smaller input gets it all. The larger one is {y}"),
            (0, lambda x, y: 0.5, "the maximum shares out what it gets. One input gets it all"),
            (1, lambda x, y: 0.5, "the maximum shares out what it gets. One input gets it all"),
        ),
        misreadings=((np.minimum, "you take the smaller one"), _PLUS),
        symbol="max",
    ),
    "square": Operation(
        "{x}²",
        lambda x: x**2,
        lambda x: (2 * x,),
        slips=(
            (0, lambda x: x, "the 2 is missing. The slope of a square is twice its input"),
            (0, lambda x: x**2, "you take the square itself for its slope"),
            (0, lambda x: 2.0, "{x} is missing in the slope of the square"),
        ),
        misreadings=((lambda x: 2 * x, "you double {x}. The square is {x} times {x}"),),
    ),
    "power": Operation(
        "{x}^{y}",
        lambda x, y: x**y,
        lambda x, y: (y * x ** (y - 1), x**y * np.log(x)),
        slips=(
            (0, lambda x, y: y * x**y, "the exponent of the slope is not one less"),
            (0, lambda x, y: x ** (y - 1), "the exponent {y} is missing as a factor in the slope"),
            (0, lambda x, y: x**y, "you take the power itself for its slope"),
        ),
        misreadings=(_TIMES,),
        symbol="^",
    ),
    "negate": Operation(
        "-{x}",
        lambda x: -x,
        lambda x: (-1.0,),
        slips=((0, lambda x: 1.0, "the minus sign in {node} is lost"),),
        misreadings=((lambda x: x, "the minus sign is lost"),),
    ),
    "relu": Operation(
        "relu({x})",
        lambda x: np.maximum(x, 0.0),
        lambda x: (float(x > 0),),
        slips=(
            (
                0,
                lambda x: 0.0 if x > 0 else NAN,
                "the gate of {node} is closed. It is open: it asks whether {x} is above 0, not "
                "for the sign of what comes back",
            ),
            (
                0,
                lambda x: NAN if x > 0 else 1.0,
                "the gate of {node} lets the gradient through. It is closed, because {x} is not "
                "above 0",
            ),
            (0, lambda x: x, "you multiply by {x}. An open gate has the slope 1"),
        ),
        misreadings=(
            (lambda x: x, "a number below 0 goes through the gate as it is"),
            (
                lambda x: 0.0 if x > 0 else NAN,
                "the gate is closed. It is open, because {x} is above 0",
            ),
            (np.abs, "the sign is dropped. For a number below 0 the gate is closed"),
        ),
    ),
    "exp": Operation(
        "exp({x})",
        np.exp,
        lambda x: (np.exp(x),),
        slips=(
            (
                0,
                lambda x: x * np.exp(x - 1),
                "you use the rule of powers. The exponential is its own slope",
            ),
            (
                0,
                lambda x: x * np.exp(x),
                "you multiply by {x} as well. The exponential is its own slope",
            ),
        ),
        misreadings=((lambda x: np.e * x, "you multiply e by {x}. The exponent is {x}"),),
    ),
    "log": Operation(
        "log({x})",
        np.log,
        lambda x: (1 / x,),
        slips=((0, np.log, "you take the logarithm itself for its slope, which is 1/{x}"),),
        misreadings=((np.log10, "you take the logarithm to base 10. Here it is the natural one"),),
    ),
    "sin": Operation(
        "sin({x})",
        np.sin,
        lambda x: (np.cos(x),),
        slips=(
            (0, np.sin, "you take the sine itself for its slope, which is the cosine"),
            (0, lambda x: -np.cos(x), "a minus sign is added. The slope of the sine is the cosine"),
        ),
        misreadings=(
            (lambda x: np.sin(np.radians(x)), "you take {x} for degrees. It is in radians"),
            (np.cos, "you take the cosine"),
        ),
    ),
    "cos": Operation(
        "cos({x})",
        np.cos,
        lambda x: (-np.sin(x),),
        slips=(
            (0, np.sin, "the minus sign is lost. The slope of the cosine is minus the sine"),
            (0, np.cos, "you take the cosine itself for its slope"),
        ),
        misreadings=(
            (lambda x: np.cos(np.radians(x)), "you take {x} for degrees. It is in radians"),
            (np.sin, "you take the sine"),
        ),
    ),
    "sigmoid": Operation(
        "sigmoid({x})",
        _sigmoid,
        lambda x: (_sigmoid(x) * (1 - _sigmoid(x)),),
        slips=(
            (0, _sigmoid, "the factor 1 - {node} is missing in the slope of the sigmoid"),
            (0, lambda x: 1 - _sigmoid(x), "the factor {node} is missing in the slope"),
            (
                0,
                lambda x: x * (1 - x),
                "you put {x} into s (1 - s). There s is what comes out, {node}",
            ),
        ),
        misreadings=((lambda x: _sigmoid(-x), "the sign of the exponent is lost"),),
    ),
    "tanh": Operation(
        "tanh({x})",
        np.tanh,
        lambda x: (1 - np.tanh(x) ** 2,),
        slips=(
            (0, lambda x: 1 - np.tanh(x), "the square is missing. The slope is 1 minus {node}²"),
            (0, lambda x: 1 - x**2, "you put {x} into 1 - t². There t is what comes out, {node}"),
        ),
        misreadings=((_sigmoid, "you take the sigmoid"),),
    ),
}
