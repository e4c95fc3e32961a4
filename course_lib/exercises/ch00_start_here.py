"""Exercises of chapter 00."""

import numpy as np

from course_lib.grading import Call, exercise
from course_lib.grading.questions import Choice, Matrix, Number, Option, Predict


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


Number(
    "slope_of_a_curve",
    title="Slope of a curve",
    prompt="What is the slope of the curve $y = x^2$ at $x = 3$?",
    answer=2 * 3,
    mistakes=(
        (
            "value",
            9,
            "9 is the height of the curve at 3. The slope says how fast the height "
            "changes there: how much does y grow when x goes from 3 to 3.001?",
        ),
        (
            "secant",
            3,
            "3 is the slope of the straight line from the origin to the point (3, 9). "
            "The curve itself is steeper there. What is the derivative of x^2?",
        ),
        ("constant", 2, "2 is the exponent. The derivative of x^2 still contains x: put x = 3 in."),
        (
            "nudge one",
            7,
            "7 is the change of y when x goes from 3 to 4. That step is too long: the "
            "slope is what the ratio comes to for very short steps.",
        ),
    ),
    hints=("The derivative of $x^n$ is $n x^{n-1}$.",),
)

_A, _B = np.array([[1, 2], [3, 4]]), np.array([[0, 1], [2, 3]])
Matrix(
    "matrix_product",
    title="Matrix product",
    prompt=r"Fill in $A B$ for $A = \begin{pmatrix}1&2\\3&4\end{pmatrix}$ and "
    r"$B = \begin{pmatrix}0&1\\2&3\end{pmatrix}$.",
    answer=_A @ _B,
    mistakes=(
        (
            "elementwise",
            _A * _B,
            "You multiplied entry by entry (`A * B`). In the matrix product, "
            "entry (i, j) is row i of A times column j of B, summed.",
        ),
        ("exchanged", _B @ _A, "That is B A. The order matters: rows come from the first matrix."),
        (
            "rows by rows",
            _A @ _B.T,
            "You took rows of A with rows of B. The second factor gives its columns.",
        ),
    ),
    hints=("The entry at the top left is 1 * 0 + 2 * 2.",),
)

_S = np.array([[1, 2, 3], [4, 5, 6]])
Matrix(
    "sum_along_an_axis",
    title="Sum along an axis",
    prompt=r"`A` is $\begin{pmatrix}1&2&3\\4&5&6\end{pmatrix}$. Fill in `A.sum(axis=0)`.",
    answer=_S.sum(axis=0),
    mistakes=(
        ("averaged", _S.mean(axis=0), "Those are the means of the columns; the sums were wanted."),
        ("first row", _S[0], "That is the first row. axis=0 walks down the rows and adds them up."),
        ("product", _S.prod(axis=0), "You multiplied down the columns; `sum` adds."),
        (
            "running",
            _S.cumsum(axis=1)[0],
            "That is a running sum along the first row; axis=0 goes down each column.",
        ),
    ),
    hints=("axis=0 is the axis that disappears: 2 rows become none, 3 columns stay.",),
)

Choice(
    "broadcast_shape",
    title="Broadcasting",
    prompt="`X` has shape `(4, 3)` and `b` has shape `(3,)`. What is `X + b`?",
    options=(
        Option(
            "An error: the shapes differ.",
            "NumPy compares shapes from the right: 3 and 3 agree, and the missing axis of b is "
            "filled by repeating it.",
        ),
        Option(
            "Shape (4, 3): b is added to every row.",
            "Right. b is laid under each of the four rows. A bias works this way.",
            True,
        ),
        Option(
            "Shape (4, 3): b is added to every column.",
            "A column of X has 4 entries and b has 3: that would not fit. b lies along a row.",
        ),
        Option(
            "Shape (4, 6): b is appended to every row.",
            "Appending is `np.concatenate`. `+` adds entries and keeps the shape (4, 3).",
        ),
    ),
    hints=("Write the shapes under each other, aligned at the right.",),
)


def _count_agreements():
    rows = [(x, x**2, 2 * x) for x in range(4)]
    agree = sum(square == twice for _, square, twice in rows)
    table = "; ".join(f"x = {x}: x**2 = {s}, 2x = {t}" for x, s, t in rows)
    return (
        f"{table}. They agree {agree} times. Whoever tries a wrong answer only at 0 and 2 "
        "believes it is right, which is why the grader tries many inputs."
    )


Predict(
    "predict_agreement",
    title="Predict: how good is one example?",
    prompt="A learner writes `x ** 2` for *twice x*. They try it at x = 0, 1, 2 and 3. At how "
    "many of "
    "these four is the answer right?",
    answer=sum(x**2 == 2 * x for x in range(4)),
    mistakes=(
        ("none", 0, "At least one of them is right: what are 0 squared and twice 0?"),
        ("one", 1, "There is more than one. Which of the four did you compute?"),
    ),
    count=True,
    reveal=_count_agreements,
)
