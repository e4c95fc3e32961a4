"""Exercises of chapter 00."""

import numpy as np

from course_lib.grading import Call, exercise
from course_lib.grading.questions import Choice, Matrix, Number, Option, Predict
from course_lib.grading.variants import listed, pmatrix, question, spelled


def _numbers(rng):
    return [Call((x,)) for x in (3.0, -1.5, 0.0, 0.25, 7, 2, *rng.normal(size=3).tolist())]


@exercise(
    points=1,
    minutes=1,
    probes=_numbers,
    title="Twice a number",
    outputs=("2x",),
    hints=("Python multiplies with `*`.", "The result must be handed back with `return`."),
)
def double(x):
    """Twice the number x. Returns 2x."""
    return 2 * x


@double.misconception(
    "squared",
    "Your function squares x: it is right for 0 and for 2, and for nothing else.",
    "Twice x is x + x; x squared is x times x.",
    "Try x = 3 by hand.",
)
def _(x):
    return x**2


@double.misconception(
    "plus two",
    "Your function adds 2 to x.",
    "Twice x is x + x, which equals x + 2 only at x = 2.",
    "Try x = 0 by hand.",
)
def _(x):
    return x + 2


@double.also_right("a sum")
def _(x):
    return x + x


@double.also_right("NumPy")
def _(x):
    return np.multiply(x, 2.0)


@double.also_right("undoing a half")
def _(x):
    return np.float32(x / 0.5)


@question(Number, title="Slope of a curve", hints=("The derivative of $x^n$ is $n x^{n-1}$.",))
def slope_of_a_curve(x=3):
    return dict(
        prompt=f"What is the slope of the curve $y = x^2$ at $x = {x}$?",
        answer=2 * x,
        mistakes=(
            (
                "value",
                x**2,
                f"{x**2} is the height of the curve at {x}. The slope says how fast the height "
                f"changes there: how much does y grow when x goes from {x} to {x}.001?",
            ),
            (
                "secant",
                x,
                f"{x} is the slope of the straight line from the origin to the point "
                f"({x}, {x**2}). The curve itself is steeper there. What is the derivative of x^2?",
            ),
            (
                "constant",
                2,
                f"2 is the exponent. The derivative of x^2 still contains x: put x = {x} in.",
            ),
            (
                "nudge one",
                2 * x + 1,
                f"{2 * x + 1} is the change of y when x goes from {x} to {x + 1}. That step is too "
                "long: the slope is what the ratio comes to for very short steps.",
            ),
        ),
    )


@slope_of_a_curve.other_numbers
def _(draw):
    return dict(x=draw.one(range(4, 13)))


@question(Matrix, title="Matrix product")
def matrix_product(A=((1, 2), (3, 4)), B=((0, 1), (2, 3))):
    A, B = np.array(A), np.array(B)
    return dict(
        prompt=f"Fill in $A B$ for $A = {pmatrix(A)}$ and $B = {pmatrix(B)}$.",
        answer=A @ B,
        mistakes=(
            (
                "elementwise",
                A * B,
                "You multiplied entry by entry (`A * B`). In the matrix product, "
                "entry (i, j) is row i of A times column j of B, summed.",
            ),
            (
                "exchanged",
                B @ A,
                "That is B A. The order matters: rows come from the first matrix.",
            ),
            (
                "rows by rows",
                A @ B.T,
                "You took rows of A with rows of B. The second factor gives its columns.",
            ),
        ),
        hints=(f"The entry at the top left is {A[0, 0]} * {B[0, 0]} + {A[0, 1]} * {B[1, 0]}.",),
    )


@matrix_product.other_numbers
def _(draw):
    A, B = draw.some(range(1, 7), 4), draw.some(range(6), 4)
    return dict(A=np.reshape(A, (2, 2)), B=np.reshape(B, (2, 2)))


@question(
    Matrix,
    title="Sum along an axis",
    hints=("axis=0 is the axis that disappears: 2 rows become none, 3 columns stay.",),
)
def sum_along_an_axis(A=((1, 2, 3), (4, 5, 6))):
    A = np.array(A)
    return dict(
        prompt=f"`A` is ${pmatrix(A)}$. Fill in `A.sum(axis=0)`.",
        answer=A.sum(axis=0),
        mistakes=(
            (
                "averaged",
                A.mean(axis=0),
                "Those are the means of the columns; the sums were wanted.",
            ),
            (
                "first row",
                A[0],
                "That is the first row. axis=0 walks down the rows and adds them up.",
            ),
            ("product", A.prod(axis=0), "You multiplied down the columns; `sum` adds."),
            (
                "running",
                A.cumsum(axis=1)[0],
                "That is a running sum along the first row; axis=0 goes down each column.",
            ),
        ),
    )


@sum_along_an_axis.other_numbers
def _(draw):
    return dict(A=draw.array(range(1, 10), 2, 3))


@question(
    Choice,
    title="Broadcasting",
    hints=("Write the shapes under each other, aligned at the right.",),
)
def broadcast_shape(n=4, m=3):
    return dict(
        prompt=f"`X` has shape `({n}, {m})` and `b` has shape `({m},)`. What is `X + b`?",
        options=(
            Option(
                "An error: the shapes differ.",
                f"NumPy compares shapes from the right: {m} and {m} agree, and the missing axis of "
                "b is filled by repeating it.",
            ),
            Option(
                f"Shape ({n}, {m}): b is added to every row.",
                f"Right. b is laid under each of the {spelled(n)} rows. A bias works this way.",
                True,
            ),
            Option(
                f"Shape ({n}, {m}): b is added to every column.",
                f"A column of X has {n} entries and b has {m}: that would not fit. b lies along a "
                "row.",
            ),
            Option(
                f"Shape ({n}, {2 * m}): b is appended to every row.",
                f"Appending is `np.concatenate`. `+` adds entries and keeps the shape ({n}, {m}).",
            ),
        ),
    )


@broadcast_shape.other_numbers
def _(draw):
    n, m = draw.some(range(2, 10), 2)
    return dict(n=n, m=m)


@question(Predict, title="Predict: how good is one example?", count=True)
def predict_agreement(xs=(0, 1, 2, 3)):
    rows = [(x, x**2, 2 * x) for x in xs]
    agree = sum(square == twice for _, square, twice in rows)
    table = "; ".join(f"x = {x}: x**2 = {s}, 2x = {t}" for x, s, t in rows)
    tries = f"{listed(xs[:-1])} and {xs[-1]}"
    return dict(
        prompt=f"A learner writes `x ** 2` for *twice x*. They try it at x = {tries}. At how many "
        "of these four is the answer right?",
        answer=agree,
        mistakes=(
            ("none", 0, "At least one of them is right: what are 0 squared and twice 0?"),
            ("one", 1, "There is more than one. Which of the four did you compute?")
            if agree == 2
            else ("two", 2, "There is only one. Which of the four did you compute?"),
        ),
        reveal=lambda: (
            f"{table}. They agree {'once' if agree == 1 else f'{agree} times'}. Whoever tries a "
            "wrong answer only at 0 and 2 believes it is right, which is why the grader tries many "
            "inputs."
        ),
    )


@predict_agreement.other_numbers
def _(draw):
    right = draw.one(((0,), (0, 2)))
    return dict(xs=sorted([*right, *draw.some((-3, -2, -1, 1, 3, 4, 5), 4 - len(right))]))
