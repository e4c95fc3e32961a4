"""Exercises of chapter 02."""

import numpy as np

from course_lib.grading import Call, Finding, Script, Seed, by_nudging, exercise
from course_lib.grading.questions import Choice, Matrix, Option, Predict
from course_lib.grading.shape_puzzle import ShapePuzzle
from course_lib.grading.variants import listed, pmatrix, question

SQUARE, SINGLE = "square matrices (N = D = M)", "a batch of one sample"
NARROW, REPEATED = "a layer with one output", "values that occur more than once"


def _cases(rng, *axes):
    """Arguments whose axes are named by letters: all sizes different, all equal, N = 1."""
    sizes = [
        ({"N": 6, "D": 3, "M": 4}, ""),
        ({"N": 6, "D": 3, "M": 4}, ""),
        ({"N": 5, "D": 4, "M": 2}, ""),
        ({"N": 7, "D": 2, "M": 3}, ""),
        ({"N": 5, "D": 5, "M": 5}, SQUARE),
        ({"N": 1, "D": 3, "M": 2}, SINGLE),
        ({"N": 5, "D": 3, "M": 1}, NARROW),
        ({"N": 7, "D": 4, "M": 3}, REPEATED),
    ]

    def array(size, label):
        return rng.integers(-2, 3, size) / 2 if label == REPEATED else rng.normal(size=size)

    return [
        Call(tuple(array([size[a] for a in one], label) for one in axes), label)
        for size, label in sizes
    ]


# Forward ------------------------------------------------------------------------------------------


@exercise(
    points=1,
    minutes=4,
    probes=lambda rng: _cases(rng, "ND", "DM", "M"),
    title="The linear layer, forward",
    outputs=("Y",),
    hints=("`@` is the matrix product.", "b (M,) is added to every row by broadcasting."),
    ingredients=lambda X, W, b: {"X @ W": X @ W} if X.shape[-1] == W.shape[0] else {},
)
def linear_forward(X, W, b):
    """Forward pass of a linear layer.

    X: samples as rows, (N, D). W: weights, (D, M). b: bias, (M,). Returns Y, (N, M).
    """
    return X @ W + b


@linear_forward.misconception(
    "bias missing",
    "Your Y is X @ W: the bias is not added.",
    "A neuron's output is the weighted sum of its inputs plus its bias.",
    "Where does b enter?",
)
def _(X, W, b):
    return X @ W


@linear_forward.misconception(
    "W transposed",
    "Your Y uses W transposed, which raises unless W is square, and is silently wrong when it is.",
    "W has a row for each input and a column for each output, so X (N, D) meets W (D, M) as it is.",
    "Write the shapes under X, W and Y.",
)
def _(X, W, b):
    return X @ W.T + b


@linear_forward.misconception(
    "bias subtracted",
    "Your Y subtracts the bias.",
    "The bias is added to the weighted sum.",
    "Check the sign of b.",
)
def _(X, W, b):
    return X @ W - b


@linear_forward.misconception(
    "columns as samples",
    "Your Y is the transpose of the right one: its columns are the samples.",
    "Rows are samples here: row n of Y belongs to row n of X.",
    "Y must have the shape (N, M).",
)
def _(X, W, b):
    return (X @ W + b).T


@linear_forward.misconception(
    "bias inside the product",
    "Your Y adds the bias to W before multiplying, so each sample scales it.",
    "The bias is the same for every sample, whatever its inputs are.",
    "Multiply first, then add.",
)
def _(X, W, b):
    return X @ (W + b)


@linear_forward.misconception(
    "bias along the samples",
    "Your Y adds b down the columns, one entry per sample.",
    "b has one entry per output: it lies along a row.",
    "b has shape (M,); does it need a reshape at all?",
)
def _(X, W, b):
    return X @ W + b[:, None]


@linear_forward.also_right("einsum")
def _(X, W, b):
    return np.einsum("nd,dm->nm", X, W) + b[None, :]


@linear_forward.also_right("loops")
def _(X, W, b):
    Y = [
        [b[m] + sum(X[n, d] * W[d, m] for d in range(X.shape[1])) for m in range(W.shape[1])]
        for n in range(X.shape[0])
    ]
    return Y


@linear_forward.also_right("a column of ones, float32")
def _(X, W, b):
    X1 = np.hstack([X, np.ones((len(X), 1))]).astype(np.float32)
    return X1 @ np.vstack([W, b]).astype(np.float32)


# Backward, one gradient at a time -----------------------------------------------------------------


@exercise(
    points=2,
    minutes=8,
    probes=lambda rng: _cases(rng, "ND", "NM"),
    title="Gradient of the weights",
    outputs=("dW",),
    hints=(
        "W[d, m] carries input d to output m, in every sample.",
        "So dW[d, m] is the sum over n of X[n, d] * dY[n, m].",
        "Which of the two must be transposed so that the sum runs over the samples?",
    ),
    numerical=lambda X, dY: by_nudging(
        lambda W: np.sum(dY * (X @ W)), np.zeros((X.shape[1], dY.shape[1]))
    ),
)
def weight_gradient(X, dY):
    """Gradient of the loss with respect to the weights of a linear layer.

    X: the layer's input, (N, D). dY: upstream gradient, (N, M). Returns dW, (D, M).
    """
    return X.T @ dY


@weight_gradient.misconception(
    "transposed",
    "Your dW is dY^T X, the transpose of the right one.",
    "Entry (d, m) of dW belongs to W[d, m]; rows are inputs, columns are outputs.",
    "Compare the shape of your dW with that of W, in a layer that is not square.",
)
def _(X, dY):
    return dY.T @ X


@weight_gradient.misconception(
    "averaged",
    "Your dW is the right one divided by N: you averaged over the batch.",
    "The 1/N of a mean loss is applied once, in the loss, and dY already carries it; the layer "
    "sums.",
    "Where does your code divide by the batch size, or take a mean?",
)
def _(X, dY):
    return X.T @ dY / len(X)


@weight_gradient.misconception(
    "upstream ignored",
    "Your dW is what comes out if dY is 1 everywhere: the upstream gradient is missing.",
    "How much the loss feels output m in sample n is just what dY[n, m] says.",
    "Where does dY enter?",
)
def _(X, dY):
    return X.T @ np.ones_like(dY)


@weight_gradient.misconception(
    "one sample only",
    "Your dW comes from the first sample alone.",
    "Every sample used the same W, so the contributions of all N samples add up.",
    "Look for an index [0], or a loop that returns too early.",
)
def _(X, dY):
    return np.outer(X[0], dY[0])


@weight_gradient.misconception(
    "last sample only",
    "Your dW comes from the last sample alone: each one overwrites the one before.",
    "The contributions of all N samples add up.",
    "Is there an `=` where `+=` is needed?",
)
def _(X, dY):
    return np.outer(X[-1], dY[-1])


@weight_gradient.misconception(
    "no transpose",
    "Your dW is the product X @ dY, which raises unless N = D, and is silently wrong when "
    "they are equal.",
    "The sum must run over the samples n: X[n, d] * dY[n, m]. In X @ dY it runs over the inputs of "
    "one and the samples of the other.",
    "Which axis do X and dY share?",
)
def _(X, dY):
    return X @ dY


@weight_gradient.misconception(
    "inputs ignored",
    "Your dW is the same in every row: the inputs X do not enter.",
    "A weight whose input was 0 had no part in the output, so its gradient is 0.",
    "Where does X enter?",
)
def _(X, dY):
    return np.ones_like(X).T @ dY


@weight_gradient.misconception(
    "means multiplied",
    "Your dW is the product of sums over the batch.",
    "Each sample pairs its own input with its own error; a sum of products is not a product of "
    "sums.",
    "Multiply within each sample first, then add up.",
)
def _(X, dY):
    return np.outer(X.sum(axis=0), dY.sum(axis=0))


@weight_gradient.also_right("einsum")
def _(X, dY):
    return np.einsum("nd,nm->dm", X, dY)


@weight_gradient.also_right("sum of outer products")
def _(X, dY):
    dW = np.zeros((X.shape[1], dY.shape[1]))
    for x, dy in zip(X, dY, strict=True):
        dW += np.outer(x, dy)
    return dW


@weight_gradient.also_right("transposed twice, float32")
def _(X, dY):
    return (dY.astype(np.float32).T @ X.astype(np.float32)).T.tolist()


@exercise(
    points=2,
    minutes=5,
    probes=lambda rng: _cases(rng, "NM"),
    title="Gradient of the bias",
    outputs=("db",),
    hints=(
        "b[m] is added to output m of every sample.",
        "So a nudge of b[m] is felt once per sample: the contributions add up over n.",
        "Which axis of dY counts the samples n? That one has to disappear.",
    ),
    numerical=lambda dY: by_nudging(lambda b: np.sum(dY * b), np.zeros(dY.shape[1])),
)
def bias_gradient(dY):
    """Gradient of the loss with respect to the bias of a linear layer.

    dY: upstream gradient, (N, M). Returns db, (M,).
    """
    return dY.sum(axis=0)


@bias_gradient.misconception(
    "averaged",
    "Your db is the right one divided by N, the number of samples.",
    "The bias is added to every sample, so its gradient is the sum of what all samples send back; "
    "the 1/N of a mean loss already came in with the loss.",
    "Where does your code take a mean, or divide by N?",
)
def _(dY):
    return dY.mean(axis=0)


@bias_gradient.misconception(
    "not summed",
    "Your db is dY itself, with a row for each sample.",
    "There is one bias for the whole batch, so the rows add up to one.",
    "db must have the shape of b, (M,).",
)
def _(dY):
    return dY


@bias_gradient.misconception(
    "wrong axis",
    "Your db sums over the outputs and keeps the samples.",
    "There is one bias per output, shared by all samples: the sum runs over the samples.",
    "axis=0 is the axis that disappears.",
)
def _(dY):
    return dY.sum(axis=1)


@bias_gradient.misconception(
    "everything summed",
    "Your db is a single number: dY was summed over both axes.",
    "Each output has a bias of its own, so M numbers are left.",
    "Give `sum` an axis.",
)
def _(dY):
    return dY.sum()


@bias_gradient.misconception(
    "kept dimension",
    "Your db has the right numbers in shape (1, M) instead of (M,).",
    "A gradient has exactly the shape of its variable, and b has the shape (M,).",
    "Look for keepdims=True, or a product with a row of ones.",
)
def _(dY):
    return dY.sum(axis=0, keepdims=True)


@bias_gradient.misconception(
    "upstream ignored",
    "Your db is N in every entry: the upstream gradient is missing.",
    "dY/db is 1 for each sample, and by the chain rule it is multiplied with dY before summing.",
    "Where do the values of dY enter?",
)
def _(dY):
    return np.full(dY.shape[1], float(len(dY)))


@bias_gradient.misconception(
    "one sample only",
    "Your db comes from the first sample alone.",
    "All N samples used the same bias, so their contributions add up.",
    "Look for an index [0].",
)
def _(dY):
    return dY[0]


@bias_gradient.misconception(
    "last sample only",
    "Your db comes from the last sample alone.",
    "All N samples used the same bias, so their contributions add up.",
    "Is there an `=` in a loop where `+=` is needed?",
)
def _(dY):
    return dY[-1]


@bias_gradient.also_right("product with ones")
def _(dY):
    return np.ones(len(dY)) @ dY


@bias_gradient.also_right("loop, list")
def _(dY):
    return [float(sum(column)) for column in dY.T]


@bias_gradient.also_right("einsum, float32")
def _(dY):
    return np.einsum("nm->m", dY.astype(np.float32))


@exercise(
    points=2,
    minutes=6,
    probes=lambda rng: _cases(rng, "NM", "DM"),
    title="Gradient of the input",
    outputs=("dX",),
    hints=(
        "Input d of sample n reached every output m, each through the weight W[d, m].",
        "So dX[n, d] is the sum over m of dY[n, m] * W[d, m].",
        "The sum runs over the outputs: the second axis of dY and the second axis of W.",
    ),
    numerical=lambda dY, W: by_nudging(lambda X: np.sum(dY * (X @ W)), np.zeros((len(dY), len(W)))),
)
def input_gradient(dY, W):
    """Gradient of the loss with respect to the input of a linear layer.

    dY: upstream gradient, (N, M). W: weights, (D, M). Returns dX, (N, D).
    """
    return dY @ W.T


@input_gradient.misconception(
    "W not transposed",
    "Your dX is dY @ W, which raises unless W is square, and is silently wrong when it is.",
    "Going back, the sum runs over the outputs m, the second axis of W, so W is met from its other "
    "side.",
    "Write the shapes beside each other: (N, M), then what?",
)
def _(dY, W):
    return dY @ W


@input_gradient.misconception(
    "transposed",
    "Your dX is the transpose of the right one: its columns are the samples.",
    "dX has the shape of X, with samples as rows.",
    "Which index of your result counts the samples?",
)
def _(dY, W):
    return W @ dY.T


@input_gradient.misconception(
    "averaged",
    "Your dX is the right one divided by N.",
    "Each sample has a row of dX of its own, so nothing is averaged here; the 1/N of a mean loss "
    "is "
    "already in dY.",
    "Where does your code divide by the batch size?",
)
def _(dY, W):
    return dY @ W.T / len(dY)


@input_gradient.misconception(
    "upstream ignored",
    "Your dX is the same in every row: what comes out if dY is 1 everywhere.",
    "Each output's error travels back through the weights; dY holds those errors.",
    "Where does dY enter?",
)
def _(dY, W):
    return np.ones_like(dY) @ W.T


@input_gradient.misconception(
    "weights ignored",
    "Your dX does not depend on W: what comes out if every weight is 1.",
    "What comes back through a weight is multiplied by that weight.",
    "Where does W enter?",
)
def _(dY, W):
    return dY @ np.ones_like(W).T


@input_gradient.misconception(
    "one output only",
    "Your dX follows only the first output back.",
    "Input d reached all M outputs, and what comes back on those paths adds up.",
    "Look for an index [0].",
)
def _(dY, W):
    return np.outer(dY[:, 0], W[:, 0])


@input_gradient.misconception(
    "last output only",
    "Your dX follows only the last output back.",
    "Input d reached all M outputs, and what comes back on those paths adds up.",
    "Is there an `=` in a loop where `+=` is needed?",
)
def _(dY, W):
    return np.outer(dY[:, -1], W[:, -1])


@input_gradient.misconception(
    "divided by W",
    "Your dX divides by the weights.",
    "Going back does not undo the forward pass: a gradient is multiplied by the same weight that "
    "the value was multiplied by.",
    "Which product did the forward pass take?",
)
def _(dY, W):
    return dY @ (1 / W).T


@input_gradient.also_right("einsum")
def _(dY, W):
    return np.einsum("nm,dm->nd", dY, W)


@input_gradient.also_right("sum over outputs")
def _(dY, W):
    dX = np.zeros((dY.shape[0], W.shape[0]))
    for m in range(W.shape[1]):
        dX += dY[:, m, None] * W[:, m]
    return dX


@input_gradient.also_right("transposed twice, float32")
def _(dY, W):
    return (W.astype(np.float32) @ dY.T.astype(np.float32)).T


# The layer ----------------------------------------------------------------------------------------

INITIAL, TWO_LAYERS = "a new layer", "two layers side by side"


def _scripts(rng):
    def values(N, D, M):
        return [rng.normal(size=s) for s in ((N, D), (D, M), (M,), (N, M))]

    def new(layer, D, M, W, b):
        return [("new", layer, (D, M, Seed(1))), ("set", layer, "W", W), ("set", layer, "b", b)]

    def forward(layer, X):
        return ("call", layer, "forward", (X,), "Y")

    def backward(layer, dY):
        return [
            ("call", layer, "backward", (dY,), "dX"),
            ("read", layer, "dW", "dW"),
            ("read", layer, "db", "db"),
        ]

    def once(label, *sizes):
        X, W, b, dY = values(*sizes)
        return Script(
            (
                *new("layer", *sizes[1:], W, b),
                forward("layer", X),
                *backward("layer", dY),
                ("read", "layer", "W", "W after backward"),
                ("read", "layer", "b", "b after backward"),
            ),
            label,
        )

    X1, W1, b1, dY1 = values(6, 3, 4)
    X2, W2, b2, dY2 = values(5, 3, 4)
    twice = [
        *new("layer", 3, 4, W1, b1),
        forward("layer", X1),
        *backward("layer", dY1),
        ("set", "layer", "W", W2),
        ("set", "layer", "b", b2),
        forward("layer", X2),
        *backward("layer", dY2),
    ]
    newest = [
        *new("layer", 3, 4, W1, b1),
        forward("layer", X2),
        ("call", "layer", "forward", (X1[::-1],), "earlier Y"),
        forward("layer", X1),
        ("look again", "earlier Y", "earlier Y"),
        *backward("layer", dY1),
    ]
    X3, W3, b3, dY3 = values(7, 2, 5)
    beside = [
        *new("first", 3, 4, W1, b1),
        *new("second", 2, 5, W3, b3),
        forward("first", X1),
        forward("second", X3),
        *backward("first", dY1),
        *backward("second", dY3),
    ]
    initial = [
        ("new", "layer", (6, 4, Seed(3))),
        ("read", "layer", "W", "W"),
        ("read", "layer", "b", "b"),
        ("new", "twin", (6, 4, Seed(3))),
        ("read", "twin", "W", "W (same seed)"),
        ("new", "other", (6, 4, Seed(4))),
        ("read", "other", "W", "W (other seed)"),
        ("read", "layer", "W", "W (of the first layer, again)"),
    ]
    return [
        once("", 6, 3, 4),
        once("", 5, 4, 2),
        once(NARROW, 5, 3, 1),
        once(SQUARE, 5, 5, 5),
        once(SINGLE, 1, 3, 2),
        Script(tuple(twice), "a second pass with other weights"),
        Script(tuple(newest), "two forward passes in a row"),
        Script(tuple(beside), TWO_LAYERS),
        Script(tuple(initial), INITIAL),
    ]


def _refuse_updates(probe, outcome):
    before = {step[2]: step[3] for step in probe.steps if step[0] == "set"}
    for record in outcome.records:
        name, after, _ = record.name.partition(" after backward")
        kept = isinstance(record.value, np.ndarray) and np.shape(record.value) == np.shape(
            before.get(name)
        )
        if after and kept and not np.allclose(record.value, before[name], rtol=1e-4, atol=1e-6):
            return (
                Finding("updates in backward", name),
                f"Your layer changes {name} on the way forward or backward. Both only compute; "
                "moving parameters is the optimiser's work. Which line of forward or backward "
                f"writes to self.{name}?",
            )
    return None


def _accept_layer(probe, outcome):
    """Of a new layer: any non-constant W drawn from the rng, b = 0. Backward leaves both alone."""
    if probe.label != INITIAL:
        return _refuse_updates(probe, outcome)
    W, b, twin, other, still = (r.value for r in outcome.records)
    if not all(isinstance(v, np.ndarray) for v in (W, b, twin, other, still)):
        return None
    if W.shape != (6, 4):
        return (
            Finding("shape", "W", (W.shape, (6, 4))),
            f"Your W has shape {W.shape} for Linear(6, 4, rng), but it must be (6, 4): a row "
            f"for "
            "each input, a column for each output.",
        )
    if b.shape != (4,) or b.any():
        return (
            Finding("initial value", "b", b.shape),
            f"Your b must start as zeros of shape (4,); it has shape {b.shape}"
            f"{' and is not 0' if b.any() else ''}. With one bias per output, 0 is a fine "
            f"start.",
        )
    if not np.isfinite(W).all():
        return (
            Finding("initial value", "W", "not finite"),
            "Your W starts with entries that are not finite numbers. Every output would be nan or "
            "infinite. What is divided by, or drawn, when W is made?",
        )
    if np.all(W == W.flat[0]):
        return (
            Finding("initial value", "W", "constant"),
            "Your W starts with the same value everywhere. In a hidden layer, units with equal "
            "weights in and out get equal gradients and stay equal for ever. Where does rng enter?",
        )
    if not np.array_equal(W, twin):
        return (
            Finding("initial value", "W", "not from rng"),
            "Your W differs between two layers made with the same seed. All randomness must "
            "come "
            "from the rng that is handed in, so that a run can be repeated. Look for "
            "np.random.",
        )
    if np.array_equal(W, other):
        return (
            Finding("initial value", "W", "seed ignored"),
            "Your W is the same for two different seeds: the rng that is handed in is not used.",
        )
    if not np.array_equal(W, still):
        return (
            Finding("shared", "W", "class"),
            "The W of your first layer changed when another layer was made: the layers share "
            "it. "
            "Keep W on self, not on the class.",
        )
    return True


@exercise(
    points=5,
    minutes=20,
    probes=_scripts,
    title="A linear layer of your own",
    outputs=("Y", "dX", "dW", "db"),
    accept=_accept_layer,
    hints=(
        "forward must keep X (self.X = X): backward cannot do without it.",
        "backward stores self.dW and self.db, and returns the gradient for the layer before.",
        "You have written all the formulas: weight_gradient, bias_gradient, input_gradient.",
    ),
    blind_spots=(
        "A layer that keeps a reference to X and one that keeps a copy look alike, because the "
        "judge does not change X between forward and backward; both are right.",
    ),
)
class Linear:
    """A linear layer, Y = X W + b, with X (N, D), W (D, M), b (M,), Y (N, M)."""

    def __init__(self, in_features, out_features, rng):
        """D = in_features, M = out_features. W: drawn from rng, (D, M). b: zeros, (M,)."""
        self.W = rng.normal(0, 1 / np.sqrt(in_features), size=(in_features, out_features))
        self.b = np.zeros(out_features)

    def forward(self, X):
        """X (N, D). Returns Y (N, M) and keeps what backward will need."""
        self.X = X
        return X @ self.W + self.b

    def backward(self, dY):
        """dY: upstream gradient, (N, M). Sets dW (D, M) and db (M,) afresh; returns dX (N, D)."""
        self.dW = self.X.T @ dY
        self.db = dY.sum(axis=0)
        return dY @ self.W.T


_Right = Linear.solution


@Linear.misconception(
    "dW transposed",
    "Your dW is dY^T X, the transpose of the right one.",
    "Entry (d, m) of dW belongs to W[d, m].",
    "Compare the shapes of dW and W.",
)
class _(_Right):
    def backward(self, dY):
        dX = super().backward(dY)
        self.dW = self.dW.T
        return dX


@Linear.misconception(
    "averaged over the batch",
    "Your dW and db are the right ones divided by N.",
    "The loss already averaged over the batch, and dY carries its 1/N; you divided again.",
    "No layer divides by N.",
)
class _(_Right):
    def backward(self, dY):
        dX = super().backward(dY)
        self.dW, self.db = self.dW / len(dY), self.db / len(dY)
        return dX


@Linear.misconception(
    "db averaged",
    "Your db is the right one divided by N; dW is right.",
    "The bias was added to every sample, so its gradient is a sum over the samples, like dW.",
    "Look for a mean.",
)
class _(_Right):
    def backward(self, dY):
        dX = super().backward(dY)
        self.db = dY.mean(axis=0)
        return dX


@Linear.misconception(
    "db not summed",
    "Your db is dY itself, with a row for each sample.",
    "There is one bias for the whole batch: the rows add up.",
    "db must have the shape of b.",
)
class _(_Right):
    def backward(self, dY):
        dX = super().backward(dY)
        self.db = dY
        return dX


@Linear.misconception(
    "dX without transpose",
    "Your dX is dY @ W, which raises unless W is square, and is silently wrong when it is.",
    "Going back, the sum runs over the outputs, the second axis of W.",
    "dX must have the shape of X.",
)
class _(_Right):
    def backward(self, dY):
        super().backward(dY)
        return dY @ self.W


@Linear.misconception(
    "bias missing",
    "Your Y is X @ W: the bias is not added.",
    "Y = X W + b.",
    "Where does self.b enter forward?",
)
class _(_Right):
    def forward(self, X):
        return super().forward(X) - self.b


@Linear.misconception(
    "gradients pile up",
    "Your dW adds up over calls of backward.",
    "In this exercise backward sets dW and db afresh; whoever wants a sum can add.",
    "Look for `+=` where `=` is meant.",
)
class _(_Right):
    def backward(self, dY):
        before = getattr(self, "dW", 0.0), getattr(self, "db", 0.0)
        dX = super().backward(dY)
        self.dW, self.db = self.dW + before[0], self.db + before[1]
        return dX


@Linear.misconception(
    "first input kept",
    "Your dW is computed with the X of the very first forward pass.",
    "backward belongs to the newest forward pass, so forward replaces what it kept.",
    "When is self.X set?",
)
class _(_Right):
    def forward(self, X):
        if not hasattr(self, "kept"):
            self.kept = X
        return X @ self.W + self.b

    def backward(self, dY):
        self.X = self.kept
        return super().backward(dY)


@Linear.misconception(
    "shared between layers",
    "Your dW mixes up two layers: what forward keeps is shared by all of them.",
    "A network has many layers, and each needs its own cache.",
    "Keep it on self, not on the class or in a global variable.",
)
class _(_Right):
    def forward(self, X):
        type(self).shared = X
        return X @ self.W + self.b

    def backward(self, dY):
        self.X = type(self).shared
        return super().backward(dY)


@Linear.misconception(
    "backward updates",
    "Your layer changes its weights in backward.",
    "Backward computes gradients; moving the weights is the optimiser's work, and dX must come "
    "from the weights of the forward pass.",
    "Which line writes to self.W?",
)
class _(_Right):
    def backward(self, dY):
        self.dW, self.db = self.X.T @ dY, dY.sum(axis=0)
        self.W = self.W - 0.1 * self.dW
        self.b = self.b - 0.1 * self.db
        return dY @ self.W.T


@Linear.misconception(
    "W frozen at the start",
    "Your dX uses the W that the layer was made with.",
    "The optimiser replaces W between passes, and backward must use the one of the forward pass.",
    "Is a copy of W kept in __init__?",
)
class _(_Right):
    def __init__(self, in_features, out_features, rng):
        super().__init__(in_features, out_features, rng)
        self.kept = self.W.copy()

    def backward(self, dY):
        super().backward(dY)
        return dY @ self.kept.T


@Linear.misconception(
    "W updated after dX",
    "Your layer's W is not what it was before backward.",
    "Backward computes gradients; moving the weights is the optimiser's work.",
    "Which line of backward writes to self.W?",
)
class _(_Right):
    def backward(self, dY):
        dX = super().backward(dY)
        self.W = self.W - 0.01 * self.dW
        self.b = self.b - 0.01 * self.db
        return dX


@Linear.misconception(
    "dX not returned",
    "Your backward returns nothing, where dX was wanted.",
    "The layer before needs dX as its own upstream gradient.",
    "What does backward hand back?",
)
class _(_Right):
    def backward(self, dY):
        super().backward(dY)


@Linear.misconception(
    "dW returned",
    "What your backward returns as dX is dW.",
    "Backward stores the gradients of the layer's own parameters and returns the gradient of its "
    "input.",
    "Which of the three gradients does the layer before need?",
)
class _(_Right):
    def backward(self, dY):
        super().backward(dY)
        return self.dW


@Linear.misconception(
    "W starts constant",
    "Your W starts with the same value everywhere.",
    "In a hidden layer, units with equal weights in and out get equal gradients and stay equal for "
    "ever.",
    "Where does rng enter?",
)
class _(_Right):
    def __init__(self, in_features, out_features, rng):
        self.W = np.zeros((in_features, out_features))
        self.b = np.zeros(out_features)


@Linear.misconception(
    "b starts at random",
    "Your b does not start at 0.",
    "The random W already makes the outputs different; the bias can start at 0.",
    "What does the rule for a new layer say about b?",
)
class _(_Right):
    def __init__(self, in_features, out_features, rng):
        super().__init__(in_features, out_features, rng)
        self.b = rng.normal(size=out_features)


@Linear.misconception(
    "upstream ignored",
    "Your dX is what comes out if dY is 1 everywhere; so are dW and db.",
    "dY is the upstream gradient, and all three gradients are proportional to it.",
    "Where does dY enter?",
)
class _(_Right):
    def backward(self, dY):
        return super().backward(np.ones_like(dY))


@Linear.also_right("cache in a tuple, einsum")
class _:
    def __init__(self, in_features, out_features, rng):
        self.W = rng.uniform(-0.5, 0.5, (in_features, out_features)).astype(np.float32)
        self.b = np.zeros((out_features,), dtype=np.float32)
        self.cache = None

    def forward(self, X):
        self.cache = (X.copy(), self.W)
        return np.einsum("nd,dm->nm", X, self.W) + self.b

    def backward(self, dY):
        X, W = self.cache
        self.dW = np.einsum("nd,nm->dm", X, dY)
        self.db = np.einsum("nm->m", dY)
        return np.einsum("nm,dm->nd", dY, W)


@Linear.also_right("slots, loops")
class _:
    __slots__ = ("W", "X", "b", "dW", "db")

    def __init__(self, D, M, rng):
        self.W, self.b = rng.standard_normal((D, M)) * 0.01, np.zeros(M)

    def forward(self, X):
        self.X = X
        return np.array([x @ self.W + self.b for x in X])

    def backward(self, dY):
        self.dW, self.db = np.zeros(self.W.shape), np.zeros(self.b.shape)
        for x, dy in zip(self.X, dY, strict=True):
            self.dW += np.outer(x, dy)
            self.db += dy
        return np.array([self.W @ dy for dy in dY])


@Linear.also_right("gradients as properties")
class _:
    def __init__(self, in_features, out_features, rng):
        self.W = rng.random((in_features, out_features)) - 0.5
        self.b = np.zeros(out_features)
        self.passes = []

    @property
    def dW(self):
        X, dY = self.passes[-1]
        return (dY.T @ X).T

    @property
    def db(self):
        return self.passes[-1][1].sum(0)

    def forward(self, X):
        self.X = X
        return np.dot(X, self.W) + self.b

    def backward(self, dY):
        self.passes.append((self.X, dY))
        return np.dot(dY, np.transpose(self.W))


# The optimiser's step -----------------------------------------------------------------------------


def _parameter_lists(rng):
    def lists(*shapes):
        return ([rng.normal(size=s) for s in shapes], [rng.normal(size=s) for s in shapes])

    return [
        Call((*lists((4, 3), (3,)), 0.1)),
        Call((*lists((4, 3), (3,)), 0.2)),
        Call((*lists((2, 5), (5,), (5, 3), (3,)), 0.25)),
        Call((*lists((6,), (3, 2, 4), (2,)), 1.5)),
        Call((*lists((5, 4)), 0.03), "a single parameter"),
        Call((*lists((3, 3), (3, 3), (3, 3)), 0.7), "parameters of equal shape"),
    ]


def _step_quantities(parameters, gradients, learning_rate):
    if isinstance(parameters, list):
        return {}
    norm = np.sqrt(np.sum(gradients**2))
    return {
        "learning_rate * gradient": learning_rate * gradients,
        "gradient**2": gradients**2,
        "sign(gradient)": np.sign(gradients),
        "learning_rate * parameter": learning_rate * parameters,
        "parameter * gradient": parameters * gradients,
        "learning_rate * sign(gradient)": learning_rate * np.sign(gradients),
        "learning_rate * gradient / its length": learning_rate * gradients / norm,
        "learning_rate * |gradient|": learning_rate * np.abs(gradients),
        "learning_rate**2 * gradient": learning_rate**2 * gradients,
        "gradient / learning_rate": gradients / learning_rate,
        "the mean gradient": np.mean(gradients),
        "learning_rate * the mean gradient": learning_rate * np.mean(gradients),
        "learning_rate * parameter * gradient": learning_rate * parameters * gradients,
        "learning_rate * gradient**2": learning_rate * gradients**2,
    }


@exercise(
    points=2,
    minutes=5,
    probes=_parameter_lists,
    title="One step of gradient descent",
    outputs=("parameters",),
    sequence=True,
    hints=(
        "Each parameter goes with the gradient at the same place in the list.",
        "new = p - learning_rate * g. The minus sign is always there.",
        "Do not use `-=`: it changes the caller's arrays.",
    ),
    ingredients=_step_quantities,
)
def sgd_step(parameters, gradients, learning_rate):
    """One step of gradient descent on a list of parameters.

    parameters, gradients: lists of arrays, pairwise of equal shape; they are left as they were.
    learning_rate: a number. Returns the list of the new parameters.
    """
    return [p - learning_rate * g for p, g in zip(parameters, gradients, strict=True)]


@sgd_step.misconception(
    "ascent",
    "Your parameters go uphill: the step is added.",
    "The gradient points where the loss grows, so the update subtracts it, whatever its sign.",
    "Look at the sign of the update.",
)
def _(parameters, gradients, learning_rate):
    return [p + learning_rate * g for p, g in zip(parameters, gradients, strict=True)]


@sgd_step.misconception(
    "no learning rate",
    "Your parameters move by the whole gradient: the learning rate is not used.",
    "The gradient says how steep it is, the learning rate how far to go.",
    "Where does learning_rate enter?",
)
def _(parameters, gradients, learning_rate):
    return [p - g for p, g in zip(parameters, gradients, strict=True)]


@sgd_step.misconception(
    "old list returned",
    "Your parameters are the old ones: nothing moved.",
    "In a loop, `p = p - …` gives a new array a name; the list still holds the old array.",
    "Collect the new arrays in a list of your own, and return that.",
)
def _(parameters, gradients, learning_rate):
    return list(parameters)


@sgd_step.misconception(
    "changed in place",
    "Your parameters are right, but the arrays that came in were changed too.",
    "`p -= …` writes into the caller's memory; `p - …` makes a new array.",
    "Compare the parameters you were given before and after the call.",
)
def _(parameters, gradients, learning_rate):
    for p, g in zip(parameters, gradients, strict=True):
        p -= learning_rate * g
    return parameters


@sgd_step.misconception(
    "the step alone",
    "Your parameters are the steps, -learning_rate * gradient, without the old values.",
    "A step starts from where the parameter is.",
    "Add the step to the old parameter.",
)
def _(parameters, gradients, learning_rate):
    return [-learning_rate * g for g in gradients]


@sgd_step.misconception(
    "sign of the gradient only",
    "Your parameters move by the learning rate up or down: only the gradient's sign is used.",
    "Gradient descent steps in proportion to the gradient, its size included.",
    "Look for np.sign, or an if that asks whether the gradient is positive.",
)
def _(parameters, gradients, learning_rate):
    return [p - learning_rate * np.sign(g) for p, g in zip(parameters, gradients, strict=True)]


@sgd_step.misconception(
    "always down",
    "Your parameters always get smaller: the gradient's sign is lost.",
    "w - rate * gradient makes w grow where the gradient is negative.",
    "Look for np.abs.",
)
def _(parameters, gradients, learning_rate):
    return [p - learning_rate * np.abs(g) for p, g in zip(parameters, gradients, strict=True)]


@sgd_step.misconception(
    "multiplied",
    "Your parameters are scaled by (1 - learning_rate * gradient).",
    "A step is subtracted; how far it goes does not depend on the size of the parameter.",
    "Write the update for a parameter that is 0: does it move?",
)
def _(parameters, gradients, learning_rate):
    return [p * (1 - learning_rate * g) for p, g in zip(parameters, gradients, strict=True)]


@sgd_step.misconception(
    "first parameter only",
    "Only the first of your parameters moved.",
    "Every parameter takes its step.",
    "How far does the loop run, and where is the return?",
)
def _(parameters, gradients, learning_rate):
    return [parameters[0] - learning_rate * gradients[0], *parameters[1:]]


@sgd_step.also_right("tuple, index loop")
def _(parameters, gradients, learning_rate):
    moved = ()
    for i in range(len(parameters)):
        moved += (parameters[i] + -learning_rate * gradients[i],)
    return moved


@sgd_step.also_right("copies, then in place")
def _(parameters, gradients, learning_rate):
    new = [p.copy() for p in parameters]
    for p, g in zip(new, gradients, strict=True):
        p -= learning_rate * g
    return new


@sgd_step.also_right("map, float32")
def _(parameters, gradients, learning_rate):
    return list(
        map(
            lambda p, g: np.subtract(p, learning_rate * g, dtype=np.float32),
            [p.astype(np.float32) for p in parameters],
            [g.astype(np.float32) for g in gradients],
        )
    )


# Questions ----------------------------------------------------------------------------------------


@question(Matrix, title="dW by hand", points=2)
def dW_by_hand(X=((1, 2), (0, 1), (3, -1)), dY=((1, 0, 2), (-1, 1, 0), (0, 2, 1))):
    X, dY = np.array(X), np.array(dY)
    dW = np.einsum("nd,nm->dm", X, dY)
    return dict(
        prompt=f"Three samples, two inputs, three outputs: $X = {pmatrix(X)}$ and "
        f"$dY = {pmatrix(dY)}$. Fill in $dW = X^T dY$.",
        answer=dW,
        mistakes=(
            (
                "averaged",
                dW / 3,
                "You divided by the number of samples. dW adds up over the batch; the 1/N is "
                "already in dY.",
            ),
            (
                "first sample",
                np.outer(X[0], dY[0]),
                "That is the first sample's contribution alone. Add those of the other two.",
            ),
            (
                "last sample",
                np.outer(X[-1], dY[-1]),
                "That is the last sample's contribution alone. Add those of the other two.",
            ),
            (
                "upstream ignored",
                X.T @ np.ones((3, 3)),
                "That is what comes out if dY is 1 everywhere.",
            ),
            (
                "product of sums",
                np.outer(X.sum(0), dY.sum(0)),
                "You added up the samples first and multiplied then. Each sample pairs its own "
                "input with its own error.",
            ),
        ),
        hints=(
            f"Entry [0, 0]: the first column of X is {listed(X[:, 0])} and the first column of dY "
            f"is {listed(dY[:, 0])}. Multiply in pairs and add.",
        ),
    )


@dW_by_hand.other_numbers
def _(draw):
    dY = draw.array((-1, 1, 2, 3), 3, 3)
    dY[range(3), draw.some(range(3), 3)] = 0  # one in each row and column
    return dict(X=draw.array((-2, -1, 1, 2, 3), 3, 2), dY=dY)


def _ones_hide(X):
    ones = np.ones((2, 2))
    forgetful, right = X.T @ np.ones_like(ones), X.T @ ones
    wrong = int(np.sum(forgetful != right))
    rng = np.random.default_rng(0)
    dY = rng.normal(size=(2, 2))
    seen = int(np.sum(~np.isclose(X.T @ np.ones_like(dY), X.T @ dY)))
    return (
        f"With dY = ones: {wrong} of 4 entries are wrong. With a random dY: {seen} of 4. "
        "An upstream gradient of ones cannot tell a layer that uses dY from one that forgets "
        "it."
    )


@question(
    Predict,
    title="Predict: what an upstream of ones hides",
    answer=0,
    mistakes=(
        ("all", 4, "Put the numbers in: what is np.ones_like(dY) when dY is all ones?"),
        ("two", 2, "Put the numbers in: what is np.ones_like(dY) when dY is all ones?"),
    ),
    count=True,
)
def predict_ones(X=((1, 2), (3, 4))):
    X = np.array(X)
    return dict(
        prompt="Somebody forgets `dY` and returns `X.T @ np.ones_like(dY)` as dW. They test it "
        f"with $X = {pmatrix(X)}$ and $dY = {pmatrix(np.ones((2, 2)))}$. How many of the 4 entries "
        "of dW come out wrong?",
        reveal=lambda: _ones_hide(X),
    )


@predict_ones.other_numbers
def _(draw):
    return dict(X=np.reshape(draw.some(range(1, 10), 4), (2, 2)))


Choice(
    "why_the_batch_adds",
    title="Why the batch adds up",
    prompt="A batch of 32 samples goes through one layer. Why is dW a *sum* over the 32 samples?",
    options=(
        Option(
            "Because the loss is a mean, and a mean is a sum divided by N.",
            "The loss brings the 1/N, and dY already contains it. The sum would be there for a "
            "summed loss as well.",
        ),
        Option(
            "Because the same W was used by all 32, so a nudge of W is felt 32 times.",
            "Right: 32 paths lead from one weight to the loss, and paths add.",
            True,
        ),
        Option(
            "Because bigger gradients train faster.",
            "The learning rate sets the speed. The sum is what the derivative is.",
        ),
        Option(
            "It is not: it is an average over the 32 samples.",
            "Nudge W by hand and look at the loss: the changes of all samples add up. Any 1/N "
            "has "
            "come in with the loss.",
        ),
    ),
)


def _layer(N, D, M):
    """Arrays of a layer's shapes; no question shows their numbers."""
    rng = np.random.default_rng(5)
    shapes = {"X": (N, D), "W": (D, M), "dY": (N, M)}
    return {name: rng.integers(-3, 4, shape) for name, shape in shapes.items()}


def _other_layer(draw):
    """Sizes that differ, the same ones for both puzzles, and a square case for each."""
    N, D, M = draw.shared("layer").some((2, 3, 4, 6, 7), 3)
    entries = [e for e in range(-9, 10) if e]
    return dict(N=N, D=D, M=M, **{name: draw.array(entries, 2, 2) for name in ("X", "W", "dY")})


@question(
    ShapePuzzle,
    title="dW: which product?",
    points=2,
    target="dW",
    like="W",
    formula=lambda m: np.einsum("nd,nm->dm", m["X"], m["dY"]),
    entry=(0, 1),
    reads="how input 0 met the error at output 1, added up over the samples",
    hints=(
        "Input d and error m belong to the same sample n. Which axis of X and which of dY is n?",
        "A product pairs the columns of the left factor with the rows of the right one: there "
        "the samples have to be.",
        "In the square case: input 0 is column 0 of X, and output 1 is column 1 of dY.",
    ),
)
def place_the_transpose(
    N=5, D=3, M=2, X=((1, 2), (4, -4)), W=((-5, 3), (-4, 6)), dY=((-2, 3), (1, 4))
):
    return dict(
        prompt=f"A layer with N = {N} samples, D = {D} inputs and M = {M} outputs. Choose two "
        "factors, turned (ᵀ) or not, so that their product is dW.",
        matrices=_layer(N, D, M),
        square={"X": X, "W": W, "dY": dY},
    )


place_the_transpose.other_numbers(_other_layer)


@question(
    ShapePuzzle,
    title="dX: which product?",
    points=2,
    target="dX",
    like="X",
    formula=lambda m: np.einsum("nm,dm->nd", m["dY"], m["W"]),
    entry=(0, 1),
    reads="what the errors of sample 0 send back to input 1, each through the weight it met",
)
def place_the_other_transpose(
    N=5, D=3, M=2, X=((-3, 3), (-4, 1)), W=((2, 2), (1, 5)), dY=((-5, 6), (4, 5))
):
    return dict(
        prompt=f"The same layer, with N = {N}, D = {D} and M = {M}. Choose two factors, turned (ᵀ) "
        "or not, so that their product is dX.",
        matrices=_layer(N, D, M),
        square={"X": X, "W": W, "dY": dY},
        hints=(
            "The sum runs over the outputs m. Which axis of dY and which of W is m?",
            f"dX must be ({N}, {D}): a row for each sample, so what has to stand on the left?",
            "In the square case: the errors of sample 0 are row 0 of dY, the weights of input 1 "
            "are row 1 of W.",
        ),
    )


place_the_other_transpose.other_numbers(_other_layer)
