"""Exercises of chapter 01."""

import numpy as np

from course_lib.grading import STOCK, Call, Finding, Stock, by_nudging, exercise
from course_lib.grading.graph_question import CompleteGraph
from course_lib.grading.ordering import Move, Order
from course_lib.grading.questions import Choice, Option, Predict
from course_lib.grading.variants import question

# A chain of two: (3x + 2)^2 --------------------------------------------------------------------


def _points(rng):
    return [Call((x,)) for x in (1.0, 0.0, -2.0, 0.5, 3, *rng.uniform(-3, 3, size=4).tolist())]


@exercise(
    points=1,
    minutes=3,
    probes=_points,
    title="A chain of two links",
    outputs=("dy/dx",),
    hints=(
        "Name the inner part: v = 3x + 2. Then y = v^2.",
        "dy/dv = 2v, evaluated at the v that the forward pass computed. dv/dx = 3.",
        "Multiply the two links.",
    ),
    ingredients=lambda x: {
        "(3x + 2)": 3 * x + 2,
        "(3x + 2)^2": (3 * x + 2) ** 2,
        "x^2": x * x,
    },
)
def quadratic_chain(x):
    """Derivative of y = (3x + 2)^2 with respect to x, at x.

    x: a number. Returns dy/dx, a number.
    """
    v = 3 * x + 2
    return 2 * v * 3


@quadratic_chain.misconception(
    "links added",
    "Your dy/dx adds the two links, 2v + 3.",
    "A nudge is stretched by the first link and then by the second, so the links multiply.",
    "If v changes 3 times as fast as x, and y changes 2v times as fast as v, how fast does y "
    "change?",
)
def _(x):
    return 2 * (3 * x + 2) + 3


@quadratic_chain.misconception(
    "outer derivative at x",
    "Your dy/dx is 6x: the outer derivative was evaluated at x.",
    "The derivative of v^2 is 2v, and the v that went into the square was 3x + 2.",
    "Which number does the square see when x = 1?",
)
def _(x):
    return 2 * x * 3


@quadratic_chain.misconception(
    "inner derivative dropped",
    "Your dy/dx is the right one divided by 3: the inner link is missing.",
    "Before the square sees anything, 3x + 2 has already made the nudge 3 times as large.",
    "What is dv/dx for v = 3x + 2?",
)
def _(x):
    return 2 * (3 * x + 2)


@quadratic_chain.misconception(
    "power rule without n",
    "Your dy/dx is half the right one: the 2 of the power rule is missing.",
    "The derivative of v^2 is 2v.",
    "Take the outer link on its own first.",
)
def _(x):
    return 3 * (3 * x + 2)


@quadratic_chain.misconception(
    "the value",
    "What you return for dy/dx is y itself, (3x + 2)^2.",
    "The derivative says how fast y changes, not how large it is.",
    "How much does y change when x = 1 becomes 1.001?",
)
def _(x):
    return (3 * x + 2) ** 2


@quadratic_chain.misconception(
    "cross term lost",
    "Your dy/dx is 18x: it lacks a constant part.",
    "(3x + 2)^2 is not 9x^2 + 4; the square of a sum has a cross term, 12x.",
    "Multiply (3x + 2)(3x + 2) out, term by term.",
)
def _(x):
    return 18 * x


@quadratic_chain.also_right("multiplied out")
def _(x):
    return 18 * x + 12


@quadratic_chain.also_right("NumPy polynomial")
def _(x):
    return np.polyval(np.polyder([9, 12, 4]), x)


@quadratic_chain.also_right("complex step")
def _(x):
    return ((3 * (x + 1e-200j) + 2) ** 2).imag / 1e-200


# Two variables -----------------------------------------------------------------------------------


def _pairs(rng):
    fixed = [(1.0, 2.0), (-1.5, 0.5), (0.0, 1.0), (2.0, 0.0), (3, 2), (1.2, 1.2)]
    return [Call(p) for p in fixed + [tuple(rng.uniform(-2, 2, 2).tolist()) for _ in range(4)]]


@exercise(
    points=1,
    minutes=4,
    probes=_pairs,
    title="A gradient of two variables",
    outputs=("df/dx", "df/dy"),
    hints=(
        "For df/dx, treat y as a fixed number, as if it were 7.",
        "With y fixed, y^3 does not change at all when x does.",
        "For df/dy, both terms contain y.",
    ),
    ingredients=lambda x, y: {
        "x^2": x * x,
        "y^2": y * y,
        "x*y": x * y,
        "2xy": 2 * x * y,
        "3y^2": 3 * y * y,
        "x^2*y": x * x * y,
        "y^3": y**3,
    },
)
def gradient_of_two(x, y):
    """Gradient of f(x, y) = x^2 y + y^3 at the point (x, y).

    x, y: numbers. Returns (df/dx, df/dy).
    """
    return 2 * x * y, x**2 + 3 * y**2


@gradient_of_two.misconception(
    "exchanged",
    "Your df/dx is df/dy: the two partial derivatives have changed places.",
    "df/dx lets only x move; df/dy lets only y move.",
    "Return the one for x first.",
)
def _(x, y):
    return x**2 + 3 * y**2, 2 * x * y


@gradient_of_two.misconception(
    "other variable dropped",
    "Your df/dx is 2x: the factor y is gone.",
    "A fixed variable stays in the formula as a constant factor; it is not replaced by 1.",
    "If y were 7, f would be 7x^2 + 343. What is its derivative?",
)
def _(x, y):
    return 2 * x, x**2 + 3 * y**2


@gradient_of_two.misconception(
    "second path missing",
    "Your df/dy is x^2 only: the term from y^3 is missing.",
    "y enters f in two terms, and both change when y does.",
    "Differentiate the two terms of f one after the other.",
)
def _(x, y):
    return 2 * x * y, x**2


@gradient_of_two.misconception(
    "first path missing",
    "Your df/dy is 3y^2 only: the term from x^2 y is missing.",
    "y enters f in two terms, and both change when y does.",
    "What does x^2 y become when x is a fixed number?",
)
def _(x, y):
    return 2 * x * y, 3 * y**2


@gradient_of_two.misconception(
    "y moves too",
    "Your df/dx contains the derivative of y^3.",
    "In a partial derivative by x, y stands still, so y^3 contributes 0.",
    "Which of the two terms changes when only x is nudged?",
)
def _(x, y):
    return 2 * x * y + 3 * y**2, x**2 + 3 * y**2


@gradient_of_two.misconception(
    "power rule without n",
    "Your df/dx is half the right one: the exponent did not come down as a factor.",
    "The derivative of x^n is n x^(n-1), with the n in front.",
    "Look at x^2 and at y^3.",
)
def _(x, y):
    return x * y, x**2 + y**2


@gradient_of_two.also_right("array")
def _(x, y):
    return np.array([2 * x * y, x * x + 3 * y * y])


@gradient_of_two.also_right("list, factored")
def _(x, y):
    return [y * (x + x), x * x + y * y * 3]


@gradient_of_two.also_right("complex step")
def _(x, y):
    def f(x, y):
        return x**2 * y + y**3

    return f(x + 1e-200j, y).imag / 1e-200, f(x, y + 1e-200j).imag / 1e-200


# A chain with an upstream gradient ----------------------------------------------------------------


def _elementwise_cases(rng, draw, special):
    """(upstream, input) in many shapes. draw: makes inputs of a shape. special: inputs to try."""

    def pair(*shape):
        return rng.normal(size=shape), draw(shape)

    upstream, inputs = pair(8)
    inputs[: len(special)] = special
    upstream[-2] = 0.0
    return [
        Call(pair(7)),
        Call((upstream, inputs)),
        Call(pair(5)),
        Call(pair(5)),
        Call(pair(3, 4), "2-D arrays"),
        Call(pair(5, 5), "2-D arrays"),
        Call(pair(1), "arrays of a single entry"),
    ]


def _upstream_and_x(rng):
    def draw(shape):
        x = rng.uniform(-1.5, 1.5, size=shape)
        # Where the cosine is next to 0, float32 is mostly rounding.
        return np.where(np.abs(np.cos(3 * x**2 + 1)) < 0.1, 0.6 * x, x)

    return _elementwise_cases(rng, draw, [0.0])


@exercise(
    points=2,
    minutes=6,
    probes=_upstream_and_x,
    title="A longer chain, going backward",
    outputs=("dL/dx",),
    hints=(
        "Three links: 3x^2 + 1, then the sine, then whatever follows (its gradient is `upstream`).",
        "The sine saw u = 3x^2 + 1, so its link is cos(u).",
        "Multiply: upstream, cos(u), and du/dx = 6x.",
    ),
    starter='''
        def chain_backward(upstream, x):
            """Gradient of the loss with respect to x, for y = sin(3x^2 + 1), elementwise.

            upstream: dL/dy, an array. x: an array of the same shape. Returns dL/dx, of that shape.
            """
            u = 3 * x**2 + 1  # the forward pass, as far as the backward pass needs it
            dy_du = ...  # the link of the sine, evaluated where the forward pass was
            du_dx = ...
            return ...
    ''',
    ingredients=lambda upstream, x: {
        "cos(3x^2 + 1)": np.cos(3 * x**2 + 1),
        "sin(3x^2 + 1)": np.sin(3 * x**2 + 1),
        "6x": 6 * x,
        "cos(x)": np.cos(x),
        "3x^2": 3 * x**2,
        "(3x^2 + 1)": 3 * x**2 + 1,
        "cos(6x)": np.cos(6 * x),
        "upstream * 6x": upstream * 6 * x,
        "upstream * cos(3x^2 + 1)": upstream * np.cos(3 * x**2 + 1),
        "cos(3x^2 + 1) * 6x": np.cos(3 * x**2 + 1) * 6 * x,
        "cos(3x^2)": np.cos(3 * x**2),
        "sin(x)": np.sin(x),
        "upstream * cos(9x^2 + 1)": upstream * np.cos(9 * x**2 + 1),
        "18x": 18 * x,
    },
    numerical=lambda upstream, x: by_nudging(lambda x: np.sum(upstream * np.sin(3 * x**2 + 1)), x),
)
def chain_backward(upstream, x):
    """Gradient of the loss with respect to x, for y = sin(3x^2 + 1), elementwise.

    upstream: dL/dy, an array. x: an array of the same shape. Returns dL/dx, of that shape.
    """
    u = 3 * x**2 + 1
    dy_du = np.cos(u)
    du_dx = 6 * x
    return upstream * dy_du * du_dx


@chain_backward.misconception(
    "upstream ignored",
    "Your dL/dx is dy/dx: the upstream gradient is missing.",
    "By the chain rule dL/dx = dL/dy * dy/dx, and dL/dy is what `upstream` holds.",
    "Where does upstream enter your product?",
)
def _(upstream, x):
    return np.cos(3 * x**2 + 1) * 6 * x


@chain_backward.misconception(
    "inner derivative dropped",
    "Your dL/dx lacks the link of the inner function.",
    "A nudge of x moves u = 3x^2 + 1 by du/dx times as much before the sine sees it.",
    "What is the derivative of 3x^2 + 1?",
)
def _(upstream, x):
    return upstream * np.cos(3 * x**2 + 1)


@chain_backward.misconception(
    "outer derivative at x",
    "Your dL/dx has cos(x) where the cosine of what went into the sine belongs.",
    "Every link is evaluated at its own input, and the sine's input was 3x^2 + 1.",
    "Which number did the sine see in the forward pass?",
)
def _(upstream, x):
    return upstream * np.cos(x) * 6 * x


@chain_backward.misconception(
    "outer derivative at the inner derivative",
    "Your dL/dx has cos(6x): the cosine was taken of the derivative.",
    "Every link is evaluated at its own input, and the sine's input was 3x^2 + 1, not 6x.",
    "Compute u first, then the links.",
)
def _(upstream, x):
    return upstream * np.cos(6 * x) * 6 * x


@chain_backward.misconception(
    "sign lost",
    "Your dL/dx has the opposite sign.",
    "The derivative of the sine is the cosine, with a plus; it is the cosine whose derivative has "
    "a "
    "minus.",
    "Check the link of the sine at u = 0, where the sine rises.",
)
def _(upstream, x):
    return -upstream * np.cos(3 * x**2 + 1) * 6 * x


@chain_backward.misconception(
    "sine not differentiated",
    "Your dL/dx has sin(3x^2 + 1) where the derivative of the sine belongs.",
    "A link is a derivative: how fast the output moves, not where it is.",
    "What is the slope of the sine at 0?",
)
def _(upstream, x):
    return upstream * np.sin(3 * x**2 + 1) * 6 * x


@chain_backward.misconception(
    "power rule without n",
    "Your dL/dx is half the right one: the exponent of x^2 did not come down.",
    "The derivative of x^n has the factor n.",
    "Differentiate 3x^2 on its own.",
)
def _(upstream, x):
    return upstream * np.cos(3 * x**2 + 1) * 3 * x


@chain_backward.misconception(
    "links added",
    "Your dL/dx adds the two local links before multiplying with upstream.",
    "Along a chain links multiply; only separate paths add.",
    "How many paths lead from x to y here?",
)
def _(upstream, x):
    return upstream * (np.cos(3 * x**2 + 1) + 6 * x)


@chain_backward.also_right("loop over entries")
def _(upstream, x):
    result = np.empty(x.shape)
    for index in np.ndindex(x.shape):
        result[index] = upstream[index] * 6 * x[index] * np.cos(3 * x[index] ** 2 + 1)
    return result


@chain_backward.also_right("float32")
def _(upstream, x):
    x = x.astype(np.float32)
    return (6 * x * np.cos(3 * x * x + 1)) * upstream.astype(np.float32)


@chain_backward.also_right("einsum, nested lists")
def _(upstream, x):
    return np.einsum("...,...,...->...", upstream, np.cos(1 + 3 * x * x), 6 * x).tolist()


# Any chain ----------------------------------------------------------------------------------------


def _chains(rng):
    links = {
        "square": "twice",
        "sin": "cos",
        "exp": "exp",
        "twice": "always 2",
        "cube": "3x^2",
        "3x + 2": "always 3",
        "cos": "-sin",
    }
    chains = [
        ("3x + 2", "square"),
        ("square", "sin"),
        ("sin", "square", "exp"),
        ("twice", "cube", "sin", "square"),
        ("exp", "sin"),
        ("square", "3x + 2", "cos"),
        ("sin", "exp", "cube", "3x + 2", "cos"),
        ("sin", "square", "sin"),
    ]
    probes = [(c, x) for c in chains for x in rng.uniform(0.2, 1.2, 2).tolist()]
    probes.append((("cube",), 0.7))
    return [
        Call(
            (x, [Stock(f) for f in c], [Stock(links[f]) for f in c]),
            "a chain of one function"
            if len(c) == 1
            else "a chain in which a function occurs twice"
            if len(set(c)) < len(c)
            else "",
        )
        for c, x in probes
    ]


def _chain_quantities(x, functions, derivatives):
    f = [STOCK[one.name] for one in functions]
    d = [STOCK[one.name] for one in derivatives]
    seen = [x]
    for one in f:
        seen.append(one(seen[-1]))
    links = [g(v) for g, v in zip(d, seen[:-1], strict=True)]
    product = np.prod(links)
    return {
        "the product of the links at x": np.prod([g(x) for g in d]),
        "the product of the links at their outputs": np.prod(
            [g(v) for g, v in zip(d, seen[1:], strict=True)]
        ),
        "the product of the links at the value of the chain": np.prod([g(seen[-1]) for g in d]),
        "the last link": links[-1],
        "the first link": links[0],
        "the sum of the links": np.sum(links),
        "the value of the chain": seen[-1],
        "the right product": product,
        "the product of all links but the last": np.prod(links[:-1]),
        "the product of all links but the first": np.prod(links[1:]),
        "the sum of the links at x": np.sum([g(x) for g in d]),
        "the last link at x": d[-1](x),
        "the first link at x": d[0](x),
        "the product of the values": np.prod(seen[1:]),
        "the product of the links, each at another function's input": np.prod(
            [g(v) for g, v in zip(d, seen[-2::-1], strict=True)]
        ),
    }


@exercise(
    points=3,
    minutes=10,
    probes=_chains,
    title="A chain of any length",
    outputs=("dy/dx",),
    hints=(
        "First go forward and write down the input that each function saw.",
        "The link of function k is derivatives[k], evaluated at the input of function k.",
        "Multiply all links. Any order of multiplication gives the same number.",
    ),
    ingredients=_chain_quantities,
)
def backward_through_chain(x, functions, derivatives):
    """Derivative of f_n(...f_2(f_1(x))) with respect to x.

    x: a number. functions: [f_1, f_2, ..., f_n], the one applied first comes first.
    derivatives: the derivative of each, in the same order. Returns dy/dx, a number.
    """
    inputs = []
    for f in functions:
        inputs.append(x)
        x = f(x)
    gradient = 1.0
    for derivative, value in zip(reversed(derivatives), reversed(inputs), strict=True):
        gradient = gradient * derivative(value)
    return gradient


@backward_through_chain.misconception(
    "every link at x",
    "Your dy/dx evaluates every link at x.",
    "Each link belongs at the input its own function saw; only the first function saw x.",
    "Keep the value that goes into each function on the way forward.",
)
def _(x, functions, derivatives):
    return np.prod([d(x) for d in derivatives])


@backward_through_chain.misconception(
    "links added",
    "Your dy/dx adds the links.",
    "Each link stretches the nudge that the one before hands on, so links multiply.",
    "Start from 1 and multiply.",
)
def _(x, functions, derivatives):
    total = 0.0
    for f, d in zip(functions, derivatives, strict=True):
        total, x = total + d(x), f(x)
    return total


@backward_through_chain.misconception(
    "links at their outputs",
    "Your dy/dx evaluates each link at its function's output.",
    "The derivative is taken where the function was evaluated: at its input.",
    "Do you store the value before or after applying f?",
)
def _(x, functions, derivatives):
    gradient = 1.0
    for f, d in zip(functions, derivatives, strict=True):
        x = f(x)
        gradient = gradient * d(x)
    return gradient


@backward_through_chain.misconception(
    "order reversed",
    "Your dy/dx is that of the chain applied in reverse order.",
    "functions[0] is applied first, to x itself; the last one gives y.",
    "Which function sees x?",
)
def _(x, functions, derivatives):
    gradient = 1.0
    for f, d in zip(functions[::-1], derivatives[::-1], strict=True):
        gradient, x = gradient * d(x), f(x)
    return gradient


@backward_through_chain.misconception(
    "last link only",
    "Your dy/dx is the last link alone.",
    "Every function between x and y stretches the nudge once.",
    "Does the result start afresh in each round of the loop?",
)
def _(x, functions, derivatives):
    for f, d in zip(functions, derivatives, strict=True):
        gradient, x = d(x), f(x)
    return gradient


@backward_through_chain.misconception(
    "one link left out",
    "Your dy/dx leaves out the last link.",
    "n functions have n links.",
    "How far does the loop run?",
)
def _(x, functions, derivatives):
    gradient = 1.0
    for f, d in zip(functions[:-1], derivatives[:-1], strict=True):
        gradient, x = gradient * d(x), f(x)
    return gradient


@backward_through_chain.misconception(
    "the value",
    "What you return for dy/dx is y, the value of the chain.",
    "The links are values of `derivatives`, not of `functions`.",
    "Where do the derivatives enter?",
)
def _(x, functions, derivatives):
    for f in functions:
        x = f(x)
    return x


@backward_through_chain.also_right("one pass, forward")
def _(x, functions, derivatives):
    gradient = 1.0
    for f, d in zip(functions, derivatives, strict=True):
        gradient, x = d(x) * gradient, f(x)
    return gradient


@backward_through_chain.also_right("recursion")
def _(x, functions, derivatives):
    def slope(x, k):
        if k == len(functions):
            return 1.0
        return slope(functions[k](x), k + 1) * derivatives[k](x)

    return slope(x, 0)


@backward_through_chain.also_right("product of a list")
def _(x, functions, derivatives):
    seen = [x]
    for f in functions:
        seen = [*seen, f(seen[-1])]
    return np.prod([d(v) for d, v in zip(derivatives, seen, strict=False)])


# A fork -------------------------------------------------------------------------------------------


@exercise(
    points=2,
    minutes=6,
    probes=_upstream_and_x,
    title="Two paths add",
    outputs=("dL/dx",),
    hints=(
        "x reaches y on two paths: through x^2 and through sin(x).",
        "Path one: sin(x) stands still, its factor is 2x sin(x). Path two: x^2 stands still.",
        "Add the two paths, then multiply with upstream.",
    ),
    ingredients=lambda upstream, x: {
        "sin(x)": np.sin(x),
        "cos(x)": np.cos(x),
        "2x": 2 * x,
        "x^2": x**2,
        "2x sin(x)": 2 * x * np.sin(x),
        "x^2 cos(x)": x**2 * np.cos(x),
        "2x cos(x)": 2 * x * np.cos(x),
        "x^2 sin(x)": x**2 * np.sin(x),
        "upstream * 2x sin(x)": upstream * 2 * x * np.sin(x),
        "upstream * x^2 cos(x)": upstream * x**2 * np.cos(x),
        "upstream * x sin(x)": upstream * x * np.sin(x),
        "upstream * x cos(x)": upstream * x * np.cos(x),
        "(2x + cos(x))": 2 * x + np.cos(x),
        "upstream * cos(x^2)": upstream * np.cos(x**2),
    },
    numerical=lambda upstream, x: by_nudging(lambda x: np.sum(upstream * x**2 * np.sin(x)), x),
)
def fork_backward(upstream, x):
    """Gradient of the loss with respect to x, for y = x^2 sin(x), elementwise.

    upstream: dL/dy, an array. x: an array of the same shape. Returns dL/dx, of that shape.
    """
    through_square = upstream * np.sin(x) * 2 * x
    through_sine = upstream * x**2 * np.cos(x)
    return through_square + through_sine


@fork_backward.misconception(
    "sine path lost",
    "Your dL/dx holds only the path through x^2.",
    "x also reaches y through sin(x), and what arrives on different paths adds up.",
    "Which arrows leave x in the graph?",
)
def _(upstream, x):
    return upstream * 2 * x * np.sin(x)


@fork_backward.misconception(
    "square path lost",
    "Your dL/dx holds only the path through sin(x).",
    "x also reaches y through x^2, and what arrives on different paths adds up.",
    "Which arrows leave x in the graph?",
)
def _(upstream, x):
    return upstream * x**2 * np.cos(x)


@fork_backward.misconception(
    "product of derivatives",
    "Your dL/dx multiplies the derivatives of the two factors, 2x and cos(x).",
    "The derivative of a product is not the product of derivatives: nudging x moves one factor "
    "while "
    "the other stands, and then the other.",
    "Write down what each path contributes, then add.",
)
def _(upstream, x):
    return upstream * 2 * x * np.cos(x)


@fork_backward.misconception(
    "upstream ignored",
    "Your dL/dx is dy/dx: the upstream gradient is missing.",
    "dL/dx = dL/dy * dy/dx, and dL/dy is what `upstream` holds.",
    "Where does upstream enter?",
)
def _(upstream, x):
    return 2 * x * np.sin(x) + x**2 * np.cos(x)


@fork_backward.misconception(
    "upstream on one path",
    "Your dL/dx multiplies only the first path with upstream.",
    "Both paths start from the same y, so both carry dL/dy.",
    "Check the brackets.",
)
def _(upstream, x):
    return upstream * 2 * x * np.sin(x) + x**2 * np.cos(x)


@fork_backward.misconception(
    "sign of the cosine",
    "Your dL/dx subtracts the path through the sine.",
    "The derivative of the sine is plus the cosine.",
    "Near x = 0 both paths rise for positive x.",
)
def _(upstream, x):
    return upstream * (2 * x * np.sin(x) - x**2 * np.cos(x))


@fork_backward.misconception(
    "derivatives added bare",
    "Your dL/dx adds 2x and cos(x) without the factor that stands still.",
    "Along each path, the other factor of the product multiplies the nudge.",
    "In x^2 sin(x), by how much does y grow if only x^2 grows by 1?",
)
def _(upstream, x):
    return upstream * (2 * x + np.cos(x))


@fork_backward.also_right("factored")
def _(upstream, x):
    return upstream * x * (2 * np.sin(x) + x * np.cos(x))


@fork_backward.also_right("loop, lists")
def _(upstream, x):
    flat = [
        u * (2 * v * np.sin(v) + v * v * np.cos(v))
        for u, v in zip(upstream.ravel(), x.ravel(), strict=True)
    ]
    return np.array(flat).reshape(x.shape).tolist()


@fork_backward.also_right("accumulated in float32")
def _(upstream, x):
    gradient = np.zeros(x.shape, dtype=np.float32)
    gradient += upstream * np.sin(x) * 2 * x
    gradient += upstream * x**2 * np.cos(x)
    return gradient


# Sigmoid -----------------------------------------------------------------------------------------


def _upstream_and_z(rng):
    special = [0.0, 12.0, -12.0, 20.0, -20.0]
    return _elementwise_cases(rng, lambda shape: rng.normal(size=shape) * 2, special)


@exercise(
    points=2,
    minutes=6,
    probes=_upstream_and_z,
    title="The sigmoid, backward",
    outputs=("dL/dz",),
    hints=(
        "Compute s = sigmoid(z) first: the derivative can be written with s alone.",
        "ds/dz = s (1 - s).",
        "At z = 0 the slope of the sigmoid is 1/4: use that to test yours.",
    ),
    ingredients=lambda upstream, z: {
        "s": 1 / (1 + np.exp(-z)),
        "(1 - s)": 1 / (1 + np.exp(z)),
        "s^2": 1 / (1 + np.exp(-z)) ** 2,
        "exp(-z)": np.exp(-z),
        "(1 + s)": 1 + 1 / (1 + np.exp(-z)),
        "s(1 - s)": np.exp(-np.abs(z)) / (1 + np.exp(-np.abs(z))) ** 2,
        "upstream * s": upstream / (1 + np.exp(-z)),
        "z(1 - z)": z * (1 - z),
        "upstream * (1 - s)": upstream / (1 + np.exp(z)),
        "(1 - s^2)": 1 - 1 / (1 + np.exp(-z)) ** 2,
        "upstream * s^2": upstream / (1 + np.exp(-z)) ** 2,
    },
    blind_spots=(
        "exp(-z) / (1 + exp(-z))^2 overflows to nan for z below -350; the probes stay within 20 "
        "of 0, so formulas that overflow pass.",
    ),
    numerical=lambda upstream, z: by_nudging(lambda z: np.sum(upstream / (1 + np.exp(-z))), z),
)
def sigmoid_backward(upstream, z):
    """Gradient of the loss with respect to z, for s = 1 / (1 + exp(-z)), elementwise.

    upstream: dL/ds, an array. z: the input of the sigmoid, an array of the same shape.
    Returns dL/dz, of that shape.
    """
    s = 1 / (1 + np.exp(-z))
    return upstream * s * (1 - s)


@sigmoid_backward.misconception(
    "sign lost",
    "Your dL/dz has the opposite sign.",
    "The sigmoid rises everywhere, so its slope is positive.",
    "Check the sign at z = 0.",
)
def _(upstream, z):
    s = 1 / (1 + np.exp(-z))
    return upstream * s * (s - 1)


@sigmoid_backward.misconception(
    "z in place of s",
    "Your dL/dz is upstream * z (1 - z): z was put where the sigmoid's output belongs.",
    "s is the output of the sigmoid, not its input.",
    "Which of the two does the function receive?",
)
def _(upstream, z):
    return upstream * z * (1 - z)


@sigmoid_backward.misconception(
    "upstream ignored",
    "Your dL/dz is ds/dz: the upstream gradient is missing.",
    "dL/dz = dL/ds * ds/dz, and dL/ds is what `upstream` holds.",
    "Where does upstream enter?",
)
def _(upstream, z):
    s = 1 / (1 + np.exp(-z))
    return s * (1 - s)


@sigmoid_backward.misconception(
    "not differentiated",
    "Your dL/dz multiplies upstream with s itself.",
    "The link is the slope of the sigmoid, not its value.",
    "For large z the sigmoid is flat: what must its link be there?",
)
def _(upstream, z):
    return upstream / (1 + np.exp(-z))


@sigmoid_backward.misconception(
    "half the product",
    "Your dL/dz has 1 - s where the slope of the sigmoid belongs.",
    "For very negative z the curve is flat too, and 1 - s is not close to 0 there.",
    "Test z = -20: the slope must be nearly 0.",
)
def _(upstream, z):
    return upstream * (1 - 1 / (1 + np.exp(-z)))


@sigmoid_backward.misconception(
    "tanh's derivative",
    "Your dL/dz uses 1 - s^2, the form that the slope of tanh has.",
    "For the sigmoid that form gives 3/4 at z = 0, where its slope is 1/4.",
    "Derive the slope of 1 / (1 + exp(-z)) once more.",
)
def _(upstream, z):
    return upstream * (1 - (1 / (1 + np.exp(-z))) ** 2)


@sigmoid_backward.misconception(
    "sigmoid of upstream",
    "Your dL/dz takes the sigmoid of upstream.",
    "The link is evaluated where the forward pass was: at z.",
    "Which of the two arguments went through the sigmoid?",
)
def _(upstream, z):
    s = 1 / (1 + np.exp(-upstream))
    return z * s * (1 - s)


@sigmoid_backward.also_right("exponentials")
def _(upstream, z):
    return upstream * np.exp(-z) / (1 + np.exp(-z)) ** 2


@sigmoid_backward.also_right("hyperbolic cosine")
def _(upstream, z):
    return upstream / (2 + 2 * np.cosh(z))


@sigmoid_backward.also_right("tanh, float32")
def _(upstream, z):
    return (upstream * (1 - np.tanh(z / 2) ** 2) / 4).astype(np.float32)


# Numerical gradient -------------------------------------------------------------------------------


def _functions_and_points(rng):
    return [
        Call((Stock("mixed cubic"), rng.normal(size=6), 1e-5)),
        Call((Stock("weighted squares"), rng.normal(size=5), 1e-5)),
        Call((Stock("mixed cubic"), rng.uniform(0.5, 1.5, size=4), 1e-3)),
        Call((Stock("sum of sines"), rng.normal(size=7), 1e-2)),
        Call((Stock("mixed cubic"), rng.normal(size=(3, 4)), 1e-4), "2-D arrays"),
        Call((Stock("product"), rng.uniform(0.5, 1.5, size=(2, 3)), 1e-5), "2-D arrays"),
        Call(
            (Stock("row products"), rng.normal(size=(4, 3)), 1e-4),
            "2-D arrays, where f looks at rows and columns",
        ),
        Call(
            (Stock("row products"), rng.normal(size=(4, 3)), 1e-4),
            "2-D arrays, where f looks at rows and columns",
        ),
        Call((Stock("mixed cubic"), np.array([0.7]), 1e-3), "arrays of a single entry"),
    ]


def _difference_quantities(f, x, h):
    function, result = STOCK[f.name], {}
    forward, backward, at = np.empty(x.shape), np.empty(x.shape), function(x)
    for i in np.ndindex(x.shape):
        e = np.zeros(x.shape)
        e[i] = h
        forward[i], backward[i] = function(x + e) - at, at - function(x - e)
    result["the forward change f(x + h) - f(x)"] = forward
    result["the backward change f(x) - f(x - h)"] = backward
    result["the central change f(x + h) - f(x - h)"] = forward + backward
    result["the change when all entries move at once"] = np.asarray(
        function(x + h) - function(x - h)
    )
    result["f(x)"] = np.asarray(at)
    result["h"] = np.asarray(h)
    return result


@exercise(
    points=3,
    minutes=12,
    probes=_functions_and_points,
    title="Your own oracle: the numerical gradient",
    outputs=("gradient",),
    rtol=1e-7,
    atol=1e-8,
    hints=(
        "Nudge one entry at a time; `np.ndindex(x.shape)` visits every entry of any array.",
        "f at x[i] + h, minus f at x[i] - h, divided by the distance between the two points.",
        "The distance is 2h. Put the entry back before you go on to the next.",
    ),
    ingredients=_difference_quantities,
    blind_spots=(
        "Nudging through x.ravel() or x.reshape(-1) is right only where these are views of x; the "
        "probes are contiguous arrays, where they are.",
        "Putting an entry back by x[i] += h may leave a rounding error of the last bit in x; it is "
        "taken for restored.",
    ),
)
def numerical_gradient(f, x, h=1e-5):
    """Gradient of a scalar function f at x by central differences.

    f: takes an array like x, returns a number. x: a float array of any shape; afterwards it is as
    it was. h: the step. Returns the gradient, an array of the shape of x.
    """
    gradient = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        keep = x[i]
        x[i] = keep + h
        above = f(x)
        x[i] = keep - h
        below = f(x)
        x[i] = keep
        gradient[i] = (above - below) / (2 * h)
    return gradient


@numerical_gradient.misconception(
    "divided by h",
    "Your gradient is the right one times 2: the change was divided by h.",
    "From x - h to x + h the distance is 2h.",
    "How far apart are the two points where f was evaluated?",
)
def _(f, x, h=1e-5):
    return 2 * numerical_gradient(f, x, h)


@numerical_gradient.misconception(
    "one-sided",
    "Your gradient is close but not equal: it is a one-sided difference, from x to x + h.",
    "The one-sided error shrinks with h, the central one with h squared, which is much smaller.",
    "Use f at x + h and at x - h.",
)
def _(f, x, h=1e-5):
    gradient = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        moved = x.copy()
        moved[i] += h
        gradient[i] = (f(moved) - f(x)) / h
    return gradient


@numerical_gradient.misconception(
    "never restored",
    "Your gradient leaves x changed: nudged entries are not put back.",
    "The caller still needs x, and the next entry's difference is taken at a shifted point.",
    "Keep the old value of the entry and write it back.",
)
def _(f, x, h=1e-5):
    gradient = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        x[i] += h
        above = f(x)
        x[i] -= 2 * h
        gradient[i] = (above - f(x)) / (2 * h)
    return gradient


@numerical_gradient.misconception(
    "h ignored",
    "Your gradient uses a step of 1e-5 whatever h is.",
    "h is an argument with a default, and a caller may give another.",
    "Is a step written into the code?",
)
def _(f, x, h=1e-5):
    return numerical_gradient(f, x, 1e-5)


@numerical_gradient.misconception(
    "all entries at once",
    "Your gradient nudges all entries of x together, so every entry holds the same number.",
    "A partial derivative lets one entry move while the others stand still.",
    "Nudge inside the loop, one index at a time.",
)
def _(f, x, h=1e-5):
    return np.full(x.shape, (f(x + h) - f(x - h)) / (2 * h))


@numerical_gradient.misconception(
    "no copy made",
    "Your gradient is 0 everywhere.",
    "`above = x` makes no copy: both names are the same array, so the two nudges cancel and f sees "
    "the same point twice.",
    "Use x.copy(), or nudge x itself and put the entry back.",
)
def _(f, x, h=1e-5):
    return np.zeros(x.shape)


@numerical_gradient.misconception(
    "not divided",
    "Your gradient is the change of f, not yet divided by the distance.",
    "A derivative is a ratio: nudge out over nudge in.",
    "Divide by the distance between the two points.",
)
def _(f, x, h=1e-5):
    return 2 * h * numerical_gradient(f, x, h)


@numerical_gradient.misconception(
    "sign turned",
    "Your gradient has the opposite sign.",
    "The later point minus the earlier one: f(x + h) - f(x - h).",
    "Which of the two values is subtracted?",
)
def _(f, x, h=1e-5):
    return -numerical_gradient(f, x, h)


@numerical_gradient.also_right("copies and flat indices")
def _(f, x, h=1e-5):
    def moved(k, by):
        other = x.copy()
        other.flat[k] += by
        return f(other)

    return np.array([(moved(k, h) - moved(k, -h)) / (2 * h) for k in range(x.size)]).reshape(
        x.shape
    )


@numerical_gradient.also_right("unit vectors")
def _(f, x, step=1e-5):
    steps = step * np.eye(x.size).reshape(-1, *x.shape)
    return np.array([f(x + e) - f(x - e) for e in steps]).reshape(x.shape) / (2 * step)


@numerical_gradient.also_right("nested lists")
def _(f, x, h=1e-5):
    gradient = np.zeros_like(x)
    cells = np.nditer(x, flags=["multi_index"])
    for _ in cells:
        e = np.zeros_like(x)
        e[cells.multi_index] = h
        gradient[cells.multi_index] = (f(x + e) - f(x - e)) / h * 0.5
    return gradient.tolist()


# Gradient descent ---------------------------------------------------------------------------------


def _descents(rng):
    fixed = [
        ("twice", 4.0, 0.1, 7),
        ("2(x - 3)", -1.0, 0.3, 6),
        ("cos", 1.0, 0.25, 5),
        ("x^3 - x", 0.5, 0.05, 9),
        ("twice", -2.5, 1.05, 6),
    ]
    probes = [Call((Stock(g), x0, rate, n)) for g, x0, rate, n in fixed]
    probes.append(Call((Stock("2(x - 3)"), float(rng.normal()), 0.2, 1), "a single step"))
    probes.append(Call((Stock("2(x - 3)"), 3.0, 0.1, 4), "a slope that is 0 on the way"))
    probes.append(Call((Stock("2(x - 3)"), 1.0, 0.5, 6), "a slope that is 0 on the way"))
    probes.append(Call((Stock("twice"), 4, 0.1, 5), "a whole number as x0"))
    return probes


def _explain_descent(probe, outcome, wanted):
    """Every rule by which the points may have followed from one another."""
    gradient, _, rate, _ = probe.args
    got = np.asarray(outcome.records[0].value, dtype=float)
    want = wanted.records[0].value
    if got.ndim != 1 or got.size != want.size or got.size < 2:
        return []
    if not np.isclose(got[0], want[0], rtol=1e-9):
        return [
            (
                Finding("first point", "points", "x0"),
                (
                    "The first of your points is not x0.",
                    "The path begins where the descent begins, before any step.",
                    "What is in the list before the loop?",
                ),
            )
        ]
    slopes = np.array([STOCK[gradient.name](x) for x in got])
    steps = np.diff(got)
    forms = {
        "learning_rate * gradient added": (
            rate * slopes[:-1],
            "The gradient points uphill.",
            "Look at the sign.",
        ),
        "the gradient subtracted": (
            -slopes[:-1],
            "The gradient alone does not say how far to go.",
            "Where does learning_rate enter?",
        ),
        "the gradient added": (
            slopes[:-1],
            "The gradient points uphill, and does not say how far to go.",
            "Look at the sign, and at learning_rate.",
        ),
        "learning_rate subtracted or added, by the sign of the gradient": (
            -rate * np.sign(slopes[:-1]),
            "Gradient descent steps in proportion to the gradient.",
            "Look for sign, or an if.",
        ),
        "learning_rate subtracted": (
            np.full(steps.shape, -rate),
            "The step is the learning rate times the gradient.",
            "Where does the gradient enter?",
        ),
        "learning_rate * the gradient at x0 subtracted": (
            np.full(steps.shape, -rate * slopes[0]),
            "The slope changes along the way.",
            "Is the gradient taken afresh at every point?",
        ),
        "gradient / learning_rate subtracted": (
            -slopes[:-1] / rate,
            "The rate multiplies the gradient.",
            "Look for a division.",
        ),
        "learning_rate * |gradient| subtracted": (
            -rate * np.abs(slopes[:-1]),
            "The sign of the gradient says which way to go.",
            "Look for abs.",
        ),
        "learning_rate * gradient of the next point subtracted": (
            -rate * slopes[1:],
            "The slope is taken where you stand.",
            "Which point goes into gradient(...)?",
        ),
        "nothing changed": (
            np.zeros(steps.shape),
            "A step moves the point.",
            "Is the new point used in the next round?",
        ),
    }
    found = [
        (
            Finding("step", "points", words),
            (f"Each of your points is the one before it with {words}.", why, look),
        )
        for words, (form, why, look) in forms.items()
        if np.allclose(steps, form, rtol=1e-7, atol=1e-12)
    ]
    if np.allclose(got[1:], want[:-1], rtol=1e-7, atol=1e-12):
        what = "Your points hold x0 twice, and everything after it comes one place too late."
        why = "x0 stands alone at the beginning; the first step leads to the next point."
        look = "Is a point stored before or after its step?"
        found.append((Finding("step", "points", "x0 twice"), (what, why, look)))
    if np.allclose(got[1:], got[0] - rate * slopes[:-1], rtol=1e-7, atol=1e-12):
        what = "Each of your points is x0 less a step; it does not start from the point before it."
        why = "A step leads on from where the last one ended."
        look = "Which point does the update subtract from?"
        found.append((Finding("step", "points", "from x0"), (what, why, look)))
    usable = slopes[:-1] != 0
    ratios = steps[usable] / (-rate * slopes[:-1][usable])
    for c in (2, 0.5, -2, -0.5):
        if ratios.size == 0 or np.allclose(ratios, c, rtol=1e-7):
            words = f"{c:g} * learning_rate * gradient subtracted"
            what = f"Each of your points is the one before it with {words}."
            found.append(
                (
                    Finding("step", "points", words),
                    (
                        what,
                        "The step is learning_rate * gradient, once.",
                        "Where does the factor come from?",
                    ),
                )
            )
    return found


@exercise(
    points=2,
    minutes=8,
    probes=_descents,
    title="Gradient descent on one variable",
    outputs=("points",),
    hints=(
        "Keep a list that begins with x0.",
        "In each step: x = x - learning_rate * gradient(x), then append x.",
        "After `steps` steps the list holds steps + 1 points.",
    ),
    explain=_explain_descent,
)
def gradient_descent(gradient, x0, learning_rate, steps):
    """The points that gradient descent visits.

    gradient: a function, the slope at a point. x0: where to start, a number. learning_rate: a
    number. steps: how many steps. Returns an array of shape (steps + 1,), x0 first.
    """
    points = [float(x0)]
    for _ in range(steps):
        points.append(points[-1] - learning_rate * gradient(points[-1]))
    return np.array(points)


def _descend(gradient, x0, learning_rate, steps, change):
    points = [float(x0)]
    for _ in range(steps):
        points.append(change(points[-1], gradient(points[-1]), learning_rate))
    return np.array(points)


@gradient_descent.misconception(
    "ascent",
    "Your points climb: the step is added.",
    "The gradient points uphill, so downhill is minus the gradient; a negative gradient then "
    "makes x "
    "grow, with no special case.",
    "Look at the sign of the update.",
)
def _(gradient, x0, learning_rate, steps):
    return _descend(gradient, x0, learning_rate, steps, lambda x, g, rate: x + rate * g)


@gradient_descent.misconception(
    "no learning rate",
    "Your points move by the whole gradient: the learning rate is not used.",
    "The gradient says which way is uphill and how steep it is, not how far to go.",
    "Where does learning_rate enter?",
)
def _(gradient, x0, learning_rate, steps):
    return _descend(gradient, x0, learning_rate, steps, lambda x, g, rate: x - g)


@gradient_descent.misconception(
    "start missing",
    "Your points leave out x0.",
    "steps steps visit steps + 1 points, the start among them.",
    "What is in the list before the loop begins?",
)
def _(gradient, x0, learning_rate, steps):
    return gradient_descent(gradient, x0, learning_rate, steps)[1:]


@gradient_descent.misconception(
    "one step short",
    "Your points stop one step too early.",
    "x0 is visited before any step, so after `steps` steps there are steps + 1 points.",
    "How often does the loop run?",
)
def _(gradient, x0, learning_rate, steps):
    return gradient_descent(gradient, x0, learning_rate, steps)[:-1]


@gradient_descent.misconception(
    "end only",
    "Your points are a single number: the end of the path.",
    "The whole path is wanted, to draw it.",
    "Collect the points in a list.",
)
def _(gradient, x0, learning_rate, steps):
    return gradient_descent(gradient, x0, learning_rate, steps)[-1]


@gradient_descent.misconception(
    "gradient only at the start",
    "Your points take equal steps: the gradient is evaluated at x0 alone.",
    "The slope changes along the way, so it is taken afresh at every point.",
    "Is gradient(...) called inside the loop, and with which argument?",
)
def _(gradient, x0, learning_rate, steps):
    return float(x0) - learning_rate * gradient(float(x0)) * np.arange(steps + 1)


@gradient_descent.misconception(
    "whole numbers",
    "Your points are cut to whole numbers when x0 is one.",
    "An array made from a whole number holds integers and drops what comes after the decimal "
    "point.",
    "Make the array with float entries.",
)
def _(gradient, x0, learning_rate, steps):
    points = np.full(steps + 1, x0)
    for k in range(steps):
        points[k + 1] = points[k] - learning_rate * gradient(points[k])
    return points


@gradient_descent.also_right("filled array")
def _(gradient, x0, learning_rate, steps):
    points = np.zeros(steps + 1)
    points[0] = x0
    for k in range(steps):
        points[k + 1] = points[k] - learning_rate * gradient(points[k])
    return points


@gradient_descent.also_right("recursion, list")
def _(gradient, x0, learning_rate, steps):
    def walk(x, left):
        return [x] if left == 0 else [x, *walk(x - learning_rate * gradient(x), left - 1)]

    return walk(float(x0), steps)


@gradient_descent.also_right("while loop, tuple")
def _(gradient, x0, learning_rate, steps):
    path, x = (x0,), x0
    while len(path) <= steps:
        x = x + -gradient(x) * learning_rate
        path += (x,)
    return path


# Questions ----------------------------------------------------------------------------------------


def _true_change():
    y = {x: (3 * x + 2) ** 2 for x in (1.0, 1.01, 2.0)}
    small, large = y[1.01] - y[1.0], y[2.0] - y[1.0]
    return (
        f"A nudge of 0.01: the straight line predicts {30 * 0.01:.2f}, the curve gives "
        f"{small:.4f}. A nudge of 1: the line predicts 30, the curve gives {large:.0f}. "
        "The curve bends away upward, so the line falls short, and a nudge a "
        "hundred times as long misses by ten thousand times as much."
    )


Predict(
    "predict_large_nudge",
    title="Predict: a large nudge",
    prompt="At $x = 1$ the curve $y = (3x + 2)^2$ has height 25 and slope 30. For a nudge of 1 the "
    "slope predicts a change of 30. What does the curve really do from $x = 1$ to $x = 2$?",
    options=(
        Option(
            "It changes by less than 30.",
            "The curve gets steeper as x grows, so it must gain more than its first slope "
            "promises.",
        ),
        Option(
            "It changes by exactly 30.",
            "Only a straight line keeps its slope. This curve bends upward all the way.",
        ),
        Option(
            "It changes by more than 30.",
            "Right: it bends upward, so it climbs more than its tangent.",
            True,
        ),
    ),
    reveal=_true_change,
    picture="tangent.png",
)


Choice(
    "what_backpropagation_gives",
    title="What does the backward pass give you?",
    prompt="A network with 1,000 weights has just run forward, and then backward once. What have "
    "you "
    "got?",
    options=(
        Option(
            "1,000 updated weights.",
            "Nothing has moved yet. The optimiser moves the weights, afterwards, using what the "
            "backward pass computed.",
        ),
        Option(
            "One derivative; the other 999 need more passes.",
            "That is the numerical way: nudge one weight, run again. Going backward, one pass "
            "serves all weights.",
        ),
        Option(
            "1,000 derivatives of the loss, one for each weight.",
            "Right: the whole gradient, for the cost of about one or two forward passes.",
            True,
        ),
        Option(
            "1,000 numbers that say how far each weight must go.",
            "A derivative says how steep it is here. How far to go is the optimiser's choice, "
            "through the learning rate.",
        ),
        Option(
            "An equal share of the error for each weight.",
            "Each weight is charged for what a nudge of that weight would do, and that differs "
            "from weight to weight.",
        ),
    ),
)

Order(
    "one_step_in_order",
    title="One step, in order",
    prompt="""
    One weight, $w = 0.5$, makes the prediction $p = w x$. For $x = 2$ the target is $y = 3$, the
    loss is $L = (p - y)^2$, and the learning rate is 0.05. Build one step of gradient descent, and
    at its end look at what it has gained: the loss with the new weight.

    Each line runs once, in your order. Two of them are wrong and must stay out.
    """,
    start={"w": 0.5, "x": 2.0, "y": 3.0, "rate": 0.05},
    moves=(
        Move("forward", "p = w * x", lambda w, x: {"p": w * x}),
        Move("loss", "L = (p - y)**2", lambda p, y: {"L": (p - y) ** 2}),
        Move("dp", "dp = 2 * (p - y)", lambda p, y: {"dp": 2 * (p - y)}),
        Move("dw", "dw = dp * x", lambda dp, x: {"dw": dp * x}),
        Move("update", "w = w - rate * dw", lambda w, rate, dw: {"w": w - rate * dw}),
        Move(
            "gain",
            "new_L = (w * x - y)**2",
            lambda w, x, y: {"new_L": (w * x - y) ** 2},
            "It is meant to show what the step has gained, so the step comes first.",
        ),
        Move(
            "update with +",
            "w = w + rate * dw",
            lambda w, rate, dw: {"w": w + rate * dw},
            out="`w = w + rate * dw` walks uphill. Here dw is negative: more weight, less loss. "
            "Minus a negative number makes w grow, plus makes it shrink.",
        ),
        Move(
            "dw with w",
            "dw = dp * w",
            lambda dp, w: {"dw": dp * w},
            out="`dw = dp * w` is the gradient of x. Nudge w in w * x: p moves by x times as much.",
        ),
    ),
    want=("L", "dw", "w", "new_L"),
    remark="The loss falls from 4 to 1.44. L and dp both need p and nothing else, so either may "
    "come first: the backward pass needs no value of the loss.",
    hints=(
        "Ask of each line: which names stand on its right? They must be there before it runs.",
        "The loop of this chapter: forward, loss, backward, update. Then the new loss.",
    ),
)


@question(
    CompleteGraph,
    title="A fork in a graph, node by node",
    points=2,
    nodes=[
        ("s", "add", "a", "b"),
        ("p", "multiply", "s", "a"),
        ("L", "subtract", "p", "b"),
    ],
    hints=(
        "The way back starts at the output: if L is nudged, L moves by just as much.",
        "b goes into s and into L. One of the two shares that come back is negative.",
    ),
)
def fork_in_a_graph(a=4, b=-2):
    return dict(
        prompt=f"s = a + b, then p = s · a, then L = p - b, at a = {a} and b = {b}. Fill in the "
        "values on the way forward, then the gradients on the way back. What is right goes into "
        "the picture.",
        inputs={"a": a, "b": b},
    )


@fork_in_a_graph.other_numbers
def _(draw):  # of the two shares that come back to b, a and -1, one is negative
    return dict(a=draw.one(range(3, 10)), b=draw.one(range(-7, 0)))
